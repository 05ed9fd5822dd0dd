/* judge/stats/dispersion.h -- do counts scatter more than Poisson counts would? Pure.
 *
 * Per interval t: errors e_x, e_y and exposures r_x, r_y; N_t = e_x + e_y, rho_t = r_x / (r_x +
 * r_y). With one rate ratio e^delta, e_x is Binomial(N_t, theta_t), theta_t = rho_t e^delta / (1 -
 * rho_t + rho_t e^delta). delta solves sum e_x = sum N_t theta_t (the maximum likelihood), and
 *
 *     pearson   sum (e_x - N_t theta_t)^2 / (N_t theta_t (1 - theta_t))
 *     phi       pearson / (T - 1), chi-squared with T - 1 degrees of freedom
 *     omega     long-run variance (long_run.h) of the Pearson residuals: counts the memory too
 *     inflation max(1, phi, omega): divide z by its root, stretch the log ratio's interval by it
 *
 * Intervals without events, or with an exposure that is not positive on a side, are left out. */
#ifndef JUDGE_STATS_DISPERSION_H
#define JUDGE_STATS_DISPERSION_H

#include "base/arena.h"
#include <stddef.h>

struct dispersion {
    double
        log_ratio; /* delta: -inf or inf when one side has no event at all, NaN when neither has */
    double pearson, phi, p; /* NaN when log_ratio is not finite; phi and p also when df is 0 */
    double df;              /* intervals used, less 1 */
    double omega;           /* NaN below two intervals */
    double inflation;       /* of what could be computed; never below 1 */
};

/* Four series of n values each, the experiment's first; counts >= 0. */
void dispersion_estimate(const double *errors_x, const double *errors_y, const double *exposure_x,
                         const double *exposure_y, size_t n, struct arena *scratch,
                         struct dispersion *out);

#endif
