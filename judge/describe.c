#include "judge/describe.h"

#include <math.h>

double describe_percentile(const double *sorted, size_t n, double p)
{
    double position = 1 + (double)(n - 1) * (p / 100);
    double whole = floor(position);
    size_t below = (size_t)whole - 1;

    if (below + 1 >= n)
        return sorted[n - 1];
    return sorted[below] + (position - whole) * (sorted[below + 1] - sorted[below]);
}

/* One number a side, added and multiplied lane by lane. */
typedef double both __attribute__((vector_size(16)));

/* Sums of (v - offset) and of its square. */
struct sums {
    both plain, square;
};

static struct sums sum_sides(const struct sample samples[N_SIDES], both offset)
{
    const double *first = samples[0].values, *second = samples[1].values;
    size_t n_common = samples[0].n < samples[1].n ? samples[0].n : samples[1].n;
    struct sums sums = {{0, 0}, {0, 0}};

    for (size_t i = 0; i < n_common; i++) {
        both d = (both){first[i], second[i]} - offset;

        sums.plain += d;
        sums.square += d * d;
    }
    for (int side = 0; side < N_SIDES; side++) {
        for (size_t i = n_common; i < samples[side].n; i++) {
            double d = samples[side].values[i] - offset[side];

            sums.plain[side] += d;
            sums.square[side] += d * d;
        }
    }
    return sums;
}

void describe_sides(const struct sample samples[N_SIDES], struct side_stats out[N_SIDES])
{
    const both n = {(double)samples[0].n, (double)samples[1].n};
    both mean = sum_sides(samples, (both){0, 0}).plain / n;
    struct sums around;

    mean += sum_sides(samples, mean).plain / n;
    around = sum_sides(samples, mean);
    for (int side = 0; side < N_SIDES; side++) {
        const struct sample *sample = &samples[side];

        out[side] = (struct side_stats){.count = sample->n};
        if (sample->n == 0)
            continue;
        out[side].min = sample->sorted[0];
        out[side].max = sample->sorted[sample->n - 1];
        out[side].mean = mean[side];
        if (sample->n > 1)
            out[side].std =
                sqrt((around.square[side] - around.plain[side] * around.plain[side] / n[side]) /
                     (n[side] - 1));
    }
}
