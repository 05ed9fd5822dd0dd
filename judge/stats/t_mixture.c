#include "judge/stats/t_mixture.h"

#include "judge/stats/distribution.h"
#include "judge/stats/long_run.h"
#include "judge/stats/ranks.h"
#include "judge/stats/scale.h"

#include <math.h>
#include <stdbool.h>

#define LEAST_POINTS 3 /* with two, nothing is ever unlikely enough */

static const struct t_mixture undefined = {NAN, NAN, NAN, NAN, NAN, NAN, NAN};

/* n points of mean `centre` whose mean has the standard error se, against the mean `null`. */
static void mix(double centre, double null, double se, double nu, double n_eff, double g,
                double alpha, struct t_mixture *out)
{
    double a = 1 + g * n_eff;
    double r = pow(a / (alpha * alpha), 1 / (nu + 1));
    double t = t_statistic(centre - null, se);
    /* Twice the log of how much more likely t is; for an infinite one the limit of both terms. */
    double gain = isfinite(t * t) ? log1p(t * t / nu) - log1p(t * t / (a * nu)) : log(a);

    out->t = t;
    out->nu = nu;
    out->n_eff = n_eff;
    out->centre = centre;
    out->se = se;
    out->log_e = -log(a) / 2 + (nu + 1) / 2 * gain;
    out->radius = r < a ? sqrt(nu * (r - 1) / (1 - r / a)) * se : INFINITY;
}

static void unscale(struct t_mixture *out, int exponent)
{
    out->centre = ldexp(out->centre, exponent);
    out->se = ldexp(out->se, exponent);
    out->radius = ldexp(out->radius, exponent);
}

void t_mixture_restate(const struct t_mixture *look, double null, double factor, double g,
                       double alpha, struct t_mixture *out)
{
    const struct t_mixture from = *look;

    mix(from.centre, null, from.se * factor, from.nu, from.n_eff, g, alpha, out);
}

void t_mixture_iid(const double *d, size_t n, double g, double alpha, struct arena *scratch,
                   struct t_mixture *out)
{
    int exponent = scale_exponent_of_two(d, n, NULL, 0);
    double count = (double)n;
    struct moments moments;

    *out = undefined;
    if (n < LEAST_POINTS)
        return;
    moments = moments_of(scale_down(d, n, exponent, scratch), n);
    mix(moments.mean, 0, sqrt(moments.variance / count), count - 1, count, g, alpha, out);
    unscale(out, exponent);
}

/* The look at n differences. */
static void look_at(const double *d, size_t n, const struct t_mixture_settings *settings,
                    struct arena *scratch, struct t_mixture *out)
{
    struct long_run run;

    long_run_variance(d, n, scratch, &run);
    mix(run.mean, 0, sqrt(run.omega / (double)n), (double)run.nu, run.n_eff, settings->g,
        settings->alpha, out);
}

/* d = x - ratio y - shift in units of 2^exponent, which is returned. */
static int mean_differences(const double *x, const double *y, size_t n,
                            const struct t_mixture_settings *settings, double *d)
{
    int exponent = scale_exponent_of_two(x, n, y, n);
    int of_shift = scale_exponent(&settings->shift, 1);
    int of_ratio = scale_exponent(&settings->ratio, 1);

    exponent = (of_shift > exponent ? of_shift : exponent) + (of_ratio > 0 ? of_ratio : 0);
    for (size_t t = 0; t < n; t++)
        d[t] = ldexp(x[t], -exponent) - settings->ratio * ldexp(y[t], -exponent) -
               ldexp(settings->shift, -exponent);
    return exponent;
}

void t_mixture_look(const double *x, const double *y, size_t t,
                    const struct t_mixture_settings *settings, struct arena *scratch,
                    struct t_mixture *out)
{
    double *d = arena_array(scratch, double, t);
    double *y_ranks = arena_array(scratch, double, t);
    int exponent = 0;

    *out = undefined;
    if (t < LEAST_POINTS)
        return;
    if (settings->variant == T_MIXTURE_MEAN)
        exponent = mean_differences(x, y, t, settings, d);
    else {
        ranks_pooled(x, t, y, t, scratch, d, y_ranks);
        for (size_t i = 0; i < t; i++)
            d[i] -= y_ranks[i];
    }
    look_at(d, t, settings, scratch, out);
    unscale(out, exponent);
}

/* The midranks of a growing set of points. */
struct growing_ranks {
    double *values, *ranks; /* in the order of arrival */
    size_t n;
};

static void growing_ranks_add(struct growing_ranks *all, double value)
{
    double below = 0, equal = 0;

    for (size_t i = 0; i < all->n; i++) {
        bool is_equal = all->values[i] == value;

        below += all->values[i] < value;
        equal += is_equal;
        all->ranks[i] += all->values[i] > value ? 1 : is_equal ? 0.5 : 0;
    }
    all->values[all->n] = value;
    all->ranks[all->n++] = 1 + below + equal / 2;
}

static bool is_alarm(const struct t_mixture *look, const struct t_mixture_settings *settings)
{
    if ((settings->direction == DIRECTION_INCREASE && look->t < 0) ||
        (settings->direction == DIRECTION_DECREASE && look->t > 0))
        return false;
    return look->log_e >= -log(settings->alpha);
}

void har_t_mixture_sequence(const double *x, const double *y, size_t n,
                            const struct t_mixture_settings *settings, struct arena *scratch,
                            struct t_mixture_sequence *out)
{
    bool is_mean = settings->variant == T_MIXTURE_MEAN;
    size_t first = settings->min_points < LEAST_POINTS ? LEAST_POINTS : settings->min_points;
    struct growing_ranks ranks = {.values = arena_array(scratch, double, is_mean ? 0 : 2 * n),
                                  .ranks = arena_array(scratch, double, is_mean ? 0 : 2 * n)};
    double *d = arena_array(scratch, double, n);
    int exponent = is_mean ? mean_differences(x, y, n, settings, d) : 0;
    struct arena *look_scratch;

    *out = (struct t_mixture_sequence){.first_look = first, .max_log_e = NAN};
    if (n < first)
        return;
    out->looks = arena_array(scratch, struct t_mixture, n - first + 1);
    look_scratch = arena_create();
    for (size_t t = 1; t <= n; t++) {
        struct t_mixture *look = &out->looks[out->n_looks];

        if (!is_mean) {
            growing_ranks_add(&ranks, x[t - 1]);
            growing_ranks_add(&ranks, y[t - 1]);
        }
        if (t < first)
            continue;
        for (size_t i = 0; !is_mean && i < t; i++)
            d[i] = ranks.ranks[2 * i] - ranks.ranks[2 * i + 1];
        look_at(d, t, settings, look_scratch, look);
        arena_reset(look_scratch);
        unscale(look, exponent);
        out->max_log_e = fmax(out->max_log_e, look->log_e);
        if (!out->first_crossing && is_alarm(look, settings))
            out->first_crossing = t;
        out->n_looks++;
    }
    arena_free(look_scratch);
}
