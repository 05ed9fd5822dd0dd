/* Kayenta's judge for demonstrations: it looks at nothing and draws a classification. Drawn from
 * the metric's name and start, so that judging again gives the same. */
#include "judge/judge.h"
#include "judge/noise.h"
#include "judge/stats/random.h"

#include <math.h>

static enum err_code dredd_classify(const struct metric_pair *pair,
                                    const struct metric_policy *policy, struct arena *scratch,
                                    struct arena *arena, struct metric_result *out,
                                    struct error *err)
{
    static const enum classification classes[] = {CLASS_PASS, CLASS_HIGH, CLASS_LOW};
    uint64_t state = noise_seed(pair->name, pair->sides[SIDE_EXPERIMENT].start_unix_ms);

    (void)policy;
    (void)scratch;
    (void)err;
    out->classification = classes[random_below(&state, ARRAY_LEN(classes))];
    out->reason = arena_printf(arena, "%s was classified at random", pair->name);
    out->has_ratio = true;
    out->ratio = NAN;
    return ERR_OK;
}

const struct judge_type judge_dredd = {
    .name = "dredd-v1.0",
    .is_visible = false,
    .classify = dredd_classify,
};
