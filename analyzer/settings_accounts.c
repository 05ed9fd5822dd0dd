#include "analyzer/settings_accounts.h"

#include "analyzer/settings_keys.h"
#include "base/instant.h"
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

/* --- settings -> JSON --- */

static enum err_code to_json(struct reading *r, const struct setting *setting, bool is_free,
                             bool is_raw, json_t **out);

static json_t *list_json(const char *const *items, size_t n_items)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n_items; i++)
        json_array_append_new(list, json_string(items[i]));
    return list;
}

static enum err_code member_json(struct reading *r, const struct setting *member, const char *key,
                                 bool is_free, bool is_raw, json_t **out)
{
    const char *const *items;
    size_t n_items;

    if (is_free || !account_key_is_list(key))
        return to_json(r, member, is_free, is_raw, out);
    if (settings_read_list(r->tree, member, &items, &n_items, r->err))
        return r->err->code;
    *out = list_json(items, n_items);
    return ERR_OK;
}

static void note_unknown(struct reading *r, const struct setting *member)
{
    const char *near = account_key_nearest(member->key);

    settings_notice(r->tree, "%s:%d: the key \"%s\" is not known%s%s%s", member->origin,
                    member->line, member->path, near ? "; did you mean \"" : "", near ? near : "",
                    near ? "\"?" : "");
}

static enum err_code map_json(struct reading *r, const struct setting *map, bool is_free,
                              bool is_raw, json_t *out)
{
    for (size_t i = 0; i < map->n_children; i++) {
        const struct setting *member = map->children[i];
        const char *key = member->key;
        bool is_known = true;
        json_t *value = NULL;

        if (!is_free)
            key = account_key_spell(key, r->tree->arena, &is_known);
        if (!is_known)
            note_unknown(r, member);
        /* Request templates have placeholders of their own, filled in for each query. */
        if (member_json(r, member, key, is_free || setting_is_free_map(key),
                        is_raw || strcmp(key, "requests") == 0, &value))
            return r->err->code;
        if (value && json_object_set_new(out, key, value) != 0)
            return setting_error(member, r->err, "the text is not valid UTF-8");
    }
    return ERR_OK;
}

/* A new value; NULL for null. Depth: that of the tree, which is bounded. */
static enum err_code to_json(struct reading *r, const struct setting *setting, bool is_free,
                             bool is_raw, json_t **out)
{
    const char *text = setting->text;

    *out = NULL;
    if (setting->kind == SETTING_MAP) {
        *out = json_object();
        map_json(r, setting, is_free, is_raw, *out);
    } else if (setting->kind == SETTING_LIST) {
        *out = json_array();
        for (size_t i = 0; i < setting->n_children && !r->err->code; i++) {
            json_t *element = NULL;

            if (to_json(r, setting->children[i], is_free, is_raw, &element) == ERR_OK)
                json_array_append_new(*out, element ? element : json_null());
        }
    } else if (is_raw || setting_text(r->tree, setting, &text, r->err) == ERR_OK) {
        *out = text ? json_string(text) : NULL;
        if (text && !*out)
            setting_error(setting, r->err, "the text is not valid UTF-8");
    }
    if (r->err->code) {
        json_decref(*out);
        *out = NULL;
    }
    return r->err->code;
}

/* --- one account --- */

static enum err_code read_roles(struct reading *r, const struct setting *place,
                                const json_t *config, unsigned *out)
{
    static const struct {
        const char *name;
        unsigned role;
    } names[] = {
        {"METRICS_STORE", ROLE_METRICS},
        {"metrics", ROLE_METRICS},
        {"OBJECT_STORE", ROLE_OBJECTS},
        {"objects", ROLE_OBJECTS},
        {"CONFIGURATION_STORE", ROLE_CONFIGURATIONS},
        {"configurations", ROLE_CONFIGURATIONS},
        {"REMOTE_JUDGE", 0},
    };
    const json_t *list = json_object_get(config, "roles");
    json_t *value;
    size_t i;

    if (!list)
        list = json_object_get(config, "supportedTypes");
    *out = 0;
    json_array_foreach (list, i, value) {
        size_t k = 0;

        while (k < ARRAY_LEN(names) && strcasecmp(json_string_value(value), names[k].name) != 0)
            k++;
        if (k == ARRAY_LEN(names))
            return setting_error(place, r->err,
                                 "\"%.100s\" is no role; there are METRICS_STORE, OBJECT_STORE and "
                                 "CONFIGURATION_STORE",
                                 json_string_value(value));
        *out |= names[k].role;
    }
    return ERR_OK;
}

/* The URL without its user info, which becomes three asterisks. */
static const char *mask_url(const char *url, struct arena *arena)
{
    const char *host = strstr(url, "://");
    const char *at;
    size_t n_authority;

    if (!host)
        return url;
    host += strlen("://");
    n_authority = strcspn(host, "?#/");
    at = memrchr(host, '@', n_authority);
    return at ? arena_printf(arena, "%.*s***%s", (int)(host - url), url, at) : url;
}

static void release_json(void *json)
{
    json_decref(json);
}

/* The members of GET /credentials that depend on the type: named ones only, never a secret. */
static const json_t *shown_of(struct reading *r, const struct account_kind *kind,
                              const json_t *config, unsigned roles)
{
    json_t *shown = json_object();
    static const char *const lists[] = {"locations", "recommendedLocations"};

    arena_defer(r->tree->arena, release_json, shown);
    for (size_t i = 0; i < ARRAY_LEN(kind->shown) && kind->shown[i]; i++) {
        const char *key = kind->shown[i];
        json_t *value = json_object_get(config, key);
        const char *url = json_string_value(json_object_get(value, "baseUrl"));

        if (strcmp(key, "endpoint") == 0 && url)
            json_object_set_new(shown, key,
                                json_pack("{ss}", "baseUrl", mask_url(url, r->tree->arena)));
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

static void set_missing(json_t *config, const char *key, const char *text)
{
    if (text && !json_object_get(config, key))
        json_object_set_new(config, key, json_string(text));
}

/* A native limit of all accounts: a count as it is, a duration in milliseconds. */
static enum err_code set_limit(struct reading *r, const char *path, json_t *config, const char *key,
                               bool is_duration)
{
    const struct setting *setting = setting_find(r->tree->root, path);
    const char *text = NULL;
    struct error why = {0};
    int64_t number = 0;

    if (!setting)
        return ERR_OK;
    if (!is_duration) {
        if (settings_read_count(r->tree, path, 1, 1000, &number, r->err))
            return r->err->code;
    } else {
        if (setting_text(r->tree, setting, &text, r->err))
            return r->err->code;
        if (duration_parse(text, &number, &why) || number < 1 || number > 3600)
            return setting_error(setting, r->err,
                                 "\"%.100s\" is not a length of time from 1s to 1h, for example "
                                 "30s or 2m",
                                 text);
        number *= MS_PER_S;
    }
    set_missing(config, key, arena_printf(r->tree->arena, "%lld", (long long)number));
    return ERR_OK;
}

/* What is said once for all accounts, or for all of a section. */
static enum err_code add_defaults(struct reading *r, const struct account_kind *kind,
                                  json_t *config)
{
    const struct setting *retry = setting_find(r->tree->root, "kayenta.metrics.retry");
    static const char *const texts[] = {"scopeLabel", "metadataCachingIntervalMS"};
    json_t *value = NULL;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *path = arena_printf(r->tree->arena, "kayenta.%s.%s", kind->section, texts[i]);
        const char *text = NULL;

        if (settings_read_text(r->tree, path, &text, r->err))
            return r->err->code;
        set_missing(config, texts[i], text);
    }
    if (retry && !json_object_get(config, "retry")) {
        if (to_json(r, retry, false, false, &value))
            return r->err->code;
        json_object_set_new(config, "retry", value);
    }
    if (setting_find(r->tree->root, "limits.store.retry") && !json_object_get(config, "retry")) {
        value = json_object();
        json_object_set_new(config, "retry", value);
        if (set_limit(r, "limits.store.retry", value, "attempts", false))
            return r->err->code;
    }
    if (set_limit(r, "limits.store.concurrency", config, "maxConcurrentRequests", false) ||
        set_limit(r, "limits.store.connect", config, "connectTimeoutMs", true) ||
        set_limit(r, "limits.store.total", config, "readTimeoutMs", true))
        return r->err->code;
    return ERR_OK;
}

static enum err_code decode_metrics(struct reading *r, const struct setting *place,
                                    const struct account_kind *kind, json_t *config,
                                    struct settings_account *out)
{
    const struct json_t *endpoint = json_object_get(config, "endpoint");
    const char *url = json_string_value(json_object_get(config, "url"));
    struct account *account = NULL;
    struct error why = {0};

    if (url && !endpoint)
        json_object_set_new(config, "endpoint", json_pack("{ss}", "baseUrl", url));
    json_object_del(config, "url");
    url = json_string_value(json_object_get(json_object_get(config, "endpoint"), "baseUrl"));
    if (kind->needs_url && (!url || !*url))
        return setting_error(place, r->err,
                             "account \"%s\" lacks endpoint.baseUrl, for example "
                             "http://localhost:9090",
                             out->name);
    if (!collector_find(kind->collector)) {
        settings_notice(
            r->tree,
            "account \"%s\": this build cannot query %s; requests that name the account "
            "are refused",
            out->name, kind->section);
        return ERR_OK;
    }
    if (add_defaults(r, kind, config))
        return r->err->code;
    if (account_decode(kind->collector, config, r->tree->arena, &account, &why) ||
        collector_check_account(account, &why))
        return setting_error(place, r->err, "account \"%s\": %s", out->name, why.message);
    if (account->tls.insecure_skip_verify)
        settings_notice(r->tree, "account \"%s\" does not check the server's certificate",
                        out->name);
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
    for (size_t i = 0; i < r->settings->n_accounts; i++)
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

/* `default_roles` is for an account that names none. */
static enum err_code read_account(struct reading *r, const struct setting *place,
                                  const struct account_kind *kind, unsigned default_roles)
{
    struct settings_account account = {.type = kind->section};
    json_t *config = NULL;
    bool has_roles;

    if (place->kind != SETTING_MAP)
        return setting_error(place, r->err, "an account is a mapping with a name");
    if (to_json(r, place, false, false, &config))
        return r->err->code;
    arena_defer(r->tree->arena, release_json, config);
    account.name = json_string_value(json_object_get(config, "name"));
    if (check_name(r, place, account.name) || read_roles(r, place, config, &account.roles))
        return r->err->code;
    has_roles = json_object_get(config, "roles") || json_object_get(config, "supportedTypes");
    account.roles = has_roles ? account.roles & kind->roles : default_roles;
    if (strcmp(kind->section, "prometheus") == 0)
        account.roles = ROLE_METRICS; /* whatever it says, as in Kayenta */
    if (!account.roles)
        settings_notice(
            r->tree, "account \"%s\" serves nothing: %s; say supportedTypes: [%s]", account.name,
            has_roles ? "its type cannot do what its supportedTypes say"
                      : "it has no supportedTypes",
            kind->roles & ROLE_METRICS ? "METRICS_STORE" : "OBJECT_STORE, CONFIGURATION_STORE");
    if (account.roles & ROLE_METRICS && decode_metrics(r, place, kind, config, &account))
        return r->err->code;
    if (account.roles & STORES)
        strbuf_printf(&r->storing, "%s%s", r->storing.n_bytes ? ", " : "", account.name);
    account.shown = shown_of(r, kind, config, account.roles);
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

static enum err_code read_native(struct reading *r)
{
    const struct setting *list = setting_find(r->tree->root, "accounts");

    if (list && list->kind != SETTING_LIST)
        return setting_error(list, r->err, "accounts is a list");
    for (size_t i = 0; list && i < list->n_children; i++) {
        const struct setting *place = list->children[i];
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
        if (read_account(r, place, kind, kind->roles & ROLE_METRICS ? ROLE_METRICS : kind->roles))
            return r->err->code;
    }
    return ERR_OK;
}

static enum err_code read_section(struct reading *r, const struct setting *section,
                                  const struct account_kind *kind)
{
    const struct setting *list = setting_find(section, "accounts");
    bool is_enabled = true;

    if (!list)
        return ERR_OK;
    if (settings_read_flag(r->tree,
                           arena_printf(r->tree->arena, "kayenta.%s.enabled", kind->section),
                           &is_enabled, r->err))
        return r->err->code;
    if (!is_enabled)
        return ERR_OK;
    if (list->kind != SETTING_LIST)
        return setting_error(list, r->err, "accounts is a list");
    if (!setting_find(section, "enabled") && list->n_children)
        settings_notice(r->tree, "%s.accounts are used, although %s.enabled is not set",
                        section->path, section->path);
    for (size_t i = 0; i < list->n_children; i++)
        if (read_account(r, list->children[i], kind, kind->default_roles))
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
    if (missing)
        *add_account(r, &place) =
            (struct settings_account){.name = BUILT_IN, .type = "sqlite", .roles = missing};
    return ERR_OK;
}

static enum err_code read_all(struct reading *r)
{
    const struct setting *kayenta = setting_find(r->tree->root, "kayenta");

    if (read_native(r))
        return r->err->code;
    for (size_t i = 0; kayenta && i < kayenta->n_children; i++) {
        const struct account_kind *kind = account_kind_find(kayenta->children[i]->key);

        if (kind && read_section(r, kayenta->children[i], kind))
            return r->err->code;
    }
    if (r->storing.n_bytes)
        settings_notice(
            r->tree,
            "data of %s is kept in this service's own result store, under the account's "
            "name",
            r->storing.bytes);
    return add_built_in(r);
}

enum err_code settings_accounts_read(struct settings_tree *tree, struct settings *settings,
                                     struct error *err)
{
    struct reading r = {.tree = tree, .settings = settings, .err = err};

    read_all(&r);
    strbuf_clear(&r.storing);
    return err->code;
}
