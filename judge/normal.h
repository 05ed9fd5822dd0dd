/* judge/normal.h -- quantiles of the standard normal distribution. Pure. */
#ifndef JUDGE_NORMAL_H
#define JUDGE_NORMAL_H

/* The value below which a share p of the distribution lies; -inf for 0, +inf for 1, NaN outside
 * [0, 1]. About 1e-15 relative, and for the levels in use the same bits as Kayenta's library, which
 * evaluates the same polynomials: one unit in the last place matters when a limit ties with zero.
 * Source: Giles, "Approximating the erfinv function", GPU Computing Gems Jade ed., 2011, ch. 10. */
double normal_quantile(double p);

#endif
