/* What looks wrong about series: the same twice, too fine a step, no partners. */
#include "tests/support.h"

#include "analyzer/series_check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define N_POINTS 60

static double values[N_SIDES][N_POINTS];
static char said[4096];

static void remember(void *ctx, const char *text)
{
    size_t n = strlen(said);

    (void)ctx;
    snprintf(said + n, sizeof(said) - n, "%s\n", text);
}

/* Values that never repeat, and that differ between the sides; each holds for `hold` steps. */
static struct metric_pair pair_create(size_t hold)
{
    struct metric_pair pair = {.name = "cpu"};

    for (int side = 0; side < N_SIDES; side++) {
        for (size_t i = 0; i < N_POINTS; i++)
            values[side][i] = (double)((i / hold * 7 + (size_t)side) % 61);
        pair.sides[side] =
            (struct pair_side){.values = values[side], .n_values = N_POINTS, .step_ms = 10000};
    }
    return pair;
}

static const char *warnings(const struct metric_pair *pairs, size_t n_pairs)
{
    struct arena *arena = arena_create();

    said[0] = '\0';
    series_warn(pairs, n_pairs, arena, remember, NULL);
    arena_free(arena);
    return said;
}

static void good_series_are_not_warned_of(void **state)
{
    struct metric_pair pair = pair_create(1);

    (void)state;
    assert_string_equal("", warnings(&pair, 1));
    assert_int_equal(1, series_stride(&pair.sides[0]));
    assert_int_equal(N_POINTS, series_n_points(&pair.sides[0]));
}

static void a_step_finer_than_the_stores_is_said_with_the_right_one(void **state)
{
    struct metric_pair pair = pair_create(3);

    (void)state;
    assert_int_equal(3, series_stride(&pair.sides[0]));
    assert_non_null(strstr(warnings(&pair, 1), "take a step of 30 s in place of 10 s"));
    for (int side = 0; side < N_SIDES; side++) /* the same where the store leaves gaps */
        for (size_t i = 0; i < N_POINTS; i++)
            if (i % 4)
                values[side][i] = NAN;
    assert_non_null(strstr(warnings(&pair, 1), "take a step of 40 s in place of 10 s"));
}

static void a_value_that_hardly_moves_says_nothing_of_the_step(void **state)
{
    struct metric_pair pair = pair_create(20);

    (void)state;
    assert_int_equal(0, series_stride(&pair.sides[0]));
    assert_string_equal("", warnings(&pair, 1));
}

static void the_same_series_twice(void **state)
{
    struct arena *arena = arena_create();
    struct metric_pair pair = pair_create(1);

    (void)state;
    memcpy(values[1], values[0], sizeof(values[0]));
    assert_true(series_is_same(&pair));
    assert_non_null(strstr(warnings(&pair, 1), "point by point"));
    for (int side = 0; side < N_SIDES; side++)
        tag_map_put(&pair.sides[side].attributes, arena, "query", "up");
    assert_non_null(strstr(warnings(&pair, 1), "${scope}"));
    values[1][N_POINTS - 1] += 1;
    assert_false(series_is_same(&pair));
    for (size_t i = 0; i < N_POINTS; i++)
        values[0][i] = values[1][i] = 0;
    assert_false(series_is_same(&pair)); /* no errors on either side is good news */
    arena_free(arena);
}

static void series_without_partners_are_named(void **state)
{
    struct arena *arena = arena_create();
    struct metric_pair pairs[2] = {pair_create(1), pair_create(1)};
    static double nothing[N_POINTS];

    (void)state;
    for (size_t i = 0; i < N_POINTS; i++)
        nothing[i] = NAN;
    tag_map_put(&pairs[0].tags, arena, "pod", "a");
    tag_map_put(&pairs[1].tags, arena, "pod", "b");
    pairs[0].sides[SIDE_EXPERIMENT].values = nothing;
    assert_non_null(strstr(warnings(pairs, 2), "1 of 2 series are on the side of the baseline"));
    pairs[1].sides[SIDE_CONTROL].values = nothing;
    assert_non_null(strstr(warnings(pairs, 2), "2 of 2 series have no partner"));
    assert_non_null(strstr(said, "baseline pod=\"a\"; canary pod=\"b\""));
    pairs[1].name = "another";
    assert_string_equal("", warnings(pairs, 2)); /* no data at all is the judge's word to say */
    pairs[0].sides[SIDE_EXPERIMENT].has_unused = true;
    assert_non_null(strstr(warnings(pairs, 2), "the series of the canary has no labels and those "
                                               "of the baseline have (pod=\"a\", for instance)"));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_series_are_not_warned_of),
        cmocka_unit_test(a_step_finer_than_the_stores_is_said_with_the_right_one),
        cmocka_unit_test(a_value_that_hardly_moves_says_nothing_of_the_step),
        cmocka_unit_test(the_same_series_twice),
        cmocka_unit_test(series_without_partners_are_named),
    };

    return cmocka_run_group_tests_name("analyzer/series_check", tests, NULL, NULL);
}
