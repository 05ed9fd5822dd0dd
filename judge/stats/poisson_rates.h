/* judge/stats/poisson_rates.h -- two counts with their exposures: is one rate higher? Pure.
 *
 * Given the total E = x1 + x2, the count x1 is Binomial(E, pi) with pi = t1 / (t1 + t2) when the
 * rates are equal, whatever the common rate is. With B such a variable:
 *
 *     p_greater   P(B >= x1)
 *     p_exact     the sum of all probabilities not larger than that of x1, with a relative slack of
 *                 1e-7, as R's poisson.test
 *     p_mid       twice the smaller tail, each less half the probability of x1, at most 1
 *     z_score     (x1 - E pi) / sqrt(E pi (1 - pi))
 *     lower, upper  of the ratio: s / (1 - s) * t2 / t1 with s the Clopper-Pearson limits of x1 / E
 *
 * Source: Przyborowski and Wilenski, Biometrika 31, 1940; Lancaster, JASA 56, 1961 (mid-p). */
#ifndef JUDGE_STATS_POISSON_RATES_H
#define JUDGE_STATS_POISSON_RATES_H

#include <stddef.h>

struct poisson_rates {
    double ratio; /* (x1 / t1) / (x2 / t2): infinite when only x2 is 0, NaN when both are */
    double p_exact, p_greater, p_mid;
    double z_score, p_score; /* NaN and 1 without any count */
    double lower, upper;     /* [0, inf] without any count */
};

/* x1, x2      counts >= 0; x1 the experiment's; a fraction is cut off (all sizes up to 2^53)
 * t1, t2      exposures > 0, finite, in one unit (requests, seconds)
 * alpha       1 - the level of the interval, in (0, 1)
 * out         all NaN for arguments outside these ranges */
void poisson_rates_test(double x1, double t1, double x2, double t2, double alpha,
                        struct poisson_rates *out);

/* The most likely log of the rate ratio of two streams whose shares of the exposure vary: the delta
 * with events_x = sum of events[t] theta_t, theta_t = 1 / (1 + exp(-(log_odds[t] + delta))).
 *
 * events_x  events of the first stream, all intervals
 * events    events of both, per interval, >= 0
 * log_odds  ln of the ratio of the exposures, first over second, per interval
 *
 * -inf or inf when a stream has no event, NaN when neither has. */
double poisson_rates_log_ratio(double events_x, const double *events, const double *log_odds,
                               size_t n);

#endif
