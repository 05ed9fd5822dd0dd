/* One thread drives one curl multi handle. Callers put transfers into an inbox and wake it.
 *
 *   inbox -> lane (one per account, in order of arrival) -> flying -> done
 *                    ^                                        |
 *                    +------------- resting <-----------------+  a failure worth another try
 *
 * A lane lets at most max_concurrent_requests fly, and all lanes together STORE_CONCURRENCY_TOTAL.
 * Where the account signs in with a token, the lane waits while one is fetched, in a lane of its
 * own. Each lane has a breaker: once several requests in a row have failed, it is open, and all but
 * one probe in a while fail on the spot; that counts as a try, so a dead store costs its callers
 * their tries and nobody else anything.
 *
 * Everything but the inbox and the counters belongs to the thread and needs no lock. */
#include "collectors/fetch.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/instant.h"
#include "base/limits.h"
#include "base/log.h"
#include "collectors/fetch_try.h"
#include "collectors/file_read.h"
#include "collectors/retry.h"
#include "collectors/sigv4.h"
#include "collectors/token_keeper.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define SWEEP_MS 500        /* how often deadlines and cancellation are looked at */
#define IDLE_SLEEP_MS 60000 /* submitting wakes the thread */
#define BREAKER_FAILURES 5u /* in a row */
#define BREAKER_PROBE_MS 15000
#define MAX_CONNECTIONS 128L        /* kept alive; libcurl's default shrinks with the last burst */
#define FIRST_BYTE_TIMEOUT_MS 30000 /* unless the account grants more than twice as much in all */
#define UNAUTHORIZED 401
#define CLOCK_TOLERANCE_S 30 /* what a reply takes on its way, and then some */
#define METHOD_NOT_ALLOWED 405

enum phase { PHASE_QUEUED, PHASE_FLYING, PHASE_RESTING };

struct fetch_state {
    TAILQ_ENTRY(fetch_state) queue_link; /* inbox, then its lane's queue, or the resting ones */
    TAILQ_ENTRY(fetch_state) all_link;
    struct fetch_transfer *transfer;
    struct lane *lane;
    enum phase phase;
    struct fetch_try try;
    bool has_new_token; /* the store refused one; it gets no third */
    int64_t submitted_ms, deadline_ms;
    int64_t due_ms;     /* resting: when to go on */
    int64_t started_ms; /* flying: since when */
    int64_t mark_ms; /* flying: start of the stretch in which speed is measured; 0: no byte yet */
    size_t mark_bytes;
};

TAILQ_HEAD(state_queue, fetch_state);

struct lane {
    TAILQ_ENTRY(lane) link;
    char *name, *base_url; /* own copies: a reload replaces the account, not its store */
    struct state_queue queue;
    unsigned n_flying;
    unsigned n_failures; /* in a row */
    int64_t next_probe_ms;
    int64_t resume_ms; /* the store asked for a rest until then */
    struct error last_error;
    struct token_keeper *tokens; /* NULL until its account needs one */
    int64_t clock_offset_s; /* of the store's clock from ours, once it has refused a signature */
};

struct fetch {
    struct log *log;
    pthread_t thread;
    CURLM *multi;

    pthread_mutex_t lock; /* guards inbox, is_stopping and has_left */
    struct state_queue inbox;
    bool is_stopping;
    bool has_left; /* the thread will not look at the inbox again */

    atomic_uint_fast64_t n_requests, n_retries, n_errors, n_bytes, n_flying_now, n_waiting_now;

    /* the thread's own */
    TAILQ_HEAD(, lane) lanes; /* rotated, so that all get their turn */
    struct state_queue all;
    struct state_queue resting; /* by due time */
    CURL *idle_handles[STORE_CONCURRENCY_TOTAL];
    size_t n_idle_handles;
    unsigned n_flying;
    int64_t next_sweep_ms;
};

/* --- lanes --- */

static struct lane *lane_find(struct fetch *fetch, const struct account *account)
{
    struct lane *lane;

    TAILQ_FOREACH(lane, &fetch->lanes, link)
    if (strcmp(lane->name, account->name) == 0 && strcmp(lane->base_url, account->base_url) == 0)
        return lane;
    lane = mem_alloc(1, sizeof(*lane));
    lane->name = mem_strdup(account->name);
    lane->base_url = mem_strdup(account->base_url);
    TAILQ_INIT(&lane->queue);
    TAILQ_INSERT_TAIL(&fetch->lanes, lane, link);
    if (account->tls.insecure_skip_verify)
        log_warn(fetch->log, "TLS verification is off", LOG_STR("account", account->name));
    return lane;
}

static bool lane_is_open(const struct lane *lane)
{
    return lane->n_failures >= BREAKER_FAILURES;
}

static void lane_failed(struct fetch *fetch, struct lane *lane, const struct error *err,
                        int64_t now_ms)
{
    lane->last_error = *err;
    if (++lane->n_failures != BREAKER_FAILURES)
        return;
    lane->next_probe_ms = now_ms + BREAKER_PROBE_MS;
    log_warn(fetch->log, "metric store stopped answering", LOG_STR("account", lane->name),
             LOG_STR("cause", err->message));
}

static void lane_answered(struct fetch *fetch, struct lane *lane)
{
    if (lane_is_open(lane))
        log_info(fetch->log, "metric store answered again", LOG_STR("account", lane->name));
    lane->n_failures = 0;
}

/* --- ends of transfers --- */

static void state_free(struct fetch_state *state)
{
    fetch_try_clear(&state->try);
    free(state);
}

static void end(struct fetch *fetch, struct fetch_state *state)
{
    struct fetch_transfer *transfer = state->transfer;

    if (transfer->error.code)
        atomic_fetch_add(&fetch->n_errors, 1);
    else
        fetch_try_take_reply(&state->try, &transfer->response);
    transfer->duration_ms = clock_mono_ms() - state->submitted_ms;
    transfer->state = NULL;
    TAILQ_REMOVE(&fetch->all, state, all_link);
    state_free(state);
    transfer->done(transfer);
}

static void end_with(struct fetch *fetch, struct fetch_state *state, enum err_code code,
                     const char *reason, const char *message)
{
    state->transfer->error = (struct error){0};
    error_because(&state->transfer->error, code, reason, "%s", message);
    end(fetch, state);
}

static double random_ratio(void)
{
    uint32_t bits;

    id_random(&bits, sizeof(bits));
    return (double)bits / (double)UINT32_MAX;
}

static void rest(struct fetch *fetch, struct fetch_state *state, int64_t due_ms)
{
    struct fetch_state *before = TAILQ_LAST(&fetch->resting, state_queue);

    state->phase = PHASE_RESTING;
    state->due_ms = due_ms;
    while (before && before->due_ms > due_ms)
        before = TAILQ_PREV(before, state_queue, queue_link);
    if (before)
        TAILQ_INSERT_AFTER(&fetch->resting, before, state, queue_link);
    else
        TAILQ_INSERT_HEAD(&fetch->resting, state, queue_link);
}

static void enqueue(struct fetch_state *state)
{
    state->phase = PHASE_QUEUED;
    TAILQ_INSERT_TAIL(&state->lane->queue, state, queue_link);
}

/* With what the last try brought: the store's own answer says most. */
static void end_as_known(struct fetch *fetch, struct fetch_state *state)
{
    if (state->try.status)
        state->transfer->error = (struct error){0};
    end(fetch, state);
}

/* One more failed try: wait for the next one, or give up with what is known. */
static void again_or_end(struct fetch *fetch, struct fetch_state *state, int64_t asked_ms)
{
    const struct retry_policy *policy = &state->transfer->account->retry;
    unsigned n_failures = state->transfer->attempts;
    int64_t due_ms = clock_mono_ms() + retry_wait_ms(policy, n_failures, random_ratio(), asked_ms);

    if (n_failures >= policy->attempts || due_ms >= state->deadline_ms) {
        end_as_known(fetch, state);
        return;
    }
    atomic_fetch_add(&fetch->n_retries, 1);
    rest(fetch, state, due_ms);
}

/* The try ended without a usable reply. */
static void try_failed(struct fetch *fetch, struct fetch_state *state, enum err_code code,
                       const char *reason, const char *why)
{
    struct error *err = &state->transfer->error;

    *err = (struct error){0};
    fetch_try_forget_reply(&state->try);
    if (state->transfer->account->is_sink) {
        error_because(err, code, reason, "%s", why);
    } else {
        error_because(err, code, reason, "could not query the metric store (try %u of %u): %s",
                      state->transfer->attempts, state->transfer->account->retry.attempts, why);
        lane_failed(fetch, state->lane, err, clock_mono_ms());
    }
    again_or_end(fetch, state, 0);
}

static void fail_fast(struct fetch *fetch, struct fetch_state *state)
{
    struct error *err = &state->transfer->error;

    state->transfer->attempts++;
    if (!err->code && !state->try.status)
        error_because(err, ERR_UPSTREAM, "store_unavailable",
                      "the metric store was not asked, because its last %u replies were failures: "
                      "%s",
                      state->lane->n_failures, state->lane->last_error.message);
    again_or_end(fetch, state, 0);
}

/* --- flying --- */

static CURL *handle_take(struct fetch *fetch)
{
    CURL *easy =
        fetch->n_idle_handles ? fetch->idle_handles[--fetch->n_idle_handles] : curl_easy_init();

    if (!easy)
        abort(); /* out of memory, as everywhere */
    return easy;
}

/* The handle is reset before it is used again, so that nothing of one account reaches another. */
static void handle_give_back(struct fetch *fetch, CURL *easy)
{
    curl_easy_reset(easy);
    if (fetch->n_idle_handles < ARRAY_LEN(fetch->idle_handles))
        fetch->idle_handles[fetch->n_idle_handles++] = easy;
    else
        curl_easy_cleanup(easy);
}

/* Send the request, or send it again to where a redirect pointed. */
static void fly(struct fetch *fetch, struct fetch_state *state)
{
    const struct account *account = state->try.account;
    int64_t now_ms = clock_mono_ms();
    int64_t timeout_ms = state->deadline_ms - now_ms;
    CURL *easy = handle_take(fetch);
    struct error err = {0};

    if (timeout_ms > account->read_timeout_ms)
        timeout_ms = account->read_timeout_ms;
    fetch_try_forget_reply(&state->try);
    if (fetch_try_prepare(&state->try, easy, timeout_ms > 1 ? timeout_ms : 1, &err)) {
        fetch_try_detach(&state->try);
        handle_give_back(fetch, easy);
        state->transfer->error = err;
        end(fetch, state);
        return;
    }
    curl_easy_setopt(easy, CURLOPT_PRIVATE, state);
    state->phase = PHASE_FLYING;
    state->started_ms = now_ms;
    state->mark_ms = 0;
    state->lane->n_flying++;
    fetch->n_flying++;
    atomic_store(&fetch->n_flying_now, fetch->n_flying);
    atomic_fetch_add(&fetch->n_requests, 1);
    curl_multi_add_handle(fetch->multi, easy);
}

static void land(struct fetch *fetch, struct fetch_state *state)
{
    CURL *easy = state->try.easy;

    curl_multi_remove_handle(fetch->multi, easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &state->try.status);
    fetch_try_detach(&state->try);
    handle_give_back(fetch, easy);
    state->lane->n_flying--;
    fetch->n_flying--;
    atomic_store(&fetch->n_flying_now, fetch->n_flying);
    atomic_fetch_add(&fetch->n_bytes, state->try.body.n_bytes);
}

static void begin_try(struct fetch *fetch, struct fetch_state *state)
{
    fetch_try_go_home(&state->try);
    state->transfer->attempts++;
    fly(fetch, state);
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void follow_redirect(struct fetch *fetch, struct fetch_state *state, const char *location)
{
    struct error err = {0};

    if (fetch_try_redirect(&state->try, location, &err)) {
        state->transfer->error = err;
        end(fetch, state);
        return;
    }
    fly(fetch, state);
}

/* The token may have been revoked ahead of its time: forget it, and try once with a new one. */
static void renew_token(struct fetch_state *state)
{
    state->has_new_token = true;
    token_keeper_drop(state->lane->tokens, state->try.token);
    enqueue(state);
}

/* Whether the store has refused a signature for its keys or its time; then its clock is taken from
 * its own reply. */
static bool is_signature_outdated(struct fetch_state *state)
{
    const char *text = fetch_try_header(&state->try, "Date");
    time_t date = text ? curl_getdate(text, NULL) : -1;
    int64_t offset_s = (int64_t)date - clock_wall_ms() / MS_PER_S;

    if (!state->try.account->sigv4 ||
        !sigv4_is_outdated(state->try.status, strbuf_view(&state->try.body)))
        return false;
    if (date >= 0)
        state->lane->clock_offset_s = llabs(offset_s) > CLOCK_TOLERANCE_S ? offset_s : 0;
    return true;
}

/* A store may say that its limit is used up, and for how long. */
static void note_limit(struct lane *lane, const struct fetch_try *try)
{
    const char *left = fetch_try_header(try, "X-RateLimit-Remaining");
    int64_t wait_ms = retry_asked_ms(NULL, fetch_try_header(try, "X-RateLimit-Reset"),
                                     clock_wall_ms() / MS_PER_S);

    if (left && strcmp(left, "0") == 0 && wait_ms > 0)
        lane->resume_ms = clock_mono_ms() + wait_ms;
}

/* A whole reply has come. */
static void landed_with_reply(struct fetch *fetch, struct fetch_state *state)
{
    const struct account *account = state->try.account;
    const char *location = fetch_try_header(&state->try, "Location");
    long status = state->try.status;
    struct str body = strbuf_view(&state->try.body);
    struct error err = {0};

    note_limit(state->lane, &state->try);
    if (!state->try.has_whole_head) {
        try_failed(fetch, state, ERR_UPSTREAM, "store_bad_response",
                   "the connection was closed within the reply's headers");
    } else if (is_redirect(status) && location && account->redirects != REDIRECT_NONE) {
        follow_redirect(fetch, state, location);
    } else if (state->try.token && !state->has_new_token &&
               (status == UNAUTHORIZED || is_signature_outdated(state))) {
        renew_token(state);
    } else if (status == METHOD_NOT_ALLOWED && fetch_try_may_use_get(&state->try)) {
        fetch_try_use_get(&state->try);
        fly(fetch, state);
    } else if (status >= 200 && status < 300 && !account->is_sink &&
               retry_is_cut_short(fetch_try_header(&state->try, "Content-Type"), body.bytes,
                                  body.n_bytes)) {
        try_failed(fetch, state, ERR_UPSTREAM, "store_bad_response", "the reply was cut short");
    } else if (retry_reply_is_worthwhile(&account->retry, state->try.request, status, body)) {
        error_because(&err, ERR_UPSTREAM, "store_unavailable", "HTTP status %ld", status);
        if (status >= 500) /* 408 and 429 come from a store that is alive */
            lane_failed(fetch, state->lane, &err, clock_mono_ms());
        again_or_end(fetch, state,
                     retry_asked_ms(fetch_try_header(&state->try, "Retry-After"),
                                    fetch_try_header(&state->try, "X-RateLimit-Reset"),
                                    clock_wall_ms() / MS_PER_S));
    } else {
        lane_answered(fetch, state->lane);
        state->transfer->error = (struct error){0};
        end(fetch, state);
    }
}

static void landed_with_error(struct fetch *fetch, struct fetch_state *state, CURLcode result)
{
    const struct fetch_try *try = &state->try;
    char why[CURL_ERROR_SIZE];

    snprintf(why, sizeof(why), "%s",
             try->curl_text[0] ? try->curl_text : curl_easy_strerror(result));
    if (try->is_too_large) {
        end_with(fetch, state, ERR_UPSTREAM, "store_response_too_large",
                 "the reply is larger than the account's maxResponseBytes, or its headers are "
                 "larger than 64 KiB");
        return;
    }
    if (try->is_address_refused && result == CURLE_COULDNT_CONNECT) {
        end_with(fetch, state, ERR_UPSTREAM,
                 try->n_hops ? "store_redirect" : "store_address_refused",
                 "the host's name leads to a link-local, metadata, multicast or reserved address, "
                 "which is never contacted");
        return;
    }
    switch (result) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        end_with(fetch, state, ERR_UPSTREAM, "store_tls", why);
        break;
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_UNSUPPORTED_PROTOCOL: /* not HTTP, or an HTTP nobody speaks any more */
        end_with(fetch, state, ERR_UPSTREAM, "store_bad_response", why);
        break;
    case CURLE_SSL_CONNECT_ERROR:
        try_failed(fetch, state, ERR_UPSTREAM, "store_tls", why);
        break;
    case CURLE_PARTIAL_FILE:
    case CURLE_WRITE_ERROR: /* broken compression */
    case CURLE_WEIRD_SERVER_REPLY:
        try_failed(fetch, state, ERR_UPSTREAM, "store_bad_response", why);
        break;
    case CURLE_OPERATION_TIMEDOUT:
        try_failed(fetch, state, ERR_TIMEOUT, "store_unavailable", why);
        break;
    default:
        try_failed(fetch, state, ERR_UPSTREAM, "store_unavailable", why);
    }
}

/* Returns how many transfers landed. */
static unsigned land_finished(struct fetch *fetch)
{
    unsigned n = 0;
    CURLMsg *message;
    int n_left;

    while ((message = curl_multi_info_read(fetch->multi, &n_left))) {
        CURLcode result = message->data.result; /* removing the handle frees the message */
        struct fetch_state *state = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&state);
        land(fetch, state);
        if (result == CURLE_OK)
            landed_with_reply(fetch, state);
        else
            landed_with_error(fetch, state, result);
        n++;
    }
    return n;
}

/* --- who goes next --- */

/* How the account signs in: TOKEN_READY when it takes no token. */
static enum token_state lane_token(struct fetch *fetch, struct lane *lane,
                                   const struct account *account, int64_t now_ms)
{
    if (!account->token)
        return TOKEN_READY;
    if (!lane->tokens)
        lane->tokens = token_keeper_create(fetch);
    return token_keeper_look(lane->tokens, account, now_ms);
}

/* Let one of the lane's queue go. Returns false when none may. */
static bool lane_advance(struct fetch *fetch, struct lane *lane, int64_t now_ms)
{
    struct fetch_state *state = TAILQ_FIRST(&lane->queue);
    const struct account *account = state ? state->transfer->account : NULL;
    enum token_state token;

    if (!state || lane->n_flying >= account->max_concurrent_requests || now_ms < lane->resume_ms)
        return false;
    token = lane_token(fetch, lane, account, now_ms);
    if (token == TOKEN_PENDING)
        return false;
    TAILQ_REMOVE(&lane->queue, state, queue_link);
    if (token == TOKEN_REFUSED) {
        state->transfer->error = *token_keeper_error(lane->tokens);
        end(fetch, state);
        return true;
    }
    if (account->token)
        fetch_try_set_token(&state->try, token_keeper_text(lane->tokens));
    state->try.clock_offset_s = lane->clock_offset_s;
    if (!lane_is_open(lane)) {
        begin_try(fetch, state);
    } else if (now_ms >= lane->next_probe_ms) {
        lane->next_probe_ms = now_ms + BREAKER_PROBE_MS;
        begin_try(fetch, state);
    } else {
        fail_fast(fetch, state);
    }
    return true;
}

static void dispatch(struct fetch *fetch, int64_t now_ms)
{
    bool has_moved = true;
    struct lane *lane;

    while (has_moved && fetch->n_flying < STORE_CONCURRENCY_TOTAL) {
        has_moved = false;
        TAILQ_FOREACH(lane, &fetch->lanes, link)
        if (fetch->n_flying < STORE_CONCURRENCY_TOTAL)
            has_moved |= lane_advance(fetch, lane, now_ms);
    }
    lane = TAILQ_FIRST(&fetch->lanes);
    if (lane) {
        TAILQ_REMOVE(&fetch->lanes, lane, link);
        TAILQ_INSERT_TAIL(&fetch->lanes, lane, link);
    }
}

static void wake_rested(struct fetch *fetch, int64_t now_ms)
{
    struct fetch_state *state;

    while ((state = TAILQ_FIRST(&fetch->resting)) && state->due_ms <= now_ms) {
        TAILQ_REMOVE(&fetch->resting, state, queue_link);
        enqueue(state);
    }
}

/* --- deadlines, cancellation, slow stores --- */

/* Take the transfer out of wherever it is. */
static void pull_out(struct fetch *fetch, struct fetch_state *state)
{
    switch (state->phase) {
    case PHASE_QUEUED:
        TAILQ_REMOVE(&state->lane->queue, state, queue_link);
        break;
    case PHASE_RESTING:
        TAILQ_REMOVE(&fetch->resting, state, queue_link);
        break;
    case PHASE_FLYING:
        land(fetch, state);
        break;
    }
}

/* How long a store may think before it sends anything: a slow query is not a dead store, so this is
 * half of the time allowed in all once that is more than a minute. */
static int64_t first_byte_ms(const struct account *account)
{
    int64_t half = account->read_timeout_ms / 2;

    return half > FIRST_BYTE_TIMEOUT_MS ? half : FIRST_BYTE_TIMEOUT_MS;
}

/* NULL while the flying transfer is fast enough. */
static const char *too_slow(struct fetch_state *state, int64_t now_ms)
{
    size_t n_bytes = state->try.body.n_bytes;
    bool is_slow;

    if (state->mark_ms == 0 && state->try.n_header_bytes == 0)
        return now_ms - state->started_ms > first_byte_ms(state->try.account)
                   ? "no reply within the time for the first byte"
                   : NULL;
    if (state->mark_ms == 0) {
        state->mark_ms = now_ms;
        state->mark_bytes = n_bytes;
    }
    if (now_ms - state->mark_ms < STORE_LOW_SPEED_S * MS_PER_S)
        return NULL;
    is_slow = state->try.request->is_stream
                  ? n_bytes == state->mark_bytes /* not even a heartbeat */
                  : n_bytes - state->mark_bytes < STORE_LOW_SPEED_BYTES_PER_S * STORE_LOW_SPEED_S;
    state->mark_ms = now_ms;
    state->mark_bytes = n_bytes;
    return is_slow ? "the reply came at less than 1 KiB a second" : NULL;
}

static void sweep(struct fetch *fetch, int64_t now_ms)
{
    struct fetch_state *next;
    uint64_t n = 0;

    for (struct fetch_state *state = TAILQ_FIRST(&fetch->all); state; state = next, n++) {
        const struct fetch_transfer *transfer = state->transfer;
        const char *why;

        next = TAILQ_NEXT(state, all_link);
        if (transfer->is_cancelled && atomic_load(transfer->is_cancelled)) {
            pull_out(fetch, state);
            end_with(fetch, state, ERR_CANCELLED, NULL, "the request was cancelled");
        } else if (now_ms >= state->deadline_ms) {
            bool is_flying = state->phase == PHASE_FLYING;

            pull_out(fetch, state);
            if (!is_flying && (state->try.status || transfer->error.code))
                end_as_known(fetch, state);
            else
                end_with(fetch, state, ERR_TIMEOUT, "store_unavailable",
                         "could not get a reply in the time given");
        } else if (state->phase == PHASE_FLYING && (why = too_slow(state, now_ms))) {
            pull_out(fetch, state);
            try_failed(fetch, state, ERR_TIMEOUT, "store_unavailable", why);
        }
    }
    atomic_store(&fetch->n_waiting_now, n > fetch->n_flying ? n - fetch->n_flying : 0);
}

/* --- the thread --- */

/* Returns false when it is time to stop; the inbox is taken all the same. */
static bool take_inbox(struct fetch *fetch)
{
    struct state_queue inbox = TAILQ_HEAD_INITIALIZER(inbox);
    struct fetch_state *state;
    bool is_stopping;

    pthread_mutex_lock(&fetch->lock);
    TAILQ_CONCAT(&inbox, &fetch->inbox, queue_link);
    is_stopping = fetch->is_stopping;
    pthread_mutex_unlock(&fetch->lock);
    while ((state = TAILQ_FIRST(&inbox))) {
        TAILQ_REMOVE(&inbox, state, queue_link);
        TAILQ_INSERT_TAIL(&fetch->all, state, all_link);
        state->lane = lane_find(fetch, state->transfer->account);
        enqueue(state);
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
    const struct fetch_state *rested = TAILQ_FIRST(&fetch->resting);
    int64_t ms = TAILQ_EMPTY(&fetch->all) ? IDLE_SLEEP_MS : fetch->next_sweep_ms - now_ms;

    if (rested && rested->due_ms - now_ms < ms)
        ms = rested->due_ms - now_ms;
    return ms > 0 ? (int)ms : 0;
}

static void *run(void *arg)
{
    struct fetch *fetch = arg;
    struct fetch_state *state;
    sigset_t signals;
    int n_running;

    sigfillset(&signals); /* signals are for the main thread; a broken pipe is an error code here */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    while (take_inbox(fetch)) {
        int64_t now_ms = clock_mono_ms();

        wake_rested(fetch, now_ms);
        if (now_ms >= fetch->next_sweep_ms) {
            sweep(fetch, now_ms);
            fetch->next_sweep_ms = now_ms + SWEEP_MS;
        }
        dispatch(fetch, now_ms);
        curl_multi_perform(fetch->multi, &n_running);
        if (land_finished(fetch) == 0) /* else start those that waited, before sleeping */
            curl_multi_poll(fetch->multi, NULL, 0, sleep_ms(fetch, now_ms), NULL);
    }
    do { /* a `done` may still submit */
        while ((state = TAILQ_FIRST(&fetch->all))) {
            pull_out(fetch, state);
            end_with(fetch, state, ERR_CANCELLED, NULL, "the service is stopping");
        }
        take_inbox(fetch);
    } while (!TAILQ_EMPTY(&fetch->all) || !leave(fetch));
    return NULL;
}

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
    curl_multi_setopt(fetch->multi, CURLMOPT_MAXCONNECTS, MAX_CONNECTIONS);
    rc = pthread_create(&fetch->thread, NULL, run, fetch);
    if (rc) {
        curl_multi_cleanup(fetch->multi);
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
        token_keeper_free(lane->tokens);
        free(lane->name);
        free(lane->base_url);
        free(lane);
    }
    while (fetch->n_idle_handles)
        curl_easy_cleanup(fetch->idle_handles[--fetch->n_idle_handles]);
    curl_multi_cleanup(fetch->multi);
    pthread_mutex_destroy(&fetch->lock);
    free(fetch);
}

static void submit(struct fetch *fetch, struct fetch_transfer *transfer)
{
    struct fetch_state *state = mem_alloc(1, sizeof(*state));
    bool was_empty, has_left;

    state->transfer = transfer;
    state->try.account = transfer->account;
    state->try.request = transfer->request;
    state->submitted_ms = clock_mono_ms();
    state->deadline_ms = transfer->deadline_mono_ms ? transfer->deadline_mono_ms
                                                    : state->submitted_ms + STORE_RETRY_TOTAL_MS;
    transfer->state = state;
    transfer->response = (struct http_response){0};
    transfer->error = (struct error){0};
    transfer->attempts = 0;
    transfer->duration_ms = 0;
    pthread_mutex_lock(&fetch->lock);
    was_empty = TAILQ_EMPTY(&fetch->inbox);
    has_left = fetch->has_left;
    if (!has_left)
        TAILQ_INSERT_TAIL(&fetch->inbox, state, queue_link);
    pthread_mutex_unlock(&fetch->lock);
    if (has_left) {
        free(state);
        transfer->state = NULL;
        error_set(&transfer->error, ERR_CANCELLED, "the service is stopping");
        transfer->done(transfer);
    } else if (was_empty) /* else somebody has woken it already and it has not looked yet */
        curl_multi_wakeup(fetch->multi);
}

/* In place of a store, and of the thread: nothing is waited for. */
static void read_file(struct fetch *fetch, struct fetch_transfer *transfer)
{
    int64_t start_ms = clock_mono_ms();

    *transfer = (struct fetch_transfer){.account = transfer->account,
                                        .request = transfer->request,
                                        .deadline_mono_ms = transfer->deadline_mono_ms,
                                        .is_cancelled = transfer->is_cancelled,
                                        .done = transfer->done,
                                        .ctx = transfer->ctx,
                                        .attempts = 1};
    atomic_fetch_add(&fetch->n_requests, 1);
    if (file_read(transfer->account, transfer->request->file, &transfer->response,
                  &transfer->error))
        atomic_fetch_add(&fetch->n_errors, 1);
    atomic_fetch_add(&fetch->n_bytes, transfer->response.n_body_bytes);
    transfer->duration_ms = clock_mono_ms() - start_ms;
    transfer->done(transfer);
}

void fetch_submit(struct fetch *fetch, struct fetch_transfer *transfer)
{
    if (transfer->request->file) {
        read_file(fetch, transfer);
        return;
    }
    submit(fetch, transfer);
}

void fetch_transfer_clear(struct fetch_transfer *transfer)
{
    free(transfer->response.headers);
    free((char *)(uintptr_t)transfer->response.body);
    transfer->response = (struct http_response){0};
}

struct fetch_counters fetch_counters_read(struct fetch *fetch)
{
    return (struct fetch_counters){
        .requests = atomic_load(&fetch->n_requests),
        .retries = atomic_load(&fetch->n_retries),
        .errors = atomic_load(&fetch->n_errors),
        .bytes = atomic_load(&fetch->n_bytes),
        .in_flight = atomic_load(&fetch->n_flying_now),
        .waiting = atomic_load(&fetch->n_waiting_now),
    };
}
