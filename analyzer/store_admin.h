/* analyzer/store_admin.h -- what an operator does with a result store by hand: look at it, check
 * it, copy it, put a copy back, go on with one that has lost something.
 *
 * All but store_backup() work on a folder that no service uses (ERR_BUSY store_locked otherwise).
 * Errors besides those named: as store_open(); ERR_NOT_FOUND when there is no database. */
#ifndef ANALYZER_STORE_ADMIN_H
#define ANALYZER_STORE_ADMIN_H

#include "analyzer/store.h"

/* Open without changing anything: every write fails with ERR_BUSY read_only (or
 * store_rollback_detected). */
MUST_CHECK enum err_code store_look(const char *data_dir, struct log *log, struct store **out,
                                    struct error *err);

struct store_status {
    int64_t schema, newest_schema; /* another one than the newest cannot be read; counts stay 0 */
    int64_t sequence;              /* commits that clients may rely on, in the database */
    int64_t audit_sequence;        /* and by the audit file; -1: there is none */
    bool is_rolled_back;           /* the database has lost something, see store_open() */
    int64_t db_bytes, log_bytes;
    int64_t n_executions, n_unfinished, n_configs, n_notifications;
};
MUST_CHECK enum err_code store_status_read(struct store *store, struct store_status *out,
                                           struct error *err);

/* Look at every page. ERR_IO store_damaged. */
MUST_CHECK enum err_code store_verify(struct store *store, struct error *err);

/* A copy of the state between two commits in a new file that only its owner may read; every page is
 * looked at first. The service may be using the store.
 * Errors: ERR_CONFLICT: there is a file already; ERR_IO, ERR_BUSY disk_low: nothing is left. */
MUST_CHECK enum err_code store_backup(struct store *store, const char *path, struct error *err);

/* Put a copy in the place of the database, which is kept as serinus.db.before-restore (likewise its
 * log). The copy is checked first, and accepted as what the service goes on with.
 * Errors: ERR_INVALID: not a database of ours, or damaged; ERR_CONFLICT: there is an older
 * serinus.db.before-restore. */
MUST_CHECK enum err_code store_restore(const char *data_dir, const char *path, struct log *log,
                                       struct error *err);

/* Go on with a database that lacks what was acknowledged. *out: what was the case before.
 * ERR_CONFLICT when it lacks nothing. */
MUST_CHECK enum err_code store_accept_rollback(const char *data_dir, struct log *log,
                                               struct store_status *out, struct error *err);

#endif
