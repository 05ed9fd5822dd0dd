/* analyzer/events.h -- what happens to executions, told to whoever listens, as it happens.
 *
 * The hub keeps the latest events in one ring, bounded by count and by bytes. A subscription is a
 * place in that ring and a filter: it holds no events of its own, so a slow reader costs nobody
 * anything; when the ring has moved past its place, it is told that it has lost some and must read
 * the state again. Nothing polls: an idle subscription is woken from the thread that publishes.
 *
 * Any thread may call anything, but each subscription belongs to one caller at a time. */
#ifndef ANALYZER_EVENTS_H
#define ANALYZER_EVENTS_H

#include "base/error.h"
#include "base/str.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum event_kind {
    EVENT_ACCEPTED, /* durable; its turn will come */
    EVENT_STARTED,
    EVENT_PROGRESS, /* some of its queries have been answered */
    EVENT_INTERVAL, /* a judgement of this analysis has ended */
    EVENT_FINISHED, /* its end is durable */
    N_EVENT_KINDS,
};

/* "execution.accepted", "interval.finished", ... */
const char *event_name(enum event_kind kind);

/* Never changes once it is published. */
struct event {
    uint64_t id; /* one more than the event before; over restarts, too, it only grows */
    enum event_kind kind;
    const char *execution_id;
    const char *parent_id; /* the analysis it is a judgement of, or "" */
    const char *application;
    struct str data; /* one JSON object on one line */
    atomic_uint n_refs;
};

void event_release(const struct event *event); /* what events_next() gave; NULL is accepted */

struct events;
struct subscription;

#define EVENTS_MAX_COUNT 8192u              /* minutes of a busy service */
#define EVENTS_MAX_BYTES (4u * 1024 * 1024) /* the texts of all of them */

/* `first_id` is the id of the first event; events_first_id() gives one that grows over restarts. */
struct events *events_create(size_t max_count, size_t max_bytes, uint64_t first_id);
uint64_t events_first_id(void);          /* the wall clock in microseconds */
void events_free(struct events *events); /* no subscription may be left; NULL is accepted */

/* All texts are copied; `parent_id` may be NULL. Never waits for a subscriber. */
void events_publish(struct events *events, enum event_kind kind, const char *execution_id,
                    const char *parent_id, const char *application, struct str data);

/* Nothing more will happen: everybody is woken, and nobody can subscribe any more. What is in the
 * ring can still be read. */
void events_close(struct events *events);

uint64_t events_last_id(struct events *events); /* one less than the next event's */

/* --- listening --- */

struct event_filter {
    const char *execution_id; /* also the events of this analysis' judgements; NULL: any */
    const char *application;  /* NULL: any */
    unsigned kinds;           /* bits (1u << kind); 0: any */
};

#define EVENTS_FROM_OLDEST 0u /* all that the ring still has */
#define EVENTS_FROM_NOW UINT64_MAX

/* Listen for what came after event `after_id`. The filter's texts must outlive the subscription.
 * Errors: ERR_BUSY, reason draining: the hub is closed. */
MUST_CHECK enum err_code events_subscribe(struct events *events, const struct event_filter *filter,
                                          uint64_t after_id, struct subscription **out,
                                          struct error *err);
/* Once it returns, wake() of events_wait() neither runs nor will run. NULL is accepted. */
void events_unsubscribe(struct subscription *subscription);

enum events_state {
    EVENTS_ONE,    /* *out is the next one, for the caller to release */
    EVENTS_NONE,   /* nothing yet */
    EVENTS_LOST,   /* some are gone; what follows is what comes from now on. Told once */
    EVENTS_CLOSED, /* nothing, ever */
};
enum events_state events_next(struct subscription *subscription, const struct event **out);
/* Where it stands: the id of the last event it has seen or passed over. */
uint64_t events_position(struct subscription *subscription);

/* Call wake(ctx), once, as soon as events_next() has something else to say than EVENTS_NONE; at
 * once, from in here, if it has. wake() must neither wait nor call this hub. */
void events_wait(struct subscription *subscription, void (*wake)(void *ctx), void *ctx);
/* Never mind. Once it returns, wake() neither runs nor will run. */
void events_wait_cancel(struct subscription *subscription);

#endif
