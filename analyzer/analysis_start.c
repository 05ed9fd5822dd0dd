/* Accepting a stand-alone analysis: everything is checked and its plan frozen before it has an id.
 */
#include "analyzer/analysis_report.h"
#include "analyzer/analyzer_state.h"
#include "analyzer/codec/policy_json.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/json.h"

#include <math.h>
#include <string.h>

static const char *member_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* Everything that could stop judgement i is found now, before an id is given out. */
static enum err_code rehearse(struct analyzer *analyzer, const struct analysis_plan *plan, size_t i,
                              const json_t *submission, struct error *err)
{
    struct arena *arena = arena_create();
    json_t *json = json_keep(analysis_plan_request(plan, i), arena);
    struct execution_request *request;
    struct plan_accounts accounts;
    struct canary_plan *ignored;

    if (analyzer_plan_accounts(analyzer->settings, submission, arena, &accounts, err) == ERR_OK &&
        execution_request_decode(json, arena, &request, err) == ERR_OK)
        (void)(plan_build(json_object_get(submission, "canaryConfig"), request, &accounts, arena,
                          &ignored, err) == ERR_OK);
    arena_free(arena);
    return err->code;
}

/* A test that may be looked at again and again needs all data since the start each time. */
static enum err_code check_growth(const struct analysis_plan *plan, const json_t *config,
                                  struct error *err)
{
    const struct judge_type *judge;
    struct error unknown = {0}; /* found by rehearse(), too */

    if (plan->lookback_min <= 0 || judge_of_config(config, &judge, &unknown) ||
        !judge->needs_growth)
        return ERR_OK;
    error_because(err, ERR_INVALID, "bad_duration",
                  "%s needs a growing interval: set lookbackMins to 0", judge->name);
    return error_point(err, "/lookbackMins");
}

static enum err_code store_accepted(struct analyzer *analyzer, const char *id,
                                    const struct idempotency *idempotency, json_t *submission,
                                    const struct analysis_plan *plan, struct arena *arena,
                                    const char **out_id, struct error *err)
{
    const char *config_id = member_text(submission, "canaryConfigId");
    const char *config_name = member_text(json_object_get(submission, "canaryConfig"), "name");
    struct acceptance acceptance = {
        .execution = {.id = id,
                      .application = member_text(submission, "application"),
                      .account = member_text(submission, "storageAccountName"),
                      .parent_id = "",
                      .config_id = config_id ? config_id : "ad-hoc",
                      .config_name = config_name ? config_name : "",
                      .kind = EXECUTION_ANALYSIS,
                      .state = EXECUTION_ACCEPTED,
                      .created_unix_ms =
                          json_integer_value(json_object_get(submission, "buildTimeMillis")),
                      .verdict = "",
                      .score = NAN},
        .idempotency = idempotency,
    };
    int64_t now_unix_ms = clock_wall_ms();
    const struct analysis_facts facts = {.id = id,
                                         .submission = submission,
                                         .plan = plan,
                                         .status = ANALYSIS_RUNNING,
                                         .now_unix_ms = now_unix_ms};
    struct lease none;

    acceptance.execution.due_unix_ms = analysis_plan_next_unix_ms(plan, 0, now_unix_ms);
    acceptance.execution.submission = str_of(json_write_arena(submission, arena));
    acceptance.execution.body = analyzer_take_json(analysis_report(&facts), arena);
    if (store_execution_accept(analyzer->store, &acceptance, arena, out_id, &none, err) == ERR_OK) {
        if (strcmp(*out_id, id) == 0)
            analyzer_tell(analyzer, EVENT_ACCEPTED, &acceptance.execution);
        scheduler_nudge(analyzer->scheduler);
    }
    return err->code;
}

static json_t *submission_make(const struct analysis_start *start, json_t *config,
                               json_t *metric_accounts, const struct analysis_plan *plan,
                               const struct settings_account *metrics,
                               const struct settings_account *storage, int64_t now_unix_ns)
{
    const struct canary_start *canary = &start->canary;
    json_t *out = json_object();

    json_object_set_new(out, "application",
                        json_string(canary->application ? canary->application : "ad-hoc"));
    json_object_set_new(out, "user",
                        json_string(start->user && *start->user ? start->user : "anonymous"));
    json_set_text(out, "parentPipelineExecutionId", canary->parent_pipeline_execution_id);
    json_set_text(out, "canaryConfigId", canary->canary_config_id);
    json_object_set(out, "canaryConfig", config);
    if (metric_accounts)
        json_object_set_new(out, "metricAccounts", metric_accounts);
    json_object_set(out, "canaryAnalysisExecutionRequest", plan->request);
    json_object_set_new(out, "buildTimeMillis", json_integer(now_unix_ns / NS_PER_MS));
    json_object_set_new(out, "acceptedUnixNanos", json_integer(now_unix_ns));
    json_object_set_new(out, "storageAccountName", json_string(storage->name));
    json_object_set_new(out, "metricsAccountName", json_string(metrics->name));
    return out;
}

enum err_code analyzer_analysis_start(struct analyzer *analyzer, const struct analysis_start *start,
                                      struct arena *arena, const char **out_id, struct error *err)
{
    const struct canary_start *canary = &start->canary;
    const struct settings_account *metrics, *storage, *configuration = NULL;
    int64_t now_unix_ns = clock_wall_ms() * NS_PER_MS; /* Kayenta's times have milliseconds */
    struct analysis_plan plan;
    char id[ULID_BYTES];
    json_t *config, *accounts = NULL, *submission;

    if (atomic_load(&analyzer->is_draining))
        return error_because(err, ERR_BUSY, "draining", "the service is stopping; try again later");
    if (settings_account_find(analyzer->settings, canary->metrics_account, ROLE_METRICS, &metrics,
                              err) ||
        settings_account_find(analyzer->settings, canary->storage_account, ROLE_OBJECTS, &storage,
                              err) ||
        (canary->canary_config_id &&
         settings_account_find(analyzer->settings, canary->configuration_account,
                               ROLE_CONFIGURATIONS, &configuration, err)) ||
        analyzer_start_config(analyzer, canary, configuration ? configuration->name : NULL, &config,
                              &accounts, err))
        return err->code;
    json_keep(config, arena);
    if (analysis_plan_make(canary->execution_request, now_unix_ns, arena, &plan, err) ||
        check_growth(&plan, config, err)) {
        json_decref(accounts);
        return analyzer_point_into_body(err, canary);
    }
    submission = json_keep(
        submission_make(start, config, accounts, &plan, metrics, storage, now_unix_ns), arena);
    if (rehearse(analyzer, &plan, 0, submission, err) ||
        rehearse(analyzer, &plan, plan.n_judgements - 1, submission, err)) /* the longest window */
        return analyzer_point_into_body(err, canary);
    return store_accepted(analyzer, id_ulid(now_unix_ns / NS_PER_MS, id), canary->idempotency,
                          submission, &plan, arena, out_id, err);
}
