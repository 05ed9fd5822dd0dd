/* analyzer/store_sqlite_list.c -- lists of executions.
 *
 * Every filter that is set becomes a condition, and one of them says which index the list is read
 * off, newest first: the one that leaves the fewest rows to look at and drop. */
#include "analyzer/store_sqlite.h"

/* The text of a query and what is bound to it, in order. */
struct query {
    struct strbuf sql;
    struct {
        const char *text; /* NULL: the number */
        int64_t number;
    } values[16];
    int n_values;
};

static void add_text(struct query *query, const char *condition, const char *text)
{
    strbuf_puts(&query->sql, condition);
    query->values[query->n_values++].text = text;
}

static void add_number(struct query *query, const char *condition, int64_t number)
{
    strbuf_puts(&query->sql, condition);
    query->values[query->n_values++].number = number;
}

static const char *index_for(const struct execution_filter *filter)
{
    if (filter->parent_id && *filter->parent_id)
        return "execution_by_parent";
    if (filter->states == 1u << EXECUTION_ACCEPTED)
        return "execution_unended";
    if (filter->config_id && *filter->config_id)
        return "execution_by_config";
    if (filter->verdict && *filter->verdict)
        return "execution_by_verdict";
    return filter->application ? "execution_by_application" : "execution_by_age";
}

/* A partial index is only taken when the query repeats its condition. */
static void add_keys(struct query *query, const struct execution_filter *filter)
{
    if (filter->parent_id)
        add_text(query,
                 *filter->parent_id ? " AND parent_id <> '' AND parent_id = ?"
                                    : " AND parent_id = ?",
                 filter->parent_id);
    if (filter->config_id)
        add_text(query,
                 *filter->config_id ? " AND config_id <> '' AND config_id = ?"
                                    : " AND config_id = ?",
                 filter->config_id);
    if (filter->verdict)
        add_text(query,
                 *filter->verdict ? " AND verdict <> '' AND verdict = ?" : " AND verdict = ?",
                 filter->verdict);
    if (filter->application)
        add_text(query, " AND application = ?", filter->application);
}

static void build(const struct execution_filter *filter, struct query *query)
{
    strbuf_puts(&query->sql, filter->is_brief ? SQL_EXECUTION_COLUMNS ", '', ''"
                                              : SQL_EXECUTION_COLUMNS SQL_EXECUTION_TEXTS);
    strbuf_printf(&query->sql, " FROM execution AS e INDEXED BY %s WHERE is_live",
                  index_for(filter));
    add_keys(query, filter);
    if (filter->states == 1u << EXECUTION_ACCEPTED)
        strbuf_puts(&query->sql, " AND state = 0");
    else if (filter->states)
        add_number(query, " AND ? & (1 << state)", filter->states);
    if (filter->kinds)
        add_number(query, " AND ? & (1 << kind)", filter->kinds);
    if (filter->created_from_unix_ms)
        add_number(query, " AND created_unix_ms >= ?", filter->created_from_unix_ms);
    if (filter->created_before_unix_ms)
        add_number(query, " AND created_unix_ms < ?", filter->created_before_unix_ms);
    if (filter->after.id) {
        add_number(query, " AND (created_unix_ms, id) < (?", filter->after.created_unix_ms);
        add_text(query, ", ?)", filter->after.id);
    }
    strbuf_puts(&query->sql, " ORDER BY created_unix_ms DESC, id DESC");
    add_number(query, " LIMIT ?", filter->limit > INT64_MAX ? INT64_MAX : (int64_t)filter->limit);
    add_number(query, " OFFSET ?",
               filter->offset > INT64_MAX ? INT64_MAX : (int64_t)filter->offset);
}

static enum err_code prepare(struct sqlite_conn *conn, const struct query *query,
                             sqlite3_stmt **out, struct error *err)
{
    if (sqlite3_prepare_v2(conn->db, query->sql.bytes, -1, out, NULL) != SQLITE_OK)
        return sqlite_error(conn, "list the executions", err);
    for (int i = 0; i < query->n_values; i++) {
        if (query->values[i].text)
            sqlite_bind_text(*out, i + 1, query->values[i].text);
        else
            sqlite3_bind_int64(*out, i + 1, query->values[i].number);
    }
    return ERR_OK;
}

enum err_code store_execution_list(struct store *store, const struct execution_filter *filter,
                                   struct arena *arena, struct stored_execution **out,
                                   size_t *n_out, struct error *err)
{
    struct sqlite_conn *reader = store_reader_take(store, err);
    struct query query = {0};
    sqlite3_stmt *stmt = NULL;
    struct stored_execution *items = NULL;
    size_t n = 0, capacity = 0;
    int rc;

    if (!reader)
        return err->code;
    build(filter, &query);
    if (prepare(reader, &query, &stmt, err))
        goto out;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        items = arena_grow(arena, items, n, &capacity, sizeof(*items));
        sqlite_read_execution(stmt, arena, &items[n++]);
    }
    if (rc != SQLITE_DONE) {
        sqlite_error(reader, "list the executions", err);
    } else {
        *out = items;
        *n_out = n;
    }
out:
    sqlite3_finalize(stmt);
    strbuf_clear(&query.sql);
    store_reader_give(store, reader);
    return err->code;
}
