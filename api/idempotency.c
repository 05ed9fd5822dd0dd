#include "api/idempotency.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define PRINCIPAL "local" /* everybody, as long as nobody signs in */

static bool is_key(const char *text)
{
    size_t n = strlen(text);

    for (const char *c = text; *c; c++)
        if (*c < '!' || *c > '~')
            return false;
    return n >= 1 && n <= IDEMPOTENCY_KEY_MAX_BYTES;
}

/* With its length, so that no two lists of texts look the same. */
static void add(struct strbuf *out, const char *bytes, size_t n_bytes)
{
    strbuf_printf(out, "%zu:", n_bytes);
    strbuf_append(out, bytes, n_bytes);
}

struct numbered {
    const struct target_param *param;
    size_t i; /* one that is repeated keeps its order */
};

static int compare_names(const void *a, const void *b)
{
    const struct numbered *left = a, *right = b;
    int order = strcmp(left->param->name, right->param->name);

    if (order)
        return order;
    return left->i < right->i ? -1 : left->i > right->i;
}

static void digest_of(const struct api_call *call, unsigned char out[SHA256_DIGEST_LENGTH])
{
    const struct target *target = &call->target;
    struct numbered *sorted = arena_array(call->arena, struct numbered, target->n_params);
    struct strbuf text = {0};

    for (size_t i = 0; i < target->n_params; i++)
        sorted[i] = (struct numbered){&target->params[i], i};
    qsort(sorted, target->n_params, sizeof(*sorted), compare_names);
    add(&text, target->path.bytes, target->path.n_bytes);
    strbuf_printf(&text, "%zu;", target->n_params);
    for (size_t i = 0; i < target->n_params; i++) {
        add(&text, sorted[i].param->name, strlen(sorted[i].param->name));
        add(&text, sorted[i].param->value, strlen(sorted[i].param->value));
    }
    add(&text, call->body.bytes, call->body.n_bytes);
    SHA256((const unsigned char *)text.bytes, text.n_bytes, out);
    strbuf_clear(&text);
}

enum err_code idempotency_of(const struct api_call *call, const struct idempotency **out,
                             struct error *err)
{
    struct idempotency *mark;
    const char *key;

    *out = NULL;
    if (call_header(call, "Idempotency-Key", &key, err) || !key)
        return err->code;
    if (!is_key(key))
        return error_because(err, ERR_INVALID, "bad_idempotency_key",
                             "Header 'Idempotency-Key' must be 1 to %u visible ASCII characters.",
                             IDEMPOTENCY_KEY_MAX_BYTES);
    mark = arena_new(call->arena, struct idempotency);
    mark->scope = arena_printf(call->arena, PRINCIPAL " %s %s", call->method_text,
                               call->match.route->pattern);
    mark->key = key;
    digest_of(call, mark->digest);
    *out = mark;
    return ERR_OK;
}
