/* collectors/metric_query.h -- one side of one metric, as a collector gets to see it. */
#ifndef COLLECTORS_METRIC_QUERY_H
#define COLLECTORS_METRIC_QUERY_H

#include "base/metric_set.h"
#include <jansson.h>
#include <stdbool.h>

/* Which deployment, and when. */
struct scope {
    const char *scope;    /* NULL or "": unbound */
    const char *location; /* NULL or "": unbound */
    bool has_start, has_end;
    int64_t start_unix_ns, end_unix_ns;
    int64_t step_s;              /* 0: not given */
    struct tag *extended_params; /* in the order they were written */
    size_t n_extended_params;
};

struct metric_query {
    const char *metric_name; /* the metric's name in the canary config */
    const json_t *config;    /* the metric's `query` object */
    const json_t *templates; /* the canary config's `templates`, or NULL */
    struct scope scope;
};

/* Text of the query config; NULL when it is absent, not text, or "". */
const char *metric_query_text(const struct metric_query *query, const char *key);

/* An extended scope parameter, NULL when absent or "". The last one wins, as in a map. */
const char *metric_query_param(const struct metric_query *query, const char *name);

/* Read a scope: {scope, location, start, end, step, extendedScopeParams}, scalars coerced, unknown
 * members ignored. Checks what is written (times, start before end, step >= 0, window and point
 * limits, sizes), not what is missing: that depends on the store.
 * Errors: ERR_INVALID with pointer ("/start") and reason (bad_time, bad_step, too_many_points,
 * ...). */
MUST_CHECK enum err_code scope_decode(const json_t *json, struct arena *arena, struct scope *out,
                                      struct error *err);

#endif
