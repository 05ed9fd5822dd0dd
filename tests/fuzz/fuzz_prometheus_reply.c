/* Replies of a metric store: whatever the bytes, an error or metric sets that keep their promises.
 */
#include "base/instant.h"
#include "base/limits.h"
#include "collectors/collector.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void check(const struct metric_set_list *sets)
{
    if (sets->n_sets == 0 || sets->n_sets > STORE_MAX_SERIES)
        abort();
    for (size_t i = 0; i < sets->n_sets; i++) {
        const struct metric_set *set = &sets->sets[i];

        if (set->n_values > STORE_MAX_POINTS_PER_SERIES || set->tags.n_items > STORE_MAX_LABELS ||
            strcmp(set->name, "m") != 0 || !tag_map_get(&set->attributes, "query"))
            abort();
    }
}

/* The reply twice: once alone, once as the second half of a window asked in two ranges. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    const struct collector_type *type = collector_find("prometheus");
    const struct http_response replies[2] = {
        {.status = 200, .body = (const char *)bytes, .n_body_bytes = n_bytes},
        {.status = 200, .body = (const char *)bytes, .n_body_bytes = n_bytes},
    };
    const struct metric_query query = {
        .metric_name = "m",
        .scope = {.has_start = true,
                  .has_end = true,
                  .start_unix_ns = 1767225600 * NS_PER_S,
                  .end_unix_ns = 1767226200 * NS_PER_S,
                  .step_s = 60},
    };

    for (size_t i = 0; i < 4; i++) {
        struct account account = {.name = "a", .type = "prometheus", .strict_series = i / 2};
        struct arena *arena = arena_create();
        struct metric_set_list sets = {.arena = arena};
        struct error err = {0};

        if (type->parse(&account, &query, "up", replies, 1 + i % 2, &sets, &err) == ERR_OK)
            check(&sets);
        else if (err.code != ERR_UPSTREAM || !err.reason || !err.message[0])
            abort();
        if (type->error_text(&account, &replies[0], arena) == (const char *)bytes)
            abort();
        arena_free(arena);
    }
    return 0;
}
