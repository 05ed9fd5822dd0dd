#include "analyzer/query_batch.h"

#include "base/clock.h"
#include "base/instant.h"

#include <stdio.h>

#define WORKERS 2u

static void query_ended(struct query_run *run)
{
    struct query_batch *batch = run->ctx;

    atomic_fetch_add(&batch->n_fetched, 1);
    if (atomic_fetch_sub(&batch->n_pending, 1) == 1)
        sem_post(&batch->ended);
}

static size_t n_fetched(const void *ctx)
{
    const struct query_batch *batch = ctx;

    return atomic_load(&batch->n_fetched);
}

static void cancel(void *ctx)
{
    struct query_batch *batch = ctx;

    atomic_store(&batch->is_cancelled, true);
}

static void start(struct query_batch *batch, int64_t deadline_mono_ms, bool keeps_replies)
{
    atomic_store(&batch->n_pending, N_SIDES * batch->plan->n_metrics);
    for (size_t i = 0; i < batch->plan->n_metrics; i++)
        for (int side = 0; side < N_SIDES; side++) {
            struct query_run *run = &batch->runs[side][i];

            *run = (struct query_run){
                .plan = &batch->plan->queries[side][i],
                .fetch = batch->fetch,
                .pool = batch->pool,
                .is_cancelled = &batch->is_cancelled,
                .deadline_mono_ms = deadline_mono_ms,
                .keeps_replies = keeps_replies,
                .on_end = query_ended,
                .ctx = batch,
            };
            query_run_start(run);
        }
}

int query_batch_run(const struct run_input *input, bool keeps_replies, struct query_batch **out)
{
    struct arena *arena = arena_create();
    struct query_batch *batch = arena_new(arena, struct query_batch);
    struct error err = {0};
    int exit_code;

    *out = batch;
    batch->arena = arena;
    batch->plan = input->plan;
    for (int side = 0; side < N_SIDES; side++)
        batch->runs[side] = arena_array(arena, struct query_run, input->plan->n_metrics);
    sem_init(&batch->ended, 0, 0);
    if (fetch_create(NULL, &batch->fetch, &err) ||
        worker_pool_create("fetch", WORKERS, &batch->pool, &err))
        return cli_fail_with(input->self, &err);
    start(batch, clock_mono_ms() + input->timeout_s * MS_PER_S, keeps_replies);
    exit_code = run_await(input, &batch->ended, n_fetched, cancel, batch);
    if (exit_code)
        fprintf(stderr, "serinus %s: interrupted\n", input->self->name);
    return exit_code;
}

int query_batch_run_all(const struct run_input *input, struct query_batch **out)
{
    int64_t deadline_mono_ms = clock_mono_ms() + input->timeout_s * MS_PER_S;
    int exit_code = query_batch_run(input, false, out);
    const struct query_run *failure = exit_code ? NULL : query_batch_failure(*out);

    if (!failure)
        return exit_code;
    exit_code = cli_fail_with(input->self, &failure->error);
    return clock_mono_ms() >= deadline_mono_ms ? EXIT_TIMEOUT : exit_code;
}

void query_batch_free(struct query_batch *batch)
{
    if (!batch)
        return;
    if (batch->pool)
        worker_pool_free(batch->pool); /* the last worker may still be leaving its query */
    fetch_free(batch->fetch);
    for (int side = 0; side < N_SIDES; side++)
        for (size_t i = 0; i < batch->plan->n_metrics; i++)
            query_run_clear(&batch->runs[side][i]);
    sem_destroy(&batch->ended);
    arena_free(batch->arena);
}

const struct query_run *query_batch_failure(const struct query_batch *batch)
{
    for (int side = 0; side < N_SIDES; side++)
        for (size_t i = 0; i < batch->plan->n_metrics; i++)
            if (batch->runs[side][i].error.code)
                return &batch->runs[side][i];
    return NULL;
}

struct metric_set_list query_batch_sets(const struct query_batch *batch, enum side side)
{
    struct metric_set_list out = {.arena = batch->arena};

    for (size_t i = 0; i < batch->plan->n_metrics; i++) {
        const struct metric_set_list *sets = &batch->runs[side][i].sets;

        for (size_t s = 0; s < sets->n_sets; s++)
            *metric_set_list_add(&out) = sets->sets[s];
    }
    return out;
}
