/* Encoding lends our own texts and value arrays to protobuf-c's structs and packs those; decoding
 * unpacks into the caller's arena and then lends the other way round. No sample is copied twice. */
#include "analyzer/codec/metric_set_pb.h"

#include "analyzer/codec/pb_scan.h"
#include "proto/canary/v1/metric_set.pb-c.h"

#include <stdlib.h>
#include <string.h>

/* A struct per tag costs 11 times a short tag's bytes, and an empty message 40 times its two. */
#define DECODE_MEMORY_FACTOR 24u
#define DECODE_MEMORY_BASE_BYTES (64u * 1024u)

static char *lend_text(const char *text)
{
    return text ? (char *)(uintptr_t)text : (char *)(uintptr_t)protobuf_c_empty_string;
}

static Canary__V1__Tag **lend_tags(const struct tag_map *map, struct arena *scratch)
{
    Canary__V1__Tag **tags = arena_array(scratch, Canary__V1__Tag *, map->n_items);

    for (size_t i = 0; i < map->n_items; i++) {
        tags[i] = arena_new(scratch, Canary__V1__Tag);
        canary__v1__tag__init(tags[i]);
        tags[i]->key = lend_text(map->items[i].key);
        tags[i]->value = lend_text(map->items[i].value);
    }
    return tags;
}

struct sink {
    ProtobufCBuffer base;
    struct strbuf *out;
};

static void sink_append(ProtobufCBuffer *buffer, size_t n_bytes, const uint8_t *bytes)
{
    strbuf_append(((struct sink *)buffer)->out, (const char *)bytes, n_bytes);
}

static void pack(const ProtobufCMessage *message, struct strbuf *out)
{
    struct sink sink = {{sink_append}, out};

    protobuf_c_message_pack_to_buffer(message, &sink.base);
}

static Canary__V1__MetricSet *lend_set(const struct stored_set *stored, struct arena *scratch)
{
    const struct metric_set *set = &stored->set;
    Canary__V1__MetricSet *out = arena_new(scratch, Canary__V1__MetricSet);

    canary__v1__metric_set__init(out);
    out->name = lend_text(set->name);
    out->n_tags = set->tags.n_items;
    out->tags = lend_tags(&set->tags, scratch);
    out->start_unix_ms = set->start_unix_ms;
    out->end_unix_ms = set->end_unix_ms;
    out->step_ms = set->step_ms;
    out->n_values = set->n_values;
    out->values = set->values;
    out->n_attributes = set->attributes.n_items;
    out->attributes = lend_tags(&set->attributes, scratch);
    out->side = stored->side == SIDE_CONTROL ? CANARY__V1__SIDE__SIDE_CONTROL
                                             : CANARY__V1__SIDE__SIDE_EXPERIMENT;
    out->scope_name = lend_text(stored->scope_name);
    return out;
}

void metric_sets_encode(const struct stored_set *sets, size_t n_sets, struct strbuf *out)
{
    struct arena *scratch = arena_create();
    Canary__V1__MetricSetList list = CANARY__V1__METRIC_SET_LIST__INIT;

    list.n_sets = n_sets;
    list.sets = arena_array(scratch, Canary__V1__MetricSet *, n_sets);
    for (size_t i = 0; i < n_sets; i++)
        list.sets[i] = lend_set(&sets[i], scratch);
    pack(&list.base, out);
    arena_free(scratch);
}

static Canary__V1__PairSide *lend_side(const struct pair_side *side, struct arena *scratch)
{
    Canary__V1__PairSide *out = arena_new(scratch, Canary__V1__PairSide);

    canary__v1__pair_side__init(out);
    out->n_values = side->n_values;
    out->values = (double *)(uintptr_t)side->values; /* packing only reads */
    out->start_unix_ms = side->start_unix_ms;
    out->step_ms = side->step_ms;
    out->n_attributes = side->attributes.n_items;
    out->attributes = lend_tags(&side->attributes, scratch);
    return out;
}

void metric_pairs_encode(const struct metric_pair *pairs, size_t n_pairs, struct strbuf *out)
{
    struct arena *scratch = arena_create();
    Canary__V1__MetricPairList list = CANARY__V1__METRIC_PAIR_LIST__INIT;

    list.n_pairs = n_pairs;
    list.pairs = arena_array(scratch, Canary__V1__MetricPair *, n_pairs);
    for (size_t i = 0; i < n_pairs; i++) {
        Canary__V1__MetricPair *pair = arena_new(scratch, Canary__V1__MetricPair);

        canary__v1__metric_pair__init(pair);
        pair->name = lend_text(pairs[i].name);
        pair->id = lend_text(pairs[i].id);
        pair->n_tags = pairs[i].tags.n_items;
        pair->tags = lend_tags(&pairs[i].tags, scratch);
        pair->control = lend_side(&pairs[i].sides[SIDE_CONTROL], scratch);
        pair->experiment = lend_side(&pairs[i].sides[SIDE_EXPERIMENT], scratch);
        list.pairs[i] = pair;
    }
    pack(&list.base, out);
    arena_free(scratch);
}

/* --- decoding: `tags`, texts and values already live in the arena --- */

static int tag_order(const void *a, const void *b)
{
    return strcmp(((const struct tag *)a)->key, ((const struct tag *)b)->key);
}

static struct tag_map take_tags(Canary__V1__Tag *const *tags, size_t n_tags, struct arena *arena)
{
    struct tag_map map = {.items = arena_array(arena, struct tag, n_tags), .n_items = n_tags};

    for (size_t i = 0; i < n_tags; i++)
        map.items[i] = (struct tag){tags[i]->key, tags[i]->value};
    qsort(map.items, n_tags, sizeof(*map.items), tag_order); /* who wrote it may not have */
    return map;
}

static size_t memory_limit(struct str bytes)
{
    return bytes.n_bytes * DECODE_MEMORY_FACTOR + DECODE_MEMORY_BASE_BYTES;
}

enum err_code metric_sets_decode(struct str bytes, struct arena *arena, struct stored_set **out,
                                 size_t *n_out, struct error *err)
{
    ProtobufCMessage *message = NULL;
    const Canary__V1__MetricSetList *list;
    struct stored_set *sets;

    if (pb_unpack(bytes, &canary__v1__metric_set_list__descriptor, memory_limit(bytes), arena,
                  &message, err))
        return error_context(err, "stored metric sets");
    list = (const Canary__V1__MetricSetList *)message;
    sets = arena_array(arena, struct stored_set, list->n_sets);
    for (size_t i = 0; i < list->n_sets; i++) {
        const Canary__V1__MetricSet *set = list->sets[i];

        if (set->side != CANARY__V1__SIDE__SIDE_CONTROL &&
            set->side != CANARY__V1__SIDE__SIDE_EXPERIMENT)
            return error_because(err, ERR_INVALID, "protobuf_syntax",
                                 "metric set %zu is of neither side", i);
        sets[i] = (struct stored_set){
            .side = set->side == CANARY__V1__SIDE__SIDE_CONTROL ? SIDE_CONTROL : SIDE_EXPERIMENT,
            .scope_name = set->scope_name,
            .set = {.name = set->name,
                    .tags = take_tags(set->tags, set->n_tags, arena),
                    .start_unix_ms = set->start_unix_ms,
                    .end_unix_ms = set->end_unix_ms,
                    .step_ms = set->step_ms,
                    .values = set->values,
                    .n_values = set->n_values,
                    .attributes = take_tags(set->attributes, set->n_attributes, arena)},
        };
    }
    *out = sets;
    *n_out = list->n_sets;
    return ERR_OK;
}

static struct pair_side take_side(const Canary__V1__PairSide *side, struct arena *arena)
{
    return (struct pair_side){
        .values = side->values,
        .n_values = side->n_values,
        .start_unix_ms = side->start_unix_ms,
        .step_ms = side->step_ms,
        .attributes = take_tags(side->attributes, side->n_attributes, arena),
    };
}

enum err_code metric_pairs_decode(struct str bytes, struct arena *arena, struct metric_pair **out,
                                  size_t *n_out, struct error *err)
{
    ProtobufCMessage *message = NULL;
    const Canary__V1__MetricPairList *list;
    struct metric_pair *pairs;

    if (pb_unpack(bytes, &canary__v1__metric_pair_list__descriptor, memory_limit(bytes), arena,
                  &message, err))
        return error_context(err, "stored metric set pairs");
    list = (const Canary__V1__MetricPairList *)message;
    pairs = arena_array(arena, struct metric_pair, list->n_pairs);
    for (size_t i = 0; i < list->n_pairs; i++) {
        const Canary__V1__MetricPair *pair = list->pairs[i];

        if (!pair->control || !pair->experiment)
            return error_because(err, ERR_INVALID, "protobuf_syntax",
                                 "metric set pair %zu lacks a side", i);
        pairs[i] = (struct metric_pair){
            .name = pair->name,
            .id = pair->id,
            .tags = take_tags(pair->tags, pair->n_tags, arena),
            .sides = {[SIDE_CONTROL] = take_side(pair->control, arena),
                      [SIDE_EXPERIMENT] = take_side(pair->experiment, arena)},
        };
    }
    *out = pairs;
    *n_out = list->n_pairs;
    return ERR_OK;
}
