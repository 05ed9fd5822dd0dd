/* tests/unit/judge/judged.h -- one metric through judge_run(), for tests of single judges. */
#ifndef TESTS_UNIT_JUDGE_JUDGED_H
#define TESTS_UNIT_JUDGE_JUDGED_H

#include "judge/judge.h"
#include "judge/stats/random.h"
#include "tests/support.h"

#include <math.h>
#include <string.h>

#define MINUTE_MS 60000
#define START_MS 1700000000000

/* Values of both sides, one a minute. */
struct story {
    const double *x, *y; /* experiment, control */
    size_t n, m;
    const double *exposure_x, *exposure_y; /* NULL: none */
    struct metric_policy policy;
    const struct pair_history *history;
};

static inline struct metric_policy policy_default(void)
{
    static const char *const groups[] = {"g"};

    return (struct metric_policy){.allowed_increase = 1,
                                  .allowed_decrease = 1,
                                  .critical_increase = 1,
                                  .critical_decrease = 1,
                                  .outlier_factor = OUTLIER_FACTOR_DEFAULT,
                                  .groups = groups,
                                  .n_groups = 1,
                                  .options = judge_options_default};
}

static inline struct metric_pair pair_of(const char *name, const double *x, size_t n,
                                         const double *y, size_t m)
{
    return (struct metric_pair){.name = name,
                                .id = name,
                                .sides = {[SIDE_CONTROL] = {y, m, START_MS, MINUTE_MS, {0}},
                                          [SIDE_EXPERIMENT] = {x, n, START_MS, MINUTE_MS, {0}}}};
}

/* The result lives in `arena`. */
static inline const struct metric_result *judge_story(const char *judge, const struct story *story,
                                                      struct arena *arena)
{
    static const struct score_policy score = {.pass = 95, .marginal = 75};
    struct judge_result *result = arena_new(arena, struct judge_result);
    struct metric_pair *pairs = arena_array(arena, struct metric_pair, 2);
    struct metric_policy *policies = arena_array(arena, struct metric_policy, 2);
    struct judge_input input = {.pairs = pairs,
                                .n_pairs = story->exposure_x ? 2 : 1,
                                .policies = policies,
                                .histories = story->history,
                                .score = &score};
    struct error err = {0};

    pairs[0] = pair_of("errors", story->x, story->n, story->y, story->m);
    policies[0] = story->policy;
    if (story->exposure_x) {
        pairs[1] = pair_of("requests", story->exposure_x, story->n, story->exposure_y, story->m);
        policies[0].options.exposure_metric = "requests";
        policies[1] = policy_default();
        policies[1].is_muted = true;
    }
    assert_int_equal(judge_run(judge_find(judge), &input, arena, result, &err), ERR_OK);
    return &result->results[0];
}

static inline double uniform(uint64_t *state)
{
    return ((double)(random_next(state) >> 11) + 0.5) * 0x1p-53;
}

static inline double normal(uint64_t *state)
{
    double radius = sqrt(-2 * log(uniform(state)));

    return radius * cos(2 * M_PI * uniform(state));
}

/* Knuth's product of uniforms, for small means. */
static inline double poisson(double mean, uint64_t *state)
{
    double product = 1, limit = exp(-mean);
    size_t n = 0;

    while ((product *= uniform(state)) > limit)
        n++;
    return (double)n;
}

/* n values of mean + sd * AR(1) with autocorrelation phi. */
static inline double *series_of(size_t n, double mean, double sd, double phi, uint64_t *state,
                                struct arena *arena)
{
    double *values = arena_array(arena, double, n), z = normal(state);

    for (size_t i = 0; i < n; i++) {
        values[i] = mean + sd * z;
        z = phi * z + sqrt(1 - phi * phi) * normal(state);
    }
    return values;
}

static inline double *counts_of(size_t n, double mean, uint64_t *state, struct arena *arena)
{
    double *values = arena_array(arena, double, n);

    for (size_t i = 0; i < n; i++)
        values[i] = poisson(mean, state);
    return values;
}

static inline double *constants(size_t n, double value, struct arena *arena)
{
    double *values = arena_array(arena, double, n);

    for (size_t i = 0; i < n; i++)
        values[i] = value;
    return values;
}

/* A canary that is a tenth higher, give or take. */
static inline struct story tenth_higher(size_t n, struct arena *arena)
{
    uint64_t seed = 42;

    return (struct story){.x = series_of(n, 110, 3, 0.3, &seed, arena),
                          .y = series_of(n, 100, 3, 0.3, &seed, arena),
                          .n = n,
                          .m = n,
                          .policy = policy_default()};
}

struct method_case {
    const char *name;
    enum judge_method method;
    bool is_independent, is_unpaired;
    const char *reports;
};

/* A tenth more is harm where a twentieth is allowed, and fine where a fifth is. */
static inline void assert_method_knows_margins(const char *judge, const struct method_case *by)
{
    struct arena *arena = arena_create();
    struct story story = tenth_higher(60, arena);
    const struct test_report *report;

    row("%s", by->name);
    story.policy.direction = DIRECTION_INCREASE;
    story.policy.options.method = by->method;
    story.policy.options.is_independent = by->is_independent;
    story.policy.options.pairing = by->is_unpaired ? POINTS_UNPAIRED : POINTS_AUTO;
    story.policy.allowed_increase = 1.05;
    report = judge_story(judge, &story, arena)->report;
    assert_string_equal(report->method, by->reports);
    assert_int_equal(report->decision, DECISION_HARM);
    assert_near(1.1, report->effect.estimate, 0.02);
    assert_true(report->effect.lower > 1.05 && report->effect.upper < 1.2);
    story.policy.allowed_increase = 1.2;
    assert_int_equal(judge_story(judge, &story, arena)->report->decision, DECISION_NON_INFERIOR);
    arena_free(arena);
}

static inline bool has_warning(const struct test_report *report, const char *code)
{
    for (size_t i = 0; report && i < report->n_warnings; i++)
        if (strcmp(report->warnings[i].code, code) == 0)
            return true;
    return false;
}

#endif
