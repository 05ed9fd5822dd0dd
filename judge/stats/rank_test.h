/* judge/stats/rank_test.h -- rank tests for independent points. Pure.
 *
 * x is the experiment, y the control; finite values in any order, at least one each.
 * U counts the pairs with x > y, ties one half. p below 1e-300 is 0; a number that cannot be
 * computed is NaN. */
#ifndef JUDGE_STATS_RANK_TEST_H
#define JUDGE_STATS_RANK_TEST_H

#include "base/arena.h"
#include "base/error.h"
#include <stddef.h>

#define RANK_TEST_MAX_EXACT_POINTS 50 /* a side has fewer; beyond, the normal form is as good */

enum alternative {
    ALTERNATIVE_TWO_SIDED,
    ALTERNATIVE_LESS,    /* x tends to be smaller */
    ALTERNATIVE_GREATER, /* x tends to be larger */
};

struct rank_normal {
    double u;
    double sigma; /* of U, tie-corrected: sqrt(n m/12 ((N+1) - sum(t^3-t)/(N(N-1)))), N = n + m */
    double z;     /* two-sided with continuity correction; signed */
    double p_corrected, p_uncorrected;
    double cles;         /* U / (n m): P(x > y) + P(x = y)/2 */
    double cliffs_delta; /* 2 cles - 1 */
};

/* Mann and Whitney's test in the normal approximation. The correction is 1/2 towards the middle,
 * and 0 when U is in the middle; one-sided it is always towards the alternative's opposite.
 * All values tied: sigma = 0 and p = 1. */
void rank_test_normal(const double *x, size_t n, const double *y, size_t m,
                      enum alternative alternative, struct arena *scratch, struct rank_normal *out);

/* The exact p, conditional on the ties there are: over all relabellings of the pooled midranks,
 * two-sided those at least as far from the mean. *u is U.
 *
 * Errors: ERR_LIMIT  a side has RANK_TEST_MAX_EXACT_POINTS or more points
 * Source: Harding, Appl. Statist. 33(1), 1984 (no ties); Streitberg and Roehmel, 1986 (ties). */
MUST_CHECK enum err_code rank_test_exact(const double *x, size_t n, const double *y, size_t m,
                                         enum alternative alternative, struct arena *scratch,
                                         double *u, double *p, struct error *err);

/* P(U <= u) without ties for u = 0 .. n m, in `cumulative` (n m + 1 doubles); n and m below
 * RANK_TEST_MAX_EXACT_POINTS. */
void rank_test_distribution(size_t n, size_t m, double *cumulative);

struct rank_ess {
    double z;            /* of rank_test_normal */
    double phi_x, phi_y; /* corrected lag-1 autocorrelation of the ranks within each sample */
    double vif;          /* (V_x + V_y)/2 with V = (1 + phi)/(1 - phi) */
    double df;           /* max(2, n/V_x + m/V_y - 2) */
    double t;            /* z / sqrt(vif) */
    double p;            /* two-sided */
};

/* Mann and Whitney's test with the effective number of points of an AR(1) series. */
void rank_test_ess(const double *x, size_t n, const double *y, size_t m, struct arena *scratch,
                   struct rank_ess *out);

enum rank_interval {
    RANK_INTERVAL_PLAIN, /* p_hat -+ t se, not clipped */
    RANK_INTERVAL_LOGIT, /* the same for log(p/(1-p)), so that it stays inside (0, 1) */
};

struct brunner_munzel {
    double statistic, df, p; /* positive when x tends to be larger; p two-sided */
    double p_hat;            /* U / (n m) */
    double se;               /* of p_hat */
    double lower, upper;     /* of p_hat at level 1 - alpha */
};

/* Brunner and Munzel, Biom. J. 42(1), 2000: no assumption of equal shapes. No overlap: p = 0 and
 * the interval is [1, 1] or [0, 0]; nothing but ties: p = 1. A sample of one point has no
 * variance of its own and counts with zero. */
void brunner_munzel_test(const double *x, size_t n, const double *y, size_t m, double alpha,
                         enum rank_interval interval, struct arena *scratch,
                         struct brunner_munzel *out);

#endif
