/* collectors/cloudwatch_query.h -- the query text of CloudWatch: MetricDataQueries as JSON, made
 * from a metric, metric math, SEARCH, Metrics Insights, or the array itself. */
#ifndef COLLECTORS_CLOUDWATCH_QUERY_H
#define COLLECTORS_CLOUDWATCH_QUERY_H

#include "collectors/collector.h"
#include "collectors/grid.h"

MUST_CHECK enum err_code cloudwatch_query_text(const struct account *account,
                                               const struct metric_query *query,
                                               struct arena *arena, const char **out,
                                               struct error *err);

/* What a text asks for, read back. */
struct cloudwatch_queries {
    json_t *list; /* in the arena */
    struct grid grid;
    size_t n_returned; /* entries whose data comes */
};

/* Errors: ERR_INVALID: not an array of queries, no period that can be used, too many points. */
MUST_CHECK enum err_code cloudwatch_queries_read(const struct metric_query *query, const char *text,
                                                 struct arena *arena,
                                                 struct cloudwatch_queries *out, struct error *err);

/* The entry with this id, NULL when its data is not to come. */
const json_t *cloudwatch_query_find(const struct cloudwatch_queries *queries, const char *id);

/* Whether what comes is told apart by labels: SEARCH, or SELECT with GROUP BY. */
bool cloudwatch_query_has_labels(const json_t *entry);

#endif
