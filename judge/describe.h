/* judge/describe.h -- one sample in a few numbers. Pure.
 *
 * The order of every sum is fixed: a mean that is zero or not in the last bit decides verdicts. */
#ifndef JUDGE_DESCRIBE_H
#define JUDGE_DESCRIBE_H

#include "judge/result.h"
#include <stddef.h>

/* Count, mean, sample standard deviation, minimum and maximum. All 0 for an empty sample.
 *
 * values  in the order they were measured, no NaN; sums run left to right
 * sorted  the same values in ascending order
 *
 * Mean: sum / n, then corrected by the mean of the differences from it. Deviation: the corrected
 * two-pass algorithm, sqrt((sum d^2 - (sum d)^2 / n) / (n - 1)); Chan, Golub and LeVeque,
 * Am. Statist. 37(3), 1983, eq. 1.7. */
void describe(const double *values, const double *sorted, size_t n, struct side_stats *out);

/* Percentile p in (0, 100] of an ascending sample of n >= 1 points: position 1 + (n-1) p/100,
 * linear between neighbours. Hyndman and Fan, Am. Statist. 50(4), 1996, definition 7. */
double describe_percentile(const double *sorted, size_t n, double p);

#endif
