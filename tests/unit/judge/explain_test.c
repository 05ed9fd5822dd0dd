/* A red metric the other way round: the limit really makes it pass, and a planted burst is found.
 */
#include "judge/explain.h"

#include "tests/support.h"

#include <math.h>
#include <string.h>

#define N_POINTS 120u
#define BURST 60u

static const struct score_policy score = {.pass = 95, .marginal = 75};
static const char *const groups[] = {"g"};

static void fill(double values[N_SIDES][N_POINTS], double shift, double burst)
{
    uint64_t state = 11;

    for (size_t i = 0; i < N_POINTS; i++)
        for (int side = 0; side < N_SIDES; side++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            values[side][i] = 100 + 10 * ((double)(state >> 40) / (double)(1u << 23) - 1);
            values[side][i] += side == SIDE_EXPERIMENT ? shift : 0;
            if (i >= BURST && i < BURST + 5)
                values[side][i] += side == SIDE_EXPERIMENT ? burst : -burst;
        }
}

static struct judge_result judge_one(const char *name, const struct metric_policy *policy,
                                     double values[N_SIDES][N_POINTS], struct arena *arena)
{
    struct metric_pair *pair = arena_new(arena, struct metric_pair);
    struct judge_input input = {.pairs = pair, .n_pairs = 1, .policies = policy, .score = &score};
    struct judge_result result;
    struct error err = {0};

    *pair = (struct metric_pair){.name = "latency"};
    for (int side = 0; side < N_SIDES; side++)
        pair->sides[side] = (struct pair_side){.values = values[side],
                                               .n_values = N_POINTS,
                                               .start_unix_ms = 6000000,
                                               .step_ms = 60000};
    assert_int_equal(ERR_OK, judge_run(judge_find(name), &input, arena, &result, &err));
    explain_result(judge_find(name), &input, arena, &result);
    return result;
}

static struct metric_policy policy_of(enum direction direction)
{
    return (struct metric_policy){.direction = direction,
                                  .allowed_increase = 1,
                                  .allowed_decrease = 1,
                                  .critical_increase = 1,
                                  .critical_decrease = 1,
                                  .groups = groups,
                                  .n_groups = 1,
                                  .options = judge_options_default};
}

/* With the limit it passes, a thousandth on the strict side of it not. */
static void the_limit_is_the_smallest(void **state)
{
    static const struct {
        const char *judge;
        double shift;
        const char *limit_name;
    } rows[] = {
        {"NetflixACAJudge-v1.0", 12, "allowedIncrease"},
        {"NetflixACAJudge-v1.0", -12, "allowedDecrease"},
        {"RobustRank-v1.0", 12, "allowedIncrease"},
        {"RobustRank-v1.0", -12, "allowedDecrease"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *arena = arena_create();
        double values[N_SIDES][N_POINTS];
        struct metric_policy policy = policy_of(DIRECTION_EITHER);
        struct judge_result red;
        double *limit = rows[i].shift > 0 ? &policy.allowed_increase : &policy.allowed_decrease;

        row("%s %g", rows[i].judge, rows[i].shift);
        fill(values, rows[i].shift, 0);
        red = judge_one(rows[i].judge, &policy, values, arena);
        assert_int_not_equal(CLASS_PASS, red.results[0].classification);
        assert_string_equal(rows[i].limit_name, red.explanations[0].limit_name);
        *limit = red.explanations[0].limit;
        assert_int_equal(
            CLASS_PASS, judge_one(rows[i].judge, &policy, values, arena).results[0].classification);
        *limit = 1 + (red.explanations[0].limit - 1) * 0.8;
        assert_int_not_equal(
            CLASS_PASS, judge_one(rows[i].judge, &policy, values, arena).results[0].classification);
        arena_free(arena);
    }
}

/* An unclear metric that fails for it needs a limit that it is surely within, not the one it has.
 */
static void the_limit_of_what_is_unclear(void **state)
{
    struct arena *arena = arena_create();
    double values[N_SIDES][N_POINTS];
    struct metric_policy policy = policy_of(DIRECTION_INCREASE);
    struct judge_result red;

    (void)state;
    fill(values, 2, 0);
    policy.allowed_increase = 1.015;
    policy.options.on_inconclusive = INCONCLUSIVE_FAIL;
    red = judge_one("RobustRank-v1.0", &policy, values, arena);
    assert_int_equal(CLASS_HIGH, red.results[0].classification);
    assert_int_equal(DECISION_INCONCLUSIVE, red.results[0].report->decision);
    assert_true(red.explanations[0].limit > 1.015);
    policy.allowed_increase = red.explanations[0].limit;
    assert_int_equal(
        CLASS_PASS, judge_one("RobustRank-v1.0", &policy, values, arena).results[0].classification);
    arena_free(arena);
}

/* With the requests beside the errors. */
static void the_limit_of_a_rate(void **state)
{
    struct arena *arena = arena_create();
    double errors[N_SIDES][N_POINTS], requests[N_SIDES][N_POINTS];
    struct metric_policy policies[2] = {policy_of(DIRECTION_INCREASE),
                                        policy_of(DIRECTION_INCREASE)};
    struct metric_pair pairs[2] = {{.name = "errors"}, {.name = "requests"}};
    struct judge_input input = {
        .pairs = pairs, .n_pairs = 2, .policies = policies, .score = &score};
    struct judge_result red;
    struct error err = {0};

    (void)state;
    policies[0].options.metric_type = TYPE_COUNTER;
    policies[0].options.exposure_metric = "requests";
    policies[1].is_muted = true;
    for (int side = 0; side < N_SIDES; side++) {
        for (size_t i = 0; i < N_POINTS; i++) {
            requests[side][i] = side == SIDE_EXPERIMENT ? 100 : 1000;
            errors[side][i] = (side == SIDE_EXPERIMENT ? 3 : 10) + (double)(i * 7 % 5) - 2;
        }
        pairs[0].sides[side] = (struct pair_side){.values = errors[side],
                                                  .n_values = N_POINTS,
                                                  .start_unix_ms = 6000000,
                                                  .step_ms = 60000};
        pairs[1].sides[side] = (struct pair_side){.values = requests[side],
                                                  .n_values = N_POINTS,
                                                  .start_unix_ms = 6000000,
                                                  .step_ms = 60000};
    }
    for (int pass = 0; pass < 2; pass++) {
        assert_int_equal(ERR_OK, judge_run(judge_find("Rate-v1.0"), &input, arena, &red, &err));
        explain_result(judge_find("Rate-v1.0"), &input, arena, &red);
        assert_int_equal(pass ? CLASS_PASS : CLASS_HIGH, red.results[0].classification);
        if (pass)
            break;
        assert_string_equal("allowedIncrease", red.explanations[0].limit_name);
        assert_true(red.explanations[0].limit > 2.5 && red.explanations[0].limit < 3);
        policies[0].allowed_increase = red.explanations[0].limit;
    }
    arena_free(arena);
}

static void the_heaviest_minutes_are_the_burst(void **state)
{
    struct arena *arena = arena_create();
    double values[N_SIDES][N_POINTS];
    struct metric_policy policy = policy_of(DIRECTION_INCREASE);
    struct judge_result red;

    (void)state;
    fill(values, 5, 40);
    red = judge_one("RobustRank-v1.0", &policy, values, arena);
    assert_int_equal(CLASS_HIGH, red.results[0].classification);
    assert_int_equal(6000000 + BURST * 60000, red.explanations[0].heaviest_start_unix_ms);
    assert_int_equal(6000000 + (BURST + 5) * 60000, red.explanations[0].heaviest_end_unix_ms);
    assert_false(red.explanations[0].is_spread);
    assert_true(red.explanations[0].heaviest_share > 5.0 / N_POINTS &&
                red.explanations[0].heaviest_share <= 1);
    arena_free(arena);
}

static void a_pass_is_not_explained(void **state)
{
    struct arena *arena = arena_create();
    double values[N_SIDES][N_POINTS];
    struct metric_policy policy = policy_of(DIRECTION_INCREASE);
    struct judge_result green;

    (void)state;
    fill(values, -20, 0);
    green = judge_one("RobustRank-v1.0", &policy, values, arena);
    assert_int_equal(CLASS_PASS, green.results[0].classification);
    assert_null(green.explanations[0].limit_name);
    assert_int_equal(0, green.explanations[0].heaviest_start_unix_ms);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_is_the_smallest),
        cmocka_unit_test(the_limit_of_what_is_unclear),
        cmocka_unit_test(the_limit_of_a_rate),
        cmocka_unit_test(the_heaviest_minutes_are_the_burst),
        cmocka_unit_test(a_pass_is_not_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
