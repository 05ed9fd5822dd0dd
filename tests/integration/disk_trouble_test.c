/* A disk that is full, or that fails: what is refused says so, reads go on, nothing acknowledged is
 * lost, and no restart is needed, unless the disk has lost what it was told to keep. */
#include "tests/unit/analyzer/store_fixture.h"

#include "tests/crash_vfs.h"

#include <sqlite3.h>

struct trouble {
    struct crash_vfs *vfs;
    struct fixture *f;
};

static int set_up(void **state)
{
    struct trouble *t = calloc(1, sizeof(*t));

    t->vfs = crash_vfs_create(7);
    t->f = open_fixture();
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct trouble *t = *state;

    close_fixture(t->f);
    crash_vfs_free(t->vfs);
    free(t);
    return 0;
}

static enum err_code put(struct fixture *f, const char *id, struct error *err)
{
    struct stored_execution e = execution_of(id, "shop", 1);

    return accept_one(f->store, &e, err);
}

static bool has(struct fixture *f, const char *id)
{
    struct stored_execution e = {0};
    struct error err = {0};

    return store_execution_get(f->store, id, f->arena, &e, &err) == ERR_OK;
}

static enum err_code finish(struct fixture *f, const struct claim *claim, struct error *err)
{
    const struct stored_execution end = {
        .id = claim->execution.id, .state = EXECUTION_SUCCEEDED, .score = NAN, .body = {"{}", 2}};
    const struct ending ending = {.execution = &end, .lease = &claim->lease};

    return store_execution_finish(f->store, &ending, err);
}

/* Promise P10, both ways in which SQLite says that there is no room, and in each file. */
static void a_full_disk_is_waited_out(void **state)
{
    static const struct {
        const char *name, *suffix;
        int rc;
    } cases[] = {
        {"no space for the log", "-wal", SQLITE_FULL},
        {"over a quota in the log", "-wal", SQLITE_IOERR_WRITE},
        {"no space for the audit record", ".audit", SQLITE_FULL},
        {"over a quota in the audit file", ".audit", SQLITE_IOERR_WRITE},
    };
    struct trouble *t = *state;
    struct fixture *f = t->f;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct crash_fault fault = {
            .suffix = cases[i].suffix, .in_writes = true, .rc = cases[i].rc, .n_times = 1000000};
        const char *before = arena_printf(f->arena, "before%zu", i);
        struct claim *claims = NULL;
        struct error err = {0};
        size_t n = 0;

        row("%s", cases[i].name);
        ok(put(f, before, &err), &err);
        ok(store_execution_claim(f->store, 1, f->arena, &claims, &n, &err), &err);
        assert_int_equal(1, n);
        crash_vfs_fault(t->vfs, &fault);
        for (int attempt = 0; attempt < 3; attempt++)
            assert_reason(ERR_BUSY, "disk_low",
                          put(f, arena_printf(f->arena, "refused%zu-%d", i, attempt), &err), &err);
        if (strcmp(cases[i].suffix, "-wal") == 0)
            assert_reason(ERR_BUSY, "disk_low", finish(f, &claims[0], &err), &err);
        assert_true(has(f, before)); /* reads go on */
        assert_int_equal(ERR_OK, store_failure(f->store, &err));
        assert_true(crash_vfs_n_faults(t->vfs) > 0);

        crash_vfs_fault(t->vfs, NULL); /* room again */
        ok(finish(f, &claims[0], &err), &err);
        ok(put(f, arena_printf(f->arena, "after%zu", i), &err), &err);
        ok(store_check(f->store, &err), &err);
        ok(store_execution_claim(f->store, 100, f->arena, &claims, &n, &err), &err);
        for (size_t k = 0; k < n; k++)
            ok(finish(f, &claims[k], &err), &err);
    }
    reopen(f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        row("%s", cases[i].name);
        assert_true(has(f, arena_printf(f->arena, "before%zu", i)));
        assert_true(has(f, arena_printf(f->arena, "after%zu", i)));
    }
}

/* The commit that accepts one can hold although its record fails: then somebody else takes it up,
 * for nobody knows that it is his. */
static void a_refused_start_keeps_no_lease(void **state)
{
    const struct crash_fault fault = {
        .suffix = ".audit", .in_writes = true, .rc = SQLITE_FULL, .n_times = 1};
    struct trouble *t = *state;
    struct fixture *f = t->f;
    const struct acceptance acceptance = {.execution = execution_of("unsure", "shop", 1),
                                          .is_claimed = true};
    struct claim *claims = NULL;
    struct lease lease;
    struct error err = {0};
    const char *id;
    size_t n = 0;

    ok(store_check(f->store, &err), &err);
    crash_vfs_fault(t->vfs, &fault);
    assert_reason(ERR_BUSY, "disk_low",
                  store_execution_accept(f->store, &acceptance, f->arena, &id, &lease, &err), &err);
    crash_vfs_fault(t->vfs, NULL);
    ok(store_execution_claim(f->store, 1, f->arena, &claims, &n, &err), &err);
    assert_int_equal(1, n);
    assert_string_equal("unsure", claims[0].execution.id);
}

/* A failed sync cannot be made good by trying again: the kernel forgets what it could not write. */
static void a_failed_sync_ends_writing(void **state)
{
    static const char *const suffixes[] = {"-wal", ".audit"};
    struct trouble *t = *state;

    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        const struct crash_fault fault = {
            .suffix = suffixes[i], .in_syncs = true, .rc = SQLITE_IOERR_FSYNC, .n_times = 1};
        struct fixture *f = t->f;
        struct error err = {0};

        row("%s", suffixes[i]);
        ok(put(f, arena_printf(f->arena, "a%zu", i), &err), &err);
        crash_vfs_fault(t->vfs, &fault);
        assert_int_not_equal(ERR_OK, put(f, arena_printf(f->arena, "b%zu", i), &err));
        err = (struct error){0};
        assert_int_equal(1, crash_vfs_n_faults(t->vfs)); /* from now on the disk is well */
        assert_reason(ERR_IO, "sync_failed", put(f, arena_printf(f->arena, "c%zu", i), &err), &err);
        assert_reason(ERR_IO, "sync_failed", store_check(f->store, &err), &err);
        assert_reason(ERR_IO, "sync_failed", store_failure(f->store, &err), &err);
        assert_true(has(f, arena_printf(f->arena, "a%zu", i)));
        reopen(f); /* as the next process does */
        ok(store_check(f->store, &err), &err);
        assert_true(has(f, arena_printf(f->arena, "a%zu", i)));
        assert_false(has(f, arena_printf(f->arena, "c%zu", i)));
    }
}

/* The n-th write fails, for every n: what said yes is there, what said no can be tried again. */
static void every_write_fails_once(void **state)
{
    struct trouble *t = *state;
    struct fixture *f = t->f;
    bool has_failed = true;

    for (unsigned n = 0; has_failed; n++) {
        const struct crash_fault fault = {
            .suffix = "", .in_writes = true, .rc = SQLITE_IOERR_WRITE, .n_skip = n, .n_times = 1};
        const char *id = arena_printf(f->arena, "x%u", n);
        struct claim *claims = NULL;
        struct error err = {0};
        size_t n_claims = 0;
        bool is_accepted;

        row("write %u", n);
        crash_vfs_fault(t->vfs, &fault);
        is_accepted = put(f, id, &err) == ERR_OK;
        if (!is_accepted) {
            assert_string_equal("disk_low", error_reason(&err));
            err = (struct error){0};
            /* a record that failed came after its commit */
            if (put(f, id, &err))
                assert_reason(ERR_CONFLICT, "id_taken", err.code, &err);
        }
        if (store_execution_claim(f->store, 1, f->arena, &claims, &n_claims, &err)) {
            err = (struct error){0};
            ok(store_execution_claim(f->store, 1, f->arena, &claims, &n_claims, &err), &err);
        }
        assert_int_equal(1, n_claims);
        assert_string_equal(id, claims[0].execution.id);
        if (finish(f, &claims[0], &err)) {
            assert_string_equal("disk_low", error_reason(&err));
            err = (struct error){0};
            if (finish(f, &claims[0], &err))
                assert_reason(ERR_CONFLICT, "already_ended", err.code, &err);
        }
        has_failed = crash_vfs_n_faults(t->vfs) == 1;
        crash_vfs_fault(t->vfs, NULL);
        if (n % 10 == 0)
            reopen(f);
        assert_true(has(f, id));
        assert_int_equal(0, store_counters_read(f->store).unfinished);
    }
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_full_disk_is_waited_out),
        WITH_STORE(a_refused_start_keeps_no_lease),
        WITH_STORE(a_failed_sync_ends_writing),
        WITH_STORE(every_write_fails_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
