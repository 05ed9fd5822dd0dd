#include "collectors/file_selector.h"

#include <ctype.h>
#include <string.h>

const char *file_quoted_read(const char **at, const char *end, struct arena *arena)
{
    const char *close = *at;
    char *out, *text;

    while (close < end && *close != '"')
        close += *close == '\\' && close + 1 < end ? 2 : 1;
    if (close >= end)
        return NULL;
    text = out = arena_alloc(arena, (size_t)(close - *at) + 1, 1);
    for (const char *in = *at; in < close; in++) {
        if (*in != '\\')
            *out++ = *in;
        else if (*++in == 'n')
            *out++ = '\n';
        else if (*in == '\\' || *in == '"')
            *out++ = *in;
        else
            return NULL;
    }
    *at = close + 1;
    return text;
}

static const char *skip_spaces(const char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

/* NULL: it is none. */
static const char *read_matcher(const char *at, struct arena *arena, struct file_matcher *out)
{
    const char *key = at = skip_spaces(at);

    while (isalnum((unsigned char)*at) || (*at && strchr("_.:-/", *at)))
        at++;
    if (at == key)
        return NULL;
    out->key = arena_strndup(arena, key, (size_t)(at - key));
    at = skip_spaces(at);
    out->is_not = *at == '!';
    at += out->is_not;
    if (*at++ != '=')
        return NULL;
    at = skip_spaces(at);
    if (*at++ != '"')
        return NULL;
    out->value = file_quoted_read(&at, at + strlen(at), arena);
    return out->value ? skip_spaces(at) : NULL;
}

/* From behind the opening brace. */
static bool read_matchers(const char *at, struct arena *arena, struct file_selector *out)
{
    size_t capacity = 0;

    at = skip_spaces(at);
    while (*at && *at != '}') {
        out->matchers =
            arena_grow(arena, out->matchers, out->n_matchers, &capacity, sizeof(*out->matchers));
        at = read_matcher(at, arena, &out->matchers[out->n_matchers]);
        if (!at)
            return false;
        out->n_matchers++;
        if (*at == ',')
            at = skip_spaces(at + 1);
        else if (*at != '}')
            return false;
    }
    return *at == '}' && *skip_spaces(at + 1) == '\0';
}

static bool read_selector(const char *text, struct arena *arena, struct file_selector *out)
{
    const char *at = skip_spaces(text);
    size_t n;

    if (*at == '"') {
        at++;
        out->name = file_quoted_read(&at, at + strlen(at), arena);
        if (!out->name)
            return false;
        at = skip_spaces(at);
    } else {
        n = strcspn(at, "{}\"");
        out->name = arena_strndup(arena, at, n);
        at += n;
        while (n && (out->name[n - 1] == ' ' || out->name[n - 1] == '\t'))
            n--;
        out->name = arena_strndup(arena, out->name, n);
    }
    if (*at == '\0')
        return *out->name;
    return *out->name && *at == '{' && read_matchers(at + 1, arena, out);
}

enum err_code file_selector_read(const char *text, struct arena *arena, struct file_selector *out,
                                 struct error *err)
{
    *out = (struct file_selector){0};
    if (!read_selector(text, arena, out))
        return error_because(err, ERR_INVALID, "bad_query",
                             "file selector '%.512s' cannot be read; it is a name, or a name with "
                             "{label=\"value\",other!=\"value\"} behind it",
                             text);
    return ERR_OK;
}

const char *file_selector_of_name(const char *name, struct arena *arena)
{
    struct strbuf text = {0};
    const char *copy;

    if (!strpbrk(name, "{}\"\\\n") && *name != ' ' && *name != '\t')
        return name;
    strbuf_puts(&text, "\"");
    for (; *name; name++) {
        if (*name == '\n') {
            strbuf_puts(&text, "\\n");
            continue;
        }
        if (*name == '"' || *name == '\\')
            strbuf_puts(&text, "\\");
        strbuf_append(&text, name, 1);
    }
    strbuf_puts(&text, "\"");
    copy = arena_strndup(arena, text.bytes, text.n_bytes);
    strbuf_clear(&text);
    return copy;
}

bool file_selector_matches(const struct file_selector *selector, const struct file_label *labels,
                           size_t n_labels)
{
    for (size_t i = 0; i < selector->n_matchers; i++) {
        const struct file_matcher *matcher = &selector->matchers[i];
        const char *value = "";

        for (size_t k = 0; k < n_labels; k++)
            if (strcmp(labels[k].key, matcher->key) == 0)
                value = labels[k].value;
        if ((strcmp(value, matcher->value) == 0) == matcher->is_not)
            return false;
    }
    return true;
}

bool file_selector_fixes(const struct file_selector *selector, const char *key)
{
    for (size_t i = 0; i < selector->n_matchers; i++)
        if (!selector->matchers[i].is_not && strcmp(selector->matchers[i].key, key) == 0)
            return true;
    return false;
}
