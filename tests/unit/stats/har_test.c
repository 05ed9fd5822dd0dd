/* Reference values of the tests run in tests/e2e/test_stats.py. Here: an independent evaluation of
 * the formulas from their definition, exactness under scaling, and degenerate samples. */
#include "judge/stats/har.h"

#include "judge/stats/drift.h"
#include "judge/stats/ranks.h"
#include "tests/support.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N 57
#define M 41
#define ALPHA 0.02

static void fill(double *out, size_t n, double level, uint64_t seed)
{
    double memory = 0;

    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        memory = 0.6 * memory + (double)(seed >> 40) * 0x1p-24 - 0.5;
        out[i] = level + 7 * memory;
    }
}

/* The definition in long_run.h, term by term. */
static void long_run_from_its_definition(void **state)
{
    static const size_t sizes[] = {2, 3, 4, 5, 20, 57, 180};
    struct arena *arena = arena_create();
    double u[180];

    (void)state;
    fill(u, 180, 50, 11);
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        size_t n = sizes[s];
        double size = (double)n, mean = 0, squares = 0, products = 0, omega0 = 0, b = 0, phi;
        struct long_run got;

        row("%zu points", n);
        for (size_t t = 0; t < n; t++)
            mean += u[t] / size;
        for (size_t t = 0; t < n; t++) {
            squares += (u[t] - mean) * (u[t] - mean);
            products += t ? (u[t] - mean) * (u[t - 1] - mean) : 0;
        }
        long_run_variance(u, n, arena, &got);
        phi = products / squares + (1 + 3 * products / squares) / size;
        phi = fmin(fmax(phi, 0), 0.97);
        for (size_t j = 1; j <= got.nu; j++) {
            double projection = 0;

            for (size_t t = 1; t <= n; t++)
                projection += (u[t - 1] - mean) * cos(M_PI * (double)j * ((double)t - 0.5) / size);
            omega0 += 2 / size * projection * projection / (double)got.nu;
            b += (1 - phi) * (1 - phi) / (1 - 2 * phi * cos(M_PI * (double)j / size) + phi * phi) /
                 (double)got.nu;
        }
        assert_near(mean, got.mean, 1e-12 * mean);
        assert_near(products / squares, got.phi, 1e-12);
        assert_near(phi, got.phi_corrected, 1e-12);
        assert_near(omega0, got.omega0, 1e-11 * squares);
        assert_near(b, got.b, 1e-12);
        assert_near(omega0 / b, got.omega, 1e-11 * squares);
        assert_near(fmax(1, got.omega / (squares / (size - 1))), got.vif, 1e-9);
        assert_near(size / got.vif, got.n_eff, 1e-9);
    }
    arena_free(arena);
}

static void degrees_of_freedom(void **state)
{
    (void)state;
    assert_int_equal(2, long_run_nu(0));
    assert_int_equal(3, long_run_nu(30));
    assert_int_equal(6, long_run_nu(60));
    assert_int_equal(9, long_run_nu(120));
    assert_int_equal(13, long_run_nu(180));
    assert_int_equal(41, long_run_nu(1000)); /* 0.41 * 100, although pow() says 99.99.. */
    assert_int_equal(883, long_run_nu(100000));
}

static void a_constant_series_has_no_variance(void **state)
{
    struct arena *arena = arena_create();
    double u[] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1};
    struct long_run run;
    double q, p;

    (void)state;
    for (size_t n = 0; n <= ARRAY_LEN(u); n++) {
        row("%zu points", n);
        long_run_variance(u, n, arena, &run);
        assert_near(n ? 0.1 : NAN, run.mean, 0);
        assert_near(0, run.omega, 0);
        assert_near(0, run.phi_corrected, 0);
        assert_near(1, run.vif, 0);
        assert_near((double)n, run.n_eff, 0);
        ljung_box(u, n, 3, arena, &q, &p);
        assert_near(NAN, q, 0);
        assert_near(NAN, p, 0);
    }
    arena_free(arena);
}

struct all_tests {
    struct har_test mean, mean_unpaired, ratio, ratio_unpaired, rank, rank_unpaired, before;
    struct har_shift shift, shift_unpaired;
    struct drift drift;
};

static struct all_tests run_all(const double *x, const double *y, int exponent, struct arena *arena)
{
    double far_x[N], far_y[N], d[N];
    struct all_tests out;
    struct long_run run;

    for (size_t i = 0; i < N; i++) {
        far_x[i] = ldexp(x[i], exponent);
        far_y[i] = ldexp(y[i], exponent);
        d[i] = far_x[i] - far_y[i];
    }
    har_mean_paired(far_x, far_y, N, ALPHA, arena, &out.mean);
    har_mean_unpaired(far_x, N, far_y, M, ALPHA, arena, &out.mean_unpaired);
    har_ratio_paired(far_x, far_y, N, ALPHA, arena, &out.ratio);
    har_ratio_unpaired(far_x, N, far_y, M, ALPHA, arena, &out.ratio_unpaired);
    har_rank_paired(far_x, far_y, N, ALPHA, arena, &out.rank, &out.shift);
    har_rank_unpaired(far_x, N, far_y, M, ALPHA, arena, &out.rank_unpaired, &out.shift_unpaired);
    difference_in_differences(far_x, far_y, N, far_y, far_x, M, ALPHA, arena, &out.before);
    long_run_variance(d, N, arena, &run);
    drift_test(d, N, run.omega, arena, &out.drift);
    return out;
}

static void compare_scaled(const struct har_test *want, const struct har_test *got, int exponent)
{
    assert_near(want->t, got->t, 0);
    assert_near(want->df, got->df, 0);
    assert_near(want->p, got->p, 0);
    assert_near(ldexp(want->effect, exponent), got->effect, 0);
    assert_near(ldexp(want->se, exponent), got->se, 0);
    assert_near(ldexp(want->lower, exponent), got->lower, 0);
    assert_near(ldexp(want->upper, exponent), got->upper, 0);
    assert_near(want->run.phi, got->run.phi, 0);
    assert_near(want->run.vif, got->run.vif, 0);
}

static void compare_shift(const struct har_shift *want, const struct har_shift *got, int exponent)
{
    assert_true(want->k == got->k);
    assert_near(want->sigma_u, got->sigma_u, 0);
    assert_near(ldexp(want->estimate, exponent), got->estimate, 0);
    assert_near(ldexp(want->lower, exponent), got->lower, 0);
    assert_near(ldexp(want->upper, exponent), got->upper, 0);
}

static void the_unit_changes_no_digit(void **state)
{
    static const int exponents[] = {-1000, -900, 900, 1000};
    struct arena *arena = arena_create();
    double x[N], y[N];
    struct all_tests want;

    (void)state;
    fill(x, N, 101, 1);
    fill(y, N, 100, 2);
    want = run_all(x, y, 0, arena);
    for (int i = -40; i <= 40 + (int)ARRAY_LEN(exponents); i++) {
        int e = i <= 40 ? i : exponents[i - 41];
        struct all_tests got = run_all(x, y, e, arena);

        row("times 2^%d", e);
        compare_scaled(&want.mean, &got.mean, e);
        compare_scaled(&want.mean_unpaired, &got.mean_unpaired, e);
        compare_scaled(&want.before, &got.before, e);
        compare_scaled(&want.ratio, &got.ratio, 0);
        compare_scaled(&want.ratio_unpaired, &got.ratio_unpaired, 0);
        compare_scaled(&want.rank, &got.rank, 0);
        compare_scaled(&want.rank_unpaired, &got.rank_unpaired, 0);
        compare_shift(&want.shift, &got.shift, e);
        compare_shift(&want.shift_unpaired, &got.shift_unpaired, e);
        if (abs(e) <= 40) { /* beyond, omega itself is no double */
            assert_near(want.drift.k, got.drift.k, 0);
            assert_near(want.drift.p, got.drift.p, 0);
        }
        assert_int_equal(want.drift.at, e < -40 || e > 40 ? want.drift.at : got.drift.at);
    }
    arena_free(arena);
}

static void swapping_the_sides_mirrors_the_result(void **state)
{
    struct arena *arena = arena_create();
    double x[N], y[N];
    struct all_tests a, b;

    (void)state;
    fill(x, N, 101, 3);
    fill(y, N, 100, 4);
    a = run_all(x, y, 0, arena);
    b = run_all(y, x, 0, arena);
    assert_near(-a.mean.t, b.mean.t, 1e-12);
    assert_near(a.mean.p, b.mean.p, 1e-14);
    assert_near(-a.mean.lower, b.mean.upper, 1e-12);
    assert_near(-a.ratio.effect, b.ratio.effect, 1e-14);
    assert_near(-a.rank.t, b.rank.t, 1e-12);
    assert_near(1 - a.rank.effect, b.rank.effect, 1e-14);
    assert_near(1 - a.rank.lower, b.rank.upper, 1e-14);
    assert_near(-a.shift.lower, b.shift.upper, 0);
    assert_near(-a.shift.estimate, b.shift.estimate, 0);
    assert_near((double)N * N, a.shift.u + b.shift.u, 0);
    arena_free(arena);
}

/* Neither a NaN nor a number out of range, whatever the samples are like. */
static void degenerate_samples(void **state)
{
    static const struct {
        const char *name;
        double x[4], y[4];
        size_t n;
        double p_mean, p_rank, p_hat;
    } cases[] = {
        {"one point each", {3.2}, {3.1}, 1, 0, 0, 1},
        {"one equal point each", {3.2}, {3.2}, 1, 1, 1, 0.5},
        {"two constants", {3.2, 3.2, 3.2}, {3.1, 3.1, 3.1}, 3, 0, 0, 1},
        {"the same constant", {3.2, 3.2, 3.2}, {3.2, 3.2, 3.2}, 3, 1, 1, 0.5},
        {"zeros of either sign", {0.0, -0.0}, {-0.0, 0.0}, 2, 1, 1, 0.5},
    };
    struct arena *arena = arena_create();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const double *x = cases[i].x, *y = cases[i].y;
        size_t n = cases[i].n;
        struct har_test test;
        struct har_shift shift;

        row("%s", cases[i].name);
        har_mean_paired(x, y, n, ALPHA, arena, &test);
        assert_near(cases[i].p_mean, test.p, 0);
        assert_near(x[0] - y[0], test.effect, 1e-15);
        assert_near(test.effect, test.lower, 0);
        assert_near(test.effect, test.upper, 0);
        har_mean_unpaired(x, n, y, n, ALPHA, arena, &test);
        assert_near(cases[i].p_mean, test.p, 0);
        har_rank_paired(x, y, n, ALPHA, arena, &test, &shift);
        assert_near(cases[i].p_rank, test.p, 0);
        assert_near(cases[i].p_hat, test.effect, 0);
        assert_near(x[0] - y[0], shift.estimate, 0);
        assert_true(shift.lower <= shift.upper);
        har_rank_unpaired(x, n, y, n, ALPHA, arena, &test, &shift);
        assert_near(cases[i].p_rank, test.p, 0);
        assert_near(cases[i].p_hat, test.lower, 0);
        assert_near(x[0] - y[0], shift.lower, 0);
    }
    arena_free(arena);
}

static void nothing_to_test_is_undefined(void **state)
{
    struct arena *arena = arena_create();
    double x[] = {1.5, 2.5}, negative[] = {-3.5, 1.5};
    struct har_test test;
    struct har_shift shift;

    (void)state;
    har_mean_paired(x, x, 0, ALPHA, arena, &test);
    assert_near(NAN, test.p, 0);
    har_mean_unpaired(x, 2, x, 0, ALPHA, arena, &test);
    assert_near(NAN, test.p, 0);
    har_rank_paired(x, x, 0, ALPHA, arena, &test, &shift);
    assert_near(NAN, test.p, 0);
    assert_near(NAN, shift.estimate, 0);
    har_rank_unpaired(x, 0, x, 2, ALPHA, arena, &test, NULL);
    assert_near(NAN, test.effect, 0);
    har_ratio_paired(x, negative, 2, ALPHA, arena, &test);
    assert_near(NAN, test.effect, 0);
    har_ratio_unpaired(negative, 2, x, 2, ALPHA, arena, &test);
    assert_near(NAN, test.upper, 0);
    arena_free(arena);
}

static void samples_apart_leave_no_doubt(void **state)
{
    struct arena *arena = arena_create();
    double x[N], y[N];
    struct har_test test;
    struct har_shift shift;

    (void)state;
    fill(x, N, 1000, 5);
    fill(y, N, 100, 6);
    har_rank_unpaired(x, N, y, M, ALPHA, arena, &test, &shift);
    assert_near(0, test.p, 0);
    assert_near(1, test.lower, 0);
    assert_near(1, test.upper, 0);
    assert_near((double)N * M, shift.u, 0);
    har_rank_paired(x, y, N, ALPHA, arena, &test, &shift);
    assert_true(test.p < 1e-4 && test.upper <= 1 && shift.lower > 850);
    arena_free(arena);
}

/* More pairs than 32 bits count, and as many as a judge may meet. */
static void a_hundred_thousand_points(void **state)
{
    const size_t n = 100000;
    struct arena *arena = arena_create();
    double *x = arena_array(arena, double, n), *y = arena_array(arena, double, n);
    struct har_test test;
    struct har_shift shift;

    (void)state;
    fill(x, n, 100, 31);
    fill(y, n, 100, 32);
    for (size_t i = 0; i < n; i++)
        x[i] += 0.5;
    har_rank_paired(x, y, n, ALPHA, arena, &test, &shift);
    assert_near(883, test.df, 0);
    assert_true(test.p < 1e-6);
    assert_true(shift.lower < 0.5 && 0.5 < shift.upper && shift.upper - shift.lower < 0.3);
    assert_near(shift.u, test.effect * 1e10, 1e-3);
    har_mean_paired(x, y, n, ALPHA, arena, &test);
    assert_true(test.lower < 0.5 && 0.5 < test.upper);
    arena_free(arena);
}

static void a_change_of_level_is_found_where_it_is(void **state)
{
    struct arena *arena = arena_create();
    double d[180];
    struct long_run run;
    struct drift drift;

    (void)state;
    fill(d, 180, 0, 9);
    long_run_variance(d, 180, arena, &run);
    drift_test(d, 180, run.omega, arena, &drift);
    assert_true(drift.p > 0.01 && drift.k > 0);
    for (size_t t = 0; t < 60; t++)
        d[t] += 40;
    drift_test(d, 180, run.omega, arena, &drift);
    assert_true(drift.p < 1e-6);
    assert_int_equal(59, drift.at);
    drift_test(d, 180, 0, arena, &drift);
    assert_near(1, drift.p, 0);
    drift_test(d, 0, NAN, arena, &drift);
    assert_near(1, drift.p, 0);
    arena_free(arena);
}

/* What set the sides apart before is taken out. */
static void differences_of_differences(void **state)
{
    struct arena *arena = arena_create();
    double x[N], y[N], x_before[M], y_before[M];
    struct har_test test, offset;

    (void)state;
    fill(x, N, 130, 21);
    fill(y, N, 100, 22);
    fill(x_before, M, 130, 23);
    fill(y_before, M, 100, 24);
    har_mean_paired(x, y, N, ALPHA, arena, &offset);
    difference_in_differences(x, y, N, x_before, y_before, M, ALPHA, arena, &test);
    assert_true(offset.p < 1e-6 && test.p > 0.01);
    assert_near(test.run.mean - test.run_other.mean, test.effect, 1e-12);
    assert_near(offset.effect, test.run.mean, 1e-12);
    assert_near(sqrt(test.run.omega / N + test.run_other.omega / M), test.se, 1e-12);
    arena_free(arena);
}

static void ranks_are_counted_one_by_one(void **state)
{
    struct arena *arena = arena_create();
    double x[] = {3, -0.0, 7.5, 3, 1e300, 0.0}, y[] = {3, 0x1p-1074, 7.5, -2};
    double rx[6], ry[4], pooled[10], got[10];

    (void)state;
    memcpy(pooled, x, sizeof(x));
    memcpy(pooled + 6, y, sizeof(y));
    ranks_pooled(x, 6, y, 4, arena, rx, ry);
    memcpy(got, rx, sizeof(rx));
    memcpy(got + 6, ry, sizeof(ry));
    for (size_t i = 0; i < 10; i++) {
        double rank = 0.5;

        row("value %zu", i);
        for (size_t j = 0; j < 10; j++)
            rank += pooled[j] < pooled[i] ? 1 : pooled[j] == pooled[i] ? 0.5 : 0;
        assert_near(rank, got[i], 0);
    }
    ranks_within(pooled, 10, arena, got);
    assert_memory_equal(got, rx, sizeof(rx));
    ranks_within(pooled, 0, arena, got);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_run_from_its_definition),
        cmocka_unit_test(degrees_of_freedom),
        cmocka_unit_test(a_constant_series_has_no_variance),
        cmocka_unit_test(the_unit_changes_no_digit),
        cmocka_unit_test(swapping_the_sides_mirrors_the_result),
        cmocka_unit_test(degenerate_samples),
        cmocka_unit_test(nothing_to_test_is_undefined),
        cmocka_unit_test(samples_apart_leave_no_doubt),
        cmocka_unit_test(a_hundred_thousand_points),
        cmocka_unit_test(a_change_of_level_is_found_where_it_is),
        cmocka_unit_test(differences_of_differences),
        cmocka_unit_test(ranks_are_counted_one_by_one),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
