/* One thread drives one curl multi handle. Callers put transfers into an inbox and wake it; what
 * happens then is told in collectors/fetch_engine.h. Here: the thread, and everybody's way in. */
#include "collectors/fetch.h"

#include "base/clock.h"
#include "base/limits.h"
#include "collectors/fetch_engine.h"
#include "collectors/file_read.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_MS 500         /* how often deadlines and cancellation are looked at */
#define IDLE_SLEEP_MS 60000  /* submitting wakes the thread */
#define MAX_CONNECTIONS 128L /* kept alive; libcurl's default shrinks with the last burst */

/* --- the thread --- */

/* Deadlines, cancellation, slow stores. */
static void sweep(struct fetch *fetch, int64_t now_ms)
{
    struct question *next;
    uint64_t n_waiting = 0;

    for (struct question *question = TAILQ_FIRST(&fetch->all); question; question = next) {
        const char *why;

        next = TAILQ_NEXT(question, all_link);
        if (!question_sweep(fetch, question, now_ms))
            continue;
        if (question->phase != PHASE_FLYING) {
            n_waiting++;
        } else if ((why = flight_too_slow(question, now_ms))) {
            question_pull_out(fetch, question);
            question_try_failed(fetch, question, ERR_TIMEOUT, "store_unavailable", why);
        }
    }
    atomic_store(&fetch->n_waiting_now, n_waiting);
}

/* Returns false when it is time to stop; the inbox is taken all the same. */
static bool take_inbox(struct fetch *fetch)
{
    struct asker_list inbox = TAILQ_HEAD_INITIALIZER(inbox);
    struct asker *asker;
    bool is_stopping;

    pthread_mutex_lock(&fetch->lock);
    TAILQ_CONCAT(&inbox, &fetch->inbox, link);
    is_stopping = fetch->is_stopping;
    pthread_mutex_unlock(&fetch->lock);
    while ((asker = TAILQ_FIRST(&inbox))) {
        TAILQ_REMOVE(&inbox, asker, link);
        asker_take_in(fetch, asker);
    }
    return !is_stopping;
}

/* True when nothing has come in since the last look; from then on fetch_submit() refuses. */
static bool leave(struct fetch *fetch)
{
    bool has_left;

    pthread_mutex_lock(&fetch->lock);
    has_left = fetch->has_left = TAILQ_EMPTY(&fetch->inbox);
    pthread_mutex_unlock(&fetch->lock);
    return has_left;
}

static int sleep_ms(const struct fetch *fetch, int64_t now_ms)
{
    const struct question *rested = TAILQ_FIRST(&fetch->resting);
    int64_t ms = TAILQ_EMPTY(&fetch->all) ? IDLE_SLEEP_MS : fetch->next_sweep_ms - now_ms;

    if (rested && rested->due_ms - now_ms < ms)
        ms = rested->due_ms - now_ms;
    return ms > 0 ? (int)ms : 0;
}

static void *run(void *arg)
{
    struct fetch *fetch = arg;
    struct question *question;
    sigset_t signals;
    int n_running;

    sigfillset(&signals); /* signals are for the main thread; a broken pipe is an error code here */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    while (take_inbox(fetch)) {
        int64_t now_ms = clock_mono_ms();

        questions_wake(fetch, now_ms);
        if (now_ms >= fetch->next_sweep_ms) {
            sweep(fetch, now_ms);
            fetch->next_sweep_ms = now_ms + SWEEP_MS;
        }
        lanes_dispatch(fetch, now_ms);
        curl_multi_perform(fetch->multi, &n_running);
        if (flights_finish(fetch) == 0) /* else start those that waited, before sleeping */
            curl_multi_poll(fetch->multi, NULL, 0, sleep_ms(fetch, now_ms), NULL);
    }
    do { /* a `done` may still submit */
        while ((question = TAILQ_FIRST(&fetch->all))) {
            question_pull_out(fetch, question);
            question_end_with(fetch, question, ERR_CANCELLED, NULL, "the service is stopping");
        }
        take_inbox(fetch);
    } while (!TAILQ_EMPTY(&fetch->all) || !leave(fetch));
    return NULL;
}

/* --- its life --- */

enum err_code fetch_create(struct log *log, struct fetch **out, struct error *err)
{
    struct fetch *fetch = mem_alloc(1, sizeof(*fetch));
    int rc;

    fetch->log = log;
    pthread_mutex_init(&fetch->lock, NULL);
    TAILQ_INIT(&fetch->inbox);
    TAILQ_INIT(&fetch->all);
    TAILQ_INIT(&fetch->resting);
    TAILQ_INIT(&fetch->lanes);
    fetch->multi = curl_multi_init();
    if (!fetch->multi)
        abort(); /* out of memory, as everywhere */
    fetch->cache =
        fetch_cache_create(STORE_CACHE_BYTES, STORE_CACHE_MAX_REPLY_BYTES, STORE_CACHE_LIFE_MS);
    curl_multi_setopt(fetch->multi, CURLMOPT_MAXCONNECTS, MAX_CONNECTIONS);
    rc = pthread_create(&fetch->thread, NULL, run, fetch);
    if (rc) {
        curl_multi_cleanup(fetch->multi);
        fetch_cache_free(fetch->cache);
        pthread_mutex_destroy(&fetch->lock);
        free(fetch);
        return error_set(err, ERR_INTERNAL, "could not start the fetch thread: %s", strerror(rc));
    }
    *out = fetch;
    return ERR_OK;
}

void fetch_stop(struct fetch *fetch)
{
    bool was_stopping;

    pthread_mutex_lock(&fetch->lock);
    was_stopping = fetch->is_stopping;
    fetch->is_stopping = true;
    pthread_mutex_unlock(&fetch->lock);
    if (was_stopping)
        return;
    curl_multi_wakeup(fetch->multi);
    pthread_join(fetch->thread, NULL);
}

void fetch_free(struct fetch *fetch)
{
    struct lane *lane;

    if (!fetch)
        return;
    fetch_stop(fetch);
    while ((lane = TAILQ_FIRST(&fetch->lanes))) {
        TAILQ_REMOVE(&fetch->lanes, lane, link);
        lane_free(lane);
    }
    while (fetch->n_idle_handles)
        curl_easy_cleanup(fetch->idle_handles[--fetch->n_idle_handles]);
    curl_multi_cleanup(fetch->multi);
    fetch_cache_free(fetch->cache);
    pthread_mutex_destroy(&fetch->lock);
    free(fetch);
}

/* --- the way in --- */

/* Whether a reply from then may answer later ones, too. */
static bool is_settled(const struct fetch_transfer *transfer, int64_t now_unix_ms)
{
    if (transfer->request->keep_ms && transfer->window_end_unix_ms)
        return true;
    return transfer->account->keeps_replies && transfer->window_end_unix_ms &&
           now_unix_ms > STORE_SETTLE_MS &&
           transfer->window_end_unix_ms <= now_unix_ms - STORE_SETTLE_MS;
}

static void submit(struct fetch *fetch, struct fetch_transfer *transfer)
{
    struct asker *asker = mem_alloc(1, sizeof(*asker));
    bool was_empty, has_left;

    asker->transfer = transfer;
    asker->submitted_ms = clock_mono_ms();
    asker->deadline_ms = transfer->deadline_mono_ms ? transfer->deadline_mono_ms
                                                    : asker->submitted_ms + STORE_RETRY_TOTAL_MS;
    if (transfer->window_end_unix_ms)
        fetch_key_make(transfer->account, transfer->request, transfer->window_end_unix_ms,
                       &asker->key);
    if (is_settled(transfer, clock_wall_ms()))
        transfer->reply = fetch_cache_find(fetch->cache, &asker->key, asker->submitted_ms);
    if (transfer->reply) {
        free(asker);
        atomic_fetch_add(&fetch->n_cached, 1);
        transfer->response = transfer->reply->response;
        transfer->done(transfer);
        return;
    }
    pthread_mutex_lock(&fetch->lock);
    was_empty = TAILQ_EMPTY(&fetch->inbox);
    has_left = fetch->has_left;
    if (!has_left)
        TAILQ_INSERT_TAIL(&fetch->inbox, asker, link);
    pthread_mutex_unlock(&fetch->lock);
    if (has_left) {
        free(asker);
        error_set(&transfer->error, ERR_CANCELLED, "the service is stopping");
        transfer->done(transfer);
    } else if (was_empty) /* else somebody has woken it already and it has not looked yet */
        curl_multi_wakeup(fetch->multi);
}

/* In place of a store, and of the thread: nothing is waited for. */
static void read_file(struct fetch *fetch, struct fetch_transfer *transfer)
{
    int64_t start_ms = clock_mono_ms();

    transfer->attempts = 1;
    atomic_fetch_add(&fetch->n_requests, 1);
    if (file_read(transfer->account, transfer->request->file, &transfer->response,
                  &transfer->error))
        atomic_fetch_add(&fetch->n_errors, 1);
    else
        transfer->reply = fetch_reply_create(&transfer->response);
    atomic_fetch_add(&fetch->n_bytes, transfer->response.n_body_bytes);
    transfer->duration_ms = clock_mono_ms() - start_ms;
    transfer->done(transfer);
}

void fetch_submit(struct fetch *fetch, struct fetch_transfer *transfer)
{
    transfer->response = (struct http_response){0};
    transfer->error = (struct error){0};
    transfer->attempts = 0;
    transfer->duration_ms = 0;
    transfer->reply = NULL;
    if (transfer->request->file)
        read_file(fetch, transfer);
    else
        submit(fetch, transfer);
}

void fetch_keep(struct fetch *fetch, const struct fetch_transfer *transfer)
{
    struct fetch_reply *reply = transfer->reply;

    if (reply && reply->sent_unix_ms && is_settled(transfer, reply->sent_unix_ms))
        fetch_cache_put(fetch->cache, reply, clock_mono_ms());
}

void fetch_transfer_clear(struct fetch_transfer *transfer)
{
    fetch_reply_release(transfer->reply);
    transfer->reply = NULL;
    transfer->response = (struct http_response){0};
}

struct fetch_counters fetch_counters_read(struct fetch *fetch)
{
    return (struct fetch_counters){
        .requests = atomic_load(&fetch->n_requests),
        .retries = atomic_load(&fetch->n_retries),
        .errors = atomic_load(&fetch->n_errors),
        .bytes = atomic_load(&fetch->n_bytes),
        .shared = atomic_load(&fetch->n_shared),
        .cached = atomic_load(&fetch->n_cached),
        .in_flight = atomic_load(&fetch->n_flying_now),
        .waiting = atomic_load(&fetch->n_waiting_now),
        .cache_bytes = fetch_cache_bytes(fetch->cache),
    };
}
