/* base/error.h -- one way to say what went wrong.
 *
 * A function that can fail returns `enum err_code`, is marked MUST_CHECK, and takes
 * `struct error *err` last, zeroed by the caller and never NULL. The first error set wins.
 *
 * Message, context and pointer are UTF-8 whatever they are made of: a byte that is not becomes "?".
 * What is too long is cut. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum err_code {
    ERR_OK = 0,
    ERR_INVALID,     /* bad input from outside; the message names the field */
    ERR_UNSUPPORTED, /* a media type or feature we do not take */
    ERR_NOT_FOUND,   /* no such object */
    ERR_CONFLICT,    /* clashes with the state something is in */
    ERR_LIMIT,       /* larger than a named limit */
    ERR_UNDECIDABLE, /* the statistic does not exist for these data */
    ERR_UPSTREAM,    /* a metric store failed or answered nonsense */
    ERR_TIMEOUT,     /* ran out of the time it was given */
    ERR_CANCELLED,   /* someone asked to stop */
    ERR_STORAGE,     /* our own result store failed */
    ERR_BUSY,        /* full or locked; trying again may work */
    ERR_IO,          /* a file could not be read or written */
    ERR_PERMISSION,  /* not allowed */
    ERR_SETTINGS,    /* the service's own settings are wrong */
    ERR_INTERNAL,    /* a bug in us */
};

struct error {
    enum err_code code;
    const char *reason; /* stable machine-readable code such as "json_too_deep"; static, or NULL */
    long upstream_status; /* HTTP status of the metric store's reply, 0 for none */
    char pointer[192];    /* JSON pointer of the offending field, or "" */
    char context[192];    /* what it was about, e.g. `canary config "checkout"`, or "" */
    char message[2048];   /* lower case, no full stop: what was tried and why it failed */
    const char *file;
    int line;
};

/* Set code and message unless an error is already set. Both return `code`, so that
 * `return error_set(err, ...)` reads well. error_because() also sets the stable reason. */
#define error_set(err, code, ...) error_because((err), (code), NULL, __VA_ARGS__)
#ifndef LINT
#define error_because(err, code, reason, ...)                                                      \
    error_set_at((err), (code), (reason), __FILE__, __LINE__, __VA_ARGS__)
#else /* static analysers see one file at a time: show them that an error is never ERR_OK */
#define error_because(err, code, reason, ...)                                                      \
    (error_set_at((err), (code), (reason), __FILE__, __LINE__, __VA_ARGS__), (enum err_code)(code))
#endif

enum err_code error_set_at(struct error *err, enum err_code code, const char *reason,
                           const char *file, int line, const char *fmt, ...) PRINTF_LIKE(6, 7);

/* Name the thing the error is about; the innermost context wins. Returns err->code. */
enum err_code error_context(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Put a JSON pointer segment in front of err->pointer, e.g. error_point(err, "/metrics/%zu", i),
 * so that each caller adds its own part on the way up. Returns err->code. */
enum err_code error_point(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The stable reason: err->reason, or a general one for its code ("invalid", "not_found", ...). */
const char *error_reason(const struct error *err);

/* "context: message", or the message alone when there is no context. Writes at most `size` bytes,
 * always terminated. Returns `buffer`. */
const char *error_text(const struct error *err, char *buffer, size_t size);

#endif
