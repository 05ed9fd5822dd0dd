/* collectors/atlas.c -- stack expressions over the HTTP API of Netflix Atlas.
 *
 * An account names either one server or a server of backends, which says for each query what host
 * to ask: then two files are read first. Credentials and headers of the account go to that host,
 * too. */
#include "collectors/collector.h"

#include "base/id.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "collectors/atlas_backends.h"
#include "collectors/atlas_reply.h"
#include "collectors/query_template.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define BACKENDS_PATH "/api/v1/atlas/backends.json"
#define STORAGE_PATH "/api/v1/atlas/storage.json"
#define FETCH_PATH "/api/v2/fetch"
#define GRAPH_PATH "/api/v1/graph"
#define BACKENDS_LIFE_MS 122000 /* as often as Kayenta reads them */
#define DEFAULT_TYPE "cluster"
#define DEFAULT_SCHEME "https"
#define TOTAL_TIMEOUT_MS 90000
#define CONNECT_TIMEOUT_MS 30000

enum { BACKENDS_REPLY, STORAGE_REPLY, N_FILES };

/* --- accounts --- */

static const char *option(const struct account *account, const char *key)
{
    const char *text = json_string_value(json_object_get(account->options, key));

    return text && *text ? text : NULL;
}

static const char *atlas_default_url(const json_t *config, struct arena *arena)
{
    return json_text_of(config, "backendsJsonBaseUrl", arena);
}

/* Whether the account says which server to ask, under any of a URL's names. */
static bool names_server(const struct account *account)
{
    const json_t *endpoint = json_object_get(account->options, "endpoint");

    return option(account, "endpoint.baseUrl") || option(account, "baseUrl") ||
           option(account, "url") || json_string_value(json_object_get(endpoint, "baseUrl"));
}

static bool has_backends(const struct account *account)
{
    return option(account, "backendsJsonBaseUrl") && !names_server(account);
}

static const char *scheme_of(const struct account *account)
{
    const char *scheme = option(account, "scheme");

    return scheme ? scheme : DEFAULT_SCHEME;
}

static bool is_graph(const struct account *account)
{
    const char *api = option(account, "api");

    return api && strcmp(api, "graph") == 0;
}

static enum err_code atlas_check_account(const struct account *account, struct error *err)
{
    const char *api = option(account, "api");

    if (!has_backends(account) && !names_server(account))
        return error_set(err, ERR_SETTINGS,
                         "\"backendsJsonBaseUrl\" or \"endpoint.baseUrl\" must say where Atlas is");
    if (strcmp(scheme_of(account), "http") != 0 && strcmp(scheme_of(account), "https") != 0)
        return error_set(err, ERR_SETTINGS, "\"scheme\" must be http or https");
    if (api && strcmp(api, "graph") != 0 && strcmp(api, "fetch") != 0)
        return error_set(err, ERR_SETTINGS, "\"api\" must be fetch or graph");
    return ERR_OK;
}

/* --- the expression --- */

static enum err_code bad_scope(const struct metric_query *query, const char *type,
                               struct error *err)
{
    if (!query->scope.scope || query->scope.scope[0] == '\0')
        return error_because(err, ERR_INVALID, "bad_scope",
                             "the Atlas query of metric '%s' needs a scope", query->metric_name);
    return error_because(err, ERR_INVALID, "bad_scope", "Scope type '%s' is unknown: scope=%s",
                         type, query->scope.scope);
}

/* A scope that would be more than one word of the expression. */
static bool is_word(const char *scope)
{
    return scope[0] != ':' && !strpbrk(scope, ",()");
}

static enum err_code atlas_query_text(const struct account *account,
                                      const struct metric_query *query, struct arena *arena,
                                      const char **out, struct error *err)
{
    const char *q = metric_query_text(query, "q");
    const char *type = metric_query_param(query, "type");
    const char *scope = query->scope.scope;
    bool is_expression;

    type = type ? type : DEFAULT_TYPE;
    is_expression = strcmp(type, "query") == 0;
    if (!q)
        return error_because(err, ERR_INVALID, "bad_query",
                             "the Atlas query of metric '%s' needs a q", query->metric_name);
    if (!scope || !*scope ||
        (!is_expression && strcmp(type, "asg") != 0 && strcmp(type, "cluster") != 0))
        return bad_scope(query, type, err);
    if (account->reject_unsafe_values &&
        template_check_scope(&query->scope, query->metric_name, err))
        return err->code;
    if (account->reject_unsafe_values && !is_expression && !is_word(scope))
        return error_because(err, ERR_INVALID, "unsafe_template_value",
                             "the value of 'scope' could leave its place in the query of metric "
                             "'%s'; it must be one word of a stack expression",
                             query->metric_name);
    if (is_expression)
        *out = arena_printf(arena, "%s,:list,(,%s,:cq,),:each", q, scope);
    else
        *out = arena_printf(arena, "%s,:list,(,nf.%s,%s,:eq,:cq,),:each", q, type, scope);
    if (strlen(*out) > TEMPLATE_MAX_EXPANDED_BYTES)
        return error_because(err, ERR_INVALID, "template_too_large",
                             "the query of metric '%s' is larger than %u bytes", query->metric_name,
                             TEMPLATE_MAX_EXPANDED_BYTES);
    return ERR_OK;
}

/* --- the requests --- */

static void build_fetch(const struct account *account, const struct metric_query *query,
                        const char *text, const char *base_url, struct arena *arena,
                        struct http_request_list *out)
{
    struct scope scope = collector_window(account, query);
    struct http_request *request = arena_new(arena, struct http_request);
    char step[INSTANT_TEXT_BYTES], uuid[UUID_BYTES];
    struct strbuf form = {0};

    http_form_add(&form, "q", text);
    http_form_add(&form, "s", arena_printf(arena, "%" PRId64, scope.start_unix_ns / NS_PER_MS));
    http_form_add(&form, "e", arena_printf(arena, "%" PRId64, scope.end_unix_ns / NS_PER_MS));
    http_form_add(&form, "step", duration_text(scope.step_s * NS_PER_S, step));
    if (is_graph(account)) {
        http_form_add(&form, "format", "std.json");
    } else {
        http_form_add(&form, "id", option(account, "fetchId"));
        http_form_add(&form, "kayentaQueryUUID", id_uuid(uuid));
        request->advice = atlas_stream_advice;
        request->is_stream = true;
    }
    request->method = "GET";
    request->url = arena_printf(arena, "%s%s?%s", base_url,
                                is_graph(account) ? GRAPH_PATH : FETCH_PATH, form.bytes);
    strbuf_clear(&form);
    out->requests = request;
    out->n_requests = 1;
}

static enum err_code atlas_build(const struct account *account, const struct metric_query *query,
                                 const char *text, struct arena *arena,
                                 struct http_request_list *out, struct error *err)
{
    static const char *const paths[N_FILES] = {
        [BACKENDS_REPLY] = BACKENDS_PATH,
        [STORAGE_REPLY] = STORAGE_PATH,
    };

    (void)err;
    if (!has_backends(account)) {
        build_fetch(account, query, text, account->base_url, arena, out);
        return ERR_OK;
    }
    out->n_requests = N_FILES;
    out->requests = arena_array(arena, struct http_request, N_FILES);
    for (size_t i = 0; i < N_FILES; i++) {
        out->requests[i].method = "GET";
        out->requests[i].keep_ms = BACKENDS_LIFE_MS;
        out->requests[i].url = arena_printf(arena, "%s%s", account->base_url, paths[i]);
    }
    return ERR_OK;
}

/* Where the data is: the account's own server, or what the two files say. */
static enum err_code find_server(const struct account *account, const struct metric_query *query,
                                 const struct http_response *replies, struct arena *arena,
                                 const char **out, struct error *err)
{
    const char *host;

    *out = account->base_url;
    if (!has_backends(account))
        return ERR_OK;
    if (atlas_find_host(query, &replies[BACKENDS_REPLY], &replies[STORAGE_REPLY], arena, &host,
                        err))
        return err->code;
    *out = arena_printf(arena, "%s://%s", scheme_of(account), host);
    return ERR_OK;
}

static enum err_code atlas_next(const struct account *account, const struct metric_query *query,
                                const char *text, const struct http_response *replies,
                                size_t n_replies, struct arena *arena,
                                struct http_request_list *more, struct error *err)
{
    const char *base_url;

    if (!has_backends(account) || n_replies > N_FILES)
        return ERR_OK;
    if (find_server(account, query, replies, arena, &base_url, err))
        return err->code;
    build_fetch(account, query, text, base_url, arena, more);
    return ERR_OK;
}

static enum err_code atlas_parse(const struct account *account, const struct metric_query *query,
                                 const char *text, const struct http_response *replies,
                                 size_t n_replies, struct metric_set_list *out, struct error *err)
{
    const struct http_response *last = &replies[n_replies - 1];
    const char *base_url;

    if (find_server(account, query, replies, out->arena, &base_url, err))
        return err->code;
    return is_graph(account) ? atlas_graph_read(account, query, text, base_url, last, out, err)
                             : atlas_stream_read(account, query, text, base_url, last, out, err);
}

/* {"type":"error","message":"..."} */
static const char *atlas_error_text(const struct account *account,
                                    const struct http_response *reply, struct arena *arena)
{
    json_auto_t *root = collector_error_json(reply);
    const char *words = json_string_value(json_object_get(root, "message"));

    (void)account;
    return words ? arena_strdup(arena, words) : NULL;
}

const struct collector_type collector_atlas = {
    .name = "atlas",
    .needs_step = true,
    .default_url = atlas_default_url,
    .connect_timeout_ms = CONNECT_TIMEOUT_MS,
    .total_timeout_ms = TOTAL_TIMEOUT_MS,
    .check_account = atlas_check_account,
    .query_text = atlas_query_text,
    .build = atlas_build,
    .next = atlas_next,
    .parse = atlas_parse,
    .error_text = atlas_error_text,
    .probe_text = "name,serinus.probe,:eq,:sum",
};
