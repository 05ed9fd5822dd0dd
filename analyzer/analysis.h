/* analyzer/analysis.h -- the life of a stand-alone analysis inside the service.
 *
 * Its row holds what was frozen at acceptance, how many judgements have been begun, when it is due,
 * and the answer to a status read. A step does the one thing that is next: begin a judgement, wait
 * for the next one's time, or end. Each is one transaction under the analysis' lease, so doing it
 * twice, or again after a crash, changes nothing; a judgement's end makes its analysis due. */
#ifndef ANALYZER_ANALYSIS_H
#define ANALYZER_ANALYSIS_H

#include "analyzer/analyzer_state.h"

/* Take the next step of an analysis that has been claimed. The claim's slot goes to the judgement
 * that the step begins, or is given back. `why` not NULL: it must not go on, and ends with that. */
void analysis_step(struct analyzer *analyzer, const struct claim *claim, const struct error *why);

#endif
