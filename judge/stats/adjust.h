/* judge/stats/adjust.h -- p-values of several tests, adjusted for their number. Pure; O(n log n).
 */
#ifndef JUDGE_STATS_ADJUST_H
#define JUDGE_STATS_ADJUST_H

#include "base/arena.h"
#include <stddef.h>

enum adjust_method {
    ADJUST_BH,         /* Benjamini and Hochberg 1995: false discovery rate */
    ADJUST_HOLM,       /* Holm 1979: family-wise */
    ADJUST_BY,         /* Benjamini and Yekutieli 2001: BH under any dependence */
    ADJUST_HOCHBERG,   /* Hochberg 1988: family-wise, independent tests */
    ADJUST_BONFERRONI, /* family-wise */
};

/* p       n p-values in [0, 1], no NaN
 * out     the adjusted ones in input order, at most 1; equal p give equal values. May be `p`. */
void adjust_p_values(const double *p, size_t n, enum adjust_method method, struct arena *scratch,
                     double *out);

#endif
