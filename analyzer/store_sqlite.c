/* Opening goes from what can be undone to what cannot: take the lock, look at the database without
 * writing, and only then change anything. */
#include "analyzer/store_sqlite.h"

#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DB_NAME "serinus.db"
#define DISK_RESERVE_BYTES ((uint64_t)256 * MIB) /* or 5 % of a small file system */
#define DISK_RESERVE_DIVISOR 20

static char *path_in(const char *data_dir, const char *name)
{
    struct strbuf path = {0};

    strbuf_printf(&path, "%s/%s", data_dir, name);
    return path.bytes;
}

static enum err_code io_error(const char *what, const char *path, struct error *err)
{
    enum err_code code = errno == EACCES || errno == EPERM || errno == EROFS ? ERR_PERMISSION
                         : errno == ENOSPC || errno == EDQUOT                ? ERR_BUSY
                                                                             : ERR_IO;

    return error_because(err, code, code == ERR_BUSY ? "disk_low" : NULL, "could not %s \"%s\": %s",
                         what, path, strerror(errno));
}

/* A new name in a folder is only durable once the folder is synced. */
static enum err_code sync_folder(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0)
        io_error("sync the folder", path, err);
    if (fd >= 0)
        close(fd);
    return err->code;
}

/* Held for life: the kernel lets go of it whatever way the process ends. */
static enum err_code take_lock(struct store *store, struct error *err)
{
    char *path = path_in(store->data_dir, DB_NAME ".lock");
    char text[32] = "";
    ssize_t n;

    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->lock_fd < 0) {
        io_error("open the lock file", path, err);
        goto out;
    }
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            io_error("lock", path, err);
            goto out;
        }
        n = pread(store->lock_fd, text, sizeof(text) - 1, 0);
        text[n > 0 ? strcspn(text, "\n") : 0] = '\0';
        error_because(err, ERR_BUSY, "store_locked",
                      "the database in \"%s\" is in use by the process with pid %s",
                      store->data_dir, *text ? text : "unknown");
        goto out;
    }
    snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(store->lock_fd, 0) != 0 ||
        pwrite(store->lock_fd, text, strlen(text), 0) != (ssize_t)strlen(text))
        io_error("write the lock file", path, err);
out:
    free(path);
    return err->code;
}

/* The file must exist before SQLite opens it: SQLite would make it readable by everyone. */
static enum err_code create_file(struct store *store, struct error *err)
{
    char *wal_path = path_in(store->data_dir, DB_NAME "-wal");
    struct stat db, wal;
    int fd = open(store->db_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0) {
        close(fd);
        sync_folder(store->data_dir, err);
    } else if (errno != EEXIST) {
        io_error("create the database", store->db_path, err);
    }
    /* SQLite would take an emptied file for a new one and throw its log away. */
    if (!err->code && stat(store->db_path, &db) == 0 && db.st_size == 0 &&
        stat(wal_path, &wal) == 0 && wal.st_size > 0)
        error_because(
            err, ERR_IO, "store_damaged",
            "the database \"%s\" is empty but has a log; nothing was changed. Put a backup "
            "in its place, or move both away to start with an empty one",
            store->db_path);
    free(wal_path);
    return err->code;
}

static enum err_code create_folder(const char *data_dir, struct error *err)
{
    if (mkdir(data_dir, 0700) != 0 && errno != EEXIST)
        return io_error("create the data folder", data_dir, err);
    return ERR_OK;
}

/* How far a database has come. */
struct position {
    bool has_schema; /* the one we know, so that it can be read as it is */
    sqlite3_int64 sequence;
    char store_id[STORE_ID_BYTES];
};

/* Of one that need not be ours yet. */
static enum err_code read_position(struct sqlite_conn *conn, struct position *out,
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
static enum err_code check_position(const struct store *store, const struct position *position,
                                    struct error *err)
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
    struct position position = {0};
    bool is_new = !store->audit.has_record;

    if (read_position(conn, &position, err))
        return err->code;
    if (!is_new && position.sequence == store->audit.sequence)
        return ERR_OK;
    if (audit_write(&store->audit, position.store_id, position.sequence, err) || !is_new)
        return err->code;
    return audit_write(&store->audit, position.store_id, position.sequence, err);
}

/* Up to date and ready to be written to, unless `rollback` says that it must not be. */
static enum err_code prepare(struct store *store, struct sqlite_conn *conn, struct error *rollback,
                             struct error *err)
{
    struct position position = {0};

    if (read_position(conn, &position, err))
        return err->code;
    if (check_position(store, &position, rollback)) {
        store->is_unreadable = !position.has_schema;
        return ERR_OK;
    }
    if (sqlite_schema_migrate(conn, store->db_path, err) || sqlite_leases_void(conn, err) ||
        catch_up(store, conn, err))
        return err->code;
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return ERR_OK;
}

static enum err_code open_writer(struct store *store, struct error *err)
{
    struct sqlite_conn conn = {0};
    struct error rollback = {0}, why = {0};

    if (sqlite_conn_open(&conn, store->db_path, store->vfs.name, SQLITE_WRITER, err) ||
        sqlite_schema_check(&conn, store->db_path, err) ||
        (prepare(store, &conn, &rollback, &why) &&
         sqlite_open_error(&conn, store->db_path, &why, err))) {
        sqlite_conn_close(&conn);
        return err->code;
    }
    store->writer = sqlite_writer_create(&conn, &store->audit, &store->vfs, store->log);
    if (!store->writer)
        return error_set(err, ERR_STORAGE, "could not start the writer thread");
    if (rollback.code)
        sqlite_writer_refuse(store->writer, &rollback);
    return ERR_OK;
}

enum err_code store_open(const char *data_dir, struct log *log, struct store **out,
                         struct error *err)
{
    struct store *store = mem_alloc(1, sizeof(*store));

    store->lock_fd = -1;
    store->log = log;
    store->data_dir = mem_strdup(data_dir);
    store->db_path = path_in(data_dir, DB_NAME);
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->reader_free, NULL);
    if (create_folder(data_dir, err) || take_lock(store, err) || create_file(store, err) ||
        sqlite_vfs_register(&store->vfs, err) ||
        audit_open(&store->audit, &store->vfs.base, data_dir, err) || open_writer(store, err) ||
        sqlite_verify_start(store->db_path, &store->vfs, store->writer, store->log, &store->verify,
                            err)) {
        store_close(store);
        return err->code;
    }
    *out = store;
    return ERR_OK;
}

void store_close(struct store *store)
{
    struct error ignored = {0}; /* a lease that stays is a crash to the next process, no loss */

    if (!store)
        return;
    sqlite_verify_stop(store->verify);
    if (store->writer && store_leases_give_back(store, &ignored))
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

enum err_code store_disk_check(const struct store *store, struct error *err)
{
    struct statvfs disk;
    uint64_t size, left, reserve;

    if (statvfs(store->data_dir, &disk) != 0)
        return io_error("look at the file system of", store->data_dir, err);
    size = (uint64_t)disk.f_blocks * disk.f_frsize;
    left = (uint64_t)disk.f_bavail * disk.f_frsize;
    reserve = size / DISK_RESERVE_DIVISOR;
    if (reserve > DISK_RESERVE_BYTES)
        reserve = DISK_RESERVE_BYTES;
    if (left < reserve)
        return error_because(err, ERR_BUSY, "disk_low",
                             "the disk has %" PRIu64 " MiB left, and %" PRIu64
                             " MiB are kept in reserve",
                             left / MIB, reserve / MIB);
    return ERR_OK;
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
