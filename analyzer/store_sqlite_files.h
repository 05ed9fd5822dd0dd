/* analyzer/store_sqlite_files.h -- the data folder: its lock, its files, the room on its disk. */
#ifndef ANALYZER_STORE_SQLITE_FILES_H
#define ANALYZER_STORE_SQLITE_FILES_H

#include "base/error.h"

struct store;

#define STORE_DB_NAME "serinus.db"

char *store_path(const char *data_dir, const char *name); /* to be freed */

/* What errno says: ERR_PERMISSION, ERR_BUSY disk_low, else ERR_IO. */
enum err_code store_io_error(const char *what, const char *path, struct error *err);

MUST_CHECK enum err_code store_create_folder(const char *data_dir, struct error *err);
/* Held for life: the kernel lets go of it whatever way the process ends. */
MUST_CHECK enum err_code store_take_lock(struct store *store, struct error *err);
/* The file must exist before SQLite opens it: SQLite would make it readable by everyone. */
MUST_CHECK enum err_code store_create_file(struct store *store, struct error *err);
/* A new name in a folder is only durable once the folder is synced. */
MUST_CHECK enum err_code store_sync_folder(const char *path, struct error *err);
/* ERR_BUSY disk_low when the file system has less than the reserve left. */
MUST_CHECK enum err_code store_disk_check(const struct store *store, struct error *err);

#endif
