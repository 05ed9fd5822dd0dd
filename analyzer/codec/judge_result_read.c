#include "analyzer/codec/judge_result_read.h"

#include "base/json.h"
#include "base/limits.h"

#include <math.h>
#include <string.h>

#define SCORE_MAX 100.0
#define COUNT_MAX 9007199254740992.0 /* 2^53: up to here doubles count one by one */

static const struct json_limits limits = {
    .bytes = REMOTE_JUDGE_MAX_REPLY_BYTES,
    .depth = REMOTE_JUDGE_MAX_DEPTH,
    .values = REMOTE_JUDGE_MAX_VALUES,
    .string_bytes = REMOTE_JUDGE_MAX_STRING_BYTES,
    .key_bytes = JSON_MAX_KEY_BYTES,
    .keys = JSON_MAX_KEYS,
};

struct reading {
    const struct judge_input *input;
    struct arena *arena;
    struct error *err;
    json_t *places;              /* id -> index of the pair */
    struct metric_result *found; /* one a pair; without `pair`: not yet */
};

/* --- members --- */

static enum err_code refuse(struct reading *r, const char *key, const char *wanted)
{
    error_set(r->err, ERR_INVALID, "%s", wanted);
    return error_point(r->err, "/%s", key);
}

/* A member that is there and not null. */
static const json_t *given(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_null(value) ? NULL : value;
}

/* *out stays as it is when there is none. */
static enum err_code read_text(struct reading *r, const json_t *object, const char *key,
                               const char **out)
{
    const json_t *value = given(object, key);

    if (value && !json_is_string(value))
        return refuse(r, key, "must be a text");
    if (value)
        *out = arena_strdup(r->arena, json_string_value(value));
    return ERR_OK;
}

static enum err_code read_flag(struct reading *r, const json_t *object, const char *key, bool *out)
{
    const json_t *value = given(object, key);

    if (value && !json_is_boolean(value))
        return refuse(r, key, "must be true or false");
    if (value)
        *out = json_is_true(value);
    return ERR_OK;
}

static enum err_code read_number(struct reading *r, const json_t *object, const char *key,
                                 double *out)
{
    const json_t *value = given(object, key);

    if (value && !json_to_double(value, out))
        return refuse(r, key, "must be a number");
    return ERR_OK;
}

/* From 0 to 100. */
static enum err_code read_score(struct reading *r, const json_t *object, double *out)
{
    double score = NAN;

    if (!given(object, "score"))
        return refuse(r, "score", "is missing");
    if (read_number(r, object, "score", &score))
        return r->err->code;
    if (!(score >= 0 && score <= SCORE_MAX)) { /* a NaN is neither */
        error_set(r->err, ERR_INVALID, "must be from 0 to 100, not %g", score);
        return error_point(r->err, "/score");
    }
    *out = fabs(score); /* there is no minus zero */
    return ERR_OK;
}

/* --- one metric --- */

static enum err_code read_classification(struct reading *r, const json_t *object,
                                         enum classification *out)
{
    const char *word = json_string_value(json_object_get(object, "classification"));

    for (enum classification one = CLASS_PASS; word && one <= CLASS_ERROR; one++) {
        if (strcmp(word, classification_name(one)) == 0) {
            *out = one;
            return ERR_OK;
        }
    }
    return refuse(r, "classification",
                  "must be Pass, High, Low, Nodata, NodataFailMetric or Error");
}

static enum err_code read_groups(struct reading *r, const json_t *object, struct metric_result *out)
{
    const json_t *groups = given(object, "groups");
    const json_t *group;
    const char **names;
    size_t i;

    if (!groups)
        return ERR_OK;
    names = arena_array(r->arena, const char *, json_array_size(groups) + 1);
    json_array_foreach (groups, i, group) {
        if (!json_is_string(group))
            break;
        names[i] = arena_strdup(r->arena, json_string_value(group));
    }
    if (!json_is_array(groups) || i < json_array_size(groups))
        return refuse(r, "groups", "must be a list of texts");
    out->groups = names;
    out->n_groups = i;
    return ERR_OK;
}

static enum err_code read_stats(struct reading *r, const json_t *object, const char *key,
                                struct side_stats *out)
{
    const json_t *stats = given(given(object, key), "stats");
    double count = 0;

    if (stats &&
        (read_number(r, stats, "count", &count) || read_number(r, stats, "mean", &out->mean) ||
         read_number(r, stats, "min", &out->min) || read_number(r, stats, "max", &out->max) ||
         read_number(r, stats, "std", &out->std)))
        return error_point(r->err, "/%s/stats", key);
    if (!(count >= 0 && count <= COUNT_MAX && floor(count) == count)) {
        refuse(r, "count", "must be a whole number from 0");
        return error_point(r->err, "/%s/stats", key);
    }
    out->count = (size_t)count;
    return ERR_OK;
}

/* Which pair it is about. */
static enum err_code find_pair(struct reading *r, const json_t *object, size_t *out)
{
    const char *id = json_string_value(json_object_get(object, "id"));
    const char *name = NULL;
    const json_t *place;

    if (!id)
        return refuse(r, "id", "the metric set pair's id is missing");
    place = json_object_get(r->places, id);
    if (!place) {
        error_set(r->err, ERR_INVALID, "there is no metric set pair with the id \"%.80s\"", id);
        return error_point(r->err, "/id");
    }
    *out = (size_t)json_integer_value(place);
    if (r->found[*out].pair) {
        error_set(r->err, ERR_INVALID, "the metric set pair \"%.80s\" has two results", id);
        return error_point(r->err, "/id");
    }
    if (read_text(r, object, "name", &name))
        return r->err->code;
    if (name && strcmp(name, r->input->pairs[*out].name) != 0) {
        error_set(r->err, ERR_INVALID, "the metric of this id is \"%.80s\", not \"%.80s\"",
                  r->input->pairs[*out].name, name);
        return error_point(r->err, "/name");
    }
    return ERR_OK;
}

static enum err_code read_result(struct reading *r, const json_t *object)
{
    const json_t *metadata = given(object, "resultMetadata");
    const struct metric_policy *policy;
    struct metric_result *out;
    size_t i = 0;

    if (!json_is_object(object))
        return error_set(r->err, ERR_INVALID, "must be an object");
    if (find_pair(r, object, &i))
        return r->err->code;
    out = &r->found[i];
    policy = &r->input->policies[i];
    *out = (struct metric_result){.pair = &r->input->pairs[i],
                                  .policy = policy,
                                  .groups = policy->groups,
                                  .n_groups = policy->n_groups,
                                  .is_muted = policy->is_muted,
                                  .has_ratio = given(metadata, "ratio") != NULL,
                                  .effect_size = NAN,
                                  .grade = NAN};
    if (read_classification(r, object, &out->classification) ||
        read_text(r, object, "classificationReason", &out->reason) || read_groups(r, object, out) ||
        read_stats(r, object, "experimentMetadata", &out->stats[SIDE_EXPERIMENT]) ||
        read_stats(r, object, "controlMetadata", &out->stats[SIDE_CONTROL]) ||
        read_flag(r, object, "critical", &out->is_critical) ||
        read_flag(r, object, "muted", &out->is_muted))
        return r->err->code;
    if (read_number(r, metadata, "ratio", &out->ratio))
        return error_point(r->err, "/resultMetadata");
    return ERR_OK;
}

/* --- all metrics --- */

static enum err_code index_pairs(struct reading *r)
{
    for (size_t i = 0; i < r->input->n_pairs; i++) {
        const struct metric_pair *pair = &r->input->pairs[i];

        if (!pair->id || json_object_get(r->places, pair->id))
            return error_set(r->err, ERR_INVALID,
                             "the metric set pair \"%.80s\" has %s, by which its result could be "
                             "found",
                             pair->name, pair->id ? "not an id of its own" : "no id");
        json_object_set_new(r->places, pair->id, json_integer((json_int_t)i));
    }
    return ERR_OK;
}

static enum err_code read_results(struct reading *r, const json_t *root, struct judge_result *out)
{
    const struct judge_input *input = r->input;
    const json_t *list = json_object_get(root, "results");
    const json_t *object;
    size_t i;

    if (!json_is_array(list))
        return refuse(r, "results", "a list of results, one a metric set pair, is missing");
    r->found = arena_array(r->arena, struct metric_result, input->n_pairs);
    json_array_foreach (list, i, object) {
        if (read_result(r, object)) {
            error_point(r->err, "/%zu", i);
            return error_point(r->err, "/results");
        }
    }
    out->results = r->found;
    for (i = 0; i < input->n_pairs; i++) {
        if (r->found[i].pair) {
            r->found[out->n_results++] = r->found[i];
        } else if (!input->policies[i].is_muted) {
            error_set(r->err, ERR_INVALID, "there is none for the metric \"%.80s\" (id \"%.80s\")",
                      input->pairs[i].name, input->pairs[i].id);
            return error_point(r->err, "/results");
        }
    }
    return ERR_OK;
}

static enum err_code read_group_scores(struct reading *r, const json_t *root,
                                       struct judge_result *out)
{
    const json_t *list = given(root, "groupScores");
    struct group_score *groups = arena_array(r->arena, struct group_score, json_array_size(list));
    const json_t *object;
    size_t i;

    if (list && !json_is_array(list))
        return refuse(r, "groupScores", "must be a list");
    json_array_foreach (list, i, object) {
        groups[i].has_data = true;
        if (read_text(r, object, "name", &groups[i].name) == ERR_OK && !groups[i].name)
            refuse(r, "name", "the group's name is missing");
        if (r->err->code || read_score(r, object, &groups[i].score)) {
            error_point(r->err, "/%zu", i);
            return error_point(r->err, "/groupScores");
        }
    }
    out->groups = groups;
    out->n_groups = json_array_size(list);
    return ERR_OK;
}

/* --- the score --- */

/* Nothing but missing data has forced the score, by Kayenta's rule (score.h). */
static bool is_forced_by_nodata(const struct judge_result *result)
{
    size_t n_scored = 0, n_nodata = 0;

    for (size_t i = 0; i < result->n_results; i++) {
        const struct metric_result *metric = &result->results[i];

        if (metric->is_muted)
            continue;
        if (metric->is_critical && metric->classification != CLASS_PASS)
            return false;
        n_scored++;
        n_nodata += metric->classification == CLASS_NODATA;
    }
    return result->score == 0 && n_scored && n_nodata * 2 >= n_scored;
}

static enum err_code read_verdict(struct reading *r, const json_t *score, struct judge_result *out)
{
    const struct score_policy *policy = r->input->score;
    const char *word = json_string_value(json_object_get(score, "classification"));
    enum verdict verdict = out->score >= policy->pass       ? VERDICT_PASS
                           : out->score >= policy->marginal ? VERDICT_MARGINAL
                                                            : VERDICT_FAIL;
    bool is_known = false;

    for (enum verdict one = VERDICT_PASS; word && one <= VERDICT_FAIL; one++)
        is_known = is_known || strcmp(word, verdict_name(one)) == 0;
    if (!is_known)
        return refuse(r, "classification", "must be Pass, Marginal or Fail");
    if (strcmp(word, verdict_name(verdict)) != 0) {
        error_set(r->err, ERR_INVALID,
                  "is %s, but a score of %g is %s by the thresholds pass %g and marginal %g", word,
                  out->score, verdict_name(verdict), policy->pass, policy->marginal);
        return error_point(r->err, "/classification");
    }
    out->verdict = verdict;
    return ERR_OK;
}

static enum err_code read_total(struct reading *r, const json_t *root, struct judge_result *out)
{
    const json_t *score = json_object_get(root, "score");

    if (!json_is_object(score))
        return refuse(r, "score", "an object with score and classification is missing");
    if (read_score(r, score, &out->score) || read_verdict(r, score, out) ||
        read_text(r, score, "classificationReason", &out->reason))
        return error_point(r->err, "/score");
    out->is_forced_by_nodata = is_forced_by_nodata(out);
    return ERR_OK;
}

enum err_code judge_result_read(struct str text, const char *judge_name,
                                const struct judge_input *input, struct arena *arena,
                                struct judge_result *out, struct error *err)
{
    struct reading r = {.input = input, .arena = arena, .err = err, .places = json_object()};
    struct judge_result result = {
        .judge_name = judge_name, .wants_details = input->wants_details, .reason = ""};
    json_t *root = NULL;

    if (index_pairs(&r) == ERR_OK && json_read(text, &limits, &root, err) == ERR_OK &&
        read_text(&r, root, "judgeName", &result.judge_name) == ERR_OK &&
        read_results(&r, root, &result) == ERR_OK &&
        read_group_scores(&r, root, &result) == ERR_OK && read_total(&r, root, &result) == ERR_OK)
        *out = result;
    json_decref(root);
    json_decref(r.places);
    return err->code;
}
