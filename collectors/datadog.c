/* collectors/datadog.c -- time series queries over the Datadog API.
 *
 * The query is `metric{scope}`, or a template's text as it is. v1 asks with GET and answers with a
 * point list for each series; v2 (account key apiVersion) asks with POST and answers with one list
 * of times for all series. Datadog chooses the interval itself, so step, start and end are those of
 * the reply. Keys travel in headers only: a URL ends up in somebody's log. */
#include "collectors/collector.h"

#include "base/clock.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "collectors/datadog_reply.h"
#include "collectors/query_template.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_URL "https://api.datadoghq.com"
#define METADATA_INTERVAL_MS 900000 /* calls for the list of metrics are limited per hour */
#define METADATA_WINDOW_S 3600      /* names of metrics that reported within */
#define DEFAULT_AGGREGATOR "avg"

static const char *datadog_default_url(const json_t *config, struct arena *arena)
{
    const char *site = json_text_of(config, "site", arena);

    return site && *site ? arena_printf(arena, "https://api.%s", site) : DEFAULT_URL;
}

static bool has_flag(const struct account *account, const char *key)
{
    const json_t *value = json_object_get(account->options, key);
    const char *text = json_string_value(value);

    return json_is_true(value) || (text && strcasecmp(text, "true") == 0);
}

static bool is_v2(const struct account *account)
{
    const char *version = json_string_value(json_object_get(account->options, "apiVersion"));

    return version && strcasecmp(version, "v2") == 0;
}

static enum err_code datadog_check_account(const struct account *account, struct error *err)
{
    const char *version = json_string_value(json_object_get(account->options, "apiVersion"));

    if (!account_has_key(account, "accessToken") &&
        (!account_has_key(account, "apiKey") || !account_has_key(account, "applicationKey")))
        return error_set(err, ERR_SETTINGS,
                         "it lacks \"apiKey\" and \"applicationKey\" (or \"accessToken\")");
    if (version && strcasecmp(version, "v1") != 0 && strcasecmp(version, "v2") != 0)
        return error_set(err, ERR_SETTINGS, "\"apiVersion\" must be v1 or v2");
    return ERR_OK;
}

/* --- the query text --- */

/* ".rollup(<aggregator>, <step>)", so that both sides get the same interval; "" when not wanted. */
static const char *rollup(const struct account *account, const struct metric_query *query,
                          const char *metric, struct arena *arena)
{
    const char *colon = strchr(metric, ':');

    if (!has_flag(account, "appendRollup") || query->scope.step_s == 0 ||
        strstr(metric, ".rollup("))
        return "";
    return arena_printf(arena, ".rollup(%.*s, %" PRId64 ")",
                        colon ? (int)(colon - metric) : (int)strlen(DEFAULT_AGGREGATOR),
                        colon ? metric : DEFAULT_AGGREGATOR, query->scope.step_s);
}

/* A comma is fine: it joins tags. */
static enum err_code check_scope(const struct metric_query *query, struct error *err)
{
    const struct scope *scope = &query->scope;

    if (template_check_scope(scope, query->metric_name, err))
        return err->code;
    if ((scope->scope && strpbrk(scope->scope, "()")) ||
        (scope->location && strpbrk(scope->location, "()")))
        return error_because(err, ERR_INVALID, "unsafe_template_value",
                             "the scope or the location of metric '%s' holds a parenthesis, which "
                             "could leave its place in the query",
                             query->metric_name);
    return ERR_OK;
}

static enum err_code datadog_query_text(const struct account *account,
                                        const struct metric_query *query, struct arena *arena,
                                        const char **out, struct error *err)
{
    const struct tag named[] = {{"scope", query->scope.scope}, {"location", query->scope.location}};
    const char *metric = metric_query_text(query, "metricName");

    if (account->reject_unsafe_values && check_scope(query, err))
        return err->code;
    if (template_expand_query(query, named, ARRAY_LEN(named), false, arena, out, err) || *out)
        return err->code;
    if (!metric)
        return error_set(err, ERR_INVALID,
                         "Metric Name is required when no custom filter template is given.");
    if (!query->scope.scope || query->scope.scope[0] == '\0')
        return error_set(err, ERR_INVALID,
                         "Scope is required when no custom filter template is given; use * for all "
                         "of a metric.");
    *out = arena_printf(arena, "%s{%s}%s", metric, query->scope.scope,
                        rollup(account, query, metric, arena));
    if (strlen(*out) > TEMPLATE_MAX_EXPANDED_BYTES)
        return error_because(err, ERR_INVALID, "template_too_large",
                             "the query of metric '%s' is larger than %u bytes", query->metric_name,
                             TEMPLATE_MAX_EXPANDED_BYTES);
    return ERR_OK;
}

/* --- the request --- */

static enum err_code sign(const struct account *account, struct arena *arena,
                          struct http_request *request, struct error *err)
{
    if (account_has_key(account, "accessToken"))
        return account_sign_key(account, "accessToken", "Authorization", "Bearer ", arena, request,
                                err);
    if (account_sign_key(account, "apiKey", "DD-API-KEY", "", arena, request, err) ||
        account_sign_key(account, "applicationKey", "DD-APPLICATION-KEY", "", arena, request, err))
        return err->code;
    return ERR_OK;
}

static void build_v1(const struct account *account, const struct scope *scope, const char *text,
                     struct arena *arena, struct http_request *out)
{
    struct strbuf form = {0};

    http_form_add(&form, "from", arena_printf(arena, "%" PRId64, scope->start_unix_ns / NS_PER_S));
    http_form_add(&form, "to", arena_printf(arena, "%" PRId64, scope->end_unix_ns / NS_PER_S));
    http_form_add(&form, "query", text);
    out->method = "GET";
    out->url = arena_printf(arena, "%s/api/v1/query?%s", account->base_url, form.bytes);
    strbuf_clear(&form);
}

static enum err_code build_v2(const struct account *account, const struct scope *scope,
                              const char *text, struct arena *arena, struct http_request *out,
                              struct error *err)
{
    json_auto_t *body = json_pack(
        "{s:{s:s, s:{s:I, s:I, s:[{s:s, s:s, s:s}], s:[{s:s}]}}}", "data", "type",
        "timeseries_request", "attributes", "from", (json_int_t)(scope->start_unix_ns / NS_PER_MS),
        "to", (json_int_t)(scope->end_unix_ns / NS_PER_MS), "queries", "data_source", "metrics",
        "name", "a", "query", text, "formulas", "formula", "a");

    if (scope->step_s > 0)
        json_object_set_new(json_object_get(json_object_get(body, "data"), "attributes"),
                            "interval", json_integer(scope->step_s * MS_PER_S));
    out->method = "POST";
    out->url = arena_printf(arena, "%s/api/v2/query/timeseries", account->base_url);
    out->body = json_write_arena(body, arena);
    out->n_body_bytes = strlen(out->body);
    return http_request_header(out, arena, "Content-Type", "application/json", err);
}

static enum err_code datadog_build(const struct account *account, const struct metric_query *query,
                                   const char *text, struct arena *arena,
                                   struct http_request_list *out, struct error *err)
{
    struct scope scope = collector_window(account, query);

    out->n_requests = 1;
    out->requests = arena_new(arena, struct http_request);
    if (!is_v2(account))
        build_v1(account, &scope, text, arena, out->requests);
    else if (build_v2(account, &scope, text, arena, out->requests, err))
        return err->code;
    return sign(account, arena, out->requests, err);
}

/* --- the reply --- */

static enum err_code datadog_parse(const struct account *account, const struct metric_query *query,
                                   const char *text, const struct http_response *replies,
                                   size_t n_replies, struct metric_set_list *out, struct error *err)
{
    struct metric_query asked = *query;
    const struct datadog_question question = {
        .account = account,
        .query = &asked,
        .text = text,
        .has_tags = has_flag(account, "tagsFromGroups"),
    };
    const struct str body = {replies[0].body, replies[0].n_body_bytes};

    (void)n_replies; /* always one */
    asked.scope = collector_window(account, query);
    return is_v2(account) ? datadog_v2_read(&question, body, out, err)
                          : datadog_v1_read(&question, body, out, err);
}

/* {"errors":["..."]} or {"error":"..."} */
static const char *datadog_error_text(const struct account *account,
                                      const struct http_response *reply, struct arena *arena)
{
    json_auto_t *root = collector_error_json(reply);
    const char *one = json_string_value(json_object_get(root, "error"));
    const json_t *text;
    struct strbuf out = {.max_bytes = STORE_ERROR_BODY_BYTES};
    const char *copy = NULL;
    size_t i;

    (void)account;
    json_array_foreach (json_object_get(root, "errors"), i, text)
        if (json_is_string(text))
            strbuf_printf(&out, "%s%s", out.n_bytes ? "; " : "", json_string_value(text));
    if (out.n_bytes || one)
        copy = arena_strdup(arena, out.n_bytes ? out.bytes : one);
    strbuf_clear(&out);
    return copy;
}

/* --- the names of all metrics --- */

static enum err_code datadog_names_build(const struct account *account, struct arena *arena,
                                         struct http_request *out, struct error *err)
{
    out->method = "GET";
    out->url = arena_printf(arena, "%s/api/v1/metrics?from=%" PRId64, account->base_url,
                            clock_wall_ms() / MS_PER_S - METADATA_WINDOW_S);
    return sign(account, arena, out, err);
}

static enum err_code datadog_names_parse(const struct account *account,
                                         const struct http_response *reply, json_t **out_list,
                                         struct error *err)
{
    (void)account;
    return collector_names_read(reply, "metrics", out_list, err);
}

static const struct collector_metadata datadog_metadata = {
    .interval_ms = METADATA_INTERVAL_MS,
    .build = datadog_names_build,
    .parse = datadog_names_parse,
};

const struct collector_type collector_datadog = {
    .name = "datadog",
    .default_url = datadog_default_url,
    .check_account = datadog_check_account,
    .query_text = datadog_query_text,
    .build = datadog_build,
    .parse = datadog_parse,
    .error_text = datadog_error_text,
    .metadata = &datadog_metadata,
};
