#include "api/guard.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void headers_add(struct headers *headers, struct str name, struct str value)
{
    if (headers->n_items < HTTP_MAX_HEADERS)
        headers->items[headers->n_items] = (struct header){name, value};
    headers->n_items++;
    headers->n_bytes += name.n_bytes + value.n_bytes + strlen(": \r\n");
}

static bool is_word(struct str text, const char *word)
{
    return text.n_bytes == strlen(word) && strncasecmp(text.bytes, word, text.n_bytes) == 0;
}

static bool same_text(struct str a, struct str b)
{
    return a.n_bytes == b.n_bytes && strncasecmp(a.bytes, b.bytes, a.n_bytes) == 0;
}

static size_t n_kept(const struct headers *headers)
{
    return headers->n_items < HTTP_MAX_HEADERS ? headers->n_items : HTTP_MAX_HEADERS;
}

size_t headers_find(const struct headers *headers, const char *name, struct str *value)
{
    size_t n = 0;

    for (size_t i = 0; i < n_kept(headers); i++)
        if (is_word(headers->items[i].name, name) && n++ == 0)
            *value = headers->items[i].value;
    return n;
}

/* RFC 9110 5.6.2 */
static bool is_token(struct str text)
{
    for (size_t i = 0; i < text.n_bytes; i++) {
        char c = text.bytes[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              (c && strchr("!#$%&'*+-.^_`|~", c))))
            return false;
    }
    return text.n_bytes > 0;
}

static bool has_controls(struct str text)
{
    for (size_t i = 0; i < text.n_bytes; i++) {
        unsigned char c = (unsigned char)text.bytes[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

enum err_code guard_framing(const struct headers *headers, size_t target_bytes, bool is_http_1_0,
                            struct error *err)
{
    struct str host, length, coding;
    size_t n_hosts, n_lengths, n_codings;

    if (target_bytes > HTTP_MAX_TARGET_BYTES)
        return error_because(err, ERR_LIMIT, "target_too_long",
                             "the request target has more than %u bytes", HTTP_MAX_TARGET_BYTES);
    if (headers->n_items > HTTP_MAX_HEADERS || headers->n_bytes > HTTP_MAX_HEADER_BYTES)
        return error_because(err, ERR_LIMIT, "headers_too_large",
                             "the request has more than %u headers or %u bytes of them",
                             HTTP_MAX_HEADERS, HTTP_MAX_HEADER_BYTES);
    for (size_t i = 0; i < headers->n_items; i++) {
        if (!is_token(headers->items[i].name))
            return error_set(err, ERR_INVALID, "a header name is malformed");
        if (has_controls(headers->items[i].value))
            return error_set(err, ERR_INVALID, "a header value holds a control character");
    }
    n_hosts = headers_find(headers, "Host", &host);
    n_lengths = headers_find(headers, "Content-Length", &length);
    n_codings = headers_find(headers, "Transfer-Encoding", &coding);
    if (n_hosts > 1 || (n_hosts == 0 && !is_http_1_0))
        return error_set(err, ERR_INVALID, "the request must have exactly one Host header");
    if (n_lengths > 1 || (n_lengths && n_codings))
        return error_set(err, ERR_INVALID, "the length of the body is given more than once");
    if (n_codings > 1 || (n_codings && !is_word(coding, "chunked")))
        return error_set(err, ERR_INVALID, "the only transfer coding understood is chunked");
    return ERR_OK;
}

/* `host` without ":port"; empty when it is malformed. */
static struct str host_name(struct str host)
{
    size_t n = 0;

    if (host.n_bytes && host.bytes[0] == '[') {
        while (n < host.n_bytes && host.bytes[n] != ']')
            n++;
        n += n < host.n_bytes;
    } else {
        while (n < host.n_bytes && host.bytes[n] != ':')
            n++;
    }
    for (size_t i = 0; i < host.n_bytes; i++) {
        char c = host.bytes[i];

        if (i < n ? (c <= ' ' || strchr("/\\@?#\"<>", c) != NULL)
                  : (i == n ? c != ':' : (c < '0' || c > '9')))
            return (struct str){NULL, 0};
    }
    return (struct str){host.bytes, n};
}

enum err_code guard_host(const struct headers *headers, struct str authority, bool is_loopback,
                         const struct settings *settings, struct error *err)
{
    static const char *const loopback_names[] = {"localhost", "127.0.0.1", "[::1]"};
    struct str host, name;

    if (headers_find(headers, "Host", &host) == 0) /* HTTP/1.0; browsers always send one */
        return ERR_OK;
    name = host_name(host);
    if (name.n_bytes == 0)
        return error_set(err, ERR_INVALID, "the Host header is malformed");
    if (authority.bytes && !same_text(authority, host))
        return error_set(err, ERR_INVALID, "the Host header does not agree with the target");
    if (!is_loopback)
        return ERR_OK;
    for (size_t i = 0; i < ARRAY_LEN(loopback_names); i++)
        if (is_word(name, loopback_names[i]))
            return ERR_OK;
    for (size_t i = 0; i < settings->n_allowed_hosts; i++)
        if (is_word(name, settings->allowed_hosts[i]))
            return ERR_OK;
    return error_because(err, ERR_PERMISSION, "bad_host",
                         "without authentication the service answers to loopback names only; add "
                         "the name to http.allowed_hosts to allow it");
}

struct str guard_cors_origin(const struct headers *headers, const struct settings *settings)
{
    struct str origin;

    if (headers_find(headers, "Origin", &origin) == 1)
        for (size_t i = 0; i < settings->n_cors_origins; i++)
            if (str_is(origin, settings->cors_origins[i]))
                return origin;
    return (struct str){NULL, 0};
}

/* "http://HOST" or "https://HOST", HOST being what this request was sent to. A proxy that ends TLS
 * hands on the name but not the scheme. */
static bool is_own_origin(struct str origin, struct str host)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = strlen(schemes[i]);

        if (origin.n_bytes > n && strncasecmp(origin.bytes, schemes[i], n) == 0 &&
            same_text((struct str){origin.bytes + n, origin.n_bytes - n}, host))
            return true;
    }
    return false;
}

enum err_code guard_origin(const struct headers *headers, enum method method,
                           const struct settings *settings, struct error *err)
{
    struct str site, origin, host = {0};

    if (method & (METHOD_GET | METHOD_HEAD | METHOD_OPTIONS))
        return ERR_OK;
    /* Browsers set Sec-Fetch-Site and pages cannot, so it outranks Origin, which proxies of other
     * pages hand on unchanged. Listed origins are cross-site by nature. */
    if (headers_find(headers, "Sec-Fetch-Site", &site)) {
        if (is_word(site, "same-origin") || is_word(site, "none") ||
            guard_cors_origin(headers, settings).bytes)
            return ERR_OK;
        return error_because(err, ERR_PERMISSION, "cross_site",
                             "requests from pages of another site are refused; cors.origins lists "
                             "the origins that may");
    }
    if (headers_find(headers, "Origin", &origin) == 0)
        return ERR_OK;
    headers_find(headers, "Host", &host);
    if (is_own_origin(origin, host) || guard_cors_origin(headers, settings).bytes)
        return ERR_OK;
    return error_because(err, ERR_PERMISSION, "cross_site",
                         "the Origin of the request is neither this service nor in cors.origins");
}

/* `text` up to a ";", blanks trimmed; what follows goes to `rest`. */
static struct str next_part(struct str *rest)
{
    const char *semicolon = rest->n_bytes ? memchr(rest->bytes, ';', rest->n_bytes) : NULL;
    size_t n = semicolon ? (size_t)(semicolon - rest->bytes) : rest->n_bytes;
    struct str part = {rest->bytes, n};

    n += semicolon != NULL;
    *rest = (struct str){rest->bytes + n, rest->n_bytes - n};
    while (part.n_bytes && strchr(" \t", part.bytes[0])) {
        part.bytes++;
        part.n_bytes--;
    }
    while (part.n_bytes && strchr(" \t", part.bytes[part.n_bytes - 1]))
        part.n_bytes--;
    return part;
}

/* The media type is `wanted`, in UTF-8 if it names a charset. */
static bool is_media_type(struct str value, const char *wanted)
{
    if (!is_word(next_part(&value), wanted))
        return false;
    while (value.n_bytes) {
        struct str part = next_part(&value);

        if (part.n_bytes > 8 && strncasecmp(part.bytes, "charset=", 8) == 0 &&
            !is_word((struct str){part.bytes + 8, part.n_bytes - 8}, "utf-8") &&
            !is_word((struct str){part.bytes + 8, part.n_bytes - 8}, "\"utf-8\""))
            return false;
    }
    return true;
}

size_t guard_max_body_bytes(enum route_body body)
{
    switch (body) {
    case BODY_JSON:
    case BODY_ANY:
        return HTTP_MAX_BODY_BYTES;
    case BODY_FORM:
        return HTTP_MAX_SMALL_BODY_BYTES;
    case BODY_NONE:
        break;
    }
    return HTTP_MAX_DRAIN_BYTES;
}

size_t guard_announced_bytes(const struct headers *headers)
{
    struct str value;
    size_t n = 0;

    if (headers_find(headers, "Transfer-Encoding", &value))
        return SIZE_MAX;
    if (headers_find(headers, "Content-Length", &value) == 0)
        return 0;
    for (size_t i = 0; i < value.n_bytes; i++) /* the library has checked that it is a number */
        if (__builtin_mul_overflow(n, 10u, &n) ||
            __builtin_add_overflow(n, (size_t)(value.bytes[i] - '0'), &n))
            return SIZE_MAX - 1;
    return n;
}

enum err_code guard_body(const struct headers *headers, const struct route *route,
                         struct error *err)
{
    size_t announced = guard_announced_bytes(headers);
    struct str type = str_of(""), coding;

    headers_find(headers, "Content-Type", &type);
    if (route->body == BODY_JSON && !is_media_type(type, "application/json"))
        return error_because(err, ERR_UNSUPPORTED, "unsupported_media_type",
                             "Content-Type '" STR_FMT "' is not supported.", STR_ARG(type));
    if (headers_find(headers, "Content-Encoding", &coding) && !is_word(coding, "identity"))
        return error_because(err, ERR_UNSUPPORTED, "unsupported_media_type",
                             "Content-Encoding '" STR_FMT "' is not supported.", STR_ARG(coding));
    if (announced != SIZE_MAX && announced > guard_max_body_bytes(route->body))
        return error_because(err, ERR_LIMIT, "body_too_large",
                             "the request body has %zu bytes (limit %zu)", announced,
                             guard_max_body_bytes(route->body));
    return ERR_OK;
}
