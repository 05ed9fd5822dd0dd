/* api/listener.h -- the listening socket. */
#ifndef API_LISTENER_H
#define API_LISTENER_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

struct listener {
    int fd;
    uint16_t port;    /* the one that was picked when 0 was asked for */
    bool is_loopback; /* only programs on this machine can connect */
    char url[96];     /* "http://127.0.0.1:8090" */
};

/* `host` is a name or an address, IPv6 without brackets.
 * Errors: ERR_SETTINGS: not an address of this machine; ERR_PERMISSION:
 * a port of the system; ERR_BUSY: something else listens there. */
MUST_CHECK enum err_code listener_open(const char *host, uint16_t port, struct listener *out,
                                       struct error *err);

#endif
