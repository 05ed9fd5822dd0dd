/* Kinds of distributions, counts and sequences. */
#include "analyzer/stats_kind.h"
#include "judge/sort.h"
#include "judge/stats/anderson_darling.h"
#include "judge/stats/asymptotic_cs.h"
#include "judge/stats/beta_binomial.h"
#include "judge/stats/dispersion.h"
#include "judge/stats/ecdf_band.h"
#include "judge/stats/ks.h"
#include "judge/stats/multinomial.h"
#include "judge/stats/poisson_mixture.h"
#include "judge/stats/poisson_rates.h"
#include "judge/stats/quantiles.h"
#include "judge/stats/t_mixture.h"
#include "judge/stats/two_proportions.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define ALPHA_DEFAULT 0.05
#define ALPHA_LEAST 1e-100
#define ALPHA_MOST (1 - DBL_EPSILON)
#define COUNT_MOST 0x1p52         /* two of them add up without rounding */
#define SEQUENCE_MOST_POINTS 2000 /* half a second of work, which grows nearly with the cube */

/* --- distributions ---------------------------------------------------------------------------- */

static enum err_code ks_two_sample(const json_t *inputs, const json_t *params, struct arena *arena,
                                   json_t **out, struct error *err)
{
    struct stats_samples samples;
    struct ks ks;

    (void)params;
    if (stats_samples(inputs, arena, &samples, err))
        return err->code;
    ks_test(samples.x, samples.n, samples.y, samples.m, arena, &ks);
    *out = json_object();
    stats_set(*out, "D", ks.d);
    stats_set(*out, "p_exact", ks.p_exact);
    stats_set(*out, "p_asymptotic", ks.p_asymptotic);
    return ERR_OK;
}

static enum err_code anderson_darling(const json_t *inputs, const json_t *params,
                                      struct arena *arena, json_t **out, struct error *err)
{
    struct stats_samples samples;
    struct anderson_darling test;

    (void)params;
    if (stats_samples(inputs, arena, &samples, err))
        return err->code;
    anderson_darling_test(samples.x, samples.n, samples.y, samples.m, arena, &test);
    *out = json_object();
    stats_set(*out, "T_midrank", test.t_midrank);
    stats_set(*out, "T_right", test.t_right);
    stats_set(*out, "p_midrank", test.p_midrank);
    json_object_set_new(*out, "pCapped", json_boolean(test.is_p_capped));
    /* The names of R's kSamples, whose p-values go beyond the table. */
    stats_set(*out, "T1_kSamples", test.t_right);
    stats_set(*out, "T2_kSamples", test.t_midrank);
    stats_set(*out, "p1_kSamples", test.p_limit_right);
    stats_set(*out, "p2_kSamples", test.p_limit_midrank);
    return ERR_OK;
}

/* One number for each p of params.p, from the sorted inputs.x. */
static enum err_code at_each_p(const json_t *inputs, const json_t *params, struct arena *arena,
                               double low, double high,
                               double (*number)(const double *sorted, size_t n, double p),
                               const char *name, json_t **out, struct error *err)
{
    double *x, *p;
    size_t n, n_p;

    if (stats_list(inputs, "inputs", "x", arena, &x, &n, err) ||
        stats_list(params, "params", "p", arena, &p, &n_p, err))
        return err->code;
    if (n == 0)
        return error_set(err, ERR_INVALID, "inputs.x is empty; one value or more is needed");
    sort_doubles(x, n, x, arena);
    for (size_t i = 0; i < n_p; i++) {
        if (!(p[i] >= low && p[i] <= high))
            return error_set(err, ERR_INVALID, "params.p[%zu] must be %s", i,
                             low > 0 ? "between 0 and 1" : "from 0 to 1");
        p[i] = number(x, n, p[i]);
    }
    *out = json_object();
    stats_set_list(*out, name, p, n_p);
    return ERR_OK;
}

static enum err_code harrell_davis(const json_t *inputs, const json_t *params, struct arena *arena,
                                   json_t **out, struct error *err)
{
    return at_each_p(inputs, params, arena, DBL_MIN, ALPHA_MOST, quantile_harrell_davis, "q", out,
                     err);
}

static enum err_code maritz_jarrett_se(const json_t *inputs, const json_t *params,
                                       struct arena *arena, json_t **out, struct error *err)
{
    return at_each_p(inputs, params, arena, DBL_MIN, ALPHA_MOST, quantile_maritz_jarrett_se, "se",
                     out, err);
}

static enum err_code type7(const json_t *inputs, const json_t *params, struct arena *arena,
                           json_t **out, struct error *err)
{
    return at_each_p(inputs, params, arena, 0, 1, quantile_type7, "q", out, err);
}

static enum err_code ecdf_radius(const json_t *inputs, const json_t *params, struct arena *arena,
                                 json_t **out, struct error *err)
{
    double t, alpha;

    (void)arena;
    if (stats_number(inputs, "inputs", "t", 1, DBL_MAX, &t, err) ||
        stats_number(params, "params", "alpha", ALPHA_LEAST, ALPHA_MOST, &alpha, err))
        return err->code;
    *out = json_object();
    stats_set(*out, "radius", ecdf_band_radius(t, alpha));
    return ERR_OK;
}

/* --- counts ----------------------------------------------------------------------------------- */

static enum err_code proportions(const json_t *inputs, const json_t *params, struct arena *arena,
                                 json_t **out, struct error *err)
{
    double x1, n1, x2, n2, alpha;
    struct two_proportions test;

    (void)arena;
    if (stats_number(inputs, "inputs", "n1", 1, COUNT_MOST, &n1, err) ||
        stats_number(inputs, "inputs", "n2", 1, COUNT_MOST, &n2, err) ||
        stats_number(inputs, "inputs", "x1", 0, n1, &x1, err) ||
        stats_number(inputs, "inputs", "x2", 0, n2, &x2, err) || stats_alpha(params, &alpha, err))
        return err->code;
    two_proportions_test(x1, n1, x2, n2, alpha, &test);
    *out = json_object();
    stats_set(*out, "z", test.z);
    stats_set(*out, "p_uncorrected", test.p_uncorrected);
    stats_set(*out, "p_corrected", test.p_corrected);
    stats_set(*out, "wald_lower", test.wald_lower);
    stats_set(*out, "wald_upper", test.wald_upper);
    stats_set(*out, "newcombe_lower", test.newcombe_lower);
    stats_set(*out, "newcombe_upper", test.newcombe_upper);
    stats_set(*out, "p_fisher", test.p_fisher);
    stats_set(*out, "wilson1_lower", test.wilson1_lower);
    stats_set(*out, "wilson1_upper", test.wilson1_upper);
    return ERR_OK;
}

static enum err_code rates(const json_t *inputs, const json_t *params, struct arena *arena,
                           json_t **out, struct error *err)
{
    double x1, t1, x2, t2, alpha;
    struct poisson_rates test;

    (void)arena;
    if (stats_number(inputs, "inputs", "x1", 0, COUNT_MOST, &x1, err) ||
        stats_number(inputs, "inputs", "t1", DBL_MIN, DBL_MAX / 2, &t1, err) ||
        stats_number(inputs, "inputs", "x2", 0, COUNT_MOST, &x2, err) ||
        stats_number(inputs, "inputs", "t2", DBL_MIN, DBL_MAX / 2, &t2, err) ||
        stats_alpha(params, &alpha, err))
        return err->code;
    poisson_rates_test(x1, t1, x2, t2, alpha, &test);
    *out = json_object();
    stats_set(*out, "ratio", test.ratio);
    stats_set(*out, "p_exact", test.p_exact);
    stats_set(*out, "p_greater", test.p_greater);
    stats_set(*out, "p_mid", test.p_mid);
    stats_set_finite(*out, "z_score", test.z_score);
    stats_set(*out, "p_score", test.p_score);
    stats_set(*out, "lower", test.lower);
    stats_set(*out, "upper", test.upper);
    return ERR_OK;
}

/* Counts and exposures of both sides per interval. */
struct streams {
    double *errors_canary, *errors_baseline, *exposure_canary, *exposure_baseline;
    size_t n;
};

static enum err_code read_streams(const json_t *inputs, struct arena *arena, struct streams *out,
                                  struct error *err)
{
    const struct {
        const char *key;
        double **values;
    } lists[] = {{"errors_canary", &out->errors_canary},
                 {"errors_baseline", &out->errors_baseline},
                 {"exposure_canary", &out->exposure_canary},
                 {"exposure_baseline", &out->exposure_baseline}};

    for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
        size_t n;

        if (stats_list(inputs, "inputs", lists[k].key, arena, lists[k].values, &n, err))
            return err->code;
        if (k == 0)
            out->n = n;
        if (n != out->n)
            return error_set(err, ERR_INVALID, "inputs.%s has %zu values, inputs.%s has %zu",
                             lists[k].key, n, lists[0].key, out->n);
        for (size_t i = 0; i < n; i++)
            if ((*lists[k].values)[i] < 0 || (*lists[k].values)[i] > COUNT_MOST)
                return error_set(err, ERR_INVALID, "inputs.%s[%zu] must be from 0 to %g",
                                 lists[k].key, i, COUNT_MOST);
    }
    return ERR_OK;
}

static enum err_code dispersion(const json_t *inputs, const json_t *params, struct arena *arena,
                                json_t **out, struct error *err)
{
    struct streams streams;
    struct dispersion result;

    (void)params;
    if (read_streams(inputs, arena, &streams, err))
        return err->code;
    dispersion_estimate(streams.errors_canary, streams.errors_baseline, streams.exposure_canary,
                        streams.exposure_baseline, streams.n, arena, &result);
    *out = json_object();
    stats_set(*out, "log_ratio", result.log_ratio);
    stats_set(*out, "pearson", result.pearson);
    stats_set(*out, "df", result.df);
    stats_set(*out, "phi", result.phi);
    stats_set(*out, "p", result.p);
    stats_set(*out, "omega", result.omega);
    stats_set(*out, "inflation", result.inflation);
    return ERR_OK;
}

static enum err_code poisson_mixture(const json_t *inputs, const json_t *params,
                                     struct arena *arena, json_t **out, struct error *err)
{
    static const char *const directions[] = {"either", "increase", "decrease", NULL};
    struct poisson_mixture_settings settings = POISSON_MIXTURE_DEFAULTS;
    double alpha = ALPHA_DEFAULT, n_grid = (double)settings.n_grid, lower, upper;
    size_t direction = DIRECTION_EITHER;
    struct poisson_mixture *mixture;
    struct streams streams;

    if (read_streams(inputs, arena, &streams, err) ||
        stats_number_or(params, "params", "prior_sd", 1e-3, 1e3, &settings.prior_sd, err) ||
        stats_number_or(params, "params", "grid_lo", -12, 12, &settings.grid_lo, err) ||
        stats_number_or(params, "params", "grid_hi", settings.grid_lo, 12, &settings.grid_hi,
                        err) ||
        stats_number_or(params, "params", "grid_points", 1, 10000, &n_grid, err) ||
        stats_number_or(params, "params", "alpha", ALPHA_LEAST, ALPHA_MOST, &alpha, err) ||
        stats_number_or(params, "params", "margin", -12, 12, &settings.margin, err) ||
        stats_choice(params, "params", "direction", directions, &direction, err))
        return err->code;
    settings.n_grid = (size_t)n_grid;
    settings.direction = (enum direction)direction;
    mixture = poisson_mixture_create(&settings, arena);
    if (!mixture)
        return error_set(err, ERR_INVALID,
                         "params.margin leaves no grid point between params.grid_lo and grid_hi");
    for (size_t t = 0; t < streams.n; t++)
        poisson_mixture_add(mixture, streams.errors_canary[t], streams.exposure_canary[t],
                            streams.errors_baseline[t], streams.exposure_baseline[t]);
    poisson_mixture_interval(mixture, alpha, 1, &lower, &upper);
    *out = json_object();
    stats_set(*out, "log_e", poisson_mixture_log_e(mixture, 1));
    stats_set(*out, "mle_log_ratio", poisson_mixture_mle(mixture));
    stats_set(*out, "cs_lower", lower);
    stats_set(*out, "cs_upper", upper);
    return ERR_OK;
}

static enum err_code beta_binomial(const json_t *inputs, const json_t *params, struct arena *arena,
                                   json_t **out, struct error *err)
{
    double events, total, rho, alpha = ALPHA_DEFAULT;
    double concentration = BETA_BINOMIAL_CONCENTRATION_DEFAULT;
    struct beta_binomial mixture;

    (void)arena;
    if (stats_number(inputs, "inputs", "total_events", 0, COUNT_MOST, &total, err) ||
        stats_number(inputs, "inputs", "canary_events", 0, total, &events, err) ||
        stats_number(params, "params", "rho", 1e-12, 1 - 1e-12, &rho, err) ||
        stats_number_or(params, "params", "concentration", 1e-3, 1e6, &concentration, err) ||
        stats_number_or(params, "params", "alpha", ALPHA_LEAST, ALPHA_MOST, &alpha, err))
        return err->code;
    beta_binomial_mixture(events, total, rho, concentration, alpha, &mixture);
    *out = json_object();
    stats_set(*out, "log_e", mixture.log_e);
    stats_set(*out, "share_lower", mixture.share_lower);
    stats_set(*out, "share_upper", mixture.share_upper);
    stats_set(*out, "log_ratio_lower", mixture.log_ratio_lower);
    stats_set(*out, "log_ratio_upper", mixture.log_ratio_upper);
    return ERR_OK;
}

/* inputs.<key>[t], a histogram of *n_buckets counts; 0 for "as many as there are". */
static enum err_code read_histogram(const json_t *inputs, const char *key, size_t t,
                                    struct arena *arena, double **counts, size_t *n_buckets,
                                    struct error *err)
{
    const json_t *list = json_array_get(json_object_get(inputs, key), t);
    const json_t *value;
    size_t k;

    if (json_array_size(list) == 0 || (*n_buckets && json_array_size(list) != *n_buckets))
        return error_set(err, ERR_INVALID,
                         "inputs.%s[%zu] must be a list of counts, as many as in inputs.canary[0]",
                         key, t);
    *n_buckets = json_array_size(list);
    *counts = arena_array(arena, double, *n_buckets);
    json_array_foreach (list, k, value)
        if (!json_to_double(value, &(*counts)[k]) ||
            !((*counts)[k] >= 0 && (*counts)[k] <= COUNT_MOST))
            return error_set(err, ERR_INVALID, "inputs.%s[%zu][%zu] must be a count from 0 to %g",
                             key, t, k, COUNT_MOST);
    return ERR_OK;
}

static enum err_code multinomial(const json_t *inputs, const json_t *params, struct arena *arena,
                                 json_t **out, struct error *err)
{
    const json_t *canary = json_object_get(inputs, "canary");
    const json_t *baseline = json_object_get(inputs, "baseline");
    double prior = MULTINOMIAL_PRIOR_DEFAULT;
    struct multinomial_e process;
    size_t n_buckets = 0;

    if (!json_is_array(canary) || json_array_size(canary) == 0)
        return error_set(err, ERR_INVALID, "inputs.canary must be a list of histograms");
    if (!json_is_array(baseline) || json_array_size(baseline) != json_array_size(canary))
        return error_set(err, ERR_INVALID,
                         "inputs.baseline must be a list of %zu histograms, as inputs.canary is",
                         json_array_size(canary));
    if (stats_number_or(params, "params", "dirichlet_prior", 1e-6, 1e6, &prior, err))
        return err->code;
    for (size_t t = 0; t < json_array_size(canary); t++) {
        double *a, *b;

        if (read_histogram(inputs, "canary", t, arena, &a, &n_buckets, err) ||
            read_histogram(inputs, "baseline", t, arena, &b, &n_buckets, err))
            return err->code;
        if (t == 0)
            multinomial_e_start(&process, n_buckets, prior, arena);
        multinomial_e_add(&process, a, b);
    }
    *out = json_object();
    stats_set(*out, "log_e", process.log_e);
    stats_set(*out, "max_log_e", process.max_log_e);
    return ERR_OK;
}

/* --- sequences -------------------------------------------------------------------------------- */

static enum err_code asymptotic_cs(const json_t *inputs, const json_t *params, struct arena *arena,
                                   json_t **out, struct error *err)
{
    double sigma, t, alpha = ALPHA_DEFAULT, t_star = ASYMPTOTIC_CS_T_STAR_DEFAULT;
    double rho2, approximate;

    (void)arena;
    if (stats_number(inputs, "inputs", "sigma", 0, DBL_MAX, &sigma, err) ||
        stats_number(inputs, "inputs", "t", 1, 1e15, &t, err) ||
        stats_number_or(params, "params", "alpha", ALPHA_LEAST, ALPHA_MOST, &alpha, err) ||
        stats_number_or(params, "params", "t_star", 1e-3, 1e15, &t_star, err))
        return err->code;
    rho2 = asymptotic_cs_rho2(alpha, t_star);
    approximate = asymptotic_cs_rho2_approximate(alpha, t_star);
    *out = json_object();
    stats_set(*out, "rho2_exact", rho2);
    stats_set(*out, "rho2_approx", approximate);
    stats_set(*out, "radius_exact", asymptotic_cs_radius(sigma, t, alpha, rho2));
    stats_set(*out, "radius_approx", asymptotic_cs_radius(sigma, t, alpha, approximate));
    return ERR_OK;
}

static enum err_code t_mixture(const json_t *inputs, const json_t *params, struct arena *arena,
                               json_t **out, struct error *err)
{
    double g = T_MIXTURE_G_DEFAULT, alpha = ALPHA_DEFAULT;
    struct t_mixture mixture;
    double *d;
    size_t n;

    if (stats_list(inputs, "inputs", "d", arena, &d, &n, err) ||
        stats_number_or(params, "params", "g", 1e-6, 1e6, &g, err) ||
        stats_number_or(params, "params", "alpha", ALPHA_LEAST, ALPHA_MOST, &alpha, err))
        return err->code;
    t_mixture_iid(d, n, g, alpha, arena, &mixture);
    *out = json_object();
    stats_set_finite(*out, "t", mixture.t);
    stats_set(*out, "nu", mixture.nu);
    stats_set(*out, "log_e", mixture.log_e);
    stats_set(*out, "always_valid_p", mixture.log_e < 0 ? 1 : exp(-mixture.log_e));
    stats_set(*out, "centre", mixture.centre);
    stats_set(*out, "radius", mixture.radius);
    return ERR_OK;
}

/* The looks that are shown: after the first half hour, three quarters, an hour, and the last. */
static const size_t shown_looks[] = {30, 45, 60, SIZE_MAX};

static void set_looks(json_t *result, const struct t_mixture_sequence *sequence)
{
    size_t last = sequence->first_look + sequence->n_looks - 1;
    double t[ARRAY_LEN(shown_looks)], log_e[ARRAY_LEN(t)], centre[ARRAY_LEN(t)];
    double radius[ARRAY_LEN(t)];
    size_t n = 0;

    for (size_t i = 0; sequence->n_looks && i < ARRAY_LEN(shown_looks); i++) {
        size_t at = shown_looks[i] < last ? shown_looks[i] : last;
        const struct t_mixture *look;

        if (at < sequence->first_look || (n && t[n - 1] == (double)at))
            continue;
        look = &sequence->looks[at - sequence->first_look];
        t[n] = (double)at;
        log_e[n] = look->log_e;
        centre[n] = look->centre;
        radius[n++] = look->radius;
    }
    stats_set_list(result, "t", t, n);
    stats_set_list(result, "log_e", log_e, n);
    stats_set_list(result, "centre", centre, n);
    stats_set_list(result, "radius", radius, n);
}

static enum err_code har_sequence(const json_t *inputs, const json_t *params, struct arena *arena,
                                  json_t **out, struct error *err)
{
    static const char *const variants[] = {"mean", "rank", NULL};
    double min_points = T_MIXTURE_MIN_POINTS_DEFAULT;
    struct t_mixture_settings settings = {
        .g = T_MIXTURE_G_DEFAULT, .alpha = ALPHA_DEFAULT, .ratio = 1};
    struct t_mixture_sequence sequence;
    size_t variant = T_MIXTURE_MEAN;
    struct stats_samples samples;

    if (stats_samples(inputs, arena, &samples, err) ||
        stats_choice(params, "params", "variant", variants, &variant, err) ||
        stats_number_or(params, "params", "g", 1e-6, 1e6, &settings.g, err) ||
        stats_number_or(params, "params", "alpha", ALPHA_LEAST, ALPHA_MOST, &settings.alpha, err) ||
        stats_number_or(params, "params", "min_points", 3, SEQUENCE_MOST_POINTS, &min_points, err))
        return err->code;
    if (samples.n != samples.m)
        return error_set(err, ERR_INVALID, "inputs.y has %zu values, inputs.x has %zu", samples.m,
                         samples.n);
    if (samples.n > SEQUENCE_MOST_POINTS)
        return error_set(err, ERR_LIMIT, "inputs.x has %zu values; the most is %d", samples.n,
                         SEQUENCE_MOST_POINTS);
    settings.variant = (enum t_mixture_variant)variant;
    settings.min_points = (size_t)min_points;
    har_t_mixture_sequence(samples.x, samples.y, samples.n, &settings, arena, &sequence);
    *out = json_object();
    set_looks(*out, &sequence);
    stats_set(*out, "first_crossing", (double)sequence.first_crossing); /* 0: never */
    stats_set(*out, "running_max_log_e", sequence.max_log_e);
    return ERR_OK;
}

const struct stats_kind stats_counts_kinds[] = {
    {"ks_two_sample", ks_two_sample},
    {"anderson_darling_2sample", anderson_darling},
    {"harrell_davis", harrell_davis},
    {"maritz_jarrett_se", maritz_jarrett_se},
    {"quantile_type7", type7},
    {"two_proportions", proportions},
    {"poisson_rates", rates},
    {"dispersion", dispersion},
    {"asymptotic_cs", asymptotic_cs},
    {"t_mixture", t_mixture},
    {"har_t_mixture_sequence", har_sequence},
    {"poisson_mixture_e", poisson_mixture},
    {"beta_binomial_mixture", beta_binomial},
    {"multinomial_e_process", multinomial},
    {"howard_ramdas_ecdf_radius", ecdf_radius},
    {0},
};
