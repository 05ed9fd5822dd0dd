/* Canary configs, series, accounts, and queries by hand: the calls of analyzer.h that are
 * not about executions. */
#include "analyzer/analyzer_state.h"
#include "analyzer/canary_config.h"
#include "analyzer/codec/metric_set_json.h"
#include "analyzer/codec/metric_set_pb.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/instant.h"
#include "base/json.h"

#include <semaphore.h>
#include <string.h>

#define FETCH_DEADLINE_MS 30000 /* a person is waiting */

/* --- canary configs --- */

static void set_time(json_t *config, const char *key, int64_t unix_ms)
{
    char iso_key[40], text[INSTANT_TEXT_BYTES];

    json_object_set_new(config, key, json_integer(unix_ms));
    snprintf(iso_key, sizeof(iso_key), "%sIso", key);
    json_object_set_new(config, iso_key, json_string(instant_text(unix_ms * NS_PER_MS, text)));
}

/* Fill in what the store keys by. `config` is the user's own tree, `view` what Kayenta reads of it.
 */
static void row_fill(struct stored_config *row, const char *account, const char *id,
                     const json_t *config, const json_t *view, int64_t updated_unix_ms,
                     struct arena *arena)
{
    const json_t *applications = json_object_get(view, "applications");
    const char **names = arena_array(arena, const char *, json_array_size(applications));
    json_t *application;
    size_t i;

    json_array_foreach (applications, i, application)
        names[i] = arena_strdup(arena, json_string_value(application));
    *row = (struct stored_config){
        .account = account,
        .id = id,
        .name = arena_strdup(arena, json_string_value(json_object_get(view, "name"))),
        .applications = names,
        .n_applications = json_array_size(applications),
        .updated_unix_ms = updated_unix_ms,
        .json = str_of(json_write_arena(config, arena)),
    };
}

static int64_t time_member(const json_t *view, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(view, key);

    return value ? json_integer_value(value) : otherwise;
}

/* A copy of what the user wrote, with a view of it; both refused by the same rules. */
static enum err_code config_prepare(struct analyzer *analyzer, const json_t *config,
                                    struct arena *arena, json_t **out_copy, json_t **out_view,
                                    struct error *err)
{
    if (canary_config_view(config, out_view, err))
        return err->code;
    json_keep(*out_view, arena);
    *out_copy = json_keep(json_deep_copy(config), arena);
    return canary_config_check(*out_view, analyzer->settings->metric_names_unchecked, err);
}

enum err_code analyzer_config_create(struct analyzer *analyzer, const char *account,
                                     const json_t *config, struct arena *arena, const char **out_id,
                                     struct error *err)
{
    static const char *const lists[] = {"metrics", "applications"};
    const struct settings_account *found;
    int64_t now_unix_ms = clock_wall_ms();
    int64_t created_unix_ms, updated_unix_ms;
    struct stored_config row;
    json_t *copy, *view;
    const char *id;

    if (settings_account_find(analyzer->settings, account, ROLE_CONFIGURATIONS, &found, err) ||
        config_prepare(analyzer, config, arena, &copy, &view, err))
        return err->code;
    created_unix_ms = time_member(view, "createdTimestamp", now_unix_ms);
    updated_unix_ms = time_member(view, "updatedTimestamp", created_unix_ms);
    set_time(copy, "createdTimestamp", created_unix_ms);
    set_time(copy, "updatedTimestamp", updated_unix_ms);
    id = json_string_value(json_object_get(view, "id"));
    if (!id || !*id) {
        char uuid[UUID_BYTES];

        id = id_uuid(uuid);
        json_object_set_new(copy, "id", json_string(id));
        for (size_t i = 0; i < ARRAY_LEN(lists); i++)
            if (!json_is_array(json_object_get(copy, lists[i])))
                json_object_set_new(copy, lists[i], json_array());
        if (!json_is_object(json_object_get(copy, "templates")))
            json_object_set_new(copy, "templates", json_object());
        id = json_string_value(json_object_get(copy, "id"));
    }
    row_fill(&row, found->name, id, copy, view, updated_unix_ms, arena);
    if (store_config_create(analyzer->store, &row, err))
        return err->code;
    *out_id = arena_strdup(arena, id);
    return ERR_OK;
}

/* createdTimestamp is kept when the body does not bring one. */
static void keep_created(struct analyzer *analyzer, const struct stored_config *row, json_t *copy,
                         const json_t *view, struct arena *arena)
{
    struct stored_config old;
    struct error ignored = {0};
    json_t *was = NULL;

    if (json_object_get(view, "createdTimestamp")) {
        set_time(copy, "createdTimestamp", time_member(view, "createdTimestamp", 0));
        return;
    }
    if (store_config_get(analyzer->store, row->account, row->id, arena, &old, &ignored) == ERR_OK &&
        json_read(old.json, &json_limits_document, &was, &ignored) == ERR_OK)
        set_time(copy, "createdTimestamp",
                 time_member(was, "createdTimestamp", row->updated_unix_ms));
    json_decref(was);
}

enum err_code analyzer_config_update(struct analyzer *analyzer, const char *account, const char *id,
                                     const json_t *config, struct arena *arena, const char **out_id,
                                     struct error *err)
{
    const struct settings_account *found;
    int64_t now_unix_ms = clock_wall_ms();
    struct stored_config row;
    json_t *copy, *view;
    const char *own_id;

    if (settings_account_find(analyzer->settings, account, ROLE_CONFIGURATIONS, &found, err) ||
        config_prepare(analyzer, config, arena, &copy, &view, err))
        return err->code;
    own_id = json_string_value(json_object_get(view, "id"));
    if (own_id && *own_id && strcmp(own_id, id) != 0) {
        error_because(err, ERR_INVALID, "bad_id",
                      "The canary config's id '%.64s' is not the id in the path, '%.64s'.", own_id,
                      id);
        return error_point(err, "/id");
    }
    json_object_set_new(copy, "id", json_string(id));
    row_fill(&row, found->name, id, copy, view, now_unix_ms, arena);
    keep_created(analyzer, &row, copy, view, arena);
    set_time(copy, "updatedTimestamp", now_unix_ms);
    row.json = str_of(json_write_arena(copy, arena));
    switch (store_config_update(analyzer->store, &row, err)) {
    case ERR_OK:
        *out_id = id;
        return ERR_OK;
    case ERR_NOT_FOUND: /* Kayenta answers 400 here, and its clients know that */
        *err = (struct error){0};
        return error_because(err, ERR_INVALID, "not_found", "Canary config '%.64s' does not exist.",
                             id);
    default:
        return err->code;
    }
}

enum err_code analyzer_config_delete(struct analyzer *analyzer, const char *account, const char *id,
                                     struct error *err)
{
    const struct settings_account *found;

    if (settings_account_find(analyzer->settings, account, ROLE_CONFIGURATIONS, &found, err))
        return err->code;
    if (store_config_delete(analyzer->store, found->name, id, err) == ERR_NOT_FOUND) {
        *err = (struct error){0};
        return error_because(err, ERR_INVALID, "not_found", "Canary config '%.64s' does not exist.",
                             id);
    }
    return err->code;
}

enum err_code analyzer_config_get(struct analyzer *analyzer, const char *account, const char *id,
                                  struct arena *arena, struct str *out, struct error *err)
{
    const struct settings_account *found;
    struct stored_config row;
    json_t *config, *view;

    if (settings_account_find(analyzer->settings, account, ROLE_CONFIGURATIONS, &found, err) ||
        store_config_get(analyzer->store, found->name, id, arena, &row, err) ||
        json_read(row.json, &json_limits_document, &config, err))
        return err->code;
    json_keep(config, arena);
    if (canary_config_view(config, &view, err))
        return err->code;
    *out = analyzer_take_json(view, arena);
    return ERR_OK;
}

enum err_code analyzer_config_list(struct analyzer *analyzer, const char *account,
                                   const char *const *applications, size_t n_applications,
                                   struct arena *arena, struct str *out, struct error *err)
{
    const struct settings_account *found;
    struct stored_config *rows;
    char text[INSTANT_TEXT_BYTES];
    size_t n_rows;
    json_t *list;

    if (settings_account_find(analyzer->settings, account, ROLE_CONFIGURATIONS, &found, err) ||
        store_config_list(analyzer->store, found->name, applications, n_applications, arena, &rows,
                          &n_rows, err))
        return err->code;
    list = json_array();
    for (size_t i = 0; i < n_rows; i++) {
        json_t *names = json_array();

        for (size_t a = 0; a < rows[i].n_applications; a++)
            json_array_append_new(names, json_string(rows[i].applications[a]));
        json_array_append_new(list,
                              json_pack("{sssssIssso}", "id", rows[i].id, "name", rows[i].name,
                                        "updatedTimestamp", (json_int_t)rows[i].updated_unix_ms,
                                        "updatedTimestampIso",
                                        instant_text(rows[i].updated_unix_ms * NS_PER_MS, text),
                                        "applications", names));
    }
    *out = analyzer_take_json(list, arena);
    return ERR_OK;
}

/* --- series --- */

static json_t *stored_sets_json(const struct stored_set *sets, size_t n_sets)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n_sets; i++)
        json_array_append_new(list, metric_set_json(&sets[i].set));
    return list;
}

enum err_code analyzer_series_get(struct analyzer *analyzer, enum series_kind kind,
                                  const char *account, const char *id, struct arena *arena,
                                  struct str *out, struct error *err)
{
    const struct settings_account *storage;
    struct stored_series series;

    if (settings_account_find(analyzer->settings, account, ROLE_OBJECTS, &storage, err) ||
        store_series_get(analyzer->store, kind, storage->name, id, arena, &series, err))
        return err->code;
    if (kind == SERIES_METRIC_SETS) {
        struct stored_set *sets;
        size_t n_sets;

        if (metric_sets_decode(series.payload, arena, &sets, &n_sets, err) == ERR_OK)
            *out = analyzer_take_json(stored_sets_json(sets, n_sets), arena);
    } else {
        struct metric_pair *pairs;
        size_t n_pairs;

        if (metric_pairs_decode(series.payload, arena, &pairs, &n_pairs, err) == ERR_OK)
            *out = analyzer_take_json(metric_pairs_json(pairs, n_pairs), arena);
    }
    return err->code;
}

/* --- accounts --- */

enum err_code analyzer_credentials(struct analyzer *analyzer, struct arena *arena, struct str *out,
                                   struct error *err)
{
    static const struct {
        enum account_role role;
        const char *name;
    } roles[] = {
        {ROLE_METRICS, "METRICS_STORE"},
        {ROLE_OBJECTS, "OBJECT_STORE"},
        {ROLE_CONFIGURATIONS, "CONFIGURATION_STORE"},
    };
    const struct settings *settings = analyzer->settings;
    json_t *list = json_array();

    (void)err;
    for (size_t i = 0; i < settings->n_accounts; i++) {
        const struct settings_account *account = &settings->accounts[i];
        const struct account *metrics = account->metrics;
        json_t *types = json_array();
        json_t *one = json_object();

        for (size_t r = 0; r < ARRAY_LEN(roles); r++)
            if (account->roles & roles[r].role)
                json_array_append_new(types, json_string(roles[r].name));
        json_object_set_new(one, "name", json_string(account->name));
        json_object_set_new(one, "type", json_string(account->type));
        json_object_set_new(one, "supportedTypes", types);
        json_object_set_new(one, "locations",
                            metrics && metrics->locations ? json_deep_copy(metrics->locations)
                                                          : json_array());
        json_object_set_new(one, "recommendedLocations",
                            metrics && metrics->recommended_locations
                                ? json_deep_copy(metrics->recommended_locations)
                                : json_array());
        if (account->shown)
            json_object_update(one, (json_t *)account->shown);
        json_array_append_new(list, one);
    }
    *out = analyzer_take_json(list, arena);
    return ERR_OK;
}

/* --- queries by hand --- */

static void wake(struct query_run *run)
{
    sem_post(run->ctx);
}

static enum err_code fetch_prepare(const struct fetch_query *query,
                                   const struct settings_account *account, struct plan_query *plan,
                                   struct arena *arena, struct error *err)
{
    if (!account->metrics || strcmp(account->metrics->type, query->store) != 0)
        return error_because(err, ERR_INVALID, "bad_query_type",
                             "Account '%s' is of type %s, but a %s account is needed. One common "
                             "cause is having several METRICS_STORE accounts and naming none in "
                             "the request.",
                             account->name, account->type, query->store);
    plan->account = account->metrics;
    plan->collector = collector_find(query->store);
    plan->query.metric_name = query->metric_set_name;
    plan->query.config = query->query;
    plan->query.templates = query->templates;
    if (scope_decode(query->scope, arena, &plan->query.scope, err))
        return err->code;
    /* A dry run asks for the text alone, which has no times in it. */
    if (!query->is_dry_run && plan_check_window(plan, err))
        return err->code;
    return plan->collector->query_text(plan->account, &plan->query, arena, &plan->text, err);
}

static enum err_code store_sets(struct analyzer *analyzer, const char *account,
                                const struct metric_set_list *list, struct arena *arena,
                                struct str *out, struct error *err)
{
    struct stored_set *sets = arena_array(arena, struct stored_set, list->n_sets);
    struct strbuf payload = {0};
    struct stored_series series = {
        .kind = SERIES_METRIC_SETS,
        .account = account,
        .updated_unix_ms = clock_wall_ms(),
    };
    char uuid[UUID_BYTES];

    for (size_t i = 0; i < list->n_sets; i++)
        sets[i].set = list->sets[i];
    metric_sets_encode(sets, list->n_sets, &payload);
    series.id = id_uuid(uuid);
    series.payload = strbuf_view(&payload);
    if (store_series_put(analyzer->store, &series, err) == ERR_OK)
        *out = analyzer_take_json(json_pack("{ss}", "metricSetListId", uuid), arena);
    strbuf_clear(&payload);
    return err->code;
}

enum err_code analyzer_fetch(struct analyzer *analyzer, const struct fetch_query *query,
                             struct arena *arena, struct str *out, struct error *err)
{
    const struct settings_account *metrics, *storage;
    struct plan_query plan = {0};
    struct query_run run = {
        .plan = &plan,
        .fetch = analyzer->fetch,
        .pool = analyzer->pool,
        .deadline_mono_ms = clock_mono_ms() + FETCH_DEADLINE_MS,
        .on_end = wake,
    };
    sem_t ended;

    if (settings_account_find(analyzer->settings, query->metrics_account, ROLE_METRICS, &metrics,
                              err) ||
        settings_account_find(analyzer->settings, query->storage_account, ROLE_OBJECTS, &storage,
                              err) ||
        fetch_prepare(query, metrics, &plan, arena, err))
        return err->code;
    if (query->is_dry_run) {
        *out = analyzer_take_json(
            json_pack("{ss}", "query", account_mask(plan.account, plan.text, arena)), arena);
        return ERR_OK;
    }
    sem_init(&ended, 0, 0);
    run.ctx = &ended;
    query_run_start(&run);
    while (sem_wait(&ended) != 0)
        ; /* interrupted by a signal */
    sem_destroy(&ended);
    if (run.error.code)
        *err = run.error;
    else
        (void)(store_sets(analyzer, storage->name, &run.sets, arena, out, err) == ERR_OK);
    query_run_clear(&run);
    return err->code;
}

enum err_code analyzer_ready(struct analyzer *analyzer, struct error *err)
{
    if (atomic_load(&analyzer->is_draining))
        return error_because(err, ERR_BUSY, "draining", "the service is stopping");
    return store_check(analyzer->store, err);
}
