#include "analyzer/codec/yaml_scalar.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool all_digits(const char *text, const char *digits)
{
    return *text && text[strspn(text, digits)] == '\0';
}

/* "0", "-12", "0x1F", "0o17". "010" is left alone: people who write it mean text or octal. */
static bool core_integer(const char *text, json_int_t *out)
{
    const char *digits = text + (*text == '-' || *text == '+');
    char *end;
    int base = 10;

    if (strncmp(text, "0x", 2) == 0 && all_digits(text + 2, "0123456789abcdefABCDEF"))
        base = 16;
    else if (strncmp(text, "0o", 2) == 0 && all_digits(text + 2, "01234567"))
        base = 8;
    else if (!all_digits(digits, "0123456789") || (digits[0] == '0' && digits[1] != '\0'))
        return false;
    errno = 0;
    *out = strtoll(base == 10 ? text : text + 2, &end, base);
    return errno == 0;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?, without the leading zeros of
 * "010.5", and finite. Long integers are not reals: they are account numbers and passwords. */
static bool core_real(const char *text, double *out)
{
    const char *at = text + (*text == '-' || *text == '+');
    size_t whole = strspn(at, "0123456789");
    size_t fraction = 0;

    if (whole > 1 && at[0] == '0')
        return false;
    if (at[whole] == '\0')
        return false;
    at += whole;
    if (*at == '.') {
        fraction = strspn(at + 1, "0123456789");
        at += 1 + fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '-' || *at == '+';
        if (!all_digits(at, "0123456789"))
            return false;
    } else if (*at != '\0') {
        return false;
    }
    *out = strtod(text, NULL);
    return isfinite(*out);
}

static bool is_one_of(const char *text, const char *a, const char *b, const char *c)
{
    return strcmp(text, a) == 0 || strcmp(text, b) == 0 || strcmp(text, c) == 0;
}

json_t *yaml_scalar_value(const char *text, size_t n_bytes)
{
    json_int_t integer;
    double real;

    if (n_bytes == 0 || strcmp(text, "~") == 0 || is_one_of(text, "null", "Null", "NULL"))
        return json_null();
    if (is_one_of(text, "true", "True", "TRUE"))
        return json_true();
    if (is_one_of(text, "false", "False", "FALSE"))
        return json_false();
    if (core_integer(text, &integer))
        return json_integer(integer);
    if (core_real(text, &real))
        return json_real(real);
    return json_stringn(text, n_bytes);
}
