/* judge/stats/hodges_lehmann.h -- order statistics of the n m differences x[i] - y[j], without
 * forming them. Pure, exact: D(k), the k-th smallest, is a difference of two of the values, rounded
 * once.
 *
 * xs, ys   in the order of judge/sort.h, at least one value each, finite; differences may overflow
 * scratch  about 60 (n + m) bytes
 *
 * Expected O(log(n m)) passes of O(n log m), in practice about ten for all three order statistics.
 * n m may exceed 2^32; n and m are below 2^31. The same input takes the same path.
 * Source: Hodges and Lehmann, Ann. Math. Statist. 34(2), 1963; Johnson and Mizoguchi, SIAM J.
 * Comput. 7(2), 1978; Monahan, ACM TOMS 10(3), 1984. */
#ifndef JUDGE_STATS_HODGES_LEHMANN_H
#define JUDGE_STATS_HODGES_LEHMANN_H

#include "base/arena.h"
#include <stddef.h>
#include <stdint.h>

struct hodges_lehmann {
    double estimate;     /* the median of D; the mean of the two middle ones when n m is even */
    double lower, upper; /* D(k) and D(n m + 1 - k) */
};

/* The estimate and both limits for a k in 1..n m/2 + 1, which share their work. */
void hodges_lehmann_interval(const double *xs, size_t n, const double *ys, size_t m, uint64_t k,
                             struct arena *scratch, struct hodges_lehmann *out);

/* k = floor(n m/2 - z sigma + 1/2), at least 1: sigma the standard deviation of U (rank_test.h),
 * z > 0 the normal quantile. */
uint64_t hodges_lehmann_normal_k(size_t n, size_t m, double sigma, double z);

/* k from the exact distribution of U without ties: the smallest k with P(U <= k) >= alpha/2, at
 * least 1. *level is what the interval D(k), D(n m + 1 - k) really has: 1 - 2 P(U <= k - 1).
 * n and m below RANK_TEST_MAX_EXACT_POINTS (rank_test.h). */
uint64_t hodges_lehmann_exact_k(size_t n, size_t m, double alpha, struct arena *scratch,
                                double *level);

#endif
