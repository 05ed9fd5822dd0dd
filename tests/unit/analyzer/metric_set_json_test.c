#include "analyzer/codec/metric_set_json.h"

#include "base/json.h"
#include "tests/support.h"

#include <math.h>
#include <string.h>

static const char pair_text[] =
    "[{\"name\":\"p99\",\"id\":\"06d68363\",\"tags\":{\"zone\":\"b\",\"app\":\"x\"},"
    "\"values\":{\"control\":[0.25,\"NaN\",-0.0],\"experiment\":[\"Infinity\",\"-Infinity\",3]},"
    "\"scopes\":{\"control\":{\"startTimeIso\":\"2026-08-20T10:00:00Z\",\"startTimeMillis\":"
    "1787220000000,\"stepMillis\":60000},\"experiment\":{\"startTimeIso\":"
    "\"2026-08-20T10:00:00Z\",\"stepMillis\":30000}},"
    "\"attributes\":{\"control\":{\"query\":\"q1\"},\"experiment\":{}}}]";

static void pairs_round_trip(void **state)
{
    static const char expected[] =
        "[{\"name\":\"p99\",\"id\":\"06d68363\",\"tags\":{\"app\":\"x\",\"zone\":\"b\"},"
        "\"values\":{\"control\":[0.25,\"NaN\",-0.0],\"experiment\":[\"Infinity\",\"-Infinity\","
        "3.0]},\"scopes\":{\"control\":{\"startTimeMillis\":1787220000000,\"startTimeIso\":"
        "\"2026-08-20T10:00:00Z\",\"stepMillis\":60000},\"experiment\":{\"startTimeMillis\":"
        "1787220000000,\"startTimeIso\":\"2026-08-20T10:00:00Z\",\"stepMillis\":30000}},"
        "\"attributes\":{\"control\":{\"query\":\"q1\"},\"experiment\":{}}}]";
    json_t *list = json_loads(pair_text, 0, NULL);
    struct arena *arena = arena_create();
    struct metric_pair *pairs;
    struct error err = {0};
    json_t *again;
    size_t n;

    (void)state;
    assert_int_equal(ERR_OK, metric_pairs_from_json(list, arena, &pairs, &n, &err));
    json_decref(list);
    assert_int_equal(1, n);
    assert_near(NAN, pairs[0].sides[SIDE_CONTROL].values[1], 0);
    assert_true(signbit(pairs[0].sides[SIDE_CONTROL].values[2]));
    again = metric_pairs_json(pairs, n);
    assert_string_equal(expected, json_write_arena(again, arena));
    json_decref(again);
    arena_free(arena);
}

static void sets_round_trip(void **state)
{
    static const char text[] =
        "[{\"name\":\"cpu\",\"tags\":{\"container\":\"app\"},\"startTimeMillis\":1787220000000,"
        "\"startTimeIso\":\"2026-08-20T10:00:00Z\",\"endTimeMillis\":1787220120000,"
        "\"endTimeIso\":\"2026-08-20T10:02:00Z\",\"stepMillis\":60000,\"values\":[0.71,\"NaN\"],"
        "\"attributes\":{\"query\":\"avg(cpu)\"}}]";
    json_t *list = json_loads(text, 0, NULL);
    struct arena *arena = arena_create();
    struct metric_set_list sets;
    struct error err = {0};
    json_t *again;

    (void)state;
    assert_int_equal(ERR_OK, metric_sets_from_json(list, arena, &sets, &err));
    json_decref(list);
    again = metric_sets_json(sets.sets, sets.n_sets);
    assert_string_equal(text, json_write_arena(again, arena));
    json_decref(again);
    arena_free(arena);
}

static void readers_name_what_is_wrong(void **state)
{
    static const struct {
        const char *text, *pointer;
    } rows[] = {
        {"{}", ""},
        {"[5]", "/0"},
        {"[{\"values\":{\"control\":[],\"experiment\":[]}}]", "/0"},
        {"[{\"name\":\"m\"}]", "/0/values/control"},
        {"[{\"name\":\"m\",\"values\":{\"control\":[1],\"experiment\":null}}]",
         "/0/values/experiment"},
        {"[{\"name\":\"m\",\"values\":{\"control\":[1,null],\"experiment\":[]}}]",
         "/0/values/control/1"},
        {"[{\"name\":\"m\",\"values\":{\"control\":[true],\"experiment\":[]}}]",
         "/0/values/control/0"},
        {"[{\"name\":\"m\",\"values\":{\"control\":[\"x\"],\"experiment\":[]}}]",
         "/0/values/control/0"},
        {"[{\"name\":\"m\",\"tags\":7,\"values\":{\"control\":[],\"experiment\":[]}}]", "/0"},
        {"[{\"name\":\"m\",\"scopes\":{\"control\":{\"startTimeIso\":\"then\"}},"
         "\"values\":{\"control\":[],\"experiment\":[]}}]",
         "/0/scopes/control/startTimeIso"},
        {"[{\"name\":\"m\",\"scopes\":{\"control\":{\"startTimeMillis\":9223372036854775807}},"
         "\"values\":{\"control\":[],\"experiment\":[]}}]",
         "/0/scopes/control/startTimeMillis"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_t *list = json_loads(rows[i].text, 0, NULL);
        struct arena *arena = arena_create();
        struct metric_pair *pairs;
        struct error err = {0};
        size_t n;

        row("%s", rows[i].text);
        assert_non_null(list);
        assert_int_equal(ERR_INVALID, metric_pairs_from_json(list, arena, &pairs, &n, &err));
        assert_string_equal(rows[i].pointer, err.pointer);
        json_decref(list);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_round_trip),
        cmocka_unit_test(sets_round_trip),
        cmocka_unit_test(readers_name_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
