#include "base/instant.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LAST_YEAR 2261 /* the last whole year that 64 bits of nanoseconds can hold */
#define LAST_UNIX_S INT64_C(9214646399) /* its last second */
#define MAX_DURATION_S (400LL * 86400)

static enum err_code bad_time(const char *text, struct error *err)
{
    return error_because(err, ERR_INVALID, "bad_time",
                         "\"%.64s\" is not a time; write it as 2026-08-20T10:00:00Z", text);
}

static enum err_code out_of_range(const char *text, struct error *err)
{
    return error_because(err, ERR_INVALID, "bad_time",
                         "\"%.64s\" is out of range; years 1970 to %d can be handled", text,
                         LAST_YEAR);
}

static bool read_digits(const char **at, int n, int *out)
{
    *out = 0;
    for (int i = 0; i < n; i++, (*at)++) {
        if (!isdigit((unsigned char)**at))
            return false;
        *out = *out * 10 + (**at - '0');
    }
    return true;
}

static bool read_char(const char **at, const char *allowed)
{
    if (**at == '\0' || !strchr(allowed, **at))
        return false;
    (*at)++;
    return true;
}

/* ".123456789", up to nine digits. */
static bool read_fraction(const char **at, int64_t *out_ns)
{
    int64_t unit = NS_PER_S / 10;

    *out_ns = 0;
    if (**at != '.')
        return true;
    (*at)++;
    if (!isdigit((unsigned char)**at))
        return false;
    for (; isdigit((unsigned char)**at); (*at)++, unit /= 10) {
        if (unit == 0)
            return false;
        *out_ns += (**at - '0') * unit;
    }
    return true;
}

static bool read_offset(const char **at, int *out_s)
{
    int sign, hours, minutes = 0;

    *out_s = 0;
    if (read_char(at, "Zz"))
        return true;
    sign = **at == '-' ? -1 : 1;
    if (!read_char(at, "+-") || !read_digits(at, 2, &hours))
        return false;
    if (**at == ':')
        (*at)++;
    if (**at != '\0' && !read_digits(at, 2, &minutes))
        return false;
    *out_s = sign * (hours * 3600 + minutes * 60);
    return hours <= 18 && minutes < 60;
}

enum err_code instant_parse(const char *text, int64_t *out_unix_ns, struct error *err)
{
    const char *at = text;
    struct tm tm = {0};
    struct tm back;
    int64_t fraction_ns;
    time_t seconds;
    int offset_s;

    if (!read_digits(&at, 4, &tm.tm_year) || !read_char(&at, "-") ||
        !read_digits(&at, 2, &tm.tm_mon) || !read_char(&at, "-") ||
        !read_digits(&at, 2, &tm.tm_mday) || !read_char(&at, "Tt") ||
        !read_digits(&at, 2, &tm.tm_hour) || !read_char(&at, ":") ||
        !read_digits(&at, 2, &tm.tm_min))
        return bad_time(text, err);
    if (*at == ':' && (at++, !read_digits(&at, 2, &tm.tm_sec)))
        return bad_time(text, err);
    if (!read_fraction(&at, &fraction_ns) || !read_offset(&at, &offset_s) || *at != '\0')
        return bad_time(text, err);
    if (tm.tm_year < 1970 || tm.tm_year > LAST_YEAR)
        return out_of_range(text, err);
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    back = tm;
    seconds = timegm(&back); /* normalises: a date that does not exist comes back changed */
    if (back.tm_mday != tm.tm_mday || back.tm_mon != tm.tm_mon || back.tm_hour != tm.tm_hour ||
        back.tm_min != tm.tm_min || back.tm_sec != tm.tm_sec)
        return bad_time(text, err);
    seconds -= offset_s;
    if (seconds < 0)
        return bad_time(text, err);
    *out_unix_ns = (int64_t)seconds * NS_PER_S + fraction_ns;
    return ERR_OK;
}

enum err_code instant_parse_relative(const char *text, int64_t now_unix_ns, int64_t *out_unix_ns,
                                     struct error *err)
{
    const char *rest = strncmp(text, "now", 3) == 0 ? text + 3 : text;
    int64_t ago_s, epoch, unit_ns;
    char *end;

    if (rest != text && *rest == '\0') {
        *out_unix_ns = now_unix_ns;
        return ERR_OK;
    }
    if (*rest == '-') {
        if (duration_parse(rest + 1, &ago_s, err))
            return err->code;
        *out_unix_ns = now_unix_ns - ago_s * NS_PER_S;
        return ERR_OK;
    }
    epoch = strtoll(text, &end, 10);
    if (end != text && *end == '\0' && isdigit((unsigned char)*text)) {
        /* up to 10 digits are seconds (until the year 2286), more are milliseconds */
        unit_ns = end - text <= 10 ? NS_PER_S : NS_PER_MS;
        if (epoch > LAST_UNIX_S * (NS_PER_S / unit_ns))
            return out_of_range(text, err);
        *out_unix_ns = epoch * unit_ns;
        return ERR_OK;
    }
    return instant_parse(text, out_unix_ns, err);
}

/* ".123", ".123456" or ".123456789": the fewest groups of three that are exact. */
static void fraction_text(int64_t ns, char *out, size_t size)
{
    if (ns == 0)
        out[0] = '\0';
    else if (ns % NS_PER_MS == 0)
        snprintf(out, size, ".%03" PRId64, ns / NS_PER_MS);
    else if (ns % 1000 == 0)
        snprintf(out, size, ".%06" PRId64, ns / 1000);
    else
        snprintf(out, size, ".%09" PRId64, ns);
}

char *instant_text(int64_t unix_ns, char buffer[INSTANT_TEXT_BYTES])
{
    int64_t ns = unix_ns % NS_PER_S;
    time_t seconds = (time_t)(unix_ns / NS_PER_S);
    char fraction[32];
    struct tm tm;

    if (ns < 0) {
        ns += NS_PER_S;
        seconds--;
    }
    gmtime_r(&seconds, &tm);
    fraction_text(ns, fraction, sizeof(fraction));
    snprintf(buffer, INSTANT_TEXT_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d%sZ",
             (tm.tm_year + 1900) % 10000, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
             tm.tm_sec, fraction);
    return buffer;
}

enum err_code duration_parse(const char *text, int64_t *out_s, struct error *err)
{
    const char *at = text;
    bool is_iso = *at == 'P' || *at == 'p', has_t = false;
    int64_t total = 0;
    size_t n_parts = 0;

    if (is_iso)
        at++;
    while (*at != '\0') {
        char *end;
        long long n;
        int64_t unit;

        if (is_iso && (*at == 'T' || *at == 't')) {
            has_t = true;
            at++;
            continue;
        }
        if (!isdigit((unsigned char)*at) || strlen(at) > 32)
            break;
        n = strtoll(at, &end, 10);
        switch (tolower((unsigned char)*end)) {
        case 's':
            unit = 1;
            break;
        case 'm':
            unit = 60;
            break;
        case 'h':
            unit = 3600;
            break;
        case 'd':
            unit = 86400;
            break;
        default:
            unit = 0;
        }
        if (is_iso && (unit == 86400) == has_t)
            unit = 0; /* P1M would be a month */
        if (unit == 0 || n > MAX_DURATION_S || (total += n * unit) > MAX_DURATION_S)
            break;
        at = end + 1;
        n_parts++;
    }
    if (n_parts == 0 || *at != '\0')
        return error_because(
            err, ERR_INVALID, "bad_duration",
            "\"%.64s\" is not a duration of at most 400 days; write it as 90s, 5m, "
            "1h30m, 2d or PT1H",
            text);
    *out_s = total;
    return ERR_OK;
}

char *duration_text(int64_t ns, char buffer[INSTANT_TEXT_BYTES])
{
    int64_t seconds = ns / NS_PER_S;
    int64_t hours = seconds / 3600, minutes = seconds / 60 % 60;
    char fraction[32];
    size_t n;

    fraction_text(ns % NS_PER_S, fraction, sizeof(fraction));
    for (n = strlen(fraction); n > 0 && fraction[n - 1] == '0'; n--)
        fraction[n - 1] = '\0';
    n = (size_t)snprintf(buffer, INSTANT_TEXT_BYTES, "PT");
    if (hours)
        n += (size_t)snprintf(buffer + n, INSTANT_TEXT_BYTES - n, "%" PRId64 "H", hours);
    if (minutes)
        n += (size_t)snprintf(buffer + n, INSTANT_TEXT_BYTES - n, "%" PRId64 "M", minutes);
    if (seconds % 60 || fraction[0] || n == 2)
        snprintf(buffer + n, INSTANT_TEXT_BYTES - n, "%" PRId64 "%sS", seconds % 60, fraction);
    return buffer;
}
