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

/* The result of the metric; with *out_score that of all. */
static const struct metric_result *judge_arms(const struct cell *cell, const struct arm_pair *arms,
                                              size_t n, const struct pair_history *history,
                                              struct arena *arena, double *out_score)
{
    struct metric_policy policies[2] = {make_policy(cell), make_policy(cell)};
    struct metric_pair pairs[2] = {make_pair("metric", arms->x, arms->y, n)};
    struct judge_input input = {
        .pairs = pairs, .n_pairs = 1, .policies = policies, .score = &score, .histories = history};
    struct judge_result *result = arena_new(arena, struct judge_result);
    const struct judge_type *judge = judge_find(cell->judge);
    struct error err = {0};

    if (arms->exposure_x) {
        pairs[input.n_pairs++] = make_pair("requests", arms->exposure_x, arms->exposure_y, n);
        policies[0].options.exposure_metric = "requests";
        policies[1].is_muted = true;
    }
    if (!judge || judge_run(judge, &input, arena, result, &err) ||
        result->results[0].classification == CLASS_ERROR) {
        fprintf(stderr, "sim: %s: %s\n", cell->name,
                !judge     ? "there is no such judge"
                : err.code ? err.message
                           : result->results[0].reason);
        exit(1);
    }
    if (out_score)
        *out_score = result->score;
    return &result->results[0];
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

void judge_sequence(const struct cell *cell, struct trial *trial)
{
    const struct metric_result *result;
    int64_t crossing_unix_ms;
    struct arm_pair arms;

    generate(&cell->data, &trial->random, trial->arena, &arms);
    result = judge_arms(cell, &arms, cell->data.n, NULL, trial->arena, NULL);
    trial->is_flagged = is_alarm(result);
    if (!trial->is_flagged)
        return;
    crossing_unix_ms = result->report->sequential.first_crossing_unix_ms;
    trial->minute = (size_t)((crossing_unix_ms - START_UNIX_MS) / MS_PER_MINUTE) + 1;
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
