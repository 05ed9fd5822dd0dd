/* analyzer/store_sqlite_executions.c -- executions and their series in the database. An execution
 * is written twice: when it is accepted and when it ends. */
#include "analyzer/store_sqlite.h"

static enum err_code accept_row(struct sqlite_conn *conn, const void *args, struct error *err)
{
    const struct stored_execution *execution = args;
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_EXECUTION_INSERT, err);
    struct error why = {0};

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, execution->id);
    sqlite_bind_text(stmt, 2, execution->application);
    sqlite_bind_text(stmt, 3, execution->account);
    sqlite3_bind_int(stmt, 4, (int)execution->kind);
    sqlite3_bind_int(stmt, 5, (int)execution->state);
    sqlite3_bind_int64(stmt, 6, execution->created_unix_ms);
    sqlite3_bind_int64(stmt, 7, execution->ended_unix_ms);
    sqlite_bind_str(stmt, 8, execution->submission);
    sqlite_bind_str(stmt, 9, execution->body);
    if (sqlite_conn_run(conn, stmt, "store the execution", &why) == ERR_OK)
        return ERR_OK;
    if (sqlite3_extended_errcode(conn->db) == SQLITE_CONSTRAINT_PRIMARYKEY)
        return error_set(err, ERR_CONFLICT, "an execution \"%s\" already exists", execution->id);
    *err = why;
    return err->code;
}

static enum err_code put_series(struct sqlite_conn *conn, const void *args, struct error *err)
{
    const struct stored_series *series = args;
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

static enum err_code has_ended(struct sqlite_conn *conn, const char *id, struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_EXECUTION_GET, err);
    int rc;

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, id);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        error_set(err, ERR_CONFLICT, "the execution \"%s\" has already ended", id);
    else if (rc == SQLITE_DONE)
        error_set(err, ERR_NOT_FOUND, "No such object named %s", id);
    else
        sqlite_error(conn, "read the execution", err);
    sqlite3_reset(stmt);
    return err->code;
}

struct finish {
    const struct stored_execution *execution;
    const struct stored_series *series;
    size_t n_series;
};

static enum err_code finish_row(struct sqlite_conn *conn, const void *args, struct error *err)
{
    const struct finish *finish = args;
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_EXECUTION_FINISH, err);

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, finish->execution->id);
    sqlite3_bind_int(stmt, 2, (int)finish->execution->state);
    sqlite3_bind_int64(stmt, 3, finish->execution->ended_unix_ms);
    sqlite_bind_str(stmt, 4, finish->execution->body);
    if (sqlite_conn_run(conn, stmt, "store the execution's end", err))
        return err->code;
    if (sqlite3_changes(conn->db) == 0)
        return has_ended(conn, finish->execution->id, err);
    for (size_t i = 0; i < finish->n_series; i++)
        if (put_series(conn, &finish->series[i], err))
            return err->code;
    return ERR_OK;
}

enum err_code store_execution_accept(struct store *store, const struct stored_execution *execution,
                                     struct error *err)
{
    if (store_disk_check(store, err))
        return err->code;
    return sqlite_writer_run(store->writer, accept_row, execution, err);
}

enum err_code store_execution_finish(struct store *store, const struct stored_execution *execution,
                                     const struct stored_series *series, size_t n_series,
                                     struct error *err)
{
    struct finish finish = {execution, series, n_series};

    return sqlite_writer_run(store->writer, finish_row, &finish, err);
}

enum err_code store_series_put(struct store *store, const struct stored_series *series,
                               struct error *err)
{
    return sqlite_writer_run(store->writer, put_series, series, err);
}

/* --- reading --- */

static void read_execution(sqlite3_stmt *stmt, struct arena *arena, struct stored_execution *out)
{
    *out = (struct stored_execution){
        .id = sqlite_column_copy(stmt, 0, arena),
        .application = sqlite_column_copy(stmt, 1, arena),
        .account = sqlite_column_copy(stmt, 2, arena),
        .kind = (enum execution_kind)sqlite3_column_int(stmt, 3),
        .state = (enum execution_state)sqlite3_column_int(stmt, 4),
        .created_unix_ms = sqlite3_column_int64(stmt, 5),
        .ended_unix_ms = sqlite3_column_int64(stmt, 6),
        .submission = sqlite_column_str(stmt, 7, arena),
        .body = sqlite_column_str(stmt, 8, arena),
    };
}

enum err_code store_execution_get(struct store *store, const char *id, struct arena *arena,
                                  struct stored_execution *out, struct error *err)
{
    struct sqlite_conn *reader = store_reader_take(store, err);
    sqlite3_stmt *stmt = reader ? sqlite_conn_stmt(reader, SQL_EXECUTION_GET, err) : NULL;
    int rc;

    if (!stmt)
        goto out;
    sqlite_bind_text(stmt, 1, id);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        read_execution(stmt, arena, out);
    else if (rc == SQLITE_DONE)
        error_set(err, ERR_NOT_FOUND, "No such object named %s", id);
    else
        sqlite_error(reader, "read the execution", err);
    sqlite3_reset(stmt);
out:
    store_reader_give(store, reader);
    return err->code;
}

static enum sqlite_sql statement_for(const struct execution_filter *filter)
{
    if (filter->application)
        return SQL_EXECUTION_LIST_APPLICATION;
    if (filter->states == 1u << EXECUTION_ACCEPTED) /* has an index of its own */
        return SQL_EXECUTION_LIST_UNFINISHED;
    return SQL_EXECUTION_LIST;
}

enum err_code store_execution_list(struct store *store, const struct execution_filter *filter,
                                   struct arena *arena, struct stored_execution **out,
                                   size_t *n_out, struct error *err)
{
    struct sqlite_conn *reader = store_reader_take(store, err);
    sqlite3_stmt *stmt = reader ? sqlite_conn_stmt(reader, statement_for(filter), err) : NULL;
    struct stored_execution *items = NULL;
    size_t n = 0, capacity = 0;
    int rc;

    if (!stmt)
        goto out;
    /* A position that a statement does not have is an error we need not care about. */
    if (filter->application)
        sqlite_bind_text(stmt, 1, filter->application);
    sqlite3_bind_int64(stmt, 2, filter->states);
    sqlite_bind_size(stmt, 3, filter->limit);
    sqlite_bind_size(stmt, 4, filter->offset);
    sqlite3_bind_int(stmt, 5, (int)filter->kind);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        items = arena_grow(arena, items, n, &capacity, sizeof(*items));
        read_execution(stmt, arena, &items[n++]);
    }
    if (rc != SQLITE_DONE) {
        sqlite_error(reader, "list the executions", err);
    } else {
        *out = items;
        *n_out = n;
    }
    sqlite3_reset(stmt);
out:
    store_reader_give(store, reader);
    return err->code;
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
