/* judge/stats/beta_binomial.h -- the mixture of poisson_mixture.h in closed form, for a constant
 * exposure share rho: of n events in all, Y are the experiment's. Pure.
 *
 *     log E(theta) = ln B(a + Y, b + n - Y) - ln B(a, b) - Y ln theta - (n - Y) ln(1 - theta)
 *
 * with a = c rho, b = c (1 - rho), c the concentration (20). log_e is at theta = rho; the interval
 * holds the shares theta with log E(theta) < ln(1 / alpha), and log ratio = logit theta - logit
 * rho. Source: Robbins 1970; Lindon and Malek 2022. */
#ifndef JUDGE_STATS_BETA_BINOMIAL_H
#define JUDGE_STATS_BETA_BINOMIAL_H

#define BETA_BINOMIAL_CONCENTRATION_DEFAULT 20.0

struct beta_binomial {
    double log_e;
    double share_lower, share_upper;         /* in [0, 1] */
    double log_ratio_lower, log_ratio_upper; /* may be infinite */
};

/* 0 <= canary_events <= total_events, rho in (0, 1), concentration > 0, alpha in (0, 1); all NaN
 * otherwise. */
void beta_binomial_mixture(double canary_events, double total_events, double rho,
                           double concentration, double alpha, struct beta_binomial *out);

#endif
