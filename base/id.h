/* base/id.h -- random identifiers. */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdint.h>

#define ULID_BYTES 27u /* 26 characters and the terminator */
#define UUID_BYTES 37u

/* Time-ordered, 26 upper-case characters of Crockford's base 32 (github.com/ulid/spec): ids of
 * executions, because some clients only take [A-Za-z0-9_]. */
char *id_ulid(int64_t unix_ms, char buffer[ULID_BYTES]);

/* The same from 16 given bytes, of which 5 bits each are used: for an id that must come out the
 * same again. */
char *id_ulid_from(int64_t unix_ms, const unsigned char random[16], char buffer[ULID_BYTES]);

/* A random (version 4) UUID, RFC 9562. */
char *id_uuid(char buffer[UUID_BYTES]);

/* Fill with random bytes from the kernel. */
void id_random(void *bytes, unsigned n_bytes);

#endif
