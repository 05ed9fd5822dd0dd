#include "judge/stats/bootstrap.h"
#include "judge/stats/random.h"
#include "tests/support.h"

#include <gsl/gsl_errno.h>
#include <math.h>

#define N 120

static double uniform(uint64_t *seed)
{
    return (double)random_below(seed, 1 << 30) / (1 << 30);
}

/* About normal: twelve uniform numbers. */
static double normal(uint64_t *seed)
{
    double sum = -6;

    for (int i = 0; i < 12; i++)
        sum += uniform(seed);
    return sum;
}

static struct bootstrap_settings settings_of(bool is_paired)
{
    return (struct bootstrap_settings){
        .is_paired = is_paired, .n_samples = 999, .seed = 42, .alpha = 0.05};
}

static void block_rule(void **state)
{
    (void)state;
    assert_int_equal(1, bootstrap_block(0, 100));
    /* phi 0.5: 6 * 0.25 / 0.5625 = 2.667; its cube root times that of 100: 6.44 */
    assert_int_equal(7, bootstrap_block(0.5, 100));
    assert_int_equal(25, bootstrap_block(0.97, 100));
    assert_int_equal(1, bootstrap_block(0.97, 3));
}

/* Without autocorrelation the bootstrap's error is the textbook's. */
static void bootstrap_of_independent_points(void **state)
{
    struct arena *scratch = arena_create();
    struct bootstrap_settings settings = settings_of(false);
    struct bootstrap got, again, scaled;
    double x[N], y[N], shifted[N];
    double mean_x = 0, mean_y = 0, squares = 0, wanted;
    uint64_t seed = 7;

    (void)state;
    for (int i = 0; i < N; i++) {
        x[i] = 100 + 10 * normal(&seed);
        y[i] = 100 + 10 * normal(&seed);
        mean_x += x[i] / N;
        mean_y += y[i] / N;
    }
    for (int i = 0; i < N; i++)
        squares += pow(x[i] - mean_x, 2) + pow(y[i] - mean_y, 2);
    wanted = squares / (N - 1); /* N times the variance of the difference */
    bootstrap_difference(x, N, y, N, bootstrap_mean_difference, NULL, &settings, scratch, &got);
    assert_near(mean_x - mean_y, got.estimate, 1e-10);
    assert_near(wanted, got.omega_boot, 0.2 * wanted);
    assert_true(got.lower < got.estimate && got.estimate < got.upper);
    assert_true(got.p_value > 0.01);
    assert_near(NAN, got.scaled_lower, 0);
    bootstrap_difference(x, N, y, N, bootstrap_mean_difference, NULL, &settings, scratch, &again);
    assert_memory_equal(&got, &again, sizeof(got));
    for (int i = 0; i < N; i++) {
        shifted[i] = ldexp(x[i], -20);
        y[i] = ldexp(y[i], -20);
    }
    bootstrap_difference(shifted, N, y, N, bootstrap_mean_difference, NULL, &settings, scratch,
                         &scaled);
    assert_near(got.p_value, scaled.p_value, 0);
    assert_near(ldexp(got.upper, -20), scaled.upper, 0);
    for (int i = 0; i < N; i++) {
        shifted[i] = x[i] + 20;
        y[i] = ldexp(y[i], 20);
    }
    bootstrap_difference(shifted, N, y, N, bootstrap_mean_difference, NULL, &settings, scratch,
                         &got);
    assert_near(0.001, got.p_value, 0);
    assert_true(got.lower > 0);
    arena_free(scratch);
}

/* What both series share cancels when they are resampled together, and only then. */
static void bootstrap_keeps_pairs_together(void **state)
{
    struct arena *scratch = arena_create();
    struct bootstrap_settings settings = settings_of(true);
    struct bootstrap paired, unpaired;
    double x[N], y[N];
    uint64_t seed = 8;

    (void)state;
    for (int i = 0; i < N; i++) {
        double both = 50 * sin(i / 10.0);

        x[i] = both + normal(&seed) + 1;
        y[i] = both + normal(&seed);
    }
    bootstrap_difference(x, N, y, N, bootstrap_mean_difference, NULL, &settings, scratch, &paired);
    settings.is_paired = false;
    bootstrap_difference(x, N, y, N, bootstrap_mean_difference, NULL, &settings, scratch,
                         &unpaired);
    assert_near(0.001, paired.p_value, 0);
    assert_true(unpaired.p_value > 0.5);
    assert_true(unpaired.block_x > 3 * paired.block_x);
    arena_free(scratch);
}

static void bootstrap_scaled_to_har(void **state)
{
    struct arena *scratch = arena_create();
    struct bootstrap_settings settings = settings_of(false);
    struct bootstrap got;
    double x[N], y[N];
    uint64_t seed = 9;

    (void)state;
    for (int i = 0; i < N; i++) {
        x[i] = normal(&seed);
        y[i] = 3 * normal(&seed) + 3;
    }
    settings.omega_har = 1;
    bootstrap_difference(x, N, y, N, bootstrap_mean_difference, NULL, &settings, scratch, &got);
    assert_true(got.estimate < -1.5);
    assert_near(1 / sqrt(got.omega_boot),
                (got.estimate - got.scaled_lower) / (got.estimate - got.lower), 1e-12);
    assert_near(1 / sqrt(got.omega_boot),
                (got.scaled_upper - got.estimate) / (got.upper - got.estimate), 1e-12);
    arena_free(scratch);
}

static double undecided(double *x, size_t n, double *y, size_t m, void *ctx)
{
    int *n_calls = ctx;

    (void)n;
    (void)m;
    return (*n_calls)++ % 2 ? NAN : x[0] - y[0];
}

static void bootstrap_edges(void **state)
{
    static const double same[] = {4, 4, 4, 4}, more[] = {5, 5, 5};
    struct arena *scratch = arena_create();
    struct bootstrap_settings settings = settings_of(false);
    struct bootstrap got;
    int n_calls = 0;

    (void)state;
    bootstrap_difference(same, 1, more, 3, bootstrap_mean_difference, NULL, &settings, scratch,
                         &got);
    assert_near(NAN, got.p_value, 0);
    bootstrap_difference(same, 4, same, 4, bootstrap_mean_difference, NULL, &settings, scratch,
                         &got);
    assert_near(1, got.p_value, 0);
    assert_near(0, got.upper, 0);
    settings.omega_har = 2;
    bootstrap_difference(same, 4, more, 3, bootstrap_mean_difference, NULL, &settings, scratch,
                         &got);
    assert_near(0.001, got.p_value, 0);
    assert_near(-1, got.lower, 0);
    assert_near(NAN, got.scaled_upper, 0);
    settings.is_paired = true;
    bootstrap_difference(same, 4, more, 3, bootstrap_mean_difference, NULL, &settings, scratch,
                         &got);
    assert_near(NAN, got.p_value, 0);
    settings.is_paired = false;
    bootstrap_difference(same, 4, more, 3, undecided, &n_calls, &settings, scratch, &got);
    assert_near(1.0 / 500, got.p_value, 1e-15); /* every other resample counts */
    n_calls = 1;
    bootstrap_difference(same, 4, more, 3, undecided, &n_calls, &settings, scratch, &got);
    assert_near(NAN, got.p_value, 0);
    arena_free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_rule),
        cmocka_unit_test(bootstrap_of_independent_points),
        cmocka_unit_test(bootstrap_keeps_pairs_together),
        cmocka_unit_test(bootstrap_scaled_to_har),
        cmocka_unit_test(bootstrap_edges),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
