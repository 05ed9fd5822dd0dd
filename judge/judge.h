/* judge/judge.h -- metric pairs and policies in, verdict out.
 *
 * Pure: no clock, no randomness from outside, no state. The same input gives the same result, bit
 * by bit. Any thread; one arena per call. */
#ifndef JUDGE_JUDGE_H
#define JUDGE_JUDGE_H

#include "base/arena.h"
#include "base/error.h"
#include "judge/policy.h"
#include "judge/result.h"

/* The judge of a config that names none. */
#define JUDGE_DEFAULT_NAME "NetflixACAJudge-v1.0"

struct judge_input {
    const struct metric_pair *pairs;
    size_t n_pairs;
    const struct metric_policy *policies; /* policies[i] belongs to pairs[i] */
    const struct score_policy *score;
};

struct judge_type {
    const char *name;
    bool is_visible; /* offered to people; all can be named in a config */
    /* Classify one pair. Never NULL. Fills everything but pair, groups and is_muted; what the
     * result points to goes to `arena`, and `scratch` is emptied after each pair. An error refuses
     * the whole judgement. */
    enum err_code (*classify)(const struct metric_pair *pair, const struct metric_policy *policy,
                              struct arena *scratch, struct arena *arena, struct metric_result *out,
                              struct error *err);
};

/* NULL when there is no judge of that name. */
const struct judge_type *judge_find(const char *name);

/* All judges in the order of judge/list.h. */
const struct judge_type *const *judge_list(size_t *n_judges);

/* Judge every pair, then score. A metric that cannot be tested is the classification `Error`, not
 * an error. `out` points into `arena` and into the input; it is written only on success.
 *
 * Errors: ERR_INVALID  outliers are to be removed by a factor that is not above 0, or a metric that
 *                      counts for the score has no groups list */
MUST_CHECK enum err_code judge_run(const struct judge_type *judge, const struct judge_input *input,
                                   struct arena *arena, struct judge_result *out,
                                   struct error *err);

#endif
