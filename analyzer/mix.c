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

static enum err_code check_tags(const struct metric_set_list *control,
                                const struct metric_set_list *experiment, struct arena *arena,
                                struct error *err)
{
    struct tag_map control_keys = {0}, experiment_keys = {0};

    list_keys(control, arena, &control_keys);
    list_keys(experiment, arena, &experiment_keys);
    if (control_keys.n_items && experiment_keys.n_items &&
        !tag_map_equal(&control_keys, &experiment_keys))
        return error_because(err, ERR_INVALID, "tags_differ",
                             "Control metrics have different tag keys than the experiment tag set "
                             "(%s != %s).",
                             keys_text(&control_keys, arena), keys_text(&experiment_keys, arena));
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

struct mixer {
    const char *seed, *metric_name;
    const struct metric_set_list *sides[N_SIDES];
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

enum err_code mix_pairs(const char *seed, const char *metric_name,
                        const struct metric_set_list *control,
                        const struct metric_set_list *experiment, struct arena *arena,
                        struct metric_pair **out, size_t *n_out, struct error *err)
{
    struct mixer mixer = {
        .seed = seed,
        .metric_name = metric_name,
        .sides = {control, experiment},
        .arena = arena,
    };
    bool control_untagged = has_untagged(control), experiment_untagged = has_untagged(experiment);

    if (control->n_sets == 0 || experiment->n_sets == 0)
        return error_because(err, ERR_INVALID, "no_metrics_found",
                             "No %s metrics found for %s and the metric service did not create a "
                             "placeholder.",
                             side_name(control->n_sets ? SIDE_EXPERIMENT : SIDE_CONTROL),
                             metric_name);
    if (check_lengths(control, err) || check_lengths(experiment, err) ||
        check_tags(control, experiment, arena, err))
        return err->code;
    mixer.pairs = arena_array(arena, struct metric_pair, control->n_sets + experiment->n_sets);
    if (control_untagged && !experiment_untagged) {
        for (size_t i = 0; i < experiment->n_sets; i++)
            add_pair(&mixer, &experiment->sets[i].tags, NULL, &experiment->sets[i]);
    } else if (experiment_untagged && !control_untagged) {
        for (size_t i = 0; i < control->n_sets; i++)
            add_pair(&mixer, &control->sets[i].tags, &control->sets[i], NULL);
    } else {
        for (size_t i = 0; i < control->n_sets; i++)
            add_pair(&mixer, &control->sets[i].tags, &control->sets[i],
                     find_tags(experiment, &control->sets[i].tags));
        for (size_t i = 0; i < experiment->n_sets; i++)
            add_pair(&mixer, &experiment->sets[i].tags,
                     find_tags(control, &experiment->sets[i].tags), &experiment->sets[i]);
    }
    *out = mixer.pairs;
    *n_out = mixer.n_pairs;
    return ERR_OK;
}
