/* The server on a real socket: order, keep-alive, deadlines, admission, a clean stop. What single
 * requests are answered with is in tests/e2e/test_http_limits.py. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "tests/unit/api/server_fixture.h"

#include <poll.h>
#include <pthread.h>

/* Read until `n` answers have come, the connection ends, or patience does; how many came whole. */
static size_t hear(int fd, size_t n, struct strbuf *heard)
{
    char bytes[65536];
    size_t n_whole = 0, at = 0;

    while (n_whole < n) {
        ssize_t got = recv(fd, bytes, sizeof(bytes), 0);

        if (got <= 0)
            break;
        strbuf_append(heard, bytes, (size_t)got);
        for (;;) { /* each answer has a Content-Length */
            const char *head = heard->bytes + at, *end = strstr(head, "\r\n\r\n");
            const char *length = end ? strstr(head, "Content-Length: ") : NULL;
            size_t n_bytes;

            if (!end)
                break;
            assert_non_null(length);
            n_bytes = (size_t)(end - head) + 4 + strtoul(length + 16, NULL, 10);
            if (heard->n_bytes - at < n_bytes)
                break;
            at += n_bytes;
            n_whole++;
        }
    }
    return n_whole;
}

/* One request on a connection of its own; the status, or 0 when none came. */
static unsigned ask(const struct fixture *f, const char *request)
{
    struct strbuf heard = {0};
    unsigned status = 0;
    int fd = dial(f);

    say(fd, request);
    if (hear(fd, 1, &heard))
        assert_int_equal(1, sscanf(heard.bytes, "HTTP/1.1 %u", &status));
    strbuf_clear(&heard);
    close(fd);
    return status;
}

#define GET_X "GET /canary/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define POST_X(type, length)                                                                       \
    "POST /canary/x HTTP/1.1\r\nHost: localhost\r\nContent-Type: " type                            \
    "\r\nContent-Length: " length "\r\n\r\n"

static void one_connection_serves_many_requests(void **state)
{
    struct fixture *f = *state;
    struct strbuf heard = {0};
    int fd = dial(f);

    for (int i = 0; i < 3; i++) {
        say(fd, GET_X);
        assert_int_equal(1, hear(fd, 1, &heard));
        say(fd, "GET /nope HTTP/1.1\r\nHost: localhost\r\n\r\n"); /* a refusal keeps it, too */
        heard.n_bytes = 0;
        assert_int_equal(1, hear(fd, 1, &heard));
        assert_non_null(strstr(heard.bytes, "404"));
        heard.n_bytes = 0;
        say(fd, POST_X("application/json", "2") "{}");
        assert_int_equal(1, hear(fd, 1, &heard));
        assert_non_null(strstr(heard.bytes, "canaryExecutionId"));
        heard.n_bytes = 0;
        say(fd, POST_X("application/json", "1") "{");
        assert_int_equal(1, hear(fd, 1, &heard));
        assert_non_null(strstr(heard.bytes, "json_syntax"));
        heard.n_bytes = 0;
    }
    strbuf_clear(&heard);
    close(fd);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *f = *state;
    struct strbuf requests = {0}, heard = {0};
    const char *at;
    int fd = dial(f);

    for (int i = 0; i < 200; i++)
        strbuf_printf(&requests, "GET /nope/%d HTTP/1.1\r\nHost: localhost\r\n\r\n%s", i,
                      i % 2 ? "" : GET_X);
    say(fd, requests.bytes);
    assert_int_equal(300, hear(fd, 300, &heard));
    at = heard.bytes;
    for (int i = 0; i < 200; i++) {
        char path[32];

        snprintf(path, sizeof(path), "\"path\":\"/nope/%d\"", i);
        at = strstr(at, path);
        assert_non_null(at);
    }
    strbuf_clear(&requests);
    strbuf_clear(&heard);
    close(fd);
}

static void a_connection_ends_after_1000_requests(void **state)
{
    struct fixture *f = *state;
    struct strbuf requests = {0}, heard = {0};
    int fd = dial(f);

    for (int i = 0; i < 1200; i++)
        strbuf_puts(&requests, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    (void)!send(fd, requests.bytes, requests.n_bytes, MSG_NOSIGNAL); /* may be cut short */
    assert_int_equal(1000, hear(fd, 1200, &heard));
    assert_non_null(strstr(heard.bytes, "Connection: close"));
    strbuf_clear(&requests);
    strbuf_clear(&heard);
    close(fd);
}

static void a_drip_of_headers_is_cut_off(void **state)
{
    struct fixture *f = *state;
    int64_t start_ms = clock_mono_ms();
    int fd = dial(f);

    for (const char *c = "GET /canary/x HTTP/1.1\r\nHost: localhost\r\nX: aaaaaaaaaaaaaaaaaaaaaaa";
         *c; c++) {
        const struct timespec pause = {.tv_nsec = 20 * 1000000L};

        if (send(fd, c, 1, MSG_NOSIGNAL) != 1)
            break;
        assert_int_equal(200, ask(f, GET_X)); /* others do not feel it */
        nanosleep(&pause, NULL);
        if (clock_mono_ms() - start_ms > 5000)
            fail_msg("still open");
    }
    assert_true(is_closed(fd));
    assert_true(clock_mono_ms() - start_ms >= 290);
    close(fd);
}

static void a_silent_connection_is_cut_off(void **state)
{
    struct fixture *f = *state;
    int64_t start_ms = clock_mono_ms();
    int fd = dial(f);

    assert_true(is_closed(fd));
    assert_in_range(clock_mono_ms() - start_ms, 250, 5000);
    close(fd);
}

static void a_body_that_does_not_come_is_cut_off(void **state)
{
    struct fixture *f = *state;
    int64_t start_ms = clock_mono_ms();
    int fd = dial(f);

    say(fd, POST_X("application/json", "30") "{\"a");
    assert_true(is_closed(fd));
    assert_in_range(clock_mono_ms() - start_ms, 550, 5000);
    assert_null(f->analyzer.asked.bytes); /* nothing was started */
    close(fd);
}

static void an_idle_connection_may_wait_longer(void **state)
{
    struct fixture *f = *state;
    const struct timespec pause = {.tv_nsec = 500 * 1000000L};
    struct strbuf heard = {0};
    int fd = dial(f);

    say(fd, GET_X);
    assert_int_equal(1, hear(fd, 1, &heard));
    nanosleep(&pause, NULL);
    heard.n_bytes = 0;
    say(fd, GET_X);
    assert_int_equal(1, hear(fd, 1, &heard));
    assert_true(is_closed(fd));
    strbuf_clear(&heard);
    close(fd);
}

static void a_client_that_does_not_read_is_cut_off(void **state)
{
    struct fixture *f = *state;
    int64_t start_ms = clock_mono_ms();
    size_t n_bytes = 32 * MIB, n_heard = 0;
    char *answer = malloc(n_bytes + 1), bytes[65536];
    const struct timespec pause = {.tv_sec = 1};
    ssize_t got;
    int fd;

    memset(answer, 'x', n_bytes);
    answer[n_bytes] = '\0';
    f->analyzer.answer = answer;
    fd = dial(f);
    say(fd, GET_X);
    nanosleep(&pause, NULL);
    while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        n_heard += (size_t)got;
    assert_true(n_heard < n_bytes);
    assert_true(clock_mono_ms() - start_ms < 8000);
    close(fd);
    /* and one that does read gets it all */
    fd = dial(f);
    say(fd, GET_X);
    for (n_heard = 0; n_heard < n_bytes; n_heard += (size_t)got) {
        got = recv(fd, bytes, sizeof(bytes), 0);
        assert_true(got > 0);
    }
    close(fd);
    f->analyzer.answer = NULL;
    free(answer);
}

static void too_many_requests_in_hand_are_turned_away(void **state)
{
    struct fixture *f = *state;
    size_t n_fds = HTTP_MAX_CONNECTIONS_PER_IP - 2, n_fetches = 6, n_refused = 0;
    int *fds = calloc(n_fds, sizeof(*fds));

    atomic_store(&f->analyzer.delay_ms, 1000);
    for (size_t i = 0; i < n_fetches; i++) {
        fds[i] = dial(f);
        say(fds[i], "POST /fetch/prometheus/query?metricSetName=a&metricName=b&step=1 HTTP/1.1\r\n"
                    "Host: localhost\r\n\r\n");
    }
    for (size_t i = 0; i < n_fetches; i++) { /* four at a time; the others hear so at once */
        struct strbuf heard = {0};

        assert_int_equal(1, hear(fds[i], 1, &heard));
        if (strstr(heard.bytes, "503")) {
            n_refused++;
            assert_non_null(strstr(heard.bytes, "Retry-After: "));
            assert_non_null(strstr(heard.bytes, "\"overloaded\""));
        }
        strbuf_clear(&heard);
        close(fds[i]);
    }
    assert_int_equal(2, n_refused);
    atomic_store(&f->analyzer.delay_ms, 0);
    assert_int_equal(200, ask(f, GET_X));
    free(fds);
}

static void health_is_answered_while_every_handler_is_busy(void **state)
{
    struct fixture *f = *state;
    int fds[16];
    int64_t start_ms;

    atomic_store(&f->analyzer.delay_ms, 500);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = dial(f);
        say(fds[i], GET_X);
    }
    start_ms = clock_mono_ms();
    assert_int_equal(200, ask(f, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert_int_equal(200, ask(f, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert_true(clock_mono_ms() - start_ms < 400);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        struct strbuf heard = {0};

        assert_int_equal(1, hear(fds[i], 1, &heard));
        strbuf_clear(&heard);
        close(fds[i]);
    }
    atomic_store(&f->analyzer.delay_ms, 0);
}

static void clients_that_hang_up_leave_nothing_behind(void **state)
{
    static const char *const beginnings[] = {
        "",
        "GET /canary/x HTT",
        "GET /canary/x HTTP/1.1\r\nHost: loc",
        POST_X("application/json", "30") "{\"a",
        "POST /canary/x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\"",
        GET_X GET_X GET_X,
        POST_X("application/json", "2") "{}",
    };
    struct fixture *f = *state;

    atomic_store(&f->analyzer.delay_ms, 20); /* they are gone before the answer is there */
    for (size_t i = 0; i < 5 * ARRAY_LEN(beginnings); i++) {
        int fd = dial(f);
        const struct linger at_once = {.l_onoff = 1};

        say(fd, beginnings[i % ARRAY_LEN(beginnings)]);
        if (i % 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        close(fd);
    }
    atomic_store(&f->analyzer.delay_ms, 0);
    assert_int_equal(200, ask(f, GET_X));
    for (int64_t until_ms = clock_mono_ms() + 5000;;) { /* only the one that asks is left */
        const struct timespec pause = {.tv_nsec = 50 * 1000000L};
        struct strbuf heard = {0};
        bool is_alone;
        int fd = dial(f);

        say(fd, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_int_equal(1, hear(fd, 1, &heard));
        is_alone = strstr(heard.bytes, "\nserinus_http_connections 1\n") &&
                   strstr(heard.bytes, "\nserinus_http_requests_in_flight 1\n");
        strbuf_clear(&heard);
        close(fd);
        if (is_alone)
            break;
        assert_true(clock_mono_ms() < until_ms);
        nanosleep(&pause, NULL);
    }
}

struct crowd {
    const struct fixture *f;
    size_t n_answered;
};

static void *visit(void *arg)
{
    struct crowd *crowd = arg;
    struct strbuf heard = {0};
    int fd = dial(crowd->f);

    for (int i = 0; i < 200; i++) {
        heard.n_bytes = 0;
        say(fd, i % 3 ? GET_X : POST_X("application/json", "2") "{}");
        crowd->n_answered += hear(fd, 1, &heard);
    }
    strbuf_clear(&heard);
    close(fd);
    return NULL;
}

static void a_crowd_is_answered(void **state)
{
    struct fixture *f = *state;
    struct crowd crowds[8] = {0};
    pthread_t threads[8];

    atomic_store(&f->analyzer.delay_ms, 1);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        crowds[i].f = f;
        assert_int_equal(0, pthread_create(&threads[i], NULL, visit, &crowds[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(200, crowds[i].n_answered);
    }
    atomic_store(&f->analyzer.delay_ms, 0);
}

static void a_stop_waits_for_what_is_in_hand(void **state)
{
    struct fixture *f = *state;
    const struct timespec pause = {.tv_nsec = 100 * 1000000L};
    struct strbuf heard = {0};
    int fd = dial(f);

    atomic_store(&f->analyzer.delay_ms, 400);
    say(fd, GET_X);
    nanosleep(&pause, NULL);
    server_drain(f->server);
    assert_false(server_stop(f->server, 50)); /* too early */
    assert_true(server_stop(f->server, PATIENCE_MS));
    assert_int_equal(1, hear(fd, 1, &heard));
    assert_non_null(strstr(heard.bytes, "HTTP/1.1 200"));
    assert_non_null(strstr(heard.bytes, "Connection: close"));
    assert_true(is_closed(fd));
    strbuf_clear(&heard);
    close(fd);
}

static void addresses_that_cannot_be_used(void **state)
{
    struct fixture *f = *state;
    struct server_options options = {.listen_host = "127.0.0.1",
                                     .listen_port = server_port(f->server),
                                     .deadlines = connection_deadlines_default};
    struct server *server = NULL;
    struct error err = {0};

    assert_int_equal(ERR_BUSY,
                     server_start(&options, &f->analyzer, &f->settings, NULL, &server, &err));
    err = (struct error){0};
    options.listen_host = "192.0.2.1"; /* TEST-NET-1: never ours */
    options.listen_port = 0;
    assert_int_equal(ERR_SETTINGS,
                     server_start(&options, &f->analyzer, &f->settings, NULL, &server, &err));
    /* beyond loopback any name may be used for us */
    options.listen_host = "0.0.0.0";
    err = (struct error){0};
    assert_int_equal(ERR_OK,
                     server_start(&options, &f->analyzer, &f->settings, NULL, &server, &err));
    assert_int_equal(200, ask(&(struct fixture){.server = server},
                              "GET /livez HTTP/1.1\r\nHost: evil.example\r\n\r\n"));
    assert_int_equal(403, ask(f, "GET /livez HTTP/1.1\r\nHost: evil.example\r\n\r\n"));
    assert_true(server_stop(server, PATIENCE_MS));
    server_free(server);
}

int main(void)
{
#define WITH(test, prepare) cmocka_unit_test_setup_teardown(test, prepare, tear_down)
    const struct CMUnitTest tests[] = {
        WITH(one_connection_serves_many_requests, set_up),
        WITH(pipelined_requests_are_answered_in_order, set_up),
        WITH(a_connection_ends_after_1000_requests, set_up),
        WITH(a_drip_of_headers_is_cut_off, set_up_impatient),
        WITH(a_silent_connection_is_cut_off, set_up_impatient),
        WITH(a_body_that_does_not_come_is_cut_off, set_up_impatient),
        WITH(an_idle_connection_may_wait_longer, set_up_impatient),
        WITH(a_client_that_does_not_read_is_cut_off, set_up_impatient),
        WITH(too_many_requests_in_hand_are_turned_away, set_up),
        WITH(health_is_answered_while_every_handler_is_busy, set_up),
        WITH(clients_that_hang_up_leave_nothing_behind, set_up),
        WITH(a_crowd_is_answered, set_up),
        WITH(a_stop_waits_for_what_is_in_hand, set_up),
        WITH(addresses_that_cannot_be_used, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
