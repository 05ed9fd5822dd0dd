/* analyzer/notify.h -- telling sinks what came of an execution.
 *
 * What is to be told is made here, put into the outbox by whoever ends the execution, in the same
 * transaction as its end, and sent from there: at least once, always under the same event id, over
 * crashes and restarts.
 *
 *   POST <the sink's url>
 *   Content-Type: application/json
 *   User-Agent: serinus/<version>
 *   X-Serinus-Event-Id: <event id>
 *
 * A 2xx means delivered. After anything else it is sent again: 1, 2, 4 ... seconds later, at most 5
 * minutes, up to 10 % more so that sinks do not all come at once; a Retry-After of up to two
 * minutes is kept to. After a day it is given up.
 *
 * One thread does all the waiting. A sink gets one notification at a time, the oldest that is due
 * first. When one fails, its sink is left alone for half as long as the notification itself waits:
 * if it is only this one that it does not like, the others get through. No sink waits for another.
 */
#ifndef ANALYZER_NOTIFY_H
#define ANALYZER_NOTIFY_H

#include "analyzer/settings.h"
#include "analyzer/store.h"
#include "collectors/fetch.h"

/* An execution that has ended. Texts are "" or NULL where there is nothing to say. */
struct notify_facts {
    const char *id, *application;
    const char *parent_id; /* the analysis it is a judgement of */
    unsigned interval;     /* which judgement of it, from 1; 0 when it is none */
    const char *config_id, *config_name;
    enum execution_kind kind;
    enum execution_state state;
    const char *verdict;   /* "pass", "marginal", "fail", "nodata", "invalid" */
    double score;          /* NaN without one */
    double pass, marginal; /* thresholds; NaN without */
    const char *reason;    /* why this verdict, in words */
    const char *error;     /* why there is no verdict, in words */
    int64_t created_unix_ms, ended_unix_ms;
    const json_t *site_local; /* what the client sent along, or NULL; told as it is */
};

/* One notification for each sink that wants to know, in `arena`. The end of a judgement of an
 * analysis is the event "interval.finished", any other "execution.finished"; the event's id follows
 * from the execution's. */
void notify_bodies(const struct settings *settings, const struct notify_facts *facts,
                   struct arena *arena, struct stored_notification **out, size_t *n_out);

struct notify;

/* Start sending what the outbox holds. What it holds for sinks that are not in the settings is
 * given up. All of these must outlive it. Errors: ERR_INTERNAL when there are no threads. */
MUST_CHECK enum err_code notify_create(const struct settings *settings, struct store *store,
                                       struct fetch *fetch, struct log *log, struct notify **out,
                                       struct error *err);

/* There may be something new in the outbox. Any thread; never blocks on anything. */
void notify_wake(struct notify *notify);

/* What is on its way is dropped, to be sent again by the next process. Before or after
 * fetch_stop(), but before fetch_free() and store_close(). Takes up to half a second. */
void notify_stop(struct notify *notify);
void notify_free(struct notify *notify); /* stops it; NULL is accepted */

/* For /metrics: what came of each sending. */
struct notify_counters {
    uint64_t delivered, deferred, given_up;
};
/* Of settings->sinks[sink]. */
struct notify_counters notify_counters_read(const struct notify *notify, size_t sink);

#endif
