/* Recorded replies and query texts: fixtures/replies/wavefront/, whose README says where each is
 * from. Hand-written replies stand for what a hostile or broken store may send. */
#include "tests/support.h"

#include "base/instant.h"
#include "base/limits.h"
#include "tests/collector_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "fixtures/replies/wavefront/"

static struct subject wavefront(const char *account)
{
    return subject_of_text("wavefront", account, TEN_MINUTES);
}

/* --- query texts --- */

static void wavefront_query_texts(void **state)
{
    (void)state;
    check_query_texts("wavefront", FOLDER, 3);
}

static void wavefront_more_query_texts(void **state)
{
    static const struct {
        const char *name, *account, *config, *scope, *expected, *reason;
    } cases[] = {
        {"strict averages", "{'strictSeries':true}",
         "{'metricName':'m','aggregate':'avg','summarization':'MEAN'}",
         "{'scope':'env=prod','step':300}", "align(300s, mean, avg(ts(m, env=prod)))", NULL},
        {"strict, another summarization", "{'strictSeries':true}",
         "{'metricName':'m','summarization':'LAST'}", "{'step':60}", "align(60s, last, ts(m))",
         NULL},
        {"strict without a summarization", "{'strictSeries':true}", "{'metricName':'m'}",
         "{'step':60}", "align(60s, mean, ts(m))", NULL},
        {"the location is not used", "{}", "{'metricName':'m'}", "{'location':'l'}", "ts(m)", NULL},
        {"quotes belong to the syntax", "{}", "{'metricName':'m'}",
         "{'scope':'env=prod and version=\\\"1\\\"'}", "ts(m, env=prod and version=\"1\")", NULL},
        {"quotes, when refused", "{'rejectUnsafeValues':true}", "{'metricName':'m'}",
         "{'scope':'version=\\\"1\\\"'}", NULL, "unsafe_template_value"},
        {"no metric", "{}", "{'aggregate':'avg'}", "{}", NULL, "bad_query"},
        {"unknown summarization", "{}", "{'metricName':'m','summarization':'mean'}", "{}", NULL,
         "bad_query"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("wavefront", cases[i].account, cases[i].scope);
        const char *text = NULL;
        enum err_code rc = subject_query_text(&s, cases[i].config, &text);

        row("%s", cases[i].name);
        assert_int_equal(cases[i].reason ? ERR_INVALID : ERR_OK, rc);
        if (cases[i].reason)
            assert_string_equal(cases[i].reason, s.err.reason);
        else
            assert_string_equal(cases[i].expected, text);
        subject_free(&s);
    }
}

static void wavefront_query_text_limit(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct subject s = subject_of_text("wavefront", "{}", "{}");
        size_t n = TEMPLATE_MAX_EXPANDED_BYTES - strlen("ts()") + over;
        char *name = arena_alloc(s.arena, n + 1, 1);
        json_auto_t *config = NULL;
        const char *text;

        row("%zu over", over);
        memset(name, 'a', n);
        s.query.config = config = json_pack("{s:s}", "metricName", name);
        assert_int_equal(over ? ERR_INVALID : ERR_OK,
                         s.type->query_text(s.account, &s.query, s.arena, &text, &s.err));
        subject_free(&s);
    }
}

/* --- requests --- */

/* 03-gap.request.txt, but for the name of who asks. */
static void wavefront_request(void **state)
{
    struct subject s =
        subject_of_text("wavefront", "{'baseUrl':'https://acme.wavefront.com/','apiToken':'t0ken'}",
                        "{'start':'2026-01-01T00:00:00Z','end':'2026-01-01T00:06:00Z','step':60}");
    const char *text;
    struct http_request_list list;
    char *recorded = read_file(FOLDER "03-gap.request.txt", NULL);
    const char *end;

    (void)state;
    s.query.scope.scope = "autoscaling_group=checkout-v042";
    assert_int_equal(ERR_OK, subject_query_text(&s,
                                                "{'metricName':'system.cpu.user',"
                                                "'aggregate':'avg','summarization':'MEAN'}",
                                                &text));
    subject_build(&s, text, &list);
    assert_int_equal(1, list.n_requests);
    assert_string_equal("GET", list.requests[0].method);
    assert_memory_equal("https://acme.wavefront.com/api/v2/chart/api?n=Serinus-Query&",
                        list.requests[0].url, 60);
    end = strstr(recorded, " HTTP/1.1");
    assert_memory_equal(strchr(recorded, '&'), strchr(list.requests[0].url, '&'),
                        (size_t)(end - strchr(recorded, '&')));
    assert_int_equal(end - strchr(recorded, '&'), strlen(strchr(list.requests[0].url, '&')));
    assert_string_equal("Bearer t0ken", request_header(&list.requests[0], "Authorization"));
    free(recorded);
    subject_free(&s);
}

static void wavefront_granularities(void **state)
{
    static const struct {
        int64_t step_s;
        const char *expected;
    } cases[] = {{1, "&g=s&"},     {59, "&g=s&"},    {60, "&g=m&"},   {90, "&g=s&"},
                 {300, "&g=m&"},   {3600, "&g=h&"},  {5400, "&g=m&"}, {7200, "&g=h&"},
                 {86400, "&g=d&"}, {172800, "&g=d&"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = wavefront("{}");
        struct http_request_list list;

        row("%lld", (long long)cases[i].step_s);
        s.query.scope.step_s = cases[i].step_s;
        subject_build(&s, "ts(m)", &list);
        assert_non_null(strstr(list.requests[0].url, cases[i].expected));
        assert_null(strstr(list.requests[0].url, "summarization"));
        subject_free(&s);
    }
}

/* --- replies --- */

static void check_case(const char *path)
{
    json_auto_t *text = json_of_file(path);
    const json_t *input = json_object_get(text, "input");
    const char *query = json_string_value(json_object_get(input, "query"));
    const char *response = json_string_value(json_object_get(input, "response"));
    json_auto_t *account = json_object();
    json_auto_t *config = json_pack("{s:s}", "summarization", "MEAN");
    struct subject s = subject_of("wavefront", account, json_object_get(input, "scope"));
    char other[256];
    char *body;
    size_t n_bytes;

    row("%s", path);
    s.query.config = config;
    s.query.metric_name = json_string_value(json_object_get(input, "metricName"));
    if (response)
        snprintf(other, sizeof(other), FOLDER "%s", response);
    else
        snprintf(other, sizeof(other), "%.*s.response.json",
                 (int)(strlen(path) - strlen(".case.json")), path);
    body = read_file(other, &n_bytes);
    assert_int_equal(ERR_OK, subject_parse(&s, query, body, n_bytes));
    check_sets(case_expected(text, false), &s.sets);
    for (size_t i = 0; i < s.sets.n_sets; i++)
        assert_int_equal(2, s.sets.sets[i].attributes.n_items);
    free(body);
    subject_free(&s);
}

static void wavefront_recorded_replies(void **state)
{
    (void)state;
    check_cases(FOLDER, 4, check_case);
}

/* 05, and series that are all empty: no data, not an error. */
static void wavefront_no_data(void **state)
{
    struct subject s = wavefront("{}");
    size_t n_bytes;
    char *body = read_file(FOLDER "05-no-timeseries.response.json", &n_bytes);

    (void)state;
    assert_int_equal(ERR_OK, subject_parse(&s, "ts(m)", body, n_bytes));
    assert_int_equal(ERR_OK,
                     subject_parse_text(&s, "ts(m)", "{'timeseries':[{'data':[]},{'tags':{}}]}"));
    assert_int_equal(2, s.sets.n_sets);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(0, s.sets.sets[i].n_values);
        assert_int_equal(10, metric_set_expected_points(&s.sets.sets[i]));
        assert_string_equal("ts(m)", tag_map_get(&s.sets.sets[i].attributes, "query"));
    }
    assert_string_equal("No metrics matching: [system.cpu.user]",
                        tag_map_get(&s.sets.sets[0].attributes, "warnings"));
    free(body);
    subject_free(&s);
}

static void wavefront_error_replies(void **state)
{
    static const struct {
        long status;
        const char *body, *reason, *words;
    } cases[] = {
        {400, "Syntax error at column 5", "store_rejected", "Message: Syntax error at column 5"},
        {400, "{\"errorType\":\"X\",\"errorMessage\":\"no such function\"}", "store_rejected",
         "Message: no such function"},
        {401, "{\"status\":{\"code\":401,\"message\":\"bad token\"}}", "store_rejected",
         "Message: bad token"},
        {406, "too many requests", "store_unavailable", "too many requests"},
        {429, "", "store_unavailable", "Status: 429"},
        {503, "", "store_unavailable", "Status: 503"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = wavefront("{}");

        row("%s", cases[i].body);
        assert_int_equal(ERR_UPSTREAM,
                         subject_check_reply(&s, "ts(m)", cases[i].status, cases[i].body));
        assert_string_equal(cases[i].reason, s.err.reason);
        assert_non_null(strstr(s.err.message, cases[i].words));
        subject_free(&s);
    }
}

static void wavefront_secrets_stay_secret(void **state)
{
    struct subject s = wavefront("{'url':'http://h','apiToken':'canary-5d1e'}");

    (void)state;
    assert_int_equal(ERR_UPSTREAM,
                     subject_check_reply(&s, "ts(canary-5d1e)", 401, "Bearer canary-5d1e"));
    assert_null(strstr(s.err.message, "5d1e"));
    s.err = (struct error){0};
    assert_int_equal(ERR_UPSTREAM,
                     subject_parse_text(&s, "q", "{'errorType':'E','errorMessage':'canary-5d1e'}"));
    assert_string_equal("the query failed: E: ***", s.err.message);
    s.err = (struct error){0};
    assert_int_equal(ERR_OK, subject_parse_text(&s, "q", "{'query':'q','warnings':'canary-5d1e'}"));
    assert_string_equal("***", tag_map_get(&s.sets.sets[0].attributes, "warnings"));
    subject_free(&s);
}

#define SERIES(more) "{'timeseries':[{'label':'a','host':'h'" more "}]}"
#define POINTS(points) SERIES(",'data':[" points "]")

/* Rows S1, S2, S9 to S11 and S13 to S16 of the bad-input catalogue. */
static const struct shaped_reply replies[] = {
    {"empty", "", "store_bad_response"},
    {"login page", "<html><body>Sign in</body></html>", "store_bad_response"},
    {"object without anything", "{}", "store_bad_response"},
    {"list", "[]", "store_bad_response"},
    {"null", "null", "store_bad_response"},
    {"cut", "{'query':'q','timeseries':[{'data':[[1767225600", "store_bad_response"},
    {"two documents", "{'query':'q'}{'query':'q'}", "store_bad_response"},
    {"no timeseries", "{'query':'q'}", NULL},
    {"timeseries null", "{'query':'q','timeseries':null}", NULL},
    {"timeseries empty", "{'timeseries':[]}", NULL},
    {"timeseries an object", "{'timeseries':{}}", "store_bad_response"},
    {"series a number", "{'timeseries':[1]}", "store_bad_response"},
    {"series a list", "{'timeseries':[[]]}", "store_bad_response"},
    {"error type", "{'query':'q','errorType':'QuerySyntaxError'}", "store_error"},
    {"error message", "{'errorMessage':'no'}", "store_error"},
    {"errors null", "{'query':'q','errorType':null,'errorMessage':null}", NULL},
    {"series without data", SERIES(""), NULL},
    {"data null", SERIES(",'data':null"), NULL},
    {"data an object", SERIES(",'data':{}"), "store_bad_response"},
    {"point a number", POINTS("1"), "store_bad_response"},
    {"point an object", POINTS("{}"), "store_bad_response"},
    {"point of one", POINTS("[1767225600]"), "store_bad_response"},
    {"point of three", POINTS("[1767225600,1,2]"), "store_bad_response"},
    {"point in a point", POINTS("[1767225600,[1]]"), "store_bad_response"},
    {"time a text", POINTS("['1767225600',1]"), "store_bad_response"},
    {"time null", POINTS("[null,1]"), "store_bad_response"},
    {"time beyond reason", POINTS("[1e300,1]"), "store_bad_response"},
    {"value true", POINTS("[1767225600,true]"), "store_bad_response"},
    {"value abc", POINTS("[1767225600,'abc']"), "store_bad_response"},
    {"value empty", POINTS("[1767225600,'']"), "store_bad_response"},
    {"value null", POINTS("[1767225600,null]"), NULL},
    {"value infinite", POINTS("[1767225600,'Infinity']"), NULL},
    {"points too far apart for their step", POINTS("[0,1],[1767225600,2]"),
     "store_too_many_points"},
    {"tag a number", SERIES(",'tags':{'a':1}"), "store_bad_response"},
    {"tag a list", SERIES(",'tags':{'a':[]}"), "store_bad_response"},
    {"tags a list", SERIES(",'tags':[]"), "store_bad_response"},
    {"tag twice", SERIES(",'tags':{'a':'1','a':'2'}"), "store_bad_response"},
    {"tag with NUL", SERIES(",'tags':{'a':'\\u0000'}"), "store_bad_response"},
    {"tag of bad UTF-8", SERIES(",'tags':{'a':'\xff'}"), "store_bad_response"},
    {"tag with quotes and markup", SERIES(",'tags':{'a':'\\u0022<script>\\n'}"), NULL},
    {"equal tags, as hosts have", "{'timeseries':[{'data':[[1,1]]},{'data':[[1,1]]}]}", NULL},
    {"unknown members", "{'query':'q','stats':{'keys':4,'x':[{}]},'events':[{}]}", NULL},
};

static void wavefront_replies_of_any_shape(void **state)
{
    (void)state;
    check_shaped_replies("wavefront", "{}", replies, ARRAY_LEN(replies));
}

/* Unsorted, repeated, beside the grid, not a number. */
static void wavefront_grid(void **state)
{
    struct subject s = wavefront("{}");
    static const double want[] = {1, NAN, 3, NAN, 5, INFINITY};

    (void)state;
    assert_int_equal(ERR_OK, subject_parse_text(&s, "q",
                                                POINTS("[1767225720,3],[1767225600,1],"
                                                       "[1767225600,1.5],[1767225690,9],"
                                                       "[1767225780,null],[1767225840,5],"
                                                       "[1767225900,'Infinity'],"
                                                       "[1767225959,9]")));
    assert_int_equal(1767225600000, s.sets.sets[0].start_unix_ms);
    assert_int_equal(1767225959000, s.sets.sets[0].end_unix_ms);
    assert_int_equal(60000, s.sets.sets[0].step_ms);
    assert_int_equal(ARRAY_LEN(want), s.sets.sets[0].n_values);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_near(want[i], s.sets.sets[0].values[i], 0);
    subject_free(&s);
}

/* Row S13, at the limit and one over; `slots` is where the second of two points stands. */
static void wavefront_limits(void **state)
{
    static const struct {
        const char *name;
        size_t n_series, n_points, slots;
        const char *reason;
    } cases[] = {
        {"series", STORE_MAX_SERIES, 1, 1, NULL},
        {"too many series", STORE_MAX_SERIES + 1, 1, 1, "store_too_many_series"},
        {"points of a series", 1, STORE_MAX_POINTS_PER_SERIES, 1, NULL},
        {"too many points", 1, STORE_MAX_POINTS_PER_SERIES + 1, 1, "store_too_many_points"},
        {"grid", 1, 2, STORE_MAX_POINTS_PER_SERIES - 1, NULL},
        {"grid too large", 1, 2, STORE_MAX_POINTS_PER_SERIES, "store_too_many_points"},
        {"grids", 20, 2, STORE_MAX_POINTS_PER_SERIES - 1, NULL},
        {"grids too large", 21, 2, STORE_MAX_POINTS_PER_SERIES - 1, "store_too_many_points"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = wavefront("{}");
        struct strbuf body = {0};
        enum err_code rc;

        row("%s", cases[i].name);
        strbuf_puts(&body, "{\"timeseries\":[");
        for (size_t k = 0; k < cases[i].n_series; k++) {
            strbuf_puts(&body, k ? ",{\"data\":[" : "{\"data\":[");
            for (size_t n = 0; n < cases[i].n_points; n++)
                strbuf_printf(&body, "%s[%zu,1]", n ? "," : "",
                              1767225600 + n * 60 * cases[i].slots);
            strbuf_puts(&body, "]}");
        }
        strbuf_puts(&body, "]}");
        rc = subject_parse(&s, "q", body.bytes, body.n_bytes);
        assert_int_equal(cases[i].reason ? ERR_UPSTREAM : ERR_OK, rc);
        if (cases[i].reason)
            assert_string_equal(cases[i].reason, s.err.reason);
        else
            assert_int_equal(cases[i].n_series, s.sets.n_sets);
        strbuf_clear(&body);
        subject_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wavefront_query_texts),
        cmocka_unit_test(wavefront_more_query_texts),
        cmocka_unit_test(wavefront_query_text_limit),
        cmocka_unit_test(wavefront_request),
        cmocka_unit_test(wavefront_granularities),
        cmocka_unit_test(wavefront_recorded_replies),
        cmocka_unit_test(wavefront_no_data),
        cmocka_unit_test(wavefront_error_replies),
        cmocka_unit_test(wavefront_secrets_stay_secret),
        cmocka_unit_test(wavefront_replies_of_any_shape),
        cmocka_unit_test(wavefront_grid),
        cmocka_unit_test(wavefront_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
