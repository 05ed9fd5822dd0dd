#include "api/handlers.h"
#include "api/respond.h"

static enum err_code get(struct api_call *call, enum series_kind kind, struct error *err)
{
    const char *account;
    /* not storageAccountName: here Kayenta calls it differently */
    const struct call_param params[] = {{"accountName", &account, PARAM_OPTIONAL}};
    struct str body;

    if (call_params(call, params, ARRAY_LEN(params), err) ||
        analyzer_series_get(call->context->analyzer, kind, account, call->match.params[0],
                            call->arena, &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}

enum err_code handle_metric_set_list_get(struct api_call *call, struct error *err)
{
    return get(call, SERIES_METRIC_SETS, err);
}

enum err_code handle_metric_set_pair_list_get(struct api_call *call, struct error *err)
{
    return get(call, SERIES_METRIC_SET_PAIRS, err);
}
