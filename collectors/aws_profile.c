#include "collectors/aws_profile.h"

#include "base/str.h"
#include "collectors/account.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char *at_home(const char *path, struct arena *arena)
{
    const char *home = getenv("HOME");

    return strncmp(path, "~/", 2) == 0 ? arena_printf(arena, "%s%s", home ? home : "", path + 1)
                                       : path;
}

/* *out stays NULL for a file that nobody named and that is not there. */
static enum err_code read_file(const char *given, const char *variable, const char *usual,
                               struct arena *arena, const char **out, struct error *err)
{
    const char *path = given ? given : getenv(variable);
    struct secret text;

    *out = NULL;
    if (!path || !*path) {
        path = at_home(usual, arena);
        if (access(path, F_OK) != 0)
            return ERR_OK;
    }
    if (secret_read_all(at_home(path, arena), arena, &text, err))
        return err->code;
    *out = text.value;
    return ERR_OK;
}

enum err_code aws_files_read(const char *credentials_path, const char *config_path,
                             struct arena *arena, struct aws_files *out, struct error *err)
{
    if (read_file(credentials_path, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", arena,
                  &out->credentials, err) ||
        read_file(config_path, "AWS_CONFIG_FILE", "~/.aws/config", arena, &out->config, err))
        return err->code;
    return ERR_OK;
}

static struct str trimmed(struct str text)
{
    while (text.n_bytes && isspace((unsigned char)*text.bytes)) {
        text.bytes++;
        text.n_bytes--;
    }
    while (text.n_bytes && isspace((unsigned char)text.bytes[text.n_bytes - 1]))
        text.n_bytes--;
    return text;
}

/* "# ..." and "; ..." behind white space. */
static struct str without_comment(struct str text)
{
    for (size_t i = 0; i < text.n_bytes; i++)
        if ((text.bytes[i] == '#' || text.bytes[i] == ';') &&
            (i == 0 || isspace((unsigned char)text.bytes[i - 1])))
            text.n_bytes = i;
    return trimmed(text);
}

static bool is_section(struct str line, const char *profile, bool is_config)
{
    static const char word[] = "profile";
    size_t n_word = strlen(word);

    line.bytes++;
    line.n_bytes -= 2;
    line = trimmed(line);
    if (is_config && line.n_bytes > n_word && memcmp(line.bytes, word, n_word) == 0 &&
        isspace((unsigned char)line.bytes[n_word]))
        return str_is(trimmed((struct str){line.bytes + n_word, line.n_bytes - n_word}), profile);
    return (!is_config || str_is(line, "default")) && str_is(line, profile);
}

/* The value of `key` in the section; with NULL for the key "" when there is the section. */
static bool find(const char *text, bool is_config, const char *profile, const char *key,
                 struct str *out)
{
    bool is_inside = false;

    while (text && *text) {
        size_t n = strcspn(text, "\n");
        bool is_indented =
            *text == ' ' || *text == '\t'; /* of a nested map, which we do not read */
        struct str line = without_comment((struct str){text, n});
        const char *equals = line.n_bytes ? memchr(line.bytes, '=', line.n_bytes) : NULL;

        text += n + (text[n] == '\n');
        if (line.n_bytes > 2 && *line.bytes == '[' && line.bytes[line.n_bytes - 1] == ']') {
            is_inside = is_section(line, profile, is_config);
            if (is_inside && !key)
                return true;
        } else if (is_inside && key && equals && !is_indented) {
            struct str name = trimmed((struct str){line.bytes, (size_t)(equals - line.bytes)});

            if (name.n_bytes == strlen(key) && strncasecmp(name.bytes, key, name.n_bytes) == 0) {
                *out = trimmed(
                    (struct str){equals + 1, line.n_bytes - (size_t)(equals + 1 - line.bytes)});
                return out->n_bytes > 0;
            }
        }
    }
    return false;
}

bool aws_profile_is_there(const struct aws_files *files, const char *profile)
{
    struct str ignored;

    return find(files->credentials, false, profile, NULL, &ignored) ||
           find(files->config, true, profile, NULL, &ignored);
}

const char *aws_profile_get(const struct aws_files *files, const char *profile, const char *key,
                            struct arena *arena)
{
    struct str value;

    if (!find(files->credentials, false, profile, key, &value) &&
        !find(files->config, true, profile, key, &value))
        return NULL;
    return arena_strndup(arena, value.bytes, value.n_bytes);
}
