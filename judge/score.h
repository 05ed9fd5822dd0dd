/* judge/score.h -- group scores, the weighted sum, and the verdict.
 *
 * Muted results take no part. A group's score is 100 * passes / counted, where Pass, High, Low and
 * NodataFailMetric count; a group in which nothing counted is shown as 0 but enters the sum as 100.
 * With SCORING_GRADED it is the mean grade of the counted results instead, to two decimals.
 * Groups without a configured weight share what the configured ones leave of 100, be it negative.
 * Before the sum: a critical result that is not Pass forces 0, then 50 % or more Nodata does, and
 * where the policy says so 50 % or more of Nodata and Error together.
 *
 * Groups are listed, and summed, in the hash order of the Scala 2.12 maps that Kayenta keeps them
 * in, because the order of a floating-point sum can move the rounded score by 0.01. */
#ifndef JUDGE_SCORE_H
#define JUDGE_SCORE_H

#include "judge/result.h"

#include "base/arena.h"
#include "base/error.h"

/* Fills everything of `out` but judge_name; `results` is borrowed and lives on in `out`.
 *
 * Errors: ERR_INVALID  an unmuted result without a groups list, or a score that is not finite */
MUST_CHECK enum err_code score_results(const struct metric_result *results, size_t n_results,
                                       const struct score_policy *policy, struct arena *arena,
                                       struct judge_result *out, struct error *err);

/* Two decimals, half away from zero, judged on the shortest decimal that reads back to `value`:
 * 94.995 becomes 95.0 although the double is a little less. `value` is finite. */
double score_round(double value);

#endif
