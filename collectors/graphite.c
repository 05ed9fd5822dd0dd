/* collectors/graphite.c -- render targets over the Graphite web API.
 *
 * The target is any expression; "$scope" and "$location" in it are replaced. No step is sent: the
 * resolution is that of the archive, so it is taken from the reply. The window's start is outside
 * of it and its end inside, both in whole seconds.
 *
 * What a target means is known to the server alone, but one that is not balanced is answered with
 * "no data", so that is found out before. */
#include "collectors/collector.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "collectors/graphite_names.h"
#include "collectors/json_stream.h"
#include "collectors/query_template.h"
#include "collectors/reply_series.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define RENDER_PATH "/render"
#define FORM_TYPE "application/x-www-form-urlencoded"
#define MAX_GET_URL_BYTES 4000u /* proxies cut at 8 kB; the rest is for what they add */
#define BUG_TEXT                                                                                   \
    "Graphite encountered an unexpected error" /* the same arguments, the same error               \
                                                */
#define SINGLE_STEP_MS 1000                    /* of a series with one point, as Kayenta has it */

/* --- the target --- */

static enum err_code unsafe(const struct metric_query *query, const char *name, struct error *err)
{
    return error_because(err, ERR_INVALID, "unsafe_template_value",
                         "the value of '%s' could leave its place in the query of metric '%s'; "
                         "parentheses and commas are not allowed there",
                         name, query->metric_name);
}

/* Put `value` in place of each `name`. Inside quotes it must not end them. */
static enum err_code replace(const struct account *account, const struct metric_query *query,
                             const char *name, const char *value, const char **text,
                             struct arena *arena, struct error *err)
{
    struct strbuf out = {.max_bytes = TEMPLATE_MAX_EXPANDED_BYTES};
    size_t n_name = strlen(name);
    const char *at = *text;
    char quote = 0;

    if (!value || value[0] == '\0' || !strstr(at, name))
        return ERR_OK;
    if (account->reject_unsafe_values && strpbrk(value, "(),"))
        return unsafe(query, name + 1, err);
    while (*at && !err->code) {
        if (strncmp(at, name, n_name) == 0) {
            strbuf_puts(&out, value);
            at += n_name;
            if (quote && template_check_quoted(name + 1, value, quote, query->metric_name, err))
                break;
            continue;
        }
        if (*at == '\\' && quote && at[1]) {
            strbuf_append(&out, at, 2);
            at += 2;
            continue;
        }
        if (quote ? *at == quote : *at == '"' || *at == '\'')
            quote = quote ? 0 : *at;
        strbuf_append(&out, at++, 1);
    }
    if (!err->code && out.is_full)
        error_because(err, ERR_INVALID, "template_too_large",
                      "the query of metric '%s' is larger than %u bytes", query->metric_name,
                      TEMPLATE_MAX_EXPANDED_BYTES);
    *text = arena_strndup(arena, out.bytes, out.n_bytes);
    strbuf_clear(&out);
    return err->code;
}

static enum err_code unbalanced(const struct metric_query *query, const char *what, char c,
                                struct error *err)
{
    return error_because(err, ERR_INVALID, "bad_query",
                         "the Graphite target of metric '%s' %s %c; the server would answer that "
                         "there is no data",
                         query->metric_name, what, c);
}

static enum err_code check_balance(const struct metric_query *query, const char *target,
                                   struct arena *arena, struct error *err)
{
    static const char opening[] = "({[", closing[] = ")}]";
    char *open = arena_strdup(arena, target); /* at most as many as there are bytes */
    size_t n_open = 0;

    for (const char *at = target; *at; at++) {
        if (*at == '"' || *at == '\'') {
            const char *end = at + 1;

            while (*end && *end != *at)
                end += *end == '\\' && end[1] ? 2 : 1;
            if (!*end)
                return unbalanced(query, "has no closing", *at, err);
            at = end;
        } else if (strchr(opening, *at)) {
            open[n_open++] = closing[strchr(opening, *at) - opening];
        } else if (strchr(closing, *at)) {
            if (n_open == 0 || open[--n_open] != *at)
                return unbalanced(query, "closes without opening it:", *at, err);
        }
    }
    return n_open ? unbalanced(query, "has no closing", open[n_open - 1], err) : ERR_OK;
}

static enum err_code graphite_query_text(const struct account *account,
                                         const struct metric_query *query, struct arena *arena,
                                         const char **out, struct error *err)
{
    const char *text = metric_query_text(query, "metricName");

    if (!text)
        return error_because(err, ERR_INVALID, "bad_query",
                             "the Graphite query of metric '%s' needs a metricName",
                             query->metric_name);
    if (strlen(text) > TEMPLATE_MAX_EXPANDED_BYTES)
        return error_because(err, ERR_INVALID, "template_too_large",
                             "the query of metric '%s' is larger than %u bytes", query->metric_name,
                             TEMPLATE_MAX_EXPANDED_BYTES);
    if ((account->reject_unsafe_values &&
         template_check_scope(&query->scope, query->metric_name, err)) ||
        replace(account, query, "$scope", query->scope.scope, &text, arena, err) ||
        replace(account, query, "$location", query->scope.location, &text, arena, err) ||
        check_balance(query, text, arena, err))
        return err->code;
    *out = text;
    return ERR_OK;
}

/* --- the request --- */

static enum reply_advice graphite_advice(long status, struct str body)
{
    return status == 500 && memmem(body.bytes, body.n_bytes, BUG_TEXT, strlen(BUG_TEXT))
               ? REPLY_IS_FINAL
               : REPLY_BY_STATUS;
}

static bool is_consolidated(const struct account *account, struct arena *arena)
{
    const char *text = json_text_of(account->options, "consolidate", arena);

    return text && strcasecmp(text, "true") == 0;
}

static enum err_code graphite_build(const struct account *account, const struct metric_query *query,
                                    const char *text, struct arena *arena,
                                    struct http_request_list *out, struct error *err)
{
    const struct scope scope = collector_window(account, query);
    struct http_request *request = arena_new(arena, struct http_request);
    int64_t from_s = scope.start_unix_ns / NS_PER_S;
    int64_t until_s = scope.end_unix_ns / NS_PER_S;
    struct strbuf form = {0};

    http_form_add(&form, "target", text);
    http_form_add(&form, "from", arena_printf(arena, "%" PRId64, from_s));
    http_form_add(&form, "until", arena_printf(arena, "%" PRId64, until_s));
    http_form_add(&form, "format", "json");
    if (scope.step_s > 0 && until_s - from_s >= scope.step_s && is_consolidated(account, arena))
        http_form_add(&form, "maxDataPoints",
                      arena_printf(arena, "%" PRId64, (until_s - from_s) / scope.step_s));
    request->advice = graphite_advice;
    request->method = "GET";
    request->url = arena_printf(arena, "%s" RENDER_PATH "?%s", account->base_url, form.bytes);
    if (strlen(request->url) > MAX_GET_URL_BYTES) {
        request->method = "POST";
        request->url = arena_printf(arena, "%s" RENDER_PATH, account->base_url);
        request->body = arena_strndup(arena, form.bytes, form.n_bytes);
        request->n_body_bytes = form.n_bytes;
    }
    strbuf_clear(&form);
    out->requests = request;
    out->n_requests = 1;
    return request->body ? http_request_header(request, arena, "Content-Type", FORM_TYPE, err)
                         : ERR_OK;
}

/* --- the reply ---
 *
 *   [{"target":"a.b","tags":{"name":"a.b"},"datapoints":[[3.884,1767225660],[null,1767225720]]}]
 *
 * An infinity is written 1e9999, which is why this is not left to a reader of trees. */

enum { LIST, SERIES, POINTS, POINT };

static const struct json_container containers[] = {
    {JSON_STREAM_TOP, NULL, true, LIST},
    {LIST, NULL, false, SERIES},
    {SERIES, "datapoints", true, POINTS},
    {POINTS, NULL, true, POINT},
};

struct reader {
    struct json_stream stream;
    struct reply_series_list series;
    bool has_points;
    size_t n_elements; /* of the point being read */
    double value;
    int64_t time_ms;
};

static bool on_open(void *ctx, int place, int parent)
{
    struct reader *r = ctx;

    (void)parent;
    switch (place) {
    case SERIES:
        r->has_points = false;
        return reply_series_add(&r->series) != NULL;
    case POINTS:
        if (r->has_points)
            return json_stream_bad(&r->stream, "a series has two \"datapoints\"");
        r->has_points = true;
        return true;
    case POINT:
        r->n_elements = 0;
        return true;
    default:
        return true;
    }
}

static bool on_close(void *ctx, int place)
{
    struct reader *r = ctx;

    if (place == SERIES && !r->has_points)
        return json_stream_bad(&r->stream, "a series has no \"datapoints\"");
    if (place != POINT)
        return true;
    if (r->n_elements != 2)
        return json_stream_bad(&r->stream, "a point is not a pair of value and time");
    return reply_series_add_point(&r->series, &r->series.items[r->series.n_items - 1], r->time_ms,
                                  r->value);
}

static bool on_scalar(void *ctx, int place, const char *key, enum json_kind kind, struct str text)
{
    struct reader *r = ctx;

    (void)key;
    if (place != POINT)
        return true;
    switch (r->n_elements++) {
    case 0:
        return json_stream_value(kind, text, &r->value) ||
               json_stream_bad(&r->stream, "the value of a point is not a number");
    case 1:
        return (kind == JSON_KIND_NUMBER && reply_time_s(text, &r->time_ms)) ||
               json_stream_bad(&r->stream, "the time of a point is not a number of seconds");
    default:
        return json_stream_bad(&r->stream, "a point is not a pair of value and time");
    }
}

/* Kayenta's reading: from the first to the last point, with the step of the first two. */
static void make_set(const struct metric_set *model, struct reply_series *series,
                     struct metric_set_list *out)
{
    struct metric_set *set = metric_set_list_add(out);

    *set = *model;
    reply_series_sort(series);
    set->start_unix_ms = series->points[0].time_ms;
    set->end_unix_ms = series->points[series->n_points - 1].time_ms;
    set->step_ms =
        series->n_points > 1 ? series->points[1].time_ms - set->start_unix_ms : SINGLE_STEP_MS;
    set->values = reply_series_values(series, out->arena);
    set->n_values = series->n_points;
}

static enum err_code graphite_parse(const struct account *account, const struct metric_query *query,
                                    const char *text, const struct http_response *replies,
                                    size_t n_replies, struct metric_set_list *out,
                                    struct error *err)
{
    struct reader r = {
        .stream = {.question = "a render request is answered with",
                   .known = containers,
                   .n_known = ARRAY_LEN(containers),
                   .ctx = &r,
                   .err = err,
                   .open = on_open,
                   .close = on_close,
                   .scalar = on_scalar},
        .series = {.arena = out->arena, .err = err},
    };
    struct metric_query asked = *query;
    struct metric_set_list one = {.arena = out->arena};
    struct metric_set *model; /* what all have in common; one copy of the query, it can be long */
    size_t n_before = out->n_sets;
    enum err_code rc =
        json_stream_read(&r.stream, (struct str){replies[0].body, replies[0].n_body_bytes});

    (void)n_replies;
    asked.scope = collector_window(account, query);
    model = collector_placeholder(&asked, text, &one);
    for (size_t i = 0; rc == ERR_OK && i < r.series.n_items; i++)
        if (r.series.items[i].n_points)
            make_set(model, &r.series.items[i], out);
    if (rc == ERR_OK && out->n_sets == n_before)
        *metric_set_list_add(out) = *model;
    reply_series_clear(&r.series);
    return rc;
}

/* Errors come as a page of HTML, or as plain text, which needs no reading. */
static const char *graphite_error_text(const struct account *account,
                                       const struct http_response *reply, struct arena *arena)
{
    struct strbuf words = {.max_bytes = STORE_ERROR_BODY_BYTES + SECRET_MAX_BYTES};
    size_t start = strspn(reply->body, " \t\r\n");
    const char *text = NULL;
    bool is_gap = false;

    (void)account;
    if (reply->body[start] != '<')
        return NULL;
    for (const char *at = reply->body + start; *at && !words.is_full; at++) {
        if (*at == '<') {
            at += strcspn(at, ">");
            is_gap = true;
        } else if (strchr(" \t\r\n", *at)) {
            is_gap = true;
        } else {
            if (is_gap && words.n_bytes)
                strbuf_append(&words, " ", 1);
            is_gap = false;
            strbuf_append(&words, at, 1);
        }
        if (!*at)
            break;
    }
    if (words.n_bytes)
        text = arena_strndup(arena, words.bytes, words.n_bytes);
    strbuf_clear(&words);
    return text;
}

const struct collector_type collector_graphite = {
    .name = "graphite",
    .query_text = graphite_query_text,
    .build = graphite_build,
    .parse = graphite_parse,
    .error_text = graphite_error_text,
    .completion = &graphite_completion,
    .version_path = "/version",
};
