#include "tests/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static char current_row[256];

void row(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(current_row, sizeof(current_row), fmt, args);
    va_end(args);
}

void assert_near_at(double want, double got, double tolerance, const char *what, const char *file,
                    int line)
{
    if ((isnan(want) && isnan(got)) || want == got || fabs(got - want) <= tolerance)
        return;
    print_error("%s:%d: row \"%s\": %s is %.17g, expected %.17g\n", file, line, current_row, what,
                got, want);
    _fail(file, line);
}

char *read_file(const char *path, size_t *n_bytes)
{
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    size_t n = 0;

    if (!file)
        fail_msg("cannot open %s", path);
    for (size_t capacity = 65536;; capacity *= 2) {
        bytes = realloc(bytes, capacity + 1);
        assert_non_null(bytes);
        n += fread(bytes + n, 1, capacity - n, file);
        if (n < capacity)
            break;
    }
    fclose(file);
    bytes[n] = '\0';
    if (n_bytes)
        *n_bytes = n;
    return bytes;
}
