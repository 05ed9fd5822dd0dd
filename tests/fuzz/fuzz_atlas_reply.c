#include "tests/fuzz/reply_target.h"

#include "collectors/atlas_backends.h"

/* Up to the first NUL byte backends.json, behind it storage.json. */
static void find_host(const uint8_t *bytes, size_t n_bytes)
{
    const uint8_t *middle = n_bytes ? memchr(bytes, 0, n_bytes) : NULL;
    const size_t n_first = middle ? (size_t)(middle - bytes) : n_bytes;
    struct arena *arena = arena_create();
    struct http_response replies[2] = {{.status = 200}, {.status = 200}};
    const struct tag params[] = {{"accountId", "1"}, {"environment", "prod"}};
    const struct metric_query query = {.metric_name = "m",
                                       .scope = {.location = "us-east-1",
                                                 .extended_params = (struct tag *)params,
                                                 .n_extended_params = 2}};
    const char *host = NULL;
    struct error err = {0};

    replies[0].body = arena_strndup(arena, (const char *)bytes, n_first);
    replies[0].n_body_bytes = n_first;
    replies[1].n_body_bytes = middle ? n_bytes - n_first - 1 : 0;
    replies[1].body =
        middle ? arena_strndup(arena, (const char *)middle + 1, replies[1].n_body_bytes) : "";
    if (atlas_find_host(&query, &replies[0], &replies[1], arena, &host, &err) == ERR_OK) {
        if (!*host || strpbrk(host, "/?#@\\ \t\r\n%"))
            abort();
    } else if (err.code != ERR_UPSTREAM || !err.reason) {
        abort();
    }
    arena_free(arena);
}

/* As a stream, as a graph, and as what says which server to ask. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    read_reply("atlas", "{\"url\":\"http://h\"}", bytes, n_bytes);
    read_reply("atlas", "{\"url\":\"http://h\",\"api\":\"graph\"}", bytes, n_bytes);
    find_host(bytes, n_bytes);
    return 0;
}
