/* collectors/gzip.h -- decompressing. */
#ifndef COLLECTORS_GZIP_H
#define COLLECTORS_GZIP_H

#include "base/str.h"
#include <stdbool.h>

/* Does it begin as gzip data does? */
bool gzip_is(struct str text);

/* Append what `packed` holds to `out`, up to its max_bytes; several gzip members in a row are one
 * text. NULL, or what is wrong: "its gzip data is broken or cut", "decompressed it is too large".
 */
const char *gzip_unpack(struct str packed, struct strbuf *out);

#endif
