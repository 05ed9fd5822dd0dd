#include "tests/support.h"

#include "base/limits.h"
#include "collectors/reply_series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct bench {
    struct arena *arena;
    struct error err;
    struct reply_series_list list;
};

static struct bench *bench_create(void)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    bench->arena = arena_create();
    bench->list.arena = bench->arena;
    bench->list.err = &bench->err;
    return bench;
}

static void bench_free(struct bench *bench)
{
    reply_series_clear(&bench->list);
    arena_free(bench->arena);
    free(bench);
}

static void reply_series_sorts_and_keeps_the_order_of_equals(void **state)
{
    static const struct reply_point points[] = {{70, 3}, {20, 1}, {70, 4}, {20, 2}, {500, 5}};
    struct bench *bench = bench_create();
    struct reply_series *series = reply_series_add(&bench->list);
    double *values;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(points); i++)
        assert_true(
            reply_series_add_point(&bench->list, series, points[i].time_ms, points[i].value));
    reply_series_sort(series);
    values = reply_series_values(series, bench->arena);
    for (size_t i = 0; i < ARRAY_LEN(points); i++)
        assert_near((double)(i + 1), values[i], 0);
    assert_int_equal(5, bench->list.n_points);
    bench_free(bench);
}

/* A grid of 10 ms from the first point on. */
static void reply_series_grids(void **state)
{
    static const struct {
        const char *name;
        bool exact;
        struct reply_point points[4];
        size_t n_points;
        double values[4];
        size_t n_values;
    } cases[] = {
        {"one", true, {{7, 1.25}}, 1, {1.25}, 1},
        {"a gap", true, {{7, 1}, {17, 2}, {37, 4}}, 3, {1, 2, NAN, 4}, 4},
        {"beside the grid", true, {{7, 1}, {18, 2}, {27, 3}}, 3, {1, NAN, 3}, 3},
        {"beside the grid, taken", false, {{7, 1}, {18, 2}, {36, 3}}, 3, {1, 2, 3}, 3},
        {"the first of a slot counts", false, {{7, 1}, {7, 8}, {17, 2}, {26, 9}}, 4, {1, 2}, 2},
        {"the first of a slot may be NaN", true, {{7, NAN}, {7, 8}, {17, 2}}, 3, {NAN, 2}, 2},
        {"the last one off the grid", true, {{7, 1}, {26, 9}}, 2, {1, NAN}, 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench *bench = bench_create();
        struct reply_series *series = reply_series_add(&bench->list);
        size_t n_values;
        double *values;

        row("%s", cases[i].name);
        for (size_t k = 0; k < cases[i].n_points; k++)
            assert_true(reply_series_add_point(&bench->list, series, cases[i].points[k].time_ms,
                                               cases[i].points[k].value));
        values =
            reply_series_grid(&bench->list, series, 10, cases[i].exact, bench->arena, &n_values);
        assert_non_null(values);
        assert_int_equal(cases[i].n_values, n_values);
        for (size_t k = 0; k < n_values; k++)
            assert_near(cases[i].values[k], values[k], 0);
        bench_free(bench);
    }
}

/* The whole span of what a time may be: nothing overflows, and it is refused. */
static void reply_series_grid_is_bounded(void **state)
{
    struct bench *bench = bench_create();
    struct reply_series *series = reply_series_add(&bench->list);
    size_t n_values;

    (void)state;
    assert_true(reply_series_add_point(&bench->list, series, -100000000000000, 1));
    assert_true(reply_series_add_point(&bench->list, series, 100000000000000, 2));
    assert_null(reply_series_grid(&bench->list, series, 1, true, bench->arena, &n_values));
    assert_int_equal(ERR_UPSTREAM, bench->err.code);
    assert_string_equal("store_too_many_points", error_reason(&bench->err));
    bench_free(bench);
}

static void reply_series_tags(void **state)
{
    static const struct {
        const char *name;
        const char *key;
        struct str value;
        bool is_fine;
    } cases[] = {
        {"plain", "b", {"x", 1}, true},        {"empty", "c", {"", 0}, true},
        {"no bytes", "d", {NULL, 0}, true},    {"twice", "a", {"y", 1}, false},
        {"with NUL", "e", {"x\0y", 3}, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench *bench = bench_create();
        struct reply_series *series = reply_series_add(&bench->list);

        row("%s", cases[i].name);
        assert_true(reply_series_add_tag(&bench->list, series, "a", str_of("first")));
        assert_int_equal(cases[i].is_fine,
                         reply_series_add_tag(&bench->list, series, cases[i].key, cases[i].value));
        if (!cases[i].is_fine)
            assert_string_equal("store_bad_response", error_reason(&bench->err));
        assert_string_equal("first", tag_map_get(&series->tags, "a"));
        bench_free(bench);
    }
}

static void reply_series_times(void **state)
{
    static const struct {
        const char *text;
        bool is_time;
        int64_t time_ms;
    } cases[] = {
        {"1767225600", true, 1767225600000},
        {"1767225600.2509", true, 1767225600250},
        {"-0.0005", true, -1},
        {"1e11", true, 100000000000000},
        {"1.1e11", false, 0},
        {"-1.1e11", false, 0},
        {"NaN", false, 0},
        {"1e9999", false, 0},
        {"", false, 0},
        {"x", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t time_ms = 0;

        row("%s", cases[i].text);
        assert_int_equal(cases[i].is_time, reply_time_s(str_of(cases[i].text), &time_ms));
        assert_int_equal(cases[i].time_ms, time_ms);
    }
}

static void reply_series_count_is_bounded(void **state)
{
    struct bench *bench = bench_create();

    (void)state;
    for (size_t i = 0; i < STORE_MAX_SERIES; i++)
        assert_non_null(reply_series_add(&bench->list));
    assert_null(reply_series_add(&bench->list));
    assert_string_equal("store_too_many_series", error_reason(&bench->err));
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reply_series_sorts_and_keeps_the_order_of_equals),
        cmocka_unit_test(reply_series_grids),
        cmocka_unit_test(reply_series_grid_is_bounded),
        cmocka_unit_test(reply_series_tags),
        cmocka_unit_test(reply_series_times),
        cmocka_unit_test(reply_series_count_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
