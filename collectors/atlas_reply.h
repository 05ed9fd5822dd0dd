/* collectors/atlas_reply.h -- the two ways in which an Atlas server answers. */
#ifndef COLLECTORS_ATLAS_REPLY_H
#define COLLECTORS_ATLAS_REPLY_H

#include "collectors/collector.h"

/* http_request.advice for a stream: one that is not whole is asked for again, and so is one with an
 * error that may pass. */
enum reply_advice atlas_stream_advice(long status, struct str body);

/* collector_type.parse for the event stream of /api/v2/fetch. `base_url` becomes an attribute.
 * Errors: ERR_UPSTREAM, reason store_error (the store's own), store_unavailable (one that may
 *         pass), store_bad_response, store_too_many_... */
MUST_CHECK enum err_code atlas_stream_read(const struct account *account,
                                           const struct metric_query *query, const char *text,
                                           const char *base_url, const struct http_response *reply,
                                           struct metric_set_list *out, struct error *err);

/* The same for format=std.json of /api/v1/graph. A series has the tags that the query groups by. */
MUST_CHECK enum err_code atlas_graph_read(const struct account *account,
                                          const struct metric_query *query, const char *text,
                                          const char *base_url, const struct http_response *reply,
                                          struct metric_set_list *out, struct error *err);

#endif
