/* Kinds of ranks, means, autocorrelation and power. */
#include "analyzer/stats_kind.h"
#include "base/limits.h"
#include "judge/describe.h"
#include "judge/effect_size.h"
#include "judge/mann_whitney.h"
#include "judge/normal.h"
#include "judge/sort.h"
#include "judge/stats/adjust.h"
#include "judge/stats/effects.h"
#include "judge/stats/har.h"
#include "judge/stats/hodges_lehmann.h"
#include "judge/stats/long_run.h"
#include "judge/stats/power.h"
#include "judge/stats/rank_test.h"
#include "judge/stats/welch.h"

#include <float.h>
#include <math.h>

#define LJUNG_BOX_LAG 10

static const char *const alternatives[] = {"two.sided", "less", "greater", NULL}; /* as the enum */

static enum err_code read_alternative(const json_t *params, enum alternative *out,
                                      struct error *err)
{
    size_t choice = (size_t)*out;

    if (stats_choice(params, "params", "alternative", alternatives, &choice, err))
        return err->code;
    *out = (enum alternative)choice;
    return ERR_OK;
}

static enum err_code read_pairs(const json_t *inputs, struct arena *arena,
                                struct stats_samples *out, struct error *err)
{
    if (stats_samples(inputs, arena, out, err))
        return err->code;
    if (out->n != out->m)
        return error_set(err, ERR_INVALID,
                         "inputs.y must have as many values as inputs.x, %zu; it has %zu", out->n,
                         out->m);
    return ERR_OK;
}

static enum err_code mann_whitney_normal(const json_t *inputs, const json_t *params,
                                         struct arena *arena, json_t **out, struct error *err)
{
    enum alternative alternative = ALTERNATIVE_TWO_SIDED;
    struct stats_samples in;
    struct rank_normal test;

    if (stats_samples(inputs, arena, &in, err) || read_alternative(params, &alternative, err))
        return err->code;
    rank_test_normal(in.x, in.n, in.y, in.m, alternative, arena, &test);
    *out = json_object();
    stats_set(*out, "U", test.u);
    stats_set(*out, "p_corrected", test.p_corrected);
    stats_set(*out, "p_uncorrected", test.p_uncorrected);
    stats_set(*out, "cles", test.cles);
    stats_set(*out, "cliffs_delta", test.cliffs_delta);
    return ERR_OK;
}

static enum err_code mann_whitney_exact(const json_t *inputs, const json_t *params,
                                        struct arena *arena, json_t **out, struct error *err)
{
    enum alternative alternative = ALTERNATIVE_TWO_SIDED;
    struct stats_samples in;
    double u, p;

    if (stats_samples(inputs, arena, &in, err) || read_alternative(params, &alternative, err) ||
        rank_test_exact(in.x, in.n, in.y, in.m, alternative, arena, &u, &p, err))
        return err->code;
    *out = json_object();
    stats_set(*out, "U", u);
    stats_set(*out, "p", p);
    return ERR_OK;
}

static enum err_code mann_whitney_ess(const json_t *inputs, const json_t *params,
                                      struct arena *arena, json_t **out, struct error *err)
{
    struct stats_samples in;
    struct rank_ess test;

    (void)params;
    if (stats_samples(inputs, arena, &in, err))
        return err->code;
    rank_test_ess(in.x, in.n, in.y, in.m, arena, &test);
    *out = json_object();
    stats_set_finite(*out, "z", test.z);
    stats_set(*out, "phi_x", test.phi_x);
    stats_set(*out, "phi_y", test.phi_y);
    stats_set(*out, "vif", test.vif);
    stats_set(*out, "df", test.df);
    stats_set_finite(*out, "t", test.t);
    stats_set(*out, "p", test.p);
    return ERR_OK;
}

static void set_interval(json_t *result, double estimate, double lower, double upper)
{
    stats_set(result, "estimate", estimate);
    stats_set(result, "lower", lower);
    stats_set(result, "upper", upper);
}

static enum err_code hodges_lehmann_normal_ci(const json_t *inputs, const json_t *params,
                                              struct arena *arena, json_t **out, struct error *err)
{
    const json_t *correct = json_object_get(params, "correct");
    struct stats_samples in;
    struct mann_whitney found;
    double alpha;

    if (stats_samples(inputs, arena, &in, err) || stats_alpha(params, &alpha, err))
        return err->code;
    if (correct && !json_is_boolean(correct))
        return error_set(err, ERR_INVALID, "params.correct must be true or false");
    if (mann_whitney_interval_as(
            sort_copy(in.x, in.n, arena), in.n, sort_copy(in.y, in.m, arena), in.m, 1 - alpha,
            json_is_false(correct) ? MANN_WHITNEY_CORRECT_NONE : MANN_WHITNEY_CORRECT_LIMITS, arena,
            &found, err))
        return err->code;
    *out = json_object();
    set_interval(*out, found.estimate, found.lower, found.upper);
    return ERR_OK;
}

static enum err_code hodges_lehmann_exact_ci(const json_t *inputs, const json_t *params,
                                             struct arena *arena, json_t **out, struct error *err)
{
    struct stats_samples in;
    struct hodges_lehmann found;
    double alpha, level;
    uint64_t k;

    if (stats_samples(inputs, arena, &in, err) || stats_alpha(params, &alpha, err))
        return err->code;
    if (in.n >= RANK_TEST_MAX_EXACT_POINTS || in.m >= RANK_TEST_MAX_EXACT_POINTS)
        return error_set(err, ERR_LIMIT, "inputs.%s has more than %d values: too many to be exact",
                         in.n >= RANK_TEST_MAX_EXACT_POINTS ? "x" : "y",
                         RANK_TEST_MAX_EXACT_POINTS - 1);
    k = hodges_lehmann_exact_k(in.n, in.m, alpha, arena, &level);
    hodges_lehmann_interval(sort_copy(in.x, in.n, arena), in.n, sort_copy(in.y, in.m, arena), in.m,
                            k, arena, &found);
    *out = json_object();
    set_interval(*out, found.estimate, found.lower, found.upper);
    json_object_set_new(*out, "order_index", json_integer((json_int_t)k));
    stats_set(*out, "achieved_conf", level);
    return ERR_OK;
}

/* What the judge of Kayenta is told about one metric, but for what it fixes itself. */
struct kayenta_rule {
    double confidence, tolerance, allowed_increase, allowed_decrease;
    size_t direction, measure;
};

static const char *const directions[] = {"either", "increase", "decrease", NULL};
static const char *const measures[] = {"meanRatio", "cles", NULL};
enum { EITHER, INCREASE, DECREASE };
enum { MEAN_RATIO, CLES };

static enum err_code read_kayenta_rule(const json_t *params, struct kayenta_rule *rule,
                                       struct error *err)
{
    *rule = (struct kayenta_rule){.confidence = 0.98, .tolerance = 0.25};
    if (stats_number_or(params, "params", "conf_level", 0, 1, &rule->confidence, err) ||
        stats_number_or(params, "params", "tolerance", 0, DBL_MAX, &rule->tolerance, err) ||
        stats_choice(params, "params", "direction", directions, &rule->direction, err) ||
        stats_choice(params, "params", "effect_measure", measures, &rule->measure, err))
        return err->code;
    rule->allowed_increase = rule->allowed_decrease = rule->measure == CLES ? 0.5 : 1;
    if (stats_number_or(params, "params", "allowed_increase", -DBL_MAX, DBL_MAX,
                        &rule->allowed_increase, err) ||
        stats_number_or(params, "params", "allowed_decrease", -DBL_MAX, DBL_MAX,
                        &rule->allowed_decrease, err))
        return err->code;
    return ERR_OK;
}

static const char *classify(const struct kayenta_rule *rule, const struct mann_whitney *shift,
                            double effect)
{
    double band = rule->tolerance * fabs(shift->estimate);

    /* an undefined effect lifts its limits, hence the negations */
    if (rule->direction != DECREASE && shift->lower > band && !(effect < rule->allowed_increase))
        return "High";
    if (rule->direction != INCREASE && shift->upper < -band && !(effect > rule->allowed_decrease))
        return "Low";
    return "Pass";
}

static enum err_code kayenta_mann_whitney(const json_t *inputs, const json_t *params,
                                          struct arena *arena, json_t **out, struct error *err)
{
    struct kayenta_rule rule;
    struct sample sides[N_SIDES];
    const struct sample *x = &sides[SIDE_EXPERIMENT], *y = &sides[SIDE_CONTROL];
    struct side_stats stats[N_SIDES];
    struct mann_whitney shift = {.lower = NAN, .upper = NAN, .estimate = NAN};
    struct error refused = {0};
    double ratio, cles;

    if (stats_list(inputs, "inputs", "experiment", arena, &sides[SIDE_EXPERIMENT].values,
                   &sides[SIDE_EXPERIMENT].n, err) ||
        stats_list(inputs, "inputs", "control", arena, &sides[SIDE_CONTROL].values,
                   &sides[SIDE_CONTROL].n, err) ||
        read_kayenta_rule(params, &rule, err))
        return err->code;
    if (x->n == 0 || y->n == 0)
        return error_set(err, ERR_INVALID, "inputs.%s is empty; one value or more is needed",
                         x->n == 0 ? "experiment" : "control");
    for (int side = 0; side < N_SIDES; side++)
        sides[side].sorted = sort_copy(sides[side].values, sides[side].n, arena);
    describe_sides(sides, stats);
    ratio = effect_mean_ratio(stats[SIDE_EXPERIMENT].mean, stats[SIDE_CONTROL].mean);
    cles = effect_cles(x->sorted, x->n, y->sorted, y->n, arena);
    *out = json_object();
    if (mann_whitney_interval(x->sorted, x->n, y->sorted, y->n, rule.confidence, arena, &shift,
                              &refused)) {
        json_object_set_new(*out, "error", json_true());
        json_object_set_new(*out, "classification", json_string("Error"));
    } else {
        double effect = rule.measure == CLES ? cles : ratio;

        json_object_set_new(*out, "error", json_false());
        json_object_set_new(*out, "classification", json_string(classify(&rule, &shift, effect)));
    }
    stats_set(*out, "z_quantile", normal_quantile((1.0 - rule.confidence) / 2));
    set_interval(*out, shift.estimate, shift.lower, shift.upper);
    stats_set_finite(*out, "mean_ratio", ratio);
    stats_set(*out, "cles", cles);
    return ERR_OK;
}

static enum err_code welch_t(const json_t *inputs, const json_t *params, struct arena *arena,
                             json_t **out, struct error *err)
{
    enum alternative alternative = ALTERNATIVE_TWO_SIDED;
    struct stats_samples in;
    struct welch test;
    double alpha;

    if (stats_samples(inputs, arena, &in, err) || stats_alpha(params, &alpha, err) ||
        read_alternative(params, &alternative, err))
        return err->code;
    welch_test(in.x, in.n, in.y, in.m, alternative, alpha, arena, &test);
    *out = json_object();
    stats_set_finite(*out, "t", test.t);
    stats_set(*out, "df", test.df);
    stats_set(*out, "p", test.p);
    stats_set_finite(*out, "diff", test.diff);
    stats_set(*out, "lower", test.lower);
    stats_set(*out, "upper", test.upper);
    return ERR_OK;
}

static enum err_code tost(const json_t *inputs, const json_t *params, struct arena *arena,
                          json_t **out, struct error *err)
{
    struct stats_samples in;
    struct tost test;
    double low, high, alpha = 0.05;

    if (stats_samples(inputs, arena, &in, err) ||
        stats_number(params, "params", "low", -DBL_MAX, DBL_MAX, &low, err) ||
        stats_number(params, "params", "upp", low, DBL_MAX, &high, err) ||
        stats_number_or(params, "params", "alpha", DBL_MIN, 0.5, &alpha, err))
        return err->code;
    tost_welch(in.x, in.n, in.y, in.m, low, high, alpha, arena, &test);
    *out = json_object();
    stats_set(*out, "p_lower", test.p_lower);
    stats_set(*out, "p_upper", test.p_upper);
    stats_set(*out, "p_tost", test.p);
    stats_set(*out, "ci90_lower", test.lower);
    stats_set(*out, "ci90_upper", test.upper);
    json_object_set_new(*out, "equivalent", json_boolean(test.is_equivalent));
    return ERR_OK;
}

static enum err_code brunner_munzel(const json_t *inputs, const json_t *params, struct arena *arena,
                                    json_t **out, struct error *err)
{
    struct stats_samples in;
    struct brunner_munzel test;
    double alpha;

    if (stats_samples(inputs, arena, &in, err) || stats_alpha(params, &alpha, err))
        return err->code;
    brunner_munzel_test(in.x, in.n, in.y, in.m, alpha, RANK_INTERVAL_PLAIN, arena, &test);
    *out = json_object();
    stats_set_finite(*out, "statistic", test.statistic);
    stats_set(*out, "df", test.df);
    stats_set(*out, "p", test.p);
    stats_set(*out, "p_hat", test.p_hat);
    stats_set(*out, "lower", test.lower);
    stats_set(*out, "upper", test.upper);
    return ERR_OK;
}

static enum err_code effect_sizes(const json_t *inputs, const json_t *params, struct arena *arena,
                                  json_t **out, struct error *err)
{
    struct stats_samples in;
    struct effects effects;
    double alpha;

    if (stats_samples(inputs, arena, &in, err) || stats_alpha(params, &alpha, err))
        return err->code;
    effects_compute(in.x, in.n, in.y, in.m, alpha, arena, &effects);
    *out = json_object();
    stats_set(*out, "cohen_d", effects.cohen_d);
    stats_set(*out, "hedges_g", effects.hedges_g);
    stats_set(*out, "cles", effects.cles);
    stats_set(*out, "cliffs_delta", effects.cliffs_delta);
    stats_set_finite(*out, "mean_ratio", effects.mean_ratio);
    stats_set(*out, "log_ratio_lower", effects.log_ratio_lower);
    stats_set(*out, "log_ratio_upper", effects.log_ratio_upper);
    return ERR_OK;
}

static enum err_code power(const json_t *inputs, const json_t *params, struct arena *arena,
                           json_t **out, struct error *err)
{
    double delta, alpha = 0.02, target = POWER_DEFAULT;
    size_t n;

    (void)arena;
    if (stats_count(inputs, "inputs", "n", 2, POWER_MAX_POINTS, &n, err) ||
        stats_number(inputs, "inputs", "delta", -DBL_MAX, DBL_MAX, &delta, err) ||
        stats_number_or(params, "params", "alpha", DBL_MIN, 0.5, &alpha, err) ||
        stats_number_or(params, "params", "target_power", 0.01, 0.999, &target, err))
        return err->code;
    *out = json_object();
    stats_set(*out, "power_t", power_t(n, delta, alpha));
    stats_set(*out, "mde_normal", power_mde_normal(n, alpha, target));
    return ERR_OK;
}

static enum err_code p_adjust(const json_t *inputs, const json_t *params, struct arena *arena,
                              json_t **out, struct error *err)
{
    static const struct {
        const char *name;
        enum adjust_method method;
    } methods[] = {{"BH", ADJUST_BH},
                   {"holm", ADJUST_HOLM},
                   {"BY", ADJUST_BY},
                   {"hochberg", ADJUST_HOCHBERG},
                   {"bonferroni", ADJUST_BONFERRONI}};
    double *p, *adjusted;
    size_t n;

    (void)params;
    if (stats_list(inputs, "inputs", "p", arena, &p, &n, err))
        return err->code;
    for (size_t i = 0; i < n; i++)
        if (p[i] < 0 || p[i] > 1)
            return error_set(err, ERR_INVALID, "inputs.p[%zu] must be a number from 0 to 1", i);
    adjusted = arena_array(arena, double, n);
    *out = json_object();
    for (size_t k = 0; k < ARRAY_LEN(methods); k++) {
        adjust_p_values(p, n, methods[k].method, arena, adjusted);
        stats_set_list(*out, methods[k].name, adjusted, n);
    }
    return ERR_OK;
}

static enum err_code autocorrelation(const json_t *inputs, const json_t *params,
                                     struct arena *arena, json_t **out, struct error *err)
{
    struct long_run run;
    size_t n, lag = LJUNG_BOX_LAG;
    double *x, q, p;

    if (stats_list(inputs, "inputs", "x", arena, &x, &n, err))
        return err->code;
    if (json_object_get(params, "ljung_box_lag") &&
        stats_count(params, "params", "ljung_box_lag", 1, JSON_MAX_VALUES, &lag, err))
        return err->code;
    if (n < 2)
        return error_set(err, ERR_INVALID, "inputs.x must have two values or more");
    long_run_variance(x, n, arena, &run);
    ljung_box(x, n, lag, arena, &q, &p);
    *out = json_object();
    stats_set(*out, "acf1", run.phi);
    stats_set(*out, "phi_corrected", run.phi_corrected);
    stats_set(*out, "ljung_box_q", q);
    stats_set(*out, "ljung_box_p", p);
    json_object_set_new(*out, "ewc_nu", json_integer((json_int_t)run.nu));
    stats_set_finite(*out, "ewc_omega", run.omega0);
    stats_set(*out, "ewc_B", run.b);
    stats_set_finite(*out, "lrv", run.omega);
    stats_set(*out, "vif", run.vif);
    stats_set(*out, "n_eff", run.n_eff);
    return ERR_OK;
}

/* What the paired tests have in common. */
static void set_paired(json_t *result, const struct har_test *test)
{
    stats_set(result, "phi", test->run.phi_corrected);
    json_object_set_new(result, "nu", json_integer((json_int_t)test->run.nu));
    stats_set_finite(result, "lrv", test->run.omega);
    stats_set_finite(result, "t", test->t);
    stats_set(result, "p", test->p);
}

static enum err_code har_mean_paired_kind(const json_t *inputs, const json_t *params,
                                          struct arena *arena, json_t **out, struct error *err)
{
    struct stats_samples in;
    struct har_test test;
    double alpha;

    if (read_pairs(inputs, arena, &in, err) || stats_alpha(params, &alpha, err))
        return err->code;
    har_mean_paired(in.x, in.y, in.n, alpha, arena, &test);
    *out = json_object();
    stats_set_finite(*out, "diff", test.effect);
    set_paired(*out, &test);
    stats_set(*out, "lower", test.lower);
    stats_set(*out, "upper", test.upper);
    return ERR_OK;
}

static enum err_code har_rank_paired_kind(const json_t *inputs, const json_t *params,
                                          struct arena *arena, json_t **out, struct error *err)
{
    struct stats_samples in;
    struct har_test test;
    struct har_shift shift;
    double alpha;

    if (read_pairs(inputs, arena, &in, err) || stats_alpha(params, &alpha, err))
        return err->code;
    har_rank_paired(in.x, in.y, in.n, alpha, arena, &test, &shift);
    *out = json_object();
    stats_set(*out, "U", shift.u);
    set_paired(*out, &test);
    stats_set(*out, "hl", shift.estimate);
    json_object_set_new(*out, "k", json_integer((json_int_t)shift.k));
    stats_set(*out, "lower", shift.lower);
    stats_set(*out, "upper", shift.upper);
    return ERR_OK;
}

static enum err_code har_rank_unpaired_kind(const json_t *inputs, const json_t *params,
                                            struct arena *arena, json_t **out, struct error *err)
{
    struct stats_samples in;
    struct har_test test;
    double alpha;

    if (stats_samples(inputs, arena, &in, err) || stats_alpha(params, &alpha, err))
        return err->code;
    har_rank_unpaired(in.x, in.n, in.y, in.m, alpha, arena, &test, NULL);
    *out = json_object();
    stats_set(*out, "p_hat", test.effect);
    stats_set(*out, "phi_x", test.run.phi_corrected);
    stats_set(*out, "phi_y", test.run_other.phi_corrected);
    stats_set_finite(*out, "omega_x", test.run.omega);
    stats_set_finite(*out, "omega_y", test.run_other.omega);
    stats_set_finite(*out, "t", test.t);
    stats_set(*out, "df", test.df);
    stats_set(*out, "p", test.p);
    return ERR_OK;
}

const struct stats_kind stats_ranks_kinds[] = {
    {"mann_whitney_normal", mann_whitney_normal},
    {"mann_whitney_exact", mann_whitney_exact},
    {"mann_whitney_exact_ties", mann_whitney_exact}, /* ties or none: the same function */
    {"mann_whitney_ess", mann_whitney_ess},
    {"hodges_lehmann_normal_ci", hodges_lehmann_normal_ci},
    {"hodges_lehmann_exact_ci", hodges_lehmann_exact_ci},
    {"kayenta_mann_whitney", kayenta_mann_whitney},
    {"welch_t", welch_t},
    {"tost_welch", tost},
    {"brunner_munzel", brunner_munzel},
    {"effect_sizes", effect_sizes},
    {"power", power},
    {"p_adjust", p_adjust},
    {"autocorrelation", autocorrelation},
    {"har_mean_paired", har_mean_paired_kind},
    {"har_rank_paired", har_rank_paired_kind},
    {"har_rank_unpaired", har_rank_unpaired_kind},
    {0},
};
