/* collectors/grid.h -- the slots of a window, all of one step, and putting points into them. For
 * stores whose points come with times of their own. */
#ifndef COLLECTORS_GRID_H
#define COLLECTORS_GRID_H

#include "collectors/metric_query.h"
#include "collectors/reply_series.h"

struct grid {
    int64_t start_ms, step_ms; /* slot k begins at start_ms + k * step_ms */
    size_t n_slots;            /* at least 1 */
};

/* What becomes of several points in one slot. NaN never wins over a number. */
enum grid_reduce {
    GRID_LAST,
    GRID_FIRST,
    GRID_MEAN,
    GRID_SUM,
    GRID_MIN,
    GRID_MAX,
};

/* "last", "first", "mean", "sum", "min", "max"; NULL or "" is last. False: none of these. */
bool grid_reduce_find(const char *name, enum grid_reduce *out);

/* From the scope's start, with `is_aligned` cut to a multiple of the step since 1970, as many whole
 * steps as the window has room for. The scope has a start and an end, step_s is positive.
 * Errors: ERR_INVALID, reason too_many_points, over STORE_MAX_POINTS_PER_SERIES slots. */
MUST_CHECK enum err_code grid_of_scope(const struct scope *scope, int64_t step_s, bool is_aligned,
                                       struct grid *out, struct error *err);

int64_t grid_end_ms(const struct grid *grid);

/* The slot a time falls into; false: none of them. */
bool grid_slot(const struct grid *grid, int64_t time_ms, size_t *out);

/* One value for each slot, in `arena`: NaN where there is no point. Points outside are dropped;
 * those of one slot are taken in the order they have. *n_numbers: slots that hold a number. */
double *grid_values(const struct grid *grid, const struct reply_series *series,
                    enum grid_reduce reduce, struct arena *arena, size_t *n_numbers);

/* Start, end and step of a set that is on this grid. */
void grid_frame(const struct grid *grid, struct metric_set *set);

#endif
