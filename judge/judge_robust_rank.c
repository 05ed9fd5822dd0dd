/* Ranks with a long-run variance: the recommended judge. Is a canary's point the higher one more
 * often than chance allows, when neighbouring minutes resemble each other and both sides share the
 * time of day? The shift is Hodges and Lehmann's, exact in any unit.
 *
 * har (default)  pooled ranks, minute against minute where the minutes match
 * ess            Mann-Whitney with an effective number of points; best under pure AR(1)
 * independent    Brunner-Munzel, for points that are known to be independent */
#include "judge/measure.h"
#include "judge/stats/distribution.h"
#include "judge/stats/hodges_lehmann.h"
#include "judge/stats/power.h"
#include "judge/stats/rank_test.h"

#include <math.h>

/* One run of the test, whatever the method. */
struct rank_run {
    const char *method, *statistic_name;
    enum exactness exactness;
    double p_hat, se, t, df; /* t = (p_hat - 1/2) / se, up to a correction of ess */
    double sigma_u;
    double phi, vif, n_eff;
    double n_informative; /* effective points of an AR(1) series with this phi */
};

static void take_har(const struct har_test *test, const struct arms *arms, struct rank_run *out)
{
    const struct long_run *x = &test->run, *y = arms->is_paired ? &test->run : &test->run_other;
    size_t n = arms->sides[SIDE_EXPERIMENT].n, m = arms->sides[SIDE_CONTROL].n;

    out->method = arms->is_paired ? "rank-har-paired" : "rank-har-unpaired";
    out->p_hat = test->effect;
    out->se = test->se;
    out->t = test->t;
    out->df = test->df;
    out->phi = fmax(x->phi_corrected, y->phi_corrected);
    out->vif = fmax(x->vif, y->vif);
    out->n_eff = fmin(x->n_eff, y->n_eff);
    out->n_informative = fmin(measure_informative_points(n, x->phi_corrected),
                              measure_informative_points(m, y->phi_corrected));
}

/* Of the experiment's values `x`, in order of time, against the control's. */
static void run_test(const struct test_input *input, const double *x, struct arena *scratch,
                     struct rank_run *out)
{
    const struct arms *arms = input->arms;
    const struct judge_options *options = &input->policy->options;
    const double *y = arms->sides[SIDE_CONTROL].values;
    size_t n = arms->sides[SIDE_EXPERIMENT].n, m = arms->sides[SIDE_CONTROL].n;
    double pairs = (double)n * (double)m;

    *out = (struct rank_run){.statistic_name = "T",
                             .exactness = EXACTNESS_ASYMPTOTIC,
                             .phi = NAN,
                             .vif = 1,
                             .n_eff = (double)(n < m ? n : m),
                             .n_informative = INFINITY};
    if (options->is_independent || options->method == METHOD_INDEPENDENT) {
        struct brunner_munzel test;

        brunner_munzel_test(x, n, y, m, options->alpha, RANK_INTERVAL_PLAIN, scratch, &test);
        out->method = "brunner-munzel";
        out->p_hat = test.p_hat;
        out->se = test.se;
        out->t = test.statistic;
        out->df = test.df;
        out->sigma_u = pairs * test.se;
    } else if (options->method == METHOD_ESS) {
        struct rank_normal normal;
        struct rank_ess test;

        rank_test_normal(x, n, y, m, ALTERNATIVE_TWO_SIDED, scratch, &normal);
        rank_test_ess(x, n, y, m, scratch, &test);
        out->method = "rank-ess";
        out->exactness = EXACTNESS_APPROXIMATE;
        out->p_hat = normal.cles;
        out->sigma_u = normal.sigma * sqrt(test.vif);
        out->se = out->sigma_u / pairs;
        out->t = test.t;
        out->df = test.df;
        out->phi = fmax(test.phi_x, test.phi_y);
        out->vif = test.vif;
        out->n_eff = fmin((double)n, (double)m) / test.vif;
        out->n_informative = fmin(measure_informative_points(n, test.phi_x),
                                  measure_informative_points(m, test.phi_y));
    } else {
        struct har_test test;

        if (arms->is_paired)
            har_rank_paired(x, y, n, options->alpha, scratch, &test, NULL);
        else
            har_rank_unpaired(x, n, y, m, options->alpha, scratch, &test, NULL);
        take_har(&test, arms, out);
        out->sigma_u = pairs * test.se;
    }
    out->se *= input->se_factor;
    out->t /= input->se_factor;
    out->sigma_u *= input->se_factor;
}

static bool assumes_independence(const struct judge_options *options)
{
    return options->is_independent || options->method == METHOD_INDEPENDENT;
}

static bool has_ties(const struct sample *x, const struct sample *y)
{
    size_t i = 0, j = 0;
    double last = NAN;

    while (i < x->n || j < y->n) {
        bool is_x = j == y->n || (i < x->n && x->sorted[i] <= y->sorted[j]);
        double value = is_x ? x->sorted[i++] : y->sorted[j++];

        if (value == last)
            return true;
        last = value;
    }
    return false;
}

/* The k of the interval D(k)..D(n m + 1 - k). */
static uint64_t order_of_limits(const struct test_input *input, const struct rank_run *run,
                                struct arena *scratch)
{
    const struct sample *x = &input->arms->sides[SIDE_EXPERIMENT];
    const struct sample *y = &input->arms->sides[SIDE_CONTROL];
    double alpha = input->policy->options.alpha, half = (double)x->n * (double)y->n / 2, k;
    struct rank_normal normal;
    double level;

    if (!assumes_independence(&input->policy->options)) {
        k = floor(half - t_quantile_two_sided(alpha, run->df) * run->sigma_u);
        return k >= 1 ? (uint64_t)k : 1;
    }
    rank_test_normal(x->values, x->n, y->values, y->n, ALTERNATIVE_TWO_SIDED, scratch, &normal);
    if (x->n < RANK_TEST_MAX_EXACT_POINTS && y->n < RANK_TEST_MAX_EXACT_POINTS &&
        input->se_factor == 1 && !has_ties(x, y))
        return hodges_lehmann_exact_k(x->n, y->n, alpha, scratch, &level);
    return hodges_lehmann_normal_k(x->n, y->n, normal.sigma * input->se_factor,
                                   normal_quantile_two_sided(alpha));
}

/* The effect on the scale of the margins. False: that scale does not exist for these data. */
static bool measure_effect(const struct test_input *input, const struct rank_run *run,
                           const struct hodges_lehmann *shift, double level,
                           struct test_report *out)
{
    double half_width = t_quantile_two_sided(out->alpha, run->df) * run->se;
    double p_lower = fmax(0, run->p_hat - half_width), p_upper = fmin(1, run->p_hat + half_width);
    struct effect as_shift = {"shift", shift->estimate, shift->lower, shift->upper, UNIT_METRIC};
    struct effect as_cles = {"cles", run->p_hat, p_lower, p_upper, UNIT_PROBABILITY};
    struct effect as_delta = {"cliffsDelta", 2 * run->p_hat - 1, 2 * p_lower - 1, 2 * p_upper - 1,
                              UNIT_PROBABILITY};

    out->margin_neutral = measure_neutral(input->policy);
    test_report_add_effect(out, as_shift);
    test_report_add_effect(out, as_cles);
    test_report_add_effect(out, as_delta);
    switch (input->policy->effect_measure) {
    case EFFECT_SHIFT:
        out->effect = as_shift;
        return true;
    case EFFECT_CLES:
        out->effect = as_cles;
        return true;
    case EFFECT_CLIFFS_DELTA:
        out->effect = as_delta;
        return true;
    case EFFECT_MEAN_RATIO:
        break;
    }
    if (level > 0) {
        out->effect =
            (struct effect){"ratio", 1 + shift->estimate / level, 1 + shift->lower / level,
                            1 + shift->upper / level, UNIT_RATIO};
        return true;
    }
    out->effect = as_shift;
    out->margin_neutral = EFFECT_NEUTRAL_DIFFERENCE;
    return false;
}

/* One-sided p-values against one limit. */
static void limit_p(const struct test_input *input, const struct rank_run *run, double limit,
                    double level, struct arena *scratch, double *above, double *below)
{
    const struct metric_policy *policy = input->policy;
    const struct sample *x = &input->arms->sides[SIDE_EXPERIMENT];
    double neutral = measure_neutral(policy), by;
    struct rank_run moved = *run;

    if (policy->effect_measure == EFFECT_CLES || policy->effect_measure == EFFECT_CLIFFS_DELTA) {
        by = policy->effect_measure == EFFECT_CLES ? limit : (limit + 1) / 2;
        if (limit != neutral)
            moved.t = t_statistic(run->p_hat - by, run->se);
    } else {
        by = measure_limit_as_shift(policy, limit, level);
        if (isnan(by)) { /* there is no such limit for these data, nor ranks of NaN */
            *above = *below = NAN;
            return;
        }
        if (by != 0) {
            double *values = arena_array(scratch, double, x->n);

            for (size_t i = 0; i < x->n; i++)
                values[i] = x->values[i] - by;
            run_test(input, values, scratch, &moved);
        }
    }
    *above = p_upper_t(moved.t, moved.df);
    *below = p_upper_t(-moved.t, moved.df);
}

static void margin_p(const struct test_input *input, const struct rank_run *run, double level,
                     struct arena *scratch, struct test_report *out)
{
    const struct metric_policy *policy = input->policy;

    for (int margin = MARGIN_ALLOWED; margin <= MARGIN_CRITICAL; margin++) {
        double increase = measure_increase(policy, margin);
        double decrease = measure_decrease(policy, margin);
        double unused;

        if (margin == MARGIN_CRITICAL && !policy->is_critical)
            continue;
        limit_p(input, run, increase, level, scratch, &out->above[margin], &out->below[margin]);
        if (decrease != increase)
            limit_p(input, run, decrease, level, scratch, &unused, &out->below[margin]);
    }
}

/* What the test could have seen, and how long until it sees what it did not. */
static void plan_ahead(const struct test_input *input, const struct rank_run *run,
                       const struct hodges_lehmann *shift, double level, struct test_report *out)
{
    size_t n = out->n[0] < out->n[1] ? out->n[0] : out->n[1];
    double quantile = t_quantile_two_sided(out->alpha, run->df);
    double se = (shift->upper - shift->lower) / (2 * quantile);
    const struct metric_policy *policy = input->policy;
    double limit = policy->direction == DIRECTION_DECREASE ? policy->allowed_decrease
                                                           : policy->allowed_increase;
    double margin = measure_limit_as_shift(policy, limit, level);

    if (!isfinite(se) || policy->effect_measure == EFFECT_CLES ||
        policy->effect_measure == EFFECT_CLIFFS_DELTA)
        return;
    out->minimum_detectable_effect = (quantile + t_quantile(POWER_DEFAULT, run->df)) * se;
    out->points_needed = power_points_needed(se * se * (double)n, fabs(margin - shift->estimate),
                                             out->alpha, POWER_DEFAULT);
}

static void robust_rank_test(const struct test_input *input, struct arena *scratch,
                             struct arena *arena, struct test_report *out)
{
    const struct sample *x = &input->arms->sides[SIDE_EXPERIMENT];
    const struct sample *y = &input->arms->sides[SIDE_CONTROL];
    struct hodges_lehmann shift;
    struct rank_run run;
    bool is_independent = assumes_independence(&input->policy->options);
    double level;

    if (!measure_has_points(is_independent ? 2 : MEASURE_MIN_HAR_POINTS, is_independent, arena,
                            out))
        return;
    run_test(input, x->values, scratch, &run);
    hodges_lehmann_interval(x->sorted, x->n, y->sorted, y->n, order_of_limits(input, &run, scratch),
                            scratch, &shift);
    level = measure_level(input->arms);
    out->method = run.method;
    out->exactness = run.exactness;
    out->statistic_name = run.statistic_name;
    out->statistic = run.t;
    out->df = run.df;
    out->p = p_two_sided_t(run.t, run.df);
    out->phi = run.phi;
    out->variance_inflation = run.vif;
    out->n_eff = run.n_eff;
    out->is_uninformative = run.n_informative < input->policy->options.min_effective_points;
    out->is_of_nothing = !measure_effect(input, &run, &shift, level, out) && level == 0;
    if (out->effect.unit == UNIT_METRIC && input->policy->effect_measure == EFFECT_MEAN_RATIO &&
        !out->is_of_nothing && !measure_is_neutral(input->policy)) {
        out->decision = DECISION_NO_DATA;
        out->reason = "the margins are ratios, which a baseline below 0 does not have; set "
                      "effectSize.measure to \"shift\" or \"cles\"";
        return;
    }
    margin_p(input, &run, level, scratch, out);
    plan_ahead(input, &run, &shift, level, out);
    measure_add_effects(input, scratch, out);
    measure_add_memory(input->arms, scratch, out);
    measure_warn_of_drift(input->arms, scratch, arena, out);
    if (out->p <= out->alpha && shift.lower <= 0 && shift.upper >= 0)
        test_report_warn(out, "manyTies",
                         "the test finds a difference that the interval of the shift does not, "
                         "because many values are equal");
}

const struct judge_type judge_robust_rank = {
    .name = "RobustRank-v1.0",
    .is_visible = true,
    .methods = 1u << METHOD_HAR | 1u << METHOD_ESS | 1u << METHOD_INDEPENDENT,
    .test = robust_rank_test,
};
