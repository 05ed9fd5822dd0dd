/* judge/stats/scale.h -- samples brought to a magnitude of about one by a power of two, which is
 * exact, so that squares neither overflow nor vanish and the unit of a metric changes no digit of
 * a result. Pure. */
#ifndef JUDGE_STATS_SCALE_H
#define JUDGE_STATS_SCALE_H

#include "base/arena.h"
#include <stdbool.h>
#include <stddef.h>

/* The e with the largest |x| in [2^(e-1), 2^e); INT_MIN when all are 0, or n is 0. */
int scale_exponent(const double *x, size_t n);
/* The larger of both; 0 when there is nothing but zeros. */
int scale_exponent_of_two(const double *x, size_t n, const double *y, size_t m);

/* A copy of x times 2^-exponent, in `scratch`. */
double *scale_down(const double *x, size_t n, int exponent, struct arena *scratch);

/* Mean, as sum / n corrected by the mean of the differences from it, and sample variance. */
struct moments {
    double mean, variance; /* variance: 0 for one value or for equal ones, NaN for none */
};
struct moments moments_of(const double *x, size_t n);

bool all_equal(const double *x, size_t n);

#endif
