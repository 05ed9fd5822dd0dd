/* api/connections.h -- every open connection, and absolute deadlines for what clients must send.
 *
 * The HTTP library only knows an idle timeout, which one byte a second keeps from ever running out.
 * So a sweeper thread shuts sockets down that are over their deadline, or whose client has left in
 * the middle of a request; the library then sees the end of the stream and cleans up. */
#ifndef API_CONNECTIONS_H
#define API_CONNECTIONS_H

#include "base/error.h"
#include <stdint.h>

struct connections;
struct connection;

enum connection_phase {
    PHASE_HEAD,      /* the request line and headers are on their way */
    PHASE_BODY,      /* so is the body */
    PHASE_WORKING,   /* the handler has it; no deadline here */
    PHASE_SENDING,   /* the answer is on its way out */
    PHASE_STREAMING, /* an answer that goes on and on: no deadline but for taking what there is */
    PHASE_IDLE,      /* kept alive between two requests */
};

struct connection_deadlines {
    int64_t head_ms, body_ms;       /* from the first moment of the phase */
    int64_t send_ms, send_stall_ms; /* the whole answer; without any progress */
    int64_t idle_ms;
    int64_t beat_ms;  /* the longest silence on a stream */
    int64_t sweep_ms; /* how often the sweeper looks */
};

extern const struct connection_deadlines connection_deadlines_default;

MUST_CHECK enum err_code connections_create(const struct connection_deadlines *deadlines,
                                            struct connections **out, struct error *err);
void connections_free(struct connections *connections); /* none may be left; NULL is accepted */

/* `fd` stays the library's; it must call connections_remove() before it closes it. */
struct connection *connections_add(struct connections *connections, int fd);
void connections_remove(struct connections *connections, struct connection *connection);

/* The phase starts now. PHASE_HEAD right after PHASE_HEAD changes nothing: a new connection's first
 * request has been on its way since it was accepted. */
void connection_enter(struct connections *connections, struct connection *connection,
                      enum connection_phase phase);

/* Answer with `status_line` ("400 Bad Request") past the library and shut the connection down; only
 * while a request is being read and nothing is being sent. */
void connection_refuse(struct connections *connections, struct connection *connection,
                       const char *status_line);

/* For a connection that waits on our side, so that the library does not look at it: call
 * wake(ctx), once, on the sweeper's thread, when `until_mono_ms` has come or the client has left.
 * wake() must neither wait nor call anything here. */
void connection_watch(struct connections *connections, struct connection *connection,
                      int64_t until_mono_ms, void (*wake)(void *ctx), void *ctx);
/* Never mind. Once it returns, wake() neither runs nor will run. */
void connection_unwatch(struct connections *connections, struct connection *connection);

int64_t connections_beat_ms(const struct connections *connections);

/* Requests begun on this connection so far, this call's included. */
unsigned connection_count_request(struct connection *connection);

#endif
