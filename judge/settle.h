/* judge/settle.h -- what needs no test: no points, or no difference. Kayenta's rules, in front of
 * every judge. Pure. */
#ifndef JUDGE_SETTLE_H
#define JUDGE_SETTLE_H

#include "judge/describe.h"
#include "judge/result.h"

#include "base/arena.h"

/* True when the pair is settled: `out` then has its classification, reason and ratio. Without
 * points on a side it is Nodata (NodataFailMetric when the metric must have data, and a critical
 * failure when it is critical), or Pass where gaps are replaced; the same values on both sides, in
 * any order, pass, and so does one single value. */
bool settle_pair(const struct metric_pair *pair, const struct metric_policy *policy,
                 const struct sample samples[N_SIDES], struct arena *arena,
                 struct metric_result *out);

/* The first of these rules alone: without points on a side. */
bool settle_missing(const struct metric_pair *pair, const struct metric_policy *policy,
                    const struct sample samples[N_SIDES], struct arena *arena,
                    struct metric_result *out);

/* The classification for lack of data: Nodata, or NodataFailMetric. */
enum classification settle_nodata(const struct metric_policy *policy);

/* One value throughout; the sample has at least one. */
bool is_constant(const struct sample *sample);

#endif
