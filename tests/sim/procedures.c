#include "tests/sim/procedures.h"

#include "judge/stats/two_proportions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define START_UNIX_MS INT64_C(1767225600000)
#define MS_PER_MINUTE INT64_C(60000)
#define MAX_SCALE 40

static const char *const groups[] = {"group"};
static const struct score_policy score = {.pass = 95, .marginal = 75};

static struct metric_policy make_policy(const struct cell *cell)
{
    struct metric_policy policy = {.allowed_increase = EFFECT_NEUTRAL_MEAN_RATIO,
                                   .allowed_decrease = EFFECT_NEUTRAL_MEAN_RATIO,
                                   .critical_increase = EFFECT_NEUTRAL_MEAN_RATIO,
                                   .critical_decrease = EFFECT_NEUTRAL_MEAN_RATIO,
                                   .groups = groups,
                                   .n_groups = 1,
                                   .options = judge_options_default};
    struct judge_options *options = &policy.options;

    options->multiplicity = MULTIPLICITY_NONE;
    options->method = cell->method;
    options->pairing = cell->pairing;
    options->metric_type = cell->type;
    options->model = cell->model;
    options->is_independent = cell->is_independent;
    if (cell->alpha > 0)
        options->alpha = cell->alpha;
    if (cell->min_effective_points > 0)
        options->min_effective_points = cell->min_effective_points;
    return policy;
}

static struct metric_pair make_pair(const char *name, double *x, double *y, size_t n)
{
    struct metric_pair pair = {.name = name, .id = name};

    for (int side = 0; side < N_SIDES; side++)
        pair.sides[side] = (struct pair_side){.values = side == SIDE_EXPERIMENT ? x : y,
                                              .n_values = n,
                                              .start_unix_ms = START_UNIX_MS,
                                              .step_ms = MS_PER_MINUTE};
    return pair;
}

static void judge_pairs(const struct cell *cell, const struct metric_pair *pairs,
                        const struct metric_policy *policies, size_t n_pairs,
                        const struct pair_history *histories, struct arena *arena,
                        struct judge_result *out)
{
    const struct judge_type *judge = judge_find(cell->judge);
    struct judge_input input = {.pairs = pairs,
                                .n_pairs = n_pairs,
                                .policies = policies,
                                .score = &score,
                                .histories = histories};
    struct error err = {0};

    if (!judge || judge_run(judge, &input, arena, out, &err) ||
        out->results[0].classification == CLASS_ERROR) {
        fprintf(stderr, "sim: %s: %s\n", cell->name,
                !judge     ? "there is no such judge"
                : err.code ? err.message
                           : out->results[0].reason);
        exit(1);
    }
}

/* The result of the metric; with *out_score that of all. */
static const struct metric_result *judge_arms(const struct cell *cell, const struct arm_pair *arms,
                                              size_t n, const struct pair_history *history,
                                              struct arena *arena, double *out_score)
{
    struct metric_policy policies[2] = {make_policy(cell), make_policy(cell)};
    struct metric_pair pairs[2] = {make_pair("metric", arms->x, arms->y, n)};
    struct judge_result result;
    size_t n_pairs = 1;

    if (arms->exposure_x) {
        pairs[n_pairs++] = make_pair("requests", arms->exposure_x, arms->exposure_y, n);
        policies[0].options.exposure_metric = "requests";
        policies[1].is_muted = true;
    }
    judge_pairs(cell, pairs, policies, n_pairs, history, arena, &result);
    if (out_score)
        *out_score = result.score;
    return &result.results[0];
}

static bool is_alarm(const struct metric_result *result)
{
    return result->classification == CLASS_HIGH || result->classification == CLASS_LOW;
}

/* Earlier windows of the same kind, without a change. */
static struct pair_history make_history(const struct cell *cell, struct trial *trial)
{
    struct metric_pair *windows = arena_array(trial->arena, struct metric_pair, cell->n_windows);
    struct data unchanged = cell->data;

    unchanged.shift = 0;
    for (size_t i = 0; i < cell->n_windows; i++) {
        struct arm_pair arms;

        generate(&unchanged, &trial->random, trial->arena, &arms);
        windows[i] = make_pair("metric", arms.x, arms.y, unchanged.n);
    }
    return (struct pair_history){.windows = windows, .n_windows = cell->n_windows};
}

void judge_once(const struct cell *cell, struct trial *trial)
{
    struct pair_history history = make_history(cell, trial);
    struct arm_pair arms;

    generate(&cell->data, &trial->random, trial->arena, &arms);
    trial->is_flagged = is_alarm(judge_arms(cell, &arms, cell->data.n,
                                            cell->n_windows ? &history : NULL, trial->arena, NULL));
}

/* The minute of a sequential judge's alarm. */
static size_t minute_of(const struct metric_result *result)
{
    int64_t crossing_unix_ms = result->report->sequential.first_crossing_unix_ms;

    return (size_t)((crossing_unix_ms - START_UNIX_MS) / MS_PER_MINUTE) + 1;
}

void judge_sequence(const struct cell *cell, struct trial *trial)
{
    const struct metric_result *result;
    struct arm_pair arms;

    generate(&cell->data, &trial->random, trial->arena, &arms);
    result = judge_arms(cell, &arms, cell->data.n, NULL, trial->arena, NULL);
    trial->is_flagged = is_alarm(result);
    if (trial->is_flagged)
        trial->minute = minute_of(result);
}

/* One pair for each bucket, labelled and cumulative as in a metric store. */
static void make_histogram(const struct cell *cell, struct trial *trial,
                           struct metric_pair pairs[MAX_BUCKETS])
{
    size_t n = cell->data.n;
    double *values[N_SIDES][MAX_BUCKETS];

    for (size_t b = 0; b < MAX_BUCKETS; b++) {
        for (int side = 0; side < N_SIDES; side++)
            values[side][b] = arena_array(trial->arena, double, n);
        pairs[b] = make_pair("metric", values[SIDE_EXPERIMENT][b], values[SIDE_CONTROL][b], n);
        tag_map_put(&pairs[b].tags, trial->arena, "le",
                    b + 1 < MAX_BUCKETS ? arena_printf(trial->arena, "%zu", b + 1) : "+Inf");
    }
    for (size_t t = 0; t < n; t++)
        for (int side = 0; side < N_SIDES; side++) {
            double counts[MAX_BUCKETS], below = 0;

            generate_histogram(HISTOGRAM_REQUESTS, side == SIDE_EXPERIMENT ? cell->data.factor : 1,
                               &trial->random, counts);
            for (size_t b = 0; b < MAX_BUCKETS; b++)
                values[side][b][t] = below += counts[b];
        }
}

void judge_histograms(const struct cell *cell, struct trial *trial)
{
    struct metric_pair pairs[MAX_BUCKETS];
    struct metric_policy policies[MAX_BUCKETS];
    struct judge_result result;

    make_histogram(cell, trial, pairs);
    for (size_t b = 0; b < MAX_BUCKETS; b++)
        policies[b] = make_policy(cell);
    judge_pairs(cell, pairs, policies, MAX_BUCKETS, NULL, trial->arena, &result);
    for (size_t b = 0; b < MAX_BUCKETS && !trial->is_flagged; b++) {
        trial->is_flagged = is_alarm(&result.results[b]);
        if (trial->is_flagged)
            trial->minute = minute_of(&result.results[b]);
    }
}

void judge_every_minute(const struct cell *cell, struct trial *trial)
{
    struct arm_pair arms;

    generate(&cell->data, &trial->random, trial->arena, &arms);
    for (size_t n = cell->first_look; n <= cell->data.n && !trial->is_flagged; n++) {
        trial->is_flagged = is_alarm(judge_arms(cell, &arms, n, NULL, trial->arena, NULL));
        trial->minute = n;
    }
}

void z_test_every_minute(const struct cell *cell, struct trial *trial)
{
    double x = 0, y = 0, exposure_x = 0, exposure_y = 0;
    struct arm_pair arms;

    generate(&cell->data, &trial->random, trial->arena, &arms);
    for (size_t t = 0; t < cell->data.n && !trial->is_flagged; t++) {
        struct two_proportions test;

        x += arms.x[t];
        y += arms.y[t];
        exposure_x += arms.exposure_x[t];
        exposure_y += arms.exposure_y[t];
        two_proportions_test(x, exposure_x, y, exposure_y, cell->alpha, &test);
        trial->is_flagged = test.p_uncorrected <= cell->alpha;
        trial->minute = t + 1;
    }
}

static double *scaled(const double *values, size_t n, int power, struct arena *arena)
{
    double *out = arena_array(arena, double, n);

    for (size_t i = 0; i < n; i++)
        out[i] = ldexp(values[i], power);
    return out;
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

void judge_scaled(const struct cell *cell, struct trial *trial)
{
    const struct metric_result *first;
    struct data data = cell->data;
    size_t n = data.n;
    double first_score;
    struct arm_pair arms;

    /* From nothing to something that is always found. */
    data.shift *= random_uniform(&trial->random);
    generate(&data, &trial->random, trial->arena, &arms);
    first = judge_arms(cell, &arms, n, NULL, trial->arena, &first_score);
    for (int power = -MAX_SCALE; power <= MAX_SCALE; power++) {
        struct arm_pair moved = arms;
        const struct metric_result *result;
        double result_score;

        if (arms.exposure_x) {
            moved.exposure_x = scaled(arms.exposure_x, n, power, trial->arena);
            moved.exposure_y = scaled(arms.exposure_y, n, power, trial->arena);
        } else {
            moved.x = scaled(arms.x, n, power, trial->arena);
            moved.y = scaled(arms.y, n, power, trial->arena);
        }
        result = judge_arms(cell, &moved, n, NULL, trial->arena, &result_score);
        trial->is_flagged |=
            result->classification != first->classification || !same(result_score, first_score) ||
            !same(result->grade, first->grade) || !same(result->report->p, first->report->p) ||
            !same(result->report->p_adjusted, first->report->p_adjusted) ||
            !same(result->report->sequential.log_e_max, first->report->sequential.log_e_max);
    }
}
