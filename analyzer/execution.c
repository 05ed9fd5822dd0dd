#include "analyzer/execution.h"

#include "analyzer/calibration.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

static void end(struct execution *execution)
{
    execution->ended_unix_ms = clock_wall_ms();
    execution->on_end(execution);
}

static void fail(struct execution *execution, atomic_int *stage, const char *operation)
{
    atomic_store(stage, STAGE_TERMINAL);
    execution->failed_operation = operation;
    end(execution);
}

/* The failure shown is the first by stage key in string order, as in Kayenta: fetchControl0,
 * fetchControl1, fetchControl10, fetchControl2, ... */
static bool comes_first(size_t a, size_t b)
{
    char text_a[24], text_b[24];

    snprintf(text_a, sizeof(text_a), "%zu", a);
    snprintf(text_b, sizeof(text_b), "%zu", b);
    return strcmp(text_a, text_b) < 0;
}

static const struct query_run *first_failure(const struct execution *execution)
{
    const struct query_run *first = NULL;

    for (int side = 0; side < N_SIDES && !first; side++)
        for (size_t i = 0; i < execution->plan->n_metrics; i++) {
            const struct query_run *run = &execution->runs[side][i];

            if (atomic_load(&run->status) == STAGE_TERMINAL &&
                (!first || comes_first(i, first->plan->metric_index)))
                first = run;
        }
    return first;
}

/* History that was stopped is none that could not be had: without it the verdict would be another
 * one. */
static bool has_stopped_early(const struct execution *execution)
{
    for (int side = 0; side < N_SIDES; side++)
        for (size_t i = 0; i < execution->plan->n_metrics; i++)
            if (atomic_load(&execution->runs[side][i].status) == STAGE_CANCELED ||
                (execution->history[side] &&
                 atomic_load(&execution->history[side][i].status) == STAGE_CANCELED))
                return true;
    return false;
}

static void gather_sets(const struct execution *execution, struct metric_set_list out[N_SIDES])
{
    for (int side = 0; side < N_SIDES; side++) {
        out[side].arena = execution->arena;
        for (size_t i = 0; i < execution->plan->n_metrics; i++) {
            const struct metric_set_list *sets = &execution->runs[side][i].sets;

            for (size_t s = 0; s < sets->n_sets; s++)
                *metric_set_list_add(&out[side]) = sets->sets[s];
        }
    }
}

/* What came of the queries about the time before; a metric without is judged without. */
static void use_history(struct execution *execution)
{
    const struct canary_plan *plan = execution->plan;
    struct metric_set_list *sets[N_SIDES];

    if (!plan->n_histories)
        return;
    for (int side = 0; side < N_SIDES; side++) {
        sets[side] = arena_array(execution->arena, struct metric_set_list, plan->n_metrics);
        for (size_t i = 0; i < plan->n_metrics; i++)
            if (atomic_load(&execution->history[side][i].status) == STAGE_SUCCEEDED)
                sets[side][i] = execution->history[side][i].sets;
    }
    execution->judgement.histories = calibration_histories(
        plan, (const struct metric_set_list *const[]){sets[0], sets[1]}, execution->judgement.pairs,
        execution->judgement.n_pairs, execution->arena);
}

/* With execution->error. */
static void judged(struct execution *execution)
{
    enum err_code code = execution->error.code;

    if (code && code != ERR_CANCELLED) {
        fail(execution, &execution->judge_status, "canaryJudge");
        return;
    }
    atomic_store(&execution->judge_status, code ? STAGE_CANCELED : STAGE_SUCCEEDED);
    end(execution);
}

static void remote_judged(struct remote_judging *remote)
{
    struct execution *execution = remote->ctx;

    execution->error = remote->error;
    judged(execution);
}

static void judge(struct execution *execution)
{
    const struct canary_plan *plan = execution->plan;
    const json_t *thresholds = json_object_get(plan->request->view, "thresholds");

    atomic_store(&execution->judge_status, STAGE_RUNNING);
    if (judge_is_remote(plan->judge)) {
        execution->remote = (struct remote_judging){
            .account = plan->judge_account,
            .fetch = execution->fetch,
            .pool = execution->pool,
            .config = plan->config,
            .thresholds = thresholds,
            .judgement = &execution->judgement,
            .arena = execution->arena,
            .application = execution->application,
            .deadline_mono_ms = execution->deadline_mono_ms,
            .is_cancelled = &execution->is_cancelled,
            .on_end = remote_judged,
            .ctx = execution,
        };
        remote_judge_start(&execution->remote);
        return;
    }
    (void)(judgement_judge(plan->config, thresholds, execution->arena, &execution->judgement,
                           &execution->error) == ERR_OK);
    judged(execution);
}

/* All queries have ended: hops 8 and 9. */
static void finish(struct execution *execution)
{
    struct metric_set_list sets[N_SIDES] = {0};
    const struct canary_plan *plan = execution->plan;

    if (!atomic_load(&execution->is_cancelled))
        execution->failed_run = first_failure(execution);
    if (!execution->failed_run && has_stopped_early(execution)) {
        error_set(&execution->error, ERR_CANCELLED, "the execution was stopped");
        end(execution);
        return;
    }
    if (execution->failed_run) {
        execution->error = execution->failed_run->error;
        execution->failed_operation =
            arena_printf(execution->arena, "%sFetch", execution->failed_run->plan->collector->name);
        end(execution);
        return;
    }
    gather_sets(execution, sets);
    atomic_store(&execution->mix_status, STAGE_RUNNING);
    if (judgement_mix(execution->id, plan->config, sets, execution->arena, &execution->judgement,
                      &execution->error)) {
        fail(execution, &execution->mix_status, "metricSetMixer");
        return;
    }
    use_history(execution);
    atomic_store(&execution->mix_status, STAGE_SUCCEEDED);
    judge(execution);
}

/* The last one to come here finishes the execution, after which it may be gone. */
static void count_down(struct execution *execution)
{
    if (atomic_fetch_sub(&execution->n_pending, 1) == 1)
        finish(execution);
}

static void query_ended(struct query_run *run)
{
    struct execution *execution = run->ctx;

    if (run->error.code)
        atomic_store(&execution->is_stopping, true);
    atomic_fetch_add(&execution->n_fetched, 1);
    count_down(execution);
}

static void history_ended(struct query_run *run)
{
    count_down(run->ctx); /* whatever came of it */
}

static void create_history(struct execution *execution)
{
    const struct canary_plan *plan = execution->plan;

    for (int side = 0; side < N_SIDES; side++) {
        execution->history[side] = arena_array(execution->arena, struct query_run, plan->n_metrics);
        for (size_t i = 0; i < plan->n_metrics; i++)
            execution->history[side][i] =
                (struct query_run){.plan = &plan->history[side][i],
                                   .fetch = execution->fetch,
                                   .pool = execution->pool,
                                   .is_cancelled = &execution->is_stopping,
                                   .on_end = history_ended,
                                   .ctx = execution};
    }
}

struct execution *execution_create(const char *id, const struct canary_plan *plan,
                                   struct fetch *fetch, struct worker_pool *pool,
                                   void (*on_end)(struct execution *execution), void *ctx)
{
    struct arena *arena = arena_create();
    struct execution *execution = arena_new(arena, struct execution);

    execution->arena = arena;
    execution->id = id;
    execution->plan = plan;
    execution->fetch = fetch;
    execution->pool = pool;
    execution->on_end = on_end;
    execution->ctx = ctx;
    atomic_init(&execution->n_pending, N_SIDES * (plan->n_metrics + plan->n_histories) + 1);
    if (plan->n_histories)
        create_history(execution);
    for (int side = 0; side < N_SIDES; side++) {
        execution->runs[side] = arena_array(arena, struct query_run, plan->n_metrics);
        for (size_t i = 0; i < plan->n_metrics; i++)
            execution->runs[side][i] = (struct query_run){
                .plan = &plan->queries[side][i],
                .fetch = fetch,
                .pool = pool,
                .is_cancelled = &execution->is_stopping,
                .on_end = query_ended,
                .ctx = execution,
            };
    }
    return execution;
}

void execution_free(struct execution *execution)
{
    if (!execution)
        return;
    for (int side = 0; side < N_SIDES; side++)
        for (size_t i = 0; i < execution->plan->n_metrics; i++)
            query_run_clear(&execution->runs[side][i]);
    for (int side = 0; side < N_SIDES && execution->plan->n_histories; side++)
        for (size_t i = 0; i < execution->plan->n_metrics; i++)
            if (execution->plan->n_history_windows[i])
                query_run_clear(&execution->history[side][i]);
    arena_free(execution->arena);
}

enum err_code execution_restore(struct execution *execution, int side, size_t metric_index,
                                struct str encoded, struct error *err)
{
    struct query_run *run;

    if (side < 0 || side >= N_SIDES || metric_index >= execution->plan->n_metrics)
        return ERR_OK;
    run = &execution->runs[side][metric_index];
    if (atomic_load(&run->status) == STAGE_NOT_STARTED &&
        query_run_restore(run, encoded, err) == ERR_OK) {
        atomic_fetch_add(&execution->n_fetched, 1);
        atomic_fetch_sub(&execution->n_pending, 1);
    }
    return err->code;
}

static void start_history(struct execution *execution)
{
    const struct canary_plan *plan = execution->plan;
    int64_t deadline_mono_ms = clock_mono_ms() + CALIBRATION_PATIENCE_MS;

    if (execution->deadline_mono_ms && execution->deadline_mono_ms < deadline_mono_ms)
        deadline_mono_ms = execution->deadline_mono_ms;
    for (size_t i = 0; i < plan->n_metrics && plan->n_histories; i++)
        for (int side = 0; side < N_SIDES && plan->n_history_windows[i]; side++) {
            execution->history[side][i].application = execution->application;
            execution->history[side][i].deadline_mono_ms = deadline_mono_ms;
            query_run_start(&execution->history[side][i]);
        }
}

static void start_queries(void *ctx)
{
    struct execution *execution = ctx;

    atomic_store(&execution->started_unix_ms, clock_wall_ms());
    atomic_store(&execution->started_mono_ms, clock_mono_ms());
    atomic_store(&execution->has_started, true);
    for (size_t i = 0; i < execution->plan->n_metrics; i++)
        for (int side = 0; side < N_SIDES; side++) {
            struct query_run *run = &execution->runs[side][i];

            if (atomic_load(&run->status) != STAGE_NOT_STARTED)
                continue; /* restored */
            run->application = execution->application;
            run->deadline_mono_ms = execution->deadline_mono_ms;
            query_run_start(run);
        }
    start_history(execution);
    count_down(execution);
}

void execution_start(struct execution *execution)
{
    worker_pool_submit(execution->pool, start_queries, execution);
}

void execution_cancel(struct execution *execution)
{
    atomic_store(&execution->is_cancelled, true);
    atomic_store(&execution->is_stopping, true);
}

size_t execution_n_fetched(const struct execution *execution)
{
    return atomic_load(&execution->n_fetched);
}

void execution_stored_sets(const struct execution *execution, struct arena *arena,
                           struct stored_set **out, size_t *n_out)
{
    const struct canary_plan *plan = execution->plan;
    size_t n = 0;

    for (int side = 0; side < N_SIDES; side++)
        for (size_t i = 0; i < plan->n_metrics; i++)
            n += execution->runs[side][i].sets.n_sets;
    *out = arena_array(arena, struct stored_set, n);
    *n_out = n;
    n = 0;
    for (int side = 0; side < N_SIDES; side++)
        for (size_t i = 0; i < plan->n_metrics; i++) {
            const struct metric_set_list *list = &execution->runs[side][i].sets;

            for (size_t s = 0; s < list->n_sets; s++)
                (*out)[n++] = (struct stored_set){
                    .side = (enum side)side,
                    .scope_name = plan->queries[side][i].scope_name,
                    .set = list->sets[s],
                };
        }
}
