/* Three roots of one staircase are wanted. Each is searched by a Brent iteration of its own, whose
 * next point depends on the value at the last; the three take their steps together, so that one
 * pass over the samples (shift.h) answers all of them. The first two evaluations, at the ends of
 * the range, are common to all three. */
#include "judge/mann_whitney.h"

#include "judge/brent.h"
#include "judge/normal.h"
#include "judge/shift.h"

#include <math.h>
#include <stdbool.h>

enum { LOWER, UPPER, ESTIMATE, N_ROOTS };

struct statistic {
    double n, m;
};

/* g + q: the standardised statistic itself. False when all values are tied. */
static bool standardise(const struct statistic *s, const struct shift_count *count, double *out)
{
    double total = s->n + s->m;
    double d = count->u - s->n * s->m / 2;
    double correction = d > 0 ? 0.5 : d < 0 ? -0.5 : 0;
    double sigma = sqrt(s->n * s->m / 12 * ((total + 1) - count->tie_sum / (total * (total - 1))));

    *out = (d - correction) / sigma;
    return sigma != 0;
}

static enum err_code all_tied(struct error *err)
{
    return error_set(err, ERR_UNDECIDABLE,
                     "cannot compute confidence interval when all observations are tied");
}

enum err_code mann_whitney_interval(const double *x, size_t n, const double *y, size_t m,
                                    double confidence, struct arena *scratch,
                                    struct mann_whitney *out, struct error *err)
{
    const struct statistic statistic = {.n = (double)n, .m = (double)m};
    double z = normal_quantile((1.0 - confidence) / 2);
    const double quantile[N_ROOTS] = {[LOWER] = -z, [UPPER] = z, [ESTIMATE] = 0};
    struct brent search[N_ROOTS];
    struct shift_count count[SHIFT_MAX_AT_ONCE];
    double range[2], value[2];
    struct shift *shift;

    if (n == 0 || m == 0)
        return error_set(err, ERR_INVALID, "a sample is empty");
    if (isnan(z))
        return error_set(err, ERR_INVALID, "the confidence level is outside [-1, 1]");
    range[0] = x[0] - y[m - 1];
    range[1] = x[n - 1] - y[0];
    shift = shift_create(x, n, y, m, scratch);
    shift_count(shift, range, 2, count);
    if (!standardise(&statistic, &count[0], &value[0]) ||
        !standardise(&statistic, &count[1], &value[1]))
        return all_tied(err);
    for (int k = 0; k < N_ROOTS; k++) {
        double f_low = value[0] - quantile[k], f_high = value[1] - quantile[k];

        if (k != ESTIMATE && f_low <= 0)
            search[k] = (struct brent){.at = range[0], .is_done = true};
        else if (k != ESTIMATE && f_high >= 0)
            search[k] = (struct brent){.at = range[1], .is_done = true};
        else
            brent_start(&search[k], range[0], f_low, range[1], f_high);
    }
    for (;;) {
        double mu[N_ROOTS];
        int asking[N_ROOTS];
        size_t n_asking = 0;

        for (int k = 0; k < N_ROOTS; k++) {
            if (search[k].is_done)
                continue;
            mu[n_asking] = search[k].at;
            asking[n_asking++] = k;
        }
        if (n_asking == 0)
            break;
        shift_count(shift, mu, n_asking, count);
        for (size_t i = 0; i < n_asking; i++) {
            double standardised;

            if (!standardise(&statistic, &count[i], &standardised))
                return all_tied(err);
            brent_next(&search[asking[i]], standardised - quantile[asking[i]]);
        }
    }
    *out = (struct mann_whitney){
        .lower = search[LOWER].at, .upper = search[UPPER].at, .estimate = search[ESTIMATE].at};
    return ERR_OK;
}
