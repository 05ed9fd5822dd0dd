/* The description of the API against the route table, both ways. */
#include "api/openapi.h"
#include "tests/support.h"
#include "tests/unit/api/analyzer_double.h" /* the route table names every handler */

#include <ctype.h>
#include <stdlib.h>

static json_t *written(void)
{
    struct error err = {0};
    json_t *out;

    if (json_read(openapi_source(), &json_limits_document, &out, &err))
        fail_msg("%s", err.message);
    return out;
}

static json_t *composed(void)
{
    struct error err = {0};
    json_t *out;

    if (openapi_document(api_routes, api_n_routes, &out, &err))
        fail_msg("%s", err.message);
    return out;
}

static const char *method_text(enum method method)
{
    return method == METHOD_GET    ? "get"
           : method == METHOD_PUT  ? "put"
           : method == METHOD_POST ? "post"
                                   : "delete";
}

static void the_binary_holds_the_file(void **state)
{
    char *text = read_file("api/openapi.json", NULL);

    (void)state;
    assert_true(str_is(openapi_source(), text));
    free(text);
}

static void every_route_is_described(void **state)
{
    json_t *file = written();

    (void)state;
    for (size_t i = 0; i < api_n_routes; i++) {
        const struct route *route = &api_routes[i];
        json_t *operation =
            json_object_get(json_object_get(json_object_get(file, "paths"), route->pattern),
                            method_text(route->method));

        row("add %s of %s to api/openapi.json", method_text(route->method), route->pattern);
        assert_non_null(operation);
        assert_true(json_string_length(json_object_get(operation, "summary")) > 0);
        assert_int_equal(1, json_array_size(json_object_get(operation, "tags")));
        assert_true(json_object_size(json_object_get(operation, "responses")) > 0);
        assert_int_equal(route->body == BODY_JSON || route->body == BODY_ANY,
                         json_object_get(operation, "requestBody") != NULL);
    }
    json_decref(file);
}

static void every_description_has_its_route(void **state)
{
    json_t *file = written(), *item, *operation;
    const char *path, *method;

    (void)state;
    json_object_foreach (json_object_get(file, "paths"), path, item)
        json_object_foreach (item, method, operation) {
            bool is_found = false;

            row("%s of %s in api/openapi.json is no route", method, path);
            for (size_t i = 0; i < api_n_routes; i++)
                is_found |= strcmp(api_routes[i].pattern, path) == 0 &&
                            strcmp(method_text(api_routes[i].method), method) == 0;
            assert_true(is_found);
        }
    json_decref(file);
}

/* Every "$ref" below `value` leads somewhere. */
static void check_refs(const json_t *document, const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;

    if (json_is_object(value)) {
        const char *ref = json_string_value(json_object_get(value, "$ref"));

        if (ref) {
            const json_t *at = document;
            char *copy = strdup(ref + 2), *rest = copy, *part;

            row("%s", ref);
            assert_memory_equal("#/", ref, 2);
            while ((part = strsep(&rest, "/")) != NULL)
                at = json_object_get(at, part);
            assert_non_null(at);
            free(copy);
        }
        json_object_foreach ((json_t *)value, key, member)
            check_refs(document, member);
    }
    json_array_foreach (value, i, member)
        check_refs(document, member);
}

/* In the composed document every parameter of a path is declared once, and nothing else is. */
static void check_path_parameters(const char *path, const json_t *operation)
{
    size_t n_in_path = 0, n_declared = 0, i;
    json_t *parameter;

    for (const char *c = path; *c; c++)
        n_in_path += *c == '{';
    json_array_foreach (json_object_get(operation, "parameters"), i, parameter) {
        const char *name = json_string_value(json_object_get(parameter, "name"));
        const char *in = json_string_value(json_object_get(parameter, "in"));
        char placeholder[64];

        if (!in || strcmp(in, "path") != 0)
            continue;
        n_declared++;
        snprintf(placeholder, sizeof(placeholder), "{%s}", name);
        assert_non_null(strstr(path, placeholder));
        assert_true(json_is_true(json_object_get(parameter, "required")));
    }
    assert_int_equal(n_in_path, n_declared);
}

static void the_document_is_complete(void **state)
{
    json_t *document = composed(), *ids = json_object(), *item, *operation;
    size_t n_operations = 0;
    const char *path, *method;

    (void)state;
    assert_string_equal("3.1.0", json_string_value(json_object_get(document, "openapi")));
    assert_non_null(json_object_get(json_object_get(document, "info"), "version"));
    check_refs(document, document);
    json_object_foreach (json_object_get(document, "paths"), path, item)
        json_object_foreach (item, method, operation) {
            const char *id = json_string_value(json_object_get(operation, "operationId"));

            row("%s %s", method, path);
            assert_null(json_object_get(ids, id)); /* unique */
            json_object_set_new(ids, id, json_true());
            check_path_parameters(path, operation);
            assert_non_null(json_object_get(json_object_get(operation, "responses"), "default"));
            n_operations++;
        }
    assert_int_equal(api_n_routes, n_operations);
    json_decref(ids);
    json_decref(document);
}

static void paths_that_differ_in_names_only_are_one(void **state)
{
    json_t *document = composed();
    json_t *paths = json_object_get(document, "paths");
    json_t *item = json_object_get(paths, "/canary/{canaryConfigId}");
    json_t *parameter =
        json_array_get(json_object_get(json_object_get(item, "get"), "parameters"), 0);

    (void)state;
    assert_null(json_object_get(paths, "/canary/{canaryExecutionId}"));
    assert_non_null(json_object_get(item, "post"));
    assert_string_equal("canaryConfigId", json_string_value(json_object_get(parameter, "name")));
    assert_string_equal("The canaryExecutionId",
                        json_string_value(json_object_get(parameter, "description")));
    assert_string_equal(
        "getCanaryByCanaryExecutionId",
        json_string_value(json_object_get(json_object_get(item, "get"), "operationId")));
    json_decref(document);
}

static void the_page_shows_every_operation(void **state)
{
    json_t *document = composed(), *item, *operation;
    struct strbuf page = {0}, wanted = {0};
    const char *path, *method;

    (void)state;
    openapi_page(document, &page);
    json_object_foreach (json_object_get(document, "paths"), path, item)
        json_object_foreach (item, method, operation) {
            (void)operation;
            wanted.n_bytes = 0;
            strbuf_puts(&wanted, "<h3>");
            for (const char *c = method; *c; c++)
                strbuf_printf(&wanted, "%c", toupper((unsigned char)*c));
            strbuf_printf(&wanted, " <code>%s</code></h3>", path);
            row("%s", wanted.bytes);
            assert_non_null(strstr(page.bytes, wanted.bytes));
        }
    assert_null(strstr(page.bytes, "<script"));
    assert_null(strstr(page.bytes, "style"));
    assert_null(strstr(page.bytes, "src="));
    strbuf_clear(&page);
    strbuf_clear(&wanted);
    json_decref(document);
}

static void the_page_is_escaped(void **state)
{
    json_t *document = json_pack(
        "{s:{s:s},s:[{s:s}],s:{s:{s:{s:[s],s:s,s:[{s:s}],s:{s:{s:s}}}}}}", "info", "title",
        "<script>alert(1)</script>", "tags", "name", "a&b", "paths", "/\"x'", "get", "tags", "a&b",
        "summary", "<b>", "parameters", "name", "<i>", "responses", "<u>", "description", "<s>");
    struct strbuf page = {0};

    (void)state;
    assert_non_null(document);
    openapi_page(document, &page);
    assert_null(strstr(page.bytes, "<script"));
    assert_null(strstr(page.bytes, "<i>"));
    assert_null(strstr(page.bytes, "<u>"));
    assert_null(strstr(page.bytes, "<s>"));
    assert_non_null(strstr(page.bytes, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert_non_null(strstr(page.bytes, "<code>/&quot;x&#39;</code>"));
    assert_non_null(strstr(page.bytes, "<h2>a&amp;b</h2>"));
    strbuf_clear(&page);
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_binary_holds_the_file),
        cmocka_unit_test(every_route_is_described),
        cmocka_unit_test(every_description_has_its_route),
        cmocka_unit_test(the_document_is_complete),
        cmocka_unit_test(paths_that_differ_in_names_only_are_one),
        cmocka_unit_test(the_page_shows_every_operation),
        cmocka_unit_test(the_page_is_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
