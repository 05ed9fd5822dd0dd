/* judge/sort.h -- doubles in ascending order. Pure.
 *
 * The order is total: -0.0 stands before 0.0, which the rank test tells apart. */
#ifndef JUDGE_SORT_H
#define JUDGE_SORT_H

#include "base/arena.h"
#include <stddef.h>

/* Copy `values` to `sorted` in ascending order.
 *
 * values   n doubles, no NaN; not modified
 * sorted   may be `values` itself
 * scratch  working memory, 16 n bytes */
void sort_doubles(const double *values, size_t n, double *sorted, struct arena *scratch);

/* A sorted copy in `scratch`. */
double *sort_copy(const double *values, size_t n, struct arena *scratch);

#endif
