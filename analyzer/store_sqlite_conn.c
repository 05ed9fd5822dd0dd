#include "analyzer/store_sqlite_conn.h"

#include "base/limits.h"

#include <stdio.h>
#include <string.h>

#define APPLICATION_ID 0x53524E53   /* "SRNS": how we know the file is ours */
#define CHECK_MAX_BYTES (64u * MIB) /* a larger database would delay the start by seconds */
#define WRITER_CACHE_KIB 1024
#define READER_CACHE_KIB 256
#define READER_BUSY_MS 2000 /* a reader only ever waits while the log is being recovered */

static const char *const statements[N_SQL] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_SAVEPOINT] = "SAVEPOINT one_write",
    [SQL_SAVEPOINT_UNDO] = "ROLLBACK TO one_write",
    [SQL_SAVEPOINT_KEEP] = "RELEASE one_write",
    [SQL_CONFIG_EXISTS] = "SELECT 1 FROM canary_config WHERE account = ?1 AND id = ?2",
    [SQL_CONFIG_NAMESAKES] =
        "SELECT a.application FROM canary_config AS c JOIN canary_config_application AS a"
        " ON a.account = c.account AND a.config_id = c.id"
        " WHERE c.account = ?1 AND c.name = ?2 AND c.id <> ?3",
    [SQL_CONFIG_INSERT] =
        "INSERT INTO canary_config (account, id, name, updated_unix_ms, body_json)"
        " VALUES (?1, ?2, ?3, ?4, ?5)",
    [SQL_CONFIG_UPDATE] = "UPDATE canary_config SET name = ?3, updated_unix_ms = ?4, body_json = ?5"
                          " WHERE account = ?1 AND id = ?2",
    [SQL_CONFIG_DELETE] = "DELETE FROM canary_config WHERE account = ?1 AND id = ?2",
    [SQL_CONFIG_APPLICATIONS_DELETE] =
        "DELETE FROM canary_config_application WHERE account = ?1 AND config_id = ?2",
    [SQL_CONFIG_APPLICATION_INSERT] =
        "INSERT INTO canary_config_application (account, config_id, position, application)"
        " VALUES (?1, ?2, ?3, ?4)",
    /* One row per application, so that config and applications are read in one snapshot. */
    [SQL_CONFIG_GET] = "SELECT c.id, c.name, c.updated_unix_ms, a.application, c.body_json"
                       " FROM canary_config AS c LEFT JOIN canary_config_application AS a"
                       " ON a.account = c.account AND a.config_id = c.id"
                       " WHERE c.account = ?1 AND c.id = ?2 ORDER BY a.position",
    [SQL_CONFIG_LIST] = "SELECT c.id, c.name, c.updated_unix_ms, a.application"
                        " FROM canary_config AS c LEFT JOIN canary_config_application AS a"
                        " ON a.account = c.account AND a.config_id = c.id"
                        " WHERE c.account = ?1 ORDER BY c.name, c.id, a.position",
    [SQL_EXECUTION_INSERT] =
        "INSERT INTO execution (id, application, account, kind, state, created_unix_ms,"
        " ended_unix_ms, submission_json, body_json) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [SQL_EXECUTION_FINISH] = "UPDATE execution SET state = ?2, ended_unix_ms = ?3, body_json = ?4"
                             " WHERE id = ?1 AND state = 0",
#define EXECUTION_COLUMNS                                                                          \
    "SELECT id, application, account, kind, state, created_unix_ms, ended_unix_ms,"                \
    " submission_json, body_json FROM execution "
#define NEWEST_FIRST " ORDER BY created_unix_ms DESC, id DESC LIMIT ?3 OFFSET ?4"
#define OF_KIND "is_live AND kind = ?5 AND (?2 = 0 OR ?2 & (1 << state))"
    [SQL_EXECUTION_GET] = EXECUTION_COLUMNS "WHERE id = ?1 AND is_live",
    [SQL_EXECUTION_LIST] = EXECUTION_COLUMNS "WHERE " OF_KIND NEWEST_FIRST,
    [SQL_EXECUTION_LIST_APPLICATION] =
        EXECUTION_COLUMNS "WHERE application = ?1 AND " OF_KIND NEWEST_FIRST,
    [SQL_EXECUTION_LIST_UNFINISHED] =
        EXECUTION_COLUMNS "WHERE state = 0 AND kind = ?5" NEWEST_FIRST,
    [SQL_EXECUTION_IDS] = "SELECT id, ended_unix_ms FROM execution WHERE is_live"
                          " ORDER BY created_unix_ms DESC, id DESC LIMIT ?3 OFFSET ?4",
    [SQL_EXECUTION_HIDE] =
        "UPDATE execution SET is_live = 0 WHERE id = ?1 AND is_live AND state <> 0",
#define ARCHIVED "account = ?1 AND is_archived AND state <> 0 AND kind = 0"
    [SQL_EXECUTION_UNARCHIVE] = "UPDATE execution SET is_archived = 0 WHERE id = ?2 AND " ARCHIVED,
    [SQL_EXECUTION_PURGE] =
        "DELETE FROM execution WHERE id = ?1 AND NOT is_live AND (NOT is_archived OR kind <> 0)",
    [SQL_ARCHIVE_PUT] = "INSERT INTO archive (account, id, updated_unix_ms, body_json)"
                        " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (account, id) DO UPDATE SET"
                        " updated_unix_ms = excluded.updated_unix_ms,"
                        " body_json = excluded.body_json",
    [SQL_ARCHIVE_DELETE] = "DELETE FROM archive WHERE account = ?1 AND id = ?2",
    [SQL_ARCHIVE_GET] = "SELECT body_json, 0 AS place FROM archive WHERE account = ?1 AND id = ?2"
                        " UNION ALL SELECT body_json, 1 FROM execution WHERE id = ?2 AND " ARCHIVED
                        " ORDER BY place LIMIT 1",
    [SQL_ARCHIVE_LIST] = "SELECT id, updated_unix_ms AS updated FROM archive WHERE account = ?1"
                         " UNION ALL SELECT id, ended_unix_ms FROM execution WHERE " ARCHIVED
                         " AND id NOT IN (SELECT id FROM archive WHERE account = ?1)"
                         " ORDER BY updated DESC, id LIMIT ?3 OFFSET ?4",
    [SQL_SERIES_PUT] = "INSERT INTO series (kind, account, id, updated_unix_ms, payload)"
                       " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (kind, account, id) DO UPDATE SET"
                       " updated_unix_ms = excluded.updated_unix_ms, payload = excluded.payload",
    [SQL_SERIES_GET] = "SELECT updated_unix_ms, payload FROM series"
                       " WHERE kind = ?1 AND account = ?2 AND id = ?3",
    [SQL_SERIES_DELETE] = "DELETE FROM series WHERE kind = ?1 AND account = ?2 AND id = ?3",
    [SQL_SERIES_LIST] = "SELECT id, updated_unix_ms FROM series WHERE kind = ?2 AND account = ?1"
                        " ORDER BY updated_unix_ms DESC, id LIMIT ?3 OFFSET ?4",
};

/* Numbered migrations: entry n takes user_version n to n + 1. Never edited once released. */
static const char *const migrations[] = {
    /* Bodies come last in a row, so that reading the short columns does not touch their pages. */
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
    "CREATE TABLE execution ("
    " id TEXT NOT NULL PRIMARY KEY, application TEXT NOT NULL, account TEXT NOT NULL,"
    " kind INTEGER NOT NULL, state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),"
    " is_live INTEGER NOT NULL DEFAULT 1, is_archived INTEGER NOT NULL DEFAULT 1,"
    " created_unix_ms INTEGER NOT NULL, ended_unix_ms INTEGER NOT NULL, submission_json TEXT NOT "
    "NULL, body_json TEXT NOT NULL)"
    " STRICT;"
    "CREATE INDEX execution_by_application ON execution"
    " (application, created_unix_ms DESC, id DESC);"
    "CREATE INDEX execution_by_age ON execution (created_unix_ms DESC, id DESC);"
    "CREATE INDEX execution_unfinished ON execution (created_unix_ms DESC, id DESC)"
    " WHERE state = 0;"
    "CREATE TABLE series ("
    " kind INTEGER NOT NULL, account TEXT NOT NULL, id TEXT NOT NULL,"
    " updated_unix_ms INTEGER NOT NULL, payload BLOB NOT NULL,"
    " PRIMARY KEY (kind, account, id)) STRICT;"
    "CREATE TABLE archive ("
    " account TEXT NOT NULL, id TEXT NOT NULL, updated_unix_ms INTEGER NOT NULL,"
    " body_json TEXT NOT NULL, PRIMARY KEY (account, id)) STRICT;",
};

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

static enum err_code damaged(const char *path, const char *detail, struct error *err)
{
    return error_because(
        err, ERR_IO, "store_damaged",
        "the database \"%s\" is damaged (%s); nothing was changed. Put a backup in "
        "its place, or move it and its -wal file away to start with an empty one",
        path, detail);
}

static enum err_code exec(struct sqlite_conn *conn, const char *sql, const char *what,
                          struct error *err)
{
    if (sqlite3_exec(conn->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_error(conn, what, err);
    return ERR_OK;
}

/* Pass on `why`, or say that the file is damaged if that is what SQLite found. */
static enum err_code open_error(struct sqlite_conn *conn, const char *path, const struct error *why,
                                struct error *err)
{
    int code = sqlite3_errcode(conn->db) & 0xFF;

    if (why->code != ERR_IO && (code == SQLITE_CORRUPT || code == SQLITE_NOTADB))
        return damaged(path, sqlite3_errmsg(conn->db), err);
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

    flags |= role == SQLITE_WRITER ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    if (sqlite3_open_v2(path, &conn->db, flags, vfs_name) != SQLITE_OK)
        return sqlite_error(conn, "open the database", err);
    sqlite3_busy_timeout(conn->db, READER_BUSY_MS);
    /* Lookaside would hold 48 KiB per connection for small, short-lived objects. */
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0);
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* Until sqlite_conn_check() has passed, closing must not move the log into the database. */
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_wal_autocheckpoint(conn->db, 0); /* the writer thread decides */
    snprintf(pragmas, sizeof(pragmas),
             "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;"
             "PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = ON; PRAGMA cache_size = -%d;%s",
             role == SQLITE_WRITER ? WRITER_CACHE_KIB : READER_CACHE_KIB,
             role == SQLITE_WRITER ? "" : "PRAGMA query_only = ON;");
    if (exec(conn, pragmas, "set up the connection", &why))
        return open_error(conn, path, &why, err);
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

    if (!*stmt && sqlite3_prepare_v3(conn->db, statements[sql], -1, SQLITE_PREPARE_PERSISTENT, stmt,
                                     NULL) != SQLITE_OK) {
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

/* The first column of the first row, as a number. */
static enum err_code query_number(struct sqlite_conn *conn, const char *sql, sqlite3_int64 *out,
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

/* Says "ok", or the first thing that is wrong. */
static enum err_code check_whole(struct sqlite_conn *conn, const char *path, struct error *err)
{
    sqlite3_stmt *stmt = NULL;
    const char *said = NULL;
    sqlite3_int64 n_pages, page_bytes;

    if (query_number(conn, "PRAGMA page_count", &n_pages, err) ||
        query_number(conn, "PRAGMA page_size", &page_bytes, err))
        return err->code;
    if (n_pages * page_bytes >= CHECK_MAX_BYTES)
        return ERR_OK;
    if (sqlite3_prepare_v2(conn->db, "PRAGMA integrity_check(1)", -1, &stmt, NULL) != SQLITE_OK)
        return sqlite_error(conn, "check the database", err);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        said = (const char *)sqlite3_column_text(stmt, 0);
    if (!said)
        sqlite_error(conn, "check the database", err);
    else if (strcmp(said, "ok") != 0)
        damaged(path, said, err);
    sqlite3_finalize(stmt);
    return err->code;
}

static enum err_code check_ours(struct sqlite_conn *conn, const char *path, struct error *err)
{
    sqlite3_int64 application, version, n_tables;

    if (query_number(conn, "PRAGMA application_id", &application, err) ||
        query_number(conn, "PRAGMA user_version", &version, err) ||
        query_number(conn, "SELECT count(*) FROM sqlite_schema", &n_tables, err))
        return err->code;
    if (n_tables > 0 && application != APPLICATION_ID)
        return error_set(err, ERR_IO, "\"%s\" is a database of another program", path);
    if (version > (sqlite3_int64)ARRAY_LEN(migrations))
        return error_set(
            err, ERR_IO,
            "the database \"%s\" was written by a newer version (schema %lld, this one "
            "knows %zu); start that version again",
            path, version, ARRAY_LEN(migrations));
    return ERR_OK;
}

enum err_code sqlite_conn_check(struct sqlite_conn *conn, const char *path, struct error *err)
{
    struct error why = {0};

    if (check_ours(conn, path, &why) || check_whole(conn, path, &why))
        return open_error(conn, path, &why, err);
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
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

enum err_code sqlite_conn_migrate(struct sqlite_conn *conn, const char *path, struct error *err)
{
    sqlite3_int64 version;
    char numbers[128];

    if (use_wal(conn, path, err) ||
        exec(conn, "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216",
             "set up the log", err) ||
        query_number(conn, "PRAGMA user_version", &version, err))
        return err->code;
    for (size_t i = (size_t)version; i < ARRAY_LEN(migrations); i++) {
        snprintf(numbers, sizeof(numbers), "PRAGMA user_version = %zu; PRAGMA application_id = %d",
                 i + 1, APPLICATION_ID);
        if (exec(conn, "BEGIN IMMEDIATE", "migrate the database", err) ||
            exec(conn, migrations[i], "migrate the database", err) ||
            exec(conn, numbers, "migrate the database", err) ||
            exec(conn, "COMMIT", "migrate the database", err))
            return err->code; /* closing rolls back */
    }
    return ERR_OK;
}
