/* The fetch engine against a metric store on loopback that follows a script. Waits are shortened by
 * the accounts' own settings; nothing is faked inside the engine. Lower bounds of times are exact;
 * upper ones are far away, because a loaded machine is no failure. */
#include "tests/fake_store.h"
#include "tests/support.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "collectors/fetch.h"
#include "collectors/http_message.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TRANSFERS 2048u

/* --- what every test needs --- */

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t n_done;
};

struct bench {
    struct fake_store *store;
    struct fetch *fetch;
    struct arena *arena;
    struct account *account;
    struct http_request request;
    struct waiter waiter;
    struct fetch_transfer transfers[MAX_TRANSFERS];
    size_t n_transfers;
};

static void done(struct fetch_transfer *transfer)
{
    struct waiter *waiter = transfer->ctx;

    pthread_mutex_lock(&waiter->lock);
    waiter->n_done++;
    pthread_cond_signal(&waiter->changed);
    pthread_mutex_unlock(&waiter->lock);
}

/* An account for `url` with `more` members; ' stands for ". */
static struct account *account_of(struct arena *arena, const char *url, const char *more)
{
    char *text = arena_printf(arena, "{'url':'%s'%s%s}", url, more[0] ? "," : "", more);
    struct account *account = NULL;
    struct error err = {0};
    json_t *json;

    for (char *c = text; *c; c++)
        if (*c == '\'')
            *c = '"';
    json = json_loads(text, 0, NULL);
    assert_non_null(json);
    if (account_decode("prometheus", json, arena, &account, &err))
        fail_msg("%s", err.message);
    json_decref(json);
    return account;
}

static struct bench *bench_create(struct fake_store *store, const char *account)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct error err = {0};

    bench->store = store;
    bench->arena = arena_create();
    bench->account = account_of(bench->arena, fake_store_url(store), account);
    bench->request.method = "GET";
    bench->request.url =
        arena_printf(bench->arena, "%s/api/v1/query_range?query=up", bench->account->base_url);
    assert_int_equal(ERR_OK, account_sign(bench->account, bench->arena, &bench->request, &err));
    assert_int_equal(ERR_OK, fetch_create(NULL, &bench->fetch, &err));
    pthread_mutex_init(&bench->waiter.lock, NULL);
    pthread_cond_init(&bench->waiter.changed, NULL);
    return bench;
}

static void bench_free(struct bench *bench)
{
    fetch_free(bench->fetch);
    for (size_t i = 0; i < bench->n_transfers; i++)
        fetch_transfer_clear(&bench->transfers[i]);
    fake_store_free(bench->store);
    arena_free(bench->arena);
    pthread_mutex_destroy(&bench->waiter.lock);
    pthread_cond_destroy(&bench->waiter.changed);
    free(bench);
}

static struct fetch_transfer *submit(struct bench *bench)
{
    struct fetch_transfer *transfer = &bench->transfers[bench->n_transfers++];

    transfer->account = bench->account;
    transfer->request = &bench->request;
    transfer->done = done;
    transfer->ctx = &bench->waiter;
    fetch_submit(bench->fetch, transfer);
    return transfer;
}

static void wait_for(struct bench *bench, size_t n)
{
    pthread_mutex_lock(&bench->waiter.lock);
    while (bench->waiter.n_done < n)
        pthread_cond_wait(&bench->waiter.changed, &bench->waiter.lock);
    pthread_mutex_unlock(&bench->waiter.lock);
}

static struct fetch_transfer *run_one(struct bench *bench)
{
    struct fetch_transfer *transfer = submit(bench);

    wait_for(bench, bench->n_transfers);
    return transfer;
}

#define FAST "'retry':{'backoffPeriodMultiplierMs':1}"
#define JSON_TYPE "Content-Type: application/json\r\n"

/* --- one request, one reply --- */

static void fetch_sends_and_receives(void **state)
{
    static const struct fake_reply script[] = {
        {.headers = JSON_TYPE "X-Two: a b \r\n", .body = "{\"status\":\"success\"}"}};
    struct bench *bench = bench_create(fake_store_create(script, 1),
                                       "'username':'u','password':'p','headers':{'X-Scope-OrgID':"
                                       "'tenant'}");
    struct fetch_transfer *transfer = run_one(bench);
    const struct fake_request *seen = fake_store_request(bench->store, 0);

    (void)state;
    assert_int_equal(ERR_OK, transfer->error.code);
    assert_int_equal(200, transfer->response.status);
    assert_string_equal("{\"status\":\"success\"}", transfer->response.body);
    assert_int_equal(20, transfer->response.n_body_bytes);
    assert_string_equal("a b", http_response_header(&transfer->response, "x-two"));
    assert_null(http_response_header(&transfer->response, "x-three"));
    assert_int_equal(1, transfer->attempts);
    assert_string_equal("GET", seen->method);
    assert_string_equal("/api/v1/query_range?query=up", seen->target);
    assert_non_null(strstr(seen->headers, "Authorization: Basic dTpw\r\n")); /* the first time */
    assert_non_null(strstr(seen->headers, "X-Scope-OrgID: tenant\r\n"));
    assert_non_null(strstr(seen->headers, "Accept-Encoding: "));
    assert_non_null(strstr(seen->headers, "gzip"));
    bench_free(bench);
}

static void fetch_posts(void **state)
{
    static const struct fake_reply script[] = {{.body = "{}"}};
    struct bench *bench = bench_create(fake_store_create(script, 1), "");
    struct fetch_transfer *transfer;

    (void)state;
    bench->request.method = "POST";
    bench->request.body = "query=up&step=60";
    bench->request.n_body_bytes = strlen(bench->request.body);
    transfer = run_one(bench);
    assert_int_equal(200, transfer->response.status);
    assert_string_equal("POST", fake_store_request(bench->store, 0)->method);
    assert_string_equal("query=up&step=60", fake_store_request(bench->store, 0)->body);
    bench_free(bench);
}

static void fetch_asks_with_get_when_post_is_refused(void **state)
{
    static const struct fake_reply script[] = {{.status = 405}, {.status = 503}, {.body = "{}"}};
    struct bench *bench = bench_create(fake_store_create(script, 3), FAST);
    struct fetch_transfer *transfer;

    (void)state;
    bench->request.method = "POST";
    bench->request.url = arena_printf(bench->arena, "%s/q", bench->account->base_url);
    bench->request.body = "query=up&step=60";
    bench->request.n_body_bytes = strlen(bench->request.body);
    transfer = run_one(bench);
    assert_int_equal(200, transfer->response.status);
    for (size_t i = 1; i < 3; i++) {
        assert_string_equal("GET", fake_store_request(bench->store, i)->method);
        assert_string_equal("/q?query=up&step=60", fake_store_request(bench->store, i)->target);
    }
    bench_free(bench);
}

static void fetch_final_statuses_are_asked_once(void **state)
{
    static const int statuses[] = {204, 301, 400, 401, 403, 404, 422};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        const struct fake_reply script[] = {{.status = statuses[i], .body = "no"}};
        struct bench *bench = bench_create(fake_store_create(script, 1), FAST);
        struct fetch_transfer *transfer;

        row("%d", statuses[i]);
        transfer = run_one(bench);
        assert_int_equal(ERR_OK, transfer->error.code);
        assert_int_equal(statuses[i], transfer->response.status);
        assert_non_null(transfer->response.body);
        assert_int_equal(1, fake_store_n_requests(bench->store));
        bench_free(bench);
    }
}

/* --- retries --- */

static void fetch_tries_again_after_waits(void **state)
{
    static const struct fake_reply script[] = {{.status = 503}, {.status = 500}, {.body = "{}"}};
    struct bench *bench =
        bench_create(fake_store_create(script, 3), "'retry':{'backoffPeriodMultiplierMs':100}");
    struct fetch_transfer *transfer = run_one(bench);
    int64_t first, second;

    (void)state;
    first =
        fake_store_request(bench->store, 1)->mono_ms - fake_store_request(bench->store, 0)->mono_ms;
    second =
        fake_store_request(bench->store, 2)->mono_ms - fake_store_request(bench->store, 1)->mono_ms;
    assert_int_equal(200, transfer->response.status);
    assert_int_equal(3, transfer->attempts);
    assert_in_range(first, 99, 5000);
    assert_in_range(second, 199, 5000);
    assert_in_range(transfer->duration_ms, 298, 10000);
    assert_int_equal(2, fetch_counters_read(bench->fetch).retries);
    bench_free(bench);
}

static enum reply_advice advice(long status, struct str body)
{
    (void)status;
    return str_is(body, "never")   ? REPLY_IS_FINAL
           : str_is(body, "later") ? REPLY_ASK_AGAIN
                                   : REPLY_BY_STATUS;
}

/* A store may say in its own words that a 500 is final, or that a 200 is not all. */
static void fetch_heeds_the_words_of_a_reply(void **state)
{
    static const struct fake_reply script[] = {
        {.status = 503}, {.body = "later"}, {.status = 500, .body = "never"}, {.body = "late"}};
    struct bench *bench = bench_create(fake_store_create(script, 4), FAST);
    struct fetch_transfer *transfer;

    (void)state;
    bench->request.advice = advice;
    transfer = run_one(bench);
    assert_int_equal(ERR_OK, transfer->error.code);
    assert_int_equal(500, transfer->response.status);
    assert_int_equal(3, transfer->attempts);
    bench_free(bench);
}

static void fetch_honours_retry_after(void **state)
{
    static const struct fake_reply script[] = {{.status = 429, .headers = "Retry-After: 1\r\n"},
                                               {.body = "{}"}};
    struct bench *bench = bench_create(fake_store_create(script, 2), FAST);
    struct fetch_transfer *transfer = run_one(bench);

    (void)state;
    assert_int_equal(200, transfer->response.status);
    assert_in_range(transfer->duration_ms, 999, 5000);
    bench_free(bench);
}

static void fetch_gives_up_with_the_last_reply(void **state)
{
    static const struct fake_reply script[] = {{.status = 429, .body = "slow down"}};
    struct bench *bench = bench_create(fake_store_create(script, 1), FAST);
    struct fetch_transfer *transfer = run_one(bench);

    (void)state;
    assert_int_equal(ERR_OK, transfer->error.code);
    assert_int_equal(429, transfer->response.status);
    assert_string_equal("slow down", transfer->response.body);
    assert_int_equal(10, transfer->attempts);
    assert_int_equal(10, fake_store_n_requests(bench->store));
    bench_free(bench);
}

static void fetch_retries_broken_replies(void **state)
{
    static const struct {
        const char *name;
        struct fake_reply reply;
        const char *reason;
    } cases[] = {
        {"dropped", {.manner = FAKE_DROP}, "store_unavailable"},
        {"cut", {.manner = FAKE_CUT, .body = "{\"status\":\"success\"}"}, "store_bad_response"},
        {"cut JSON", {.headers = JSON_TYPE, .body = "{\"status\":[\"}\""}, "store_bad_response"},
        {"cut headers",
         {.manner = FAKE_GARBAGE, .body = "HTTP/1.1 200 OK\r\nContent-"},
         "store_bad_response"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct fake_reply then_fine[] = {cases[i].reply, {.body = "{}"}};
        struct bench *bench = bench_create(fake_store_create(then_fine, 2), FAST);
        struct fetch_transfer *transfer;

        row("%s", cases[i].name);
        transfer = run_one(bench);
        assert_int_equal(ERR_OK, transfer->error.code);
        assert_int_equal(200, transfer->response.status);
        assert_string_equal("{}", transfer->response.body);
        bench_free(bench);
        bench = bench_create(fake_store_create(&cases[i].reply, 1),
                             "'retry':{'attempts':3,'backoffPeriodMultiplierMs':1}");
        transfer = run_one(bench);
        assert_int_equal(ERR_UPSTREAM, transfer->error.code);
        assert_string_equal(cases[i].reason, transfer->error.reason);
        assert_non_null(strstr(transfer->error.message, "try 3 of 3"));
        assert_int_equal(3, transfer->attempts);
        assert_int_equal(0, transfer->response.status);
        bench_free(bench);
    }
}

static void fetch_final_errors(void **state)
{
    static const struct {
        const char *name;
        struct fake_reply reply;
        const char *account, *reason;
    } cases[] = {
        {"not HTTP",
         {.manner = FAKE_GARBAGE, .body = "hello\r\n\r\nworld"},
         "",
         "store_bad_response"},
        {"unknown encoding",
         {.headers = "Content-Encoding: rot13\r\n", .body = "uryyb"},
         "",
         "store_bad_response"},
        {"too large",
         {.body = "0123456789", .n_times = 103},
         "'maxResponseBytes':1029",
         "store_response_too_large"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench *bench = bench_create(fake_store_create(&cases[i].reply, 1), cases[i].account);
        struct fetch_transfer *transfer;

        row("%s", cases[i].name);
        transfer = run_one(bench);
        assert_int_equal(ERR_UPSTREAM, transfer->error.code);
        assert_string_equal(cases[i].reason, transfer->error.reason);
        assert_int_equal(1, fake_store_n_requests(bench->store));
        bench_free(bench);
    }
}

static void fetch_size_limits(void **state)
{
    static char name_and_value[66000];
    static char long_header[70000];
    size_t n_bytes;
    char *zeros = read_file("fixtures/replies/zeros-8mib.gz", &n_bytes);
    const struct {
        const char *name;
        struct fake_reply reply;
        const char *account;
        size_t n_body_bytes; /* 0: refused */
    } cases[] = {
        {"just small enough",
         {.body = "0123456789", .n_times = 103},
         "'maxResponseBytes':1030",
         1030},
        {"64 MiB is the default",
         {.body = name_and_value, .n_body_bytes = 65536, .n_times = 1025},
         "",
         0},
        {"compressed zeros",
         {.headers = "Content-Encoding: gzip\r\n", .body = zeros, .n_body_bytes = n_bytes},
         "'maxResponseBytes':1048576",
         0},
        {"compressed zeros that fit",
         {.headers = "Content-Encoding: gzip\r\n", .body = zeros, .n_body_bytes = n_bytes},
         "'maxResponseBytes':8388608",
         8388608},
        {"headers", {.manner = FAKE_GARBAGE, .body = long_header}, "", 0},
    };

    (void)state;
    memset(name_and_value, '0', sizeof(name_and_value));
    snprintf(long_header, sizeof(long_header), "HTTP/1.1 200 OK\r\n");
    for (size_t at = strlen(long_header); at < 66000; at += 1010) {
        memset(long_header + at, 'x', 1008);
        memcpy(long_header + at, "X-A: ", 5);
        memcpy(long_header + at + 1008, "\r\n", 2);
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench *bench = bench_create(fake_store_create(&cases[i].reply, 1), cases[i].account);
        struct fetch_transfer *transfer;

        row("%s", cases[i].name);
        transfer = run_one(bench);
        if (cases[i].n_body_bytes) {
            assert_int_equal(ERR_OK, transfer->error.code);
            assert_int_equal(cases[i].n_body_bytes, transfer->response.n_body_bytes);
        } else {
            assert_int_equal(ERR_UPSTREAM, transfer->error.code);
            assert_string_equal("store_response_too_large", transfer->error.reason);
            assert_int_equal(1, transfer->attempts);
        }
        bench_free(bench);
    }
    free(zeros);
}

/* --- time --- */

static void fetch_times_out_and_tries_again(void **state)
{
    static const struct fake_reply script[] = {{.manner = FAKE_SILENT}, {.body = "{}"}};
    struct bench *bench = bench_create(fake_store_create(script, 2), FAST ",'readTimeoutMs':400");
    struct fetch_transfer *transfer = run_one(bench);

    (void)state;
    assert_int_equal(200, transfer->response.status);
    assert_int_equal(2, transfer->attempts);
    assert_in_range(transfer->duration_ms, 399, 5000);
    bench_free(bench);
}

static void fetch_time_out_is_an_error(void **state)
{
    static const struct fake_reply script[] = {{.body = "0123456789", .drip_ms = 50}};
    struct bench *bench =
        bench_create(fake_store_create(script, 1), "'retry':{'attempts':1},'readTimeoutMs':120");
    struct fetch_transfer *transfer = run_one(bench);

    (void)state;
    assert_int_equal(ERR_TIMEOUT, transfer->error.code);
    assert_int_equal(0, transfer->response.status);
    bench_free(bench);
}

static void fetch_keeps_to_the_deadline(void **state)
{
    static const struct fake_reply script[] = {{.status = 503, .body = "busy"}};
    struct bench *bench =
        bench_create(fake_store_create(script, 1), "'retry':{'backoffPeriodMultiplierMs':1000}");
    struct fetch_transfer *transfer = &bench->transfers[0];

    (void)state;
    transfer->deadline_mono_ms = clock_mono_ms() + 2000; /* 1 s fits, 2 more do not */
    run_one(bench);
    assert_int_equal(503, transfer->response.status);
    assert_int_equal(2, transfer->attempts);
    assert_in_range(transfer->duration_ms, 999, 1999);
    bench_free(bench);
}

static void fetch_deadline_ends_what_waits(void **state)
{
    static const struct fake_reply script[] = {{.manner = FAKE_SILENT}};
    struct bench *bench = bench_create(fake_store_create(script, 1), "'maxConcurrentRequests':1");

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        bench->transfers[i].deadline_mono_ms = clock_mono_ms() + 200;
        submit(bench);
    }
    wait_for(bench, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ERR_TIMEOUT, bench->transfers[i].error.code);
        assert_in_range(bench->transfers[i].duration_ms, 199, 5000);
    }
    bench_free(bench);
}

static void fetch_can_be_cancelled(void **state)
{
    static const struct fake_reply script[] = {{.manner = FAKE_SILENT}};
    struct bench *bench = bench_create(fake_store_create(script, 1), "'maxConcurrentRequests':2");
    atomic_bool flag = false;
    int64_t start;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        bench->transfers[i].is_cancelled = &flag;
        submit(bench);
    }
    while (fake_store_n_requests(bench->store) < 2)
        ;
    start = clock_mono_ms();
    atomic_store(&flag, true);
    wait_for(bench, 5);
    assert_in_range(clock_mono_ms() - start, 0, 10000);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(ERR_CANCELLED, bench->transfers[i].error.code);
    assert_int_equal(0, fetch_counters_read(bench->fetch).in_flight);
    bench_free(bench);
}

static void fetch_stops_at_once(void **state)
{
    static const struct fake_reply script[] = {{.manner = FAKE_SILENT}};
    struct bench *bench = bench_create(fake_store_create(script, 1), "");
    int64_t start;

    (void)state;
    for (size_t i = 0; i < 20; i++)
        submit(bench);
    start = clock_mono_ms();
    fetch_free(bench->fetch);
    bench->fetch = NULL;
    assert_in_range(clock_mono_ms() - start, 0, 5000);
    assert_int_equal(20, bench->waiter.n_done);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(ERR_CANCELLED, bench->transfers[i].error.code);
    bench_free(bench);
}

/* --- who goes when --- */

static void fetch_keeps_to_the_concurrency(void **state)
{
    static const struct fake_reply script[] = {{.body = "{}", .delay_ms = 20}};
    struct bench *bench = bench_create(fake_store_create(script, 1), "'maxConcurrentRequests':3");

    (void)state;
    for (size_t i = 0; i < 20; i++)
        submit(bench);
    wait_for(bench, 20);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(200, bench->transfers[i].response.status);
    assert_int_equal(3, fake_store_max_at_once(bench->store));
    assert_int_equal(3, fake_store_n_connections(bench->store)); /* kept alive */
    bench_free(bench);
}

/* A store that was asked too much is asked half as much for a while; one that was slow is not. */
static void fetch_slows_down_for_a_quota(void **state)
{
    static const struct {
        struct fake_reply script[2];
        size_t at_once;
    } cases[] = {
        {{{.status = 429}, {.body = "{}", .delay_ms = 20}}, 2},
        {{{.status = 408}, {.body = "{}", .delay_ms = 20}}, 5},
    };

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        struct bench *bench =
            bench_create(fake_store_create(cases[k].script, 2), "'maxConcurrentRequests':5," FAST);

        row("%d", cases[k].script[0].status);
        assert_int_equal(200, run_one(bench)->response.status);
        for (size_t i = 0; i < 20; i++)
            submit(bench);
        wait_for(bench, 21);
        assert_int_equal(cases[k].at_once, fake_store_max_at_once(bench->store));
        bench_free(bench);
    }
}

static void fetch_serves_in_order_of_arrival(void **state)
{
    static const struct fake_reply script[] = {{.body = "{}"}};
    struct bench *bench = bench_create(fake_store_create(script, 1), "'maxConcurrentRequests':1");
    struct http_request requests[20];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct fetch_transfer *transfer = &bench->transfers[bench->n_transfers++];

        requests[i] = bench->request;
        requests[i].url = arena_printf(bench->arena, "%s/%zu", bench->account->base_url, i);
        *transfer = (struct fetch_transfer){.account = bench->account,
                                            .request = &requests[i],
                                            .done = done,
                                            .ctx = &bench->waiter};
        fetch_submit(bench->fetch, transfer);
    }
    wait_for(bench, ARRAY_LEN(requests));
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        char want[16];

        snprintf(want, sizeof(want), "/%zu", i);
        assert_string_equal(want, fake_store_request(bench->store, i)->target);
    }
    bench_free(bench);
}

/* Row F15: an account whose store is silent does not hold up another one. */
static void fetch_accounts_do_not_wait_for_each_other(void **state)
{
    static const struct fake_reply silent[] = {{.manner = FAKE_SILENT}};
    static const struct fake_reply fine[] = {{.body = "{}"}};
    struct bench *bench = bench_create(fake_store_create(fine, 1), "");
    struct fake_store *other = fake_store_create(silent, 1);
    struct account *black_hole = account_of(bench->arena, fake_store_url(other), "'name':'hole'");
    struct http_request request = {.method = "GET", .url = fake_store_url(other)};
    atomic_bool flag = false;
    int64_t start = clock_mono_ms();

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        struct fetch_transfer *transfer = &bench->transfers[200 + i];

        *transfer = (struct fetch_transfer){.account = black_hole,
                                            .request = &request,
                                            .is_cancelled = &flag,
                                            .done = done,
                                            .ctx = &bench->waiter};
        fetch_submit(bench->fetch, transfer);
    }
    for (size_t i = 0; i < 100; i++)
        submit(bench);
    wait_for(bench, 100);
    assert_in_range(clock_mono_ms() - start, 0, 10000);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(200, bench->transfers[i].response.status);
    atomic_store(&flag, true);
    wait_for(bench, 200);
    fake_store_free(other);
    bench_free(bench);
}

static void fetch_breaker_spares_a_dead_store(void **state)
{
    static const struct fake_reply script[] = {{.status = 500, .body = "broken"}};
    struct bench *bench =
        bench_create(fake_store_create(script, 1), "'maxConcurrentRequests':1," FAST);
    struct fetch_transfer *first = run_one(bench);
    struct fetch_transfer *second = run_one(bench);

    (void)state;
    assert_int_equal(500, first->response.status); /* what the store said last */
    assert_string_equal("broken", first->response.body);
    assert_int_equal(10, first->attempts); /* failing fast counts */
    assert_int_equal(ERR_UPSTREAM, second->error.code);
    assert_string_equal("store_unavailable", second->error.reason);
    assert_non_null(strstr(second->error.message, "HTTP status 500"));
    assert_int_equal(5, fake_store_n_requests(bench->store));
    bench_free(bench);
}

static void fetch_breaker_stays_closed_when_replies_come(void **state)
{
    static const struct fake_reply script[] = {
        {.status = 500}, {.status = 500}, {.status = 500}, {.status = 500}, {.status = 400},
        {.status = 500}, {.status = 500}, {.status = 500}, {.status = 500}, {.body = "{}"}};
    struct bench *bench = bench_create(fake_store_create(script, ARRAY_LEN(script)), FAST);

    (void)state;
    assert_int_equal(400, run_one(bench)->response.status);
    assert_int_equal(200, run_one(bench)->response.status);
    assert_int_equal(10, fake_store_n_requests(bench->store));
    bench_free(bench);
}

static void fetch_refused_connection_is_retried(void **state)
{
    static const struct fake_reply script[] = {{.body = "{}"}};
    struct bench *bench = bench_create(fake_store_create(script, 1),
                                       "'retry':{'attempts':3,'backoffPeriodMultiplierMs':1}");
    struct fake_store *gone = fake_store_create(script, 1);
    struct account *account = account_of(bench->arena, fake_store_url(gone),
                                         "'retry':{'attempts':3,'backoffPeriodMultiplierMs':1}");
    struct fetch_transfer *transfer;

    (void)state;
    bench->request.url = arena_strdup(bench->arena, fake_store_url(gone));
    fake_store_free(gone);
    bench->account = account;
    transfer = run_one(bench);
    assert_int_equal(ERR_UPSTREAM, transfer->error.code);
    assert_string_equal("store_unavailable", transfer->error.reason);
    assert_int_equal(3, transfer->attempts);
    bench_free(bench);
}

/* --- where to --- */

static void fetch_redirects(void **state)
{
    static const struct fake_reply fine[] = {{.body = "{\"here\":1}"}};
    struct fake_store *other = fake_store_create(fine, 1);
    char to_other[128], cross_origin[128];
    const struct {
        const char *name, *policy, *location;
        long status;
        const char *reason;
    } cases[] = {
        {"not followed", "none", "/elsewhere", 302, NULL},
        {"relative", "same_origin", "/elsewhere", 200, NULL},
        {"relative, follow", "follow", "elsewhere?x=1", 200, NULL},
        {"other origin", "same_origin", cross_origin, 0, "store_redirect"},
        {"other origin, follow", "follow", cross_origin, 200, NULL},
        {"metadata", "follow", "http://169.254.169.254/latest", 0, "store_redirect"},
        {"file", "follow", "file:///etc/passwd", 0, "store_redirect"},
        {"ftp", "follow", "ftp://127.0.0.1/x", 0, "store_redirect"},
        {"nonsense", "follow", "http://", 0, "store_redirect"},
    };

    (void)state;
    snprintf(cross_origin, sizeof(cross_origin), "%s/there", fake_store_url(other));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake_reply script[] = {{.status = 302, .headers = to_other}, {.body = "{}"}};
        char account[256];
        struct bench *bench;
        struct fetch_transfer *transfer;

        row("%s", cases[i].name);
        snprintf(to_other, sizeof(to_other), "Location: %s\r\n", cases[i].location);
        snprintf(account, sizeof(account),
                 "'redirects':'%s','bearerToken':'secret-token','headers':{'X-Key':'secret-key'}",
                 cases[i].policy);
        bench = bench_create(fake_store_create(script, 2), account);
        transfer = run_one(bench);
        assert_int_equal(cases[i].status, transfer->response.status);
        if (cases[i].reason) {
            assert_int_equal(ERR_UPSTREAM, transfer->error.code);
            assert_string_equal(cases[i].reason, transfer->error.reason);
        }
        assert_int_equal(1, transfer->attempts);
        bench_free(bench);
    }
    /* the one request that reached the other origin had no credentials */
    assert_int_equal(1, fake_store_n_requests(other));
    assert_string_equal("/there", fake_store_request(other, 0)->target);
    assert_null(strstr(fake_store_request(other, 0)->headers, "secret"));
    fake_store_free(other);
}

static void fetch_redirect_loops_end(void **state)
{
    static const struct fake_reply script[] = {{.status = 301, .headers = "Location: /a\r\n"}};
    static const struct {
        const char *account;
        size_t n_requests;
    } cases[] = {{"'redirects':'same_origin'", 4}, {"'redirects':'follow'", 6}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench *bench = bench_create(fake_store_create(script, 1), cases[i].account);
        struct fetch_transfer *transfer;

        row("%s", cases[i].account);
        transfer = run_one(bench);
        assert_string_equal("store_redirect", transfer->error.reason);
        assert_int_equal(cases[i].n_requests, fake_store_n_requests(bench->store));
        bench_free(bench);
    }
}

static void fetch_refuses_metadata_addresses(void **state)
{
    static const struct fake_reply script[] = {{.body = "{}"}};
    static const char *const urls[] = {"http://169.254.169.254/",
                                       "http://[::ffff:169.254.169.254]/", "http://0.0.0.0:1/",
                                       "http://100.100.100.200/", "http://[fd00:ec2::254]/"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct bench *bench = bench_create(fake_store_create(script, 1), "");
        struct fetch_transfer *transfer;

        row("%s", urls[i]);
        bench->account = account_of(bench->arena, urls[i], "");
        bench->request.url = urls[i];
        transfer = run_one(bench);
        assert_int_equal(ERR_UPSTREAM, transfer->error.code);
        assert_string_equal("store_address_refused", transfer->error.reason);
        assert_int_equal(1, transfer->attempts);
        bench_free(bench);
    }
}

static void fetch_ignores_the_environment(void **state)
{
    static const struct fake_reply script[] = {{.body = "{}"}};
    struct bench *bench = bench_create(fake_store_create(script, 1), "");

    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    assert_int_equal(200, run_one(bench)->response.status);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    bench_free(bench);
}

static void fetch_uses_the_configured_proxy(void **state)
{
    static const struct fake_reply script[] = {{.body = "{}"}};
    struct fake_store *proxy = fake_store_create(script, 1);
    char account[128];
    struct bench *bench;

    (void)state;
    snprintf(account, sizeof(account), "'proxy':'%s'", fake_store_url(proxy));
    bench = bench_create(fake_store_create(script, 1), account);
    assert_int_equal(200, run_one(bench)->response.status);
    assert_int_equal(0, fake_store_n_requests(bench->store));
    assert_string_equal(bench->request.url, fake_store_request(proxy, 0)->target);
    bench_free(bench);
    fake_store_free(proxy);
}

/* --- TLS --- */

#define DAY_S 86400L

static void fetch_tls(void **state)
{
    static const struct fake_reply script[] = {{.body = "{}"}};
    static const struct {
        const char *name;
        long from_s, to_s;
        const char *host, *tls;
        bool has_ca, is_fine;
    } cases[] = {
        {"trusted", -DAY_S, DAY_S, "localhost", "", true, true},
        {"unknown CA", -DAY_S, DAY_S, "localhost", "", false, false},
        {"not verified", -DAY_S, DAY_S, "127.0.0.1", "'insecureSkipVerify':true", false, true},
        {"expired", -2 * DAY_S, -DAY_S, "localhost", "", true, false},
        {"not yet valid", DAY_S, 2 * DAY_S, "localhost", "", true, false},
        {"wrong name", -DAY_S, DAY_S, "127.0.0.1", "", true, false},
        {"server name", -DAY_S, DAY_S, "127.0.0.1", "'serverName':'localhost'", true, true},
        {"wrong server name", -DAY_S, DAY_S, "localhost", "'serverName':'example.org'", true,
         false},
        {"CA file missing", -DAY_S, DAY_S, "127.0.0.1", "'caFile':'/nonexistent'", false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake_store *store = fake_store_create_tls(script, 1, cases[i].from_s, cases[i].to_s);
        struct fetch_transfer *transfer;
        struct bench *bench;
        char account[512];
        char url[128];

        row("%s", cases[i].name);
        snprintf(account, sizeof(account), FAST ",'tls':{%s%s%s%s%s}",
                 cases[i].has_ca ? "'caFile':'" : "",
                 cases[i].has_ca ? fake_store_ca_file(store) : "", cases[i].has_ca ? "'" : "",
                 cases[i].has_ca && cases[i].tls[0] ? "," : "", cases[i].tls);
        bench = bench_create(store, account);
        snprintf(url, sizeof(url), "https://%s:%d/x", cases[i].host, fake_store_port(store));
        bench->request.url = url;
        transfer = run_one(bench);
        if (cases[i].is_fine) {
            char host[128];

            if (transfer->error.code)
                print_error("row \"%s\": %s\n", cases[i].name, transfer->error.message);
            assert_int_equal(200, transfer->response.status);
            snprintf(host, sizeof(host), "Host: %s:%d\r\n", cases[i].host, fake_store_port(store));
            assert_non_null(strstr(fake_store_request(store, 0)->headers, host));
        } else {
            assert_int_equal(ERR_UPSTREAM, transfer->error.code);
            assert_string_equal("store_tls", transfer->error.reason);
            assert_int_equal(1, transfer->attempts); /* no fall-back, no second try */
            assert_int_equal(0, fake_store_n_requests(store));
        }
        bench_free(bench);
    }
}

/* --- the same question --- */

#define PAST_UNIX_MS 1767225600000 /* 2026-01-01: all points have come since */

static struct fetch_transfer *submit_query(struct bench *bench, const struct http_request *request,
                                           const char *application, int64_t window_end_unix_ms)
{
    struct fetch_transfer *transfer = &bench->transfers[bench->n_transfers++];

    transfer->account = bench->account;
    transfer->request = request;
    transfer->application = application;
    transfer->window_end_unix_ms = window_end_unix_ms;
    transfer->done = done;
    transfer->ctx = &bench->waiter;
    fetch_submit(bench->fetch, transfer);
    return transfer;
}

static struct http_request *request_of(struct bench *bench, const char *method, const char *path)
{
    struct http_request *request = arena_new(bench->arena, struct http_request);

    request->method = method;
    request->url = arena_printf(bench->arena, "%s/%s", bench->account->base_url, path);
    return request;
}

static void wait_for_requests(struct bench *bench, size_t n)
{
    while (fake_store_n_requests(bench->store) < n)
        ;
}

static void fetch_shares_what_is_on_its_way(void **state)
{
    static const struct fake_reply script[] = {{.body = "{\"a\":1}", .delay_ms = 200}};
    struct bench *bench = bench_create(fake_store_create(script, 1), "");
    struct fetch_transfer *first, *second;

    (void)state;
    first = submit_query(bench, &bench->request, "checkout", PAST_UNIX_MS);
    wait_for_requests(bench, 1);
    second = submit_query(bench, request_of(bench, "GET", "api/v1/query_range?query=up"), "search",
                          PAST_UNIX_MS);
    wait_for(bench, 2);
    assert_int_equal(1, fake_store_n_requests(bench->store));
    assert_string_equal("{\"a\":1}", first->response.body);
    fetch_transfer_clear(first); /* the other one still has it */
    assert_string_equal("{\"a\":1}", second->response.body);
    assert_int_equal(1, second->attempts);
    assert_int_equal(1, fetch_counters_read(bench->fetch).shared);
    assert_int_equal(1, fetch_counters_read(bench->fetch).requests);
    bench_free(bench);
}

static void fetch_shares_nothing_that_differs(void **state)
{
    static const struct fake_reply script[] = {{.body = "{}", .delay_ms = 100}};
    struct bench *bench = bench_create(fake_store_create(script, 1), "'name':'a'");
    struct account *other = account_of(bench->arena, fake_store_url(bench->store), "'name':'b'");
    struct account *own = bench->account;
    struct http_request tenant = bench->request, body = bench->request;
    struct error err = {0};

    (void)state;
    assert_int_equal(ERR_OK,
                     http_request_header(&tenant, bench->arena, "X-Scope-OrgID", "t1", &err));
    body.method = "POST";
    body.body = "x=1";
    body.n_body_bytes = 3;
    submit_query(bench, &bench->request, NULL, PAST_UNIX_MS);
    submit_query(bench, &bench->request, NULL, PAST_UNIX_MS + 1000);
    submit_query(bench, &bench->request, NULL, 0); /* no query: always sent */
    submit_query(bench, &bench->request, NULL, 0);
    submit_query(bench, &tenant, NULL, PAST_UNIX_MS);
    submit_query(bench, &body, NULL, PAST_UNIX_MS);
    submit_query(bench, request_of(bench, "GET", "other"), NULL, PAST_UNIX_MS);
    bench->account = other;
    submit_query(bench, &bench->request, NULL, PAST_UNIX_MS);
    bench->account = own;
    wait_for(bench, 8);
    assert_int_equal(8, fake_store_n_requests(bench->store));
    assert_int_equal(0, fetch_counters_read(bench->fetch).shared);
    bench_free(bench);
}

/* The first one's request is gone while the reply is still on its way. */
static void fetch_askers_leave_on_their_own(void **state)
{
    static const struct fake_reply script[] = {{.status = 503, .delay_ms = 1500},
                                               {.body = "{\"a\":1}", .delay_ms = 300}};
    struct bench *bench = bench_create(fake_store_create(script, 2), FAST);
    struct http_request *request = request_of(bench, "POST", "query");
    struct http_request *gone = calloc(1, sizeof(*gone));
    char *body = strdup("query=up");
    struct fetch_transfer *first, *second, *third;
    atomic_bool flag = false;

    (void)state;
    request->body = "query=up";
    request->n_body_bytes = strlen(request->body);
    *gone = *request;
    gone->body = body;
    bench->transfers[0].is_cancelled = &flag;
    first = submit_query(bench, gone, "a", PAST_UNIX_MS);
    wait_for_requests(bench, 1);
    second = submit_query(bench, request, "b", PAST_UNIX_MS);
    bench->transfers[2].deadline_mono_ms = clock_mono_ms() + 200;
    third = submit_query(bench, request, "c", PAST_UNIX_MS);
    atomic_store(&flag, true);
    wait_for(bench, 2);
    assert_int_equal(ERR_CANCELLED, first->error.code);
    assert_int_equal(ERR_TIMEOUT, third->error.code);
    free(body);
    free(gone);
    wait_for(bench, 3);
    assert_int_equal(200, second->response.status);
    assert_int_equal(2, second->attempts);
    assert_int_equal(2, fake_store_n_requests(bench->store));
    assert_string_equal("query=up", fake_store_request(bench->store, 1)->body);
    bench_free(bench);
}

static void fetch_shares_errors(void **state)
{
    static const struct fake_reply script[] = {{.manner = FAKE_DROP, .delay_ms = 200}};
    struct bench *bench = bench_create(fake_store_create(script, 1), "'retry':{'attempts':1}");
    struct fetch_transfer *first = submit_query(bench, &bench->request, "a", PAST_UNIX_MS);
    struct fetch_transfer *second = submit_query(bench, &bench->request, "a", PAST_UNIX_MS);

    (void)state;
    wait_for(bench, 2);
    assert_int_equal(ERR_UPSTREAM, first->error.code);
    assert_string_equal(first->error.message, second->error.message);
    assert_int_equal(1, fake_store_n_requests(bench->store));
    bench_free(bench);
}

/* Who joins a failing question late has all of its own tries left. */
static void fetch_late_askers_get_all_their_tries(void **state)
{
    static const struct fake_reply script[] = {
        {.status = 503}, {.status = 503, .delay_ms = 300}, {.body = "{\"a\":1}"}};
    struct bench *bench = bench_create(fake_store_create(script, 3),
                                       "'retry':{'attempts':2,'backoffPeriodMultiplierMs':1}");
    struct fetch_transfer *first = submit_query(bench, &bench->request, "a", PAST_UNIX_MS);
    struct fetch_transfer *second;

    (void)state;
    wait_for_requests(bench, 2);
    second = submit_query(bench, &bench->request, "b", PAST_UNIX_MS);
    wait_for(bench, 2);
    assert_int_equal(503, first->response.status);
    assert_int_equal(2, first->attempts);
    assert_int_equal(200, second->response.status);
    assert_int_equal(2, second->attempts);
    assert_int_equal(3, fake_store_n_requests(bench->store));
    bench_free(bench);
}

static void fetch_keeps_the_past(void **state)
{
    static const struct fake_reply script[] = {
        {.body = "{\"a\":1}"}, {.status = 404, .body = "{}"}, {.body = "{\"a\":2}"}};
    struct bench *bench = bench_create(fake_store_create(script, 3), "'keepReplies':true," FAST);
    int64_t settled_ms = clock_wall_ms() - STORE_SETTLE_MS;
    const struct http_request *request = &bench->request;
    struct fetch_transfer *transfer;

    (void)state;
    submit_query(bench, request, NULL, settled_ms);
    wait_for(bench, 1);
    fetch_keep(bench->fetch, &bench->transfers[0]);
    transfer = submit_query(bench, request, "another", settled_ms);
    assert_int_equal(2, bench->waiter.n_done); /* at once */
    assert_string_equal("{\"a\":1}", transfer->response.body);
    assert_int_equal(0, transfer->attempts);
    assert_int_equal(1, fake_store_n_requests(bench->store));
    assert_int_equal(1, fetch_counters_read(bench->fetch).cached);
    assert_in_range(fetch_counters_read(bench->fetch).cache_bytes, 7, 1000);

    for (int i = 0; i < 2; i++) { /* an error is not kept */
        transfer = submit_query(bench, request_of(bench, "GET", "wrong"), NULL, settled_ms);
        wait_for(bench, bench->n_transfers);
        assert_int_equal(i ? 200 : 404, transfer->response.status);
        if (i == 0)
            fetch_keep(bench->fetch, transfer);
    }
    for (int i = 0; i < 2; i++) { /* nor is what may still change */
        transfer = submit_query(bench, request, NULL, settled_ms + 60000);
        wait_for(bench, bench->n_transfers);
        fetch_keep(bench->fetch, transfer);
    }
    assert_int_equal(5, fake_store_n_requests(bench->store));
    assert_int_equal(1, fetch_counters_read(bench->fetch).cached);
    bench_free(bench);
}

/* --- applications --- */

static void fetch_applications_take_turns(void **state)
{
    static const struct fake_reply script[] = {{.body = "{}", .delay_ms = 20}};
    struct bench *bench = bench_create(fake_store_create(script, 1), "'maxConcurrentRequests':4");
    size_t n_small = 0;

    (void)state;
    for (size_t i = 0; i < 40; i++)
        submit_query(bench, request_of(bench, "GET", "large"), "large", 0);
    for (size_t i = 0; i < 10; i++)
        submit_query(bench, request_of(bench, "GET", "small"), "small", 0);
    wait_for(bench, 50);
    for (size_t i = 0; i < 32; i++)
        n_small += strcmp(fake_store_request(bench->store, i)->target, "/small") == 0;
    assert_int_equal(10, n_small); /* and not behind the 40 that came before */
    bench_free(bench);
}

/* Of the places that come free, each of two that wait gets half. */
static void fetch_application_gets_half(void **state)
{
    static const struct fake_reply script[] = {{.body = "{}", .delay_ms = 300}};
    struct bench *bench = bench_create(fake_store_create(script, 1), "'maxConcurrentRequests':4");
    size_t n_large = 0;

    (void)state;
    for (size_t i = 0; i < 20; i++)
        submit_query(bench, request_of(bench, "GET", i % 2 ? "large" : "small"),
                     i % 2 ? "large" : "small", 0);
    wait_for(bench, 4);
    wait_for_requests(bench, 8);
    for (size_t i = 4; i < 8; i++)
        n_large += strcmp(fake_store_request(bench->store, i)->target, "/large") == 0;
    assert_int_equal(2, n_large);
    wait_for(bench, 20);
    bench_free(bench);
}

/* Promise P7: whatever one store does, another one's queries end in their usual time. */
static void fetch_one_bad_store_hurts_only_itself(void **state)
{
    static const struct fake_reply bad[][1] = {
        {{.manner = FAKE_SILENT}},
        {{.body = "{\"a\":1111111111111111111111111111111111111111111}", .drip_ms = 400}},
        {{.manner = FAKE_DROP}},
    };
    static const struct fake_reply fine[] = {{.body = "{}", .delay_ms = 5}};

    (void)state;
    for (size_t b = 0; b < ARRAY_LEN(bad); b++) {
        struct bench *bench = bench_create(fake_store_create(fine, 1), "");
        struct fake_store *other = fake_store_create(bad[b], 1);
        struct account *hole = account_of(bench->arena, fake_store_url(other),
                                          "'name':'hole','maxConcurrentRequests':1000");
        struct http_request request = {.method = "GET", .url = fake_store_url(other)};
        atomic_bool flag = false;
        int64_t start_ms;

        for (size_t i = 0; i < 200; i++) {
            struct fetch_transfer *transfer = &bench->transfers[200 + i];

            *transfer = (struct fetch_transfer){.account = hole,
                                                .request = &request,
                                                .is_cancelled = &flag,
                                                .done = done,
                                                .ctx = &bench->waiter};
            fetch_submit(bench->fetch, transfer);
        }
        while (fake_store_n_requests(other) < 5)
            ;
        start_ms = clock_mono_ms();
        for (size_t i = 0; i < 100; i++)
            submit(bench);
        wait_for(bench, 100);
        for (size_t i = 0; i < 100; i++)
            assert_int_equal(200, bench->transfers[i].response.status);
        assert_in_range(clock_mono_ms() - start_ms, 50, 5000);
        atomic_store(&flag, true);
        wait_for(bench, 300);
        fake_store_free(other);
        bench_free(bench);
    }
}

/* --- many --- */

struct submitter {
    struct bench *bench;
    struct fetch_transfer *transfers;
    size_t n_transfers;
};

static void *submit_many(void *arg)
{
    struct submitter *submitter = arg;

    for (size_t i = 0; i < submitter->n_transfers; i++) {
        submitter->transfers[i] = (struct fetch_transfer){.account = submitter->bench->account,
                                                          .request = &submitter->bench->request,
                                                          .done = done,
                                                          .ctx = &submitter->bench->waiter};
        fetch_submit(submitter->bench->fetch, &submitter->transfers[i]);
    }
    return NULL;
}

static void fetch_takes_work_from_many_threads(void **state)
{
    static const struct fake_reply script[] = {{.body = "{\"a\":[1,2,3]}"}};
    struct bench *bench = bench_create(fake_store_create(script, 1), "");
    struct submitter submitters[4];
    pthread_t threads[4];

    (void)state;
    bench->n_transfers = 1000;
    for (size_t i = 0; i < 4; i++) {
        submitters[i] = (struct submitter){bench, &bench->transfers[i * 250], 250};
        pthread_create(&threads[i], NULL, submit_many, &submitters[i]);
    }
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    wait_for(bench, 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_string_equal("{\"a\":[1,2,3]}", bench->transfers[i].response.body);
    assert_in_range(fake_store_n_connections(bench->store), 1, 10);
    assert_int_equal(1000, fetch_counters_read(bench->fetch).requests);
    assert_int_equal(13000, fetch_counters_read(bench->fetch).bytes);
    bench_free(bench);
}

/* A thousand requests, eight at a time, to a store that takes 5 ms: 625 ms if nothing else cost
 * time. The bound is wide because the sanitizers run this too; the figure is printed. */
static void fetch_keeps_the_store_busy(void **state)
{
    static const struct fake_reply script[] = {{.body = "{\"a\":1}", .delay_ms = 5}};
    struct bench *bench = bench_create(fake_store_create(script, 1), "'maxConcurrentRequests':8");
    int64_t start = clock_mono_ms();
    int64_t took_ms;

    (void)state;
    for (size_t i = 0; i < 1000; i++)
        submit(bench);
    wait_for(bench, 1000);
    took_ms = clock_mono_ms() - start;
    print_message("1,000 requests, 8 at a time, 5 ms each: %lld ms (at best 625)\n",
                  (long long)took_ms);
    assert_int_equal(8, fake_store_n_connections(bench->store));
    assert_in_range(took_ms, 600, 30000);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fetch_sends_and_receives),
        cmocka_unit_test(fetch_posts),
        cmocka_unit_test(fetch_asks_with_get_when_post_is_refused),
        cmocka_unit_test(fetch_final_statuses_are_asked_once),
        cmocka_unit_test(fetch_tries_again_after_waits),
        cmocka_unit_test(fetch_heeds_the_words_of_a_reply),
        cmocka_unit_test(fetch_honours_retry_after),
        cmocka_unit_test(fetch_gives_up_with_the_last_reply),
        cmocka_unit_test(fetch_retries_broken_replies),
        cmocka_unit_test(fetch_final_errors),
        cmocka_unit_test(fetch_size_limits),
        cmocka_unit_test(fetch_times_out_and_tries_again),
        cmocka_unit_test(fetch_time_out_is_an_error),
        cmocka_unit_test(fetch_keeps_to_the_deadline),
        cmocka_unit_test(fetch_deadline_ends_what_waits),
        cmocka_unit_test(fetch_can_be_cancelled),
        cmocka_unit_test(fetch_stops_at_once),
        cmocka_unit_test(fetch_keeps_to_the_concurrency),
        cmocka_unit_test(fetch_slows_down_for_a_quota),
        cmocka_unit_test(fetch_serves_in_order_of_arrival),
        cmocka_unit_test(fetch_accounts_do_not_wait_for_each_other),
        cmocka_unit_test(fetch_breaker_spares_a_dead_store),
        cmocka_unit_test(fetch_breaker_stays_closed_when_replies_come),
        cmocka_unit_test(fetch_refused_connection_is_retried),
        cmocka_unit_test(fetch_redirects),
        cmocka_unit_test(fetch_redirect_loops_end),
        cmocka_unit_test(fetch_refuses_metadata_addresses),
        cmocka_unit_test(fetch_ignores_the_environment),
        cmocka_unit_test(fetch_uses_the_configured_proxy),
        cmocka_unit_test(fetch_tls),
        cmocka_unit_test(fetch_shares_what_is_on_its_way),
        cmocka_unit_test(fetch_shares_nothing_that_differs),
        cmocka_unit_test(fetch_askers_leave_on_their_own),
        cmocka_unit_test(fetch_shares_errors),
        cmocka_unit_test(fetch_late_askers_get_all_their_tries),
        cmocka_unit_test(fetch_keeps_the_past),
        cmocka_unit_test(fetch_applications_take_turns),
        cmocka_unit_test(fetch_application_gets_half),
        cmocka_unit_test(fetch_one_bad_store_hurts_only_itself),
        cmocka_unit_test(fetch_takes_work_from_many_threads),
        cmocka_unit_test(fetch_keeps_the_store_busy),
    };

    curl_global_init(CURL_GLOBAL_DEFAULT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
