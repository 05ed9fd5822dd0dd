/* judge/stats/drift.h -- does the difference of two series change along the way? Pure. */
#ifndef JUDGE_STATS_DRIFT_H
#define JUDGE_STATS_DRIFT_H

#include "judge/stats/har.h"

struct drift {
    double k;  /* max |S_t| / sqrt(n omega), S_t = sum over s <= t of (d_s - mean d) */
    double p;  /* of a k this large when the level does not change: Kolmogorov's distribution */
    size_t at; /* index of the last point before the change: where |S_t| is largest, the first */
};

/* d: n finite values in time order, omega from long_run_variance() of the same. No variance or no
 * points: k = 0 and p = 1. Source: Ploberger and Kraemer, Econometrica 60(2), 1992. */
void drift_test(const double *d, size_t n, double omega, struct arena *scratch, struct drift *out);

/* Difference in differences: the paired differences x - y less the mean of those before the change.
 * Variance omega/n + omega_before/n_before, Satterthwaite's degrees of freedom. It takes out what
 * has always set the two apart. run is that of the differences, run_other of those before. */
void difference_in_differences(const double *x, const double *y, size_t n, const double *x_before,
                               const double *y_before, size_t n_before, double alpha,
                               struct arena *scratch, struct har_test *out);

#endif
