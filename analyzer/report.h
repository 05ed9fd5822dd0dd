/* analyzer/report.h -- hop 10: what a pipeline or a person reads of an execution. */
#ifndef ANALYZER_REPORT_H
#define ANALYZER_REPORT_H

#include "analyzer/execution.h"
#include "base/arena.h"
#include "base/str.h"
#include <jansson.h>

/* What does not change in the answers about one execution: application, config, request, accounts
 * and build time, as the text of JSON members. Made once, so that a status read costs no walk
 * through the config and no thread touches another's reference counts.
 *
 * submission  what was frozen at acceptance (analyzer.c makes it) */
struct report_frozen {
    const char *id;
    struct str members; /* `"application":...,"config":...` without braces */
    size_t n_metrics;
    const char *metric_set_pair_list_id; /* NULL: none is kept */
};

/* Lives in `arena`; `id` is borrowed. */
struct report_frozen report_freeze(const char *id, const json_t *submission, struct arena *arena);

/* Append the body of GET /canary/{id} (CanaryExecutionStatusResponse).
 *
 * execution   NULL while it waits for its turn
 * has_ended   the execution is over: status, times, and result or exception are in the body */
void report_status(const struct report_frozen *frozen, const struct execution *execution,
                   bool has_ended, struct strbuf *out);

/* The same for one that is cancelled while it waits or runs; what is under way becomes canceled. */
void report_cancelled(const struct report_frozen *frozen, const struct execution *execution,
                      int64_t ended_unix_ms, struct strbuf *out);

/* The same for an execution that could not even be planned again after a restart. */
void report_unplannable(const struct report_frozen *frozen, const struct error *err,
                        struct strbuf *out);

/* What went wrong, as Kayenta's `exception` object. `run` is the query at fault, or NULL. */
json_t *report_exception(const struct error *err, const char *operation,
                         const struct query_run *run, int64_t unix_ms);

/* Our own report (schema serinus.report/v1): verdict in words, warnings, and beside every number
 * the reason for it. */
json_t *report_model(const struct judgement *judgement, const json_t *config,
                     const json_t *request_view);

#endif
