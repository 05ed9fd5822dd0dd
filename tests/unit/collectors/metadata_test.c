/* What a store says it has: the request that asks, and replies of every kind. */
#include "tests/support.h"

#include "base/json.h"
#include "collectors/collector.h"

#include <stdlib.h>
#include <string.h>

static const struct account *account_of(const char *config, struct arena *arena)
{
    struct account *account;
    struct error err = {0};
    json_t *json;

    assert_int_equal(ERR_OK, json_read(str_of(config), &json_limits_document, &json, &err));
    json_keep(json, arena);
    if (account_decode("prometheus", json, arena, &account, &err))
        fail_msg("%s", err.message);
    return account;
}

static const struct {
    const char *config, *url;
} requests[] = {
    {"{\"name\":\"p\",\"baseUrl\":\"http://p:9090/prefix\"}",
     "http://p:9090/prefix/api/v1/label/__name__/values"},
    {"{\"name\":\"p\",\"baseUrl\":\"http://"
     "p\",\"queryParams\":{\"extra_filters[]\":[\"{a=\\\"1\\\"}"
     "\"]}}",
     "http://p/api/v1/label/__name__/values?extra_filters%5B%5D=%7Ba%3D%221%22%7D"},
};

static void prometheus_is_asked_for_names(void **state)
{
    const struct collector_type *type = collector_find("prometheus");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct arena *arena = arena_create();
        const struct account *account = account_of(requests[i].config, arena);
        struct http_request request = {0};
        struct error err = {0};

        row("%s", requests[i].config);
        assert_int_equal(ERR_OK, collector_build_metadata(type, account, arena, &request, &err));
        assert_string_equal("GET", request.method);
        assert_string_equal(requests[i].url, request.url);
        assert_null(request.body);
        assert_int_equal(2, request.n_headers); /* Accept and User-Agent */
        arena_free(arena);
    }
}

static void the_request_is_signed(void **state)
{
    const struct collector_type *type = collector_find("prometheus");
    struct arena *arena = arena_create();
    const struct account *account =
        account_of("{\"name\":\"p\",\"baseUrl\":\"http://p\",\"bearerToken\":\"t0k\"}", arena);
    struct http_request request = {0};
    struct error err = {0};
    const char *found = NULL;

    (void)state;
    assert_int_equal(ERR_OK, collector_build_metadata(type, account, arena, &request, &err));
    for (size_t i = 0; i < request.n_headers; i++)
        if (strcmp(request.headers[i].name, "Authorization") == 0)
            found = request.headers[i].value;
    assert_non_null(found);
    assert_string_equal("Bearer t0k", found);
    arena_free(arena);
}

static const struct {
    const char *body;
    const char *list; /* NULL: refused */
} replies[] = {
    {"{\"status\":\"success\",\"data\":[\"http_errors\",\"up\"]}",
     "[{\"name\":\"http_errors\"},{\"name\":\"up\"}]"},
    {"{\"status\":\"success\",\"data\":[]}", "[]"},
    {"{\"status\":\"success\",\"data\":[\"up\",7,null,[\"x\"]]}", "[{\"name\":\"up\"}]"},
    {"{\"status\":\"success\"}", NULL},
    {"{\"status\":\"success\",\"data\":{}}", NULL},
    {"[\"up\"]", NULL},
    {"<html>", NULL},
    {"", NULL},
};

static void prometheus_names_are_read(void **state)
{
    const struct collector_type *type = collector_find("prometheus");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        const struct http_response reply = {
            .status = 200, .body = replies[i].body, .n_body_bytes = strlen(replies[i].body)};
        struct arena *arena = arena_create();
        struct error err = {0};
        json_t *list = NULL;

        row("%s", replies[i].body);
        if (type->metadata->parse(account_of("{\"name\":\"p\"}", arena), &reply, &list, &err)) {
            assert_int_equal(ERR_UPSTREAM, err.code);
            assert_string_equal("store_bad_response", error_reason(&err));
            assert_null(replies[i].list);
        } else {
            assert_non_null(replies[i].list);
            assert_string_equal(replies[i].list, json_write_arena(json_keep(list, arena), arena));
        }
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prometheus_is_asked_for_names),
        cmocka_unit_test(the_request_is_signed),
        cmocka_unit_test(prometheus_names_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
