#include "tests/support.h"

#include "base/instant.h"
#include "base/limits.h"
#include "collectors/collector.h"

#include <jansson.h>
#include <string.h>

static struct account *account_of(struct arena *arena)
{
    json_auto_t *json = json_pack("{s:s, s:s, s:{s:s}}", "url", "http://h:9090", "bearerToken",
                                  "canary-token", "headers", "User-Agent", "mine");
    struct account *account = NULL;
    struct error err = {0};

    assert_int_equal(ERR_OK, account_decode("prometheus", json, arena, &account, &err));
    return account;
}

static void collector_found_by_name(void **state)
{
    (void)state;
    assert_string_equal("prometheus", collector_find("prometheus")->name);
    assert_true(collector_find("prometheus")->needs_step);
    assert_null(collector_find("Prometheus"));
    assert_null(collector_find(""));
}

static const struct {
    const char *name;
    long status;
    const char *body, *reason, *words; /* reason NULL: fine */
} cases[] = {
    {"fine", 200, "{}", NULL, NULL},
    {"no content", 204, "", NULL, NULL},
    {"not changed", 304, "", "store_redirect", "Status: 304, Method: GET, URL: http://h:9090/x?t="},
    {"moved", 301, "<a>", "store_redirect", "Message: <a>"},
    {"bad request", 400, "{\"errorType\":\"bad_data\",\"error\":\"no\"}", "store_rejected",
     "Message: bad_data: no"},
    {"plain text", 404, "404 page not found\n", "store_rejected", "404 page not found\\n"},
    {"errors without a type", 400, "{\"error\":\"no\"}", "store_rejected", "{\"error\":\"no\"}"},
    {"denied", 401, "token canary-token is wrong", "store_rejected", "token *** is wrong"},
    {"forbidden", 403, "", "store_rejected", "Message: "},
    {"time-out", 408, "", "store_unavailable", "Status: 408"},
    {"too many", 429, "", "store_unavailable", "Status: 429"},
    {"down", 503, "x", "store_unavailable", "Message: x"},
    {"controls", 400, "a\tb\x1b[31m\x7f", "store_rejected", "a\\x09b\\x1b[31m\\x7f"},
    {"UTF-8", 400, "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "store_rejected",
     "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
    {"not UTF-8", 400, "\xff \xc3 \xc0\xaf \xe0\x80\x80 \xed\xa0\x80 \xf4\x90\x80\x80 \xf0\x9f",
     "store_rejected",
     "\\xff \\xc3 \\xc0\\xaf \\xe0\\x80\\x80 \\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80 \\xf0\\x9f"},
};

static void collector_checks_replies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();
        const struct http_request request = {.method = "GET",
                                             .url = "http://h:9090/x?t=canary-token"};
        const struct http_response reply = {.status = cases[i].status,
                                            .body = cases[i].body,
                                            .n_body_bytes = strlen(cases[i].body)};
        struct error err = {0};
        enum err_code rc = collector_check_reply(collector_find("prometheus"), account_of(arena),
                                                 &request, &reply, arena, &err);

        row("%s", cases[i].name);
        assert_int_equal(cases[i].reason ? ERR_UPSTREAM : ERR_OK, rc);
        if (cases[i].reason) {
            assert_string_equal(cases[i].reason, err.reason);
            if (!strstr(err.message, cases[i].words))
                fail_msg("%s: %s", cases[i].name, err.message);
            assert_null(strstr(err.message, "canary-token"));
        }
        arena_free(arena);
    }
}

static void collector_cuts_long_replies(void **state)
{
    struct arena *arena = arena_create();
    char *body = arena_alloc(arena, 100000, 1);
    char *url = arena_alloc(arena, 5000, 1);
    struct http_request request = {.method = "POST", .url = url};
    const struct http_response reply = {.status = 500, .body = body, .n_body_bytes = 99999};
    struct error err = {0};

    (void)state;
    memset(body, 'b', 99999);
    memset(url, 'u', 4999);
    memcpy(body + STORE_ERROR_BODY_BYTES - 3, "canary-token", 12); /* over the edge */
    assert_int_equal(ERR_UPSTREAM,
                     collector_check_reply(collector_find("prometheus"), account_of(arena),
                                           &request, &reply, arena, &err));
    assert_null(strstr(err.message, "can"));
    assert_int_equal(STORE_ERROR_BODY_BYTES, strlen(strstr(err.message, "Message: ") + 9));
    assert_string_equal("***", err.message + strlen(err.message) - 3);
    arena_free(arena);
}

static void collector_adds_headers(void **state)
{
    struct arena *arena = arena_create();
    json_auto_t *config = json_object();
    const struct metric_query query = {
        .metric_name = "m",
        .config = config,
        .scope = {.has_start = true, .has_end = true, .end_unix_ns = 600 * NS_PER_S, .step_s = 60},
    };
    struct http_request_list list;
    struct error err = {0};
    size_t n_agents = 0;

    (void)state;
    assert_int_equal(ERR_OK, collector_build(collector_find("prometheus"), account_of(arena),
                                             &query, "up", arena, &list, &err));
    for (size_t i = 0; i < list.requests[0].n_headers; i++)
        if (strcmp(list.requests[0].headers[i].name, "User-Agent") == 0) {
            n_agents++;
            assert_string_equal("mine", list.requests[0].headers[i].value); /* the account's wins */
        }
    assert_int_equal(1, n_agents);
    arena_free(arena);
}

static void collector_makes_placeholders(void **state)
{
    struct arena *arena = arena_create();
    struct metric_set_list sets = {.arena = arena};
    const struct metric_query query = {
        .metric_name = "cpu",
        .scope = {.start_unix_ns = 1767225600540500000,
                  .end_unix_ns = 1767229200000000000,
                  .step_s = 7},
    };
    struct metric_set *set = collector_placeholder(&query, "up", &sets);

    (void)state;
    assert_string_equal("cpu", set->name);
    assert_int_equal(1767225600540, set->start_unix_ms);
    assert_int_equal(1767229200000, set->end_unix_ms);
    assert_int_equal(7000, set->step_ms);
    assert_int_equal(0, set->n_values);
    assert_int_equal(0, set->tags.n_items);
    assert_string_equal("up", tag_map_get(&set->attributes, "query"));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collector_found_by_name),      cmocka_unit_test(collector_checks_replies),
        cmocka_unit_test(collector_cuts_long_replies),  cmocka_unit_test(collector_adds_headers),
        cmocka_unit_test(collector_makes_placeholders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
