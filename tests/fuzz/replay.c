/* tests/fuzz/replay.c -- run a fuzz target on files instead of under libFuzzer, so that every
 * compiler and sanitizer can replay the corpora and old crashes.
 *     replay_TARGET FILE... */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

/* The buffer is exactly as long as the file, so that a read past its end is seen. */
static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    long n_bytes = -1;
    int rc = 1;

    if (file && fseek(file, 0, SEEK_END) == 0)
        n_bytes = ftell(file);
    if (n_bytes < 0 || fseek(file, 0, SEEK_SET) != 0)
        goto out;
    data = malloc((size_t)n_bytes ? (size_t)n_bytes : 1);
    if (!data || fread(data, 1, (size_t)n_bytes, file) != (size_t)n_bytes)
        goto out;
    LLVMFuzzerTestOneInput(data, (size_t)n_bytes);
    rc = 0;
out:
    if (rc)
        fprintf(stderr, "could not read %s\n", path);
    free(data);
    if (file)
        fclose(file);
    return rc;
}

int main(int argc, char **argv)
{
    int rc = 0;

    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++)
        rc |= replay(argv[i]);
    return rc;
}
