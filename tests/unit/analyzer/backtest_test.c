/* Backtests of series whose false alarms are known: Gaussian AR(1), level 100, standard deviation
 * 10. Rates of the standard judge: docs/judges.md's simulations (19 % at phi = 0.7, 180 points). */
#include "analyzer/backtest.h"

#include "judge/stats/random.h"
#include "tests/support.h"

#include <math.h>

#define MINUTE_MS 60000
#define N_POINTS 180
#define N_WINDOWS 1500

/* --- windows --- */

static const struct {
    const char *name;
    int64_t span, length, stride; /* minutes */
    size_t n_wanted;
    bool needs_before;
    enum err_code code;
    int64_t first, got_stride;
    size_t n, n_apart;
} plans[] = {
    {"one fits", 60, 60, 0, 1000, false, ERR_OK, 0, 1, 1, 1},
    {"spread", 10080, 180, 0, 1000, false, ERR_OK, 0, 10, 991, 56},
    {"spread, with windows before", 10080, 180, 0, 1000, true, ERR_OK, 180, 10, 973, 55},
    {"side by side", 600, 60, 60, 1, false, ERR_OK, 0, 60, 10, 10},
    {"one is wanted", 600, 60, 0, 1, false, ERR_OK, 0, 541, 1, 1},
    {"more than there are", 70, 60, 0, 1000, false, ERR_OK, 0, 1, 11, 1},
    {"too short", 59, 60, 0, 10, false, ERR_INVALID, 0, 0, 0, 0},
    {"too short for two", 119, 60, 0, 10, true, ERR_INVALID, 0, 0, 0, 0},
    {"no length", 600, 0, 0, 10, false, ERR_INVALID, 0, 0, 0, 0},
    {"too many", 43200, 60, 1, 1, false, ERR_LIMIT, 0, 0, 0, 0},
};

static void windows_fill_the_span(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        struct window_plan got = {0};
        struct error err = {0};

        row("%s", plans[i].name);
        assert_int_equal(plans[i].code,
                         window_plan_make(plans[i].span * MINUTE_MS, MINUTE_MS,
                                          plans[i].length * MINUTE_MS, plans[i].stride * MINUTE_MS,
                                          plans[i].n_wanted, plans[i].needs_before, &got, &err));
        assert_int_equal(plans[i].first * MINUTE_MS, got.first_ms);
        assert_int_equal(plans[i].got_stride * MINUTE_MS, got.stride_ms);
        assert_int_equal(plans[i].n, got.n);
        assert_int_equal(plans[i].n_apart, got.n_apart);
    }
}

static void a_slice_is_a_window_of_both_sides(void **state)
{
    static const double control[] = {1.5, 2.25, 3.75, 4.5, 5.125, 6.5};
    static const double experiment[] = {12.5, 13.5, 14.75}; /* its first two minutes are missing */
    struct aa_pair pair = {
        .pair = {.name = "m",
                 .sides = {{.values = control, .n_values = 6, .step_ms = MINUTE_MS},
                           {.values = experiment,
                            .n_values = 3,
                            .start_unix_ms = 2 * MINUTE_MS,
                            .step_ms = MINUTE_MS}}},
    };
    struct metric_pair got = aa_slice(&pair, MINUTE_MS, 3 * MINUTE_MS);

    (void)state;
    assert_int_equal(3, got.sides[0].n_values);
    assert_near(2.25, got.sides[0].values[0], 0);
    assert_int_equal(MINUTE_MS, got.sides[0].start_unix_ms);
    assert_int_equal(2, got.sides[1].n_values); /* minutes 2 and 3 */
    assert_near(13.5, got.sides[1].values[1], 0);
    assert_int_equal(2 * MINUTE_MS, got.sides[1].start_unix_ms);
    got = aa_slice(&pair, 5 * MINUTE_MS, 3 * MINUTE_MS);
    assert_int_equal(1, got.sides[0].n_values);
    assert_int_equal(0, got.sides[1].n_values);

    pair.arms = AA_WINDOW_BEFORE;
    pair.pair.sides[1] = pair.pair.sides[0];
    got = aa_slice(&pair, 3 * MINUTE_MS, 3 * MINUTE_MS);
    assert_near(1.5, got.sides[0].values[0], 0);
    assert_near(4.5, got.sides[1].values[0], 0);
    assert_int_equal(3, got.sides[0].n_values);
    assert_int_equal(3, got.sides[1].n_values);

    pair.pair.sides[0] = (struct pair_side){0};
    assert_int_equal(0, aa_slice(&pair, 0, MINUTE_MS).sides[0].n_values);
}

/* 5 of 100: 0.0215 to 0.1118, as R's prop.test(5, 100, correct = FALSE). */
static void a_share_has_wilsons_interval(void **state)
{
    struct window_share share = window_share_of(5, 100, 100);

    (void)state;
    assert_near(0.05, share.rate, 1e-15);
    assert_near(0.02154368, share.lower, 1e-7);
    assert_near(0.11175047, share.upper, 1e-7);
    share = window_share_of(50, 1000, 100); /* ten windows that share their points are one */
    assert_near(0.02154368, share.lower, 1e-7);
    share = window_share_of(0, 100, 100);
    assert_near(0, share.lower, 0);
    assert_near(0.03699350, share.upper, 1e-7);
    assert_true(isnan(window_share_of(0, 0, 100).rate));
}

/* --- judges on simulated history --- */

static double normal(uint64_t *state)
{
    double u = ((double)(random_next(state) >> 11) + 0.5) * 0x1p-53;
    double v = (double)(random_next(state) >> 11) * 0x1p-53;

    return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

static struct pair_side ar1(double phi, double level, uint64_t *state, struct arena *arena)
{
    size_t n = (size_t)N_POINTS * N_WINDOWS;
    double *values = arena_array(arena, double, n), x = normal(state);

    for (size_t i = 0; i < n; i++) {
        values[i] = level + 10 * x;
        x = phi * x + sqrt(1 - phi * phi) * normal(state);
    }
    return (struct pair_side){.values = values, .n_values = n, .step_ms = MINUTE_MS};
}

struct story {
    struct arena *arena;
    struct aa_pair pair;
    struct metric_policy policy;
    struct backtest_judge judges[2];
    struct score_policy score;
    struct backtest backtest;
};

static void tell(struct story *story, double phi, double shift)
{
    static const char *const groups[] = {"g"};
    uint64_t state = 20260101;

    *story = (struct story){.arena = arena_create(), .score = {.pass = 95, .marginal = 75}};
    story->pair.pair.name = "m";
    story->pair.pair.sides[0] = ar1(phi, 100, &state, story->arena);
    story->pair.pair.sides[1] = ar1(phi, 100 + shift, &state, story->arena);
    story->policy = (struct metric_policy){.allowed_increase = 1,
                                           .allowed_decrease = 1,
                                           .groups = groups,
                                           .n_groups = 1,
                                           .options = judge_options_default};
    story->judges[0].type = judge_find(JUDGE_DEFAULT_NAME);
    story->judges[1].type = judge_find("RobustRank-v1.0");
    for (size_t j = 0; j < ARRAY_LEN(story->judges); j++)
        story->judges[j].input =
            (struct judge_input){.n_pairs = 1, .policies = &story->policy, .score = &story->score};
    story->backtest = (struct backtest){.pairs = &story->pair,
                                        .n_pairs = 1,
                                        .windows = {.stride_ms = N_POINTS * MINUTE_MS,
                                                    .length_ms = N_POINTS * MINUTE_MS,
                                                    .n = N_WINDOWS,
                                                    .n_apart = N_WINDOWS},
                                        .judges = story->judges,
                                        .n_judges = ARRAY_LEN(story->judges)};
}

static void judge_all(struct story *story, struct metric_backtest out[2])
{
    struct arena *scratch = arena_create();
    struct error err = {0};

    assert_int_equal(ERR_OK, backtest_start(&story->backtest, story->arena, &err));
    for (size_t w = 0; w < N_WINDOWS; w++)
        assert_int_equal(ERR_OK, backtest_window(&story->backtest, w, scratch, &err));
    for (size_t j = 0; j < 2; j++)
        backtest_metric(&story->backtest, j, 0, scratch, &out[j]);
    arena_free(scratch);
}

static void false_alarms_are_those_of_the_simulations(void **state)
{
    static const struct {
        double phi, standard, tolerance, robust_at_most;
    } cases[] = {{0, 0.002, 0.004, 0.028}, {0.5, 0.069, 0.02, 0.028}, {0.7, 0.19, 0.03, 0.03}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct metric_backtest got[2];
        struct story story;

        row("phi %g", cases[i].phi);
        tell(&story, cases[i].phi, 0);
        judge_all(&story, got);
        assert_near(cases[i].standard, got[0].alarms.rate, cases[i].tolerance);
        assert_true(got[1].alarms.rate <= cases[i].robust_at_most);
        assert_true(got[1].alarms.rate >= 0.008);
        assert_int_equal(N_WINDOWS, got[1].alarms.n);
        assert_near(100, got[1].level, 1);
        arena_free(story.arena);
    }
}

/* The proposed limits hold what they promise when the same history is judged with them. */
static void proposed_limits_keep_quiet(void **state)
{
    struct metric_backtest got[2], again[2];
    struct story story;

    (void)state;
    tell(&story, 0.7, 0);
    judge_all(&story, got);
    for (size_t j = 0; j < 2; j++) {
        row("%s", story.judges[j].type->name);
        assert_true(got[j].allowed_increase >= 1 && got[j].allowed_increase < 1.2);
        assert_true(got[j].allowed_decrease <= 1 && got[j].allowed_decrease > 0.8);
        story.policy.allowed_increase = got[j].allowed_increase;
        story.policy.allowed_decrease = got[j].allowed_decrease;
        judge_all(&story, again);
        assert_true(again[j].alarms.rate <= got[j].alpha);
    }
    assert_true(got[0].allowed_increase > 1.02); /* 19 % false alarms do not go for nothing */
    arena_free(story.arena);

    tell(&story, 0.7, 0);
    story.policy.direction = DIRECTION_INCREASE;
    judge_all(&story, got);
    assert_true(isnan(got[1].allowed_decrease));
    assert_true(got[1].allowed_increase >= 1);
    arena_free(story.arena);
}

/* Of changes as large as the minimum detectable effect, 80 % are seen. */
static void what_is_detectable_is_detected(void **state)
{
    static const double phis[] = {0, 0.5};
    struct metric_backtest got[2], seen[2];
    struct story story;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(phis); i++) {
        tell(&story, phis[i], 0);
        judge_all(&story, got);
        arena_free(story.arena);
        for (size_t j = 0; j < 2; j++) {
            if (j == 0 && phis[i] > 0)
                continue; /* the standard judge takes its points for independent */
            row("phi %g, judge %zu", phis[i], j);
            tell(&story, phis[i], got[j].mde);
            judge_all(&story, seen);
            assert_near(0.8, seen[j].alarms.rate, 0.06);
            assert_int_equal(0, seen[j].n_low);
            arena_free(story.arena);
        }
    }
}

static void a_series_with_a_long_memory_wants_calibration(void **state)
{
    struct metric_backtest got[2];
    struct story story;

    (void)state;
    tell(&story, 0.9, 0);
    judge_all(&story, got);
    assert_true(got[1].calibration > 1.1);
    assert_true(isnan(got[0].calibration)); /* it has no statistic to calibrate */
    assert_near(0.9, got[1].phi, 0.06);
    arena_free(story.arena);
    tell(&story, 0.3, 0);
    judge_all(&story, got);
    assert_near(1, got[1].calibration, 0.06);
    arena_free(story.arena);
}

static void the_whole_canary_is_counted_by_its_score(void **state)
{
    struct metric_backtest got[2];
    struct canary_backtest canaries[2];
    struct story story;
    struct arena *scratch = arena_create();

    (void)state;
    tell(&story, 0.7, 0);
    judge_all(&story, got);
    for (size_t j = 0; j < 2; j++) {
        backtest_canary(&story.backtest, j, scratch, &canaries[j]);
        /* one metric: flagged is score 0 */
        assert_near(got[j].alarms.rate, canaries[j].below_marginal.rate, 0);
        assert_near(got[j].alarms.rate, canaries[j].below_pass.rate, 0);
    }
    assert_false(canaries[0].is_sound);
    assert_true(canaries[1].is_sound);
    assert_int_equal(1, backtest_best(canaries, 2));
    story.backtest.windows.n = BACKTEST_MAX_FINDINGS;
    assert_int_equal(ERR_LIMIT, backtest_start(&story.backtest, story.arena, &(struct error){0}));
    arena_free(scratch);
    arena_free(story.arena);
}

static void the_best_judge_is_sound_and_sees_most(void **state)
{
    static const struct canary_backtest canaries[] = {
        {.alarms = {.rate = 0.14}, .mde_percent = 2.5, .is_sound = false},
        {.alarms = {.rate = 0.012}, .mde_percent = NAN, .is_sound = true},
        {.alarms = {.rate = 0.021}, .mde_percent = 6.5, .is_sound = true},
        {.alarms = {.rate = 0.011}, .mde_percent = 7.25, .is_sound = true},
        {.alarms = {.rate = 0.09}, .mde_percent = 1.5, .is_sound = false},
    };

    (void)state;
    assert_int_equal(2, backtest_best(canaries, ARRAY_LEN(canaries)));
    assert_int_equal(1, backtest_best(canaries, 2));
    assert_int_equal(0, backtest_best(canaries, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_fill_the_span),
        cmocka_unit_test(a_slice_is_a_window_of_both_sides),
        cmocka_unit_test(a_share_has_wilsons_interval),
        cmocka_unit_test(false_alarms_are_those_of_the_simulations),
        cmocka_unit_test(proposed_limits_keep_quiet),
        cmocka_unit_test(what_is_detectable_is_detected),
        cmocka_unit_test(a_series_with_a_long_memory_wants_calibration),
        cmocka_unit_test(the_whole_canary_is_counted_by_its_score),
        cmocka_unit_test(the_best_judge_is_sound_and_sees_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
