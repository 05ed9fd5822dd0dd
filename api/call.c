#include "api/call.h"

#include "api/guard.h"
#include "base/json.h"
#include "base/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static enum err_code find_one(const struct api_call *call, const char *name, const char **out,
                              struct error *err)
{
    *out = NULL;
    for (size_t i = 0; i < call->target.n_params; i++) {
        if (strcmp(call->target.params[i].name, name) != 0)
            continue;
        if (*out)
            return error_because(err, ERR_INVALID, "repeated_parameter",
                                 "Parameter '%s' was given more than once.", name);
        *out = call->target.params[i].value;
    }
    return ERR_OK;
}

enum err_code call_params(const struct api_call *call, const struct call_param *params,
                          size_t n_params, struct error *err)
{
    for (size_t i = 0; i < n_params; i++) {
        const char *value;

        if (find_one(call, params[i].name, &value, err))
            return err->code;
        if (value && *value == '\0' && params[i].kind != PARAM_KEEP_EMPTY)
            value = NULL;
        if (!value && params[i].kind == PARAM_REQUIRED)
            return error_because(err, ERR_INVALID, "missing_parameter",
                                 "Required parameter '%s' is not present.", params[i].name);
        *params[i].out = value;
    }
    return ERR_OK;
}

enum err_code call_header(const struct api_call *call, const char *name, const char **out,
                          struct error *err)
{
    struct str value;
    size_t n = call->headers ? headers_find(call->headers, name, &value) : 0;

    *out = NULL;
    if (n > 1)
        return error_because(err, ERR_INVALID, "repeated_header",
                             "Header '%s' was given more than once.", name);
    if (n)
        *out = arena_strndup(call->arena, value.bytes, value.n_bytes);
    return ERR_OK;
}

void call_list(const struct api_call *call, const char *name, const char *const **out,
               size_t *n_out)
{
    size_t n = 0, max = 0;
    const char **list;

    for (size_t i = 0; i < call->target.n_params; i++)
        if (strcmp(call->target.params[i].name, name) == 0)
            max += strlen(call->target.params[i].value); /* more than it can hold elements */
    list = arena_array(call->arena, const char *, max);
    for (size_t i = 0; i < call->target.n_params; i++) {
        const char *rest = call->target.params[i].value;

        if (strcmp(call->target.params[i].name, name) != 0)
            continue;
        while (*rest) {
            size_t n_bytes;

            rest += strspn(rest, ", ");
            n_bytes = strcspn(rest, ",");
            for (size_t end = n_bytes; end; end--) {
                if (rest[end - 1] != ' ') {
                    list[n++] = arena_strndup(call->arena, rest, end);
                    break;
                }
            }
            rest += n_bytes;
        }
    }
    *out = list;
    *n_out = n;
}

enum err_code call_count(const struct api_call *call, const char *name, size_t default_value,
                         size_t max, size_t *out, struct error *err)
{
    const char *text;
    unsigned long value;
    size_t n_digits;

    *out = default_value;
    if (find_one(call, name, &text, err))
        return err->code;
    if (!text || *text == '\0')
        return ERR_OK;
    n_digits = strspn(text, "0123456789");
    errno = 0;
    value = strtoul(text, NULL, 10);
    if (n_digits == 0 || text[n_digits] != '\0' || errno || value < 1 || value > max)
        return error_because(err, ERR_INVALID, "bad_parameter",
                             "Parameter '%s' must be a whole number from 1 to %zu.", name, max);
    *out = value;
    return ERR_OK;
}

enum err_code call_flag(const struct api_call *call, const char *name, bool *out, struct error *err)
{
    static const char *const words[] = {"true", "on", "yes", "1", "false", "off", "no", "0"};
    const char *text;

    *out = false;
    if (find_one(call, name, &text, err))
        return err->code;
    if (!text || *text == '\0')
        return ERR_OK;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *out = i < ARRAY_LEN(words) / 2;
            return ERR_OK;
        }
    }
    return error_because(err, ERR_INVALID, "bad_parameter", "Parameter '%s' must be true or false.",
                         name);
}

static enum err_code read_body(struct api_call *call, json_t **out, struct error *err)
{
    if (json_read(strbuf_view(&call->body), &json_limits_request, out, err) == ERR_OK)
        json_keep(*out, call->arena);
    return err->code;
}

enum err_code call_json_object(struct api_call *call, const json_t **out, struct error *err)
{
    json_t *json;

    if (read_body(call, &json, err))
        return err->code;
    if (!json_is_object(json))
        return error_because(err, ERR_INVALID, "bad_type",
                             "a JSON object was expected, but the body is an array");
    *out = json;
    return ERR_OK;
}

static enum err_code half(const json_t *body, const char *key, const json_t **out,
                          struct error *err)
{
    *out = json_object_get(body, key);
    if (!*out || json_is_null(*out))
        return error_set(err, ERR_INVALID, "%s must be provided for ad-hoc requests", key);
    if (!json_is_object(*out)) {
        error_because(err, ERR_INVALID, "bad_type", "%s must be an object", key);
        return error_point(err, "/%s", key);
    }
    return ERR_OK;
}

enum err_code call_ad_hoc_halves(struct api_call *call, const json_t **canary_config,
                                 const json_t **execution_request, struct error *err)
{
    const json_t *body;

    if (call_json_object(call, &body, err) || half(body, "canaryConfig", canary_config, err) ||
        half(body, "executionRequest", execution_request, err))
        return err->code;
    return ERR_OK;
}

enum err_code call_json_array(struct api_call *call, const json_t **out, struct error *err)
{
    json_t *json;

    if (read_body(call, &json, err))
        return err->code;
    if (!json_is_array(json))
        return error_because(err, ERR_INVALID, "bad_type",
                             "a JSON array was expected, but the body is an object");
    *out = json;
    return ERR_OK;
}

enum err_code call_page(const struct api_call *call, struct list_page *out, struct error *err)
{
    if (call_count(call, "limit", HTTP_MAX_LIST_ROWS, HTTP_MAX_LIST_ROWS, &out->limit, err))
        return err->code;
    return call_count(call, "page", 1, HTTP_MAX_PAGE, &out->page, err);
}
