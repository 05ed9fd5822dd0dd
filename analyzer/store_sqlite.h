/* analyzer/store_sqlite.h -- the inside of struct store: one writer, a few readers, one lock file.
 * For store_sqlite*.c only; everybody else includes analyzer/store.h. */
#ifndef ANALYZER_STORE_SQLITE_H
#define ANALYZER_STORE_SQLITE_H

#include "analyzer/store.h"
#include "analyzer/store_sqlite_conn.h"
#include "analyzer/store_sqlite_vfs.h"
#include "analyzer/store_sqlite_writer.h"
#include <pthread.h>

#define STORE_READERS 4u /* opened when first needed; as many threads read at once */

struct store {
    char *data_dir, *db_path;
    int lock_fd;
    struct log *log;
    struct sqlite_vfs vfs;
    struct sqlite_writer *writer;
    pthread_mutex_t lock; /* guards the readers' bookkeeping */
    pthread_cond_t reader_free;
    struct sqlite_conn readers[STORE_READERS];
    bool is_taken[STORE_READERS];
};

/* A connection for the caller alone, until it gives it back; waits while all are taken. The lowest
 * free one first, so that a quiet service opens one only. NULL with `err` set on failure. */
struct sqlite_conn *store_reader_take(struct store *store, struct error *err);
void store_reader_give(struct store *store, struct sqlite_conn *reader); /* NULL is accepted */

/* ERR_BUSY disk_low when the file system has less than the reserve left. */
MUST_CHECK enum err_code store_disk_check(const struct store *store, struct error *err);

#endif
