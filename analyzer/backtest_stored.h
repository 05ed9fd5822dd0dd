/* analyzer/backtest_stored.h -- executions that have been judged before, judged by other judges:
 * bundles, and what a result store holds. `serinus backtest` with files, --execution or --store. */
#ifndef ANALYZER_BACKTEST_STORED_H
#define ANALYZER_BACKTEST_STORED_H

#include "analyzer/cli.h"
#include "judge/judge.h"

#define BACKTEST_MAX_JUDGES 8u

/* The judges that --judge names; without: the standard one and the recommended one. Room for
 * BACKTEST_MAX_JUDGES. Returns 0, or the exit code after saying which there is not. */
int backtest_judges_named(const struct cli_command *self, const struct cli_args *args,
                          const struct judge_type **out, size_t *n_out);

/* The arguments name executions rather than a history. */
bool backtest_is_of_stored(const struct cli_args *args);

/* All of it; the exit code. As JSON (schema serinus.rejudged/v1):
 *
 * {"schema", "judges": [name], "executions": [{"execution", "recorded": VERDICT or null,
 *      "judges": [VERDICT or {"error"}]}],
 *  "agreement": [{"judge", "executions", "same", "kappa"}]}
 * VERDICT: {"verdict": "pass", "score", "flagged": [metric]}
 *
 * kappa is Cohen's (Educ. Psychol. Meas. 20, 1960) against what was recorded, null where all fell
 * into one class. */
int backtest_stored(const struct cli_command *self, const struct cli_args *args);

#endif
