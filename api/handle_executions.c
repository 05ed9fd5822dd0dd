#include "api/handlers.h"
#include "api/idempotency.h"
#include "api/respond.h"
#include "base/limits.h"

#include <string.h>

/* Start and answer with the id; 200 once the execution is durable, since clients refuse 201. */
static enum err_code start(struct api_call *call, struct canary_start *what, struct error *err)
{
    const struct call_param params[] = {
        /* an empty application means something of its own for ad hoc runs */
        {"application", &what->application,
         what->canary_config_id ? PARAM_OPTIONAL : PARAM_KEEP_EMPTY},
        {"parentPipelineExecutionId", &what->parent_pipeline_execution_id, PARAM_OPTIONAL},
        {"metricsAccountName", &what->metrics_account, PARAM_OPTIONAL},
        {"configurationAccountName", &what->configuration_account, PARAM_OPTIONAL},
        {"storageAccountName", &what->storage_account, PARAM_OPTIONAL},
    };
    const char *id;

    if (call_params(call, params, ARRAY_LEN(params), err) ||
        idempotency_of(call, &what->idempotency, err) ||
        analyzer_canary_start(call->context->analyzer, what, call->arena, &id, err))
        return err->code;
    respond_started(call, "canaryExecutionId", "/canary/", id);
    return ERR_OK;
}

enum err_code handle_start_ad_hoc(struct api_call *call, struct error *err)
{
    struct canary_start what = {0};

    if (call_ad_hoc_halves(call, &what.canary_config, &what.execution_request, err))
        return err->code;
    return start(call, &what, err);
}

enum err_code handle_start_by_config(struct api_call *call, struct error *err)
{
    struct canary_start what = {.canary_config_id = call->match.params[0]};

    if (call_json_object(call, &what.execution_request, err))
        return err->code;
    return start(call, &what, err);
}

enum err_code handle_execution_get(struct api_call *call, struct error *err)
{
    const char *storage_account;
    const struct call_param params[] = {
        {"storageAccountName", &storage_account, PARAM_OPTIONAL},
    };
    struct str body;

    if (call_params(call, params, ARRAY_LEN(params), err) ||
        analyzer_execution_get(call->context->analyzer, call->match.params[0], storage_account,
                               call->arena, &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}

enum err_code handle_execution_list(struct api_call *call, struct error *err)
{
    struct execution_query query = {0};
    const struct call_param params[] = {
        {"application", &query.application, PARAM_OPTIONAL},
        {"storageAccountName", &query.storage_account, PARAM_OPTIONAL},
    };
    const char *const *statuses;
    size_t n_statuses;
    struct str body;

    if (call_params(call, params, ARRAY_LEN(params), err) ||
        call_count(call, "limit", HTTP_DEFAULT_PAGE_ROWS, HTTP_MAX_PAGE_ROWS, &query.limit, err) ||
        call_count(call, "page", 1, HTTP_MAX_PAGE, &query.page, err))
        return err->code;
    call_list(call, "statuses", &statuses, &n_statuses);
    for (size_t i = 0; i < n_statuses; i++)
        query.statuses = query.statuses
                             ? arena_printf(call->arena, "%s,%s", query.statuses, statuses[i])
                             : statuses[i];
    if (analyzer_execution_list(call->context->analyzer, &query, call->arena, &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}

enum err_code handle_execution_bundle(struct api_call *call, struct error *err)
{
    struct str body;

    if (analyzer_execution_bundle(call->context->analyzer, call->match.params[0], call->arena,
                                  &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}
