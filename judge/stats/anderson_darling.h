/* judge/stats/anderson_darling.h -- two-sample Anderson-Darling test: as Kolmogorov-Smirnov, with
 * more power in the tails. Pure.
 *
 * A^2 sums the squared distances of the two empirical distributions over the distinct pooled
 * values, weighted by 1 / (F (1 - F)). Two forms: midrank (counts a tie half; the one to use) and
 * right (counts values not above). T = (A^2 - 1) / sigma_N with the exact variance for k = 2.
 *
 * Two p-values: `p` from a quadratic fit of ln p through the seven tabulated points, which ends at
 * 0.25 and 0.001 (`is_p_capped`), and `p_limit` from the limiting law of A^2 = 1 + T sigma_inf over
 * its whole range; they agree within about 0.01 where both exist.
 * Source: Scholz and Stephens, JASA 82(399), 1987; limit: Marsaglia and Marsaglia, J. Stat. Softw.
 * 9(2), 2004. */
#ifndef JUDGE_STATS_ANDERSON_DARLING_H
#define JUDGE_STATS_ANDERSON_DARLING_H

#include "base/arena.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct anderson_darling {
    double t_midrank, p_midrank, p_limit_midrank;
    double t_right, p_limit_right;
    bool is_p_capped; /* p_midrank: the true value is beyond the table */
};

/* n, m >= 1 values without NaN in any order, n + m >= 4. All NaN for fewer, or when all values are
 * equal. */
void anderson_darling_test(const double *x, size_t n, const double *y, size_t m,
                           struct arena *scratch, struct anderson_darling *out);

/* p-value of t_midrank for autocorrelated series, whose A^2 is `inflation` times as large as that
 * of independent points would be (approximate; 1: independent). From the table, and beyond its ends
 * from the limiting law, so that it goes on falling. */
double anderson_darling_p(double t_midrank, size_t n, size_t m, double inflation);

/* p-value of the midrank form by relabelling at random: (1 + times as large or larger) / (B + 1).
 * The same seed gives the same value. NaN where the test is. */
double anderson_darling_permutation_p(const double *x, size_t n, const double *y, size_t m,
                                      size_t n_permutations, uint64_t seed, struct arena *scratch);

#endif
