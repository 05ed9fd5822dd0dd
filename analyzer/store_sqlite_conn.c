#include "analyzer/store_sqlite_conn.h"

#include <stdio.h>

#define WRITER_CACHE_KIB 1024
#define READER_CACHE_KIB 256
#define READER_BUSY_MS 2000 /* a reader only ever waits while the log is being recovered */

enum err_code sqlite_error(struct sqlite_conn *conn, const char *what, struct error *err)
{
    const char *message = conn->db ? sqlite3_errmsg(conn->db) : "out of memory";

    switch (conn->db ? sqlite3_extended_errcode(conn->db) : SQLITE_NOMEM) {
    case SQLITE_FULL:
    case SQLITE_IOERR_WRITE: /* how a quota or a file size limit shows */
    case SQLITE_IOERR_SHMSIZE:
        return error_because(err, ERR_BUSY, "disk_low", "could not %s: %s", what, message);
    default:
        break;
    }
    switch (conn->db ? sqlite3_errcode(conn->db) & 0xFF : SQLITE_NOMEM) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_because(err, ERR_BUSY, "store_busy", "could not %s: %s", what, message);
    default:
        return error_set(err, ERR_STORAGE, "could not %s: %s", what, message);
    }
}

enum err_code sqlite_damaged(const char *path, const char *detail, struct error *err)
{
    return error_because(
        err, ERR_IO, "store_damaged",
        "the database \"%s\" is damaged (%s); nothing was changed. Put a backup in its place "
        "(serinus store restore), or move all serinus.* files away to start with an empty one",
        path, detail);
}

enum err_code sqlite_conn_exec(struct sqlite_conn *conn, const char *sql, const char *what,
                               struct error *err)
{
    if (sqlite3_exec(conn->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_error(conn, what, err);
    return ERR_OK;
}

enum err_code sqlite_open_error(struct sqlite_conn *conn, const char *path, const struct error *why,
                                struct error *err)
{
    int code = sqlite3_errcode(conn->db) & 0xFF;

    if (why->code != ERR_IO && (code == SQLITE_CORRUPT || code == SQLITE_NOTADB))
        return sqlite_damaged(path, sqlite3_errmsg(conn->db), err);
    if (err->code == ERR_OK)
        *err = *why;
    return err->code;
}

enum err_code sqlite_conn_open(struct sqlite_conn *conn, const char *path, const char *vfs_name,
                               enum sqlite_role role, struct error *err)
{
    struct error why = {0};
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
    char pragmas[256];

    conn->n_unended = -1;
    flags |= role == SQLITE_WRITER ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    if (sqlite3_open_v2(path, &conn->db, flags, vfs_name) != SQLITE_OK)
        return sqlite_error(conn, "open the database", err);
    sqlite3_busy_timeout(conn->db, READER_BUSY_MS);
    /* Lookaside would hold 48 KiB per connection for small, short-lived objects. */
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0);
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* Until it is known to be whole, closing must not move the log into the database. */
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_wal_autocheckpoint(conn->db, 0); /* the writer thread decides */
    snprintf(pragmas, sizeof(pragmas),
             "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;"
             "PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = ON; PRAGMA cache_size = -%d;%s",
             role == SQLITE_WRITER ? WRITER_CACHE_KIB : READER_CACHE_KIB,
             role == SQLITE_WRITER ? "" : "PRAGMA query_only = ON;");
    if (sqlite_conn_exec(conn, pragmas, "set up the connection", &why))
        return sqlite_open_error(conn, path, &why, err);
    return ERR_OK;
}

void sqlite_conn_close(struct sqlite_conn *conn)
{
    for (size_t i = 0; i < N_SQL; i++)
        sqlite3_finalize(conn->stmts[i]);
    sqlite3_close(conn->db);
    *conn = (struct sqlite_conn){0};
}

sqlite3_stmt *sqlite_conn_stmt(struct sqlite_conn *conn, enum sqlite_sql sql, struct error *err)
{
    sqlite3_stmt **stmt = &conn->stmts[sql];

    if (!*stmt && sqlite3_prepare_v3(conn->db, sqlite_statements[sql], -1,
                                     SQLITE_PREPARE_PERSISTENT, stmt, NULL) != SQLITE_OK) {
        sqlite_error(conn, "prepare a statement", err);
        return NULL;
    }
    sqlite3_reset(*stmt);
    sqlite3_clear_bindings(*stmt);
    return *stmt;
}

enum err_code sqlite_conn_run(struct sqlite_conn *conn, sqlite3_stmt *stmt, const char *what,
                              struct error *err)
{
    int rc;

    if (!stmt)
        return err->code;
    rc = sqlite3_step(stmt);
    if (rc != SQLITE_DONE)
        sqlite_error(conn, what, err);
    sqlite3_reset(stmt);
    return err->code;
}

void sqlite_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
    sqlite_bind_str(stmt, at, str_of(text));
}

void sqlite_bind_str(sqlite3_stmt *stmt, int at, struct str text)
{
    sqlite3_bind_text64(stmt, at, text.bytes ? text.bytes : "", text.n_bytes, SQLITE_STATIC,
                        SQLITE_UTF8);
}

void sqlite_bind_blob(sqlite3_stmt *stmt, int at, struct str bytes)
{
    sqlite3_bind_blob64(stmt, at, bytes.bytes ? bytes.bytes : "", bytes.n_bytes, SQLITE_STATIC);
}

struct str sqlite_column_str(sqlite3_stmt *stmt, int at, struct arena *arena)
{
    const char *bytes = sqlite3_column_blob(stmt, at); /* before the count, as SQLite asks */
    size_t n_bytes = (size_t)sqlite3_column_bytes(stmt, at);

    return (struct str){arena_strndup(arena, bytes, n_bytes), n_bytes};
}

void sqlite_bind_size(sqlite3_stmt *stmt, int at, size_t n)
{
    sqlite3_bind_int64(stmt, at, n > INT64_MAX ? INT64_MAX : (sqlite3_int64)n);
}

const char *sqlite_column_copy(sqlite3_stmt *stmt, int at, struct arena *arena)
{
    return sqlite_column_str(stmt, at, arena).bytes;
}

enum err_code sqlite_conn_number(struct sqlite_conn *conn, const char *sql, sqlite3_int64 *out,
                                 struct error *err)
{
    sqlite3_stmt *stmt = NULL;

    *out = 0;
    if (sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return sqlite_error(conn, "read the database's header", err);
    switch (sqlite3_step(stmt)) {
    case SQLITE_ROW:
        *out = sqlite3_column_int64(stmt, 0);
        break;
    case SQLITE_DONE:
        break;
    default:
        sqlite_error(conn, "read the database's header", err);
    }
    sqlite3_finalize(stmt);
    return err->code;
}
