/* judge/stats/quantiles.h -- quantiles, their standard errors, and differences of quantiles. Pure.
 *
 * Harrell-Davis: all order statistics weighted by a beta distribution; less noisy than one of them.
 * Source: Harrell and Davis, Biometrika 69(3), 1982; Maritz and Jarrett, JASA 73(361), 1978;
 * Hyndman and Fan, Am. Statist. 50(4), 1996, definition 7. */
#ifndef JUDGE_STATS_QUANTILES_H
#define JUDGE_STATS_QUANTILES_H

#include "base/arena.h"
#include <stdbool.h>
#include <stddef.h>

/* sorted: n ascending values. p in (0, 1) (type 7: [0, 1]). NaN for n = 0 or another p. */
double quantile_type7(const double *sorted, size_t n, double p);
double quantile_harrell_davis(const double *sorted, size_t n, double p);

/* Standard error of the quantile; NaN where k - 1 <= 0 or n - k <= 0, k = floor(p n + 1/2). */
double quantile_maritz_jarrett_se(const double *sorted, size_t n, double p);

/* n min(p, 1 - p) >= 5: below that a quantile of n points says nothing (p95: 100, p99: 500). */
bool quantile_has_enough_points(size_t n, double p);

struct quantile_difference {
    double q_x, q_y, difference;     /* Harrell-Davis; x - y */
    double se_x, se_y;               /* Maritz-Jarrett times sqrt(inflation) */
    double inflation_x, inflation_y; /* V of the indicator series 1{x_t > q} (long_run.h), >= 1 */
    double z, p;                     /* p two-sided, normal */
    double lower, upper;             /* of the difference at level 1 - alpha */
};

/* x, y   in the order of time, no NaN
 * alpha  in (0, 1)
 * out    NaN where a standard error does not exist */
void quantile_difference_test(const double *x, size_t n, const double *y, size_t m, double p,
                              double alpha, struct arena *scratch, struct quantile_difference *out);

#endif
