/* analyzer/settings_placeholder.c -- the ${...} in values, and what they name. */
#include "analyzer/settings_tree.h"

#include "base/limits.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
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
        settings_warn(tree, "%s: \"%s\" can be read by everyone on this machine", at->path, path);
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
static const char *find_variable(struct settings_tree *tree, const char *name, const char **spelled)
{
    char *copy = arena_strdup(tree->arena, name);

    *spelled = name;
    if (getenv(name))
        return getenv(name);
    for (char *c = copy; *c; c++)
        *c = *c == '.' || *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    *spelled = copy;
    return getenv(copy);
}

/* `name` as it stands between the braces, its own placeholders replaced. */
static enum err_code look_up(struct settings_tree *tree, const struct setting *at, char *name,
                             const char *raw_default, size_t n_default, unsigned depth,
                             struct strbuf *out, struct error *err)
{
    const struct setting *other = setting_find(tree->root, name);
    const char *variable, *spelled;

    if (other && other != at && other->kind == SETTING_SCALAR) { /* a: ${A} means the variable */
        tree->last.setting = true;
        settings_texts_add(tree, &tree->used, other->path);
        return expand(tree, at, str_of(other->text), depth, out, err);
    }
    variable = find_variable(tree, name, &spelled);
    if (variable && setting_key_is_secret(at->key))
        settings_texts_add(tree, &tree->taken, arena_strdup(tree->arena, spelled));
    if (variable)
        return take_variable(at, name, variable, out, err);
    if (raw_default)
        return expand(tree, at, (struct str){raw_default, n_default}, depth, out, err);
    return setting_error(at, err,
                         "${%s} is neither a setting nor an environment variable; set it, or write "
                         "${%s:default}",
                         name, name);
}

/* ${env:NAME}, ${file:PATH}, ${cred:NAME}; false: it is none of them. */
static bool read_reference(struct settings_tree *tree, const struct setting *at, const char *kind,
                           const char *rest, struct strbuf *out, struct error *err)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");

    if (strcmp(kind, "env") == 0) {
        const char *value = getenv(rest);

        settings_texts_add(tree, &tree->taken, rest);
        if (!value)
            setting_error(at, err, "the environment variable %s is not set", rest);
        else
            (void)(take_variable(at, rest, value, out, err) == ERR_OK);
    } else if (strcmp(kind, "file") == 0) {
        (void)(read_secret(tree, at, rest, out, err) == ERR_OK);
    } else if (strcmp(kind, "cred") != 0) {
        return false;
    } else if (!dir || strchr(rest, '/')) {
        setting_error(at, err,
                      dir ? "a credential's name has no slash"
                          : "there is no $CREDENTIALS_DIRECTORY");
    } else {
        (void)(read_secret(tree, at, arena_printf(tree->arena, "%s/%s", dir, rest), out, err) ==
               ERR_OK);
    }
    tree->last.secret = true;
    return true;
}

static enum err_code substitute(struct settings_tree *tree, const struct setting *at,
                                struct str inner, unsigned depth, struct strbuf *out,
                                struct error *err)
{
    const char *end = inner.bytes + inner.n_bytes;
    const char *colon = NULL, *rest = NULL;
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
    if (colon)
        rest = arena_strndup(tree->arena, colon + 1, (size_t)(end - colon - 1));
    if (!rest || !read_reference(tree, at, name.bytes, rest, out, err))
        (void)(look_up(tree, at, name.bytes, rest, rest ? strlen(rest) : 0, depth + 1, out, err) ==
               ERR_OK);
    if (err->code && tree->is_draft) {
        *err = (struct error){0};
        tree->last.missing = true;
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

/* "encrypted:s3!r:..." and "encryptedFile:..." are fetched by Kayenta from elsewhere. */
static bool needs_engine(const char *text)
{
    static const char *const prefixes[] = {"encrypted:", "encryptedFile:"};

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (strncmp(text, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

enum err_code setting_text(struct settings_tree *tree, const struct setting *setting,
                           const char **out, struct error *err)
{
    struct strbuf text = {.max_bytes = SECRET_MAX_BYTES};

    if (setting->kind != SETTING_SCALAR)
        return setting_error(setting, err, "one value was expected, not a %s",
                             setting->kind == SETTING_MAP ? "mapping" : "list");
    *out = NULL;
    memset(&tree->last, 0, sizeof(tree->last));
    if (!setting->text)
        return ERR_OK;
    if (needs_engine(setting->text)) {
        if (!tree->is_draft)
            return setting_error(setting, err,
                                 "this service has none of Kayenta's secret engines; write "
                                 "${file:/path} or ${env:NAME} in place of encrypted:...");
        tree->last.missing = tree->last.secret = true;
        *out = "";
        return ERR_OK;
    }
    if (expand(tree, setting, str_of(setting->text), 0, &text, err) == ERR_OK)
        *out = arena_strndup(tree->arena, strbuf_view(&text).bytes, text.n_bytes);
    strbuf_clear(&text);
    return err->code;
}
