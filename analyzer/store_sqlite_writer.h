/* analyzer/store_sqlite_writer.h -- the one thread that writes.
 *
 * Callers queue a write and sleep. The thread takes all that is queued, gives each write a
 * savepoint of its own inside one transaction, commits, and wakes them: one fsync for all of them,
 * and one that fails does not undo the others. It also moves the log into the database when it is
 * long and nobody waits. */
#ifndef ANALYZER_STORE_SQLITE_WRITER_H
#define ANALYZER_STORE_SQLITE_WRITER_H

#include "analyzer/store_sqlite_conn.h"
#include "base/log.h"

struct sqlite_writer;

/* Takes over *conn (checked and migrated) and clears it. */
struct sqlite_writer *sqlite_writer_create(struct sqlite_conn *conn, struct log *log);
void sqlite_writer_free(
    struct sqlite_writer *writer); /* finishes what is queued; NULL is accepted */

/* Runs on the writer thread, inside the transaction; `args` is the caller's and stays as it is. */
typedef enum err_code sqlite_write_fn(struct sqlite_conn *conn, const void *args,
                                      struct error *err);

/* Returns once the write is on disk, or has failed. A database locked by somebody else fails it
 * after 2 s at most.
 * Errors: those of `write`, and of the commit (ERR_BUSY, ERR_STORAGE). */
MUST_CHECK enum err_code sqlite_writer_run(struct sqlite_writer *writer, sqlite_write_fn *write,
                                           const void *args, struct error *err);

struct sqlite_writer_counters {
    uint64_t commits; /* transactions that changed something */
    uint64_t writes;  /* writes that succeeded */
    uint64_t errors;  /* writes and checkpoints that failed for the store's own reasons */
    uint64_t queued;  /* waiting now */
};
struct sqlite_writer_counters sqlite_writer_count(struct sqlite_writer *writer);

#endif
