/* api/request.h -- the way of one request through the HTTP library's callbacks, all of which run on
 * its one event thread:
 *
 *   request_target_seen   the request line is complete: the raw target is kept, as the library
 *                         decodes too much
 *   request_handle        first call, headers complete: all that can be refused is refused here
 *   request_handle        for each piece of body
 *   request_handle        last call: the connection is suspended and the call goes to a handler
 * thread
 *                         ... the handler runs, blocks if it must, and resumes the connection;
 *                         or it waits for an event without a thread, and runs again ...
 *   request_handle        once more: the reply is queued
 *                         ... a stream of events is written, and the connection suspended between
 *                         two of them ...
 *   request_completed     the last byte is out, or the client is gone
 *
 * A reply that is queued on the first call closes the connection, for the body behind it has not
 * been read; so requests without a body are refused on the second call and keep theirs. */
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include "api/call.h"
#include "api/connections.h"
#include "api/stats.h"
#include "base/worker_pool.h"
#include <microhttpd.h>

struct request;

/* What all requests of one server share. */
struct request_context {
    struct api_context api;
    struct stats stats;
    struct connections *connections;
    struct worker_pool *handlers, *health;
    bool is_loopback;
    atomic_bool is_closed;    /* the library is about to stop: nothing may be suspended any more */
    atomic_size_t n_running;  /* suspended, with a handler thread or waiting for one */
    atomic_size_t n_admitted; /* those in hand; whoever waits for an event is not */
    /* Only the event thread looks at these. */
    size_t n_fetches, buffered_bytes;
};

/* One connection; the library keeps it as the socket's context. */
struct client {
    struct connection *connection;
    struct request *request; /* the one being read or answered, or NULL */
};

/* Callbacks for MHD_OPTION_URI_LOG_CALLBACK, MHD_start_daemon and MHD_OPTION_NOTIFY_COMPLETED;
 * `cls` is the struct request_context. */
void *request_target_seen(void *cls, const char *target, struct MHD_Connection *http);
enum MHD_Result request_handle(void *cls, struct MHD_Connection *http, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_bytes, void **con_cls);
void request_completed(void *cls, struct MHD_Connection *http, void **con_cls,
                       enum MHD_RequestTerminationCode how);

/* The client was gone before its headers were complete: request_completed() is not called then. */
void request_free(struct request *request);

#endif
