/* Whole distributions, and quantiles: for changes that leave the middle where it is, such as a tail
 * that grows or a spread that doubles.
 *
 * ad (default)  Anderson and Darling's distance of the two distributions, heavy on the tails
 * ks            Kolmogorov and Smirnov's largest difference
 * quantile      differences of `quantiles` (Harrell-Davis); Holm's method within the metric, and
 * the quantile with the smallest p-value decides
 *
 * ad and ks are made for independent points. Others are counted as the n_eff that their ranks are
 * worth, which is approximate: KS takes n_eff in place of n, and A^2, which grows as n does, is
 * divided by nm/(n+m) over the same of the n_eff. With `independent` nothing is divided, KS is
 * exact, and `exact` has AD's p from permutations.
 *
 * Such a distance has no sign. It counts as higher when the upper half of all points holds more of
 * the canary's than the baseline's, and as lower when it holds fewer; with direction "decrease" the
 * lower half is looked at. So a spread that doubles is an increase to who fears an increase. A
 * limit is tested by moving the data by it first (measure.h), whatever the form of the change.
 * There is no interval, and so never a proof that nothing happened. */
#include "judge/measure.h"
#include "judge/noise.h"
#include "judge/stats/anderson_darling.h"
#include "judge/stats/distribution.h"
#include "judge/stats/ks.h"
#include "judge/stats/quantiles.h"

#include <math.h>

#define LEAST_POINTS 2
#define N_PERMUTATIONS 9999
#define PERCENT 100.0

struct distribution_test {
    const struct test_input *input;
    struct arena *scratch;
    const struct test_report *report;
    bool has_ratio;
    bool is_of_nothing; /* the control's mean is 0, as any multiple of it */
};

static bool is_independent(const struct test_input *input)
{
    return input->policy->options.is_independent;
}

/* False: the margins are ratios, and the control has none. */
static bool has_scale(const struct distribution_test *test, struct test_report *out)
{
    const struct metric_policy *policy = test->input->policy;

    if (test->has_ratio || test->is_of_nothing || policy->effect_measure != EFFECT_MEAN_RATIO ||
        measure_is_neutral(policy))
        return true;
    measure_refuse_ratio(out);
    return false;
}

/* --- distances --- */

struct distance_run {
    double distance;     /* largest difference of the distributions */
    double upper, lower; /* mean excess of the experiment in the upper and in the lower half */
    double statistic, p, above, below;
    double phi, n_eff_x, n_eff_y;
};

/* How the two differ over all points, and where. */
static void look_at_halves(const struct sample *x, const struct sample *y, struct distance_run *out)
{
    double half = (double)(x->n + y->n) / 2;
    size_t i = 0, j = 0;

    while (i < x->n || j < y->n) {
        double value =
            i < x->n && (j == y->n || x->sorted[i] < y->sorted[j]) ? x->sorted[i] : y->sorted[j];
        double below = (double)(i + j), middle, excess,
               before = (double)j / (double)y->n - (double)i / (double)x->n;

        while (i < x->n && x->sorted[i] == value)
            i++;
        while (j < y->n && y->sorted[j] == value)
            j++;
        excess = (double)j / (double)y->n - (double)i / (double)x->n;
        out->distance = fmax(out->distance, fabs(excess));
        middle = (below + (double)(i + j)) / 2;
        excess = (excess + before) / 2 * ((double)(i + j) - below);
        if (middle > half)
            out->upper += excess;
        else if (middle < half)
            out->lower += excess;
    }
}

static uint64_t seed_of(const struct test_input *input)
{
    const struct judge_options *options = &input->policy->options;

    return options->has_seed
               ? options->seed
               : noise_seed(input->pair->name, input->pair->sides[SIDE_EXPERIMENT].start_unix_ms);
}

static void run_ks(const struct distribution_test *test, const struct sample *x,
                   const struct sample *y, struct distance_run *out)
{
    struct ks ks;

    if (!is_independent(test->input)) {
        out->statistic = out->distance;
        out->p = p_value(ks_asymptotic_p(out->distance, out->n_eff_x, out->n_eff_y));
        return;
    }
    ks_test(x->values, x->n, y->values, y->n, test->scratch, &ks);
    out->statistic = ks.d;
    out->p = p_value(isnan(ks.p_exact) ? ks.p_asymptotic : ks.p_exact);
}

static void run_ad(const struct distribution_test *test, const struct sample *x,
                   const struct sample *y, struct distance_run *out)
{
    double n = (double)x->n, m = (double)y->n;
    double points = n * m / (n + m);
    double effective = out->n_eff_x * out->n_eff_y / (out->n_eff_x + out->n_eff_y);
    struct anderson_darling ad;

    anderson_darling_test(x->values, x->n, y->values, y->n, test->scratch, &ad);
    out->statistic = ad.t_midrank;
    if (is_independent(test->input) && test->input->policy->options.is_exact)
        out->p = anderson_darling_permutation_p(x->values, x->n, y->values, y->n, N_PERMUTATIONS,
                                                seed_of(test->input), test->scratch);
    else
        out->p = anderson_darling_p(ad.t_midrank, x->n, y->n, fmax(1, points / effective));
}

static void run_distance(const struct distribution_test *test, const struct sample *x,
                         const struct sample *y, struct distance_run *out)
{
    const struct metric_policy *policy = test->input->policy;
    double tail, factor = test->input->se_factor;

    *out = (struct distance_run){.phi = NAN, .n_eff_x = (double)x->n, .n_eff_y = (double)y->n};
    look_at_halves(x, y, out);
    if (out->distance == 0) { /* moved by its margin, one is the other */
        out->statistic = 0;
        out->p = out->above = out->below = 1;
        return;
    }
    if (!is_independent(test->input)) {
        struct har_test memory;

        har_rank_unpaired(x->values, x->n, y->values, y->n, policy->options.alpha, test->scratch,
                          &memory, NULL);
        out->phi = fmax(memory.run.phi_corrected, memory.run_other.phi_corrected);
        out->n_eff_x = memory.run.n_eff / (factor * factor);
        out->n_eff_y = memory.run_other.n_eff / (factor * factor);
    }
    if (policy->options.method == METHOD_KS)
        run_ks(test, x, y, out);
    else
        run_ad(test, x, y, out);
    tail = policy->direction == DIRECTION_DECREASE ? out->lower : out->upper;
    out->above = tail >= 0 ? out->p / 2 : 1 - out->p / 2;
    out->below = tail <= 0 ? out->p / 2 : 1 - out->p / 2;
}

static struct sample moved(const struct sample *from, double factor, double shift,
                           struct arena *scratch)
{
    struct sample out = {.values = arena_array(scratch, double, from->n),
                         .sorted = arena_array(scratch, double, from->n),
                         .n = from->n};

    for (size_t i = 0; i < from->n; i++) {
        size_t rank = factor < 0 ? from->n - 1 - i : i;

        out.values[i] = from->values[i] * factor - shift;
        out.sorted[i] = from->sorted[rank] * factor - shift;
    }
    return out;
}

static void distance_at(void *ctx, struct measure_limit limit, double *above, double *below)
{
    const struct distribution_test *test = ctx;
    const struct arms *arms = test->input->arms;
    struct sample x = moved(&arms->sides[SIDE_EXPERIMENT], 1, limit.shift, test->scratch);
    struct sample y = moved(&arms->sides[SIDE_CONTROL], limit.factor, 0, test->scratch);
    struct distance_run run = {.above = NAN, .below = NAN};

    if (limit.factor == 1 || test->has_ratio || test->is_of_nothing)
        run_distance(test, &x, &y, &run);
    *above = run.above;
    *below = run.below;
}

static void test_distance(struct distribution_test *test, struct test_report *out)
{
    const struct arms *arms = test->input->arms;
    const struct judge_options *options = &test->input->policy->options;
    bool is_ks = options->method == METHOD_KS;
    struct distance_run run;

    run_distance(test, &arms->sides[SIDE_EXPERIMENT], &arms->sides[SIDE_CONTROL], &run);
    out->method = is_ks ? "kolmogorov-smirnov" : "anderson-darling";
    out->exactness = EXACTNESS_APPROXIMATE;
    if (is_independent(test->input))
        out->exactness = is_ks || options->is_exact ? EXACTNESS_EXACT : EXACTNESS_ASYMPTOTIC;
    out->statistic_name = is_ks ? "D" : "T";
    out->statistic = run.statistic;
    out->p = run.p;
    out->phi = run.phi;
    out->n_eff = fmin(run.n_eff_x, run.n_eff_y);
    out->variance_inflation = fmax((double)arms->sides[SIDE_EXPERIMENT].n / run.n_eff_x,
                                   (double)arms->sides[SIDE_CONTROL].n / run.n_eff_y);
    out->effect = (struct effect){"distance", run.distance, NAN, NAN, UNIT_PROBABILITY};
    out->margin_neutral = 0;
    if (!isnan(run.phi))
        out->is_uninformative =
            fmin(measure_informative_points(out->n[0], run.phi),
                 measure_informative_points(out->n[1], run.phi)) < options->min_effective_points;
    measure_margins(test->input->policy, (double[2]){run.above, run.below}, distance_at, test, out);
    if (options->is_exact && !is_independent(test->input))
        test_report_warn(out, "notExact",
                         "permutations are exact for independent points only; set \"independent\" "
                         "if these are");
}

/* --- quantiles --- */

struct quantile_run {
    double p[MAX_QUANTILES];
    struct quantile_difference found[MAX_QUANTILES];
    double se_x[MAX_QUANTILES], se_y[MAX_QUANTILES];
    size_t n;
};

static const struct quantile_run *quantiles_of(const struct distribution_test *test, double alpha)
{
    const struct arms *arms = test->input->arms;
    const struct sample *x = &arms->sides[SIDE_EXPERIMENT], *y = &arms->sides[SIDE_CONTROL];
    const struct judge_options *options = &test->input->policy->options;
    struct quantile_run *out = arena_new(test->scratch, struct quantile_run);

    for (size_t i = 0; i < options->n_quantiles; i++) {
        struct quantile_difference *found = &out->found[out->n];
        double p = options->quantiles[i];

        if (!quantile_has_enough_points(x->n < y->n ? x->n : y->n, p))
            continue;
        quantile_difference_test(x->values, x->n, y->values, y->n, p, alpha, test->scratch, found);
        out->p[out->n] = p;
        out->se_x[out->n] = found->se_x * test->input->se_factor;
        out->se_y[out->n] = found->se_y * test->input->se_factor;
        if (is_independent(test->input)) {
            out->se_x[out->n] /= sqrt(found->inflation_x);
            out->se_y[out->n] /= sqrt(found->inflation_y);
        }
        out->n++;
    }
    return out;
}

struct quantile_test {
    const struct distribution_test *test;
    const struct quantile_run *run;
};

static double upper_normal(double z)
{
    return p_value(erfc(z / M_SQRT2) / 2);
}

/* z of "the quantile lies at the limit". */
static double quantile_z(const struct quantile_run *run, size_t i, struct measure_limit limit)
{
    const struct quantile_difference *found = &run->found[i];

    return t_statistic(limit.factor == 1 ? found->difference - limit.shift
                                         : found->q_x - limit.shift - limit.factor * found->q_y,
                       hypot(run->se_x[i], limit.factor * run->se_y[i]));
}

static void quantiles_at(void *ctx, struct measure_limit limit, double *above, double *below)
{
    const struct quantile_test *of = ctx;
    double n = (double)of->run->n, high = 1, low = 1;

    for (size_t i = 0; i < of->run->n; i++) {
        double z = quantile_z(of->run, i, limit);

        high = fmin(high, n * upper_normal(z));
        low = fmin(low, n * upper_normal(-z));
    }
    if (limit.factor != 1 && !of->test->has_ratio)
        high = low = NAN;
    *above = high;
    *below = low;
}

/* The effect of one quantile on the scale of the margins; all of them together hold at 1 - alpha.
 */
static struct effect quantile_effect(const struct distribution_test *test,
                                     const struct quantile_run *run, size_t i)
{
    const struct quantile_difference *found = &run->found[i];
    double quantile = normal_quantile_two_sided(test->report->alpha / (double)run->n);
    struct interval shift =
        interval_around(found->difference, hypot(run->se_x[i], run->se_y[i]), quantile);
    struct interval log_ratio;

    if (test->input->policy->effect_measure != EFFECT_MEAN_RATIO || !test->has_ratio)
        return (struct effect){"quantileDifference", found->difference, shift.lower, shift.upper,
                               UNIT_METRIC};
    if (!(found->q_x > 0))
        return (struct effect){"ratio", found->q_x / found->q_y, 1 + shift.lower / found->q_y,
                               1 + shift.upper / found->q_y, UNIT_RATIO};
    log_ratio =
        interval_around(log(found->q_x / found->q_y),
                        hypot(run->se_x[i] / found->q_x, run->se_y[i] / found->q_y), quantile);
    return (struct effect){"ratio", found->q_x / found->q_y, exp(log_ratio.lower),
                           exp(log_ratio.upper), UNIT_RATIO};
}

/* How far the interval reaches beyond the limits; below 0: not at all. */
static double reach(const struct effect *effect, const struct metric_policy *policy)
{
    double high = effect->upper - policy->allowed_increase;
    double low = policy->allowed_decrease - effect->lower;

    return policy->direction == DIRECTION_INCREASE   ? high
           : policy->direction == DIRECTION_DECREASE ? low
                                                     : fmax(high, low);
}

/* The quantile that speaks for all: the one with the smallest p-value when that flags the metric,
 * else the one whose interval leaves the most room for harm. */
static size_t spokesman(const struct distribution_test *test, const struct quantile_run *run)
{
    const struct metric_policy *policy = test->input->policy;
    size_t smallest = 0, widest = 0;
    double least = 2, furthest = -INFINITY;

    for (size_t i = 0; i < run->n; i++) {
        struct effect effect = quantile_effect(test, run, i);
        double high =
            upper_normal(quantile_z(run, i, measure_limit(policy, policy->allowed_increase)));
        double low =
            upper_normal(-quantile_z(run, i, measure_limit(policy, policy->allowed_decrease)));
        double p = fmin(policy->direction == DIRECTION_DECREASE ? 1 : high,
                        policy->direction == DIRECTION_INCREASE ? 1 : low);

        if (p < least) {
            least = p;
            smallest = i;
        }
        if (reach(&effect, policy) > furthest) {
            furthest = reach(&effect, policy);
            widest = i;
        }
    }
    return 2 * least * (double)run->n <= test->report->alpha ? smallest : widest;
}

static void test_quantiles(struct distribution_test *test, struct arena *arena,
                           struct test_report *out)
{
    const struct judge_options *options = &test->input->policy->options;
    const struct quantile_run *run = quantiles_of(test, out->alpha);
    struct quantile_test of = {test, run};
    size_t chosen;
    double neutral[2];

    if (run->n == 0) {
        double p = options->quantiles[0];

        out->decision = DECISION_NO_DATA;
        out->reason = arena_printf(arena,
                                   "too few points for the quantile %g: at least %.0f are needed "
                                   "(5 on its smaller side)",
                                   p, ceil(5 / fmin(p, 1 - p) * (1 - 1e-12)));
        return;
    }
    test->has_ratio = true;
    for (size_t i = 0; i < run->n; i++)
        test->has_ratio = test->has_ratio && run->found[i].q_y > 0;
    if (!has_scale(test, out))
        return;
    chosen = spokesman(test, run);
    out->method = "quantile";
    out->statistic_name = arena_printf(arena, "Z(p%g)", run->p[chosen] * PERCENT);
    out->statistic = quantile_z(run, chosen, (struct measure_limit){.shift = 0, .factor = 1});
    out->n_eff = (double)(out->n[0] < out->n[1] ? out->n[0] : out->n[1]);
    if (!is_independent(test->input)) {
        out->variance_inflation =
            fmax(run->found[chosen].inflation_x, run->found[chosen].inflation_y);
        out->n_eff /= out->variance_inflation;
    }
    quantiles_at(&of, (struct measure_limit){.shift = 0, .factor = 1}, &neutral[0], &neutral[1]);
    out->p = fmin(1, 2 * fmin(neutral[0], neutral[1]));
    out->effect = quantile_effect(test, run, chosen);
    out->margin_neutral =
        out->effect.unit == UNIT_RATIO ? EFFECT_NEUTRAL_MEAN_RATIO : EFFECT_NEUTRAL_DIFFERENCE;
    for (size_t i = 0; i < run->n; i++) {
        struct effect effect = quantile_effect(test, run, i);

        effect.measure = arena_printf(arena, "%s(p%g)", effect.measure, run->p[i] * PERCENT);
        test_report_add_effect(out, effect);
    }
    measure_margins(test->input->policy, neutral, quantiles_at, &of, out);
    if (run->n < options->n_quantiles)
        test_report_warn(
            out, "quantilesLeftOut",
            "some of the quantiles need more points (5 on their smaller side) and were "
            "left out");
}

/* --- the judge --- */

static void distribution_judge_test(const struct test_input *input, struct arena *scratch,
                                    struct arena *arena, struct test_report *out)
{
    const struct sample *y = &input->arms->sides[SIDE_CONTROL];
    struct distribution_test test = {.input = input, .scratch = scratch, .report = out};

    if (!measure_is_testable(input, out) ||
        !measure_has_points(is_independent(input) ? LEAST_POINTS : MEASURE_MIN_HAR_POINTS,
                            is_independent(input), arena, out))
        return;
    if (input->policy->options.method == METHOD_QUANTILE) {
        test_quantiles(&test, arena, out);
    } else {
        double level = measure_mean(y->values, y->n, scratch);

        test.has_ratio = level > 0;
        test.is_of_nothing = level == 0 && input->policy->effect_measure == EFFECT_MEAN_RATIO;
        out->is_of_nothing = test.is_of_nothing;
        if (has_scale(&test, out))
            test_distance(&test, out);
    }
    if (out->decision != DECISION_UNDECIDED)
        return;
    measure_add_effects(input, scratch, out);
    measure_add_memory(input->arms, scratch, out);
}

const struct judge_type judge_distribution = {
    .name = "Distribution-v1.0",
    .is_visible = true,
    .methods = 1u << METHOD_AD | 1u << METHOD_KS | 1u << METHOD_QUANTILE,
    .test = distribution_judge_test,
};
