/* base/instant.h -- points in time and lengths of time, as text and as integers.
 *
 * Instants are nanoseconds since 1970-01-01T00:00:00Z (1970 to 2261), because pipelines send
 * fractions of a second and the metric store must get the precision that was sent. */
#ifndef BASE_INSTANT_H
#define BASE_INSTANT_H

#include "base/error.h"
#include <stdint.h>

#define MS_PER_S 1000
#define NS_PER_MS ((int64_t)1000000)
#define NS_PER_S ((int64_t)1000000000)
#define INSTANT_TEXT_BYTES 96u

/* RFC 3339: "2026-08-20T10:00:00Z", fraction of up to 9 digits, numeric offset. A real calendar
 * date. Errors: ERR_INVALID, reason bad_time. */
MUST_CHECK enum err_code instant_parse(const char *text, int64_t *out_unix_ns, struct error *err);

/* What people type: RFC 3339, epoch seconds (up to 10 digits) or milliseconds, "now", "now-2h",
 * "-2h". Errors: ERR_INVALID, reason bad_time or bad_duration. */
MUST_CHECK enum err_code instant_parse_relative(const char *text, int64_t now_unix_ns,
                                                int64_t *out_unix_ns, struct error *err);

/* UTC with "Z"; no fraction when it is zero, else 3, 6 or 9 digits. Returns buffer. */
char *instant_text(int64_t unix_ns, char buffer[INSTANT_TEXT_BYTES]);

/* "90s", "5m", "1h30m", "2d", or ISO 8601 "PT1H30M", "P1D". Not negative.
 * Errors: ERR_INVALID, reason bad_duration. */
MUST_CHECK enum err_code duration_parse(const char *text, int64_t *out_s, struct error *err);

/* ISO 8601 as Java prints it: "PT1H", "PT4M30S", "PT0S", "PT1.5S". Returns buffer. */
char *duration_text(int64_t ns, char buffer[INSTANT_TEXT_BYTES]);

#endif
