/* A merge sort without a branch that depends on the data: the values of a metric are as good as
 * random, and a branch on them is guessed wrong every other time, which costs more than the
 * comparison.
 *
 * Each level cuts the n values into equal segments, no two of which differ in length by more than
 * one. Two such neighbours are merged from both ends at once: as many steps as the shorter one is
 * long, each end gives the smallest (largest) value left. No end can run past a segment within that
 * many steps, so there is nothing to check; at most one value is left for the middle. And two
 * chains of dependent steps run side by side. */
#include "judge/sort.h"

#include "judge/order.h"

#define SMALLEST_SEGMENT 2 /* the first level sorts segments of two to four values */

static inline uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t larger(uint64_t a, uint64_t b)
{
    return a < b ? b : a;
}

static inline void exchange(uint64_t *a, uint64_t *b)
{
    uint64_t low = lesser(*a, *b), high = larger(*a, *b);

    *a = low;
    *b = high;
}

/* Sorting networks; Knuth, The Art of Computer Programming 3, 5.3.4. */
static void sort_few(uint64_t *v, size_t n)
{
    switch (n) {
    case 2:
        exchange(&v[0], &v[1]);
        break;
    case 3:
        exchange(&v[0], &v[2]);
        exchange(&v[0], &v[1]);
        exchange(&v[1], &v[2]);
        break;
    case 4:
        exchange(&v[0], &v[2]);
        exchange(&v[1], &v[3]);
        exchange(&v[0], &v[1]);
        exchange(&v[2], &v[3]);
        exchange(&v[1], &v[2]);
        break;
    default: /* nothing to sort */
        break;
    }
}

/* Merge two neighbours whose lengths differ by at most one. From either end, `step` values have
 * been given, j of them b's and so step - j of them a's. The value is chosen apart from the count,
 * or the compiler makes one branch of both. */
static void merge(const uint64_t *a, size_t n_a, size_t n_b, uint64_t *out)
{
    const uint64_t *b = a + n_a;
    const uint64_t *a_end = b - 1, *b_end = b + n_b - 1;
    uint64_t *out_end = out + n_a + n_b - 1;
    ptrdiff_t n_steps = (ptrdiff_t)(n_a < n_b ? n_a : n_b), j = 0, j_end = 0;

    for (ptrdiff_t step = 0; step < n_steps; step++) {
        uint64_t x = a[step - j], y = b[j];
        uint64_t last_x = a_end[j_end - step], last_y = b_end[-j_end];

        out[step] = lesser(x, y);
        j += y < x;
        out_end[-step] = larger(last_x, last_y);
        j_end += last_x <= last_y;
    }
    if (n_a != n_b)
        out[n_steps] = j + j_end < (ptrdiff_t)n_b ? b[j] : a[n_steps - j];
}

/* Where segment s of 2^level begins. s is below n, and n^2 fits 64 bits. */
static size_t segment_start(size_t s, unsigned level, size_t n)
{
    return s * n >> level;
}

void sort_doubles(const double *values, size_t n, double *sorted, struct arena *scratch)
{
    uint64_t *from = arena_array(scratch, uint64_t, n);
    uint64_t *to = arena_array(scratch, uint64_t, n);
    unsigned level = 0;

    while (n >> (level + 1) >= SMALLEST_SEGMENT)
        level++;
    for (size_t i = 0; i < n; i++)
        from[i] = order_key(values[i]);
    for (size_t s = 0; s < (size_t)1 << level; s++) {
        size_t start = segment_start(s, level, n);

        sort_few(from + start, segment_start(s + 1, level, n) - start);
    }
    for (; level; level--) {
        uint64_t *swap = from;

        for (size_t s = 0; s < (size_t)1 << level; s += 2) {
            size_t start = segment_start(s, level, n);
            size_t middle = segment_start(s + 1, level, n);
            size_t end = segment_start(s + 2, level, n);

            merge(from + start, middle - start, end - middle, to + start);
        }
        from = to;
        to = swap;
    }
    for (size_t i = 0; i < n; i++)
        sorted[i] = order_value(from[i]);
}

double *sort_copy(const double *values, size_t n, struct arena *scratch)
{
    double *sorted = arena_array(scratch, double, n);

    sort_doubles(values, n, sorted, scratch);
    return sorted;
}
