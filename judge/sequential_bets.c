/* Procedures of Sequential-v1.0 without a model of the noise: bets on ranks, and histograms. Both
 * are looked at from the first minute on, which never bets. */
#include "judge/sequential.h"

#include "judge/measure.h"
#include "judge/stats/betting.h"
#include "judge/stats/multinomial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- bets on the ranks of a minute's two points --- */

/* Half the stake on each direction. */
struct bets {
    struct betting up, down;
};

/* log((e^a + e^b) / 2) */
static double log_mean(double a, double b)
{
    return fmax(a, b) + log1p(exp(-fabs(a - b))) - M_LN2;
}

static double log_e_of(const struct bets *bets, enum direction direction)
{
    return direction == DIRECTION_EITHER     ? log_mean(bets->up.log_e, bets->down.log_e)
           : direction == DIRECTION_INCREASE ? bets->up.log_e
                                             : bets->down.log_e;
}

/* Bets against a limit: evidence that x is above it (want_high) or below it. */
static void bet(const struct sequential *run, const double *x, const double *y, double limit,
                bool want_high, struct trace *out)
{
    const struct metric_policy *policy = run->input->policy;
    bool is_shift = policy->effect_measure == EFFECT_SHIFT;
    struct bets bets;
    size_t i = 0;

    betting_start(&bets.up, DIRECTION_INCREASE, run->scratch);
    betting_start(&bets.down, DIRECTION_DECREASE, run->scratch);
    for (size_t k = 0; k < out->n_looks; k++) {
        struct evidence *look = &out->looks[k];
        double log_e, sign;

        for (; i < look->n; i++) {
            double at_x = is_shift ? x[i] - limit : x[i];
            double at_y = is_shift || limit == out->neutral ? y[i] : y[i] * limit;

            betting_add(&bets.up, at_x, at_y);
            betting_add(&bets.down, at_x, at_y);
        }
        log_e = log_e_of(&bets, policy->direction);
        sign = bets.up.log_e - bets.down.log_e;
        if (want_high)
            look->high = sequential_evidence_for(log_e, sign);
        else
            look->low = sequential_evidence_for(log_e, -sign);
    }
}

void sequential_bets(const struct sequential *run, struct trace *out)
{
    const struct minutes *minutes = &run->minutes;
    bool is_ratio = run->input->policy->effect_measure != EFFECT_SHIFT;
    double *x = arena_array(run->scratch, double, minutes->n);
    double *y = arena_array(run->scratch, double, minutes->n);
    double sum_x = 0, sum_y = 0;
    size_t i = 0;

    out->method = "betting-rank";
    out->measure = is_ratio ? "ratio" : "shift";
    out->unit = is_ratio ? UNIT_RATIO : UNIT_METRIC;
    if (!sequential_is_neutral(run) && out->neutral != EFFECT_NEUTRAL_MEAN_RATIO &&
        run->input->policy->effect_measure != EFFECT_SHIFT) {
        sequential_refuse(out, DECISION_ERROR,
                          "bets on ranks have margins that are ratios or shifts; set "
                          "effectSize.measure to \"meanRatio\" or \"shift\"");
        return;
    }
    sequential_looks(run, 1, out);
    for (size_t k = 0; k < minutes->n; k++) {
        x[k] = minutes->x[k] / minutes->exposure_x[k];
        y[k] = minutes->y[k] / minutes->exposure_y[k];
    }
    bet(run, x, y, run->limits.increase, true, out);
    bet(run, x, y, run->limits.decrease, false, out);
    for (size_t k = 0; k < out->n_looks; k++) {
        struct evidence *look = &out->looks[k];

        for (; i < look->n; i++) {
            sum_x += x[i];
            sum_y += y[i];
        }
        look->estimate = !is_ratio   ? (sum_x - sum_y) / (double)look->n
                         : sum_y > 0 ? sum_x / sum_y
                                     : NAN;
    }
}

/* --- histograms: one series per bucket, cumulative, its upper end in the label "le" --- */

#define BUCKET_LABEL "le"
#define MAX_BUCKETS 200u /* a store's own limit is far below */

struct bucket {
    double upper;
    const struct metric_pair *pair;
};

static bool is_sibling(const struct metric_pair *a, const struct metric_pair *b)
{
    if (strcmp(a->name, b->name) != 0 || a->tags.n_items != b->tags.n_items)
        return false;
    for (size_t i = 0; i < a->tags.n_items; i++) {
        const struct tag *x = &a->tags.items[i], *y = &b->tags.items[i];

        if (strcmp(x->key, y->key) != 0 ||
            (strcmp(x->key, BUCKET_LABEL) != 0 && strcmp(x->value, y->value) != 0))
            return false;
    }
    return true;
}

static bool is_same_time(const struct metric_pair *a, const struct metric_pair *b)
{
    for (int side = 0; side < N_SIDES; side++)
        if (a->sides[side].start_unix_ms != b->sides[side].start_unix_ms ||
            a->sides[side].step_ms != b->sides[side].step_ms)
            return false;
    return true;
}

static int by_upper(const void *a, const void *b)
{
    double x = ((const struct bucket *)a)->upper, y = ((const struct bucket *)b)->upper;

    return (x > y) - (x < y);
}

static const char no_buckets[] =
    "a histogram needs one series per bucket, counted per interval, with the bucket's upper end in "
    "the label \"" BUCKET_LABEL "\", and at least two of them";

/* All buckets of the metric, of which this pair is one. 0: it has none that can be used. */
static size_t find_buckets(const struct sequential *run, struct bucket out[MAX_BUCKETS],
                           struct trace *trace)
{
    const struct metric_pair *own = run->input->pair;
    const struct judge_input *all = run->input->all;
    size_t n = 0;

    for (size_t i = 0; i < all->n_pairs; i++) {
        const struct metric_pair *pair = &all->pairs[i];
        const char *text = tag_map_get(&pair->tags, BUCKET_LABEL);
        char *end = NULL;

        if (!is_sibling(own, pair))
            continue;
        if (n == MAX_BUCKETS || !is_same_time(own, pair)) {
            sequential_refuse(trace, DECISION_NO_DATA,
                              n == MAX_BUCKETS ? "a histogram has more than 200 buckets"
                                               : "its buckets do not cover the same minutes");
            return 0;
        }
        out[n].pair = pair;
        out[n].upper = text ? strtod(text, &end) : NAN;
        if (!end || end == text || *end || isnan(out[n++].upper)) {
            sequential_refuse(trace, DECISION_NO_DATA, no_buckets);
            return 0;
        }
    }
    qsort(out, n, sizeof(*out), by_upper);
    if (n < 2)
        sequential_refuse(trace, DECISION_NO_DATA, no_buckets);
    return n < 2 ? 0 : n;
}

/* Counts of one minute, from cumulative ones; false when one is missing. A scrape that fell between
 * two buckets' updates may make one a little too small. */
static bool counts_at(const struct bucket *buckets, size_t n, enum side side, size_t at,
                      bool is_missing_zero, double *out)
{
    double before = 0;

    for (size_t k = 0; k < n; k++) {
        const struct pair_side *from = &buckets[k].pair->sides[side];
        double value = at < from->n_values ? from->values[at] : NAN;

        if (!isfinite(value) && !is_missing_zero)
            return false;
        value = isfinite(value) ? value : before;
        out[k] = fmax(0, value - before);
        before = fmax(before, value);
    }
    return true;
}

/* Probability that a request of the canary is in a higher bucket than one of the baseline. */
static double superiority(const struct multinomial_e *process)
{
    double below = 0, sum = 0;

    for (size_t k = 0; k < process->n_buckets; k++) {
        sum += process->sums_a[k] * (below + process->sums_b[k] / 2);
        below += process->sums_b[k];
    }
    return sum / process->total_a / process->total_b;
}

void sequential_histogram(const struct sequential *run, struct trace *out)
{
    bool is_missing_zero = run->input->policy->nan_strategy == NAN_REPLACE;
    double *counts[N_SIDES];
    struct multinomial_e process;
    struct bucket *buckets = arena_array(run->scratch, struct bucket, MAX_BUCKETS);
    size_t n_buckets = 0, i = 0;

    out->method = "multinomial";
    out->measure = "cles";
    out->unit = UNIT_PROBABILITY;
    if (!sequential_is_neutral(run))
        sequential_refuse(out, DECISION_ERROR,
                          "a histogram is tested for no change at all: leave out allowedIncrease, "
                          "allowedDecrease and the critical limits of effectSize");
    else
        n_buckets = find_buckets(run, buckets, out);
    if (n_buckets == 0)
        return;
    for (int side = 0; side < N_SIDES; side++)
        counts[side] = arena_array(run->scratch, double, n_buckets);
    multinomial_e_start(&process, n_buckets, MULTINOMIAL_PRIOR_DEFAULT, run->scratch);
    sequential_looks(run, 1, out);
    for (size_t k = 0; k < out->n_looks; k++) {
        struct evidence *look = &out->looks[k];
        double p;

        for (; i < look->n; i++)
            if (counts_at(buckets, n_buckets, SIDE_EXPERIMENT, run->minutes.index[i],
                          is_missing_zero, counts[SIDE_EXPERIMENT]) &&
                counts_at(buckets, n_buckets, SIDE_CONTROL, run->minutes.index[i], is_missing_zero,
                          counts[SIDE_CONTROL]))
                multinomial_e_add(&process, counts[SIDE_EXPERIMENT], counts[SIDE_CONTROL]);
        p = superiority(&process);
        look->high = sequential_evidence_for(process.log_e, p - 0.5);
        look->low = sequential_evidence_for(process.log_e, 0.5 - p);
        look->estimate = p;
    }
}
