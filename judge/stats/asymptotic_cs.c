#include "judge/stats/asymptotic_cs.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_sf_lambert.h>
#include <math.h>
#include <stdbool.h>

static bool is_possible(double alpha, double t_star)
{
    return alpha > 0 && alpha < 1 && t_star > 0;
}

double asymptotic_cs_rho2(double alpha, double t_star)
{
    gsl_sf_result w;

    if (!is_possible(alpha, t_star) ||
        gsl_sf_lambert_Wm1_e(-alpha * alpha / M_E, &w) != GSL_SUCCESS)
        return NAN;
    return (-w.val - 1) / t_star;
}

double asymptotic_cs_rho2_approximate(double alpha, double t_star)
{
    if (!is_possible(alpha, t_star))
        return NAN;
    return (-2 * log(alpha) + log1p(-2 * log(alpha))) / t_star;
}

double asymptotic_cs_radius(double sigma, double t, double alpha, double rho2)
{
    double spread = t * rho2 + 1;

    if (!(sigma >= 0 && t > 0 && alpha > 0 && alpha < 1 && rho2 > 0))
        return NAN;
    return sigma * sqrt(2 * spread / (t * t * rho2) * (log(spread) / 2 - log(alpha)));
}
