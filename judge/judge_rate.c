/* Counts with their exposure: errors among requests, events per second. Was the rate of the canary
 * another one? A Poisson test knows how much counts vary by themselves, and so finds what a test of
 * minute values cannot; a canary with a tenth of the traffic is no trouble to it.
 *
 * The model says how counts scatter:
 *
 *   default    given the sum of both sides, the experiment's count is binomial (mid-p); up to a
 *              dispersion c of 1.5 over the minutes widened by sqrt(c), above it as `har`
 *   poisson    without a look at the dispersion
 *   tempered   widened by sqrt(c), however large c is
 *   har        the long-run variance of log((errors + 1/2) / exposure)
 *   bernoulli  two proportions, for errors among requests where errors are frequent
 *
 * Source: Przyborowski and Wilenski 1940, Lancaster 1961 (mid-p); Newcombe 1998, Donner and Zou
 * 2012 (interval of a ratio of proportions from two Wilson intervals). */
#include "judge/measure.h"
#include "judge/rate_counts.h"
#include "judge/stats/binomial.h"
#include "judge/stats/dispersion.h"
#include "judge/stats/distribution.h"
#include "judge/stats/poisson_rates.h"
#include "judge/stats/power.h"
#include "judge/stats/scale.h"
#include "judge/stats/two_proportions.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

#define SCATTER_LEVEL 0.05 /* of Pearson's chi-squared */
#define MEMORY_LEVEL 0.01  /* of the long-run variance */
#define QUASI_MAX_DISPERSION 1.5
#define LOG_OFFSET 0.5 /* of an event: a minute without any has a logarithm, too */

struct rate_test {
    const struct test_input *input;
    struct arena *scratch;
    struct rate_side sides[N_SIDES];
    double dispersion; /* times the variance of Poisson counts; 1 when it was not looked at */
    double widening;   /* of standard errors: root of it, times calibration */
    bool is_shift;     /* the effect is a difference of the rates, not their ratio */
};

/* The difference of the rates that a test with this standard error finds; without events there is
 * nothing to tell it from. */
static void plan(double se, struct test_report *out)
{
    if (se > 0)
        out->minimum_detectable_effect =
            (normal_quantile_two_sided(out->alpha) + gsl_cdf_ugaussian_Pinv(POWER_DEFAULT)) * se;
}

/* p-values, and the points that the margin asks for, from standard errors of the log of the ratio
 * and of the difference of the rates. */
static void conclude(struct rate_test *test, measure_limit_test at, double log_se,
                     double difference_se, struct test_report *out)
{
    const struct metric_policy *policy = test->input->policy;
    double x = test->sides[SIDE_EXPERIMENT].rate, y = test->sides[SIDE_CONTROL].rate;
    size_t n = out->n[0] < out->n[1] ? out->n[0] : out->n[1];
    struct measure_limit limit =
        measure_limit(policy, policy->direction == DIRECTION_DECREASE ? policy->allowed_decrease
                                                                      : policy->allowed_increase);
    double distance = test->is_shift ? (x - y - limit.shift) / difference_se
                                     : (log(x / y) - log(limit.factor)) / log_se;
    double neutral[2];

    at(test, (struct measure_limit){.shift = 0, .factor = 1}, &neutral[0], &neutral[1]);
    out->p = fmin(1, 2 * fmin(neutral[0], neutral[1]));
    measure_margins(policy, neutral, at, test, out);
    if (isfinite(distance))
        out->points_needed =
            power_points_needed((double)n, fabs(distance), out->alpha, POWER_DEFAULT);
}

/* --- Poisson --- */

/* max(1, phi, omega) where one of them is more than chance among Poisson counts, else 1. Both
 * scatter much with an hour of minutes (omega has 6 degrees of freedom then), and to believe them
 * always costs a tenth of the canaries whose error rate has doubled. */
static double shown_dispersion(double pearson, double omega, size_t n)
{
    double df = (double)n - 1, nu = (double)long_run_nu(n);
    bool is_shown = gsl_cdf_chisq_Q(pearson, df) < SCATTER_LEVEL ||
                    gsl_cdf_chisq_Q(omega * nu, nu) < MEMORY_LEVEL;

    return is_shown ? fmax(1, fmax(pearson / df, omega)) : 1;
}

/* Of one side's residuals against its own mean rate. */
static double dispersion_of_side(const struct rate_side *side, struct arena *scratch)
{
    double *residuals = arena_array(scratch, double, side->n), pearson = 0;
    struct long_run run;

    if (side->n < 2 || side->rate == 0)
        return 1;
    for (size_t i = 0; i < side->n; i++) {
        double expected = side->rate * side->exposure[i];

        residuals[i] = (side->events[i] - expected) / sqrt(expected);
        pearson += residuals[i] * residuals[i];
    }
    long_run_variance(residuals, side->n, scratch, &run);
    return shown_dispersion(pearson, run.omega, side->n);
}

static double dispersion_of(const struct rate_test *test)
{
    const struct rate_side *x = &test->sides[SIDE_EXPERIMENT], *y = &test->sides[SIDE_CONTROL];
    struct dispersion dispersion;

    if (!test->input->arms->is_paired)
        return fmax(dispersion_of_side(x, test->scratch), dispersion_of_side(y, test->scratch));
    dispersion_estimate(x->events, y->events, x->exposure, y->exposure, x->n, test->scratch,
                        &dispersion);
    return dispersion.df > 0 && isfinite(dispersion.log_ratio)
               ? shown_dispersion(dispersion.pearson, dispersion.omega, (size_t)dispersion.df + 1)
               : 1;
}

/* A one-sided p-value as if its z were smaller. */
static double widen(double p, double by)
{
    return by == 1 ? p : p_value(erfc(gsl_cdf_ugaussian_Qinv(p) / by / M_SQRT2) / 2);
}

static double rate_difference_se(const struct rate_test *test)
{
    const struct rate_side *x = &test->sides[SIDE_EXPERIMENT], *y = &test->sides[SIDE_CONTROL];

    return hypot(sqrt(x->total) / x->exposed, sqrt(y->total) / y->exposed) * test->widening;
}

static void poisson_at(void *ctx, struct measure_limit limit, double *above, double *below)
{
    const struct rate_test *test = ctx;
    const struct rate_side *x = &test->sides[SIDE_EXPERIMENT], *y = &test->sides[SIDE_CONTROL];
    double n = x->total + y->total, at, share;

    if (limit.shift != 0) {
        double z = t_statistic(x->rate - y->rate - limit.shift, rate_difference_se(test));

        *above = p_value(erfc(z / M_SQRT2) / 2);
        *below = p_value(erfc(-z / M_SQRT2) / 2);
        return;
    }
    if (!(limit.factor > 0)) { /* no rate is below 0 */
        *above = x->total > 0 ? 0 : 0.5;
        *below = 1;
        return;
    }
    share = 1 / (1 + y->exposed / x->exposed / limit.factor);
    at = exp(binomial_log_pmf(x->total, n, share)) / 2;
    *above = widen(p_value(fmax(0, binomial_upper(x->total, n, share) - at)), test->widening);
    *below = widen(p_value(fmax(0, binomial_lower(x->total, n, share) - at)), test->widening);
}

/* An end of an interval as far from the estimate again as `by` says, on the log scale. */
static double stretch(double estimate, double end, double by)
{
    return estimate > 0 && isfinite(estimate) ? estimate * pow(end / estimate, by) : end;
}

static void test_poisson(struct rate_test *test, struct effect *ratio, struct effect *difference,
                         struct test_report *out)
{
    const struct rate_side *x = &test->sides[SIDE_EXPERIMENT], *y = &test->sides[SIDE_CONTROL];
    bool is_plain = test->input->policy->options.model == MODEL_POISSON;
    double se = rate_difference_se(test);
    struct poisson_rates rates;
    struct interval interval;

    poisson_rates_test(x->total, x->exposed, y->total, y->exposed, out->alpha, &rates);
    interval = interval_around(x->rate - y->rate, se, normal_quantile_two_sided(out->alpha));
    *ratio =
        (struct effect){"rateRatio", rates.ratio, stretch(rates.ratio, rates.lower, test->widening),
                        stretch(rates.ratio, rates.upper, test->widening), UNIT_RATIO};
    *difference = (struct effect){"difference", x->rate - y->rate, interval.lower, interval.upper,
                                  UNIT_METRIC};
    out->method = is_plain ? "poisson-mid-p" : "poisson-quasi";
    out->exactness = is_plain ? EXACTNESS_EXACT : EXACTNESS_ASYMPTOTIC;
    out->statistic_name = "z";
    out->statistic = rates.z_score / test->widening;
    out->variance_inflation = test->dispersion;
    out->n_eff = (double)x->n / test->dispersion;
    conclude(test, poisson_at,
             x->total > 0 && y->total > 0 ? sqrt(1 / x->total + 1 / y->total) * test->widening
                                          : NAN,
             se, out);
    plan(se, out);
}

/* --- long-run variance --- */

/* Logs of the rates, or the rates where the effect is their difference. The unit of the exposure
 * would change the last digit of a logarithm, and goes before. */
static double *transform(const struct rate_test *test, int side, double shift)
{
    const struct rate_side *from = &test->sides[side], *other = &test->sides[!side];
    int unit = scale_exponent_of_two(from->exposure, from->n, other->exposure, other->n);
    double *out = arena_array(test->scratch, double, from->n);

    for (size_t i = 0; i < from->n; i++) {
        double events = from->events[i] + LOG_OFFSET, exposure = ldexp(from->exposure[i], -unit);

        out[i] = test->is_shift ? from->events[i] / from->exposure[i] - shift
                                : log(events / exposure) - shift;
    }
    return out;
}

static void run_har(const struct rate_test *test, double shift, struct har_test *out)
{
    double alpha = test->input->policy->options.alpha;
    const double *x = transform(test, SIDE_EXPERIMENT, shift);
    const double *y = transform(test, SIDE_CONTROL, 0);
    size_t n = test->sides[SIDE_EXPERIMENT].n, m = test->sides[SIDE_CONTROL].n;

    if (test->input->arms->is_paired)
        har_mean_paired(x, y, n, alpha, test->scratch, out);
    else
        har_mean_unpaired(x, n, y, m, alpha, test->scratch, out);
    out->se *= test->widening;
    out->t = t_statistic(out->effect, out->se);
}

static void har_at(void *ctx, struct measure_limit limit, double *above, double *below)
{
    const struct rate_test *test = ctx;
    struct har_test har;

    if (!test->is_shift && !(limit.factor > 0)) {
        *above = 0;
        *below = 1;
        return;
    }
    run_har(test, test->is_shift ? limit.shift : log(limit.factor), &har);
    *above = p_upper_t(har.t, har.df);
    *below = p_upper_t(-har.t, har.df);
}

static void test_har(struct rate_test *test, struct effect *ratio, struct effect *difference,
                     struct test_report *out)
{
    bool is_paired = test->input->arms->is_paired;
    size_t n = test->sides[SIDE_EXPERIMENT].n, m = test->sides[SIDE_CONTROL].n;
    struct har_test har;
    struct interval interval;
    const struct long_run *x, *y;

    run_har(test, 0, &har);
    x = &har.run;
    y = is_paired ? &har.run : &har.run_other;
    interval = interval_around(har.effect, har.se, t_quantile_two_sided(out->alpha, har.df));
    *difference = (struct effect){
        "difference", test->sides[SIDE_EXPERIMENT].rate - test->sides[SIDE_CONTROL].rate, NAN, NAN,
        UNIT_METRIC};
    *ratio = (struct effect){"rateRatio",
                             test->sides[SIDE_EXPERIMENT].rate / test->sides[SIDE_CONTROL].rate,
                             NAN, NAN, UNIT_RATIO};
    if (test->is_shift)
        *difference =
            (struct effect){"difference", har.effect, interval.lower, interval.upper, UNIT_METRIC};
    else
        *ratio = (struct effect){"rateRatio", exp(har.effect), exp(interval.lower),
                                 exp(interval.upper), UNIT_RATIO};
    out->method = is_paired ? "log-rate-har-paired" : "log-rate-har-unpaired";
    if (test->is_shift)
        out->method = is_paired ? "rate-har-paired" : "rate-har-unpaired";
    out->statistic_name = "T";
    out->statistic = har.t;
    out->df = har.df;
    out->phi = fmax(x->phi_corrected, y->phi_corrected);
    out->variance_inflation = fmax(x->vif, y->vif);
    out->n_eff = fmin(x->n_eff, y->n_eff);
    out->is_uninformative = fmin(measure_informative_points(n, x->phi_corrected),
                                 measure_informative_points(m, y->phi_corrected)) <
                            test->input->policy->options.min_effective_points;
    conclude(test, har_at, har.se, har.se, out);
    out->minimum_detectable_effect =
        (t_quantile_two_sided(out->alpha, har.df) + t_quantile(POWER_DEFAULT, har.df)) * har.se *
        (test->is_shift ? 1 : test->sides[SIDE_CONTROL].rate);
}

/* --- two proportions --- */

static void proportions_at(void *ctx, struct measure_limit limit, double *above, double *below)
{
    const struct rate_test *test = ctx;
    const struct rate_side *x = &test->sides[SIDE_EXPERIMENT], *y = &test->sides[SIDE_CONTROL];
    double p1 = x->rate, p2 = y->rate;
    double z;

    if (limit.shift == 0 && limit.factor == 1) {
        struct two_proportions neutral;
        double p;

        two_proportions_test(x->total, x->exposed, y->total, y->exposed, 0.5, &neutral);
        p = widen((neutral.is_small ? neutral.p_fisher : neutral.p_uncorrected) / 2,
                  test->widening);
        *above = neutral.difference >= 0 ? p : 1 - p;
        *below = neutral.difference <= 0 ? p : 1 - p;
        return;
    }
    z = t_statistic(
        p1 - limit.shift - limit.factor * p2,
        hypot(sqrt(p1 * (1 - p1) / x->exposed), limit.factor * sqrt(p2 * (1 - p2) / y->exposed)) *
            test->widening);
    *above = p_value(erfc(z / M_SQRT2) / 2);
    *below = p_value(erfc(-z / M_SQRT2) / 2);
}

/* The interval of p1 / p2 from those of p1 and p2: Donner and Zou, Stat. Methods Med. Res. 21(4),
 * 2012, equations 10 and 11. */
static struct interval ratio_interval(const struct two_proportions *of)
{
    double both = of->p1 * of->p2;
    double l1 = of->wilson1_lower, u1 = of->wilson1_upper;
    double l2 = of->wilson2_lower, u2 = of->wilson2_upper;

    return (struct interval){
        .lower = fmax(0, both - sqrt(fmax(0, both * both - l1 * u2 * (2 * of->p1 - l1) *
                                                               (2 * of->p2 - u2)))) /
                 (u2 * (2 * of->p2 - u2)),
        .upper = l2 > 0 ? (both + sqrt(fmax(0, both * both - u1 * l2 * (2 * of->p1 - u1) *
                                                                 (2 * of->p2 - l2)))) /
                              (l2 * (2 * of->p2 - l2))
                        : INFINITY};
}

static bool are_proportions(const struct rate_test *test, struct test_report *out)
{
    if (!test->input->exposure)
        return test_refuse(
            out, DECISION_ERROR,
            "the model \"bernoulli\" needs exposureMetric, the requests of each interval");
    for (int side = 0; side < N_SIDES; side++)
        for (size_t i = 0; i < test->sides[side].n; i++)
            if (test->sides[side].events[i] > test->sides[side].exposure[i])
                return test_refuse(
                    out, DECISION_ERROR,
                    "the model \"bernoulli\" cannot have more errors than requests in an "
                    "interval; set model to \"poisson\"");
    return test->sides[0].exposed >= 1 && test->sides[1].exposed >= 1
               ? true
               : test_refuse(out, DECISION_NO_DATA, "a side has less than one request");
}

static void test_proportions(struct rate_test *test, struct effect *ratio,
                             struct effect *difference, struct test_report *out)
{
    const struct rate_side *x = &test->sides[SIDE_EXPERIMENT], *y = &test->sides[SIDE_CONTROL];
    struct two_proportions of;
    struct interval interval;
    double se;

    two_proportions_test(x->total, x->exposed, y->total, y->exposed, out->alpha, &of);
    interval = ratio_interval(&of);
    *ratio = (struct effect){"rateRatio", of.p1 / of.p2,
                             stretch(of.p1 / of.p2, interval.lower, test->widening),
                             stretch(of.p1 / of.p2, interval.upper, test->widening), UNIT_RATIO};
    *difference = (struct effect){
        "difference", of.difference,
        of.difference - test->widening * (of.difference - of.newcombe_lower),
        of.difference + test->widening * (of.newcombe_upper - of.difference), UNIT_METRIC};
    out->method = of.is_small ? "two-proportions-fisher" : "two-proportions";
    out->statistic_name = "z";
    out->statistic = of.z / test->widening;
    se = hypot(sqrt(of.p1 * (1 - of.p1) / x->exposed), sqrt(of.p2 * (1 - of.p2) / y->exposed)) *
         test->widening;
    conclude(test, proportions_at,
             hypot(sqrt((1 - of.p1) / x->total), sqrt((1 - of.p2) / y->total)) * test->widening, se,
             out);
    plan(se, out);
}

/* --- the judge --- */

typedef void (*rate_procedure)(struct rate_test *test, struct effect *ratio,
                               struct effect *difference, struct test_report *out);

/* NULL: `out` says why not. */
static rate_procedure choose(struct rate_test *test, struct arena *arena, struct test_report *out)
{
    enum count_model model = test->input->policy->options.model;
    size_t n = out->n[0] < out->n[1] ? out->n[0] : out->n[1];

    if (model == MODEL_BERNOULLI)
        return are_proportions(test, out) ? test_proportions : NULL;
    if (model == MODEL_HAR)
        return measure_has_points(MEASURE_MIN_HAR_POINTS, false, arena, out) ? test_har : NULL;
    if (model == MODEL_POISSON)
        return test_poisson;
    test->dispersion = dispersion_of(test);
    if (model == MODEL_DEFAULT && test->dispersion > QUASI_MAX_DISPERSION &&
        n >= MEASURE_MIN_HAR_POINTS)
        return test_har;
    test->widening *= sqrt(test->dispersion);
    return test_poisson;
}

static void rate_judge_test(const struct test_input *input, struct arena *scratch,
                            struct arena *arena, struct test_report *out)
{
    struct rate_test test = {.input = input,
                             .scratch = scratch,
                             .dispersion = 1,
                             .widening = input->se_factor,
                             .is_shift = input->policy->effect_measure == EFFECT_SHIFT};
    struct effect ratio, difference;
    rate_procedure procedure;

    if (!measure_is_testable(input, out) ||
        !rate_counts_read(input, scratch, arena, test.sides, out))
        return;
    procedure = choose(&test, arena, out);
    if (!procedure)
        return;
    procedure(&test, &ratio, &difference, out);
    out->effect = test.is_shift ? difference : ratio;
    out->margin_neutral = test.is_shift ? EFFECT_NEUTRAL_DIFFERENCE : EFFECT_NEUTRAL_MEAN_RATIO;
    test_report_add_effect(out, ratio);
    test_report_add_effect(out, difference);
    if (!input->exposure)
        test_report_warn(out, "noExposure",
                         "the counts are compared as if both sides had the same traffic; name the "
                         "metric with their requests in exposureMetric");
}

const struct judge_type judge_rate = {
    .name = "Rate-v1.0",
    .is_visible = true,
    .test = rate_judge_test,
};
