/* The events of a made-up reader, written down as text and compared with what the header promises.
 */
#include "tests/support.h"

#include "base/arena.h"
#include "base/limits.h"
#include "collectors/json_stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROOT, LIST, ITEM, MAP };

static const struct json_container containers[] = {
    {JSON_STREAM_TOP, NULL, false, ROOT},
    {ROOT, "list", true, LIST},
    {LIST, NULL, false, ITEM},
    {ITEM, NULL, true, MAP}, /* any other member is a list */
};

struct diary {
    struct json_stream stream;
    struct strbuf text;
    bool is_stopping; /* at the first scalar */
};

static bool on_open(void *ctx, int place, int parent)
{
    struct diary *diary = ctx;

    strbuf_printf(&diary->text, "(%d in %d", place, parent);
    return true;
}

static bool on_close(void *ctx, int place)
{
    struct diary *diary = ctx;

    strbuf_printf(&diary->text, ")%d", place);
    return true;
}

static bool on_scalar(void *ctx, int place, const char *key, enum json_kind kind, struct str text)
{
    static const char kinds[] = {[JSON_KIND_TEXT] = 't',
                                 [JSON_KIND_NUMBER] = 'n',
                                 [JSON_KIND_TRUTH] = 'b',
                                 [JSON_KIND_NULL] = '0'};
    struct diary *diary = ctx;

    strbuf_printf(&diary->text, " %d.%s=%c:" STR_FMT, place, key ? key : "-", kinds[kind],
                  STR_ARG(text));
    return !diary->is_stopping || json_stream_bad(&diary->stream, "enough");
}

static enum err_code read_text(struct diary *diary, const char *json, struct error *err)
{
    diary->stream = (struct json_stream){.question = "a test is answered with",
                                         .known = containers,
                                         .n_known = ARRAY_LEN(containers),
                                         .ctx = diary,
                                         .err = err,
                                         .open = on_open,
                                         .close = on_close,
                                         .scalar = on_scalar};
    strbuf_puts(&diary->text, "");
    return json_stream_read(&diary->stream, str_of(json));
}

static void json_stream_events(void **state)
{
    static const struct {
        const char *json, *events;
    } cases[] = {
        {"{}", "(0 in -1)0"},
        {"{\"a\":1.50,\"b\":\"x\\u00e9\",\"c\":true,\"d\":null}",
         "(0 in -1 0.a=n:1.50 0.b=t:x\xc3\xa9 0.c=b:true 0.d=0:)0"},
        {"{\"list\":[{\"x\":[1,\"2\"]}]}", "(0 in -1(1 in 0(2 in 1(3 in 2 3.-=n:1 3.-=t:2)3)2)1)0"},
        {"{\"list\":null}", "(0 in -1)0"},
        {"{\"list\":[{\"x\":null}]}", "(0 in -1(1 in 0(2 in 1)2)1)0"},
        {"{\"other\":{\"list\":[1,{}]},\"a\":1}", "(0 in -1(-2 in 0(-2 in -2(-2 in -2 0.a=n:1)0"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct diary diary = {0};
        struct error err = {0};

        row("%s", cases[i].json);
        assert_int_equal(ERR_OK, read_text(&diary, cases[i].json, &err));
        assert_string_equal(cases[i].events, diary.text.bytes);
        strbuf_clear(&diary.text);
    }
}

static void json_stream_errors(void **state)
{
    static const struct {
        const char *json, *words;
    } cases[] = {
        {"", "not JSON"},
        {"{", "not JSON"},
        {"{}{}", "not JSON"},
        {"{\"a\":NaN}", "not JSON"},
        {"{\"a\":\"\xff\"}", "not JSON"},
        {"1", "a number, a text or null stands where"},
        {"null", "a number, a text or null stands where"},
        {"[]", "a list stands where an object should"},
        {"{\"list\":{}}", "an object stands where a list should"},
        {"{\"list\":1}", "a number, a text or null stands where"},
        {"{\"list\":[1]}", "a number, a text or null stands where"},
        {"{\"list\":[null]}", "a number, a text or null stands where"},
        {"{\"list\":[{\"x\":{}}]}", "an object stands where a list should"},
        {"{\"a\\u0000b\":1}", "holds a NUL character"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct diary diary = {0};
        struct error err = {0};

        row("%s", cases[i].json);
        assert_int_equal(ERR_UPSTREAM, read_text(&diary, cases[i].json, &err));
        assert_string_equal("store_bad_response", error_reason(&err));
        assert_non_null(strstr(err.message, cases[i].words));
        strbuf_clear(&diary.text);
    }
}

static void json_stream_stops_where_a_reader_says(void **state)
{
    struct diary diary = {.is_stopping = true};
    struct error err = {0};

    (void)state;
    assert_int_equal(ERR_UPSTREAM, read_text(&diary, "{\"a\":1,\"b\":2}", &err));
    assert_string_equal("the reply is not what a test is answered with: enough", err.message);
    assert_string_equal("(0 in -1 0.a=n:1", diary.text.bytes);
    strbuf_clear(&diary.text);
}

/* The last level and the longest name that pass, and one more. */
static void json_stream_limits(void **state)
{
    for (size_t over = 0; over < 2; over++) {
        struct strbuf deep = {0}, named = {0};
        struct diary diary = {0};
        struct error err = {0};

        (void)state;
        row("%zu over", over);
        strbuf_puts(&deep, "{\"x\":");
        for (size_t i = 1; i < JSON_MAX_DEPTH + over; i++)
            strbuf_puts(&deep, "[");
        for (size_t i = 1; i < JSON_MAX_DEPTH + over; i++)
            strbuf_puts(&deep, "]");
        strbuf_puts(&deep, "}");
        assert_int_equal(over ? ERR_UPSTREAM : ERR_OK, read_text(&diary, deep.bytes, &err));
        strbuf_puts(&named, "{\"");
        for (size_t i = 0; i < STORE_MAX_LABEL_BYTES + over; i++)
            strbuf_puts(&named, "x");
        strbuf_puts(&named, "\":1}");
        err = (struct error){0};
        assert_int_equal(over ? ERR_UPSTREAM : ERR_OK, read_text(&diary, named.bytes, &err));
        strbuf_clear(&deep);
        strbuf_clear(&named);
        strbuf_clear(&diary.text);
    }
}

static void json_stream_values(void **state)
{
    static const struct {
        enum json_kind kind;
        const char *text;
        bool is_value;
        double value;
    } cases[] = {
        {JSON_KIND_NUMBER, "1.5e-3", true, 1.5e-3},
        {JSON_KIND_NUMBER, "-1e9999", true, -INFINITY},
        {JSON_KIND_TEXT, "2.25", true, 2.25},
        {JSON_KIND_TEXT, "NaN", true, NAN},
        {JSON_KIND_TEXT, "Infinity", true, INFINITY},
        {JSON_KIND_NULL, "", true, NAN},
        {JSON_KIND_TEXT, "", false, 0},
        {JSON_KIND_TEXT, "x", false, 0},
        {JSON_KIND_TRUTH, "true", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double value;

        row("%s", cases[i].text);
        assert_int_equal(cases[i].is_value,
                         json_stream_value(cases[i].kind, str_of(cases[i].text), &value));
        if (cases[i].is_value)
            assert_near(cases[i].value, value, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_stream_events),
        cmocka_unit_test(json_stream_errors),
        cmocka_unit_test(json_stream_stops_where_a_reader_says),
        cmocka_unit_test(json_stream_limits),
        cmocka_unit_test(json_stream_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
