/* judge/clean.h -- missing points and outliers of one side, dealt with as the metric says. */
#ifndef JUDGE_CLEAN_H
#define JUDGE_CLEAN_H

#include "base/arena.h"
#include "base/error.h"
#include "base/metric_set.h"
#include "judge/describe.h"
#include "judge/policy.h"

/* What lies beyond is an outlier; values on a fence stay. */
struct fences {
    double low, high;
};

/* Of an ascending sample of n >= 1 points, by the rule of clean_side(). */
struct fences clean_fences(const double *sorted, size_t n, double factor);
bool is_outside(double value, const struct fences *fences);

/* First the NaN strategy, then the outliers of what is left: with Q1 and Q3 the quartiles and f the
 * factor, values strictly below min(P1, Q1 - f (Q3 - Q1)) or above max(P99, Q3 + f (Q3 - Q1)) go.
 * The sample, and working memory, lie in `arena`.
 *
 * Errors: ERR_INVALID  outliers are to go, and the factor is not above 0
 * Source: Tukey, Exploratory Data Analysis, 1977, ch. 2 for the fences; the percentiles keep a long
 * tail of many points from being cut. */
MUST_CHECK enum err_code clean_side(const struct pair_side *side,
                                    const struct metric_policy *policy, struct arena *arena,
                                    struct sample *out, struct error *err);

#endif
