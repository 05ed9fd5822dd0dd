/* Recorded streams and programs: fixtures/replies/signalfx/, whose README says where each is from.
 * Hand-written streams stand for what a hostile or broken store may send. */
#include "tests/support.h"

#include "base/json.h"
#include "base/limits.h"
#include "tests/collector_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "fixtures/replies/signalfx/"
#define ACCOUNT "{'name':'sfx','accessToken':'token-77'}"

static void signalfx_query_texts(void **state)
{
    (void)state;
    check_query_texts("signalfx", FOLDER, 5);
}

static void signalfx_more_programs(void **state)
{
    static const struct {
        const char *name, *account, *config, *scope, *expected, *error;
    } cases[] = {
        {"location key, but no location", "{'defaultScopeKey':'a','defaultLocationKey':'b'}",
         "{'metricName':'m'}", "{'scope':'s'}",
         "data('m', filter=filter('a', 's')).mean(by=['a']).publish()", NULL},
        {"no metric", "{}", "{}", "{}", NULL, "Metric Name is required"},
        {"no scope", "{'defaultScopeKey':'a'}", "{'metricName':'m'}", "{}", NULL,
         "Scope is required"},
        {"unknown method", "{'defaultScopeKey':'a'}",
         "{'metricName':'m','aggregationMethod':'median; drop'}", "{'scope':'s'}", NULL,
         "\"aggregationMethod\" of metric 'm'"},
        {"pairs are an object", "{'defaultScopeKey':'a'}", "{'metricName':'m','queryPairs':{}}",
         "{'scope':'s'}", NULL, "\"queryPairs\" must be"},
        {"a pair without a value", "{'defaultScopeKey':'a'}",
         "{'metricName':'m','queryPairs':[{'key':'k'}]}", "{'scope':'s'}", NULL,
         "\"queryPairs\" must be"},
        {"a quote in the scope", "{'defaultScopeKey':'a'}", "{'metricName':'m'}",
         "{'scope':'s\\u0027) or filter(\\u0027x'}", NULL, "could leave its place"},
        {"a backslash at the end of the location",
         "{'defaultScopeKey':'a','defaultLocationKey':'b'}", "{'metricName':'m'}",
         "{'scope':'s','location':'l\\\\'}", NULL, "could leave its place"},
        {"a quote in a parameter", "{'defaultScopeKey':'a'}", "{'metricName':'m'}",
         "{'scope':'s','extendedScopeParams':{'k':'\\u0027'}}", NULL, "could leave its place"},
        {"a quote in a parameter's name", "{'defaultScopeKey':'a'}", "{'metricName':'m'}",
         "{'scope':'s','extendedScopeParams':{'k\\u0027':'v'}}", NULL, "could leave its place"},
        {"a quote in a template's literal", "{}",
         "{'customInlineTemplate':'data(\\u0027${scope}\\u0027)'}", "{'scope':'\\u0027'}", NULL,
         "could leave its place"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("signalfx", cases[i].account, cases[i].scope);
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

static void signalfx_accounts(void **state)
{
    static const struct {
        const char *account, *url;
        enum err_code code;
    } cases[] = {
        {"{'accessToken':'t'}", "https://stream.signalfx.com", ERR_OK},
        {"{'accessTokenFile':'/t','realm':'eu0'}", "https://stream.eu0.signalfx.com", ERR_OK},
        {"{'realm':'eu0','endpoint':{'baseUrl':'https://h/x/'}}", "https://h/x", ERR_SETTINGS},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("signalfx", cases[i].account, "{}");

        row("%s", cases[i].account);
        assert_string_equal(cases[i].url, s.account->base_url);
        assert_int_equal(90000, s.account->read_timeout_ms);
        assert_int_equal(cases[i].code, collector_check_account(s.account, &s.err));
        subject_free(&s);
    }
}

static void signalfx_request(void **state)
{
    struct subject s =
        subject_of_text("signalfx", ACCOUNT,
                        "{'start':'2026-01-01T00:00:00Z','end':'2026-01-01T00:05:00Z','step':60}");
    char *recorded = read_file(FOLDER "02-ok.request.txt", NULL);
    const char *program = strstr(recorded, "\n\n") + 2;
    struct http_request_list list;
    const char *target;

    (void)state;
    subject_build(&s, arena_strndup(s.arena, program, strcspn(program, "\n")), &list);
    target = list.requests[0].url + strlen("https://stream.signalfx.com");
    assert_string_equal("POST", list.requests[0].method);
    assert_memory_equal(target, recorded + strlen("POST "), strlen(target));
    assert_memory_equal(program, list.requests[0].body, list.requests[0].n_body_bytes);
    assert_string_equal("text/event-stream", request_header(&list.requests[0], "Accept"));
    assert_string_equal("text/plain; charset=utf-8",
                        request_header(&list.requests[0], "Content-Type"));
    assert_string_equal("token-77", request_header(&list.requests[0], "X-SF-TOKEN"));
    assert_true(list.requests[0].is_stream);
    free(recorded);
    subject_free(&s);
}

/* Pairs as the case has them, [key, value], as a query config has them. */
static json_t *config_of(const json_t *pairs)
{
    json_t *list = json_array();
    const json_t *pair;
    size_t i;

    json_array_foreach (pairs, i, pair)
        json_array_append_new(list, json_pack("{s:O, s:O}", "key", json_array_get(pair, 0), "value",
                                              json_array_get(pair, 1)));
    return json_pack("{s:o}", "queryPairs", list);
}

static void check_case(const char *path)
{
    json_auto_t *text = json_of_file(path);
    json_auto_t *account = json_of(ACCOUNT);
    const json_t *input = json_object_get(text, "input");
    json_auto_t *config = config_of(json_object_get(input, "queryPairs"));
    const json_t *want = case_expected(text, false);
    const char *program = json_string_value(json_object_get(input, "program"));
    struct subject s = subject_of("signalfx", account, json_object_get(input, "scope"));
    char reply_path[256];
    size_t n_bytes;
    char *body;

    row("%s", path);
    snprintf(reply_path, sizeof(reply_path), "%.*s.response.txt",
             (int)(strlen(path) - strlen(".case.json")), path);
    body = read_file(reply_path, &n_bytes);
    s.query.metric_name = json_string_value(json_object_get(input, "metricName"));
    s.query.config = config;
    if (json_is_array(want)) {
        assert_int_equal(ERR_OK, subject_parse(&s, program, body, n_bytes));
        check_sets(want, &s.sets);
        assert_int_equal(json_object_size(json_object_get(json_array_get(want, 0), "attributes")),
                         s.sets.sets[0].attributes.n_items);
    } else {
        assert_int_equal(ERR_UPSTREAM, subject_parse(&s, program, body, n_bytes));
        assert_string_equal("store_error", s.err.reason);
        assert_non_null(strstr(s.err.message, "more than one value for a given timestamp"));
    }
    free(body);
    subject_free(&s);
}

static void signalfx_recorded_streams(void **state)
{
    (void)state;
    check_cases(FOLDER, 3, check_case);
}

static void signalfx_recorded_failures(void **state)
{
    static const struct {
        const char *name, *words[3];
    } cases[] = {
        {"03-error-event", {"400", "Unable to parse program", "unexpected token"}},
        {"04-channel-abort", {"aborted", "Too many input time series", "EXECUTION"}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("signalfx", ACCOUNT, TEN_MINUTES);
        char path[256];
        size_t n_bytes;
        char *body;

        row("%s", cases[i].name);
        snprintf(path, sizeof(path), FOLDER "%s.response.txt", cases[i].name);
        body = read_file(path, &n_bytes);
        assert_int_equal(ERR_UPSTREAM, subject_parse(&s, "p", body, n_bytes));
        assert_string_equal("store_error", s.err.reason);
        for (size_t w = 0; w < 3; w++)
            assert_non_null(strstr(s.err.message, cases[i].words[w]));
        assert_int_equal(0, s.sets.n_sets);
        free(body);
        subject_free(&s);
    }
}

#define END "event: control-message\ndata: {'event':'END_OF_CHANNEL'}\n\n"
#define DATA(time, list) "event: data\ndata: {'data':" list ",'logicalTimestampMs':" time "}\n\n"

static void signalfx_shapes(void **state)
{
    static const struct shaped_reply cases[] = {
        {"nothing", "", "store_bad_response"},
        {"a page to sign in", "<html>\n</html>\n", "store_bad_response"},
        {"JSON", "{'a':1}", "store_bad_response"},
        {"the end alone", END, NULL},
        {"cut before the end", DATA("1", "[]"), "store_bad_response"},
        {"cut in the last line", "event: control-message\ndata: {'event':'END_OF_CHANNEL'}\n",
         "store_bad_response"},
        {"CRLF, comments, ids, unknown fields and events, no space",
         ":\r\nid:1\r\nretry: 5\r\nfoo\r\nevent:news\r\ndata:{\r\n\r\n"
         "event:control-message\r\ndata:{'event':\r\ndata:'END_OF_CHANNEL'}\r\n\r\n",
         NULL},
        {"an event without data", "event: data\n\n" END, NULL},
        {"data that is no JSON", "event: data\ndata: {\n\n" END, "store_bad_response"},
        {"data that is no object", "event: data\ndata: []\n\n" END, "store_bad_response"},
        {"no list", DATA("1", "7") END, "store_bad_response"},
        {"no timestamp", "event: data\ndata: {'data':[]}\n\n" END, "store_bad_response"},
        {"time as a word", DATA("'x'", "[]") END, "store_bad_response"},
        {"time beyond all", DATA("1e300", "[]") END, "store_bad_response"},
        {"timestamps go back", DATA("2", "[]") DATA("1", "[]") END, "store_bad_response"},
        {"a word as value", DATA("1", "[{'value':'abc'}]") END, "store_bad_response"},
        {"no value", DATA("1", "[{'tsId':'a'}]") END, "store_bad_response"},
        {"an entry that is a number", DATA("1", "[7]") END, "store_bad_response"},
        {"null and NaN", DATA("1", "[{'value':null}]") DATA("2", "[{'value':'NaN'}]") END, NULL},
        {"two values in two events of one time",
         DATA("1", "[{'value':1}]") DATA("1", "[{'value':2}]") END, "store_error"},
        {"one time in two events", DATA("1", "[]") DATA("1", "[{'value':2}]") END, NULL},
        {"an error without words", "event: error\ndata: {}\n\n" END, "store_error"},
        {"a resolution of 0",
         "event: message\ndata: {'message':{'messageCode':'JOB_RUNNING_RESOLUTION','contents':"
         "{'resolutionMs':0}}}\n\n" END,
         "store_bad_response"},
        {"nothing behind the end counts", END "event: error\ndata: {}\n\n", NULL},
    };

    (void)state;
    check_shaped_replies("signalfx", ACCOUNT, cases, ARRAY_LEN(cases));
}

#define RESOLUTION(ms)                                                                             \
    "event: message\ndata: {'message':{'messageCode':'JOB_RUNNING_RESOLUTION','contents':"         \
    "{'resolutionMs':" ms "}}}\n\n"

/* The job ran at 120 s where 60 s were asked for. */
static void signalfx_other_resolution(void **state)
{
    static const char stream[] = RESOLUTION("120000") DATA("1767225600000", "[{'value':1.5}]")
        DATA("1767225720000", "[]") DATA("1767225960000", "[{'value':4.5}]")
            DATA("1767226199000", "[{'value':9.5}]") DATA("1767229999000", "[{'value':7}]") END;
    static const double strict[] = {1.5, NAN, NAN, 4.5, NAN};

    (void)state;
    for (int is_strict = 0; is_strict < 2; is_strict++) {
        struct subject s =
            subject_of_text("signalfx", is_strict ? "{'strictSeries':true}" : "{}", TEN_MINUTES);
        const struct metric_set *set;

        assert_int_equal(ERR_OK, subject_parse_text(&s, "p", stream));
        set = &s.sets.sets[0];
        assert_string_equal("120000", tag_map_get(&set->attributes, "actual-resolution-milli"));
        assert_string_equal("60000", tag_map_get(&set->attributes, "requested-step-milli"));
        assert_int_equal(is_strict ? 120000 : 60000, set->step_ms);
        assert_int_equal(1767225600000, set->start_unix_ms);
        assert_int_equal(1767226200000, set->end_unix_ms);
        assert_int_equal(5, set->n_values);
        for (size_t i = 0; i < 5 && is_strict; i++)
            assert_near(strict[i], set->values[i], 0);
        subject_free(&s);
    }
}

static void signalfx_tags(void **state)
{
    struct subject s = subject_of_text("signalfx", ACCOUNT, TEN_MINUTES);
    json_auto_t *config = json_of("{'queryPairs':[{'key':'!env','value':'dev'},{'key':'app',"
                                  "'value':'a'},{'key':'app','value':'b'}]}");

    (void)state;
    s.query.config = config;
    assert_int_equal(ERR_OK, subject_parse_text(&s, "p", END));
    assert_int_equal(2, s.sets.sets[0].tags.n_items);
    assert_string_equal("dev", tag_map_get(&s.sets.sets[0].tags, "!env"));
    assert_string_equal("b", tag_map_get(&s.sets.sets[0].tags, "app")); /* the last one wins */
    subject_free(&s);
}

static void signalfx_limits(void **state)
{
    static const struct {
        const char *name;
        size_t n_points, n_data_bytes;
        const char *reason;
    } cases[] = {
        {"all points there may be", STORE_MAX_POINTS_PER_SERIES, 0, NULL},
        {"one more", STORE_MAX_POINTS_PER_SERIES + 1, 0, "store_too_many_points"},
        {"an event of 1 MiB and more", 0, MIB, "store_response_too_large"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("signalfx", ACCOUNT, TEN_MINUTES);
        struct strbuf body = {0};
        enum err_code rc;

        row("%s", cases[i].name);
        for (size_t k = 0; k < cases[i].n_points; k++)
            strbuf_printf(&body, "event: data\ndata: {'data':[],'logicalTimestampMs':%zu}\n\n", k);
        for (size_t k = 0; k < cases[i].n_data_bytes; k += 64)
            strbuf_printf(&body, "data: %64s\n", "");
        strbuf_puts(&body, "\n" END);
        rc = subject_parse_text(&s, "p", body.bytes);
        assert_int_equal(cases[i].reason ? ERR_UPSTREAM : ERR_OK, rc);
        if (cases[i].reason)
            assert_string_equal(cases[i].reason, s.err.reason);
        strbuf_clear(&body);
        subject_free(&s);
    }
}

static void signalfx_advice(void **state)
{
    static const struct {
        long status;
        const char *body;
        enum reply_advice advice;
    } cases[] = {
        {200, "", REPLY_ASK_AGAIN},
        {200, "event: data\ndata: {", REPLY_ASK_AGAIN},
        {200, ": hello\n", REPLY_ASK_AGAIN},
        {200, "event: data\n\nevent: control-message\ndata: {\"event\":\"END_OF_CHANNEL\"}\n\n",
         REPLY_BY_STATUS},
        {200, "event: control-message\ndata: {\"event\":\"CHANNEL_ABORT\"}\n\n", REPLY_BY_STATUS},
        {200, "event: error\ndata: {}\n\n", REPLY_BY_STATUS},
        {200, "<html>", REPLY_BY_STATUS},
        {500, "event: data\n", REPLY_BY_STATUS},
    };
    struct subject s = subject_of_text("signalfx", ACCOUNT, TEN_MINUTES);
    struct http_request_list list;

    (void)state;
    subject_build(&s, "p", &list);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        row("%s", cases[i].body);
        assert_int_equal(cases[i].advice,
                         list.requests[0].advice(
                             cases[i].status, (struct str){cases[i].body, strlen(cases[i].body)}));
    }
    subject_free(&s);
}

static void signalfx_error_replies(void **state)
{
    static const struct {
        long status;
        const char *path, *reason, *words;
    } cases[] = {
        {401, FOLDER "06-401.response.json", "store_rejected", "Message: Unauthorized"},
        {400, FOLDER "07-400.response.json", "store_rejected",
         "Message: ANALYTICS_PROGRAM_NAME_ERROR: \"daata\" is not defined"},
        {429, FOLDER "06-401.response.json", "store_unavailable", "Status: 429"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("signalfx", ACCOUNT, TEN_MINUTES);
        char *body = read_file(cases[i].path, NULL);

        assert_int_equal(ERR_UPSTREAM, subject_check_reply(&s, "p", cases[i].status, body));
        assert_string_equal(cases[i].reason, s.err.reason);
        assert_non_null(strstr(s.err.message, cases[i].words));
        free(body);
        subject_free(&s);
    }
}

static void signalfx_token_is_masked(void **state)
{
    struct subject s = subject_of_text("signalfx", ACCOUNT, TEN_MINUTES);

    (void)state;
    assert_int_equal(
        ERR_UPSTREAM,
        subject_parse_text(&s, "p", "event: error\ndata: {'message':'bad token-77'}\n\n"));
    assert_null(strstr(s.err.message, "token-77"));
    assert_non_null(strstr(s.err.message, "bad ***"));
    subject_free(&s);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(signalfx_query_texts),
        cmocka_unit_test(signalfx_more_programs),
        cmocka_unit_test(signalfx_accounts),
        cmocka_unit_test(signalfx_request),
        cmocka_unit_test(signalfx_recorded_streams),
        cmocka_unit_test(signalfx_recorded_failures),
        cmocka_unit_test(signalfx_shapes),
        cmocka_unit_test(signalfx_other_resolution),
        cmocka_unit_test(signalfx_tags),
        cmocka_unit_test(signalfx_limits),
        cmocka_unit_test(signalfx_advice),
        cmocka_unit_test(signalfx_error_replies),
        cmocka_unit_test(signalfx_token_is_masked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
