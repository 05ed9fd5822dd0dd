/* The way of series into the process, against what it cannot be faster than:
 *
 * - 1,000 queries to one account at a concurrency of 8, from a store that answers in 5 ms: ideally
 *   1,000 / 8 * 5 ms
 * - one large Prometheus reply: yajl over the same bytes with empty callbacks, and strtod of the
 *   same numbers; memory, fetched and parsed, against 16 bytes a sample: the reply's own bytes are
 *   part of it, and are twice that already */
#include "collectors/collector.h"
#include "collectors/fetch.h"
#include "tests/fake_store.h"

#include "base/log.h"
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <yajl/yajl_parse.h>

#define N_QUERIES 1000u
#define CONCURRENCY 8u
#define ANSWER_MS 5
#define N_SERIES 100u
#define N_POINTS 8900u
#define N_REPETITIONS 5 /* the fastest counts: noise only ever adds */

static double now_s(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool report(const char *what, double value, const char *unit, double target)
{
    printf("%-58s %10.2f %-3s target <= %.2f %s\n", what, value, unit, target,
           value <= target ? "met" : "MISSED");
    return value <= target;
}

static struct account *account_of(const char *url, struct arena *arena)
{
    json_t *config = json_pack("{s{ss}si}", "endpoint", "baseUrl", url, "maxConcurrentRequests",
                               (int)CONCURRENCY);
    struct account *account;
    struct error err = {0};

    if (account_decode("prometheus", config, arena, &account, &err)) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    json_decref(config);
    return account;
}

/* --- many queries --- */

static void one_more(struct fetch_transfer *transfer)
{
    sem_post(transfer->ctx);
}

static double fetch_all_s(struct fetch *fetch, const struct account *account,
                          const struct http_request *request)
{
    struct fetch_transfer *transfers = calloc(N_QUERIES, sizeof(*transfers));
    double started_s = now_s(CLOCK_MONOTONIC);
    double took_s;
    sem_t done;

    sem_init(&done, 0, 0);
    for (size_t i = 0; i < N_QUERIES; i++) {
        transfers[i] = (struct fetch_transfer){
            .account = account, .request = request, .done = one_more, .ctx = &done};
        fetch_submit(fetch, &transfers[i]);
    }
    for (size_t i = 0; i < N_QUERIES; i++)
        sem_wait(&done);
    took_s = now_s(CLOCK_MONOTONIC) - started_s;
    for (size_t i = 0; i < N_QUERIES; i++) {
        if (transfers[i].error.code || transfers[i].response.status != 200) {
            fprintf(stderr, "query %zu: %s\n", i, transfers[i].error.message);
            exit(1);
        }
        fetch_transfer_clear(&transfers[i]);
    }
    sem_destroy(&done);
    free(transfers);
    return took_s;
}

/* Its log lives as long as the process. */
static struct fetch *fetch_of_its_own(void)
{
    struct error err = {0};
    struct fetch *fetch;

    if (fetch_create(log_create(LOG_LEVEL_ERROR), &fetch, &err)) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    return fetch;
}

static bool bench_queries(void)
{
    const struct fake_reply reply = {
        .body = "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[]}}",
        .delay_ms = ANSWER_MS};
    struct fake_store *store = fake_store_create(&reply, 1);
    struct arena *arena = arena_create();
    struct account *account = account_of(fake_store_url(store), arena);
    struct http_request request = {
        .method = "GET",
        .url = arena_printf(arena, "%s/api/v1/query_range?query=m", fake_store_url(store))};
    double ideal_s = (double)N_QUERIES / CONCURRENCY * ANSWER_MS / 1000;
    struct fetch *fetch = fetch_of_its_own();
    double best_s = 1e9;
    bool is_met;

    for (int i = 0; i < N_REPETITIONS; i++) {
        double took_s = fetch_all_s(fetch, account, &request);

        best_s = took_s < best_s ? took_s : best_s;
    }
    printf("%u queries, %u at once, answered in %d ms: %.0f ms, ideally %.0f ms\n", N_QUERIES,
           CONCURRENCY, ANSWER_MS, best_s * 1000, ideal_s * 1000);
    is_met = report("  ratio", best_s / ideal_s, "", 1.15);
    fetch_free(fetch);
    fake_store_free(store);
    arena_free(arena);
    return is_met;
}

/* --- a large reply --- */

static struct strbuf large_reply(void)
{
    struct strbuf out = {0};

    strbuf_puts(&out, "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[");
    for (unsigned s = 0; s < N_SERIES; s++) {
        strbuf_printf(&out, "%s{\"metric\":{\"pod\":\"p%u\"},\"values\":[", s ? "," : "", s);
        for (unsigned i = 0; i < N_POINTS; i++)
            strbuf_printf(&out, "%s[%u,\"%.16g\"]", i ? "," : "", 1767225600 + 60 * i,
                          100 + (double)((i * 2654435761u + s) % 1000003) / 7919);
        strbuf_puts(&out, "]}");
    }
    strbuf_puts(&out, "]}}");
    return out;
}

static int on_string(void *ctx, const unsigned char *bytes, size_t n_bytes)
{
    char text[32];
    double *sum = ctx;

    if (n_bytes < sizeof(text) && n_bytes && (*bytes == '-' || (*bytes >= '0' && *bytes <= '9'))) {
        memcpy(text, bytes, n_bytes);
        text[n_bytes] = '\0';
        *sum += strtod(text, NULL);
    }
    return 1;
}

static int on_number(void *ctx, const char *bytes, size_t n_bytes)
{
    return on_string(ctx, (const unsigned char *)bytes, n_bytes);
}

static double floor_s(struct str body)
{
    const yajl_callbacks callbacks = {.yajl_number = on_number, .yajl_string = on_string};
    double started_s = now_s(CLOCK_PROCESS_CPUTIME_ID), sum = 0;
    yajl_handle parser = yajl_alloc(&callbacks, NULL, &sum);

    if (yajl_parse(parser, (const unsigned char *)body.bytes, body.n_bytes) != yajl_status_ok ||
        yajl_complete_parse(parser) != yajl_status_ok || sum <= 0)
        exit(1);
    yajl_free(parser);
    return now_s(CLOCK_PROCESS_CPUTIME_ID) - started_s;
}

struct large {
    const struct collector_type *type;
    const struct account *account;
    struct str body;
};

static void parse(const struct large *large, const struct http_response *reply, struct arena *arena)
{
    struct metric_set_list sets = {.arena = arena};
    struct metric_query query = {.metric_name = "m"};
    struct error err = {0};

    query.scope.start_unix_ns = 1767225600000000000;
    query.scope.end_unix_ns = query.scope.start_unix_ns + (int64_t)N_POINTS * 60000000000;
    query.scope.step_s = 60;
    if (large->type->parse(large->account, &query, "m", reply, 1, &sets, &err) ||
        sets.n_sets != N_SERIES) {
        fprintf(stderr, "%zu sets: %s\n", sets.n_sets, err.message);
        exit(1);
    }
}

static double parse_s(const struct large *large)
{
    const struct http_response reply = {
        .status = 200, .body = large->body.bytes, .n_body_bytes = large->body.n_bytes};
    struct arena *arena = arena_create();
    double started_s = now_s(CLOCK_PROCESS_CPUTIME_ID), took_s;

    parse(large, &reply, arena);
    took_s = now_s(CLOCK_PROCESS_CPUTIME_ID) - started_s;
    arena_free(arena);
    return took_s;
}

static long resident_kib(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* Parsing alone: the reply is there already. */
static long parsing_kib(const struct large *large)
{
    long before_kib = resident_kib();

    (void)parse_s(large);
    return resident_kib() - before_kib;
}

/* From the query to the series: as a canary does, with the reply's bytes held until it is parsed.
 * The store sends the bytes that are there already. */
static long fetching_kib(const struct large *large)
{
    const struct fake_reply script = {.body = large->body.bytes,
                                      .n_body_bytes = large->body.n_bytes};
    struct fake_store *store = fake_store_create(&script, 1);
    struct arena *arena = arena_create();
    struct http_request request = {.method = "GET", .url = fake_store_url(store)};
    struct fetch_transfer transfer = {
        .account = account_of(request.url, arena), .request = &request, .done = one_more};
    struct fetch *fetch = fetch_of_its_own();
    long before_kib = resident_kib();
    sem_t done;

    sem_init(&done, 0, 0);
    transfer.ctx = &done;
    fetch_submit(fetch, &transfer);
    sem_wait(&done);
    if (transfer.error.code) {
        fprintf(stderr, "%s\n", transfer.error.message);
        exit(1);
    }
    parse(large, &transfer.response, arena);
    return resident_kib() - before_kib;
}

/* In a process of its own, whose highest memory is not that of anything before. */
static double grown_mib(long (*work_kib)(const struct large *), const struct large *large)
{
    long grown_kib = 0;
    int pipe_fds[2];

    if (pipe(pipe_fds))
        exit(1);
    if (fork() == 0) {
        grown_kib = work_kib(large);
        _exit(write(pipe_fds[1], &grown_kib, sizeof(grown_kib)) != sizeof(grown_kib));
    }
    wait(NULL);
    if (read(pipe_fds[0], &grown_kib, sizeof(grown_kib)) != sizeof(grown_kib))
        exit(1);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    return (double)grown_kib / 1024;
}

static bool bench_reply(void)
{
    struct arena *arena = arena_create();
    struct strbuf text = large_reply();
    const struct large large = {collector_find("prometheus"), account_of("http://localhost", arena),
                                strbuf_view(&text)};
    double samples_mib = (double)N_SERIES * N_POINTS * 16 / (1 << 20);
    double best_s = 1e9, best_floor_s = 1e9, parsing_mib, fetching_mib;
    bool is_met;

    parsing_mib = grown_mib(parsing_kib, &large);
    fetching_mib = grown_mib(fetching_kib, &large);
    for (int i = 0; i < N_REPETITIONS; i++) {
        double took_s = parse_s(&large);
        double least_s = floor_s(large.body);

        best_s = took_s < best_s ? took_s : best_s;
        best_floor_s = least_s < best_floor_s ? least_s : best_floor_s;
    }
    printf("a reply of %.1f MB, %u samples: %.0f ms; yajl and strtod alone: %.0f ms\n",
           (double)text.n_bytes / 1e6, N_SERIES * N_POINTS, best_s * 1000, best_floor_s * 1000);
    is_met = report("  ratio", best_s / best_floor_s, "", 1.5);
    printf("  memory of parsing, beside the reply's %.1f MiB: %.1f MiB\n",
           (double)text.n_bytes / (1 << 20), parsing_mib);
    is_met &= report("  memory of fetching and parsing, the reply included", fetching_mib, "MiB",
                     3 * samples_mib + 8e6 / (1 << 20));
    strbuf_clear(&text);
    arena_free(arena);
    return is_met;
}

int main(void)
{
    bool is_met = bench_queries();

    is_met &= bench_reply();
    return is_met ? 0 : 1;
}
