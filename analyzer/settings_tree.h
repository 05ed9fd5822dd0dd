/* analyzer/settings_tree.h -- all settings as one tree, whichever file or variable they came from.
 *
 * Keys are compared the relaxed way: case, dashes and underscores do not count (baseUrl, base-url,
 * BASE_URL). A dotted key is the same as nested ones, and `accounts[0]` names a list element. Below
 * the keys that hold maps of the user's own (headers, queryParams, ...) keys are taken as they are.
 *
 * Values keep their placeholders until they are read: ${NAME} and ${NAME:default} (NAME is looked
 * up in the settings, then in the environment, there also in capitals with dots and dashes as
 * underscores), ${env:NAME}, ${file:/path}, ${cred:name}. They may nest. A placeholder in a value
 * that nobody reads does no harm. */
#ifndef ANALYZER_SETTINGS_TREE_H
#define ANALYZER_SETTINGS_TREE_H

#include "base/arena.h"
#include "base/str.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum setting_kind { SETTING_SCALAR, SETTING_MAP, SETTING_LIST };

struct setting {
    const char *key;  /* as written; "" for a list element and for the root */
    const char *path; /* as written, from the root, for messages: "server.port" */
    enum setting_kind kind;
    const char *text; /* of a scalar; NULL for null */
    struct setting **children;
    size_t n_children, capacity;
    const char *origin; /* the file, or "the environment" */
    int line;           /* 0: unknown */
};

/* The settings being put together. `notices` collects one sentence each. */
struct settings_tree {
    struct arena *arena;
    struct setting *root;
    unsigned n_substitutions;
    const char **notices;
    size_t n_notices, notices_capacity;
};

void settings_tree_init(struct settings_tree *tree, struct arena *arena);
void settings_notice(struct settings_tree *tree, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Put a file's document over what is there: maps are merged key by key, scalars and lists replaced.
 * `marks` as of yaml_or_json_read_marked(), may be NULL. Errors: ERR_SETTINGS. */
MUST_CHECK enum err_code settings_tree_merge(struct settings_tree *tree, const json_t *document,
                                             const json_t *marks, const char *file,
                                             struct error *err);
/* Set one value, making the maps and the list elements on the way. `path` is dotted. An index may
 * be at most the list's length. */
MUST_CHECK enum err_code settings_tree_set(struct settings_tree *tree, const char *path,
                                           const char *text, const char *origin, struct error *err);

bool setting_key_equal(const char *a, size_t n_a, const char *b); /* the relaxed way */
bool setting_is_free_map(const char *key);                        /* its keys are the user's own */

/* The setting at a dotted path below `from`; NULL when there is none, or it is null. */
const struct setting *setting_find(const struct setting *from, const char *path);

/* "FILE:LINE: PATH: " and the message. Returns ERR_SETTINGS. */
enum err_code setting_error(const struct setting *setting, struct error *err, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* A scalar's text with its placeholders replaced; NULL for null. Lives in the arena.
 * Errors: ERR_SETTINGS: not a scalar; a placeholder that names nothing, names itself, or a file
 * that cannot be read, is empty or larger than 64 KiB; a variable with a line break. */
MUST_CHECK enum err_code setting_text(struct settings_tree *tree, const struct setting *setting,
                                      const char **out, struct error *err);

/* Read the setting at `path`; *out stays as it is when there is none.
 * Errors: ERR_SETTINGS naming value and allowed range. */
MUST_CHECK enum err_code settings_read_text(struct settings_tree *tree, const char *path,
                                            const char **out, struct error *err);
MUST_CHECK enum err_code settings_read_flag(struct settings_tree *tree, const char *path, bool *out,
                                            struct error *err);
MUST_CHECK enum err_code settings_read_count(struct settings_tree *tree, const char *path,
                                             int64_t min, int64_t max, int64_t *out,
                                             struct error *err);
/* A list, or one text with commas. */
MUST_CHECK enum err_code settings_read_list(struct settings_tree *tree,
                                            const struct setting *setting, const char *const **out,
                                            size_t *n_out, struct error *err);

#endif
