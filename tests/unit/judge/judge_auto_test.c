/* Which judge a metric gets, by what its report says was done. */
#include "tests/unit/judge/judged.h"

#include <gsl/gsl_errno.h>

#define N 60

static const struct {
    const char *name;
    enum metric_type type;
    enum judge_method method;
    bool has_counts, has_exposure;
    const char *reports, *warns;
} cases[] = {
    {"gauge", TYPE_GAUGE, METHOD_DEFAULT, false, false, "rank-har-paired", NULL},
    {"gauge of whole numbers", TYPE_GAUGE, METHOD_DEFAULT, true, false, "rank-har-paired", NULL},
    {"latency, ess", TYPE_LATENCY, METHOD_ESS, false, false, "rank-ess", NULL},
    {"latency, ks is not of ranks", TYPE_LATENCY, METHOD_KS, false, false, "rank-har-paired", NULL},
    {"counter", TYPE_COUNTER, METHOD_DEFAULT, true, false, "poisson-quasi", "noExposure"},
    {"counter of requests", TYPE_COUNTER, METHOD_DEFAULT, true, true, "poisson-quasi", NULL},
    {"counter per second", TYPE_COUNTER, METHOD_DEFAULT, false, false, "rank-har-paired",
     "noCounts"},
    {"error rate", TYPE_ERROR_RATE, METHOD_DEFAULT, false, false, "rank-har-paired", NULL},
    {"histogram", TYPE_HISTOGRAM, METHOD_DEFAULT, false, false, "anderson-darling", NULL},
    {"histogram, ks", TYPE_HISTOGRAM, METHOD_KS, false, false, "kolmogorov-smirnov", NULL},
};

static void a_metric_gets_its_judge(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();
        uint64_t seed = 8;
        bool has_counts = cases[i].has_counts;
        struct story story = {
            .x = has_counts ? counts_of(N, 4, &seed, arena) : series_of(N, 9, 0.2, 0, &seed, arena),
            .y = has_counts ? counts_of(N, 4, &seed, arena) : series_of(N, 9, 0.2, 0, &seed, arena),
            .n = N,
            .m = N,
            .policy = policy_default()};
        const struct test_report *report;

        row("%s", cases[i].name);
        if (cases[i].has_exposure) {
            story.exposure_x = constants(N, 1000, arena);
            story.exposure_y = constants(N, 1000, arena);
        }
        if (cases[i].type == TYPE_COUNTER && !has_counts) { /* rates per second */
            story.x = constants(N, 0.4, arena);
            story.y = constants(N, 0.3, arena);
        }
        story.policy.options.metric_type = cases[i].type;
        story.policy.options.method = cases[i].method;
        report = judge_story("Auto-v1.0", &story, arena)->report;
        assert_string_equal(report->method, cases[i].reports);
        assert_int_equal(report->n_warnings, cases[i].warns ? 1 : 0);
        if (cases[i].warns)
            assert_true(has_warning(report, cases[i].warns));
        arena_free(arena);
    }
}

static void error_rates_with_requests_are_counts(void **state)
{
    struct arena *arena = arena_create();
    struct story story = {.x = constants(N, 0.02, arena),
                          .y = constants(N, 0.01, arena),
                          .n = N,
                          .m = N,
                          .exposure_x = constants(N, 400, arena),
                          .exposure_y = constants(N, 400, arena),
                          .policy = policy_default()};
    const struct metric_result *result;

    (void)state;
    story.policy.options.metric_type = TYPE_ERROR_RATE;
    result = judge_story("Auto-v1.0", &story, arena);
    assert_string_equal(result->report->effect.measure, "rateRatio");
    assert_near(2, result->report->effect.estimate, 1e-12); /* 8 errors a minute against 4 */
    assert_int_equal(result->classification, CLASS_HIGH);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_metric_gets_its_judge),
        cmocka_unit_test(error_rates_with_requests_are_counts),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
