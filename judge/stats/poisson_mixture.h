/* judge/stats/poisson_mixture.h -- two streams of counts, looked at every interval. Pure.
 *
 * Given N = e_x + e_y and the exposure share rho = r_x / (r_x + r_y) of an interval, e_x is
 * Binomial(N, rho e^delta / (1 - rho + rho e^delta)), delta the log rate ratio; the common rate may
 * change as it likes. With a fixed grid delta_k and weights w_k:
 *
 *     l(delta) = sum over intervals of e_x delta - N ln(1 - rho + rho e^delta)
 *     log E    = ln sum_k w_k exp(l(delta_k)) - l(margin)
 *     interval   all delta with l(delta) >= ln sum_k w_k exp(l(delta_k)) - ln(1 / alpha)
 *
 * E is an exact e-process when each side's counts are Poisson given the common rate: P(E ever >=
 * 1 / alpha) <= alpha. The grid is even on [grid_lo, grid_hi], w_k ~ exp(-delta_k^2 / (2 sd^2)); a
 * direction keeps the points beyond the margin on that side only. Tempered: l / c, for counts
 * c times as scattered (dispersion.h); no guarantee.
 * Source: Lindon and Malek 2022; Lindon and Kallus 2024. */
#ifndef JUDGE_STATS_POISSON_MIXTURE_H
#define JUDGE_STATS_POISSON_MIXTURE_H

#include "base/arena.h"
#include "judge/policy.h"
#include <stdbool.h>
#include <stddef.h>

struct poisson_mixture_settings {
    double prior_sd;         /* > 0; usually 0.4 */
    double grid_lo, grid_hi; /* usually -2 and 2 */
    size_t n_grid;           /* >= 1, usually 41 */
    enum direction direction;
    double margin; /* a log rate ratio, 0 for none; the null is delta <= margin for an increase,
                      delta >= margin for a decrease, delta = margin for either */
};
#define POISSON_MIXTURE_DEFAULTS                                                                   \
    ((struct poisson_mixture_settings){.prior_sd = 0.4, .grid_lo = -2, .grid_hi = 2, .n_grid = 41})

struct poisson_mixture;

/* Before the first interval; lives in `arena`. NULL when the direction and the margin leave no grid
 * point. */
struct poisson_mixture *poisson_mixture_create(const struct poisson_mixture_settings *settings,
                                               struct arena *arena);

/* One more interval; O(n_grid). False, and nothing changed, when it says nothing: no event, an
 * exposure that is not positive and finite, or a count that is negative or not finite. */
bool poisson_mixture_add(struct poisson_mixture *mixture, double errors_x, double exposure_x,
                         double errors_y, double exposure_y);

/* After the intervals so far; 0 before the first. temper c >= 1, 1 for the exact process. */
double poisson_mixture_log_e(const struct poisson_mixture *mixture, double temper);

/* The most likely log rate ratio: -inf or inf when a side has no event, NaN when neither has. */
double poisson_mixture_mle(const struct poisson_mixture *mixture);

/* Confidence sequence of the log rate ratio; -inf or inf for an end beyond -12 or 12. Some thirty
 * passes over the intervals so far: 0.3 ms for three hours. */
void poisson_mixture_interval(const struct poisson_mixture *mixture, double alpha, double temper,
                              double *lower, double *upper);

/* The same for who has poisson_mixture_mle() at hand. */
void poisson_mixture_interval_about(const struct poisson_mixture *mixture, double mle, double alpha,
                                    double temper, double *lower, double *upper);

#endif
