#include "judge/clean.h"

#include "judge/sort.h"

#include <math.h>

/* -infinity when either is NaN, as between infinite quartiles: nothing is below that. */
static double lesser(double a, double b)
{
    return isnan(a) || isnan(b) ? -INFINITY : a < b ? a : b;
}

struct fences clean_fences(const double *sorted, size_t n, double factor)
{
    double q1 = describe_percentile(sorted, n, 25), q3 = describe_percentile(sorted, n, 75);
    double p1 = describe_percentile(sorted, n, 1), p99 = describe_percentile(sorted, n, 99);

    return (struct fences){.low = lesser(p1, q1 - factor * (q3 - q1)),
                           .high = -lesser(-p99, -(q3 + factor * (q3 - q1)))};
}

bool is_outside(double value, const struct fences *fences)
{
    return value < fences->low || value > fences->high;
}

static void remove_outliers(struct sample *sample, double factor)
{
    size_t first = 0, end = sample->n, n_kept = 0;
    struct fences fences;

    if (sample->n == 0)
        return;
    fences = clean_fences(sample->sorted, sample->n, factor);
    for (size_t i = 0; i < sample->n; i++)
        if (!is_outside(sample->values[i], &fences))
            sample->values[n_kept++] = sample->values[i];
    while (first < end && sample->sorted[first] < fences.low)
        first++;
    while (end > first && sample->sorted[end - 1] > fences.high)
        end--;
    sample->sorted += first;
    sample->n = n_kept;
}

enum err_code clean_side(const struct pair_side *side, const struct metric_policy *policy,
                         struct arena *arena, struct sample *out, struct error *err)
{
    struct sample sample = {.values = arena_array(arena, double, side->n_values),
                            .sorted = arena_array(arena, double, side->n_values)};

    if (policy->outlier_strategy == OUTLIERS_REMOVE && !(policy->outlier_factor > 0))
        return error_set(err, ERR_INVALID, "the outlier factor must be greater than zero");
    for (size_t i = 0; i < side->n_values; i++) {
        double value = side->values[i];

        if (isnan(value)) {
            if (policy->nan_strategy == NAN_REMOVE)
                continue;
            value = 0;
        }
        sample.values[sample.n++] = value;
    }
    sort_doubles(sample.values, sample.n, sample.sorted, arena);
    if (policy->outlier_strategy == OUTLIERS_REMOVE)
        remove_outliers(&sample, policy->outlier_factor);
    *out = sample;
    return ERR_OK;
}
