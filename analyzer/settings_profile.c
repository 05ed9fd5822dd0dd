/* An expression is names joined by & or by |, each perhaps with a ! before it, with parentheses.
 * Spring refuses "a & b | c", for readers differ on what it means; so do we. */
#include "analyzer/settings_profile.h"

#include <stdlib.h>
#include <string.h>

#define MAX_EXPRESSION_DEPTH 8u

struct settings_profiles settings_profiles_active(struct arena *arena)
{
    static const char *const usual[] = {"test", "local"};
    const char *text = getenv("SPRING_PROFILES_ACTIVE");
    const char **names;
    size_t n = 0;

    if (!text)
        return (struct settings_profiles){usual, ARRAY_LEN(usual)};
    names = arena_array(arena, const char *, strlen(text) / 2 + 1);
    while (*text) {
        size_t n_bytes;

        text += strspn(text, ", \t");
        n_bytes = strcspn(text, ", \t");
        if (n_bytes && !memchr(text, '/', n_bytes)) /* it becomes part of a file's name */
            names[n++] = arena_strndup(arena, text, n_bytes);
        text += n_bytes;
    }
    return (struct settings_profiles){names, n};
}

const char *settings_profiles_text(struct arena *arena)
{
    struct settings_profiles active = settings_profiles_active(arena);
    const char *text = active.n_names ? active.names[0] : "none";

    for (size_t i = 1; i < active.n_names; i++)
        text = arena_printf(arena, "%s, %s", text, active.names[i]);
    return text;
}

struct expression {
    const char *at;
    struct settings_profiles active;
    unsigned depth;
    bool is_broken;
};

static void skip_space(struct expression *e)
{
    e->at += strspn(e->at, " \t");
}

static bool is_active(const struct expression *e, const char *name, size_t n_bytes)
{
    for (size_t i = 0; i < e->active.n_names; i++)
        if (strlen(e->active.names[i]) == n_bytes && memcmp(e->active.names[i], name, n_bytes) == 0)
            return true;
    return e->active.n_names == 0 && n_bytes == strlen("default") &&
           memcmp(name, "default", n_bytes) == 0;
}

static bool any_or_all(struct expression *e);

/* A name, or an expression in parentheses, with any number of ! before it. */
static bool operand(struct expression *e)
{
    bool is_negated = false, value;
    size_t n_bytes;

    for (skip_space(e); *e->at == '!'; skip_space(e)) {
        is_negated = !is_negated;
        e->at++;
    }
    if (*e->at == '(') {
        e->at++;
        e->is_broken = e->is_broken || ++e->depth > MAX_EXPRESSION_DEPTH;
        value = !e->is_broken && any_or_all(e);
        e->is_broken = e->is_broken || *e->at != ')';
        e->at += *e->at == ')';
        e->depth--;
    } else {
        n_bytes = strcspn(e->at, " \t!&|()");
        e->is_broken = e->is_broken || n_bytes == 0;
        value = is_active(e, e->at, n_bytes);
        e->at += n_bytes;
    }
    skip_space(e);
    return value != is_negated;
}

/* Up to the end or a closing parenthesis. Depth: MAX_EXPRESSION_DEPTH. */
static bool any_or_all(struct expression *e)
{
    bool value = operand(e);
    char joint = *e->at;

    while (!e->is_broken && (*e->at == '&' || *e->at == '|')) {
        bool next;

        e->is_broken = *e->at++ != joint;
        next = operand(e);
        value = joint == '&' ? value && next : value || next;
    }
    return value;
}

enum err_code settings_profile_matches(struct settings_tree *tree, const struct setting *list,
                                       bool *out, struct error *err)
{
    struct settings_profiles active = settings_profiles_active(tree->arena);
    const char *const *items;
    size_t n_items;

    *out = false;
    if (settings_read_list(tree, list, &items, &n_items, err))
        return err->code;
    for (size_t i = 0; i < n_items; i++) {
        struct expression e = {.at = items[i], .active = active};
        bool value = any_or_all(&e);

        if (e.is_broken || *e.at)
            return setting_error(list, err,
                                 "\"%.100s\" is not a profile, or an expression such as "
                                 "\"prod & !(eu | us)\"",
                                 items[i]);
        *out = *out || value;
    }
    return ERR_OK;
}
