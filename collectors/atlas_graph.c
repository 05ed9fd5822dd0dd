/* What a plain Atlas answers to /api/v1/graph with format=std.json: one row for each time, one
 * column for each line of the graph.
 *
 *   {"start":1767225600000,"step":60000,"legend":["status=200"],
 *    "metrics":[{"status":"200","name":"http.requests"}],"values":[[1.0],["NaN"]]}
 *
 * The tags of a line are all that its query fixes. Those that the query groups by are the ones that
 * tell lines apart; the others would differ between baseline and canary. */
#include "collectors/atlas_reply.h"

#include "base/instant.h"
#include "base/limits.h"
#include "base/number.h"
#include "collectors/atlas_series.h"
#include "collectors/json_stream.h"

#include <math.h>
#include <string.h>

#define BY_WORD ",),:by"

enum { ROOT, METRICS, METRIC, ROWS, ROW };

static const struct json_container containers[] = {
    {ROWS, NULL, true, ROW},          {JSON_STREAM_TOP, NULL, false, ROOT},
    {ROOT, "metrics", true, METRICS}, {METRICS, NULL, false, METRIC},
    {ROOT, "values", true, ROWS},
};

struct reader {
    struct json_stream stream;
    struct reply_series_list series;  /* a point's time is the number of its row until the end */
    struct reply_series_list metrics; /* their tags alone, one for each series */
    double start_ms, step_ms;
    bool has_rows;
    int64_t n_rows;
    size_t n_elements; /* of the row being read */
};

static bool on_open(void *ctx, int place, int parent)
{
    struct reader *r = ctx;

    switch (place) {
    case METRIC:
        return reply_series_add(&r->metrics) != NULL;
    case ROWS:
        if (r->has_rows)
            return json_stream_bad(&r->stream, "it has its values more than once");
        r->has_rows = true;
        return true;
    case ROW:
        r->n_elements = 0;
        return true;
    default:
        return (parent != METRIC && parent != ROW) ||
               json_stream_bad(&r->stream,
                               "a list or an object stands where a single value should");
    }
}

static bool on_close(void *ctx, int place)
{
    struct reader *r = ctx;

    if (place != ROW)
        return true;
    r->n_rows++;
    return r->n_elements == r->series.n_items ||
           json_stream_bad(&r->stream, "two rows have not the same number of values");
}

static bool add_value(struct reader *r, enum json_kind kind, struct str text)
{
    double value;

    if (!json_stream_value(kind, text, &value))
        return json_stream_bad(&r->stream, "a value is not a number");
    if (r->n_elements == r->series.n_items &&
        (r->n_rows > 0 ? !json_stream_bad(&r->stream, "two rows have not the same number of values")
                       : !reply_series_add(&r->series)))
        return false;
    return reply_series_add_point(&r->series, &r->series.items[r->n_elements++], r->n_rows, value);
}

static bool on_scalar(void *ctx, int place, const char *key, enum json_kind kind, struct str text)
{
    struct reader *r = ctx;
    double *number = NULL;

    switch (place) {
    case ROW:
        return add_value(r, kind, text);
    case METRIC:
        return kind == JSON_KIND_TEXT
                   ? reply_series_add_tag(&r->metrics, &r->metrics.items[r->metrics.n_items - 1],
                                          key, text)
                   : json_stream_bad(&r->stream, "a tag is not text");
    case ROOT:
        number = strcmp(key, "start") == 0  ? &r->start_ms
                 : strcmp(key, "step") == 0 ? &r->step_ms
                                            : NULL;
        if (number && (kind != JSON_KIND_NUMBER || !number_parse(text.bytes, text.n_bytes, number)))
            return json_stream_bad(&r->stream, "\"start\" or \"step\" is not a number");
        return true;
    default:
        return true;
    }
}

/* What stands in the last "(,a,b,),:by" of the query: "a,b". Empty when there is none. */
static struct str group_keys(const char *text)
{
    const char *end = NULL;
    const char *start;

    for (const char *at = strstr(text, BY_WORD); at; at = strstr(at + 1, BY_WORD))
        end = at;
    for (start = end; start && start > text && start[-1] != '('; start--)
        ;
    if (!end || start == end || *start != ',')
        return (struct str){0};
    return (struct str){start + 1, (size_t)(end - start) - 1};
}

static bool is_group_key(struct str keys, const char *key)
{
    while (keys.n_bytes) {
        const char *comma = memchr(keys.bytes, ',', keys.n_bytes);
        size_t n = comma ? (size_t)(comma - keys.bytes) : keys.n_bytes;

        if (str_is((struct str){keys.bytes, n}, key))
            return true;
        keys.bytes += comma ? n + 1 : n;
        keys.n_bytes -= comma ? n + 1 : n;
    }
    return false;
}

static enum err_code complete(struct reader *r, const char *text)
{
    struct str keys = group_keys(text);

    if (!r->has_rows)
        json_stream_bad(&r->stream, "it has no \"values\"");
    else if (!(r->start_ms >= 0 && r->start_ms <= (double)ATLAS_MAX_TIME_MS) ||
             !(r->step_ms >= 1 && r->step_ms <= (double)REQUEST_MAX_WINDOW_S * MS_PER_S))
        json_stream_bad(&r->stream, "it has no \"start\" or \"step\" that is fit");
    else if (r->series.n_items && r->series.n_items != r->metrics.n_items)
        json_stream_bad(&r->stream, "it has not as many \"metrics\" as values in a row");
    if (r->stream.err->code)
        return r->stream.err->code;
    for (size_t i = 0; i < r->series.n_items; i++) {
        struct reply_series *series = &r->series.items[i];
        const struct tag_map *tags = &r->metrics.items[i].tags;

        for (size_t k = 0; k < series->n_points; k++)
            series->points[k].time_ms =
                (int64_t)r->start_ms + series->points[k].time_ms * (int64_t)r->step_ms;
        for (size_t k = 0; k < tags->n_items; k++)
            if (is_group_key(keys, tags->items[k].key))
                tag_map_put(&series->tags, r->series.arena, tags->items[k].key,
                            tags->items[k].value);
    }
    return ERR_OK;
}

enum err_code atlas_graph_read(const struct account *account, const struct metric_query *query,
                               const char *text, const char *base_url,
                               const struct http_response *reply, struct metric_set_list *out,
                               struct error *err)
{
    struct reader r = {
        .stream = {.question = "a graph query is answered with",
                   .known = containers,
                   .n_known = ARRAY_LEN(containers),
                   .ctx = &r,
                   .err = err,
                   .open = on_open,
                   .close = on_close,
                   .scalar = on_scalar},
        .series = {.arena = out->arena, .err = err},
        .metrics = {.arena = out->arena, .err = err},
        .start_ms = NAN,
        .step_ms = NAN,
    };
    enum err_code rc = json_stream_read(&r.stream, (struct str){reply->body, reply->n_body_bytes});

    if (rc == ERR_OK)
        rc = complete(&r, text);
    if (rc == ERR_OK)
        rc = atlas_make_sets(account, query, text, base_url, &r.series, (int64_t)r.step_ms, out);
    reply_series_clear(&r.series);
    reply_series_clear(&r.metrics);
    return rc;
}
