/* base/worker_pool.h -- N threads, one queue of jobs. How much may wait is for those to bound who
 * accept work from outside; a job is a step of something that was accepted. */
#ifndef BASE_WORKER_POOL_H
#define BASE_WORKER_POOL_H

#include "base/error.h"
#include <stdint.h>

struct worker_pool;

/* `name` (at most 11 characters) shows in the thread list. ERR_INTERNAL when there are no threads.
 */
MUST_CHECK enum err_code worker_pool_create(const char *name, unsigned n_threads,
                                            struct worker_pool **out, struct error *err);

/* Run job(ctx) on some thread, in order of arrival. Never blocks. */
void worker_pool_submit(struct worker_pool *pool, void (*job)(void *ctx), void *ctx);

/* Jobs not yet taken by a thread. */
size_t worker_pool_queued(struct worker_pool *pool);

/* Run what is queued and join the threads. What is submitted later runs at once, on the thread that
 * submits it: for stopping two pools that hand work to each other. NULL is accepted. */
void worker_pool_stop(struct worker_pool *pool);

/* Stop, if that is still to be done. NULL is accepted. Nothing may submit any more. */
void worker_pool_free(struct worker_pool *pool);

#endif
