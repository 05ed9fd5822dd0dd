/* analyzer/store_sqlite_outbox.c -- notifications that have not been delivered. */
#include "analyzer/store_sqlite.h"

#include "base/clock.h"

enum err_code sqlite_outbox_put(struct sqlite_conn *conn,
                                const struct stored_notification *notification,
                                const char *execution_id, struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_OUTBOX_PUT, err);

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, notification->event_id);
    sqlite_bind_text(stmt, 2, notification->sink);
    sqlite_bind_text(stmt, 3, execution_id);
    sqlite_bind_str(stmt, 4, notification->body);
    sqlite3_bind_int64(stmt, 5, clock_wall_ms());
    return sqlite_conn_run(conn, stmt, "store the notification", err);
}

enum err_code store_outbox_due(struct store *store, const char *sink, size_t limit,
                               struct arena *arena, struct outbox_entry **out, size_t *n_out,
                               struct error *err)
{
    struct sqlite_conn *reader = store_reader_take(store, err);
    sqlite3_stmt *stmt = reader ? sqlite_conn_stmt(reader, SQL_OUTBOX_DUE, err) : NULL;
    struct outbox_entry *items = NULL;
    size_t n = 0, capacity = 0;
    int rc;

    if (!stmt)
        goto out;
    sqlite_bind_text(stmt, 1, sink);
    sqlite3_bind_int64(stmt, 2, clock_wall_ms());
    sqlite_bind_size(stmt, 3, limit);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        items = arena_grow(arena, items, n, &capacity, sizeof(*items));
        items[n++] = (struct outbox_entry){
            .notification = {.event_id = sqlite_column_copy(stmt, 0, arena),
                             .sink = sqlite_column_copy(stmt, 1, arena),
                             .body = sqlite_column_str(stmt, 2, arena)},
            .execution_id = sqlite_column_copy(stmt, 3, arena),
            .created_unix_ms = sqlite3_column_int64(stmt, 4),
            .due_unix_ms = sqlite3_column_int64(stmt, 5),
            .n_attempts = (unsigned)sqlite3_column_int64(stmt, 6),
        };
    }
    if (rc != SQLITE_DONE) {
        sqlite_error(reader, "read the notifications", err);
    } else {
        *out = items;
        *n_out = n;
    }
    sqlite3_reset(stmt);
out:
    store_reader_give(store, reader);
    return err->code;
}

enum err_code store_outbox_sinks(struct store *store, struct arena *arena, struct outbox_sink **out,
                                 size_t *n_out, struct error *err)
{
    struct sqlite_conn *reader = store_reader_take(store, err);
    sqlite3_stmt *stmt = reader ? sqlite_conn_stmt(reader, SQL_OUTBOX_SINKS, err) : NULL;
    struct outbox_sink *items = NULL;
    size_t n = 0, capacity = 0;
    int rc;

    if (!stmt)
        goto out;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        items = arena_grow(arena, items, n, &capacity, sizeof(*items));
        items[n++] = (struct outbox_sink){
            .sink = sqlite_column_copy(stmt, 0, arena),
            .next_due_unix_ms = sqlite3_column_int64(stmt, 1),
        };
    }
    if (rc != SQLITE_DONE) {
        sqlite_error(reader, "list the sinks", err);
    } else {
        *out = items;
        *n_out = n;
    }
    sqlite3_reset(stmt);
out:
    store_reader_give(store, reader);
    return err->code;
}

struct attempt {
    const char *event_id, *sink;
    int64_t due_unix_ms;
};

static enum err_code defer(struct sqlite_conn *conn, const void *args, struct error *err)
{
    const struct attempt *attempt = args;
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_OUTBOX_DEFER, err);

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, attempt->event_id);
    sqlite_bind_text(stmt, 2, attempt->sink);
    sqlite3_bind_int64(stmt, 3, attempt->due_unix_ms);
    return sqlite_conn_run(conn, stmt, "put the notification off", err);
}

enum err_code store_outbox_defer(struct store *store, const char *event_id, const char *sink,
                                 int64_t due_unix_ms, struct error *err)
{
    const struct attempt attempt = {event_id, sink, due_unix_ms};

    return store_write(store, WRITE_UNCOUNTED, defer, &attempt, err);
}

static enum err_code remove_row(struct sqlite_conn *conn, const void *args, struct error *err)
{
    const struct attempt *attempt = args;
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_OUTBOX_REMOVE, err);

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, attempt->event_id);
    sqlite_bind_text(stmt, 2, attempt->sink);
    return sqlite_conn_run(conn, stmt, "remove the notification", err);
}

enum err_code store_outbox_remove(struct store *store, const char *event_id, const char *sink,
                                  struct error *err)
{
    const struct attempt attempt = {event_id, sink, 0};

    return store_write(store, WRITE_UNCOUNTED, remove_row, &attempt, err);
}
