/* Replies of a token endpoint: whatever the bytes, an error that shows no secret, or a token that
 * can stand in a header, with a life that ends. */
#include "collectors/token.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

#define CONFIG                                                                                     \
    "{\"oauth2\":{\"tokenUrl\":\"https://h/t\",\"clientId\":\"me\",\"clientSecret\":"              \
    "\"s3cret-of-ours\"}}"

static void answer(const struct http_response *reply)
{
    struct arena *arena = arena_create();
    json_t *config = json_loads(CONFIG, 0, NULL);
    struct account *account = NULL;
    struct token_grant grant;
    struct error err = {0};

    if (account_decode("prometheus", config, arena, &account, &err) ||
        token_grant_begin(account->token, 1767225600, arena, &grant, &err))
        abort();
    if (token_grant_answer(&grant, reply, 1767225600, &err) == ERR_OK) {
        if (!grant.is_done || grant.lifetime_s < 1 || grant.lifetime_s > 31 * 86400 ||
            !*grant.token || strpbrk(grant.token, " \r\n"))
            abort();
    } else if (err.code != ERR_UPSTREAM || strcmp(err.reason, "store_auth_failed") != 0 ||
               strstr(err.message, "s3cret-of-ours")) {
        abort();
    }
    json_decref(config);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    char *body = malloc(n_bytes + 1);
    struct http_response reply = {.status = 200, .body = body, .n_body_bytes = n_bytes};

    if (n_bytes)
        memcpy(body, bytes, n_bytes);
    body[n_bytes] = '\0';
    answer(&reply);
    reply.status = 400;
    answer(&reply);
    free(body);
    return 0;
}
