/* analyzer/preflight_power.h -- what a canary as long as the window of a dry run could tell, from
 * the pairs that the dry run fetched: their memory, what their points are worth, the smallest
 * change that is seen, and how long a wanted one takes (run_length.h). */
#ifndef ANALYZER_PREFLIGHT_POWER_H
#define ANALYZER_PREFLIGHT_POWER_H

#include "analyzer/judgement.h"
#include "analyzer/query_batch.h"

struct power_wish {
    double change;    /* to be seen, 0.1 for 10 % */
    bool is_explicit; /* asked for: a window too short for it is worth a warning */
};

/* The pairs of one metric of the batch, as they would be judged. Errors: as judgement_mix(). */
MUST_CHECK enum err_code preflight_mix(const struct run_input *input,
                                       const struct query_batch *batch, size_t metric_index,
                                       struct judgement *out, struct error *err);

/* One object for each pair with data on both sides, a new reference:
 *
 * {"tags": {}, "points", "level", "phi", "effectivePoints" or "events", "alpha",
 *  "minimumDetectableEffect", "minimumDetectablePercent", "detectPercent", "secondsNeeded", "why"?}
 *
 * The effect is in the metric's unit (of counts: events per exposure), with power 0.8, and in
 * percent of the baseline's level. What does not exist is null. Where the window is too short to
 * decide about the allowed change (or about the wish), a sentence is appended to `warnings`. */
json_t *preflight_power(const struct run_input *input, const struct query_batch *batch,
                        size_t metric_index, const struct judgement *mixed,
                        const struct power_wish *wish, json_t *warnings);

#endif
