/* The hub of events: order, filters, resuming, loss, waking, and threads all at once. */
#include "analyzer/events.h"
#include "tests/support.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ID 1767225600123457u

static int set_up(void **state)
{
    *state = events_create(8, 4096, FIRST_ID);
    return 0;
}

static int tear_down(void **state)
{
    events_free(*state);
    return 0;
}

static void publish(struct events *events, enum event_kind kind, const char *id, const char *parent)
{
    events_publish(events, kind, id, parent, "shop", str_of("{\"x\":1}"));
}

static struct subscription *subscribe(struct events *events, struct event_filter filter,
                                      uint64_t after_id)
{
    struct subscription *out = NULL;
    struct error err = {0};

    assert_int_equal(ERR_OK, events_subscribe(events, &filter, after_id, &out, &err));
    return out;
}

/* The next event's execution; "-" for none, "lost", "closed". */
static const char *next(struct subscription *s, char buffer[32])
{
    const struct event *event = NULL;

    switch (events_next(s, &event)) {
    case EVENTS_ONE:
        snprintf(buffer, 32, "%s", event->execution_id);
        event_release(event);
        return buffer;
    case EVENTS_NONE:
        return "-";
    case EVENTS_LOST:
        return "lost";
    case EVENTS_CLOSED:
        return "closed";
    }
    return "?";
}

static void assert_reads(struct subscription *s, const char *const *want)
{
    char buffer[32];

    for (; *want; want++) {
        row("%s", *want);
        assert_string_equal(*want, next(s, buffer));
    }
}

#define assert_all(s, ...) assert_reads((s), (const char *const[]){__VA_ARGS__, NULL})

static void an_event_keeps_what_it_was_given(void **state)
{
    struct events *events = *state;
    struct subscription *s = subscribe(events, (struct event_filter){0}, EVENTS_FROM_NOW);
    const struct event *event = NULL;
    char id[] = "E1", parent[] = "A1", application[] = "shop", data[] = "{\"a\":\"\\u0000\"}";

    assert_int_equal(FIRST_ID - 1, events_last_id(events));
    events_publish(events, EVENT_FINISHED, id, parent, application, str_of(data));
    memset(id, 'x', 2);
    memset(parent, 'x', 2);
    memset(application, 'x', 4);
    memset(data, 'x', 4);
    assert_int_equal(EVENTS_ONE, events_next(s, &event));
    for (int i = 0; i < 20; i++) /* far past the ring */
        publish(events, EVENT_PROGRESS, "E2", NULL);
    assert_int_equal(FIRST_ID, event->id);
    assert_int_equal(EVENT_FINISHED, event->kind);
    assert_string_equal("E1", event->execution_id);
    assert_string_equal("A1", event->parent_id);
    assert_string_equal("shop", event->application);
    assert_string_equal("{\"a\":\"\\u0000\"}", event->data.bytes);
    event_release(event);
    assert_int_equal(FIRST_ID + 20, events_last_id(events));
    events_unsubscribe(s);
}

static void names_are_what_clients_listen_for(void **state)
{
    (void)state;
    assert_string_equal("execution.accepted", event_name(EVENT_ACCEPTED));
    assert_string_equal("execution.started", event_name(EVENT_STARTED));
    assert_string_equal("execution.progress", event_name(EVENT_PROGRESS));
    assert_string_equal("interval.finished", event_name(EVENT_INTERVAL));
    assert_string_equal("execution.finished", event_name(EVENT_FINISHED));
}

static void filters_let_through_what_was_asked_for(void **state)
{
    struct events *events = *state;
    struct subscription *one = subscribe(events, (struct event_filter){.execution_id = "A1"},
                                         EVENTS_FROM_NOW),
                        *ends =
                            subscribe(events, (struct event_filter){.kinds = 1u << EVENT_FINISHED},
                                      EVENTS_FROM_NOW),
                        *shop = subscribe(events, (struct event_filter){.application = "shop"},
                                          EVENTS_FROM_NOW),
                        *other = subscribe(events, (struct event_filter){.application = "sho"},
                                           EVENTS_FROM_NOW);

    publish(events, EVENT_ACCEPTED, "A1", NULL);
    publish(events, EVENT_STARTED, "J1", "A1");
    publish(events, EVENT_STARTED, "E9", NULL);
    publish(events, EVENT_FINISHED, "J1", "A1");
    publish(events, EVENT_FINISHED, "A11", "A2");
    assert_all(one, "A1", "J1", "J1", "-", "-");
    assert_all(ends, "J1", "A11", "-");
    assert_all(shop, "A1", "J1", "E9", "J1", "A11", "-");
    assert_all(other, "-");
    events_unsubscribe(shop); /* from the middle of the list, then its ends */
    events_unsubscribe(one);
    events_unsubscribe(other);
    publish(events, EVENT_FINISHED, "E3", NULL);
    assert_all(ends, "E3", "-");
    events_unsubscribe(ends);
    events_unsubscribe(NULL);
}

/* Where a client that comes back goes on, with ids 100 to 119 published and the last 8 kept. */
static const struct {
    const char *name;
    uint64_t after_id;
    const char *want[10];
} resumes[] = {
    {"the last one seen", 119, {"-"}},
    {"one is missing", 118, {"e119", "-"}},
    {"all that is kept, and nothing lost", 111, {"e112", "e113", "e114"}},
    {"one too many", 110, {"lost", "-"}},
    {"of an earlier process", 7, {"lost", "-"}},
    {"of the future: the clock was put back", 120, {"lost", "-"}},
    {"from the oldest", EVENTS_FROM_OLDEST, {"e112", "e113"}},
    {"from now", EVENTS_FROM_NOW, {"-"}},
};

static void a_client_that_comes_back_misses_nothing_or_is_told(void **state)
{
    struct events *events = events_create(8, 1u << 20, 100);

    (void)state;
    for (int i = 100; i < 120; i++) {
        char id[16];

        snprintf(id, sizeof(id), "e%d", i);
        publish(events, EVENT_STARTED, id, NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(resumes); i++) {
        struct subscription *s = subscribe(events, (struct event_filter){0}, resumes[i].after_id);

        row("%s", resumes[i].name);
        assert_reads(s, resumes[i].want);
        events_unsubscribe(s);
    }
    events_free(events);
}

static void a_slow_reader_is_told_once_and_goes_on_from_there(void **state)
{
    struct events *events = *state;
    struct subscription *slow =
        subscribe(events, (struct event_filter){.execution_id = "E1"}, EVENTS_FROM_NOW);

    for (int i = 0; i < 8; i++)
        publish(events, EVENT_PROGRESS, "E1", NULL);
    assert_all(slow, "E1");
    publish(events, EVENT_PROGRESS, "E1", NULL); /* drops the one it has read */
    assert_all(slow, "E1", "E1");
    for (int i = 0; i < 9; i++)
        publish(events, EVENT_PROGRESS, "E1", NULL);
    assert_all(slow, "lost");
    assert_int_equal(events_last_id(events), events_position(slow));
    assert_all(slow, "-");
    publish(events, EVENT_PROGRESS, "E1", NULL);
    assert_all(slow, "E1", "-");
    events_unsubscribe(slow);
}

static void the_ring_is_bounded_by_bytes_too(void **state)
{
    struct events *events = events_create(1000, 8192, 1000);
    char large[3001];
    struct subscription *s;
    char buffer[32];

    (void)state;
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    for (int i = 0; i < 10; i++)
        events_publish(events, EVENT_STARTED, "E1", NULL, "a", str_of(large));
    s = subscribe(events, (struct event_filter){0}, EVENTS_FROM_OLDEST);
    assert_all(s, "E1", "E1", "-");
    events_unsubscribe(s);
    events_free(events);
    events = events_create(1000, 100, 1000); /* one is always kept */
    s = subscribe(events, (struct event_filter){0}, EVENTS_FROM_OLDEST);
    publish(events, EVENT_STARTED, "E1", NULL);
    publish(events, EVENT_STARTED, "E2", NULL);
    assert_string_equal("lost", next(s, buffer));
    events_unsubscribe(s);
    events_free(events);
}

static void count_call(void *ctx)
{
    ++*(int *)ctx;
}

static void who_waits_is_woken_once(void **state)
{
    struct events *events = *state;
    struct subscription *s =
        subscribe(events, (struct event_filter){.execution_id = "E1"}, EVENTS_FROM_NOW);
    int n_calls = 0;

    events_wait(s, count_call, &n_calls);
    publish(events, EVENT_STARTED, "E2", NULL);
    assert_int_equal(0, n_calls); /* not for what it does not want */
    publish(events, EVENT_STARTED, "E1", NULL);
    publish(events, EVENT_FINISHED, "E1", NULL);
    assert_int_equal(1, n_calls);
    assert_all(s, "E1");
    events_wait(s, count_call, &n_calls); /* there is one left: at once */
    assert_int_equal(2, n_calls);
    assert_all(s, "E1", "-");
    events_wait(s, count_call, &n_calls);
    events_wait_cancel(s);
    publish(events, EVENT_STARTED, "E1", NULL);
    assert_int_equal(2, n_calls);
    assert_all(s, "E1");
    /* however much else happens while it waits, it loses nothing */
    events_wait(s, count_call, &n_calls);
    for (int i = 0; i < 100; i++)
        publish(events, EVENT_STARTED, "E2", NULL);
    publish(events, EVENT_STARTED, "E1", NULL);
    assert_int_equal(3, n_calls);
    assert_all(s, "E1", "-");
    /* one that has lost some hears of it at once */
    for (int i = 0; i < 100; i++)
        publish(events, EVENT_STARTED, "E1", NULL);
    events_wait(s, count_call, &n_calls);
    assert_int_equal(4, n_calls);
    assert_all(s, "lost");
    events_unsubscribe(s);
}

static void a_closed_hub_wakes_everybody(void **state)
{
    struct events *events = *state;
    struct event_filter all = {0};
    struct subscription *s = subscribe(events, all, EVENTS_FROM_NOW), *late = NULL;
    struct error err = {0};
    int n_calls = 0;

    events_wait(s, count_call, &n_calls);
    events_close(events);
    assert_int_equal(1, n_calls);
    events_wait(s, count_call, &n_calls);
    assert_int_equal(2, n_calls);
    publish(events, EVENT_FINISHED, "E1", NULL); /* what still ends is still told */
    assert_all(s, "E1", "closed", "closed");
    assert_int_equal(ERR_BUSY, events_subscribe(events, &all, EVENTS_FROM_NOW, &late, &err));
    assert_string_equal("draining", error_reason(&err));
    assert_null(late);
    events_unsubscribe(s);
}

static void ids_grow_over_restarts(void **state)
{
    uint64_t first = events_first_id();

    (void)state;
    assert_true(first > 1700000000000000u);
    assert_true(first < (uint64_t)1 << 53); /* exact in JavaScript, where numbers have 53 bits */
}

/* --- many threads --- */

#define N_WRITERS 3
#define N_READERS 6
#define N_EACH 3000

struct reader {
    struct events *events;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool is_woken;
    uint64_t n_seen, n_lost;
    bool hangs_up; /* comes and goes, instead */
};

static void wake_reader(void *ctx)
{
    struct reader *reader = ctx;

    pthread_mutex_lock(&reader->lock);
    reader->is_woken = true;
    pthread_cond_signal(&reader->woken);
    pthread_mutex_unlock(&reader->lock);
}

static void *read_all(void *arg)
{
    struct reader *reader = arg;
    struct event_filter filter = {.kinds = 1u << EVENT_FINISHED};
    struct subscription *s = subscribe(reader->events, filter, EVENTS_FROM_NOW);
    uint64_t last_id = 0;

    for (;;) {
        const struct event *event = NULL;

        switch (events_next(s, &event)) {
        case EVENTS_ONE:
            assert_true(event->id > last_id);
            last_id = event->id;
            reader->n_seen++;
            event_release(event);
            continue;
        case EVENTS_LOST:
            reader->n_lost++;
            continue;
        case EVENTS_CLOSED:
            events_unsubscribe(s);
            return NULL;
        case EVENTS_NONE:
            break;
        }
        reader->is_woken = false;
        events_wait(s, wake_reader, reader);
        if (reader->hangs_up) {
            struct error err = {0};

            events_unsubscribe(s);
            if (events_subscribe(reader->events, &filter, EVENTS_FROM_NOW, &s, &err))
                return NULL;
            continue;
        }
        pthread_mutex_lock(&reader->lock);
        while (!reader->is_woken)
            pthread_cond_wait(&reader->woken, &reader->lock);
        pthread_mutex_unlock(&reader->lock);
    }
}

static void *write_all(void *arg)
{
    struct events *events = arg;

    for (int i = 0; i < N_EACH; i++) {
        publish(events, i % 3 ? EVENT_PROGRESS : EVENT_FINISHED, "E1", "A1");
        if (i % 64 == 0)
            sched_yield();
    }
    return NULL;
}

static void readers_and_writers_at_once(void **state)
{
    struct events *events = events_create(N_WRITERS * N_EACH, 1u << 26, FIRST_ID);
    struct reader readers[N_READERS] = {0};
    pthread_t reading[N_READERS], writing[N_WRITERS];

    (void)state;
    for (size_t i = 0; i < N_READERS; i++) {
        readers[i].events = events;
        readers[i].hangs_up = i == 0;
        pthread_mutex_init(&readers[i].lock, NULL);
        pthread_cond_init(&readers[i].woken, NULL);
        assert_int_equal(0, pthread_create(&reading[i], NULL, read_all, &readers[i]));
    }
    for (size_t i = 0; i < N_WRITERS; i++)
        assert_int_equal(0, pthread_create(&writing[i], NULL, write_all, events));
    for (size_t i = 0; i < N_WRITERS; i++)
        pthread_join(writing[i], NULL);
    events_close(events);
    for (size_t i = 0; i < N_READERS; i++) {
        pthread_join(reading[i], NULL);
        row("reader %zu", i);
        assert_int_equal(0, readers[i].n_lost);
        assert_true(readers[i].n_seen <= N_WRITERS * (N_EACH / 3));
        pthread_cond_destroy(&readers[i].woken);
        pthread_mutex_destroy(&readers[i].lock);
    }
    assert_int_equal(FIRST_ID + N_WRITERS * N_EACH - 1, events_last_id(events));
    events_free(events);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_event_keeps_what_it_was_given),
        TEST(names_are_what_clients_listen_for),
        TEST(filters_let_through_what_was_asked_for),
        TEST(a_client_that_comes_back_misses_nothing_or_is_told),
        TEST(a_slow_reader_is_told_once_and_goes_on_from_there),
        TEST(the_ring_is_bounded_by_bytes_too),
        TEST(who_waits_is_woken_once),
        TEST(a_closed_hub_wakes_everybody),
        TEST(ids_grow_over_restarts),
        TEST(readers_and_writers_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
