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

enum err_code handle_judges(struct api_call *call, struct error *err)
{
    struct str body;

    if (analyzer_judges(call->context->analyzer, call->arena, &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}
