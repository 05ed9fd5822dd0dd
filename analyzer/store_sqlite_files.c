/* analyzer/store_sqlite_files.c -- the data folder: its lock, its files, the room on its disk. */
#include "analyzer/store_sqlite_files.h"

#include "analyzer/store_sqlite.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DISK_RESERVE_BYTES ((uint64_t)256 * MIB) /* or 5 % of a small file system */
#define DISK_RESERVE_DIVISOR 20

char *store_path(const char *data_dir, const char *name)
{
    struct strbuf path = {0};

    strbuf_printf(&path, "%s/%s", data_dir, name);
    return path.bytes;
}

enum err_code store_io_error(const char *what, const char *path, struct error *err)
{
    enum err_code code = errno == EACCES || errno == EPERM || errno == EROFS ? ERR_PERMISSION
                         : errno == ENOSPC || errno == EDQUOT                ? ERR_BUSY
                                                                             : ERR_IO;

    return error_because(err, code, code == ERR_BUSY ? "disk_low" : NULL, "could not %s \"%s\": %s",
                         what, path, strerror(errno));
}

enum err_code store_sync_folder(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0)
        store_io_error("sync the folder", path, err);
    if (fd >= 0)
        close(fd);
    return err->code;
}

enum err_code store_take_lock(struct store *store, struct error *err)
{
    char *path = store_path(store->data_dir, STORE_DB_NAME ".lock");
    char text[32] = "";
    ssize_t n;

    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->lock_fd < 0) {
        store_io_error("open the lock file", path, err);
        goto out;
    }
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            store_io_error("lock", path, err);
            goto out;
        }
        n = pread(store->lock_fd, text, sizeof(text) - 1, 0);
        text[n > 0 ? strcspn(text, "\n") : 0] = '\0';
        error_because(err, ERR_BUSY, "store_locked",
                      "the database in \"%s\" is in use by the process with pid %s",
                      store->data_dir, *text ? text : "unknown");
        goto out;
    }
    snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(store->lock_fd, 0) != 0 ||
        pwrite(store->lock_fd, text, strlen(text), 0) != (ssize_t)strlen(text))
        store_io_error("write the lock file", path, err);
out:
    free(path);
    return err->code;
}

enum err_code store_create_file(struct store *store, struct error *err)
{
    char *wal_path = store_path(store->data_dir, STORE_DB_NAME "-wal");
    struct stat db, wal;
    int fd = open(store->db_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0) {
        close(fd);
        if (store_sync_folder(store->data_dir, err))
            goto out;
    } else if (errno != EEXIST) {
        store_io_error("create the database", store->db_path, err);
    }
    /* SQLite would take an emptied file for a new one and throw its log away. */
    if (err->code == ERR_OK && stat(store->db_path, &db) == 0 && db.st_size == 0 &&
        stat(wal_path, &wal) == 0 && wal.st_size > 0)
        error_because(
            err, ERR_IO, "store_damaged",
            "the database \"%s\" is empty but has a log; nothing was changed. Put a backup in its "
            "place (serinus store restore), or move all serinus.* files away to start with an "
            "empty one",
            store->db_path);
out:
    free(wal_path);
    return err->code;
}

enum err_code store_create_folder(const char *data_dir, struct error *err)
{
    if (mkdir(data_dir, 0700) != 0 && errno != EEXIST)
        return store_io_error("create the data folder", data_dir, err);
    return ERR_OK;
}

enum err_code store_disk_check(const struct store *store, struct error *err)
{
    struct statvfs disk;
    uint64_t size, left, reserve;

    if (statvfs(store->data_dir, &disk) != 0)
        return store_io_error("look at the file system of", store->data_dir, err);
    size = (uint64_t)disk.f_blocks * disk.f_frsize;
    left = (uint64_t)disk.f_bavail * disk.f_frsize;
    reserve = size / DISK_RESERVE_DIVISOR;
    if (reserve > DISK_RESERVE_BYTES)
        reserve = DISK_RESERVE_BYTES;
    if (left < reserve)
        return error_because(err, ERR_BUSY, "disk_low",
                             "the disk has %" PRIu64 " MiB left, and %" PRIu64
                             " MiB are kept in reserve",
                             left / MIB, reserve / MIB);
    return ERR_OK;
}
