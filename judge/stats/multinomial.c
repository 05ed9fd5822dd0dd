#include "judge/stats/multinomial.h"

#include <math.h>

void multinomial_e_start(struct multinomial_e *process, size_t n_buckets, double prior,
                         struct arena *arena)
{
    *process = (struct multinomial_e){.n_buckets = n_buckets, .prior = prior};
    process->sums_a = arena_array(arena, double, n_buckets);
    process->sums_b = arena_array(arena, double, n_buckets);
}

void multinomial_e_add(struct multinomial_e *process, const double *a, const double *b)
{
    double all = process->prior * (double)process->n_buckets;
    double n_a = 0, n_b = 0;

    for (size_t k = 0; k < process->n_buckets; k++) {
        n_a += a[k];
        n_b += b[k];
    }
    for (size_t k = 0; k < process->n_buckets && n_a + n_b > 0; k++) {
        double p_a = (process->sums_a[k] + process->prior) / (process->total_a + all);
        double p_b = (process->sums_b[k] + process->prior) / (process->total_b + all);
        double p_0 = n_a / (n_a + n_b) * p_a + n_b / (n_a + n_b) * p_b;

        process->log_e += a[k] * log(p_a / p_0) + b[k] * log(p_b / p_0);
    }
    for (size_t k = 0; k < process->n_buckets; k++) {
        process->sums_a[k] += a[k];
        process->sums_b[k] += b[k];
    }
    process->total_a += n_a;
    process->total_b += n_b;
    process->max_log_e = fmax(process->max_log_e, process->log_e);
    process->n_intervals++;
}
