#include "judge/rate_counts.h"

#include "judge/measure.h"

#include <math.h>

#define MS_PER_S 1000.0

/* The exposure at the metric's point `i`; NaN where there is none. Points are matched by the
 * interval they lie in; without a step, by their number. */
static double exposure_at(const struct pair_side *metric, const struct pair_side *exposure,
                          size_t i)
{
    double at = (double)i;

    if (metric->step_ms > 0 && exposure->step_ms > 0)
        at = floor(((double)metric->start_unix_ms - (double)exposure->start_unix_ms +
                    (double)i * (double)metric->step_ms) /
                   (double)exposure->step_ms);
    return at >= 0 && at < (double)exposure->n_values ? exposure->values[(size_t)at] : NAN;
}

/* What the metric says about one interval, as a count. */
static bool count_of(double value, double exposure, const struct metric_policy *policy,
                     struct arena *arena, double *out, struct test_report *report)
{
    if (policy->options.metric_type == TYPE_ERROR_RATE) {
        *out = round(value * exposure);
        return (value >= 0 && value <= 1) ||
               test_refuse(
                   report, DECISION_ERROR,
                   arena_printf(arena,
                                "an error rate is a share from 0 to 1, and one value is %g; "
                                "rescale the query",
                                value));
    }
    *out = round(value);
    return true;
}

static bool may_count(const struct test_input *input, struct test_report *out)
{
    enum measure_counts counts = input->policy->options.metric_type == TYPE_ERROR_RATE
                                     ? COUNTS_WHOLE
                                     : measure_counts(input->arms);

    if (counts == COUNTS_ROUNDED)
        test_report_warn(out, "roundedCounts",
                         "the counts have fractions, as a store's extrapolation makes them, and "
                         "were rounded");
    return counts != COUNTS_NONE ||
           test_refuse(
               out, DECISION_ERROR,
               "the values are no numbers of events; query them per interval (in Prometheus "
               "with increase()), set metricType to \"errorRate\" if they are a share, or take "
               "RobustRank-v1.0");
}

static bool may_align(const struct test_input *input, struct arena *arena, struct test_report *out)
{
    const struct metric_pair *metric = input->pair, *exposure = input->exposure;

    for (int side = 0; side < N_SIDES; side++)
        if (exposure && metric->sides[side].step_ms > 0 && exposure->sides[side].step_ms > 0 &&
            metric->sides[side].step_ms != exposure->sides[side].step_ms)
            return test_refuse(
                out, DECISION_ERROR,
                arena_printf(arena,
                             "the points of the exposure metric are %g s apart, those of "
                             "the metric %g s; query both with one step",
                             (double)exposure->sides[side].step_ms / MS_PER_S,
                             (double)metric->sides[side].step_ms / MS_PER_S));
    return true;
}

static bool is_exposed(double exposure)
{
    return exposure > 0 && isfinite(exposure);
}

static bool add(const struct metric_policy *policy, struct rate_side *to, double value,
                double exposure, struct arena *arena, struct test_report *out)
{
    double events;

    if (!count_of(value, exposure, policy, arena, &events, out))
        return false;
    to->events[to->n] = events;
    to->exposure[to->n++] = exposure;
    to->total += events;
    to->exposed += exposure;
    return true;
}

bool rate_counts_read(const struct test_input *input, struct arena *scratch, struct arena *arena,
                      struct rate_side out[N_SIDES], struct test_report *report)
{
    const struct arms *arms = input->arms;

    if (!may_align(input, arena, report) || !may_count(input, report))
        return false;
    if (!input->exposure && input->policy->options.metric_type == TYPE_ERROR_RATE)
        return test_refuse(
            report, DECISION_ERROR,
            "the metricType \"errorRate\" needs exposureMetric, the requests of each "
            "interval; without them take RobustRank-v1.0");
    for (int side = 0; side < N_SIDES; side++)
        out[side] =
            (struct rate_side){.events = arena_array(scratch, double, arms->sides[side].n),
                               .exposure = arena_array(scratch, double, arms->sides[side].n)};
    for (int side = 0; side < N_SIDES; side++) {
        for (size_t k = 0; k < arms->sides[side].n; k++) {
            double exposure[N_SIDES] = {1, 1};
            bool is_usable = true;

            for (int each = 0; each < N_SIDES && input->exposure; each++)
                if (each == side || arms->is_paired) {
                    exposure[each] =
                        exposure_at(&input->pair->sides[each], &input->exposure->sides[each],
                                    arms->index[each][k]);
                    is_usable = is_usable && is_exposed(exposure[each]);
                }
            if (is_usable && !add(input->policy, &out[side], arms->sides[side].values[k],
                                  exposure[side], arena, report))
                return false;
        }
        report->n[side] = out[side].n;
    }
    if (out[0].n == 0 || out[1].n == 0)
        return test_refuse(report, DECISION_NO_DATA, "no interval has exposure on both sides");
    for (int side = 0; side < N_SIDES; side++) {
        if (!isfinite(out[side].exposed) || out[side].total > MEASURE_LARGEST_COUNT)
            return test_refuse(report, DECISION_ERROR,
                               "the counts or exposures are too large to add up");
        out[side].rate = out[side].total / out[side].exposed;
    }
    return true;
}
