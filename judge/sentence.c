#include "judge/sentence.h"

#include "judge/decide.h"
#include "judge/measure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 32
#define PERCENT 100.0
#define EXPONENT_FROM 999.5 /* where three digits would need one */
#define SECONDS_PER_MINUTE 60.0
#define FEW_MINUTES 100.0
#define MS_PER_MINUTE 60000
#define MINUTES_PER_DAY 1440
#define LOG_ODDS_MOST 600.0 /* beyond it there is no number for the odds */
#define MUCH_LONGER 20      /* times as long is no advice */

/* Three significant digits, without an exponent where a reader would not want one. */
static const char *number(double value, char text[TEXT_BYTES])
{
    double size = fabs(value);

    if (isnan(value))
        return "unknown";
    if (isinf(value))
        return value > 0 ? "infinity" : "-infinity";
    if (size >= EXPONENT_FROM && size < 1e9)
        snprintf(text, TEXT_BYTES, "%.0f", value);
    else
        snprintf(text, TEXT_BYTES, "%.3g", size == 0 ? 0 : value); /* no "-0" */
    return text;
}

/* "8.1 %" of a ratio of 1.081. */
static const char *percent(double ratio, bool has_sign, char text[TEXT_BYTES])
{
    double value = (ratio - 1) * PERCENT;
    char plain[TEXT_BYTES];

    snprintf(text, TEXT_BYTES, "%s%.20s %%", has_sign && value > 0 ? "+" : "",
             number(fabs(value) < 1e-9 ? 0 : value, plain));
    return text;
}

static bool is_ratio(const struct effect *effect)
{
    return effect->unit == UNIT_RATIO && strcmp(effect->measure, "ratio") == 0;
}

/* A value on the scale of the effect: "8.1 %" for a ratio, "8.1" for others. */
static const char *value(const struct effect *effect, double at, bool has_sign,
                         char text[TEXT_BYTES])
{
    return is_ratio(effect) ? percent(at, has_sign, text) : number(at, text);
}

/* What the number of the effect is called, where it is not a change in percent. */
static const char *subject(const struct effect *effect)
{
    static const struct {
        const char *measure, *subject;
    } subjects[] = {
        {"shift", "shift of the canary"},
        {"difference", "difference of the means"},
        {"cles", "probability that a canary point is the higher one"},
        {"cliffsDelta", "Cliff's delta"},
        {"rateRatio", "ratio of the rates"},
        {"quantileDifference", "difference of the quantiles"},
        {"distance", "largest difference of the distributions"},
        {"oddsRatio", "odds ratio"},
    };

    for (size_t i = 0; i < ARRAY_LEN(subjects); i++)
        if (strcmp(subjects[i].measure, effect->measure) == 0)
            return subjects[i].subject;
    return effect->measure;
}

static const char *interval(const struct test_report *report, bool has_sign, struct arena *arena)
{
    const struct effect *effect = &report->effect;
    char lower[TEXT_BYTES], upper[TEXT_BYTES], level[TEXT_BYTES];

    if (isnan(effect->lower) || isnan(effect->upper))
        return "";
    snprintf(level, TEXT_BYTES, "%.6g", (1 - report->alpha) * PERCENT);
    return arena_printf(arena, " (%s %% interval %s to %s)", level,
                        value(effect, effect->lower, has_sign, lower),
                        value(effect, effect->upper, has_sign, upper));
}

/* "rose by 8.1 % (98 % interval 0.4 % to 15.2 %)", or "has a shift of the canary of 3 (..)". */
static const char *change(const struct test_report *report, struct arena *arena)
{
    const struct effect *effect = &report->effect;
    char text[TEXT_BYTES];

    if (isnan(effect->estimate))
        return arena_printf(arena, "has no %s", subject(effect));
    if (is_ratio(effect) && effect->estimate >= 1)
        return arena_printf(arena, "rose by %s%s", percent(effect->estimate, false, text),
                            interval(report, false, arena));
    if (is_ratio(effect))
        return arena_printf(arena, "fell by %s%s", percent(2 - effect->estimate, false, text),
                            interval(report, true, arena));
    return arena_printf(arena, "has a %s of %s%s", subject(effect), number(effect->estimate, text),
                        interval(report, false, arena));
}

static const char *points(const struct test_report *report, struct arena *arena)
{
    size_t n = report->n[0] < report->n[1] ? report->n[0] : report->n[1];
    char text[TEXT_BYTES];

    if (isnan(report->n_eff) || report->n_eff > (double)n - 0.5)
        return arena_printf(arena, n == 1 ? "%zu point" : "%zu points", n);
    return arena_printf(arena, "%s effective of %zu points", number(floor(report->n_eff), text), n);
}

static const char *harm(const struct metric_result *result, const struct test_report *report,
                        const struct metric_policy *policy, struct arena *arena)
{
    const struct effect *effect = &report->effect;
    bool is_high = result->classification == CLASS_HIGH;
    double limit = is_high ? policy->allowed_increase : policy->allowed_decrease;
    char text[TEXT_BYTES];

    if (strcmp(effect->measure, "distance") == 0)
        return arena_printf(arena, "%s %s, towards %s values%s; %s.", result->pair->name,
                            change(report, arena), is_high ? "higher" : "lower",
                            result->is_critical ? " (critical)" : "", points(report, arena));
    if (measure_is_neutral(policy) || report->is_of_nothing)
        limit = report->margin_neutral; /* maybe on another scale than the policy's */
    return arena_printf(arena, "%s %s, %s the allowed %s%s; %s.", result->pair->name,
                        change(report, arena), is_high ? "above" : "below",
                        value(effect, limit, false, text), result->is_critical ? " (critical)" : "",
                        points(report, arena));
}

/* A limit of the policy: in percent when it is a ratio, whatever the effect is. */
static const char *limit_text(const struct metric_policy *policy, double limit, bool has_sign,
                              char text[TEXT_BYTES])
{
    return policy->effect_measure == EFFECT_MEAN_RATIO ? percent(limit, has_sign, text)
                                                       : number(limit, text);
}

/* "an increase above 5 %", for the direction that counts */
static const char *excess_of(const struct metric_policy *policy, bool is_negated,
                             struct arena *arena)
{
    char high[TEXT_BYTES], low[TEXT_BYTES];

    if (policy->direction == DIRECTION_INCREASE)
        return arena_printf(arena, "%s increase above %s", is_negated ? "no" : "an",
                            limit_text(policy, policy->allowed_increase, false, high));
    if (policy->direction == DIRECTION_DECREASE)
        return arena_printf(arena, "%s decrease below %s", is_negated ? "no" : "a",
                            limit_text(policy, policy->allowed_decrease, true, low));
    return arena_printf(arena, "%s change beyond %s or %s", is_negated ? "no" : "a",
                        limit_text(policy, policy->allowed_decrease, true, low),
                        limit_text(policy, policy->allowed_increase, true, high));
}

static const char *excess(const struct metric_policy *policy, struct arena *arena)
{
    return excess_of(policy, false, arena);
}

static const char *non_inferior(const struct metric_result *result,
                                const struct test_report *report,
                                const struct metric_policy *policy, struct arena *arena)
{
    return arena_printf(arena, "%s %s, which excludes %s.", result->pair->name,
                        change(report, arena), excess(policy, arena));
}

static const char *more_time(const struct test_report *report, struct arena *arena)
{
    size_t n = report->n[0] < report->n[1] ? report->n[0] : report->n[1];
    double minutes;
    char text[TEXT_BYTES];

    if (report->points_needed <= n)
        return "";
    if (report->points_needed / MUCH_LONGER >= n)
        return ", and it is too close to that to ever tell";
    if (report->step_s <= 0)
        return arena_printf(arena, ": about %zu more point%s needed", report->points_needed - n,
                            report->points_needed - n == 1 ? "" : "s");
    minutes = ceil((double)(report->points_needed - n) * report->step_s / SECONDS_PER_MINUTE);
    return minutes < FEW_MINUTES ? arena_printf(arena, ": about %.0f more minute%s needed", minutes,
                                                minutes == 1 ? "" : "s")
                                 : arena_printf(arena, ": about %s more hours needed",
                                                number(minutes / SECONDS_PER_MINUTE, text));
}

/* Why a test for "no change" flags nothing. */
static const char *why_no_harm(const struct test_report *report, const struct metric_policy *policy)
{
    if (decide_p(report, policy) <= report->alpha)
        return ": no more than chance among so many metrics";
    return report->p <= report->alpha ? ", but not in the direction that does harm"
                                      : ": no more than chance";
}

static const char *inconclusive(const struct metric_result *result,
                                const struct test_report *report,
                                const struct metric_policy *policy, struct arena *arena)
{
    char text[TEXT_BYTES];

    if (report->is_uninformative)
        return arena_printf(arena, "%s %s: only %s effective point%s, too few to tell.",
                            result->pair->name, change(report, arena),
                            number(floor(report->n_eff), text),
                            floor(report->n_eff) == 1 ? "" : "s");
    if (report->p_adjusted > report->alpha && decide_is_significance_test(report, policy))
        return arena_printf(arena, "%s %s%s; %s%s%s.", result->pair->name, change(report, arena),
                            why_no_harm(report, policy), points(report, arena),
                            isnan(report->minimum_detectable_effect) ? "" : ", a shift of ",
                            isnan(report->minimum_detectable_effect)
                                ? ""
                                : arena_printf(arena, "%s would have been seen",
                                               number(report->minimum_detectable_effect, text)));
    return arena_printf(arena, "%s %s; %s can't be excluded%s.", result->pair->name,
                        change(report, arena), excess(policy, arena), more_time(report, arena));
}

/* --- evidence that was looked at again and again --- */

/* "10:43" */
static const char *time_of_day(int64_t unix_ms, struct arena *arena)
{
    int64_t minute = unix_ms / MS_PER_MINUTE % MINUTES_PER_DAY;

    minute = minute < 0 ? minute + MINUTES_PER_DAY : minute;
    return arena_printf(arena, "%02d:%02d", (int)(minute / 60), (int)(minute % 60));
}

static const char *odds(double log_e, char text[TEXT_BYTES])
{
    return number(exp(fmin(log_e, LOG_ODDS_MOST)), text);
}

/* "rate ratio 1.9 (1.3 to 2.8)" */
static const char *effect_so_far(const struct effect *effect, struct arena *arena)
{
    const char *name = strcmp(effect->measure, "rateRatio") == 0 ? "rate ratio"
                       : is_ratio(effect)                        ? "ratio"
                                                                 : subject(effect);
    char estimate[TEXT_BYTES], lower[TEXT_BYTES], upper[TEXT_BYTES];
    const char *text = arena_printf(arena, "%s %s", name, number(effect->estimate, estimate));

    if (isnan(effect->lower) || isnan(effect->upper))
        return text;
    return arena_printf(arena, "%s (%s to %s)", text, number(effect->lower, lower),
                        number(effect->upper, upper));
}

/* What the evidence speaks against. */
static const char *harmless(const struct test_report *report, const struct metric_policy *policy,
                            struct arena *arena)
{
    if (!decide_is_significance_test(report, policy))
        return excess_of(policy, true, arena);
    return policy->direction == DIRECTION_INCREASE   ? "no increase"
           : policy->direction == DIRECTION_DECREASE ? "no decrease"
                                                     : "no change";
}

static const char *alarm(const struct metric_result *result, const struct test_report *report,
                         const struct metric_policy *policy, struct arena *arena)
{
    const struct sequential_report *sequential = &report->sequential;
    const struct look *look = sequential->looks;
    char text[TEXT_BYTES], threshold[TEXT_BYTES];

    while (look->unix_ms != sequential->first_crossing_unix_ms)
        look++;
    return arena_printf(
        arena, "%s: evidence %s:1 against %s at %s (alarm threshold %s:1)%s; %s.",
        result->pair->name, odds(look->log_e, text), harmless(report, policy, arena),
        time_of_day(look->unix_ms, arena), odds(sequential->log_threshold, threshold),
        result->is_critical ? ", critical" : "", effect_so_far(&report->effect, arena));
}

static const char *no_alarm(const struct metric_result *result, const struct test_report *report,
                            const struct metric_policy *policy, struct arena *arena)
{
    const struct sequential_report *sequential = &report->sequential;
    char text[TEXT_BYTES], threshold[TEXT_BYTES];
    const char *until;

    if (sequential->n_looks == 0)
        return arena_printf(arena, "%s: %zu points so far; the first look is at %zu.",
                            result->pair->name, report->n[1], report->points_needed);
    until = time_of_day(sequential->looks[sequential->n_looks - 1].unix_ms, arena);
    if (report->decision == DECISION_NON_INFERIOR)
        return arena_printf(arena, "%s: %s at %s excludes %s.", result->pair->name,
                            effect_so_far(&report->effect, arena), until, excess(policy, arena));
    return arena_printf(
        arena, "%s: evidence at most %s:1 against %s until %s (alarm threshold %s:1%s); %s%s%s.",
        result->pair->name, odds(sequential->log_e_max, text), harmless(report, policy, arena),
        until, odds(sequential->log_threshold, threshold),
        sequential->first_crossing_unix_ms ? ", and more where several metrics are watched" : "",
        effect_so_far(&report->effect, arena),
        decide_is_significance_test(report, policy) ? "" : "; not excluded is ",
        decide_is_significance_test(report, policy) ? "" : excess(policy, arena));
}

const char *sentence_of(const struct metric_result *result, const struct test_report *report,
                        const struct metric_policy *policy, struct arena *arena)
{
    if (report->sequential.looks && report->decision != DECISION_NO_DATA &&
        report->decision != DECISION_ERROR)
        return report->decision == DECISION_HARM && report->sequential.first_crossing_unix_ms
                   ? alarm(result, report, policy, arena)
                   : no_alarm(result, report, policy, arena);
    switch (report->decision) {
    case DECISION_HARM:
        return harm(result, report, policy, arena);
    case DECISION_NON_INFERIOR:
        return non_inferior(result, report, policy, arena);
    case DECISION_NO_DATA:
    case DECISION_ERROR:
        return arena_printf(arena, "%s: %s.", result->pair->name, report->reason);
    default:
        return inconclusive(result, report, policy, arena);
    }
}
