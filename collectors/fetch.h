/* collectors/fetch.h -- the fetch engine: one thread, one curl multi handle. It knows no metric
 * store and no canary, only requests and replies.
 *
 * Per account it keeps to max_concurrent_requests; what is over that waits. Applications take
 * turns, and while another one waits, none gets more than half of the account; within one, the
 * order is that of arrival. A failed try that may succeed later is tried again after a wait with
 * jitter, no thread is held meanwhile. Queries that ask the same while one of them is on its way
 * share its reply, and a reply about the past can be kept for those that come later. An account
 * that signs in with a token (account->token) gets it here: asked for when it is needed, once for
 * all, and added as a header; such an account lives as long as the engine. HTTP/2 where the store
 * offers it, keep-alive, gzip; bytes are counted after decompression. Redirects only as the account
 * says, TLS 1.2 or newer, http and https only, no proxy or .netrc from the environment; link-local
 * and metadata addresses are refused. */
#ifndef COLLECTORS_FETCH_H
#define COLLECTORS_FETCH_H

#include "collectors/account.h"
#include "collectors/http_message.h"
#include <stdatomic.h>
#include <stdint.h>

struct fetch;
struct log;

/* One request on its way. The caller owns it and keeps it and all it points to alive until `done`
 * has been called, exactly once, on the fetch thread; `done` must be quick and hand the work on. */
struct fetch_transfer {
    /* set by the caller */
    const struct account *account;
    const struct http_request *request;
    const char *application;    /* whose turn it takes; NULL is the same as "" */
    int64_t window_end_unix_ms; /* a query, for a window up to then: it may be answered with the
                                   reply to the same one; 0: sent in any case */
    int64_t deadline_mono_ms;   /* give up then, waits included; 0: STORE_RETRY_TOTAL_MS from now */
    const atomic_bool *is_cancelled; /* checked at least once a second; may be NULL */
    void (*done)(struct fetch_transfer *transfer);
    void *ctx;

    /* set by the engine before `done` */
    struct http_response response; /* status 0 when there was none */
    struct error error;            /* no usable reply: ERR_UPSTREAM (reason store_unavailable,
                                      store_tls, store_response_too_large, store_redirect, ...),
                                      ERR_TIMEOUT or ERR_CANCELLED. A reply with an error status that
                                      is final is not an error here: look at response.status */
    unsigned attempts;             /* 0: answered with a reply that was kept */
    int64_t duration_ms;

    struct fetch_reply *reply; /* the engine's own: `response` points into it */
};

/* What the engine has done so far, for /metrics. */
struct fetch_counters {
    uint64_t requests, retries, errors, bytes;
    uint64_t shared; /* transfers that joined a request on its way */
    uint64_t cached; /* transfers answered with a reply that was kept */
    uint64_t in_flight, waiting, cache_bytes;
};

MUST_CHECK enum err_code fetch_create(struct log *log, struct fetch **out, struct error *err);

/* End everything under way with ERR_CANCELLED; what is submitted later ends so at once, its `done`
 * called on the submitting thread. For shutting down what hands work to the engine before freeing
 * it. */
void fetch_stop(struct fetch *fetch);

/* Stops the thread; transfers still under way end with ERR_CANCELLED. NULL is accepted. */
void fetch_free(struct fetch *fetch);

/* Hand over; any thread. Never blocks on the network; a file is read at once, and a reply that was
 * kept is there: then `done` is called before this returns. */
void fetch_submit(struct fetch *fetch, struct fetch_transfer *transfer);

/* The reply was understood: have it answer the same queries for STORE_CACHE_LIFE_MS. Does nothing
 * unless the account has keeps_replies and the window ended STORE_SETTLE_MS before the request was
 * sent, or the window does not matter (request->keep_ms). Any thread. */
void fetch_keep(struct fetch *fetch, const struct fetch_transfer *transfer);

/* Release what the engine put into `response`. */
void fetch_transfer_clear(struct fetch_transfer *transfer);

struct fetch_counters fetch_counters_read(struct fetch *fetch);

#endif
