/* judge/stats/multinomial.h -- two histograms per interval, looked at every interval: has any part
 * of the distribution changed? Pure.
 *
 * Per interval bucket counts a (canary) and b (baseline), with totals n_a, n_b. From earlier
 * intervals p^a = (counts + prior) / (total + K prior), p^b likewise, p^0 = (n_a p^a + n_b p^b) /
 * (n_a + n_b), and log E grows by sum_k a_k ln(p^a_k / p^0_k) + b_k ln(p^b_k / p^0_k). The first
 * interval never bets. Exact, also when the common distribution changes from interval to interval;
 * the requests of an interval must be independent. K = 2 compares two error proportions.
 * Source: Turner, Ly and Gruenwald, J. Statist. Plann. Inference 2024. */
#ifndef JUDGE_STATS_MULTINOMIAL_H
#define JUDGE_STATS_MULTINOMIAL_H

#include "base/arena.h"
#include <stddef.h>

#define MULTINOMIAL_PRIOR_DEFAULT 0.5

struct multinomial_e {
    double log_e, max_log_e; /* after the intervals so far; both 0 before the first */
    size_t n_buckets, n_intervals;
    double prior;
    double *sums_a, *sums_b; /* counts of the intervals so far, n_buckets each */
    double total_a, total_b;
};

/* n_buckets >= 1, prior > 0; the sums live in `arena`. */
void multinomial_e_start(struct multinomial_e *process, size_t n_buckets, double prior,
                         struct arena *arena);

/* One more interval: n_buckets counts >= 0 a side. */
void multinomial_e_add(struct multinomial_e *process, const double *a, const double *b);

#endif
