/* Means: has the average changed? For sums and averages, where one large value ought to count as
 * much as it weighs; RobustRank-v1.0 is the one for anything with outliers.
 *
 * har (default)        differences minute against minute (or each side by itself), with a long-run
 *                      variance; less what has always set the two apart, when that is known
 * welch, independent   points that are known to be independent
 * bootstrap            blocks of minutes drawn again and again, stretched to the long-run variance
 *
 * A ratio rho of the means is tested on x - rho y and a shift on x - shift - y, so that the test of
 * a limit is that of "no change" on other data. */
#include "judge/measure.h"
#include "judge/noise.h"
#include "judge/stats/bootstrap.h"
#include "judge/stats/distribution.h"
#include "judge/stats/drift.h"
#include "judge/stats/power.h"
#include "judge/stats/scale.h"
#include "judge/stats/welch.h"

#include <math.h>

#define LEAST_PAIRS_BEFORE 30 /* to know what has always set the two apart */
#define WELCH_LEAST_POINTS 2

enum procedure { PROCEDURE_HAR, PROCEDURE_BEFORE, PROCEDURE_WELCH, PROCEDURE_BOOTSTRAP };

struct mean_test {
    const struct test_input *input;
    struct arena *scratch;
    enum procedure procedure;
    struct arms before; /* with PROCEDURE_BEFORE */
    bool has_ratio;     /* the control's mean is above 0 */
    bool is_of_nothing; /* it is 0, as any multiple of it */
};

/* One run of the test, whatever the procedure. */
struct mean_run {
    double effect, se, t, df; /* of mean x - mean y */
    double p, above, below;
    double lower, upper;
    double phi, vif, n_eff, n_informative;
    double omega_before; /* long-run variance of the differences before, over their number */
    double effect_before;
};

static void take_har(const struct har_test *test, const struct arms *arms, struct mean_run *out)
{
    const struct long_run *x = &test->run, *y = arms->is_paired ? &test->run : &test->run_other;

    out->phi = fmax(x->phi_corrected, y->phi_corrected);
    out->vif = fmax(x->vif, y->vif);
    out->n_eff = fmin(x->n_eff, y->n_eff);
    out->n_informative =
        fmin(measure_informative_points(arms->sides[SIDE_EXPERIMENT].n, x->phi_corrected),
             measure_informative_points(arms->sides[SIDE_CONTROL].n, y->phi_corrected));
}

static void run_har(const struct mean_test *test, const double *x, const double *y,
                    struct mean_run *out)
{
    const struct arms *arms = test->input->arms;
    size_t n = arms->sides[SIDE_EXPERIMENT].n, m = arms->sides[SIDE_CONTROL].n;
    double alpha = test->input->policy->options.alpha;
    struct har_test har;

    if (test->procedure == PROCEDURE_BEFORE) {
        const struct arms *before = &test->before;
        const double *x_before = before->sides[SIDE_EXPERIMENT].values;
        size_t n_before = before->sides[SIDE_EXPERIMENT].n;

        difference_in_differences(x, y, n, x_before, before->sides[SIDE_CONTROL].values, n_before,
                                  alpha, test->scratch, &har);
        out->omega_before = har.run_other.omega / (double)n_before;
        out->effect_before = har.run_other.mean;
    } else if (arms->is_paired) {
        har_mean_paired(x, y, n, alpha, test->scratch, &har);
    } else {
        har_mean_unpaired(x, n, y, m, alpha, test->scratch, &har);
    }
    take_har(&har, arms, out);
    out->effect = har.effect;
    out->se = har.se;
    out->df = har.df;
}

static void run_welch(const struct mean_test *test, const double *x, const double *y,
                      struct mean_run *out)
{
    const struct arms *arms = test->input->arms;
    struct welch welch;

    welch_test(x, arms->sides[SIDE_EXPERIMENT].n, y, arms->sides[SIDE_CONTROL].n,
               ALTERNATIVE_TWO_SIDED, test->input->policy->options.alpha, test->scratch, &welch);
    out->effect = welch.diff;
    out->se = welch.se;
    out->df = welch.df;
}

static uint64_t seed_of(const struct test_input *input)
{
    const struct judge_options *options = &input->policy->options;

    return options->has_seed
               ? options->seed
               : noise_seed(input->pair->name, input->pair->sides[SIDE_EXPERIMENT].start_unix_ms);
}

/* Replaces p and interval of a run of har by those of the bootstrap. */
static void add_bootstrap(const struct mean_test *test, const double *x, const double *y,
                          struct mean_run *out)
{
    const struct arms *arms = test->input->arms;
    const struct judge_options *options = &test->input->policy->options;
    size_t n = arms->sides[SIDE_EXPERIMENT].n, m = arms->sides[SIDE_CONTROL].n;
    int exponent = scale_exponent_of_two(x, n, y, m);
    /* calibrated, and with the uncertainty of the long-run variance that Student's t stands for */
    double wider =
        t_quantile_two_sided(options->alpha, out->df) / normal_quantile_two_sided(options->alpha);
    double se = ldexp(out->se * wider, -exponent);
    const struct bootstrap_settings settings = {.is_paired = arms->is_paired,
                                                .n_samples = options->bootstrap_samples,
                                                .seed = seed_of(test->input),
                                                .alpha = options->alpha,
                                                .omega_har = (double)n * se * se};
    struct bootstrap bootstrap;

    bootstrap_difference(scale_down(x, n, exponent, test->scratch), n,
                         scale_down(y, m, exponent, test->scratch), m, bootstrap_mean_difference,
                         NULL, &settings, test->scratch, &bootstrap);
    if (!(bootstrap.omega_boot > 0) || isnan(bootstrap.scaled_p))
        return; /* no variance: what the long-run variance says */
    out->p = bootstrap.scaled_p;
    out->lower = ldexp(bootstrap.scaled_lower, exponent);
    out->upper = ldexp(bootstrap.scaled_upper, exponent);
    out->above = out->effect >= 0 ? out->p / 2 : 1 - out->p / 2;
    out->below = out->effect <= 0 ? out->p / 2 : 1 - out->p / 2;
}

static void run_test(const struct mean_test *test, const double *x, const double *y,
                     struct mean_run *out)
{
    const struct arms *arms = test->input->arms;
    size_t n = arms->sides[SIDE_EXPERIMENT].n, m = arms->sides[SIDE_CONTROL].n;
    struct interval interval;

    *out = (struct mean_run){
        .phi = NAN, .vif = 1, .n_eff = (double)(n < m ? n : m), .n_informative = INFINITY};
    if (test->procedure == PROCEDURE_WELCH)
        run_welch(test, x, y, out);
    else
        run_har(test, x, y, out);
    out->se *= test->input->se_factor;
    out->t = t_statistic(out->effect, out->se);
    out->p = p_two_sided_t(out->t, out->df);
    out->above = p_upper_t(out->t, out->df);
    out->below = p_upper_t(-out->t, out->df);
    interval = interval_around(out->effect, out->se,
                               t_quantile_two_sided(test->input->policy->options.alpha, out->df));
    out->lower = interval.lower;
    out->upper = interval.upper;
    if (test->procedure == PROCEDURE_BOOTSTRAP)
        add_bootstrap(test, x, y, out);
}

static void test_limit(void *ctx, struct measure_limit limit, double *above, double *below)
{
    const struct mean_test *test = ctx;
    const struct sample *x = &test->input->arms->sides[SIDE_EXPERIMENT];
    const struct sample *y = &test->input->arms->sides[SIDE_CONTROL];
    double *moved = arena_array(test->scratch, double, x->n);
    double *scaled = arena_array(test->scratch, double, y->n);
    struct mean_run run = {.above = NAN, .below = NAN};

    for (size_t i = 0; i < x->n; i++)
        moved[i] = x->values[i] - limit.shift;
    for (size_t i = 0; i < y->n; i++)
        scaled[i] = y->values[i] * limit.factor;
    if (limit.factor == 1 || test->has_ratio || test->is_of_nothing)
        run_test(test, moved, scaled, &run);
    *above = run.above;
    *below = run.below;
}

/* Standard error of the log of (mean x - what has always set the two apart) / mean y. */
static double log_ratio_se(const struct mean_test *test, const struct mean_run *run, double mean_x,
                           double mean_y)
{
    const struct arms *arms = test->input->arms;
    const struct sample *x = &arms->sides[SIDE_EXPERIMENT], *y = &arms->sides[SIDE_CONTROL];
    double alpha = test->input->policy->options.alpha;
    double *moved;
    struct har_test har;

    if (test->procedure == PROCEDURE_WELCH) {
        double *relative_x = arena_array(test->scratch, double, x->n);
        double *relative_y = arena_array(test->scratch, double, y->n);

        for (size_t i = 0; i < x->n; i++)
            relative_x[i] = x->values[i] / mean_x;
        for (size_t i = 0; i < y->n; i++)
            relative_y[i] = y->values[i] / mean_y;
        return sqrt(moments_of(relative_x, x->n).variance / (double)x->n +
                    moments_of(relative_y, y->n).variance / (double)y->n);
    }
    moved = arena_array(test->scratch, double, x->n);
    for (size_t i = 0; i < x->n; i++)
        moved[i] = x->values[i] - run->effect_before;
    if (arms->is_paired)
        har_ratio_paired(moved, y->values, x->n, alpha, test->scratch, &har);
    else
        har_ratio_unpaired(moved, x->n, y->values, y->n, alpha, test->scratch, &har);
    return hypot(har.se, sqrt(run->omega_before) / mean_x);
}

static struct effect ratio_effect(const struct mean_test *test, const struct mean_run *run,
                                  double mean_y)
{
    double ratio = 1 + run->effect / mean_y, quantile;
    double mean_x = mean_y + run->effect;
    struct interval log_ratio;

    if (!(mean_x > 0) || test->procedure == PROCEDURE_BOOTSTRAP)
        return (struct effect){"ratio", ratio, 1 + run->lower / mean_y, 1 + run->upper / mean_y,
                               UNIT_RATIO};
    quantile = t_quantile_two_sided(test->input->policy->options.alpha, run->df);
    log_ratio = interval_around(
        log(ratio), log_ratio_se(test, run, mean_x, mean_y) * test->input->se_factor, quantile);
    return (struct effect){"ratio", ratio, exp(log_ratio.lower), exp(log_ratio.upper), UNIT_RATIO};
}

/* The effect on the scale of the margins, or as a shift where that scale does not exist and none is
 * needed. */
static void report_effect(const struct mean_test *test, const struct mean_run *run, double mean_y,
                          struct test_report *out)
{
    const struct effect shift = {"shift", run->effect, run->lower, run->upper, UNIT_METRIC};

    test_report_add_effect(out, shift);
    if (test->has_ratio && test->input->policy->effect_measure == EFFECT_MEAN_RATIO) {
        out->effect = ratio_effect(test, run, mean_y);
        out->margin_neutral = EFFECT_NEUTRAL_MEAN_RATIO;
    } else {
        out->effect = shift;
        out->margin_neutral = EFFECT_NEUTRAL_DIFFERENCE;
    }
}

static const char *method_name(const struct mean_test *test)
{
    switch (test->procedure) {
    case PROCEDURE_WELCH:
        return "welch";
    case PROCEDURE_BOOTSTRAP:
        return "mean-bootstrap";
    case PROCEDURE_BEFORE:
        return "mean-har-before";
    default:
        return test->input->arms->is_paired ? "mean-har-paired" : "mean-har-unpaired";
    }
}

/* Pairs from before the change, enough of them. */
static bool has_before(const struct test_input *input, struct arena *scratch, struct arms *before)
{
    struct error unused = {0}; /* a factor that cannot be used was refused before */

    return input->before && input->arms->is_paired &&
           !arms_prepare(input->before, input->policy, scratch, before, &unused) &&
           before->is_paired && before->sides[0].n >= LEAST_PAIRS_BEFORE;
}

static struct mean_test choose(const struct test_input *input, struct arena *scratch)
{
    const struct judge_options *options = &input->policy->options;
    struct mean_test test = {.input = input, .scratch = scratch, .procedure = PROCEDURE_HAR};

    if (options->method == METHOD_BOOTSTRAP)
        test.procedure = PROCEDURE_BOOTSTRAP;
    else if (options->is_independent || options->method == METHOD_WELCH ||
             options->method == METHOD_INDEPENDENT)
        test.procedure = PROCEDURE_WELCH;
    else if (has_before(input, scratch, &test.before))
        test.procedure = PROCEDURE_BEFORE;
    return test;
}

/* How far the estimate is from the margin, as a shift. */
static double distance(const struct mean_test *test, const struct mean_run *run, double mean_y)
{
    const struct metric_policy *policy = test->input->policy;
    double limit = policy->direction == DIRECTION_DECREASE ? policy->allowed_decrease
                                                           : policy->allowed_increase;
    struct measure_limit data = measure_limit(policy, limit);

    return run->effect - data.shift - (data.factor - 1) * mean_y;
}

static void mean_judge_test(const struct test_input *input, struct arena *scratch,
                            struct arena *arena, struct test_report *out)
{
    const struct sample *x = &input->arms->sides[SIDE_EXPERIMENT];
    const struct sample *y = &input->arms->sides[SIDE_CONTROL];
    struct mean_test test = choose(input, scratch);
    bool is_welch = test.procedure == PROCEDURE_WELCH;
    double mean_y;
    struct mean_run run;

    if (!measure_is_testable(input, out) ||
        !measure_has_points(is_welch ? WELCH_LEAST_POINTS : MEASURE_MIN_HAR_POINTS, is_welch, arena,
                            out))
        return;
    mean_y = measure_mean(y->values, y->n, scratch);
    test.has_ratio = mean_y > 0;
    test.is_of_nothing = mean_y == 0 && input->policy->effect_measure == EFFECT_MEAN_RATIO;
    if (!test.has_ratio && !test.is_of_nothing &&
        input->policy->effect_measure == EFFECT_MEAN_RATIO && !measure_is_neutral(input->policy)) {
        measure_refuse_ratio(out);
        return;
    }
    run_test(&test, x->values, y->values, &run);
    out->is_of_nothing = test.is_of_nothing;
    out->method = method_name(&test);
    out->exactness =
        test.procedure == PROCEDURE_BOOTSTRAP ? EXACTNESS_APPROXIMATE : EXACTNESS_ASYMPTOTIC;
    out->statistic_name = "T";
    out->statistic = run.t;
    out->df = run.df;
    out->p = run.p;
    out->phi = run.phi;
    out->variance_inflation = run.vif;
    out->n_eff = run.n_eff;
    out->is_uninformative = run.n_informative < input->policy->options.min_effective_points;
    report_effect(&test, &run, mean_y, out);
    measure_margins(input->policy, (double[2]){run.above, run.below}, test_limit, &test, out);
    measure_plan(run.se, run.df, distance(&test, &run, mean_y), out);
    measure_add_effects(input, scratch, out);
    measure_add_memory(input->arms, scratch, out);
    measure_warn_of_drift(input->arms, scratch, arena, out);
    if (test.procedure == PROCEDURE_BOOTSTRAP &&
        out->alpha * (double)(input->policy->options.bootstrap_samples + 1) < 1)
        test_report_warn(out, "tooFewSamples",
                         "so few resamples cannot reach this alpha; raise bootstrapSamples");
}

const struct judge_type judge_mean = {
    .name = "Mean-v1.0",
    .is_visible = true,
    .methods =
        1u << METHOD_HAR | 1u << METHOD_WELCH | 1u << METHOD_INDEPENDENT | 1u << METHOD_BOOTSTRAP,
    .test = mean_judge_test,
};
