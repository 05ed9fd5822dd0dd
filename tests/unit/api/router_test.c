#include "api/router.h"
#include "tests/support.h"
#include "tests/unit/api/analyzer_double.h" /* the route table names every handler */

#include <string.h>

static const struct {
    const char *method, *path;
    const char *pattern; /* NULL: no route */
    const char *param;
    const char *allow; /* "" for an unknown path */
} cases[] = {
    {"POST", "/canary", "/canary", NULL, "POST, OPTIONS"},
    {"GET", "/canary/executions", "/canary/executions", NULL, "GET, HEAD, POST, OPTIONS"},
    {"POST", "/canary/executions", "/canary/{canaryConfigId}", "executions",
     "GET, HEAD, POST, OPTIONS"},
    {"GET", "/canary/01M0.x", "/canary/{canaryExecutionId}", "01M0.x", "GET, HEAD, POST, OPTIONS"},
    {"HEAD", "/judges", "/judges", NULL, "GET, HEAD, OPTIONS"},
    {"PUT", "/canaryConfig/a%2Fb", "/canaryConfig/{canaryConfigId}", "a/b",
     "GET, HEAD, PUT, DELETE, OPTIONS"},
    {"GET", "/api/v1/executions/x/bundle", "/api/v1/executions/{id}/bundle", "x",
     "GET, HEAD, OPTIONS"},
    {"GET", "/", "/", NULL, "GET, HEAD, OPTIONS"},
    {"PUT", "/canary", NULL, NULL, "POST, OPTIONS"},
    {"OPTIONS", "/canary", NULL, NULL, "POST, OPTIONS"},
    {"PATCH", "/judges", NULL, NULL, "GET, HEAD, OPTIONS"},
    {"get", "/judges", NULL, NULL, "GET, HEAD, OPTIONS"},
    {"GET", "/judges/", NULL, NULL, ""},
    {"GET", "//judges", NULL, NULL, ""},
    {"GET", "/canary/", NULL, NULL, ""},
    {"GET", "/canary/a/b", NULL, NULL, ""},
    {"GET", "/canaryConfigs", NULL, NULL, ""},
    {"GET", "/canaryConfi", NULL, NULL, ""},
    {"GET", "/canaryConfig/..%2f/x", NULL, NULL, ""},
};

static void routes_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();
        char allow[ROUTE_ALLOW_BYTES];
        struct route_match match;
        struct target target;
        struct error err = {0};

        row("%s %s", cases[i].method, cases[i].path);
        assert_int_equal(ERR_OK, target_parse(str_of(cases[i].path), arena, &target, &err));
        route_find(api_routes, api_n_routes, method_of(cases[i].method), &target, &match);
        assert_string_equal(cases[i].allow, route_allow_text(match.allowed, allow));
        if (cases[i].pattern) {
            assert_non_null(match.route);
            assert_string_equal(cases[i].pattern, match.route->pattern);
        } else {
            assert_null(match.route);
        }
        if (cases[i].param)
            assert_string_equal(cases[i].param, match.params[0]);
        else
            assert_null(match.params[0]);
        arena_free(arena);
    }
}

static void every_route_has_a_handler_and_no_twin(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_n_routes; i++) {
        row("%s", api_routes[i].pattern);
        assert_non_null(api_routes[i].handle);
        for (size_t k = 0; k < i; k++)
            assert_false(api_routes[i].method == api_routes[k].method &&
                         strcmp(api_routes[i].pattern, api_routes[k].pattern) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_are_found),
        cmocka_unit_test(every_route_has_a_handler_and_no_twin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
