/* api/idempotency.h -- the Idempotency-Key header of requests that start something. */
#ifndef API_IDEMPOTENCY_H
#define API_IDEMPOTENCY_H

#include "api/call.h"

#define IDEMPOTENCY_KEY_MAX_BYTES 128u

/* The client's mark on this request, or NULL when it has none. It stands for the endpoint, that is
 * the method and the pattern of its path; what must be the same when it is used again is the path
 * itself, the parameters in any order of their names, and the bytes of the body.
 * Errors: ERR_INVALID, reason bad_idempotency_key or repeated_header. */
MUST_CHECK enum err_code idempotency_of(const struct api_call *call, const struct idempotency **out,
                                        struct error *err);

#endif
