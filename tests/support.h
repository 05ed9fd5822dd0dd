/* tests/support.h -- what cmocka lacks: near-equality with a tolerance, and the name of the current
 * table row in every failure message. Include this in place of <cmocka.h>. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Name the table row under test; every failure below prints it. */
void row(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* |got - want| <= tolerance; NaN equals NaN, an infinity equals itself. */
#define assert_near(want, got, tolerance)                                                          \
    assert_near_at((want), (got), (tolerance), #got, __FILE__, __LINE__)
void assert_near_at(double want, double got, double tolerance, const char *what, const char *file,
                    int line);

/* The whole file, terminated; fails the test when it cannot be read. free() it. Paths are relative
 * to the repository's top, where tests are run. */
char *read_file(const char *path, size_t *n_bytes);

#endif
