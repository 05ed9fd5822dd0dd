/* A judge that may be asked every minute: the probability that a canary without a change ever
 * raises an alarm, at any look of the run, is at most alpha.
 *
 * Each procedure gathers evidence E that is worth at most 1 on average while nothing has changed;
 * evidence that ever reaches 1/alpha is an alarm (Ville 1939), and it stays one when E falls again.
 * Everything is computed anew from the minutes since the canary's start: judging again, later or
 * after a restart repeats the earlier looks and adds to them.
 *
 * gauge, latency      ranks (default), means (method "har"), or means of points that are known to
 *                     be independent ("independent"): sequential_t.c
 * counter, errorRate  by `model`: logarithms of the rates ("har", the default), Poisson, tempered,
 *                     Bernoulli: sequential_t.c, sequential_counts.c
 * histogram           all buckets together: sequential_bets.c
 * assume              "exchangeable": bets on ranks, whatever the type but histogram
 *
 * The ranks and means of points that remember each other take a while to be judged: their first
 * look is at minPoints. The others look from the first minute on. */
#include "judge/judge.h"
#include "judge/measure.h"
#include "judge/sequential.h"
#include "judge/stats/distribution.h"

#include <math.h>

#define DENSE_LOOKS 720u      /* half a day of minutes */
#define TRUSTED_FIRST_LOOK 30 /* simulated error levels hold from here on */

/* --- what procedures share --- */

size_t sequential_next_look(size_t n)
{
    size_t step = 1;
    double sparse = (double)n / DENSE_LOOKS;

    while ((double)(2 * step) <= sparse * sparse)
        step *= 2;
    return (n / step + 1) * step;
}

void sequential_looks(const struct sequential *run, size_t first, struct trace *out)
{
    size_t n_minutes = run->minutes.n, k = 0;

    out->first_look = first;
    for (size_t n = first; n <= n_minutes; n = sequential_next_look(n))
        out->n_looks++;
    out->looks = arena_array(run->scratch, struct evidence, out->n_looks);
    for (size_t n = first; n <= n_minutes; n = sequential_next_look(n))
        out->looks[k++] = (struct evidence){.n = n, .estimate = NAN, .lower = NAN, .upper = NAN};
}

double sequential_evidence_for(double log_e, double sign)
{
    return sign > 0 ? log_e : fmin(log_e, 0);
}

bool sequential_is_neutral(const struct sequential *run)
{
    const struct metric_policy *policy = run->input->policy;
    double neutral = measure_neutral(policy);

    return (policy->direction == DIRECTION_DECREASE || run->limits.increase == neutral) &&
           (policy->direction == DIRECTION_INCREASE || run->limits.decrease == neutral);
}

void sequential_refuse(struct trace *out, enum decision decision, const char *reason)
{
    out->decision = decision;
    out->reason = reason;
}

/* --- minutes --- */

static bool is_count(const struct metric_policy *policy)
{
    return policy->options.metric_type == TYPE_COUNTER ||
           policy->options.metric_type == TYPE_ERROR_RATE;
}

static double exposure_at(const struct pair_side *side, size_t i)
{
    return i < side->n_values ? side->values[i] : NAN;
}

static bool covers(const struct metric_pair *exposure, const struct metric_pair *pair)
{
    for (int side = 0; side < N_SIDES; side++)
        if (exposure->sides[side].start_unix_ms != pair->sides[side].start_unix_ms ||
            exposure->sides[side].step_ms != pair->sides[side].step_ms)
            return false;
    return true;
}

/* How often an event happened in one minute: as given, or a share of the requests. */
static bool count_of(const struct test_input *input, double value, double requests, double *out,
                     struct test_report *report)
{
    bool is_share = input->policy->options.metric_type == TYPE_ERROR_RATE;

    *out = is_share ? round(value * requests) : value;
    if (is_share && !(value >= 0 && value <= 1))
        return test_refuse(report, DECISION_ERROR,
                           "an error rate is a share from 0 to 1, and a value is not; rescale the "
                           "query, or set metricType to \"counter\"");
    return value >= 0 || test_refuse(report, DECISION_ERROR,
                                     "a count is below 0; counts per interval are needed, such as "
                                     "those of increase() in Prometheus");
}

/* Minutes with traffic on both sides; those without say nothing about rates. */
static bool gather_counts(const struct test_input *input, struct arena *scratch,
                          struct minutes *out, struct test_report *report)
{
    const struct arms *arms = input->arms;
    const struct sample *x = &arms->sides[SIDE_EXPERIMENT], *y = &arms->sides[SIDE_CONTROL];
    double *kept[4];
    size_t *index = arena_array(scratch, size_t, x->n);

    for (size_t k = 0; k < ARRAY_LEN(kept); k++)
        kept[k] = arena_array(scratch, double, x->n);
    if (!input->exposure && input->policy->options.metric_type == TYPE_ERROR_RATE)
        return test_refuse(
            report, DECISION_ERROR,
            "the metricType \"errorRate\" needs exposureMetric, the requests of each "
            "interval; without them leave out metricType, for ranks");
    if (input->exposure && !covers(input->exposure, input->pair))
        return test_refuse(report, DECISION_NO_DATA,
                           "the exposure metric does not cover the same minutes");
    for (size_t i = 0; i < x->n; i++) {
        size_t at = arms->index[SIDE_EXPERIMENT][i];
        double r = 1, s = 1;

        if (input->exposure) {
            r = exposure_at(&input->exposure->sides[SIDE_EXPERIMENT], at);
            s = exposure_at(&input->exposure->sides[SIDE_CONTROL], at);
        }
        if (!(r > 0 && s > 0 && isfinite(r) && isfinite(s)))
            continue;
        if (!count_of(input, x->values[i], r, &kept[0][out->n], report) ||
            !count_of(input, y->values[i], s, &kept[1][out->n], report))
            return false;
        kept[2][out->n] = r;
        kept[3][out->n] = s;
        index[out->n++] = at;
    }
    out->x = kept[0];
    out->y = kept[1];
    out->exposure_x = kept[2];
    out->exposure_y = kept[3];
    out->index = index;
    if (!input->exposure)
        test_report_warn(report, "equalExposure",
                         "both sides are taken to have the same traffic; name the metric that "
                         "counts requests in exposureMetric");
    return out->n > 0 ||
           test_refuse(report, DECISION_NO_DATA, "no minute has traffic on both sides");
}

static bool gather(const struct test_input *input, struct arena *scratch, struct minutes *out,
                   struct test_report *report)
{
    const struct arms *arms = input->arms;
    double *ones;

    if (input->policy->options.is_sliding)
        return test_refuse(report, DECISION_ERROR,
                           "needs a growing interval: set lookbackMins to 0");
    if (input->policy->options.pairing == POINTS_UNPAIRED)
        return test_refuse(
            report, DECISION_ERROR,
            "this judge compares minutes with the same minute of the other side, which "
            "\"pairing\": \"unpaired\" forbids");
    if (!arms->is_paired)
        return test_refuse(report, DECISION_NO_DATA,
                           "the two sides do not start at the same time with the same step; set "
                           "\"pairing\" to \"paired\" to compare them in their order");
    if (is_count(input->policy))
        return gather_counts(input, scratch, out, report);
    ones = arena_array(scratch, double, arms->sides[0].n);
    for (size_t i = 0; i < arms->sides[0].n; i++)
        ones[i] = 1;
    *out = (struct minutes){.x = arms->sides[SIDE_EXPERIMENT].values,
                            .y = arms->sides[SIDE_CONTROL].values,
                            .exposure_x = ones,
                            .exposure_y = ones,
                            .index = arms->index[SIDE_EXPERIMENT],
                            .n = arms->sides[0].n};
    return true;
}

/* --- procedures --- */

typedef void (*procedure_fn)(const struct sequential *run, struct trace *out);

static procedure_fn procedure_of(const struct metric_policy *policy)
{
    const struct judge_options *options = &policy->options;

    if (options->metric_type == TYPE_HISTOGRAM)
        return sequential_histogram;
    if (options->assumption == ASSUME_EXCHANGEABLE)
        return sequential_bets;
    if (!is_count(policy))
        return options->method == METHOD_DEFAULT && !options->is_independent ? sequential_t_ranks
                                                                             : sequential_t_means;
    switch (options->model) {
    case MODEL_POISSON:
    case MODEL_TEMPERED:
        return sequential_poisson;
    case MODEL_BERNOULLI:
        return sequential_bernoulli;
    default:
        return sequential_t_log_rates;
    }
}

static bool is_har(procedure_fn procedure, const struct judge_options *options)
{
    return procedure == sequential_t_ranks || procedure == sequential_t_log_rates ||
           (procedure == sequential_t_means && !options->is_independent &&
            options->method != METHOD_INDEPENDENT) ||
           (procedure == sequential_poisson && options->model == MODEL_TEMPERED);
}

/* A direction that does no harm is not worth looks of its own. */
static struct limits limits_of(const struct metric_policy *policy, int margin)
{
    double increase = measure_increase(policy, margin), decrease = measure_decrease(policy, margin);

    return (struct limits){policy->direction == DIRECTION_DECREASE ? decrease : increase,
                           policy->direction == DIRECTION_INCREASE ? increase : decrease};
}

static struct trace run_at(procedure_fn procedure, struct sequential *run, int margin)
{
    struct trace trace = {
        .neutral = measure_neutral(run->input->policy), .t = NAN, .df = NAN, .n_eff = NAN};

    run->limits = limits_of(run->input->policy, margin);
    procedure(run, &trace);
    return trace;
}

/* --- the report --- */

static double combined(const struct evidence *look, enum direction direction)
{
    return direction == DIRECTION_INCREASE   ? look->high
           : direction == DIRECTION_DECREASE ? look->low
                                             : fmax(look->high, look->low);
}

/* Half of the always-valid p-value, as two such halves make a two-sided test. */
static void set_p(const struct trace *trace, int margin, struct test_report *out)
{
    double high = 0, low = 0;

    for (size_t k = 0; k < trace->n_looks; k++) {
        high = fmax(high, trace->looks[k].high);
        low = fmax(low, trace->looks[k].low);
    }
    out->above[margin] = p_value(exp(-high)) / 2;
    out->below[margin] = p_value(exp(-low)) / 2;
}

static int64_t time_of(const struct sequential *run, size_t n)
{
    const struct pair_side *side = &run->input->pair->sides[SIDE_EXPERIMENT];

    return side->start_unix_ms + (int64_t)run->minutes.index[n - 1] * side->step_ms;
}

static void set_sequential(const struct sequential *run, const struct trace *trace,
                           struct test_report *out)
{
    enum direction direction = run->input->policy->direction;
    struct sequential_report *sequential = &out->sequential;
    struct look *looks = arena_array(run->arena, struct look, trace->n_looks + 1);
    double most = 0;

    sequential->looks = looks;
    sequential->n_looks = trace->n_looks;
    sequential->log_threshold = -log(out->alpha);
    sequential->always_valid_p = 1;
    for (size_t k = 0; k < trace->n_looks; k++) {
        const struct evidence *from = &trace->looks[k];

        looks[k] = (struct look){.unix_ms = time_of(run, from->n),
                                 .log_e = combined(from, direction),
                                 .estimate = from->estimate,
                                 .lower = from->lower,
                                 .upper = from->upper};
        most = k == 0 ? looks[k].log_e : fmax(most, looks[k].log_e);
        if (!sequential->first_crossing_unix_ms && looks[k].log_e >= sequential->log_threshold)
            sequential->first_crossing_unix_ms = looks[k].unix_ms;
        sequential->log_e = looks[k].log_e;
        sequential->log_e_max = most;
        sequential->always_valid_p = p_value(fmin(1, exp(-most)));
        sequential->lower = from->lower;
        sequential->upper = from->upper;
    }
}

static void fill(const struct sequential *run, const struct trace *trace, struct test_report *out)
{
    const struct evidence *last = trace->n_looks ? &trace->looks[trace->n_looks - 1] : NULL;

    out->method = trace->method;
    out->exactness = trace->exactness;
    out->is_of_nothing = trace->unit == UNIT_METRIC &&
                         run->input->policy->effect_measure == EFFECT_MEAN_RATIO &&
                         measure_level(run->input->arms) == 0;
    out->margin_neutral = trace->unit == UNIT_METRIC ? EFFECT_NEUTRAL_DIFFERENCE : trace->neutral;
    out->effect = (struct effect){.measure = trace->measure,
                                  .estimate = last ? last->estimate : NAN,
                                  .lower = last ? last->lower : NAN,
                                  .upper = last ? last->upper : NAN,
                                  .unit = trace->unit};
    if (last && !isnan(trace->t)) {
        out->statistic_name = "T";
        out->statistic = trace->t;
        out->df = trace->df;
        out->n_eff = trace->n_eff;
        out->variance_inflation = (double)last->n / trace->n_eff;
    }
    out->points_needed = last ? 0 : trace->first_look;
    set_sequential(run, trace, out);
    set_p(trace, MARGIN_ALLOWED, out);
    out->p = out->sequential.always_valid_p;
}

static void warn(const struct test_input *input, procedure_fn procedure, struct test_report *out)
{
    const struct metric_policy *policy = input->policy;

    if (policy->outlier_strategy == OUTLIERS_REMOVE && out->n_removed_outliers)
        test_report_warn(out, "outliersRemoved",
                         "what is an outlier depends on later points, so that an alarm may be "
                         "taken back; ranks need no outliers removed");
    if (is_har(procedure, &policy->options) && policy->options.min_points < TRUSTED_FIRST_LOOK)
        test_report_warn(out, "earlyLooks",
                         "looks before 30 points raise more false alarms than alpha says");
}

static void sequential_test(const struct test_input *input, struct arena *scratch,
                            struct arena *arena, struct test_report *out)
{
    const struct metric_policy *policy = input->policy;
    struct sequential run = {.input = input, .arena = arena, .scratch = scratch};
    procedure_fn procedure = procedure_of(policy);
    struct trace trace;

    if (!gather(input, scratch, &run.minutes, out))
        return;
    if (is_count(policy) && policy->effect_measure != EFFECT_MEAN_RATIO) {
        test_refuse(out, DECISION_ERROR,
                    "counts are compared by the ratio of their rates; set effectSize.measure to "
                    "\"rateRatio\"");
        return;
    }
    trace = run_at(procedure, &run, MARGIN_ALLOWED);
    if (trace.decision) {
        test_refuse(out, trace.decision, trace.reason);
        return;
    }
    fill(&run, &trace, out);
    warn(input, procedure, out);
    if (policy->is_critical && (policy->has_critical_increase || policy->has_critical_decrease)) {
        trace = run_at(procedure, &run, MARGIN_CRITICAL);
        if (trace.decision == DECISION_ERROR)
            test_refuse(out, trace.decision, trace.reason);
        else if (!trace.decision) /* else NaN: these data have no such limit */
            set_p(&trace, MARGIN_CRITICAL, out);
    }
    if (!is_count(policy) && policy->options.metric_type != TYPE_HISTOGRAM) {
        measure_add_effects(input, scratch, out);
        measure_add_memory(input->arms, scratch, out);
        measure_warn_of_drift(input->arms, scratch, arena, out);
    }
}

const struct judge_type judge_sequential = {
    .name = "Sequential-v1.0",
    .is_visible = true,
    .needs_growth = true,
    .methods = 1u << METHOD_HAR | 1u << METHOD_INDEPENDENT,
    .test = sequential_test,
};
