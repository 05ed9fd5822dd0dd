/* judge/decide.h -- from the reports of all metrics to a classification and a sentence each. Pure.
 *
 * A metric is harmed when the p-value of "no change beyond the margin", in the directions that
 * count and adjusted for how many metrics were tested, is at most its alpha. Unmuted metrics are
 * adjusted in two families: the critical ones by Holm, the others as `multiplicity` says; a metric
 * with MULTIPLICITY_NONE stays out of both. The level of a family is the metrics' own alpha, so
 * that one metric alone has the error level it asks for, whatever the adjustment.
 *
 * Not harmed is: non-inferior, when its interval excludes a change beyond the margin; else
 * inconclusive, and then what onInconclusive says, unless there is no margin to speak of ("no
 * change at all"): then this is a significance test, and not significant passes. A sequential test
 * that will be judged again passes, too: onInconclusive is for its end. */
#ifndef JUDGE_DECIDE_H
#define JUDGE_DECIDE_H

#include "judge/result.h"

#include "base/arena.h"

/* For all results that have a report: decision, adjusted p, classification, reason, is_critical,
 * grade. `reports[i]` is that of results[i], or NULL. */
void decide_all(struct metric_result *results, struct test_report *const *reports,
                const struct metric_policy *policies, size_t n_results, struct arena *arena);

/* How probable the data are when the metric is not harmed, two-sided, before any adjustment; NaN
 * without a test. */
double decide_p(const struct test_report *report, const struct metric_policy *policy);

/* There is no margin: the metric asks for "no change at all" in the directions that count. */
bool decide_is_significance_test(const struct test_report *report,
                                 const struct metric_policy *policy);

#endif
