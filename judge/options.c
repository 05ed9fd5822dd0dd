#include "judge/options.h"

const struct judge_options judge_options_default = {
    .alpha = 0.02,
    .min_effective_points = 8,
    .quantiles = {0.5, 0.95},
    .n_quantiles = 2,
    .bootstrap_samples = 999,
    .prior_g = 0.25,
    .min_points = 30,
    .rate_ratio_prior_sd = 0.4,
    .multiplicity = MULTIPLICITY_BH,
    .min_runtime_mins = 30,
};
