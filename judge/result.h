/* judge/result.h -- what the judge says. Everything lives in the arena given to judge_run(), except
 * for the pairs and policies, which are the caller's. */
#ifndef JUDGE_RESULT_H
#define JUDGE_RESULT_H

#include "base/metric_set.h"
#include "judge/policy.h"
#include "judge/test_report.h"
#include <stdbool.h>
#include <stddef.h>

enum classification {
    CLASS_PASS = 0,
    CLASS_HIGH,        /* the experiment is worse by being higher */
    CLASS_LOW,         /* the experiment is worse by being lower */
    CLASS_NODATA,      /* a side has no points */
    CLASS_NODATA_FAIL, /* a side has no points and the metric must have data */
    CLASS_ERROR,       /* the statistic does not exist for these data */
};

enum verdict { VERDICT_PASS = 0, VERDICT_MARGINAL, VERDICT_FAIL };

/* The words of the Kayenta API: "Pass", "NodataFailMetric", "Marginal", ... */
const char *classification_name(enum classification classification);
const char *verdict_name(enum verdict verdict);

/* One side after missing points and outliers have gone, in the metric's unit. All 0 without points.
 * std is the sample standard deviation, 0 for one point. */
struct side_stats {
    size_t count;
    double mean, min, max, std;
};

struct metric_result {
    const struct metric_pair *pair;     /* borrowed: name, id, tags */
    const struct metric_policy *policy; /* borrowed */
    enum classification classification;
    const char *reason; /* NULL for none */
    const char *const *groups;
    size_t n_groups;
    struct side_stats stats[N_SIDES];
    bool has_ratio;   /* of our judges, false exactly for CLASS_ERROR */
    double ratio;     /* mean(experiment) / mean(control); NaN when either mean is 0 */
    bool is_critical; /* this result fails the canary; not "configured critical" */
    bool is_muted;
    /* Why, for our own explanations; not part of Kayenta's result. */
    bool has_interval;
    double lower, upper, estimate; /* shift of experiment against control, metric's unit, 98 % */
    enum effect_measure effect_measure;
    double effect_size;     /* in the measure's unit; NaN when undefined */
    bool is_unit_too_small; /* the values are small against the solver's absolute tolerance */
    const struct test_report *report; /* NULL from the standard judge, and for what was settled
                                         before any test */
    double grade;                     /* 0 to 100, for SCORING_GRADED; NaN: by the classification */
};

struct group_score {
    const char *name;
    double score; /* 0 to 100; 0 when nothing counted */
    bool has_data;
};

/* A red metric the other way round (explain.h); all zero for the others. */
struct explanation {
    const char *limit_name; /* "allowedIncrease": with that at `limit` the metric passes; or NULL */
    double limit;
    int64_t heaviest_start_unix_ms, heaviest_end_unix_ms; /* 0: not known */
    double heaviest_share; /* of the evidence, that lies in these minutes; 0 to 1 */
    bool is_spread;        /* less than twice what it were if all minutes weighed the same */
};

/* What makes the comparison unfair, whatever the metrics say (fairness.h). */
struct unfairness {
    const struct metric_pair *pair;
    const char *code, *text; /* "warmUp"; a sentence that names the metric and says what to do */
    bool is_invalid;         /* the metric's options say that there is no verdict then */
};

struct judge_result {
    const char *judge_name;
    bool wants_details; /* judge.judgeConfigurations.details: show why, also from the standard judge
                         */
    const struct metric_result *results; /* one per pair, in their order */
    size_t n_results;
    const struct group_score *groups; /* in the order of score.h */
    size_t n_groups;
    double score; /* two decimals */
    enum verdict verdict;
    const char *reason;       /* "" for none */
    bool is_forced_by_nodata; /* the score is 0 only because most metrics had no data */
    bool is_invalid;          /* the score is 0 because the comparison was not fair */
    const struct explanation *explanations; /* one per result; NULL: not explained */
    const struct unfairness *unfair;
    size_t n_unfair;
};

#endif
