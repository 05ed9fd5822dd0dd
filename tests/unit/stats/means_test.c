/* Welch, two one-sided tests, effect sizes, power and adjusted p-values. Reference values run in
 * tests/e2e/test_stats.py; here are numbers found by hand, relations between the functions, scaling
 * and degenerate samples. */
#include "judge/stats/adjust.h"
#include "judge/stats/distribution.h"
#include "judge/stats/effects.h"
#include "judge/stats/long_run.h"
#include "judge/stats/power.h"
#include "judge/stats/welch.h"
#include "tests/support.h"

#include <gsl/gsl_errno.h>
#include <math.h>

static const double x[] = {104.7, 99.3, 112.9, 108.1, 101.8, 97.4};
static const double y[] = {98.2, 103.5, 91.6, 95.9};

static double scaled_p(int exponent, struct welch *test, struct effects *effects,
                       struct arena *arena)
{
    double far_x[6], far_y[4];

    for (int i = 0; i < 6; i++)
        far_x[i] = ldexp(x[i], exponent);
    for (int i = 0; i < 4; i++)
        far_y[i] = ldexp(y[i], exponent);
    welch_test(far_x, 6, far_y, 4, ALTERNATIVE_TWO_SIDED, 0.05, arena, test);
    effects_compute(far_x, 6, far_y, 4, 0.05, arena, effects);
    return test->p;
}

static void the_unit_changes_no_digit(void **state)
{
    static const int exponents[] = {-1010, -40, -3, 1, 40, 1010};
    struct arena *arena = arena_create();
    struct welch want, got;
    struct effects want_effects, effects;
    double p = scaled_p(0, &want, &want_effects, arena);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(exponents); i++) {
        int e = exponents[i];

        row("times 2^%d", e);
        assert_near(p, scaled_p(e, &got, &effects, arena), 0);
        assert_near(want.t, got.t, 0);
        assert_near(want.df, got.df, 0);
        assert_near(ldexp(want.lower, e), got.lower, 0);
        assert_near(want_effects.cohen_d, effects.cohen_d, 0);
        assert_near(want_effects.log_ratio_upper, effects.log_ratio_upper, 0);
    }
    arena_free(arena);
}

static void one_sided_tests_are_halves_of_the_two_sided_one(void **state)
{
    struct arena *arena = arena_create();
    struct welch both, less, greater;

    (void)state;
    welch_test(x, 6, y, 4, ALTERNATIVE_TWO_SIDED, 0.04, arena, &both);
    welch_test(x, 6, y, 4, ALTERNATIVE_LESS, 0.02, arena, &less);
    welch_test(x, 6, y, 4, ALTERNATIVE_GREATER, 0.02, arena, &greater);
    assert_near(both.p / 2, greater.p, 1e-15);
    assert_near(1 - both.p / 2, less.p, 1e-15);
    assert_near(both.upper, less.upper, 1e-11);
    assert_near(both.lower, greater.lower, 1e-11);
    assert_near(-INFINITY, less.lower, 0);
    assert_near(INFINITY, greater.upper, 0);
    arena_free(arena);
}

/* The p of the interval's own end is the level. */
static void equivalence_turns_where_the_interval_ends(void **state)
{
    struct arena *arena = arena_create();
    struct tost test, at_end;

    (void)state;
    tost_welch(x, 6, y, 4, -20, 20, 0.05, arena, &test);
    assert_true(test.is_equivalent);
    tost_welch(x, 6, y, 4, -20, test.upper, 0.05, arena, &at_end);
    assert_near(0.05, at_end.p, 1e-12);
    assert_near(at_end.p_upper, at_end.p, 0);
    tost_welch(x, 6, y, 4, -20, test.upper - 0.01, 0.05, arena, &test);
    assert_false(test.is_equivalent);
    arena_free(arena);
}

static void samples_without_variance(void **state)
{
    static const double same[] = {0.1, 0.1, 0.1}, higher[] = {0.3, 0.3, 0.3};
    struct arena *arena = arena_create();
    struct welch test;
    struct tost tost;
    struct effects effects;

    (void)state;
    welch_test(same, 3, same, 2, ALTERNATIVE_TWO_SIDED, 0.05, arena, &test);
    assert_near(1, test.p, 0);
    assert_near(0, test.upper, 0);
    welch_test(same, 3, same, 2, ALTERNATIVE_LESS, 0.05, arena, &test);
    assert_near(1, test.p, 0);
    welch_test(higher, 3, same, 3, ALTERNATIVE_TWO_SIDED, 0.05, arena, &test);
    assert_near(0, test.p, 0);
    assert_near(test.diff, test.lower, 0);
    welch_test(higher, 3, same, 3, ALTERNATIVE_LESS, 0.05, arena, &test);
    assert_near(1, test.p, 0);
    tost_welch(higher, 3, same, 3, -1, 1, 0.05, arena, &tost);
    assert_near(0, tost.p, 0);
    assert_true(tost.is_equivalent);
    tost_welch(higher, 3, same, 3, -0.1, 0.1, 0.05, arena, &tost);
    assert_near(1, tost.p, 0);
    effects_compute(higher, 3, same, 3, 0.05, arena, &effects);
    assert_near(NAN, effects.cohen_d, 0);
    assert_near(3, effects.mean_ratio, 1e-15);
    assert_near(1, effects.cles, 0);
    arena_free(arena);
}

static void too_few_points(void **state)
{
    struct arena *arena = arena_create();
    struct welch test;
    struct effects effects;

    (void)state;
    welch_test(x, 1, y, 4, ALTERNATIVE_TWO_SIDED, 0.05, arena, &test);
    assert_near(NAN, test.p, 0);
    assert_near(NAN, test.lower, 0);
    welch_test(x, 0, y, 0, ALTERNATIVE_TWO_SIDED, 0.05, arena, &test);
    assert_near(NAN, test.diff, 0);
    effects_compute(x, 0, y, 4, 0.05, arena, &effects);
    assert_near(NAN, effects.cles, 0);
    assert_near(NAN, effects.mean_ratio, 0);
    effects_compute(x, 1, y, 1, 0.05, arena, &effects);
    assert_near(NAN, effects.hedges_g, 0);
    assert_near(x[0] / y[0], effects.mean_ratio, 1e-15);
    assert_near(NAN, effects.log_ratio_lower, 0);
    arena_free(arena);
}

static void power_at_its_ends(void **state)
{
    (void)state;
    assert_near(0.02, power_t(30, 0, 0.02), 1e-12);
    assert_near(1, power_t(30, 50, 0.02), 1e-12);
    assert_near(1, power_t(30, 1e6, 0.02), 0);
    assert_near(power_t(12, 0.7, 0.05), power_t(12, -0.7, 0.05), 1e-14);
    assert_near(NAN, power_t(1, 1, 0.05), 0);
    /* normal in the limit */
    assert_near(0.8, power_t(100000, power_mde_normal(100000, 0.02, 0.8), 0.02), 1e-5);
    assert_near((2.3263478740408408 + 0.8416212335729143) * sqrt(2 / 60.0),
                power_mde_normal(60, 0.02, 0.8), 1e-12);
}

static void points_needed_are_the_fewest(void **state)
{
    static const double deltas[] = {0.05, 0.31, 1, 7.7, 1e5};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(deltas); i++) {
        size_t n = power_points_needed(4.2, deltas[i], 0.02, 0.8);

        row("delta %g, %zu points", deltas[i], n);
        assert_true(n >= 1);
        assert_true(power_mde_har(4.2, n, (double)long_run_nu(n), 0.02, 0.8) <= deltas[i]);
        if (n > 1)
            assert_true(power_mde_har(4.2, n - 1, (double)long_run_nu(n - 1), 0.02, 0.8) >
                        deltas[i]);
    }
    assert_int_equal(0, power_points_needed(4.2, 0, 0.02, 0.8));
    assert_int_equal(0, power_points_needed(4.2, 1e-9, 0.02, 0.8));
    assert_int_equal(0, power_points_needed(NAN, 1, 0.02, 0.8));
}

/* By hand, from the definitions: 0.04 is last of 4, the two of 0.01 share a value. */
static void adjusted_by_hand(void **state)
{
    static const double p[] = {0.04, 0.01, 0.03, 0.01};
    static const struct {
        const char *name;
        enum adjust_method method;
        double want[4];
    } cases[] = {
        {"BH", ADJUST_BH, {0.04, 0.02, 0.04, 0.02}},
        {"Holm", ADJUST_HOLM, {0.06, 0.04, 0.06, 0.04}},
        {"BY", ADJUST_BY, {0.04 * 25 / 12, 0.02 * 25 / 12, 0.04 * 25 / 12, 0.02 * 25 / 12}},
        {"Hochberg", ADJUST_HOCHBERG, {0.04, 0.03, 0.04, 0.03}},
        {"Bonferroni", ADJUST_BONFERRONI, {0.16, 0.04, 0.12, 0.04}},
    };
    struct arena *arena = arena_create();
    double got[4] = {0.04, 0.01, 0.03, 0.01};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        row("%s", cases[i].name);
        adjust_p_values(p, 4, cases[i].method, arena, got);
        for (size_t k = 0; k < 4; k++)
            assert_near(cases[i].want[k], got[k], 1e-15);
        adjust_p_values(p, 0, cases[i].method, arena, got);
        adjust_p_values((double[]){1}, 1, cases[i].method, arena, got);
        assert_near(1, got[0], 0);
    }
    arena_free(arena);
}

/* What GSL would abort on, or answer with a NaN. */
static void conventions_for_what_does_not_exist(void **state)
{
    (void)state;
    assert_near(0, p_two_sided_t(INFINITY, NAN), 0);
    assert_near(0, p_two_sided_t(-INFINITY, 5), 0);
    assert_near(1, p_two_sided_t(0, NAN), 0);
    assert_near(NAN, p_two_sided_t(1, NAN), 0);
    assert_near(NAN, p_two_sided_t(NAN, 5), 0);
    assert_near(0, p_two_sided_t(1e200, 40), 0); /* below 1e-300 */
    assert_near(0, p_value(9e-301), 0);
    assert_near(1e-300, p_value(1e-300), 0);
    assert_near(0, t_statistic(0, 0), 0);
    assert_near(-INFINITY, t_statistic(-2, 0), 0);
    assert_near(NAN, t_quantile_two_sided(0.02, NAN), 0);
    assert_near(NAN, t_quantile_two_sided(0, 5), 0);
    assert_near(NAN, satterthwaite_df(0, 3, 0, 4), 0);
    assert_near(4, satterthwaite_df(0, 0, 1e-320, 4), 0);
    assert_near(7, satterthwaite_df(1e-300, 3.5, 1e-300, 3.5), 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_unit_changes_no_digit),
        cmocka_unit_test(one_sided_tests_are_halves_of_the_two_sided_one),
        cmocka_unit_test(equivalence_turns_where_the_interval_ends),
        cmocka_unit_test(samples_without_variance),
        cmocka_unit_test(too_few_points),
        cmocka_unit_test(power_at_its_ends),
        cmocka_unit_test(points_needed_are_the_fewest),
        cmocka_unit_test(adjusted_by_hand),
        cmocka_unit_test(conventions_for_what_does_not_exist),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
