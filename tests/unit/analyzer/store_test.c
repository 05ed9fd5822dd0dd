/* The result store against a real folder: what is acknowledged is there after a restart, a kill, a
 * full disk; what is refused changes nothing. */
#include "tests/unit/analyzer/store_fixture.h"

#include "base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const char *const apps_ab[] = {"checkout", "basket"}, *const apps_b[] = {"basket"},
                         *const apps_c[] = {"search"};

static struct stored_config config_of(const char *id, const char *name, const char *const *apps,
                                      size_t n_apps)
{
    return (struct stored_config){
        .account = "serinus",
        .id = id,
        .name = name,
        .applications = apps,
        .n_applications = n_apps,
        .updated_unix_ms = 1787220000123,
        .json = str_of("{\"name\":\"\xC3\xA9\"}"),
    };
}

static void configs_are_kept(void **state)
{
    struct fixture *f = open_fixture();
    struct stored_config a = config_of("id-a", "golden", apps_ab, 2), got = {0}, *list = NULL;
    struct error err = {0};
    size_t n = 0;

    (void)state;
    assert_int_equal(ERR_OK, store_config_create(f->store, &a, &err));
    for (int round = 0; round < 2; round++) {
        assert_int_equal(ERR_OK,
                         store_config_get(f->store, "serinus", "id-a", f->arena, &got, &err));
        assert_string_equal("serinus", got.account);
        assert_string_equal("id-a", got.id);
        assert_string_equal("golden", got.name);
        assert_true(got.updated_unix_ms == 1787220000123);
        assert_true(str_is(got.json, "{\"name\":\"\xC3\xA9\"}"));
        assert_int_equal(2, got.n_applications);
        assert_string_equal("checkout", got.applications[0]);
        assert_string_equal("basket", got.applications[1]);
        reopen(f);
    }

    a.name = "silver"; /* replace all of it */
    a.applications = apps_c;
    a.n_applications = 1;
    a.json = str_of("{}");
    a.updated_unix_ms = 5;
    assert_int_equal(ERR_OK, store_config_update(f->store, &a, &err));
    assert_int_equal(ERR_OK, store_config_get(f->store, "serinus", "id-a", f->arena, &got, &err));
    assert_string_equal("silver", got.name);
    assert_int_equal(1, got.n_applications);
    assert_string_equal("search", got.applications[0]);
    assert_true(got.updated_unix_ms == 5 && str_is(got.json, "{}"));

    assert_int_equal(ERR_OK, store_config_delete(f->store, "serinus", "id-a", &err));
    assert_error(ERR_NOT_FOUND, "No such object named id-a",
                 store_config_get(f->store, "serinus", "id-a", f->arena, &got, &err), &err);
    assert_error(ERR_NOT_FOUND, "Does not exist",
                 store_config_delete(f->store, "serinus", "id-a", &err), &err);
    assert_error(ERR_NOT_FOUND, "Canary config 'id-a' does not exist.",
                 store_config_update(f->store, &a, &err), &err);
    assert_int_equal(ERR_OK,
                     store_config_list(f->store, "serinus", NULL, 0, f->arena, &list, &n, &err));
    assert_int_equal(0, n); /* its applications went with it */
    close_fixture(f);
}

static void config_conflicts(void **state)
{
    struct fixture *f = open_fixture();
    struct stored_config a = config_of("a", "golden", apps_ab, 2);
    struct stored_config same_id = config_of("a", "other", apps_c, 1);
    struct stored_config same_name = config_of("b", "golden", apps_b, 1);
    struct stored_config other_app = config_of("c", "golden", apps_c, 1);
    struct stored_config both = config_of("d", "golden", apps_ab, 2);
    struct stored_config other_account = config_of("a", "golden", apps_ab, 2);
    struct stored_config no_app = config_of("e", "golden", NULL, 0);
    struct error err = {0};

    (void)state;
    assert_int_equal(ERR_OK, store_config_create(f->store, &a, &err));
    assert_error(ERR_CONFLICT, "Canary config 'a' already exists.",
                 store_config_create(f->store, &same_id, &err), &err);
    assert_error(ERR_CONFLICT,
                 "Canary config with name 'golden' already exists in the scope of applications "
                 "[basket].",
                 store_config_create(f->store, &same_name, &err), &err);
    assert_error(ERR_CONFLICT,
                 "Canary config with name 'golden' already exists in the scope of applications "
                 "[checkout, basket].",
                 store_config_create(f->store, &both, &err), &err);
    assert_int_equal(ERR_OK, store_config_create(f->store, &other_app, &err));
    assert_int_equal(ERR_OK, store_config_create(f->store, &no_app, &err));
    other_account.account = "kayenta-s3";
    assert_int_equal(ERR_OK, store_config_create(f->store, &other_account, &err));
    assert_int_equal(ERR_OK, store_config_update(f->store, &a, &err)); /* its own name is free */
    other_app.applications = apps_b; /* moves into the other one's application */
    assert_error(ERR_CONFLICT,
                 "Canary config with name 'golden' already exists in the scope of applications "
                 "[basket].",
                 store_config_update(f->store, &other_app, &err), &err);
    close_fixture(f);
}

static void configs_are_listed(void **state)
{
    struct fixture *f = open_fixture();
    struct stored_config configs[] = {
        config_of("2", "b", apps_ab, 2),
        config_of("1", "b", apps_c, 1),
        config_of("3", "a", apps_b, 1),
        config_of("4", "c", NULL, 0),
    };
    static const char *const wanted[] = {"search", "checkout"};
    struct stored_config *list = NULL;
    struct error err = {0};
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(configs); i++)
        assert_int_equal(ERR_OK, store_config_create(f->store, &configs[i], &err));
    assert_int_equal(ERR_OK,
                     store_config_list(f->store, "serinus", NULL, 0, f->arena, &list, &n, &err));
    assert_int_equal(4, n);
    assert_string_equal("3", list[0].id);
    assert_string_equal("1", list[1].id);
    assert_string_equal("2", list[2].id);
    assert_string_equal("4", list[3].id);
    assert_int_equal(2, list[2].n_applications);
    assert_string_equal("checkout", list[2].applications[0]);
    assert_int_equal(0, list[3].n_applications);
    assert_int_equal(0, list[0].json.n_bytes);
    assert_int_equal(ERR_OK,
                     store_config_list(f->store, "serinus", wanted, 2, f->arena, &list, &n, &err));
    assert_int_equal(2, n);
    assert_string_equal("1", list[0].id);
    assert_string_equal("2", list[1].id);
    assert_int_equal(ERR_OK,
                     store_config_list(f->store, "other", NULL, 0, f->arena, &list, &n, &err));
    assert_int_equal(0, n);
    close_fixture(f);
}

static void executions_are_kept(void **state)
{
    struct fixture *f = open_fixture();
    struct stored_execution e = execution_of("01A", "checkout", 17), got = {0};
    static const char payload[] = "\x0A\x02\0\xFF";
    struct stored_series series[] = {
        {SERIES_METRIC_SETS, "serinus", "s1", 20, {payload, 4}},
        {SERIES_METRIC_SET_PAIRS, "serinus", "s1", 21, {"", 0}},
    };
    struct stored_series got_series = {0};
    struct error err = {0};

    (void)state;
    assert_int_equal(ERR_OK, accept_one(f->store, &e, &err));
    assert_error(ERR_CONFLICT, "an execution \"01A\" already exists",
                 accept_one(f->store, &e, &err), &err);
    reopen(f);
    assert_int_equal(ERR_OK, store_execution_get(f->store, "01A", f->arena, &got, &err));
    assert_string_equal("checkout", got.application);
    assert_int_equal(EXECUTION_ACCEPTED, got.state);
    assert_int_equal(17, got.created_unix_ms);
    assert_int_equal(0, got.ended_unix_ms);
    assert_true(str_is(got.submission, "{\"plan\":[1]}"));
    assert_int_equal(0, got.body.n_bytes);

    e.state = EXECUTION_SUCCEEDED;
    e.ended_unix_ms = 23;
    e.body = str_of("{\"score\":95.5}");
    assert_int_equal(ERR_OK, finish_one(f->store, &e, series, 2, &err));
    reopen(f);
    assert_int_equal(ERR_OK, store_execution_get(f->store, "01A", f->arena, &got, &err));
    assert_int_equal(EXECUTION_SUCCEEDED, got.state);
    assert_int_equal(23, got.ended_unix_ms);
    assert_true(str_is(got.body, "{\"score\":95.5}"));
    assert_true(str_is(got.submission, "{\"plan\":[1]}"));
    assert_int_equal(ERR_OK, store_series_get(f->store, SERIES_METRIC_SETS, "serinus", "s1",
                                              f->arena, &got_series, &err));
    assert_int_equal(4, got_series.payload.n_bytes);
    assert_memory_equal(payload, got_series.payload.bytes, 4);
    assert_int_equal(20, got_series.updated_unix_ms);
    assert_int_equal(ERR_OK, store_series_get(f->store, SERIES_METRIC_SET_PAIRS, "serinus", "s1",
                                              f->arena, &got_series, &err));
    assert_int_equal(0, got_series.payload.n_bytes);

    /* the first end stays, and brings no series of the second */
    e.state = EXECUTION_FAILED;
    e.body = str_of("other");
    series[0].id = "s2";
    assert_error(ERR_CONFLICT, "the execution \"01A\" has already ended",
                 finish_one(f->store, &e, series, 1, &err), &err);
    assert_error(ERR_NOT_FOUND, "No such object named s2",
                 store_series_get(f->store, SERIES_METRIC_SETS, "serinus", "s2", f->arena,
                                  &got_series, &err),
                 &err);
    assert_int_equal(ERR_OK, store_execution_get(f->store, "01A", f->arena, &got, &err));
    assert_int_equal(EXECUTION_SUCCEEDED, got.state);

    e.id = "01B";
    assert_error(ERR_NOT_FOUND, "No such object named 01B", finish_one(f->store, &e, NULL, 0, &err),
                 &err);
    assert_error(ERR_NOT_FOUND, "No such object named 01B",
                 store_execution_get(f->store, "01B", f->arena, &got, &err), &err);
    assert_error(
        ERR_NOT_FOUND, "No such object named s1",
        store_series_get(f->store, SERIES_METRIC_SETS, "other", "s1", f->arena, &got_series, &err),
        &err);
    close_fixture(f);
}

static void series_are_replaced(void **state)
{
    struct fixture *f = open_fixture();
    struct stored_series series = {SERIES_METRIC_SETS, NULL, "x", 1, str_of("one")}, got = {0};
    struct error err = {0};

    (void)state;
    assert_int_equal(ERR_OK, store_series_put(f->store, &series, &err));
    series.payload = str_of("two!");
    series.updated_unix_ms = 2;
    assert_int_equal(ERR_OK, store_series_put(f->store, &series, &err));
    assert_int_equal(ERR_OK,
                     store_series_get(f->store, SERIES_METRIC_SETS, "", "x", f->arena, &got, &err));
    assert_true(str_is(got.payload, "two!") && got.updated_unix_ms == 2);
    close_fixture(f);
}

/* --- durability --- */

/* Accepting and finishing an execution are two commits and, in a warm store, two fsyncs each: of
 * the log and of the audit file. */
static void an_execution_costs_four_fsyncs(void **state)
{
    struct fixture *f = open_fixture();
    char body[4096];
    struct store_counters before, after;
    struct error err = {0};

    (void)state;
    memset(body, 'x', sizeof(body));
    for (int i = 0; i < 11; i++) {
        char id[16];
        struct stored_execution e;
        struct stored_series series[] = {
            {SERIES_METRIC_SETS, "serinus", id, 1, {body, sizeof(body)}},
            {SERIES_METRIC_SET_PAIRS, "serinus", id, 1, {body, sizeof(body)}},
        };

        if (i == 1) /* the first one still creates the log */
            before = store_counters_read(f->store);
        snprintf(id, sizeof(id), "id%d", i);
        e = execution_of(id, "x", i);
        assert_int_equal(ERR_OK, accept_one(f->store, &e, &err));
        e.state = EXECUTION_SUCCEEDED;
        e.body = (struct str){body, sizeof(body)};
        assert_int_equal(ERR_OK, finish_one(f->store, &e, series, 2, &err));
    }
    after = store_counters_read(f->store);
    assert_int_equal(20, after.commits - before.commits);
    assert_int_equal(20, after.writes - before.writes);
    assert_int_equal(40, after.fsyncs - before.fsyncs);
    assert_int_equal(0, after.errors);
    assert_int_equal(0, after.queued);

    /* a check writes nothing */
    assert_int_equal(ERR_OK, store_check(f->store, &err));
    assert_true(after.fsyncs == store_counters_read(f->store).fsyncs);
    assert_true(after.commits == store_counters_read(f->store).commits);
    close_fixture(f);
}

#define N_THREADS 8
#define N_PER_THREAD 50

struct worker {
    pthread_t thread;
    struct store *store;
    int number;
    int n_conflicts;
};

static void *work(void *arg)
{
    struct worker *w = arg;

    for (int i = 0; i < N_PER_THREAD; i++) {
        char id[32];
        struct stored_execution e, got = {0};
        struct stored_config config = config_of(id, "contended", apps_ab, 2);
        struct arena *arena = arena_create();
        struct error err = {0};

        snprintf(id, sizeof(id), "t%d-%d", w->number, i);
        e = execution_of(id, "x", i);
        if (accept_one(w->store, &e, &err) || store_execution_get(w->store, id, arena, &got, &err))
            abort();
        e.state = EXECUTION_SUCCEEDED;
        if (finish_one(w->store, &e, NULL, 0, &err))
            abort();
        /* fails for all but one, without harm to its neighbours in the same transaction */
        if (store_config_create(w->store, &config, &err) == ERR_CONFLICT)
            w->n_conflicts++;
        arena_free(arena);
    }
    return NULL;
}

static void threads_share_commits(void **state)
{
    struct fixture *f = open_fixture();
    struct worker workers[N_THREADS] = {{0}};
    struct execution_filter filter = {.states = 1u << EXECUTION_SUCCEEDED, .limit = SIZE_MAX};
    struct stored_execution *list = NULL;
    struct store_counters counters;
    struct error err = {0};
    size_t n = 0;
    int n_conflicts = 0;

    (void)state;
    for (int i = 0; i < N_THREADS; i++) {
        workers[i].store = f->store;
        workers[i].number = i;
        assert_int_equal(0, pthread_create(&workers[i].thread, NULL, work, &workers[i]));
    }
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        n_conflicts += workers[i].n_conflicts;
    }
    counters = store_counters_read(f->store);
    assert_int_equal(N_THREADS * N_PER_THREAD - 1, n_conflicts);
    assert_int_equal(N_THREADS * N_PER_THREAD * 2 + 1, counters.writes);
    assert_true(counters.commits < counters.writes); /* the group in group commit */
    assert_int_equal(0, counters.errors);
    reopen(f);
    assert_int_equal(ERR_OK, store_execution_list(f->store, &filter, f->arena, &list, &n, &err));
    assert_int_equal(N_THREADS * N_PER_THREAD, n);
    close_fixture(f);
}

/* Promise P1: a child writes and tells us each id once it is acknowledged; we kill it at a moment
 * of our choosing; all it told us about must be there. */
static void nothing_acknowledged_is_lost_by_a_kill(void **state)
{
    struct fixture *f = open_fixture();

    (void)state;
    store_close(f->store);
    f->store = NULL;
    for (int round = 0; round < 10; round++) {
        int pipe_fds[2], last = -1, n;
        struct error err = {0};
        pid_t child;

        assert_int_equal(0, pipe(pipe_fds));
        child = fork();
        if (child == 0) {
            struct store *store = NULL;

            if (store_open(f->dir, NULL, &store, &err))
                _exit(1);
            for (int i = 0;; i++) {
                char id[32];
                struct stored_execution e;

                snprintf(id, sizeof(id), "r%d-%d", round, i);
                e = execution_of(id, "x", i);
                if (accept_one(store, &e, &err) || write(pipe_fds[1], &i, sizeof(i)) != sizeof(i))
                    _exit(1);
            }
        }
        close(pipe_fds[1]);
        for (n = 0; n <= round * 7; n++) /* always at least one */
            assert_int_equal(sizeof(last), read(pipe_fds[0], &last, sizeof(last)));
        kill(child, SIGKILL);
        while (read(pipe_fds[0], &last, sizeof(last)) == sizeof(last))
            ;
        close(pipe_fds[0]);
        waitpid(child, NULL, 0);
        if (store_open(f->dir, NULL, &f->store, &err))
            fail_msg("%s", err.message);
        for (int i = 0; i <= last; i++) {
            struct stored_execution got = {0};
            char id[32];

            snprintf(id, sizeof(id), "r%d-%d", round, i);
            if (store_execution_get(f->store, id, f->arena, &got, &err))
                fail_msg("%s of %d was lost: %s", id, last, err.message);
        }
        store_close(f->store);
        f->store = NULL;
    }
    close_fixture(f);
}

static void a_long_log_is_moved_into_the_database(void **state)
{
    struct fixture *f = open_fixture();
    size_t n_bytes = 1u << 20;
    char *bytes = calloc(1, n_bytes);
    struct stat wal;

    (void)state;
    for (int i = 0; i < 40; i++) {
        char id[16];
        struct stored_series series = {SERIES_METRIC_SETS, "serinus", id, i, {bytes, n_bytes}};
        struct error err = {0};

        snprintf(id, sizeof(id), "s%d", i);
        assert_int_equal(ERR_OK, store_series_put(f->store, &series, &err));
    }
    assert_int_equal(0, stat(path_of(f, "serinus.db-wal"), &wal));
    assert_true(wal.st_size < 20 << 20); /* 40 MiB went through it */
    store_close(f->store);
    f->store = NULL;
    assert_int_not_equal(0, stat(path_of(f, "serinus.db-wal"), &wal)); /* a clean end leaves none */
    free(bytes);
    close_fixture(f);
}

/* --- opening --- */

static void files_are_private(void **state)
{
    struct fixture *f = open_fixture();
    static const char *const names[] = {"serinus.db", "serinus.db-wal", "serinus.db-shm",
                                        "serinus.db.lock", "serinus.audit"};
    struct stat info;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        row("%s", names[i]);
        assert_int_equal(0, stat(path_of(f, names[i]), &info));
        assert_int_equal(0600, info.st_mode & 07777);
    }
    close_fixture(f);
}

static void a_second_start_is_refused(void **state)
{
    struct fixture *f = open_fixture();
    struct store *second = NULL;
    struct error err = {0};

    (void)state;
    assert_int_equal(ERR_BUSY, store_open(f->dir, NULL, &second, &err));
    assert_string_equal("store_locked", error_reason(&err));
    assert_non_null(strstr(err.message, arena_printf(f->arena, "pid %ld", (long)getpid())));
    reopen(f); /* and allowed once the first is gone */
    close_fixture(f);
}

static void copy_file(const char *from, const char *to)
{
    size_t n = 0;
    char *bytes = read_file(from, &n);
    FILE *file = fopen(to, "wb");

    assert_non_null(file);
    assert_int_equal(n, fwrite(bytes, 1, n, file));
    fclose(file);
    free(bytes);
}

/* What the check of every page, which runs by itself after the start, has to say. */
static void await_failure(struct fixture *f, struct error *err)
{
    int64_t start_ms = clock_mono_ms();
    struct stored_execution e = execution_of("after", "x", 1);
    struct error refused = {0};

    while (store_failure(f->store, err) == ERR_OK && clock_mono_ms() - start_ms < 5000)
        usleep(1000);
    assert_reason(ERR_IO, "store_damaged", accept_one(f->store, &e, &refused), &refused);
    assert_reason(ERR_IO, "store_damaged", store_check(f->store, &refused), &refused);
}

/* Promise P11. */
static void damage_is_found_and_left_alone(void **state)
{
    struct fixture *f = open_fixture();
    const char *db = path_of(f, "serinus.db"), *copy = path_of(f, "copy");
    struct error err = {0};
    size_t n = 0, n_after = 0;
    char *bytes, *after;

    (void)state;
    for (int i = 0; i < 200; i++) {
        char id[16];
        struct stored_execution e;

        snprintf(id, sizeof(id), "id%d", i);
        e = execution_of(id, "x", i);
        assert_int_equal(ERR_OK, accept_one(f->store, &e, &err));
    }
    store_close(f->store);
    f->store = NULL;
    copy_file(db, copy);
    bytes = read_file(copy, &n);
    /* the header's magic; the first page's b-tree type; every page's first byte, overwritten */
    for (size_t at = 0; at < n; at = at == 0 ? 100 : at == 100 ? 4096 : at + 4096) {
        FILE *file = fopen(db, "wb");
        char was = bytes[at];

        row("byte %zu of %zu", at, n);
        bytes[at] = 0x77;
        assert_int_equal(n, fwrite(bytes, 1, n, file));
        fclose(file);
        err = (struct error){0};
        if (store_open(f->dir, NULL, &f->store, &err) == ERR_OK) {
            await_failure(f, &err);
            shut(f);
        }
        if (err.code != ERR_IO)
            fail_msg("byte %zu: %d %s", at, err.code, err.message);
        assert_string_equal("store_damaged", error_reason(&err));
        assert_non_null(strstr(err.message, "nothing was changed"));
        after = read_file(db, &n_after);
        assert_int_equal(n, n_after);
        assert_memory_equal(bytes, after, n);
        free(after);
        bytes[at] = was;
    }
    free(bytes);

    copy_file(copy, db); /* put back, all is well */
    unlink(copy);
    err = (struct error){0};
    if (store_open(f->dir, NULL, &f->store, &err))
        fail_msg("%s", err.message);
    close_fixture(f);
}

static void exec_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(SQLITE_OK, sqlite3_open(path, &db));
    assert_int_equal(SQLITE_OK, sqlite3_exec(db, sql, NULL, NULL, NULL));
    sqlite3_close(db);
}

/* What breaks while it runs is not built upon either. */
static void damage_met_while_running_ends_writing(void **state)
{
    struct fixture *f = open_fixture();
    struct error err = {0};
    char junk[4096];
    struct stat info;
    int fd;

    (void)state;
    shut(f);
    exec_sql(path_of(f, "serinus.db"),
             "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
             " INSERT INTO execution (id, application, account, parent_id, config_id, config_name,"
             " kind, state, created_unix_ms, ended_unix_ms, due_unix_ms, n_steps, verdict)"
             " SELECT 'e' || i, 'x', '', '', '', '', 0, 1, i, i, i, 0, '' FROM n");
    open_store(f);
    usleep(300000); /* the check after the start finds nothing */
    ok(store_failure(f->store, &err), &err);
    memset(junk, 0x77, sizeof(junk));
    assert_int_equal(0, stat(path_of(f, "serinus.db"), &info));
    fd = open(path_of(f, "serinus.db"), O_RDWR);
    for (off_t at = 4096; at < info.st_size; at += (off_t)sizeof(junk))
        assert_int_equal(sizeof(junk), pwrite(fd, junk, sizeof(junk), at));
    close(fd);
    for (int i = 0; i < 100 && err.code == ERR_OK; i++) {
        char id[16];
        struct stored_execution e;

        snprintf(id, sizeof(id), "e%d", i * 199 + 1); /* taken: it is looked up all over the tree */
        e = execution_of(id, "x", i);
        err = (struct error){0};
        if (accept_one(f->store, &e, &err) == ERR_CONFLICT)
            err = (struct error){0};
    }
    assert_int_not_equal(ERR_OK, err.code);
    err = (struct error){0};
    assert_reason(ERR_IO, "store_damaged", store_failure(f->store, &err), &err);
    close_fixture(f);
}

static void other_databases_are_refused(void **state)
{
    static const struct {
        const char *name, *sql, *text;
    } cases[] = {
        {"of another program", "PRAGMA application_id = 5", "is a database of another program"},
        {"from the future", "PRAGMA user_version = 99", "was written by a newer version"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture *f = open_fixture();
        struct error err = {0};

        row("%s", cases[i].name);
        store_close(f->store);
        f->store = NULL;
        exec_sql(path_of(f, "serinus.db"), cases[i].sql);
        assert_int_equal(ERR_IO, store_open(f->dir, NULL, &f->store, &err));
        assert_non_null(strstr(err.message, cases[i].text));
        close_fixture(f);
    }
}

static void an_emptied_file_with_a_log_is_refused(void **state)
{
    struct fixture *f = open_fixture();
    struct stored_execution e = execution_of("a", "x", 1);
    struct error err = {0};
    pid_t child;

    (void)state;
    store_close(f->store);
    f->store = NULL;
    child = fork();
    if (child == 0) { /* ends without a checkpoint, so the log stays */
        if (store_open(f->dir, NULL, &f->store, &err) || accept_one(f->store, &e, &err))
            _exit(1);
        raise(SIGKILL);
    }
    waitpid(child, NULL, 0);
    assert_int_equal(0, truncate(path_of(f, "serinus.db"), 0));
    assert_int_equal(ERR_IO, store_open(f->dir, NULL, &f->store, &err));
    assert_string_equal("store_damaged", error_reason(&err));
    close_fixture(f);
}

/* As root nothing is read-only, so a child becomes nobody. */
static void a_folder_without_permission_is_named(void **state)
{
    struct fixture *f = open_fixture();
    int status = 0;
    pid_t child;

    (void)state;
    store_close(f->store);
    f->store = NULL;
    chmod(f->dir, 0);
    child = fork();
    if (child == 0) {
        struct error err = {0};

        if (getuid() == 0 && setuid(65534) != 0)
            _exit(2);
        _exit(store_open(f->dir, NULL, &f->store, &err) == ERR_PERMISSION &&
                      strstr(err.message, f->dir)
                  ? 0
                  : 1);
    }
    waitpid(child, &status, 0);
    assert_int_equal(0, status);
    chmod(f->dir, 0755);
    close_fixture(f);
}

/* --- trouble --- */

/* Promise P12: somebody else's lock costs 2 s at most, and is forgotten once it is gone. */
static void a_locked_database_is_busy_and_heals(void **state)
{
    struct fixture *f = open_fixture();
    struct stored_execution e = execution_of("a", "x", 1), got = {0};
    struct error err = {0};
    sqlite3 *other = NULL;
    int64_t start;

    (void)state;
    assert_int_equal(ERR_OK, accept_one(f->store, &e, &err));
    assert_int_equal(SQLITE_OK, sqlite3_open(path_of(f, "serinus.db"), &other));
    assert_int_equal(SQLITE_OK, sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL));
    start = clock_mono_ms();
    e.id = "b";
    assert_int_equal(ERR_BUSY, accept_one(f->store, &e, &err));
    assert_string_equal("store_busy", error_reason(&err));
    assert_true(clock_mono_ms() - start < 2500);
    err = (struct error){0};
    assert_int_equal(ERR_OK, store_execution_get(f->store, "a", f->arena, &got, &err)); /* reads */
    assert_int_equal(ERR_BUSY, store_check(f->store, &err));
    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(other);
    err = (struct error){0};
    assert_int_equal(ERR_OK, store_check(f->store, &err));
    assert_int_equal(ERR_OK, accept_one(f->store, &e, &err));
    assert_true(store_counters_read(f->store).errors == 2);
    close_fixture(f);
}

/* Promise P10, with the file size limit standing in for a full disk. In a child, for the limit
 * holds for the whole process. */
static int run_out_of_disk(struct fixture *f)
{
    size_t n_bytes = 100000;
    char *bytes = calloc(1, n_bytes);
    struct rlimit limit;
    struct arena *arena = arena_create();
    int n_kept = 0;
    struct error err = {0};
    struct stored_series got = {0};

    signal(SIGXFSZ, SIG_IGN);
    if (store_open(f->dir, NULL, &f->store, &err) || getrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 1;
    limit.rlim_cur = 1000000;
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 100 && err.code == ERR_OK; i++) {
        char id[16];
        struct stored_series series = {SERIES_METRIC_SETS, "serinus", id, i, {bytes, n_bytes}};

        snprintf(id, sizeof(id), "s%d", i);
        if (store_series_put(f->store, &series, &err) == ERR_OK)
            n_kept++;
    }
    if (err.code != ERR_BUSY || strcmp(error_reason(&err), "disk_low") != 0 || n_kept < 3)
        return 2;
    err = (struct error){0};
    for (int i = 0; i < n_kept; i++) { /* reads go on */
        char id[16];

        snprintf(id, sizeof(id), "s%d", i);
        if (store_series_get(f->store, SERIES_METRIC_SETS, "serinus", id, arena, &got, &err))
            return 3;
    }
    limit.rlim_cur = limit.rlim_max; /* space again: no restart is needed */
    setrlimit(RLIMIT_FSIZE, &limit);
    got.id = "after";
    if (store_series_put(f->store, &got, &err))
        return 4;
    store_close(f->store);
    free(bytes);
    arena_free(arena);
    return n_kept;
}

static void a_full_disk_is_survived(void **state)
{
    struct fixture *f = open_fixture();
    struct stored_series got = {0};
    struct error err = {0};
    int status = 0, n_kept;
    pid_t child;

    (void)state;
    store_close(f->store);
    f->store = NULL;
    child = fork();
    if (child == 0)
        _exit(run_out_of_disk(f));
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    n_kept = WEXITSTATUS(status);
    if (n_kept < 5)
        fail_msg("the child ended with %d", n_kept);
    if (store_open(f->dir, NULL, &f->store, &err))
        fail_msg("%s", err.message);
    for (int i = 0; i < n_kept; i++) {
        char id[16];

        snprintf(id, sizeof(id), "s%d", i);
        assert_int_equal(ERR_OK, store_series_get(f->store, SERIES_METRIC_SETS, "serinus", id,
                                                  f->arena, &got, &err));
    }
    assert_int_equal(ERR_OK, store_series_get(f->store, SERIES_METRIC_SETS, "serinus", "after",
                                              f->arena, &got, &err));
    close_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configs_are_kept),
        cmocka_unit_test(config_conflicts),
        cmocka_unit_test(configs_are_listed),
        cmocka_unit_test(executions_are_kept),
        cmocka_unit_test(series_are_replaced),
        cmocka_unit_test(an_execution_costs_four_fsyncs),
        cmocka_unit_test(threads_share_commits),
        cmocka_unit_test(nothing_acknowledged_is_lost_by_a_kill),
        cmocka_unit_test(a_long_log_is_moved_into_the_database),
        cmocka_unit_test(files_are_private),
        cmocka_unit_test(a_second_start_is_refused),
        cmocka_unit_test(damage_is_found_and_left_alone),
        cmocka_unit_test(damage_met_while_running_ends_writing),
        cmocka_unit_test(other_databases_are_refused),
        cmocka_unit_test(an_emptied_file_with_a_log_is_refused),
        cmocka_unit_test(a_folder_without_permission_is_named),
        cmocka_unit_test(a_locked_database_is_busy_and_heals),
        cmocka_unit_test(a_full_disk_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
