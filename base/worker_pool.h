/* base/worker_pool.h -- N threads, one bounded queue of jobs. */
#ifndef BASE_WORKER_POOL_H
#define BASE_WORKER_POOL_H

#include "base/error.h"
#include <stdint.h>

struct worker_pool;

/* `name` (at most 12 characters) shows in the thread list. `max_queued` bounds jobs not yet taken.
 */
MUST_CHECK enum err_code worker_pool_create(const char *name, unsigned n_threads, size_t max_queued,
                                            struct worker_pool **out, struct error *err);

/* Run job(ctx) on some thread, in order of arrival. ERR_BUSY (queue_full) when the queue is full or
 * the pool is stopping; the job is then not run. Never blocks. */
MUST_CHECK enum err_code worker_pool_submit(struct worker_pool *pool, void (*job)(void *ctx),
                                            void *ctx, struct error *err);

/* As submit, past the bound: for work that an accepted execution still needs to end. */
void worker_pool_submit_always(struct worker_pool *pool, void (*job)(void *ctx), void *ctx);

size_t worker_pool_queued(struct worker_pool *pool);

/* Run what is queued, stop, join. NULL is accepted. Nothing may submit any more. */
void worker_pool_free(struct worker_pool *pool);

#endif
