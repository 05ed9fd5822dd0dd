/* Row i of the matrix of differences holds x[i] - y[j], which falls as j rises; so for a pivot p
 * the differences above p are a prefix of each row, and prefixes grow with i. Rounding keeps this
 * order. A cut is a pivot with the prefix of every row; the candidates for D(k) are what lies
 * between the last cut below it and the first one at or above it.
 *
 * A cut is made by bisection of each row between the neighbouring cuts, all rows step by step
 * together, so that their loads wait side by side and no branch depends on the data.
 *
 * The three order statistics wanted are near the median of the differences, and the first cuts are
 * guesses at them from quantiles of x and y. From then on pivots come by interpolation between the
 * smallest and the largest candidate, aimed a little beside the target so that the other end moves
 * too. When that removes too little, the next pivot is the median of three random candidates. Few
 * candidates left are gathered and sorted; equal ones need no more cuts at all. */
#include "judge/stats/hodges_lehmann.h"

#include "judge/sort.h"
#include "judge/stats/rank_test.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define N_SHARED 3         /* cuts at the first guesses, for all three targets */
#define N_OWN 3            /* one below, one above, one being made */
#define GATHER_SMALLEST 48 /* candidates that are sorted rather than cut again */
#define LEVEL_SLACK                                                                                \
    (10 * DBL_EPSILON) /* a level that is met but for its rounding is met; as in R */
#define SEED 0x9e3779b97f4a7c15u

struct cut {
    double pivot;
    uint64_t n_le;   /* differences <= pivot */
    uint32_t *above; /* per row: differences > pivot */
};

struct matrix {
    const double *x;
    const double *y; /* followed by as many +inf as a bisection may read */
    size_t n, m;
    uint64_t n_pairs;
    size_t gather;        /* candidates few enough to gather */
    struct cut none, all; /* below and above everything */
    struct cut shared[N_SHARED], own[N_OWN];
    size_t n_shared;
    double *candidates;
    uint64_t random;
    struct arena *scratch;
};

static struct matrix *matrix_create(const double *xs, size_t n, const double *ys, size_t m,
                                    struct arena *scratch)
{
    struct matrix *a = arena_new(scratch, struct matrix);
    double *y = arena_array(scratch, double, 2 * m + 1);
    uint32_t *above = arena_array(scratch, uint32_t, (2 + N_SHARED + N_OWN) * n);

    memcpy(y, ys, m * sizeof(*y));
    for (size_t j = m; j <= 2 * m; j++)
        y[j] = INFINITY;
    *a = (struct matrix){.x = xs,
                         .y = y,
                         .n = n,
                         .m = m,
                         .n_pairs = (uint64_t)n * m,
                         .gather = GATHER_SMALLEST + (n + m) / 2,
                         .random = SEED,
                         .scratch = scratch};
    a->candidates = arena_array(scratch, double, a->gather);
    a->none.above = above;
    for (size_t i = 0; i < n; i++)
        above[i] = (uint32_t)m;
    a->all.n_le = a->n_pairs;
    a->all.above = above + n;
    for (size_t c = 0; c < N_SHARED; c++)
        a->shared[c].above = above + (2 + c) * n;
    for (size_t c = 0; c < N_OWN; c++)
        a->own[c].above = above + (2 + N_SHARED + c) * n;
    return a;
}

/* Cut at the pivot, which lies between the pivots of two cuts. */
static void make_cut(const struct matrix *a, double pivot, const struct cut *low,
                     const struct cut *high, struct cut *out)
{
    const double *x = a->x, *y = a->y;
    const uint32_t *least = high->above, *most = low->above;
    uint32_t *above = out->above;
    uint32_t widest = 0;
    uint64_t n_above = 0;
    size_t n = a->n, step = 1;

    for (size_t i = 0; i < n; i++)
        widest = most[i] - least[i] > widest ? most[i] - least[i] : widest;
    memcpy(above, least, n * sizeof(*above));
    while (step <= widest / 2)
        step *= 2;
    for (; step && widest; step /= 2) {
        const double *ahead = y + step - 1;

        for (size_t i = 0; i < n; i++)
            above[i] += (uint32_t)step & -(uint32_t)(x[i] - ahead[above[i]] > pivot);
    }
    for (size_t i = 0; i < n; i++)
        n_above += above[i];
    out->pivot = pivot;
    out->n_le = a->n_pairs - n_above;
}

/* The place of row or column number `share` of the way, between the ends. */
static double quantile_of(const double *sorted, size_t n, double share)
{
    double at = floor(share * (double)n);

    return sorted[at <= 0 ? 0 : at >= (double)n ? n - 1 : (size_t)at];
}

/* Were x and y alike and smooth about their middles, the difference of the quantiles that are
 * (q - 1/2)/sqrt(2) to either side of them would be the quantile q of the differences. */
static double first_guess(const struct matrix *a, uint64_t k)
{
    double aside = ((double)k / (double)a->n_pairs - 0.5) / M_SQRT2;

    return quantile_of(a->x, a->n, 0.5 + aside) - quantile_of(a->y, a->m, 0.5 - aside);
}

/* The cuts next to D(k): D(k) is above the pivot of *low and not above that of *high. */
static void neighbours(const struct matrix *a, uint64_t k, const struct cut **low,
                       const struct cut **high)
{
    *low = &a->none;
    *high = &a->all;
    for (size_t c = 0; c < a->n_shared; c++) {
        const struct cut *cut = &a->shared[c];

        if (cut->n_le < k && cut->n_le >= (*low)->n_le)
            *low = cut;
        if (cut->n_le >= k && cut->n_le < (*high)->n_le)
            *high = cut;
    }
}

/* Cut at the first guess at D(k), between the shared cuts there are. */
static void share_guess(struct matrix *a, uint64_t k)
{
    const struct cut *low = &a->none, *high = &a->all;
    double pivot = first_guess(a, k);

    for (size_t c = 0; c < a->n_shared; c++) {
        const struct cut *cut = &a->shared[c];

        if (cut->pivot == pivot)
            return;
        if (cut->pivot < pivot && cut->n_le >= low->n_le)
            low = cut;
        if (cut->pivot > pivot && cut->n_le < high->n_le)
            high = cut;
    }
    make_cut(a, pivot, low, high, &a->shared[a->n_shared++]);
}

/* The smallest and the largest candidate. */
static void extremes(const struct matrix *a, const struct cut *low, const struct cut *high,
                     double *smallest, double *largest)
{
    *smallest = INFINITY;
    *largest = -INFINITY;
    for (size_t i = 0; i < a->n; i++) {
        double small, large;

        if (low->above[i] == high->above[i])
            continue;
        small = a->x[i] - a->y[low->above[i] - 1];
        large = a->x[i] - a->y[high->above[i]];
        *smallest = small < *smallest ? small : *smallest;
        *largest = large > *largest ? large : *largest;
    }
}

static uint64_t next_random(struct matrix *a)
{
    uint64_t z = a->random += SEED; /* splitmix64 */

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double candidate_at(const struct matrix *a, const struct cut *low, const struct cut *high,
                           uint64_t number)
{
    size_t i = 0;

    for (; number >= low->above[i] - high->above[i]; i++)
        number -= low->above[i] - high->above[i];
    return a->x[i] - a->y[high->above[i] + number];
}

static double median_of_random(struct matrix *a, const struct cut *low, const struct cut *high)
{
    uint64_t n = high->n_le - low->n_le;
    double p = candidate_at(a, low, high, next_random(a) % n);
    double q = candidate_at(a, low, high, next_random(a) % n);
    double r = candidate_at(a, low, high, next_random(a) % n);

    return fmax(fmin(p, q), fmin(fmax(p, q), r));
}

/* A pivot in [smallest, largest) for D(k): that leaves candidates on either side of it. */
static double choose_pivot(struct matrix *a, uint64_t k, const struct cut *low,
                           const struct cut *high, double smallest, double largest, bool is_slow)
{
    double n = (double)(high->n_le - low->n_le), at = (double)(k - low->n_le);
    double aside = (double)a->gather / 3;
    double pivot;

    if (is_slow) {
        pivot = median_of_random(a, low, high);
    } else {
        at += at > n / 2 ? -aside : aside;
        pivot = smallest + (largest - smallest) * (at / n);
    }
    if (!(pivot >= smallest)) /* not a number either, when the differences overflow */
        return smallest;
    return pivot < largest ? pivot : nextafter(largest, -INFINITY);
}

/* Sort the candidates into a->candidates; returns their number. */
static size_t gather(struct matrix *a, const struct cut *low, const struct cut *high)
{
    size_t count = 0;

    for (size_t i = 0; i < a->n; i++)
        for (size_t j = high->above[i]; j < low->above[i]; j++)
            a->candidates[count++] = a->x[i] - a->y[j];
    sort_doubles(a->candidates, count, a->candidates, a->scratch);
    return count;
}

/* D(k), and in *next D(k + 1) if that is asked for. */
static double select_one(struct matrix *a, uint64_t k, double *next)
{
    const struct cut *low, *high;
    double smallest, largest, found;
    bool is_slow = false;

    neighbours(a, k, &low, &high);
    for (;;) {
        uint64_t n = high->n_le - low->n_le;
        struct cut *cut = a->own;

        if (n <= a->gather) {
            size_t at = (size_t)(k - low->n_le);

            gather(a, low, high);
            found = a->candidates[at - 1];
            if (next && at < n) {
                *next = a->candidates[at];
                return found;
            }
            break;
        }
        extremes(a, low, high, &smallest, &largest);
        if (smallest == largest) {
            found = smallest;
            if (next && k < high->n_le) {
                *next = found;
                return found;
            }
            break;
        }
        while (cut == low || cut == high)
            cut++;
        make_cut(a, choose_pivot(a, k, low, high, smallest, largest, is_slow), low, high, cut);
        if (cut->n_le < k)
            low = cut;
        else
            high = cut;
        is_slow = high->n_le - low->n_le > n / 2 && !is_slow;
    }
    if (next) /* the smallest beyond the candidates */
        extremes(a, high, &a->all, next, &largest);
    return found;
}

/* Halves of subnormal values would lose a bit, and the sum of large ones overflow. */
static double mean_of(double a, double b)
{
    double sum = a + b;

    return isinf(sum) ? a / 2 + b / 2 : sum / 2;
}

void hodges_lehmann_interval(const double *xs, size_t n, const double *ys, size_t m, uint64_t k,
                             struct arena *scratch, struct hodges_lehmann *out)
{
    struct matrix *a = matrix_create(xs, n, ys, m, scratch);
    uint64_t middle = (a->n_pairs + 1) / 2;
    double next;

    share_guess(a, middle);
    share_guess(a, k);
    share_guess(a, a->n_pairs + 1 - k);
    out->lower = select_one(a, k, NULL);
    out->upper = select_one(a, a->n_pairs + 1 - k, NULL);
    out->estimate = select_one(a, middle, a->n_pairs % 2 ? NULL : &next);
    if (a->n_pairs % 2 == 0)
        out->estimate = mean_of(out->estimate, next);
}

uint64_t hodges_lehmann_normal_k(size_t n, size_t m, double sigma, double z)
{
    double k = floor((double)n * (double)m / 2 - z * sigma + 0.5);

    return k > 1 ? (uint64_t)k : 1;
}

uint64_t hodges_lehmann_exact_k(size_t n, size_t m, double alpha, struct arena *scratch,
                                double *level)
{
    double *cumulative = arena_array(scratch, double, n *m + 1);
    size_t k = 0;

    rank_test_distribution(n, m, cumulative);
    while (k < n * m && cumulative[k] < alpha / 2 - LEVEL_SLACK)
        k++;
    k = k ? k : 1;
    *level = 1 - 2 * cumulative[k - 1];
    return k;
}
