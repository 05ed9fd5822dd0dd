/* judge/stats/ks.h -- two-sample Kolmogorov-Smirnov test. Pure.
 *
 * D = sup |F_x - F_y|. The exact p-value is conditional on the ties in the pooled sample: the
 * chance that a random order of n x's and m y's departs as far, counted on the lattice of (i, j)
 * at the places where a run of equal values ends; O(nm) time, O(m) memory.
 * Asymptotic: Kolmogorov's series at lambda = D sqrt(nm / (n + m)).
 * Source: Schroeer and Trenkler, Comput. Statist. Data Anal. 20(2), 1995 (ties). */
#ifndef JUDGE_STATS_KS_H
#define JUDGE_STATS_KS_H

#include "base/arena.h"
#include <stdbool.h>
#include <stddef.h>

#define KS_EXACT_MAX_PAIRS 1000000 /* n m: about 5 ms */

struct ks {
    double d;
    double p_exact; /* NaN beyond KS_EXACT_MAX_PAIRS */
    double p_asymptotic;
};

/* n, m >= 1 values without NaN, in any order. scratch: 8 (n + 2 m) bytes and sorting.
 * out is all NaN for an empty sample. */
void ks_test(const double *x, size_t n, const double *y, size_t m, struct arena *scratch,
             struct ks *out);

/* Kolmogorov's distribution: P(sup |Brownian bridge| > lambda); 1 for lambda <= 0, NaN for NaN. */
double ks_kolmogorov_p(double lambda);

/* Asymptotic p-value of D for numbers of points that need not be whole: for autocorrelated series
 * the effective numbers of the midranks (approximate). */
double ks_asymptotic_p(double d, double n_eff_x, double n_eff_y);

#endif
