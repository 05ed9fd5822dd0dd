/* analyzer/execution.h -- one canary from plan to verdict: fetch, mix, judge. It stores nothing and
 * answers nobody; the service and the one-shot command both drive it. */
#ifndef ANALYZER_EXECUTION_H
#define ANALYZER_EXECUTION_H

#include "analyzer/codec/metric_set_pb.h"
#include "analyzer/judgement.h"
#include "analyzer/query_run.h"
#include "analyzer/remote_judge.h"

struct execution {
    /* set by execution_create */
    const char *id;
    const struct canary_plan *plan;
    struct fetch *fetch;
    struct worker_pool *pool;
    void (*on_end)(struct execution *execution); /* on a worker, once */
    void *ctx;
    const char *application;  /* as in query_run.h; NULL, as it is made */
    int64_t deadline_mono_ms; /* for its queries; 0, as it is made: the fetch engine's own limit */

    /* readable at any time */
    atomic_bool is_cancelled;            /* set it to stop the execution */
    atomic_int mix_status, judge_status; /* enum stage_status */
    atomic_bool has_started;
    atomic_llong started_unix_ms, started_mono_ms;

    /* filled before on_end */
    int64_t ended_unix_ms;
    struct judgement judgement;
    struct error error;                 /* why there is no result */
    const char *failed_operation;       /* "prometheusFetch", "metricSetMixer", "canaryJudge" */
    const struct query_run *failed_run; /* the query that failed, if it was one */

    struct arena *arena;
    struct remote_judging remote;       /* when the judge is */
    struct query_run *runs[N_SIDES];    /* plan->n_metrics each */
    struct query_run *history[N_SIDES]; /* of plan->history; NULL without one */
    atomic_size_t n_pending;            /* queries that have not ended, and one for the start */
    atomic_size_t n_fetched;
    atomic_bool is_stopping; /* one query has failed: the others need not go on */
};

/* `plan` and `id` must outlive it. */
struct execution *execution_create(const char *id, const struct canary_plan *plan,
                                   struct fetch *fetch, struct worker_pool *pool,
                                   void (*on_end)(struct execution *execution), void *ctx);
void execution_free(struct execution *execution);

/* Before the start: put in what an earlier process got for one query, so that it is not asked
 * again. What is no query of the plan is left out. Errors: those of query_run_restore(). */
MUST_CHECK enum err_code execution_restore(struct execution *execution, int side,
                                           size_t metric_index, struct str encoded,
                                           struct error *err);

/* Returns at once. */
void execution_start(struct execution *execution);
void execution_cancel(struct execution *execution);

/* All its metric sets, control first, each with its side and scope; the list lives in `arena`. */
void execution_stored_sets(const struct execution *execution, struct arena *arena,
                           struct stored_set **out, size_t *n_out);

/* How many queries have ended, for progress. */
size_t execution_n_fetched(const struct execution *execution);

#endif
