#include "judge/explain.h"

#include "judge/decide.h"
#include "judge/stats/ranks.h"
#include "judge/tested.h"

#include <math.h>

#define HEAVIEST_POINTS 5u
#define LIMIT_DIGITS 3
#define MAX_TRIES 40

/* --- the limit --- */

/* `value` to three significant digits, rounded to the tolerant side and `extra` units further. */
static double round_limit(double value, bool is_high, unsigned extra)
{
    double size = fabs(value) > 0 ? fabs(value) : 1;
    double unit = pow(10, floor(log10(size)) + 1 - LIMIT_DIGITS);

    return is_high ? (ceil(value / unit) + extra) * unit : (floor(value / unit) - extra) * unit;
}

/* Does the metric pass alone, with this limit? `policy` is its own in the input, and left as it
 * was. The other pairs stay, as some are the exposure of others. */
static bool passes(const struct judge_type *judge, const struct judge_input *input, size_t i,
                   struct metric_policy *policy, bool is_high, double limit, struct arena *scratch)
{
    double *allowed = is_high ? &policy->allowed_increase : &policy->allowed_decrease;
    double before = *allowed;
    struct metric_result result = {.pair = &input->pairs[i]};
    struct test_report *report = NULL;
    struct arena *work = arena_create();
    struct error err = {0};
    bool does_pass = false;

    *allowed = limit;
    if (judge->classify)
        does_pass =
            judge->classify(&input->pairs[i], policy, work, scratch, &result, &err) == ERR_OK &&
            result.classification == CLASS_PASS;
    else if (tested_report(judge, input, i, work, scratch, &result, &report, &err) == ERR_OK &&
             report) {
        decide_all(&result, &report, policy, 1, scratch);
        does_pass = result.classification == CLASS_PASS;
    }
    *allowed = before;
    arena_free(work);
    return does_pass;
}

/* Where to begin: what the change surely was, on the scale of the limits. Where being unclear is no
 * pass it has to be excluded: what it may have been. NaN: there is none. */
static double first_limit(const struct metric_result *result, const struct metric_policy *policy,
                          bool is_high)
{
    bool wants_upper = is_high == (policy->options.on_inconclusive != INCONCLUSIVE_PASS);

    if (!result->report)
        return result->effect_size;
    return wants_upper ? result->report->effect.upper : result->report->effect.lower;
}

static void find_limit(const struct judge_type *judge, const struct judge_input *input, size_t i,
                       struct metric_policy *policy, const struct metric_result *result,
                       struct arena *scratch, struct explanation *out)
{
    bool is_high = result->classification == CLASS_HIGH;
    double allowed = is_high ? policy->allowed_increase : policy->allowed_decrease;
    double change = first_limit(result, policy, is_high);

    if (!isfinite(change))
        return;
    if (is_high ? change < allowed : change > allowed)
        change = allowed;
    for (unsigned extra = 0; extra < MAX_TRIES; extra++) {
        double limit = round_limit(change, is_high, extra);

        if (!passes(judge, input, i, policy, is_high, limit, scratch))
            continue;
        out->limit_name = is_high ? "allowedIncrease" : "allowedDecrease";
        out->limit = limit;
        return;
    }
}

/* --- the heaviest minutes --- */

/* What each point adds to U - n m / 2, divided by n m: sums over both sides to twice p - 1/2. */
static double *weights(const struct arms *arms, int side, struct arena *scratch)
{
    const struct sample *own = &arms->sides[side], *other = &arms->sides[!side];
    double *pooled = arena_array(scratch, double, own->n);
    double *unused = arena_array(scratch, double, other->n);
    double *within = arena_array(scratch, double, own->n);
    double sign = side == SIDE_EXPERIMENT ? 1 : -1;

    ranks_pooled(own->values, own->n, other->values, other->n, scratch, pooled, unused);
    ranks_within(own->values, own->n, scratch, within);
    for (size_t i = 0; i < own->n; i++)
        pooled[i] = sign * ((pooled[i] - within[i]) / (double)other->n - 0.5) / (double)own->n;
    return pooled;
}

static void find_heaviest(const struct metric_pair *pair, const struct metric_policy *policy,
                          bool is_high, struct arena *scratch, struct explanation *out)
{
    size_t n = pair->sides[0].n_values > pair->sides[1].n_values ? pair->sides[0].n_values
                                                                 : pair->sides[1].n_values;
    double *by_step = arena_array(scratch, double, n + 1), total = 0, sum = 0, most = 0;
    struct error none = {0};
    struct arms arms;
    size_t heaviest = 0;

    if (arms_prepare(pair, policy, scratch, &arms, &none) || arms.step_s <= 0 ||
        n <= HEAVIEST_POINTS)
        return;
    for (int side = 0; side < N_SIDES; side++) {
        const double *weight = weights(&arms, side, scratch);

        for (size_t i = 0; i < arms.sides[side].n; i++)
            by_step[arms.index[side][i]] += is_high ? weight[i] : -weight[i];
    }
    for (size_t i = 0; i < n; i++) {
        total += by_step[i];
        sum += by_step[i] - (i >= HEAVIEST_POINTS ? by_step[i - HEAVIEST_POINTS] : 0);
        if (i + 1 >= HEAVIEST_POINTS && sum > most) {
            most = sum;
            heaviest = i + 1 - HEAVIEST_POINTS;
        }
    }
    if (!(total > 0) || !(most > 0))
        return;
    out->heaviest_start_unix_ms = pair->sides[SIDE_EXPERIMENT].start_unix_ms +
                                  (int64_t)heaviest * pair->sides[SIDE_EXPERIMENT].step_ms;
    out->heaviest_end_unix_ms = out->heaviest_start_unix_ms +
                                (int64_t)HEAVIEST_POINTS * pair->sides[SIDE_EXPERIMENT].step_ms;
    out->heaviest_share = fmin(1, most / total);
    out->is_spread = out->heaviest_share * (double)n < 2.0 * HEAVIEST_POINTS;
}

void explain_result(const struct judge_type *judge, const struct judge_input *input,
                    struct arena *arena, struct judge_result *result)
{
    struct explanation *all = arena_array(arena, struct explanation, result->n_results);
    struct arena *scratch = arena_create(), *own = arena_create();
    struct metric_policy *policies = arena_array(own, struct metric_policy, input->n_pairs);
    struct judge_input tried = *input;

    for (size_t i = 0; i < input->n_pairs; i++)
        policies[i] = input->policies[i];
    tried.policies = policies;
    for (size_t i = 0; i < result->n_results; i++) {
        const struct metric_result *one = &result->results[i];

        if (one->classification != CLASS_HIGH && one->classification != CLASS_LOW)
            continue;
        find_limit(judge, &tried, i, &policies[i], one, scratch, &all[i]);
        find_heaviest(one->pair, &input->policies[i], one->classification == CLASS_HIGH, scratch,
                      &all[i]);
        arena_reset(scratch);
    }
    arena_free(own);
    arena_free(scratch);
    result->explanations = all;
}
