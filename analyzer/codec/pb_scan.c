/* A protobuf message is a sequence of fields: a varint that holds the field's number and its wire
 * type, then a value whose length the wire type gives. A submessage is a length and that many
 * bytes; only the schema tells it from text. So the scan walks the schema along with the bytes, one
 * small frame for each open submessage. */
#include "analyzer/codec/pb_scan.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MAX_VARINT_BYTES 10u
#define MAX_FIELD_NUMBER 0x1FFFFFFFu

enum wire_type { WIRE_VARINT = 0, WIRE_64BIT = 1, WIRE_BYTES = 2, WIRE_32BIT = 5 };

struct frame {
    const ProtobufCMessageDescriptor *type;
    size_t end;
};

struct scan {
    struct str bytes;
    size_t at;
    struct frame frames[PB_MAX_DEPTH];
    size_t depth;
    struct error *err;
};

static enum err_code malformed(struct scan *scan, const char *what)
{
    return error_because(scan->err, ERR_INVALID, "protobuf_syntax", "byte %zu: %s", scan->at, what);
}

static enum err_code read_varint(struct scan *scan, size_t end, uint64_t *out)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < MAX_VARINT_BYTES && scan->at + i < end; i++) {
        unsigned char byte = (unsigned char)scan->bytes.bytes[scan->at + i];

        value |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (i == MAX_VARINT_BYTES - 1 && byte > 1)
            break; /* beyond 64 bits */
        if (byte < 0x80) {
            scan->at += i + 1;
            *out = value;
            return ERR_OK;
        }
    }
    return malformed(scan, "a number is cut off or longer than 64 bits");
}

/* Unicode 15, table 3-7: no surrogates, no overlong forms, nothing past U+10FFFF. */
static bool is_text(const char *text, size_t n_bytes)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + n_bytes;

    while (at < end) {
        unsigned char lead = *at++;
        unsigned char low = 0x80, high = 0xBF;
        unsigned n_more;

        if (lead == 0)
            return false;
        if (lead < 0x80)
            continue;
        if (lead < 0xC2 || lead > 0xF4)
            return false;
        n_more = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
        if (lead == 0xE0)
            low = 0xA0;
        else if (lead == 0xED)
            high = 0x9F;
        else if (lead == 0xF0)
            low = 0x90;
        else if (lead == 0xF4)
            high = 0x8F;
        for (; n_more > 0; n_more--, low = 0x80, high = 0xBF)
            if (at == end || *at < low || *at++ > high)
                return false;
    }
    return true;
}

static bool is_varint_type(ProtobufCType type)
{
    return type == PROTOBUF_C_TYPE_INT32 || type == PROTOBUF_C_TYPE_SINT32 ||
           type == PROTOBUF_C_TYPE_INT64 || type == PROTOBUF_C_TYPE_SINT64 ||
           type == PROTOBUF_C_TYPE_UINT32 || type == PROTOBUF_C_TYPE_UINT64 ||
           type == PROTOBUF_C_TYPE_BOOL || type == PROTOBUF_C_TYPE_ENUM;
}

static bool is_fixed64_type(ProtobufCType type)
{
    return type == PROTOBUF_C_TYPE_DOUBLE || type == PROTOBUF_C_TYPE_FIXED64 ||
           type == PROTOBUF_C_TYPE_SFIXED64;
}

static bool is_bytes_type(ProtobufCType type)
{
    return type == PROTOBUF_C_TYPE_STRING || type == PROTOBUF_C_TYPE_BYTES ||
           type == PROTOBUF_C_TYPE_MESSAGE;
}

static bool fits(const ProtobufCFieldDescriptor *field, enum wire_type wire)
{
    if (!field)
        return true;
    if (is_bytes_type(field->type))
        return wire == WIRE_BYTES;
    if (wire == WIRE_BYTES) /* packed */
        return field->label == PROTOBUF_C_LABEL_REPEATED;
    if (is_varint_type(field->type))
        return wire == WIRE_VARINT;
    return wire == (is_fixed64_type(field->type) ? WIRE_64BIT : WIRE_32BIT);
}

/* The packed values of `field` in [scan->at, end). */
static enum err_code scan_packed(struct scan *scan, const ProtobufCFieldDescriptor *field,
                                 size_t end)
{
    uint64_t ignored;

    if (!is_varint_type(field->type)) {
        if ((end - scan->at) % (is_fixed64_type(field->type) ? 8 : 4) != 0)
            return malformed(scan, "a packed list ends within a number");
        scan->at = end;
        return ERR_OK;
    }
    while (scan->at < end)
        if (read_varint(scan, end, &ignored))
            return scan->err->code;
    return ERR_OK;
}

static enum err_code scan_bytes(struct scan *scan, const ProtobufCFieldDescriptor *field)
{
    size_t outer_end = scan->frames[scan->depth - 1].end;
    uint64_t n_bytes;
    size_t end;

    if (read_varint(scan, outer_end, &n_bytes))
        return scan->err->code;
    if (n_bytes > outer_end - scan->at)
        return malformed(scan, "a length is past the end");
    end = scan->at + (size_t)n_bytes;
    if (field && field->type == PROTOBUF_C_TYPE_MESSAGE) {
        if (scan->depth == PB_MAX_DEPTH)
            return error_because(scan->err, ERR_INVALID, "protobuf_too_deep",
                                 "byte %zu: nested deeper than %u levels", scan->at, PB_MAX_DEPTH);
        scan->frames[scan->depth++] = (struct frame){field->descriptor, end};
        return ERR_OK;
    }
    if (field && !is_bytes_type(field->type))
        return scan_packed(scan, field, end);
    if (field && field->type == PROTOBUF_C_TYPE_STRING &&
        !is_text(scan->bytes.bytes + scan->at, (size_t)n_bytes))
        return malformed(scan, "text that is not UTF-8 or holds a NUL");
    scan->at = end;
    return ERR_OK;
}

static enum err_code scan_field(struct scan *scan)
{
    const struct frame *frame = &scan->frames[scan->depth - 1];
    const ProtobufCFieldDescriptor *field;
    size_t n_fixed;
    uint64_t key, ignored;

    if (read_varint(scan, frame->end, &key))
        return scan->err->code;
    if (key >> 3 == 0 || key >> 3 > MAX_FIELD_NUMBER)
        return malformed(scan, "there is no field of that number");
    field = protobuf_c_message_descriptor_get_field(frame->type, (unsigned)(key >> 3));
    switch (key & 7) {
    case WIRE_VARINT:
    case WIRE_BYTES:
    case WIRE_64BIT:
    case WIRE_32BIT:
        break;
    default:
        return malformed(scan, "there is no such wire type");
    }
    if (!fits(field, (enum wire_type)(key & 7)))
        return malformed(scan, "the wire type is not that of the field");
    if ((key & 7) == WIRE_VARINT)
        return read_varint(scan, frame->end, &ignored);
    if ((key & 7) == WIRE_BYTES)
        return scan_bytes(scan, field);
    n_fixed = (key & 7) == WIRE_64BIT ? 8 : 4;
    if (frame->end - scan->at < n_fixed)
        return malformed(scan, "a number is cut off");
    scan->at += n_fixed;
    return ERR_OK;
}

enum err_code pb_scan(struct str bytes, const ProtobufCMessageDescriptor *type, struct error *err)
{
    struct scan scan = {.bytes = bytes, .err = err, .depth = 1};

    scan.frames[0] = (struct frame){type, bytes.n_bytes};
    while (scan.depth > 0) {
        if (scan.at == scan.frames[scan.depth - 1].end)
            scan.depth--;
        else if (scan_field(&scan))
            return err->code;
    }
    return ERR_OK;
}

struct budget {
    struct arena *arena;
    size_t left_bytes;
};

static void *budget_alloc(void *ctx, size_t n_bytes)
{
    struct budget *budget = ctx;
    size_t cost = (n_bytes + 15) & ~(size_t)15;

    if (cost < n_bytes || cost > budget->left_bytes)
        return NULL;
    budget->left_bytes -= cost;
    return arena_alloc(budget->arena, cost, 1);
}

static void budget_free(void *ctx, void *ptr)
{
    (void)ctx; /* the arena frees all at once */
    (void)ptr;
}

enum err_code pb_unpack(struct str bytes, const ProtobufCMessageDescriptor *type, size_t max_bytes,
                        struct arena *arena, ProtobufCMessage **out, struct error *err)
{
    struct budget budget = {arena, max_bytes};
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};

    if (pb_scan(bytes, type, err))
        return err->code;
    *out = protobuf_c_message_unpack(type, &allocator, bytes.n_bytes, (const uint8_t *)bytes.bytes);
    if (!*out) /* the scan has seen that it is well formed */
        return error_because(err, ERR_INVALID, "protobuf_too_large",
                             "the message needs more than %zu bytes of memory", max_bytes);
    return ERR_OK;
}
