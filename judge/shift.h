/* judge/shift.h -- how two samples rank against each other when one is shifted.
 *
 * For a shift mu every x - mu is computed once in double and ranked among the y; equal doubles are
 * ties. -0.0 ranks below 0.0, and a NaN (infinity minus infinity) as +infinity. */
#ifndef JUDGE_SHIFT_H
#define JUDGE_SHIFT_H

#include "base/arena.h"
#include <stddef.h>

/* Where the shifted x stand among the y. Exact up to 200,000 points a side. */
struct shift_count {
    double u;       /* pairs with x - mu > y; a tied pair counts one half */
    double tie_sum; /* sum of t^3 - t over the groups of t equal values among all x - mu and y */
};

struct shift;

/* x and y are in the order of sort.h and are borrowed; n and m are at least 1. The result lives in
 * `arena`, about 60 bytes a point. */
struct shift *shift_create(const double *x, size_t n, const double *y, size_t m,
                           struct arena *arena);

/* Count at the shift mu. Remembers over which shifts around mu the counts stay as they are, so that
 * a search that closes in on one place costs next to nothing in the end. */
struct shift_count shift_count(struct shift *shift, double mu);

#endif
