/* base/metric_set.h -- the nouns every room shares: a side, a metric set, a metric set pair. */
#ifndef BASE_METRIC_SET_H
#define BASE_METRIC_SET_H

#include "base/arena.h"
#include <stdbool.h>
#include <stdint.h>

/* Control is the baseline, experiment the canary. */
enum side { SIDE_CONTROL = 0, SIDE_EXPERIMENT = 1 };
#define N_SIDES 2
const char *side_name(enum side side); /* "control", "experiment" */

struct tag {
    const char *key, *value;
};

/* A small map of text to text. Whoever builds it keeps it sorted by key (tag_map_put does). */
struct tag_map {
    struct tag *items;
    size_t n_items;
};

/* Insert or replace, keeping the order by key. Key and value are copied into the arena. */
void tag_map_put(struct tag_map *map, struct arena *arena, const char *key, const char *value);
const char *tag_map_get(const struct tag_map *map, const char *key); /* NULL when absent */
bool tag_map_equal(const struct tag_map *a, const struct tag_map *b);

/* One time series of one side of one metric. values[k] belongs to start_unix_ms + k * step_ms; a
 * missing sample is NaN. */
struct metric_set {
    const char *name; /* the metric's name in the canary config */
    struct tag_map tags;
    int64_t start_unix_ms, end_unix_ms, step_ms;
    double *values;
    size_t n_values;
    struct tag_map attributes; /* free text for people, e.g. the query */
};

/* (end - start) / step, whole part; 0 when the step is 0, SIZE_MAX when the difference has no
 * number. */
size_t metric_set_expected_points(const struct metric_set *set);

/* A growing list; the sets live in `arena`. */
struct metric_set_list {
    struct arena *arena;
    struct metric_set *sets;
    size_t n_sets, capacity;
};

/* A new, zeroed set at the end of the list. The pointer is good until the next add. */
struct metric_set *metric_set_list_add(struct metric_set_list *list);

struct pair_side {
    const double *values;
    size_t n_values;
    int64_t start_unix_ms, step_ms;
    struct tag_map attributes;
    bool has_unused; /* all NaN, for its values have no labels to be paired by; not stored */
};

/* Control and experiment of one metric and one tag set: what the judge compares. */
struct metric_pair {
    const char *name;
    const char *id; /* reused as the id of the metric's result */
    struct tag_map tags;
    struct pair_side sides[N_SIDES];
};

#endif
