/* judge/effect_size.h -- how large a change is, beside whether there is one. Pure. */
#ifndef JUDGE_EFFECT_SIZE_H
#define JUDGE_EFFECT_SIZE_H

#include "base/arena.h"
#include <stddef.h>

/* experiment / control; NaN when either mean is exactly 0. */
double effect_mean_ratio(double experiment_mean, double control_mean);

/* Common-language effect size: the probability that a point of the experiment exceeds one of the
 * control, ties one half. Both samples sorted as sort.h does and not empty.
 * Source: McGraw and Wong, Psychol. Bull. 111(2), 1992; from ranks as in Vargha and Delaney,
 * J. Educ. Behav. Statist. 25(2), 2000. */
double effect_cles(const double *experiment, size_t n_experiment, const double *control,
                   size_t n_control, struct arena *scratch);

#endif
