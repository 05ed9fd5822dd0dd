#include "analyzer/store_sqlite_writer.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define BUSY_MS 2000               /* a caller waits no longer for somebody else's lock */
#define BUSY_MIN_MS 50             /* nor is a short lock taken for a long one */
#define CHECKPOINT_PAGES 1000      /* when idle; 4 MB of log are read quickly at the next start */
#define CHECKPOINT_MAX_PAGES 16000 /* however busy: the log must not grow without end */

/* One write; it lives on its caller's stack. */
struct job {
    enum sqlite_write_kind kind;
    sqlite_write_fn *write;
    const void *args;
    struct error *err;
    int64_t queued_mono_ms;
    bool is_done;
    pthread_cond_t done;
    struct job *next;
};

struct sqlite_writer {
    pthread_t thread;
    pthread_mutex_t lock; /* guards all down to `counters` */
    pthread_cond_t work;
    struct job *first, **last;
    bool is_closing;
    struct error refusal; /* its code is ERR_OK while it does not refuse */
    struct sqlite_writer_counters counters;
    /* the thread's own */
    struct sqlite_conn conn;
    struct audit *audit;
    const struct sqlite_vfs *vfs;
    struct log *log;
    int log_pages;
    bool has_committed; /* the last batch wrote to the log */
    int64_t checkpoint_failed_mono_ms;
};

static enum err_code run_sql(struct sqlite_writer *writer, enum sqlite_sql sql, const char *what,
                             struct error *err)
{
    return sqlite_conn_run(&writer->conn, sqlite_conn_stmt(&writer->conn, sql, err), what, err);
}

/* Also the jobs that had failed by themselves: what they clashed with may be gone now. When it is
 * committed, and only its record has failed, what needs no record stays as it is. */
static void fail_all(struct job *jobs, bool is_committed, const struct error *cause)
{
    for (struct job *job = jobs; job; job = job->next)
        if (job->kind == WRITE_COUNTED || !is_committed)
            *job->err = *cause;
}

/* Undo what is open; when SQLite has rolled back by itself (disk full), there is nothing to undo.
 */
static void roll_back(struct sqlite_writer *writer)
{
    struct error ignored = {0};

    writer->conn.n_unended = -1;
    if (!sqlite3_get_autocommit(writer->conn.db) &&
        run_sql(writer, SQL_ROLLBACK, "roll back", &ignored))
        log_error(writer->log, "rollback failed", LOG_STR("error", ignored.message));
}

static bool found_damage(struct sqlite_writer *writer)
{
    int code = sqlite3_errcode(writer->conn.db) & 0xFF;

    return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

/* Nothing must be built on what has come upon a broken page. */
static void check_damage(struct sqlite_writer *writer)
{
    struct error why = {0};

    if (!found_damage(writer))
        return;
    sqlite_damaged(sqlite3_db_filename(writer->conn.db, "main"), sqlite3_errmsg(writer->conn.db),
                   &why);
    sqlite_writer_refuse(writer, &why);
}

static enum err_code run_job(struct sqlite_writer *writer, struct job *job, bool *is_counted,
                             struct error *err)
{
    sqlite3_int64 n_changes = sqlite3_total_changes64(writer->conn.db);

    if (run_sql(writer, SQL_SAVEPOINT, "begin a write", err))
        return err->code;
    job->write(&writer->conn, job->args, job->err);
    if (job->err->code && found_damage(writer)) {
        *err = *job->err;
        return err->code;
    }
    if (job->err->code && !sqlite3_get_autocommit(writer->conn.db) &&
        run_sql(writer, SQL_SAVEPOINT_UNDO, "undo a write", err))
        return err->code;
    if (sqlite3_get_autocommit(writer->conn.db)) { /* the writes before it are gone too */
        *err = *job->err;
        return err->code;
    }
    if (job->kind == WRITE_COUNTED && job->err->code == ERR_OK &&
        sqlite3_total_changes64(writer->conn.db) != n_changes)
        *is_counted = true;
    return run_sql(writer, SQL_SAVEPOINT_KEEP, "end a write", err);
}

struct position {
    sqlite3_int64 sequence;
    char store_id[STORE_ID_BYTES];
};

static enum err_code next_position(struct sqlite_writer *writer, struct position *out,
                                   struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(&writer->conn, SQL_SEQUENCE_NEXT, err);

    if (!stmt)
        return err->code;
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        out->sequence = sqlite3_column_int64(stmt, 0);
        snprintf(out->store_id, sizeof(out->store_id), "%s",
                 (const char *)sqlite3_column_text(stmt, 1));
    } else {
        sqlite_error(&writer->conn, "count the commit", err);
    }
    sqlite3_reset(stmt);
    return err->code;
}

static enum err_code run_jobs(struct sqlite_writer *writer, struct job *jobs, struct error *err)
{
    struct position position = {0};
    bool is_counted = false;

    if (run_sql(writer, SQL_BEGIN, "begin a transaction", err))
        return err->code;
    for (struct job *job = jobs; job; job = job->next)
        if (run_job(writer, job, &is_counted, err))
            return err->code;
    if ((is_counted && next_position(writer, &position, err)) ||
        run_sql(writer, SQL_COMMIT, "commit", err))
        return err->code;
    return is_counted ? audit_write(writer->audit, position.store_id, position.sequence, err)
                      : ERR_OK;
}

/* The kernel reports a failed sync once and forgets what it could not write. */
static void check_sync(struct sqlite_writer *writer)
{
    struct error why = {0};

    if (!atomic_load(&writer->vfs->has_sync_failed))
        return;
    error_because(&why, ERR_IO, "sync_failed",
                  "could not sync the database to the disk, so what was written last may be lost; "
                  "nothing is written any more. Look at the disk, then start again");
    sqlite_writer_refuse(writer, &why);
}

static void run_batch(struct sqlite_writer *writer, struct job *jobs)
{
    int64_t waited_ms = clock_mono_ms() - jobs->queued_mono_ms;
    int64_t busy_ms = waited_ms < BUSY_MS - BUSY_MIN_MS ? BUSY_MS - waited_ms : BUSY_MIN_MS;
    struct error err = {0};

    writer->has_committed = false;
    sqlite3_busy_timeout(writer->conn.db, (int)busy_ms);
    if (sqlite_writer_refusal(writer, &err) == ERR_OK && run_jobs(writer, jobs, &err)) {
        check_damage(writer);
        roll_back(writer);
    }
    if (err.code)
        fail_all(jobs, writer->has_committed, &err);
    check_sync(writer);
}

/* Move the log into the database. Best effort: what cannot be moved now stays readable in the log.
 */
static void checkpoint(struct sqlite_writer *writer, int mode)
{
    struct error refusal = {0};
    int rc;

    if (sqlite_writer_refusal(writer, &refusal))
        return;
    rc = sqlite3_wal_checkpoint_v2(writer->conn.db, NULL, mode, NULL, NULL);
    check_sync(writer);
    writer->checkpoint_failed_mono_ms = 0;
    if (rc == SQLITE_OK || (rc & 0xFF) == SQLITE_BUSY) {
        writer->log_pages = 0;
        return;
    }
    writer->checkpoint_failed_mono_ms = clock_mono_ms();
    log_error(writer->log, "checkpoint failed", LOG_STR("error", sqlite3_errmsg(writer->conn.db)));
    pthread_mutex_lock(&writer->lock);
    writer->counters.errors++;
    pthread_mutex_unlock(&writer->lock);
}

static bool checkpoint_is_due(const struct sqlite_writer *writer, bool is_idle)
{
    /* A full disk fails it again and again: no more than one try a second. */
    if (writer->checkpoint_failed_mono_ms &&
        clock_mono_ms() - writer->checkpoint_failed_mono_ms < 1000)
        return false;
    return writer->log_pages > (is_idle ? CHECKPOINT_PAGES : CHECKPOINT_MAX_PAGES);
}

/* SQLite calls this after each commit that has written to the log. */
static int after_commit(void *ctx, sqlite3 *db, const char *name, int n_pages)
{
    struct sqlite_writer *writer = ctx;

    (void)db;
    (void)name;
    writer->log_pages = n_pages;
    writer->has_committed = true;
    return SQLITE_OK;
}

static bool is_store_failure(enum err_code code)
{
    return code == ERR_STORAGE || code == ERR_BUSY || code == ERR_IO;
}

/* Wake the callers. Each job is gone as soon as it is marked done and the lock is free. */
static void finish_batch(struct sqlite_writer *writer, struct job *jobs)
{
    writer->counters.commits += writer->has_committed;
    for (struct job *job = jobs, *next; job; job = next) {
        next = job->next;
        writer->counters.queued--;
        writer->counters.writes += job->err->code == ERR_OK;
        writer->counters.errors += is_store_failure(job->err->code);
        job->is_done = true;
        pthread_cond_signal(&job->done);
    }
}

static void *writer_thread(void *arg)
{
    struct sqlite_writer *writer = arg;
    struct error refusal = {0};

    pthread_mutex_lock(&writer->lock);
    while (writer->first || !writer->is_closing) {
        struct job *jobs = writer->first;
        bool is_idle;

        if (!jobs) {
            pthread_cond_wait(&writer->work, &writer->lock);
            continue;
        }
        writer->first = NULL;
        writer->last = &writer->first;
        pthread_mutex_unlock(&writer->lock);
        run_batch(writer, jobs);
        pthread_mutex_lock(&writer->lock);
        finish_batch(writer, jobs);
        is_idle = !writer->first;
        pthread_mutex_unlock(&writer->lock);
        if (checkpoint_is_due(writer, is_idle))
            checkpoint(writer, SQLITE_CHECKPOINT_PASSIVE);
        pthread_mutex_lock(&writer->lock);
    }
    pthread_mutex_unlock(&writer->lock);
    checkpoint(writer, SQLITE_CHECKPOINT_TRUNCATE);
    if (sqlite_writer_refusal(writer, &refusal))
        sqlite3_db_config(writer->conn.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return NULL;
}

struct sqlite_writer *sqlite_writer_create(struct sqlite_conn *conn, struct audit *audit,
                                           const struct sqlite_vfs *vfs, struct log *log)
{
    struct sqlite_writer *writer = mem_alloc(1, sizeof(*writer));

    writer->conn = *conn;
    *conn = (struct sqlite_conn){0};
    writer->audit = audit;
    writer->vfs = vfs;
    writer->log = log;
    writer->last = &writer->first;
    pthread_mutex_init(&writer->lock, NULL);
    pthread_cond_init(&writer->work, NULL);
    sqlite3_wal_hook(writer->conn.db, after_commit, writer);
    if (pthread_create(&writer->thread, NULL, writer_thread, writer) != 0) {
        sqlite_conn_close(&writer->conn);
        free(writer);
        return NULL;
    }
    return writer;
}

void sqlite_writer_free(struct sqlite_writer *writer)
{
    if (!writer)
        return;
    pthread_mutex_lock(&writer->lock);
    writer->is_closing = true;
    pthread_cond_signal(&writer->work);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    sqlite_conn_close(&writer->conn);
    pthread_cond_destroy(&writer->work);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}

void sqlite_writer_refuse(struct sqlite_writer *writer, const struct error *why)
{
    bool is_first;

    pthread_mutex_lock(&writer->lock);
    is_first = writer->refusal.code == ERR_OK;
    if (is_first)
        writer->refusal = *why;
    pthread_mutex_unlock(&writer->lock);
    if (is_first)
        log_error(writer->log, "result store refused writes", LOG_STR("reason", error_reason(why)),
                  LOG_STR("error", why->message));
}

enum err_code sqlite_writer_refusal(struct sqlite_writer *writer, struct error *err)
{
    pthread_mutex_lock(&writer->lock);
    if (writer->refusal.code)
        *err = writer->refusal;
    pthread_mutex_unlock(&writer->lock);
    return err->code;
}

enum err_code sqlite_writer_run(struct sqlite_writer *writer, enum sqlite_write_kind kind,
                                sqlite_write_fn *write, const void *args, struct error *err)
{
    struct job job = {
        .kind = kind,
        .write = write,
        .args = args,
        .err = err,
        .queued_mono_ms = clock_mono_ms(),
        .done = PTHREAD_COND_INITIALIZER,
    };

    pthread_mutex_lock(&writer->lock);
    *writer->last = &job;
    /* cppcheck-suppress autoVariables; the writer lets go of a job before it says done */
    writer->last = &job.next;
    writer->counters.queued++;
    pthread_cond_signal(&writer->work);
    while (!job.is_done)
        pthread_cond_wait(&job.done, &writer->lock);
    pthread_mutex_unlock(&writer->lock);
    pthread_cond_destroy(&job.done);
    return err->code;
}

struct sqlite_writer_counters sqlite_writer_count(struct sqlite_writer *writer)
{
    struct sqlite_writer_counters counters;

    pthread_mutex_lock(&writer->lock);
    counters = writer->counters;
    pthread_mutex_unlock(&writer->lock);
    return counters;
}
