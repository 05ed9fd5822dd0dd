/* Notifications: stored with the end they tell of, kept sink by sink until they are removed. */
#include "tests/unit/analyzer/store_fixture.h"

#include "base/clock.h"

static int set_up(void **state)
{
    *state = open_fixture();
    return 0;
}

static int tear_down(void **state)
{
    close_fixture(*state);
    return 0;
}

static void end_and_tell(struct fixture *f, const char *id,
                         const struct stored_notification *notifications, size_t n_notifications)
{
    struct stored_execution e = execution_of(id, "shop", 1);
    struct ending ending = {
        .execution = &e, .notifications = notifications, .n_notifications = n_notifications};
    struct error err = {0};

    ok(accept_one(f->store, &e, &err), &err);
    e.state = EXECUTION_SUCCEEDED;
    ok(store_execution_finish(f->store, &ending, &err), &err);
}

static struct outbox_entry *due(struct fixture *f, const char *sink, size_t limit, size_t *n)
{
    struct outbox_entry *entries = NULL;
    struct error err = {0};

    ok(store_outbox_due(f->store, sink, limit, f->arena, &entries, n, &err), &err);
    return entries;
}

/* "event event" */
static const char *events_due(struct fixture *f, const char *sink, size_t limit)
{
    const char *text = "";
    size_t n = 0;
    struct outbox_entry *entries = due(f, sink, limit, &n);

    for (size_t i = 0; i < n; i++)
        text =
            arena_printf(f->arena, "%s%s%s", text, i ? " " : "", entries[i].notification.event_id);
    return text;
}

static struct outbox_sink *sinks(struct fixture *f, size_t *n)
{
    struct outbox_sink *out = NULL;
    struct error err = {0};

    ok(store_outbox_sinks(f->store, f->arena, &out, n, &err), &err);
    return out;
}

static void notifications_wait_for_their_sink(void **state)
{
    struct fixture *f = *state;
    static const struct stored_notification first[] = {
        {"e1", "chat", {"{\"n\":1}", 7}}, {"e1", "bus", {"", 0}}, {"e0", "chat", {"{}", 2}}};
    static const struct stored_notification second[] = {{"e2", "chat", {"{}", 2}}};
    int64_t before_ms = clock_wall_ms();
    struct outbox_entry *entries;
    struct outbox_sink *of;
    size_t n = 0;

    sinks(f, &n);
    assert_int_equal(0, n);
    end_and_tell(f, "x", first, ARRAY_LEN(first));
    while (clock_wall_ms() == before_ms) /* so that the next is younger */
        ;
    before_ms = clock_wall_ms();
    while (clock_wall_ms() == before_ms)
        ;
    end_and_tell(f, "y", second, 1);
    reopen(f);

    of = sinks(f, &n);
    assert_int_equal(2, n);
    assert_string_equal("bus", of[0].sink);
    assert_string_equal("chat", of[1].sink);
    assert_true(of[0].next_due_unix_ms <= clock_wall_ms() && of[0].next_due_unix_ms > 1);
    assert_string_equal("e0 e1 e2", events_due(f, "chat", 10));
    assert_string_equal("e0 e1", events_due(f, "chat", 2));
    assert_string_equal("e1", events_due(f, "bus", 10));
    assert_string_equal("", events_due(f, "none", 10));
    entries = due(f, "chat", 10, &n);
    assert_string_equal("chat", entries[1].notification.sink);
    assert_true(str_is(entries[1].notification.body, "{\"n\":1}"));
    assert_string_equal("x", entries[1].execution_id);
    assert_string_equal("y", entries[2].execution_id);
    assert_int_equal(0, entries[1].n_attempts);
    assert_true(entries[1].due_unix_ms == entries[1].created_unix_ms);
}

static void an_attempt_that_failed_waits(void **state)
{
    struct fixture *f = *state;
    static const struct stored_notification told[] = {
        {"e1", "chat", {"{}", 2}}, {"e2", "chat", {"{}", 2}}, {"e1", "bus", {"{}", 2}}};
    int64_t later_ms = clock_wall_ms() + 3600000;
    struct outbox_entry *entries;
    struct error err = {0};
    size_t n = 0;

    end_and_tell(f, "x", told, ARRAY_LEN(told));
    ok(store_outbox_defer(f->store, "e1", "chat", later_ms, &err), &err);
    assert_string_equal("e2", events_due(f, "chat", 10));
    assert_string_equal("e1", events_due(f, "bus", 10));
    assert_true(sinks(f, &n)[1].next_due_unix_ms < later_ms); /* e2's */
    ok(store_outbox_defer(f->store, "e2", "chat", later_ms + 1, &err), &err);
    assert_true(sinks(f, &n)[1].next_due_unix_ms == later_ms);
    assert_string_equal("", events_due(f, "chat", 10));
    ok(store_outbox_defer(f->store, "e1", "chat", 5, &err), &err);
    reopen(f);
    entries = due(f, "chat", 10, &n);
    assert_int_equal(1, n);
    assert_int_equal(2, entries[0].n_attempts);
    assert_int_equal(5, entries[0].due_unix_ms);
}

static void what_is_removed_is_gone(void **state)
{
    struct fixture *f = *state;
    static const struct stored_notification told[] = {{"e1", "chat", {"{}", 2}},
                                                      {"e1", "bus", {"{}", 2}}};
    struct error err = {0};
    size_t n = 0;

    end_and_tell(f, "x", told, ARRAY_LEN(told));
    ok(store_outbox_remove(f->store, "e1", "chat", &err), &err);
    assert_string_equal("", events_due(f, "chat", 10));
    assert_string_equal("e1", events_due(f, "bus", 10));         /* the other sink's stays */
    ok(store_outbox_remove(f->store, "e1", "chat", &err), &err); /* nothing to do */
    ok(store_outbox_defer(f->store, "e1", "chat", 1, &err), &err);
    sinks(f, &n);
    assert_int_equal(1, n);
    ok(store_execution_delete(f->store, "x", &err), &err);
    assert_string_equal("e1", events_due(f, "bus", 10)); /* still to be told */
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_STORE(notifications_wait_for_their_sink),
        WITH_STORE(an_attempt_that_failed_waits),
        WITH_STORE(what_is_removed_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
