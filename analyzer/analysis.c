#include "analyzer/analysis.h"

#include "analyzer/analysis_report.h"
#include "analyzer/canary_config.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 1000 /* when a judgement could not be stored for lack of room */

/* An analysis as read from its row, with what has come of it so far. */
struct analysis {
    struct arena *arena;
    struct stored_execution row;
    json_t *submission;
    struct analysis_plan plan;
    struct analysis_judgement *judgements; /* the first n_judgements of the plan's */
    size_t n_judgements;
};

static const char *member_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static double marginal_of(const struct analysis *analysis)
{
    double marginal = 0;

    (void)json_to_double(
        json_object_get(json_object_get(analysis->plan.request, "thresholds"), "marginal"),
        &marginal);
    return marginal;
}

/* The id of judgement i follows from the analysis' own, so that starting it again finds it there.
 */
static const char *judgement_id(const struct analysis *analysis, size_t i)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    char id[ULID_BYTES];
    char *seed = arena_printf(analysis->arena, "%s/%zu", analysis->row.id, i);

    SHA256((const unsigned char *)seed, strlen(seed), hash);
    return arena_strdup(analysis->arena,
                        id_ulid_from(analysis->row.created_unix_ms + (int64_t)i, hash, id));
}

/* --- reading --- */

static bool has_few_points(const struct analyzer *analyzer, const struct analysis *analysis,
                           const json_t *body)
{
    const json_t *results =
        json_object_get(json_object_get(json_object_get(body, "result"), "judgeResult"), "results");
    const struct settings_account *account;
    struct error ignored = {0};
    json_t *result;
    size_t i;

    if (settings_account_find(analyzer->settings,
                              member_text(analysis->submission, "metricsAccountName"), ROLE_METRICS,
                              &account, &ignored) == ERR_OK &&
        strcmp(account->type, "datadog") == 0)
        return false; /* its points are already sums over longer times */
    json_array_foreach (results, i, result) {
        const json_t *stats = json_object_get(json_object_get(result, "controlMetadata"), "stats");

        if (json_integer_value(json_object_get(stats, "count")) < (json_int_t)JUDGEMENT_FEW_POINTS)
            return true;
    }
    return false;
}

static enum err_code read_json(struct str text, struct arena *arena, json_t **out,
                               struct error *err)
{
    if (json_read(text, &json_limits_document, out, err) == ERR_OK)
        json_keep(*out, arena);
    return err->code;
}

/* The next judgement of the list, or ERR_NOT_FOUND when it has not been started. */
static enum err_code load_judgement(struct analyzer *analyzer, struct analysis *analysis,
                                    struct error *err)
{
    struct analysis_judgement *judgement = &analysis->judgements[analysis->n_judgements];
    struct stored_execution row;
    json_t *submission, *body = NULL;

    judgement->execution_id = judgement_id(analysis, analysis->n_judgements);
    if (store_execution_get(analyzer->store, judgement->execution_id, analysis->arena, &row, err) ||
        read_json(row.submission, analysis->arena, &submission, err) ||
        (row.body.n_bytes && read_json(row.body, analysis->arena, &body, err)))
        return err->code;
    judgement->submission = submission;
    judgement->body = body;
    judgement->state = row.state;
    judgement->has_warning = has_few_points(analyzer, analysis, body);
    judgement->score = json_number_value(json_object_get(
        json_object_get(json_object_get(json_object_get(body, "result"), "judgeResult"), "score"),
        "score"));
    analysis->n_judgements++;
    return ERR_OK;
}

static enum err_code load(struct analyzer *analyzer, const char *id, struct arena *arena,
                          struct analysis *out, struct error *err)
{
    json_t *request;

    out->arena = arena;
    if (store_execution_get(analyzer->store, id, arena, &out->row, err))
        return err->code;
    if (out->row.kind != EXECUTION_ANALYSIS)
        return error_set(err, ERR_NOT_FOUND, "No pipeline found for %s", id);
    if (out->row.state != EXECUTION_ACCEPTED)
        return ERR_OK; /* its answer stands in the row */
    if (read_json(out->row.submission, arena, &out->submission, err))
        return err->code;
    request = json_object_get(out->submission, "canaryAnalysisExecutionRequest");
    if (analysis_plan_make(
            request, json_integer_value(json_object_get(out->submission, "acceptedUnixNanos")),
            arena, &out->plan, err))
        return err->code;
    out->judgements = arena_array(arena, struct analysis_judgement, out->plan.n_judgements);
    while (out->n_judgements < out->plan.n_judgements) {
        struct error missing = {0};

        switch (load_judgement(analyzer, out, &missing)) {
        case ERR_OK:
            break;
        case ERR_NOT_FOUND:
            return ERR_OK;
        default:
            *err = missing;
            return err->code;
        }
    }
    return ERR_OK;
}

static struct str report(const struct analysis *analysis, enum analysis_status status,
                         const struct error *error)
{
    struct analysis_facts facts = {
        .id = analysis->row.id,
        .submission = analysis->submission,
        .plan = &analysis->plan,
        .judgements = analysis->judgements,
        .n_judgements = analysis->n_judgements,
        .status = status,
        .error = error,
        .now_unix_ms = clock_wall_ms(),
        .ended_unix_ms = clock_wall_ms(),
    };

    return analyzer_take_json(analysis_report(&facts), analysis->arena);
}

/* --- one step --- */

static enum err_code end(struct analyzer *analyzer, const struct analysis *analysis,
                         enum analysis_status status, const struct error *why, struct error *err)
{
    struct stored_execution ended = analysis->row;

    ended.state = status == ANALYSIS_SUCCEEDED  ? EXECUTION_SUCCEEDED
                  : status == ANALYSIS_CANCELED ? EXECUTION_CANCELLED
                                                : EXECUTION_FAILED;
    ended.ended_unix_ms = clock_wall_ms();
    ended.body = report(analysis, status, why);
    if (store_execution_finish(analyzer->store, &ended, NULL, 0, err) == ERR_OK)
        log_info(analyzer->log, "analysis ended", LOG_STR("analysis", analysis->row.id),
                 LOG_STR("application", analysis->row.application),
                 LOG_I64("judgements", analysis->n_judgements));
    return err->code;
}

static json_t *judgement_submission(const struct analysis *analysis, size_t i)
{
    static const char *const keys[] = {"application", "parentPipelineExecutionId",
                                       "storageAccountName", "metricsAccountName"};
    const char *config_id = member_text(analysis->submission, "canaryConfigId");
    json_t *out = json_object();
    char uuid[UUID_BYTES];

    for (size_t k = 0; k < ARRAY_LEN(keys); k++)
        json_set_text(out, keys[k], member_text(analysis->submission, keys[k]));
    json_object_set_new(out, "canaryConfigId", json_string(config_id ? config_id : "ad-hoc"));
    json_object_set_new(out, "config",
                        json_deep_copy(json_object_get(analysis->submission, "canaryConfig")));
    json_object_set_new(out, "canaryExecutionRequest", analysis_plan_request(&analysis->plan, i));
    json_object_set_new(out, "metricSetListId", json_string(id_uuid(uuid)));
    json_object_set_new(out, "metricSetPairListId", json_string(id_uuid(uuid)));
    json_object_set_new(out, "buildTimeMillis", json_integer(clock_wall_ms()));
    json_object_set_new(out, "analysisId", json_string(analysis->row.id));
    return out;
}

static void start_next(struct analyzer *analyzer, const struct analysis *analysis)
{
    size_t i = analysis->n_judgements;
    struct error err = {0}, failure = {0};

    switch (analyzer_accept(analyzer, judgement_id(analysis, i), judgement_submission(analysis, i),
                            &err)) {
    case ERR_OK:
    case ERR_CONFLICT: /* another step was faster */
        return;
    case ERR_BUSY:
    case ERR_STORAGE:
        scheduler_add(analyzer->scheduler, clock_wall_ms() + RETRY_MS, analysis->row.id);
        return;
    default: /* its account is gone, say */
        if (end(analyzer, analysis, ANALYSIS_TERMINAL, &err, &failure))
            log_error(analyzer->log, "analysis could not be stored",
                      LOG_STR("analysis", analysis->row.id), LOG_STR("error", failure.message));
    }
}

static void take_step(struct analyzer *analyzer, const struct analysis *analysis)
{
    size_t n = analysis->n_judgements;
    const struct analysis_judgement *last = n ? &analysis->judgements[n - 1] : NULL;
    struct error err = {0};
    int64_t due_unix_ms;

    if (analysis->row.state != EXECUTION_ACCEPTED || (last && last->state == EXECUTION_ACCEPTED))
        return; /* over, or waiting for the judgement that runs */
    if (last && !analysis_judgement_passed(last, marginal_of(analysis))) {
        (void)(end(analyzer, analysis, ANALYSIS_TERMINAL, NULL, &err) == ERR_OK);
    } else if (n == analysis->plan.n_judgements) {
        (void)(end(analyzer, analysis, ANALYSIS_SUCCEEDED, NULL, &err) == ERR_OK);
    } else {
        due_unix_ms = analysis_plan_due_unix_ms(&analysis->plan, n);
        if (due_unix_ms > clock_wall_ms())
            scheduler_add(analyzer->scheduler, due_unix_ms, analysis->row.id);
        else
            start_next(analyzer, analysis);
    }
    if (err.code && err.code != ERR_CONFLICT) /* conflict: somebody ended it already */
        scheduler_add(analyzer->scheduler, clock_wall_ms() + RETRY_MS, analysis->row.id);
}

struct step {
    struct analyzer *analyzer;
    char id[ULID_BYTES];
};

static void step_job(void *ctx)
{
    struct step *step = ctx;
    struct arena *arena = arena_create();
    struct analysis analysis = {0};
    struct error err = {0};

    if (!atomic_load(&step->analyzer->is_draining)) {
        if (load(step->analyzer, step->id, arena, &analysis, &err)) {
            log_error(step->analyzer->log, "analysis could not be read",
                      LOG_STR("analysis", step->id), LOG_STR("error", err.message));
            if (err.code == ERR_BUSY || err.code == ERR_STORAGE)
                scheduler_add(step->analyzer->scheduler, clock_wall_ms() + RETRY_MS, step->id);
        } else {
            take_step(step->analyzer, &analysis);
        }
    }
    arena_free(arena);
    free(step);
}

void analysis_wake(struct analyzer *analyzer, const char *id)
{
    struct step *step = mem_alloc(1, sizeof(*step));

    step->analyzer = analyzer;
    snprintf(step->id, sizeof(step->id), "%s", id);
    worker_pool_submit(analyzer->pool, step_job, step);
}

void analysis_due(void *ctx, const char *id)
{
    analysis_wake(ctx, id);
}

enum err_code analysis_recover(struct analyzer *analyzer, struct error *err)
{
    const struct execution_filter filter = {
        .kind = EXECUTION_ANALYSIS, .states = 1u << EXECUTION_ACCEPTED, .limit = SIZE_MAX};
    struct arena *arena = arena_create();
    struct stored_execution *rows;
    size_t n_rows;

    if (store_execution_list(analyzer->store, &filter, arena, &rows, &n_rows, err) == ERR_OK)
        for (size_t i = n_rows; i > 0; i--) /* the list is newest first */
            analysis_wake(analyzer, rows[i - 1].id);
    arena_free(arena);
    return err->code;
}

/* --- what the API calls --- */

/* Everything that could stop judgement i is found now, before an id is given out. */
static enum err_code rehearse(const struct analysis_plan *plan, size_t i, json_t *config,
                              const struct settings_account *metrics, struct error *err)
{
    struct arena *arena = arena_create();
    json_t *json = json_keep(analysis_plan_request(plan, i), arena);
    struct execution_request *request;
    struct canary_plan *ignored;

    if (!metrics->metrics)
        error_because(err, ERR_INVALID, "account_unsupported",
                      "Account '%s' is of type %s, which this build cannot query.", metrics->name,
                      metrics->type);
    else if (execution_request_decode(json, arena, &request, err) == ERR_OK)
        (void)(plan_build(config, request, metrics->metrics, arena, &ignored, err) == ERR_OK);
    arena_free(arena);
    return err->code;
}

static enum err_code store_accepted(struct analyzer *analyzer, const char *id, const char *account,
                                    const json_t *submission, struct error *err)
{
    struct strbuf text = {0};
    struct stored_execution row = {
        .id = id,
        .application = member_text(submission, "application"),
        .account = account,
        .kind = EXECUTION_ANALYSIS,
        .state = EXECUTION_ACCEPTED,
        .created_unix_ms = json_integer_value(json_object_get(submission, "buildTimeMillis")),
    };

    json_write(submission, &text);
    row.submission = strbuf_view(&text);
    (void)(store_execution_accept(analyzer->store, &row, err) == ERR_OK);
    strbuf_clear(&text);
    return err->code;
}

static json_t *submission_make(const struct analysis_start *start, json_t *config,
                               const struct analysis_plan *plan,
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
    json_t *config;

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
                              err))
        return err->code;
    json_keep(config, arena);
    if (analysis_plan_make(canary->execution_request, now_unix_ns, arena, &plan, err) ||
        rehearse(&plan, 0, config, metrics, err) ||
        rehearse(&plan, plan.n_judgements - 1, config, metrics, err) || /* the longest window */
        store_accepted(
            analyzer, id_ulid(now_unix_ns / NS_PER_MS, id), storage->name,
            json_keep(submission_make(start, config, &plan, metrics, storage, now_unix_ns), arena),
            err))
        return err->code;
    *out_id = arena_strdup(arena, id);
    analysis_wake(analyzer, id);
    return ERR_OK;
}

enum err_code analyzer_analysis_get(struct analyzer *analyzer, const char *id, struct arena *arena,
                                    struct str *out, struct error *err)
{
    struct analysis analysis = {0};

    if (load(analyzer, id, arena, &analysis, err) == ERR_NOT_FOUND) {
        *err = (struct error){0};
        return error_set(err, ERR_NOT_FOUND, "No pipeline found for %s", id);
    }
    if (!err->code)
        *out = analysis.row.state == EXECUTION_ACCEPTED ? report(&analysis, ANALYSIS_RUNNING, NULL)
                                                        : analysis.row.body;
    return err->code;
}

enum err_code analyzer_analysis_cancel(struct analyzer *analyzer, const char *id, struct error *err)
{
    struct arena *arena = arena_create();
    struct analysis analysis = {0};

    if (load(analyzer, id, arena, &analysis, err) == ERR_OK &&
        analysis.row.state == EXECUTION_ACCEPTED) {
        size_t n = analysis.n_judgements;

        if (end(analyzer, &analysis, ANALYSIS_CANCELED, NULL, err) == ERR_CONFLICT)
            *err = (struct error){0}; /* it has just ended by itself */
        else if (!err->code && n && analysis.judgements[n - 1].state == EXECUTION_ACCEPTED)
            (void)(analyzer_execution_cancel(analyzer, analysis.judgements[n - 1].execution_id,
                                             err) == ERR_OK);
    }
    arena_free(arena);
    return err->code;
}
