#include "analyzer/analysis_plan.h"

#include "analyzer/codec/document.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_MIN (60 * NS_PER_S)
#define STEP_DEFAULT_S 60

static const struct document_member scope_members[] = {
    {.name = "scopeName", .kind = DOC_TEXT},
    {.name = "controlScope", .kind = DOC_TEXT},
    {.name = "controlLocation", .kind = DOC_TEXT},
    {.name = "experimentScope", .kind = DOC_TEXT},
    {.name = "experimentLocation", .kind = DOC_TEXT},
    {.name = "startTimeIso", .kind = DOC_TEXT},
    {.name = "endTimeIso", .kind = DOC_TEXT},
    {.name = "step", .kind = DOC_INTEGER},
    {.name = "extendedScopeParams", .kind = DOC_TEXT_MAP},
    {.name = "controlOffsetInMinutes", .kind = DOC_INTEGER},
    {0},
};
static const struct document_member threshold_members[] = {
    {.name = "pass", .kind = DOC_NUMBER},
    {.name = "marginal", .kind = DOC_NUMBER},
    {0},
};
static const struct document_member request_members[] = {
    {.name = "scopes", .kind = DOC_OBJECT_LIST, .members = scope_members},
    {.name = "thresholds", .kind = DOC_OBJECT, .members = threshold_members},
    {.name = "lifetimeDurationMins", .kind = DOC_INTEGER},
    {.name = "beginAfterMins", .kind = DOC_INTEGER},
    {.name = "analysisIntervalMins", .kind = DOC_INTEGER},
    {.name = "lookbackMins", .kind = DOC_INTEGER},
    {.name = "siteLocal", .kind = DOC_ANY_MAP},
    {0},
};

static void set_default(json_t *object, const char *key, json_t *value)
{
    if (json_object_get(object, key))
        json_decref(value);
    else
        json_object_set_new(object, key, value);
}

/* What Kayenta fills in. A step of 0 means "not given": one client always sends it. */
static void fill_defaults(json_t *request)
{
    json_t *scope;
    size_t i;

    set_default(request, "beginAfterMins", json_integer(0));
    set_default(request, "lookbackMins", json_integer(0));
    json_array_foreach (json_object_get(request, "scopes"), i, scope) {
        set_default(scope, "scopeName", json_string("default"));
        set_default(scope, "controlOffsetInMinutes", json_integer(0));
        set_default(scope, "extendedScopeParams", json_object());
        if (json_integer_value(json_object_get(scope, "step")) == 0)
            json_object_set_new(scope, "step", json_integer(STEP_DEFAULT_S));
    }
}

static enum err_code scope_time(const json_t *scope, const char *key, bool *has,
                                int64_t *out_unix_ns, struct error *err)
{
    const char *text = json_string_value(json_object_get(scope, key));

    *has = text && *text;
    if (*has && instant_parse(text, out_unix_ns, err))
        error_point(err, "/scopes/0/%s", key);
    return err->code;
}

static enum err_code minutes(const json_t *request, const char *key, int64_t minimum,
                             int64_t maximum, int64_t *out, struct error *err)
{
    const json_t *value = json_object_get(request, key);

    *out = json_integer_value(value);
    if (value && (*out < minimum || *out > maximum)) {
        error_because(err, ERR_INVALID, "bad_duration",
                      "%s must be from %" PRId64 " to %" PRId64 " minutes, not %" PRId64, key,
                      minimum, maximum, *out);
        error_point(err, "/%s", key);
    }
    return err->code;
}

static enum err_code refuse(struct error *err, const char *pointer, const char *message)
{
    error_because(err, ERR_INVALID, "bad_request", "%s", message);
    return error_point(err, "%s", pointer);
}

/* Whole minutes of the analysis phase. */
static enum err_code lifetime(struct analysis_plan *plan, bool has_end, int64_t end_unix_ns,
                              int64_t *out_min, struct error *err)
{
    if (has_end) {
        *out_min = (end_unix_ns - plan->start_unix_ns) / NS_PER_MIN;
        if (*out_min < 1)
            return refuse(err, "/scopes/0/endTimeIso",
                          "The end must be at least one minute after the start.");
        return ERR_OK;
    }
    if (!json_object_get(plan->request, "lifetimeDurationMins"))
        return refuse(err, "/lifetimeDurationMins",
                      "Canary StageExecution configuration must include either `endTime` or "
                      "`lifetimeDuration`.");
    return minutes(plan->request, "lifetimeDurationMins", 1, ANALYSIS_MAX_LIFETIME_MIN, out_min,
                   err);
}

/* A control window shifted back must still be in the time we can name. */
static enum err_code check_offsets(const struct analysis_plan *plan, struct error *err)
{
    int64_t first_min = analysis_plan_window(plan, 0).start_unix_ns / NS_PER_MIN;
    json_t *scope;
    size_t i;

    json_array_foreach (json_object_get(plan->request, "scopes"), i, scope) {
        int64_t offset_min;

        if (minutes(scope, "controlOffsetInMinutes", -ANALYSIS_MAX_LIFETIME_MIN, first_min,
                    &offset_min, err))
            return error_point(err, "/scopes/%zu", i);
    }
    return ERR_OK;
}

enum err_code analysis_plan_make(const json_t *request, int64_t now_unix_ns, struct arena *arena,
                                 struct analysis_plan *out, struct error *err)
{
    const json_t *scope;
    bool has_start;
    int64_t end_unix_ns = 0, lifetime_min;

    *out = (struct analysis_plan){.start_unix_ns = now_unix_ns};
    out->request = document_view(request, request_members, err);
    if (!out->request)
        return err->code;
    json_keep(out->request, arena);
    if (json_array_size(json_object_get(out->request, "scopes")) == 0)
        return refuse(err, "/scopes",
                      "Canary StageExecution configuration must contain at least one scope.");
    fill_defaults(out->request);
    scope = json_array_get(json_object_get(out->request, "scopes"), 0);
    if (scope_time(scope, "startTimeIso", &has_start, &out->start_unix_ns, err) ||
        scope_time(scope, "endTimeIso", &out->is_retrospective, &end_unix_ns, err) ||
        lifetime(out, out->is_retrospective, end_unix_ns, &lifetime_min, err) ||
        minutes(out->request, "analysisIntervalMins", 0, INT64_MAX, &out->interval_min, err) ||
        minutes(out->request, "beginAfterMins", INT64_MIN, ANALYSIS_MAX_BEGIN_AFTER_MIN,
                &out->begin_after_min, err) ||
        minutes(out->request, "lookbackMins", INT64_MIN, ANALYSIS_MAX_LIFETIME_MIN,
                &out->lookback_min, err))
        return err->code;
    if (out->begin_after_min < 0 || out->is_retrospective)
        out->begin_after_min = 0; /* nothing to wait for */
    if (out->interval_min == 0 || out->interval_min > lifetime_min)
        out->interval_min = lifetime_min;
    out->n_judgements = (size_t)(lifetime_min / out->interval_min);
    if (out->n_judgements > ANALYSIS_MAX_JUDGEMENTS) {
        error_because(err, ERR_INVALID, "too_many_intervals",
                      "%zu intervals are more than the %u that are allowed", out->n_judgements,
                      ANALYSIS_MAX_JUDGEMENTS);
        return error_point(err, "/analysisIntervalMins");
    }
    return check_offsets(out, err);
}

struct analysis_window analysis_plan_window(const struct analysis_plan *plan, size_t i)
{
    int64_t begin = plan->start_unix_ns + plan->begin_after_min * NS_PER_MIN;
    int64_t end = begin + ((int64_t)i + 1) * plan->interval_min * NS_PER_MIN;

    if (plan->lookback_min > 0) /* sliding */
        begin = end - plan->lookback_min * NS_PER_MIN;
    return (struct analysis_window){begin, end};
}

int64_t analysis_plan_due_unix_ms(const struct analysis_plan *plan, size_t i)
{
    return plan->is_retrospective ? 0 : analysis_plan_window(plan, i).end_unix_ns / NS_PER_MS;
}

int64_t analysis_plan_begin_unix_ms(const struct analysis_plan *plan)
{
    return plan->start_unix_ns / NS_PER_MS + plan->begin_after_min * 60 * MS_PER_S;
}

int64_t analysis_plan_next_unix_ms(const struct analysis_plan *plan, size_t n_begun,
                                   int64_t now_unix_ms)
{
    int64_t begin_unix_ms = analysis_plan_begin_unix_ms(plan);
    int64_t due_unix_ms = analysis_plan_due_unix_ms(plan, n_begun);

    if (due_unix_ms <= now_unix_ms)
        return 0;
    return n_begun == 0 && now_unix_ms < begin_unix_ms ? begin_unix_ms : due_unix_ms;
}

static json_t *side_request(const struct analysis_plan *plan, const json_t *scope,
                            const char *scope_key, const char *location_key,
                            struct analysis_window window, int64_t offset_min)
{
    const json_t *first = json_array_get(json_object_get(plan->request, "scopes"), 0);
    json_t *out = json_object();
    char text[INSTANT_TEXT_BYTES];

    json_set_text(out, "scope", json_string_value(json_object_get(scope, scope_key)));
    json_set_text(out, "location", json_string_value(json_object_get(scope, location_key)));
    json_object_set_new(
        out, "start",
        json_string(instant_text(window.start_unix_ns - offset_min * NS_PER_MIN, text)));
    json_object_set_new(
        out, "end", json_string(instant_text(window.end_unix_ns - offset_min * NS_PER_MIN, text)));
    json_object_set_new(out, "step",
                        json_integer(json_integer_value(json_object_get(first, "step"))));
    json_object_set_new(out, "extendedScopeParams",
                        json_deep_copy(json_object_get(scope, "extendedScopeParams")));
    return out;
}

json_t *analysis_plan_request(const struct analysis_plan *plan, size_t i)
{
    struct analysis_window window = analysis_plan_window(plan, i);
    const json_t *thresholds = json_object_get(plan->request, "thresholds");
    const json_t *site_local = json_object_get(plan->request, "siteLocal");
    json_t *out = json_object(), *scopes = json_object();
    json_t *scope;
    size_t k;

    json_array_foreach (json_object_get(plan->request, "scopes"), k, scope) {
        int64_t offset_min = json_integer_value(json_object_get(scope, "controlOffsetInMinutes"));
        json_t *pair = json_object();

        json_object_set_new(
            pair, "controlScope",
            side_request(plan, scope, "controlScope", "controlLocation", window, offset_min));
        json_object_set_new(
            pair, "experimentScope",
            side_request(plan, scope, "experimentScope", "experimentLocation", window, 0));
        json_object_set_new(scopes, json_string_value(json_object_get(scope, "scopeName")), pair);
    }
    json_object_set_new(out, "scopes", scopes);
    if (thresholds)
        json_object_set_new(out, "thresholds", json_deep_copy(thresholds));
    if (site_local)
        json_object_set_new(out, "siteLocal", json_deep_copy(site_local));
    return out;
}

int64_t analysis_plan_run_min(const struct analysis_plan *plan, size_t n)
{
    return (int64_t)n * plan->interval_min;
}

void analysis_verdict_early(const struct analysis_plan *plan, size_t n_judgements,
                            struct analysis_verdict *verdict)
{
    size_t n = strlen(verdict->message);

    snprintf(verdict->message + n, sizeof(verdict->message) - n,
             " It passed early, after %" PRId64 " of %" PRId64
             " minutes: every metric excludes harm beyond its margin.",
             analysis_plan_run_min(plan, n_judgements),
             analysis_plan_run_min(plan, plan->n_judgements));
}

struct analysis_verdict analysis_verdict_of(const double *scores, size_t n_scores, double pass,
                                            double marginal)
{
    struct analysis_verdict out = {0};
    char last[NUMBER_TEXT_BYTES];
    const char *how;

    if (n_scores == 0) {
        snprintf(out.message, sizeof(out.message), "%s",
                 "There were no successful canary judgements to aggregate");
        return out;
    }
    if (scores[n_scores - 1] <= marginal) {
        how = "is not above the marginal score threshold.";
    } else if (scores[n_scores - 1] < pass) {
        how = "is below the pass score threshold.";
    } else {
        how = "met or exceeded the pass score threshold.";
        out.has_passed = true;
    }
    snprintf(out.message, sizeof(out.message), "Final canary score %s %s",
             number_text(scores[n_scores - 1], last), how);
    return out;
}
