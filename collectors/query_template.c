/* Expansion walks the text once and writes as it goes. A value is walked the same way, one level
 * down, so its own references are found without ever building an intermediate text. A small machine
 * follows what has been written and knows whether the next byte stands inside a quoted literal:
 * that decides what a value may hold. */
#include "collectors/query_template.h"

#include "base/limits.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

#define PROBLEM "Problem evaluating custom filter template: %s"
#define MAX_SHOWN_BYTES 1000u /* of the template, so that what follows fits into a message */
#define MAX_NAME_BYTES 256

struct expansion {
    const struct template_bindings *bindings;
    const char *text; /* the template, or the start of a long one, for messages */
    const char *metric_name;
    struct strbuf out;
    struct arena *arena;
    struct error *err;
    const char *open_names[REQUEST_MAX_EXTENDED_PARAMS + 8]; /* being expanded, outermost first */
    size_t depth;
    size_t n_substitutions;
    bool is_too_deep;
    char quote;         /* of the literal the next byte stands in; 0 outside; '#' in a comment */
    bool is_escaped;    /* the byte before was a backslash that counts */
    char outer_quote;   /* quote at the start of the outermost value */
    bool is_trusted;    /* the outermost value is a default, written by the template's author */
    const char *broken; /* the outermost value's name, once it has turned out to be unsafe */
};

enum err_code template_find(const struct metric_query *query, const char **out, struct error *err)
{
    const char *inline_text =
        json_string_value(json_object_get(query->config, "customInlineTemplate"));
    const char *name = json_string_value(json_object_get(query->config, "customFilterTemplate"));
    const char *old = json_string_value(json_object_get(query->config, "customFilter"));
    const json_t *text;

    *out = NULL;
    if (old && *old)
        return error_set(err, ERR_INVALID,
                         "CanaryMetricSetQueryConfig.customFilter is deprecated, use "
                         "CanaryMetricSetQueryConfig.customInlineTemplate instead.");
    if (inline_text && *inline_text) {
        *out = inline_text;
        return ERR_OK;
    }
    if (!name || !*name)
        return ERR_OK;
    if (json_object_size(query->templates) == 0)
        return error_set(err, ERR_INVALID,
                         "Custom filter template '%s' was referenced, but no templates were "
                         "defined.",
                         name);
    text = json_object_get(query->templates, name);
    if (!json_is_string(text) || json_string_length(text) == 0)
        return error_set(err, ERR_INVALID, "Custom filter template '%s' was not found.", name);
    *out = json_string_value(text);
    return ERR_OK;
}

static bool is_bare_safe(char c)
{
    return isalnum((unsigned char)c) || strchr("_.:-/*|", c) != NULL;
}

static enum err_code too_large(struct expansion *e)
{
    return error_because(e->err, ERR_INVALID, "template_too_large",
                         PROBLEM ": it expands to more than %u bytes or %u substitutions", e->text,
                         TEMPLATE_MAX_EXPANDED_BYTES, TEMPLATE_MAX_SUBSTITUTIONS);
}

/* Follow one written byte. Double and single quotes take backslash escapes, backticks do not; a #
 * outside quotes starts a comment up to the end of the line. */
static void follow(struct expansion *e, char c)
{
    if (e->is_escaped) {
        e->is_escaped = false;
    } else if (e->quote == '#') {
        e->quote = c == '\n' ? 0 : '#';
    } else if (e->quote == 0) {
        e->quote = strchr("\"'`#", c) ? c : 0;
    } else if (c == '\\') {
        e->is_escaped = e->quote != '`';
    } else if (c == e->quote) {
        e->quote = 0;
    }
}

/* One byte of a value: inside a literal it must not end it, nor be a control character. */
static bool is_safe(const struct expansion *e, char c)
{
    if (e->outer_quote == 0)
        return !e->bindings->refuse_bare || is_bare_safe(c);
    return e->quote == e->outer_quote && !iscntrl((unsigned char)c);
}

static enum err_code emit(struct expansion *e, char c)
{
    follow(e, c);
    if (e->depth && !e->is_trusted && !e->broken && !is_safe(e, c))
        e->broken = e->open_names[0];
    return strbuf_append(&e->out, &c, 1) ? ERR_OK : too_large(e);
}

static const char *find_value(const struct template_bindings *bindings, struct str name)
{
    for (size_t i = bindings->n_items; i-- > 0;)
        if (bindings->items[i].value && str_is(name, bindings->items[i].key))
            return bindings->items[i].value;
    return NULL;
}

static enum err_code unsafe_value(struct error *err, const char *name, const char *metric_name)
{
    return error_because(err, ERR_INVALID, "unsafe_template_value",
                         "the value of '%s' could leave its place in the query of metric "
                         "'%s'; it holds a quote, a backslash, a line break or another "
                         "character that is not allowed there",
                         name, metric_name);
}

static enum err_code expand(struct expansion *e, struct str text);

static enum err_code expand_value(struct expansion *e, const char *name, const char *value)
{
    enum err_code rc;

    for (size_t i = 0; i < e->depth; i++)
        if (strcmp(e->open_names[i], name) == 0)
            return error_because(e->err, ERR_INVALID, "template_cycle",
                                 PROBLEM ": the value of '%s' refers to itself", e->text, name);
    if (++e->n_substitutions > TEMPLATE_MAX_SUBSTITUTIONS || e->depth == ARRAY_LEN(e->open_names))
        return too_large(e);
    if (e->depth == 0)
        e->outer_quote = e->quote;
    e->open_names[e->depth++] = name;
    /* Go on a while even when it is too deep: a chain that also doubles is reported as too large.
     */
    e->is_too_deep |= e->depth > TEMPLATE_MAX_DEPTH;
    rc = expand(e, str_of(value));
    e->depth--;
    if (e->depth == 0 && e->outer_quote && e->is_escaped && !e->is_trusted && !e->broken)
        e->broken = name; /* an odd run of backslashes would escape what follows */
    if (rc == ERR_OK && e->depth == 0 && e->broken)
        return unsafe_value(e->err, e->broken, e->metric_name);
    return rc;
}

/* What stands between "${" and the first "}". */
static enum err_code expand_reference(struct expansion *e, struct str inner)
{
    const char *nested = memmem(inner.bytes, inner.n_bytes, "${", 2);
    size_t n_before = nested ? (size_t)(nested - inner.bytes) : inner.n_bytes;
    const char *colon = memmem(inner.bytes, n_before, ":-", 2);
    struct str name = inner;
    const char *value;

    if (colon)
        name.n_bytes = (size_t)(colon - inner.bytes);
    value = find_value(e->bindings, name);
    if (e->depth == 0)
        e->is_trusted = !value;
    if (!value && colon)
        value = arena_strndup(e->arena, colon + 2, inner.n_bytes - name.n_bytes - 2);
    if (!value)
        return error_because(e->err, ERR_INVALID, "undefined_variable",
                             PROBLEM ": no value for the variable '%.*s'", e->text,
                             (int)str_utf8_cut(name, MAX_NAME_BYTES), name.bytes);
    return expand_value(e, arena_strndup(e->arena, name.bytes, name.n_bytes), value);
}

/* Recursion ends: no name may be open twice. */
static enum err_code expand(struct expansion *e, struct str text)
{
    for (size_t at = 0; at < text.n_bytes; at++) {
        const char *here = text.bytes + at;
        size_t rest = text.n_bytes - at;
        const char *end = rest > 2 && memcmp(here, "${", 2) == 0 ? memchr(here, '}', rest) : NULL;

        if (end && at > 0 && here[-1] == '$') {
            end = NULL; /* "$${": the first $ is written already, the second is dropped */
            here++;
            at++;
        }
        if (!end) {
            if (emit(e, *here))
                return e->err->code;
            continue;
        }
        if (expand_reference(e, (struct str){here + 2, (size_t)(end - here) - 2}))
            return e->err->code;
        at += (size_t)(end - here);
    }
    return ERR_OK;
}

/* "$\{" -> "${" */
static char *unescape_braces(const char *text, struct arena *arena)
{
    char *copy = arena_strdup(arena, text);
    char *to = copy;

    for (const char *from = copy; *from; from++) {
        *to++ = *from;
        if (from[0] == '$' && from[1] == '\\' && from[2] == '{')
            from++;
    }
    *to = '\0';
    return copy;
}

enum err_code template_expand(const char *text, const struct template_bindings *bindings,
                              const char *metric_name, struct arena *arena, const char **out,
                              struct error *err)
{
    struct expansion e = {
        .bindings = bindings,
        .text = arena_strndup(arena, text, str_utf8_cut(str_of(text), MAX_SHOWN_BYTES)),
        .metric_name = metric_name,
        .out.max_bytes = TEMPLATE_MAX_EXPANDED_BYTES,
        .arena = arena,
        .err = err,
    };
    enum err_code rc = expand(&e, str_of(unescape_braces(text, arena)));

    if (rc == ERR_OK && e.is_too_deep)
        rc = error_because(err, ERR_INVALID, "template_cycle",
                           PROBLEM ": values refer to each other more than %u levels deep", e.text,
                           TEMPLATE_MAX_DEPTH);
    if (rc == ERR_OK)
        *out = arena_strndup(arena, e.out.bytes, e.out.n_bytes);
    strbuf_clear(&e.out);
    return rc;
}

enum err_code template_expand_query(const struct metric_query *query, const struct tag *named,
                                    size_t n_named, bool refuse_bare, struct arena *arena,
                                    const char **out, struct error *err)
{
    const struct scope *scope = &query->scope;
    struct template_bindings bindings = {.refuse_bare = refuse_bare};
    struct tag *items = arena_array(arena, struct tag, n_named + scope->n_extended_params);
    const char *text;

    *out = NULL;
    if (template_find(query, &text, err) || !text)
        return err->code;
    for (size_t i = 0; i < n_named; i++)
        if (named[i].value && named[i].value[0] != '\0')
            items[bindings.n_items++] = named[i];
    for (size_t i = 0; i < scope->n_extended_params; i++)
        items[bindings.n_items++] = scope->extended_params[i];
    bindings.items = items;
    return template_expand(text, &bindings, query->metric_name, arena, out, err);
}

enum err_code template_check_quoted(const char *name, const char *value, char quote,
                                    const char *metric_name, struct error *err)
{
    static const struct template_bindings none = {0};
    struct expansion e = {.bindings = &none, .quote = quote, .outer_quote = quote};
    bool is_fine = true;

    for (; value && *value && is_fine; value++) {
        follow(&e, *value);
        is_fine = is_safe(&e, *value);
    }
    return is_fine && !e.is_escaped ? ERR_OK : unsafe_value(err, name, metric_name);
}

static enum err_code check_plain(const char *name, const char *value, const char *metric_name,
                                 struct error *err)
{
    for (const char *c = value; c && *c; c++)
        if (strchr("\"'\\{}", *c) || iscntrl((unsigned char)*c))
            return unsafe_value(err, name, metric_name);
    return ERR_OK;
}

enum err_code template_check_scope(const struct scope *scope, const char *metric_name,
                                   struct error *err)
{
    if (check_plain("scope", scope->scope, metric_name, err) ||
        check_plain("location", scope->location, metric_name, err))
        return err->code;
    for (size_t i = 0; i < scope->n_extended_params; i++)
        if (check_plain(scope->extended_params[i].key, scope->extended_params[i].value, metric_name,
                        err))
            return err->code;
    return ERR_OK;
}
