/* analyzer/store_sqlite_leases.c -- who runs what: claims, leases, and the samples kept meanwhile.
 *
 * A lease is a random word in the execution's row; "mine" is a condition of every UPDATE. No row
 * changed means that somebody else has it. */
#include "analyzer/store_sqlite.h"

#include "base/clock.h"

#define FIRST_SUSPECT_WAIT_MS 250 /* doubled with each further crash */
#define MAX_WAITS 6               /* more crashes make it wait no longer */

enum err_code sqlite_lease_lost(const char *id, struct error *err)
{
    return error_because(err, ERR_CONFLICT, "lease_lost",
                         "the execution \"%s\" has ended or is run by somebody else", id);
}

enum err_code sqlite_held_update(struct sqlite_conn *conn, const struct sqlite_held *held,
                                 sqlite3_int64 *out_seq, struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, held->sql, err);
    sqlite3_int64 seq = 0;
    int rc;

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, held->id);
    sqlite_bind_text(stmt, 2, held->lease->nonce);
    if (held->sql != SQL_EXECUTION_PROGRESS)
        sqlite3_bind_int64(stmt, 3, held->due_unix_ms);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        seq = sqlite3_column_int64(stmt, 0);
    else if (rc == SQLITE_DONE)
        sqlite_lease_lost(held->id, err);
    else
        sqlite_error(conn, "write under the lease", err);
    sqlite3_reset(stmt);
    if (out_seq)
        *out_seq = seq;
    if (err->code || held->body.n_bytes == 0)
        return err->code;
    stmt = sqlite_conn_stmt(conn, SQL_EXECUTION_ANSWER, err);
    if (!stmt)
        return err->code;
    sqlite3_bind_int64(stmt, 1, seq);
    sqlite_bind_str(stmt, 2, held->body);
    return sqlite_conn_run(conn, stmt, "store the execution's body", err);
}

/* --- claiming --- */

struct claiming {
    size_t limit;
    int64_t max_crashes;
    struct arena *arena;
    struct claim **claims;
    size_t *n_claims;
};

/* A stretch of due times, and how many there to pass over. */
struct stretch {
    int64_t from_unix_ms, to_unix_ms;
    size_t offset;
};

/* Add those that are due there, the longest due first, until there are `limit` in all. */
static enum err_code read_due(struct sqlite_conn *conn, const struct claiming *claiming,
                              struct stretch stretch, size_t limit, struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_EXECUTION_DUE, err);
    struct claim *claims = *claiming->claims;
    size_t n = *claiming->n_claims, capacity = n;
    int rc;

    if (!stmt)
        return err->code;
    sqlite3_bind_int64(stmt, 1, stretch.from_unix_ms);
    sqlite3_bind_int64(stmt, 2, stretch.to_unix_ms);
    sqlite_bind_size(stmt, 3, limit > n ? limit - n : 0);
    sqlite3_bind_int64(stmt, 4, clock_wall_ms());
    sqlite_bind_size(stmt, 5, stretch.offset);
    sqlite3_bind_int64(stmt, 6, claiming->max_crashes);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        claims = arena_grow(claiming->arena, claims, n, &capacity, sizeof(*claims));
        sqlite_read_execution(stmt, claiming->arena, &claims[n].execution);
        claims[n++].n_crashes = (unsigned)sqlite3_column_int64(stmt, 16);
    }
    *claiming->claims = claims;
    *claiming->n_claims = n;
    if (rc != SQLITE_DONE)
        sqlite_error(conn, "look for what is due", err);
    sqlite3_reset(stmt);
    return err->code;
}

/* Half for those that had to wait for their time, so that neither kind keeps the other out; of an
 * odd number the last by lot, for when much is going on slots become free one by one. */
static enum err_code read_all_due(struct sqlite_conn *conn, const struct claiming *claiming,
                                  struct error *err)
{
    struct stretch timed = {DUE_AT_ONCE + 1, clock_wall_ms(), 0};
    const struct stretch at_once = {DUE_AT_ONCE, DUE_AT_ONCE, 0};
    size_t limit = claiming->limit;
    unsigned char lot;

    id_random(&lot, sizeof(lot));
    *claiming->n_claims = 0; /* a write may be tried twice */
    if (read_due(conn, claiming, timed, limit / 2 + (limit & lot & 1), err))
        return err->code;
    timed.offset = *claiming->n_claims;
    if (read_due(conn, claiming, at_once, limit, err))
        return err->code;
    return read_due(conn, claiming, timed, limit, err);
}

static enum err_code claim_rows(struct sqlite_conn *conn, const void *args, struct error *err)
{
    const struct claiming *claiming = args;

    if (read_all_due(conn, claiming, err))
        return err->code;
    for (size_t i = 0; i < *claiming->n_claims; i++) {
        struct claim *claim = &(*claiming->claims)[i];
        sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_EXECUTION_CLAIM, err);

        if (!stmt)
            return err->code;
        id_uuid(claim->lease.nonce);
        sqlite_bind_text(stmt, 1, claim->execution.id);
        sqlite_bind_text(stmt, 2, claim->lease.nonce);
        if (sqlite_conn_run(conn, stmt, "claim an execution", err))
            return err->code;
    }
    return ERR_OK;
}

/* The more crashes, the longer the process must have lived: who is killed again and again soon
 * after the start says nothing about what ran. */
static int64_t crashes_allowed(int64_t uptime_ms)
{
    int64_t n = STORE_SUSPECT_CRASHES - 1;

    for (int64_t wait_ms = FIRST_SUSPECT_WAIT_MS; uptime_ms >= wait_ms; wait_ms *= 2)
        if (++n == MAX_WAITS)
            return INT64_MAX;
    return n;
}

enum err_code store_execution_claim(struct store *store, size_t limit, struct arena *arena,
                                    struct claim **out, size_t *n_out, struct error *err)
{
    struct claim *claims = NULL;
    size_t n_claims = 0;
    const struct claiming claiming = {
        limit, crashes_allowed(clock_mono_ms() - store->opened_mono_ms), arena, &claims, &n_claims};

    if (store_write(store, WRITE_UNCOUNTED, claim_rows, &claiming, err))
        return err->code;
    *out = claims;
    *n_out = n_claims;
    return ERR_OK;
}

enum err_code store_execution_next_due(struct store *store, int64_t *out_unix_ms, struct error *err)
{
    int64_t due_unix_ms = DUE_NEVER;

    if (store_read_number(store, SQL_EXECUTION_NEXT_DUE, &due_unix_ms, err))
        return err->code;
    *out_unix_ms = due_unix_ms;
    return ERR_OK;
}

/* --- holding --- */

static enum err_code release(struct sqlite_conn *conn, const void *args, struct error *err)
{
    return sqlite_held_update(conn, args, NULL, err);
}

enum err_code store_execution_release(struct store *store, const char *id,
                                      const struct lease *lease, int64_t due_unix_ms,
                                      struct str body, struct error *err)
{
    const struct sqlite_held held = {SQL_EXECUTION_RELEASE, id, lease, due_unix_ms, body};

    return store_write(store, WRITE_UNCOUNTED, release, &held, err);
}

struct samples {
    struct sqlite_held held;
    const struct stored_sample *items;
    size_t n_items;
};

static enum err_code put_samples(struct sqlite_conn *conn, const void *args, struct error *err)
{
    const struct samples *samples = args;
    sqlite3_int64 seq;

    if (sqlite_held_update(conn, &samples->held, &seq, err))
        return err->code;
    for (size_t i = 0; i < samples->n_items; i++) {
        sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_SAMPLE_PUT, err);

        if (!stmt)
            return err->code;
        sqlite3_bind_int64(stmt, 1, seq);
        sqlite3_bind_int64(stmt, 2, samples->items[i].metric_index);
        sqlite3_bind_int(stmt, 3, samples->items[i].side);
        sqlite_bind_blob(stmt, 4, samples->items[i].payload);
        if (sqlite_conn_run(conn, stmt, "store a sample", err))
            return err->code;
    }
    return ERR_OK;
}

enum err_code store_samples_put(struct store *store, const char *execution_id,
                                const struct lease *lease, const struct stored_sample *samples,
                                size_t n_samples, struct error *err)
{
    const struct samples args = {
        .held = {.sql = SQL_EXECUTION_PROGRESS, .id = execution_id, .lease = lease},
        .items = samples,
        .n_items = n_samples,
    };

    return store_write(store, WRITE_UNCOUNTED, put_samples, &args, err);
}

enum err_code store_samples_get(struct store *store, const char *execution_id, struct arena *arena,
                                struct stored_sample **out, size_t *n_out, struct error *err)
{
    struct sqlite_conn *reader = store_reader_take(store, err);
    sqlite3_stmt *stmt = reader ? sqlite_conn_stmt(reader, SQL_SAMPLES_GET, err) : NULL;
    struct stored_sample *items = NULL;
    size_t n = 0, capacity = 0;
    int rc;

    if (!stmt)
        goto out;
    sqlite_bind_text(stmt, 1, execution_id);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        items = arena_grow(arena, items, n, &capacity, sizeof(*items));
        items[n++] = (struct stored_sample){
            .metric_index = (unsigned)sqlite3_column_int64(stmt, 0),
            .side = sqlite3_column_int(stmt, 1),
            .payload = sqlite_column_str(stmt, 2, arena),
        };
    }
    if (rc != SQLITE_DONE) {
        sqlite_error(reader, "read the samples", err);
    } else {
        *out = items;
        *n_out = n;
    }
    sqlite3_reset(stmt);
out:
    store_reader_give(store, reader);
    return err->code;
}

/* --- leases of a process that is gone, or about to go --- */

static enum err_code void_leases(struct sqlite_conn *conn, int n_crashes, struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_LEASES_VOID, err);

    if (!stmt)
        return err->code;
    sqlite3_bind_int(stmt, 1, n_crashes);
    return sqlite_conn_run(conn, stmt, "take the leases back", err);
}

enum err_code sqlite_leases_void(struct sqlite_conn *conn, struct error *err)
{
    return void_leases(conn, 1, err);
}

static enum err_code give_back(struct sqlite_conn *conn, const void *args, struct error *err)
{
    (void)args;
    return void_leases(conn, 0, err);
}

enum err_code store_leases_give_back(struct store *store, struct error *err)
{
    return store_write(store, WRITE_UNCOUNTED, give_back, NULL, err);
}
