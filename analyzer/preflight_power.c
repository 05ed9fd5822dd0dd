#include "analyzer/preflight_power.h"

#include "analyzer/codec/metric_set_json.h"
#include "analyzer/codec/policy_json.h"
#include "analyzer/run_length.h"
#include "analyzer/series_check.h"
#include "base/instant.h"
#include "base/json.h"

#include <math.h>
#include <string.h>

#define PERCENT 100.0
#define S_PER_HOUR 3600.0

enum err_code preflight_mix(const struct run_input *input, const struct query_batch *batch,
                            size_t metric_index, struct judgement *out, struct error *err)
{
    json_t *config = json_keep(json_copy(input->config), batch->arena);
    json_t *metric = json_array_get(json_object_get(input->config, "metrics"), metric_index);
    struct metric_set_list sets[N_SIDES];

    json_object_set_new(config, "metrics", json_pack("[O]", metric));
    for (int side = 0; side < N_SIDES; side++)
        sets[side] = batch->runs[side][metric_index].sets;
    return judgement_mix("dry-run", config, sets, batch->arena, out, err);
}

/* A pair of the dry run, as history of two arms without a change. A change there is in it only
 * moves the level. */
static struct aa_pair as_history(const struct query_batch *batch, size_t metric_index,
                                 const struct metric_pair *pair)
{
    struct aa_pair out = {.pair = *pair, .arms = AA_TWO_SCOPES};

    for (int side = 0; side < N_SIDES; side++)
        out.start_unix_ms[side] =
            batch->plan->queries[side][metric_index].query.scope.start_unix_ns / NS_PER_MS;
    return out;
}

/* The exposure of a pair of counts; false: it has none. */
static bool find_exposure(const struct run_input *input, const struct query_batch *batch,
                          const struct metric_pair *pair, const struct judge_options *options,
                          struct aa_pair *out)
{
    struct error ignored = {0};
    struct judgement mixed = {0};

    if (!options->exposure_metric ||
        (options->metric_type != TYPE_COUNTER && options->metric_type != TYPE_ERROR_RATE))
        return false;
    for (size_t i = 0; i < batch->plan->n_metrics; i++) {
        if (strcmp(batch->plan->queries[0][i].query.metric_name, options->exposure_metric) != 0 ||
            preflight_mix(input, batch, i, &mixed, &ignored))
            continue;
        for (size_t p = 0; p < mixed.n_pairs; p++)
            if (tag_map_equal(&mixed.pairs[p].tags, &pair->tags)) {
                *out = as_history(batch, i, &mixed.pairs[p]);
                return true;
            }
    }
    return false;
}

static void set_number(json_t *object, const char *key, double value)
{
    json_object_set_new(object, key, isfinite(value) ? json_real(value) : json_null());
}

static json_t *power_json(const struct metric_pair *pair, const struct run_length *length,
                          double window_s, double change)
{
    struct run_length bare = *length; /* what is seen, whatever is allowed */
    size_t n[N_SIDES];
    double share;
    json_t *out = json_object();

    bare.margin = 0;
    share = run_length_sees(&bare, window_s);
    for (int side = 0; side < N_SIDES; side++)
        n[side] = series_n_points(&pair->sides[side]);
    json_object_set_new(out, "tags", tag_map_json(&pair->tags));
    json_object_set_new(out, "points", json_integer((json_int_t)(n[0] < n[1] ? n[0] : n[1])));
    set_number(out, "level", length->level);
    set_number(out, "phi", length->phi);
    set_number(out, length->is_of_counts ? "events" : "effectivePoints",
               length->per_hour * window_s / S_PER_HOUR);
    set_number(out, "alpha", length->alpha);
    set_number(out, "minimumDetectableEffect", share * fabs(length->level));
    set_number(out, "minimumDetectablePercent", PERCENT * share);
    set_number(out, "detectPercent", PERCENT * change);
    set_number(out, "secondsNeeded", length->needed_s);
    json_set_text(out, "why", length->why);
    return out;
}

/* A canary without a change is only shown to be without one when its interval is narrower than
 * what is allowed: that takes as long as to see as much again beyond the limit. */
static void warn_of_window(struct run_length_question *question, const struct run_length *length,
                           double window_s, const struct power_wish *wish, struct arena *arena,
                           json_t *warnings)
{
    const char *window = run_length_text(window_s, arena);
    struct run_length allowed;

    if (wish->is_explicit && length->needed_s > window_s)
        json_array_append_new(
            warnings,
            json_string(arena_printf(
                arena, "a window of %s is too short to see a change of %.4g %%; that takes %s",
                window, PERCENT * wish->change, run_length_text(length->needed_s, arena))));
    if (length->margin <= 0)
        return;
    question->change = 2 * length->margin;
    run_length_estimate(question, arena, &allowed);
    if (allowed.needed_s > window_s)
        json_array_append_new(
            warnings,
            json_string(arena_printf(arena,
                                     "a window of %s is too short to decide about the allowed "
                                     "change of %.4g %%; that takes %s, or an allowed change that "
                                     "is larger",
                                     window, PERCENT * length->margin,
                                     run_length_text(allowed.needed_s, arena))));
}

json_t *preflight_power(const struct run_input *input, const struct query_batch *batch,
                        size_t metric_index, const struct judgement *mixed,
                        const struct power_wish *wish, json_t *warnings)
{
    const struct scope *scope = &batch->plan->queries[0][metric_index].query.scope;
    int64_t window_ms = (scope->end_unix_ns - scope->start_unix_ns) / NS_PER_MS;
    double window_s = (double)window_ms / MS_PER_S;
    json_t *thresholds = json_keep(json_pack("{sisi}", "pass", 0, "marginal", 0), batch->arena);
    json_t *out = json_array();
    struct judge_input judged;
    struct error ignored = {0}; /* what the config's check has said */

    if (window_ms <= 0 ||
        judge_input_from_json(input->config, thresholds, run_length_judge(batch->plan->judge),
                              mixed->pairs, mixed->n_pairs, batch->arena, &judged, &ignored))
        return out;
    for (size_t p = 0; p < mixed->n_pairs; p++) {
        const struct metric_pair *pair = &mixed->pairs[p];
        const struct metric_policy *policy = &judged.policies[p];
        struct aa_pair history = as_history(batch, metric_index, pair), exposure;
        struct run_length_question question = {.pair = &history,
                                               .policy = policy,
                                               .change = wish->change,
                                               .span_ms = window_ms,
                                               .window_ms = window_ms};
        struct run_length length;

        if (series_n_points(&pair->sides[0]) == 0 || series_n_points(&pair->sides[1]) == 0)
            continue;
        if (find_exposure(input, batch, pair, &policy->options, &exposure))
            question.exposure = &exposure;
        run_length_estimate(&question, batch->arena, &length);
        json_array_append_new(out, power_json(pair, &length, window_s, wish->change));
        warn_of_window(&question, &length, window_s, wish, batch->arena, warnings);
    }
    return out;
}
