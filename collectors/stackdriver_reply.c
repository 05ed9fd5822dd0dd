/* Two shapes with one core: a series with labels, and points that have an interval and a typed
 * value.
 *
 *   list: {"timeSeries":[{"metric":{"type":..,"labels":{..}},"resource":{"type":..,"labels":{..}},
 *          "valueType":"DOUBLE","points":[{"interval":{..},"value":{"doubleValue":0.5}}]}]}
 *   MQL:  {"timeSeriesDescriptor":{"labelDescriptors":[{"key":..}],"pointDescriptors":[{..}]},
 *          "timeSeriesData":[{"labelValues":[{"stringValue":..}],
 *          "pointData":[{"values":[{"int64Value":"0"}],"timeInterval":{..}}]}]}
 *
 * Points come newest first, and a series may go on, further into the past, on the next page. */
#include "collectors/stackdriver_reply.h"

#include "base/instant.h"
#include "base/limits.h"
#include "collectors/json_stream.h"
#include "collectors/reply_series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum place {
    ROOT,
    SERIES_LIST,
    SERIES,
    METRIC,
    METRIC_LABELS,
    RESOURCE,
    RESOURCE_LABELS,
    POINTS,
    POINT,
    INTERVAL,
    VALUES, /* MQL: one for each point descriptor */
    VALUE,
    DISTRIBUTION,
    DESCRIPTOR,
    LABEL_DESCRIPTORS,
    LABEL_DESCRIPTOR,
    POINT_DESCRIPTORS,
    POINT_DESCRIPTOR,
    LABEL_VALUES,
    LABEL_VALUE,
    ERRORS,
    STATUS,
};

/* What belongs to a series besides its points. */
struct extra {
    int64_t oldest_end_ms, oldest_start_ms, newest_end_ms;
    size_t last_page;
    bool has_type;
};

struct reader {
    const struct stackdriver_question *question;
    struct json_stream stream;
    struct reply_series_list list;
    struct error *err;
    struct extra *extras; /* one for each series, in the list's arena */
    size_t extras_capacity;
    size_t n_page;
    struct strbuf notes;         /* what the store could not do */
    bool has_known, has_unknown; /* members of this page: an empty answer may have none at all */
    /* MQL: of this page */
    const char **keys;
    size_t n_keys, keys_capacity, n_point_kinds;
    /* of the series being read */
    struct tag_map resource, metric;
    const char *project, *metric_type, *resource_type;
    struct reply_series now; /* its points are moved to the list in the end */
    struct extra extra;
    size_t n_labels;
    /* of the point being read */
    bool has_start, has_end;
    double value;
    int64_t start_ms, end_ms;
};

static bool bad(struct reader *r, const char *what)
{
    return json_stream_bad(&r->stream, what);
}

/* --- labels --- */

static bool add_label(struct reader *r, struct tag_map *map, const char *key, struct str value)
{
    if (strlen(key) > STORE_MAX_LABEL_BYTES || value.n_bytes > STORE_MAX_LABEL_BYTES)
        return bad(r, "a label is larger than 4 KiB");
    if (value.n_bytes && memchr(value.bytes, '\0', value.n_bytes))
        return bad(r, "a label holds a NUL character");
    if (map->n_items == STORE_MAX_LABELS)
        return bad(r, "a series has more than 128 labels");
    tag_map_put(map, r->list.arena, key, arena_strndup(r->list.arena, value.bytes, value.n_bytes));
    return true;
}

/* The project tells series apart, but is no tag: both sides of a canary may have their own. */
static bool add_resource_label(struct reader *r, const char *key, struct str value)
{
    if (strcmp(key, "project_id") != 0)
        return add_label(r, &r->resource, key, value);
    if (value.n_bytes > STORE_MAX_LABEL_BYTES)
        return bad(r, "a label is larger than 4 KiB");
    r->project = arena_strndup(r->list.arena, value.bytes, value.n_bytes);
    return true;
}

/* The n-th label of an MQL series: "resource.zone" becomes "zone". */
static bool add_mql_label(struct reader *r, struct str value)
{
    const char *key, *dot;

    if (r->n_labels >= r->n_keys)
        return bad(r, "a series has labels that are not described ahead of it");
    key = r->keys[r->n_labels++];
    dot = strchr(key, '.');
    key = dot ? dot + 1 : key;
    return strcmp(key, "project_id") == 0 ? add_resource_label(r, key, value)
                                          : add_label(r, &r->metric, key, value);
}

static bool add_key(struct reader *r, struct str text)
{
    if (r->n_keys == STORE_MAX_LABELS)
        return bad(r, "a series has more than 128 labels");
    if (text.n_bytes > STORE_MAX_LABEL_BYTES || memchr(text.bytes, '\0', text.n_bytes))
        return bad(r, "a label is larger than 4 KiB or holds a NUL character");
    r->keys = arena_grow(r->list.arena, (void *)(uintptr_t)r->keys, r->n_keys, &r->keys_capacity,
                         sizeof(*r->keys));
    r->keys[r->n_keys++] = arena_strndup(r->list.arena, text.bytes, text.n_bytes);
    return true;
}

/* --- points --- */

static bool read_instant(struct reader *r, enum json_kind kind, struct str text, int64_t *out_ms)
{
    char copy[INSTANT_TEXT_BYTES];
    struct error ignored = {0};
    int64_t unix_ns;

    if (kind != JSON_KIND_TEXT || text.n_bytes >= sizeof(copy))
        return bad(r, "the time of a point is not RFC 3339 text");
    memcpy(copy, text.bytes, text.n_bytes);
    copy[text.n_bytes] = '\0';
    if (strlen(copy) != text.n_bytes || instant_parse(copy, &unix_ns, &ignored))
        return bad(r, "the time of a point is not RFC 3339 text");
    *out_ms = unix_ns / NS_PER_MS;
    return true;
}

static bool interval_member(struct reader *r, const char *key, enum json_kind kind, struct str text)
{
    if (strcmp(key, "startTime") == 0 && kind != JSON_KIND_NULL) {
        r->has_start = true;
        return read_instant(r, kind, text, &r->start_ms);
    }
    if (strcmp(key, "endTime") == 0) {
        r->has_end = true;
        return read_instant(r, kind, text, &r->end_ms);
    }
    return true;
}

/* A value that is none of these is NaN. */
static bool value_member(struct reader *r, const char *key, enum json_kind kind, struct str text)
{
    bool is_number = strcmp(key, "doubleValue") == 0 || strcmp(key, "int64Value") == 0;

    if (is_number && !json_stream_value(kind, text, &r->value))
        return bad(r, "the value of a point is not a number");
    if (strcmp(key, "boolValue") == 0) {
        if (kind != JSON_KIND_TRUTH)
            return bad(r, "the boolValue of a point is neither true nor false");
        r->value = str_is(text, "true");
    }
    return true;
}

static bool end_point(struct reader *r)
{
    struct extra *extra = &r->extra;

    if (!r->has_end)
        return bad(r, "a point has no end time");
    if (!r->has_start)
        r->start_ms = r->end_ms; /* some gauges have no more */
    if (r->end_ms < r->start_ms)
        return bad(r, "a point ends before it starts");
    if (r->now.n_points == 0 || r->end_ms < extra->oldest_end_ms) {
        extra->oldest_end_ms = r->end_ms;
        extra->oldest_start_ms = r->start_ms;
    }
    if (r->now.n_points == 0 || r->end_ms > extra->newest_end_ms)
        extra->newest_end_ms = r->end_ms;
    return reply_series_add_point(&r->list, &r->now, r->end_ms, r->value);
}

/* --- series --- */

static void begin_series(struct reader *r)
{
    r->resource = r->metric = (struct tag_map){0};
    r->project = r->metric_type = r->resource_type = "";
    r->extra = (struct extra){.last_page = r->n_page, .has_type = r->n_point_kinds > 0};
    r->n_labels = 0;
}

/* It went on: its points join those of the pages before. */
static bool join_series(struct reader *r, struct reply_series *whole, struct extra *extra)
{
    bool had_points = whole->n_points > 0;

    if (extra->last_page == r->n_page)
        return bad(r, "two series have the same labels");
    extra->last_page = r->n_page;
    r->list.n_points -= r->now.n_points; /* they count once */
    for (size_t i = 0; i < r->now.n_points; i++)
        if (!reply_series_add_point(&r->list, whole, r->now.points[i].time_ms,
                                    r->now.points[i].value))
            return false;
    if (r->now.n_points && (!had_points || r->extra.oldest_end_ms < extra->oldest_end_ms)) {
        extra->oldest_end_ms = r->extra.oldest_end_ms;
        extra->oldest_start_ms = r->extra.oldest_start_ms;
    }
    if (r->now.n_points && (!had_points || r->extra.newest_end_ms > extra->newest_end_ms))
        extra->newest_end_ms = r->extra.newest_end_ms;
    extra->has_type |= r->extra.has_type;
    r->now.n_points = 0;
    r->now.is_unsorted = false;
    return true;
}

static bool end_series(struct reader *r)
{
    struct reply_series *series;
    const char *name =
        arena_printf(r->list.arena, "%s %s %s", r->project, r->resource_type, r->metric_type);

    for (size_t i = 0; i < r->metric.n_items; i++) /* they win over the resource's */
        if (!add_label(r, &r->resource, r->metric.items[i].key, str_of(r->metric.items[i].value)))
            return false;
    for (size_t i = 0; i < r->list.n_items; i++)
        if (strcmp(r->list.items[i].name, name) == 0 &&
            tag_map_equal(&r->list.items[i].tags, &r->resource))
            return join_series(r, &r->list.items[i], &r->extras[i]);
    r->extras = arena_grow(r->list.arena, r->extras, r->list.n_items, &r->extras_capacity,
                           sizeof(*r->extras));
    r->extras[r->list.n_items] = r->extra;
    series = reply_series_add(&r->list);
    if (!series)
        return false;
    *series = r->now;
    series->tags = r->resource;
    series->name = name;
    r->now = (struct reply_series){0};
    return true;
}

/* --- events --- */

static void add_note(struct reader *r, struct str text)
{
    strbuf_puts(&r->notes, r->notes.n_bytes ? "; " : "");
    strbuf_append(&r->notes, text.bytes, text.n_bytes);
}

static void root_member(struct reader *r, const char *key, enum json_kind kind, struct str text)
{
    if (strcmp(key, "error") == 0 && kind == JSON_KIND_TEXT)
        add_note(r, text);
    else if (strcmp(key, "nextPageToken") == 0 || strcmp(key, "unit") == 0)
        r->has_known = true;
    else
        r->has_unknown = true;
}

static bool on_open(void *ctx, int place, int parent)
{
    struct reader *r = ctx;

    if (parent == ROOT)
        *(place == JSON_STREAM_OTHER ? &r->has_unknown : &r->has_known) = true;
    switch (place) {
    case SERIES:
        begin_series(r);
        break;
    case POINT:
        r->has_start = r->has_end = false;
        r->value = NAN;
        break;
    case POINT_DESCRIPTOR:
        if (++r->n_point_kinds > 1)
            return bad(r, "each point has several values; the query must select one");
        break;
    default:
        break;
    }
    return true;
}

static bool on_close(void *ctx, int place)
{
    struct reader *r = ctx;

    if (place == POINT)
        return end_point(r);
    return place == SERIES ? end_series(r) : true;
}

static bool on_scalar(void *ctx, int place, const char *key, enum json_kind kind, struct str text)
{
    struct reader *r = ctx;

    switch (place) {
    case INTERVAL:
        return interval_member(r, key, kind, text);
    case VALUE:
        return value_member(r, key, kind, text);
    case DISTRIBUTION:
        if (strcmp(key, "mean") == 0 && !json_stream_value(kind, text, &r->value))
            return bad(r, "the mean of a distribution is not a number");
        return true;
    case METRIC_LABELS:
        return kind == JSON_KIND_TEXT ? add_label(r, &r->metric, key, text)
                                      : bad(r, "a label is not text");
    case RESOURCE_LABELS:
        return kind == JSON_KIND_TEXT ? add_resource_label(r, key, text)
                                      : bad(r, "a label is not text");
    case METRIC:
    case RESOURCE:
        if (strcmp(key, "type") == 0 && kind == JSON_KIND_TEXT)
            *(place == METRIC ? &r->metric_type : &r->resource_type) =
                arena_strndup(r->list.arena, text.bytes, str_utf8_cut(text, STORE_MAX_LABEL_BYTES));
        return true;
    case SERIES:
        r->extra.has_type |= strcmp(key, "valueType") == 0 && kind == JSON_KIND_TEXT;
        return true;
    case LABEL_DESCRIPTOR:
        if (strcmp(key, "key") == 0)
            return kind == JSON_KIND_TEXT ? add_key(r, text) : bad(r, "a label's key is not text");
        return true;
    case LABEL_VALUE:
        return add_mql_label(r, text);
    case STATUS:
        if (strcmp(key, "message") == 0 && kind == JSON_KIND_TEXT)
            add_note(r, text);
        return true;
    case ROOT:
        root_member(r, key, kind, text);
        return true;
    case POINT:
    case DESCRIPTOR:
    case POINT_DESCRIPTOR:
        return true;
    default:
        return bad(r, "a number, a text or null stands where a list should");
    }
}

/* --- the whole --- */

static void put_points(struct reply_series *series, const struct extra *extra,
                       struct metric_set *set, struct arena *arena)
{
    set->start_unix_ms = extra->oldest_start_ms;
    set->end_unix_ms = extra->newest_end_ms;
    if (!extra->has_type)
        return; /* as in Kayenta: a series without a type has no values */
    reply_series_sort(series);
    set->n_values = series->n_points;
    set->values = reply_series_values(series, arena);
}

/* Each point in its slot, counted back from the window's end as the API aligns periods. */
static enum err_code put_grid(struct reader *r, const struct reply_series *series,
                              struct metric_set *set, struct arena *arena)
{
    int64_t window_ms = set->end_unix_ms - set->start_unix_ms;
    int64_t n_slots = (window_ms + set->step_ms - 1) / set->step_ms;

    if (n_slots <= (int64_t)STORE_MAX_POINTS)
        r->list.n_slots += (size_t)n_slots;
    if (n_slots > (int64_t)STORE_MAX_POINTS_PER_SERIES || r->list.n_slots > STORE_MAX_POINTS)
        return error_because(r->err, ERR_UPSTREAM, "store_too_many_points",
                             "the grid of strictSeries has more than %u points in one series, or "
                             "%u in all",
                             STORE_MAX_POINTS_PER_SERIES, STORE_MAX_POINTS);
    set->n_values = (size_t)n_slots;
    set->values = arena_array(arena, double, set->n_values);
    for (size_t i = 0; i < set->n_values; i++)
        set->values[i] = NAN;
    for (size_t i = 0; i < series->n_points; i++) {
        double back =
            round((double)(set->end_unix_ms - series->points[i].time_ms) / (double)set->step_ms);

        if (back >= 0 && back < (double)n_slots)
            set->values[set->n_values - 1 - (size_t)back] = series->points[i].value;
    }
    set->start_unix_ms = set->end_unix_ms - n_slots * set->step_ms;
    return ERR_OK;
}

static enum err_code make_sets(struct reader *r, struct metric_set_list *out)
{
    const struct stackdriver_question *question = r->question;
    struct metric_set_list one = {.arena = out->arena};
    struct metric_set *model; /* what all have in common; one copy of the query, it can be long */

    if (r->notes.n_bytes && r->list.n_items == 0)
        return error_because(r->err, ERR_UPSTREAM, "store_error", "the query failed: %s",
                             collector_shown(question->account, r->notes.bytes, r->notes.n_bytes,
                                             STORE_ERROR_BODY_BYTES, out->arena));
    model = collector_placeholder(question->query, question->text, &one);
    if (question->reducer) {
        tag_map_put(&model->attributes, out->arena, "crossSeriesReducer", question->reducer);
        tag_map_put(&model->attributes, out->arena, "perSeriesAligner", question->aligner);
    }
    if (r->notes.n_bytes)
        tag_map_put(&model->attributes, out->arena, "warnings",
                    collector_shown(question->account, r->notes.bytes, r->notes.n_bytes,
                                    STORE_ERROR_BODY_BYTES, out->arena));
    if (r->list.n_items == 0)
        *metric_set_list_add(out) = *model;
    for (size_t i = 0; i < r->list.n_items; i++) {
        struct reply_series *series = &r->list.items[i];
        struct metric_set *set = metric_set_list_add(out);

        *set = *model;
        set->tags = series->tags;
        if (question->account->strict_series && put_grid(r, series, set, out->arena))
            return error_context(r->err, "series %zu", i);
        if (!question->account->strict_series && series->n_points)
            put_points(series, &r->extras[i], set, out->arena);
    }
    return ERR_OK;
}

static enum err_code read_pages(const struct stackdriver_question *question,
                                const struct json_container *known, size_t n_known,
                                const struct http_response *replies, size_t n_replies,
                                struct metric_set_list *out, struct error *err)
{
    struct reader r = {
        .question = question,
        .err = err,
        .list = {.arena = out->arena, .err = err},
        .notes.max_bytes = STORE_ERROR_BODY_BYTES,
        .stream =
            {
                .question = "a query for time series is answered with",
                .known = known,
                .n_known = n_known,
                .err = err,
                .open = on_open,
                .close = on_close,
                .scalar = on_scalar,
            },
    };

    r.stream.ctx = &r;
    for (r.n_page = 1; r.n_page <= n_replies && !err->code; r.n_page++) {
        const struct http_response *reply = &replies[r.n_page - 1];

        r.n_keys = r.n_point_kinds = 0;
        r.has_known = r.has_unknown = false;
        if (json_stream_read(&r.stream, (struct str){reply->body, reply->n_body_bytes}) == ERR_OK &&
            r.has_unknown && !r.has_known && !r.notes.n_bytes)
            (void)bad(&r, "it has no time series, but other members");
        if (err->code && n_replies > 1)
            error_context(err, "page %zu", r.n_page);
    }
    if (!err->code)
        (void)(make_sets(&r, out) == ERR_OK);
    free(r.now.points);
    reply_series_clear(&r.list);
    strbuf_clear(&r.notes);
    return err->code;
}

enum err_code stackdriver_list_read(const struct stackdriver_question *question,
                                    const struct http_response *replies, size_t n_replies,
                                    struct metric_set_list *out, struct error *err)
{
    static const struct json_container known[] = {
        {POINTS, NULL, false, POINT},
        {POINT, "interval", false, INTERVAL},
        {POINT, "value", false, VALUE},
        {VALUE, "distributionValue", false, DISTRIBUTION},
        {SERIES_LIST, NULL, false, SERIES},
        {SERIES, "metric", false, METRIC},
        {METRIC, "labels", false, METRIC_LABELS},
        {SERIES, "resource", false, RESOURCE},
        {RESOURCE, "labels", false, RESOURCE_LABELS},
        {SERIES, "points", true, POINTS},
        {JSON_STREAM_TOP, NULL, false, ROOT},
        {ROOT, "timeSeries", true, SERIES_LIST},
        {ROOT, "executionErrors", true, ERRORS},
        {ROOT, "error", false, STATUS},
        {ERRORS, NULL, false, STATUS},
    };

    return read_pages(question, known, ARRAY_LEN(known), replies, n_replies, out, err);
}

enum err_code stackdriver_mql_read(const struct stackdriver_question *question,
                                   const struct http_response *replies, size_t n_replies,
                                   struct metric_set_list *out, struct error *err)
{
    static const struct json_container known[] = {
        {POINTS, NULL, false, POINT},
        {POINT, "timeInterval", false, INTERVAL},
        {POINT, "values", true, VALUES},
        {VALUES, NULL, false, VALUE},
        {VALUE, "distributionValue", false, DISTRIBUTION},
        {SERIES_LIST, NULL, false, SERIES},
        {SERIES, "labelValues", true, LABEL_VALUES},
        {LABEL_VALUES, NULL, false, LABEL_VALUE},
        {SERIES, "pointData", true, POINTS},
        {JSON_STREAM_TOP, NULL, false, ROOT},
        {ROOT, "timeSeriesDescriptor", false, DESCRIPTOR},
        {DESCRIPTOR, "labelDescriptors", true, LABEL_DESCRIPTORS},
        {LABEL_DESCRIPTORS, NULL, false, LABEL_DESCRIPTOR},
        {DESCRIPTOR, "pointDescriptors", true, POINT_DESCRIPTORS},
        {POINT_DESCRIPTORS, NULL, false, POINT_DESCRIPTOR},
        {ROOT, "timeSeriesData", true, SERIES_LIST},
        {ROOT, "partialErrors", true, ERRORS},
        {ROOT, "error", false, STATUS},
        {ERRORS, NULL, false, STATUS},
    };
    struct stackdriver_question plain = *question;

    plain.reducer = plain.aligner = NULL; /* the query says it all */
    return read_pages(&plain, known, ARRAY_LEN(known), replies, n_replies, out, err);
}

/* --- the next page --- */

struct token_reader {
    struct arena *arena;
    const char *token;
};

static bool on_root_scalar(void *ctx, int place, const char *key, enum json_kind kind,
                           struct str text)
{
    struct token_reader *r = ctx;

    (void)place;
    if (strcmp(key, "nextPageToken") == 0 && kind == JSON_KIND_TEXT && text.n_bytes &&
        !memchr(text.bytes, '\0', text.n_bytes))
        r->token = arena_strndup(r->arena, text.bytes, text.n_bytes);
    return true;
}

enum err_code stackdriver_page_token(struct str body, struct arena *arena, const char **out,
                                     struct error *err)
{
    static const struct json_container known[] = {{JSON_STREAM_TOP, NULL, false, ROOT}};
    struct token_reader r = {.arena = arena};
    const struct json_stream stream = {
        .question = "a query for time series is answered with",
        .known = known,
        .n_known = ARRAY_LEN(known),
        .ctx = &r,
        .err = err,
        .scalar = on_root_scalar,
    };

    *out = NULL;
    if (json_stream_read(&stream, body))
        return err->code;
    *out = r.token;
    return ERR_OK;
}
