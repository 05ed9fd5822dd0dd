#include "analyzer/canary_config.h"

#include "analyzer/codec/document.h"
#include "base/limits.h"

#include <stdio.h>
#include <string.h>

static const struct document_member key_value_members[] = {
    {.name = "key", .kind = DOC_TEXT},
    {.name = "value", .kind = DOC_TEXT},
    {0},
};

/* The members of a query, store by store (what Kayenta's query classes hold). */
static const struct document_member prometheus_members[] = {
    {.name = "type", .kind = DOC_TEXT},
    {.name = "resourceType", .kind = DOC_TEXT},
    {.name = "metricName", .kind = DOC_TEXT},
    {.name = "labelBindings", .kind = DOC_TEXT_LIST},
    {.name = "groupByFields", .kind = DOC_TEXT_LIST},
    {.name = "customFilter", .kind = DOC_TEXT},
    {.name = "customInlineTemplate", .kind = DOC_TEXT},
    {.name = "customFilterTemplate", .kind = DOC_TEXT},
    {0},
};
static const struct document_member stackdriver_members[] = {
    {.name = "type", .kind = DOC_TEXT},
    {.name = "resourceType", .kind = DOC_TEXT},
    {.name = "metricType", .kind = DOC_TEXT},
    {.name = "crossSeriesReducer", .kind = DOC_TEXT},
    {.name = "perSeriesAligner", .kind = DOC_TEXT},
    {.name = "groupByFields", .kind = DOC_TEXT_LIST},
    {.name = "customFilter", .kind = DOC_TEXT},
    {.name = "customInlineTemplate", .kind = DOC_TEXT},
    {.name = "customFilterTemplate", .kind = DOC_TEXT},
    {0},
};
static const struct document_member datadog_members[] = {
    {.name = "type", .kind = DOC_TEXT},
    {.name = "metricName", .kind = DOC_TEXT},
    {.name = "customInlineTemplate", .kind = DOC_TEXT},
    {.name = "customFilterTemplate", .kind = DOC_TEXT},
    {0},
};
static const struct document_member newrelic_members[] = {
    {.name = "type", .kind = DOC_TEXT},
    {.name = "select", .kind = DOC_TEXT},
    {.name = "q", .kind = DOC_TEXT},
    {.name = "customInlineTemplate", .kind = DOC_TEXT},
    {.name = "customFilterTemplate", .kind = DOC_TEXT},
    {0},
};
static const struct document_member signalfx_members[] = {
    {.name = "type", .kind = DOC_TEXT},
    {.name = "metricName", .kind = DOC_TEXT},
    {.name = "queryPairs", .kind = DOC_OBJECT_LIST, .members = key_value_members},
    {.name = "aggregationMethod", .kind = DOC_TEXT},
    {.name = "customInlineTemplate", .kind = DOC_TEXT},
    {.name = "customFilterTemplate", .kind = DOC_TEXT},
    {0},
};
static const struct document_member influxdb_members[] = {
    {.name = "type", .kind = DOC_TEXT},
    {.name = "metricName", .kind = DOC_TEXT},
    {.name = "fields", .kind = DOC_TEXT_LIST},
    {.name = "customInlineTemplate", .kind = DOC_TEXT},
    {.name = "customFilterTemplate", .kind = DOC_TEXT},
    {0},
};
static const struct document_member graphite_members[] = {
    {.name = "type", .kind = DOC_TEXT},
    {.name = "metricName", .kind = DOC_TEXT},
    {0},
};
static const struct document_member wavefront_members[] = {
    {.name = "type", .kind = DOC_TEXT},
    {.name = "metricName", .kind = DOC_TEXT},
    {.name = "aggregate", .kind = DOC_TEXT},
    {.name = "summarization", .kind = DOC_TEXT},
    {0},
};
static const struct document_member atlas_members[] = {
    {.name = "type", .kind = DOC_TEXT},
    {.name = "q", .kind = DOC_TEXT},
    {0},
};

/* What the collector itself reads: an object or a list. */
static json_t *view_whole(const json_t *value, struct error *err)
{
    if (json_is_object(value) || json_is_array(value))
        return json_deep_copy(value);
    error_because(err, ERR_INVALID, "bad_type", "expected an object or a list");
    return NULL;
}

static const struct document_member cloudwatch_members[] = {
    {.name = "type", .kind = DOC_TEXT},
    {.name = "namespace", .kind = DOC_TEXT},
    {.name = "metricName", .kind = DOC_TEXT},
    {.name = "dimensions", .kind = DOC_CUSTOM, .custom = view_whole},
    {.name = "stat", .kind = DOC_TEXT},
    {.name = "period", .kind = DOC_INTEGER},
    {.name = "unit", .kind = DOC_TEXT},
    {.name = "label", .kind = DOC_TEXT},
    {.name = "tagKeys", .kind = DOC_TEXT_LIST},
    {.name = "accountId", .kind = DOC_TEXT},
    {.name = "queries", .kind = DOC_CUSTOM, .custom = view_whole},
    {.name = "expression", .kind = DOC_TEXT},
    {.name = "customInlineTemplate", .kind = DOC_TEXT},
    {.name = "customFilterTemplate", .kind = DOC_TEXT},
    {0},
};
static const struct document_member http_json_members[] = {
    {.name = "type", .kind = DOC_TEXT},
    {.name = "request", .kind = DOC_TEXT},
    {.name = "expression", .kind = DOC_TEXT},
    {.name = "params", .kind = DOC_TEXT_MAP},
    {.name = "customInlineTemplate", .kind = DOC_TEXT},
    {.name = "customFilterTemplate", .kind = DOC_TEXT},
    {0},
};
static const struct document_member file_members[] = {
    {.name = "type", .kind = DOC_TEXT},
    {.name = "series", .kind = DOC_TEXT},
    {.name = "file", .kind = DOC_TEXT},
    {.name = "reduce", .kind = DOC_TEXT},
    {.name = "transform", .kind = DOC_TEXT},
    {.name = "customInlineTemplate", .kind = DOC_TEXT},
    {.name = "customFilterTemplate", .kind = DOC_TEXT},
    {0},
};

static const struct {
    const char *type;
    const struct document_member *members;
} query_types[] = {
    {"prometheus", prometheus_members}, {"stackdriver", stackdriver_members},
    {"datadog", datadog_members},       {"newrelic", newrelic_members},
    {"signalfx", signalfx_members},     {"influxdb", influxdb_members},
    {"graphite", graphite_members},     {"wavefront", wavefront_members},
    {"atlas", atlas_members},           {"cloudwatch", cloudwatch_members},
    {"http-json", http_json_members},   {"file", file_members},
};

static json_t *view_query(const json_t *value, struct error *err)
{
    const char *type = json_string_value(json_object_get(value, "type"));

    if (!json_is_object(value)) {
        error_because(err, ERR_INVALID, "bad_type", "expected an object");
        return NULL;
    }
    for (size_t i = 0; type && i < ARRAY_LEN(query_types); i++) {
        if (strcmp(query_types[i].type, type) == 0) {
            json_t *view = document_view(value, query_types[i].members, err);

            if (view)
                json_object_set_new(view, "serviceType", json_string(type));
            return view;
        }
    }
    error_because(err, ERR_INVALID, "bad_query_type",
                  type ? "no metric store type is called \"%.64s\""
                       : "the query has no type; name a metric store such as \"prometheus\"%s",
                  type ? type : "");
    error_point(err, "/type");
    return NULL;
}

static const struct document_member metric_members[] = {
    {.name = "name", .kind = DOC_TEXT},
    {.name = "query", .kind = DOC_CUSTOM, .custom = view_query},
    {.name = "groups", .kind = DOC_TEXT_LIST},
    {.name = "analysisConfigurations", .kind = DOC_ANY_MAP},
    {.name = "scopeName", .kind = DOC_TEXT},
    {0},
};
static const struct document_member judge_members[] = {
    {.name = "name", .kind = DOC_TEXT},
    {.name = "judgeConfigurations", .kind = DOC_ANY_MAP},
    {0},
};
static const struct document_member threshold_members[] = {
    {.name = "pass", .kind = DOC_NUMBER},
    {.name = "marginal", .kind = DOC_NUMBER},
    {0},
};
static const struct document_member classifier_members[] = {
    {.name = "groupWeights", .kind = DOC_NUMBER_MAP},
    {.name = "scoreThresholds", .kind = DOC_OBJECT, .members = threshold_members},
    {0},
};
static const struct document_member config_members[] = {
    {.name = "createdTimestamp", .kind = DOC_INTEGER},
    {.name = "updatedTimestamp", .kind = DOC_INTEGER},
    {.name = "createdTimestampIso", .kind = DOC_TEXT},
    {.name = "updatedTimestampIso", .kind = DOC_TEXT},
    {.name = "name", .kind = DOC_TEXT},
    {.name = "id", .kind = DOC_TEXT},
    {.name = "description", .kind = DOC_TEXT},
    {.name = "configVersion", .kind = DOC_TEXT},
    {.name = "applications", .kind = DOC_TEXT_LIST},
    {.name = "judge", .kind = DOC_OBJECT, .members = judge_members},
    {.name = "metrics", .kind = DOC_OBJECT_LIST, .members = metric_members},
    {.name = "templates", .kind = DOC_TEXT_MAP},
    {.name = "classifier", .kind = DOC_OBJECT, .members = classifier_members},
    {0},
};

static enum err_code over_limit(struct error *err, const char *what, size_t limit)
{
    return error_because(err, ERR_INVALID, "config_too_large",
                         "the canary config has too many or too long %s (limit %zu)", what, limit);
}

static enum err_code check_limits(const json_t *view, struct error *err)
{
    const json_t *templates = json_object_get(view, "templates");
    const json_t *weights = json_object_get(json_object_get(view, "classifier"), "groupWeights");
    const json_t *metrics = json_object_get(view, "metrics");
    const json_t *name = json_object_get(view, "name");
    json_t *text, *metric;
    const char *key;
    size_t i;

    if (json_string_length(name) > CONFIG_MAX_NAME_CHARS)
        return over_limit(err, "characters in its name", CONFIG_MAX_NAME_CHARS);
    if (json_array_size(metrics) > CONFIG_MAX_METRICS)
        return over_limit(err, "metrics", CONFIG_MAX_METRICS);
    if (json_object_size(weights) > CONFIG_MAX_GROUPS)
        return over_limit(err, "groups", CONFIG_MAX_GROUPS);
    if (json_object_size(templates) > CONFIG_MAX_TEMPLATES)
        return over_limit(err, "templates", CONFIG_MAX_TEMPLATES);
    json_object_foreach ((json_t *)templates, key, text)
        if (json_string_length(text) > CONFIG_MAX_TEMPLATE_BYTES)
            return over_limit(err, "bytes in a template", CONFIG_MAX_TEMPLATE_BYTES);
    json_array_foreach (metrics, i, metric) {
        const json_t *query = json_object_get(metric, "query");

        if (json_string_length(json_object_get(metric, "name")) > CONFIG_MAX_NAME_CHARS)
            return over_limit(err, "characters in a metric's name", CONFIG_MAX_NAME_CHARS);
        if (json_array_size(json_object_get(metric, "groups")) > CONFIG_MAX_GROUPS)
            return over_limit(err, "groups", CONFIG_MAX_GROUPS);
        if (json_string_length(json_object_get(query, "customInlineTemplate")) >
            CONFIG_MAX_TEMPLATE_BYTES)
            return over_limit(err, "bytes in a template", CONFIG_MAX_TEMPLATE_BYTES);
    }
    return ERR_OK;
}

enum err_code canary_config_view(const json_t *config, json_t **out, struct error *err)
{
    json_t *view;

    if (!json_is_object(config))
        return error_because(err, ERR_INVALID, "bad_type", "the canary config is not an object");
    view = document_view(config, config_members, err);
    if (!view)
        return err->code;
    if (check_limits(view, err)) {
        json_decref(view);
        return err->code;
    }
    *out = view;
    return ERR_OK;
}

static bool is_name(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", *c))
            return false;
    return true;
}

static enum err_code check_metric_names(const json_t *metrics, struct error *err)
{
    json_t *seen = json_object(), *metric;
    size_t i;

    json_array_foreach (metrics, i, metric) {
        const char *name = json_string_value(json_object_get(metric, "name"));

        if (!name || !*name)
            error_because(err, ERR_INVALID, "bad_metric_name",
                          "Metric config must specify a name.");
        else if (json_object_get(seen, name))
            error_because(err, ERR_INVALID, "bad_metric_name",
                          "Metric config name must be unique. '%s' is duplicated.", name);
        else
            json_object_set_new(seen, name, json_true());
        if (err->code) {
            error_point(err, "/metrics/%zu/name", i);
            break;
        }
    }
    json_decref(seen);
    return err->code;
}

enum err_code canary_config_check(const json_t *view, bool metric_names_unchecked,
                                  struct error *err)
{
    const char *name = json_string_value(json_object_get(view, "name"));
    const json_t *applications = json_object_get(view, "applications");
    const char *id = json_string_value(json_object_get(view, "id"));
    json_t *application;
    size_t i;

    if (!name || !*name) {
        error_because(err, ERR_INVALID, "bad_name", "Canary config must specify a name.");
        return error_point(err, "/name");
    }
    if (json_array_size(applications) == 0) {
        error_because(err, ERR_INVALID, "bad_applications",
                      "Canary config must specify at least one application.");
        return error_point(err, "/applications");
    }
    json_array_foreach (applications, i, application) {
        if (json_string_length(application) == 0) {
            error_because(err, ERR_INVALID, "bad_applications",
                          "Canary config must specify at least one application; this one is "
                          "empty.");
            return error_point(err, "/applications/%zu", i);
        }
    }
    if (!is_name(name)) {
        error_because(err, ERR_INVALID, "bad_name",
                      "Canary config cannot be named '%s'. Names must contain only letters, "
                      "numbers, dashes (-) and underscores (_).",
                      name);
        return error_point(err, "/name");
    }
    if (id && (strlen(id) > CONFIG_MAX_NAME_CHARS || strpbrk(id, "/\\?#%") || id[0] == '.')) {
        error_because(err, ERR_INVALID, "bad_id",
                      "Canary config id '%.64s' cannot be used: it must be one path segment of at "
                      "most %u characters without / \\ ? # %%.",
                      id, CONFIG_MAX_NAME_CHARS);
        return error_point(err, "/id");
    }
    if (metric_names_unchecked)
        return ERR_OK;
    return check_metric_names(json_object_get(view, "metrics"), err);
}

const char *canary_config_judge_name(const json_t *view)
{
    const char *name = json_string_value(json_object_get(json_object_get(view, "judge"), "name"));

    return name && *name ? name : "NetflixACAJudge-v1.0";
}

void canary_config_review(const json_t *config, document_unknown *found, void *ctx)
{
    const json_t *metric;
    size_t i;

    document_review(config, "", config_members, found, ctx);
    json_array_foreach (json_object_get(config, "metrics"), i, metric) {
        const json_t *query = json_object_get(metric, "query");
        const char *type = json_string_value(json_object_get(query, "type"));
        char pointer[48];

        snprintf(pointer, sizeof(pointer), "/metrics/%zu/query", i);
        for (size_t t = 0; type && t < ARRAY_LEN(query_types); t++)
            if (strcmp(query_types[t].type, type) == 0)
                document_review(query, pointer, query_types[t].members, found, ctx);
    }
}

const char *canary_config_store_types(struct arena *arena)
{
    const char *out = query_types[0].type;

    for (size_t i = 1; i < ARRAY_LEN(query_types); i++)
        out = arena_printf(arena, "%s, %s", out, query_types[i].type);
    return out;
}
