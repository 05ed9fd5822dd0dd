/* What was lost is noticed, and what an operator does about it: status, check, backup, restore,
 * accepting the loss. */
#include "tests/unit/analyzer/store_fixture.h"

#include "analyzer/store_admin.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

static int set_up(void **state)
{
    *state = open_fixture();
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"copy",
                                        "copy-wal",
                                        "copy-shm",
                                        "old",
                                        "serinus.db.restoring",
                                        "serinus.db.before-restore",
                                        "serinus.db.before-restore-wal"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlink(path_of(f, names[i]));
    close_fixture(f);
    return 0;
}

static void put(struct fixture *f, const char *id)
{
    struct stored_execution e = execution_of(id, "shop", 1);
    struct error err = {0};

    ok(accept_one(f->store, &e, &err), &err);
}

static bool has(struct fixture *f, const char *id)
{
    struct stored_execution e = {0};
    struct error err = {0};

    return store_execution_get(f->store, id, f->arena, &e, &err) == ERR_OK;
}

static void copy_file(struct fixture *f, const char *from, const char *to)
{
    size_t n = 0;
    char *bytes = read_file(path_of(f, from), &n);
    int fd = open(path_of(f, to), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_int_equal(n, write(fd, bytes, n));
    close(fd);
    free(bytes);
}

static struct store_status status_of(struct fixture *f)
{
    struct store_status status = {0};
    struct error err = {0};

    ok(store_status_read(f->store, &status, &err), &err);
    return status;
}

/* --- losses --- */

static void put_three(struct fixture *f)
{
    put(f, "a");
    put(f, "b");
    put(f, "c");
}

static void put_another(struct fixture *f)
{
    put(f, "another");
}

static void lose_log(struct fixture *f)
{
    unlink(path_of(f, "serinus.db-wal"));
}

static void cut_log(struct fixture *f)
{
    struct stat info;

    assert_int_equal(0, stat(path_of(f, "serinus.db-wal"), &info));
    assert_int_equal(0, truncate(path_of(f, "serinus.db-wal"), info.st_size - 2000));
}

/* Of the next to last commit: what follows a broken frame is not read. */
static void flip_byte_in_log(struct fixture *f)
{
    const char *path = path_of(f, "serinus.db-wal");
    struct stat info;
    int fd = open(path, O_RDWR);
    unsigned char byte;

    assert_int_equal(0, fstat(fd, &info));
    assert_int_equal(1, pread(fd, &byte, 1, info.st_size - 9000));
    byte ^= 1;
    assert_int_equal(1, pwrite(fd, &byte, 1, info.st_size - 9000));
    close(fd);
}

static void empty_all(struct fixture *f)
{
    lose_log(f);
    assert_int_equal(0, truncate(path_of(f, "serinus.db"), 0));
}

static void lose_database(struct fixture *f)
{
    lose_log(f);
    unlink(path_of(f, "serinus.db"));
}

static void put_old_copy_back(struct fixture *f)
{
    lose_log(f);
    copy_file(f, "old", "serinus.db");
}

static void put_other_database(struct fixture *f)
{
    sqlite3 *db = NULL;

    put_old_copy_back(f);
    assert_int_equal(SQLITE_OK, sqlite3_open(path_of(f, "serinus.db"), &db));
    assert_int_equal(SQLITE_OK, sqlite3_exec(db,
                                             "UPDATE meta SET store_id = 'other', sequence = 99;"
                                             "PRAGMA wal_checkpoint(TRUNCATE)",
                                             NULL, NULL, NULL));
    sqlite3_close(db);
}

static const struct loss {
    const char *name;
    void (*lose)(struct fixture *f);
    bool keeps_schema;
} losses[] = {
    {"the log deleted", lose_log, true},
    {"the log cut", cut_log, true},
    {"a byte of the log", flip_byte_in_log, true},
    {"all emptied", empty_all, false},
    {"the database deleted", lose_database, false},
    {"an old copy", put_old_copy_back, true},
    {"another database", put_other_database, true},
};

/* A process accepts three executions and dies, so that they are in the log. */
static void die_with_a_log(struct fixture *f)
{
    shut(f); /* moves what there is into the database */
    copy_file(f, "serinus.db", "old");
    die_after(f, put_three);
}

static void every_loss_is_noticed_until_it_is_accepted(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(losses); i++) {
        struct stored_execution e = execution_of("new", "shop", 1);
        struct store_status status = {0};
        struct error err = {0};

        row("%s", losses[i].name);
        put(f, arena_printf(f->arena, "kept%zu", i));
        die_with_a_log(f);
        losses[i].lose(f);
        for (int start = 0; start < 2; start++) { /* starting again does not make it good */
            open_store(f);
            assert_reason(ERR_BUSY, "store_rollback_detected", accept_one(f->store, &e, &err),
                          &err);
            assert_reason(ERR_BUSY, "store_rollback_detected", store_check(f->store, &err), &err);
            assert_int_equal(ERR_OK, store_failure(f->store, &err)); /* it may stay up */
            assert_int_equal(losses[i].keeps_schema,
                             has(f, arena_printf(f->arena, "kept%zu", i))); /* reads go on */
            if (!losses[i].keeps_schema) {
                struct stored_execution *list = NULL;
                struct execution_filter all = {.limit = 10};
                size_t n = 0;

                assert_reason(ERR_BUSY, "store_rollback_detected",
                              store_execution_list(f->store, &all, f->arena, &list, &n, &err),
                              &err);
            }
            status = status_of(f);
            assert_true(status.is_rolled_back);
            shut(f);
        }
        ok(store_accept_rollback(f->dir, NULL, &status, &err), &err);
        assert_true(status.is_rolled_back);
        open_store(f);
        ok(accept_one(f->store, &e, &err), &err);
        ok(store_check(f->store, &err), &err);
        status = status_of(f);
        assert_false(status.is_rolled_back);
        assert_true(status.sequence == status.audit_sequence);
        reopen(f);
        assert_true(has(f, "new"));
        shut(f);
        assert_int_equal(ERR_CONFLICT, store_accept_rollback(f->dir, NULL, &status, &err));
        tear_down(state); /* a fresh folder for the next loss */
        set_up(state);
        f = *state;
    }
}

static void nothing_lost_is_no_alarm(void **state)
{
    struct fixture *f = *state;
    struct store_status status;
    struct error err = {0};

    die_with_a_log(f); /* the log is there */
    open_store(f);
    ok(store_check(f->store, &err), &err);
    assert_true(has(f, "c"));
    status = status_of(f);
    assert_int_equal(3, status.sequence);
    assert_int_equal(3, status.audit_sequence);

    shut(f); /* behind or gone, the audit file is brought up to date */
    unlink(path_of(f, "serinus.audit"));
    open_store(f);
    assert_int_equal(3, status_of(f).audit_sequence);
    ok(store_check(f->store, &err), &err);
    put(f, "d");
    shut(f);
    assert_int_equal(0, truncate(path_of(f, "serinus.audit"), 4096)); /* the older of its slots */
    open_store(f);
    ok(store_check(f->store, &err), &err);
    assert_int_equal(4, status_of(f).audit_sequence);
}

/* A record that was being written when the power went leaves the one before. */
static void a_broken_audit_record_is_not_read(void **state)
{
    struct fixture *f = *state;
    struct stat info;

    for (int i = 0; i < 10; i++)
        put(f, arena_printf(f->arena, "e%d", i));
    shut(f);
    assert_int_equal(0, stat(path_of(f, "serinus.audit"), &info));
    assert_true(info.st_size <= 8192); /* however many commits there were */
    assert_int_equal(0600, info.st_mode & 07777);
    for (int slot = 0; slot < 2; slot++) {
        char was[60], broken[60] = "serinus-audit 1 0123456789abcdef";
        int fd = open(path_of(f, "serinus.audit"), O_RDWR);
        int64_t sequence;

        assert_int_equal(sizeof(was), pread(fd, was, sizeof(was), slot * 4096));
        assert_int_equal(sizeof(was), pwrite(fd, broken, sizeof(broken), slot * 4096));
        {
            struct store *store = NULL;
            struct store_status status = {0};
            struct error err = {0};

            ok(store_look(f->dir, NULL, &store, &err), &err);
            ok(store_status_read(store, &status, &err), &err);
            sequence = status.audit_sequence;
            store_close(store);
        }
        assert_true(sequence == 9 || sequence == 10);
        assert_int_equal(sizeof(was), pwrite(fd, was, sizeof(was), slot * 4096));
        close(fd);
    }
}

/* What clients rely on is counted, what the service does by itself is not. */
static void what_is_counted(void **state)
{
    struct fixture *f = *state;
    static const char *const apps[] = {"shop"};
    const struct stored_config config = {.account = "",
                                         .id = "c",
                                         .name = "n",
                                         .applications = apps,
                                         .n_applications = 1,
                                         .json = {"{}", 2}};
    struct stored_execution e = execution_of("x", "shop", 1);
    struct claim *claims = NULL;
    struct error err = {0};
    size_t n = 0;

    ok(store_config_create(f->store, &config, &err), &err);
    assert_int_equal(1, status_of(f).audit_sequence);
    ok(accept_one(f->store, &e, &err), &err);
    assert_int_equal(2, status_of(f).audit_sequence);
    ok(store_execution_claim(f->store, 1, f->arena, &claims, &n, &err), &err);
    ok(store_execution_release(f->store, "x", &claims[0].lease, 1, str_of("{}"), &err), &err);
    ok(store_check(f->store, &err), &err);
    assert_int_equal(2, status_of(f).audit_sequence);
    e.state = EXECUTION_CANCELLED;
    ok(finish_one(f->store, &e, NULL, 0, &err), &err);
    assert_int_equal(3, status_of(f).audit_sequence);
    assert_reason(ERR_CONFLICT, "already_ended", finish_one(f->store, &e, NULL, 0, &err), &err);
    assert_int_equal(3, status_of(f).audit_sequence); /* nothing was changed */
}

/* --- looking --- */

static void looking_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct stored_execution e = execution_of("new", "shop", 1);
    struct store_status status;
    struct error err = {0};
    size_t n_before = 0, n_after = 0;
    char *before, *after;

    put(f, "x");
    die_with_a_log(f);
    before = read_file(path_of(f, "serinus.db-wal"), &n_before);
    ok(store_look(f->dir, NULL, &f->store, &err), &err);
    assert_reason(ERR_BUSY, "read_only", accept_one(f->store, &e, &err), &err);
    ok(store_verify(f->store, &err), &err);
    status = status_of(f);
    assert_int_equal(1, status.schema);
    assert_int_equal(1, status.newest_schema);
    assert_false(status.is_rolled_back);
    assert_int_equal(4, status.sequence);
    assert_int_equal(4, status.n_executions);
    assert_int_equal(4, status.n_unfinished);
    assert_int_equal(0, status.n_configs);
    assert_int_equal(0, status.n_notifications);
    assert_true(status.db_bytes > 4096 && status.log_bytes == (int64_t)n_before);
    shut(f);
    after = read_file(path_of(f, "serinus.db-wal"), &n_after);
    assert_int_equal(n_before, n_after);
    assert_memory_equal(before, after, n_before);
    free(before);
    free(after);
    assert_int_equal(ERR_NOT_FOUND, store_look("/nonexistent", NULL, &f->store, &err));
}

/* --- copies --- */

static void a_copy_holds_all_and_is_private(void **state)
{
    struct fixture *f = *state;
    const char *copy = path_of(f, "copy");
    struct error err = {0};
    struct stat info;

    put_three(f);
    ok(store_backup(f->store, copy, &err), &err); /* while it is in use */
    assert_int_equal(0, stat(copy, &info));
    assert_int_equal(0600, info.st_mode & 07777);
    assert_int_not_equal(0, stat(path_of(f, "copy-wal"), &info)); /* one file */
    assert_int_equal(ERR_CONFLICT, store_backup(f->store, copy, &err));
    err = (struct error){0};
    assert_int_equal(ERR_IO, store_backup(f->store, path_of(f, "none/copy"), &err));
    err = (struct error){0};

    put(f, "d");
    assert_reason(ERR_BUSY, "store_locked", store_restore(f->dir, copy, NULL, &err), &err);
    shut(f);
    ok(store_restore(f->dir, copy, NULL, &err), &err);
    open_store(f);
    ok(store_check(f->store, &err), &err); /* no alarm: it was asked for */
    assert_true(has(f, "a") && has(f, "c") && !has(f, "d"));
    put(f, "e");
    shut(f);
    assert_int_equal(0, stat(path_of(f, "serinus.db.before-restore"), &info));
    assert_int_equal(ERR_CONFLICT, store_restore(f->dir, copy, NULL, &err)); /* not that one too */
    err = (struct error){0};
    assert_int_equal(0, rename(path_of(f, "serinus.db.before-restore"), path_of(f, "serinus.db")));
    open_store(f); /* the kept one is whole, and known to be behind */
    assert_true(has(f, "d"));
    assert_reason(ERR_BUSY, "store_rollback_detected", store_check(f->store, &err), &err);
}

static void what_is_no_copy_is_not_restored(void **state)
{
    struct fixture *f = *state;
    const char *copy = path_of(f, "copy");
    struct error err = {0};
    int fd;

    put_three(f);
    ok(store_backup(f->store, copy, &err), &err);
    shut(f);
    fd = open(copy, O_RDWR);
    assert_int_equal(1, pwrite(fd, "\x77", 1, 8192)); /* a page's type */
    close(fd);
    assert_int_equal(ERR_INVALID, store_restore(f->dir, copy, NULL, &err));
    err = (struct error){0};
    fd = open(copy, O_RDWR | O_TRUNC);
    close(fd);
    assert_int_equal(ERR_INVALID, store_restore(f->dir, copy, NULL, &err));
    err = (struct error){0};
    assert_int_equal(ERR_NOT_FOUND, store_restore(f->dir, path_of(f, "none"), NULL, &err));
    err = (struct error){0};
    open_store(f); /* and the database is as it was */
    ok(store_check(f->store, &err), &err);
    assert_true(has(f, "c"));
}

/* What the service says to do when its database is damaged or emptied. */
static void a_copy_replaces_what_is_broken(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    int fd;

    put_three(f);
    ok(store_backup(f->store, path_of(f, "copy"), &err), &err);
    shut(f);
    fd = open(path_of(f, "serinus.db"), O_RDWR);
    assert_int_equal(9, pwrite(fd, "no SQLite", 9, 0));
    close(fd);
    assert_reason(ERR_IO, "store_damaged", store_open(f->dir, NULL, &f->store, &err), &err);
    ok(store_restore(f->dir, path_of(f, "copy"), NULL, &err), &err);
    open_store(f);
    ok(store_check(f->store, &err), &err);
    assert_true(has(f, "a"));
    die_after(f, put_another);
    assert_int_equal(0, truncate(path_of(f, "serinus.db"), 0));
    assert_reason(ERR_IO, "store_damaged", store_open(f->dir, NULL, &f->store, &err), &err);
    unlink(path_of(f, "serinus.db.before-restore"));
    ok(store_restore(f->dir, path_of(f, "copy"), NULL, &err), &err);
    open_store(f);
    ok(store_check(f->store, &err), &err);
}

/* A service whose database was lost goes on with a copy on another machine. */
static void a_copy_starts_a_new_folder(void **state)
{
    struct fixture *f = *state;
    struct fixture *other = open_fixture();
    struct error err = {0};

    put_three(f);
    ok(store_backup(f->store, path_of(f, "copy"), &err), &err);
    shut(other);
    unlink(path_of(other, "serinus.db"));
    unlink(path_of(other, "serinus.audit"));
    ok(store_restore(other->dir, path_of(f, "copy"), NULL, &err), &err);
    open_store(other);
    ok(store_check(other->store, &err), &err);
    assert_true(has(other, "b"));
    close_fixture(other);
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_STORE(every_loss_is_noticed_until_it_is_accepted),
        WITH_STORE(nothing_lost_is_no_alarm),
        WITH_STORE(a_broken_audit_record_is_not_read),
        WITH_STORE(what_is_counted),
        WITH_STORE(looking_changes_nothing),
        WITH_STORE(a_copy_holds_all_and_is_private),
        WITH_STORE(what_is_no_copy_is_not_restored),
        WITH_STORE(a_copy_replaces_what_is_broken),
        WITH_STORE(a_copy_starts_a_new_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
