#include "analyzer/codec/metric_set_json.h"

#include "base/instant.h"
#include "base/json.h"

static enum err_code read_values(const json_t *values, struct arena *arena, double **out,
                                 size_t *n_out, struct error *err)
{
    const json_t *value;
    double *numbers;
    size_t i;

    if (!json_is_array(values))
        return error_set(err, ERR_INVALID, "a list of numbers is missing");
    numbers = arena_array(arena, double, json_array_size(values));
    json_array_foreach (values, i, value) {
        if (!json_to_double(value, &numbers[i])) {
            error_set(err, ERR_INVALID, "not a number and not \"NaN\"");
            return error_point(err, "/%zu", i);
        }
    }
    *out = numbers;
    *n_out = json_array_size(values);
    return ERR_OK;
}

static enum err_code read_tags(const json_t *object, const char *key, struct arena *arena,
                               struct tag_map *out, struct error *err)
{
    const json_t *tags = json_object_get(object, key);
    const char *name;
    json_t *value;

    if (tags && !json_is_object(tags) && !json_is_null(tags))
        return error_set(err, ERR_INVALID, "%s must be an object of texts", key);
    json_object_foreach ((json_t *)tags, name, value) {
        const char *text = json_scalar_text(value, arena);

        if (text)
            tag_map_put(out, arena, name, text);
    }
    return ERR_OK;
}

/* Milliseconds from `ms_key`, else from the text under `iso_key`, else 0. */
static enum err_code read_time(const json_t *object, const char *ms_key, const char *iso_key,
                               int64_t *out_unix_ms, struct error *err)
{
    const json_t *ms = json_object_get(object, ms_key);
    const json_t *iso = json_object_get(object, iso_key);
    int64_t unix_ns;

    if (json_is_integer(ms)) {
        *out_unix_ms = json_integer_value(ms);
        if (*out_unix_ms < 0 || *out_unix_ms > INT64_MAX / NS_PER_MS) {
            error_set(err, ERR_INVALID, "not a time between 1970 and 2261");
            return error_point(err, "/%s", ms_key);
        }
    } else if (json_is_string(iso)) {
        if (instant_parse(json_string_value(iso), &unix_ns, err))
            return error_point(err, "/%s", iso_key);
        *out_unix_ms = unix_ns / NS_PER_MS;
    }
    return ERR_OK;
}

static enum err_code read_name(const json_t *object, struct arena *arena, const char **out,
                               struct error *err)
{
    const char *name = json_string_value(json_object_get(object, "name"));

    if (!name)
        return error_set(err, ERR_INVALID, "a metric set must be an object with a name");
    *out = arena_strdup(arena, name);
    return ERR_OK;
}

static enum err_code read_pair_side(const json_t *pair, enum side side, struct arena *arena,
                                    struct pair_side *out, struct error *err)
{
    const json_t *scope = json_object_get(json_object_get(pair, "scopes"), side_name(side));
    double *values;

    if (read_values(json_object_get(json_object_get(pair, "values"), side_name(side)), arena,
                    &values, &out->n_values, err))
        return error_point(err, "/values/%s", side_name(side));
    out->values = values;
    out->step_ms = json_integer_value(json_object_get(scope, "stepMillis"));
    if (read_time(scope, "startTimeMillis", "startTimeIso", &out->start_unix_ms, err))
        return error_point(err, "/scopes/%s", side_name(side));
    return read_tags(json_object_get(pair, "attributes"), side_name(side), arena, &out->attributes,
                     err);
}

static enum err_code read_pair(const json_t *object, struct arena *arena, struct metric_pair *out,
                               struct error *err)
{
    const char *id = json_string_value(json_object_get(object, "id"));

    if (read_name(object, arena, &out->name, err) ||
        read_tags(object, "tags", arena, &out->tags, err))
        return err->code;
    out->id = id ? arena_strdup(arena, id) : NULL;
    for (enum side side = 0; side < N_SIDES; side++)
        if (read_pair_side(object, side, arena, &out->sides[side], err))
            return error_context(err, "metric set pair \"%s\"", out->name);
    return ERR_OK;
}

enum err_code metric_pairs_from_json(const json_t *list, struct arena *arena,
                                     struct metric_pair **out, size_t *n_out, struct error *err)
{
    struct metric_pair *pairs;
    const json_t *object;
    size_t i;

    if (!json_is_array(list))
        return error_set(err, ERR_INVALID, "a list of metric set pairs was expected");
    pairs = arena_array(arena, struct metric_pair, json_array_size(list));
    json_array_foreach (list, i, object)
        if (read_pair(object, arena, &pairs[i], err))
            return error_point(err, "/%zu", i);
    *out = pairs;
    *n_out = json_array_size(list);
    return ERR_OK;
}

static enum err_code read_set(const json_t *object, struct arena *arena, struct metric_set *out,
                              struct error *err)
{
    if (read_name(object, arena, &out->name, err) ||
        read_tags(object, "tags", arena, &out->tags, err) ||
        read_tags(object, "attributes", arena, &out->attributes, err) ||
        read_time(object, "startTimeMillis", "startTimeIso", &out->start_unix_ms, err) ||
        read_time(object, "endTimeMillis", "endTimeIso", &out->end_unix_ms, err))
        return err->code;
    out->step_ms = json_integer_value(json_object_get(object, "stepMillis"));
    if (read_values(json_object_get(object, "values"), arena, &out->values, &out->n_values, err))
        return error_point(err, "/values");
    return ERR_OK;
}

enum err_code metric_sets_from_json(const json_t *list, struct arena *arena,
                                    struct metric_set_list *out, struct error *err)
{
    const json_t *object;
    size_t i;

    if (!json_is_array(list))
        return error_set(err, ERR_INVALID, "a list of metric sets was expected");
    *out = (struct metric_set_list){.arena = arena};
    json_array_foreach (list, i, object)
        if (read_set(object, arena, metric_set_list_add(out), err))
            return error_point(err, "/%zu", i);
    return ERR_OK;
}

json_t *tag_map_json(const struct tag_map *map)
{
    json_t *object = json_object();

    for (size_t i = 0; i < map->n_items; i++)
        json_object_set_new(object, map->items[i].key, json_string(map->items[i].value));
    return object;
}

static json_t *values_json(const double *values, size_t n_values)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n_values; i++)
        json_array_append_new(list, json_number_or_text(values[i]));
    return list;
}

static void set_time(json_t *object, const char *ms_key, const char *iso_key, int64_t unix_ms)
{
    char text[INSTANT_TEXT_BYTES];

    json_object_set_new(object, ms_key, json_integer(unix_ms));
    json_set_text(object, iso_key, instant_text(unix_ms * NS_PER_MS, text));
}

json_t *metric_pair_json(const struct metric_pair *pair)
{
    json_t *values = json_object();
    json_t *scopes = json_object();
    json_t *attributes = json_object();
    json_t *object = json_object();

    for (enum side side = 0; side < N_SIDES; side++) {
        const struct pair_side *one = &pair->sides[side];
        json_t *scope = json_object();

        json_object_set_new(values, side_name(side), values_json(one->values, one->n_values));
        set_time(scope, "startTimeMillis", "startTimeIso", one->start_unix_ms);
        json_object_set_new(scope, "stepMillis", json_integer(one->step_ms));
        json_object_set_new(scopes, side_name(side), scope);
        json_object_set_new(attributes, side_name(side), tag_map_json(&one->attributes));
    }
    json_set_text(object, "name", pair->name);
    json_set_text(object, "id", pair->id);
    json_object_set_new(object, "tags", tag_map_json(&pair->tags));
    json_object_set_new(object, "values", values);
    json_object_set_new(object, "scopes", scopes);
    json_object_set_new(object, "attributes", attributes);
    return object;
}

json_t *metric_pairs_json(const struct metric_pair *pairs, size_t n_pairs)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n_pairs; i++)
        json_array_append_new(list, metric_pair_json(&pairs[i]));
    return list;
}

json_t *metric_set_json(const struct metric_set *set)
{
    json_t *object = json_object();

    json_set_text(object, "name", set->name);
    json_object_set_new(object, "tags", tag_map_json(&set->tags));
    set_time(object, "startTimeMillis", "startTimeIso", set->start_unix_ms);
    set_time(object, "endTimeMillis", "endTimeIso", set->end_unix_ms);
    json_object_set_new(object, "stepMillis", json_integer(set->step_ms));
    json_object_set_new(object, "values", values_json(set->values, set->n_values));
    json_object_set_new(object, "attributes", tag_map_json(&set->attributes));
    return object;
}

json_t *metric_sets_json(const struct metric_set *sets, size_t n_sets)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n_sets; i++)
        json_array_append_new(list, metric_set_json(&sets[i]));
    return list;
}
