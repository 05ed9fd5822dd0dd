#include "base/str.h"

#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRBUF_FIRST_BYTES 256u

struct str str_of(const char *text)
{
    return (struct str){text ? text : "", text ? strlen(text) : 0};
}

bool str_equal(struct str a, struct str b)
{
    return a.n_bytes == b.n_bytes && (a.n_bytes == 0 || memcmp(a.bytes, b.bytes, a.n_bytes) == 0);
}

bool str_is(struct str a, const char *text)
{
    return str_equal(a, str_of(text));
}

size_t str_utf8_cut(struct str text, size_t max_bytes)
{
    size_t n = text.n_bytes;

    if (n <= max_bytes)
        return n;
    for (n = max_bytes; n > 0 && ((unsigned char)text.bytes[n] & 0xc0) == 0x80;)
        n--;
    return n;
}

size_t str_utf8_length(const char *bytes, size_t n_bytes)
{
    static const unsigned char second_min[] = {[0xe0] = 0xa0, [0xf0] = 0x90};
    static const unsigned char second_max[] = {[0xed] = 0x9f, [0xf4] = 0x8f};
    const unsigned char *text = (const unsigned char *)bytes;
    unsigned char c = text[0];
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : 4;

    if (n > n_bytes || (c >= 0x80 && c < 0xc2) || c > 0xf4)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if (n > 2 && c < sizeof(second_min) && second_min[c] && text[1] < second_min[c])
        return 0; /* a longer form than needed */
    if (n > 2 && c < sizeof(second_max) && second_max[c] && text[1] > second_max[c])
        return 0; /* a surrogate, or beyond the last code point */
    return n;
}

/* Make room for n_bytes more and the terminator. */
static bool reserve(struct strbuf *buf, size_t n_bytes)
{
    size_t need = buf->n_bytes + n_bytes + 1;

    if (need <= n_bytes || (buf->max_bytes && need - 1 > buf->max_bytes)) {
        buf->is_full = true;
        return false;
    }
    if (need > buf->capacity) {
        size_t capacity = buf->capacity ? buf->capacity * 2 : STRBUF_FIRST_BYTES;

        while (capacity < need)
            capacity *= 2;
        buf->bytes = mem_realloc(buf->bytes, capacity, 1);
        buf->capacity = capacity;
    }
    return true;
}

bool strbuf_append(struct strbuf *buf, const char *bytes, size_t n_bytes)
{
    if (!reserve(buf, n_bytes))
        return false;
    if (n_bytes)
        memcpy(buf->bytes + buf->n_bytes, bytes, n_bytes);
    buf->n_bytes += n_bytes;
    buf->bytes[buf->n_bytes] = '\0';
    return true;
}

bool strbuf_puts(struct strbuf *buf, const char *text)
{
    return strbuf_append(buf, text, strlen(text));
}

bool strbuf_vprintf(struct strbuf *buf, const char *fmt, va_list args)
{
    va_list again;
    int n;

    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0 || !reserve(buf, (size_t)n))
        return false;
    vsnprintf(buf->bytes + buf->n_bytes, (size_t)n + 1, fmt, args);
    buf->n_bytes += (size_t)n;
    return true;
}

bool strbuf_printf(struct strbuf *buf, const char *fmt, ...)
{
    va_list args;
    bool ok;

    va_start(args, fmt);
    ok = strbuf_vprintf(buf, fmt, args);
    va_end(args);
    return ok;
}

struct str strbuf_view(const struct strbuf *buf)
{
    return (struct str){buf->bytes ? buf->bytes : "", buf->n_bytes};
}

void strbuf_clear(struct strbuf *buf)
{
    free(buf->bytes);
    buf->bytes = NULL;
    buf->n_bytes = buf->capacity = 0;
    buf->is_full = false;
}
