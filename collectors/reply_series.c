#include "collectors/reply_series.h"

#include "base/instant.h"
#include "base/limits.h"
#include "base/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TIME_S 1e11 /* year 5138; as milliseconds it still fits 64 bits many times over */

static bool too_many(struct error *err, const char *reason, const char *what, size_t limit)
{
    error_because(err, ERR_UPSTREAM, reason, "the reply has more than %zu %s", limit, what);
    return false;
}

static bool bad_label(struct error *err, const char *what)
{
    error_because(err, ERR_UPSTREAM, "store_bad_response", "a label of the reply %s", what);
    return false;
}

struct reply_series *reply_series_add(struct reply_series_list *list)
{
    if (list->n_items == STORE_MAX_SERIES) {
        too_many(list->err, "store_too_many_series", "series", STORE_MAX_SERIES);
        return NULL;
    }
    if (list->n_items == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 8;
        list->items = mem_realloc(list->items, list->capacity, sizeof(*list->items));
    }
    list->items[list->n_items] = (struct reply_series){0};
    return &list->items[list->n_items++];
}

bool reply_series_add_point(struct reply_series_list *list, struct reply_series *series,
                            int64_t time_ms, double value)
{
    if (series->n_points == STORE_MAX_POINTS_PER_SERIES)
        return too_many(list->err, "store_too_many_points", "points in one series",
                        STORE_MAX_POINTS_PER_SERIES);
    if (list->n_points == STORE_MAX_POINTS)
        return too_many(list->err, "store_too_many_points", "points", STORE_MAX_POINTS);
    if (series->n_points == series->capacity) {
        series->capacity = series->capacity ? series->capacity * 2 : 64;
        series->points = mem_realloc(series->points, series->capacity, sizeof(*series->points));
    }
    if (series->n_points && time_ms < series->points[series->n_points - 1].time_ms)
        series->is_unsorted = true;
    series->points[series->n_points++] = (struct reply_point){time_ms, value};
    list->n_points++;
    return true;
}

bool reply_series_add_tag(struct reply_series_list *list, struct reply_series *series,
                          const char *key, struct str value)
{
    if (strlen(key) > STORE_MAX_LABEL_BYTES || value.n_bytes > STORE_MAX_LABEL_BYTES)
        return bad_label(list->err, "is larger than 4 KiB");
    if (value.n_bytes && memchr(value.bytes, '\0', value.n_bytes))
        return bad_label(list->err, "holds a NUL character");
    if (tag_map_get(&series->tags, key))
        return bad_label(list->err, "comes twice in one series");
    if (series->tags.n_items == STORE_MAX_LABELS)
        return bad_label(list->err, "is one more than the 128 that a series may have");
    tag_map_put(&series->tags, list->arena, key,
                arena_strndup(list->arena, value.bytes, value.n_bytes));
    return true;
}

static int by_time(const void *a, const void *b)
{
    const struct reply_point *left = a;
    const struct reply_point *right = b;

    return (left->time_ms > right->time_ms) - (left->time_ms < right->time_ms);
}

void reply_series_sort(struct reply_series *series)
{
    if (series->is_unsorted) /* glibc's qsort is a merge sort at these sizes: stable */
        qsort(series->points, series->n_points, sizeof(*series->points), by_time);
    series->is_unsorted = false;
}

double *reply_series_values(const struct reply_series *series, struct arena *arena)
{
    double *values = arena_array(arena, double, series->n_points);

    for (size_t i = 0; i < series->n_points; i++)
        values[i] = series->points[i].value;
    return values;
}

double *reply_series_grid(struct reply_series_list *list, const struct reply_series *series,
                          int64_t step_ms, bool exact, struct arena *arena, size_t *n_values)
{
    const struct reply_point *points = series->points;
    int64_t first_ms = points[0].time_ms;
    int64_t n_slots = (points[series->n_points - 1].time_ms - first_ms) / step_ms + 1;
    int64_t n_filled = 0;
    double *values;

    if (n_slots > (int64_t)STORE_MAX_POINTS_PER_SERIES) {
        too_many(list->err, "store_too_many_points", "points on the grid of one series",
                 STORE_MAX_POINTS_PER_SERIES);
        return NULL;
    }
    list->n_slots += (size_t)n_slots;
    if (list->n_slots > STORE_MAX_POINTS) {
        too_many(list->err, "store_too_many_points", "points on the grids of its series",
                 STORE_MAX_POINTS);
        return NULL;
    }
    values = arena_array(arena, double, (size_t)n_slots);
    for (int64_t i = 0; i < n_slots; i++)
        values[i] = NAN;
    for (size_t i = 0; i < series->n_points; i++) {
        int64_t offset_ms = points[i].time_ms - first_ms;
        int64_t slot = offset_ms / step_ms;

        if (slot < n_filled || (exact && offset_ms % step_ms != 0))
            continue;
        values[slot] = points[i].value;
        n_filled = slot + 1;
    }
    *n_values = (size_t)n_slots;
    return values;
}

void reply_series_clear(struct reply_series_list *list)
{
    for (size_t i = 0; i < list->n_items; i++)
        free(list->items[i].points);
    free(list->items);
    list->items = NULL;
    list->n_items = list->capacity = 0;
}

bool reply_time_s(struct str text, int64_t *out_ms)
{
    double time_s;

    if (!number_parse(text.bytes, text.n_bytes, &time_s) || !(fabs(time_s) <= MAX_TIME_S))
        return false;
    *out_ms = (int64_t)floor(time_s * MS_PER_S);
    return true;
}
