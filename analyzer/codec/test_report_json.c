#include "analyzer/codec/test_report_json.h"

#include "base/instant.h"
#include "base/json.h"

#include <math.h>

#define MAX_EVIDENCE 300u /* looks that are written; of more, one in two, in three, ... */

/* A number that is finite, or null. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static void set_count(json_t *object, const char *key, size_t count)
{
    json_object_set_new(object, key, json_integer((json_int_t)count));
}

static json_t *effect_json(const struct effect *effect)
{
    static const char *const units[] = {
        [UNIT_METRIC] = "metric", [UNIT_RATIO] = "ratio", [UNIT_PROBABILITY] = "probability"};
    json_t *out = json_object();

    json_object_set_new(out, "measure", json_string(effect->measure));
    json_object_set_new(out, "estimate", number(effect->estimate));
    json_object_set_new(out, "lower", json_number_or_null(effect->lower));
    json_object_set_new(out, "upper", json_number_or_null(effect->upper));
    json_object_set_new(out, "unit", json_string(units[effect->unit]));
    return out;
}

static json_t *margins_json(const struct metric_policy *policy)
{
    bool is_up = policy->direction != DIRECTION_DECREASE;
    bool is_down = policy->direction != DIRECTION_INCREASE;
    json_t *out = json_object();

    json_object_set_new(out, "allowedIncrease", number(is_up ? policy->allowed_increase : NAN));
    json_object_set_new(out, "allowedDecrease", number(is_down ? policy->allowed_decrease : NAN));
    json_object_set_new(
        out, "criticalIncrease",
        number(is_up && policy->has_critical_increase ? policy->critical_increase : NAN));
    json_object_set_new(
        out, "criticalDecrease",
        number(is_down && policy->has_critical_decrease ? policy->critical_decrease : NAN));
    return out;
}

static json_t *counts_json(const struct test_report *report)
{
    json_t *out = json_object();

    set_count(out, "experiment", report->n[1]);
    set_count(out, "control", report->n[0]);
    json_object_set_new(out, "paired", json_boolean(report->is_paired));
    set_count(out, "removedNaN", report->n_removed_nan);
    set_count(out, "removedOutliers", report->n_removed_outliers);
    return out;
}

static json_t *memory_json(const struct test_report *report)
{
    json_t *out = json_object();

    json_object_set_new(out, "phi", number(report->phi));
    json_object_set_new(out, "varianceInflation", number(report->variance_inflation));
    json_object_set_new(out, "nEff", number(report->n_eff));
    json_object_set_new(out, "ljungBoxP", number(report->ljung_box_p));
    return out;
}

static json_t *instant_json(int64_t unix_ms)
{
    char text[INSTANT_TEXT_BYTES];

    return unix_ms ? json_string(instant_text(unix_ms * NS_PER_MS, text)) : json_null();
}

static json_t *sequential_json(const struct sequential_report *sequential)
{
    json_t *out = json_object(), *looks = json_array();
    size_t n_looks = sequential->n_looks, stride = (n_looks + MAX_EVIDENCE - 1) / MAX_EVIDENCE;

    json_object_set_new(out, "logE", number(sequential->log_e));
    json_object_set_new(out, "logEMax", number(sequential->log_e_max));
    json_object_set_new(out, "threshold", number(sequential->log_threshold));
    json_object_set_new(out, "alwaysValidP", number(sequential->always_valid_p));
    json_object_set_new(out, "firstCrossing", instant_json(sequential->first_crossing_unix_ms));
    json_object_set_new(out, "lower", json_number_or_null(sequential->lower));
    json_object_set_new(out, "upper", json_number_or_null(sequential->upper));
    set_count(out, "looks", n_looks);
    for (size_t i = 0; i < n_looks; i++) {
        const struct look *look = &sequential->looks[i];
        json_t *one;

        if (i % stride != 0 && i + 1 < n_looks &&
            look->unix_ms != sequential->first_crossing_unix_ms)
            continue;
        one = json_object();
        json_object_set_new(one, "at", instant_json(look->unix_ms));
        json_object_set_new(one, "logE", number(look->log_e));
        json_object_set_new(one, "estimate", number(look->estimate));
        json_object_set_new(one, "lower", json_number_or_null(look->lower));
        json_object_set_new(one, "upper", json_number_or_null(look->upper));
        json_array_append_new(looks, one);
    }
    json_object_set_new(out, "evidence", looks);
    return out;
}

static json_t *warnings_json(const struct test_report *report)
{
    json_t *out = json_array();

    for (size_t i = 0; i < report->n_warnings; i++)
        json_array_append_new(out, json_pack("{ssss}", "code", report->warnings[i].code, "message",
                                             report->warnings[i].text));
    return out;
}

/* What a test found; nothing for a metric that was refused before one. */
static void set_test(json_t *out, const struct test_report *report)
{
    static const char *const exactness[] = {[EXACTNESS_EXACT] = "exact",
                                            [EXACTNESS_ASYMPTOTIC] = "asymptotic",
                                            [EXACTNESS_APPROXIMATE] = "approximate"};
    static const char *const adjustments[] = {[MULTIPLICITY_NONE] = "none",
                                              [MULTIPLICITY_HOLM] = "holm",
                                              [MULTIPLICITY_BH] = "bh",
                                              [MULTIPLICITY_BY] = "by"};
    json_t *statistic = json_object(), *effects = json_array();

    json_object_set_new(out, "method", json_string(report->method));
    json_object_set_new(out, "exactness", json_string(exactness[report->exactness]));
    json_set_text(statistic, "name", report->statistic_name);
    json_object_set_new(statistic, "value", number(report->statistic));
    if (!isnan(report->df))
        json_object_set_new(statistic, "df", number(report->df));
    json_object_set_new(out, "statistic", statistic);
    json_object_set_new(out, "pValue", number(report->p));
    json_object_set_new(out, "pAdjusted", number(report->p_adjusted));
    json_object_set_new(out, "adjustment", json_string(adjustments[report->adjustment]));
    json_object_set_new(out, "effect", effect_json(&report->effect));
    for (size_t i = 0; i < report->n_effects; i++)
        json_array_append_new(effects, effect_json(&report->effects[i]));
    json_object_set_new(out, "effects", effects);
    json_object_set_new(out, "autocorrelation", memory_json(report));
    json_object_set_new(out, "minimumDetectableEffect", number(report->minimum_detectable_effect));
    json_object_set_new(out, "pointsNeeded",
                        report->points_needed ? json_integer((json_int_t)report->points_needed)
                                              : json_null());
}

json_t *test_report_json(const char *name, const struct test_report *report,
                         const struct metric_policy *policy)
{
    json_t *out = json_object();

    json_object_set_new(out, "name", json_string(name));
    if (report->method)
        set_test(out, report);
    json_object_set_new(out, "alpha", number(report->alpha));
    json_object_set_new(out, "confidenceLevel", number(1 - report->alpha));
    json_object_set_new(out, "margins", margins_json(policy));
    json_object_set_new(out, "n", counts_json(report));
    json_object_set_new(out, "decision", json_string(decision_name(report->decision)));
    if (report->sequential.looks)
        json_object_set_new(out, "sequential", sequential_json(&report->sequential));
    if (report->calibration.n_windows) {
        json_t *calibration = json_object();

        set_count(calibration, "windows", report->calibration.n_windows);
        json_object_set_new(calibration, "factor", number(report->calibration.factor));
        json_object_set_new(calibration, "falseAlarmRate",
                            number(report->calibration.false_alarm_rate));
        json_object_set_new(out, "calibration", calibration);
    }
    if (report->n_warnings)
        json_object_set_new(out, "warnings", warnings_json(report));
    return out;
}
