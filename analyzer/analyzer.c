/* The life of an execution. It is accepted once its submission is durable. It then runs at once, or
 * waits in the store until there is room (analyzer_work.c), and is over when its end is durable.
 * After a crash the store gives back what had not ended: it is planned again from its submission,
 * which is all that planning depends on besides the settings. */
#include "analyzer/analyzer_state.h"

#include "analyzer/canary_config.h"
#include "analyzer/verdict_table.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* They sleep while the disk syncs, and as many ends as there are threads share one sync. */
#define STEP_THREADS 8u

struct str analyzer_take_json(json_t *json, struct arena *arena)
{
    struct str text = str_of(json_write_arena(json, arena));

    json_decref(json);
    return text;
}

/* --- the start --- */

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

/* The accounts that metrics name for themselves, one a metric (null: the request's), or NULL when
 * none does. Kayenta knows no such member, so the view of the config does not have it. */
static json_t *metric_accounts(const json_t *config)
{
    json_t *out = json_array();
    bool has_any = false;
    json_t *metric;
    size_t i;

    json_array_foreach (json_object_get(config, "metrics"), i, metric) {
        json_t *name = json_object_get(metric, "metricsAccountName");
        bool is_named = json_string_length(name) > 0;

        has_any = has_any || is_named;
        json_array_append_new(out, is_named ? json_incref(name) : json_null());
    }
    if (!has_any) {
        json_decref(out);
        return NULL;
    }
    return out;
}

/* The config of a start: given in the request, or read from the store. */
enum err_code analyzer_start_config(struct analyzer *analyzer, const struct canary_start *start,
                                    const char *configuration_account, json_t **out,
                                    json_t **out_accounts, struct error *err)
{
    struct arena *arena;
    struct stored_config stored;
    json_t *config = NULL;

    if (!start->canary_config_id) {
        if (canary_config_view(start->canary_config, out, err))
            error_point(err, "/canaryConfig");
        else
            *out_accounts = metric_accounts(start->canary_config);
        return err->code;
    }
    arena = arena_create();
    if (store_config_get(analyzer->store, configuration_account, start->canary_config_id, arena,
                         &stored, err) == ERR_OK &&
        json_read(stored.json, &json_limits_document, &config, err) == ERR_OK &&
        canary_config_view(config, out, err) == ERR_OK)
        *out_accounts = metric_accounts(config);
    json_decref(config);
    arena_free(arena);
    return err->code;
}

static json_t *submission_make(const struct canary_start *start, const char *application,
                               const struct settings_account *metrics,
                               const struct settings_account *storage,
                               const struct settings_account *configuration, json_t *config,
                               json_t *metric_accounts, int64_t now_unix_ms)
{
    json_t *out = json_object();
    char uuid[UUID_BYTES];

    json_object_set_new(out, "application", json_string(application));
    json_set_text(out, "parentPipelineExecutionId", start->parent_pipeline_execution_id);
    json_object_set_new(out, "config", config);
    if (metric_accounts)
        json_object_set_new(out, "metricAccounts", metric_accounts);
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
                                    const struct order *order, struct arena *arena,
                                    const char **out_id, struct error *err)
{
    struct strbuf text = {0};
    struct acceptance acceptance = {
        .execution = {.id = live->id,
                      .application = live->application,
                      .account = live->storage_account,
                      .parent_id = live->parent_id,
                      .config_id = live->config_id,
                      .config_name = live->config_name,
                      .kind = EXECUTION_CANARY,
                      .state = EXECUTION_ACCEPTED,
                      .created_unix_ms =
                          json_integer_value(json_object_get(live->submission, "buildTimeMillis")),
                      .due_unix_ms = DUE_AT_ONCE,
                      .verdict = "",
                      .score = NAN},
        .idempotency = order->idempotency,
        .is_claimed = order->has_slot,
        .parent_lease = order->parent_lease,
        .parent_body = order->parent_body,
    };

    json_write(live->submission, &text);
    acceptance.execution.submission = strbuf_view(&text);
    if (store_execution_accept(analyzer->store, &acceptance, arena, out_id, &live->lease, err) ==
            ERR_OK &&
        strcmp(*out_id, live->id) == 0)
        analyzer_tell(analyzer, EVENT_ACCEPTED, &acceptance.execution);
    strbuf_clear(&text);
    return err->code;
}

enum err_code analyzer_accept(struct analyzer *analyzer, const struct order *order,
                              struct arena *arena, const char **out_id, struct error *err)
{
    const struct stored_execution facts = {
        .id = order->id, .parent_id = order->parent_id, .due_unix_ms = order->due_unix_ms};
    struct live *live = NULL;

    if (live_create(analyzer, &facts, order->submission, &live, err) == ERR_OK &&
        store_accepted(analyzer, live, order, arena, out_id, err) == ERR_OK && order->has_slot &&
        *live->lease.nonce) {
        live_start(analyzer, live);
        return ERR_OK;
    }
    /* refused, or known already, or to be taken up from the store */
    if (live)
        live_unref(live);
    if (order->has_slot)
        slots_give(analyzer, 1);
    else
        scheduler_nudge(analyzer->scheduler);
    return err->code;
}

enum err_code analyzer_point_into_body(struct error *err, const struct canary_start *start)
{
    static const char *const config_members[] = {"/metrics", "/judge", "/classifier", "/templates"};

    if (start->canary_config_id || !*err->pointer)
        return err->code; /* the body is the request itself */
    for (size_t i = 0; i < ARRAY_LEN(config_members); i++)
        if (strncmp(err->pointer, config_members[i], strlen(config_members[i])) == 0)
            return error_point(err, "/canaryConfig");
    return strncmp(err->pointer, "/canaryConfig", strlen("/canaryConfig")) == 0
               ? err->code
               : error_point(err, "/executionRequest");
}

enum err_code analyzer_canary_start(struct analyzer *analyzer, const struct canary_start *start,
                                    struct arena *arena, const char **out_id, struct error *err)
{
    const struct settings_account *metrics, *storage, *configuration = NULL;
    int64_t now_unix_ms = clock_wall_ms();
    char id[ULID_BYTES], host[HOST_NAME_MAX + 16];
    json_t *submission, *config, *accounts = NULL;

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
                              &accounts, err))
        return err->code;
    submission = submission_make(start, start_application(start, host, sizeof(host)), metrics,
                                 storage, configuration, config, accounts, now_unix_ms);
    if (analyzer_accept(analyzer,
                        &(struct order){.id = id_ulid(now_unix_ms, id),
                                        .parent_id = "",
                                        .due_unix_ms = DUE_AT_ONCE,
                                        .submission = submission,
                                        .idempotency = start->idempotency,
                                        .has_slot = slot_take_for_start(analyzer)},
                        arena, out_id, err))
        return analyzer_point_into_body(err, start);
    return ERR_OK;
}

/* --- the whole --- */

enum err_code analyzer_create(const struct settings *settings, struct log *log,
                              struct analyzer **out, struct error *err)
{
    struct analyzer *analyzer = mem_alloc(1, sizeof(*analyzer));

    analyzer->settings = settings;
    analyzer->log = log;
    pthread_mutex_init(&analyzer->lock, NULL);
    analyzer->verdicts = json_object();
    analyzer->metadata = metadata_cache_create(settings->n_accounts);
    analyzer->events = events_create(EVENTS_MAX_COUNT, EVENTS_MAX_BYTES, events_first_id());
    if (store_open(settings->data_dir, log, &analyzer->store, err) ||
        fetch_create(log, &analyzer->fetch, err) ||
        worker_pool_create("analyzer", settings->workers, &analyzer->pool, err) ||
        worker_pool_create("steps", STEP_THREADS, &analyzer->steps, err) ||
        notify_create(settings, analyzer->store, analyzer->fetch, log, &analyzer->notify, err) ||
        scheduler_create(analyzer_look, analyzer, &analyzer->scheduler, err)) {
        analyzer_free(analyzer);
        return err->code;
    }
    *out = analyzer;
    return ERR_OK;
}

enum err_code analyzer_failure(struct analyzer *analyzer, struct error *err)
{
    return store_failure(analyzer->store, err);
}

void analyzer_drain(struct analyzer *analyzer)
{
    atomic_store(&analyzer->is_draining, true);
}

void analyzer_leave(struct analyzer *analyzer)
{
    struct error err = {0};

    analyzer_drain(analyzer);
    if (store_leases_give_back(analyzer->store, &err))
        log_warn(analyzer->log, "leases not given back", LOG_STR("error", err.message));
}

void analyzer_free(struct analyzer *analyzer)
{
    if (!analyzer)
        return;
    analyzer_drain(analyzer);
    scheduler_stop(analyzer->scheduler);
    if (analyzer->notify)
        notify_stop(analyzer->notify);
    if (analyzer->fetch)
        fetch_stop(analyzer->fetch); /* what is under way ends as cancelled ... */
    worker_pool_stop(
        analyzer->steps); /* ... and both pools hand work to each other until the end */
    worker_pool_stop(analyzer->pool);
    worker_pool_free(analyzer->steps);
    worker_pool_free(analyzer->pool);
    notify_free(analyzer->notify);
    fetch_free(analyzer->fetch);
    scheduler_free(analyzer->scheduler);
    live_forget_all(analyzer);
    store_close(analyzer->store);
    json_decref(analyzer->verdicts);
    metadata_cache_free(analyzer->metadata);
    events_free(analyzer->events);
    pthread_mutex_destroy(&analyzer->lock);
    free(analyzer);
}
