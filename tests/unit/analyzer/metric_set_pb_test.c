/* Wire bytes in the tables are written out by hand from the protobuf encoding guide. */
#include "tests/support.h"

#include "analyzer/codec/metric_set_pb.h"
#include "analyzer/codec/pb_scan.h"
#include "proto/canary/v1/metric_set.pb-c.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double from_bits(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void assert_same_tags(const struct tag_map *a, const struct tag_map *b)
{
    assert_true(tag_map_equal(a, b));
}

static void assert_same_bits(const double *want, const double *got, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (isnan(want[i]))
            assert_true(isnan(got[i]));
        else
            assert_memory_equal(&want[i], &got[i], sizeof(double));
    }
}

static void sets_come_back(void **state)
{
    struct arena *arena = arena_create();
    struct strbuf bytes = {0};
    struct error err = {0};
    double odd[] = {0.1,     -0.0,    NAN,      from_bits(0xFFF8000000000123), INFINITY, -INFINITY,
                    DBL_MAX, DBL_MIN, 4.9e-324, from_bits(0x3FD5555555555555), -1.0 / 3};
    struct stored_set sets[3] = {
        {.side = SIDE_CONTROL,
         .scope_name = "default",
         .set = {.name = "request latency p99",
                 .start_unix_ms = 1787220000123,
                 .end_unix_ms = 1787220360456,
                 .step_ms = 60000,
                 .values = odd,
                 .n_values = ARRAY_LEN(odd)}},
        {.side = SIDE_EXPERIMENT, .set = {.name = "", .start_unix_ms = -1, .step_ms = INT64_MIN}},
        {.side = SIDE_EXPERIMENT, .scope_name = "\xC3\xA9\xF0\x9F\x90\xA6", .set = {.name = "x"}},
    };
    struct stored_set *got = NULL;
    size_t n = 0;

    (void)state;
    tag_map_put(&sets[0].set.tags, arena, "pod", "checkout-v042");
    tag_map_put(&sets[0].set.tags, arena, "container", "");
    tag_map_put(&sets[0].set.attributes, arena, "query", "avg(cpu{a=\"b\"})\n");
    metric_sets_encode(sets, 3, &bytes);
    assert_int_equal(ERR_OK, metric_sets_decode(strbuf_view(&bytes), arena, &got, &n, &err));
    assert_int_equal(3, n);
    for (size_t i = 0; i < n; i++) {
        row("set %zu", i);
        assert_int_equal(sets[i].side, got[i].side);
        assert_string_equal(sets[i].scope_name ? sets[i].scope_name : "", got[i].scope_name);
        assert_string_equal(sets[i].set.name, got[i].set.name);
        assert_true(sets[i].set.start_unix_ms == got[i].set.start_unix_ms);
        assert_true(sets[i].set.end_unix_ms == got[i].set.end_unix_ms);
        assert_true(sets[i].set.step_ms == got[i].set.step_ms);
        assert_int_equal(sets[i].set.n_values, got[i].set.n_values);
        assert_same_bits(sets[i].set.values, got[i].set.values, got[i].set.n_values);
        assert_same_tags(&sets[i].set.tags, &got[i].set.tags);
        assert_same_tags(&sets[i].set.attributes, &got[i].set.attributes);
    }
    /* packed: eight bytes a value and little else */
    assert_true(bytes.n_bytes < sizeof(odd) + 200);
    strbuf_clear(&bytes);

    metric_sets_encode(NULL, 0, &bytes);
    assert_int_equal(0, bytes.n_bytes);
    assert_int_equal(ERR_OK, metric_sets_decode((struct str){NULL, 0}, arena, &got, &n, &err));
    assert_int_equal(0, n);
    strbuf_clear(&bytes);
    arena_free(arena);
}

static void pairs_come_back(void **state)
{
    struct arena *arena = arena_create();
    struct strbuf bytes = {0};
    struct error err = {0};
    double control[] = {0.1779, NAN, 0.2099}, experiment[] = {0.232, 0.1983};
    struct metric_pair pair = {
        .name = "errors",
        .id = "06d68363-4f81-410f-a170-85466fd5179b",
        .sides = {{.values = control, .n_values = 3, .start_unix_ms = 17, .step_ms = 61},
                  {.values = experiment, .n_values = 2, .start_unix_ms = 18, .step_ms = 62}},
    };
    struct metric_pair *got = NULL;
    size_t n = 0;

    (void)state;
    tag_map_put(&pair.tags, arena, "zone", "b");
    tag_map_put(&pair.sides[SIDE_CONTROL].attributes, arena, "query", "c");
    tag_map_put(&pair.sides[SIDE_EXPERIMENT].attributes, arena, "query", "e");
    metric_pairs_encode(&pair, 1, &bytes);
    assert_int_equal(ERR_OK, metric_pairs_decode(strbuf_view(&bytes), arena, &got, &n, &err));
    assert_int_equal(1, n);
    assert_string_equal(pair.name, got->name);
    assert_string_equal(pair.id, got->id);
    assert_same_tags(&pair.tags, &got->tags);
    for (size_t side = 0; side < N_SIDES; side++) {
        assert_int_equal(pair.sides[side].n_values, got->sides[side].n_values);
        assert_same_bits(pair.sides[side].values, got->sides[side].values,
                         got->sides[side].n_values);
        assert_int_equal(pair.sides[side].start_unix_ms, got->sides[side].start_unix_ms);
        assert_int_equal(pair.sides[side].step_ms, got->sides[side].step_ms);
        assert_same_tags(&pair.sides[side].attributes, &got->sides[side].attributes);
    }
    strbuf_clear(&bytes);
    arena_free(arena);
}

#define BYTES(text) text, sizeof(text) - 1

/* Rows B1, B2, B5; a set list unless `is_pair`. Field 1 of the list is a set: tag byte 0x0A. In a
 * set: name 0x0A, tags 0x12, start 0x18, values 0x32 (packed) or 0x31, side 0x40. */
static void refuses(void **state)
{
    static const struct {
        const char *name, *bytes;
        size_t n_bytes;
        bool is_pair;
    } cases[] = {
        {"one byte", BYTES("\x0A"), false},
        {"truncated varint", BYTES("\x80"), false},
        {"11-byte varint", BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), false},
        {"varint over 64 bits", BYTES("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"), false},
        {"field 0", BYTES("\x02\x00"), false},
        {"field 2^29", BYTES("\x80\x80\x80\x80\x10\x00"), false},
        {"wire type 3", BYTES("\x0B"), false},
        {"wire type 4", BYTES("\x0C"), false},
        {"wire type 6", BYTES("\x0E\x00"), false},
        {"wire type 7", BYTES("\x0F\x00"), false},
        {"length past the end", BYTES("\x0A\x05\x40\x01"), false},
        {"length 2^63", BYTES("\x0A\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), false},
        {"length past the end inside", BYTES("\x0A\x04\x0A\x7Fxx"), false},
        {"set as a number", BYTES("\x08\x01"), false},
        {"name as a number", BYTES("\x0A\x02\x08\x01"), false},
        {"start as 64 bit", BYTES("\x0A\x09\x19\0\0\0\0\0\0\0\0"), false},
        {"start as bytes", BYTES("\x0A\x02\x1A\x00"), false},
        {"start cut off", BYTES("\x0A\x02\x18\x80"), false},
        {"unpacked value cut off", BYTES("\x0A\x05\x31\0\0\0\0"), false},
        {"packed value cut off", BYTES("\x0A\x09\x32\x07\0\0\0\0\0\0\0"), false},
        {"NUL in text", BYTES("\x0A\x07\x40\x01\x0A\x03x\0y"), false},
        {"bad UTF-8", BYTES("\x0A\x06\x40\x01\x0A\x02\xC3\x28"), false},
        {"overlong UTF-8", BYTES("\x0A\x06\x40\x01\x0A\x02\xC0\x80"), false},
        {"surrogate", BYTES("\x0A\x07\x40\x01\x0A\x03\xED\xA0\x80"), false},
        {"above U+10FFFF", BYTES("\x0A\x08\x40\x01\x0A\x04\xF4\x90\x80\x80"), false},
        {"cut UTF-8", BYTES("\x0A\x05\x40\x01\x0A\x01\xE2"), false},
        {"no side", BYTES("\x0A\x03\x0A\x01x"), false},
        {"side out of range", BYTES("\x0A\x02\x40\x07"), false},
        {"pair without sides", BYTES("\x0A\x03\x0A\x01x"), true},
        {"pair without experiment", BYTES("\x0A\x02\x22\x00"), true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str bytes = {cases[i].bytes, cases[i].n_bytes};
        struct arena *arena = arena_create();
        struct error err = {0};
        struct stored_set *sets = NULL;
        struct metric_pair *pairs = NULL;
        size_t n = 77;
        enum err_code rc = cases[i].is_pair ? metric_pairs_decode(bytes, arena, &pairs, &n, &err)
                                            : metric_sets_decode(bytes, arena, &sets, &n, &err);

        if (rc != ERR_INVALID || strcmp(error_reason(&err), "protobuf_syntax") != 0)
            fail_msg("%s: %d %s", cases[i].name, rc, err.message);
        assert_int_equal(77, n);
        arena_free(arena);
    }
}

static void takes_what_it_does_not_know(void **state)
{
    /* unknown fields of every wire type, values unpacked and packed mixed, unsorted tags */
    static const char text[] = "\x0A\x3F"
                               "\x40\x02"                     /* side */
                               "\xF8\x07\x05"                 /* 127: varint */
                               "\xFD\x07\x01\x02\x03\x04"     /* 127: 32 bit */
                               "\xFA\x07\x02\xFF\xFE"         /* 127: bytes, not UTF-8 */
                               "\xF9\x07\0\0\0\0\0\0\0\0"     /* 127: 64 bit */
                               "\x31\0\0\0\0\0\0\xF8\x3F"     /* 1.5, unpacked */
                               "\x32\x08\0\0\0\0\0\0\x04\xC0" /* -2.5, packed */
                               "\x12\x06\x0A\x01z\x12\x01"
                               "1"
                               "\x12\x06\x0A\x01"
                               "a\x12\x01"
                               "2"
                               "\x18\x2A"; /* start */
    struct arena *arena = arena_create();
    struct error err = {0};
    struct stored_set *sets = NULL;
    size_t n = 0;

    (void)state;
    assert_int_equal(0x3F + 2, sizeof(text) - 1);
    if (metric_sets_decode((struct str){BYTES(text)}, arena, &sets, &n, &err))
        fail_msg("%s", err.message);
    assert_int_equal(1, n);
    assert_int_equal(SIDE_EXPERIMENT, sets->side);
    assert_int_equal(2, sets->set.n_values);
    assert_near(1.5, sets->set.values[0], 0);
    assert_near(-2.5, sets->set.values[1], 0);
    assert_int_equal(42, sets->set.start_unix_ms);
    assert_string_equal("2", tag_map_get(&sets->set.tags, "a"));
    assert_string_equal("a", sets->set.tags.items[0].key);
    arena_free(arena);
}

/* Rows B3, B4. */
static void bombs_end_at_the_budget(void **state)
{
    size_t n_bytes = 2u << 20;
    char *bytes = malloc(n_bytes);
    struct error err = {0};
    struct arena *arena = arena_create();
    struct stored_set *sets = NULL;
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < n_bytes; i += 2) { /* a million empty sets */
        bytes[i] = 0x0A;
        bytes[i + 1] = 0;
    }
    assert_int_equal(ERR_INVALID,
                     metric_sets_decode((struct str){bytes, n_bytes}, arena, &sets, &n, &err));
    assert_string_equal("protobuf_too_large", error_reason(&err));
    assert_true(arena_used_bytes(arena) <= 24 * n_bytes + 65536);
    arena_free(arena);
    free(bytes);
}

/* A schema that nests in itself, which ours does not: a message whose field 1 is itself. */
static void depth_is_bounded(void **state)
{
    ProtobufCFieldDescriptor field = {
        .name = "self", .id = 1, .label = PROTOBUF_C_LABEL_NONE, .type = PROTOBUF_C_TYPE_MESSAGE};
    static const unsigned by_name[] = {0};
    static const ProtobufCIntRange ranges[] = {{1, 0}, {0, 1}};
    ProtobufCMessageDescriptor type = {.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
                                       .name = "Self",
                                       .n_fields = 1,
                                       .fields = &field,
                                       .fields_sorted_by_name = by_name,
                                       .n_field_ranges = 1,
                                       .field_ranges = ranges};

    (void)state;
    field.descriptor = &type;
    for (size_t depth = PB_MAX_DEPTH - 1; depth <= PB_MAX_DEPTH + 1; depth++) {
        struct error err = {0};
        char bytes[2 * (PB_MAX_DEPTH + 1)];
        size_t n_bytes = 2 * (depth - 1);

        for (size_t i = 0; i < n_bytes; i += 2) {
            bytes[i] = 0x0A;
            bytes[i + 1] = (char)(n_bytes - i - 2);
        }
        assert_int_equal(depth <= PB_MAX_DEPTH ? ERR_OK : ERR_INVALID,
                         pb_scan((struct str){bytes, n_bytes}, &type, &err));
        if (depth > PB_MAX_DEPTH)
            assert_string_equal("protobuf_too_deep", error_reason(&err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_come_back),
        cmocka_unit_test(pairs_come_back),
        cmocka_unit_test(refuses),
        cmocka_unit_test(takes_what_it_does_not_know),
        cmocka_unit_test(bombs_end_at_the_budget),
        cmocka_unit_test(depth_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
