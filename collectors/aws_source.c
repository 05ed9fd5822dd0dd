/* What the configuration says of keys, checked when it is loaded. */
#include "collectors/aws_steps.h"

#include "base/json.h"
#include "collectors/aws_profile.h"

#include <string.h>

static const char *text_of(const json_t *object, const char *key, struct arena *arena)
{
    const char *text = json_text_of(object, key, arena);

    return text && *text ? text : NULL;
}

static enum err_code bad_key(const struct account *account, const char *key, const char *what,
                             struct error *err)
{
    error_set(err, ERR_SETTINGS, "\"%s\" %s", key, what);
    return error_context(err, "%s account \"%s\"", account->type, account->name);
}

static enum err_code read_role(const struct account *account, const json_t *object, const char *key,
                               struct arena *arena, struct aws_role *out, struct error *err)
{
    double seconds = AWS_DEFAULT_ROLE_S;
    const json_t *duration = json_object_get(object, "durationSeconds");

    *out = (struct aws_role){.session_name = AWS_DEFAULT_SESSION, .duration_s = AWS_DEFAULT_ROLE_S};
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
        profile = aws_variable("AWS_PROFILE");
    return profile ? profile : "default";
}

const char *aws_region(const json_t *config, struct arena *arena)
{
    const char *region = text_of(config, "region", arena);
    struct aws_files files = {0};
    struct error ignored = {0};

    if (!region)
        region = aws_variable("AWS_REGION");
    if (!region)
        region = aws_variable("AWS_DEFAULT_REGION");
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
