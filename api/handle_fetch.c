/* POST /fetch/<store>/query: one query by hand. Its parameters are put together as the query object
 * and the scope that a canary config and a request would hold; which parameter goes where is a
 * table for each store. */
#include "api/handlers.h"
#include "api/respond.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

enum place {
    IN_QUERY,      /* text in the query object */
    IN_QUERY_LIST, /* the same, a list of text */
    IN_QUERY_MAP,  /* the same, an object of text: k=v, repeated */
    IN_SCOPE,
    IN_SCOPE_STEP, /* whole seconds */
    IN_EXTENDED,   /* an extended scope parameter */
};

enum need { OPTIONAL, REQUIRED };

struct fetch_param {
    const char *name;
    const char *key; /* of the member it becomes */
    enum place place;
    enum need need;
};

/* What the parameters say. */
struct by_hand {
    struct fetch_query fetch;
    json_t *query, *scope, *extended;
};

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

static enum err_code put_map(const struct api_call *call, const struct fetch_param *param,
                             json_t *query, struct error *err)
{
    const char *const *items;
    json_t *map;
    size_t n;

    call_list(call, param->name, &items, &n);
    if (n == 0)
        return ERR_OK;
    map = json_object();
    json_object_set_new(query, param->key, map);
    for (size_t i = 0; i < n; i++) {
        const char *equals = strchr(items[i], '=');

        if (!equals)
            return error_because(err, ERR_INVALID, "bad_parameter",
                                 "Parameter '%s' must be name=value.", param->name);
        json_set_text(map, arena_strndup(call->arena, items[i], (size_t)(equals - items[i])),
                      equals + 1);
    }
    return ERR_OK;
}

static enum err_code put_step(json_t *scope, const char *text, struct error *err)
{
    size_t n_digits = text ? strspn(text, "0123456789") : 0;

    if (!text)
        return ERR_OK;
    if (n_digits == 0 || n_digits > 9 || text[n_digits] != '\0')
        return error_because(err, ERR_INVALID, "bad_parameter",
                             "Parameter 'step' must be a whole number of seconds.");
    json_object_set_new(scope, "step", json_integer(strtol(text, NULL, 10)));
    return ERR_OK;
}

static enum err_code put(const struct api_call *call, const struct fetch_param *param,
                         struct by_hand *out, struct error *err)
{
    const char *text;
    const struct call_param one = {param->name, &text,
                                   param->need == REQUIRED ? PARAM_REQUIRED : PARAM_OPTIONAL};

    if (param->place == IN_QUERY_LIST) {
        json_object_set_new(out->query, param->key, list(call, param->name));
        return ERR_OK;
    }
    if (param->place == IN_QUERY_MAP)
        return put_map(call, param, out->query, err);
    if (call_params(call, &one, 1, err))
        return err->code;
    if (!text && param->place != IN_QUERY)
        text = settings_fetch_default(call->context->settings, out->fetch.store, param->key);
    switch (param->place) {
    case IN_QUERY:
        json_set_text(out->query, param->key, text);
        break;
    case IN_SCOPE_STEP:
        return put_step(out->scope, text, err);
    case IN_EXTENDED:
        json_set_text(out->extended, param->key, text);
        break;
    default:
        json_set_text(out->scope, param->key, text);
    }
    return ERR_OK;
}

static enum err_code read_params(struct api_call *call, const char *store,
                                 const struct fetch_param *params, size_t n_params,
                                 struct by_hand *out, struct error *err)
{
    const struct call_param common[] = {
        {"metricsAccountName", &out->fetch.metrics_account, PARAM_OPTIONAL},
        {"storageAccountName", &out->fetch.storage_account, PARAM_OPTIONAL},
    };

    out->fetch.store = store;
    out->fetch.query = out->query = json_keep(json_object(), call->arena);
    out->fetch.scope = out->scope = json_keep(json_object(), call->arena);
    out->extended = json_object();
    json_object_set_new(out->scope, "extendedScopeParams", out->extended);
    json_set_text(out->query, "type", store);
    for (size_t i = 0; i < n_params; i++)
        if (put(call, &params[i], out, err))
            return err->code;
    if (call_params(call, common, ARRAY_LEN(common), err) ||
        call_flag(call, "dryRun", &out->fetch.is_dry_run, err))
        return err->code;
    return ERR_OK;
}

static enum err_code answer(struct api_call *call, const struct by_hand *by_hand, struct error *err)
{
    struct str body;

    if (analyzer_fetch(call->context->analyzer, &by_hand->fetch, call->arena, &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}

/* For the stores that need no more than a table. */
static enum err_code fetch_by_table(struct api_call *call, const char *store,
                                    const struct fetch_param *params, size_t n_params,
                                    struct error *err)
{
    struct by_hand by_hand = {0};
    const struct call_param name = {"metricSetName", &by_hand.fetch.metric_set_name,
                                    PARAM_REQUIRED};

    if (call_params(call, &name, 1, err) ||
        read_params(call, store, params, n_params, &by_hand, err))
        return err->code;
    return answer(call, &by_hand, err);
}

enum err_code handle_fetch_prometheus(struct api_call *call, struct error *err)
{
    static const struct fetch_param params[] = {
        {"metricName", "metricName", IN_QUERY, REQUIRED},
        {"step", "step", IN_SCOPE_STEP, REQUIRED},
        {"labelBindings", "labelBindings", IN_QUERY_LIST, OPTIONAL},
        {"groupByFields", "groupByFields", IN_QUERY_LIST, OPTIONAL},
        {"customFilter", "customInlineTemplate", IN_QUERY, OPTIONAL},
        {"scope", "scope", IN_SCOPE, OPTIONAL},
        {"location", "location", IN_SCOPE, OPTIONAL},
        {"start", "start", IN_SCOPE, OPTIONAL},
        {"end", "end", IN_SCOPE, OPTIONAL},
        {"project", "project", IN_EXTENDED, OPTIONAL},
        {"resourceType", "resourceType", IN_EXTENDED, OPTIONAL},
    };

    return fetch_by_table(call, "prometheus", params, ARRAY_LEN(params), err);
}

enum err_code handle_fetch_datadog(struct api_call *call, struct error *err)
{
    static const struct fetch_param params[] = {
        {"metricName", "metricName", IN_QUERY, REQUIRED},
        {"scope", "scope", IN_SCOPE, OPTIONAL},
        {"start", "start", IN_SCOPE, OPTIONAL},
        {"end", "end", IN_SCOPE, OPTIONAL},
    };

    return fetch_by_table(call, "datadog", params, ARRAY_LEN(params), err);
}

enum err_code handle_fetch_graphite(struct api_call *call, struct error *err)
{
    static const struct fetch_param params[] = {
        {"metricName", "metricName", IN_QUERY, REQUIRED},
        {"start", "start", IN_SCOPE, REQUIRED},
        {"end", "end", IN_SCOPE, REQUIRED},
        {"scope", "scope", IN_SCOPE, OPTIONAL},
        {"location", "location", IN_SCOPE, OPTIONAL},
    };

    return fetch_by_table(call, "graphite", params, ARRAY_LEN(params), err);
}

enum err_code handle_fetch_influxdb(struct api_call *call, struct error *err)
{
    static const struct fetch_param params[] = {
        {"metricName", "metricName", IN_QUERY, REQUIRED}, {"step", "step", IN_SCOPE_STEP, REQUIRED},
        {"fields", "fields", IN_QUERY_LIST, OPTIONAL},    {"scope", "scope", IN_SCOPE, OPTIONAL},
        {"start", "start", IN_SCOPE, OPTIONAL},           {"end", "end", IN_SCOPE, OPTIONAL},
    };

    return fetch_by_table(call, "influxdb", params, ARRAY_LEN(params), err);
}

enum err_code handle_fetch_atlas(struct api_call *call, struct error *err)
{
    static const struct fetch_param params[] = {
        {"q", "q", IN_QUERY, REQUIRED},
        {"type", "type", IN_EXTENDED, REQUIRED},
        {"scope", "scope", IN_SCOPE, REQUIRED},
        {"location", "location", IN_SCOPE, REQUIRED},
        {"start", "start", IN_SCOPE, REQUIRED},
        {"end", "end", IN_SCOPE, REQUIRED},
        {"step", "step", IN_SCOPE_STEP, REQUIRED},
    };

    return fetch_by_table(call, "atlas", params, ARRAY_LEN(params), err);
}

enum err_code handle_fetch_cloudwatch(struct api_call *call, struct error *err)
{
    static const struct fetch_param params[] = {
        {"metricName", "metricName", IN_QUERY, OPTIONAL},
        {"namespace", "namespace", IN_QUERY, OPTIONAL},
        {"dimensions", "dimensions", IN_QUERY_MAP, OPTIONAL},
        {"stat", "stat", IN_QUERY, OPTIONAL},
        {"expression", "expression", IN_QUERY, OPTIONAL},
        {"scope", "scope", IN_SCOPE, OPTIONAL},
        {"location", "location", IN_SCOPE, OPTIONAL},
        {"start", "start", IN_SCOPE, OPTIONAL},
        {"end", "end", IN_SCOPE, OPTIONAL},
        {"step", "step", IN_SCOPE_STEP, REQUIRED},
    };

    return fetch_by_table(call, "cloudwatch", params, ARRAY_LEN(params), err);
}

enum err_code handle_fetch_http_json(struct api_call *call, struct error *err)
{
    static const struct fetch_param params[] = {
        {"request", "request", IN_QUERY, OPTIONAL},
        {"expression", "expression", IN_QUERY, OPTIONAL},
        {"params", "params", IN_QUERY_MAP, OPTIONAL},
        {"scope", "scope", IN_SCOPE, OPTIONAL},
        {"location", "location", IN_SCOPE, OPTIONAL},
        {"start", "start", IN_SCOPE, OPTIONAL},
        {"end", "end", IN_SCOPE, OPTIONAL},
        {"step", "step", IN_SCOPE_STEP, REQUIRED},
    };

    return fetch_by_table(call, "http-json", params, ARRAY_LEN(params), err);
}

enum err_code handle_fetch_file(struct api_call *call, struct error *err)
{
    static const struct fetch_param params[] = {
        {"series", "series", IN_QUERY, OPTIONAL},  {"file", "file", IN_QUERY, OPTIONAL},
        {"scope", "scope", IN_SCOPE, OPTIONAL},    {"location", "location", IN_SCOPE, OPTIONAL},
        {"start", "start", IN_SCOPE, OPTIONAL},    {"end", "end", IN_SCOPE, OPTIONAL},
        {"step", "step", IN_SCOPE_STEP, REQUIRED},
    };

    return fetch_by_table(call, "file", params, ARRAY_LEN(params), err);
}

/* One of the letters that Kayenta takes here, or seconds. */
static enum err_code put_granularity(const struct api_call *call, json_t *scope, struct error *err)
{
    static const struct {
        const char *letter;
        json_int_t seconds;
    } granularities[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    const char *text;
    const struct call_param step = {"step", &text, PARAM_REQUIRED};

    if (call_params(call, &step, 1, err))
        return err->code;
    for (size_t i = 0; i < ARRAY_LEN(granularities); i++) {
        if (strcmp(text, granularities[i].letter) == 0) {
            json_object_set_new(scope, "step", json_integer(granularities[i].seconds));
            return ERR_OK;
        }
    }
    if (strspn(text, "0123456789") != strlen(text))
        return error_because(err, ERR_INVALID, "bad_parameter",
                             "Parameter 'step' must be s, m, h, d or a whole number of seconds.");
    return put_step(scope, text, err);
}

enum err_code handle_fetch_wavefront(struct api_call *call, struct error *err)
{
    /* Kayenta's parameter is called by what should be its description; existing scripts say so. */
    static const struct fetch_param params[] = {
        {"metricName", "metricName", IN_QUERY, REQUIRED},
        {"start", "start", IN_SCOPE, REQUIRED},
        {"end", "end", IN_SCOPE, REQUIRED},
        {"aggregate", "aggregate", IN_QUERY, OPTIONAL},
        {"[MEAN, MEDIAN, MIN, MAX, SUM, COUNT, FIRST, LAST]", "summarization", IN_QUERY, OPTIONAL},
        {"summarization", "summarization", IN_QUERY, OPTIONAL},
        {"scope", "scope", IN_SCOPE, OPTIONAL},
    };
    struct by_hand by_hand = {0};
    const struct call_param name = {"metricSetName", &by_hand.fetch.metric_set_name,
                                    PARAM_REQUIRED};

    if (call_params(call, &name, 1, err) ||
        read_params(call, "wavefront", params, ARRAY_LEN(params), &by_hand, err) ||
        put_granularity(call, by_hand.scope, err))
        return err->code;
    if (!json_object_get(by_hand.query, "summarization"))
        json_set_text(by_hand.query, "summarization", "MEAN");
    return answer(call, &by_hand, err);
}

/* The body is the map of extended scope parameters; project and resourceType may come as parameters
 * as well, and then they win. */
enum err_code handle_fetch_stackdriver(struct api_call *call, struct error *err)
{
    static const struct fetch_param params[] = {
        {"metricType", "metricType", IN_QUERY, REQUIRED},
        {"step", "step", IN_SCOPE_STEP, REQUIRED},
        {"groupByFields", "groupByFields", IN_QUERY_LIST, OPTIONAL},
        {"customFilter", "customInlineTemplate", IN_QUERY, OPTIONAL},
        {"scope", "scope", IN_SCOPE, OPTIONAL},
        {"location", "location", IN_SCOPE, OPTIONAL},
        {"startTimeIso", "start", IN_SCOPE, OPTIONAL},
        {"endTimeIso", "end", IN_SCOPE, OPTIONAL},
        {"project", "project", IN_EXTENDED, OPTIONAL},
        {"resourceType", "resourceType", IN_EXTENDED, OPTIONAL},
    };
    struct by_hand by_hand = {0};
    const struct call_param name = {"metricSetName", &by_hand.fetch.metric_set_name,
                                    PARAM_REQUIRED};
    const json_t *body;

    if (call_params(call, &name, 1, err) ||
        read_params(call, "stackdriver", params, ARRAY_LEN(params), &by_hand, err) ||
        call_json_object(call, &body, err))
        return err->code;
    json_object_update_missing(by_hand.extended, (json_t *)(uintptr_t)body);
    return answer(call, &by_hand, err);
}

static const json_t *object_member(const json_t *object, const char *key, struct error *err)
{
    const json_t *member = json_object_get(object, key);

    if (json_is_object(member))
        return member;
    error_because(err, ERR_INVALID, "bad_type", "\"%s\" must be an object", key);
    error_point(err, "/%s", key);
    return NULL;
}

/* The metric to ask for: the one in the body; but a real query takes it out of the canary config,
 * when there is one in the body too. */
static const json_t *newrelic_metric(const struct api_call *call, const json_t *body,
                                     bool is_dry_run, struct error *err)
{
    const json_t *metric = object_member(body, "canaryMetricConfig", err);
    const json_t *config = json_object_get(body, "canaryConfig");
    const json_t *metrics = json_object_get(config, "metrics");
    const char *text;
    const struct call_param param = {"metricIndex", &text, PARAM_OPTIONAL};
    size_t index = 0;

    if (call_params(call, &param, 1, err) || !metric)
        return NULL;
    if (text && strspn(text, "0123456789") == strlen(text) && strlen(text) <= 4)
        index = strtoul(text, NULL, 10);
    else if (text)
        index = SIZE_MAX;
    if (is_dry_run || !config || json_is_null(config))
        return metric;
    if (index >= json_array_size(metrics)) {
        error_because(err, ERR_INVALID, "bad_parameter",
                      "Parameter 'metricIndex' must be a whole number less than the %zu metrics of "
                      "the canary config.",
                      json_array_size(metrics));
        return NULL;
    }
    return json_array_get(metrics, index);
}

enum err_code handle_fetch_newrelic(struct api_call *call, struct error *err)
{
    static const struct fetch_param params[] = {
        {"start", "start", IN_SCOPE, REQUIRED},       {"end", "end", IN_SCOPE, REQUIRED},
        {"step", "step", IN_SCOPE_STEP, REQUIRED},    {"scope", "scope", IN_SCOPE, OPTIONAL},
        {"location", "location", IN_SCOPE, OPTIONAL},
    };
    struct by_hand by_hand = {0};
    const json_t *body, *metric, *extended;

    if (read_params(call, "newrelic", params, ARRAY_LEN(params), &by_hand, err) ||
        call_json_object(call, &body, err))
        return err->code;
    metric = newrelic_metric(call, body, by_hand.fetch.is_dry_run, err);
    if (!metric)
        return err->code;
    extended = json_object_get(body, "extendedScopeParams");
    if (extended)
        json_object_set(by_hand.scope, "extendedScopeParams", (json_t *)(uintptr_t)extended);
    by_hand.fetch.metric_set_name = json_text_of(metric, "name", call->arena);
    if (!by_hand.fetch.metric_set_name || !*by_hand.fetch.metric_set_name)
        return error_because(err, ERR_INVALID, "bad_metric_name",
                             "Metric config must specify a name.");
    by_hand.fetch.query = object_member(metric, "query", err);
    by_hand.fetch.templates = json_object_get(json_object_get(body, "canaryConfig"), "templates");
    return by_hand.fetch.query ? answer(call, &by_hand, err) : err->code;
}
