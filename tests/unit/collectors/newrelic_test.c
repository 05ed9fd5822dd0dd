/* Recorded replies and query texts: fixtures/replies/newrelic/, whose README says where each is
 * from. Hand-written replies stand for what a hostile or broken store may send. */
#include "tests/support.h"

#include "base/json.h"
#include "base/limits.h"
#include "tests/collector_case.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "fixtures/replies/newrelic/"
#define INSIGHTS "{'apiKey':'query-key-1','applicationKey':'1234567'}"
#define NERDGRAPH "{'api':'nerdgraph','userKey':'NRAK-key-2','applicationKey':1234567}"
#define KEYS "{'defaultScopeKey':'asg'}"

static void newrelic_query_texts(void **state)
{
    (void)state;
    check_query_texts("newrelic", FOLDER, 6);
}

#define HOUR "'start':'2026-01-01T00:00:00Z','end':'2026-01-01T01:00:00Z'"

static void newrelic_more_query_texts(void **state)
{
    static const struct {
        const char *name, *account, *config, *scope, *expected, *error;
    } cases[] = {
        {"white space around, lower case", KEYS, "{'select':'  select a \\n'}",
         "{'scope':'s','step':60," HOUR "}",
         "SELECT select a TIMESERIES 60 seconds SINCE 1767225600 UNTIL 1767229200 WHERE asg LIKE "
         "'s'",
         NULL},
        {"no location, so no condition", "{'defaultScopeKey':'asg','defaultLocationKey':'region'}",
         "{'select':'SELECT a'}", "{'scope':'s','step':60," HOUR "}",
         "SELECT a TIMESERIES 60 seconds SINCE 1767225600 UNTIL 1767229200 WHERE asg LIKE 's'",
         NULL},
        {"no select", KEYS, "{}", "{'scope':'s'}", NULL, "\"select\" is required"},
        {"no scope", KEYS, "{'select':'a'}", "{}", NULL, "Scope is required"},
        {"the largest number of buckets", KEYS, "{'select':'a'}",
         "{'scope':'s','step':10,'start':'2026-01-01T00:00:00Z','end':'2026-01-01T01:01:00Z'}",
         "SELECT a TIMESERIES 10 seconds SINCE 1767225600 UNTIL 1767229260 WHERE asg LIKE 's'",
         NULL},
        {"one more", KEYS, "{'select':'a'}",
         "{'scope':'s','step':10,'start':'2026-01-01T00:00:00Z','end':'2026-01-01T01:01:10Z'}",
         NULL, "367 steps of 10 seconds; a step of 11 seconds would fit"},
        {"a quote in the scope", KEYS, "{'select':'a'}",
         "{'scope':'s\\u0027 OR 1=1','step':60," HOUR "}", NULL, "could leave its place"},
        {"a quote in a parameter", KEYS, "{'select':'a'}",
         "{'scope':'s','step':60,'extendedScopeParams':{'k':'\\u0027'}," HOUR "}", NULL,
         "could leave its place"},
        {"a quote in a parameter's name", KEYS, "{'select':'a'}",
         "{'scope':'s','step':60,'extendedScopeParams':{'k\\u0027':'v'}," HOUR "}", NULL,
         "cannot stand in the query"},
        {"a quote in a template's literal", KEYS,
         "{'customInlineTemplate':'SELECT a WHERE b = \\u0027${scope}\\u0027'}",
         "{'scope':'\\u0027'," HOUR "}", NULL, "could leave its place"},
        {"brackets, when refused", "{'rejectUnsafeValues':true}",
         "{'customInlineTemplate':'SELECT a WHERE b = ${scope}'}", "{'scope':'1) OR (2'," HOUR "}",
         NULL, "could leave its place"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("newrelic", cases[i].account, cases[i].scope);
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

static void newrelic_accounts(void **state)
{
    static const struct {
        const char *account, *url, *error;
    } cases[] = {
        {INSIGHTS, "https://insights-api.newrelic.com", NULL},
        {NERDGRAPH, "https://api.newrelic.com/graphql", NULL},
        {"{'endpoint.baseUrl':'https://insights-api.eu.newrelic.com','apiKeyFile':'/k',"
         "'applicationKey':'1'}",
         "https://insights-api.eu.newrelic.com", NULL},
        {"{'apiKey':'k'}", NULL, "applicationKey"},
        {"{'apiKey':'k','applicationKey':'1/../2'}", NULL, "applicationKey"},
        {"{'apiKey':'k','applicationKey':'1','api':'nerdgraph'}", NULL, "userKey"},
        {"{'applicationKey':'1'}", NULL, "apiKey"},
        {"{'apiKey':'k','applicationKey':'1','api':'graph'}", NULL, "insights or nerdgraph"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("newrelic", cases[i].account, "{}");

        row("%s", cases[i].account);
        assert_int_equal(90000, s.account->read_timeout_ms);
        assert_int_equal(cases[i].error ? ERR_SETTINGS : ERR_OK,
                         collector_check_account(s.account, &s.err));
        if (cases[i].error)
            assert_non_null(strstr(s.err.message, cases[i].error));
        else
            assert_string_equal(cases[i].url, s.account->base_url);
        subject_free(&s);
    }
}

static void newrelic_insights_request(void **state)
{
    struct subject s = subject_of_text("newrelic", INSIGHTS, TEN_MINUTES);
    json_auto_t *recorded_case = json_of_file(FOLDER "01-count.case.json");
    char *recorded = read_file(FOLDER "01-count.request.txt", NULL);
    struct http_request_list list;
    const char *target;

    (void)state;
    subject_build(
        &s, json_string_value(json_object_get(json_object_get(recorded_case, "input"), "query")),
        &list);
    target = list.requests[0].url + strlen("https://insights-api.newrelic.com");
    assert_string_equal("GET", list.requests[0].method);
    assert_memory_equal(target, recorded + strlen("GET "), strlen(target));
    assert_string_equal("query-key-1", request_header(&list.requests[0], "X-Query-Key"));
    assert_null(strstr(account_mask(s.account, list.requests[0].url, s.arena), "query-key-1"));
    free(recorded);
    subject_free(&s);
}

static void newrelic_nerdgraph_request(void **state)
{
    struct subject s = subject_of_text("newrelic", NERDGRAPH, TEN_MINUTES);
    char *recorded = read_file(FOLDER "20-nerdgraph.request.txt", NULL);
    json_auto_t *want = json_loads(strstr(recorded, "\n\n") + 2, JSON_DISABLE_EOF_CHECK, NULL);
    json_auto_t *got = NULL;
    struct http_request_list list;

    (void)state;
    subject_build(
        &s, json_string_value(json_object_get(json_object_get(want, "variables"), "nrql")), &list);
    got = json_loadb(list.requests[0].body, list.requests[0].n_body_bytes, 0, NULL);
    assert_true(json_equal(want, got));
    assert_string_equal("POST", list.requests[0].method);
    assert_string_equal("https://api.newrelic.com/graphql", list.requests[0].url);
    assert_string_equal("NRAK-key-2", request_header(&list.requests[0], "API-Key"));
    assert_null(request_header(&list.requests[0], "X-Query-Key"));
    free(recorded);
    subject_free(&s);
}

static void check_case(const char *path, const char *account_text, const char *reply_path)
{
    json_auto_t *text = json_of_file(path);
    json_auto_t *account = json_of(account_text);
    const json_t *input = json_object_get(text, "input");
    struct subject s = subject_of("newrelic", account, json_object_get(input, "scope"));
    size_t n_bytes;
    char *body = read_file(reply_path, &n_bytes);

    row("%s", path);
    s.query.metric_name = json_string_value(json_object_get(input, "metricName"));
    assert_int_equal(ERR_OK, subject_parse(&s, json_string_value(json_object_get(input, "query")),
                                           body, n_bytes));
    check_sets(case_expected(text, false), &s.sets);
    free(body);
    subject_free(&s);
}

static void newrelic_recorded_replies(void **state)
{
    char reply_path[256];
    glob_t paths;

    (void)state;
    assert_int_equal(0, glob(FOLDER "*.case.json", 0, NULL, &paths));
    assert_int_equal(3, paths.gl_pathc);
    for (size_t i = 0; i < paths.gl_pathc; i++) {
        snprintf(reply_path, sizeof(reply_path), "%.*s.response.json",
                 (int)(strlen(paths.gl_pathv[i]) - strlen(".case.json")), paths.gl_pathv[i]);
        check_case(paths.gl_pathv[i], INSIGHTS, reply_path);
    }
    globfree(&paths);
    /* NerdGraph brings the same document, so the same sets. */
    check_case(FOLDER "01-count.case.json", NERDGRAPH, FOLDER "20-nerdgraph.response.json");
}

static void newrelic_recorded_errors(void **state)
{
    static const struct {
        const char *account, *reply, *reason, *words;
    } cases[] = {
        {INSIGHTS, "05-facets-unsupported", "store_bad_response",
         "query must use TIMESERIES and no FACET"},
        {INSIGHTS, "04-error-400", "store_error", "NRQL Syntax Error: Error at line 1"},
        {NERDGRAPH, "21-nerdgraph-error", "store_error", "NRQL Syntax Error: Error at line 1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("newrelic", cases[i].account, TEN_MINUTES);
        char path[256];
        char *body;

        row("%s", cases[i].reply);
        snprintf(path, sizeof(path), FOLDER "%s.response.json", cases[i].reply);
        body = read_file(path, NULL);
        assert_int_equal(ERR_UPSTREAM, subject_parse(&s, "q", body, strlen(body)));
        assert_string_equal(cases[i].reason, s.err.reason);
        assert_non_null(strstr(s.err.message, cases[i].words));
        free(body);
        subject_free(&s);
    }
}

#define META ",'metadata':{'beginTimeMillis':1767225600000,'endTimeMillis':1767226200000}}"

static void newrelic_shapes(void **state)
{
    static const struct shaped_reply cases[] = {
        {"empty object", "{}", "store_bad_response"},
        {"empty list", "[]", "store_bad_response"},
        {"a page to sign in", "<html>", "store_bad_response"},
        {"nothing", "", "store_bad_response"},
        {"cut", "{'timeSeries':[", "store_bad_response"},
        {"no buckets", "{'timeSeries':[]" META, NULL},
        {"no metadata", "{'timeSeries':[]}", "store_bad_response"},
        {"times are text", "{'timeSeries':[],'metadata':{'beginTimeMillis':'x'}}",
         "store_bad_response"},
        {"times beyond all", "{'timeSeries':[],'metadata':{'beginTimeMillis':1e300}}",
         "store_bad_response"},
        {"buckets are an object", "{'timeSeries':{}" META, "store_bad_response"},
        {"a bucket is a number", "{'timeSeries':[1]" META, "store_bad_response"},
        {"no results", "{'timeSeries':[{'results':[]}]" META, "store_bad_response"},
        {"null", "{'timeSeries':[{'results':[{'count':null}]}]" META, NULL},
        {"NaN as text", "{'timeSeries':[{'results':[{'count':'NaN'}]}]" META, NULL},
        {"a word", "{'timeSeries':[{'results':[{'latest':'abc'}]}]" META, "store_bad_response"},
        {"true", "{'timeSeries':[{'results':[{'latest':true}]}]" META, "store_bad_response"},
        {"no percentile", "{'timeSeries':[{'results':[{'percentiles':{}}]}]" META,
         "store_bad_response"},
        {"deeper than we look", "{'timeSeries':[{'results':[{'a':{'b':{'c':1}}}]}]" META,
         "store_bad_response"},
        {"an error that is no text", "{'error':{'a':1}}", "store_error"},
        {"errors without words", "{'errors':[{}]}", "store_error"},
        {"no errors, no data", "{'errors':[]}", "store_bad_response"},
    };

    (void)state;
    check_shaped_replies("newrelic", INSIGHTS, cases, ARRAY_LEN(cases));
}

static void newrelic_reply_too_large(void **state)
{
    struct subject s = subject_of_text("newrelic", INSIGHTS, TEN_MINUTES);
    char *body = arena_alloc(s.arena, MIB + 2, 1);

    (void)state;
    memset(body, ' ', MIB + 1);
    assert_int_equal(ERR_UPSTREAM, subject_parse(&s, "q", body, MIB + 1));
    assert_string_equal("store_response_too_large", s.err.reason);
    subject_free(&s);
}

static void newrelic_error_replies(void **state)
{
    static const struct {
        const char *account;
        long status;
        const char *body, *reason, *words;
    } cases[] = {
        {INSIGHTS, 400, "{\"error\":\"NRQL Syntax Error\"}", "store_rejected",
         "Message: NRQL Syntax Error"},
        {INSIGHTS, 403, "{\"error\":\"Invalid key query-key-1\"}", "store_rejected",
         "Message: Invalid key ***"},
        {INSIGHTS, 503, "", "store_unavailable", "Status: 503"},
        {NERDGRAPH, 401, "{\"errors\":[{\"message\":\"bad NRAK-key-2\"},{}]}", "store_rejected",
         "Message: bad ***; no reason given"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("newrelic", cases[i].account, TEN_MINUTES);

        assert_int_equal(ERR_UPSTREAM,
                         subject_check_reply(&s, "q", cases[i].status, cases[i].body));
        assert_string_equal(cases[i].reason, s.err.reason);
        assert_non_null(strstr(s.err.message, cases[i].words));
        subject_free(&s);
    }
}

/* Which errors NerdGraph may get over. */
static void newrelic_nerdgraph_advice(void **state)
{
    static const struct {
        long status;
        const char *body;
        enum reply_advice advice;
    } cases[] = {
        {200, "{\"errors\":[{\"extensions\":{\"errorClass\":\"BAD_REQUEST\"}}]}", REPLY_BY_STATUS},
        {200, "{\"errors\":[{\"extensions\":{\"errorClass\":\"ACCESS_DENIED\"}}]}",
         REPLY_BY_STATUS},
        {200, "{\"errors\":[{},{\"extensions\":{\"errorClass\":\"TIMEOUT\"}}]}", REPLY_ASK_AGAIN},
        {200, "{\"errors\":[{\"extensions\":{\"errorClass\":\"SERVER_ERROR\"}}]}", REPLY_ASK_AGAIN},
        {200, "{\"errors\":[{\"extensions\":{\"errorClass\":\"TOO_MANY_REQUESTS\"}}]}",
         REPLY_ASK_AGAIN},
        {200, "{\"a\":\"errorClass\",\"b\":\"TIMEOUT\"}", REPLY_BY_STATUS},
        {200, "\"errorClass\"", REPLY_BY_STATUS},
        {200, "", REPLY_BY_STATUS},
        {500, "{\"errors\":[{\"extensions\":{\"errorClass\":\"TIMEOUT\"}}]}", REPLY_BY_STATUS},
    };
    struct subject s = subject_of_text("newrelic", NERDGRAPH, TEN_MINUTES);
    struct http_request_list list;

    (void)state;
    subject_build(&s, "q", &list);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        row("%s", cases[i].body);
        assert_int_equal(cases[i].advice,
                         list.requests[0].advice(
                             cases[i].status, (struct str){cases[i].body, strlen(cases[i].body)}));
    }
    subject_free(&s);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(newrelic_query_texts),       cmocka_unit_test(newrelic_more_query_texts),
        cmocka_unit_test(newrelic_accounts),          cmocka_unit_test(newrelic_insights_request),
        cmocka_unit_test(newrelic_nerdgraph_request), cmocka_unit_test(newrelic_recorded_replies),
        cmocka_unit_test(newrelic_recorded_errors),   cmocka_unit_test(newrelic_shapes),
        cmocka_unit_test(newrelic_reply_too_large),   cmocka_unit_test(newrelic_error_replies),
        cmocka_unit_test(newrelic_nerdgraph_advice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
