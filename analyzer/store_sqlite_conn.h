/* analyzer/store_sqlite_conn.h -- one connection to the database: how it is opened, its prepared
 * statements, and what SQLite's result codes mean to us. Used by one thread at a time. */
#ifndef ANALYZER_STORE_SQLITE_CONN_H
#define ANALYZER_STORE_SQLITE_CONN_H

#include "analyzer/store_sqlite_sql.h"
#include "base/arena.h"
#include "base/str.h"
#include <sqlite3.h>
#include <stdint.h>

enum sqlite_role { SQLITE_WRITER, SQLITE_READER };

struct sqlite_conn {
    sqlite3 *db;
    sqlite3_stmt *stmts[N_SQL]; /* prepared when first used */
    /* The writer's. Executions in the queue; negative: to be counted. A write changes it once
     * nothing in it can fail any more; the writer forgets it when a transaction is rolled back. */
    sqlite3_int64 n_unended;
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

/* Run SQL text that gives no rows. */
MUST_CHECK enum err_code sqlite_conn_exec(struct sqlite_conn *conn, const char *sql,
                                          const char *what, struct error *err);
/* The first column of the first row, as a number; 0 without one. */
MUST_CHECK enum err_code sqlite_conn_number(struct sqlite_conn *conn, const char *sql,
                                            sqlite3_int64 *out, struct error *err);

/* ERR_IO store_damaged, with what to do. */
enum err_code sqlite_damaged(const char *path, const char *detail, struct error *err);
/* Pass on `why`, or say that the file is damaged if that is what SQLite has just found. */
enum err_code sqlite_open_error(struct sqlite_conn *conn, const char *path, const struct error *why,
                                struct error *err);

#endif
