#include "judge/stats/distribution.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

double p_value(double p)
{
    if (isnan(p))
        return NAN;
    return p < P_SMALLEST ? 0 : p > 1 ? 1 : p;
}

double p_upper_t(double t, double df)
{
    if (t == 0)
        return 0.5; /* whatever the degrees of freedom: without variance they do not exist */
    if (isinf(t))
        return t > 0 ? 0 : 1;
    if (isnan(t) || !(df > 0))
        return NAN;
    return p_value(gsl_cdf_tdist_Q(t, df));
}

double p_two_sided_t(double t, double df)
{
    if (t == 0)
        return 1;
    if (isinf(t))
        return 0;
    return p_value(2 * p_upper_t(fabs(t), df));
}

double p_two_sided_normal(double z)
{
    return p_value(erfc(fabs(z) / M_SQRT2));
}

double t_statistic(double effect, double se)
{
    return effect == 0 && se == 0 ? 0 : effect / se;
}

struct interval interval_around(double effect, double se, double quantile)
{
    double half = se == 0 ? 0 : quantile * se;

    return (struct interval){.lower = effect - half, .upper = effect + half};
}

double t_quantile(double p, double df)
{
    double q = p > 0 && p < 1 && df > 0 ? gsl_cdf_tdist_Pinv(p, df) : NAN;

    return isfinite(q) ? q : NAN;
}

double t_quantile_two_sided(double alpha, double df)
{
    double q = alpha > 0 && alpha < 1 && df > 0 ? gsl_cdf_tdist_Qinv(alpha / 2, df) : NAN;

    return isfinite(q) ? q : NAN;
}

double normal_quantile_two_sided(double alpha)
{
    return alpha > 0 && alpha < 1 ? gsl_cdf_ugaussian_Qinv(alpha / 2) : NAN;
}

double satterthwaite_df(double a, double df_a, double b, double df_b)
{
    double sum = a + b;

    if (!(sum > 0) || isinf(sum))
        return NAN;
    a /= sum; /* squares of tiny variances would vanish */
    b /= sum;
    return 1 / ((a > 0 ? a * a / df_a : 0) + (b > 0 ? b * b / df_b : 0));
}
