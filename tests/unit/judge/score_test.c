/* Expected scores: Kayenta's ScorerSuite (fixtures/golden/kayenta-suites.jsonl.gz), and worked by
 * hand where marked. */
#include "judge/score.h"

#include "tests/support.h"

#include <math.h>
#include <string.h>

#define MAX_RESULTS 5
#define MAX_WEIGHTS 6

static const struct metric_pair pair = {.name = "metric", .id = "id"};
static const char *const g[] = {"g"}, *const g1[] = {"g1"}, *const g2[] = {"g2"};
static const char *const both[] = {"g1", "g2"}, *const twice[] = {"g1", "g1"};

#define IN(class_, groups_)                                                                        \
    {                                                                                              \
        .pair = &pair, .classification = CLASS_##class_, .groups = (groups_),                      \
        .n_groups = sizeof(groups_) / sizeof(*(groups_))                                           \
    }
#define CRITICAL(class_, groups_)                                                                  \
    {                                                                                              \
        .pair = &pair, .classification = CLASS_##class_, .groups = (groups_),                      \
        .n_groups = sizeof(groups_) / sizeof(*(groups_)), .is_critical = true, .reason = "why"     \
    }
#define MUTED(class_)                                                                              \
    {                                                                                              \
        .pair = &pair, .classification = CLASS_##class_, .is_muted = true                          \
    }

static const struct {
    const char *name;
    struct metric_result results[MAX_RESULTS];
    size_t n_results;
    struct group_weight weights[MAX_WEIGHTS];
    size_t n_weights;
    double score;
    const char *reason;
} cases[] = {
    {"one passing", {IN(PASS, g)}, 1, {{0}}, 0, 100, ""},
    {"one high", {IN(HIGH, g)}, 1, {{0}}, 0, 0, ""},
    {"one of three", {IN(PASS, g), IN(HIGH, g), IN(LOW, g)}, 3, {{0}}, 0, 33.33, ""},
    {"one without data",
     {IN(NODATA, g)},
     1,
     {{0}},
     0,
     0,
     "Canary Failed: 50% or more metrics returned NODATA"},
    {"an empty group counts as 100",
     {IN(PASS, g1), IN(PASS, g1), IN(NODATA, g2)},
     3,
     {{0}},
     0,
     100,
     ""},
    {"weights 75/25",
     {IN(PASS, g1), IN(PASS, g1), IN(HIGH, g2)},
     3,
     {{"g1", 75}, {"g2", 25}},
     2,
     75,
     ""},
    {"weights 15/85",
     {IN(HIGH, g1), IN(LOW, g1), IN(PASS, g1), IN(HIGH, g2)},
     4,
     {{"g1", 15}, {"g2", 85}},
     2,
     5,
     ""},
    {"a critical high", {IN(PASS, g), CRITICAL(HIGH, g)}, 2, {{0}}, 0, 0, "Canary Failed: why"},
    {"a critical pass", {IN(LOW, g), CRITICAL(PASS, g)}, 2, {{0}}, 0, 50, ""},
    {"a critical nodata", {IN(PASS, g), CRITICAL(NODATA, g)}, 2, {{0}}, 0, 0, "Canary Failed: why"},
    /* by hand from here on */
    {"must have data counts, and is not nodata",
     {IN(PASS, g), IN(NODATA_FAIL, g)},
     2,
     {{0}},
     0,
     50,
     ""},
    {"an error does not count", {IN(PASS, g), IN(ERROR, g), IN(ERROR, g)}, 3, {{0}}, 0, 100, ""},
    {"a group of the config that has no metric takes its weight along",
     {IN(PASS, g1)},
     1,
     {{"g1", 60}, {"g9", 40}},
     2,
     60,
     ""},
    {"a group without weight gets the rest, be it negative",
     {IN(PASS, g1), IN(PASS, g2)},
     2,
     {{"g1", 130}},
     1,
     100,
     ""},
    {"two groups share the rest",
     {IN(PASS, g), IN(PASS, g1), IN(HIGH, g2)},
     3,
     {{"g", 50}},
     1,
     75,
     ""},
    {"counted in both groups",
     {IN(HIGH, both), IN(PASS, g2)},
     2,
     {{"g1", 50}, {"g2", 50}},
     2,
     25,
     ""},
    {"counted twice in one group", {IN(HIGH, twice), IN(PASS, g1)}, 2, {{0}}, 0, 33.33, ""},
    {"muted metrics take no part",
     {IN(PASS, g), MUTED(HIGH), MUTED(NODATA), MUTED(NODATA)},
     4,
     {{0}},
     0,
     100,
     ""},
    {"all muted", {MUTED(PASS)}, 1, {{0}}, 0, 0, ""},
    {"none", {{0}}, 0, {{0}}, 0, 0, ""},
};

static void score_reference_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct score_policy policy = {.pass = 75,
                                            .marginal = 50,
                                            .weights = cases[i].weights,
                                            .n_weights = cases[i].n_weights};
        struct arena *arena = arena_create();
        struct judge_result got = {0};
        struct error err = {0};

        row("%s", cases[i].name);
        assert_int_equal(ERR_OK, score_results(cases[i].results, cases[i].n_results, &policy, arena,
                                               &got, &err));
        assert_near(cases[i].score, got.score, 0);
        assert_string_equal(cases[i].reason, got.reason);
        assert_int_equal(cases[i].score >= 75   ? VERDICT_PASS
                         : cases[i].score >= 50 ? VERDICT_MARGINAL
                                                : VERDICT_FAIL,
                         got.verdict);
        assert_int_equal(strstr(cases[i].reason, "NODATA") != NULL, got.is_forced_by_nodata);
        arena_free(arena);
    }
}

static void score_refuses_what_has_no_score(void **state)
{
    const struct metric_result no_groups = {.pair = &pair}, passing = IN(PASS, g);
    const struct group_weight endless = {"g", INFINITY};
    const struct score_policy plain = {.pass = 1},
                              infinite = {.pass = 1, .weights = &endless, .n_weights = 1};
    struct arena *arena = arena_create();
    struct judge_result got = {.judge_name = "untouched"};
    struct error err = {0};

    (void)state;
    assert_int_equal(ERR_INVALID, score_results(&no_groups, 1, &plain, arena, &got, &err));
    assert_string_equal("metric \"metric\" has no groups", err.message);
    err = (struct error){0};
    assert_int_equal(ERR_INVALID, score_results(&passing, 1, &infinite, arena, &got, &err));
    assert_string_equal("untouched", got.judge_name);
    arena_free(arena);
}

static void score_rounds_on_the_shortest_decimal(void **state)
{
    static const struct {
        double value, want;
    } rows[] = {
        {94.995, 95},
        {94.99499999999999, 94.99},
        {33.33333333333333, 33.33},
        {0.005, 0.01},
        {0.004999, 0},
        {-0.005, -0.01},
        {-0.001, 0},
        {66.66666666666666, 66.67},
        {1e308, 1e308},
        {100, 100},
        {99.999, 100},
        {1234567890123.125, 1234567890123.13},
        {0.1 + 0.2, 0.3},
        {2.675, 2.68},
        {5e-324, 0},
        {-33.335, -33.34},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        row("%.17g", rows[i].value);
        assert_near(rows[i].want, score_round(rows[i].value), 0);
        assert_false(score_round(rows[i].value) == 0 && signbit(score_round(rows[i].value)));
    }
}

/* Expected orders: what Kayenta gave for groups of these names (fixtures/golden). */
static void score_lists_groups_in_hash_order(void **state)
{
    static const char *const names[] = {"errors", "latency", "saturation", "traffic", "größe", "𝄞"};
    struct metric_result results[ARRAY_LEN(names)];
    const struct score_policy policy = {.pass = 1};
    struct arena *arena = arena_create();
    struct error err = {0};

    (void)state;
    for (size_t n = 1; n <= ARRAY_LEN(names); n++) {
        struct judge_result forward = {0}, backward = {0};

        for (int is_backward = 0; is_backward < 2; is_backward++) {
            for (size_t i = 0; i < n; i++)
                results[i] = (struct metric_result){
                    .pair = &pair, .groups = &names[is_backward ? n - 1 - i : i], .n_groups = 1};
            assert_int_equal(ERR_OK, score_results(results, n, &policy, arena,
                                                   is_backward ? &backward : &forward, &err));
        }
        row("%zu groups", n);
        assert_int_equal(n, forward.n_groups);
        for (size_t i = 0; i < n; i++) /* the order of appearance does not matter */
            assert_string_equal(forward.groups[i].name, backward.groups[i].name);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(score_reference_values),
        cmocka_unit_test(score_refuses_what_has_no_score),
        cmocka_unit_test(score_rounds_on_the_shortest_decimal),
        cmocka_unit_test(score_lists_groups_in_hash_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
