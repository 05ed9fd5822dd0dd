#include "analyzer/codec/judge_result_json.h"

#include "analyzer/codec/metric_set_json.h"
#include "base/json.h"

#define UNIT_TOO_SMALL                                                                             \
    "values are small against the solver's absolute tolerance 1e-4; rescale the query (for "       \
    "example to percent) or use another judge"

static void set_stats(json_t *object, const char *key, const struct side_stats *stats)
{
    json_t *values = json_object();
    json_t *metadata = json_object();

    json_object_set_new(values, "count", json_integer((json_int_t)stats->count));
    json_object_set_new(values, "mean", json_number_or_text(stats->mean));
    json_object_set_new(values, "min", json_number_or_text(stats->min));
    json_object_set_new(values, "std", json_number_or_text(stats->std));
    json_object_set_new(values, "max", json_number_or_text(stats->max));
    json_object_set_new(metadata, "stats", values);
    json_object_set_new(object, key, metadata);
}

static json_t *details_json(const struct metric_result *result)
{
    json_t *details = json_object();
    json_t *shift = json_object();
    json_t *effect = json_object();

    json_object_set_new(details, "method", json_string("mann-whitney-kayenta"));
    json_object_set_new(details, "confidenceLevel", json_real(0.98));
    json_object_set_new(shift, "estimate", json_number_or_text(result->estimate));
    json_object_set_new(shift, "lower", json_number_or_text(result->lower));
    json_object_set_new(shift, "upper", json_number_or_text(result->upper));
    json_object_set_new(details, "shift", shift);
    json_object_set_new(effect, "measure",
                        json_string(result->effect_measure == EFFECT_CLES ? "cles" : "meanRatio"));
    json_object_set_new(effect, "estimate", json_number_or_text(result->effect_size));
    json_object_set_new(details, "effect", effect);
    if (result->is_unit_too_small)
        json_object_set_new(
            details, "warnings",
            json_pack("[{ss ss}]", "code", "unitTooSmall", "message", UNIT_TOO_SMALL));
    return details;
}

static json_t *metric_result_json(const struct metric_result *result, enum judge_detail detail)
{
    json_t *object = json_object();

    json_set_text(object, "name", result->pair->name);
    json_object_set_new(object, "tags", tag_map_json(&result->pair->tags));
    json_set_text(object, "id", result->pair->id);
    json_set_text(object, "classification", classification_name(result->classification));
    json_set_text(object, "classificationReason", result->reason);
    if (result->groups) {
        json_t *groups = json_array();

        for (size_t i = 0; i < result->n_groups; i++)
            json_array_append_new(groups, json_string(result->groups[i]));
        json_object_set_new(object, "groups", groups);
    }
    set_stats(object, "experimentMetadata", &result->stats[SIDE_EXPERIMENT]);
    set_stats(object, "controlMetadata", &result->stats[SIDE_CONTROL]);
    if (result->has_ratio) {
        json_t *metadata = json_object();

        json_object_set_new(metadata, "ratio", json_number_or_text(result->ratio));
        if (detail == JUDGE_DETAIL_FULL && result->has_interval)
            json_object_set_new(metadata, "judge", details_json(result));
        json_object_set_new(object, "resultMetadata", metadata);
    }
    json_object_set_new(object, "critical", json_boolean(result->is_critical));
    json_object_set_new(object, "muted", json_boolean(result->is_muted));
    return object;
}

json_t *judge_result_json_with(const struct judge_result *result, enum judge_detail detail)
{
    json_t *results = json_array();
    json_t *groups = json_array();
    json_t *score = json_object();
    json_t *object = json_object();

    for (size_t i = 0; i < result->n_results; i++)
        json_array_append_new(results, metric_result_json(&result->results[i], detail));
    for (size_t i = 0; i < result->n_groups; i++) {
        json_t *group = json_object();

        json_set_text(group, "name", result->groups[i].name);
        json_object_set_new(group, "score", json_real(result->groups[i].score));
        json_set_text(group, "classification", "");
        json_set_text(group, "classificationReason", "");
        json_array_append_new(groups, group);
    }
    json_object_set_new(score, "score", json_real(result->score));
    json_set_text(score, "classification", verdict_name(result->verdict));
    json_set_text(score, "classificationReason", result->reason);
    json_set_text(object, "judgeName", result->judge_name);
    json_object_set_new(object, "results", results);
    json_object_set_new(object, "groupScores", groups);
    json_object_set_new(object, "score", score);
    return object;
}

json_t *judge_result_json(const struct judge_result *result)
{
    return judge_result_json_with(result, JUDGE_DETAIL_NONE);
}
