/* judge/tested.h -- the road of the judges that test first and decide when all metrics are known:
 * clean, settle, test each pair, calibrate, decide. Pure. */
#ifndef JUDGE_TESTED_H
#define JUDGE_TESTED_H

#include "judge/judge.h"

/* Fewer earlier windows than this calibrate nothing. */
#define CALIBRATION_MIN_WINDOWS 10u

/* Classify all pairs by judge->test. `results` has pair, groups and is_muted, and gets the rest.
 * Errors: ERR_INVALID  outliers are to go, and the factor is not above 0 */
MUST_CHECK enum err_code tested_classify(const struct judge_type *judge,
                                         const struct judge_input *input, struct arena *scratch,
                                         struct arena *arena, struct metric_result *results,
                                         struct error *err);

/* The road of one pair up to its report, which lies in `arena`; NULL when the pair was settled
 * without a test, in `out`. Errors: as above. */
MUST_CHECK enum err_code tested_report(const struct judge_type *judge,
                                       const struct judge_input *input, size_t pair_index,
                                       struct arena *scratch, struct arena *arena,
                                       struct metric_result *out, struct test_report **out_report,
                                       struct error *err);

/* The pair of the exposure metric `name` with the same tags as `pair`, or the only one of that
 * name; else NULL. */
const struct metric_pair *tested_exposure(const struct judge_input *input,
                                          const struct metric_pair *pair, const char *name);

#endif
