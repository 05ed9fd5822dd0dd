/* The cosines are needed at multiples of pi/(2T) only: cos(pi j (t - 1/2)/T) = cos(j (2t - 1) a)
 * with a = pi/(2T), so one table of 4T values and exact index arithmetic serve all j and t. */
#include "judge/stats/long_run.h"

#include "judge/stats/distribution.h"
#include "judge/stats/scale.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

#define NU_FACTOR 0.41 /* Lazarus et al. 2018: size against power */
#define NU_SMALLEST 2
#define PHI_LARGEST 0.97 /* recolouring beyond would rest on one estimate alone */

size_t long_run_nu(size_t n)
{
    double root = cbrt((double)n); /* exact for cubes, unlike pow(n, 2/3) */
    double nu = floor(NU_FACTOR * root * root);

    return nu > NU_SMALLEST ? (size_t)nu : NU_SMALLEST;
}

/* The series about its mean, at a magnitude of one. */
struct centred {
    double *u;
    double mean, squares; /* of the scaled series */
    int exponent;
    bool is_constant;
};

static struct centred centre(const double *u, size_t n, struct arena *scratch)
{
    struct centred out = {.exponent = scale_exponent_of_two(u, n, NULL, 0)};

    out.u = scale_down(u, n, out.exponent, scratch);
    out.is_constant = all_equal(u, n);
    out.mean = n ? moments_of(out.u, n).mean : NAN;
    for (size_t t = 0; t < n; t++) {
        out.u[t] -= out.mean;
        out.squares += out.u[t] * out.u[t];
    }
    return out;
}

static double lag_sum(const double *u, size_t n, size_t lag)
{
    double sum = 0;

    for (size_t t = lag; t < n; t++)
        sum += u[t] * u[t - lag];
    return sum;
}

static double raw_phi(const struct centred *series, size_t n)
{
    return series->is_constant ? 0 : lag_sum(series->u, n, 1) / series->squares;
}

/* Kendall's correction of the bias towards zero. A constant series remembers nothing. */
static double corrected(const struct centred *series, double phi, size_t n)
{
    double value = phi + (1 + 3 * phi) / (double)n;

    if (series->is_constant || value < 0)
        return 0;
    return value > PHI_LARGEST ? PHI_LARGEST : value;
}

/* cos(i pi/(2n)) for i below 4n. The first quadrant by doubling, so that no value is the product
 * of more than log2(n) others. */
static double *cosine_table(size_t n, struct arena *scratch)
{
    double *cosine = arena_array(scratch, double, 4 * n + 1);
    double *sine = arena_array(scratch, double, n + 1);
    double step = M_PI / (2 * (double)n);

    cosine[0] = 1;
    for (size_t size = 1; size <= n; size *= 2) {
        double s = sin(step * (double)size), c = cos(step * (double)size);

        for (size_t i = 0; i < size && size + i <= n; i++) {
            cosine[size + i] = c * cosine[i] - s * sine[i];
            sine[size + i] = s * cosine[i] + c * sine[i];
        }
    }
    cosine[n] = 0;
    for (size_t i = 1; i <= n; i++)
        cosine[n + i] = -cosine[n - i];
    for (size_t i = 1; i <= 2 * n; i++)
        cosine[2 * n + i] = cosine[2 * n - i];
    return cosine;
}

/* sum over t of u_t cos(pi j (t - 1/2)/n), u folded about its middle: the cosine is even about it
 * for even j and odd for odd j. */
static double project(const double *folded, size_t n, size_t j, const double *cosine)
{
    double sum = 0;
    size_t at = j % (4 * n), step = 2 * j % (4 * n);

    for (size_t t = 0; t < n / 2; t++) {
        sum += folded[t] * cosine[at];
        at += step;
        at -= 4 * n & -(size_t)(at >= 4 * n);
    }
    return sum;
}

static double omega0(const struct centred *series, size_t n, size_t nu, const double *cosine,
                     struct arena *scratch)
{
    double *even = arena_array(scratch, double, n), *odd = even + n / 2;
    double middle = n % 2 ? series->u[n / 2] : 0;
    double sum = 0;

    for (size_t t = 0; t < n / 2; t++) {
        even[t] = series->u[t] + series->u[n - 1 - t];
        odd[t] = series->u[t] - series->u[n - 1 - t];
    }
    for (size_t j = 1; j <= nu; j++) {
        double at_middle = j % 2 ? 0 : j % 4 ? -middle : middle; /* cos(pi j/2) */
        double projection = project(j % 2 ? odd : even, n, j, cosine) + at_middle;

        sum += projection * projection;
    }
    return 2 / (double)n * sum / (double)nu;
}

/* Mean spectrum of an AR(1) series over the cosines used, relative to frequency zero. */
static double mean_spectrum(double phi, size_t n, size_t nu, const double *cosine)
{
    double sum = 0;

    for (size_t j = 1; j <= nu; j++)
        sum += 1 / (1 - 2 * phi * cosine[2 * j % (4 * n)] + phi * phi);
    return (1 - phi) * (1 - phi) * sum / (double)nu;
}

static void estimate(const struct centred *series, size_t n, struct arena *scratch,
                     struct long_run *out)
{
    const double *cosine;
    double omega, variance;

    if (series->is_constant)
        return;
    cosine = cosine_table(n, scratch);
    out->omega0 = omega0(series, n, out->nu, cosine, scratch);
    out->b = mean_spectrum(out->phi_corrected, n, out->nu, cosine);
    omega = out->omega0 / out->b;
    variance = series->squares / (double)(n - 1);
    out->vif = omega > variance ? omega / variance : 1;
    out->n_eff = (double)n / out->vif;
    out->omega0 = ldexp(out->omega0, 2 * series->exponent);
    out->omega = ldexp(omega, 2 * series->exponent);
}

void long_run_variance_coloured(const double *u, const double *memory, size_t n,
                                struct arena *scratch, struct long_run *out)
{
    struct centred series = centre(u, n, scratch);
    struct centred other = memory == u ? series : centre(memory, n, scratch);

    *out = (struct long_run){.mean = ldexp(series.mean, series.exponent),
                             .nu = long_run_nu(n),
                             .b = 1,
                             .vif = 1,
                             .n_eff = (double)n};
    out->phi = raw_phi(&other, n);
    out->phi_corrected = corrected(&other, out->phi, n);
    estimate(&series, n, scratch, out);
}

void long_run_variance(const double *u, size_t n, struct arena *scratch, struct long_run *out)
{
    long_run_variance_coloured(u, u, n, scratch, out);
}

double long_run_phi_corrected(const double *u, size_t n, struct arena *scratch)
{
    struct centred series = centre(u, n, scratch);

    return corrected(&series, raw_phi(&series, n), n);
}

void ljung_box(const double *u, size_t n, size_t lag, struct arena *scratch, double *q, double *p)
{
    struct centred series = centre(u, n, scratch);
    double sum = 0;

    *q = *p = NAN;
    if (series.is_constant || lag < 1 || lag >= n)
        return;
    for (size_t k = 1; k <= lag; k++) {
        double r = lag_sum(series.u, n, k) / series.squares;

        sum += r * r / (double)(n - k);
    }
    *q = (double)n * ((double)n + 2) * sum;
    *p = p_value(gsl_cdf_chisq_Q(*q, (double)lag));
}
