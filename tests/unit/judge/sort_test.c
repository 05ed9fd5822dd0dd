#include "judge/sort.h"

#include "tests/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    if (x != y)
        return x < y ? -1 : 1;
    return (signbit(y) != 0) - (signbit(x) != 0);
}

/* Every length up to 300, so that segments of every mix of lengths are merged. */
static void sort_doubles_orders_every_length(void **state)
{
    uint64_t random = 7;

    (void)state;
    for (size_t n = 0; n <= 300; n++) {
        struct arena *arena = arena_create();
        double values[300], sorted[300], expected[300];

        row("%zu values", n);
        for (size_t i = 0; i < n; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            values[i] = ((double)(random >> 40) - 8388608) / (double)(1 + (random >> 33) % 5);
            if (random >> 60 == 0)
                values[i] = random >> 59 & 1 ? -0.0 : INFINITY;
            if (random >> 60 == 1)
                values[i] = random >> 39 & 1 ? 0.0 : -INFINITY;
        }
        memcpy(expected, values, sizeof(values));
        qsort(expected, n, sizeof(double), by_order);
        sort_doubles(values, n, sorted, arena);
        assert_memory_equal(expected, sorted, n * sizeof(double));
        sort_doubles(values, n, values, arena); /* in place */
        assert_memory_equal(expected, values, n * sizeof(double));
        arena_free(arena);
    }
}

static void sort_doubles_keeps_presorted_and_equal_values(void **state)
{
    struct arena *arena = arena_create();
    const double rising[] = {-1e300, -2.5, -5e-324, -0.0, 0.0, 5e-324, 0.1, 0.1, 7, 1e300};
    double sorted[ARRAY_LEN(rising)];

    (void)state;
    sort_doubles(rising, ARRAY_LEN(rising), sorted, arena);
    assert_memory_equal(rising, sorted, sizeof(rising));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sort_doubles_orders_every_length),
        cmocka_unit_test(sort_doubles_keeps_presorted_and_equal_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
