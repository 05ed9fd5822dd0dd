#include "judge/stats/ks.h"

#include "judge/sort.h"
#include "judge/stats/distribution.h"

#include <math.h>
#include <stdint.h>

#define KOLMOGOROV_FORMS_MEET 1.0 /* both series need but a few terms here */
#define KOLMOGOROV_TERMS 20       /* at 1 the fifth is below 1e-21, and away from 1 sooner */

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

/* n m D as a whole number. is_end[k]: the k-th pooled value differs from the next one. */
static int64_t largest_distance(const double *x, size_t n, const double *y, size_t m, bool *is_end)
{
    int64_t largest = 0;
    size_t i = 0, j = 0;

    while (i < n || j < m) {
        double value = i < n && (j == m || x[i] < y[j]) ? x[i] : y[j];
        int64_t at;

        while (i < n && x[i] == value)
            i++;
        while (j < m && y[j] == value)
            j++;
        is_end[i + j] = true;
        at = distance((int64_t)i * (int64_t)m, (int64_t)j * (int64_t)n);
        largest = at > largest ? at : largest;
    }
    return largest;
}

/* The chance that a random path from (0, 0) to (n, m) comes as far from the diagonal as
 * `far`, in units of 1 / (n m), at a point that ends a run of ties. */
static double touching_chance(size_t n, size_t m, int64_t far, const bool *is_end,
                              struct arena *scratch)
{
    double *chance = arena_array(scratch, double, m + 1); /* of the row of i */
    double *part = arena_array(scratch, double, n + m + 1);

    for (size_t k = 1; k <= n + m; k++)
        part[k] = 1 / (double)k;
    for (size_t i = 0; i <= n; i++) {
        /* Near the diagonal are the j with |i m - j n| < far. */
        int64_t middle = (int64_t)(i * m), step = (int64_t)n;
        int64_t first = middle < far ? 0 : (middle - far) / step + 1;
        int64_t last = (middle + far - 1) / step;
        double left = 0;

        for (size_t j = 0; j <= m; j++) {
            bool is_near = (int64_t)j >= first && (int64_t)j <= last;

            if (!is_near && is_end[i + j])
                left = 1;
            else
                left = ((double)i * chance[j] + (double)j * left) * part[i + j];
            chance[j] = left;
        }
    }
    return chance[m];
}

double ks_kolmogorov_p(double lambda)
{
    double sum = 0;

    if (isnan(lambda))
        return NAN;
    if (lambda <= 0)
        return 1;
    if (lambda < KOLMOGOROV_FORMS_MEET) { /* the theta form of the distribution itself */
        for (int k = 1; k <= KOLMOGOROV_TERMS; k++) {
            double odd = 2 * k - 1;

            sum += exp(-odd * odd * M_PI * M_PI / (8 * lambda * lambda));
        }
        return p_value(1 - sqrt(2 * M_PI) / lambda * sum);
    }
    for (int k = 1; k <= KOLMOGOROV_TERMS; k++)
        sum += (k % 2 ? 1 : -1) * exp(-2.0 * k * k * lambda * lambda);
    return p_value(2 * sum);
}

double ks_asymptotic_p(double d, double n_eff_x, double n_eff_y)
{
    return ks_kolmogorov_p(d * sqrt(n_eff_x * (n_eff_y / (n_eff_x + n_eff_y))));
}

static int64_t sample_distance(const double *x, size_t n, const double *y, size_t m, bool *is_end,
                               struct arena *scratch)
{
    double *x_sorted = arena_array(scratch, double, n);
    double *y_sorted = arena_array(scratch, double, m);

    sort_doubles(x, n, x_sorted, scratch);
    sort_doubles(y, m, y_sorted, scratch);
    return largest_distance(x_sorted, n, y_sorted, m, is_end);
}

void ks_test(const double *x, size_t n, const double *y, size_t m, struct arena *scratch,
             struct ks *out)
{
    bool *is_end = arena_array(scratch, bool, n + m + 1);
    int64_t far;

    *out = (struct ks){NAN, NAN, NAN};
    if (n == 0 || m == 0)
        return;
    far = sample_distance(x, n, y, m, is_end, scratch);
    out->d = (double)far / ((double)n * (double)m);
    if (n <= KS_EXACT_MAX_PAIRS / m)
        out->p_exact = p_value(touching_chance(n, m, far, is_end, scratch));
    out->p_asymptotic = ks_asymptotic_p(out->d, (double)n, (double)m);
}
