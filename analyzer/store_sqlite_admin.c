#include "analyzer/store_admin.h"

#include "analyzer/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum err_code store_look(const char *data_dir, struct log *log, struct store **out,
                         struct error *err)
{
    return store_open_for(data_dir, STORE_LOOK, log, out, err);
}

static int64_t file_bytes(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? (int64_t)info.st_size : 0;
}

static enum err_code count_rows(struct sqlite_conn *conn, struct store_status *out,
                                struct error *err)
{
    sqlite3_int64 n_executions, n_unfinished, n_configs, n_notifications;

    if (sqlite_conn_number(conn, "SELECT count(*) FROM execution WHERE is_live", &n_executions,
                           err) ||
        sqlite_conn_number(conn, "SELECT count(*) FROM execution WHERE state = 0", &n_unfinished,
                           err) ||
        sqlite_conn_number(conn, "SELECT count(*) FROM canary_config", &n_configs, err) ||
        sqlite_conn_number(conn, "SELECT count(*) FROM outbox", &n_notifications, err))
        return err->code;
    out->n_executions = n_executions;
    out->n_unfinished = n_unfinished;
    out->n_configs = n_configs;
    out->n_notifications = n_notifications;
    return ERR_OK;
}

/* A connection of our own: one that lacks our tables is not lent. */
static enum err_code open_reader(struct store *store, struct sqlite_conn *conn, struct error *err)
{
    return sqlite_conn_open(conn, store->db_path, store->vfs.name, SQLITE_READER, err);
}

enum err_code store_status_read(struct store *store, struct store_status *out, struct error *err)
{
    char *log_path = store_path(store->data_dir, STORE_DB_NAME "-wal");
    struct sqlite_position position = {0};
    struct sqlite_conn conn = {0};
    struct error refusal = {0};
    sqlite3_int64 schema = 0;

    *out = (struct store_status){
        .newest_schema = sqlite_schema_newest(),
        .audit_sequence = store->audit.has_record ? store->audit.sequence : -1,
        .is_rolled_back = sqlite_writer_refusal(store->writer, &refusal) &&
                          strcmp(error_reason(&refusal), "store_rollback_detected") == 0,
        .db_bytes = file_bytes(store->db_path),
        .log_bytes = file_bytes(log_path),
    };
    if (open_reader(store, &conn, err) || sqlite_schema_version(&conn, &schema, err) ||
        sqlite_position_read(&conn, &position, err) ||
        (position.has_schema && count_rows(&conn, out, err)))
        goto out;
    out->schema = schema;
    out->sequence = position.sequence;
out:
    sqlite_conn_close(&conn);
    free(log_path);
    return err->code;
}

enum err_code store_verify(struct store *store, struct error *err)
{
    struct sqlite_conn conn = {0};

    enum err_code rc = open_reader(store, &conn, err);

    if (!rc)
        rc = sqlite_verify_run(&conn, store->db_path, err);
    sqlite_conn_close(&conn);
    return rc;
}

/* --- copying --- */

/* A new file for its owner alone, so that SQLite does not make it. */
static enum err_code create_empty(const char *path, struct error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return errno == EEXIST
                   ? error_set(err, ERR_CONFLICT, "there is a file \"%s\" already", path)
                   : store_io_error("create", path, err);
    close(fd);
    return ERR_OK;
}

/* All pages as they are between two commits, then out of WAL mode, so that the copy is one file. */
static enum err_code copy_pages(struct sqlite_conn *from, struct sqlite_conn *to, struct error *err)
{
    sqlite3_backup *copy = sqlite3_backup_init(to->db, "main", from->db, "main");
    int rc;

    if (!copy)
        return sqlite_error(to, "begin the copy", err);
    rc = sqlite3_backup_step(copy, -1);
    if (sqlite3_backup_finish(copy) != SQLITE_OK || rc != SQLITE_DONE)
        return sqlite_error(to, "copy the database", err);
    return sqlite_conn_exec(to, "PRAGMA journal_mode = DELETE", "end the copy", err);
}

/* Copy the database behind `from`, which has been checked, to `path`, which must not exist. `then`
 * is SQL to run on the copy, or NULL. */
static enum err_code copy_database(struct sqlite_conn *from, const char *path, const char *then,
                                   struct error *err)
{
    struct sqlite_conn to = {0};
    struct error ignored = {0};
    char *folder = mem_strdup(path);
    char *slash = strrchr(folder, '/');

    if (slash)
        slash[slash == folder] = '\0'; /* "/" stays "/" */
    if (create_empty(path, err))
        goto out;
    if (sqlite_conn_open(&to, path, NULL, SQLITE_WRITER, err) || copy_pages(from, &to, err) ||
        (then && sqlite_conn_exec(&to, then, "change the copy", err)) ||
        store_sync_folder(slash ? folder : ".", err)) {
        sqlite_conn_close(&to);
        if (unlink(path) != 0)
            store_io_error("remove", path, &ignored);
    }
    sqlite_conn_close(&to);
out:
    free(folder);
    return err->code;
}

enum err_code store_backup(struct store *store, const char *path, struct error *err)
{
    struct sqlite_conn from = {0};

    enum err_code rc = open_reader(store, &from, err);

    if (!rc)
        rc = sqlite_verify_run(&from, store->db_path, err);
    if (!rc)
        rc = copy_database(&from, path, NULL, err);
    sqlite_conn_close(&from);
    return rc;
}

/* --- putting a copy back --- */

/* Is it a whole database of ours? Everything that is wrong with it is the caller's mistake. */
static enum err_code check_copy(struct sqlite_conn *copy, const char *path, struct error *err)
{
    struct sqlite_position position = {0};
    struct error why = {0};
    struct stat info;

    if (stat(path, &info) != 0)
        return error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                         "could not look at \"%s\": %s", path, strerror(errno));
    if (sqlite_conn_open(copy, path, NULL, SQLITE_READER, &why) ||
        sqlite_schema_check(copy, path, &why) || sqlite_verify_run(copy, path, &why) ||
        sqlite_position_read(copy, &position, &why))
        return error_set(err, ERR_INVALID, "cannot restore from \"%s\": %s", path, why.message);
    if (!*position.store_id)
        return error_set(err, ERR_INVALID, "cannot restore from \"%s\": it is empty", path);
    return ERR_OK;
}

static enum err_code move(const char *from, const char *to, struct error *err)
{
    if (rename(from, to) != 0 && errno != ENOENT)
        return store_io_error("move away", from, err);
    return ERR_OK;
}

/* The old database goes before its log, and the new one comes last: between any two steps a start
 * finds a database that is missing, not one with a log of another. */
static enum err_code swap(struct store *store, const char *new_path, struct error *err)
{
    char *log_path = store_path(store->data_dir, STORE_DB_NAME "-wal");
    char *shm_path = store_path(store->data_dir, STORE_DB_NAME "-shm");
    char *kept = store_path(store->data_dir, STORE_DB_NAME ".before-restore");
    char *kept_log = store_path(store->data_dir, STORE_DB_NAME ".before-restore-wal");

    if (move(store->db_path, kept, err) || move(log_path, kept_log, err))
        goto out;
    unlink(shm_path); /* an index of that log; rebuilt when it is missing */
    if (rename(new_path, store->db_path) != 0)
        store_io_error("put in place", new_path, err);
    else if (store_sync_folder(store->data_dir, err) == ERR_OK)
        log_info(store->log, "database restored", LOG_STR("kept", kept));
out:
    free(log_path);
    free(shm_path);
    free(kept);
    free(kept_log);
    return err->code;
}

static enum err_code kept_is_free(struct store *store, struct error *err)
{
    char *kept = store_path(store->data_dir, STORE_DB_NAME ".before-restore");
    struct stat info;

    if (stat(kept, &info) == 0)
        error_set(err, ERR_CONFLICT,
                  "\"%s\" is still there from an earlier restore; move it away first", kept);
    free(kept);
    return err->code;
}

enum err_code store_restore(const char *data_dir, const char *path, struct log *log,
                            struct error *err)
{
    struct store *store = store_create(data_dir, log);
    char *new_path = store_path(data_dir, STORE_DB_NAME ".restoring");
    struct sqlite_conn copy = {0};
    char accept[160];

    if (store_create_folder(data_dir, err) || store_take_lock(store, err) ||
        kept_is_free(store, err) || check_copy(&copy, path, err) ||
        sqlite_vfs_register(&store->vfs, err) ||
        audit_open(&store->audit, &store->vfs.base, data_dir, err))
        goto out;
    sqlite_accept_sql(&store->audit, accept, sizeof(accept));
    unlink(new_path); /* of a restore that was cut off */
    if (copy_database(&copy, new_path, accept, err) == ERR_OK)
        swap(store, new_path, err);
out:
    sqlite_conn_close(&copy);
    store_close(store);
    free(new_path);
    return err->code;
}

static enum err_code is_rolled_back(const char *data_dir, struct log *log, struct store_status *out,
                                    struct error *err)
{
    struct store *store = NULL;

    if (store_look(data_dir, log, &store, err) == ERR_OK &&
        store_status_read(store, out, err) == ERR_OK && !out->is_rolled_back)
        error_set(err, ERR_CONFLICT,
                  "the database in \"%s\" lacks nothing that was acknowledged; there is nothing to "
                  "accept",
                  data_dir);
    store_close(store);
    return err->code;
}

enum err_code store_accept_rollback(const char *data_dir, struct log *log, struct store_status *out,
                                    struct error *err)
{
    struct store *store = NULL;

    if (is_rolled_back(data_dir, log, out, err) == ERR_OK &&
        store_open_for(data_dir, STORE_ACCEPT, log, &store, err) == ERR_OK)
        log_info(log, "rollback accepted", LOG_I64("sequence", out->sequence),
                 LOG_I64("audit_sequence", out->audit_sequence));
    store_close(store);
    return err->code;
}
