#include "analyzer/analysis_report.h"

#include "base/arena.h"
#include "base/instant.h"
#include "base/json.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define FEW_POINTS_WARNING                                                                         \
    "One of the metrics returned fewer than 50 data points, which can reduce confidence in the "   \
    "final canary score."

static const char *status_name(enum analysis_status status)
{
    static const char *const names[] = {
        [ANALYSIS_RUNNING] = "RUNNING",
        [ANALYSIS_SUCCEEDED] = "SUCCEEDED",
        [ANALYSIS_TERMINAL] = "TERMINAL",
        [ANALYSIS_CANCELED] = "CANCELED",
    };

    return names[status];
}

static double threshold(const struct analysis_facts *facts, const char *name)
{
    double value = 0;

    (void)json_to_double(json_object_get(json_object_get(facts->plan->request, "thresholds"), name),
                         &value);
    return value;
}

bool analysis_judgement_passed(const struct analysis_judgement *judgement, double marginal)
{
    return judgement->state == EXECUTION_SUCCEEDED && judgement->score > marginal;
}

/* --- stages --- */

static void add_stage(json_t *stages, const char *type, const char *name, const char *status,
                      const char *execution_id)
{
    json_array_append_new(stages, json_pack("{ssssssss*}", "type", type, "name", name, "status",
                                            status, "executionId", execution_id));
}

/* What a stage is called that is under way while the whole is in `status`. */
static const char *current_status(const struct analysis_facts *facts)
{
    return facts->status == ANALYSIS_RUNNING ? "RUNNING" : status_name(facts->status);
}

static const char *judgement_status(const struct analysis_facts *facts, size_t i)
{
    const struct analysis_judgement *judgement = &facts->judgements[i];

    if (judgement->state == EXECUTION_ACCEPTED)
        return current_status(facts);
    return analysis_judgement_passed(judgement, threshold(facts, "marginal")) ? "SUCCEEDED"
                                                                              : "TERMINAL";
}

/* One interval begins when the one before it has been judged. */
static bool is_judging(const struct analysis_facts *facts)
{
    return facts->n_judgements > 0 &&
           facts->judgements[facts->n_judgements - 1].state == EXECUTION_ACCEPTED;
}

/* Interval i's wait and run. Behind a failure nothing is listed: the rest has left the plan. */
static void add_interval(json_t *stages, const struct analysis_facts *facts, size_t i,
                         bool is_warming_up)
{
    bool is_started = i < facts->n_judgements;
    bool is_next = i == facts->n_judgements && !is_warming_up && !is_judging(facts);
    bool is_due = facts->now_unix_ms >= analysis_plan_due_unix_ms(facts->plan, i);
    char name[40];

    if (!facts->plan->is_retrospective) {
        snprintf(name, sizeof(name), "Interval Wait #%zu", i + 1);
        add_stage(stages, "wait", name,
                  is_started || (is_next && is_due) ? "SUCCEEDED"
                  : is_next                         ? current_status(facts)
                                                    : "NOT_STARTED",
                  NULL);
    }
    snprintf(name, sizeof(name), "Run Canary #%zu", i + 1);
    if (is_started)
        add_stage(stages, "runCanary", name, judgement_status(facts, i),
                  facts->judgements[i].execution_id);
    else
        add_stage(stages, "runCanary", name,
                  is_next && is_due ? current_status(facts) : "NOT_STARTED", NULL);
}

static json_t *stage_list(const struct analysis_facts *facts)
{
    int64_t begin_unix_ms = analysis_plan_begin_unix_ms(facts->plan);
    bool has_ended_early = facts->status == ANALYSIS_TERMINAL || facts->is_early;
    size_t n_listed = has_ended_early ? facts->n_judgements : facts->plan->n_judgements;
    bool is_warming_up = facts->n_judgements == 0 && facts->plan->begin_after_min > 0 &&
                         facts->now_unix_ms < begin_unix_ms;
    json_t *stages = json_array();

    if (facts->plan->begin_after_min > 0)
        add_stage(stages, "wait", "Warmup Wait",
                  is_warming_up ? current_status(facts) : "SUCCEEDED", NULL);
    for (size_t i = 0; i < n_listed; i++)
        add_interval(stages, facts, i, is_warming_up);
    add_stage(stages, "setupAndExecuteCanariesStage",
              "Sets up and executes the wait, run and monitor canary task chain.",
              status_name(facts->status), NULL);
    if (facts->status == ANALYSIS_SUCCEEDED || facts->status == ANALYSIS_TERMINAL)
        add_stage(stages, "generateCanaryAnalysisResultStage",
                  "Aggregates and evaluates the canary executions and generates the final results.",
                  facts->error ? "TERMINAL" : "SUCCEEDED", NULL);
    return stages;
}

/* --- results --- */

static void copy_members(json_t *out, const json_t *from, const char *const *keys, size_t n_keys)
{
    for (size_t i = 0; i < n_keys; i++) {
        json_t *value = json_object_get(from, keys[i]);

        if (value)
            json_object_set(out, keys[i], value);
    }
}

/* `text` with toupper() or tolower() applied: Kayenta spells a status both ways. */
static json_t *cased(const char *text, int (*change)(int))
{
    char out[32];
    size_t i;

    for (i = 0; text && text[i] && i < sizeof(out) - 1; i++)
        out[i] = (char)change((unsigned char)text[i]);
    out[i] = '\0';
    return json_string(out);
}

static void set_time(json_t *out, const char *prefix, int64_t unix_ms)
{
    char key[40], text[INSTANT_TEXT_BYTES];

    snprintf(key, sizeof(key), "%sIso", prefix);
    json_object_set_new(out, key, json_string(instant_text(unix_ms * NS_PER_MS, text)));
    snprintf(key, sizeof(key), "%sMillis", prefix);
    json_object_set_new(out, key, json_integer(unix_ms));
}

static json_t *judgement_json(const struct analysis_facts *facts, size_t i)
{
    static const char *const keys[] = {
        "exception",          "result",        "metricSetPairListId",
        "buildTimeMillis",    "buildTimeIso",  "startTimeMillis",
        "startTimeIso",       "endTimeMillis", "endTimeIso",
        "storageAccountName",
    };
    const struct analysis_judgement *judgement = &facts->judgements[i];
    const json_t *scope = json_array_get(json_object_get(facts->plan->request, "scopes"), 0);
    struct analysis_window window = analysis_plan_window(facts->plan, i);
    int64_t offset_ms =
        json_integer_value(json_object_get(scope, "controlOffsetInMinutes")) * 60 * MS_PER_S;
    json_t *warnings = json_array();
    json_t *out = json_object();

    json_object_set_new(out, "executionId", json_string(judgement->execution_id));
    json_object_set_new(
        out, "executionStatus",
        cased(json_string_value(json_object_get(judgement->body, "status")), toupper));
    copy_members(out, judgement->body, keys, ARRAY_LEN(keys));
    set_time(out, "judgementStartTime", window.start_unix_ns / NS_PER_MS - offset_ms);
    set_time(out, "judgementEndTime", window.end_unix_ns / NS_PER_MS - offset_ms);
    set_time(out, "experimentStartTime", window.start_unix_ns / NS_PER_MS);
    set_time(out, "experimentEndTime", window.end_unix_ns / NS_PER_MS);
    if (judgement->has_warning)
        json_array_append_new(warnings, json_string(FEW_POINTS_WARNING));
    json_object_set_new(out, "warnings", warnings);
    return out;
}

static json_t *result_json(const struct analysis_facts *facts)
{
    double *scores = mem_alloc(facts->n_judgements, sizeof(*scores));
    json_t *list = json_array(), *score_list = json_array();
    struct analysis_verdict verdict;
    bool has_warnings = false;
    json_t *out = json_object();

    for (size_t i = 0; i < facts->n_judgements; i++) {
        scores[i] = facts->judgements[i].score;
        has_warnings = has_warnings || facts->judgements[i].has_warning;
        json_array_append_new(score_list, json_real(scores[i]));
        json_array_append_new(list, judgement_json(facts, i));
    }
    verdict = analysis_verdict_of(scores, facts->n_judgements, threshold(facts, "pass"),
                                  threshold(facts, "marginal"));
    if (facts->is_early)
        analysis_verdict_early(facts->plan, facts->n_judgements, &verdict);
    free(scores);
    json_object_set_new(out, "didPassThresholds", json_boolean(verdict.has_passed));
    json_object_set_new(out, "hasWarnings", json_boolean(has_warnings));
    json_object_set_new(out, "canaryScoreMessage", json_string(verdict.message));
    json_object_set_new(out, "canaryScores", score_list);
    json_object_set_new(out, "canaryExecutionResults", list);
    return out;
}

/* The first failed stage's exception. */
static json_t *exception_json(const struct analysis_facts *facts)
{
    char text[sizeof(facts->error->message) + sizeof(facts->error->context) + 4];

    for (size_t i = 0; i < facts->n_judgements; i++) {
        const struct analysis_judgement *judgement = &facts->judgements[i];

        if (judgement->state == EXECUTION_CANCELLED)
            return json_pack("{s{s[s]}}", "details", "errors", "Canary execution was canceled.");
        if (judgement->state == EXECUTION_FAILED)
            return json_incref(json_object_get(judgement->body, "exception"));
    }
    if (!facts->error)
        return NULL;
    return json_pack("{sIsssss{sss[s]ss}sb}", "timestamp", (json_int_t)facts->ended_unix_ms,
                     "exceptionType", "RuntimeException", "operation", "runCanary", "details",
                     "error", "Failed to initiate canary analysis", "errors",
                     error_text(facts->error, text, sizeof(text)), "code",
                     error_reason(facts->error), "shouldRetry", 0);
}

json_t *analysis_report(const struct analysis_facts *facts)
{
    static const char *const head[] = {"application", "user", "parentPipelineExecutionId"};
    static const char *const tail[] = {"canaryConfig", "canaryConfigId", "storageAccountName",
                                       "metricsAccountName"};
    int64_t built_unix_ms =
        json_integer_value(json_object_get(facts->submission, "buildTimeMillis"));
    bool is_complete = facts->status != ANALYSIS_RUNNING;
    json_t *out = json_object();
    json_t *exception =
        is_complete && facts->status != ANALYSIS_CANCELED ? exception_json(facts) : NULL;

    copy_members(out, facts->submission, head, ARRAY_LEN(head));
    json_object_set_new(out, "pipelineId", json_string(facts->id));
    json_object_set_new(out, "stageStatus", stage_list(facts));
    json_object_set_new(out, "complete", json_boolean(is_complete));
    json_object_set_new(out, "executionStatus", json_string(status_name(facts->status)));
    if (exception)
        json_object_set_new(out, "exception", exception);
    if (is_complete && facts->status != ANALYSIS_CANCELED && !facts->error)
        json_object_set_new(out, "canaryAnalysisExecutionResult", result_json(facts));
    json_object_set(out, "canaryAnalysisExecutionRequest", facts->plan->request);
    copy_members(out, facts->submission, tail, ARRAY_LEN(tail));
    set_time(out, "buildTime", built_unix_ms);
    set_time(out, "startTime", built_unix_ms);
    if (is_complete)
        set_time(out, "endTime", facts->ended_unix_ms);
    json_object_set_new(out, "status", cased(status_name(facts->status), tolower));
    return out;
}
