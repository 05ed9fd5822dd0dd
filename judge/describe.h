/* judge/describe.h -- one sample in a few numbers. Pure.
 *
 * The order of every sum is fixed: a mean that is zero or not in the last bit decides verdicts. */
#ifndef JUDGE_DESCRIBE_H
#define JUDGE_DESCRIBE_H

#include "judge/result.h"
#include <stddef.h>

/* One side after cleaning. */
struct sample {
    double *values; /* in the order they were measured, no NaN */
    double *sorted; /* the same in the order of sort.h */
    size_t n;
};

/* Count, mean, sample standard deviation, minimum and maximum of both sides, sums from left to
 * right. All 0 for a side without points. The sides do not mix; they are described together because
 * such a sum waits for itself, and two wait together.
 *
 * Mean: sum / n, then corrected by the mean of the differences from it. Deviation: the corrected
 * two-pass algorithm, sqrt((sum d^2 - (sum d)^2 / n) / (n - 1)); Chan, Golub and LeVeque,
 * Am. Statist. 37(3), 1983, eq. 1.7. */
void describe_sides(const struct sample samples[N_SIDES], struct side_stats out[N_SIDES]);

/* Percentile p in (0, 100] of an ascending sample of n >= 1 points: position 1 + (n-1) p/100,
 * linear between neighbours. Hyndman and Fan, Am. Statist. 50(4), 1996, definition 7. */
double describe_percentile(const double *sorted, size_t n, double p);

#endif
