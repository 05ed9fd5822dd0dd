#include "analyzer/settings_tree.h"

#include "analyzer/codec/yaml_json.h"
#include "base/json.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_KEY_PARTS 16u /* of a dotted key: trees are walked by recursion */

void settings_tree_init(struct settings_tree *tree, struct arena *arena)
{
    *tree = (struct settings_tree){.arena = arena, .root = arena_new(arena, struct setting)};
    tree->root->key = tree->root->path = tree->root->origin = "";
    tree->root->kind = SETTING_MAP;
}

void settings_texts_add(struct settings_tree *tree, struct settings_texts *list, const char *text)
{
    list->items =
        arena_grow(tree->arena, list->items, list->n_items, &list->capacity, sizeof(*list->items));
    list->items[list->n_items++] = text;
}

bool settings_stops(struct settings_tree *tree, struct error *err)
{
    if (!err->code)
        return false;
    if (!tree->collects_problems)
        return true;
    settings_texts_add(tree, &tree->problems, arena_strdup(tree->arena, err->message));
    *err = (struct error){0};
    return false;
}

void settings_notice(struct settings_tree *tree, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    settings_texts_add(tree, &tree->notices, arena_vprintf(tree->arena, fmt, args));
    va_end(args);
}

void settings_warn(struct settings_tree *tree, const char *fmt, ...)
{
    const char *text;
    va_list args;

    va_start(args, fmt);
    text = arena_vprintf(tree->arena, fmt, args);
    va_end(args);
    for (size_t i = 0; i < tree->warnings.n_items; i++)
        if (strcmp(tree->warnings.items[i], text) == 0)
            return; /* what many accounts share is said once */
    settings_texts_add(tree, &tree->warnings, text);
}

void settings_drop(struct settings_tree *tree, const struct setting *setting, const char *why)
{
    settings_texts_add(tree, &tree->dropped,
                       arena_printf(tree->arena, "%s (%s): %s", setting->path,
                                    setting_origin(setting, tree->arena), why));
}

const char *setting_origin(const struct setting *setting, struct arena *arena)
{
    return setting->line ? arena_printf(arena, "%s:%d", setting->origin, setting->line)
                         : setting->origin;
}

enum err_code setting_error(const struct setting *setting, struct error *err, const char *fmt, ...)
{
    struct strbuf text = {0};
    va_list args;

    strbuf_puts(&text, setting->origin);
    if (setting->line)
        strbuf_printf(&text, ":%d", setting->line);
    strbuf_printf(&text, ": %s: ", setting->path);
    va_start(args, fmt);
    strbuf_vprintf(&text, fmt, args);
    va_end(args);
    error_set(err, ERR_SETTINGS, "%s", text.bytes);
    strbuf_clear(&text);
    return err->code;
}

/* --- keys --- */

bool setting_key_equal(const char *a, size_t n_a, const char *b)
{
    const char *end = a + n_a;

    for (;;) {
        while (a < end && (*a == '-' || *a == '_'))
            a++;
        while (*b == '-' || *b == '_')
            b++;
        if (a == end || *b == '\0')
            return a == end && *b == '\0';
        if (tolower((unsigned char)*a++) != tolower((unsigned char)*b++))
            return false;
    }
}

bool setting_is_free_map(const char *key)
{
    static const char *const names[] = {"headers",  "queryParams",    "requests", "vars",
                                        "pathVars", "endpointParams", "sides"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (setting_key_equal(key, strlen(key), names[i]))
            return true;
    return false;
}

static struct setting *find_child(const struct setting *map, const char *key, size_t n_bytes,
                                  bool is_exact)
{
    for (size_t i = 0; i < map->n_children; i++) {
        struct setting *child = map->children[i];

        if (is_exact ? strlen(child->key) == n_bytes && memcmp(child->key, key, n_bytes) == 0
                     : setting_key_equal(key, n_bytes, child->key))
            return child;
    }
    return NULL;
}

/* One step of a dotted path: a name, then any number of [index]. */
struct step {
    const char *name;
    size_t n_bytes;
    const char *rest; /* "[0].x", ".x" or "" */
};

static struct step step_of(const char *path)
{
    size_t n = strcspn(path, ".[");

    return (struct step){path, n, path + n};
}

/* Reads "[12]" at *rest and goes past it; false when there is none. */
static bool take_index(const char **rest, size_t *out)
{
    size_t n_digits;

    if (**rest != '[')
        return false;
    n_digits = strspn(*rest + 1, "0123456789");
    if (n_digits == 0 || n_digits > 4 || (*rest)[1 + n_digits] != ']')
        return false;
    *out = (size_t)strtoul(*rest + 1, NULL, 10);
    *rest += n_digits + 2;
    return true;
}

const struct setting *setting_find(const struct setting *from, const char *path)
{
    while (from && *path) {
        struct step step = step_of(path);
        size_t index;

        if (step.n_bytes > 0)
            from =
                from->kind == SETTING_MAP ? find_child(from, step.name, step.n_bytes, false) : NULL;
        path = step.rest;
        while (from && take_index(&path, &index))
            from = from->kind == SETTING_LIST && index < from->n_children ? from->children[index]
                                                                          : NULL;
        if (*path == '.')
            path++;
        else if (*path)
            return NULL;
    }
    return from && (from->kind != SETTING_SCALAR || from->text) ? from : NULL;
}

/* --- building --- */

static struct setting *add_child(struct settings_tree *tree, struct setting *parent,
                                 const char *key, size_t n_bytes)
{
    struct setting *child = arena_new(tree->arena, struct setting);

    parent->children = arena_grow(tree->arena, parent->children, parent->n_children,
                                  &parent->capacity, sizeof(*parent->children));
    child->key = arena_strndup(tree->arena, key, n_bytes);
    child->path = parent->kind == SETTING_LIST
                      ? arena_printf(tree->arena, "%s[%zu]", parent->path, parent->n_children)
                      : arena_printf(tree->arena, "%s%s%s", parent->path, *parent->path ? "." : "",
                                     child->key);
    parent->children[parent->n_children++] = child;
    return child;
}

/* Where values come from: for messages. */
struct source {
    struct settings_tree *tree;
    const char *origin;
    struct error *err;
};

static void become(struct setting *setting, enum setting_kind kind, const struct source *source,
                   int line)
{
    if (setting->kind != kind || kind != SETTING_MAP) { /* only maps are merged */
        setting->kind = kind;
        setting->children = NULL;
        setting->n_children = setting->capacity = 0;
        setting->text = NULL;
    }
    setting->origin = source->origin;
    if (line)
        setting->line = line;
}

/* The child that `path` names below `map`, made if need be; a list in the way is kept. */
static struct setting *make_path(const struct source *source, struct setting *at, const char *path,
                                 int line)
{
    const char *whole = path;

    for (unsigned n_parts = 0; *path; n_parts++) {
        struct step step = step_of(path);
        struct setting *child;
        size_t index;

        if (n_parts == MAX_KEY_PARTS || step.n_bytes == 0)
            break;
        if (at->kind != SETTING_MAP)
            become(at, SETTING_MAP, source, line);
        child = find_child(at, step.name, step.n_bytes, false);
        at = child ? child : add_child(source->tree, at, step.name, step.n_bytes);
        path = step.rest;
        while (take_index(&path, &index)) {
            if (at->kind != SETTING_LIST)
                become(at, SETTING_LIST, source, line);
            if (index > at->n_children)
                break;
            at = index < at->n_children ? at->children[index] : add_child(source->tree, at, "", 0);
        }
        if (*path == '\0')
            return at;
        if (*path != '.' || path[1] == '\0')
            break;
        path++;
    }
    error_set(source->err, ERR_SETTINGS, "%s%s: cannot read the key \"%.200s\"", source->origin,
              line ? arena_printf(source->tree->arena, ":%d", line) : "", whole);
    return NULL;
}

static enum err_code put(const struct source *source, struct setting *at, const json_t *value,
                         const json_t *mark, int line, bool is_free);

static enum err_code put_members(const struct source *source, struct setting *at,
                                 const json_t *object, const json_t *mark, int line, bool is_free)
{
    const char *key;
    json_t *member;

    json_object_foreach ((json_t *)(uintptr_t)object, key, member) {
        const json_t *child_mark = yaml_mark_member(mark, key);
        int child_line = yaml_mark_line(child_mark) ? yaml_mark_line(child_mark) : line;
        struct setting *child;

        if (is_free) {
            child = find_child(at, key, strlen(key), true);
            if (!child)
                child = add_child(source->tree, at, key, strlen(key));
        } else {
            child = make_path(source, at, key, child_line);
            if (!child)
                return source->err->code;
        }
        if (put(source, child, member, child_mark, child_line,
                is_free || setting_is_free_map(child->key)))
            return source->err->code;
    }
    return ERR_OK;
}

/* Depth: that of the document (64), times the parts of a dotted key. */
static enum err_code put(const struct source *source, struct setting *at, const json_t *value,
                         const json_t *mark, int line, bool is_free)
{
    json_t *element;
    size_t i;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        become(at, SETTING_MAP, source, line);
        return put_members(source, at, value, mark, line, is_free);
    case JSON_ARRAY:
        become(at, SETTING_LIST, source, line);
        json_array_foreach (value, i, element) {
            const json_t *child_mark = yaml_mark_element(mark, i);

            if (put(source, add_child(source->tree, at, "", 0), element, child_mark,
                    child_mark ? yaml_mark_line(child_mark) : line, is_free))
                return source->err->code;
        }
        return ERR_OK;
    default: {
        const char *text = json_scalar_text(value, source->tree->arena);

        become(at, SETTING_SCALAR, source, line);
        at->text = text ? arena_strdup(source->tree->arena, text) : NULL;
        at->type = json_typeof(value);
        return ERR_OK;
    }
    }
}

enum err_code settings_tree_merge(struct settings_tree *tree, const json_t *document,
                                  const json_t *marks, const char *file, struct error *err)
{
    struct source source = {tree, arena_strdup(tree->arena, file), err};

    if (!json_is_object(document))
        return error_set(err, ERR_SETTINGS, "%s: settings are a mapping, not a list", file);
    return put(&source, tree->root, document, marks, 0, false);
}

enum err_code settings_tree_set(struct settings_tree *tree, const char *path, const char *text,
                                const char *origin, struct error *err)
{
    struct source source = {tree, origin, err};
    struct setting *at = make_path(&source, tree->root, path, 0);

    if (!at)
        return err->code;
    become(at, SETTING_SCALAR, &source, 0);
    at->line = 0;
    at->text = arena_strdup(tree->arena, text);
    at->type = JSON_STRING;
    return ERR_OK;
}
