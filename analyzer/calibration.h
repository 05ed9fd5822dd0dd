/* analyzer/calibration.h -- a canary's own history: the windows before it, as long as it is, in
 * which both sides ran the same version. Judges learn from them how far a metric wanders by itself
 * (options.calibration_windows, judge/tested.h).
 *
 * One more query a side and metric covers all windows. History that cannot be had is no failure of
 * the canary: it is judged without, and judgement_warnings() says so. */
#ifndef ANALYZER_CALIBRATION_H
#define ANALYZER_CALIBRATION_H

#include "analyzer/plan.h"

/* How long a canary waits for its history. */
#define CALIBRATION_PATIENCE_MS 60000

/* Plan the queries (plan->history), for metrics whose options ask for windows, and for their
 * exposures: as many as they ask for and as fit into the longest window that may be asked for. None
 * where fewer fit than calibrate anything, or where the sides' windows differ in length. */
void calibration_plan(struct canary_plan *plan, struct arena *arena);

/* What the queries gave, one a pair (none: no windows), for judge_input.histories. `sets` has the
 * sets of one metric and side at [side][metric_index]; values are borrowed. */
const struct pair_history *calibration_histories(const struct canary_plan *plan,
                                                 const struct metric_set_list *const sets[N_SIDES],
                                                 const struct metric_pair *pairs, size_t n_pairs,
                                                 struct arena *arena);

#endif
