/* A series is an id with a label; its points come in any order, on any page. */
#include "collectors/cloudwatch_reply.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "collectors/cloudwatch_query.h"

#include <math.h>
#include <string.h>

#define MAX_MESSAGES_BYTES 2048u

json_t *cloudwatch_reply_page(const struct http_response *reply, struct error *err)
{
    json_t *root = NULL;

    return json_read((struct str){reply->body, reply->n_body_bytes}, &json_limits_tree, &root, err)
               ? NULL
               : root;
}

struct series {
    const json_t *entry;
    const char *id, *label, *status;
    struct strbuf messages; /* owned */
};

struct reading {
    const struct cloudwatch_question *question;
    struct cloudwatch_queries queries;
    struct arena *arena;
    struct reply_series_list list;
    struct series series[STORE_MAX_SERIES]; /* beside list.items */
    struct strbuf messages;                 /* of all replies */
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

    text =
        collector_shown(r->question->account, text, strlen(text), STORE_ERROR_BODY_BYTES, r->arena);
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

        for (size_t k = 0; code && !r->question->is_partial_accepted && k < ARRAY_LEN(cut); k++)
            if (strcmp(cut[k], code) == 0)
                return error_because(r->err, ERR_UPSTREAM, "store_error", "%s: %s", code,
                                     value ? collector_shown(r->question->account, value,
                                                             strlen(value), STORE_ERROR_BODY_BYTES,
                                                             r->arena)
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

    if ((times && !json_is_array(times)) || (values && !json_is_array(values)))
        return bad(r, "CloudWatch reply has times or values that are no list");
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

const char *cloudwatch_reply_words(const json_t *root, struct arena *arena)
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
    json_auto_t *root = cloudwatch_reply_page(reply, &why);
    const json_t *results = json_object_get(root, "MetricDataResults");
    const json_t *result;
    size_t i;

    if (!root)
        return error_because(r->err, ERR_UPSTREAM, "store_bad_response",
                             "CloudWatch reply is not JSON: %s", why.message);
    if (json_object_get(root, "__type")) {
        const char *words = cloudwatch_reply_words(root, r->arena);

        return error_because(r->err, ERR_UPSTREAM, "store_error", "%s",
                             collector_shown(r->question->account, words, strlen(words),
                                             STORE_ERROR_BODY_BYTES, r->arena));
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
    if (!r->question->is_partial_accepted)
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
    const json_t *keys = json_object_get(r->question->query->config, "tagKeys");

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

    set->name = arena_strdup(out->arena, r->question->query->metric_name);
    if (tags)
        set->tags = *tags;
    grid_frame(&r->queries.grid, set);
    set->values = values;
    set->n_values = n_values;
    tag_map_put(&set->attributes, out->arena, "query", r->question->text);
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

enum err_code cloudwatch_replies_read(const struct cloudwatch_question *question,
                                      const struct http_response *replies, size_t n_replies,
                                      struct metric_set_list *out, struct error *err)
{
    struct reading *r = arena_new(out->arena, struct reading);

    *r = (struct reading){
        .question = question,
        .arena = out->arena,
        .list = {.arena = out->arena, .err = err},
        .err = err,
    };
    if (cloudwatch_queries_read(question->query, question->text, out->arena, &r->queries, err) ==
        ERR_OK)
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
