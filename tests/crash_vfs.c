#include "tests/crash_vfs.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR_BYTES 512u
#define MAX_IMAGES 64u

/* A write or, without bytes, a truncation. */
struct change {
    unsigned char *bytes;
    size_t at, n_bytes;
};

/* What a disk knows of a file. */
struct image {
    char *path;
    unsigned char *synced; /* what is there whatever happens */
    size_t n_synced, n_room;
    struct change *changes; /* since the last sync, in order */
    size_t n_changes, capacity;
    bool is_named;   /* its folder was synced since it was made */
    bool is_deleted; /* and its folder not synced since */
};

struct crash_vfs {
    sqlite3_vfs base; /* first: SQLite hands us a pointer to it */
    sqlite3_vfs *real;
    pthread_mutex_t lock; /* guards all below */
    uint64_t random;
    unsigned n_calls_left; /* 0: no cut is planned */
    bool is_cut;
    const char *lie_suffix;
    unsigned lie_percent;
    struct crash_fault fault;
    unsigned n_faults;
    struct image *images[MAX_IMAGES];
    size_t n_images;
};

struct crash_file {
    sqlite3_file base;
    struct crash_vfs *vfs;
    struct image *image; /* NULL: not a file that has to last */
    sqlite3_file *real;
};

static void fail(const char *what)
{
    perror(what);
    abort();
}

static unsigned below(struct crash_vfs *vfs, unsigned n)
{
    vfs->random ^= vfs->random << 13; /* xorshift64; Marsaglia 2003 */
    vfs->random ^= vfs->random >> 7;
    vfs->random ^= vfs->random << 17;
    return (unsigned)(vfs->random >> 33) % n;
}

/* --- images --- */

static struct image *image_find(struct crash_vfs *vfs, const char *path)
{
    for (size_t i = 0; i < vfs->n_images; i++)
        if (strcmp(vfs->images[i]->path, path) == 0)
            return vfs->images[i];
    return NULL;
}

static void drop_changes(struct image *image)
{
    for (size_t i = 0; i < image->n_changes; i++)
        free(image->changes[i].bytes);
    image->n_changes = 0;
}

static void read_whole(const char *path, unsigned char **bytes, size_t *n_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;

    free(*bytes);
    if (fd < 0 || fstat(fd, &info) != 0)
        fail(path);
    *n_bytes = (size_t)info.st_size;
    *bytes = malloc(*n_bytes + 1);
    if (pread(fd, *bytes, *n_bytes, 0) != (ssize_t)*n_bytes)
        fail(path);
    close(fd);
}

static void apply(struct image *image, const unsigned char *bytes, size_t at, size_t n_bytes)
{
    if (at + n_bytes > image->n_synced) {
        if (at + n_bytes > image->n_room) {
            image->n_room = (at + n_bytes) * 2;
            image->synced = realloc(image->synced, image->n_room);
        }
        memset(image->synced + image->n_synced, 0, at + n_bytes - image->n_synced);
        image->n_synced = at + n_bytes;
    }
    memcpy(image->synced + at, bytes, n_bytes);
}

static void apply_change(struct image *image, const struct change *change)
{
    if (change->bytes)
        apply(image, change->bytes, change->at, change->n_bytes);
    else if (change->at < image->n_synced)
        image->n_synced = change->at;
}

/* Only some of its sectors. */
static void apply_torn(struct crash_vfs *vfs, struct image *image, const struct change *change)
{
    size_t from = 0;

    while (from < change->n_bytes) {
        size_t to = ((change->at + from) / SECTOR_BYTES + 1) * SECTOR_BYTES - change->at;

        if (to > change->n_bytes)
            to = change->n_bytes;
        if (below(vfs, 2))
            apply(image, change->bytes + from, change->at + from, to - from);
        from = to;
    }
}

static void shuffle(struct crash_vfs *vfs, struct image *image)
{
    for (size_t i = image->n_changes; i > 1; i--) {
        size_t k = below(vfs, (unsigned)i);
        struct change swapped = image->changes[i - 1];

        image->changes[i - 1] = image->changes[k];
        image->changes[k] = swapped;
    }
}

/* What a power cut leaves of what was not synced. */
static void settle(struct crash_vfs *vfs, struct image *image)
{
    unsigned manner = below(vfs, 4);
    unsigned n_kept = (unsigned)image->n_changes;

    if (manner == 0)
        n_kept = 0; /* nothing */
    else if (manner == 1)
        n_kept = below(vfs, n_kept + 1); /* the first ones */
    else
        shuffle(vfs, image); /* any, in any order */
    for (unsigned i = 0; i < n_kept; i++) {
        const struct change *change = &image->changes[i];
        bool is_torn =
            change->bytes && (manner == 1 ? i + 1 == n_kept : manner == 2 && below(vfs, 2));

        if (is_torn)
            apply_torn(vfs, image, change);
        else if (manner == 1 || below(vfs, 3))
            apply_change(image, change);
    }
    drop_changes(image);
}

static void write_whole(const struct image *image)
{
    int fd = open(image->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, image->synced, image->n_synced) != (ssize_t)image->n_synced)
        fail(image->path);
    close(fd);
}

static void forget(struct crash_vfs *vfs, struct image *image)
{
    size_t i = 0;

    while (vfs->images[i] != image)
        i++;
    vfs->images[i] = vfs->images[--vfs->n_images];
    drop_changes(image);
    free(image->changes);
    free(image->synced);
    free(image->path);
    free(image);
}

/* There is one folder, so with one name all are safe, and what was deleted is gone. */
static void sync_folder(struct crash_vfs *vfs)
{
    for (size_t i = vfs->n_images; i > 0; i--) {
        vfs->images[i - 1]->is_named = true;
        if (vfs->images[i - 1]->is_deleted)
            forget(vfs, vfs->images[i - 1]);
    }
}

static void sync_image(struct crash_vfs *vfs, struct image *image)
{
    for (size_t i = 0; i < image->n_changes; i++)
        apply_change(image, &image->changes[i]);
    drop_changes(image);
    if (!image->is_named) /* SQLite's own VFS syncs the folder with a new log */
        sync_folder(vfs);
}

/* --- calls --- */

/* Is this the call during which the power goes? Under the lock. */
static bool goes_now(struct crash_vfs *vfs)
{
    if (vfs->n_calls_left && --vfs->n_calls_left == 0)
        vfs->is_cut = true;
    return vfs->is_cut;
}

static bool ends_with(const char *path, const char *suffix)
{
    size_t n_path = strlen(path), n_suffix = strlen(suffix);

    return n_suffix <= n_path && strcmp(path + n_path - n_suffix, suffix) == 0;
}

static bool lies_about(struct crash_vfs *vfs, const struct image *image)
{
    return vfs->lie_suffix && ends_with(image->path, vfs->lie_suffix) &&
           below(vfs, 100) < vfs->lie_percent;
}

/* Does this call fail by itself? Under the lock. */
static bool is_faulty(struct crash_vfs *vfs, const struct image *image, bool is_sync)
{
    struct crash_fault *fault = &vfs->fault;

    if (!image || !fault->suffix || !ends_with(image->path, fault->suffix) ||
        !(is_sync ? fault->in_syncs : fault->in_writes))
        return false;
    if (fault->n_skip) {
        fault->n_skip--;
        return false;
    }
    if (vfs->n_faults == fault->n_times)
        return false;
    vfs->n_faults++;
    return true;
}

static void add_change(struct image *image, const void *bytes, size_t at, size_t n_bytes)
{
    struct change change = {.at = at, .n_bytes = n_bytes};

    if (bytes) {
        change.bytes = malloc(n_bytes + 1);
        memcpy(change.bytes, bytes, n_bytes);
    }
    if (image->n_changes == image->capacity) {
        image->capacity = image->capacity ? image->capacity * 2 : 64;
        image->changes = realloc(image->changes, image->capacity * sizeof(*image->changes));
    }
    image->changes[image->n_changes++] = change;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct crash_file *)file)->real;
}

static int file_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *bytes, int n_bytes, sqlite3_int64 at)
{
    struct crash_vfs *vfs = ((struct crash_file *)file)->vfs;
    int rc = SQLITE_IOERR_READ;

    pthread_mutex_lock(&vfs->lock);
    if (!vfs->is_cut)
        rc = real_of(file)->pMethods->xRead(real_of(file), bytes, n_bytes, at);
    pthread_mutex_unlock(&vfs->lock);
    return rc;
}

static int file_write(sqlite3_file *file, const void *bytes, int n_bytes, sqlite3_int64 at)
{
    struct crash_file *f = (struct crash_file *)file;
    struct crash_vfs *vfs = f->vfs;
    int rc = SQLITE_IOERR;

    pthread_mutex_lock(&vfs->lock);
    if (!vfs->is_cut && is_faulty(vfs, f->image, false)) {
        rc = vfs->fault.rc;
    } else if (!vfs->is_cut) {
        if (f->image)
            add_change(f->image, bytes, (size_t)at, (size_t)n_bytes);
        if (!goes_now(vfs))
            rc = f->real->pMethods->xWrite(f->real, bytes, n_bytes, at);
    }
    pthread_mutex_unlock(&vfs->lock);
    return rc;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 n_bytes)
{
    struct crash_file *f = (struct crash_file *)file;
    struct crash_vfs *vfs = f->vfs;
    int rc = SQLITE_IOERR;

    pthread_mutex_lock(&vfs->lock);
    if (!vfs->is_cut) {
        if (f->image)
            add_change(f->image, NULL, (size_t)n_bytes, 0);
        if (!goes_now(vfs))
            rc = f->real->pMethods->xTruncate(f->real, n_bytes);
    }
    pthread_mutex_unlock(&vfs->lock);
    return rc;
}

/* The real file is never synced: it need not outlive the machine. */
static int file_sync(sqlite3_file *file, int flags)
{
    struct crash_file *f = (struct crash_file *)file;
    struct crash_vfs *vfs = f->vfs;
    int rc = SQLITE_IOERR_FSYNC;

    (void)flags;
    pthread_mutex_lock(&vfs->lock);
    if (!vfs->is_cut && is_faulty(vfs, f->image, true)) {
        rc = vfs->fault.rc;
    } else if (!vfs->is_cut) {
        bool is_last = goes_now(vfs);

        /* the last one may have been done before the power went, or not */
        if (f->image && !lies_about(vfs, f->image) && (!is_last || below(vfs, 2)))
            sync_image(vfs, f->image);
        rc = is_last ? SQLITE_IOERR_FSYNC : SQLITE_OK;
    }
    pthread_mutex_unlock(&vfs->lock);
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
    .iVersion = 2,
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

/* The image of an open file; the first one is what is there now. Under the lock. */
static struct image *image_open(struct crash_vfs *vfs, const char *path, int flags)
{
    int journals = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
    struct image *image = image_find(vfs, path);

    if (!(flags & (journals | SQLITE_OPEN_MAIN_DB)))
        return NULL;
    if (image && image->is_deleted) {
        forget(vfs, image);
        image = NULL;
    }
    if (!image) {
        if (vfs->n_images == MAX_IMAGES)
            fail("too many files");
        image = calloc(1, sizeof(*image));
        vfs->images[vfs->n_images++] = image;
        image->path = strdup(path);
        read_whole(path, &image->synced, &image->n_synced);
        image->n_room = image->n_synced;
        image->is_named = !((flags & SQLITE_OPEN_CREATE) && (flags & journals));
    }
    return image;
}

static int vfs_open(sqlite3_vfs *base, const char *path, sqlite3_file *file, int flags,
                    int *out_flags)
{
    struct crash_vfs *vfs = (struct crash_vfs *)base;
    struct crash_file *f = (struct crash_file *)file;
    int rc = SQLITE_CANTOPEN;

    f->vfs = vfs;
    f->image = NULL;
    f->real = (sqlite3_file *)&f[1];
    f->base.pMethods = NULL;
    pthread_mutex_lock(&vfs->lock);
    if (!vfs->is_cut)
        rc = vfs->real->xOpen(vfs->real, path, f->real, flags, out_flags);
    if (rc == SQLITE_OK) {
        f->image = image_open(vfs, path, flags);
        f->base.pMethods = &methods;
    }
    pthread_mutex_unlock(&vfs->lock);
    return rc;
}

static int vfs_delete(sqlite3_vfs *base, const char *path, int syncs_folder)
{
    struct crash_vfs *vfs = (struct crash_vfs *)base;
    int rc = SQLITE_IOERR_DELETE;

    pthread_mutex_lock(&vfs->lock);
    if (!vfs->is_cut && !goes_now(vfs)) {
        struct image *image = image_find(vfs, path);

        rc = vfs->real->xDelete(vfs->real, path, 0);
        if (image && rc == SQLITE_OK) {
            image->is_deleted = true;
            if (syncs_folder)
                sync_folder(vfs);
        }
    }
    pthread_mutex_unlock(&vfs->lock);
    return rc;
}

static int vfs_access(sqlite3_vfs *base, const char *path, int flags, int *out)
{
    sqlite3_vfs *real = ((struct crash_vfs *)base)->real;

    return real->xAccess(real, path, flags, out);
}

static int vfs_full_path(sqlite3_vfs *base, const char *path, int n_bytes, char *out)
{
    sqlite3_vfs *real = ((struct crash_vfs *)base)->real;

    return real->xFullPathname(real, path, n_bytes, out);
}

static int vfs_random(sqlite3_vfs *base, int n_bytes, char *out)
{
    sqlite3_vfs *real = ((struct crash_vfs *)base)->real;

    return real->xRandomness(real, n_bytes, out);
}

static int vfs_sleep(sqlite3_vfs *base, int us)
{
    sqlite3_vfs *real = ((struct crash_vfs *)base)->real;

    return real->xSleep(real, us);
}

static int vfs_time(sqlite3_vfs *base, double *out)
{
    sqlite3_vfs *real = ((struct crash_vfs *)base)->real;

    return real->xCurrentTime(real, out);
}

static int vfs_last_error(sqlite3_vfs *base, int n_bytes, char *out)
{
    sqlite3_vfs *real = ((struct crash_vfs *)base)->real;

    return real->xGetLastError(real, n_bytes, out);
}

/* --- the disk --- */

struct crash_vfs *crash_vfs_create(unsigned seed)
{
    struct crash_vfs *vfs = calloc(1, sizeof(*vfs));

    vfs->real = sqlite3_vfs_find("unix");
    vfs->random = 0x9E3779B97F4A7C15u * (seed + 1u);
    pthread_mutex_init(&vfs->lock, NULL);
    vfs->base = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = (int)sizeof(struct crash_file) + vfs->real->szOsFile,
        .mxPathname = vfs->real->mxPathname,
        .zName = "crash",
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_random,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
        .xGetLastError = vfs_last_error,
    };
    if (sqlite3_vfs_register(&vfs->base, 1) != SQLITE_OK)
        abort();
    return vfs;
}

void crash_vfs_free(struct crash_vfs *vfs)
{
    sqlite3_vfs_unregister(&vfs->base);
    sqlite3_vfs_register(vfs->real, 1);
    while (vfs->n_images)
        forget(vfs, vfs->images[0]);
    pthread_mutex_destroy(&vfs->lock);
    free(vfs);
}

void crash_vfs_cut_after(struct crash_vfs *vfs, unsigned n_calls)
{
    pthread_mutex_lock(&vfs->lock);
    vfs->n_calls_left = n_calls;
    pthread_mutex_unlock(&vfs->lock);
}

void crash_vfs_cut_now(struct crash_vfs *vfs)
{
    pthread_mutex_lock(&vfs->lock);
    vfs->is_cut = true;
    pthread_mutex_unlock(&vfs->lock);
}

void crash_vfs_power_on(struct crash_vfs *vfs)
{
    pthread_mutex_lock(&vfs->lock);
    for (size_t i = vfs->n_images; i > 0; i--) {
        struct image *image = vfs->images[i - 1];

        if ((image->is_deleted || !image->is_named) && below(vfs, 2)) {
            unlink(image->path);
            forget(vfs, image);
            continue;
        }
        settle(vfs, image);
        write_whole(image);
        image->is_named = true;
        image->is_deleted = false;
    }
    vfs->is_cut = false;
    vfs->n_calls_left = 0;
    pthread_mutex_unlock(&vfs->lock);
}

void crash_vfs_lie(struct crash_vfs *vfs, const char *suffix, unsigned percent)
{
    pthread_mutex_lock(&vfs->lock);
    vfs->lie_suffix = suffix;
    vfs->lie_percent = percent;
    pthread_mutex_unlock(&vfs->lock);
}

void crash_vfs_fault(struct crash_vfs *vfs, const struct crash_fault *fault)
{
    pthread_mutex_lock(&vfs->lock);
    vfs->fault = fault ? *fault : (struct crash_fault){0};
    if (fault)
        vfs->n_faults = 0;
    pthread_mutex_unlock(&vfs->lock);
}

unsigned crash_vfs_n_faults(struct crash_vfs *vfs)
{
    unsigned n;

    pthread_mutex_lock(&vfs->lock);
    n = vfs->n_faults;
    pthread_mutex_unlock(&vfs->lock);
    return n;
}
