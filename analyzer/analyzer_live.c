/* What runs: a table by id, and the slots that bound it. Everything else that has been accepted
 * waits in the store and costs no memory here. */
#include "analyzer/analyzer_state.h"
#include "base/clock.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

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

struct collecting {
    struct arena *arena;
    struct live **list;
    size_t n, capacity;
};

static void collect(const void *node, VISIT visit, void *closure)
{
    struct collecting *out = closure;
    struct live *live = *(struct live *const *)node;

    if (visit != postorder && visit != leaf)
        return;
    out->list = arena_grow(out->arena, out->list, out->n, &out->capacity, sizeof(*out->list));
    out->list[out->n++] = live;
    atomic_fetch_add(&live->n_refs, 1);
}

struct live **live_all(struct analyzer *analyzer, struct arena *arena, size_t *n_out)
{
    struct collecting out = {.arena = arena};

    pthread_mutex_lock(&analyzer->lock);
    twalk_r(analyzer->live, collect, &out);
    pthread_mutex_unlock(&analyzer->lock);
    *n_out = out.n;
    return out.list;
}

/* --- making one --- */

static const char *text_member(const json_t *object, const char *key, struct arena *arena)
{
    const char *text = json_string_value(json_object_get(object, key));

    return arena_strdup(arena, text ? text : "");
}

static enum err_code find_account(const struct settings *settings, const char *name,
                                  const struct account **out, struct error *err)
{
    const struct settings_account *account;

    if (settings_account_find(settings, name, ROLE_METRICS, &account, err))
        return err->code;
    *out = account->metrics;
    if (!account->metrics)
        error_because(err, ERR_INVALID, "account_unsupported",
                      "Account '%s' is of type %s, which this build cannot query.", account->name,
                      account->type);
    return err->code;
}

enum err_code analyzer_plan_accounts(const struct settings *settings, const json_t *submission,
                                     struct arena *arena, struct plan_accounts *out,
                                     struct error *err)
{
    const json_t *own = json_object_get(submission, "metricAccounts");
    const struct account **of_metrics =
        arena_array(arena, const struct account *, json_array_size(own));
    json_t *name;
    size_t i;

    out->of_metrics = own ? of_metrics : NULL;
    out->judge = settings->remote_judge;
    if (find_account(settings, json_string_value(json_object_get(submission, "metricsAccountName")),
                     &out->run, err))
        return err->code;
    json_array_foreach (own, i, name)
        if (json_is_string(name) &&
            find_account(settings, json_string_value(name), &of_metrics[i], err))
            return error_point(err, "/metrics/%zu/metricsAccountName", i);
    return ERR_OK;
}

enum err_code live_create(struct analyzer *analyzer, const struct stored_execution *execution,
                          json_t *submission, struct live **out, struct error *err)
{
    const json_t *config = json_object_get(submission, "config");
    struct arena *arena = arena_create();
    struct live *live = arena_new(arena, struct live);
    struct execution_request *request;
    struct plan_accounts accounts;

    live->arena = arena;
    live->analyzer = analyzer;
    live->submission = submission;
    live->id = arena_strdup(arena, execution->id);
    live->parent_id = arena_strdup(arena, execution->parent_id);
    live->due_unix_ms = execution->due_unix_ms;
    live->application = text_member(submission, "application", arena);
    live->storage_account = text_member(submission, "storageAccountName", arena);
    live->config_id = text_member(submission, "canaryConfigId", arena);
    live->config_name = text_member(config, "name", arena);
    atomic_store(&live->n_refs, 1);
    if (analyzer_plan_accounts(analyzer->settings, submission, arena, &accounts, err) ||
        execution_request_decode(json_object_get(submission, "canaryExecutionRequest"), arena,
                                 &request, err) ||
        plan_build(json_object_get(submission, "config"), request, &accounts, arena, &live->plan,
                   err)) {
        live_unref(live);
        return err->code;
    }
    json_object_set(submission, "canaryExecutionRequest", request->view);
    live->frozen = report_freeze(live->id, submission, arena);
    live->execution = execution_create(live->id, live->plan, analyzer->fetch, analyzer->pool,
                                       analyzer_execution_ended, live);
    live->execution->application = live->application;
    live->execution->judgement.is_sliding = json_is_true(json_object_get(submission, "isSliding"));
    live->execution->judgement.is_interim = json_is_true(json_object_get(submission, "isInterim"));
    *out = live;
    return ERR_OK;
}

/* --- in and out --- */

static size_t n_queries(const struct live *live)
{
    return N_SIDES * live->plan->n_metrics;
}

void live_start(struct analyzer *analyzer, struct live *live)
{
    int64_t now_unix_ms = clock_wall_ms();
    bool is_first;

    pthread_mutex_lock(&analyzer->lock);
    is_first = analyzer->n_queries_running == 0;
    if (!tsearch(live, &analyzer->live, compare_ids))
        abort(); /* out of memory */
    analyzer->n_queries_running += n_queries(live);
    pthread_mutex_unlock(&analyzer->lock);
    if (is_first)
        scheduler_nudge(analyzer->scheduler); /* from now on it looks after the samples */
    if (live->due_unix_ms != DUE_AT_ONCE)
        analyzer_count_lag(analyzer, now_unix_ms - live->due_unix_ms);
    analyzer_tell_live(EVENT_STARTED, live);
    execution_start(live->execution);
}

void live_remove(struct analyzer *analyzer, struct live *live)
{
    pthread_mutex_lock(&analyzer->lock);
    tdelete(live, &analyzer->live, compare_ids);
    analyzer->n_queries_running -= n_queries(live);
    pthread_mutex_unlock(&analyzer->lock);
    live_unref(live);
    slots_give(analyzer, 1);
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

/* --- slots --- */

/* Under the lock. */
static size_t n_slots_free(const struct analyzer *analyzer)
{
    if (analyzer->n_queries_running >= MAX_RUNNING_QUERIES || atomic_load(&analyzer->is_paused) ||
        atomic_load(&analyzer->is_draining))
        return 0;
    return MAX_RUNNING - analyzer->n_slots_taken;
}

bool slot_take_for_start(struct analyzer *analyzer)
{
    bool is_free;

    pthread_mutex_lock(&analyzer->lock);
    is_free = !analyzer->has_backlog && n_slots_free(analyzer) > 0;
    if (is_free)
        analyzer->n_slots_taken++;
    else
        analyzer->has_backlog = true;
    pthread_mutex_unlock(&analyzer->lock);
    return is_free;
}

size_t slots_take(struct analyzer *analyzer, size_t wanted)
{
    size_t n;

    pthread_mutex_lock(&analyzer->lock);
    n = n_slots_free(analyzer);
    if (n > wanted)
        n = wanted;
    analyzer->n_slots_taken += n;
    pthread_mutex_unlock(&analyzer->lock);
    return n;
}

void slots_put_back(struct analyzer *analyzer, size_t n)
{
    pthread_mutex_lock(&analyzer->lock);
    analyzer->n_slots_taken -= n;
    pthread_mutex_unlock(&analyzer->lock);
}

void slots_give(struct analyzer *analyzer, size_t n)
{
    slots_put_back(analyzer, n);
    scheduler_nudge(analyzer->scheduler);
}

void analyzer_pause(struct analyzer *analyzer, bool is_paused)
{
    if (atomic_exchange(&analyzer->is_paused, is_paused) != is_paused)
        log_info(analyzer->log, is_paused ? "queue paused" : "queue resumed");
    scheduler_nudge(analyzer->scheduler);
}
