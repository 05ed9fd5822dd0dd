/* analyzer/backtest_report.h -- what a backtest found, as JSON (schema serinus.backtest/v1) and for
 * people. Pure. */
#ifndef ANALYZER_BACKTEST_REPORT_H
#define ANALYZER_BACKTEST_REPORT_H

#include "analyzer/backtest.h"
#include "base/str.h"
#include <jansson.h>

/* A new reference:
 *
 * {"schema", "config", "windows": {"count", "sideBySide", "lengthSeconds", "strideSeconds"},
 *  "metrics": [{"name", "tags", "arms", "muted", "judges": [{"judge", "windows", "noData",
 * "errors", "high", "low", "falseAlarms": SHARE, "alpha", "level", "minimumDetectableEffect",
 *      "minimumDetectableEffectPercent", "phi", "nEff", "proposed": {"allowedIncrease",
 *      "allowedDecrease"}, "calibrationFactor"}]}],
 *  "canary": [{"judge", "belowPass": SHARE, "belowMarginal": SHARE, "falseAlarms": SHARE}],
 *  "recommended": {"judge", "text"}}
 * SHARE: {"rate", "lower", "upper"}
 *
 * null stands for what is not known. `config` is a view. */
json_t *backtest_json(const struct backtest *backtest, const json_t *config, struct arena *arena);

/* The same for people, 100 columns. */
void backtest_text(const json_t *report, struct strbuf *out);

#endif
