#include "analyzer/follow_json.h"

#include "base/instant.h"
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SCHEMA "serinus.execution/v1"
#define TEXT_BYTES 256u

const char *follow_status_name(enum follow_status status)
{
    static const char *const names[N_FOLLOW_STATUSES] = {
        [FOLLOW_ACCEPTED] = "accepted",   [FOLLOW_RUNNING] = "running",
        [FOLLOW_SUCCEEDED] = "succeeded", [FOLLOW_FAILED] = "failed",
        [FOLLOW_CANCELLED] = "cancelled",
    };

    return names[status];
}

const char *follow_kind_name(enum execution_kind kind)
{
    static const char *const names[] = {
        [EXECUTION_CANARY] = "canary",
        [EXECUTION_ANALYSIS] = "analysis",
        [EXECUTION_COMPARISON] = "comparison",
    };

    return names[kind];
}

static enum follow_status status_of(const struct stored_execution *row,
                                    const struct follow_state *state)
{
    switch (row->state) {
    case EXECUTION_SUCCEEDED:
        return FOLLOW_SUCCEEDED;
    case EXECUTION_FAILED:
        return FOLLOW_FAILED;
    case EXECUTION_CANCELLED:
        return FOLLOW_CANCELLED;
    case EXECUTION_ACCEPTED:
        break;
    }
    return state ? state->status : FOLLOW_ACCEPTED;
}

static bool has(const char *text)
{
    return text && *text;
}

static void set_given(json_t *out, const char *key, const char *text)
{
    if (has(text))
        json_set_text(out, key, text);
}

static void set_time(json_t *out, const char *name, int64_t unix_ms)
{
    char key[32], text[INSTANT_TEXT_BYTES];

    if (!unix_ms)
        return;
    snprintf(key, sizeof(key), "%sTime", name);
    json_object_set_new(out, key, json_string(instant_text(unix_ms * NS_PER_MS, text)));
    snprintf(key, sizeof(key), "%sTimeMillis", name);
    json_object_set_new(out, key, json_integer(unix_ms));
}

static void set_outcome(json_t *out, const struct stored_execution *row,
                        const struct follow_state *state)
{
    enum follow_status status = status_of(row, state);

    json_object_set_new(out, "status", json_string(follow_status_name(status)));
    json_object_set_new(out, "complete", json_boolean(row->state != EXECUTION_ACCEPTED));
    set_given(out, "verdict", row->verdict);
    if (has(row->verdict) && isfinite(row->score))
        json_object_set_new(out, "score", json_real(row->score));
}

json_t *follow_brief(const struct stored_execution *row, const struct follow_state *state)
{
    json_t *out = json_object();

    json_object_set_new(out, "id", json_string(row->id));
    json_object_set_new(out, "kind", json_string(follow_kind_name(row->kind)));
    json_object_set_new(out, "application", json_string(row->application));
    set_given(out, "parentId", row->parent_id);
    set_given(out, "canaryConfigId", row->config_id);
    set_given(out, "canaryConfigName", row->config_name);
    set_outcome(out, row, state);
    if (state && state->n_total)
        json_object_set_new(out, "progress",
                            json_pack("{sIsI}", "done", (json_int_t)state->n_done, "total",
                                      (json_int_t)state->n_total));
    set_time(out, "created", row->created_unix_ms);
    if (state)
        set_time(out, "started", state->started_unix_ms);
    if (row->state != EXECUTION_ACCEPTED)
        set_time(out, "ended", row->ended_unix_ms);
    return out;
}

json_t *follow_intervals(const struct stored_execution *rows, size_t n_rows)
{
    json_t *out = json_array();

    for (size_t i = 0; i < n_rows; i++) {
        json_t *one = json_pack("{sIss}", "interval", (json_int_t)i + 1, "executionId", rows[i].id);

        set_outcome(one, &rows[i], &(struct follow_state){.status = FOLLOW_RUNNING});
        json_array_append_new(out, one);
    }
    return out;
}

/* --- why --- */

static const json_t *member(const json_t *object, const char *key)
{
    return json_object_get(object, key);
}

static const char *text_member(const json_t *object, const char *key)
{
    return json_string_value(member(object, key));
}

/* The judge gives reasons for what it forces; otherwise the thresholds are the reason. */
static const char *score_reason(const struct stored_execution *row, const json_t *body,
                                char buffer[TEXT_BYTES])
{
    const json_t *thresholds = member(member(body, "canaryExecutionRequest"), "thresholds");
    double pass, marginal;

    if (!has(row->verdict) || !isfinite(row->score) ||
        !json_to_double(member(thresholds, "pass"), &pass) ||
        !json_to_double(member(thresholds, "marginal"), &marginal))
        return NULL;
    if (strcmp(row->verdict, "pass") == 0)
        snprintf(buffer, TEXT_BYTES, "the score %.6g reaches the pass threshold %.6g", row->score,
                 pass);
    else if (strcmp(row->verdict, "marginal") == 0)
        snprintf(buffer, TEXT_BYTES,
                 "the score %.6g is below the pass threshold %.6g, but not below the marginal "
                 "threshold %.6g",
                 row->score, pass, marginal);
    else
        snprintf(buffer, TEXT_BYTES, "the score %.6g is below the marginal threshold %.6g",
                 row->score, marginal);
    return buffer;
}

/* Kayenta's exception, of a comparison the first of its stages; the code in it is our own. */
static const json_t *exception_details(const json_t *body)
{
    json_t *of_stages = (json_t *)(uintptr_t)member(body, "exceptions");
    const json_t *one = member(body, "exception");

    if (!one)
        one = json_object_iter_value(json_object_iter(of_stages));
    return member(one, "details");
}

static const char *exception_text(const json_t *body)
{
    const json_t *details = exception_details(body);
    const char *first = json_string_value(json_array_get(member(details, "errors"), 0));

    return has(first) ? first : text_member(details, "error");
}

static const char *reason(const struct stored_execution *row, const json_t *body,
                          char buffer[TEXT_BYTES])
{
    const char *text;

    if (row->state == EXECUTION_CANCELLED)
        return "it was cancelled";
    if (!has(row->verdict))
        return exception_text(body);
    text = text_member(member(member(member(body, "result"), "judgeResult"), "score"),
                       "classificationReason");
    if (!has(text))
        text = text_member(member(body, "canaryAnalysisExecutionResult"), "canaryScoreMessage");
    return has(text) ? text : score_reason(row, body, buffer);
}

static json_t *error_of(const struct stored_execution *row, const json_t *body)
{
    const char *text = exception_text(body);
    const char *code = text_member(exception_details(body), "code");

    if (row->state != EXECUTION_FAILED || has(row->verdict) || !has(text))
        return NULL;
    return json_pack("{ssss}", "code", has(code) ? code : "failed", "message", text);
}

/* --- how far --- */

/* stageStatus of a canary is a map, one stage a query; of an analysis a list, one runCanary stage a
 * judgement. */
static void count_stages(const json_t *body, struct follow_state *out)
{
    json_t *stages = (json_t *)(uintptr_t)member(body, "stageStatus"), *stage;
    const char *key;
    size_t i;

    if (out->n_total)
        return;
    json_object_foreach (stages, key, stage) {
        const char *status = json_string_value(stage);

        if (strncmp(key, "fetch", 5) != 0)
            continue;
        out->n_total++;
        out->n_done += status && strcmp(status, "succeeded") == 0;
    }
    json_array_foreach (stages, i, stage) {
        const char *type = text_member(stage, "type"), *status = text_member(stage, "status");

        if (!type || strcmp(type, "runCanary") != 0)
            continue;
        out->n_total++;
        out->n_done +=
            status && (strcmp(status, "SUCCEEDED") == 0 || strcmp(status, "TERMINAL") == 0);
    }
}

/* --- where --- */

static void set_link(json_t *links, const char *name, const char *format, const char *id)
{
    char text[TEXT_BYTES];

    snprintf(text, sizeof(text), "%s%s", format, id); /* ids are letters and digits */
    json_object_set_new(links, name, json_string(text));
}

static json_t *links_of(const struct stored_execution *row)
{
    static const char *const kayenta[] = {
        [EXECUTION_CANARY] = "/canary/",
        [EXECUTION_ANALYSIS] = "/standalone_canary_analysis/",
        [EXECUTION_COMPARISON] = "/judges/comparison/",
    };
    json_t *links = json_object();
    char text[TEXT_BYTES];

    set_link(links, "self", "/api/v1/executions/", row->id);
    set_link(links, "kayenta", kayenta[row->kind], row->id);
    set_link(links, "events", "/api/v1/events?execution=", row->id);
    if (row->kind == EXECUTION_CANARY && row->state == EXECUTION_SUCCEEDED) {
        snprintf(text, sizeof(text), "/api/v1/executions/%s/bundle", row->id);
        json_object_set_new(links, "bundle", json_string(text));
    }
    if (has(row->parent_id))
        set_link(links, "parent", "/api/v1/executions/", row->parent_id);
    return links;
}

json_t *follow_full(const struct stored_execution *row, const struct follow_state *state,
                    const json_t *body, json_t *intervals)
{
    struct follow_state known = *state;
    char buffer[TEXT_BYTES];
    json_t *out, *error;

    count_stages(body, &known);
    if (!known.started_unix_ms)
        known.started_unix_ms = json_integer_value(member(body, "startTimeMillis"));
    out = follow_brief(row, &known);
    json_object_set_new(out, "schema", json_string(SCHEMA));
    if (row->state != EXECUTION_ACCEPTED)
        set_given(out, "reason", reason(row, body, buffer));
    error = error_of(row, body);
    if (error)
        json_object_set_new(out, "error", error);
    if (intervals)
        json_object_set_new(out, "intervals", intervals);
    if (member(body, "warnings"))
        json_object_set(out, "warnings", (json_t *)(uintptr_t)member(body, "warnings"));
    set_given(out, "metricSetPairListId", text_member(body, "metricSetPairListId"));
    json_object_set_new(out, "links", links_of(row));
    return out;
}
