/* judge/stats/effects.h -- how large a change is, in the measures people ask for. Pure.
 *
 * x is the experiment, y the control; finite values of independent points. What cannot be computed
 * is NaN: everything without points on both sides, d and g below three points in all or without
 * variance, the ratio when a mean is 0, its interval unless both means are above 0. */
#ifndef JUDGE_STATS_EFFECTS_H
#define JUDGE_STATS_EFFECTS_H

#include "base/arena.h"
#include <stddef.h>

struct effects {
    double difference;                       /* mean x - mean y */
    double cohen_d;                          /* difference / pooled standard deviation */
    double hedges_g;                         /* d (1 - 3 / (4 (N - 2) - 1)) */
    double cles;                             /* P(x > y) + P(x = y)/2 */
    double cliffs_delta;                     /* 2 cles - 1 */
    double mean_ratio;                       /* mean x / mean y */
    double log_ratio_lower, log_ratio_upper; /* of its log: delta method, normal quantile */
};

/* Interval at level 1 - alpha. Source: Cohen 1988; Hedges, J. Educ. Statist. 6(2), 1981; Vargha and
 * Delaney, J. Educ. Behav. Statist. 25(2), 2000; Cliff, Psychol. Bull. 114(3), 1993. */
void effects_compute(const double *x, size_t n, const double *y, size_t m, double alpha,
                     struct arena *scratch, struct effects *out);

/* The same without cles and cliffs_delta, which are NaN: no ranks, so O(n). */
void effects_of_means(const double *x, size_t n, const double *y, size_t m, double alpha,
                      struct arena *scratch, struct effects *out);

#endif
