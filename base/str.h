/* base/str.h -- text to read (struct str) and text to build (struct strbuf). */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/error.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* A view of bytes owned by someone else; not always terminated. */
struct str {
    const char *bytes;
    size_t n_bytes;
};

#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).n_bytes, (s).bytes

struct str str_of(const char *text); /* NULL gives an empty view */
bool str_equal(struct str a, struct str b);
bool str_is(struct str a, const char *text);

/* How many of the first max_bytes bytes to keep so that no UTF-8 character is split. */
size_t str_utf8_cut(struct str text, size_t max_bytes);

/* Bytes of the well-formed UTF-8 character (RFC 3629) at the start of n_bytes > 0 bytes; 0: none.
 */
size_t str_utf8_length(const char *bytes, size_t n_bytes);

/* Growing text with a maximum. Zero-initialise, set max_bytes (0: no limit), append, clear.
 * `bytes` is terminated after every append and is never NULL after the first one. Past the maximum
 * an append is dropped and `is_full` is set; nothing is ever half-written. */
struct strbuf {
    char *bytes;
    size_t n_bytes, capacity, max_bytes;
    bool is_full;
};

bool strbuf_append(struct strbuf *buf, const char *bytes, size_t n_bytes);
bool strbuf_puts(struct strbuf *buf, const char *text);
bool strbuf_printf(struct strbuf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool strbuf_vprintf(struct strbuf *buf, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
struct str strbuf_view(const struct strbuf *buf);
void strbuf_clear(struct strbuf *buf); /* frees; the struct can be used again */

#endif
