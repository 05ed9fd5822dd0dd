#include "tests/support.h"

#include "base/limits.h"
#include "collectors/retry.h"

#include <string.h>

static const long usual[] = {408, 429};
static const struct retry_policy policy = {
    .attempts = 10, .backoff_ms = 1000, .server_errors = true, .statuses = usual, .n_statuses = 2};
static const struct retry_policy none = {.attempts = 10, .backoff_ms = 1000};

static void retry_statuses(void **state)
{
    static const struct {
        long status;
        bool expected;
    } cases[] = {{200, false}, {301, false}, {400, false}, {401, false}, {404, false},
                 {408, true},  {422, false}, {429, true},  {499, false}, {500, true},
                 {502, true},  {503, true},  {504, true},  {599, true},  {600, false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        row("%ld", cases[i].status);
        assert_int_equal(cases[i].expected, retry_is_worthwhile(&policy, cases[i].status));
        assert_false(retry_is_worthwhile(&none, cases[i].status));
    }
}

static enum reply_advice advice(long status, struct str body)
{
    if (str_is(body, "never"))
        return REPLY_IS_FINAL;
    return status == 200 && str_is(body, "later") ? REPLY_ASK_AGAIN : REPLY_BY_STATUS;
}

/* What a store's own words say goes before its status. */
static void retry_reply_advice(void **state)
{
    static const struct http_request plain = {0}, advised = {.advice = advice};
    static const struct {
        long status;
        const char *body;
        bool is_plain_worthwhile, is_advised_worthwhile;
    } cases[] = {
        {500, "never", true, false},  {500, "later", true, true}, {200, "later", false, true},
        {200, "never", false, false}, {400, "", false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str body = str_of(cases[i].body);

        row("%ld %s", cases[i].status, cases[i].body);
        assert_int_equal(cases[i].is_plain_worthwhile,
                         retry_reply_is_worthwhile(&policy, &plain, cases[i].status, body));
        assert_int_equal(cases[i].is_advised_worthwhile,
                         retry_reply_is_worthwhile(&policy, &advised, cases[i].status, body));
    }
}

/* 1, 2, 4 ... 256 s, as Kayenta waits. */
static void retry_waits_double(void **state)
{
    int64_t sum_ms = 0;

    (void)state;
    for (unsigned n = 1; n <= 9; n++) {
        row("%u", n);
        assert_int_equal(1000 << (n - 1), retry_wait_ms(&policy, n, 0, 0));
        assert_int_equal((1000 << (n - 1)) * 11 / 10, retry_wait_ms(&policy, n, 1, 0));
        sum_ms += retry_wait_ms(&policy, n, 0, 0);
    }
    assert_int_equal(511000, sum_ms);
    assert_in_range(retry_wait_ms(&policy, 100, 1, 0), 600000, 2000000); /* no overflow */
}

/* 2026-01-01T00:00:00Z is 1767225600. Row S5. */
static void retry_after_header(void **state)
{
    static const struct {
        const char *text;
        int64_t expected_ms;
    } cases[] = {
        {"7", 7000},
        {" 7 ", 7000},
        {"0", 1000},
        {"1", 1000}, /* not longer than our own wait */
        {"119", 119000},
        {"120", 120000},
        {"121", 120000},
        {"999999", 120000},
        {"99999999999999999999999", 120000},
        {"-1", 1000},
        {"", 1000},
        {"soon", 1000},
        {"7.5", 1000},
        {"7 s", 1000},
        {"Thu, 01 Jan 2026 00:00:30 GMT", 30000},
        {"Thu, 01 Jan 2026 01:00:00 GMT", 120000},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 1000},
        {"Wed, 31 Dec 2025 23:59:00 GMT", 1000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        row("%s", cases[i].text);
        assert_int_equal(
            cases[i].expected_ms,
            retry_wait_ms(&policy, 1, 0, retry_asked_ms(cases[i].text, "99", 1767225600)));
    }
    assert_int_equal(256000, retry_wait_ms(&policy, 9, 0, 120000)); /* ours is longer */
}

/* Without a Retry-After: Datadog's seconds, others' seconds since 1970. */
static void retry_rate_limit_header(void **state)
{
    static const struct {
        const char *text;
        int64_t expected_ms;
    } cases[] = {
        {"7", 7000},
        {"0", 0},
        {"-3", 0},
        {"soon", 0},
        {"7.5", 0},
        {"", 0},
        {"999999", 120000},
        {"1767225609", 9000},
        {"1767225600", 0},
        {"1767225599", 0},
        {"99999999999999999999", 120000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        row("%s", cases[i].text);
        assert_int_equal(cases[i].expected_ms, retry_asked_ms(NULL, cases[i].text, 1767225600));
    }
    assert_int_equal(0, retry_asked_ms(NULL, NULL, 1767225600));
}

static void retry_cut_short(void **state)
{
    static const struct {
        const char *type, *body;
        bool expected;
    } cases[] = {
        {NULL, "{}", false},
        {NULL, " [1,{\"a\":\"}\"}] ", false},
        {NULL, "{", true},
        {NULL, "{\"a\":[1,2", true},
        {NULL, "{\"a\":\"}", true},
        {NULL, "{\"a\":\"\\\"}", true},
        {NULL, "{\"a\":\"\\", true},
        {NULL, "{\"a\":\"b\\\\\"}", false},
        {NULL, "{}x", false},
        {NULL, "", false},
        {NULL, " \n", false},
        {NULL, "<html>", false},
        {NULL, "1", false},
        {"application/json; charset=utf-8", "{", true},
        {"Application/JSON", "{", true},
        {"text/html", "{", false},
        {"application/x-protobuf", "{", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        row("%s", cases[i].body);
        assert_int_equal(cases[i].expected,
                         retry_is_cut_short(cases[i].type, cases[i].body, strlen(cases[i].body)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retry_statuses),          cmocka_unit_test(retry_reply_advice),
        cmocka_unit_test(retry_waits_double),      cmocka_unit_test(retry_after_header),
        cmocka_unit_test(retry_rate_limit_header), cmocka_unit_test(retry_cut_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
