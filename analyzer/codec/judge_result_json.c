#include "analyzer/codec/judge_result_json.h"

#include "analyzer/codec/metric_set_json.h"
#include "analyzer/codec/test_report_json.h"
#include "base/json.h"

#include <math.h>

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

/* The standard judge keeps no report of its test; this is what one would say. */
static json_t *standard_details(const char *judge_name, const struct metric_result *result)
{
    struct test_report report = test_report_start(&judge_options_default);
    bool is_flagged = result->classification == CLASS_HIGH || result->classification == CLASS_LOW;

    report.method = "mann-whitney-kayenta";
    report.effect =
        (struct effect){"shift", result->estimate, result->lower, result->upper, UNIT_METRIC};
    test_report_add_effect(
        &report,
        (struct effect){result->effect_measure == EFFECT_CLES ? "cles" : "meanRatio",
                        result->effect_size, NAN, NAN,
                        result->effect_measure == EFFECT_CLES ? UNIT_PROBABILITY : UNIT_RATIO});
    for (int side = 0; side < N_SIDES; side++)
        report.n[side] = result->stats[side].count;
    report.decision = is_flagged ? DECISION_HARM : DECISION_INCONCLUSIVE;
    if (result->is_unit_too_small)
        test_report_warn(&report, "unitTooSmall", UNIT_TOO_SMALL);
    return test_report_json(judge_name, &report, result->policy);
}

static json_t *details_json(const struct judge_result *all, const struct metric_result *result)
{
    if (result->report)
        return test_report_json(all->judge_name, result->report, result->policy);
    return all->wants_details && result->has_interval ? standard_details(all->judge_name, result)
                                                      : NULL;
}

static json_t *metric_result_json(const struct judge_result *all,
                                  const struct metric_result *result)
{
    json_t *details = details_json(all, result);
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
    if (result->has_ratio || details) {
        json_t *metadata = json_object();

        if (result->has_ratio)
            json_object_set_new(metadata, "ratio", json_number_or_text(result->ratio));
        if (details)
            json_object_set_new(metadata, "judge", details);
        json_object_set_new(object, "resultMetadata", metadata);
    }
    json_object_set_new(object, "critical", json_boolean(result->is_critical));
    json_object_set_new(object, "muted", json_boolean(result->is_muted));
    return object;
}

json_t *judge_result_json(const struct judge_result *result)
{
    json_t *results = json_array();
    json_t *groups = json_array();
    json_t *score = json_object();
    json_t *object = json_object();

    for (size_t i = 0; i < result->n_results; i++)
        json_array_append_new(results, metric_result_json(result, &result->results[i]));
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
