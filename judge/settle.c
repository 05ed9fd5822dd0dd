#include "judge/settle.h"

bool is_constant(const struct sample *sample)
{
    return sample->sorted[0] == sample->sorted[sample->n - 1];
}

static bool is_same(const struct sample *a, const struct sample *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->sorted[i] != b->sorted[i])
            return false;
    return true;
}

static bool settle(struct metric_result *out, enum classification classification,
                   const char *reason)
{
    out->classification = classification;
    out->reason = reason;
    out->has_ratio = true;
    out->ratio = 1.0;
    return true;
}

enum classification settle_nodata(const struct metric_policy *policy)
{
    return policy->must_have_data && !policy->is_critical ? CLASS_NODATA_FAIL : CLASS_NODATA;
}

bool settle_missing(const struct metric_pair *pair, const struct metric_policy *policy,
                    const struct sample samples[N_SIDES], struct arena *arena,
                    struct metric_result *out)
{
    if (samples[0].n > 0 && samples[1].n > 0)
        return false;
    if (policy->nan_strategy == NAN_REPLACE)
        return settle(out, CLASS_PASS, NULL); /* no errors reported is no errors */
    out->is_critical = policy->is_critical;
    return settle(out, settle_nodata(policy),
                  arena_printf(arena, "Missing data for %s", pair->name));
}

bool settle_pair(const struct metric_pair *pair, const struct metric_policy *policy,
                 const struct sample samples[N_SIDES], struct arena *arena,
                 struct metric_result *out)
{
    const struct sample *a = &samples[0], *b = &samples[1];

    if (settle_missing(pair, policy, samples, arena, out))
        return true;
    if (is_same(a, b))
        return settle(out, CLASS_PASS, "The Canary and Baseline data are identical");
    if (is_constant(a) && is_constant(b) && a->sorted[0] == b->sorted[0])
        return settle(out, CLASS_PASS, NULL);
    return false;
}
