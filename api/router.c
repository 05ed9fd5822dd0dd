#include "api/router.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
    enum method method;
    const char *name;
} methods[] = {
    {METHOD_GET, "GET"}, {METHOD_HEAD, "HEAD"},     {METHOD_POST, "POST"},
    {METHOD_PUT, "PUT"}, {METHOD_DELETE, "DELETE"}, {METHOD_OPTIONS, "OPTIONS"},
};

static bool match(const char *pattern, const struct target *target,
                  const char *params[ROUTE_MAX_PARAMS])
{
    size_t n_params = 0;

    for (size_t i = 0; i < target->n_segments; i++) {
        const char *segment = target->segments[i];
        size_t n;

        if (*pattern++ != '/')
            return false;
        n = strcspn(pattern, "/");
        if (*pattern == '{') {
            if (*segment == '\0' || n_params == ROUTE_MAX_PARAMS)
                return false;
            params[n_params++] = segment;
        } else if (strlen(segment) != n || memcmp(segment, pattern, n) != 0) {
            return false;
        }
        pattern += n;
    }
    return *pattern == '\0';
}

void route_find(const struct route *routes, size_t n_routes, enum method method,
                const struct target *target, struct route_match *out)
{
    enum method wanted = method == METHOD_HEAD ? METHOD_GET : method;

    *out = (struct route_match){0};
    for (size_t i = 0; i < n_routes; i++) {
        const char *params[ROUTE_MAX_PARAMS] = {0};

        if (!match(routes[i].pattern, target, params))
            continue;
        out->allowed |= (unsigned)routes[i].method | METHOD_OPTIONS;
        if (routes[i].method == METHOD_GET)
            out->allowed |= METHOD_HEAD;
        if (!out->route && routes[i].method == wanted) {
            out->route = &routes[i];
            memcpy(out->params, params, sizeof(params));
        }
    }
}

enum method method_of(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (strcmp(text, methods[i].name) == 0)
            return methods[i].method;
    return METHOD_OTHER;
}

char *route_allow_text(unsigned allowed, char buffer[ROUTE_ALLOW_BYTES])
{
    size_t at = 0;

    buffer[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (allowed & methods[i].method)
            at += (size_t)snprintf(buffer + at, ROUTE_ALLOW_BYTES - at, "%s%s", at ? ", " : "",
                                   methods[i].name);
    return buffer;
}
