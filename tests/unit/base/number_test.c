/* Expected texts: Java's Double.toString for the same doubles (its specification gives the rules).
 */
#include "tests/support.h"

#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    double value;
    const char *text;
} texts[] = {
    {0.0, "0.0"},
    {-0.0, "-0.0"},
    {100.0, "100.0"},
    {0.5, "0.5"},
    {-12.25, "-12.25"},
    {0.001, "0.001"},
    {0.0009999, "9.999E-4"},
    {0.0123, "0.0123"},
    {1234567.0, "1234567.0"},
    {9999999.0, "9999999.0"},
    {1e7, "1.0E7"},
    {12345678.9, "1.23456789E7"},
    {1e-5, "1.0E-5"},
    {1.7976931348623157e308, "1.7976931348623157E308"},
    {0.1 + 0.2, "0.30000000000000004"},
    {2.0 / 3, "0.6666666666666666"},
    {99.99, "99.99"},
    {NAN, "NaN"},
    {INFINITY, "Infinity"},
    {-INFINITY, "-Infinity"},
};

static void number_text_like_java(void **state)
{
    char buffer[NUMBER_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_string_equal(number_text(texts[i].value, buffer), texts[i].text);
    }
}

static void number_text_reads_back(void **state)
{
    char buffer[NUMBER_TEXT_BYTES];

    (void)state;
    srandom(20260821);
    for (int i = 0; i < 200000; i++) {
        uint64_t bits =
            ((uint64_t)random() << 42) ^ ((uint64_t)random() << 21) ^ (uint64_t)random();
        double value, back;

        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        row("bits %016llx", (unsigned long long)bits);
        number_text(value, buffer);
        assert_true(number_parse(buffer, strlen(buffer), &back));
        assert_memory_equal(&value, &back, sizeof(value));
    }
}

static const struct {
    const char *text;
    double value;
} numbers[] = {
    {"1", 1},
    {"-0.5", -0.5},
    {"+2", 2},
    {"1.5e-09", 1.5e-9},
    {".5", 0.5},
    {"1.", 1},
    {"NaN", NAN},
    {"+Inf", INFINITY},
    {"-Inf", -INFINITY},
    {"inf", INFINITY},
    {"1e400", INFINITY},
    {"-1e400", -INFINITY},
    {"Infinity", INFINITY},
    {"-Infinity", -INFINITY},
};

static void number_parse_takes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        double got = 0;

        row("%s", numbers[i].text);
        assert_true(number_parse(numbers[i].text, strlen(numbers[i].text), &got));
        assert_near(numbers[i].value, got, 0);
    }
}

static void number_parse_refuses(void **state)
{
    static const char *const bad[] = {"",         " 1",  "1 ",  "0x10", "1e",
                                      "1e+",      "abc", "--1", "1,5",  "nan(1)",
                                      "infinite", "e5",  ".",   "+",    "1\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        double got;

        row("\"%s\"", bad[i]);
        if (number_parse(bad[i], strlen(bad[i]), &got))
            fail_msg("\"%s\" was taken for a number", bad[i]);
    }
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Texts of up to 20 digits, with a point anywhere and zeros in front, are read to the bit as the C
 * library does. */
static void number_parse_agrees_with_strtod(void **state)
{
    uint64_t seed = 88172645463325252u;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        char digits[24], text[64];
        size_t n = 1 + next_random(&seed) % 20;
        size_t n_fraction = next_random(&seed) % (n + 1);
        size_t n_zeros = next_random(&seed) % n;
        double want, got = 0;

        for (size_t k = 0; k < n; k++)
            digits[k] = (char)(i % 4 == 0 && k < n_zeros ? '0' : '0' + next_random(&seed) % 10);
        digits[n] = '\0';
        snprintf(text, sizeof(text), "%s%.*s%s%s", i % 2 ? "-" : "", (int)(n - n_fraction), digits,
                 n_fraction ? "." : "", digits + n - n_fraction);
        row("%s", text);
        want = strtod(text, NULL);
        assert_true(number_parse(text, strlen(text), &got));
        assert_memory_equal(&want, &got, sizeof(want));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_text_like_java),
        cmocka_unit_test(number_text_reads_back),
        cmocka_unit_test(number_parse_takes),
        cmocka_unit_test(number_parse_refuses),
        cmocka_unit_test(number_parse_agrees_with_strtod),
    };

    return cmocka_run_group_tests_name("base/number", tests, NULL, NULL);
}
