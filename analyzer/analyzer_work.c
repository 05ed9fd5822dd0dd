/* Work from the store: what is due and nobody's is claimed as far as there are slots, and the
 * samples of what runs are kept, so that a crash does not ask for them again. */
#include "analyzer/analysis.h"
#include "base/clock.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define CLAIM_BATCH 64u     /* executions claimed in one transaction */
#define CLAIM_RETRY_MS 1000 /* when the store could not be asked */
#define SUSPECT_LOOK_MS 250 /* when what is due cannot be had yet */
#define SAVE_EVERY_MS 250
#define TELL_EVERY_MS 1000 /* a thousand that run leave seconds in the ring of events */
#define SAVE_AFTER_MS 200  /* a quick canary is stored once, at its end */

/* An execution is the cause when the process dies again and again while it runs: this often, with
 * no other suspect running (store_execution_claim), and no progress in between. */
#define MAX_CRASHES (STORE_SUSPECT_CRASHES + 5)

/* Claims of one transaction share an arena; the last one taken up frees it. */
struct batch {
    struct arena *arena;
    atomic_size_t n_left;
};

struct taking {
    struct analyzer *analyzer;
    struct batch *batch;
    const struct claim *claim;
};

/* --- taking up one --- */

static bool is_orphan(struct analyzer *analyzer, const struct stored_execution *execution,
                      struct arena *arena)
{
    struct stored_execution parent;
    struct error err = {0};

    return *execution->parent_id &&
           store_execution_get(analyzer->store, execution->parent_id, arena, &parent, &err) ==
               ERR_OK &&
           parent.state != EXECUTION_ACCEPTED;
}

/* What cannot be had from the store is asked again. */
static void restore_samples(struct analyzer *analyzer, struct live *live, struct arena *arena)
{
    struct stored_sample *samples;
    struct error err = {0};
    size_t n = 0;

    if (store_samples_get(analyzer->store, live->id, arena, &samples, &n, &err) == ERR_OK)
        for (size_t i = 0; i < n && !err.code; i++)
            (void)(execution_restore(live->execution, samples[i].side, samples[i].metric_index,
                                     samples[i].payload, &err) == ERR_OK);
    if (err.code)
        log_warn(analyzer->log, "samples could not be restored", LOG_STR("execution", live->id),
                 LOG_STR("error", err.message));
    else if (n)
        log_info(analyzer->log, "execution resumed", LOG_STR("execution", live->id),
                 LOG_I64("queries_kept", n));
}

static void take_up_canary(struct analyzer *analyzer, const struct claim *claim,
                           struct arena *arena)
{
    const struct stored_execution *stored = &claim->execution;
    struct error err = {0};
    json_t *submission = NULL;
    struct live *live;

    if (json_read(stored->submission, &json_limits_document, &submission, &err) ||
        live_create(analyzer, stored, submission, &live, &err)) {
        analyzer_fail(analyzer, stored, &claim->lease, &err);
        slots_give(analyzer, 1);
        return;
    }
    live->lease = claim->lease;
    restore_samples(analyzer, live, arena);
    live_start(analyzer, live);
}

static void take_up(struct analyzer *analyzer, const struct claim *claim, struct arena *arena)
{
    const struct stored_execution *stored = &claim->execution;
    struct error err = {0};

    if (claim->n_crashes >= MAX_CRASHES)
        error_because(&err, ERR_INTERNAL, "abandoned_after_crashes",
                      "the service died %u times while it ran this, without getting further",
                      claim->n_crashes);
    else if (is_orphan(analyzer, stored, arena))
        error_set(&err, ERR_CANCELLED, "its analysis has ended");
    if (stored->kind == EXECUTION_ANALYSIS) {
        analysis_step(analyzer, claim, err.code ? &err : NULL);
    } else if (err.code) {
        analyzer_fail(analyzer, stored, &claim->lease, &err);
        slots_give(analyzer, 1);
    } else {
        take_up_canary(analyzer, claim, arena);
    }
}

static void taking_job(void *ctx)
{
    struct taking *taking = ctx;
    struct batch *batch = taking->batch;
    struct arena *arena = arena_create();

    /* a store that is closed gives back what this process holds */
    if (!atomic_load(&taking->analyzer->is_draining))
        take_up(taking->analyzer, taking->claim, arena);
    arena_free(arena);
    free(taking);
    if (atomic_fetch_sub(&batch->n_left, 1) == 1) {
        arena_free(batch->arena);
        free(batch);
    }
}

/* Claims for the slots the caller has taken; how many there were. */
static size_t claim_batch(struct analyzer *analyzer, size_t n_slots, struct error *err)
{
    struct batch *batch = mem_alloc(1, sizeof(*batch));
    struct claim *claims;
    size_t n = 0;

    batch->arena = arena_create();
    if (store_execution_claim(analyzer->store, n_slots, batch->arena, &claims, &n, err) || n == 0) {
        arena_free(batch->arena);
        free(batch);
        return 0;
    }
    atomic_init(&batch->n_left, n);
    for (size_t i = 0; i < n; i++) {
        struct taking *taking = mem_alloc(1, sizeof(*taking));

        *taking = (struct taking){analyzer, batch, &claims[i]};
        worker_pool_submit(analyzer->steps, taking_job, taking);
    }
    return n;
}

static void set_backlog(struct analyzer *analyzer, bool has_backlog)
{
    pthread_mutex_lock(&analyzer->lock);
    analyzer->has_backlog = has_backlog;
    pthread_mutex_unlock(&analyzer->lock);
}

/* Returns when the next one comes due. */
static int64_t claim_due(struct analyzer *analyzer)
{
    struct error err = {0};
    int64_t due_unix_ms;
    size_t n_slots, n;

    for (;;) {
        set_backlog(analyzer, false); /* a start from now on sets it again if it finds no room */
        if (store_execution_next_due(analyzer->store, &due_unix_ms, &err))
            break;
        if (due_unix_ms > clock_wall_ms()) {
            analyzer->cannot_claim = false;
            return due_unix_ms;
        }
        set_backlog(analyzer, true);
        n_slots = slots_take(analyzer, CLAIM_BATCH);
        if (n_slots == 0)
            return INT64_MAX; /* a slot that becomes free is a nudge */
        n = claim_batch(analyzer, n_slots, &err);
        slots_put_back(analyzer, n_slots - n);
        if (err.code)
            break;
        analyzer->cannot_claim = false;
        if (n == 0)
            return clock_wall_ms() + SUSPECT_LOOK_MS;
    }
    if (!analyzer->cannot_claim) /* once, however long it lasts */
        log_warn(analyzer->log, "no work can be taken up", LOG_STR("error", err.message));
    analyzer->cannot_claim = true;
    return clock_wall_ms() + CLAIM_RETRY_MS;
}

/* --- keeping samples --- */

static void save_job(void *ctx)
{
    struct live *live = ctx;
    struct execution *execution = live->execution;
    size_t n_metrics = live->plan->n_metrics, n = 0;
    struct arena *arena = arena_create();
    struct stored_sample *samples = arena_array(arena, struct stored_sample, N_SIDES * n_metrics);
    struct query_run **runs = arena_array(arena, struct query_run *, N_SIDES * n_metrics);
    struct error err = {0};

    for (int side = 0; side < N_SIDES; side++)
        for (size_t i = 0; i < n_metrics; i++) {
            struct query_run *run = &execution->runs[side][i];
            struct strbuf payload = {0};

            if (run->is_stored || atomic_load(&run->status) != STAGE_SUCCEEDED)
                continue;
            query_run_encode(run, &payload);
            samples[n].metric_index = (unsigned)i;
            samples[n].side = side;
            samples[n].payload = (struct str){
                arena_strndup(arena, payload.bytes ? payload.bytes : "", payload.n_bytes),
                payload.n_bytes};
            strbuf_clear(&payload);
            runs[n++] = run;
        }
    if (n && store_samples_put(live->analyzer->store, live->id, &live->lease, samples, n, &err) ==
                 ERR_OK)
        for (size_t i = 0; i < n; i++)
            runs[i]->is_stored = true;
    else if (err.code == ERR_CONFLICT) /* it has ended, cancelled perhaps while it was taken up */
        execution_cancel(execution);
    else if (err.code)
        log_warn(live->analyzer->log, "samples could not be stored", LOG_STR("execution", live->id),
                 LOG_STR("error", err.message));
    arena_free(arena);
    atomic_store(&live->is_saving, false);
    live_unref(live);
}

static void tell_progress(struct live *live)
{
    int64_t now_mono_ms = clock_mono_ms();

    if (now_mono_ms - live->told_mono_ms < TELL_EVERY_MS)
        return;
    live->told_mono_ms = now_mono_ms;
    analyzer_tell_live(EVENT_PROGRESS, live);
}

/* Returns when to look again. */
static int64_t save_samples(struct analyzer *analyzer)
{
    struct arena *arena = arena_create();
    int64_t now_mono_ms = clock_mono_ms();
    size_t n;
    struct live **list = live_all(analyzer, arena, &n);

    analyzer->next_save_mono_ms = now_mono_ms + SAVE_EVERY_MS;
    for (size_t i = 0; i < n; i++) {
        const struct execution *execution = list[i]->execution;
        size_t n_fetched = execution_n_fetched(execution);

        if (atomic_load(&execution->has_started) && n_fetched > list[i]->n_fetched_seen &&
            now_mono_ms - atomic_load(&execution->started_mono_ms) >= SAVE_AFTER_MS &&
            !atomic_exchange(&list[i]->is_saving, true)) {
            list[i]->n_fetched_seen = n_fetched;
            tell_progress(list[i]);
            worker_pool_submit(analyzer->steps, save_job, list[i]);
        } else {
            live_unref(list[i]);
        }
    }
    arena_free(arena);
    return n ? clock_wall_ms() + SAVE_EVERY_MS : INT64_MAX;
}

int64_t analyzer_look(void *ctx)
{
    struct analyzer *analyzer = ctx;
    int64_t due_unix_ms, save_unix_ms;

    if (atomic_load(&analyzer->is_draining))
        return INT64_MAX;
    due_unix_ms = claim_due(analyzer);
    save_unix_ms = clock_mono_ms() < analyzer->next_save_mono_ms ? clock_wall_ms() + SAVE_EVERY_MS
                                                                 : save_samples(analyzer);
    return due_unix_ms < save_unix_ms ? due_unix_ms : save_unix_ms;
}
