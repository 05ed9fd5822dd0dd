/* analyzer/store_sqlite_archive.c -- the archive, and lists of ids.
 *
 * An execution is archived by being there: its row says whether it is still listed as an execution
 * (is_live) and whether it still counts as archived (is_archived), and goes when neither holds. */
#include "analyzer/store_sqlite.h"

/* --- lists --- */

struct entry_list {
    struct stored_entry *items;
    size_t n_items, capacity;
};

static struct stored_entry *list_add(struct entry_list *list, struct arena *arena)
{
    list->items =
        arena_grow(arena, list->items, list->n_items, &list->capacity, sizeof(*list->items));
    return &list->items[list->n_items++];
}

/* All lists take the account as ?1, the kind of series as ?2 (neither need be there), the page as
 * ?3 and ?4, and give id and time. */
static enum err_code list(struct store *store, enum sqlite_sql sql, const char *account, int kind,
                          struct entry_page page, struct arena *arena, struct stored_entry **out,
                          size_t *n_out, struct error *err)
{
    struct sqlite_conn *reader = store_reader_take(store, err);
    sqlite3_stmt *stmt = reader ? sqlite_conn_stmt(reader, sql, err) : NULL;
    struct entry_list entries = {0};
    int rc;

    if (!stmt)
        goto out;
    /* A position that a statement does not have is an error we need not care about. */
    if (account)
        sqlite_bind_text(stmt, 1, account);
    sqlite3_bind_int(stmt, 2, kind);
    sqlite_bind_size(stmt, 3, page.limit);
    sqlite_bind_size(stmt, 4, page.offset);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        *list_add(&entries, arena) = (struct stored_entry){
            .id = sqlite_column_copy(stmt, 0, arena),
            .updated_unix_ms = sqlite3_column_int64(stmt, 1),
        };
    if (rc != SQLITE_DONE) {
        sqlite_error(reader, "list what is stored", err);
    } else {
        *out = entries.items;
        *n_out = entries.n_items;
    }
    sqlite3_reset(stmt);
out:
    store_reader_give(store, reader);
    return err->code;
}

enum err_code store_execution_ids(struct store *store, struct entry_page page, struct arena *arena,
                                  struct stored_entry **out, size_t *n_out, struct error *err)
{
    return list(store, SQL_EXECUTION_IDS, NULL, 0, page, arena, out, n_out, err);
}

enum err_code store_archive_list(struct store *store, const char *account, struct entry_page page,
                                 struct arena *arena, struct stored_entry **out, size_t *n_out,
                                 struct error *err)
{
    return list(store, SQL_ARCHIVE_LIST, account, 0, page, arena, out, n_out, err);
}

enum err_code store_series_list(struct store *store, enum series_kind kind, const char *account,
                                struct entry_page page, struct arena *arena,
                                struct stored_entry **out, size_t *n_out, struct error *err)
{
    return list(store, SQL_SERIES_LIST, account, (int)kind, page, arena, out, n_out, err);
}

/* --- the archive --- */

static enum err_code has_entry(struct sqlite_conn *conn, const struct stored_archive *entry,
                               bool *out, struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_ARCHIVE_GET, err);
    int rc;

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, entry->account);
    sqlite_bind_text(stmt, 2, entry->id);
    rc = sqlite3_step(stmt);
    *out = rc == SQLITE_ROW;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        sqlite_error(conn, "look for the archive entry", err);
    sqlite3_reset(stmt);
    return err->code;
}

static enum err_code put_entry(struct sqlite_conn *conn, const struct stored_archive *entry,
                               struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_ARCHIVE_PUT, err);

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, entry->account);
    sqlite_bind_text(stmt, 2, entry->id);
    sqlite3_bind_int64(stmt, 3, entry->updated_unix_ms);
    sqlite_bind_str(stmt, 4, entry->body);
    return sqlite_conn_run(conn, stmt, "write the archive entry", err);
}

static enum err_code no_entry(const char *id, struct error *err)
{
    return error_set(err, ERR_NOT_FOUND, "Archived canary result '%s' does not exist.", id);
}

static enum err_code create_entry(struct sqlite_conn *conn, const void *args, struct error *err)
{
    const struct stored_archive *entry = args;
    bool exists;

    if (has_entry(conn, entry, &exists, err))
        return err->code;
    if (exists)
        return error_set(err, ERR_CONFLICT, "Archived canary result '%s' already exists.",
                         entry->id);
    return put_entry(conn, entry, err);
}

static enum err_code update_entry(struct sqlite_conn *conn, const void *args, struct error *err)
{
    const struct stored_archive *entry = args;
    bool exists;

    if (has_entry(conn, entry, &exists, err))
        return err->code;
    return exists ? put_entry(conn, entry, err) : no_entry(entry->id, err);
}

/* Run a statement that takes account and id. *n_rows is raised by what it changed. */
static enum err_code run_for(struct sqlite_conn *conn, enum sqlite_sql sql, const char *account,
                             const char *id, int *n_rows, struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, sql, err);

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, account);
    sqlite_bind_text(stmt, 2, id);
    if (sqlite_conn_run(conn, stmt, "delete from the archive", err))
        return err->code;
    *n_rows += sqlite3_changes(conn->db);
    return ERR_OK;
}

static enum err_code delete_entry(struct sqlite_conn *conn, const void *args, struct error *err)
{
    const struct stored_archive *entry = args;
    int n_rows = 0;

    if (run_for(conn, SQL_ARCHIVE_DELETE, entry->account, entry->id, &n_rows, err) ||
        run_for(conn, SQL_EXECUTION_UNARCHIVE, entry->account, entry->id, &n_rows, err))
        return err->code;
    if (n_rows == 0)
        return no_entry(entry->id, err);
    return sqlite_execution_purge(conn, entry->id, err);
}

enum err_code store_archive_create(struct store *store, const struct stored_archive *entry,
                                   struct error *err)
{
    return store_write(store, WRITE_COUNTED, create_entry, entry, err);
}

enum err_code store_archive_update(struct store *store, const struct stored_archive *entry,
                                   struct error *err)
{
    return store_write(store, WRITE_COUNTED, update_entry, entry, err);
}

enum err_code store_archive_delete(struct store *store, const char *account, const char *id,
                                   struct error *err)
{
    const struct stored_archive entry = {.account = account, .id = id};

    return store_write(store, WRITE_COUNTED, delete_entry, &entry, err);
}

enum err_code store_archive_get(struct store *store, const char *account, const char *id,
                                struct arena *arena, struct str *out_body, struct error *err)
{
    struct sqlite_conn *reader = store_reader_take(store, err);
    sqlite3_stmt *stmt = reader ? sqlite_conn_stmt(reader, SQL_ARCHIVE_GET, err) : NULL;
    int rc;

    if (!stmt)
        goto out;
    sqlite_bind_text(stmt, 1, account);
    sqlite_bind_text(stmt, 2, id);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *out_body = sqlite_column_str(stmt, 0, arena);
    else if (rc == SQLITE_DONE)
        error_set(err, ERR_NOT_FOUND, "No such object named %s", id);
    else
        sqlite_error(reader, "read the archive entry", err);
    sqlite3_reset(stmt);
out:
    store_reader_give(store, reader);
    return err->code;
}
