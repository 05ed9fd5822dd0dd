/* judge/explain.h -- a red metric, the other way round: what would have had to be allowed for it to
 * pass, and which minutes speak loudest against it. Pure. */
#ifndef JUDGE_EXPLAIN_H
#define JUDGE_EXPLAIN_H

#include "judge/judge.h"

/* For every result that is High or Low, in result->explanations; the others' are zero.
 *
 * The limit is the smallest allowed increase (largest allowed decrease), on the scale of the
 * metric's effect size and to three digits, with which this metric judged by itself passes.
 *
 * The weight of a minute is its share of Mann and Whitney's U beyond the middle: how much more
 * often than half the canary's points of that minute are on the wrong side of all of the
 * baseline's, and the baseline's of all of the canary's. The five neighbouring points with the
 * largest sum weigh most, whatever the judge. */
void explain_result(const struct judge_type *judge, const struct judge_input *input,
                    struct arena *arena, struct judge_result *result);

#endif
