#include "collectors/atlas_series.h"

#include "base/instant.h"

#include <math.h>

/* Points without a value where the window begins and ends, on the grid of the series. */
static enum err_code pad(struct reply_series_list *list, struct reply_series *series,
                         const struct scope *scope, int64_t step_ms)
{
    int64_t start_ms = scope->start_unix_ns / NS_PER_MS;
    int64_t end_ms = scope->end_unix_ns / NS_PER_MS;
    int64_t first_ms = series->points[0].time_ms;
    int64_t last_ms = series->points[series->n_points - 1].time_ms;
    int64_t left_ms = first_ms - (first_ms - start_ms) / step_ms * step_ms;
    int64_t right_ms = first_ms + (end_ms - step_ms - first_ms) / step_ms * step_ms;

    if (left_ms < first_ms && !reply_series_add_point(list, series, left_ms, NAN))
        return list->err->code;
    if (right_ms > last_ms && !reply_series_add_point(list, series, right_ms, NAN))
        return list->err->code;
    reply_series_sort(series);
    return ERR_OK;
}

enum err_code atlas_make_sets(const struct account *account, const struct metric_query *query,
                              const char *text, const char *base_url,
                              struct reply_series_list *series, int64_t step_ms,
                              struct metric_set_list *out)
{
    struct metric_query asked = *query;
    struct metric_set_list one = {.arena = out->arena};
    struct metric_set *model; /* what all have in common; one copy of the query, it can be long */
    size_t n_before = out->n_sets;

    asked.scope = collector_window(account, query);
    model = collector_placeholder(&asked, text, &one);
    tag_map_put(&model->attributes, out->arena, "baseURL", base_url);
    for (size_t i = 0; i < series->n_items; i++) {
        struct reply_series *now = &series->items[i];
        struct metric_set *set;

        if (now->n_points == 0)
            continue;
        reply_series_sort(now);
        if (account->strict_series && pad(series, now, &asked.scope, step_ms))
            return series->err->code;
        set = metric_set_list_add(out);
        *set = *model;
        set->tags = now->tags;
        set->step_ms = step_ms;
        set->start_unix_ms = now->points[0].time_ms;
        set->values = reply_series_grid(series, now, step_ms, false, out->arena, &set->n_values);
        if (!set->values)
            return series->err->code;
        set->end_unix_ms = set->start_unix_ms + (int64_t)set->n_values * step_ms;
    }
    if (out->n_sets == n_before)
        *metric_set_list_add(out) = *model;
    return ERR_OK;
}
