#include "base/number.h"

#include "base/arena.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Longer is copied to the heap; "1" and 100,000 zeros is legal JSON. */
#define NUMBER_MAX_BYTES 512u

#define MAX_DIGITS 18u      /* 17 and the terminator */
#define MAX_FAST_DIGITS 19u /* always fit 64 bits */

/* isdigit() looks up the locale's table each time. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

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

/* m / 10^k for k <= MAX_FAST_DIGITS, rounded once. */
static double scaled(uint64_t m, unsigned k)
{
    static const uint64_t powers[] = {
        1u,
        10u,
        100u,
        1000u,
        10000u,
        100000u,
        1000000u,
        10000000u,
        100000000u,
        1000000000u,
        10000000000u,
        100000000000u,
        1000000000000u,
        10000000000000u,
        100000000000000u,
        1000000000000000u,
        10000000000000000u,
        100000000000000000u,
        1000000000000000000u,
        10000000000000000000u,
    };
    unsigned __int128 n, q;
    int shift;

    if (m >> DBL_MANT_DIG == 0) /* both are exact doubles, so their quotient is rounded once */
        return (double)m / (double)powers[k];
    /* Else divide with at least 64 bits of quotient. Whatever is left over only has to be seen by
     * the rounding, as a lowest bit that is not zero. */
    shift = __builtin_clzll(m);
    n = (unsigned __int128)(m << shift) << 64;
    q = n / powers[k];
    q |= q * powers[k] != n;
    return ldexp((double)q, -64 - shift);
}

/* [digits][.digits][e[+-]digits] with at least one digit before the exponent. Few enough digits and
 * no exponent, which is what metric stores send, are read here: *out, and true in *is_read. */
static bool is_decimal(const char *text, size_t n_bytes, double *out, bool *is_read)
{
    size_t i = 0, n_significant = 0, n_whole, n_fraction = 0;
    uint64_t m = 0;

    for (; i < n_bytes && is_digit(text[i]); i++) {
        m = m * 10 + (uint64_t)(text[i] - '0');
        n_significant += m != 0;
    }
    n_whole = i;
    if (i < n_bytes && text[i] == '.') {
        for (i++; i < n_bytes && is_digit(text[i]); i++, n_fraction++) {
            m = m * 10 + (uint64_t)(text[i] - '0');
            n_significant += m != 0;
        }
    }
    if (n_whole + n_fraction == 0)
        return false;
    if (i < n_bytes && (text[i] == 'e' || text[i] == 'E')) {
        size_t first;

        i++;
        if (i < n_bytes && (text[i] == '+' || text[i] == '-'))
            i++;
        first = i;
        while (i < n_bytes && is_digit(text[i]))
            i++;
        *is_read = false;
        return i > first && i == n_bytes;
    }
    *is_read = n_significant <= MAX_FAST_DIGITS && n_fraction <= MAX_FAST_DIGITS;
    if (*is_read && i == n_bytes)
        *out = scaled(m, (unsigned)n_fraction);
    return i == n_bytes;
}

static bool is_word(const char *text, size_t n_bytes, const char *word)
{
    return strlen(word) == n_bytes && strncasecmp(text, word, n_bytes) == 0;
}

/* "NaN", "[+-]Inf[inity]", in any case */
static bool is_special(const char *text, size_t n_bytes, double *out)
{
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
    return false;
}

bool number_parse(const char *text, size_t n_bytes, double *out)
{
    char small[NUMBER_MAX_BYTES];
    char *copy = small;
    size_t sign = n_bytes > 0 && (text[0] == '-' || text[0] == '+');
    bool is_read;
    double value = 0;

    if (!is_decimal(text + sign, n_bytes - sign, &value, &is_read))
        return is_special(text, n_bytes, out);
    if (is_read) {
        *out = text[0] == '-' ? -value : value;
        return true;
    }
    if (n_bytes >= sizeof(small))
        copy = mem_alloc(n_bytes + 1, 1);
    memcpy(copy, text, n_bytes);
    copy[n_bytes] = '\0';
    *out = strtod(copy, NULL);
    if (copy != small)
        free(copy);
    return true;
}
