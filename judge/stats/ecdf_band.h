/* judge/stats/ecdf_band.h -- a band around an empirical distribution that holds at all times, and
 * from it intervals for every quantile at once. Pure.
 *
 *     radius = 0.85 sqrt((ln ln(e t) + 0.8 ln(1612 / alpha)) / t)
 *
 * Conservative: for intervals; the alarm is better left to multinomial.h.
 * Source: Howard and Ramdas, Bernoulli 28(3), 2022; for two arms Lindon, Sanden and Shirikian 2022.
 */
#ifndef JUDGE_STATS_ECDF_BAND_H
#define JUDGE_STATS_ECDF_BAND_H

#include "base/arena.h"
#include <stdbool.h>
#include <stddef.h>

/* alpha is the level of this one band: half of the test's for two arms. t >= 1, alpha in (0, 1);
 * NaN otherwise. */
double ecdf_band_radius(double t, double alpha);

/* Limits of the p-quantile of a sample in ascending order; -inf or inf where the band leaves it
 * open. */
void ecdf_band_quantile(const double *sorted, size_t n, double p, double radius, double *lower,
                        double *upper);

struct ecdf_band_comparison {
    double distance; /* sup |F_x - F_y| */
    double radius_x, radius_y;
    bool is_alarm; /* the distance exceeds the sum of the radii */
};

/* alpha is the test's level; each band gets half. n, m >= 1, no NaN. */
void ecdf_band_compare(const double *x, size_t n, const double *y, size_t m, double alpha,
                       struct arena *scratch, struct ecdf_band_comparison *out);

/* Interval of the difference of the p-quantiles x - y by interval arithmetic; sorted samples. */
void ecdf_band_quantile_difference(const double *x, size_t n, const double *y, size_t m, double p,
                                   double alpha, double *lower, double *upper);

#endif
