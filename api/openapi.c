#include "api/openapi.h"

#include "base/json.h"
#include "base/version.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The file's bytes and a terminator, put here by the assembler. */
__asm__(".section .rodata\n"
        ".hidden api_openapi_json\n"
        ".global api_openapi_json\n"
        "api_openapi_json:\n"
        ".incbin \"api/openapi.json\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char api_openapi_json[];

struct str openapi_source(void)
{
    return str_of(api_openapi_json);
}

static const char *method_key(enum method method)
{
    switch (method) {
    case METHOD_GET:
        return "get";
    case METHOD_POST:
        return "post";
    case METHOD_PUT:
        return "put";
    case METHOD_DELETE:
        return "delete";
    case METHOD_HEAD:
    case METHOD_OPTIONS:
    case METHOD_OTHER:
        break;
    }
    return NULL; /* no route has it */
}

/* Do the patterns match the same paths? "/canary/{a}" and "/canary/{b}" do. */
static bool is_same_path(const char *a, const char *b)
{
    while (*a && *b) {
        if (*a == '{' && *b == '{') {
            a += strcspn(a, "}");
            b += strcspn(b, "}");
        } else if (*a != *b) {
            return false;
        }
        a++;
        b++;
    }
    return *a == *b;
}

/* OpenAPI allows one name for a parameter's place in a path: the first route's. */
static const char *path_of(const struct route *routes, const struct route *route)
{
    const struct route *first = routes;

    while (!is_same_path(first->pattern, route->pattern))
        first++;
    return first->pattern;
}

/* "getMetricSetListByMetricSetListId" */
static json_t *operation_id(const struct route *route)
{
    struct strbuf text = {0};
    bool starts_word = true;
    json_t *out;

    strbuf_puts(&text, method_key(route->method));
    for (const char *c = route->pattern; *c; c++) {
        char letter = *c;

        if (letter == '{')
            strbuf_puts(&text, "By");
        if (!isalnum((unsigned char)letter)) {
            starts_word = true;
            continue;
        }
        if (starts_word)
            letter = (char)toupper((unsigned char)letter);
        strbuf_append(&text, &letter, 1);
        starts_word = false;
    }
    if (strcmp(route->pattern, "/") == 0)
        strbuf_puts(&text, "Index");
    out = json_string(text.bytes);
    strbuf_clear(&text);
    return out;
}

/* The parameters in the path come first. `own` says what they are for this route, `path` how they
 * are called. */
static json_t *parameters_of(const char *path, const char *own, const json_t *written)
{
    json_t *out = json_array(), *one;
    size_t i;

    while ((path = strchr(path, '{')) != NULL && (own = strchr(own, '{')) != NULL) {
        size_t n_path = strcspn(++path, "}"), n_own = strcspn(++own, "}");
        json_t *parameter = json_pack("{s:s#,s:s,s:b,s:{s:s}}", "name", path, (int)n_path, "in",
                                      "path", "required", 1, "schema", "type", "string");

        if (n_path != n_own || strncmp(path, own, n_path) != 0)
            json_object_set_new(parameter, "description",
                                json_pack("s+#", "The ", own, (int)n_own));
        json_array_append_new(out, parameter);
    }
    json_array_foreach (written, i, one)
        json_array_append(out, one);
    return out;
}

static json_t *operation_of(const struct route *route, const char *path, const json_t *written)
{
    json_t *out = json_pack("{s:o}", "operationId", operation_id(route));
    json_t *parameters =
        parameters_of(path, route->pattern, json_object_get(written, "parameters"));
    json_t *responses;

    json_object_update(out, (json_t *)written);
    if (json_array_size(parameters))
        json_object_set(out, "parameters", parameters);
    json_decref(parameters);
    responses = json_copy(json_object_get(written, "responses"));
    if (!responses)
        responses = json_object();
    json_object_set_new(responses, "default",
                        json_pack("{s:s}", "$ref", "#/components/responses/error"));
    json_object_set_new(out, "responses", responses);
    return out;
}

enum err_code openapi_document(const struct route *routes, size_t n_routes, json_t **out,
                               struct error *err)
{
    struct error why = {0};
    json_t *document, *written, *paths = json_object();

    if (json_read(openapi_source(), &json_limits_document, &document, &why)) {
        json_decref(paths);
        return error_set(err, ERR_INTERNAL, "api/openapi.json cannot be read: %s", why.message);
    }
    written = json_object_get(document, "paths");
    for (size_t i = 0; i < n_routes; i++) {
        const char *method = method_key(routes[i].method);
        const char *path = path_of(routes, &routes[i]);
        json_t *item = json_object_get(paths, path);

        if (!item) {
            json_object_set_new(paths, path, json_object());
            item = json_object_get(paths, path);
        }
        json_object_set_new(
            item, method,
            operation_of(&routes[i], path,
                         json_object_get(json_object_get(written, routes[i].pattern), method)));
    }
    json_object_set_new(document, "paths", paths);
    json_object_set_new(json_object_get(document, "info"), "version", json_string(SERINUS_VERSION));
    *out = document;
    return ERR_OK;
}

/* --- the page --- */

static void put_escaped(struct strbuf *out, const char *text)
{
    for (; text && *text; text++) {
        switch (*text) {
        case '&':
            strbuf_puts(out, "&amp;");
            break;
        case '<':
            strbuf_puts(out, "&lt;");
            break;
        case '>':
            strbuf_puts(out, "&gt;");
            break;
        case '"':
            strbuf_puts(out, "&quot;");
            break;
        case '\'':
            strbuf_puts(out, "&#39;");
            break;
        default:
            strbuf_append(out, text, 1);
        }
    }
}

/* <tag>text</tag>, or nothing for no text. */
static void put_element(struct strbuf *out, const char *tag, const char *text)
{
    if (!text)
        return;
    strbuf_printf(out, "<%s>", tag);
    put_escaped(out, text);
    strbuf_printf(out, "</%s>", tag);
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* What a local "$ref" stands for, or the object itself. */
static const json_t *resolve(const json_t *document, const json_t *object)
{
    const char *at = text_of(object, "$ref");
    char key[64];

    if (!at || *at != '#')
        return object;
    for (at++; *at == '/' && document; at += strcspn(at, "/")) {
        at++;
        snprintf(key, sizeof(key), "%.*s", (int)strcspn(at, "/"), at);
        document = json_object_get(document, key);
    }
    return document;
}

static void put_parameters(struct strbuf *out, const json_t *document, const json_t *operation)
{
    const json_t *list = json_object_get(operation, "parameters");
    json_t *one;
    size_t i;

    if (json_array_size(list) == 0)
        return;
    strbuf_puts(out, "<table><tr><th>Parameter</th><th>In</th><th>Required</th>"
                     "<th>Description</th></tr>\n");
    json_array_foreach (list, i, one) {
        const json_t *parameter = resolve(document, one);
        const char *description = text_of(parameter, "description");

        strbuf_puts(out, "<tr>");
        put_element(out, "td", text_of(parameter, "name"));
        put_element(out, "td", text_of(parameter, "in"));
        put_element(out, "td", json_is_true(json_object_get(parameter, "required")) ? "yes" : "");
        put_element(out, "td", description ? description : "");
        strbuf_puts(out, "</tr>\n");
    }
    strbuf_puts(out, "</table>\n");
}

static void put_responses(struct strbuf *out, const json_t *document, const json_t *operation)
{
    json_t *responses = json_object_get(operation, "responses"), *one;
    const char *status;

    strbuf_puts(out, "<ul>\n");
    json_object_foreach (responses, status, one) {
        strbuf_puts(out, "<li>");
        put_element(out, "b", status);
        strbuf_puts(out, " ");
        put_escaped(out, text_of(resolve(document, one), "description"));
        strbuf_puts(out, "</li>\n");
    }
    strbuf_puts(out, "</ul>\n");
}

static void put_operation(struct strbuf *out, const json_t *document, const char *method,
                          const char *path, const json_t *operation)
{
    json_t *media = json_object_get(
        json_object_get(json_object_get(operation, "requestBody"), "content"), "application/json");

    strbuf_puts(out, "<h3>");
    for (const char *c = method; *c; c++)
        strbuf_printf(out, "%c", toupper((unsigned char)*c));
    strbuf_puts(out, " ");
    put_element(out, "code", path);
    strbuf_puts(out, "</h3>\n");
    put_element(out, "p", text_of(operation, "summary"));
    put_element(out, "p", text_of(operation, "description"));
    put_parameters(out, document, operation);
    if (media) {
        struct strbuf schema = {0};

        json_write_pretty(json_object_get(media, "schema"), &schema);
        strbuf_puts(out, "<p>Body (application/json):</p>\n");
        put_element(out, "pre", schema.bytes);
        strbuf_clear(&schema);
    }
    put_responses(out, document, operation);
}

static bool has_tag(const json_t *operation, const char *tag)
{
    const char *own = json_string_value(json_array_get(json_object_get(operation, "tags"), 0));

    return own && strcmp(own, tag) == 0;
}

static void put_schemas(struct strbuf *out, const json_t *document)
{
    json_t *schemas = json_object_get(json_object_get(document, "components"), "schemas"), *schema;
    const char *name;

    put_element(out, "h2", "Schemas");
    json_object_foreach (schemas, name, schema) {
        struct strbuf text = {0};

        put_element(out, "h3", name);
        json_write_pretty(schema, &text);
        put_element(out, "pre", text.bytes);
        strbuf_clear(&text);
    }
}

void openapi_page(const json_t *document, struct strbuf *out)
{
    const json_t *info = json_object_get(document, "info");
    json_t *paths = json_object_get(document, "paths"), *item, *operation, *tag;
    const char *path, *method;
    size_t i;

    strbuf_puts(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    put_element(out, "title", text_of(info, "title"));
    strbuf_puts(out, "</head><body>\n");
    put_element(out, "h1", text_of(info, "title"));
    put_element(out, "p", text_of(info, "description"));
    strbuf_puts(out, "<p>For programs: <a href=\"openapi.json\">openapi.json</a></p>\n");
    json_array_foreach (json_object_get(document, "tags"), i, tag) {
        put_element(out, "h2", text_of(tag, "name"));
        put_element(out, "p", text_of(tag, "description"));
        json_object_foreach (paths, path, item)
            json_object_foreach (item, method, operation)
                if (has_tag(operation, text_of(tag, "name")))
                    put_operation(out, document, method, path, operation);
    }
    put_schemas(out, document);
    strbuf_puts(out, "</body></html>\n");
}
