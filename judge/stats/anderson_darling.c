#include "judge/stats/anderson_darling.h"

#include "judge/sort.h"
#include "judge/stats/distribution.h"
#include "judge/stats/random.h"

#include <math.h>

#define LEAST_POINTS 4           /* the variance divides by N - 3 */
#define LIMIT_VARIANCE 0.5797363 /* of A^2 as N grows: 2 (pi^2 - 9) / 3 */
#define PERMUTATION_SLACK 1e-9   /* sums in another order may differ by their rounding */

/* Scholz and Stephens 1987, table 1, for k - 1 = 1: T that is exceeded with these chances. */
static const double table_t[] = {0.325, 1.226, 1.961, 2.718, 3.752, 4.592, 6.546};
static const double table_p[] = {0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001};
#define N_TABLE (sizeof(table_t) / sizeof(table_t[0]))

/* The pooled sample in ascending order as runs of equal values. */
struct pooled {
    size_t n, m;
    size_t n_runs;
    size_t *n_run; /* values in each run */
    size_t *n_x;   /* of them from x */
};

static void pool(const double *x, size_t n, const double *y, size_t m, struct arena *scratch,
                 struct pooled *out)
{
    double *x_sorted = arena_array(scratch, double, n);
    double *y_sorted = arena_array(scratch, double, m);
    size_t i = 0, j = 0;

    sort_doubles(x, n, x_sorted, scratch);
    sort_doubles(y, m, y_sorted, scratch);
    *out = (struct pooled){.n = n, .m = m};
    out->n_run = arena_array(scratch, size_t, n + m);
    out->n_x = arena_array(scratch, size_t, n + m);
    while (i < n || j < m) {
        double value = i < n && (j == m || x_sorted[i] < y_sorted[j]) ? x_sorted[i] : y_sorted[j];
        size_t i_before = i, j_before = j;

        while (i < n && x_sorted[i] == value)
            i++;
        while (j < m && y_sorted[j] == value)
            j++;
        out->n_x[out->n_runs] = i - i_before;
        out->n_run[out->n_runs++] = i - i_before + (j - j_before);
    }
}

/* Sum over one sample of h (N M - n B)^2 / denominator; with two samples the other one's square is
 * the same, since N (M_x + M_y) = N B. */
static double midrank_a2(const struct pooled *pooled, const size_t *n_x)
{
    double n = (double)pooled->n, m = (double)pooled->m, total = n + m;
    double below = 0, below_x = 0, sum = 0;

    for (size_t k = 0; k < pooled->n_runs; k++) {
        double h = (double)pooled->n_run[k], h_x = (double)n_x[k];
        double b = below + h / 2;
        double off = total * (below_x + h_x / 2) - n * b;

        sum += h * (off / total) * (off / (b * (total - b) - total * h / 4));
        below += h;
        below_x += h_x;
    }
    return (total - 1) / total * (1 / n + 1 / m) * sum;
}

static double right_a2(const struct pooled *pooled)
{
    double n = (double)pooled->n, m = (double)pooled->m, total = n + m;
    double b = 0, b_x = 0, sum = 0;

    for (size_t k = 0; k + 1 < pooled->n_runs; k++) {
        double off;

        b += (double)pooled->n_run[k];
        b_x += (double)pooled->n_x[k];
        off = total * b_x - n * b;
        sum += (double)pooled->n_run[k] * (off / total) * (off / (b * (total - b)));
    }
    return (1 / n + 1 / m) * sum;
}

/* The variance of A^2 for two samples: Scholz and Stephens 1987, equation 4. */
static double variance(size_t n, size_t m)
{
    double total = (double)n + (double)m;
    double big_h = 1 / (double)n + 1 / (double)m;
    double h = 0; /* the sum of 1 / i */
    double g = 0; /* the sum of 1 / (N - i) times the sum of 1 / j over j > i */
    double a, b, c, d;

    for (size_t i = n + m - 1; i >= 1; i--) {
        g += h / (total - (double)i); /* its partners are above it; N - 1 has none */
        h += 1 / (double)i;
    }
    a = 4 * g - 6 + (10 - 6 * g) * big_h;
    b = (2 * g - 4) * 4 + 16 * h + (2 * g - 14 * h - 4) * big_h - 8 * h + 4 * g - 6;
    c = (6 * h + 2 * g - 2) * 4 + (4 * h - 4 * g + 6) * 2 + (2 * h - 6) * big_h + 4 * h;
    d = (2 * h + 6) * 4 - 8 * h;
    return (((a * total + b) * total + c) * total + d) / ((total - 1) * (total - 2) * (total - 3));
}

/* Least squares of ln p on 1, T, T^2 over the table, taken at t. */
static double table_fit(double t, bool *is_capped)
{
    double moments[5] = {0}, right[3] = {0};
    double matrix[3][4], fit[3];

    *is_capped = t < table_t[0] || t > table_t[N_TABLE - 1];
    if (*is_capped)
        return t < table_t[0] ? table_p[0] : table_p[N_TABLE - 1];
    for (size_t i = 0; i < N_TABLE; i++) {
        double power = 1;

        for (int k = 0; k < 5; k++, power *= table_t[i]) {
            moments[k] += power;
            if (k < 3)
                right[k] += power * log(table_p[i]);
        }
    }
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 3; k++)
            matrix[i][k] = moments[i + k];
        matrix[i][3] = right[i];
    }
    for (int i = 0; i < 3; i++) /* positive definite: no pivoting needed */
        for (int r = i + 1; r < 3; r++) {
            double factor = matrix[r][i] / matrix[i][i];

            for (int k = i; k < 4; k++)
                matrix[r][k] -= factor * matrix[i][k];
        }
    for (int i = 2; i >= 0; i--) {
        fit[i] = matrix[i][3];
        for (int k = i + 1; k < 3; k++)
            fit[i] -= matrix[i][k] * fit[k];
        fit[i] /= matrix[i][i];
    }
    return exp(fit[0] + t * (fit[1] + t * fit[2]));
}

/* P(A^2 > z) in the limit; Marsaglia and Marsaglia 2004, the function adinf, to about 2e-6. */
static double limit_p(double t)
{
    double z = 1 + t * sqrt(LIMIT_VARIANCE);
    double e;

    if (z <= 0)
        return 1;
    if (z < 2)
        return p_value(
            1 -
            exp(-1.2337141 / z) / sqrt(z) *
                (2.00012 +
                 (.247105 - (.0649821 - (.0347962 - (.011672 - .00168691 * z) * z) * z) * z) * z));
    e = 1.0776 - (2.30695 - (.43424 - (.082433 - (.008056 - .0003146 * z) * z) * z) * z) * z;
    return p_value(-expm1(-exp(e)));
}

void anderson_darling_test(const double *x, size_t n, const double *y, size_t m,
                           struct arena *scratch, struct anderson_darling *out)
{
    struct pooled pooled;
    double sigma;

    *out = (struct anderson_darling){NAN, NAN, NAN, NAN, NAN, false};
    if (n == 0 || m == 0 || n + m < LEAST_POINTS)
        return;
    pool(x, n, y, m, scratch, &pooled);
    if (pooled.n_runs < 2)
        return;
    sigma = sqrt(variance(n, m));
    out->t_midrank = (midrank_a2(&pooled, pooled.n_x) - 1) / sigma;
    out->p_midrank = table_fit(out->t_midrank, &out->is_p_capped);
    out->p_limit_midrank = limit_p(out->t_midrank);
    out->t_right = (right_a2(&pooled) - 1) / sigma;
    out->p_limit_right = limit_p(out->t_right);
}

double anderson_darling_p(double t_midrank, size_t n, size_t m, double inflation)
{
    double sigma = sqrt(variance(n, m));
    double t = ((1 + t_midrank * sigma) / inflation - 1) / sigma;
    bool is_capped;
    double p = table_fit(t, &is_capped);

    if (isnan(t) || !is_capped)
        return isnan(t) ? NAN : p;
    return t < table_t[0] ? fmax(p, limit_p(t)) : fmin(p, limit_p(t));
}

double anderson_darling_permutation_p(const double *x, size_t n, const double *y, size_t m,
                                      size_t n_permutations, uint64_t seed, struct arena *scratch)
{
    size_t total = n + m, n_extreme = 0;
    struct pooled pooled;
    size_t *run_of, *n_x;
    double observed;

    if (n == 0 || m == 0 || total < LEAST_POINTS)
        return NAN;
    pool(x, n, y, m, scratch, &pooled);
    if (pooled.n_runs < 2)
        return NAN;
    run_of = arena_array(scratch, size_t, total);
    n_x = arena_array(scratch, size_t, pooled.n_runs);
    for (size_t k = 0, at = 0; k < pooled.n_runs; k++)
        for (size_t i = 0; i < pooled.n_run[k]; i++)
            run_of[at++] = k;
    observed = midrank_a2(&pooled, pooled.n_x) * (1 - PERMUTATION_SLACK);
    for (size_t b = 0; b < n_permutations; b++) {
        for (size_t k = 0; k < pooled.n_runs; k++)
            n_x[k] = 0;
        for (size_t i = 0; i < n; i++) { /* the first n of a shuffle are the x's */
            size_t with = i + random_below(&seed, total - i);
            size_t run = run_of[with];

            run_of[with] = run_of[i];
            run_of[i] = run;
            n_x[run]++;
        }
        n_extreme += midrank_a2(&pooled, n_x) >= observed;
    }
    return (double)(1 + n_extreme) / (double)(1 + n_permutations);
}
