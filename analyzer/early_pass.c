#include "analyzer/early_pass.h"

#include "analyzer/codec/judge_options_json.h"
#include "analyzer/codec/policy_json.h"

#include <string.h>

/* What cannot be used has made an Error of its metric, which never passes early. */
static void ignore(void *ctx, const char *pointer, const char *text)
{
    (void)ctx;
    (void)pointer;
    (void)text;
}

/* As the judge was told: the config's own part, then the metric's. */
static struct judge_options options_of(const json_t *config, const struct judge_type *judge,
                                       const char *metric_name, struct arena *arena)
{
    const json_t *metrics = json_object_get(config, "metrics");
    const struct judge_options_reader reader = {
        .arena = arena, .judge = judge, .metrics = metrics, .complain = ignore};
    struct judge_options out = judge_options_default;
    json_t *metric;
    size_t i;

    judge_options_read(&reader,
                       json_object_get(json_object_get(config, "judge"), "judgeConfigurations"), "",
                       &out);
    json_array_foreach (metrics, i, metric) {
        const char *name = json_string_value(json_object_get(metric, "name"));
        const json_t *canary =
            json_object_get(json_object_get(metric, "analysisConfigurations"), "canary");

        if (name && strcmp(name, metric_name) == 0) { /* the first of a name counts */
            judge_options_read(&reader, json_object_get(canary, "judge"), "", &out);
            break;
        }
    }
    return out;
}

static bool may_end(const json_t *config, const struct judge_type *judge, const json_t *result,
                    double runtime_mins, struct arena *arena)
{
    const char *name = json_string_value(json_object_get(result, "name"));
    const json_t *details = json_object_get(json_object_get(result, "resultMetadata"), "judge");
    const char *decision = json_string_value(json_object_get(details, "decision"));
    struct judge_options options;

    if (!name || !decision || strcmp(decision, decision_name(DECISION_NON_INFERIOR)) != 0 ||
        !json_object_get(details, "sequential"))
        return false;
    options = options_of(config, judge, name, arena);
    return options.is_early_pass_on && runtime_mins >= options.min_runtime_mins;
}

bool early_pass_is_due(const json_t *config, const json_t *judge_result, double runtime_mins)
{
    struct arena *arena = arena_create();
    const struct judge_type *judge;
    struct error unknown = {0};
    size_t i, n_counting = 0;
    bool is_due = judge_of_config(config, &judge, &unknown) == ERR_OK;
    json_t *result;

    json_array_foreach (json_object_get(judge_result, "results"), i, result) {
        if (json_is_true(json_object_get(result, "muted")))
            continue;
        n_counting++;
        is_due = is_due && may_end(config, judge, result, runtime_mins, arena);
    }
    arena_free(arena);
    return is_due && n_counting > 0;
}
