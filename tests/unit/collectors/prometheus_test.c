/* Recorded replies and query texts: fixtures/replies/prometheus/, whose README says where each is
 * from. Hand-written replies stand for what a hostile or broken store may send. */
#include "tests/support.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/number.h"
#include "collectors/collector.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "fixtures/replies/prometheus/"

static json_t *load(const char *path)
{
    char *text = read_file(path, NULL);
    json_error_t at;
    json_t *json = json_loads(text, JSON_DECODE_ANY, &at);

    if (!json)
        fail_msg("%s: %s", path, at.text);
    free(text);
    return json;
}

/* A line of text becomes JSON: ' stands for ". */
static json_t *json_of(const char *text)
{
    char *copy = strdup(text);
    json_t *json;

    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    json = json_loads(copy, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    free(copy);
    return json;
}

/* One collector with its account and its query, all in one arena. */
struct subject {
    const struct collector_type *type;
    struct arena *arena;
    struct account *account;
    struct metric_query query;
    struct metric_set_list sets;
    struct error err;
};

static struct subject subject_of(json_t *account, const json_t *scope)
{
    struct subject s = {.type = collector_find("prometheus"), .arena = arena_create()};

    assert_non_null(s.type);
    assert_int_equal(ERR_OK, account_decode("prometheus", account, s.arena, &s.account, &s.err));
    assert_int_equal(ERR_OK, scope_decode(scope, s.arena, &s.query.scope, &s.err));
    s.query.metric_name = "m";
    s.sets.arena = s.arena;
    return s;
}

static struct subject subject_of_text(const char *account, const char *scope)
{
    json_auto_t *account_json = json_of(account);
    json_auto_t *scope_json = json_of(scope);

    return subject_of(account_json, scope_json);
}

#define TEN_MINUTES "{'start':'2026-01-01T00:00:00Z','end':'2026-01-01T00:10:00Z','step':60}"

static enum err_code parse(struct subject *s, const char *query, const char *body, size_t n_bytes)
{
    const struct http_response reply = {.status = 200, .body = body, .n_body_bytes = n_bytes};

    return s->type->parse(s->account, &s->query, query, &reply, 1, &s->sets, &s->err);
}

/* --- query texts --- */

static void check_query_text(const json_t *entry)
{
    json_auto_t *empty = json_object();
    json_t *account = json_object_get(entry, "account");
    const char *expected = json_string_value(json_object_get(entry, "expected"));
    const char *error = json_string_value(json_object_get(entry, "error"));
    json_t *config = json_object_get(entry, "query");
    json_auto_t *before = json_deep_copy(config);
    struct subject s = subject_of(account ? account : empty, json_object_get(entry, "scope"));

    row("%s", json_string_value(json_object_get(entry, "title")));
    s.query.config = config;
    s.query.templates = json_object_get(entry, "templates");
    for (int again = 0; again < 2; again++) { /* nothing may be kept from the first time */
        const char *text = NULL;
        enum err_code rc = s.type->query_text(s.account, &s.query, s.arena, &text, &s.err);

        if (expected) {
            assert_int_equal(ERR_OK, rc);
            assert_string_equal(expected, text);
        } else {
            assert_int_equal(ERR_INVALID, rc);
            assert_non_null(strstr(s.err.message, error));
            s.err = (struct error){0};
        }
    }
    assert_true(json_equal(before, config));
    arena_free(s.arena);
}

static void prometheus_query_texts(void **state)
{
    json_auto_t *entries = load(FOLDER "query-building.json");
    json_t *entry;
    size_t i;

    (void)state;
    assert_int_equal(16, json_array_size(entries));
    json_array_foreach (entries, i, entry)
        check_query_text(entry);
}

static void prometheus_unsafe_values(void **state)
{
    static const struct {
        const char *name, *account, *config, *scope, *reason;
    } cases[] = {
        {"scope breaks out of GCE matcher", "{}",
         "{'metricName':'m','resourceType':'gce_instance'}",
         "{'scope':'a\\\"} or up{b=\\\"','location':'l'}", "unsafe_template_value"},
        {"backslash at the end of an EC2 location", "{}",
         "{'metricName':'m','resourceType':'aws_ec2_instance'}", "{'location':'l\\\\'}",
         "unsafe_template_value"},
        {"project", "{}", "{'metricName':'m','resourceType':'gce_instance'}",
         "{'location':'l','extendedScopeParams':{'project':'\\\"'}}", "unsafe_template_value"},
        {"brace in a parameter nobody uses, when refused", "{'rejectUnsafeValues':true}",
         "{'customInlineTemplate':'PromQL:up'}", "{'extendedScopeParams':{'x':'a{b'}}",
         "unsafe_template_value"},
        {"bare parenthesis, when refused", "{'rejectUnsafeValues':'true'}",
         "{'customInlineTemplate':'PromQL:up + ${scope}'}", "{'scope':'1) or (2'}",
         "unsafe_template_value"},
        {"bare parenthesis is the configs' business otherwise", "{}",
         "{'customInlineTemplate':'PromQL:up + ${scope}'}", "{'scope':'1) or (2'}", NULL},
        {"regular expression in a matcher", "{}",
         "{'metricName':'m','resourceType':'gce_instance'}", "{'scope':'a|b.*','location':'l'}",
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text(cases[i].account, cases[i].scope);
        json_auto_t *config = json_of(cases[i].config);
        const char *text;
        enum err_code rc;

        row("%s", cases[i].name);
        s.query.config = config;
        rc = s.type->query_text(s.account, &s.query, s.arena, &text, &s.err);
        if (cases[i].reason) {
            assert_int_equal(ERR_INVALID, rc);
            assert_string_equal(cases[i].reason, s.err.reason);
            assert_non_null(strstr(s.err.message, "metric 'm'"));
        } else {
            assert_int_equal(ERR_OK, rc);
        }
        arena_free(s.arena);
    }
}

static void prometheus_config_of_wrong_shape(void **state)
{
    static const char *const configs[] = {
        "{'metricName':'m','resourceType':'gce_instance','labelBindings':'a=1'}",
        "{'metricName':'m','resourceType':'gce_instance','labelBindings':[1]}",
        "{'metricName':'m','resourceType':'gce_instance','groupByFields':{}}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        struct subject s = subject_of_text("{}", "{'location':'l'}");
        json_auto_t *config = json_of(configs[i]);
        const char *text;

        row("%s", configs[i]);
        s.query.config = config;
        assert_int_equal(ERR_INVALID,
                         s.type->query_text(s.account, &s.query, s.arena, &text, &s.err));
        arena_free(s.arena);
    }
}

static void prometheus_query_text_limit(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct subject s = subject_of_text("{}", "{}");
        size_t n = TEMPLATE_MAX_EXPANDED_BYTES - strlen("avg(m{})") + over;
        char *binding = arena_alloc(s.arena, n + 1, 1);
        json_auto_t *config = NULL;
        const char *text;

        row("%zu over", over);
        memset(binding, 'a', n);
        config = json_pack("{s:s, s:s, s:[s]}", "metricName", "m", "customInlineTemplate", ",",
                           "labelBindings", binding);
        s.query.config = config;
        assert_int_equal(over ? ERR_INVALID : ERR_OK,
                         s.type->query_text(s.account, &s.query, s.arena, &text, &s.err));
        arena_free(s.arena);
    }
}

/* --- requests --- */

static const char *header(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->n_headers; i++)
        if (strcmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    return NULL;
}

static void build(struct subject *s, const char *text, struct http_request_list *out)
{
    assert_int_equal(ERR_OK,
                     collector_build(s->type, s->account, &s->query, text, s->arena, out, &s->err));
}

static void prometheus_recorded_request(void **state)
{
    struct subject s = subject_of_text("{'url':'http://127.0.0.1:19090/'}", TEN_MINUTES);
    struct http_request_list list;

    (void)state;
    build(&s, "avg(", &list); /* 20-error-bad-data-parse.request.txt */
    assert_int_equal(1, list.n_requests);
    assert_string_equal("GET", list.requests[0].method);
    assert_string_equal("http://127.0.0.1:19090/api/v1/query_range?query=avg%28"
                        "&start=2026-01-01T00%3A00%3A00Z&end=2026-01-01T00%3A10%3A00Z&step=60",
                        list.requests[0].url);
    assert_string_equal("application/json", header(&list.requests[0], "Accept"));
    assert_non_null(strstr(header(&list.requests[0], "User-Agent"), "serinus"));
    assert_null(header(&list.requests[0], "Authorization"));
    assert_null(list.requests[0].body);
    arena_free(s.arena);
}

static void prometheus_base_urls(void **state)
{
    static const struct {
        const char *account, *start_of_url;
    } cases[] = {
        {"{'endpoint':{'baseUrl':'https://h'}}", "https://h/api/v1/query_range?"},
        {"{'endpoint':{'baseUrl':'https://h/'}}", "https://h/api/v1/query_range?"},
        {"{'endpoint.baseUrl':'https://h:9090/api/prom'}",
         "https://h:9090/api/prom/api/v1/query_range?"},
        {"{'baseUrl':'http://[::1]:9090/a/b//'}", "http://[::1]:9090/a/b/api/v1/query_range?"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text(cases[i].account, TEN_MINUTES);
        struct http_request_list list;

        row("%s", cases[i].account);
        build(&s, "up", &list);
        assert_memory_equal(cases[i].start_of_url, list.requests[0].url,
                            strlen(cases[i].start_of_url));
        arena_free(s.arena);
    }
}

static void prometheus_post_and_params(void **state)
{
    struct subject s = subject_of_text("{'method':'post','queryParams':{'dedup':true,'timeout':'"
                                       "30s','extra_filters[]':['a','b&c'],"
                                       "'x':null}}",
                                       TEN_MINUTES);
    struct http_request_list list;

    (void)state;
    build(&s, "up", &list);
    assert_string_equal("POST", list.requests[0].method);
    assert_string_equal("http://localhost/api/v1/query_range", list.requests[0].url);
    assert_string_equal("query=up&start=2026-01-01T00%3A00%3A00Z&end=2026-01-01T00%3A10%3A00Z"
                        "&step=60&dedup=true&timeout=30s&extra_filters%5B%5D=a"
                        "&extra_filters%5B%5D=b%26c",
                        list.requests[0].body);
    assert_int_equal(strlen(list.requests[0].body), list.requests[0].n_body_bytes);
    assert_string_equal("application/x-www-form-urlencoded",
                        header(&list.requests[0], "Content-Type"));
    arena_free(s.arena);
}

static void prometheus_long_url_becomes_post(void **state)
{
    static const char around[] = "http://localhost/api/v1/query_range?query="
                                 "&start=2026-01-01T00%3A00%3A00Z&end=2026-01-01T00%3A10%3A00Z"
                                 "&step=60";

    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct subject s = subject_of_text("{}", TEN_MINUTES);
        struct http_request_list list;
        char text[4096] = {0};

        memset(text, 'a', 4000 - strlen(around) + over);
        build(&s, text, &list);
        assert_string_equal(over ? "POST" : "GET", list.requests[0].method);
        arena_free(s.arena);
    }
}

static void prometheus_needs_window_and_step(void **state)
{
    static const char *const scopes[] = {
        "{'end':'2026-01-01T00:10:00Z','step':60}",
        "{'start':'2026-01-01T00:10:00Z','step':60}",
        "{'start':'2026-01-01T00:00:00Z','end':'2026-01-01T00:10:00Z'}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
        struct subject s = subject_of_text("{}", scopes[i]);
        struct http_request_list list;

        row("%s", scopes[i]);
        assert_int_equal(ERR_INVALID, collector_build(s.type, s.account, &s.query, "up", s.arena,
                                                      &list, &s.err));
        arena_free(s.arena);
    }
}

/* 11,000 steps of 7 s go out in one range, one more step in two, and the last point of one range is
 * followed by the first of the next. */
static void prometheus_long_windows_are_split(void **state)
{
    static const struct {
        int64_t n_steps;
        int64_t more_ns;
        size_t n_ranges;
        int64_t last_start_steps;
    } cases[] = {
        {11000, 0, 1, 0},     {11000, 6 * NS_PER_S, 1, 0}, {11001, 0, 2, 11000},
        {21999, 0, 2, 11000}, {22000, 0, 3, 22000},        {49999, 3 * NS_PER_S, 5, 44000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("{}", TEN_MINUTES);
        int64_t start = s.query.scope.start_unix_ns;
        char text[INSTANT_TEXT_BYTES];
        struct http_request_list list;
        struct strbuf want = {0};

        row("%lld steps", (long long)cases[i].n_steps);
        s.query.scope.step_s = 7;
        s.query.scope.end_unix_ns = start + cases[i].n_steps * 7 * NS_PER_S + cases[i].more_ns;
        build(&s, "up", &list);
        assert_int_equal(cases[i].n_ranges, list.n_requests);
        http_form_add(&want, "start",
                      instant_text(start + cases[i].last_start_steps * 7 * NS_PER_S, text));
        http_form_add(&want, "end", instant_text(s.query.scope.end_unix_ns, text));
        assert_non_null(strstr(list.requests[list.n_requests - 1].url, want.bytes));
        strbuf_clear(&want);
        if (list.n_requests > 1) {
            http_form_add(&want, "end", instant_text(start + 10999 * 7 * NS_PER_S, text));
            assert_non_null(strstr(list.requests[0].url, want.bytes));
            strbuf_clear(&want);
        }
        arena_free(s.arena);
    }
}

static void prometheus_aligned_window(void **state)
{
    struct subject s = subject_of_text(
        "{'alignWindow':true}",
        "{'start':'2026-01-01T00:00:17.250Z','end':'2026-01-01T00:10:59Z','step':60}");
    struct http_request_list list;

    (void)state;
    build(&s, "up", &list);
    assert_non_null(strstr(list.requests[0].url, "start=2026-01-01T00%3A00%3A00Z&"
                                                 "end=2026-01-01T00%3A10%3A00Z"));
    arena_free(s.arena);
}

/* --- replies --- */

static void check_tags(const json_t *want, const struct tag_map *got)
{
    const char *key;
    json_t *value;

    assert_int_equal(json_object_size(want), got->n_items);
    json_object_foreach ((json_t *)(uintptr_t)want, key, value) {
        assert_non_null(tag_map_get(got, key));
        assert_string_equal(json_string_value(value), tag_map_get(got, key));
    }
}

static void check_sets(const json_t *want, const struct metric_set_list *got)
{
    json_t *set;
    size_t i;

    assert_int_equal(json_array_size(want), got->n_sets);
    json_array_foreach (want, i, set) {
        const json_t *values = json_object_get(set, "values");

        assert_string_equal(json_string_value(json_object_get(set, "name")), got->sets[i].name);
        check_tags(json_object_get(set, "tags"), &got->sets[i].tags);
        check_tags(json_object_get(set, "attributes"), &got->sets[i].attributes);
        assert_int_equal(json_integer_value(json_object_get(set, "startTimeMillis")),
                         got->sets[i].start_unix_ms);
        assert_int_equal(json_integer_value(json_object_get(set, "endTimeMillis")),
                         got->sets[i].end_unix_ms);
        assert_int_equal(json_integer_value(json_object_get(set, "stepMillis")),
                         got->sets[i].step_ms);
        assert_int_equal(json_array_size(values), got->sets[i].n_values);
        for (size_t k = 0; k < got->sets[i].n_values; k++) {
            double value;

            assert_true(json_to_double(json_array_get(values, k), &value));
            assert_near(value, got->sets[i].values[k], fabs(value) * 1e-12);
        }
    }
}

/* The request that was recorded begins with ours; what may follow are parameters of a test. */
static void check_request(struct subject *s, const char *query, const char *path)
{
    struct http_request_list list;
    char *recorded = read_file(path, NULL);
    const char *target;

    build(s, query, &list);
    target = list.requests[0].url + strlen(s->account->base_url);
    if (strncmp(recorded, "POST ", 5) == 0) { /* the same pairs, as a form */
        assert_non_null(strstr(recorded, strchr(target, '?') + 1));
    } else if (!strstr(recorded, "start=17")) { /* two were asked with times as numbers */
        assert_memory_equal("GET ", recorded, 4);
        assert_memory_equal(target, recorded + 4, strlen(target));
    }
    free(recorded);
}

static void check_case(const char *path, bool is_strict)
{
    json_auto_t *text = load(path);
    const json_t *input = json_object_get(text, "input");
    const json_t *expected = json_object_get(text, "expected");
    const json_t *want = json_object_get(expected, "kayenta");
    const char *query = json_string_value(json_object_get(input, "query"));
    json_auto_t *account = json_pack("{s:b}", "strictSeries", is_strict);
    struct subject s = subject_of(account, json_object_get(input, "scope"));
    char reply_path[256];
    size_t n_bytes;
    char *body;

    row("%s%s", path, is_strict ? " (strict)" : "");
    snprintf(reply_path, sizeof(reply_path), "%.*s.response.json",
             (int)(strlen(path) - strlen(".case.json")), path);
    body = read_file(reply_path, &n_bytes);
    s.query.metric_name = json_string_value(json_object_get(input, "metricName"));
    snprintf(reply_path, sizeof(reply_path), "%.*s.request.txt",
             (int)(strlen(path) - strlen(".case.json")), path);
    check_request(&s, query, reply_path);
    if (is_strict && json_object_get(expected, "strict"))
        want = json_object_get(expected, "strict");
    if (json_object_get(expected, "required"))
        want = json_object_get(expected, "required");
    if (json_is_array(want)) {
        assert_int_equal(ERR_OK, parse(&s, query, body, n_bytes));
        if (!is_strict || json_object_get(expected, "strict"))
            check_sets(want, &s.sets);
    } else {
        assert_int_equal(ERR_UPSTREAM, parse(&s, query, body, n_bytes));
        assert_non_null(strstr(s.err.message, "native histogram"));
    }
    free(body);
    arena_free(s.arena);
}

static void prometheus_recorded_replies(void **state)
{
    glob_t paths;

    (void)state;
    assert_int_equal(0, glob(FOLDER "*.case.json", 0, NULL, &paths));
    assert_int_equal(18, paths.gl_pathc);
    for (size_t i = 0; i < paths.gl_pathc; i++) {
        check_case(paths.gl_pathv[i], false);
        check_case(paths.gl_pathv[i], true);
    }
    globfree(&paths);
}

/* What the recorded error replies say to the user. */
static void prometheus_recorded_errors(void **state)
{
    static const struct {
        const char *name;
        long status;
        const char *reason, *words;
    } cases[] = {
        {"20-error-bad-data-parse", 400, "store_rejected",
         "Message: bad_data: 1:5: parse error: unclosed left parenthesis"},
        {"21-error-too-many-points", 400, "store_rejected", "exceeded maximum resolution"},
        {"22-error-execution", 422, "store_rejected", "Message: execution: "},
        {"23-error-timeout", 503, "store_unavailable", "Message: timeout: "},
        {"24-error-end-before-start", 400, "store_rejected", "Message: bad_data: "},
        {"34-victoriametrics-error-422", 422, "store_rejected", "Message: 422: "},
        {"35-victoriametrics-too-many-points", 422, "store_rejected", "too many points"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("{}", TEN_MINUTES);
        struct http_request_list list;
        struct http_response reply = {.status = cases[i].status};
        char path[256], want[32];
        char *body;

        row("%s", cases[i].name);
        snprintf(path, sizeof(path), FOLDER "%s.status.txt", cases[i].name);
        body = read_file(path, NULL);
        snprintf(want, sizeof(want), "HTTP/1.1 %ld", cases[i].status);
        assert_memory_equal(want, body, strlen(want));
        free(body);
        snprintf(path, sizeof(path), FOLDER "%s.response.json", cases[i].name);
        body = read_file(path, &reply.n_body_bytes);
        reply.body = body;
        build(&s, "up", &list);
        assert_int_equal(ERR_UPSTREAM, collector_check_reply(s.type, s.account, &list.requests[0],
                                                             &reply, s.arena, &s.err));
        assert_string_equal(cases[i].reason, s.err.reason);
        assert_non_null(strstr(s.err.message, cases[i].words));
        snprintf(want, sizeof(want), "Status: %ld, Method: GET", cases[i].status);
        assert_memory_equal(want, s.err.message, strlen(want));
        free(body);
        arena_free(s.arena);
    }
}

#define MATRIX "{'status':'success','data':{'resultType':'matrix','result':["
#define SERIES(values) MATRIX "{'metric':{},'values':[" values "]}]}}"

/* Rows S1, S2, S10, S11, S13 to S16 and S19 of the bad-input catalogue. */
static const struct {
    const char *name, *body, *reason; /* NULL: fine */
} replies[] = {
    {"empty", "", "store_bad_response"},
    {"login page", "<html><body>Sign in</body></html>", "store_bad_response"},
    {"object without anything", "{}", "store_bad_response"},
    {"list", "[]", "store_bad_response"},
    {"null", "null", "store_bad_response"},
    {"text", "'x'", "store_bad_response"},
    {"number", "1", "store_bad_response"},
    {"cut", MATRIX "{'metric':{},'values':[[1767225600,'1'", "store_bad_response"},
    {"trailing comma", SERIES("[1767225600,'1'],"), "store_bad_response"},
    {"two documents", SERIES("") "{}", "store_bad_response"},
    {"status error", "{'status':'error','errorType':'execution','error':'many-to-many'}",
     "store_error"},
    {"status error without words", "{'status':'error'}", "store_error"},
    {"status unknown", "{'status':'x','data':{'resultType':'matrix','result':[]}}",
     "store_bad_response"},
    {"no status", "{'data':{'resultType':'matrix','result':[]}}", "store_bad_response"},
    {"no result", "{'status':'success','data':{'resultType':'matrix'}}", "store_bad_response"},
    {"no data", "{'status':'success'}", "store_bad_response"},
    {"data null", "{'status':'success','data':null}", "store_bad_response"},
    {"result null", "{'status':'success','data':{'resultType':'matrix','result':null}}",
     "store_bad_response"},
    {"result an object", "{'status':'success','data':{'resultType':'matrix','result':{}}}",
     "store_bad_response"},
    {"data a list", "{'status':'success','data':[]}", "store_bad_response"},
    {"two results", "{'status':'success','data':{'resultType':'matrix','result':[],'result':[]}}",
     "store_bad_response"},
    {"vector",
     "{'status':'success','data':{'resultType':'vector','result':[{'metric':{},'value':[1,'2']}]}}",
     "store_bad_response"},
    {"scalar", "{'status':'success','data':{'resultType':'scalar','result':[1,'2']}}",
     "store_bad_response"},
    {"string", "{'status':'success','data':{'resultType':'string','result':[1,'x']}}",
     "store_bad_response"},
    {"vector in disguise", "{'status':'success','data':{'result':[{'metric':{},'value':[1,'2']}]}}",
     "store_bad_response"},
    {"no resultType", "{'status':'success','data':{'result':[]}}", NULL},
    {"members in another order",
     "{'data':{'result':[{'values':[[1767225600,'1']],'metric':{'a':'b'}}],'resultType':'matrix'},"
     "'status':'success'}",
     NULL},
    {"series without values", SERIES(""), NULL},
    {"series without the member", MATRIX "{'metric':{}}]}}", "store_bad_response"},
    {"series is a number", MATRIX "1]}}", "store_bad_response"},
    {"series is a list", MATRIX "[]]}}", "store_bad_response"},
    {"values null", MATRIX "{'metric':{},'values':null}]}}", "store_bad_response"},
    {"values an object", MATRIX "{'metric':{},'values':{}}]}}", "store_bad_response"},
    {"metric a list", MATRIX "{'metric':[],'values':[]}]}}", "store_bad_response"},
    {"label a number", MATRIX "{'metric':{'a':1},'values':[]}]}}", "store_bad_response"},
    {"label an object", MATRIX "{'metric':{'a':{}},'values':[]}]}}", "store_bad_response"},
    {"label twice", MATRIX "{'metric':{'a':'1','a':'2'},'values':[]}]}}", "store_bad_response"},
    {"name twice", MATRIX "{'metric':{'__name__':'1','__name__':'2'},'values':[]}]}}",
     "store_bad_response"},
    {"label with NUL", MATRIX "{'metric':{'a':'1\\u0000'},'values':[]}]}}", "store_bad_response"},
    {"label name with NUL", MATRIX "{'metric':{'a\\u0000b':'1'},'values':[]}]}}",
     "store_bad_response"},
    {"label with quotes, markup and line breaks",
     MATRIX "{'metric':{'a':'\\u0022<script>\\n','':'empty'},'values':[]}]}}", NULL},
    {"label of bad UTF-8", MATRIX "{'metric':{'a':'\xff'},'values':[]}]}}", "store_bad_response"},
    {"equal labels", MATRIX "{'metric':{'a':'1'},'values':[]},{'metric':{'a':'1'},'values':[]}]}}",
     "store_bad_response"},
    {"labels equal but for the metric's name",
     MATRIX "{'metric':{'__name__':'x'},'values':[]},{'metric':{'__name__':'y'},'values':[]}]}}",
     NULL},
    {"sample a number", SERIES("1"), "store_bad_response"},
    {"sample of one", SERIES("[1767225600]"), "store_bad_response"},
    {"sample of three", SERIES("[1767225600,'1','2']"), "store_bad_response"},
    {"sample an object", SERIES("{}"), "store_bad_response"},
    {"sample in a sample", SERIES("[[1,'1'],'1']"), "store_bad_response"},
    {"time a text", SERIES("['1767225600','1']"), "store_bad_response"},
    {"time null", SERIES("[null,'1']"), "store_bad_response"},
    {"time beyond reason", SERIES("[1e300,'1']"), "store_bad_response"},
    {"value abc", SERIES("[1767225600,'abc']"), "store_bad_response"},
    {"value empty", SERIES("[1767225600,'']"), "store_bad_response"},
    {"value with a space", SERIES("[1767225600,' 1']"), "store_bad_response"},
    {"value hexadecimal", SERIES("[1767225600,'0x10']"), "store_bad_response"},
    {"value true", SERIES("[1767225600,true]"), "store_bad_response"},
    {"native histograms, empty", MATRIX "{'metric':{},'values':[],'histograms':[]}]}}", NULL},
    {"native histograms beside values",
     MATRIX "{'metric':{},'values':[],'histograms':[[1,{'count':'1'}]]}]}}", "store_bad_response"},
    {"partial", "{'status':'success','isPartial':true,'data':{'resultType':'matrix','result':[]}}",
     "store_error"},
    {"not partial",
     "{'status':'success','isPartial':false,'data':{'resultType':'matrix','result':[]}}", NULL},
    {"unknown members",
     "{'status':'success','x':[{'a':[1]}],'data':{'resultType':'matrix','result':[],'y':{}},"
     "'stats':{'a':{'b':1}}}",
     NULL},
};

static void prometheus_replies_of_any_shape(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        struct subject s = subject_of_text("{}", TEN_MINUTES);
        char *body = strdup(replies[i].body);
        enum err_code rc;

        row("%s", replies[i].name);
        for (char *c = body; *c; c++)
            if (*c == '\'')
                *c = '"';
        rc = parse(&s, "up", body, strlen(body));
        if (replies[i].reason) {
            assert_int_equal(ERR_UPSTREAM, rc);
            assert_string_equal(replies[i].reason, s.err.reason);
        } else {
            if (rc)
                print_error("row \"%s\": %s\n", replies[i].name, s.err.message);
            assert_int_equal(ERR_OK, rc);
        }
        free(body);
        arena_free(s.arena);
    }
}

static struct subject parsed(const char *account, const char *body)
{
    struct subject s = subject_of_text(account, TEN_MINUTES);
    char *copy = strdup(body);

    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    if (parse(&s, "up", copy, strlen(copy)))
        fail_msg("%s", s.err.message);
    free(copy);
    return s;
}

static void prometheus_value_forms(void **state)
{
    struct subject s = parsed("{}", SERIES("[1767225600,'NaN'],[1767225660,'+Inf'],[1767225720,"
                                           "'-Inf'],[1767225780,'1e400'],[1767225840,null],"
                                           "[1767225900,'1.5e-09'],[1767225960,2.25]"));
    static const double want[] = {NAN, INFINITY, -INFINITY, INFINITY, 1.5e-9, 2.25};

    (void)state;
    assert_int_equal(ARRAY_LEN(want), s.sets.sets[0].n_values);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_near(want[i], s.sets.sets[0].values[i], 0);
    arena_free(s.arena);
}

static void prometheus_unsorted_samples_are_sorted(void **state)
{
    struct subject s = parsed("{}", SERIES("[1767225720,'3'],[1767225600,'1'],[1767225660,'2'],"
                                           "[1767225660,'2.5']"));
    static const double want[] = {1, 2, 2.5, 3};

    (void)state;
    assert_int_equal(ARRAY_LEN(want), s.sets.sets[0].n_values);
    assert_int_equal(1767225600000, s.sets.sets[0].start_unix_ms);
    assert_int_equal(60000, s.sets.sets[0].step_ms);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_near(want[i], s.sets.sets[0].values[i], 0);
    arena_free(s.arena);
}

static void prometheus_strict_drops_what_is_outside(void **state)
{
    struct subject s =
        parsed("{'strictSeries':true}", SERIES("[1767225000,'1'],[1767225629,'2'],[1767225661,'3'],"
                                               "[1767226200,'4'],[1767226260,'5']"));

    (void)state;
    assert_int_equal(11, s.sets.sets[0].n_values);
    assert_near(2, s.sets.sets[0].values[0], 0); /* 29 s late: nearest to slot 0 */
    assert_near(3, s.sets.sets[0].values[1], 0);
    assert_near(NAN, s.sets.sets[0].values[2], 0);
    assert_near(4, s.sets.sets[0].values[10], 0);
    arena_free(s.arena);
}

static void prometheus_empty_series_keep_the_window(void **state)
{
    struct subject s = parsed("{}", MATRIX "{'metric':{'code':'500'},'values':[]}]}}");

    (void)state;
    assert_int_equal(1, s.sets.n_sets);
    assert_string_equal("500", tag_map_get(&s.sets.sets[0].tags, "code"));
    assert_int_equal(0, s.sets.sets[0].n_values);
    assert_int_equal(10, metric_set_expected_points(&s.sets.sets[0]));
    arena_free(s.arena);
}

static void prometheus_warnings_become_an_attribute(void **state)
{
    struct subject s =
        parsed("{'bearerToken':'canary-7d1f'}",
               "{'status':'success','warnings':['store gateway down','x\\ncanary-7d1f'],"
               "'infos':['not a counter'],'data':{'resultType':'matrix','result':[]}}");

    (void)state;
    assert_string_equal("store gateway down; x\\n***; not a counter",
                        tag_map_get(&s.sets.sets[0].attributes, "warnings"));
    assert_string_equal("up", tag_map_get(&s.sets.sets[0].attributes, "query"));
    arena_free(s.arena);
}

static void prometheus_partial_replies_may_be_kept(void **state)
{
    struct subject s = parsed("{'partial':'keep'}",
                              "{'status':'success','isPartial':true,'data':{'resultType':'matrix',"
                              "'result':[]}}");

    (void)state;
    assert_int_equal(1, s.sets.n_sets);
    arena_free(s.arena);
}

/* --- ranges and limits --- */

static void add_series(struct strbuf *body, int series, int64_t first_s, int64_t step_s, size_t n)
{
    strbuf_printf(body, "%s{\"metric\":{\"n\":\"%d\"},\"values\":[", series ? "," : "", series);
    for (size_t i = 0; i < n; i++)
        strbuf_printf(body, "%s[%lld,\"%zu.5\"]", i ? "," : "",
                      (long long)(first_s + (int64_t)i * step_s), i);
    strbuf_puts(body, "]}");
}

static void begin(struct strbuf *body)
{
    body->n_bytes = 0;
    strbuf_puts(body, "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[");
}

static void prometheus_ranges_are_joined(void **state)
{
    struct subject s = subject_of_text("{}", TEN_MINUTES);
    struct strbuf bodies[2] = {0};
    struct http_response both[2];
    int64_t start_s = s.query.scope.start_unix_ns / NS_PER_S;

    (void)state;
    s.query.scope.step_s = 10;
    s.query.scope.end_unix_ns = (start_s + 120000) * NS_PER_S;
    begin(&bodies[0]);
    add_series(&bodies[0], 0, start_s, 10, 11000);
    add_series(&bodies[0], 1, start_s, 10, 3);
    strbuf_puts(&bodies[0], "]}}");
    begin(&bodies[1]); /* the other way round, and one that is new */
    strbuf_puts(&bodies[1], "{\"metric\":{\"n\":\"2\"},\"values\":[]}");
    add_series(&bodies[1], 1, start_s + 110000, 10, 1001);
    add_series(&bodies[1], 7, start_s + 110000, 10, 2);
    strbuf_puts(&bodies[1], "]}}");
    for (size_t i = 0; i < 2; i++)
        both[i] = (struct http_response){
            .status = 200, .body = bodies[i].bytes, .n_body_bytes = bodies[i].n_bytes};
    assert_int_equal(ERR_OK, s.type->parse(s.account, &s.query, "up", both, 2, &s.sets, &s.err));
    assert_int_equal(4, s.sets.n_sets);
    assert_int_equal(11000, s.sets.sets[0].n_values);
    assert_int_equal(1004, s.sets.sets[1].n_values);
    assert_near(2.5, s.sets.sets[1].values[2], 0);
    assert_near(0.5, s.sets.sets[1].values[3], 0);
    assert_near(1000.5, s.sets.sets[1].values[1003], 0);
    assert_int_equal(0, s.sets.sets[2].n_values);
    assert_int_equal(2, s.sets.sets[3].n_values);
    strbuf_clear(&bodies[0]);
    strbuf_clear(&bodies[1]);
    arena_free(s.arena);
}

/* Row S13, at the limit and one over. */
static void prometheus_limits(void **state)
{
    static const struct {
        const char *name;
        int n_series;
        size_t n_points, n_labels, n_label_bytes;
        bool is_strict;
        const char *reason;
    } cases[] = {
        {"series", STORE_MAX_SERIES, 1, 0, 0, false, NULL},
        {"too many series", STORE_MAX_SERIES + 1, 1, 0, 0, false, "store_too_many_series"},
        {"points of a series", 1, STORE_MAX_POINTS_PER_SERIES, 0, 0, false, NULL},
        {"too many points", 1, STORE_MAX_POINTS_PER_SERIES + 1, 0, 0, false,
         "store_too_many_points"},
        {"points", 20, STORE_MAX_POINTS / 20, 0, 0, false, NULL},
        {"too many points in all", 21, STORE_MAX_POINTS / 20, 0, 0, false, "store_too_many_points"},
        {"labels", 1, 1, STORE_MAX_LABELS - 1, 1, false, NULL},
        {"too many labels", 1, 1, STORE_MAX_LABELS, 1, false, "store_bad_response"},
        {"label", 1, 1, 1, STORE_MAX_LABEL_BYTES, false, NULL},
        {"label too large", 1, 1, 1, STORE_MAX_LABEL_BYTES + 1, false, "store_bad_response"},
        {"strict grid", 20, 1, 0, 0, true, NULL},
        {"strict grid too large", 21, 1, 0, 0, true, "store_too_many_points"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s =
            subject_of_text(cases[i].is_strict ? "{'strictSeries':true}" : "{}", TEN_MINUTES);
        struct strbuf body = {0};
        enum err_code rc;

        row("%s", cases[i].name);
        if (cases[i].is_strict) /* 50,000 slots each */
            s.query.scope.end_unix_ns =
                s.query.scope.start_unix_ns + (int64_t)49999 * 60 * NS_PER_S;
        begin(&body);
        for (int k = 0; k < cases[i].n_series; k++)
            add_series(&body, k, 1767225600, 1, cases[i].n_points);
        if (cases[i].n_labels) {
            begin(&body);
            strbuf_puts(&body, "{\"metric\":{\"l\":\"1\"");
            for (size_t k = 0; k < cases[i].n_labels; k++) {
                strbuf_printf(&body, ",\"l%zu\":\"", k);
                for (size_t n = 0; n < cases[i].n_label_bytes; n++)
                    strbuf_puts(&body, "x");
                strbuf_puts(&body, "\"");
            }
            strbuf_puts(&body, "},\"values\":[]}");
        }
        strbuf_puts(&body, "]}}");
        rc = parse(&s, "up", body.bytes, body.n_bytes);
        if (cases[i].reason) {
            assert_int_equal(ERR_UPSTREAM, rc);
            assert_string_equal(cases[i].reason, s.err.reason);
        } else {
            assert_int_equal(ERR_OK, rc);
            assert_int_equal(cases[i].n_series, s.sets.n_sets);
        }
        strbuf_clear(&body);
        arena_free(s.arena);
    }
}

static void prometheus_depth_is_bounded(void **state)
{
    struct subject s = subject_of_text("{}", TEN_MINUTES);
    struct strbuf body = {0};

    (void)state;
    strbuf_puts(&body, "{\"x\":");
    for (int i = 0; i < 1000000; i++)
        strbuf_append(&body, "[", 1);
    assert_int_equal(ERR_UPSTREAM, parse(&s, "up", body.bytes, body.n_bytes));
    assert_string_equal("store_bad_response", s.err.reason);
    strbuf_clear(&body);
    arena_free(s.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prometheus_query_texts),
        cmocka_unit_test(prometheus_unsafe_values),
        cmocka_unit_test(prometheus_config_of_wrong_shape),
        cmocka_unit_test(prometheus_query_text_limit),
        cmocka_unit_test(prometheus_recorded_request),
        cmocka_unit_test(prometheus_base_urls),
        cmocka_unit_test(prometheus_post_and_params),
        cmocka_unit_test(prometheus_long_url_becomes_post),
        cmocka_unit_test(prometheus_needs_window_and_step),
        cmocka_unit_test(prometheus_long_windows_are_split),
        cmocka_unit_test(prometheus_aligned_window),
        cmocka_unit_test(prometheus_recorded_replies),
        cmocka_unit_test(prometheus_recorded_errors),
        cmocka_unit_test(prometheus_replies_of_any_shape),
        cmocka_unit_test(prometheus_value_forms),
        cmocka_unit_test(prometheus_unsorted_samples_are_sorted),
        cmocka_unit_test(prometheus_strict_drops_what_is_outside),
        cmocka_unit_test(prometheus_empty_series_keep_the_window),
        cmocka_unit_test(prometheus_warnings_become_an_attribute),
        cmocka_unit_test(prometheus_partial_replies_may_be_kept),
        cmocka_unit_test(prometheus_ranges_are_joined),
        cmocka_unit_test(prometheus_limits),
        cmocka_unit_test(prometheus_depth_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
