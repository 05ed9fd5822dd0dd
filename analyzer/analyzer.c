/* The life of an execution. It is accepted once its submission is durable; it then waits in the
 * live table for its turn, runs, and leaves the table when its end is durable. What the table loses
 * in a crash, the store gives back at the next start: everything accepted and not ended is planned
 * again from its submission, which is all that planning depends on besides the settings. */
#include "analyzer/analyzer_state.h"

#include "analyzer/analysis.h"
#include "analyzer/canary_config.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FINISH_RETRY_US 500000u /* between tries to store an end on a full or locked disk */

struct str analyzer_take_json(json_t *json, struct arena *arena)
{
    struct str text = str_of(json_write_arena(json, arena));

    json_decref(json);
    return text;
}

/* --- the end --- */

static const char *member_text(const struct live *live, const char *key)
{
    return json_string_value(json_object_get(live->submission, key));
}

/* Store the end. A store that cannot take it is waited out: the verdict is there, and giving up
 * would leave an execution that neither runs nor has ended until the next start fetches it all
 * again. */
static void store_end(struct live *live, const struct stored_execution *ended,
                      const struct stored_series *series, size_t n_series)
{
    struct analyzer *analyzer = live->analyzer;

    for (bool is_first = true;; is_first = false) {
        struct error err = {0};

        if (store_execution_finish(analyzer->store, ended, series, n_series, &err) == ERR_OK ||
            err.code == ERR_CONFLICT || err.code == ERR_NOT_FOUND)
            return; /* or it was cancelled, and deleted since */
        if (is_first)
            log_error(analyzer->log, "execution could not be stored, trying again",
                      LOG_STR("execution", live->id), LOG_STR("error", err.message));
        if (atomic_load(&analyzer->is_draining))
            return;
        usleep(FINISH_RETRY_US);
    }
}

static enum execution_state state_of(const struct execution *execution)
{
    if (execution->error.code == ERR_CANCELLED)
        return EXECUTION_CANCELLED;
    return execution->error.code ? EXECUTION_FAILED : EXECUTION_SUCCEEDED;
}

static void log_end(const struct live *live, const struct execution *execution)
{
    struct log *log = live->analyzer->log;
    long long duration_ms =
        execution->ended_unix_ms - (int64_t)atomic_load(&execution->started_unix_ms);
    char text[sizeof(execution->error.message) + sizeof(execution->error.context) + 4];

    if (execution->error.code)
        log_warn(log, "execution failed", LOG_STR("execution", live->id),
                 LOG_STR("application", live->application),
                 LOG_STR("code", error_reason(&execution->error)),
                 LOG_STR("error", error_text(&execution->error, text, sizeof(text))),
                 LOG_I64("duration_ms", duration_ms));
    else
        log_info(log, "execution finished", LOG_STR("execution", live->id),
                 LOG_STR("application", live->application),
                 LOG_STR("verdict", verdict_name(execution->judgement.result.verdict)),
                 LOG_I64("score", execution->judgement.result.score),
                 LOG_I64("duration_ms", duration_ms));
}

/* What a store warned of (a partial response, say) is in the sets' attributes, and in the log. */
static void log_store_warnings(const struct live *live, const struct execution *execution)
{
    for (int side = 0; side < N_SIDES; side++)
        for (size_t i = 0; i < execution->plan->n_metrics; i++) {
            const struct query_run *run = &execution->runs[side][i];
            const char *warnings =
                run->sets.n_sets ? tag_map_get(&run->sets.sets[0].attributes, "warnings") : NULL;

            if (warnings)
                log_warn(live->analyzer->log, "metric store warned", LOG_STR("execution", live->id),
                         LOG_STR("account", run->plan->account->name),
                         LOG_STR("metric", run->plan->query.metric_name),
                         LOG_STR("warnings", warnings));
        }
}

/* On a worker. */
void analyzer_execution_ended(struct execution *execution)
{
    struct live *live = execution->ctx;
    struct analyzer *analyzer = live->analyzer;
    struct strbuf sets = {0}, pairs = {0}, body = {0};
    struct stored_execution ended = {
        .id = live->id,
        .application = live->application,
        .account = live->storage_account,
        .state = state_of(execution),
        .ended_unix_ms = execution->ended_unix_ms,
    };
    struct stored_series series[2];
    size_t n_series = 0;

    if (execution->error.code == ERR_CANCELLED && !atomic_load(&execution->is_cancelled)) {
        live_remove(analyzer, live); /* the service is stopping: the next start goes on with it */
        return;
    }
    if (execution->judgement.n_pairs) {
        struct stored_set *list;
        size_t n_list;

        execution_stored_sets(execution, execution->arena, &list, &n_list);
        metric_sets_encode(list, n_list, &sets);
        metric_pairs_encode(execution->judgement.pairs, execution->judgement.n_pairs, &pairs);
        series[n_series++] = (struct stored_series){SERIES_METRIC_SETS, live->storage_account,
                                                    member_text(live, "metricSetListId"),
                                                    execution->ended_unix_ms, strbuf_view(&sets)};
        series[n_series++] = (struct stored_series){SERIES_METRIC_SET_PAIRS, live->storage_account,
                                                    member_text(live, "metricSetPairListId"),
                                                    execution->ended_unix_ms, strbuf_view(&pairs)};
    }
    report_status(&live->frozen, execution, true, &body);
    ended.body = strbuf_view(&body);
    store_end(live, &ended, series, n_series);
    analyzer_count(analyzer, live, execution);
    log_store_warnings(live, execution);
    log_end(live, execution);
    strbuf_clear(&sets);
    strbuf_clear(&pairs);
    strbuf_clear(&body);
    live_remove(analyzer, live);
}

enum err_code analyzer_execution_cancel(struct analyzer *analyzer, const char *id,
                                        struct error *err)
{
    struct live *live = live_find(analyzer, id);
    struct stored_execution ended = {
        .state = EXECUTION_CANCELLED,
        .ended_unix_ms = clock_wall_ms(),
    };
    struct strbuf body = {0};

    if (!live) {
        struct arena *arena = arena_create();

        if (store_execution_get(analyzer->store, id, arena, &ended, err) == ERR_OK &&
            ended.state == EXECUTION_ACCEPTED) /* between its commit and its entry in the table */
            error_because(err, ERR_BUSY, "overloaded", "the execution is being accepted");
        arena_free(arena);
        return err->code;
    }
    pthread_mutex_lock(&analyzer->lock);
    report_cancelled(&live->frozen, live->execution, ended.ended_unix_ms, &body);
    pthread_mutex_unlock(&analyzer->lock);
    ended.id = live->id;
    ended.application = live->application;
    ended.account = live->storage_account;
    ended.body = strbuf_view(&body);
    /* The first end that is stored stays: a verdict that was faster stands. */
    if (store_execution_finish(analyzer->store, &ended, NULL, 0, err) == ERR_CONFLICT)
        *err = (struct error){0};
    else if (!err->code)
        live_cancel(analyzer, live);
    strbuf_clear(&body);
    live_unref(live);
    return err->code;
}

/* --- the start --- */

/* Plan an execution from its submission, which is taken; the same for a new one and one found after
 * a restart. */
static enum err_code live_create(struct analyzer *analyzer, const char *id, json_t *submission,
                                 struct live **out, struct error *err)
{
    struct arena *arena = arena_create();
    struct live *live = arena_new(arena, struct live);
    const struct settings_account *account;
    struct execution_request *request;

    live->arena = arena;
    live->analyzer = analyzer;
    live->submission = submission;
    live->id = arena_strdup(arena, id);
    live->application = arena_strdup(arena, member_text(live, "application"));
    live->storage_account = arena_strdup(arena, member_text(live, "storageAccountName"));
    live->analysis_id = member_text(live, "analysisId");
    atomic_store(&live->n_refs, 1);
    if (settings_account_find(analyzer->settings, member_text(live, "metricsAccountName"),
                              ROLE_METRICS, &account, err) ||
        execution_request_decode(json_object_get(submission, "canaryExecutionRequest"), arena,
                                 &request, err)) {
        live_unref(live);
        return err->code;
    }
    if (!account->metrics)
        error_because(err, ERR_INVALID, "account_unsupported",
                      "Account '%s' is of type %s, which this build cannot query.", account->name,
                      account->type);
    else if (plan_build(json_object_get(submission, "config"), request, account->metrics, arena,
                        &live->plan, err) == ERR_OK) {
        json_object_set(submission, "canaryExecutionRequest", request->view);
        live->frozen = report_freeze(live->id, submission, arena);
        *out = live;
        return ERR_OK;
    }
    live_unref(live);
    return err->code;
}

static const char *start_application(const struct canary_start *start, char *buffer, size_t size)
{
    char host[HOST_NAME_MAX + 1] = "";

    if (start->application && *start->application)
        return start->application;
    if (!start->application && !start->canary_config_id)
        return "ad-hoc";
    gethostname(host, sizeof(host) - 1);
    snprintf(buffer, size, "serinus@%s", host);
    return buffer;
}

/* The config of a start: given in the request, or read from the store. */
enum err_code analyzer_start_config(struct analyzer *analyzer, const struct canary_start *start,
                                    const char *configuration_account, json_t **out,
                                    struct error *err)
{
    struct arena *arena;
    struct stored_config stored;
    json_t *config = NULL;

    if (!start->canary_config_id) {
        if (canary_config_view(start->canary_config, out, err))
            error_point(err, "/canaryConfig");
        return err->code;
    }
    arena = arena_create();
    if (store_config_get(analyzer->store, configuration_account, start->canary_config_id, arena,
                         &stored, err) == ERR_OK &&
        json_read(stored.json, &json_limits_document, &config, err) == ERR_OK)
        (void)(canary_config_view(config, out, err) == ERR_OK);
    json_decref(config);
    arena_free(arena);
    return err->code;
}

static json_t *submission_make(const struct canary_start *start, const char *application,
                               const struct settings_account *metrics,
                               const struct settings_account *storage,
                               const struct settings_account *configuration, json_t *config,
                               int64_t now_unix_ms)
{
    json_t *out = json_object();
    char uuid[UUID_BYTES];

    json_object_set_new(out, "application", json_string(application));
    json_set_text(out, "parentPipelineExecutionId", start->parent_pipeline_execution_id);
    json_object_set_new(out, "config", config);
    json_object_set_new(out, "canaryConfigId",
                        json_string(start->canary_config_id ? start->canary_config_id : "ad-hoc"));
    json_object_set(out, "canaryExecutionRequest", (json_t *)start->execution_request);
    json_object_set_new(out, "metricSetListId", json_string(id_uuid(uuid)));
    json_object_set_new(out, "metricSetPairListId", json_string(id_uuid(uuid)));
    json_object_set_new(out, "buildTimeMillis", json_integer(now_unix_ms));
    json_object_set_new(out, "storageAccountName", json_string(storage->name));
    json_object_set_new(out, "metricsAccountName", json_string(metrics->name));
    if (configuration)
        json_object_set_new(out, "configurationAccountName", json_string(configuration->name));
    return out;
}

static enum err_code store_accepted(struct analyzer *analyzer, struct live *live,
                                    int64_t now_unix_ms, struct error *err)
{
    struct strbuf text = {0};
    struct stored_execution accepted = {
        .id = live->id,
        .application = live->application,
        .account = live->storage_account,
        .kind = EXECUTION_CANARY,
        .state = EXECUTION_ACCEPTED,
        .created_unix_ms = now_unix_ms,
    };

    json_write(live->submission, &text);
    accepted.submission = strbuf_view(&text);
    (void)(store_execution_accept(analyzer->store, &accepted, err) == ERR_OK);
    strbuf_clear(&text);
    return err->code;
}

enum err_code analyzer_accept(struct analyzer *analyzer, const char *id, json_t *submission,
                              struct error *err)
{
    int64_t now_unix_ms = json_integer_value(json_object_get(submission, "buildTimeMillis"));
    struct live *live;

    if (live_create(analyzer, id, submission, &live, err))
        return err->code;
    /* a judgement of an analysis has had its place in the queue since the analysis was accepted */
    if ((!live->analysis_id && live_check_room(analyzer, live->application, err)) ||
        store_accepted(analyzer, live, now_unix_ms, err))
        live_unref(live);
    else
        live_add(analyzer, live);
    return err->code;
}

enum err_code analyzer_canary_start(struct analyzer *analyzer, const struct canary_start *start,
                                    struct arena *arena, const char **out_id, struct error *err)
{
    const struct settings_account *metrics, *storage, *configuration = NULL;
    int64_t now_unix_ms = clock_wall_ms();
    char id[ULID_BYTES], host[HOST_NAME_MAX + 16];
    json_t *submission, *config;

    if (atomic_load(&analyzer->is_draining))
        return error_because(err, ERR_BUSY, "draining", "the service is stopping; try again later");
    if (settings_account_find(analyzer->settings, start->metrics_account, ROLE_METRICS, &metrics,
                              err) ||
        settings_account_find(analyzer->settings, start->storage_account, ROLE_OBJECTS, &storage,
                              err))
        return err->code;
    if (start->canary_config_id &&
        settings_account_find(analyzer->settings, start->configuration_account, ROLE_CONFIGURATIONS,
                              &configuration, err))
        return err->code;
    if (!start->execution_request)
        return error_because(err, ERR_INVALID, "bad_type", "the execution request is missing");
    if (analyzer_start_config(analyzer, start, configuration ? configuration->name : NULL, &config,
                              err))
        return err->code;
    submission = submission_make(start, start_application(start, host, sizeof(host)), metrics,
                                 storage, configuration, config, now_unix_ms);
    if (analyzer_accept(analyzer, id_ulid(now_unix_ms, id), submission, err) == ERR_OK)
        *out_id = arena_strdup(arena, id);
    return err->code;
}

/* --- after a restart --- */

/* Its account is gone, say: it ends, with the reason. */
static void recover_failed(struct analyzer *analyzer, const struct stored_execution *stored,
                           const struct error *why)
{
    struct arena *arena = arena_create();
    struct stored_execution ended = *stored;
    struct strbuf body = {0};
    struct error err = {0};
    json_t *submission;

    log_warn(analyzer->log, "execution could not be resumed", LOG_STR("execution", stored->id),
             LOG_STR("error", why->message));
    if (json_read(stored->submission, &json_limits_document, &submission, &err) == ERR_OK) {
        struct report_frozen frozen =
            report_freeze(stored->id, json_keep(submission, arena), arena);

        report_unplannable(&frozen, why, &body);
        ended.state = EXECUTION_FAILED;
        ended.ended_unix_ms = clock_wall_ms();
        ended.body = strbuf_view(&body);
        if (store_execution_finish(analyzer->store, &ended, NULL, 0, &err))
            log_error(analyzer->log, "execution could not be stored",
                      LOG_STR("execution", stored->id), LOG_STR("error", err.message));
        strbuf_clear(&body);
    }
    arena_free(arena);
}

static void recover_one(struct analyzer *analyzer, const struct stored_execution *stored)
{
    struct error err = {0};
    json_t *submission = NULL;
    struct live *live;

    if (json_read(stored->submission, &json_limits_document, &submission, &err) ||
        live_create(analyzer, stored->id, submission, &live, &err))
        recover_failed(analyzer, stored, &err);
    else
        live_add(analyzer, live);
}

static enum err_code recover(struct analyzer *analyzer, struct error *err)
{
    const struct execution_filter filter = {.states = 1u << EXECUTION_ACCEPTED, .limit = SIZE_MAX};
    struct arena *arena = arena_create();
    struct stored_execution *stored;
    size_t n_stored;

    if (store_execution_list(analyzer->store, &filter, arena, &stored, &n_stored, err) == ERR_OK) {
        for (size_t i = n_stored; i > 0; i--) /* the list is newest first */
            recover_one(analyzer, &stored[i - 1]);
        if (n_stored)
            log_info(analyzer->log, "executions resumed", LOG_I64("count", n_stored));
    }
    arena_free(arena);
    return err->code;
}

enum err_code analyzer_create(const struct settings *settings, struct log *log,
                              struct analyzer **out, struct error *err)
{
    struct analyzer *analyzer = mem_alloc(1, sizeof(*analyzer));

    analyzer->settings = settings;
    analyzer->log = log;
    pthread_mutex_init(&analyzer->lock, NULL);
    analyzer->waiting_last = &analyzer->waiting_first;
    analyzer->n_live_by_application = json_object();
    analyzer->verdicts = json_object();
    analyzer->metadata = metadata_cache_create(settings->n_accounts);
    if (store_open(settings->data_dir, log, &analyzer->store, err) ||
        fetch_create(log, &analyzer->fetch, err) ||
        worker_pool_create("analyzer", settings->workers, &analyzer->pool, err) ||
        scheduler_create(analysis_due, analyzer, &analyzer->scheduler, err) ||
        recover(analyzer, err) || analysis_recover(analyzer, err)) {
        analyzer_free(analyzer);
        return err->code;
    }
    *out = analyzer;
    return ERR_OK;
}

void analyzer_drain(struct analyzer *analyzer)
{
    atomic_store(&analyzer->is_draining, true);
}

void analyzer_free(struct analyzer *analyzer)
{
    if (!analyzer)
        return;
    analyzer_drain(analyzer);
    scheduler_stop(analyzer->scheduler);
    if (analyzer->fetch)
        fetch_stop(analyzer->fetch);  /* what is under way ends as cancelled ... */
    worker_pool_free(analyzer->pool); /* ... which the workers see to, without storing it */
    fetch_free(analyzer->fetch);
    scheduler_free(analyzer->scheduler);
    live_forget_all(analyzer);
    store_close(analyzer->store);
    json_decref(analyzer->n_live_by_application);
    json_decref(analyzer->verdicts);
    metadata_cache_free(analyzer->metadata);
    pthread_mutex_destroy(&analyzer->lock);
    free(analyzer);
}
