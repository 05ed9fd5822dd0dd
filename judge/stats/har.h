/* judge/stats/har.h -- tests that hold for autocorrelated points, for means and for ranks. Pure.
 *
 * Standard errors come from long_run.h, p-values and intervals from the t distribution. x is the
 * experiment, y the control; finite values in the order they were measured. Paired: x[i] and y[i]
 * belong to the same moment, and what both share cancels.
 *
 * No variance and an effect: p = 0 and an interval of one point. No variance and no effect: p = 1.
 * p below 1e-300 is 0. An empty sample gives NaN throughout. Below some 20 points the t
 * distribution is no longer a fair description; that is for the caller to refuse.
 * Multiplying all data by a power of two multiplies the results exactly, down to subnormal and up
 * to the largest values. */
#ifndef JUDGE_STATS_HAR_H
#define JUDGE_STATS_HAR_H

#include "base/arena.h"
#include "judge/stats/long_run.h"
#include <stdint.h>

struct har_test {
    double effect;             /* means: mean x - mean y; ranks: P(x > y) + P(x = y)/2 */
    double se;                 /* of the effect */
    double t;                  /* (effect - effect without a change) / se */
    double df;                 /* degrees of freedom of t */
    double p;                  /* two-sided */
    double lower, upper;       /* effect -+ t quantile * se at level 1 - alpha; ranks: in [0, 1] */
    struct long_run run;       /* paired: of the differences; unpaired: of x */
    struct long_run run_other; /* unpaired: of y; paired: all zero */
};

/* How far x is shifted against y, from the ordered differences D of all pairs (x[i], y[j]). */
struct har_shift {
    double u;            /* pairs with x > y, ties one half */
    double sigma_u;      /* standard deviation of U with the long-run variance */
    uint64_t k;          /* the limits are D(k) and D(n^2 + 1 - k) */
    double estimate;     /* Hodges-Lehmann: the median of D */
    double lower, upper; /* at level 1 - alpha */
};

/* d = x - y, t = mean d / sqrt(omega(d) / n) with nu degrees of freedom. */
void har_mean_paired(const double *x, const double *y, size_t n, double alpha,
                     struct arena *scratch, struct har_test *out);

/* Variance omega_x / n + omega_y / m, Satterthwaite's degrees of freedom. */
void har_mean_unpaired(const double *x, size_t n, const double *y, size_t m, double alpha,
                       struct arena *scratch, struct har_test *out);

/* The log of the ratio of the means by the delta method: d = (x - mean x)/mean x - (y - mean y)/
 * mean y gives the variance. The effect, its interval and se are logs: exp() makes ratios.
 * NaN throughout unless both means are above 0. */
void har_ratio_paired(const double *x, const double *y, size_t n, double alpha,
                      struct arena *scratch, struct har_test *out);
void har_ratio_unpaired(const double *x, size_t n, const double *y, size_t m, double alpha,
                        struct arena *scratch, struct har_test *out);

/* d = pooled midrank of x[i] less that of y[i]; t as for means. sigma_u = sqrt(n omega(d)) / 2 and
 * k = max(1, floor(n^2/2 - t quantile * sigma_u)). `run` is that of d. `shift` may be NULL. */
void har_rank_paired(const double *x, const double *y, size_t n, double alpha,
                     struct arena *scratch, struct har_test *out, struct har_shift *shift);

/* Brunner and Munzel's test with the long-run variances of the placements
 * f_x(i) = (pooled rank - rank within x)/m and f_y likewise, each coloured as its within-ranks.
 * The shift has sigma_u = n m se and the quantile of this test's own t: `shift` may be NULL. */
void har_rank_unpaired(const double *x, size_t n, const double *y, size_t m, double alpha,
                       struct arena *scratch, struct har_test *out, struct har_shift *shift);

#endif
