/* analyzer/early_pass.h -- may an analysis end with a pass before its time? Pure. */
#ifndef ANALYZER_EARLY_PASS_H
#define ANALYZER_EARLY_PASS_H

#include <jansson.h>
#include <stdbool.h>

/* Every metric that is not muted must ask for it (earlyPass), have run for its minRuntimeMins, and
 * have been found non-inferior by a sequential test: one that may be stopped at any look.
 *
 * config         the canary config of the analysis
 * judge_result   CanaryJudgeResult of its latest judgement; NULL for none
 * runtime_mins   from the start of its window to the end */
bool early_pass_is_due(const json_t *config, const json_t *judge_result, double runtime_mins);

#endif
