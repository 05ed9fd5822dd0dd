/* The standard judge, bit for bit the verdicts of Kayenta's NetflixACAJudge-v1.0.
 *
 * One metric goes through: clean both sides; no points on a side is settled at once, and so are
 * equal samples; else the shift between the sides is estimated with a 98 % interval, and the metric
 * is bad when that interval lies beyond a quarter of the shift on the wrong side of zero and the
 * effect size reaches its limit. A change that also reaches the critical limit fails the canary. */
#include "judge/clean.h"
#include "judge/describe.h"
#include "judge/effect_size.h"
#include "judge/judge.h"
#include "judge/mann_whitney.h"
#include "judge/noise.h"
#include "judge/settle.h"
#include "judge/sort.h"

#include <math.h>

#define CONFIDENCE 0.98 /* fixed in Kayenta, whatever its settings say */
#define TOLERANCE 0.25  /* share of the estimated shift that is let pass; likewise */
/* A search range below fifty times the solver's tolerance: the verdict hangs on the unit. */
#define UNIT_TOO_SMALL_RANGE 0.005

/* Two different constants have no rank variance at most shifts; Kayenta jitters them. */
static void add_noise(const struct metric_pair *pair, struct sample samples[N_SIDES],
                      double means[N_SIDES], struct arena *arena)
{
    uint64_t state = noise_seed(pair->name, pair->sides[SIDE_EXPERIMENT].start_unix_ms);
    struct side_stats noisy[N_SIDES];

    for (int side = 0; side < N_SIDES; side++) {
        noise_add(samples[side].values, samples[side].n, &state);
        sort_doubles(samples[side].values, samples[side].n, samples[side].sorted, arena);
    }
    describe_sides(samples, noisy);
    for (int side = 0; side < N_SIDES; side++)
        means[side] = noisy[side].mean;
}

static void classify_shift(const struct metric_pair *pair, const struct metric_policy *policy,
                           struct arena *arena, struct metric_result *out)
{
    double band = TOLERANCE * fabs(out->estimate);
    double effect = out->effect_size;
    bool has_effect = !isnan(effect); /* an undefined effect size lifts its limits */
    bool is_high = policy->direction != DIRECTION_DECREASE && out->lower > band &&
                   (!has_effect || effect >= policy->allowed_increase);
    bool is_low = !is_high && policy->direction != DIRECTION_INCREASE && out->upper < -band &&
                  (!has_effect || effect <= policy->allowed_decrease);
    bool is_beyond;

    if (!is_high && !is_low) {
        out->classification = CLASS_PASS;
        return;
    }
    out->classification = is_high ? CLASS_HIGH : CLASS_LOW;
    is_beyond = !has_effect || (is_high ? effect >= policy->critical_increase
                                        : effect <= policy->critical_decrease);
    out->is_critical = policy->is_critical && is_beyond;
    out->reason = arena_printf(arena,
                               out->is_critical ? "The metric %s was classified as %s (Critical)"
                                                : "%s was classified as %s",
                               pair->name, classification_name(out->classification));
}

static void test_shift(const struct metric_pair *pair, const struct metric_policy *policy,
                       struct sample samples[N_SIDES], struct arena *scratch, struct arena *arena,
                       struct metric_result *out)
{
    const struct sample *experiment = &samples[SIDE_EXPERIMENT], *control = &samples[SIDE_CONTROL];
    double means[N_SIDES] = {out->stats[0].mean, out->stats[1].mean};
    struct mann_whitney shift;
    struct error undecided = {0};
    double range;

    if (is_constant(experiment) && is_constant(control))
        add_noise(pair, samples, means, scratch);
    if (mann_whitney_interval(experiment->sorted, experiment->n, control->sorted, control->n,
                              CONFIDENCE, scratch, &shift, &undecided)) {
        out->classification = CLASS_ERROR;
        out->reason = "Metric Classification Failed";
        return;
    }
    range = (experiment->sorted[experiment->n - 1] - control->sorted[0]) -
            (experiment->sorted[0] - control->sorted[control->n - 1]);
    out->has_interval = true;
    out->lower = shift.lower;
    out->upper = shift.upper;
    out->estimate = shift.estimate;
    out->is_unit_too_small = range < UNIT_TOO_SMALL_RANGE;
    out->has_ratio = true;
    out->ratio = effect_mean_ratio(means[SIDE_EXPERIMENT], means[SIDE_CONTROL]);
    out->effect_size =
        policy->effect_measure == EFFECT_CLES
            ? effect_cles(experiment->sorted, experiment->n, control->sorted, control->n, scratch)
            : out->ratio;
    classify_shift(pair, policy, arena, out);
}

static enum err_code aca_classify(const struct metric_pair *pair,
                                  const struct metric_policy *policy, struct arena *scratch,
                                  struct arena *arena, struct metric_result *out, struct error *err)
{
    struct sample samples[N_SIDES];

    out->effect_measure = policy->effect_measure;
    for (int side = 0; side < N_SIDES; side++) {
        if (clean_side(&pair->sides[side], policy, scratch, &samples[side], err))
            return err->code;
    }
    describe_sides(samples, out->stats);
    if (!settle_pair(pair, policy, samples, arena, out))
        test_shift(pair, policy, samples, scratch, arena, out);
    return ERR_OK;
}

const struct judge_type judge_aca = {
    .name = JUDGE_DEFAULT_NAME,
    .is_visible = true,
    .classify = aca_classify,
};
