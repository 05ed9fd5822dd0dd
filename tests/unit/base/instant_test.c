/* Expected instants: `date -u -d TEXT +%s`. */
#include "tests/support.h"

#include "base/instant.h"

#include <string.h>

static const struct {
    const char *text;
    int64_t unix_ns;
} good[] = {
    {"2026-08-20T10:00:00Z", 1787220000 * NS_PER_S},
    {"2026-08-20T12:00:00+02:00", 1787220000 * NS_PER_S},
    {"2026-08-20T04:30:00-0530", 1787220000 * NS_PER_S},
    {"2026-08-20t10:00:00z", 1787220000 * NS_PER_S},
    {"2026-08-20T10:00Z", 1787220000 * NS_PER_S},
    {"2024-02-29T23:59:59.5Z", 1709251199 * NS_PER_S + 500000000},
    {"2026-01-01T00:00:00.540500Z", 1767225600 * NS_PER_S + 540500000},
    {"2026-01-01T00:00:00.123456789Z", 1767225600 * NS_PER_S + 123456789},
    {"1970-01-01T00:00:00Z", 0},
};

static void instant_parse_reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct error err = {0};
        int64_t got = -1;

        row("%s", good[i].text);
        assert_int_equal(ERR_OK, instant_parse(good[i].text, &got, &err));
        assert_true(got == good[i].unix_ns);
    }
}

static void instant_parse_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        "yesterday",
        "2024-02-30T00:00:00Z",
        "2026-08-20T10:00:00",
        "2026-08-20",
        "2026-13-01T00:00:00Z",
        "2026-08-20T24:01:00Z",
        "2026-08-20T10:00:00Zx",
        "9999-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "2026-08-20T10:00:00.Z",
        "2026-08-20T10:00:00.1234567890Z",
        "1970-01-01T00:00:00+01:00",
        "2026-8-20T10:00:00Z",
        "2026-08-20T10:00:00+19:00",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error err = {0};
        int64_t got;

        if (instant_parse(bad[i], &got, &err) == ERR_OK)
            fail_msg("\"%s\" was taken for a time", bad[i]);
        assert_string_equal("bad_time", err.reason);
    }
}

static void instant_text_has_the_fewest_digits(void **state)
{
    char buffer[INSTANT_TEXT_BYTES];

    (void)state;
    assert_string_equal("2026-01-01T00:00:00Z", instant_text(1767225600 * NS_PER_S, buffer));
    assert_string_equal("2026-01-01T00:00:00.540Z",
                        instant_text(1767225600 * NS_PER_S + 540000000, buffer));
    assert_string_equal("2026-01-01T00:00:00.540500Z",
                        instant_text(1767225600 * NS_PER_S + 540500000, buffer));
    assert_string_equal("2026-01-01T00:00:00.000000001Z",
                        instant_text(1767225600 * NS_PER_S + 1, buffer));
}

static void instant_parse_relative_reads(void **state)
{
    const int64_t now = 1787220000 * NS_PER_S;
    static const struct {
        const char *text;
        int64_t unix_s;
    } cases[] = {
        {"now", 1787220000},           {"now-2h", 1787212800},
        {"-90s", 1787219910},          {"1787220000", 1787220000},
        {"1787220000000", 1787220000}, {"2026-08-20T10:00:00Z", 1787220000},
        {"9214646399", 9214646399},    {"9214646399000", 9214646399},
    };
    static const char *const bad[] = {"9214646400", "9999999999999", "99999999999999999999", "12x"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};
        int64_t got = 0;

        row("%s", cases[i].text);
        assert_int_equal(ERR_OK, instant_parse_relative(cases[i].text, now, &got, &err));
        assert_true(got == cases[i].unix_s * NS_PER_S);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error err = {0};
        int64_t got;

        if (instant_parse_relative(bad[i], now, &got, &err) == ERR_OK)
            fail_msg("\"%s\" was taken for a time", bad[i]);
        assert_string_equal("bad_time", err.reason);
    }
}

static void durations(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
        const char *iso;
    } cases[] = {
        {"90s", 90, "PT1M30S"},  {"5m", 300, "PT5M"},    {"1h30m", 5400, "PT1H30M"},
        {"2d", 172800, "PT48H"}, {"PT1H", 3600, "PT1H"}, {"P1DT1S", 86401, "PT24H1S"},
        {"0s", 0, "PT0S"},
    };
    static const char *const bad[] = {
        "", "5", "m", "5x", "-5m", "1e9h", "PT", "99999999999999d", "P1M", "P5S", "PT1D"};
    char buffer[INSTANT_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};
        int64_t got = -1;

        row("%s", cases[i].text);
        assert_int_equal(ERR_OK, duration_parse(cases[i].text, &got, &err));
        assert_true(got == cases[i].seconds);
        assert_string_equal(cases[i].iso, duration_text(got * NS_PER_S, buffer));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error err = {0};
        int64_t got;

        if (duration_parse(bad[i], &got, &err) == ERR_OK)
            fail_msg("\"%s\" was taken for a duration", bad[i]);
    }
    assert_string_equal("PT1.5S", duration_text(1500 * NS_PER_MS, buffer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instant_parse_reads),
        cmocka_unit_test(instant_parse_refuses),
        cmocka_unit_test(instant_text_has_the_fewest_digits),
        cmocka_unit_test(instant_parse_relative_reads),
        cmocka_unit_test(durations),
    };

    return cmocka_run_group_tests_name("base/instant", tests, NULL, NULL);
}
