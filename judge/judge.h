/* judge/judge.h -- metric pairs and policies in, verdict out.
 *
 * Pure: no clock, no randomness from outside, no state. The same input gives the same result, bit
 * by bit. Any thread; one arena per call. */
#ifndef JUDGE_JUDGE_H
#define JUDGE_JUDGE_H

#include "base/arena.h"
#include "base/error.h"
#include "judge/arms.h"
#include "judge/policy.h"
#include "judge/result.h"

/* The judge of a config that names none. */
#define JUDGE_DEFAULT_NAME "NetflixACAJudge-v1.0"

/* What is known of a pair from before the window that is judged. */
struct pair_history {
    /* Earlier windows, as long as the one judged, in which both sides ran the same version. */
    const struct metric_pair *windows;
    size_t n_windows;
    const struct metric_pair *before; /* the two sides before the change; NULL: not known */
};

struct judge_input {
    const struct metric_pair *pairs;
    size_t n_pairs;
    const struct metric_policy *policies; /* policies[i] belongs to pairs[i] */
    const struct pair_history *histories; /* likewise; NULL: none */
    const struct score_policy *score;
    bool wants_details;
};

/* One metric on its way through a test. */
struct test_input {
    const struct judge_input *all; /* for histograms, whose buckets are pairs of their own */
    const struct metric_pair *pair;
    const struct metric_policy *policy;
    const struct arms *arms;
    const struct metric_pair
        *exposure;                    /* that of options.exposure_metric; NULL when it names none */
    const struct metric_pair *before; /* NULL: none */
    double se_factor;                 /* to multiply standard errors by: 1, or from calibration */
};

/* Either `classify` or `test` is there; neither for one that is elsewhere, with which judge_run()
 * is not called. Results go to `arena`; `scratch` is emptied after each pair. An error refuses the
 * whole judgement. */
struct judge_type {
    const char *name;
    bool is_visible;   /* offered to people; all can be named in a config */
    bool needs_growth; /* of the window, from one judgement of a run to the next */
    unsigned methods;  /* bit 1 << m for each enum judge_method that options may ask for */
    /* Classify one pair alone: everything of `out` but pair, groups and is_muted. */
    enum err_code (*classify)(const struct metric_pair *pair, const struct metric_policy *policy,
                              struct arena *scratch, struct arena *arena, struct metric_result *out,
                              struct error *err);
    /* Test one pair that has points on both sides, which are not equal: everything of `out` (as
     * test_report_start() leaves it) up to `decision`, which stays undecided unless there is too
     * little data. The verdict is made by tested.h from all reports together. */
    void (*test)(const struct test_input *input, struct arena *scratch, struct arena *arena,
                 struct test_report *out);
};

/* NULL when there is no judge of that name. */
const struct judge_type *judge_find(const char *name);

/* It is Kayenta's own, which reads no options. */
bool judge_is_standard(const struct judge_type *judge);

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
