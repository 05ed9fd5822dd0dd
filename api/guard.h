/* api/guard.h -- what is refused before a handler runs: framing that two HTTP parsers could read in
 * two ways, foreign hosts and origins, media types we do not take, bodies that are too large.
 * Pure: reads its arguments, writes its result. The HTTP library leaves all of this to us. */
#ifndef API_GUARD_H
#define API_GUARD_H

#include "analyzer/settings.h"
#include "api/router.h"
#include "base/limits.h"

struct header {
    struct str name, value;
};

/* The request's headers as sent; more than HTTP_MAX_HEADERS are counted but not kept. */
struct headers {
    struct header items[HTTP_MAX_HEADERS];
    size_t n_items, n_bytes;
};

void headers_add(struct headers *headers, struct str name, struct str value);

/* How often `name` occurs, in any case; *value is its first value when it does. */
size_t headers_find(const struct headers *headers, const char *name, struct str *value);

/* Sizes and framing. After an error the connection must be closed: what follows in it cannot be
 * told apart from this request. Errors: ERR_LIMIT, reason target_too_long or headers_too_large;
 *         ERR_INVALID (bad_request): header names that are no tokens, control characters in values,
 *         no or two Hosts, repeated Content-Length, Content-Length with Transfer-Encoding, a
 *         transfer coding other than one "chunked". */
MUST_CHECK enum err_code guard_framing(const struct headers *headers, size_t target_bytes,
                                       bool is_http_1_0, struct error *err);

/* Whose name the client used. `is_loopback`: only loopback names and settings->allowed_hosts, so
 * that no web page reaches us by pointing its own name at 127.0.0.1. `authority` is that of an
 * absolute-form target, or empty.
 * Errors: ERR_PERMISSION, reason bad_host; ERR_INVALID: Host is malformed or is not the target's.
 */
MUST_CHECK enum err_code guard_host(const struct headers *headers, struct str authority,
                                    bool is_loopback, const struct settings *settings,
                                    struct error *err);

/* Unsafe methods from a page of another site.
 * Errors: ERR_PERMISSION, reason cross_site. */
MUST_CHECK enum err_code guard_origin(const struct headers *headers, enum method method,
                                      const struct settings *settings, struct error *err);

/* Media type, coding and announced size of the body.
 * Errors: ERR_UNSUPPORTED, reason unsupported_media_type; ERR_LIMIT, reason body_too_large. */
MUST_CHECK enum err_code guard_body(const struct headers *headers, const struct route *route,
                                    struct error *err);

/* How many bytes of body a route takes; for BODY_NONE, how many are read and dropped. */
size_t guard_max_body_bytes(enum route_body body);

/* The Origin header when it is one of cors.origins, else an empty view. */
struct str guard_cors_origin(const struct headers *headers, const struct settings *settings);

/* Announced by Content-Length; SIZE_MAX for a chunked body, 0 for none. */
size_t guard_announced_bytes(const struct headers *headers);

#endif
