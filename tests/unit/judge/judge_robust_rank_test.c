/* The formulas are proved in tests/unit/stats; here, what the judge makes of them. */
#include "tests/unit/judge/judged.h"

#include "judge/stats/har.h"

#include <gsl/gsl_errno.h>

#define ROBUST_RANK "RobustRank-v1.0"
#define N 60

static const struct method_case methods[] = {
    {"default", METHOD_DEFAULT, false, false, "rank-har-paired"},
    {"har", METHOD_HAR, false, true, "rank-har-unpaired"},
    {"ess", METHOD_ESS, false, false, "rank-ess"},
    {"independent points", METHOD_DEFAULT, true, false, "brunner-munzel"},
    {"independent", METHOD_INDEPENDENT, false, false, "brunner-munzel"},
};

static void methods_agree_about_margins(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        assert_method_knows_margins(ROBUST_RANK, &methods[i]);
}

static void numbers_are_those_of_the_test(void **state)
{
    struct arena *arena = arena_create();
    struct story story = tenth_higher(N, arena);
    const struct test_report *got = judge_story(ROBUST_RANK, &story, arena)->report;
    struct har_shift shift;
    struct har_test want;

    (void)state;
    har_rank_paired(story.x, story.y, N, 0.02, arena, &want, &shift);
    assert_near(want.p, got->p, 0);
    assert_near(want.t, got->statistic, 0);
    assert_near(want.df, got->df, 0);
    assert_string_equal(got->effects[0].measure, "shift");
    assert_near(shift.estimate, got->effects[0].estimate, 0);
    assert_near(shift.lower, got->effects[0].lower, 0);
    assert_near(shift.upper, got->effects[0].upper, 0);
    assert_near(want.effect, got->effects[1].estimate, 0); /* cles */
    assert_near(2 * want.effect - 1, got->effects[2].estimate, 0);
    arena_free(arena);
}

static const struct {
    enum effect_measure measure;
    double high, low;
    const char *reports;
} scales[] = {
    {EFFECT_SHIFT, 5, -5, "shift"},
    {EFFECT_CLES, 0.7, 0.3, "cles"},
    {EFFECT_CLIFFS_DELTA, 0.4, -0.4, "cliffsDelta"},
};

static void scales_of_margins(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scales); i++) {
        struct arena *arena = arena_create();
        struct story story = tenth_higher(N, arena), turned;
        const struct metric_result *result;

        row("%s", scales[i].reports);
        story.policy.effect_measure = scales[i].measure;
        story.policy.allowed_increase = scales[i].high;
        story.policy.allowed_decrease = scales[i].low;
        result = judge_story(ROBUST_RANK, &story, arena);
        assert_string_equal(result->report->effect.measure, scales[i].reports);
        assert_int_equal(result->classification, CLASS_HIGH);
        turned = story;
        turned.x = story.y;
        turned.y = story.x;
        assert_int_equal(judge_story(ROBUST_RANK, &turned, arena)->classification, CLASS_LOW);
        arena_free(arena);
    }
}

static void little_information_flags_nothing(void **state)
{
    struct arena *arena = arena_create();
    struct story story = tenth_higher(N, arena);
    const struct metric_result *result;

    (void)state;
    story.policy.options.min_effective_points = 1000;
    result = judge_story(ROBUST_RANK, &story, arena);
    assert_int_equal(result->classification, CLASS_PASS);
    assert_non_null(strstr(result->reason, "too few to tell"));
    story.policy.is_critical = true; /* unless it is beyond a critical limit */
    story.policy.has_critical_increase = true;
    story.policy.critical_increase = 1.05;
    assert_int_equal(judge_story(ROBUST_RANK, &story, arena)->classification, CLASS_HIGH);
    story.policy.critical_increase = 1.5;
    assert_int_equal(judge_story(ROBUST_RANK, &story, arena)->classification, CLASS_PASS);
    arena_free(arena);
}

static void ratios_need_a_level(void **state)
{
    struct arena *arena = arena_create();
    struct story story = tenth_higher(N, arena);

    (void)state;
    story.y = constants(N, -3, arena);
    assert_int_equal(judge_story(ROBUST_RANK, &story, arena)->classification, CLASS_HIGH);
    story.policy.allowed_increase = 1.1;
    assert_int_equal(judge_story(ROBUST_RANK, &story, arena)->classification, CLASS_NODATA);
    arena_free(arena);
}

/* A ratio of nothing is no number, and a critical metric is no less critical for it. */
static void critical_ratios_without_a_level(void **state)
{
    struct arena *arena = arena_create();
    uint64_t seed = 41;
    struct story story = {.x = series_of(60, 5, 1, 0, &seed, arena), .n = 60, .m = 60};

    (void)state;
    story.policy = policy_default();
    story.policy.is_critical = story.policy.has_critical_increase = true;
    story.policy.critical_increase = 1.5;
    story.y = constants(60, 0, arena);
    assert_true(judge_story("RobustRank-v1.0", &story, arena)->is_critical);
    story.y = series_of(60, -5, 1, 0, &seed, arena);
    assert_true(judge_story("RobustRank-v1.0", &story, arena)->is_critical);
    assert_true(judge_story("Mean-v1.0", &story, arena)->is_critical);
    assert_true(judge_story("Sequential-v1.0", &story, arena)->is_critical);
    story.x = series_of(60, -5, 1, 0, &seed, arena);
    assert_false(judge_story("RobustRank-v1.0", &story, arena)->is_critical);
    arena_free(arena);
}

/* No errors before and many now: however large a ratio is allowed, that is more. */
static void any_ratio_of_nothing_is_nothing(void **state)
{
    static const char *const judges[] = {"RobustRank-v1.0", "Mean-v1.0", "Distribution-v1.0",
                                         "Sequential-v1.0"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(judges); i++) {
        struct arena *arena = arena_create();
        uint64_t seed = 41;
        struct story story = {.x = series_of(60, 5, 1, 0, &seed, arena),
                              .y = constants(60, 0, arena),
                              .n = 60,
                              .m = 60};
        double *one_error = constants(60, 0, arena);

        row("%s", judges[i]);
        story.policy = policy_default();
        story.policy.is_critical = story.policy.has_critical_increase = true;
        story.policy.direction = DIRECTION_INCREASE;
        story.policy.allowed_increase = 1.1;
        story.policy.critical_increase = 1.5;
        assert_int_equal(judge_story(judges[i], &story, arena)->classification, CLASS_HIGH);
        assert_true(judge_story(judges[i], &story, arena)->is_critical);
        one_error[30] = 1;
        story.x = one_error;
        assert_int_equal(judge_story(judges[i], &story, arena)->classification, CLASS_PASS);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_agree_about_margins),
        cmocka_unit_test(numbers_are_those_of_the_test),
        cmocka_unit_test(scales_of_margins),
        cmocka_unit_test(little_information_flags_nothing),
        cmocka_unit_test(ratios_need_a_level),
        cmocka_unit_test(critical_ratios_without_a_level),
        cmocka_unit_test(any_ratio_of_nothing_is_nothing),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
