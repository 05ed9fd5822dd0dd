/* tests/crash_vfs.h -- a disk that can lose power, as an SQLite VFS.
 *
 * It becomes SQLite's default, so that a store opened afterwards sits on it. Files are real, but
 * what was written and not synced is remembered apart, and when the power goes a random part of it
 * is lost: writes are dropped, reordered, or torn at sectors of 512 bytes; truncations are dropped
 * or kept; a file whose folder was not synced may be gone, a deleted one may be back. From the
 * moment of the cut on, every call fails, as nothing that happens afterwards reaches a disk. Any
 * thread. */
#ifndef TESTS_CRASH_VFS_H
#define TESTS_CRASH_VFS_H

#include <stdbool.h>
#include <stddef.h>

struct crash_vfs;

/* Everything random follows from the seed and the order of calls. */
struct crash_vfs *crash_vfs_create(unsigned seed);
void crash_vfs_free(struct crash_vfs *vfs); /* no file may be open */

/* The power goes in the middle of the n-th write, sync, truncation or deletion from now (n > 0). */
void crash_vfs_cut_after(struct crash_vfs *vfs, unsigned n_calls);
void crash_vfs_cut_now(struct crash_vfs *vfs); /* unless it has gone already */
/* With every file closed: leave on disk what has survived, and let calls pass again. */
void crash_vfs_power_on(struct crash_vfs *vfs);

/* From now on a sync of a file whose name ends like this does nothing in `percent` of all cases,
 * and says that it did. "" means every file, NULL none. */
void crash_vfs_lie(struct crash_vfs *vfs, const char *suffix, unsigned percent);

/* Calls that fail by themselves, on files whose name ends like this. */
struct crash_fault {
    const char *suffix;
    bool in_writes, in_syncs;
    int rc;          /* SQLite's code */
    unsigned n_skip; /* calls that pass before */
    unsigned n_times;
};
/* Copied; NULL: none from now on. */
void crash_vfs_fault(struct crash_vfs *vfs, const struct crash_fault *fault);
/* How many calls the last fault has made fail. */
unsigned crash_vfs_n_faults(struct crash_vfs *vfs);

#endif
