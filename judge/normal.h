/* judge/normal.h -- quantiles of the standard normal distribution. Pure. */
#ifndef JUDGE_NORMAL_H
#define JUDGE_NORMAL_H

/* The value below which a share p of the distribution lies; -inf for 0, +inf for 1, NaN outside
 * [0, 1]. For the levels in use about 1e-15 relative and the same bits as Kayenta's library, which
 * evaluates the same polynomials: one unit in the last place matters when a limit ties with zero.
 * In the far tails 2p - 1 loses digits: 1e-9 relative at p = 1e-9, infinite below 1e-16.
 * Source: Giles, "Approximating the erfinv function", GPU Computing Gems Jade ed., 2011, ch. 10. */
double normal_quantile(double p);

#endif
