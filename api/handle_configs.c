#include "api/handlers.h"
#include "api/respond.h"

#include <microhttpd.h>

static enum err_code account(const struct api_call *call, const char **out, struct error *err)
{
    const struct call_param params[] = {{"configurationAccountName", out, PARAM_OPTIONAL}};

    return call_params(call, params, ARRAY_LEN(params), err);
}

enum err_code handle_config_list(struct api_call *call, struct error *err)
{
    const char *const *applications;
    const char *name;
    size_t n_applications;
    struct str body;

    call_list(call, "application", &applications, &n_applications);
    if (account(call, &name, err) ||
        analyzer_config_list(call->context->analyzer, name, applications, n_applications,
                             call->arena, &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}

enum err_code handle_config_create(struct api_call *call, struct error *err)
{
    const char *name, *id;
    const json_t *config;

    if (account(call, &name, err) || call_json_object(call, &config, err) ||
        analyzer_config_create(call->context->analyzer, name, config, call->arena, &id, err))
        return err->code;
    respond_member(call, "canaryConfigId", id);
    return ERR_OK;
}

enum err_code handle_config_get(struct api_call *call, struct error *err)
{
    const char *name;
    struct str body;

    if (account(call, &name, err) ||
        analyzer_config_get(call->context->analyzer, name, call->match.params[0], call->arena,
                            &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}

enum err_code handle_config_update(struct api_call *call, struct error *err)
{
    const char *name, *id;
    const json_t *config;

    if (account(call, &name, err) || call_json_object(call, &config, err) ||
        analyzer_config_update(call->context->analyzer, name, call->match.params[0], config,
                               call->arena, &id, err))
        return err->code;
    respond_member(call, "canaryConfigId", id);
    return ERR_OK;
}

enum err_code handle_config_delete(struct api_call *call, struct error *err)
{
    const char *name;

    if (account(call, &name, err) ||
        analyzer_config_delete(call->context->analyzer, name, call->match.params[0], err))
        return err->code;
    respond_empty(call, MHD_HTTP_NO_CONTENT);
    return ERR_OK;
}
