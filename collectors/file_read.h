/* collectors/file_read.h -- a file in place of a store's reply. Part of the fetch engine. */
#ifndef COLLECTORS_FILE_READ_H
#define COLLECTORS_FILE_READ_H

#include "collectors/account.h"

#define FILE_FOLDER_TYPE "inode/directory" /* the Content-Type of the reply for a folder */
#define FILE_FOLDER_MAX_FILES 1000u

/* The content of account->path, or of `name` beneath it unless that is "", decompressed if it is
 * gzip, as a reply with status 200 (fetch_transfer_clear() frees it). Nothing outside of the folder
 * is read, wherever links lead, and nothing but regular files; a folder gives a reply with
 * FILE_FOLDER_TYPE: the names of the files right in it, those without a leading dot, sorted, one a
 * line, FILE_FOLDER_MAX_FILES of them at most. A file's reply has `name` as its Content-Location,
 * borrowed.
 *
 * Errors: ERR_UPSTREAM, reason store_file, "file '<path>' cannot be read: ..."; also for one that
 *         is larger than account->max_response_bytes once it is decompressed. */
MUST_CHECK enum err_code file_read(const struct account *account, const char *name,
                                   struct http_response *out, struct error *err);

/* One that cannot be read for good: the error of the same kind and shape. */
enum err_code file_unreadable(const char *path, const char *name, const char *why,
                              struct error *err);

#endif
