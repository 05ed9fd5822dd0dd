#include "judge/test_report.h"

#include <math.h>

#define STUDENT_HAS_VARIANCE 2.0 /* degrees of freedom, from there on */

const char *decision_name(enum decision decision)
{
    static const char *const names[] = {
        [DECISION_UNDECIDED] = "undecided",       [DECISION_HARM] = "harm",
        [DECISION_NON_INFERIOR] = "non-inferior", [DECISION_INCONCLUSIVE] = "inconclusive",
        [DECISION_NO_DATA] = "no-data",           [DECISION_ERROR] = "error",
    };

    return names[decision];
}

struct test_report test_report_start(const struct judge_options *options)
{
    const struct effect none = {.estimate = NAN, .lower = NAN, .upper = NAN};

    return (struct test_report){
        .exactness = EXACTNESS_ASYMPTOTIC,
        .statistic = NAN,
        .df = NAN,
        .p = NAN,
        .alpha = options->alpha,
        .effect = none,
        .margin_neutral = NAN,
        .above = {NAN, NAN},
        .below = {NAN, NAN},
        .phi = NAN,
        .variance_inflation = NAN,
        .n_eff = NAN,
        .ljung_box_p = NAN,
        .minimum_detectable_effect = NAN,
        .sequential = {.log_e = NAN,
                       .log_e_max = NAN,
                       .log_threshold = NAN,
                       .always_valid_p = NAN,
                       .lower = NAN,
                       .upper = NAN},
        .calibration = {.factor = NAN, .false_alarm_rate = NAN},
        .p_adjusted = NAN,
    };
}

bool test_report_has_standard_error(const struct test_report *report)
{
    char initial = report->statistic_name ? report->statistic_name[0] : '\0';

    return isfinite(report->statistic) &&
           (report->df > STUDENT_HAS_VARIANCE || initial == 'z' || initial == 'Z');
}

double test_statistic_variance(double df)
{
    return df > STUDENT_HAS_VARIANCE && isfinite(df) ? df / (df - STUDENT_HAS_VARIANCE) : 1;
}

bool test_refuse(struct test_report *report, enum decision decision, const char *reason)
{
    report->decision = decision;
    report->reason = reason;
    return false;
}

void test_report_warn(struct test_report *report, const char *code, const char *text)
{
    if (report->n_warnings < MAX_WARNINGS)
        report->warnings[report->n_warnings++] = (struct warning){code, text};
}

void test_report_add_effect(struct test_report *report, struct effect effect)
{
    if (report->n_effects < MAX_EFFECTS)
        report->effects[report->n_effects++] = effect;
}
