/* Sequential-v1.0: looks that never change once they were made, and alarms that stay. Levels and
 * times to an alarm are simulated by `make sim`. */
#include "judge/sequential.h"
#include "judge/stats/betting.h"
#include "judge/stats/multinomial.h"
#include "judge/stats/poisson_mixture.h"
#include "judge/stats/t_mixture.h"

#include "tests/unit/judge/sequential_case.h"

#include <gsl/gsl_errno.h>

static void looks_never_change(void **state)
{
    static const size_t parts[] = {1, 29, 30, 31, 90, 199};
    struct noise noise = {11};
    double x[200], y[200], c[200], d[200], r[200], s[200];
    struct metric_policy policy;
    const char *method;
    bool is_count;

    (void)state;
    ar(&noise, 0.5, 1.5, 200, x);
    ar(&noise, 0.5, 0, 200, y);
    counts(&noise, 9, 200, c);
    counts(&noise, 6, 200, d);
    for (size_t i = 0; i < 200; i++) {
        r[i] = 1000 + floor(300 * uniform(&noise));
        s[i] = 900 + floor(300 * uniform(&noise));
    }
    r[17] = 0; /* a minute without traffic */
    for (size_t i = 0; policy = procedures(i, &method, &is_count), method; i++) {
        struct run whole =
            is_count ? judge_rates(c, d, r, s, 200, policy) : judge_one(x, y, 200, policy);

        row("%zu: %s", i, method);
        assert_string_equal(method, whole.metric->report->method);
        assert_int_equal(DECISION_HARM, whole.metric->report->decision);
        assert_int_equal(CLASS_HIGH, whole.metric->classification);
        assert_true(whole.sequential->log_e_max >= whole.sequential->log_threshold);
        assert_near(-log(0.02), whole.sequential->log_threshold, 1e-15);
        assert_near(exp(-whole.sequential->log_e_max), whole.sequential->always_valid_p, 1e-300);
        for (size_t k = 0; k < ARRAY_LEN(parts); k++) {
            struct run part = is_count ? judge_rates(c, d, r, s, parts[k], policy)
                                       : judge_one(x, y, parts[k], policy);

            if (part.sequential) /* else one equal minute on both sides, settled before */
                same_looks(&part, &whole);
            arena_free(part.arena);
        }
        arena_free(whole.arena);
    }
}

/* Each look against the formulas of judge/stats, which have reference values of their own. */
static void looks_are_those_of_the_formulas(void **state)
{
    struct noise noise = {12};
    double x[120], y[120], c[120], d[120], r[120], s[120];
    const struct t_mixture_settings settings = {
        .variant = T_MIXTURE_RANK, .g = 0.25, .alpha = 0.02, .min_points = 30, .ratio = 1};
    struct poisson_mixture_settings one_sided = POISSON_MIXTURE_DEFAULTS;
    struct poisson_mixture *poisson;
    struct arena *arena = arena_create();
    struct multinomial_e bernoulli;
    struct betting betting;
    struct run run;

    (void)state;
    ar(&noise, 0.3, 1, 120, x);
    ar(&noise, 0.3, 0, 120, y);
    counts(&noise, 3, 120, c);
    counts(&noise, 2, 120, d);
    run = judge_one(x, y, 120, policy_for(DIRECTION_EITHER));
    assert_int_equal(91, run.sequential->n_looks);
    for (size_t k = 0; k < 91; k++) {
        struct t_mixture look;

        t_mixture_look(x, y, 30 + k, &settings, arena, &look);
        assert_near(look.log_e, run.sequential->looks[k].log_e, 1e-12);
        assert_true(run.sequential->looks[k].unix_ms == START_MS + (29 + (int64_t)k) * MINUTE_MS);
    }
    arena_free(run.arena);

    for (size_t i = 0; i < 120; i++) {
        r[i] = 500 + floor(200 * uniform(&noise));
        s[i] = 2000;
    }
    run = judge_rates(c, d, r, s, 120, policy_of_counts(DIRECTION_INCREASE, MODEL_POISSON));
    one_sided.direction = DIRECTION_INCREASE;
    poisson = poisson_mixture_create(&one_sided, arena);
    assert_int_equal(120, run.sequential->n_looks);
    for (size_t i = 0; i < 120; i++) {
        poisson_mixture_add(poisson, c[i], r[i], d[i], s[i]);
        assert_near(poisson_mixture_log_e(poisson, 1), run.sequential->looks[i].log_e, 1e-12);
    }
    assert_near(exp(poisson_mixture_mle(poisson)), run.metric->report->effect.estimate, 1e-12);
    arena_free(run.arena);

    run = judge_rates(c, d, r, s, 120, policy_of_counts(DIRECTION_EITHER, MODEL_BERNOULLI));
    multinomial_e_start(&bernoulli, 2, 0.5, arena);
    for (size_t i = 0; i < 120; i++) {
        multinomial_e_add(&bernoulli, (const double[]){c[i], r[i] - c[i]},
                          (const double[]){d[i], s[i] - d[i]});
        assert_near(bernoulli.log_e, run.sequential->looks[i].log_e, 1e-12);
    }
    arena_free(run.arena);

    {
        struct metric_policy policy = policy_for(DIRECTION_EITHER);

        policy.options.assumption = ASSUME_EXCHANGEABLE;
        run = judge_one(x, y, 120, policy);
    }
    betting_start(&betting, DIRECTION_EITHER, arena);
    for (size_t i = 0; i < 120; i++) {
        betting_add(&betting, x[i], y[i]);
        assert_near(betting.log_e, run.sequential->looks[i].log_e, 1e-12);
    }
    arena_free(run.arena);
    arena_free(arena);
}

static void an_alarm_stays(void **state)
{
    struct noise noise = {13};
    double x[300], y[300];
    struct run early, late;

    (void)state;
    ar(&noise, 0.3, 2, 80, x);
    ar(&noise, 0.3, -2, 220, x + 80);
    ar(&noise, 0.3, 0, 300, y);
    early = judge_one(x, y, 80, policy_for(DIRECTION_INCREASE));
    late = judge_one(x, y, 300, policy_for(DIRECTION_INCREASE));
    assert_int_equal(CLASS_HIGH, early.metric->classification);
    assert_int_equal(CLASS_HIGH, late.metric->classification);
    assert_true(late.sequential->first_crossing_unix_ms ==
                early.sequential->first_crossing_unix_ms);
    assert_true(late.sequential->log_e <= 0); /* by now the canary is lower */
    assert_near(early.sequential->log_e_max, late.sequential->log_e_max, 0);
    assert_true(strstr(late.metric->reason, "m: evidence ") == late.metric->reason);
    assert_non_null(strstr(late.metric->reason, ":1 against no increase at 22:"));
    assert_non_null(strstr(late.metric->reason, " (alarm threshold 50:1); ratio "));
    arena_free(early.arena);
    arena_free(late.arena);
}

static void only_the_direction_that_counts_alarms(void **state)
{
    struct noise noise = {14};
    double x[150], y[150], c[150], d[150];
    static const struct {
        enum direction direction;
        enum classification higher, lower;
    } rows[] = {{DIRECTION_INCREASE, CLASS_HIGH, CLASS_PASS},
                {DIRECTION_DECREASE, CLASS_PASS, CLASS_LOW},
                {DIRECTION_EITHER, CLASS_HIGH, CLASS_LOW}};

    (void)state;
    ar(&noise, 0, 2, 150, x);
    ar(&noise, 0, 0, 150, y);
    counts(&noise, 8, 150, c);
    counts(&noise, 4, 150, d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int is_count = 0; is_count < 2; is_count++) {
            struct metric_policy policy = is_count
                                              ? policy_of_counts(rows[i].direction, MODEL_POISSON)
                                              : policy_for(rows[i].direction);
            const double *a = is_count ? c : x, *b = is_count ? d : y;
            struct run higher = judge_one(a, b, 150, policy);
            struct run lower = judge_one(b, a, 150, policy);

            row("direction %d, counts %d", (int)rows[i].direction, is_count);
            assert_int_equal(rows[i].higher, higher.metric->classification);
            assert_int_equal(rows[i].lower, lower.metric->classification);
            arena_free(higher.arena);
            arena_free(lower.arena);
        }
}

static void before_the_first_look_nothing_is_said(void **state)
{
    struct noise noise = {15};
    double x[29], y[29];
    struct run run;

    (void)state;
    ar(&noise, 0, 9, 29, x);
    ar(&noise, 0, 0, 29, y);
    run = judge_one(x, y, 29, policy_for(DIRECTION_EITHER));
    assert_int_equal(CLASS_PASS, run.metric->classification);
    assert_int_equal(DECISION_INCONCLUSIVE, run.metric->report->decision);
    assert_int_equal(0, run.sequential->n_looks);
    assert_non_null(run.sequential->looks); /* the block is there */
    assert_near(1, run.sequential->always_valid_p, 0);
    assert_string_equal("m: 29 points so far; the first look is at 30.", run.metric->reason);
    arena_free(run.arena);
}

static void margins_take_their_share(void **state)
{
    static const struct {
        const char *name;
        enum judge_method method;
        enum effect_measure measure;
        double below, above; /* limits that the canary's 20 (ratio 1.2) exceeds and does not */
        double neutral;
    } rows[] = {
        {"ranks, ratio", METHOD_DEFAULT, EFFECT_MEAN_RATIO, 1.1, 1.4, 1},
        {"ranks, shift", METHOD_DEFAULT, EFFECT_SHIFT, 10, 40, 0},
        {"ranks, probability", METHOD_DEFAULT, EFFECT_CLES, 0.7, 0.999, 0.5},
        {"ranks, Cliff's delta", METHOD_DEFAULT, EFFECT_CLIFFS_DELTA, 0.4, 0.999, 0},
        {"means, ratio", METHOD_HAR, EFFECT_MEAN_RATIO, 1.1, 1.4, 1},
        {"means, shift", METHOD_HAR, EFFECT_SHIFT, 10, 40, 0},
        {"independent means, ratio", METHOD_INDEPENDENT, EFFECT_MEAN_RATIO, 1.1, 1.4, 1},
    };
    struct noise noise = {16};
    double x[180], y[180];

    (void)state;
    ar(&noise, 0.3, 2, 180, x);
    ar(&noise, 0.3, 0, 180, y);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct metric_policy policy = policy_for(DIRECTION_INCREASE);
        struct run neutral, below, above;

        row("%s", rows[i].name);
        policy.options.method = rows[i].method;
        policy.effect_measure = rows[i].measure;
        policy.allowed_increase = policy.allowed_decrease = rows[i].neutral;
        neutral = judge_one(x, y, 180, policy);
        policy.allowed_increase = rows[i].below;
        below = judge_one(x, y, 180, policy);
        policy.allowed_increase = rows[i].above;
        above = judge_one(x, y, 180, policy);
        assert_int_equal(CLASS_HIGH, below.metric->classification);
        assert_int_equal(CLASS_PASS, above.metric->classification);
        assert_int_equal(above.metric->report->effect.upper <= rows[i].above
                             ? DECISION_NON_INFERIOR
                             : DECISION_INCONCLUSIVE,
                         above.metric->report->decision);
        assert_true(below.sequential->log_e < neutral.sequential->log_e);
        assert_true(below.sequential->first_crossing_unix_ms >=
                    neutral.sequential->first_crossing_unix_ms);
        assert_near(neutral.metric->report->effect.upper, above.metric->report->effect.upper, 0);
        assert_true(below.metric->report->effect.lower > rows[i].below);
        arena_free(neutral.arena);
        arena_free(below.arena);
        arena_free(above.arena);
    }
}

/* A critical metric is harmed beyond 10 % and fails the canary beyond 30 %. */
static void critical_limits_are_tested_too(void **state)
{
    struct noise noise = {17};
    double x[180], y[180];
    struct metric_policy policy = policy_for(DIRECTION_INCREASE);

    (void)state;
    ar(&noise, 0, 2, 180, x);
    ar(&noise, 0, 0, 180, y);
    policy.is_critical = true;
    policy.allowed_increase = 1.1;
    policy.has_critical_increase = true;
    for (int is_beyond = 0; is_beyond < 2; is_beyond++) {
        struct run run;

        policy.critical_increase = is_beyond ? 1.12 : 1.3;
        run = judge_one(x, y, 180, policy);
        assert_int_equal(CLASS_HIGH, run.metric->classification);
        assert_int_equal(is_beyond, run.metric->is_critical);
        assert_int_equal(is_beyond, strstr(run.metric->reason, "50:1), critical; ") != NULL);
        arena_free(run.arena);
    }
}

static void counts_are_judged_from_the_first_minute(void **state)
{
    struct noise noise = {18};
    double c[180], d[180];
    struct metric_policy policy = policy_of_counts(DIRECTION_INCREASE, MODEL_POISSON);
    struct run run;

    (void)state;
    counts(&noise, 40, 180, c);
    counts(&noise, 20, 180, d);
    run = judge_one(c, d, 6, policy);
    assert_int_equal(CLASS_HIGH, run.metric->classification);
    assert_int_equal(6, run.sequential->n_looks);
    assert_int_equal(EXACTNESS_EXACT, run.metric->report->exactness);
    assert_string_equal("rateRatio", run.metric->report->effect.measure);
    assert_true(has_warning(&run, "equalExposure"));
    assert_non_null(strstr(run.metric->reason, "; rate ratio "));
    arena_free(run.arena);

    policy.direction = DIRECTION_EITHER; /* both limits at once, each with half the weight */
    policy.allowed_increase = 1.5;
    policy.allowed_decrease = 0.7;
    run = judge_one(c, d, 180, policy);
    assert_int_equal(CLASS_HIGH, run.metric->classification);
    assert_non_null(strstr(run.metric->reason, " against no change beyond -30 % or +50 % at "));
    arena_free(run.arena);
    policy.allowed_increase = 3;
    run = judge_one(c, d, 180, policy);
    assert_int_equal(DECISION_NON_INFERIOR, run.metric->report->decision);
    arena_free(run.arena);
}

static void looks_become_rare_in_long_runs(void **state)
{
    size_t n = 30, n_looks = 0;

    (void)state;
    for (; n < 100000; n = sequential_next_look(n), n_looks++) {
        size_t next = sequential_next_look(n);

        assert_true(next > n);
        assert_true(n >= 720 || next == n + 1);
        assert_true((double)(next - n) <= (double)n * (double)n / 720 / 720 + 1);
    }
    assert_true(n_looks < 2200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_never_change),
        cmocka_unit_test(looks_are_those_of_the_formulas),
        cmocka_unit_test(an_alarm_stays),
        cmocka_unit_test(only_the_direction_that_counts_alarms),
        cmocka_unit_test(before_the_first_look_nothing_is_said),
        cmocka_unit_test(margins_take_their_share),
        cmocka_unit_test(critical_limits_are_tested_too),
        cmocka_unit_test(counts_are_judged_from_the_first_minute),
        cmocka_unit_test(looks_become_rare_in_long_runs),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
