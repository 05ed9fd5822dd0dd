#include "base/worker_pool.h"

#include "base/arena.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The deepest user is SQLite's parser; 256 KiB is ample and keeps idle memory small. */
#define WORKER_STACK_BYTES (256u * 1024u)

struct job {
    struct job *next;
    void (*run)(void *ctx);
    void *ctx;
};

struct worker_pool {
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct job *first, **last;
    size_t n_queued;
    bool is_stopping, has_stopped;

    size_t n_threads;
    pthread_t threads[];
};

/* Under the lock, which is given up while a job runs: until none is queued. */
static void run_queued(struct worker_pool *pool)
{
    struct job *job;

    while ((job = pool->first) != NULL) {
        pool->first = job->next;
        if (!pool->first)
            pool->last = &pool->first;
        pool->n_queued--;
        pthread_mutex_unlock(&pool->lock);
        job->run(job->ctx);
        free(job);
        pthread_mutex_lock(&pool->lock);
    }
}

static void *worker_main(void *arg)
{
    struct worker_pool *pool = arg;

    pthread_mutex_lock(&pool->lock);
    run_queued(pool);
    while (!pool->is_stopping) {
        pthread_cond_wait(&pool->wake, &pool->lock);
        run_queued(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

enum err_code worker_pool_create(const char *name, unsigned n_threads, struct worker_pool **out,
                                 struct error *err)
{
    struct worker_pool *pool = mem_alloc(1, sizeof(*pool) + n_threads * sizeof(pthread_t));
    pthread_attr_t attr;
    char thread_name[16];
    int failed = 0;

    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->last = &pool->first;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, WORKER_STACK_BYTES);
    for (unsigned i = 0; i < n_threads && !failed; i++) {
        failed = pthread_create(&pool->threads[i], &attr, worker_main, pool);
        if (failed)
            break;
        snprintf(thread_name, sizeof(thread_name), "%.11s-%u", name, i % 1000);
        pthread_setname_np(pool->threads[i], thread_name);
        pool->n_threads++;
    }
    pthread_attr_destroy(&attr);
    if (failed) {
        worker_pool_free(pool);
        return error_set(err, ERR_INTERNAL, "could not start thread %s: %s", name,
                         strerror(failed));
    }
    *out = pool;
    return ERR_OK;
}

void worker_pool_submit(struct worker_pool *pool, void (*run)(void *ctx), void *ctx)
{
    struct job *job = mem_alloc(1, sizeof(*job));
    bool has_stopped;

    job->run = run;
    job->ctx = ctx;
    pthread_mutex_lock(&pool->lock);
    has_stopped = pool->has_stopped;
    if (!has_stopped) {
        *pool->last = job;
        pool->last = &job->next;
        pool->n_queued++;
        pthread_cond_signal(&pool->wake);
    }
    pthread_mutex_unlock(&pool->lock);
    if (has_stopped) {
        free(job);
        run(ctx);
    }
}

size_t worker_pool_queued(struct worker_pool *pool)
{
    size_t n;

    pthread_mutex_lock(&pool->lock);
    n = pool->n_queued;
    pthread_mutex_unlock(&pool->lock);
    return n;
}

void worker_pool_stop(struct worker_pool *pool)
{
    if (!pool || pool->has_stopped)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->is_stopping = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->n_threads; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_mutex_lock(&pool->lock);
    run_queued(pool); /* what came in after the last thread had looked */
    pool->has_stopped = true;
    pthread_mutex_unlock(&pool->lock);
}

void worker_pool_free(struct worker_pool *pool)
{
    if (!pool)
        return;
    worker_pool_stop(pool);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
