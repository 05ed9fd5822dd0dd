/* analyzer/store_sqlite_executions.c -- executions in the database: accepting, ending, reading and
 * deleting one. Each is one transaction with all that comes of it. */
#include "analyzer/store_sqlite.h"

#include "base/clock.h"
#include "base/limits.h"

#include <math.h>
#include <string.h>

#define IDEMPOTENCY_MS ((int64_t)24 * 3600 * 1000)

/* --- accepting --- */

struct accept {
    const struct acceptance *acceptance;
    struct arena *arena;
    const char **id; /* NULL as yet */
    struct lease *lease;
};

/* The id given to the same request before; left alone when there was none. */
static enum err_code find_twin(struct sqlite_conn *conn, const struct accept *accept,
                               struct error *err)
{
    const struct idempotency *mark = accept->acceptance->idempotency;
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_IDEMPOTENCY_GET, err);
    int rc;

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, mark->scope);
    sqlite_bind_text(stmt, 2, mark->key);
    sqlite3_bind_int64(stmt, 3, clock_wall_ms() - IDEMPOTENCY_MS);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        struct str digest = sqlite_column_str(stmt, 1, accept->arena);

        *accept->id = sqlite_column_copy(stmt, 0, accept->arena);
        if (digest.n_bytes != sizeof(mark->digest) ||
            memcmp(digest.bytes, mark->digest, sizeof(mark->digest)) != 0)
            error_because(err, ERR_INVALID, "idempotency_mismatch",
                          "the idempotency key \"%s\" was used for another request", mark->key);
    } else if (rc != SQLITE_DONE) {
        sqlite_error(conn, "look for the idempotency key", err);
    }
    sqlite3_reset(stmt);
    return err->code;
}

static enum err_code remember_mark(struct sqlite_conn *conn, const struct acceptance *acceptance,
                                   struct error *err)
{
    const struct idempotency *mark = acceptance->idempotency;
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_IDEMPOTENCY_PURGE, err);
    int64_t now_ms = clock_wall_ms();

    if (!stmt)
        return err->code;
    sqlite3_bind_int64(stmt, 1, now_ms - IDEMPOTENCY_MS);
    if (sqlite_conn_run(conn, stmt, "forget old idempotency keys", err))
        return err->code;
    stmt = sqlite_conn_stmt(conn, SQL_IDEMPOTENCY_PUT, err);
    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, mark->scope);
    sqlite_bind_text(stmt, 2, mark->key);
    sqlite3_bind_blob(stmt, 3, mark->digest, sizeof(mark->digest), SQLITE_STATIC);
    sqlite_bind_text(stmt, 4, acceptance->execution.id);
    sqlite3_bind_int64(stmt, 5, now_ms);
    return sqlite_conn_run(conn, stmt, "store the idempotency key", err);
}

static enum err_code count(struct sqlite_conn *conn, enum sqlite_sql sql, const char *application,
                           sqlite3_int64 *out, struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, sql, err);

    if (!stmt)
        return err->code;
    if (application) {
        sqlite_bind_text(stmt, 1, application);
        sqlite3_bind_int64(stmt, 2, QUEUE_MAX_PER_APPLICATION);
    }
    if (sqlite3_step(stmt) == SQLITE_ROW)
        *out = sqlite3_column_int64(stmt, 0);
    else
        sqlite_error(conn, "count what has not ended", err);
    sqlite3_reset(stmt);
    return err->code;
}

/* Does it take a place in the queue? A judgement has that of its analysis. */
static bool is_queued(const struct stored_execution *execution)
{
    return execution->state == EXECUTION_ACCEPTED && str_of(execution->parent_id).n_bytes == 0;
}

static enum err_code check_room(struct sqlite_conn *conn, const char *application,
                                struct error *err)
{
    sqlite3_int64 n_of_application;

    if (conn->n_unended < 0 && count(conn, SQL_UNENDED_COUNT, NULL, &conn->n_unended, err))
        return err->code;
    if (count(conn, SQL_UNENDED_COUNT_APPLICATION, application, &n_of_application, err))
        return err->code;
    if (conn->n_unended >= QUEUE_MAX_PENDING)
        return error_because(err, ERR_BUSY, "queue_full",
                             "%u executions have not ended yet, as many as there may be; try again "
                             "in 30 s",
                             QUEUE_MAX_PENDING);
    if (n_of_application >= QUEUE_MAX_PER_APPLICATION)
        return error_because(err, ERR_BUSY, "queue_full",
                             "%u executions of the application \"%s\" have not ended yet, as many "
                             "as there may be; try again in 30 s",
                             QUEUE_MAX_PER_APPLICATION, application);
    return ERR_OK;
}

static enum err_code insert_row(struct sqlite_conn *conn, const struct stored_execution *execution,
                                const struct lease *lease, sqlite3_int64 *out_seq,
                                struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_EXECUTION_INSERT, err);
    int rc;

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, execution->id);
    sqlite_bind_text(stmt, 2, execution->application);
    sqlite_bind_text(stmt, 3, execution->account);
    sqlite_bind_text(stmt, 4, execution->parent_id);
    sqlite_bind_text(stmt, 5, execution->config_id);
    sqlite_bind_text(stmt, 6, execution->config_name);
    sqlite3_bind_int(stmt, 7, (int)execution->kind);
    sqlite3_bind_int(stmt, 8, (int)execution->state);
    sqlite3_bind_int64(stmt, 9, execution->created_unix_ms);
    sqlite3_bind_int64(stmt, 10, execution->ended_unix_ms);
    sqlite3_bind_int64(stmt, 11, execution->due_unix_ms);
    sqlite3_bind_int64(stmt, 12, execution->n_steps);
    sqlite_bind_text(stmt, 13, execution->verdict);
    sqlite3_bind_double(stmt, 14, execution->score); /* NaN becomes NULL */
    if (lease)
        sqlite_bind_text(stmt, 15, lease->nonce);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *out_seq = sqlite3_column_int64(stmt, 0);
    else if (sqlite3_extended_errcode(conn->db) == SQLITE_CONSTRAINT_UNIQUE)
        error_because(err, ERR_CONFLICT, "id_taken", "an execution \"%s\" already exists",
                      execution->id);
    else
        sqlite_error(conn, "store the execution", err);
    sqlite3_reset(stmt);
    return err->code;
}

static enum err_code put_text(struct sqlite_conn *conn, enum sqlite_sql sql, sqlite3_int64 seq,
                              struct str text, struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, sql, err);

    if (!stmt)
        return err->code;
    sqlite3_bind_int64(stmt, 1, seq);
    sqlite_bind_str(stmt, 2, text);
    return sqlite_conn_run(conn, stmt, "store the execution's text", err);
}

/* The analysis has taken one more step and sleeps until that ends. */
static enum err_code step_parent(struct sqlite_conn *conn, const struct acceptance *acceptance,
                                 struct error *err)
{
    const struct stored_execution *child = &acceptance->execution;
    const struct sqlite_held held = {
        .sql = SQL_EXECUTION_STEP,
        .id = child->parent_id,
        .lease = acceptance->parent_lease,
        .due_unix_ms = child->state == EXECUTION_ACCEPTED ? DUE_NEVER : DUE_AT_ONCE,
        .body = acceptance->parent_body,
    };

    return sqlite_held_update(conn, &held, NULL, err);
}

static enum err_code accept_row(struct sqlite_conn *conn, const void *args, struct error *err)
{
    const struct accept *accept = args;
    const struct acceptance *acceptance = accept->acceptance;
    const struct stored_execution *execution = &acceptance->execution;
    sqlite3_int64 seq = 0;

    if (acceptance->idempotency && (find_twin(conn, accept, err) || *accept->id))
        return err->code;
    if (is_queued(execution) && check_room(conn, execution->application, err))
        return err->code;
    if (acceptance->is_claimed)
        id_uuid(accept->lease->nonce);
    if (insert_row(conn, execution, acceptance->is_claimed ? accept->lease : NULL, &seq, err) ||
        put_text(conn, SQL_EXECUTION_SUBMIT, seq, execution->submission, err))
        return err->code;
    if ((execution->body.n_bytes || execution->state != EXECUTION_ACCEPTED) &&
        put_text(conn, SQL_EXECUTION_ANSWER, seq, execution->body, err))
        return err->code;
    if (acceptance->parent_lease && step_parent(conn, acceptance, err))
        return err->code;
    if (acceptance->idempotency && remember_mark(conn, acceptance, err))
        return err->code;
    if (is_queued(execution))
        conn->n_unended += 1;
    *accept->id = arena_strdup(accept->arena, execution->id);
    return ERR_OK;
}

/* It failed, but it may have been committed: then nobody runs it, so nobody may have its lease. */
static void let_go(struct store *store, const char *id, const struct lease *lease)
{
    struct error not_there = {0};

    (void)(store_execution_release(store, id, lease, DUE_AT_ONCE, (struct str){0}, &not_there) ==
           ERR_OK);
}

enum err_code store_execution_accept(struct store *store, const struct acceptance *acceptance,
                                     struct arena *arena, const char **out_id,
                                     struct lease *out_lease, struct error *err)
{
    struct lease lease = {""};
    const char *id = NULL;
    const struct accept accept = {acceptance, arena, &id, &lease};

    if (store_disk_check(store, err))
        return err->code;
    if (store_write(store, WRITE_COUNTED, accept_row, &accept, err)) {
        if (*lease.nonce)
            let_go(store, acceptance->execution.id, &lease);
        return err->code;
    }
    *out_id = id;
    if (out_lease)
        *out_lease = lease;
    return ERR_OK;
}

/* --- ending --- */

/* Why a lease or an execution that has not ended was not found. */
static enum err_code has_ended(struct sqlite_conn *conn, const struct ending *ending,
                               struct error *err)
{
    const char *id = ending->execution->id;
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_EXECUTION_STATE, err);
    int rc;

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, id);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_DONE)
        error_set(err, ERR_NOT_FOUND, "No such object named %s", id);
    else if (rc != SQLITE_ROW)
        sqlite_error(conn, "read the execution", err);
    else if (sqlite3_column_int(stmt, 0) == EXECUTION_ACCEPTED)
        sqlite_lease_lost(id, err);
    else
        error_because(err, ERR_CONFLICT, "already_ended", "the execution \"%s\" has already ended",
                      id);
    sqlite3_reset(stmt);
    return err->code;
}

/* The short row; who it was. */
static enum err_code end_row(struct sqlite_conn *conn, const struct ending *ending,
                             struct arena *arena, sqlite3_int64 *out_seq, const char **out_parent,
                             struct error *err)
{
    const struct stored_execution *execution = ending->execution;
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_EXECUTION_FINISH, err);
    int rc;

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, execution->id);
    sqlite3_bind_int(stmt, 2, (int)execution->state);
    sqlite3_bind_int64(stmt, 3, execution->ended_unix_ms);
    sqlite_bind_text(stmt, 4, execution->verdict);
    sqlite3_bind_double(stmt, 5, execution->score);
    if (ending->lease)
        sqlite_bind_text(stmt, 6, ending->lease->nonce);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *out_seq = sqlite3_column_int64(stmt, 0);
        *out_parent = sqlite_column_copy(stmt, 1, arena);
    } else if (rc != SQLITE_DONE) {
        sqlite_error(conn, "store the execution's end", err);
    }
    sqlite3_reset(stmt);
    if (rc == SQLITE_DONE)
        has_ended(conn, ending, err);
    return err->code;
}

static enum err_code drop_samples(struct sqlite_conn *conn, sqlite3_int64 seq, struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_SAMPLES_DELETE, err);

    if (!stmt)
        return err->code;
    sqlite3_bind_int64(stmt, 1, seq);
    return sqlite_conn_run(conn, stmt, "delete the samples", err);
}

static enum err_code wake(struct sqlite_conn *conn, const char *id, struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_EXECUTION_WAKE, err);

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, id);
    sqlite3_bind_int64(stmt, 2, DUE_AT_ONCE);
    return sqlite_conn_run(conn, stmt, "wake the analysis", err);
}

struct finish {
    const struct ending *ending;
    struct arena *scratch;
};

static enum err_code finish_row(struct sqlite_conn *conn, const void *args, struct error *err)
{
    const struct finish *finish = args;
    const struct ending *ending = finish->ending;
    sqlite3_int64 seq = 0;
    const char *parent = "";

    if (end_row(conn, ending, finish->scratch, &seq, &parent, err) ||
        put_text(conn, SQL_EXECUTION_ANSWER, seq, ending->execution->body, err) ||
        drop_samples(conn, seq, err))
        return err->code;
    for (size_t i = 0; i < ending->n_series; i++)
        if (sqlite_series_put(conn, &ending->series[i], err))
            return err->code;
    for (size_t i = 0; i < ending->n_notifications; i++)
        if (sqlite_outbox_put(conn, &ending->notifications[i], ending->execution->id, err))
            return err->code;
    if (*parent)
        return wake(conn, parent, err);
    if (conn->n_unended > 0)
        conn->n_unended -= 1;
    return ERR_OK;
}

enum err_code store_execution_finish(struct store *store, const struct ending *ending,
                                     struct error *err)
{
    struct finish finish = {ending, arena_create()};

    store_write(store, WRITE_COUNTED, finish_row, &finish, err);
    arena_free(finish.scratch);
    return err->code;
}

/* --- reading --- */

void sqlite_read_execution(sqlite3_stmt *stmt, struct arena *arena, struct stored_execution *out)
{
    *out = (struct stored_execution){
        .id = sqlite_column_copy(stmt, 0, arena),
        .application = sqlite_column_copy(stmt, 1, arena),
        .account = sqlite_column_copy(stmt, 2, arena),
        .parent_id = sqlite_column_copy(stmt, 3, arena),
        .config_id = sqlite_column_copy(stmt, 4, arena),
        .config_name = sqlite_column_copy(stmt, 5, arena),
        .kind = (enum execution_kind)sqlite3_column_int(stmt, 6),
        .state = (enum execution_state)sqlite3_column_int(stmt, 7),
        .created_unix_ms = sqlite3_column_int64(stmt, 8),
        .ended_unix_ms = sqlite3_column_int64(stmt, 9),
        .due_unix_ms = sqlite3_column_int64(stmt, 10),
        .n_steps = (unsigned)sqlite3_column_int64(stmt, 11),
        .verdict = sqlite_column_copy(stmt, 12, arena),
        .score =
            sqlite3_column_type(stmt, 13) == SQLITE_NULL ? NAN : sqlite3_column_double(stmt, 13),
        .submission = sqlite_column_str(stmt, 14, arena),
        .body = sqlite_column_str(stmt, 15, arena),
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
        sqlite_read_execution(stmt, arena, out);
    else if (rc == SQLITE_DONE)
        error_set(err, ERR_NOT_FOUND, "No such object named %s", id);
    else
        sqlite_error(reader, "read the execution", err);
    sqlite3_reset(stmt);
out:
    store_reader_give(store, reader);
    return err->code;
}

/* --- deleting --- */

static enum err_code run_for(struct sqlite_conn *conn, enum sqlite_sql sql, const char *id,
                             struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, sql, err);

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, id);
    return sqlite_conn_run(conn, stmt, "delete the execution", err);
}

enum err_code sqlite_execution_purge(struct sqlite_conn *conn, const char *id, struct error *err)
{
    return run_for(conn, SQL_EXECUTION_PURGE, id, err);
}

static enum err_code exists_unfinished(struct sqlite_conn *conn, const char *id, struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_EXECUTION_STATE, err);
    int rc;

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, id);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        error_because(err, ERR_CONFLICT, "still_running", "the execution \"%s\" has not ended", id);
    else if (rc == SQLITE_DONE)
        error_set(err, ERR_NOT_FOUND, "No pipeline found for %s", id);
    else
        sqlite_error(conn, "read the execution", err);
    sqlite3_reset(stmt);
    return err->code;
}

static enum err_code delete_execution(struct sqlite_conn *conn, const void *args, struct error *err)
{
    const char *id = args;

    if (run_for(conn, SQL_EXECUTION_HIDE, id, err))
        return err->code;
    if (sqlite3_changes(conn->db) == 0)
        return exists_unfinished(conn, id, err);
    return sqlite_execution_purge(conn, id, err);
}

enum err_code store_execution_delete(struct store *store, const char *id, struct error *err)
{
    return store_write(store, WRITE_COUNTED, delete_execution, id, err);
}
