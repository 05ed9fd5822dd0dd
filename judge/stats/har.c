#include "judge/stats/har.h"

#include "judge/sort.h"
#include "judge/stats/distribution.h"
#include "judge/stats/hodges_lehmann.h"
#include "judge/stats/ranks.h"
#include "judge/stats/scale.h"

#include <math.h>

/* The test of `change`, by which the effect differs from what it is without a change. Returns the
 * t quantile. */
static double conclude(struct har_test *out, double effect, double change, double se, double df,
                       double alpha)
{
    double quantile = t_quantile_two_sided(alpha, df);
    struct interval interval = interval_around(effect, se, quantile);

    out->effect = effect;
    out->se = se;
    out->t = t_statistic(change, se);
    out->df = df;
    out->p = p_two_sided_t(out->t, df);
    out->lower = interval.lower;
    out->upper = interval.upper;
    return quantile;
}

static void conclude_paired(struct har_test *out, double effect, size_t n, double alpha)
{
    conclude(out, effect, effect, sqrt(out->run.omega / (double)n), (double)out->run.nu, alpha);
}

static double conclude_unpaired(struct har_test *out, double effect, double change, size_t n,
                                size_t m, double alpha)
{
    double of_x = out->run.omega / (double)n, of_y = out->run_other.omega / (double)m;

    return conclude(out, effect, change, sqrt(of_x + of_y),
                    satterthwaite_df(of_x, (double)out->run.nu, of_y, (double)out->run_other.nu),
                    alpha);
}

static void unscale_run(struct long_run *run, int exponent)
{
    run->mean = ldexp(run->mean, exponent);
    run->omega0 = ldexp(run->omega0, 2 * exponent);
    run->omega = ldexp(run->omega, 2 * exponent);
}

static void unscale(struct har_test *out, int exponent)
{
    out->effect = ldexp(out->effect, exponent);
    out->se = ldexp(out->se, exponent);
    out->lower = ldexp(out->lower, exponent);
    out->upper = ldexp(out->upper, exponent);
    unscale_run(&out->run, exponent);
    unscale_run(&out->run_other, exponent);
}

void har_mean_paired(const double *x, const double *y, size_t n, double alpha,
                     struct arena *scratch, struct har_test *out)
{
    int exponent = scale_exponent_of_two(x, n, y, n);
    double *d = scale_down(x, n, exponent, scratch);
    const double *other = scale_down(y, n, exponent, scratch);

    *out = (struct har_test){0};
    for (size_t i = 0; i < n; i++)
        d[i] -= other[i];
    long_run_variance(d, n, scratch, &out->run);
    conclude_paired(out, out->run.mean, n, alpha);
    unscale(out, exponent);
}

void har_mean_unpaired(const double *x, size_t n, const double *y, size_t m, double alpha,
                       struct arena *scratch, struct har_test *out)
{
    int exponent = scale_exponent_of_two(x, n, y, m);
    double effect;

    *out = (struct har_test){0};
    long_run_variance(scale_down(x, n, exponent, scratch), n, scratch, &out->run);
    long_run_variance(scale_down(y, m, exponent, scratch), m, scratch, &out->run_other);
    effect = out->run.mean - out->run_other.mean;
    conclude_unpaired(out, effect, effect, n, m, alpha);
    unscale(out, exponent);
}

/* The series relative to its mean, less one: (u - mean)/mean. NULL when the mean is not above 0. */
static double *relative(const double *u, size_t n, int exponent, struct arena *scratch,
                        double *mean)
{
    double *out = scale_down(u, n, exponent, scratch);

    *mean = moments_of(out, n).mean;
    if (!(*mean > 0))
        return NULL;
    for (size_t i = 0; i < n; i++)
        out[i] = (out[i] - *mean) / *mean;
    return out;
}

static const struct har_test undefined = {
    .effect = NAN, .se = NAN, .t = NAN, .df = NAN, .p = NAN, .lower = NAN, .upper = NAN};

void har_ratio_paired(const double *x, const double *y, size_t n, double alpha,
                      struct arena *scratch, struct har_test *out)
{
    int exponent = scale_exponent_of_two(x, n, y, n);
    double mean_x, mean_y;
    double *d = relative(x, n, exponent, scratch, &mean_x);
    const double *other = relative(y, n, exponent, scratch, &mean_y);

    *out = undefined;
    if (!d || !other)
        return;
    for (size_t i = 0; i < n; i++)
        d[i] -= other[i];
    long_run_variance(d, n, scratch, &out->run);
    conclude_paired(out, log(mean_x / mean_y), n, alpha);
}

void har_ratio_unpaired(const double *x, size_t n, const double *y, size_t m, double alpha,
                        struct arena *scratch, struct har_test *out)
{
    int exponent = scale_exponent_of_two(x, n, y, m);
    double mean_x, mean_y, effect;
    const double *of_x = relative(x, n, exponent, scratch, &mean_x);
    const double *of_y = relative(y, m, exponent, scratch, &mean_y);

    *out = undefined;
    if (!of_x || !of_y)
        return;
    long_run_variance(of_x, n, scratch, &out->run);
    long_run_variance(of_y, m, scratch, &out->run_other);
    effect = log(mean_x / mean_y);
    conclude_unpaired(out, effect, effect, n, m, alpha);
}

static double sum_of(const double *values, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return sum;
}

static void clip_to_probability(struct har_test *out)
{
    out->lower = fmax(out->lower, 0);
    out->upper = fmin(out->upper, 1);
}

/* The order statistics t quantiles of U to either side of the middle; no continuity term. */
static void find_shift(const double *x_sorted, size_t n, const double *y_sorted, size_t m,
                       double quantile, struct arena *scratch, struct har_shift *shift)
{
    struct hodges_lehmann found;
    double aside = shift->sigma_u == 0 ? 0 : quantile * shift->sigma_u;
    double k = floor((double)n * (double)m / 2 - aside);

    shift->k = k > 1 ? (uint64_t)k : 1;
    hodges_lehmann_interval(x_sorted, n, y_sorted, m, shift->k, scratch, &found);
    shift->estimate = found.estimate;
    shift->lower = found.lower;
    shift->upper = found.upper;
}

static const struct har_shift no_shift = {
    .u = NAN, .sigma_u = NAN, .estimate = NAN, .lower = NAN, .upper = NAN};

void har_rank_paired(const double *x, const double *y, size_t n, double alpha,
                     struct arena *scratch, struct har_test *out, struct har_shift *shift)
{
    const double *x_sorted = sort_copy(x, n, scratch), *y_sorted = sort_copy(y, n, scratch);
    double *d = arena_array(scratch, double, n), *other = arena_array(scratch, double, n);
    double size = (double)n, u, se, quantile;

    *out = undefined;
    if (shift)
        *shift = no_shift;
    if (n == 0)
        return;
    ranks_pooled_sorted(x, x_sorted, n, y, y_sorted, n, scratch, d, other);
    u = sum_of(d, n) - size * (size + 1) / 2;
    for (size_t i = 0; i < n; i++)
        d[i] -= other[i];
    long_run_variance(d, n, scratch, &out->run);
    se = sqrt(out->run.omega / size); /* of the mean of d, which is 2n (p_hat - 1/2) */
    quantile = conclude(out, u / (size * size), out->run.mean / (2 * size), se / (2 * size),
                        (double)out->run.nu, alpha);
    clip_to_probability(out);
    if (!shift)
        return;
    shift->u = u;
    shift->sigma_u = size * se / 2;
    find_shift(x_sorted, n, y_sorted, n, quantile, scratch, shift);
}

/* The placements of one sample in the other, with their long-run variance. */
static void place(const double *values, const double *sorted, size_t n, size_t n_other,
                  double *pooled, struct arena *scratch, struct long_run *run)
{
    double *within = arena_array(scratch, double, n);

    ranks_within_sorted(values, sorted, n, scratch, within);
    for (size_t i = 0; i < n; i++)
        pooled[i] = (pooled[i] - within[i]) / (double)n_other;
    long_run_variance_coloured(pooled, within, n, scratch, run);
}

void har_rank_unpaired(const double *x, size_t n, const double *y, size_t m, double alpha,
                       struct arena *scratch, struct har_test *out, struct har_shift *shift)
{
    const double *x_sorted = sort_copy(x, n, scratch), *y_sorted = sort_copy(y, m, scratch);
    double *rx = arena_array(scratch, double, n), *ry = arena_array(scratch, double, m);
    double pairs = (double)n * (double)m, u, quantile;

    *out = undefined;
    if (shift)
        *shift = no_shift;
    if (n == 0 || m == 0)
        return;
    ranks_pooled_sorted(x, x_sorted, n, y, y_sorted, m, scratch, rx, ry);
    u = sum_of(rx, n) - (double)n * ((double)n + 1) / 2;
    place(x, x_sorted, n, m, rx, scratch, &out->run);
    place(y, y_sorted, m, n, ry, scratch, &out->run_other);
    quantile = conclude_unpaired(out, u / pairs, (u - pairs / 2) / pairs, n, m, alpha);
    clip_to_probability(out);
    if (!shift)
        return;
    shift->u = u;
    shift->sigma_u = pairs * out->se;
    find_shift(x_sorted, n, y_sorted, m, quantile, scratch, shift);
}
