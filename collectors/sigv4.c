#include "collectors/sigv4.h"

#include "base/limits.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define HEX_BYTES (2 * SHA256_DIGEST_LENGTH)
#define MAX_QUERY_PARTS 1000u
#define ERROR_BYTES (4u * KIB) /* of a body that is looked through; an error is shorter */

static const char *hex(const unsigned char bytes[SHA256_DIGEST_LENGTH], struct arena *arena)
{
    static const char digits[] = "0123456789abcdef";
    char *text = arena_alloc(arena, HEX_BYTES + 1, 1);

    for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    return text;
}

static const char *hash(struct str text, struct arena *arena)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];

    SHA256((const unsigned char *)(text.bytes ? text.bytes : ""), text.n_bytes, digest);
    return hex(digest, arena);
}

static void hmac(const unsigned char *key, size_t n_key, const char *text,
                 unsigned char out[SHA256_DIGEST_LENGTH])
{
    unsigned n = 0;

    HMAC(EVP_sha256(), key, (int)n_key, (const unsigned char *)text, strlen(text), out, &n);
}

/* --- the canonical request --- */

struct url_parts {
    const char *host;  /* with its port, unless that is the scheme's own; lower case */
    const char *path;  /* at least "/" */
    const char *query; /* "" for none */
};

static struct url_parts split_url(const char *url, struct arena *arena)
{
    const char *scheme_end = strstr(url, "://");
    const char *start = scheme_end ? scheme_end + 3 : url;
    bool is_tls = strncasecmp(url, "https:", strlen("https:")) == 0;
    size_t n = strcspn(start, "/?#");
    char *host = arena_strndup(arena, start, n);
    const char *path = start + n;
    size_t n_path = strcspn(path, "?#");
    const char *query = path[n_path] == '?' ? path + n_path + 1 : "";
    char *port = strrchr(host, ':');

    for (char *c = host; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (port && strcmp(port, is_tls ? ":443" : ":80") == 0)
        *port = '\0';
    return (struct url_parts){host, n_path ? arena_strndup(arena, path, n_path) : "/",
                              arena_strndup(arena, query, strcspn(query, "#"))};
}

static void add_path(struct strbuf *out, const char *path)
{
    for (; *path; path++) {
        if (*path == '/')
            strbuf_append(out, path, 1);
        else
            http_percent_encode(out, (const char[]){*path, '\0'});
    }
}

/* By the name in front of `end`, which itself must not count: "a" comes before "a-b". */
static int compare_named(const char *left, const char *right, const char *end)
{
    size_t n_left = strcspn(left, end), n_right = strcspn(right, end);
    int order = memcmp(left, right, n_left < n_right ? n_left : n_right);

    if (order)
        return order;
    return n_left != n_right ? (n_left > n_right) - (n_left < n_right) : strcmp(left, right);
}

static int by_parameter(const void *a, const void *b)
{
    return compare_named(*(const char *const *)a, *(const char *const *)b, "=");
}

static int by_header(const void *a, const void *b)
{
    return compare_named(*(const char *const *)a, *(const char *const *)b, ":");
}

/* name=value, sorted; a name alone gets its "=". */
static void add_query(struct strbuf *out, const char *query, struct arena *arena)
{
    const char **parts = arena_array(arena, const char *, MAX_QUERY_PARTS);
    size_t n_parts = 0;

    while (*query && n_parts < MAX_QUERY_PARTS) {
        size_t n = strcspn(query, "&");

        if (n)
            parts[n_parts++] =
                arena_printf(arena, "%.*s%s", (int)n, query, memchr(query, '=', n) ? "" : "=");
        query += n + (query[n] == '&');
    }
    qsort(parts, n_parts, sizeof(*parts), by_parameter);
    for (size_t i = 0; i < n_parts; i++)
        strbuf_printf(out, "%s%s", i ? "&" : "", parts[i]);
}

/* "name:value", the name in lower case, white space as the rules want it. */
static const char *header_line(const char *name, const char *value, struct arena *arena)
{
    char *line = arena_printf(arena, "%s:", name);
    char *out;

    for (char *c = line; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    line = arena_printf(arena, "%s%s", line, value);
    out = strchr(line, ':') + 1;
    for (const char *in = out; *in; in++)
        if (!isspace((unsigned char)*in) ||
            (out[-1] != ' ' && out[-1] != ':' && in[1] && !isspace((unsigned char)in[1])))
            *out++ = isspace((unsigned char)*in) ? ' ' : *in;
    *out = '\0';
    return line;
}

static const char *date_time(int64_t now_unix_s, struct arena *arena)
{
    char *text = arena_alloc(arena, 32, 1);
    time_t seconds = (time_t)now_unix_s;
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(text, 32, "%Y%m%dT%H%M%SZ", &tm);
    return text;
}

const char *sigv4_canonical(const struct sigv4_request *request, const struct sigv4_keys *keys,
                            int64_t now_unix_s, struct arena *arena, const char **signed_names)
{
    struct url_parts url = split_url(request->url, arena);
    const char **lines = arena_array(arena, const char *, request->n_headers + 3);
    struct strbuf out = {0}, names = {0};
    const char *copy;
    size_t n = 0;

    for (size_t i = 0; i < request->n_headers; i++)
        lines[n++] = header_line(request->headers[i].name, request->headers[i].value, arena);
    lines[n++] = header_line("host", url.host, arena);
    lines[n++] = header_line("x-amz-date", date_time(now_unix_s, arena), arena);
    if (keys->token)
        lines[n++] = header_line("x-amz-security-token", keys->token, arena);
    qsort(lines, n, sizeof(*lines), by_header);
    strbuf_printf(&out, "%s\n", request->method);
    add_path(&out, url.path);
    strbuf_puts(&out, "\n");
    add_query(&out, url.query, arena);
    strbuf_puts(&out, "\n");
    for (size_t i = 0; i < n; i++) {
        strbuf_printf(&out, "%s\n", lines[i]);
        strbuf_printf(&names, "%s%.*s", i ? ";" : "", (int)strcspn(lines[i], ":"), lines[i]);
    }
    strbuf_printf(&out, "\n%s\n%s", names.bytes, hash(request->body, arena));
    copy = arena_strndup(arena, out.bytes, out.n_bytes);
    *signed_names = arena_strndup(arena, names.bytes, names.n_bytes);
    strbuf_clear(&out);
    strbuf_clear(&names);
    return copy;
}

/* --- the signature --- */

struct sigv4_headers sigv4_sign(const struct sigv4_request *request,
                                const struct sigv4_place *place, const struct sigv4_keys *keys,
                                int64_t now_unix_s, struct arena *arena)
{
    const char *time = date_time(now_unix_s, arena);
    const char *date = arena_strndup(arena, time, strlen("20260101"));
    const char *scope =
        arena_printf(arena, "%s/%s/%s/aws4_request", date, place->region, place->service);
    const char *names, *start = arena_printf(arena, "AWS4%s", keys->secret);
    const char *canonical = sigv4_canonical(request, keys, now_unix_s, arena, &names);
    const char *steps[] = {
        date, place->region, place->service, "aws4_request",
        arena_printf(arena, ALGORITHM "\n%s\n%s\n%s", time, scope, hash(str_of(canonical), arena))};
    unsigned char key[SHA256_DIGEST_LENGTH];
    struct sigv4_headers out = {{{"X-Amz-Date", time}}, 1};

    hmac((const unsigned char *)start, strlen(start), steps[0], key);
    for (size_t i = 1; i < ARRAY_LEN(steps); i++)
        hmac(key, sizeof(key), steps[i], key);
    if (keys->token)
        out.items[out.n_items++] = (struct http_header){"X-Amz-Security-Token", keys->token};
    out.items[out.n_items++] = (struct http_header){
        "Authorization",
        arena_printf(arena, ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s", keys->id,
                     scope, names, hex(key, arena))};
    return out;
}

/* --- keys as text --- */

const char *sigv4_keys_pack(const struct sigv4_keys *keys, struct arena *arena)
{
    return arena_printf(arena, "%s\n%s\n%s", keys->id, keys->secret,
                        keys->token ? keys->token : "");
}

struct sigv4_keys sigv4_keys_unpack(const char *text, struct arena *arena)
{
    const char *lines[3] = {"", "", ""};

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        size_t n = strcspn(text, "\n");

        lines[i] = arena_strndup(arena, text, n);
        text += n + (text[n] == '\n');
    }
    return (struct sigv4_keys){lines[0], lines[1], *lines[2] ? lines[2] : NULL};
}

bool sigv4_is_outdated(long status, struct str body)
{
    static const char *const words[] = {
        "ExpiredToken",          "RequestExpired",
        "InvalidClientTokenId",  "UnrecognizedClient",
        "SignatureDoesNotMatch", "InvalidSignature",
        "RequestTimeTooSkewed",  "security token included in the request is",
        "Signature expired",
    };
    size_t n = body.n_bytes < ERROR_BYTES ? body.n_bytes : ERROR_BYTES;

    if (status != 400 && status != 403)
        return false;
    for (size_t i = 0; n && i < ARRAY_LEN(words); i++)
        if (memmem(body.bytes, n, words[i], strlen(words[i])))
            return true;
    return false;
}
