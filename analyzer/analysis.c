#include "analyzer/analysis.h"

#include "analyzer/analysis_report.h"
#include "analyzer/early_pass.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"

#include <math.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

/* An analysis as read from its row, with what has come of it so far. */
struct analysis {
    struct arena *arena;
    const struct stored_execution *row;
    json_t *submission;
    struct analysis_plan plan;
    struct analysis_judgement *judgements; /* of the plan's, those that have been begun */
    size_t n_judgements;
    bool is_early; /* it ends with a pass before its time */
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
    char *seed = arena_printf(analysis->arena, "%s/%zu", analysis->row->id, i);

    SHA256((const unsigned char *)seed, strlen(seed), hash);
    return arena_strdup(analysis->arena,
                        id_ulid_from(analysis->row->created_unix_ms + (int64_t)i, hash, id));
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

/* Every judgement of a sequential judge repeats the looks of those before it. */
static void drop_evidence(const json_t *body)
{
    const json_t *results =
        json_object_get(json_object_get(json_object_get(body, "result"), "judgeResult"), "results");
    json_t *result;
    size_t i;

    json_array_foreach (results, i, result)
        json_object_del(
            json_object_get(json_object_get(json_object_get(result, "resultMetadata"), "judge"),
                            "sequential"),
            "evidence");
}

/* A judgement that has been begun, as its row says. There may be thousands, so what each of them
 * repeats is not kept. */
static enum err_code load_judgement(struct analyzer *analyzer, struct analysis *analysis, size_t i,
                                    struct error *err)
{
    static const char *const repeated[] = {"config", "canaryExecutionRequest", "stageStatus"};
    struct analysis_judgement *judgement = &analysis->judgements[i];
    struct arena *scratch = arena_create();
    struct stored_execution row;
    json_t *body = NULL;

    if (store_execution_get(analyzer->store, judgement->execution_id, scratch, &row, err) ||
        (row.body.n_bytes && read_json(row.body, analysis->arena, &body, err)))
        goto out;
    for (size_t k = 0; body && k < ARRAY_LEN(repeated); k++)
        json_object_del(body, repeated[k]);
    if (i + 1 < analysis->n_judgements)
        drop_evidence(body);
    judgement->body = body;
    judgement->state = row.state;
    judgement->has_warning = has_few_points(analyzer, analysis, body);
    judgement->score = isnan(row.score) ? 0 : row.score;
out:
    arena_free(scratch);
    return err->code;
}

/* All judgements, for the answer once it is over. */
static enum err_code load_judgements(struct analyzer *analyzer, struct analysis *analysis,
                                     struct error *err)
{
    for (size_t i = 0; i < analysis->n_judgements && !err->code; i++)
        (void)(load_judgement(analyzer, analysis, i, err) == ERR_OK);
    return err->code;
}

/* What the row says. Judgements are taken to have passed, as all but the last of an analysis that
 * has not ended have. */
static enum err_code read_row(const struct stored_execution *row, struct arena *arena,
                              struct analysis *out, struct error *err)
{
    *out = (struct analysis){.arena = arena, .row = row, .n_judgements = row->n_steps};
    if (read_json(row->submission, arena, &out->submission, err) ||
        analysis_plan_make(
            json_object_get(out->submission, "canaryAnalysisExecutionRequest"),
            json_integer_value(json_object_get(out->submission, "acceptedUnixNanos")), arena,
            &out->plan, err))
        return err->code;
    /* one more than have been begun, for the step that begins the next */
    out->judgements = arena_array(arena, struct analysis_judgement, out->n_judgements + 1);
    for (size_t i = 0; i <= out->n_judgements; i++)
        out->judgements[i] = (struct analysis_judgement){
            .execution_id = judgement_id(out, i),
            .state = EXECUTION_SUCCEEDED,
            .score = INFINITY,
        };
    return ERR_OK;
}

static struct str report(const struct analysis *analysis, enum analysis_status status,
                         const struct error *error)
{
    struct analysis_facts facts = {
        .id = analysis->row->id,
        .submission = analysis->submission,
        .plan = &analysis->plan,
        .judgements = analysis->judgements,
        .n_judgements = analysis->n_judgements,
        .is_early = analysis->is_early,
        .status = status,
        .error = error,
        .now_unix_ms = clock_wall_ms(),
        .ended_unix_ms = clock_wall_ms(),
    };

    return analyzer_take_json(analysis_report(&facts), analysis->arena);
}

/* --- one step --- */

/* "" without a score to judge by. */
static const char *verdict_of(const struct analysis *analysis, struct analysis_verdict *out)
{
    size_t n = analysis->n_judgements;
    double *scores = arena_array(analysis->arena, double, n);
    double pass = 0;

    for (size_t i = 0; i < n; i++)
        scores[i] = analysis->judgements[i].score;
    (void)json_to_double(
        json_object_get(json_object_get(analysis->plan.request, "thresholds"), "pass"), &pass);
    *out = analysis_verdict_of(scores, n, pass, marginal_of(analysis));
    if (analysis->is_early)
        analysis_verdict_early(&analysis->plan, n, out);
    if (n == 0 || analysis->judgements[n - 1].state != EXECUTION_SUCCEEDED)
        return "";
    if (out->has_passed)
        return "pass";
    return scores[n - 1] <= marginal_of(analysis) ? "fail" : "marginal";
}

/* Why the last judgement has no verdict, or NULL. */
static const char *last_error(const struct analysis *analysis)
{
    const struct analysis_judgement *last =
        analysis->n_judgements ? &analysis->judgements[analysis->n_judgements - 1] : NULL;
    const json_t *details =
        json_object_get(json_object_get(last ? last->body : NULL, "exception"), "details");

    return json_string_value(json_array_get(json_object_get(details, "errors"), 0));
}

/* `lease` is NULL for a cancel. */
static enum err_code end(struct analyzer *analyzer, struct analysis *analysis,
                         enum analysis_status status, const struct lease *lease,
                         const struct error *why, struct error *err)
{
    struct stored_execution ended = *analysis->row;
    struct ending ending = {.execution = &ended, .lease = lease};
    char text[sizeof(why->message) + sizeof(why->context) + 4];
    size_t n = analysis->n_judgements;
    struct analysis_verdict verdict = {0};

    if (load_judgements(analyzer, analysis, err))
        return err->code;
    ended.state = status == ANALYSIS_SUCCEEDED  ? EXECUTION_SUCCEEDED
                  : status == ANALYSIS_CANCELED ? EXECUTION_CANCELLED
                                                : EXECUTION_FAILED;
    ended.ended_unix_ms = clock_wall_ms();
    ended.body = report(analysis, status, why);
    ended.verdict = status == ANALYSIS_CANCELED || why ? "" : verdict_of(analysis, &verdict);
    ended.score = *ended.verdict ? analysis->judgements[n - 1].score : NAN;
    analyzer_notify(analyzer, analysis->submission, *ended.verdict ? verdict.message : NULL,
                    why ? error_text(why, text, sizeof(text)) : last_error(analysis),
                    analysis->arena, &ending);
    if (analyzer_finish(analyzer, &ending, err) == ERR_OK) {
        analyzer_tell(analyzer, EVENT_FINISHED, &ended);
        log_info(analyzer->log, "analysis ended", LOG_STR("analysis", analysis->row->id),
                 LOG_STR("application", analysis->row->application),
                 LOG_STR("verdict", ended.verdict), LOG_I64("judgements", n));
    }
    return err->code;
}

/* Give it back until it is due. */
static enum err_code wait_until(struct analyzer *analyzer, const struct analysis *analysis,
                                const struct lease *lease, int64_t due_unix_ms, struct error *err)
{
    struct str body = report(analysis, ANALYSIS_RUNNING, NULL);

    while (store_execution_release(analyzer->store, analysis->row->id, lease, due_unix_ms, body,
                                   err) == ERR_BUSY ||
           err->code == ERR_STORAGE) {
        if (!analyzer_wait_for_store(analyzer, err))
            break;
        *err = (struct error){0};
    }
    return err->code;
}

/* Nothing is shared with the analysis: the judgement is another thread's from now on. */
static json_t *judgement_submission(const struct analysis *analysis, size_t i)
{
    static const char *const keys[] = {"application", "parentPipelineExecutionId",
                                       "storageAccountName", "metricsAccountName"};
    const char *config_id = member_text(analysis->submission, "canaryConfigId");
    const json_t *accounts = json_object_get(analysis->submission, "metricAccounts");
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
    json_object_set_new(out, "interval", json_integer((json_int_t)i + 1));
    json_object_set_new(out, "isSliding", json_boolean(analysis->plan.lookback_min > 0));
    json_object_set_new(out, "isInterim", json_boolean(i + 1 < analysis->plan.n_judgements));
    json_object_set_new(out, "canaryAnalysisExecutionId", json_string(analysis->row->id));
    if (accounts)
        json_object_set_new(out, "metricAccounts", json_deep_copy(accounts));
    return out;
}

/* The slot goes to the judgement, whatever comes of it. */
static enum err_code begin_next(struct analyzer *analyzer, struct analysis *analysis,
                                const struct lease *lease, struct error *err)
{
    size_t i = analysis->n_judgements;
    struct order order = {
        .id = analysis->judgements[i].execution_id,
        .parent_id = analysis->row->id,
        .due_unix_ms = analysis_plan_due_unix_ms(&analysis->plan, i),
        .parent_lease = lease,
        .has_slot = true,
    };
    const char *id;

    order.submission = judgement_submission(analysis, i);
    analysis->judgements[i].state = EXECUTION_ACCEPTED;
    analysis->n_judgements = i + 1;
    order.parent_body = report(analysis, ANALYSIS_RUNNING, NULL);
    analysis->n_judgements = i; /* until it is stored */
    if (analyzer_accept(analyzer, &order, analysis->arena, &id, err) == ERR_OK && i == 0)
        analyzer_tell(analyzer, EVENT_STARTED, analysis->row);
    return err->code;
}

/* The latest judgement has passed, and there is nothing left to find out. The same judgement gives
 * the same answer, whenever this is asked. */
static bool passes_early(struct analysis *analysis)
{
    size_t n = analysis->n_judgements;
    const json_t *body = n ? analysis->judgements[n - 1].body : NULL;
    struct analysis_verdict verdict;

    analysis->is_early =
        early_pass_is_due(json_object_get(analysis->submission, "canaryConfig"),
                          json_object_get(json_object_get(body, "result"), "judgeResult"),
                          (double)analysis_plan_run_min(&analysis->plan, n)) &&
        strcmp(verdict_of(analysis, &verdict), "pass") == 0;
    return analysis->is_early;
}

/* False when the claim's slot has been passed on. */
static bool take_step(struct analyzer *analyzer, struct analysis *analysis,
                      const struct lease *lease, struct error *err)
{
    size_t n = analysis->n_judgements;
    const struct analysis_judgement *last = n ? &analysis->judgements[n - 1] : NULL;
    int64_t next_unix_ms = analysis_plan_next_unix_ms(&analysis->plan, n, clock_wall_ms());

    if (last && load_judgement(analyzer, analysis, n - 1, err))
        return true;
    if (last && !analysis_judgement_passed(last, marginal_of(analysis)))
        (void)(end(analyzer, analysis, ANALYSIS_TERMINAL, lease, NULL, err) == ERR_OK);
    else if (n == analysis->plan.n_judgements || passes_early(analysis))
        (void)(end(analyzer, analysis, ANALYSIS_SUCCEEDED, lease, NULL, err) == ERR_OK);
    else if (next_unix_ms)
        (void)(wait_until(analyzer, analysis, lease, next_unix_ms, err) == ERR_OK);
    else
        return begin_next(analyzer, analysis, lease, err), false;
    return true;
}

void analysis_step(struct analyzer *analyzer, const struct claim *claim, const struct error *why)
{
    struct arena *arena = arena_create();
    struct error err = {0}, failure = {0};
    struct analysis analysis;
    bool has_slot = true;

    if (read_row(&claim->execution, arena, &analysis, &err))
        analysis.n_judgements = 0; /* nothing can be said of them */
    else if (why)
        err = *why;
    else
        has_slot = take_step(analyzer, &analysis, &claim->lease, &err);
    switch (err.code) {
    case ERR_OK:
    case ERR_CONFLICT: /* somebody ended it meanwhile */
        break;
    case ERR_BUSY:
    case ERR_STORAGE:
        if (!analyzer_wait_for_store(analyzer, &err))
            break; /* the next start goes on */
        (void)(wait_until(analyzer, &analysis, &claim->lease, DUE_AT_ONCE, &failure) == ERR_OK);
        break;
    default: /* its account is gone, say */
        if (end(analyzer, &analysis, ANALYSIS_TERMINAL, &claim->lease, &err, &failure) &&
            failure.code != ERR_CONFLICT)
            log_error(analyzer->log, "analysis could not be stored",
                      LOG_STR("analysis", claim->execution.id), LOG_STR("error", failure.message));
    }
    if (has_slot)
        slots_give(analyzer, 1);
    arena_free(arena);
}

/* --- reading and cancelling --- */

static enum err_code get(struct analyzer *analyzer, const char *id, struct arena *arena,
                         struct stored_execution *out, struct error *err)
{
    if (store_execution_get(analyzer->store, id, arena, out, err) == ERR_NOT_FOUND ||
        (!err->code && out->kind != EXECUTION_ANALYSIS)) {
        *err = (struct error){0};
        error_set(err, ERR_NOT_FOUND, "No pipeline found for %s", id);
    }
    return err->code;
}

enum err_code analyzer_analysis_get(struct analyzer *analyzer, const char *id, struct arena *arena,
                                    struct str *out, struct error *err)
{
    struct stored_execution row;

    if (get(analyzer, id, arena, &row, err) == ERR_OK)
        *out = row.body;
    return err->code;
}

/* Those that run, which may be one more than the analysis had begun when it was read. */
static void cancel_judgements(struct analyzer *analyzer, const char *id, struct arena *arena,
                              struct error *err)
{
    const struct execution_filter filter = {.parent_id = id,
                                            .states = 1u << EXECUTION_ACCEPTED,
                                            .limit = ANALYSIS_MAX_JUDGEMENTS,
                                            .is_brief = true};
    struct stored_execution *rows;
    size_t n;

    if (store_execution_list(analyzer->store, &filter, arena, &rows, &n, err) == ERR_OK)
        for (size_t i = 0; i < n && !err->code; i++)
            (void)(analyzer_execution_cancel(analyzer, rows[i].id, err) == ERR_OK);
}

enum err_code analyzer_analysis_cancel(struct analyzer *analyzer, const char *id, struct error *err)
{
    struct arena *arena = arena_create();
    struct analysis analysis;
    struct stored_execution row;

    if (get(analyzer, id, arena, &row, err) == ERR_OK && row.state == EXECUTION_ACCEPTED &&
        read_row(&row, arena, &analysis, err) == ERR_OK &&
        end(analyzer, &analysis, ANALYSIS_CANCELED, NULL, NULL, err) == ERR_CONFLICT)
        *err = (struct error){0}; /* it has just ended by itself */
    if (!err->code) /* also when the store failed in the middle of an earlier cancel */
        cancel_judgements(analyzer, id, arena, err);
    arena_free(arena);
    return err->code;
}
