#include "analyzer/mix.h"

#include "base/limits.h"
#include "base/str.h"

#include <math.h>
#include <openssl/sha.h>
#include <string.h>

/* The union of tag keys of one side, as "[a, b]"; sorted because tag maps are. */
static void list_keys(const struct metric_set_list *list, struct arena *arena, struct tag_map *out)
{
    for (size_t i = 0; i < list->n_sets; i++)
        for (size_t t = 0; t < list->sets[i].tags.n_items; t++)
            tag_map_put(out, arena, list->sets[i].tags.items[t].key, "");
}

static const char *keys_text(const struct tag_map *keys, struct arena *arena)
{
    struct strbuf buf = {0};
    const char *text;

    strbuf_puts(&buf, "[");
    for (size_t i = 0; i < keys->n_items; i++)
        strbuf_printf(&buf, "%s%s", i ? ", " : "", keys->items[i].key);
    strbuf_puts(&buf, "]");
    text = arena_strdup(arena, buf.bytes);
    strbuf_clear(&buf);
    return text;
}

/* The keys that are to be the same on both sides, and are not. */
static bool keys_differ(const struct metric_set_list *const sides[N_SIDES], struct arena *arena,
                        struct tag_map out_keys[N_SIDES])
{
    for (int side = 0; side < N_SIDES; side++)
        list_keys(sides[side], arena, &out_keys[side]);
    return out_keys[0].n_items && out_keys[1].n_items && !tag_map_equal(&out_keys[0], &out_keys[1]);
}

static enum err_code check_tags(const struct metric_set_list *const sides[N_SIDES],
                                struct arena *arena, struct error *err)
{
    struct tag_map keys[N_SIDES] = {0};

    if (keys_differ(sides, arena, keys))
        return error_because(err, ERR_INVALID, "tags_differ",
                             "Control metrics have different tag keys than the experiment tag set "
                             "(%s != %s).",
                             keys_text(&keys[SIDE_CONTROL], arena),
                             keys_text(&keys[SIDE_EXPERIMENT], arena));
    return ERR_OK;
}

static bool has_untagged(const struct metric_set_list *list)
{
    for (size_t i = 0; i < list->n_sets; i++)
        if (list->sets[i].tags.n_items == 0)
            return true;
    return false;
}

static const struct metric_set *find_tags(const struct metric_set_list *list,
                                          const struct tag_map *tags)
{
    for (size_t i = 0; i < list->n_sets; i++)
        if (tag_map_equal(&list->sets[i].tags, tags))
            return &list->sets[i];
    return NULL;
}

/* Version 8 (custom) UUID of RFC 9562 from a hash of what identifies the pair. */
static const char *pair_id(const char *seed, const struct metric_pair *pair, struct arena *arena)
{
    unsigned char h[SHA256_DIGEST_LENGTH];
    struct strbuf text = {0};

    strbuf_append(&text, seed, strlen(seed) + 1);
    strbuf_append(&text, pair->name, strlen(pair->name) + 1);
    for (size_t i = 0; i < pair->tags.n_items; i++) {
        strbuf_append(&text, pair->tags.items[i].key, strlen(pair->tags.items[i].key) + 1);
        strbuf_append(&text, pair->tags.items[i].value, strlen(pair->tags.items[i].value) + 1);
    }
    SHA256((const unsigned char *)text.bytes, text.n_bytes, h);
    strbuf_clear(&text);
    h[6] = (unsigned char)((h[6] & 0x0f) | 0x80);
    h[8] = (unsigned char)((h[8] & 0x3f) | 0x80);
    return arena_printf(
        arena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", h[0], h[1],
        h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9], h[10], h[11], h[12], h[13], h[14], h[15]);
}

/* The set's values, padded; without a set of its own a side takes times and attributes from
 * `stand_in` and has NaN for values. */
static void fill_side(struct pair_side *side, const struct metric_set *set,
                      const struct metric_set *stand_in, struct arena *arena)
{
    const struct metric_set *from = set ? set : stand_in;
    size_t n_expected = metric_set_expected_points(from);
    size_t n_own = set ? set->n_values : 0;

    side->start_unix_ms = from->start_unix_ms;
    side->step_ms = from->step_ms;
    side->attributes = from->attributes;
    side->n_values = n_own > n_expected ? n_own : n_expected;
    if (side->n_values == n_own) {
        side->values = set ? set->values : NULL;
    } else {
        double *values = arena_array(arena, double, side->n_values);

        for (size_t i = 0; i < side->n_values; i++)
            values[i] = i < n_own ? set->values[i] : NAN;
        side->values = values;
    }
}

/* Padding follows the set's own word on its end and step, which a file may have wrong. */
static enum err_code check_lengths(const struct metric_set_list *list, struct error *err)
{
    for (size_t i = 0; i < list->n_sets; i++)
        if (metric_set_expected_points(&list->sets[i]) > STORE_MAX_POINTS)
            return error_because(err, ERR_INVALID, "too_many_points",
                                 "a metric set of %s has room for more than %u points between its "
                                 "start and its end",
                                 list->sets[i].name, STORE_MAX_POINTS);
    return ERR_OK;
}

/* --- the label that separates the sides --- */

static bool has_value(const struct metric_set *set)
{
    for (size_t i = 0; i < set->n_values; i++)
        if (isfinite(set->values[i]))
            return true;
    return false;
}

/* Does any set get a partner? */
static bool has_partners(const struct metric_set_list *const sides[N_SIDES], bool with_values)
{
    const struct metric_set_list *control = sides[SIDE_CONTROL];

    if (has_untagged(control) != has_untagged(sides[SIDE_EXPERIMENT]))
        return false;
    for (size_t i = 0; i < control->n_sets; i++) {
        const struct metric_set *partner =
            find_tags(sides[SIDE_EXPERIMENT], &control->sets[i].tags);

        if (partner && (!with_values || (has_value(&control->sets[i]) && has_value(partner))))
            return true;
    }
    return false;
}

/* The value that the key has in all sets of a side, NULL where none has it. False: it varies. */
static bool is_constant(const struct metric_set_list *list, const char *key, const char **out)
{
    *out = tag_map_get(&list->sets[0].tags, key);
    for (size_t i = 1; i < list->n_sets; i++) {
        const char *value = tag_map_get(&list->sets[i].tags, key);

        if (!value != !*out || (value && strcmp(value, *out) != 0))
            return false;
    }
    return true;
}

/* The one key that separates the sides, with its value on each, NULL where it is absent. False:
 * there is none, or more than one. */
static bool find_separating(const struct metric_set_list *const sides[N_SIDES],
                            const struct tag_map *keys, struct tag out[N_SIDES])
{
    size_t n_keys = 0;

    for (size_t i = 0; i < keys->n_items; i++) {
        const char *key = keys->items[i].key, *values[N_SIDES];

        if (!is_constant(sides[0], key, &values[0]) || !is_constant(sides[1], key, &values[1]) ||
            (values[0] && values[1] && strcmp(values[0], values[1]) == 0))
            continue;
        n_keys++;
        for (int side = 0; side < N_SIDES; side++)
            out[side] = (struct tag){key, values[side]};
    }
    return n_keys == 1;
}

/* The side's sets without that label. */
static struct metric_set_list without_label(const struct metric_set_list *list,
                                            const struct tag *label, struct arena *arena)
{
    const char *text = label->value ? arena_printf(arena, "%s=\"%s\"", label->key, label->value)
                                    : arena_printf(arena, "no %s", label->key);
    struct metric_set_list out = {.arena = arena};

    for (size_t i = 0; i < list->n_sets; i++) {
        const struct metric_set *from = &list->sets[i];
        struct metric_set *set = metric_set_list_add(&out);

        *set = *from;
        set->tags = set->attributes = (struct tag_map){0};
        for (size_t t = 0; t < from->tags.n_items; t++)
            if (strcmp(from->tags.items[t].key, label->key) != 0)
                tag_map_put(&set->tags, arena, from->tags.items[t].key, from->tags.items[t].value);
        for (size_t t = 0; t < from->attributes.n_items; t++)
            tag_map_put(&set->attributes, arena, from->attributes.items[t].key,
                        from->attributes.items[t].value);
        tag_map_put(&set->attributes, arena, PAIRING_ATTRIBUTE, text);
    }
    return out;
}

/* Both sides without the label that separates them, if that makes pairs of them. */
static bool rescue_sides(const struct metric_set_list *const sides[N_SIDES], struct arena *arena,
                         struct metric_set_list out[N_SIDES])
{
    const struct metric_set_list *const rescued[N_SIDES] = {&out[0], &out[1]};
    struct tag_map all_keys = {0}, keys[N_SIDES] = {0};
    struct tag labels[N_SIDES] = {0};

    for (int side = 0; side < N_SIDES; side++)
        list_keys(sides[side], arena, &all_keys);
    if (!find_separating(sides, &all_keys, labels))
        return false;
    for (int side = 0; side < N_SIDES; side++)
        out[side] = without_label(sides[side], &labels[side], arena);
    return !keys_differ(rescued, arena, keys) && has_partners(rescued, true);
}

/* --- pairs --- */

struct mixer {
    const char *seed, *metric_name;
    const struct metric_set_list *const *sides; /* N_SIDES */
    struct arena *arena;
    struct metric_pair *pairs;
    size_t n_pairs;
};

static void add_pair(struct mixer *mixer, const struct tag_map *tags,
                     const struct metric_set *control, const struct metric_set *experiment)
{
    const struct metric_set *sets[N_SIDES] = {control, experiment};
    struct metric_pair *pair;

    for (size_t i = 0; i < mixer->n_pairs; i++)
        if (tag_map_equal(&mixer->pairs[i].tags, tags))
            return; /* of several sets with the same tags only the first is used */
    pair = &mixer->pairs[mixer->n_pairs++];
    pair->name = mixer->metric_name;
    pair->tags = *tags;
    pair->id = pair_id(mixer->seed, pair, mixer->arena);
    for (int side = 0; side < N_SIDES; side++)
        fill_side(&pair->sides[side], sets[side], &mixer->sides[side]->sets[0], mixer->arena);
}

/* The pairs of a side with labels; what the other has, without any, is in none of them. */
static void add_one_sided(struct mixer *mixer, int side)
{
    const struct metric_set_list *labelled = mixer->sides[side];
    const struct metric_set_list *other = mixer->sides[!side];
    bool has_unused = false;

    for (size_t i = 0; i < other->n_sets; i++)
        has_unused |= has_value(&other->sets[i]);
    for (size_t i = 0; i < labelled->n_sets; i++) {
        const struct metric_set *set = &labelled->sets[i];

        add_pair(mixer, &set->tags, side == SIDE_CONTROL ? set : NULL,
                 side == SIDE_CONTROL ? NULL : set);
    }
    for (size_t i = 0; i < mixer->n_pairs; i++)
        mixer->pairs[i].sides[!side].has_unused = has_unused;
}

static void add_pairs(struct mixer *mixer)
{
    const struct metric_set_list *control = mixer->sides[SIDE_CONTROL];
    const struct metric_set_list *experiment = mixer->sides[SIDE_EXPERIMENT];
    bool control_untagged = has_untagged(control), experiment_untagged = has_untagged(experiment);

    if (control_untagged != experiment_untagged) {
        add_one_sided(mixer, control_untagged ? SIDE_EXPERIMENT : SIDE_CONTROL);
    } else {
        for (size_t i = 0; i < control->n_sets; i++)
            add_pair(mixer, &control->sets[i].tags, &control->sets[i],
                     find_tags(experiment, &control->sets[i].tags));
        for (size_t i = 0; i < experiment->n_sets; i++)
            add_pair(mixer, &experiment->sets[i].tags,
                     find_tags(control, &experiment->sets[i].tags), &experiment->sets[i]);
    }
}

enum err_code mix_pairs(const char *seed, const char *metric_name, enum mix_rescue rescue,
                        const struct metric_set_list *control,
                        const struct metric_set_list *experiment, struct arena *arena,
                        struct metric_pair **out, size_t *n_out, struct error *err)
{
    const struct metric_set_list *sides[N_SIDES] = {control, experiment};
    struct mixer mixer = {
        .seed = seed,
        .metric_name = metric_name,
        .sides = sides,
        .arena = arena,
    };
    struct metric_set_list rescued[N_SIDES];
    struct tag_map keys[N_SIDES] = {0};

    if (control->n_sets == 0 || experiment->n_sets == 0)
        return error_because(err, ERR_INVALID, "no_metrics_found",
                             "No %s metrics found for %s and the metric service did not create a "
                             "placeholder.",
                             side_name(control->n_sets ? SIDE_EXPERIMENT : SIDE_CONTROL),
                             metric_name);
    if (check_lengths(control, err) || check_lengths(experiment, err))
        return err->code;
    if (rescue != MIX_AS_KAYENTA &&
        (keys_differ(sides, arena, keys) ||
         (rescue == MIX_RESCUE && !has_partners(sides, false))) &&
        rescue_sides(sides, arena, rescued)) {
        sides[SIDE_CONTROL] = &rescued[SIDE_CONTROL];
        sides[SIDE_EXPERIMENT] = &rescued[SIDE_EXPERIMENT];
    }
    if (check_tags(sides, arena, err))
        return err->code;
    mixer.pairs = arena_array(arena, struct metric_pair, control->n_sets + experiment->n_sets);
    add_pairs(&mixer);
    *out = mixer.pairs;
    *n_out = mixer.n_pairs;
    return ERR_OK;
}
