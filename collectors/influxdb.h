/* collectors/influxdb.h -- InfluxQL: what the two files of the InfluxDB collector share. */
#ifndef COLLECTORS_INFLUXDB_H
#define COLLECTORS_INFLUXDB_H

#include "collectors/collector.h"

/* collector_type.query_text: `SELECT <fields> FROM <measurement> WHERE <time> [AND <scope>]`, or
 * the query's own template with ${timeFilter}, ${scope} and ${step}. One SELECT and nothing else:
 * no INTO, no second statement, no comment that begins with two dashes.
 * Errors: ERR_INVALID with Kayenta's texts ("Query type not allowed."). */
MUST_CHECK enum err_code influxdb_query_text(const struct account *account,
                                             const struct metric_query *query, struct arena *arena,
                                             const char **out, struct error *err);

#endif
