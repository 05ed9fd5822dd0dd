#include "analyzer/calibration.h"

#include "analyzer/backtest.h"
#include "analyzer/codec/policy_json.h"
#include "analyzer/judgement.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "judge/tested.h"

#include <string.h>

static int64_t length_ns(const struct scope *scope)
{
    return scope->end_unix_ns - scope->start_unix_ns;
}

/* How many windows each metric wants: its own, and those of the metrics that it is the exposure of.
 */
static const size_t *wanted_windows(const struct canary_plan *plan, struct arena *arena)
{
    size_t *out = arena_array(arena, size_t, plan->n_metrics);

    for (size_t i = 0; i < plan->n_metrics; i++) {
        struct judge_options options;

        policy_options_read(plan->config, i, plan->judge, arena, &options);
        for (size_t k = 0; k < plan->n_metrics && options.calibration_windows > 0; k++) {
            const char *name = plan->queries[SIDE_CONTROL][k].query.metric_name;

            if ((k == i ||
                 (options.exposure_metric && strcmp(name, options.exposure_metric) == 0)) &&
                options.calibration_windows > out[k])
                out[k] = options.calibration_windows;
        }
    }
    return out;
}

/* How many windows of the metric may be asked for. */
static size_t n_windows_of(const struct canary_plan *plan, size_t metric_index, size_t n_wanted)
{
    const struct scope *scope = &plan->queries[SIDE_CONTROL][metric_index].query.scope;
    int64_t each_s = length_ns(scope) / NS_PER_S, most_s = REQUEST_MAX_WINDOW_S;
    size_t n;

    if (n_wanted == 0 || each_s <= 0 ||
        length_ns(&plan->queries[SIDE_EXPERIMENT][metric_index].query.scope) != length_ns(scope))
        return 0;
    if (scope->step_s && scope->step_s * REQUEST_MAX_POINTS < most_s)
        most_s = scope->step_s * REQUEST_MAX_POINTS;
    n = (size_t)(most_s / each_s);
    n = n_wanted < n ? n_wanted : n;
    return n < CALIBRATION_MIN_WINDOWS ? 0 : n;
}

/* The same query, over the windows before. False: it cannot be rendered. */
static bool plan_one(const struct plan_query *now, size_t n_windows, struct arena *arena,
                     struct plan_query *out)
{
    struct account *strict = arena_new(arena, struct account);
    struct scope *scope = &out->query.scope;
    struct error ignored = {0};

    *out = *now;
    *strict = *now->account; /* gaps stay, so that a window's minutes are its own */
    strict->strict_series = true;
    out->account = strict;
    scope->end_unix_ns = scope->start_unix_ns;
    scope->start_unix_ns -= (int64_t)n_windows * length_ns(&now->query.scope);
    return scope->start_unix_ns > 0 &&
           out->collector->query_text(strict, &out->query, arena, &out->text, &ignored) == ERR_OK;
}

void calibration_plan(struct canary_plan *plan, struct arena *arena)
{
    const size_t *wanted;

    if (!plan->judge->test)
        return; /* it does not learn from them */
    wanted = wanted_windows(plan, arena);
    plan->n_history_windows = arena_array(arena, size_t, plan->n_metrics);
    for (int side = 0; side < N_SIDES; side++)
        plan->history[side] = arena_array(arena, struct plan_query, plan->n_metrics);
    for (size_t i = 0; i < plan->n_metrics; i++) {
        size_t n = n_windows_of(plan, i, wanted[i]);
        bool is_planned = n > 0;

        for (int side = 0; side < N_SIDES && is_planned; side++)
            is_planned = plan_one(&plan->queries[side][i], n, arena, &plan->history[side][i]);
        if (is_planned) {
            plan->n_history_windows[i] = n;
            plan->n_histories++;
        }
    }
}

/* The history of one metric, paired as the mixer pairs it; false: it cannot be. */
static bool mix_metric(const struct canary_plan *plan, size_t i,
                       const struct metric_set_list *const sets[N_SIDES], struct arena *arena,
                       struct judgement *out)
{
    json_t *config = json_keep(json_copy(plan->config), arena);
    json_t *metric = json_array_get(json_object_get(plan->config, "metrics"), i);
    const struct metric_set_list both[N_SIDES] = {sets[0][i], sets[1][i]};
    struct error ignored = {0};

    json_object_set_new(config, "metrics", json_pack("[O]", metric));
    return both[0].n_sets && both[1].n_sets &&
           judgement_mix("history", config, both, arena, out, &ignored) == ERR_OK;
}

/* Cut the whole history of a pair into windows. */
static void cut(const struct canary_plan *plan, size_t i, const struct metric_pair *whole,
                struct arena *arena, struct pair_history *out)
{
    size_t n = plan->n_history_windows[i];
    int64_t each_ms = length_ns(&plan->queries[0][i].query.scope) / NS_PER_MS;
    struct metric_pair *windows = arena_array(arena, struct metric_pair, n);
    struct aa_pair pair = {.pair = *whole, .arms = AA_TWO_SCOPES};

    for (int side = 0; side < N_SIDES; side++)
        pair.start_unix_ms[side] = plan->history[side][i].query.scope.start_unix_ns / NS_PER_MS;
    for (size_t w = 0; w < n; w++)
        windows[w] = aa_slice(&pair, (int64_t)w * each_ms, each_ms);
    *out = (struct pair_history){.windows = windows, .n_windows = n};
}

const struct pair_history *calibration_histories(const struct canary_plan *plan,
                                                 const struct metric_set_list *const sets[N_SIDES],
                                                 const struct metric_pair *pairs, size_t n_pairs,
                                                 struct arena *arena)
{
    struct pair_history *out = arena_array(arena, struct pair_history, n_pairs);

    for (size_t i = 0; i < plan->n_metrics; i++) {
        const char *name = plan->queries[0][i].query.metric_name;
        struct judgement mixed = {0};

        if (plan->n_history_windows[i] == 0 || !mix_metric(plan, i, sets, arena, &mixed))
            continue;
        for (size_t p = 0; p < n_pairs; p++)
            for (size_t h = 0; h < mixed.n_pairs && strcmp(pairs[p].name, name) == 0; h++)
                if (tag_map_equal(&pairs[p].tags, &mixed.pairs[h].tags))
                    cut(plan, i, &mixed.pairs[h], arena, &out[p]);
    }
    return out;
}
