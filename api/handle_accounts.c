#include "api/handlers.h"
#include "api/respond.h"

enum err_code handle_credentials(struct api_call *call, struct error *err)
{
    struct str body;

    if (analyzer_credentials(call->context->analyzer, call->arena, &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}

enum err_code handle_credential_delete(struct api_call *call, struct error *err)
{
    (void)call;
    return error_because(err, ERR_PERMISSION, "not_offered",
                         "Accounts are configured in the service's settings and cannot be removed "
                         "while it runs.");
}

enum err_code handle_metrics_services(struct api_call *call, struct error *err)
{
    struct str body;

    if (analyzer_metrics_services(call->context->analyzer, call->arena, &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}

enum err_code handle_metadata(struct api_call *call, struct error *err)
{
    const char *account, *filter;
    const struct call_param params[] = {
        {"metricsAccountName", &account, PARAM_OPTIONAL},
        {"filter", &filter, PARAM_OPTIONAL},
    };
    struct str body;

    if (call_params(call, params, ARRAY_LEN(params), err) ||
        analyzer_metadata(call->context->analyzer, account, filter, call->arena, &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}
