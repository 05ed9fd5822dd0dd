/* collectors/http_json.c -- a metric store that the account describes: how it is asked, how its
 * reply is read, and how it pages. A canary config brings a request's name, an expression and
 * values; host, path and headers are the account's alone. */
#include "collectors/http_json.h"

#include "base/json.h"
#include "base/limits.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_PAGES 50
#define MAX_LINK_BYTES 8000u

static const char *text_of(const json_t *object, const char *key, const char *usual)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : usual;
}

/* --- choosing a request --- */

enum err_code http_json_choose(const struct account *account, const struct metric_query *query,
                               struct http_json *out, struct error *err)
{
    json_t *requests = json_object_get(account->options, "requests");
    const char *name = metric_query_text(query, "request");
    void *first = json_object_iter(requests);

    if (!name && json_object_size(requests) > 1)
        return error_because(err, ERR_INVALID, "bad_query",
                             "http-json query needs request: the account has several");
    if (!name && first)
        name = json_object_iter_key(first);
    *out = (struct http_json){name, name ? json_object_get(requests, name) : NULL};
    if (!out->request)
        return error_because(err, ERR_INVALID, "bad_query",
                             "http-json request '%.100s' is not defined in the account",
                             name ? name : "");
    return ERR_OK;
}

enum err_code http_json_window(const struct http_json *chosen, const struct scope *scope,
                               struct grid *out, struct error *err)
{
    const char *grid = text_of(json_object_get(chosen->request, "reply"), "grid", "aligned");

    if (scope->step_s <= 0)
        return error_because(err, ERR_INVALID, "bad_step", "http-json needs a step above 0");
    return grid_of_scope(scope, scope->step_s, strcmp(grid, "aligned") == 0, out, err);
}

static enum err_code http_json_query_text(const struct account *account,
                                          const struct metric_query *query, struct arena *arena,
                                          const char **out, struct error *err)
{
    struct http_json chosen;

    if (http_json_choose(account, query, &chosen, err))
        return err->code;
    return http_json_text(account, query, &chosen, arena, out, err);
}

/* --- requests --- */

/* A query text taken apart: "<METHOD> <path>?<query>", and behind an empty line the body. */
struct parts {
    const char *method, *path, *query, *body; /* query and body: NULL for none */
};

static struct parts split_text(const char *text, struct arena *arena)
{
    const char *space = strchr(text, ' ');
    const char *end = strstr(text, "\n\n");
    const char *target = space ? space + 1 : text;
    size_t n_target = end ? (size_t)(end - target) : strlen(target);
    const char *mark = memchr(target, '?', n_target);
    size_t n_path = mark ? (size_t)(mark - target) : n_target;

    return (struct parts){
        .method = space && strncmp(text, "POST ", 5) == 0 ? "POST" : "GET",
        .path = arena_strndup(arena, target, n_path),
        .query = mark ? arena_strndup(arena, mark + 1, n_target - n_path - 1) : NULL,
        .body = end ? end + 2 : NULL,
    };
}

static enum err_code add_headers(const struct account *account, const struct http_json *chosen,
                                 struct arena *arena, struct http_request *out, struct error *err)
{
    json_t *headers = json_object_get(chosen->request, "headers");
    const char *name;
    json_t *value;

    json_object_foreach (headers, name, value) {
        const char *key = arena_printf(arena, "requests.%s.headers.%s", chosen->name, name);
        const char *text = json_string_value(value);

        if (account_has_key(account, key)
                ? account_sign_key(account, key, name, "", arena, out, err)
                : http_request_header(out, arena, name, text ? text : "", err))
            return err->code;
    }
    return ERR_OK;
}

static bool has_header(const struct http_json *chosen, const char *wanted)
{
    const char *name;
    json_t *value;

    json_object_foreach (json_object_get(chosen->request, "headers"), name, value)
        if (strcasecmp(name, wanted) == 0)
            return true;
    return false;
}

static enum err_code compose(const struct account *account, const struct http_json *chosen,
                             const struct parts *parts, struct arena *arena,
                             struct http_request_list *list, struct error *err)
{
    bool is_form = json_object_get(chosen->request, "form") != NULL;
    struct http_request *out = arena_new(arena, struct http_request);

    *list = (struct http_request_list){out, 1};
    out->method = parts->method;
    out->url =
        arena_printf(arena, "%s/%s%s%s", account->base_url, parts->path,
                     parts->query && *parts->query ? "?" : "", parts->query ? parts->query : "");
    if (strcmp(out->method, "POST") == 0) {
        out->body = parts->body ? parts->body : "";
        out->n_body_bytes = strlen(out->body);
        if (!has_header(chosen, "Content-Type") &&
            http_request_header(out, arena, "Content-Type",
                                is_form ? "application/x-www-form-urlencoded" : "application/json",
                                err))
            return err->code;
    }
    return add_headers(account, chosen, arena, out, err);
}

static const char *with_param(const char *form, const char *name, const char *value,
                              struct arena *arena)
{
    struct strbuf out = {0};
    const char *copy;

    if (form)
        strbuf_puts(&out, form);
    http_form_add(&out, name, value);
    copy = arena_strdup(arena, out.bytes);
    strbuf_clear(&out);
    return copy;
}

/* The page that begins at this series. */
static void set_offset(struct parts *parts, const json_t *paging, int64_t offset,
                       struct arena *arena)
{
    int64_t limit = json_integer_value(json_object_get(paging, "limit"));

    parts->query = with_param(parts->query, text_of(paging, "param", "offset"),
                              arena_printf(arena, "%" PRId64, offset), arena);
    parts->query = with_param(parts->query, text_of(paging, "limitParam", "limit"),
                              arena_printf(arena, "%" PRId64, limit), arena);
}

static enum err_code http_json_build(const struct account *account,
                                     const struct metric_query *query, const char *text,
                                     struct arena *arena, struct http_request_list *out,
                                     struct error *err)
{
    struct parts parts = split_text(text, arena);
    const json_t *paging;
    struct http_json chosen;
    struct grid grid;

    if (http_json_choose(account, query, &chosen, err) ||
        http_json_window(&chosen, &query->scope, &grid, err))
        return err->code;
    paging = json_object_get(chosen.request, "paging");
    if (strcmp(text_of(paging, "kind", ""), "offset") == 0)
        set_offset(&parts, paging, 0, arena);
    return compose(account, &chosen, &parts, arena, out, err);
}

/* --- further pages --- */

static enum err_code bad_page(struct error *err, const char *what)
{
    return error_because(err, ERR_UPSTREAM, "store_bad_response", "http-json paging: %s", what);
}

/* Put the token where the pointer leads to in the body. */
static enum err_code set_in_body(struct parts *parts, const char *pointer, const char *token,
                                 struct arena *arena, struct error *err)
{
    struct error ignored = {0};
    const char *last = strrchr(pointer, '/');
    struct http_json_node start = {0};
    json_t *root = NULL, *parent;

    if (!parts->body || !last ||
        json_read(str_of(parts->body), &json_limits_request, &root, &ignored))
        return bad_page(err, "there is no JSON body for the token");
    start.node = json_keep(root, arena);
    parent = (json_t *)(uintptr_t)http_json_resolve(
        &start, arena_strndup(arena, pointer, (size_t)(last - pointer)), arena);
    if (!json_is_object(parent) || json_object_set_new(parent, last + 1, json_string(token)) != 0)
        return bad_page(err, "the body has no place for the token");
    parts->body = json_write_arena(root, arena);
    return ERR_OK;
}

/* False: there is no further page. */
static bool next_by_token(struct parts *parts, const struct http_json *chosen, const json_t *paging,
                          const struct http_json_node *page, struct arena *arena, struct error *err)
{
    const char *token =
        json_scalar_text(http_json_resolve(page, text_of(paging, "next", ""), arena), arena);
    const char *pointer = text_of(paging, "setBody", NULL), *name = text_of(paging, "param", "");
    bool is_alone = json_is_true(json_object_get(paging, "only"));
    bool is_form = json_object_get(chosen->request, "form") != NULL;

    if (!token || !*token)
        return false;
    if (pointer)
        return set_in_body(parts, pointer, token, arena, err) == ERR_OK;
    if (is_form)
        parts->body = with_param(is_alone ? NULL : parts->body, name, token, arena);
    else
        parts->query = with_param(is_alone ? NULL : parts->query, name, token, arena);
    return true;
}

/* The target of <...>; rel="next"; NULL: there is none. */
static const char *next_link(const char *header, struct arena *arena)
{
    const char *start = header ? strchr(header, '<') : NULL;

    while (start) {
        const char *end = strchr(start, '>');
        size_t n_params = end ? strcspn(end, ",") : 0;

        if (!end)
            return NULL;
        if (memmem(end, n_params, "rel=\"next\"", strlen("rel=\"next\"")) ||
            memmem(end, n_params, "rel=next", strlen("rel=next")))
            return arena_strndup(arena, start + 1, (size_t)(end - start) - 1);
        start = strchr(end, '<');
    }
    return NULL;
}

/* Only the query of a link is taken, and only of one that leads to where we are. */
static bool next_by_link(struct parts *parts, const struct account *account, const json_t *paging,
                         const struct http_json_node *page, const struct http_response *reply,
                         struct arena *arena, struct error *err)
{
    bool is_header = json_is_true(json_object_get(paging, "header"));
    const char *link =
        is_header ? next_link(http_response_header(reply, "Link"), arena)
                  : json_string_value(http_json_resolve(page, text_of(paging, "next", ""), arena));
    const char *here = arena_printf(arena, "%s/%s", account->base_url, parts->path);
    const char *scheme_end = strstr(here, "://");
    const char *path = scheme_end ? strchr(scheme_end + 3, '/') : NULL;

    if (!link || !*link)
        return false;
    if (strlen(link) > MAX_LINK_BYTES) {
        bad_page(err, "the link to the next page is too long");
        return false;
    }
    if (*link == '/' && link[1] != '/')
        here = path ? path : "/";
    if (strncmp(link, here, strlen(here)) != 0 || link[strlen(here)] != '?' ||
        strpbrk(link, " #\r\n")) {
        bad_page(err, "the link to the next page leads to another host or path");
        return false;
    }
    parts->query = arena_strdup(arena, link + strlen(here) + 1);
    return true;
}

static bool count_node(const struct http_json_node *node, void *ctx)
{
    (void)node;
    ++*(size_t *)ctx;
    return true;
}

static bool next_by_offset(struct parts *parts, const struct http_json *chosen,
                           const json_t *paging, const json_t *root, size_t n_pages,
                           struct arena *arena, struct error *err)
{
    json_int_t limit = json_integer_value(json_object_get(paging, "limit"));
    size_t n_series = 0;

    if (http_json_walk(root, text_of(json_object_get(chosen->request, "reply"), "series", ""),
                       arena, count_node, &n_series, err) ||
        (json_int_t)n_series < limit || limit < 1)
        return false;
    set_offset(parts, paging, limit * (json_int_t)n_pages, arena);
    return true;
}

static enum err_code http_json_next(const struct account *account, const struct metric_query *query,
                                    const char *text, const struct http_response *replies,
                                    size_t n_replies, struct arena *arena,
                                    struct http_request_list *more, struct error *err)
{
    const struct http_response *last = &replies[n_replies - 1];
    struct parts parts = split_text(text, arena);
    struct error ignored = {0};
    struct http_json chosen;
    struct http_json_node page = {0};
    json_t *root = NULL;
    const json_t *paging;
    const char *kind;
    json_int_t max_pages;
    bool has_next;

    if (http_json_choose(account, query, &chosen, err))
        return err->code;
    paging = json_object_get(chosen.request, "paging");
    kind = text_of(paging, "kind", "");
    if (!*kind ||
        json_read((struct str){last->body, last->n_body_bytes}, &json_limits_tree, &root, &ignored))
        return ERR_OK; /* parse says what is wrong with it */
    page.node = root;
    max_pages = json_integer_value(json_object_get(paging, "maxPages"));
    if (strcmp(kind, "token") == 0)
        has_next = next_by_token(&parts, &chosen, paging, &page, arena, err);
    else if (strcmp(kind, "link") == 0)
        has_next = next_by_link(&parts, account, paging, &page, last, arena, err);
    else
        has_next = next_by_offset(&parts, &chosen, paging, root, n_replies, arena, err);
    json_decref(root);
    if (err->code || !has_next)
        return err->code;
    if ((json_int_t)n_replies >= (max_pages > 0 ? max_pages : DEFAULT_PAGES))
        return error_because(err, ERR_UPSTREAM, "store_too_many_pages",
                             "the store's answer has more pages than the request's maxPages");
    return compose(account, &chosen, &parts, arena, more, err);
}

/* --- replies --- */

static enum err_code http_json_parse(const struct account *account,
                                     const struct metric_query *query, const char *text,
                                     const struct http_response *replies, size_t n_replies,
                                     struct metric_set_list *out, struct error *err)
{
    struct error why = {0};
    struct http_json chosen;

    if (http_json_choose(account, query, &chosen, &why))
        return error_because(err, ERR_UPSTREAM, "store_error", "%s", why.message);
    /* It is kept with the series, and constants of the request may be credentials. */
    text = account_mask(account, text, out->arena);
    return http_json_read(account, query, &chosen, text, replies, n_replies, out, err);
}

const struct collector_type collector_http_json = {
    .name = "http-json",
    .needs_step = true,
    .check_account = http_json_check,
    .query_text = http_json_query_text,
    .build = http_json_build,
    .next = http_json_next,
    .parse = http_json_parse,
    .error_text = http_json_error_text,
};
