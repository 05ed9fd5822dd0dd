#include "tests/support.h"

#include "collectors/http_message.h"

#include <string.h>

static void http_request_headers(void **state)
{
    static const struct {
        const char *name, *value;
        enum err_code code;
    } cases[] = {
        {"Accept", "application/json", ERR_OK},
        {"X-Empty", "", ERR_OK},
        {"X-Break", "a\r\nHost: evil", ERR_INVALID},
        {"X-Feed", "a\nb", ERR_INVALID},
        {"X-Return", "a\r", ERR_INVALID},
        {"X: y", "a", ERR_INVALID},
        {"", "a", ERR_INVALID},
        {"X\r\nY", "a", ERR_INVALID},
    };
    struct arena *arena = arena_create();
    struct http_request request = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};

        row("%s", cases[i].name);
        assert_int_equal(cases[i].code,
                         http_request_header(&request, arena, cases[i].name, cases[i].value, &err));
    }
    assert_int_equal(2, request.n_headers);
    assert_string_equal("Accept", request.headers[0].name);
    assert_string_equal("", request.headers[1].value);
    arena_free(arena);
}

static void http_response_headers(void **state)
{
    struct http_header headers[] = {{"Retry-After", "7"}, {"retry-after", "8"}};
    const struct http_response response = {.headers = headers, .n_headers = 2};

    (void)state;
    assert_string_equal("7", http_response_header(&response, "RETRY-AFTER"));
    assert_null(http_response_header(&response, "Retry"));
}

static void http_form(void **state)
{
    struct strbuf form = {0};

    (void)state;
    http_form_add(&form, "left out", NULL);
    assert_int_equal(0, form.n_bytes);
    http_form_add(&form, "match[]", "a=\"1\",b=~\"x|y+\" &=#%/?");
    http_form_add(&form, "-._~Az09", "\xc3\xa9");
    http_form_add(&form, "empty", "");
    assert_string_equal("match%5B%5D=a%3D%221%22%2Cb%3D~%22x%7Cy%2B%22%20%26%3D%23%25%2F%3F"
                        "&-._~Az09=%C3%A9&empty=",
                        form.bytes);
    strbuf_clear(&form);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_request_headers),
        cmocka_unit_test(http_response_headers),
        cmocka_unit_test(http_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
