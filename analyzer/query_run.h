/* analyzer/query_run.h -- hops 5 to 7 for one query: build, fetch, parse.
 *
 * Nothing waits: requests go to the fetch engine, and the last reply puts the rest on a worker. It
 * asks for the next page, if there is one, or parses all replies and calls on_end. */
#ifndef ANALYZER_QUERY_RUN_H
#define ANALYZER_QUERY_RUN_H

#include "analyzer/plan.h"
#include "base/worker_pool.h"
#include "collectors/fetch.h"
#include <stdatomic.h>

/* Kayenta's words for the state of one stage. */
enum stage_status {
    STAGE_NOT_STARTED,
    STAGE_RUNNING,
    STAGE_SUCCEEDED,
    STAGE_TERMINAL,
    STAGE_CANCELED
};

struct query_run {
    /* set by the caller, who keeps the struct and all it points to alive until on_end */
    const struct plan_query *plan;
    struct fetch *fetch;
    struct worker_pool *pool;
    const atomic_bool *is_cancelled;
    const char *application;               /* whose turn it takes at the store; may be NULL */
    int64_t deadline_mono_ms;              /* 0: the fetch engine's own limit */
    bool keeps_replies;                    /* until query_run_clear(), in transfers[].response */
    void (*on_end)(struct query_run *run); /* on a worker, or at once when building fails */
    void *ctx;

    /* readable at any time */
    atomic_int status; /* enum stage_status */

    /* filled before on_end */
    struct metric_set_list sets; /* in `arena` */
    bool is_stored;              /* the sets are in the result store, too; the saver's own */
    struct error error;
    const char *failed_url; /* masked; NULL unless a request failed */

    struct arena *arena;               /* its own, so that queries can be parsed side by side */
    struct http_request_list requests; /* all so far */
    struct fetch_transfer *transfers;  /* one for each */
    size_t n_answered;                 /* the first ones */
    bool has_begun_anew;               /* the store lost a page; not a second time */
    atomic_size_t n_pending;
};

void query_run_start(struct query_run *run);

/* In place of starting it: what an earlier process got for it, as metric_sets_encode() wrote it.
 * Errors: those of metric_sets_decode(). */
MUST_CHECK enum err_code query_run_restore(struct query_run *run, struct str encoded,
                                           struct error *err);
/* Append the sets of a run that has succeeded. */
void query_run_encode(const struct query_run *run, struct strbuf *out);

void query_run_clear(struct query_run *run);

#endif
