#include "api/handlers.h"
#include "api/respond.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

static json_t *list(const struct api_call *call, const char *name)
{
    json_t *array = json_array();
    const char *const *items;
    size_t n;

    call_list(call, name, &items, &n);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_string(items[i]));
    return array;
}

static const char *either(const char *given, const char *configured)
{
    return given ? given : configured;
}

static enum err_code step_of(const char *text, json_int_t *out, struct error *err)
{
    size_t n_digits = strspn(text, "0123456789");

    if (n_digits == 0 || n_digits > 9 || text[n_digits] != '\0')
        return error_because(err, ERR_INVALID, "bad_parameter",
                             "Parameter 'step' must be a whole number of seconds.");
    *out = strtol(text, NULL, 10);
    return ERR_OK;
}

/* The parameters put together as the query and the scope that a config and a request would hold. */
enum err_code handle_fetch_prometheus(struct api_call *call, struct error *err)
{
    const struct settings *settings = call->context->settings;
    const char *metric_name, *step, *project, *resource_type, *location, *scope_name, *start, *end,
        *filter;
    struct fetch_query fetch = {.store = "prometheus"};
    const struct call_param params[] = {
        {"metricSetName", &fetch.metric_set_name, PARAM_REQUIRED},
        {"metricName", &metric_name, PARAM_REQUIRED},
        {"step", &step, PARAM_REQUIRED},
        {"metricsAccountName", &fetch.metrics_account, PARAM_OPTIONAL},
        {"storageAccountName", &fetch.storage_account, PARAM_OPTIONAL},
        {"project", &project, PARAM_OPTIONAL},
        {"resourceType", &resource_type, PARAM_OPTIONAL},
        {"location", &location, PARAM_OPTIONAL},
        {"scope", &scope_name, PARAM_OPTIONAL},
        {"start", &start, PARAM_OPTIONAL},
        {"end", &end, PARAM_OPTIONAL},
        {"customFilter", &filter, PARAM_OPTIONAL},
    };
    json_t *query = json_object(), *scope = json_object(), *extended = json_object();
    json_int_t step_s = 0;
    struct str body;

    json_keep(query, call->arena);
    json_keep(scope, call->arena);
    json_object_set_new(scope, "extendedScopeParams", extended);
    if (call_params(call, params, ARRAY_LEN(params), err) || step_of(step, &step_s, err) ||
        call_flag(call, "dryRun", &fetch.is_dry_run, err))
        return err->code;

    json_set_text(query, "type", "prometheus");
    json_set_text(query, "metricName", metric_name);
    json_object_set_new(query, "labelBindings", list(call, "labelBindings"));
    json_object_set_new(query, "groupByFields", list(call, "groupByFields"));
    json_set_text(query, "customInlineTemplate", filter);
    json_set_text(scope, "scope", either(scope_name, settings->fetch_scope));
    json_set_text(scope, "location", either(location, settings->fetch_location));
    json_set_text(scope, "start", either(start, settings->fetch_start));
    json_set_text(scope, "end", either(end, settings->fetch_end));
    json_object_set_new(scope, "step", json_integer(step_s));
    json_set_text(extended, "project", either(project, settings->fetch_project));
    json_set_text(extended, "resourceType", either(resource_type, settings->fetch_resource_type));
    fetch.query = query;
    fetch.scope = scope;
    if (analyzer_fetch(call->context->analyzer, &fetch, call->arena, &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}
