#include "base/metric_set.h"

#include <string.h>

const char *side_name(enum side side)
{
    return side == SIDE_CONTROL ? "control" : "experiment";
}

void tag_map_put(struct tag_map *map, struct arena *arena, const char *key, const char *value)
{
    size_t at = 0;
    struct tag *items;

    while (at < map->n_items && strcmp(map->items[at].key, key) < 0)
        at++;
    if (at < map->n_items && strcmp(map->items[at].key, key) == 0) {
        map->items[at].value = arena_strdup(arena, value);
        return;
    }
    items = arena_array(arena, struct tag, map->n_items + 1);
    if (at)
        memcpy(items, map->items, at * sizeof(*items));
    items[at].key = arena_strdup(arena, key);
    items[at].value = arena_strdup(arena, value);
    if (at < map->n_items)
        memcpy(items + at + 1, map->items + at, (map->n_items - at) * sizeof(*items));
    map->items = items;
    map->n_items++;
}

const char *tag_map_get(const struct tag_map *map, const char *key)
{
    for (size_t i = 0; i < map->n_items; i++)
        if (strcmp(map->items[i].key, key) == 0)
            return map->items[i].value;
    return NULL;
}

bool tag_map_equal(const struct tag_map *a, const struct tag_map *b)
{
    if (a->n_items != b->n_items)
        return false;
    for (size_t i = 0; i < a->n_items; i++)
        if (strcmp(a->items[i].key, b->items[i].key) != 0 ||
            strcmp(a->items[i].value, b->items[i].value) != 0)
            return false;
    return true;
}

size_t metric_set_expected_points(const struct metric_set *set)
{
    int64_t length_ms;

    if (set->step_ms <= 0 || set->end_unix_ms <= set->start_unix_ms)
        return 0;
    if (__builtin_sub_overflow(set->end_unix_ms, set->start_unix_ms, &length_ms))
        return SIZE_MAX;
    return (size_t)(length_ms / set->step_ms);
}

struct metric_set *metric_set_list_add(struct metric_set_list *list)
{
    list->sets =
        arena_grow(list->arena, list->sets, list->n_sets, &list->capacity, sizeof(*list->sets));
    return &list->sets[list->n_sets++];
}
