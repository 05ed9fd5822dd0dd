/* The sender, through the real fetch engine to scripted sinks. The outbox is a list in memory:
 * tests look at it, make it old and let it fail. */
#include "tests/support.h"

#include "analyzer/notify.h"
#include "base/clock.h"
#include "base/log.h"
#include "tests/fake_store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECRET "T0Kcsm7qZx"
#define MAX_ENTRIES 32u
#define DAY_MS ((int64_t)24 * 3600 * 1000)

/* --- the outbox --- */

struct entry {
    char event_id[16], sink[16];
    int64_t created_unix_ms, due_unix_ms;
    unsigned n_attempts;
    bool is_there;
};

struct store {
    pthread_mutex_t lock;
    struct entry entries[MAX_ENTRIES];
    unsigned n_entries, n_failing; /* so many writes to come fail */
};

static enum err_code write_entry(struct store *store, const char *event_id, const char *sink,
                                 int64_t due_unix_ms, struct error *err)
{
    enum err_code rc = ERR_NOT_FOUND;

    pthread_mutex_lock(&store->lock);
    if (store->n_failing) {
        store->n_failing--;
        rc = error_set(err, ERR_STORAGE, "could not write: disk full");
    }
    for (unsigned i = 0; i < store->n_entries && rc == ERR_NOT_FOUND; i++) {
        struct entry *entry = &store->entries[i];

        if (!entry->is_there || strcmp(entry->event_id, event_id) != 0 ||
            strcmp(entry->sink, sink) != 0)
            continue;
        rc = ERR_OK;
        entry->is_there = due_unix_ms != 0;
        entry->due_unix_ms = due_unix_ms;
        entry->n_attempts++;
    }
    pthread_mutex_unlock(&store->lock);
    return rc;
}

enum err_code store_outbox_remove(struct store *store, const char *event_id, const char *sink,
                                  struct error *err)
{
    return write_entry(store, event_id, sink, 0, err);
}

enum err_code store_outbox_defer(struct store *store, const char *event_id, const char *sink,
                                 int64_t due_unix_ms, struct error *err)
{
    return write_entry(store, event_id, sink, due_unix_ms, err);
}

enum err_code store_outbox_sinks(struct store *store, struct arena *arena, struct outbox_sink **out,
                                 size_t *n_out, struct error *err)
{
    (void)err;
    *out = arena_array(arena, struct outbox_sink, MAX_ENTRIES);
    *n_out = 0;
    pthread_mutex_lock(&store->lock);
    for (unsigned i = 0; i < store->n_entries; i++) {
        struct outbox_sink *sink = *out;

        if (!store->entries[i].is_there)
            continue;
        while (sink < *out + *n_out && strcmp(sink->sink, store->entries[i].sink) != 0)
            sink++;
        if (sink == *out + *n_out)
            (*out)[(*n_out)++] = (struct outbox_sink){store->entries[i].sink, INT64_MAX};
        if (store->entries[i].due_unix_ms < sink->next_due_unix_ms)
            sink->next_due_unix_ms = store->entries[i].due_unix_ms;
    }
    pthread_mutex_unlock(&store->lock);
    return ERR_OK;
}

enum err_code store_outbox_due(struct store *store, const char *sink, size_t limit,
                               struct arena *arena, struct outbox_entry **out, size_t *n_out,
                               struct error *err)
{
    int64_t now_ms = clock_wall_ms();

    (void)err;
    *out = arena_array(arena, struct outbox_entry, limit);
    *n_out = 0;
    pthread_mutex_lock(&store->lock);
    for (unsigned i = 0; i < store->n_entries && *n_out < limit; i++) { /* added by age */
        const struct entry *entry = &store->entries[i];

        if (entry->is_there && strcmp(entry->sink, sink) == 0 && entry->due_unix_ms <= now_ms)
            (*out)[(*n_out)++] = (struct outbox_entry){
                .notification = {arena_strdup(arena, entry->event_id), sink,
                                 str_of(
                                     arena_printf(arena, "{\"eventId\":\"%s\"}", entry->event_id))},
                .execution_id = "x",
                .created_unix_ms = entry->created_unix_ms,
                .due_unix_ms = entry->due_unix_ms,
                .n_attempts = entry->n_attempts,
            };
    }
    pthread_mutex_unlock(&store->lock);
    return ERR_OK;
}

static void put(struct store *store, const char *event_id, const char *sink, int64_t age_ms)
{
    struct entry *entry;

    pthread_mutex_lock(&store->lock);
    entry = &store->entries[store->n_entries++];
    strncpy(entry->event_id, event_id, sizeof(entry->event_id) - 1);
    strncpy(entry->sink, sink, sizeof(entry->sink) - 1);
    entry->created_unix_ms = entry->due_unix_ms = clock_wall_ms() - age_ms;
    entry->is_there = true;
    pthread_mutex_unlock(&store->lock);
}

static struct entry look_at(struct store *store, unsigned i)
{
    struct entry entry;

    pthread_mutex_lock(&store->lock);
    entry = store->entries[i];
    pthread_mutex_unlock(&store->lock);
    return entry;
}

static size_t n_left(struct store *store)
{
    size_t n = 0;

    pthread_mutex_lock(&store->lock);
    for (unsigned i = 0; i < store->n_entries; i++)
        n += store->entries[i].is_there;
    pthread_mutex_unlock(&store->lock);
    return n;
}

/* --- one sender with its surroundings --- */

struct fixture {
    struct arena *arena;
    struct settings settings;
    struct settings_sink sinks[4];
    struct store store;
    struct fetch *fetch;
    struct log *log;
    struct notify *notify;
    int stderr_fd;
    FILE *logged;
};

static void add_sink(struct fixture *f, const char *name, const char *base_url)
{
    struct settings_sink *sink = &f->sinks[f->settings.n_sinks++];
    json_t *config = json_pack("{ss ss s{ss} sI s{si s[] s[]}}", "name", name, "baseUrl", base_url,
                               "headers", "X-Api-Key", SECRET, "readTimeoutMs", (json_int_t)3000,
                               "retry", "attempts", 1, "series", "statuses");
    struct account *account = NULL;
    struct error err = {0};

    assert_non_null(config);
    if (account_decode("notify", config, f->arena, &account, &err))
        fail_msg("%s", err.message);
    json_decref(config);
    account->is_sink = true;
    account->max_concurrent_requests = 1;
    sink->name = name;
    sink->account = account;
    sink->url.value = arena_printf(f->arena, "%s/" SECRET "?a=b", base_url);
}

static struct fixture *current; /* NULL: its test has got to its end */

/* What is logged goes to a file, so that it can be looked through. */
static struct fixture *begin(void)
{
    struct fixture *f = mem_alloc(1, sizeof(*f));

    current = f;
    f->arena = arena_create();
    f->settings.sinks = f->sinks;
    pthread_mutex_init(&f->store.lock, NULL);
    f->logged = tmpfile();
    assert_non_null(f->logged);
    f->stderr_fd = dup(STDERR_FILENO);
    dup2(fileno(f->logged), STDERR_FILENO);
    f->log = log_create(LOG_LEVEL_DEBUG);
    return f;
}

static void start(struct fixture *f)
{
    struct error err = {0};

    assert_int_equal(ERR_OK, fetch_create(f->log, &f->fetch, &err));
    assert_int_equal(ERR_OK,
                     notify_create(&f->settings, &f->store, f->fetch, f->log, &f->notify, &err));
}

/* Errors are written where logs are. Returns what was written. */
static char *restore_stderr(struct fixture *f)
{
    char *text;
    long n;

    dup2(f->stderr_fd, STDERR_FILENO);
    close(f->stderr_fd);
    fseek(f->logged, 0, SEEK_END);
    n = ftell(f->logged);
    rewind(f->logged);
    text = arena_alloc(f->arena, (size_t)n + 1, 1);
    if (fread(text, 1, (size_t)n, f->logged) != (size_t)n)
        text[0] = '\0';
    fclose(f->logged);
    current = NULL;
    return text;
}

/* Everything logged; whatever it is, no part of a sink's address or headers is in it. */
static const char *end(struct fixture *f)
{
    char *text;

    notify_free(f->notify);
    fetch_free(f->fetch);
    log_free(f->log);
    text = restore_stderr(f);
    if (strstr(text, SECRET) || strstr(text, "127.0.0.1") || strstr(text, "metric store"))
        fail_msg("logged: %s", text);
    return text;
}

/* After a test that failed: the reason why is among the logs. */
static int show_failure(void **state)
{
    (void)state;
    if (current)
        fputs(restore_stderr(current), stderr);
    return 0;
}

static void dispose(struct fixture *f)
{
    pthread_mutex_destroy(&f->store.lock);
    arena_free(f->arena);
    free(f);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

#define wait_for(condition)                                                                        \
    for (int64_t until_ms = clock_mono_ms() + 20000; !(condition);) {                              \
        if (clock_mono_ms() > until_ms)                                                            \
            fail_msg("waited 20 s for " #condition);                                               \
        pause_ms(2);                                                                               \
    }

static const struct fake_reply fine = {.status = 204};

/* --- stories --- */

static void one_post_and_it_is_done(void **state)
{
    struct fake_store *sink = fake_store_create(&fine, 1);
    const struct fake_request *request;
    struct fixture *f = begin();
    const char *logged;

    (void)state;
    add_sink(f, "ops", fake_store_url(sink));
    start(f);
    pause_ms(50);
    assert_int_equal(0, fake_store_n_requests(sink));
    put(&f->store, "e1", "ops", 0);
    notify_wake(f->notify);
    wait_for(n_left(&f->store) == 0);
    pause_ms(50);
    assert_int_equal(1, fake_store_n_requests(sink));
    request = fake_store_request(sink, 0);
    assert_string_equal("POST", request->method);
    assert_string_equal("/" SECRET "?a=b", request->target);
    assert_string_equal("{\"eventId\":\"e1\"}", request->body);
    assert_non_null(strstr(request->headers, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(request->headers, "User-Agent: serinus/"));
    assert_non_null(strstr(request->headers, "X-Serinus-Event-Id: e1\r\n"));
    assert_non_null(strstr(request->headers, "X-Api-Key: " SECRET "\r\n"));
    assert_int_equal(1, notify_counters_read(f->notify, 0).delivered);
    assert_int_equal(0, notify_counters_read(f->notify, 0).deferred);
    logged = end(f);
    assert_non_null(strstr(logged, "\"event\":\"notification delivered\",\"sink\":\"ops\","
                                   "\"event_id\":\"e1\",\"execution\":\"x\",\"attempts\":1"));
    dispose(f);
    fake_store_free(sink);
}

static void it_comes_again_until_it_has_arrived(void **state)
{
    static const struct fake_reply script[] = {
        {.status = 500, .headers = "Connection: close\r\n", .body = "no"},
        {.manner = FAKE_DROP}, /* on a connection of its own; libcurl asks again on an old one */
        {.status = 200, .headers = "Content-Type: application/json\r\n", .body = "{"}};
    struct fake_store *sink = fake_store_create(script, ARRAY_LEN(script));
    struct fixture *f = begin();
    const char *logged;

    (void)state;
    add_sink(f, "ops", fake_store_url(sink));
    put(&f->store, "e1", "ops", 0);
    start(f);
    wait_for(n_left(&f->store) == 0);
    assert_int_equal(3, fake_store_n_requests(sink));
    for (size_t i = 0; i < 3; i++)
        assert_non_null(strstr(fake_store_request(sink, i)->headers, "X-Serinus-Event-Id: e1\r\n"));
    assert_true(fake_store_request(sink, 1)->mono_ms - fake_store_request(sink, 0)->mono_ms >= 990);
    assert_true(fake_store_request(sink, 2)->mono_ms - fake_store_request(sink, 1)->mono_ms >=
                1990);
    assert_int_equal(1, notify_counters_read(f->notify, 0).delivered);
    assert_int_equal(2, notify_counters_read(f->notify, 0).deferred);
    logged = end(f);
    assert_non_null(strstr(logged, "\"event\":\"notification deferred\",\"sink\":\"ops\","
                                   "\"event_id\":\"e1\",\"execution\":\"x\",\"cause\":"
                                   "\"HTTP status 500\",\"attempts\":1,\"wait_ms\":1"));
    assert_non_null(strstr(logged, "\"cause\":\"Empty reply from server\",\"attempts\":2"));
    assert_non_null(strstr(logged, "\"event\":\"notification delivered\""));
    dispose(f);
    fake_store_free(sink);
}

/* What is not a 2xx, and ways not to get one: each is put off once, and nothing else is asked. */
static void only_2xx_is_delivered(void **state)
{
    static const struct {
        const char *name;
        struct fake_reply reply;
        const char *url; /* instead of the reply */
        const char *cause;
    } cases[] = {
        {"redirect", {.status = 302, .headers = "Location: /x\r\n"}, NULL, "HTTP status 302"},
        {"not allowed", {.status = 405}, NULL, "HTTP status 405"},
        {"not found", {.status = 404}, NULL, "HTTP status 404"},
        {"not HTTP", {.manner = FAKE_GARBAGE, .body = "hello\r\n"}, NULL, "HTTP/0.9"},
        {"metadata", {0}, "http://169.254.169.254", "link-local, metadata"},
        {"no such host", {0}, "http://sink.invalid", "Could not resolve host: ***"},
        {"refused", {0}, "http://127.0.0.1:1", "Failed to connect to *** port 1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake_store *sink = fake_store_create(&cases[i].reply, 1);
        struct fixture *f = begin();
        const char *logged;

        add_sink(f, "ops", cases[i].url ? cases[i].url : fake_store_url(sink));
        put(&f->store, "e1", "ops", 0);
        start(f);
        wait_for(look_at(&f->store, 0).n_attempts == 1);
        assert_true(look_at(&f->store, 0).due_unix_ms > clock_wall_ms() + 500);
        assert_int_equal(cases[i].url ? 0 : 1, fake_store_n_requests(sink));
        logged = end(f);
        row("%s", cases[i].name);
        if (!strstr(logged, cases[i].cause))
            fail_msg("%s", logged);
        dispose(f);
        fake_store_free(sink);
    }
}

static void retry_after_is_kept_to(void **state)
{
    static const struct fake_reply script[] = {{.status = 429, .headers = "Retry-After: 2\r\n"},
                                               {.status = 200}};
    struct fake_store *sink = fake_store_create(script, ARRAY_LEN(script));
    struct fixture *f = begin();

    (void)state;
    add_sink(f, "ops", fake_store_url(sink));
    put(&f->store, "e1", "ops", 0);
    put(&f->store, "e2", "ops", 0); /* it does not jump the queue */
    start(f);
    wait_for(n_left(&f->store) == 0);
    assert_int_equal(3, fake_store_n_requests(sink));
    assert_true(fake_store_request(sink, 1)->mono_ms - fake_store_request(sink, 0)->mono_ms >=
                1990);
    end(f);
    dispose(f);
    fake_store_free(sink);
}

static void a_dead_sink_hurts_nobody_else(void **state)
{
    static const struct fake_reply silent = {.manner = FAKE_SILENT};
    struct fake_store *dead = fake_store_create(&silent, 1), *alive = fake_store_create(&fine, 1);
    struct fixture *f = begin();
    int64_t started_ms;

    (void)state;
    add_sink(f, "dead", fake_store_url(dead));
    add_sink(f, "alive", fake_store_url(alive));
    for (int i = 0; i < 10; i++)
        put(&f->store, "d", "dead", 1000);
    for (int i = 0; i < 10; i++)
        put(&f->store, (const char[]){'a', (char)('0' + i), 0}, "alive", 0);
    started_ms = clock_mono_ms();
    start(f);
    wait_for(n_left(&f->store) == 10);
    assert_true(clock_mono_ms() - started_ms < 2000); /* well within the other one's timeout */
    assert_int_equal(1, fake_store_max_at_once(alive));
    for (size_t i = 0; i < 10; i++) { /* by age */
        char want[32];

        snprintf(want, sizeof(want), "Event-Id: a%zu\r\n", i);
        assert_non_null(strstr(fake_store_request(alive, i)->headers, want));
    }
    wait_for(fake_store_n_requests(dead) == 1);
    end(f);
    assert_int_equal(1, fake_store_max_at_once(dead));
    dispose(f);
    fake_store_free(dead);
    fake_store_free(alive);
}

static void one_that_is_refused_does_not_stop_the_others(void **state)
{
    static const struct fake_reply script[] = {{.status = 500}, {.status = 200}};
    struct fake_store *sink = fake_store_create(script, ARRAY_LEN(script));
    struct fixture *f = begin();

    (void)state;
    add_sink(f, "ops", fake_store_url(sink));
    for (int i = 0; i < 4; i++)
        put(&f->store, (const char[]){'a', (char)('0' + i), 0}, "ops", 0);
    start(f);
    wait_for(n_left(&f->store) == 1);
    assert_true(
        look_at(&f->store, 0).is_there); /* still waiting when the other three are through */
    wait_for(n_left(&f->store) == 0);
    assert_int_equal(5, fake_store_n_requests(sink));
    assert_true(fake_store_request(sink, 1)->mono_ms - fake_store_request(sink, 0)->mono_ms >= 490);
    end(f);
    dispose(f);
    fake_store_free(sink);
}

static void after_a_day_it_is_given_up(void **state)
{
    static const struct fake_reply broken = {.status = 503};
    struct fake_store *sink = fake_store_create(&broken, 1);
    struct fixture *f = begin();

    (void)state;
    add_sink(f, "ops", fake_store_url(sink));
    put(&f->store, "old", "ops", DAY_MS + 1);
    put(&f->store, "young", "ops", DAY_MS - 60000);
    start(f);
    wait_for(fake_store_n_requests(sink) >= 2 && look_at(&f->store, 1).n_attempts);
    assert_false(look_at(&f->store, 0).is_there);
    assert_true(look_at(&f->store, 1).is_there);
    assert_int_equal(1, notify_counters_read(f->notify, 0).given_up);
    assert_non_null(strstr(end(f), "\"level\":\"error\",\"event\":\"notification given up\","
                                   "\"sink\":\"ops\",\"event_id\":\"old\""));
    dispose(f);
    fake_store_free(sink);
}

static void what_is_for_nobody_is_given_up(void **state)
{
    (void)state;
    for (size_t n_sinks = 0; n_sinks < 2; n_sinks++) {
        struct fixture *f = begin();
        const char *logged;

        if (n_sinks)
            add_sink(f, "ops", "http://127.0.0.1:1");
        for (int i = 0; i < 20; i++)
            put(&f->store, (const char[]){'a', (char)('a' + i), 0}, "gone", 0);
        start(f);
        wait_for(n_left(&f->store) == 0);
        logged = end(f);
        assert_non_null(strstr(logged, "\"event\":\"notification given up\",\"sink\":\"gone\","
                                       "\"event_id\":\"at\",\"execution\":\"x\",\"cause\":"
                                       "\"the sink is not in the settings any more\""));
        dispose(f);
    }
}

static void what_cannot_be_noted_is_not_sent_twice(void **state)
{
    struct fake_store *sink = fake_store_create(&fine, 1);
    struct fixture *f = begin();
    const char *logged, *first;

    (void)state;
    add_sink(f, "ops", fake_store_url(sink));
    f->store.n_failing = 2;
    put(&f->store, "e1", "ops", 0);
    start(f);
    wait_for(n_left(&f->store) == 0);
    assert_int_equal(1, fake_store_n_requests(sink));
    assert_int_equal(1, notify_counters_read(f->notify, 0).delivered);
    logged = end(f);
    first = strstr(logged, "could not write: disk full");
    assert_non_null(first);
    assert_null(strstr(first + 1, "could not write")); /* said once */
    dispose(f);
    fake_store_free(sink);
}

static void stopping_drops_what_is_on_its_way(void **state)
{
    static const struct fake_reply silent = {.manner = FAKE_SILENT};

    (void)state;
    for (int engine_first = 0; engine_first < 2; engine_first++) {
        struct fake_store *sink = fake_store_create(&silent, 1);
        struct fixture *f = begin();
        int64_t started_ms;

        add_sink(f, "ops", fake_store_url(sink));
        put(&f->store, "e1", "ops", 0);
        start(f);
        wait_for(fake_store_n_requests(sink) == 1);
        started_ms = clock_mono_ms();
        if (engine_first) {
            fetch_stop(f->fetch);
            notify_wake(f->notify);
            pause_ms(50);
        }
        notify_stop(f->notify);
        notify_stop(f->notify);
        assert_true(clock_mono_ms() - started_ms < 1500);
        assert_true(look_at(&f->store, 0).is_there); /* and due at once for the next process */
        assert_int_equal(0, look_at(&f->store, 0).n_attempts);
        assert_null(strstr(end(f), "notification"));
        dispose(f);
        fake_store_free(sink);
    }
    notify_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(one_post_and_it_is_done, show_failure),
        cmocka_unit_test_teardown(it_comes_again_until_it_has_arrived, show_failure),
        cmocka_unit_test_teardown(only_2xx_is_delivered, show_failure),
        cmocka_unit_test_teardown(retry_after_is_kept_to, show_failure),
        cmocka_unit_test_teardown(a_dead_sink_hurts_nobody_else, show_failure),
        cmocka_unit_test_teardown(one_that_is_refused_does_not_stop_the_others, show_failure),
        cmocka_unit_test_teardown(after_a_day_it_is_given_up, show_failure),
        cmocka_unit_test_teardown(what_is_for_nobody_is_given_up, show_failure),
        cmocka_unit_test_teardown(what_cannot_be_noted_is_not_sent_twice, show_failure),
        cmocka_unit_test_teardown(stopping_drops_what_is_on_its_way, show_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
