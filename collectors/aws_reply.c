#include "collectors/aws_reply.h"

#include "base/instant.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key, struct arena *arena)
{
    const char *text = json_text_of(object, key, arena);

    return text && *text ? text : NULL;
}

static void decode_entity(const char **at, struct strbuf *out)
{
    static const struct {
        const char *text, *value;
    } named[] = {{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&apos;", "'"}};

    for (size_t i = 0; i < ARRAY_LEN(named); i++) {
        if (strncmp(*at, named[i].text, strlen(named[i].text)) == 0) {
            strbuf_puts(out, named[i].value);
            *at += strlen(named[i].text);
            return;
        }
    }
    if ((*at)[1] == '#') {
        bool is_hex = (*at)[2] == 'x';
        char *end;
        unsigned long code = strtoul(*at + 2 + is_hex, &end, is_hex ? 16 : 10);

        if (*end == ';' && code >= 0x20 && code < 0x7f) { /* keys and messages are ASCII */
            strbuf_append(out, (const char[]){(char)code}, 1);
            *at = end + 1;
            return;
        }
    }
    strbuf_append(out, (*at)++, 1);
}

const char *aws_reply_xml(const char *body, const char *name, struct arena *arena)
{
    const char *open = strstr(body, arena_printf(arena, "<%s>", name));
    const char *close = open ? strstr(open, arena_printf(arena, "</%s>", name)) : NULL;
    struct strbuf out = {0};
    const char *copy;

    if (!close)
        return NULL;
    open += strlen(name) + 2;
    strbuf_puts(&out, "");
    while (open < close) {
        if (*open == '&')
            decode_entity(&open, &out);
        else
            strbuf_append(&out, open++, 1);
    }
    copy = arena_strndup(arena, out.bytes, out.n_bytes);
    strbuf_clear(&out);
    return copy;
}

/* {"<Action>Response":{"<Action>Result":{"Credentials":{...}}}}, or {...} itself. */
static const json_t *json_keys(const json_t *root)
{
    for (size_t depth = 0; depth < 3 && root; depth++) {
        const json_t *found = json_object_get(root, "Credentials");

        if (found || json_object_get(root, "AccessKeyId"))
            return found ? found : root;
        root = json_object_iter_value(json_object_iter((json_t *)(uintptr_t)root));
    }
    return root;
}

enum err_code aws_reply_keys(const struct http_response *reply, bool may_be_xml,
                             struct arena *arena, struct aws_reply_keys *out, struct error *err)
{
    struct error ignored = {0};
    json_t *root = NULL;
    const json_t *keys;
    const char *code;

    if (reply->n_body_bytes > AWS_REPLY_MAX_BYTES || strlen(reply->body) != reply->n_body_bytes ||
        strstr(reply->body, "<!DOCTYPE"))
        return error_set(err, ERR_UPSTREAM, "the credential endpoint's reply cannot be read");
    if (may_be_xml) {
        *out = (struct aws_reply_keys){aws_reply_xml(reply->body, "AccessKeyId", arena),
                                       aws_reply_xml(reply->body, "SecretAccessKey", arena),
                                       aws_reply_xml(reply->body, "SessionToken", arena),
                                       aws_reply_xml(reply->body, "Expiration", arena)};
        if (out->id)
            return ERR_OK;
    }
    if (json_read((struct str){reply->body, reply->n_body_bytes}, &json_limits_reply, &root,
                  &ignored))
        return error_set(err, ERR_UPSTREAM,
                         "the credential endpoint's reply is neither JSON nor what STS says");
    keys = json_keys(json_keep(root, arena));
    code = json_string_value(json_object_get(root, "Code"));
    if (code && strcmp(code, "Success") != 0)
        return error_set(err, ERR_UPSTREAM, "the credential endpoint says \"%.200s\"", code);
    *out = (struct aws_reply_keys){
        text_of(keys, "AccessKeyId", arena), text_of(keys, "SecretAccessKey", arena),
        text_of(keys, "Token", arena), text_of(keys, "Expiration", arena)};
    if (!out->token)
        out->token = text_of(keys, "SessionToken", arena);
    return ERR_OK;
}

bool aws_reply_end(const char *text, int64_t *out_unix_s)
{
    struct error ignored = {0};
    int64_t unix_ns;
    char *end;
    double seconds = strtod(text, &end);

    if (instant_parse(text, &unix_ns, &ignored) == ERR_OK)
        *out_unix_s = unix_ns / NS_PER_S;
    else if (end != text && *end == '\0' && seconds > 0 && seconds < 1e11)
        *out_unix_s = (int64_t)seconds;
    else
        return false;
    return true;
}

const char *aws_reply_line(const struct http_response *reply, struct arena *arena)
{
    size_t n = strcspn(reply->body, "\r\n");
    const char *line = arena_strndup(arena, reply->body, n);

    for (const char *c = line; *c; c++)
        if (*c <= ' ' || *c > '~')
            return NULL;
    return *line && n < 4 * KIB ? line : NULL;
}
