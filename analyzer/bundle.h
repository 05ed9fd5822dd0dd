/* analyzer/bundle.h -- an execution as one document (schema serinus.bundle/v1): config, request,
 * raw series and result. No credential and no endpoint is in it. */
#ifndef ANALYZER_BUNDLE_H
#define ANALYZER_BUNDLE_H

#include "analyzer/codec/metric_set_pb.h"
#include "analyzer/judgement.h"
#include "base/json.h"

struct bundle {
    const json_t *config, *request; /* views, as they were judged */
    struct stored_set *sets;
    size_t n_sets;
    struct metric_pair *pairs;
    size_t n_pairs;
    const json_t *result; /* Kayenta-shaped judge result; NULL when there is none */
};

/* A new reference. */
json_t *bundle_json(const struct bundle *bundle);

/* Read one; everything lives in `arena`, which also keeps `json` alive. Metric sets may be missing.
 * Errors: ERR_INVALID with pointer. */
MUST_CHECK enum err_code bundle_decode(json_t *json, struct arena *arena, struct bundle *out,
                                       struct error *err);

/* Its pairs, made from the metric sets again where there are some; they keep the ids that were
 * recorded. Errors: those of judgement_mix(). */
MUST_CHECK enum err_code bundle_mix(const char *seed, const struct bundle *bundle,
                                    struct arena *arena, struct judgement *out, struct error *err);

#endif
