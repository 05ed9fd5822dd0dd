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
    json_type type;   /* of a scalar, as written */
    struct setting **children;
    size_t n_children, capacity;
    const char *origin; /* the file, or "the environment" */
    int line;           /* 0: unknown */
};

/* Sentences, or lines, being collected. */
struct settings_texts {
    const char **items;
    size_t n_items, capacity;
};

/* One effective setting, as `serinus config` shows it. */
struct setting_line {
    const char *path;          /* by its native name: "http.listen", "accounts[0].url" */
    const char *member;        /* the key in a map of the user's own ("headers"), else NULL */
    const char *const *values; /* one, or those of a list; JSON text where is_json */
    size_t n_values;
    bool is_list, is_json, is_secret;
    const char *reference;      /* what another file may say in place of the value; or NULL */
    const struct setting *from; /* NULL: it is the default */
};

/* The settings being put together. */
struct settings_tree {
    struct arena *arena;
    struct setting *root;
    bool is_draft; /* to be looked at, not used: what placeholders name need not be there */
    bool collects_problems; /* reading goes on behind an error, for those that follow */
    unsigned n_substitutions;
    struct {
        bool secret;                /* read a file, a credential or a ${env:} */
        bool setting;               /* took the value of another setting */
        bool missing;               /* found nothing for a placeholder: in a draft only */
    } last;                         /* what the last setting_text() did */
    struct settings_texts problems; /* errors, when they are collected */
    struct settings_texts notices;  /* what is worth knowing, one sentence each */
    struct settings_texts warnings; /* what --strict-config refuses */
    struct settings_texts dropped;  /* what has no effect, and why */
    struct settings_texts taken;    /* environment variables that held secrets */
    struct settings_texts used;     /* paths that placeholders named */
    struct setting_line *lines;
    size_t n_lines, lines_capacity;
};

void settings_tree_init(struct settings_tree *tree, struct arena *arena);
void settings_notice(struct settings_tree *tree, const char *fmt, ...) PRINTF_LIKE(2, 3);
void settings_warn(struct settings_tree *tree, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A setting that does nothing; "PATH (FILE:LINE): WHY". */
void settings_drop(struct settings_tree *tree, const struct setting *setting, const char *why);
/* One thing of several has been read, perhaps with an error: is that the end? Where errors are
 * collected it is not, and the error goes there. */
bool settings_stops(struct settings_tree *tree, struct error *err);
void settings_texts_add(struct settings_tree *tree, struct settings_texts *list, const char *text);

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

/* "FILE:LINE", or what else it came from. */
const char *setting_origin(const struct setting *setting, struct arena *arena);

/* "FILE:LINE: PATH: " and the message. Returns ERR_SETTINGS. */
enum err_code setting_error(const struct setting *setting, struct error *err, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* A scalar's text with its placeholders replaced; NULL for null. Lives in the arena.
 * Errors: ERR_SETTINGS: not a scalar; a placeholder that names nothing, names itself, or a file
 * that cannot be read, is empty or larger than 64 KiB; a variable with a line break; a reference to
 * Kayenta's secret engines (encrypted:...). In a draft what cannot be had is nothing. */
MUST_CHECK enum err_code setting_text(struct settings_tree *tree, const struct setting *setting,
                                      const char **out, struct error *err);

/* Is what stands under this key a secret, whatever its account's type? */
bool setting_key_is_secret(const char *key);

/* Has a URL user info? To be masked, then. */
bool setting_has_user_info(const char *text);
/* The URL without its user info, which becomes three asterisks; other text as it is. */
const char *setting_mask_url(const char *text, struct arena *arena);

/* Read the setting at `path`; *out stays as it is when there is none. Each notes the value, or the
 * default that *out held, for `config show`, when settings_keys.c says that it is a setting of its
 * own. Errors: ERR_SETTINGS naming value and allowed range. */
MUST_CHECK enum err_code settings_read_text(struct settings_tree *tree, const char *path,
                                            const char **out, struct error *err);
MUST_CHECK enum err_code settings_read_flag(struct settings_tree *tree, const char *path, bool *out,
                                            struct error *err);
MUST_CHECK enum err_code settings_read_count(struct settings_tree *tree, const char *path,
                                             int64_t min, int64_t max, int64_t *out,
                                             struct error *err);
MUST_CHECK enum err_code settings_read_texts(struct settings_tree *tree, const char *path,
                                             const char *const **out, size_t *n_out,
                                             struct error *err);
/* A list, or one text with commas. */
MUST_CHECK enum err_code settings_read_list(struct settings_tree *tree,
                                            const struct setting *setting, const char *const **out,
                                            size_t *n_out, struct error *err);

/* Note a value for `config show`, just read by setting_text(), or a default. NULL: there is none.
 * It is a secret, too, when its key says so, or where it comes from. */
void settings_show_text(struct settings_tree *tree, const char *path, const struct setting *from,
                        const char *text, bool is_secret);
struct setting_line *settings_show_line(struct settings_tree *tree, const char *path,
                                        const struct setting *from, const char *const *values,
                                        size_t n_values);

#endif
