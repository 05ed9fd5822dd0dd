/* analyzer/codec/metric_set_json.h -- metric sets and metric set pairs as the Kayenta API shows
 * them. A missing sample is the text "NaN"; "Infinity" and "-Infinity" are read and written too. */
#ifndef ANALYZER_CODEC_METRIC_SET_JSON_H
#define ANALYZER_CODEC_METRIC_SET_JSON_H

#include "base/arena.h"
#include "base/error.h"
#include "base/metric_set.h"
#include <jansson.h>

/* The readers copy: what they give lives in `arena` alone. Times are read from the milliseconds, or
 * from the ISO text when those are absent; all but name and values is optional.
 *
 * Errors: ERR_INVALID with err->pointer: not a list, no name, a side without values, a null or a
 *         text that is no number among the values */
MUST_CHECK enum err_code metric_pairs_from_json(const json_t *list, struct arena *arena,
                                                struct metric_pair **out, size_t *n_out,
                                                struct error *err);
MUST_CHECK enum err_code metric_sets_from_json(const json_t *list, struct arena *arena,
                                               struct metric_set_list *out, struct error *err);

/* All give a new reference. */
json_t *metric_pair_json(const struct metric_pair *pair);
json_t *metric_pairs_json(const struct metric_pair *pairs, size_t n_pairs);
json_t *metric_set_json(const struct metric_set *set);
json_t *metric_sets_json(const struct metric_set *sets, size_t n_sets);
json_t *tag_map_json(const struct tag_map *map);

#endif
