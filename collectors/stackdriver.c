/* collectors/stackdriver.c -- time series of Google Cloud Monitoring v3.
 *
 * A filter is put together from metric type, resource type and scope (or a template), and series
 * are listed page by page, newest point first. A template that begins with "MQL:" or "PromQL:", or
 * the account key queryLanguage, asks in another language: MQL has a call of its own with pages,
 * PromQL goes to Google's Prometheus API and is answered like Prometheus' own. */
#include "collectors/collector.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "collectors/prometheus_reply.h"
#include "collectors/query_template.h"
#include "collectors/stackdriver_reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_URL "https://monitoring.googleapis.com"
#define TOTAL_TIMEOUT_MS 120000
#define PAGE_POINTS 100000 /* the most a page may have */
#define MIN_PERIOD_S 60    /* the API's own limit */
#define FORM_TYPE "application/x-www-form-urlencoded"
#define USER_LABELS "user_labels."
#define DEFAULT_REDUCER "REDUCE_MEAN"
#define DEFAULT_ALIGNER "ALIGN_MEAN"

enum language { LANGUAGE_LIST, LANGUAGE_MQL, LANGUAGE_PROMQL };

/* Besides LANGUAGE_LIST: what a text in them begins with. */
static const struct {
    const char *name, *prefix;
    enum language language;
} languages[] = {
    {"mql", "MQL:", LANGUAGE_MQL},
    {"promql", "PromQL:", LANGUAGE_PROMQL},
};

static bool is_given(const char *text)
{
    return text && text[0] != '\0';
}

/* *rest: the text without its prefix. */
static enum language language_of(const char *text, const char **rest)
{
    *rest = text;
    for (size_t i = 0; i < ARRAY_LEN(languages); i++)
        if (strncmp(text, languages[i].prefix, strlen(languages[i].prefix)) == 0) {
            *rest = text + strlen(languages[i].prefix);
            return languages[i].language;
        }
    return LANGUAGE_LIST;
}

/* What the account's queryLanguage is written with; NULL: filters. */
static const char *account_prefix(const struct account *account)
{
    const char *name = json_string_value(json_object_get(account->options, "queryLanguage"));

    for (size_t i = 0; name && i < ARRAY_LEN(languages); i++)
        if (strcasecmp(languages[i].name, name) == 0)
            return languages[i].prefix;
    return NULL;
}

/* --- the account --- */

static const char *stackdriver_default_url(const json_t *config, struct arena *arena)
{
    (void)config;
    (void)arena;
    return DEFAULT_URL;
}

static const char *account_project(const struct account *account)
{
    const char *project = json_string_value(json_object_get(account->options, "project"));

    return project ? project : "";
}

static enum err_code stackdriver_check_account(const struct account *account, struct error *err)
{
    const char *language = json_string_value(json_object_get(account->options, "queryLanguage"));

    if (!*account_project(account))
        return error_set(err, ERR_SETTINGS, "it lacks \"project\"");
    if (language && strcasecmp(language, "list") != 0 && !account_prefix(account))
        return error_set(err, ERR_SETTINGS, "\"queryLanguage\" must be list, mql or promql");
    return ERR_OK;
}

/* --- the filter --- */

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

    return add_bare(f, "project", "project=", project ? project : account_project(f->account));
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

static enum err_code stackdriver_query_text(const struct account *account,
                                            const struct metric_query *query, struct arena *arena,
                                            const char **out, struct error *err)
{
    struct filter f = {.account = account, .query = query, .err = err};
    const char *prefix = account_prefix(account);
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
    if (is_given(expanded) && language_of(expanded, &rest) != LANGUAGE_LIST)
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

/* --- the requests --- */

/* Of the config, else of the request, else the usual one. */
static const char *either(const struct metric_query *query, const char *key, const char *usual)
{
    const char *text = metric_query_text(query, key);

    if (!text)
        text = metric_query_param(query, key);
    return text ? text : usual;
}

static enum err_code add_list_fields(const struct metric_query *query, struct strbuf *form,
                                     struct error *err)
{
    const json_t *fields = json_object_get(query->config, "groupByFields");
    const json_t *field;
    size_t i;

    if (fields && !json_is_null(fields) && !json_is_array(fields))
        return error_because(err, ERR_INVALID, "bad_type",
                             "\"groupByFields\" must be a list of text");
    json_array_foreach (fields, i, field) {
        if (!json_is_string(field))
            return error_because(err, ERR_INVALID, "bad_type",
                                 "\"groupByFields\" must be a list of text");
        http_form_add(form, "aggregation.groupByFields", json_string_value(field));
    }
    return ERR_OK;
}

static enum err_code build_list(const struct account *account, const struct metric_query *query,
                                const char *text, const char *page, struct arena *arena,
                                struct http_request *out, struct error *err)
{
    struct scope scope = collector_window(account, query);
    char start[INSTANT_TEXT_BYTES], end[INSTANT_TEXT_BYTES];
    struct strbuf url = {0}, form = {0};

    http_form_add(&form, "filter", text);
    http_form_add(&form, "interval.startTime", instant_text(scope.start_unix_ns, start));
    http_form_add(&form, "interval.endTime", instant_text(scope.end_unix_ns, end));
    http_form_add(&form, "aggregation.alignmentPeriod",
                  arena_printf(arena, "%" PRId64 "s", scope.step_s));
    http_form_add(&form, "aggregation.perSeriesAligner",
                  either(query, "perSeriesAligner", DEFAULT_ALIGNER));
    http_form_add(&form, "aggregation.crossSeriesReducer",
                  either(query, "crossSeriesReducer", DEFAULT_REDUCER));
    if (add_list_fields(query, &form, err) == ERR_OK) {
        http_form_add(&form, "pageSize", arena_printf(arena, "%d", PAGE_POINTS));
        http_form_add(&form, "pageToken", page);
        strbuf_printf(&url, "%s/v3/projects/", account->base_url);
        http_percent_encode(&url, account_project(account));
        strbuf_printf(&url, "/timeSeries?%s", form.bytes);
        out->method = "GET";
        out->url = arena_strdup(arena, url.bytes);
    }
    strbuf_clear(&form);
    strbuf_clear(&url);
    return err->code;
}

static enum err_code build_mql(const struct account *account, const char *text, const char *page,
                               struct arena *arena, struct http_request *out, struct error *err)
{
    json_auto_t *body = json_pack("{s:s, s:i}", "query", text, "pageSize", PAGE_POINTS);
    struct strbuf url = {0};

    json_set_text(body, "pageToken", page);
    strbuf_printf(&url, "%s/v3/projects/", account->base_url);
    http_percent_encode(&url, account_project(account));
    strbuf_puts(&url, "/timeSeries:query");
    out->method = "POST";
    out->url = arena_strdup(arena, url.bytes);
    out->body = json_write_arena(body, arena);
    out->n_body_bytes = strlen(out->body);
    strbuf_clear(&url);
    return http_request_header(out, arena, "Content-Type", "application/json", err);
}

static enum err_code build_promql(const struct account *account, const struct metric_query *query,
                                  const char *text, struct arena *arena, struct http_request *out,
                                  struct error *err)
{
    struct scope scope = collector_window(account, query);
    char start[INSTANT_TEXT_BYTES], end[INSTANT_TEXT_BYTES];
    struct strbuf url = {0}, form = {0};

    http_form_add(&form, "query", text);
    http_form_add(&form, "start", instant_text(scope.start_unix_ns, start));
    http_form_add(&form, "end", instant_text(scope.end_unix_ns, end));
    http_form_add(&form, "step", arena_printf(arena, "%" PRId64, scope.step_s));
    strbuf_printf(&url, "%s/v1/projects/", account->base_url);
    http_percent_encode(&url, account_project(account));
    strbuf_puts(&url, "/location/global/prometheus/api/v1/query_range");
    out->method = "POST";
    out->url = arena_strdup(arena, url.bytes);
    out->body = arena_strdup(arena, form.bytes);
    out->n_body_bytes = form.n_bytes;
    strbuf_clear(&form);
    strbuf_clear(&url);
    return http_request_header(out, arena, "Content-Type", FORM_TYPE, err);
}

static enum err_code build_page(const struct account *account, const struct metric_query *query,
                                const char *text, const char *page, struct arena *arena,
                                struct http_request_list *out, struct error *err)
{
    const char *quota_project =
        json_string_value(json_object_get(account->options, "quotaProject"));
    struct http_request *request = arena_new(arena, struct http_request);
    const char *rest;

    out->n_requests = 1;
    out->requests = request;
    switch (language_of(text, &rest)) {
    case LANGUAGE_MQL:
        (void)(build_mql(account, rest, page, arena, request, err) == ERR_OK);
        break;
    case LANGUAGE_PROMQL:
        (void)(build_promql(account, query, rest, arena, request, err) == ERR_OK);
        break;
    case LANGUAGE_LIST:
        (void)(build_list(account, query, rest, page, arena, request, err) == ERR_OK);
        break;
    }
    if (err->code)
        return err->code;
    return is_given(quota_project)
               ? http_request_header(request, arena, "x-goog-user-project", quota_project, err)
               : ERR_OK;
}

static enum err_code stackdriver_build(const struct account *account,
                                       const struct metric_query *query, const char *text,
                                       struct arena *arena, struct http_request_list *out,
                                       struct error *err)
{
    return build_page(account, query, text, NULL, arena, out, err);
}

static enum err_code stackdriver_next(const struct account *account,
                                      const struct metric_query *query, const char *text,
                                      const struct http_response *replies, size_t n_replies,
                                      struct arena *arena, struct http_request_list *more,
                                      struct error *err)
{
    const struct http_response *last = &replies[n_replies - 1];
    const char *page, *rest;

    if (language_of(text, &rest) == LANGUAGE_PROMQL ||
        stackdriver_page_token((struct str){last->body, last->n_body_bytes}, arena, &page, err) ||
        !page)
        return err->code;
    return build_page(account, query, text, page, arena, more, err);
}

/* --- the replies --- */

static enum err_code stackdriver_parse(const struct account *account,
                                       const struct metric_query *query, const char *text,
                                       const struct http_response *replies, size_t n_replies,
                                       struct metric_set_list *out, struct error *err)
{
    struct metric_query asked = *query;
    struct stackdriver_question question = {
        .account = account,
        .query = &asked,
        .reducer = either(query, "crossSeriesReducer", DEFAULT_REDUCER),
        .aligner = either(query, "perSeriesAligner", DEFAULT_ALIGNER),
    };
    enum language language = language_of(text, &question.text);

    asked.scope = collector_window(account, query);
    switch (language) {
    case LANGUAGE_PROMQL:
        return prometheus_reply_read(account, &asked, question.text, replies, n_replies, out, err);
    case LANGUAGE_MQL:
        return stackdriver_mql_read(&question, replies, n_replies, out, err);
    default:
        return stackdriver_list_read(&question, replies, n_replies, out, err);
    }
}

/* {"error":{"code":400,"message":"...","status":"INVALID_ARGUMENT"}} */
static const char *stackdriver_error_text(const struct account *account,
                                          const struct http_response *reply, struct arena *arena)
{
    json_auto_t *root = collector_error_json(reply);
    const json_t *error = json_object_get(root, "error");
    const char *status = json_string_value(json_object_get(error, "status"));
    const char *message = json_string_value(json_object_get(error, "message"));

    (void)account;
    if (!message)
        return NULL;
    return arena_printf(arena, "%s%s%s", status ? status : "", status ? ": " : "", message);
}

/* --- what can be asked for --- */

static void ask_names(const struct account *account, const char *page, struct arena *arena,
                      struct http_request *out)
{
    struct strbuf url = {0}, form = {0};

    http_form_add(&form, "pageSize", "10000"); /* as many as there can be */
    http_form_add(&form, "pageToken", page);
    strbuf_printf(&url, "%s/v3/projects/", account->base_url);
    http_percent_encode(&url, account_project(account));
    strbuf_printf(&url, "/metricDescriptors?%s", form.bytes);
    out->method = "GET";
    out->url = arena_strdup(arena, url.bytes);
    strbuf_clear(&form);
    strbuf_clear(&url);
}

static enum err_code stackdriver_names_build(const struct account *account, struct arena *arena,
                                             struct http_request *out, struct error *err)
{
    (void)err;
    ask_names(account, NULL, arena, out);
    return ERR_OK;
}

static enum err_code stackdriver_names_next(const struct account *account, const char *text,
                                            const struct http_response *reply, struct arena *arena,
                                            struct http_request_list *more, struct error *err)
{
    const char *page;

    (void)text;
    if (stackdriver_page_token((struct str){reply->body, reply->n_body_bytes}, arena, &page, err) ||
        !page)
        return err->code;
    more->n_requests = 1;
    more->requests = arena_new(arena, struct http_request);
    ask_names(account, page, arena, more->requests);
    return ERR_OK;
}

/* Each descriptor as it is. */
static enum err_code stackdriver_names_parse(const struct account *account,
                                             const struct http_response *reply, json_t **out_list,
                                             struct error *err)
{
    struct error why = {0};
    json_auto_t *root = NULL;
    json_t *list, *one;
    size_t i;

    (void)account;
    if (json_read((struct str){reply->body, reply->n_body_bytes}, &json_limits_reply, &root, &why))
        return error_because(err, ERR_UPSTREAM, "store_bad_response",
                             "the list of metric descriptors cannot be read: %s", why.message);
    list = json_array();
    json_array_foreach (json_object_get(root, "metricDescriptors"), i, one)
        if (json_is_string(json_object_get(one, "name")))
            json_array_append(list, one);
    *out_list = list;
    return ERR_OK;
}

static const struct collector_metadata stackdriver_metadata = {
    .build = stackdriver_names_build,
    .parse = stackdriver_names_parse,
    .next = stackdriver_names_next,
};

const struct collector_type collector_stackdriver = {
    .name = "stackdriver",
    .needs_step = true,
    .is_at_google = true,
    .default_url = stackdriver_default_url,
    .total_timeout_ms = TOTAL_TIMEOUT_MS,
    .check_account = stackdriver_check_account,
    .query_text = stackdriver_query_text,
    .build = stackdriver_build,
    .next = stackdriver_next,
    .parse = stackdriver_parse,
    .error_text = stackdriver_error_text,
    .metadata = &stackdriver_metadata,
};
