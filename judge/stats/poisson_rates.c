#include "judge/stats/poisson_rates.h"

#include "judge/stats/binomial.h"
#include "judge/stats/distribution.h"
#include "judge/stats/root.h"

#include <math.h>

#define PMF_SLACK 1e-7 /* probabilities this close, relatively, are equal; R's poisson.test */

/* Of the counts from `first` on, where probabilities fall, the first one that is not more probable
 * than `limit`; n + 1 for none. */
static double first_improbable(double first, double n, double p, double limit)
{
    double low = first, high = n + 1;

    while (low < high) {
        double middle = low + floor((high - low) / 2);

        if (binomial_log_pmf(middle, n, p) <= limit)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The same on the rising side, from the count `last` down; -1 for none. */
static double last_improbable(double last, double n, double p, double limit)
{
    double low = -1, high = last;

    while (low < high) {
        double middle = high - floor((high - low) / 2);

        if (binomial_log_pmf(middle, n, p) <= limit)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static double exact_p(double k, double n, double p)
{
    double mean = n * p;
    double limit = binomial_log_pmf(k, n, p) + log1p(PMF_SLACK);

    if (k == mean)
        return 1;
    if (k < mean)
        return fmin(1, binomial_lower(k, n, p) +
                           binomial_upper(first_improbable(ceil(mean), n, p, limit), n, p));
    return fmin(1, binomial_upper(k, n, p) +
                       binomial_lower(last_improbable(floor(mean), n, p, limit), n, p));
}

/* s / (1 - s) for the quantile s, with all digits of 1 - s. */
static double quantile_odds(double p, double a, double b)
{
    double s = beta_quantile(p, a, b);

    if (s <= 0.5)
        return s / (1 - s);
    s = beta_quantile(1 - p, b, a);
    return (1 - s) / s;
}

void poisson_rates_test(double x1, double t1, double x2, double t2, double alpha,
                        struct poisson_rates *out)
{
    double total, share, below, above, here;

    x1 = floor(x1);
    x2 = floor(x2);
    total = x1 + x2;
    if (!(x1 >= 0 && x2 >= 0 && total < 0x1p53 && t1 > 0 && t2 > 0 && isfinite(t1) &&
          isfinite(t2) && alpha > 0 && alpha < 1)) {
        *out = (struct poisson_rates){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
        return;
    }
    if (total == 0) {
        *out = (struct poisson_rates){NAN, 1, 1, 1, NAN, 1, 0, INFINITY};
        return;
    }
    share = t1 / (t1 + t2);
    below = binomial_lower(x1, total, share);
    above = binomial_upper(x1, total, share);
    here = exp(binomial_log_pmf(x1, total, share));
    out->ratio = (x1 / t1) / (x2 / t2);
    out->p_greater = p_value(above);
    out->p_exact = p_value(exact_p(x1, total, share));
    out->p_mid = p_value(2 * fmin(below - here / 2, above - here / 2));
    out->z_score = (x1 - total * share) / sqrt(total * share * (1 - share));
    out->p_score = p_two_sided_normal(out->z_score);
    out->lower = x1 == 0 ? 0 : quantile_odds(alpha / 2, x1, x2 + 1) * (t2 / t1);
    out->upper = x2 == 0 ? INFINITY : quantile_odds(1 - alpha / 2, x1 + 1, x2) * (t2 / t1);
}

struct streams {
    double events_x;
    const double *events, *log_odds;
    size_t n;
};

/* The expected count of the first stream less its count. */
static double streams_excess(double delta, double *slope, const void *ctx)
{
    const struct streams *streams = ctx;
    double excess = -streams->events_x;

    *slope = 0;
    for (size_t t = 0; t < streams->n; t++) {
        double theta = 1 / (1 + exp(-(streams->log_odds[t] + delta)));

        excess += streams->events[t] * theta;
        *slope += streams->events[t] * theta * (1 - theta);
    }
    return excess;
}

double poisson_rates_log_ratio(double events_x, const double *events, const double *log_odds,
                               size_t n)
{
    struct streams streams = {events_x, events, log_odds, n};
    double total = 0, low = INFINITY, high = -INFINITY;
    double logit;

    for (size_t t = 0; t < n; t++)
        total += events[t];
    if (total <= 0)
        return NAN;
    if (events_x <= 0 || events_x >= total)
        return events_x <= 0 ? -INFINITY : INFINITY;
    /* If all intervals had the least or the greatest odds, these would be the answers. */
    logit = log(events_x / (total - events_x));
    for (size_t t = 0; t < n; t++) {
        low = fmin(low, logit - log_odds[t]);
        high = fmax(high, logit - log_odds[t]);
    }
    return root_find(streams_excess, &streams, low, high, low + (high - low) / 2);
}
