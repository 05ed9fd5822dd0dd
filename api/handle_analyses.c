#include "api/handlers.h"
#include "api/idempotency.h"
#include "api/respond.h"

/* Kayenta has these endpoints only where kayenta.standaloneCanaryAnalysis.enabled says so. */
static enum err_code check_enabled(const struct api_call *call, struct error *err)
{
    if (!call->context->settings->has_no_analyses)
        return ERR_OK;
    return error_because(err, ERR_NOT_FOUND, "unknown_path",
                         "No static resource " STR_FMT
                         ": kayenta.standaloneCanaryAnalysis.enabled is false.",
                         (int)call->target.path.n_bytes - 1, call->target.path.bytes + 1);
}

/* Start and answer with the id; 200 once the analysis is durable. */
static enum err_code start(struct api_call *call, struct analysis_start *what, struct error *err)
{
    struct canary_start *canary = &what->canary;
    const struct call_param params[] = {
        {"user", &what->user, PARAM_OPTIONAL},
        {"application", &canary->application, PARAM_OPTIONAL},
        {"parentPipelineExecutionId", &canary->parent_pipeline_execution_id, PARAM_OPTIONAL},
        {"metricsAccountName", &canary->metrics_account, PARAM_OPTIONAL},
        {"configurationAccountName", &canary->configuration_account, PARAM_OPTIONAL},
        {"storageAccountName", &canary->storage_account, PARAM_OPTIONAL},
    };
    const char *id;

    if (call_params(call, params, ARRAY_LEN(params), err) ||
        idempotency_of(call, &canary->idempotency, err) ||
        analyzer_analysis_start(call->context->analyzer, what, call->arena, &id, err))
        return err->code;
    respond_started(call, "canaryAnalysisExecutionId", "/standalone_canary_analysis/", id);
    return ERR_OK;
}

enum err_code handle_analysis_start_ad_hoc(struct api_call *call, struct error *err)
{
    struct analysis_start what = {0};

    if (check_enabled(call, err) ||
        call_ad_hoc_halves(call, &what.canary.canary_config, &what.canary.execution_request, err))
        return err->code;
    return start(call, &what, err);
}

enum err_code handle_analysis_start_by_config(struct api_call *call, struct error *err)
{
    struct analysis_start what = {.canary.canary_config_id = call->match.params[0]};

    if (check_enabled(call, err) || call_json_object(call, &what.canary.execution_request, err))
        return err->code;
    return start(call, &what, err);
}

enum err_code handle_analysis_get(struct api_call *call, struct error *err)
{
    const char *storage_account;
    const struct call_param params[] = {
        {"storageAccountName", &storage_account, PARAM_OPTIONAL},
    };
    struct str body;

    if (check_enabled(call, err) || call_params(call, params, ARRAY_LEN(params), err) ||
        analyzer_analysis_get(call->context->analyzer, call->match.params[0], call->arena, &body,
                              err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}
