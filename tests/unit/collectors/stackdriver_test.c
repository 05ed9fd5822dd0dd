/* Recorded replies and query texts: fixtures/replies/stackdriver/, whose README says where each is
 * from. Hand-written replies stand for what a hostile or broken store may send. */
#include "tests/support.h"

#include "base/json.h"
#include "base/limits.h"
#include "collectors/names.h"
#include "tests/collector_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "fixtures/replies/stackdriver/"
#define ACCOUNT "{'project':'acme-prod','bearerToken':'ya29-secret'}"

static void stackdriver_query_texts(void **state)
{
    (void)state;
    check_query_texts("stackdriver", FOLDER, 9);
}

static void stackdriver_more_query_texts(void **state)
{
    static const struct {
        const char *name, *account, *config, *scope, *expected, *error;
    } cases[] = {
        {"the resource type of the request", "{'project':'p'}", "{'metricType':'m'}",
         "{'extendedScopeParams':{'resourceType':'global'}}",
         "metric.type=\"m\" AND resource.type=global", NULL},
        {"no resource type", "{}", "{'metricType':'m'}", "{}", NULL, "Resource type is required."},
        {"no metric", "{}", "{'resourceType':'global'}", "{}", NULL, "Metric type is required."},
        {"a step below a minute", "{}", "{'metricType':'m','resourceType':'global'}", "{'step':59}",
         NULL, "step must be at least 60 seconds for Stackdriver"},
        {"a location that adds a condition", "{'project':'p'}",
         "{'metricType':'m','resourceType':'aws_ec2_instance'}",
         "{'scope':'s','location':'l\\\" OR metric.type=\\\"x'}", NULL, "could leave its place"},
        {"a quote in a bare scope", "{'project':'p'}",
         "{'metricType':'m','resourceType':'gae_app'}", "{'scope':'s\\\"'}", NULL,
         "could leave its place"},
        {"a quote in a label", "{'project':'p'}", "{'metricType':'m','resourceType':'k8s_pod'}",
         "{'extendedScopeParams':{'user_labels.a':'\\\"'}}", NULL, "could leave its place"},
        {"a quote in a label's name", "{'project':'p'}",
         "{'metricType':'m','resourceType':'k8s_pod'}",
         "{'extendedScopeParams':{'user_labels.a\\\"':'b'}}", NULL, "could leave its place"},
        {"EC2 without a location", "{'project':'p'}",
         "{'metricType':'m','resourceType':'aws_ec2_instance'}", "{'scope':'s'}", NULL,
         "Location (i.e. region) is required when resourceType is 'aws_ec2_instance'."},
        {"MQL is left alone", "{}", "{'customInlineTemplate':'MQL:fetch x | every ${p}'}",
         "{'extendedScopeParams':{'p':'1m'}}", "MQL:fetch x | every 1m", NULL},
        {"a step below a minute is fine in PromQL", "{}", "{'customInlineTemplate':'PromQL:up'}",
         "{'step':10}", "PromQL:up", NULL},
        {"the account's language", "{'queryLanguage':'MQL'}", "{'customInlineTemplate':'fetch x'}",
         "{}", "MQL:fetch x", NULL},
        {"the template's language wins", "{'queryLanguage':'mql'}",
         "{'customInlineTemplate':'PromQL:up'}", "{}", "PromQL:up", NULL},
        {"no template in another language", "{'queryLanguage':'promql'}",
         "{'metricType':'m','resourceType':'global'}", "{}", NULL, "template with the whole query"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("stackdriver", cases[i].account, cases[i].scope);
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

static void stackdriver_accounts(void **state)
{
    static const struct {
        const char *account, *url, *error;
    } cases[] = {
        {ACCOUNT, "https://monitoring.googleapis.com", NULL},
        {"{'project':'p','queryLanguage':'LIST','endpoint':{'baseUrl':'http://h/x/'}}",
         "http://h/x", NULL},
        {"{}", NULL, "project"},
        {"{'project':'p','queryLanguage':'sql'}", NULL, "list, mql or promql"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("stackdriver", cases[i].account, "{}");

        row("%s", cases[i].account);
        assert_int_equal(120000, s.account->read_timeout_ms);
        assert_int_equal(cases[i].error ? ERR_SETTINGS : ERR_OK,
                         collector_check_account(s.account, &s.err));
        if (cases[i].error)
            assert_non_null(strstr(s.err.message, cases[i].error));
        else
            assert_string_equal(cases[i].url, s.account->base_url);
        subject_free(&s);
    }
}

/* --- requests --- */

/* Every parameter of the recorded request, percent-encoded, is in ours. */
static void check_params(const char *recorded, const char *url)
{
    const char *end = strchr(recorded, ' ');

    for (const char *at = strchr(recorded, '?') + 1; at < end;) {
        size_t n = strcspn(at, "& ");
        char *pair = strndup(at, n);

        row("%s", pair);
        assert_non_null(strstr(url, pair));
        free(pair);
        at += n + 1;
    }
}

static void stackdriver_list_request(void **state)
{
    struct subject s = subject_of_text(
        "stackdriver", "{'project':'acme-prod','quotaProject':'quota','bearerToken':'t'}",
        "{'start':'2026-01-01T00:00:00Z','end':'2026-01-01T00:05:00Z','step':60}");
    json_auto_t *recorded_case = json_of_file(FOLDER "02-list-reduced-gauge.case.json");
    json_auto_t *config = json_of("{'groupByFields':['resource.label.zone','metric.label.code']}");
    char *recorded = read_file(FOLDER "02-list-reduced-gauge.request.txt", NULL);
    struct http_request_list list;

    (void)state;
    s.query.config = config;
    subject_build(
        &s, json_string_value(json_object_get(json_object_get(recorded_case, "input"), "filter")),
        &list);
    assert_string_equal("GET", list.requests[0].method);
    check_params(recorded + strlen("GET "), list.requests[0].url);
    assert_non_null(strstr(list.requests[0].url,
                           "https://monitoring.googleapis.com/v3/projects/acme-prod/timeSeries?"));
    assert_non_null(strstr(list.requests[0].url,
                           "&aggregation.groupByFields=resource.label.zone"
                           "&aggregation.groupByFields=metric.label.code&pageSize=100000"));
    assert_null(strstr(list.requests[0].url, "pageToken"));
    assert_string_equal("quota", request_header(&list.requests[0], "x-goog-user-project"));
    assert_string_equal("Bearer t", request_header(&list.requests[0], "Authorization"));
    free(recorded);
    subject_free(&s);
}

static void stackdriver_reducer_and_aligner(void **state)
{
    struct subject s =
        subject_of_text("stackdriver", ACCOUNT,
                        "{'start':'2026-01-01T00:00:00Z','end':'2026-01-01T00:05:00Z','step':60,"
                        "'extendedScopeParams':{'crossSeriesReducer':'REDUCE_MAX','"
                        "perSeriesAligner':'ALIGN_MAX'}}");
    json_auto_t *config = json_of("{'perSeriesAligner':'ALIGN_RATE'}");
    struct http_request_list list;

    (void)state;
    s.query.config = config;
    subject_build(&s, "f", &list);
    assert_non_null(strstr(list.requests[0].url, "aggregation.perSeriesAligner=ALIGN_RATE"));
    assert_non_null(strstr(list.requests[0].url, "aggregation.crossSeriesReducer=REDUCE_MAX"));
    subject_free(&s);
}

static void stackdriver_other_languages(void **state)
{
    struct subject s = subject_of_text("stackdriver", "{'project':'grafana-prod'}", TEN_MINUTES);
    char *mql = read_file(FOLDER "10-mql-timeseries-query.request.txt", NULL);
    char *promql = read_file(FOLDER "12-gmp-promql.request.txt", NULL);
    json_auto_t *want = json_loads(strstr(mql, "\n\n") + 2, JSON_DISABLE_EOF_CHECK, NULL);
    json_auto_t *got = NULL;
    struct http_request_list list;

    (void)state;
    subject_build(
        &s, arena_printf(s.arena, "MQL:%s", json_string_value(json_object_get(want, "query"))),
        &list);
    got = json_loadb(list.requests[0].body, list.requests[0].n_body_bytes, 0, NULL);
    assert_true(json_equal(want, got));
    assert_string_equal("POST", list.requests[0].method);
    assert_string_equal("https://monitoring.googleapis.com/v3/projects/grafana-prod/"
                        "timeSeries:query",
                        list.requests[0].url);
    subject_build(&s, "PromQL:sum(rate(http_requests_total{code=\"500\"}[5m]))", &list);
    assert_string_equal("https://monitoring.googleapis.com/v1/projects/grafana-prod/location/"
                        "global/prometheus/api/v1/query_range",
                        list.requests[0].url);
    assert_non_null(strstr(promql, list.requests[0].body));
    free(mql);
    free(promql);
    subject_free(&s);
}

/* --- replies --- */

/* The replies of a case: its pages, or the one beside it. */
static size_t load_replies(const char *path, const json_t *input, struct http_response *out)
{
    const json_t *pages = json_object_get(input, "pages");
    size_t n = pages ? json_array_size(pages) : 1;

    for (size_t i = 0; i < n; i++) {
        char reply_path[256];

        if (pages)
            snprintf(reply_path, sizeof(reply_path), FOLDER "%s",
                     json_string_value(json_array_get(pages, i)));
        else
            snprintf(reply_path, sizeof(reply_path), "%.*s.response.json",
                     (int)(strlen(path) - strlen(".case.json")), path);
        out[i] = (struct http_response){.status = 200};
        out[i].body = read_file(reply_path, &out[i].n_body_bytes);
    }
    return n;
}

static void check_case(const char *path)
{
    json_auto_t *text = json_of_file(path);
    json_auto_t *account = json_of(ACCOUNT);
    const json_t *input = json_object_get(text, "input");
    const json_t *want = case_expected(text, false);
    const json_t *attributes = json_object_get(json_array_get(want, 0), "attributes");
    const char *filter = json_string_value(json_object_get(input, "filter"));
    struct subject s = subject_of("stackdriver", account, json_object_get(input, "scope"));
    struct http_request_list asked, more = {0};
    struct http_response replies[4];
    size_t n = load_replies(path, input, replies);

    row("%s", path);
    s.query.metric_name = json_string_value(json_object_get(input, "metricName"));
    s.query.config = attributes; /* it holds reducer and aligner under the same names */
    subject_build(&s, filter, &asked);
    for (size_t i = 1; i <= n; i++) { /* every page but the last leads to the next one */
        assert_int_equal(
            ERR_OK, s.type->next(s.account, &s.query, filter, replies, i, s.arena, &more, &s.err));
        if (i < n)
            assert_non_null(
                strstr(more.requests[0].url, "&pageToken=CAIQ8JTd9gUaBQjg9pbKBg%3D%3D"));
        else
            assert_int_equal(0, more.n_requests);
        more = (struct http_request_list){0};
    }
    assert_int_equal(ERR_OK,
                     s.type->parse(s.account, &s.query, filter, replies, n, &s.sets, &s.err));
    check_sets(want, &s.sets);
    for (size_t i = 0; i < n; i++)
        free((char *)(uintptr_t)replies[i].body);
    subject_free(&s);
}

static void stackdriver_recorded_replies(void **state)
{
    (void)state;
    check_cases(FOLDER, 5, check_case);
}

static void stackdriver_mql_reply(void **state)
{
    struct subject s = subject_of_text("stackdriver", ACCOUNT, TEN_MINUTES);
    char *body = read_file(FOLDER "10-mql-timeseries-query.response.json", NULL);
    const struct metric_set *set;

    (void)state;
    assert_int_equal(ERR_OK, subject_parse(&s, "MQL:fetch x", body, strlen(body)));
    assert_int_equal(1, s.sets.n_sets);
    set = &s.sets.sets[0];
    assert_int_equal(4, set->tags.n_items);
    assert_string_equal("asia-northeast1-c", tag_map_get(&set->tags, "zone"));
    assert_string_equal("6724404429462225363", tag_map_get(&set->tags, "instance_id"));
    assert_string_equal("200", tag_map_get(&set->tags, "response_code_class"));
    assert_string_equal("test-app", tag_map_get(&set->tags, "app"));
    assert_string_equal("fetch x", tag_map_get(&set->attributes, "query"));
    assert_null(tag_map_get(&set->attributes, "crossSeriesReducer"));
    assert_int_equal(2, set->n_values);
    assert_near(0, set->values[0], 0);
    assert_int_equal(1589795160000, set->start_unix_ms); /* 2020-05-18T09:46:00Z */
    assert_int_equal(1589795280000, set->end_unix_ms);
    assert_int_equal(60000, set->step_ms);
    free(body);
    subject_free(&s);
}

static void stackdriver_promql_reply(void **state)
{
    struct subject s = subject_of_text("stackdriver", ACCOUNT, TEN_MINUTES);

    (void)state;
    assert_int_equal(ERR_OK, subject_parse_text(&s, "PromQL:up",
                                                "{'status':'success','data':{'resultType':'matrix',"
                                                "'result':[{'metric':{'a':'b'},'values':"
                                                "[[1767225600,'1.5'],[1767225660,'2.5']]}]}}"));
    assert_int_equal(2, s.sets.sets[0].n_values);
    assert_string_equal("up", tag_map_get(&s.sets.sets[0].attributes, "query"));
    subject_free(&s);
}

static void stackdriver_series_without_points(void **state)
{
    struct subject s = subject_of_text("stackdriver", ACCOUNT, TEN_MINUTES);
    char *body = read_file(FOLDER "11-distribution-without-points.response.json", NULL);

    (void)state;
    assert_int_equal(ERR_OK, subject_parse(&s, "f", body, strlen(body)));
    assert_int_equal(1, s.sets.n_sets);
    assert_int_equal(0, s.sets.sets[0].n_values);
    assert_int_equal(1767225600000, s.sets.sets[0].start_unix_ms);
    assert_int_equal(1767226200000, s.sets.sets[0].end_unix_ms);
    free(body);
    subject_free(&s);
}

#define POINT(minute, value)                                                                       \
    "{'interval':{'endTime':'2026-01-01T00:" minute ":00Z'},'value':{" value "}}"
#define SERIES(type, points) "{'timeSeries':[{'valueType':'" type "','points':[" points "]}]}"

static void stackdriver_kinds_of_values(void **state)
{
    static const struct {
        const char *name, *body;
        double want;
    } cases[] = {
        {"true", SERIES("BOOL", POINT("01", "'boolValue':true")), 1},
        {"false", SERIES("BOOL", POINT("01", "'boolValue':false")), 0},
        {"a distribution's mean",
         SERIES("DISTRIBUTION",
                POINT("01", "'distributionValue':{'count':'3','mean':2.375,'bucketCounts':['1']}")),
         2.375},
        {"a distribution without a mean",
         SERIES("DISTRIBUTION", POINT("01", "'distributionValue':{'count':'0'}")), NAN},
        {"text", SERIES("STRING", POINT("01", "'stringValue':'7'")), NAN},
        {"NaN", SERIES("DOUBLE", POINT("01", "'doubleValue':'NaN'")), NAN},
        {"minus infinity", SERIES("DOUBLE", POINT("01", "'doubleValue':'-Infinity'")), -INFINITY},
        {"too large for a double", SERIES("DOUBLE", POINT("01", "'doubleValue':'1e400'")),
         INFINITY},
        {"an integer", SERIES("INT64", POINT("01", "'int64Value':'-9223372036854775808'")),
         -9223372036854775808.0},
        {"no value", SERIES("DOUBLE", POINT("01", "")), NAN},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("stackdriver", ACCOUNT, TEN_MINUTES);

        row("%s", cases[i].name);
        assert_int_equal(ERR_OK, subject_parse_text(&s, "f", cases[i].body));
        assert_int_equal(1, s.sets.sets[0].n_values);
        assert_near(cases[i].want, s.sets.sets[0].values[0], 0);
        assert_int_equal(1767225660000, s.sets.sets[0].start_unix_ms); /* no start: its end */
        subject_free(&s);
    }
}

static void stackdriver_strict_grid(void **state)
{
    struct subject s =
        subject_of_text("stackdriver", "{'project':'p','bearerToken':'t','strictSeries':true}",
                        "{'start':'2026-01-01T00:00:10Z','end':'2026-01-01T00:05:00Z','step':60}");
    static const double want[] = {NAN, 1.5, NAN, NAN, 5.5};

    (void)state;
    assert_int_equal(
        ERR_OK,
        subject_parse_text(
            &s, "f",
            SERIES("DOUBLE", POINT("05", "'doubleValue':5.5") "," POINT(
                                 "02", "'doubleValue':1.5") "," POINT("00", "'doubleValue':9"))));
    assert_int_equal(5, s.sets.sets[0].n_values);
    for (size_t i = 0; i < 5; i++)
        assert_near(want[i], s.sets.sets[0].values[i], 0);
    assert_int_equal(1767225600000, s.sets.sets[0].start_unix_ms);
    assert_int_equal(1767225900000, s.sets.sets[0].end_unix_ms);
    subject_free(&s);
}

static void stackdriver_execution_errors(void **state)
{
    struct subject s = subject_of_text("stackdriver", ACCOUNT, TEN_MINUTES);

    (void)state;
    assert_int_equal(ERR_UPSTREAM,
                     subject_parse_text(&s, "f",
                                        "{'executionErrors':[{'code':14,'message':'zone a "
                                        "ya29-secret'},{'message':'zone b'}]}"));
    assert_string_equal("store_error", s.err.reason);
    assert_non_null(strstr(s.err.message, "zone a ***; zone b"));
    subject_free(&s);

    s = subject_of_text("stackdriver", ACCOUNT, TEN_MINUTES);
    assert_int_equal(ERR_OK, subject_parse_text(&s, "f",
                                                "{'executionErrors':[{'message':'zone a'}],"
                                                "'timeSeries':[{}]}"));
    assert_string_equal("zone a", tag_map_get(&s.sets.sets[0].attributes, "warnings"));
    subject_free(&s);
}

static void stackdriver_shapes(void **state)
{
    static const struct shaped_reply cases[] = {
        {"empty list", "[]", "store_bad_response"},
        {"null", "null", "store_bad_response"},
        {"a page to sign in", "<html>", "store_bad_response"},
        {"nothing", "", "store_bad_response"},
        {"cut", "{'timeSeries':[", "store_bad_response"},
        {"no series", "{'timeSeries':[]}", NULL},
        {"null series", "{'timeSeries':null}", NULL},
        {"series are an object", "{'timeSeries':{}}", "store_bad_response"},
        {"a series is a number", "{'timeSeries':[1]}", "store_bad_response"},
        {"points are a number", "{'timeSeries':[{'points':1}]}", "store_bad_response"},
        {"a point is a list", "{'timeSeries':[{'points':[[]]}]}", "store_bad_response"},
        {"a point without times", SERIES("DOUBLE", "{'value':{'doubleValue':1}}"),
         "store_bad_response"},
        {"time as a number", SERIES("DOUBLE", "{'interval':{'endTime':1}}"), "store_bad_response"},
        {"no calendar date", SERIES("DOUBLE", "{'interval':{'endTime':'2026-02-30T00:00:00Z'}}"),
         "store_bad_response"},
        {"a long time",
         SERIES("DOUBLE",
                "{'interval':{'endTime':'2026-02-20T00:00:00.00000000000000000000000000000"
                "0000000000000000000000000000000000000000000000000000000000000000Z'}}"),
         "store_bad_response"},
        {"a word as value", SERIES("DOUBLE", POINT("01", "'doubleValue':'abc'")),
         "store_bad_response"},
        {"nothing as value", SERIES("INT64", POINT("01", "'int64Value':''")), "store_bad_response"},
        {"text as truth", SERIES("BOOL", POINT("01", "'boolValue':'true'")), "store_bad_response"},
        {"a mean that is none",
         SERIES("DISTRIBUTION", POINT("01", "'distributionValue':{'mean':'x'}")),
         "store_bad_response"},
        {"a label that is a number", "{'timeSeries':[{'metric':{'labels':{'a':1}}}]}",
         "store_bad_response"},
        {"a label with NUL", "{'timeSeries':[{'resource':{'labels':{'a':'\\u0000'}}}]}",
         "store_bad_response"},
        {"equal labels", "{'timeSeries':[{},{}]}", "store_bad_response"},
        {"labels in another order are equal",
         "{'timeSeries':[{'metric':{'labels':{'a':'1','b':'2'}}},{'metric':{'labels':{'b':'2',"
         "'a':'1'}}}]}",
         "store_bad_response"},
        {"two projects are two series",
         "{'timeSeries':[{'resource':{'labels':{'project_id':'a'}}},{'resource':{'labels':"
         "{'project_id':'b'}}}]}",
         NULL},
        {"labels, type and points in any order",
         "{'timeSeries':[{'points':[" POINT("01", "'doubleValue':1") "],'valueType':'DOUBLE',"
                                                                     "'metric':{'labels':{'a':"
                                                                     "'<b>'}}}]}",
         NULL},
    };

    (void)state;
    check_shaped_replies("stackdriver", ACCOUNT, cases, ARRAY_LEN(cases));
}

#define MQL(labels, kinds, series)                                                                 \
    "{'timeSeriesDescriptor':{'labelDescriptors':[" labels "],'pointDescriptors':[" kinds          \
    "]},'timeSeriesData':[" series "]}"

static void stackdriver_mql_shapes(void **state)
{
    static const struct {
        const char *name, *body, *reason;
    } cases[] = {
        {"a label too many",
         MQL("{'key':'a'}", "{}",
             "{'labelValues':[{'stringValue':'x'},"
             "{'boolValue':true}]}"),
         "store_bad_response"},
        {"two values for a point", MQL("", "{},{}", ""), "store_bad_response"},
        {"a key that is a number", MQL("{'key':1}", "{}", ""), "store_bad_response"},
        {"series ahead of their descriptor",
         "{'timeSeriesData':[{'labelValues':[{'stringValue':'x'}]}],'timeSeriesDescriptor':{}}",
         "store_bad_response"},
        {"values are an object", MQL("", "{}", "{'pointData':[{'values':{}}]}"),
         "store_bad_response"},
        {"nothing", "{}", NULL},
        {"partial, and no series", "{'partialErrors':[{'message':'no'}]}", "store_error"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("stackdriver", ACCOUNT, TEN_MINUTES);

        row("%s", cases[i].name);
        assert_int_equal(cases[i].reason ? ERR_UPSTREAM : ERR_OK,
                         subject_parse_text(&s, "MQL:x", cases[i].body));
        if (cases[i].reason)
            assert_string_equal(cases[i].reason, s.err.reason);
        subject_free(&s);
    }
}

static void stackdriver_limits(void **state)
{
    static const struct {
        const char *name, *start, *piece, *end;
        size_t n_pieces;
        const char *reason;
    } cases[] = {
        {"1000 series", "{'timeSeries':[", "{'metric':{'labels':{'a':'%zu'}}}", "]}",
         STORE_MAX_SERIES, NULL},
        {"1001 series", "{'timeSeries':[", "{'metric':{'labels':{'a':'%zu'}}}", "]}",
         STORE_MAX_SERIES + 1, "store_too_many_series"},
        {"129 labels", "{'timeSeries':[{'metric':{'labels':{", "'a%zu':''", "}}}]}",
         STORE_MAX_LABELS + 1, "store_bad_response"},
        {"50001 points", "{'timeSeries':[{'points':[",
         "{'interval':{'endTime':'2026-01-01T00:00:00.%09zuZ'}}", "]}]}",
         STORE_MAX_POINTS_PER_SERIES + 1, "store_too_many_points"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("stackdriver", ACCOUNT, TEN_MINUTES);
        struct strbuf body = {0};
        enum err_code rc;

        row("%s", cases[i].name);
        strbuf_puts(&body, cases[i].start);
        for (size_t k = 0; k < cases[i].n_pieces; k++) {
            const char *number = strstr(cases[i].piece, "%");
            const char *rest = strstr(number, "zu") + 2;

            strbuf_printf(&body, "%s%.*s", k ? "," : "", (int)(number - cases[i].piece),
                          cases[i].piece);
            strbuf_printf(&body, "%09zu%s", k, rest);
        }
        strbuf_puts(&body, cases[i].end);
        rc = subject_parse_text(&s, "f", body.bytes);
        assert_int_equal(cases[i].reason ? ERR_UPSTREAM : ERR_OK, rc);
        if (cases[i].reason)
            assert_string_equal(cases[i].reason, s.err.reason);
        strbuf_clear(&body);
        subject_free(&s);
    }
}

/* Row S18. The page token comes again: at once, or after a while. */
static void stackdriver_pages_for_ever(void **state)
{
    static const char *const tokens[][3] = {{"a", "a", "a"}, {"a", "b", "a"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        struct subject s = subject_of_text("stackdriver", ACCOUNT, TEN_MINUTES);
        struct http_request requests[8];
        struct http_response replies[8];
        struct http_request_list asked, more;
        enum err_code rc = ERR_OK;

        row("%zu", i);
        subject_build(&s, "f", &asked);
        requests[0] = asked.requests[0];
        asked.requests = requests;
        for (size_t k = 0; k < 3 && rc == ERR_OK; k++) {
            replies[k] = (struct http_response){.status = 200};
            replies[k].body = arena_printf(s.arena, "{\"nextPageToken\":\"%s\"}", tokens[i][k]);
            replies[k].n_body_bytes = strlen(replies[k].body);
            rc = collector_next(s.type, s.account, &s.query, "f", &asked, replies, s.arena, &more,
                                &s.err);
            if (rc == ERR_OK)
                requests[asked.n_requests++] = more.requests[0];
        }
        assert_int_equal(ERR_UPSTREAM, rc);
        assert_string_equal("store_too_many_pages", s.err.reason);
        assert_int_equal(i ? 3 : 2, asked.n_requests);
        subject_free(&s);
    }
}

static void stackdriver_too_many_pages(void **state)
{
    struct subject s = subject_of_text("stackdriver", ACCOUNT, TEN_MINUTES);
    struct http_request requests[STORE_MAX_REQUESTS + 1];
    struct http_response replies[STORE_MAX_REQUESTS + 1];
    struct http_request_list asked, more;

    (void)state;
    subject_build(&s, "f", &asked);
    requests[0] = asked.requests[0];
    asked.requests = requests;
    for (size_t k = 0;; k++) {
        enum err_code rc;

        replies[k] = (struct http_response){.status = 200};
        replies[k].body = arena_printf(s.arena, "{\"nextPageToken\":\"%zu\"}", k);
        replies[k].n_body_bytes = strlen(replies[k].body);
        rc = collector_next(s.type, s.account, &s.query, "f", &asked, replies, s.arena, &more,
                            &s.err);
        if (asked.n_requests == STORE_MAX_REQUESTS) {
            assert_int_equal(ERR_UPSTREAM, rc);
            assert_string_equal("store_too_many_pages", s.err.reason);
            break;
        }
        assert_int_equal(ERR_OK, rc);
        requests[asked.n_requests++] = more.requests[0];
    }
    subject_free(&s);
}

/* Pages may not be larger together than the account allows one reply to be. */
static void stackdriver_large_pages(void **state)
{
    struct subject s = subject_of_text(
        "stackdriver", "{'project':'p','bearerToken':'t','maxResponseBytes':50}", TEN_MINUTES);
    struct http_response replies[2];
    struct http_request requests[2];
    struct http_request_list asked, more;

    (void)state;
    subject_build(&s, "f", &asked);
    requests[0] = asked.requests[0];
    asked.requests = requests;
    for (size_t k = 0; k < 2; k++) {
        replies[k] = (struct http_response){.status = 200};
        replies[k].body = arena_printf(s.arena, "{\"nextPageToken\":\"a-long-token-%zu\"}", k);
        replies[k].n_body_bytes = strlen(replies[k].body); /* 37 */
        assert_int_equal(k ? ERR_UPSTREAM : ERR_OK,
                         collector_next(s.type, s.account, &s.query, "f", &asked, replies, s.arena,
                                        &more, &s.err));
        if (k == 0)
            requests[asked.n_requests++] = more.requests[0];
    }
    assert_string_equal("store_response_too_large", s.err.reason);
    subject_free(&s);
}

static void stackdriver_error_replies(void **state)
{
    static const struct {
        long status;
        const char *path, *reason, *words;
    } cases[] = {
        {400, FOLDER "06-error-400-alignment.response.json", "store_rejected",
         "Message: INVALID_ARGUMENT: Field aggregation.alignmentPeriod"},
        {429, FOLDER "07-error-429.response.json", "store_unavailable",
         "Message: RESOURCE_EXHAUSTED: Quota exceeded"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("stackdriver", ACCOUNT, TEN_MINUTES);
        char *body = read_file(cases[i].path, NULL);

        assert_int_equal(ERR_UPSTREAM, subject_check_reply(&s, "f", cases[i].status, body));
        assert_string_equal(cases[i].reason, s.err.reason);
        assert_non_null(strstr(s.err.message, cases[i].words));
        free(body);
        subject_free(&s);
    }
}

static void stackdriver_descriptors(void **state)
{
    struct subject s = subject_of_text("stackdriver", ACCOUNT, "{}");
    static const char body[] = "{\"metricDescriptors\":[{\"name\":\"projects/p/x\",\"type\":\"t\","
                               "\"unit\":\"1\"},{},7]}";
    const struct http_response reply = {
        .status = 200, .body = body, .n_body_bytes = sizeof(body) - 1};
    struct http_request request = {0};
    json_t *list = NULL;

    (void)state;
    assert_int_equal(ERR_OK,
                     collector_build_metadata(s.type, s.account, s.arena, &request, &s.err));
    assert_string_equal("https://monitoring.googleapis.com/v3/projects/acme-prod/metricDescriptors"
                        "?pageSize=10000",
                        request.url);
    assert_int_equal(ERR_OK, s.type->metadata->parse(s.account, &reply, &list, &s.err));
    assert_int_equal(1, json_array_size(list));
    assert_string_equal("1", json_string_value(json_object_get(json_array_get(list, 0), "unit")));
    json_decref(list);
    subject_free(&s);
}

static void stackdriver_descriptors_page_by_page(void **state)
{
    static const struct {
        const char *body, *next; /* NULL: no more */
    } pages[] = {
        {"{\"metricDescriptors\":[{\"name\":\"a\"}],\"nextPageToken\":\"t&2\"}",
         "https://monitoring.googleapis.com/v3/projects/acme-prod/metricDescriptors"
         "?pageSize=10000&pageToken=t%262"},
        {"{\"metricDescriptors\":[{\"name\":\"b\"}],\"nextPageToken\":\"\"}", NULL},
    };
    struct subject s = subject_of_text("stackdriver", ACCOUNT, "{}");
    struct names names;

    (void)state;
    assert_int_equal(ERR_OK, names_begin(&names, s.type, s.account, "", s.arena, &s.err));
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        const struct http_response reply = {
            .status = 200, .body = pages[i].body, .n_body_bytes = strlen(pages[i].body)};

        assert_int_equal(ERR_OK, names_take(&names, &reply, &s.err));
        if (pages[i].next)
            assert_string_equal(pages[i].next, names_request(&names)->url);
        else
            assert_null(names_request(&names));
    }
    assert_int_equal(2, json_array_size(names.list));
    names_clear(&names);
    subject_free(&s);
}

/* What may not grow without end: requests, and bytes. */
static void stackdriver_descriptors_without_end(void **state)
{
    struct subject s = subject_of_text("stackdriver", ACCOUNT, "{}");
    struct subject small = subject_of_text(
        "stackdriver", "{'project':'p','bearerToken':'t','maxResponseBytes':30}", "{}");
    struct names names;
    unsigned n = 0;

    (void)state;
    assert_int_equal(ERR_OK, names_begin(&names, s.type, s.account, "", s.arena, &s.err));
    while (!s.err.code) {
        const char *body = arena_printf(s.arena, "{\"nextPageToken\":\"%u\"}", n);
        const struct http_response reply = {
            .status = 200, .body = body, .n_body_bytes = strlen(body)};

        n++;
        (void)(names_take(&names, &reply, &s.err) == ERR_OK);
    }
    assert_int_equal(NAMES_MAX_REQUESTS, n);
    assert_string_equal("store_too_many_pages", s.err.reason);
    names_clear(&names);
    subject_free(&s);
    assert_int_equal(ERR_OK,
                     names_begin(&names, small.type, small.account, "", small.arena, &small.err));
    for (unsigned i = 0; i < 2; i++) {
        const char *body = arena_printf(small.arena, "{\"nextPageToken\":\"%u\"}", i); /* 21 */
        const struct http_response reply = {
            .status = 200, .body = body, .n_body_bytes = strlen(body)};

        assert_int_equal(i ? ERR_UPSTREAM : ERR_OK, names_take(&names, &reply, &small.err));
    }
    assert_string_equal("store_response_too_large", small.err.reason);
    names_clear(&names);
    subject_free(&small);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(stackdriver_query_texts),
        cmocka_unit_test(stackdriver_more_query_texts),
        cmocka_unit_test(stackdriver_accounts),
        cmocka_unit_test(stackdriver_list_request),
        cmocka_unit_test(stackdriver_reducer_and_aligner),
        cmocka_unit_test(stackdriver_other_languages),
        cmocka_unit_test(stackdriver_recorded_replies),
        cmocka_unit_test(stackdriver_mql_reply),
        cmocka_unit_test(stackdriver_promql_reply),
        cmocka_unit_test(stackdriver_series_without_points),
        cmocka_unit_test(stackdriver_kinds_of_values),
        cmocka_unit_test(stackdriver_strict_grid),
        cmocka_unit_test(stackdriver_execution_errors),
        cmocka_unit_test(stackdriver_shapes),
        cmocka_unit_test(stackdriver_mql_shapes),
        cmocka_unit_test(stackdriver_limits),
        cmocka_unit_test(stackdriver_pages_for_ever),
        cmocka_unit_test(stackdriver_descriptors_page_by_page),
        cmocka_unit_test(stackdriver_descriptors_without_end),
        cmocka_unit_test(stackdriver_too_many_pages),
        cmocka_unit_test(stackdriver_large_pages),
        cmocka_unit_test(stackdriver_error_replies),
        cmocka_unit_test(stackdriver_descriptors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
