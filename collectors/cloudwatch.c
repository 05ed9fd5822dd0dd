/* collectors/cloudwatch.c -- metrics of Amazon CloudWatch, by GetMetricData over its JSON protocol.
 *
 * One POST asks for a list of queries, of which some return data; the answer comes page by page,
 * in any order within. A series is an id with a label. Windows are aligned to the period: the
 * service would do that on its own, and differently for the two sides. The fetch engine signs. */
#include "collectors/collector.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "collectors/aws_credentials.h"
#include "collectors/cloudwatch_query.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#define TARGET "GraniteServiceVersion20100801."
#define CONTENT_TYPE "application/x-amz-json-1.0"
#define DEFAULT_REGION "us-east-1" /* only for showing what an account without one would ask */
#define RECENTLY "PT3H"
#define MAX_MESSAGES_BYTES 2048u
#define DAY_S 86400
#define DEFAULT_SETTLE_S 180

/* --- the account --- */

static const char *cloudwatch_default_url(const json_t *config, struct arena *arena)
{
    const char *region = aws_region(config, arena);

    if (!region)
        region = DEFAULT_REGION;
    return arena_printf(arena, "https://monitoring.%s.amazonaws.com%s", region,
                        strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
}

static const char *option(const struct account *account, const char *key)
{
    const char *text = json_string_value(json_object_get(account->options, key));

    return text && *text ? text : NULL;
}

static bool accepts_partial(const struct account *account)
{
    const char *text = option(account, "partialData");

    return text && strcmp(text, "accept") == 0;
}

static enum err_code cloudwatch_check_account(const struct account *account, struct error *err)
{
    const char *partial = option(account, "partialData");

    if (!account->sigv4 || !account->sigv4->region)
        return error_set(err, ERR_SETTINGS, "it lacks \"region\"");
    if (partial && strcmp(partial, "accept") != 0 && strcmp(partial, "refuse") != 0)
        return error_set(err, ERR_SETTINGS, "\"partialData\" must be refuse or accept");
    return ERR_OK;
}

/* --- requests --- */

static bool has_text(struct str body, const char *text)
{
    return body.n_bytes && memmem(body.bytes, body.n_bytes, text, strlen(text));
}

/* Quotas come as 400; results that are not finished as 200. */
static enum reply_advice advice_accepting(long status, struct str body)
{
    static const char *const later[] = {"Throttling", "TooManyRequests", "RequestLimitExceeded",
                                        "LimitExceeded"};

    if (status == 200)
        return has_text(body, "\"InternalError\"") ? REPLY_ASK_AGAIN : REPLY_BY_STATUS;
    for (size_t i = 0; status == 400 && i < ARRAY_LEN(later); i++)
        if (has_text(body, later[i]))
            return REPLY_ASK_AGAIN;
    return REPLY_BY_STATUS;
}

static enum reply_advice advice_refusing(long status, struct str body)
{
    if (status == 200 && has_text(body, "\"PartialData\"") && !has_text(body, "\"NextToken\""))
        return REPLY_ASK_AGAIN;
    return advice_accepting(status, body);
}

static enum err_code post(const struct account *account, const char *operation, const json_t *body,
                          struct arena *arena, struct http_request *out, struct error *err)
{
    out->method = "POST";
    out->url = arena_printf(arena, "%s/", account->base_url);
    out->body = json_write_arena(body, arena);
    out->n_body_bytes = strlen(out->body);
    out->advice = accepts_partial(account) ? advice_accepting : advice_refusing;
    if (http_request_header(out, arena, "Content-Type", CONTENT_TYPE, err) ||
        http_request_header(out, arena, "X-Amz-Target", arena_printf(arena, TARGET "%s", operation),
                            err))
        return err->code;
    return ERR_OK;
}

static enum err_code ask(const struct account *account, const struct cloudwatch_queries *queries,
                         const char *token, struct arena *arena, struct http_request_list *out,
                         struct error *err)
{
    json_auto_t *body = json_pack("{s:I, s:I, s:s, s:O}", "StartTime",
                                  (json_int_t)(queries->grid.start_ms / MS_PER_S), "EndTime",
                                  (json_int_t)(grid_end_ms(&queries->grid) / MS_PER_S), "ScanBy",
                                  "TimestampAscending", "MetricDataQueries", queries->list);

    json_set_text(body, "NextToken", token);
    out->n_requests = 1;
    out->requests = arena_new(arena, struct http_request);
    return post(account, "GetMetricData", body, arena, out->requests, err);
}

static enum err_code cloudwatch_build(const struct account *account,
                                      const struct metric_query *query, const char *text,
                                      struct arena *arena, struct http_request_list *out,
                                      struct error *err)
{
    struct cloudwatch_queries queries;

    if (cloudwatch_queries_read(query, text, arena, &queries, err))
        return err->code;
    return ask(account, &queries, NULL, arena, out, err);
}

/* NULL: it cannot be read, which parse will say. */
static json_t *read_page(const struct http_response *reply, struct error *err)
{
    json_t *root = NULL;

    return json_read((struct str){reply->body, reply->n_body_bytes}, &json_limits_tree, &root, err)
               ? NULL
               : root;
}

static enum err_code cloudwatch_next(const struct account *account,
                                     const struct metric_query *query, const char *text,
                                     const struct http_response *replies, size_t n_replies,
                                     struct arena *arena, struct http_request_list *more,
                                     struct error *err)
{
    struct error ignored = {0};
    json_auto_t *root = read_page(&replies[n_replies - 1], &ignored);
    const char *token = json_string_value(json_object_get(root, "NextToken"));
    struct cloudwatch_queries queries;

    if (!token || !*token || json_object_get(root, "__type"))
        return ERR_OK;
    if (cloudwatch_queries_read(query, text, arena, &queries, err))
        return err->code;
    return ask(account, &queries, arena_strdup(arena, token), arena, more, err);
}

/* Page tokens age. */
static bool cloudwatch_has_lost_page(const struct http_response *reply)
{
    return reply->status == 400 &&
           has_text((struct str){reply->body, reply->n_body_bytes}, "InvalidNextToken");
}

/* --- replies --- */

struct series {
    const json_t *entry;
    const char *id, *label, *status;
    struct strbuf messages; /* owned */
};

struct reading {
    const struct account *account;
    const struct metric_query *query;
    const char *text;
    struct cloudwatch_queries queries;
    struct arena *arena;
    struct reply_series_list list;
    struct series series[STORE_MAX_SERIES]; /* beside list.items */
    struct strbuf messages;                 /* of all replies */
    bool is_partial_accepted;
    struct error *err;
};

static enum err_code bad(struct reading *r, const char *message)
{
    return error_because(r->err, ERR_UPSTREAM, "store_bad_response", "%s", message);
}

/* "Code: Value", each once. */
static void add_message(struct reading *r, struct strbuf *out, const json_t *message)
{
    const char *code = json_string_value(json_object_get(message, "Code"));
    const char *value = json_string_value(json_object_get(message, "Value"));
    const char *text = arena_printf(r->arena, "%s: %s", code ? code : "", value ? value : "");

    text = collector_shown(r->account, text, strlen(text), STORE_ERROR_BODY_BYTES, r->arena);
    out->max_bytes = MAX_MESSAGES_BYTES;
    if (out->n_bytes && strstr(out->bytes, text))
        return;
    if (out->n_bytes)
        strbuf_puts(out, "; ");
    strbuf_puts(out, text);
}

static enum err_code read_messages(struct reading *r, const json_t *messages)
{
    static const char *const cut[] = {"MaxMetricsExceeded", "MaxQueryTimeRangeExceeded",
                                      "MaxQueryResultsExceeded", "MaxMatchingResultsExceeded"};
    const json_t *message;
    size_t i;

    json_array_foreach (messages, i, message) {
        const char *code = json_string_value(json_object_get(message, "Code"));
        const char *value = json_string_value(json_object_get(message, "Value"));

        for (size_t k = 0; code && !r->is_partial_accepted && k < ARRAY_LEN(cut); k++)
            if (strcmp(cut[k], code) == 0)
                return error_because(r->err, ERR_UPSTREAM, "store_error", "%s: %s", code,
                                     value ? collector_shown(r->account, value, strlen(value),
                                                             STORE_ERROR_BODY_BYTES, r->arena)
                                           : "");
        add_message(r, &r->messages, message);
    }
    return ERR_OK;
}

/* The series of this id and label, on whatever page it was begun. */
static enum err_code find_series(struct reading *r, const json_t *entry, const char *id,
                                 const char *label, size_t *out)
{
    for (size_t i = 0; i < r->list.n_items; i++) {
        if (strcmp(r->series[i].id, id) == 0 && strcmp(r->series[i].label, label) == 0) {
            *out = i;
            return ERR_OK;
        }
    }
    if (!reply_series_add(&r->list))
        return r->err->code;
    *out = r->list.n_items - 1;
    r->series[*out] =
        (struct series){entry, arena_strdup(r->arena, id), arena_strdup(r->arena, label), "", {0}};
    return ERR_OK;
}

static bool read_time(const json_t *value, int64_t *out_ms)
{
    const char *text = json_string_value(value);
    struct error ignored = {0};
    int64_t unix_ns;
    double seconds;

    if (text && instant_parse(text, &unix_ns, &ignored) == ERR_OK) {
        *out_ms = unix_ns / NS_PER_MS;
        return true;
    }
    if (!json_to_double(value, &seconds) || !(fabs(seconds) < 1e11))
        return false;
    *out_ms = (int64_t)floor(seconds * MS_PER_S);
    return true;
}

static enum err_code read_points(struct reading *r, const json_t *result, size_t i_series)
{
    const json_t *times = json_object_get(result, "Timestamps");
    const json_t *values = json_object_get(result, "Values");
    int64_t time_ms;
    double value;

    if (json_array_size(times) != json_array_size(values))
        return bad(r, "CloudWatch reply has lists of times and values that differ in length");
    for (size_t i = 0; i < json_array_size(times); i++) {
        size_t slot;

        if (!read_time(json_array_get(times, i), &time_ms))
            return bad(r, "CloudWatch reply has a time that is none");
        if (!json_to_double(json_array_get(values, i), &value))
            return bad(r, "CloudWatch reply has a value that is no number");
        if (!grid_slot(&r->queries.grid, time_ms, &slot) ||
            (time_ms - r->queries.grid.start_ms) % r->queries.grid.step_ms != 0)
            continue;
        if (!reply_series_add_point(&r->list, &r->list.items[i_series], time_ms, value))
            return r->err->code;
    }
    return ERR_OK;
}

static enum err_code read_result(struct reading *r, const json_t *result)
{
    const char *id = json_string_value(json_object_get(result, "Id"));
    const char *label = json_string_value(json_object_get(result, "Label"));
    const char *status = json_string_value(json_object_get(result, "StatusCode"));
    const json_t *entry = id ? cloudwatch_query_find(&r->queries, id) : NULL;
    const json_t *message;
    size_t i_series = 0, i;

    if (!entry)
        return ERR_OK;
    if (find_series(r, entry, id, label ? label : "", &i_series) ||
        read_points(r, result, i_series))
        return r->err->code;
    r->series[i_series].status = arena_strdup(r->arena, status ? status : "Complete");
    json_array_foreach (json_object_get(result, "Messages"), i, message)
        add_message(r, &r->series[i_series].messages, message);
    return ERR_OK;
}

static const char *error_words(const json_t *root, struct arena *arena)
{
    const char *type = json_string_value(json_object_get(root, "__type"));
    const char *message = json_string_value(json_object_get(root, "message"));
    const char *hash = type ? strchr(type, '#') : NULL;

    if (!message)
        message = json_string_value(json_object_get(root, "Message"));
    if (!type)
        return message;
    return arena_printf(arena, "%s: %s", hash ? hash + 1 : type, message ? message : "");
}

static enum err_code read_reply(struct reading *r, const struct http_response *reply)
{
    struct error why = {0};
    json_auto_t *root = read_page(reply, &why);
    const json_t *results = json_object_get(root, "MetricDataResults");
    const json_t *result;
    size_t i;

    if (!root)
        return error_because(r->err, ERR_UPSTREAM, "store_bad_response",
                             "CloudWatch reply is not JSON: %s", why.message);
    if (json_object_get(root, "__type")) {
        const char *words = error_words(root, r->arena);

        return error_because(
            r->err, ERR_UPSTREAM, "store_error", "%s",
            collector_shown(r->account, words, strlen(words), STORE_ERROR_BODY_BYTES, r->arena));
    }
    if (!json_is_array(results))
        return bad(r, "CloudWatch reply has no MetricDataResults");
    if (read_messages(r, json_object_get(root, "Messages")))
        return r->err->code;
    json_array_foreach (results, i, result)
        if (read_result(r, result))
            return r->err->code;
    return ERR_OK;
}

/* What the last page said of a series. */
static enum err_code check_status(struct reading *r, struct series *series)
{
    if (strcmp(series->status, "Complete") == 0)
        return ERR_OK;
    if (strcmp(series->status, "InternalError") == 0)
        return error_because(r->err, ERR_UPSTREAM, "store_unavailable",
                             "CloudWatch InternalError for '%.256s'", series->id);
    if (strcmp(series->status, "Forbidden") == 0)
        return error_because(r->err, ERR_UPSTREAM, "store_rejected",
                             "CloudWatch denied access to '%.256s'", series->id);
    if (!r->is_partial_accepted)
        return error_because(r->err, ERR_UPSTREAM, "store_unavailable",
                             "CloudWatch returned partial data for '%.256s'", series->id);
    if (series->messages.n_bytes)
        strbuf_puts(&series->messages, "; ");
    strbuf_puts(&series->messages, "PartialData: the result was not complete");
    return ERR_OK;
}

static bool is_same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* Two series under one label would be mixed up. */
static enum err_code check_clashes(struct reading *r, size_t i)
{
    struct reply_series *series = &r->list.items[i];

    reply_series_sort(series);
    for (size_t k = 1; k < series->n_points; k++)
        if (series->points[k].time_ms == series->points[k - 1].time_ms &&
            !is_same(series->points[k].value, series->points[k - 1].value))
            return error_because(r->err, ERR_UPSTREAM, "store_bad_response",
                                 "CloudWatch returned two series with the label '%.256s'; a label "
                                 "that tells them apart is needed",
                                 r->series[i].label);
    return ERR_OK;
}

/* The label split at | into the tags that the query names. */
static enum err_code split_label(struct reading *r, const char *label, const json_t *keys,
                                 struct reply_series *series)
{
    const json_t *key;
    size_t i, n_parts = 1;

    for (const char *c = label; *c; c++)
        n_parts += *c == '|';
    if (n_parts != json_array_size(keys))
        return error_because(r->err, ERR_UPSTREAM, "store_error",
                             "CloudWatch label '%.256s' has %zu parts, but there are %zu tagKeys",
                             label, n_parts, json_array_size(keys));
    json_array_foreach (keys, i, key) {
        size_t n = strcspn(label, "|");
        const char *name = json_string_value(key);

        if (!reply_series_add_tag(&r->list, series, name ? name : "", (struct str){label, n}))
            return r->err->code;
        label += n + (label[n] == '|');
    }
    return ERR_OK;
}

static enum err_code set_tags(struct reading *r, size_t i)
{
    struct reply_series *series = &r->list.items[i];
    const struct series *its = &r->series[i];
    const json_t *keys = json_object_get(r->query->config, "tagKeys");

    if (cloudwatch_query_has_labels(its->entry)) {
        if (json_array_size(keys)
                ? split_label(r, its->label, keys, series) != ERR_OK
                : !reply_series_add_tag(&r->list, series, "label", str_of(its->label)))
            return r->err->code;
    }
    if (r->queries.n_returned > 1 && !reply_series_add_tag(&r->list, series, "id", str_of(its->id)))
        return r->err->code;
    return ERR_OK;
}

static void add_set(struct reading *r, const struct tag_map *tags, double *values, size_t n_values,
                    const struct strbuf *messages, struct metric_set_list *out)
{
    struct metric_set *set = metric_set_list_add(out);
    const char *all = r->messages.n_bytes ? r->messages.bytes : "";

    set->name = arena_strdup(out->arena, r->query->metric_name);
    if (tags)
        set->tags = *tags;
    grid_frame(&r->queries.grid, set);
    set->values = values;
    set->n_values = n_values;
    tag_map_put(&set->attributes, out->arena, "query", r->text);
    if (messages && messages->n_bytes)
        all = arena_printf(out->arena, "%s%s%s", all, *all ? "; " : "", messages->bytes);
    if (*all)
        tag_map_put(&set->attributes, out->arena, "messages", all);
}

static enum err_code make_sets(struct reading *r, struct metric_set_list *out)
{
    size_t n_numbers;

    if (r->list.n_items * r->queries.grid.n_slots > STORE_MAX_POINTS)
        return error_because(r->err, ERR_UPSTREAM, "store_too_many_points",
                             "the reply has more than %u points on its grids", STORE_MAX_POINTS);
    for (size_t i = 0; i < r->list.n_items; i++) {
        struct reply_series *series = &r->list.items[i];
        double *values;

        if (check_status(r, &r->series[i]) || check_clashes(r, i))
            return r->err->code;
        if (series->n_points == 0)
            continue;
        if (set_tags(r, i))
            return r->err->code;
        values = grid_values(&r->queries.grid, series, GRID_LAST, out->arena, &n_numbers);
        add_set(r, &series->tags, values, r->queries.grid.n_slots, &r->series[i].messages, out);
    }
    if (out->n_sets == 0)
        add_set(r, NULL, NULL, 0, NULL, out);
    return ERR_OK;
}

static enum err_code cloudwatch_parse(const struct account *account,
                                      const struct metric_query *query, const char *text,
                                      const struct http_response *replies, size_t n_replies,
                                      struct metric_set_list *out, struct error *err)
{
    struct reading *r = arena_new(out->arena, struct reading);

    *r = (struct reading){
        .account = account,
        .query = query,
        .text = text,
        .arena = out->arena,
        .list = {.arena = out->arena, .err = err},
        .is_partial_accepted = accepts_partial(account),
        .err = err,
    };
    if (cloudwatch_queries_read(query, text, out->arena, &r->queries, err) == ERR_OK)
        for (size_t i = 0; i < n_replies && !err->code; i++)
            (void)(read_reply(r, &replies[i]) == ERR_OK);
    if (!err->code)
        (void)(make_sets(r, out) == ERR_OK);
    for (size_t i = 0; i < r->list.n_items; i++)
        strbuf_clear(&r->series[i].messages);
    strbuf_clear(&r->messages);
    reply_series_clear(&r->list);
    return err->code;
}

static const char *cloudwatch_error_text(const struct account *account,
                                         const struct http_response *reply, struct arena *arena)
{
    json_auto_t *root = collector_error_json(reply);
    const char *words = error_words(root, arena);

    (void)account;
    return words ? arena_strdup(arena, words) : NULL;
}

/* --- what is not kept --- */

static int64_t settle_s(const struct account *account)
{
    double s;

    return json_to_double(json_object_get(account->options, "settleSeconds"), &s) && s >= 0 &&
                   s < DAY_S
               ? (int64_t)s
               : DEFAULT_SETTLE_S;
}

/* The last points come late. How fine a period is kept for how long: a finer one gives no points
 * and no error. */
static const char *cloudwatch_caution(const struct account *account,
                                      const struct metric_query *query, const char *text,
                                      int64_t now_unix_ms, struct arena *arena)
{
    static const struct {
        int64_t older_than_s, period_s; /* 0: nothing is kept */
        const char *age;
    } kept[] = {
        {455 * DAY_S, 0, "455 days"},
        {63 * DAY_S, 3600, "63 days"},
        {15 * DAY_S, 300, "15 days"},
        {3 * 3600, 60, "3 hours"},
    };
    struct cloudwatch_queries queries;
    struct error ignored = {0};
    const json_t *entry;
    size_t i, k = 0;
    int64_t age_s;

    if (cloudwatch_queries_read(query, text, arena, &queries, &ignored))
        return NULL;
    if (now_unix_ms - grid_end_ms(&queries.grid) < settle_s(account) * MS_PER_S)
        return arena_printf(arena,
                            "CloudWatch may lack points of the last %" PRId64 " seconds, and the "
                            "window ends later than that; end it earlier, or judge later",
                            settle_s(account));
    age_s = (now_unix_ms - queries.grid.start_ms) / MS_PER_S;
    while (k < ARRAY_LEN(kept) && age_s <= kept[k].older_than_s)
        k++;
    if (k == ARRAY_LEN(kept))
        return NULL;
    if (!kept[k].period_s)
        return arena_printf(arena, "CloudWatch keeps no data for longer than %s", kept[k].age);
    json_array_foreach (queries.list, i, entry) {
        const json_t *stat = json_object_get(entry, "MetricStat");
        int64_t period_s = json_integer_value(json_object_get(stat ? stat : entry, "Period"));

        if (period_s % kept[k].period_s)
            return arena_printf(arena,
                                "CloudWatch period %" PRId64 " has no data older than %s; use "
                                "%" PRId64,
                                period_s, kept[k].age, kept[k].period_s);
    }
    return NULL;
}

/* --- the names of metrics --- */

/* "AWS/Lambda/Dur" is asked for in its namespace, once that is typed. Those of AWS have a slash of
 * their own. */
static const char *namespace_of(const char *text, struct arena *arena)
{
    const char *own = strncasecmp(text, "AWS/", strlen("AWS/")) == 0 ? text + strlen("AWS/") : text;
    const char *end = strchr(own, '/');

    return end ? arena_strndup(arena, text, (size_t)(end - text)) : NULL;
}

static enum err_code ask_names(const struct account *account, const char *text, const char *token,
                               struct arena *arena, struct http_request *out, struct error *err)
{
    json_auto_t *body = json_object();

    json_set_text(body, "Namespace", namespace_of(text, arena));
    json_set_text(body, "RecentlyActive", RECENTLY);
    json_set_text(body, "NextToken", token);
    return post(account, "ListMetrics", body, arena, out, err);
}

static enum err_code cloudwatch_names_build(const struct account *account, const char *text,
                                            struct arena *arena, struct http_request *out,
                                            json_t **out_list, struct error *err)
{
    (void)out_list;
    return ask_names(account, text, NULL, arena, out, err);
}

static enum err_code cloudwatch_names_next(const struct account *account, const char *text,
                                           const struct http_response *reply, struct arena *arena,
                                           struct http_request_list *more, struct error *err)
{
    struct error ignored = {0};
    json_auto_t *root = read_page(reply, &ignored);
    const char *token = json_string_value(json_object_get(root, "NextToken"));

    if (!token || !*token)
        return ERR_OK;
    more->n_requests = 1;
    more->requests = arena_new(arena, struct http_request);
    return ask_names(account, text, token, arena, more->requests, err);
}

/* One of the list's metrics; those that differ in the values of dimensions alone are the same. */
static void add_name(json_t *list, const json_t *metric, const char *text)
{
    const char *namespace = json_string_value(json_object_get(metric, "Namespace"));
    const char *name = json_string_value(json_object_get(metric, "MetricName"));
    struct arena *arena = arena_create();
    json_t *dimensions = json_array(), *dimension;
    const char *whole;
    size_t i;

    json_array_foreach (json_object_get(metric, "Dimensions"), i, dimension)
        if (json_is_string(json_object_get(dimension, "Name")))
            json_array_append(dimensions, json_object_get(dimension, "Name"));
    if (namespace && name) {
        whole = arena_printf(arena, "%s/%s", namespace, name);
        if (strcasestr(whole, text))
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:O}", "name", whole,
                                                  "namespace", namespace, "metricName", name,
                                                  "dimensions", dimensions));
    }
    json_decref(dimensions);
    arena_free(arena);
}

static enum err_code cloudwatch_names_parse(const struct account *account, const char *text,
                                            const struct http_response *reply, json_t **out_list,
                                            struct error *err)
{
    struct error why = {0};
    json_auto_t *root = read_page(reply, &why);
    const json_t *metrics = json_object_get(root, "Metrics");
    const json_t *metric;
    size_t i;

    (void)account;
    if (!json_is_array(metrics))
        return error_because(err, ERR_UPSTREAM, "store_bad_response",
                             "CloudWatch reply has no list of Metrics");
    *out_list = json_array();
    json_array_foreach (metrics, i, metric)
        add_name(*out_list, metric, text);
    return ERR_OK;
}

static const struct collector_completion cloudwatch_completion = {
    .build = cloudwatch_names_build,
    .parse = cloudwatch_names_parse,
    .next = cloudwatch_names_next,
};

const struct collector_type collector_cloudwatch = {
    .name = "cloudwatch",
    .needs_step = true,
    .aws_service = "monitoring",
    .default_url = cloudwatch_default_url,
    .check_account = cloudwatch_check_account,
    .query_text = cloudwatch_query_text,
    .build = cloudwatch_build,
    .next = cloudwatch_next,
    .has_lost_page = cloudwatch_has_lost_page,
    .parse = cloudwatch_parse,
    .error_text = cloudwatch_error_text,
    .caution = cloudwatch_caution,
    .completion = &cloudwatch_completion,
};
