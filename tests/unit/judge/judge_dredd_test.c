/* Chance that repeats itself. */
#include "tests/unit/judge/judged.h"

#define N_METRICS 3000

static enum classification drawn(const char *name, int64_t start_unix_ms, struct arena *arena)
{
    static const double value = 1;
    const struct judge_type *judge = judge_find("dredd-v1.0");
    struct metric_pair pair = pair_of(name, &value, 1, &value, 1);
    struct metric_policy policy = policy_default();
    struct metric_result result = {0};
    struct error err = {0};

    pair.sides[SIDE_EXPERIMENT].start_unix_ms = start_unix_ms;
    assert_int_equal(judge->classify(&pair, &policy, arena, arena, &result, &err), ERR_OK);
    assert_non_null(strstr(result.reason, "at random"));
    return result.classification;
}

/* A third each: 1,000 with a standard deviation of 26. */
static void all_classes_are_as_probable(void **state)
{
    struct arena *arena = arena_create();
    size_t n[CLASS_ERROR + 1] = {0};

    (void)state;
    for (int64_t i = 0; i < N_METRICS; i++)
        n[drawn("latency", START_MS + i * MINUTE_MS, arena)]++;
    assert_near(1000, (double)n[CLASS_PASS], 110);
    assert_near(1000, (double)n[CLASS_HIGH], 110);
    assert_near(1000, (double)n[CLASS_LOW], 110);
    arena_free(arena);
}

static void the_same_metric_gets_the_same(void **state)
{
    struct arena *arena = arena_create();
    size_t n_equal = 0;

    (void)state;
    for (int64_t i = 0; i < 100; i++) {
        enum classification one = drawn("latency", START_MS + i, arena);

        assert_int_equal(one, drawn("latency", START_MS + i, arena));
        n_equal += one == drawn("errors", START_MS + i, arena);
    }
    assert_true(n_equal > 10 && n_equal < 70);
    arena_free(arena);
}

static void it_is_not_offered(void **state)
{
    (void)state;
    assert_false(judge_find("dredd-v1.0")->is_visible);
    assert_true(judge_find("RobustRank-v1.0")->is_visible);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_classes_are_as_probable),
        cmocka_unit_test(the_same_metric_gets_the_same),
        cmocka_unit_test(it_is_not_offered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
