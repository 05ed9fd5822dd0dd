/* The power goes 200 times while executions are accepted, claimed and finished; what was
 * acknowledged is there afterwards, once, and an end never changes. Then the same on disks that lie
 * about their syncs: what they lose must be found, here or by the store itself. */
#include "tests/support.h"

#include "analyzer/store.h"
#include "base/clock.h"
#include "tests/crash_vfs.h"

#include <math.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_THREADS 3
#ifdef __SANITIZE_THREAD__
#define N_CUTS 40 /* it is twenty times slower there */
#else
#define N_CUTS 200
#endif
#define CUTS_PER_FOLDER 20
#define MAX_FACTS 20000u
#define SERIES_BYTES 30000u /* so that the log is moved into the database now and then */
#define ID_BYTES 24
#define N_LIVES 40 /* on a lying disk */
#define LIE_PERCENT 70

/* What we know of an execution. */
struct fact {
    bool is_tried, is_there,
        is_gone;        /* acceptance begun; acknowledged or seen; seen to be missing */
    int tried_end, end; /* a number that is in its answer; 0: none */
};

struct world {
    char dir[64];
    struct crash_vfs *vfs;
    struct store *store;
    pthread_mutex_t lock; /* guards all below */
    struct fact *facts;
    size_t n_facts;
    int n_ends;
    unsigned random;
    unsigned n_problems;
    bool is_quiet;    /* problems are counted, not printed */
    bool loses_audit; /* at a cut, all of it */
    char first_problem[2200];
};

static void problem(struct world *w, const char *what, size_t number)
{
    if (!w->n_problems++)
        snprintf(w->first_problem, sizeof(w->first_problem), "%s (execution %zu)", what, number);
    if (!w->is_quiet)
        print_error("%s (execution %zu)\n", what, number);
}

static unsigned below(struct world *w, unsigned n)
{
    unsigned number;

    pthread_mutex_lock(&w->lock);
    w->random = w->random * 1664525u + 1013904223u; /* Numerical Recipes */
    number = w->random >> 8;
    pthread_mutex_unlock(&w->lock);
    return number % n;
}

static void id_of(size_t number, char id[ID_BYTES])
{
    snprintf(id, ID_BYTES, "x%06zu", number);
}

/* Text that belongs to one execution. */
static struct str text_of(char *buffer, size_t size, const char *what, size_t number)
{
    size_t n = 1 + number * 7919 % (size - 1);

    memset(buffer, 'a' + (int)(number % 26), n);
    snprintf(buffer, n < 40 ? n : 40, "%s %zu ", what, number);
    buffer[n - 1] = '!';
    return (struct str){buffer, n};
}

/* --- work --- */

static bool finish(struct world *w, const char *id, const struct lease *lease, char *buffer)
{
    size_t number = strtoul(id + 1, NULL, 10);
    char body[64];
    struct stored_execution end = {
        .id = id,
        .state = EXECUTION_SUCCEEDED,
        .ended_unix_ms = 5,
        .verdict = "pass",
        .score = NAN,
    };
    const struct stored_series series = {SERIES_METRIC_SET_PAIRS, "", id, 1,
                                         text_of(buffer, SERIES_BYTES, "series", number)};
    const struct stored_notification told = {id, "sink", {"{}", 2}};
    const struct ending ending = {&end, lease, &series, 1, &told, 1};
    struct error err = {0};
    int number_of_end;

    pthread_mutex_lock(&w->lock);
    number_of_end = ++w->n_ends;
    w->facts[number].tried_end = number_of_end;
    pthread_mutex_unlock(&w->lock);
    snprintf(body, sizeof(body), "end %d", number_of_end);
    end.body = str_of(body);
    if (store_execution_finish(w->store, &ending, &err)) {
        if (err.code == ERR_CONFLICT)
            problem(w, err.message, number);
        return false;
    }
    pthread_mutex_lock(&w->lock);
    w->facts[number].end = number_of_end;
    pthread_mutex_unlock(&w->lock);
    return true;
}

static bool accept(struct world *w, char *buffer)
{
    struct arena *arena = arena_create();
    struct lease lease;
    struct error err = {0};
    struct acceptance acceptance = {.is_claimed = below(w, 3) == 0};
    const char *out = NULL;
    char id[ID_BYTES];
    size_t number;
    bool is_ok;

    pthread_mutex_lock(&w->lock);
    number = w->n_facts++;
    if (number >= MAX_FACTS)
        abort();
    w->facts[number].is_tried = true;
    pthread_mutex_unlock(&w->lock);
    id_of(number, id);
    acceptance.execution = (struct stored_execution){
        .id = id,
        .application = number % 2 ? "shop" : "basket",
        .account = "",
        .created_unix_ms = (int64_t)number,
        .score = NAN,
        .submission = text_of(buffer, 3000, "submission", number),
    };
    is_ok = store_execution_accept(w->store, &acceptance, arena, &out, &lease, &err) == ERR_OK;
    if (is_ok) {
        pthread_mutex_lock(&w->lock);
        w->facts[number].is_there = true;
        pthread_mutex_unlock(&w->lock);
        if (acceptance.is_claimed && below(w, 2))
            is_ok = finish(w, id, &lease, buffer);
    }
    arena_free(arena);
    return is_ok;
}

static bool run_one(struct world *w, const struct claim *claim, char *buffer)
{
    const char *id = claim->execution.id;
    struct error err = {0};

    if (below(w, 4) == 0)
        return store_execution_release(w->store, id, &claim->lease, 1, (struct str){0}, &err) ==
               ERR_OK;
    if (below(w, 2)) {
        const struct stored_sample sample = {0, 0, text_of(buffer, 2000, "sample", 1)};

        if (store_samples_put(w->store, id, &claim->lease, &sample, 1, &err))
            return false;
    }
    return finish(w, id, &claim->lease, buffer);
}

static bool claim_some(struct world *w, char *buffer)
{
    struct arena *arena = arena_create();
    struct claim *claims = NULL;
    struct error err = {0};
    size_t n = 0;
    bool is_ok =
        store_execution_claim(w->store, 1 + below(w, 4), arena, &claims, &n, &err) == ERR_OK;

    for (size_t i = 0; is_ok && i < n; i++)
        is_ok = run_one(w, &claims[i], buffer);
    arena_free(arena);
    return is_ok;
}

/* Until something fails, as everything does once the power has gone, or for a while. */
struct worker {
    pthread_t thread;
    struct world *world;
    unsigned n_rounds;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    char *buffer = malloc(SERIES_BYTES);
    bool is_ok = true;

    for (unsigned i = 0; is_ok && i < worker->n_rounds; i++)
        is_ok = below(worker->world, 2) ? accept(worker->world, buffer)
                                        : claim_some(worker->world, buffer);
    free(buffer);
    return NULL;
}

static void work_for(struct world *w, unsigned n_rounds)
{
    struct worker workers[N_THREADS];

    for (size_t i = 0; i < N_THREADS; i++) {
        workers[i] = (struct worker){.world = w, .n_rounds = n_rounds};
        assert_int_equal(0, pthread_create(&workers[i].thread, NULL, work, &workers[i]));
    }
    for (size_t i = 0; i < N_THREADS; i++)
        pthread_join(workers[i].thread, NULL);
}

/* --- what is left --- */

static void check_end(struct world *w, size_t number, const struct stored_execution *got,
                      struct arena *arena, char *buffer)
{
    struct fact *fact = &w->facts[number];
    struct stored_series series = {0};
    struct error err = {0};
    int end = 0;

    if (got->state == EXECUTION_ACCEPTED) {
        if (fact->end)
            problem(w, "an end was lost", number);
        fact->tried_end = 0; /* it cannot come any more */
        return;
    }
    if (sscanf(got->body.bytes, "end %d", &end) != 1 || (fact->end && end != fact->end) ||
        (!fact->end && end != fact->tried_end))
        problem(w, "an end is another one", number);
    fact->end = end;
    if (store_series_get(w->store, SERIES_METRIC_SET_PAIRS, "", got->id, arena, &series, &err) ||
        !str_equal(series.payload, text_of(buffer, SERIES_BYTES, "series", number)))
        problem(w, "series were lost or changed", number);
}

static void check_one(struct world *w, size_t number, struct arena *arena, char *buffer)
{
    struct fact *fact = &w->facts[number];
    struct stored_execution got = {0};
    struct error err = {0};
    char id[ID_BYTES];

    id_of(number, id);
    switch (store_execution_get(w->store, id, arena, &got, &err)) {
    case ERR_OK:
        if (fact->is_gone)
            problem(w, "an execution came back", number);
        fact->is_there = true;
        if (!str_equal(got.submission, text_of(buffer, 3000, "submission", number)))
            problem(w, "a submission changed", number);
        check_end(w, number, &got, arena, buffer);
        break;
    case ERR_NOT_FOUND:
        if (fact->is_there)
            problem(w, "an execution was lost", number);
        fact->is_gone = true;
        fact->is_there = false; /* said once */
        break;
    default:
        problem(w, err.message, number);
    }
}

static int64_t ask(struct world *w, const char *sql, bool *is_ok)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int64_t number = -1;
    char path[96];

    snprintf(path, sizeof(path), "%s/serinus.db", w->dir);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, "unix") == SQLITE_OK &&
        sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        number = sqlite3_column_int64(stmt, 0);
        if (is_ok)
            *is_ok = strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return number;
}

static void check_all(struct world *w)
{
    struct arena *arena = arena_create();
    char *buffer = malloc(SERIES_BYTES);
    size_t n_there = 0, n_ended = 0;
    struct error err = {0};
    bool is_ok = false;

    if (store_check(w->store, &err))
        problem(w, err.message, 0);
    for (size_t i = 0; i < w->n_facts; i++) {
        if (!w->facts[i].is_tried)
            continue;
        check_one(w, i, arena, buffer);
        n_there += w->facts[i].is_there;
        n_ended += w->facts[i].end != 0;
        arena_reset(arena);
    }
    if (ask(w, "SELECT count(*) FROM execution", NULL) != (int64_t)n_there)
        problem(w, "there are other executions", n_there);
    if (ask(w, "SELECT count(*) FROM outbox", NULL) != (int64_t)n_ended)
        problem(w, "notifications were lost or doubled", n_ended);
    if (ask(w, "SELECT count(*) FROM sample JOIN execution ON seq = execution WHERE state <> 0",
            NULL) != 0)
        problem(w, "samples outlived their execution", 0);
    ask(w, "PRAGMA integrity_check", &is_ok);
    if (!is_ok)
        problem(w, "the database is damaged", 0);
    free(buffer);
    arena_free(arena);
}

/* --- a life --- */

static struct world *world_create(unsigned seed)
{
    struct world *w = calloc(1, sizeof(*w));

    /* The disk is ours to simulate; the real one would only make it wait. */
    snprintf(w->dir, sizeof(w->dir), "%s/serinus-power-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(w->dir));
    w->facts = calloc(MAX_FACTS, sizeof(*w->facts));
    w->random = seed;
    pthread_mutex_init(&w->lock, NULL);
    w->vfs = crash_vfs_create(seed);
    return w;
}

static void world_free(struct world *w)
{
    static const char *const names[] = {"serinus.db",         "serinus.db-wal",  "serinus.db-shm",
                                        "serinus.db-journal", "serinus.db.lock", "serinus.audit"};

    crash_vfs_free(w->vfs);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", w->dir, names[i]);
        unlink(path);
    }
    assert_int_equal(0, rmdir(w->dir));
    pthread_mutex_destroy(&w->lock);
    free(w->facts);
    free(w);
}

/* Open, work and perhaps close while the power may go at any moment; then it has gone. */
static void live_until_the_cut(struct world *w)
{
    bool closes_first = below(w, 4) == 0;
    struct error err = {0};

    crash_vfs_cut_after(w->vfs, closes_first ? 0 : 1 + below(w, below(w, 3) ? 500 : 40));
    if (store_open(w->dir, NULL, &w->store, &err) == ERR_OK)
        work_for(w, closes_first ? 20 : 100000);
    if (closes_first)
        crash_vfs_cut_after(w->vfs, 1 + below(w, 60));
    store_close(w->store);
    w->store = NULL;
    crash_vfs_cut_now(w->vfs);
}

/* False: it does not open, or says itself that something is missing or broken. */
static bool power_on(struct world *w, struct error *err)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/serinus.db-shm", w->dir);
    unlink(path); /* memory, not disk */
    crash_vfs_power_on(w->vfs);
    snprintf(path, sizeof(path), "%s/serinus.audit", w->dir);
    if (w->loses_audit)
        unlink(path);
    return store_open(w->dir, NULL, &w->store, err) == ERR_OK &&
           store_check(w->store, err) == ERR_OK;
}

static void nothing_acknowledged_is_lost(void **state)
{
    int64_t start_ms = clock_mono_ms();
    size_t n_facts = 0;

    (void)state;
    for (unsigned folder = 0; folder < N_CUTS / CUTS_PER_FOLDER; folder++) {
        struct world *w = world_create(folder + 1);

        for (unsigned cut = 0; cut < CUTS_PER_FOLDER; cut++) {
            struct error err = {0};

            row("folder %u, cut %u", folder, cut);
            live_until_the_cut(w);
            if (!power_on(w, &err))
                fail_msg("%s", err.message);
            check_all(w);
            if (w->n_problems)
                fail_msg("%s", w->first_problem);
            if (below(w, 2)) /* the next life begins on a log, or on what closing left */
                crash_vfs_cut_now(w->vfs);
            store_close(w->store);
            w->store = NULL;
            crash_vfs_cut_now(w->vfs);
            crash_vfs_power_on(w->vfs);
        }
        n_facts += w->n_facts;
        world_free(w);
    }
    print_message("%u cuts, %zu executions, %d ms\n", N_CUTS, n_facts,
                  (int)(clock_mono_ms() - start_ms));
}

/* One life on a disk that lies about some files, each in a folder of its own. */
struct lying {
    unsigned n_said;   /* the store itself said that something is wrong */
    unsigned n_silent; /* it did not, and something was */
};

static struct lying live_on_a_liar(const char *suffix, bool loses_audit)
{
    struct lying found = {0};

    for (unsigned folder = 0; folder < N_LIVES; folder++) {
        struct world *w = world_create(1000 + folder);
        struct error err = {0};

        w->is_quiet = true;
        w->loses_audit = loses_audit;
        crash_vfs_lie(w->vfs, suffix, LIE_PERCENT);
        live_until_the_cut(w);
        if (!power_on(w, &err)) {
            found.n_said++;
        } else {
            check_all(w);
            found.n_silent += w->n_problems > 0;
            if (w->n_problems)
                row("folder %u: %s", folder, w->first_problem);
        }
        crash_vfs_lie(w->vfs, NULL, 0);
        store_close(w->store);
        world_free(w);
    }
    return found;
}

/* The checks of this test can fail: without its audit file the store has no way to notice. */
static void what_a_lying_disk_lost_is_found_here(void **state)
{
    struct lying found = live_on_a_liar("", true);

    (void)state;
    print_message("of %d lives the store complained about %u, and %u it did not notice\n", N_LIVES,
                  found.n_said, found.n_silent);
    assert_true(found.n_silent > 0);
}

/* With it, it notices by itself whatever the log has lost. */
static void a_lost_log_is_noticed_by_the_store(void **state)
{
    struct lying found = live_on_a_liar("-wal", false);

    (void)state;
    print_message("of %d lives the store complained about %u\n", N_LIVES, found.n_said);
    assert_true(found.n_said > 0);
    assert_int_equal(0, found.n_silent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_acknowledged_is_lost),
        cmocka_unit_test(what_a_lying_disk_lost_is_found_here),
        cmocka_unit_test(a_lost_log_is_noticed_by_the_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
