/* t-mixtures of Sequential-v1.0: ranks, means, and logarithms of rates.
 *
 * Evidence is that of differences d against 0. A limit becomes part of the data before: the
 * baseline times a ratio, the canary less a shift. Where it only moves the mean of d (means with a
 * shift, logarithms with a ratio, ranks with a probability of superiority) the looks against "no
 * change" are restated, which costs nothing. */
#include "judge/sequential.h"

#include "judge/measure.h"
#include "judge/stats/hodges_lehmann.h"
#include "judge/stats/t_mixture.h"

#include <math.h>
#include <string.h>

#define IID_FIRST_LOOK 3u /* with two points nothing is unlikely enough */

struct t_run {
    const struct sequential *run;
    enum t_mixture_variant variant;
    bool is_independent;
    const double *x, *y; /* what is compared: values, or logarithms of rates */
    bool is_log;
    struct trace *trace;
};

static const struct judge_options *options_of(const struct t_run *test)
{
    return &test->run->input->policy->options;
}

static enum effect_measure measure_of(const struct t_run *test)
{
    return test->run->input->policy->effect_measure;
}

static bool is_probability(enum effect_measure measure)
{
    return measure == EFFECT_CLES || measure == EFFECT_CLIFFS_DELTA;
}

/* --- looks --- */

static void independent_looks(const struct t_run *test, const double *x, const double *y,
                              struct arena *scratch, struct t_mixture *out)
{
    size_t n = test->run->minutes.n;
    double *d = arena_array(test->run->scratch, double, n);

    for (size_t i = 0; i < n; i++)
        d[i] = x[i] - y[i];
    for (size_t k = 0; k < test->trace->n_looks; k++) {
        t_mixture_iid(d, test->trace->looks[k].n, options_of(test)->prior_g,
                      options_of(test)->alpha, scratch, &out[k]);
        arena_reset(scratch);
    }
}

/* As long as there is a look at every minute they are cheaper together. */
static void har_looks(const struct t_run *test, const double *x, const double *y,
                      struct arena *scratch, struct t_mixture *out)
{
    const struct evidence *looks = test->trace->looks;
    size_t n_together = 1;
    struct t_mixture_sequence together;
    const struct t_mixture_settings settings = {.variant = test->variant,
                                                .g = options_of(test)->prior_g,
                                                .alpha = options_of(test)->alpha,
                                                .min_points = looks[0].n,
                                                .ratio = 1};

    while (n_together < test->trace->n_looks && looks[n_together].n == looks[0].n + n_together)
        n_together++;
    har_t_mixture_sequence(x, y, looks[n_together - 1].n, &settings, scratch, &together);
    memcpy(out, together.looks, n_together * sizeof(*out));
    for (size_t k = n_together; k < test->trace->n_looks; k++) {
        arena_reset(scratch);
        t_mixture_look(x, y, looks[k].n, &settings, scratch, &out[k]);
    }
}

static void looks_at(const struct t_run *test, const double *x, const double *y,
                     struct t_mixture *out)
{
    struct arena *scratch = arena_create();

    if (test->is_independent)
        independent_looks(test, x, y, scratch, out);
    else
        har_looks(test, x, y, scratch, out);
    arena_free(scratch);
}

/* factor * (values - by) */
static double *moved(const double *values, size_t n, double by, double factor,
                     struct arena *scratch)
{
    double *out = arena_array(scratch, double, n);

    for (size_t i = 0; i < n; i++)
        out[i] = factor * (values[i] - by);
    return out;
}

/* The limit lies in a mean of d, that of look k. */
static bool is_centre(const struct t_run *test)
{
    return test->is_log || is_probability(measure_of(test)) ||
           (measure_of(test) == EFFECT_SHIFT && test->variant == T_MIXTURE_MEAN);
}

/* The mean rank difference of n pairs is 2 n (P(x > y) - 1/2). */
static double centre_at(const struct t_run *test, double limit, size_t n)
{
    if (test->is_log)
        return log(limit);
    if (measure_of(test) == EFFECT_CLES)
        return 2 * (double)n * (limit - EFFECT_NEUTRAL_CLES);
    return measure_of(test) == EFFECT_CLIFFS_DELTA ? (double)n * limit : limit;
}

/* The looks against one limit, given those against "no change". */
static void looks_against(const struct t_run *test, double limit, const struct t_mixture *neutral,
                          struct t_mixture *out)
{
    struct arena *scratch = test->run->scratch;
    const struct judge_options *options = options_of(test);
    const struct t_mixture *from = neutral;
    size_t n = test->run->minutes.n;

    if (!is_centre(test) && limit != test->trace->neutral) {
        if (measure_of(test) == EFFECT_SHIFT)
            looks_at(test, moved(test->x, n, limit, 1, scratch), test->y, out);
        else
            looks_at(test, test->x, moved(test->y, n, 0, limit, scratch), out);
        from = out;
    }
    for (size_t k = 0; k < test->trace->n_looks; k++)
        t_mixture_restate(&from[k],
                          is_centre(test) ? centre_at(test, limit, test->trace->looks[k].n) : 0,
                          test->run->input->se_factor, options->prior_g, options->alpha, &out[k]);
}

static void gather_evidence(const struct t_run *test, const struct t_mixture *neutral)
{
    struct trace *trace = test->trace;
    struct limits limits = test->run->limits;
    struct t_mixture *high = arena_array(test->run->scratch, struct t_mixture, trace->n_looks);
    struct t_mixture *low = high;

    looks_against(test, limits.increase, neutral, high);
    if (limits.decrease != limits.increase) {
        low = arena_array(test->run->scratch, struct t_mixture, trace->n_looks);
        looks_against(test, limits.decrease, neutral, low);
    }
    for (size_t k = 0; k < trace->n_looks; k++) {
        trace->looks[k].high = sequential_evidence_for(high[k].log_e, high[k].t);
        trace->looks[k].low = sequential_evidence_for(low[k].log_e, -low[k].t);
    }
}

/* --- the effect --- */

static void set_effect(struct evidence *look, double estimate, double lower, double upper)
{
    look->estimate = estimate;
    look->lower = lower;
    look->upper = upper;
}

static void log_effects(const struct t_run *test, const struct t_mixture *looks)
{
    for (size_t k = 0; k < test->trace->n_looks; k++)
        set_effect(&test->trace->looks[k], exp(looks[k].centre),
                   exp(looks[k].centre - looks[k].radius), exp(looks[k].centre + looks[k].radius));
}

static void probability_effects(const struct t_run *test, const struct t_mixture *looks)
{
    bool is_cles = measure_of(test) == EFFECT_CLES;

    for (size_t k = 0; k < test->trace->n_looks; k++) {
        double n = (double)test->trace->looks[k].n;
        double delta = looks[k].centre / n, half = looks[k].radius / n;
        double lower = fmax(-1, delta - half), upper = fmin(1, delta + half);

        if (is_cles)
            set_effect(&test->trace->looks[k], (1 + delta) / 2, (1 + lower) / 2, (1 + upper) / 2);
        else
            set_effect(&test->trace->looks[k], delta, lower, upper);
    }
}

/* The values so far, ascending. */
static void insert(double *sorted, size_t n, double value)
{
    size_t at = n;

    while (at > 0 && sorted[at - 1] > value) {
        sorted[at] = sorted[at - 1];
        at--;
    }
    sorted[at] = value;
}

/* Hodges and Lehmann's interval with the quantile of the mixture: radius / se in place of t. */
static void rank_shift(const double *x_sorted, const double *y_sorted, size_t n, double radius,
                       struct arena *scratch, struct evidence *out)
{
    double count = (double)n, k = floor(count * count / 2 - count * radius / 2);
    struct hodges_lehmann shift;

    hodges_lehmann_interval(x_sorted, n, y_sorted, n, k >= 1 ? (uint64_t)k : 1, scratch, &shift);
    if (k >= 1)
        set_effect(out, shift.estimate, shift.lower, shift.upper);
    else
        set_effect(out, shift.estimate, -INFINITY, INFINITY);
}

/* Shifts as ratios of the baseline's level so far. */
static void as_ratio(struct evidence *look, double level)
{
    if (level > 0)
        set_effect(look, 1 + look->estimate / level, 1 + look->lower / level,
                   1 + look->upper / level);
    else
        set_effect(look, NAN, NAN, NAN);
}

static void shift_effects(const struct t_run *test, const struct t_mixture *looks, bool is_ratio)
{
    const struct minutes *minutes = &test->run->minutes;
    struct arena *scratch = arena_create();
    double *x = arena_array(test->run->scratch, double, minutes->n);
    double *y = arena_array(test->run->scratch, double, minutes->n);
    bool is_rank = test->variant == T_MIXTURE_RANK;
    double sum = 0;
    size_t i = 0;

    for (size_t k = 0; k < test->trace->n_looks; k++) {
        struct evidence *look = &test->trace->looks[k];
        double level;

        for (; i < look->n; i++) {
            sum += test->y[i];
            if (is_rank) {
                insert(x, i, test->x[i]);
                insert(y, i, test->y[i]);
            }
        }
        level = sum / (double)look->n;
        if (is_rank) {
            double median = describe_percentile(y, look->n, 50);

            level = median != 0 ? median : level;
            rank_shift(x, y, look->n, looks[k].radius, scratch, look);
            arena_reset(scratch);
        } else {
            set_effect(look, looks[k].centre, looks[k].centre - looks[k].radius,
                       looks[k].centre + looks[k].radius);
        }
        if (is_ratio)
            as_ratio(look, level);
    }
    arena_free(scratch);
}

static void measure_effects(const struct t_run *test, const struct t_mixture *looks)
{
    struct trace *trace = test->trace;
    bool is_ratio = measure_of(test) == EFFECT_MEAN_RATIO;

    if (test->is_log) {
        trace->measure = "rateRatio";
        trace->unit = UNIT_RATIO;
        log_effects(test, looks);
        return;
    }
    if (is_probability(measure_of(test))) {
        trace->measure = measure_of(test) == EFFECT_CLES ? "cles" : "cliffsDelta";
        trace->unit = UNIT_PROBABILITY;
        probability_effects(test, looks);
        return;
    }
    is_ratio = is_ratio && measure_level(test->run->input->arms) > 0;
    trace->measure = is_ratio ? "ratio" : "shift";
    trace->unit = is_ratio ? UNIT_RATIO : UNIT_METRIC;
    shift_effects(test, looks, is_ratio);
}

static void run_test(const struct t_run *test)
{
    const struct judge_options *options = options_of(test);
    struct arena *scratch = test->run->scratch;
    struct trace *trace = test->trace;
    struct t_mixture *neutral, *looks;

    trace->exactness = test->is_independent ? EXACTNESS_EXACT : EXACTNESS_APPROXIMATE;
    sequential_looks(test->run, test->is_independent ? IID_FIRST_LOOK : options->min_points, trace);
    if (trace->n_looks == 0)
        return;
    neutral = arena_array(scratch, struct t_mixture, trace->n_looks);
    looks = arena_array(scratch, struct t_mixture, trace->n_looks);
    looks_at(test, test->x, test->y, neutral);
    gather_evidence(test, neutral);
    for (size_t k = 0; k < trace->n_looks; k++)
        t_mixture_restate(&neutral[k], 0, test->run->input->se_factor, options->prior_g,
                          options->alpha, &looks[k]);
    measure_effects(test, looks);
    trace->t = looks[trace->n_looks - 1].t;
    trace->df = looks[trace->n_looks - 1].nu;
    trace->n_eff = looks[trace->n_looks - 1].n_eff;
}

/* A ratio of a level that is not above 0 says nothing. */
static bool has_scale(const struct sequential *run, struct trace *out)
{
    if (run->input->policy->effect_measure != EFFECT_MEAN_RATIO || sequential_is_neutral(run) ||
        measure_level(run->input->arms) >= 0)
        return true; /* at 0 every ratio is "no change" */
    sequential_refuse(out, DECISION_NO_DATA,
                      "the margins are ratios, which a baseline below 0 does not have; set "
                      "effectSize.measure to \"shift\" or \"cles\"");
    return false;
}

void sequential_t_ranks(const struct sequential *run, struct trace *out)
{
    const struct t_run test = {.run = run,
                               .variant = T_MIXTURE_RANK,
                               .x = run->minutes.x,
                               .y = run->minutes.y,
                               .trace = out};

    out->method = "t-mixture-rank-har";
    if (has_scale(run, out))
        run_test(&test);
}

void sequential_t_means(const struct sequential *run, struct trace *out)
{
    const struct judge_options *options = &run->input->policy->options;
    const struct t_run test = {.run = run,
                               .variant = T_MIXTURE_MEAN,
                               .is_independent =
                                   options->is_independent || options->method == METHOD_INDEPENDENT,
                               .x = run->minutes.x,
                               .y = run->minutes.y,
                               .trace = out};

    out->method = test.is_independent ? "t-mixture-mean-independent" : "t-mixture-mean-har";
    if (is_probability(run->input->policy->effect_measure))
        sequential_refuse(
            out, DECISION_ERROR,
            "means have no effect of the measure \"cles\" or \"cliffsDelta\"; leave out "
            "\"method\" for ranks, or set effectSize.measure to \"meanRatio\" or \"shift\"");
    else if (has_scale(run, out))
        run_test(&test);
}

void sequential_t_log_rates(const struct sequential *run, struct trace *out)
{
    const struct minutes *minutes = &run->minutes;
    double *x = arena_array(run->scratch, double, minutes->n);
    double *y = arena_array(run->scratch, double, minutes->n);
    const struct t_run test = {
        .run = run, .variant = T_MIXTURE_MEAN, .x = x, .y = y, .is_log = true, .trace = out};
    /* of the first minute's exposure, so that later ones do not change it; a unit would change the
     * last digits of the logarithms */
    int unit = minutes->n ? ilogb(minutes->exposure_x[0]) : 0;

    for (size_t i = 0; i < minutes->n; i++) { /* half an event keeps a quiet minute finite */
        x[i] = log((minutes->x[i] + 0.5) / ldexp(minutes->exposure_x[i], -unit));
        y[i] = log((minutes->y[i] + 0.5) / ldexp(minutes->exposure_y[i], -unit));
    }
    out->method = "t-mixture-log-rate-har";
    run_test(&test);
}
