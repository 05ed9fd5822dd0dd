#include "analyzer/aa_history.h"

#include "analyzer/judgement.h"
#include "base/instant.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static bool is_same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* The metric asks the same of both sides. */
static bool is_one_scope(const struct canary_plan *plan, size_t metric_index)
{
    const struct plan_query *control = &plan->queries[SIDE_CONTROL][metric_index];
    const struct plan_query *experiment = &plan->queries[SIDE_EXPERIMENT][metric_index];
    const struct scope *a = &control->query.scope, *b = &experiment->query.scope;

    if (a->n_extended_params != b->n_extended_params)
        return false;
    for (size_t i = 0; i < a->n_extended_params; i++)
        if (!is_same_text(a->extended_params[i].key, b->extended_params[i].key) ||
            !is_same_text(a->extended_params[i].value, b->extended_params[i].value))
            return false;
    return is_same_text(control->text, experiment->text) && is_same_text(a->scope, b->scope) &&
           is_same_text(a->location, b->location) && a->start_unix_ns == b->start_unix_ns;
}

static bool has_points(const struct metric_set *set)
{
    return set->n_values > 0 && set->step_ms > 0;
}

/* The mean of every other set, from the first_index-th of those with points. */
static struct metric_set mean_of(const struct metric_set_list *sets, size_t first_index,
                                 struct arena *arena)
{
    const struct metric_set *model = NULL;
    struct metric_set out;
    size_t *n, longest = 0, place = 0;

    for (size_t s = 0; s < sets->n_sets; s++) {
        if (!model && has_points(&sets->sets[s]))
            model = &sets->sets[s];
        if (sets->sets[s].n_values > longest)
            longest = sets->sets[s].n_values;
    }
    assert(model); /* the caller has counted them */
    out = *model;
    out.tags = (struct tag_map){0};
    out.n_values = longest;
    out.values = arena_array(arena, double, longest);
    n = arena_array(arena, size_t, longest);
    for (size_t s = 0; s < sets->n_sets; s++) {
        const struct metric_set *set = &sets->sets[s];

        if (!has_points(set) || place++ % 2 != first_index || set->step_ms != model->step_ms ||
            set->start_unix_ms != model->start_unix_ms)
            continue;
        for (size_t i = 0; i < set->n_values; i++)
            if (!isnan(set->values[i])) {
                out.values[i] += set->values[i];
                n[i]++;
            }
    }
    for (size_t i = 0; i < longest; i++)
        out.values[i] = n[i] ? out.values[i] / (double)n[i] : NAN;
    return out;
}

static size_t n_with_points(const struct metric_set_list *sets)
{
    size_t n = 0;

    for (size_t s = 0; s < sets->n_sets; s++)
        n += has_points(&sets->sets[s]);
    return n;
}

/* What both sides of a metric with one scope are made of. */
static enum aa_arms arms_of_one_scope(const struct metric_set_list *series,
                                      struct metric_set_list out[N_SIDES])
{
    bool is_split = n_with_points(series) >= 2;

    for (size_t side = 0; side < N_SIDES; side++) {
        if (is_split)
            *metric_set_list_add(&out[side]) = mean_of(series, side, out[side].arena);
        for (size_t s = 0; !is_split && s < series->n_sets; s++)
            *metric_set_list_add(&out[side]) = series->sets[s];
    }
    return is_split ? AA_SPLIT_SERIES : AA_WINDOW_BEFORE;
}

static bool is_named_before(const struct canary_plan *plan, size_t metric_index)
{
    const struct plan_query *queries = plan->queries[SIDE_CONTROL];

    for (size_t i = 0; i < metric_index; i++)
        if (strcmp(queries[i].query.metric_name, queries[metric_index].query.metric_name) == 0)
            return true;
    return false;
}

static void add_sets_named(const struct metric_set_list *all, const char *name,
                           struct metric_set_list *out)
{
    for (size_t s = 0; s < all->n_sets; s++)
        if (strcmp(all->sets[s].name, name) == 0)
            *metric_set_list_add(out) = all->sets[s];
}

enum err_code aa_history_pairs(const struct canary_plan *plan,
                               const struct metric_set_list sets[N_SIDES], struct arena *arena,
                               struct aa_pair **out, size_t *n_out, struct error *err)
{
    struct metric_set_list arms[N_SIDES] = {{.arena = arena}, {.arena = arena}};
    enum aa_arms *kinds = arena_array(arena, enum aa_arms, plan->n_metrics);
    struct judgement judgement = {0};

    for (size_t i = 0; i < plan->n_metrics; i++) {
        const char *name = plan->queries[0][i].query.metric_name;
        struct metric_set_list control = {.arena = arena};

        if (is_named_before(plan, i)) /* the first of a name stands for all */
            continue;
        if (is_one_scope(plan, i)) {
            add_sets_named(&sets[SIDE_CONTROL], name, &control);
            kinds[i] = arms_of_one_scope(&control, arms);
            continue;
        }
        for (int side = 0; side < N_SIDES; side++)
            add_sets_named(&sets[side], name, &arms[side]);
    }
    if (judgement_mix("history", plan->config, arms, arena, &judgement, err))
        return err->code;
    *out = arena_array(arena, struct aa_pair, judgement.n_pairs);
    *n_out = judgement.n_pairs;
    for (size_t p = 0; p < judgement.n_pairs; p++) {
        struct aa_pair *pair = &(*out)[p];

        pair->pair = judgement.pairs[p];
        for (size_t i = 0; i < plan->n_metrics; i++) {
            if (strcmp(plan->queries[0][i].query.metric_name, pair->pair.name) != 0)
                continue;
            pair->arms = kinds[i];
            for (int side = 0; side < N_SIDES; side++)
                pair->start_unix_ms[side] =
                    plan->queries[side][i].query.scope.start_unix_ns / NS_PER_MS;
            break;
        }
    }
    return ERR_OK;
}
