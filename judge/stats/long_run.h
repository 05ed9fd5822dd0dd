/* judge/stats/long_run.h -- the long-run variance of a series: what n var(mean) tends to when
 * neighbouring points depend on each other. Pure.
 *
 * Equal-weighted cosines, recoloured. For u_1..u_T:
 *
 *     nu     = max(2, floor(0.41 T^(2/3)))
 *     L_j    = sqrt(2/T) sum_t (u_t - mean) cos(pi j (t - 1/2) / T),  j = 1..nu
 *     omega0 = sum L_j^2 / nu
 *     phi    = lag-1 autocorrelation; corrected: phi + (1 + 3 phi)/T, clipped to [0, 0.97]
 *     B      = mean over j of (1-phi)^2 / (1 - 2 phi cos(pi j / T) + phi^2), phi the corrected one
 *     omega  = omega0 / B
 *
 * and T = mean / sqrt(omega / T) has about a t distribution with nu degrees of freedom.
 * Source: Mueller 2004 and Phillips 2005 (cosines); Lazarus, Lewis, Stock and Watson, JBES 36(4),
 * 2018 (nu and t); Kendall, Biometrika 41, 1954 (phi); Andrews and Monahan, Econometrica 60(4),
 * 1992 (recolouring, here in the frequency domain). */
#ifndef JUDGE_STATS_LONG_RUN_H
#define JUDGE_STATS_LONG_RUN_H

#include "base/arena.h"
#include <stddef.h>

struct long_run {
    double mean;          /* of the series, in its unit */
    double phi;           /* lag-1 autocorrelation; 0 for a constant series */
    double phi_corrected; /* the one B is made of, in [0, 0.97] */
    size_t nu;            /* degrees of freedom */
    double omega0;        /* unit^2, before recolouring */
    double b;
    double omega; /* unit^2; 0 for a constant series */
    double vif;   /* variance inflation max(1, omega / s^2); 1 for a constant series */
    double n_eff; /* n / vif */
};

/* Degrees of freedom for n points. */
size_t long_run_nu(size_t n);

/* n finite values in the order they were measured; n = 0 and 1 count as constant. Where squares of
 * the values are no doubles, omega0 and omega are 0 or infinite and the rest is right. O(nu n);
 * scratch: about 8 n doubles. */
void long_run_variance(const double *u, size_t n, struct arena *scratch, struct long_run *out);

/* The same with phi taken from another series of the same length, `memory`: the placements of a
 * rank test are coloured as the ranks within their own sample are. */
void long_run_variance_coloured(const double *u, const double *memory, size_t n,
                                struct arena *scratch, struct long_run *out);

/* phi_corrected of a series by itself, O(n). */
double long_run_phi_corrected(const double *u, size_t n, struct arena *scratch);

/* Ljung and Box's test that no autocorrelation up to `lag` differs from zero:
 * Q = n (n+2) sum_k r_k^2 / (n-k), chi-squared with `lag` degrees of freedom.
 * Needs 1 <= lag < n and a series that is not constant; else both are NaN.
 * Source: Ljung and Box, Biometrika 65(2), 1978. */
void ljung_box(const double *u, size_t n, size_t lag, struct arena *scratch, double *q, double *p);

#endif
