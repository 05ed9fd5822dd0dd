/* analyzer/store_sqlite_audit.h -- the audit file: how far the database has come, kept outside it.
 *
 * A database can lose what was committed and still look whole: a log that was deleted or damaged,
 * an emptied file, an old copy put back. So each commit that a client may rely on carries a
 * sequence number, which is written here and synced before the client gets its answer. A database
 * behind this number has lost something; one before it was cut off between commit and audit.
 *
 * The file is two slots of one block each. A record goes where the older one is, so that a write
 * cut short leaves the newer one. It is one line of text:
 *
 *     serinus-audit 1 STORE_ID SEQUENCE CHECKSUM
 *
 * with the sequence in 20 digits and the checksum (64-bit FNV-1a of what stands before it) in 16
 * hexadecimal ones. All I/O goes through the VFS, as the database's does. */
#ifndef ANALYZER_STORE_SQLITE_AUDIT_H
#define ANALYZER_STORE_SQLITE_AUDIT_H

#include "base/error.h"
#include <sqlite3.h>
#include <stdbool.h>

#define STORE_ID_BYTES 33u /* 32 hexadecimal digits and the terminator */

struct audit {
    char *path;
    sqlite3_file *file;
    int newest_slot;
    bool has_record; /* the next two fields are that of the newest one */
    char store_id[STORE_ID_BYTES];
    sqlite3_int64 sequence;
};

/* Open or create DATA_DIR/serinus.audit and read its newest record. The caller clears it in any
 * case. Errors: ERR_PERMISSION, ERR_IO. */
MUST_CHECK enum err_code audit_open(struct audit *audit, sqlite3_vfs *vfs, const char *data_dir,
                                    struct error *err);
/* On disk on return. Errors: ERR_BUSY disk_low; ERR_IO sync_failed; ERR_STORAGE. */
MUST_CHECK enum err_code audit_write(struct audit *audit, const char *store_id,
                                     sqlite3_int64 sequence, struct error *err);
void audit_close(struct audit *audit); /* also a zeroed one */

#endif
