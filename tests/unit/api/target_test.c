/* Rows H16 to H22, H24 and H26 of the bad-input catalogue, as far as the target alone decides. */
#include "api/target.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

/* What a target means, in one line: segments in brackets, then name=value pairs. */
static const struct {
    const char *raw, *meaning;
} good[] = {
    {"/", "[]"},
    {"/canary", "[canary]"},
    {"/canary/", "[canary][]"},
    {"//canary", "[][canary]"},
    {"/canaryConfig/a.b-c_d", "[canaryConfig][a.b-c_d]"},
    {"/canaryConfig/..%2f..%2fetc%2Fpasswd", "[canaryConfig][../../etc/passwd]"},
    {"/../../etc/passwd", "[..][..][etc][passwd]"},
    {"/a%5cb", "[a\\b]"},
    {"/a+b", "[a+b]"},
    {"/caf%C3%A9", "[caf\xc3\xa9]"},
    {"/a%25b", "[a%b]"},
    {"/a?", "[a]"},
    {"/a?b", "[a] b="},
    {"/a?b=", "[a] b="},
    {"/a?b=c&&d=e=f", "[a] b=c d=e=f"},
    {"/a?b=c+d%2Be", "[a] b=c d+e"},
    {"/a?b=%26%3D", "[a] b=&="},
    {"/a?b=c?d/e", "[a] b=c?d/e"},
    {"http://localhost:8090/a/b?c=d", "[a][b] c=d"},
    {"HTTP://evil/", "[]"},
};

static void targets_are_taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct arena *arena = arena_create();
        struct strbuf meaning = {0};
        struct target target;
        struct error err = {0};

        row("%s", good[i].raw);
        assert_int_equal(ERR_OK, target_parse(str_of(good[i].raw), arena, &target, &err));
        for (size_t s = 0; s < target.n_segments; s++)
            strbuf_printf(&meaning, "[%s]", target.segments[s]);
        for (size_t p = 0; p < target.n_params; p++)
            strbuf_printf(&meaning, " %s=%s", target.params[p].name, target.params[p].value);
        assert_string_equal(good[i].meaning, meaning.bytes);
        strbuf_clear(&meaning);
        arena_free(arena);
    }
}

static const char *const bad[] = {
    "",           "*",
    "a",          "example.org:443",
    "/%00",       "/a?b=%00",
    "/%",         "/%2",
    "/%zz",       "/%2g",
    "/a?%",       "/%c0%af",
    "/%ff",       "/\xff",
    "/%ed%a0%80", "/a b",
    "/a\tb",      "/\x01",
    "/\x7f",      "http://x",
    "http://x?a", "/%f4%90%80%80",
};

static void bad_targets_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct arena *arena = arena_create();
        struct target target;
        struct error err = {0};

        row("%s", bad[i]);
        assert_int_equal(ERR_INVALID, target_parse(str_of(bad[i]), arena, &target, &err));
        assert_string_equal("bad_target", error_reason(&err));
        arena_free(arena);
    }
}

static void the_authority_is_kept(void **state)
{
    struct arena *arena = arena_create();
    struct target target;
    struct error err = {0};

    (void)state;
    assert_int_equal(ERR_OK, target_parse(str_of("http://evil:1/x"), arena, &target, &err));
    assert_true(str_is(target.authority, "evil:1"));
    assert_true(str_is(target.path, "/x"));
    assert_int_equal(ERR_OK, target_parse(str_of("/x?y"), arena, &target, &err));
    assert_null(target.authority.bytes);
    assert_true(str_is(target.path, "/x"));
    arena_free(arena);
}

static void parameters_are_counted(void **state)
{
    struct arena *arena = arena_create();
    struct strbuf raw = {0};
    struct target target;
    struct error err = {0};

    (void)state;
    strbuf_puts(&raw, "/a?");
    for (int i = 0; i < 64; i++)
        strbuf_printf(&raw, "p%d=%d&", i, i);
    assert_int_equal(ERR_OK, target_parse(strbuf_view(&raw), arena, &target, &err));
    assert_int_equal(64, target.n_params);
    assert_int_equal(ERR_INVALID, target_add_params(str_of("q=1"), arena, &target, &err));
    assert_string_equal("too_many_parameters", error_reason(&err));
    strbuf_clear(&raw);
    arena_free(arena);
}

static void form_parameters_come_after_those_of_the_query(void **state)
{
    struct arena *arena = arena_create();
    struct target target;
    struct error err = {0};

    (void)state;
    assert_int_equal(ERR_OK, target_parse(str_of("/a?b=1"), arena, &target, &err));
    assert_int_equal(ERR_OK, target_add_params(str_of("c=2+3"), arena, &target, &err));
    assert_int_equal(2, target.n_params);
    assert_string_equal("1", target.params[0].value);
    assert_string_equal("2 3", target.params[1].value);
    assert_int_equal(ERR_OK, target_add_params(str_of(""), arena, &target, &err));
    assert_int_equal(2, target.n_params);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_taken_apart),
        cmocka_unit_test(bad_targets_are_refused),
        cmocka_unit_test(the_authority_is_kept),
        cmocka_unit_test(parameters_are_counted),
        cmocka_unit_test(form_parameters_come_after_those_of_the_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
