/* What an operator may write into an account of type http-json; each mistake is named by where it
 * stands. */
#include "collectors/http_json.h"

#include "base/json.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_REQUESTS 50u

struct check {
    const char *request; /* name */
    struct error *err;
};

/* "requests.<name>.<where>" and what is wrong there. */
static enum err_code PRINTF_LIKE(3, 4) bad(struct check *c, const char *where, const char *fmt, ...)
{
    char what[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    return error_set(c->err, ERR_SETTINGS, "\"requests.%.50s%s%s\" %s", c->request,
                     *where ? "." : "", where, what);
}

static bool is_in(const char *text, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(*list, text) == 0)
            return true;
    return false;
}

static enum err_code check_members(struct check *c, const char *where, const json_t *object,
                                   const char *const *known)
{
    const char *name;
    json_t *value;

    if (object && !json_is_object(object))
        return bad(c, where, "must be an object");
    json_object_foreach ((json_t *)(uintptr_t)object, name, value)
        if (!is_in(name, known))
            return bad(c, where, "has a member \"%.64s\" that is not known", name);
    return ERR_OK;
}

/* Absent is fine. */
static enum err_code check_word(struct check *c, const char *where, const json_t *value,
                                const char *const *words)
{
    if (!value || (json_is_string(value) && is_in(json_string_value(value), words)))
        return ERR_OK;
    return bad(c, where, "must be one of %s, %s%s%s%s", words[0], words[1], words[2] ? ", " : "",
               words[2] ? words[2] : "", words[2] && words[3] ? ", ..." : "");
}

static enum err_code check_pointer(struct check *c, const char *where, const json_t *value,
                                   bool is_series)
{
    struct error why = {0};

    if (!value)
        return ERR_OK;
    if (!json_is_string(value))
        return bad(c, where, "must be a pointer");
    if (http_json_pointer_check(json_string_value(value), is_series, &why))
        return bad(c, where, "is wrong: %s", why.message);
    return ERR_OK;
}

static enum err_code check_texts(struct check *c, const char *where, const json_t *object)
{
    const char *name;
    json_t *value;

    if (object && !json_is_object(object))
        return bad(c, where, "must map names to text");
    json_object_foreach ((json_t *)(uintptr_t)object, name, value)
        if (json_is_object(value) || json_is_array(value) || json_is_null(value))
            return bad(c, where, "must map names to text; \"%.64s\" is none", name);
    return ERR_OK;
}

/* --- the request --- */

static enum err_code check_path(struct check *c, const json_t *value)
{
    const char *path = json_string_value(value);

    if (!path)
        return bad(c, "path", "is missing");
    if (*path == '/' || strstr(path, "//") || strstr(path, "..") || strpbrk(path, "?#\\ \r\n") ||
        strstr(path, "://"))
        return bad(c, "path", "must be relative, without a scheme, \"//\", \"..\" and a query");
    return ERR_OK;
}

/* Outside of JSON strings only numbers may be filled in. */
static enum err_code check_body(struct check *c, const char *body)
{
    bool is_inside = false;

    for (const char *at = body; *at; at++) {
        bool is_variable = at[0] == '$' && at[1] == '{' && !(at > body && at[-1] == '$');
        size_t n = is_variable ? strcspn(at + 2, ":}") : 0;

        if (is_inside && *at == '\\' && at[1])
            at++;
        else if (*at == '"')
            is_inside = !is_inside;
        else if (is_variable && !is_inside && !http_json_is_number(at + 2, n))
            return bad(c, "body", "has the variable '%.*s' outside of a JSON string", (int)n,
                       at + 2);
    }
    return ERR_OK;
}

static enum err_code check_headers(struct check *c, const json_t *headers)
{
    const char *name;
    json_t *value;

    if (check_texts(c, "headers", headers))
        return c->err->code;
    json_object_foreach ((json_t *)(uintptr_t)headers, name, value) {
        const char *text = json_string_value(value);

        if (!text || strstr(text, "${") || strpbrk(text, "\r\n") || !*name ||
            strpbrk(name, "\r\n: "))
            return bad(c, "headers", "must be constant lines of text; \"%.64s\" is none", name);
        if (strcasecmp(name, "Host") == 0)
            return bad(c, "headers", "must leave \"Host\" to the URL");
    }
    return ERR_OK;
}

static enum err_code check_path_vars(struct check *c, const json_t *vars)
{
    const char *name;
    json_t *value;

    if (vars && !json_is_object(vars))
        return bad(c, "pathVars", "must map names to lists");
    json_object_foreach ((json_t *)(uintptr_t)vars, name, value)
        if (!json_is_array(value) || json_array_size(value) == 0)
            return bad(c, "pathVars", "must map names to lists; \"%.64s\" is none", name);
    return ERR_OK;
}

/* --- the reply --- */

static enum err_code check_labels(struct check *c, const json_t *labels)
{
    const char *name;
    json_t *value;

    if (!labels || json_is_string(labels))
        return check_pointer(c, "reply.labels", labels, false);
    if (!json_is_object(labels))
        return bad(c, "reply.labels", "must be a pointer, or map names to pointers");
    json_object_foreach ((json_t *)(uintptr_t)labels, name, value)
        if (check_pointer(c, "reply.labels", value, false))
            return c->err->code;
    return ERR_OK;
}

static enum err_code check_points(struct check *c, const json_t *points)
{
    static const char *const known[] = {"shape", "at", "time", "value", NULL};
    static const char *const shapes[] = {"pairs", "objects", "columns", "map", NULL};
    const json_t *shape = json_object_get(points, "shape");
    const json_t *time = json_object_get(points, "time"), *value = json_object_get(points, "value");
    bool is_pairs;

    if (!points)
        return bad(c, "reply.points", "is missing");
    if (check_members(c, "reply.points", points, known) ||
        check_pointer(c, "reply.points.at", json_object_get(points, "at"), false))
        return c->err->code;
    if (!shape)
        return bad(c, "reply.points.shape", "is missing");
    if (check_word(c, "reply.points.shape", shape, shapes))
        return c->err->code;
    is_pairs = strcmp(json_string_value(shape), "pairs") == 0;
    if (is_pairs && ((time && !json_is_integer(time)) || (value && !json_is_integer(value))))
        return bad(c, "reply.points", "of the shape pairs have indexes as time and value");
    if (!is_pairs && (check_pointer(c, "reply.points.time", time, false) ||
                      check_pointer(c, "reply.points.value", value, false)))
        return c->err->code;
    if (!is_pairs && strcmp(json_string_value(shape), "map") != 0 && (!time || !value))
        return bad(c, "reply.points", "need \"time\" and \"value\"");
    return ERR_OK;
}

static enum err_code check_reply(struct check *c, const json_t *reply)
{
    static const char *const known[] = {"error", "series", "labels", "points", "timeUnit",
                                        "stamp", "grid",   "reduce", NULL};
    static const char *const units[] = {"s", "ms", "us", "ns", "rfc3339", NULL};
    static const char *const stamps[] = {"start", "end", NULL};
    static const char *const grids[] = {"aligned", "scope", "none", NULL};
    static const char *const reduces[] = {"last", "first", "mean", "sum", "min", "max", NULL};
    const json_t *errors = json_object_get(reply, "error"), *pointer;
    size_t i;

    if (!reply)
        return bad(c, "reply", "is missing");
    if (check_members(c, "reply", reply, known))
        return c->err->code;
    if (errors && !json_is_array(errors))
        return bad(c, "reply.error", "must be a list of pointers");
    json_array_foreach (errors, i, pointer)
        if (check_pointer(c, "reply.error", pointer, false))
            return c->err->code;
    if (check_pointer(c, "reply.series", json_object_get(reply, "series"), true) ||
        check_labels(c, json_object_get(reply, "labels")) ||
        check_word(c, "reply.timeUnit", json_object_get(reply, "timeUnit"), units) ||
        check_word(c, "reply.stamp", json_object_get(reply, "stamp"), stamps) ||
        check_word(c, "reply.grid", json_object_get(reply, "grid"), grids) ||
        check_word(c, "reply.reduce", json_object_get(reply, "reduce"), reduces))
        return c->err->code;
    return check_points(c, json_object_get(reply, "points"));
}

static bool is_positive(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) > 0;
}

static enum err_code check_paging(struct check *c, const json_t *paging)
{
    static const char *const known[] = {"kind",   "next",  "param",      "only",     "setBody",
                                        "header", "limit", "limitParam", "maxPages", NULL};
    static const char *const kinds[] = {"token", "link", "offset", NULL};
    const char *kind = json_string_value(json_object_get(paging, "kind"));
    const json_t *next = json_object_get(paging, "next"), *param = json_object_get(paging, "param");
    const json_t *max = json_object_get(paging, "maxPages");

    if (!paging)
        return ERR_OK;
    if (check_members(c, "paging", paging, known))
        return c->err->code;
    if (!kind)
        return bad(c, "paging.kind", "is missing");
    if (check_word(c, "paging.kind", json_object_get(paging, "kind"), kinds) ||
        check_pointer(c, "paging.next", next, false) ||
        check_pointer(c, "paging.setBody", json_object_get(paging, "setBody"), false))
        return c->err->code;
    if (max && !is_positive(max))
        return bad(c, "paging.maxPages", "must be a whole number above 0");
    if (strcmp(kind, "token") == 0 &&
        (!next || json_is_string(param) == json_is_string(json_object_get(paging, "setBody"))))
        return bad(c, "paging", "by token needs \"next\", and \"param\" or \"setBody\"");
    if (strcmp(kind, "link") == 0 && !next && !json_is_true(json_object_get(paging, "header")))
        return bad(c, "paging", "by link needs \"next\", or \"header: true\"");
    if (strcmp(kind, "offset") == 0 &&
        (!json_is_string(param) || !is_positive(json_object_get(paging, "limit"))))
        return bad(c, "paging", "by offset needs \"param\" and \"limit\"");
    return ERR_OK;
}

/* --- all of it --- */

static enum err_code check_request(struct check *c, const json_t *request)
{
    static const char *const known[] = {"method", "path", "vars",  "pathVars", "query", "headers",
                                        "body",   "form", "reply", "paging",   NULL};
    static const char *const methods[] = {"GET", "POST", NULL};
    const json_t *method = json_object_get(request, "method");
    const json_t *body = json_object_get(request, "body"), *form = json_object_get(request, "form");
    bool is_post =
        method && json_is_string(method) && strcmp(json_string_value(method), "POST") == 0;

    if (!json_is_object(request))
        return bad(c, "", "must be an object");
    if (check_members(c, "", request, known) || check_word(c, "method", method, methods) ||
        check_path(c, json_object_get(request, "path")) ||
        check_texts(c, "vars", json_object_get(request, "vars")) ||
        check_path_vars(c, json_object_get(request, "pathVars")) ||
        check_texts(c, "query", json_object_get(request, "query")) ||
        check_headers(c, json_object_get(request, "headers")) || check_texts(c, "form", form))
        return c->err->code;
    if ((body || form) && !is_post)
        return bad(c, body ? "body" : "form", "needs \"method: POST\"");
    if (body && form)
        return bad(c, "body", "cannot stand beside a form");
    if (body && !json_is_string(body))
        return bad(c, "body", "must be text");
    if ((body && check_body(c, json_string_value(body))) ||
        check_reply(c, json_object_get(request, "reply")))
        return c->err->code;
    return check_paging(c, json_object_get(request, "paging"));
}

static bool is_request_name(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '-')
            return false;
    return *name != '\0';
}

enum err_code http_json_check(const struct account *account, struct error *err)
{
    json_t *requests = json_object_get(account->options, "requests");
    struct check c = {.err = err};
    const char *name;
    json_t *request;

    if (!json_is_object(requests) || json_object_size(requests) == 0)
        return error_set(err, ERR_SETTINGS, "it lacks \"requests\"");
    if (json_object_size(requests) > MAX_REQUESTS)
        return error_set(err, ERR_SETTINGS, "it has more than %u \"requests\"", MAX_REQUESTS);
    json_object_foreach (requests, name, request) {
        c.request = name;
        if (!is_request_name(name))
            return bad(&c, "", "must have a name of a-z, 0-9 and -");
        if (check_request(&c, request))
            return err->code;
    }
    return ERR_OK;
}
