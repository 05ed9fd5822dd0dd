/* RFC 6901 with three additions: a step that is exactly * stands for every element or member (~2 is
 * a real *), @k/... starts at what the k-th * has matched, and #k is its index or name. */
#include "collectors/http_json.h"

#include "base/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MAX_STEPS 32u

/* One step, unescaped, in `arena`; *at moves behind it. */
static const char *next_step(const char **at, struct arena *arena)
{
    size_t n = strcspn(*at + 1, "/");
    char *out = arena_alloc(arena, n + 1, 1);
    char *step = out;

    for (const char *in = *at + 1; in < *at + 1 + n; in++) {
        if (*in == '~' && in[1] >= '0' && in[1] <= '2')
            *out++ = "~/*"[*++in - '0'];
        else
            *out++ = *in;
    }
    *at += 1 + n;
    return step;
}

static bool is_wildcard(const char *at)
{
    return at[0] == '/' && at[1] == '*' && (at[2] == '/' || at[2] == '\0');
}

static enum err_code bad(const char *pointer, const char *what, struct error *err)
{
    return error_set(err, ERR_INVALID, "the pointer \"%.200s\" %s", pointer, what);
}

enum err_code http_json_pointer_check(const char *pointer, bool may_have_wildcards,
                                      struct error *err)
{
    size_t n_steps = 0, n_wildcards = 0;
    const char *at = pointer;

    if (!may_have_wildcards && (*at == '@' || *at == '#')) {
        bool is_whole = *at == '#';

        if (at[1] < '1' || at[1] > '8' || (at[2] != '\0' && (is_whole || at[2] != '/')))
            return bad(pointer, "must be @k/... or #k with k from 1 to 8", err);
        at += 2;
    }
    if (*at && *at != '/')
        return bad(pointer, "must be empty or begin with /", err);
    for (const char *c = at; *c; c++) {
        if (*c == '/' && ++n_steps > MAX_STEPS)
            return bad(pointer, "has more than 32 steps", err);
        if (is_wildcard(c) && (!may_have_wildcards || ++n_wildcards > HTTP_JSON_MAX_WILDCARDS))
            return bad(pointer, "may not have this wildcard; only \"series\" may, up to eight",
                       err);
        if (*c == '~' && (c[1] < '0' || c[1] > '2'))
            return bad(pointer, "has a ~ that is not ~0, ~1 or ~2", err);
    }
    return ERR_OK;
}

static const json_t *step_into(const json_t *node, const char *step)
{
    size_t n = strlen(step);

    if (json_is_object(node))
        return json_object_get(node, step);
    if (!json_is_array(node) || n == 0 || n > 9 || strspn(step, "0123456789") != n ||
        (n > 1 && *step == '0'))
        return NULL;
    return json_array_get(node, strtoul(step, NULL, 10));
}

const json_t *http_json_resolve(const struct http_json_node *from, const char *pointer,
                                struct arena *arena)
{
    const json_t *node = from->node;

    if (*pointer == '@' || *pointer == '#') {
        size_t k = (size_t)(pointer[1] - '1');

        if (k >= from->n_captures)
            return NULL;
        if (*pointer == '#')
            return json_keep(from->captures[k].key
                                 ? json_string(from->captures[k].key)
                                 : json_integer((json_int_t)from->captures[k].index),
                             arena);
        node = from->captures[k].node;
        pointer += 2;
    }
    while (*pointer && node)
        node = step_into(node, next_step(&pointer, arena));
    return node;
}

struct walk {
    struct arena *arena;
    bool (*take)(const struct http_json_node *node, void *ctx);
    void *ctx;
};

/* Returns false once no more are wanted. Depth: wildcards, which are at most eight. */
static bool walk_on(const struct walk *walk, struct http_json_node at, const char *pointer)
{
    const json_t *parent;
    struct http_json_capture *capture;
    const char *key;
    json_t *value;
    size_t i;

    while (*pointer && at.node && !is_wildcard(pointer))
        at.node = step_into(at.node, next_step(&pointer, walk->arena));
    if (!at.node || json_is_null(at.node))
        return true;
    if (!*pointer)
        return walk->take(&at, walk->ctx);
    parent = at.node;
    capture = &at.captures[at.n_captures++];
    json_array_foreach (parent, i, value) {
        *capture = (struct http_json_capture){value, NULL, i};
        at.node = value;
        if (!walk_on(walk, at, pointer + 2))
            return false;
    }
    json_object_foreach ((json_t *)(uintptr_t)parent, key, value) {
        *capture = (struct http_json_capture){value, key, 0};
        at.node = value;
        if (!walk_on(walk, at, pointer + 2))
            return false;
    }
    return true;
}

enum err_code http_json_walk(const json_t *root, const char *pointer, struct arena *arena,
                             bool (*take)(const struct http_json_node *node, void *ctx), void *ctx,
                             struct error *err)
{
    const struct walk walk = {arena, take, ctx};
    const struct http_json_node start = {.node = root};
    size_t n = 0;

    while (pointer[n] && !is_wildcard(pointer + n))
        n++;
    if (!http_json_resolve(&start, arena_strndup(arena, pointer, n), arena))
        return error_because(err, ERR_UPSTREAM, "store_bad_response",
                             "http-json reply has no '%.*s'", (int)n, pointer);
    (void)walk_on(&walk, start, pointer);
    return ERR_OK;
}
