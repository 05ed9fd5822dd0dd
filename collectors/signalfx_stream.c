/* Server-sent events, as far as SignalFlow uses them: lines end in LF or CRLF, a blank line ends an
 * event, "event:" names it, and several "data:" lines are joined with LF, because the JSON in them
 * is written over many lines. */
#include "collectors/signalfx_stream.h"

#include "base/json.h"
#include "base/limits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_EVENT_BYTES MIB
#define MAX_NAME_BYTES 32u
#define MAX_TIME_MS 1e14 /* year 5138 */

struct reader {
    const struct account *account;
    struct arena *arena;
    struct signalfx_stream *out;
    struct error *err;
    char name[MAX_NAME_BYTES]; /* of the event being read; "" when it is none of ours */
    struct strbuf data;
    bool has_data, has_ended;
};

static enum err_code bad(struct reader *r, const char *what)
{
    return error_because(r->err, ERR_UPSTREAM, "store_bad_response",
                         "the reply is not what a SignalFlow program is answered with: %s", what);
}

static enum err_code failed(struct reader *r, const char *what, const json_t *why)
{
    const char *text = why ? json_write_arena(why, r->arena) : "no reason given";

    return error_because(
        r->err, ERR_UPSTREAM, "store_error", "%s: %s", what,
        collector_shown(r->account, text, strlen(text), STORE_ERROR_BODY_BYTES, r->arena));
}

/* --- events --- */

static enum err_code on_control(struct reader *r, const json_t *event)
{
    const char *what = json_string_value(json_object_get(event, "event"));

    if (what && strcmp(what, "CHANNEL_ABORT") == 0)
        return failed(r, "the computation was aborted", json_object_get(event, "abortInfo"));
    r->has_ended = what && strcmp(what, "END_OF_CHANNEL") == 0;
    return ERR_OK;
}

static enum err_code on_message(struct reader *r, const json_t *event)
{
    const json_t *message = json_object_get(event, "message");
    const char *code = json_string_value(json_object_get(message, "messageCode"));
    double ms;

    if (!code || strcmp(code, "JOB_RUNNING_RESOLUTION") != 0)
        return ERR_OK;
    if (!json_to_double(json_object_get(json_object_get(message, "contents"), "resolutionMs"),
                        &ms) ||
        !(ms >= 1 && ms < MAX_TIME_MS))
        return bad(r, "the resolution of the job is not a number of milliseconds");
    r->out->resolution_ms = (int64_t)ms;
    return ERR_OK;
}

/* The point that this timestamp belongs to: a large job sends one in several events. */
static enum err_code find_point(struct reader *r, const json_t *event, struct signalfx_point **out)
{
    struct signalfx_stream *stream = r->out;
    struct signalfx_point *last = stream->n_points ? &stream->points[stream->n_points - 1] : NULL;
    double ms;

    if (!json_to_double(json_object_get(event, "logicalTimestampMs"), &ms) ||
        !(fabs(ms) < MAX_TIME_MS))
        return bad(r, "the logicalTimestampMs of a data event is not a number of milliseconds");
    if (last && (int64_t)ms < last->time_ms)
        return bad(r, "its timestamps go back");
    if (!last || (int64_t)ms > last->time_ms) {
        if (stream->n_points == STORE_MAX_POINTS_PER_SERIES)
            return error_because(r->err, ERR_UPSTREAM, "store_too_many_points",
                                 "the reply has more than %u points", STORE_MAX_POINTS_PER_SERIES);
        stream->points = arena_grow(r->arena, stream->points, stream->n_points, &stream->capacity,
                                    sizeof(*stream->points));
        last = &stream->points[stream->n_points++];
        *last = (struct signalfx_point){.time_ms = (int64_t)ms, .value = NAN};
    }
    *out = last;
    return ERR_OK;
}

static enum err_code on_data(struct reader *r, const json_t *event)
{
    const json_t *data = json_object_get(event, "data");
    struct signalfx_point *point = NULL;
    const json_t *one;
    size_t i;

    if (!json_is_array(data))
        return bad(r, "a data event has no \"data\" list");
    if (find_point(r, event, &point))
        return r->err->code;
    json_array_foreach (data, i, one) {
        const json_t *value = json_object_get(one, "value");

        if (++point->n_values > 1)
            return error_because(
                r->err, ERR_UPSTREAM, "store_error",
                "There was more than one value for a given timestamp, a SignalFlow stream method "
                "that can aggregate should have been applied to the data in the SignalFlow "
                "program");
        if (!json_is_null(value) && !json_to_double(value, &point->value))
            return bad(r, "a value is not a number");
    }
    return ERR_OK;
}

static enum err_code on_error(struct reader *r, const json_t *event)
{
    return failed(r, "the program failed", event);
}

/* A blank line: the event is complete. */
static enum err_code dispatch(struct reader *r)
{
    static const struct {
        const char *name;
        enum err_code (*handle)(struct reader *r, const json_t *event);
    } known[] = {
        {"control-message", on_control},
        {"message", on_message},
        {"data", on_data},
        {"error", on_error},
    };
    struct error why = {0};
    json_auto_t *event = NULL;
    size_t i = 0;

    while (i < ARRAY_LEN(known) && strcmp(known[i].name, r->name) != 0)
        i++;
    if (i == ARRAY_LEN(known) || !r->has_data)
        return ERR_OK;
    if (json_read(strbuf_view(&r->data), &json_limits_reply, &event, &why))
        return bad(r, arena_printf(r->arena, "the data of an event is not JSON: %s", why.message));
    return known[i].handle(r, event);
}

/* --- lines --- */

static enum err_code read_field(struct reader *r, struct str name, struct str value)
{
    if (str_is(name, "event")) {
        r->name[0] = '\0';
        if (value.n_bytes < sizeof(r->name)) {
            memcpy(r->name, value.bytes, value.n_bytes);
            r->name[value.n_bytes] = '\0';
        }
    } else if (str_is(name, "data")) {
        if (r->has_data)
            strbuf_puts(&r->data, "\n");
        r->has_data = true;
        if (!strbuf_append(&r->data, value.bytes, value.n_bytes) || r->data.is_full)
            return error_because(r->err, ERR_UPSTREAM, "store_response_too_large",
                                 "an event of the reply is larger than %u bytes", MAX_EVENT_BYTES);
    }
    return ERR_OK; /* id, retry, and whatever comes to be */
}

static enum err_code read_line(struct reader *r, struct str line)
{
    const char *colon = memchr(line.bytes, ':', line.n_bytes);
    struct str name = {line.bytes, colon ? (size_t)(colon - line.bytes) : line.n_bytes};
    struct str value = {"", 0};

    if (line.n_bytes == 0) {
        if (dispatch(r))
            return r->err->code;
        r->name[0] = '\0';
        r->data.n_bytes = 0;
        r->has_data = false;
        return ERR_OK;
    }
    if (colon) {
        value = (struct str){colon + 1, line.n_bytes - name.n_bytes - 1};
        if (value.n_bytes && *value.bytes == ' ') {
            value.bytes++;
            value.n_bytes--;
        }
    }
    return read_field(r, name, value);
}

/* Where the line ends and the next one begins; false when it has no end. */
static bool next_line(struct str *rest, struct str *line)
{
    const char *end = rest->n_bytes ? memchr(rest->bytes, '\n', rest->n_bytes) : NULL;

    if (!end)
        return false;
    *line = (struct str){rest->bytes, (size_t)(end - rest->bytes)};
    rest->n_bytes -= line->n_bytes + 1;
    rest->bytes = end + 1;
    if (line->n_bytes && line->bytes[line->n_bytes - 1] == '\r')
        line->n_bytes--;
    return true;
}

enum err_code signalfx_stream_read(const struct account *account, struct str body,
                                   struct arena *arena, struct signalfx_stream *out,
                                   struct error *err)
{
    struct reader r = {
        .account = account,
        .arena = arena,
        .out = out,
        .err = err,
        .data.max_bytes = MAX_EVENT_BYTES,
    };
    struct str line;

    *out = (struct signalfx_stream){0};
    while (!r.has_ended && next_line(&body, &line))
        if (read_line(&r, line))
            break;
    strbuf_clear(&r.data);
    if (!r.has_ended && !err->code)
        return bad(&r, "the stream has no END_OF_CHANNEL");
    return err->code;
}

static bool holds(struct str body, const char *text)
{
    return memmem(body.bytes, body.n_bytes, text, strlen(text)) != NULL;
}

enum reply_advice signalfx_stream_advice(long status, struct str body)
{
    static const char *const starts[] = {"event:", "data:", "id:", "retry:", ":"};
    static const char *const ends[] = {"END_OF_CHANNEL", "CHANNEL_ABORT", "event: error",
                                       "event:error"};
    bool is_stream = body.n_bytes == 0;

    if (status != 200)
        return REPLY_BY_STATUS;
    for (size_t i = 0; i < ARRAY_LEN(starts); i++)
        is_stream |= body.n_bytes >= strlen(starts[i]) &&
                     memcmp(body.bytes, starts[i], strlen(starts[i])) == 0;
    for (size_t i = 0; body.n_bytes && i < ARRAY_LEN(ends); i++)
        if (holds(body, ends[i]))
            return REPLY_BY_STATUS;
    return is_stream ? REPLY_ASK_AGAIN : REPLY_BY_STATUS; /* a page to sign in stays one */
}
