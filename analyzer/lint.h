/* analyzer/lint.h -- everything that is wrong with a document, and what is likely a mistake. The
 * same rules as at run time (the decoders themselves are asked, again and again, with what they
 * refused mended), and warnings for what they accept. Pure. */
#ifndef ANALYZER_LINT_H
#define ANALYZER_LINT_H

#include "base/arena.h"
#include <jansson.h>
#include <stdbool.h>

/* Stable numbers, by subject. */
enum lint_code {
    LINT_SYNTAX = 100,    /* not JSON and not YAML */
    LINT_KIND = 101,      /* no telling what it is */
    LINT_TYPE = 102,      /* a value of the wrong type, or over a limit */
    LINT_NAME = 103,      /* name, id, applications, names of metrics */
    LINT_UNKNOWN = 104,   /* a key that nobody reads */
    LINT_QUERY = 110,     /* metric without query or scope, unknown store type */
    LINT_TEMPLATE = 111,  /* missing or unused template, variable that nobody binds */
    LINT_JUDGE = 120,     /* no such judge */
    LINT_GROUPS = 121,    /* metrics without group, weights without metrics, sum not 100 */
    LINT_ANALYSIS = 122,  /* settings of a metric's analysis */
    LINT_THRESHOLD = 123, /* pass below marginal, out of 0 to 100 */
    LINT_REQUEST = 130,   /* scopes and windows */
    LINT_BUNDLE = 140,
    LINT_SETTINGS = 150,
};

struct lint_problem {
    bool is_error;
    enum lint_code code;
    bool is_key;         /* the place is that of the key, not of its value */
    const char *pointer; /* "" for the whole */
    const char *text;    /* what; what would be right */
};

/* Problems in the order they were found; text lives in `arena`. */
struct lint {
    struct arena *arena;
    struct lint_problem *problems;
    size_t n_problems, capacity;
    const char *prefix; /* put before every pointer; "" or NULL for none */
};

void lint_add(struct lint *lint, bool is_error, enum lint_code code, const char *pointer,
              const char *fmt, ...) __attribute__((format(printf, 5, 6)));

void lint_canary_config(struct lint *lint, const json_t *config);
void lint_request(struct lint *lint, const json_t *request);
void lint_bundle(struct lint *lint, json_t *bundle);

#endif
