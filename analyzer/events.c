/* One lock guards the ring and the list of subscriptions. Ids have no gaps, so an event's place in
 * the ring follows from its id. An idle subscription is looked at for each event that is published:
 * it is woken, or its place moves on, so that it never falls behind for want of anything to read.
 */
#include "analyzer/events.h"

#include "base/arena.h"
#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct subscription {
    struct events *events;
    struct event_filter filter;
    struct subscription *next, **link; /* `link` points at what points here */
    uint64_t position;                 /* id of the last event seen or passed over */
    bool has_lost;
    void (*wake)(void *ctx); /* NULL: it is not waiting */
    void *ctx;
};

struct events {
    pthread_mutex_t lock; /* guards all of this and every subscription */
    struct event **ring;
    size_t max_count, max_bytes, first, count, n_bytes; /* `first` indexes the oldest */
    uint64_t next_id;
    struct subscription *subscriptions;
    bool is_closed;
};

const char *event_name(enum event_kind kind)
{
    static const char *const names[N_EVENT_KINDS] = {
        [EVENT_ACCEPTED] = "execution.accepted", [EVENT_STARTED] = "execution.started",
        [EVENT_PROGRESS] = "execution.progress", [EVENT_INTERVAL] = "interval.finished",
        [EVENT_FINISHED] = "execution.finished",
    };

    return names[kind];
}

/* --- events --- */

static size_t event_bytes(const struct event *event)
{
    return sizeof(*event) + strlen(event->execution_id) + strlen(event->parent_id) +
           strlen(event->application) + event->data.n_bytes;
}

/* One block: the event, then its texts. */
static struct event *event_create(enum event_kind kind, const char *execution_id,
                                  const char *parent_id, const char *application, struct str data)
{
    const struct str texts[] = {str_of(execution_id), str_of(parent_id ? parent_id : ""),
                                str_of(application), data};
    const char *at[ARRAY_LEN(texts)];
    size_t n_bytes = sizeof(struct event);
    struct event *event;
    char *to;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        n_bytes += texts[i].n_bytes + 1;
    event = mem_alloc(1, n_bytes);
    to = (char *)(event + 1);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        at[i] = to;
        if (texts[i].n_bytes)
            memcpy(to, texts[i].bytes, texts[i].n_bytes);
        to += texts[i].n_bytes + 1; /* the block was zeroed */
    }
    event->kind = kind;
    event->execution_id = at[0];
    event->parent_id = at[1];
    event->application = at[2];
    event->data = (struct str){at[3], data.n_bytes};
    atomic_init(&event->n_refs, 1);
    return event;
}

void event_release(const struct event *event)
{
    struct event *owned = (struct event *)(uintptr_t)event;

    if (owned && atomic_fetch_sub(&owned->n_refs, 1) == 1)
        free(owned);
}

/* --- the hub --- */

struct events *events_create(size_t max_count, size_t max_bytes, uint64_t first_id)
{
    struct events *events = mem_alloc(1, sizeof(*events));

    pthread_mutex_init(&events->lock, NULL);
    events->ring = mem_alloc(max_count, sizeof(struct event *));
    events->max_count = max_count;
    events->max_bytes = max_bytes;
    events->next_id = first_id;
    return events;
}

uint64_t events_first_id(void)
{
    return (uint64_t)clock_wall_ns() / 1000;
}

static void drop_oldest(struct events *events)
{
    struct event *oldest = events->ring[events->first];

    events->first = (events->first + 1) % events->max_count;
    events->count--;
    events->n_bytes -= event_bytes(oldest);
    event_release(oldest);
}

void events_free(struct events *events)
{
    if (!events)
        return;
    while (events->count)
        drop_oldest(events);
    free(events->ring);
    pthread_mutex_destroy(&events->lock);
    free(events);
}

static bool is_wanted(const struct event_filter *filter, const struct event *event)
{
    if (filter->kinds && !(filter->kinds & 1u << event->kind))
        return false;
    if (filter->execution_id && strcmp(filter->execution_id, event->execution_id) != 0 &&
        strcmp(filter->execution_id, event->parent_id) != 0)
        return false;
    return !filter->application || strcmp(filter->application, event->application) == 0;
}

static void wake(struct subscription *subscription)
{
    void (*call)(void *ctx) = subscription->wake;

    subscription->wake = NULL;
    call(subscription->ctx);
}

void events_publish(struct events *events, enum event_kind kind, const char *execution_id,
                    const char *parent_id, const char *application, struct str data)
{
    struct event *event = event_create(kind, execution_id, parent_id, application, data);

    pthread_mutex_lock(&events->lock);
    event->id = events->next_id++;
    events->n_bytes += event_bytes(event);
    while (events->count &&
           (events->count == events->max_count || events->n_bytes > events->max_bytes))
        drop_oldest(events);
    events->ring[(events->first + events->count++) % events->max_count] = event;
    for (struct subscription *s = events->subscriptions; s; s = s->next) {
        if (!s->wake)
            continue;
        if (is_wanted(&s->filter, event))
            wake(s);
        else
            s->position = event->id;
    }
    pthread_mutex_unlock(&events->lock);
}

void events_close(struct events *events)
{
    pthread_mutex_lock(&events->lock);
    events->is_closed = true;
    for (struct subscription *s = events->subscriptions; s; s = s->next)
        if (s->wake)
            wake(s);
    pthread_mutex_unlock(&events->lock);
}

uint64_t events_last_id(struct events *events)
{
    uint64_t id;

    pthread_mutex_lock(&events->lock);
    id = events->next_id - 1;
    pthread_mutex_unlock(&events->lock);
    return id;
}

/* --- listening --- */

enum err_code events_subscribe(struct events *events, const struct event_filter *filter,
                               uint64_t after_id, struct subscription **out, struct error *err)
{
    struct subscription *s;

    pthread_mutex_lock(&events->lock);
    if (events->is_closed) {
        error_because(err, ERR_BUSY, "draining", "the service is stopping; try again later");
    } else {
        s = mem_alloc(1, sizeof(*s));
        s->events = events;
        s->filter = *filter;
        s->position = events->next_id - 1;
        if (after_id == EVENTS_FROM_OLDEST)
            s->position -= events->count;
        else if (after_id > s->position || after_id < s->position - events->count)
            s->has_lost = after_id != EVENTS_FROM_NOW;
        else
            s->position = after_id;
        s->next = events->subscriptions;
        s->link = &events->subscriptions;
        if (s->next)
            s->next->link = &s->next;
        events->subscriptions = s;
        *out = s;
    }
    pthread_mutex_unlock(&events->lock);
    return err->code;
}

void events_unsubscribe(struct subscription *subscription)
{
    struct events *events;

    if (!subscription)
        return;
    events = subscription->events;
    pthread_mutex_lock(&events->lock);
    *subscription->link = subscription->next;
    if (subscription->next)
        subscription->next->link = subscription->link;
    pthread_mutex_unlock(&events->lock);
    free(subscription);
}

/* Move on to the next event it wants, without taking it. NULL: there is none. Under the lock. */
static struct event *seek(struct subscription *s)
{
    struct events *events = s->events;
    uint64_t oldest_id = events->next_id - events->count;

    if (s->position + 1 < oldest_id) {
        s->has_lost = true;
        s->position = events->next_id - 1;
    }
    for (; s->position + 1 < events->next_id; s->position++) {
        size_t i = (size_t)(s->position + 1 - oldest_id);
        struct event *event = events->ring[(events->first + i) % events->max_count];

        if (is_wanted(&s->filter, event))
            return event;
    }
    return NULL;
}

enum events_state events_next(struct subscription *subscription, const struct event **out)
{
    struct events *events = subscription->events;
    enum events_state state = EVENTS_NONE;
    struct event *event;

    pthread_mutex_lock(&events->lock);
    event = seek(subscription);
    if (subscription->has_lost) {
        subscription->has_lost = false;
        state = EVENTS_LOST;
    } else if (event) {
        subscription->position = event->id;
        atomic_fetch_add(&event->n_refs, 1);
        *out = event;
        state = EVENTS_ONE;
    } else if (events->is_closed) {
        state = EVENTS_CLOSED;
    }
    pthread_mutex_unlock(&events->lock);
    return state;
}

uint64_t events_position(struct subscription *subscription)
{
    uint64_t position;

    pthread_mutex_lock(&subscription->events->lock);
    position = subscription->position;
    pthread_mutex_unlock(&subscription->events->lock);
    return position;
}

void events_wait(struct subscription *subscription, void (*call)(void *ctx), void *ctx)
{
    struct events *events = subscription->events;

    pthread_mutex_lock(&events->lock);
    subscription->wake = call;
    subscription->ctx = ctx;
    if (seek(subscription) || subscription->has_lost || events->is_closed)
        wake(subscription);
    pthread_mutex_unlock(&events->lock);
}

void events_wait_cancel(struct subscription *subscription)
{
    pthread_mutex_lock(&subscription->events->lock);
    subscription->wake = NULL;
    pthread_mutex_unlock(&subscription->events->lock);
}
