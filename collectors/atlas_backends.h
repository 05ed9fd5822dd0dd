/* collectors/atlas_backends.h -- which Atlas server holds the data of a scope. */
#ifndef COLLECTORS_ATLAS_BACKENDS_H
#define COLLECTORS_ATLAS_BACKENDS_H

#include "collectors/collector.h"

/* The host (and port) for the query's scope, after what the account's server of backends says:
 * `backends` and `storage` are the replies with backends.json and storage.json. In `arena`.
 * Errors: ERR_UPSTREAM, reason store_bad_response (not what such files hold; not a host name) or
 *         store_rejected ("Unable to find an appropriate Atlas cluster for location=..."). */
MUST_CHECK enum err_code atlas_find_host(const struct metric_query *query,
                                         const struct http_response *backends,
                                         const struct http_response *storage, struct arena *arena,
                                         const char **out, struct error *err);

#endif
