#include "judge/stats/scale.h"

#include <limits.h>
#include <math.h>

int scale_exponent(const double *x, size_t n)
{
    double largest = 0;
    int exponent;

    for (size_t i = 0; i < n; i++)
        largest = fabs(x[i]) > largest ? fabs(x[i]) : largest;
    if (largest == 0)
        return INT_MIN;
    frexp(largest, &exponent);
    return exponent;
}

int scale_exponent_of_two(const double *x, size_t n, const double *y, size_t m)
{
    int of_x = scale_exponent(x, n), of_y = scale_exponent(y, m);
    int larger = of_x > of_y ? of_x : of_y;

    return larger == INT_MIN ? 0 : larger;
}

double *scale_down(const double *x, size_t n, int exponent, struct arena *scratch)
{
    double *out = arena_array(scratch, double, n);
    /* In two steps: 2^1074 alone is not a double. */
    double half = ldexp(1, -(exponent / 2)), rest = ldexp(1, -(exponent - exponent / 2));

    for (size_t i = 0; i < n; i++)
        out[i] = x[i] * half * rest;
    return out;
}

bool all_equal(const double *x, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (x[i] != x[0])
            return false;
    return true;
}

struct moments moments_of(const double *x, size_t n)
{
    struct moments out = {.mean = NAN, .variance = NAN};
    double sum = 0, rest = 0, squares = 0, count = (double)n;

    if (n == 0)
        return out;
    if (all_equal(x, n)) /* the rounding of a mean is not a variance */
        return (struct moments){.mean = x[0]};
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    out.mean = sum / count;
    for (size_t i = 0; i < n; i++)
        rest += x[i] - out.mean;
    out.mean += rest / count;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - out.mean) * (x[i] - out.mean);
    out.variance = squares / (count - 1);
    return out;
}
