/* Recorded replies and query texts: fixtures/replies/datadog/, whose README says where each is
 * from. Hand-written replies stand for what a hostile or broken store may send. */
#include "tests/support.h"

#include "base/json.h"
#include "base/limits.h"
#include "tests/collector_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "fixtures/replies/datadog/"
#define KEYS "'apiKey':'key-0123','applicationKey':'app-4567'"

static void datadog_query_texts(void **state)
{
    (void)state;
    check_query_texts("datadog", FOLDER, 4);
}

static void datadog_more_query_texts(void **state)
{
    static const struct {
        const char *name, *account, *config, *scope, *expected, *error;
    } cases[] = {
        {"rollup with the metric's aggregator", "{'appendRollup':true}", "{'metricName':'sum:x'}",
         "{'scope':'a:b','step':37}", "sum:x{a:b}.rollup(sum, 37)", NULL},
        {"rollup without an aggregator", "{'appendRollup':'true'}", "{'metricName':'x'}",
         "{'scope':'*','step':60}", "x{*}.rollup(avg, 60)", NULL},
        {"a rollup of its own stays", "{'appendRollup':true}", "{'metricName':'a.rollup(max, 5)'}",
         "{'scope':'*','step':60}", "a.rollup(max, 5){*}", NULL},
        {"a template is left alone", "{'appendRollup':true}",
         "{'customInlineTemplate':'avg:x{${scope}}'}", "{'scope':'a:b','step':60}", "avg:x{a:b}",
         NULL},
        {"the step is no variable", "{}", "{'customInlineTemplate':'x{*}.rollup(${step})'}",
         "{'step':60}", NULL, "no value for the variable 'step'"},
        {"no metric", "{}", "{}", "{'scope':'a:b'}", NULL, "Metric Name is required"},
        {"no scope", "{}", "{'metricName':'x'}", "{}", NULL, "Scope is required"},
        {"a scope that leaves its place, when refused", "{'rejectUnsafeValues':true}",
         "{'metricName':'x'}", "{'scope':'a:b} + y{c:d'}", NULL, "could leave its place"},
        {"a parenthesis, when refused", "{'rejectUnsafeValues':true}", "{'metricName':'x'}",
         "{'scope':'a:b)'}", NULL, "parenthesis"},
        {"commas join tags, refused or not", "{'rejectUnsafeValues':true}",
         "{'customInlineTemplate':'x{${scope}}'}", "{'scope':'a:b,c:d'}", "x{a:b,c:d}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("datadog", cases[i].account, cases[i].scope);
        const char *text = NULL;
        enum err_code rc = subject_query_text(&s, cases[i].config, &text);

        row("%s", cases[i].name);
        if (cases[i].error) {
            assert_int_equal(ERR_INVALID, rc);
            assert_non_null(strstr(s.err.message, cases[i].error));
        } else {
            assert_int_equal(ERR_OK, rc);
            assert_string_equal(cases[i].expected, text);
        }
        subject_free(&s);
    }
}

static void datadog_accounts(void **state)
{
    static const struct {
        const char *account, *url, *error;
    } cases[] = {
        {"{" KEYS "}", "https://api.datadoghq.com", NULL},
        {"{'site':'datadoghq.eu'," KEYS "}", "https://api.datadoghq.eu", NULL},
        {"{'endpoint':{'baseUrl':'http://h:1/p/'},'site':'x'," KEYS "}", "http://h:1/p", NULL},
        {"{'accessToken':'t'}", "https://api.datadoghq.com", NULL},
        {"{'apiKeyFile':'/k','applicationKey':'x','apiVersion':'V2'}", "https://api.datadoghq.com",
         NULL},
        {"{'apiKey':'k'}", "https://api.datadoghq.com", "applicationKey"},
        {"{" KEYS ",'apiVersion':'v3'}", "https://api.datadoghq.com", "v1 or v2"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("datadog", cases[i].account, "{}");

        row("%s", cases[i].account);
        assert_string_equal(cases[i].url, s.account->base_url);
        assert_int_equal(cases[i].error ? ERR_SETTINGS : ERR_OK,
                         collector_check_account(s.account, &s.err));
        if (cases[i].error)
            assert_non_null(strstr(s.err.message, cases[i].error));
        subject_free(&s);
    }
}

static void datadog_request(void **state)
{
    struct subject s =
        subject_of_text("datadog", "{" KEYS "}",
                        "{'start':'2021-06-16T12:21:41.900Z','end':'2021-06-17T12:21:41Z'}");
    struct http_request_list list;
    char *recorded = read_file(FOLDER "01-v1-query-single.request.txt", NULL);
    const char *target;

    (void)state;
    subject_build(&s, "system.cpu.idle{*}", &list);
    assert_int_equal(1, list.n_requests);
    target = list.requests[0].url + strlen("https://api.datadoghq.com");
    assert_memory_equal("GET ", recorded, 4);
    assert_memory_equal(target, recorded + 4, strlen(target));
    assert_string_equal("key-0123", request_header(&list.requests[0], "DD-API-KEY"));
    assert_string_equal("app-4567", request_header(&list.requests[0], "DD-APPLICATION-KEY"));
    assert_null(request_header(&list.requests[0], "Authorization"));
    assert_string_equal("***",
                        account_mask_header(s.account, &list.requests[0].headers[0], s.arena));
    assert_null(strstr(list.requests[0].url, "0123"));
    free(recorded);
    subject_free(&s);
}

static void datadog_v2_request(void **state)
{
    struct subject s =
        subject_of_text("datadog", "{'accessToken':'tok-89','apiVersion':'v2'}",
                        "{'start':'2024-04-01T13:20:01Z','end':'2024-04-01T14:20:01Z','step':5}");
    json_auto_t *want = NULL;
    json_auto_t *got = NULL;
    struct http_request_list list;
    char *recorded = read_file(FOLDER "20-v2-timeseries.request.txt", NULL);

    (void)state;
    subject_build(&s, "avg:datadog.estimated_usage.metrics.custom{*}", &list);
    want = json_loads(strstr(recorded, "\n\n") + 2, JSON_DISABLE_EOF_CHECK, NULL);
    /* The recorded one limits the series, which we do not. */
    json_object_del(
        json_array_get(json_object_get(json_object_get(json_object_get(want, "data"), "attributes"),
                                       "formulas"),
                       0),
        "limit");
    got = json_loadb(list.requests[0].body, list.requests[0].n_body_bytes, 0, NULL);
    assert_non_null(got);
    assert_true(json_equal(want, got));
    assert_string_equal("POST", list.requests[0].method);
    assert_string_equal("https://api.datadoghq.com/api/v2/query/timeseries", list.requests[0].url);
    assert_string_equal("application/json", request_header(&list.requests[0], "Content-Type"));
    assert_string_equal("Bearer tok-89", request_header(&list.requests[0], "Authorization"));
    assert_null(request_header(&list.requests[0], "DD-API-KEY"));
    free(recorded);
    subject_free(&s);
}

static void check_case(const char *path)
{
    json_auto_t *text = json_of_file(path);
    json_auto_t *account = json_object();
    const json_t *input = json_object_get(text, "input");
    const json_t *want = case_expected(text, false);
    const char *query = json_string_value(json_object_get(input, "query"));
    struct subject s = subject_of("datadog", account, json_object_get(input, "scope"));
    char reply_path[256];
    size_t n_bytes;
    char *body;

    row("%s", path);
    snprintf(reply_path, sizeof(reply_path), "%.*s.response.json",
             (int)(strlen(path) - strlen(".case.json")), path);
    body = read_file(reply_path, &n_bytes);
    s.query.metric_name = json_string_value(json_object_get(input, "metricName"));
    if (json_is_array(want)) {
        assert_int_equal(ERR_OK, subject_parse(&s, query, body, n_bytes));
        check_sets(want, &s.sets);
    } else {
        assert_int_equal(ERR_UPSTREAM, subject_parse(&s, query, body, n_bytes));
        assert_string_equal("store_error", s.err.reason);
        assert_non_null(strstr(s.err.message, json_string_value(json_object_get(want, "error"))));
    }
    free(body);
    subject_free(&s);
}

static void datadog_recorded_replies(void **state)
{
    (void)state;
    check_cases(FOLDER, 6, check_case);
}

static void datadog_tags_from_groups(void **state)
{
    struct subject s = subject_of_text("datadog", "{'tagsFromGroups':true}", TEN_MINUTES);
    char *body = read_file(FOLDER "05-v1-group-by-two-series.response.json", NULL);

    (void)state;
    assert_int_equal(ERR_OK, subject_parse(&s, "q", body, strlen(body)));
    assert_int_equal(2, s.sets.n_sets);
    assert_string_equal("i-0aa", tag_map_get(&s.sets.sets[0].tags, "host"));
    assert_string_equal("i-0bb", tag_map_get(&s.sets.sets[1].tags, "host"));
    free(body);
    subject_free(&s);
}

/* 20: asked for 5 s, three points 60 s and 2,520 s apart. */
static void datadog_v2_recorded_reply(void **state)
{
    struct subject s = subject_of_text("datadog", "{'apiVersion':'v2'}", TEN_MINUTES);
    char *body = read_file(FOLDER "20-v2-timeseries.response.json", NULL);
    const struct metric_set *set;

    (void)state;
    assert_int_equal(ERR_OK, subject_parse(&s, "q", body, strlen(body)));
    assert_int_equal(1, s.sets.n_sets);
    set = &s.sets.sets[0];
    assert_int_equal(1711977645000, set->start_unix_ms);
    assert_int_equal(60000, set->step_ms);
    assert_int_equal(44, set->n_values);
    assert_int_equal(1711977645000 + 44 * 60000, set->end_unix_ms);
    for (size_t i = 0; i < set->n_values; i++)
        assert_near(i < 2 ? 1 : i == 43 ? 87 : NAN, set->values[i], 0);
    free(body);
    subject_free(&s);
}

static void datadog_v2_shapes(void **state)
{
    static const struct shaped_reply cases[] = {
        {"groups, values before times",
         "{'data':{'attributes':{'values':[[1,null],[2,3]],'times':[1,2],"
         "'series':[{'group_tags':['a:b']},{'group_tags':['a:c:d','x']}]}}}",
         NULL},
        {"no series", "{'data':{'attributes':{'values':[],'times':[],'series':[]}}}", NULL},
        {"values without times",
         "{'data':{'attributes':{'values':[[1]],'times':[],'series':[{}]}}}", NULL},
        {"fewer values than times",
         "{'data':{'attributes':{'values':[[1]],'times':[1,2],'series':[{}]}}}",
         "store_bad_response"},
        {"one series less",
         "{'data':{'attributes':{'values':[[1],[1]],'times':[1],'series':[{}]}}}",
         "store_bad_response"},
        {"times go back", "{'data':{'attributes':{'values':[[1,2]],'times':[2,1],'series':[{}]}}}",
         "store_bad_response"},
        {"a time as text", "{'data':{'attributes':{'times':['1']}}}", "store_bad_response"},
        {"no data", "{}", "store_bad_response"},
        {"null", "{'data':null}", "store_bad_response"},
        {"an error", "{'errors':['no']}", "store_error"},
        {"a huge grid",
         "{'data':{'attributes':{'values':[[1,1,1]],'times':[0,1,9999999],'series':[{}]}}}",
         "store_too_many_points"},
        {"a tag that is a number", "{'data':{'attributes':{'series':[{'group_tags':[1]}]}}}",
         "store_bad_response"},
    };

    (void)state;
    check_shaped_replies("datadog", "{'apiVersion':'v2','tagsFromGroups':true}", cases,
                         ARRAY_LEN(cases));
}

#define ONE_SERIES(points)                                                                         \
    "{'status':'ok','series':[{'start':60000,'end':179000,'interval':60,'pointlist':" points "}]}"

static void datadog_v1_shapes(void **state)
{
    static const struct shaped_reply cases[] = {
        {"empty object", "{}", "store_bad_response"},
        {"empty list", "[]", "store_bad_response"},
        {"null", "null", "store_bad_response"},
        {"a page to sign in", "<html>", "store_bad_response"},
        {"nothing", "", "store_bad_response"},
        {"cut", "{'status':'ok','series':[", "store_bad_response"},
        {"an error without words", "{'status':'error','series':[]}", "store_error"},
        {"errors", "{'errors':['Forbidden',7,'x']}", "store_error"},
        {"series is an object", "{'series':{}}", "store_bad_response"},
        {"a series is a number", "{'series':[1]}", "store_bad_response"},
        {"series without points", "{'series':[{}]}", NULL},
        {"text and null as values", ONE_SERIES("[[60000,'NaN'],[120000,null]]"), NULL},
        {"a large number as text", ONE_SERIES("[[60000,'1e400']]"), NULL},
        {"a word as value", ONE_SERIES("[[60000,'abc']]"), "store_bad_response"},
        {"nothing as value", ONE_SERIES("[[60000,'']]"), "store_bad_response"},
        {"true as value", ONE_SERIES("[[60000,true]]"), "store_bad_response"},
        {"a list as value", ONE_SERIES("[[60000,[1]]]"), "store_bad_response"},
        {"time as text", ONE_SERIES("[['60000',1]]"), "store_bad_response"},
        {"time beyond all", ONE_SERIES("[[1e300,1]]"), "store_bad_response"},
        {"three elements", ONE_SERIES("[[60000,1,2]]"), "store_bad_response"},
        {"one element", ONE_SERIES("[[60000]]"), "store_bad_response"},
        {"points without an interval", "{'series':[{'start':1,'end':2,'pointlist':[[1,1]]}]}",
         "store_bad_response"},
        {"interval 0", "{'series':[{'interval':0}]}", "store_bad_response"},
        {"interval below zero", "{'series':[{'interval':-60}]}", "store_bad_response"},
        {"interval as text", "{'series':[{'interval':'60'}]}", "store_bad_response"},
        {"end before start", "{'series':[{'start':2,'end':1,'interval':1,'pointlist':[[1,1]]}]}",
         "store_bad_response"},
        {"more buckets than there may be",
         "{'series':[{'start':0,'end':50000000,'interval':1,'pointlist':[[1,1]]}]}",
         "store_too_many_points"},
        {"buckets for ever",
         "{'series':[{'start':-99999999999999,'end':99999999999999,'interval':1,"
         "'pointlist':[[1,1]]}]}",
         "store_too_many_points"},
    };

    (void)state;
    check_shaped_replies("datadog", "{}", cases, ARRAY_LEN(cases));
}

/* Unsorted, repeated, between the buckets, outside the window: never read out of order. */
static void datadog_points_off_the_grid(void **state)
{
    struct subject s = subject_of_text("datadog", "{}", TEN_MINUTES);
    static const double want[] = {1.5, NAN, 3.5};

    (void)state;
    assert_int_equal(
        ERR_OK, subject_parse_text(&s, "q",
                                   "{'series':[{'start':60000,'end':239000,'interval':60,"
                                   "'pointlist':[[180000,3.5],[60000.0,1.5],[60000,9],[61000,8],"
                                   "[0,7],[999000,6]]}]}"));
    assert_int_equal(3, s.sets.sets[0].n_values);
    for (size_t i = 0; i < 3; i++)
        assert_near(want[i], s.sets.sets[0].values[i], 0);
    assert_int_equal(60000, s.sets.sets[0].step_ms);
    subject_free(&s);
}

static void datadog_limits(void **state)
{
    static const struct {
        const char *name, *piece;
        size_t n_pieces;
        const char *reason;
    } cases[] = {
        {"1000 series", "{'start':1,'end':1,'interval':1,'pointlist':[]}", STORE_MAX_SERIES, NULL},
        {"1001 series", "{'start':1,'end':1,'interval':1,'pointlist':[]}", STORE_MAX_SERIES + 1,
         "store_too_many_series"},
        {"a million buckets and more",
         "{'start':0,'end':40000000,'interval':1,'pointlist':[[0,1]]}", 25,
         "store_too_many_points"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("datadog", "{}", TEN_MINUTES);
        struct strbuf body = {0};
        enum err_code rc;

        row("%s", cases[i].name);
        strbuf_puts(&body, "{'series':[");
        for (size_t k = 0; k < cases[i].n_pieces; k++)
            strbuf_printf(&body, "%s%s", k ? "," : "", cases[i].piece);
        strbuf_puts(&body, "]}");
        rc = subject_parse_text(&s, "q", body.bytes);
        assert_int_equal(cases[i].reason ? ERR_UPSTREAM : ERR_OK, rc);
        if (cases[i].reason)
            assert_string_equal(cases[i].reason, s.err.reason);
        strbuf_clear(&body);
        subject_free(&s);
    }
}

static void datadog_error_replies(void **state)
{
    static const struct {
        long status;
        const char *body, *reason, *words;
    } cases[] = {
        {403, "{\"errors\":[\"Forbidden key-0123\"]}", "store_rejected", "Message: Forbidden ***"},
        {429, "{\"errors\":[\"Rate limit\",\"later\"]}", "store_unavailable",
         "Message: Rate limit; later"},
        {400, "{\"status\":\"error\",\"error\":\"Error parsing query: x\"}", "store_rejected",
         "Message: Error parsing query: x"},
        {502, "<html>app-4567</html>", "store_unavailable", "<html>***</html>"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("datadog", "{" KEYS "}", TEN_MINUTES);

        assert_int_equal(ERR_UPSTREAM,
                         subject_check_reply(&s, "q{*}", cases[i].status, cases[i].body));
        assert_string_equal(cases[i].reason, s.err.reason);
        assert_non_null(strstr(s.err.message, cases[i].words));
        assert_null(strstr(s.err.message, "key-0123"));
        assert_null(strstr(s.err.message, "app-4567"));
        subject_free(&s);
    }
}

static void datadog_metric_names(void **state)
{
    struct subject s = subject_of_text("datadog", "{" KEYS "}", "{}");
    static const char body[] = "{\"from\":\"1\",\"metrics\":[\"a.b\",\"c\"]}";
    const struct http_response reply = {
        .status = 200, .body = body, .n_body_bytes = sizeof(body) - 1};
    struct http_request request = {0};
    json_t *list = NULL;

    (void)state;
    assert_int_equal(ERR_OK,
                     collector_build_metadata(s.type, s.account, s.arena, &request, &s.err));
    assert_memory_equal("https://api.datadoghq.com/api/v1/metrics?from=", request.url, 46);
    assert_string_equal("key-0123", request_header(&request, "DD-API-KEY"));
    assert_int_equal(ERR_OK, s.type->metadata->parse(s.account, &reply, &list, &s.err));
    assert_int_equal(2, json_array_size(list));
    assert_string_equal("c", json_string_value(json_object_get(json_array_get(list, 1), "name")));
    json_decref(list);
    subject_free(&s);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(datadog_query_texts),
        cmocka_unit_test(datadog_more_query_texts),
        cmocka_unit_test(datadog_accounts),
        cmocka_unit_test(datadog_request),
        cmocka_unit_test(datadog_v2_request),
        cmocka_unit_test(datadog_recorded_replies),
        cmocka_unit_test(datadog_tags_from_groups),
        cmocka_unit_test(datadog_v2_recorded_reply),
        cmocka_unit_test(datadog_v2_shapes),
        cmocka_unit_test(datadog_v1_shapes),
        cmocka_unit_test(datadog_points_off_the_grid),
        cmocka_unit_test(datadog_limits),
        cmocka_unit_test(datadog_error_replies),
        cmocka_unit_test(datadog_metric_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
