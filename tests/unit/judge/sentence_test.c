/* Sentences word by word; the numbers are made up. */
#include "tests/unit/judge/judged.h"

#include "judge/sentence.h"

static struct test_report report_of(enum decision decision, struct effect effect, double neutral)
{
    struct judge_options options = judge_options_default;
    struct test_report report = test_report_start(&options);

    report.decision = decision;
    report.effect = effect;
    report.margin_neutral = neutral;
    report.n[0] = 180;
    report.n[1] = 181;
    report.n_eff = 41.7;
    report.p_adjusted = 0.5;
    report.step_s = 60;
    return report;
}

static const struct {
    const char *name;
    enum decision decision;
    enum classification classification;
    struct effect effect;
    double neutral;
    enum direction direction;
    double allowed_increase, allowed_decrease;
    bool is_critical, is_uninformative;
    double mde;
    size_t points_needed;
    const char *want;
} cases[] = {
    {"harm",
     DECISION_HARM,
     CLASS_HIGH,
     {"ratio", 1.0812, 1.0041, 1.1523, UNIT_RATIO},
     1,
     DIRECTION_EITHER,
     1,
     1,
     false,
     false,
     NAN,
     0,
     "p95 rose by 8.12 % (98 % interval 0.41 % to 15.2 %), above the allowed 0 %; 41 effective of "
     "180 points."},
    {"critical",
     DECISION_HARM,
     CLASS_LOW,
     {"ratio", 0.5, 0.4, 0.6123, UNIT_RATIO},
     1,
     DIRECTION_EITHER,
     1,
     0.9,
     true,
     false,
     NAN,
     0,
     "p95 fell by 50 % (98 % interval -60 % to -38.8 %), below the allowed -10 % (critical); 41 "
     "effective of 180 points."},
    {"shift",
     DECISION_HARM,
     CLASS_HIGH,
     {"shift", 12.345, 2, INFINITY, UNIT_METRIC},
     0,
     DIRECTION_EITHER,
     1.5,
     -1.5,
     false,
     false,
     NAN,
     0,
     "p95 has a shift of the canary of 12.3 (98 % interval 2 to infinity), above the allowed 1.5; "
     "41 effective of 180 points."},
    {"shift in place of a ratio",
     DECISION_HARM,
     CLASS_HIGH,
     {"shift", 12.345, 2, 20, UNIT_METRIC},
     0,
     DIRECTION_EITHER,
     1,
     1,
     false,
     false,
     NAN,
     0,
     "p95 has a shift of the canary of 12.3 (98 % interval 2 to 20), above the allowed 0; 41 "
     "effective of 180 points."},
    {"rates",
     DECISION_HARM,
     CLASS_HIGH,
     {"rateRatio", 2.114, 1.2, 3, UNIT_RATIO},
     1,
     DIRECTION_INCREASE,
     1.1,
     1,
     false,
     false,
     NAN,
     0,
     "p95 has a ratio of the rates of 2.11 (98 % interval 1.2 to 3), above the allowed 1.1; 41 "
     "effective of 180 points."},
    {"distance",
     DECISION_HARM,
     CLASS_LOW,
     {"distance", 0.3456, NAN, NAN, UNIT_PROBABILITY},
     0,
     DIRECTION_EITHER,
     1,
     1,
     false,
     false,
     NAN,
     0,
     "p95 has a largest difference of the distributions of 0.346, towards lower values; 41 "
     "effective of 180 points."},
    {"non-inferior",
     DECISION_NON_INFERIOR,
     CLASS_PASS,
     {"ratio", 0.97, 0.81, 1.08, UNIT_RATIO},
     1,
     DIRECTION_INCREASE,
     1.1,
     1,
     false,
     false,
     NAN,
     0,
     "p95 fell by 3 % (98 % interval -19 % to +8 %), which excludes an increase above 10 %."},
    {"inconclusive",
     DECISION_INCONCLUSIVE,
     CLASS_PASS,
     {"ratio", 1.03, 0.98, 1.08, UNIT_RATIO},
     1,
     DIRECTION_INCREASE,
     1.05,
     1,
     false,
     false,
     NAN,
     270,
     "p95 rose by 3 % (98 % interval -2 % to 8 %); an increase above 5 % can't be excluded: about "
     "90 more minutes needed."},
    {"far from conclusive",
     DECISION_INCONCLUSIVE,
     CLASS_PASS,
     {"ratio", 1.03, 0.98, 1.08, UNIT_RATIO},
     1,
     DIRECTION_DECREASE,
     1,
     0.99,
     false,
     false,
     NAN,
     1180,
     "p95 rose by 3 % (98 % interval -2 % to 8 %); a decrease below -1 % can't be excluded: about "
     "16.7 more hours needed."},
    {"nothing",
     DECISION_INCONCLUSIVE,
     CLASS_PASS,
     {"ratio", 1.03, 0.98, 1.08, UNIT_RATIO},
     1,
     DIRECTION_EITHER,
     1,
     1,
     false,
     false,
     12.3456,
     0,
     "p95 rose by 3 % (98 % interval -2 % to 8 %): no more than chance; 41 effective of 180 "
     "points, a shift of 12.3 would have been seen."},
    {"too little",
     DECISION_INCONCLUSIVE,
     CLASS_PASS,
     {"ratio", 1.03, 0.98, 1.08, UNIT_RATIO},
     1,
     DIRECTION_EITHER,
     1,
     1,
     false,
     true,
     NAN,
     0,
     "p95 rose by 3 % (98 % interval -2 % to 8 %): only 41 effective points, too few to tell."},
};

static void sentences(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();
        struct test_report report = report_of(cases[i].decision, cases[i].effect, cases[i].neutral);
        struct metric_pair pair = {.name = "p95"};
        struct metric_result result = {.pair = &pair,
                                       .classification = cases[i].classification,
                                       .is_critical = cases[i].is_critical};
        struct metric_policy policy = policy_default();

        row("%s", cases[i].name);
        if (cases[i].effect.unit == UNIT_METRIC && cases[i].allowed_decrease < 0)
            policy.effect_measure = EFFECT_SHIFT;
        policy.direction = cases[i].direction;
        policy.allowed_increase = cases[i].allowed_increase;
        policy.allowed_decrease = cases[i].allowed_decrease;
        report.is_uninformative = cases[i].is_uninformative;
        report.minimum_detectable_effect = cases[i].mde;
        report.points_needed = cases[i].points_needed;
        assert_string_equal(cases[i].want, sentence_of(&result, &report, &policy, arena));
        arena_free(arena);
    }
}

static void points_are_counted_in_words(void **state)
{
    struct arena *arena = arena_create();
    struct test_report report =
        report_of(DECISION_HARM, (struct effect){"cles", 0.9, 0.7, 1, UNIT_PROBABILITY}, 0.5);
    struct metric_pair pair = {.name = "p95"};
    struct metric_result result = {.pair = &pair, .classification = CLASS_HIGH};
    struct metric_policy policy = policy_default();

    (void)state;
    report.n[0] = 1;
    report.n_eff = 1;
    assert_non_null(strstr(sentence_of(&result, &report, &policy, arena), "; 1 point."));
    report.n[0] = 2;
    report.n_eff = NAN;
    assert_non_null(strstr(sentence_of(&result, &report, &policy, arena), "; 2 points."));
    arena_free(arena);
}

static void refusals_say_why(void **state)
{
    struct arena *arena = arena_create();
    struct test_report report = report_of(DECISION_NO_DATA, (struct effect){0}, NAN);
    struct metric_pair pair = {.name = "p95"};
    struct metric_result result = {.pair = &pair, .classification = CLASS_NODATA};
    struct metric_policy policy = policy_default();

    (void)state;
    report.reason = "too few points";
    assert_string_equal("p95: too few points.", sentence_of(&result, &report, &policy, arena));
    arena_free(arena);
}

/* What reads wrong at night: "1 points", "1e+03 %", "-0", a unit that the limit has not. */
static void small_print(void **state)
{
    static const struct {
        const char *name;
        struct effect effect;
        double alpha, p, above, below, n_eff;
        enum direction direction;
        double allowed_increase;
        size_t points_needed;
        bool is_uninformative;
        const char *want;
    } rows[] = {
        {"the harmless direction",
         {"distance", 0.9, NAN, NAN, UNIT_PROBABILITY},
         0.02,
         0.001,
         1,
         0.0005,
         180,
         DIRECTION_INCREASE,
         1,
         0,
         false,
         "p95 has a largest difference of the distributions of 0.9, but not in the direction that "
         "does harm; 180 points."},
        {"one of many",
         {"ratio", 1.08, 1.02, 1.15, UNIT_RATIO},
         0.02,
         0.001,
         0.0005,
         1,
         180,
         DIRECTION_INCREASE,
         1,
         0,
         false,
         "p95 rose by 8 % (98 % interval 2 % to 15 %): no more than chance among so many metrics; "
         "180 points."},
        {"three digits",
         {"ratio", 10.997, 0.98, 21, UNIT_RATIO},
         0.0001,
         0.3,
         0.3,
         0.7,
         180,
         DIRECTION_INCREASE,
         1,
         0,
         false,
         "p95 rose by 1000 % (99.99 % interval -2 % to 2000 %): no more than chance; 180 points."},
        {"no events",
         {"rateRatio", NAN, -0.0, INFINITY, UNIT_RATIO},
         0.02,
         1,
         0.5,
         0.5,
         180,
         DIRECTION_INCREASE,
         1,
         0,
         false,
         "p95 has no ratio of the rates: no more than chance; 180 points."},
        {"zero has no sign",
         {"rateRatio", 1.5, -0.0, INFINITY, UNIT_RATIO},
         0.02,
         1,
         0.5,
         0.5,
         180,
         DIRECTION_INCREASE,
         1,
         0,
         false,
         "p95 has a ratio of the rates of 1.5 (98 % interval 0 to infinity): no more than chance; "
         "180 points."},
        {"one minute",
         {"ratio", 1.08, 1.02, 1.15, UNIT_RATIO},
         0.02,
         0.3,
         0.3,
         0.7,
         180,
         DIRECTION_INCREASE,
         1.1,
         181,
         false,
         "p95 rose by 8 % (98 % interval 2 % to 15 %); an increase above 10 % can't be excluded: "
         "about 1 more minute needed."},
        {"a ratio for a distance",
         {"distance", 0.2, NAN, NAN, UNIT_PROBABILITY},
         0.02,
         0.3,
         0.3,
         0.7,
         180,
         DIRECTION_INCREASE,
         1.1,
         0,
         false,
         "p95 has a largest difference of the distributions of 0.2; an increase above 10 % can't "
         "be excluded."},
        {"one point",
         {"ratio", 1.08, 1.02, 1.15, UNIT_RATIO},
         0.02,
         0.3,
         0.3,
         0.7,
         1.4,
         DIRECTION_INCREASE,
         1,
         0,
         true,
         "p95 rose by 8 % (98 % interval 2 % to 15 %): only 1 effective point, too few to tell."},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *arena = arena_create();
        struct test_report report = report_of(DECISION_INCONCLUSIVE, rows[i].effect, 1);
        struct metric_policy policy = policy_default();
        struct metric_pair pair = {.name = "p95"};
        struct metric_result result = {.pair = &pair};

        row("%s", rows[i].name);
        report.alpha = rows[i].alpha;
        report.p = rows[i].p;
        report.above[MARGIN_ALLOWED] = rows[i].above;
        report.below[MARGIN_ALLOWED] = rows[i].below;
        report.n_eff = rows[i].n_eff;
        report.points_needed = rows[i].points_needed;
        report.is_uninformative = rows[i].is_uninformative;
        policy.direction = rows[i].direction;
        policy.allowed_increase = rows[i].allowed_increase;
        assert_string_equal(rows[i].want, sentence_of(&result, &report, &policy, arena));
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentences),
        cmocka_unit_test(small_print),
        cmocka_unit_test(points_are_counted_in_words),
        cmocka_unit_test(refusals_say_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
