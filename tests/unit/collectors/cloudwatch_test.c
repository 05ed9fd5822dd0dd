/* Recorded replies and query texts: fixtures/replies/cloudwatch/, whose README says where each is
 * from. Hand-written replies stand for what a hostile or broken store may send. */
#include "tests/support.h"

#include "base/json.h"
#include "base/limits.h"
#include "collectors/names.h"
#include "collectors/sigv4.h"
#include "tests/collector_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "fixtures/replies/cloudwatch/"
#define ACCOUNT "{'region':'us-east-1'}"
#define M1                                                                                         \
    "[{\"Id\":\"m1\",\"MetricStat\":{\"Metric\":{\"Namespace\":\"N\",\"MetricName\":\"M\"},"       \
    "\"Period\":60,\"Stat\":\"Sum\"},\"ReturnData\":true}]"
#define SEARCH "[{\"Id\":\"e1\",\"Expression\":\"SEARCH('x', 'Sum')\",\"Period\":60}]"

static void cloudwatch_query_texts(void **state)
{
    (void)state;
    check_query_texts("cloudwatch", FOLDER, 21);
}

static void cloudwatch_more_query_texts(void **state)
{
    static const struct {
        const char *name, *config, *expected, *error;
    } cases[] = {
        {"variables of the window",
         "{'namespace':'N','metricName':'M','dimensions':{'A':'${step} ${period} "
         "${startEpochSeconds} ${endEpochSeconds} ${location:-none}'},'period':300}",
         "60 300 1767225600 1767226200 none", NULL},
        {"an empty dimension", "{'namespace':'N','metricName':'M','dimensions':{'A':''}}", NULL,
         "CloudWatch dimension 'A' is empty."},
        {"dimensions that are text", "{'namespace':'N','metricName':'M','dimensions':'A'}", NULL,
         "CloudWatch dimensions must be"},
        {"an id twice",
         "{'queries':[{'id':'a','expression':'1'},{'id':'a','expression':'2'}],'expression':'a'}",
         NULL, "CloudWatch query id 'a' comes twice"},
        {"an id that is ours", "{'queries':[{'id':'e1','expression':'1'}],'expression':'e1'}", NULL,
         "CloudWatch query id 'e1' comes twice"},
        {"a helper without id", "{'queries':[{'expression':'1'}],'expression':'a'}", NULL,
         "CloudWatch query id ''"},
        {"a helper of nothing", "{'queries':[{'id':'a'}],'expression':'a'}", NULL,
         "CloudWatch query needs metricName"},
        {"a period of a helper",
         "{'queries':[{'id':'a','expression':'1','period':45}],'expression':'a'}", NULL, "got 45"},
        {"a broken array", "{'expression':'[{'}", NULL, "CloudWatch queries cannot be read"},
        {"not a word", "{'expression':'SELECTED / 2'}", "\"Id\":\"e1\"", NULL},
        {"a word in any case", "{'expression':'  select AVG(x) FROM y '}",
         "\"Id\":\"q1\",\"Expression\":\"select AVG(x) FROM y\"", NULL},
        {"a member of another type", "{'namespace':'N','metricName':'M','period':'60'}",
         "\"Period\":60", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("cloudwatch", ACCOUNT, TEN_MINUTES);
        const char *text = NULL;
        enum err_code rc = subject_query_text(&s, cases[i].config, &text);

        row("%s", cases[i].name);
        if (cases[i].error) {
            assert_int_equal(ERR_INVALID, rc);
            assert_non_null(strstr(s.err.message, cases[i].error));
        } else {
            if (rc)
                fail_msg("%s", s.err.message);
            assert_non_null(strstr(text, cases[i].expected));
        }
        subject_free(&s);
    }
}

static void cloudwatch_stats(void **state)
{
    static const struct {
        const char *stat;
        bool is_known;
    } cases[] = {
        {"Average", true},  {"IQM", true},       {"p0", true},     {"p99.95", true},
        {"p100", true},     {"tm99", true},      {"ts1.5", true},  {"TM(10%:90%)", true},
        {"TM(:0.5)", true}, {"PR(0:0.3)", true}, {"WM(1:)", true}, {"average", false},
        {"p", false},       {"p-1", false},      {"p1e1", false},  {"p99.12345678901", false},
        {"TM(10)", false},  {"TM(:)", false},    {"TM", false},    {"xx(1:2)", false},
        {"tm101", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("cloudwatch", ACCOUNT, TEN_MINUTES);
        char config[128];
        const char *text;

        row("%s", cases[i].stat);
        snprintf(config, sizeof(config), "{'namespace':'N','metricName':'M','stat':'%s'}",
                 cases[i].stat);
        assert_int_equal(cases[i].is_known ? ERR_OK : ERR_INVALID,
                         subject_query_text(&s, config, &text));
        subject_free(&s);
    }
}

static void cloudwatch_accounts(void **state)
{
    static const struct {
        const char *account, *url, *error;
    } cases[] = {
        {"{'region':'eu-west-1'}", "https://monitoring.eu-west-1.amazonaws.com", NULL},
        {"{'region':'cn-north-1'}", "https://monitoring.cn-north-1.amazonaws.com.cn", NULL},
        {"{'region':'r','endpoint':{'baseUrl':'http://h:1/'}}", "http://h:1", NULL},
        {"{'region':'r','partialData':'accept'}", "https://monitoring.r.amazonaws.com", NULL},
        {"{}", "https://monitoring.us-east-1.amazonaws.com", "region"},
        {"{'region':'r','partialData':'x'}", "https://monitoring.r.amazonaws.com", "partialData"},
    };

    (void)state;
    unsetenv("AWS_REGION");
    unsetenv("AWS_DEFAULT_REGION");
    setenv("HOME", "/nonexistent", 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("cloudwatch", cases[i].account, "{}");

        row("%s", cases[i].account);
        assert_string_equal(cases[i].url, s.account->base_url);
        assert_int_equal(cases[i].error ? ERR_SETTINGS : ERR_OK,
                         collector_check_account(s.account, &s.err));
        if (cases[i].error)
            assert_non_null(strstr(s.err.message, cases[i].error));
        subject_free(&s);
    }
    setenv("AWS_REGION", "ap-south-1", 1);
    {
        struct subject s = subject_of_text("cloudwatch", "{}", "{}");

        assert_string_equal("https://monitoring.ap-south-1.amazonaws.com", s.account->base_url);
        assert_string_equal("ap-south-1", s.account->sigv4->region);
        assert_string_equal("monitoring", s.account->sigv4->service);
        subject_free(&s);
    }
    unsetenv("AWS_REGION");
}

/* The body of a recorded request, in `arena`. */
static const char *recorded_body(const char *name, struct arena *arena)
{
    char path[128];
    char *text;
    const char *body;

    snprintf(path, sizeof(path), FOLDER "%s.request.txt", name);
    text = read_file(path, NULL);
    body = strstr(text, "\n\n") + 2;
    body = arena_strndup(arena, body, strcspn(body, "\n"));
    free(text);
    return body;
}

static json_t *case_of(const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), FOLDER "%s.case.json", name);
    return json_of_file(path);
}

static void cloudwatch_requests(void **state)
{
    static const char *const names[] = {"01-metric-stat", "03-math-expression",
                                        "06-insights-group-by"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_auto_t *text = case_of(names[i]);
        const json_t *input = json_object_get(text, "input");
        json_auto_t *account = json_of(ACCOUNT);
        struct subject s = subject_of("cloudwatch", account, json_object_get(input, "scope"));
        struct http_request_list list;

        row("%s", names[i]);
        subject_build(&s, json_string_value(json_object_get(input, "query")), &list);
        assert_int_equal(1, list.n_requests);
        assert_string_equal("POST", list.requests[0].method);
        assert_string_equal("https://monitoring.us-east-1.amazonaws.com/", list.requests[0].url);
        assert_string_equal(recorded_body(names[i], s.arena), list.requests[0].body);
        assert_string_equal("application/x-amz-json-1.0",
                            request_header(&list.requests[0], "Content-Type"));
        assert_string_equal("GraniteServiceVersion20100801.GetMetricData",
                            request_header(&list.requests[0], "X-Amz-Target"));
        assert_null(request_header(&list.requests[0], "Authorization")); /* the engine signs */
        subject_free(&s);
    }
}

/* All pages of a case, as query_run asks for them. */
static enum err_code run_case(struct subject *s, const json_t *input, const char *text)
{
    const json_t *pages = json_object_get(input, "pages");
    size_t n = json_is_array(pages) ? json_array_size(pages) : 1;
    struct http_response replies[8] = {0};
    struct http_request_list asked, more;
    enum err_code rc = ERR_OK;
    size_t i;

    subject_build(s, text, &asked);
    for (i = 0; i < n && !rc; i++) {
        const char *name = json_string_value(
            json_is_array(pages) ? json_array_get(pages, i) : json_object_get(input, "response"));
        const json_t *status = json_object_get(input, "status");
        char path[128];

        snprintf(path, sizeof(path), FOLDER "%s", name);
        replies[i].status = status ? (long)json_integer_value(status) : 200;
        replies[i].body = read_file(path, &replies[i].n_body_bytes);
        rc = collector_check_reply(s->type, s->account, asked.requests, &replies[i], s->arena,
                                   &s->err);
        if (!rc && i + 1 < n) {
            asked.n_requests = i + 1;
            asked.requests = arena_array(s->arena, struct http_request, n);
            for (size_t k = 0; k <= i; k++)
                asked.requests[k].method = asked.requests[k].url = "";
            assert_int_equal(ERR_OK, collector_next(s->type, s->account, &s->query, text, &asked,
                                                    replies, s->arena, &more, &s->err));
            assert_int_equal(1, more.n_requests);
            if (i == 0)
                assert_string_equal(recorded_body("04-partial-data-two-pages.page2", s->arena),
                                    more.requests[0].body);
        }
    }
    if (!rc)
        rc = s->type->parse(s->account, &s->query, text, replies, n, &s->sets, &s->err);
    for (size_t k = 0; k < i; k++)
        free((char *)(uintptr_t)replies[k].body);
    return rc;
}

static void check_case(const char *path)
{
    json_auto_t *text = json_of_file(path);
    json_auto_t *account = json_of(ACCOUNT);
    json_t *input = json_object_get(text, "input");
    const json_t *want = case_expected(text, false);
    struct subject s = subject_of("cloudwatch", account, json_object_get(input, "scope"));
    enum err_code rc;

    row("%s", path);
    s.query.metric_name = json_string_value(json_object_get(input, "metricName"));
    s.query.config = input;
    rc = run_case(&s, input, json_string_value(json_object_get(input, "query")));
    if (json_is_array(want)) {
        if (rc)
            fail_msg("%s", s.err.message);
        check_sets(want, &s.sets);
    } else {
        assert_int_equal(ERR_UPSTREAM, rc);
        assert_non_null(strstr(s.err.message, json_string_value(json_object_get(want, "error"))));
    }
    subject_free(&s);
}

static void cloudwatch_recorded_replies(void **state)
{
    (void)state;
    check_cases(FOLDER, 13, check_case);
}

static void cloudwatch_shaped_replies(void **state)
{
#define RESULT(members) "{'MetricDataResults':[{'Id':'m1','Label':'a'," members "}]}"
    static const struct {
        const char *name, *account, *query, *body, *reason, *words;
    } cases[] = {
        {"nothing", ACCOUNT, M1, "{'MetricDataResults':[]}", NULL, NULL},
        {"no list", ACCOUNT, M1, "{}", "store_bad_response", "has no MetricDataResults"},
        {"HTML", ACCOUNT, M1, "<html>", "store_bad_response", "is not JSON"},
        {"an error in a 200", ACCOUNT, M1, "{'__type':'a#Broken','Message':'why'}", "store_error",
         "Broken: why"},
        {"lists of two lengths", ACCOUNT, M1, RESULT("'Timestamps':[1767225600],'Values':[]"),
         "store_bad_response", "differ in length"},
        {"times that are no list", ACCOUNT, M1, RESULT("'Timestamps':7,'Values':[]"),
         "store_bad_response", "no list"},
        {"values that are no list", ACCOUNT, M1, RESULT("'Timestamps':[],'Values':{}"),
         "store_bad_response", "no list"},
        {"a time that is none", ACCOUNT, M1, RESULT("'Timestamps':[{}],'Values':[1]"),
         "store_bad_response", "a time that is none"},
        {"a time beyond all", ACCOUNT, M1, RESULT("'Timestamps':[1e300],'Values':[1]"),
         "store_bad_response", "a time that is none"},
        {"a value that is none", ACCOUNT, M1, RESULT("'Timestamps':[1767225600],'Values':[true]"),
         "store_bad_response", "a value that is no number"},
        {"a time as text", ACCOUNT, M1,
         RESULT("'Timestamps':['2026-01-01T00:00:00Z'],'Values':['NaN']"), NULL, NULL},
        {"an id that nobody asked for", ACCOUNT, M1, "{'MetricDataResults':[{'Id':'zz'}]}", NULL,
         NULL},
        {"denied", ACCOUNT, M1, RESULT("'StatusCode':'Forbidden'"), "store_rejected",
         "CloudWatch denied access to 'm1'"},
        {"a status from the future", ACCOUNT, M1, RESULT("'StatusCode':'Later'"),
         "store_unavailable", "partial data for 'm1'"},
        {"accepted as it is", "{'region':'r','partialData':'accept'}", M1,
         RESULT("'StatusCode':'PartialData','Timestamps':[1767225600],'Values':[1]"), NULL, NULL},
        {"one slot, two values", ACCOUNT, M1,
         RESULT("'Timestamps':[1767225600,1767225600],'Values':[1,2]"), "store_bad_response",
         "two series with the label 'a'"},
        {"one slot, one value twice", ACCOUNT, M1,
         RESULT("'Timestamps':[1767225600,1767225600],'Values':[1,1]"), NULL, NULL},
        {"a cut list, accepted", "{'region':'r','partialData':'accept'}", M1,
         "{'MetricDataResults':[],'Messages':[{'Code':'MaxMetricsExceeded','Value':'x'}]}", NULL,
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("cloudwatch", cases[i].account, TEN_MINUTES);
        enum err_code rc = subject_parse_text(&s, cases[i].query, cases[i].body);

        row("%s", cases[i].name);
        if (cases[i].reason) {
            assert_int_equal(ERR_UPSTREAM, rc);
            assert_string_equal(cases[i].reason, s.err.reason);
            assert_non_null(strstr(s.err.message, cases[i].words));
        } else if (rc) {
            fail_msg("%s", s.err.message);
        } else {
            assert_int_equal(1, s.sets.n_sets);
        }
        subject_free(&s);
    }
}

static void cloudwatch_labels(void **state)
{
    static const struct {
        const char *name, *config, *query, *label, *key, *value, *error;
    } cases[] = {
        {"the label", "{}", SEARCH, "a|b", "label", "a|b", NULL},
        {"in parts", "{'tagKeys':['x','y']}", SEARCH, "a|b", "y", "b", NULL},
        {"too few parts", "{'tagKeys':['x','y']}", SEARCH, "a", NULL, NULL, "has 1 parts"},
        {"one key twice", "{'tagKeys':['x','x']}", SEARCH, "a|b", NULL, NULL, "comes twice"},
        {"none of a plain metric", "{'tagKeys':['x']}", M1, "a|b", NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("cloudwatch", ACCOUNT, TEN_MINUTES);
        char body[256];
        enum err_code rc;

        row("%s", cases[i].name);
        s.query.config = json_keep(json_of(cases[i].config), s.arena);
        snprintf(body, sizeof(body),
                 "{'MetricDataResults':[{'Id':'%s','Label':'%s','Timestamps':[1767225600],"
                 "'Values':[1]}]}",
                 cases[i].query[8] == 'm' ? "m1" : "e1", cases[i].label);
        rc = subject_parse_text(&s, cases[i].query, body);
        if (cases[i].error) {
            assert_int_equal(ERR_UPSTREAM, rc);
            assert_non_null(strstr(s.err.message, cases[i].error));
        } else {
            assert_int_equal(ERR_OK, rc);
            if (cases[i].key)
                assert_string_equal(cases[i].value,
                                    tag_map_get(&s.sets.sets[0].tags, cases[i].key));
            else
                assert_int_equal(0, s.sets.sets[0].tags.n_items);
        }
        subject_free(&s);
    }
}

/* What a reply says about asking again, and its words. */
static void cloudwatch_error_replies(void **state)
{
    static const struct {
        const char *name;
        long status;
        const char *body, *reason, *words;
    } cases[] = {
        {"a quota", 400, "{'__type':'x#ThrottlingException','message':'Rate exceeded'}",
         "store_unavailable", "ThrottlingException: Rate exceeded"},
        {"a mistake", 400, "{'__type':'x#ValidationError','message':'no'}", "store_rejected",
         "ValidationError: no"},
        {"not allowed", 403, "{'__type':'x#AccessDeniedException','Message':'user x'}",
         "store_rejected", "AccessDeniedException: user x"},
        {"a failure", 500, "{'__type':'x#InternalServiceFault'}", "store_unavailable",
         "InternalServiceFault: "},
        {"a proxy", 502, "bad gateway", "store_unavailable", "bad gateway"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("cloudwatch", ACCOUNT, TEN_MINUTES);
        char *body = strdup(cases[i].body);

        row("%s", cases[i].name);
        for (char *c = body; *c; c++)
            if (*c == '\'')
                *c = '"';
        assert_int_equal(ERR_UPSTREAM, subject_check_reply(&s, M1, cases[i].status, body));
        assert_string_equal(cases[i].reason, s.err.reason);
        assert_non_null(strstr(s.err.message, cases[i].words));
        free(body);
        subject_free(&s);
    }
}

static void cloudwatch_unfinished_replies_are_asked_for_again(void **state)
{
    static const struct {
        const char *account, *body;
        enum reply_advice expected;
    } cases[] = {
        {ACCOUNT, "{\"StatusCode\":\"PartialData\"}", REPLY_ASK_AGAIN},
        {ACCOUNT, "{\"StatusCode\":\"PartialData\",\"NextToken\":\"x\"}", REPLY_BY_STATUS},
        {ACCOUNT, "{\"StatusCode\":\"InternalError\"}", REPLY_ASK_AGAIN},
        {ACCOUNT, "{\"StatusCode\":\"Complete\"}", REPLY_BY_STATUS},
        {"{'region':'r','partialData':'accept'}", "{\"StatusCode\":\"PartialData\"}",
         REPLY_BY_STATUS},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("cloudwatch", cases[i].account, TEN_MINUTES);
        struct http_request_list list;

        row("%s", cases[i].body);
        subject_build(&s, M1, &list);
        assert_int_equal(cases[i].expected, list.requests[0].advice(200, str_of(cases[i].body)));
        subject_free(&s);
    }
}

static void cloudwatch_names(void **state)
{
    struct subject s = subject_of_text("cloudwatch", ACCOUNT, "{}");
    json_auto_t *want =
        json_of("[{'name':'AWS/Lambda/Duration','namespace':'AWS/Lambda','metricName':'Duration',"
                "'dimensions':['FunctionName']},"
                "{'name':'AWS/Lambda/Duration','namespace':'AWS/Lambda','metricName':'Duration',"
                "'dimensions':['FunctionName','Resource']},"
                "{'name':'AWS/Lambda/Duration','namespace':'AWS/Lambda','metricName':'Duration',"
                "'dimensions':[]}]");
    struct names names;
    json_t *none = NULL, *got = NULL;
    struct http_request request = {0};
    struct http_response reply = {.status = 200};

    (void)state;
    assert_int_equal(ERR_OK,
                     names_begin(&names, s.type, s.account, "AWS/Lambda/dur", s.arena, &s.err));
    assert_string_equal("{\"Namespace\":\"AWS/Lambda\",\"RecentlyActive\":\"PT3H\"}",
                        names_request(&names)->body);
    assert_string_equal("GraniteServiceVersion20100801.ListMetrics",
                        request_header(names_request(&names), "X-Amz-Target"));
    reply.body = read_file(FOLDER "20-list-metrics.response.json", &reply.n_body_bytes);
    assert_int_equal(ERR_OK, names_take(&names, &reply, &s.err));
    assert_true(json_equal(want, names.list));
    assert_string_equal("{\"Namespace\":\"AWS/Lambda\",\"RecentlyActive\":\"PT3H\","
                        "\"NextToken\":\"AAMA-token-2\"}",
                        names_request(&names)->body);
    names_clear(&names);
    assert_int_equal(ERR_OK, s.type->completion->parse(s.account, "Errors", &reply, &got, &s.err));
    assert_int_equal(0, json_array_size(got));
    json_decref(got);
    assert_int_equal(ERR_OK, collector_build_completion(s.type, s.account, "AWS/Lam", s.arena,
                                                        &request, &none, &s.err));
    assert_string_equal("{\"RecentlyActive\":\"PT3H\"}", request.body);
    free((char *)(uintptr_t)reply.body);
    subject_free(&s);
}

static void cloudwatch_names_page_by_page(void **state)
{
    struct subject s = subject_of_text("cloudwatch", ACCOUNT, "{}");
    struct names names;

    (void)state;
    assert_int_equal(ERR_OK, names_begin(&names, s.type, s.account, "", s.arena, &s.err));
    for (int page = 1; page <= 4; page++) {
        struct http_response reply = {.status = 200};
        enum err_code rc;

        row("page %d", page);
        reply.body = arena_printf(s.arena,
                                  "{\"NextToken\":\"t%d\",\"Metrics\":["
                                  "{\"Namespace\":\"N\",\"MetricName\":\"m%d\"},"
                                  "{\"Namespace\":\"N\",\"MetricName\":\"m%d\"}]}",
                                  page < 3 ? page : 1, page, page - 1);
        reply.n_body_bytes = strlen(reply.body);
        assert_non_null(names_request(&names));
        rc = names_take(&names, &reply, &s.err);
        assert_int_equal(page + 1, json_array_size(names.list)); /* each once */
        if (page == 3) {                                         /* leads back to the second */
            assert_int_equal(ERR_UPSTREAM, rc);
            assert_string_equal("store_too_many_pages", s.err.reason);
            break;
        }
        assert_int_equal(ERR_OK, rc);
        assert_string_equal(arena_printf(s.arena,
                                         "{\"RecentlyActive\":\"PT3H\","
                                         "\"NextToken\":\"t%d\"}",
                                         page),
                            names_request(&names)->body);
    }
    names_clear(&names);
    subject_free(&s);
}

/* The window starts at 2026-01-01T00:00:00Z, 1767225600 s. */
static void cloudwatch_cautions(void **state)
{
#define LATE(s)                                                                                    \
    "CloudWatch may lack points of the last " s " seconds, and the window ends later than that; "  \
    "end it earlier, or judge later"
    static const struct {
        const char *name;
        int step_s;
        int64_t age_s;       /* of the window's start; it lasts 600 s */
        const char *caution; /* NULL: there is no reason for one */
        const char *account;
    } cases[] = {
        {"not over yet", 60, 300, LATE("180"), ACCOUNT},
        {"just over", 60, 600 + 179, LATE("180"), ACCOUNT},
        {"over for long enough", 60, 600 + 180, NULL, ACCOUNT},
        {"over for less than the account says", 60, 600 + 180, LATE("900"),
         "{'region':'us-east-1','settleSeconds':900}"},
        {"at once, for an account in no need to wait", 60, 600, NULL,
         "{'region':'us-east-1','settleSeconds':'0'}"},
        {"of this hour", 10, 3 * 3600, NULL, ACCOUNT},
        {"seconds of this morning", 10, 3 * 3600 + 1,
         "CloudWatch period 10 has no data older than 3 hours; use 60", ACCOUNT},
        {"minutes of this morning", 60, 86400, NULL, ACCOUNT},
        {"minutes of two weeks ago", 60, 15 * 86400, NULL, ACCOUNT},
        {"minutes of a month ago", 60, 30 * 86400,
         "CloudWatch period 60 has no data older than 15 days; use 300", ACCOUNT},
        {"five minutes of a month ago", 300, 30 * 86400, NULL, ACCOUNT},
        {"five minutes of a season ago", 300, 90 * 86400,
         "CloudWatch period 300 has no data older than 63 days; use 3600", ACCOUNT},
        {"two hours of a season ago", 7200, 90 * 86400, NULL, ACCOUNT},
        {"two years ago", 3600, 730 * 86400, "CloudWatch keeps no data for longer than 455 days",
         ACCOUNT},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("cloudwatch", cases[i].account, TEN_MINUTES);
        const char *text = NULL, *got;

        row("%s", cases[i].name);
        s.query.scope.step_s = cases[i].step_s;
        assert_int_equal(ERR_OK,
                         subject_query_text(&s, "{'namespace':'N','metricName':'M'}", &text));
        got = s.type->caution(s.account, &s.query, text, (1767225600 + cases[i].age_s) * 1000,
                              s.arena);
        assert_string_equal(cases[i].caution ? cases[i].caution : "none", got ? got : "none");
        subject_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cloudwatch_accounts),
        cmocka_unit_test(cloudwatch_query_texts),
        cmocka_unit_test(cloudwatch_more_query_texts),
        cmocka_unit_test(cloudwatch_stats),
        cmocka_unit_test(cloudwatch_requests),
        cmocka_unit_test(cloudwatch_recorded_replies),
        cmocka_unit_test(cloudwatch_shaped_replies),
        cmocka_unit_test(cloudwatch_labels),
        cmocka_unit_test(cloudwatch_error_replies),
        cmocka_unit_test(cloudwatch_unfinished_replies_are_asked_for_again),
        cmocka_unit_test(cloudwatch_names),
        cmocka_unit_test(cloudwatch_names_page_by_page),
        cmocka_unit_test(cloudwatch_cautions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
