/* Both samples are sorted and merged; every place in a sorted sample then has its rank, and a point
 * finds its place by bisection. All points take each step of the bisection before the next one:
 * their loads wait side by side, and no branch depends on the data. */
#include "judge/stats/ranks.h"

#include "judge/sort.h"

#include <stdint.h>

/* Rank of every place: the mean over the values equal to it. */
static void merge_ranks(const double *x, size_t n, const double *y, size_t m, double *rank_x,
                        double *rank_y)
{
    size_t i = 0, j = 0;

    while (i < n || j < m) {
        double value = j == m || (i < n && x[i] < y[j]) ? x[i] : y[j];
        size_t end_i = i, end_j = j;
        double rank;

        while (end_i < n && x[end_i] == value)
            end_i++;
        while (end_j < m && y[end_j] == value)
            end_j++;
        rank = (double)(i + j) + (double)(end_i - i + end_j - j + 1) / 2;
        while (i < end_i)
            rank_x[i++] = rank;
        while (j < end_j)
            rank_y[j++] = rank;
    }
}

/* ranks[i] = rank_of_place[the first place in `sorted` not below x[i]]. */
static void look_up(const double *x, const double *sorted, const double *rank_of_place, size_t n,
                    struct arena *scratch, double *ranks)
{
    size_t *place = arena_array(scratch, size_t, n); /* so many values are known to be below */
    size_t length = n;

    while (length > 1) {
        size_t half = length / 2;

        for (size_t i = 0; i < n; i++)
            place[i] += half & -(size_t)(sorted[place[i] + half - 1] < x[i]);
        length -= half;
    }
    for (size_t i = 0; i < n; i++)
        ranks[i] = rank_of_place[place[i]];
}

void ranks_pooled_sorted(const double *x, const double *x_sorted, size_t n, const double *y,
                         const double *y_sorted, size_t m, struct arena *scratch, double *rx,
                         double *ry)
{
    double *rank_x = arena_array(scratch, double, n);
    double *rank_y = arena_array(scratch, double, m);

    merge_ranks(x_sorted, n, y_sorted, m, rank_x, rank_y);
    look_up(x, x_sorted, rank_x, n, scratch, rx);
    look_up(y, y_sorted, rank_y, m, scratch, ry);
}

void ranks_pooled(const double *x, size_t n, const double *y, size_t m, struct arena *scratch,
                  double *rx, double *ry)
{
    ranks_pooled_sorted(x, sort_copy(x, n, scratch), n, y, sort_copy(y, m, scratch), m, scratch, rx,
                        ry);
}

/* Among no others. */
void ranks_within_sorted(const double *x, const double *x_sorted, size_t n, struct arena *scratch,
                         double *ranks)
{
    ranks_pooled_sorted(x, x_sorted, n, x, x_sorted, 0, scratch, ranks, ranks);
}

void ranks_within(const double *x, size_t n, struct arena *scratch, double *ranks)
{
    ranks_within_sorted(x, sort_copy(x, n, scratch), n, scratch, ranks);
}
