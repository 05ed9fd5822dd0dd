#include "analyzer/settings_remote_judge.h"

#include "analyzer/remote_judge.h"
#include "analyzer/settings_account_json.h"
#include "analyzer/settings_retry.h"
#include "base/json.h"
#include "base/limits.h"

#include <string.h>

#define SECTION "kayenta.remoteJudge"
#define ENABLED "enabled"

/* It is read as an account is, of a kind that nobody can name. */
static const struct account_kind kind = {.section = "remoteJudge", .collector = "remoteJudge"};

/* All of the section but its switch, which is no key of an account. */
static struct setting without_switch(const struct setting *section, struct arena *arena)
{
    struct setting out = *section;

    out.children = arena_array(arena, struct setting *, section->n_children);
    out.n_children = 0;
    for (size_t i = 0; i < section->n_children; i++)
        if (!setting_key_equal(section->children[i]->key, strlen(section->children[i]->key),
                               ENABLED))
            out.children[out.n_children++] = section->children[i];
    return out;
}

static void set_default(json_t *config, const char *key, json_t *value)
{
    if (json_object_get(config, key))
        json_decref(value);
    else
        json_object_set_new(config, key, value);
}

/* The engine grants half of the time for a reply to its first byte: this judge may think until the
 * whole is over. */
static void set_defaults(struct settings_tree *tree, json_t *config)
{
    json_t *retry = json_object_get(config, "retry");

    if (retry)
        settings_retry_normalise(tree, kind.section, retry);
    set_default(config, "retry",
                json_pack("{sis[]s[iii]}", "attempts", REMOTE_JUDGE_ATTEMPTS, "series", "statuses",
                          502, 503, 504));
    set_default(config, "connectTimeoutMs", json_integer(REMOTE_JUDGE_CONNECT_TIMEOUT_MS));
    set_default(config, "readTimeoutMs", json_integer(2 * REMOTE_JUDGE_TOTAL_MS));
    set_default(config, "maxResponseBytes", json_integer(REMOTE_JUDGE_MAX_REPLY_BYTES));
    json_object_set_new(config, "name", json_string(REMOTE_JUDGE_NAME));
}

static enum err_code read_account(struct settings_tree *tree, const struct setting *section,
                                  struct settings *settings, struct error *err)
{
    const struct setting place = without_switch(section, tree->arena);
    struct account_reading reading = {.tree = tree,
                                      .kind = &kind,
                                      .name = REMOTE_JUDGE_NAME,
                                      .prefix = SECTION,
                                      .has_kayentas_names = true,
                                      .err = err};
    struct account *account = NULL;
    struct error why = {0};
    json_t *config = NULL;
    const char *url;

    if (account_json_read(&reading, &place, &config))
        return err->code;
    json_keep(config, tree->arena);
    url = json_string_value(json_object_get(json_object_get(config, "endpoint"), "baseUrl"));
    if ((!url || !*url) && !tree->is_draft)
        return setting_error(section, err,
                             "it is enabled, but lacks endpoint.baseUrl, for example "
                             "http://localhost:8091");
    set_defaults(tree, config);
    if (account_decode(kind.section, config, tree->arena, &account, &why))
        return tree->is_draft ? ERR_OK : setting_error(section, err, "%s", why.message);
    account->is_sink = true;
    settings->remote_judge = account;
    return ERR_OK;
}

enum err_code settings_remote_judge_read(struct settings_tree *tree, struct settings *settings,
                                         struct error *err)
{
    const struct setting *section = setting_find(tree->root, SECTION);
    bool is_enabled = false;

    if (!section)
        return ERR_OK;
    if (section->kind != SETTING_MAP)
        return setting_error(section, err,
                             "a mapping with enabled and endpoint.baseUrl was "
                             "expected");
    if (settings_read_flag(tree, SECTION "." ENABLED, &is_enabled, err))
        return err->code;
    if (is_enabled)
        return read_account(tree, section, settings, err);
    settings_notice(tree, SECTION " is not enabled: " REMOTE_JUDGE_NAME " is not offered");
    for (size_t i = 0; i < section->n_children; i++)
        if (section->children[i]->kind != SETTING_SCALAR ||
            !setting_key_equal(section->children[i]->key, strlen(section->children[i]->key),
                               ENABLED))
            settings_drop(tree, section->children[i], SECTION ".enabled is not true");
    return ERR_OK;
}
