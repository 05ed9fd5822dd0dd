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

/* --- Graphite, which is asked for each text --- */

static const struct account *graphite_account(struct arena *arena)
{
    struct account *account;
    struct error err = {0};
    json_t *json = json_pack("{s:s,s:s}", "url", "http://g/x", "bearerToken", "t0k");

    json_keep(json, arena);
    assert_int_equal(ERR_OK, account_decode("graphite", json, arena, &account, &err));
    return account;
}

static void graphite_is_asked_for_what_is_typed(void **state)
{
    static const struct {
        const char *text, *url, *list; /* either */
    } cases[] = {
        {"", "http://g/x/metrics/find?query=%2A&format=completer", NULL},
        {"requests.us-central1.checkout-v042.*",
         "http://g/x/metrics/find?query=requests.us-central1.checkout-v042.%2A&format=completer",
         NULL},
        {"requests.$location.$scope.err",
         "http://g/x/metrics/find?query=requests.%2A.%2A.err&format=completer", NULL},
        {"requests.$location.$sc", NULL,
         "[{\"name\":\"requests.$location.$scope\"},{\"name\":\"requests.$location.$location\"}]"},
        {"$", NULL, "[{\"name\":\"$scope\"},{\"name\":\"$location\"}]"},
    };
    const struct collector_type *type = collector_find("graphite");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();
        struct http_request request = {0};
        struct error err = {0};
        json_t *list;

        row("%s", cases[i].text);
        assert_int_equal(ERR_OK,
                         collector_build_completion(type, graphite_account(arena), cases[i].text,
                                                    arena, &request, &list, &err));
        if (cases[i].url) {
            assert_null(list);
            assert_string_equal("GET", request.method);
            assert_string_equal(cases[i].url, request.url);
            assert_int_equal(3, request.n_headers); /* Authorization, Accept and User-Agent */
        } else {
            assert_string_equal(cases[i].list, json_write_arena(json_keep(list, arena), arena));
        }
        arena_free(arena);
    }
}

static void graphite_names_are_read(void **state)
{
    static const struct {
        const char *text, *body, *list; /* NULL: refused */
    } cases[] = {
        {"a.$scope.l",
         "{\"metrics\":[{\"path\":\"a.b.lat.\",\"name\":\"lat\",\"is_leaf\":\"0\"},"
         "{\"name\":\"lost\",\"is_leaf\":\"1\"},{\"name\":\"lat\",\"is_leaf\":\"0\"}]}",
         "[{\"name\":\"a.$scope.lat.\"},{\"name\":\"a.$scope.lost\"}]"},
        {"", "{\"metrics\":[{\"name\":\"a\",\"is_leaf\":1},{\"name\":\"b\"},{\"x\":1},7]}",
         "[{\"name\":\"a\"},{\"name\":\"b.\"}]"},
        {"x", "{\"metrics\":[]}", "[]"},
        {"x", "{}", NULL},
        {"x", "[]", NULL},
        {"x", "<html>", NULL},
        {"x", "", NULL},
    };
    const struct collector_type *type = collector_find("graphite");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct http_response reply = {
            .status = 200, .body = cases[i].body, .n_body_bytes = strlen(cases[i].body)};
        struct arena *arena = arena_create();
        struct error err = {0};
        json_t *list = NULL;

        row("%s", cases[i].body);
        if (type->completion->parse(graphite_account(arena), cases[i].text, &reply, &list, &err)) {
            assert_int_equal(ERR_UPSTREAM, err.code);
            assert_string_equal("store_bad_response", error_reason(&err));
            assert_null(cases[i].list);
        } else {
            assert_non_null(cases[i].list);
            assert_string_equal(cases[i].list, json_write_arena(json_keep(list, arena), arena));
        }
        arena_free(arena);
    }
}

/* 20: as Graphite answers. */
static void graphite_recorded_names(void **state)
{
    struct arena *arena = arena_create();
    struct http_response reply = {.status = 200};
    char *body = read_file("fixtures/replies/graphite/20-metrics-find-completer.response.json",
                           &reply.n_body_bytes);
    struct error err = {0};
    json_t *list = NULL;

    (void)state;
    reply.body = body;
    assert_int_equal(ERR_OK, collector_find("graphite")
                                 ->completion->parse(graphite_account(arena),
                                                     "requests.us-central1.checkout-v042.*", &reply,
                                                     &list, &err));
    assert_string_equal("[{\"name\":\"requests.us-central1.checkout-v042.errors\"},"
                        "{\"name\":\"requests.us-central1.checkout-v042.latency.\"}]",
                        json_write_arena(json_keep(list, arena), arena));
    free(body);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prometheus_is_asked_for_names),
        cmocka_unit_test(the_request_is_signed),
        cmocka_unit_test(prometheus_names_are_read),
        cmocka_unit_test(graphite_is_asked_for_what_is_typed),
        cmocka_unit_test(graphite_names_are_read),
        cmocka_unit_test(graphite_recorded_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
