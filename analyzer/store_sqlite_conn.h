/* analyzer/store_sqlite_conn.h -- one connection to the database: how it is opened, its prepared
 * statements, and what SQLite's result codes mean to us. Used by one thread at a time. */
#ifndef ANALYZER_STORE_SQLITE_CONN_H
#define ANALYZER_STORE_SQLITE_CONN_H

#include "base/arena.h"
#include "base/str.h"
#include <sqlite3.h>
#include <stdint.h>

enum sqlite_role { SQLITE_WRITER, SQLITE_READER };

/* Every statement there is; the texts are in store_sqlite_conn.c. */
enum sqlite_sql {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_SAVEPOINT,
    SQL_SAVEPOINT_UNDO,
    SQL_SAVEPOINT_KEEP,
    SQL_CONFIG_EXISTS,
    SQL_CONFIG_NAMESAKES,
    SQL_CONFIG_INSERT,
    SQL_CONFIG_UPDATE,
    SQL_CONFIG_DELETE,
    SQL_CONFIG_APPLICATIONS_DELETE,
    SQL_CONFIG_APPLICATION_INSERT,
    SQL_CONFIG_GET,
    SQL_CONFIG_LIST,
    SQL_EXECUTION_INSERT,
    SQL_EXECUTION_FINISH,
    SQL_EXECUTION_GET,
    SQL_EXECUTION_LIST,
    SQL_EXECUTION_LIST_APPLICATION,
    SQL_EXECUTION_LIST_UNFINISHED,
    SQL_EXECUTION_IDS,
    SQL_EXECUTION_HIDE,
    SQL_EXECUTION_UNARCHIVE,
    SQL_EXECUTION_PURGE,
    SQL_ARCHIVE_PUT,
    SQL_ARCHIVE_DELETE,
    SQL_ARCHIVE_GET,
    SQL_ARCHIVE_LIST,
    SQL_SERIES_PUT,
    SQL_SERIES_GET,
    SQL_SERIES_DELETE,
    SQL_SERIES_LIST,
    N_SQL
};

struct sqlite_conn {
    sqlite3 *db;
    sqlite3_stmt *stmts[N_SQL]; /* prepared when first used */
};

/* Open the file at `path`, which must exist. The caller clears *conn in any case.
 * Errors: ERR_IO when it is not a database, else as sqlite_error(). */
MUST_CHECK enum err_code sqlite_conn_open(struct sqlite_conn *conn, const char *path,
                                          const char *vfs_name, enum sqlite_role role,
                                          struct error *err);
void sqlite_conn_close(struct sqlite_conn *conn); /* also of a zeroed one */

/* The statement, reset and without bindings. Borrowed. NULL with `err` set when it cannot be
 * prepared. */
sqlite3_stmt *sqlite_conn_stmt(struct sqlite_conn *conn, enum sqlite_sql sql, struct error *err);

/* Run a statement that gives no rows; its parameters are bound already. */
MUST_CHECK enum err_code sqlite_conn_run(struct sqlite_conn *conn, sqlite3_stmt *stmt,
                                         const char *what, struct error *err);

/* The error of the last call on this connection: ERR_BUSY store_busy (locked by someone else),
 * ERR_BUSY disk_low (SQLITE_FULL and SQLITE_IOERR_WRITE alike), else ERR_STORAGE. `what` completes
 * "could not ...". */
enum err_code sqlite_error(struct sqlite_conn *conn, const char *what, struct error *err);

/* Bind by position, from 1. NULL text is bound as "". The bytes must live until the step. */
void sqlite_bind_text(sqlite3_stmt *stmt, int at, const char *text);
void sqlite_bind_str(sqlite3_stmt *stmt, int at, struct str text);
void sqlite_bind_blob(sqlite3_stmt *stmt, int at, struct str bytes);
void sqlite_bind_size(sqlite3_stmt *stmt, int at, size_t n); /* SIZE_MAX, too */

/* Copies of a column, from 0; terminated, never NULL. */
const char *sqlite_column_copy(sqlite3_stmt *stmt, int at, struct arena *arena);
struct str sqlite_column_str(sqlite3_stmt *stmt, int at, struct arena *arena);

/* On the writer, before anything else is done with it: is the database whole, is it ours, and is
 * its schema not newer than we are? Nothing is written. Errors: ERR_IO, saying what to do. */
MUST_CHECK enum err_code sqlite_conn_check(struct sqlite_conn *conn, const char *path,
                                           struct error *err);
/* Switch to WAL and bring the schema up to date. */
MUST_CHECK enum err_code sqlite_conn_migrate(struct sqlite_conn *conn, const char *path,
                                             struct error *err);

#endif
