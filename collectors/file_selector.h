/* collectors/file_selector.h -- which series of a file are meant: name, name{k="v",k2!="v2"} or
 * "any text"{...}. A label that is absent equals the empty text. */
#ifndef COLLECTORS_FILE_SELECTOR_H
#define COLLECTORS_FILE_SELECTOR_H

#include "base/arena.h"
#include "base/str.h"
#include <stdbool.h>

struct file_label {
    const char *key, *value;
};

struct file_matcher {
    const char *key, *value;
    bool is_not;
};

struct file_selector {
    const char *name;
    struct file_matcher *matchers;
    size_t n_matchers;
};

/* Errors: ERR_INVALID "file selector '<s>' cannot be read". */
MUST_CHECK enum err_code file_selector_read(const char *text, struct arena *arena,
                                            struct file_selector *out, struct error *err);

/* A selector that means exactly this name. */
const char *file_selector_of_name(const char *name, struct arena *arena);

bool file_selector_matches(const struct file_selector *selector, const struct file_label *labels,
                           size_t n_labels);

/* Whether a matcher with = says what the label is, so that it tells nothing apart. */
bool file_selector_fixes(const struct file_selector *selector, const char *key);

/* The text between two quotes with \\, \" and \n undone, from *at, which stands behind the first
 * quote, to behind the second one. NULL when it does not end, or has another escape. */
const char *file_quoted_read(const char **at, const char *end, struct arena *arena);

#endif
