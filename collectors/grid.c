#include "collectors/grid.h"

#include "base/instant.h"
#include "base/limits.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool grid_reduce_find(const char *name, enum grid_reduce *out)
{
    static const char *const names[] = {
        [GRID_LAST] = "last", [GRID_FIRST] = "first", [GRID_MEAN] = "mean",
        [GRID_SUM] = "sum",   [GRID_MIN] = "min",     [GRID_MAX] = "max",
    };

    *out = GRID_LAST;
    if (!name || !*name)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (enum grid_reduce)i;
            return true;
        }
    }
    return false;
}

static int64_t floor_to(int64_t value, int64_t unit)
{
    int64_t rest = value % unit;

    return value - (rest < 0 ? rest + unit : rest);
}

enum err_code grid_of_scope(const struct scope *scope, int64_t step_s, bool is_aligned,
                            struct grid *out, struct error *err)
{
    int64_t start_ms = floor_to(scope->start_unix_ns, NS_PER_MS) / NS_PER_MS;
    int64_t step_ms = step_s * MS_PER_S;
    int64_t n_slots = (scope->end_unix_ns - scope->start_unix_ns) / (step_s * NS_PER_S);

    if (n_slots > (int64_t)STORE_MAX_POINTS_PER_SERIES)
        return error_because(err, ERR_INVALID, "too_many_points",
                             "the window has %" PRId64 " points of %" PRId64
                             " seconds; more than %u cannot be asked for",
                             n_slots, step_s, STORE_MAX_POINTS_PER_SERIES);
    *out = (struct grid){.start_ms = is_aligned ? floor_to(start_ms, step_ms) : start_ms,
                         .step_ms = step_ms,
                         .n_slots = n_slots > 0 ? (size_t)n_slots : 1};
    return ERR_OK;
}

int64_t grid_end_ms(const struct grid *grid)
{
    return grid->start_ms + (int64_t)grid->n_slots * grid->step_ms;
}

bool grid_slot(const struct grid *grid, int64_t time_ms, size_t *out)
{
    if (time_ms < grid->start_ms || time_ms >= grid_end_ms(grid))
        return false;
    *out = (size_t)((time_ms - grid->start_ms) / grid->step_ms);
    return true;
}

static double joined(double old, double new, enum grid_reduce reduce)
{
    switch (reduce) {
    case GRID_FIRST:
        return old;
    case GRID_MEAN: /* divided in the end */
    case GRID_SUM:
        return old + new;
    case GRID_MIN:
        return new < old ? new : old;
    case GRID_MAX:
        return new > old ? new : old;
    case GRID_LAST:
    default:
        return new;
    }
}

double *grid_values(const struct grid *grid, const struct reply_series *series,
                    enum grid_reduce reduce, struct arena *arena, size_t *n_numbers)
{
    double *values = arena_array(arena, double, grid->n_slots);
    size_t *counts = mem_alloc(grid->n_slots, sizeof(*counts));
    size_t slot;

    for (size_t i = 0; i < series->n_points; i++) {
        double value = series->points[i].value;

        if (isnan(value) || !grid_slot(grid, series->points[i].time_ms, &slot))
            continue;
        values[slot] = counts[slot] ? joined(values[slot], value, reduce) : value;
        counts[slot]++;
    }
    *n_numbers = 0;
    for (size_t i = 0; i < grid->n_slots; i++) {
        if (!counts[i])
            values[i] = NAN;
        else if (reduce == GRID_MEAN)
            values[i] /= (double)counts[i];
        *n_numbers += counts[i] > 0;
    }
    free(counts);
    return values;
}

void grid_frame(const struct grid *grid, struct metric_set *set)
{
    set->start_unix_ms = grid->start_ms;
    set->end_unix_ms = grid_end_ms(grid);
    set->step_ms = grid->step_ms;
}
