#include "api/handlers.h"
#include "api/respond.h"

#include <microhttpd.h>

static enum err_code account_of(const struct api_call *call, const char **out, struct error *err)
{
    const struct call_param params[] = {{"storageAccountName", out, PARAM_OPTIONAL}};

    return call_params(call, params, ARRAY_LEN(params), err);
}

enum err_code handle_archive_list(struct api_call *call, struct error *err)
{
    struct list_page page;
    const char *account;
    struct str body;

    if (account_of(call, &account, err) || call_page(call, &page, err) ||
        analyzer_archive_list(call->context->analyzer, account, page, call->arena, &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}

enum err_code handle_archive_create(struct api_call *call, struct error *err)
{
    const char *account, *wanted_id, *id;
    const struct call_param params[] = {{"pipelineId", &wanted_id, PARAM_OPTIONAL}};
    const json_t *entry;

    if (account_of(call, &account, err) || call_params(call, params, ARRAY_LEN(params), err) ||
        call_json_object(call, &entry, err) ||
        analyzer_archive_create(call->context->analyzer, account, wanted_id, entry, call->arena,
                                &id, err))
        return err->code;
    respond_member(call, "pipelineId", id);
    return ERR_OK;
}

enum err_code handle_archive_get(struct api_call *call, struct error *err)
{
    const char *account;
    struct str body;

    if (account_of(call, &account, err) ||
        analyzer_archive_get(call->context->analyzer, account, call->match.params[0], call->arena,
                             &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}

enum err_code handle_archive_update(struct api_call *call, struct error *err)
{
    const char *account;
    const json_t *entry;

    if (account_of(call, &account, err) || call_json_object(call, &entry, err) ||
        analyzer_archive_update(call->context->analyzer, account, call->match.params[0], entry,
                                call->arena, err))
        return err->code;
    respond_member(call, "pipelineId", call->match.params[0]);
    return ERR_OK;
}

enum err_code handle_archive_delete(struct api_call *call, struct error *err)
{
    const char *account;

    if (account_of(call, &account, err) ||
        analyzer_archive_delete(call->context->analyzer, account, call->match.params[0], err))
        return err->code;
    respond_empty(call, MHD_HTTP_NO_CONTENT);
    return ERR_OK;
}
