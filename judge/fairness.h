/* judge/fairness.h -- is the comparison a fair one? What no verdict on the metrics can mend: an arm
 * that gets more traffic, one that is still warming up, a baseline that is sick itself, series that
 * have stopped or do not move. Looked for under every judge. Pure.
 *
 *   unequalTraffic    the exposure metric's totals, canary to baseline, are beyond 0.8 or 1.25
 *   unequalReplicas   the metric has more series on one side than on the other
 *   warmUp            the difference of the sides changes its level in the first half (drift.h, p
 *                     below 0.001), and the larger part of the change lies before that
 *   sickBaseline      in a metric with a direction the baseline alone changes its level for the
 *                     worse (p below 0.001 and by half or more)
 *   staleSeries       one side has no points in the last tenth of the window (and 5 points), where
 *                     the other has
 *   flatSeries        a side that varied repeats one value to its end, for a third of the window
 *                     (and 10 points), or does not vary at all while the other does; zeros are left
 *                     out, as errors that do not occur are no fault */
#ifndef JUDGE_FAIRNESS_H
#define JUDGE_FAIRNESS_H

#include "judge/judge.h"

/* Put the findings into the result: in the order of the pairs, of which those of one metric follow
 * each other. A finding of a metric whose options say so makes the result invalid: score 0, with
 * the finding for a reason. */
void fairness_check(const struct judge_input *input, struct arena *arena,
                    struct judge_result *result);

#endif
