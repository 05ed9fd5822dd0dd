/* judge/rate_counts.h -- numbers of events and what they are counted against (requests, seconds),
 * read from a metric and its exposure metric for Rate-v1.0. Pure. */
#ifndef JUDGE_RATE_COUNTS_H
#define JUDGE_RATE_COUNTS_H

#include "judge/judge.h"

/* One side: events and exposures of the intervals that have both, oldest first. Of
 * paired points they are the same intervals on both sides. */
struct rate_side {
    double *events, *exposure;
    size_t n;
    double total, exposed;
    double rate; /* events by exposure */
};

/* Read both sides. Without an exposure metric each interval has the exposure 1. They live in
 * `scratch`, a reason in `arena`; report->n is filled. False: the report says why they are no
 * counts (DECISION_ERROR) or none (DECISION_NO_DATA). */
bool rate_counts_read(const struct test_input *input, struct arena *scratch, struct arena *arena,
                      struct rate_side out[N_SIDES], struct test_report *report);

#endif
