/* Opening goes from what can be undone to what cannot: take the lock, look at the database without
 * writing, and only then change anything. */
#include "analyzer/store_sqlite.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum err_code sqlite_position_read(struct sqlite_conn *conn, struct sqlite_position *out,
                                   struct error *err)
{
    sqlite3_int64 version;
    sqlite3_stmt *stmt = NULL;

    if (sqlite_schema_version(conn, &version, err))
        return err->code;
    out->has_schema = version == sqlite_schema_newest();
    if (version == 0)
        return ERR_OK;
    if (sqlite3_prepare_v2(conn->db, "SELECT sequence, store_id FROM meta", -1, &stmt, NULL) !=
            SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW) {
        sqlite_error(conn, "read how far the database has come", err);
    } else {
        out->sequence = sqlite3_column_int64(stmt, 0);
        snprintf(out->store_id, sizeof(out->store_id), "%s",
                 (const char *)sqlite3_column_text(stmt, 1));
    }
    sqlite3_finalize(stmt);
    return err->code;
}

/* ERR_BUSY when the database lacks what has been acknowledged. */
static enum err_code check_position(const struct store *store,
                                    const struct sqlite_position *position, struct error *err)
{
    const struct audit *audit = &store->audit;

    if (!audit->has_record ||
        (position->sequence >= audit->sequence && strcmp(position->store_id, audit->store_id) == 0))
        return ERR_OK;
    return error_because(
        err, ERR_BUSY, "store_rollback_detected",
        "the database has lost something that was acknowledged: it has come to commit %" PRId64
        ", and \"%s\" knows of %" PRId64 "%s. It is not written to. Put the right database in its "
        "place, or run \"serinus store accept-rollback\" to go on with this one",
        (int64_t)position->sequence, audit->path, (int64_t)audit->sequence,
        strcmp(position->store_id, audit->store_id) != 0 ? " of another database" : "");
}

/* A database that is ahead was cut off between a commit and its record. Without a record both
 * slots are written, so that their room on the disk is taken. */
static enum err_code catch_up(struct store *store, struct sqlite_conn *conn, struct error *err)
{
    struct sqlite_position position = {0};
    bool is_new = !store->audit.has_record;

    if (sqlite_position_read(conn, &position, err))
        return err->code;
    if (!is_new && position.sequence == store->audit.sequence)
        return ERR_OK;
    if (audit_write(&store->audit, position.store_id, position.sequence, err) || !is_new)
        return err->code;
    return audit_write(&store->audit, position.store_id, position.sequence, err);
}

void sqlite_accept_sql(const struct audit *audit, char *sql, size_t n_bytes)
{
    if (audit->has_record)
        snprintf(sql, n_bytes,
                 "UPDATE meta SET store_id = '%s', sequence = max(sequence, %lld) + 1",
                 audit->store_id, audit->sequence);
    else
        snprintf(sql, n_bytes, "UPDATE meta SET sequence = sequence + 1");
}

static enum err_code accept_rollback(struct store *store, struct sqlite_conn *conn,
                                     struct error *err)
{
    char sql[160];

    sqlite_accept_sql(&store->audit, sql, sizeof(sql));
    return sqlite_conn_exec(conn, sql, "accept the rollback", err);
}

/* Up to date and ready to be written to, unless `refusal` says that it must not be. */
static enum err_code prepare(struct store *store, enum store_purpose purpose,
                             struct sqlite_conn *conn, struct error *refusal, struct error *err)
{
    struct sqlite_position position = {0};
    bool is_rolled_back;

    if (sqlite_position_read(conn, &position, err))
        return err->code;
    is_rolled_back = check_position(store, &position, refusal) != ERR_OK;
    if (purpose == STORE_LOOK && !is_rolled_back)
        error_because(refusal, ERR_BUSY, "read_only", "the database was opened for reading");
    if (refusal->code && purpose != STORE_ACCEPT) {
        store->is_unreadable = !position.has_schema;
        return ERR_OK;
    }
    *refusal = (struct error){0};
    if (sqlite_schema_migrate(conn, store->db_path, err) || sqlite_leases_void(conn, err) ||
        (is_rolled_back && accept_rollback(store, conn, err)) || catch_up(store, conn, err))
        return err->code;
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return ERR_OK;
}

static enum err_code open_writer(struct store *store, enum store_purpose purpose, struct error *err)
{
    struct sqlite_conn conn = {0};
    struct error refusal = {0}, why = {0};

    if (sqlite_conn_open(&conn, store->db_path, store->vfs.name, SQLITE_WRITER, err) ||
        sqlite_schema_check(&conn, store->db_path, err) ||
        (prepare(store, purpose, &conn, &refusal, &why) &&
         sqlite_open_error(&conn, store->db_path, &why, err))) {
        sqlite_conn_close(&conn);
        return err->code;
    }
    store->writer = sqlite_writer_create(&conn, &store->audit, &store->vfs, store->log);
    if (!store->writer)
        return error_set(err, ERR_STORAGE, "could not start the writer thread");
    if (refusal.code)
        sqlite_writer_refuse(store->writer, &refusal);
    return ERR_OK;
}

/* To look at one, or to accept it, it must be there. */
static enum err_code find_or_create(struct store *store, enum store_purpose purpose,
                                    struct error *err)
{
    struct stat info;

    if (purpose == STORE_SERVE)
        return store_create_folder(store->data_dir, err);
    if (stat(store->db_path, &info) == 0)
        return ERR_OK;
    if (errno == ENOENT || errno == ENOTDIR)
        return error_set(err, ERR_NOT_FOUND, "there is no database \"%s\"", store->db_path);
    return store_io_error("look at", store->db_path, err);
}

struct store *store_create(const char *data_dir, struct log *log)
{
    struct store *store = mem_alloc(1, sizeof(*store));

    store->opened_mono_ms = clock_mono_ms();
    store->lock_fd = -1;
    store->log = log;
    store->data_dir = mem_strdup(data_dir);
    store->db_path = store_path(data_dir, STORE_DB_NAME);
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->reader_free, NULL);
    return store;
}

enum err_code store_open_for(const char *data_dir, enum store_purpose purpose, struct log *log,
                             struct store **out, struct error *err)
{
    struct store *store = store_create(data_dir, log);

    if (find_or_create(store, purpose, err) || store_take_lock(store, err) ||
        store_create_file(store, err) || sqlite_vfs_register(&store->vfs, err) ||
        audit_open(&store->audit, &store->vfs.base, data_dir, err) ||
        open_writer(store, purpose, err) ||
        (purpose == STORE_SERVE && sqlite_verify_start(store->db_path, &store->vfs, store->writer,
                                                       log, &store->verify, err))) {
        store_close(store);
        return err->code;
    }
    *out = store;
    return ERR_OK;
}

enum err_code store_open(const char *data_dir, struct log *log, struct store **out,
                         struct error *err)
{
    return store_open_for(data_dir, STORE_SERVE, log, out, err);
}

void store_close(struct store *store)
{
    struct error ignored = {0}; /* a lease that stays is a crash to the next process, no loss */

    if (!store)
        return;
    sqlite_verify_stop(store->verify);
    if (store->writer && sqlite_writer_refusal(store->writer, &ignored) == ERR_OK &&
        store_leases_give_back(store, &ignored))
        log_warn(store->log, "leases not given back", LOG_STR("error", ignored.message));
    for (size_t i = 0; i < STORE_READERS; i++)
        sqlite_conn_close(&store->readers[i]);
    sqlite_writer_free(store->writer);
    audit_close(&store->audit);
    sqlite_vfs_unregister(&store->vfs);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    pthread_cond_destroy(&store->reader_free);
    pthread_mutex_destroy(&store->lock);
    free(store->data_dir);
    free(store->db_path);
    free(store);
}

struct sqlite_conn *store_reader_take(struct store *store, struct error *err)
{
    struct sqlite_conn *reader = NULL;

    if (store->is_unreadable && sqlite_writer_refusal(store->writer, err))
        return NULL;
    pthread_mutex_lock(&store->lock);
    while (!reader) {
        for (size_t i = 0; i < STORE_READERS && !reader; i++) {
            if (!store->is_taken[i]) {
                store->is_taken[i] = true;
                reader = &store->readers[i];
            }
        }
        if (!reader)
            pthread_cond_wait(&store->reader_free, &store->lock);
    }
    pthread_mutex_unlock(&store->lock);
    if (!reader->db &&
        sqlite_conn_open(reader, store->db_path, store->vfs.name, SQLITE_READER, err)) {
        sqlite_conn_close(reader);
        store_reader_give(store, reader);
        return NULL;
    }
    return reader;
}

void store_reader_give(struct store *store, struct sqlite_conn *reader)
{
    if (!reader)
        return;
    pthread_mutex_lock(&store->lock);
    store->is_taken[reader - store->readers] = false;
    pthread_cond_signal(&store->reader_free);
    pthread_mutex_unlock(&store->lock);
}

enum err_code store_write(struct store *store, enum sqlite_write_kind kind, sqlite_write_fn *write,
                          const void *args, struct error *err)
{
    return sqlite_writer_run(store->writer, kind, write, args, err);
}

enum err_code store_read_number(struct store *store, enum sqlite_sql sql, int64_t *out,
                                struct error *err)
{
    struct sqlite_conn *reader = store_reader_take(store, err);
    sqlite3_stmt *stmt = reader ? sqlite_conn_stmt(reader, sql, err) : NULL;
    int rc;

    if (!stmt)
        goto out;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(stmt, 0);
    else if (rc != SQLITE_DONE)
        sqlite_error(reader, "read a number", err);
    sqlite3_reset(stmt);
out:
    store_reader_give(store, reader);
    return err->code;
}

/* An empty transaction: it takes the write lock, so it knows whether it could write. */
static enum err_code write_nothing(struct sqlite_conn *conn, const void *args, struct error *err)
{
    (void)conn;
    (void)args;
    return err->code;
}

enum err_code store_check(struct store *store, struct error *err)
{
    if (store_disk_check(store, err))
        return err->code;
    return store_write(store, WRITE_UNCOUNTED, write_nothing, NULL, err);
}

enum err_code store_failure(struct store *store, struct error *err)
{
    struct error refusal = {0};

    if (sqlite_writer_refusal(store->writer, &refusal) == ERR_IO)
        *err = refusal;
    return err->code;
}

struct store_counters store_counters_read(struct store *store)
{
    struct sqlite_writer_counters writer = sqlite_writer_count(store->writer);
    struct error ignored = {0};
    int64_t n_unfinished = 0;

    if (store_read_number(store, SQL_UNENDED_COUNT_ALL, &n_unfinished, &ignored))
        writer.errors++;
    return (struct store_counters){
        .commits = writer.commits,
        .writes = writer.writes,
        .errors = writer.errors,
        .queued = writer.queued,
        .fsyncs = atomic_load(&store->vfs.n_fsyncs),
        .unfinished = (uint64_t)n_unfinished,
    };
}
