/* Rows E4 to E7 and E14 of the bad-input catalogue, and what existing clients send. */
#include "tests/support.h"

#include "base/instant.h"
#include "base/limits.h"
#include "collectors/metric_query.h"

#include <stdlib.h>
#include <string.h>

/* ' stands for " */
static json_t *json_of(const char *text)
{
    char *copy = strdup(text);
    json_t *json;

    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    json = json_loads(copy, JSON_DECODE_ANY, NULL);
    if (!json)
        fail_msg("%s", text);
    free(copy);
    return json;
}

static void scope_decode_whole(void **state)
{
    struct arena *arena = arena_create();
    json_t *json = json_of("{'scope':'app-v042','location':7,'start':'2026-01-01T00:00:00.540500Z',"
                           "'end':1767226200.25,'step':'60','unknown':{},"
                           "'extendedScopeParams':{'z':'1','a':true,'n':null,'x':2.5}}");
    struct scope scope;
    struct error err = {0};

    (void)state;
    assert_int_equal(ERR_OK, scope_decode(json, arena, &scope, &err));
    json_decref(json); /* nothing points into it */
    assert_string_equal("app-v042", scope.scope);
    assert_string_equal("7", scope.location);
    assert_true(scope.has_start && scope.has_end);
    assert_int_equal(1767225600540500000, scope.start_unix_ns);
    assert_int_equal(1767226200250000000, scope.end_unix_ns);
    assert_int_equal(60, scope.step_s);
    assert_int_equal(3, scope.n_extended_params);
    assert_string_equal("z", scope.extended_params[0].key); /* as written */
    assert_string_equal("a", scope.extended_params[1].key);
    assert_string_equal("true", scope.extended_params[1].value);
    assert_string_equal("2.5", scope.extended_params[2].value);
    arena_free(arena);
}

static void scope_decode_absent(void **state)
{
    static const char *const scopes[] = {
        "{}",
        "{'scope':'','location':'','start':'','end':'','step':'','extendedScopeParams':{}}",
        ("{'scope':null,'location':null,'start':null,'end':null,'step':null,"
         "'extendedScopeParams':null}"),
        "{'step':0}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
        struct arena *arena = arena_create();
        json_auto_t *json = json_of(scopes[i]);
        struct scope scope;
        struct error err = {0};

        row("%s", scopes[i]);
        assert_int_equal(ERR_OK, scope_decode(json, arena, &scope, &err));
        assert_null(scope.scope);
        assert_null(scope.location);
        assert_false(scope.has_start || scope.has_end);
        assert_int_equal(0, scope.step_s);
        assert_int_equal(0, scope.n_extended_params);
        arena_free(arena);
    }
}

#define START "'start':'2026-01-01T00:00:00Z'"

static const struct {
    const char *scope, *pointer, *reason; /* pointer NULL: fine */
} cases[] = {
    {"[]", "", "bad_type"},
    {"{'scope':{}}", "/scope", "bad_type"},
    {"{'location':[]}", "/location", "bad_type"},
    {"{" START ",'end':'2026-01-01T00:00:00Z'}", "/start", "bad_time"},
    {"{" START ",'end':'2025-12-31T23:59:59Z'}", "/start", "bad_time"},
    {"{'start':'yesterday'}", "/start", "bad_time"},
    {"{'end':'2024-02-30T00:00:00Z'}", "/end", "bad_time"},
    {"{'end':'2026-01-01T00:00:00'}", "/end", "bad_time"},
    {"{'start':-1}", "/start", "bad_time"},
    {"{'start':1e300}", "/start", "bad_time"},
    {"{'start':true}", "/start", "bad_time"},
    {"{'start':{}}", "/start", "bad_time"},
    {"{'end':'9999-01-01T00:00:00Z'}", "/end", "bad_time"},
    {"{'end':'1969-12-31T23:59:59Z'}", "/end", "bad_time"},
    {"{" START ",'end':'2026-02-01T00:00:00Z'}", NULL, NULL},
    {"{" START ",'end':'2026-02-01T00:00:01Z'}", "/end", "bad_time"},
    {"{'step':-1}", "/step", "bad_step"},
    {"{'step':1000000000000}", "/step", "bad_step"},
    {"{'step':'NaN'}", "/step", "bad_step"},
    {"{'step':'abc'}", "/step", "bad_type"},
    {"{'step':true}", "/step", "bad_type"},
    {"{'step':[60]}", "/step", "bad_type"},
    {"{'step':{}}", "/step", "bad_type"},
    {"{'step':60.5}", NULL, NULL},
    {"{" START ",'end':1767275600,'step':1}", NULL, NULL},                 /* 50,000 */
    {"{" START ",'end':1767275601,'step':1}", "/step", "too_many_points"}, /* 50,001 */
    {"{" START ",'end':1767275600.5,'step':1}", NULL, NULL},
    {"{'extendedScopeParams':[]}", "/extendedScopeParams", "bad_type"},
    {"{'extendedScopeParams':{'a':{}}}", "/extendedScopeParams/a", "bad_type"},
    {"{'extendedScopeParams':{'a}':'b'}}", "/extendedScopeParams/a}", "bad_parameter"},
};

static void scope_decode_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();
        json_auto_t *json = json_of(cases[i].scope);
        struct scope scope;
        struct error err = {0};
        enum err_code rc = scope_decode(json, arena, &scope, &err);

        row("%s", cases[i].scope);
        assert_int_equal(cases[i].pointer ? ERR_INVALID : ERR_OK, rc);
        if (cases[i].pointer) {
            assert_string_equal(cases[i].reason, err.reason);
            assert_string_equal(cases[i].pointer, err.pointer);
        }
        arena_free(arena);
    }
}

static void scope_decode_cuts_a_fractional_step(void **state)
{
    struct arena *arena = arena_create();
    json_auto_t *json = json_of("{'step':60.5}");
    struct scope scope;
    struct error err = {0};

    (void)state;
    assert_int_equal(ERR_OK, scope_decode(json, arena, &scope, &err));
    assert_int_equal(60, scope.step_s);
    arena_free(arena);
}

static void scope_decode_limits(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct arena *arena = arena_create();
        char *text = arena_alloc(arena, REQUEST_MAX_PARAM_BYTES + over + 1, 1);
        json_auto_t *many = json_pack("{s:{}}", "extendedScopeParams");
        json_auto_t *large = NULL, *long_scope = NULL;
        struct scope scope;
        struct error err_many = {0}, err_large = {0}, err_scope = {0};

        row("%zu over", over);
        memset(text, 'x', REQUEST_MAX_PARAM_BYTES + over);
        for (size_t i = 0; i < REQUEST_MAX_EXTENDED_PARAMS + over; i++)
            json_object_set_new(json_object_get(many, "extendedScopeParams"),
                                arena_printf(arena, "p%zu", i), json_string("v"));
        large = json_pack("{s:{s:s}}", "extendedScopeParams", "p", text);
        long_scope = json_pack("{s:s}", "scope", text);
        assert_int_equal(over ? ERR_INVALID : ERR_OK, scope_decode(many, arena, &scope, &err_many));
        assert_int_equal(over ? ERR_INVALID : ERR_OK,
                         scope_decode(large, arena, &scope, &err_large));
        assert_int_equal(over ? ERR_INVALID : ERR_OK,
                         scope_decode(long_scope, arena, &scope, &err_scope));
        if (over) {
            assert_string_equal("too_many_parameters", err_many.reason);
            assert_string_equal("param_too_large", err_large.reason);
            assert_string_equal("/scope", err_scope.pointer);
        }
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scope_decode_whole),
        cmocka_unit_test(scope_decode_absent),
        cmocka_unit_test(scope_decode_refuses),
        cmocka_unit_test(scope_decode_cuts_a_fractional_step),
        cmocka_unit_test(scope_decode_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
