#include "judge/shift.h"

#include "judge/order.h"

#include <math.h>

struct shift {
    const double *x, *y;
    size_t n, m;
};

struct shift *shift_create(const double *x, size_t n, const double *y, size_t m,
                           struct arena *arena)
{
    struct shift *shift = arena_new(arena, struct shift);

    *shift = (struct shift){.x = x, .y = y, .n = n, .m = m};
    return shift;
}

static int64_t shifted_key(double x, double mu)
{
    double value = x - mu;

    return order_key(isnan(value) ? INFINITY : value);
}

static struct shift_count merge(const struct shift *shift, double mu)
{
    struct shift_count count = {0};
    size_t i = 0, j = 0;

    while (i < shift->n || j < shift->m) {
        int64_t x = i < shift->n ? shifted_key(shift->x[i], mu) : INT64_MAX;
        int64_t y = j < shift->m ? order_key(shift->y[j]) : INT64_MAX;
        int64_t value = x < y ? x : y;
        size_t first_i = i, first_j = j;
        double n_tied;

        while (i < shift->n && shifted_key(shift->x[i], mu) == value)
            i++;
        while (j < shift->m && order_key(shift->y[j]) == value)
            j++;
        n_tied = (double)(i - first_i + j - first_j);
        count.u += (double)(i - first_i) * ((double)first_j + (double)(j - first_j) / 2);
        count.tie_sum += n_tied * n_tied * n_tied - n_tied;
    }
    return count;
}

void shift_count(struct shift *shift, const double *mu, size_t n_mu, struct shift_count *out)
{
    for (size_t k = 0; k < n_mu; k++)
        out[k] = merge(shift, mu[k]);
}
