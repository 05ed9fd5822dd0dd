/* Expected values: R's ks.test; the exact p-value also by enumerating every split. */
#include "judge/stats/ks.h"
#include "judge/stats/random.h"
#include "tests/support.h"

#include <gsl/gsl_errno.h>
#include <math.h>

static const double x18[] = {108.9904, 101.4761, 115.7245, 104.2677, 94.5197,  93.5403,
                             91.0735,  105.9614, 85.3158,  119.0444, 116.6919, 98.2114,
                             102.3658, 97.9993,  97.226,   92.5308,  100.0513, 89.9918};
static const double y12[] = {94.0879,  104.2114, 104.7934, 101.7388, 96.815,  105.6105,
                             102.5529, 99.2579,  88.4281,  98.9588,  94.2157, 97.4522};

static void ks_reference_values(void **state)
{
    struct arena *scratch = arena_create();
    struct ks got;

    (void)state;
    ks_test(x18, 18, y12, 12, scratch, &got);
    assert_near(0.277777777777778, got.d, 1e-14);
    assert_near(0.58051251991124, got.p_exact, 1e-13);
    assert_near(0.6349894805231333, got.p_asymptotic, 1e-13);
    assert_near(got.p_asymptotic, ks_asymptotic_p(got.d, 18, 12), 0);
    assert_true(ks_asymptotic_p(got.d, 9, 6) > got.p_asymptotic);
    arena_free(scratch);
}

/* Count the splits of the pooled values into 5 and 4 with a distance as large. */
static void ks_exact_p_by_enumeration(void **state)
{
    static const double pooled[][9] = {{1, 2, 3, 4, 5, 6, 7, 8, 9},
                                       {1, 1, 2, 2, 2, 3, 4, 4, 4},
                                       {1, 1, 1, 1, 1, 1, 1, 1, 2},
                                       {0, 0, 0, 0, 0, 0, 0, 0, 0}};

    (void)state;
    for (size_t c = 0; c < sizeof(pooled) / sizeof(pooled[0]); c++) {
        struct arena *scratch = arena_create();
        double distances[512];
        unsigned n_splits = 0;

        for (unsigned split = 0; split < 512; split++) {
            double x[9], y[9];
            size_t n = 0, m = 0;
            struct ks got;

            for (unsigned i = 0; i < 9; i++)
                if (split & 1u << i)
                    x[n++] = pooled[c][i];
                else
                    y[m++] = pooled[c][i];
            if (n != 5)
                continue;
            ks_test(x, n, y, m, scratch, &got);
            distances[n_splits++] = got.d;
        }
        assert_int_equal(126, n_splits);
        for (unsigned split = 0; split < 512; split++) {
            unsigned n_extreme = 0;
            double x[9], y[9];
            size_t n = 0, m = 0;
            struct ks got;

            for (unsigned i = 0; i < 9; i++)
                if (split & 1u << i)
                    x[n++] = pooled[c][i];
                else
                    y[m++] = pooled[c][i];
            if (n != 5)
                continue;
            ks_test(x, n, y, m, scratch, &got);
            for (unsigned i = 0; i < n_splits; i++)
                n_extreme += distances[i] >= got.d - 1e-9;
            row("pool %zu, split %u", c, split);
            assert_near(n_extreme / 126.0, got.p_exact, 1e-13);
        }
        arena_free(scratch);
    }
}

static void ks_edges(void **state)
{
    static const double apart[] = {5, 6, 7, 8}, same[] = {3, 3, 3, 3};
    struct arena *scratch = arena_create();
    struct ks got;

    (void)state;
    ks_test(x18, 0, y12, 12, scratch, &got);
    assert_near(NAN, got.d, 0);
    assert_near(NAN, got.p_exact, 0);
    ks_test(x18, 18, y12, 0, scratch, &got);
    assert_near(NAN, got.d, 0);
    ks_test(apart, 1, apart + 1, 1, scratch, &got);
    assert_near(1, got.d, 0);
    assert_near(1, got.p_exact, 1e-15);
    ks_test(same, 4, same, 3, scratch, &got);
    assert_near(0, got.d, 0);
    assert_near(1, got.p_exact, 0);
    assert_near(1, got.p_asymptotic, 0);
    ks_test(same, 4, apart, 4, scratch, &got);
    assert_near(1, got.d, 0);
    assert_near(2.0 / 70, got.p_exact, 1e-15);
    arena_free(scratch);
}

/* Kolmogorov 1933's table (Smirnov 1948), and both series where they meet. */
static void ks_kolmogorov_values(void **state)
{
    (void)state;
    assert_near(1 - 0.960318, ks_kolmogorov_p(1.4), 1e-6);
    assert_near(1 - 0.036055, ks_kolmogorov_p(0.5), 1e-6);
    assert_near(ks_kolmogorov_p(1 - 1e-12), ks_kolmogorov_p(1 + 1e-12), 1e-11);
    assert_near(1, ks_kolmogorov_p(0), 0);
    assert_near(1, ks_kolmogorov_p(1e-3), 0);
    assert_near(0, ks_kolmogorov_p(40), 0);
    assert_near(NAN, ks_kolmogorov_p(NAN), 0);
}

/* Beyond a million pairs only the series is given, and before it the two agree. */
static void ks_many_points(void **state)
{
    static double x[1001], y[1000];
    struct arena *scratch = arena_create();
    uint64_t seed = 4711;
    struct ks got, scaled;

    (void)state;
    for (int i = 0; i < 1001; i++)
        x[i] = (double)random_below(&seed, 1000000) * 1.1;
    for (int i = 0; i < 1000; i++)
        y[i] = (double)random_below(&seed, 1000000);
    ks_test(x, 1000, y, 1000, scratch, &got);
    assert_near(got.p_asymptotic, got.p_exact, 0.1 * got.p_asymptotic);
    for (int i = 0; i < 1000; i++) {
        x[i] = ldexp(x[i], -37);
        y[i] = ldexp(y[i], -37);
    }
    ks_test(x, 1000, y, 1000, scratch, &scaled);
    assert_memory_equal(&got, &scaled, sizeof(got));
    ks_test(x, 1001, y, 1000, scratch, &got);
    assert_near(NAN, got.p_exact, 0);
    assert_true(got.p_asymptotic > 0);
    arena_free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ks_reference_values),
        cmocka_unit_test(ks_exact_p_by_enumeration),
        cmocka_unit_test(ks_edges),
        cmocka_unit_test(ks_kolmogorov_values),
        cmocka_unit_test(ks_many_points),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
