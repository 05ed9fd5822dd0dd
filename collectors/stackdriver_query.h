/* collectors/stackdriver_query.h -- the query text of Google Cloud Monitoring: a filter made from
 * metric type, resource type and scope, or a template in one of three languages. */
#ifndef COLLECTORS_STACKDRIVER_QUERY_H
#define COLLECTORS_STACKDRIVER_QUERY_H

#include "collectors/collector.h"

MUST_CHECK enum err_code stackdriver_query_text(const struct account *account,
                                                const struct metric_query *query,
                                                struct arena *arena, const char **out,
                                                struct error *err);

enum stackdriver_language { LANGUAGE_LIST, LANGUAGE_MQL, LANGUAGE_PROMQL };

/* What a text is written in. *rest: the text without its prefix. */
enum stackdriver_language stackdriver_language(const char *text, const char **rest);

/* The prefix of the account's queryLanguage; NULL: filters. */
const char *stackdriver_prefix(const struct account *account);

const char *stackdriver_project(const struct account *account); /* "" when it has none */

#endif
