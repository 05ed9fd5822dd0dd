/* Rows H2 to H5, H8, H15, H22, H24, H25, H32, H33 and A14 to A16 of the bad-input catalogue. */
#include "api/guard.h"
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "Name: value\n..." as headers; NULL is none. */
static struct headers *headers_of(const char *text)
{
    struct headers *headers = calloc(1, sizeof(*headers));

    while (text && *text) {
        size_t n_name = strcspn(text, ":"), n_line = strcspn(text, "\n");

        headers_add(headers, (struct str){text, n_name},
                    (struct str){text + n_name + 2, n_line - n_name - 2});
        text += n_line + (text[n_line] == '\n');
    }
    return headers;
}

static const struct {
    const char *headers;
    bool is_http_1_0;
    const char *reason; /* NULL: fine */
} framings[] = {
    {"Host: localhost", false, NULL},
    {"", true, NULL},
    {"", false, "bad_request"},
    {"Host: a\nHost: a", false, "bad_request"},
    {"Host: a\nContent-Length: 3", false, NULL},
    {"Host: a\nContent-Length: 3\ncontent-length: 3", false, "bad_request"},
    {"Host: a\nContent-Length: 3\nTransfer-Encoding: chunked", false, "bad_request"},
    {"Host: a\nTransfer-Encoding: Chunked", false, NULL},
    {"Host: a\nTransfer-Encoding: xchunked", false, "bad_request"},
    {"Host: a\nTransfer-Encoding: gzip, chunked", false, "bad_request"},
    {"Host: a\nTransfer-Encoding: chunked, chunked", false, "bad_request"},
    {"Host: a\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked", false, "bad_request"},
    {"Host: a\nX-Y : z", false, "bad_request"},
    {"Host: a\nX: a\x01", false, "bad_request"},
    {"Host: a\nX: a\x7f", false, "bad_request"},
    {"Host: a\nX: a\tb", false, NULL},
};

static void framing_has_one_reading(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(framings); i++) {
        struct headers *headers = headers_of(framings[i].headers);
        struct error err = {0};

        row("%s", framings[i].headers);
        if (framings[i].reason) {
            assert_int_not_equal(ERR_OK, guard_framing(headers, 1, framings[i].is_http_1_0, &err));
            assert_string_equal(framings[i].reason, error_reason(&err));
        } else {
            assert_int_equal(ERR_OK, guard_framing(headers, 1, framings[i].is_http_1_0, &err));
        }
        free(headers);
    }
}

static enum err_code frame_many(size_t n_headers, size_t value_bytes, size_t target_bytes,
                                const char **reason)
{
    struct headers *headers = headers_of("Host: a");
    char *value = calloc(value_bytes + 1, 1);
    struct error err = {0};
    enum err_code rc;

    memset(value, 'x', value_bytes);
    for (size_t i = 1; i < n_headers; i++)
        headers_add(headers, str_of("X"), str_of(value));
    rc = guard_framing(headers, target_bytes, false, &err);
    *reason = rc ? error_reason(&err) : NULL;
    free(value);
    free(headers);
    return rc;
}

static void sizes_are_limited(void **state)
{
    const char *reason;

    (void)state;
    assert_int_equal(ERR_OK, frame_many(100, 1, 8192, &reason));
    assert_int_equal(ERR_LIMIT, frame_many(101, 1, 1, &reason));
    assert_string_equal("headers_too_large", reason);
    assert_int_equal(ERR_OK, frame_many(2, 16384 - 9 - 5, 1, &reason)); /* "Host: a" and "X: " */
    assert_int_equal(ERR_LIMIT, frame_many(2, 16384 - 9 - 4, 1, &reason));
    assert_int_equal(ERR_LIMIT, frame_many(1, 1, 8193, &reason));
    assert_string_equal("target_too_long", reason);
}

static const char *const allowed_hosts[] = {"canary.example"};
static const char *const cors_origins[] = {"https://deck.example"};
static const struct settings settings = {
    .allowed_hosts = allowed_hosts,
    .n_allowed_hosts = 1,
    .cors_origins = cors_origins,
    .n_cors_origins = 1,
};

static const struct {
    const char *host, *authority;
    bool is_loopback;
    enum err_code code;
} hosts[] = {
    {"Host: localhost", NULL, true, ERR_OK},
    {"Host: LOCALHOST:8090", NULL, true, ERR_OK},
    {"Host: 127.0.0.1:1", NULL, true, ERR_OK},
    {"Host: [::1]:8090", NULL, true, ERR_OK},
    {"Host: canary.example", NULL, true, ERR_OK},
    {"", NULL, true, ERR_OK}, /* HTTP/1.0 */
    {"Host: evil.example", NULL, true, ERR_PERMISSION},
    {"Host: localhost.evil.example", NULL, true, ERR_PERMISSION},
    {"Host: localhost:80.evil", NULL, true, ERR_INVALID},
    {"Host: evil.example", NULL, false, ERR_OK},
    {"Host: ", NULL, false, ERR_INVALID},
    {"Host: a/b", NULL, false, ERR_INVALID},
    {"Host: a b", NULL, false, ERR_INVALID},
    {"Host: user@a", NULL, false, ERR_INVALID},
    {"Host: a:8o", NULL, false, ERR_INVALID},
    {"Host: [::1", NULL, false, ERR_OK}, /* only a name that matches nothing */
    {"Host: localhost:1", "LocalHost:1", true, ERR_OK},
    {"Host: localhost:1", "evil", true, ERR_INVALID},
};

static void hosts_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct headers *headers = headers_of(hosts[i].host);
        struct str authority = {0};
        struct error err = {0};

        row("%s", hosts[i].host);
        if (hosts[i].authority)
            authority = str_of(hosts[i].authority);
        assert_int_equal(hosts[i].code,
                         guard_host(headers, authority, hosts[i].is_loopback, &settings, &err));
        if (hosts[i].code == ERR_PERMISSION)
            assert_string_equal("bad_host", error_reason(&err));
        free(headers);
    }
}

static const struct {
    enum method method;
    const char *headers;
    enum err_code code;
} origins[] = {
    {METHOD_POST, "Host: a", ERR_OK},
    {METHOD_POST, "Host: a:1\nOrigin: http://a:1", ERR_OK},
    {METHOD_POST, "Host: a\nOrigin: https://a", ERR_OK},
    {METHOD_POST, "Host: a\nOrigin: https://deck.example", ERR_OK},
    {METHOD_POST, "Host: a\nOrigin: https://evil", ERR_PERMISSION},
    {METHOD_POST, "Host: a\nOrigin: http://a.evil", ERR_PERMISSION},
    {METHOD_POST, "Host: a\nOrigin: null", ERR_PERMISSION},
    {METHOD_PUT, "Host: a\nOrigin: null", ERR_PERMISSION},
    {METHOD_DELETE, "Host: a\nOrigin: null", ERR_PERMISSION},
    {METHOD_GET, "Host: a\nOrigin: https://evil", ERR_OK},
    {METHOD_GET, "Host: a\nSec-Fetch-Site: cross-site", ERR_OK},
    {METHOD_POST, "Host: a\nSec-Fetch-Site: cross-site", ERR_PERMISSION},
    {METHOD_POST, "Host: a\nSec-Fetch-Site: same-site", ERR_PERMISSION},
    {METHOD_POST, "Host: a\nSec-Fetch-Site: same-origin\nOrigin: https://evil", ERR_OK},
    {METHOD_POST, "Host: a\nSec-Fetch-Site: none", ERR_OK},
    {METHOD_POST, "Host: a\nSec-Fetch-Site: cross-site\nOrigin: https://deck.example", ERR_OK},
};

static void foreign_pages_change_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(origins); i++) {
        struct headers *headers = headers_of(origins[i].headers);
        struct error err = {0};

        row("%s", origins[i].headers);
        assert_int_equal(origins[i].code,
                         guard_origin(headers, origins[i].method, &settings, &err));
        free(headers);
    }
}

static const struct {
    enum route_body body;
    const char *headers;
    const char *reason;
} bodies[] = {
    {BODY_JSON, "Content-Type: application/json", NULL},
    {BODY_JSON, "Content-Type: Application/JSON ; charset=UTF-8", NULL},
    {BODY_JSON, "Content-Type: application/json;charset=\"utf-8\"", NULL},
    {BODY_JSON, "", "unsupported_media_type"},
    {BODY_JSON, "Content-Type: text/plain", "unsupported_media_type"},
    {BODY_JSON, "Content-Type: application/jsonx", "unsupported_media_type"},
    {BODY_JSON, "Content-Type: application/json; charset=utf-16", "unsupported_media_type"},
    {BODY_JSON, "Content-Type: application/json\nContent-Encoding: gzip", "unsupported_media_type"},
    {BODY_JSON, "Content-Type: application/json\nContent-Encoding: identity", NULL},
    {BODY_JSON, "Content-Type: application/json\nContent-Length: 2097152", NULL},
    {BODY_JSON, "Content-Type: application/json\nContent-Length: 2097153", "body_too_large"},
    {BODY_JSON, "Content-Type: application/json\nContent-Length: 99999999999999999999999",
     "body_too_large"},
    {BODY_FORM, "", NULL},
    {BODY_FORM, "Content-Type: text/plain\nContent-Length: 65536", NULL},
    {BODY_FORM, "Content-Length: 65537", "body_too_large"},
    {BODY_NONE, "Content-Length: 1048576", NULL},
    {BODY_NONE, "Content-Length: 1048577", "body_too_large"},
};

static void bodies_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct headers *headers = headers_of(bodies[i].headers);
        struct route route = {.body = bodies[i].body};
        struct error err = {0};

        row("%s", bodies[i].headers);
        if (bodies[i].reason) {
            assert_int_not_equal(ERR_OK, guard_body(headers, &route, &err));
            assert_string_equal(bodies[i].reason, error_reason(&err));
        } else {
            assert_int_equal(ERR_OK, guard_body(headers, &route, &err));
        }
        free(headers);
    }
}

static void announced_sizes(void **state)
{
    struct headers *chunked = headers_of("Transfer-Encoding: chunked"),
                   *sized = headers_of("Content-Length: 4711"), *none = headers_of("");

    (void)state;
    assert_true(guard_announced_bytes(chunked) == SIZE_MAX);
    assert_int_equal(4711, guard_announced_bytes(sized));
    assert_int_equal(0, guard_announced_bytes(none));
    free(chunked);
    free(sized);
    free(none);
}

static void cors_origins_are_exact(void **state)
{
    struct headers *listed = headers_of("Origin: https://deck.example"),
                   *other = headers_of("Origin: https://deck.example.evil");

    (void)state;
    assert_true(str_is(guard_cors_origin(listed, &settings), "https://deck.example"));
    assert_null(guard_cors_origin(other, &settings).bytes);
    free(listed);
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(framing_has_one_reading), cmocka_unit_test(sizes_are_limited),
        cmocka_unit_test(hosts_are_checked),       cmocka_unit_test(foreign_pages_change_nothing),
        cmocka_unit_test(bodies_are_checked),      cmocka_unit_test(announced_sizes),
        cmocka_unit_test(cors_origins_are_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
