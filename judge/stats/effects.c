#include "judge/stats/effects.h"

#include "judge/effect_size.h"
#include "judge/stats/distribution.h"
#include "judge/stats/rank_test.h"
#include "judge/stats/scale.h"

#include <math.h>

/* Squared coefficient of variation of the mean. */
static double relative_variance(const struct moments *of, size_t n)
{
    return n > 1 ? of->variance / ((double)n * of->mean * of->mean) : NAN;
}

void effects_of_means(const double *x, size_t n, const double *y, size_t m, double alpha,
                      struct arena *scratch, struct effects *out)
{
    int exponent = scale_exponent_of_two(x, n, y, m);
    struct moments of_x = moments_of(scale_down(x, n, exponent, scratch), n);
    struct moments of_y = moments_of(scale_down(y, m, exponent, scratch), m);
    double df = (double)n + (double)m - 2;
    double squares = ((double)n - 1) * of_x.variance + ((double)m - 1) * of_y.variance;
    struct interval interval = {NAN, NAN};

    out->difference = ldexp(of_x.mean - of_y.mean, exponent);
    out->cohen_d = squares > 0 ? (of_x.mean - of_y.mean) / sqrt(squares / df) : NAN;
    out->hedges_g = out->cohen_d * (1 - 3 / (4 * df - 1));
    out->cles = out->cliffs_delta = NAN;
    out->mean_ratio = effect_mean_ratio(of_x.mean, of_y.mean);
    if (of_x.mean > 0 && of_y.mean > 0)
        interval = interval_around(log(out->mean_ratio),
                                   sqrt(relative_variance(&of_x, n) + relative_variance(&of_y, m)),
                                   normal_quantile_two_sided(alpha));
    out->log_ratio_lower = interval.lower;
    out->log_ratio_upper = interval.upper;
}

void effects_compute(const double *x, size_t n, const double *y, size_t m, double alpha,
                     struct arena *scratch, struct effects *out)
{
    struct rank_normal ranks;

    effects_of_means(x, n, y, m, alpha, scratch, out);
    if (n == 0 || m == 0)
        return;
    rank_test_normal(x, n, y, m, ALTERNATIVE_TWO_SIDED, scratch, &ranks);
    out->cles = ranks.cles;
    out->cliffs_delta = ranks.cliffs_delta;
}
