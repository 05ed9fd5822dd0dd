/* What a client says about where a request goes: the first line is the target, the second a Host,
 * the third an Origin, the fourth a Content-Type, the rest a form body. */
#include "api/call.h"
#include "api/guard.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str next_line(struct str *rest)
{
    const char *end = rest->n_bytes ? memchr(rest->bytes, '\n', rest->n_bytes) : NULL;
    size_t n = end ? (size_t)(end - rest->bytes) : rest->n_bytes;
    struct str line = {rest->bytes, n};

    n += end != NULL;
    *rest = (struct str){rest->bytes + n, rest->n_bytes - n};
    return line;
}

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* Whatever was taken is text that a handler can use. */
static void look_at(struct api_call *call)
{
    const char *const *items;
    size_t n_items, count;
    bool flag;

    must(call->target.n_segments >= 1);
    must(call->target.n_params <= HTTP_MAX_QUERY_PARAMS);
    for (size_t i = 0; i < call->target.n_segments; i++)
        must(strlen(call->target.segments[i]) <= call->target.path.n_bytes);
    for (size_t i = 0; i < call->target.n_params; i++) {
        const char *name = call->target.params[i].name, *value;
        const struct call_param wanted = {name, &value, PARAM_KEEP_EMPTY};

        call_list(call, name, &items, &n_items);
        for (size_t k = 0; k < n_items; k++)
            must(items[k][0] != '\0' && !strchr(items[k], ','));
        if (call_params(call, &wanted, 1, &(struct error){0}) == ERR_OK)
            must(strcmp(value, call->target.params[i].value) == 0);
        if (call_count(call, name, 1, 200, &count, &(struct error){0}) == ERR_OK)
            must(count >= 1 && count <= 200);
        (void)!call_flag(call, name, &flag, &(struct error){0});
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const origins[] = {"https://deck.example"};
    static const struct settings settings = {.cors_origins = origins, .n_cors_origins = 1};
    struct api_call call = {.arena = arena_create()};
    struct str rest = {(const char *)data, size}, target = next_line(&rest);
    struct headers *headers = calloc(1, sizeof(*headers));

    must(headers != NULL);
    headers_add(headers, str_of("Host"), next_line(&rest));
    headers_add(headers, str_of("Origin"), next_line(&rest));
    headers_add(headers, str_of("Content-Type"), next_line(&rest));
    if (guard_framing(headers, target.n_bytes, false, &(struct error){0}) == ERR_OK &&
        target_parse(target, call.arena, &call.target, &(struct error){0}) == ERR_OK) {
        route_find(api_routes, api_n_routes, METHOD_GET, &call.target, &call.match);
        if (call.match.route && strchr(call.match.route->pattern, '{'))
            must(call.match.params[0] && *call.match.params[0]);
        (void)!guard_host(headers, call.target.authority, true, &settings, &(struct error){0});
        (void)!guard_origin(headers, METHOD_POST, &settings, &(struct error){0});
        (void)!guard_body(headers, &api_routes[0], &(struct error){0});
        look_at(&call);
        if (target_add_params(rest, call.arena, &call.target, &(struct error){0}) == ERR_OK)
            look_at(&call);
    }
    free(headers);
    arena_free(call.arena);
    return 0;
}
