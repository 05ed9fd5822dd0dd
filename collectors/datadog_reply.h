/* collectors/datadog_reply.h -- the replies of Datadog's two query endpoints, read as streams. */
#ifndef COLLECTORS_DATADOG_REPLY_H
#define COLLECTORS_DATADOG_REPLY_H

#include "collectors/collector.h"

/* What was asked, and how. */
struct datadog_question {
    const struct account *account;
    const struct metric_query *query;
    const char *text;
    bool has_tags; /* a series' group becomes its tags, else it has none */
};

/* GET /api/v1/query: each series brings its own start, end and interval; a bucket without a point
 * is NaN, and points between the buckets are left out.
 * Errors: ERR_UPSTREAM, reason store_bad_response, store_error or store_too_many_... */
MUST_CHECK enum err_code datadog_v1_read(const struct datadog_question *question, struct str body,
                                         struct metric_set_list *out, struct error *err);

/* POST /api/v2/query/timeseries: all series share one list of times. The step is the smallest
 * distance between two of them; what is missing on that grid is NaN. Errors: the same. */
MUST_CHECK enum err_code datadog_v2_read(const struct datadog_question *question, struct str body,
                                         struct metric_set_list *out, struct error *err);

#endif
