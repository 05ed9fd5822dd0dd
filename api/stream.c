#include "api/stream.h"

#include "api/parked.h"
#include "api/respond.h"
#include "api/stats.h"
#include "base/clock.h"
#include "base/limits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 3000           /* how long a browser waits before it connects again */
#define FILL_BYTES (32u * KIB)  /* written before the library is given some */
#define BLOCK_BYTES (16u * KIB) /* what the library reads at once for an HTTP/1.0 client */

struct stream {
    struct MHD_Connection *http;
    struct parked parked;
    struct subscription *subscription;
    const char *execution_id; /* its end is ours; NULL: none */
    struct str end;           /* how it ended, when it had already; else empty */
    struct strbuf text;       /* to be written, from `n_written` on */
    size_t n_written;
    bool is_last; /* nothing comes after `text` */
    int64_t beat_ms;
    atomic_size_t *n_streams; /* this one is counted there */
};

enum err_code stream_open(struct api_call *call, const struct event_filter *filter,
                          uint64_t after_id, struct error *err)
{
    atomic_size_t *n_streams = &call->context->stats->n_streams;
    struct subscription *subscription;
    struct stream *stream;

    if (atomic_fetch_add(n_streams, 1) >= HTTP_MAX_EVENT_STREAMS)
        error_because(err, ERR_BUSY, "too_many_subscribers",
                      "%u clients follow events already; poll instead, or try again later",
                      HTTP_MAX_EVENT_STREAMS);
    else
        (void)(events_subscribe(analyzer_events(call->context->analyzer), filter, after_id,
                                &subscription, err) == ERR_OK);
    if (err->code) {
        atomic_fetch_sub(n_streams, 1);
        return err->code;
    }
    stream = mem_alloc(1, sizeof(*stream));
    stream->subscription = subscription;
    stream->execution_id = filter->execution_id;
    stream->n_streams = n_streams;
    strbuf_printf(&stream->text, "retry: %d\n\n", RETRY_MS);
    call->stream = stream;
    call->reply = (struct reply){.status = MHD_HTTP_OK, .content_type = "text/event-stream"};
    return ERR_OK;
}

void stream_set_end(struct stream *stream, struct str data)
{
    stream->end = data;
}

void stream_close(struct stream *stream)
{
    if (!stream)
        return;
    parked_leave(&stream->parked);
    events_unsubscribe(stream->subscription);
    atomic_fetch_sub(stream->n_streams, 1);
    strbuf_clear(&stream->text);
    free(stream);
}

/* --- what is written --- */

static void put(struct stream *stream, uint64_t id, const char *name, struct str data)
{
    strbuf_printf(&stream->text, "id: %" PRIu64 "\nevent: %s\ndata: ", id, name);
    strbuf_append(&stream->text, data.bytes, data.n_bytes);
    strbuf_puts(&stream->text, "\n\n");
}

static void put_event(struct stream *stream, const struct event *event)
{
    put(stream, event->id, event_name(event->kind), event->data);
    if (stream->execution_id && event->kind == EVENT_FINISHED &&
        strcmp(event->execution_id, stream->execution_id) == 0)
        stream->is_last = true;
}

/* Whatever can be said now. */
static void fill(struct stream *stream)
{
    const struct event *event;

    while (!stream->is_last && stream->text.n_bytes < FILL_BYTES) {
        switch (events_next(stream->subscription, &event)) {
        case EVENTS_ONE:
            put_event(stream, event);
            event_release(event);
            break;
        case EVENTS_LOST:
            put(stream, events_position(stream->subscription), "reset",
                str_of("{\"message\":\"some events are gone; read the state again\"}"));
            break;
        case EVENTS_CLOSED: /* without an id: there is nothing to come back for but the others */
            strbuf_puts(&stream->text, "event: server.closing\ndata: {}\n\n");
            stream->is_last = true;
            break;
        case EVENTS_NONE:
            if (!stream->end.n_bytes)
                return;
            put(stream, events_position(stream->subscription), event_name(EVENT_FINISHED),
                stream->end);
            stream->is_last = true;
        }
    }
}

bool stream_is_empty(struct stream *stream)
{
    size_t n_bytes = stream->text.n_bytes;
    struct str end = stream->end;

    stream->end = (struct str){0};
    fill(stream);
    stream->end = end;
    return stream->text.n_bytes == n_bytes;
}

/* --- on the event thread --- */

static void resume(void *ctx)
{
    struct stream *stream = ctx;

    MHD_resume_connection(stream->http);
}

static ssize_t read_text(void *cls, uint64_t position, char *buffer, size_t max_bytes)
{
    struct stream *stream = cls;
    int64_t now_ms = clock_mono_ms();
    size_t n_bytes;

    (void)position;
    parked_leave(&stream->parked);
    if (stream->n_written == stream->text.n_bytes) {
        stream->text.n_bytes = stream->n_written = 0;
        if (stream->is_last)
            return MHD_CONTENT_READER_END_OF_STREAM;
        fill(stream);
        if (stream->text.n_bytes == 0 && atomic_exchange(&stream->parked.is_over, false))
            strbuf_puts(&stream->text, ":\n\n"); /* fails, if the client has left */
    }
    n_bytes = stream->text.n_bytes - stream->n_written;
    if (n_bytes == 0) {
        MHD_suspend_connection(stream->http);
        parked_wait(&stream->parked, stream->beat_ms);
        return 0;
    }
    if (n_bytes > max_bytes)
        n_bytes = max_bytes;
    memcpy(buffer, stream->text.bytes + stream->n_written, n_bytes);
    stream->n_written += n_bytes;
    stream->beat_ms = now_ms + connections_beat_ms(stream->parked.connections);
    return (ssize_t)n_bytes;
}

struct MHD_Response *stream_response(struct stream *stream, struct MHD_Connection *http,
                                     struct connections *connections, struct connection *connection)
{
    struct MHD_Response *response;

    stream->http = http;
    stream->parked.connections = connections;
    stream->parked.connection = connection;
    stream->parked.subscription = stream->subscription;
    stream->parked.wake = resume;
    stream->parked.ctx = stream;
    response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_text, stream, NULL);
    if (!response)
        abort(); /* out of memory */
    return response;
}
