/* api/stream.h -- a reply that is a stream of events (text/event-stream, WHATWG HTML, "Server-sent
 * events"). A handler opens it; from then on the event thread writes what there is and suspends the
 * connection until there is more.
 *
 * On the wire: first `retry:`, then events with `id`, `event` and one line of `data`; `reset` when
 * some were lost and the state must be read again; `server.closing` before the service stops. A
 * comment every 15 s keeps proxies awake. */
#ifndef API_STREAM_H
#define API_STREAM_H

#include "analyzer/events.h"
#include "api/call.h"
#include "api/connections.h"
#include <microhttpd.h>

struct stream;

/* Subscribe; call->stream is set, and call->reply's status and type. The filter's texts must live
 * as long as the call. With filter->execution_id the stream ends after that execution has.
 * Errors: those of events_subscribe(); ERR_BUSY, reason too_many_subscribers. */
MUST_CHECK enum err_code stream_open(struct api_call *call, const struct event_filter *filter,
                                     uint64_t after_id, struct error *err);

/* The execution has ended already: when the stream has nothing more to tell, it tells this end and
 * is over. `data` lives as long as the call. */
void stream_set_end(struct stream *stream, struct str data);

/* Would it have anything to say at once? */
bool stream_is_empty(struct stream *stream);

void stream_close(struct stream *stream); /* NULL is accepted */

/* --- for request.c, on the event thread --- */

/* The body of the reply; the stream must outlive it. */
struct MHD_Response *stream_response(struct stream *stream, struct MHD_Connection *http,
                                     struct connections *connections,
                                     struct connection *connection);

#endif
