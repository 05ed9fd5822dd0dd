/* analyzer/execution_request.h -- what a start request asks for: scopes, window, thresholds. */
#ifndef ANALYZER_EXECUTION_REQUEST_H
#define ANALYZER_EXECUTION_REQUEST_H

#include "analyzer/codec/document.h"
#include "base/arena.h"
#include "collectors/metric_query.h"
#include <jansson.h>
#include <stdbool.h>

struct scope_pair {
    const char *name; /* what a metric's scopeName refers to, usually "default" */
    bool has_side[N_SIDES];
    struct scope sides[N_SIDES];
};

struct execution_request {
    json_t *view; /* as Kayenta echoes it: known members, normalised times; lives in the arena */
    struct scope_pair *scopes;
    size_t n_scopes;
    bool has_thresholds;
    double pass, marginal;
};

/* Read a CanaryExecutionRequest. Missing parts are left for plan_build(), which knows what the
 * metrics need. Errors: ERR_INVALID with pointer and reason (bad_type, bad_time, bad_step, ...). */
MUST_CHECK enum err_code execution_request_decode(const json_t *json, struct arena *arena,
                                                  struct execution_request **out,
                                                  struct error *err);

const struct scope_pair *execution_request_scope(const struct execution_request *request,
                                                 const char *name);

/* end - start when it is the same for every scope and side. */
bool execution_request_duration(const struct execution_request *request, int64_t *out_ns);

/* Every member that nobody reads; as document_review(). */
void execution_request_review(const json_t *request, document_unknown *found, void *ctx);

#endif
