#include "analyzer/store_sqlite_audit.h"

#include "base/arena.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "serinus.audit"
#define MAGIC "serinus-audit 1 "
#define SLOT_BYTES 4096 /* one block of the file system, so that the slots do not share a fate */
#define RECORD_BYTES 128

static uint64_t checksum(const char *bytes, size_t n_bytes)
{
    uint64_t hash = 0xCBF29CE484222325u;

    for (size_t i = 0; i < n_bytes; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001B3u;
    return hash;
}

static size_t put_record(char record[RECORD_BYTES], const char *store_id, sqlite3_int64 sequence)
{
    int n = snprintf(record, RECORD_BYTES, MAGIC "%s %020lld", store_id, sequence);

    return (size_t)n + (size_t)snprintf(record + n, RECORD_BYTES - (size_t)n, " %016" PRIx64 "\n",
                                        checksum(record, (size_t)n));
}

/* A record that reads the same when it is written again is one of ours. */
static bool get_record(const char record[RECORD_BYTES], char store_id[STORE_ID_BYTES],
                       sqlite3_int64 *sequence)
{
    char again[RECORD_BYTES] = "";
    size_t at = strlen(MAGIC), n_bytes;

    if (memcmp(record, MAGIC, at) != 0)
        return false;
    memcpy(store_id, record + at, STORE_ID_BYTES - 1);
    store_id[STORE_ID_BYTES - 1] = '\0';
    *sequence = strtoll(record + at + STORE_ID_BYTES, NULL, 10);
    n_bytes = put_record(again, store_id, *sequence);
    return memcmp(record, again, n_bytes) == 0;
}

static enum err_code audit_error(const struct audit *audit, const char *what, int rc,
                                 struct error *err)
{
    switch (rc) {
    case SQLITE_FULL:
    case SQLITE_IOERR_WRITE:
        return error_because(err, ERR_BUSY, "disk_low", "could not %s \"%s\": %s", what,
                             audit->path, sqlite3_errstr(rc));
    default:
        return error_set(err, ERR_STORAGE, "could not %s \"%s\": %s", what, audit->path,
                         sqlite3_errstr(rc));
    }
}

static enum err_code read_slots(struct audit *audit, struct error *err)
{
    for (int slot = 0; slot < 2; slot++) {
        char record[RECORD_BYTES + 1] = "";
        char store_id[STORE_ID_BYTES];
        sqlite3_int64 sequence;
        int rc = audit->file->pMethods->xRead(audit->file, record, RECORD_BYTES,
                                              (sqlite3_int64)slot * SLOT_BYTES);

        if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ)
            return audit_error(audit, "read", rc, err);
        if (!get_record(record, store_id, &sequence) ||
            (audit->has_record && sequence <= audit->sequence))
            continue;
        memcpy(audit->store_id, store_id, sizeof(store_id));
        audit->sequence = sequence;
        audit->newest_slot = slot;
        audit->has_record = true;
    }
    return ERR_OK;
}

enum err_code audit_open(struct audit *audit, sqlite3_vfs *vfs, const char *data_dir,
                         struct error *err)
{
    /* As what the VFS takes it for says how it is synced: a new one together with its folder. */
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_SUPER_JOURNAL;
    struct strbuf path = {0};
    int fd, rc;

    strbuf_printf(&path, "%s/%s", data_dir, FILE_NAME);
    audit->path = path.bytes;
    fd = open(audit->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_set(err, errno == EACCES || errno == EPERM ? ERR_PERMISSION : ERR_IO,
                         "could not open \"%s\": %s", audit->path, strerror(errno));
    close(fd);
    audit->file = mem_alloc(1, (size_t)vfs->szOsFile);
    rc = vfs->xOpen(vfs, audit->path, audit->file, flags, &flags);
    if (rc != SQLITE_OK)
        return audit_error(audit, "open", rc, err);
    return read_slots(audit, err);
}

enum err_code audit_write(struct audit *audit, const char *store_id, sqlite3_int64 sequence,
                          struct error *err)
{
    const sqlite3_io_methods *methods = audit->file->pMethods;
    int slot = audit->has_record ? 1 - audit->newest_slot : 0;
    char record[RECORD_BYTES] = "";
    int rc;

    put_record(record, store_id, sequence);
    rc = methods->xWrite(audit->file, record, sizeof(record), (sqlite3_int64)slot * SLOT_BYTES);
    if (rc != SQLITE_OK)
        return audit_error(audit, "write", rc, err);
    rc = methods->xSync(audit->file, SQLITE_SYNC_NORMAL);
    if (rc != SQLITE_OK)
        return error_because(err, ERR_IO, "sync_failed", "could not sync \"%s\": %s", audit->path,
                             sqlite3_errstr(rc));
    snprintf(audit->store_id, sizeof(audit->store_id), "%s", store_id);
    audit->sequence = sequence;
    audit->newest_slot = slot;
    audit->has_record = true;
    return ERR_OK;
}

void audit_close(struct audit *audit)
{
    if (audit->file && audit->file->pMethods)
        audit->file->pMethods->xClose(audit->file);
    free(audit->file);
    free(audit->path);
    *audit = (struct audit){0};
}
