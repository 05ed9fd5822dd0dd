/* analyzer/series_check.h -- what looks wrong about the series of a metric, whatever the judge says
 * of them: the same series twice, a step finer than the store's, labels that cannot pair. Pure. */
#ifndef ANALYZER_SERIES_CHECK_H
#define ANALYZER_SERIES_CHECK_H

#include "base/metric_set.h"

size_t series_n_points(const struct pair_side *side); /* finite values */

/* How many steps lie between two new values of the store: 1 unless every change of the value (or,
 * in a series with gaps, every value) is a multiple of more than one step away from the one
 * before. 0: too few changes to say. */
size_t series_stride(const struct pair_side *side);

/* Both sides have the same values, and more than one distinct one. */
bool series_is_same(const struct metric_pair *pair);

/* Call `warn` with one sentence, which lives in `arena`, for each thing found; it names the metric
 * and says what to change. Pairs of one metric follow each other, as judgement_mix() makes them. */
void series_warn(const struct metric_pair *pairs, size_t n_pairs, struct arena *arena,
                 void (*warn)(void *ctx, const char *text), void *ctx);

#endif
