#include "analyzer/plan.h"

#include "analyzer/calibration.h"
#include "analyzer/canary_config.h"
#include "analyzer/remote_judge.h"
#include "base/json.h"

#include <string.h>

static enum err_code refuse(struct error *err, const char *reason, const char *message)
{
    return error_because(err, ERR_INVALID, reason, "%s", message);
}

static const char *text_member(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text && *text ? text : NULL;
}

/* Every scope that a metric names must be there; Kayenta lists those that are not. */
static enum err_code check_scopes(const json_t *metrics, const struct execution_request *request,
                                  struct error *err)
{
    struct strbuf missing = {.max_bytes = 1024};
    size_t i, n_named = 0;
    json_t *metric;

    json_array_foreach (metrics, i, metric) {
        const char *name = text_member(metric, "scopeName");

        n_named += name != NULL;
        if (name && request->n_scopes && !execution_request_scope(request, name) &&
            !(missing.bytes && strstr(missing.bytes, name)))
            strbuf_printf(&missing, "%s%s", missing.n_bytes ? ", " : "", name);
    }
    if (n_named && request->n_scopes == 0)
        refuse(err, "bad_scopes",
               "Canary metrics require scopes, but no scopes were provided in the execution "
               "request.");
    else if (missing.n_bytes)
        error_because(err, ERR_INVALID, "bad_scopes",
                      "Canary metrics require scopes which were not provided in the execution "
                      "request: [%s]",
                      missing.bytes);
    strbuf_clear(&missing);
    return err->code ? error_point(err, "/scopes") : ERR_OK;
}

static enum err_code check_metric(const json_t *metric, const struct execution_request *request,
                                  const struct account *account, struct error *err)
{
    const json_t *query = json_object_get(metric, "query");
    const char *name = text_member(metric, "name");
    const char *scope_name = text_member(metric, "scopeName");
    const char *type = text_member(query, "type");
    const struct scope_pair *pair;

    if (!name)
        return refuse(err, "bad_metric_name", "Metric config must specify a name.");
    if (!type)
        return error_because(err, ERR_INVALID, "bad_query_type", "Metric '%s' has no query.", name);
    if (!collector_find(type))
        return error_because(err, ERR_INVALID, "bad_query_type",
                             "Unable to resolve canary scope factory for '%s'.", type);
    if (strcmp(type, account->type) != 0)
        return error_because(err, ERR_INVALID, "bad_query_type",
                             "Metric '%s' is a %s query, but account '%s' is a %s account. One "
                             "common cause is having several METRICS_STORE accounts and naming "
                             "none in the request.",
                             name, type, account->name, account->type);
    if (!scope_name)
        return error_because(err, ERR_INVALID, "bad_scopes",
                             "Canary scope for metric named '%s' is null.", name);
    pair = execution_request_scope(request, scope_name);
    if (!pair || !pair->has_side[SIDE_CONTROL] || !pair->has_side[SIDE_EXPERIMENT])
        return error_because(err, ERR_INVALID, "bad_scopes",
                             "Canary scope for named scope %s is missing experimentScope or "
                             "controlScope keys",
                             scope_name);
    return ERR_OK;
}

enum err_code plan_check_window(const struct plan_query *query, struct error *err)
{
    const struct scope *scope = &query->query.scope;

    if (!scope->has_start)
        return refuse(err, "bad_time", "Start time is required.");
    if (!scope->has_end)
        return refuse(err, "bad_time", "End time is required.");
    if (query->collector->needs_step && scope->step_s == 0)
        return error_because(err, ERR_INVALID, "bad_step",
                             "A step of at least 1 second is required by %s.",
                             query->collector->name);
    return ERR_OK;
}

static enum err_code plan_side(struct plan_query *out, const struct canary_plan *plan,
                               const json_t *metric, const struct account *account,
                               struct arena *arena, struct error *err)
{
    static const char *const members[N_SIDES] = {"controlScope", "experimentScope"};
    const struct scope_pair *pair;

    out->scope_name = text_member(metric, "scopeName");
    pair = execution_request_scope(plan->request, out->scope_name);
    out->account = account;
    out->collector = collector_find(account->type);
    out->query.metric_name = text_member(metric, "name");
    out->query.config = json_object_get(metric, "query");
    out->query.templates = json_object_get(plan->config, "templates");
    out->query.scope = pair->sides[out->side];
    if (plan_check_window(out, err))
        return error_point(err, "/scopes/%s/%s", out->scope_name, members[out->side]);
    if (out->collector->query_text(account, &out->query, arena, &out->text, err))
        error_context(err, "metric \"%s\"", out->query.metric_name);
    return err->code;
}

static const struct account *account_of(const struct plan_accounts *accounts, size_t metric_index)
{
    const struct account *own = accounts->of_metrics ? accounts->of_metrics[metric_index] : NULL;

    return own ? own : accounts->run;
}

enum err_code plan_build(json_t *config, const struct execution_request *request,
                         const struct plan_accounts *accounts, struct arena *arena,
                         struct canary_plan **out, struct error *err)
{
    struct canary_plan *plan = arena_new(arena, struct canary_plan);
    const json_t *metrics = json_object_get(config, "metrics");
    json_t *metric;
    size_t i;

    plan->config = json_keep(json_incref(config), arena);
    plan->request = request;
    plan->n_metrics = json_array_size(metrics);
    if (plan->n_metrics == 0) {
        refuse(err, "no_metrics",
               "The canary config must specify at least one metric. Otherwise we're not analyzing "
               "anything. :)");
        return error_point(err, "/metrics");
    }
    if (check_scopes(metrics, request, err))
        return err->code;
    json_array_foreach (metrics, i, metric)
        if (check_metric(metric, request, account_of(accounts, i), err))
            return error_point(err, "/metrics/%zu", i);
    if (!request->has_thresholds) {
        refuse(err, "bad_thresholds", "Execution request must contain thresholds");
        return error_point(err, "/thresholds");
    }
    plan->judge = judge_named(canary_config_judge_name(config));
    if (plan->judge && judge_is_remote(plan->judge))
        plan->judge_account = accounts->judge;
    if (!plan->judge || (judge_is_remote(plan->judge) && !plan->judge_account)) {
        error_because(err, ERR_INVALID, "unknown_judge", "Unable to resolve canary judge '%s'.%s",
                      canary_config_judge_name(config), plan->judge ? " " REMOTE_JUDGE_NEEDS : "");
        return error_point(err, "/judge/name");
    }
    for (enum side side = SIDE_CONTROL; side <= SIDE_EXPERIMENT; side++) {
        plan->queries[side] = arena_array(arena, struct plan_query, plan->n_metrics);
        json_array_foreach (metrics, i, metric) {
            plan->queries[side][i].side = side;
            plan->queries[side][i].metric_index = i;
            if (plan_side(&plan->queries[side][i], plan, metric, account_of(accounts, i), arena,
                          err))
                return err->code;
        }
    }
    calibration_plan(plan, arena);
    *out = plan;
    return ERR_OK;
}
