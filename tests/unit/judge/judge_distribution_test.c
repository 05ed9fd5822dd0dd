/* Changes that leave the middle alone, and which way they count. */
#include "tests/unit/judge/judged.h"

#include "judge/stats/ks.h"
#include "judge/stats/quantiles.h"

#include <gsl/gsl_errno.h>

#define DISTRIBUTION "Distribution-v1.0"
#define N 180

static struct story spread(double of_x, double of_y, struct arena *arena)
{
    uint64_t seed = 42;

    return (struct story){.x = series_of(N, 100, of_x, 0, &seed, arena),
                          .y = series_of(N, 100, of_y, 0, &seed, arena),
                          .n = N,
                          .m = N,
                          .policy = policy_default()};
}

static const struct {
    const char *name;
    enum judge_method method;
    double of_x, of_y;
    enum direction direction;
    enum classification want;
} cases[] = {
    {"doubled", METHOD_AD, 20, 10, DIRECTION_EITHER, CLASS_HIGH},
    {"doubled, ks", METHOD_KS, 30, 10, DIRECTION_EITHER, CLASS_HIGH},
    {"doubled, increase", METHOD_AD, 20, 10, DIRECTION_INCREASE, CLASS_HIGH},
    {"doubled, decrease", METHOD_AD, 20, 10, DIRECTION_DECREASE, CLASS_LOW},
    {"halved", METHOD_AD, 10, 20, DIRECTION_EITHER, CLASS_LOW},
    {"halved, increase", METHOD_AD, 10, 20, DIRECTION_INCREASE, CLASS_PASS},
    {"halved, decrease", METHOD_AD, 10, 20, DIRECTION_DECREASE, CLASS_PASS},
    {"same", METHOD_AD, 10, 10, DIRECTION_EITHER, CLASS_PASS},
    {"same, ks", METHOD_KS, 10, 10, DIRECTION_EITHER, CLASS_PASS},
    {"same, quantiles", METHOD_QUANTILE, 10, 10, DIRECTION_EITHER, CLASS_PASS},
    {"doubled, quantiles", METHOD_QUANTILE, 20, 10, DIRECTION_INCREASE, CLASS_HIGH},
};

static void spreads_have_a_side(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();
        struct story story = spread(cases[i].of_x, cases[i].of_y, arena);

        row("%s", cases[i].name);
        story.policy.direction = cases[i].direction;
        story.policy.options.method = cases[i].method;
        assert_int_equal(judge_story(DISTRIBUTION, &story, arena)->classification, cases[i].want);
        arena_free(arena);
    }
}

static void independent_points_have_exact_tests(void **state)
{
    struct arena *arena = arena_create();
    struct story story = spread(13, 10, arena);
    const struct test_report *report;
    struct ks ks;

    (void)state;
    ks_test(story.x, N, story.y, N, arena, &ks);
    story.policy.options.is_independent = true;
    story.policy.options.method = METHOD_KS;
    report = judge_story(DISTRIBUTION, &story, arena)->report;
    assert_int_equal(report->exactness, EXACTNESS_EXACT);
    assert_near(ks.p_exact, report->p, 1e-12);
    assert_near(ks.d, report->effect.estimate, 1e-15);
    story.policy.options.method = METHOD_AD;
    story.policy.options.is_exact = true;
    report = judge_story(DISTRIBUTION, &story, arena)->report;
    assert_int_equal(report->exactness, EXACTNESS_EXACT);
    assert_near(round(report->p * 10000), report->p * 10000, 1e-9); /* of 9,999 permutations */
    story.policy.options.is_independent = false;
    report = judge_story(DISTRIBUTION, &story, arena)->report;
    assert_int_equal(report->exactness, EXACTNESS_APPROXIMATE);
    assert_true(has_warning(report, "notExact"));
    arena_free(arena);
}

/* A canary a tenth higher is no news where a fifth is allowed. */
static void a_margin_moves_the_data(void **state)
{
    static const enum judge_method methods[] = {METHOD_AD, METHOD_KS, METHOD_QUANTILE};
    uint64_t seed = 4;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct arena *arena = arena_create();
        struct story story = {.x = series_of(N, 110, 5, 0, &seed, arena),
                              .y = series_of(N, 100, 5, 0, &seed, arena),
                              .n = N,
                              .m = N,
                              .policy = policy_default()};

        row("method %d", (int)methods[i]);
        story.policy.direction = DIRECTION_INCREASE;
        story.policy.options.method = methods[i];
        story.policy.allowed_increase = 1.05;
        assert_int_equal(judge_story(DISTRIBUTION, &story, arena)->classification, CLASS_HIGH);
        story.policy.allowed_increase = 1.2;
        assert_int_equal(judge_story(DISTRIBUTION, &story, arena)->classification, CLASS_PASS);
        arena_free(arena);
    }
}

static void quantiles_need_points(void **state)
{
    struct arena *arena = arena_create();
    struct story story = spread(10, 10, arena);
    const struct metric_result *result;

    (void)state;
    story.policy.options.method = METHOD_QUANTILE;
    story.n = story.m = 60;
    result = judge_story(DISTRIBUTION, &story, arena);
    assert_true(has_warning(result->report, "quantilesLeftOut")); /* 0.95 */
    assert_int_equal(result->classification, CLASS_PASS);
    story.policy.options.quantiles[0] = 0.99;
    story.policy.options.n_quantiles = 1;
    result = judge_story(DISTRIBUTION, &story, arena);
    assert_int_equal(result->classification, CLASS_NODATA);
    assert_non_null(strstr(result->reason, "at least 500"));
    arena_free(arena);
}

/* Of two quantiles the smaller p counts twice; its own interval excludes no change. */
static void the_worst_quantile_speaks(void **state)
{
    struct arena *arena = arena_create();
    struct story story = spread(20, 10, arena);
    struct quantile_difference want;
    const struct test_report *report;

    (void)state;
    story.policy.options.method = METHOD_QUANTILE;
    report = judge_story(DISTRIBUTION, &story, arena)->report;
    quantile_difference_test(story.x, N, story.y, N, 0.95, 0.02, arena, &want);
    assert_near(2 * want.p, report->p, 1e-12);
    assert_string_equal(report->statistic_name, "Z(p95)");
    assert_near(want.q_x / want.q_y, report->effect.estimate, 1e-12);
    assert_true(report->effect.lower > 1);
    assert_string_equal(report->effects[1].measure, "ratio(p95)");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spreads_have_a_side),
        cmocka_unit_test(independent_points_have_exact_tests),
        cmocka_unit_test(a_margin_moves_the_data),
        cmocka_unit_test(quantiles_need_points),
        cmocka_unit_test(the_worst_quantile_speaks),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
