/* api/target.h -- the request target as the client sent it, taken apart.
 *
 * The path is split on "/" first and each segment percent-decoded after, so that an encoded slash
 * stays part of an id and no dot segment ever means anything. */
#ifndef API_TARGET_H
#define API_TARGET_H

#include "base/arena.h"
#include "base/str.h"

struct target_param {
    const char *name, *value; /* decoded, "" when the value is missing */
};

struct target {
    struct str authority;  /* of an absolute-form target, else empty */
    struct str path;       /* raw, without the query */
    const char **segments; /* decoded: "/" has one empty segment, "/a/" has "a" and "" */
    size_t n_segments;
    struct target_param *params; /* in the order sent */
    size_t n_params;
};

/* Take `raw` apart. The result lives in `arena` and borrows from `raw`.
 *
 * Errors: ERR_INVALID, reason bad_target: it is neither "/..." nor "http://host/...", holds a space
 *         or a control character, a bad percent escape, %00, or bytes that are not UTF-8;
 *         reason too_many_parameters. */
MUST_CHECK enum err_code target_parse(struct str raw, struct arena *arena, struct target *out,
                                      struct error *err);

/* Append the parameters of a query string or of a form body to `out`. Errors as above. */
MUST_CHECK enum err_code target_add_params(struct str text, struct arena *arena, struct target *out,
                                           struct error *err);

#endif
