/* judge/stats/two_proportions.h -- errors among requests on two sides. Pure.
 *
 *     z             (p1 - p2) / sqrt(p (1 - p) (1/n1 + 1/n2)), p pooled; p_uncorrected two-sided
 *     p_corrected   the same with Yates' correction min(1/2, |x1 - expected|), as R's prop.test
 *     wald          p1 - p2 -+ z sqrt(p1 (1 - p1) / n1 + p2 (1 - p2) / n2), not pooled
 *     newcombe      from the two Wilson intervals (hybrid score, method 10); the verdict's interval
 *     p_fisher      the sum of all tables not more probable than this one, given the margins
 *
 * Source: Newcombe, Statist. Med. 17(8), 1998; Wilson, JASA 22, 1927. */
#ifndef JUDGE_STATS_TWO_PROPORTIONS_H
#define JUDGE_STATS_TWO_PROPORTIONS_H

#include <stdbool.h>

struct two_proportions {
    double p1, p2;        /* the shares x1 / n1, x2 / n2 */
    double difference;    /* p1 - p2 */
    double z;             /* 0 when both sides are all 0 or all 1 */
    double p_uncorrected; /* 1 then */
    double p_corrected;
    double wald_lower, wald_upper;
    double newcombe_lower, newcombe_upper;
    double p_fisher;
    bool is_small; /* an expected count is below 5: the verdict uses p_fisher */
    double wilson1_lower, wilson1_upper, wilson2_lower, wilson2_upper;
};

/* 0 <= x1 <= n1 and 0 <= x2 <= n2, n1, n2 >= 1, a fraction is cut off; alpha in (0, 1).
 * out is all NaN for arguments outside these ranges. */
void two_proportions_test(double x1, double n1, double x2, double n2, double alpha,
                          struct two_proportions *out);

#endif
