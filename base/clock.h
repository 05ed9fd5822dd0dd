/* base/clock.h -- the two clocks: wall time for what people and stores see, monotonic time for
 * waiting and for measuring. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_wall_ns(void); /* since 1970-01-01T00:00:00Z */
int64_t clock_wall_ms(void);
int64_t clock_mono_ms(void); /* never goes back; its zero means nothing */
int64_t clock_mono_ns(void);

#endif
