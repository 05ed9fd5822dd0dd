/* Sequential-v1.0: looks that never change once they were made, alarms that stay, and what it says
 * about data it cannot take. Levels and times to an alarm are simulated by `make sim`. */
#include "judge/judge.h"
#include "judge/sequential.h"
#include "judge/stats/betting.h"
#include "judge/stats/multinomial.h"
#include "judge/stats/poisson_mixture.h"
#include "judge/stats/t_mixture.h"

#include "tests/support.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <string.h>

#define MINUTE_MS 60000
#define START_MS (INT64_C(1700000040000)) /* 2023-11-14T22:14:00Z */

static const char *const groups[] = {"g"};

/* --- series --- */

struct noise {
    uint64_t state;
};

static double uniform(struct noise *noise)
{
    noise->state = noise->state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(noise->state >> 11) + 0.5) / 9007199254740992.0;
}

static double gauss(struct noise *noise)
{
    return sqrt(-2 * log(uniform(noise))) * cos(2 * M_PI * uniform(noise));
}

/* Mean 100, deviation 10, lag-1 correlation phi. */
static void ar(struct noise *noise, double phi, double shift_sd, size_t n, double *out)
{
    double x = gauss(noise);

    for (size_t i = 0; i < n; i++) {
        out[i] = 100 + 10 * (x + shift_sd);
        x = phi * x + sqrt(1 - phi * phi) * gauss(noise);
    }
}

static void counts(struct noise *noise, double mean, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++) {
        double limit = exp(-mean), product = uniform(noise);

        for (out[i] = 0; product > limit; out[i]++)
            product *= uniform(noise);
    }
}

/* --- judging --- */

struct run {
    struct arena *arena;
    struct judge_result result;
    const struct metric_result *metric; /* the first */
    const struct sequential_report *sequential;
};

static struct metric_policy policy_for(enum direction direction)
{
    return (struct metric_policy){.direction = direction,
                                  .allowed_increase = 1,
                                  .allowed_decrease = 1,
                                  .critical_increase = 1,
                                  .critical_decrease = 1,
                                  .groups = groups,
                                  .n_groups = 1,
                                  .options = judge_options_default};
}

static struct metric_pair pair_of(const char *name, const double *x, const double *y, size_t n)
{
    return (struct metric_pair){.name = name,
                                .id = name,
                                .sides = {[SIDE_EXPERIMENT] = {x, n, START_MS, MINUTE_MS, {0}},
                                          [SIDE_CONTROL] = {y, n, START_MS, MINUTE_MS, {0}}}};
}

static struct run judge_pairs(const struct metric_pair *pairs, size_t n_pairs,
                              const struct metric_policy *policies,
                              const struct pair_history *histories)
{
    static const struct score_policy score = {.pass = 95, .marginal = 75};
    const struct judge_input input = {.pairs = pairs,
                                      .n_pairs = n_pairs,
                                      .policies = policies,
                                      .histories = histories,
                                      .score = &score};
    struct run out = {.arena = arena_create()};
    struct error err = {0};

    assert_int_equal(
        ERR_OK, judge_run(judge_find("Sequential-v1.0"), &input, out.arena, &out.result, &err));
    out.metric = &out.result.results[0];
    out.sequential = out.metric->report ? &out.metric->report->sequential : NULL;
    return out;
}

static struct run judge_one(const double *x, const double *y, size_t n, struct metric_policy policy)
{
    struct metric_pair pair = pair_of("m", x, y, n);

    return judge_pairs(&pair, 1, &policy, NULL);
}

/* With the requests of both sides as a second, muted metric. */
static struct run judge_rates(const double *x, const double *y, const double *r, const double *s,
                              size_t n, struct metric_policy policy)
{
    const struct metric_pair pairs[] = {pair_of("m", x, y, n), pair_of("r", r, s, n)};
    struct metric_policy policies[] = {policy, policy_for(DIRECTION_EITHER)};

    policies[0].options.exposure_metric = "r";
    policies[1].is_muted = true;
    return judge_pairs(pairs, 2, policies, NULL);
}

static struct metric_policy policy_of_counts(enum direction direction, enum count_model model)
{
    struct metric_policy policy = policy_for(direction);

    policy.options.metric_type = TYPE_ERROR_RATE;
    policy.options.model = model;
    return policy;
}

static bool has_warning(const struct run *run, const char *code)
{
    for (size_t i = 0; i < run->metric->report->n_warnings; i++)
        if (strcmp(run->metric->report->warnings[i].code, code) == 0)
            return true;
    return false;
}

/* --- tests --- */

/* One row per procedure. */
static struct metric_policy procedures(size_t i, const char **out_method, bool *out_is_count)
{
    static const struct {
        const char *method;
        enum metric_type type;
        enum judge_method how;
        enum count_model model;
        enum assumption assumption;
        double allowed_increase;
    } rows[] = {
        {"t-mixture-rank-har", TYPE_GAUGE, METHOD_DEFAULT, 0, 0, 1},
        {"t-mixture-rank-har", TYPE_LATENCY, METHOD_DEFAULT, 0, 0, 1.05},
        {"t-mixture-mean-har", TYPE_GAUGE, METHOD_HAR, 0, 0, 1},
        {"t-mixture-mean-har", TYPE_GAUGE, METHOD_HAR, 0, 0, 1.05},
        {"t-mixture-mean-independent", TYPE_GAUGE, METHOD_INDEPENDENT, 0, 0, 1},
        {"t-mixture-log-rate-har", TYPE_COUNTER, METHOD_DEFAULT, MODEL_DEFAULT, 0, 1},
        {"poisson-mixture", TYPE_COUNTER, METHOD_DEFAULT, MODEL_POISSON, 0, 1},
        {"poisson-mixture", TYPE_COUNTER, METHOD_DEFAULT, MODEL_POISSON, 0, 1.1},
        {"poisson-mixture-tempered", TYPE_COUNTER, METHOD_DEFAULT, MODEL_TEMPERED, 0, 1},
        {"bernoulli-mixture", TYPE_ERROR_RATE, METHOD_DEFAULT, MODEL_BERNOULLI, 0, 1},
        {"betting-rank", TYPE_GAUGE, METHOD_DEFAULT, 0, ASSUME_EXCHANGEABLE, 1},
        {"betting-rank", TYPE_COUNTER, METHOD_DEFAULT, 0, ASSUME_EXCHANGEABLE, 1.05},
    };
    struct metric_policy policy = policy_for(DIRECTION_INCREASE);

    if (i == ARRAY_LEN(rows)) {
        *out_method = NULL;
        return policy;
    }
    *out_method = rows[i].method;
    *out_is_count = rows[i].type == TYPE_COUNTER || rows[i].type == TYPE_ERROR_RATE;
    policy.options.metric_type = rows[i].type;
    policy.options.method = rows[i].how;
    policy.options.model = rows[i].model;
    policy.options.assumption = rows[i].assumption;
    policy.allowed_increase = rows[i].allowed_increase;
    return policy;
}

static void same_looks(const struct run *part, const struct run *whole)
{
    assert_true(part->sequential->n_looks <= whole->sequential->n_looks);
    for (size_t k = 0; k < part->sequential->n_looks; k++) {
        const struct look *a = &part->sequential->looks[k], *b = &whole->sequential->looks[k];

        assert_true(a->unix_ms == b->unix_ms);
        assert_near(b->log_e, a->log_e, 0);
        assert_near(b->estimate, a->estimate, 0);
        assert_near(b->lower, a->lower, 0);
        assert_near(b->upper, a->upper, 0);
    }
}

static void looks_never_change(void **state)
{
    static const size_t parts[] = {1, 29, 30, 31, 90, 199};
    struct noise noise = {11};
    double x[200], y[200], c[200], d[200], r[200], s[200];
    struct metric_policy policy;
    const char *method;
    bool is_count;

    (void)state;
    ar(&noise, 0.5, 1.5, 200, x);
    ar(&noise, 0.5, 0, 200, y);
    counts(&noise, 9, 200, c);
    counts(&noise, 6, 200, d);
    for (size_t i = 0; i < 200; i++) {
        r[i] = 1000 + floor(300 * uniform(&noise));
        s[i] = 900 + floor(300 * uniform(&noise));
    }
    r[17] = 0; /* a minute without traffic */
    for (size_t i = 0; policy = procedures(i, &method, &is_count), method; i++) {
        struct run whole =
            is_count ? judge_rates(c, d, r, s, 200, policy) : judge_one(x, y, 200, policy);

        row("%zu: %s", i, method);
        assert_string_equal(method, whole.metric->report->method);
        assert_int_equal(DECISION_HARM, whole.metric->report->decision);
        assert_int_equal(CLASS_HIGH, whole.metric->classification);
        assert_true(whole.sequential->log_e_max >= whole.sequential->log_threshold);
        assert_near(-log(0.02), whole.sequential->log_threshold, 1e-15);
        assert_near(exp(-whole.sequential->log_e_max), whole.sequential->always_valid_p, 1e-300);
        for (size_t k = 0; k < ARRAY_LEN(parts); k++) {
            struct run part = is_count ? judge_rates(c, d, r, s, parts[k], policy)
                                       : judge_one(x, y, parts[k], policy);

            if (part.sequential) /* else one equal minute on both sides, settled before */
                same_looks(&part, &whole);
            arena_free(part.arena);
        }
        arena_free(whole.arena);
    }
}

/* Each look against the formulas of judge/stats, which have reference values of their own. */
static void looks_are_those_of_the_formulas(void **state)
{
    struct noise noise = {12};
    double x[120], y[120], c[120], d[120], r[120], s[120];
    const struct t_mixture_settings settings = {
        .variant = T_MIXTURE_RANK, .g = 0.25, .alpha = 0.02, .min_points = 30, .ratio = 1};
    struct poisson_mixture_settings one_sided = POISSON_MIXTURE_DEFAULTS;
    struct poisson_mixture *poisson;
    struct arena *arena = arena_create();
    struct multinomial_e bernoulli;
    struct betting betting;
    struct run run;

    (void)state;
    ar(&noise, 0.3, 1, 120, x);
    ar(&noise, 0.3, 0, 120, y);
    counts(&noise, 3, 120, c);
    counts(&noise, 2, 120, d);
    run = judge_one(x, y, 120, policy_for(DIRECTION_EITHER));
    assert_int_equal(91, run.sequential->n_looks);
    for (size_t k = 0; k < 91; k++) {
        struct t_mixture look;

        t_mixture_look(x, y, 30 + k, &settings, arena, &look);
        assert_near(look.log_e, run.sequential->looks[k].log_e, 1e-12);
        assert_true(run.sequential->looks[k].unix_ms == START_MS + (29 + (int64_t)k) * MINUTE_MS);
    }
    arena_free(run.arena);

    for (size_t i = 0; i < 120; i++) {
        r[i] = 500 + floor(200 * uniform(&noise));
        s[i] = 2000;
    }
    run = judge_rates(c, d, r, s, 120, policy_of_counts(DIRECTION_INCREASE, MODEL_POISSON));
    one_sided.direction = DIRECTION_INCREASE;
    poisson = poisson_mixture_create(&one_sided, arena);
    assert_int_equal(120, run.sequential->n_looks);
    for (size_t i = 0; i < 120; i++) {
        poisson_mixture_add(poisson, c[i], r[i], d[i], s[i]);
        assert_near(poisson_mixture_log_e(poisson, 1), run.sequential->looks[i].log_e, 1e-12);
    }
    assert_near(exp(poisson_mixture_mle(poisson)), run.metric->report->effect.estimate, 1e-12);
    arena_free(run.arena);

    run = judge_rates(c, d, r, s, 120, policy_of_counts(DIRECTION_EITHER, MODEL_BERNOULLI));
    multinomial_e_start(&bernoulli, 2, 0.5, arena);
    for (size_t i = 0; i < 120; i++) {
        multinomial_e_add(&bernoulli, (const double[]){c[i], r[i] - c[i]},
                          (const double[]){d[i], s[i] - d[i]});
        assert_near(bernoulli.log_e, run.sequential->looks[i].log_e, 1e-12);
    }
    arena_free(run.arena);

    {
        struct metric_policy policy = policy_for(DIRECTION_EITHER);

        policy.options.assumption = ASSUME_EXCHANGEABLE;
        run = judge_one(x, y, 120, policy);
    }
    betting_start(&betting, DIRECTION_EITHER, arena);
    for (size_t i = 0; i < 120; i++) {
        betting_add(&betting, x[i], y[i]);
        assert_near(betting.log_e, run.sequential->looks[i].log_e, 1e-12);
    }
    arena_free(run.arena);
    arena_free(arena);
}

static void an_alarm_stays(void **state)
{
    struct noise noise = {13};
    double x[300], y[300];
    struct run early, late;

    (void)state;
    ar(&noise, 0.3, 2, 80, x);
    ar(&noise, 0.3, -2, 220, x + 80);
    ar(&noise, 0.3, 0, 300, y);
    early = judge_one(x, y, 80, policy_for(DIRECTION_INCREASE));
    late = judge_one(x, y, 300, policy_for(DIRECTION_INCREASE));
    assert_int_equal(CLASS_HIGH, early.metric->classification);
    assert_int_equal(CLASS_HIGH, late.metric->classification);
    assert_true(late.sequential->first_crossing_unix_ms ==
                early.sequential->first_crossing_unix_ms);
    assert_true(late.sequential->log_e <= 0); /* by now the canary is lower */
    assert_near(early.sequential->log_e_max, late.sequential->log_e_max, 0);
    assert_true(strstr(late.metric->reason, "m: evidence ") == late.metric->reason);
    assert_non_null(strstr(late.metric->reason, ":1 against no increase at 22:"));
    assert_non_null(strstr(late.metric->reason, " (alarm threshold 50:1); ratio "));
    arena_free(early.arena);
    arena_free(late.arena);
}

static void only_the_direction_that_counts_alarms(void **state)
{
    struct noise noise = {14};
    double x[150], y[150], c[150], d[150];
    static const struct {
        enum direction direction;
        enum classification higher, lower;
    } rows[] = {{DIRECTION_INCREASE, CLASS_HIGH, CLASS_PASS},
                {DIRECTION_DECREASE, CLASS_PASS, CLASS_LOW},
                {DIRECTION_EITHER, CLASS_HIGH, CLASS_LOW}};

    (void)state;
    ar(&noise, 0, 2, 150, x);
    ar(&noise, 0, 0, 150, y);
    counts(&noise, 8, 150, c);
    counts(&noise, 4, 150, d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int is_count = 0; is_count < 2; is_count++) {
            struct metric_policy policy = is_count
                                              ? policy_of_counts(rows[i].direction, MODEL_POISSON)
                                              : policy_for(rows[i].direction);
            const double *a = is_count ? c : x, *b = is_count ? d : y;
            struct run higher = judge_one(a, b, 150, policy);
            struct run lower = judge_one(b, a, 150, policy);

            row("direction %d, counts %d", (int)rows[i].direction, is_count);
            assert_int_equal(rows[i].higher, higher.metric->classification);
            assert_int_equal(rows[i].lower, lower.metric->classification);
            arena_free(higher.arena);
            arena_free(lower.arena);
        }
}

static void before_the_first_look_nothing_is_said(void **state)
{
    struct noise noise = {15};
    double x[29], y[29];
    struct run run;

    (void)state;
    ar(&noise, 0, 9, 29, x);
    ar(&noise, 0, 0, 29, y);
    run = judge_one(x, y, 29, policy_for(DIRECTION_EITHER));
    assert_int_equal(CLASS_PASS, run.metric->classification);
    assert_int_equal(DECISION_INCONCLUSIVE, run.metric->report->decision);
    assert_int_equal(0, run.sequential->n_looks);
    assert_non_null(run.sequential->looks); /* the block is there */
    assert_near(1, run.sequential->always_valid_p, 0);
    assert_string_equal("m: 29 points so far; the first look is at 30.", run.metric->reason);
    arena_free(run.arena);
}

static void margins_take_their_share(void **state)
{
    static const struct {
        const char *name;
        enum judge_method method;
        enum effect_measure measure;
        double below, above; /* limits that the canary's 20 (ratio 1.2) exceeds and does not */
        double neutral;
    } rows[] = {
        {"ranks, ratio", METHOD_DEFAULT, EFFECT_MEAN_RATIO, 1.1, 1.4, 1},
        {"ranks, shift", METHOD_DEFAULT, EFFECT_SHIFT, 10, 40, 0},
        {"ranks, probability", METHOD_DEFAULT, EFFECT_CLES, 0.7, 0.999, 0.5},
        {"ranks, Cliff's delta", METHOD_DEFAULT, EFFECT_CLIFFS_DELTA, 0.4, 0.999, 0},
        {"means, ratio", METHOD_HAR, EFFECT_MEAN_RATIO, 1.1, 1.4, 1},
        {"means, shift", METHOD_HAR, EFFECT_SHIFT, 10, 40, 0},
        {"independent means, ratio", METHOD_INDEPENDENT, EFFECT_MEAN_RATIO, 1.1, 1.4, 1},
    };
    struct noise noise = {16};
    double x[180], y[180];

    (void)state;
    ar(&noise, 0.3, 2, 180, x);
    ar(&noise, 0.3, 0, 180, y);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct metric_policy policy = policy_for(DIRECTION_INCREASE);
        struct run neutral, below, above;

        row("%s", rows[i].name);
        policy.options.method = rows[i].method;
        policy.effect_measure = rows[i].measure;
        policy.allowed_increase = policy.allowed_decrease = rows[i].neutral;
        neutral = judge_one(x, y, 180, policy);
        policy.allowed_increase = rows[i].below;
        below = judge_one(x, y, 180, policy);
        policy.allowed_increase = rows[i].above;
        above = judge_one(x, y, 180, policy);
        assert_int_equal(CLASS_HIGH, below.metric->classification);
        assert_int_equal(CLASS_PASS, above.metric->classification);
        assert_int_equal(above.metric->report->effect.upper <= rows[i].above
                             ? DECISION_NON_INFERIOR
                             : DECISION_INCONCLUSIVE,
                         above.metric->report->decision);
        assert_true(below.sequential->log_e < neutral.sequential->log_e);
        assert_true(below.sequential->first_crossing_unix_ms >=
                    neutral.sequential->first_crossing_unix_ms);
        assert_near(neutral.metric->report->effect.upper, above.metric->report->effect.upper, 0);
        assert_true(below.metric->report->effect.lower > rows[i].below);
        arena_free(neutral.arena);
        arena_free(below.arena);
        arena_free(above.arena);
    }
}

/* A critical metric is harmed beyond 10 % and fails the canary beyond 30 %. */
static void critical_limits_are_tested_too(void **state)
{
    struct noise noise = {17};
    double x[180], y[180];
    struct metric_policy policy = policy_for(DIRECTION_INCREASE);

    (void)state;
    ar(&noise, 0, 2, 180, x);
    ar(&noise, 0, 0, 180, y);
    policy.is_critical = true;
    policy.allowed_increase = 1.1;
    policy.has_critical_increase = true;
    for (int is_beyond = 0; is_beyond < 2; is_beyond++) {
        struct run run;

        policy.critical_increase = is_beyond ? 1.12 : 1.3;
        run = judge_one(x, y, 180, policy);
        assert_int_equal(CLASS_HIGH, run.metric->classification);
        assert_int_equal(is_beyond, run.metric->is_critical);
        assert_int_equal(is_beyond, strstr(run.metric->reason, "50:1), critical; ") != NULL);
        arena_free(run.arena);
    }
}

static void counts_are_judged_from_the_first_minute(void **state)
{
    struct noise noise = {18};
    double c[180], d[180];
    struct metric_policy policy = policy_of_counts(DIRECTION_INCREASE, MODEL_POISSON);
    struct run run;

    (void)state;
    counts(&noise, 40, 180, c);
    counts(&noise, 20, 180, d);
    run = judge_one(c, d, 6, policy);
    assert_int_equal(CLASS_HIGH, run.metric->classification);
    assert_int_equal(6, run.sequential->n_looks);
    assert_int_equal(EXACTNESS_EXACT, run.metric->report->exactness);
    assert_string_equal("rateRatio", run.metric->report->effect.measure);
    assert_true(has_warning(&run, "equalExposure"));
    assert_non_null(strstr(run.metric->reason, "; rate ratio "));
    arena_free(run.arena);

    policy.direction = DIRECTION_EITHER; /* both limits at once, each with half the weight */
    policy.allowed_increase = 1.5;
    policy.allowed_decrease = 0.7;
    run = judge_one(c, d, 180, policy);
    assert_int_equal(CLASS_HIGH, run.metric->classification);
    assert_non_null(strstr(run.metric->reason, " against no change beyond -30 % or +50 % at "));
    arena_free(run.arena);
    policy.allowed_increase = 3;
    run = judge_one(c, d, 180, policy);
    assert_int_equal(DECISION_NON_INFERIOR, run.metric->report->decision);
    arena_free(run.arena);
}

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

static void looks_become_rare_in_long_runs(void **state)
{
    size_t n = 30, n_looks = 0;

    (void)state;
    for (; n < 100000; n = sequential_next_look(n), n_looks++) {
        size_t next = sequential_next_look(n);

        assert_true(next > n);
        assert_true(n >= 720 || next == n + 1);
        assert_true((double)(next - n) <= (double)n * (double)n / 720 / 720 + 1);
    }
    assert_true(n_looks < 2200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_never_change),
        cmocka_unit_test(looks_are_those_of_the_formulas),
        cmocka_unit_test(an_alarm_stays),
        cmocka_unit_test(only_the_direction_that_counts_alarms),
        cmocka_unit_test(before_the_first_look_nothing_is_said),
        cmocka_unit_test(margins_take_their_share),
        cmocka_unit_test(critical_limits_are_tested_too),
        cmocka_unit_test(counts_are_judged_from_the_first_minute),
        cmocka_unit_test(exposure_is_what_errors_are_compared_by),
        cmocka_unit_test(buckets_of_a_histogram_are_one_test),
        cmocka_unit_test(what_cannot_be_judged_says_so),
        cmocka_unit_test(the_unit_of_a_metric_does_not_matter),
        cmocka_unit_test(odd_data_are_judged),
        cmocka_unit_test(earlier_windows_calibrate),
        cmocka_unit_test(looks_become_rare_in_long_runs),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
