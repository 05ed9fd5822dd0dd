#include "analyzer/stats_kind.h"

#include <math.h>
#include <string.h>

#define ALPHA_DEFAULT (1.0 - 0.98) /* the judges' level */

static enum err_code read_finite(const json_t *value, double *out)
{
    return json_to_double(value, out) && isfinite(*out) ? ERR_OK : ERR_INVALID;
}

enum err_code stats_list(const json_t *object, const char *where, const char *key,
                         struct arena *arena, double **values, size_t *n, struct error *err)
{
    const json_t *list = json_object_get(object, key);
    const json_t *value;
    size_t i;

    if (!json_is_array(list))
        return error_set(err, ERR_INVALID, "%s.%s must be a list of numbers", where, key);
    *n = json_array_size(list);
    *values = arena_array(arena, double, *n);
    json_array_foreach (list, i, value)
        if (read_finite(value, &(*values)[i]))
            return error_set(err, ERR_INVALID, "%s.%s[%zu] is not a finite number", where, key, i);
    return ERR_OK;
}

enum err_code stats_samples(const json_t *inputs, struct arena *arena, struct stats_samples *out,
                            struct error *err)
{
    if (stats_list(inputs, "inputs", "x", arena, &out->x, &out->n, err) ||
        stats_list(inputs, "inputs", "y", arena, &out->y, &out->m, err))
        return err->code;
    if (out->n == 0 || out->m == 0)
        return error_set(err, ERR_INVALID, "inputs.%s is empty; one value or more is needed",
                         out->n == 0 ? "x" : "y");
    return ERR_OK;
}

enum err_code stats_number(const json_t *object, const char *where, const char *key, double low,
                           double high, double *out, struct error *err)
{
    double value;

    if (read_finite(json_object_get(object, key), &value) || value < low || value > high)
        return error_set(err, ERR_INVALID, "%s.%s must be a number from %g to %g", where, key, low,
                         high);
    *out = value;
    return ERR_OK;
}

static bool is_given(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return value && !json_is_null(value);
}

enum err_code stats_number_or(const json_t *object, const char *where, const char *key, double low,
                              double high, double *out, struct error *err)
{
    return is_given(object, key) ? stats_number(object, where, key, low, high, out, err) : ERR_OK;
}

enum err_code stats_count(const json_t *object, const char *where, const char *key, size_t low,
                          size_t high, size_t *out, struct error *err)
{
    double value;

    if (read_finite(json_object_get(object, key), &value) || value != floor(value) ||
        value < (double)low || value > (double)high)
        return error_set(err, ERR_INVALID, "%s.%s must be a whole number from %zu to %zu", where,
                         key, low, high);
    *out = (size_t)value;
    return ERR_OK;
}

enum err_code stats_choice(const json_t *object, const char *where, const char *key,
                           const char *const *names, size_t *out, struct error *err)
{
    const char *name = json_string_value(json_object_get(object, key));
    struct strbuf list = {0};

    if (!is_given(object, key))
        return ERR_OK;
    for (size_t i = 0; names[i]; i++) {
        if (name && strcmp(name, names[i]) == 0) {
            *out = i;
            strbuf_clear(&list);
            return ERR_OK;
        }
        strbuf_printf(&list, "%s%s", i ? ", " : "", names[i]);
    }
    error_set(err, ERR_INVALID, "%s.%s must be one of %.*s", where, key, STR_ARG(list));
    strbuf_clear(&list);
    return ERR_INVALID;
}

enum err_code stats_alpha(const json_t *params, double *alpha, struct error *err)
{
    double level;

    *alpha = ALPHA_DEFAULT;
    if (!is_given(params, "conf_level"))
        return ERR_OK;
    if (read_finite(json_object_get(params, "conf_level"), &level) || level <= 0 || level >= 1)
        return error_set(err, ERR_INVALID, "params.conf_level must be a number between 0 and 1");
    *alpha = 1.0 - level;
    return ERR_OK;
}

void stats_set(json_t *result, const char *key, double value)
{
    json_object_set_new(result, key, json_number_or_null(value));
}

void stats_set_finite(json_t *result, const char *key, double value)
{
    stats_set(result, key, isfinite(value) ? value : NAN);
}

void stats_set_list(json_t *result, const char *key, const double *values, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_number_or_null(values[i]));
    json_object_set_new(result, key, list);
}
