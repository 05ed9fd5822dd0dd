#include "collectors/collector.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/version.h"
#include "collectors/retry.h"

#include <ctype.h>
#include <string.h>

#define MAX_SHOWN_URL_BYTES 1024u /* so that the store's own words still fit into the message */

#define COLLECTOR(name) extern const struct collector_type collector_##name;
#include "collectors/list.h"
#undef COLLECTOR

static const struct collector_type *const collectors[] = {
#define COLLECTOR(name) &collector_##name,
#include "collectors/list.h"
#undef COLLECTOR
};

const struct collector_type *collector_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(collectors); i++)
        if (strcmp(collectors[i]->name, name) == 0)
            return collectors[i];
    return NULL;
}

enum err_code collector_check_account(const struct account *account, struct error *err)
{
    const struct collector_type *type = collector_find(account->type);

    return type && type->check_account ? type->check_account(account, err) : ERR_OK;
}

static bool has_header(const struct http_request *request, const char *name)
{
    const struct http_response view = {.headers = request->headers,
                                       .n_headers = request->n_headers};

    return http_response_header(&view, name) != NULL;
}

enum err_code collector_complete(const struct account *account, struct arena *arena,
                                 struct http_request *request, struct error *err)
{
    if (account_sign(account, arena, request, err) ||
        (!has_header(request, "Accept") &&
         http_request_header(request, arena, "Accept", "application/json", err)) ||
        (!has_header(request, "User-Agent") &&
         http_request_header(request, arena, "User-Agent", "serinus/" SERINUS_VERSION, err)))
        return err->code;
    return ERR_OK;
}

static enum err_code check_window(const struct collector_type *type,
                                  const struct metric_query *query, struct error *err)
{
    if (!query->scope.has_start)
        return error_because(err, ERR_INVALID, "bad_time", "Start time is required.");
    if (!query->scope.has_end)
        return error_because(err, ERR_INVALID, "bad_time", "End time is required.");
    if (type->needs_step && query->scope.step_s <= 0)
        return error_because(err, ERR_INVALID, "bad_step", "Step is required.");
    return ERR_OK;
}

struct scope collector_window(const struct account *account, const struct metric_query *query)
{
    struct scope scope = query->scope;
    int64_t step_ns = scope.step_s * NS_PER_S;

    if (account->align_window && step_ns > 0) {
        scope.start_unix_ns -= scope.start_unix_ns % step_ns;
        scope.end_unix_ns -= scope.end_unix_ns % step_ns;
    }
    return scope;
}

enum err_code collector_build(const struct collector_type *type, const struct account *account,
                              const struct metric_query *query, const char *text,
                              struct arena *arena, struct http_request_list *out, struct error *err)
{
    if (check_window(type, query, err) || type->build(account, query, text, arena, out, err))
        return err->code;
    for (size_t i = 0; i < out->n_requests; i++)
        if (collector_complete(account, arena, &out->requests[i], err))
            return err->code;
    return ERR_OK;
}

static enum err_code too_many_pages(struct error *err, const char *why)
{
    return error_because(err, ERR_UPSTREAM, "store_too_many_pages",
                         "the store's answer does not end: %s", why);
}

enum err_code collector_next(const struct collector_type *type, const struct account *account,
                             const struct metric_query *query, const char *text,
                             const struct http_request_list *asked,
                             const struct http_response *replies, struct arena *arena,
                             struct http_request_list *more, struct error *err)
{
    size_t n_bytes = 0;

    *more = (struct http_request_list){0};
    if (!type->next)
        return ERR_OK;
    if (type->next(account, query, text, replies, asked->n_requests, arena, more, err))
        return err->code;
    if (more->n_requests == 0)
        return ERR_OK;
    if (asked->n_requests + more->n_requests > STORE_MAX_REQUESTS)
        return too_many_pages(err, "it has more pages than one query may ask for");
    for (size_t i = 0; i < asked->n_requests; i++) {
        n_bytes += replies[i].n_body_bytes;
        for (size_t m = 0; m < more->n_requests; m++)
            if (http_request_is_same(&asked->requests[i], &more->requests[m]))
                return too_many_pages(err, "a page leads back to one that came before");
    }
    if (n_bytes > account->max_response_bytes)
        return error_because(err, ERR_UPSTREAM, "store_response_too_large",
                             "the pages of the metric store's answer are larger than the account's "
                             "maxResponseBytes");
    for (size_t i = 0; i < more->n_requests; i++)
        if (collector_complete(account, arena, &more->requests[i], err))
            return err->code;
    return ERR_OK;
}

enum err_code collector_build_metadata(const struct collector_type *type,
                                       const struct account *account, struct arena *arena,
                                       struct http_request *out, struct error *err)
{
    if (type->metadata->build(account, arena, out, err))
        return err->code;
    return collector_complete(account, arena, out, err);
}

enum err_code collector_build_completion(const struct collector_type *type,
                                         const struct account *account, const char *text,
                                         struct arena *arena, struct http_request *out,
                                         json_t **out_list, struct error *err)
{
    *out_list = NULL;
    if (type->completion->build(account, text, arena, out, out_list, err) || *out_list)
        return err->code;
    return collector_complete(account, arena, out, err);
}

json_t *collector_error_json(const struct http_response *reply)
{
    struct error ignored = {0};
    json_t *root = NULL;

    if (reply->n_body_bytes > MIB || /* no error is that long, and a tree of it would be larger */
        json_read((struct str){reply->body, reply->n_body_bytes}, &json_limits_reply, &root,
                  &ignored))
        return NULL;
    return root;
}

enum err_code collector_names_read(const struct http_response *reply, const char *member,
                                   json_t **out_list, struct error *err)
{
    struct error why = {0};
    json_auto_t *root = NULL;
    json_t *list, *name;
    size_t i;

    if (json_read((struct str){reply->body, reply->n_body_bytes}, &json_limits_reply, &root, &why))
        return error_because(err, ERR_UPSTREAM, "store_bad_response",
                             "the list of metric names cannot be read: %s", why.message);
    if (!json_is_array(json_object_get(root, member)))
        return error_because(err, ERR_UPSTREAM, "store_bad_response",
                             "the list of metric names has no \"%s\" array", member);
    list = json_array();
    json_array_foreach (json_object_get(root, member), i, name)
        if (json_is_string(name))
            json_array_append_new(list, json_pack("{s:O}", "name", name));
    *out_list = list;
    return ERR_OK;
}

const char *collector_shown(const struct account *account, const char *text, size_t n_bytes,
                            size_t max_bytes, struct arena *arena)
{
    struct strbuf out = {.max_bytes = max_bytes};
    const unsigned char *at;
    const char *masked;

    /* Mask before cutting: half a credential is one too. */
    if (n_bytes > max_bytes + SECRET_MAX_BYTES)
        n_bytes = max_bytes + SECRET_MAX_BYTES;
    masked = account_mask(account, arena_strndup(arena, text, n_bytes), arena);
    at = (const unsigned char *)masked;
    for (size_t left = strlen(masked), n; left > 0 && !out.is_full; at += n, left -= n) {
        n = str_utf8_length((const char *)at, left);
        if (*at == '\n') {
            strbuf_puts(&out, "\\n");
        } else if (n == 0 || iscntrl(*at)) {
            n = 1;
            strbuf_printf(&out, "\\x%02x", *at);
        } else {
            strbuf_append(&out, (const char *)at, n);
        }
    }
    masked = arena_strndup(arena, out.bytes, out.n_bytes);
    strbuf_clear(&out);
    return masked;
}

enum err_code collector_check_reply(const struct collector_type *type,
                                    const struct account *account,
                                    const struct http_request *request,
                                    const struct http_response *reply, struct arena *arena,
                                    struct error *err)
{
    const char *reason = "store_rejected";
    const char *words = type->error_text ? type->error_text(account, reply, arena) : NULL;

    if (reply->status >= 200 && reply->status < 300)
        return ERR_OK;
    if (reply->status >= 300 && reply->status < 400)
        reason = "store_redirect";
    else if (retry_reply_is_worthwhile(&account->retry, request, reply->status,
                                       (struct str){reply->body, reply->n_body_bytes}))
        reason = "store_unavailable";
    return error_because(
        err, ERR_UPSTREAM, reason, "Status: %ld, Method: %s, URL: %s, Message: %s", reply->status,
        request->method,
        collector_shown(account, request->url, strlen(request->url), MAX_SHOWN_URL_BYTES, arena),
        collector_shown(account, words ? words : reply->body,
                        words ? strlen(words) : reply->n_body_bytes, STORE_ERROR_BODY_BYTES,
                        arena));
}

struct metric_set *collector_placeholder(const struct metric_query *query, const char *text,
                                         struct metric_set_list *out)
{
    struct metric_set *set = metric_set_list_add(out);

    set->name = arena_strdup(out->arena, query->metric_name);
    set->start_unix_ms = query->scope.start_unix_ns / NS_PER_MS;
    set->end_unix_ms = query->scope.end_unix_ns / NS_PER_MS;
    set->step_ms = query->scope.step_s * MS_PER_S;
    tag_map_put(&set->attributes, out->arena, "query", text);
    return set;
}
