/* Whole settings: whatever the bytes, an error or settings that can be shown, and converted to
 * what loads again. They are looked at as a draft, so that no placeholder has to be there. */
#include "analyzer/settings_show.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

/* The settings, or NULL. */
static struct settings *load(const void *bytes, size_t n_bytes)
{
    int fd = memfd_create("settings", MFD_CLOEXEC);
    char path[64];
    const char *paths[] = {path};
    const struct settings_options options = {.paths = paths, .n_paths = 1, .is_draft = true};
    struct settings *settings = NULL;
    struct error err = {0};

    if (fd < 0)
        return NULL;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (write(fd, bytes, n_bytes) == (ssize_t)n_bytes &&
        settings_load_with(&options, &settings, &err))
        settings = NULL;
    close(fd);
    return settings;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct settings *settings = load(bytes, n_bytes), *again = NULL;
    struct strbuf shown = {0}, converted = {0};

    if (!settings)
        return 0;
    settings_show(settings, true, &shown);
    settings_convert(settings, "fuzz", &converted);
    again = load(converted.bytes, converted.n_bytes);
    if (!again || again->n_accounts != settings->n_accounts) {
        fputs(converted.bytes, stderr);
        abort();
    }
    strbuf_clear(&shown);
    strbuf_clear(&converted);
    settings_free(settings);
    settings_free(again);
    return 0;
}
