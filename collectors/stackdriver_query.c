#include "collectors/stackdriver_query.h"

#include "base/limits.h"
#include "collectors/query_template.h"

#include <string.h>
#include <strings.h>

#define MIN_PERIOD_S 60 /* the API's own limit */
#define USER_LABELS "user_labels."

/* Besides LANGUAGE_LIST: what a text in them begins with. */
static const struct {
    const char *name, *prefix;
    enum stackdriver_language language;
} languages[] = {
    {"mql", "MQL:", LANGUAGE_MQL},
    {"promql", "PromQL:", LANGUAGE_PROMQL},
};

static bool is_given(const char *text)
{
    return text && text[0] != '\0';
}

enum stackdriver_language stackdriver_language(const char *text, const char **rest)
{
    *rest = text;
    for (size_t i = 0; i < ARRAY_LEN(languages); i++)
        if (strncmp(text, languages[i].prefix, strlen(languages[i].prefix)) == 0) {
            *rest = text + strlen(languages[i].prefix);
            return languages[i].language;
        }
    return LANGUAGE_LIST;
}

const char *stackdriver_prefix(const struct account *account)
{
    const char *name = json_string_value(json_object_get(account->options, "queryLanguage"));

    for (size_t i = 0; name && i < ARRAY_LEN(languages); i++)
        if (strcasecmp(languages[i].name, name) == 0)
            return languages[i].prefix;
    return NULL;
}

const char *stackdriver_project(const struct account *account)
{
    const char *project = json_string_value(json_object_get(account->options, "project"));

    return project ? project : "";
}

struct filter {
    const struct account *account;
    const struct metric_query *query;
    struct strbuf text;
    struct error *err;
};

/* A value without quotes around it: it must not become a further condition. */
static enum err_code add_bare(struct filter *f, const char *name, const char *what,
                              const char *value)
{
    if (strpbrk(value, "\"'\\\r\n"))
        return error_because(f->err, ERR_INVALID, "unsafe_template_value",
                             "the value of '%s' could leave its place in the query of metric "
                             "'%s'; it holds a quote, a backslash or a line break",
                             name, f->query->metric_name);
    strbuf_printf(&f->text, " AND %s%s", what, value);
    return ERR_OK;
}

static enum err_code add_project(struct filter *f)
{
    const char *project = metric_query_param(f->query, "project");

    return add_bare(f, "project", "project=", project ? project : stackdriver_project(f->account));
}

static enum err_code needs(struct filter *f, const char *value, const char *what, const char *type)
{
    return is_given(value) ? ERR_OK
                           : error_set(f->err, ERR_INVALID,
                                       "%s is required when resourceType is '%s'.", what, type);
}

static enum err_code add_gce(struct filter *f)
{
    const struct scope *scope = &f->query->scope;

    if (needs(f, scope->location, "Location (i.e. region)", "gce_instance") ||
        needs(f, scope->scope, "Scope", "gce_instance") || add_project(f) ||
        add_bare(f, "location", "metadata.user_labels.\"spinnaker-region\"=", scope->location) ||
        add_bare(f, "scope", "metadata.user_labels.\"spinnaker-server-group\"=", scope->scope))
        return f->err->code;
    return ERR_OK;
}

static enum err_code add_ec2(struct filter *f)
{
    const struct scope *scope = &f->query->scope;

    if (needs(f, scope->location, "Location (i.e. region)", "aws_ec2_instance") ||
        needs(f, scope->scope, "Scope", "aws_ec2_instance") ||
        template_check_quoted("location", scope->location, '"', f->query->metric_name, f->err))
        return f->err->code;
    strbuf_printf(&f->text, " AND resource.labels.region=\"aws:%s\"", scope->location);
    return add_bare(f, "scope",
                    "metadata.user_labels.\"aws:autoscaling:groupname\"=", scope->scope);
}

static enum err_code add_gae(struct filter *f)
{
    const char *service = metric_query_param(f->query, "service");

    if (needs(f, f->query->scope.scope, "Scope", "gae_app") || add_project(f) ||
        add_bare(f, "scope", "resource.labels.version_id=", f->query->scope.scope) ||
        (service && add_bare(f, "service", "resource.labels.module_id=", service)))
        return f->err->code;
    return ERR_OK;
}

/* The labels that are parameters, in the order of `labels`; then the user's own, as written. */
static enum err_code add_labels(struct filter *f, const char *const *labels, size_t n_labels)
{
    const struct scope *scope = &f->query->scope;
    const char *metric = f->query->metric_name;

    if (add_project(f))
        return f->err->code;
    for (size_t i = 0; i < n_labels; i++) {
        const char *value = metric_query_param(f->query, labels[i]);
        char what[64];

        snprintf(what, sizeof(what), "resource.labels.%s=", labels[i]);
        if (value && add_bare(f, labels[i], what, value))
            return f->err->code;
    }
    for (size_t i = 0; i < scope->n_extended_params; i++) {
        const struct tag *param = &scope->extended_params[i];
        const char *key = param->key + strlen(USER_LABELS);

        if (strncmp(param->key, USER_LABELS, strlen(USER_LABELS)) != 0)
            continue;
        if (template_check_quoted(param->key, key, '"', metric, f->err) ||
            template_check_quoted(param->key, param->value, '"', metric, f->err))
            return f->err->code;
        strbuf_printf(&f->text, " AND metadata.user_labels.\"%s\"=\"%s\"", key, param->value);
    }
    return ERR_OK;
}

static enum err_code add_kubernetes(struct filter *f)
{
    static const char *const labels[] = {"location", "node_name",      "cluster_name",
                                         "pod_name", "container_name", "namespace_name"};

    return add_labels(f, labels, ARRAY_LEN(labels));
}

static enum err_code add_gke(struct filter *f)
{
    static const char *const labels[] = {"cluster_name", "namespace_id",   "instance_id",
                                         "pod_id",       "container_name", "zone"};

    return add_labels(f, labels, ARRAY_LEN(labels));
}

static enum err_code add_nothing(struct filter *f)
{
    return f->err->code;
}

static enum err_code add_resource(struct filter *f, const char *type)
{
    static const struct {
        const char *type;
        enum err_code (*add)(struct filter *f);
    } known[] = {
        {"gce_instance", add_gce},   {"aws_ec2_instance", add_ec2},
        {"gae_app", add_gae},        {"k8s_container", add_kubernetes},
        {"k8s_pod", add_kubernetes}, {"k8s_node", add_kubernetes},
        {"gke_container", add_gke},  {"global", add_nothing},
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(known[i].type, type) == 0)
            return known[i].add(f);
    return error_set(f->err, ERR_INVALID,
                     "Resource type '%s' not yet explicitly supported. If you employ a custom "
                     "filter, you may use any resource type you like.",
                     type);
}

static enum err_code compose(struct filter *f, const char *expanded)
{
    const char *metric = metric_query_text(f->query, "metricType");
    const char *type = metric_query_text(f->query, "resourceType");

    if (!type)
        type = metric_query_param(f->query, "resourceType");
    if (f->query->scope.step_s && f->query->scope.step_s < MIN_PERIOD_S) {
        error_because(f->err, ERR_INVALID, "bad_step",
                      "step must be at least %d seconds for Stackdriver", MIN_PERIOD_S);
        return error_point(f->err, "/step");
    }
    if (!metric)
        return error_set(f->err, ERR_INVALID, "Metric type is required.");
    if (!type)
        return error_set(f->err, ERR_INVALID, "Resource type is required.");
    strbuf_printf(&f->text, "metric.type=\"%s\"", metric);
    if (add_bare(f, "resourceType", "resource.type=", type))
        return f->err->code;
    if (!is_given(expanded))
        return add_resource(f, type);
    strbuf_printf(&f->text, " AND %s", expanded);
    return ERR_OK;
}

enum err_code stackdriver_query_text(const struct account *account,
                                     const struct metric_query *query, struct arena *arena,
                                     const char **out, struct error *err)
{
    struct filter f = {.account = account, .query = query, .err = err};
    const char *prefix = stackdriver_prefix(account);
    const struct tag named[] = {
        {"scope", query->scope.scope},
        {"location", query->scope.location},
        {"resourceType", metric_query_text(query, "resourceType")},
    };
    const char *expanded, *rest;

    if (account->reject_unsafe_values &&
        template_check_scope(&query->scope, query->metric_name, err))
        return err->code;
    if (template_expand_query(query, named, ARRAY_LEN(named), account->reject_unsafe_values, arena,
                              &expanded, err))
        return err->code;
    if (is_given(expanded) && stackdriver_language(expanded, &rest) != LANGUAGE_LIST)
        *out = expanded;
    else if (prefix && !is_given(expanded))
        return error_set(err, ERR_INVALID,
                         "A custom filter template with the whole query is required, because the "
                         "account's queryLanguage is not list.");
    else if (prefix)
        *out = arena_printf(arena, "%s%s", prefix, expanded);
    else if (compose(&f, expanded) == ERR_OK)
        *out = arena_strdup(arena, f.text.bytes);
    strbuf_clear(&f.text);
    if (err->code == ERR_OK && strlen(*out) > TEMPLATE_MAX_EXPANDED_BYTES)
        return error_because(err, ERR_INVALID, "template_too_large",
                             "the query of metric '%s' is larger than %u bytes", query->metric_name,
                             TEMPLATE_MAX_EXPANDED_BYTES);
    return err->code;
}
