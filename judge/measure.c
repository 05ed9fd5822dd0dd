#include "judge/measure.h"

#include "judge/stats/distribution.h"
#include "judge/stats/drift.h"
#include "judge/stats/effects.h"
#include "judge/stats/power.h"
#include "judge/stats/scale.h"

#include <math.h>

#define DRIFT_LEVEL 0.01
#define COUNT_SLACK 1e-9  /* of a value that is a count but for its rounding */
#define COUNTS_MOVED 0.25 /* of all events */
#define LJUNG_BOX_LAG 10u
#define SECONDS_PER_MINUTE 60.0

double measure_neutral(const struct metric_policy *policy)
{
    switch (policy->effect_measure) {
    case EFFECT_MEAN_RATIO:
        return EFFECT_NEUTRAL_MEAN_RATIO;
    case EFFECT_CLES:
        return EFFECT_NEUTRAL_CLES;
    default:
        return EFFECT_NEUTRAL_DIFFERENCE;
    }
}

bool measure_is_neutral(const struct metric_policy *policy)
{
    double neutral = measure_neutral(policy);

    return (policy->direction == DIRECTION_DECREASE || policy->allowed_increase == neutral) &&
           (policy->direction == DIRECTION_INCREASE || policy->allowed_decrease == neutral);
}

double measure_level(const struct arms *arms)
{
    const struct sample *control = &arms->sides[SIDE_CONTROL];
    double median = describe_percentile(control->sorted, control->n, 50), sum = 0;

    if (median != 0)
        return median;
    for (size_t i = 0; i < control->n; i++)
        sum += control->values[i];
    return sum / (double)control->n;
}

double measure_limit_as_shift(const struct metric_policy *policy, double limit, double level)
{
    if (policy->effect_measure == EFFECT_SHIFT)
        return limit;
    if (limit == EFFECT_NEUTRAL_MEAN_RATIO)
        return 0;
    return level >= 0 ? (limit - 1) * level : NAN;
}

double measure_increase(const struct metric_policy *policy, int margin)
{
    return margin == MARGIN_ALLOWED ? policy->allowed_increase : policy->critical_increase;
}

double measure_decrease(const struct metric_policy *policy, int margin)
{
    return margin == MARGIN_ALLOWED ? policy->allowed_decrease : policy->critical_decrease;
}

/* --- limits as data --- */

struct measure_limit measure_limit(const struct metric_policy *policy, double limit)
{
    struct measure_limit out = {.shift = 0, .factor = 1};

    if (policy->effect_measure == EFFECT_SHIFT)
        out.shift = limit;
    else if (policy->effect_measure == EFFECT_MEAN_RATIO)
        out.factor = limit;
    return out;
}

static void margin_p(struct measure_limit limit, const double neutral[2], measure_limit_test test,
                     void *ctx, double p[2])
{
    p[0] = neutral[0];
    p[1] = neutral[1];
    if (limit.shift != 0 || limit.factor != 1)
        test(ctx, limit, &p[0], &p[1]);
}

void measure_margins(const struct metric_policy *policy, const double neutral[2],
                     measure_limit_test test, void *ctx, struct test_report *out)
{
    for (int margin = MARGIN_ALLOWED; margin <= MARGIN_CRITICAL; margin++) {
        double high[2], low[2];

        if (margin == MARGIN_CRITICAL && !policy->is_critical)
            continue;
        margin_p(measure_limit(policy, measure_increase(policy, margin)), neutral, test, ctx, high);
        margin_p(measure_limit(policy, measure_decrease(policy, margin)), neutral, test, ctx, low);
        out->above[margin] = high[0];
        out->below[margin] = low[1];
    }
}

static bool has_neutral_critical_limits(const struct metric_policy *policy)
{
    double neutral = measure_neutral(policy);

    return !policy->is_critical ||
           (policy->critical_increase == neutral && policy->critical_decrease == neutral);
}

bool measure_is_testable(const struct test_input *input, struct test_report *out)
{
    enum effect_measure measure = input->policy->effect_measure;

    if ((measure != EFFECT_CLES && measure != EFFECT_CLIFFS_DELTA) ||
        (measure_is_neutral(input->policy) && has_neutral_critical_limits(input->policy)))
        return true;
    out->decision = DECISION_ERROR;
    out->reason = "this judge has no limits on the scales \"cles\" and \"cliffsDelta\"; set "
                  "effectSize.measure to \"meanRatio\" or \"shift\", or take RobustRank-v1.0";
    return false;
}

bool measure_has_points(size_t least, bool is_independent, struct arena *arena,
                        struct test_report *out)
{
    size_t n = out->n[0] < out->n[1] ? out->n[0] : out->n[1];

    if (n >= least)
        return true;
    out->decision = DECISION_NO_DATA;
    out->reason = arena_printf(arena, "too few points for %s test: %zu, at least %zu are needed",
                               is_independent ? "a" : "an autocorrelation-robust", n, least);
    return false;
}

void measure_refuse_ratio(struct test_report *out)
{
    out->decision = DECISION_NO_DATA;
    out->reason = "the margins are ratios, which a baseline below 0 does not have; set "
                  "effectSize.measure to \"shift\"";
}

enum measure_counts measure_counts(const struct arms *arms)
{
    double total = 0, moved = 0;

    for (int side = 0; side < N_SIDES; side++)
        for (size_t i = 0; i < arms->sides[side].n; i++) {
            double value = arms->sides[side].values[i], rest = fabs(value - round(value));

            if (!(value >= 0 && value <= MEASURE_LARGEST_COUNT))
                return COUNTS_NONE;
            total += value;
            moved += rest > COUNT_SLACK * fmax(1, value) ? rest : 0;
        }
    return moved == 0 ? COUNTS_WHOLE : moved <= COUNTS_MOVED * total ? COUNTS_ROUNDED : COUNTS_NONE;
}

double measure_informative_points(size_t n, double phi)
{
    return (double)n * (1 - phi) / (1 + phi);
}

double measure_mean(const double *values, size_t n, struct arena *scratch)
{
    int exponent = scale_exponent_of_two(values, n, NULL, 0);

    return ldexp(moments_of(scale_down(values, n, exponent, scratch), n).mean, exponent);
}

void measure_plan(double se, double df, double distance, struct test_report *out)
{
    size_t n = out->n[0] < out->n[1] ? out->n[0] : out->n[1];

    if (!isfinite(se))
        return;
    out->minimum_detectable_effect =
        se > 0 ? (t_quantile_two_sided(out->alpha, df) + t_quantile(POWER_DEFAULT, df)) * se : 0;
    out->points_needed =
        se > 0 ? power_points_needed((double)n, fabs(distance) / se, out->alpha, POWER_DEFAULT) : 0;
}

/* --- effects --- */

static void ratio_of_means(const struct arms *arms, double alpha, struct arena *scratch,
                           struct har_test *out)
{
    const struct sample *x = &arms->sides[SIDE_EXPERIMENT], *y = &arms->sides[SIDE_CONTROL];

    if (arms->is_paired)
        har_ratio_paired(x->values, y->values, x->n, alpha, scratch, out);
    else
        har_ratio_unpaired(x->values, x->n, y->values, y->n, alpha, scratch, out);
}

void measure_add_effects(const struct test_input *input, struct arena *scratch,
                         struct test_report *out)
{
    const struct sample *x = &input->arms->sides[SIDE_EXPERIMENT];
    const struct sample *y = &input->arms->sides[SIDE_CONTROL];
    struct effects effects;
    struct har_test ratio;

    effects_of_means(x->values, x->n, y->values, y->n, out->alpha, scratch, &effects);
    ratio_of_means(input->arms, out->alpha, scratch, &ratio);
    test_report_add_effect(out, (struct effect){"meanRatio", effects.mean_ratio, exp(ratio.lower),
                                                exp(ratio.upper), UNIT_RATIO});
    test_report_add_effect(
        out, (struct effect){"difference", effects.difference, NAN, NAN, UNIT_METRIC});
    test_report_add_effect(out, (struct effect){"hedgesG", effects.hedges_g, NAN, NAN, UNIT_RATIO});
}

/* x - y, minute by minute. */
static const double *differences(const struct arms *arms, struct arena *scratch)
{
    const struct sample *x = &arms->sides[SIDE_EXPERIMENT], *y = &arms->sides[SIDE_CONTROL];
    double *d = arena_array(scratch, double, x->n);

    for (size_t i = 0; i < x->n; i++)
        d[i] = x->values[i] - y->values[i];
    return d;
}

void measure_add_memory(const struct arms *arms, struct arena *scratch, struct test_report *out)
{
    double q, p;

    if (arms->is_paired) {
        ljung_box(differences(arms, scratch), arms->sides[0].n, LJUNG_BOX_LAG, scratch, &q,
                  &out->ljung_box_p);
        return;
    }
    for (int side = 0; side < N_SIDES; side++) {
        ljung_box(arms->sides[side].values, arms->sides[side].n, LJUNG_BOX_LAG, scratch, &q, &p);
        out->ljung_box_p = fmin(out->ljung_box_p, p);
    }
}

void measure_warn_of_drift(const struct arms *arms, struct arena *scratch, struct arena *arena,
                           struct test_report *out)
{
    size_t n = arms->sides[0].n;
    const double *d;
    struct long_run run;
    struct drift drift;

    if (!arms->is_paired)
        return;
    d = differences(arms, scratch);
    long_run_variance(d, n, scratch, &run);
    drift_test(d, n, run.omega, scratch, &drift);
    if (!(drift.p < DRIFT_LEVEL))
        return;
    test_report_warn(
        out, "drift",
        arms->step_s > 0
            ? arena_printf(arena,
                           "the difference changes during the analysis, most of all %.0f minutes "
                           "after its start (warm-up?); warmupMins drops the first minutes",
                           (double)(arms->index[SIDE_EXPERIMENT][drift.at] + 1) * arms->step_s /
                               SECONDS_PER_MINUTE)
            : "the difference changes during the analysis (warm-up?); warmupMins drops the first "
              "minutes");
}
