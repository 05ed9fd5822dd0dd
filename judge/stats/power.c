/* The noncentral t distribution is an average of the normal one over the spread of the estimated
 * deviation: P(T > q) = E[1 - Phi(q S - delta)] with S^2 = chi^2_nu / nu. In v = log S the density
 * is proportional to exp(nu (v - (e^(2v) - 1)/2)), smooth and without an end, so that equal steps
 * converge faster than any power of the step; that is all the quadrature there is. */
#include "judge/stats/power.h"

#include "judge/normal.h"
#include "judge/stats/distribution.h"
#include "judge/stats/long_run.h"

#include <math.h>

#define TAIL 45.0          /* the density is left off below e^-45 of its peak */
#define STEPS_PER_WIDTH 6  /* of the narrower of the density and the normal's flank */
#define MAX_STEPS 200000.0 /* of an effect of thousands of deviations, where power is 0 or 1 */

static double log_density(double v, double nu)
{
    return nu * (v - expm1(2 * v) / 2);
}

/* Where the density has fallen to e^-TAIL, going by `direction`. */
static double find_end(double nu, double direction)
{
    double near = 0, far = direction / sqrt(nu);

    while (log_density(far, nu) > -TAIL)
        far *= 2;
    for (int i = 0; i < 60; i++) {
        double middle = (near + far) / 2;

        if (log_density(middle, nu) > -TAIL)
            near = middle;
        else
            far = middle;
    }
    return far;
}

/* P(|T| > q) for T noncentral with nu degrees of freedom. */
static double outside(double q, double nu, double delta)
{
    double low = find_end(nu, -1), high = find_end(nu, 1);
    double width = fmin(1 / sqrt(2 * nu), 1 / fmax(1, fabs(delta)));
    size_t n_steps = (size_t)fmin(ceil((high - low) / width * STEPS_PER_WIDTH), MAX_STEPS);
    double total = 0, sum = 0;

    for (size_t i = 0; i <= n_steps; i++) {
        double v = low + (high - low) * (double)i / (double)n_steps;
        double weight = exp(log_density(v, nu)), at = q * exp(v);

        total += weight;
        sum += weight * (erfc((at - delta) / M_SQRT2) + erfc((at + delta) / M_SQRT2)) / 2;
    }
    return sum / total;
}

double power_t(size_t n, double delta, double alpha)
{
    double nu = 2 * (double)n - 2;
    double q = n > 1 ? t_quantile_two_sided(alpha, nu) : NAN;

    return isnan(q) || isnan(delta) ? NAN : p_value(outside(q, nu, delta * sqrt((double)n / 2)));
}

double power_mde_normal(size_t n, double alpha, double power)
{
    return (normal_quantile_two_sided(alpha) + normal_quantile(power)) * sqrt(2 / (double)n);
}

double power_mde_har(double omega, size_t n, double df, double alpha, double power)
{
    return (t_quantile_two_sided(alpha, df) + t_quantile(power, df)) * sqrt(omega / (double)n);
}

size_t power_points_needed(double omega, double delta, double alpha, double power)
{
    size_t too_few = 0, enough = 2;

    if (!(delta > 0) || !(omega >= 0))
        return 0;
    while (power_mde_har(omega, enough, (double)long_run_nu(enough), alpha, power) > delta) {
        too_few = enough;
        enough *= 2;
        if (too_few >= POWER_MAX_POINTS)
            return 0;
    }
    while (enough - too_few > 1) {
        size_t middle = too_few + (enough - too_few) / 2;

        if (power_mde_har(omega, middle, (double)long_run_nu(middle), alpha, power) > delta)
            too_few = middle;
        else
            enough = middle;
    }
    return enough <= POWER_MAX_POINTS ? enough : 0;
}
