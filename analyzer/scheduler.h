/* analyzer/scheduler.h -- a heap of due times and one sleeping thread. It says what is due and
 * computes nothing. Waiting uses the monotonic clock in short stretches, so that a jump of the wall
 * clock shows within a second. */
#ifndef ANALYZER_SCHEDULER_H
#define ANALYZER_SCHEDULER_H

#include "base/error.h"
#include "base/id.h"
#include <stdint.h>

struct scheduler;

/* due(ctx, id) is called on the scheduler's thread and must only hand the work on. */
MUST_CHECK enum err_code scheduler_create(void (*due)(void *ctx, const char *id), void *ctx,
                                          struct scheduler **out, struct error *err);
/* No due() is called any more; what is added from now on never comes due. NULL is accepted by both.
 */
void scheduler_stop(struct scheduler *scheduler);
void scheduler_free(struct scheduler *scheduler);

/* Call due() for this id once, at `due_unix_ms` or as soon as possible after it. */
void scheduler_add(struct scheduler *scheduler, int64_t due_unix_ms, const char id[ULID_BYTES]);

#endif
