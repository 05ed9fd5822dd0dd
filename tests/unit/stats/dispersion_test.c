#include "judge/stats/dispersion.h"
#include "judge/stats/random.h"
#include "tests/support.h"

#include <gsl/gsl_errno.h>
#include <math.h>

#define N 8
/* Made up; expected values by the formulas in Python with the ratio found by bisection. */
static const double errors_x[N] = {3, 15, 12, 6, 9, 4, 0, 11};
static const double errors_y[N] = {6, 2, 7, 7, 3, 8, 5, 9};
static const double exposure_x[N] = {1494, 2284, 2612, 709, 1333, 981, 460, 2001};
static const double exposure_y[N] = {1985, 623, 1361, 1741, 777, 1502, 890, 1999};

static void dispersion_by_hand(void **state)
{
    struct arena *scratch = arena_create();
    struct dispersion got;
    double pearson = 0, excess = 0;

    (void)state;
    dispersion_estimate(errors_x, errors_y, exposure_x, exposure_y, N, scratch, &got);
    for (int t = 0; t < N; t++) {
        double n = errors_x[t] + errors_y[t],
               share = exposure_x[t] / (exposure_x[t] + exposure_y[t]);
        double theta = share * exp(got.log_ratio) / (1 - share + share * exp(got.log_ratio));

        excess += errors_x[t] - n * theta;
        pearson += pow(errors_x[t] - n * theta, 2) / (n * theta * (1 - theta));
    }
    assert_near(0, excess, 1e-12);
    assert_near(pearson, got.pearson, 1e-12);
    assert_near(7, got.df, 0);
    assert_near(pearson / 7, got.phi, 1e-13);
    assert_true(got.p > 0.2 && got.p < 0.9);
    assert_true(got.inflation >= 1 && got.inflation >= got.phi && got.inflation >= got.omega);
    arena_free(scratch);
}

/* What says nothing changes nothing: no events, or no exposure of a side. */
static void dispersion_drops_empty_intervals(void **state)
{
    double x[N + 3], y[N + 3], t_x[N + 3], t_y[N + 3];
    struct arena *scratch = arena_create();
    struct dispersion plain, padded;

    (void)state;
    for (int t = 0; t < N; t++) {
        x[t + 1] = errors_x[t];
        y[t + 1] = errors_y[t];
        t_x[t + 1] = exposure_x[t];
        t_y[t + 1] = exposure_y[t];
    }
    x[0] = y[0] = x[N + 2] = 0;
    t_x[0] = t_y[0] = 77;
    x[N + 1] = 5;
    y[N + 1] = 3;
    t_x[N + 1] = 0;
    t_y[N + 1] = 100;
    y[N + 2] = 2;
    t_x[N + 2] = 100;
    t_y[N + 2] = 0;
    dispersion_estimate(errors_x, errors_y, exposure_x, exposure_y, N, scratch, &plain);
    dispersion_estimate(x, y, t_x, t_y, N + 3, scratch, &padded);
    assert_memory_equal(&plain, &padded, sizeof(plain));
    for (int k = -40; k <= 40; k += 8) { /* nor does the unit of the exposure */
        for (int t = 0; t < N; t++) {
            t_x[t] = ldexp(exposure_x[t], k);
            t_y[t] = ldexp(exposure_y[t], k);
        }
        dispersion_estimate(errors_x, errors_y, t_x, t_y, N, scratch, &padded);
        row("2^%d", k);
        assert_memory_equal(&plain, &padded, sizeof(plain));
    }
    arena_free(scratch);
}

static void dispersion_without_events(void **state)
{
    static const double none[N] = {0};
    struct arena *scratch = arena_create();
    struct dispersion got;

    (void)state;
    dispersion_estimate(none, none, exposure_x, exposure_y, N, scratch, &got);
    assert_near(NAN, got.log_ratio, 0);
    assert_near(1, got.inflation, 0);
    dispersion_estimate(none, errors_y, exposure_x, exposure_y, N, scratch, &got);
    assert_near(-INFINITY, got.log_ratio, 0);
    assert_near(NAN, got.phi, 0);
    assert_near(1, got.inflation, 0);
    dispersion_estimate(errors_x, none, exposure_x, exposure_y, N, scratch, &got);
    assert_near(INFINITY, got.log_ratio, 0);
    dispersion_estimate(errors_x, errors_y, exposure_x, exposure_y, 1, scratch, &got);
    assert_near(log(3.0 / 1494 * 1985 / 6), got.log_ratio, 1e-14);
    assert_near(0, got.pearson, 1e-20);
    assert_near(NAN, got.phi, 0);
    dispersion_estimate(errors_x, errors_y, exposure_x, exposure_y, 0, scratch, &got);
    assert_near(NAN, got.log_ratio, 0);
    arena_free(scratch);
}

static double count_of(uint64_t *seed, int n, double p)
{
    int count = 0;

    for (int i = 0; i < n; i++)
        count += (double)random_below(seed, 1 << 30) < p * (1 << 30);
    return count;
}

/* Rates of each side that jump about by themselves are found out; a common one that does is not. */
static void dispersion_tells_bursts_from_a_common_rate(void **state)
{
    struct arena *scratch = arena_create();
    double x[200], y[200], t_x[200], t_y[200];
    struct dispersion common, bursts;
    uint64_t seed = 20240501;

    (void)state;
    for (int t = 0; t < 200; t++) {
        double rate = 0.01 + 0.08 * (double)random_below(&seed, 100) / 100;

        t_x[t] = 300;
        t_y[t] = 500;
        x[t] = count_of(&seed, 300, rate);
        y[t] = count_of(&seed, 500, rate);
    }
    dispersion_estimate(x, y, t_x, t_y, 200, scratch, &common);
    for (int t = 0; t < 200; t++)
        x[t] = count_of(&seed, 300, 0.01 + 0.08 * (double)random_below(&seed, 100) / 100);
    dispersion_estimate(x, y, t_x, t_y, 200, scratch, &bursts);
    assert_true(common.phi < 1.3 && common.p > 1e-3);
    assert_true(bursts.phi > 2 && bursts.p < 1e-9 && bursts.inflation >= bursts.phi);
    arena_free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dispersion_by_hand),
        cmocka_unit_test(dispersion_drops_empty_intervals),
        cmocka_unit_test(dispersion_without_events),
        cmocka_unit_test(dispersion_tells_bursts_from_a_common_rate),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
