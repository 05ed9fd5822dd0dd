/* Recorded replies and targets: fixtures/replies/graphite/, whose README says where each is from.
 * Hand-written replies stand for what a hostile or broken store may send. */
#include "tests/support.h"

#include "base/instant.h"
#include "base/limits.h"
#include "tests/collector_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "fixtures/replies/graphite/"

static struct subject graphite(const char *account)
{
    return subject_of_text("graphite", account, TEN_MINUTES);
}

static enum err_code target_of(struct subject *s, const char *target, const char **out)
{
    json_auto_t *config = json_pack("{s:s}", "metricName", target);

    s->query.config = config;
    return s->type->query_text(s->account, &s->query, s->arena, out, &s->err);
}

/* --- targets --- */

static void graphite_query_texts(void **state)
{
    (void)state;
    check_query_texts("graphite", FOLDER, 4);
}

static void graphite_variables(void **state)
{
    static const struct {
        const char *name, *account, *target, *scope, *expected, *reason;
    } cases[] = {
        {"braces are not ours", "{}", "a.${scope}.$scope", "{'scope':'s'}", "a.${scope}.s", NULL},
        {"the scope first, then the location", "{}", "$scope",
         "{'scope':'$location','location':'l'}", "l", NULL},
        {"a quoted value", "{}", "grep(a.*,'$scope')", "{'scope':'v0[0-9]'}", "grep(a.*,'v0[0-9]')",
         NULL},
        {"a value that ends its quotes", "{}", "grep(a.*,\"$scope\")", "{'scope':'x\\\"),b(\\\"'}",
         NULL, "unsafe_template_value"},
        {"a line break in quotes", "{}", "grep(a.*,'$scope')", "{'scope':'x\\ny'}", NULL,
         "unsafe_template_value"},
        {"a backslash at the end", "{}", "grep(a.*,'$scope')", "{'scope':'x\\\\'}", NULL,
         "unsafe_template_value"},
        {"an escaped quote does not end them", "{}", "grep(a.*,\"\\\"$scope\")",
         "{'scope':'x\\\"'}", NULL, "unsafe_template_value"},
        {"parentheses are the config's business", "{}", "sum($scope)", "{'scope':'a),b(c'}",
         "sum(a),b(c)", NULL},
        {"parentheses, when refused", "{'rejectUnsafeValues':true}", "sum($scope)",
         "{'scope':'a),b(c'}", NULL, "unsafe_template_value"},
        {"comma in the location, when refused", "{'rejectUnsafeValues':true}", "$location",
         "{'location':'a,b'}", NULL, "unsafe_template_value"},
        {"quote in the scope, when refused", "{'rejectUnsafeValues':true}", "a.$location",
         "{'scope':'\\\"','location':'l'}", NULL, "unsafe_template_value"},
        {"no target", "{}", "", "{}", NULL, "bad_query"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("graphite", cases[i].account, cases[i].scope);
        const char *text = NULL;
        enum err_code rc = target_of(&s, cases[i].target, &text);

        row("%s", cases[i].name);
        if (cases[i].reason) {
            assert_int_equal(ERR_INVALID, rc);
            assert_string_equal(cases[i].reason, s.err.reason);
            assert_non_null(strstr(s.err.message, "metric 'm'"));
        } else {
            assert_int_equal(ERR_OK, rc);
            assert_string_equal(cases[i].expected, text);
        }
        subject_free(&s);
    }
}

/* The server would answer 200 and [], which looks like no data. */
static void graphite_targets_are_balanced(void **state)
{
    static const struct {
        const char *target;
        bool is_fine;
    } cases[] = {
        {"averageSeries(requests.*.x", false},
        {"a.b)", false},
        {"sum({a,b)}", false},
        {"a.{b,c", false},
        {"a.[0-9", false},
        {"alias(a,'x)", false},
        {"alias(a,\"x\\\")", false},
        {"alias(a,'x')", true},
        {"alias(a,\"it's (\")", true},
        {"alias(a,'\\')')", true},
        {"sumSeries(a.{b,c[0-9]}.*)", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = graphite("{}");
        const char *text;

        row("%s", cases[i].target);
        assert_int_equal(cases[i].is_fine ? ERR_OK : ERR_INVALID,
                         target_of(&s, cases[i].target, &text));
        if (!cases[i].is_fine)
            assert_string_equal("bad_query", s.err.reason);
        subject_free(&s);
    }
}

static void graphite_target_limit(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct subject s = subject_of_text("graphite", "{}", "{'scope':'abcdefgh'}");
        size_t n = TEMPLATE_MAX_EXPANDED_BYTES - 2 + over; /* $scope is two bytes shorter */
        char *target = arena_alloc(s.arena, n + 1, 1);
        const char *text;

        row("%zu over", over);
        memset(target, 'a', n);
        memcpy(target, "$scope", 6);
        assert_int_equal(over ? ERR_INVALID : ERR_OK, target_of(&s, target, &text));
        if (over)
            assert_string_equal("template_too_large", s.err.reason);
        subject_free(&s);
    }
}

/* --- requests --- */

static void graphite_request(void **state)
{
    struct subject s = subject_of_text(
        "graphite",
        "{'baseUrl':'https://h:8080/graphite/','username':'u','password':'canary-5d1e'}",
        "{'start':'2026-01-01T00:00:00.999Z','end':'2026-01-01T00:10:00.999Z','step':60}");
    struct http_request_list list;

    (void)state;
    subject_build(&s, "sum(a.*, 1)", &list);
    assert_int_equal(1, list.n_requests);
    assert_string_equal("GET", list.requests[0].method);
    assert_string_equal("https://h:8080/graphite/render?target=sum%28a.%2A%2C%201%29"
                        "&from=1767225600&until=1767226200&format=json",
                        list.requests[0].url);
    assert_string_equal("application/json", request_header(&list.requests[0], "Accept"));
    assert_memory_equal("Basic ", request_header(&list.requests[0], "Authorization"), 6);
    subject_free(&s);
}

static void graphite_long_url_becomes_post(void **state)
{
    static const char around[] = "http://localhost/render?target="
                                 "&from=1767225600&until=1767226200&format=json";

    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct subject s = graphite("{}");
        struct http_request_list list;
        char text[4096] = {0};

        memset(text, 'a', 4000 - strlen(around) + over);
        subject_build(&s, text, &list);
        assert_string_equal(over ? "POST" : "GET", list.requests[0].method);
        if (over) {
            assert_string_equal("http://localhost/render", list.requests[0].url);
            assert_memory_equal("target=aaa", list.requests[0].body, 10);
            assert_int_equal(strlen(list.requests[0].body), list.requests[0].n_body_bytes);
            assert_string_equal("application/x-www-form-urlencoded",
                                request_header(&list.requests[0], "Content-Type"));
        }
        subject_free(&s);
    }
}

/* 05-max-data-points.request.txt: two hours in 20 points. */
static void graphite_consolidated_request(void **state)
{
    static const struct {
        const char *step;
        const char *expected;
    } cases[] = {
        {"360", "&format=json&maxDataPoints=20"},
        {"7200", "&format=json&maxDataPoints=1"},
        {"7201", "&format=json"},
        {"0", "&format=json"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char scope[128];
        struct subject s;
        struct http_request_list list;

        row("%s", cases[i].step);
        snprintf(scope, sizeof(scope),
                 "{'start':'2026-01-01T00:00:00Z','end':'2026-01-01T02:00:00Z','step':%s}",
                 cases[i].step);
        s = subject_of_text("graphite", "{'consolidate':'true'}", scope);
        subject_build(&s, "a", &list);
        assert_string_equal(cases[i].expected, strstr(list.requests[0].url, "&format"));
        subject_free(&s);
    }
}

static void graphite_needs_window_but_no_step(void **state)
{
    static const struct {
        const char *scope;
        bool is_fine;
    } cases[] = {
        {"{'end':'2026-01-01T00:10:00Z','step':60}", false},
        {"{'start':'2026-01-01T00:10:00Z','step':60}", false},
        {"{'start':'2026-01-01T00:00:00Z','end':'2026-01-01T00:10:00Z'}", true},
    };

    (void)state;
    assert_false(collector_find("graphite")->needs_step);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("graphite", "{}", cases[i].scope);
        struct http_request_list list;

        row("%s", cases[i].scope);
        assert_int_equal(cases[i].is_fine ? ERR_OK : ERR_INVALID,
                         collector_build(s.type, s.account, &s.query, "a", s.arena, &list, &s.err));
        subject_free(&s);
    }
}

/* --- replies --- */

static void check_case(const char *path)
{
    json_auto_t *text = json_of_file(path);
    const json_t *input = json_object_get(text, "input");
    const char *target = json_string_value(json_object_get(input, "target"));
    json_auto_t *account = json_object();
    struct subject s = subject_of("graphite", account, json_object_get(input, "scope"));
    int n_stem = (int)(strlen(path) - strlen(".case.json"));
    struct http_request_list list;
    char other[256];
    char *body;
    size_t n_bytes;

    row("%s", path);
    s.query.metric_name = json_string_value(json_object_get(input, "metricName"));
    snprintf(other, sizeof(other), "%.*s.request.txt", n_stem, path);
    body = read_file(other, NULL);
    subject_build(&s, target, &list); /* one request has a parameter more */
    assert_memory_equal("GET ", body, 4);
    assert_memory_equal(list.requests[0].url + strlen("http://localhost"), body + 4,
                        strlen(list.requests[0].url) - strlen("http://localhost"));
    free(body);
    snprintf(other, sizeof(other), "%.*s.response.json", n_stem, path);
    body = read_file(other, &n_bytes);
    assert_int_equal(ERR_OK, subject_parse(&s, target, body, n_bytes));
    check_sets(case_expected(text, false), &s.sets);
    for (size_t i = 0; i < s.sets.n_sets; i++)
        assert_string_equal(target, tag_map_get(&s.sets.sets[i].attributes, "query"));
    free(body);
    subject_free(&s);
}

static void graphite_recorded_replies(void **state)
{
    (void)state;
    check_cases(FOLDER, 8, check_case);
}

static void graphite_infinities(void **state)
{
    struct subject s = graphite("{}");
    size_t n_bytes;
    char *body = read_file(FOLDER "11-infinity-literal.response.json", &n_bytes);

    (void)state;
    assert_int_equal(ERR_OK, subject_parse(&s, "a", body, n_bytes));
    assert_int_equal(1, s.sets.n_sets);
    assert_int_equal(2, s.sets.sets[0].n_values);
    assert_near(-INFINITY, s.sets.sets[0].values[0], 0);
    assert_near(-INFINITY, s.sets.sets[0].values[1], 0);
    free(body);
    subject_free(&s);
}

static void graphite_error_replies(void **state)
{
    static const struct {
        const char *path;
        long status;
        const char *reason, *words;
    } cases[] = {
        {FOLDER "08-error-unknown-function.response.txt", 400, "store_rejected",
         "Message: Invalid parameters (Received request for unknown function: fooBar)"},
        {FOLDER "10-error-500-html.response.txt", 500, "store_rejected",
         "Message: Graphite encountered an unexpected error while handling your request. Please "
         "contact your site administrator"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = graphite("{}");
        char *body = read_file(cases[i].path, NULL);

        row("%s", cases[i].path);
        assert_int_equal(ERR_UPSTREAM, subject_check_reply(&s, "a", cases[i].status, body));
        assert_string_equal(cases[i].reason, s.err.reason);
        assert_non_null(strstr(s.err.message, cases[i].words));
        free(body);
        subject_free(&s);
    }
}

/* A 500 that says "unexpected error" is one for these arguments each time; others may pass. */
static void graphite_retries(void **state)
{
    static const struct {
        const char *body;
        long status;
        const char *reason;
    } cases[] = {
        {"<p>Graphite encountered an unexpected error while", 500, "store_rejected"},
        {"<h1>Internal Server Error</h1>", 500, "store_unavailable"},
        {"Graphite encountered an unexpected error", 503, "store_unavailable"},
        {"slow down", 429, "store_unavailable"},
        {"<", 404, "store_rejected"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = graphite("{}");

        row("%s", cases[i].body);
        assert_int_equal(ERR_UPSTREAM,
                         subject_check_reply(&s, "a", cases[i].status, cases[i].body));
        assert_string_equal(cases[i].reason, s.err.reason);
        subject_free(&s);
    }
}

/* What a store says back, and the URL, are shown without the credential in any of its forms. */
static void graphite_secrets_stay_secret(void **state)
{
    struct subject s = graphite(
        "{'url':'http://h','bearerToken':'canary+5d1e','headers':{'X-Key':'canary-77aa'}}");

    (void)state;
    assert_int_equal(
        ERR_UPSTREAM,
        subject_check_reply(&s, "canary+5d1e", 401, "<p>canary+5d1e<p> canary%2B5d1e canary-77aa"));
    assert_null(strstr(s.err.message, "5d1e"));
    assert_null(strstr(s.err.message, "77aa"));
    assert_non_null(strstr(s.err.message, "target=***"));
    subject_free(&s);
}

#define SERIES(points) "[{'target':'a','datapoints':[" points "]}]"

/* Rows S1, S9 to S11 and S16 of the bad-input catalogue. */
static const struct shaped_reply replies[] = {
    {"empty", "", "store_bad_response"},
    {"login page", "<html><body>Sign in</body></html>", "store_bad_response"},
    {"object", "{}", "store_bad_response"},
    {"null", "null", "store_bad_response"},
    {"text", "'x'", "store_bad_response"},
    {"number", "1", "store_bad_response"},
    {"cut", "[{'target':'a','datapoints':[[1,1767225600]", "store_bad_response"},
    {"trailing comma", SERIES("[1,1767225600],"), "store_bad_response"},
    {"two documents", "[][]", "store_bad_response"},
    {"no data", "[]", NULL},
    {"list in a list", "[[]]", "store_bad_response"},
    {"null in the list", "[null]", "store_bad_response"},
    {"series without the member", "[{'target':'a'}]", "store_bad_response"},
    {"datapoints null", "[{'datapoints':null}]", "store_bad_response"},
    {"datapoints an object", "[{'datapoints':{}}]", "store_bad_response"},
    {"datapoints a number", "[{'datapoints':1}]", "store_bad_response"},
    {"datapoints twice", "[{'datapoints':[],'datapoints':[]}]", "store_bad_response"},
    {"series without points", SERIES(""), NULL},
    {"point a number", SERIES("1"), "store_bad_response"},
    {"point null", SERIES("null"), "store_bad_response"},
    {"point an object", SERIES("{}"), "store_bad_response"},
    {"point of none", SERIES("[]"), "store_bad_response"},
    {"point of one", SERIES("[1]"), "store_bad_response"},
    {"point of three", SERIES("[1,1767225600,2]"), "store_bad_response"},
    {"point in a point", SERIES("[1,[1767225600]]"), "store_bad_response"},
    {"time a text", SERIES("[1,'1767225600']"), "store_bad_response"},
    {"time null", SERIES("[1,null]"), "store_bad_response"},
    {"time beyond reason", SERIES("[1,1e300]"), "store_bad_response"},
    {"time infinite", SERIES("[1,1e9999]"), "store_bad_response"},
    {"time with a fraction", SERIES("[1,1767225600.25]"), NULL},
    {"value true", SERIES("[true,1767225600]"), "store_bad_response"},
    {"value abc", SERIES("['abc',1767225600]"), "store_bad_response"},
    {"value empty", SERIES("['',1767225600]"), "store_bad_response"},
    {"value bare NaN", SERIES("[NaN,1767225600]"), "store_bad_response"},
    {"value as a text", SERIES("['NaN',1767225600]"), NULL},
    {"bad UTF-8", "[{'target':'\xff','datapoints':[]}]", "store_bad_response"},
    {"keys of other implementations",
     "[{'stepTime':60,'xFilesFactor':0.5,'tags':{'a':['b',{}]},'datapoints':[[1,1767225600]]}]",
     NULL},
};

static void graphite_replies_of_any_shape(void **state)
{
    (void)state;
    check_shaped_replies("graphite", "{}", replies, ARRAY_LEN(replies));
}

static void graphite_value_forms(void **state)
{
    struct subject s = graphite("{}");
    static const double want[] = {NAN, INFINITY, -INFINITY, 1.5e-9, 2.25, NAN, INFINITY};

    (void)state;
    assert_int_equal(ERR_OK,
                     subject_parse_text(&s, "a",
                                        SERIES("[null,1767225600],[1e9999,1767225660],[-1e9999,"
                                               "1767225720],[1.5e-09,1767225780],[2.25,1767225840],"
                                               "['NaN',1767225900],['Infinity',1767225960]")));
    assert_int_equal(ARRAY_LEN(want), s.sets.sets[0].n_values);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_near(want[i], s.sets.sets[0].values[i], 0);
    subject_free(&s);
}

/* Row S11. */
static void graphite_times(void **state)
{
    static const struct {
        const char *name, *points;
        int64_t start, end, step;
    } cases[] = {
        {"unsorted", "[3,1767225720],[1,1767225600],[2,1767225660]", 1767225600000, 1767225720000,
         60000},
        {"repeated", "[1,1767225600],[2,1767225600],[3,1767225660]", 1767225600000, 1767225660000,
         0},
        {"one", "[1,1767225607]", 1767225607000, 1767225607000, 1000},
        {"fractional", "[1,1767225600.9996],[2,1767225601.4997]", 1767225600999, 1767225601499,
         500},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = graphite("{}");
        char body[256];

        row("%s", cases[i].name);
        snprintf(body, sizeof(body), SERIES("%s"), cases[i].points);
        assert_int_equal(ERR_OK, subject_parse_text(&s, "a", body));
        assert_int_equal(cases[i].start, s.sets.sets[0].start_unix_ms);
        assert_int_equal(cases[i].end, s.sets.sets[0].end_unix_ms);
        assert_int_equal(cases[i].step, s.sets.sets[0].step_ms);
        for (size_t k = 0; k < s.sets.sets[0].n_values; k++)
            assert_near((double)(k + 1), s.sets.sets[0].values[k], 0);
        subject_free(&s);
    }
}

static void graphite_series_without_points_are_left_out(void **state)
{
    struct subject s = graphite("{}");

    (void)state;
    assert_int_equal(ERR_OK, subject_parse_text(&s, "a",
                                                "[{'datapoints':[]},{'datapoints':[[5,1767225600]"
                                                "]},{'datapoints':[]}]"));
    assert_int_equal(1, s.sets.n_sets);
    assert_near(5, s.sets.sets[0].values[0], 0);
    subject_free(&s);
}

/* Row S13, at the limit and one over. */
static void graphite_limits(void **state)
{
    static const struct {
        const char *name;
        size_t n_series, n_points;
        const char *reason;
    } cases[] = {
        {"series", STORE_MAX_SERIES, 1, NULL},
        {"too many series", STORE_MAX_SERIES + 1, 1, "store_too_many_series"},
        {"points of a series", 1, STORE_MAX_POINTS_PER_SERIES, NULL},
        {"too many points", 1, STORE_MAX_POINTS_PER_SERIES + 1, "store_too_many_points"},
        {"points", 20, STORE_MAX_POINTS / 20, NULL},
        {"too many points in all", 21, STORE_MAX_POINTS / 20, "store_too_many_points"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = graphite("{}");
        struct strbuf body = {0};
        enum err_code rc;

        row("%s", cases[i].name);
        for (size_t k = 0; k < cases[i].n_series; k++) {
            strbuf_puts(&body, k ? ",{\"datapoints\":[" : "[{\"datapoints\":[");
            for (size_t n = 0; n < cases[i].n_points; n++)
                strbuf_printf(&body, "%s[%zu.5,%zu]", n ? "," : "", n, 1767225600 + n);
            strbuf_puts(&body, "]}");
        }
        strbuf_puts(&body, "]");
        rc = subject_parse(&s, "a", body.bytes, body.n_bytes);
        assert_int_equal(cases[i].reason ? ERR_UPSTREAM : ERR_OK, rc);
        if (cases[i].reason)
            assert_string_equal(cases[i].reason, s.err.reason);
        else
            assert_int_equal(cases[i].n_series, s.sets.n_sets);
        strbuf_clear(&body);
        subject_free(&s);
    }
}

static void graphite_depth_is_bounded(void **state)
{
    struct subject s = graphite("{}");
    struct strbuf body = {0};

    (void)state;
    strbuf_puts(&body, "[{\"x\":");
    for (int i = 0; i < 1000000; i++)
        strbuf_append(&body, "[", 1);
    assert_int_equal(ERR_UPSTREAM, subject_parse(&s, "a", body.bytes, body.n_bytes));
    assert_string_equal("store_bad_response", s.err.reason);
    strbuf_clear(&body);
    subject_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphite_query_texts),
        cmocka_unit_test(graphite_variables),
        cmocka_unit_test(graphite_targets_are_balanced),
        cmocka_unit_test(graphite_target_limit),
        cmocka_unit_test(graphite_request),
        cmocka_unit_test(graphite_long_url_becomes_post),
        cmocka_unit_test(graphite_consolidated_request),
        cmocka_unit_test(graphite_needs_window_but_no_step),
        cmocka_unit_test(graphite_recorded_replies),
        cmocka_unit_test(graphite_infinities),
        cmocka_unit_test(graphite_error_replies),
        cmocka_unit_test(graphite_retries),
        cmocka_unit_test(graphite_secrets_stay_secret),
        cmocka_unit_test(graphite_replies_of_any_shape),
        cmocka_unit_test(graphite_value_forms),
        cmocka_unit_test(graphite_times),
        cmocka_unit_test(graphite_series_without_points_are_left_out),
        cmocka_unit_test(graphite_limits),
        cmocka_unit_test(graphite_depth_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
