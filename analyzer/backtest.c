#include "analyzer/backtest.h"

#include "judge/stats/distribution.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define MS_PER_MINUTE 60000
#define WILSON_ALPHA 0.05
#define PERCENT 100.0
/* The standard judge's interval is one of 98 %, and it wants it beyond a quarter of the estimate:
 * a change of MDE standard errors is seen with power 0.8 when 0.75 MDE = z[0.99] + 0.75 z[0.8]. */
#define STANDARD_ALPHA 0.02
#define STANDARD_SHARE 0.75
#define Z_POWER 0.8416212335729143 /* power 0.8 */
#define SOUND_FACTOR 2.0    /* what asymptotic levels may miss at an hour or three of minutes */
#define LIMIT_DIGITS 1000.0 /* proposed limits have three decimals, or three digits */

const char *aa_arms_name(enum aa_arms arms)
{
    static const char *const names[] = {[AA_TWO_SCOPES] = "two scopes",
                                        [AA_SPLIT_SERIES] = "split series",
                                        [AA_WINDOW_BEFORE] = "window before"};

    return names[arms];
}

/* --- windows --- */

enum err_code window_plan_make(int64_t span_ms, int64_t step_ms, int64_t length_ms,
                               int64_t stride_ms, size_t n_wanted, bool needs_before,
                               struct window_plan *out, struct error *err)
{
    int64_t first_ms = needs_before ? length_ms : 0;
    int64_t room_ms = span_ms - first_ms - length_ms; /* of the last start behind the first */
    int64_t n;

    if (step_ms <= 0 || length_ms < step_ms)
        return error_set(err, ERR_INVALID, "a window must be at least one step long");
    if (room_ms < 0)
        return error_set(err, ERR_INVALID,
                         "%" PRId64 " min of history hold no window of %" PRId64 " min%s",
                         span_ms / MS_PER_MINUTE, length_ms / MS_PER_MINUTE,
                         needs_before ? " behind one as long" : "");
    if (stride_ms == 0)
        stride_ms = n_wanted > 1 ? room_ms / (int64_t)(n_wanted - 1) : room_ms + step_ms;
    if (stride_ms < step_ms)
        stride_ms = step_ms;
    stride_ms += (step_ms - stride_ms % step_ms) % step_ms;
    n = room_ms / stride_ms + 1;
    if (n > (int64_t)BACKTEST_MAX_WINDOWS)
        return error_set(err, ERR_LIMIT, "%" PRId64 " windows are more than %u", n,
                         BACKTEST_MAX_WINDOWS);
    *out = (struct window_plan){
        .first_ms = first_ms, .stride_ms = stride_ms, .length_ms = length_ms, .n = (size_t)n};
    out->n_apart = (size_t)((span_ms - first_ms) / length_ms);
    if (out->n_apart > out->n)
        out->n_apart = out->n;
    return ERR_OK;
}

/* At which point of the side the moment lies: the first at or behind it. */
static size_t point_of(const struct pair_side *side, int64_t at_unix_ms)
{
    int64_t behind_ms = at_unix_ms - side->start_unix_ms;
    size_t i;

    if (behind_ms <= 0)
        return 0;
    i = (size_t)((behind_ms + side->step_ms - 1) / side->step_ms);
    return i < side->n_values ? i : side->n_values;
}

struct metric_pair aa_slice(const struct aa_pair *pair, int64_t offset_ms, int64_t length_ms)
{
    struct metric_pair out = pair->pair;

    for (int side = 0; side < N_SIDES; side++) {
        const struct pair_side *from = &pair->pair.sides[side];
        bool is_before = pair->arms == AA_WINDOW_BEFORE && side == SIDE_CONTROL;
        int64_t start = pair->start_unix_ms[side] + offset_ms - (is_before ? length_ms : 0);
        size_t first, end;

        if (from->n_values == 0 || from->step_ms <= 0) {
            out.sides[side].n_values = 0;
            continue;
        }
        first = point_of(from, start);
        end = point_of(from, start + length_ms);
        out.sides[side].values = from->values + first;
        out.sides[side].n_values = end - first;
        out.sides[side].start_unix_ms = from->start_unix_ms + (int64_t)first * from->step_ms;
    }
    return out;
}

/* --- judging --- */

enum err_code backtest_start(struct backtest *backtest, struct arena *arena, struct error *err)
{
    size_t n_runs = backtest->n_judges * backtest->windows.n;

    if (backtest->n_pairs && n_runs > BACKTEST_MAX_FINDINGS / backtest->n_pairs)
        return error_set(err, ERR_LIMIT,
                         "%zu windows of %zu series by %zu judges are more than %u judgements; ask "
                         "for fewer windows, or fewer metrics",
                         backtest->windows.n, backtest->n_pairs, backtest->n_judges,
                         BACKTEST_MAX_FINDINGS);
    backtest->findings = arena_array(arena, struct finding, n_runs * backtest->n_pairs);
    backtest->verdicts = arena_array(arena, enum verdict, n_runs);
    return ERR_OK;
}

/* What the standard judge says: alarm for a significant window whose effect reaches the limit. */
static void find_standard(const struct metric_result *result, struct finding *out)
{
    double quantile = normal_quantile_two_sided(STANDARD_ALPHA);
    double se = (result->upper - result->lower) / (2 * quantile);
    double band = (1 - STANDARD_SHARE) * fabs(result->estimate);

    out->mde = (quantile / STANDARD_SHARE + Z_POWER) * se;
    out->limit_high = -INFINITY; /* any limit keeps a window quiet that is not significant */
    out->limit_low = INFINITY;
    if (result->lower > band)
        out->limit_high = isnan(result->effect_size) ? INFINITY : result->effect_size;
    if (result->upper < -band)
        out->limit_low = isnan(result->effect_size) ? -INFINITY : result->effect_size;
}

static struct finding find(const struct metric_result *result)
{
    const struct test_report *report = result->report;
    struct finding out = {.classification = result->classification,
                          .limit_high = NAN,
                          .limit_low = NAN,
                          .mde = NAN,
                          .level = result->stats[SIDE_CONTROL].mean,
                          .phi = NAN,
                          .n_eff = NAN,
                          .statistic = NAN,
                          .df = NAN};

    if (report) {
        out.limit_high = report->effect.lower;
        out.limit_low = report->effect.upper;
        out.mde = report->minimum_detectable_effect;
        out.phi = report->phi;
        out.n_eff = report->n_eff;
        if (test_report_has_standard_error(report)) {
            out.statistic = report->statistic;
            out.df = report->df;
        }
    } else if (result->has_interval) {
        find_standard(result, &out);
    }
    return out;
}

static struct finding *findings_of(const struct backtest *backtest, size_t judge, size_t window)
{
    return &backtest->findings[(judge * backtest->windows.n + window) * backtest->n_pairs];
}

enum err_code backtest_window(const struct backtest *backtest, size_t window, struct arena *scratch,
                              struct error *err)
{
    const struct window_plan *windows = &backtest->windows;
    int64_t offset_ms = windows->first_ms + (int64_t)window * windows->stride_ms;
    struct metric_pair *pairs;

    arena_reset(scratch);
    pairs = arena_array(scratch, struct metric_pair, backtest->n_pairs);
    for (size_t i = 0; i < backtest->n_pairs; i++)
        pairs[i] = aa_slice(&backtest->pairs[i], offset_ms, windows->length_ms);
    for (size_t j = 0; j < backtest->n_judges; j++) {
        struct judge_input input = backtest->judges[j].input;
        struct finding *findings = findings_of(backtest, j, window);
        struct judge_result result;

        input.pairs = pairs;
        if (judge_run(backtest->judges[j].type, &input, scratch, &result, err))
            return error_context(err, "judge \"%s\"", backtest->judges[j].type->name);
        for (size_t i = 0; i < backtest->n_pairs; i++)
            findings[i] = find(&result.results[i]);
        backtest->verdicts[j * windows->n + window] = result.verdict;
    }
    return ERR_OK;
}

/* --- summing up --- */

struct window_share window_share_of(size_t n_hits, size_t n, size_t n_apart)
{
    struct window_share out = {.n = n, .n_hits = n_hits, .rate = NAN, .lower = NAN, .upper = NAN};
    double z = normal_quantile_two_sided(WILSON_ALPHA), m = (double)(n < n_apart ? n : n_apart);
    double centre, half;

    if (n == 0 || m < 1)
        return out;
    out.rate = (double)n_hits / (double)n;
    centre = (out.rate + z * z / (2 * m)) / (1 + z * z / m);
    half = z / (1 + z * z / m) * sqrt(out.rate * (1 - out.rate) / m + z * z / (4 * m * m));
    out.lower = n_hits == 0 ? 0 : centre - half;
    out.upper = n_hits == n ? 1 : centre + half;
    return out;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* A member of the findings of one metric, over the windows where it is a number, in order. */
static size_t gather(const struct backtest *backtest, size_t judge, size_t pair, size_t member,
                     double *out)
{
    size_t n = 0;

    for (size_t w = 0; w < backtest->windows.n; w++) {
        const struct finding *finding = &findings_of(backtest, judge, w)[pair];
        double value = *(const double *)((const char *)finding + member);

        if (!isnan(value))
            out[n++] = value;
    }
    qsort(out, n, sizeof(*out), compare_doubles);
    return n;
}

static double median_of(const double *sorted, size_t n)
{
    return n == 0 ? NAN : n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* The next value with few digits on the far side of "no change". */
static double round_away(double limit, double neutral, bool is_up)
{
    double scale = LIMIT_DIGITS, rounded;

    if (!isfinite(limit))
        return NAN;
    if (neutral == EFFECT_NEUTRAL_DIFFERENCE && limit != 0)
        scale = pow(10, 2 - floor(log10(fabs(limit))));
    rounded = is_up ? (floor(limit * scale) + 1) / scale : (ceil(limit * scale) - 1) / scale;
    return is_up ? fmax(neutral, rounded) : fmin(neutral, rounded);
}

/* The values lie in ascending order. At most a share of them goes beyond the answer; "no change" is
 * enough where no more than that went beyond it. */
static double limit_of(const double *sorted, size_t n, double share, double neutral, bool is_up)
{
    size_t n_beyond = (size_t)(share * (double)n);
    double limit;

    if (n == 0)
        return NAN;
    limit = is_up ? sorted[n - 1 - n_beyond] : sorted[n_beyond];
    if (is_up ? limit <= neutral : limit >= neutral)
        return neutral;
    return round_away(limit, neutral, is_up);
}

static double neutral_of(const struct metric_policy *policy)
{
    return policy->effect_measure == EFFECT_MEAN_RATIO ? EFFECT_NEUTRAL_MEAN_RATIO
           : policy->effect_measure == EFFECT_CLES     ? EFFECT_NEUTRAL_CLES
                                                       : EFFECT_NEUTRAL_DIFFERENCE;
}

static void propose_limits(const struct backtest *backtest, size_t judge, size_t pair,
                           enum direction direction, double *values, struct metric_backtest *out)
{
    double share = direction == DIRECTION_EITHER ? out->alpha / 2 : out->alpha;
    size_t n;

    if (direction != DIRECTION_DECREASE) {
        n = gather(backtest, judge, pair, offsetof(struct finding, limit_high), values);
        out->allowed_increase = limit_of(values, n, share, out->margin_neutral, true);
    }
    if (direction != DIRECTION_INCREASE) {
        n = gather(backtest, judge, pair, offsetof(struct finding, limit_low), values);
        out->allowed_decrease = limit_of(values, n, share, out->margin_neutral, false);
    }
}

/* As judge/tested.c calibrates: by how much the statistics exceed their distribution. */
static double calibration_of(const struct backtest *backtest, size_t judge, size_t pair)
{
    double sum = 0;
    size_t n = 0;

    for (size_t w = 0; w < backtest->windows.n; w++) {
        const struct finding *finding = &findings_of(backtest, judge, w)[pair];

        if (!isfinite(finding->statistic))
            continue;
        sum += finding->statistic * finding->statistic / test_statistic_variance(finding->df);
        n++;
    }
    return n ? fmax(1, sqrt(sum / (double)n)) : NAN;
}

void backtest_metric(const struct backtest *backtest, size_t judge, size_t pair,
                     struct arena *scratch, struct metric_backtest *out)
{
    const struct metric_policy *policy = &backtest->judges[judge].input.policies[pair];
    size_t n_windows = backtest->windows.n, n;
    double *values = arena_array(scratch, double, n_windows);

    *out = (struct metric_backtest){.alpha = policy->options.alpha,
                                    .margin_neutral = neutral_of(policy),
                                    .allowed_increase = NAN,
                                    .allowed_decrease = NAN};
    for (size_t w = 0; w < n_windows; w++)
        switch (findings_of(backtest, judge, w)[pair].classification) {
        case CLASS_NODATA:
        case CLASS_NODATA_FAIL:
            out->n_no_data++;
            break;
        case CLASS_ERROR:
            out->n_errors++;
            break;
        case CLASS_HIGH:
            out->n_high++;
            break;
        case CLASS_LOW:
            out->n_low++;
            break;
        case CLASS_PASS:
            break;
        }
    out->alarms =
        window_share_of(out->n_high + out->n_low, n_windows - out->n_no_data - out->n_errors,
                        backtest->windows.n_apart);
    n = gather(backtest, judge, pair, offsetof(struct finding, level), values);
    out->level = median_of(values, n);
    n = gather(backtest, judge, pair, offsetof(struct finding, mde), values);
    out->mde = median_of(values, n);
    out->mde_percent = out->level != 0 ? PERCENT * out->mde / fabs(out->level) : NAN;
    n = gather(backtest, judge, pair, offsetof(struct finding, phi), values);
    out->phi = median_of(values, n);
    n = gather(backtest, judge, pair, offsetof(struct finding, n_eff), values);
    out->n_eff = median_of(values, n);
    propose_limits(backtest, judge, pair, policy->direction, values, out);
    out->calibration = calibration_of(backtest, judge, pair);
}

void backtest_canary(const struct backtest *backtest, size_t judge, struct arena *scratch,
                     struct canary_backtest *out)
{
    const struct metric_policy *policies = backtest->judges[judge].input.policies;
    size_t n_windows = backtest->windows.n, n_apart = backtest->windows.n_apart;
    size_t n_metrics = 0, n_mde = 0, n_fail = 0, n_not_pass = 0, n_hits = 0, n_judged = 0;
    double *mde = arena_array(scratch, double, backtest->n_pairs), alpha = 0;

    for (size_t i = 0; i < backtest->n_pairs; i++) {
        struct metric_backtest metric;

        if (policies[i].is_muted)
            continue;
        backtest_metric(backtest, judge, i, scratch, &metric);
        n_hits += metric.alarms.n_hits;
        n_judged += metric.alarms.n;
        alpha += metric.alpha;
        n_metrics++;
        if (!isnan(metric.mde_percent))
            mde[n_mde++] = metric.mde_percent;
    }
    for (size_t w = 0; w < n_windows; w++) {
        enum verdict verdict = backtest->verdicts[judge * n_windows + w];

        n_fail += verdict == VERDICT_FAIL;
        n_not_pass += verdict != VERDICT_PASS;
    }
    qsort(mde, n_mde, sizeof(*mde), compare_doubles);
    *out =
        (struct canary_backtest){.below_pass = window_share_of(n_not_pass, n_windows, n_apart),
                                 .below_marginal = window_share_of(n_fail, n_windows, n_apart),
                                 .alarms = window_share_of(n_hits, n_judged, n_apart * n_metrics),
                                 .alpha = n_metrics ? alpha / (double)n_metrics : NAN,
                                 .mde_percent = median_of(mde, n_mde)};
    out->is_sound = out->alarms.lower <= SOUND_FACTOR * out->alpha;
}

static bool is_better(const struct canary_backtest *a, const struct canary_backtest *b)
{
    if (a->is_sound != b->is_sound)
        return a->is_sound;
    if (a->is_sound && isnan(a->mde_percent) != isnan(b->mde_percent))
        return isnan(b->mde_percent);
    if (a->is_sound && (a->mde_percent < b->mde_percent || a->mde_percent > b->mde_percent))
        return a->mde_percent < b->mde_percent;
    return a->alarms.rate < b->alarms.rate;
}

size_t backtest_best(const struct canary_backtest *judges, size_t n_judges)
{
    size_t best = 0;

    for (size_t j = 1; j < n_judges; j++)
        if (is_better(&judges[j], &judges[best]))
            best = j;
    return best;
}
