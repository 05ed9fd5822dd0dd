/* One try of a question on its way: sending it, taking down what has landed, and what follows from
 * that: the reply, another try, or the end. */
#include "collectors/fetch_engine.h"

#include "base/clock.h"
#include "base/instant.h"
#include "collectors/retry.h"
#include "collectors/sigv4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTE_TIMEOUT_MS 30000 /* unless the account grants more than twice as much in all */
#define BAD_REQUEST 400
#define UNAUTHORIZED 401
#define METHOD_NOT_ALLOWED 405
#define TOO_MANY_REQUESTS 429
#define CLOCK_TOLERANCE_S 30 /* what a reply takes on its way, and then some */

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
static void fly(struct fetch *fetch, struct question *question)
{
    const struct account *account = question->try.account;
    int64_t now_ms = clock_mono_ms();
    int64_t timeout_ms = question_deadline_ms(question) - now_ms;
    CURL *easy = handle_take(fetch);
    struct error err = {0};

    if (timeout_ms > account->read_timeout_ms)
        timeout_ms = account->read_timeout_ms;
    fetch_reply_release(question->reply);
    question->reply = NULL;
    fetch_try_forget_reply(&question->try);
    if (fetch_try_prepare(&question->try, easy, timeout_ms > 1 ? timeout_ms : 1, &err)) {
        fetch_try_detach(&question->try);
        handle_give_back(fetch, easy);
        question->error = err;
        question_end(fetch, question);
        return;
    }
    curl_easy_setopt(easy, CURLOPT_PRIVATE, question);
    question->phase = PHASE_FLYING;
    question->started_ms = now_ms;
    question->sent_unix_ms = clock_wall_ms();
    question->mark_ms = 0;
    question->turn->n_flying++;
    question->lane->n_flying++;
    fetch->n_flying++;
    atomic_store(&fetch->n_flying_now, fetch->n_flying);
    atomic_fetch_add(&fetch->n_requests, 1);
    curl_multi_add_handle(fetch->multi, easy);
}

void flight_land(struct fetch *fetch, struct question *question)
{
    CURL *easy = question->try.easy;

    curl_multi_remove_handle(fetch->multi, easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &question->try.status);
    fetch_try_detach(&question->try);
    handle_give_back(fetch, easy);
    question->phase = PHASE_NOWHERE;
    question->turn->n_flying--;
    question->lane->n_flying--;
    fetch->n_flying--;
    atomic_store(&fetch->n_flying_now, fetch->n_flying);
    atomic_fetch_add(&fetch->n_bytes, question->try.body.n_bytes);
}

void flight_begin_try(struct fetch *fetch, struct question *question)
{
    fetch_try_go_home(&question->try);
    question->n_tries++;
    fly(fetch, question);
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void follow_redirect(struct fetch *fetch, struct question *question, const char *location)
{
    struct error err = {0};

    if (fetch_try_redirect(&question->try, location, &err)) {
        question->error = err;
        question_end(fetch, question);
        return;
    }
    fly(fetch, question);
}

/* The token may have been revoked ahead of its time: forget it, and try once with a new one. */
static void renew_token(struct question *question)
{
    question->has_new_token = true;
    token_keeper_drop(question->lane->tokens, question->try.token);
    question_enqueue(question);
}

/* Whether the store has refused a signature for its keys or its time; then its clock is taken from
 * its own reply. */
static bool is_signature_outdated(struct question *question)
{
    const char *text = fetch_try_header(&question->try, "Date");
    time_t date = text ? curl_getdate(text, NULL) : -1;
    int64_t offset_s = (int64_t)date - clock_wall_ms() / MS_PER_S;

    if (!question->try.account->sigv4 ||
        !sigv4_is_outdated(question->try.status, strbuf_view(&question->try.body)))
        return false;
    if (date >= 0)
        question->lane->clock_offset_s = llabs(offset_s) > CLOCK_TOLERANCE_S ? offset_s : 0;
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
static void landed_with_reply(struct fetch *fetch, struct question *question)
{
    const struct account *account = question->try.account;
    const char *location = fetch_try_header(&question->try, "Location");
    long status = question->try.status;
    struct str body = strbuf_view(&question->try.body);
    struct error err = {0};

    note_limit(question->lane, &question->try);
    if (!question->try.has_whole_head) {
        question_try_failed(fetch, question, ERR_UPSTREAM, "store_bad_response",
                            "the connection was closed within the reply's headers");
    } else if (is_redirect(status) && location && account->redirects != REDIRECT_NONE) {
        follow_redirect(fetch, question, location);
    } else if (question->try.token && !question->has_new_token &&
               (status == UNAUTHORIZED || is_signature_outdated(question))) {
        renew_token(question);
    } else if (status == METHOD_NOT_ALLOWED && fetch_try_may_use_get(&question->try)) {
        fetch_try_use_get(&question->try);
        fly(fetch, question);
    } else if (status >= 200 && status < 300 && !account->is_sink &&
               retry_is_cut_short(fetch_try_header(&question->try, "Content-Type"), body.bytes,
                                  body.n_bytes)) {
        question_try_failed(fetch, question, ERR_UPSTREAM, "store_bad_response",
                            "the reply was cut short");
    } else if (retry_reply_is_worthwhile(&account->retry, question->try.request, status, body)) {
        error_because(&err, ERR_UPSTREAM, "store_unavailable", "HTTP status %ld", status);
        if (status >= 500 && !account->is_sink) /* 408 and 429 come from a store that is alive */
            lane_failed(fetch, question->lane, &err, clock_mono_ms());
        else if (status == TOO_MANY_REQUESTS || status == BAD_REQUEST) /* a quota, to some stores */
            lane_throttled(fetch, question->lane, clock_mono_ms());
        question_try_again(fetch, question,
                           retry_asked_ms(fetch_try_header(&question->try, "Retry-After"),
                                          fetch_try_header(&question->try, "X-RateLimit-Reset"),
                                          clock_wall_ms() / MS_PER_S));
    } else {
        lane_answered(fetch, question->lane);
        question->error = (struct error){0};
        question_end(fetch, question);
    }
}

static void landed_with_error(struct fetch *fetch, struct question *question, CURLcode result)
{
    const struct fetch_try *try = &question->try;
    char why[CURL_ERROR_SIZE];

    snprintf(why, sizeof(why), "%s",
             try->curl_text[0] ? try->curl_text : curl_easy_strerror(result));
    if (try->is_too_large) {
        question_end_with(
            fetch, question, ERR_UPSTREAM, "store_response_too_large",
            "the reply is larger than the account's maxResponseBytes, or its headers are "
            "larger than 64 KiB");
        return;
    }
    if (try->is_address_refused && result == CURLE_COULDNT_CONNECT) {
        question_end_with(
            fetch, question, ERR_UPSTREAM, try->n_hops ? "store_redirect" : "store_address_refused",
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
        question_end_with(fetch, question, ERR_UPSTREAM, "store_tls", why);
        break;
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_UNSUPPORTED_PROTOCOL: /* not HTTP, or an HTTP nobody speaks any more */
        question_end_with(fetch, question, ERR_UPSTREAM, "store_bad_response", why);
        break;
    case CURLE_SSL_CONNECT_ERROR:
        question_try_failed(fetch, question, ERR_UPSTREAM, "store_tls", why);
        break;
    case CURLE_PARTIAL_FILE:
    case CURLE_WRITE_ERROR: /* broken compression */
    case CURLE_WEIRD_SERVER_REPLY:
        question_try_failed(fetch, question, ERR_UPSTREAM, "store_bad_response", why);
        break;
    case CURLE_OPERATION_TIMEDOUT:
        question_try_failed(fetch, question, ERR_TIMEOUT, "store_unavailable", why);
        break;
    default:
        question_try_failed(fetch, question, ERR_UPSTREAM, "store_unavailable", why);
    }
}

unsigned flights_finish(struct fetch *fetch)
{
    unsigned n = 0;
    CURLMsg *message;
    int n_left;

    while ((message = curl_multi_info_read(fetch->multi, &n_left))) {
        CURLcode result = message->data.result; /* removing the handle frees the message */
        struct question *question = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&question);
        flight_land(fetch, question);
        if (result == CURLE_OK)
            landed_with_reply(fetch, question);
        else
            landed_with_error(fetch, question, result);
        n++;
    }
    return n;
}

/* --- slow stores --- */

/* How long a store may think before it sends anything: a slow query is not a dead store, so this is
 * half of the time allowed in all once that is more than a minute. */
static int64_t first_byte_ms(const struct account *account)
{
    int64_t half = account->read_timeout_ms / 2;

    return half > FIRST_BYTE_TIMEOUT_MS ? half : FIRST_BYTE_TIMEOUT_MS;
}

const char *flight_too_slow(struct question *question, int64_t now_ms)
{
    size_t n_bytes = question->try.body.n_bytes;
    bool is_slow;

    if (question->mark_ms == 0 && question->try.n_header_bytes == 0)
        return now_ms - question->started_ms > first_byte_ms(question->try.account)
                   ? "no reply within the time for the first byte"
                   : NULL;
    if (question->mark_ms == 0) {
        question->mark_ms = now_ms;
        question->mark_bytes = n_bytes;
    }
    if (now_ms - question->mark_ms < STORE_LOW_SPEED_S * MS_PER_S)
        return NULL;
    is_slow =
        question->try.request->is_stream
            ? n_bytes == question->mark_bytes /* not even a heartbeat */
            : n_bytes - question->mark_bytes < STORE_LOW_SPEED_BYTES_PER_S * STORE_LOW_SPEED_S;
    question->mark_ms = now_ms;
    question->mark_bytes = n_bytes;
    return is_slow ? "the reply came at less than 1 KiB a second" : NULL;
}
