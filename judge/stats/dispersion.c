#include "judge/stats/dispersion.h"

#include "judge/stats/distribution.h"
#include "judge/stats/long_run.h"
#include "judge/stats/poisson_rates.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

void dispersion_estimate(const double *errors_x, const double *errors_y, const double *exposure_x,
                         const double *exposure_y, size_t n, struct arena *scratch,
                         struct dispersion *out)
{
    double *events = arena_array(scratch, double, n);
    double *events_x = arena_array(scratch, double, n);
    double *log_odds = arena_array(scratch, double, n);
    struct long_run run;
    double total_x = 0;
    size_t n_used = 0;

    for (size_t t = 0; t < n; t++) {
        double both = errors_x[t] + errors_y[t];

        if (!(both > 0 && exposure_x[t] > 0 && exposure_y[t] > 0))
            continue;
        events[n_used] = both;
        events_x[n_used] = errors_x[t];
        log_odds[n_used++] = log(exposure_x[t] / exposure_y[t]);
        total_x += errors_x[t];
    }
    *out = (struct dispersion){.phi = NAN, .p = NAN, .pearson = NAN, .omega = NAN, .inflation = 1};
    out->df = n_used ? (double)(n_used - 1) : 0;
    out->log_ratio = poisson_rates_log_ratio(total_x, events, log_odds, n_used);
    if (!isfinite(out->log_ratio))
        return;

    out->pearson = 0;
    for (size_t t = 0; t < n_used; t++) {
        double theta = 1 / (1 + exp(-(log_odds[t] + out->log_ratio)));
        double residual = (events_x[t] - events[t] * theta) / sqrt(events[t] * theta * (1 - theta));

        out->pearson += residual * residual;
        events[t] = residual;
    }
    if (n_used < 2)
        return;
    out->phi = out->pearson / out->df;
    out->p = p_value(gsl_cdf_chisq_Q(out->pearson, out->df));
    long_run_variance(events, n_used, scratch, &run);
    out->omega = run.omega;
    out->inflation = fmax(1, fmax(out->phi, out->omega));
}
