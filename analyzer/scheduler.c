#include "analyzer/scheduler.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_SLEEP_MS 1000 /* how late a jump of the wall clock may be noticed */

struct entry {
    int64_t due_unix_ms;
    char id[ULID_BYTES];
};

struct scheduler {
    void (*due)(void *ctx, const char *id);
    void *ctx;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool is_stopping;
    struct entry *heap; /* the earliest is heap[0] */
    size_t n_entries, capacity;
};

static bool is_before(const struct entry *a, const struct entry *b)
{
    return a->due_unix_ms != b->due_unix_ms ? a->due_unix_ms < b->due_unix_ms
                                            : strcmp(a->id, b->id) < 0;
}

static void swap(struct entry *a, struct entry *b)
{
    struct entry t = *a;

    *a = *b;
    *b = t;
}

static void heap_push(struct scheduler *s, struct entry entry)
{
    size_t i = s->n_entries++;

    if (i == s->capacity) {
        s->capacity = s->capacity ? s->capacity * 2 : 16;
        s->heap = mem_realloc(s->heap, s->capacity, sizeof(*s->heap));
    }
    s->heap[i] = entry;
    for (; i > 0 && is_before(&s->heap[i], &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&s->heap[i], &s->heap[(i - 1) / 2]);
}

static struct entry heap_pop(struct scheduler *s)
{
    struct entry first = s->heap[0];
    size_t i = 0;

    s->heap[0] = s->heap[--s->n_entries];
    for (;;) {
        size_t least = i;

        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < s->n_entries; child++)
            if (is_before(&s->heap[child], &s->heap[least]))
                least = child;
        if (least == i)
            return first;
        swap(&s->heap[i], &s->heap[least]);
        i = least;
    }
}

/* Under the lock: until the earliest is due, at most MAX_SLEEP_MS. */
static void sleep_until_due(struct scheduler *s)
{
    int64_t wait_ms = MAX_SLEEP_MS;
    int64_t until_ns;
    struct timespec until;

    if (s->n_entries == 0) {
        pthread_cond_wait(&s->wake, &s->lock);
        return;
    }
    if (s->heap[0].due_unix_ms - clock_wall_ms() < wait_ms)
        wait_ms = s->heap[0].due_unix_ms - clock_wall_ms();
    until_ns = clock_mono_ns() + (wait_ms > 0 ? wait_ms : 0) * NS_PER_MS;
    until.tv_sec = (time_t)(until_ns / NS_PER_S);
    until.tv_nsec = (long)(until_ns % NS_PER_S);
    pthread_cond_timedwait(&s->wake, &s->lock, &until);
}

static void *run(void *arg)
{
    struct scheduler *s = arg;

    pthread_mutex_lock(&s->lock);
    while (!s->is_stopping) {
        if (s->n_entries && s->heap[0].due_unix_ms <= clock_wall_ms()) {
            struct entry entry = heap_pop(s);

            pthread_mutex_unlock(&s->lock);
            s->due(s->ctx, entry.id);
            pthread_mutex_lock(&s->lock);
        } else {
            sleep_until_due(s);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

enum err_code scheduler_create(void (*due)(void *ctx, const char *id), void *ctx,
                               struct scheduler **out, struct error *err)
{
    struct scheduler *s = mem_alloc(1, sizeof(*s));
    pthread_condattr_t attr;
    int rc;

    s->due = due;
    s->ctx = ctx;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &attr);
    pthread_condattr_destroy(&attr);
    rc = pthread_create(&s->thread, NULL, run, s);
    if (rc) {
        free(s);
        return error_set(err, ERR_INTERNAL, "could not start the scheduler: %s", strerror(rc));
    }
    pthread_setname_np(s->thread, "scheduler");
    *out = s;
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
    free(s->heap);
    free(s);
}

void scheduler_add(struct scheduler *s, int64_t due_unix_ms, const char id[ULID_BYTES])
{
    struct entry entry = {.due_unix_ms = due_unix_ms};

    snprintf(entry.id, sizeof(entry.id), "%s", id);
    pthread_mutex_lock(&s->lock);
    heap_push(s, entry);
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}
