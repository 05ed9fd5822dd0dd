/* analyzer/settings_read.c -- reading values out of the tree: placeholders, then types. */
#include "analyzer/settings_tree.h"

#include "base/limits.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_PLACEHOLDER_DEPTH 16u /* deeper is a circle */
#define MAX_SUBSTITUTIONS 10000u  /* in all; nested ones can multiply */

static enum err_code expand(struct settings_tree *tree, const struct setting *at, struct str text,
                            unsigned depth, struct strbuf *out, struct error *err);

/* --- what a placeholder names --- */

/* The content of a secret file, without the line break at its end. */
static enum err_code read_secret(struct settings_tree *tree, const struct setting *at,
                                 const char *path, struct strbuf *out, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *bytes = mem_alloc(SECRET_MAX_BYTES + 1, 1);
    struct stat info;
    ssize_t n = 0;
    size_t n_bytes = 0;

    if (fd < 0 || fstat(fd, &info) != 0) {
        setting_error(at, err, "could not read \"%s\": %s", path, strerror(errno));
        goto out;
    }
    if (!S_ISREG(info.st_mode)) {
        setting_error(at, err, "\"%s\" is not a regular file", path);
        goto out;
    }
    while (n_bytes <= SECRET_MAX_BYTES &&
           (n = read(fd, bytes + n_bytes, SECRET_MAX_BYTES + 1 - n_bytes)) > 0)
        n_bytes += (size_t)n;
    if (n < 0)
        setting_error(at, err, "could not read \"%s\": %s", path, strerror(errno));
    else if (n_bytes > SECRET_MAX_BYTES)
        setting_error(at, err, "\"%s\" is larger than %u KiB", path, SECRET_MAX_BYTES / KIB);
    if (err->code)
        goto out;
    while (n_bytes > 0 && (bytes[n_bytes - 1] == '\n' || bytes[n_bytes - 1] == '\r'))
        n_bytes--;
    if (n_bytes == 0 || memchr(bytes, '\0', n_bytes)) {
        setting_error(at, err, "\"%s\" %s", path, n_bytes ? "holds a NUL" : "is empty");
        goto out;
    }
    if (info.st_mode & S_IROTH)
        settings_notice(tree, "%s: \"%s\" can be read by everyone on this machine", at->path, path);
    strbuf_append(out, bytes, n_bytes);
out:
    if (fd >= 0)
        close(fd);
    free(bytes);
    return err->code;
}

static enum err_code take_variable(const struct setting *at, const char *name, const char *value,
                                   struct strbuf *out, struct error *err)
{
    if (strpbrk(value, "\r\n"))
        return setting_error(at, err, "the environment variable %s holds a line break", name);
    strbuf_puts(out, value);
    return ERR_OK;
}

/* As it is, then as Spring spells it: capitals, dots and dashes as underscores. */
static const char *find_variable(struct settings_tree *tree, const char *name)
{
    char *spelled = arena_strdup(tree->arena, name);

    if (getenv(name))
        return getenv(name);
    for (char *c = spelled; *c; c++)
        *c = *c == '.' || *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    return getenv(spelled);
}

/* `name` as it stands between the braces, its own placeholders replaced. */
static enum err_code look_up(struct settings_tree *tree, const struct setting *at, char *name,
                             const char *raw_default, size_t n_default, unsigned depth,
                             struct strbuf *out, struct error *err)
{
    const struct setting *other = setting_find(tree->root, name);
    const char *variable;

    if (other && other != at && other->kind == SETTING_SCALAR) /* a: ${A} means the variable */
        return expand(tree, at, str_of(other->text), depth, out, err);
    variable = find_variable(tree, name);
    if (variable)
        return take_variable(at, name, variable, out, err);
    if (raw_default)
        return expand(tree, at, (struct str){raw_default, n_default}, depth, out, err);
    return setting_error(at, err,
                         "${%s} is neither a setting nor an environment variable; set it, or write "
                         "${%s:default}",
                         name, name);
}

static enum err_code substitute(struct settings_tree *tree, const struct setting *at,
                                struct str inner, unsigned depth, struct strbuf *out,
                                struct error *err)
{
    const char *end = inner.bytes + inner.n_bytes;
    const char *colon = NULL;
    struct strbuf name = {0};
    unsigned n_open = 0;

    if (depth >= MAX_PLACEHOLDER_DEPTH || ++tree->n_substitutions > MAX_SUBSTITUTIONS)
        return setting_error(at, err, "its placeholders go round in a circle, or nest too deep");
    for (const char *c = inner.bytes; c < end && !colon; c++) {
        if (*c == '$' && c + 1 < end && c[1] == '{')
            n_open++;
        else if (*c == '}' && n_open)
            n_open--;
        else if (*c == ':' && !n_open)
            colon = c;
    }
    if (expand(tree, at, (struct str){inner.bytes, (size_t)((colon ? colon : end) - inner.bytes)},
               depth + 1, &name, err))
        goto out;
    strbuf_puts(&name, "");
    if (colon && strcmp(name.bytes, "env") == 0) {
        char *variable = arena_strndup(tree->arena, colon + 1, (size_t)(end - colon - 1));
        const char *value = getenv(variable);

        if (value)
            take_variable(at, variable, value, out, err);
        else
            setting_error(at, err, "the environment variable %s is not set", variable);
    } else if (colon && strcmp(name.bytes, "file") == 0) {
        read_secret(tree, at, arena_strndup(tree->arena, colon + 1, (size_t)(end - colon - 1)), out,
                    err);
    } else if (colon && strcmp(name.bytes, "cred") == 0) {
        const char *dir = getenv("CREDENTIALS_DIRECTORY");

        if (!dir || memchr(colon, '/', (size_t)(end - colon)))
            setting_error(at, err,
                          dir ? "a credential's name has no slash"
                              : "there is no $CREDENTIALS_DIRECTORY");
        else
            read_secret(
                tree, at,
                arena_printf(tree->arena, "%s/%.*s", dir, (int)(end - colon - 1), colon + 1), out,
                err);
    } else {
        look_up(tree, at, name.bytes, colon ? colon + 1 : NULL,
                colon ? (size_t)(end - colon - 1) : 0, depth + 1, out, err);
    }
out:
    strbuf_clear(&name);
    return err->code;
}

/* The brace that closes the one before `at`; NULL: there is none. */
static const char *closing_brace(const char *at, const char *end)
{
    unsigned n_open = 1;

    for (; at < end; at++) {
        if (*at == '$' && at + 1 < end && at[1] == '{')
            n_open++;
        else if (*at == '}' && --n_open == 0)
            return at;
    }
    return NULL;
}

/* Recursion ends at MAX_PLACEHOLDER_DEPTH. */
static enum err_code expand(struct settings_tree *tree, const struct setting *at, struct str text,
                            unsigned depth, struct strbuf *out, struct error *err)
{
    const char *c = text.bytes, *end = text.bytes + text.n_bytes;

    while (c < end) {
        const char *close =
            *c == '$' && c + 1 < end && c[1] == '{' ? closing_brace(c + 2, end) : NULL;

        if (close) {
            if (substitute(tree, at, (struct str){c + 2, (size_t)(close - c - 2)}, depth, out, err))
                return err->code;
            c = close + 1;
        } else {
            strbuf_append(out, c++, 1);
        }
    }
    if (out->is_full)
        return setting_error(at, err, "the value is larger than %u KiB", SECRET_MAX_BYTES / KIB);
    return ERR_OK;
}

/* --- typed reading --- */

enum err_code setting_text(struct settings_tree *tree, const struct setting *setting,
                           const char **out, struct error *err)
{
    struct strbuf text = {.max_bytes = SECRET_MAX_BYTES};

    if (setting->kind != SETTING_SCALAR)
        return setting_error(setting, err, "one value was expected, not a %s",
                             setting->kind == SETTING_MAP ? "mapping" : "list");
    *out = NULL;
    if (!setting->text)
        return ERR_OK;
    if (expand(tree, setting, str_of(setting->text), 0, &text, err) == ERR_OK)
        *out = arena_strndup(tree->arena, strbuf_view(&text).bytes, text.n_bytes);
    strbuf_clear(&text);
    return err->code;
}

enum err_code settings_read_text(struct settings_tree *tree, const char *path, const char **out,
                                 struct error *err)
{
    const struct setting *setting = setting_find(tree->root, path);

    return setting ? setting_text(tree, setting, out, err) : ERR_OK;
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
    const char *text = NULL;

    if (!setting || setting_text(tree, setting, &text, err))
        return err->code;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcasecmp(text, words[i].word) == 0) {
            *out = words[i].value;
            return ERR_OK;
        }
    }
    return setting_error(setting, err, "\"%.100s\" is neither true nor false", text);
}

enum err_code settings_read_count(struct settings_tree *tree, const char *path, int64_t min,
                                  int64_t max, int64_t *out, struct error *err)
{
    const struct setting *setting = setting_find(tree->root, path);
    const char *text = NULL;
    size_t n_digits;

    if (!setting || setting_text(tree, setting, &text, err))
        return err->code;
    n_digits = strspn(text, "0123456789");
    if (n_digits > 0 && n_digits <= 18 && text[n_digits] == '\0' && (n_digits == 1 || *text != '0'))
        *out = strtoll(text, NULL, 10);
    else
        n_digits = 0;
    if (n_digits == 0 || *out < min || *out > max)
        return setting_error(setting, err,
                             "\"%.100s\" is not a whole number from %" PRId64 " to %" PRId64, text,
                             min, max);
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

enum err_code settings_read_list(struct settings_tree *tree, const struct setting *setting,
                                 const char *const **out, size_t *n_out, struct error *err)
{
    const char *text = NULL;
    const char **items;
    size_t n = 0;

    if (setting->kind != SETTING_LIST) {
        if (setting_text(tree, setting, &text, err))
            return err->code;
        split(tree->arena, text ? text : "", out, n_out);
        return ERR_OK;
    }
    items = arena_array(tree->arena, const char *, setting->n_children);
    for (size_t i = 0; i < setting->n_children; i++) {
        if (setting_text(tree, setting->children[i], &text, err))
            return err->code;
        if (text)
            items[n++] = text;
    }
    *out = items;
    *n_out = n;
    return ERR_OK;
}
