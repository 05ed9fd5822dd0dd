/* The metrics accounts, and what their stores say they have.
 *
 * Every account has one entry in a cache. Who finds it older than its interval starts a request and
 * answers with what is there; the reply replaces it. Nobody waits, but for the very first answer,
 * and for a store that has to be asked for every text. */
#include "analyzer/analyzer_state.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/json.h"
#include "collectors/names.h"

#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_INTERVAL_MS 60000     /* Kayenta's metadataCachingIntervalMS */
#define AFTER_FAILURE_MS 5000         /* sooner than the interval: somebody is typing */
#define FETCH_DEADLINE_MS 30000       /* as for queries by hand */
#define FIRST_ANSWER_MAX_WAIT_MS 3000 /* of a person who types */

struct entry {
    json_t *list; /* NULL until there is an answer */
    int64_t due_mono_ms;
    bool is_fetching;
};

struct metadata_cache {
    pthread_mutex_t lock; /* guards the entries */
    pthread_cond_t changed;
    size_t n_entries;
    struct entry *entries; /* in the order of settings->accounts */
};

/* One list on its way, a request at a time. */
struct refresh {
    struct analyzer *analyzer;
    const struct account *account;
    const struct collector_type *collector;
    struct entry *entry;
    struct arena *arena; /* holds this, too */
    struct names names;
    struct fetch_transfer transfer;
    int64_t deadline_mono_ms; /* for all of them */
};

struct metadata_cache *metadata_cache_create(size_t n_accounts)
{
    struct metadata_cache *cache = mem_alloc(1, sizeof(*cache));
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&cache->lock, NULL);
    pthread_cond_init(&cache->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    cache->n_entries = n_accounts;
    cache->entries = mem_alloc(n_accounts ? n_accounts : 1, sizeof(*cache->entries));
    return cache;
}

void metadata_cache_free(struct metadata_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < cache->n_entries; i++)
        json_decref(cache->entries[i].list);
    pthread_cond_destroy(&cache->changed);
    pthread_mutex_destroy(&cache->lock);
    free(cache->entries);
    free(cache);
}

static int64_t interval_ms(const struct account *account, const struct collector_type *collector)
{
    int64_t usual_ms = collector->metadata->interval_ms;
    double ms;

    return json_to_double(json_object_get(account->options, "metadataCachingIntervalMS"), &ms) &&
                   ms >= 0 && ms < 1e12
               ? (int64_t)ms
           : usual_ms ? usual_ms
                      : DEFAULT_INTERVAL_MS;
}

/* Put the answer into the entry and wake who waits for it; on an error, what is there stays. */
static void refresh_end(struct refresh *refresh, const struct error *err)
{
    json_t *list = err->code ? NULL : json_incref(refresh->names.list);
    struct analyzer *analyzer = refresh->analyzer;
    struct metadata_cache *cache = analyzer->metadata;
    struct entry *entry = refresh->entry;
    int64_t wait_ms = interval_ms(refresh->account, refresh->collector);

    if (!list && wait_ms > AFTER_FAILURE_MS)
        wait_ms = AFTER_FAILURE_MS;
    if (!list && err->code != ERR_CANCELLED)
        log_warn(analyzer->log, "metric names could not be fetched",
                 LOG_STR("account", refresh->account->name), LOG_STR("error", err->message));
    pthread_mutex_lock(&cache->lock);
    if (list) {
        json_decref(entry->list);
        entry->list = list;
    }
    entry->is_fetching = false;
    entry->due_mono_ms = clock_mono_ms() + wait_ms;
    pthread_cond_broadcast(&cache->changed);
    pthread_mutex_unlock(&cache->lock);
    names_clear(&refresh->names);
    arena_free(refresh->arena);
}

static void transfer_done(struct fetch_transfer *transfer);

/* Ask for what is still to be asked, if that is anything. */
static void refresh_go_on(struct refresh *refresh)
{
    const struct error none = {0};
    const struct http_request *request = names_request(&refresh->names);

    if (!request) {
        refresh_end(refresh, &none);
        return;
    }
    refresh->transfer = (struct fetch_transfer){
        .account = refresh->account,
        .request = request,
        .deadline_mono_ms = refresh->deadline_mono_ms,
        .done = transfer_done,
        .ctx = refresh,
    };
    fetch_submit(refresh->analyzer->fetch, &refresh->transfer);
}

/* On a worker. */
static void read_reply(void *ctx)
{
    struct refresh *refresh = ctx;
    struct fetch_transfer *transfer = &refresh->transfer;
    struct error err = transfer->error;

    if (!err.code)
        (void)(names_take(&refresh->names, &transfer->response, &err) == ERR_OK);
    else if (err.code != ERR_CANCELLED && names_skip(&refresh->names))
        err = (struct error){0};
    fetch_transfer_clear(transfer);
    if (err.code)
        refresh_end(refresh, &err);
    else
        refresh_go_on(refresh);
}

/* On the fetch thread. */
static void transfer_done(struct fetch_transfer *transfer)
{
    struct refresh *refresh = transfer->ctx;

    worker_pool_submit(refresh->analyzer->pool, read_reply, refresh);
}

static void refresh_start(struct analyzer *analyzer, struct entry *entry,
                          const struct account *account, const struct collector_type *collector)
{
    struct arena *arena = arena_create();
    struct refresh *refresh = arena_new(arena, struct refresh);
    struct error err = {0};

    *refresh = (struct refresh){
        .analyzer = analyzer,
        .account = account,
        .collector = collector,
        .entry = entry,
        .arena = arena,
        .deadline_mono_ms = clock_mono_ms() + FETCH_DEADLINE_MS,
    };
    if (names_begin(&refresh->names, collector, account, "", arena, &err))
        refresh_end(refresh, &err);
    else
        refresh_go_on(refresh);
}

/* --- stores that are asked for each text --- */

static void wake(struct fetch_transfer *transfer)
{
    sem_post(transfer->ctx);
}

static enum err_code ask(struct analyzer *analyzer, struct names *names, int64_t deadline_mono_ms,
                         struct error *err)
{
    struct fetch_transfer transfer = {
        .account = names->account,
        .request = names_request(names),
        .deadline_mono_ms = deadline_mono_ms,
        .done = wake,
    };
    sem_t ended;

    sem_init(&ended, 0, 0);
    transfer.ctx = &ended;
    fetch_submit(analyzer->fetch, &transfer);
    while (sem_wait(&ended) != 0)
        ; /* interrupted by a signal */
    sem_destroy(&ended);
    *err = transfer.error;
    if (!err->code)
        (void)(names_take(names, &transfer.response, err) == ERR_OK);
    fetch_transfer_clear(&transfer);
    return err->code;
}

/* Blocks for at most FIRST_ANSWER_MAX_WAIT_MS. Nobody who types wants to read of errors: what came
 * before one, and a line in the log. */
static struct str complete(struct analyzer *analyzer, const struct account *account,
                           const struct collector_type *collector, const char *text,
                           struct arena *arena)
{
    int64_t deadline_mono_ms = clock_mono_ms() + FIRST_ANSWER_MAX_WAIT_MS;
    struct names names;
    struct error err = {0};
    struct str shown = str_of("[]");

    if (names_begin(&names, collector, account, text, arena, &err) == ERR_OK)
        while (!err.code && names_request(&names))
            (void)(ask(analyzer, &names, deadline_mono_ms, &err) == ERR_OK);
    if (err.code && err.code != ERR_CANCELLED)
        log_warn(analyzer->log, "metric names could not be fetched",
                 LOG_STR("account", account->name), LOG_STR("error", err.message));
    if (names.list)
        shown = analyzer_take_json(json_incref(names.list), arena);
    names_clear(&names);
    return shown;
}

/* --- stores that say all they have --- */

/* Under the lock, which is given up meanwhile. */
static void wait_for_first(struct metadata_cache *cache, const struct entry *entry)
{
    int64_t until_ms = clock_mono_ms() + FIRST_ANSWER_MAX_WAIT_MS;
    const struct timespec until = {.tv_sec = until_ms / MS_PER_S,
                                   .tv_nsec = until_ms % MS_PER_S * NS_PER_MS};

    while (!entry->list && entry->is_fetching)
        if (pthread_cond_timedwait(&cache->changed, &cache->lock, &until) != 0)
            break;
}

static void put_matching(const json_t *list, const char *filter, struct strbuf *out)
{
    const json_t *one;
    size_t i;

    strbuf_puts(out, "[");
    json_array_foreach (list, i, one) {
        const char *name = json_string_value(json_object_get(one, "name"));

        if (filter && !(name && strcasestr(name, filter)))
            continue;
        if (out->n_bytes > 1)
            strbuf_puts(out, ",");
        json_write(one, out);
    }
    strbuf_puts(out, "]");
}

enum err_code analyzer_metadata(struct analyzer *analyzer, const char *account, const char *filter,
                                struct arena *arena, struct str *out, struct error *err)
{
    struct metadata_cache *cache = analyzer->metadata;
    const struct settings_account *found;
    const struct collector_type *collector;
    struct strbuf text = {0};
    struct entry *entry;
    bool is_due;

    if (settings_account_find(analyzer->settings, account, ROLE_METRICS, &found, err))
        return err->code;
    collector = found->metrics ? collector_find(found->metrics->type) : NULL;
    if (collector && collector->completion) {
        *out = complete(analyzer, found->metrics, collector, filter ? filter : "", arena);
        return ERR_OK;
    }
    if (!collector || !collector->metadata) {
        *out = str_of("[]");
        return ERR_OK;
    }
    entry = &cache->entries[found - analyzer->settings->accounts];
    pthread_mutex_lock(&cache->lock);
    is_due = !entry->is_fetching && clock_mono_ms() >= entry->due_mono_ms;
    entry->is_fetching |= is_due;
    pthread_mutex_unlock(&cache->lock);
    if (is_due)
        refresh_start(analyzer, entry, found->metrics, collector);
    pthread_mutex_lock(&cache->lock);
    wait_for_first(cache, entry);
    put_matching(entry->list, filter, &text);
    pthread_mutex_unlock(&cache->lock);
    *out = (struct str){arena_strndup(arena, text.bytes, text.n_bytes), text.n_bytes};
    strbuf_clear(&text);
    return ERR_OK;
}

/* A list of places as GET /credentials shows it; the store may not be one of this build. */
static json_t *places(const struct settings_account *account, const char *key)
{
    const struct account *metrics = account->metrics;
    const json_t *shown = json_object_get(account->shown, key);

    if (!shown && metrics)
        shown = strcmp(key, "locations") == 0 ? metrics->locations : metrics->recommended_locations;
    return shown ? json_deep_copy(shown) : json_array();
}

enum err_code analyzer_metrics_services(struct analyzer *analyzer, struct arena *arena,
                                        struct str *out, struct error *err)
{
    const struct settings *settings = analyzer->settings;
    json_t *list = json_array();

    (void)err;
    for (size_t i = 0; i < settings->n_accounts; i++) {
        const struct settings_account *account = &settings->accounts[i];

        if (account->roles & ROLE_METRICS)
            json_array_append_new(list, json_pack("{s:s,s:s,s:o,s:o}", "name", account->name,
                                                  "type", account->type, "recommendedLocations",
                                                  places(account, "recommendedLocations"),
                                                  "locations", places(account, "locations")));
    }
    *out = analyzer_take_json(list, arena);
    return ERR_OK;
}
