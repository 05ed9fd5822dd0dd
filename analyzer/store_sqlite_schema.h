/* analyzer/store_sqlite_schema.h -- the tables: whether a file has them, and making them. */
#ifndef ANALYZER_STORE_SQLITE_SCHEMA_H
#define ANALYZER_STORE_SQLITE_SCHEMA_H

#include "analyzer/store_sqlite_conn.h"

/* On the writer, before anything else is done with it: is the file a database, is it ours, and is
 * its schema not newer than we are? Nothing is written. Errors: ERR_IO, saying what to do. */
MUST_CHECK enum err_code sqlite_schema_check(struct sqlite_conn *conn, const char *path,
                                             struct error *err);
/* Of an empty file: 0. */
MUST_CHECK enum err_code sqlite_schema_version(struct sqlite_conn *conn, sqlite3_int64 *out,
                                               struct error *err);
sqlite3_int64 sqlite_schema_newest(void); /* the one we make */
/* Switch to WAL and bring the schema up to date. */
MUST_CHECK enum err_code sqlite_schema_migrate(struct sqlite_conn *conn, const char *path,
                                               struct error *err);

#endif
