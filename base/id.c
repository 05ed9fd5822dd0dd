#include "base/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void id_random(void *bytes, unsigned n_bytes)
{
    /* up to 256 bytes this neither blocks after boot nor returns short */
    if (getrandom(bytes, n_bytes, 0) != (ssize_t)n_bytes)
        abort();
}

char *id_ulid_from(int64_t unix_ms, const unsigned char random[16], char buffer[ULID_BYTES])
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    for (int i = 9; i >= 0; i--, unix_ms >>= 5)
        buffer[i] = alphabet[unix_ms & 31];
    for (int i = 0; i < 16; i++)
        buffer[10 + i] = alphabet[random[i] & 31];
    buffer[26] = '\0';
    return buffer;
}

char *id_ulid(int64_t unix_ms, char buffer[ULID_BYTES])
{
    unsigned char random[16];

    id_random(random, sizeof(random));
    return id_ulid_from(unix_ms, random, buffer);
}

char *id_uuid(char buffer[UUID_BYTES])
{
    unsigned char b[16];

    id_random(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(buffer, UUID_BYTES,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
    return buffer;
}
