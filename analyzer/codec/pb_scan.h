/* analyzer/codec/pb_scan.h -- look over protobuf bytes before protobuf-c may touch them.
 *
 * protobuf-c recurses as deep as the message tells it to, spends many times the input on empty
 * submessages, does not look at UTF-8 and cuts strings at NUL. The scan needs constant stack; the
 * allocator has a budget and takes its memory from an arena, so nothing has to be freed. */
#ifndef ANALYZER_CODEC_PB_SCAN_H
#define ANALYZER_CODEC_PB_SCAN_H

#include "base/arena.h"
#include "base/str.h"
#include <protobuf-c/protobuf-c.h>

#define PB_MAX_DEPTH 16u

/* Is `bytes` a well-formed message of this type, all the way down? Fields the type does not know
 * are checked for their outer shape only. Errors: ERR_INVALID, reason protobuf_syntax or
 * protobuf_too_deep; the message has the offset. */
MUST_CHECK enum err_code pb_scan(struct str bytes, const ProtobufCMessageDescriptor *type,
                                 struct error *err);

/* Scan, then unpack into `arena` with at most `max_bytes` of memory. The result and all it points
 * to live in the arena: do not free it with protobuf-c. Errors: those of pb_scan(), and
 * protobuf_too_large. */
MUST_CHECK enum err_code pb_unpack(struct str bytes, const ProtobufCMessageDescriptor *type,
                                   size_t max_bytes, struct arena *arena, ProtobufCMessage **out,
                                   struct error *err);

#endif
