/* judge/stats/ranks.h -- midranks: equal values share the mean of their ranks, which start at 1.
 * Pure; O(N log N). Finite values in any order; -0.0 equals 0.0. */
#ifndef JUDGE_STATS_RANKS_H
#define JUDGE_STATS_RANKS_H

#include "base/arena.h"
#include <stddef.h>

/* Ranks of x and y among all n + m values, in input order: rx has n, ry has m. */
void ranks_pooled(const double *x, size_t n, const double *y, size_t m, struct arena *scratch,
                  double *rx, double *ry);

/* The same when the sorted copies are at hand (order of judge/sort.h). */
void ranks_pooled_sorted(const double *x, const double *x_sorted, size_t n, const double *y,
                         const double *y_sorted, size_t m, struct arena *scratch, double *rx,
                         double *ry);

/* Ranks of x among themselves, in input order. */
void ranks_within(const double *x, size_t n, struct arena *scratch, double *ranks);
void ranks_within_sorted(const double *x, const double *x_sorted, size_t n, struct arena *scratch,
                         double *ranks);

#endif
