#include "judge/effect_size.h"

#include "judge/shift.h"

#include <math.h>

double effect_mean_ratio(double experiment_mean, double control_mean)
{
    return experiment_mean == 0 || control_mean == 0 ? NAN : experiment_mean / control_mean;
}

double effect_cles(const double *experiment, size_t n_experiment, const double *control,
                   size_t n_control, struct arena *scratch)
{
    struct shift *shift = shift_create(experiment, n_experiment, control, n_control, scratch);
    struct shift_count count = shift_count(shift, 0);

    return 2 * count.u / (2 * (double)n_experiment * (double)n_control);
}
