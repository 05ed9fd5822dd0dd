/* api/respond_http.h -- a finished reply as the HTTP library wants it, with every header. */
#ifndef API_RESPOND_HTTP_H
#define API_RESPOND_HTTP_H

#include "api/call.h"
#include "api/guard.h"

struct MHD_Response;

/* The response borrows the reply's body: it must be gone before the call's arena is. The caller
 * queues and destroys it. Never NULL. */
struct MHD_Response *respond_http(const struct api_call *call, const struct headers *headers,
                                  bool must_close);

#endif
