#include "judge/stats/drift.h"

#include "judge/stats/ks.h"
#include "judge/stats/scale.h"

#include <math.h>

void drift_test(const double *d, size_t n, double omega, struct arena *scratch, struct drift *out)
{
    int exponent = scale_exponent_of_two(d, n, NULL, 0);
    const double *u = scale_down(d, n, exponent, scratch);
    double mean = moments_of(u, n).mean;
    double scale = sqrt((double)n) * ldexp(sqrt(omega), -exponent);
    double sum = 0, largest = 0;

    *out = (struct drift){.p = 1};
    if (!(scale > 0) || isinf(scale))
        return;
    for (size_t t = 0; t < n; t++) {
        sum += u[t] - mean;
        if (fabs(sum) > largest) {
            largest = fabs(sum);
            out->at = t;
        }
    }
    out->k = largest / scale;
    out->p = ks_kolmogorov_p(out->k);
}

static double *differences(const double *x, const double *y, size_t n, struct arena *scratch)
{
    double *d = arena_array(scratch, double, n);

    for (size_t i = 0; i < n; i++)
        d[i] = x[i] - y[i];
    return d;
}

void difference_in_differences(const double *x, const double *y, size_t n, const double *x_before,
                               const double *y_before, size_t n_before, double alpha,
                               struct arena *scratch, struct har_test *out)
{
    har_mean_unpaired(differences(x, y, n, scratch), n,
                      differences(x_before, y_before, n_before, scratch), n_before, alpha, scratch,
                      out);
}
