/* Accounts that sign in with a token, against a token endpoint and a metric store on loopback that
 * follow scripts; and what else a store's reply says about when to ask again. */
#include "tests/fake_store.h"
#include "tests/support.h"

#include "base/clock.h"
#include "collectors/collector.h"
#include "collectors/fetch.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_TRANSFERS 64u
#define TOKEN(text, life)                                                                          \
    {                                                                                              \
        .body = "{\"access_token\":\"" text "\",\"expires_in\":" life "}"                          \
    }

struct bench {
    struct fake_store *endpoint, *store;
    struct fetch *fetch;
    struct arena *arena;
    struct account *account;
    struct http_request request;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t n_done;
    struct fetch_transfer transfers[MAX_TRANSFERS];
    size_t n_transfers;
};

static void done(struct fetch_transfer *transfer)
{
    struct bench *bench = transfer->ctx;

    pthread_mutex_lock(&bench->lock);
    bench->n_done++;
    pthread_cond_signal(&bench->changed);
    pthread_mutex_unlock(&bench->lock);
}

static struct account *account_of(struct arena *arena, const char *type, char *text)
{
    struct account *account = NULL;
    struct error err = {0};
    json_t *json;

    for (char *c = text; *c; c++)
        if (*c == '\'')
            *c = '"';
    json = json_loads(text, 0, NULL);
    assert_non_null(json);
    if (account_decode(type, json, arena, &account, &err))
        fail_msg("%s", err.message);
    json_decref(json);
    return account;
}

/* Waits between tries are a few milliseconds. `more` holds further members of the account. */
static struct bench *bench_create(const struct fake_reply *tokens, size_t n_tokens,
                                  const struct fake_reply *replies, size_t n_replies,
                                  const char *more)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct error err = {0};

    bench->arena = arena_create();
    bench->endpoint = fake_store_create(tokens, n_tokens);
    bench->store = fake_store_create(replies, n_replies);
    bench->account = account_of(
        bench->arena, "prometheus",
        arena_printf(bench->arena,
                     "{'name':'p','url':'%s','retry':{'attempts':9,'backoffPeriodMultiplierMs':2},"
                     "'oauth2':{'tokenUrl':'%s/token','clientId':'me','clientSecret':'s3cret-x'}"
                     "%s%s}",
                     fake_store_url(bench->store), fake_store_url(bench->endpoint),
                     *more ? "," : "", more));
    bench->request.method = "GET";
    bench->request.url = arena_printf(bench->arena, "%s/q", bench->account->base_url);
    assert_int_equal(ERR_OK, account_sign(bench->account, bench->arena, &bench->request, &err));
    assert_int_equal(ERR_OK, fetch_create(NULL, &bench->fetch, &err));
    pthread_mutex_init(&bench->lock, NULL);
    pthread_cond_init(&bench->changed, NULL);
    return bench;
}

static void bench_free(struct bench *bench)
{
    fetch_free(bench->fetch);
    for (size_t i = 0; i < bench->n_transfers; i++)
        fetch_transfer_clear(&bench->transfers[i]);
    fake_store_free(bench->store);
    fake_store_free(bench->endpoint);
    pthread_mutex_destroy(&bench->lock);
    pthread_cond_destroy(&bench->changed);
    arena_free(bench->arena);
    free(bench);
}

static struct fetch_transfer *submit(struct bench *bench)
{
    struct fetch_transfer *transfer = &bench->transfers[bench->n_transfers++];

    transfer->account = bench->account;
    transfer->request = &bench->request;
    transfer->done = done;
    transfer->ctx = bench;
    fetch_submit(bench->fetch, transfer);
    return transfer;
}

static void wait_for_all(struct bench *bench)
{
    pthread_mutex_lock(&bench->lock);
    while (bench->n_done < bench->n_transfers)
        pthread_cond_wait(&bench->changed, &bench->lock);
    pthread_mutex_unlock(&bench->lock);
}

static struct fetch_transfer *run_one(struct bench *bench)
{
    struct fetch_transfer *transfer = submit(bench);

    wait_for_all(bench);
    return transfer;
}

static void check_token_sent(struct bench *bench, size_t i, const char *token)
{
    char line[128];

    snprintf(line, sizeof(line), "Authorization: Bearer %s\r\n", token);
    row("request %zu", i);
    assert_non_null(strstr(fake_store_request(bench->store, i)->headers, line));
}

static void one_token_for_all_queries(void **state)
{
    static const struct fake_reply tokens[] = {TOKEN("tok-1", "3600")};
    static const struct fake_reply replies[] = {{.body = "{}"}};
    struct bench *bench = bench_create(tokens, 1, replies, 1, "");

    (void)state;
    for (size_t i = 0; i < 20; i++)
        submit(bench);
    wait_for_all(bench);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(200, bench->transfers[i].response.status);
    run_one(bench); /* later, too */
    assert_int_equal(1, fake_store_n_requests(bench->endpoint));
    assert_int_equal(21, fake_store_n_requests(bench->store));
    for (size_t i = 0; i < 21; i++)
        check_token_sent(bench, i, "tok-1"); /* on the first request, never only after a 401 */
    assert_string_equal("POST", fake_store_request(bench->endpoint, 0)->method);
    assert_string_equal("/token", fake_store_request(bench->endpoint, 0)->target);
    assert_string_equal("grant_type=client_credentials&client_id=me&client_secret=s3cret-x",
                        fake_store_request(bench->endpoint, 0)->body);
    bench_free(bench);
}

static void a_revoked_token_is_renewed_once(void **state)
{
    static const struct fake_reply tokens[] = {TOKEN("tok-1", "3600"), TOKEN("tok-2", "3600")};
    static const struct fake_reply once[] = {{.status = 401}, {.body = "{}"}};
    static const struct fake_reply always[] = {{.status = 401, .body = "no tok-2 here"}};
    struct bench *bench = bench_create(tokens, 2, once, 2, "");

    (void)state;
    assert_int_equal(200, run_one(bench)->response.status);
    assert_int_equal(2, fake_store_n_requests(bench->endpoint));
    check_token_sent(bench, 0, "tok-1");
    check_token_sent(bench, 1, "tok-2");
    bench_free(bench);

    bench = bench_create(tokens, 2, always, 1, "");
    assert_int_equal(ERR_OK, run_one(bench)->error.code);
    assert_int_equal(401, bench->transfers[0].response.status);
    assert_string_equal("no ***** here", bench->transfers[0].response.body);
    assert_int_equal(2, fake_store_n_requests(bench->endpoint));
    assert_int_equal(2, fake_store_n_requests(bench->store));
    bench_free(bench);
}

/* Row S20: the endpoint is not asked again and again, and the store is not asked at all. */
static void a_broken_endpoint(void **state)
{
    static const struct {
        const char *name;
        struct fake_reply reply;
        size_t n_requests;
        const char *words;
    } cases[] = {
        {"status 500", {.status = 500, .body = "s3cret-x"}, 4, "status 500"},
        {"no token", {.body = "{}"}, 1, "no \"access_token\""},
        {"life -1", TOKEN("t", "-1"), 1, "1 second to 31 days"},
        {"life 0", TOKEN("t", "0"), 1, "1 second to 31 days"},
        {"life 1e12", TOKEN("t", "1e12"), 1, "1 second to 31 days"},
        {"life as text", TOKEN("t", "\"3600\""), 1, "1 second to 31 days"},
        {"refused",
         {.status = 400,
          .body = "{\"error\":\"invalid_client\",\"error_description\":\"bad s3cret-x\"}"},
         1,
         "status 400: invalid_client: bad ***"},
        {"not HTTP", {.manner = FAKE_DROP}, 4, "could not sign in"},
        {"a redirect",
         {.status = 302, .headers = "Location: http://127.0.0.1:1/\r\n"},
         1,
         "status 302"},
        {"cut", {.manner = FAKE_CUT, .body = "{\"access_token\":\"t\"}"}, 4, "could not sign in"},
    };
    static const struct fake_reply replies[] = {{.body = "{}"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench *bench = bench_create(&cases[i].reply, 1, replies, 1, "");

        row("%s", cases[i].name);
        for (size_t k = 0; k < 5; k++) /* together, and one behind the other */
            submit(bench);
        wait_for_all(bench);
        run_one(bench);
        for (size_t k = 0; k < bench->n_transfers; k++) {
            const struct error *err = &bench->transfers[k].error;

            assert_int_equal(ERR_UPSTREAM, err->code);
            assert_string_equal("store_auth_failed", err->reason);
            if (!strstr(err->message, cases[i].words))
                fail_msg("%s", err->message);
            assert_null(strstr(err->message, "s3cret"));
        }
        assert_int_equal(cases[i].n_requests, fake_store_n_requests(bench->endpoint));
        assert_int_equal(0, fake_store_n_requests(bench->store));
        bench_free(bench);
    }
}

/* A token of two seconds is renewed after one; the old one serves meanwhile. */
static void a_token_is_renewed_ahead_of_its_end(void **state)
{
    static const struct fake_reply tokens[] = {
        TOKEN("tok-1", "2"),
        {.body = "{\"access_token\":\"tok-2\",\"expires_in\":3600}", .delay_ms = 200}};
    static const struct fake_reply replies[] = {{.body = "{}"}};
    struct bench *bench = bench_create(tokens, 2, replies, 1, "");
    int64_t start_ms = clock_mono_ms();

    (void)state;
    run_one(bench);
    assert_int_equal(1, fake_store_n_requests(bench->endpoint));
    while (clock_mono_ms() - start_ms < 1100)
        usleep(20000);
    run_one(bench);
    if (clock_mono_ms() - start_ms < 1300) /* on a loaded machine it may be over already */
        check_token_sent(bench, 1, "tok-1");
    while (fake_store_n_requests(bench->endpoint) < 2 || clock_mono_ms() - start_ms < 2100)
        usleep(20000);
    run_one(bench);
    check_token_sent(bench, 2, "tok-2");
    assert_int_equal(2, fake_store_n_requests(bench->endpoint));
    bench_free(bench);
}

static void a_token_stays_at_home(void **state)
{
    static const struct fake_reply tokens[] = {TOKEN("tok-1", "3600")};
    static const struct fake_reply there[] = {{.body = "{}"}};
    struct fake_store *abroad = fake_store_create(there, 1);
    char headers[256];
    struct fake_reply replies[] = {{.status = 302, .headers = headers}};
    struct bench *bench;

    (void)state;
    snprintf(headers, sizeof(headers), "Location: %s/x\r\n", fake_store_url(abroad));
    bench = bench_create(tokens, 1, replies, 1, "'redirects':'follow'");
    assert_int_equal(200, run_one(bench)->response.status);
    check_token_sent(bench, 0, "tok-1");
    assert_null(strstr(fake_store_request(abroad, 0)->headers, "Authorization"));
    bench_free(bench);
    fake_store_free(abroad);
}

/* Nobody waits longer than they may for an endpoint that says nothing. */
static void a_silent_endpoint(void **state)
{
    static const struct fake_reply tokens[] = {{.manner = FAKE_SILENT}};
    static const struct fake_reply replies[] = {{.body = "{}"}};
    struct bench *bench = bench_create(tokens, 1, replies, 1, "");
    atomic_bool is_cancelled = false;

    (void)state;
    bench->transfers[0].is_cancelled = &is_cancelled;
    submit(bench);
    bench->transfers[1].deadline_mono_ms = clock_mono_ms() + 300;
    submit(bench);
    submit(bench); /* ends with the engine */
    while (fake_store_n_requests(bench->endpoint) == 0)
        usleep(1000);
    atomic_store(&is_cancelled, true);
    pthread_mutex_lock(&bench->lock);
    while (bench->n_done < 2)
        pthread_cond_wait(&bench->changed, &bench->lock);
    pthread_mutex_unlock(&bench->lock);
    assert_int_equal(ERR_CANCELLED, bench->transfers[0].error.code);
    assert_int_equal(ERR_TIMEOUT, bench->transfers[1].error.code);
    fetch_stop(bench->fetch);
    assert_int_equal(ERR_CANCELLED, bench->transfers[2].error.code);
    assert_int_equal(0, fake_store_n_requests(bench->store));
    bench_free(bench);
}

/* An account at Google without a file asks the metadata server of its machine, never by a proxy. */
static void the_metadata_server(void **state)
{
    static const struct fake_reply tokens[] = {
        {.headers = "Metadata-Flavor: Google\r\n",
         .body = "{\"access_token\":\"ya29\",\"expires_in\":3171,\"token_type\":\"Bearer\"}"}};
    static const struct fake_reply replies[] = {{.body = "{}"}};
    struct bench *bench = bench_create(tokens, 1, replies, 1, "");
    struct error err = {0};
    char *text = arena_printf(bench->arena, "{'project':'p','url':'%s','name':'g'}",
                              fake_store_url(bench->store));

    (void)state;
    setenv("GCE_METADATA_HOST", fake_store_url(bench->endpoint) + strlen("http://"), 1);
    setenv("HOME", "/nowhere", 1);
    unsetenv("GOOGLE_APPLICATION_CREDENTIALS");
    bench->account = account_of(bench->arena, "stackdriver", text);
    bench->request.n_headers = 0;
    assert_int_equal(ERR_OK, account_sign(bench->account, bench->arena, &bench->request, &err));
    assert_int_equal(200, run_one(bench)->response.status);
    check_token_sent(bench, 0, "ya29");
    assert_string_equal("/computeMetadata/v1/instance/service-accounts/default/token?scopes=https"
                        "%3A%2F%2Fwww.googleapis.com%2Fauth%2Fmonitoring.read",
                        fake_store_request(bench->endpoint, 0)->target);
    assert_non_null(
        strstr(fake_store_request(bench->endpoint, 0)->headers, "Metadata-Flavor: Google\r\n"));
    unsetenv("GCE_METADATA_HOST");
    bench_free(bench);
}

/* Datadog says in headers when its limit is used up, and for how many seconds. */
static void a_limit_that_is_used_up(void **state)
{
    static const struct fake_reply tokens[] = {TOKEN("tok-1", "3600")};
    static const struct fake_reply replies[] = {
        {.status = 429, .headers = "X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1\r\n"},
        {.body = "{}", .headers = "X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1\r\n"},
        {.body = "{}", .headers = "X-RateLimit-Remaining: 3\r\nX-RateLimit-Reset: 60\r\n"},
        {.body = "{}"}};
    struct bench *bench = bench_create(tokens, 1, replies, 4, "");
    int64_t times_ms[4];

    (void)state;
    run_one(bench); /* 429, and a second later its reply */
    run_one(bench); /* had to wait for another second */
    run_one(bench); /* but this one not */
    assert_int_equal(4, fake_store_n_requests(bench->store));
    for (size_t i = 0; i < 4; i++)
        times_ms[i] = fake_store_request(bench->store, i)->mono_ms;
    assert_in_range(times_ms[1] - times_ms[0], 950, 60000);
    assert_in_range(times_ms[2] - times_ms[1], 950, 60000);
    assert_in_range(times_ms[3] - times_ms[2], 0, 30000);
    bench_free(bench);
}

/* A proxy that refuses POST gets a form as GET; a program is no form. */
static void only_forms_become_get(void **state)
{
    static const struct fake_reply tokens[] = {TOKEN("tok-1", "3600")};
    static const struct fake_reply replies[] = {{.status = 405}};
    static const struct {
        const char *type;
        size_t n_requests;
    } cases[] = {{"application/x-www-form-urlencoded", 2}, {"text/plain; charset=utf-8", 1}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench *bench = bench_create(tokens, 1, replies, 1, "");
        struct error err = {0};

        row("%s", cases[i].type);
        bench->request.method = "POST";
        bench->request.body = "a=b";
        bench->request.n_body_bytes = 3;
        assert_int_equal(ERR_OK, http_request_header(&bench->request, bench->arena, "Content-Type",
                                                     cases[i].type, &err));
        assert_int_equal(405, run_one(bench)->response.status);
        assert_int_equal(cases[i].n_requests, fake_store_n_requests(bench->store));
        bench_free(bench);
    }
}

/* A SignalFlow stream that was cut, or dropped, is asked for again; one that failed is not. */
static void a_stream_that_was_cut(void **state)
{
    static const char whole[] = "event: control-message\ndata: {\"event\":\"END_OF_CHANNEL\"}\n\n";
    static const char failed[] = "event: error\ndata: {\"message\":\"no\"}\n\n";
    const struct fake_reply tokens[] = {TOKEN("tok-1", "3600")};
    const struct fake_reply replies[] = {
        {.body = "event: data\n", .headers = "Content-Type: text/event-stream\r\n"},
        {.body = ""},
        {.body = whole, .drip_ms = 2},
        {.body = failed},
        {.status = 503},
        {.body = whole},
    };
    struct bench *bench = bench_create(tokens, 1, replies, ARRAY_LEN(replies), "");
    struct metric_query query = {.metric_name = "m",
                                 .scope = {.has_start = true,
                                           .has_end = true,
                                           .start_unix_ns = 1767225600000000000,
                                           .end_unix_ns = 1767226200000000000,
                                           .step_s = 60}};
    const struct collector_type *type = collector_find("signalfx");
    struct http_request_list list;
    struct error err = {0};

    (void)state;
    bench->account = account_of(
        bench->arena, "signalfx",
        arena_printf(bench->arena,
                     "{'url':'%s','accessToken':'tk','retry':{'backoffPeriodMultiplierMs':1}}",
                     fake_store_url(bench->store)));
    assert_int_equal(ERR_OK, collector_build(type, bench->account, &query, "data('x').publish()",
                                             bench->arena, &list, &err));
    bench->request = list.requests[0];
    assert_string_equal(whole, run_one(bench)->response.body);
    assert_int_equal(3, bench->transfers[0].attempts);
    assert_string_equal("data('x').publish()", fake_store_request(bench->store, 2)->body);
    assert_string_equal(failed, run_one(bench)->response.body);
    assert_string_equal(whole, run_one(bench)->response.body); /* after a 503 */
    assert_int_equal(6, fake_store_n_requests(bench->store));
    assert_int_equal(0, fake_store_n_requests(bench->endpoint));
    bench_free(bench);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_token_for_all_queries),
        cmocka_unit_test(a_revoked_token_is_renewed_once),
        cmocka_unit_test(a_broken_endpoint),
        cmocka_unit_test(a_token_is_renewed_ahead_of_its_end),
        cmocka_unit_test(a_token_stays_at_home),
        cmocka_unit_test(a_silent_endpoint),
        cmocka_unit_test(the_metadata_server),
        cmocka_unit_test(a_limit_that_is_used_up),
        cmocka_unit_test(only_forms_become_get),
        cmocka_unit_test(a_stream_that_was_cut),
    };

    curl_global_init(CURL_GLOBAL_DEFAULT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
