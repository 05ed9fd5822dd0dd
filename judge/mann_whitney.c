/* Three roots of one staircase are wanted, by three searches over the same range. What they share
 * is the pair of samples prepared in shift.h, and what it remembers of the staircase. */
#include "judge/mann_whitney.h"

#include "judge/brent.h"
#include "judge/normal.h"
#include "judge/shift.h"

#include <math.h>
#include <stdbool.h>

struct statistic {
    struct shift *shift;
    double n, m;
    bool is_corrected;
    struct shift_count last; /* what sigma and value are for; near the end it seldom changes */
    double sigma, value;
};

/* g + q at mu: the standardised statistic itself. False when all values are tied. */
static bool standardised(struct statistic *s, double mu, double *out)
{
    struct shift_count count = shift_count(s->shift, mu);

    if (count.tie_sum != s->last.tie_sum) {
        double total = s->n + s->m;

        s->sigma = sqrt(s->n * s->m / 12 * ((total + 1) - count.tie_sum / (total * (total - 1))));
    }
    if (count.u != s->last.u || count.tie_sum != s->last.tie_sum) {
        double d = count.u - s->n * s->m / 2;
        double correction = !s->is_corrected ? 0 : d > 0 ? 0.5 : d < 0 ? -0.5 : 0;

        s->value = (d - correction) / s->sigma;
        s->last = count;
    }
    *out = s->value;
    return s->sigma != 0;
}

/* The root for the quantile q between range[0] and range[1], where g + q has those values. */
static bool find_root(struct statistic *s, double q, const double range[2], const double value[2],
                      double *out)
{
    struct brent search;

    brent_start(&search, range[0], value[0] - q, range[1], value[1] - q);
    while (!search.is_done) {
        double at;

        if (!standardised(s, search.at, &at))
            return false;
        brent_next(&search, at - q);
    }
    *out = search.at;
    return true;
}

/* The same for a limit of the interval, which does not lie outside the range. */
static bool find_limit(struct statistic *s, double q, const double range[2], const double value[2],
                       double *out)
{
    if (value[0] - q <= 0)
        *out = range[0];
    else if (value[1] - q >= 0)
        *out = range[1];
    else
        return find_root(s, q, range, value, out);
    return true;
}

/* The values at both ends of the range, with the correction or without. */
static bool start(struct statistic *s, bool is_corrected, const double range[2], double value[2])
{
    s->is_corrected = is_corrected;
    s->last = (struct shift_count){-1, -1};
    return standardised(s, range[0], &value[0]) && standardised(s, range[1], &value[1]);
}

enum err_code mann_whitney_interval_as(const double *x, size_t n, const double *y, size_t m,
                                       double confidence, enum mann_whitney_correction correction,
                                       struct arena *scratch, struct mann_whitney *out,
                                       struct error *err)
{
    double z = normal_quantile((1.0 - confidence) / 2);
    struct statistic statistic = {.n = (double)n, .m = (double)m};
    double range[2], value[2];
    struct mann_whitney found;

    if (n == 0 || m == 0)
        return error_set(err, ERR_INVALID, "a sample is empty");
    if (isnan(z))
        return error_set(err, ERR_INVALID, "the confidence level is outside [-1, 1]");
    statistic.shift = shift_create(x, n, y, m, scratch);
    range[0] = x[0] - y[m - 1];
    range[1] = x[n - 1] - y[0];
    if (!start(&statistic, correction != MANN_WHITNEY_CORRECT_NONE, range, value) ||
        !find_limit(&statistic, -z, range, value, &found.lower) ||
        !find_limit(&statistic, z, range, value, &found.upper) ||
        (correction == MANN_WHITNEY_CORRECT_LIMITS && !start(&statistic, false, range, value)) ||
        !find_root(&statistic, 0, range, value, &found.estimate))
        return error_set(err, ERR_UNDECIDABLE,
                         "cannot compute confidence interval when all observations are tied");
    *out = found;
    return ERR_OK;
}

enum err_code mann_whitney_interval(const double *x, size_t n, const double *y, size_t m,
                                    double confidence, struct arena *scratch,
                                    struct mann_whitney *out, struct error *err)
{
    return mann_whitney_interval_as(x, n, y, m, confidence, MANN_WHITNEY_CORRECT_ALL, scratch, out,
                                    err);
}
