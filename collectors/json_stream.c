#include "collectors/json_stream.h"

#include "base/arena.h"
#include "base/limits.h"
#include "base/number.h"

#include <math.h>
#include <string.h>
#include <yajl/yajl_parse.h>

struct reader {
    const struct json_stream *stream;
    struct {
        int place;
        bool is_array;
    } open[JSON_MAX_DEPTH];
    size_t depth;
    char key[STORE_MAX_LABEL_BYTES + 1]; /* of the member being read */
};

bool json_stream_bad(const struct json_stream *stream, const char *what)
{
    error_because(stream->err, ERR_UPSTREAM, "store_bad_response", "the reply is not what %s: %s",
                  stream->question, what);
    return false;
}

bool json_stream_value(enum json_kind kind, struct str text, double *out)
{
    *out = NAN;
    return kind == JSON_KIND_NULL ||
           (kind != JSON_KIND_TRUTH && number_parse(text.bytes, text.n_bytes, out));
}

static int place_of(const struct reader *r)
{
    return r->depth ? r->open[r->depth - 1].place : JSON_STREAM_TOP;
}

static const char *key_of(const struct reader *r)
{
    return r->depth && !r->open[r->depth - 1].is_array ? r->key : NULL;
}

/* The known container at this point, or NULL. */
static const struct json_container *find(const struct reader *r)
{
    int parent = place_of(r);
    const char *key = key_of(r);

    for (size_t i = 0; i < r->stream->n_known; i++) {
        const struct json_container *known = &r->stream->known[i];

        if (known->parent == parent && (!known->key || (key && strcmp(known->key, key) == 0)))
            return known;
    }
    return NULL;
}

static int open_container(void *ctx, bool is_array)
{
    struct reader *r = ctx;
    const struct json_stream *stream = r->stream;
    const struct json_container *known = find(r);
    int parent = place_of(r);
    int place = known ? known->place : JSON_STREAM_OTHER;

    if (known && known->is_array != is_array)
        return json_stream_bad(stream, is_array ? "a list stands where an object should"
                                                : "an object stands where a list should");
    if (r->depth == JSON_MAX_DEPTH)
        return json_stream_bad(stream, "it is nested too deep");
    if (stream->open && !stream->open(stream->ctx, place, parent))
        return 0;
    r->open[r->depth].place = place;
    r->open[r->depth++].is_array = is_array;
    return 1;
}

static int on_map(void *ctx)
{
    return open_container(ctx, false);
}

static int on_array(void *ctx)
{
    return open_container(ctx, true);
}

static int on_end(void *ctx)
{
    struct reader *r = ctx;
    const struct json_stream *stream = r->stream;
    int place = r->open[--r->depth].place;

    return place == JSON_STREAM_OTHER || !stream->close || stream->close(stream->ctx, place);
}

static int on_key(void *ctx, const unsigned char *key, size_t n_bytes)
{
    struct reader *r = ctx;

    if (n_bytes >= sizeof(r->key) || memchr(key, '\0', n_bytes))
        return json_stream_bad(r->stream,
                               "a member's name is larger than 4 KiB or holds a NUL character");
    memcpy(r->key, key, n_bytes);
    r->key[n_bytes] = '\0';
    return 1;
}

static int scalar(void *ctx, enum json_kind kind, const char *text, size_t n_bytes)
{
    struct reader *r = ctx;
    const struct json_stream *stream = r->stream;
    int place = place_of(r);
    const char *key = key_of(r);

    if (place == JSON_STREAM_OTHER)
        return 1;
    if (find(r)) {
        if (kind == JSON_KIND_NULL && key)
            return 1;
        return json_stream_bad(stream,
                               "a number, a text or null stands where an object or a list should");
    }
    if (place == JSON_STREAM_TOP)
        return json_stream_bad(stream, "it is a single value");
    return stream->scalar(stream->ctx, place, key, kind, (struct str){text, n_bytes});
}

static int on_text(void *ctx, const unsigned char *text, size_t n_bytes)
{
    return scalar(ctx, JSON_KIND_TEXT, (const char *)text, n_bytes);
}

static int on_number(void *ctx, const char *text, size_t n_bytes)
{
    return scalar(ctx, JSON_KIND_NUMBER, text, n_bytes);
}

static int on_truth(void *ctx, int is_true)
{
    return scalar(ctx, JSON_KIND_TRUTH, is_true ? "true" : "false", is_true ? 4 : 5);
}

static int on_null(void *ctx)
{
    return scalar(ctx, JSON_KIND_NULL, "", 0);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_truth,
    .yajl_number = on_number,
    .yajl_string = on_text,
    .yajl_start_map = on_map,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_array,
    .yajl_end_array = on_end,
};

enum err_code json_stream_read(const struct json_stream *stream, struct str body)
{
    const unsigned char *bytes = (const unsigned char *)body.bytes;
    struct reader r = {.stream = stream};
    yajl_handle parser = yajl_alloc(&callbacks, NULL, &r);
    yajl_status status = yajl_parse(parser, bytes, body.n_bytes);

    if (status == yajl_status_ok)
        status = yajl_complete_parse(parser);
    if (status == yajl_status_error && !stream->err->code) {
        unsigned char *text = yajl_get_error(parser, 0, bytes, body.n_bytes);

        error_because(stream->err, ERR_UPSTREAM, "store_bad_response",
                      "the reply is not JSON: %.*s", (int)strcspn((const char *)text, "\n"), text);
        yajl_free_error(parser, text);
    }
    yajl_free(parser);
    return stream->err->code;
}
