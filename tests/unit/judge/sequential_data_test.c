/* Sequential-v1.0 and the data it meets: traffic, buckets, units, and what it cannot take. */
#include "tests/unit/judge/sequential_case.h"

#include <gsl/gsl_errno.h>

/* Ten times the requests and ten times the errors are no change; minutes without requests on a side
 * say nothing. */
static void exposure_is_what_errors_are_compared_by(void **state)
{
    static const enum count_model models[] = {MODEL_HAR, MODEL_POISSON, MODEL_TEMPERED,
                                              MODEL_BERNOULLI};
    struct noise noise = {19};
    double c[120], d[120], r[120], s[120];

    (void)state;
    counts(&noise, 4, 120, c);
    counts(&noise, 40, 120, d);
    for (size_t i = 0; i < 120; i++) {
        r[i] = 1000;
        s[i] = 10000;
    }
    s[40] = 0;
    r[50] = NAN;
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        struct metric_policy policy = policy_of_counts(DIRECTION_EITHER, models[i]);
        struct run with = judge_rates(c, d, r, s, 120, policy), without;

        row("model %d", (int)models[i]);
        assert_int_equal(CLASS_PASS, with.metric->classification);
        assert_false(has_warning(&with, "equalExposure"));
        assert_int_equal(118 - (models[i] == MODEL_HAR || models[i] == MODEL_TEMPERED ? 29 : 0),
                         with.sequential->n_looks);
        assert_near(1, with.metric->report->effect.estimate, 0.25);
        without = judge_one(c, d, 120, policy);
        assert_int_equal(models[i] == MODEL_BERNOULLI ? CLASS_ERROR : CLASS_LOW,
                         without.metric->classification);
        arena_free(with.arena);
        arena_free(without.arena);
    }
}

/* An error rate is a share of the requests: the same as the count of errors. */
static void shares_are_counts_of_requests(void **state)
{
    struct noise noise = {24};
    double c[60], d[60], r[60], s[60], x[60], y[60];
    struct metric_policy policy = policy_of_counts(DIRECTION_INCREASE, MODEL_POISSON);
    struct run of_counts, of_shares;

    (void)state;
    counts(&noise, 9, 60, c);
    counts(&noise, 20, 60, d);
    for (size_t i = 0; i < 60; i++) {
        r[i] = 300 + floor(99 * uniform(&noise));
        s[i] = 2700 + floor(99 * uniform(&noise));
        x[i] = c[i] / r[i];
        y[i] = d[i] / s[i];
    }
    of_counts = judge_rates(c, d, r, s, 60, policy);
    policy.options.metric_type = TYPE_ERROR_RATE;
    of_shares = judge_rates(x, y, r, s, 60, policy);
    assert_int_equal(CLASS_HIGH, of_shares.metric->classification);
    assert_int_equal(60, of_shares.sequential->n_looks);
    same_looks(&of_shares, &of_counts);
    arena_free(of_counts.arena);
    arena_free(of_shares.arena);
    of_shares = judge_one(x, y, 60, policy);
    assert_int_equal(CLASS_ERROR, of_shares.metric->classification);
    assert_non_null(strstr(of_shares.metric->reason, "needs exposureMetric"));
    arena_free(of_shares.arena);
    x[59] = 1.5;
    of_shares = judge_rates(x, y, r, s, 60, policy);
    assert_int_equal(CLASS_ERROR, of_shares.metric->classification);
    assert_non_null(strstr(of_shares.metric->reason, "a share from 0 to 1"));
    arena_free(of_shares.arena);
}

static void buckets_of_a_histogram_are_one_test(void **state)
{
    enum { N_BUCKETS = 5, N = 40, REQUESTS = 200 };
    static const char *const ends[N_BUCKETS] = {"100", "50", "+Inf", "200", "1.5e2"};
    static const double slower = 1.3, uppers[N_BUCKETS] = {100, 50, INFINITY, 200, 150};
    static double values[N_SIDES][N_BUCKETS][N];
    static struct tag tags[N_BUCKETS];
    struct metric_pair pairs[N_BUCKETS];
    struct metric_policy policies[N_BUCKETS];
    struct noise noise = {20};
    struct run run;

    (void)state;
    for (int side = 0; side < N_SIDES; side++)
        for (size_t i = 0; i < N; i++)
            for (size_t k = 0; k < REQUESTS; k++) {
                double latency =
                    90 * exp(0.4 * gauss(&noise)) * (side == SIDE_EXPERIMENT ? slower : 1);

                for (size_t b = 0; b < N_BUCKETS; b++)
                    values[side][b][i] += latency <= uppers[b];
            }
    for (size_t b = 0; b < N_BUCKETS; b++) {
        tags[b] = (struct tag){"le", ends[b]};
        pairs[b] = pair_of("m", values[SIDE_EXPERIMENT][b], values[SIDE_CONTROL][b], N);
        pairs[b].tags = (struct tag_map){&tags[b], 1};
        policies[b] = policy_for(DIRECTION_INCREASE);
        policies[b].options.metric_type = TYPE_HISTOGRAM;
    }
    run = judge_pairs(pairs, N_BUCKETS, policies, NULL);
    for (size_t b = 0; b < N_BUCKETS; b++) {
        const struct metric_result *result = &run.result.results[b];

        row("bucket %s", tags[b].value);
        if (uppers[b] == INFINITY) { /* as many requests on both sides: settled as identical */
            assert_int_equal(CLASS_PASS, result->classification);
            continue;
        }
        assert_int_equal(CLASS_HIGH, result->classification);
        assert_string_equal("multinomial", result->report->method);
        assert_near(run.metric->report->sequential.log_e, result->report->sequential.log_e, 0);
        assert_true(result->report->effect.estimate > 0.6);
    }
    arena_free(run.arena);
    for (size_t b = 0; b < N_BUCKETS; b++)
        policies[b].direction = DIRECTION_DECREASE;
    run = judge_pairs(pairs, N_BUCKETS, policies, NULL);
    assert_int_equal(CLASS_PASS, run.metric->classification);
    arena_free(run.arena);
    tags[3].value = "wide";
    run = judge_pairs(pairs, N_BUCKETS, policies, NULL);
    assert_int_equal(CLASS_NODATA, run.metric->classification);
    assert_non_null(strstr(run.metric->reason, "in the label \"le\""));
    arena_free(run.arena);
}

static void what_cannot_be_judged_says_so(void **state)
{
    static const struct {
        const char *name;
        struct judge_options options;
        enum effect_measure measure;
        double allowed_increase;
        enum classification classification;
        const char *says;
    } rows[] = {
        {"unpaired by config",
         {.pairing = POINTS_UNPAIRED},
         EFFECT_MEAN_RATIO,
         1,
         CLASS_ERROR,
         "which \"pairing\": \"unpaired\" forbids"},
        {"means have no probability",
         {.method = METHOD_HAR},
         EFFECT_CLES,
         0.5,
         CLASS_ERROR,
         "means have no effect of the measure \"cles\""},
        {"counts have no shift",
         {.metric_type = TYPE_COUNTER},
         EFFECT_SHIFT,
         0,
         CLASS_ERROR,
         "set effectSize.measure to \"rateRatio\""},
        {"no grid beyond the limit",
         {.metric_type = TYPE_COUNTER, .model = MODEL_POISSON},
         EFFECT_MEAN_RATIO,
         8,
         CLASS_ERROR,
         "between 0.135 and 7.39"},
        {"no margins for bernoulli",
         {.metric_type = TYPE_COUNTER, .model = MODEL_BERNOULLI},
         EFFECT_MEAN_RATIO,
         1,
         CLASS_ERROR,
         "needs exposureMetric"},
        {"no margins for histograms",
         {.metric_type = TYPE_HISTOGRAM},
         EFFECT_MEAN_RATIO,
         1.1,
         CLASS_ERROR,
         "tested for no change at all"},
        {"a histogram without buckets",
         {.metric_type = TYPE_HISTOGRAM},
         EFFECT_MEAN_RATIO,
         1,
         CLASS_NODATA,
         "one series per bucket"},
        {"bets have no probability",
         {.assumption = ASSUME_EXCHANGEABLE},
         EFFECT_CLES,
         0.6,
         CLASS_ERROR,
         "ratios or shifts"},
    };
    struct noise noise = {21};
    double x[60], y[60];
    struct run run;

    (void)state;
    ar(&noise, 0, 1, 60, x);
    ar(&noise, 0, 0, 60, y);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct metric_policy policy = policy_for(DIRECTION_INCREASE);

        row("%s", rows[i].name);
        policy.options.pairing = rows[i].options.pairing;
        policy.options.method = rows[i].options.method;
        policy.options.metric_type = rows[i].options.metric_type;
        policy.options.model = rows[i].options.model;
        policy.options.assumption = rows[i].options.assumption;
        policy.effect_measure = rows[i].measure;
        policy.allowed_increase = rows[i].allowed_increase;
        run = judge_one(x, y, 60, policy);
        assert_int_equal(rows[i].classification, run.metric->classification);
        assert_non_null(strstr(run.metric->reason, rows[i].says));
        arena_free(run.arena);
    }
    x[59] = -1; /* no count */
    run = judge_one(x, y, 60, policy_of_counts(DIRECTION_EITHER, MODEL_HAR));
    assert_non_null(strstr(run.metric->reason, "a count is below 0"));
    arena_free(run.arena);
    {
        struct metric_pair pair = pair_of("m", x, y, 60);
        struct metric_policy policy = policy_for(DIRECTION_EITHER);

        pair.sides[SIDE_CONTROL].start_unix_ms -= 7 * 1440 * (int64_t)MINUTE_MS; /* last week */
        run = judge_pairs(&pair, 1, &policy, NULL);
        assert_int_equal(CLASS_NODATA, run.metric->classification);
        assert_non_null(strstr(run.metric->reason, "set \"pairing\" to \"paired\""));
        arena_free(run.arena);
        policy.options.pairing = POINTS_PAIRED;
        run = judge_pairs(&pair, 1, &policy, NULL);
        assert_int_equal(31, run.sequential->n_looks);
        arena_free(run.arena);
    }
}

static void the_unit_of_a_metric_does_not_matter(void **state)
{
    struct noise noise = {22};
    double x[90], y[90], u[90], v[90];

    (void)state;
    ar(&noise, 0.5, 1, 90, x);
    ar(&noise, 0.5, 0, 90, y);
    for (int method = METHOD_DEFAULT; method <= METHOD_HAR; method++)
        for (int exponent = -40; exponent <= 40; exponent += 8) {
            struct metric_policy policy = policy_for(DIRECTION_EITHER);
            struct run plain, scaled;

            policy.options.method = (enum judge_method)method;
            policy.allowed_increase = 1.02;
            for (size_t i = 0; i < 90; i++) {
                u[i] = ldexp(x[i], exponent);
                v[i] = ldexp(y[i], exponent);
            }
            plain = judge_one(x, y, 90, policy);
            scaled = judge_one(u, v, 90, policy);
            same_looks(&plain, &scaled);
            assert_string_equal(plain.metric->reason, scaled.metric->reason);
            arena_free(plain.arena);
            arena_free(scaled.arena);
        }
}

/* Data without variance or with hardly any points: a verdict and no NaN where a number is due. */
static void odd_data_are_judged(void **state)
{
    static const double ladder[40] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    static const double ones[40] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    double huge[40], tiny[40], gaps[40];
    const double *const sides[] = {ladder, ones, huge, tiny, gaps};
    struct metric_policy policy;
    const char *method;
    bool is_count;

    (void)state;
    for (size_t i = 0; i < 40; i++) {
        huge[i] = 1e300 * (1 + (double)(i % 7));
        tiny[i] = 5e-324 * (double)(i % 5);
        gaps[i] = i % 3 ? (double)i : i % 2 ? INFINITY : NAN;
    }
    for (size_t p = 0; policy = procedures(p, &method, &is_count), method; p++)
        for (size_t a = 0; a < ARRAY_LEN(sides); a++)
            for (size_t b = 0; b < ARRAY_LEN(sides); b++)
                for (size_t n = 0; n <= 40; n += n < 3 ? 1u : 37u) {
                    struct run run = judge_one(sides[a], sides[b], n, policy);

                    row("%s, %zu against %zu, %zu points", method, a, b, n);
                    assert_non_null(run.metric);
                    if (run.sequential && run.sequential->looks) {
                        assert_true(!isnan(run.sequential->always_valid_p));
                        for (size_t k = 0; k < run.sequential->n_looks; k++)
                            assert_true(!isnan(run.sequential->looks[k].log_e));
                    }
                    arena_free(run.arena);
                }
}

/* A noisier past stretches the standard errors of t-mixtures. */
static void earlier_windows_calibrate(void **state)
{
    enum { N = 60, N_WINDOWS = 12 };
    static double values[N_WINDOWS][N_SIDES][N];
    struct metric_pair windows[N_WINDOWS], pair;
    const struct pair_history history = {.windows = windows, .n_windows = N_WINDOWS};
    struct metric_policy policy = policy_for(DIRECTION_INCREASE);
    struct noise noise = {23};
    double x[N], y[N];
    struct run plain, calibrated;

    (void)state;
    for (size_t i = 0; i < N_WINDOWS; i++) {
        for (int side = 0; side < N_SIDES; side++)
            ar(&noise, 0, side && i % 2 ? 1 : 0, N, values[i][side]);
        windows[i] = pair_of("m", values[i][1], values[i][0], N);
    }
    ar(&noise, 0, 1, N, x);
    ar(&noise, 0, 0, N, y);
    pair = pair_of("m", x, y, N);
    plain = judge_pairs(&pair, 1, &policy, NULL);
    calibrated = judge_pairs(&pair, 1, &policy, &history);
    assert_int_equal(N_WINDOWS, calibrated.metric->report->calibration.n_windows);
    assert_true(calibrated.metric->report->calibration.factor > 1.5);
    assert_near(plain.metric->report->statistic / calibrated.metric->report->calibration.factor,
                calibrated.metric->report->statistic, 1e-9);
    assert_true(calibrated.sequential->log_e_max < plain.sequential->log_e_max);
    arena_free(plain.arena);
    arena_free(calibrated.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exposure_is_what_errors_are_compared_by),
        cmocka_unit_test(shares_are_counts_of_requests),
        cmocka_unit_test(buckets_of_a_histogram_are_one_test),
        cmocka_unit_test(what_cannot_be_judged_says_so),
        cmocka_unit_test(the_unit_of_a_metric_does_not_matter),
        cmocka_unit_test(odd_data_are_judged),
        cmocka_unit_test(earlier_windows_calibrate),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
