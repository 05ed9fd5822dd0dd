/* Expected p-values of small counts are fractions that can be counted by hand. */
#include "tests/unit/judge/judged.h"

#include <gsl/gsl_errno.h>

#define RATE "Rate-v1.0"
#define N 60

static struct story one_minute(const double *x, const double *y)
{
    return (struct story){.x = x, .y = y, .n = 1, .m = 1, .policy = policy_default()};
}

/* Three heads of three: 1/8; less half of it: 1/16; both sides: 1/8. */
static void counts_by_hand(void **state)
{
    static const double three[] = {3}, none[] = {0};
    struct arena *arena = arena_create();
    struct story story = one_minute(three, none);
    const struct test_report *report = judge_story(RATE, &story, arena)->report;

    (void)state;
    assert_near(1.0 / 8, report->p, 1e-15);
    assert_near(1.0 / 16, report->above[MARGIN_ALLOWED], 1e-15);
    assert_near(15.0 / 16, report->below[MARGIN_ALLOWED], 1e-15);
    assert_true(isinf(report->effect.estimate) && isinf(report->effect.upper));
    assert_string_equal(report->effect.measure, "rateRatio");
    assert_string_equal(report->method, "poisson-quasi");
    assert_true(has_warning(report, "noExposure"));
    arena_free(arena);
}

/* A margin of 3 has the canary take 3 of 4 events: (3/4)^3 = 27/64, less half. */
static void a_margin_moves_the_share(void **state)
{
    static const double three[] = {3}, none[] = {0};
    struct arena *arena = arena_create();
    struct story story = one_minute(three, none);

    (void)state;
    story.policy.allowed_increase = 3;
    assert_near(27.0 / 128, judge_story(RATE, &story, arena)->report->above[MARGIN_ALLOWED], 1e-15);
    arena_free(arena);
}

/* With a third of the traffic, a share of 1/4: 1/64, less half. */
static void exposure_moves_the_share(void **state)
{
    static const double three[] = {3}, none[] = {0}, few[] = {500}, many[] = {1500};
    struct arena *arena = arena_create();
    struct story story = one_minute(three, none);
    const struct test_report *report;

    (void)state;
    story.exposure_x = few;
    story.exposure_y = many;
    report = judge_story(RATE, &story, arena)->report;
    assert_near(1.0 / 64, report->p, 1e-15);
    assert_false(has_warning(report, "noExposure"));
    arena_free(arena);
}

static void equal_counts_are_no_equal_rates(void **state)
{
    struct arena *arena = arena_create();
    struct story story = {.x = constants(N, 5, arena),
                          .y = constants(N, 5, arena),
                          .n = N,
                          .m = N,
                          .exposure_x = constants(N, 100, arena),
                          .exposure_y = constants(N, 900, arena),
                          .policy = policy_default()};
    const struct metric_result *result = judge_story(RATE, &story, arena);

    (void)state;
    assert_int_equal(result->classification, CLASS_HIGH);
    assert_near(9, result->report->effect.estimate, 1e-12);
    arena_free(arena);
}

static void minutes_without_exposure_are_left_out(void **state)
{
    struct arena *arena = arena_create();
    double *requests = constants(N, 100, arena);
    struct story story = {.x = constants(N, 1, arena),
                          .y = constants(N, 2, arena),
                          .n = N,
                          .m = N,
                          .exposure_x = requests,
                          .exposure_y = constants(N, 100, arena),
                          .policy = policy_default()};

    (void)state;
    requests[7] = 0;
    requests[8] = NAN;
    requests[9] = -3;
    assert_int_equal(judge_story(RATE, &story, arena)->report->n[SIDE_CONTROL], N - 3);
    story.exposure_x = constants(N, 0, arena);
    assert_int_equal(judge_story(RATE, &story, arena)->classification, CLASS_NODATA);
    arena_free(arena);
}

static const struct {
    const char *name;
    double value;
    enum metric_type type;
    enum count_model model;
    bool has_exposure;
    enum effect_measure measure;
    const char *says; /* NULL: it can be judged */
} refusals[] = {
    {"half an event", 0.5, TYPE_COUNTER, MODEL_DEFAULT, false, EFFECT_MEAN_RATIO,
     "numbers of events"},
    {"less than none", -1, TYPE_COUNTER, MODEL_DEFAULT, false, EFFECT_MEAN_RATIO,
     "numbers of events"},
    {"extrapolated", 1.07, TYPE_COUNTER, MODEL_DEFAULT, false, EFFECT_MEAN_RATIO, NULL},
    {"per second", 0.2, TYPE_COUNTER, MODEL_DEFAULT, false, EFFECT_MEAN_RATIO, "numbers of events"},
    {"rounded", 3 + 1e-10, TYPE_COUNTER, MODEL_DEFAULT, false, EFFECT_MEAN_RATIO, NULL},
    {"rate without requests", 0.1, TYPE_ERROR_RATE, MODEL_DEFAULT, false, EFFECT_MEAN_RATIO,
     "needs exposureMetric"},
    {"rate", 0.1, TYPE_ERROR_RATE, MODEL_DEFAULT, true, EFFECT_MEAN_RATIO, NULL},
    {"percent", 10, TYPE_ERROR_RATE, MODEL_DEFAULT, true, EFFECT_MEAN_RATIO, "from 0 to 1"},
    {"proportions without requests", 3, TYPE_COUNTER, MODEL_BERNOULLI, false, EFFECT_MEAN_RATIO,
     "needs exposureMetric"},
    {"more errors than requests", 300, TYPE_COUNTER, MODEL_BERNOULLI, true, EFFECT_MEAN_RATIO,
     "more errors than requests"},
    {"proportions", 3, TYPE_COUNTER, MODEL_BERNOULLI, true, EFFECT_MEAN_RATIO, NULL},
    {"scale of ranks", 3, TYPE_COUNTER, MODEL_DEFAULT, true, EFFECT_CLES, "no limits"},
    {"shift", 3, TYPE_COUNTER, MODEL_DEFAULT, true, EFFECT_SHIFT, NULL},
    {"too many to add up", 0x1p53, TYPE_COUNTER, MODEL_DEFAULT, false, EFFECT_MEAN_RATIO,
     "too large"},
};

static void what_cannot_be_counted_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct arena *arena = arena_create();
        struct story story = {.x = constants(N, refusals[i].value, arena),
                              .y = constants(N, 0, arena),
                              .n = N,
                              .m = N,
                              .policy = policy_default()};
        const struct metric_result *result;

        row("%s", refusals[i].name);
        if (refusals[i].has_exposure) {
            story.exposure_x = constants(N, 100, arena);
            story.exposure_y = constants(N, 100, arena);
        }
        story.policy.options.metric_type = refusals[i].type;
        story.policy.options.model = refusals[i].model;
        story.policy.effect_measure = refusals[i].measure;
        if (refusals[i].measure == EFFECT_SHIFT) {
            story.policy.allowed_increase = 0.001;
            story.policy.allowed_decrease = -0.001;
        }
        result = judge_story(RATE, &story, arena);
        if (refusals[i].says) {
            assert_int_equal(result->classification, CLASS_ERROR);
            assert_non_null(strstr(result->reason, refusals[i].says));
        } else {
            assert_int_equal(result->classification, CLASS_HIGH);
        }
        arena_free(arena);
    }
}

static const struct {
    enum count_model model;
    bool is_bursty;
    const char *method;
} models[] = {
    {MODEL_DEFAULT, false, "poisson-quasi"},   {MODEL_DEFAULT, true, "log-rate-har-paired"},
    {MODEL_POISSON, true, "poisson-mid-p"},    {MODEL_TEMPERED, true, "poisson-quasi"},
    {MODEL_HAR, false, "log-rate-har-paired"},
};

static void models_choose_the_procedure(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        struct arena *arena = arena_create();
        uint64_t seed = 3;
        double *x = counts_of(N, 4, &seed, arena), *y = counts_of(N, 4, &seed, arena);
        struct story story = {.x = x, .y = y, .n = N, .m = N, .policy = policy_default()};

        row("model %d, bursty %d", (int)models[i].model, models[i].is_bursty);
        for (size_t t = 0; t < N && models[i].is_bursty; t += 5)
            (t % 2 ? x : y)[t] += 30;
        story.policy.options.model = models[i].model;
        assert_string_equal(judge_story(RATE, &story, arena)->report->method, models[i].method);
        arena_free(arena);
    }
}

/* % of 2,000 canaries that are flagged. */
static double flagged(double ratio, bool is_unpaired)
{
    enum { N_RUNS = 2000 };
    uint64_t seed = 20261122;
    size_t n_flagged = 0;

    for (size_t run = 0; run < N_RUNS; run++) {
        struct arena *arena = arena_create();
        struct story story = {.x = counts_of(N, ratio, &seed, arena),
                              .y = counts_of(N, 1, &seed, arena),
                              .n = N,
                              .m = N,
                              .policy = policy_default()};
        enum classification got;

        story.policy.options.pairing = is_unpaired ? POINTS_UNPAIRED : POINTS_AUTO;
        got = judge_story(RATE, &story, arena)->classification;
        n_flagged += got == CLASS_HIGH || got == CLASS_LOW;
        arena_free(arena);
    }
    return 100.0 * (double)n_flagged / N_RUNS;
}

/* The aim: 97 % of the canaries with twice one error a minute within an hour, and 2 % of those
 * without a change (Monte Carlo error 0.3). */
static void a_doubled_rate_is_found(void **state)
{
    (void)state;
    assert_true(flagged(2, false) >= 97);
    assert_true(flagged(2, true) >= 97);
    assert_true(flagged(1, false) <= 2.9);
    assert_true(flagged(1, true) <= 2.9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_by_hand),
        cmocka_unit_test(a_margin_moves_the_share),
        cmocka_unit_test(exposure_moves_the_share),
        cmocka_unit_test(equal_counts_are_no_equal_rates),
        cmocka_unit_test(minutes_without_exposure_are_left_out),
        cmocka_unit_test(what_cannot_be_counted_is_said),
        cmocka_unit_test(models_choose_the_procedure),
        cmocka_unit_test(a_doubled_rate_is_found),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
