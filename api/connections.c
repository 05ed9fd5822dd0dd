#include "api/connections.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/limits.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#define SWEEPER_STACK_BYTES (64u * KIB)

const struct connection_deadlines connection_deadlines_default = {
    .head_ms = HTTP_HEADER_DEADLINE_MS,
    .body_ms = HTTP_BODY_DEADLINE_MS,
    .send_ms = 300000, /* a 64 MiB answer at 220 KiB/s */
    .send_stall_ms = 30000,
    .idle_ms = (int64_t)HTTP_KEEPALIVE_IDLE_S * MS_PER_S + HTTP_HEADER_DEADLINE_MS,
    .beat_ms = HTTP_EVENT_BEAT_MS,
    .sweep_ms = 250,
};

struct connection {
    struct connection *next, **link; /* `link` points at what points here */
    int fd;
    enum connection_phase phase;
    bool is_shut, was_at_end;
    unsigned n_requests; /* only the HTTP thread looks at it */
    int64_t deadline_ms; /* monotonic; INT64_MAX: none */
    int64_t progress_ms; /* when acked_bytes last grew */
    uint64_t acked_bytes;
    void (*wake)(void *ctx); /* NULL: nobody watches */
    void *ctx;
    int64_t wake_ms;
};

struct connections {
    struct connection_deadlines deadlines;
    pthread_t sweeper;
    pthread_mutex_t lock; /* guards the list, everything in it but n_requests, and is_stopping */
    pthread_cond_t wake;
    struct connection *first;
    bool is_stopping;
};

/* What the peer has taken so far; never goes back. */
static uint64_t acked_bytes(int fd)
{
    struct tcp_info info = {0};
    socklen_t n_bytes = sizeof(info);

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n_bytes))
        return 0;
    return info.tcpi_bytes_acked;
}

/* Between two events there is nothing for the peer to take. */
static bool has_unsent(int fd)
{
    int n_bytes = 0;

    return ioctl(fd, SIOCOUTQ, &n_bytes) == 0 && n_bytes > 0;
}

static bool is_stalled(struct connection *c, int64_t now_ms, int64_t stall_ms)
{
    uint64_t acked;

    if (c->phase != PHASE_SENDING && c->phase != PHASE_STREAMING)
        return false;
    acked = acked_bytes(c->fd);
    if (acked != c->acked_bytes || (c->phase == PHASE_STREAMING && !has_unsent(c->fd))) {
        c->acked_bytes = acked;
        c->progress_ms = now_ms;
    }
    return now_ms - c->progress_ms >= stall_ms;
}

/* The peer has sent its last byte, which does not complete the request, or does not care for the
 * answer any more. The library overlooks an end that arrives together with data, and all of it on a
 * connection that waits. Seen twice, so that it has had the time to read what is there. */
static bool is_abandoned(struct connection *c)
{
    bool was_at_end = c->was_at_end;
    char byte;

    c->was_at_end = (c->phase == PHASE_HEAD || c->phase == PHASE_BODY || c->wake) &&
                    recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
    return was_at_end && c->was_at_end;
}

static void shut(struct connection *c, const char *status_line)
{
    char answer[128];
    int n = snprintf(answer, sizeof(answer),
                     "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", status_line);

    if (c->phase == PHASE_HEAD || c->phase == PHASE_BODY) /* nothing else is being sent then */
        (void)!send(c->fd, answer, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
    shutdown(c->fd, SHUT_RDWR);
    c->is_shut = true;
}

static void rouse(struct connection *c)
{
    void (*wake)(void *ctx) = c->wake;

    c->wake = NULL;
    wake(c->ctx);
}

static void *sweeper_main(void *arg)
{
    struct connections *connections = arg;

    pthread_mutex_lock(&connections->lock);
    while (!connections->is_stopping) {
        int64_t now_ms = clock_mono_ms(), until_ms = now_ms + connections->deadlines.sweep_ms;
        struct timespec until = {.tv_sec = until_ms / MS_PER_S,
                                 .tv_nsec = until_ms % MS_PER_S * NS_PER_MS};

        for (struct connection *c = connections->first; c; c = c->next) {
            if (!c->is_shut && (now_ms >= c->deadline_ms || is_abandoned(c) ||
                                is_stalled(c, now_ms, connections->deadlines.send_stall_ms)))
                shut(c, "408 Request Timeout");
            if (c->wake && (c->is_shut || now_ms >= c->wake_ms))
                rouse(c);
        }
        if (connections->first)
            pthread_cond_timedwait(&connections->wake, &connections->lock, &until);
        else /* nothing to watch, so no reason to wake up */
            pthread_cond_wait(&connections->wake, &connections->lock);
    }
    pthread_mutex_unlock(&connections->lock);
    return NULL;
}

enum err_code connections_create(const struct connection_deadlines *deadlines,
                                 struct connections **out, struct error *err)
{
    struct connections *connections = mem_alloc(1, sizeof(*connections));
    pthread_condattr_t clock;
    pthread_attr_t attr;
    int failed;

    connections->deadlines = *deadlines;
    pthread_mutex_init(&connections->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&connections->wake, &clock);
    pthread_condattr_destroy(&clock);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, SWEEPER_STACK_BYTES);
    failed = pthread_create(&connections->sweeper, &attr, sweeper_main, connections);
    pthread_attr_destroy(&attr);
    if (failed) {
        pthread_cond_destroy(&connections->wake);
        pthread_mutex_destroy(&connections->lock);
        free(connections);
        return error_set(err, ERR_INTERNAL, "could not start a thread: %s", strerror(failed));
    }
    pthread_setname_np(connections->sweeper, "http-sweeper");
    *out = connections;
    return ERR_OK;
}

void connections_free(struct connections *connections)
{
    if (!connections)
        return;
    pthread_mutex_lock(&connections->lock);
    connections->is_stopping = true;
    pthread_cond_signal(&connections->wake);
    pthread_mutex_unlock(&connections->lock);
    pthread_join(connections->sweeper, NULL);
    pthread_cond_destroy(&connections->wake);
    pthread_mutex_destroy(&connections->lock);
    free(connections);
}

struct connection *connections_add(struct connections *connections, int fd)
{
    struct connection *c = mem_alloc(1, sizeof(*c));

    c->fd = fd;
    c->phase = PHASE_HEAD;
    c->deadline_ms = clock_mono_ms() + connections->deadlines.head_ms;
    pthread_mutex_lock(&connections->lock);
    c->next = connections->first;
    c->link = &connections->first;
    if (c->next)
        c->next->link = &c->next;
    else
        pthread_cond_signal(&connections->wake);
    connections->first = c;
    pthread_mutex_unlock(&connections->lock);
    return c;
}

void connections_remove(struct connections *connections, struct connection *connection)
{
    pthread_mutex_lock(&connections->lock);
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    pthread_mutex_unlock(&connections->lock);
    free(connection);
}

void connection_enter(struct connections *connections, struct connection *connection,
                      enum connection_phase phase)
{
    const struct connection_deadlines *d = &connections->deadlines;
    const int64_t limits_ms[] = {
        [PHASE_HEAD] = d->head_ms,    [PHASE_BODY] = d->body_ms,     [PHASE_WORKING] = INT64_MAX,
        [PHASE_SENDING] = d->send_ms, [PHASE_STREAMING] = INT64_MAX, [PHASE_IDLE] = d->idle_ms,
    };
    int64_t now_ms = clock_mono_ms();

    pthread_mutex_lock(&connections->lock);
    if (phase != PHASE_HEAD || connection->phase != PHASE_HEAD) {
        connection->phase = phase;
        connection->progress_ms = now_ms;
        connection->was_at_end = false;
        if (__builtin_add_overflow(now_ms, limits_ms[phase], &connection->deadline_ms))
            connection->deadline_ms = INT64_MAX;
    }
    pthread_mutex_unlock(&connections->lock);
}

void connection_refuse(struct connections *connections, struct connection *connection,
                       const char *status_line)
{
    pthread_mutex_lock(&connections->lock);
    if (!connection->is_shut)
        shut(connection, status_line);
    pthread_mutex_unlock(&connections->lock);
}

int64_t connections_beat_ms(const struct connections *connections)
{
    return connections->deadlines.beat_ms;
}

void connection_watch(struct connections *connections, struct connection *connection,
                      int64_t until_mono_ms, void (*wake)(void *ctx), void *ctx)
{
    pthread_mutex_lock(&connections->lock);
    connection->wake = wake;
    connection->ctx = ctx;
    connection->wake_ms = until_mono_ms;
    pthread_mutex_unlock(&connections->lock);
}

void connection_unwatch(struct connections *connections, struct connection *connection)
{
    pthread_mutex_lock(&connections->lock);
    connection->wake = NULL;
    pthread_mutex_unlock(&connections->lock);
}

unsigned connection_count_request(struct connection *connection)
{
    return ++connection->n_requests;
}
