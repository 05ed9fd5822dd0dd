/* analyzer/scheduler.h -- one sleeping thread that looks for work: when the time has come that it
 * was told at its last look, and whenever it is nudged. It waits on the monotonic clock in short
 * stretches, so that a jump of the wall clock shows within a second. */
#ifndef ANALYZER_SCHEDULER_H
#define ANALYZER_SCHEDULER_H

#include "base/error.h"
#include <stdint.h>

struct scheduler;

/* look(ctx) runs on the scheduler's thread, must not take long, and returns when it wants to look
 * again at the latest (Unix time in ms; INT64_MAX: only when nudged). The first look is at once. */
MUST_CHECK enum err_code scheduler_create(int64_t (*look)(void *ctx), void *ctx,
                                          struct scheduler **out, struct error *err);
/* It does not look any more. NULL is accepted by both. */
void scheduler_stop(struct scheduler *scheduler);
void scheduler_free(struct scheduler *scheduler);

/* Look soon; any thread. */
void scheduler_nudge(struct scheduler *scheduler);

#endif
