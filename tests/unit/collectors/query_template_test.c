/* Expected texts follow the rules of Apache Commons Text's StringSubstitutor, which Kayenta uses.
 */
#include "tests/support.h"

#include "base/limits.h"
#include "base/str.h"
#include "collectors/query_template.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct tag items[] = {
    {"scope", "v042"},
    {"location", "us-east-1"},
    {"app", "shop"},
    {"app", "checkout"}, /* the later one wins */
    {"nested", "${app}/${location}"},
    {"escaped", "$${app}"},
    {"empty", ""},
    {"cycle", "x${ring}"},
    {"ring", "${cycle}"},
    {"d1", "${d2}"},
    {"d2", "${d3}"},
    {"d3", "${d4}"},
    {"d4", "${d5}"},
    {"d5", "${d6}"},
    {"d6", "${d7}"},
    {"d7", "${d8}"},
    {"d8", "${d9}"},
    {"d9", "deep"},
    {"quote", "a\"b"},
    {"single", "it's"},
    {"escaped_quote", "a\\\"b"},
    {"slash", "a\\"},
    {"two_slashes", "a\\\\"},
    {"newline", "a\nb"},
    {"tick", "a`b"},
    {"matcher", "job=\"x\""},
    {"indirect", "${quote}"},
    {"out", "x\"} or vector(1) or foo{a=\""},
    {"open", "a{b"},
    {"bare_fine", "Az0_.:-/*|"},
};

static const struct template_bindings bindings = {items, ARRAY_LEN(items), false};
static const struct template_bindings strict = {items, ARRAY_LEN(items), true};

static const struct {
    const char *text, *expected; /* expected NULL: an error */
    const char *reason;
    bool is_strict;
} cases[] = {
    {"no variable", "no variable", NULL, false},
    {"${scope}", "v042", NULL, false},
    {"a=\"${scope}\",b=\"${location}\"", "a=\"v042\",b=\"us-east-1\"", NULL, false},
    {"${app}", "checkout", NULL, false},
    {"${none:-5m}", "5m", NULL, false},
    {"${app:-5m}", "checkout", NULL, false},
    {"${none:-}", "", NULL, false},
    {"${none:-a:-b}", "a:-b", NULL, false},
    {"${empty}", "", NULL, false},
    {"${empty:-x}", "", NULL, false},
    {"$${app}", "${app}", NULL, false},
    {"$$${app}", "$${app}", NULL, false},
    {"$${a${app}}", "${acheckout}", NULL, false},
    {"$$", "$$", NULL, false},
    {"$\\{app}", "checkout", NULL, false},
    {"$$\\{app}", "${app}", NULL, false},
    {"$\\x", "$\\x", NULL, false},
    {"${", "${", NULL, false},
    {"a ${app", "a ${app", NULL, false},
    {"$${app", "$${app", NULL, false},
    {"{app}", "{app}", NULL, false},
    {"#{app}", "#{app}", NULL, false},
    {"${nested}", "checkout/us-east-1", NULL, false},
    {"${escaped}", "${app}", NULL, false},
    {"${d2}", "deep", NULL, false}, /* 8 deep */
    {"${undefined}", NULL, "undefined_variable", false},
    {"${}", NULL, "undefined_variable", false},
    {"${a${app}}", NULL, "undefined_variable", false},
    {"${ app }", NULL, "undefined_variable", false},
    {"${App}", NULL, "undefined_variable", false},
    {"${T(java.lang.Runtime).getRuntime()}", NULL, "undefined_variable", false},
    {"${script:javascript:1}", NULL, "undefined_variable", false},
    {"${env:HOME}", NULL, "undefined_variable", false},
    {"${cycle}", NULL, "template_cycle", false},
    {"${d1}", NULL, "template_cycle", false}, /* 9 deep */
    /* inside quotes */
    {"a=\"${quote}\"", NULL, "unsafe_template_value", false},
    {"a=\"${indirect}\"", NULL, "unsafe_template_value", false},
    {"a=\"${out}\"", NULL, "unsafe_template_value", false},
    {"a='${quote}'", "a='a\"b'", NULL, false},
    {"a='${single}'", NULL, "unsafe_template_value", false},
    {"a=\"${single}\"", "a=\"it's\"", NULL, false},
    {"a=\"${escaped_quote}\"", "a=\"a\\\"b\"", NULL, false},
    {"a=\"${slash}\"", NULL, "unsafe_template_value", false},
    {"a=\"${slash}x\"", NULL, "unsafe_template_value", false},
    {"a=\"${two_slashes}\"", "a=\"a\\\\\"", NULL, false},
    {"a=\"${newline}\"", NULL, "unsafe_template_value", false},
    {"a=`${tick}`", NULL, "unsafe_template_value", false},
    {"a=`${slash}`", "a=`a\\`", NULL, false},
    {"a=\"\\\"${quote}\"", NULL, "unsafe_template_value", false},
    {"# it's a comment\na=\"${quote}\"", NULL, "unsafe_template_value", false},
    {"up # ${newline}", NULL, "unsafe_template_value", false},
    {"a=\"#\",b=\"${quote}\"", NULL, "unsafe_template_value", false},
    {"a=\"${none:-\\\"}\"", "a=\"\\\"\"", NULL, false}, /* a default is the author's own */
    /* outside */
    {"up{${matcher}}", "up{job=\"x\"}", NULL, false},
    {"up{${matcher}}", NULL, "unsafe_template_value", true},
    {"${open}", "a{b", NULL, false},
    {"${open}", NULL, "unsafe_template_value", true},
    {"${bare_fine}", "Az0_.:-/*|", NULL, true},
    {"a=\"${open}\"", "a=\"a{b\"", NULL, true}, /* template_check_scope() sees to that */
};

static void template_expand_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();
        struct error err = {0};
        const char *text = NULL;
        enum err_code rc;

        row("%s", cases[i].text);
        rc = template_expand(cases[i].text, cases[i].is_strict ? &strict : &bindings, "cpu", arena,
                             &text, &err);
        if (cases[i].expected) {
            if (rc)
                print_error("row \"%s\": %s\n", cases[i].text, err.message);
            assert_int_equal(ERR_OK, rc);
            assert_string_equal(cases[i].expected, text);
        } else {
            assert_int_equal(ERR_INVALID, rc);
            assert_string_equal(cases[i].reason, err.reason);
            assert_null(text);
        }
        arena_free(arena);
    }
}

static void template_errors_name_the_variable(void **state)
{
    struct arena *arena = arena_create();
    struct error undefined = {0}, unsafe = {0};
    const char *text;

    (void)state;
    assert_int_equal(ERR_INVALID,
                     template_expand("a=\"${nope}\"", &bindings, "cpu", arena, &text, &undefined));
    assert_string_equal(
        "Problem evaluating custom filter template: a=\"${nope}\": no value for the "
        "variable 'nope'",
        undefined.message);
    assert_int_equal(ERR_INVALID,
                     template_expand("a=\"${quote}\"", &bindings, "cpu", arena, &text, &unsafe));
    assert_non_null(strstr(unsafe.message, "'quote'"));
    assert_non_null(strstr(unsafe.message, "'cpu'"));
    arena_free(arena);
}

/* Row T3: 40 variables, each twice the next. Bounded work, whatever the depth. */
static void template_doubling_chain(void **state)
{
    struct arena *arena = arena_create();
    struct tag chain[40];
    const struct template_bindings doubling = {chain, ARRAY_LEN(chain), false};
    struct error err = {0};
    const char *text;
    clock_t start = clock();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(chain); i++)
        chain[i] = (struct tag){arena_printf(arena, "v%zu", i),
                                arena_printf(arena, "${v%zu}${v%zu}", i + 1, i + 1)};
    chain[39].value = "x";
    assert_int_equal(ERR_INVALID, template_expand("${v0}", &doubling, "m", arena, &text, &err));
    assert_string_equal("template_too_large", err.reason);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 0.05);
    arena_free(arena);
}

static void template_limits(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct arena *arena = arena_create();
        char *large = arena_alloc(arena, TEMPLATE_MAX_EXPANDED_BYTES + 2, 1);
        struct strbuf many = {0};
        struct error too_large = {0}, too_many = {0};
        const char *text;

        row("%zu over", over);
        memset(large, 'x', TEMPLATE_MAX_EXPANDED_BYTES + over);
        assert_int_equal(over ? ERR_INVALID : ERR_OK,
                         template_expand(large, &bindings, "m", arena, &text, &too_large));
        for (size_t i = 0; i < TEMPLATE_MAX_SUBSTITUTIONS + over; i++)
            strbuf_puts(&many, "${app}");
        assert_int_equal(over ? ERR_INVALID : ERR_OK,
                         template_expand(many.bytes, &bindings, "m", arena, &text, &too_many));
        if (over) {
            assert_string_equal("template_too_large", too_large.reason);
            assert_string_equal("template_too_large", too_many.reason);
        }
        strbuf_clear(&many);
        arena_free(arena);
    }
}

static void template_long_text_leaves_room_for_the_name(void **state)
{
    struct arena *arena = arena_create();
    char *text = arena_alloc(arena, 5000, 1);
    struct error err = {0};
    const char *out;

    (void)state;
    memset(text, 'x', 999); /* the cut would fall into the middle of the next character */
    memcpy(text + 999, "\xc3\xa9 ${nope}", strlen("\xc3\xa9 ${nope}"));
    assert_int_equal(ERR_INVALID, template_expand(text, &bindings, "m", arena, &out, &err));
    assert_non_null(strstr(err.message, "x: no value for the variable 'nope'"));
    arena_free(arena);
}

static void template_found_by_name(void **state)
{
    static const struct {
        const char *config, *templates, *expected, *error;
    } rows[] = {
        {"{}", "{}", NULL, NULL},
        {"{\"customInlineTemplate\":\"\",\"customFilterTemplate\":\"\"}", "{}", NULL, NULL},
        {"{\"customInlineTemplate\":\"a\",\"customFilterTemplate\":\"t\"}", "{}", "a", NULL},
        {"{\"customFilterTemplate\":\"t\"}", "{\"t\":\"x\"}", "x", NULL},
        {"{\"customFilterTemplate\":\"t\"}", "{}", NULL,
         "Custom filter template 't' was referenced, but no templates were defined."},
        {"{\"customFilterTemplate\":\"t\"}", "{\"u\":\"x\"}", NULL,
         "Custom filter template 't' was not found."},
        {"{\"customFilterTemplate\":\"t\"}", "{\"t\":\"\"}", NULL,
         "Custom filter template 't' was not found."},
        {"{\"customFilter\":\"x\"}", "{}", NULL,
         "CanaryMetricSetQueryConfig.customFilter is deprecated, use "
         "CanaryMetricSetQueryConfig.customInlineTemplate instead."},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *config = json_loads(rows[i].config, 0, NULL);
        json_auto_t *templates = json_loads(rows[i].templates, 0, NULL);
        const struct metric_query query = {.config = config, .templates = templates};
        struct error err = {0};
        const char *text = NULL;

        row("%s", rows[i].config);
        assert_int_equal(rows[i].error ? ERR_INVALID : ERR_OK, template_find(&query, &text, &err));
        assert_string_equal(rows[i].error ? rows[i].error : "", err.message);
        assert_string_equal(rows[i].expected ? rows[i].expected : "", text ? text : "");
    }
}

static void template_check_scope_values(void **state)
{
    static const char *const bad[] = {"\"", "'", "\\", "{", "}", "\n", "\x7f", "\x01"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct tag param = {"p", bad[i]};
        const struct scope scopes[] = {
            {.scope = bad[i]},
            {.location = bad[i]},
            {.extended_params = &param, .n_extended_params = 1},
        };

        for (size_t k = 0; k < ARRAY_LEN(scopes); k++) {
            struct error err = {0};

            row("%zu of %s", k, bad[i]);
            assert_int_equal(ERR_INVALID, template_check_scope(&scopes[k], "m", &err));
            assert_string_equal("unsafe_template_value", err.reason);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(template_expand_texts),
        cmocka_unit_test(template_errors_name_the_variable),
        cmocka_unit_test(template_doubling_chain),
        cmocka_unit_test(template_limits),
        cmocka_unit_test(template_long_text_leaves_room_for_the_name),
        cmocka_unit_test(template_found_by_name),
        cmocka_unit_test(template_check_scope_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
