/* analyzer/preflight.h -- the dry run: every query of a canary asked once over a past window, and
 * what came of it, before a canary depends on it. */
#ifndef ANALYZER_PREFLIGHT_H
#define ANALYZER_PREFLIGHT_H

#include "analyzer/preflight_power.h"
#include <jansson.h>

/* What the queries of `batch` gave, a new reference:
 *
 * {"metrics": [{"name", "baseline": SIDE, "canary": SIDE, "pairs": n, "power": [POWER],
 *               "warnings": [text]}],
 *  "errors": n, "warnings": n}
 * SIDE: {"query", "error"?} or {"query", "series": [{"labels": {}, "points": n, "gaps": n,
 *        "stepSeconds"}]}
 * POWER: as preflight_power() says, one for each of the `pairs`
 *
 * `pairs` counts those with data on both sides. */
json_t *preflight_report(const struct run_input *input, const struct query_batch *batch,
                         const struct power_wish *wish);

/* The same for people. */
void preflight_text(const json_t *report, struct strbuf *out);

#endif
