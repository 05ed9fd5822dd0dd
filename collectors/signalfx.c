/* collectors/signalfx.c -- SignalFlow programs over the SignalFx (Splunk Observability) stream API.
 *
 * The program is `data(metric, filter=...).<method>(by=[...]).publish()`, or a template's text as
 * it is. It is executed for a window in the past; the reply is a stream of events that ends on its
 * own. The program must leave one series: a timestamp with two values is an error. */
#include "collectors/collector.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "collectors/query_template.h"
#include "collectors/signalfx_stream.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define DEFAULT_URL "https://stream.signalfx.com"
#define TOTAL_TIMEOUT_MS 90000
#define DEFAULT_METHOD "mean"

static const char *signalfx_default_url(const json_t *config, struct arena *arena)
{
    const char *realm = json_text_of(config, "realm", arena);

    return realm && *realm ? arena_printf(arena, "https://stream.%s.signalfx.com", realm)
                           : DEFAULT_URL;
}

static enum err_code signalfx_check_account(const struct account *account, struct error *err)
{
    return account_has_key(account, "accessToken")
               ? ERR_OK
               : error_set(err, ERR_SETTINGS, "it lacks \"accessToken\"");
}

/* --- the program --- */

struct program {
    const struct metric_query *query;
    struct strbuf filters, keys; /* behind filter=, and between the brackets of by=[] */
    struct error *err;
};

static void add_filter(struct program *p, const char *text)
{
    strbuf_printf(&p->filters, "%s%s", p->filters.n_bytes ? " and " : "", text);
}

static enum err_code check_quoted(struct program *p, const char *name, const char *value)
{
    return template_check_quoted(name, value, '\'', p->query->metric_name, p->err);
}

/* filter('<key>', '<value>') for a value of the request, and grouping by the key. */
static enum err_code add_scope_filter(struct program *p, const char *key, const char *value,
                                      struct arena *arena)
{
    if (check_quoted(p, key, key) || check_quoted(p, key, value))
        return p->err->code;
    add_filter(p, arena_printf(arena, "filter('%s', '%s')", key, value));
    return ERR_OK;
}

static void add_key(struct program *p, const char *key)
{
    strbuf_printf(&p->keys, "%s'%s'", p->keys.n_bytes ? ", " : "", key);
}

/* The pieces of a value with commas, trimmed: 'a','b'. */
static void add_values(struct strbuf *out, const char *value)
{
    bool is_first = true;

    for (;; value++) {
        size_t n = strcspn(value, ",");
        struct str piece = {value, n};

        while (piece.n_bytes && strchr(" \t", *piece.bytes)) {
            piece.bytes++;
            piece.n_bytes--;
        }
        while (piece.n_bytes && strchr(" \t", piece.bytes[piece.n_bytes - 1]))
            piece.n_bytes--;
        strbuf_printf(out, "%s'" STR_FMT "'", is_first ? "" : ",", STR_ARG(piece));
        is_first = false;
        value += n;
        if (*value == '\0')
            return;
    }
}

static enum err_code bad_pairs(struct error *err)
{
    return error_because(err, ERR_INVALID, "bad_type",
                         "\"queryPairs\" must be a list of objects with \"key\" and \"value\"");
}

/* A pair of the config, which is its author's business: no value of a request stands in it. */
static enum err_code add_pairs(struct program *p)
{
    const json_t *pairs = json_object_get(p->query->config, "queryPairs");
    const json_t *pair;
    size_t i;

    if (pairs && !json_is_null(pairs) && !json_is_array(pairs))
        return bad_pairs(p->err);
    json_array_foreach (pairs, i, pair) {
        const char *key = json_string_value(json_object_get(pair, "key"));
        const char *value = json_string_value(json_object_get(pair, "value"));
        struct strbuf filter = {0};
        bool is_not;

        if (!key || !value)
            return bad_pairs(p->err);
        is_not = *key == '!';
        strbuf_printf(&filter, "%sfilter('%s', ", is_not ? "(not " : "", is_not ? key + 1 : key);
        add_values(&filter, value);
        strbuf_puts(&filter, is_not ? "))" : ")");
        add_filter(p, filter.bytes);
        strbuf_clear(&filter);
    }
    return ERR_OK;
}

static const char *key_of(const struct account *account, const struct metric_query *query,
                          const char *param, const char *option)
{
    const char *key = metric_query_param(query, param);

    if (!key)
        key = json_string_value(json_object_get(account->options, option));
    return key && *key ? key : NULL;
}

static enum err_code add_scope(struct program *p, const struct account *account,
                               struct arena *arena)
{
    const struct scope *scope = &p->query->scope;
    const char *key = key_of(account, p->query, "_scope_key", "defaultScopeKey");
    const char *location_key = key_of(account, p->query, "_location_key", "defaultLocationKey");

    if (!key)
        return error_set(p->err, ERR_INVALID,
                         "The SignalFx account must define a default scope key or it must be "
                         "supplied in the extendedScopeParams in the `_scope_key` key");
    if (!scope->scope || scope->scope[0] == '\0')
        return error_set(p->err, ERR_INVALID, "Scope is required by SignalFx queries.");
    if (!scope->location || scope->location[0] == '\0')
        location_key = NULL;
    if (add_scope_filter(p, key, scope->scope, arena) ||
        (location_key && add_scope_filter(p, location_key, scope->location, arena)))
        return p->err->code;
    for (size_t i = 0; i < scope->n_extended_params; i++) {
        const struct tag *param = &scope->extended_params[i];

        if (param->key[0] == '_')
            continue;
        if (add_scope_filter(p, param->key, param->value, arena))
            return p->err->code;
        add_key(p, param->key);
    }
    if (location_key)
        add_key(p, location_key);
    add_key(p, key);
    return ERR_OK;
}

static enum err_code find_method(const struct metric_query *query, const char **out,
                                 struct error *err)
{
    static const char *const methods[] = {
        "bottom", "count",  "max",    "mean",          "mean_plus_stddev",
        "median", "min",    "random", "sample_stddev", "sample_variance",
        "size",   "stddev", "sum",    "top",           "variance",
    };
    const char *method = metric_query_text(query, "aggregationMethod");

    if (!method)
        method = DEFAULT_METHOD;
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (strcmp(methods[i], method) == 0) {
            *out = methods[i];
            return ERR_OK;
        }
    return error_because(err, ERR_INVALID, "bad_query",
                         "\"aggregationMethod\" of metric '%s' must be bottom, count, max, mean, "
                         "mean_plus_stddev, median, min, random, sample_stddev, sample_variance, "
                         "size, stddev, sum, top or variance",
                         query->metric_name);
}

static enum err_code compose(const struct account *account, const struct metric_query *query,
                             struct arena *arena, const char **out, struct error *err)
{
    const char *metric = metric_query_text(query, "metricName");
    struct program p = {.query = query, .err = err};
    const char *method = NULL;

    if (!metric)
        return error_set(err, ERR_INVALID,
                         "Metric Name is required when no custom filter template is given.");
    if (find_method(query, &method, err) == ERR_OK && add_pairs(&p) == ERR_OK &&
        add_scope(&p, account, arena) == ERR_OK)
        *out = arena_printf(arena, "data('%s', filter=%s).%s(by=[%s]).publish()", metric,
                            p.filters.bytes, method, p.keys.bytes);
    strbuf_clear(&p.filters);
    strbuf_clear(&p.keys);
    return err->code;
}

static enum err_code signalfx_query_text(const struct account *account,
                                         const struct metric_query *query, struct arena *arena,
                                         const char **out, struct error *err)
{
    const struct tag named[] = {{"scope", query->scope.scope}, {"location", query->scope.location}};

    if (account->reject_unsafe_values &&
        template_check_scope(&query->scope, query->metric_name, err))
        return err->code;
    if (template_expand_query(query, named, ARRAY_LEN(named), account->reject_unsafe_values, arena,
                              out, err) ||
        (!*out && compose(account, query, arena, out, err)))
        return err->code;
    if (strlen(*out) > TEMPLATE_MAX_EXPANDED_BYTES)
        return error_because(err, ERR_INVALID, "template_too_large",
                             "the query of metric '%s' is larger than %u bytes", query->metric_name,
                             TEMPLATE_MAX_EXPANDED_BYTES);
    return ERR_OK;
}

/* --- the request --- */

static enum err_code signalfx_build(const struct account *account, const struct metric_query *query,
                                    const char *text, struct arena *arena,
                                    struct http_request_list *out, struct error *err)
{
    struct scope scope = collector_window(account, query);
    struct http_request *request = arena_new(arena, struct http_request);

    out->n_requests = 1;
    out->requests = request;
    request->method = "POST";
    request->url = arena_printf(arena,
                                "%s/v2/signalflow/execute?start=%" PRId64 "&stop=%" PRId64
                                "&resolution=%" PRId64 "&maxDelay=0&immediate=true",
                                account->base_url, scope.start_unix_ns / NS_PER_MS,
                                scope.end_unix_ns / NS_PER_MS, scope.step_s * MS_PER_S);
    request->body = text;
    request->n_body_bytes = strlen(text);
    request->is_stream = true;
    request->advice = signalfx_stream_advice;
    if (http_request_header(request, arena, "Content-Type", "text/plain; charset=utf-8", err) ||
        http_request_header(request, arena, "Accept", "text/event-stream", err))
        return err->code;
    return account_sign_key(account, "accessToken", "X-SF-TOKEN", "", arena, request, err);
}

/* --- the reply --- */

static void put_number(struct metric_set *set, struct arena *arena, const char *key, int64_t number)
{
    tag_map_put(&set->attributes, arena, key, arena_printf(arena, "%" PRId64, number));
}

/* The values as they come, one for each timestamp, as Kayenta has it. */
static void fill_as_is(const struct signalfx_stream *stream, struct arena *arena,
                       struct metric_set *set)
{
    set->n_values = stream->n_points;
    set->values = arena_array(arena, double, set->n_values);
    for (size_t i = 0; i < set->n_values; i++)
        set->values[i] = stream->points[i].value;
}

/* Each value in its slot of the window, at the resolution the job ran with. */
static enum err_code fill_grid(const struct signalfx_stream *stream, struct arena *arena,
                               struct metric_set *set, struct error *err)
{
    int64_t window_ms = set->end_unix_ms - set->start_unix_ms;

    if (stream->resolution_ms)
        set->step_ms = stream->resolution_ms;
    if (window_ms / set->step_ms > (int64_t)STORE_MAX_POINTS_PER_SERIES)
        return error_because(err, ERR_UPSTREAM, "store_too_many_points",
                             "the window has more than %u points at the job's resolution",
                             STORE_MAX_POINTS_PER_SERIES);
    set->n_values = (size_t)((window_ms + set->step_ms - 1) / set->step_ms);
    set->values = arena_array(arena, double, set->n_values);
    for (size_t i = 0; i < set->n_values; i++)
        set->values[i] = NAN;
    for (size_t i = 0; i < stream->n_points; i++) {
        double slot =
            round((double)(stream->points[i].time_ms - set->start_unix_ms) / (double)set->step_ms);

        if (slot >= 0 && slot < (double)set->n_values)
            set->values[(size_t)slot] = stream->points[i].value;
    }
    return ERR_OK;
}

static void put_attributes(const struct account *account, const struct scope *scope,
                           const char *text, const struct signalfx_stream *stream,
                           struct arena *arena, struct metric_set *set)
{
    int64_t step_ms = scope->step_s * MS_PER_S;

    set->attributes = (struct tag_map){0}; /* "query" goes by another name here */
    tag_map_put(&set->attributes, arena, "signal-flow-program", text);
    tag_map_put(&set->attributes, arena, "requested-account", account->name);
    tag_map_put(&set->attributes, arena, "requested-max-delay", "0");
    tag_map_put(&set->attributes, arena, "requested-immediate", "true");
    put_number(set, arena, "requested-start", scope->start_unix_ns / NS_PER_MS);
    put_number(set, arena, "requested-end", scope->end_unix_ns / NS_PER_MS);
    put_number(set, arena, "requested-step-milli", step_ms);
    put_number(set, arena, "actual-data-point-count", (int64_t)stream->n_points);
    if (stream->n_points) {
        put_number(set, arena, "actual-start-ts", stream->points[0].time_ms);
        put_number(set, arena, "actual-end-ts", stream->points[stream->n_points - 1].time_ms);
    }
    if (stream->resolution_ms && stream->resolution_ms != step_ms)
        put_number(set, arena, "actual-resolution-milli", stream->resolution_ms);
}

static enum err_code signalfx_parse(const struct account *account, const struct metric_query *query,
                                    const char *text, const struct http_response *replies,
                                    size_t n_replies, struct metric_set_list *out,
                                    struct error *err)
{
    struct metric_query asked = *query;
    struct signalfx_stream stream;
    struct metric_set *set;
    const json_t *pair;
    size_t i;

    (void)n_replies; /* always one */
    asked.scope = collector_window(account, query);
    if (signalfx_stream_read(account, (struct str){replies[0].body, replies[0].n_body_bytes},
                             out->arena, &stream, err))
        return err->code;
    set = collector_placeholder(&asked, text, out);
    put_attributes(account, &asked.scope, text, &stream, out->arena, set);
    json_array_foreach (json_object_get(query->config, "queryPairs"), i, pair) {
        const char *key = json_string_value(json_object_get(pair, "key"));
        const char *value = json_string_value(json_object_get(pair, "value"));

        if (key && value)
            tag_map_put(&set->tags, out->arena, key, value);
    }
    if (account->strict_series)
        return fill_grid(&stream, out->arena, set, err);
    fill_as_is(&stream, out->arena, set);
    return ERR_OK;
}

/* {"code":400,"errorType":"...","message":"..."} */
static const char *signalfx_error_text(const struct account *account,
                                       const struct http_response *reply, struct arena *arena)
{
    json_auto_t *root = collector_error_json(reply);
    const char *type = json_string_value(json_object_get(root, "errorType"));
    const char *message = json_string_value(json_object_get(root, "message"));

    (void)account;
    if (!message)
        return NULL;
    return arena_printf(arena, "%s%s%s", type ? type : "", type ? ": " : "", message);
}

const struct collector_type collector_signalfx = {
    .name = "signalfx",
    .needs_step = true,
    .default_url = signalfx_default_url,
    .total_timeout_ms = TOTAL_TIMEOUT_MS,
    .check_account = signalfx_check_account,
    .query_text = signalfx_query_text,
    .build = signalfx_build,
    .parse = signalfx_parse,
    .error_text = signalfx_error_text,
    .probe_text = "data('serinus.probe').count().publish()",
};
