/* A grant is a first set of keys, which may take requests of its own, and then one AssumeRole after
 * the other, each signed with the keys before it:
 *
 *   static, environment, profile      -> keys
 *   web identity                      -> AssumeRoleWithWebIdentity, unsigned -> keys
 *   container                         -> GET -> keys
 *   machine (IMDSv2)                  -> PUT token -> GET role -> GET keys
 *
 * "auto" takes the first of these that is configured; that it then fails is an error, not a reason
 * to go on. */
#include "collectors/aws_credentials.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "collectors/aws_profile.h"
#include "collectors/collector.h"
#include "collectors/mask.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MACHINE_URL "http://169.254.169.254/latest/"
#define MACHINE_TOKEN_LIFE_S "21600"
#define CONTAINER_URL "http://169.254.170.2"
#define METADATA_CONNECT_MS 1000 /* it is on the same machine, or not at all */
#define METADATA_TOTAL_MS 5000
#define METADATA_ATTEMPTS 3u
#define STS_TOTAL_MS 15000
#define STS_ATTEMPTS 4u /* somebody waits, and the next query tries again */
#define FORM_TYPE "application/x-www-form-urlencoded"
#define DEFAULT_SESSION "canary-collector"
#define DEFAULT_ROLE_S 3600
#define LONG_TERM_LIFE_S 60 /* keys without an end are read again that often: files change */
#define MAX_LIFE_S (7 * 86400)
#define MAX_PROFILES 5u /* in a chain of source_profile */
#define MAX_ROLES (MAX_PROFILES + 1u)
#define MAX_REPLY_BYTES (64u * KIB)

struct role {
    const char *arn, *external_id, *session_name; /* arn NULL: none */
    int64_t duration_s;
};

struct aws_source {
    const struct account *account;
    const char *mode, *profile, *credentials_file, *config_file, *region, *sts_url;
    struct role web, assume;
    const char *web_token_file;
};

enum step {
    STEP_WEB,
    STEP_CONTAINER,
    STEP_MACHINE_TOKEN,
    STEP_MACHINE_ROLE,
    STEP_MACHINE_KEYS,
    STEP_ROLE
};

struct aws_steps {
    const struct aws_source *source;
    struct arena *arena;
    enum step now;
    int64_t now_unix_s;
    struct sigv4_keys keys;
    int64_t end_unix_s;           /* of the keys; 0: none */
    struct role roles[MAX_ROLES]; /* to be assumed, the last one first */
    size_t n_roles;
    const char *machine_token;
    struct mask secrets; /* not to be shown */
};

/* --- configuration --- */

static const char *text_of(const json_t *object, const char *key, struct arena *arena)
{
    const char *text = json_text_of(object, key, arena);

    return text && *text ? text : NULL;
}

static const char *variable(const char *name)
{
    const char *text = getenv(name);

    return text && *text ? text : NULL;
}

static enum err_code bad_key(const struct account *account, const char *key, const char *what,
                             struct error *err)
{
    error_set(err, ERR_SETTINGS, "\"%s\" %s", key, what);
    return error_context(err, "%s account \"%s\"", account->type, account->name);
}

static enum err_code read_role(const struct account *account, const json_t *object, const char *key,
                               struct arena *arena, struct role *out, struct error *err)
{
    double seconds = DEFAULT_ROLE_S;
    const json_t *duration = json_object_get(object, "durationSeconds");

    *out = (struct role){.session_name = DEFAULT_SESSION, .duration_s = DEFAULT_ROLE_S};
    if (!object || json_is_null(object))
        return ERR_OK;
    if (!json_is_object(object))
        return bad_key(account, key, "must be an object", err);
    if (duration && (!json_to_double(duration, &seconds) || !(seconds >= 900 && seconds <= 43200)))
        return bad_key(account, key, "has a \"durationSeconds\" that is not 900 to 43200", err);
    out->arn = text_of(object, "roleArn", arena);
    out->external_id = text_of(object, "externalId", arena);
    if (text_of(object, "sessionName", arena))
        out->session_name = text_of(object, "sessionName", arena);
    out->duration_s = (int64_t)seconds;
    return ERR_OK;
}

static const char *profile_of(const json_t *config, struct arena *arena)
{
    const char *profile = text_of(config, "profile", arena);

    if (!profile)
        profile = variable("AWS_PROFILE");
    return profile ? profile : "default";
}

const char *aws_region(const json_t *config, struct arena *arena)
{
    const char *region = text_of(config, "region", arena);
    struct aws_files files = {0};
    struct error ignored = {0};

    if (!region)
        region = variable("AWS_REGION");
    if (!region)
        region = variable("AWS_DEFAULT_REGION");
    if (!region &&
        aws_files_read(text_of(config, "sharedCredentialsFile", arena),
                       text_of(config, "configFile", arena), arena, &files, &ignored) == ERR_OK)
        region = aws_profile_get(&files, profile_of(config, arena), "region", arena);
    return region;
}

static const char *sts_url(const char *region, struct arena *arena)
{
    if (!region)
        return "https://sts.amazonaws.com";
    return arena_printf(arena, "https://sts.%s.amazonaws.com%s", region,
                        strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
}

enum err_code aws_source_decode(const struct account *account, const json_t *config,
                                const char *service, struct arena *arena,
                                const struct aws_source **out, const struct sigv4_place **out_place,
                                struct error *err)
{
    static const char *const modes[] = {"auto",        "static",    "profile",
                                        "webIdentity", "container", "instance"};
    struct aws_source *source = arena_new(arena, struct aws_source);
    struct sigv4_place *place = arena_new(arena, struct sigv4_place);
    const json_t *web = json_object_get(config, "webIdentity");
    size_t i = 0;

    source->account = account;
    source->mode = text_of(config, "credentials", arena);
    source->profile = profile_of(config, arena);
    source->credentials_file = text_of(config, "sharedCredentialsFile", arena);
    source->config_file = text_of(config, "configFile", arena);
    source->web_token_file = text_of(web, "tokenFile", arena);
    if (!source->mode)
        source->mode = modes[0];
    while (i < ARRAY_LEN(modes) && strcmp(modes[i], source->mode) != 0)
        i++;
    if (i == ARRAY_LEN(modes))
        return bad_key(account, "credentials",
                       "must be auto, static, profile, webIdentity, container or instance", err);
    if (account_has_key(account, "accessKeyId") != account_has_key(account, "secretAccessKey"))
        return bad_key(account, "accessKeyId", "and \"secretAccessKey\" belong together", err);
    if (read_role(account, web, "webIdentity", arena, &source->web, err) ||
        read_role(account, json_object_get(config, "assumeRole"), "assumeRole", arena,
                  &source->assume, err))
        return err->code;
    if (!source->assume.arn)
        source->assume.arn = text_of(config, "roleArn", arena);
    source->region = aws_region(config, arena);
    source->sts_url = text_of(config, "stsEndpoint", arena);
    if (!source->sts_url)
        source->sts_url = sts_url(source->region, arena);
    place->region = source->region;
    place->service = text_of(config, "service", arena);
    if (!place->service)
        place->service = service;
    *out = source;
    *out_place = place;
    return ERR_OK;
}

/* --- errors --- */

static enum err_code failed(const struct aws_steps *steps, const char *text, struct error *err)
{
    text = mask_text(&steps->secrets, text);
    return error_because(
        err, ERR_UPSTREAM, "store_auth_failed", "could not sign in: %s",
        collector_shown(steps->source->account, text, strlen(text), 1024, steps->arena));
}

/* --- requests --- */

/* A connection of its own: the account's credentials and TLS settings are for the store. */
static void set_connection(struct token_grant *grant, bool is_metadata)
{
    const struct account *store = grant->aws->source->account;

    grant->account = (struct account){
        .name = store->name,
        .type = store->type,
        .base_url = grant->request.url,
        .proxy = is_metadata ? NULL : store->proxy,
        .connect_timeout_ms = is_metadata ? METADATA_CONNECT_MS : store->connect_timeout_ms,
        .read_timeout_ms = is_metadata ? METADATA_TOTAL_MS : STS_TOTAL_MS,
        .max_concurrent_requests = 1,
        .max_response_bytes = MAX_REPLY_BYTES,
        .retry = store->retry,
        .may_reach_metadata = is_metadata,
    };
    if (grant->account.retry.attempts > STS_ATTEMPTS)
        grant->account.retry.attempts = STS_ATTEMPTS;
    if (is_metadata)
        grant->account.retry.attempts = METADATA_ATTEMPTS;
}

static enum err_code add_header(struct token_grant *grant, const char *name, const char *value,
                                struct error *err)
{
    struct error why = {0};

    if (http_request_header(&grant->request, grant->aws->arena, name, value, &why))
        return failed(grant->aws, why.message, err);
    return ERR_OK;
}

static enum err_code ask_metadata(struct token_grant *grant, enum step step, const char *method,
                                  const char *url, bool is_metadata, struct error *err)
{
    grant->aws->now = step;
    grant->hint = NULL;
    grant->request = (struct http_request){.method = method, .url = url};
    set_connection(grant, is_metadata);
    return add_header(grant, "Accept", "application/json", err);
}

/* The form of a role, without what proves who asks. */
static void role_form(struct strbuf *form, const char *action, const struct role *role,
                      struct arena *arena)
{
    http_form_add(form, "Action", action);
    http_form_add(form, "Version", "2011-06-15");
    http_form_add(form, "RoleArn", role->arn);
    http_form_add(form, "RoleSessionName", role->session_name);
    http_form_add(form, "DurationSeconds", arena_printf(arena, "%" PRId64, role->duration_s));
}

static enum err_code ask_sts(struct token_grant *grant, enum step step, struct strbuf *form,
                             struct error *err)
{
    struct aws_steps *steps = grant->aws;

    steps->now = step;
    grant->hint = NULL;
    grant->request = (struct http_request){
        .method = "POST",
        .url = arena_printf(steps->arena, "%s/", steps->source->sts_url),
        .body = arena_strndup(steps->arena, form->bytes, form->n_bytes),
        .n_body_bytes = form->n_bytes,
    };
    strbuf_clear(form);
    set_connection(grant, false);
    return add_header(grant, "Content-Type", FORM_TYPE, err);
}

static enum err_code ask_role(struct token_grant *grant, struct error *err)
{
    struct aws_steps *steps = grant->aws;
    const struct role *role = &steps->roles[--steps->n_roles];
    const struct sigv4_place place = {steps->source->region ? steps->source->region : "us-east-1",
                                      "sts"};
    struct sigv4_request signing = {.method = "POST"};
    struct sigv4_headers headers;
    struct strbuf form = {0};

    role_form(&form, "AssumeRole", role, steps->arena);
    http_form_add(&form, "ExternalId", role->external_id);
    if (ask_sts(grant, STEP_ROLE, &form, err))
        return err->code;
    signing.url = grant->request.url;
    signing.headers = grant->request.headers;
    signing.n_headers = grant->request.n_headers;
    signing.body = (struct str){grant->request.body, grant->request.n_body_bytes};
    headers = sigv4_sign(&signing, &place, &steps->keys, steps->now_unix_s, steps->arena);
    for (size_t i = 0; i < headers.n_items; i++)
        if (add_header(grant, headers.items[i].name, headers.items[i].value, err))
            return err->code;
    return add_header(grant, "Accept", "text/xml", err);
}

static enum err_code ask_web(struct token_grant *grant, const struct role *role,
                             const char *token_file, struct error *err)
{
    struct aws_steps *steps = grant->aws;
    struct strbuf form = {0};
    struct secret token;
    struct error why = {0};

    if (!role->arn || !token_file)
        return failed(steps, "a web identity needs a \"roleArn\" and a \"tokenFile\"", err);
    if (secret_read(token_file, steps->arena, &token, &why)) /* anew: Kubernetes rotates it */
        return failed(steps, why.message, err);
    mask_add(&steps->secrets, token.value);
    role_form(&form, "AssumeRoleWithWebIdentity", role, steps->arena);
    http_form_add(&form, "WebIdentityToken", token.value);
    if (ask_sts(grant, STEP_WEB, &form, err))
        return err->code;
    return add_header(grant, "Accept", "text/xml", err);
}

/* Plain http is for addresses that cannot be anybody else's. */
static bool is_container_url(const char *url, bool *is_metadata)
{
    static const char *const hosts[] = {"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
    static const char *const own[] = {"127.0.0.1", "localhost", "[::1]"};
    const char *host = url + strlen("http://");
    size_t n;

    *is_metadata = false;
    if (strncasecmp(url, "https://", strlen("https://")) == 0)
        return true;
    if (strncasecmp(url, "http://", strlen("http://")) != 0 ||
        strcspn(host, "@") < strcspn(host, "/"))
        return false;
    n = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (strlen(hosts[i]) == n && strncasecmp(hosts[i], host, n) == 0)
            return *is_metadata = true;
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (strlen(own[i]) == n && strncasecmp(own[i], host, n) == 0)
            return true;
    return false;
}

static enum err_code ask_container(struct token_grant *grant, struct error *err)
{
    struct aws_steps *steps = grant->aws;
    const char *relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *url = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const char *file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    struct secret token = {variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")};
    struct error why = {0};
    bool is_metadata;

    if (relative)
        url =
            arena_printf(steps->arena, CONTAINER_URL "%s%s", *relative == '/' ? "" : "/", relative);
    if (!url)
        return failed(steps,
                      "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor "
                      "AWS_CONTAINER_CREDENTIALS_FULL_URI is set",
                      err);
    if (!is_container_url(url, &is_metadata))
        return failed(
            steps,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or http to this machine or "
            "the container endpoint's own addresses",
            err);
    if (file && secret_read(file, steps->arena, &token, &why))
        return failed(steps, why.message, err);
    mask_add(&steps->secrets, token.value);
    if (ask_metadata(grant, STEP_CONTAINER, "GET", url, is_metadata, err))
        return err->code;
    return token.value ? add_header(grant, "Authorization", token.value, err) : ERR_OK;
}

static enum err_code ask_machine(struct token_grant *grant, struct error *err)
{
    if (ask_metadata(grant, STEP_MACHINE_TOKEN, "PUT", MACHINE_URL "api/token", true, err))
        return err->code;
    grant->hint = "; the machine's metadata service did not answer, in a container its hop limit "
                  "must be 2";
    return add_header(grant, "X-aws-ec2-metadata-token-ttl-seconds", MACHINE_TOKEN_LIFE_S, err);
}

static enum err_code ask_machine_for(struct token_grant *grant, enum step step, const char *role,
                                     struct error *err)
{
    struct strbuf url = {0};
    const char *copy;

    strbuf_puts(&url, MACHINE_URL "meta-data/iam/security-credentials/");
    http_percent_encode(&url, role);
    copy = arena_strndup(grant->aws->arena, url.bytes, url.n_bytes);
    strbuf_clear(&url);
    if (ask_metadata(grant, step, "GET", copy, true, err))
        return err->code;
    return add_header(grant, "X-aws-ec2-metadata-token", grant->aws->machine_token, err);
}

/* --- keys that are here --- */

/* The next role, or the end. */
static enum err_code have_keys(struct token_grant *grant, struct error *err)
{
    struct aws_steps *steps = grant->aws;
    int64_t life_s = LONG_TERM_LIFE_S;

    mask_add(&steps->secrets, steps->keys.secret);
    mask_add(&steps->secrets, steps->keys.token);
    if (strpbrk(steps->keys.id, "\r\n ,/") || strpbrk(steps->keys.secret, "\r\n") ||
        (steps->keys.token && strpbrk(steps->keys.token, "\r\n")))
        return failed(steps, "the keys hold characters that no key has", err);
    if (steps->n_roles)
        return ask_role(grant, err);
    if (steps->end_unix_s)
        life_s = steps->end_unix_s - steps->now_unix_s;
    if (life_s < 1 || life_s > MAX_LIFE_S)
        return failed(steps, "the keys that came end in the past, or in more than a week", err);
    grant->token = sigv4_keys_pack(&steps->keys, steps->arena);
    grant->lifetime_s = life_s;
    grant->is_done = true;
    return ERR_OK;
}

static enum err_code use_static(struct token_grant *grant, struct error *err)
{
    struct aws_steps *steps = grant->aws;
    const struct account *account = steps->source->account;
    struct secret id, secret, token = {0};
    struct error why = {0};

    if (account_key_read(account, "accessKeyId", steps->arena, &id, &why) ||
        account_key_read(account, "secretAccessKey", steps->arena, &secret, &why) ||
        (account_has_key(account, "sessionToken") &&
         account_key_read(account, "sessionToken", steps->arena, &token, &why)))
        return failed(steps, why.message, err);
    steps->keys = (struct sigv4_keys){id.value, secret.value, token.value};
    return have_keys(grant, err);
}

static enum err_code use_environment(struct token_grant *grant, struct error *err)
{
    const char *secret = variable("AWS_SECRET_ACCESS_KEY");

    if (!variable("AWS_ACCESS_KEY_ID") || !secret)
        return failed(grant->aws, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set",
                      err);
    grant->aws->keys =
        (struct sigv4_keys){variable("AWS_ACCESS_KEY_ID"), secret, variable("AWS_SESSION_TOKEN")};
    return have_keys(grant, err);
}

/* credential_source: where a profile's role gets its first keys. */
static enum err_code use_credential_source(struct token_grant *grant, const char *name,
                                           struct error *err)
{
    if (strcmp(name, "Environment") == 0)
        return use_environment(grant, err);
    if (strcmp(name, "Ec2InstanceMetadata") == 0)
        return ask_machine(grant, err);
    if (strcmp(name, "EcsContainer") == 0)
        return ask_container(grant, err);
    return failed(grant->aws,
                  "a profile's credential_source must be Environment, Ec2InstanceMetadata or "
                  "EcsContainer",
                  err);
}

/* A profile: its own keys, or a role of it on top of another one, and so on. */
static enum err_code use_profile(struct token_grant *grant, const struct aws_files *files,
                                 struct error *err)
{
    struct aws_steps *steps = grant->aws;
    struct arena *arena = steps->arena;
    const char *profile = steps->source->profile;

    for (size_t depth = 0; depth < MAX_PROFILES; depth++) {
        const char *id = aws_profile_get(files, profile, "aws_access_key_id", arena);
        const char *secret = aws_profile_get(files, profile, "aws_secret_access_key", arena);
        const char *source = aws_profile_get(files, profile, "source_profile", arena);
        const char *kind = aws_profile_get(files, profile, "credential_source", arena);
        const char *web = aws_profile_get(files, profile, "web_identity_token_file", arena);
        struct role role = {.arn = aws_profile_get(files, profile, "role_arn", arena),
                            .external_id = aws_profile_get(files, profile, "external_id", arena),
                            .session_name = DEFAULT_SESSION,
                            .duration_s = DEFAULT_ROLE_S};

        if (role.arn && web)
            return ask_web(grant, &role, web, err);
        if (role.arn && (source || kind)) {
            steps->roles[steps->n_roles++] = role;
            if (!source)
                return use_credential_source(grant, kind, err);
            if (strcmp(source, profile) != 0) { /* else the role stands on the profile's own keys */
                profile = source;
                continue;
            }
        }
        if (id && secret) {
            steps->keys = (struct sigv4_keys){
                id, secret, aws_profile_get(files, profile, "aws_session_token", arena)};
            return have_keys(grant, err);
        }
        if (!aws_profile_is_there(files, profile))
            return failed(
                steps,
                arena_printf(arena, "there is no profile \"%.100s\" in the shared files", profile),
                err);
        return failed(steps,
                      arena_printf(arena,
                                   "the profile \"%.100s\" has no keys and no role; "
                                   "credential_process and SSO are not supported, as no programs "
                                   "are started",
                                   profile),
                      err);
    }
    return failed(steps, "the profiles refer to each other more than five deep", err);
}

/* --- beginning --- */

static bool is_mode(const struct aws_source *source, const char *mode)
{
    return strcmp(source->mode, mode) == 0;
}

static enum err_code use_web(struct token_grant *grant, struct error *err)
{
    const struct aws_source *source = grant->aws->source;
    struct role role = source->web;
    const char *file = source->web_token_file;

    if (!role.arn)
        role.arn = variable("AWS_ROLE_ARN");
    if (!file)
        file = variable("AWS_WEB_IDENTITY_TOKEN_FILE");
    if (variable("AWS_ROLE_SESSION_NAME") && !source->web.arn)
        role.session_name = variable("AWS_ROLE_SESSION_NAME");
    return ask_web(grant, &role, file, err);
}

enum err_code aws_grant_begin(const struct aws_source *source, int64_t now_unix_s,
                              struct arena *arena, struct token_grant *out, struct error *err)
{
    struct aws_steps *steps = arena_new(arena, struct aws_steps);
    bool is_auto = is_mode(source, "auto");
    struct aws_files files = {0};
    struct error why = {0};

    *out = (struct token_grant){.aws = steps};
    steps->source = source;
    steps->arena = steps->secrets.arena = arena;
    steps->now_unix_s = now_unix_s;
    if (source->assume.arn)
        steps->roles[steps->n_roles++] = source->assume;
    if (is_mode(source, "static") || (is_auto && account_has_key(source->account, "accessKeyId")))
        return use_static(out, err);
    if (is_auto && variable("AWS_ACCESS_KEY_ID"))
        return use_environment(out, err);
    if (is_mode(source, "webIdentity") ||
        (is_auto && (source->web.arn ||
                     (variable("AWS_WEB_IDENTITY_TOKEN_FILE") && variable("AWS_ROLE_ARN")))))
        return use_web(out, err);
    if (is_auto || is_mode(source, "profile")) {
        if (aws_files_read(source->credentials_file, source->config_file, arena, &files, &why))
            return failed(steps, why.message, err);
        if (!is_auto || aws_profile_is_there(&files, source->profile) ||
            strcmp(source->profile, "default") != 0)
            return use_profile(out, &files, err);
    }
    if (is_mode(source, "container") ||
        (is_auto && (variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") ||
                     variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"))))
        return ask_container(out, err);
    if (is_auto && variable("AWS_EC2_METADATA_DISABLED") &&
        strcasecmp(variable("AWS_EC2_METADATA_DISABLED"), "true") == 0)
        return failed(steps, "no AWS credentials are configured, and instance metadata is disabled",
                      err);
    return ask_machine(out, err);
}

/* --- replies --- */

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

/* The text between the first such start tag and its end tag; NULL: there is none. */
static const char *xml_text(const char *body, const char *name, struct arena *arena)
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

struct reply_keys {
    const char *id, *secret, *token, *end; /* NULL: not there */
};

static enum err_code read_reply(struct aws_steps *steps, const struct http_response *reply,
                                struct reply_keys *out, struct error *err)
{
    struct arena *arena = steps->arena;
    struct error ignored = {0};
    json_t *root = NULL;
    const json_t *keys;
    const char *code;

    if (reply->n_body_bytes > MAX_REPLY_BYTES || strlen(reply->body) != reply->n_body_bytes ||
        strstr(reply->body, "<!DOCTYPE"))
        return failed(steps, "the credential endpoint's reply cannot be read", err);
    if (steps->now == STEP_WEB || steps->now == STEP_ROLE) {
        *out = (struct reply_keys){xml_text(reply->body, "AccessKeyId", arena),
                                   xml_text(reply->body, "SecretAccessKey", arena),
                                   xml_text(reply->body, "SessionToken", arena),
                                   xml_text(reply->body, "Expiration", arena)};
        if (out->id)
            return ERR_OK;
    }
    if (json_read((struct str){reply->body, reply->n_body_bytes}, &json_limits_reply, &root,
                  &ignored))
        return failed(steps, "the credential endpoint's reply is neither JSON nor what STS says",
                      err);
    keys = json_keys(json_keep(root, arena));
    code = json_string_value(json_object_get(root, "Code"));
    if (code && strcmp(code, "Success") != 0)
        return failed(steps, arena_printf(arena, "the credential endpoint says \"%.200s\"", code),
                      err);
    *out = (struct reply_keys){text_of(keys, "AccessKeyId", arena),
                               text_of(keys, "SecretAccessKey", arena),
                               text_of(keys, "Token", arena), text_of(keys, "Expiration", arena)};
    if (!out->token)
        out->token = text_of(keys, "SessionToken", arena);
    return ERR_OK;
}

/* RFC 3339, or seconds since 1970. */
static bool read_end(const char *text, int64_t *out_unix_s)
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

static enum err_code take_keys(struct token_grant *grant, const struct http_response *reply,
                               struct error *err)
{
    struct aws_steps *steps = grant->aws;
    struct reply_keys keys;

    if (read_reply(steps, reply, &keys, err))
        return err->code;
    if (!keys.id || !*keys.id || !keys.secret || !*keys.secret)
        return failed(steps, "the credential endpoint's reply has no keys", err);
    if (!keys.end || !read_end(keys.end, &steps->end_unix_s))
        return failed(steps, "the credential endpoint's reply does not say when the keys end", err);
    steps->keys =
        (struct sigv4_keys){keys.id, keys.secret, keys.token && *keys.token ? keys.token : NULL};
    return have_keys(grant, err);
}

static enum err_code refused(const struct aws_steps *steps, const struct http_response *reply,
                             struct error *err)
{
    const char *code = xml_text(reply->body, "Code", steps->arena);
    const char *words = xml_text(reply->body, "Message", steps->arena);

    if (steps->now == STEP_MACHINE_ROLE && reply->status == 404)
        return failed(steps, "no role is attached to this machine", err);
    return failed(steps,
                  arena_printf(steps->arena,
                               "the credential endpoint answered with status %ld%s%.200s%s%.500s",
                               reply->status, code ? ": " : "", code ? code : "", words ? ": " : "",
                               words ? words : ""),
                  err);
}

/* One line of plain text, such as a token or a role's name. NULL: it is none. */
static const char *first_line(const struct http_response *reply, struct arena *arena)
{
    size_t n = strcspn(reply->body, "\r\n");
    const char *line = arena_strndup(arena, reply->body, n);

    for (const char *c = line; *c; c++)
        if (*c <= ' ' || *c > '~')
            return NULL;
    return *line && n < 4 * KIB ? line : NULL;
}

enum err_code aws_grant_answer(struct token_grant *grant, const struct http_response *reply,
                               int64_t now_unix_s, struct error *err)
{
    struct aws_steps *steps = grant->aws;
    const char *line;

    steps->now_unix_s = now_unix_s;
    if (reply->status < 200 || reply->status > 299)
        return refused(steps, reply, err);
    if (steps->now != STEP_MACHINE_TOKEN && steps->now != STEP_MACHINE_ROLE)
        return take_keys(grant, reply, err);
    line = first_line(reply, steps->arena);
    if (!line)
        return failed(steps, "what answered at the metadata service's address is none", err);
    if (steps->now == STEP_MACHINE_ROLE)
        return ask_machine_for(grant, STEP_MACHINE_KEYS, line, err);
    mask_add(&steps->secrets, line);
    steps->machine_token = line;
    return ask_machine_for(grant, STEP_MACHINE_ROLE, "", err);
}
