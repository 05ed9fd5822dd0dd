/* Signatures: the examples of AWS' own test suite for Signature Version 4 (aws-sig-v4-test-suite,
 * key AKIDEXAMPLE), the ListUsers example of the AWS General Reference, and the recorded requests
 * in fixtures/replies/cloudwatch/, which a second implementation has signed. */
#include "tests/support.h"

#include "collectors/sigv4.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUITE_TIME 1440938160 /* 2015-08-30T12:36:00Z */
#define FORM "application/x-www-form-urlencoded"

static const struct sigv4_keys suite_keys = {"AKIDEXAMPLE",
                                             "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", NULL};

static void check_signature(const struct sigv4_request *request, const struct sigv4_place *place,
                            const char *names, const char *signature)
{
    struct arena *arena = arena_create();
    struct sigv4_headers headers = sigv4_sign(request, place, &suite_keys, SUITE_TIME, arena);
    const char *want =
        arena_printf(arena,
                     "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/%s/aws4_request, "
                     "SignedHeaders=%s, Signature=%s",
                     place->service, names, signature);

    assert_int_equal(2, headers.n_items);
    assert_string_equal("X-Amz-Date", headers.items[0].name);
    assert_string_equal("20150830T123600Z", headers.items[0].value);
    assert_string_equal(want, headers.items[1].value);
    arena_free(arena);
}

static void sigv4_suite(void **state)
{
    static const struct http_header form = {"Content-Type", FORM};
    static const struct {
        const char *name;
        struct sigv4_request request;
        const char *names, *signature;
    } cases[] = {
        {"get-vanilla",
         {"GET", "https://example.amazonaws.com/", NULL, 0, {0}},
         "host;x-amz-date",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"get-vanilla without a path, with the scheme's port",
         {"GET", "https://EXAMPLE.amazonaws.com:443", NULL, 0, {0}},
         "host;x-amz-date",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"get-vanilla-query-order-key-case",
         {"GET", "https://example.amazonaws.com/?Param2=value2&Param1=value1", NULL, 0, {0}},
         "host;x-amz-date",
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        {"post-vanilla",
         {"POST", "https://example.amazonaws.com/", NULL, 0, {0}},
         "host;x-amz-date",
         "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        {"post-x-www-form-urlencoded",
         {"POST", "https://example.amazonaws.com/", &form, 1, {"Param1=value1", 13}},
         "content-type;host;x-amz-date",
         "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    };
    static const struct sigv4_place place = {"us-east-1", "service"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        row("%s", cases[i].name);
        check_signature(&cases[i].request, &place, cases[i].names, cases[i].signature);
    }
}

static void sigv4_list_users(void **state)
{
    static const struct http_header type = {"content-type", FORM "; charset=utf-8"};
    static const struct sigv4_place place = {"us-east-1", "iam"};
    static const struct sigv4_request request = {
        "GET", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", &type, 1, {0}};

    (void)state;
    check_signature(&request, &place, "content-type;host;x-amz-date",
                    "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

static void sigv4_canonical_form(void **state)
{
    static const struct http_header headers[] = {{"My-Header", "  a   b\t c  "}, {"My", "x"}};
    static const struct sigv4_request request = {
        "GET", "http://h:8080/a%20b/c?b=2&a-b=1&a=%20&flag&a=", headers, 2, {0}};
    struct arena *arena = arena_create();
    const char *names;
    const char *text = sigv4_canonical(&request, &suite_keys, SUITE_TIME, arena, &names);

    (void)state;
    assert_string_equal("GET\n/a%2520b/c\na=&a=%20&a-b=1&b=2&flag=\n"
                        "host:h:8080\nmy:x\nmy-header:a b c\nx-amz-date:20150830T123600Z\n\n"
                        "host;my;my-header;x-amz-date\n"
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                        text);
    arena_free(arena);
}

/* The value of a recorded header, in `arena`. */
static const char *recorded(const char *text, const char *name, struct arena *arena)
{
    const char *at = strstr(text, arena_printf(arena, "\n%s: ", name));

    if (!at)
        return NULL;
    at += strlen(name) + 3;
    return arena_strndup(arena, at, strcspn(at, "\n"));
}

static void sigv4_recorded_requests(void **state)
{
    static const char *const names[] = {"01-metric-stat", "03-math-expression",
                                        "06-insights-group-by", "20-list-metrics"};
    static const struct sigv4_place place = {"us-east-1", "monitoring"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct arena *arena = arena_create();
        char path[128];
        char *text;
        const char *body;
        struct http_header headers[2];
        struct sigv4_keys keys = {"AKIAIOSFODNN7EXAMPLE",
                                  "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL};
        struct sigv4_request request = {
            "POST", "https://monitoring.us-east-1.amazonaws.com", headers, 2, {0}};
        struct sigv4_headers made;

        row("%s", names[i]);
        snprintf(path, sizeof(path), "fixtures/replies/cloudwatch/%s.request.txt", names[i]);
        text = read_file(path, NULL);
        body = strstr(text, "\n\n") + 2;
        request.body = (struct str){body, strcspn(body, "\n")};
        headers[0] = (struct http_header){"X-Amz-Target", recorded(text, "X-Amz-Target", arena)};
        headers[1] = (struct http_header){"Content-Type", recorded(text, "Content-Type", arena)};
        keys.token = recorded(text, "X-Amz-Security-Token", arena);
        made = sigv4_sign(&request, &place, &keys, 1767226200, arena);
        assert_string_equal(recorded(text, "X-Amz-Date", arena), made.items[0].value);
        assert_string_equal(recorded(text, "Authorization", arena),
                            made.items[made.n_items - 1].value);
        assert_int_equal(keys.token ? 3 : 2, made.n_items);
        free(text);
        arena_free(arena);
    }
}

static void sigv4_keys_as_text(void **state)
{
    struct arena *arena = arena_create();
    const struct sigv4_keys with = {"id", "secret/+=", "to/ken"}, without = {"id", "secret", NULL};
    struct sigv4_keys got = sigv4_keys_unpack(sigv4_keys_pack(&with, arena), arena);

    (void)state;
    assert_string_equal("id", got.id);
    assert_string_equal("secret/+=", got.secret);
    assert_string_equal("to/ken", got.token);
    got = sigv4_keys_unpack(sigv4_keys_pack(&without, arena), arena);
    assert_string_equal("secret", got.secret);
    assert_null(got.token);
    arena_free(arena);
}

static void sigv4_says_when_to_sign_anew(void **state)
{
    static const struct {
        long status;
        const char *body;
        bool expected;
    } cases[] = {
        {403, "{\"__type\":\"x#ExpiredTokenException\"}", true},
        {400, "{\"__type\":\"x#RequestExpired\"}", true},
        {403, "{\"__type\":\"x#SignatureDoesNotMatch\"}", true},
        {403, "{\"message\":\"The security token included in the request is expired\"}", true},
        {403, "{\"__type\":\"x#AccessDeniedException\"}", false},
        {500, "{\"__type\":\"x#ExpiredTokenException\"}", false},
        {403, "", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        row("%ld %s", cases[i].status, cases[i].body);
        assert_int_equal(cases[i].expected,
                         sigv4_is_outdated(cases[i].status, str_of(cases[i].body)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sigv4_suite),          cmocka_unit_test(sigv4_list_users),
        cmocka_unit_test(sigv4_canonical_form), cmocka_unit_test(sigv4_recorded_requests),
        cmocka_unit_test(sigv4_keys_as_text),   cmocka_unit_test(sigv4_says_when_to_sign_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
