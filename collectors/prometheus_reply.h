/* collectors/prometheus_reply.h -- the reply to a range query, read as a stream. */
#ifndef COLLECTORS_PROMETHEUS_REPLY_H
#define COLLECTORS_PROMETHEUS_REPLY_H

#include "collectors/collector.h"

/* collector_type.parse of the Prometheus collector. The window is the one that was asked for. */
MUST_CHECK enum err_code prometheus_reply_read(const struct account *account,
                                               const struct metric_query *query, const char *text,
                                               const struct http_response *replies,
                                               size_t n_replies, struct metric_set_list *out,
                                               struct error *err);

#endif
