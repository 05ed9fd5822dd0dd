#include "analyzer/codec/policy_json.h"

#include "analyzer/codec/judge_options_json.h"
#include "analyzer/remote_judge.h"
#include "base/json.h"

#include <string.h>

/* Reading one setting: where it sits, and what has gone wrong so far. */
struct lookup {
    const json_t *settings; /* analysisConfigurations */
    const char *metric;
    struct error *err;
};

enum found { FOUND_NOTHING, FOUND_VALUE, FOUND_LIST };

#define PATH_MAX_STEPS 3

/* Follow the NULL-terminated path. A list on the way is searched element by element, and what was
 * found in any of them is a list, whatever its elements. Recursion is bounded by the JSON's depth.
 */
static enum found find(const json_t *at, const char *const *path, const json_t **out)
{
    const json_t *member;
    size_t i;

    for (; *path && json_is_object(at); path++) {
        at = json_object_get(at, *path);
        if (!at)
            return FOUND_NOTHING;
    }
    *out = at;
    if (!*path)
        return json_is_array(at) ? FOUND_LIST : FOUND_VALUE;
    json_array_foreach (at, i, member)
        if (find(member, path, out) != FOUND_NOTHING)
            return FOUND_LIST;
    return FOUND_NOTHING;
}

static enum found look_up(const struct lookup *lookup, const char *parent, const char *key,
                          const json_t **out)
{
    const char *path[PATH_MAX_STEPS + 1] = {"canary", parent ? parent : key, parent ? key : NULL};

    return lookup->settings ? find(lookup->settings, path, out) : FOUND_NOTHING;
}

static void refuse(const struct lookup *lookup, const char *parent, const char *key,
                   const char *wanted)
{
    error_set(lookup->err, ERR_INVALID, "metric \"%s\": analysisConfigurations.canary.%s%s%s %s",
              lookup->metric, parent ? parent : "", parent ? "." : "", key, wanted);
}

/* The text of a setting, or "" for anything that is not a text and so never a known word. */
static const char *setting_text(const struct lookup *lookup, const char *parent, const char *key)
{
    const json_t *value;

    if (look_up(lookup, parent, key, &value) != FOUND_VALUE)
        return "";
    if (json_is_null(value))
        refuse(lookup, parent, key, "must not be null");
    return json_is_string(value) ? json_string_value(value) : "";
}

static bool setting_bool(const struct lookup *lookup, const char *key)
{
    const json_t *value;
    enum found found = look_up(lookup, NULL, key, &value);

    if (found == FOUND_NOTHING)
        return false;
    if (found == FOUND_LIST || !(json_is_boolean(value) || json_is_null(value)))
        refuse(lookup, NULL, key, "must be true or false");
    return json_is_true(value);
}

/* Whole numbers of more than 32 bits are another type in Kayenta, and refused. */
static bool is_number_setting(const json_t *value)
{
    if (json_is_integer(value))
        return json_integer_value(value) >= INT32_MIN && json_integer_value(value) <= INT32_MAX;
    return json_is_real(value) || json_is_null(value);
}

static double setting_number(const struct lookup *lookup, const char *parent, const char *key,
                             double otherwise)
{
    const json_t *value;
    enum found found = look_up(lookup, parent, key, &value);

    if (found == FOUND_NOTHING)
        return otherwise;
    if (found == FOUND_LIST || !is_number_setting(value))
        refuse(lookup, parent, key, "must be a number");
    return json_number_value(value); /* 0 for null, as in Kayenta */
}

/* The standard judge knows two measures, and any other word means the mean ratio. */
static enum effect_measure measure_of(const char *word, bool is_standard)
{
    if (strcmp(word, "cles") == 0)
        return EFFECT_CLES;
    if (!is_standard && strcmp(word, "shift") == 0)
        return EFFECT_SHIFT;
    if (!is_standard && strcmp(word, "cliffsDelta") == 0)
        return EFFECT_CLIFFS_DELTA;
    return EFFECT_MEAN_RATIO;
}

static bool is_known_measure(const char *word)
{
    return !*word || strcmp(word, "meanRatio") == 0 || strcmp(word, "rateRatio") == 0 ||
           measure_of(word, false) != EFFECT_MEAN_RATIO;
}

static bool has_setting(const struct lookup *lookup, const char *parent, const char *key)
{
    const json_t *value;

    return look_up(lookup, parent, key, &value) != FOUND_NOTHING;
}

static void read_effect_size(const struct lookup *lookup, bool is_standard,
                             struct metric_policy *out)
{
    enum effect_measure measure =
        measure_of(setting_text(lookup, "effectSize", "measure"), is_standard);
    double neutral = measure == EFFECT_CLES         ? EFFECT_NEUTRAL_CLES
                     : measure == EFFECT_MEAN_RATIO ? EFFECT_NEUTRAL_MEAN_RATIO
                                                    : EFFECT_NEUTRAL_DIFFERENCE;

    out->effect_measure = measure;
    out->has_critical_increase = has_setting(lookup, "effectSize", "criticalIncrease");
    out->has_critical_decrease = has_setting(lookup, "effectSize", "criticalDecrease");
    out->allowed_increase = setting_number(lookup, "effectSize", "allowedIncrease", neutral);
    out->allowed_decrease = setting_number(lookup, "effectSize", "allowedDecrease", neutral);
    out->critical_increase = setting_number(lookup, "effectSize", "criticalIncrease", neutral);
    out->critical_decrease = setting_number(lookup, "effectSize", "criticalDecrease", neutral);
}

static enum err_code read_groups(const json_t *metric, const struct lookup *lookup,
                                 struct arena *arena, struct metric_policy *out)
{
    const json_t *groups = json_object_get(metric, "groups");
    const json_t *group;
    const char **names;
    size_t i;

    if (!groups || json_is_null(groups))
        return ERR_OK;
    if (!json_is_array(groups))
        return error_set(lookup->err, ERR_INVALID, "metric \"%s\": groups must be a list",
                         lookup->metric);
    names = arena_array(arena, const char *, json_array_size(groups) + 1);
    json_array_foreach (groups, i, group) {
        names[i] = json_scalar_text(group, arena);
        if (!names[i])
            return error_set(lookup->err, ERR_INVALID, "metric \"%s\": a group must be a text",
                             lookup->metric);
    }
    out->groups = names;
    out->n_groups = json_array_size(groups);
    return ERR_OK;
}

/* The first complaint about a metric's options, as the sentence that its result will show. */
struct complaints {
    struct arena *arena;
    const char *first;
};

static void complain(void *ctx, const char *pointer, const char *text)
{
    struct complaints *complaints = ctx;

    if (!complaints->first)
        complaints->first = arena_printf(complaints->arena, "%s %s", pointer, text);
}

void policy_options_read(const json_t *config, size_t metric_index, const struct judge_type *judge,
                         struct arena *arena, struct judge_options *out)
{
    const json_t *metrics = json_object_get(config, "metrics");
    const json_t *canary = json_object_get(
        json_object_get(json_array_get(metrics, metric_index), "analysisConfigurations"), "canary");
    const char *pointer =
        arena_printf(arena, "/metrics/%zu/analysisConfigurations/canary", metric_index);
    const char *measure =
        json_string_value(json_object_get(json_object_get(canary, "effectSize"), "measure"));
    struct complaints complaints = {.arena = arena};
    const struct judge_options_reader reader = {.arena = arena,
                                                .judge = judge,
                                                .metrics = metrics,
                                                .complain = complain,
                                                .ctx = &complaints};

    *out = judge_options_default;
    judge_options_read(&reader,
                       json_object_get(json_object_get(config, "judge"), "judgeConfigurations"),
                       "/judge/judgeConfigurations", out);
    judge_options_read(&reader, json_object_get(canary, "judge"),
                       arena_printf(arena, "%s/judge", pointer), out);
    if (measure && !is_known_measure(measure))
        complain(&complaints, arena_printf(arena, "%s/effectSize/measure", pointer),
                 "must be \"meanRatio\", \"rateRatio\", \"shift\", \"cles\" or \"cliffsDelta\"");
    out->complaint = complaints.first;
    if (judge_is_standard(judge)) { /* it reads none of them; fairness is looked at before it */
        const struct judge_options read = *out;

        *out = judge_options_default;
        out->on_unfair = read.on_unfair;
        out->exposure_metric = read.exposure_metric;
    }
}

static enum err_code read_metric(const json_t *metric, const char *name, bool is_standard,
                                 struct arena *arena, struct metric_policy *out, struct error *err)
{
    const struct lookup lookup = {
        .settings = json_object_get(metric, "analysisConfigurations"), .metric = name, .err = err};
    const char *direction = setting_text(&lookup, NULL, "direction");

    out->direction = strcmp(direction, "increase") == 0   ? DIRECTION_INCREASE
                     : strcmp(direction, "decrease") == 0 ? DIRECTION_DECREASE
                                                          : DIRECTION_EITHER;
    if (strcmp(setting_text(&lookup, NULL, "nanStrategy"), "replace") == 0)
        out->nan_strategy = NAN_REPLACE;
    out->is_critical = setting_bool(&lookup, "critical");
    out->is_muted = setting_bool(&lookup, "muted");
    out->must_have_data = setting_bool(&lookup, "mustHaveData");
    read_effect_size(&lookup, is_standard, out);
    out->outlier_factor = OUTLIER_FACTOR_DEFAULT;
    if (strcmp(setting_text(&lookup, "outliers", "strategy"), "remove") == 0) {
        out->outlier_strategy = OUTLIERS_REMOVE;
        out->outlier_factor =
            setting_number(&lookup, "outliers", "outlierFactor", OUTLIER_FACTOR_DEFAULT);
    }
    return err->code ? err->code : read_groups(metric, &lookup, arena, out);
}

/* Name -> index of the metric; the first of a name counts. An object of jansson's is a hash table.
 */
static json_t *metrics_by_name(const json_t *config)
{
    json_t *by_name = json_object();
    json_t *metric;
    size_t i;

    json_array_foreach (json_object_get(config, "metrics"), i, metric) {
        const char *name = json_string_value(json_object_get(metric, "name"));

        if (name && !json_object_get(by_name, name))
            json_object_set_new(by_name, name, json_integer((json_int_t)i));
    }
    return by_name;
}

static enum err_code read_metrics(const json_t *config, const struct judge_type *judge,
                                  const struct metric_pair *pairs, size_t n_pairs,
                                  struct arena *arena, struct judge_input *out, struct error *err)
{
    struct metric_policy *policies = arena_array(arena, struct metric_policy, n_pairs);
    json_auto_t *by_name = metrics_by_name(config);

    for (size_t i = 0; i < n_pairs; i++) {
        const json_t *place = json_object_get(by_name, pairs[i].name);
        size_t at = (size_t)json_integer_value(place);

        if (!place)
            return error_set(err, ERR_INVALID, "Could not find metric config for %s",
                             pairs[i].name);
        if (read_metric(json_array_get(json_object_get(config, "metrics"), at), pairs[i].name,
                        judge_is_standard(judge), arena, &policies[i], err))
            return err->code;
        policy_options_read(config, at, judge, arena, &policies[i].options);
    }
    out->policies = policies;
    return ERR_OK;
}

static enum err_code read_score(const json_t *config, const json_t *thresholds, struct arena *arena,
                                struct score_policy *out, struct error *err)
{
    const json_t *classifier = json_object_get(config, "classifier");
    const json_t *weights = json_object_get(classifier, "groupWeights");
    struct group_weight *list;
    json_t *weight;
    const char *group;

    if (!json_is_object(classifier))
        return error_set(err, ERR_INVALID, "the canary config has no classifier");
    if (weights && !json_is_null(weights) && !json_is_object(weights))
        return error_set(err, ERR_INVALID, "classifier.groupWeights must be an object");
    list = arena_array(arena, struct group_weight, json_object_size(weights));
    json_object_foreach ((json_t *)weights, group, weight) {
        list[out->n_weights].group = group;
        if (!json_to_double(weight, &list[out->n_weights++].weight))
            return error_set(err, ERR_INVALID, "the weight of group \"%s\" must be a number",
                             group);
    }
    out->weights = list;
    if (!json_to_double(json_object_get(thresholds, "pass"), &out->pass) ||
        !json_to_double(json_object_get(thresholds, "marginal"), &out->marginal))
        return error_set(err, ERR_INVALID,
                         "the score thresholds pass and marginal must both be numbers");
    return ERR_OK;
}

static void ignore(void *ctx, const char *pointer, const char *text)
{
    (void)ctx, (void)pointer, (void)text; /* each metric complains of it */
}

/* Of the whole config: a metric's own word for it counts for nothing. */
static enum scoring scoring_of(const json_t *config, const struct judge_type *judge,
                               struct arena *arena)
{
    const struct judge_options_reader reader = {.arena = arena, .judge = judge, .complain = ignore};
    struct judge_options options = judge_options_default;

    if (!judge_is_standard(judge))
        judge_options_read(&reader,
                           json_object_get(json_object_get(config, "judge"), "judgeConfigurations"),
                           "", &options);
    return options.scoring;
}

enum err_code judge_input_from_json(const json_t *config, const json_t *thresholds,
                                    const struct judge_type *judge, const struct metric_pair *pairs,
                                    size_t n_pairs, struct arena *arena, struct judge_input *out,
                                    struct error *err)
{
    struct judge_input input = {.pairs = pairs, .n_pairs = n_pairs};
    struct score_policy *score = arena_new(arena, struct score_policy);

    if (read_metrics(config, judge, pairs, n_pairs, arena, &input, err) ||
        read_score(config, thresholds, arena, score, err))
        return err->code;
    score->scoring = scoring_of(config, judge, arena);
    score->errors_are_nodata = !judge_is_standard(judge);
    input.score = score;
    input.wants_details = json_is_true(json_object_get(
        json_object_get(json_object_get(config, "judge"), "judgeConfigurations"), "details"));
    *out = input;
    return ERR_OK;
}

enum err_code judge_of_config(const json_t *config, const struct judge_type **out,
                              struct error *err)
{
    const json_t *judge = json_object_get(config, "judge");
    const json_t *name = json_object_get(judge, "name");

    if ((judge && !json_is_object(judge) && !json_is_null(judge)) ||
        (name && !json_is_string(name) && !json_is_null(name)))
        return error_set(err, ERR_INVALID,
                         "the canary config's judge must be an object with a name");
    *out = judge_named(json_is_string(name) ? json_string_value(name) : JUDGE_DEFAULT_NAME);
    if (!*out)
        return error_set(err, ERR_INVALID, "Unable to resolve canary judge '%s'.",
                         json_string_value(name));
    return ERR_OK;
}
