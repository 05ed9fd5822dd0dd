/* A stream of server-sent events, one JSON document on each line that begins with "data:":
 *
 *   data: {"type":"timeseries","id":"<hash>","groupByKeys":["nf.node"],
 *          "tags":{"nf.node":"i-1","name":"x"},"start":1767225600000,"end":1767229200000,
 *          "step":60000,"data":{"type":"array","values":[1.0,"NaN"]}}
 *   data: {"type":"close"}
 *
 * The server cuts the window into chunks of 60 steps and sends each series once per chunk; a chunk
 * in which it has no values is left out. So values are put together by the series' id, each at its
 * time. Only "close" says that nothing is missing. Messages of other types are of no interest. */
#include "collectors/atlas_reply.h"

#include "base/instant.h"
#include "base/limits.h"
#include "base/number.h"
#include "collectors/atlas_series.h"
#include "collectors/json_stream.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FATAL_TEXT "IllegalStateException" /* the expression is wrong, and will be next time */
#define NOT_CLOSED                         /* the second half is Kayenta's */                      \
    "stream did not end with close: Atlas response did not end in a 'close', we cannot guarantee " \
    "all data was received."
#define MAX_TYPE_BYTES 32u

/* --- lines --- */

enum line { LINE_BLANK, LINE_DATA, LINE_FIELD, LINE_FOREIGN };

/* The next line without its end and, where it has data, without the field's name. False: no more.
 */
static bool next_line(struct str *rest, struct str *line, enum line *kind)
{
    static const char *const fields[] = {"event:", "id:", "retry:", ":"};
    const char *end = memchr(rest->bytes, '\n', rest->n_bytes);
    size_t n = end ? (size_t)(end - rest->bytes) : rest->n_bytes;

    if (rest->n_bytes == 0)
        return false;
    *line = (struct str){rest->bytes, n};
    rest->bytes += end ? n + 1 : n;
    rest->n_bytes -= end ? n + 1 : n;
    while (line->n_bytes && isspace((unsigned char)line->bytes[line->n_bytes - 1]))
        line->n_bytes--;
    *kind = line->n_bytes ? LINE_FOREIGN : LINE_BLANK;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (line->n_bytes >= strlen(fields[i]) &&
            memcmp(line->bytes, fields[i], strlen(fields[i])) == 0)
            *kind = LINE_FIELD;
    if (line->n_bytes >= 5 && memcmp(line->bytes, "data:", 5) == 0) {
        *kind = LINE_DATA;
        line->bytes += 5;
        line->n_bytes -= 5;
        while (line->n_bytes && *line->bytes == ' ') {
            line->bytes++;
            line->n_bytes--;
        }
    }
    return true;
}

/* --- one message --- */

enum { ROOT, KEYS, TAGS, DATA, VALUES };

static const struct json_container containers[] = {
    {JSON_STREAM_TOP, NULL, false, ROOT}, {ROOT, "groupByKeys", true, KEYS},
    {ROOT, "tags", false, TAGS},          {ROOT, "data", false, DATA},
    {DATA, "values", true, VALUES},
};

struct reader {
    struct json_stream stream;
    struct reply_series_list series;
    struct reply_series_list found; /* the tags of the message being read, as of one series */
    struct arena *scratch;          /* of the message being read */
    int64_t step_ms;                /* of all series; 0: not known yet */
    size_t next;                    /* where the next message's series should be */
    bool has_message, is_closed;
    const char *error; /* the first one, in `arena` */

    /* of the message being read */
    char type[MAX_TYPE_BYTES];
    const char *id, *message;
    double start_ms, end_ms, message_step_ms;
    const char **keys;
    size_t n_keys, keys_capacity;
    double *values; /* owned */
    size_t n_values, values_capacity;
};

static bool on_open(void *ctx, int place, int parent)
{
    struct reader *r = ctx;

    (void)place;
    return (parent != KEYS && parent != TAGS && parent != VALUES) ||
           json_stream_bad(&r->stream, "a list or an object stands where a single value should");
}

static void root_member(struct reader *r, const char *key, enum json_kind kind, struct str text)
{
    const struct {
        const char *key;
        double *out;
    } numbers[] = {{"start", &r->start_ms}, {"end", &r->end_ms}, {"step", &r->message_step_ms}};

    for (size_t i = 0; kind == JSON_KIND_NUMBER && i < ARRAY_LEN(numbers); i++)
        if (strcmp(key, numbers[i].key) == 0 &&
            !number_parse(text.bytes, text.n_bytes, numbers[i].out))
            *numbers[i].out = NAN;
    if (kind != JSON_KIND_TEXT)
        return;
    if (strcmp(key, "type") == 0 && text.n_bytes < sizeof(r->type)) {
        memcpy(r->type, text.bytes, text.n_bytes);
        r->type[text.n_bytes] = '\0';
    } else if (strcmp(key, "id") == 0) {
        r->id = arena_strndup(r->scratch, text.bytes, text.n_bytes);
    } else if (strcmp(key, "message") == 0) {
        r->message = arena_strndup(r->scratch, text.bytes, text.n_bytes);
    }
}

static bool add_value(struct reader *r, enum json_kind kind, struct str text)
{
    if (r->n_values == STORE_MAX_POINTS_PER_SERIES) {
        error_because(r->stream.err, ERR_UPSTREAM, "store_too_many_points",
                      "the reply has more than %u points in one series",
                      STORE_MAX_POINTS_PER_SERIES);
        return false;
    }
    if (r->n_values == r->values_capacity) {
        r->values_capacity = r->values_capacity ? r->values_capacity * 2 : 64;
        r->values = mem_realloc(r->values, r->values_capacity, sizeof(*r->values));
    }
    return json_stream_value(kind, text, &r->values[r->n_values++]) ||
           json_stream_bad(&r->stream, "a value is not a number");
}

static bool on_scalar(void *ctx, int place, const char *key, enum json_kind kind, struct str text)
{
    struct reader *r = ctx;

    switch (place) {
    case VALUES:
        return add_value(r, kind, text);
    case TAGS:
        return kind == JSON_KIND_TEXT
                   ? reply_series_add_tag(&r->found, &r->found.items[0], key, text)
                   : json_stream_bad(&r->stream, "a tag is not text");
    case KEYS:
        if (kind != JSON_KIND_TEXT || r->n_keys == STORE_MAX_LABELS)
            return json_stream_bad(&r->stream, "\"groupByKeys\" holds more than 128 names, or "
                                               "something else");
        r->keys = arena_grow(r->scratch, r->keys, r->n_keys, &r->keys_capacity, sizeof(*r->keys));
        r->keys[r->n_keys++] = arena_strndup(r->scratch, text.bytes, text.n_bytes);
        return true;
    case ROOT:
        root_member(r, key, kind, text);
        return true;
    default:
        return true;
    }
}

/* The series of the message, which are sent in the same order for every chunk. */
static struct reply_series *find_series(struct reader *r)
{
    size_t n = r->series.n_items;
    struct reply_series *series;

    for (size_t i = 0; i < n; i++) {
        size_t at = (r->next + i) % n;

        if (strcmp(r->series.items[at].name, r->id) == 0) {
            r->next = at + 1;
            return &r->series.items[at];
        }
    }
    series = reply_series_add(&r->series);
    if (!series)
        return NULL;
    series->name = arena_strdup(r->series.arena, r->id);
    for (size_t i = 0; i < r->n_keys; i++) {
        const char *value = tag_map_get(&r->found.items[0].tags, r->keys[i]);

        if (value)
            tag_map_put(&series->tags, r->series.arena, r->keys[i], value);
    }
    r->next = n + 1;
    return series;
}

static bool add_chunk(struct reader *r)
{
    double step_ms = r->message_step_ms;
    struct reply_series *series;

    if (!r->id || !(fabs(r->start_ms) <= (double)ATLAS_MAX_TIME_MS) ||
        !(r->end_ms >= r->start_ms && r->end_ms <= (double)ATLAS_MAX_TIME_MS) ||
        !(step_ms >= 1 && step_ms <= (double)REQUEST_MAX_WINDOW_S * MS_PER_S))
        return json_stream_bad(
            &r->stream, "a series has no \"id\", \"start\", \"end\" or \"step\" that is fit");
    if (r->step_ms && r->step_ms != (int64_t)step_ms)
        return json_stream_bad(&r->stream, "two series have different steps");
    r->step_ms = (int64_t)step_ms;
    if (((int64_t)r->end_ms - (int64_t)r->start_ms) / r->step_ms != (int64_t)r->n_values)
        return json_stream_bad(&r->stream, "a series has not as many values as steps");
    series = find_series(r);
    if (!series)
        return false;
    for (size_t i = 0; i < r->n_values; i++)
        if (!reply_series_add_point(&r->series, series,
                                    (int64_t)r->start_ms + (int64_t)i * r->step_ms, r->values[i]))
            return false;
    return true;
}

static enum err_code read_message(struct reader *r, struct str text)
{
    arena_reset(r->scratch);
    r->found.items[0] = (struct reply_series){0};
    r->type[0] = '\0';
    r->id = r->message = NULL;
    r->start_ms = r->end_ms = r->message_step_ms = NAN;
    r->keys = NULL;
    r->n_keys = r->keys_capacity = r->n_values = 0;
    if (json_stream_read(&r->stream, text))
        return r->stream.err->code;
    r->has_message = true;
    if (strcmp(r->type, "timeseries") == 0) {
        r->is_closed = false;
        add_chunk(r);
    } else if (strcmp(r->type, "close") == 0) {
        r->is_closed = true;
    } else if (strcmp(r->type, "error") == 0 && !r->error) {
        r->error = arena_strdup(r->series.arena, r->message ? r->message : "no reason given");
    }
    return r->stream.err->code;
}

/* --- the stream --- */

static enum err_code check_end(struct reader *r, const struct account *account, bool has_foreign)
{
    if (r->error)
        return error_because(r->stream.err, ERR_UPSTREAM,
                             strstr(r->error, FATAL_TEXT) ? "store_error" : "store_unavailable",
                             "the query failed: %s",
                             collector_shown(account, r->error, strlen(r->error),
                                             STORE_ERROR_BODY_BYTES, r->series.arena));
    if (has_foreign)
        json_stream_bad(&r->stream, "it is no stream of events");
    else if (!r->has_message || !r->is_closed)
        error_because(r->stream.err, ERR_UPSTREAM, "store_bad_response", NOT_CLOSED);
    return r->stream.err->code;
}

enum err_code atlas_stream_read(const struct account *account, const struct metric_query *query,
                                const char *text, const char *base_url,
                                const struct http_response *reply, struct metric_set_list *out,
                                struct error *err)
{
    struct reader r = {
        .stream = {.question = "a fetch is answered with",
                   .known = containers,
                   .n_known = ARRAY_LEN(containers),
                   .ctx = &r,
                   .err = err,
                   .open = on_open,
                   .scalar = on_scalar},
        .series = {.arena = out->arena, .err = err},
        .found = {.err = err},
        .scratch = arena_create(),
    };
    struct str rest = {reply->body, reply->n_body_bytes};
    bool has_foreign = false;
    enum err_code rc = ERR_OK;
    enum line kind;
    struct str line;

    r.found.arena = r.scratch;
    (void)reply_series_add(&r.found);
    while (rc == ERR_OK && next_line(&rest, &line, &kind)) {
        has_foreign |= kind == LINE_FOREIGN;
        if (kind == LINE_DATA)
            rc = read_message(&r, line);
    }
    if (rc == ERR_OK)
        rc = check_end(&r, account, has_foreign);
    if (rc == ERR_OK)
        rc = atlas_make_sets(account, query, text, base_url, &r.series, r.step_ms, out);
    reply_series_clear(&r.series);
    reply_series_clear(&r.found);
    free(r.values);
    arena_free(r.scratch);
    return rc;
}

/* --- whether to ask again --- */

static void skip(struct str *text, size_t n_bytes)
{
    text->bytes += n_bytes;
    text->n_bytes -= n_bytes;
}

static void skip_blanks(struct str *text)
{
    while (text->n_bytes && isspace((unsigned char)*text->bytes))
        skip(text, 1);
}

/* The value of the first "type", which is the message's own when it is written first, as Atlas
 * does. Only a guess that saves reading all of it here. */
static struct str guess_type(struct str message)
{
    static const char name[] = "\"type\"";
    const char *at = memmem(message.bytes, message.n_bytes, name, strlen(name));
    const char *end;

    if (!at)
        return (struct str){0};
    skip(&message, (size_t)(at - message.bytes) + strlen(name));
    skip_blanks(&message);
    if (message.n_bytes == 0 || *message.bytes != ':')
        return (struct str){0};
    skip(&message, 1);
    skip_blanks(&message);
    if (message.n_bytes == 0 || *message.bytes != '"')
        return (struct str){0};
    skip(&message, 1);
    end = memchr(message.bytes, '"', message.n_bytes);
    return (struct str){message.bytes, end ? (size_t)(end - message.bytes) : 0};
}

enum reply_advice atlas_stream_advice(long status, struct str body)
{
    struct str rest = body, line, type;
    bool is_closed = false;
    enum line kind;

    if (status < 200 || status > 299)
        return REPLY_BY_STATUS;
    while (next_line(&rest, &line, &kind)) {
        if (kind == LINE_FOREIGN)
            return REPLY_IS_FINAL; /* a page, perhaps for signing in */
        if (kind != LINE_DATA)
            continue;
        if (line.n_bytes < 2 || line.bytes[0] != '{' || line.bytes[line.n_bytes - 1] != '}')
            return REPLY_ASK_AGAIN;
        type = guess_type(line);
        if (str_is(type, "error"))
            return memmem(line.bytes, line.n_bytes, FATAL_TEXT, strlen(FATAL_TEXT))
                       ? REPLY_IS_FINAL
                       : REPLY_ASK_AGAIN;
        if (str_is(type, "timeseries"))
            is_closed = false;
        else if (str_is(type, "close"))
            is_closed = true;
    }
    return is_closed ? REPLY_BY_STATUS : REPLY_ASK_AGAIN;
}
