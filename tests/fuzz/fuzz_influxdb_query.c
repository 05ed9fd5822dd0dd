/* The scope of a request in an InfluxQL query: whatever it is, the query stays one SELECT, and the
 * value stays in its quotes. */
#include "base/instant.h"
#include "base/limits.h"
#include "collectors/influxdb.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static const char before[] = "SELECT a FROM m WHERE time >= '2026-01-01T00:00:00Z' AND "
                                 "time < '2026-01-01T00:10:00Z'";
    struct arena *arena = arena_create();
    const struct account account = {.name = "a", .type = "influxdb"};
    json_t *config = json_pack("{s:s,s:[s]}", "metricName", "m", "fields", "a");
    const struct metric_query query = {
        .metric_name = "m",
        .config = config,
        .scope = {.scope = arena_strndup(arena, (const char *)bytes, n_bytes),
                  .has_start = true,
                  .has_end = true,
                  .start_unix_ns = 1767225600 * NS_PER_S,
                  .end_unix_ns = 1767226200 * NS_PER_S,
                  .step_s = 60},
    };
    const char *text = NULL;
    struct error err = {0};

    if (influxdb_query_text(&account, &query, arena, &text, &err)) {
        if (err.code != ERR_INVALID || !err.message[0])
            abort();
    } else {
        const char *at = text + strlen(before);

        if (strncmp(text, before, strlen(before)) != 0 || strchr(text, ';') ||
            strncmp(at, " AND ", 5) != 0 || !strstr(at, " = '"))
            abort();
        for (at = strstr(at, " = '") + 4; *at != '\''; at++)
            if (*at == '\\')
                at++;
        if (at[1] != '\0') /* the first quote that counts is the last byte */
            abort();
    }
    json_decref(config);
    arena_free(arena);
    return 0;
}
