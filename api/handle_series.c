#include "api/handlers.h"
#include "api/respond.h"

#include <microhttpd.h>

/* accountName, not storageAccountName: here Kayenta calls it differently. */
static enum err_code account_of(const struct api_call *call, const char **out, struct error *err)
{
    const struct call_param params[] = {{"accountName", out, PARAM_OPTIONAL}};

    return call_params(call, params, ARRAY_LEN(params), err);
}

static enum err_code list(struct api_call *call, enum series_kind kind, struct error *err)
{
    struct list_page page;
    const char *account;
    struct str body;

    if (account_of(call, &account, err) || call_page(call, &page, err) ||
        analyzer_series_list(call->context->analyzer, kind, account, page, call->arena, &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}

static enum err_code create(struct api_call *call, enum series_kind kind, const char *id_key,
                            struct error *err)
{
    const json_t *series;
    const char *account, *id;

    if (account_of(call, &account, err) || call_json_array(call, &series, err) ||
        analyzer_series_create(call->context->analyzer, kind, account, series, call->arena, &id,
                               err))
        return err->code;
    respond_member(call, id_key, id);
    return ERR_OK;
}

static enum err_code get(struct api_call *call, enum series_kind kind, struct error *err)
{
    const char *account;
    struct str body;

    if (account_of(call, &account, err) ||
        analyzer_series_get(call->context->analyzer, kind, account, call->match.params[0],
                            call->arena, &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}

static enum err_code delete_one(struct api_call *call, enum series_kind kind, struct error *err)
{
    const char *account;

    if (account_of(call, &account, err) ||
        analyzer_series_delete(call->context->analyzer, kind, account, call->match.params[0], err))
        return err->code;
    respond_empty(call, MHD_HTTP_NO_CONTENT);
    return ERR_OK;
}

enum err_code handle_metric_set_list_list(struct api_call *call, struct error *err)
{
    return list(call, SERIES_METRIC_SETS, err);
}

enum err_code handle_metric_set_list_create(struct api_call *call, struct error *err)
{
    return create(call, SERIES_METRIC_SETS, "metricSetListId", err);
}

enum err_code handle_metric_set_list_get(struct api_call *call, struct error *err)
{
    return get(call, SERIES_METRIC_SETS, err);
}

enum err_code handle_metric_set_list_delete(struct api_call *call, struct error *err)
{
    return delete_one(call, SERIES_METRIC_SETS, err);
}

enum err_code handle_pair_list_list(struct api_call *call, struct error *err)
{
    return list(call, SERIES_METRIC_SET_PAIRS, err);
}

enum err_code handle_pair_list_create(struct api_call *call, struct error *err)
{
    return create(call, SERIES_METRIC_SET_PAIRS, "metricSetPairListId", err);
}

enum err_code handle_pair_list_get(struct api_call *call, struct error *err)
{
    return get(call, SERIES_METRIC_SET_PAIRS, err);
}

enum err_code handle_pair_list_delete(struct api_call *call, struct error *err)
{
    return delete_one(call, SERIES_METRIC_SET_PAIRS, err);
}

enum err_code handle_pair_get(struct api_call *call, struct error *err)
{
    const char *account;
    struct str body;

    if (account_of(call, &account, err) ||
        analyzer_pair_get(call->context->analyzer, account, call->match.params[0],
                          call->match.params[1], call->arena, &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}
