/* collectors/wavefront.c -- ts() queries over the chart API of Wavefront (Aria Operations for
 * Applications).
 *
 * A chart has one of four granularities, so a step of 300 s is asked for by the minute, and of the
 * minutes every fifth is taken. With strictSeries the server averages them instead. */
#include "collectors/collector.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "collectors/json_stream.h"
#include "collectors/query_template.h"
#include "collectors/reply_series.h"

#include <inttypes.h>
#include <string.h>

#define CHART_PATH "/api/v2/chart/api"
#define QUERY_NAME "Serinus-Query"
#define NOT_ACCEPTABLE 406 /* how it answers who asks too often */

/* What the points of one interval become; the second word is align()'s. */
static const struct {
    const char *name, *align;
} summarizations[] = {
    {"MEAN", "mean"}, {"MEDIAN", "median"}, {"MIN", "min"},     {"MAX", "max"},
    {"SUM", "sum"},   {"COUNT", "count"},   {"FIRST", "first"}, {"LAST", "last"},
};

/* --- the query text --- */

static enum err_code wavefront_query_text(const struct account *account,
                                          const struct metric_query *query, struct arena *arena,
                                          const char **out, struct error *err)
{
    const char *metric = metric_query_text(query, "metricName");
    const char *aggregate = metric_query_text(query, "aggregate");
    const char *summarization = metric_query_text(query, "summarization");
    const char *scope = query->scope.scope;
    const char *align = summarizations[0].align;
    bool is_known = !summarization;

    if (!metric)
        return error_because(err, ERR_INVALID, "bad_query",
                             "the Wavefront query of metric '%s' needs a metricName",
                             query->metric_name);
    for (size_t i = 0; summarization && i < ARRAY_LEN(summarizations); i++) {
        if (strcmp(summarizations[i].name, summarization) == 0) {
            align = summarizations[i].align;
            is_known = true;
        }
    }
    if (!is_known)
        return error_because(err, ERR_INVALID, "bad_query",
                             "the summarization of metric '%s' must be MEAN, MEDIAN, MIN, MAX, "
                             "SUM, COUNT, FIRST or LAST",
                             query->metric_name);
    if (account->reject_unsafe_values &&
        template_check_scope(&query->scope, query->metric_name, err))
        return err->code;
    if (scope && *scope)
        *out = arena_printf(arena, "ts(%s, %s)", metric, scope);
    else
        *out = arena_printf(arena, "ts(%s)", metric);
    if (aggregate)
        *out = arena_printf(arena, "%s(%s)", aggregate, *out);
    if (account->strict_series)
        *out = arena_printf(arena, "align(%" PRId64 "s, %s, %s)", query->scope.step_s, align, *out);
    if (strlen(*out) > TEMPLATE_MAX_EXPANDED_BYTES)
        return error_because(err, ERR_INVALID, "template_too_large",
                             "the query of metric '%s' is larger than %u bytes", query->metric_name,
                             TEMPLATE_MAX_EXPANDED_BYTES);
    return ERR_OK;
}

/* --- the request --- */

static const char *granularity(int64_t step_s)
{
    return step_s % 86400 == 0 ? "d" : step_s % 3600 == 0 ? "h" : step_s % 60 == 0 ? "m" : "s";
}

static enum reply_advice wavefront_advice(long status, struct str body)
{
    (void)body;
    return status == NOT_ACCEPTABLE ? REPLY_ASK_AGAIN : REPLY_BY_STATUS;
}

static enum err_code wavefront_build(const struct account *account,
                                     const struct metric_query *query, const char *text,
                                     struct arena *arena, struct http_request_list *out,
                                     struct error *err)
{
    struct scope scope = collector_window(account, query);
    struct http_request *request = arena_new(arena, struct http_request);
    struct strbuf form = {0};

    http_form_add(&form, "n", QUERY_NAME);
    http_form_add(&form, "q", text);
    http_form_add(&form, "s", arena_printf(arena, "%" PRId64, scope.start_unix_ns / NS_PER_MS));
    http_form_add(&form, "e", arena_printf(arena, "%" PRId64, scope.end_unix_ns / NS_PER_MS));
    http_form_add(&form, "g", granularity(scope.step_s));
    http_form_add(&form, "summarization", metric_query_text(query, "summarization"));
    http_form_add(&form, "listMode", "true");
    http_form_add(&form, "strict", "true"); /* no points outside of the window */
    http_form_add(&form, "sorted", "true");
    request->method = "GET";
    request->url = arena_printf(arena, "%s" CHART_PATH "?%s", account->base_url, form.bytes);
    request->advice = wavefront_advice;
    strbuf_clear(&form);
    out->requests = request;
    out->n_requests = 1;
    return account_sign_key(account, "apiToken", "Authorization", "Bearer ", arena, request, err);
}

/* --- the reply ---
 *
 *   {"query":"...","granularity":60,"warnings":null,"timeseries":[{"label":"cpu","host":"h",
 *     "tags":{"env":"prod"},"data":[[1767225600,1.0],[1767225660,2.0]]}]}
 *
 * Newer clusters report a query's error with status 200. */

enum { ROOT, SERIES_LIST, SERIES, TAGS, POINTS, POINT };

static const struct json_container containers[] = {
    {POINTS, NULL, true, POINT},
    {JSON_STREAM_TOP, NULL, false, ROOT},
    {ROOT, "timeseries", true, SERIES_LIST},
    {SERIES_LIST, NULL, false, SERIES},
    {SERIES, "tags", false, TAGS},
    {SERIES, "data", true, POINTS},
};

struct reader {
    struct json_stream stream;
    struct reply_series_list series;
    struct arena *arena;
    bool is_answer; /* it names its query, or has series: not any JSON */
    const char *error_type, *error_text, *warnings;
    size_t n_elements; /* of the point being read */
    int64_t time_ms;
    double value;
};

static struct reply_series *now(struct reader *r)
{
    return &r->series.items[r->series.n_items - 1];
}

static bool on_open(void *ctx, int place, int parent)
{
    struct reader *r = ctx;

    switch (place) {
    case SERIES_LIST:
        r->is_answer = true;
        return true;
    case SERIES:
        return reply_series_add(&r->series) != NULL;
    case POINT:
        r->n_elements = 0;
        return true;
    default:
        return (parent != TAGS && parent != POINT) ||
               json_stream_bad(&r->stream,
                               "a list or an object stands where a single value should");
    }
}

static bool on_close(void *ctx, int place)
{
    struct reader *r = ctx;

    if (place != POINT)
        return true;
    if (r->n_elements != 2)
        return json_stream_bad(&r->stream, "a point is not a pair of time and value");
    return reply_series_add_point(&r->series, now(r), r->time_ms, r->value);
}

static bool root_member(struct reader *r, const char *key, enum json_kind kind, struct str text)
{
    const struct {
        const char *key;
        const char **out;
    } texts[] = {{"errorType", &r->error_type},
                 {"errorMessage", &r->error_text},
                 {"warnings", &r->warnings}};

    if (kind != JSON_KIND_TEXT)
        return true;
    if (strcmp(key, "query") == 0)
        r->is_answer = true;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (strcmp(key, texts[i].key) == 0)
            *texts[i].out = arena_strndup(r->arena, text.bytes, text.n_bytes);
    return true;
}

static bool on_scalar(void *ctx, int place, const char *key, enum json_kind kind, struct str text)
{
    struct reader *r = ctx;

    switch (place) {
    case ROOT:
        return root_member(r, key, kind, text);
    case TAGS:
        return kind == JSON_KIND_TEXT ? reply_series_add_tag(&r->series, now(r), key, text)
                                      : json_stream_bad(&r->stream, "a tag is not text");
    case POINT:
        break;
    default:
        return true;
    }
    switch (r->n_elements++) {
    case 0:
        return (kind == JSON_KIND_NUMBER && reply_time_s(text, &r->time_ms)) ||
               json_stream_bad(&r->stream, "the time of a point is not a number of seconds");
    case 1:
        return json_stream_value(kind, text, &r->value) ||
               json_stream_bad(&r->stream, "the value of a point is not a number");
    default:
        return json_stream_bad(&r->stream, "a point is not a pair of time and value");
    }
}

static enum err_code check_reply(struct reader *r, const struct account *account)
{
    if (r->error_type || r->error_text) {
        const char *words = arena_printf(r->arena, "%s%s%s", r->error_type ? r->error_type : "",
                                         r->error_type && r->error_text ? ": " : "",
                                         r->error_text ? r->error_text : "");

        return error_because(
            r->stream.err, ERR_UPSTREAM, "store_error", "the query failed: %s",
            collector_shown(account, words, strlen(words), STORE_ERROR_BODY_BYTES, r->arena));
    }
    if (!r->is_answer)
        json_stream_bad(&r->stream, "it has neither \"timeseries\" nor a \"query\"");
    return r->stream.err->code;
}

/* On the grid that begins with the first point; what falls beside it is lost, as with Kayenta. */
static enum err_code make_set(struct reader *r, const struct metric_set *model,
                              struct reply_series *series, struct metric_set_list *out)
{
    struct metric_set *set = metric_set_list_add(out);

    *set = *model;
    set->tags = series->tags;
    reply_series_sort(series);
    set->start_unix_ms = series->points[0].time_ms;
    set->end_unix_ms = series->points[series->n_points - 1].time_ms;
    set->values =
        reply_series_grid(&r->series, series, set->step_ms, true, out->arena, &set->n_values);
    return r->stream.err->code;
}

static enum err_code make_sets(struct reader *r, const struct account *account,
                               const struct metric_query *query, const char *text,
                               struct metric_set_list *out)
{
    const char *summarization = metric_query_text(query, "summarization");
    struct metric_set_list one = {.arena = out->arena};
    struct metric_set *model; /* what all have in common; one copy of the query, it can be long */
    size_t n_before = out->n_sets;

    model = collector_placeholder(query, text, &one);
    if (r->warnings)
        tag_map_put(&model->attributes, out->arena, "warnings",
                    collector_shown(account, r->warnings, strlen(r->warnings),
                                    STORE_ERROR_BODY_BYTES, r->arena));
    if (summarization)
        tag_map_put(&model->attributes, out->arena, "summarization", summarization);
    for (size_t i = 0; i < r->series.n_items; i++)
        if (r->series.items[i].n_points && make_set(r, model, &r->series.items[i], out))
            return r->stream.err->code;
    if (out->n_sets == n_before)
        *metric_set_list_add(out) = *model;
    return ERR_OK;
}

static enum err_code wavefront_parse(const struct account *account,
                                     const struct metric_query *query, const char *text,
                                     const struct http_response *replies, size_t n_replies,
                                     struct metric_set_list *out, struct error *err)
{
    struct reader r = {
        .stream = {.question = "a chart query is answered with",
                   .known = containers,
                   .n_known = ARRAY_LEN(containers),
                   .ctx = &r,
                   .err = err,
                   .open = on_open,
                   .close = on_close,
                   .scalar = on_scalar},
        .series = {.arena = out->arena, .err = err},
        .arena = out->arena,
    };
    struct metric_query asked = *query;
    enum err_code rc =
        json_stream_read(&r.stream, (struct str){replies[0].body, replies[0].n_body_bytes});

    (void)n_replies;
    asked.scope = collector_window(account, query);
    if (rc == ERR_OK)
        rc = check_reply(&r, account);
    if (rc == ERR_OK)
        rc = make_sets(&r, account, &asked, text, out);
    reply_series_clear(&r.series);
    return rc;
}

/* {"errorType":...,"errorMessage":...}, {"status":{"message":...}} or plain text */
static const char *wavefront_error_text(const struct account *account,
                                        const struct http_response *reply, struct arena *arena)
{
    json_auto_t *root = collector_error_json(reply);
    const char *words = json_string_value(json_object_get(root, "errorMessage"));

    (void)account;
    if (!words)
        words = json_string_value(json_object_get(json_object_get(root, "status"), "message"));
    if (!words)
        words = json_string_value(json_object_get(root, "message"));
    return words ? arena_strdup(arena, words) : NULL;
}

const struct collector_type collector_wavefront = {
    .name = "wavefront",
    .needs_step = true,
    .query_text = wavefront_query_text,
    .build = wavefront_build,
    .parse = wavefront_parse,
    .error_text = wavefront_error_text,
    .probe_text = "ts(serinus.probe)",
};
