/* judge/stats/bootstrap.h -- circular block bootstrap of any statistic of two series. Pure: random
 * numbers come from a seed, the same seed gives the same answer.
 *
 * Blocks of b neighbouring points keep the autocorrelation; the series is closed to a ring so that
 * no point is drawn less often. Block rule: b = ceil((6 phi^2 / (1 - phi^2)^2)^(1/3) n^(1/3)), at
 * least 1, at most n / 4, phi the corrected lag-1 autocorrelation (long_run.h).
 * It is too liberal for means of strongly autocorrelated series; where a HAR long-run variance
 * exists, `omega_har` stretches the interval to it ("HAR-scaled").
 * Source: Politis and Romano 1992; Politis and White 2004, correction Patton, Politis and White
 * 2009, with an AR(1) plug-in. */
#ifndef JUDGE_STATS_BOOTSTRAP_H
#define JUDGE_STATS_BOOTSTRAP_H

#include "base/arena.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* theta of two series in the order of time; 0 must mean "no difference". NaN: undecidable, such a
 * resample is drawn but not counted. `ctx` is the caller's; resamples may be reordered in place. */
typedef double (*bootstrap_statistic)(double *x, size_t n, double *y, size_t m, void *ctx);

struct bootstrap_settings {
    bool is_paired;   /* x and y resampled together; needs n = m */
    size_t n_samples; /* B, 199 .. 9999 */
    uint64_t seed;
    double alpha;     /* 1 - the level of the percentile interval, in (0, 1) */
    double omega_har; /* n times the HAR variance of theta; 0 or NaN: do not scale */
};

struct bootstrap {
    double estimate;     /* theta of the series themselves */
    double p_value;      /* symmetric: (1 + #{|theta* - theta| >= |theta|}) / (B + 1) */
    double lower, upper; /* percentile interval (type 7 quantiles of theta*) */
    double omega_boot;   /* n times the variance of theta* */
    double scaled_lower, scaled_upper; /* the ends' distances from the estimate times
                                          sqrt(omega_har / omega_boot); NaN when not asked for */
    double scaled_p; /* p_value with the |theta* - theta| stretched in the same way; likewise */
    size_t block_x, block_y;
};

/* n, m >= 2. out is all NaN for fewer, or when the estimate is NaN. */
void bootstrap_difference(const double *x, size_t n, const double *y, size_t m,
                          bootstrap_statistic statistic, void *ctx,
                          const struct bootstrap_settings *settings, struct arena *scratch,
                          struct bootstrap *out);

/* The block rule. phi in [0, 1), n >= 1. */
size_t bootstrap_block(double phi, size_t n);

/* A statistic ready to use; without ctx. */
double bootstrap_mean_difference(double *x, size_t n, double *y, size_t m, void *ctx);

#endif
