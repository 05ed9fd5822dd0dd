/* judge/options.h -- what the judges beside the standard one are told about a metric. Plain data,
 * read from the config by analyzer/codec/judge_options_json.h; judge_options_default is what holds
 * where a config says nothing. NetflixACAJudge-v1.0 reads none of it. */
#ifndef JUDGE_OPTIONS_H
#define JUDGE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which of its procedures a judge takes; METHOD_DEFAULT leaves it to the judge. */
enum judge_method {
    METHOD_DEFAULT = 0,
    METHOD_HAR,         /* long-run variance, for points that remember each other */
    METHOD_ESS,         /* ranks with an effective sample size */
    METHOD_INDEPENDENT, /* as if points were independent */
    METHOD_WELCH,
    METHOD_BOOTSTRAP,
    METHOD_KS,
    METHOD_AD,
    METHOD_QUANTILE,
};

/* Whether minutes are compared with the same minute of the other side. */
enum point_pairing { POINTS_AUTO = 0, POINTS_PAIRED, POINTS_UNPAIRED };

enum metric_type { TYPE_GAUGE = 0, TYPE_LATENCY, TYPE_COUNTER, TYPE_ERROR_RATE, TYPE_HISTOGRAM };

/* How counts vary. MODEL_DEFAULT: the Rate judge takes Poisson and looks at the dispersion, the
 * Sequential judge takes HAR. */
enum count_model { MODEL_DEFAULT = 0, MODEL_HAR, MODEL_POISSON, MODEL_BERNOULLI, MODEL_TEMPERED };

enum multiplicity { MULTIPLICITY_NONE = 0, MULTIPLICITY_HOLM, MULTIPLICITY_BH, MULTIPLICITY_BY };

enum on_inconclusive { INCONCLUSIVE_PASS = 0, INCONCLUSIVE_NODATA, INCONCLUSIVE_FAIL };

enum scoring {
    SCORING_KAYENTA = 0, /* the share of metrics that pass */
    SCORING_GRADED,      /* the mean confidence that an effect lies inside its margin */
};

/* An experiment that is not fair (fairness.h). */
enum on_unfair { UNFAIR_WARN = 0, UNFAIR_INVALID };

/* ASSUME_EXCHANGEABLE: the two points of a minute would be as probable swapped; the Sequential
 * judge then bets on ranks. */
enum assumption { ASSUME_NOTHING = 0, ASSUME_EXCHANGEABLE };

#define MAX_QUANTILES 8

struct judge_options {
    double alpha; /* two-sided error level, 1e-6 to 0.2 */
    enum judge_method method;
    enum point_pairing pairing;
    bool is_independent;         /* the points are known to be independent */
    double min_effective_points; /* fewer than that flag nothing */
    double quantiles[MAX_QUANTILES];
    size_t n_quantiles;
    size_t bootstrap_samples;
    bool has_seed;
    uint64_t seed;
    const char *exposure_metric; /* requests or seconds per interval; NULL for none */
    enum metric_type metric_type;
    enum count_model model;
    double prior_g;    /* sequential: prior variance of the standardised effect */
    size_t min_points; /* sequential: no look before */
    double rate_ratio_prior_sd;
    enum multiplicity multiplicity;
    enum on_inconclusive on_inconclusive;
    bool is_early_pass_on;
    double min_runtime_mins;
    double warmup_mins; /* dropped at the start of both sides */
    size_t calibration_windows;
    enum assumption assumption;
    bool is_exact; /* permutation p-values where there are some */
    enum on_unfair on_unfair;
    enum scoring scoring; /* of the whole; read from the config's part only */
    /* What the config does not say: this judgement's place in a run of several. */
    bool is_sliding; /* its window does not begin where the run's does */
    bool is_interim; /* others follow; a sequential test that is inconclusive then goes on */
    /* A value that cannot be used, in a sentence with its path; NULL for none. The metric is then
     * an Error, with this for a reason. */
    const char *complaint;
};

extern const struct judge_options judge_options_default;

#endif
