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

/* The setting that a variable names; NULL: none. Kubernetes makes variables such as
 * KAYENTA_PORT_8090_TCP of its own accord, so an unknown one is no mistake. */
static const char *variable_path(const char *name, struct arena *arena)
{
    bool is_native = strncmp(name, "SERINUS_", strlen("SERINUS_")) == 0;
    const char *words = is_native ? name + strlen("SERINUS_") : name;

    if (!is_native && strncmp(name, "KAYENTA_", strlen("KAYENTA_")) != 0)
        return NULL;
    for (size_t i = 0; i < n_known_settings; i++) {
        const char *path = known_settings[i].path;

        if (known_settings[i].use != SETTING_TAKEN || strchr(path, '*') ||
            is_native == (strncmp(path, "kayenta.", strlen("kayenta.")) == 0))
            continue;
        if (spells(words, strlen(words), path))
            return path;
    }
    for (size_t i = 0; !is_native && i < n_account_kinds; i++) {
        const char *path = arena_printf(arena, "kayenta.%s.enabled", account_kinds[i].section);

        if (spells(words, strlen(words), path))
            return path;
    }
    return list_path(name, arena);
}

static int compare_names(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b); /* 2 before 10 */
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
        const char *name, *path;

        if (!equals)
            continue;
        name = arena_strndup(tree->arena, sorted[i], (size_t)(equals - sorted[i]));
        path = variable_path(name, tree->arena);
        if (path && settings_tree_set(tree, path, equals + 1,
                                      arena_printf(tree->arena, "environment %s", name), err))
            return err->code;
    }
    return ERR_OK;
}
