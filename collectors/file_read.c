#include "collectors/file_read.h"

#include "collectors/gzip.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PIECE_BYTES 65536u

enum err_code file_unreadable(const char *path, const char *name, const char *why,
                              struct error *err)
{
    return error_because(err, ERR_UPSTREAM, "store_file", "file '%s%s%s' cannot be read: %s", path,
                         *name ? "/" : "", name, why);
}

/* No blocking on a FIFO: that it is none is found out once it is open. */
static int open_beneath(const char *folder, const char *name)
{
    const struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int fd, folder_fd;

    if (!*name)
        return open(folder, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0)
        return -1;
    fd = (int)syscall(SYS_openat2, folder_fd, name, &how, sizeof(how));
    if (fd < 0) {
        int saved = errno;

        close(folder_fd);
        errno = saved;
        return -1;
    }
    close(folder_fd);
    return fd;
}

/* NULL, or why not. */
static const char *read_all(int fd, struct strbuf *out)
{
    char *piece = mem_alloc(PIECE_BYTES, 1);
    const char *problem = NULL;
    ssize_t n;

    while (!problem && (n = read(fd, piece, PIECE_BYTES)) != 0) {
        if (n < 0 && errno != EINTR)
            problem = strerror(errno);
        else if (n > 0 && !strbuf_append(out, piece, (size_t)n))
            problem = "it is larger than the account's maxResponseBytes";
    }
    free(piece);
    return problem;
}

/* NULL, or why not. */
static const char *read_content(int fd, size_t max_bytes, struct strbuf *out)
{
    struct strbuf packed;
    const char *problem;

    out->max_bytes = max_bytes;
    problem = read_all(fd, out);
    if (problem || !gzip_is(strbuf_view(out)))
        return problem;
    packed = *out;
    *out = (struct strbuf){.max_bytes = max_bytes};
    problem = gzip_unpack(strbuf_view(&packed), out);
    if (problem && out->is_full)
        problem = "decompressed it is larger than the account's maxResponseBytes";
    strbuf_clear(&packed);
    return problem;
}

static int is_listed(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && !strchr(entry->d_name, '\n') &&
           (entry->d_type == DT_REG || entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN);
}

/* NULL, or why not. */
static const char *list_folder(int fd, struct strbuf *out)
{
    struct dirent **entries;
    int n = scandirat(fd, ".", &entries, is_listed, alphasort);

    if (n < 0)
        return strerror(errno);
    for (int i = 0; i < n; i++) {
        if (i < (int)FILE_FOLDER_MAX_FILES)
            strbuf_printf(out, "%s\n", entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return NULL;
}

static void set_headers(struct http_response *out, const char *type, const char *name)
{
    out->headers = mem_alloc(2, sizeof(*out->headers));
    out->headers[0] = (struct http_header){"Content-Type", type};
    out->headers[1] = (struct http_header){"Content-Location", name};
    out->n_headers = 2;
}

enum err_code file_read(const struct account *account, const char *name, struct http_response *out,
                        struct error *err)
{
    struct strbuf content = {0};
    struct stat info = {0};
    const char *problem = NULL;
    bool is_folder = false;
    int fd;

    if (!account->path)
        return error_because(err, ERR_UPSTREAM, "store_file", "the account has no \"path\"");
    fd = open_beneath(account->path, name);
    if (fd < 0 && errno == EXDEV)
        problem = "it leads out of the account's folder";
    else if (fd < 0 || fstat(fd, &info) != 0)
        problem = strerror(errno);
    else if ((is_folder = S_ISDIR(info.st_mode)))
        problem = list_folder(fd, &content);
    else if (!S_ISREG(info.st_mode))
        problem = "it is not a regular file";
    else if ((uintmax_t)info.st_size > account->max_response_bytes)
        problem = "it is larger than the account's maxResponseBytes";
    else
        problem = read_content(fd, account->max_response_bytes, &content);
    if (fd >= 0)
        close(fd);
    if (problem) {
        strbuf_clear(&content);
        return file_unreadable(account->path, name, problem, err);
    }
    strbuf_append(&content, "", 0);
    *out = (struct http_response){
        .status = 200, .body = content.bytes, .n_body_bytes = content.n_bytes};
    set_headers(out, is_folder ? FILE_FOLDER_TYPE : "application/octet-stream", name);
    return ERR_OK;
}
