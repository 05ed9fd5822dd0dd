/* The live table: executions that are accepted and have not ended, by id; those that wait for their
 * turn stand in a line as well. */
#include "analyzer/analysis.h"
#include "analyzer/analyzer_state.h"
#include "base/limits.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_MAX_PER_APPLICATION 2000 /* so that one application cannot fill the queue */

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const struct live *)a)->id, ((const struct live *)b)->id);
}

void live_unref(struct live *live)
{
    if (atomic_fetch_sub(&live->n_refs, 1) != 1)
        return;
    execution_free(live->execution);
    json_decref(live->submission);
    arena_free(live->arena);
}

struct live *live_find(struct analyzer *analyzer, const char *id)
{
    struct live key = {.id = id};
    struct live **found;
    struct live *live = NULL;

    pthread_mutex_lock(&analyzer->lock);
    found = tfind(&key, &analyzer->live, compare_ids);
    if (found) {
        live = *found;
        atomic_fetch_add(&live->n_refs, 1);
    }
    pthread_mutex_unlock(&analyzer->lock);
    return live;
}

/* Under the lock. */
static void count_application(struct analyzer *analyzer, const char *application, int change)
{
    json_int_t n =
        json_integer_value(json_object_get(analyzer->n_live_by_application, application)) + change;

    if (n > 0)
        json_object_set_new(analyzer->n_live_by_application, application, json_integer(n));
    else
        json_object_del(analyzer->n_live_by_application, application);
}

enum err_code live_check_room(struct analyzer *analyzer, const char *application, struct error *err)
{
    pthread_mutex_lock(&analyzer->lock);
    if (analyzer->n_live >= QUEUE_MAX_PENDING ||
        json_integer_value(json_object_get(analyzer->n_live_by_application, application)) >=
            QUEUE_MAX_PER_APPLICATION)
        error_because(err, ERR_BUSY, "queue_full",
                      "too many executions are waiting already; try again in 30 s");
    pthread_mutex_unlock(&analyzer->lock);
    return err->code;
}

/* Start what waits while there is room. */
static void start_waiting(struct analyzer *analyzer)
{
    pthread_mutex_lock(&analyzer->lock);
    while (analyzer->waiting_first && analyzer->n_running < MAX_RUNNING &&
           !atomic_load(&analyzer->is_draining) && !atomic_load(&analyzer->is_paused)) {
        struct live *live = analyzer->waiting_first;

        analyzer->waiting_first = live->next_waiting;
        if (!analyzer->waiting_first)
            analyzer->waiting_last = &analyzer->waiting_first;
        analyzer->n_running++;
        live->execution = execution_create(live->id, live->plan, analyzer->fetch, analyzer->pool,
                                           analyzer_execution_ended, live);
        execution_start(live->execution);
    }
    pthread_mutex_unlock(&analyzer->lock);
}

void analyzer_pause(struct analyzer *analyzer, bool is_paused)
{
    if (atomic_exchange(&analyzer->is_paused, is_paused) != is_paused)
        log_info(analyzer->log, is_paused ? "queue paused" : "queue resumed");
    start_waiting(analyzer);
}

void live_add(struct analyzer *analyzer, struct live *live)
{
    atomic_store(&live->n_refs, 1);
    pthread_mutex_lock(&analyzer->lock);
    if (!tsearch(live, &analyzer->live, compare_ids))
        abort(); /* out of memory */
    analyzer->n_live++;
    count_application(analyzer, live->application, 1);
    *analyzer->waiting_last = live;
    analyzer->waiting_last = &live->next_waiting;
    pthread_mutex_unlock(&analyzer->lock);
    start_waiting(analyzer);
}

/* Out of the table, whose reference is given back. Under the lock; unlock, then call live_left().
 */
static void live_leave(struct analyzer *analyzer, struct live *live)
{
    tdelete(live, &analyzer->live, compare_ids);
    analyzer->n_live--;
    count_application(analyzer, live->application, -1);
}

static void live_left(struct analyzer *analyzer, struct live *live)
{
    char *analysis_id = live->analysis_id ? mem_strdup(live->analysis_id) : NULL;

    live_unref(live);
    start_waiting(analyzer);
    if (analysis_id)
        analysis_wake(analyzer, analysis_id);
    free(analysis_id);
}

void live_remove(struct analyzer *analyzer, struct live *live)
{
    pthread_mutex_lock(&analyzer->lock);
    live_leave(analyzer, live);
    analyzer->n_running--;
    pthread_mutex_unlock(&analyzer->lock);
    live_left(analyzer, live);
}

/* Stop it if it runs; take it out of the table if it still waits. */
void live_cancel(struct analyzer *analyzer, struct live *live)
{
    struct live **at = &analyzer->waiting_first;
    bool is_waiting;

    pthread_mutex_lock(&analyzer->lock);
    while (*at && *at != live)
        at = &(*at)->next_waiting;
    is_waiting = *at == live;
    if (is_waiting) {
        *at = live->next_waiting;
        if (!*at)
            analyzer->waiting_last = at;
        live_leave(analyzer, live);
    } else if (live->execution) {
        execution_cancel(live->execution);
    }
    pthread_mutex_unlock(&analyzer->lock);
    if (is_waiting)
        live_left(analyzer, live);
}

static void forget(void *node)
{
    live_unref(node);
}

void live_forget_all(struct analyzer *analyzer)
{
    tdestroy(analyzer->live, forget);
    analyzer->live = NULL;
}
