/* api/server.h -- the HTTP server: one event thread that reads and writes, and a few handler
 * threads that may block. Limits are those of base/limits.h. */
#ifndef API_SERVER_H
#define API_SERVER_H

#include "analyzer/analyzer.h"
#include "api/connections.h"
#include "base/log.h"
#include <stdbool.h>

struct server;

struct server_options {
    const char *listen_host; /* name or address, IPv6 without brackets */
    uint16_t listen_port;    /* 0 picks a free one */
    struct connection_deadlines deadlines;
};

/* Bind and serve. Everything given must outlive the server.
 * Errors: those of listener_open(); ERR_INTERNAL: no threads. */
MUST_CHECK enum err_code server_start(const struct server_options *options,
                                      struct analyzer *analyzer, const struct settings *settings,
                                      struct log *log, struct server **out, struct error *err);

/* "http://127.0.0.1:8090", with the port that was picked. */
const char *server_url(const struct server *server);
uint16_t server_port(const struct server *server);

/* From now on not ready, and every answer closes its connection. */
void server_drain(struct server *server);

/* Stop accepting, wait until every request has been answered, but not longer than `wait_ms`.
 * False: some are still being worked on; then the server must not be freed, only left behind. */
MUST_CHECK bool server_stop(struct server *server, int64_t wait_ms);

void server_free(struct server *server); /* after server_stop(); NULL is accepted */

#endif
