/* What the configuration says of tokens, checked when it is loaded. */
#include "collectors/token_steps.h"

#include "base/json.h"
#include "collectors/aws_credentials.h"
#include "collectors/collector.h"

#define MONITORING_SCOPE "https://www.googleapis.com/auth/monitoring.read"
#define MAX_SCOPES 32u

static enum err_code bad_key(const struct account *account, const char *key, const char *what,
                             struct error *err)
{
    error_set(err, ERR_SETTINGS, "\"%s\" %s", key, what);
    return error_context(err, "%s account \"%s\"", account->type, account->name);
}

static const char *text_of(const json_t *object, const char *key, struct arena *arena)
{
    const char *text = json_text_of(object, key, arena);

    return text && *text ? text : NULL;
}

/* A list of scopes, or one text with spaces in it. */
static enum err_code decode_scopes(const struct account *account, const json_t *config,
                                   struct arena *arena, const char **out, struct error *err)
{
    const json_t *list = json_object_get(config, "scopes");
    const char *text = "";
    const json_t *one;
    size_t i;

    if (!list || json_is_null(list))
        return ERR_OK;
    if (json_is_string(list)) {
        *out = json_string_value(list);
        return ERR_OK;
    }
    if (!json_is_array(list) || json_array_size(list) > MAX_SCOPES)
        return bad_key(account, "scopes", "must be a list of text", err);
    json_array_foreach (list, i, one) {
        if (!json_is_string(one))
            return bad_key(account, "scopes", "must be a list of text", err);
        text = arena_printf(arena, "%s%s%s", text, i ? " " : "", json_string_value(one));
    }
    *out = text;
    return ERR_OK;
}

static enum err_code decode_url(const struct account *account, const json_t *config,
                                struct arena *arena, const char **out, struct error *err)
{
    *out = text_of(config, "tokenUrl", arena);
    return !*out || token_url_is_http(*out)
               ? ERR_OK
               : bad_key(account, "tokenUrl", "must be an absolute http:// or https:// URL", err);
}

static enum err_code decode_google(const json_t *config, struct arena *arena,
                                   struct token_source *out, struct error *err)
{
    out->kind = TOKEN_GOOGLE;
    out->scopes = MONITORING_SCOPE;
    out->json_path = text_of(config, "jsonPath", arena);
    out->impersonate = text_of(config, "impersonate", arena);
    if (decode_url(out->account, config, arena, &out->token_url, err) ||
        decode_scopes(out->account, config, arena, &out->scopes, err))
        return err->code;
    return ERR_OK;
}

static enum err_code decode_client(const json_t *config, struct arena *arena,
                                   struct token_source *out, struct error *err)
{
    out->kind = TOKEN_CLIENT;
    out->client_id = text_of(config, "clientId", arena);
    out->params = json_object_get(config, "endpointParams");
    if (decode_url(out->account, config, arena, &out->token_url, err) ||
        decode_scopes(out->account, config, arena, &out->scopes, err))
        return err->code;
    if (!out->token_url)
        return bad_key(out->account, "oauth2.tokenUrl", "is missing", err);
    if (!out->client_id)
        return bad_key(out->account, "oauth2.clientId", "is missing", err);
    if (!account_has_key(out->account, "clientSecret"))
        return bad_key(out->account, "oauth2.clientSecret", "is missing", err);
    if (out->params && !json_is_null(out->params) && !json_is_object(out->params))
        return bad_key(out->account, "oauth2.endpointParams", "must map names to text", err);
    return ERR_OK;
}

/* `sigv4`, or for stores at AWS the account itself. */
static enum err_code decode_aws(const struct collector_type *type, const struct account *account,
                                struct arena *arena, const struct token_source **out,
                                const struct sigv4_place **out_place, struct error *err)
{
    const json_t *sigv4 = json_object_get(account->options, "sigv4");
    struct token_source *source = arena_new(arena, struct token_source);

    if (sigv4 && !json_is_null(sigv4) && !json_is_object(sigv4))
        return bad_key(account, "sigv4", "must be an object", err);
    if (!json_is_object(sigv4) && !(type && type->aws_service))
        return ERR_OK;
    source->kind = TOKEN_AWS;
    source->account = account;
    if (aws_source_decode(account, json_is_object(sigv4) ? sigv4 : account->options,
                          type && type->aws_service ? type->aws_service : "aps", arena,
                          &source->aws, out_place, err))
        return err->code;
    if (json_is_object(sigv4) && !(*out_place)->region)
        return bad_key(account, "sigv4.region", "is missing", err);
    *out = source;
    return ERR_OK;
}

enum err_code token_source_decode(const struct account *account, struct arena *arena,
                                  const struct token_source **out,
                                  const struct sigv4_place **out_place, struct error *err)
{
    const struct collector_type *type = collector_find(account->type);
    const json_t *google = json_object_get(account->options, "googleAuth");
    const json_t *client = json_object_get(account->options, "oauth2");
    struct token_source *source = arena_new(arena, struct token_source);

    *out = NULL;
    *out_place = NULL;
    source->account = account;
    if ((google && !json_is_null(google) && !json_is_object(google)) ||
        (client && !json_is_null(client) && !json_is_object(client)))
        return bad_key(account, google ? "googleAuth" : "oauth2", "must be an object", err);
    if (json_is_object(google) && json_is_object(client))
        return bad_key(account, "oauth2", "cannot stand beside googleAuth", err);
    if (account->bearer_token.value || account->bearer_token_file)
        return ERR_OK; /* a token of its own */
    if (!json_is_object(google) && type && type->is_at_google)
        google = account->options;
    if (!json_is_object(google) && !json_is_object(client))
        return decode_aws(type, account, arena, out, out_place, err);
    source->ca_file = text_of(json_is_object(client) ? client : google, "caFile", arena);
    if (json_is_object(client) ? decode_client(client, arena, source, err)
                               : decode_google(google, arena, source, err))
        return err->code;
    *out = source;
    return ERR_OK;
}
