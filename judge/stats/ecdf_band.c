#include "judge/stats/ecdf_band.h"

#include "judge/stats/ks.h"

#include <math.h>

/* Howard and Ramdas 2022, the example after theorem 2: these hold from the first point on. */
#define BAND_SCALE 0.85
#define BAND_LOG_SCALE 0.8
#define BAND_LOG_FACTOR 1612.0

double ecdf_band_radius(double t, double alpha)
{
    if (!(t >= 1 && alpha > 0 && alpha < 1))
        return NAN;
    return BAND_SCALE * sqrt((log1p(log(t)) + BAND_LOG_SCALE * log(BAND_LOG_FACTOR / alpha)) / t);
}

void ecdf_band_quantile(const double *sorted, size_t n, double p, double radius, double *lower,
                        double *upper)
{
    /* F is at most F_n + radius below the first, and at least F_n - radius at the second. */
    double first = ceil((double)n * (p - radius));
    double second = ceil((double)n * (p + radius));

    *lower = first >= 1 && first <= (double)n ? sorted[(size_t)first - 1] : -INFINITY;
    *upper = second >= 1 && second <= (double)n ? sorted[(size_t)second - 1] : INFINITY;
}

void ecdf_band_compare(const double *x, size_t n, const double *y, size_t m, double alpha,
                       struct arena *scratch, struct ecdf_band_comparison *out)
{
    out->distance = ks_distance(x, n, y, m, scratch);
    out->radius_x = ecdf_band_radius((double)n, alpha / 2);
    out->radius_y = ecdf_band_radius((double)m, alpha / 2);
    out->is_alarm = out->distance > out->radius_x + out->radius_y;
}

void ecdf_band_quantile_difference(const double *x, size_t n, const double *y, size_t m, double p,
                                   double alpha, double *lower, double *upper)
{
    double x_lower, x_upper, y_lower, y_upper;

    ecdf_band_quantile(x, n, p, ecdf_band_radius((double)n, alpha / 2), &x_lower, &x_upper);
    ecdf_band_quantile(y, m, p, ecdf_band_radius((double)m, alpha / 2), &y_lower, &y_upper);
    *lower = x_lower - y_upper;
    *upper = x_upper - y_lower;
}
