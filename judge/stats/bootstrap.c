#include "judge/stats/bootstrap.h"

#include "judge/sort.h"
#include "judge/stats/long_run.h"
#include "judge/stats/quantiles.h"
#include "judge/stats/random.h"
#include "judge/stats/scale.h"

#include <math.h>
#include <string.h>

size_t bootstrap_block(double phi, size_t n)
{
    double spread = 1 - phi * phi;
    double block = ceil(cbrt(6 * phi * phi / (spread * spread) * (double)n));
    double most = floor((double)n / 4);

    return (size_t)fmax(1, fmin(block, most));
}

/* Fill `to` with blocks of `from`, which is closed to a ring. Two series resampled from the same
 * state of the generator stay together. */
static void resample(const double *from, size_t n, size_t block, uint64_t *state, double *to)
{
    for (size_t at = 0; at < n;) {
        size_t start = random_below(state, n);

        for (size_t i = 0; i < block && at < n; i++)
            to[at++] = from[(start + i) % n];
    }
}

static void choose_blocks(const double *x, size_t n, const double *y, size_t m, bool is_paired,
                          double *work, struct arena *scratch, struct bootstrap *out)
{
    if (!is_paired) {
        out->block_x = bootstrap_block(long_run_phi_corrected(x, n, scratch), n);
        out->block_y = bootstrap_block(long_run_phi_corrected(y, m, scratch), m);
        return;
    }
    for (size_t t = 0; t < n; t++)
        work[t] = x[t] - y[t];
    out->block_x = out->block_y = bootstrap_block(long_run_phi_corrected(work, n, scratch), n);
}

/* (1 + #{stretch |theta* - theta| >= |theta|}) / (B + 1). */
static double symmetric_p(const double *thetas, size_t n, double estimate, double stretch)
{
    size_t n_extreme = 0;

    for (size_t i = 0; i < n; i++)
        n_extreme += stretch * fabs(thetas[i] - estimate) >= fabs(estimate);
    return (double)(1 + n_extreme) / (double)(1 + n);
}

void bootstrap_difference(const double *x, size_t n, const double *y, size_t m,
                          bootstrap_statistic statistic, void *ctx,
                          const struct bootstrap_settings *settings, struct arena *scratch,
                          struct bootstrap *out)
{
    double *thetas = arena_array(scratch, double, settings->n_samples);
    double *x_drawn = arena_array(scratch, double, n);
    double *y_drawn = arena_array(scratch, double, m);
    uint64_t state = settings->seed;
    size_t n_drawn = 0;
    double stretch;

    *out = (struct bootstrap){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, 0, 0};
    if (n < 2 || m < 2 || (settings->is_paired && n != m))
        return;
    memcpy(x_drawn, x, n * sizeof(*x));
    memcpy(y_drawn, y, m * sizeof(*y));
    out->estimate = statistic(x_drawn, n, y_drawn, m, ctx);
    if (isnan(out->estimate))
        return;
    choose_blocks(x, n, y, m, settings->is_paired, x_drawn, scratch, out);
    for (size_t b = 0; b < settings->n_samples; b++) {
        uint64_t together = state;
        double theta;

        resample(x, n, out->block_x, &state, x_drawn);
        resample(y, m, out->block_y, settings->is_paired ? &together : &state, y_drawn);
        theta = statistic(x_drawn, n, y_drawn, m, ctx);
        if (isnan(theta))
            continue;
        thetas[n_drawn++] = theta;
    }
    out->p_value = symmetric_p(thetas, n_drawn, out->estimate, 1);
    if (n_drawn < 2)
        return;
    sort_doubles(thetas, n_drawn, thetas, scratch);
    out->lower = quantile_type7(thetas, n_drawn, settings->alpha / 2);
    out->upper = quantile_type7(thetas, n_drawn, 1 - settings->alpha / 2);
    out->omega_boot = (double)n * moments_of(thetas, n_drawn).variance;
    if (settings->omega_har > 0 && out->omega_boot > 0) {
        stretch = sqrt(settings->omega_har / out->omega_boot);
        out->scaled_lower = out->estimate + stretch * (out->lower - out->estimate);
        out->scaled_upper = out->estimate + stretch * (out->upper - out->estimate);
        out->scaled_p = symmetric_p(thetas, n_drawn, out->estimate, stretch);
    }
}

static double mean(const double *values, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return sum / (double)n;
}

double bootstrap_mean_difference(double *x, size_t n, double *y, size_t m, void *ctx)
{
    (void)ctx;
    return mean(x, n) - mean(y, m);
}
