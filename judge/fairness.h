/* judge/fairness.h -- is the comparison a fair one? What no verdict on the metrics can mend: an arm
 * that gets more traffic, one that is still warming up, a baseline that is sick itself, series that
 * have stopped or do not move. Looked for under every judge. Pure.
 *
 *   unequalTraffic    the exposure metric's totals, canary to baseline, are beyond 0.8 or 1.25
 *   unequalReplicas   the metric has more series on one side than on the other
 *   warmUp            the difference of the sides has one level in the first minutes, less than
 * half of all, and a smaller one later sickBaseline      in a metric with a direction the baseline
 * alone gets worse by half or more staleSeries       one side has no points in the last tenth of
 * the window (and 5 points), where the other has flatSeries        a side that varied repeats one
 * value to its end, for a third of the window (and 10 points), or does not vary at all while the
 * other does; zeros are left out, as errors that do not occur are no fault
 *
 * A change of level counts beyond 1.5 standard deviations and with p below 0.001: the largest sum
 * of deviations from the mean, against the long-run variance around the two levels; after Ploberger
 * and Kraemer, Econometrica 60(2), 1992. */
#ifndef JUDGE_FAIRNESS_H
#define JUDGE_FAIRNESS_H

#include "judge/judge.h"

/* Put the findings into the result: in the order of the pairs, of which those of one metric follow
 * each other. A finding of a metric whose options say so makes the result invalid: score 0, with
 * the finding for a reason. */
void fairness_check(const struct judge_input *input, struct arena *arena,
                    struct judge_result *result);

#endif
