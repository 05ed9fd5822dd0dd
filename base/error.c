#include "base/error.h"

#include "base/str.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A name cut in the middle of a character ("%.64s"), or a store's garbage, must not keep an error
 * out of a JSON answer. */
static void make_utf8(char *text)
{
    size_t n;

    for (size_t left = strlen(text); left > 0; text += n, left -= n) {
        n = str_utf8_length(text, left);
        if (n == 0) {
            *text = '?';
            n = 1;
        }
    }
}

enum err_code error_set_at(struct error *err, enum err_code code, const char *reason,
                           const char *file, int line, const char *fmt, ...)
{
    va_list args;

    assert(code != ERR_OK);
    if (err->code != ERR_OK)
        return err->code;
    err->code = code;
    err->reason = reason;
    err->file = file;
    err->line = line;
    va_start(args, fmt);
    vsnprintf(err->message, sizeof(err->message), fmt, args);
    va_end(args);
    make_utf8(err->message);
    return code;
}

enum err_code error_context(struct error *err, const char *fmt, ...)
{
    va_list args;

    if (err->context[0] != '\0')
        return err->code;
    va_start(args, fmt);
    vsnprintf(err->context, sizeof(err->context), fmt, args);
    va_end(args);
    make_utf8(err->context);
    return err->code;
}

enum err_code error_point(struct error *err, const char *fmt, ...)
{
    char rest[sizeof(err->pointer)];
    va_list args;
    int n;

    memcpy(rest, err->pointer, sizeof(rest));
    va_start(args, fmt);
    n = vsnprintf(err->pointer, sizeof(err->pointer), fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof(err->pointer))
        snprintf(err->pointer + n, sizeof(err->pointer) - (size_t)n, "%s", rest);
    make_utf8(err->pointer);
    return err->code;
}

const char *error_reason(const struct error *err)
{
    static const char *const by_code[] = {
        [ERR_OK] = "ok",
        [ERR_INVALID] = "bad_request",
        [ERR_UNSUPPORTED] = "unsupported",
        [ERR_NOT_FOUND] = "not_found",
        [ERR_CONFLICT] = "conflict",
        [ERR_LIMIT] = "too_large",
        [ERR_UNDECIDABLE] = "undecidable",
        [ERR_UPSTREAM] = "store_error",
        [ERR_TIMEOUT] = "timeout",
        [ERR_CANCELLED] = "cancelled",
        [ERR_STORAGE] = "result_store_failed",
        [ERR_BUSY] = "overloaded",
        [ERR_IO] = "io_error",
        [ERR_PERMISSION] = "forbidden",
        [ERR_SETTINGS] = "bad_settings",
        [ERR_INTERNAL] = "internal",
    };

    return err->reason ? err->reason : by_code[err->code];
}

const char *error_text(const struct error *err, char *buffer, size_t size)
{
    if (err->context[0] != '\0')
        snprintf(buffer, size, "%s: %s", err->context, err->message);
    else
        snprintf(buffer, size, "%s", err->message);
    return buffer;
}
