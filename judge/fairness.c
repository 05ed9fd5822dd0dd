#include "judge/fairness.h"

#include "judge/measure.h"
#include "judge/stats/drift.h"
#include "judge/tested.h"

#include <math.h>
#include <string.h>

#define TRAFFIC_LOW 0.8
#define TRAFFIC_HIGH 1.25
#define STEP_LEVEL 0.001
#define STEP_DEVIATIONS 1.5
#define SICK_CHANGE 0.5 /* of the level before */
#define STALE_SHARE 0.1
#define STALE_POINTS 5u
#define FLAT_SHARE (1.0 / 3)
#define FLAT_POINTS 10u
#define SECONDS_PER_MINUTE 60.0

struct finder {
    const struct judge_input *input;
    struct arena *arena, *scratch;
    struct unfairness *found;
    size_t n_found, capacity;
    size_t at; /* the pair that is looked at */
};

static void find(struct finder *finder, const char *code, const char *text)
{
    if (finder->n_found == finder->capacity) {
        size_t capacity = finder->capacity ? finder->capacity * 2 : 8;
        struct unfairness *all = arena_array(finder->arena, struct unfairness, capacity);

        if (finder->n_found)
            memcpy(all, finder->found, finder->n_found * sizeof(*all));
        finder->found = all;
        finder->capacity = capacity;
    }
    finder->found[finder->n_found++] = (struct unfairness){
        .pair = &finder->input->pairs[finder->at],
        .code = code,
        .text = text,
        .is_invalid = finder->input->policies[finder->at].options.on_unfair == UNFAIR_INVALID,
    };
}

static const char *word(int side)
{
    return side == SIDE_CONTROL ? "baseline" : "canary";
}

/* --- traffic and replicas --- */

static void check_traffic(struct finder *finder)
{
    const struct metric_pair *pair = &finder->input->pairs[finder->at];
    const char *name = finder->input->policies[finder->at].options.exposure_metric;
    const struct metric_pair *exposure = name ? tested_exposure(finder->input, pair, name) : NULL;
    double total[N_SIDES] = {0}, ratio;

    for (int side = 0; exposure && side < N_SIDES; side++)
        for (size_t i = 0; i < exposure->sides[side].n_values; i++) {
            double value = exposure->sides[side].values[i];

            total[side] += isfinite(value) ? value : 0;
        }
    ratio = total[SIDE_EXPERIMENT] / total[SIDE_CONTROL];
    if (!(total[SIDE_CONTROL] > 0) || (ratio >= TRAFFIC_LOW && ratio <= TRAFFIC_HIGH))
        return;
    find(finder, "unequalTraffic",
         arena_printf(finder->arena,
                      "metric \"%s\": the canary had %.3g times the baseline's %s; a share of the "
                      "traffic of its own changes latency and saturation: compare with a baseline "
                      "of the same size",
                      pair->name, ratio, exposure->name));
}

static size_t count_points(const struct pair_side *side)
{
    size_t n = 0;

    for (size_t i = 0; i < side->n_values; i++)
        n += isfinite(side->values[i]) != 0;
    return n;
}

/* Over all pairs of the metric, when the first of them is looked at. */
static void check_replicas(struct finder *finder)
{
    const struct metric_pair *pairs = finder->input->pairs;
    const char *name = pairs[finder->at].name;
    size_t n[N_SIDES] = {0};

    if (finder->at > 0 && strcmp(pairs[finder->at - 1].name, name) == 0)
        return;
    for (size_t i = finder->at; i < finder->input->n_pairs && strcmp(pairs[i].name, name) == 0; i++)
        for (int side = 0; side < N_SIDES; side++)
            n[side] += count_points(&pairs[i].sides[side]) > 0;
    if (n[0] == n[1] || n[0] == 0 || n[1] == 0)
        return;
    find(finder, "unequalReplicas",
         arena_printf(finder->arena,
                      "metric \"%s\": %zu series of the canary against %zu of the baseline; give "
                      "both the same number of replicas, or aggregate in the query",
                      name, n[SIDE_EXPERIMENT], n[SIDE_CONTROL]));
}

/* --- stale and flat --- */

static size_t last_point(const struct pair_side *side)
{
    size_t i = side->n_values;

    while (i > 0 && !isfinite(side->values[i - 1]))
        i--;
    return i; /* one behind it; 0 for none */
}

static void check_stale(struct finder *finder)
{
    const struct metric_pair *pair = &finder->input->pairs[finder->at];

    for (int side = 0; side < N_SIDES; side++) {
        size_t own = last_point(&pair->sides[side]), other = last_point(&pair->sides[!side]);

        if (own == 0 || other < own + STALE_POINTS ||
            (double)(other - own) < STALE_SHARE * (double)other)
            continue;
        find(finder, "staleSeries",
             arena_printf(finder->arena,
                          "metric \"%s\": the %s has no points in the last %zu steps, the %s has; "
                          "did its instances go away?",
                          pair->name, word(side), other - own, word(!side)));
    }
}

/* How many points at the end have one value. */
static size_t flat_tail(const struct sample *sample)
{
    size_t n = 1;

    while (n < sample->n && sample->values[sample->n - n - 1] == sample->values[sample->n - 1])
        n++;
    return n;
}

static void check_flat(struct finder *finder, const struct arms *arms)
{
    const struct metric_pair *pair = &finder->input->pairs[finder->at];

    for (int side = 0; side < N_SIDES; side++) {
        const struct sample *own = &arms->sides[side], *other = &arms->sides[!side];
        size_t n_flat = own->n ? flat_tail(own) : 0;

        if (n_flat < FLAT_POINTS || (double)n_flat < FLAT_SHARE * (double)own->n ||
            own->values[own->n - 1] == 0 || other->n == 0 || flat_tail(other) >= FLAT_POINTS)
            continue;
        find(finder, "flatSeries",
             arena_printf(finder->arena,
                          "metric \"%s\": the %s repeats %.4g for its last %zu points while the "
                          "%s varies; is it still measured?",
                          pair->name, word(side), own->values[own->n - 1], n_flat, word(!side)));
    }
}

/* --- levels that change --- */

static double mean(const double *values, size_t from, size_t to)
{
    double sum = 0;

    for (size_t i = from; i < to; i++)
        sum += values[i];
    return sum / (double)(to - from);
}

/* A level that changes once: where, and how it was before and after. */
struct step {
    size_t n_before;
    double before, after, deviation; /* standard deviation around the two levels */
};

/* The step where the sum of deviations from the mean is largest, if it is beyond chance. A step of
 * this size makes a long-run variance of the raw series too large to find it by: that of the
 * residuals around the two levels is taken. */
static bool find_step(const double *values, size_t n, struct arena *scratch, struct step *out)
{
    double *residuals = arena_array(scratch, double, n);
    struct long_run run;
    struct drift drift;

    if (n < MEASURE_MIN_HAR_POINTS)
        return false;
    drift_test(values, n, 1, scratch, &drift);
    out->n_before = drift.at + 1;
    if (out->n_before >= n)
        return false;
    out->before = mean(values, 0, out->n_before);
    out->after = mean(values, out->n_before, n);
    for (size_t i = 0; i < n; i++)
        residuals[i] = values[i] - (i < out->n_before ? out->before : out->after);
    long_run_variance(residuals, n, scratch, &run);
    drift_test(values, n, run.omega, scratch, &drift);
    out->deviation = sqrt(run.omega / run.vif);
    return drift.p < STEP_LEVEL &&
           fabs(out->after - out->before) >= STEP_DEVIATIONS * out->deviation;
}

static double minutes(const struct arms *arms, int side, size_t at)
{
    return (double)(arms->index[side][at] + 1) * arms->step_s / SECONDS_PER_MINUTE;
}

static void check_warm_up(struct finder *finder, const struct arms *arms)
{
    const struct metric_pair *pair = &finder->input->pairs[finder->at];
    size_t n = arms->sides[0].n;
    double *d = arena_array(finder->scratch, double, n);
    struct step step;

    if (!arms->is_paired)
        return;
    for (size_t i = 0; i < n; i++)
        d[i] = arms->sides[SIDE_EXPERIMENT].values[i] - arms->sides[SIDE_CONTROL].values[i];
    if (!find_step(d, n, finder->scratch, &step) || step.n_before >= n / 2 ||
        fabs(step.before) <= fabs(step.after))
        return;
    find(finder, "warmUp",
         arena_printf(finder->arena,
                      "metric \"%s\": the sides differ in the first %.0f minutes more than later; "
                      "leave the warm-up out with beginCanaryAnalysisAfterMins, or with warmupMins",
                      pair->name, minutes(arms, SIDE_EXPERIMENT, step.n_before - 1)));
}

static void check_baseline(struct finder *finder, const struct arms *arms)
{
    const struct metric_pair *pair = &finder->input->pairs[finder->at];
    enum direction direction = finder->input->policies[finder->at].direction;
    const struct sample *control = &arms->sides[SIDE_CONTROL];
    struct step step;
    double change;

    if (direction == DIRECTION_EITHER ||
        !find_step(control->values, control->n, finder->scratch, &step))
        return;
    change = direction == DIRECTION_INCREASE ? step.after - step.before : step.before - step.after;
    if (!(change >= SICK_CHANGE * fabs(step.before)))
        return;
    find(finder, "sickBaseline",
         arena_printf(
             finder->arena,
             "metric \"%s\": the baseline itself went from %.4g to %.4g about %.0f minutes "
             "after the start; a canary that goes the same way would pass: find out why",
             pair->name, step.before, step.after, minutes(arms, SIDE_CONTROL, step.n_before - 1)));
}

static void invalidate(struct judge_result *result, struct arena *arena)
{
    for (size_t i = 0; i < result->n_unfair && !result->is_invalid; i++) {
        if (!result->unfair[i].is_invalid)
            continue;
        result->is_invalid = true;
        result->is_forced_by_nodata = false;
        result->score = 0;
        result->verdict = VERDICT_FAIL;
        result->reason = arena_printf(arena, "Canary Invalid: %s", result->unfair[i].text);
    }
}

void fairness_check(const struct judge_input *input, struct arena *arena,
                    struct judge_result *result)
{
    struct finder finder = {.input = input, .arena = arena, .scratch = arena_create()};

    for (size_t i = 0; i < input->n_pairs; i++) {
        struct error none = {0};
        struct arms arms;

        finder.at = i;
        check_traffic(&finder);
        check_replicas(&finder);
        check_stale(&finder);
        if (arms_prepare(&input->pairs[i], &input->policies[i], finder.scratch, &arms, &none) ==
            ERR_OK) {
            check_flat(&finder, &arms);
            check_warm_up(&finder, &arms);
            check_baseline(&finder, &arms);
        }
        arena_reset(finder.scratch);
    }
    arena_free(finder.scratch);
    result->unfair = finder.found;
    result->n_unfair = finder.n_found;
    invalidate(result, arena);
}
