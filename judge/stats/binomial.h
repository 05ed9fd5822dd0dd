/* judge/stats/binomial.h -- the binomial distribution and the incomplete beta function behind it,
 * for counts of any size. Pure.
 *
 * GSL's continued fraction gives up after 512 terms and its logarithm of the beta function loses
 * digits as the counts grow; an hour of requests is beyond both. Here the leading term is Loader's
 * saddle-point form, good to about 1e-14 relative at any size, and the fraction runs until it has
 * converged, about the square root of the counts in terms. From 1e12 counts on it is cut short:
 * tails near the mean are then good to about 1e-6 only.
 * Source: Loader, "Fast and accurate computation of binomial probabilities", 2000; continued
 * fraction DLMF 8.17.22, evaluated as by Lentz 1976. */
#ifndef JUDGE_STATS_BINOMIAL_H
#define JUDGE_STATS_BINOMIAL_H

/* ln P(B = k) for B ~ Binomial(n, p): 0 <= k <= n, which need not be whole numbers (then gamma
 * functions stand for the factorials), p in [0, 1]. -inf for what cannot happen. */
double binomial_log_pmf(double k, double n, double p);

/* P(B <= k) and P(B >= k), each computed directly and so exact in its own tail; k whole. */
double binomial_lower(double k, double n, double p);
double binomial_upper(double k, double n, double p);

/* Regularised incomplete beta function I_x(a, b), and 1 - I_x(a, b) without cancellation.
 * x in [0, 1], a > 0, b > 0; NaN otherwise. */
double beta_lower(double x, double a, double b);
double beta_upper(double x, double a, double b);

/* The x with I_x(a, b) = p; p in [0, 1]. */
double beta_quantile(double p, double a, double b);

#endif
