#include "judge/tested.h"

#include "judge/decide.h"
#include "judge/effect_size.h"
#include "judge/settle.h"

#include <math.h>
#include <string.h>

#define FALSE_ALARM_LIMIT 0.1 /* beyond that many A/A alarms a metric is not to be relied on */

static struct test_report *report_refused(enum decision decision, const char *reason,
                                          const struct metric_policy *policy, struct arena *arena)
{
    struct test_report *report = arena_new(arena, struct test_report);

    *report = test_report_start(&policy->options);
    report->decision = decision;
    report->reason = reason;
    return report;
}

const struct metric_pair *tested_exposure(const struct judge_input *input,
                                          const struct metric_pair *pair, const char *name)
{
    const struct metric_pair *only = NULL;
    size_t n_named = 0;

    for (size_t i = 0; i < input->n_pairs; i++) {
        const struct metric_pair *other = &input->pairs[i];

        if (strcmp(other->name, name) != 0)
            continue;
        if (tag_map_equal(&other->tags, &pair->tags))
            return other;
        only = other;
        n_named++;
    }
    return n_named == 1 ? only : NULL;
}

static void fill_report(const struct test_input *input, struct test_report *report)
{
    const struct arms *arms = input->arms;

    report->n[SIDE_CONTROL] = arms->sides[SIDE_CONTROL].n;
    report->n[SIDE_EXPERIMENT] = arms->sides[SIDE_EXPERIMENT].n;
    report->is_paired = arms->is_paired;
    report->n_removed_nan = arms->n_removed_nan;
    report->n_removed_outliers = arms->n_removed_outliers;
    report->step_s = arms->step_s;
    if (arms->n_infinite)
        test_report_warn(
            report, "infiniteValues",
            "infinite values were left out as missing; have the query not divide by 0");
}

/* --- calibration by earlier windows in which nothing had changed --- */

struct windows {
    size_t n, n_alarms;
    size_t n_high, n_low; /* alarms by direction */
    double sum_of_squares, df;
};

/* The exposure in an earlier window; both histories end where the canary begins. NULL: none. */
static const struct metric_pair *exposure_before(const struct test_input *now,
                                                 const struct pair_history *own, size_t window)
{
    const struct pair_history *its = &now->all->histories[now->exposure - now->all->pairs];
    size_t from_end = own->n_windows - window;

    return from_end <= its->n_windows ? &its->windows[its->n_windows - from_end] : NULL;
}

/* The statistic of one earlier window. False: it has none. */
static bool test_window(const struct judge_type *judge, const struct test_input *now,
                        const struct pair_history *history, size_t at, struct arena *scratch,
                        struct windows *out)
{
    const struct metric_pair *window = &history->windows[at];
    struct arms arms;
    struct error err = {0};
    struct test_input input = *now;
    struct test_report report = test_report_start(&now->policy->options);

    if (arms_prepare(window, now->policy, scratch, &arms, &err) || arms.sides[0].n == 0 ||
        arms.sides[1].n == 0)
        return false;
    input.pair = window;
    input.arms = &arms;
    if (now->exposure)
        input.exposure = exposure_before(now, history, at);
    if (now->exposure && !input.exposure)
        return false;
    fill_report(&input, &report);
    judge->test(&input, scratch, scratch, &report);
    if (report.decision != DECISION_UNDECIDED || !test_report_has_standard_error(&report))
        return false;
    out->n++;
    if (report.p <= report.alpha) {
        out->n_alarms++;
        out->n_high += report.statistic > 0;
        out->n_low += report.statistic < 0;
    }
    out->sum_of_squares += report.statistic * report.statistic;
    out->df = report.df;
    return true;
}

/* Windows that mostly differ in one direction are no windows without a change: to take them for
 * some would excuse a canary that has been bad for long.
 *
 * A standard error is too small by f when earlier statistics, which should have the variance
 * v / (v - 2) of Student's t, have f^2 times that. */
static double calibrate(const struct judge_type *judge, const struct test_input *now,
                        const struct pair_history *history, struct arena *scratch,
                        struct calibration_report *out)
{
    struct windows windows = {0};

    for (size_t i = 0; i < history->n_windows; i++)
        test_window(judge, now, history, i, scratch, &windows);
    if (windows.n < CALIBRATION_MIN_WINDOWS)
        return 1;
    if (2 * windows.n_high > windows.n || 2 * windows.n_low > windows.n) {
        out->is_one_sided = true;
        return 1;
    }
    *out = (struct calibration_report){
        .n_windows = windows.n,
        .factor = fmax(1, sqrt(windows.sum_of_squares / (double)windows.n /
                               test_statistic_variance(windows.df))),
        .false_alarm_rate = (double)windows.n_alarms / (double)windows.n};
    return out->factor;
}

static struct test_report *test_pair(const struct judge_type *judge, struct test_input *input,
                                     const struct pair_history *history, struct arena *scratch,
                                     struct arena *arena)
{
    struct test_report *report = arena_new(arena, struct test_report);
    struct calibration_report calibration = {.factor = NAN, .false_alarm_rate = NAN};

    if (history) {
        input->before = history->before;
        input->se_factor = calibrate(judge, input, history, scratch, &calibration);
    }
    *report = test_report_start(&input->policy->options);
    fill_report(input, report);
    judge->test(input, scratch, arena, report);
    if (report->decision == DECISION_UNDECIDED && isnan(decide_p(report, input->policy))) {
        report->decision = DECISION_ERROR;
        report->reason = "the values are too large or too small to calculate with";
    }
    report->calibration = calibration;
    if (calibration.is_one_sided)
        test_report_warn(report, "historyDiffers",
                         "most earlier windows differ in one direction, so the two sides did not "
                         "run the same version; they were not used to calibrate");
    if (calibration.n_windows && calibration.false_alarm_rate > FALSE_ALARM_LIMIT)
        test_report_warn(report, "unreliableMetric",
                         "more than one in ten earlier windows without any change raised an alarm "
                         "before calibration");
    return report;
}

enum err_code tested_report(const struct judge_type *judge, const struct judge_input *input,
                            size_t pair_index, struct arena *scratch, struct arena *arena,
                            struct metric_result *out, struct test_report **out_report,
                            struct error *err)
{
    const struct metric_pair *pair = &input->pairs[pair_index];
    const struct metric_policy *policy = &input->policies[pair_index];
    const char *exposure_metric = policy->options.exposure_metric;
    struct arms arms;
    struct test_input test = {
        .all = input, .pair = pair, .policy = policy, .arms = &arms, .se_factor = 1};

    *out_report = NULL;
    out->grade = NAN;
    if (arms_prepare(pair, policy, scratch, &arms, err))
        return err->code;
    describe_sides(arms.sides, out->stats);
    if (policy->options.complaint) {
        *out_report = report_refused(DECISION_ERROR, policy->options.complaint, policy, arena);
        return ERR_OK;
    }
    /* equal counts are no equal rates */
    if (exposure_metric ? settle_missing(pair, policy, arms.sides, arena, out)
                        : settle_pair(pair, policy, arms.sides, arena, out))
        return ERR_OK;
    if (exposure_metric) {
        test.exposure = tested_exposure(input, pair, exposure_metric);
        if (!test.exposure) {
            *out_report = report_refused(
                DECISION_ERROR,
                arena_printf(arena,
                             "the exposure metric \"%s\" of \"%s\" has no series, or several and "
                             "none with the same labels",
                             exposure_metric, pair->name),
                policy, arena);
            return ERR_OK;
        }
    }
    *out_report = test_pair(judge, &test, input->histories ? &input->histories[pair_index] : NULL,
                            scratch, arena);
    out->has_ratio = true;
    out->ratio = effect_mean_ratio(out->stats[SIDE_EXPERIMENT].mean, out->stats[SIDE_CONTROL].mean);
    return ERR_OK;
}

enum err_code tested_classify(const struct judge_type *judge, const struct judge_input *input,
                              struct arena *scratch, struct arena *arena,
                              struct metric_result *results, struct error *err)
{
    struct test_report **reports = arena_array(arena, struct test_report *, input->n_pairs);

    for (size_t i = 0; i < input->n_pairs; i++) {
        if (tested_report(judge, input, i, scratch, arena, &results[i], &reports[i], err))
            return error_context(err, "metric \"%s\"", input->pairs[i].name);
        results[i].report = reports[i];
        arena_reset(scratch);
    }
    decide_all(results, reports, input->policies, input->n_pairs, arena);
    return ERR_OK;
}
