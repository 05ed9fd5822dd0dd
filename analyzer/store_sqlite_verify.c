#include "analyzer/store_sqlite_verify.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define NICE 10          /* requests go first */
#define STOP_EVERY_MS 10 /* an interrupt is forgotten when the check has not begun yet */
#define NS_PER_MS 1000000L
#define NS_PER_S 1000000000L

struct sqlite_verify {
    pthread_t thread;
    const char *path;
    struct sqlite_writer *writer;
    struct log *log;
    struct sqlite_conn conn;
    pthread_mutex_t
        lock; /* guards the connection's life: it may be interrupted while it is there */
    bool is_done;
};

/* A reading connection keeps its snapshot, so what is written meanwhile does not disturb it. */
enum err_code sqlite_verify_run(struct sqlite_conn *conn, const char *path, struct error *err)
{
    struct error why = {0};
    sqlite3_stmt *stmt = NULL;
    const char *said = NULL;

    if (sqlite3_prepare_v2(conn->db, "PRAGMA integrity_check(1)", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        said = (const char *)sqlite3_column_text(stmt, 0);
    if (!said) {
        sqlite_error(conn, "check the database", &why);
        sqlite_open_error(conn, path, &why, err);
    } else if (strcmp(said, "ok") != 0) {
        sqlite_damaged(path, said, err);
    }
    sqlite3_finalize(stmt);
    return err->code;
}

static void *verify_thread(void *arg)
{
    struct sqlite_verify *verify = arg;
    int64_t start_ms = clock_mono_ms();
    struct error err = {0};

    setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    switch (sqlite_verify_run(&verify->conn, verify->path, &err)) {
    case ERR_OK:
        log_info(verify->log, "database checked",
                 LOG_I64("duration_ms", clock_mono_ms() - start_ms));
        break;
    case ERR_IO:
        sqlite_writer_refuse(verify->writer, &err);
        break;
    default:
        if ((sqlite3_errcode(verify->conn.db) & 0xFF) != SQLITE_INTERRUPT)
            log_warn(verify->log, "database not checked", LOG_STR("error", err.message));
    }
    pthread_mutex_lock(&verify->lock);
    sqlite_conn_close(&verify->conn);
    verify->is_done = true;
    pthread_mutex_unlock(&verify->lock);
    return NULL;
}

enum err_code sqlite_verify_start(const char *path, const struct sqlite_vfs *vfs,
                                  struct sqlite_writer *writer, struct log *log,
                                  struct sqlite_verify **out, struct error *err)
{
    struct sqlite_verify *verify = mem_alloc(1, sizeof(*verify));

    verify->path = path;
    verify->writer = writer;
    verify->log = log;
    if (sqlite_conn_open(&verify->conn, path, vfs->name, SQLITE_READER, err))
        goto fail;
    pthread_mutex_init(&verify->lock, NULL);
    if (pthread_create(&verify->thread, NULL, verify_thread, verify) != 0) {
        pthread_mutex_destroy(&verify->lock);
        error_set(err, ERR_STORAGE, "could not start the thread that checks the database");
        goto fail;
    }
    *out = verify;
    return ERR_OK;
fail:
    sqlite_conn_close(&verify->conn);
    free(verify);
    return err->code;
}

/* Has the thread ended within a moment? */
static bool has_ended(struct sqlite_verify *verify)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += STOP_EVERY_MS * NS_PER_MS;
    if (until.tv_nsec >= NS_PER_S) {
        until.tv_sec += 1;
        until.tv_nsec -= NS_PER_S;
    }
    return pthread_timedjoin_np(verify->thread, NULL, &until) == 0;
}

void sqlite_verify_stop(struct sqlite_verify *verify)
{
    if (!verify)
        return;
    do {
        pthread_mutex_lock(&verify->lock);
        if (!verify->is_done)
            sqlite3_interrupt(verify->conn.db);
        pthread_mutex_unlock(&verify->lock);
    } while (!has_ended(verify));
    pthread_mutex_destroy(&verify->lock);
    free(verify);
}
