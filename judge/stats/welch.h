/* judge/stats/welch.h -- means of two samples of independent points, variances unequal. Pure.
 *
 * x is the experiment, y the control; finite values, two or more each (with fewer, everything
 * that needs a variance is NaN). No variance on either side: p = 0 with an effect, 1 without. */
#ifndef JUDGE_STATS_WELCH_H
#define JUDGE_STATS_WELCH_H

#include "judge/stats/rank_test.h" /* enum alternative */
#include <stdbool.h>

struct welch {
    double diff; /* mean x - mean y */
    double se;   /* of diff */
    double t, df, p;
    double lower, upper; /* of diff, two-sided at level 1 - alpha, or one-sided with an infinity */
};

/* Source: Welch, Biometrika 34, 1947; Satterthwaite's degrees of freedom. */
void welch_test(const double *x, size_t n, const double *y, size_t m, enum alternative alternative,
                double alpha, struct arena *scratch, struct welch *out);

struct tost {
    double p_lower;      /* of "diff <= low" */
    double p_upper;      /* of "diff >= high" */
    double p;            /* the larger of both */
    double lower, upper; /* interval of diff at level 1 - 2 alpha */
    bool is_equivalent;  /* p < alpha: the interval lies within low..high */
};

/* Two one-sided tests that the difference of the means lies within (low, high), each at alpha.
 * Source: Schuirmann, J. Pharmacokin. Biopharm. 15(6), 1987. */
void tost_welch(const double *x, size_t n, const double *y, size_t m, double low, double high,
                double alpha, struct arena *scratch, struct tost *out);

#endif
