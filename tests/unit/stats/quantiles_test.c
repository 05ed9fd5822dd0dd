/* Expected values: R's quantile(type = 7), Hmisc's hdquantile, SciPy's mjci. */
#include "judge/stats/quantiles.h"
#include "judge/stats/random.h"
#include "tests/support.h"

#include <gsl/gsl_errno.h>
#include <math.h>

/* Forty counts, sorted. */
static const double counts[] = {0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4,
                                4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6, 6, 6, 7};

static void harrell_davis_reference_values(void **state)
{
    (void)state;
    assert_near(3.74890623843272, quantile_harrell_davis(counts, 40, 0.5), 1e-12);
    assert_near(5.57018193787585, quantile_harrell_davis(counts, 40, 0.9), 1e-12);
    assert_near(6.16471463064236, quantile_harrell_davis(counts, 40, 0.95), 1e-12);
    assert_near(6.87771427495333, quantile_harrell_davis(counts, 40, 0.99), 1e-12);
    assert_near(3.1, quantile_harrell_davis((const double[]){3.1}, 1, 0.3), 1e-15);
    assert_near(NAN, quantile_harrell_davis(counts, 0, 0.5), 0);
    assert_near(NAN, quantile_harrell_davis(counts, 40, 0), 0);
    assert_near(NAN, quantile_harrell_davis(counts, 40, 1), 0);
    assert_near(NAN, quantile_harrell_davis(counts, 40, NAN), 0);
}

/* n = 5, p = 1/2: k = 3, weights I_{i/5}(2, 2) - I_{(i-1)/5}(2, 2) with I_x(2, 2) = 3 x^2 - 2 x^3.
 */
static void maritz_jarrett_by_hand(void **state)
{
    static const double x[] = {1.3, 2.7, 3.1, 7.7, 9.2};
    double mean = 0, squares = 0, scaled[5];

    (void)state;
    for (int i = 0; i < 5; i++) {
        double a = i / 5.0, b = (i + 1) / 5.0;
        double weight = 3 * b * b - 2 * b * b * b - (3 * a * a - 2 * a * a * a);

        mean += weight * x[i];
        squares += weight * x[i] * x[i];
    }
    assert_near(sqrt(squares - mean * mean), quantile_maritz_jarrett_se(x, 5, 0.5), 1e-13);
    for (int k = -1070; k <= 1020; k += 110) {
        for (int i = 0; i < 5; i++)
            scaled[i] = ldexp(ceil(x[i]), k);
        row("2^%d", k);
        assert_near(quantile_maritz_jarrett_se((const double[]){2, 3, 4, 8, 10}, 5, 0.5),
                    ldexp(quantile_maritz_jarrett_se(scaled, 5, 0.5), -k), k < -1000 ? 0.1 : 0);
    }
    assert_near(NAN, quantile_maritz_jarrett_se(x, 5, 0.9), 0); /* k = 5 = n */
    assert_near(NAN, quantile_maritz_jarrett_se(x, 5, 0.1), 0); /* k = 1 */
    assert_near(NAN, quantile_maritz_jarrett_se(x, 0, 0.5), 0);
    assert_near(0, quantile_maritz_jarrett_se((const double[]){4, 4, 4, 4}, 4, 0.5), 0);
}

static void type7_between_neighbours(void **state)
{
    static const double x[] = {1.5, 2.25, 7.125, 9.75};

    (void)state;
    assert_near(1.5, quantile_type7(x, 4, 0), 0);
    assert_near(9.75, quantile_type7(x, 4, 1), 0);
    assert_near(4.6875, quantile_type7(x, 4, 0.5), 0);
    assert_near(1.725, quantile_type7(x, 4, 0.1), 1e-15);
    assert_near(1.5, quantile_type7(x, 1, 0.7), 0);
    assert_near(NAN, quantile_type7(x, 4, 1.01), 0);
    assert_near(NAN, quantile_type7(x, 0, 0.5), 0);
}

static void quantile_points_needed(void **state)
{
    (void)state;
    assert_true(quantile_has_enough_points(100, 0.95));
    assert_false(quantile_has_enough_points(99, 0.95));
    assert_true(quantile_has_enough_points(500, 0.99));
    assert_false(quantile_has_enough_points(499, 0.99));
    assert_true(quantile_has_enough_points(10, 0.5));
    assert_false(quantile_has_enough_points(1000, 1));
}

static void quantile_difference_of_two_series(void **state)
{
    struct arena *scratch = arena_create();
    struct quantile_difference got, scaled;
    double x[240], y[240];
    uint64_t seed = 31;

    (void)state;
    for (int i = 0; i < 240; i++) {
        x[i] = 150 + (double)random_below(&seed, 1000) / 10;
        y[i] = 100 + (double)random_below(&seed, 1000) / 10;
    }
    quantile_difference_test(x, 240, y, 240, 0.95, 0.02, scratch, &got);
    assert_near(50, got.difference, 5);
    assert_near(got.q_x - got.q_y, got.difference, 0);
    assert_true(got.p < 1e-9 && got.lower > 0 && got.upper > got.difference);
    assert_near(2.3263478740408408 * got.difference / got.z, got.upper - got.difference, 1e-9);
    assert_true(got.inflation_x >= 1 && got.inflation_y >= 1);
    for (int i = 0; i < 240; i++) {
        x[i] = ldexp(x[i], -33);
        y[i] = ldexp(y[i], -33);
    }
    quantile_difference_test(x, 240, y, 240, 0.95, 0.02, scratch, &scaled);
    assert_near(got.z, scaled.z, 0);
    assert_near(got.p, scaled.p, 0);
    assert_near(ldexp(got.lower, -33), scaled.lower, 0);

    /* In long runs a quantile is known less well than in the same points shuffled. */
    for (int i = 0; i < 240; i++)
        x[i] = 100 + 40 * sin(i / 12.0) + (double)random_below(&seed, 10);
    quantile_difference_test(x, 240, y, 240, 0.5, 0.02, scratch, &got);
    assert_true(got.inflation_x > 3);

    for (int i = 0; i < 240; i++)
        x[i] = y[i] = 7.5;
    quantile_difference_test(x, 240, y, 240, 0.5, 0.02, scratch, &got);
    assert_near(0, got.z, 0);
    assert_near(1, got.p, 0);
    quantile_difference_test(x, 3, y, 240, 0.95, 0.02, scratch, &got);
    assert_near(NAN, got.z, 0);
    assert_near(NAN, got.p, 0);
    assert_near(NAN, got.upper, 0);
    quantile_difference_test(x, 0, y, 0, 0.95, 0.02, scratch, &got);
    assert_near(NAN, got.p, 0);
    arena_free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(harrell_davis_reference_values),
        cmocka_unit_test(maritz_jarrett_by_hand),
        cmocka_unit_test(type7_between_neighbours),
        cmocka_unit_test(quantile_points_needed),
        cmocka_unit_test(quantile_difference_of_two_series),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
