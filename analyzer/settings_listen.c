#include "analyzer/settings_listen.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_HOST "127.0.0.1"
#define DEFAULT_PORT 8090

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

enum err_code settings_listen_read(struct settings_tree *tree, struct settings *settings,
                                   struct error *err)
{
    settings->listen_host = DEFAULT_HOST;
    if (read_listen(tree, settings, err) || note_management(tree, settings, err) ||
        check_security(tree, settings, err))
        return err->code;
    return ERR_OK;
}
