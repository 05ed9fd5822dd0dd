/* collectors/atlas_series.h -- from points to metric sets: what the readers of Atlas' two kinds of
 * reply share. */
#ifndef COLLECTORS_ATLAS_SERIES_H
#define COLLECTORS_ATLAS_SERIES_H

#include "collectors/collector.h"
#include "collectors/reply_series.h"

#define ATLAS_MAX_TIME_MS 100000000000000 /* year 5138 */

/* One metric set for each series that has points, from its first point to its last, NaN where there
 * is none, with the attributes `query` and `baseURL`; with strictSeries padded to the window. The
 * placeholder, when there is none. step_ms > 0 where there are points.
 * Errors: ERR_UPSTREAM, reason store_too_many_points. */
MUST_CHECK enum err_code atlas_make_sets(const struct account *account,
                                         const struct metric_query *query, const char *text,
                                         const char *base_url, struct reply_series_list *series,
                                         int64_t step_ms, struct metric_set_list *out);

#endif
