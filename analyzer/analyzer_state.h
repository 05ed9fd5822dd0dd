/* analyzer/analyzer_state.h -- what the files behind analyzer.h share. Not for anyone else. */
#ifndef ANALYZER_ANALYZER_STATE_H
#define ANALYZER_ANALYZER_STATE_H

#include "analyzer/analyzer.h"
#include "analyzer/events.h"
#include "analyzer/execution.h"
#include "analyzer/notify.h"
#include "analyzer/report.h"
#include "analyzer/scheduler.h"
#include "base/worker_pool.h"
#include "collectors/fetch.h"
#include <pthread.h>

/* Executions under way at once, and their queries that have not been answered; what is accepted
 * beyond that stays in the store until there is room. A large canary alone may exceed the second.
 */
#define MAX_RUNNING 1024u
#define MAX_RUNNING_QUERIES 16384u

/* An execution that runs. Reference-counted: the table holds one reference, and so does everybody
 * who is reading its status or storing its samples. */
struct live {
    const char *id; /* first member: the table is ordered by it */
    const char *application, *storage_account;
    const char *parent_id; /* the analysis it is a judgement of, or "" */
    const char *config_id, *config_name;
    struct lease lease;
    int64_t due_unix_ms; /* the moment it was planned for, or DUE_AT_ONCE */
    json_t *submission;
    struct report_frozen frozen;
    struct arena *arena; /* holds the plan and the texts above */
    struct canary_plan *plan;
    struct execution *execution;
    struct analyzer *analyzer;
    atomic_bool is_saving; /* a job that stores its samples is under way */
    size_t n_fetched_seen; /* by the scheduler's thread, when it last had them stored */
    int64_t told_mono_ms;  /* the same, when it last told of progress */
    atomic_uint n_refs;
};

struct execution_counters {
    uint64_t succeeded, failed, cancelled;
    uint64_t duration_count, duration_sum_ms;
    uint64_t duration_buckets[8];   /* see analyzer_metrics.c for the bounds */
    uint64_t lag_count, lag_sum_ms; /* from the due time to the first query */
    uint64_t lag_buckets[8];
};

struct analyzer {
    const struct settings *settings;
    struct log *log;
    struct store *store;
    struct fetch *fetch;
    struct worker_pool *pool;  /* computes: parses, judges */
    struct worker_pool *steps; /* waits for the store: takes up, saves and ends executions */
    struct scheduler *scheduler;
    int64_t next_save_mono_ms; /* the scheduler's own, as is the next */
    bool cannot_claim;         /* said in the log already */
    struct metadata_cache *metadata;
    struct notify *notify;
    struct events *events;
    atomic_uint n_remote_waits; /* HTTP threads that wait for the remote judge */
    atomic_bool is_draining;
    atomic_bool is_paused;             /* what waits is not taken up */
    atomic_llong said_trouble_mono_ms; /* that the store cannot be written to; 0: never */

    pthread_mutex_t lock; /* guards what follows */
    void *live;           /* search.h tree of struct live */
    size_t n_slots_taken, n_queries_running;
    bool has_backlog; /* something due waits in the store: a new start has to stand behind it */
    struct execution_counters counters;
    json_t *verdicts; /* Prometheus labels -> count */
};

/* --- what runs (analyzer_live.c) --- */

/* A reference to the running execution, or NULL; give it back with live_unref(). */
struct live *live_find(struct analyzer *analyzer, const char *id);
void live_unref(struct live *live);
/* References to all of them. */
struct live **live_all(struct analyzer *analyzer, struct arena *arena, size_t *n_out);

/* Plan an execution from its submission, which is taken; the same for a new one and one that was
 * found in the store. `execution` gives id, parent and due time. */
MUST_CHECK enum err_code live_create(struct analyzer *analyzer,
                                     const struct stored_execution *execution, json_t *submission,
                                     struct live **out, struct error *err);
/* The accounts that a submission names. Errors: ERR_INVALID with Kayenta's texts, or
 * account_unsupported. */
MUST_CHECK enum err_code analyzer_plan_accounts(const struct settings *settings,
                                                const json_t *submission, struct arena *arena,
                                                struct plan_accounts *out, struct error *err);
/* Takes the reference and a slot that the caller has; it runs from now on. */
void live_start(struct analyzer *analyzer, struct live *live);
/* It has ended: out of the table, and its slot is free. */
void live_remove(struct analyzer *analyzer, struct live *live);
void live_forget_all(struct analyzer *analyzer);

/* A slot lets one execution run, or one step of an analysis be taken. A start takes one if no older
 * work waits; work from the store takes up to `wanted`. */
bool slot_take_for_start(struct analyzer *analyzer);
size_t slots_take(struct analyzer *analyzer, size_t wanted);
void slots_put_back(struct analyzer *analyzer,
                    size_t n); /* by the scheduler, which took too many */
void slots_give(struct analyzer *analyzer, size_t n);

/* --- work from the store (analyzer_work.c) --- */

/* For the scheduler: take up what is due, keep the samples of what runs. `ctx` is the analyzer. */
int64_t analyzer_look(void *ctx);

/* --- the life of an execution (analyzer.c) --- */

/* What a live execution calls on a worker when it is over. */
void analyzer_execution_ended(struct execution *execution);

/* Store an end. One under a lease waits until the store can take it: the verdict is there, and
 * giving up would leave an execution that neither runs nor has ended until the next start.
 * ERR_CONFLICT when it had ended before or is another's by now, ERR_BUSY when the service stops. */
MUST_CHECK enum err_code analyzer_finish(struct analyzer *analyzer, const struct ending *ending,
                                         struct error *err);

/* Put into `ending`, whose execution is complete but for its submission, what the sinks are to be
 * told of it. `reason`: why this verdict; `error`: why there is none; either may be NULL. */
void analyzer_notify(struct analyzer *analyzer, const json_t *submission, const char *reason,
                     const char *error, struct arena *arena, struct ending *ending);

/* The store could not take a write: wait a little. False when the service stops. */
bool analyzer_wait_for_store(struct analyzer *analyzer, const struct error *why);

/* It cannot be run (its account is gone, say): it ends with this reason. `lease` may be NULL. */
void analyzer_fail(struct analyzer *analyzer, const struct stored_execution *execution,
                   const struct lease *lease, const struct error *why);

/* The answer to a status read of one that waits in the store. */
MUST_CHECK enum err_code analyzer_waiting_status(const struct stored_execution *execution,
                                                 struct arena *arena, struct str *out,
                                                 struct error *err);

/* The config of a start as a view, given in the request or read from the store, and the accounts
 * that its metrics name for themselves: one a metric, null for the request's, or NULL when none
 * does. New references. */
MUST_CHECK enum err_code analyzer_start_config(struct analyzer *analyzer,
                                               const struct canary_start *start,
                                               const char *configuration_account, json_t **out,
                                               json_t **out_accounts, struct error *err);

/* A pointer into the config or the request of a start becomes one into its body, which holds both
 * of an ad hoc one. Returns err->code. */
enum err_code analyzer_point_into_body(struct error *err, const struct canary_start *start);

/* How an execution comes to be accepted. */
struct order {
    const char *id, *parent_id; /* parent: an analysis, or "" */
    int64_t due_unix_ms;        /* the moment it was planned for, or DUE_AT_ONCE */
    json_t *submission;         /* taken */
    const struct idempotency *idempotency;
    const struct lease *parent_lease; /* of a judgement: as in struct acceptance */
    struct str parent_body;
    bool has_slot; /* the caller's, which goes to the execution; else it waits in the store */
};
/* Plan an execution, store it, and let it run. Returns once it is durable; *out_id is another one's
 * for a request that was accepted before. The slot is given back on failure. */
MUST_CHECK enum err_code analyzer_accept(struct analyzer *analyzer, const struct order *order,
                                         struct arena *arena, const char **out_id,
                                         struct error *err);

/* --- telling who follows (analyzer_follow.c) --- */

/* What has happened to an execution, as its row says. The end of a judgement is also told as an
 * interval of its analysis. */
void analyzer_tell(struct analyzer *analyzer, enum event_kind kind,
                   const struct stored_execution *row);
/* EVENT_STARTED or EVENT_PROGRESS of one that runs. */
void analyzer_tell_live(enum event_kind kind, const struct live *live);

/* The answer to a status read of one that runs. */
struct str live_status(struct live *live, struct arena *arena);

/* What the metric stores say they have, one entry an account. */
struct metadata_cache *metadata_cache_create(size_t n_accounts);
/* Once neither the fetch engine nor the workers run any more. NULL is accepted. */
void metadata_cache_free(struct metadata_cache *cache);

/* Count an execution that begins; one that has ended without a run; one that has run. */
void analyzer_count_lag(struct analyzer *analyzer, int64_t lag_ms);
void analyzer_count_end(struct analyzer *analyzer, enum execution_state state);
void analyzer_count(struct analyzer *analyzer, const struct live *live,
                    const struct execution *execution);

/* Kayenta says 400 where something to be changed is not there: turn ERR_NOT_FOUND into ERR_INVALID,
 * keeping the text. Returns err->code. */
enum err_code analyzer_missing_is_invalid(struct error *err);

/* Text of a tree, which is released. */
struct str analyzer_take_json(json_t *json, struct arena *arena);

#endif
