#include "collectors/gzip.h"

#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define MAGIC "\x1f\x8b"
#define WINDOW (15 + 16) /* the largest, and a gzip header must be there */
#define PIECE_BYTES 65536u

bool gzip_is(struct str text)
{
    return text.n_bytes >= strlen(MAGIC) && memcmp(text.bytes, MAGIC, strlen(MAGIC)) == 0;
}

const char *gzip_unpack(struct str packed, struct strbuf *out)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed.bytes};
    Bytef *piece = mem_alloc(PIECE_BYTES, 1);
    const char *problem = NULL;
    int rc = Z_OK;

    if (packed.n_bytes > UINT32_MAX) /* what zlib can count */
        problem = "it is too large";
    else
        stream.avail_in = (uInt)packed.n_bytes;
    if (inflateInit2(&stream, WINDOW) != Z_OK)
        abort(); /* out of memory, as everywhere */
    while (!problem && (rc != Z_STREAM_END || stream.avail_in > 0)) {
        if (rc == Z_STREAM_END)
            inflateReset(&stream);
        stream.next_out = piece;
        stream.avail_out = PIECE_BYTES;
        rc = inflate(&stream, Z_NO_FLUSH);
        if (rc != Z_OK && rc != Z_STREAM_END)
            problem = "its gzip data is broken or cut";
        else if (!strbuf_append(out, (char *)piece, PIECE_BYTES - stream.avail_out))
            problem = "decompressed it is too large";
    }
    inflateEnd(&stream);
    free(piece);
    return problem;
}
