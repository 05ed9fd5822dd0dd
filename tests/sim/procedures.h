/* tests/sim/procedures.h -- the ways a row's data can be judged; each fills trial->is_flagged. */
#ifndef TESTS_SIM_PROCEDURES_H
#define TESTS_SIM_PROCEDURES_H

#include "tests/sim/frame.h"

/* Once, at the end: cell->judge, with cell->n_windows earlier windows to calibrate it. */
void judge_once(const struct cell *cell, struct trial *trial);

/* The Sequential judge looks at every minute by itself: the minute of its alarm. */
void judge_sequence(const struct cell *cell, struct trial *trial);

/* The same for histograms of HISTOGRAM_REQUESTS per minute and side, one pair a bucket; those of
 * the canary take cell->data.factor times as long. */
#define HISTOGRAM_REQUESTS 200u
void judge_histograms(const struct cell *cell, struct trial *trial);

/* cell->judge on the first first_look, first_look + 1, .. n minutes, until it raises an alarm. */
void judge_every_minute(const struct cell *cell, struct trial *trial);

/* A test of two proportions on the totals so far, every minute, at cell->alpha. */
void z_test_every_minute(const struct cell *cell, struct trial *trial);

/* Flagged: some power of two, from -40 to 40, makes a difference to the verdict, a p-value or the
 * score. Counts keep their unit; their exposure is what is scaled. */
void judge_scaled(const struct cell *cell, struct trial *trial);

#endif
