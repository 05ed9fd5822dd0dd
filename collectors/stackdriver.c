/* collectors/stackdriver.c -- time series of Google Cloud Monitoring v3.
 *
 * A filter is put together from metric type, resource type and scope (or a template), and series
 * are listed page by page, newest point first. A template that begins with "MQL:" or "PromQL:", or
 * the account key queryLanguage, asks in another language: MQL has a call of its own with pages,
 * PromQL goes to Google's Prometheus API and is answered like Prometheus' own. */
#include "collectors/collector.h"

#include "base/instant.h"
#include "base/json.h"
#include "collectors/prometheus_reply.h"
#include "collectors/stackdriver_query.h"
#include "collectors/stackdriver_reply.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_URL "https://monitoring.googleapis.com"
#define TOTAL_TIMEOUT_MS 120000
#define PAGE_POINTS 100000 /* the most a page may have */
#define FORM_TYPE "application/x-www-form-urlencoded"
#define DEFAULT_REDUCER "REDUCE_MEAN"
#define DEFAULT_ALIGNER "ALIGN_MEAN"

/* --- the account --- */

static const char *stackdriver_default_url(const json_t *config, struct arena *arena)
{
    (void)config;
    (void)arena;
    return DEFAULT_URL;
}

static enum err_code stackdriver_check_account(const struct account *account, struct error *err)
{
    const char *language = json_string_value(json_object_get(account->options, "queryLanguage"));

    if (!*stackdriver_project(account))
        return error_set(err, ERR_SETTINGS, "it lacks \"project\"");
    if (language && strcasecmp(language, "list") != 0 && !stackdriver_prefix(account))
        return error_set(err, ERR_SETTINGS, "\"queryLanguage\" must be list, mql or promql");
    return ERR_OK;
}

/* --- the requests --- */

/* Of the config, else of the request, else the usual one. */
static const char *either(const struct metric_query *query, const char *key, const char *usual)
{
    const char *text = metric_query_text(query, key);

    if (!text)
        text = metric_query_param(query, key);
    return text ? text : usual;
}

static enum err_code add_list_fields(const struct metric_query *query, struct strbuf *form,
                                     struct error *err)
{
    const json_t *fields = json_object_get(query->config, "groupByFields");
    const json_t *field;
    size_t i;

    if (fields && !json_is_null(fields) && !json_is_array(fields))
        return error_because(err, ERR_INVALID, "bad_type",
                             "\"groupByFields\" must be a list of text");
    json_array_foreach (fields, i, field) {
        if (!json_is_string(field))
            return error_because(err, ERR_INVALID, "bad_type",
                                 "\"groupByFields\" must be a list of text");
        http_form_add(form, "aggregation.groupByFields", json_string_value(field));
    }
    return ERR_OK;
}

static enum err_code build_list(const struct account *account, const struct metric_query *query,
                                const char *text, const char *page, struct arena *arena,
                                struct http_request *out, struct error *err)
{
    struct scope scope = collector_window(account, query);
    char start[INSTANT_TEXT_BYTES], end[INSTANT_TEXT_BYTES];
    struct strbuf url = {0}, form = {0};

    http_form_add(&form, "filter", text);
    http_form_add(&form, "interval.startTime", instant_text(scope.start_unix_ns, start));
    http_form_add(&form, "interval.endTime", instant_text(scope.end_unix_ns, end));
    http_form_add(&form, "aggregation.alignmentPeriod",
                  arena_printf(arena, "%" PRId64 "s", scope.step_s));
    http_form_add(&form, "aggregation.perSeriesAligner",
                  either(query, "perSeriesAligner", DEFAULT_ALIGNER));
    http_form_add(&form, "aggregation.crossSeriesReducer",
                  either(query, "crossSeriesReducer", DEFAULT_REDUCER));
    if (add_list_fields(query, &form, err) == ERR_OK) {
        http_form_add(&form, "pageSize", arena_printf(arena, "%d", PAGE_POINTS));
        http_form_add(&form, "pageToken", page);
        strbuf_printf(&url, "%s/v3/projects/", account->base_url);
        http_percent_encode(&url, stackdriver_project(account));
        strbuf_printf(&url, "/timeSeries?%s", form.bytes);
        out->method = "GET";
        out->url = arena_strdup(arena, url.bytes);
    }
    strbuf_clear(&form);
    strbuf_clear(&url);
    return err->code;
}

static enum err_code build_mql(const struct account *account, const char *text, const char *page,
                               struct arena *arena, struct http_request *out, struct error *err)
{
    json_auto_t *body = json_pack("{s:s, s:i}", "query", text, "pageSize", PAGE_POINTS);
    struct strbuf url = {0};

    json_set_text(body, "pageToken", page);
    strbuf_printf(&url, "%s/v3/projects/", account->base_url);
    http_percent_encode(&url, stackdriver_project(account));
    strbuf_puts(&url, "/timeSeries:query");
    out->method = "POST";
    out->url = arena_strdup(arena, url.bytes);
    out->body = json_write_arena(body, arena);
    out->n_body_bytes = strlen(out->body);
    strbuf_clear(&url);
    return http_request_header(out, arena, "Content-Type", "application/json", err);
}

static enum err_code build_promql(const struct account *account, const struct metric_query *query,
                                  const char *text, struct arena *arena, struct http_request *out,
                                  struct error *err)
{
    struct scope scope = collector_window(account, query);
    char start[INSTANT_TEXT_BYTES], end[INSTANT_TEXT_BYTES];
    struct strbuf url = {0}, form = {0};

    http_form_add(&form, "query", text);
    http_form_add(&form, "start", instant_text(scope.start_unix_ns, start));
    http_form_add(&form, "end", instant_text(scope.end_unix_ns, end));
    http_form_add(&form, "step", arena_printf(arena, "%" PRId64, scope.step_s));
    strbuf_printf(&url, "%s/v1/projects/", account->base_url);
    http_percent_encode(&url, stackdriver_project(account));
    strbuf_puts(&url, "/location/global/prometheus/api/v1/query_range");
    out->method = "POST";
    out->url = arena_strdup(arena, url.bytes);
    out->body = arena_strdup(arena, form.bytes);
    out->n_body_bytes = form.n_bytes;
    strbuf_clear(&form);
    strbuf_clear(&url);
    return http_request_header(out, arena, "Content-Type", FORM_TYPE, err);
}

static enum err_code build_page(const struct account *account, const struct metric_query *query,
                                const char *text, const char *page, struct arena *arena,
                                struct http_request_list *out, struct error *err)
{
    const char *quota_project =
        json_string_value(json_object_get(account->options, "quotaProject"));
    struct http_request *request = arena_new(arena, struct http_request);
    const char *rest;

    out->n_requests = 1;
    out->requests = request;
    switch (stackdriver_language(text, &rest)) {
    case LANGUAGE_MQL:
        (void)(build_mql(account, rest, page, arena, request, err) == ERR_OK);
        break;
    case LANGUAGE_PROMQL:
        (void)(build_promql(account, query, rest, arena, request, err) == ERR_OK);
        break;
    case LANGUAGE_LIST:
        (void)(build_list(account, query, rest, page, arena, request, err) == ERR_OK);
        break;
    }
    if (err->code)
        return err->code;
    return quota_project && *quota_project
               ? http_request_header(request, arena, "x-goog-user-project", quota_project, err)
               : ERR_OK;
}

static enum err_code stackdriver_build(const struct account *account,
                                       const struct metric_query *query, const char *text,
                                       struct arena *arena, struct http_request_list *out,
                                       struct error *err)
{
    return build_page(account, query, text, NULL, arena, out, err);
}

static enum err_code stackdriver_next(const struct account *account,
                                      const struct metric_query *query, const char *text,
                                      const struct http_response *replies, size_t n_replies,
                                      struct arena *arena, struct http_request_list *more,
                                      struct error *err)
{
    const struct http_response *last = &replies[n_replies - 1];
    const char *page, *rest;

    if (stackdriver_language(text, &rest) == LANGUAGE_PROMQL ||
        stackdriver_page_token((struct str){last->body, last->n_body_bytes}, arena, &page, err) ||
        !page)
        return err->code;
    return build_page(account, query, text, page, arena, more, err);
}

/* --- the replies --- */

static enum err_code stackdriver_parse(const struct account *account,
                                       const struct metric_query *query, const char *text,
                                       const struct http_response *replies, size_t n_replies,
                                       struct metric_set_list *out, struct error *err)
{
    struct metric_query asked = *query;
    struct stackdriver_question question = {
        .account = account,
        .query = &asked,
        .reducer = either(query, "crossSeriesReducer", DEFAULT_REDUCER),
        .aligner = either(query, "perSeriesAligner", DEFAULT_ALIGNER),
    };
    enum stackdriver_language language = stackdriver_language(text, &question.text);

    asked.scope = collector_window(account, query);
    switch (language) {
    case LANGUAGE_PROMQL:
        return prometheus_reply_read(account, &asked, question.text, replies, n_replies, out, err);
    case LANGUAGE_MQL:
        return stackdriver_mql_read(&question, replies, n_replies, out, err);
    default:
        return stackdriver_list_read(&question, replies, n_replies, out, err);
    }
}

/* {"error":{"code":400,"message":"...","status":"INVALID_ARGUMENT"}} */
static const char *stackdriver_error_text(const struct account *account,
                                          const struct http_response *reply, struct arena *arena)
{
    json_auto_t *root = collector_error_json(reply);
    const json_t *error = json_object_get(root, "error");
    const char *status = json_string_value(json_object_get(error, "status"));
    const char *message = json_string_value(json_object_get(error, "message"));

    (void)account;
    if (!message)
        return NULL;
    return arena_printf(arena, "%s%s%s", status ? status : "", status ? ": " : "", message);
}

/* --- what can be asked for --- */

static void ask_names(const struct account *account, const char *page, struct arena *arena,
                      struct http_request *out)
{
    struct strbuf url = {0}, form = {0};

    http_form_add(&form, "pageSize", "10000"); /* as many as there can be */
    http_form_add(&form, "pageToken", page);
    strbuf_printf(&url, "%s/v3/projects/", account->base_url);
    http_percent_encode(&url, stackdriver_project(account));
    strbuf_printf(&url, "/metricDescriptors?%s", form.bytes);
    out->method = "GET";
    out->url = arena_strdup(arena, url.bytes);
    strbuf_clear(&form);
    strbuf_clear(&url);
}

static enum err_code stackdriver_names_build(const struct account *account, struct arena *arena,
                                             struct http_request *out, struct error *err)
{
    (void)err;
    ask_names(account, NULL, arena, out);
    return ERR_OK;
}

static enum err_code stackdriver_names_next(const struct account *account, const char *text,
                                            const struct http_response *reply, struct arena *arena,
                                            struct http_request_list *more, struct error *err)
{
    const char *page;

    (void)text;
    if (stackdriver_page_token((struct str){reply->body, reply->n_body_bytes}, arena, &page, err) ||
        !page)
        return err->code;
    more->n_requests = 1;
    more->requests = arena_new(arena, struct http_request);
    ask_names(account, page, arena, more->requests);
    return ERR_OK;
}

/* Each descriptor as it is. */
static enum err_code stackdriver_names_parse(const struct account *account,
                                             const struct http_response *reply, json_t **out_list,
                                             struct error *err)
{
    struct error why = {0};
    json_auto_t *root = NULL;
    json_t *list, *one;
    size_t i;

    (void)account;
    if (json_read((struct str){reply->body, reply->n_body_bytes}, &json_limits_reply, &root, &why))
        return error_because(err, ERR_UPSTREAM, "store_bad_response",
                             "the list of metric descriptors cannot be read: %s", why.message);
    list = json_array();
    json_array_foreach (json_object_get(root, "metricDescriptors"), i, one)
        if (json_is_string(json_object_get(one, "name")))
            json_array_append(list, one);
    *out_list = list;
    return ERR_OK;
}

static const struct collector_metadata stackdriver_metadata = {
    .build = stackdriver_names_build,
    .parse = stackdriver_names_parse,
    .next = stackdriver_names_next,
};

const struct collector_type collector_stackdriver = {
    .name = "stackdriver",
    .needs_step = true,
    .is_at_google = true,
    .default_url = stackdriver_default_url,
    .total_timeout_ms = TOTAL_TIMEOUT_MS,
    .check_account = stackdriver_check_account,
    .query_text = stackdriver_query_text,
    .build = stackdriver_build,
    .next = stackdriver_next,
    .parse = stackdriver_parse,
    .error_text = stackdriver_error_text,
    .metadata = &stackdriver_metadata,
};
