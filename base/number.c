#include "base/number.h"

#include "base/arena.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NUMBER_MAX_BYTES                                                                           \
    512u /* longer is copied to the heap; "1" and 100,000 zeros is legal JSON */

#define MAX_DIGITS 18u /* 17 and the terminator */

/* Shortest of 15, 16 and 17 significant digits that reads back; "%.*e" gives d.ddd...e±xx. */
static void shortest(double value, char digits[MAX_DIGITS], int *exponent)
{
    char text[40];
    char *e;
    size_t n = 0;

    for (int precision = 14; precision <= 16; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    e = strchr(text, 'e');
    *exponent = (int)strtol(e + 1, NULL, 10);
    for (const char *c = text; c < e; c++)
        if (*c != '.' && n < MAX_DIGITS - 1)
            digits[n++] = *c;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    digits[n] = '\0';
}

static char *put(char buffer[NUMBER_TEXT_BYTES], const char *text)
{
    snprintf(buffer, NUMBER_TEXT_BYTES, "%s", text);
    return buffer;
}

char *number_text(double value, char buffer[NUMBER_TEXT_BYTES])
{
    char digits[MAX_DIGITS];
    char *out = buffer;
    int exponent;
    int n;

    if (isnan(value))
        return put(buffer, "NaN");
    if (isinf(value))
        return put(buffer, value < 0 ? "-Infinity" : "Infinity");
    if (value == 0)
        return put(buffer, signbit(value) ? "-0.0" : "0.0");
    if (signbit(value))
        *out++ = '-';
    shortest(fabs(value), digits, &exponent);
    n = (int)strlen(digits);
    if (exponent < -3 || exponent >= 7) {
        snprintf(out, NUMBER_TEXT_BYTES - 1, "%c.%sE%d", digits[0], n > 1 ? digits + 1 : "0",
                 exponent);
    } else if (exponent < 0) {
        snprintf(out, NUMBER_TEXT_BYTES - 1, "0.%.*s%s", -exponent - 1, "00", digits);
    } else if (n <= exponent + 1) {
        snprintf(out, NUMBER_TEXT_BYTES - 1, "%s%.*s.0", digits, exponent + 1 - n, "0000000");
    } else {
        snprintf(out, NUMBER_TEXT_BYTES - 1, "%.*s.%s", exponent + 1, digits,
                 digits + exponent + 1);
    }
    return buffer;
}

/* [digits][.digits][e[+-]digits] with at least one digit before the exponent. */
static bool is_decimal(const char *text, size_t n_bytes)
{
    size_t i = 0, n_digits = 0;

    while (i < n_bytes && isdigit((unsigned char)text[i]))
        i++, n_digits++;
    if (i < n_bytes && text[i] == '.')
        i++;
    while (i < n_bytes && isdigit((unsigned char)text[i]))
        i++, n_digits++;
    if (n_digits == 0)
        return false;
    if (i < n_bytes && (text[i] == 'e' || text[i] == 'E')) {
        size_t first;

        i++;
        if (i < n_bytes && (text[i] == '+' || text[i] == '-'))
            i++;
        first = i;
        while (i < n_bytes && isdigit((unsigned char)text[i]))
            i++;
        if (i == first)
            return false;
    }
    return i == n_bytes;
}

static bool is_word(const char *text, size_t n_bytes, const char *word)
{
    return strlen(word) == n_bytes && strncasecmp(text, word, n_bytes) == 0;
}

bool number_parse(const char *text, size_t n_bytes, double *out)
{
    char small[NUMBER_MAX_BYTES];
    char *copy = small;
    size_t sign = n_bytes > 0 && (text[0] == '-' || text[0] == '+');

    if (is_word(text, n_bytes, "nan")) {
        *out = NAN;
        return true;
    }
    if (is_word(text + sign, n_bytes - sign, "inf") ||
        is_word(text + sign, n_bytes - sign, "infinity")) {
        *out = text[0] == '-' ? -INFINITY : INFINITY;
        return true;
    }
    if (!is_decimal(text + sign, n_bytes - sign))
        return false;
    if (n_bytes >= sizeof(small))
        copy = mem_alloc(n_bytes + 1, 1);
    memcpy(copy, text, n_bytes);
    copy[n_bytes] = '\0';
    *out = strtod(copy, NULL);
    if (copy != small)
        free(copy);
    return true;
}
