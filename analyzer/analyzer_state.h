/* analyzer/analyzer_state.h -- what the files behind analyzer.h share. Not for anyone else. */
#ifndef ANALYZER_ANALYZER_STATE_H
#define ANALYZER_ANALYZER_STATE_H

#include "analyzer/analyzer.h"
#include "analyzer/execution.h"
#include "analyzer/report.h"
#include "analyzer/scheduler.h"
#include "base/worker_pool.h"
#include "collectors/fetch.h"
#include <pthread.h>

/* Executions under way at once; more wait their turn in order of arrival. */
#define MAX_RUNNING 64u

/* An accepted execution that has not ended. Reference-counted: the table holds one reference, and
 * so does everybody who is reading its status. */
struct live {
    const char *id; /* first member: the table is ordered by it */
    const char *application;
    const char *storage_account;
    const char *analysis_id; /* the analysis it is a judgement of, or NULL */
    json_t *submission;
    struct report_frozen frozen;
    struct arena *arena; /* holds the plan and the texts above */
    struct canary_plan *plan;
    struct execution *execution; /* set once it runs; read under the analyzer's lock */
    struct analyzer *analyzer;
    struct live *next_waiting;
    atomic_uint n_refs;
};

struct execution_counters {
    uint64_t succeeded, failed, cancelled;
    uint64_t duration_count, duration_sum_ms;
    uint64_t duration_buckets[8]; /* see analyzer_metrics.c for the bounds */
};

struct analyzer {
    const struct settings *settings;
    struct log *log;
    struct store *store;
    struct fetch *fetch;
    struct worker_pool *pool;
    struct scheduler *scheduler;
    struct metadata_cache *metadata;
    atomic_bool is_draining;
    atomic_bool is_paused; /* what waits is not taken up */

    pthread_mutex_t lock; /* guards what follows */
    void *live;           /* search.h tree of struct live */
    struct live *waiting_first, **waiting_last;
    size_t n_live, n_running;
    json_t *n_live_by_application; /* application -> count */
    struct execution_counters counters;
    json_t *verdicts; /* Prometheus labels -> count */
};

/* --- the live table (analyzer_live.c) --- */

/* A reference to the live execution, or NULL; give it back with live_unref(). */
struct live *live_find(struct analyzer *analyzer, const char *id);
void live_unref(struct live *live);

/* ERR_BUSY queue_full when too many wait, in all or of this application. */
MUST_CHECK enum err_code live_check_room(struct analyzer *analyzer, const char *application,
                                         struct error *err);
/* Takes the reference; the execution starts as soon as there is room. */
void live_add(struct analyzer *analyzer, struct live *live);
/* It has ended: out of the table, and the next one's turn. */
void live_remove(struct analyzer *analyzer, struct live *live);
/* Stop it if it runs; take it out of the table if it still waits. */
void live_cancel(struct analyzer *analyzer, struct live *live);
void live_forget_all(struct analyzer *analyzer);

/* --- the life of an execution (analyzer.c) --- */

/* What a live execution calls on a worker when it is over. */
void analyzer_execution_ended(struct execution *execution);

/* The config of a start as a view, given in the request or read from the store. A new reference. */
MUST_CHECK enum err_code analyzer_start_config(struct analyzer *analyzer,
                                               const struct canary_start *start,
                                               const char *configuration_account, json_t **out,
                                               struct error *err);

/* Plan an execution from its submission, which is taken, store it, and let it run. Returns once it
 * is durable. ERR_CONFLICT when the id is taken already. */
MUST_CHECK enum err_code analyzer_accept(struct analyzer *analyzer, const char *id,
                                         json_t *submission, struct error *err);

/* The answer to a status read. */
struct str live_status(struct analyzer *analyzer, struct live *live, struct arena *arena);

/* What the metric stores say they have, one entry an account. */
struct metadata_cache *metadata_cache_create(size_t n_accounts);
/* Once neither the fetch engine nor the workers run any more. NULL is accepted. */
void metadata_cache_free(struct metadata_cache *cache);

/* Count an execution that has ended. */
void analyzer_count(struct analyzer *analyzer, const struct live *live,
                    const struct execution *execution);

/* Kayenta says 400 where something to be changed is not there: turn ERR_NOT_FOUND into ERR_INVALID,
 * keeping the text. Returns err->code. */
enum err_code analyzer_missing_is_invalid(struct error *err);

/* Text of a tree, which is released. */
struct str analyzer_take_json(json_t *json, struct arena *arena);

#endif
