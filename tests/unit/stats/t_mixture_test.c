/* Closed forms are checked against numerical integration of the mixture they stand for, the
 * sequence against looks taken one by one, and the error rate by simulation. */
#include "judge/stats/random.h"
#include "judge/stats/t_mixture.h"
#include "tests/support.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <time.h>

#define N 180

static double normal(uint64_t *seed)
{
    double u = ((double)random_below(seed, 1u << 31) + 1) / (1u << 31);
    double v = (double)random_below(seed, 1u << 31) / (1u << 31);

    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static struct t_mixture_settings settings_of(enum t_mixture_variant variant)
{
    return (struct t_mixture_settings){.variant = variant,
                                       .g = T_MIXTURE_G_DEFAULT,
                                       .alpha = 0.05,
                                       .min_points = T_MIXTURE_MIN_POINTS_DEFAULT,
                                       .ratio = 1};
}

/* The Bayes factor itself: the noncentral t density, averaged over effects N(0, g), over the
 * central one. With lambda = sqrt(n) effect and sigma integrated out,
 * f(t | lambda) ~ integral of s^nu exp(-(t s / sqrt(nu) - lambda)^2 / 2 - s^2 / 2) ds. */
static double integrated_log_e(double t, double n, double g)
{
    double nu = n - 1, sums[2] = {0};

    for (int is_mixed = 0; is_mixed < 2; is_mixed++)
        for (double s = 0.005; s < 20; s += 0.01) {
            double inner = 0;

            if (!is_mixed)
                inner = exp(-pow(t * s / sqrt(nu), 2) / 2);
            for (double z = -8; is_mixed && z <= 8; z += 0.01)
                inner += 0.01 * exp(-z * z / 2) / sqrt(2 * M_PI) *
                         exp(-pow(t * s / sqrt(nu) - z * sqrt(n * g), 2) / 2);
            sums[is_mixed] += inner * exp(nu * log(s) - s * s / 2);
        }
    return log(sums[1] / sums[0]);
}

static void iid_is_the_mixture(void **state)
{
    static const double d[] = {0.31, -0.77, 1.93, 2.41, 0.11, 1.38, -0.29};
    struct arena *scratch = arena_create();
    struct t_mixture got;
    double mean = 0, squares = 0;

    (void)state;
    for (int i = 0; i < 7; i++)
        mean += d[i] / 7;
    for (int i = 0; i < 7; i++)
        squares += pow(d[i] - mean, 2);
    t_mixture_iid(d, 7, 0.25, 0.05, scratch, &got);
    assert_near(mean, got.centre, 1e-15);
    assert_near(mean / sqrt(squares / 6 / 7), got.t, 1e-13);
    assert_near(6, got.nu, 0);
    assert_near(7, got.n_eff, 0);
    assert_near(integrated_log_e(got.t, 7, 0.25), got.log_e, 1e-6);
    t_mixture_iid(d, 7, 1.7, 0.05, scratch, &got);
    assert_near(integrated_log_e(got.t, 7, 1.7), got.log_e, 1e-6);
    arena_free(scratch);
}

/* A look against another mean is the look at differences from it; wider errors weigh less. */
static void restated_looks(void **state)
{
    struct arena *scratch = arena_create();
    struct t_mixture plain, against, restated;
    double d[50], moved[50];
    uint64_t seed = 6;

    (void)state;
    for (int i = 0; i < 50; i++) {
        d[i] = 0.5 + normal(&seed);
        moved[i] = d[i] - 0.2;
    }
    t_mixture_iid(d, 50, 0.25, 0.01, scratch, &plain);
    t_mixture_iid(moved, 50, 0.25, 0.01, scratch, &against);
    assert_near(plain.centre / plain.t, plain.se, 1e-14);
    t_mixture_restate(&plain, 0.2, 1, 0.25, 0.01, &restated);
    assert_near(against.log_e, restated.log_e, 1e-12);
    assert_near(plain.centre, restated.centre, 0);
    t_mixture_restate(&plain, 0, 2, 0.25, 0.01, &restated);
    assert_near(plain.t / 2, restated.t, 1e-14);
    assert_near(2 * plain.radius, restated.radius, 1e-14);
    arena_free(scratch);
}

/* A mean moved to the end of the interval is on the edge of an alarm. */
static void radius_is_where_evidence_reaches_the_threshold(void **state)
{
    struct arena *scratch = arena_create();
    struct t_mixture got, at_end;
    double d[60];
    uint64_t seed = 5;

    (void)state;
    for (int i = 0; i < 60; i++)
        d[i] = normal(&seed);
    t_mixture_iid(d, 60, 0.25, 0.01, scratch, &got);
    for (int i = 0; i < 60; i++)
        d[i] += got.radius - got.centre;
    t_mixture_iid(d, 60, 0.25, 0.01, scratch, &at_end);
    assert_near(log(100), at_end.log_e, 1e-9);
    t_mixture_iid(d, 3, 0.25, 0.01, scratch, &got);
    assert_near(INFINITY, got.radius, 0);
    arena_free(scratch);
}

static void constant_and_short_series(void **state)
{
    static const double none[40] = {0}, few[] = {1.7, 2.9};
    struct t_mixture_settings settings = settings_of(T_MIXTURE_MEAN);
    struct arena *scratch = arena_create();
    struct t_mixture got;
    struct t_mixture_sequence sequence;
    double same[40];

    (void)state;
    t_mixture_iid(none, 40, 0.25, 0.05, scratch, &got);
    assert_near(0, got.t, 0);
    assert_near(-log(11) / 2, got.log_e, 1e-15);
    for (int i = 0; i < 40; i++)
        same[i] = -0.1;
    t_mixture_iid(same, 40, 0.25, 0.05, scratch, &got);
    assert_near(-INFINITY, got.t, 0);
    assert_near(39 * log(11) / 2, got.log_e, 1e-12);
    assert_near(0, got.radius, 0);
    t_mixture_iid(few, 2, 0.25, 0.05, scratch, &got);
    assert_near(NAN, got.log_e, 0);

    for (int variant = T_MIXTURE_MEAN; variant <= T_MIXTURE_RANK; variant++) {
        settings.variant = (enum t_mixture_variant)variant;
        t_mixture_look(none, none, 40, &settings, scratch, &got);
        assert_near(0, got.t, 0);
        assert_true(got.log_e < 0);
        t_mixture_look(same, none, 40, &settings, scratch, &got); /* below: all of them */
        assert_near(-INFINITY, got.t, 0);
        assert_true(got.log_e > 0);
        t_mixture_look(same, none, 2, &settings, scratch, &got);
        assert_near(NAN, got.t, 0);
        har_t_mixture_sequence(same, none, 29, &settings, scratch, &sequence);
        assert_int_equal(0, sequence.n_looks);
        assert_int_equal(0, sequence.first_crossing);
        assert_near(NAN, sequence.max_log_e, 0);
        har_t_mixture_sequence(same, none, 0, &settings, scratch, &sequence);
        assert_int_equal(0, sequence.n_looks);
    }
    arena_free(scratch);
}

/* Three hours of whole numbers, with ties, that differ by `shift` deviations from minute 20 on. */
static void make_series(uint64_t seed, double phi, double shift, double *x, double *y)
{
    double u = normal(&seed), v = normal(&seed);

    for (int t = 0; t < N; t++) {
        u = phi * u + sqrt(1 - phi * phi) * normal(&seed);
        v = phi * v + sqrt(1 - phi * phi) * normal(&seed);
        x[t] = round(100 + 10 * (u + (t >= 20 ? shift : 0)));
        y[t] = round(100 + 10 * v);
    }
}

static void sequence_is_look_after_look(void **state)
{
    double x[N], y[N];

    (void)state;
    make_series(11, 0.3, 1.5, x, y);
    for (int variant = T_MIXTURE_MEAN; variant <= T_MIXTURE_RANK; variant++) {
        struct t_mixture_settings settings = settings_of((enum t_mixture_variant)variant);
        struct arena *scratch = arena_create();
        struct t_mixture_sequence sequence;
        size_t first_crossing = 0;
        double most = -INFINITY;

        har_t_mixture_sequence(x, y, N, &settings, scratch, &sequence);
        assert_int_equal(N - 29, sequence.n_looks);
        assert_int_equal(30, sequence.first_look);
        for (size_t t = 30; t <= N; t++) {
            struct t_mixture look;

            row("variant %d, look %zu", variant, t);
            t_mixture_look(x, y, t, &settings, scratch, &look);
            assert_memory_equal(&look, &sequence.looks[t - 30], sizeof(look));
            most = fmax(most, look.log_e);
            if (!first_crossing && look.log_e >= log(20))
                first_crossing = t;
        }
        assert_near(most, sequence.max_log_e, 0);
        assert_int_equal(first_crossing, sequence.first_crossing);
        assert_true(first_crossing > 30);

        settings.direction = DIRECTION_INCREASE;
        har_t_mixture_sequence(x, y, N, &settings, scratch, &sequence);
        assert_int_equal(first_crossing, sequence.first_crossing);
        settings.direction = DIRECTION_DECREASE;
        har_t_mixture_sequence(x, y, N, &settings, scratch, &sequence);
        assert_int_equal(0, sequence.first_crossing);
        assert_near(most, sequence.max_log_e, 0);
        arena_free(scratch);
    }
}

static void margins_move_the_difference(void **state)
{
    struct t_mixture_settings settings = settings_of(T_MIXTURE_MEAN);
    struct arena *scratch = arena_create();
    struct t_mixture plain, shifted, ratio;
    double x[N], y[N], twice[N];

    (void)state;
    make_series(12, 0.3, 1, x, y);
    t_mixture_look(x, y, N, &settings, scratch, &plain);
    settings.shift = 4;
    t_mixture_look(x, y, N, &settings, scratch, &shifted);
    assert_near(plain.centre - 4, shifted.centre, 1e-12);
    assert_near(plain.radius, shifted.radius, 1e-12);
    settings.shift = 0;
    settings.ratio = 2;
    for (int t = 0; t < N; t++)
        twice[t] = x[t] + y[t];
    t_mixture_look(twice, y, N, &settings, scratch, &ratio);
    assert_near(plain.t, ratio.t, 1e-12);
    arena_free(scratch);
}

static void units_change_nothing(void **state)
{
    struct arena *scratch = arena_create();
    struct t_mixture_sequence plain, scaled;
    double x[N], y[N], x_k[N], y_k[N];

    (void)state;
    make_series(13, 0.5, 1, x, y);
    for (int variant = T_MIXTURE_MEAN; variant <= T_MIXTURE_RANK; variant++) {
        struct t_mixture_settings settings = settings_of((enum t_mixture_variant)variant);

        har_t_mixture_sequence(x, y, N, &settings, scratch, &plain);
        for (int k = -1000; k <= 1000; k += 40) {
            for (int t = 0; t < N; t++) {
                x_k[t] = ldexp(x[t], k);
                y_k[t] = ldexp(y[t], k);
            }
            har_t_mixture_sequence(x_k, y_k, N, &settings, scratch, &scaled);
            row("variant %d, 2^%d", variant, k);
            assert_int_equal(plain.first_crossing, scaled.first_crossing);
            assert_near(plain.max_log_e, scaled.max_log_e, 0);
            for (size_t i = 0; i < plain.n_looks; i++) {
                assert_near(plain.looks[i].t, scaled.looks[i].t, 0);
                if (variant == T_MIXTURE_MEAN)
                    assert_near(ldexp(plain.looks[i].radius, k), scaled.looks[i].radius, 0);
            }
        }
    }
    arena_free(scratch);
}

/* No change, autocorrelation 0.5, a look at each minute for three hours: alarms in about 5 of 100
 * runs (the table this follows has 4.6 and 5.3 with 4,000 runs); and E <= 1 on average for
 * independent Gaussian points at any stopping time. */
static void alarms_without_a_change_are_rare(void **state)
{
    struct arena *scratch = arena_create();
    int n_alarms[2] = {0};
    double e_at_stop = 0, d[40];
    uint64_t seed = 1;

    (void)state;
    for (int run = 0; run < 400; run++) {
        double x[N], y[N];

        make_series(1000 + (uint64_t)run, 0.5, 0, x, y);
        for (int variant = T_MIXTURE_MEAN; variant <= T_MIXTURE_RANK; variant++) {
            struct t_mixture_settings settings = settings_of((enum t_mixture_variant)variant);
            struct t_mixture_sequence sequence;

            har_t_mixture_sequence(x, y, N, &settings, scratch, &sequence);
            n_alarms[variant] += sequence.first_crossing > 0;
        }
        arena_reset(scratch);
    }
    assert_in_range(n_alarms[T_MIXTURE_MEAN], 4, 36);
    assert_in_range(n_alarms[T_MIXTURE_RANK], 4, 38);
    for (int run = 0; run < 4000; run++) {
        struct t_mixture look = {0};

        for (size_t t = 0; t < 40; t++)
            d[t] = normal(&seed);
        for (size_t t = 3; t <= 40 && look.log_e < log(4); t++) /* stops when it looks best */
            t_mixture_iid(d, t, 0.25, 0.05, scratch, &look);
        e_at_stop += exp(look.log_e) / 4000;
        arena_reset(scratch);
    }
    assert_near(0.95, e_at_stop, 0.2);
    arena_free(scratch);
}

static void three_hours_in_milliseconds(void **state)
{
    struct t_mixture_settings settings = settings_of(T_MIXTURE_RANK);
    struct arena *scratch = arena_create();
    struct t_mixture_sequence sequence;
    double x[N], y[N];
    clock_t start;

    (void)state;
    make_series(14, 0.5, 1, x, y);
    start = clock();
    for (int i = 0; i < 20; i++)
        har_t_mixture_sequence(x, y, N, &settings, scratch, &sequence);
    /* 0.7 ms each in a plain build; the limit leaves room for the sanitizers */
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 20 * 0.1);
    arena_free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iid_is_the_mixture),
        cmocka_unit_test(restated_looks),
        cmocka_unit_test(radius_is_where_evidence_reaches_the_threshold),
        cmocka_unit_test(constant_and_short_series),
        cmocka_unit_test(sequence_is_look_after_look),
        cmocka_unit_test(margins_move_the_difference),
        cmocka_unit_test(units_change_nothing),
        cmocka_unit_test(alarms_without_a_change_are_rare),
        cmocka_unit_test(three_hours_in_milliseconds),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
