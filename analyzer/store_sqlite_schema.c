#include "analyzer/store_sqlite_schema.h"

#include <stdio.h>
#include <string.h>

#define APPLICATION_ID 0x53524E53 /* "SRNS": how we know the file is ours */

/* Numbered migrations: entry n takes user_version n to n + 1. Never edited once released. */
static const char *const migrations[] = {
    /* One row. `sequence` counts the commits that accepted or ended an execution. */
    "CREATE TABLE meta ("
    " id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), store_id TEXT NOT NULL,"
    " sequence INTEGER NOT NULL) STRICT;"
    "INSERT INTO meta (id, store_id, sequence) VALUES (1, lower(hex(randomblob(16))), 0);"

    "CREATE TABLE canary_config ("
    " account TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,"
    " updated_unix_ms INTEGER NOT NULL, body_json TEXT NOT NULL,"
    " PRIMARY KEY (account, id)) STRICT;"
    "CREATE INDEX canary_config_by_name ON canary_config (account, name);"
    "CREATE TABLE canary_config_application ("
    " account TEXT NOT NULL, config_id TEXT NOT NULL, position INTEGER NOT NULL,"
    " application TEXT NOT NULL, PRIMARY KEY (account, config_id, position),"
    " FOREIGN KEY (account, config_id) REFERENCES canary_config (account, id) ON DELETE CASCADE)"
    " STRICT, WITHOUT ROWID;"

    /* What changes while an execution runs is a short row; its texts are tables of their own, so
     * that a lease does not copy a config. */
    "CREATE TABLE execution ("
    " seq INTEGER NOT NULL PRIMARY KEY, id TEXT NOT NULL UNIQUE, application TEXT NOT NULL,"
    " account TEXT NOT NULL, parent_id TEXT NOT NULL, config_id TEXT NOT NULL,"
    " config_name TEXT NOT NULL, kind INTEGER NOT NULL,"
    " state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),"
    " is_live INTEGER NOT NULL DEFAULT 1, is_archived INTEGER NOT NULL DEFAULT 1,"
    " created_unix_ms INTEGER NOT NULL, ended_unix_ms INTEGER NOT NULL,"
    " due_unix_ms INTEGER NOT NULL, n_steps INTEGER NOT NULL, verdict TEXT NOT NULL, score REAL,"
    " lease_nonce TEXT, n_crashes INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE execution_submission ("
    " execution INTEGER NOT NULL PRIMARY KEY REFERENCES execution ON DELETE CASCADE,"
    " json TEXT NOT NULL) STRICT;"
    "CREATE TABLE execution_body ("
    " execution INTEGER NOT NULL PRIMARY KEY REFERENCES execution ON DELETE CASCADE,"
    " json TEXT NOT NULL) STRICT;"
    /* For claims; nobody else may have it. */
    "CREATE INDEX execution_due ON execution (due_unix_ms) WHERE state = 0 AND lease_nonce IS NULL;"
    "CREATE INDEX execution_suspect ON execution (n_crashes) WHERE state = 0 AND n_crashes >= 2;"
    "CREATE INDEX execution_unended ON execution (application, created_unix_ms, id, parent_id)"
    " WHERE state = 0;"
    /* For lists; a page is read off one of them, and what stands behind the id saves the look at
     * rows that are not wanted. */
    "CREATE INDEX execution_by_age ON execution (created_unix_ms, id, kind, parent_id)"
    " WHERE is_live;"
    "CREATE INDEX execution_by_application ON execution"
    " (application, created_unix_ms, id, kind, parent_id) WHERE is_live;"
    "CREATE INDEX execution_by_config ON execution (config_id, created_unix_ms, id)"
    " WHERE is_live AND config_id <> '';"
    "CREATE INDEX execution_by_parent ON execution (parent_id, created_unix_ms, id)"
    " WHERE is_live AND parent_id <> '';"
    "CREATE INDEX execution_by_verdict ON execution (verdict, created_unix_ms, id, application)"
    " WHERE is_live AND verdict <> '';"

    "CREATE TABLE sample ("
    " execution INTEGER NOT NULL REFERENCES execution ON DELETE CASCADE,"
    " metric_index INTEGER NOT NULL, side INTEGER NOT NULL, payload BLOB NOT NULL,"
    " PRIMARY KEY (execution, metric_index, side)) STRICT;"
    "CREATE TABLE idempotency ("
    " scope TEXT NOT NULL, key TEXT NOT NULL, digest BLOB NOT NULL, execution_id TEXT NOT NULL,"
    " created_unix_ms INTEGER NOT NULL, PRIMARY KEY (scope, key)) STRICT;"
    "CREATE INDEX idempotency_by_age ON idempotency (created_unix_ms);"
    "CREATE TABLE outbox ("
    " event_id TEXT NOT NULL, sink TEXT NOT NULL, execution_id TEXT NOT NULL,"
    " created_unix_ms INTEGER NOT NULL, due_unix_ms INTEGER NOT NULL, n_attempts INTEGER NOT NULL,"
    " body TEXT NOT NULL, PRIMARY KEY (event_id, sink)) STRICT;"
    "CREATE INDEX outbox_due ON outbox (sink, due_unix_ms);"
    "CREATE INDEX outbox_by_age ON outbox (sink, created_unix_ms, event_id);"

    "CREATE TABLE series ("
    " kind INTEGER NOT NULL, account TEXT NOT NULL, id TEXT NOT NULL,"
    " updated_unix_ms INTEGER NOT NULL, payload BLOB NOT NULL,"
    " PRIMARY KEY (kind, account, id)) STRICT;"
    "CREATE TABLE archive ("
    " account TEXT NOT NULL, id TEXT NOT NULL, updated_unix_ms INTEGER NOT NULL,"
    " body_json TEXT NOT NULL, PRIMARY KEY (account, id)) STRICT;",
};

enum err_code sqlite_schema_version(struct sqlite_conn *conn, sqlite3_int64 *out, struct error *err)
{
    return sqlite_conn_number(conn, "PRAGMA user_version", out, err);
}

sqlite3_int64 sqlite_schema_newest(void)
{
    return (sqlite3_int64)ARRAY_LEN(migrations);
}

static enum err_code check_ours(struct sqlite_conn *conn, const char *path, struct error *err)
{
    sqlite3_int64 application, version, n_tables;

    if (sqlite_conn_number(conn, "PRAGMA application_id", &application, err) ||
        sqlite_schema_version(conn, &version, err) ||
        sqlite_conn_number(conn, "SELECT count(*) FROM sqlite_schema", &n_tables, err))
        return err->code;
    if (n_tables > 0 && application != APPLICATION_ID)
        return error_set(err, ERR_IO, "\"%s\" is a database of another program", path);
    if (version > sqlite_schema_newest())
        return error_set(
            err, ERR_IO,
            "the database \"%s\" was written by a newer version (schema %lld, this one "
            "knows %zu); start that version again",
            path, version, ARRAY_LEN(migrations));
    return ERR_OK;
}

enum err_code sqlite_schema_check(struct sqlite_conn *conn, const char *path, struct error *err)
{
    struct error why = {0};

    if (check_ours(conn, path, &why))
        return sqlite_open_error(conn, path, &why, err);
    return ERR_OK;
}

static enum err_code use_wal(struct sqlite_conn *conn, const char *path, struct error *err)
{
    sqlite3_stmt *stmt = NULL;
    const char *mode = NULL;

    if (sqlite3_prepare_v2(conn->db, "PRAGMA journal_mode = WAL", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        mode = (const char *)sqlite3_column_text(stmt, 0);
    if (!mode)
        sqlite_error(conn, "switch the database to WAL", err);
    else if (strcmp(mode, "wal") != 0)
        error_set(err, ERR_IO,
                  "\"%s\" cannot use a write-ahead log; is it on a network file system?", path);
    sqlite3_finalize(stmt);
    return err->code;
}

enum err_code sqlite_schema_migrate(struct sqlite_conn *conn, const char *path, struct error *err)
{
    sqlite3_int64 version;
    char numbers[128];

    if (use_wal(conn, path, err) ||
        sqlite_conn_exec(conn, "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216",
                         "set up the log", err) ||
        sqlite_schema_version(conn, &version, err))
        return err->code;
    for (size_t i = (size_t)version; i < ARRAY_LEN(migrations); i++) {
        snprintf(numbers, sizeof(numbers), "PRAGMA user_version = %zu; PRAGMA application_id = %d",
                 i + 1, APPLICATION_ID);
        if (sqlite_conn_exec(conn, "BEGIN IMMEDIATE", "migrate the database", err) ||
            sqlite_conn_exec(conn, migrations[i], "migrate the database", err) ||
            sqlite_conn_exec(conn, numbers, "migrate the database", err) ||
            sqlite_conn_exec(conn, "COMMIT", "migrate the database", err))
            return err->code; /* closing rolls back */
    }
    return ERR_OK;
}
