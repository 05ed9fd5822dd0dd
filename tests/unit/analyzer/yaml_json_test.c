/* Expected values: the tables of YAML 1.2.2, section 10.3 (core schema), and the budget of
 * base/limits.h. */
#include "tests/support.h"

#include "analyzer/codec/yaml_json.h"
#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static json_t *read_ok(const char *text)
{
    struct error err = {0};
    json_t *value = NULL;

    if (yaml_or_json_read(str_of(text), "test.yml", &value, &err))
        fail_msg("%s: %s", text, err.message);
    return value;
}

static void assert_json(const char *want, const char *yaml)
{
    json_t *got = read_ok(yaml);
    json_t *expected = json_loads(want, JSON_DECODE_ANY, NULL);

    if (!json_equal(got, expected)) {
        char *text = json_dumps(got, JSON_COMPACT);

        fail_msg("%s gave %s, expected %s", yaml, text, want);
    }
    json_decref(got);
    json_decref(expected);
}

static void reads_values(void **state)
{
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"a: true\nb: False\nc: TRUE", "{\"a\":true,\"b\":false,\"c\":true}"},
        {"a: yes\nb: no\nc: on\nd: Off\ne: y", "{\"a\":\"yes\",\"b\":\"no\",\"c\":\"on\",\"d\":"
                                               "\"Off\",\"e\":\"y\"}"},
        {"a: 17\nb: -4\nc: +9\nd: 0\ne: 0x1F\nf: 0o17",
         "{\"a\":17,\"b\":-4,\"c\":9,\"d\":0,\"e\":31,\"f\":15}"},
        {"a: 010\nb: 1_000\nc: 1:30\nd: 0b11\ne: -0x1F\nf: 2026-08-20\ng: 007.5\nh: 1.2.3\ni: +",
         "{\"a\":\"010\",\"b\":\"1_000\",\"c\":\"1:30\",\"d\":\"0b11\",\"e\":\"-0x1F\",\"f\":"
         "\"2026-08-20\",\"g\":\"007.5\",\"h\":\"1.2.3\",\"i\":\"+\"}"},
        {"a: 1.75\nb: -.5\nc: 3.\nd: 1e3\ne: 12E-2\nf: .inf\ng: .NaN\nh: 1e999",
         "{\"a\":1.75,\"b\":-0.5,\"c\":3.0,\"d\":1000.0,\"e\":0.12,\"f\":\".inf\",\"g\":\".NaN\","
         "\"h\":\"1e999\"}"},
        {"a: 9223372036854775807\nb: 9223372036854775808\nc: 123456789012345678901234567890",
         "{\"a\":9223372036854775807,\"b\":\"9223372036854775808\",\"c\":"
         "\"123456789012345678901234567890\"}"},
        {"a: ~\nb: null\nc:\nd: NULL\ne: ''\nf: nil",
         "{\"a\":null,\"b\":null,\"c\":null,\"d\":null,\"e\":\"\",\"f\":\"nil\"}"},
        {"a: 'true'\nb: \"17\"\nc: |\n  1\nd: >\n  null",
         "{\"a\":\"true\",\"b\":\"17\",\"c\":\"1\\n\",\"d\":\"null\"}"},
        {"a: !!str 17\nb: !!int 17\nc: !!float 2\nd: ! 5\ne: !!null ~\nf: !!bool true\ng: !!map "
         "{}\n"
         "h: !!seq []",
         "{\"a\":\"17\",\"b\":17,\"c\":2,\"d\":\"5\",\"e\":null,\"f\":true,\"g\":{},\"h\":[]}"},
        {"- 1\n- [2, {x: 3}]\n- - 4", "[1,[2,{\"x\":3}],[4]]"},
        {"1: one\ntrue: yes\n~: nothing", "{\"1\":\"one\",\"true\":\"yes\",\"~\":\"nothing\"}"},
        {"", "{}"},
        {"# only a comment\n", "{}"},
        {"---\na: 1\n...\n", "{\"a\":1}"},
        {"%YAML 1.2\n---\na: 1\n", "{\"a\":1}"},
        {"\xEF\xBB\xBF"
         "a: \xC3\xA9",
         "{\"a\":\"\xC3\xA9\"}"},
        {"{\"a\": 1}", "{\"a\":1}"},
        {"{a: 1, b: [x, y]}", "{\"a\":1,\"b\":[\"x\",\"y\"]}"}, /* a flow mapping, not JSON */
        {" [1, 2]", "[1,2]"},
        /* anchors */
        {"a: &x {k: [1, 2]}\nb: *x\nc: [*x, *x]",
         "{\"a\":{\"k\":[1,2]},\"b\":{\"k\":[1,2]},\"c\":[{\"k\":[1,2]},{\"k\":[1,2]}]}"},
        {"a: &x 5\nb: &x 6\nc: *x", "{\"a\":5,\"b\":6,\"c\":6}"},
        {"d: &d {p: 1, q: 2}\nm:\n  q: 3\n  <<: *d",
         "{\"d\":{\"p\":1,\"q\":2},\"m\":{\"p\":1,\"q\":3}}"},
        {"m:\n  <<: [{p: 1, q: 2}, {q: 7, r: 8}]\n  r: 9", "{\"m\":{\"p\":1,\"q\":2,\"r\":9}}"},
        {"m:\n  '<<': 4", "{\"m\":{\"<<\":4}}"}, /* quoted: an ordinary key */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_json(cases[i].json, cases[i].yaml);
}

/* Reliability catalogue rows Y1, Y2, Y5. */
static void refuses(void **state)
{
    static const struct {
        const char *name, *text, *reason, *starts;
    } cases[] = {
        {"cycle", "a: &a [*a]", "yaml_feature", "bad.yml:1:8: "},
        {"cycle through a mapping", "x: 1\na: &a\n  b: {c: *a}", "yaml_feature", "bad.yml:3:10: "},
        {"foreign tag", "a: !!python/object:os.system x", "yaml_feature", "bad.yml:1:4: "},
        {"own tag", "a: !thing {}", "yaml_feature", "bad.yml:1:4: "},
        {"set", "a: !!set {x}", "yaml_feature", "bad.yml:1:4: "},
        {"%TAG", "%TAG ! tag:example.com,2000:\n---\na: 1", "yaml_feature", "bad.yml:1:1: "},
        {"two documents", "a: 1\n---\nb: 2", "yaml_feature", "bad.yml:2:1: "},
        {"tag that lies", "a: !!int x", "yaml_syntax", "bad.yml:1:4: "},
        {"duplicate key", "a:\n  b: 1\n  b: 2", "yaml_syntax", "bad.yml:3:3: "},
        {"two merges", "m:\n  <<: {a: 1}\n  <<: {b: 1}", "yaml_syntax", "bad.yml:3:3: "},
        {"merge of text", "m: {<<: x}", "yaml_syntax", "bad.yml:1:9: "},
        {"tab indent", "a:\n\tb: 1", "yaml_syntax", "bad.yml:2:"},
        {"bad UTF-8", "a: 1\nb: \xC3\x28", "yaml_syntax", "bad.yml:2:5: "},
        {"NUL", "a: \"x\\0y\"", "yaml_feature", "bad.yml:1:4: "},
        {"NUL in a key", "\"x\\0y\": 1", "yaml_feature", "bad.yml:1:1: "},
        {"unknown alias", "a: *b", "yaml_syntax", "bad.yml:1:4: "},
        {"alias as key", "a: &x k\n*x : 1", "yaml_feature", "bad.yml:2:1: "},
        {"collection as key", "? [a]\n: 1", "yaml_feature", "bad.yml:1:3: "},
        {"scalar document", "just text", "yaml_syntax", "bad.yml:1:1: "},
        {"open quote", "a: 'x", "yaml_syntax", "bad.yml:"},
        {"open flow", "a: [1, 2", "yaml_syntax", "bad.yml:"},
        {"UTF-16",
         "\xFF\xFE"
         "a\0:\0 \0",
         "yaml_syntax", "bad.yml:"},
        {"neither", "{\"a\": 1, \"b\": }x", "json_syntax", "cannot read the JSON at line 1"},
        {"duplicate in JSON", "{\"a\": 1, \"a\": 2}", "json_duplicate_key", "cannot read"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};
        json_t *value = NULL;

        row("%s", cases[i].name);
        if (yaml_or_json_read(str_of(cases[i].text), "bad.yml", &value, &err) != ERR_INVALID)
            fail_msg("%s was taken", cases[i].name);
        assert_null(value);
        assert_string_equal(cases[i].reason, error_reason(&err));
        if (strncmp(cases[i].starts, err.message, strlen(cases[i].starts)) != 0)
            fail_msg("%s: message is \"%s\"", cases[i].name, err.message);
    }
}

static void json_file_must_be_json(void **state)
{
    struct error err = {0};
    json_t *value = NULL;

    (void)state;
    assert_int_equal(ERR_INVALID, yaml_or_json_read(str_of("{a: 1}"), "c.json", &value, &err));
    assert_string_equal("json_syntax", error_reason(&err));
    assert_string_equal("c.json", err.context);
}

/* n-1, n, n+1 of every limit. */
static enum err_code read_text(const char *text, size_t n_bytes, struct error *err)
{
    json_t *value = NULL;
    enum err_code rc = yaml_or_json_read((struct str){text, n_bytes}, "big.yml", &value, err);

    json_decref(value);
    return rc;
}

static void assert_limit(const char *what, struct strbuf *text, bool is_taken)
{
    struct error err = {0};
    enum err_code rc = read_text(text->bytes, text->n_bytes, &err);

    if ((rc == ERR_OK) != is_taken)
        fail_msg("%s: %s", what, err.message);
    if (!is_taken)
        assert_string_equal("yaml_feature", error_reason(&err));
    strbuf_clear(text);
}

static void limits_hold(void **state)
{
    struct strbuf text = {0};

    (void)state;
    for (size_t n = YAML_MAX_DEPTH - 1; n <= YAML_MAX_DEPTH + 1; n++) { /* depth, flow and block */
        strbuf_puts(&text, "x: ");                                      /* one level of its own */
        for (size_t i = 1; i < n; i++)
            strbuf_puts(&text, "[");
        for (size_t i = 1; i < n; i++)
            strbuf_puts(&text, "]");
        assert_limit("depth", &text, n <= YAML_MAX_DEPTH);
        for (size_t i = 0; i < n; i++)
            strbuf_puts(&text, "- ");
        strbuf_puts(&text, "1");
        assert_limit("block depth", &text, n <= YAML_MAX_DEPTH);
        strbuf_puts(&text, "- &a [[[1]]]\n- ");
        for (size_t i = 0; i + 4 < n; i++)
            strbuf_puts(&text, "[");
        strbuf_puts(&text, "*a");
        for (size_t i = 0; i + 4 < n; i++)
            strbuf_puts(&text, "]");
        assert_limit("depth through an alias", &text, n <= YAML_MAX_DEPTH);
    }
    for (size_t n = YAML_MAX_ALIASES - 1; n <= YAML_MAX_ALIASES + 1; n++) {
        strbuf_puts(&text, "- &a 1\n");
        for (size_t i = 0; i < n; i++)
            strbuf_puts(&text, "- *a\n");
        assert_limit("aliases", &text, n <= YAML_MAX_ALIASES);
    }
    for (size_t n = YAML_MAX_NODES - 1; n <= YAML_MAX_NODES + 1; n++) {
        strbuf_puts(&text, "--- [1"); /* the list itself counts */
        for (size_t i = 2; i < n; i++)
            strbuf_puts(&text, ",1");
        strbuf_puts(&text, "]");
        assert_limit("values", &text, n <= YAML_MAX_NODES);
    }
    for (size_t n = YAML_MAX_BYTES - 1; n <= YAML_MAX_BYTES + 1; n++) {
        strbuf_puts(&text, "a: 1 #");
        while (text.n_bytes < n)
            strbuf_puts(&text, "x");
        assert_limit("bytes", &text, n <= YAML_MAX_BYTES);
    }
}

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Nine levels of five aliases each would be 39 million values. */
static void alias_bomb_ends_early(void **state)
{
    struct strbuf text = {0};
    struct error err = {0};
    double start;

    (void)state;
    strbuf_puts(&text, "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
    for (int i = 1; i < 10; i++) {
        strbuf_printf(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 5; k++)
            strbuf_printf(&text, "%s*a%d", k ? ", " : "", i - 1);
        strbuf_puts(&text, "]\n");
    }
    start = cpu_ms();
    assert_int_equal(ERR_INVALID, read_text(text.bytes, text.n_bytes, &err));
    assert_string_equal("yaml_feature", error_reason(&err));
    assert_true(cpu_ms() - start < 500); /* 100 ms are promised; sanitizers take five times that */
    strbuf_clear(&text);
}

static void marks_know_lines(void **state)
{
    static const char text[] = "a:\n  b: 1\n  c:\n  - x\n  - {d: 2}\ne: &n [7]\nf:\n  *n\n";
    struct error err = {0};
    json_t *value = NULL, *marks = NULL;
    const json_t *a, *c;

    (void)state;
    assert_int_equal(ERR_OK, yaml_or_json_read_marked(str_of(text), "m.yml", &value, &marks, &err));
    a = yaml_mark_member(marks, "a");
    c = yaml_mark_member(a, "c");
    assert_int_equal(2, yaml_mark_line(a));
    assert_int_equal(2, yaml_mark_line(yaml_mark_member(a, "b")));
    assert_int_equal(4, yaml_mark_line(yaml_mark_element(c, 0)));
    assert_int_equal(5, yaml_mark_line(yaml_mark_member(yaml_mark_element(c, 1), "d")));
    assert_int_equal(6, yaml_mark_line(yaml_mark_member(marks, "e")));
    assert_int_equal(8, yaml_mark_line(yaml_mark_member(marks, "f")));
    assert_int_equal(0, yaml_mark_line(yaml_mark_member(marks, "g")));
    json_decref(value);
    json_decref(marks);

    assert_int_equal(ERR_OK,
                     yaml_or_json_read_marked(str_of("{\"a\":1}"), "m", &value, &marks, &err));
    assert_null(marks);
    assert_int_equal(0, yaml_mark_line(yaml_mark_member(marks, "a")));
    json_decref(value);
}

static void reads_all_documents(void **state)
{
    static const struct {
        const char *text, *values;
        int second_line;
    } cases[] = {
        {"a: &x [1]\n---\n# nothing\n---\nb: 2\n", "[{\"a\":[1]},{},{\"b\":2}]", 1},
        {"---\na: &x 1\n...\n---\nb: &x 2\nc: *x\n", "[{\"a\":1},{\"b\":2,\"c\":2}]", 5},
        {"{\"a\": 1}", "[{\"a\":1}]", 0},
        {"{a: 1}\n--- {b: 2}", "[{\"a\":1},{\"b\":2}]", 2},
        {"", "[]", 0},
    };
    static const struct {
        const char *text, *part;
    } bad[] = {
        {"a: &x 1\n---\nb: *x", "bad.yml:3:4: the alias names no anchor"},
        {"a: 1\n---\njust text", "bad.yml:3:1: a mapping or a list was expected"},
        {"a: 1\n---\nb: [", "bad.yml:"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *values = NULL, *marks = NULL;
        struct error err = {0};
        char *text;

        row("%s", cases[i].text);
        assert_int_equal(
            ERR_OK, yaml_or_json_read_all(str_of(cases[i].text), "all.yml", &values, &marks, &err));
        text = json_dumps(values, JSON_COMPACT);
        assert_string_equal(cases[i].values, text);
        assert_int_equal(json_array_size(values), json_array_size(marks));
        assert_int_equal(cases[i].second_line, yaml_mark_line(json_array_get(marks, 1)));
        free(text);
        json_decref(values);
        json_decref(marks);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        json_t *values = NULL, *marks = NULL;
        struct error err = {0};

        row("%s", bad[i].text);
        assert_int_equal(ERR_INVALID, yaml_or_json_read_all(str_of(bad[i].text), "bad.yml", &values,
                                                            &marks, &err));
        assert_non_null(strstr(err.message, bad[i].part));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_values),           cmocka_unit_test(refuses),
        cmocka_unit_test(json_file_must_be_json), cmocka_unit_test(limits_hold),
        cmocka_unit_test(alias_bomb_ends_early),  cmocka_unit_test(marks_know_lines),
        cmocka_unit_test(reads_all_documents),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
