/* The road of a test: earlier windows in which nothing had changed make it as careful as the metric
 * deserves. */
#include "judge/judge.h"

#include "judge/stats/random.h"
#include "tests/support.h"

#include <math.h>
#include <string.h>

#define N_POINTS 60
#define N_WINDOWS 12
#define SHIFT 0.5 /* uniform noise on [0, 1) */

struct story {
    struct metric_pair now, windows[N_WINDOWS];
};

static struct metric_pair pair_of(double shift, uint64_t *state, struct arena *arena)
{
    struct metric_pair pair = {.name = "m", .id = "id"};

    for (int side = 0; side < N_SIDES; side++) {
        double *values = arena_array(arena, double, N_POINTS);

        for (size_t i = 0; i < N_POINTS; i++)
            values[i] = 7 + (double)(random_next(state) >> 11) * 0x1p-53 +
                        (side == SIDE_EXPERIMENT ? shift : 0);
        pair.sides[side] =
            (struct pair_side){.values = values, .n_values = N_POINTS, .step_ms = 60000};
    }
    return pair;
}

/* Judge a shifted canary, with windows in which the sides differ by `shift` as well, or by it and
 * by its opposite in turn. */
static const struct metric_result *judge_after(size_t n_windows, double shift, bool in_turn,
                                               struct arena *arena)
{
    static const char *const groups[] = {"g"};
    static const struct score_policy score = {.pass = 95, .marginal = 75};
    struct story *story = arena_new(arena, struct story);
    struct judge_result *result = arena_new(arena, struct judge_result);
    struct metric_policy *policy = arena_new(arena, struct metric_policy);
    struct pair_history history = {story->windows, n_windows, NULL};
    struct judge_input input = {&story->now, 1, policy, &history, &score, false};
    struct error err = {0};
    uint64_t state = 20261122;

    *policy = (struct metric_policy){.allowed_increase = 1,
                                     .allowed_decrease = 1,
                                     .groups = groups,
                                     .n_groups = 1,
                                     .options = judge_options_default};
    story->now = pair_of(SHIFT, &state, arena);
    for (size_t i = 0; i < n_windows; i++)
        story->windows[i] = pair_of(in_turn && i % 2 ? -shift : shift, &state, arena);
    assert_int_equal(judge_run(judge_find("RobustRank-v1.0"), &input, arena, result, &err), ERR_OK);
    return &result->results[0];
}

static const struct metric_result *judge_with(size_t n_windows, double shift, struct arena *arena)
{
    return judge_after(n_windows, shift, true, arena);
}

static const struct metric_result *judge_steadily(struct arena *arena)
{
    return judge_after(N_WINDOWS, SHIFT, false, arena);
}

/* The canary was as bad in the windows before: that is no excuse. */
static void windows_with_the_same_change_do_not_calibrate(void **state)
{
    struct arena *arena = arena_create();
    const struct metric_result *result = judge_steadily(arena);

    (void)state;
    assert_int_equal(result->classification, CLASS_HIGH);
    assert_int_equal(result->report->calibration.n_windows, 0);
    assert_true(result->report->calibration.is_one_sided);
    assert_string_equal(result->report->warnings[0].code, "historyDiffers");
    arena_free(arena);
}

static void quiet_windows_leave_the_test_alone(void **state)
{
    struct arena *arena = arena_create();
    const struct metric_result *result = judge_with(N_WINDOWS, 0, arena);

    (void)state;
    assert_int_equal(result->classification, CLASS_HIGH);
    assert_int_equal(result->report->calibration.n_windows, N_WINDOWS);
    assert_true(result->report->calibration.factor < 2);
    arena_free(arena);
}

static void a_metric_that_always_differs_is_not_blamed_for_it(void **state)
{
    struct arena *arena = arena_create();
    const struct metric_result *plain = judge_with(0, SHIFT, arena);
    const struct metric_result *result = judge_with(N_WINDOWS, SHIFT, arena);
    const struct calibration_report *calibration = &result->report->calibration;

    (void)state;
    assert_int_equal(plain->classification, CLASS_HIGH);
    assert_int_equal(plain->report->calibration.n_windows, 0);
    assert_int_equal(result->classification, CLASS_PASS);
    assert_int_equal(calibration->n_windows, N_WINDOWS);
    assert_near(1, calibration->false_alarm_rate, 0);
    assert_true(calibration->factor > 3);
    assert_near(plain->report->statistic / calibration->factor, result->report->statistic, 1e-12);
    assert_int_equal(result->report->n_warnings, 1);
    assert_string_equal(result->report->warnings[0].code, "unreliableMetric");
    arena_free(arena);
}

static void too_few_windows_say_nothing(void **state)
{
    struct arena *arena = arena_create();
    const struct metric_result *result = judge_with(9, SHIFT, arena);

    (void)state;
    assert_int_equal(result->classification, CLASS_HIGH);
    assert_int_equal(result->report->calibration.n_windows, 0);
    arena_free(arena);
}

/* Counts without their requests of that time would be tested with those of another. */
static void windows_of_counts_have_their_exposure(void **state)
{
    static const struct score_policy score = {.pass = 95, .marginal = 75};
    static const char *const groups[] = {"g"};
    struct arena *arena = arena_create();
    struct metric_pair pairs[2], windows[2][N_WINDOWS];
    struct metric_policy policies[2] = {{.allowed_increase = 1,
                                         .allowed_decrease = 1,
                                         .groups = groups,
                                         .n_groups = 1,
                                         .options = judge_options_default}};
    /* the exposure has one more window than was asked for */
    struct pair_history histories[2] = {{windows[0] + 1, N_WINDOWS - 1, NULL},
                                        {windows[1], N_WINDOWS, NULL}};
    struct judge_input input = {.pairs = pairs,
                                .n_pairs = 2,
                                .policies = policies,
                                .histories = histories,
                                .score = &score};
    struct judge_result result;
    struct error err = {0};
    uint64_t seed = 7;

    (void)state;
    for (size_t w = 0; w <= N_WINDOWS; w++) {
        struct metric_pair *counts = w < N_WINDOWS ? &windows[0][w] : &pairs[0];
        struct metric_pair *requests = w < N_WINDOWS ? &windows[1][w] : &pairs[1];

        *counts = pair_of(0, &seed, arena);
        *requests = pair_of(0, &seed, arena);
        counts->name = "errors";
        requests->name = "requests";
        for (int side = 0; side < N_SIDES; side++) {
            double *events = (double *)counts->sides[side].values;
            double *exposure = (double *)requests->sides[side].values;

            for (size_t i = 0; i < N_POINTS; i++) { /* a tenth of the traffic, and of the errors */
                exposure[i] = (side == SIDE_CONTROL ? 1000 : 100) + (double)w;
                events[i] = floor(side == SIDE_CONTROL ? 10 * events[i] : events[i]);
            }
            counts->sides[side].start_unix_ms = requests->sides[side].start_unix_ms =
                (int64_t)w * N_POINTS * 60000;
        }
    }
    policies[1] = policies[0];
    policies[1].is_muted = true;
    policies[0].options.metric_type = TYPE_COUNTER;
    policies[0].options.exposure_metric = "requests";
    assert_int_equal(judge_run(judge_find("Rate-v1.0"), &input, arena, &result, &err), ERR_OK);
    assert_int_equal(result.results[0].report->calibration.n_windows, N_WINDOWS - 1);
    arena_free(arena);
}

/* Every test with an interval takes the factor, for the interval as well as for p. */
static void every_interval_is_calibrated(void **state)
{
    static const struct {
        const char *judge;
        enum judge_method method;
        enum count_model model;
        bool is_independent;
    } rows[] = {
        {"RobustRank-v1.0", METHOD_HAR, MODEL_DEFAULT, false},
        {"RobustRank-v1.0", METHOD_ESS, MODEL_DEFAULT, false},
        {"RobustRank-v1.0", METHOD_INDEPENDENT, MODEL_DEFAULT, true},
        {"Mean-v1.0", METHOD_HAR, MODEL_DEFAULT, false},
        {"Mean-v1.0", METHOD_WELCH, MODEL_DEFAULT, false},
        {"Mean-v1.0", METHOD_BOOTSTRAP, MODEL_DEFAULT, false},
        {"Distribution-v1.0", METHOD_QUANTILE, MODEL_DEFAULT, false},
        {"Rate-v1.0", METHOD_DEFAULT, MODEL_POISSON, false},
        {"Rate-v1.0", METHOD_DEFAULT, MODEL_HAR, false},
        {"Rate-v1.0", METHOD_DEFAULT, MODEL_BERNOULLI, false},
        {"Sequential-v1.0", METHOD_HAR, MODEL_DEFAULT, false},
    };
    enum { N_FEW = 40 }; /* exact limits of ranks have fewer than 50 points */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *arena = arena_create();
        struct metric_policy policy = {
            .allowed_increase = 1, .allowed_decrease = 1, .options = judge_options_default};
        bool is_rate = strcmp(rows[i].judge, "Rate-v1.0") == 0;
        uint64_t seed = 11;
        struct metric_pair pair = pair_of(0.2, &seed, arena), exposure = pair_of(0, &seed, arena);
        double width[2], p[2];
        struct error err = {0};

        row("%s, method %d, model %d", rows[i].judge, (int)rows[i].method, (int)rows[i].model);
        policy.options.method = rows[i].method;
        policy.options.model = rows[i].model;
        policy.options.is_independent = rows[i].is_independent;
        policy.options.metric_type = is_rate ? TYPE_COUNTER : TYPE_GAUGE;
        for (int side = 0; side < N_SIDES; side++) {
            double *values = (double *)pair.sides[side].values;

            pair.sides[side].n_values = exposure.sides[side].n_values = N_FEW;
            for (size_t k = 0; k < N_FEW && is_rate; k++) {
                values[k] = floor(10 * values[k]);
                ((double *)exposure.sides[side].values)[k] = 1000;
            }
        }
        for (int factor = 1; factor <= 2; factor++) {
            struct test_report report = test_report_start(&policy.options);
            struct arms arms;
            struct test_input input = {.pair = &pair,
                                       .policy = &policy,
                                       .arms = &arms,
                                       .exposure = is_rate ? &exposure : NULL,
                                       .se_factor = factor};

            assert_int_equal(arms_prepare(&pair, &policy, arena, &arms, &err), ERR_OK);
            report.n[0] = report.n[1] = N_FEW;
            report.is_paired = arms.is_paired;
            judge_find(rows[i].judge)->test(&input, arena, arena, &report);
            assert_int_equal(report.decision, DECISION_UNDECIDED);
            width[factor - 1] = report.effect.upper - report.effect.lower;
            p[factor - 1] = report.p;
        }
        assert_true(p[1] > p[0]);
        assert_true(width[1] > 1.5 * width[0]);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_with_the_same_change_do_not_calibrate),
        cmocka_unit_test(quiet_windows_leave_the_test_alone),
        cmocka_unit_test(a_metric_that_always_differs_is_not_blamed_for_it),
        cmocka_unit_test(too_few_windows_say_nothing),
        cmocka_unit_test(windows_of_counts_have_their_exposure),
        cmocka_unit_test(every_interval_is_calibrated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
