#include "collectors/metric_query.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/number.h"

#include <math.h>
#include <string.h>

const char *metric_query_text(const struct metric_query *query, const char *key)
{
    const char *text = json_string_value(json_object_get(query->config, key));

    return text && *text ? text : NULL;
}

const char *metric_query_param(const struct metric_query *query, const char *name)
{
    for (size_t i = query->scope.n_extended_params; i-- > 0;)
        if (strcmp(query->scope.extended_params[i].key, name) == 0)
            return *query->scope.extended_params[i].value ? query->scope.extended_params[i].value
                                                          : NULL;
    return NULL;
}

/* Member `key`, or NULL where it is absent, null or "": people send all three for "not given". */
static const json_t *given(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);

    if (json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0))
        return NULL;
    return value;
}

static enum err_code decode_text(const json_t *json, const char *key, struct arena *arena,
                                 const char **out, struct error *err)
{
    if (!given(json, key))
        return ERR_OK;
    *out = json_text_of(json, key, arena);
    if (*out && strlen(*out) <= REQUEST_MAX_PARAM_BYTES) {
        *out = arena_strdup(arena, *out); /* the scope outlives its JSON */
        return ERR_OK;
    }
    if (!*out)
        error_because(err, ERR_INVALID, "bad_type", "\"%s\" must be text", key);
    else
        error_because(err, ERR_INVALID, "param_too_large", "\"%s\" has more than %u bytes", key,
                      REQUEST_MAX_PARAM_BYTES);
    return error_point(err, "/%s", key);
}

static enum err_code bad_time(struct error *err, const char *key, const char *why)
{
    error_because(err, ERR_INVALID, "bad_time", "%s", why);
    return error_point(err, "/%s", key);
}

/* RFC 3339 text, or a number of seconds since 1970. */
static enum err_code decode_time(const json_t *json, const char *key, bool *has, int64_t *out_ns,
                                 struct error *err)
{
    const json_t *value = given(json, key);
    double seconds;

    *has = value != NULL;
    if (!value)
        return ERR_OK;
    if (json_is_string(value))
        return instant_parse(json_string_value(value), out_ns, err) ? error_point(err, "/%s", key)
                                                                    : ERR_OK;
    seconds = json_is_number(value) ? json_number_value(value) : NAN;
    if (!(seconds >= 0 && seconds < (double)(INT64_MAX / NS_PER_S)))
        return bad_time(err, key, "a time must be RFC 3339 text or seconds since 1970");
    *out_ns = json_is_integer(value) ? json_integer_value(value) * NS_PER_S
                                     /* a double holds today's seconds to the microsecond only */
                                     : (int64_t)floor(seconds) * NS_PER_S +
                                           (int64_t)round((seconds - floor(seconds)) * 1e6) * 1000;
    return ERR_OK;
}

static enum err_code decode_step(const json_t *json, int64_t *out_s, struct error *err)
{
    const json_t *value = given(json, "step");
    double step;

    *out_s = 0;
    if (!value)
        return ERR_OK;
    if (!json_to_double(value, &step))
        error_because(err, ERR_INVALID, "bad_type", "the step must be a number of seconds");
    else if (!(step >= 0 && step <= REQUEST_MAX_WINDOW_S))
        error_because(err, ERR_INVALID, "bad_step", "the step must be 0 to %d seconds",
                      REQUEST_MAX_WINDOW_S);
    else {
        *out_s = (int64_t)step; /* a fraction is cut, as existing clients are used to */
        return ERR_OK;
    }
    return error_point(err, "/step");
}

static enum err_code check_window(const struct scope *scope, struct error *err)
{
    int64_t window_ns;

    if (!scope->has_start || !scope->has_end)
        return ERR_OK;
    window_ns = scope->end_unix_ns - scope->start_unix_ns;
    if (window_ns <= 0)
        return bad_time(err, "start", "the start must be before the end");
    if (window_ns > REQUEST_MAX_WINDOW_S * NS_PER_S)
        return bad_time(err, "end", "the window is longer than 31 days");
    if (scope->step_s && window_ns / NS_PER_S / scope->step_s > REQUEST_MAX_POINTS) {
        error_because(err, ERR_INVALID, "too_many_points",
                      "the window has more than %d steps; make the step larger",
                      REQUEST_MAX_POINTS);
        return error_point(err, "/step");
    }
    return ERR_OK;
}

static enum err_code bad_param(struct error *err, const char *reason, const char *key,
                               const char *why)
{
    error_because(err, ERR_INVALID, reason, "the parameter \"%.64s\" %s", key, why);
    return error_point(err, "/extendedScopeParams/%.64s", key);
}

static enum err_code decode_params(const json_t *json, struct arena *arena, struct scope *out,
                                   struct error *err)
{
    json_t *params = json_object_get(json, "extendedScopeParams");
    const char *key;
    json_t *value;

    if (!params || json_is_null(params))
        return ERR_OK;
    if (!json_is_object(params)) {
        error_because(err, ERR_INVALID, "bad_type", "the parameters must be an object");
        return error_point(err, "/extendedScopeParams");
    }
    if (json_object_size(params) > REQUEST_MAX_EXTENDED_PARAMS) {
        error_because(err, ERR_INVALID, "too_many_parameters", "there are more than %u parameters",
                      REQUEST_MAX_EXTENDED_PARAMS);
        return error_point(err, "/extendedScopeParams");
    }
    out->extended_params = arena_array(arena, struct tag, json_object_size(params));
    json_object_foreach (params, key, value) {
        const char *text = json_text_of(params, key, arena);

        if (json_is_null(value))
            continue;
        if (!text)
            return bad_param(err, "bad_type", key, "must be text");
        if (strchr(key, '}')) /* could never be written as ${...} */
            return bad_param(err, "bad_parameter", key, "has a } in its name");
        if (strlen(text) > REQUEST_MAX_PARAM_BYTES)
            return bad_param(err, "param_too_large", key, "is larger than 4 KiB");
        out->extended_params[out->n_extended_params++] =
            (struct tag){arena_strdup(arena, key), arena_strdup(arena, text)};
    }
    return ERR_OK;
}

enum err_code scope_decode(const json_t *json, struct arena *arena, struct scope *out,
                           struct error *err)
{
    *out = (struct scope){0};
    if (!json_is_object(json))
        return error_because(err, ERR_INVALID, "bad_type", "a scope must be an object");
    if (decode_text(json, "scope", arena, &out->scope, err) ||
        decode_text(json, "location", arena, &out->location, err) ||
        decode_time(json, "start", &out->has_start, &out->start_unix_ns, err) ||
        decode_time(json, "end", &out->has_end, &out->end_unix_ns, err) ||
        decode_step(json, &out->step_s, err) || decode_params(json, arena, out, err))
        return err->code;
    return check_window(out, err);
}
