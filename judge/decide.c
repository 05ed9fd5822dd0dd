#include "judge/decide.h"

#include "judge/measure.h"
#include "judge/sentence.h"
#include "judge/settle.h"
#include "judge/stats/adjust.h"

#include <math.h>

#define PERCENT 100.0

/* Its one-sided p-value, or 1 when that direction does no harm. */
static double high_p(const struct test_report *report, const struct metric_policy *policy,
                     int margin)
{
    return policy->direction == DIRECTION_DECREASE ? 1 : report->above[margin];
}

static double low_p(const struct test_report *report, const struct metric_policy *policy,
                    int margin)
{
    return policy->direction == DIRECTION_INCREASE ? 1 : report->below[margin];
}

static double two_sided(double high, double low)
{
    return fmin(1, 2 * fmin(high, low));
}

double decide_p(const struct test_report *report, const struct metric_policy *policy)
{
    return isnan(report->above[MARGIN_ALLOWED]) ? NAN
                                                : two_sided(high_p(report, policy, MARGIN_ALLOWED),
                                                            low_p(report, policy, MARGIN_ALLOWED));
}

/* --- several metrics --- */

static bool is_tested(const struct test_report *report)
{
    return report && report->decision == DECISION_UNDECIDED;
}

/* Adjust the p-values of the family: the critical metrics, or those of one multiplicity. */
static void adjust_family(const struct metric_result *results, struct test_report *const *reports,
                          const struct metric_policy *policies, size_t n, bool is_critical,
                          enum multiplicity multiplicity, struct arena *arena)
{
    static const enum adjust_method methods[] = {[MULTIPLICITY_HOLM] = ADJUST_HOLM,
                                                 [MULTIPLICITY_BH] = ADJUST_BH,
                                                 [MULTIPLICITY_BY] = ADJUST_BY};
    double *p = arena_array(arena, double, n);
    struct test_report **family = arena_array(arena, struct test_report *, n);
    enum multiplicity how = is_critical ? MULTIPLICITY_HOLM : multiplicity;
    size_t n_family = 0;

    for (size_t i = 0; i < n; i++) {
        if (!is_tested(reports[i]) || results[i].is_muted ||
            policies[i].is_critical != is_critical ||
            policies[i].options.multiplicity != multiplicity)
            continue;
        family[n_family] = reports[i];
        p[n_family++] = decide_p(reports[i], &policies[i]);
    }
    if (n_family == 0)
        return;
    adjust_p_values(p, n_family, methods[how], arena, p);
    for (size_t i = 0; i < n_family; i++) {
        family[i]->p_adjusted = p[i];
        family[i]->adjustment = how;
    }
}

/* --- one metric --- */

struct margin {
    double neutral, low, high;
};

static struct margin margin_of(const struct test_report *report, const struct metric_policy *policy)
{
    /* "no change at all" may be tested on another scale than the policy's (margin_neutral) */
    bool is_neutral = measure_is_neutral(policy) || report->is_of_nothing;
    double low = is_neutral ? report->margin_neutral : policy->allowed_decrease;
    double high = is_neutral ? report->margin_neutral : policy->allowed_increase;

    return (struct margin){.neutral = report->margin_neutral,
                           .low = policy->direction == DIRECTION_INCREASE ? -INFINITY : low,
                           .high = policy->direction == DIRECTION_DECREASE ? INFINITY : high};
}

static bool is_bare_significance(const struct margin *margin)
{
    return (isinf(margin->low) || margin->low == margin->neutral) &&
           (isinf(margin->high) || margin->high == margin->neutral);
}

bool decide_is_significance_test(const struct test_report *report,
                                 const struct metric_policy *policy)
{
    struct margin margin = margin_of(report, policy);

    return is_bare_significance(&margin);
}

static bool is_inside(const struct effect *effect, const struct margin *margin)
{
    return (isinf(margin->high) || effect->upper <= margin->high) &&
           (isinf(margin->low) || effect->lower >= margin->low);
}

/* A change that is critical when the metric is: beyond the critical limit, or any where the config
 * gives none, or one that these data do not have (a ratio of a baseline below 0). */
static bool is_beyond_critical(const struct test_report *report, const struct metric_policy *policy,
                               bool is_high)
{
    double p = is_high ? report->above[MARGIN_CRITICAL] : report->below[MARGIN_CRITICAL];

    if (!(is_high ? policy->has_critical_increase : policy->has_critical_decrease))
        return true;
    return isnan(p) || 2 * p <= report->alpha;
}

/* Flagged although there is little to go by: only when the whole interval lies beyond an explicit
 * critical limit. */
static bool is_flaggable(const struct test_report *report, const struct metric_policy *policy,
                         bool is_high)
{
    double p = is_high ? report->above[MARGIN_CRITICAL] : report->below[MARGIN_CRITICAL];
    bool has_limit = is_high ? policy->has_critical_increase : policy->has_critical_decrease;

    return !report->is_uninformative || (has_limit && 2 * p <= report->alpha);
}

/* Whatever is unclear, it is not a change beyond the critical limit. */
static bool is_critical_excluded(const struct test_report *report,
                                 const struct metric_policy *policy, bool is_high)
{
    bool has_limit = is_high ? policy->has_critical_increase : policy->has_critical_decrease;

    return has_limit && !report->is_uninformative &&
           (is_high ? report->effect.upper <= policy->critical_increase
                    : report->effect.lower >= policy->critical_decrease);
}

static double grade_of(const struct test_report *report, const struct metric_policy *policy,
                       const struct margin *margin)
{
    double high = report->above[MARGIN_ALLOWED], low = report->below[MARGIN_ALLOWED];

    if (policy->direction == DIRECTION_EITHER)
        return is_bare_significance(margin) ? PERCENT : PERCENT * fmax(0, high + low - 1);
    return PERCENT * (policy->direction == DIRECTION_INCREASE ? high : low);
}

static void decide_tested(struct metric_result *result, struct test_report *report,
                          const struct metric_policy *policy)
{
    struct margin margin = margin_of(report, policy);
    /* a direction that does no harm ties with one that fits as badly as can be */
    bool is_high =
        policy->direction == DIRECTION_INCREASE ||
        (policy->direction == DIRECTION_EITHER &&
         high_p(report, policy, MARGIN_ALLOWED) <= low_p(report, policy, MARGIN_ALLOWED));

    /* evidence for harm is no measure of how well a metric does: then the classification counts */
    result->grade = report->sequential.looks ? NAN : grade_of(report, policy, &margin);
    if (report->p_adjusted <= report->alpha && is_flaggable(report, policy, is_high)) {
        report->decision = DECISION_HARM;
        result->classification = is_high ? CLASS_HIGH : CLASS_LOW;
        result->is_critical = policy->is_critical && is_beyond_critical(report, policy, is_high);
        result->grade = 0;
        return;
    }
    result->classification = CLASS_PASS;
    report->decision = !report->is_uninformative && is_inside(&report->effect, &margin)
                           ? DECISION_NON_INFERIOR
                           : DECISION_INCONCLUSIVE;
    if (report->decision == DECISION_NON_INFERIOR || is_bare_significance(&margin) ||
        (report->sequential.looks && policy->options.is_interim))
        return;
    if (policy->options.on_inconclusive == INCONCLUSIVE_NODATA)
        result->classification = settle_nodata(policy);
    if (policy->options.on_inconclusive == INCONCLUSIVE_FAIL) {
        result->classification = is_high ? CLASS_HIGH : CLASS_LOW;
        result->is_critical = policy->is_critical && !is_critical_excluded(report, policy, is_high);
    }
}

static void decide_one(struct metric_result *result, struct test_report *report,
                       const struct metric_policy *policy, struct arena *arena)
{
    if (report->decision == DECISION_ERROR) {
        result->classification = CLASS_ERROR;
        result->reason = report->reason;
        return;
    }
    if (report->decision == DECISION_NO_DATA)
        result->classification = settle_nodata(policy);
    else
        decide_tested(result, report, policy);
    result->reason = sentence_of(result, report, policy, arena);
}

void decide_all(struct metric_result *results, struct test_report *const *reports,
                const struct metric_policy *policies, size_t n_results, struct arena *arena)
{
    static const enum multiplicity adjustments[] = {MULTIPLICITY_HOLM, MULTIPLICITY_BH,
                                                    MULTIPLICITY_BY};

    for (size_t i = 0; i < n_results; i++)
        if (is_tested(reports[i]))
            reports[i]->p_adjusted = decide_p(reports[i], &policies[i]);
    for (int is_critical = 0; is_critical < 2; is_critical++)
        for (size_t k = 0; k < ARRAY_LEN(adjustments); k++)
            adjust_family(results, reports, policies, n_results, is_critical, adjustments[k],
                          arena);
    for (size_t i = 0; i < n_results; i++)
        if (reports[i])
            decide_one(&results[i], reports[i], &policies[i], arena);
}
