/* judge/measure.h -- the scale a metric's margins are on, and what the tests of means and ranks
 * share: p-values of the margins, effect sizes, warnings. Pure. */
#ifndef JUDGE_MEASURE_H
#define JUDGE_MEASURE_H

#include "judge/judge.h"
#include "judge/stats/har.h"

/* Where "no change" lies on the scale of the policy's effect measure. */
double measure_neutral(const struct metric_policy *policy);

/* Fewer points (or pairs) than this are no material for a long-run variance. */
#define MEASURE_MIN_HAR_POINTS 20u

/* The margins of the policy say "no change at all" in the directions that count. */
bool measure_is_neutral(const struct metric_policy *policy);

/* The control's level: its median, or its mean where that is 0. A shift divided by it, plus 1, is
 * the effect on the ratio scale; a level that is not above 0 has no such scale. */
double measure_level(const struct arms *arms);

/* A limit of the policy (its ratio, shift, ...) as a shift in the metric's unit; NaN when the scale
 * does not exist for this level. */
double measure_limit_as_shift(const struct metric_policy *policy, double limit, double level);

/* A limit as what is done to the data before "no change" is tested: the experiment loses `shift`,
 * the control is multiplied by `factor`. */
struct measure_limit {
    double shift, factor;
};
struct measure_limit measure_limit(const struct metric_policy *policy, double limit);

/* One-sided p-values of "the effect lies at the limit". */
typedef void (*measure_limit_test)(void *ctx, struct measure_limit limit, double *above,
                                   double *below);

/* Fill report->above and below by testing at each limit that the policy has. `neutral` is the
 * result at "no change", above and below, which need not be tested again. */
void measure_margins(const struct metric_policy *policy, const double neutral[2],
                     measure_limit_test test, void *ctx, struct test_report *out);

/* For tests that know ratios and shifts only. False: the margins are probabilities, and `out` is an
 * error that says so. "No change at all" can be tested whatever its scale. */
bool measure_is_testable(const struct test_input *input, struct test_report *out);

/* For tests that need `least` points on each side. False: `out` is "no data". */
bool measure_has_points(size_t least, bool is_independent, struct arena *arena,
                        struct test_report *out);

/* Ratios ask for a control above 0: `out` is "no data" where margins need one and there is none. */
void measure_refuse_ratio(struct test_report *out);

#define MEASURE_LARGEST_COUNT 0x1p53 /* beyond that doubles are no counts any more */

/* Are the values numbers of events? Stores extrapolate: an event is 1.07 of Prometheus' increase().
 * Rounding mends that as long as it moves no more than a quarter of all events; a rate per second
 * is another matter. */
enum measure_counts { COUNTS_WHOLE = 0, COUNTS_ROUNDED, COUNTS_NONE };
enum measure_counts measure_counts(const struct arms *arms);

/* What n points of an AR(1) series with this autocorrelation are worth. */
double measure_informative_points(size_t n, double phi);

/* The mean of any finite values, however large. */
double measure_mean(const double *values, size_t n, struct arena *scratch);

/* The smallest effect of a test with this standard error, and how many points a margin asks for,
 * given `distance`, how far the estimate is from it in the unit of se. */
void measure_plan(double se, double df, double distance, struct test_report *out);

/* The limits by margin (MARGIN_ALLOWED, MARGIN_CRITICAL). */
double measure_increase(const struct metric_policy *policy, int margin);
double measure_decrease(const struct metric_policy *policy, int margin);

/* Effects that every test of two samples reports beside its own: ratio of means with an interval
 * that holds for autocorrelated points, difference of means, Hedges' g. */
void measure_add_effects(const struct test_input *input, struct arena *scratch,
                         struct test_report *out);

/* Ljung and Box's p-value of "no memory", of the differences or of the side with more of it. */
void measure_add_memory(const struct arms *arms, struct arena *scratch, struct test_report *out);

/* A change of level along the way (drift.h) in paired differences, as a warning. */
void measure_warn_of_drift(const struct arms *arms, struct arena *scratch, struct arena *arena,
                           struct test_report *out);

#endif
