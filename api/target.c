#include "api/target.h"

#include "base/limits.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool is_utf8(const char *bytes, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++) {
        if ((unsigned char)bytes[i] >= 0x80) { /* rare, so a throw-away string is cheap enough */
            json_t *text = json_stringn(bytes, n_bytes);

            json_decref(text);
            return text != NULL;
        }
    }
    return true;
}

static enum err_code decode(struct str raw, bool plus_is_space, struct arena *arena,
                            const char **out, struct error *err)
{
    char *text = arena_alloc(arena, raw.n_bytes + 1, 1);
    size_t n = 0;

    for (size_t i = 0; i < raw.n_bytes; i++) {
        char c = raw.bytes[i];

        if (c == '%') {
            int high = i + 2 < raw.n_bytes ? hex_digit(raw.bytes[i + 1]) : -1;
            int low = i + 2 < raw.n_bytes ? hex_digit(raw.bytes[i + 2]) : -1;

            if (high < 0 || low < 0)
                return error_because(err, ERR_INVALID, "bad_target",
                                     "the request target has a bad percent escape");
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0')
            return error_because(err, ERR_INVALID, "bad_target",
                                 "the request target has a NUL character");
        text[n++] = c;
    }
    if (!is_utf8(text, n))
        return error_because(err, ERR_INVALID, "bad_target", "the request target is not UTF-8");
    *out = text;
    return ERR_OK;
}

/* The text before the first `separator`, and what follows it in `rest` (NULL bytes: no separator).
 */
static struct str cut(struct str text, char separator, struct str *rest)
{
    const char *at = text.n_bytes ? memchr(text.bytes, separator, text.n_bytes) : NULL;
    size_t n = at ? (size_t)(at - text.bytes) : text.n_bytes;

    *rest = at ? (struct str){at + 1, text.n_bytes - n - 1} : (struct str){NULL, 0};
    return (struct str){text.bytes, n};
}

static size_t count_char(struct str text, char wanted)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n_bytes; i++)
        n += text.bytes[i] == wanted;
    return n;
}

enum err_code target_add_params(struct str text, struct arena *arena, struct target *out,
                                struct error *err)
{
    struct target_param *params = arena_array(arena, struct target_param, HTTP_MAX_QUERY_PARAMS);

    if (out->n_params)
        memcpy(params, out->params, out->n_params * sizeof(*params));
    out->params = params;
    while (text.bytes) {
        struct str value, piece = cut(text, '&', &text), name = cut(piece, '=', &value);
        struct target_param *param;

        if (piece.n_bytes == 0)
            continue;
        if (out->n_params == HTTP_MAX_QUERY_PARAMS)
            return error_because(err, ERR_INVALID, "too_many_parameters",
                                 "the request has more than %u parameters", HTTP_MAX_QUERY_PARAMS);
        param = &params[out->n_params++];
        if (decode(name, true, arena, &param->name, err) ||
            decode(value, true, arena, &param->value, err))
            return err->code;
    }
    return ERR_OK;
}

static enum err_code check_bytes(struct str raw, struct error *err)
{
    for (size_t i = 0; i < raw.n_bytes; i++)
        if ((unsigned char)raw.bytes[i] <= ' ' || raw.bytes[i] == 0x7f)
            return error_because(err, ERR_INVALID, "bad_target",
                                 "the request target holds a space or a control character");
    return ERR_OK;
}

enum err_code target_parse(struct str raw, struct arena *arena, struct target *out,
                           struct error *err)
{
    static const char scheme[] = "http://";
    const size_t scheme_bytes = sizeof(scheme) - 1;
    struct str query, segment, rest;

    *out = (struct target){.path = cut(raw, '?', &query)}; /* error bodies name it, good or bad */
    if (check_bytes(raw, err))
        return err->code;
    if (raw.n_bytes > scheme_bytes && strncasecmp(raw.bytes, scheme, scheme_bytes) == 0) {
        const char *end = raw.bytes + raw.n_bytes, *at = raw.bytes + scheme_bytes;

        while (at < end && *at != '/' && *at != '?')
            at++;
        out->authority =
            (struct str){raw.bytes + scheme_bytes, (size_t)(at - raw.bytes) - scheme_bytes};
        raw = (struct str){at, (size_t)(end - at)};
    }
    if (raw.n_bytes == 0 || raw.bytes[0] != '/')
        return error_because(err, ERR_INVALID, "bad_target",
                             "the request target does not start with a slash");
    out->path = cut(raw, '?', &query);
    rest = (struct str){out->path.bytes + 1, out->path.n_bytes - 1};
    out->segments = arena_array(arena, const char *, count_char(rest, '/') + 1);
    while (rest.bytes) {
        segment = cut(rest, '/', &rest);
        if (decode(segment, false, arena, &out->segments[out->n_segments++], err))
            return err->code;
    }
    return target_add_params(query, arena, out, err);
}
