#include "api/handlers.h"
#include "api/respond.h"
#include "base/number.h"

#include <math.h>
#include <string.h>

enum err_code handle_judges(struct api_call *call, struct error *err)
{
    struct str body;

    if (analyzer_judges(call->context->analyzer, call->arena, &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}

static enum err_code number_of(const char *name, const char *text, double *out, struct error *err)
{
    if (!number_parse(text, strlen(text), out) || !isfinite(*out))
        return error_because(err, ERR_INVALID, "bad_parameter", "Parameter '%s' must be a number.",
                             name);
    return ERR_OK;
}

static enum err_code read_request(const struct api_call *call, struct judge_request *out,
                                  struct error *err)
{
    const char *pass, *marginal;
    const struct call_param params[] = {
        {"canaryConfigId", &out->canary_config_id, PARAM_REQUIRED},
        {"metricSetPairListId", &out->metric_set_pair_list_id, PARAM_REQUIRED},
        {"passThreshold", &pass, PARAM_REQUIRED},
        {"marginalThreshold", &marginal, PARAM_REQUIRED},
        {"configurationAccountName", &out->configuration_account, PARAM_OPTIONAL},
        {"storageAccountName", &out->storage_account, PARAM_OPTIONAL},
        {"overrideCanaryJudge1", &out->judges[0], PARAM_OPTIONAL},
        {"overrideCanaryJudge2", &out->judges[1], PARAM_OPTIONAL},
    };

    if (call_params(call, params, ARRAY_LEN(params), err) ||
        number_of("passThreshold", pass, &out->pass, err))
        return err->code;
    return number_of("marginalThreshold", marginal, &out->marginal, err);
}

enum err_code handle_judge(struct api_call *call, struct error *err)
{
    struct judge_request request = {0};
    struct str body;

    if (read_request(call, &request, err))
        return err->code;
    request.judges[0] = NULL; /* only comparisons know it */
    if (analyzer_judge(call->context->analyzer, &request, call->arena, &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}

enum err_code handle_comparison_start(struct api_call *call, struct error *err)
{
    struct judge_request request = {0};
    const char *id;

    if (read_request(call, &request, err) ||
        analyzer_compare(call->context->analyzer, &request, call->arena, &id, err))
        return err->code;
    respond_member(call, "canaryExecutionId", id);
    return ERR_OK;
}

enum err_code handle_comparison_get(struct api_call *call, struct error *err)
{
    struct str body;

    if (analyzer_comparison_get(call->context->analyzer, call->match.params[0], call->arena, &body,
                                err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}
