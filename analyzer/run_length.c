#include "analyzer/run_length.h"

#include "base/instant.h"
#include "judge/measure.h"
#include "judge/stats/dispersion.h"
#include "judge/stats/distribution.h"
#include "judge/stats/power.h"

#include <math.h>
#include <stdlib.h>

#define S_PER_HOUR 3600.0
#define READER_NAME "RobustRank-v1.0"
#define MIN_EVENTS 5.0 /* of both arms; below that no log ratio is normal */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median_of(double *values, size_t n)
{
    qsort(values, n, sizeof(*values), compare_doubles);
    return n == 0 ? NAN : n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* What the windows say, one value each. */
struct estimates {
    double *omega, *phi, *share, *level; /* share: effective points of a point */
    size_t n;
};

/* The median of chi-squared over its mean; Wilson and Hilferty, PNAS 17, 1931. */
static double median_share(double df)
{
    return pow(1 - 2 / (9 * df), 3);
}

static void estimate_window(const struct arms *arms, struct arena *scratch, struct estimates *out)
{
    const struct sample *x = &arms->sides[SIDE_EXPERIMENT], *y = &arms->sides[SIDE_CONTROL];
    struct long_run run, other = {0};
    double sum = 0;

    if (arms->is_paired) {
        double *differences = arena_array(scratch, double, x->n);

        for (size_t i = 0; i < x->n; i++)
            differences[i] = x->values[i] - y->values[i];
        long_run_variance(differences, x->n, scratch, &run);
    } else {
        long_run_variance(x->values, x->n, scratch, &run);
        long_run_variance(y->values, y->n, scratch, &other);
    }
    for (size_t i = 0; i < y->n; i++)
        sum += y->values[i];
    out->level[out->n] = sum / (double)y->n;
    out->omega[out->n] = (run.omega + other.omega) / median_share((double)run.nu);
    out->phi[out->n] = fmax(run.phi_corrected, other.phi_corrected);
    out->share[out->n] = 1 / fmax(run.vif, other.vif);
    out->n++;
}

/* The whole history of a pair; one series is compared with itself a window later. */
static struct metric_pair counted(const struct aa_pair *pair,
                                  const struct run_length_question *question)
{
    struct aa_pair whole = *pair;

    if (pair->arms != AA_WINDOW_BEFORE)
        return aa_slice(pair, 0, question->span_ms);
    whole.arms = AA_TWO_SCOPES;
    whole.start_unix_ms[SIDE_EXPERIMENT] += question->window_ms;
    return aa_slice(&whole, 0, question->span_ms - question->window_ms);
}

/* The points of the pair and of its exposure, minute by minute, where all four are there. */
static void estimate_counts(const struct run_length_question *question, struct arena *scratch,
                            struct run_length *out)
{
    struct metric_pair counts = counted(question->pair, question);
    struct metric_pair exposure = counted(question->exposure, question);
    double *series[2 * N_SIDES], events[N_SIDES] = {0}, exposed[N_SIDES] = {0};
    size_t n = SIZE_MAX, n_used = 0;
    struct dispersion dispersion;

    for (int side = 0; side < N_SIDES; side++) {
        n = counts.sides[side].n_values < n ? counts.sides[side].n_values : n;
        n = exposure.sides[side].n_values < n ? exposure.sides[side].n_values : n;
    }
    for (size_t s = 0; s < ARRAY_LEN(series); s++)
        series[s] = arena_array(scratch, double, n);
    for (size_t i = 0; i < n; i++) {
        bool is_there = true;

        for (int side = 0; side < N_SIDES; side++) {
            double *value = &series[side][n_used], *its = &series[N_SIDES + side][n_used];

            *value = counts.sides[side].values[i];
            *its = exposure.sides[side].values[i];
            if (isnan(*value) && question->policy->nan_strategy == NAN_REPLACE)
                *value = 0;
            is_there = is_there && isfinite(*value) && *value >= 0 && isfinite(*its) && *its > 0;
        }
        if (!is_there)
            continue;
        for (int side = 0; side < N_SIDES; side++) {
            events[side] += series[side][n_used];
            exposed[side] += series[N_SIDES + side][n_used];
        }
        n_used++;
    }
    if (n_used < 2 || events[0] + events[1] < MIN_EVENTS || events[0] <= 0 || events[1] <= 0) {
        out->why = "its history has too few events";
        return;
    }
    out->n_windows = n_used;
    out->step_s = (double)counts.sides[0].step_ms / MS_PER_S;
    out->level = events[SIDE_CONTROL] / exposed[SIDE_CONTROL];
    dispersion_estimate(series[SIDE_EXPERIMENT], series[SIDE_CONTROL],
                        series[N_SIDES + SIDE_EXPERIMENT], series[N_SIDES + SIDE_CONTROL], n_used,
                        scratch, &dispersion);
    for (int side = 0; side < N_SIDES; side++) {
        double per_hour = events[side] / ((double)n_used * out->step_s) * S_PER_HOUR;

        out->per_hour += per_hour;
        out->omega += dispersion.inflation / per_hour;
    }
}

static void estimate_points(const struct run_length_question *question, struct arena *scratch,
                            struct run_length *out)
{
    size_t n_most = (size_t)(question->span_ms / question->window_ms) + 1;
    struct estimates all = {
        arena_array(scratch, double, n_most), arena_array(scratch, double, n_most),
        arena_array(scratch, double, n_most), arena_array(scratch, double, n_most), 0};
    bool has_before = question->pair->arms == AA_WINDOW_BEFORE;
    struct metric_policy policy = *question->policy;
    struct arena *own = arena_create();

    policy.options.warmup_mins = 0; /* of a canary; history has none */
    for (int64_t at = has_before ? question->window_ms : 0;
         at + question->window_ms <= question->span_ms; at += question->window_ms) {
        struct metric_pair window = aa_slice(question->pair, at, question->window_ms);
        struct error err = {0};
        struct arms arms;

        arena_reset(own);
        if (arms_prepare(&window, &policy, own, &arms, &err) ||
            arms.sides[0].n < MEASURE_MIN_HAR_POINTS || arms.sides[1].n < MEASURE_MIN_HAR_POINTS)
            continue;
        estimate_window(&arms, own, &all);
    }
    arena_free(own);
    out->n_windows = all.n;
    if (all.n == 0) {
        out->why = "its history has too few points";
        return;
    }
    out->step_s = (double)question->pair->pair.sides[SIDE_EXPERIMENT].step_ms / MS_PER_S;
    out->omega = median_of(all.omega, all.n);
    out->phi = median_of(all.phi, all.n);
    out->level = median_of(all.level, all.n);
    out->per_hour = median_of(all.share, all.n) * S_PER_HOUR / out->step_s;
    out->n_at_least =
        fmax((double)MEASURE_MIN_HAR_POINTS,
             ceil(policy.options.min_effective_points * (1 + out->phi) / (1 - out->phi)));
}

/* How far the limits lie from "no change" in the direction that counts: a change beyond them is
 * what a test can show. */
static double margin_of(const struct metric_policy *policy)
{
    double up = policy->allowed_increase - 1, down = 1 - policy->allowed_decrease;

    if (policy->effect_measure != EFFECT_MEAN_RATIO)
        return 0;
    return fmax(0, policy->direction == DIRECTION_INCREASE   ? up
                   : policy->direction == DIRECTION_DECREASE ? down
                                                             : fmax(up, down));
}

/* The log of the rate ratio that stands for the change beyond the margin. */
static double log_change(bool is_fall, double change, double margin)
{
    if (is_fall && change >= 1)
        return INFINITY;
    return is_fall ? log((1 - margin) / (1 - change)) : log((1 + change) / (1 + margin));
}

static double z_of(double alpha)
{
    return normal_quantile_two_sided(alpha) + normal_quantile_two_sided(2 * (1 - POWER_DEFAULT));
}

void run_length_estimate(const struct run_length_question *question, struct arena *scratch,
                         struct run_length *out)
{
    const struct metric_policy *policy = question->policy;
    double beyond;

    *out = (struct run_length){.is_of_counts = question->exposure != NULL,
                               .is_fall = policy->direction == DIRECTION_DECREASE,
                               .phi = NAN,
                               .alpha = policy->options.alpha,
                               .margin = margin_of(policy),
                               .needed_s = NAN};
    if (out->is_of_counts)
        estimate_counts(question, scratch, out);
    else
        estimate_points(question, scratch, out);
    if (out->n_windows == 0) {
        out->level = out->per_hour = out->omega = NAN;
        return;
    }
    beyond = question->change - out->margin;
    if (beyond <= 0) {
        out->why = "the limits of the config allow such a change";
    } else if (out->is_of_counts) {
        double hours =
            out->omega *
            pow(z_of(out->alpha) / log_change(out->is_fall, question->change, out->margin), 2);

        out->needed_s = fmax(hours * S_PER_HOUR, out->step_s);
    } else if (out->level == 0) {
        out->why = "its level is 0, of which there is no share";
    } else if (out->omega == 0) {
        out->needed_s = out->n_at_least * out->step_s;
    } else {
        size_t n =
            power_points_needed(out->omega, beyond * fabs(out->level), out->alpha, POWER_DEFAULT);

        if (n == 0)
            out->why = "its noise is too large for any length";
        else
            out->needed_s = fmax((double)n, out->n_at_least) * out->step_s;
    }
}

double run_length_sees(const struct run_length *length, double seconds)
{
    double n = floor(seconds / length->step_s);

    if (length->n_windows == 0 || !(n >= 1))
        return NAN;
    if (length->is_of_counts) {
        double log_ratio = z_of(length->alpha) * sqrt(length->omega / (seconds / S_PER_HOUR));

        return length->is_fall ? 1 - (1 - length->margin) * exp(-log_ratio)
                               : (1 + length->margin) * exp(log_ratio) - 1;
    }
    if (n < length->n_at_least || length->level == 0)
        return NAN;
    return length->margin + power_mde_har(length->omega, (size_t)n, (double)long_run_nu((size_t)n),
                                          length->alpha, POWER_DEFAULT) /
                                fabs(length->level);
}

const struct judge_type *run_length_judge(const struct judge_type *of_config)
{
    return of_config->test ? of_config : judge_find(READER_NAME);
}

const char *run_length_text(double seconds, struct arena *arena)
{
    double minutes = ceil(seconds / 60), hours;

    if (minutes < 60)
        return arena_printf(arena, "%.0f min", minutes);
    minutes = ceil(minutes / 5) * 5;
    hours = floor(minutes / 60);
    if (hours < 48)
        return arena_printf(arena, "%.0f h %.0f min", hours, minutes - hours * 60);
    hours = ceil(minutes / 60);
    return arena_printf(arena, "%.0f d %.0f h", floor(hours / 24), fmod(hours, 24));
}
