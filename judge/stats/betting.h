/* judge/stats/betting.h -- betting on the sign of the next difference of ranks. Pure.
 *
 *     s_t = G(x_t) - G(y_t), G the midrank distribution of all earlier points of both series
 *     E_t = mean over k of prod (1 + lambda_k s_i), lambda = -+{.05, .1, .2, .3, .45, .6, .8}
 *
 * Exact when x_t and y_t have the same distribution given the past, whatever they share (trend,
 * season); not when each series remembers its own past. A direction keeps the lambdas of one sign.
 * Source: Shekhar and Ramdas 2024; Waudby-Smith and Ramdas, JRSS B 2024. */
#ifndef JUDGE_STATS_BETTING_H
#define JUDGE_STATS_BETTING_H

#include "base/arena.h"
#include "judge/policy.h"
#include <stddef.h>

#define BETTING_MAX_LAMBDAS 14

struct betting {
    double log_e, max_log_e; /* after the pairs so far; both 0 before the first */
    size_t n_pairs;
    size_t n_lambdas;
    double lambdas[BETTING_MAX_LAMBDAS], log_products[BETTING_MAX_LAMBDAS];
    double *sorted; /* all points so far, ascending */
    size_t n_sorted, capacity;
    struct arena *arena;
};

/* The points are kept in `arena`. */
void betting_start(struct betting *bet, enum direction direction, struct arena *arena);

/* One more pair, no NaN. O(pairs so far) to keep the points sorted. */
void betting_add(struct betting *bet, double x, double y);

#endif
