/* analyzer/aa_history.h -- pairs without a change between their sides, from series that were
 * fetched over a long span. Pure. */
#ifndef ANALYZER_AA_HISTORY_H
#define ANALYZER_AA_HISTORY_H

#include "analyzer/backtest.h"
#include "analyzer/plan.h"

/* How often the two sides of each metric may be compared, in the order of the config:
 *
 * two scopes     as the mixer pairs them (judgement.h)
 * one, several series   the mean of the series with an even place in the reply against the mean of
 *                the others, minute by minute, over those that have a value; one pair
 * one, one series       the series against itself, to be sliced with the window before
 *
 * sets  all of a side, matched to metrics by name; values are borrowed
 *
 * Errors: those of judgement_mix(). */
MUST_CHECK enum err_code aa_history_pairs(const struct canary_plan *plan,
                                          const struct metric_set_list sets[N_SIDES],
                                          struct arena *arena, struct aa_pair **out, size_t *n_out,
                                          struct error *err);

#endif
