#include "analyzer/judgement.h"

#include "analyzer/codec/policy_json.h"
#include "analyzer/mix.h"
#include "analyzer/remote_judge.h"
#include "analyzer/series_check.h"
#include "judge/explain.h"
#include "judge/fairness.h"
#include "judge/tested.h"

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

/* Without data on one side a metric is no more than Nodata, unless its gaps are replaced: then it
 * passes, and Kayenta's pairs are something to judge. */
static bool replaces_gaps(const json_t *metric)
{
    const json_t *settings = json_object_get(metric, "analysisConfigurations");
    const char *strategy =
        json_string_value(json_object_get(json_object_get(settings, "canary"), "nanStrategy"));

    return strategy && strcmp(strategy, "replace") == 0;
}

static enum err_code read_pairing(const json_t *config, bool *is_kayenta, struct error *err)
{
    const json_t *judge = json_object_get(config, "judge");
    const json_t *pairing =
        json_object_get(json_object_get(judge, "judgeConfigurations"), PAIRING_KEY);
    const char *word = json_string_value(pairing);

    *is_kayenta = word && strcmp(word, PAIRING_KAYENTA) == 0;
    if (!pairing || *is_kayenta || (word && strcmp(word, PAIRING_LABELS) == 0))
        return ERR_OK;
    error_set(err, ERR_INVALID,
              "how series are paired must be \"" PAIRING_LABELS "\" or \"" PAIRING_KAYENTA "\"");
    return error_point(err, "/judge/judgeConfigurations/" PAIRING_KEY);
}

enum err_code judgement_mix(const char *seed, const json_t *config,
                            const struct metric_set_list sets[N_SIDES], struct arena *arena,
                            struct judgement *out, struct error *err)
{
    bool is_kayenta;
    json_t *metric;
    size_t i;

    if (read_pairing(config, &is_kayenta, err))
        return err->code;
    json_array_foreach (json_object_get(config, "metrics"), i, metric) {
        enum mix_rescue rescue = is_kayenta              ? MIX_AS_KAYENTA
                                 : replaces_gaps(metric) ? MIX_RESCUE_ERRORS
                                                         : MIX_RESCUE;
        const char *name = json_string_value(json_object_get(metric, "name"));
        struct metric_set_list control, experiment;
        struct metric_pair *pairs;
        size_t n_pairs;

        if (!name)
            return error_set(err, ERR_INVALID, "metric %zu of the config has no name", i);
        control = sets_named(&sets[SIDE_CONTROL], name, arena);
        experiment = sets_named(&sets[SIDE_EXPERIMENT], name, arena);
        if (mix_pairs(seed, name, rescue, &control, &experiment, arena, &pairs, &n_pairs, err))
            return err->code;
        append_pairs(out, pairs, n_pairs, arena);
    }
    return ERR_OK;
}

/* Tell the judge which of several judgements this is. */
static void set_place(struct judgement *judgement, struct arena *arena)
{
    struct metric_policy *policies = arena_array(arena, struct metric_policy, judgement->n_pairs);

    for (size_t i = 0; i < judgement->n_pairs; i++) {
        policies[i] = judgement->input.policies[i];
        policies[i].options.is_sliding = judgement->is_sliding;
        policies[i].options.is_interim = judgement->is_interim;
    }
    judgement->input.policies = policies;
}

enum err_code judgement_judge(const json_t *config, const json_t *thresholds, struct arena *arena,
                              struct judgement *out, struct error *err)
{
    const struct judge_type *judge;

    if (judge_of_config(config, &judge, err))
        return err->code;
    if (judge_is_remote(judge))
        return error_set(err, ERR_INVALID,
                         REMOTE_JUDGE_NAME
                         " is asked over HTTP, which needs kayenta.remoteJudge in "
                         "the settings of the service or of `serinus run "
                         "--accounts`; judge with another one here");
    if (judge_input_from_json(config, thresholds, judge, out->pairs, out->n_pairs, arena,
                              &out->input, err))
        return err->code;
    if (out->is_sliding || out->is_interim)
        set_place(out, arena);
    out->input.histories = out->histories;
    if (judge_run(judge, &out->input, arena, &out->result, err))
        return err->code;
    explain_result(judge, &out->input, arena, &out->result);
    fairness_check(&out->input, arena, &out->result);
    return ERR_OK;
}

struct warnings {
    struct arena *arena;
    const char **list;
    size_t n, capacity;
};

static void warn(void *ctx, const char *text)
{
    struct warnings *warnings = ctx;

    if (warnings->n + 1 >= warnings->capacity) { /* the last one stays NULL */
        size_t capacity = warnings->capacity ? warnings->capacity * 2 : 16;
        const char **list = arena_array(warnings->arena, const char *, capacity);

        if (warnings->n)
            memcpy(list, warnings->list, warnings->n * sizeof(*list));
        warnings->list = list;
        warnings->capacity = capacity;
    }
    warnings->list[warnings->n++] = text;
}

static void warn_of_calibration(const struct metric_result *metric, struct warnings *out)
{
    size_t n_wanted = metric->policy->options.calibration_windows;

    if (n_wanted && metric->report && metric->report->calibration.n_windows == 0 &&
        !metric->report->calibration.is_one_sided)
        warn(out, arena_printf(out->arena,
                               "metric \"%s\" is judged without calibration: of the %zu earlier "
                               "windows it asks for, fewer than %u have data on both sides",
                               metric->pair->name, n_wanted, CALIBRATION_MIN_WINDOWS));
}

static void warn_of_result(const struct metric_result *metric, struct warnings *out)
{
    const char *name = metric->pair->name;

    warn_of_calibration(metric, out);
    for (int side = 0; side < N_SIDES; side++) {
        size_t n_points = metric->stats[side].count;

        if (n_points == 0 || n_points >= JUDGEMENT_FEW_POINTS)
            continue;
        warn(out, arena_printf(out->arena,
                               "metric \"%s\" has only %zu %s points; fewer than %u reduce "
                               "confidence in its verdict: take a longer window or a smaller step",
                               name, n_points, side == SIDE_CONTROL ? "baseline" : "canary",
                               JUDGEMENT_FEW_POINTS));
        break; /* one sentence is enough */
    }
    for (size_t i = 0; metric->report && i < metric->report->n_warnings; i++)
        warn(out,
             arena_printf(out->arena, "metric \"%s\": %s", name, metric->report->warnings[i].text));
    if (metric->is_unit_too_small)
        warn(out, arena_printf(out->arena,
                               "metric \"%s\": values are small against the solver's absolute "
                               "tolerance 1e-4; rescale the query (for example to percent)",
                               name));
}

const char *const *judgement_warnings(const struct judgement *judgement, struct arena *arena)
{
    const struct judge_result *result = &judgement->result;
    struct warnings out = {.arena = arena};

    for (size_t i = 0; i < result->n_groups; i++)
        if (!result->groups[i].has_data)
            warn(&out,
                 arena_printf(arena, "group \"%s\" has no data and counts as 100 in the score",
                              result->groups[i].name));
    for (size_t i = 0; i < result->n_results; i++)
        warn_of_result(&result->results[i], &out);
    for (size_t i = 0; i < result->n_unfair; i++)
        warn(&out, result->unfair[i].text);
    series_warn(judgement->pairs, judgement->n_pairs, arena, warn, &out);
    if (!out.list)
        out.list = arena_array(arena, const char *, 1);
    return out.list;
}
