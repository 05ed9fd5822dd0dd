/* analyzer/store_sqlite.h -- the inside of struct store: one writer, a few readers, one lock file.
 * For store_sqlite*.c only; everybody else includes analyzer/store.h. */
#ifndef ANALYZER_STORE_SQLITE_H
#define ANALYZER_STORE_SQLITE_H

#include "analyzer/store.h"
#include "analyzer/store_sqlite_audit.h"
#include "analyzer/store_sqlite_conn.h"
#include "analyzer/store_sqlite_files.h"
#include "analyzer/store_sqlite_schema.h"
#include "analyzer/store_sqlite_verify.h"
#include "analyzer/store_sqlite_vfs.h"
#include "analyzer/store_sqlite_writer.h"
#include <pthread.h>

#define STORE_READERS 4u /* opened when first needed; as many threads read at once */

struct store {
    int64_t opened_mono_ms;
    char *data_dir, *db_path;
    int lock_fd;
    struct log *log;
    struct sqlite_vfs vfs;
    struct audit audit; /* the writer's once that runs */
    struct sqlite_writer *writer;
    struct sqlite_verify *verify;
    bool is_unreadable;   /* what was put in the database's place lacks our tables */
    pthread_mutex_t lock; /* guards the readers' bookkeeping */
    pthread_cond_t reader_free;
    struct sqlite_conn readers[STORE_READERS];
    bool is_taken[STORE_READERS];
};

enum store_purpose {
    STORE_SERVE,
    STORE_LOOK,  /* nothing is changed; every write fails with ERR_BUSY read_only */
    STORE_ACCEPT /* go on with a database that is behind its audit file */
};

/* store_open(), which is this with STORE_SERVE. For the others the database must be there
 * (ERR_NOT_FOUND), and its pages are not checked. */
MUST_CHECK enum err_code store_open_for(const char *data_dir, enum store_purpose purpose,
                                        struct log *log, struct store **out, struct error *err);
/* One that has opened nothing yet; store_close() takes it. */
struct store *store_create(const char *data_dir, struct log *log);

/* How far a database has come. */
struct sqlite_position {
    bool has_schema; /* the one we know, so that it can be read as it is */
    sqlite3_int64 sequence;
    char store_id[STORE_ID_BYTES];
};

/* Of one that need not have our tables yet. */
MUST_CHECK enum err_code sqlite_position_read(struct sqlite_conn *conn, struct sqlite_position *out,
                                              struct error *err);
/* The SQL by which a database takes the place of the one that the audit file tells of. */
void sqlite_accept_sql(const struct audit *audit, char *sql, size_t n_bytes);

/* A connection for the caller alone, until it gives it back; waits while all are taken. The lowest
 * free one first, so that a quiet service opens one only. NULL with `err` set on failure. */
struct sqlite_conn *store_reader_take(struct store *store, struct error *err);
void store_reader_give(struct store *store, struct sqlite_conn *reader); /* NULL is accepted */

/* What every writing call goes through. */
enum err_code store_write(struct store *store, enum sqlite_write_kind kind, sqlite_write_fn *write,
                          const void *args, struct error *err);

/* The number that a statement without parameters gives; *out stays when it gives none. */
MUST_CHECK enum err_code store_read_number(struct store *store, enum sqlite_sql sql, int64_t *out,
                                           struct error *err);

/* Before the writer runs: the leases of a process that died are nobody's, and count as crashes. */
MUST_CHECK enum err_code sqlite_leases_void(struct sqlite_conn *conn, struct error *err);

/* --- parts of a write, inside its transaction --- */

enum err_code sqlite_lease_lost(const char *id, struct error *err);

/* An UPDATE of an execution by who holds its lease. */
struct sqlite_held {
    enum sqlite_sql sql; /* SQL_EXECUTION_STEP, _RELEASE or _PROGRESS */
    const char *id;
    const struct lease *lease;
    int64_t due_unix_ms; /* unused by _PROGRESS */
    struct str body;     /* empty: stays */
};

/* ERR_CONFLICT lease_lost when there is no such lease. out_seq may be NULL. */
MUST_CHECK enum err_code sqlite_held_update(struct sqlite_conn *conn,
                                            const struct sqlite_held *held, sqlite3_int64 *out_seq,
                                            struct error *err);
MUST_CHECK enum err_code sqlite_series_put(struct sqlite_conn *conn,
                                           const struct stored_series *series, struct error *err);
MUST_CHECK enum err_code sqlite_outbox_put(struct sqlite_conn *conn,
                                           const struct stored_notification *notification,
                                           const char *execution_id, struct error *err);

/* The row goes once it is neither listed nor archived. */
MUST_CHECK enum err_code sqlite_execution_purge(struct sqlite_conn *conn, const char *id,
                                                struct error *err);

/* The row a statement with SQL_EXECUTION_COLUMNS and two texts stands at. */
void sqlite_read_execution(sqlite3_stmt *stmt, struct arena *arena, struct stored_execution *out);

#endif
