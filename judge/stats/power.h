/* judge/stats/power.h -- what a test of a given length can find. Pure. */
#ifndef JUDGE_STATS_POWER_H
#define JUDGE_STATS_POWER_H

#include <stddef.h>

#define POWER_DEFAULT 0.8 /* share of the effects of the given size that should be found */

/* Power of the two-sided t test with n points a side against a difference of `delta` standard
 * deviations, from the noncentral t distribution, both tails. NaN below two points. */
double power_t(size_t n, double delta, double alpha);

/* The difference, in standard deviations, that n independent points a side find with the given
 * power: (z[1 - alpha/2] + z[power]) sqrt(2/n). */
double power_mde_normal(size_t n, double alpha, double power);

/* The difference, in the unit whose square omega is in, that a HAR test finds: (t[1 - alpha/2] +
 * t[power]) sqrt(omega/n), t with df degrees of freedom. Unpaired: pass omega_x + omega_y. */
double power_mde_har(double omega, size_t n, double df, double alpha, double power);

/* The smallest n with power_mde_har(omega, n, nu(n), alpha, power) <= delta, nu of long_run.h:
 * how long to run, when the points to come are like those so far. 0 when delta is not above 0, or
 * when more than POWER_MAX_POINTS were needed. */
#define POWER_MAX_POINTS 1000000000u
size_t power_points_needed(double omega, double delta, double alpha, double power);

#endif
