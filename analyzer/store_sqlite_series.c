/* analyzer/store_sqlite_series.c -- metric sets and metric set pairs in the database. */
#include "analyzer/store_sqlite.h"

enum err_code sqlite_series_put(struct sqlite_conn *conn, const struct stored_series *series,
                                struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_SERIES_PUT, err);

    if (!stmt)
        return err->code;
    sqlite3_bind_int(stmt, 1, (int)series->kind);
    sqlite_bind_text(stmt, 2, series->account);
    sqlite_bind_text(stmt, 3, series->id);
    sqlite3_bind_int64(stmt, 4, series->updated_unix_ms);
    sqlite_bind_blob(stmt, 5, series->payload);
    return sqlite_conn_run(conn, stmt, "store the series", err);
}

static enum err_code put(struct sqlite_conn *conn, const void *args, struct error *err)
{
    return sqlite_series_put(conn, args, err);
}

enum err_code store_series_put(struct store *store, const struct stored_series *series,
                               struct error *err)
{
    return store_write(store, WRITE_COUNTED, put, series, err);
}

enum err_code store_series_get(struct store *store, enum series_kind kind, const char *account,
                               const char *id, struct arena *arena, struct stored_series *out,
                               struct error *err)
{
    struct sqlite_conn *reader = store_reader_take(store, err);
    sqlite3_stmt *stmt = reader ? sqlite_conn_stmt(reader, SQL_SERIES_GET, err) : NULL;
    int rc;

    if (!stmt)
        goto out;
    sqlite3_bind_int(stmt, 1, (int)kind);
    sqlite_bind_text(stmt, 2, account);
    sqlite_bind_text(stmt, 3, id);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *out = (struct stored_series){
            .kind = kind,
            .account = arena_strdup(arena, account ? account : ""),
            .id = arena_strdup(arena, id),
            .updated_unix_ms = sqlite3_column_int64(stmt, 0),
            .payload = sqlite_column_str(stmt, 1, arena),
        };
    else if (rc == SQLITE_DONE)
        error_set(err, ERR_NOT_FOUND, "No such object named %s", id);
    else
        sqlite_error(reader, "read the series", err);
    sqlite3_reset(stmt);
out:
    store_reader_give(store, reader);
    return err->code;
}

static enum err_code delete_row(struct sqlite_conn *conn, const void *args, struct error *err)
{
    const struct stored_series *series = args;
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_SERIES_DELETE, err);

    if (!stmt)
        return err->code;
    sqlite3_bind_int(stmt, 1, (int)series->kind);
    sqlite_bind_text(stmt, 2, series->account);
    sqlite_bind_text(stmt, 3, series->id);
    if (sqlite_conn_run(conn, stmt, "delete the series", err))
        return err->code;
    if (sqlite3_changes(conn->db) == 0)
        return error_set(err, ERR_NOT_FOUND, "No such object named %s", series->id);
    return ERR_OK;
}

enum err_code store_series_delete(struct store *store, enum series_kind kind, const char *account,
                                  const char *id, struct error *err)
{
    const struct stored_series series = {.kind = kind, .account = account, .id = id};

    return store_write(store, WRITE_COUNTED, delete_row, &series, err);
}
