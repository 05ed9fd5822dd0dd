/* collectors/prometheus.c -- range queries over the Prometheus HTTP API.
 *
 * The query is `avg(metric{matchers}) by (labels)` unless a template begins with "PromQL:". The
 * window goes out as RFC 3339 text, the step as whole seconds. A server refuses more than 11,000
 * steps in one range, so a longer window is asked as consecutive ranges whose replies are joined by
 * label set. */
#include "collectors/collector.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "collectors/prometheus_reply.h"
#include "collectors/query_template.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define EXPRESSION_PREFIX "PromQL:"
#define DEFAULT_SCOPE_LABEL "instance"
#define RANGE_PATH "/api/v1/query_range"
#define NAMES_PATH "/api/v1/label/__name__/values"
#define FORM_TYPE "application/x-www-form-urlencoded"
#define MAX_RANGE_STEPS 11000   /* the server's own limit per range query */
#define MAX_GET_URL_BYTES 4000u /* proxies cut at 8 kB; the rest is for what they add */

static bool is_given(const char *text)
{
    return text && text[0] != '\0';
}

static enum err_code expand_template(const struct account *account,
                                     const struct metric_query *query, struct arena *arena,
                                     const char **out, struct error *err)
{
    const struct tag named[] = {
        {"scope", query->scope.scope},
        {"location", query->scope.location},
        {"resourceType", metric_query_text(query, "resourceType")},
    };

    return template_expand_query(query, named, ARRAY_LEN(named), account->reject_unsafe_values,
                                 arena, out, err);
}

/* --- the query text --- */

static void add_matcher(struct strbuf *matchers, const char *matcher)
{
    if (matchers->n_bytes)
        strbuf_append(matchers, ",", 1);
    strbuf_puts(matchers, matcher);
}

/* The strings of a list in the config, each with `add`. */
static enum err_code add_list(const struct metric_query *query, const char *key, struct strbuf *out,
                              struct error *err)
{
    const json_t *list = json_object_get(query->config, key);
    const json_t *item;
    size_t i;

    if (list && !json_is_null(list) && !json_is_array(list))
        return error_because(err, ERR_INVALID, "bad_type", "\"%s\" must be a list of text", key);
    json_array_foreach (list, i, item) {
        if (!json_is_string(item))
            return error_because(err, ERR_INVALID, "bad_type", "\"%s\" must be a list of text",
                                 key);
        add_matcher(out, json_string_value(item));
    }
    return ERR_OK;
}

static enum err_code location_required(const char *type, struct error *err)
{
    return error_set(err, ERR_INVALID,
                     "Location (i.e. region) is required when resourceType is '%s'.", type);
}

/* A value of the request between double quotes that we write ourselves. */
static enum err_code check_value(const struct metric_query *query, const char *name,
                                 const char *value, struct error *err)
{
    return template_check_quoted(name, value, '"', query->metric_name, err);
}

static enum err_code add_gce(const struct account *account, const struct metric_query *query,
                             struct arena *arena, struct strbuf *out, struct error *err)
{
    const char *project = metric_query_param(query, "project");
    const char *label = json_text_of(account->options, "scopeLabel", arena);

    if (!is_given(query->scope.location))
        return location_required("gce_instance", err);
    if (check_value(query, "project", project, err))
        return err->code;
    if (is_given(query->scope.scope))
        add_matcher(out, arena_printf(arena, "%s=~\"%s-.{4}\"",
                                      is_given(label) ? label : DEFAULT_SCOPE_LABEL,
                                      query->scope.scope));
    add_matcher(out,
                arena_printf(arena, "zone=~\".+/%s%s%szones/%s-.{1}\"",
                             is_given(project) ? "projects/" : "", is_given(project) ? project : "",
                             is_given(project) ? "/" : "", query->scope.location));
    return ERR_OK;
}

static enum err_code add_ec2(const struct metric_query *query, struct arena *arena,
                             struct strbuf *out, struct error *err)
{
    if (!is_given(query->scope.location))
        return location_required("aws_ec2_instance", err);
    if (is_given(query->scope.scope))
        add_matcher(out, arena_printf(arena, "asg_groupName=\"%s\"", query->scope.scope));
    add_matcher(out, arena_printf(arena, "zone=~\"%s.{1}\"", query->scope.location));
    return ERR_OK;
}

static enum err_code add_resource_matchers(const struct account *account,
                                           const struct metric_query *query, struct arena *arena,
                                           struct strbuf *out, struct error *err)
{
    const char *type = metric_query_text(query, "resourceType");

    if (!is_given(type))
        type = metric_query_param(query, "resourceType");
    if (!is_given(type))
        return error_set(err, ERR_INVALID,
                         "Either a resource type or a custom filter is required.");
    if (check_value(query, "scope", query->scope.scope, err) ||
        check_value(query, "location", query->scope.location, err))
        return err->code;
    if (strcmp(type, "gce_instance") == 0)
        return add_gce(account, query, arena, out, err);
    if (strcmp(type, "aws_ec2_instance") == 0)
        return add_ec2(query, arena, out, err);
    return error_set(err, ERR_INVALID,
                     "There is no explicit support for resourceType '%s'. You may build whatever "
                     "query makes sense for your environment via label bindings and custom filter "
                     "templates.",
                     type);
}

/* `expanded` is the template's text, NULL or "" for none. Its commas, quoted ones too, stay where
 * they are; only those at its end are dropped. */
static enum err_code add_matchers(const struct account *account, const struct metric_query *query,
                                  const char *expanded, struct arena *arena, struct strbuf *out,
                                  struct error *err)
{
    if (is_given(expanded)) {
        size_t n = strlen(expanded);

        while (n > 0 && expanded[n - 1] == ',')
            n--;
        strbuf_append(out, expanded, n);
        return add_list(query, "labelBindings", out, err);
    }
    if (add_list(query, "labelBindings", out, err))
        return err->code;
    return add_resource_matchers(account, query, arena, out, err);
}

static enum err_code compose(const struct account *account, const struct metric_query *query,
                             const char *expanded, struct arena *arena, const char **out,
                             struct error *err)
{
    const char *metric = metric_query_text(query, "metricName");
    struct strbuf matchers = {0};
    struct strbuf labels = {0};
    enum err_code rc;

    if (!is_given(metric))
        return error_set(err, ERR_INVALID, "Metric Name is required when query type is Default.");
    rc = add_matchers(account, query, expanded, arena, &matchers, err);
    if (rc == ERR_OK)
        rc = add_list(query, "groupByFields", &labels, err);
    if (rc == ERR_OK)
        *out = arena_printf(arena, "avg(%s%s%s%s)%s%s%s", metric, matchers.n_bytes ? "{" : "",
                            matchers.n_bytes ? matchers.bytes : "", matchers.n_bytes ? "}" : "",
                            labels.n_bytes ? " by (" : "", labels.n_bytes ? labels.bytes : "",
                            labels.n_bytes ? ")" : "");
    strbuf_clear(&matchers);
    strbuf_clear(&labels);
    return rc;
}

static enum err_code prometheus_query_text(const struct account *account,
                                           const struct metric_query *query, struct arena *arena,
                                           const char **out, struct error *err)
{
    const char *expanded;

    if (account->reject_unsafe_values &&
        template_check_scope(&query->scope, query->metric_name, err))
        return err->code;
    if (expand_template(account, query, arena, &expanded, err))
        return err->code;
    if (expanded && strncmp(expanded, EXPRESSION_PREFIX, strlen(EXPRESSION_PREFIX)) == 0)
        *out = expanded + strlen(EXPRESSION_PREFIX);
    else if (compose(account, query, expanded, arena, out, err))
        return err->code;
    if (strlen(*out) > TEMPLATE_MAX_EXPANDED_BYTES)
        return error_because(err, ERR_INVALID, "template_too_large",
                             "the query of metric '%s' is larger than %u bytes", query->metric_name,
                             TEMPLATE_MAX_EXPANDED_BYTES);
    return ERR_OK;
}

/* --- the requests --- */

static void add_query_params(const struct account *account, struct arena *arena,
                             struct strbuf *form)
{
    json_t *params = json_object_get(account->options, "queryParams");
    const char *name;
    json_t *value;

    json_object_foreach (params, name, value) {
        const json_t *item;
        size_t i;

        http_form_add(form, name, json_text_of(params, name, arena));
        json_array_foreach (value, i, item) /* extra_filters[] and its like may repeat */
            http_form_add(form, name, json_string_value(item));
    }
}

static enum err_code build_range(const struct account *account, const char *text,
                                 int64_t start_unix_ns, int64_t end_unix_ns, int64_t step_s,
                                 struct arena *arena, struct http_request *out, struct error *err)
{
    const char *method = json_text_of(account->options, "method", arena);
    char start[INSTANT_TEXT_BYTES], end[INSTANT_TEXT_BYTES];
    struct strbuf form = {0};

    http_form_add(&form, "query", text);
    http_form_add(&form, "start", instant_text(start_unix_ns, start));
    http_form_add(&form, "end", instant_text(end_unix_ns, end));
    http_form_add(&form, "step", arena_printf(arena, "%" PRId64, step_s));
    add_query_params(account, arena, &form);
    out->method = "GET";
    out->url = arena_printf(arena, "%s" RANGE_PATH, account->base_url);
    if ((method ? strcasecmp(method, "POST") == 0 : account->sigv4 != NULL) ||
        strlen(out->url) + 1 + form.n_bytes > MAX_GET_URL_BYTES) {
        out->method = "POST";
        out->body = arena_strndup(arena, form.bytes, form.n_bytes);
        out->n_body_bytes = form.n_bytes;
    } else {
        out->url = arena_printf(arena, "%s?%s", out->url, form.bytes);
    }
    strbuf_clear(&form);
    return out->body ? http_request_header(out, arena, "Content-Type", FORM_TYPE, err) : ERR_OK;
}

static enum err_code prometheus_build(const struct account *account,
                                      const struct metric_query *query, const char *text,
                                      struct arena *arena, struct http_request_list *out,
                                      struct error *err)
{
    struct scope scope = collector_window(account, query);
    int64_t step_ns = scope.step_s * NS_PER_S;
    int64_t n_steps;

    n_steps = (scope.end_unix_ns - scope.start_unix_ns) / step_ns;
    out->n_requests =
        n_steps <= MAX_RANGE_STEPS ? 1 : (size_t)(n_steps / MAX_RANGE_STEPS) + 1; /* n + 1 points */
    out->requests = arena_array(arena, struct http_request, out->n_requests);
    for (size_t i = 0; i < out->n_requests; i++) {
        int64_t start = scope.start_unix_ns + (int64_t)i * MAX_RANGE_STEPS * step_ns;
        bool is_last = i + 1 == out->n_requests;
        int64_t end = is_last ? scope.end_unix_ns : start + (MAX_RANGE_STEPS - 1) * step_ns;

        if (build_range(account, text, start, end, scope.step_s, arena, &out->requests[i], err))
            return err->code;
    }
    return ERR_OK;
}

/* --- the replies --- */

static enum err_code prometheus_parse(const struct account *account,
                                      const struct metric_query *query, const char *text,
                                      const struct http_response *replies, size_t n_replies,
                                      struct metric_set_list *out, struct error *err)
{
    struct metric_query asked = *query;

    asked.scope = collector_window(account, query);
    return prometheus_reply_read(account, &asked, text, replies, n_replies, out, err);
}

static const char *prometheus_error_text(const struct account *account,
                                         const struct http_response *reply, struct arena *arena)
{
    json_auto_t *root = collector_error_json(reply);
    const char *type;
    const char *message;

    (void)account;
    type = json_string_value(json_object_get(root, "errorType"));
    message = json_string_value(json_object_get(root, "error"));
    return type && message ? arena_printf(arena, "%s: %s", type, message) : NULL;
}

/* --- the names of all metrics --- */

static enum err_code prometheus_names_build(const struct account *account, struct arena *arena,
                                            struct http_request *out, struct error *err)
{
    struct strbuf form = {0};

    (void)err;
    add_query_params(account, arena, &form);
    out->method = "GET";
    out->url = arena_printf(arena, "%s" NAMES_PATH "%s%s", account->base_url,
                            form.n_bytes ? "?" : "", form.n_bytes ? form.bytes : "");
    strbuf_clear(&form);
    return ERR_OK;
}

static enum err_code prometheus_names_parse(const struct account *account,
                                            const struct http_response *reply, json_t **out_list,
                                            struct error *err)
{
    (void)account;
    return collector_names_read(reply, "data", out_list, err);
}

static const struct collector_metadata prometheus_metadata = {
    .build = prometheus_names_build,
    .parse = prometheus_names_parse,
};

const struct collector_type collector_prometheus = {
    .name = "prometheus",
    .needs_step = true,
    .query_text = prometheus_query_text,
    .build = prometheus_build,
    .parse = prometheus_parse,
    .error_text = prometheus_error_text,
    .metadata = &prometheus_metadata,
    .version_path = "/api/v1/status/buildinfo",
};
