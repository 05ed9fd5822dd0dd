/* analyzer/canary_config.h -- the canary config: what Kayenta knows of it, and what is refused. */
#ifndef ANALYZER_CANARY_CONFIG_H
#define ANALYZER_CANARY_CONFIG_H

#include "analyzer/codec/document.h"
#include "base/arena.h"
#include "base/error.h"
#include <jansson.h>
#include <stdbool.h>

/* The config as Kayenta would return it: known members only, scalars coerced, nulls left out,
 * `serviceType` added to every query. Templates stay as they were written. A new object in *out.
 *
 * Errors: ERR_INVALID with pointer: bad_type, bad_query_type (unknown or missing query.type;
 * clients see it as an unreadable body), or a count or size over base/limits.h. */
MUST_CHECK enum err_code canary_config_view(const json_t *config, json_t **out, struct error *err);

/* The rules for storing one, on a view: name, applications, and (unless switched off) the names of
 * its metrics. Errors: ERR_INVALID with Kayenta's texts. */
MUST_CHECK enum err_code canary_config_check(const json_t *view, bool metric_names_unchecked,
                                             struct error *err);

/* judge.name, or the default judge's. */
const char *canary_config_judge_name(const json_t *view);

/* Every member, of the config and of its queries, that nobody reads; as document_review(). */
void canary_config_review(const json_t *config, document_unknown *found, void *ctx);

/* What a query's type may be: "prometheus, stackdriver, ..." */
const char *canary_config_store_types(struct arena *arena);

#endif
