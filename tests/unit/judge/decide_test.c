/* From reports to classifications; every number is set here, no test is run. */
#include "tests/unit/judge/judged.h"

#include "judge/decide.h"

static struct test_report report_of(double above, double below, double lower, double upper)
{
    struct judge_options options = judge_options_default;
    struct test_report report = test_report_start(&options);

    report.method = "made up";
    report.above[MARGIN_ALLOWED] = report.above[MARGIN_CRITICAL] = above;
    report.below[MARGIN_ALLOWED] = report.below[MARGIN_CRITICAL] = below;
    report.effect = (struct effect){"ratio", (lower + upper) / 2, lower, upper, UNIT_RATIO};
    report.margin_neutral = 1;
    report.n[0] = report.n[1] = 60;
    return report;
}

static const struct {
    const char *name;
    double above, below, lower, upper;
    enum direction direction;
    double allowed_increase, allowed_decrease;
    enum on_inconclusive on_inconclusive;
    bool is_uninformative, must_have_data;
    enum decision decision;
    enum classification classification;
} cases[] = {
    {"higher", 0.004, 0.996, 1.02, 1.2, DIRECTION_EITHER, 1, 1, INCONCLUSIVE_PASS, false, false,
     DECISION_HARM, CLASS_HIGH},
    {"at the level", 0.01, 0.99, 1, 1.2, DIRECTION_EITHER, 1, 1, INCONCLUSIVE_PASS, false, false,
     DECISION_HARM, CLASS_HIGH},
    {"not quite", 0.0101, 0.99, 0.999, 1.2, DIRECTION_EITHER, 1, 1, INCONCLUSIVE_PASS, false, false,
     DECISION_INCONCLUSIVE, CLASS_PASS},
    {"lower", 0.999, 0.001, 0.7, 0.9, DIRECTION_EITHER, 1, 1, INCONCLUSIVE_PASS, false, false,
     DECISION_HARM, CLASS_LOW},
    {"lower, which is fine", 0.999, 0.001, 0.7, 0.9, DIRECTION_INCREASE, 1, 1, INCONCLUSIVE_PASS,
     false, false, DECISION_NON_INFERIOR, CLASS_PASS},
    {"higher, which is fine", 0.001, 0.999, 1.1, 1.3, DIRECTION_DECREASE, 1, 1, INCONCLUSIVE_PASS,
     false, false, DECISION_NON_INFERIOR, CLASS_PASS},
    {"within the margin", 0.9, 0.9, 0.95, 1.05, DIRECTION_EITHER, 1.1, 0.9, INCONCLUSIVE_FAIL,
     false, false, DECISION_NON_INFERIOR, CLASS_PASS},
    {"beyond one end", 0.9, 0.6, 0.85, 1.05, DIRECTION_EITHER, 1.1, 0.9, INCONCLUSIVE_PASS, false,
     false, DECISION_INCONCLUSIVE, CLASS_PASS},
    {"unclear fails", 0.3, 0.9, 0.95, 1.15, DIRECTION_EITHER, 1.1, 0.9, INCONCLUSIVE_FAIL, false,
     false, DECISION_INCONCLUSIVE, CLASS_HIGH},
    {"unclear fails low", 0.9, 0.3, 0.85, 1.05, DIRECTION_EITHER, 1.1, 0.9, INCONCLUSIVE_FAIL,
     false, false, DECISION_INCONCLUSIVE, CLASS_LOW},
    {"unclear is no data", 0.3, 0.9, 0.95, 1.15, DIRECTION_EITHER, 1.1, 0.9, INCONCLUSIVE_NODATA,
     false, false, DECISION_INCONCLUSIVE, CLASS_NODATA},
    {"and data were asked for", 0.3, 0.9, 0.95, 1.15, DIRECTION_EITHER, 1.1, 0.9,
     INCONCLUSIVE_NODATA, false, true, DECISION_INCONCLUSIVE, CLASS_NODATA_FAIL},
    {"without a margin unclear passes", 0.3, 0.7, 0.95, 1.15, DIRECTION_EITHER, 1, 1,
     INCONCLUSIVE_FAIL, false, false, DECISION_INCONCLUSIVE, CLASS_PASS},
    {"too little information", 0.0001, 0.9999, 1.2, 1.3, DIRECTION_EITHER, 1, 1, INCONCLUSIVE_PASS,
     true, false, DECISION_INCONCLUSIVE, CLASS_PASS},
    {"no interval proves nothing", 0.9, 0.9, NAN, NAN, DIRECTION_EITHER, 1.1, 0.9,
     INCONCLUSIVE_PASS, false, false, DECISION_INCONCLUSIVE, CLASS_PASS},
};

static void one_metric(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();
        struct test_report report =
            report_of(cases[i].above, cases[i].below, cases[i].lower, cases[i].upper);
        struct test_report *reports[] = {&report};
        struct metric_pair pair = {.name = "m"};
        struct metric_result result = {.pair = &pair};
        struct metric_policy policy = policy_default();

        row("%s", cases[i].name);
        policy.direction = cases[i].direction;
        policy.allowed_increase = cases[i].allowed_increase;
        policy.allowed_decrease = cases[i].allowed_decrease;
        policy.options.on_inconclusive = cases[i].on_inconclusive;
        policy.must_have_data = cases[i].must_have_data;
        report.is_uninformative = cases[i].is_uninformative;
        decide_all(&result, reports, &policy, 1, arena);
        assert_int_equal(cases[i].decision, report.decision);
        assert_int_equal(cases[i].classification, result.classification);
        assert_non_null(result.reason);
        arena_free(arena);
    }
}

/* "No change" where the policy's ratios do not exist: the report speaks of shifts. */
static void no_change_on_another_scale(void **state)
{
    struct arena *arena = arena_create();
    struct test_report report = report_of(0.3, 0.7, -0.5, 0.9);
    struct test_report *reports[] = {&report};
    struct metric_pair pair = {.name = "m"};
    struct metric_result result = {.pair = &pair};
    struct metric_policy policy = policy_default();

    (void)state;
    report.margin_neutral = 0;
    report.effect.measure = "shift";
    policy.options.on_inconclusive = INCONCLUSIVE_FAIL;
    decide_all(&result, reports, &policy, 1, arena);
    assert_int_equal(report.decision, DECISION_INCONCLUSIVE);
    assert_int_equal(result.classification, CLASS_PASS);
    arena_free(arena);
}

static const struct {
    const char *name;
    enum multiplicity multiplicity;
    double want[4]; /* of two-sided 0.005, 0.02, 0.03 and a muted 0.001 */
} families[] = {
    {"none", MULTIPLICITY_NONE, {0.005, 0.02, 0.03, 0.001}},
    {"holm", MULTIPLICITY_HOLM, {0.015, 0.04, 0.04, 0.001}},
    {"bh", MULTIPLICITY_BH, {0.015, 0.03, 0.03, 0.001}},
    {"by", MULTIPLICITY_BY, {0.0275, 0.055, 0.055, 0.001}}, /* times 1 + 1/2 + 1/3 */
};

static void several_metrics(void **state)
{
    static const double p[] = {0.005, 0.02, 0.03, 0.001};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        struct arena *arena = arena_create();
        struct test_report report[4], *reports[4];
        struct metric_pair pair = {.name = "m"};
        struct metric_result results[4];
        struct metric_policy policies[4];

        row("%s", families[i].name);
        for (size_t k = 0; k < 4; k++) {
            report[k] = report_of(p[k] / 2, 1 - p[k] / 2, 0.9, 1.2);
            reports[k] = &report[k];
            results[k] = (struct metric_result){.pair = &pair, .is_muted = k == 3};
            policies[k] = policy_default();
            policies[k].options.multiplicity = families[i].multiplicity;
        }
        decide_all(results, reports, policies, 4, arena);
        for (size_t k = 0; k < 4; k++)
            assert_near(families[i].want[k], report[k].p_adjusted, 1e-12);
        arena_free(arena);
    }
}

/* Critical metrics are a family of their own, by Holm, and are critical beyond their limit only. */
static void critical_metrics(void **state)
{
    struct arena *arena = arena_create();
    struct test_report report[3], *reports[3];
    struct metric_pair pair = {.name = "m"};
    struct metric_result results[3];
    struct metric_policy policies[3];

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        report[k] = report_of(0.002, 0.998, 1.1, 1.3);
        reports[k] = &report[k];
        results[k] = (struct metric_result){.pair = &pair};
        policies[k] = policy_default();
        policies[k].is_critical = k < 2;
    }
    policies[1].has_critical_increase = true;
    policies[1].critical_increase = 1.5;
    report[1].above[MARGIN_CRITICAL] = 0.4;
    decide_all(results, reports, policies, 3, arena);
    assert_near(0.008, report[0].p_adjusted, 1e-12);
    assert_near(0.008, report[1].p_adjusted, 1e-12);
    assert_near(0.004, report[2].p_adjusted, 1e-12);
    assert_int_equal(report[0].adjustment, MULTIPLICITY_HOLM);
    for (size_t k = 0; k < 3; k++)
        assert_int_equal(results[k].classification, CLASS_HIGH);
    assert_true(results[0].is_critical);
    assert_false(results[1].is_critical);
    assert_false(results[2].is_critical);
    arena_free(arena);
}

/* Evidence as strong as can be that nothing bad happened, and no interval to show for it. */
static void unclear_in_the_direction_that_counts(void **state)
{
    struct arena *arena = arena_create();
    struct test_report report = report_of(0, 1, NAN, NAN), *reports[] = {&report};
    struct metric_pair pair = {.name = "m"};
    struct metric_result result = {.pair = &pair};
    struct metric_policy policy = policy_default();

    (void)state;
    policy.direction = DIRECTION_DECREASE;
    policy.allowed_decrease = 0.9;
    policy.options.on_inconclusive = INCONCLUSIVE_FAIL;
    decide_all(&result, reports, &policy, 1, arena);
    assert_int_equal(result.classification, CLASS_LOW);
    arena_free(arena);
}

static void unclear_and_critical(void **state)
{
    static const struct {
        const char *name;
        double critical, upper;
        bool has_limit, want;
    } rows[] = {
        {"any", 1, 1.15, false, true},
        {"beyond the limit is excluded", 1.2, 1.15, true, false},
        {"beyond the limit is not", 1.2, 1.25, true, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *arena = arena_create();
        struct test_report report = report_of(0.3, 0.9, 0.95, rows[i].upper),
                           *reports[] = {&report};
        struct metric_pair pair = {.name = "m"};
        struct metric_result result = {.pair = &pair};
        struct metric_policy policy = policy_default();

        row("%s", rows[i].name);
        policy.is_critical = true;
        policy.direction = DIRECTION_INCREASE;
        policy.allowed_increase = 1.1;
        policy.has_critical_increase = rows[i].has_limit;
        policy.critical_increase = rows[i].critical;
        decide_all(&result, reports, &policy, 1, arena);
        assert_false(result.is_critical);
        policy.options.on_inconclusive = INCONCLUSIVE_FAIL;
        report.decision = DECISION_UNDECIDED;
        decide_all(&result, reports, &policy, 1, arena);
        assert_int_equal(result.classification, CLASS_HIGH);
        assert_int_equal(result.is_critical, rows[i].want);
        arena_free(arena);
    }
}

static void grades(void **state)
{
    struct arena *arena = arena_create();
    struct test_report report = report_of(0.8, 0.9, 0.9, 1.15), *reports[] = {&report};
    struct metric_pair pair = {.name = "m"};
    struct metric_result result = {.pair = &pair};
    struct metric_policy policy = policy_default();

    (void)state;
    policy.allowed_increase = 1.1;
    policy.allowed_decrease = 0.8;
    decide_all(&result, reports, &policy, 1, arena);
    assert_near(70, result.grade, 1e-12); /* 100 (0.8 + 0.9 - 1) */
    report = report_of(0.8, 0.2, 0.9, 1.15);
    policy.direction = DIRECTION_INCREASE;
    decide_all(&result, reports, &policy, 1, arena);
    assert_near(80, result.grade, 1e-12);
    report = report_of(0.001, 0.999, 1.2, 1.3);
    decide_all(&result, reports, &policy, 1, arena);
    assert_near(0, result.grade, 0);
    arena_free(arena);
}

static void what_was_refused(void **state)
{
    struct arena *arena = arena_create();
    struct test_report report[2], *reports[2];
    struct metric_pair pair = {.name = "m"};
    struct metric_result results[2];
    struct metric_policy policies[2];

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        report[k] = report_of(NAN, NAN, NAN, NAN);
        report[k].decision = k ? DECISION_ERROR : DECISION_NO_DATA;
        report[k].reason = "nothing came of it";
        reports[k] = &report[k];
        results[k] = (struct metric_result){.pair = &pair};
        policies[k] = policy_default();
        policies[k].is_critical = true;
    }
    decide_all(results, reports, policies, 2, arena);
    assert_int_equal(results[0].classification, CLASS_NODATA);
    assert_false(results[0].is_critical);
    assert_string_equal(results[0].reason, "m: nothing came of it.");
    assert_int_equal(results[1].classification, CLASS_ERROR);
    assert_string_equal(results[1].reason, "nothing came of it");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_metric),
        cmocka_unit_test(no_change_on_another_scale),
        cmocka_unit_test(several_metrics),
        cmocka_unit_test(critical_metrics),
        cmocka_unit_test(unclear_in_the_direction_that_counts),
        cmocka_unit_test(unclear_and_critical),
        cmocka_unit_test(grades),
        cmocka_unit_test(what_was_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
