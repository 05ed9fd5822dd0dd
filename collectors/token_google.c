#include "collectors/token_google.h"

#include "base/json.h"
#include "collectors/jwt.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLOUD_SCOPE "https://www.googleapis.com/auth/cloud-platform" /* impersonation needs it */
#define GOOGLE_TOKEN_URL "https://oauth2.googleapis.com/token"
#define GOOGLE_STS_URL "https://sts.googleapis.com/v1/token"
#define GOOGLE_IAM_URL "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
#define METADATA_HOST "metadata.google.internal"
#define METADATA_PATH "/computeMetadata/v1/instance/service-accounts/default/token"

/* The member of the credentials file, which must be there. */
static const char *needed(const struct token_steps *steps, const char *key, struct error *err)
{
    const char *text = json_string_value(json_object_get(steps->file, key));

    if (text && *text)
        return text;
    token_failed(steps, arena_printf(steps->arena, "the credentials file has no \"%s\"", key), err);
    return NULL;
}

/* What the first token is for: a token of another account takes a wider one. */
static const char *first_scopes(const struct token_steps *steps)
{
    return steps->impersonate_url ? CLOUD_SCOPE : steps->source->scopes;
}

static const char *token_url(const struct token_steps *steps, const char *key, const char *usual)
{
    const char *url = steps->source->token_url;

    if (!url)
        url = json_string_value(json_object_get(steps->file, key));
    return url && *url ? url : usual;
}

static enum err_code ask_service_account(struct token_grant *grant, int64_t now_unix_s,
                                         struct error *err)
{
    struct token_steps *steps = grant->steps;
    const char *url = token_url(steps, "token_uri", GOOGLE_TOKEN_URL);
    const struct jwt_claims claims = {
        .issuer = needed(steps, "client_email", err),
        .key_id = json_string_value(json_object_get(steps->file, "private_key_id")),
        .scope = first_scopes(steps),
        .audience = url,
        .now_unix_s = now_unix_s,
    };
    const char *key = claims.issuer ? needed(steps, "private_key", err) : NULL;
    struct strbuf form = {0};
    struct error why = {0};
    const char *assertion;

    if (!key)
        return err->code;
    if (jwt_sign(&claims, key, steps->arena, &assertion, &why))
        return token_failed(steps, why.message, err);
    mask_add(&steps->secrets, assertion);
    http_form_add(&form, "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    http_form_add(&form, "assertion", assertion);
    return token_ask_form(grant, url, &form, err);
}

static enum err_code ask_authorized_user(struct token_grant *grant, struct error *err)
{
    static const char *const keys[] = {"client_id", "client_secret", "refresh_token"};
    struct token_steps *steps = grant->steps;
    struct strbuf form = {0};

    http_form_add(&form, "grant_type", "refresh_token");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *value = needed(steps, keys[i], err);

        if (!value) {
            strbuf_clear(&form);
            return err->code;
        }
        if (i > 0)
            mask_add(&steps->secrets, value);
        http_form_add(&form, keys[i], value);
    }
    return token_ask_form(grant, token_url(steps, "token_uri", GOOGLE_TOKEN_URL), &form, err);
}

/* A subject token as it stands in a file or a reply: the text, or a member of a JSON object. */
static enum err_code read_subject(struct token_steps *steps, struct str text, const char **out,
                                  struct error *err)
{
    struct error ignored = {0};
    json_t *root = NULL;

    *out = NULL;
    if (!steps->subject_field)
        *out = arena_strndup(steps->arena, text.bytes, text.n_bytes);
    else if (json_read(text, &json_limits_reply, &root, &ignored) == ERR_OK)
        *out =
            json_string_value(json_object_get(json_keep(root, steps->arena), steps->subject_field));
    return *out && **out ? ERR_OK
                         : token_failed(steps, "the credential source has no subject token", err);
}

enum err_code token_google_exchange(struct token_grant *grant, struct str source, struct error *err)
{
    struct token_steps *steps = grant->steps;
    const char *subject, *audience, *type;
    struct strbuf form = {0};

    if (read_subject(steps, source, &subject, err))
        return err->code;
    audience = needed(steps, "audience", err);
    type = audience ? needed(steps, "subject_token_type", err) : NULL;
    if (!type)
        return err->code;
    steps->now = TOKEN_STEP_FIRST;
    mask_add(&steps->secrets, subject);
    http_form_add(&form, "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
    http_form_add(&form, "requested_token_type", "urn:ietf:params:oauth:token-type:access_token");
    http_form_add(&form, "audience", audience);
    http_form_add(&form, "scope", first_scopes(steps));
    http_form_add(&form, "subject_token", subject);
    http_form_add(&form, "subject_token_type", type);
    return token_ask_form(grant, token_url(steps, "token_url", GOOGLE_STS_URL), &form, err);
}

static enum err_code ask_external_account(struct token_grant *grant, struct error *err)
{
    struct token_steps *steps = grant->steps;
    json_t *source = json_object_get(steps->file, "credential_source");
    const json_t *format = json_object_get(source, "format");
    const char *type = json_string_value(json_object_get(format, "type"));
    const char *path = json_string_value(json_object_get(source, "file"));
    const char *url = json_string_value(json_object_get(source, "url"));
    const char *name;
    struct secret content;
    struct error why = {0};
    json_t *value;

    if (type && strcmp(type, "json") == 0) {
        steps->subject_field =
            json_string_value(json_object_get(format, "subject_token_field_name"));
        if (!steps->subject_field)
            return token_failed(steps, "the credential source has no \"subject_token_field_name\"",
                                err);
    }
    if (path) {
        if (secret_read_all(path, steps->arena, &content, &why))
            return token_failed(steps, why.message, err);
        return token_google_exchange(grant, str_of(content.value), err);
    }
    if (!url)
        return token_failed(
            steps,
            "the credential source names neither a \"file\" nor a \"url\"; others are not "
            "supported",
            err);
    steps->now = TOKEN_STEP_SUBJECT;
    if (token_ask(grant, url, NULL, NULL, err))
        return err->code;
    json_object_foreach (json_object_get(source, "headers"), name, value)
        if (json_is_string(value) && token_ask_header(grant, name, json_string_value(value), err))
            return err->code;
    return ERR_OK;
}

static enum err_code ask_metadata(struct token_grant *grant, struct error *err)
{
    struct token_steps *steps = grant->steps;
    const char *host = getenv("GCE_METADATA_HOST");
    char *scopes = arena_strdup(steps->arena, first_scopes(steps));
    struct strbuf form = {0};
    const char *url;

    for (char *c = scopes; *c; c++)
        if (*c == ' ')
            *c = ',';
    http_form_add(&form, "scopes", scopes);
    url = arena_printf(steps->arena, "http://%s" METADATA_PATH "?%s",
                       host && *host ? host : METADATA_HOST, form.bytes);
    strbuf_clear(&form);
    steps->is_metadata = true;
    if (token_ask(grant, url, NULL, NULL, err))
        return err->code;
    return token_ask_header(grant, "Metadata-Flavor", "Google", err);
}

enum err_code token_google_impersonate(struct token_grant *grant, const char *token,
                                       struct error *err)
{
    struct token_steps *steps = grant->steps;
    json_auto_t *body = json_object();
    json_t *list = json_array();
    const char *rest = steps->source->scopes;

    json_object_set_new(body, "scope", list);
    while (*rest) {
        size_t n = strcspn(rest, " ");

        if (n)
            json_array_append_new(list, json_stringn(rest, n));
        rest += n + (rest[n] == ' ');
    }
    steps->now = TOKEN_STEP_IMPERSONATE;
    steps->is_metadata = false;
    mask_add(&steps->secrets, token);
    if (token_ask(grant, steps->impersonate_url, "application/json",
                  json_write_arena(body, steps->arena), err))
        return err->code;
    return token_ask_header(grant, "Authorization", arena_printf(steps->arena, "Bearer %s", token),
                            err);
}

/* The file of the application default credentials; NULL: there is none. */
static const char *default_file(struct arena *arena)
{
    const char *path = getenv("GOOGLE_APPLICATION_CREDENTIALS");
    const char *home = getenv("HOME");

    if (path && *path)
        return path;
    path = arena_printf(arena, "%s/.config/gcloud/application_default_credentials.json",
                        home ? home : "");
    return home && access(path, R_OK) == 0 ? path : NULL;
}

static enum err_code read_file(struct token_steps *steps, const char *path, struct error *err)
{
    struct secret content;
    struct error why = {0};

    if (secret_read_all(path, steps->arena, &content, &why))
        return token_failed(steps, why.message, err);
    if (json_read(str_of(content.value), &json_limits_request, &steps->file, &why))
        return token_failed(
            steps, arena_printf(steps->arena, "the credentials file %s is not JSON", path), err);
    json_keep(steps->file, steps->arena);
    return ERR_OK;
}

enum err_code token_google_ask(struct token_grant *grant, int64_t now_unix_s, struct error *err)
{
    struct token_steps *steps = grant->steps;
    const struct token_source *source = steps->source;
    const char *path = source->json_path ? source->json_path : default_file(steps->arena);
    const char *type;

    if (source->impersonate) {
        struct strbuf url = {0};

        strbuf_puts(&url, GOOGLE_IAM_URL);
        http_percent_encode(&url, source->impersonate);
        steps->impersonate_url = arena_printf(steps->arena, "%s:generateAccessToken", url.bytes);
        strbuf_clear(&url);
    }
    if (!path)
        return ask_metadata(grant, err);
    if (read_file(steps, path, err))
        return err->code;
    type = needed(steps, "type", err);
    if (!type)
        return err->code;
    if (!steps->impersonate_url)
        steps->impersonate_url =
            json_string_value(json_object_get(steps->file, "service_account_impersonation_url"));
    if (strcmp(type, "service_account") == 0)
        return ask_service_account(grant, now_unix_s, err);
    if (strcmp(type, "authorized_user") == 0)
        return ask_authorized_user(grant, err);
    if (strcmp(type, "external_account") == 0)
        return ask_external_account(grant, err);
    return token_failed(
        steps,
        arena_printf(steps->arena,
                     "the credentials file's type is \"%.64s\", not service_account, "
                     "authorized_user or external_account",
                     type),
        err);
}
