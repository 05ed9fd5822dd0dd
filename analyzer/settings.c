#include "analyzer/settings.h"

#include "analyzer/settings_accounts.h"
#include "analyzer/settings_files.h"
#include "analyzer/settings_keys.h"
#include "analyzer/settings_listen.h"
#include "analyzer/settings_notify.h"
#include "analyzer/settings_remote_judge.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define DEFAULT_DATA_DIR "/var/lib/serinus"
#define DB_NAME "serinus.db"
#define MAX_WORKERS 1024
#define MAX_DEFAULT_WORKERS 8 /* judging is quick; more would only wait for the one writer */

/* --- general settings --- */

static enum err_code read_log_level(struct settings_tree *tree, struct settings *settings,
                                    struct error *err)
{
    static const char *const names[] = {
        [LOG_LEVEL_ERROR] = "error",
        [LOG_LEVEL_WARN] = "warn",
        [LOG_LEVEL_INFO] = "info",
        [LOG_LEVEL_DEBUG] = "debug",
    };
    const char *text = "info";

    if (settings_read_text(tree, "log.level", &text, err))
        return err->code;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcasecmp(text, names[i]) == 0) {
            settings->log_level = (enum log_level)i;
            return ERR_OK;
        }
    }
    return setting_error(setting_find(tree->root, "log.level"), err,
                         "\"%.100s\" is not one of error, warn, info, debug", text);
}

/* "sqlite:/dir/serinus.db", "sqlite:/dir", "/dir" */
static enum err_code read_store(struct settings_tree *tree, struct settings *settings,
                                struct error *err)
{
    const struct setting *setting = setting_find(tree->root, "store.url");
    const char *url = settings->data_dir;
    char *dir, *slash;

    if (setting && setting_text(tree, setting, &url, err))
        return err->code;
    if (setting && tree->last.missing)
        url = settings->data_dir;
    if (strncmp(url, "postgres", strlen("postgres")) == 0)
        return setting_error(setting, err,
                             "this version keeps its results in SQLite only, for example "
                             "sqlite:/var/lib/serinus/" DB_NAME);
    if (strncmp(url, "sqlite:", strlen("sqlite:")) == 0)
        url += strlen("sqlite:");
    dir = arena_strdup(tree->arena, url);
    slash = strrchr(dir, '/');
    if (slash && strcmp(slash + 1, DB_NAME) == 0)
        slash[slash == dir] = '\0'; /* of "/serinus.db" the slash is left */
    else if (strcmp(dir, DB_NAME) == 0)
        dir = arena_strdup(tree->arena, ".");
    if (!*dir || strstr(dir, "://") ||
        (slash && strlen(slash) > 3 && strcmp(slash + strlen(slash) - 3, ".db") == 0))
        return setting_error(
            setting, err,
            "\"%.100s\" is not sqlite: and a folder, or a file called " DB_NAME " in it", url);
    settings->data_dir = dir;
    settings_show_text(tree, "store.url", setting, arena_printf(tree->arena, "sqlite:%s", dir),
                       false);
    return ERR_OK;
}

static enum err_code read_origins(struct settings_tree *tree, struct settings *settings,
                                  struct error *err)
{
    const struct setting *origins = setting_find(tree->root, "cors.origins");

    if (settings_read_texts(tree, "cors.origins", &settings->cors_origins,
                            &settings->n_cors_origins, err))
        return err->code;
    for (size_t i = 0; i < settings->n_cors_origins && !tree->last.missing; i++) {
        const char *host = strstr(settings->cors_origins[i], "://");

        if (!host || !host[3] || strpbrk(host + 3, "/*?#@ "))
            return setting_error(origins, err,
                                 "\"%.100s\" is not an exact origin, for example "
                                 "https://canary.example.com",
                                 settings->cors_origins[i]);
    }
    return ERR_OK;
}

static enum err_code read_fetch_defaults(struct settings_tree *tree, struct settings *settings,
                                         struct error *err)
{
    struct fetch_default *found =
        arena_array(tree->arena, struct fetch_default, n_account_kinds * n_fetch_default_keys);

    settings->fetch_defaults = found;
    for (size_t i = 0; i < n_account_kinds * n_fetch_default_keys; i++) {
        const char *store = account_kinds[i / n_fetch_default_keys].collector;
        const char *key = fetch_default_keys[i % n_fetch_default_keys];
        const struct setting *setting;
        const char *path, *value;

        if (!store)
            continue;
        path = arena_printf(tree->arena, "kayenta.%s.testControllerDefaults.%s", store, key);
        setting = setting_find(tree->root, path);
        if (!setting)
            continue;
        if (setting_text(tree, setting, &value, err))
            return err->code;
        settings_show_text(tree, path, setting, value, false);
        found[settings->n_fetch_defaults++] = (struct fetch_default){store, key, value};
    }
    return ERR_OK;
}

const char *settings_fetch_default(const struct settings *settings, const char *store,
                                   const char *key)
{
    for (size_t i = 0; i < settings->n_fetch_defaults; i++) {
        const struct fetch_default *one = &settings->fetch_defaults[i];

        if (strcmp(one->store, store) == 0 && strcmp(one->key, key) == 0)
            return one->value;
    }
    return NULL;
}

static enum err_code read_general(struct settings_tree *tree, struct settings *settings,
                                  struct error *err)
{
    enum err_code (*const groups[])(struct settings_tree *, struct settings *, struct error *) = {
        settings_listen_read, read_log_level, read_store, read_origins, read_fetch_defaults};
    const char *state_dir = getenv("STATE_DIRECTORY"); /* systemd */
    int64_t workers = sysconf(_SC_NPROCESSORS_ONLN);
    bool has_analyses = true;

    settings->data_dir =
        state_dir && *state_dir ? arena_strdup(tree->arena, state_dir) : DEFAULT_DATA_DIR;
    if (workers < 1 || workers > MAX_DEFAULT_WORKERS)
        workers = workers < 1 ? 1 : MAX_DEFAULT_WORKERS;
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        if (groups[i](tree, settings, err) && settings_stops(tree, err))
            return err->code;
    if ((settings_read_count(tree, "analysis.workers", 1, MAX_WORKERS, &workers, err) &&
         settings_stops(tree, err)) ||
        (settings_read_flag(tree, "kayenta.disable.metricname.validation",
                            &settings->metric_names_unchecked, err) &&
         settings_stops(tree, err)) ||
        (settings_read_flag(tree, "kayenta.standaloneCanaryAnalysis.enabled", &has_analyses, err) &&
         settings_stops(tree, err)) ||
        (settings_read_texts(tree, "http.allowed_hosts", &settings->allowed_hosts,
                             &settings->n_allowed_hosts, err) &&
         settings_stops(tree, err)))
        return err->code;
    settings->has_no_analyses = !has_analyses;
    settings->workers = (unsigned)workers;
    return ERR_OK;
}

static enum err_code read_files(struct settings_tree *tree, const struct settings_options *options,
                                struct error *err)
{
    if (options->is_search && options->n_paths == 0)
        return settings_files_search(tree, err);
    for (size_t i = 0; i < options->n_paths; i++)
        if (settings_file_merge(tree, options->paths[i], err))
            return err->code;
    return ERR_OK;
}

static enum err_code take_overrides(struct settings_tree *tree,
                                    const struct settings_options *options, struct error *err)
{
    for (size_t i = 0; i < options->n_overrides; i++) {
        const struct settings_override *one = &options->overrides[i];

        if (one->value && settings_tree_set(tree, one->path, one->value, one->flag, err))
            return err->code;
    }
    return ERR_OK;
}

static void report(const struct settings_tree *tree, const struct settings_options *options)
{
    for (size_t i = 0; i < tree->problems.n_items; i++)
        options->on_problem(options->ctx, true, tree->problems.items[i]);
    for (size_t i = 0; i < tree->warnings.n_items; i++)
        options->on_problem(options->ctx, false, tree->warnings.items[i]);
}

enum err_code settings_load_with(const struct settings_options *options, struct settings **out,
                                 struct error *err)
{
    struct arena *arena = arena_create();
    struct settings *settings = arena_new(arena, struct settings);
    struct settings_tree tree;

    settings->arena = arena;
    settings_tree_init(&tree, arena);
    tree.is_draft = options->is_draft;
    tree.collects_problems = options->on_problem != NULL;
    if (read_files(&tree, options, err) || settings_keys_environment(&tree, environ, err) ||
        take_overrides(&tree, options, err) || read_general(&tree, settings, err) ||
        settings_accounts_read(&tree, settings, err) ||
        (settings_remote_judge_read(&tree, settings, err) && settings_stops(&tree, err)))
        goto out;
    if (settings_notify_read(&tree, settings, err) && settings_stops(&tree, err)) {
        if (!tree.is_draft)
            goto out;
        settings_warn(&tree, "%s", err->message); /* it may lack what a placeholder names */
        *err = (struct error){0};
    }
    settings_keys_review(&tree);
    settings_open_secrets_review(&tree);
    if (tree.problems.n_items) {
        report(&tree, options);
        error_set(err, ERR_SETTINGS, "%s", tree.problems.items[0]);
        goto out;
    }
    if (options->is_strict && tree.warnings.n_items) {
        error_set(err, ERR_SETTINGS, "%s (--strict-config; %zu in all)", tree.warnings.items[0],
                  tree.warnings.n_items);
        goto out;
    }
    settings->notices = tree.notices.items;
    settings->n_notices = tree.notices.n_items;
    settings->warnings = tree.warnings.items;
    settings->n_warnings = tree.warnings.n_items;
    settings->dropped = tree.dropped.items;
    settings->n_dropped = tree.dropped.n_items;
    settings->lines = tree.lines;
    settings->n_lines = tree.n_lines;
    settings->secret_variables = tree.taken.items;
    settings->n_secret_variables = tree.taken.n_items;
    *out = settings;
out:
    if (err->code)
        arena_free(arena);
    return err->code;
}

enum err_code settings_load(const char *const *paths, size_t n_paths, struct settings **out,
                            struct error *err)
{
    const struct settings_options options = {.paths = paths, .n_paths = n_paths};

    return settings_load_with(&options, out, err);
}

void settings_wipe_environment(const struct settings *settings)
{
    for (size_t i = 0; i < settings->n_secret_variables; i++) {
        char *value = getenv(settings->secret_variables[i]);

        if (value)
            explicit_bzero(value, strlen(value)); /* unsetenv() would leave it in memory */
        unsetenv(settings->secret_variables[i]);
    }
}

void settings_free(struct settings *settings)
{
    if (settings)
        arena_free(settings->arena);
}

/* --- finding accounts --- */

static const struct settings_account *first_with(const struct settings *settings,
                                                 enum account_role role)
{
    for (size_t i = 0; i < settings->n_accounts; i++)
        if (settings->accounts[i].roles & role)
            return &settings->accounts[i];
    return NULL;
}

static const struct settings_account *named(const struct settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->n_accounts; i++)
        if (strcmp(settings->accounts[i].name, name) == 0)
            return &settings->accounts[i];
    return NULL;
}

enum err_code settings_account_find(const struct settings *settings, const char *name,
                                    enum account_role role, const struct settings_account **out,
                                    struct error *err)
{
    const struct settings_account *account = NULL;

    if (name && *name) {
        account = named(settings, name);
        if (!account)
            return error_set(err, ERR_INVALID, "Unable to resolve account %s.", name);
        if (account->roles & role) {
            *out = account;
            return ERR_OK;
        }
        if (role != ROLE_CONFIGURATIONS)
            return error_set(err, ERR_INVALID, "Unable to resolve %s service %s.",
                             role == ROLE_METRICS ? "metrics" : "storage", name);
    }
    account = first_with(settings, role);
    if (!account)
        return error_set(err, ERR_INVALID, "Unable to resolve account of type %s.",
                         role == ROLE_METRICS   ? "METRICS_STORE"
                         : role == ROLE_OBJECTS ? "OBJECT_STORE"
                                                : "CONFIGURATION_STORE");
    *out = account;
    return ERR_OK;
}
