/* analyzer/codec/judge_result_read.h -- a judge result that somebody else made, in the form that
 * judge_result_json.h writes. Everything about it is checked: it decides on a release. */
#ifndef ANALYZER_CODEC_JUDGE_RESULT_READ_H
#define ANALYZER_CODEC_JUDGE_RESULT_READ_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "judge/judge.h"

/* Read {"judgeName", "results", "groupScores", "score"} as the answer to `input`.
 *
 * Results are matched to pairs by id and come out in the order of the pairs; a muted pair may lack
 * one. Name, tags and policy are those of the pair, as are groups and muted where the result does
 * not say. What is left out besides: statistics (then 0), ratio (then none), critical (then false),
 * reasons, groupScores (then none), judgeName (then `judge_name`). What is not known is skipped.
 * The verdict follows from the score and input->score, and the result must say the same. It holds
 * nothing of ours: no intervals, reports or grades.
 *
 * out   written only on success; points into `arena` and into the input
 *
 * Errors: ERR_INVALID with pointer: no JSON, or more of it than REMOTE_JUDGE_MAX_* allows; an id
 *         that is missing, foreign or there twice; an unmuted pair without a result; another name
 *         than the pair's; a word that is not known; a score that is not from 0 to 100; a verdict
 *         that the score does not give; a member of the wrong type. Without pointer: a pair has no
 *         id, or another one's. */
MUST_CHECK enum err_code judge_result_read(struct str text, const char *judge_name,
                                           const struct judge_input *input, struct arena *arena,
                                           struct judge_result *out, struct error *err);

#endif
