#include "judge/stats/welch.h"

#include "judge/stats/distribution.h"
#include "judge/stats/scale.h"

#include <math.h>

/* Both means at a magnitude of about one. */
struct comparison {
    double diff, se, df;
    int exponent;
};

static struct comparison compare(const double *x, size_t n, const double *y, size_t m,
                                 struct arena *scratch)
{
    struct comparison out = {.exponent = scale_exponent_of_two(x, n, y, m)};
    struct moments of_x = moments_of(scale_down(x, n, out.exponent, scratch), n);
    struct moments of_y = moments_of(scale_down(y, m, out.exponent, scratch), m);
    double a = n > 1 ? of_x.variance / (double)n : NAN;
    double b = m > 1 ? of_y.variance / (double)m : NAN;

    out.diff = of_x.mean - of_y.mean;
    out.se = sqrt(a + b);
    out.df = satterthwaite_df(a, (double)n - 1, b, (double)m - 1);
    return out;
}

void welch_test(const double *x, size_t n, const double *y, size_t m, enum alternative alternative,
                double alpha, struct arena *scratch, struct welch *out)
{
    struct comparison means = compare(x, n, y, m, scratch);
    bool is_two_sided = alternative == ALTERNATIVE_TWO_SIDED;
    double quantile =
        is_two_sided ? t_quantile_two_sided(alpha, means.df) : t_quantile(1 - alpha, means.df);
    struct interval interval = interval_around(means.diff, means.se, quantile);

    out->diff = ldexp(means.diff, means.exponent);
    out->se = ldexp(means.se, means.exponent);
    out->t = t_statistic(means.diff, means.se);
    out->df = means.df;
    if (is_two_sided)
        out->p = p_two_sided_t(out->t, means.df);
    else if (out->t == 0 && means.se == 0)
        out->p = 1;
    else
        out->p = p_upper_t(alternative == ALTERNATIVE_LESS ? -out->t : out->t, means.df);
    out->lower =
        alternative == ALTERNATIVE_LESS ? -INFINITY : ldexp(interval.lower, means.exponent);
    out->upper =
        alternative == ALTERNATIVE_GREATER ? INFINITY : ldexp(interval.upper, means.exponent);
}

void tost_welch(const double *x, size_t n, const double *y, size_t m, double low, double high,
                double alpha, struct arena *scratch, struct tost *out)
{
    struct comparison means = compare(x, n, y, m, scratch);
    double above_low = means.diff - ldexp(low, -means.exponent);
    double below_high = ldexp(high, -means.exponent) - means.diff;
    struct interval interval =
        interval_around(means.diff, means.se, t_quantile(1 - alpha, means.df));

    out->p_lower = p_upper_t(t_statistic(above_low, means.se), means.df);
    out->p_upper = p_upper_t(t_statistic(below_high, means.se), means.df);
    out->p = out->p_lower > out->p_upper ? out->p_lower : out->p_upper;
    out->is_equivalent = out->p < alpha;
    out->lower = ldexp(interval.lower, means.exponent);
    out->upper = ldexp(interval.upper, means.exponent);
}
