/* What clients put into the result store themselves, and lists of what is there: the archive,
 * metric set lists and metric set pair lists. */
#include "analyzer/analyzer_state.h"
#include "analyzer/codec/metric_set_json.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/instant.h"
#include "base/json.h"

#include <string.h>

enum err_code analyzer_missing_is_invalid(struct error *err)
{
    if (err->code == ERR_NOT_FOUND) {
        err->code = ERR_INVALID;
        err->reason = "not_found";
    }
    return err->code;
}

static struct entry_page rows_of(struct list_page page)
{
    return (struct entry_page){.limit = page.limit, .offset = (page.page - 1) * page.limit};
}

/* Written as text at once: a tree of many thousand entries would take several times the memory. */
static struct str entries_json(const struct stored_entry *entries, size_t n_entries,
                               struct arena *arena)
{
    struct strbuf text = {0};
    char time[INSTANT_TEXT_BYTES];
    struct str out;

    strbuf_puts(&text, "[");
    for (size_t i = 0; i < n_entries; i++) {
        json_t *id = json_string(entries[i].id);

        strbuf_puts(&text, i ? ",{\"id\":" : "{\"id\":");
        json_write(id, &text);
        json_decref(id);
        strbuf_printf(&text, ",\"updatedTimestamp\":%lld,\"updatedTimestampIso\":\"%s\"}",
                      (long long)entries[i].updated_unix_ms,
                      instant_text(entries[i].updated_unix_ms * NS_PER_MS, time));
    }
    strbuf_puts(&text, "]");
    out = (struct str){arena_strndup(arena, text.bytes, text.n_bytes), text.n_bytes};
    strbuf_clear(&text);
    return out;
}

/* --- the archive --- */

enum err_code analyzer_archive_list(struct analyzer *analyzer, const char *account,
                                    struct list_page page, struct arena *arena, struct str *out,
                                    struct error *err)
{
    const struct settings_account *storage;
    struct stored_entry *entries;
    size_t n_entries;

    if (settings_account_find(analyzer->settings, account, ROLE_OBJECTS, &storage, err) ||
        store_archive_list(analyzer->store, storage->name, rows_of(page), arena, &entries,
                           &n_entries, err))
        return err->code;
    *out = entries_json(entries, n_entries, arena);
    return ERR_OK;
}

enum err_code analyzer_archive_get(struct analyzer *analyzer, const char *account, const char *id,
                                   struct arena *arena, struct str *out, struct error *err)
{
    const struct settings_account *storage;

    if (settings_account_find(analyzer->settings, account, ROLE_OBJECTS, &storage, err))
        return err->code;
    return store_archive_get(analyzer->store, storage->name, id, arena, out, err);
}

static struct stored_archive entry_of(const char *account, const char *id, const json_t *entry,
                                      struct arena *arena)
{
    return (struct stored_archive){
        .account = account,
        .id = id,
        .updated_unix_ms = clock_wall_ms(),
        .body = str_of(json_write_arena(entry, arena)),
    };
}

enum err_code analyzer_archive_create(struct analyzer *analyzer, const char *account,
                                      const char *id, const json_t *entry, struct arena *arena,
                                      const char **out_id, struct error *err)
{
    const struct settings_account *storage;
    struct stored_archive row;
    char uuid[UUID_BYTES];

    if (settings_account_find(analyzer->settings, account, ROLE_OBJECTS, &storage, err))
        return err->code;
    *out_id = arena_strdup(arena, id ? id : id_uuid(uuid));
    row = entry_of(storage->name, *out_id, entry, arena);
    return store_archive_create(analyzer->store, &row, err);
}

enum err_code analyzer_archive_update(struct analyzer *analyzer, const char *account,
                                      const char *id, const json_t *entry, struct arena *arena,
                                      struct error *err)
{
    const struct settings_account *storage;
    struct stored_archive row;

    if (settings_account_find(analyzer->settings, account, ROLE_OBJECTS, &storage, err))
        return err->code;
    row = entry_of(storage->name, id, entry, arena);
    if (store_archive_update(analyzer->store, &row, err))
        return analyzer_missing_is_invalid(err);
    return ERR_OK;
}

enum err_code analyzer_archive_delete(struct analyzer *analyzer, const char *account,
                                      const char *id, struct error *err)
{
    const struct settings_account *storage;

    if (settings_account_find(analyzer->settings, account, ROLE_OBJECTS, &storage, err))
        return err->code;
    if (store_archive_delete(analyzer->store, storage->name, id, err))
        return analyzer_missing_is_invalid(err);
    return ERR_OK;
}

/* --- series --- */

enum err_code analyzer_series_list(struct analyzer *analyzer, enum series_kind kind,
                                   const char *account, struct list_page page, struct arena *arena,
                                   struct str *out, struct error *err)
{
    const struct settings_account *storage;
    struct stored_entry *entries;
    size_t n_entries;

    if (settings_account_find(analyzer->settings, account, ROLE_OBJECTS, &storage, err) ||
        store_series_list(analyzer->store, kind, storage->name, rows_of(page), arena, &entries,
                          &n_entries, err))
        return err->code;
    *out = entries_json(entries, n_entries, arena);
    return ERR_OK;
}

static enum err_code encode_sets(const json_t *list, struct arena *arena, struct strbuf *out,
                                 struct error *err)
{
    struct metric_set_list sets;
    struct stored_set *stored;

    if (metric_sets_from_json(list, arena, &sets, err))
        return err->code;
    stored = arena_array(arena, struct stored_set, sets.n_sets);
    for (size_t i = 0; i < sets.n_sets; i++)
        stored[i].set = sets.sets[i];
    metric_sets_encode(stored, sets.n_sets, out);
    return ERR_OK;
}

static enum err_code encode_pairs(const json_t *list, struct arena *arena, struct strbuf *out,
                                  struct error *err)
{
    struct metric_pair *pairs;
    size_t n_pairs;
    char uuid[UUID_BYTES];

    if (metric_pairs_from_json(list, arena, &pairs, &n_pairs, err))
        return err->code;
    for (size_t i = 0; i < n_pairs; i++)
        if (!pairs[i].id)
            pairs[i].id = arena_strdup(arena, id_uuid(uuid));
    metric_pairs_encode(pairs, n_pairs, out);
    return ERR_OK;
}

enum err_code analyzer_series_create(struct analyzer *analyzer, enum series_kind kind,
                                     const char *account, const json_t *list, struct arena *arena,
                                     const char **out_id, struct error *err)
{
    const struct settings_account *storage;
    struct strbuf payload = {0};
    char uuid[UUID_BYTES];

    if (settings_account_find(analyzer->settings, account, ROLE_OBJECTS, &storage, err))
        return err->code;
    *out_id = arena_strdup(arena, id_uuid(uuid));
    if ((kind == SERIES_METRIC_SETS ? encode_sets : encode_pairs)(list, arena, &payload, err) ==
        ERR_OK) {
        const struct stored_series series = {
            .kind = kind,
            .account = storage->name,
            .id = *out_id,
            .updated_unix_ms = clock_wall_ms(),
            .payload = strbuf_view(&payload),
        };

        (void)(store_series_put(analyzer->store, &series, err) == ERR_OK);
    }
    strbuf_clear(&payload);
    return err->code;
}

enum err_code analyzer_series_delete(struct analyzer *analyzer, enum series_kind kind,
                                     const char *account, const char *id, struct error *err)
{
    const struct settings_account *storage;

    if (settings_account_find(analyzer->settings, account, ROLE_OBJECTS, &storage, err))
        return err->code;
    if (store_series_delete(analyzer->store, kind, storage->name, id, err))
        return analyzer_missing_is_invalid(err);
    return ERR_OK;
}

enum err_code analyzer_pair_get(struct analyzer *analyzer, const char *account, const char *list_id,
                                const char *pair_id, struct arena *arena, struct str *out,
                                struct error *err)
{
    const struct settings_account *storage;
    struct stored_series series;
    struct metric_pair *pairs;
    size_t n_pairs;

    if (settings_account_find(analyzer->settings, account, ROLE_OBJECTS, &storage, err) ||
        store_series_get(analyzer->store, SERIES_METRIC_SET_PAIRS, storage->name, list_id, arena,
                         &series, err) ||
        metric_pairs_decode(series.payload, arena, &pairs, &n_pairs, err))
        return err->code;
    for (size_t i = 0; i < n_pairs; i++) {
        if (strcmp(pairs[i].id, pair_id) == 0) {
            *out = analyzer_take_json(metric_pair_json(&pairs[i]), arena);
            return ERR_OK;
        }
    }
    return error_set(err, ERR_NOT_FOUND, "No metric set pair %s in the list %s", pair_id, list_id);
}
