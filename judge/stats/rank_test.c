/* Without ties the distribution of U has the generating function prod (1 - q^(m+i))/(1 - q^i),
 * i = 1..n: each factor is one pass over the counts. With ties the sums of n of the N doubled
 * midranks, which are whole numbers, are counted by taking up one rank after the other. */
#include "judge/stats/rank_test.h"

#include "judge/shift.h"
#include "judge/sort.h"
#include "judge/stats/distribution.h"
#include "judge/stats/long_run.h"
#include "judge/stats/ranks.h"
#include "judge/stats/scale.h"

#include <math.h>
#include <stdbool.h>

/* shift.h tells -0.0 and 0.0 apart, which the tests of this room do not. */
static double *sorted_without_sign_of_zero(const double *values, size_t n, struct arena *scratch)
{
    double *sorted = sort_copy(values, n, scratch);

    for (size_t i = 0; i < n; i++)
        sorted[i] += 0.0;
    return sorted;
}

static struct shift_count count_pairs(const double *x, size_t n, const double *y, size_t m,
                                      struct arena *scratch)
{
    return shift_count(shift_create(sorted_without_sign_of_zero(x, n, scratch), n,
                                    sorted_without_sign_of_zero(y, m, scratch), m, scratch),
                       0);
}

static double upper_normal(double z)
{
    return erfc(z / M_SQRT2) / 2;
}

static double p_normal(double d, double sigma, double correction, enum alternative alternative)
{
    if (sigma == 0)
        return 1;
    switch (alternative) {
    case ALTERNATIVE_LESS:
        return p_value(upper_normal(-(d + correction) / sigma));
    case ALTERNATIVE_GREATER:
        return p_value(upper_normal((d - correction) / sigma));
    default:
        return p_two_sided_normal((d - copysign(d == 0 ? 0 : correction, d)) / sigma);
    }
}

void rank_test_normal(const double *x, size_t n, const double *y, size_t m,
                      enum alternative alternative, struct arena *scratch, struct rank_normal *out)
{
    struct shift_count count = count_pairs(x, n, y, m, scratch);
    double pairs = (double)n * (double)m, total = (double)n + (double)m;
    double d = count.u - pairs / 2;

    out->u = count.u;
    out->sigma = sqrt(pairs / 12 * ((total + 1) - count.tie_sum / (total * (total - 1))));
    out->z = t_statistic(d == 0 ? 0 : d - copysign(0.5, d), out->sigma);
    out->p_corrected = p_normal(d, out->sigma, 0.5, alternative);
    out->p_uncorrected = p_normal(d, out->sigma, 0, alternative);
    out->cles = count.u / pairs;
    out->cliffs_delta = 2 * out->cles - 1;
}

void rank_test_distribution(size_t n, size_t m, double *cumulative)
{
    size_t last = n * m, half = last / 2;
    double *count = cumulative, total = 0, sum = 0;

    count[0] = 1;
    for (size_t u = 1; u <= half; u++)
        count[u] = 0;
    for (size_t i = 1; i <= n; i++) {
        for (size_t u = half; u >= m + i; u--)
            count[u] -= count[u - m - i];
        for (size_t u = i; u <= half; u++)
            count[u] += count[u - i];
    }
    for (size_t u = 0; u <= half; u++) /* U and n m - U are as likely */
        total += count[u] * (u == last - u ? 1 : 2);
    for (size_t u = 0; u <= half; u++) {
        sum += count[u];
        cumulative[u] = sum / total;
    }
    for (size_t u = half + 1; u <= last; u++)
        cumulative[u] = u == last ? 1 : 1 - cumulative[last - u - 1];
}

static double p_without_ties(size_t n, size_t m, size_t u, enum alternative alternative,
                             struct arena *scratch)
{
    double *cumulative = arena_array(scratch, double, n *m + 1);
    double less, greater;

    rank_test_distribution(n, m, cumulative);
    less = cumulative[u];
    greater = cumulative[n * m - u];
    if (alternative == ALTERNATIVE_LESS)
        return p_value(less);
    if (alternative == ALTERNATIVE_GREATER)
        return p_value(greater);
    return p_value(2 * fmin(less, greater));
}

/* Is this sum of doubled ranks at least as far out as the one observed? */
static bool is_as_extreme(ptrdiff_t from_middle, ptrdiff_t observed, enum alternative alternative)
{
    if (alternative == ALTERNATIVE_LESS)
        return from_middle <= observed;
    if (alternative == ALTERNATIVE_GREATER)
        return from_middle >= observed;
    return (from_middle < 0 ? -from_middle : from_middle) >= (observed < 0 ? -observed : observed);
}

/* rank: doubled midranks of x and then y. */
static double p_with_ties(const size_t *rank, size_t n, size_t total, enum alternative alternative,
                          struct arena *scratch)
{
    size_t largest = total * (total + 1), width = largest + 1;
    double *ways = arena_array(scratch, double, (n + 1) * width); /* [chosen][sum] */
    double extreme = 0, all = 0;
    ptrdiff_t middle = (ptrdiff_t)(n * (total + 1)), observed = -middle;

    ways[0] = 1;
    for (size_t i = 0; i < total; i++)
        for (size_t chosen = i < n ? i + 1 : n; chosen; chosen--)
            for (size_t sum = rank[i]; sum <= largest; sum++)
                ways[chosen * width + sum] += ways[(chosen - 1) * width + sum - rank[i]];
    for (size_t i = 0; i < n; i++)
        observed += (ptrdiff_t)rank[i];
    for (size_t sum = 0; sum <= largest; sum++) {
        double here = ways[n * width + sum];

        all += here;
        if (is_as_extreme((ptrdiff_t)sum - middle, observed, alternative))
            extreme += here;
    }
    return p_value(extreme / all);
}

enum err_code rank_test_exact(const double *x, size_t n, const double *y, size_t m,
                              enum alternative alternative, struct arena *scratch, double *u,
                              double *p, struct error *err)
{
    struct shift_count count;
    double *ranks;
    size_t *doubled;

    if (n >= RANK_TEST_MAX_EXACT_POINTS || m >= RANK_TEST_MAX_EXACT_POINTS)
        return error_set(err, ERR_LIMIT,
                         "an exact test takes fewer than %d points a side; there are %zu and %zu",
                         RANK_TEST_MAX_EXACT_POINTS, n, m);
    count = count_pairs(x, n, y, m, scratch);
    *u = count.u;
    if (count.tie_sum == 0) {
        *p = p_without_ties(n, m, (size_t)count.u, alternative, scratch);
        return ERR_OK;
    }
    ranks = arena_array(scratch, double, n + m);
    doubled = arena_array(scratch, size_t, n + m);
    ranks_pooled(x, n, y, m, scratch, ranks, ranks + n);
    for (size_t i = 0; i < n + m; i++)
        doubled[i] = (size_t)(2 * ranks[i]);
    *p = p_with_ties(doubled, n, n + m, alternative, scratch);
    return ERR_OK;
}

static double phi_of_ranks(const double *values, size_t n, struct arena *scratch)
{
    double *ranks = arena_array(scratch, double, n);

    ranks_within(values, n, scratch, ranks);
    return long_run_phi_corrected(ranks, n, scratch);
}

void rank_test_ess(const double *x, size_t n, const double *y, size_t m, struct arena *scratch,
                   struct rank_ess *out)
{
    struct rank_normal normal;
    double inflation_x, inflation_y;

    rank_test_normal(x, n, y, m, ALTERNATIVE_TWO_SIDED, scratch, &normal);
    out->z = normal.z;
    out->phi_x = phi_of_ranks(x, n, scratch);
    out->phi_y = phi_of_ranks(y, m, scratch);
    inflation_x = (1 + out->phi_x) / (1 - out->phi_x);
    inflation_y = (1 + out->phi_y) / (1 - out->phi_y);
    out->vif = (inflation_x + inflation_y) / 2;
    out->df = fmax(2, (double)n / inflation_x + (double)m / inflation_y - 2);
    out->t = out->z / sqrt(out->vif);
    out->p = p_two_sided_t(out->t, out->df);
}

/* Variance of the places the points of one sample have in the other one. */
static struct moments place_moments(const double *pooled, const double *values, size_t n,
                                    struct arena *scratch)
{
    double *place = arena_array(scratch, double, n);

    ranks_within(values, n, scratch, place);
    for (size_t i = 0; i < n; i++)
        place[i] = pooled[i] - place[i];
    return moments_of(place, n);
}

void brunner_munzel_test(const double *x, size_t n, const double *y, size_t m, double alpha,
                         enum rank_interval interval, struct arena *scratch,
                         struct brunner_munzel *out)
{
    double *rx = arena_array(scratch, double, n), *ry = arena_array(scratch, double, m);
    double size_x = (double)n, size_y = (double)m;
    struct moments place_x, place_y;
    struct interval limits;
    double a, b, quantile;

    ranks_pooled(x, n, y, m, scratch, rx, ry);
    place_x = place_moments(rx, x, n, scratch);
    place_y = place_moments(ry, y, m, scratch);
    a = place_x.variance / (size_x * size_y * size_y);
    b = place_y.variance / (size_y * size_x * size_x);
    out->p_hat = place_x.mean / size_y; /* U is the sum of the places */
    out->se = sqrt(a + b);
    /* p_hat - 1/2, without the rounding of p_hat */
    out->statistic = t_statistic((place_x.mean / size_y - place_y.mean / size_x) / 2, out->se);
    out->df = satterthwaite_df(a, size_x - 1, b, size_y - 1);
    out->p = p_two_sided_t(out->statistic, out->df);
    quantile = t_quantile_two_sided(alpha, out->df);
    if (interval == RANK_INTERVAL_LOGIT && out->se > 0) {
        double spread = out->p_hat * (1 - out->p_hat);

        limits = interval_around(log(out->p_hat / (1 - out->p_hat)), out->se / spread, quantile);
        limits.lower = 1 / (1 + exp(-limits.lower));
        limits.upper = 1 / (1 + exp(-limits.upper));
    } else {
        limits = interval_around(out->p_hat, out->se, quantile);
    }
    out->lower = limits.lower;
    out->upper = limits.upper;
}
