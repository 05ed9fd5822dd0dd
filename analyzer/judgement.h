/* analyzer/judgement.h -- hops 8 and 9 on sets that are already there: mix, judge, score. Pure: the
 * service, the one-shot command and replay all come through here. */
#ifndef ANALYZER_JUDGEMENT_H
#define ANALYZER_JUDGEMENT_H

#include "judge/judge.h"
#include <jansson.h>

/* Fewer baseline points than this are worth a warning; Kayenta's clients draw the same line. */
#define JUDGEMENT_FEW_POINTS 50u

struct judgement {
    bool is_sliding, is_interim; /* as in judge/options.h; before judging; false for one alone */
    struct metric_pair *pairs;
    size_t n_pairs;
    const struct pair_history *histories; /* one a pair, from calibration.h; NULL: none */
    struct judge_input input; /* what the judge was told: one policy per pair, and the score's */
    struct judge_result result;
};

/* Pair the sets of every metric of the config, in the config's order. `sets` holds all sets of a
 * side, matched to metrics by name; `seed` makes the ids (mix.h). Where Kayenta finds nothing to
 * judge, the label that separates the sides is left out, unless the config says otherwise (mix.h,
 * PAIRING_KEY). Errors: as mix_pairs(); a word for the pairing that is not known. */
MUST_CHECK enum err_code judgement_mix(const char *seed, const json_t *config,
                                       const struct metric_set_list sets[N_SIDES],
                                       struct arena *arena, struct judgement *out,
                                       struct error *err);

/* Judge out->pairs. `config` and `thresholds` ({pass, marginal}) must outlive the judgement.
 * Errors: ERR_INVALID when the judgement as a whole is refused, or is for a remote judge
 * (remote_judge.h). */
MUST_CHECK enum err_code judgement_judge(const json_t *config, const json_t *thresholds,
                                         struct arena *arena, struct judgement *out,
                                         struct error *err);

/* What a reader should know before trusting the verdict, one sentence each: groups without data,
 * fewer than 50 points, values too small for the solver, history that was to be had, and what
 * series_warn() finds in the pairs. NULL-terminated, in `arena`. */
const char *const *judgement_warnings(const struct judgement *judgement, struct arena *arena);

#endif
