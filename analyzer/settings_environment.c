/* analyzer/settings_environment.c -- environment variables that stand for settings. A variable
 * cannot tell dots, dashes and capitals apart, so only letters and digits are compared. */
#include "analyzer/settings_keys.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Do the letters and digits of `variable` (n bytes) spell those of the dotted `path`? */
static bool spells(const char *variable, size_t n_bytes, const char *path)
{
    const char *end = variable + n_bytes;

    for (;;) {
        while (variable < end && !isalnum((unsigned char)*variable))
            variable++;
        while (*path && !isalnum((unsigned char)*path))
            path++;
        if (variable == end || *path == '\0')
            return variable == end && *path == '\0';
        if (tolower((unsigned char)*variable++) != tolower((unsigned char)*path++))
            return false;
    }
}

/* "ENDPOINT_BASEURL" -> "endpoint.baseUrl", "SUPPORTEDTYPES_0" -> "supportedTypes[0]". NULL: the
 * words are not known. */
static const char *account_path(const char *words, struct arena *arena)
{
    static const char *const nested[] = {"endpoint",    "tls",        "retry",
                                         "sigv4",       "oauth2",     "googleAuth",
                                         "webIdentity", "assumeRole", "explicitCredentials"};
    size_t n_words = strlen(words);

    for (size_t i = 0; i < n_account_keys; i++) {
        const char *index = strrchr(words, '_');

        if (spells(words, n_words, account_keys[i]))
            return account_keys[i];
        if (index && account_key_is_list(account_keys[i]) && isdigit((unsigned char)index[1]) &&
            spells(words, (size_t)(index - words), account_keys[i]))
            return arena_printf(arena, "%s[%.4s]", account_keys[i], index + 1);
    }
    for (size_t i = 0; i < ARRAY_LEN(nested); i++) {
        size_t n = strlen(nested[i]);

        if (n_words > n + 1 && words[n] == '_' && spells(words, n, nested[i])) {
            const char *below = account_path(words + n + 1, arena);

            return below ? arena_printf(arena, "%s.%s", nested[i], below) : NULL;
        }
    }
    return NULL;
}

/* KAYENTA_<section>_ACCOUNTS_<n>_<words>, SERINUS_ACCOUNTS_<n>_<words>. */
static const char *list_path(const char *name, struct arena *arena)
{
    const char *accounts = strstr(name, "_ACCOUNTS_");
    const char *words, *path;
    const char *index;
    size_t n_section, n_digits;

    if (!accounts)
        return NULL;
    index = accounts + strlen("_ACCOUNTS_");
    n_digits = strspn(index, "0123456789");
    words = index + n_digits;
    if (n_digits == 0 || n_digits > 4 || *words != '_')
        return NULL;
    path = account_path(words + 1, arena);
    if (!path)
        return NULL;
    if (accounts == name + strlen("SERINUS") && strncmp(name, "SERINUS", strlen("SERINUS")) == 0)
        return arena_printf(arena, "accounts[%.*s].%s", (int)n_digits, index, path);
    if (strncmp(name, "KAYENTA_", strlen("KAYENTA_")) != 0 || accounts < name + strlen("KAYENTA_"))
        return NULL;
    n_section = (size_t)(accounts - name) - strlen("KAYENTA_");
    for (size_t i = 0; i < n_account_kinds; i++)
        if (spells(name + strlen("KAYENTA_"), n_section, account_kinds[i].section))
            return arena_printf(arena, "kayenta.%s.accounts[%.*s].%s", account_kinds[i].section,
                                (int)n_digits, index, path);
    return NULL;
}

/* A known path with `*` in it, for each kind of account; NULL: the words are none of them. */
static const char *starred_path(const char *path, const char *star, const char *words,
                                struct arena *arena)
{
    for (size_t i = 0; star[1] != '*' && i < n_account_kinds; i++) {
        const char *sections[] = {account_kinds[i].section, account_kinds[i].collector};

        for (size_t k = 0; k < ARRAY_LEN(sections) && sections[k]; k++) {
            const char *full =
                arena_printf(arena, "%.*s%s%s", (int)(star - path), path, sections[k], star + 1);

            if (!strchr(full, '*') && spells(words, strlen(words), full))
                return full;
        }
    }
    return NULL;
}

/* The flags of serinus serve that stand for a setting have variables of their own. */
static const char *flag_path(const char *words)
{
    static const char *const flags[][2] = {
        {"LISTEN", "http.listen"},
        {"DATA_DIR", "store.url"},
        {"WORKERS", "analysis.workers"},
    };

    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (strcmp(words, flags[i][0]) == 0)
            return flags[i][1];
    return NULL;
}

/* The setting that a variable names; NULL: none. Kubernetes makes variables such as
 * KAYENTA_PORT_8090_TCP of its own accord, so an unknown one is no mistake. */
static const char *variable_path(const char *name, struct arena *arena)
{
    bool is_native = strncmp(name, "SERINUS_", strlen("SERINUS_")) == 0;
    const char *words = is_native ? name + strlen("SERINUS_") : name;

    if (!is_native && strncmp(name, "KAYENTA_", strlen("KAYENTA_")) != 0)
        return NULL;
    if (is_native && flag_path(words))
        return flag_path(words);
    for (size_t i = 0; i < n_known_settings; i++) {
        const char *path = known_settings[i].path;
        const char *star = strchr(path, '*');
        bool is_kayenta = strncmp(path, "kayenta.", strlen("kayenta.")) == 0;

        if (known_settings[i].use > SETTING_FOLDED || is_native == is_kayenta)
            continue;
        if (star)
            path = starred_path(path, star, words, arena);
        else if (!spells(words, strlen(words), path))
            path = NULL;
        if (path)
            return path;
    }
    return list_path(name, arena);
}

/* SERVER_PORT=tcp://10.0.0.1:80 is Kubernetes telling of a service called "server". */
static const char *spring_path(const struct settings_tree *tree, const char *name,
                               const char *value)
{
    if (!setting_find(tree->root, "kayenta") || strstr(value, "://"))
        return NULL;
    return strcmp(name, "SERVER_PORT") == 0      ? "server.port"
           : strcmp(name, "SERVER_ADDRESS") == 0 ? "server.address"
                                                 : NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b); /* 2 before 10 */
}

/* X_FILE=/run/secrets/x where X is a setting: the content of that file. */
static enum err_code set_from_file(struct settings_tree *tree, const char *name, const char *value,
                                   struct error *err)
{
    size_t n = strlen(name), n_end = strlen("_FILE");
    const char *twin, *path;

    if (n <= n_end || strcmp(name + n - n_end, "_FILE") != 0)
        return ERR_OK;
    twin = arena_strndup(tree->arena, name, n - n_end);
    path = variable_path(twin, tree->arena);
    if (!path)
        return ERR_OK;
    if (getenv(twin))
        return error_set(err, ERR_SETTINGS, "%s and %s are both set; take one of them out", twin,
                         name);
    if (strchr(value, '}'))
        return error_set(err, ERR_SETTINGS, "%s: a file's name with a brace is not taken", name);
    return settings_tree_set(tree, path, arena_printf(tree->arena, "${file:%s}", value),
                             arena_printf(tree->arena, "environment %s", name), err);
}

static enum err_code set_variable(struct settings_tree *tree, const char *name, const char *value,
                                  struct error *err)
{
    const char *path = variable_path(name, tree->arena);
    const char *key;

    if (!path)
        path = spring_path(tree, name, value);
    if (!path)
        return set_from_file(tree, name, value, err);
    if (*value == '\0' && strncmp(name, "SERINUS_", strlen("SERINUS_")) == 0)
        return ERR_OK; /* as a flag's variable: empty is not set */
    key = strrchr(path, '.');
    if (key && setting_key_is_secret(key + 1))
        settings_texts_add(tree, &tree->taken, name);
    return settings_tree_set(tree, path, value, arena_printf(tree->arena, "environment %s", name),
                             err);
}

enum err_code settings_keys_environment(struct settings_tree *tree, char **environment,
                                        struct error *err)
{
    size_t n = 0;
    char **sorted;

    while (environment[n])
        n++;
    sorted = arena_array(tree->arena, char *, n);
    if (n)
        memcpy(sorted, environment, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), compare_names); /* element 0 of a list before element 1 */
    for (size_t i = 0; i < n; i++) {
        const char *equals = strchr(sorted[i], '=');

        if (!equals)
            continue;
        if (set_variable(tree, arena_strndup(tree->arena, sorted[i], (size_t)(equals - sorted[i])),
                         equals + 1, err))
            return err->code;
    }
    return ERR_OK;
}
