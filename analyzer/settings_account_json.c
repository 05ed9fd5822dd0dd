#include "analyzer/settings_account_json.h"

#include "analyzer/settings_retry.h"
#include "base/instant.h"
#include "base/json.h"
#include "collectors/mask.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Where a value stands. */
struct spot {
    const char *path;   /* of what is noted; NULL: not noted */
    const char *member; /* in a map of the user's own */
    bool is_free;       /* keys are the user's own */
    bool is_secret;     /* so the key says, or one above it */
};

static enum err_code to_json(struct account_reading *r, const struct setting *setting,
                             struct spot spot, json_t **out);

/* --- request templates: types are kept, and placeholders, which are filled in for each query ---
 */

static json_t *raw_scalar(const struct setting *setting)
{
    switch (setting->type) {
    case JSON_TRUE:
        return json_true();
    case JSON_FALSE:
        return json_false();
    case JSON_INTEGER:
        return json_integer(strtoll(setting->text, NULL, 10));
    case JSON_REAL:
        return json_real(strtod(setting->text, NULL));
    case JSON_NULL:
        return json_null();
    default:
        return json_string(setting->text);
    }
}

/* Depth: that of the tree, which is bounded. */
static json_t *raw_json(const struct setting *setting)
{
    json_t *value = setting->kind == SETTING_MAP ? json_object() : json_array();

    if (setting->kind == SETTING_SCALAR) {
        json_decref(value);
        return raw_scalar(setting);
    }
    for (size_t i = 0; i < setting->n_children; i++) {
        const struct setting *child = setting->children[i];

        if (setting->kind == SETTING_MAP)
            json_object_set_new(value, child->key, raw_json(child));
        else
            json_array_append_new(value, raw_json(child));
    }
    return value;
}

/* Constants with the name of a credential. */
static void mask_params(json_t *params)
{
    const char *name;
    json_t *value;

    json_object_foreach (params, name, value)
        if (mask_name_is_secret(name) && json_is_string(value) &&
            !strstr(json_string_value(value), "${"))
            json_object_set_new(params, name, json_string("********"));
}

/* What may be shown: headers other than the plain ones could hold a key. */
static const char *masked_requests(struct account_reading *r, const struct setting *setting,
                                   const json_t *requests)
{
    static const char *const plain[] = {"accept", "content-type", "accept-language"};
    static const char *const params[] = {"query", "form", "vars"};
    json_t *copy = json_deep_copy(requests);
    const char *name, *header, *text;
    json_t *request, *value;

    json_object_foreach (copy, name, request) {
        json_t *headers = json_object_get(request, "headers");

        for (size_t i = 0; i < ARRAY_LEN(params); i++)
            mask_params(json_object_get(request, params[i]));
        json_object_foreach (headers, header, value) {
            bool is_plain = json_is_string(value) &&
                            strncmp(json_string_value(value), "file:", strlen("file:")) == 0;

            for (size_t i = 0; i < ARRAY_LEN(plain); i++)
                is_plain = is_plain || strcasecmp(header, plain[i]) == 0;
            if (is_plain)
                continue;
            json_object_set_new(headers, header, json_string("********"));
            settings_drop(r->tree, setting,
                          arena_printf(r->tree->arena,
                                       "the header %s of request \"%s\" may be a secret; write its "
                                       "value into a file, and file:<path> in its place",
                                       header, name));
        }
    }
    text = json_write_arena(copy, r->tree->arena);
    json_decref(copy);
    return text;
}

static json_t *requests_json(struct account_reading *r, const struct setting *setting,
                             const char *path)
{
    json_t *value = raw_json(setting);
    const char **text = arena_new(r->tree->arena, const char *);

    *text = masked_requests(r, setting, value);
    settings_show_line(r->tree, path, setting, text, 1)->is_json = true;
    return value;
}

/* --- everything else --- */

static json_t *list_json(const char *const *items, size_t n_items)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n_items; i++)
        json_array_append_new(list, json_string(items[i]));
    return list;
}

static enum err_code texts_json(struct account_reading *r, const struct setting *setting,
                                struct spot spot, json_t **out)
{
    const char *const *items;
    size_t n_items;
    struct setting_line *line;

    if (settings_read_list(r->tree, setting, &items, &n_items, r->err))
        return r->err->code;
    *out = list_json(items, n_items);
    if (!spot.path)
        return ERR_OK;
    line = settings_show_line(r->tree, spot.path, setting, items, n_items);
    line->member = spot.member;
    line->is_list = true;
    line->is_secret = r->tree->last.secret || spot.is_secret;
    for (size_t i = 0; i < n_items; i++)
        line->is_secret = line->is_secret || setting_has_user_info(items[i]);
    return ERR_OK;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), n_end = strlen(end);

    return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

static enum err_code text_json(struct account_reading *r, const struct setting *setting,
                               struct spot spot, json_t **out)
{
    const char *text;

    if (setting_text(r->tree, setting, &text, r->err))
        return r->err->code;
    *out = text ? json_string(text) : NULL;
    if (text && !*out)
        return setting_error(setting, r->err, "the text is not valid UTF-8");
    if (!text || !spot.path)
        return ERR_OK;
    settings_show_text(r->tree, spot.path, setting, text,
                       spot.is_secret && strncmp(text, "file:", strlen("file:")) != 0);
    r->tree->lines[r->tree->n_lines - 1].member = spot.member;
    return ERR_OK;
}

static bool is_in(const char *const *list, size_t n, const char *key)
{
    for (size_t i = 0; i < n && list[i]; i++)
        if (strcmp(list[i], key) == 0)
            return true;
    return false;
}

static void note_unknown(struct account_reading *r, const struct setting *member)
{
    const char *near = account_key_nearest(member->key);

    settings_warn(r->tree, "%s: the key \"%s\" is not known%s%s%s",
                  setting_origin(member, r->tree->arena), member->path,
                  near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static bool is_secret_key(struct spot spot, const char *key, bool is_known)
{
    const char *meant = is_known ? key : account_key_nearest(key);

    if (spot.is_free)
        return ends_with(spot.path, ".headers") || mask_name_is_secret(key);
    return setting_key_is_secret(key) || (meant && setting_key_is_secret(meant));
}

static struct spot spot_below(struct account_reading *r, struct spot spot, const char *key,
                              bool is_known)
{
    struct spot below = {.is_free = spot.is_free || setting_is_free_map(key),
                         .is_secret = spot.is_secret};

    if (spot.path)
        below.is_secret = below.is_secret || is_secret_key(spot, key, is_known);

    if (!spot.path)
        return below;
    if (spot.is_free) {
        below.path = spot.path;
        below.member = spot.member ? arena_printf(r->tree->arena, "%s.%s", spot.member, key) : key;
    } else {
        below.path = arena_printf(r->tree->arena, "%s.%s", spot.path, key);
    }
    return below;
}

static enum err_code map_json(struct account_reading *r, const struct setting *map,
                              struct spot spot, json_t *out)
{
    for (size_t i = 0; i < map->n_children; i++) {
        const struct setting *member = map->children[i];
        const char *key = member->key;
        struct spot below;
        bool is_known = true;
        json_t *value = NULL;

        if (!spot.is_free)
            key = account_key_spell(key, r->tree->arena, &is_known);
        if (!is_known)
            note_unknown(r, member);
        below = spot_below(r, spot, key, is_known);
        if (!spot.is_free && strcmp(key, "requests") == 0)
            value = requests_json(r, member, below.path);
        else if (!spot.is_free && account_key_is_list(key))
            (void)(texts_json(r, member, below, &value) == ERR_OK);
        else
            (void)(to_json(r, member, below, &value) == ERR_OK);
        if (r->err->code)
            return r->err->code;
        if (value && json_object_set_new(out, key, value) != 0)
            return setting_error(member, r->err, "the key is not valid UTF-8");
    }
    return ERR_OK;
}

/* A new value; NULL for null. Depth: that of the tree, which is bounded. */
static enum err_code to_json(struct account_reading *r, const struct setting *setting,
                             struct spot spot, json_t **out)
{
    *out = NULL;
    if (setting->kind == SETTING_SCALAR)
        return text_json(r, setting, spot, out);
    if (setting->kind == SETTING_LIST)
        return texts_json(r, setting, spot, out);
    *out = json_object();
    if (map_json(r, setting, spot, *out)) {
        json_decref(*out);
        *out = NULL;
    }
    return r->err->code;
}

/* --- an account --- */

/* What clients are shown; the rest of an account that only stores says where Kayenta keeps data. */
static bool is_wanted(const struct account_kind *kind, const char *key)
{
    static const char *const hints[] = {"locations", "recommendedLocations"};

    return kind->collector || is_in(kind->shown, ARRAY_LEN(kind->shown), key) ||
           is_in(hints, ARRAY_LEN(hints), key);
}

/* endpoint.baseUrl, endpoint: {baseUrl}, baseUrl, base-url: all are "url". */
static enum err_code endpoint_json(struct account_reading *r, const struct setting *member,
                                   json_t *config)
{
    const struct setting *url =
        member->kind == SETTING_MAP ? setting_find(member, "baseUrl") : member;
    const char *path = r->kind->collector && !r->has_kayentas_names ? "url" : "endpoint.baseUrl";
    json_t *value = NULL;

    for (size_t i = 0; member->kind == SETTING_MAP && i < member->n_children; i++)
        if (!setting_key_equal(member->children[i]->key, strlen(member->children[i]->key),
                               "baseUrl"))
            note_unknown(r, member->children[i]);
    if (!url)
        return ERR_OK;
    if (url->kind != SETTING_SCALAR)
        return setting_error(url, r->err,
                             "one value was expected, for example "
                             "http://localhost:9090");
    path = arena_printf(r->tree->arena, "%s.%s", r->prefix, path);
    if (text_json(r, url, (struct spot){.path = path}, &value))
        return r->err->code;
    if (value)
        json_object_set_new(config, "endpoint", json_pack("{so}", "baseUrl", value));
    return ERR_OK;
}

static enum err_code member_json(struct account_reading *r, const struct setting *member,
                                 json_t *config)
{
    static const char *const apart[] = {"name", "type", "roles", "supportedTypes"};
    static const char *const urls[] = {"endpoint", "url", "baseUrl"};
    struct settings_tree *tree = r->tree;
    const struct setting one = {.kind = SETTING_MAP,
                                .children =
                                    (struct setting *[]){(struct setting *)(uintptr_t)member},
                                .n_children = 1};
    bool is_known;
    const char *key = account_key_spell(member->key, tree->arena, &is_known);

    if (is_in(apart, ARRAY_LEN(apart), key))
        return ERR_OK;
    if (is_in(r->kind->unused, ARRAY_LEN(r->kind->unused), key)) {
        settings_notice(tree, "account \"%s\": %s has no effect on %s, as in Kayenta", r->name,
                        member->path, r->kind->section);
        settings_drop(tree, member, "without effect, as in Kayenta");
        return ERR_OK;
    }
    if (is_known && !is_wanted(r->kind, strcmp(key, "url") == 0 ? "endpoint" : key)) {
        settings_drop(tree, member,
                      "the account's data is kept in this service's own result store");
        return ERR_OK;
    }
    if (is_in(urls, ARRAY_LEN(urls), key))
        return endpoint_json(r, member, config);
    return map_json(r, &one, (struct spot){.path = r->prefix}, config);
}

enum err_code account_json_read(struct account_reading *r, const struct setting *place,
                                json_t **out)
{
    json_t *config = json_object();

    for (size_t i = 0; i < place->n_children && !r->err->code; i++)
        (void)(member_json(r, place->children[i], config) == ERR_OK);
    if (r->err->code)
        json_decref(config);
    else
        *out = config;
    return r->err->code;
}

/* --- what is said once for many --- */

static void set_missing(struct account_reading *r, json_t *config, const char *key,
                        const char *text, const struct setting *from)
{
    if (!text || json_object_get(config, key))
        return;
    json_object_set_new(config, key, json_string(text));
    settings_show_text(r->tree, arena_printf(r->tree->arena, "%s.%s", r->prefix, key), from, text,
                       false);
}

/* A native limit of all accounts: a count as it is, a duration in milliseconds. */
static enum err_code set_limit(struct account_reading *r, const char *path, json_t *config,
                               const char *key, bool is_duration)
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
    text = arena_printf(r->tree->arena, "%lld", (long long)number);
    set_missing(r, config, key, text, setting);
    return ERR_OK;
}

static enum err_code set_retry(struct account_reading *r, json_t *config)
{
    const struct setting *retry = setting_find(r->tree->root, "kayenta.metrics.retry");
    struct account_reading below = *r;
    json_t *value = json_object_get(config, "retry");

    if (!value && retry && retry->kind == SETTING_MAP) {
        struct spot spot = {.path = arena_printf(r->tree->arena, "%s.retry", r->prefix)};

        if (to_json(r, retry, spot, &value))
            return r->err->code;
        json_object_set_new(config, "retry", value);
    }
    if (!value && setting_find(r->tree->root, "limits.store.retry")) {
        value = json_object();
        json_object_set_new(config, "retry", value);
        below.prefix = arena_printf(r->tree->arena, "%s.retry", r->prefix);
        if (set_limit(&below, "limits.store.retry", value, "attempts", false))
            return r->err->code;
    }
    if (value)
        settings_retry_normalise(r->tree, r->name, value);
    return ERR_OK;
}

enum err_code account_json_add_defaults(struct account_reading *r, json_t *config)
{
    for (size_t i = 0; i < n_store_keys; i++) {
        const char *path =
            arena_printf(r->tree->arena, "kayenta.%s.%s", r->kind->collector, store_keys[i]);
        const struct setting *setting = setting_find(r->tree->root, path);
        const char *text = NULL;

        if (setting && setting_text(r->tree, setting, &text, r->err))
            return r->err->code;
        set_missing(r, config, store_keys[i], text, setting);
    }
    for (size_t i = 0; i < ARRAY_LEN(r->kind->store_defaults); i++)
        if (r->kind->store_defaults[i][0])
            set_missing(r, config, r->kind->store_defaults[i][0], r->kind->store_defaults[i][1],
                        NULL);
    if (set_retry(r, config) ||
        set_limit(r, "limits.store.concurrency", config, "maxConcurrentRequests", false) ||
        set_limit(r, "limits.store.connect", config, "connectTimeoutMs", true) ||
        set_limit(r, "limits.store.total", config, "readTimeoutMs", true))
        return r->err->code;
    return ERR_OK;
}
