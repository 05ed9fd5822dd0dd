/* A grant is a list of steps, each a request whose answer the next one needs:
 *
 *   service account     signed JWT -> token
 *   authorized user     refresh token -> token
 *   external account    (subject token from a URL ->) exchange -> token (-> impersonation -> token)
 *   metadata server     -> token
 *   client credentials  -> token
 *
 * and behind each of Google's, with the account key `impersonate`, one more for a token of another
 * service account. */
#include "collectors/token.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "collectors/aws_credentials.h"
#include "collectors/collector.h"
#include "collectors/token_google.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#define MAX_TOKEN_BYTES (16u * KIB)
#define MAX_LIFETIME_S (31 * 86400)
#define UNSAID_LIFETIME_S 300 /* expires_in may be left out (RFC 6749 5.1) */

/* --- beginning --- */

static enum err_code ask_client(struct token_grant *grant, struct error *err)
{
    struct token_steps *steps = grant->steps;
    const struct token_source *source = steps->source;
    json_t *params = (json_t *)(uintptr_t)source->params;
    struct strbuf form = {0};
    struct error why = {0};
    struct secret secret;
    const char *name;
    json_t *value;

    if (account_key_read(source->account, "clientSecret", steps->arena, &secret, &why))
        return token_failed(steps, why.message, err);
    mask_add(&steps->secrets, secret.value);
    http_form_add(&form, "grant_type", "client_credentials");
    http_form_add(&form, "client_id", source->client_id);
    http_form_add(&form, "client_secret", secret.value);
    http_form_add(&form, "scope", source->scopes);
    json_object_foreach (params, name, value) {
        const char *text = json_text_of(params, name, steps->arena);

        if (mask_name_is_secret(name))
            mask_add(&steps->secrets, text);
        http_form_add(&form, name, text);
    }
    return token_ask_form(grant, source->token_url, &form, err);
}

enum err_code token_grant_begin(const struct token_source *source, int64_t now_unix_s,
                                struct arena *arena, struct token_grant *out, struct error *err)
{
    if (source->kind == TOKEN_AWS)
        return aws_grant_begin(source->aws, now_unix_s, arena, out, err);
    *out = (struct token_grant){.steps = arena_new(arena, struct token_steps)};
    out->steps->source = source;
    out->steps->arena = out->steps->secrets.arena = arena;
    out->steps->now = TOKEN_STEP_FIRST;
    return source->kind == TOKEN_CLIENT ? ask_client(out, err)
                                        : token_google_ask(out, now_unix_s, err);
}

/* --- replies --- */

static enum err_code refused(const struct token_steps *steps, const struct http_response *reply,
                             struct error *err)
{
    json_auto_t *root = collector_error_json(reply);
    const json_t *error = json_object_get(root, "error");
    const char *code = json_string_value(error);
    const char *words = json_string_value(json_object_get(root, "error_description"));

    if (json_is_object(error)) { /* Google's other form */
        code = json_string_value(json_object_get(error, "status"));
        words = json_string_value(json_object_get(error, "message"));
    }
    if (steps->is_metadata && reply->status == 404)
        words = "no service account is attached to this machine";
    return token_failed(steps,
                        arena_printf(steps->arena,
                                     "the token endpoint answered with status %ld%s%s%s%s",
                                     reply->status, code ? ": " : "", code ? code : "",
                                     words ? ": " : "", words ? words : ""),
                        err);
}

/* Positive, whole and bounded; NaN: it is something else. */
static double lifetime_of(const json_t *root, int64_t now_unix_s)
{
    const json_t *seconds = json_object_get(root, "expires_in");
    const char *time = json_string_value(json_object_get(root, "expireTime"));
    struct error ignored = {0};
    int64_t unix_ns = 0;
    int64_t end_unix_s;
    double lifetime = UNSAID_LIFETIME_S;

    if (time && instant_parse(time, &unix_ns, &ignored))
        return NAN;
    end_unix_s = unix_ns / NS_PER_S;
    if (time)
        lifetime = (double)(end_unix_s - now_unix_s);
    else if (seconds)
        lifetime = json_is_number(seconds) ? floor(json_number_value(seconds)) : NAN;
    return lifetime >= 1 && lifetime <= MAX_LIFETIME_S ? lifetime : NAN;
}

static bool is_token(const char *text)
{
    if (!text || !*text || strlen(text) > MAX_TOKEN_BYTES)
        return false;
    for (; *text; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

static enum err_code read_token(struct token_grant *grant, const struct http_response *reply,
                                int64_t now_unix_s, struct error *err)
{
    struct token_steps *steps = grant->steps;
    const char *key = steps->now == TOKEN_STEP_IMPERSONATE ? "accessToken" : "access_token";
    struct error ignored = {0};
    json_t *root = NULL;
    const char *token, *type;
    double lifetime_s;

    if (json_read((struct str){reply->body, reply->n_body_bytes}, &json_limits_reply, &root,
                  &ignored))
        return token_failed(steps, "the token endpoint's reply is not JSON", err);
    json_keep(root, steps->arena);
    token = json_string_value(json_object_get(root, key));
    type = json_string_value(json_object_get(root, "token_type"));
    lifetime_s = lifetime_of(root, now_unix_s);
    if (!is_token(token))
        return token_failed(
            steps, arena_printf(steps->arena, "the token endpoint's reply has no \"%s\"", key),
            err);
    if (type && strcasecmp(type, "Bearer") != 0)
        return token_failed(steps, "the token endpoint gave something else than a bearer token",
                            err);
    if (isnan(lifetime_s))
        return token_failed(
            steps, "the token endpoint gave a token whose life is not 1 second to 31 days", err);
    if (steps->now == TOKEN_STEP_FIRST && steps->impersonate_url)
        return token_google_impersonate(grant, token, err);
    grant->token = token;
    grant->lifetime_s = (int64_t)lifetime_s;
    grant->is_done = true;
    return ERR_OK;
}

enum err_code token_grant_answer(struct token_grant *grant, const struct http_response *reply,
                                 int64_t now_unix_s, struct error *err)
{
    struct token_steps *steps = grant->steps;
    const char *flavor = http_response_header(reply, "Metadata-Flavor");

    if (grant->aws)
        return aws_grant_answer(grant, reply, now_unix_s, err);
    if (reply->status < 200 || reply->status > 299)
        return refused(steps, reply, err);
    if (steps->is_metadata && (!flavor || strcmp(flavor, "Google") != 0))
        return token_failed(steps, "what answered at the metadata server's address is none", err);
    if (steps->now != TOKEN_STEP_SUBJECT)
        return read_token(grant, reply, now_unix_s, err);
    return token_google_exchange(grant, (struct str){reply->body, reply->n_body_bytes}, err);
}
