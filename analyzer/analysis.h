/* analyzer/analysis.h -- the life of a stand-alone analysis inside the service.
 *
 * Its row holds what was frozen at acceptance and, once it is over, its answer. Everything between
 * is derived: judgement i has an id that follows from the analysis' own, so whether it has been
 * started, runs or has ended is read from its row. A step looks at the judgements in order and does
 * the one thing that is next; doing it twice, or again after a crash, changes nothing. */
#ifndef ANALYZER_ANALYSIS_H
#define ANALYZER_ANALYSIS_H

#include "analyzer/analyzer_state.h"

/* For the scheduler: look at this analysis now. `ctx` is the analyzer. */
void analysis_due(void *ctx, const char *id);

/* A judgement of this analysis has ended. */
void analysis_wake(struct analyzer *analyzer, const char *id);

/* Take up every analysis that has not ended. */
MUST_CHECK enum err_code analysis_recover(struct analyzer *analyzer, struct error *err);

#endif
