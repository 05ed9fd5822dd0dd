#include "judge/stats/quantiles.h"

#include "judge/sort.h"
#include "judge/stats/binomial.h"
#include "judge/stats/distribution.h"
#include "judge/stats/long_run.h"
#include "judge/stats/scale.h"

#include <math.h>

#define LEAST_POINTS_BEYOND 5 /* a quantile with fewer points beyond it is their accident */

static bool is_inside(double p)
{
    return p > 0 && p < 1;
}

double quantile_type7(const double *sorted, size_t n, double p)
{
    double position, fraction;
    size_t low;

    if (n == 0 || !(p >= 0 && p <= 1))
        return NAN;
    position = (double)(n - 1) * p;
    low = (size_t)position;
    if (low + 1 >= n)
        return sorted[n - 1];
    fraction = position - (double)low;
    if (fraction == 0)
        return sorted[low];
    return sorted[low] + fraction * (sorted[low + 1] - sorted[low]);
}

/* Mean and, if not NULL, variance of the order statistics under the weights
 * I_{i/n}(a, b) - I_{(i-1)/n}(a, b), in units of 2^exponent. */
static void weighted(const double *sorted, size_t n, double a, double b, int exponent, double *mean,
                     double *variance)
{
    double before = 0, sum = 0, squares = 0;

    for (size_t i = 0; i < n; i++) {
        double upto = i + 1 < n ? beta_lower((double)(i + 1) / (double)n, a, b) : 1;

        sum += (upto - before) * ldexp(sorted[i], -exponent);
        before = upto;
    }
    before = 0;
    for (size_t i = 0; variance && i < n; i++) {
        double upto = i + 1 < n ? beta_lower((double)(i + 1) / (double)n, a, b) : 1;
        double off = ldexp(sorted[i], -exponent) - sum;

        squares += (upto - before) * off * off;
        before = upto;
    }
    *mean = sum;
    if (variance)
        *variance = squares;
}

double quantile_harrell_davis(const double *sorted, size_t n, double p)
{
    double mean;

    if (n == 0 || !is_inside(p))
        return NAN;
    weighted(sorted, n, (double)(n + 1) * p, (double)(n + 1) * (1 - p), 0, &mean, NULL);
    return mean;
}

double quantile_maritz_jarrett_se(const double *sorted, size_t n, double p)
{
    double k = floor(p * (double)n + 0.5);
    double mean, variance;
    int exponent;

    if (n == 0 || !is_inside(p) || k - 1 <= 0 || (double)n - k <= 0)
        return NAN;
    exponent = scale_exponent_of_two(sorted, n, NULL, 0);
    weighted(sorted, n, k - 1, (double)n - k, exponent, &mean, &variance);
    return ldexp(sqrt(variance), exponent);
}

bool quantile_has_enough_points(size_t n, double p)
{
    return is_inside(p) && (double)n * fmin(p, 1 - p) >= LEAST_POINTS_BEYOND * (1 - 1e-12);
}

/* Quantile and standard error of one series. */
static void one_side(const double *values, size_t n, double p, struct arena *scratch, double *q,
                     double *se, double *inflation)
{
    double *work = arena_array(scratch, double, n);
    struct long_run run;

    sort_doubles(values, n, work, scratch);
    *q = quantile_harrell_davis(work, n, p);
    *se = quantile_maritz_jarrett_se(work, n, p);
    for (size_t t = 0; t < n; t++)
        work[t] = values[t] > *q;
    long_run_variance(work, n, scratch, &run);
    *inflation = run.vif;
    *se *= sqrt(run.vif);
}

void quantile_difference_test(const double *x, size_t n, const double *y, size_t m, double p,
                              double alpha, struct arena *scratch, struct quantile_difference *out)
{
    double se, half;

    one_side(x, n, p, scratch, &out->q_x, &out->se_x, &out->inflation_x);
    one_side(y, m, p, scratch, &out->q_y, &out->se_y, &out->inflation_y);
    out->difference = out->q_x - out->q_y;
    se = hypot(out->se_x, out->se_y);
    out->z = t_statistic(out->difference, se);
    out->p = isnan(out->z) ? NAN : p_two_sided_normal(out->z);
    half = normal_quantile_two_sided(alpha) * se;
    out->lower = out->difference - half;
    out->upper = out->difference + half;
}
