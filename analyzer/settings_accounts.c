#include "analyzer/settings_accounts.h"

#include "analyzer/settings_account_json.h"
#include "analyzer/settings_keys.h"
#include "base/json.h"
#include "collectors/collector.h"

#include <string.h>
#include <strings.h>

#define BUILT_IN "serinus"
#define MAX_NAME_BYTES 256u
#define STORES (ROLE_OBJECTS | ROLE_CONFIGURATIONS)

/* What is being put together. */
struct reading {
    struct settings_tree *tree;
    struct settings *settings;
    struct error *err;
    size_t capacity;
    const struct setting **places; /* where each account stands */
    struct strbuf storing;         /* names, for one notice */
};

/* --- one account --- */

/* The native words, then Kayenta's. */
static const struct role_name {
    const char *native, *kayenta;
    unsigned role;
} role_names[] = {
    {"metrics", "METRICS_STORE", ROLE_METRICS},
    {"objects", "OBJECT_STORE", ROLE_OBJECTS},
    {"configurations", "CONFIGURATION_STORE", ROLE_CONFIGURATIONS},
    {"remote_judge", "REMOTE_JUDGE", 0}, /* an account of Kayenta's that nothing here uses */
};

/* What the account says; *from is NULL when it says nothing. */
static enum err_code read_roles(struct reading *r, const struct setting *place,
                                const struct setting **from, unsigned *out)
{
    const char *const *items;
    size_t n_items;

    *out = 0;
    *from = setting_find(place, "roles");
    if (!*from)
        *from = setting_find(place, "supportedTypes");
    if (!*from)
        return ERR_OK;
    if (settings_read_list(r->tree, *from, &items, &n_items, r->err))
        return r->err->code;
    for (size_t i = 0; i < n_items; i++) {
        size_t k = 0;

        while (k < ARRAY_LEN(role_names) && strcasecmp(items[i], role_names[k].native) != 0 &&
               strcasecmp(items[i], role_names[k].kayenta) != 0)
            k++;
        if (k == ARRAY_LEN(role_names))
            return setting_error(*from, r->err,
                                 "\"%.100s\" is no role; there are METRICS_STORE, OBJECT_STORE and "
                                 "CONFIGURATION_STORE",
                                 items[i]);
        *out |= role_names[k].role;
    }
    return ERR_OK;
}

static void show_roles(struct reading *r, const char *prefix, const struct setting *from,
                       unsigned roles)
{
    const char **names = arena_array(r->tree->arena, const char *, ARRAY_LEN(role_names));
    struct setting_line *line;
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(role_names); i++)
        if (roles & role_names[i].role)
            names[n++] = role_names[i].native;
    line = settings_show_line(r->tree, arena_printf(r->tree->arena, "%s.roles", prefix), from,
                              names, n);
    line->is_list = true;
}

/* The members of GET /credentials that depend on the type: named ones only, never a secret. */
static const json_t *shown_of(struct arena *arena, const struct account_kind *kind,
                              const json_t *config, unsigned roles)
{
    json_t *shown = json_object();
    static const char *const lists[] = {"locations", "recommendedLocations"};

    json_keep(shown, arena);
    for (size_t i = 0; i < ARRAY_LEN(kind->shown) && kind->shown[i]; i++) {
        const char *key = kind->shown[i];
        json_t *value = json_object_get(config, key);
        const char *url = json_string_value(json_object_get(value, "baseUrl"));

        if (strcmp(key, "endpoint") == 0 && url)
            json_object_set_new(shown, key,
                                json_pack("{ss}", "baseUrl", setting_mask_url(url, arena)));
        else if (strcmp(key, "endpoint") != 0 && json_is_string(value))
            json_object_set(shown, key, value);
        else if (strcmp(key, "rootFolder") == 0 && kind->root_folder)
            json_object_set_new(shown, key, json_string(kind->root_folder));
    }
    if (strcmp(kind->section, "google") == 0 && roles & ROLE_METRICS)
        json_object_set_new(shown, "metricsStoreType", json_string("stackdriver"));
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (json_object_get(config, lists[i]))
            json_object_set(shown, lists[i], json_object_get(config, lists[i]));
    return shown;
}

static bool is_shown(const struct settings_tree *tree, size_t first_line, const char *path)
{
    for (size_t i = first_line; i < tree->n_lines; i++)
        if (strcmp(tree->lines[i].path, path) == 0)
            return true;
    return false;
}

static void show_default_list(struct settings_tree *tree, size_t first_line, const char *path,
                              const char *const *values, size_t n_values)
{
    if (!is_shown(tree, first_line, path))
        settings_show_line(tree, path, NULL, values, n_values)->is_list = true;
}

/* What account_decode() filled in, for `config show`. */
static void show_defaults(struct settings_tree *tree, size_t first_line, const char *prefix,
                          const struct account *account)
{
    static const char *const redirects[] = {
        [REDIRECT_NONE] = "none",
        [REDIRECT_SAME_ORIGIN] = "same_origin",
        [REDIRECT_FOLLOW] = "follow",
    };
    struct arena *arena = tree->arena;
    const struct retry_policy *retry = &account->retry;
    const struct {
        const char *key, *value;
    } values[] = {
        {"connectTimeoutMs", arena_printf(arena, "%lld", (long long)account->connect_timeout_ms)},
        {"readTimeoutMs", arena_printf(arena, "%lld", (long long)account->read_timeout_ms)},
        {"maxConcurrentRequests", arena_printf(arena, "%u", account->max_concurrent_requests)},
        {"maxResponseBytes", arena_printf(arena, "%zu", account->max_response_bytes)},
        {"redirects", redirects[account->redirects]},
        {"retry.attempts", arena_printf(arena, "%u", retry->attempts)},
        {"retry.backoffPeriodMultiplierMs",
         arena_printf(arena, "%lld", (long long)retry->backoff_ms)},
        {"strictSeries", account->strict_series ? "true" : "false"},
        {"alignWindow", account->align_window ? "true" : "false"},
        {"rejectUnsafeValues", account->reject_unsafe_values ? "true" : "false"},
        {"keepReplies", account->keeps_replies ? "true" : "false"},
    };
    static const char *const series[] = {"SERVER_ERROR"};
    const char **statuses = arena_array(arena, const char *, retry->n_statuses);

    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        const char *path = arena_printf(arena, "%s.%s", prefix, values[i].key);

        if (!is_shown(tree, first_line, path))
            settings_show_text(tree, path, NULL, values[i].value, false);
    }
    for (size_t i = 0; i < retry->n_statuses; i++)
        statuses[i] = arena_printf(arena, "%ld", retry->statuses[i]);
    show_default_list(tree, first_line, arena_printf(arena, "%s.retry.statuses", prefix), statuses,
                      retry->n_statuses);
    show_default_list(tree, first_line, arena_printf(arena, "%s.retry.series", prefix), series,
                      retry->server_errors);
}

static enum err_code decode_metrics(struct account_reading *a, const struct setting *place,
                                    json_t *config, size_t first_line, struct settings_account *out)
{
    const struct account_kind *kind = a->kind;
    struct settings_tree *tree = a->tree;
    const char *url =
        json_string_value(json_object_get(json_object_get(config, "endpoint"), "baseUrl"));
    struct account *account = NULL;
    struct error why = {0};

    if (kind->needs_url && (!url || !*url) && !tree->is_draft)
        return setting_error(place, a->err,
                             "account \"%s\" lacks endpoint.baseUrl, for example "
                             "http://localhost:9090",
                             out->name);
    if (account_json_add_defaults(a, config))
        return a->err->code;
    if (!collector_find(kind->collector)) {
        settings_warn(tree,
                      "account \"%s\": this build cannot query %s; requests that name the account "
                      "are refused",
                      out->name, kind->section);
        return ERR_OK;
    }
    json_object_set_new(config, "name", json_string(out->name));
    if (account_decode(kind->collector, config, tree->arena, &account, &why)) {
        if (tree->is_draft)
            return ERR_OK; /* what it lacks may be what a placeholder names */
        return setting_error(place, a->err, "account \"%s\": %s", out->name, why.message);
    }
    show_defaults(tree, first_line, a->prefix, account);
    if (!tree->is_draft && collector_check_account(account, &why))
        settings_warn(tree, "account \"%s\" cannot be queried: %s", out->name, why.message);
    if (account->tls.insecure_skip_verify)
        settings_notice(tree, "account \"%s\" does not check the server's certificate", out->name);
    out->metrics = account;
    return ERR_OK;
}

static enum err_code check_name(struct reading *r, const struct setting *place, const char *name)
{
    if (!name || !*name)
        return setting_error(place, r->err, "the account lacks a name");
    if (strlen(name) > MAX_NAME_BYTES)
        return setting_error(place, r->err, "the account's name is longer than %u bytes",
                             MAX_NAME_BYTES);
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7F)
            return setting_error(place, r->err, "the account's name holds a control character");
    for (size_t i = 0; r->places && i < r->settings->n_accounts; i++)
        if (strcmp(r->settings->accounts[i].name, name) == 0)
            return setting_error(place, r->err, "the account name \"%s\" is taken by %s", name,
                                 r->places[i]->path);
    return ERR_OK;
}

static struct settings_account *add_account(struct reading *r, const struct setting *place)
{
    struct settings *settings = r->settings;

    if (settings->n_accounts == r->capacity) {
        size_t capacity = r->capacity ? r->capacity * 2 : 4;
        struct settings_account *accounts =
            arena_array(r->tree->arena, struct settings_account, capacity);
        const struct setting **places =
            arena_array(r->tree->arena, const struct setting *, capacity);

        if (settings->n_accounts) {
            memcpy(accounts, settings->accounts, settings->n_accounts * sizeof(*accounts));
            memcpy(places, r->places, settings->n_accounts * sizeof(*places));
        }
        settings->accounts = accounts;
        r->places = places;
        r->capacity = capacity;
    }
    r->places[settings->n_accounts] = place;
    return &settings->accounts[settings->n_accounts++];
}

/* `type` is where the type stands; NULL: it is the section's. `default_roles` is for an account
 * that names none, `switched_off` what Kayenta's second switch forbids. */
static enum err_code read_account(struct reading *r, const struct setting *place,
                                  const struct account_kind *kind, const struct setting *type,
                                  unsigned default_roles, unsigned switched_off)
{
    struct settings_tree *tree = r->tree;
    const struct setting *name = setting_find(place, "name");
    struct account_reading a = {
        .tree = tree,
        .kind = kind,
        .prefix = arena_printf(tree->arena, "accounts[%zu]", r->settings->n_accounts),
        .err = r->err,
    };
    struct settings_account account = {.type = kind->section};
    size_t first_line = tree->n_lines;
    const struct setting *roles;
    json_t *config = NULL;

    if (place->kind != SETTING_MAP)
        return setting_error(place, r->err, "an account is a mapping with a name");
    if ((name && setting_text(tree, name, &account.name, r->err)) ||
        check_name(r, place, account.name))
        return r->err->code;
    a.name = account.name;
    settings_show_text(tree, arena_printf(tree->arena, "%s.name", a.prefix), name, account.name,
                       false);
    memset(&tree->last, 0, sizeof(tree->last)); /* the type was read before the name */
    settings_show_text(tree, arena_printf(tree->arena, "%s.type", a.prefix), type ? type : place,
                       kind->section, false);
    if (read_roles(r, place, &roles, &account.roles))
        return r->err->code;
    account.roles = roles ? account.roles & kind->roles : default_roles;
    if (strcmp(kind->section, "prometheus") == 0)
        account.roles = ROLE_METRICS; /* whatever it says, as in Kayenta */
    account.roles &= ~switched_off;
    show_roles(r, a.prefix, roles, account.roles);
    if (!account.roles && !switched_off)
        settings_notice(
            tree, "account \"%s\" serves nothing: %s; say supportedTypes: [%s]", account.name,
            roles ? "its type cannot do what its supportedTypes say" : "it has no supportedTypes",
            kind->roles & ROLE_METRICS ? "METRICS_STORE" : "OBJECT_STORE, CONFIGURATION_STORE");
    if (account_json_read(&a, place, &config))
        return r->err->code;
    json_keep(config, tree->arena);
    if (account.roles & ROLE_METRICS && decode_metrics(&a, place, config, first_line, &account))
        return r->err->code;
    if (account.roles & STORES)
        strbuf_printf(&r->storing, "%s%s", r->storing.n_bytes ? ", " : "", account.name);
    account.shown = shown_of(tree->arena, kind, config, account.roles);
    *add_account(r, place) = account;
    return ERR_OK;
}

/* --- all of them --- */

static enum err_code unknown_type(struct reading *r, const struct setting *place, const char *type)
{
    struct strbuf names = {0};

    for (size_t i = 0; i < n_account_kinds; i++)
        strbuf_printf(&names, "%s%s", i ? ", " : "", account_kinds[i].section);
    setting_error(place, r->err, "\"%.100s\" is no type of account; there are %s", type,
                  names.bytes);
    strbuf_clear(&names);
    return r->err->code;
}

static enum err_code read_native_one(struct reading *r, const struct setting *place)
{
    const struct setting *type_setting = setting_find(place, "type");
    const struct account_kind *kind;
    const char *type = NULL;

    if (!type_setting)
        return setting_error(place, r->err, "the account lacks a type, for example prometheus");
    if (setting_text(r->tree, type_setting, &type, r->err))
        return r->err->code;
    kind = account_kind_find(type);
    if (!kind)
        return unknown_type(r, type_setting, type);
    return read_account(r, place, kind, type_setting,
                        kind->roles & ROLE_METRICS ? ROLE_METRICS : kind->roles, 0);
}

static enum err_code read_native(struct reading *r)
{
    const struct setting *list = setting_find(r->tree->root, "accounts");

    if (list && list->kind != SETTING_LIST)
        return setting_error(list, r->err, "accounts is a list");
    for (size_t i = 0; list && i < list->n_children; i++)
        if (read_native_one(r, list->children[i]) && settings_stops(r->tree, r->err))
            return r->err->code;
    return ERR_OK;
}

/* Kayenta's switches: anything but false counts as on. YAML 1.1, which it reads, has no and off. */
static enum err_code is_switched_off(struct reading *r, const char *section, bool *out)
{
    const char *path = arena_printf(r->tree->arena, "kayenta.%s.enabled", section);
    const char *text = NULL;

    if (settings_read_text(r->tree, path, &text, r->err))
        return r->err->code;
    *out = text && (strcasecmp(text, "false") == 0 || strcasecmp(text, "no") == 0 ||
                    strcasecmp(text, "off") == 0);
    return ERR_OK;
}

static enum err_code second_switches(struct reading *r, const struct account_kind *kind,
                                     unsigned *out)
{
    *out = 0;
    for (size_t i = 0; i < ARRAY_LEN(kind->switches) && kind->switches[i].section; i++) {
        const struct account_switch *one = &kind->switches[i];
        bool is_off;

        if (is_switched_off(r, one->section, &is_off))
            return r->err->code;
        if (!is_off)
            continue;
        *out |= one->roles;
        settings_notice(r->tree, "kayenta.%s.enabled is false: %s accounts %s", one->section,
                        kind->section,
                        one->roles & ROLE_METRICS ? "are not asked for metrics" : "store nothing");
    }
    return ERR_OK;
}

static enum err_code read_section(struct reading *r, const struct setting *section,
                                  const struct account_kind *kind)
{
    const struct setting *list = setting_find(section, "accounts");
    unsigned off;
    bool is_off;

    if (!list)
        return ERR_OK;
    if (is_switched_off(r, kind->section, &is_off) || second_switches(r, kind, &off))
        return r->err->code;
    if (is_off) {
        settings_drop(r->tree, list, "the store is not enabled");
        return ERR_OK;
    }
    if (list->kind != SETTING_LIST)
        return setting_error(list, r->err, "accounts is a list");
    if (!setting_find(section, "enabled") && list->n_children)
        settings_notice(r->tree, "%s.accounts are used, although %s.enabled is not set",
                        section->path, section->path);
    for (size_t i = 0; i < list->n_children; i++)
        if (read_account(r, list->children[i], kind, NULL, kind->default_roles, off) &&
            settings_stops(r->tree, r->err))
            return r->err->code;
    return ERR_OK;
}

static enum err_code add_built_in(struct reading *r)
{
    static const struct setting place = {.key = "", .path = "the built-in store", .origin = ""};
    unsigned missing = STORES;

    for (size_t i = 0; i < r->settings->n_accounts; i++)
        missing &= ~r->settings->accounts[i].roles;
    for (size_t i = 0; i < r->settings->n_accounts && missing; i++)
        if (strcmp(r->settings->accounts[i].name, BUILT_IN) == 0)
            return setting_error(r->places[i], r->err,
                                 "the name \"" BUILT_IN "\" is kept for the built-in store; use "
                                 "another one");
    if (missing) {
        const char *prefix = arena_printf(r->tree->arena, "accounts[%zu]", r->settings->n_accounts);

        *add_account(r, &place) =
            (struct settings_account){.name = BUILT_IN, .type = "sqlite", .roles = missing};
        settings_show_text(r->tree, arena_printf(r->tree->arena, "%s.name", prefix), NULL, BUILT_IN,
                           false);
        settings_show_text(r->tree, arena_printf(r->tree->arena, "%s.type", prefix), NULL, "sqlite",
                           false);
        show_roles(r, prefix, NULL, missing);
    }
    return ERR_OK;
}

static enum err_code read_all(struct reading *r)
{
    const struct setting *kayenta = setting_find(r->tree->root, "kayenta");

    if (read_native(r) && settings_stops(r->tree, r->err))
        return r->err->code;
    for (size_t i = 0; kayenta && i < kayenta->n_children; i++) {
        const struct account_kind *kind = account_kind_find(kayenta->children[i]->key);

        if (kind && read_section(r, kayenta->children[i], kind) && settings_stops(r->tree, r->err))
            return r->err->code;
    }
    if (r->storing.n_bytes)
        settings_notice(
            r->tree,
            "data of %s is kept in this service's own result store, under the account's "
            "name",
            r->storing.bytes);
    if (add_built_in(r) && settings_stops(r->tree, r->err))
        return r->err->code;
    return ERR_OK;
}

enum err_code settings_accounts_read(struct settings_tree *tree, struct settings *settings,
                                     struct error *err)
{
    struct reading r = {.tree = tree, .settings = settings, .err = err};

    read_all(&r);
    strbuf_clear(&r.storing);
    return err->code;
}
