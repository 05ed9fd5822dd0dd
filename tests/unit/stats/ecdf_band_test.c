#include "judge/sort.h"
#include "judge/stats/ecdf_band.h"
#include "judge/stats/random.h"
#include "tests/support.h"

#include <gsl/gsl_errno.h>
#include <math.h>

/* Closed form, by R. */
static void ecdf_band_radius_reference_values(void **state)
{
    (void)state;
    assert_near(0.207072872853298, ecdf_band_radius(180, 0.025), 1e-14);
    assert_near(0.0208045236542698, ecdf_band_radius(20000, 0.01), 1e-15);
    assert_near(NAN, ecdf_band_radius(0, 0.01), 0);
    assert_near(NAN, ecdf_band_radius(10, 0), 0);
    assert_near(NAN, ecdf_band_radius(10, NAN), 0);
    assert_true(ecdf_band_radius(1, 0.01) > 1);
}

static void ecdf_band_quantiles_by_hand(void **state)
{
    static const double x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    double lower, upper;

    (void)state;
    /* F_n - 0.25 .. F_n + 0.25: F(2) <= 0.45, F(3-) <= 0.45 and F(8) >= 0.55 */
    ecdf_band_quantile(x, 10, 0.5, 0.25, &lower, &upper);
    assert_near(3, lower, 0);
    assert_near(8, upper, 0);
    ecdf_band_quantile(x, 10, 0.95, 0.25, &lower, &upper);
    assert_near(7, lower, 0);
    assert_near(INFINITY, upper, 0);
    ecdf_band_quantile(x, 10, 0.05, 0.25, &lower, &upper);
    assert_near(-INFINITY, lower, 0);
    assert_near(3, upper, 0);
    ecdf_band_quantile(x, 10, 0.5, 2, &lower, &upper);
    assert_near(-INFINITY, lower, 0);
    assert_near(INFINITY, upper, 0);
    ecdf_band_quantile(x, 0, 0.5, 0.1, &lower, &upper);
    assert_near(-INFINITY, lower, 0);
    assert_near(INFINITY, upper, 0);
}

static void ecdf_band_compares_two_samples(void **state)
{
    static double x[4000], y[4000];
    struct arena *scratch = arena_create();
    struct ecdf_band_comparison got;
    uint64_t seed = 3;
    double lower, upper;

    (void)state;
    for (int i = 0; i < 4000; i++) {
        x[i] = (double)random_below(&seed, 1 << 20);
        y[i] = (double)random_below(&seed, 1 << 20);
    }
    ecdf_band_compare(x, 4000, y, 4000, 0.05, scratch, &got);
    assert_false(got.is_alarm);
    assert_near(ecdf_band_radius(4000, 0.025), got.radius_x, 0);
    for (int i = 0; i < 4000; i++)
        x[i] += 3e5;
    ecdf_band_compare(x, 4000, y, 3000, 0.05, scratch, &got);
    assert_true(got.is_alarm && got.distance > 0.25 && got.radius_y > got.radius_x);
    sort_doubles(x, 4000, x, scratch);
    sort_doubles(y, 4000, y, scratch);
    ecdf_band_quantile_difference(x, 4000, y, 4000, 0.5, 0.05, &lower, &upper);
    assert_true(lower > 1e5 && lower < 3e5 && upper > 3e5 && upper < 5e5);
    ecdf_band_quantile_difference(x, 4000, y, 4000, 0.999, 0.05, &lower, &upper);
    assert_near(-INFINITY, lower, 0);
    assert_near(INFINITY, upper, 0);
    arena_free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ecdf_band_radius_reference_values),
        cmocka_unit_test(ecdf_band_quantiles_by_hand),
        cmocka_unit_test(ecdf_band_compares_two_samples),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
