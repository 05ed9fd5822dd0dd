/* collectors/reply_series.h -- the series of a reply while it is read: points with their times,
 * labels, and the bounds that hold for every store. */
#ifndef COLLECTORS_REPLY_SERIES_H
#define COLLECTORS_REPLY_SERIES_H

#include "base/metric_set.h"
#include "base/str.h"

struct reply_point {
    int64_t time_ms;
    double value; /* NaN: the store has none */
};

struct reply_series {
    struct tag_map tags; /* in the list's arena */
    const char *name;    /* the reader's own: what tells series apart, what a column is called */
    struct reply_point *points; /* owned */
    size_t n_points, capacity;
    bool is_unsorted;
};

struct reply_series_list {
    struct arena *arena; /* set by the caller, with all else zero */
    struct error *err;
    struct reply_series *items; /* owned */
    size_t n_items, capacity;
    size_t n_points; /* of all */
    size_t n_slots;  /* of all grids */
};

/* A new series at the end; good until the next one. NULL and ERR_UPSTREAM, reason
 * store_too_many_series, when there are STORE_MAX_SERIES. */
struct reply_series *reply_series_add(struct reply_series_list *list);

/* False and ERR_UPSTREAM, reason store_too_many_points, over STORE_MAX_POINTS_PER_SERIES or
 * STORE_MAX_POINTS. */
bool reply_series_add_point(struct reply_series_list *list, struct reply_series *series,
                            int64_t time_ms, double value);

/* False and ERR_UPSTREAM, reason store_bad_response, for more than STORE_MAX_LABELS, one that is
 * too large, holds a NUL or comes twice. */
bool reply_series_add_tag(struct reply_series_list *list, struct reply_series *series,
                          const char *key, struct str value);

/* By time; points of one time stay in the order they came in. */
void reply_series_sort(struct reply_series *series);

/* The values alone, as many as there are points, in `arena`. */
double *reply_series_values(const struct reply_series *series, struct arena *arena);

/* The points on a grid that begins with the first one, in `arena`: where several fall into one
 * slot the first counts, NaN where none does. With `exact`, those off the grid are left out. The
 * points are sorted and not none.
 * NULL and ERR_UPSTREAM, reason store_too_many_points, when it has over STORE_MAX_POINTS_PER_SERIES
 * slots, or all grids of the list have over STORE_MAX_POINTS. */
double *reply_series_grid(struct reply_series_list *list, const struct reply_series *series,
                          int64_t step_ms, bool exact, struct arena *arena, size_t *n_values);

void reply_series_clear(struct reply_series_list *list);

/* Seconds since 1970 as milliseconds, the rest cut. False: no number, or beyond the year 5138. */
bool reply_time_s(struct str text, int64_t *out_ms);

#endif
