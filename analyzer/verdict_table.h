/* analyzer/verdict_table.h -- a judge result for people: verdict, score, one line a metric, and
 * why.
 *
 * 80 columns. Outside a UTF-8 locale the marks are ASCII. Control characters in names are shown as
 * "?", so that data cannot drive the terminal. */
#ifndef ANALYZER_VERDICT_TABLE_H
#define ANALYZER_VERDICT_TABLE_H

#include "base/str.h"
#include "judge/policy.h"
#include "judge/result.h"
#include <stdbool.h>
#include <stdio.h>

/* title  what was judged, or NULL */
void verdict_table(const struct judge_result *result, const struct score_policy *policy,
                   const char *title, FILE *out, bool use_colour);

/* Colour is wanted on `out`: a terminal that takes it, NO_COLOR unset; CLICOLOR_FORCE forces it. */
bool verdict_table_use_colour(FILE *out);

/* 0 pass, 10 marginal, 11 fail; 12 when only the missing-data rule forced the score to 0 and no
 * metric is High, Low or Error. */
int verdict_exit_code(const struct judge_result *result);

/* The word that goes with it: "pass", "marginal", "fail", "nodata" or "invalid". */
const char *verdict_word(const struct judge_result *result);

/* One sentence on why this metric came out as it did; nothing for a plain pass. */
void verdict_explain(const struct metric_result *result, struct strbuf *out);

#endif
