#include "analyzer/store_sqlite_vfs.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What SQLite allocates for each open file: ours, with the real one behind it. */
struct counted_file {
    sqlite3_file base;
    struct sqlite_vfs *vfs;
    bool syncs_folder; /* the first sync of a new log also syncs its folder (unix VFS) */
    sqlite3_file *real;
};

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct counted_file *)file)->real;
}

static int file_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *bytes, int n_bytes, sqlite3_int64 at)
{
    return real_of(file)->pMethods->xRead(real_of(file), bytes, n_bytes, at);
}

static int file_write(sqlite3_file *file, const void *bytes, int n_bytes, sqlite3_int64 at)
{
    return real_of(file)->pMethods->xWrite(real_of(file), bytes, n_bytes, at);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 n_bytes)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), n_bytes);
}

static int file_sync(sqlite3_file *file, int flags)
{
    struct counted_file *counted = (struct counted_file *)file;
    int rc = counted->real->pMethods->xSync(counted->real, flags);

    atomic_fetch_add(&counted->vfs->n_fsyncs, counted->syncs_folder ? 2 : 1);
    counted->syncs_folder = false;
    if (rc != SQLITE_OK)
        atomic_store(&counted->vfs->has_sync_failed, true);
    return rc;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *n_bytes)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), n_bytes);
}

static int file_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_check_lock(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int file_sector_bytes(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_device(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int page, int n_bytes, int extend, void volatile **out)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, n_bytes, extend, out);
}

static int file_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int is_deleted)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), is_deleted);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* with shared memory for the log, without memory-mapped reads */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_bytes,
    .xDeviceCharacteristics = file_device,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

static sqlite3_vfs *real_vfs(sqlite3_vfs *vfs)
{
    return ((struct sqlite_vfs *)vfs)->real;
}

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags,
                    int *out_flags)
{
    struct counted_file *counted = (struct counted_file *)file;
    int logs = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
    int rc;

    counted->vfs = (struct sqlite_vfs *)vfs;
    counted->syncs_folder = (flags & SQLITE_OPEN_CREATE) && (flags & logs);
    counted->real = (sqlite3_file *)&counted[1];
    rc = real_vfs(vfs)->xOpen(real_vfs(vfs), path, counted->real, flags, out_flags);
    counted->base.pMethods = counted->real->pMethods ? &methods : NULL;
    return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int syncs_folder)
{
    if (syncs_folder)
        atomic_fetch_add(&((struct sqlite_vfs *)vfs)->n_fsyncs, 1);
    return real_vfs(vfs)->xDelete(real_vfs(vfs), path, syncs_folder);
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    return real_vfs(vfs)->xAccess(real_vfs(vfs), path, flags, out);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int n_bytes, char *out)
{
    return real_vfs(vfs)->xFullPathname(real_vfs(vfs), path, n_bytes, out);
}

static int vfs_random(sqlite3_vfs *vfs, int n_bytes, char *out)
{
    return real_vfs(vfs)->xRandomness(real_vfs(vfs), n_bytes, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    return real_vfs(vfs)->xSleep(real_vfs(vfs), us);
}

static int vfs_time(sqlite3_vfs *vfs, double *out)
{
    return real_vfs(vfs)->xCurrentTime(real_vfs(vfs), out);
}

static int vfs_last_error(sqlite3_vfs *vfs, int n_bytes, char *out)
{
    return real_vfs(vfs)->xGetLastError(real_vfs(vfs), n_bytes, out);
}

enum err_code sqlite_vfs_register(struct sqlite_vfs *vfs, struct error *err)
{
    vfs->real = sqlite3_vfs_find(NULL);
    if (!vfs->real)
        return error_set(err, ERR_STORAGE, "SQLite has no default VFS");
    snprintf(vfs->name, sizeof(vfs->name), "serinus-%p", (void *)vfs);
    vfs->base = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = (int)sizeof(struct counted_file) + vfs->real->szOsFile,
        .mxPathname = vfs->real->mxPathname,
        .zName = vfs->name,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_random,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
        .xGetLastError = vfs_last_error,
    };
    if (sqlite3_vfs_register(&vfs->base, 0) != SQLITE_OK)
        return error_set(err, ERR_STORAGE, "could not register the VFS");
    return ERR_OK;
}

void sqlite_vfs_unregister(struct sqlite_vfs *vfs)
{
    if (vfs->real)
        sqlite3_vfs_unregister(&vfs->base);
}
