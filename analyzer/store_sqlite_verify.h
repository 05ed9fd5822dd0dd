/* analyzer/store_sqlite_verify.h -- every page of the database is looked at once after each start,
 * on a thread and a connection of their own, so that a large one does not delay the start. */
#ifndef ANALYZER_STORE_SQLITE_VERIFY_H
#define ANALYZER_STORE_SQLITE_VERIFY_H

#include "analyzer/store_sqlite_vfs.h"
#include "analyzer/store_sqlite_writer.h"

struct sqlite_verify;

/* Damage that it finds makes the writer refuse (ERR_IO store_damaged). Borrows all but `out`.
 * Errors: as sqlite_conn_open(). */
MUST_CHECK enum err_code sqlite_verify_start(const char *path, const struct sqlite_vfs *vfs,
                                             struct sqlite_writer *writer, struct log *log,
                                             struct sqlite_verify **out, struct error *err);
void sqlite_verify_stop(struct sqlite_verify *verify); /* wherever it is; NULL is accepted */

/* The check itself: ERR_IO store_damaged with the first thing that is wrong. */
MUST_CHECK enum err_code sqlite_verify_run(struct sqlite_conn *conn, const char *path,
                                           struct error *err);

#endif
