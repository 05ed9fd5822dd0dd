/* Streams, backends and expressions: fixtures/replies/atlas/, whose README says where each is from.
 * Hand-written replies stand for what a hostile or broken store may send. */
#include "tests/support.h"

#include "base/instant.h"
#include "base/limits.h"
#include "tests/collector_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "fixtures/replies/atlas/"
#define SINGLE "{'url':'http://h'}"
#define BACKENDS "{'backendsJsonBaseUrl':'https://docs.example.com/','fetchId':'kayenta'}"

static struct subject atlas(const char *account)
{
    return subject_of_text("atlas", account, TEN_MINUTES);
}

/* --- expressions --- */

static void atlas_query_texts(void **state)
{
    (void)state;
    check_query_texts("atlas", FOLDER, 4);
}

static void atlas_scopes(void **state)
{
    static const struct {
        const char *name, *account, *scope, *reason;
    } cases[] = {
        {"several words are the config's business", "{}", "{'scope':'a,:eq,b'}", NULL},
        {"several words, when refused", "{'rejectUnsafeValues':true}", "{'scope':'a,:eq,b'}",
         "unsafe_template_value"},
        {"an operator, when refused", "{'rejectUnsafeValues':true}", "{'scope':':true'}",
         "unsafe_template_value"},
        {"a parenthesis, when refused", "{'rejectUnsafeValues':true}", "{'scope':')'}",
         "unsafe_template_value"},
        {"a line break, when refused", "{'rejectUnsafeValues':true}", "{'scope':'a\\nb'}",
         "unsafe_template_value"},
        {"an expression is one", "{'rejectUnsafeValues':true}",
         "{'scope':'nf.app,a,:eq','extendedScopeParams':{'type':'query'}}", NULL},
        {"no scope", "{}", "{}", "bad_scope"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("atlas", cases[i].account, cases[i].scope);
        const char *text;

        row("%s", cases[i].name);
        assert_int_equal(cases[i].reason ? ERR_INVALID : ERR_OK,
                         subject_query_text(&s, "{'q':'name,x,:eq'}", &text));
        if (cases[i].reason)
            assert_string_equal(cases[i].reason, s.err.reason);
        subject_free(&s);
    }
}

static void atlas_query_text_limit(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct subject s = subject_of_text("atlas", SINGLE, "{'scope':'s'}");
        size_t n =
            TEMPLATE_MAX_EXPANDED_BYTES - strlen(",:list,(,nf.cluster,s,:eq,:cq,),:each") + over;
        char *q = arena_alloc(s.arena, n + 1, 1);
        json_auto_t *config = NULL;
        const char *text;

        row("%zu over", over);
        memset(q, 'a', n);
        s.query.config = config = json_pack("{s:s}", "q", q);
        assert_int_equal(over ? ERR_INVALID : ERR_OK,
                         s.type->query_text(s.account, &s.query, s.arena, &text, &s.err));
        subject_free(&s);
    }
}

static void atlas_needs_an_expression(void **state)
{
    struct subject s = subject_of_text("atlas", SINGLE, "{'scope':'s'}");
    const char *text;

    (void)state;
    assert_int_equal(ERR_INVALID, subject_query_text(&s, "{}", &text));
    assert_string_equal("bad_query", s.err.reason);
    subject_free(&s);
}

/* --- accounts and requests --- */

static void atlas_accounts(void **state)
{
    static const struct {
        const char *account, *base_url, *wrong_key;
    } cases[] = {
        {"{}", "http://localhost", "backendsJsonBaseUrl"},
        {"{'endpoint':{}}", "http://localhost", "backendsJsonBaseUrl"},
        {BACKENDS, "https://docs.example.com", NULL},
        {"{'backendsJsonBaseUrl':'https://docs','endpoint':{'baseUrl':'http://h:7101'}}",
         "http://h:7101", NULL},
        {"{'url':'http://h','api':'graph','scheme':'http'}", "http://h", NULL},
        {"{'url':'http://h','api':'render'}", "http://h", "\"api\""},
        {"{'url':'http://h','scheme':'ftp'}", "http://h", "\"scheme\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = atlas(cases[i].account);

        row("%s", cases[i].account);
        assert_string_equal(cases[i].base_url, s.account->base_url);
        assert_int_equal(90000, s.account->read_timeout_ms);
        assert_int_equal(30000, s.account->connect_timeout_ms);
        assert_int_equal(cases[i].wrong_key ? ERR_SETTINGS : ERR_OK,
                         collector_check_account(s.account, &s.err));
        if (cases[i].wrong_key)
            assert_non_null(strstr(s.err.message, cases[i].wrong_key));
        subject_free(&s);
    }
}

static char *file_of(const char *name, struct http_response *reply)
{
    char path[128];
    char *body;

    snprintf(path, sizeof(path), FOLDER "%s", name);
    body = read_file(path, &reply->n_body_bytes);
    reply->body = body;
    reply->status = 200;
    return body;
}

/* Up to the identifier, which is another one each time, it is 01-...request.txt. */
static void check_recorded_request(const struct http_request *request, const char *host)
{
    char *recorded = read_file(FOLDER "01-two-series-chunked-in-time.request.txt", NULL);
    size_t n = (size_t)(strstr(recorded, "kayentaQueryUUID=") - recorded) + 17;

    assert_string_equal("GET", request->method);
    assert_memory_equal(host, request->url, strlen(host));
    assert_memory_equal(recorded + 4, request->url + strlen(host), n - 4);
    assert_int_equal(strlen(host) + n - 4 + 36, strlen(request->url));
    assert_true(request->is_stream);
    free(recorded);
}

#define RECORDED_QUERY                                                                             \
    "name,http.requests,:eq,statistic,count,:eq,:and,:sum,(,status,),:by,:list,(,nf.cluster,"      \
    "checkout-main,:eq,:cq,),:each"
#define RECORDED_SCOPE                                                                             \
    "{'start':'2026-01-01T00:00:00Z','end':'2026-01-01T00:06:00Z','step':60,"                      \
    "'scope':'checkout-main','location':'prod.us-east-1'}"

/* First the two files, then the server they name, then nothing more. */
static void atlas_finds_the_server_first(void **state)
{
    struct subject s = subject_of_text("atlas", BACKENDS, RECORDED_SCOPE);
    struct http_response replies[3] = {0};
    char *bodies[3];
    struct http_request_list list, more;
    struct http_request asked[3];

    (void)state;
    subject_build(&s, RECORDED_QUERY, &list);
    assert_int_equal(2, list.n_requests);
    assert_string_equal("https://docs.example.com/api/v1/atlas/backends.json",
                        list.requests[0].url);
    assert_string_equal("https://docs.example.com/api/v1/atlas/storage.json", list.requests[1].url);
    bodies[0] = file_of("10-backends.json.response.json", &replies[0]);
    bodies[1] = file_of("11-storage.json.response.json", &replies[1]);
    assert_int_equal(ERR_OK, collector_next(s.type, s.account, &s.query, RECORDED_QUERY, &list,
                                            replies, s.arena, &more, &s.err));
    assert_int_equal(1, more.n_requests);
    check_recorded_request(&more.requests[0], "https://atlas-main.us-east-1.prod.example.com");
    asked[0] = list.requests[0];
    asked[1] = list.requests[1];
    asked[2] = more.requests[0];
    list = (struct http_request_list){asked, 3};
    bodies[2] = file_of("01-two-series-chunked-in-time.response.txt", &replies[2]);
    assert_int_equal(ERR_OK, collector_next(s.type, s.account, &s.query, RECORDED_QUERY, &list,
                                            replies, s.arena, &more, &s.err));
    assert_int_equal(0, more.n_requests);
    assert_int_equal(
        ERR_OK, s.type->parse(s.account, &s.query, RECORDED_QUERY, replies, 3, &s.sets, &s.err));
    assert_int_equal(2, s.sets.n_sets);
    assert_string_equal("https://atlas-main.us-east-1.prod.example.com",
                        tag_map_get(&s.sets.sets[0].attributes, "baseURL"));
    for (size_t i = 0; i < 3; i++)
        free(bodies[i]);
    subject_free(&s);
}

static void atlas_single_server(void **state)
{
    struct subject s =
        subject_of_text("atlas", "{'url':'http://h:7101/','fetchId':'kayenta'}", RECORDED_SCOPE);
    struct http_request_list list, more;
    const struct http_response reply = {.status = 200, .body = ""};

    (void)state;
    subject_build(&s, RECORDED_QUERY, &list);
    assert_int_equal(1, list.n_requests);
    check_recorded_request(&list.requests[0], "http://h:7101");
    assert_int_equal(ERR_OK, collector_next(s.type, s.account, &s.query, RECORDED_QUERY, &list,
                                            &reply, s.arena, &more, &s.err));
    assert_int_equal(0, more.n_requests);
    subject_free(&s);
}

static void atlas_steps(void **state)
{
    static const struct {
        int64_t step_s;
        const char *expected;
    } cases[] = {{60, "&step=PT1M&"},
                 {90, "&step=PT1M30S&"},
                 {3600, "&step=PT1H&"},
                 {86400, "&step=PT24H&"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = atlas(SINGLE);
        struct http_request_list list;

        row("%lld", (long long)cases[i].step_s);
        s.query.scope.step_s = cases[i].step_s;
        subject_build(&s, "q", &list);
        assert_non_null(strstr(list.requests[0].url, cases[i].expected));
        assert_null(strstr(list.requests[0].url, "&id="));
        subject_free(&s);
    }
}

static void atlas_graph_request(void **state)
{
    struct subject s = atlas("{'url':'http://h','api':'graph'}");
    struct http_request_list list;

    (void)state;
    subject_build(&s, "name,x,:eq", &list);
    assert_string_equal("http://h/api/v1/graph?q=name%2Cx%2C%3Aeq&s=1767225600000&e=1767226200000"
                        "&step=PT1M&format=std.json",
                        list.requests[0].url);
    assert_null(list.requests[0].advice);
    subject_free(&s);
}

/* --- which server --- */

/* The host that is asked for a scope, or the error. */
static const char *host_of(struct subject *s, const char *backends, const char *storage)
{
    struct http_response replies[2] = {{.status = 200, .body = backends}, {.status = 200}};
    struct http_request_list list, more;
    const char *end;

    replies[0].n_body_bytes = strlen(backends);
    replies[1].body = storage;
    replies[1].n_body_bytes = strlen(storage);
    subject_build(s, "q", &list);
    if (collector_next(s->type, s->account, &s->query, "q", &list, replies, s->arena, &more,
                       &s->err))
        return s->err.message;
    assert_int_equal(1, more.n_requests);
    end = strstr(more.requests[0].url, "/api/v2/fetch");
    return arena_strndup(s->arena, more.requests[0].url, (size_t)(end - more.requests[0].url));
}

static void atlas_servers(void **state)
{
    static const struct {
        const char *name, *location, *params, *expected;
    } cases[] = {
        {"a target", "prod.us-west-2", "{}", "https://atlas-main.us-west-2.prod.example.com"},
        {"a target without regions", "test.global", "{}", "https://atlas-global.test.example.com"},
        {"a target goes before the account", "prod.us-east-1", "{'accountId':'123456789012'}",
         "https://atlas-main.us-east-1.prod.example.com"},
        {"an account, regional", "eu-west-1", "{'accountId':'123456789012'}",
         "https://atlas-123.eu-west-1.prod.example.com"},
        {"an account, global", "anywhere", "{'accountId':'123456789012','dataset':'global'}",
         "https://atlas-global.prod.example.com"},
        {"an account that is not there", "us-east-1", "{'accountId':'1'}",
         "https://atlas-main.us-east-1.test.example.com"},
        {"a region", "us-east-1", "{}", "https://atlas-main.us-east-1.test.example.com"},
        {"a region and an environment", "us-west-2", "{'environment':'prod'}",
         "https://atlas-main.us-west-2.prod.example.com"},
        {"a dataset for all regions", "eu-west-1", "{'dataset':'global'}",
         "https://atlas-global.test.example.com"},
        {"an unknown region", "eu-west-1", "{}",
         "Unable to find an appropriate Atlas cluster for location=eu-west-1 accountId=null "
         "dataset=regional deployment=main environment=test."},
        {"an unknown deployment", "us-east-1", "{'deployment':'canary'}",
         "Unable to find an appropriate Atlas cluster for location=us-east-1 accountId=null "
         "dataset=regional deployment=canary environment=test."},
        {"an unknown environment", "us-east-1", "{'environment':'x'}",
         "Unable to find an appropriate Atlas cluster for location=us-east-1 accountId=null "
         "dataset=regional deployment=main environment=x."},
    };
    char *backends = read_file(FOLDER "10-backends.json.response.json", NULL);
    char *storage = read_file(FOLDER "11-storage.json.response.json", NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char scope[512];
        struct subject s;

        row("%s", cases[i].name);
        snprintf(scope, sizeof(scope),
                 "{'start':'2026-01-01T00:00:00Z','end':'2026-01-01T00:10:00Z','step':60,"
                 "'scope':'s','location':'%s','extendedScopeParams':%s}",
                 cases[i].location, cases[i].params);
        s = subject_of_text("atlas", BACKENDS, scope);
        assert_string_equal(cases[i].expected, host_of(&s, backends, storage));
        subject_free(&s);
    }
    free(backends);
    free(storage);
}

/* Neither a scope nor a file can lead to what is no host. */
static void atlas_hosts_are_hosts(void **state)
{
    static const char any_region[] =
        "[{\"cname\":\"atlas.$(region)\",\"deployment\":\"main\",\"dataset\":\"regional\"}]";
    static const struct {
        const char *name, *location, *backends, *storage, *expected;
    } cases[] = {
        {"one label", "eu-1", any_region, "{\"atlas_storage\":{}}", "https://atlas.eu-1"},
        {"a whole domain", "evil.example", any_region, "{\"atlas_storage\":{}}", NULL},
        {"a path", "x/y", any_region, "{\"atlas_storage\":{}}", NULL},
        {"user info", "x@evil", any_region, "{\"atlas_storage\":{}}", NULL},
        {"nothing", "", any_region, "{\"atlas_storage\":{}}", NULL},
        {"a port", "t", "[{\"target\":\"t\",\"cname\":\"atlas:7101\"}]", "{\"atlas_storage\":{}}",
         "https://atlas:7101"},
        {"a port that is none", "t", "[{\"target\":\"t\",\"cname\":\"atlas:80x\"}]",
         "{\"atlas_storage\":{}}", NULL},
        {"a URL", "t", "[{\"target\":\"t\",\"cname\":\"http://h/\"}]", "{\"atlas_storage\":{}}",
         NULL},
        {"a query", "t", "[{\"target\":\"t\",\"cname\":\"h?x\"}]", "{\"atlas_storage\":{}}", NULL},
        {"no name", "t", "[{\"target\":\"t\"}]", "{\"atlas_storage\":{}}", NULL},
        {"a name not filled in", "t", "[{\"target\":\"t\",\"cname\":\"a.$(env).b\"}]",
         "{\"atlas_storage\":{}}", NULL},
        {"no list", "t", "{}", "{\"atlas_storage\":{}}", NULL},
        {"list of something else", "t", "[1,null,[]]", "{\"atlas_storage\":{}}", NULL},
        {"no storage", "t", "[{\"target\":\"t\",\"cname\":\"h\"}]", "{}", NULL},
        {"no JSON", "t", "<html>", "{\"atlas_storage\":{}}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = atlas(BACKENDS);
        const char *got;

        row("%s", cases[i].name);
        s.query.scope.location = cases[i].location;
        got = host_of(&s, cases[i].backends, cases[i].storage);
        if (cases[i].expected)
            assert_string_equal(cases[i].expected, got);
        else
            assert_int_equal(ERR_UPSTREAM, s.err.code);
        subject_free(&s);
    }
}

/* --- streams --- */

static void check_case(const char *path)
{
    json_auto_t *text = json_of_file(path);
    const json_t *input = json_object_get(text, "input");
    const json_t *want = case_expected(text, false);
    const char *query = json_string_value(json_object_get(input, "query"));
    json_auto_t *account =
        json_pack("{s:s}", "url", "https://atlas-main.us-east-1.prod.example.com");
    struct subject s = subject_of("atlas", account, json_object_get(input, "scope"));
    char other[256];
    struct http_request_list list;
    struct str body;

    row("%s", path);
    s.query.metric_name = json_string_value(json_object_get(input, "metricName"));
    snprintf(other, sizeof(other), "%.*s.response.txt", (int)(strlen(path) - strlen(".case.json")),
             path);
    body.bytes = read_file(other, &body.n_bytes);
    subject_build(&s, query, &list);
    if (json_is_array(want)) {
        assert_int_equal(ERR_OK, subject_parse(&s, query, body.bytes, body.n_bytes));
        check_sets(want, &s.sets);
        for (size_t i = 0; i < s.sets.n_sets; i++)
            assert_int_equal(2, s.sets.sets[i].attributes.n_items);
        assert_int_equal(REPLY_BY_STATUS, list.requests[0].advice(200, body));
    } else {
        assert_int_equal(ERR_UPSTREAM, subject_parse(&s, query, body.bytes, body.n_bytes));
        assert_non_null(strstr(s.err.message, json_string_value(json_object_get(want, "error"))));
        assert_non_null(strstr(s.err.message, "Atlas response did not end in a 'close'"));
        assert_true(json_is_true(json_object_get(want, "retryable")));
        assert_int_equal(REPLY_ASK_AGAIN, list.requests[0].advice(200, body));
    }
    free((char *)(uintptr_t)body.bytes);
    subject_free(&s);
}

static void atlas_recorded_replies(void **state)
{
    (void)state;
    check_cases(FOLDER, 3, check_case);
}

static void atlas_recorded_errors(void **state)
{
    static const struct {
        const char *path, *reason, *words;
        enum reply_advice advice;
    } cases[] = {
        {FOLDER "04-fatal-error.response.txt", "store_error", "unknown word ':eqx'",
         REPLY_IS_FINAL},
        {FOLDER "05-retryable-error.response.txt", "store_unavailable", "TimeoutException",
         REPLY_ASK_AGAIN},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = atlas(SINGLE);
        struct http_request_list list;
        size_t n_bytes;
        char *body = read_file(cases[i].path, &n_bytes);

        row("%s", cases[i].path);
        subject_build(&s, "q", &list);
        assert_int_equal(ERR_UPSTREAM, subject_parse(&s, "q", body, n_bytes));
        assert_string_equal(cases[i].reason, s.err.reason);
        assert_non_null(strstr(s.err.message, cases[i].words));
        assert_int_equal(cases[i].advice,
                         list.requests[0].advice(200, (struct str){body, n_bytes}));
        free(body);
        subject_free(&s);
    }
}

#define MESSAGE(more) "data: {'type':'timeseries','id':'a'" more "}\n\n"
#define WINDOW ",'start':1767225600000,'end':1767225720000,'step':60000"
#define SERIES(more) MESSAGE(WINDOW ",'data':{'type':'array','values':[1,2]}" more)
#define CLOSE "data: {'type':'close'}\n\n"

/* Whether a reply is asked for again; what the parser makes of it is below. */
static void atlas_retries(void **state)
{
    static const struct {
        const char *name, *body;
        long status;
        enum reply_advice advice;
    } cases[] = {
        {"whole", SERIES("") CLOSE, 200, REPLY_BY_STATUS},
        {"whole with a blank after each colon", "data: {'type': 'close'}\n", 200, REPLY_BY_STATUS},
        {"whole with the type last", "data: {'message':'x','type':'close'}", 200, REPLY_BY_STATUS},
        {"heartbeat after the end", CLOSE "data: {'type':'info'}\n", 200, REPLY_BY_STATUS},
        {"series after the end", CLOSE SERIES(""), 200, REPLY_ASK_AGAIN},
        {"nothing", "", 200, REPLY_ASK_AGAIN},
        {"blank lines", "\r\n\n", 200, REPLY_ASK_AGAIN},
        {"comments only", ": hello\n\nevent: x\nid: 1\nretry: 5\n", 200, REPLY_ASK_AGAIN},
        {"cut in a message", SERIES("") "data: {'type':'clo", 200, REPLY_ASK_AGAIN},
        {"no JSON", "data: hello\n" CLOSE, 200, REPLY_ASK_AGAIN},
        {"empty data", "data:\n" CLOSE, 200, REPLY_ASK_AGAIN},
        {"an error that may pass", "data: {'type':'error','message':'x'}\n" CLOSE, 200,
         REPLY_ASK_AGAIN},
        {"an error for good", "data: {'type':'error','message':'IllegalStateException: x'}\n" CLOSE,
         200, REPLY_IS_FINAL},
        {"login page", "<html>", 200, REPLY_IS_FINAL},
        {"an error by status", "<html>", 503, REPLY_BY_STATUS},
    };
    struct subject s = atlas(SINGLE);
    struct http_request_list list;

    (void)state;
    subject_build(&s, "q", &list);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *body = strdup(cases[i].body);

        row("%s", cases[i].name);
        for (char *c = body; *c; c++)
            if (*c == '\'')
                *c = '"';
        assert_int_equal(cases[i].advice, list.requests[0].advice(cases[i].status, str_of(body)));
        free(body);
    }
    subject_free(&s);
}

/* Rows S1, S2, S9 to S11 and S13 to S16 of the bad-input catalogue. */
static const struct shaped_reply replies[] = {
    {"empty", "", "store_bad_response"},
    {"login page", "<html><body>Sign in</body></html>", "store_bad_response"},
    {"JSON without a stream", "{'type':'close'}", "store_bad_response"},
    {"no data", CLOSE, NULL},
    {"line ends of another kind", "data: {'type':'close'}\r\n\r\n", NULL},
    {"no blank after the colon", "data:{'type':'close'}", NULL},
    {"comments and other fields", ": x\nevent: y\nid: z\nretry: 1\n" CLOSE, NULL},
    {"no close", SERIES(""), "store_bad_response"},
    {"a series after the end", CLOSE SERIES(""), "store_bad_response"},
    {"no message", "\n\n", "store_bad_response"},
    {"no JSON", "data: hello\n" CLOSE, "store_bad_response"},
    {"a list", "data: []\n" CLOSE, "store_bad_response"},
    {"null", "data: null\n" CLOSE, "store_bad_response"},
    {"two documents", "data: {'type':'close'}{}\n" CLOSE, "store_bad_response"},
    {"an error", "data: {'type':'error','message':'x'}\n" CLOSE, "store_unavailable"},
    {"an error without words", "data: {'type':'error'}\n" CLOSE, "store_unavailable"},
    {"an error for good", "data: {'type':'error','message':'IllegalStateException'}\n" CLOSE,
     "store_error"},
    {"an error after series", SERIES("") "data: {'type':'error','message':'x'}\n" CLOSE,
     "store_unavailable"},
    {"unknown types", "data: {'type':'diagnostic','values':[{}]}\ndata: {}\n" CLOSE, NULL},
    {"type of another kind", "data: {'type':1}\n" CLOSE, NULL},
    {"series", SERIES("") CLOSE, NULL},
    {"series without id", "data: {'type':'timeseries'" WINDOW ",'data':{'values':[1,2]}}\n" CLOSE,
     "store_bad_response"},
    {"series without data", MESSAGE(WINDOW) CLOSE, "store_bad_response"},
    {"series of no length",
     MESSAGE(",'start':1767225600000,'end':1767225600000,'step':60000,'data':{'values':[]}") CLOSE,
     NULL},
    {"series without step",
     MESSAGE(",'start':1767225600000,'end':1767225720000,'data':{'values':[1,2]}") CLOSE,
     "store_bad_response"},
    {"step 0", MESSAGE(",'start':1,'end':2,'step':0,'data':{'values':[1]}") CLOSE,
     "store_bad_response"},
    {"step far too long", MESSAGE(",'start':1,'end':2,'step':1e300,'data':{'values':[1]}") CLOSE,
     "store_bad_response"},
    {"end before start", MESSAGE(",'start':2,'end':1,'step':1,'data':{'values':[1]}") CLOSE,
     "store_bad_response"},
    {"start a text", MESSAGE(",'start':'1','end':2,'step':1,'data':{'values':[1]}") CLOSE,
     "store_bad_response"},
    {"time beyond reason",
     MESSAGE(",'start':1e300,'end':1e300,'step':1,'data':{'values':[]}") CLOSE,
     "store_bad_response"},
    {"too few values", MESSAGE(WINDOW ",'data':{'values':[1]}") CLOSE, "store_bad_response"},
    {"too many values", MESSAGE(WINDOW ",'data':{'values':[1,2,3]}") CLOSE, "store_bad_response"},
    {"value null", MESSAGE(WINDOW ",'data':{'values':[null,1]}") CLOSE, NULL},
    {"value abc", MESSAGE(WINDOW ",'data':{'values':['abc',1]}") CLOSE, "store_bad_response"},
    {"value true", MESSAGE(WINDOW ",'data':{'values':[true,1]}") CLOSE, "store_bad_response"},
    {"value a list", MESSAGE(WINDOW ",'data':{'values':[[],1]}") CLOSE, "store_bad_response"},
    {"value bare NaN", MESSAGE(WINDOW ",'data':{'values':[NaN,1]}") CLOSE, "store_bad_response"},
    {"values an object", MESSAGE(WINDOW ",'data':{'values':{}}") CLOSE, "store_bad_response"},
    {"two steps",
     SERIES("") MESSAGE(",'start':0,'end':2000,'step':1000,'data':{'values':[1,2]}") CLOSE,
     "store_bad_response"},
    {"chunks too far apart",
     SERIES("") MESSAGE(",'start':0,'end':120000,'step':60000,'data':{'values':[1,2]}") CLOSE,
     "store_too_many_points"},
    {"tag a number", SERIES(",'tags':{'a':1}") CLOSE, "store_bad_response"},
    {"tag an object", SERIES(",'tags':{'a':{}}") CLOSE, "store_bad_response"},
    {"tag twice", SERIES(",'tags':{'a':'1','a':'2'}") CLOSE, "store_bad_response"},
    {"tag with NUL", SERIES(",'tags':{'a':'\\u0000'}") CLOSE, "store_bad_response"},
    {"tag of bad UTF-8", SERIES(",'tags':{'a':'\xff'}") CLOSE, "store_bad_response"},
    {"group key a number", SERIES(",'groupByKeys':[1]") CLOSE, "store_bad_response"},
    {"group keys an object", SERIES(",'groupByKeys':{}") CLOSE, "store_bad_response"},
    {"group keys null", SERIES(",'groupByKeys':null") CLOSE, NULL},
    {"a group key without a tag", SERIES(",'groupByKeys':['x']") CLOSE, NULL},
};

static void atlas_replies_of_any_shape(void **state)
{
    (void)state;
    check_shaped_replies("atlas", SINGLE, replies, ARRAY_LEN(replies));
}

/* Chunks out of order, one missing, two that overlap: the value that came first counts. */
static void atlas_chunks_are_put_together(void **state)
{
    static const double want[] = {1, 2, NAN, NAN, 5, 6, 70};
    struct subject s = atlas(SINGLE);
    const struct metric_set *set;

    (void)state;
    assert_int_equal(
        ERR_OK,
        subject_parse_text(
            &s, "q",
            MESSAGE(",'start':1767225840000,'end':1767225960000,'step':60000,"
                    "'data':{'values':[5,6]},'groupByKeys':['b','a'],"
                    "'tags':{'a':'1','b':'2','name':'x','nf.cluster':'c'}")
                MESSAGE(",'start':1767225600000,'end':1767225720000,'step':60000,"
                        "'data':{'values':[1,2]},'groupByKeys':['name'],'tags':{'name':'y'}")
                    MESSAGE(",'start':1767225900000,'end':1767226020000,'step':60000,"
                            "'data':{'values':[60,70]}") CLOSE));
    assert_int_equal(1, s.sets.n_sets);
    set = &s.sets.sets[0];
    assert_int_equal(2, set->tags.n_items);
    assert_string_equal("1", tag_map_get(&set->tags, "a"));
    assert_string_equal("2", tag_map_get(&set->tags, "b"));
    assert_int_equal(1767225600000, set->start_unix_ms);
    assert_int_equal(1767226020000, set->end_unix_ms);
    assert_int_equal(ARRAY_LEN(want), set->n_values);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_near(want[i], set->values[i], 0);
    subject_free(&s);
}

/* A series that begins late and ends early has the whole window with strictSeries. */
static void atlas_strict_pads_to_the_window(void **state)
{
    static const char body[] = MESSAGE(",'start':1767225720000,'end':1767225840000,'step':60000,"
                                       "'data':{'values':[3,'Infinity']}") CLOSE;
    struct subject plain = atlas(SINGLE);
    struct subject strict = atlas("{'url':'http://h','strictSeries':true}");
    const struct metric_set *set;

    (void)state;
    assert_int_equal(ERR_OK, subject_parse_text(&plain, "q", body));
    assert_int_equal(2, plain.sets.sets[0].n_values);
    assert_int_equal(ERR_OK, subject_parse_text(&strict, "q", body));
    set = &strict.sets.sets[0];
    assert_int_equal(1767225600000, set->start_unix_ms);
    assert_int_equal(1767226200000, set->end_unix_ms);
    assert_int_equal(10, set->n_values);
    assert_near(NAN, set->values[0], 0);
    assert_near(NAN, set->values[1], 0);
    assert_near(3, set->values[2], 0);
    assert_near(INFINITY, set->values[3], 0);
    for (size_t i = 4; i < 10; i++)
        assert_near(NAN, set->values[i], 0);
    subject_free(&plain);
    subject_free(&strict);
}

/* Row S13, at the limit and one over. */
static void atlas_limits(void **state)
{
    static const struct {
        const char *name;
        size_t n_series, n_points, n_tags, n_tag_bytes;
        const char *reason;
    } cases[] = {
        {"series", STORE_MAX_SERIES, 1, 0, 0, NULL},
        {"too many series", STORE_MAX_SERIES + 1, 1, 0, 0, "store_too_many_series"},
        {"points of a series", 1, STORE_MAX_POINTS_PER_SERIES, 0, 0, NULL},
        {"too many points", 1, STORE_MAX_POINTS_PER_SERIES + 1, 0, 0, "store_too_many_points"},
        {"points", 20, STORE_MAX_POINTS / 20, 0, 0, NULL},
        {"too many points in all", 21, STORE_MAX_POINTS / 20, 0, 0, "store_too_many_points"},
        {"tags", 1, 1, STORE_MAX_LABELS, 1, NULL},
        {"too many tags", 1, 1, STORE_MAX_LABELS + 1, 1, "store_bad_response"},
        {"tag", 1, 1, 1, STORE_MAX_LABEL_BYTES, NULL},
        {"tag too large", 1, 1, 1, STORE_MAX_LABEL_BYTES + 1, "store_bad_response"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = atlas(SINGLE);
        struct strbuf body = {0};
        enum err_code rc;

        row("%s", cases[i].name);
        for (size_t k = 0; k < cases[i].n_series; k++) {
            strbuf_printf(&body,
                          "data: {\"type\":\"timeseries\",\"id\":\"%zu\",\"start\":1767225600000,"
                          "\"end\":%zu,\"step\":60000,\"data\":{\"values\":[",
                          k, 1767225600000 + 60000 * cases[i].n_points);
            for (size_t n = 0; n < cases[i].n_points; n++)
                strbuf_puts(&body, n ? ",2.5" : "2.5");
            strbuf_puts(&body, "]},\"tags\":{");
            for (size_t n = 0; n < cases[i].n_tags; n++) {
                strbuf_printf(&body, "%s\"l%zu\":\"", n ? "," : "", n);
                for (size_t x = 0; x < cases[i].n_tag_bytes; x++)
                    strbuf_append(&body, "x", 1);
                strbuf_append(&body, "\"", 1);
            }
            strbuf_puts(&body, "}}\n\n");
        }
        strbuf_puts(&body, "data: {\"type\":\"close\"}\n");
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

static void atlas_secrets_stay_secret(void **state)
{
    struct subject s = atlas("{'url':'http://h','bearerToken':'canary-5d1e'}");

    (void)state;
    assert_int_equal(
        ERR_UPSTREAM,
        subject_parse_text(&s, "q", "data: {'type':'error','message':'no canary-5d1e'}\n"));
    assert_string_equal("the query failed: no ***", s.err.message);
    s.err = (struct error){0};
    assert_int_equal(ERR_UPSTREAM,
                     subject_check_reply(&s, "canary-5d1e", 400,
                                         "{\"type\":\"error\",\"message\":\"x canary-5d1e\"}"));
    assert_null(strstr(s.err.message, "5d1e"));
    assert_non_null(strstr(s.err.message, "Message: x ***"));
    subject_free(&s);
}

/* --- graphs --- */

#define GRAPH(rows)                                                                                \
    "{'start':1767225600000,'step':60000,'legend':['a'],'metrics':[{'a':'1'}]," rows "}"

static const struct shaped_reply graphs[] = {
    {"empty", "", "store_bad_response"},
    {"object without anything", "{}", "store_bad_response"},
    {"list", "[]", "store_bad_response"},
    {"values null", GRAPH("'values':null"), "store_bad_response"},
    {"no rows", GRAPH("'values':[]"), NULL},
    {"rows", GRAPH("'values':[[1],['NaN'],[null]]"), NULL},
    {"values twice", GRAPH("'values':[[1]],'values':[[2]]"), "store_bad_response"},
    {"a row that is a number", GRAPH("'values':[1]"), "store_bad_response"},
    {"a longer row", GRAPH("'values':[[1],[1,2]]"), "store_bad_response"},
    {"a shorter row", GRAPH("'values':[[1],[]]"), "store_bad_response"},
    {"more columns than metrics", GRAPH("'values':[[1,2]]"), "store_bad_response"},
    {"value abc", GRAPH("'values':[['abc']]"), "store_bad_response"},
    {"value a list", GRAPH("'values':[[[1]]]"), "store_bad_response"},
    {"bare NaN", GRAPH("'values':[[NaN]]"), "store_bad_response"},
    {"no start", "{'step':60000,'metrics':[{}],'values':[[1]]}", "store_bad_response"},
    {"no step", "{'start':0,'metrics':[{}],'values':[[1]]}", "store_bad_response"},
    {"step 0", "{'start':0,'step':0,'metrics':[{}],'values':[[1]]}", "store_bad_response"},
    {"start a text", "{'start':'0','step':1000,'metrics':[{}],'values':[[1]]}",
     "store_bad_response"},
    {"metric a list", "{'start':0,'step':1000,'metrics':[[]],'values':[[1]]}",
     "store_bad_response"},
    {"tag a number", "{'start':0,'step':1000,'metrics':[{'a':1}],'values':[[1]]}",
     "store_bad_response"},
    {"metrics after the values", "{'values':[[1]],'metrics':[{}],'step':1000,'start':0}", NULL},
};

static void atlas_graphs_of_any_shape(void **state)
{
    (void)state;
    check_shaped_replies("atlas", "{'url':'http://h','api':'graph'}", graphs, ARRAY_LEN(graphs));
}

/* Only what the query groups by tells lines apart. */
static void atlas_graph(void **state)
{
    static const char body[] =
        "{'start':1767225600000,'step':60000,'legend':['x','y'],'metrics':[{'status':'200',"
        "'name':'n','nf.cluster':'c'},{'status':'500','name':'n','nf.cluster':'c'}],"
        "'values':[[1,'NaN'],[2,20],[3,30]],'notices':[]}";
    static const struct {
        const char *query;
        size_t n_tags;
    } cases[] = {
        {"name,n,:eq,:sum,(,status,),:by,:list,(,nf.cluster,c,:eq,:cq,),:each", 1},
        {"name,n,:eq,:sum,(,name,status,),:by", 2},
        {"name,n,:eq,(,name,),:by,:max,(,nf.cluster,),:by", 1},
        {"name,n,:eq,:sum", 0},
        {",),:by", 0},
        {"(,),:by", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = atlas("{'url':'http://h','api':'graph'}");
        const struct metric_set *set;

        row("%s", cases[i].query);
        assert_int_equal(ERR_OK, subject_parse_text(&s, cases[i].query, body));
        assert_int_equal(2, s.sets.n_sets);
        set = &s.sets.sets[1];
        assert_int_equal(cases[i].n_tags, set->tags.n_items);
        assert_int_equal(1767225600000, set->start_unix_ms);
        assert_int_equal(1767225780000, set->end_unix_ms);
        assert_int_equal(3, set->n_values);
        assert_near(NAN, set->values[0], 0);
        assert_near(30, set->values[2], 0);
        assert_near(2, s.sets.sets[0].values[1], 0);
        assert_string_equal("http://h", tag_map_get(&set->attributes, "baseURL"));
        subject_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(atlas_query_texts),
        cmocka_unit_test(atlas_scopes),
        cmocka_unit_test(atlas_query_text_limit),
        cmocka_unit_test(atlas_needs_an_expression),
        cmocka_unit_test(atlas_accounts),
        cmocka_unit_test(atlas_finds_the_server_first),
        cmocka_unit_test(atlas_single_server),
        cmocka_unit_test(atlas_steps),
        cmocka_unit_test(atlas_graph_request),
        cmocka_unit_test(atlas_servers),
        cmocka_unit_test(atlas_hosts_are_hosts),
        cmocka_unit_test(atlas_recorded_replies),
        cmocka_unit_test(atlas_recorded_errors),
        cmocka_unit_test(atlas_retries),
        cmocka_unit_test(atlas_replies_of_any_shape),
        cmocka_unit_test(atlas_chunks_are_put_together),
        cmocka_unit_test(atlas_strict_pads_to_the_window),
        cmocka_unit_test(atlas_limits),
        cmocka_unit_test(atlas_secrets_stay_secret),
        cmocka_unit_test(atlas_graphs_of_any_shape),
        cmocka_unit_test(atlas_graph),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
