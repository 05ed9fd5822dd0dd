/* analyzer/store_sqlite_writer.h -- the one thread that writes.
 *
 * Callers queue a write and sleep. The thread takes all that is queued, gives each write a
 * savepoint of its own inside one transaction, commits, and wakes them: one fsync for all of them,
 * and one that fails does not undo the others. It also moves the log into the database when it is
 * long and nobody waits. */
#ifndef ANALYZER_STORE_SQLITE_WRITER_H
#define ANALYZER_STORE_SQLITE_WRITER_H

#include "analyzer/store_sqlite_audit.h"
#include "analyzer/store_sqlite_conn.h"
#include "analyzer/store_sqlite_vfs.h"
#include "base/log.h"

struct sqlite_writer;

/* Takes over *conn (checked and migrated) and clears it; borrows the rest. NULL when there can be
 * no thread. */
struct sqlite_writer *sqlite_writer_create(struct sqlite_conn *conn, struct audit *audit,
                                           const struct sqlite_vfs *vfs, struct log *log);
void sqlite_writer_free(
    struct sqlite_writer *writer); /* finishes what is queued; NULL is accepted */

/* What clients may rely on is counted in the audit file, before they get their answer. */
enum sqlite_write_kind { WRITE_COUNTED, WRITE_UNCOUNTED };

/* Runs on the writer thread, inside the transaction; `args` is the caller's and stays as it is. */
typedef enum err_code sqlite_write_fn(struct sqlite_conn *conn, const void *args,
                                      struct error *err);

/* Returns once the write is on disk, or has failed. A database locked by somebody else fails it
 * after 2 s at most.
 * Errors: those of `write`, of the commit and of the audit file (ERR_BUSY, ERR_STORAGE), and what
 * it refuses with. A sync that fails is never tried again as if nothing were lost: ERR_IO
 * sync_failed from then on. */
MUST_CHECK enum err_code sqlite_writer_run(struct sqlite_writer *writer,
                                           enum sqlite_write_kind kind, sqlite_write_fn *write,
                                           const void *args, struct error *err);

/* From now on every write fails with this, the first one told, and nothing is moved from the log
 * into the database, on closing neither. */
void sqlite_writer_refuse(struct sqlite_writer *writer, const struct error *why);
/* ERR_OK: it does not refuse. */
MUST_CHECK enum err_code sqlite_writer_refusal(struct sqlite_writer *writer, struct error *err);

struct sqlite_writer_counters {
    uint64_t commits; /* transactions that changed something */
    uint64_t writes;  /* writes that succeeded */
    uint64_t errors;  /* writes and checkpoints that failed for the store's own reasons */
    uint64_t queued;  /* waiting now */
};
struct sqlite_writer_counters sqlite_writer_count(struct sqlite_writer *writer);

#endif
