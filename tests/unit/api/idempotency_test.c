/* What makes two starts the same request, and which keys are taken. */
#include "api/guard.h"
#include "api/idempotency.h"
#include "tests/support.h"
#include "tests/unit/api/analyzer_double.h" /* the route table names every handler */

#include <stdlib.h>

struct mark {
    enum err_code code;
    const struct idempotency *mark;
    struct error err;
    struct headers headers;
    struct api_call call;
};

/* The mark of a POST, its key in `value`; NULL: no header. free_mark() it. */
static struct mark *mark_of(const char *target, const char *value, const char *body)
{
    struct mark *out = calloc(1, sizeof(*out));
    struct api_call *call = &out->call;

    call->arena = arena_create();
    call->method = METHOD_POST;
    call->method_text = "POST";
    call->headers = &out->headers;
    if (value)
        headers_add(&out->headers, str_of("idempotency-key"), str_of(value));
    strbuf_puts(&call->body, body);
    assert_int_equal(ERR_OK, target_parse(str_of(target), call->arena, &call->target, &out->err));
    route_find(api_routes, api_n_routes, call->method, &call->target, &call->match);
    assert_non_null(call->match.route);
    out->code = idempotency_of(call, &out->mark, &out->err);
    return out;
}

static void free_mark(struct mark *mark)
{
    strbuf_clear(&mark->call.body);
    arena_free(mark->call.arena);
    free(mark);
}

static const struct {
    const char *name, *target, *body;
    bool is_same_scope, is_same_digest;
} twins[] = {
    {"the same", "/canary/c?a=1&b=2&b=3", "{}", true, true},
    {"parameters in another order", "/canary/c?b=2&a=1&b=3", "{}", true, true},
    {"written in another way", "/canary/c?%61=1&b=2&b=%33", "{}", true, true},
    {"a list in another order", "/canary/c?a=1&b=3&b=2", "{}", true, false},
    {"another value", "/canary/c?a=1&b=2&b=4", "{}", true, false},
    {"one parameter less", "/canary/c?a=1&b=2", "{}", true, false},
    {"one more", "/canary/c?a=1&b=2&b=3&c=", "{}", true, false},
    {"another config", "/canary/d?a=1&b=2&b=3", "{}", true, false},
    {"another body", "/canary/c?a=1&b=2&b=3", "{ }", true, false},
    {"another endpoint", "/canary?a=1&b=2&b=3", "{}", false, false},
    {"an analysis", "/standalone_canary_analysis/c?a=1&b=2&b=3", "{}", false, false},
};

static void requests_are_told_apart(void **state)
{
    struct mark *first = mark_of("/canary/c?a=1&b=2&b=3", "deploy-42", "{}");

    (void)state;
    assert_int_equal(ERR_OK, first->code);
    assert_string_equal("local POST /canary/{canaryConfigId}", first->mark->scope);
    assert_string_equal("deploy-42", first->mark->key);
    for (size_t i = 0; i < ARRAY_LEN(twins); i++) {
        struct mark *twin = mark_of(twins[i].target, "deploy-42", twins[i].body);

        row("%s", twins[i].name);
        assert_int_equal(twins[i].is_same_scope,
                         strcmp(first->mark->scope, twin->mark->scope) == 0);
        assert_int_equal(twins[i].is_same_digest,
                         memcmp(first->mark->digest, twin->mark->digest, 32) == 0);
        free_mark(twin);
    }
    free_mark(first);
}

/* What would be one text when it is merely put together. */
static void texts_do_not_run_into_each_other(void **state)
{
    static const char *const targets[][2] = {
        {"/canary/c?ab=1", "/canary/c?a=b1"},
        {"/canary/c?a=1&b=2", "/canary/c?a=1%26b%3D2"},
        {"/canary/c?a=", "/canary/c?a="},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct mark *one = mark_of(targets[i][0], "k", ""),
                    *other = mark_of(targets[i][1], "k", "");

        row("%s", targets[i][1]);
        assert_int_equal(strcmp(targets[i][0], targets[i][1]) == 0,
                         memcmp(one->mark->digest, other->mark->digest, 32) == 0);
        free_mark(one);
        free_mark(other);
    }
}

static void bad_keys_are_refused(void **state)
{
    char longest[IDEMPOTENCY_KEY_MAX_BYTES + 2];
    const struct {
        const char *key;
        bool is_good;
    } keys[] = {
        {NULL, true},   {"!\"~", true},  {longest + 1, true},    {longest, false}, {"", false},
        {"a b", false}, {"a\tb", false}, {"caf\xc3\xa9", false}, {"\x7f", false},
    };

    (void)state;
    memset(longest, 'k', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct mark *mark = mark_of("/canary", keys[i].key, "{}");

        row("%s", keys[i].key ? keys[i].key : "none");
        assert_int_equal(keys[i].is_good ? ERR_OK : ERR_INVALID, mark->code);
        assert_int_equal(keys[i].is_good && keys[i].key, mark->mark != NULL);
        if (!keys[i].is_good)
            assert_string_equal("bad_idempotency_key", error_reason(&mark->err));
        free_mark(mark);
    }
}

static void one_key_is_enough(void **state)
{
    struct mark *mark = mark_of("/canary", "a", "{}");
    const struct idempotency *out;
    struct error err = {0};

    (void)state;
    headers_add(&mark->headers, str_of("Idempotency-Key"), str_of("b"));
    assert_int_equal(ERR_INVALID, idempotency_of(&mark->call, &out, &err));
    assert_string_equal("repeated_header", error_reason(&err));
    free_mark(mark);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_told_apart),
        cmocka_unit_test(texts_do_not_run_into_each_other),
        cmocka_unit_test(bad_keys_are_refused),
        cmocka_unit_test(one_key_is_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
