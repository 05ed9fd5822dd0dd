#include "analyzer/series_check.h"

#include "analyzer/mix.h"
#include "base/instant.h"
#include "base/str.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define STRIDE_MIN_CHANGES 10u /* fewer may be regular by chance */
#define MAX_SHOWN_BYTES 160u

size_t series_n_points(const struct pair_side *side)
{
    size_t n = 0;

    for (size_t i = 0; i < side->n_values; i++)
        n += isfinite(side->values[i]) != 0;
    return n;
}

static size_t common_divisor(size_t a, size_t b)
{
    while (b) {
        size_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/* Between two values of a store without gaps lie repetitions; in one with gaps, gaps. */
size_t series_stride(const struct pair_side *side)
{
    bool has_gaps = series_n_points(side) < side->n_values;
    size_t last = SIZE_MAX, stride = 0, n_changes = 0;

    for (size_t i = 0; i < side->n_values; i++) {
        bool is_change =
            has_gaps ? isfinite(side->values[i]) : i > 0 && side->values[i] != side->values[i - 1];

        if (!is_change)
            continue;
        if (last != SIZE_MAX)
            stride = common_divisor(stride, i - last);
        last = i;
        n_changes++;
    }
    return n_changes < STRIDE_MIN_CHANGES ? 0 : stride;
}

bool series_is_same(const struct metric_pair *pair)
{
    const struct pair_side *a = &pair->sides[0], *b = &pair->sides[1];
    bool varies = false;

    if (a->n_values != b->n_values)
        return false;
    for (size_t i = 0; i < a->n_values; i++) {
        bool is_nan = isnan(a->values[i]);

        if (is_nan != (bool)isnan(b->values[i]) || (!is_nan && a->values[i] != b->values[i]))
            return false;
        varies = varies || (i > 0 && !is_nan && a->values[i] != a->values[i - 1]);
    }
    return varies;
}

/* "code=500, zone=a" */
static const char *tags_text(const struct tag_map *tags, struct arena *arena)
{
    struct strbuf text = {.max_bytes = MAX_SHOWN_BYTES};
    const char *out;

    for (size_t i = 0; i < tags->n_items; i++)
        strbuf_printf(&text, "%s%s=\"%s\"", i ? ", " : "", tags->items[i].key,
                      tags->items[i].value);
    out = arena_strdup(arena, text.bytes && text.n_bytes ? text.bytes : "no labels");
    strbuf_clear(&text);
    return out;
}

struct finder {
    struct arena *arena;
    void (*warn)(void *ctx, const char *text);
    void *ctx;
};

static bool say(const struct finder *finder, const char *text)
{
    finder->warn(finder->ctx, text);
    return true;
}

static bool check_rescue(const struct metric_pair *pair, const struct finder *finder)
{
    const char *control = tag_map_get(&pair->sides[SIDE_CONTROL].attributes, PAIRING_ATTRIBUTE);
    const char *experiment =
        tag_map_get(&pair->sides[SIDE_EXPERIMENT].attributes, PAIRING_ATTRIBUTE);

    return control && experiment &&
           say(finder,
               arena_printf(
                   finder->arena,
                   "metric \"%s\": series are paired although a label differs (baseline %s, "
                   "canary %s); take the label out of the query's grouping to make this "
                   "plain, or set judge.judgeConfigurations." PAIRING_KEY " to \"" PAIRING_KAYENTA
                   "\" to leave them apart",
                   pair->name, control, experiment));
}

static bool check_same(const struct metric_pair *pair, const struct finder *finder)
{
    const char *queries[N_SIDES];

    for (int side = 0; side < N_SIDES; side++)
        queries[side] = tag_map_get(&pair->sides[side].attributes, "query");
    if (!series_is_same(pair))
        return false;
    if (queries[0] && queries[1] && strcmp(queries[0], queries[1]) == 0 &&
        pair->sides[0].start_unix_ms == pair->sides[1].start_unix_ms)
        return say(finder,
                   arena_printf(finder->arena,
                                "metric \"%s\": both sides ask the same and get the same series; "
                                "the query must tell them apart, for instance by ${scope}",
                                pair->name));
    return say(finder,
               arena_printf(finder->arena,
                            "metric \"%s\": both sides have the same values, point by point; "
                            "check that the query selects by the scope and that the two "
                            "scopes are different servers",
                            pair->name));
}

static bool check_step(const struct metric_pair *pair, const struct finder *finder)
{
    size_t strides[N_SIDES], stride = 0;
    int64_t step_ms = pair->sides[SIDE_CONTROL].step_ms;

    for (int side = 0; side < N_SIDES; side++) {
        strides[side] = series_stride(&pair->sides[side]);
        if (strides[side] && (!stride || strides[side] < stride))
            stride = strides[side];
    }
    return stride > 1 && step_ms > 0 && step_ms <= INT64_MAX / MS_PER_S / (int64_t)stride &&
           say(finder,
               arena_printf(finder->arena,
                            "metric \"%s\": the store has a new value only every %zu steps; "
                            "repeated points make the judge too sure: take a step of %" PRId64
                            " s in place of %" PRId64 " s",
                            pair->name, stride, (int64_t)stride * step_ms / MS_PER_S,
                            step_ms / MS_PER_S));
}

static void say_unlabelled(const struct metric_pair *pair, const char *unlabelled,
                           const char *labelled, const struct finder *finder)
{
    say(finder, arena_printf(finder->arena,
                             "metric \"%s\": the series of the %s has no labels and those of the "
                             "%s have (%s, for instance), so none has a partner, and the values of "
                             "the %s are not used; group both sides by the same labels in the "
                             "query, or by none",
                             pair->name, unlabelled, labelled,
                             tags_text(&pair->tags, finder->arena), unlabelled));
}

/* Series of both sides, and none or not all of them have a partner. */
static void check_partners(const struct metric_pair *pairs, size_t n_pairs,
                           const struct finder *finder)
{
    const struct metric_pair *lone[N_SIDES] = {0};
    size_t n_lone = 0, n_both = 0;

    for (size_t i = 0; i < n_pairs; i++) {
        bool has[N_SIDES] = {series_n_points(&pairs[i].sides[0]) > 0,
                             series_n_points(&pairs[i].sides[1]) > 0};

        n_both += has[0] && has[1];
        if (has[0] == has[1])
            continue;
        n_lone++;
        if (!lone[has[0] ? SIDE_CONTROL : SIDE_EXPERIMENT])
            lone[has[0] ? SIDE_CONTROL : SIDE_EXPERIMENT] = &pairs[i];
    }
    if (lone[0] && lone[1])
        say(finder,
            arena_printf(finder->arena,
                         "metric \"%s\": %zu of %zu series have no partner with the same labels "
                         "(baseline %s; canary %s); aggregate what differs away in the query, or "
                         "leave it out of its grouping",
                         pairs[0].name, n_lone, n_lone + n_both,
                         tags_text(&lone[SIDE_CONTROL]->tags, finder->arena),
                         tags_text(&lone[SIDE_EXPERIMENT]->tags, finder->arena)));
    else if (lone[SIDE_CONTROL] && lone[SIDE_CONTROL]->sides[SIDE_EXPERIMENT].has_unused)
        say_unlabelled(lone[SIDE_CONTROL], "canary", "baseline", finder);
    else if (lone[SIDE_EXPERIMENT] && lone[SIDE_EXPERIMENT]->sides[SIDE_CONTROL].has_unused)
        say_unlabelled(lone[SIDE_EXPERIMENT], "baseline", "canary", finder);
    else if (n_lone && n_both) {
        int side = lone[SIDE_CONTROL] ? SIDE_CONTROL : SIDE_EXPERIMENT;

        say(finder, arena_printf(finder->arena,
                                 "metric \"%s\": %zu of %zu series are on the side of the %s "
                                 "alone (%s, for instance) and count as Nodata; aggregate the "
                                 "label away, or let the query give 0 where there is nothing",
                                 pairs[0].name, n_lone, n_lone + n_both,
                                 side == SIDE_CONTROL ? "baseline" : "canary",
                                 tags_text(&lone[side]->tags, finder->arena)));
    }
}

/* One sentence a metric is enough: of the first pair that has the fault. */
static void check_each(const struct metric_pair *pairs, size_t n_pairs, const struct finder *finder,
                       bool (*check)(const struct metric_pair *pair, const struct finder *finder))
{
    for (size_t i = 0; i < n_pairs; i++)
        if (check(&pairs[i], finder))
            return;
}

void series_warn(const struct metric_pair *pairs, size_t n_pairs, struct arena *arena,
                 void (*warn)(void *ctx, const char *text), void *ctx)
{
    const struct finder finder = {arena, warn, ctx};

    for (size_t first = 0, end; first < n_pairs; first = end) {
        for (end = first + 1; end < n_pairs && strcmp(pairs[end].name, pairs[first].name) == 0;)
            end++;
        check_each(&pairs[first], end - first, &finder, check_rescue);
        check_each(&pairs[first], end - first, &finder, check_same);
        check_each(&pairs[first], end - first, &finder, check_step);
        check_partners(&pairs[first], end - first, &finder);
    }
}
