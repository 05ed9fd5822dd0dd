/* tests/fuzz/reply_target.h -- replies of a metric store: whatever the bytes, an error or metric
 * sets that keep their promises. */
#ifndef TESTS_FUZZ_REPLY_TARGET_H
#define TESTS_FUZZ_REPLY_TARGET_H

#include "base/instant.h"
#include "base/limits.h"
#include "collectors/collector.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void check_sets(const struct metric_set_list *sets)
{
    if (sets->n_sets == 0 || sets->n_sets > STORE_MAX_SERIES)
        abort();
    for (size_t i = 0; i < sets->n_sets; i++) {
        const struct metric_set *set = &sets->sets[i];

        if (set->n_values > STORE_MAX_POINTS_PER_SERIES || set->step_ms < 0 ||
            set->tags.n_items > STORE_MAX_LABELS + 1 || strcmp(set->name, "m") != 0 ||
            set->start_unix_ms > set->end_unix_ms)
            abort();
        for (size_t k = 0; k < set->n_values; k++)
            if (set->values[k] == 0.1234567890123) /* reads them all */
                return;
    }
}

/* The bytes as the reply to the query `text` of this account, with and without strictSeries, and as
 * both pages of one. `options` is the account's configuration, as JSON. */
static inline void read_reply_to(const char *store, const char *options, const char *text,
                                 const uint8_t *bytes, size_t n_bytes)
{
    const struct collector_type *type = collector_find(store);
    /* Terminated, as the fetch engine's are. */
    char *body = malloc(n_bytes + 1);
    const struct http_response reply = {.status = 200, .body = body, .n_body_bytes = n_bytes};
    const struct http_response replies[2] = {reply, reply};
    const struct metric_query query = {
        .metric_name = "m",
        .scope = {.scope = "s",
                  .location = "l",
                  .has_start = true,
                  .has_end = true,
                  .start_unix_ns = 1767225600 * NS_PER_S,
                  .end_unix_ns = 1767226200 * NS_PER_S,
                  .step_s = 60},
    };

    if (n_bytes)
        memcpy(body, bytes, n_bytes);
    body[n_bytes] = '\0';
    for (int turn = 0; turn < 4; turn++) {
        size_t n_replies = type->next ? 1 + (size_t)turn / 2 : 1;
        struct arena *arena = arena_create();
        json_t *config = json_loads(options, 0, NULL);
        struct http_request_list list = {0}, more = {0};
        struct account *account = NULL;
        struct metric_set_list sets = {.arena = arena};
        struct error err = {0};

        json_object_set_new(config, "strictSeries", json_boolean(turn % 2));
        if (account_decode(store, config, arena, &account, &err) ||
            collector_build(type, account, &query, text, arena, &list, &err))
            abort();
        if (list.requests[0].advice)
            list.requests[0].advice(200, (struct str){body, n_bytes});
        if (type->next && type->next(account, &query, text, replies, n_replies, arena, &more, &err))
            err = (struct error){0};
        if (type->parse(account, &query, text, replies, n_replies, &sets, &err) == ERR_OK)
            check_sets(&sets);
        else if (err.code != ERR_UPSTREAM || !err.reason || !err.message[0])
            abort();
        if (type->error_text && type->error_text(account, &reply, arena) == body)
            abort();
        json_decref(config);
        arena_free(arena);
    }
    free(body);
}

static inline void read_reply(const char *store, const char *options, const uint8_t *bytes,
                              size_t n_bytes)
{
    read_reply_to(store, options, "(,a,),:by", bytes, n_bytes);
}

#endif
