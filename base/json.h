/* base/json.h -- reading JSON from outside under limits, and writing it the way Kayenta does.
 *
 * Trees are jansson's. Depth, sizes and counts are checked on the bytes before a tree is built,
 * because a tree can cost many times its text. Duplicate keys are refused. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/str.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct json_limits {
    size_t bytes;        /* the whole document */
    size_t depth;        /* nested arrays and objects */
    size_t values;       /* values of any kind, containers included */
    size_t string_bytes; /* one string, as written */
    size_t key_bytes;    /* one object key, as written */
    size_t keys;         /* keys in one object */
};

extern const struct json_limits json_limits_request;  /* a request body */
extern const struct json_limits json_limits_document; /* a file, or one line of a batch */
extern const struct json_limits json_limits_reply;    /* a metric store's reply */
extern const struct json_limits json_limits_tree;     /* one that has to be kept as a tree */

/* Parse one JSON document, arrays and objects only. *out is owned by the caller (json_decref).
 *
 * Errors: ERR_INVALID with reason json_syntax, json_duplicate_key (pointer set), json_number,
 *         json_too_deep or json_too_large; the message has line and column. */
MUST_CHECK enum err_code json_read(struct str text, const struct json_limits *limits, json_t **out,
                                   struct error *err);

/* Append `value` as compact JSON. Reals are written with the fewest digits that read back to the
 * same double, in Java's form ("100.0", "1.0E-5"); NaN and infinities never occur in a tree, see
 * json_number_or_text(). */
void json_write(const json_t *value, struct strbuf *out);
void json_write_pretty(const json_t *value, struct strbuf *out); /* two-space indent, final \n */
char *json_write_arena(const json_t *value, struct arena *arena);

/* A new real, or the string "NaN", "Infinity" or "-Infinity" as Kayenta writes them. */
json_t *json_number_or_text(double value);
/* The same, but NaN is null: how our own statistics say "undefined". */
json_t *json_number_or_null(double value);

/* A number, or a string that holds one, "NaN" and infinities included. False: neither. */
bool json_to_double(const json_t *value, double *out);

/* Text of a scalar: strings as they are, numbers and booleans as JSON would write them (Kayenta
 * coerces scalars). NULL when absent, null, or not a scalar. Lives in `arena` or in `value`. */
const char *json_scalar_text(const json_t *value, struct arena *arena);
/* The same of member `key`. */
const char *json_text_of(const json_t *object, const char *key, struct arena *arena);

/* Hand the reference to the arena, which releases it in the end. Returns `value`. */
json_t *json_keep(json_t *value, struct arena *arena);

/* json_object_set_new for text that may be NULL: absent means left out. */
void json_set_text(json_t *object, const char *key, const char *text);

#endif
