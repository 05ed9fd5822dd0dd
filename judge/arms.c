#include "judge/arms.h"

#include "judge/clean.h"
#include "judge/sort.h"

#include <math.h>

#define MS_PER_MINUTE 60000.0
#define MS_PER_S 1000.0

/* One side on its way: values and where they stood. */
struct side_points {
    double *values;
    size_t *index;
    size_t n;
};

/* The points of a side from `first` to `end`; NaN where nothing can be used. */
static double point_at(const struct pair_side *side, size_t i, const struct metric_policy *policy)
{
    double value = i < side->n_values ? side->values[i] : NAN;

    if (isnan(value) && policy->nan_strategy == NAN_REPLACE)
        return 0;
    return isfinite(value) ? value : NAN;
}

static size_t warmup_points(const struct pair_side *side, const struct judge_options *options)
{
    double n = side->step_ms > 0 && options->warmup_mins > 0
                   ? ceil(options->warmup_mins * MS_PER_MINUTE / (double)side->step_ms)
                   : 0;

    return n < (double)side->n_values ? (size_t)n : side->n_values;
}

static bool may_pair(const struct metric_pair *pair, enum point_pairing pairing)
{
    const struct pair_side *a = &pair->sides[0], *b = &pair->sides[1];

    if (pairing == POINTS_UNPAIRED || a->step_ms != b->step_ms || a->step_ms <= 0 ||
        a->n_values == 0 || b->n_values == 0)
        return false;
    return pairing == POINTS_PAIRED || a->start_unix_ms == b->start_unix_ms;
}

static void take(struct side_points *to, double value, size_t i)
{
    to->values[to->n] = value;
    to->index[to->n++] = i;
}

static void collect(const struct metric_pair *pair, const struct metric_policy *policy,
                    struct side_points points[N_SIDES], struct arms *out)
{
    size_t n[N_SIDES], first[N_SIDES], longest;

    for (int side = 0; side < N_SIDES; side++) {
        const struct pair_side *from = &pair->sides[side];

        n[side] = from->n_values;
        first[side] = warmup_points(from, &policy->options);
        for (size_t i = first[side]; i < n[side]; i++)
            out->n_infinite += isinf(from->values[i]) != 0;
    }
    longest = n[0] > n[1] ? n[0] : n[1];
    if (out->is_paired) {
        size_t from = first[0] > first[1] ? first[0] : first[1];

        for (size_t i = from; i < longest; i++) {
            double control = point_at(&pair->sides[SIDE_CONTROL], i, policy);
            double experiment = point_at(&pair->sides[SIDE_EXPERIMENT], i, policy);

            if (isnan(control) || isnan(experiment)) {
                out->n_removed_nan++;
                continue;
            }
            take(&points[SIDE_CONTROL], control, i);
            take(&points[SIDE_EXPERIMENT], experiment, i);
        }
        return;
    }
    for (int side = 0; side < N_SIDES; side++)
        for (size_t i = first[side]; i < n[side]; i++) {
            double value = point_at(&pair->sides[side], i, policy);

            if (isnan(value))
                out->n_removed_nan++;
            else
                take(&points[side], value, i);
        }
}

static void sort_side(const struct side_points *points, struct sample *out, struct arena *arena)
{
    *out = (struct sample){
        .values = points->values, .sorted = arena_array(arena, double, points->n), .n = points->n};
    sort_doubles(points->values, points->n, out->sorted, arena);
}

/* Outliers of each side go, and with them their partners. */
static void remove_outliers(double factor, struct side_points points[N_SIDES], struct arena *arena,
                            struct arms *out)
{
    struct fences fences[N_SIDES];

    for (int side = 0; side < N_SIDES; side++) {
        struct sample sample;

        if (points[side].n == 0)
            return;
        sort_side(&points[side], &sample, arena);
        fences[side] = clean_fences(sample.sorted, sample.n, factor);
    }
    for (int side = 0; side < N_SIDES; side++) {
        struct side_points *own = &points[side];
        const struct side_points *other = &points[!side];
        size_t n_kept = 0;

        if (out->is_paired && side > 0)
            break; /* both were thinned together */
        for (size_t i = 0; i < own->n; i++) {
            bool is_out = is_outside(own->values[i], &fences[side]) ||
                          (out->is_paired && is_outside(other->values[i], &fences[!side]));

            if (is_out)
                continue;
            for (int each = 0; each < N_SIDES; each++)
                if (out->is_paired || each == side) {
                    points[each].values[n_kept] = points[each].values[i];
                    points[each].index[n_kept] = points[each].index[i];
                }
            n_kept++;
        }
        out->n_removed_outliers += own->n - n_kept;
        if (out->is_paired)
            points[!side].n = n_kept;
        own->n = n_kept;
    }
}

enum err_code arms_prepare(const struct metric_pair *pair, const struct metric_policy *policy,
                           struct arena *arena, struct arms *out, struct error *err)
{
    struct side_points points[N_SIDES];
    struct arms arms = {.is_paired = may_pair(pair, policy->options.pairing)};

    if (policy->outlier_strategy == OUTLIERS_REMOVE && !(policy->outlier_factor > 0))
        return error_set(err, ERR_INVALID, "the outlier factor must be greater than zero");
    if (pair->sides[0].step_ms == pair->sides[1].step_ms && pair->sides[0].step_ms > 0)
        arms.step_s = (double)pair->sides[0].step_ms / MS_PER_S;
    for (int side = 0; side < N_SIDES; side++) {
        /* room for the other side's length, when gaps at the end are replaced */
        size_t n = pair->sides[0].n_values > pair->sides[1].n_values ? pair->sides[0].n_values
                                                                     : pair->sides[1].n_values;

        points[side] = (struct side_points){.values = arena_array(arena, double, n),
                                            .index = arena_array(arena, size_t, n)};
    }
    collect(pair, policy, points, &arms);
    if (policy->outlier_strategy == OUTLIERS_REMOVE)
        remove_outliers(policy->outlier_factor, points, arena, &arms);
    for (int side = 0; side < N_SIDES; side++) {
        sort_side(&points[side], &arms.sides[side], arena);
        arms.index[side] = points[side].index;
    }
    *out = arms;
    return ERR_OK;
}
