/* Following executions over a real socket: streams of events, long polls, and what becomes of their
 * connections when events, deadlines, clients that leave and the end of the service meet. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/limits.h"
#include "tests/unit/api/server_fixture.h"

#include <pthread.h>
#include <time.h>

#define HEAD(headers) " HTTP/1.1\r\nHost: localhost\r\n" headers "\r\n"
#define EVENTS "GET /api/v1/events" HEAD("")
#define EVENTS_OF_E1 "GET /api/v1/events?execution=E1" HEAD("")
#define POLL "GET /api/v1/executions/E1?wait=30s" HEAD("")

static void pause_ms(int64_t ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    nanosleep(&pause, NULL);
}

/* From 127.0.0.`from`: the limit on connections is one for each address. */
static int dial_from(const struct fixture *f, unsigned from)
{
    const struct sockaddr_in own = {.sin_family = AF_INET,
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + from)},
                             address = {.sin_family = AF_INET,
                                        .sin_port = htons(server_port(f->server)),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(0, bind(fd, (const struct sockaddr *)&own, sizeof(own)));
    assert_int_equal(0, connect(fd, (const struct sockaddr *)&address, sizeof(address)));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

/* Read on until `text` has come; false: the connection has ended before, or patience has. */
static bool hear_until(int fd, const char *text, struct strbuf *heard)
{
    char bytes[65536];

    while (!heard->bytes || !strstr(heard->bytes, text)) {
        ssize_t got = recv(fd, bytes, sizeof(bytes), 0);

        if (got <= 0)
            return false;
        strbuf_append(heard, bytes, (size_t)got);
    }
    return true;
}

static bool hears(int fd, const char *text)
{
    struct strbuf heard = {0};
    bool out = hear_until(fd, text, &heard);

    strbuf_clear(&heard);
    return out;
}

static int follow(const struct fixture *f, const char *request)
{
    int fd = dial(f);

    say(fd, request);
    assert_true(hears(fd, "retry: 3000\n\n"));
    return fd;
}

static void publish(struct fixture *f, enum event_kind kind, const char *id, const char *data)
{
    events_publish(f->analyzer.events, kind, id, NULL, "shop", str_of(data));
}

/* The value of a gauge of /metrics. */
static long gauge(const struct fixture *f, const char *name)
{
    struct strbuf heard = {0};
    int fd = dial(f);
    char line[80];
    long value;

    say(fd, "GET /metrics" HEAD(""));
    assert_true(hear_until(fd, "serinus_double 1\n", &heard));
    snprintf(line, sizeof(line), "\n%s ", name);
    assert_non_null(strstr(heard.bytes, line));
    value = strtol(strstr(heard.bytes, line) + strlen(line), NULL, 10);
    strbuf_clear(&heard);
    close(fd);
    return value;
}

static void wait_for_gauge(const struct fixture *f, const char *name, long value)
{
    int64_t until_ms = clock_mono_ms() + PATIENCE_MS;

    while (gauge(f, name) != value) {
        row("%s becomes %ld", name, value);
        assert_true(clock_mono_ms() < until_ms);
        pause_ms(20);
    }
}

/* --- streams --- */

static void a_stream_tells_what_happens(void **state)
{
    struct fixture *f = *state;
    struct strbuf heard = {0};
    int fd;

    publish(f, EVENT_STARTED, "E0", "{\"before\":1}");
    fd = dial(f);
    say(fd, EVENTS);
    assert_true(hear_until(fd, "retry: 3000\n\n", &heard));
    assert_non_null(strstr(heard.bytes, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(heard.bytes, "\r\nContent-Type: text/event-stream\r\n"));
    assert_non_null(strstr(heard.bytes, "no-store"));
    assert_non_null(strstr(heard.bytes, "\r\nX-Accel-Buffering: no\r\n"));
    assert_null(strstr(heard.bytes, "Content-Encoding"));
    publish(f, EVENT_ACCEPTED, "E1", "{\"n\":1}");
    assert_true(hear_until(fd, "id: 1001\nevent: execution.accepted\ndata: {\"n\":1}\n\n", &heard));
    publish(f, EVENT_PROGRESS, "E1", "{\"n\":2}");
    publish(f, EVENT_FINISHED, "E1", "{\"n\":3}");
    assert_true(hear_until(fd, "id: 1003\nevent: execution.finished\ndata: {\"n\":3}\n\n", &heard));
    assert_non_null(
        strstr(heard.bytes, "id: 1002\nevent: execution.progress\ndata: {\"n\":2}\n\n"));
    assert_null(strstr(heard.bytes, "before"));
    assert_int_equal(1, gauge(f, "serinus_sse_subscribers"));
    assert_int_equal(1, gauge(f, "serinus_http_requests_in_flight")); /* who asks for it */
    strbuf_clear(&heard);
    close(fd);
    wait_for_gauge(f, "serinus_sse_subscribers", 0);
}

/* `request`, with two executions begun and one of them ended (1000 to 1003). */
static const struct {
    const char *name, *request, *wanted, *unwanted;
} resumes[] = {
    {"from the second on", "GET /api/v1/events" HEAD("Last-Event-ID: 1000\r\n"), "id: 1001\n",
     "id: 1000\n"},
    {"nothing new", "GET /api/v1/events" HEAD("last-event-id: 1003\r\n"), "{\"live\":1}", "reset"},
    {"of another process", "GET /api/v1/events" HEAD("Last-Event-ID: 17\r\n"),
     "id: 1003\nevent: reset\ndata: {", "id: 1000\n"},
    {"zero", "GET /api/v1/events" HEAD("Last-Event-ID: 0\r\n"), "event: reset\n", "id: 1000\n"},
    {"no number", "GET /api/v1/events" HEAD("Last-Event-ID: x\r\n"), "event: reset\n", "id: 1000"},
    {"too long", "GET /api/v1/events" HEAD("Last-Event-ID: 18446744073709551616\r\n"),
     "event: reset\n", "id: 1000\n"},
    {"empty is none", "GET /api/v1/events" HEAD("Last-Event-ID:\r\n"), "{\"live\":1}", "reset"},
    {"one execution from its beginning", EVENTS_OF_E1, "id: 1001\n", "id: 1000\n"},
    {"one application", "GET /api/v1/events?application=other" HEAD("Last-Event-ID: 1001\r\n"),
     "id: 1002\n", "id: 1003\n"},
    {"HTTP/1.0", "GET /api/v1/events HTTP/1.0\r\nHost: localhost\r\nLast-Event-ID: 1000\r\n\r\n",
     "id: 1001\n", "id: 1000\n"},
};

static void a_client_goes_on_where_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(resumes); i++) {
        struct strbuf heard = {0};
        struct fixture *f;
        void *own;
        int fd;

        row("%s", resumes[i].name);
        assert_int_equal(0, set_up(&own));
        f = own;
        publish(f, EVENT_ACCEPTED, "E0", "{}");
        publish(f, EVENT_ACCEPTED, "E1", "{}");
        events_publish(f->analyzer.events, EVENT_FINISHED, "E9", NULL, "other", str_of("{}"));
        publish(f, EVENT_PROGRESS, "E1", "{}");
        fd = dial(f);
        say(fd, resumes[i].request);
        assert_true(hear_until(fd, "retry: 3000\n\n", &heard));
        events_publish(f->analyzer.events, EVENT_STARTED, "E2", "E1", "other",
                       str_of("{\"live\":1}"));
        assert_true(hear_until(fd, "{\"live\":1}", &heard));
        assert_non_null(strstr(heard.bytes, resumes[i].wanted));
        assert_null(strstr(heard.bytes, resumes[i].unwanted));
        strbuf_clear(&heard);
        close(fd);
        assert_int_equal(0, tear_down(&own));
    }
}

/* HEAD is answered without a body, and a stream nobody hears is none. */
static void only_the_head_of_a_stream(void **state)
{
    struct fixture *f = *state;
    struct strbuf heard = {0};
    int fd = dial(f);

    say(fd, "HEAD /api/v1/events" HEAD(""));
    assert_true(hear_until(fd, "\r\n\r\n", &heard));
    assert_non_null(strstr(heard.bytes, "HTTP/1.1 200 OK"));
    assert_null(strstr(heard.bytes, "retry"));
    assert_int_equal(0, gauge(f, "serinus_sse_subscribers"));
    say(fd, "GET /livez" HEAD("Connection: close\r\n"));
    strbuf_clear(&heard);
    assert_true(hear_until(fd, "ok\n", &heard));
    strbuf_clear(&heard);
    close(fd);
}

static void the_stream_of_an_execution_ends_with_it(void **state)
{
    struct fixture *f = *state;
    struct strbuf heard = {0};
    int fd = follow(f, EVENTS_OF_E1);

    events_publish(f->analyzer.events, EVENT_FINISHED, "J1", "E1", "shop", str_of("{\"j\":1}"));
    publish(f, EVENT_FINISHED, "E2", "{\"not\":\"ours\"}");
    publish(f, EVENT_FINISHED, "E1", "{\"ours\":1}");
    publish(f, EVENT_FINISHED, "E1", "{\"after\":1}");
    assert_true(hear_until(fd, "\r\n0\r\n\r\n", &heard)); /* the last chunk */
    assert_non_null(strstr(heard.bytes, "{\"j\":1}"));
    assert_non_null(strstr(heard.bytes, "data: {\"ours\":1}\n\n"));
    assert_null(strstr(heard.bytes, "not"));
    assert_null(strstr(heard.bytes, "after"));
    strbuf_clear(&heard);
    say(fd, "GET /livez" HEAD("")); /* the connection goes on */
    assert_true(hear_until(fd, "ok\n", &heard));
    strbuf_clear(&heard);
    close(fd);
}

/* It ended before anybody listened; its events are gone. */
static void an_execution_that_has_ended_says_so_once(void **state)
{
    struct fixture *f = *state;
    struct strbuf heard = {0};
    int fd = dial(f);

    publish(f, EVENT_STARTED, "E2", "{}");
    atomic_store(&f->analyzer.is_complete, true);
    f->analyzer.ended_unix_ms = clock_wall_ms() - 60000;
    say(fd, EVENTS_OF_E1);
    assert_true(hear_until(fd, "\r\n0\r\n\r\n", &heard));
    assert_non_null(strstr(heard.bytes, "id: 1000\nevent: execution.finished\n"
                                        "data: {\"id\":\"E1\",\"complete\":true}\n\n"));
    strbuf_clear(&heard);
    say(fd, "GET /api/v1/events?execution=E1" HEAD("Last-Event-ID: 1000\r\n"));
    assert_true(hear_until(fd, "\r\n\r\n", &heard));
    assert_non_null(strstr(heard.bytes, "HTTP/1.1 204 "));
    /* one that has only just ended may not have been told of yet */
    f->analyzer.ended_unix_ms = clock_wall_ms();
    strbuf_clear(&heard);
    say(fd, "GET /api/v1/events?execution=E1" HEAD("Last-Event-ID: 1000\r\n"));
    assert_true(hear_until(fd, "\r\n0\r\n\r\n", &heard));
    assert_non_null(strstr(heard.bytes, "event: execution.finished\n"));
    /* and what is still known comes first, the end once */
    publish(f, EVENT_FINISHED, "E1", "{\"live\":1}");
    f->analyzer.ended_unix_ms = clock_wall_ms() - 60000;
    strbuf_clear(&heard);
    say(fd, EVENTS_OF_E1);
    assert_true(hear_until(fd, "\r\n0\r\n\r\n", &heard));
    assert_non_null(strstr(heard.bytes, "data: {\"live\":1}\n\n"));
    assert_null(strstr(heard.bytes, "\"complete\""));
    strbuf_clear(&heard);
    close(fd);
    wait_for_gauge(f, "serinus_sse_subscribers", 0);
}

static void an_unknown_execution_has_no_stream(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);

    f->analyzer.fails = ERR_NOT_FOUND;
    say(fd, EVENTS_OF_E1);
    assert_true(hears(fd, "404 Not Found"));
    f->analyzer.fails = ERR_OK;
    close(fd);
    assert_int_equal(0, gauge(f, "serinus_sse_subscribers"));
}

static void a_quiet_stream_shows_signs_of_life(void **state)
{
    struct fixture *f = *state;
    int fd = follow(f, EVENTS);
    int64_t start_ms = clock_mono_ms();

    for (int i = 0; i < 2; i++) /* with nothing to take, it does not stall */
        assert_true(hears(fd, ":\n\n"));
    assert_true(clock_mono_ms() - start_ms >= 2 * 690);
    publish(f, EVENT_STARTED, "E1", "{}");
    assert_true(hears(fd, "execution.started"));
    close(fd);
}

static void a_client_that_takes_nothing_is_cut_off(void **state)
{
    struct fixture *f = *state;
    char *large = malloc(60001);
    int64_t start_ms = clock_mono_ms();
    int fd = follow(f, EVENTS), other = follow(f, EVENTS);

    memset(large, 'x', 60000);
    large[60000] = '\0';
    while (gauge(f, "serinus_sse_subscribers") == 2) {
        events_publish(f->analyzer.events, EVENT_STARTED, "E1", NULL, "shop", str_of(large));
        assert_true(hears(other, "\n\n")); /* the event, or that it came too late for it */
        assert_true(clock_mono_ms() - start_ms < 3 * PATIENCE_MS);
    }
    publish(f, EVENT_FINISHED, "E2", "{\"to\":\"others\"}");
    assert_true(hears(other, "{\"to\":\"others\"}"));
    free(large);
    close(fd);
    close(other);
}

static void too_many_listeners_are_turned_away(void **state)
{
    struct fixture *f = *state;
    int fds[HTTP_MAX_EVENT_STREAMS], fd;
    struct strbuf heard = {0};

    for (unsigned i = 0; i < HTTP_MAX_EVENT_STREAMS; i++) {
        fds[i] = dial_from(f, 2 + i % 4);
        say(fds[i], EVENTS);
        assert_true(hears(fds[i], "retry: 3000\n\n"));
    }
    fd = dial(f);
    say(fd, EVENTS);
    assert_true(hear_until(fd, "\"too_many_subscribers\"", &heard));
    assert_non_null(strstr(heard.bytes, "HTTP/1.1 503 "));
    assert_non_null(strstr(heard.bytes, "\r\nRetry-After: "));
    strbuf_clear(&heard);
    say(fd, "GET /canary/x" HEAD("")); /* nobody else is in the way */
    assert_true(hears(fd, "HTTP/1.1 200 OK"));
    publish(f, EVENT_FINISHED, "E1", "{\"to\":\"all\"}");
    for (unsigned i = 0; i < HTTP_MAX_EVENT_STREAMS; i++) {
        assert_true(hears(fds[i], "{\"to\":\"all\"}"));
        close(fds[i]);
    }
    wait_for_gauge(f, "serinus_sse_subscribers", 0);
    say(fd, EVENTS);
    assert_true(hears(fd, "retry: 3000\n\n"));
    close(fd);
}

/* --- long polls --- */

static const struct {
    const char *wait;
    bool is_good;
} waits[] = {
    {"0s", true},
    {"1s", true},
    {"PT1S", true},
    {"", true},
    {"31s", false},
    {"1m", false},
    {"-1s", false},
    {"1", false},
    {"x", false},
    {"1s1", false},
    {"9999999999999d", false},
};

static void a_poll_says_how_long_it_waits(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        char request[128];
        int fd = dial(f);

        row("wait=%s", waits[i].wait);
        snprintf(request, sizeof(request), "GET /api/v1/executions/E1?wait=%s" HEAD(""),
                 waits[i].wait);
        say(fd, request);
        assert_true(hears(fd, waits[i].is_good ? "{\"id\":\"E1\",\"complete\":false}"
                                               : "Parameter 'wait' must be a length of time up to "
                                                 "30s, such as 10s."));
        close(fd);
    }
}

static void a_poll_is_answered_at_the_end(void **state)
{
    struct fixture *f = *state;
    int64_t start_ms = clock_mono_ms();
    int fd = dial(f), late = dial(f);

    say(fd, POLL);
    say(late, "GET /api/v1/executions/E1?wait=1s" HEAD(""));
    pause_ms(100);
    publish(f, EVENT_FINISHED, "E2", "{}"); /* another one's */
    events_publish(f->analyzer.events, EVENT_FINISHED, "J1", "E1", "shop", str_of("{}"));
    publish(f, EVENT_PROGRESS, "E1", "{}");
    assert_true(hears(late, "{\"id\":\"E1\",\"complete\":false}")); /* its time was up */
    assert_in_range(clock_mono_ms() - start_ms, 1000, 3000);
    atomic_store(&f->analyzer.is_complete, true);
    publish(f, EVENT_FINISHED, "E1", "{}");
    assert_true(hears(fd, "{\"id\":\"E1\",\"complete\":true}"));
    say(fd, POLL); /* and at once from then on */
    assert_true(hears(fd, "{\"id\":\"E1\",\"complete\":true}"));
    assert_true(clock_mono_ms() - start_ms < 5000);
    close(fd);
    close(late);
}

static void polls_hold_nobody_up(void **state)
{
    struct fixture *f = *state;
    int fds[300];

    for (unsigned i = 0; i < ARRAY_LEN(fds); i++) { /* more than may be in flight */
        fds[i] = dial_from(f, 2 + i % 4);
        say(fds[i], POLL);
    }
    wait_for_gauge(f, "serinus_http_requests_in_flight", 1);
    for (int i = 0; i < 20; i++) {
        int fd = dial(f);

        say(fd, "GET /canary/x" HEAD(""));
        assert_true(hears(fd, "HTTP/1.1 200 OK"));
        close(fd);
    }
    atomic_store(&f->analyzer.is_complete, true);
    publish(f, EVENT_FINISHED, "E1", "{}");
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        assert_true(hears(fds[i], "\"complete\":true"));
        close(fds[i]);
    }
}

/* --- the end of the one or the other --- */

static void clients_that_leave_are_let_go(void **state)
{
    static const char *const requests[] = {EVENTS, EVENTS_OF_E1, POLL, POLL POLL, EVENTS EVENTS};
    struct fixture *f = *state;

    for (size_t i = 0; i < 10 * ARRAY_LEN(requests); i++) {
        const struct linger at_once = {.l_onoff = 1};
        int fd = dial(f);

        say(fd, requests[i % ARRAY_LEN(requests)]);
        if (i % 3 == 0)
            pause_ms(5); /* it is waiting by then */
        if (i % 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        close(fd);
    }
    wait_for_gauge(f, "serinus_http_connections", 1);
    assert_int_equal(0, gauge(f, "serinus_sse_subscribers"));
    assert_int_equal(1, gauge(f, "serinus_http_requests_in_flight"));
}

static void who_follows_hears_of_the_end(void **state)
{
    struct fixture *f = *state;
    int stream = follow(f, EVENTS), one = follow(f, EVENTS_OF_E1), poll = dial(f), late = dial(f);
    int64_t start_ms;

    say(poll, POLL);
    wait_for_gauge(f, "serinus_http_requests_in_flight", 1);
    publish(f, EVENT_STARTED, "E1", "{\"last\":1}");
    start_ms = clock_mono_ms();
    server_drain(f->server);
    for (int i = 0; i < 2; i++) {
        struct strbuf heard = {0};
        int fd = i ? one : stream;

        assert_true(hear_until(fd, "\r\n0\r\n\r\n", &heard));
        assert_non_null(strstr(heard.bytes, "{\"last\":1}"));
        assert_non_null(strstr(heard.bytes, "event: server.closing\ndata: {}\n\n"));
        strbuf_clear(&heard);
        close(fd);
    }
    assert_true(hears(poll, "{\"id\":\"E1\",\"complete\":false}"));
    assert_true(is_closed(poll));
    say(late, EVENTS);
    assert_true(hears(late, "\"draining\""));
    close(late);
    late = dial(f);
    say(late, POLL); /* answered, but not waited for */
    assert_true(hears(late, "{\"id\":\"E1\",\"complete\":false}"));
    assert_true(server_stop(f->server, PATIENCE_MS));
    assert_true(clock_mono_ms() - start_ms < 2000);
    close(late);
    close(poll);
}

/* --- all of it at once --- */

struct traffic {
    struct fixture *f;
    atomic_bool is_over;
    unsigned from;
};

static void *come_and_go(void *arg)
{
    static const char *const requests[] = {
        EVENTS, EVENTS_OF_E1, POLL, "GET /api/v1/executions/E2?wait=1s" HEAD(""),
        "GET /api/v1/events?application=shop" HEAD("Last-Event-ID: 1001\r\n")};
    struct traffic *traffic = arg;

    for (size_t i = 0; !atomic_load(&traffic->is_over); i++) {
        const struct timeval patience = {.tv_usec = 20000};
        unsigned char random;
        char bytes[2048];
        int fd = dial_from(traffic->f, traffic->from);

        id_random(&random, 1);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        (void)!send(fd, requests[i % ARRAY_LEN(requests)],
                    strlen(requests[i % ARRAY_LEN(requests)]), MSG_NOSIGNAL);
        for (unsigned n = random % 8; n; n--)
            if (recv(fd, bytes, sizeof(bytes), 0) == 0)
                break;
        close(fd);
    }
    return NULL;
}

static void *keep_publishing(void *arg)
{
    struct traffic *traffic = arg;

    for (unsigned i = 0; !atomic_load(&traffic->is_over); i++) {
        publish(traffic->f, i % 5 ? EVENT_PROGRESS : EVENT_FINISHED, i % 2 ? "E1" : "E2", "{}");
        if (i % 16 == 0)
            pause_ms(1);
    }
    return NULL;
}

static void everything_at_once_and_then_the_end(void **state)
{
    struct fixture *f = *state;
    struct traffic traffic[8];
    pthread_t threads[8];

    for (unsigned i = 0; i < ARRAY_LEN(threads); i++) {
        traffic[i] = (struct traffic){.f = f, .from = 2 + i};
        assert_int_equal(0, pthread_create(&threads[i], NULL, i < 2 ? keep_publishing : come_and_go,
                                           &traffic[i]));
    }
    for (int i = 0; i < 15; i++) {
        pause_ms(100);
        atomic_store(&f->analyzer.is_complete, i % 2);
    }
    server_drain(f->server); /* while it goes on */
    pause_ms(100);
    for (unsigned i = 0; i < ARRAY_LEN(threads); i++)
        atomic_store(&traffic[i].is_over, true);
    for (unsigned i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
#define WITH(test, prepare) cmocka_unit_test_setup_teardown(test, prepare, tear_down)
    const struct CMUnitTest tests[] = {
        WITH(a_stream_tells_what_happens, set_up),
        cmocka_unit_test(a_client_goes_on_where_it_was),
        WITH(only_the_head_of_a_stream, set_up),
        WITH(the_stream_of_an_execution_ends_with_it, set_up),
        WITH(an_execution_that_has_ended_says_so_once, set_up),
        WITH(an_unknown_execution_has_no_stream, set_up),
        WITH(a_quiet_stream_shows_signs_of_life, set_up_impatient),
        WITH(a_client_that_takes_nothing_is_cut_off, set_up_impatient),
        WITH(too_many_listeners_are_turned_away, set_up),
        WITH(a_poll_says_how_long_it_waits, set_up),
        WITH(a_poll_is_answered_at_the_end, set_up),
        WITH(polls_hold_nobody_up, set_up),
        WITH(clients_that_leave_are_let_go, set_up),
        WITH(who_follows_hears_of_the_end, set_up),
        WITH(everything_at_once_and_then_the_end, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
