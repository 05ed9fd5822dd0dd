#include "judge/describe.h"

#include <math.h>

double describe_percentile(const double *sorted, size_t n, double p)
{
    double position = 1 + (double)(n - 1) * (p / 100);
    double whole = floor(position);
    size_t below = (size_t)whole - 1;

    if (below + 1 >= n)
        return sorted[n - 1];
    return sorted[below] + (position - whole) * (sorted[below + 1] - sorted[below]);
}

static double mean_of(const double *values, size_t n)
{
    double sum = 0, rest = 0, mean;

    for (size_t i = 0; i < n; i++)
        sum += values[i];
    mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        rest += values[i] - mean;
    return mean + rest / (double)n;
}

static double std_of(const double *values, size_t n, double mean)
{
    double squares = 0, rest = 0;

    if (n == 1)
        return 0;
    for (size_t i = 0; i < n; i++) {
        double d = values[i] - mean;

        squares += d * d;
        rest += d;
    }
    return sqrt((squares - rest * rest / (double)n) / (double)(n - 1));
}

void describe(const double *values, const double *sorted, size_t n, struct side_stats *out)
{
    *out = (struct side_stats){.count = n};
    if (n == 0)
        return;
    out->min = sorted[0];
    out->max = sorted[n - 1];
    out->mean = mean_of(values, n);
    out->std = std_of(values, n, out->mean);
}
