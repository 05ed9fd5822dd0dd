/* What a remote judge answers: whatever the bytes, an error, or a result in which every metric has
 * its word and the verdict follows from the score; written and read again it is the same. */
#include "analyzer/codec/judge_result_json.h"
#include "analyzer/codec/judge_result_read.h"
#include "base/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void check_result(const struct judge_input *input, const struct judge_result *result)
{
    size_t n_unmuted = 0;

    if (!(result->score >= 0 && result->score <= 100) || result->n_results > input->n_pairs ||
        !result->judge_name || !result->reason ||
        (result->verdict == VERDICT_PASS) != (result->score >= input->score->pass))
        abort();
    for (size_t i = 0; i < result->n_results; i++) {
        const struct metric_result *metric = &result->results[i];

        if (!metric->pair || (i && metric->pair <= result->results[i - 1].pair) ||
            metric->policy != &input->policies[metric->pair - input->pairs])
            abort();
        n_unmuted += !metric->policy->is_muted;
    }
    for (size_t i = 0; i < input->n_pairs; i++)
        n_unmuted -= !input->policies[i].is_muted;
    if (n_unmuted != 0)
        abort();
}

static char *text_of(const struct judge_result *result, struct arena *arena)
{
    json_t *value = judge_result_json(result);
    char *text = json_write_arena(value, arena);

    json_decref(value);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static const char *const groups[] = {"g"};
    static const struct metric_pair pairs[] = {
        {.name = "a", .id = "1"}, {.name = "b", .id = "2"}, {.name = "c", .id = "3"}};
    static const struct metric_policy policies[] = {
        {.groups = groups, .n_groups = 1}, {.is_muted = true}, {.groups = groups, .n_groups = 1}};
    static const struct score_policy score = {.pass = 95, .marginal = 75};
    static const struct judge_input input = {
        .pairs = pairs, .n_pairs = 3, .policies = policies, .score = &score};
    struct arena *arena = arena_create();
    struct judge_result result, again;
    struct error err = {0};
    const char *text;

    if (judge_result_read((struct str){(const char *)bytes, n_bytes}, "Remote", &input, arena,
                          &result, &err)) {
        if (err.code != ERR_INVALID || !*err.message)
            abort();
    } else {
        check_result(&input, &result);
        text = text_of(&result, arena);
        if (judge_result_read(str_of(text), "Other", &input, arena, &again, &err) ||
            strcmp(text, text_of(&again, arena)) != 0)
            abort();
    }
    arena_free(arena);
    return 0;
}
