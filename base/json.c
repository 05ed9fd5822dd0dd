/* Reading happens in two passes. The first walks the bytes with a stack of one small frame per
 * nesting level and only counts: depth, values, sizes, keys. It does not judge the grammar; jansson
 * does that in the second pass, on a text already known to be small enough. The same walk, stopped
 * at the byte where jansson gave up, knows the JSON pointer of the mistake. */
#include "base/json.h"

#include "base/limits.h"
#include "base/number.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_gen.h>

const struct json_limits json_limits_request = {
    .bytes = HTTP_MAX_BODY_BYTES,
    .depth = JSON_MAX_DEPTH,
    .values = JSON_MAX_VALUES,
    .string_bytes = JSON_MAX_STRING_BYTES,
    .key_bytes = JSON_MAX_KEY_BYTES,
    .keys = JSON_MAX_KEYS,
};

const struct json_limits json_limits_document = {
    .bytes = CLI_MAX_DOCUMENT_BYTES,
    .depth = JSON_MAX_DEPTH,
    .values = SIZE_MAX,
    .string_bytes = SIZE_MAX,
    .key_bytes = SIZE_MAX,
    .keys = SIZE_MAX,
};

const struct json_limits json_limits_reply = {
    .bytes = STORE_MAX_REPLY_BYTES,
    .depth = JSON_MAX_DEPTH,
    .values = SIZE_MAX,
    .string_bytes = JSON_MAX_STRING_BYTES,
    .key_bytes = JSON_MAX_KEY_BYTES,
    .keys = JSON_MAX_KEYS,
};

const struct json_limits json_limits_tree = {
    .bytes = STORE_MAX_REPLY_BYTES,
    .depth = JSON_MAX_DEPTH,
    .values = STORE_MAX_TREE_VALUES,
    .string_bytes = JSON_MAX_STRING_BYTES,
    .key_bytes = JSON_MAX_KEY_BYTES,
    .keys = STORE_MAX_POINTS,
};

struct frame {
    bool is_object;
    size_t n_members; /* keys seen, or elements */
    struct str key;   /* the key being read, quotes excluded */
};

struct scan {
    struct str text;
    size_t stop; /* byte offset at which to stop; text.n_bytes for the whole text */
    size_t depth, n_values;
    struct frame frames[JSON_MAX_DEPTH + 1];
};

static void pointer_print(const struct scan *scan, struct error *err)
{
    size_t at = 0;

    for (size_t i = 0; i < scan->depth && at < sizeof(err->pointer); i++) {
        const struct frame *frame = &scan->frames[i];
        int n;

        if (frame->is_object && frame->key.bytes)
            n = snprintf(err->pointer + at, sizeof(err->pointer) - at, "/" STR_FMT,
                         STR_ARG(frame->key));
        else if (!frame->is_object && frame->n_members)
            n = snprintf(err->pointer + at, sizeof(err->pointer) - at, "/%zu",
                         frame->n_members - 1);
        else
            break;
        if (n < 0)
            break;
        at += (size_t)n;
    }
}

static enum err_code too_large(struct scan *scan, struct error *err, const char *what, size_t limit)
{
    pointer_print(scan, err);
    return error_because(err, ERR_INVALID, "json_too_large", "the JSON has %s (limit %zu)", what,
                         limit);
}

/* A value starts here: count it, in the text and in its array. */
static enum err_code scan_value(struct scan *scan, const struct json_limits *limits,
                                struct error *err)
{
    if (scan->depth && !scan->frames[scan->depth - 1].is_object)
        scan->frames[scan->depth - 1].n_members++;
    if (++scan->n_values > limits->values)
        return too_large(scan, err, "too many values", limits->values);
    return ERR_OK;
}

/* Skip the string that starts at the quote at `at`; *end is the offset of its closing quote. */
static void string_end(struct str text, size_t at, size_t *end)
{
    for (at++; at < text.n_bytes && text.bytes[at] != '"'; at++)
        if (text.bytes[at] == '\\')
            at++;
    *end = at < text.n_bytes ? at : text.n_bytes;
}

static bool is_key(struct str text, size_t after)
{
    while (after < text.n_bytes && isspace((unsigned char)text.bytes[after]))
        after++;
    return after < text.n_bytes && text.bytes[after] == ':';
}

static enum err_code scan_string(struct scan *scan, const struct json_limits *limits, size_t *at,
                                 struct error *err)
{
    struct frame *frame = scan->depth ? &scan->frames[scan->depth - 1] : NULL;
    size_t end, n_bytes;

    string_end(scan->text, *at, &end);
    n_bytes = end - *at - 1;
    if (frame && frame->is_object && is_key(scan->text, end + 1)) {
        if (n_bytes > limits->key_bytes)
            return too_large(scan, err, "a key that is too long", limits->key_bytes);
        frame->key = (struct str){scan->text.bytes + *at + 1, n_bytes};
        if (++frame->n_members > limits->keys)
            return too_large(scan, err, "too many keys in one object", limits->keys);
    } else {
        if (scan_value(scan, limits, err))
            return err->code;
        if (n_bytes > limits->string_bytes)
            return too_large(scan, err, "a string that is too long", limits->string_bytes);
    }
    *at = end + 1;
    return ERR_OK;
}

static enum err_code scan_bytes(struct scan *scan, const struct json_limits *limits,
                                struct error *err)
{
    for (size_t i = 0; i < scan->stop;) {
        char c = scan->text.bytes[i];

        if (c == '"') {
            if (scan_string(scan, limits, &i, err))
                return err->code;
        } else if (c == '{' || c == '[') {
            if (scan_value(scan, limits, err))
                return err->code;
            if (scan->depth >= limits->depth)
                return error_because(err, ERR_INVALID, "json_too_deep",
                                     "the JSON is nested deeper than %zu levels", limits->depth);
            scan->frames[scan->depth++] = (struct frame){.is_object = c == '{'};
            i++;
        } else if (c == '}' || c == ']') {
            if (scan->depth)
                scan->depth--;
            i++;
        } else if (c == ',' || c == ':' || isspace((unsigned char)c)) {
            i++;
        } else {
            if (scan_value(scan, limits, err))
                return err->code;
            do /* at least one byte: strchr finds a NUL too */
                i++;
            while (i < scan->stop && !strchr(",:]}[{\" \t\r\n", scan->text.bytes[i]));
        }
    }
    return ERR_OK;
}

enum err_code json_read(struct str text, const struct json_limits *limits, json_t **out,
                        struct error *err)
{
    struct scan scan = {.text = text, .stop = text.n_bytes};
    struct error ignored = {0};
    const char *reason = "json_syntax";
    json_error_t at;

    if (text.n_bytes > limits->bytes)
        return error_because(err, ERR_INVALID, "json_too_large",
                             "the document has %zu bytes (limit %zu)", text.n_bytes, limits->bytes);
    if (text.n_bytes == 0)
        return error_because(err, ERR_INVALID, "json_syntax",
                             "a JSON document was expected, but there is none");
    if (scan_bytes(&scan, limits, err))
        return err->code;
    *out = json_loadb(text.bytes, text.n_bytes, JSON_REJECT_DUPLICATES, &at);
    if (*out)
        return ERR_OK;
    switch (json_error_code(&at)) {
    case json_error_duplicate_key:
        reason = "json_duplicate_key";
        break;
    case json_error_numeric_overflow:
        reason = "json_number";
        break;
    default:
        break;
    }
    /* position is behind the token that was wrong, which may be the bracket that closes a level */
    scan = (struct scan){.text = text, .stop = at.position > 0 ? (size_t)at.position - 1 : 0};
    if (scan.stop <= text.n_bytes && scan_bytes(&scan, limits, &ignored) == 0)
        pointer_print(&scan, err);
    return error_because(err, ERR_INVALID, reason, "cannot read the JSON at line %d, column %d: %s",
                         at.line, at.column, at.text);
}

static void append(void *ctx, const char *bytes, size_t n_bytes)
{
    strbuf_append(ctx, bytes, n_bytes);
}

/* Depth is bounded: trees come from json_read(), which limits it, or from our own code. */
static void generate(yajl_gen gen, const json_t *value)
{
    char text[NUMBER_TEXT_BYTES];
    const char *key;
    json_t *member;
    size_t i;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        yajl_gen_map_open(gen);
        json_object_foreach ((json_t *)value, key, member) {
            yajl_gen_string(gen, (const unsigned char *)key, strlen(key));
            generate(gen, member);
        }
        yajl_gen_map_close(gen);
        break;
    case JSON_ARRAY:
        yajl_gen_array_open(gen);
        json_array_foreach (value, i, member)
            generate(gen, member);
        yajl_gen_array_close(gen);
        break;
    case JSON_STRING:
        yajl_gen_string(gen, (const unsigned char *)json_string_value(value),
                        json_string_length(value));
        break;
    case JSON_INTEGER:
        snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        yajl_gen_number(gen, text, strlen(text));
        break;
    case JSON_REAL:
        number_text(json_real_value(value), text);
        yajl_gen_number(gen, text, strlen(text));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        yajl_gen_bool(gen, json_is_true(value));
        break;
    case JSON_NULL:
        yajl_gen_null(gen);
        break;
    }
}

static void write_with(const json_t *value, struct strbuf *out, bool is_pretty)
{
    yajl_gen gen = yajl_gen_alloc(NULL);

    yajl_gen_config(gen, yajl_gen_print_callback, append, out);
    if (is_pretty) {
        yajl_gen_config(gen, yajl_gen_beautify, 1);
        yajl_gen_config(gen, yajl_gen_indent_string, "  ");
    }
    generate(gen, value);
    yajl_gen_free(gen);
}

void json_write(const json_t *value, struct strbuf *out)
{
    write_with(value, out, false);
}

void json_write_pretty(const json_t *value, struct strbuf *out)
{
    write_with(value, out, true);
}

char *json_write_arena(const json_t *value, struct arena *arena)
{
    struct strbuf buf = {0};
    char *text;

    json_write(value, &buf);
    text = arena_strndup(arena, buf.bytes, buf.n_bytes);
    strbuf_clear(&buf);
    return text;
}

json_t *json_number_or_text(double value)
{
    char text[NUMBER_TEXT_BYTES];

    return isfinite(value) ? json_real(value) : json_string(number_text(value, text));
}

json_t *json_number_or_null(double value)
{
    return isnan(value) ? json_null() : json_number_or_text(value);
}

bool json_to_double(const json_t *value, double *out)
{
    if (json_is_number(value)) {
        *out = json_number_value(value);
        return true;
    }
    return json_is_string(value) &&
           number_parse(json_string_value(value), json_string_length(value), out);
}

const char *json_text_of(const json_t *object, const char *key, struct arena *arena)
{
    return json_scalar_text(json_object_get(object, key), arena);
}

const char *json_scalar_text(const json_t *value, struct arena *arena)
{
    char text[NUMBER_TEXT_BYTES];

    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_STRING:
        return json_string_value(value);
    case JSON_INTEGER:
        return arena_printf(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_REAL:
        return arena_strdup(arena, number_text(json_real_value(value), text));
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    default:
        return NULL;
    }
}

void json_set_text(json_t *object, const char *key, const char *text)
{
    if (text)
        json_object_set_new(object, key, json_string(text));
}

static void release(void *value)
{
    json_decref(value);
}

json_t *json_keep(json_t *value, struct arena *arena)
{
    arena_defer(arena, release, value);
    return value;
}
