/* analyzer/analysis_plan.h -- a stand-alone analysis as numbers: when each judgement is due and
 * which windows it looks at. Pure; computed once at acceptance from one reading of the clock, and
 * the same ever after, because all that it depends on is stored. */
#ifndef ANALYZER_ANALYSIS_PLAN_H
#define ANALYZER_ANALYSIS_PLAN_H

#include "base/arena.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct analysis_plan {
    json_t *request;       /* view with its defaults filled in; lives in the arena */
    int64_t start_unix_ns; /* scopes[0].startTimeIso, else the moment of acceptance */
    bool is_retrospective; /* scopes[0].endTimeIso is given: nothing waits */
    int64_t begin_after_min, interval_min, lookback_min;
    size_t n_judgements; /* whole intervals in the lifetime */
};

/* A window, from `start` to `end`. */
struct analysis_window {
    int64_t start_unix_ns, end_unix_ns;
};

/* Read a CanaryAnalysisExecutionRequest (kayenta-api 16.3) and plan it (16.4).
 *
 * now_unix_ns  what "now" was at acceptance
 * Errors: ERR_INVALID with Kayenta's texts and a pointer: no scopes, neither end nor lifetime, a
 *         lifetime or interval that makes no judgement, more than ANALYSIS_MAX_JUDGEMENTS. */
MUST_CHECK enum err_code analysis_plan_make(const json_t *request, int64_t now_unix_ns,
                                            struct arena *arena, struct analysis_plan *out,
                                            struct error *err);

/* The experiment's window of judgement `i`, from 0; the control's is the same, shifted back by its
 * scope's controlOffsetInMinutes. */
struct analysis_window analysis_plan_window(const struct analysis_plan *plan, size_t i);

/* When judgement `i` may run; 0 for a retrospective one. Absolute, so that nothing drifts. */
int64_t analysis_plan_due_unix_ms(const struct analysis_plan *plan, size_t i);

/* When something next happens by itself after `n_begun` judgements: the warm-up ends, or the next
 * judgement is due. 0: it is due. */
int64_t analysis_plan_next_unix_ms(const struct analysis_plan *plan, size_t n_begun,
                                   int64_t now_unix_ms);

/* When the warm-up is over. */
int64_t analysis_plan_begin_unix_ms(const struct analysis_plan *plan);

/* The execution request of judgement `i`. A new reference. */
json_t *analysis_plan_request(const struct analysis_plan *plan, size_t i);

/* Minutes of the run that judgement `n` - 1 knows of; 0 for n = 0. */
int64_t analysis_plan_run_min(const struct analysis_plan *plan, size_t n);

/* --- the end (16.6) --- */

struct analysis_verdict {
    bool has_passed;
    char message[256];
};

/* scores of the judgements that were made, in order. */
struct analysis_verdict analysis_verdict_of(const double *scores, size_t n_scores, double pass,
                                            double marginal);

/* Say in `verdict` that the plan's other judgements were not needed. */
void analysis_verdict_early(const struct analysis_plan *plan, size_t n_judgements,
                            struct analysis_verdict *verdict);

#endif
