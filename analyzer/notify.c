/* analyzer/notify.c -- the sender: one thread, one courier a sink.
 *
 *   outbox --oldest due--> courier --fetch engine--> sink
 *     ^                       |
 *     +---- removed, or put off <---- what came of it
 *
 * The thread looks at the outbox when it is woken, when something has landed, and when the next
 * entry comes due or the next courier has rested. It alone touches couriers and sendings, but for
 * what the lock guards. A courier whose last result could not be written down keeps it and takes up
 * nothing else: sending the same thing again and again would be worse than waiting. */
#include "analyzer/notify.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/instant.h"
#include "base/log.h"
#include "base/version.h"
#include "collectors/retry.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_WAIT_MS 1000
#define MAX_DOUBLINGS 8u /* 1 s to 256 s, which with its jitter is less than 5 minutes */
#define GIVE_UP_MS ((int64_t)24 * 3600 * MS_PER_S)
#define STRAY_BATCH 16u
#define PAUSE_MS 1000      /* when the result store or the fetch engine does not do its part */
#define MAX_SLEEP_MS 10000 /* how late a jump of the wall clock may be noticed */
#define FOREVER INT64_MAX

/* One notification on its way. */
struct sending {
    struct notify *notify;
    struct arena *arena; /* holds all of it */
    struct outbox_entry entry;
    struct http_request request;
    struct fetch_transfer transfer;
    bool has_landed; /* under the lock */
};

/* What is known of one sink. */
struct courier {
    const struct settings_sink *sink;
    struct sending *sending; /* NULL: nothing is on its way */
    unsigned n_failures;     /* in a row */
    int64_t rest_until_mono_ms;
    atomic_uint_fast64_t n_delivered, n_deferred, n_given_up;
};

struct notify {
    struct store *store;
    struct fetch *fetch;
    struct log *log;
    pthread_t thread;
    atomic_bool is_stopping; /* transfers look at it, too */
    bool is_joined;
    bool has_trouble; /* the store's last answer was an error, which has been logged */

    pthread_mutex_t lock; /* guards is_woken, and has_landed of sendings */
    pthread_cond_t wake;
    bool is_woken;

    size_t n_couriers;
    struct courier couriers[]; /* in the order of the settings */
};

/* --- what came of it --- */

static double random_ratio(void)
{
    uint32_t bits;

    id_random(&bits, sizeof(bits));
    return (double)bits / (double)UINT32_MAX;
}

/* `text` without the host's name: libcurl likes to mention it, and addresses of sinks are secret.
 */
static const char *without_host(const char *text, const struct account *account,
                                struct arena *arena)
{
    const char *host = strstr(account->base_url, "://") + strlen("://");
    size_t n_host = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
    const char *name = arena_strndup(arena, host, n_host), *result = "", *found;

    for (; (found = strstr(text, name)); text = found + n_host)
        result = arena_printf(arena, "%s%.*s***", result, (int)(found - text), text);
    return arena_printf(arena, "%s%s", result, text);
}

static const char *cause_of(const struct sending *sending, const struct account *account)
{
    const struct fetch_transfer *transfer = &sending->transfer;

    if (!transfer->error.code)
        return arena_printf(sending->arena, "HTTP status %ld", transfer->response.status);
    return without_host(account_mask(account, transfer->error.message, sending->arena), account,
                        sending->arena);
}

static void sending_free(struct sending *sending)
{
    fetch_transfer_clear(&sending->transfer);
    arena_free(sending->arena);
}

static void courier_rest(struct courier *courier, int64_t ms)
{
    courier->rest_until_mono_ms = clock_mono_ms() + ms;
}

static enum err_code settle_delivered(struct notify *notify, struct courier *courier,
                                      struct error *err)
{
    const struct outbox_entry *entry = &courier->sending->entry;

    if (store_outbox_remove(notify->store, entry->notification.event_id, courier->sink->name, err))
        return err->code;
    courier->n_failures = 0;
    atomic_fetch_add(&courier->n_delivered, 1);
    log_info(notify->log, "notification delivered", LOG_STR("sink", courier->sink->name),
             LOG_STR("event_id", entry->notification.event_id),
             LOG_STR("execution", entry->execution_id),
             LOG_I64("attempts", (int64_t)entry->n_attempts + 1));
    return ERR_OK;
}

static int64_t backoff_ms(unsigned n_failures, int64_t asked_ms)
{
    static const struct retry_policy policy = {.backoff_ms = FIRST_WAIT_MS};

    return retry_wait_ms(&policy, 1 + (n_failures < MAX_DOUBLINGS ? n_failures : MAX_DOUBLINGS),
                         random_ratio(), asked_ms);
}

static enum err_code settle_failed(struct notify *notify, struct courier *courier,
                                   struct error *err)
{
    const struct sending *sending = courier->sending;
    const struct outbox_entry *entry = &sending->entry;
    const char *event_id = entry->notification.event_id, *sink = courier->sink->name;
    int64_t now_ms = clock_wall_ms();
    int64_t asked_ms = retry_asked_ms(
        http_response_header(&sending->transfer.response, "Retry-After"), NULL, now_ms / MS_PER_S);
    int64_t rest_ms = backoff_ms(courier->n_failures, asked_ms);
    int64_t wait_ms = backoff_ms(entry->n_attempts, asked_ms);
    bool is_over = now_ms - entry->created_unix_ms >= GIVE_UP_MS;

    if (wait_ms < rest_ms)
        wait_ms = rest_ms;
    if (is_over ? store_outbox_remove(notify->store, event_id, sink, err)
                : store_outbox_defer(notify->store, event_id, sink, now_ms + wait_ms, err))
        return err->code;
    courier->n_failures++;
    courier_rest(courier, asked_ms ? rest_ms : rest_ms / 2);
    atomic_fetch_add(is_over ? &courier->n_given_up : &courier->n_deferred, 1);
    log_at(notify->log, is_over ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
           is_over ? "notification given up" : "notification deferred", LOG_STR("sink", sink),
           LOG_STR("event_id", event_id), LOG_STR("execution", entry->execution_id),
           LOG_STR("cause", cause_of(sending, courier->sink->account)),
           LOG_I64("attempts", (int64_t)entry->n_attempts + 1),
           LOG_I64("wait_ms", is_over ? 0 : wait_ms));
    return ERR_OK;
}

/* On an error the sending stays, to be settled later. */
static enum err_code settle(struct notify *notify, struct courier *courier, struct error *err)
{
    const struct fetch_transfer *transfer = &courier->sending->transfer;
    long status = transfer->response.status;

    if (transfer->error.code == ERR_CANCELLED)
        courier_rest(courier, PAUSE_MS); /* nobody was told: the fetch engine is going down */
    else if (!transfer->error.code && status >= 200 && status < 300
                 ? settle_delivered(notify, courier, err)
                 : settle_failed(notify, courier, err))
        return err->code;
    sending_free(courier->sending);
    courier->sending = NULL;
    return ERR_OK;
}

/* --- sending --- */

static void wake(struct notify *notify)
{
    notify->is_woken = true;
    pthread_cond_signal(&notify->wake);
}

/* On the fetch thread, or within fetch_submit(). */
static void landed(struct fetch_transfer *transfer)
{
    struct sending *sending = transfer->ctx;
    struct notify *notify = sending->notify;

    pthread_mutex_lock(&notify->lock);
    sending->has_landed = true;
    wake(notify);
    pthread_mutex_unlock(&notify->lock);
}

static enum err_code build(struct sending *sending, const struct settings_sink *sink,
                           struct error *err)
{
    const struct stored_notification *notification = &sending->entry.notification;
    struct http_request *request = &sending->request;
    struct arena *arena = sending->arena;

    request->method = "POST";
    request->url = sink->url.value;
    request->body = notification->body.bytes;
    request->n_body_bytes = notification->body.n_bytes;
    if (http_request_header(request, arena, "Content-Type", "application/json", err) ||
        http_request_header(request, arena, "User-Agent", "serinus/" SERINUS_VERSION, err) ||
        http_request_header(request, arena, "X-Serinus-Event-Id", notification->event_id, err) ||
        account_sign(sink->account, arena, request, err))
        return err->code;
    return ERR_OK;
}

/* Send the oldest that is due, if there is one. */
static enum err_code send_next(struct notify *notify, struct courier *courier, struct error *err)
{
    struct arena *arena = arena_create();
    struct sending *sending = arena_new(arena, struct sending);
    struct outbox_entry *entries;
    size_t n_entries = 0;

    if (store_outbox_due(notify->store, courier->sink->name, 1, arena, &entries, &n_entries, err) ||
        n_entries == 0) {
        arena_free(arena);
        return err->code;
    }
    sending->notify = notify;
    sending->arena = arena;
    sending->entry = entries[0];
    sending->transfer = (struct fetch_transfer){.account = courier->sink->account,
                                                .request = &sending->request,
                                                .is_cancelled = &notify->is_stopping,
                                                .done = landed,
                                                .ctx = sending};
    courier->sending = sending;
    if (build(sending, courier->sink, &sending->transfer.error))
        landed(&sending->transfer);
    else
        fetch_submit(notify->fetch, &sending->transfer);
    return ERR_OK;
}

/* What is due for a sink that nobody knows any more. */
static enum err_code drop_strays(struct notify *notify, const char *sink, struct error *err)
{
    struct arena *arena = arena_create();
    struct outbox_entry *entries;
    size_t n_entries = 0;

    if (store_outbox_due(notify->store, sink, STRAY_BATCH, arena, &entries, &n_entries, err))
        goto out;
    for (size_t i = 0; i < n_entries; i++) {
        const struct outbox_entry *entry = &entries[i];

        if (store_outbox_remove(notify->store, entry->notification.event_id, sink, err))
            goto out;
        log_error(notify->log, "notification given up", LOG_STR("sink", sink),
                  LOG_STR("event_id", entry->notification.event_id),
                  LOG_STR("execution", entry->execution_id),
                  LOG_STR("cause", "the sink is not in the settings any more"),
                  LOG_I64("attempts", entry->n_attempts));
    }
out:
    arena_free(arena);
    return err->code;
}

/* --- the thread --- */

static bool has_landed(struct notify *notify, const struct courier *courier)
{
    bool result;

    pthread_mutex_lock(&notify->lock);
    result = courier->sending && courier->sending->has_landed;
    pthread_mutex_unlock(&notify->lock);
    return result;
}

static enum err_code settle_landed(struct notify *notify, struct error *err)
{
    for (size_t i = 0; i < notify->n_couriers; i++)
        if (has_landed(notify, &notify->couriers[i]) && settle(notify, &notify->couriers[i], err))
            return err->code;
    return ERR_OK;
}

static struct courier *courier_of(struct notify *notify, const char *sink)
{
    for (size_t i = 0; i < notify->n_couriers; i++)
        if (strcmp(notify->couriers[i].sink->name, sink) == 0)
            return &notify->couriers[i];
    return NULL;
}

/* Start what may start. *out_wait_ms: until something else may. */
static enum err_code look(struct notify *notify, int64_t *out_wait_ms, struct error *err)
{
    struct arena *arena = arena_create();
    struct outbox_sink *sinks;
    size_t n_sinks = 0;

    *out_wait_ms = FOREVER;
    if (store_outbox_sinks(notify->store, arena, &sinks, &n_sinks, err))
        goto out;
    for (size_t i = 0; i < n_sinks && !atomic_load(&notify->is_stopping); i++) {
        struct courier *courier = courier_of(notify, sinks[i].sink);
        int64_t wait_ms = sinks[i].next_due_unix_ms - clock_wall_ms();
        int64_t rest_ms = courier ? courier->rest_until_mono_ms - clock_mono_ms() : 0;

        if (courier && courier->sending)
            continue; /* its landing wakes us */
        if (rest_ms > wait_ms)
            wait_ms = rest_ms;
        if (wait_ms <= 0 &&
            (courier ? send_next(notify, courier, err) : drop_strays(notify, sinks[i].sink, err)))
            goto out;
        if (wait_ms < *out_wait_ms && !(courier && courier->sending))
            *out_wait_ms = wait_ms;
    }
out:
    arena_free(arena);
    return err->code;
}

/* One look at everything. Returns how long to sleep after it, unless woken. */
static int64_t turn(struct notify *notify)
{
    struct error err = {0};
    int64_t wait_ms = FOREVER;

    if (settle_landed(notify, &err) || look(notify, &wait_ms, &err)) {
        if (!notify->has_trouble)
            log_error(notify->log, "outbox not readable or writable",
                      LOG_STR("cause", err.message));
        wait_ms = PAUSE_MS;
    }
    notify->has_trouble = err.code != ERR_OK;
    return wait_ms;
}

/* Until woken, at most so long. */
static void sleep_for(struct notify *notify, int64_t wait_ms)
{
    int64_t until_ns;
    struct timespec until;

    if (wait_ms > MAX_SLEEP_MS && wait_ms != FOREVER)
        wait_ms = MAX_SLEEP_MS;
    until_ns = clock_mono_ns() + (wait_ms < 0 || wait_ms == FOREVER ? 0 : wait_ms) * NS_PER_MS;
    until.tv_sec = (time_t)(until_ns / NS_PER_S);
    until.tv_nsec = (long)(until_ns % NS_PER_S);
    pthread_mutex_lock(&notify->lock);
    while (!notify->is_woken) {
        if (wait_ms == FOREVER)
            pthread_cond_wait(&notify->wake, &notify->lock);
        else if (pthread_cond_timedwait(&notify->wake, &notify->lock, &until))
            break;
    }
    notify->is_woken = false;
    pthread_mutex_unlock(&notify->lock);
}

/* What was delivered in time need not be delivered again by the next process. */
static void finish(struct notify *notify)
{
    for (size_t i = 0; i < notify->n_couriers; i++) {
        struct courier *courier = &notify->couriers[i];
        struct error ignored = {0}; /* at least once is still true */

        if (!courier->sending)
            continue;
        while (!has_landed(notify, courier))
            sleep_for(notify, FOREVER);
        if (settle(notify, courier, &ignored))
            sending_free(courier->sending);
        courier->sending = NULL;
    }
}

static void *run(void *arg)
{
    struct notify *notify = arg;

    while (!atomic_load(&notify->is_stopping)) {
        int64_t wait_ms = turn(notify);

        if (wait_ms == FOREVER && notify->n_couriers == 0)
            break; /* without sinks nothing new comes */
        sleep_for(notify, wait_ms);
    }
    finish(notify);
    return NULL;
}

enum err_code notify_create(const struct settings *settings, struct store *store,
                            struct fetch *fetch, struct log *log, struct notify **out,
                            struct error *err)
{
    struct notify *notify =
        mem_alloc(1, sizeof(*notify) + settings->n_sinks * sizeof(notify->couriers[0]));
    pthread_condattr_t attr;
    int rc;

    notify->store = store;
    notify->fetch = fetch;
    notify->log = log;
    notify->n_couriers = settings->n_sinks;
    for (size_t i = 0; i < settings->n_sinks; i++)
        notify->couriers[i].sink = &settings->sinks[i];
    pthread_mutex_init(&notify->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&notify->wake, &attr);
    pthread_condattr_destroy(&attr);
    rc = pthread_create(&notify->thread, NULL, run, notify);
    if (rc) {
        notify->is_joined = true;
        notify_free(notify);
        return error_set(err, ERR_INTERNAL, "could not start the notify thread: %s", strerror(rc));
    }
    pthread_setname_np(notify->thread, "notify");
    *out = notify;
    return ERR_OK;
}

void notify_wake(struct notify *notify)
{
    pthread_mutex_lock(&notify->lock);
    wake(notify);
    pthread_mutex_unlock(&notify->lock);
}

void notify_stop(struct notify *notify)
{
    if (notify->is_joined)
        return;
    atomic_store(&notify->is_stopping, true);
    notify_wake(notify);
    pthread_join(notify->thread, NULL);
    notify->is_joined = true;
}

void notify_free(struct notify *notify)
{
    if (!notify)
        return;
    notify_stop(notify);
    pthread_cond_destroy(&notify->wake);
    pthread_mutex_destroy(&notify->lock);
    free(notify);
}

struct notify_counters notify_counters_read(const struct notify *notify, size_t sink)
{
    const struct courier *courier = &notify->couriers[sink];

    return (struct notify_counters){
        .delivered = atomic_load(&courier->n_delivered),
        .deferred = atomic_load(&courier->n_deferred),
        .given_up = atomic_load(&courier->n_given_up),
    };
}
