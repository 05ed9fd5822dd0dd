/* api/stats.h -- the HTTP server's own series and those of the process, for GET /metrics. */
#ifndef API_STATS_H
#define API_STATS_H

#include "api/router.h"
#include "base/str.h"
#include <stdatomic.h>
#include <stdint.h>

struct stats {
    atomic_size_t n_in_flight, n_connections;
    atomic_uint_fast64_t n_refused; /* turned away with 503 or 429 before a handler ran */
    struct stats_table *table;
};

/* `routes` must outlive it. */
void stats_init(struct stats *stats, const struct route *routes, size_t n_routes);
void stats_clear(struct stats *stats);

/* One answered request; `route` NULL: its path or method is not served. Any thread. */
void stats_record(struct stats *stats, const struct route *route, unsigned status,
                  int64_t duration_ns);

/* Append everything in Prometheus text format 0.0.4. */
void stats_print(struct stats *stats, struct arena *arena, struct strbuf *out);

#endif
