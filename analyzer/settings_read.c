/* analyzer/settings_read.c -- values of the types that settings have, and what is noted of them. */
#include "analyzer/settings_keys.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- what is shown of them --- */

/* Letters and digits at the end of `key`, case aside, are `end`. */
static bool ends_with(const char *key, const char *end)
{
    size_t n = strlen(key), n_end = strlen(end);

    return n >= n_end && strcasecmp(key + n - n_end, end) == 0;
}

bool setting_key_is_secret(const char *key)
{
    static const char *const ends[] = {"password", "passphrase", "secret", "token"};
    static const char *const names[] = {
        "apiKey",    "applicationKey",  "userKey",          "accessKey",     "accessKeyId",
        "secretKey", "secretAccessKey", "accountAccessKey", "authorization",
    };

    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (ends_with(key, ends[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (setting_key_equal(key, strlen(key), names[i]))
            return true;
    return false;
}

/* The @ that ends a URL's user info; NULL: it has none. */
static const char *user_info_end(const char *text)
{
    const char *host = strstr(text, "://");

    return host ? memrchr(host + 3, '@', strcspn(host + 3, "?#/")) : NULL;
}

bool setting_has_user_info(const char *text)
{
    return user_info_end(text) != NULL;
}

const char *setting_mask_url(const char *text, struct arena *arena)
{
    const char *at = user_info_end(text);

    return at ? arena_printf(arena, "%.*s***%s", (int)(strstr(text, "://") + 3 - text), text, at)
              : text;
}

/* "${NAME}", "${NAME:default}" -> "${env:NAME}", so that no default is given away; ${env:NAME} and
 * the like stay. NULL: there is more to it than one reference. */
static const char *secret_reference(const char *raw, bool is_setting, struct arena *arena)
{
    static const char *const kinds[] = {"${env:", "${file:", "${cred:"};
    size_t n = strlen(raw);
    size_t n_name;
    char *name;

    if (n < 4 || strncmp(raw, "${", 2) != 0 || strchr(raw, '}') != raw + n - 1)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strncmp(raw, kinds[i], strlen(kinds[i])) == 0)
            return raw;
    n_name = strcspn(raw + 2, ":}");
    if (is_setting || n_name == 0 || memchr(raw + 2, '$', n_name))
        return NULL;
    name = arena_strndup(arena, raw + 2, n_name);
    for (char *c = name; !getenv(name) && *c; c++)
        *c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
    return arena_printf(arena, "${env:%s}", name);
}

struct setting_line *settings_show_line(struct settings_tree *tree, const char *path,
                                        const struct setting *from, const char *const *values,
                                        size_t n_values)
{
    struct setting_line *line;

    tree->lines = arena_grow(tree->arena, tree->lines, tree->n_lines, &tree->lines_capacity,
                             sizeof(*tree->lines));
    line = &tree->lines[tree->n_lines++];
    *line = (struct setting_line){
        .path = path,
        .values = values,
        .n_values = n_values,
        .from = from,
    };
    return line;
}

void settings_show_text(struct settings_tree *tree, const char *path, const struct setting *from,
                        const char *text, bool is_secret)
{
    const char **value = arena_new(tree->arena, const char *);
    const char *raw = from && from->kind == SETTING_SCALAR ? from->text : NULL;
    struct setting_line *line;

    if (!text)
        return;
    *value = text;
    line = settings_show_line(tree, path, from, value, 1);
    line->is_secret = is_secret || (from && setting_key_is_secret(from->key)) ||
                      setting_has_user_info(text) || (raw && tree->last.secret);
    if (!raw || !strstr(raw, "${"))
        return;
    if (line->is_secret)
        line->reference = secret_reference(raw, tree->last.setting, tree->arena);
    else if (!tree->last.setting)
        line->reference = raw;
}

/* --- typed reading --- */

/* Those that are part of another setting are shown there. */
static void show(struct settings_tree *tree, const char *path, const struct setting *from,
                 const char *text)
{
    if (settings_key_is_shown(path))
        settings_show_text(tree, path, from, text, false);
}

/* The text of a setting for reading; *out is NULL when there is none, or (in a draft) no value for
 * it: its default stands then. */
static enum err_code read_typed(struct settings_tree *tree, const struct setting *setting,
                                const char **out, struct error *err)
{
    *out = NULL;
    if (setting && setting_text(tree, setting, out, err) == ERR_OK && tree->last.missing)
        *out = NULL;
    return err->code;
}

enum err_code settings_read_text(struct settings_tree *tree, const char *path, const char **out,
                                 struct error *err)
{
    const struct setting *setting = setting_find(tree->root, path);
    const char *text;

    if (read_typed(tree, setting, &text, err))
        return err->code;
    if (text)
        *out = text;
    show(tree, path, setting, *out);
    return ERR_OK;
}

/* The words Spring takes for a boolean. */
enum err_code settings_read_flag(struct settings_tree *tree, const char *path, bool *out,
                                 struct error *err)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"true", true},   {"on", true},   {"yes", true}, {"1", true},
                 {"false", false}, {"off", false}, {"no", false}, {"0", false}};
    const struct setting *setting = setting_find(tree->root, path);
    const char *text;
    size_t i = 0;

    if (read_typed(tree, setting, &text, err))
        return err->code;
    while (text && i < ARRAY_LEN(words) && strcasecmp(text, words[i].word) != 0)
        i++;
    if (i == ARRAY_LEN(words))
        return setting_error(setting, err, "\"%.100s\" is neither true nor false", text);
    if (text)
        *out = words[i].value;
    show(tree, path, setting, *out ? "true" : "false");
    return ERR_OK;
}

enum err_code settings_read_count(struct settings_tree *tree, const char *path, int64_t min,
                                  int64_t max, int64_t *out, struct error *err)
{
    const struct setting *setting = setting_find(tree->root, path);
    const char *text;
    size_t n_digits;

    if (read_typed(tree, setting, &text, err))
        return err->code;
    if (text) {
        n_digits = strspn(text, "0123456789");
        if (n_digits > 0 && n_digits <= 18 && text[n_digits] == '\0' &&
            (n_digits == 1 || *text != '0'))
            *out = strtoll(text, NULL, 10);
        else
            n_digits = 0;
        if (n_digits == 0 || *out < min || *out > max)
            return setting_error(setting, err,
                                 "\"%.100s\" is not a whole number from %" PRId64 " to %" PRId64,
                                 text, min, max);
    }
    show(tree, path, setting, arena_printf(tree->arena, "%" PRId64, *out));
    return ERR_OK;
}

/* "a, b" -> {"a", "b"}; empty parts are left out. */
static void split(struct arena *arena, const char *text, const char *const **out, size_t *n_out)
{
    const char **items = arena_array(arena, const char *, strlen(text) / 2 + 1);
    size_t n = 0;

    while (*text) {
        size_t n_bytes, n_kept;

        text += strspn(text, " ,\t");
        n_bytes = strcspn(text, ",");
        for (n_kept = n_bytes; n_kept > 0 && isspace((unsigned char)text[n_kept - 1]); n_kept--)
            ;
        if (n_kept)
            items[n++] = arena_strndup(arena, text, n_kept);
        text += n_bytes;
    }
    *out = items;
    *n_out = n;
}

/* In a draft, an item that names something that is not there stays as it is written. */
enum err_code settings_read_list(struct settings_tree *tree, const struct setting *setting,
                                 const char *const **out, size_t *n_out, struct error *err)
{
    bool took_secret = false, is_missing = false;
    const char *text = NULL;
    const char **items;
    size_t n = 0;

    memset(&tree->last, 0, sizeof(tree->last)); /* a list may be empty */
    if (setting->kind != SETTING_LIST) {
        if (setting_text(tree, setting, &text, err))
            return err->code;
        if (!tree->last.missing) {
            split(tree->arena, text ? text : "", out, n_out);
            return ERR_OK;
        }
    }
    items = arena_array(tree->arena, const char *, setting->n_children + 1);
    for (size_t i = 0; i < setting->n_children; i++) {
        if (setting_text(tree, setting->children[i], &text, err))
            return err->code;
        if (text)
            items[n++] = tree->last.missing ? setting->children[i]->text : text;
        took_secret = took_secret || tree->last.secret;
        is_missing = is_missing || tree->last.missing;
    }
    if (setting->kind != SETTING_LIST)
        items[n++] = setting->text;
    else
        tree->last.missing = is_missing;
    tree->last.secret = tree->last.secret || took_secret;
    *out = items;
    *n_out = n;
    return ERR_OK;
}

enum err_code settings_read_texts(struct settings_tree *tree, const char *path,
                                  const char *const **out, size_t *n_out, struct error *err)
{
    const struct setting *setting = setting_find(tree->root, path);
    struct setting_line *line;

    if (setting && settings_read_list(tree, setting, out, n_out, err))
        return err->code;
    line = settings_show_line(tree, path, setting, *out, *n_out);
    line->is_list = true;
    line->is_secret = setting && tree->last.secret;
    return ERR_OK;
}
