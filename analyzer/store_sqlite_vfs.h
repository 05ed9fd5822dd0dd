/* analyzer/store_sqlite_vfs.h -- the operating system as SQLite sees it, with every fsync counted.
 *
 * A thin layer over SQLite's default VFS: each call is passed on. What it counts is what the kernel
 * is asked: also the fsync of the folder that SQLite adds after it has created a log file. */
#ifndef ANALYZER_STORE_SQLITE_VFS_H
#define ANALYZER_STORE_SQLITE_VFS_H

#include "base/error.h"
#include <sqlite3.h>
#include <stdatomic.h>

struct sqlite_vfs {
    sqlite3_vfs base; /* first: SQLite hands us a pointer to it */
    sqlite3_vfs *real;
    atomic_ullong n_fsyncs;
    atomic_bool has_sync_failed; /* once; what was written before may be lost whatever follows */
    char name[40];
};

/* Register under a name of its own, vfs->name. It must outlive every connection opened with it. */
MUST_CHECK enum err_code sqlite_vfs_register(struct sqlite_vfs *vfs, struct error *err);
void sqlite_vfs_unregister(struct sqlite_vfs *vfs); /* also when it never was registered */

#endif
