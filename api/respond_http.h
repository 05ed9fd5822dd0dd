/* api/respond_http.h -- a finished reply as the HTTP library wants it, with every header. */
#ifndef API_RESPOND_HTTP_H
#define API_RESPOND_HTTP_H

#include "api/call.h"
#include "api/guard.h"

struct MHD_Response;

/* The reply with its body. Borrows it: the response must be gone before the call's arena is. The
 * caller queues and destroys it. Never NULL. */
struct MHD_Response *respond_http_body(const struct api_call *call);

/* Add all headers to a response, whatever its body is. */
void respond_http_headers(const struct api_call *call, const struct headers *headers,
                          bool must_close, struct MHD_Response *response);

#endif
