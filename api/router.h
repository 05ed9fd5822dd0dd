/* api/router.h -- method + path -> handler. The table itself is api/routes.c. */
#ifndef API_ROUTER_H
#define API_ROUTER_H

#include "api/target.h"
#include "base/error.h"
#include <stddef.h>

#define ROUTE_MAX_PARAMS 2u
#define ROUTE_ALLOW_BYTES 64u

enum method {
    METHOD_OTHER = 0, /* any token we do not serve */
    METHOD_GET = 1,
    METHOD_HEAD = 2, /* served like GET; the HTTP library leaves the body out */
    METHOD_POST = 4,
    METHOD_PUT = 8,
    METHOD_DELETE = 16,
    METHOD_OPTIONS = 32,
};

enum route_body {
    BODY_NONE, /* one that is sent all the same is read and dropped */
    BODY_JSON, /* Content-Type application/json required */
    BODY_ANY,  /* JSON too, but clients need not say so */
    BODY_FORM, /* parameters may also come as application/x-www-form-urlencoded */
};

enum route_kind {
    ROUTE_NORMAL, /* runs on a handler thread */
    ROUTE_INLINE, /* never waits; answered on the event thread itself */
    ROUTE_HEALTH, /* on a thread of its own: answered when every handler thread is busy */
    ROUTE_FETCH,  /* waits for a metric store: few at a time */
};

struct api_call;

struct route {
    enum method method;
    const char *pattern; /* "/canary/{id}": a segment in braces matches any one segment */
    enum err_code (*handle)(struct api_call *call, struct error *err);
    enum route_body body;
    enum route_kind kind;
};

/* The first route of a path wins, so literal segments stand above parameters. */
extern const struct route api_routes[];
extern const size_t api_n_routes;

struct route_match {
    const struct route *route;            /* NULL: none for this path and method */
    const char *params[ROUTE_MAX_PARAMS]; /* decoded, in the order of the pattern; never empty */
    unsigned allowed;                     /* methods this path has; 0: unknown path */
};

void route_find(const struct route *routes, size_t n_routes, enum method method,
                const struct target *target, struct route_match *out);

enum method method_of(const char *text);

/* "GET, HEAD, POST, OPTIONS" for an Allow header. Returns buffer. */
char *route_allow_text(unsigned allowed, char buffer[ROUTE_ALLOW_BYTES]);

#endif
