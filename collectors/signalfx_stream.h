/* collectors/signalfx_stream.h -- what a SignalFlow computation sends: server-sent events. */
#ifndef COLLECTORS_SIGNALFX_STREAM_H
#define COLLECTORS_SIGNALFX_STREAM_H

#include "collectors/collector.h"

/* One value for each logical timestamp, in ascending order. */
struct signalfx_point {
    int64_t time_ms;
    double value; /* NaN: the computation had none */
    size_t n_values;
};

struct signalfx_stream {
    struct signalfx_point *points; /* in the arena */
    size_t n_points, capacity;
    int64_t resolution_ms; /* of the job; 0: it did not say */
};

/* Read a whole stream up to its END_OF_CHANNEL. Events that are not known are passed over.
 * Errors: ERR_UPSTREAM, reason store_error: an error event, an aborted channel, more than one value
 *         for a timestamp; store_bad_response: no such stream, or cut; store_too_many_points,
 *         store_response_too_large (one event). */
MUST_CHECK enum err_code signalfx_stream_read(const struct account *account, struct str body,
                                              struct arena *arena, struct signalfx_stream *out,
                                              struct error *err);

/* http_request.advice: a stream that was cut is asked for again. */
enum reply_advice signalfx_stream_advice(long status, struct str body);

#endif
