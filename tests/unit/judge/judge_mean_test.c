/* The formulas are proved in tests/unit/stats; here, what the judge makes of them. */
#include "tests/unit/judge/judged.h"

#include "judge/stats/har.h"

#include <gsl/gsl_errno.h>

#define MEAN "Mean-v1.0"
#define N 60

static const struct method_case methods[] = {
    {"default", METHOD_DEFAULT, false, false, "mean-har-paired"},
    {"har", METHOD_HAR, false, true, "mean-har-unpaired"},
    {"independent points", METHOD_DEFAULT, true, false, "welch"},
    {"welch", METHOD_WELCH, false, false, "welch"},
    {"independent", METHOD_INDEPENDENT, false, false, "welch"},
    {"bootstrap", METHOD_BOOTSTRAP, false, false, "mean-bootstrap"},
};

static void methods_agree_about_margins(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        assert_method_knows_margins(MEAN, &methods[i]);
}

/* p at a margin is that of x - 1.05 y, and of x - 4 - y for a shift. */
static void a_margin_is_a_test_on_other_data(void **state)
{
    struct arena *arena = arena_create();
    struct story story = tenth_higher(N, arena);
    double moved[N], zero[N] = {0};
    struct har_test want;

    (void)state;
    story.policy.allowed_increase = 1.05;
    for (size_t i = 0; i < N; i++)
        moved[i] = story.x[i] - 1.05 * story.y[i];
    har_mean_paired(moved, zero, N, 0.02, arena, &want);
    assert_near(want.p / 2, judge_story(MEAN, &story, arena)->report->above[MARGIN_ALLOWED], 1e-12);
    story.policy.effect_measure = EFFECT_SHIFT;
    story.policy.allowed_increase = 9;
    story.policy.allowed_decrease = -9;
    for (size_t i = 0; i < N; i++)
        moved[i] = story.x[i] - 9 - story.y[i];
    har_mean_paired(moved, zero, N, 0.02, arena, &want);
    assert_true(want.t > 0);
    assert_near(want.p / 2, judge_story(MEAN, &story, arena)->report->above[MARGIN_ALLOWED], 1e-12);
    arena_free(arena);
}

/* Two sides that have always been ten apart. */
static void a_lasting_difference_is_taken_out(void **state)
{
    enum { N_BEFORE = 40 };
    struct arena *arena = arena_create();
    struct story story = tenth_higher(N, arena);
    uint64_t seed = 7;
    const double *x_before = series_of(N_BEFORE, 110, 3, 0.3, &seed, arena);
    struct metric_pair before = pair_of("errors", x_before, N_BEFORE,
                                        series_of(N_BEFORE, 100, 3, 0.3, &seed, arena), N_BEFORE);
    struct pair_history history = {NULL, 0, &before};
    const struct metric_result *result;

    (void)state;
    assert_int_equal(judge_story(MEAN, &story, arena)->classification, CLASS_HIGH);
    story.history = &history;
    result = judge_story(MEAN, &story, arena);
    assert_string_equal(result->report->method, "mean-har-before");
    assert_int_equal(result->classification, CLASS_PASS);
    assert_near(1, result->report->effect.estimate, 0.03);
    before.sides[0].n_values = before.sides[1].n_values = 29; /* too few to know */
    assert_string_equal(judge_story(MEAN, &story, arena)->report->method, "mean-har-paired");
    arena_free(arena);
}

static void margins_that_cannot_be(void **state)
{
    struct arena *arena = arena_create();
    uint64_t seed = 9;
    struct story story = {.x = series_of(N, -100, 3, 0, &seed, arena),
                          .y = series_of(N, -100, 3, 0, &seed, arena),
                          .n = N,
                          .m = N,
                          .policy = policy_default()};
    const struct metric_result *result = judge_story(MEAN, &story, arena);

    (void)state;
    assert_int_equal(result->classification, CLASS_PASS); /* no margin, no scale needed */
    assert_string_equal(result->report->effect.measure, "shift");
    assert_int_equal(result->report->decision, DECISION_INCONCLUSIVE);
    story.policy.allowed_increase = 1.1;
    result = judge_story(MEAN, &story, arena);
    assert_int_equal(result->classification, CLASS_NODATA);
    assert_non_null(strstr(result->reason, "\"shift\""));
    story.policy.effect_measure = EFFECT_CLES;
    result = judge_story(MEAN, &story, arena);
    assert_int_equal(result->classification, CLASS_ERROR);
    story.policy.allowed_increase = story.policy.allowed_decrease = EFFECT_NEUTRAL_CLES;
    assert_int_equal(judge_story(MEAN, &story, arena)->classification, CLASS_PASS);
    arena_free(arena);
}

static void a_seed_is_the_metrics_own(void **state)
{
    struct arena *arena = arena_create();
    struct story story = tenth_higher(N, arena);
    double first, again, other;

    (void)state;
    story.policy.options.method = METHOD_BOOTSTRAP;
    first = judge_story(MEAN, &story, arena)->report->effect.lower;
    again = judge_story(MEAN, &story, arena)->report->effect.lower;
    story.policy.options.has_seed = true;
    story.policy.options.seed = 12345;
    other = judge_story(MEAN, &story, arena)->report->effect.lower;
    assert_near(first, again, 0);
    assert_true(first != other);
    assert_false(has_warning(judge_story(MEAN, &story, arena)->report, "tooFewSamples"));
    story.policy.options.alpha = 1e-4;
    assert_true(has_warning(judge_story(MEAN, &story, arena)->report, "tooFewSamples"));
    arena_free(arena);
}

/* % of 1,000 A/A canaries that are flagged, phi = 0.5. */
static double false_alarms(enum judge_method method)
{
    enum { N_RUNS = 1000 };
    uint64_t seed = 20261122;
    size_t n_flagged = 0;

    for (size_t run = 0; run < N_RUNS; run++) {
        struct arena *arena = arena_create();
        struct story story = {.x = series_of(N, 100, 10, 0.5, &seed, arena),
                              .y = series_of(N, 100, 10, 0.5, &seed, arena),
                              .n = N,
                              .m = N,
                              .policy = policy_default()};

        story.policy.options.method = method;
        story.policy.options.bootstrap_samples = 499;
        n_flagged += judge_story(MEAN, &story, arena)->classification != CLASS_PASS;
        arena_free(arena);
    }
    return 100.0 * (double)n_flagged / N_RUNS;
}

static void memory_raises_no_alarms(void **state)
{
    (void)state;
    assert_true(false_alarms(METHOD_HAR) <= 3.5); /* 2.1; Monte Carlo error 0.45 */
    assert_true(false_alarms(METHOD_BOOTSTRAP) <= 3.7);
    assert_true(false_alarms(METHOD_WELCH) >= 12); /* what they are there for: 18 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_agree_about_margins),
        cmocka_unit_test(a_margin_is_a_test_on_other_data),
        cmocka_unit_test(a_lasting_difference_is_taken_out),
        cmocka_unit_test(margins_that_cannot_be),
        cmocka_unit_test(a_seed_is_the_metrics_own),
        cmocka_unit_test(memory_raises_no_alarms),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
