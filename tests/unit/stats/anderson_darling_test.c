/* Expected values: SciPy's anderson_ksamp and R's kSamples (ad.test) on the same numbers. */
#include "judge/stats/anderson_darling.h"
#include "judge/stats/random.h"
#include "tests/support.h"

#include <gsl/gsl_errno.h>
#include <math.h>

/* With many ties. */
static const double x31[] = {1, 9, 8, 4, 6, 9, 3, 6, 4, 6, 2, 5, 5, 6, 4, 4,
                             7, 7, 7, 5, 5, 9, 5, 4, 4, 4, 3, 4, 9, 1, 3};
static const double y54[] = {6, 10, 1, 2, 4, 1, 5, 4, 2, 3, 1, 0, 3, 2, 5, 3, 6, 4,
                             4, 6,  0, 0, 2, 4, 5, 4, 3, 1, 1, 2, 1, 7, 3, 3, 3, 2,
                             4, 3,  5, 2, 3, 3, 1, 1, 3, 1, 1, 4, 1, 3, 2, 0, 2, 4};

static void anderson_darling_reference_values(void **state)
{
    struct arena *scratch = arena_create();
    struct anderson_darling got;

    (void)state;
    anderson_darling_test(x31, 31, y54, 54, scratch, &got);
    assert_near(14.383848228740266, got.t_midrank, 1e-10);
    assert_near(12.532413469233232, got.t_right, 1e-10);
    assert_true(got.is_p_capped);
    assert_near(0.001, got.p_midrank, 0);
    assert_near(8.8516e-07, got.p_limit_midrank, 1e-6);
    assert_near(5.1865e-06, got.p_limit_right, 3e-6);
    anderson_darling_test(y54, 54, x31, 31, scratch, &got); /* the sides are alike */
    assert_near(14.383848228740266, got.t_midrank, 1e-10);
    arena_free(scratch);
}

/* Two samples without ties whose T lies inside the table: the three p-values agree. */
static void anderson_darling_p_values_agree(void **state)
{
    struct arena *scratch = arena_create();
    struct anderson_darling got;
    double x[60], y[80];
    uint64_t seed = 99;
    double permuted;
    int n_inside = 0;

    (void)state;
    for (int shift = 0; shift < 12; shift++) {
        for (int i = 0; i < 60; i++)
            x[i] = (double)random_below(&seed, 1 << 20) + 3e4 * shift;
        for (int i = 0; i < 80; i++)
            y[i] = (double)random_below(&seed, 1 << 20);
        anderson_darling_test(x, 60, y, 80, scratch, &got);
        permuted = anderson_darling_permutation_p(x, 60, y, 80, 9999, 5, scratch);
        row("shift %d: T %g", shift, got.t_midrank);
        assert_near(permuted, got.p_limit_midrank, 0.015);
        if (!got.is_p_capped) {
            n_inside++;
            assert_near(permuted, got.p_midrank, 0.015);
        } else
            assert_near(permuted < 0.1 ? 0.001 : 0.25, got.p_midrank, 0);
        assert_near(permuted, anderson_darling_permutation_p(x, 60, y, 80, 9999, 5, scratch), 0);
    }
    assert_true(n_inside >= 3);
    arena_free(scratch);
}

static void anderson_darling_edges(void **state)
{
    static const double same[] = {3, 3, 3, 3};
    struct arena *scratch = arena_create();
    struct anderson_darling got;

    (void)state;
    anderson_darling_test(x31, 0, y54, 54, scratch, &got);
    assert_near(NAN, got.t_midrank, 0);
    anderson_darling_test(x31, 1, y54, 2, scratch, &got);
    assert_near(NAN, got.p_limit_right, 0);
    anderson_darling_test(same, 4, same, 4, scratch, &got);
    assert_near(NAN, got.t_midrank, 0);
    assert_near(NAN, anderson_darling_permutation_p(same, 4, same, 4, 99, 1, scratch), 0);
    assert_near(NAN, anderson_darling_permutation_p(same, 0, same, 4, 99, 1, scratch), 0);
    anderson_darling_test(x31, 1, y54, 3, scratch, &got);
    assert_true(isfinite(got.t_midrank) && isfinite(got.t_right));
    arena_free(scratch);
}

static void anderson_darling_does_not_depend_on_the_unit(void **state)
{
    struct arena *scratch = arena_create();
    struct anderson_darling plain, scaled;
    double x[31], y[54];

    (void)state;
    anderson_darling_test(x31, 31, y54, 54, scratch, &plain);
    for (int k = -1000; k <= 1000; k += 200) {
        for (int i = 0; i < 31; i++)
            x[i] = ldexp(x31[i], k);
        for (int i = 0; i < 54; i++)
            y[i] = ldexp(y54[i], k);
        anderson_darling_test(x, 31, y, 54, scratch, &scaled);
        row("2^%d", k);
        assert_near(plain.t_midrank, scaled.t_midrank, 0);
        assert_near(plain.t_right, scaled.t_right, 0);
        assert_near(plain.p_limit_midrank, scaled.p_limit_midrank, 0);
    }
    arena_free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anderson_darling_reference_values),
        cmocka_unit_test(anderson_darling_p_values_agree),
        cmocka_unit_test(anderson_darling_edges),
        cmocka_unit_test(anderson_darling_does_not_depend_on_the_unit),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
