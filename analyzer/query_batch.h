/* analyzer/query_batch.h -- all queries of a plan, once, without a verdict: what `serinus fetch`
 * shows and what a dry run checks. A query that fails does not stop the others. */
#ifndef ANALYZER_QUERY_BATCH_H
#define ANALYZER_QUERY_BATCH_H

#include "analyzer/query_run.h"
#include "analyzer/run_input.h"

struct query_batch {
    struct arena *arena;
    const struct canary_plan *plan;
    struct query_run *runs[N_SIDES]; /* plan->n_metrics each; all have ended */

    struct fetch *fetch;
    struct worker_pool *pool;
    atomic_bool is_cancelled;
    atomic_size_t n_pending, n_fetched;
    sem_t ended;
};

/* Run them and wait, at most input->timeout_s. Returns 0 even when queries failed, else the exit
 * code of what stopped it (a signal, no resources), which has been said. Free it either way. */
int query_batch_run(const struct run_input *input, bool keeps_replies, struct query_batch **out);
/* The same, where a query that fails is the end: that has been said, too. */
int query_batch_run_all(const struct run_input *input, struct query_batch **out);
void query_batch_free(struct query_batch *batch);

/* The first query that failed, control before experiment; NULL: none. */
const struct query_run *query_batch_failure(const struct query_batch *batch);

/* A copy of the list of all sets of a side, for judgement_mix(). */
struct metric_set_list query_batch_sets(const struct query_batch *batch, enum side side);

#endif
