#include "analyzer/lint_judge.h"

#include "analyzer/canary_config.h"
#include "analyzer/cli.h"
#include "analyzer/codec/judge_options_json.h"
#include "analyzer/mix.h"
#include "analyzer/remote_judge.h"

#include <string.h>

#define NEAR_MISS 3u

static void complain(void *ctx, const char *pointer, const char *text)
{
    lint_add(ctx, true, LINT_JUDGE, pointer, "%s", text);
}

static void found_unknown(void *ctx, const char *pointer, const char *key)
{
    const char *nearest = NULL, *known;
    size_t best = NEAR_MISS;

    for (size_t i = 0; (known = judge_options_key(i)); i++) {
        size_t distance = cli_distance(key, known);

        if (distance < best) {
            best = distance;
            nearest = known;
        }
    }
    if (nearest)
        lint_add(ctx, false, LINT_UNKNOWN, pointer,
                 "no judge reads \"%.60s\"; did you mean \"%s\"?", key, nearest);
    else
        lint_add(ctx, false, LINT_UNKNOWN, pointer, "no judge reads \"%.60s\"; take it out", key);
}

/* The standard judge reads no options: one that is there was meant for another judge. */
static void check_ignored(struct lint *lint, json_t *settings, const char *pointer)
{
    const char *key;
    json_t *value;

    json_object_foreach (settings, key, value)
        if (strcmp(key, PAIRING_KEY) != 0 && strcmp(key, "details") != 0 &&
            strcmp(key, "onUnfair") != 0 && strcmp(key, "exposureMetric") != 0)
            lint_add(lint, false, LINT_JUDGE, arena_printf(lint->arena, "%s/%s", pointer, key),
                     JUDGE_DEFAULT_NAME " does not read it; name another judge in judge.name, such "
                                        "as RobustRank-v1.0, or take it out");
}

static void check_pairing(struct lint *lint, const json_t *settings)
{
    const json_t *pairing = json_object_get(settings, PAIRING_KEY);
    const char *word = json_string_value(pairing);

    if (pairing &&
        (!word || (strcmp(word, PAIRING_LABELS) != 0 && strcmp(word, PAIRING_KAYENTA) != 0)))
        lint_add(lint, true, LINT_JUDGE, "/judge/judgeConfigurations/" PAIRING_KEY,
                 "must be \"" PAIRING_LABELS "\" or \"" PAIRING_KAYENTA "\"");
}

static const char *names_of_judges(struct arena *arena)
{
    size_t n_judges;
    const struct judge_type *const *judges = judge_list(&n_judges);
    const char *names = "";

    for (size_t i = 0; i < n_judges; i++)
        if (judges[i]->is_visible)
            names = arena_printf(arena, "%s%s%s", names, *names ? ", " : "", judges[i]->name);
    return names;
}

void lint_judge(struct lint *lint, const json_t *view)
{
    json_t *settings = json_object_get(json_object_get(view, "judge"), "judgeConfigurations");
    const char *name = canary_config_judge_name(view);
    const struct judge_type *judge = judge_named(name);
    struct judge_options options = judge_options_default;
    const struct judge_options_reader reader = {.arena = lint->arena,
                                                .judge = judge,
                                                .metrics = json_object_get(view, "metrics"),
                                                .complain = complain,
                                                .unknown = found_unknown,
                                                .ctx = lint};
    const json_t *metric;
    size_t i;

    check_pairing(lint, settings);
    if (!judge) {
        lint_add(lint, false, LINT_JUDGE, "/judge/name",
                 "there is no judge \"%.60s\"; there are %s", name, names_of_judges(lint->arena));
        return;
    }
    if (judge_is_remote(judge))
        return; /* what it reads is its own business */
    if (judge_is_standard(judge))
        check_ignored(lint, settings, "/judge/judgeConfigurations");
    else
        judge_options_read(&reader, settings, "/judge/judgeConfigurations", &options);
    json_array_foreach (json_object_get(view, "metrics"), i, metric) {
        const json_t *types = json_object_get(metric, "analysisConfigurations");
        json_t *own = json_object_get(json_object_get(types, "canary"), "judge");
        const char *pointer =
            arena_printf(lint->arena, "/metrics/%zu/analysisConfigurations/canary/judge", i);
        struct judge_options of_metric = options;

        if (own && judge_is_standard(judge))
            check_ignored(lint, own, pointer);
        else
            judge_options_read(&reader, own, pointer, &of_metric);
    }
}
