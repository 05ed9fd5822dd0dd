/* judge/arms.h -- the two sides of a metric as the tests take them: without warm-up, missing points
 * and outliers, minute by minute where the minutes match. Pure. */
#ifndef JUDGE_ARMS_H
#define JUDGE_ARMS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/metric_set.h"
#include "judge/describe.h"
#include "judge/policy.h"

struct arms {
    struct sample sides[N_SIDES]; /* values in order of time, and sorted */
    /* index[side][k]: at which point of the pair's side the k-th value was, counted from its
     * start. */
    const size_t *index[N_SIDES];
    bool is_paired; /* as many values on both sides, each with its partner of the same minute */
    size_t n_removed_nan, n_removed_outliers, n_infinite;
    double step_s; /* seconds between points; 0 when the sides differ or do not say */
};

/* Warm-up (options.warmup_mins from the first point) goes first, then infinities and missing points
 * (or 0 in their place, as nanStrategy says), then outliers of each side by the fences of clean.h.
 * The sides are paired, and lose both points where one is missing, when they have the same start,
 * step and length (short sides end early, as if padded) and options.pairing does not forbid it;
 * with POINTS_PAIRED the starts need not agree. Everything lives in `arena`.
 *
 * Errors: ERR_INVALID  outliers are to go, and the factor is not above 0 */
MUST_CHECK enum err_code arms_prepare(const struct metric_pair *pair,
                                      const struct metric_policy *policy, struct arena *arena,
                                      struct arms *out, struct error *err);

#endif
