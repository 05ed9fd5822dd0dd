/* v1: {"status":"ok","series":[{"start":..,"end":..,"interval":60,"tag_set":["host:a"],
 *      "pointlist":[[1767225600000,1.5],[1767225660000,null]]}]}
 * v2: {"data":{"attributes":{"times":[..],"values":[[1,null,87]],"series":[{"group_tags":[]}]}}}
 *
 * Times are milliseconds, sometimes written as reals. Datadog answers some errors with 200. */
#include "collectors/datadog_reply.h"

#include "base/instant.h"
#include "base/limits.h"
#include "base/number.h"
#include "collectors/json_stream.h"
#include "collectors/reply_series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TIME_MS 1e14 /* year 5138 */
#define MAX_INTERVAL_S (366 * 86400)
#define EMPTY_STEP_MS 1000 /* of the placeholder, as Kayenta has it */

enum place {
    ROOT,
    ERRORS,
    SERIES_LIST,
    SERIES,
    TAGS,
    POINTS,
    POINT,
    DATA,
    ATTRIBUTES,
    TIMES,
    COLUMNS,
    COLUMN,
};

/* What a v1 series says about its grid. */
struct grid {
    int64_t start_ms, end_ms, step_ms;
};

struct reader {
    const struct datadog_question *question;
    struct json_stream stream;
    struct reply_series_list list;
    struct error *err;
    struct grid *grids; /* v1: one for each series, in the list's arena */
    size_t grids_capacity;
    bool is_error, has_series;
    struct strbuf error_text;
    /* of the point being read */
    size_t n_elements;
    int64_t time_ms;
    double value;
    /* v2 */
    int64_t *times; /* owned */
    size_t n_times, times_capacity, n_rows;
    struct reply_series_list heads; /* tags without points: one for each column of the list */
};

static bool bad(struct reader *r, const char *what)
{
    return json_stream_bad(&r->stream, what);
}

static bool read_whole(enum json_kind kind, struct str text, double max, int64_t *out)
{
    double number;

    if (kind != JSON_KIND_NUMBER || !number_parse(text.bytes, text.n_bytes, &number) ||
        !(fabs(number) <= max))
        return false;
    *out = (int64_t)number;
    return true;
}

static void note_error(struct reader *r, struct str text)
{
    r->is_error = true;
    if (r->error_text.n_bytes)
        strbuf_puts(&r->error_text, "; ");
    strbuf_append(&r->error_text, text.bytes, text.n_bytes);
}

/* "key:value", split at the first colon, for the series that is being read. */
static bool add_tag(struct reader *r, struct reply_series_list *list, enum json_kind kind,
                    struct str text)
{
    const char *colon = memchr(text.bytes, ':', text.n_bytes);
    size_t n_key = colon ? (size_t)(colon - text.bytes) : text.n_bytes;
    struct str value = {colon ? colon + 1 : "", colon ? text.n_bytes - n_key - 1 : 0};

    if (kind != JSON_KIND_TEXT || memchr(text.bytes, '\0', n_key))
        return bad(r, "a tag is not text, or holds a NUL character");
    if (!r->question->has_tags)
        return true;
    return reply_series_add_tag(list, &list->items[list->n_items - 1],
                                arena_strndup(list->arena, text.bytes, n_key), value);
}

static bool root_member(struct reader *r, const char *key, enum json_kind kind, struct str text)
{
    if (kind == JSON_KIND_TEXT && strcmp(key, "status") == 0 && str_is(text, "error"))
        r->is_error = true;
    if (kind == JSON_KIND_TEXT && strcmp(key, "error") == 0)
        note_error(r, text);
    return true;
}

/* After the stream has ended: an error of the store comes first. */
static enum err_code check_reply(struct reader *r)
{
    if (r->is_error)
        return error_because(
            r->err, ERR_UPSTREAM, "store_error", "the query failed: %s",
            collector_shown(r->question->account,
                            r->error_text.n_bytes ? r->error_text.bytes : "no reason given",
                            r->error_text.n_bytes ? r->error_text.n_bytes
                                                  : strlen("no reason given"),
                            STORE_ERROR_BODY_BYTES, r->list.arena));
    if (!r->has_series)
        bad(r, "it has no \"series\" list");
    return r->err->code;
}

static enum err_code read_body(struct reader *r, const struct json_container *known, size_t n_known,
                               bool (*scalar)(void *ctx, int place, const char *key,
                                              enum json_kind kind, struct str text),
                               struct str body)
{
    r->stream.question = "a query for time series is answered with";
    r->stream.known = known;
    r->stream.n_known = n_known;
    r->stream.ctx = r;
    r->stream.err = r->err;
    r->stream.scalar = scalar;
    r->error_text.max_bytes = STORE_ERROR_BODY_BYTES;
    if (json_stream_read(&r->stream, body))
        return r->err->code;
    return check_reply(r);
}

static void put_placeholder(const struct datadog_question *question, struct metric_set_list *out)
{
    collector_placeholder(question->query, question->text, out)->step_ms = EMPTY_STEP_MS;
}

/* --- v1 --- */

static bool v1_open(void *ctx, int place, int parent)
{
    struct reader *r = ctx;

    (void)parent;
    if (place == SERIES_LIST)
        r->has_series = true;
    if (place == POINT)
        r->n_elements = 0;
    if (place != SERIES)
        return true;
    r->grids =
        arena_grow(r->list.arena, r->grids, r->list.n_items, &r->grids_capacity, sizeof(*r->grids));
    r->grids[r->list.n_items] = (struct grid){0};
    return reply_series_add(&r->list) != NULL;
}

static bool point_element(struct reader *r, enum json_kind kind, struct str text)
{
    switch (r->n_elements++) {
    case 0:
        return read_whole(kind, text, MAX_TIME_MS, &r->time_ms) ||
               bad(r, "the time of a point is not a number of milliseconds");
    case 1:
        return json_stream_value(kind, text, &r->value) ||
               bad(r, "the value of a point is not a number");
    default:
        return bad(r, "a point is not a pair of time and value");
    }
}

static bool grid_member(struct reader *r, const char *key, enum json_kind kind, struct str text)
{
    struct grid *grid = &r->grids[r->list.n_items - 1];

    if (strcmp(key, "start") == 0)
        return read_whole(kind, text, MAX_TIME_MS, &grid->start_ms) ||
               bad(r, "the start of a series is not a number of milliseconds");
    if (strcmp(key, "end") == 0)
        return read_whole(kind, text, MAX_TIME_MS, &grid->end_ms) ||
               bad(r, "the end of a series is not a number of milliseconds");
    if (strcmp(key, "interval") == 0) {
        if (!read_whole(kind, text, MAX_INTERVAL_S, &grid->step_ms) || grid->step_ms <= 0)
            return bad(r, "the interval of a series is not a number of seconds");
        grid->step_ms *= MS_PER_S;
    }
    return true;
}

static bool v1_scalar(void *ctx, int place, const char *key, enum json_kind kind, struct str text)
{
    struct reader *r = ctx;

    switch (place) {
    case POINT:
        return point_element(r, kind, text);
    case SERIES:
        return grid_member(r, key, kind, text);
    case ROOT:
        return root_member(r, key, kind, text);
    case ERRORS:
        if (kind == JSON_KIND_TEXT)
            note_error(r, text);
        return true;
    case TAGS:
        return add_tag(r, &r->list, kind, text);
    default:
        return bad(r, "a number, a text or null stands where a list should");
    }
}

static bool v1_close(void *ctx, int place)
{
    struct reader *r = ctx;

    if (place != POINT)
        return true;
    if (r->n_elements != 2)
        return bad(r, "a point is not a pair of time and value");
    return reply_series_add_point(&r->list, &r->list.items[r->list.n_items - 1], r->time_ms,
                                  r->value);
}

/* One value for each bucket from start to end. */
static enum err_code fill_buckets(struct reader *r, struct reply_series *series,
                                  const struct grid *grid, struct arena *arena,
                                  struct metric_set *set)
{
    const struct reply_point *next = series->points;
    const struct reply_point *end = next + series->n_points;
    int64_t n_slots;

    if (grid->step_ms == 0) {
        bad(r, "a series with points lacks its interval");
        return r->err->code;
    }
    n_slots = (grid->end_ms - grid->start_ms) / grid->step_ms + 1;
    if (n_slots <= (int64_t)STORE_MAX_POINTS)
        r->list.n_slots += (size_t)n_slots;
    if (n_slots > (int64_t)STORE_MAX_POINTS_PER_SERIES || r->list.n_slots > STORE_MAX_POINTS)
        return error_because(r->err, ERR_UPSTREAM, "store_too_many_points",
                             "the reply has more than %u buckets in one series, or %u in all",
                             STORE_MAX_POINTS_PER_SERIES, STORE_MAX_POINTS);
    reply_series_sort(series);
    set->n_values = (size_t)n_slots;
    set->values = arena_array(arena, double, set->n_values);
    for (size_t i = 0; i < set->n_values; i++) {
        int64_t time_ms = grid->start_ms + (int64_t)i * grid->step_ms;

        while (next < end && next->time_ms < time_ms)
            next++;
        set->values[i] = NAN;
        if (next < end && next->time_ms == time_ms)
            set->values[i] = (next++)->value;
    }
    return ERR_OK;
}

static enum err_code v1_sets(struct reader *r, struct metric_set_list *out)
{
    if (r->list.n_items == 0)
        put_placeholder(r->question, out);
    for (size_t i = 0; i < r->list.n_items; i++) {
        struct metric_set *set = collector_placeholder(r->question->query, r->question->text, out);
        const struct grid *grid = &r->grids[i];

        if (grid->end_ms < grid->start_ms) {
            bad(r, "a series ends before it starts");
            return r->err->code;
        }
        set->tags = r->list.items[i].tags;
        set->start_unix_ms = grid->start_ms;
        set->end_unix_ms = grid->end_ms;
        set->step_ms = grid->step_ms;
        if (r->list.items[i].n_points && fill_buckets(r, &r->list.items[i], grid, out->arena, set))
            return error_context(r->err, "series %zu", i);
    }
    return ERR_OK;
}

enum err_code datadog_v1_read(const struct datadog_question *question, struct str body,
                              struct metric_set_list *out, struct error *err)
{
    static const struct json_container known[] = {
        {JSON_STREAM_TOP, NULL, false, ROOT}, {POINTS, NULL, true, POINT},
        {ROOT, "series", true, SERIES_LIST},  {SERIES_LIST, NULL, false, SERIES},
        {SERIES, "pointlist", true, POINTS},  {SERIES, "tag_set", true, TAGS},
        {ROOT, "errors", true, ERRORS},
    };
    struct reader r = {.question = question, .err = err, .list = {.arena = out->arena, .err = err}};

    r.stream.open = v1_open;
    r.stream.close = v1_close;
    if (read_body(&r, known, ARRAY_LEN(known), v1_scalar, body) == ERR_OK)
        (void)(v1_sets(&r, out) == ERR_OK);
    reply_series_clear(&r.list);
    strbuf_clear(&r.error_text);
    return err->code;
}

/* --- v2 --- */

static bool v2_open(void *ctx, int place, int parent)
{
    struct reader *r = ctx;

    (void)parent;
    switch (place) {
    case SERIES_LIST:
        r->has_series = true;
        return true;
    case SERIES:
        return reply_series_add(&r->heads) != NULL;
    case COLUMN:
        r->n_rows = 0;
        return reply_series_add(&r->list) != NULL;
    default:
        return true;
    }
}

static bool add_time(struct reader *r, enum json_kind kind, struct str text)
{
    int64_t time_ms;

    if (!read_whole(kind, text, MAX_TIME_MS, &time_ms))
        return bad(r, "a time is not a number of milliseconds");
    if (r->n_times && time_ms <= r->times[r->n_times - 1])
        return bad(r, "its times do not ascend");
    if (r->n_times == STORE_MAX_POINTS_PER_SERIES) {
        error_because(r->err, ERR_UPSTREAM, "store_too_many_points",
                      "the reply has more than %u times", STORE_MAX_POINTS_PER_SERIES);
        return false;
    }
    if (r->n_times == r->times_capacity) {
        r->times_capacity = r->times_capacity ? r->times_capacity * 2 : 64;
        r->times = mem_realloc(r->times, r->times_capacity, sizeof(*r->times));
    }
    r->times[r->n_times++] = time_ms;
    return true;
}

/* The times may come behind the values: a point gets its row first, its time in the end. */
static bool add_value(struct reader *r, enum json_kind kind, struct str text)
{
    double value;

    if (!json_stream_value(kind, text, &value))
        return bad(r, "the value of a point is not a number");
    return reply_series_add_point(&r->list, &r->list.items[r->list.n_items - 1],
                                  (int64_t)r->n_rows++, value);
}

static bool v2_scalar(void *ctx, int place, const char *key, enum json_kind kind, struct str text)
{
    struct reader *r = ctx;

    switch (place) {
    case COLUMN:
        return add_value(r, kind, text);
    case TIMES:
        return add_time(r, kind, text);
    case ROOT:
        return root_member(r, key, kind, text);
    case ERRORS:
        if (kind == JSON_KIND_TEXT)
            note_error(r, text);
        return true;
    case TAGS:
        return add_tag(r, &r->heads, kind, text);
    case DATA:
    case ATTRIBUTES:
    case SERIES:
        return true;
    default:
        return bad(r, "a number, a text or null stands where a list should");
    }
}

/* The smallest distance between two times; with one time, what was asked for. */
static int64_t step_of(const struct reader *r)
{
    int64_t step_ms = r->question->query->scope.step_s * MS_PER_S;

    for (size_t i = 1; i < r->n_times; i++)
        if (i == 1 || r->times[i] - r->times[i - 1] < step_ms)
            step_ms = r->times[i] - r->times[i - 1];
    return step_ms ? step_ms : EMPTY_STEP_MS;
}

static enum err_code v2_sets(struct reader *r, struct metric_set_list *out)
{
    int64_t step_ms = step_of(r);

    if (r->heads.n_items && r->heads.n_items != r->list.n_items) {
        bad(r, "it has more or fewer series than lists of values");
        return r->err->code;
    }
    if (r->list.n_items == 0 || r->n_times == 0)
        put_placeholder(r->question, out);
    for (size_t i = 0; i < r->list.n_items && r->n_times; i++) {
        struct reply_series *series = &r->list.items[i];
        struct metric_set *set = collector_placeholder(r->question->query, r->question->text, out);

        if (series->n_points != r->n_times) {
            bad(r, "a series has not as many values as there are times");
            return r->err->code;
        }
        for (size_t k = 0; k < r->n_times; k++)
            series->points[k].time_ms = r->times[k];
        set->values =
            reply_series_grid(&r->list, series, step_ms, false, out->arena, &set->n_values);
        if (!set->values)
            return r->err->code;
        if (r->heads.n_items)
            set->tags = r->heads.items[i].tags;
        set->start_unix_ms = r->times[0];
        set->step_ms = step_ms;
        set->end_unix_ms = set->start_unix_ms + (int64_t)set->n_values * step_ms;
    }
    return ERR_OK;
}

enum err_code datadog_v2_read(const struct datadog_question *question, struct str body,
                              struct metric_set_list *out, struct error *err)
{
    static const struct json_container known[] = {
        {JSON_STREAM_TOP, NULL, false, ROOT}, {COLUMNS, NULL, true, COLUMN},
        {ROOT, "data", false, DATA},          {DATA, "attributes", false, ATTRIBUTES},
        {ATTRIBUTES, "times", true, TIMES},   {ATTRIBUTES, "values", true, COLUMNS},
        {SERIES_LIST, NULL, false, SERIES},   {ATTRIBUTES, "series", true, SERIES_LIST},
        {ROOT, "errors", true, ERRORS},       {SERIES, "group_tags", true, TAGS},
    };
    struct reader r = {
        .question = question,
        .err = err,
        .list = {.arena = out->arena, .err = err},
        .heads = {.arena = out->arena, .err = err},
    };

    r.stream.open = v2_open;
    if (read_body(&r, known, ARRAY_LEN(known), v2_scalar, body) == ERR_OK)
        (void)(v2_sets(&r, out) == ERR_OK);
    reply_series_clear(&r.list);
    reply_series_clear(&r.heads);
    free(r.times);
    strbuf_clear(&r.error_text);
    return err->code;
}
