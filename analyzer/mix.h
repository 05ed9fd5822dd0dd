/* analyzer/mix.h -- hop 8: control and experiment sets -> pairs, by equal tags, as Kayenta pairs.
 */
#ifndef ANALYZER_MIX_H
#define ANALYZER_MIX_H

#include "base/metric_set.h"

/* Pair the sets of one metric. Sets of both sides whose tags are equal go together; a set without
 * partner gets one of NaN; where one side has only an untagged set, that side becomes NaN for every
 * set of the other. Each side is padded with NaN at its end up to its own expected points, never
 * cut. Order: that of the control sets, then of experiment sets without a control.
 *
 * `seed` makes the pairs' ids: the same execution, metric and tags give the same id, so that
 * judging again gives the same bytes. Pairs and their values live in `arena` and in the sets.
 *
 * Errors: ERR_INVALID with Kayenta's texts: no set on a side, different tag keys; too_many_points
 *         when a set claims to be longer than any store may answer. */
MUST_CHECK enum err_code mix_pairs(const char *seed, const char *metric_name,
                                   const struct metric_set_list *control,
                                   const struct metric_set_list *experiment, struct arena *arena,
                                   struct metric_pair **out, size_t *n_out, struct error *err);

#endif
