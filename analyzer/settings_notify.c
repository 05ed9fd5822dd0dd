#include "analyzer/settings_notify.h"

#include "analyzer/settings_keys.h"
#include "base/instant.h"
#include "base/json.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define MAX_SINKS 16u /* each may hold a connection that others wait for */
#define MAX_NAME_BYTES 256u
#define DEFAULT_TIMEOUT_S 10
#define MAX_TIMEOUT_S 60
#define MAX_REPLY_BYTES 1000000      /* nobody reads it */
#define DRAFT_URL "http://localhost" /* of a sink that is looked at only, and lacks its secret */

static const struct {
    const char *word;
    enum sink_event event;
} events[] = {
    {"pass", SINK_PASS},         {"marginal", SINK_MARGINAL}, {"fail", SINK_FAIL},
    {"nodata", SINK_NODATA},     {"error", SINK_ERROR},       {"cancelled", SINK_CANCELLED},
    {"interval", SINK_INTERVAL},
};

/* One sink being read. */
struct reading {
    struct settings_tree *tree;
    const struct setting *place; /* the list's element */
    struct settings_sink *sink;
    struct error *err;
};

/* --- keys --- */

static enum err_code check_keys(struct reading *r)
{
    static const char *const keys[] = {"name",         "type",    "url",    "on",
                                       "applications", "headers", "timeout"};

    if (r->place->kind != SETTING_MAP)
        return setting_error(r->place, r->err, "a sink is a mapping with a name, a type and a url");
    for (size_t i = 0; i < r->place->n_children; i++) {
        const struct setting *child = r->place->children[i];
        size_t k = 0;

        while (k < ARRAY_LEN(keys) && !setting_key_equal(child->key, strlen(child->key), keys[k]))
            k++;
        if (k == ARRAY_LEN(keys))
            return setting_error(child, r->err,
                                 "a sink has no such key; there are name, type, url, on, "
                                 "applications, headers and timeout");
    }
    return ERR_OK;
}

/* The text of a key; NULL when there is none. */
static enum err_code read_text(struct reading *r, const char *key, const char **out)
{
    const struct setting *setting = setting_find(r->place, key);

    *out = NULL;
    return setting ? setting_text(r->tree, setting, out, r->err) : ERR_OK;
}

/* The items of a list that must have some; none when there is no such key. */
static enum err_code read_items(struct reading *r, const char *key, const char *hint,
                                const char *const **out, size_t *n_out)
{
    const struct setting *setting = setting_find(r->place, key);

    *n_out = 0;
    if (!setting)
        return ERR_OK;
    if (setting->kind == SETTING_MAP)
        return setting_error(setting, r->err, "a list was expected, not a mapping; %s", hint);
    if (settings_read_list(r->tree, setting, out, n_out, r->err))
        return r->err->code;
    return *n_out ? ERR_OK : setting_error(setting, r->err, "the list is empty; %s", hint);
}

static enum err_code read_name(struct reading *r, const struct settings *settings)
{
    const char *name;

    if (read_text(r, "name", &name))
        return r->err->code;
    if (!name || !*name)
        return setting_error(r->place, r->err, "the sink lacks a name");
    if (strlen(name) > MAX_NAME_BYTES)
        return setting_error(r->place, r->err, "the sink's name is longer than %u bytes",
                             MAX_NAME_BYTES);
    for (size_t at = 0, n = strlen(name), step; at < n; at += step) {
        step = str_utf8_length(name + at, n - at);
        if (step == 0 || iscntrl((unsigned char)name[at]))
            return setting_error(r->place, r->err,
                                 "the sink's name must be UTF-8 without control "
                                 "characters");
    }
    for (size_t i = 0; i < settings->n_sinks; i++)
        if (strcmp(settings->sinks[i].name, name) == 0)
            return setting_error(setting_find(r->place, "name"), r->err,
                                 "the name \"%s\" is taken by notify[%zu]", name, i);
    r->sink->name = name;
    return ERR_OK;
}

static enum err_code read_type(struct reading *r)
{
    static const char *const names[] = {[SINK_WEBHOOK] = "webhook", [SINK_SLACK] = "slack"};
    const char *type;

    if (read_text(r, "type", &type))
        return r->err->code;
    if (!type)
        return setting_error(r->place, r->err, "sink \"%s\" lacks a type: webhook or slack",
                             r->sink->name);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(type, names[i]) == 0) {
            r->sink->type = (enum sink_type)i;
            return ERR_OK;
        }
    }
    return setting_error(setting_find(r->place, "type"), r->err,
                         "\"%.100s\" is no type of sink; there are webhook and slack", type);
}

static enum err_code read_events(struct reading *r)
{
    static const char hint[] = "there are pass, marginal, fail, nodata, error, cancelled and "
                               "interval; without \"on\" it is all ends and no intervals";
    const char *const *words;
    size_t n_words;

    if (read_items(r, "on", hint, &words, &n_words))
        return r->err->code;
    for (size_t i = 0; i < n_words; i++) {
        size_t k = 0;

        while (k < ARRAY_LEN(events) && strcmp(words[i], events[k].word) != 0)
            k++;
        if (k == ARRAY_LEN(events))
            return setting_error(setting_find(r->place, "on"), r->err,
                                 "\"%.100s\" is nothing to be told of; %s", words[i], hint);
        r->sink->on |= events[k].event;
    }
    if (n_words == 0)
        r->sink->on = SINK_ENDS;
    return ERR_OK;
}

/* --- how to get there --- */

static bool is_ours(const char *header)
{
    static const char *const names[] = {"Content-Type",      "Content-Length", "Transfer-Encoding",
                                        "Content-Encoding",  "Host",           "Connection",
                                        "User-Agent",        "Expect",         "Accept-Encoding",
                                        "X-Serinus-Event-Id"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcasecmp(header, names[i]) == 0)
            return true;
    return false;
}

static enum err_code read_headers(struct reading *r, json_t *out)
{
    const struct setting *headers = setting_find(r->place, "headers");
    struct http_request scratch = {0};

    if (headers && headers->kind != SETTING_MAP)
        return setting_error(headers, r->err, "headers map names to values");
    for (size_t i = 0; headers && i < headers->n_children; i++) {
        const struct setting *header = headers->children[i];
        struct error why = {0};
        const char *value;

        if (setting_text(r->tree, header, &value, r->err))
            return r->err->code;
        if (is_ours(header->key))
            return setting_error(header, r->err, "this service sets the header %s itself",
                                 header->key);
        if (http_request_header(&scratch, r->tree->arena, header->key, value ? value : "", &why))
            return setting_error(header, r->err,
                                 "a header is a name without spaces and colons, "
                                 "and one line of text");
        if (json_object_set_new(out, header->key, json_string(value ? value : "")) != 0)
            return setting_error(header, r->err, "the text is not valid UTF-8");
    }
    return ERR_OK;
}

static enum err_code read_timeout(struct reading *r, int64_t *out_s)
{
    struct error why = {0};
    const char *text;

    *out_s = DEFAULT_TIMEOUT_S;
    if (read_text(r, "timeout", &text))
        return r->err->code;
    if (text && (duration_parse(text, out_s, &why) || *out_s < 1 || *out_s > MAX_TIMEOUT_S))
        return setting_error(setting_find(r->place, "timeout"), r->err,
                             "\"%.100s\" is not a length of time from 1s to %ds, for example 10s",
                             text, MAX_TIMEOUT_S);
    return ERR_OK;
}

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

static void release_json(void *json)
{
    json_decref(json);
}

/* An account's base URL has neither query nor trailing slash; a sink's address is taken as it is,
 * for that is where the receiver's token often stands. */
static enum err_code read_way(struct reading *r)
{
    const struct setting *setting = setting_find(r->place, "url");
    json_t *config = json_object(), *headers = json_object();
    struct arena *arena = r->tree->arena;
    struct account *account = NULL;
    struct error why = {0};
    const char *url, *query;
    int64_t timeout_s;
    size_t n_base, n_bare;

    arena_defer(arena, release_json, config);
    json_object_set_new(config, "headers", headers);
    if (read_text(r, "url", &url))
        return r->err->code;
    if (setting && r->tree->last.missing)
        url = DRAFT_URL;
    if (read_headers(r, headers) || read_timeout(r, &timeout_s))
        return r->err->code;
    if (!url || !*url)
        return setting_error(setting ? setting : r->place, r->err,
                             "sink \"%s\" lacks a url, for example ${file:/run/secrets/hook-url}",
                             r->sink->name);
    query = strchrnul(url, '?');
    n_base = n_bare = (size_t)(query - url);
    while (n_bare > 0 && url[n_bare - 1] == '/')
        n_bare--;
    json_object_set_new(config, "name", json_string(r->sink->name));
    json_object_set_new(config, "baseUrl", json_stringn(url, n_base));
    json_object_set_new(config, "connectTimeoutMs", json_integer(timeout_s * MS_PER_S));
    json_object_set_new(config, "readTimeoutMs", json_integer(timeout_s * MS_PER_S));
    json_object_set_new(config, "maxConcurrentRequests", json_integer(1));
    json_object_set_new(config, "maxResponseBytes", json_integer(MAX_REPLY_BYTES));
    json_object_set_new(config, "retry",
                        json_pack("{sis[]s[]}", "attempts", 1, "series", "statuses"));
    if (n_base == 0 || !is_printable(url) || strchr(url, '#') ||
        account_decode("notify", config, arena, &account, &why))
        return setting_error(setting, r->err,
                             "what it holds is not an absolute http:// or https:// URL without a "
                             "fragment");
    account->is_sink = true;
    r->sink->account = account;
    r->sink->url.value = arena_printf(arena, "%s%.*s%s", account->base_url, (int)(n_base - n_bare),
                                      url + n_bare, query);
    return ERR_OK;
}

/* --- all of them --- */

static enum err_code read_external_url(struct settings_tree *tree, struct settings *settings,
                                       struct error *err)
{
    const char *url = NULL;
    const char *host;
    size_t n_bytes;

    if (settings_read_text(tree, "http.external_url", &url, err) || !url)
        return err->code;
    host = strncmp(url, "https://", 8) == 0  ? url + 8
           : strncmp(url, "http://", 7) == 0 ? url + 7
                                             : "";
    if (!*host || *host == '/' || strpbrk(url, "?#@<>|\"\\") || !is_printable(url))
        return setting_error(setting_find(tree->root, "http.external_url"), err,
                             "\"%.100s\" is not an absolute http:// or https:// URL, for example "
                             "https://canary.example.com",
                             url);
    n_bytes = strlen(url);
    while (url[n_bytes - 1] == '/')
        n_bytes--;
    settings->external_url = arena_strndup(tree->arena, url, n_bytes);
    return ERR_OK;
}

/* Note one value for `config show`. Secrets are noted without their text, for of a URL with user
 * info the rest would be shown, and here that is a secret, too. */
static enum err_code show_value(struct settings_tree *tree, const char *path, const char *member,
                                const struct setting *value, struct error *err)
{
    const char *text = NULL;
    const char *const *items;
    size_t n_items;
    struct setting_line *line;
    bool is_secret;

    if (value->kind == SETTING_LIST) {
        if (settings_read_list(tree, value, &items, &n_items, err))
            return err->code;
        line = settings_show_line(tree, path, value, items, n_items);
        line->is_list = true;
        line->is_secret =
            tree->last.secret || setting_key_equal(value->key, strlen(value->key), "headers");
        return ERR_OK;
    }
    if (setting_text(tree, value, &text, err) || !text)
        return err->code;
    is_secret = member ? strncmp(text, "file:", strlen("file:")) != 0
                       : setting_key_equal(value->key, strlen(value->key), "url");
    settings_show_text(tree, path, value, is_secret ? "" : text, is_secret);
    tree->lines[tree->n_lines - 1].member = member;
    return ERR_OK;
}

static enum err_code show_sink(struct settings_tree *tree, const struct setting *sink,
                               struct error *err)
{
    for (size_t i = 0; i < sink->n_children && !err->code; i++) {
        const struct setting *child = sink->children[i];
        bool is_known;
        const char *key = account_key_spell(child->key, tree->arena, &is_known);
        const char *path = arena_printf(tree->arena, "%s.%s", sink->path, key);

        if (child->kind != SETTING_MAP)
            (void)(show_value(tree, path, NULL, child, err) == ERR_OK);
        for (size_t k = 0; k < child->n_children && child->kind == SETTING_MAP && !err->code; k++)
            (void)(show_value(tree, path, child->children[k]->key, child->children[k], err) ==
                   ERR_OK);
    }
    return err->code;
}

static enum err_code read_sink(struct reading *r, const struct settings *settings)
{
    if (check_keys(r) || show_sink(r->tree, r->place, r->err) || read_name(r, settings) ||
        read_type(r) || read_events(r) ||
        read_items(r, "applications", "without it, it is told of all applications",
                   &r->sink->applications, &r->sink->n_applications) ||
        read_way(r))
        return r->err->code;
    return ERR_OK;
}

enum err_code settings_notify_read(struct settings_tree *tree, struct settings *settings,
                                   struct error *err)
{
    const struct setting *list = setting_find(tree->root, "notify");

    if (read_external_url(tree, settings, err) || !list)
        return err->code;
    if (list->kind != SETTING_LIST)
        return setting_error(list, err, "notify is a list of sinks, each with name, type and url");
    if (list->n_children > MAX_SINKS)
        return setting_error(list, err, "there are %zu sinks; at most %u are allowed",
                             list->n_children, MAX_SINKS);
    settings->sinks = arena_array(tree->arena, struct settings_sink, list->n_children);
    for (; settings->n_sinks < list->n_children; settings->n_sinks++) {
        struct settings_sink *sink = &settings->sinks[settings->n_sinks];
        struct reading r = {tree, list->children[settings->n_sinks], sink, err};

        if (read_sink(&r, settings) && settings_stops(tree, err))
            return err->code;
    }
    return ERR_OK;
}
