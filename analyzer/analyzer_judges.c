/* Judging by hand: a stored list of pairs by a stored config, once or by two judges. Takes as long
 * as the arithmetic takes, on the caller's thread, which also waits for a remote judge. */
#include "analyzer/analyzer_state.h"
#include "analyzer/canary_config.h"
#include "analyzer/codec/judge_result_json.h"
#include "analyzer/codec/policy_json.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"

#include <math.h>

#define MAX_REMOTE_WAITS 2u      /* of the HTTP threads, at a time */
#define REMOTE_DEADLINE_MS 25000 /* who waits is an HTTP client, for 30 s at most */

enum err_code analyzer_judges(struct analyzer *analyzer, struct arena *arena, struct str *out,
                              struct error *err)
{
    size_t n_judges;
    const struct judge_type *const *judges = judge_list(&n_judges);
    json_t *list = json_array();

    (void)err;
    for (size_t i = 0; i < n_judges; i++)
        json_array_append_new(
            list, json_pack("{sssb}", "name", judges[i]->name, "visible", judges[i]->is_visible));
    if (analyzer->settings->remote_judge)
        json_array_append_new(list, json_pack("{sssb}", "name", judge_remote.name, "visible",
                                              judge_remote.is_visible));
    *out = analyzer_take_json(list, arena);
    return ERR_OK;
}

/* What both calls work on. All of it lives in the caller's arena. */
struct material {
    json_t *config, *thresholds;
    struct metric_pair *pairs;
    size_t n_pairs;
    const char *account; /* the storage account */
    int64_t deadline_mono_ms;
};

static enum err_code load(struct analyzer *analyzer, const struct judge_request *request,
                          struct arena *arena, struct material *out, struct error *err)
{
    const struct settings_account *configuration, *storage;
    struct stored_series series;
    struct stored_config stored;
    json_t *config;

    if (settings_account_find(analyzer->settings, request->configuration_account,
                              ROLE_CONFIGURATIONS, &configuration, err) ||
        settings_account_find(analyzer->settings, request->storage_account, ROLE_OBJECTS, &storage,
                              err) ||
        store_config_get(analyzer->store, configuration->name, request->canary_config_id, arena,
                         &stored, err) ||
        json_read(stored.json, &json_limits_document, &config, err))
        return err->code;
    json_keep(config, arena);
    if (canary_config_view(config, &out->config, err))
        return err->code;
    json_keep(out->config, arena);
    out->thresholds = json_keep(
        json_pack("{s:f,s:f}", "pass", request->pass, "marginal", request->marginal), arena);
    out->account = storage->name;
    out->deadline_mono_ms = clock_mono_ms() + REMOTE_DEADLINE_MS;
    if (store_series_get(analyzer->store, SERIES_METRIC_SET_PAIRS, storage->name,
                         request->metric_set_pair_list_id, arena, &series, err))
        return err->code;
    return metric_pairs_decode(series.payload, arena, &out->pairs, &out->n_pairs, err);
}

/* The config with another judge in it; NULL: as it is. */
static json_t *config_with(const json_t *config, const char *judge_name, struct arena *arena)
{
    json_t *out = json_keep(json_copy((json_t *)config), arena);

    if (judge_name) {
        json_t *judge = json_copy(json_object_get(config, "judge"));

        if (!judge)
            judge = json_object();
        json_object_set_new(judge, "name", json_string(judge_name));
        json_object_set_new(out, "judge", judge);
    }
    return out;
}

/* The config's judge, and that it can be asked. */
static enum err_code find_judge(const struct analyzer *analyzer, const json_t *config,
                                const struct judge_type **out, struct error *err)
{
    if (judge_of_config(config, out, err) == ERR_OK && judge_is_remote(*out) &&
        !analyzer->settings->remote_judge)
        error_set(err, ERR_INVALID,
                  "Unable to resolve canary judge '" REMOTE_JUDGE_NAME "'. " REMOTE_JUDGE_NEEDS);
    return err->code;
}

static enum err_code ask_remote(struct analyzer *analyzer, const struct material *material,
                                const json_t *config, struct arena *arena,
                                struct judgement *judgement, struct error *err)
{
    const struct remote_judging question = {.account = analyzer->settings->remote_judge,
                                            .fetch = analyzer->fetch,
                                            .pool = analyzer->pool,
                                            .config = config,
                                            .thresholds = material->thresholds,
                                            .judgement = judgement,
                                            .arena = arena,
                                            .deadline_mono_ms = material->deadline_mono_ms,
                                            .is_cancelled = &analyzer->is_draining};

    if (atomic_fetch_add(&analyzer->n_remote_waits, 1) >= MAX_REMOTE_WAITS)
        error_because(err, ERR_BUSY, "overloaded",
                      "%u calls wait for the remote judge already; try again later",
                      MAX_REMOTE_WAITS);
    else
        (void)(remote_judge_await(&question, err) == ERR_OK);
    atomic_fetch_sub(&analyzer->n_remote_waits, 1);
    return err->code;
}

/* A new reference, or NULL with `err` set. */
static json_t *judge_one(struct analyzer *analyzer, const struct material *material,
                         const json_t *config, struct arena *arena, struct error *err)
{
    struct judgement judgement = {.pairs = material->pairs, .n_pairs = material->n_pairs};
    const struct judge_type *judge;

    if (find_judge(analyzer, config, &judge, err) ||
        (judge_is_remote(judge)
             ? ask_remote(analyzer, material, config, arena, &judgement, err)
             : judgement_judge(config, material->thresholds, arena, &judgement, err)))
        return NULL;
    return judge_result_json(&judgement.result);
}

enum err_code analyzer_judge(struct analyzer *analyzer, const struct judge_request *request,
                             struct arena *arena, struct str *out, struct error *err)
{
    struct material material;
    json_t *result;

    if (load(analyzer, request, arena, &material, err))
        return err->code;
    result = judge_one(analyzer, &material, material.config, arena, err);
    if (result)
        *out = analyzer_take_json(result, arena);
    return err->code;
}

/* --- comparisons --- */

/* Both judges, one after the other: {"comparisonResult": ...}, or {"exceptions": ...} of those that
 * failed. */
static json_t *compare(struct analyzer *analyzer, const struct material *material,
                       json_t *const configs[2], struct arena *arena, bool *out_has_failed)
{
    static const char *const stages[] = {"judge", "judge-2"};
    static const char *const members[] = {"judge1Result", "judge2Result"};
    json_t *results = json_object(), *exceptions = json_object();

    for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
        struct error err = {0};
        json_t *result = judge_one(analyzer, material, configs[i], arena, &err);

        if (result)
            json_object_set_new(results, members[i], result);
        else
            json_object_set_new(exceptions, stages[i],
                                report_exception(&err, "canaryJudge", NULL, clock_wall_ms()));
    }
    *out_has_failed = json_object_size(exceptions) > 0;
    if (*out_has_failed) {
        json_decref(results);
        return json_pack("{s:o}", "exceptions", exceptions);
    }
    json_decref(exceptions);
    return json_pack("{s:o}", "comparisonResult", results);
}

static json_t *submission_of(const struct judge_request *request)
{
    json_t *out = json_object();

    json_set_text(out, "canaryConfigId", request->canary_config_id);
    json_set_text(out, "metricSetPairListId", request->metric_set_pair_list_id);
    json_object_set_new(out, "passThreshold", json_real(request->pass));
    json_object_set_new(out, "marginalThreshold", json_real(request->marginal));
    json_set_text(out, "overrideCanaryJudge1", request->judges[0]);
    json_set_text(out, "overrideCanaryJudge2", request->judges[1]);
    return out;
}

enum err_code analyzer_compare(struct analyzer *analyzer, const struct judge_request *request,
                               struct arena *arena, const char **out_id, struct error *err)
{
    struct acceptance acceptance = {
        .execution = {.application = "judge-comparison",
                      .parent_id = "",
                      .config_id = request->canary_config_id,
                      .config_name = "",
                      .kind = EXECUTION_COMPARISON,
                      .created_unix_ms = clock_wall_ms(),
                      .verdict = "",
                      .score = NAN,
                      .submission = analyzer_take_json(submission_of(request), arena)},
    };
    struct stored_execution *execution = &acceptance.execution;
    struct lease none;
    const struct judge_type *judge;
    struct material material;
    json_t *configs[2];
    char id[ULID_BYTES];
    bool has_failed;

    if (atomic_load(&analyzer->is_draining))
        return error_because(err, ERR_BUSY, "draining", "the service is stopping; try again later");
    if (load(analyzer, request, arena, &material, err))
        return err->code;
    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        configs[i] = config_with(material.config, request->judges[i], arena);
        if (find_judge(analyzer, configs[i], &judge, err))
            return err->code;
    }
    execution->id = arena_strdup(arena, id_ulid(execution->created_unix_ms, id));
    execution->account = material.account;
    execution->body =
        analyzer_take_json(compare(analyzer, &material, configs, arena, &has_failed), arena);
    execution->state = has_failed ? EXECUTION_FAILED : EXECUTION_SUCCEEDED;
    execution->ended_unix_ms = clock_wall_ms();
    if (store_execution_accept(analyzer->store, &acceptance, arena, out_id, &none, err) == ERR_OK)
        analyzer_tell(analyzer, EVENT_FINISHED, execution);
    return err->code;
}

enum err_code analyzer_comparison_get(struct analyzer *analyzer, const char *id,
                                      struct arena *arena, struct str *out, struct error *err)
{
    struct stored_execution stored;

    if (store_execution_get(analyzer->store, id, arena, &stored, err) == ERR_NOT_FOUND) {
        *err = (struct error){0};
        return error_set(err, ERR_NOT_FOUND, "No pipeline found for %s", id);
    }
    if (err->code)
        return err->code;
    if (stored.kind != EXECUTION_COMPARISON)
        return error_because(err, ERR_INVALID, "not_a_comparison",
                             "Unable to find StageExecution 'compareJudgeResults' in pipeline ID "
                             "'%.64s'",
                             id);
    *out = stored.body;
    return ERR_OK;
}
