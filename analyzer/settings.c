#include "analyzer/settings.h"

#include "analyzer/settings_accounts.h"
#include "analyzer/settings_files.h"
#include "analyzer/settings_keys.h"
#include "analyzer/settings_notify.h"
#include "base/limits.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define DEFAULT_HOST "127.0.0.1"
#define DEFAULT_PORT 8090
#define DEFAULT_DATA_DIR "/var/lib/serinus"
#define DB_NAME "serinus.db"
#define MAX_WORKERS 1024
#define MAX_DEFAULT_WORKERS 8 /* judging is quick; more would only wait for the one writer */

/* --- where to listen --- */

/* "127.0.0.1:8090", "[::1]:8090" */
static enum err_code read_address(struct settings *settings, const struct setting *setting,
                                  const char *text, struct error *err)
{
    const char *colon = strrchr(text, ':');
    size_t n_host = colon ? (size_t)(colon - text) : 0;
    size_t n_digits = colon ? strspn(colon + 1, "0123456789") : 0;
    long port =
        n_digits && n_digits <= 5 && !colon[1 + n_digits] ? strtol(colon + 1, NULL, 10) : -1;

    if (strncmp(text, "unix:", strlen("unix:")) == 0)
        return setting_error(setting, err,
                             "this version listens on TCP only, for example 127.0.0.1:8090");
    if (n_host >= 2 && text[0] == '[' && text[n_host - 1] == ']') {
        text++;
        n_host -= 2;
    } else if (memchr(text, ':', n_host)) {
        n_host = 0; /* IPv6 without brackets */
    }
    if (n_host == 0 || port < 0 || port > UINT16_MAX)
        return setting_error(setting, err,
                             "\"%.100s\" is not ADDRESS:PORT with a port from 0 to 65535, for "
                             "example 127.0.0.1:8090 or [::1]:8090",
                             text);
    settings->listen_host = arena_strndup(settings->arena, text, n_host);
    settings->listen_port = (uint16_t)port;
    return ERR_OK;
}

/* Text that may go into another file as it is: its placeholders name no settings. */
static const char *kept_text(struct settings_tree *tree, const struct setting *setting,
                             const char *value, bool *has_reference)
{
    const char *resolved;
    struct error why = {0};

    if (!setting || setting->kind != SETTING_SCALAR || !strstr(setting->text, "${") ||
        setting_text(tree, setting, &resolved, &why) || tree->last.setting)
        return value;
    *has_reference = true;
    return setting->text;
}

static void show_listen(struct settings_tree *tree, const struct settings *settings,
                        const struct setting *from, const struct setting *host_setting,
                        const struct setting *port_setting)
{
    bool is_six = strchr(settings->listen_host, ':') != NULL;
    const char **address = arena_new(tree->arena, const char *);
    const char *port = arena_printf(tree->arena, "%u", settings->listen_port);
    const char *open = is_six ? "[" : "", *close = is_six ? "]" : "";
    struct setting_line *line;
    bool has_reference = false;
    const char *host = kept_text(tree, host_setting, settings->listen_host, &has_reference);

    *address = arena_printf(tree->arena, "%s%s%s:%s", open, settings->listen_host, close, port);
    port = kept_text(tree, port_setting, port, &has_reference);
    line = settings_show_line(tree, "http.listen", from, address, 1);
    line->is_list = true;
    if (has_reference)
        line->reference = arena_printf(tree->arena, "%s%s%s:%s", open, host, close, port);
}

static enum err_code read_listen(struct settings_tree *tree, struct settings *settings,
                                 struct error *err)
{
    const struct setting *listen = setting_find(tree->root, "http.listen");
    const struct setting *port_setting = setting_find(tree->root, "server.port");
    const struct setting *host_setting = setting_find(tree->root, "server.address");
    const char *const *items;
    int64_t port = DEFAULT_PORT;
    size_t n_items;

    if (settings_read_count(tree, "server.port", 1, UINT16_MAX, &port, err) ||
        settings_read_text(tree, "server.address", &settings->listen_host, err))
        return err->code;
    settings->listen_port = (uint16_t)port;
    if (!listen) {
        if (port_setting && !host_setting)
            settings_notice(tree, "server.port without server.address: listening on " DEFAULT_HOST
                                  " only");
        show_listen(tree, settings, port_setting ? port_setting : host_setting, host_setting,
                    port_setting);
        return ERR_OK;
    }
    if (settings_read_list(tree, listen, &items, &n_items, err))
        return err->code;
    if (n_items != 1)
        return setting_error(listen, err, "this version listens at one address");
    if (tree->last.missing) /* of a draft */
        settings_show_line(tree, "http.listen", listen, items, 1)->is_list = true;
    else if (read_address(settings, listen, items[0], err) == ERR_OK)
        show_listen(tree, settings, listen, NULL, NULL);
    return err->code;
}

static bool is_loopback(const char *host)
{
    struct in6_addr six;
    struct in_addr four;

    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

enum err_code settings_listen_check(const struct settings *settings, struct error *err)
{
    if (is_loopback(settings->listen_host) || settings->no_auth_accepted)
        return ERR_OK;
    return error_set(err, ERR_SETTINGS,
                     "listening on %s would let everyone on the network in, for there is no "
                     "authentication; if that is wanted, add these three lines to the settings:\n"
                     "auth:\n  mode: none\n  i_accept_no_auth: true",
                     settings->listen_host);
}

/* What would be a hole if it were quietly ignored. */
static enum err_code check_security(struct settings_tree *tree, struct settings *settings,
                                    struct error *err)
{
    const struct setting *mode_setting = setting_find(tree->root, "auth.mode");
    const struct setting *tls = setting_find(tree->root, "http.tls");
    const char *mode = "none";
    bool has_ssl = setting_find(tree->root, "server.ssl") != NULL;
    bool is_accepted = false;

    if (settings_read_text(tree, "auth.mode", &mode, err) ||
        settings_read_flag(tree, "auth.i_accept_no_auth", &is_accepted, err) ||
        settings_read_flag(tree, "server.ssl.enabled", &has_ssl, err))
        return err->code;
    if (!tls && has_ssl)
        tls = setting_find(tree->root, "server.ssl");
    if (setting_find(tree->root, "server.ssl.keyStore") && tls)
        return setting_error(
            tls, err,
            "this version does not serve TLS; leave it to a proxy in front and take the setting "
            "out. Its key store becomes PEM by: openssl pkcs12 -in keystore.p12 -out server.pem "
            "-nodes (of a JKS: keytool -importkeystore -srckeystore keystore.jks -destkeystore "
            "keystore.p12 -deststoretype PKCS12)");
    if (tls)
        return setting_error(
            tls, err,
            "this version does not serve TLS; leave it to a proxy in front and take "
            "the setting out");
    if (strcmp(mode, "none") != 0)
        return setting_error(mode_setting, err,
                             "\"%.100s\" is not available in this version; the only mode is none, "
                             "with authentication left to a proxy in front",
                             mode);
    settings->no_auth_accepted = is_accepted && mode_setting;
    return ERR_OK;
}

/* Kayenta's health can be moved; ours stays, where probes are to be pointed. */
static enum err_code note_management(struct settings_tree *tree, const struct settings *settings,
                                     struct error *err)
{
    const struct setting *port = setting_find(tree->root, "management.server.port");
    const struct setting *path = setting_find(tree->root, "management.endpoints.web.basePath");
    int64_t number = settings->listen_port;
    const char *text = "/";

    if (settings_read_count(tree, "management.server.port", 0, UINT16_MAX, &number, err) ||
        settings_read_text(tree, "management.endpoints.web.basePath", &text, err))
        return err->code;
    if (number != settings->listen_port) {
        settings_notice(tree, "management.server.port has no effect: health and metrics are on the "
                              "same port as everything else");
        settings_drop(tree, port, "health and metrics are on the same port as everything else");
    }
    if (strcmp(text, "/") != 0 && strcmp(text, "/actuator") != 0) {
        settings_notice(tree, "management.endpoints.web.base-path has no effect: health is at "
                              "/health and /actuator/health, metrics at /metrics");
        settings_drop(tree, path, "health is at /health and /actuator/health, metrics at /metrics");
    }
    return ERR_OK;
}

/* --- the rest --- */

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
    const char *state_dir = getenv("STATE_DIRECTORY"); /* systemd */
    int64_t workers = sysconf(_SC_NPROCESSORS_ONLN);
    bool has_analyses = true;

    settings->listen_host = DEFAULT_HOST;
    settings->data_dir =
        state_dir && *state_dir ? arena_strdup(tree->arena, state_dir) : DEFAULT_DATA_DIR;
    if (workers < 1 || workers > MAX_DEFAULT_WORKERS)
        workers = workers < 1 ? 1 : MAX_DEFAULT_WORKERS;
    if (read_listen(tree, settings, err) || note_management(tree, settings, err) ||
        check_security(tree, settings, err) || read_log_level(tree, settings, err) ||
        read_store(tree, settings, err) || read_origins(tree, settings, err) ||
        read_fetch_defaults(tree, settings, err) ||
        settings_read_count(tree, "analysis.workers", 1, MAX_WORKERS, &workers, err) ||
        settings_read_flag(tree, "kayenta.disable.metricname.validation",
                           &settings->metric_names_unchecked, err) ||
        settings_read_flag(tree, "kayenta.standaloneCanaryAnalysis.enabled", &has_analyses, err) ||
        settings_read_texts(tree, "http.allowed_hosts", &settings->allowed_hosts,
                            &settings->n_allowed_hosts, err))
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

enum err_code settings_load_with(const struct settings_options *options, struct settings **out,
                                 struct error *err)
{
    struct arena *arena = arena_create();
    struct settings *settings = arena_new(arena, struct settings);
    struct settings_tree tree;

    settings->arena = arena;
    settings_tree_init(&tree, arena);
    tree.is_draft = options->is_draft;
    if (read_files(&tree, options, err) || settings_keys_environment(&tree, environ, err) ||
        take_overrides(&tree, options, err) || read_general(&tree, settings, err) ||
        settings_accounts_read(&tree, settings, err))
        goto out;
    if (settings_notify_read(&tree, settings, err)) {
        if (!tree.is_draft)
            goto out;
        settings_warn(&tree, "%s", err->message); /* it may lack what a placeholder names */
        *err = (struct error){0};
    }
    settings_keys_review(&tree);
    settings_open_secrets_review(&tree);
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
