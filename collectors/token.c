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
#include "collectors/jwt.h"
#include "collectors/mask.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define MONITORING_SCOPE "https://www.googleapis.com/auth/monitoring.read"
#define CLOUD_SCOPE "https://www.googleapis.com/auth/cloud-platform" /* impersonation needs it */
#define GOOGLE_TOKEN_URL "https://oauth2.googleapis.com/token"
#define GOOGLE_STS_URL "https://sts.googleapis.com/v1/token"
#define GOOGLE_IAM_URL "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
#define METADATA_HOST "metadata.google.internal"
#define METADATA_PATH "/computeMetadata/v1/instance/service-accounts/default/token"
#define METADATA_CONNECT_MS 1000 /* it is on the same machine, or not at all */
#define METADATA_TOTAL_MS 5000
#define METADATA_ATTEMPTS 3u
#define FORM_TYPE "application/x-www-form-urlencoded"
#define MAX_ATTEMPTS 4u /* somebody waits, and the next query tries again */
#define TOTAL_TIMEOUT_MS 15000
#define MAX_TOKEN_BYTES (16u * KIB)
#define MAX_LIFETIME_S (31 * 86400)
#define UNSAID_LIFETIME_S 300 /* expires_in may be left out (RFC 6749 5.1) */
#define MAX_SCOPES 32u

enum token_kind { KIND_GOOGLE, KIND_CLIENT, KIND_AWS };

struct token_source {
    enum token_kind kind;
    const struct account *account;
    const struct aws_source *aws;                    /* all there is of KIND_AWS */
    const char *json_path, *token_url, *impersonate; /* NULL where not given */
    const char *scopes;                              /* separated by spaces */
    const char *client_id;
    const json_t *params; /* further members of the form, or NULL */
    const char *ca_file;
};

enum step { STEP_SUBJECT, STEP_TOKEN, STEP_IMPERSONATE };

struct token_steps {
    const struct token_source *source;
    struct arena *arena;
    enum step now;
    json_t *file;                /* the credentials, NULL: none */
    const char *subject_field;   /* where a subject token stands in a JSON reply; NULL: all of it */
    const char *impersonate_url; /* NULL: no such step */
    struct mask secrets;         /* not to be shown */
    bool is_metadata;
};

/* --- configuration --- */

static enum err_code bad_key(const struct account *account, const char *key, const char *what,
                             struct error *err)
{
    error_set(err, ERR_SETTINGS, "\"%s\" %s", key, what);
    return error_context(err, "%s account \"%s\"", account->type, account->name);
}

static bool is_http_url(const char *text)
{
    CURLU *url = curl_url();
    char *scheme = NULL, *user = NULL;
    bool is_fine;

    is_fine = url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
              curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0) &&
              curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_NO_USER;
    curl_free(scheme);
    curl_free(user);
    curl_url_cleanup(url);
    return is_fine;
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
    return !*out || is_http_url(*out)
               ? ERR_OK
               : bad_key(account, "tokenUrl", "must be an absolute http:// or https:// URL", err);
}

static enum err_code decode_google(const json_t *config, struct arena *arena,
                                   struct token_source *out, struct error *err)
{
    out->kind = KIND_GOOGLE;
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
    out->kind = KIND_CLIENT;
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
    source->kind = KIND_AWS;
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

/* --- errors --- */

static enum err_code failed(const struct token_steps *steps, const char *text, struct error *err)
{
    text = mask_text(&steps->secrets, text);
    return error_because(
        err, ERR_UPSTREAM, "store_auth_failed", "could not sign in: %s",
        collector_shown(steps->source->account, text, strlen(text), 1024, steps->arena));
}

/* --- requests --- */

/* A connection of its own: the account's credentials are for the store. */
static void set_connection(struct token_grant *grant)
{
    const struct token_source *source = grant->steps->source;
    const struct account *store = source->account;

    grant->account = (struct account){
        .name = store->name,
        .type = store->type,
        .base_url = grant->request.url,
        .tls.ca_file = source->ca_file,
        .proxy = store->proxy,
        .connect_timeout_ms = store->connect_timeout_ms,
        .read_timeout_ms = TOTAL_TIMEOUT_MS,
        .max_concurrent_requests = 1,
        .max_response_bytes = SECRET_MAX_BYTES,
        .retry = store->retry,
    };
    if (grant->account.retry.attempts > MAX_ATTEMPTS)
        grant->account.retry.attempts = MAX_ATTEMPTS;
    if (!grant->steps->is_metadata)
        return;
    grant->account.proxy = NULL;
    grant->account.connect_timeout_ms = METADATA_CONNECT_MS;
    grant->account.read_timeout_ms = METADATA_TOTAL_MS;
    grant->account.retry.attempts = METADATA_ATTEMPTS;
    grant->account.may_reach_metadata = true;
}

static enum err_code add_header(struct token_grant *grant, const char *name, const char *value,
                                struct error *err)
{
    struct error why = {0};

    if (http_request_header(&grant->request, grant->steps->arena, name, value, &why))
        return failed(grant->steps, why.message, err);
    return ERR_OK;
}

static enum err_code set_request(struct token_grant *grant, const char *url, const char *type,
                                 const char *body, struct error *err)
{
    if (!is_http_url(url))
        return failed(grant->steps,
                      "the URL of the token endpoint is not an absolute http:// or https:// URL",
                      err);
    grant->request = (struct http_request){.method = body ? "POST" : "GET", .url = url};
    if (body) {
        grant->request.body = body;
        grant->request.n_body_bytes = strlen(body);
        if (add_header(grant, "Content-Type", type, err))
            return err->code;
    }
    set_connection(grant);
    return add_header(grant, "Accept", "application/json", err);
}

static enum err_code set_form(struct token_grant *grant, const char *url, struct strbuf *form,
                              struct error *err)
{
    const char *body = arena_strdup(grant->steps->arena, form->bytes);

    strbuf_clear(form);
    return set_request(grant, url, FORM_TYPE, body, err);
}

/* The member of the credentials file, which must be there. */
static const char *needed(const struct token_steps *steps, const char *key, struct error *err)
{
    const char *text = json_string_value(json_object_get(steps->file, key));

    if (text && *text)
        return text;
    failed(steps, arena_printf(steps->arena, "the credentials file has no \"%s\"", key), err);
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
        return failed(steps, why.message, err);
    mask_add(&steps->secrets, assertion);
    http_form_add(&form, "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    http_form_add(&form, "assertion", assertion);
    return set_form(grant, url, &form, err);
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
    return set_form(grant, token_url(steps, "token_uri", GOOGLE_TOKEN_URL), &form, err);
}

static enum err_code ask_exchange(struct token_grant *grant, const char *subject, struct error *err)
{
    struct token_steps *steps = grant->steps;
    const char *audience = needed(steps, "audience", err);
    const char *type = audience ? needed(steps, "subject_token_type", err) : NULL;
    struct strbuf form = {0};

    if (!type)
        return err->code;
    steps->now = STEP_TOKEN;
    mask_add(&steps->secrets, subject);
    http_form_add(&form, "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
    http_form_add(&form, "requested_token_type", "urn:ietf:params:oauth:token-type:access_token");
    http_form_add(&form, "audience", audience);
    http_form_add(&form, "scope", first_scopes(steps));
    http_form_add(&form, "subject_token", subject);
    http_form_add(&form, "subject_token_type", type);
    return set_form(grant, token_url(steps, "token_url", GOOGLE_STS_URL), &form, err);
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
                         : failed(steps, "the credential source has no subject token", err);
}

static enum err_code ask_external_account(struct token_grant *grant, struct error *err)
{
    struct token_steps *steps = grant->steps;
    json_t *source = json_object_get(steps->file, "credential_source");
    const json_t *format = json_object_get(source, "format");
    const char *type = json_string_value(json_object_get(format, "type"));
    const char *path = json_string_value(json_object_get(source, "file"));
    const char *url = json_string_value(json_object_get(source, "url"));
    const char *subject, *name;
    struct secret content;
    struct error why = {0};
    json_t *value;

    if (type && strcmp(type, "json") == 0) {
        steps->subject_field =
            json_string_value(json_object_get(format, "subject_token_field_name"));
        if (!steps->subject_field)
            return failed(steps, "the credential source has no \"subject_token_field_name\"", err);
    }
    if (path) {
        if (secret_read_all(path, steps->arena, &content, &why))
            return failed(steps, why.message, err);
        if (read_subject(steps, str_of(content.value), &subject, err))
            return err->code;
        return ask_exchange(grant, subject, err);
    }
    if (!url)
        return failed(
            steps,
            "the credential source names neither a \"file\" nor a \"url\"; others are not "
            "supported",
            err);
    steps->now = STEP_SUBJECT;
    if (set_request(grant, url, NULL, NULL, err))
        return err->code;
    json_object_foreach (json_object_get(source, "headers"), name, value)
        if (json_is_string(value) && add_header(grant, name, json_string_value(value), err))
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
    if (set_request(grant, url, NULL, NULL, err))
        return err->code;
    return add_header(grant, "Metadata-Flavor", "Google", err);
}

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
        return failed(steps, why.message, err);
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
    return set_form(grant, source->token_url, &form, err);
}

static enum err_code ask_impersonation(struct token_grant *grant, const char *token,
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
    steps->now = STEP_IMPERSONATE;
    steps->is_metadata = false;
    mask_add(&steps->secrets, token);
    if (set_request(grant, steps->impersonate_url, "application/json",
                    json_write_arena(body, steps->arena), err))
        return err->code;
    return add_header(grant, "Authorization", arena_printf(steps->arena, "Bearer %s", token), err);
}

/* --- beginning --- */

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
        return failed(steps, why.message, err);
    if (json_read(str_of(content.value), &json_limits_request, &steps->file, &why))
        return failed(steps,
                      arena_printf(steps->arena, "the credentials file %s is not JSON", path), err);
    json_keep(steps->file, steps->arena);
    return ERR_OK;
}

static enum err_code ask_google(struct token_grant *grant, int64_t now_unix_s, struct error *err)
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
    return failed(steps,
                  arena_printf(steps->arena,
                               "the credentials file's type is \"%.64s\", not service_account, "
                               "authorized_user or external_account",
                               type),
                  err);
}

enum err_code token_grant_begin(const struct token_source *source, int64_t now_unix_s,
                                struct arena *arena, struct token_grant *out, struct error *err)
{
    if (source->kind == KIND_AWS)
        return aws_grant_begin(source->aws, now_unix_s, arena, out, err);
    *out = (struct token_grant){.steps = arena_new(arena, struct token_steps)};
    out->steps->source = source;
    out->steps->arena = out->steps->secrets.arena = arena;
    out->steps->now = STEP_TOKEN;
    return source->kind == KIND_CLIENT ? ask_client(out, err) : ask_google(out, now_unix_s, err);
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
    return failed(steps,
                  arena_printf(steps->arena, "the token endpoint answered with status %ld%s%s%s%s",
                               reply->status, code ? ": " : "", code ? code : "", words ? ": " : "",
                               words ? words : ""),
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
    const char *key = steps->now == STEP_IMPERSONATE ? "accessToken" : "access_token";
    struct error ignored = {0};
    json_t *root = NULL;
    const char *token, *type;
    double lifetime_s;

    if (json_read((struct str){reply->body, reply->n_body_bytes}, &json_limits_reply, &root,
                  &ignored))
        return failed(steps, "the token endpoint's reply is not JSON", err);
    json_keep(root, steps->arena);
    token = json_string_value(json_object_get(root, key));
    type = json_string_value(json_object_get(root, "token_type"));
    lifetime_s = lifetime_of(root, now_unix_s);
    if (!is_token(token))
        return failed(steps,
                      arena_printf(steps->arena, "the token endpoint's reply has no \"%s\"", key),
                      err);
    if (type && strcasecmp(type, "Bearer") != 0)
        return failed(steps, "the token endpoint gave something else than a bearer token", err);
    if (isnan(lifetime_s))
        return failed(steps,
                      "the token endpoint gave a token whose life is not 1 second to 31 days", err);
    if (steps->now == STEP_TOKEN && steps->impersonate_url)
        return ask_impersonation(grant, token, err);
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
    const char *subject;

    if (grant->aws)
        return aws_grant_answer(grant, reply, now_unix_s, err);
    if (reply->status < 200 || reply->status > 299)
        return refused(steps, reply, err);
    if (steps->is_metadata && (!flavor || strcmp(flavor, "Google") != 0))
        return failed(steps, "what answered at the metadata server's address is none", err);
    if (steps->now != STEP_SUBJECT)
        return read_token(grant, reply, now_unix_s, err);
    if (read_subject(steps, (struct str){reply->body, reply->n_body_bytes}, &subject, err))
        return err->code;
    return ask_exchange(grant, subject, err);
}
