/* collectors/json_stream.h -- a JSON reply read as a stream of events, whatever its size: no tree
 * is built, and what a reader does not name costs a comparison.
 *
 * A reader lists the containers it knows, each by the one it stands in, and gives every one a
 * number of its own, its place. What opens elsewhere is skipped with all it holds. Members may
 * come in any order; a value that stands where a known container belongs is an error, but null is
 * the same as no member. */
#ifndef COLLECTORS_JSON_STREAM_H
#define COLLECTORS_JSON_STREAM_H

#include "base/error.h"
#include "base/str.h"

#define JSON_STREAM_TOP (-1)   /* the parent of the outermost container */
#define JSON_STREAM_OTHER (-2) /* the place of what is skipped */

struct json_container {
    int parent;      /* a place, or JSON_STREAM_TOP */
    const char *key; /* NULL: any element of an array, any other member of an object */
    bool is_array;
    int place; /* 0 or more */
};

enum json_kind { JSON_KIND_TEXT, JSON_KIND_NUMBER, JSON_KIND_TRUTH, JSON_KIND_NULL };

struct json_stream {
    const char *question; /* "a range query is answered with": for messages */
    const struct json_container *known;
    size_t n_known;
    void *ctx;
    struct error *err;

    /* All return false to stop, with `err` set. `open` sees what is skipped, too; NULL: none. */
    bool (*open)(void *ctx, int place, int parent);
    bool (*close)(void *ctx, int place);
    /* `key` is NULL in an array. A number, true and false come as they were written. Texts may hold
     * NUL, and are UTF-8. Not called for what is skipped. */
    bool (*scalar)(void *ctx, int place, const char *key, enum json_kind kind, struct str text);
};

/* One JSON document.
 * Errors: ERR_UPSTREAM, reason store_bad_response: no JSON, nested too deep, a member's name larger
 *         than STORE_MAX_LABEL_BYTES or with NUL; or what a callback has set. */
MUST_CHECK enum err_code json_stream_read(const struct json_stream *stream, struct str body);

/* Set ERR_UPSTREAM, reason store_bad_response: "the reply is not what <question>: <what>". Returns
 * false. */
bool json_stream_bad(const struct json_stream *stream, const char *what);

/* The value of a sample: a number, or a text that holds one, "NaN" and infinities included; NaN
 * for null. False: it is something else. */
bool json_stream_value(enum json_kind kind, struct str text, double *out);

#endif
