#include "analyzer/report.h"

#include "analyzer/codec/judge_result_json.h"
#include "analyzer/codec/metric_set_json.h"
#include "analyzer/codec/test_report_json.h"
#include "analyzer/verdict_table.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/json.h"

#include <string.h>

static const char *stage_name(int status)
{
    static const char *const names[] = {
        [STAGE_NOT_STARTED] = "not_started", [STAGE_RUNNING] = "running",
        [STAGE_SUCCEEDED] = "succeeded",     [STAGE_TERMINAL] = "terminal",
        [STAGE_CANCELED] = "canceled",
    };

    return names[status];
}

static void set_time(json_t *body, const char *prefix, int64_t unix_ms)
{
    char key[32], text[INSTANT_TEXT_BYTES];

    snprintf(key, sizeof(key), "%sMillis", prefix);
    json_object_set_new(body, key, json_integer(unix_ms));
    snprintf(key, sizeof(key), "%sIso", prefix);
    json_object_set_new(body, key, json_string(instant_text(unix_ms * NS_PER_MS, text)));
}

static json_t *stages(size_t n_metrics, const struct execution *execution)
{
    static const char *const prefixes[N_SIDES] = {"fetchControl", "fetchExperiment"};
    json_t *out = json_object();
    bool has_started = execution && atomic_load(&execution->has_started);
    char key[40];

    json_object_set_new(out, "setupContext",
                        json_string(stage_name(has_started ? STAGE_SUCCEEDED : STAGE_NOT_STARTED)));
    for (int side = 0; side < N_SIDES; side++)
        for (size_t i = 0; i < n_metrics; i++) {
            snprintf(key, sizeof(key), "%s%zu", prefixes[side], i);
            json_object_set_new(
                out, key,
                json_string(stage_name(execution ? atomic_load(&execution->runs[side][i].status)
                                                 : STAGE_NOT_STARTED)));
        }
    json_object_set_new(
        out, "mixMetrics",
        json_string(stage_name(execution ? atomic_load(&execution->mix_status) : 0)));
    json_object_set_new(
        out, "judge",
        json_string(stage_name(execution ? atomic_load(&execution->judge_status) : 0)));
    return out;
}

static bool is_unreadable(const struct error *err)
{
    return strcmp(error_reason(err), "store_bad_response") == 0;
}

static const char *exception_type(const struct error *err)
{
    if (err->upstream_status)
        return "SpinnakerHttpException";
    if (is_unreadable(err))
        return "SpinnakerConversionException";
    switch (err->code) {
    case ERR_INVALID:
        return "IllegalArgumentException";
    case ERR_TIMEOUT:
        return "TimeoutException";
    case ERR_UPSTREAM:
        return "SpinnakerNetworkException";
    default:
        return "SpinnakerException";
    }
}

json_t *report_exception(const struct error *err, const char *operation,
                         const struct query_run *run, int64_t unix_ms)
{
    char text[sizeof(err->message) + sizeof(err->context) + 4];
    json_t *details = json_object();

    json_object_set_new(details, "error", json_string("Unexpected Task Failure"));
    json_object_set_new(details, "errors", json_pack("[s]", error_text(err, text, sizeof(text))));
    json_object_set_new(details, "code", json_string(error_reason(err)));
    if (run && run->failed_url) {
        json_object_set_new(details, "error", json_string(err->message));
        json_object_set_new(details, "kind",
                            json_string(err->upstream_status ? "HTTP"
                                        : is_unreadable(err) ? "UNEXPECTED"
                                                             : "NETWORK"));
        json_object_set_new(details, "url", json_string(run->failed_url));
        json_object_set_new(
            details, "method",
            json_string(run->requests.n_requests ? run->requests.requests[0].method : "GET"));
        if (err->upstream_status)
            json_object_set_new(details, "status", json_integer(err->upstream_status));
    }
    return json_pack("{sIsssssosb}", "timestamp", (json_int_t)unix_ms, "exceptionType",
                     exception_type(err), "operation", operation, "details", details, "shouldRetry",
                     0);
}

static json_t *result_json(const struct execution *execution)
{
    json_t *result = json_object();
    char text[INSTANT_TEXT_BYTES];
    int64_t duration_ns;

    json_object_set_new(result, "judgeResult", judge_result_json(&execution->judgement.result));
    if (execution_request_duration(execution->plan->request, &duration_ns))
        json_object_set_new(result, "canaryDuration",
                            json_string(duration_text(duration_ns, text)));
    return result;
}

static void copy_member(json_t *body, const json_t *submission, const char *key)
{
    json_t *value = json_object_get(submission, key);

    if (value)
        json_object_set(body, key, value);
}

struct report_frozen report_freeze(const char *id, const json_t *submission, struct arena *arena)
{
    static const char *const keys[] = {
        "application",        "parentPipelineExecutionId", "config",
        "canaryConfigId",     "canaryExecutionRequest",    "storageAccountName",
        "metricsAccountName", "configurationAccountName",  "canaryAnalysisExecutionId",
    };
    const json_t *config = json_object_get(submission, "config");
    const char *list_id = json_string_value(json_object_get(submission, "metricSetPairListId"));
    json_t *members = json_object();
    struct report_frozen out = {.id = id};
    char *text;

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        copy_member(members, submission, keys[i]);
    set_time(members, "buildTime",
             json_integer_value(json_object_get(submission, "buildTimeMillis")));
    text = json_write_arena(members, arena);
    json_decref(members);
    out.members = (struct str){text + 1, strlen(text) - 2};
    out.n_metrics = json_array_size(json_object_get(config, "metrics"));
    out.metric_set_pair_list_id = list_id ? arena_strdup(arena, list_id) : NULL;
    return out;
}

/* The members that change. */
static json_t *status_members(const struct report_frozen *frozen, const struct execution *execution,
                              const char *status, bool is_complete)
{
    json_t *body = json_object();

    json_object_set_new(body, "pipelineId", json_string(frozen->id));
    json_object_set_new(body, "stageStatus", stages(frozen->n_metrics, execution));
    json_object_set_new(body, "complete", json_boolean(is_complete));
    json_object_set_new(body, "status", json_string(status));
    if (execution && atomic_load(&execution->has_started))
        set_time(body, "startTime", atomic_load(&execution->started_unix_ms));
    return body;
}

/* Both halves as one object; `body` is released. */
static void write_body(json_t *body, const struct report_frozen *frozen, struct strbuf *out)
{
    json_write(body, out);
    json_decref(body);
    out->n_bytes--; /* the closing brace */
    strbuf_puts(out, ",");
    strbuf_append(out, frozen->members.bytes, frozen->members.n_bytes);
    strbuf_puts(out, "}");
}

/* What people should know about a verdict; no member when there is nothing. Kayenta has none such,
 * and its clients skip what they do not know. */
static void set_warnings(json_t *body, const struct execution *execution)
{
    const char *const *warnings = judgement_warnings(&execution->judgement, execution->arena);
    json_t *list = json_array();

    for (; *warnings; warnings++)
        json_array_append_new(list, json_string(*warnings));
    if (json_array_size(list))
        json_object_set(body, "warnings", list);
    json_decref(list);
}

void report_status(const struct report_frozen *frozen, const struct execution *execution,
                   bool has_ended, struct strbuf *out)
{
    const char *status = "not_started";
    json_t *body;

    if (has_ended && execution->error.code == ERR_CANCELLED)
        status = "canceled";
    else if (has_ended)
        status = execution->error.code ? "terminal" : "succeeded";
    else if (execution && atomic_load(&execution->has_started))
        status = "running";
    body = status_members(frozen, execution, status, has_ended);
    if (has_ended) {
        set_time(body, "endTime", execution->ended_unix_ms);
        if (execution->judgement.n_pairs)
            json_set_text(body, "metricSetPairListId", frozen->metric_set_pair_list_id);
        if (!execution->error.code) {
            json_object_set_new(body, "result", result_json(execution));
            set_warnings(body, execution);
        } else if (execution->error.code != ERR_CANCELLED)
            json_object_set_new(body, "exception",
                                report_exception(&execution->error, execution->failed_operation,
                                                 execution->failed_run, execution->ended_unix_ms));
    }
    write_body(body, frozen, out);
}

void report_cancelled(const struct report_frozen *frozen, const struct execution *execution,
                      int64_t ended_unix_ms, struct strbuf *out)
{
    json_t *body = status_members(frozen, execution, "canceled", true);
    json_t *status;
    const char *stage;

    json_object_foreach (json_object_get(body, "stageStatus"), stage, status)
        if (strcmp(json_string_value(status), stage_name(STAGE_RUNNING)) == 0)
            json_string_set(status, stage_name(STAGE_CANCELED));
    set_time(body, "endTime", ended_unix_ms);
    write_body(body, frozen, out);
}

void report_unplannable(const struct report_frozen *frozen, const struct error *err,
                        struct strbuf *out)
{
    json_t *body = status_members(frozen, NULL, "terminal", true);
    int64_t now_unix_ms = clock_wall_ms();

    set_time(body, "endTime", now_unix_ms);
    json_object_set_new(body, "exception", report_exception(err, "setupCanary", NULL, now_unix_ms));
    write_body(body, frozen, out);
}

static json_t *stats_json(const struct side_stats *stats)
{
    return json_pack("{sIsosososo}", "count", (json_int_t)stats->count, "mean",
                     json_number_or_null(stats->mean), "std", json_number_or_null(stats->std),
                     "min", json_number_or_null(stats->min), "max",
                     json_number_or_null(stats->max));
}

static void set_explanation(json_t *out, const struct explanation *explanation)
{
    if (explanation->limit_name)
        json_object_set_new(out, "passesWith",
                            json_pack("{sf}", explanation->limit_name, explanation->limit));
    if (explanation->heaviest_start_unix_ms) {
        json_t *heaviest = json_object();

        set_time(heaviest, "from", explanation->heaviest_start_unix_ms);
        set_time(heaviest, "until", explanation->heaviest_end_unix_ms);
        json_object_set_new(heaviest, "share", json_real(explanation->heaviest_share));
        json_object_set_new(heaviest, "isSpread", json_boolean(explanation->is_spread));
        json_object_set_new(out, "heaviest", heaviest);
    }
}

static json_t *metric_model(const struct judge_result *result, size_t i)
{
    const struct metric_result *metric = &result->results[i];
    struct strbuf why = {0};
    json_t *out = json_pack("{ssssso}", "name", metric->pair->name, "id", metric->pair->id, "tags",
                            tag_map_json(&metric->pair->tags));
    json_t *groups = json_array();

    for (size_t g = 0; g < metric->n_groups; g++)
        json_array_append_new(groups, json_string(metric->groups[g]));
    json_object_set_new(out, "groups", groups);
    json_object_set_new(out, "classification",
                        json_string(classification_name(metric->classification)));
    json_set_text(out, "reason", metric->reason);
    verdict_explain(metric, &why);
    json_set_text(out, "why", why.bytes);
    strbuf_clear(&why);
    json_object_set_new(out, "critical", json_boolean(metric->is_critical));
    json_object_set_new(out, "muted", json_boolean(metric->is_muted));
    json_object_set_new(out, "baseline", stats_json(&metric->stats[SIDE_CONTROL]));
    json_object_set_new(out, "canary", stats_json(&metric->stats[SIDE_EXPERIMENT]));
    if (metric->has_ratio)
        json_object_set_new(out, "ratio", json_number_or_null(metric->ratio));
    if (metric->has_interval) {
        json_object_set_new(out, "shift",
                            json_pack("{sososo}", "lower", json_number_or_null(metric->lower),
                                      "estimate", json_number_or_null(metric->estimate), "upper",
                                      json_number_or_null(metric->upper)));
        json_object_set_new(out, "effectSize", json_number_or_null(metric->effect_size));
    }
    if (metric->report)
        json_object_set_new(out, "test",
                            test_report_json(result->judge_name, metric->report, metric->policy));
    if (result->explanations)
        set_explanation(out, &result->explanations[i]);
    return out;
}

json_t *report_model(const struct judgement *judgement, const json_t *config,
                     const json_t *request_view)
{
    struct arena *arena = arena_create();
    const struct judge_result *result = &judgement->result;
    const char *const *warnings = judgement_warnings(judgement, arena);
    json_t *metrics = json_array(), *groups = json_array(), *warned = json_array();
    json_t *out = json_object();

    json_object_set_new(out, "schema", json_string("serinus.report/v1"));
    json_object_set_new(out, "verdict", json_string(verdict_word(result)));
    json_object_set_new(out, "score", json_real(result->score));
    if (result->reason && *result->reason)
        json_object_set_new(out, "reason", json_string(result->reason));
    json_object_set_new(out, "thresholds",
                        json_pack("{sfsf}", "pass", judgement->input.score->pass, "marginal",
                                  judgement->input.score->marginal));
    json_object_set_new(out, "judge", json_string(result->judge_name));
    copy_member(out, config, "name");
    if (request_view)
        json_object_set(out, "request", (json_t *)request_view);
    for (size_t i = 0; i < result->n_groups; i++)
        json_array_append_new(groups, json_pack("{sssfsb}", "name", result->groups[i].name, "score",
                                                result->groups[i].score, "hasData",
                                                result->groups[i].has_data));
    json_object_set_new(out, "groups", groups);
    for (size_t i = 0; i < result->n_results; i++)
        json_array_append_new(metrics, metric_model(result, i));
    json_object_set_new(out, "metrics", metrics);
    for (; *warnings; warnings++)
        json_array_append_new(warned, json_string(*warnings));
    json_object_set_new(out, "warnings", warned);
    arena_free(arena);
    return out;
}
