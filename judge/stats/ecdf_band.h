/* judge/stats/ecdf_band.h -- how far an empirical distribution may lie from the true one, at any
 * point and at any time. Pure.
 *
 *     radius = 0.85 sqrt((ln ln(e t) + 0.8 ln(1612 / alpha)) / t)
 *
 * Conservative: an alarm is better left to multinomial.h.
 * Source: Howard and Ramdas, Bernoulli 28(3), 2022. */
#ifndef JUDGE_STATS_ECDF_BAND_H
#define JUDGE_STATS_ECDF_BAND_H

/* t >= 1 points, alpha in (0, 1) the level of this one band; NaN otherwise. */
double ecdf_band_radius(double t, double alpha);

#endif
