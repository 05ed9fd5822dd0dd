/* Replies of AWS' credential endpoints: whatever the bytes, an error, a further request, or keys
 * that can be signed with and have an end. The same bytes as text of a shared file, and of a
 * signature's parts. */
#include "collectors/aws_credentials.h"
#include "collectors/aws_profile.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

#define NOW 1767225600
#define CONFIG(mode)                                                                               \
    "{\"region\":\"r\",\"credentials\":\"" mode "\",\"accessKeyId\":\"AKIA\",\"secretAccessKey\":" \
    "\"s3cret-of-ours\",\"assumeRole\":{\"roleArn\":\"arn\"}}"

static void check_end(const struct token_grant *grant, const struct error *err)
{
    if (err->code) {
        if (err->code != ERR_UPSTREAM || strcmp(err->reason, "store_auth_failed") != 0 ||
            strstr(err->message, "s3cret-of-ours"))
            abort();
    } else if (grant->is_done) {
        if (grant->lifetime_s < 1 || !strchr(grant->token, '\n'))
            abort();
    } else if (!grant->request.url || !*grant->request.url) {
        abort();
    }
}

/* All steps get the same reply. */
static void answer(const char *config_text, const struct http_response *reply)
{
    struct arena *arena = arena_create();
    json_t *config = json_loads(config_text, 0, NULL);
    struct account *account = NULL;
    struct token_grant grant;
    struct error err = {0};

    if (account_decode("cloudwatch", config, arena, &account, &err) ||
        token_grant_begin(account->token, NOW, arena, &grant, &err))
        abort();
    for (int i = 0; i < 8 && !err.code && !grant.is_done; i++) {
        (void)(token_grant_answer(&grant, reply, NOW, &err) == ERR_OK);
        check_end(&grant, &err);
    }
    json_decref(config);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    char *body = malloc(n_bytes + 1);
    struct http_response reply = {.status = 200, .body = body, .n_body_bytes = n_bytes};
    struct arena *arena = arena_create();
    struct aws_files files = {body, body};

    if (n_bytes)
        memcpy(body, bytes, n_bytes);
    body[n_bytes] = '\0';
    answer(CONFIG("static"), &reply);   /* a role */
    answer(CONFIG("instance"), &reply); /* the machine's keys, and a role */
    reply.status = 400;
    answer(CONFIG("static"), &reply);
    if (aws_profile_get(&files, "default", "region", arena) &&
        !aws_profile_is_there(&files, "default"))
        abort();
    arena_free(arena);
    free(body);
    return 0;
}
