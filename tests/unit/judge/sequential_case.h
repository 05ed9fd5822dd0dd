/* tests/unit/judge/sequential_case.h -- series to judge by Sequential-v1.0, and its answers. */
#ifndef TESTS_UNIT_JUDGE_SEQUENTIAL_CASE_H
#define TESTS_UNIT_JUDGE_SEQUENTIAL_CASE_H

#include "judge/judge.h"

#include "tests/support.h"

#include <math.h>
#include <string.h>

#define MINUTE_MS 60000
#define START_MS (INT64_C(1700000040000)) /* 2023-11-14T22:14:00Z */

static const char *const groups[] = {"g"};

/* --- series --- */

struct noise {
    uint64_t state;
};

static inline double uniform(struct noise *noise)
{
    noise->state = noise->state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(noise->state >> 11) + 0.5) / 9007199254740992.0;
}

static inline double gauss(struct noise *noise)
{
    return sqrt(-2 * log(uniform(noise))) * cos(2 * M_PI * uniform(noise));
}

/* Mean 100, deviation 10, lag-1 correlation phi. */
static inline void ar(struct noise *noise, double phi, double shift_sd, size_t n, double *out)
{
    double x = gauss(noise);

    for (size_t i = 0; i < n; i++) {
        out[i] = 100 + 10 * (x + shift_sd);
        x = phi * x + sqrt(1 - phi * phi) * gauss(noise);
    }
}

static inline void counts(struct noise *noise, double mean, size_t n, double *out)
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

static inline struct metric_policy policy_for(enum direction direction)
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

static inline struct metric_pair pair_of(const char *name, const double *x, const double *y,
                                         size_t n)
{
    return (struct metric_pair){.name = name,
                                .id = name,
                                .sides = {[SIDE_EXPERIMENT] = {x, n, START_MS, MINUTE_MS, {0}},
                                          [SIDE_CONTROL] = {y, n, START_MS, MINUTE_MS, {0}}}};
}

static inline struct run judge_pairs(const struct metric_pair *pairs, size_t n_pairs,
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

static inline struct run judge_one(const double *x, const double *y, size_t n,
                                   struct metric_policy policy)
{
    struct metric_pair pair = pair_of("m", x, y, n);

    return judge_pairs(&pair, 1, &policy, NULL);
}

/* With the requests of both sides as a second, muted metric. */
static inline struct run judge_rates(const double *x, const double *y, const double *r,
                                     const double *s, size_t n, struct metric_policy policy)
{
    const struct metric_pair pairs[] = {pair_of("m", x, y, n), pair_of("r", r, s, n)};
    struct metric_policy policies[] = {policy, policy_for(DIRECTION_EITHER)};

    policies[0].options.exposure_metric = "r";
    policies[1].is_muted = true;
    return judge_pairs(pairs, 2, policies, NULL);
}

static inline struct metric_policy policy_of_counts(enum direction direction,
                                                    enum count_model model)
{
    struct metric_policy policy = policy_for(direction);

    policy.options.metric_type = TYPE_COUNTER;
    policy.options.model = model;
    return policy;
}

static inline bool has_warning(const struct run *run, const char *code)
{
    for (size_t i = 0; i < run->metric->report->n_warnings; i++)
        if (strcmp(run->metric->report->warnings[i].code, code) == 0)
            return true;
    return false;
}

/* One row per procedure. */
static inline struct metric_policy procedures(size_t i, const char **out_method, bool *out_is_count)
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
        {"bernoulli-mixture", TYPE_COUNTER, METHOD_DEFAULT, MODEL_BERNOULLI, 0, 1},
        {"betting-rank", TYPE_GAUGE, METHOD_DEFAULT, 0, ASSUME_EXCHANGEABLE, 1},
        {"betting-rank", TYPE_COUNTER, METHOD_DEFAULT, 0, ASSUME_EXCHANGEABLE, 1.05},
    };
    struct metric_policy policy = policy_for(DIRECTION_INCREASE);

    if (i == ARRAY_LEN(rows)) {
        *out_method = NULL;
        return policy;
    }
    *out_method = rows[i].method;
    *out_is_count = rows[i].type == TYPE_COUNTER;
    policy.options.metric_type = rows[i].type;
    policy.options.method = rows[i].how;
    policy.options.model = rows[i].model;
    policy.options.assumption = rows[i].assumption;
    policy.allowed_increase = rows[i].allowed_increase;
    return policy;
}

static inline void same_looks(const struct run *part, const struct run *whole)
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

#endif
