/* Subtraction keeps the order, rounding included, so the samples are sorted once and every shift is
 * a merge of two sorted lists. Equal values are folded into runs first; metrics are often whole
 * numbers, and then there are few runs.
 *
 * The merge finds for each run of x how many runs of y lie below it. It walks from both ends at
 * once and takes no branch that depends on the data: each step compares the two heads and advances
 * one of them by the outcome of the comparison. Values are compared as integers (order.h), which is
 * quicker here than comparing doubles. A second pass over the runs of x then adds up the counts and
 * finds the two smallest gaps, upwards and downwards, between an x - mu and its neighbours in y. A
 * gap of zero is a tie. Otherwise no pair changes order until mu has moved by one of the gaps: that
 * plateau is kept, and a shift within it is answered from memory, less a margin for the rounding of
 * x - mu.
 *
 * Where x has values so close together, or mu so large, that different x may become equal x - mu,
 * the runs of x are not the tie groups, and a plain merge counts instead. */
#include "judge/shift.h"

#include "judge/order.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

#define N_PLATEAUS 6   /* the last few: each of the three searches ends between two */
#define MARGIN_ULPS 16 /* roundings of x - mu, of a gap and of a plateau's ends: under 4 each */
#define MAX_RUN_POINTS 1000000 /* its cube fits 64 bits; beyond, the plain merge */

struct plateau {
    double low, high; /* open interval of shifts */
    struct shift_count count;
};

struct shift {
    const double *x, *y;
    size_t n, m;
    bool is_plain;  /* only the plain merge is right */
    bool may_merge; /* different x may become equal x - mu */
    double margin;  /* bounds the rounding of any x - mu within the range */

    size_t n_x_runs, n_y_runs;
    double *x_run, *y_run; /* the values; y_run has an infinity at either end */
    size_t *x_points;      /* points in the run */
    size_t *y_start;       /* points before the run; one more at the end */
    uint64_t *x_key,
        *y_key; /* of the shifted x, and of y; a smallest and a largest at either end */
    double *x_shifted;
    uint32_t *n_below_front, *n_below_back; /* runs of y below, found by the walk from either end */
    uint64_t own_tie_sum;                   /* of the groups within one sample */

    struct plateau plateaus[N_PLATEAUS];
    size_t n_kept;
};

/* An array with one more element at either end. */
#define FRAMED_ARRAY(arena, type, n) (arena_array((arena), type, (n) + 2) + 1)

/* Fold equal values into runs; returns their number. start[] has room for one more than there are
 * points. The end of the run so far is where the next one would start. */
static size_t fold(const double *sorted, size_t n, double *runs, size_t *start)
{
    size_t last = 0;

    runs[0] = sorted[0];
    start[0] = 0;
    start[1] = 1;
    for (size_t i = 1; i < n; i++) {
        last += order_bits(sorted[i]) != order_bits(sorted[i - 1]);
        runs[last] = sorted[i];
        start[last + 1] = i + 1;
    }
    return last + 1;
}

/* The sum of t^3 - t over the runs. */
static uint64_t tie_sum_of(const size_t *start, size_t n_runs)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < n_runs; i++) {
        uint64_t t = start[i + 1] - start[i];

        sum += t * t * t - t;
    }
    return sum;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* True when two runs of x are so close that rounding may make them one. */
static bool has_near_runs(const double *runs, size_t n_runs, double margin)
{
    bool is_near = false;

    for (size_t i = 1; i < n_runs; i++)
        is_near |= !(runs[i] - runs[i - 1] > margin);
    return is_near;
}

struct shift *shift_create(const double *x, size_t n, const double *y, size_t m,
                           struct arena *arena)
{
    struct shift *s = arena_new(arena, struct shift);
    double x_largest = larger(fabs(x[0]), fabs(x[n - 1]));
    double y_largest = larger(fabs(y[0]), fabs(y[m - 1]));

    *s = (struct shift){.x = x, .y = y, .n = n, .m = m};
    /* |mu| is at most x_largest + y_largest, and |x - mu| that and x_largest */
    s->margin = MARGIN_ULPS * DBL_EPSILON * (2 * x_largest + y_largest);
    s->is_plain = !isfinite(s->margin) || n > MAX_RUN_POINTS || m > MAX_RUN_POINTS;
    if (s->is_plain)
        return s;

    s->x_run = FRAMED_ARRAY(arena, double, n);
    s->x_points = arena_array(arena, size_t, n + 1);
    s->n_x_runs = fold(x, n, s->x_run, s->x_points);
    if (s->n_x_runs < n)
        s->own_tie_sum += tie_sum_of(s->x_points, s->n_x_runs);
    for (size_t i = 0; i < s->n_x_runs; i++) /* from starts to lengths, in place */
        s->x_points[i] = s->x_points[i + 1] - s->x_points[i];
    s->y_run = FRAMED_ARRAY(arena, double, m);
    s->y_start = arena_array(arena, size_t, m + 1);
    s->n_y_runs = fold(y, m, s->y_run, s->y_start);
    if (s->n_y_runs < m)
        s->own_tie_sum += tie_sum_of(s->y_start, s->n_y_runs);
    s->y_run[-1] = -INFINITY;
    s->y_run[s->n_y_runs] = INFINITY;
    s->y_key = FRAMED_ARRAY(arena, uint64_t, s->n_y_runs);
    s->y_key[-1] = ORDER_LOWEST;
    s->y_key[s->n_y_runs] = ORDER_HIGHEST;
    for (size_t j = 0; j < s->n_y_runs; j++)
        s->y_key[j] = order_key(s->y_run[j]);
    s->x_shifted = FRAMED_ARRAY(arena, double, s->n_x_runs);
    s->x_key = FRAMED_ARRAY(arena, uint64_t, s->n_x_runs);
    s->x_key[-1] = ORDER_LOWEST;
    s->x_key[s->n_x_runs] = ORDER_HIGHEST;
    s->n_below_front = FRAMED_ARRAY(arena, uint32_t, s->n_x_runs);
    s->n_below_back = FRAMED_ARRAY(arena, uint32_t, s->n_x_runs);
    s->may_merge = has_near_runs(s->x_run, s->n_x_runs, s->margin);
    return s;
}

static uint64_t shifted_key(double x, double mu)
{
    double value = x - mu;

    return order_key(isnan(value) ? INFINITY : value);
}

static struct shift_count plain_merge(const struct shift *s, double mu)
{
    struct shift_count count = {0};
    size_t i = 0, j = 0;

    while (i < s->n || j < s->m) {
        uint64_t x = i < s->n ? shifted_key(s->x[i], mu) : ORDER_HIGHEST;
        uint64_t y = j < s->m ? order_key(s->y[j]) : ORDER_HIGHEST;
        uint64_t value = x < y ? x : y;
        size_t first_i = i, first_j = j;
        double n_tied;

        while (i < s->n && shifted_key(s->x[i], mu) == value)
            i++;
        while (j < s->m && order_key(s->y[j]) == value)
            j++;
        count.u += (double)(i - first_i) * ((double)first_j + (double)(j - first_j) / 2);
        n_tied = (double)(i - first_i + j - first_j);
        count.tie_sum += n_tied * n_tied * n_tied - n_tied;
    }
    return count;
}

/* Two doubles, or their bits: x86-64 and AArch64 have registers for this without asking. */
typedef double pair __attribute__((vector_size(16)));
typedef int64_t pair_bits __attribute__((vector_size(16)));
typedef int32_t quad_bits __attribute__((vector_size(16)));

static inline pair pair_load(const double *at)
{
    pair value;

    memcpy(&value, at, sizeof(value));
    return value;
}

/* order_key() of both. The sign is spread by 32-bit shifts, which every machine has. */
static inline pair_bits pair_key(pair value)
{
    quad_bits halves = (quad_bits)value >> 31;
    pair_bits is_negative = (pair_bits)__builtin_shufflevector(halves, halves, 1, 1, 3, 3);

    return (pair_bits)value ^ (is_negative | INT64_MIN);
}

/* Shift the runs of x. The arrays have room for an odd run more, which is put right afterwards. */
static void shift_runs(const struct shift *s, double mu)
{
    for (size_t i = 0; i < s->n_x_runs; i += 2) {
        pair value = pair_load(&s->x_run[i]) - (pair){mu, mu};
        pair_bits key = pair_key(value);

        memcpy(&s->x_shifted[i], &value, sizeof(value));
        memcpy(&s->x_key[i], &key, sizeof(key));
    }
    s->x_key[s->n_x_runs] = ORDER_HIGHEST;
}

static bool has_merged(const struct shift *s)
{
    bool is_merged = false;

    for (size_t i = 1; i < s->n_x_runs; i++)
        is_merged |= s->x_key[i] == s->x_key[i - 1];
    return is_merged;
}

/* Fill n_below_front up to the run of x that is returned, and n_below_back from there. Each walk
 * also writes one place beyond its part, which the other never reads. */
static size_t walk(const struct shift *s)
{
    const uint64_t *x = s->x_key, *y = s->y_key;
    const uint64_t *x_before = x - 1, *y_before = y - 1;
    uint32_t *front = s->n_below_front, *back = s->n_below_back - 1;
    size_t n_steps = s->n_x_runs + s->n_y_runs;
    size_t i = 0, j = 0, end_i = s->n_x_runs, end_j = s->n_y_runs;

    for (size_t step = n_steps / 2; step; step--) {
        uint64_t head_x = x[i], head_y = y[j];
        uint64_t tail_x = x_before[end_i], tail_y = y_before[end_j];

        front[i] = (uint32_t)j;
        j += head_y < head_x;
        i += !(head_y < head_x);
        back[end_i] = (uint32_t)end_j;
        end_i -= tail_y < tail_x;
        end_j -= !(tail_y < tail_x);
    }
    if (n_steps % 2) {
        front[i] = (uint32_t)j;
        i += !(y[j] < x[i]);
    }
    return i;
}

/* From an x - mu to the next y below it, and to the next y not below it. */
struct gaps {
    double down, up;
};

/* Twice the pairs with x - mu > y over some runs of x, and the smallest gaps there. Without equal
 * values on either side, which is known outside the loop, a run is a point. */
static inline __attribute__((always_inline)) uint64_t add_up(const struct shift *s,
                                                             const uint32_t *n_below, size_t from,
                                                             size_t to, bool is_distinct,
                                                             struct gaps *gaps)
{
    const double *x = s->x_shifted, *y = s->y_run, *y_before = y - 1;
    const size_t *x_points = s->x_points, *y_start = s->y_start;
    double down = gaps->down, up = gaps->up;
    uint64_t u = 0;

    for (size_t i = from; i < to; i++) {
        size_t j = n_below[i];
        double down_here = x[i] - y_before[j], up_here = y[j] - x[i];

        u += is_distinct ? j : x_points[i] * y_start[j];
        down = down < down_here ? down : down_here;
        up = up < up_here ? up : up_here;
    }
    *gaps = (struct gaps){.down = down, .up = up};
    return 2 * u;
}

static uint64_t add_up_all(const struct shift *s, size_t meet, bool is_distinct, struct gaps *gaps)
{
    if (is_distinct)
        return add_up(s, s->n_below_front, 0, meet, true, gaps) +
               add_up(s, s->n_below_back, meet, s->n_x_runs, true, gaps);
    return add_up(s, s->n_below_front, 0, meet, false, gaps) +
           add_up(s, s->n_below_back, meet, s->n_x_runs, false, gaps);
}

/* What a tie between run i of x and run j of y adds. */
static void add_tie(const struct shift *s, size_t i, size_t j, uint64_t *twice_u, double *tie_sum)
{
    size_t a = s->x_points[i], b = s->y_start[j + 1] - s->y_start[j];

    *twice_u += a * b;
    /* (a+b)^3 - (a+b) less what each has already added by itself */
    *tie_sum += 3 * (double)a * (double)b * (double)(a + b);
}

static void add_ties(const struct shift *s, const uint32_t *n_below, size_t from, size_t to,
                     uint64_t *twice_u, double *tie_sum)
{
    for (size_t i = from; i < to; i++)
        if (s->y_key[n_below[i]] == s->x_key[i])
            add_tie(s, i, n_below[i], twice_u, tie_sum);
}

/* At the ends of a search the samples lie apart, but for a tie of the two nearest values. False
 * when they overlap. */
static bool count_apart(const struct shift *s, double mu, struct shift_count *count)
{
    uint64_t lowest = order_key(s->x_run[0] - mu);
    uint64_t highest = order_key(s->x_run[s->n_x_runs - 1] - mu);
    size_t last_y = s->n_y_runs - 1;
    uint64_t twice_u = 0;

    if (lowest > s->y_key[last_y]) {
        twice_u = 2 * (uint64_t)s->n * s->m;
    } else if (lowest == s->y_key[last_y]) {
        twice_u = 2 * ((uint64_t)s->n * s->m - s->x_points[0] * (s->m - s->y_start[last_y]));
        add_tie(s, 0, last_y, &twice_u, &count->tie_sum);
    } else if (highest == s->y_key[0]) {
        add_tie(s, s->n_x_runs - 1, 0, &twice_u, &count->tie_sum);
    } else if (highest > s->y_key[0]) {
        return false;
    }
    count->u = (double)twice_u / 2;
    return true;
}

static void keep_plateau(struct shift *s, double mu, const struct gaps *gaps,
                         const struct shift_count *count)
{
    struct plateau plateau = {
        .low = mu - (gaps->up - s->margin), .high = mu + (gaps->down - s->margin), .count = *count};

    if (!s->may_merge && plateau.low < mu && mu < plateau.high)
        s->plateaus[s->n_kept++ % N_PLATEAUS] = plateau;
}

static const struct shift_count *remembered(const struct shift *s, double mu)
{
    for (size_t k = 0; k < N_PLATEAUS; k++)
        if (s->plateaus[k].low < mu && mu < s->plateaus[k].high)
            return &s->plateaus[k].count;
    return NULL;
}

/* Apart from shift_count(), so that what is remembered is answered at once. */
static __attribute__((noinline)) struct shift_count count_afresh(struct shift *s, double mu)
{
    struct gaps gaps = {.up = INFINITY, .down = INFINITY};
    struct shift_count count = {.tie_sum = (double)s->own_tie_sum};
    uint64_t twice_u;
    size_t meet;

    if (s->is_plain)
        return plain_merge(s, mu);
    if (!s->may_merge && count_apart(s, mu, &count))
        return count;
    shift_runs(s, mu);
    if (s->may_merge && has_merged(s))
        return plain_merge(s, mu);
    meet = walk(s);
    twice_u = add_up_all(s, meet, s->n_x_runs == s->n && s->n_y_runs == s->m, &gaps);
    if (gaps.up == 0) {
        add_ties(s, s->n_below_front, 0, meet, &twice_u, &count.tie_sum);
        add_ties(s, s->n_below_back, meet, s->n_x_runs, &twice_u, &count.tie_sum);
    }
    count.u = (double)twice_u / 2;
    keep_plateau(s, mu, &gaps, &count);
    return count;
}

struct shift_count shift_count(struct shift *shift, double mu)
{
    const struct shift_count *known = remembered(shift, mu);

    return known ? *known : count_afresh(shift, mu);
}
