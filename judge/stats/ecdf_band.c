#include "judge/stats/ecdf_band.h"

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
