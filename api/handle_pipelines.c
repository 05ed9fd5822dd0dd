#include "api/handlers.h"
#include "api/respond.h"

#include <microhttpd.h>
#include <string.h>

enum err_code handle_pipeline_list(struct api_call *call, struct error *err)
{
    struct list_page page;
    struct str body;

    if (call_page(call, &page, err) ||
        analyzer_pipeline_list(call->context->analyzer, page, call->arena, &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}

enum err_code handle_pipeline_get(struct api_call *call, struct error *err)
{
    struct str body;

    if (analyzer_pipeline_get(call->context->analyzer, call->match.params[0], call->arena, &body,
                              err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}

enum err_code handle_pipeline_cancel(struct api_call *call, struct error *err)
{
    if (analyzer_pipeline_cancel(call->context->analyzer, call->match.params[0], err))
        return err->code;
    respond_empty(call, MHD_HTTP_ACCEPTED);
    return ERR_OK;
}

enum err_code handle_pipeline_delete(struct api_call *call, struct error *err)
{
    if (analyzer_pipeline_delete(call->context->analyzer, call->match.params[0], err))
        return err->code;
    respond_empty(call, MHD_HTTP_OK);
    return ERR_OK;
}

enum err_code handle_pipeline_start(struct api_call *call, struct error *err)
{
    (void)call;
    return error_because(err, ERR_PERMISSION, "not_offered",
                         "Pipelines of stages cannot be started here. Start canaries with POST "
                         "/canary, and judge stored series with POST /judges/judge.");
}

/* {"enabled": true}; text will do, as everywhere. */
static enum err_code read_enabled(const json_t *body, bool *out, struct error *err)
{
    const json_t *value = json_object_get(body, "enabled");
    const char *text = json_string_value(value);

    if (!value || json_is_null(value))
        return error_set(err, ERR_INVALID, "The field 'enabled' must be set.");
    *out = json_is_true(value) || (text && strcmp(text, "true") == 0);
    if (*out || json_is_false(value) || (text && strcmp(text, "false") == 0))
        return ERR_OK;
    error_because(err, ERR_INVALID, "bad_type", "enabled must be true or false");
    return error_point(err, "/enabled");
}

enum err_code handle_queue_enabled(struct api_call *call, struct error *err)
{
    const json_t *body;
    bool is_enabled;

    if (call_json_object(call, &body, err) || read_enabled(body, &is_enabled, err))
        return err->code;
    analyzer_pause(call->context->analyzer, !is_enabled);
    respond_empty(call, MHD_HTTP_OK);
    return ERR_OK;
}
