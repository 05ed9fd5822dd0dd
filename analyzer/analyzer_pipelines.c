/* Executions of all kinds the way Kayenta's engine shows them: as pipelines of stages. We have no
 * such engine; what is shown is made from the answer that belongs to the kind. */
#include "analyzer/analyzer_state.h"
#include "base/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum err_code analyzer_pipeline_list(struct analyzer *analyzer, struct list_page page,
                                     struct arena *arena, struct str *out, struct error *err)
{
    const struct entry_page rows = {.limit = page.limit, .offset = (page.page - 1) * page.limit};
    struct stored_entry *entries;
    struct strbuf text = {0};
    size_t n_entries;

    if (store_execution_ids(analyzer->store, rows, arena, &entries, &n_entries, err))
        return err->code;
    strbuf_puts(&text, "[");
    for (size_t i = 0; i < n_entries; i++) /* ids are ours: letters and digits */
        strbuf_printf(&text, "%s\"%s\"", i ? "," : "", entries[i].id);
    strbuf_puts(&text, "]");
    *out = (struct str){arena_strndup(arena, text.bytes, text.n_bytes), text.n_bytes};
    strbuf_clear(&text);
    return ERR_OK;
}

/* --- one as a pipeline --- */

static const char *upper(const char *text, struct arena *arena)
{
    char *copy = arena_strdup(arena, text ? text : "");

    for (char *c = copy; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return copy;
}

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A stage of a canary or a comparison by its key in stageStatus. */
struct stage {
    const char *type, *name;
    json_int_t metric_index; /* -1: no query */
    const char *needs;       /* one stage, or "fetch" for all of those; NULL: none */
};

static struct stage stage_of(const char *key, const json_t *body, struct arena *arena)
{
    static const struct {
        const char *key, *type, *name, *needs;
    } known[] = {
        {"setupContext", "setupCanary", "Setup Canary", NULL},
        {"mixMetrics", "metricSetMixer", "Mix Control and Experiment Results", "fetch"},
        {"judge", "canaryJudge", "Perform Analysis", "mixMetrics"},
        {"judge-2", "canaryJudge", "Perform Analysis", "setupContext"},
        {"compareJudgeResults", "compareJudgeResults", "Compare Judge Results", "judge"},
    };
    const char *digits = key + strcspn(key, "0123456789");
    const char *store;
    long index;

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(key, known[i].key) == 0)
            return (struct stage){known[i].type, known[i].name, -1, known[i].needs};
    index = strtol(digits, NULL, 10);
    store = json_string_value(json_object_get(
        json_object_get(json_array_get(json_object_get(json_object_get(body, "config"), "metrics"),
                                       (size_t)index),
                        "query"),
        "type"));
    return (struct stage){arena_printf(arena, "%sFetch", store ? store : ""), key, index,
                          "setupContext"};
}

/* The stages it waits for, as far as this execution has them. */
static json_t *needs_of(const struct stage *stage, const json_t *stages)
{
    json_t *out = json_array();
    const char *key;
    json_t *status;

    json_object_foreach ((json_t *)stages, key, status)
        if (stage->needs && begins(key, stage->needs) &&
            (stage->needs[0] == 'f' || strcmp(key, stage->needs) == 0))
            json_array_append_new(out, json_string(key));
    return out;
}

static json_t *tasks_of(const char *type, const char *status)
{
    return json_pack("[{s:s,s:s,s:s,s:s,s:b,s:b,s:b,s:b,s:{}}]", "id", "1", "implementingClass",
                     type, "name", type, "status", status, "stageStart", 1, "stageEnd", 1,
                     "loopStart", 0, "loopEnd", 0, "taskExceptionDetails");
}

static json_t *stage_json(const char *key, const char *status, const struct stage *stage,
                          json_t *needs, json_t *context)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:o,s:o,s:o}", "id", key, "refId", key, "type",
                     stage->type, "name", stage->name, "status", status, "context", context,
                     "outputs", json_object(), "tasks", tasks_of(stage->type, status),
                     "requisiteStageRefIds", needs);
}

static void copy(json_t *to, const char *to_key, const json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);

    if (value)
        json_object_set(to, to_key, value);
}

static json_t *context_of(const struct stage *stage, const json_t *body)
{
    json_t *context = json_pack("{ss}", "user", "[anonymous]");

    copy(context, "storageAccountName", body, "storageAccountName");
    if (stage->metric_index >= 0) {
        json_object_set_new(context, "metricIndex", json_integer(stage->metric_index));
        copy(context, "metricsAccountName", body, "metricsAccountName");
    }
    return context;
}

/* stageStatus is a map of stage to status. */
static json_t *stages_from_map(const json_t *body, struct arena *arena)
{
    const json_t *stages = json_object_get(body, "stageStatus");
    bool has_shown_exception = false;
    json_t *out = json_array(), *value;
    const char *key;

    json_object_foreach ((json_t *)stages, key, value) {
        const char *status = upper(json_string_value(value), arena);
        struct stage stage = stage_of(key, body, arena);
        json_t *context = context_of(&stage, body);
        json_t *one;

        if (strcmp(status, "TERMINAL") == 0 && !has_shown_exception) {
            copy(context, "exception", body, "exception");
            has_shown_exception = true;
        }
        one = stage_json(key, status, &stage, needs_of(&stage, stages), context);
        if (strcmp(key, "mixMetrics") == 0)
            copy(json_object_get(one, "outputs"), "metricSetPairListId", body,
                 "metricSetPairListId");
        json_array_append_new(out, one);
    }
    return out;
}

/* Of an analysis it is a list of {type, name, status, executionId}, one after the other. */
static json_t *stages_from_list(const json_t *body, struct arena *arena)
{
    json_t *out = json_array(), *value;
    const char *before = NULL;
    size_t i;

    json_array_foreach (json_object_get(body, "stageStatus"), i, value) {
        const char *key = arena_printf(arena, "%zu", i);
        struct stage stage = {
            .type = json_string_value(json_object_get(value, "type")),
            .name = json_string_value(json_object_get(value, "name")),
        };
        const char *status = json_string_value(json_object_get(value, "status"));
        json_t *context = json_object(), *needs = json_array();

        copy(context, "executionId", value, "executionId");
        if (before)
            json_array_append_new(needs, json_string(before));
        if (!stage.type)
            stage.type = "";
        if (!stage.name)
            stage.name = stage.type;
        json_array_append_new(out, stage_json(key, upper(status, arena), &stage, needs, context));
        before = key;
    }
    return out;
}

static json_t *pipeline_json(const char *id, enum execution_kind kind, const json_t *body,
                             struct arena *arena)
{
    const char *application = json_string_value(json_object_get(body, "application"));
    const char *status = upper(json_string_value(json_object_get(body, "status")), arena);
    bool is_analysis = kind == EXECUTION_ANALYSIS;
    json_t *out = json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:b,s:b,s:i,s:b,s:o}", "type", "PIPELINE", "id", id, "application",
        application ? application : "", "name",
        is_analysis ? "Standalone Canary Analysis Pipeline" : "Standard Canary Pipeline", "status",
        status, "canceled", strcmp(status, "CANCELED") == 0, "limitConcurrent", 0,
        "maxConcurrentExecutions", 0, "keepWaitingPipelines", 0, "stages",
        json_is_array(json_object_get(body, "stageStatus")) ? stages_from_list(body, arena)
                                                            : stages_from_map(body, arena));

    copy(out, "buildTime", body, "buildTimeMillis");
    copy(out, "startTime", body, "startTimeMillis");
    copy(out, "endTime", body, "endTimeMillis");
    json_object_set_new(out, "authentication", json_pack("{s:[]}", "allowedAccounts"));
    json_object_set_new(out, "trigger",
                        json_pack("{s:s,s:s,s:{},s:[],s:[],s:b,s:b,s:b}", "type", "none", "user",
                                  "[anonymous]", "parameters", "artifacts", "notifications",
                                  "rebake", 0, "dryRun", 0, "strategy", 0));
    json_object_set_new(out, "pipelineConfigId",
                        json_string(arena_printf(arena, "%s-%s", application ? application : "",
                                                 is_analysis ? "standalone-canary-analysis-pipeline"
                                                             : "standard-canary-pipeline")));
    json_object_set_new(out, "notifications", json_array());
    json_object_set_new(out, "initialConfig", json_object());
    json_object_set_new(out, "systemNotifications", json_array());
    return out;
}

/* A comparison keeps no status of its own: it is stored once it has ended. */
static json_t *comparison_status(const struct stored_execution *stored)
{
    const char *status = stored->state == EXECUTION_SUCCEEDED ? "succeeded" : "terminal";

    return json_pack("{s:s,s:s,s:I,s:I,s:I,s:{s:s,s:s,s:s,s:s}}", "application",
                     stored->application, "status", status, "buildTimeMillis",
                     (json_int_t)stored->created_unix_ms, "startTimeMillis",
                     (json_int_t)stored->created_unix_ms, "endTimeMillis",
                     (json_int_t)stored->ended_unix_ms, "stageStatus", "setupContext", "succeeded",
                     "judge", status, "judge-2", status, "compareJudgeResults", status);
}

static enum err_code find(struct analyzer *analyzer, const char *id, struct arena *arena,
                          struct stored_execution *out, struct error *err)
{
    if (store_execution_get(analyzer->store, id, arena, out, err) == ERR_NOT_FOUND) {
        *err = (struct error){0};
        return error_set(err, ERR_NOT_FOUND, "No pipeline found for %s", id);
    }
    return err->code;
}

/* The answer that belongs to its kind. A new reference. */
static enum err_code status_of(struct analyzer *analyzer, const struct stored_execution *stored,
                               struct arena *arena, json_t **out, struct error *err)
{
    struct str text = stored->body;
    struct live *live;

    if (stored->kind == EXECUTION_COMPARISON) {
        *out = comparison_status(stored);
        return ERR_OK;
    }
    if (stored->state == EXECUTION_ACCEPTED && stored->kind == EXECUTION_CANARY) {
        live = live_find(analyzer, stored->id);
        if (live) {
            text = live_status(live, arena);
            live_unref(live);
        } else if (analyzer_waiting_status(stored, arena, &text, err)) {
            return err->code;
        }
    }
    return json_read(text, &json_limits_document, out, err);
}

enum err_code analyzer_pipeline_get(struct analyzer *analyzer, const char *id, struct arena *arena,
                                    struct str *out, struct error *err)
{
    struct stored_execution stored;
    json_t *body;

    if (find(analyzer, id, arena, &stored, err) || status_of(analyzer, &stored, arena, &body, err))
        return err->code;
    json_keep(body, arena);
    *out = analyzer_take_json(pipeline_json(id, stored.kind, body, arena), arena);
    return ERR_OK;
}

/* --- cancelling and deleting --- */

enum err_code analyzer_pipeline_cancel(struct analyzer *analyzer, const char *id, struct error *err)
{
    struct arena *arena = arena_create();
    struct stored_execution stored;

    if (find(analyzer, id, arena, &stored, err) == ERR_OK)
        (void)((stored.kind == EXECUTION_ANALYSIS
                    ? analyzer_analysis_cancel
                    : analyzer_execution_cancel)(analyzer, id, err) == ERR_OK);
    arena_free(arena);
    return err->code;
}

/* An analysis goes by the rows of its judgements. */
static enum err_code check_not_needed(struct analyzer *analyzer,
                                      const struct stored_execution *stored, struct arena *arena,
                                      struct error *err)
{
    struct stored_execution analysis;
    struct error not_there = {0};

    if (*stored->parent_id &&
        store_execution_get(analyzer->store, stored->parent_id, arena, &analysis, &not_there) ==
            ERR_OK &&
        analysis.state == EXECUTION_ACCEPTED)
        return error_because(err, ERR_CONFLICT, "still_running",
                             "the execution \"%s\" belongs to an analysis that has not ended",
                             stored->id);
    return ERR_OK;
}

enum err_code analyzer_pipeline_delete(struct analyzer *analyzer, const char *id, struct error *err)
{
    struct arena *arena = arena_create();
    struct stored_execution stored;

    if (find(analyzer, id, arena, &stored, err) == ERR_OK &&
        check_not_needed(analyzer, &stored, arena, err) == ERR_OK)
        (void)(store_execution_delete(analyzer->store, id, err) == ERR_OK);
    arena_free(arena);
    return err->code;
}
