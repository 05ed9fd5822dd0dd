#include "api/parked.h"

enum { IDLE, PARKING, PARKED, WOKEN };

static void rouse(struct parked *parked)
{
    if (atomic_exchange(&parked->state, WOKEN) == PARKED)
        parked->wake(parked->ctx);
}

static void on_event(void *ctx)
{
    rouse(ctx);
}

static void on_time(void *ctx)
{
    struct parked *parked = ctx;

    atomic_store(&parked->is_over, true);
    rouse(parked);
}

void parked_wait(struct parked *parked, int64_t until_mono_ms)
{
    int expected = PARKING;

    atomic_store(&parked->is_over, false);
    atomic_store(&parked->state, PARKING);
    connection_watch(parked->connections, parked->connection, until_mono_ms, on_time, parked);
    events_wait(parked->subscription, on_event, parked);
    /* from here on others may wake it; what woke it before left that to us */
    if (!atomic_compare_exchange_strong(&parked->state, &expected, PARKED))
        parked->wake(parked->ctx);
}

void parked_leave(struct parked *parked)
{
    if (atomic_load(&parked->state) == IDLE)
        return;
    connection_unwatch(parked->connections, parked->connection);
    events_wait_cancel(parked->subscription);
    atomic_store(&parked->state, IDLE);
}
