/* Recorded metric sets: pairs as results list them, or sets with a side. They come out as they were
 * recorded; the scope's window does not matter. */
#include "collectors/file_reply.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "collectors/collector.h"

#include <math.h>
#include <string.h>

struct bundle {
    const struct file_question *question;
    enum side side;
    struct metric_set_list *out;
    size_t n_points;
    struct error *err;
};

static enum err_code bad(const struct bundle *b, const char *what)
{
    return error_because(b->err, ERR_UPSTREAM, "store_bad_response", "bundle: %s", what);
}

static enum err_code read_values(struct bundle *b, const json_t *list, struct metric_set *set)
{
    size_t n = json_array_size(list);

    if (n > STORE_MAX_POINTS_PER_SERIES || b->n_points + n > STORE_MAX_POINTS)
        return error_because(b->err, ERR_UPSTREAM, "store_too_many_points",
                             "the bundle has more points than %u in one series, or %u in all",
                             STORE_MAX_POINTS_PER_SERIES, STORE_MAX_POINTS);
    b->n_points += n;
    set->values = arena_array(b->out->arena, double, n);
    set->n_values = n;
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(list, i);

        set->values[i] = NAN;
        if (!json_is_null(value) && !json_to_double(value, &set->values[i]))
            return bad(b, "a value is neither a number nor null");
    }
    return ERR_OK;
}

static enum err_code read_texts(struct bundle *b, const json_t *object, struct tag_map *out)
{
    const char *key;
    json_t *value;

    if (json_object_size(object) > STORE_MAX_LABELS)
        return bad(b, "a series has more than 128 tags");
    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        const char *text = json_text_of(object, key, b->out->arena);

        if (!text || strlen(key) > STORE_MAX_LABEL_BYTES)
            return bad(b, "a tag or an attribute is not text, or has a name over 4 KiB");
        tag_map_put(out, b->out->arena, key, text);
    }
    return ERR_OK;
}

/* A time in milliseconds that has nanoseconds, too. */
static enum err_code read_ms(const struct bundle *b, const json_t *object, const char *key,
                             double min, int64_t *out)
{
    double number;

    if (!json_to_double(json_object_get(object, key), &number) ||
        !(number >= min && number <= FILE_MAX_TIME_MS))
        return bad(b, "a series has no startTimeMillis, endTimeMillis or stepMillis, or one out of "
                      "range");
    *out = (int64_t)number;
    return ERR_OK;
}

static struct metric_set *add_set(struct bundle *b)
{
    struct metric_set *set;

    if (b->out->n_sets == STORE_MAX_SERIES) {
        error_because(b->err, ERR_UPSTREAM, "store_too_many_series",
                      "the bundle has more than %u series of one name", STORE_MAX_SERIES);
        return NULL;
    }
    set = metric_set_list_add(b->out);
    set->name = arena_strdup(b->out->arena, b->question->query->metric_name);
    return set;
}

static enum err_code read_pair(struct bundle *b, const json_t *pair)
{
    const char *side = side_name(b->side);
    const json_t *scope = json_object_get(json_object_get(pair, "scopes"), side);
    struct metric_set *set = add_set(b);

    if (!set || read_texts(b, json_object_get(pair, "tags"), &set->tags) ||
        read_texts(b, json_object_get(json_object_get(pair, "attributes"), side),
                   &set->attributes) ||
        read_values(b, json_object_get(json_object_get(pair, "values"), side), set) ||
        read_ms(b, scope, "startTimeMillis", -FILE_MAX_TIME_MS, &set->start_unix_ms) ||
        read_ms(b, scope, "stepMillis", 0, &set->step_ms))
        return b->err->code;
    if ((double)set->step_ms * (double)set->n_values > FILE_MAX_TIME_MS)
        return bad(b, "the values of a series reach beyond the year 2260");
    set->end_unix_ms = set->start_unix_ms + (int64_t)set->n_values * set->step_ms;
    return ERR_OK;
}

static enum err_code read_set(struct bundle *b, const json_t *recorded)
{
    struct metric_set *set = add_set(b);

    if (!set || read_texts(b, json_object_get(recorded, "tags"), &set->tags) ||
        read_texts(b, json_object_get(recorded, "attributes"), &set->attributes) ||
        read_values(b, json_object_get(recorded, "values"), set) ||
        read_ms(b, recorded, "startTimeMillis", -FILE_MAX_TIME_MS, &set->start_unix_ms) ||
        read_ms(b, recorded, "endTimeMillis", (double)set->start_unix_ms, &set->end_unix_ms) ||
        read_ms(b, recorded, "stepMillis", 0, &set->step_ms))
        return b->err->code;
    return ERR_OK;
}

static bool is_meant(const struct bundle *b, const json_t *one)
{
    const char *name = json_string_value(json_object_get(one, "name"));

    if (name && b->question->names)
        json_object_set_new(b->question->names, name, json_true());
    return name && !b->question->names && strcmp(name, b->question->selector.name) == 0;
}

static enum err_code read_pairs(struct bundle *b, const json_t *list)
{
    const char *side = file_side(b->question, b->question->side);
    const json_t *pair;
    size_t i;

    b->side = strcmp(side, "canary") == 0 ? SIDE_EXPERIMENT : SIDE_CONTROL;
    json_array_foreach (list, i, pair) {
        if (!is_meant(b, pair))
            continue;
        if (strcmp(side, "baseline") != 0 && strcmp(side, "canary") != 0)
            return error_because(b->err, ERR_UPSTREAM, "store_error",
                                 "file side '%.256s' is neither baseline nor canary",
                                 b->question->side);
        if (read_pair(b, pair))
            return error_context(b->err, "pair %zu", i);
    }
    return ERR_OK;
}

static enum err_code read_sets(struct bundle *b, const json_t *list)
{
    const char *side = file_side(b->question, b->question->side);
    const json_t *set;
    size_t i;

    json_array_foreach (list, i, set) {
        const char *recorded = json_string_value(json_object_get(set, "side"));

        if (!is_meant(b, set) ||
            strcmp(file_side(b->question, recorded ? recorded : ""), side) != 0)
            continue;
        if (read_set(b, set))
            return error_context(b->err, "metric set %zu", i);
    }
    return ERR_OK;
}

enum err_code file_bundle_read(const struct file_question *question, struct str content,
                               struct metric_set_list *out, struct error *err)
{
    struct bundle b = {.question = question, .out = out, .err = err};
    struct error why = {0};
    json_auto_t *root = NULL;
    const json_t *pairs, *sets;

    if (json_read(content, &json_limits_tree, &root, &why))
        return error_because(err, ERR_UPSTREAM, "store_bad_response", "file is not JSON: %s",
                             why.message);
    pairs = json_object_get(root, "metricSetPairList");
    sets = json_object_get(root, "metricSets");
    if (json_is_array(root) && json_object_get(json_array_get(root, 0), "scopes"))
        pairs = root;
    else if (json_is_array(root))
        sets = root;
    if (!json_is_array(pairs) && !json_is_array(sets))
        return error_because(err, ERR_UPSTREAM, "store_bad_response",
                             "bundle has neither metricSetPairList nor metricSets");
    if (read_pairs(&b, pairs) || (out->n_sets == 0 && read_sets(&b, sets)))
        return err->code;
    if (out->n_sets == 0 && !question->names)
        collector_placeholder(question->query, question->text, out);
    return ERR_OK;
}
