#include "tests/support.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

static const struct json_limits small = {
    .bytes = 400, .depth = 4, .values = 12, .string_bytes = 10, .key_bytes = 5, .keys = 3};

static const struct {
    const char *name, *text, *reason, *pointer;
} bad[] = {
    {"nothing", "", "json_syntax", ""},
    {"cut", "{\"a\":", "json_syntax", "/a"},
    {"comma at the end", "[1,]", "json_syntax", "/0"},
    {"single quotes", "{'a':1}", "json_syntax", ""},
    {"two documents", "{} {}", "json_syntax", ""},
    {"bare NaN", "[NaN]", "json_syntax", "/0"},
    {"comment", "/*x*/{}", "json_syntax", ""},
    {"scalar", "1", "json_syntax", ""},
    {"same key twice", "{\"a\":{\"b\":1,\"b\":2}}", "json_duplicate_key", "/a/b"},
    {"integer too large", "[9223372036854775808]", "json_number", "/0"},
    {"too deep", "[[[[[1]]]]]", "json_too_deep", ""},
    {"too many values", "[1,2,3,4,5,6,7,8,9,10,11,12]", "json_too_large", "/11"},
    {"long string", "[\"12345678901\"]", "json_too_large", "/0"},
    {"long key", "{\"a\":[0,{\"123456\":1}]}", "json_too_large", "/a/1"},
    {"many keys", "{\"a\":1,\"b\":2,\"c\":3,\"d\":4}", "json_too_large", "/d"},
    {"NUL in a text", "[\"\\u0000\"]", "json_syntax", "/0"},
    {"invalid UTF-8", "[\"\xff\"]", "json_syntax", ""},
    {"half a surrogate", "[\"\\ud800\"]", "json_syntax", "/0"},
};

static void json_read_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error err = {0};
        json_t *got = NULL;

        row("%s", bad[i].name);
        if (json_read(str_of(bad[i].text), &small, &got, &err) != ERR_INVALID)
            fail_msg("%s was taken", bad[i].name);
        assert_string_equal(bad[i].reason, err.reason);
        if (*bad[i].pointer)
            assert_string_equal(bad[i].pointer, err.pointer);
        assert_null(got);
    }
}

static void json_read_takes_what_is_just_small_enough(void **state)
{
    static const char *const texts[] = {
        "[[[[]]]]",
        "[1,2,3,4,5,6,7,8,9,10,11]",
        "[\"1234567890\"]",
        "{\"12345\":1}",
        "{\"a\":\"}{][\",\"b\":\"\\\"\",\"c\":-1.5e3}",
        " \n[ ] ",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct error err = {0};
        json_t *got = NULL;

        row("%s", texts[i]);
        assert_int_equal(ERR_OK, json_read(str_of(texts[i]), &small, &got, &err));
        json_decref(got);
    }
}

static void json_read_stands_a_million_levels(void **state)
{
    enum { N = 1000000 };
    char *text = malloc(N);
    struct error err = {0};
    json_t *got = NULL;

    (void)state;
    memset(text, '[', N);
    assert_int_equal(ERR_INVALID,
                     json_read((struct str){text, N}, &json_limits_request, &got, &err));
    assert_string_equal("json_too_deep", err.reason);
    free(text);
}

static void json_write_like_kayenta(void **state)
{
    struct strbuf out = {0};
    json_t *value = json_pack("{sfsisssos[fn]sb}", "score", 100.0, "count", 60, "name", "a\"\n",
                              "ratio", json_number_or_text(0.0 / 0.0), "list", 1e-5, "is", 1);

    (void)state;
    json_write(value, &out);
    assert_string_equal("{\"score\":100.0,\"count\":60,\"name\":\"a\\\"\\n\",\"ratio\":\"NaN\","
                        "\"list\":[1.0E-5,null],\"is\":true}",
                        out.bytes);
    strbuf_clear(&out);
    json_decref(value);
}

static void json_to_double_coerces(void **state)
{
    static const struct {
        const char *text;
        bool is_number;
        double value;
    } cases[] = {
        {"[1]", true, 1},       {"[1.5]", true, 1.5},
        {"[\"60\"]", true, 60}, {"[\"-1e3\"]", true, -1000},
        {"[\"x\"]", false, 0},  {"[true]", false, 0},
        {"[null]", false, 0},   {"[[1]]", false, 0},
        {"[\"\"]", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};
        json_t *list = NULL;
        double got = 0;

        row("%s", cases[i].text);
        assert_int_equal(ERR_OK,
                         json_read(str_of(cases[i].text), &json_limits_request, &list, &err));
        assert_int_equal(cases[i].is_number, json_to_double(json_array_get(list, 0), &got));
        assert_near(cases[i].value, got, 0);
        json_decref(list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_read_refuses),
        cmocka_unit_test(json_read_takes_what_is_just_small_enough),
        cmocka_unit_test(json_read_stands_a_million_levels),
        cmocka_unit_test(json_write_like_kayenta),
        cmocka_unit_test(json_to_double_coerces),
    };

    return cmocka_run_group_tests_name("base/json", tests, NULL, NULL);
}
