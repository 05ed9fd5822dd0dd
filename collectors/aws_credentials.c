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
#include "collectors/aws_endpoint.h"
#include "collectors/aws_profile.h"
#include "collectors/aws_reply.h"
#include "collectors/aws_sts.h"

#include <string.h>
#include <strings.h>

#define LONG_TERM_LIFE_S 60 /* keys without an end are read again that often: files change */
#define MAX_LIFE_S (7 * 86400)

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
        return aws_failed(steps, "the keys hold characters that no key has", err);
    if (steps->n_roles)
        return aws_sts_ask(grant, err);
    if (steps->end_unix_s)
        life_s = steps->end_unix_s - steps->now_unix_s;
    if (life_s < 1 || life_s > MAX_LIFE_S)
        return aws_failed(steps, "the keys that came end in the past, or in more than a week", err);
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
        return aws_failed(steps, why.message, err);
    steps->keys = (struct sigv4_keys){id.value, secret.value, token.value};
    return have_keys(grant, err);
}

static enum err_code use_environment(struct token_grant *grant, struct error *err)
{
    const char *secret = aws_variable("AWS_SECRET_ACCESS_KEY");

    if (!aws_variable("AWS_ACCESS_KEY_ID") || !secret)
        return aws_failed(grant->aws,
                          "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set", err);
    grant->aws->keys = (struct sigv4_keys){aws_variable("AWS_ACCESS_KEY_ID"), secret,
                                           aws_variable("AWS_SESSION_TOKEN")};
    return have_keys(grant, err);
}

/* credential_source: where a profile's role gets its first keys. */
static enum err_code use_credential_source(struct token_grant *grant, const char *name,
                                           struct error *err)
{
    if (strcmp(name, "Environment") == 0)
        return use_environment(grant, err);
    if (strcmp(name, "Ec2InstanceMetadata") == 0)
        return aws_endpoint_ask_machine(grant, err);
    if (strcmp(name, "EcsContainer") == 0)
        return aws_endpoint_ask_container(grant, err);
    return aws_failed(grant->aws,
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

    for (size_t depth = 0; depth < AWS_MAX_PROFILES; depth++) {
        const char *id = aws_profile_get(files, profile, "aws_access_key_id", arena);
        const char *secret = aws_profile_get(files, profile, "aws_secret_access_key", arena);
        const char *source = aws_profile_get(files, profile, "source_profile", arena);
        const char *kind = aws_profile_get(files, profile, "credential_source", arena);
        const char *web = aws_profile_get(files, profile, "web_identity_token_file", arena);
        struct aws_role role = {.arn = aws_profile_get(files, profile, "role_arn", arena),
                                .external_id =
                                    aws_profile_get(files, profile, "external_id", arena),
                                .session_name = AWS_DEFAULT_SESSION,
                                .duration_s = AWS_DEFAULT_ROLE_S};

        if (role.arn && web)
            return aws_sts_ask_web(grant, &role, web, err);
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
            return aws_failed(
                steps,
                arena_printf(arena, "there is no profile \"%.100s\" in the shared files", profile),
                err);
        return aws_failed(
            steps,
            arena_printf(arena,
                         "the profile \"%.100s\" has no keys and no role; "
                         "credential_process and SSO are not supported, as no programs "
                         "are started",
                         profile),
            err);
    }
    return aws_failed(steps, "the profiles refer to each other more than five deep", err);
}

/* --- beginning --- */

static bool is_mode(const struct aws_source *source, const char *mode)
{
    return strcmp(source->mode, mode) == 0;
}

static enum err_code use_web(struct token_grant *grant, struct error *err)
{
    const struct aws_source *source = grant->aws->source;
    struct aws_role role = source->web;
    const char *file = source->web_token_file;

    if (!role.arn)
        role.arn = aws_variable("AWS_ROLE_ARN");
    if (!file)
        file = aws_variable("AWS_WEB_IDENTITY_TOKEN_FILE");
    if (aws_variable("AWS_ROLE_SESSION_NAME") && !source->web.arn)
        role.session_name = aws_variable("AWS_ROLE_SESSION_NAME");
    return aws_sts_ask_web(grant, &role, file, err);
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
    if (is_auto && aws_variable("AWS_ACCESS_KEY_ID"))
        return use_environment(out, err);
    if (is_mode(source, "webIdentity") ||
        (is_auto && (source->web.arn || (aws_variable("AWS_WEB_IDENTITY_TOKEN_FILE") &&
                                         aws_variable("AWS_ROLE_ARN")))))
        return use_web(out, err);
    if (is_auto || is_mode(source, "profile")) {
        if (aws_files_read(source->credentials_file, source->config_file, arena, &files, &why))
            return aws_failed(steps, why.message, err);
        if (!is_auto || aws_profile_is_there(&files, source->profile) ||
            strcmp(source->profile, "default") != 0)
            return use_profile(out, &files, err);
    }
    if (is_mode(source, "container") ||
        (is_auto && (aws_variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") ||
                     aws_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"))))
        return aws_endpoint_ask_container(out, err);
    if (is_auto && aws_variable("AWS_EC2_METADATA_DISABLED") &&
        strcasecmp(aws_variable("AWS_EC2_METADATA_DISABLED"), "true") == 0)
        return aws_failed(
            steps, "no AWS credentials are configured, and instance metadata is disabled", err);
    return aws_endpoint_ask_machine(out, err);
}

/* --- replies --- */

static enum err_code take_keys(struct token_grant *grant, const struct http_response *reply,
                               struct error *err)
{
    struct aws_steps *steps = grant->aws;
    bool is_from_sts = steps->now == AWS_STEP_WEB || steps->now == AWS_STEP_ROLE;
    struct aws_reply_keys keys;
    struct error why = {0};

    if (aws_reply_keys(reply, is_from_sts, steps->arena, &keys, &why))
        return aws_failed(steps, why.message, err);
    if (!keys.id || !*keys.id || !keys.secret || !*keys.secret)
        return aws_failed(steps, "the credential endpoint's reply has no keys", err);
    if (!keys.end || !aws_reply_end(keys.end, &steps->end_unix_s))
        return aws_failed(steps, "the credential endpoint's reply does not say when the keys end",
                          err);
    steps->keys =
        (struct sigv4_keys){keys.id, keys.secret, keys.token && *keys.token ? keys.token : NULL};
    return have_keys(grant, err);
}

static enum err_code refused(const struct aws_steps *steps, const struct http_response *reply,
                             struct error *err)
{
    const char *code = aws_reply_xml(reply->body, "Code", steps->arena);
    const char *words = aws_reply_xml(reply->body, "Message", steps->arena);

    if (steps->now == AWS_STEP_MACHINE_ROLE && reply->status == 404)
        return aws_failed(steps, "no role is attached to this machine", err);
    return aws_failed(
        steps,
        arena_printf(steps->arena,
                     "the credential endpoint answered with status %ld%s%.200s%s%.500s",
                     reply->status, code ? ": " : "", code ? code : "", words ? ": " : "",
                     words ? words : ""),
        err);
}

enum err_code aws_grant_answer(struct token_grant *grant, const struct http_response *reply,
                               int64_t now_unix_s, struct error *err)
{
    struct aws_steps *steps = grant->aws;
    const char *line;

    steps->now_unix_s = now_unix_s;
    if (reply->status < 200 || reply->status > 299)
        return refused(steps, reply, err);
    if (steps->now != AWS_STEP_MACHINE_TOKEN && steps->now != AWS_STEP_MACHINE_ROLE)
        return take_keys(grant, reply, err);
    line = aws_reply_line(reply, steps->arena);
    if (!line)
        return aws_failed(steps, "what answered at the metadata service's address is none", err);
    if (steps->now == AWS_STEP_MACHINE_ROLE)
        return aws_endpoint_ask_machine_for(grant, AWS_STEP_MACHINE_KEYS, line, err);
    mask_add(&steps->secrets, line);
    steps->machine_token = line;
    return aws_endpoint_ask_machine_for(grant, AWS_STEP_MACHINE_ROLE, "", err);
}
