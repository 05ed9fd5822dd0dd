/* judge/mann_whitney.h -- how far two samples are shifted, with a confidence interval, by inverting
 * the Mann-Whitney test. Pure.
 *
 * g(mu; q) is the standardised rank statistic of x - mu against y, less a quantile q:
 *
 *     d     = U - n m / 2            U counts the pairs with x - mu > y, ties one half
 *     c     = sign(d) / 2            continuity correction
 *     sigma = sqrt(n m / 12 * ((n + m + 1) - T / ((n + m)(n + m - 1))))   T the tie sum
 *     g     = (d - c) / sigma - q
 *
 * It falls as mu rises. The limits are its roots for q = -z and q = z, the estimate for q = 0, as
 * found by brent.h to an absolute 1e-4 between min x - max y and max x - min y. Values that are
 * small against 1e-4 thus get a wide interval: the verdict depends on the unit, as in Kayenta.
 * Source: Mann and Whitney, Ann. Math. Statist. 18(1), 1947; Bauer, JASA 67(339), 1972. */
#ifndef JUDGE_MANN_WHITNEY_H
#define JUDGE_MANN_WHITNEY_H

#include "base/arena.h"
#include "base/error.h"
#include <stddef.h>

struct mann_whitney {
    double lower, upper, estimate; /* of x against y, in the samples' unit; lower may exceed upper
                                      by about the solver's tolerance */
};

/* Which of the three searches use the continuity correction c. */
enum mann_whitney_correction {
    MANN_WHITNEY_CORRECT_ALL,    /* as Kayenta */
    MANN_WHITNEY_CORRECT_LIMITS, /* not the estimate, as R */
    MANN_WHITNEY_CORRECT_NONE,
};

/* x, y        sorted as sort.h does, in one unit; infinities allowed, NaN not
 * confidence  two-sided level, usually in (0, 1); 1 gives the widest interval
 * scratch     working memory, about 16 (n + m) bytes
 * out         written only on success
 *
 * Errors: ERR_INVALID      a sample is empty, or the level is outside [-1, 1]
 *         ERR_UNDECIDABLE  at a shift that was tried all values are tied */
MUST_CHECK enum err_code mann_whitney_interval(const double *x, size_t n, const double *y, size_t m,
                                               double confidence, struct arena *scratch,
                                               struct mann_whitney *out, struct error *err);

/* The same with a choice; mann_whitney_interval() corrects all. */
MUST_CHECK enum err_code mann_whitney_interval_as(const double *x, size_t n, const double *y,
                                                  size_t m, double confidence,
                                                  enum mann_whitney_correction correction,
                                                  struct arena *scratch, struct mann_whitney *out,
                                                  struct error *err);

#endif
