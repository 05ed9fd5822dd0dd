/* api/stats.h -- the HTTP server's own series and those of the process, for GET /metrics. */
#ifndef API_STATS_H
#define API_STATS_H

#include "api/router.h"
#include "base/str.h"
#include <stdatomic.h>
#include <stdint.h>

#define STATS_LIMITS 12u /* limits whose refusals are counted */

struct stats {
    atomic_size_t n_in_flight, n_connections, n_streams;
    atomic_uint_fast64_t n_refused[STATS_LIMITS];
    struct stats_table *table;
};

/* `routes` must outlive it. */
void stats_init(struct stats *stats, const struct route *routes, size_t n_routes);
void stats_clear(struct stats *stats);

/* One answered request; `route` NULL: its path or method is not served. Any thread. */
void stats_record(struct stats *stats, const struct route *route, unsigned status,
                  int64_t duration_ns);

/* An error answer; counted when its reason (struct error) says that a limit was reached. */
void stats_record_refusal(struct stats *stats, const char *reason);

/* Append everything in Prometheus text format 0.0.4. */
void stats_print(struct stats *stats, struct arena *arena, struct strbuf *out);

#endif
