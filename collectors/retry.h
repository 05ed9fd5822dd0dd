/* collectors/retry.h -- which failures are tried again, and after how long. Pure. */
#ifndef COLLECTORS_RETRY_H
#define COLLECTORS_RETRY_H

#include "collectors/account.h"
#include "collectors/http_message.h"
#include <stdbool.h>
#include <stdint.h>

/* Whether a reply with this HTTP status may be a different one next time. */
bool retry_is_worthwhile(const struct retry_policy *policy, long status);

/* The same for a reply as a whole: `request` may know the store's own words for "never" and
 * "later".
 */
bool retry_reply_is_worthwhile(const struct retry_policy *policy,
                               const struct http_request *request, long status, struct str body);

/* How long a reply asks us to wait, clamped to 0..STORE_RETRY_AFTER_MAX_MS: a Retry-After header
 * (seconds or an HTTP date), or else X-RateLimit-Reset (seconds from now, or seconds since 1970).
 * NULL for a header that is not there; 0: it does not ask. */
int64_t retry_asked_ms(const char *retry_after, const char *rate_limit_reset, int64_t now_unix_s);

/* Milliseconds to wait after the n-th failed try: 2^(n-1) times the policy's backoff, and up to 10
 * % more with `jitter` in [0, 1]; what the reply asks for when that is longer. */
int64_t retry_wait_ms(const struct retry_policy *policy, unsigned n_failures, double jitter,
                      int64_t asked_ms);

/* Whether a JSON reply was cut on its way: it begins as an object or an array and does not end as
 * one, although the transfer itself seemed complete. `content_type` may be NULL. */
bool retry_is_cut_short(const char *content_type, const char *body, size_t n_bytes);

#endif
