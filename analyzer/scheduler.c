#include "analyzer/scheduler.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_SLEEP_MS 1000 /* how late a jump of the wall clock may be noticed */

struct scheduler {
    int64_t (*look)(void *ctx);
    void *ctx;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool is_stopping, is_nudged;
};

/* Under the lock: until it is `due_unix_ms`, at most MAX_SLEEP_MS. */
static void sleep_until(struct scheduler *s, int64_t due_unix_ms)
{
    int64_t now_unix_ms = clock_wall_ms();
    int64_t wait_ms = due_unix_ms > now_unix_ms + MAX_SLEEP_MS ? MAX_SLEEP_MS
                      : due_unix_ms > now_unix_ms              ? due_unix_ms - now_unix_ms
                                                               : 0;
    int64_t until_ns = clock_mono_ns() + wait_ms * NS_PER_MS;
    const struct timespec until = {
        .tv_sec = (time_t)(until_ns / NS_PER_S),
        .tv_nsec = (long)(until_ns % NS_PER_S),
    };

    if (due_unix_ms == INT64_MAX)
        pthread_cond_wait(&s->wake, &s->lock);
    else
        pthread_cond_timedwait(&s->wake, &s->lock, &until);
}

static void *run(void *arg)
{
    struct scheduler *s = arg;
    int64_t due_unix_ms = INT64_MIN, last_unix_ms = INT64_MIN;

    pthread_mutex_lock(&s->lock);
    while (!s->is_stopping) {
        int64_t now_unix_ms = clock_wall_ms();
        bool is_set_back = now_unix_ms < last_unix_ms; /* then "a little later" is far away */

        last_unix_ms = now_unix_ms;
        if (!s->is_nudged && !is_set_back && due_unix_ms > now_unix_ms) {
            sleep_until(s, due_unix_ms);
            continue;
        }
        s->is_nudged = false;
        pthread_mutex_unlock(&s->lock);
        due_unix_ms = s->look(s->ctx);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

enum err_code scheduler_create(int64_t (*look)(void *ctx), void *ctx, struct scheduler **out,
                               struct error *err)
{
    struct scheduler *s = mem_alloc(1, sizeof(*s));
    pthread_condattr_t attr;
    int rc;

    s->look = look;
    s->ctx = ctx;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &attr);
    pthread_condattr_destroy(&attr);
    *out = s; /* look() may nudge before we return */
    rc = pthread_create(&s->thread, NULL, run, s);
    if (rc) {
        free(s);
        *out = NULL;
        return error_set(err, ERR_INTERNAL, "could not start the scheduler: %s", strerror(rc));
    }
    pthread_setname_np(s->thread, "scheduler");
    return ERR_OK;
}

void scheduler_stop(struct scheduler *s)
{
    bool was_stopping;

    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    was_stopping = s->is_stopping;
    s->is_stopping = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    if (!was_stopping)
        pthread_join(s->thread, NULL);
}

void scheduler_free(struct scheduler *s)
{
    if (!s)
        return;
    scheduler_stop(s);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void scheduler_nudge(struct scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    s->is_nudged = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}
