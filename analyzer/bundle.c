#include "analyzer/bundle.h"

#include "analyzer/codec/metric_set_json.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/version.h"

#include <string.h>

#define BUNDLE_SCHEMA "serinus.bundle/v1"

static json_t *sets_json(const struct bundle *bundle)
{
    json_t *list = json_array();

    for (size_t i = 0; i < bundle->n_sets; i++) {
        json_t *set = metric_set_json(&bundle->sets[i].set);

        json_object_set_new(set, "side", json_string(side_name(bundle->sets[i].side)));
        json_set_text(set, "scopeName", bundle->sets[i].scope_name);
        json_array_append_new(list, set);
    }
    return list;
}

json_t *bundle_json(const struct bundle *bundle)
{
    json_t *out = json_object();
    char now[INSTANT_TEXT_BYTES];

    json_object_set_new(out, "schema", json_string(BUNDLE_SCHEMA));
    json_object_set_new(out, "serinusVersion", json_string(SERINUS_VERSION));
    json_object_set_new(out, "createdIso",
                        json_string(instant_text(clock_wall_ms() * NS_PER_MS, now)));
    json_object_set(out, "canaryConfig", (json_t *)bundle->config);
    json_object_set(out, "executionRequest", (json_t *)bundle->request);
    json_object_set_new(out, "metricSets", sets_json(bundle));
    json_object_set_new(out, "metricSetPairList",
                        metric_pairs_json(bundle->pairs, bundle->n_pairs));
    if (bundle->result)
        json_object_set(out, "result", (json_t *)bundle->result);
    return out;
}

static enum err_code decode_sets(const json_t *list, struct arena *arena, struct bundle *out,
                                 struct error *err)
{
    struct metric_set_list sets = {.arena = arena};

    if (metric_sets_from_json(list, arena, &sets, err))
        return error_point(err, "/metricSets");
    out->sets = arena_array(arena, struct stored_set, sets.n_sets);
    out->n_sets = sets.n_sets;
    for (size_t i = 0; i < sets.n_sets; i++) {
        const json_t *set = json_array_get(list, i);
        const char *side = json_string_value(json_object_get(set, "side"));

        if (!side || (strcmp(side, "control") != 0 && strcmp(side, "experiment") != 0)) {
            error_set(err, ERR_INVALID, "the side must be \"control\" or \"experiment\"");
            return error_point(err, "/metricSets/%zu/side", i);
        }
        out->sets[i].side = strcmp(side, "control") == 0 ? SIDE_CONTROL : SIDE_EXPERIMENT;
        out->sets[i].scope_name = json_string_value(json_object_get(set, "scopeName"));
        out->sets[i].set = sets.sets[i];
    }
    return ERR_OK;
}

enum err_code bundle_decode(json_t *json, struct arena *arena, struct bundle *out,
                            struct error *err)
{
    const char *schema = json_string_value(json_object_get(json, "schema"));
    const json_t *sets = json_object_get(json, "metricSets");
    const json_t *pairs = json_object_get(json, "metricSetPairList");

    json_keep(json_incref(json), arena);
    if (!schema || strcmp(schema, BUNDLE_SCHEMA) != 0) {
        error_set(err, ERR_INVALID, "this is no bundle: its schema must be \"" BUNDLE_SCHEMA "\"");
        return error_point(err, "/schema");
    }
    out->config = json_object_get(json, "canaryConfig");
    out->request = json_object_get(json, "executionRequest");
    out->result = json_object_get(json, "result");
    if (!json_is_object(out->config)) {
        error_set(err, ERR_INVALID, "the bundle has no canary config");
        return error_point(err, "/canaryConfig");
    }
    if (!json_is_object(out->request)) {
        error_set(err, ERR_INVALID, "the bundle has no execution request");
        return error_point(err, "/executionRequest");
    }
    if (sets && decode_sets(sets, arena, out, err))
        return err->code;
    if (pairs && metric_pairs_from_json(pairs, arena, &out->pairs, &out->n_pairs, err))
        return error_point(err, "/metricSetPairList");
    if (!sets && !pairs)
        return error_set(err, ERR_INVALID,
                         "the bundle has neither \"metricSets\" nor \"metricSetPairList\"");
    return ERR_OK;
}

/* Pairs made from the sets again take the ids that were recorded. */
static void keep_ids(const struct bundle *bundle, struct judgement *judgement)
{
    for (size_t i = 0; i < judgement->n_pairs; i++) {
        struct metric_pair *pair = &judgement->pairs[i];

        for (size_t k = 0; k < bundle->n_pairs; k++)
            if (strcmp(bundle->pairs[k].name, pair->name) == 0 &&
                tag_map_equal(&bundle->pairs[k].tags, &pair->tags)) {
                pair->id = bundle->pairs[k].id;
                break;
            }
    }
}

enum err_code bundle_mix(const char *seed, const struct bundle *bundle, struct arena *arena,
                         struct judgement *out, struct error *err)
{
    struct metric_set_list sets[N_SIDES] = {{.arena = arena}, {.arena = arena}};

    if (bundle->n_sets == 0) {
        out->pairs = bundle->pairs;
        out->n_pairs = bundle->n_pairs;
        return ERR_OK;
    }
    for (size_t i = 0; i < bundle->n_sets; i++)
        *metric_set_list_add(&sets[bundle->sets[i].side]) = bundle->sets[i].set;
    if (judgement_mix(seed, bundle->config, sets, arena, out, err))
        return err->code;
    keep_ids(bundle, out);
    return ERR_OK;
}
