/* The rules in front of and behind the rank test. Expected results: Kayenta's ClassifierSuite, by
 * their name, and judgements of fixtures/golden. */
#include "judge/judge.h"

#include "tests/support.h"

#include <math.h>
#include <string.h>

#define MAX_POINTS 5
#define NEUTRAL                                                                                    \
    .allowed_increase = 1, .allowed_decrease = 1, .critical_increase = 1, .critical_decrease = 1

static const char *const groups[] = {"g"};

static const struct {
    const char *name;
    struct metric_policy policy;
    double control[MAX_POINTS];
    size_t n_control;
    double experiment[MAX_POINTS];
    size_t n_experiment;
    enum classification classification;
    const char *reason; /* NULL: none */
    bool is_critical;
    double ratio;
} cases[] = {
    {"higher",
     {NEUTRAL},
     {1, 2.2, 1.1, 2.5, 3},
     5,
     {20, 22, 21, 25, 30},
     5,
     CLASS_HIGH,
     "m was classified as High",
     false,
     12.040816326530614},
    {"higher, but only lower is bad",
     {NEUTRAL, .direction = DIRECTION_DECREASE},
     {1, 2.2, 1.1, 2.5, 3},
     5,
     {20, 22, 21, 25, 30},
     5,
     CLASS_PASS,
     NULL,
     false,
     12.040816326530614},
    {"lower",
     {NEUTRAL},
     {10, 20.2, 10.1, 20.5, 30},
     5,
     {2, 2, 2, 2, 3},
     5,
     CLASS_LOW,
     "m was classified as Low",
     false,
     11 / 90.8},
    {"lower, but only higher is bad",
     {NEUTRAL, .direction = DIRECTION_INCREASE},
     {10, 20.2, 10.1, 20.5, 30},
     5,
     {2, 2, 2, 2, 3},
     5,
     CLASS_PASS,
     NULL,
     false,
     11 / 90.8},
    {"critical and high",
     {NEUTRAL, .is_critical = true},
     {1, 2.2, 1.1, 2.5, 3},
     5,
     {20, 22, 21, 25, 30},
     5,
     CLASS_HIGH,
     "The metric m was classified as High (Critical)",
     true,
     12.040816326530614},
    {"high, short of the critical limit",
     {.allowed_increase = 5, .critical_increase = 13, .is_critical = true},
     {1, 2.2, 1.1, 2.5, 3},
     5,
     {20, 22, 21, 25, 30},
     5,
     CLASS_HIGH,
     "m was classified as High",
     false,
     12.040816326530614},
    {"short of the allowed limit",
     {.allowed_increase = 13, .is_critical = true},
     {1, 2.2, 1.1, 2.5, 3},
     5,
     {20, 22, 21, 25, 30},
     5,
     CLASS_PASS,
     NULL,
     false,
     12.040816326530614},
    {"the limit itself reaches",
     {.allowed_increase = 12.040816326530614},
     {1, 2.2, 1.1, 2.5, 3},
     5,
     {20, 22, 21, 25, 30},
     5,
     CLASS_HIGH,
     "m was classified as High",
     false,
     12.040816326530614},
    {"superiority at its limit",
     {.effect_measure = EFFECT_CLES, .allowed_increase = 1},
     {1, 2.2, 1.1, 2.5, 3},
     5,
     {20, 22, 21, 25, 30},
     5,
     CLASS_HIGH,
     "m was classified as High",
     false,
     12.040816326530614},
    {"superiority cannot exceed one",
     {.effect_measure = EFFECT_CLES, .allowed_increase = 1.01},
     {1, 2.2, 1.1, 2.5, 3},
     5,
     {20, 22, 21, 25, 30},
     5,
     CLASS_PASS,
     NULL,
     false,
     12.040816326530614},
    {"an undefined ratio lifts the limits",
     {.allowed_increase = 99, .direction = DIRECTION_EITHER},
     {0, 0, 0, 0, 0},
     5,
     {54.9, 54.5, 55.1, 55.6, 57.4},
     5,
     CLASS_HIGH,
     "m was classified as High",
     false,
     NAN},
    {"no canary points",
     {NEUTRAL},
     {1, 2, 3},
     3,
     {NAN},
     1,
     CLASS_NODATA,
     "Missing data for m",
     false,
     1},
    {"no canary points, critical",
     {NEUTRAL, .is_critical = true},
     {1, 2, 3},
     3,
     {0},
     0,
     CLASS_NODATA,
     "Missing data for m",
     true,
     1},
    {"no points, must have data",
     {NEUTRAL, .must_have_data = true},
     {0},
     0,
     {0},
     0,
     CLASS_NODATA_FAIL,
     "Missing data for m",
     false,
     1},
    {"no points, must have data and critical",
     {NEUTRAL, .must_have_data = true, .is_critical = true},
     {0},
     0,
     {0},
     0,
     CLASS_NODATA,
     "Missing data for m",
     true,
     1},
    {"no points are no errors",
     {NEUTRAL, .nan_strategy = NAN_REPLACE, .is_critical = true},
     {1, 2, 3},
     3,
     {0},
     0,
     CLASS_PASS,
     NULL,
     false,
     1},
    {"same values in another order",
     {NEUTRAL},
     {5, 4, 3, 2, 1},
     5,
     {1, 2, 3, 4, 5},
     5,
     CLASS_PASS,
     "The Canary and Baseline data are identical",
     false,
     1},
    {"one value on both sides", {NEUTRAL}, {1, 1}, 2, {1, 1, 1}, 3, CLASS_PASS, NULL, false, 1},
    {"too few to rank, but fully apart",
     {NEUTRAL},
     {1, NAN},
     2,
     {3.5, 3.5, 9},
     3,
     CLASS_HIGH,
     "m was classified as High",
     false,
     16.0 / 3},
};

static struct metric_result judge_one(const struct metric_policy *policy, const double *control,
                                      size_t n_control, const double *experiment,
                                      size_t n_experiment, struct arena *arena)
{
    const struct metric_pair pair = {
        .name = "m",
        .sides = {[SIDE_CONTROL] = {control, n_control, 0, 0, {0}},
                  [SIDE_EXPERIMENT] = {experiment, n_experiment, 0, 0, {0}}}};
    struct metric_policy with_groups = *policy;
    const struct score_policy score = {.pass = 95, .marginal = 75};
    struct judge_result result;
    struct error err = {0};

    with_groups.groups = groups;
    with_groups.n_groups = 1;
    assert_int_equal(
        ERR_OK,
        judge_run(judge_find(JUDGE_DEFAULT_NAME),
                  &(struct judge_input){
                      .pairs = &pair, .n_pairs = 1, .policies = &with_groups, .score = &score},
                  arena, &result, &err));
    assert_int_equal(1, result.n_results);
    return result.results[0];
}

static void judge_reference_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();
        struct metric_result got;

        row("%s", cases[i].name);
        got = judge_one(&cases[i].policy, cases[i].control, cases[i].n_control, cases[i].experiment,
                        cases[i].n_experiment, arena);
        assert_int_equal(cases[i].classification, got.classification);
        if (cases[i].reason)
            assert_string_equal(cases[i].reason, got.reason);
        else
            assert_null(got.reason);
        assert_int_equal(cases[i].is_critical, got.is_critical);
        assert_true(got.has_ratio);
        assert_near(cases[i].ratio, got.ratio, 1e-15);
        arena_free(arena);
    }
}

/* Two different constants: noise of 1e-5 decides what is equal, and always the same way. */
static void judge_jitters_two_constants(void **state)
{
    const double low[] = {10, 10, 10, 10, 10}, high[] = {11, 11, 11, 11, 11};
    const struct metric_policy policy = {NEUTRAL};
    struct arena *arena = arena_create();
    struct metric_result first = judge_one(&policy, low, 5, high, 5, arena);
    struct metric_result second = judge_one(&policy, low, 5, high, 5, arena);

    (void)state;
    assert_int_equal(CLASS_HIGH, first.classification);
    assert_near(1.1, first.ratio, 1e-4);
    assert_true(first.ratio != 1.1);
    assert_near(first.ratio, second.ratio, 0);
    assert_near(0, first.stats[SIDE_CONTROL].std, 0); /* taken before the noise */
    arena_free(arena);
}

static void judge_calls_what_it_cannot_test_an_error(void **state)
{
    /* so far apart that the shift swallows every difference: all x - mu are equal */
    const double control[] = {1e300, 1e300, 1e300}, experiment[] = {1, 2, 3};
    const struct metric_policy policy = {NEUTRAL, .is_critical = true};
    struct arena *arena = arena_create();
    struct metric_result got = judge_one(&policy, control, 3, experiment, 3, arena);

    (void)state;
    assert_int_equal(CLASS_ERROR, got.classification);
    assert_string_equal("Metric Classification Failed", got.reason);
    assert_false(got.has_ratio);
    assert_false(got.is_critical);
    arena_free(arena);
}

static void judge_warns_of_small_units(void **state)
{
    const double low[] = {1e-4, 2e-4, 3e-4}, high[] = {0.1, 0.2, 0.3};
    const struct metric_policy policy = {NEUTRAL};
    struct arena *arena = arena_create();

    (void)state;
    assert_true(judge_one(&policy, low, 3, low + 1, 2, arena).is_unit_too_small);
    assert_false(judge_one(&policy, high, 3, high + 1, 2, arena).is_unit_too_small);
    arena_free(arena);
}

static void judge_find_knows_its_list(void **state)
{
    size_t n_judges;
    const struct judge_type *const *judges = judge_list(&n_judges);

    (void)state;
    assert_null(judge_find("no-such-judge"));
    for (size_t i = 0; i < n_judges; i++)
        assert_ptr_equal(judges[i], judge_find(judges[i]->name));
    assert_string_equal("NetflixACAJudge-v1.0", judges[0]->name);
    assert_true(judges[0]->is_visible);
}

static void judge_refuses_a_bad_outlier_factor(void **state)
{
    const struct metric_policy policy = {.outlier_strategy = OUTLIERS_REMOVE, .groups = groups};
    const struct metric_pair pair = {.name = "cpu"};
    const struct score_policy score = {0};
    struct arena *arena = arena_create();
    struct judge_result result;
    struct error err = {0};

    (void)state;
    assert_int_equal(
        ERR_INVALID,
        judge_run(judge_find(JUDGE_DEFAULT_NAME),
                  &(struct judge_input){
                      .pairs = &pair, .n_pairs = 1, .policies = &policy, .score = &score},
                  arena, &result, &err));
    assert_string_equal("metric \"cpu\"", err.context);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judge_reference_values),
        cmocka_unit_test(judge_jitters_two_constants),
        cmocka_unit_test(judge_calls_what_it_cannot_test_an_error),
        cmocka_unit_test(judge_warns_of_small_units),
        cmocka_unit_test(judge_find_knows_its_list),
        cmocka_unit_test(judge_refuses_a_bad_outlier_factor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
