/* collectors/influxdb.c -- InfluxQL over the HTTP API of InfluxDB 1.x, and of 2.x and 3.x through
 * their compatible /query.
 *
 * Queries go out by GET, which a server takes for reading only. The database is the account's, or,
 * as Kayenta has it, the one that is called like the metric. */
#include "collectors/influxdb.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/number.h"
#include "collectors/json_stream.h"
#include "collectors/reply_series.h"

#include <math.h>
#include <string.h>

#define QUERY_PATH "/query"
#define MAX_TIME_MS 1e14 /* year 5138 */

/* --- the request --- */

/* The units a server may be asked to write times in, each in milliseconds. */
static const struct epoch {
    const char *name;
    double unit_ms;
} epochs[] = {
    {"ns", 1e-6}, {"n", 1e-6}, {"u", 1e-3}, {"µ", 1e-3},
    {"ms", 1},    {"s", 1e3},  {"m", 60e3}, {"h", 3600e3},
};

static const struct epoch *epoch_of(const struct account *account)
{
    const char *name = json_string_value(json_object_get(account->options, "epoch"));

    for (size_t i = 0; name && i < ARRAY_LEN(epochs); i++)
        if (strcmp(epochs[i].name, name) == 0)
            return &epochs[i];
    return NULL;
}

static enum err_code influxdb_check_account(const struct account *account, struct error *err)
{
    const json_t *epoch = json_object_get(account->options, "epoch");

    if (epoch && !json_is_null(epoch) && !epoch_of(account))
        return error_set(err, ERR_SETTINGS, "\"epoch\" must be ns, u, ms, s, m or h");
    return ERR_OK;
}

static enum err_code influxdb_build(const struct account *account, const struct metric_query *query,
                                    const char *text, struct arena *arena,
                                    struct http_request_list *out, struct error *err)
{
    struct http_request *request = arena_new(arena, struct http_request);
    const struct epoch *epoch = epoch_of(account);
    const char *database = json_text_of(account->options, "database", arena);
    struct strbuf form = {0};

    http_form_add(&form, "db", database && *database ? database : query->metric_name);
    http_form_add(&form, "q", text);
    http_form_add(&form, "rp", json_text_of(account->options, "retentionPolicy", arena));
    http_form_add(&form, "epoch", epoch ? epoch->name : NULL);
    request->method = "GET";
    request->url = arena_printf(arena, "%s" QUERY_PATH "?%s", account->base_url, form.bytes);
    strbuf_clear(&form);
    out->requests = request;
    out->n_requests = 1;
    return account_sign_key(account, "token", "Authorization", "Token ", arena, request, err);
}

/* --- the reply ---
 *
 *   {"results":[{"statement_id":0,"series":[{"name":"cpu","tags":{"host":"h1"},
 *     "columns":["time","value","load"],
 *     "values":[["2026-01-01T00:00:00Z",39.9,2],["2026-01-01T00:01:00Z",40.6,null]]}]}]}
 *
 * Each column but the first becomes a series. Kayenta reads the first series only and drops what is
 * null, so later values move forward; strictSeries keeps every series and every slot. */

enum { ROOT, RESULTS, RESULT, SERIES_LIST, SERIES, TAGS, COLUMNS, ROWS, ROW };

static const struct json_container containers[] = {
    {ROWS, NULL, true, ROW},
    {JSON_STREAM_TOP, NULL, false, ROOT},
    {ROOT, "results", true, RESULTS},
    {RESULTS, NULL, false, RESULT},
    {RESULT, "series", true, SERIES_LIST},
    {SERIES_LIST, NULL, false, SERIES},
    {SERIES, "tags", false, TAGS},
    {SERIES, "columns", true, COLUMNS},
    {SERIES, "values", true, ROWS},
};

struct reader {
    struct json_stream stream;
    struct reply_series_list series; /* one for each column but the first */
    struct reply_series tags;        /* of the series being read: its tags alone */
    struct arena *arena;
    const struct epoch *epoch;
    bool is_strict;
    const char *error;
    bool has_results, is_partial;
    size_t n_results, n_series; /* of the reply */
    size_t first;               /* column of the series being read */
    size_t n_columns;           /* of it, the first one included */
    size_t n_rows;              /* of it */
    bool has_rows;
    size_t n_elements; /* of the row being read */
    int64_t time_ms;   /* of the row being read */
};

/* Kayenta reads the first series only. */
static bool is_wanted(const struct reader *r)
{
    return r->is_strict || r->n_series == 1;
}

static bool on_open(void *ctx, int place, int parent)
{
    struct reader *r = ctx;

    switch (place) {
    case ROW:
        if (r->n_columns == 0)
            return json_stream_bad(&r->stream, "a series has values before its columns");
        r->n_elements = 0;
        return true;
    case RESULTS:
        r->has_results = true;
        return true;
    case RESULT:
        if (r->n_results++)
            return json_stream_bad(&r->stream, "it has the results of more than one statement");
        return true;
    case SERIES:
        r->n_series++;
        r->first = r->series.n_items;
        r->n_columns = r->n_rows = 0;
        r->has_rows = false;
        r->tags = (struct reply_series){0};
        return true;
    case COLUMNS:
        return r->n_columns == 0 ||
               json_stream_bad(&r->stream, "a series has its columns more than once");
    case ROWS:
        if (r->has_rows)
            return json_stream_bad(&r->stream, "a series has its values more than once");
        r->has_rows = true;
        return true;
    default:
        return (parent != TAGS && parent != COLUMNS && parent != ROW) ||
               json_stream_bad(&r->stream,
                               "a list or an object stands where a single value should");
    }
}

static bool on_close(void *ctx, int place)
{
    struct reader *r = ctx;

    switch (place) {
    case COLUMNS:
        return r->n_columns > 0 || json_stream_bad(&r->stream, "a series has no columns");
    case ROW:
        r->n_rows++;
        return r->n_elements == r->n_columns ||
               json_stream_bad(&r->stream, "a row has not as many values as there are columns");
    case SERIES:
        if (is_wanted(r))
            for (size_t i = r->first; i < r->series.n_items; i++)
                r->series.items[i].tags = r->tags.tags;
        return true;
    default:
        return true;
    }
}

static bool add_column(struct reader *r, enum json_kind kind, struct str text)
{
    struct reply_series *column;

    if (kind != JSON_KIND_TEXT || memchr(text.bytes, '\0', text.n_bytes) ||
        text.n_bytes > STORE_MAX_LABEL_BYTES)
        return json_stream_bad(&r->stream, "the name of a column is no text of at most 4 KiB");
    if (r->n_columns++ == 0)
        return str_is(text, "time") ||
               json_stream_bad(&r->stream, "the first column of a series is not \"time\"");
    if (!is_wanted(r))
        return true;
    column = reply_series_add(&r->series);
    if (!column)
        return false;
    column->name = arena_strndup(r->arena, text.bytes, text.n_bytes);
    return true;
}

static bool read_time(struct reader *r, enum json_kind kind, struct str text)
{
    struct error ignored = {0};
    char copy[64];
    double time;
    int64_t time_ns;

    if (kind == JSON_KIND_NUMBER && r->epoch && number_parse(text.bytes, text.n_bytes, &time)) {
        time = floor(time * r->epoch->unit_ms);
        if (fabs(time) <= MAX_TIME_MS) {
            r->time_ms = (int64_t)time;
            return true;
        }
    }
    if (kind == JSON_KIND_TEXT && text.n_bytes < sizeof(copy)) {
        memcpy(copy, text.bytes, text.n_bytes);
        copy[text.n_bytes] = '\0';
        if (instant_parse(copy, &time_ns, &ignored) == ERR_OK) {
            r->time_ms = time_ns / NS_PER_MS;
            return true;
        }
    }
    return json_stream_bad(&r->stream, "the time of a row is none that was asked for");
}

static bool add_value(struct reader *r, enum json_kind kind, struct str text)
{
    size_t i = r->n_elements++;
    struct reply_series *column;
    double value;

    if (i == 0)
        return read_time(r, kind, text);
    if (i >= r->n_columns)
        return json_stream_bad(&r->stream, "a row has more values than there are columns");
    if (!is_wanted(r))
        return true;
    column = &r->series.items[r->first + i - 1];
    if (!json_stream_value(kind, text, &value)) {
        error_because(r->stream.err, ERR_UPSTREAM, "store_bad_response",
                      "the field \"%.*s\" holds something that is not a number; name the fields "
                      "that are to be compared",
                      (int)str_utf8_cut(str_of(column->name), 128), column->name);
        return false;
    }
    return reply_series_add_point(&r->series, column, r->time_ms, value);
}

static bool on_scalar(void *ctx, int place, const char *key, enum json_kind kind, struct str text)
{
    struct reader *r = ctx;

    switch (place) {
    case ROW:
        return add_value(r, kind, text);
    case COLUMNS:
        return add_column(r, kind, text);
    case TAGS:
        return kind == JSON_KIND_TEXT ? reply_series_add_tag(&r->series, &r->tags, key, text)
                                      : json_stream_bad(&r->stream, "a tag is not text");
    case ROOT:
    case RESULT:
        if (kind == JSON_KIND_TEXT && strcmp(key, "error") == 0)
            r->error = arena_strndup(r->arena, text.bytes, text.n_bytes);
        break;
    default:
        break;
    }
    if (kind == JSON_KIND_TRUTH && strcmp(key, "partial") == 0)
        r->is_partial |= str_is(text, "true");
    return true;
}

/* Of the column's rows, the first two say the step. */
static void make_set(const struct reader *r, const struct metric_set *model,
                     struct reply_series *column, struct metric_set_list *out)
{
    struct metric_set *set = metric_set_list_add(out);
    const struct reply_point *points;

    *set = *model;
    if (!r->is_strict) /* as Kayenta has it */
        set->attributes = (struct tag_map){0};
    for (size_t i = 0; r->is_strict && i < column->tags.n_items; i++)
        tag_map_put(&set->tags, out->arena, column->tags.items[i].key, column->tags.items[i].value);
    tag_map_put(&set->tags, out->arena, "field", column->name);
    reply_series_sort(column);
    points = column->points;
    set->start_unix_ms = points[0].time_ms;
    set->step_ms = column->n_points > 1 ? points[1].time_ms - points[0].time_ms : 0;
    set->values = reply_series_values(column, out->arena);
    if (r->is_strict) {
        set->n_values = column->n_points;
    } else {
        for (size_t i = 0; i < column->n_points; i++)
            if (!isnan(set->values[i]))
                set->values[set->n_values++] = set->values[i];
    }
    set->end_unix_ms = set->start_unix_ms + (int64_t)set->n_values * set->step_ms;
}

/* Sets with equal tags could not be told apart when they are paired. */
static enum err_code check_distinct(struct reader *r)
{
    const struct reply_series *items = r->series.items;

    for (size_t i = 0; i < r->series.n_items; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(items[i].name, items[k].name) == 0 &&
                tag_map_equal(&items[i].tags, &items[k].tags))
                json_stream_bad(&r->stream, "two of its series have the same tags and field");
    return r->stream.err->code;
}

static enum err_code check_reply(struct reader *r, const struct account *account)
{
    const char *partial = json_string_value(json_object_get(account->options, "partial"));

    if (r->error)
        return error_because(
            r->stream.err, ERR_UPSTREAM, "store_error", "the query failed: %s",
            collector_shown(account, r->error, strlen(r->error), STORE_ERROR_BODY_BYTES, r->arena));
    if (!r->has_results || r->n_results == 0)
        json_stream_bad(&r->stream, "it has no \"results\"");
    else if (r->is_partial && !(partial && strcmp(partial, "keep") == 0))
        return error_because(r->stream.err, ERR_UPSTREAM, "store_error",
                             "result truncated by the server (its max-row-limit); ask for fewer "
                             "points, or set the account option \"partial: keep\"");
    return r->stream.err->code;
}

static enum err_code influxdb_parse(const struct account *account, const struct metric_query *query,
                                    const char *text, const struct http_response *replies,
                                    size_t n_replies, struct metric_set_list *out,
                                    struct error *err)
{
    struct reader r = {
        .stream = {.question = "a query is answered with",
                   .known = containers,
                   .n_known = ARRAY_LEN(containers),
                   .ctx = &r,
                   .err = err,
                   .open = on_open,
                   .close = on_close,
                   .scalar = on_scalar},
        .series = {.arena = out->arena, .err = err},
        .arena = out->arena,
        .epoch = epoch_of(account),
        .is_strict = account->strict_series,
    };
    struct metric_query asked = *query;
    struct metric_set_list one = {.arena = out->arena};
    struct metric_set *model; /* what all have in common; one copy of the query, it can be long */
    size_t n_before = out->n_sets;
    enum err_code rc =
        json_stream_read(&r.stream, (struct str){replies[0].body, replies[0].n_body_bytes});

    (void)n_replies;
    if (rc == ERR_OK)
        rc = check_reply(&r, account);
    if (rc == ERR_OK)
        rc = check_distinct(&r);
    asked.scope = collector_window(account, query);
    model = collector_placeholder(&asked, text, &one);
    for (size_t i = 0; rc == ERR_OK && i < r.series.n_items; i++)
        if (r.series.items[i].n_points)
            make_set(&r, model, &r.series.items[i], out);
    if (rc == ERR_OK && out->n_sets == n_before)
        *metric_set_list_add(out) = *model;
    reply_series_clear(&r.series);
    return rc;
}

static const char *influxdb_error_text(const struct account *account,
                                       const struct http_response *reply, struct arena *arena)
{
    json_auto_t *root = collector_error_json(reply);
    const char *words = json_string_value(json_object_get(root, "error"));

    (void)account;
    if (!words) /* 2.x: {"code":"not found","message":"..."} */
        words = json_string_value(json_object_get(root, "message"));
    return words ? arena_strdup(arena, words) : NULL;
}

const struct collector_type collector_influxdb = {
    .name = "influxdb",
    .needs_step = true,
    .check_account = influxdb_check_account,
    .query_text = influxdb_query_text,
    .build = influxdb_build,
    .parse = influxdb_parse,
    .error_text = influxdb_error_text,
    .probe_text = "SHOW DATABASES",
};
