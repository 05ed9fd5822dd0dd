#include "analyzer/judgement.h"

#include "analyzer/codec/policy_json.h"
#include "analyzer/mix.h"

#include <string.h>

static struct metric_set_list sets_named(const struct metric_set_list *all, const char *name,
                                         struct arena *arena)
{
    struct metric_set_list out = {.arena = arena};

    for (size_t i = 0; i < all->n_sets; i++)
        if (strcmp(all->sets[i].name, name) == 0)
            *metric_set_list_add(&out) = all->sets[i];
    return out;
}

static void append_pairs(struct judgement *out, const struct metric_pair *pairs, size_t n_pairs,
                         struct arena *arena)
{
    struct metric_pair *all = arena_array(arena, struct metric_pair, out->n_pairs + n_pairs);

    if (out->n_pairs)
        memcpy(all, out->pairs, out->n_pairs * sizeof(*all));
    memcpy(all + out->n_pairs, pairs, n_pairs * sizeof(*all));
    out->pairs = all;
    out->n_pairs += n_pairs;
}

enum err_code judgement_mix(const char *seed, const json_t *config,
                            const struct metric_set_list sets[N_SIDES], struct arena *arena,
                            struct judgement *out, struct error *err)
{
    json_t *metric;
    size_t i;

    json_array_foreach (json_object_get(config, "metrics"), i, metric) {
        const char *name = json_string_value(json_object_get(metric, "name"));
        struct metric_set_list control, experiment;
        struct metric_pair *pairs;
        size_t n_pairs;

        if (!name)
            return error_set(err, ERR_INVALID, "metric %zu of the config has no name", i);
        control = sets_named(&sets[SIDE_CONTROL], name, arena);
        experiment = sets_named(&sets[SIDE_EXPERIMENT], name, arena);
        if (mix_pairs(seed, name, &control, &experiment, arena, &pairs, &n_pairs, err))
            return err->code;
        append_pairs(out, pairs, n_pairs, arena);
    }
    return ERR_OK;
}

enum err_code judgement_judge(const json_t *config, const json_t *thresholds, struct arena *arena,
                              struct judgement *out, struct error *err)
{
    const struct judge_type *judge;

    if (judge_of_config(config, &judge, err) ||
        judge_input_from_json(config, thresholds, out->pairs, out->n_pairs, arena, &out->input,
                              err))
        return err->code;
    return judge_run(judge, &out->input, arena, &out->result, err);
}

const char *const *judgement_warnings(const struct judgement *judgement, struct arena *arena)
{
    const struct judge_result *result = &judgement->result;
    const char **out =
        arena_array(arena, const char *, result->n_results * 2 + result->n_groups + 1);
    size_t n = 0;

    for (size_t i = 0; i < result->n_groups; i++)
        if (!result->groups[i].has_data)
            out[n++] =
                arena_printf(arena, "group \"%s\" has no data and counts as 100 in the score",
                             result->groups[i].name);
    for (size_t i = 0; i < result->n_results; i++) {
        const struct metric_result *metric = &result->results[i];
        size_t n_control = metric->stats[SIDE_CONTROL].count;

        if (n_control > 0 && n_control < JUDGEMENT_FEW_POINTS)
            out[n++] = arena_printf(arena,
                                    "metric \"%s\" has only %zu baseline points; fewer than %u "
                                    "reduce confidence in its verdict",
                                    metric->pair->name, n_control, JUDGEMENT_FEW_POINTS);
        if (metric->is_unit_too_small)
            out[n++] = arena_printf(arena,
                                    "metric \"%s\": values are small against the solver's absolute "
                                    "tolerance 1e-4; rescale the query (for example to percent)",
                                    metric->pair->name);
    }
    return out;
}
