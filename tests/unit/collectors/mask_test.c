/* Base64 and percent-encoding: made with Python's base64 and urllib. */
#include "collectors/mask.h"
#include "tests/support.h"

#include <string.h>

static const struct {
    const char *name, *text, *expected;
} cases[] = {
    {"as it is", "no, s3cr+t/=\"x is wrong", "no, *** is wrong"},
    {"percent-encoded", "?k=s3cr%2Bt%2F%3D%22x&a=b", "?k=***&a=b"},
    {"in small letters, and only some", "?k=s3cr%2bt/%3d%22x&a=b", "?k=***&a=b"},
    {"percent-encoded twice", "?k=s3cr%252Bt%252F%253D%2522x", "?k=***"},
    {"a form's plus read as a space", "k=s3cr t/=\"x", "k=***"},
    {"in JSON", "{\"k\":\"s3cr+t/=\\\"x\"}", "{\"k\":\"***\"}"},
    {"in JSON that escapes more", "\"s3cr\\u002bt\\/\\u003d\\u0022x\"", "\"***\""},
    {"in HTML", "<b>s3cr&#43;t/=&quot;x</b>", "<b>***</b>"},
    {"in Base64", "Basic czNjcit0Lz0ieA==", "Basic ***"},
    {"behind a name, in Base64", "Basic dTpzM2NyK3QvPSJ4.", "Basic dTp***."},
    {"behind two bytes", "dXU6czNjcit0Lz0ieA==,", "dXU6***,"},
    {"behind one byte", "OnMzY3IrdC89Ing=", "On***"},
    {"twice", "s3cr+t/=\"xs3cr+t/=\"x", "******"},
    {"almost", "s3cr+t/=\"", "s3cr+t/=\""},
    {"user info", "to http://u:p@host/x, s3cr", "to http://***@host/x, s3cr"},
    {"too short to be looked for", "abc", "abc"},
};

static void mask_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mask mask = {.arena = arena_create()};

        row("%s", cases[i].name);
        mask_add(&mask, "s3cr+t/=\"x");
        mask_add(&mask, "abc");
        mask_add(&mask, NULL);
        assert_string_equal(cases[i].expected, mask_text(&mask, cases[i].text));
        arena_free(mask.arena);
    }
}

static void mask_hides_in_place(void **state)
{
    struct mask mask = {.arena = arena_create()};
    char text[] = "a tok-12345 b tok%2D12345 c";

    (void)state;
    mask_add(&mask, "tok-12345");
    mask_hide(&mask, text, strlen(text));
    assert_string_equal("a ********* b *********** c", text);
    mask_hide(&mask, text, 0);
    arena_free(mask.arena);
}

static void mask_names(void **state)
{
    static const char *const secret[] = {
        "api_key", "apiKey",       "X-Auth-Token", "sig",
        "KEY",     "clientSecret", "password",     "dd-application-key"};
    static const char *const plain[] = {"dedup",  "partition_key", "keyword",
                                        "design", "author",        ""};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(secret); i++) {
        row("%s", secret[i]);
        assert_true(mask_name_is_secret(secret[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        row("%s", plain[i]);
        assert_false(mask_name_is_secret(plain[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mask_texts),
        cmocka_unit_test(mask_hides_in_place),
        cmocka_unit_test(mask_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
