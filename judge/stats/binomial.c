#include "judge/stats/binomial.h"

#include "judge/stats/root.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_sf_gamma.h>
#include <math.h>
#include <stdbool.h>

#define FRACTION_MAX_TERMS 1000000 /* enough for 1e11 counts */
#define FRACTION_EPSILON 1e-16
#define FRACTION_TINY 1e-300 /* stands for a zero denominator; Lentz 1976 */
#define LOG_LEAST (-745.0)   /* of a double */

/* ln n! less Stirling's formula for it; 0 for n = 0. */
static double stirling_error(double n)
{
    gsl_sf_result gamma_star;

    if (n <= 0)
        return 0;
    if (gsl_sf_gammastar_e(n, &gamma_star) != GSL_SUCCESS)
        return 0; /* n beyond 1e300: the error is below 1e-300 */
    return log(gamma_star.val);
}

/* x ln(x / m) + m - x, without cancellation where x is near m; Loader 2000, section 5. */
static double deviance(double x, double m)
{
    double v, sum, term;

    if (fabs(x - m) >= 0.1 * (x + m))
        return x * log(x / m) + m - x;
    v = (x - m) / (x + m);
    sum = (x - m) * v;
    term = 2 * x * v;
    for (int j = 3; j < 1000; j += 2) {
        double next;

        term *= v * v;
        next = sum + term / j;
        if (next == sum)
            break;
        sum = next;
    }
    return sum;
}

static double log_pmf(double k, double n, double p, double q)
{
    if (p == 0)
        return k == 0 ? 0 : -INFINITY;
    if (q == 0)
        return k == n ? 0 : -INFINITY;
    if (k == 0)
        return p < 0.5 ? n * log1p(-p) : n * log(q);
    if (k == n)
        return q < 0.5 ? n * log1p(-q) : n * log(p);
    return stirling_error(n) - stirling_error(k) - stirling_error(n - k) - deviance(k, n * p) -
           deviance(n - k, n * q) + 0.5 * log(n / (2 * M_PI * k * (n - k)));
}

double binomial_log_pmf(double k, double n, double p)
{
    if (!(k >= 0 && k <= n))
        return -INFINITY;
    return log_pmf(k, n, p, 1 - p);
}

/* I_x(a, b) for x below about its mean, y = 1 - x. */
static double lower_fraction(double x, double y, double a, double b)
{
    double c = 1;
    double d = 1 - (a + b) * x / (a + 1);
    double fraction;

    if (fabs(d) < FRACTION_TINY)
        d = FRACTION_TINY;
    d = 1 / d;
    fraction = d;
    for (int i = 1; i <= FRACTION_MAX_TERMS; i++) {
        double even = i * (b - i) * x / ((a + 2 * i - 1) * (a + 2 * i));
        double odd = -(a + i) * (a + b + i) * x / ((a + 2 * i) * (a + 2 * i + 1));
        double change;

        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabs(d) < FRACTION_TINY ? FRACTION_TINY : d);
        c = fabs(c) < FRACTION_TINY ? FRACTION_TINY : c;
        fraction *= d * c;
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabs(d) < FRACTION_TINY ? FRACTION_TINY : d);
        c = fabs(c) < FRACTION_TINY ? FRACTION_TINY : c;
        change = d * c;
        fraction *= change;
        if (fabs(change - 1) <= FRACTION_EPSILON)
            break;
    }
    return exp(log_pmf(a, a + b, x, y)) * b / (a + b) * fraction;
}

static double beta_tail(double x, double y, double a, double b, bool is_upper)
{
    double tail;

    if (!(x >= 0 && x <= 1 && a > 0 && b > 0))
        return NAN;
    if (x == 0 || y == 0)
        return (x == 0) == is_upper ? 1 : 0;
    if (x < (a + 1) / (a + b + 2)) {
        tail = lower_fraction(x, y, a, b);
        return is_upper ? fmax(0, 1 - tail) : fmin(1, tail);
    }
    tail = lower_fraction(y, x, b, a);
    return is_upper ? fmin(1, tail) : fmax(0, 1 - tail);
}

double beta_lower(double x, double a, double b)
{
    return beta_tail(x, 1 - x, a, b, false);
}

double beta_upper(double x, double a, double b)
{
    return beta_tail(x, 1 - x, a, b, true);
}

double binomial_lower(double k, double n, double p)
{
    if (k < 0 || k >= n)
        return k < 0 ? 0 : 1;
    return beta_upper(p, k + 1, n - k);
}

double binomial_upper(double k, double n, double p)
{
    if (k <= 0 || k > n)
        return k <= 0 ? 1 : 0;
    return beta_lower(p, k, n - k + 1);
}

struct quantile {
    double log_p, a, b;
};

/* ln I_x(a, b) - ln p against u = ln x: near zero a straight line, so that Newton's steps are good
 * there too. */
static double quantile_excess(double u, double *slope, const void *ctx)
{
    const struct quantile *wanted = ctx;
    double a = wanted->a, b = wanted->b;
    double x = exp(u);
    double tail = beta_lower(x, a, b);

    *slope = exp(log_pmf(a, a + b, x, 1 - x)) * a * b / (a + b) / (1 - x) / tail;
    return log(tail) - wanted->log_p;
}

double beta_quantile(double p, double a, double b)
{
    double half = log(0.5);
    struct quantile wanted = {log(p), a, b};

    if (!(p >= 0 && p <= 1 && a > 0 && b > 0))
        return NAN;
    if (p == 0 || p == 1)
        return p;
    if (beta_lower(0.5, a, b) < p) { /* beyond 1/2: from the other end, where it is below */
        wanted = (struct quantile){log1p(-p), b, a};
        return 1 - exp(root_find(quantile_excess, &wanted, LOG_LEAST, half,
                                 fmin(log(b / (a + b)), half)));
    }
    return exp(root_find(quantile_excess, &wanted, LOG_LEAST, half, fmin(log(a / (a + b)), half)));
}
