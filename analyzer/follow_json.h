/* analyzer/follow_json.h -- an execution of any kind as one flat object, schema
 * serinus.execution/v1: what pipeline tools, pages and listeners read. Pure. */
#ifndef ANALYZER_FOLLOW_JSON_H
#define ANALYZER_FOLLOW_JSON_H

#include "analyzer/store.h"
#include <jansson.h>

enum follow_status {
    FOLLOW_ACCEPTED, /* waits for its turn */
    FOLLOW_RUNNING,
    FOLLOW_SUCCEEDED, /* it has a verdict, whatever that says; of an analysis: the last one passed
                       */
    FOLLOW_FAILED,
    FOLLOW_CANCELLED,
    N_FOLLOW_STATUSES,
};

/* "accepted", "running", ... and "canary", "analysis", "comparison". */
const char *follow_status_name(enum follow_status status);
const char *follow_kind_name(enum execution_kind kind);

/* What a row alone does not tell of an execution that has not ended. */
struct follow_state {
    enum follow_status status;
    size_t n_done, n_total;  /* queries, or judgements of an analysis; 0 of 0: unknown */
    int64_t started_unix_ms; /* 0: unknown */
};

/* As in lists and events. New references, here and below. */
json_t *follow_brief(const struct stored_execution *row, const struct follow_state *state);

/* The judgements of an analysis, oldest first, by their rows. */
json_t *follow_intervals(const struct stored_execution *rows, size_t n_rows);

/* All of it. `body` is what a status read of Kayenta's API answers, or NULL; `intervals` is taken,
 * NULL for what is no analysis. */
json_t *follow_full(const struct stored_execution *row, const struct follow_state *state,
                    const json_t *body, json_t *intervals);

#endif
