/* Who may run an execution and write for it: acceptance, claims, leases, samples, ends. */
#include "tests/unit/analyzer/store_fixture.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/metric_set.h"

#include <sqlite3.h>

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

/* Accept under a lease of ours. */
static struct lease accept_claimed(struct fixture *f, const char *id)
{
    const struct acceptance acceptance = {
        .execution = execution_of(id, "shop", 1),
        .is_claimed = true,
    };
    struct lease lease = {""};
    struct error err = {0};
    const char *out = NULL;

    ok(store_execution_accept(f->store, &acceptance, f->arena, &out, &lease, &err), &err);
    assert_string_equal(id, out);
    assert_int_equal(UUID_BYTES - 1, strlen(lease.nonce));
    return lease;
}

static struct claim *claim_up_to(struct fixture *f, size_t limit, size_t *n)
{
    struct claim *claims = NULL;
    struct error err = {0};

    ok(store_execution_claim(f->store, limit, f->arena, &claims, n, &err), &err);
    return claims;
}

/* What has seen crashes is only given out after a while. */
static struct claim *claim_patiently(struct fixture *f, size_t *n)
{
    struct claim *claims = claim_up_to(f, 10, n);

    for (int i = 0; *n == 0 && i < 100; i++) {
        usleep(20000);
        claims = claim_up_to(f, 10, n);
    }
    return claims;
}

static struct claim claim_only(struct fixture *f, const char *id)
{
    size_t n = 0;
    struct claim *claims = claim_patiently(f, &n);

    assert_int_equal(1, n);
    assert_string_equal(id, claims[0].execution.id);
    return claims[0];
}

static void assert_nothing_to_claim(struct fixture *f)
{
    size_t n = 1;

    claim_up_to(f, 10, &n);
    assert_int_equal(0, n);
}

static enum err_code release(struct fixture *f, const char *id, const struct lease *lease,
                             int64_t due, struct error *err)
{
    return store_execution_release(f->store, id, lease, due, (struct str){0}, err);
}

static enum err_code finish(struct fixture *f, const char *id, const struct lease *lease,
                            struct error *err)
{
    const struct stored_execution end = {
        .id = id,
        .state = EXECUTION_SUCCEEDED,
        .ended_unix_ms = 77,
        .verdict = "pass",
        .score = 91.25,
        .body = str_of("{\"end\":1}"),
    };
    const struct ending ending = {.execution = &end, .lease = lease};

    return store_execution_finish(f->store, &ending, err);
}

static struct stored_execution get(struct fixture *f, const char *id)
{
    struct stored_execution out = {0};
    struct error err = {0};

    ok(store_execution_get(f->store, id, f->arena, &out, &err), &err);
    return out;
}

static int64_t next_due(struct fixture *f)
{
    int64_t due = -1;
    struct error err = {0};

    ok(store_execution_next_due(f->store, &due, &err), &err);
    return due;
}

static void exec_sql(struct fixture *f, const char *sql)
{
    char *message = NULL;
    sqlite3 *db = NULL;

    assert_int_equal(SQLITE_OK, sqlite3_open(path_of(f, "serinus.db"), &db));
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    sqlite3_close(db);
}

/* --- rows --- */

static void every_column_is_kept(void **state)
{
    struct fixture *f = *state;
    struct stored_execution in = {
        .id = "01A",
        .application = "shop",
        .account = "serinus",
        .parent_id = "01P",
        .config_id = "c-1",
        .config_name = "golden \xC3\xA9",
        .kind = EXECUTION_COMPARISON,
        .state = EXECUTION_FAILED,
        .created_unix_ms = 1787220000123,
        .ended_unix_ms = 1787220000124,
        .due_unix_ms = 1787220000125,
        .n_steps = 3000000000u,
        .verdict = "marginal",
        .score = 76.4321987654321,
        .submission = str_of("{\"a\":1}"),
        .body = str_of("{\"b\":2}"),
    };
    struct error err = {0};

    ok(accept_one(f->store, &in, &err), &err);
    for (int round = 0; round < 2; round++) {
        struct stored_execution out = get(f, "01A");

        assert_string_equal("shop", out.application);
        assert_string_equal("serinus", out.account);
        assert_string_equal("01P", out.parent_id);
        assert_string_equal("c-1", out.config_id);
        assert_string_equal("golden \xC3\xA9", out.config_name);
        assert_int_equal(EXECUTION_COMPARISON, out.kind);
        assert_int_equal(EXECUTION_FAILED, out.state);
        assert_true(out.created_unix_ms == 1787220000123 && out.ended_unix_ms == 1787220000124 &&
                    out.due_unix_ms == 1787220000125 && out.n_steps == 3000000000u);
        assert_string_equal("marginal", out.verdict);
        assert_near(76.4321987654321, out.score, 0);
        assert_true(str_is(out.submission, "{\"a\":1}") && str_is(out.body, "{\"b\":2}"));
        reopen(f);
    }

    in = execution_of("01B", "shop", 5); /* what is not there is "" or NaN */
    ok(accept_one(f->store, &in, &err), &err);
    in = get(f, "01B");
    assert_string_equal("", in.parent_id);
    assert_string_equal("", in.config_id);
    assert_string_equal("", in.config_name);
    assert_string_equal("", in.verdict);
    assert_true(isnan(in.score) && in.body.n_bytes == 0);
    assert_reason(ERR_CONFLICT, "id_taken", accept_one(f->store, &in, &err), &err);
}

/* --- claims --- */

static void the_longest_due_is_claimed_first(void **state)
{
    struct fixture *f = *state;
    int64_t now_ms = clock_wall_ms();
    const struct {
        const char *id;
        int64_t due;
    } rows[] = {{"soon", now_ms + 3600000}, {"b", 20}, {"c", 20}, {"a", 30}, {"first", 10},
                {"never", DUE_NEVER}};
    struct claim *claims;
    struct error err = {0};
    size_t n = 0;

    assert_true(next_due(f) == DUE_NEVER);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stored_execution e = execution_of(rows[i].id, "shop", 1);

        e.due_unix_ms = rows[i].due;
        e.body = str_of("{\"hidden\":1}");
        ok(accept_one(f->store, &e, &err), &err);
    }
    assert_int_equal(10, next_due(f));
    claims = claim_up_to(f, 2, &n);
    assert_int_equal(2, n);
    assert_string_equal("first", claims[0].execution.id);
    assert_string_equal("b", claims[1].execution.id);
    assert_true(str_is(claims[0].execution.submission, "{\"plan\":[1]}"));
    assert_int_equal(0, claims[0].execution.body.n_bytes);
    assert_int_equal(0, claims[0].n_crashes);
    assert_int_equal(UUID_BYTES - 1, strlen(claims[0].lease.nonce));
    assert_string_not_equal(claims[0].lease.nonce, claims[1].lease.nonce);
    claims = claim_up_to(f, SIZE_MAX, &n);
    assert_int_equal(2, n);
    assert_string_equal("c", claims[0].execution.id);
    assert_string_equal("a", claims[1].execution.id);
    assert_nothing_to_claim(f);
    assert_true(next_due(f) == now_ms + 3600000);
    claim_up_to(f, 0, &n);
    assert_int_equal(0, n);
}

static void what_is_due_at_once_and_at_a_time_share(void **state)
{
    static const struct {
        size_t limit;
        const char *ids; /* what is claimed, the first letters */
    } claimed[] = {{2, "ta"}, {4, "ttaa"}, {SIZE_MAX, "tta"}};
    struct fixture *f = *state;
    struct error err = {0};

    for (int i = 0; i < 5; i++) {
        char id[2][3] = {{'a', (char)('0' + i)}, {'t', (char)('0' + i)}};

        for (int timed = 0; timed < 2; timed++) {
            struct stored_execution e = execution_of(id[timed], "shop", 1);

            e.due_unix_ms = timed ? 10 + i : DUE_AT_ONCE;
            if (timed || i < 4)
                ok(accept_one(f->store, &e, &err), &err);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(claimed); i++) {
        size_t n = 0;
        struct claim *claims = claim_up_to(f, claimed[i].limit, &n);

        row("up to %zu", claimed[i].limit);
        assert_int_equal(strlen(claimed[i].ids), n);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(claimed[i].ids[k], claims[k].execution.id[0]);
    }
    assert_nothing_to_claim(f);
}

/* When much is going on, slots become free one by one. */
static void they_share_single_slots_too(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    size_t n, n_timed = 0;

    for (int i = 0; i < 80; i++) {
        char id[] = {i % 2 ? 't' : 'a', (char)('0' + i / 2), '\0'};
        struct stored_execution e = execution_of(id, "shop", 1);

        e.due_unix_ms = i % 2 ? 10 : DUE_AT_ONCE;
        ok(accept_one(f->store, &e, &err), &err);
    }
    for (int i = 0; i < 40; i++) {
        n_timed += claim_up_to(f, 1, &n)->execution.id[0] == 't';
        assert_int_equal(1, n);
    }
    assert_true(n_timed > 0 && n_timed < 40);
}

static void an_old_lease_writes_nothing(void **state)
{
    struct fixture *f = *state;
    struct stored_execution e = execution_of("x", "shop", 1);
    struct stored_sample sample = {0, 1, str_of("numbers")}, *samples = NULL;
    struct lease old, current;
    struct error err = {0};
    size_t n = 1;
    const struct acceptance child = {
        .execution = {.id = "child",
                      .application = "shop",
                      .account = "",
                      .parent_id = "x",
                      .submission = str_of("{}")},
        .parent_lease = &old,
    };
    const char *id = NULL;

    ok(accept_one(f->store, &e, &err), &err);
    old = claim_only(f, "x").lease;
    ok(release(f, "x", &old, 5, &err), &err);
    current = claim_only(f, "x").lease;
    assert_string_not_equal(old.nonce, current.nonce);

    assert_reason(ERR_CONFLICT, "lease_lost", release(f, "x", &old, 6, &err), &err);
    assert_reason(ERR_CONFLICT, "lease_lost", finish(f, "x", &old, &err), &err);
    assert_reason(ERR_CONFLICT, "lease_lost",
                  store_samples_put(f->store, "x", &old, &sample, 1, &err), &err);
    assert_reason(ERR_CONFLICT, "lease_lost",
                  store_execution_accept(f->store, &child, f->arena, &id, NULL, &err), &err);
    assert_int_equal(ERR_NOT_FOUND, store_execution_get(f->store, "child", f->arena, &e, &err));
    err = (struct error){0};
    ok(store_samples_get(f->store, "x", f->arena, &samples, &n, &err), &err);
    assert_int_equal(0, n);
    e = get(f, "x");
    assert_int_equal(EXECUTION_ACCEPTED, e.state);
    assert_int_equal(0, e.n_steps);
    assert_nothing_to_claim(f); /* still the second holder's */
    ok(finish(f, "x", &current, &err), &err);

    /* once it has ended nobody holds it */
    assert_reason(ERR_CONFLICT, "lease_lost", release(f, "x", &current, 6, &err), &err);
    assert_reason(ERR_CONFLICT, "already_ended", finish(f, "x", &current, &err), &err);
    assert_reason(ERR_CONFLICT, "lease_lost", release(f, "no such one", &current, 6, &err), &err);
    assert_reason(ERR_NOT_FOUND, "not_found", finish(f, "no such one", &current, &err), &err);
    assert_true(next_due(f) == DUE_NEVER);
}

static void a_release_says_when_it_goes_on(void **state)
{
    struct fixture *f = *state;
    int64_t later_ms = clock_wall_ms() + 3600000;
    struct lease lease = accept_claimed(f, "x");
    struct error err = {0};

    assert_nothing_to_claim(f); /* it was accepted under a lease */
    assert_true(next_due(f) == DUE_NEVER);
    ok(store_execution_release(f->store, "x", &lease, later_ms, str_of("{\"n\":1}"), &err), &err);
    assert_true(next_due(f) == later_ms);
    assert_nothing_to_claim(f);
    assert_true(str_is(get(f, "x").body, "{\"n\":1}"));
    assert_true(get(f, "x").due_unix_ms == later_ms);
    shut(f);
    exec_sql(f, "UPDATE execution SET due_unix_ms = 8");
    open_store(f);
    lease = claim_only(f, "x").lease;
    ok(release(f, "x", &lease, 9, &err), &err); /* an empty body leaves the old one */
    assert_true(str_is(get(f, "x").body, "{\"n\":1}"));
}

/* --- ends --- */

static void the_first_end_stays(void **state)
{
    struct fixture *f = *state;
    struct lease lease = accept_claimed(f, "x");
    struct stored_execution cancel = {
        .id = "x", .state = EXECUTION_CANCELLED, .ended_unix_ms = 50, .score = NAN};
    const struct stored_series series = {SERIES_METRIC_SETS, "serinus", "s", 1, str_of("late")};
    const struct stored_notification told = {"event", "sink", str_of("{}")};
    const struct ending late = {.execution = &cancel,
                                .lease = &lease,
                                .series = &series,
                                .n_series = 1,
                                .notifications = &told,
                                .n_notifications = 1};
    struct stored_series got_series = {0};
    struct outbox_sink *sinks = NULL;
    struct stored_execution got;
    struct error err = {0};
    size_t n = 1;

    ok(finish_one(f->store, &cancel, NULL, 0, &err), &err); /* needs no lease */
    cancel.state = EXECUTION_SUCCEEDED;
    cancel.body = str_of("{}");
    assert_reason(ERR_CONFLICT, "already_ended", store_execution_finish(f->store, &late, &err),
                  &err);
    assert_reason(ERR_CONFLICT, "already_ended", finish_one(f->store, &cancel, NULL, 0, &err),
                  &err);
    got = get(f, "x");
    assert_int_equal(EXECUTION_CANCELLED, got.state);
    assert_int_equal(50, got.ended_unix_ms);
    assert_true(got.body.n_bytes == 0 && isnan(got.score));
    assert_int_equal(ERR_NOT_FOUND, store_series_get(f->store, SERIES_METRIC_SETS, "serinus", "s",
                                                     f->arena, &got_series, &err));
    err = (struct error){0};
    ok(store_outbox_sinks(f->store, f->arena, &sinks, &n, &err), &err);
    assert_int_equal(0, n);
}

static void an_end_is_kept_whole(void **state)
{
    struct fixture *f = *state;
    struct lease lease = accept_claimed(f, "x");
    struct stored_execution got;
    struct error err = {0};

    ok(finish(f, "x", &lease, &err), &err);
    reopen(f);
    got = get(f, "x");
    assert_int_equal(EXECUTION_SUCCEEDED, got.state);
    assert_int_equal(77, got.ended_unix_ms);
    assert_string_equal("pass", got.verdict);
    assert_near(91.25, got.score, 0);
    assert_true(str_is(got.body, "{\"end\":1}") && str_is(got.submission, "{\"plan\":[1]}"));
    assert_nothing_to_claim(f);
}

/* --- samples --- */

static void samples_are_kept_until_the_end(void **state)
{
    struct fixture *f = *state;
    struct lease lease = accept_claimed(f, "x"), other = accept_claimed(f, "y");
    const struct stored_sample first[] = {{7, SIDE_EXPERIMENT, {"\x0A\0\xFF", 3}},
                                          {0, SIDE_CONTROL, str_of("zero")}};
    const struct stored_sample again[] = {{7, SIDE_EXPERIMENT, str_of("a second answer")},
                                          {7, SIDE_CONTROL, {"", 0}}};
    struct stored_sample *got = NULL;
    struct error err = {0};
    size_t n = 0;

    ok(store_samples_put(f->store, "x", &lease, first, 2, &err), &err);
    ok(store_samples_put(f->store, "x", &lease, again, 2, &err), &err);
    ok(store_samples_put(f->store, "y", &other, first, 1, &err), &err);
    reopen(f);
    ok(store_samples_get(f->store, "x", f->arena, &got, &n, &err), &err);
    assert_int_equal(3, n); /* by metric, then side */
    assert_true(got[0].metric_index == 0 && got[0].side == SIDE_CONTROL);
    assert_true(str_is(got[0].payload, "zero"));
    assert_true(got[1].metric_index == 7 && got[1].side == SIDE_CONTROL);
    assert_int_equal(0, got[1].payload.n_bytes);
    assert_true(got[2].metric_index == 7 && got[2].side == SIDE_EXPERIMENT);
    assert_int_equal(3, got[2].payload.n_bytes);
    assert_memory_equal("\x0A\0\xFF", got[2].payload.bytes, 3); /* the first one stays */

    ok(finish(f, "x", NULL, &err), &err);
    ok(store_samples_get(f->store, "x", f->arena, &got, &n, &err), &err);
    assert_int_equal(0, n);
    ok(store_samples_get(f->store, "y", f->arena, &got, &n, &err), &err);
    assert_int_equal(1, n);
    ok(store_samples_get(f->store, "no such one", f->arena, &got, &n, &err), &err);
    assert_int_equal(0, n);
}

/* --- analyses --- */

static struct acceptance judgement_of(const char *parent_id, const char *id,
                                      const struct lease *parent_lease)
{
    struct acceptance acceptance = {
        .execution = execution_of(id, "shop", 2),
        .parent_lease = parent_lease,
        .parent_body = str_of("{\"steps\":1}"),
    };

    acceptance.execution.parent_id = parent_id;
    return acceptance;
}

static void a_judgement_wakes_its_analysis(void **state)
{
    struct fixture *f = *state;
    struct lease lease = accept_claimed(f, "analysis"), child_lease;
    struct acceptance child = judgement_of("analysis", "child", &lease);
    struct stored_execution got;
    const char *id = NULL;
    struct error err = {0};

    child.is_claimed = true;
    ok(store_execution_accept(f->store, &child, f->arena, &id, &child_lease, &err), &err);
    got = get(f, "analysis");
    assert_int_equal(1, got.n_steps);
    assert_true(got.due_unix_ms == DUE_NEVER);
    assert_true(str_is(got.body, "{\"steps\":1}"));
    assert_string_equal("analysis", get(f, "child").parent_id);
    assert_reason(ERR_CONFLICT, "lease_lost", release(f, "analysis", &lease, 1, &err), &err);
    assert_nothing_to_claim(f);
    assert_true(next_due(f) == DUE_NEVER);

    ok(finish(f, "child", &child_lease, &err), &err);
    assert_true(next_due(f) == DUE_AT_ONCE);
    lease = claim_only(f, "analysis").lease;

    /* one that has ended has no next judgement, and is not woken */
    child = judgement_of("analysis", "child 2", &lease);
    ok(store_execution_accept(f->store, &child, f->arena, &id, NULL, &err), &err);
    assert_int_equal(2, get(f, "analysis").n_steps);
    ok(finish(f, "analysis", NULL, &err), &err);
    child = judgement_of("analysis", "child 3", &lease);
    assert_reason(ERR_CONFLICT, "lease_lost",
                  store_execution_accept(f->store, &child, f->arena, &id, NULL, &err), &err);
    ok(finish(f, "child 2", NULL, &err), &err);
    assert_true(next_due(f) == DUE_NEVER);
}

static void a_judgement_that_is_over_at_once_wakes_too(void **state)
{
    struct fixture *f = *state;
    struct lease lease = accept_claimed(f, "analysis");
    struct acceptance child = judgement_of("analysis", "child", &lease);
    const char *id = NULL;
    struct error err = {0};

    child.execution.state = EXECUTION_FAILED;
    child.execution.body = str_of("{\"why\":1}");
    ok(store_execution_accept(f->store, &child, f->arena, &id, NULL, &err), &err);
    assert_true(str_is(get(f, "child").body, "{\"why\":1}"));
    claim_only(f, "analysis");
}

/* --- crashes --- */

static void claim_all(struct fixture *f)
{
    size_t n = 0;

    claim_patiently(f, &n);
    if (n == 0)
        _exit(2);
}

static void crash_while_running(struct fixture *f)
{
    die_after(f, claim_all);
    open_store(f);
}

static void suspects_come_one_by_one_to_who_has_lived_for_a_while(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    size_t n = 0;

    for (int i = 0; i < 3; i++) {
        char id[2] = {(char)('a' + i), 0};
        struct stored_execution e = execution_of(id, "shop", 1);

        ok(accept_one(f->store, &e, &err), &err);
    }
    for (int i = 0; i < STORE_SUSPECT_CRASHES; i++)
        crash_while_running(f);
    assert_nothing_to_claim(f); /* just started */
    assert_true(next_due(f) < DUE_NEVER);
    claim_patiently(f, &n);
    assert_int_equal(1, n);
    assert_nothing_to_claim(f); /* one of them is out */
}

static void crashes_are_counted(void **state)
{
    struct fixture *f = *state;
    struct stored_execution e = execution_of("x", "shop", 1);
    const struct stored_sample sample = {0, SIDE_CONTROL, str_of("progress")};
    struct claim claim;
    struct error err = {0};

    ok(accept_one(f->store, &e, &err), &err);
    crash_while_running(f);
    claim = claim_only(f, "x");
    assert_int_equal(1, claim.n_crashes);
    reopen(f); /* a clean end gives leases back without counting */
    assert_reason(ERR_CONFLICT, "lease_lost", release(f, "x", &claim.lease, 1, &err), &err);
    claim = claim_only(f, "x");
    assert_int_equal(1, claim.n_crashes);
    reopen(f);
    crash_while_running(f);
    crash_while_running(f);
    claim = claim_only(f, "x");
    assert_int_equal(3, claim.n_crashes);

    ok(store_samples_put(f->store, "x", &claim.lease, &sample, 1, &err), &err); /* progress */
    reopen(f);
    assert_int_equal(0, claim_only(f, "x").n_crashes);
    reopen(f);
    crash_while_running(f);
    claim = claim_only(f, "x");
    assert_int_equal(1, claim.n_crashes);
    ok(release(f, "x", &claim.lease, 1, &err), &err); /* so is that */
    assert_int_equal(0, claim_only(f, "x").n_crashes);
}

/* --- idempotency --- */

static struct acceptance marked(const char *id, const struct idempotency *mark)
{
    return (struct acceptance){.execution = execution_of(id, "shop", 1), .idempotency = mark};
}

static void a_request_sent_twice_starts_once(void **state)
{
    struct fixture *f = *state;
    struct idempotency mark = {.scope = "ann /canary", .key = "deploy-17", .digest = {1, 2, 3}};
    struct idempotency other_scope = mark, other_key = mark, other_request = mark;
    struct acceptance acceptance = marked("a", &mark);
    struct lease lease = {"unset"};
    struct stored_execution got;
    struct error err = {0};
    const char *id = NULL;

    other_scope.scope = "bob /canary";
    other_key.key = "deploy-18";
    other_request.digest[31] = 9;
    ok(store_execution_accept(f->store, &acceptance, f->arena, &id, NULL, &err), &err);
    assert_string_equal("a", id);
    reopen(f);
    acceptance = marked("b", &mark);
    acceptance.is_claimed = true;
    ok(store_execution_accept(f->store, &acceptance, f->arena, &id, &lease, &err), &err);
    assert_string_equal("a", id);
    assert_string_equal("", lease.nonce); /* it is not ours to run */
    assert_int_equal(ERR_NOT_FOUND, store_execution_get(f->store, "b", f->arena, &got, &err));
    err = (struct error){0};

    acceptance = marked("c", &other_request);
    assert_reason(ERR_INVALID, "idempotency_mismatch",
                  store_execution_accept(f->store, &acceptance, f->arena, &id, NULL, &err), &err);
    acceptance = marked("d", &other_scope);
    ok(store_execution_accept(f->store, &acceptance, f->arena, &id, NULL, &err), &err);
    assert_string_equal("d", id);
    acceptance = marked("e", &other_key);
    ok(store_execution_accept(f->store, &acceptance, f->arena, &id, NULL, &err), &err);
    assert_string_equal("e", id);

    /* what was refused leaves no mark */
    other_key.key = "deploy-19";
    acceptance = marked("a", &other_key);
    assert_reason(ERR_CONFLICT, "id_taken",
                  store_execution_accept(f->store, &acceptance, f->arena, &id, NULL, &err), &err);
    acceptance = marked("f", &other_key);
    ok(store_execution_accept(f->store, &acceptance, f->arena, &id, NULL, &err), &err);
    assert_string_equal("f", id);
}

static void a_mark_is_kept_for_a_day(void **state)
{
    struct fixture *f = *state;
    struct idempotency mark = {.scope = "s", .key = "k"}, next = {.scope = "s", .key = "k2"};
    struct acceptance acceptance = marked("a", &mark);
    struct error err = {0};
    const char *id = NULL;

    ok(store_execution_accept(f->store, &acceptance, f->arena, &id, NULL, &err), &err);
    shut(f);
    exec_sql(f, "UPDATE idempotency SET created_unix_ms = created_unix_ms - 86390000");
    open_store(f);
    acceptance = marked("b", &mark);
    ok(store_execution_accept(f->store, &acceptance, f->arena, &id, NULL, &err), &err);
    assert_string_equal("a", id);
    shut(f);
    exec_sql(f, "UPDATE idempotency SET created_unix_ms = created_unix_ms - 20000;"
                "INSERT INTO idempotency SELECT scope, 'older', digest, '', 1 FROM idempotency");
    open_store(f);
    ok(store_execution_accept(f->store, &acceptance, f->arena, &id, NULL, &err), &err);
    assert_string_equal("b", id);
    acceptance = marked("c", &next);
    ok(store_execution_accept(f->store, &acceptance, f->arena, &id, NULL, &err), &err);
    shut(f);
    exec_sql(f, "CREATE TEMP TABLE t (n INTEGER CHECK (n = 2));" /* the old one is gone */
                "INSERT INTO t SELECT count(*) FROM idempotency");
    open_store(f);
}

/* --- the queue's limits --- */

#define FILL                                                                                       \
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %u)"                \
    " INSERT INTO execution (id, application, account, parent_id, config_id, config_name, kind,"   \
    " state, created_unix_ms, ended_unix_ms, due_unix_ms, n_steps, verdict)"                       \
    " SELECT 'fill' || %s || i, %s, '', '', '', '', 0, 0, i, 0, %s, 0, '' FROM n;"

static void one_application_cannot_fill_the_queue(void **state)
{
    struct fixture *f = *state;
    struct stored_execution e = execution_of("last", "shop", 1);
    struct acceptance child;
    struct lease lease;
    struct error err = {0};
    const char *id = NULL;

    shut(f);
    exec_sql(f, arena_printf(f->arena, FILL, QUEUE_MAX_PER_APPLICATION - 1, "''", "'shop'", "0"));
    open_store(f);
    assert_int_equal(1999, store_counters_read(f->store).unfinished);
    lease = accept_claimed(f, "analysis"); /* the 2000th */
    assert_reason(ERR_BUSY, "queue_full", accept_one(f->store, &e, &err), &err);
    e.application = "other";
    ok(accept_one(f->store, &e, &err), &err);
    child = judgement_of("analysis", "child", &lease); /* has its place already */
    ok(store_execution_accept(f->store, &child, f->arena, &id, NULL, &err), &err);
    e = execution_of("over", "shop", 1);
    e.state = EXECUTION_SUCCEEDED; /* never stood in the queue */
    ok(accept_one(f->store, &e, &err), &err);
    e = execution_of("next", "shop", 1);
    assert_reason(ERR_BUSY, "queue_full", accept_one(f->store, &e, &err), &err);
    ok(finish(f, "child", NULL, &err), &err); /* takes no place, so gives none back */
    assert_reason(ERR_BUSY, "queue_full", accept_one(f->store, &e, &err), &err);
    ok(finish(f, "fill1", NULL, &err), &err);
    ok(accept_one(f->store, &e, &err), &err);
}

static void the_queue_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct stored_execution e = execution_of("a", "shop", 1);
    struct idempotency mark = {.scope = "s", .key = "k"};
    struct acceptance acceptance;
    const char *id = NULL;
    struct error err = {0};

    shut(f);
    exec_sql(f,
             arena_printf(f->arena, FILL, QUEUE_MAX_PENDING - 1, "''", "'app' || (i % 100)", "0"));
    open_store(f);
    acceptance = marked("a", &mark);
    ok(store_execution_accept(f->store, &acceptance, f->arena, &id, NULL, &err), &err);
    e.id = "b";
    assert_reason(ERR_BUSY, "queue_full", accept_one(f->store, &e, &err), &err);
    acceptance = marked("c", &mark); /* what was accepted before is not refused now */
    ok(store_execution_accept(f->store, &acceptance, f->arena, &id, NULL, &err), &err);
    assert_string_equal("a", id);
    ok(finish(f, "a", NULL, &err), &err);
    ok(accept_one(f->store, &e, &err), &err);
    e.id = "c";
    assert_reason(ERR_BUSY, "queue_full", accept_one(f->store, &e, &err), &err);
}

/* --- many at once --- */

static void ten_thousand_wait_and_five_hundred_are_due(void **state)
{
    struct fixture *f = *state;
    int64_t start_ms;
    size_t n = 0, n_claimed = 0;

    shut(f);
    exec_sql(f, arena_printf(f->arena, FILL, 500u, "''", "'app' || (i % 50)", "i"));
    exec_sql(f, arena_printf(f->arena, FILL, 9500u, "'later'", "'app' || (i % 50)",
                             "4102444800000 + i"));
    exec_sql(f, "UPDATE execution SET lease_nonce = id WHERE seq % 100 = 0");
    start_ms = clock_mono_ms();
    open_store(f);
    assert_true(clock_mono_ms() - start_ms < 1000); /* the target is 2 s for all of a start */
    assert_int_equal(10000, store_counters_read(f->store).unfinished);
    start_ms = clock_mono_ms();
    do {
        struct claim *claims = claim_up_to(f, 16, &n);

        for (size_t i = 0; i < n; i++) {
            struct error err = {0};

            ok(finish(f, claims[i].execution.id, &claims[i].lease, &err), &err);
        }
        n_claimed += n;
    } while (n);
    assert_int_equal(500, n_claimed);
    print_message("500 claimed and finished one by one in %d ms\n",
                  (int)(clock_mono_ms() - start_ms));
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_STORE(every_column_is_kept),
        WITH_STORE(the_longest_due_is_claimed_first),
        WITH_STORE(what_is_due_at_once_and_at_a_time_share),
        WITH_STORE(they_share_single_slots_too),
        WITH_STORE(an_old_lease_writes_nothing),
        WITH_STORE(a_release_says_when_it_goes_on),
        WITH_STORE(the_first_end_stays),
        WITH_STORE(an_end_is_kept_whole),
        WITH_STORE(samples_are_kept_until_the_end),
        WITH_STORE(a_judgement_wakes_its_analysis),
        WITH_STORE(a_judgement_that_is_over_at_once_wakes_too),
        WITH_STORE(suspects_come_one_by_one_to_who_has_lived_for_a_while),
        WITH_STORE(crashes_are_counted),
        WITH_STORE(a_request_sent_twice_starts_once),
        WITH_STORE(a_mark_is_kept_for_a_day),
        WITH_STORE(one_application_cannot_fill_the_queue),
        WITH_STORE(the_queue_is_bounded),
        WITH_STORE(ten_thousand_wait_and_five_hundred_are_due),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
