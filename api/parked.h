/* api/parked.h -- a suspended connection that waits: for an event, for a moment, or for its client
 * to leave. Whichever comes first wakes it, once, on whatever thread that happens. */
#ifndef API_PARKED_H
#define API_PARKED_H

#include "analyzer/events.h"
#include "api/connections.h"
#include <stdatomic.h>

struct parked {
    struct connections *connections;
    struct connection *connection;
    struct subscription *subscription;
    void (*wake)(void *ctx); /* must not wait */
    void *ctx;
    atomic_int state;
    atomic_bool is_over; /* it was the moment, or the client left */
};

/* From in here, too, wake() may be called. With its last look at `parked` this function has decided
 * who calls it: what belongs to the waiting request may be gone on return. */
void parked_wait(struct parked *parked, int64_t until_mono_ms);

/* After wake(), and before anything it uses goes away: nothing looks at `parked` any more. One that
 * has never waited is accepted. */
void parked_leave(struct parked *parked);

#endif
