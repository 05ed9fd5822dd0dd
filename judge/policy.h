/* judge/policy.h -- what the judge is told: one policy a metric, one for the score.
 *
 * Plain data, filled by whoever reads the canary config (analyzer/codec/policy_json.h) and
 * read-only from then on. The strings are borrowed and must outlive the result. */
#ifndef JUDGE_POLICY_H
#define JUDGE_POLICY_H

#include "judge/options.h"
#include <stdbool.h>
#include <stddef.h>

/* Which change of the experiment against the control is a bad one. */
enum direction { DIRECTION_EITHER = 0, DIRECTION_INCREASE, DIRECTION_DECREASE };

enum nan_strategy {
    NAN_REMOVE = 0, /* a missing sample is left out */
    NAN_REPLACE,    /* a missing sample is 0.0, as for error counts */
};

enum outlier_strategy { OUTLIERS_KEEP = 0, OUTLIERS_REMOVE };

enum effect_measure {
    EFFECT_MEAN_RATIO = 0, /* mean of the experiment / mean of the control */
    EFFECT_CLES,           /* probability that a canary point exceeds a baseline point, in [0, 1] */
    EFFECT_SHIFT,        /* experiment - control in the metric's unit; not for the standard judge */
    EFFECT_CLIFFS_DELTA, /* 2 CLES - 1, in [-1, 1]; likewise */
};

/* Where the four effect size limits stand when the config does not say. */
#define EFFECT_NEUTRAL_MEAN_RATIO 1.0
#define EFFECT_NEUTRAL_CLES 0.5
#define EFFECT_NEUTRAL_DIFFERENCE 0.0 /* shift, Cliff's delta */
#define OUTLIER_FACTOR_DEFAULT 3.0    /* "far out" fences; Tukey 1977 */

struct metric_policy {
    enum direction direction;
    enum nan_strategy nan_strategy;
    enum outlier_strategy outlier_strategy;
    double outlier_factor; /* times the interquartile range; must be > 0 when outliers go */
    bool is_critical;      /* a failure of this metric fails the canary */
    bool must_have_data;   /* no data counts against the group */
    bool is_muted;         /* judged and listed, not scored */
    enum effect_measure effect_measure;
    /* In the measure's own unit: a change must reach these to count ... */
    double allowed_increase, allowed_decrease;
    /* ... and these to fail the canary when the metric is critical. */
    double critical_increase, critical_decrease;
    bool has_critical_increase, has_critical_decrease; /* the config gives them */
    const char *const *groups; /* NULL: the config names none, which only a muted metric may */
    size_t n_groups;
    struct judge_options options;
};

struct group_weight {
    const char *group;
    double weight; /* percent of the score */
};

struct score_policy {
    double pass, marginal; /* score >= pass: pass; else >= marginal: marginal; else fail */
    const struct group_weight *weights;
    size_t n_weights;
    enum scoring scoring;
    bool errors_are_nodata; /* a metric that could not be judged counts as one without data */
};

#endif
