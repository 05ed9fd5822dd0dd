#include "judge/stats/adjust.h"

#include <stdbool.h>
#include <stdlib.h>

struct ranked {
    double p;
    size_t index;
};

static int by_p(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;

    if (left->p != right->p)
        return left->p < right->p ? -1 : 1;
    return left->index < right->index ? -1 : left->index > right->index;
}

/* What the p-value of rank i (from 0) of n is multiplied by. */
static double factor(enum adjust_method method, size_t i, size_t n, double harmonic)
{
    switch (method) {
    case ADJUST_BH:
        return (double)n / (double)(i + 1);
    case ADJUST_BY:
        return harmonic * (double)n / (double)(i + 1);
    case ADJUST_BONFERRONI:
        return (double)n;
    case ADJUST_HOLM:
    case ADJUST_HOCHBERG:
    default:
        return (double)(n - i);
    }
}

void adjust_p_values(const double *p, size_t n, enum adjust_method method, struct arena *scratch,
                     double *out)
{
    struct ranked *order = arena_array(scratch, struct ranked, n);
    double harmonic = 0, bound;
    /* Step down: no smaller than any before; step up: no larger than any after. */
    bool is_up = method == ADJUST_BH || method == ADJUST_BY || method == ADJUST_HOCHBERG;

    for (size_t i = 0; i < n; i++) {
        order[i] = (struct ranked){.p = p[i], .index = i};
        harmonic += 1 / (double)(i + 1);
    }
    if (n)
        qsort(order, n, sizeof(*order), by_p);
    bound = is_up ? 1 : 0;
    for (size_t step = 0; step < n; step++) {
        size_t i = is_up ? n - 1 - step : step;
        double adjusted = factor(method, i, n, harmonic) * order[i].p;

        adjusted = adjusted < 1 ? adjusted : 1;
        if (is_up ? adjusted < bound : adjusted > bound)
            bound = adjusted;
        out[order[i].index] = bound;
    }
}
