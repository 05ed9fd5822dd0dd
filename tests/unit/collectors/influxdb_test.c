/* Recorded replies and query texts: fixtures/replies/influxdb/, whose README says where each is
 * from. Hand-written replies stand for what a hostile or broken store may send. */
#include "tests/support.h"

#include "base/instant.h"
#include "base/limits.h"
#include "tests/collector_case.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "fixtures/replies/influxdb/"
#define TEMPLATE "SELECT a FROM b WHERE ${scope} AND ${timeFilter}"

static struct subject influxdb(const char *account)
{
    return subject_of_text("influxdb", account, TEN_MINUTES);
}

/* The query text of a template, or of a measurement where it has no blank. */
static enum err_code text_of(struct subject *s, const char *template, const char **out)
{
    json_auto_t *config =
        json_pack("{s:s}", strchr(template, ' ') ? "customInlineTemplate" : "metricName", template);

    s->query.config = config;
    return s->type->query_text(s->account, &s->query, s->arena, out, &s->err);
}

/* --- query texts --- */

static void influxdb_query_texts(void **state)
{
    (void)state;
    check_query_texts("influxdb", FOLDER, 10);
}

/* Row T6 and the rules of a scope. */
static void influxdb_scopes(void **state)
{
    static const struct {
        const char *name, *account, *scope, *condition, *reason;
    } cases[] = {
        {"plain", "{}", "sg:checkout-v042", " AND sg = 'checkout-v042'", NULL},
        {"none", "{}", NULL, "", NULL},
        {"dots in the name", "{}", "a.b_2:x", " AND a.b_2 = 'x'", NULL},
        {"a dash in the name", "{}", "server-group:x", " AND \"server-group\" = 'x'", NULL},
        {"no value", "{}", "sg:", " AND sg = ''", NULL},
        {"a quote is escaped", "{}", "sg:x' OR 'a'='a", " AND sg = 'x\\' OR \\'a\\'=\\'a'", NULL},
        {"a backslash is escaped", "{}", "sg:x\\", " AND sg = 'x\\\\'", NULL},
        {"a double quote stands for itself", "{}", "sg:\"x", " AND sg = '\"x'", NULL},
        {"a variable is not looked at again", "{}", "sg:${step}", " AND sg = '${step}'", NULL},
        {"no colon", "{}", "checkout", NULL, "bad_scope"},
        {"two colons", "{}", "a:b:c", NULL, "bad_scope"},
        {"no name", "{}", ":x", NULL, "bad_scope"},
        {"a quote in the name", "{}", "a\"b:x", NULL, "bad_scope"},
        {"a blank in the name", "{}", "a b:x", NULL, "bad_scope"},
        {"a digit first", "{}", "1a:x", NULL, "bad_scope"},
        {"a line break", "{}", "sg:x\ny", NULL, "unsafe_template_value"},
        {"a second statement", "{}", "sg:x; DROP DATABASE d", NULL, "bad_query"},
        {"a comment", "{}", "sg:x--", NULL, "bad_query"},
        {"a quote, when refused", "{'rejectUnsafeValues':true}", "sg:x'y", NULL,
         "unsafe_template_value"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = influxdb(cases[i].account);
        const char *text = NULL;
        enum err_code rc;

        row("%s", cases[i].name);
        s.query.scope.scope = cases[i].scope;
        rc = text_of(&s, "cpu", &text);
        if (cases[i].reason) {
            assert_int_equal(ERR_INVALID, rc);
            assert_string_equal(cases[i].reason, s.err.reason);
        } else {
            static const char before[] =
                "SELECT *::field FROM cpu WHERE time >= '2026-01-01T00:00:00Z' AND "
                "time < '2026-01-01T00:10:00Z'";

            assert_int_equal(ERR_OK, rc);
            assert_memory_equal(before, text, strlen(before));
            assert_string_equal(cases[i].condition, text + strlen(before));
        }
        subject_free(&s);
    }
}

/* Only one SELECT, in whatever letters, without INTO. */
static void influxdb_statements(void **state)
{
    static const struct {
        const char *text;
        bool is_fine;
    } cases[] = {
        {TEMPLATE, true},
        {" \n select a FROM b WHERE ${scope} AND ${timeFilter}", true},
        {"DELETE FROM b WHERE ${scope} AND ${timeFilter}", false},
        {"DROP MEASUREMENT b /* ${scope} ${timeFilter} */", false},
        {"EXPLAIN SELECT a FROM b WHERE ${scope} AND ${timeFilter}", false},
        {"SELECTED a FROM b WHERE ${scope} AND ${timeFilter}", false},
        {"/**/SELECT a FROM b WHERE ${scope} AND ${timeFilter}", false},
        {"SELECT a INTO c FROM b WHERE ${scope} AND ${timeFilter}", false},
        {"SELECT a\tinTO\nc FROM b WHERE ${scope} AND ${timeFilter}", false},
        {"SELECT a/**/INTO/**/c FROM b WHERE ${scope} AND ${timeFilter}", false},
        {"SELECT (a)INTO\"c\"FROM b WHERE ${scope} AND ${timeFilter}", false},
        {"SELECT /a'/ INTO c FROM b WHERE x = 'y' AND ${scope} AND ${timeFilter}", false},
        {"SELECT a /* ' */ INTO c /* ' */ FROM b WHERE ${scope} AND ${timeFilter}", false},
        {"SELECT 'x\\' INTO c' FROM b WHERE ${scope} AND ${timeFilter}", true},
        {"SELECT \"a INTO b\" FROM b WHERE ${scope} AND ${timeFilter}", true},
        {"SELECT into_x, x_into, intox FROM b WHERE ${scope} AND ${timeFilter}", true},
        {"SELECT a FROM b WHERE host =~ /v0[0-9]+/ AND ${scope} AND ${timeFilter}", true},
        {TEMPLATE "; SELECT b FROM c", false},
        {TEMPLATE " AND x = 'a;b'", false},
        {TEMPLATE " -- x", false},
        {TEMPLATE " AND x = 'SHOW TAG'", false},
        {TEMPLATE " AND x = 'show tag'", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = influxdb("{}");
        const char *text;

        row("%s", cases[i].text);
        s.query.scope.scope = "sg:x";
        assert_int_equal(cases[i].is_fine ? ERR_OK : ERR_INVALID,
                         text_of(&s, cases[i].text, &text));
        if (!cases[i].is_fine)
            assert_string_equal("Query type not allowed.", s.err.message);
        subject_free(&s);
    }
}

static void influxdb_templates(void **state)
{
    static const struct {
        const char *template, *expected;
    } cases[] = {
        {"SELECT a FROM b WHERE $\\{scope} AND $\\{timeFilter} GROUP BY time($\\{step})",
         "SELECT a FROM b WHERE sg = 'x' AND time >= '2026-01-01T00:00:00Z' AND "
         "time < '2026-01-01T00:10:00Z' GROUP BY time(60s)"},
        {"SELECT a FROM b WHERE ${scope} AND ${timeFilter} AND (${scope}) ${other}",
         "SELECT a FROM b WHERE sg = 'x' AND time >= '2026-01-01T00:00:00Z' AND "
         "time < '2026-01-01T00:10:00Z' AND (sg = 'x') ${other}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = influxdb("{}");
        const char *text = NULL;

        row("%s", cases[i].template);
        s.query.scope.scope = "sg:x";
        assert_int_equal(ERR_OK, text_of(&s, cases[i].template, &text));
        assert_string_equal(cases[i].expected, text);
        subject_free(&s);
    }
}

/* What is wrong first is what is said. */
static void influxdb_order_of_checks(void **state)
{
    struct subject s = subject_of_text("influxdb", "{}", "{'end':'2026-01-01T00:10:00Z'}");
    const char *text;

    (void)state;
    assert_int_equal(ERR_INVALID, subject_query_text(&s, "{'fields':['a']}", &text));
    assert_string_equal("Measurement is required to query metrics", s.err.message);
    s.err = (struct error){0};
    assert_int_equal(ERR_INVALID, text_of(&s, "SELECT a; b", &text));
    assert_string_equal("Start time is required.", s.err.message);
    s.err = (struct error){0};
    s.query.scope.has_start = true;
    assert_int_equal(ERR_INVALID, text_of(&s, "SELECT a; b", &text));
    assert_string_equal("${timeFilter} is required in query", s.err.message);
    s.err = (struct error){0};
    assert_int_equal(ERR_INVALID, text_of(&s, TEMPLATE, &text)); /* a template needs a scope */
    assert_string_equal("bad_scope", s.err.reason);
    subject_free(&s);
}

static void influxdb_config_of_wrong_shape(void **state)
{
    static const char *const configs[] = {
        "{'metricName':'m','fields':'a'}",
        "{'metricName':'m','fields':['a',1]}",
        "{'metricName':'m','fields':{}}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        struct subject s = influxdb("{}");
        const char *text;

        row("%s", configs[i]);
        assert_int_equal(ERR_INVALID, subject_query_text(&s, configs[i], &text));
        assert_string_equal("bad_type", s.err.reason);
        subject_free(&s);
    }
}

static void influxdb_query_text_limit(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct subject s = influxdb("{}");
        static const char around[] = "SELECT *::field FROM  WHERE time >= '2026-01-01T00:00:00Z' "
                                     "AND time < '2026-01-01T00:10:00Z'";
        size_t n = TEMPLATE_MAX_EXPANDED_BYTES - strlen(around) + over;
        char *name = arena_alloc(s.arena, n + 1, 1);
        const char *text;

        row("%zu over", over);
        memset(name, 'a', n);
        assert_int_equal(over ? ERR_INVALID : ERR_OK, text_of(&s, name, &text));
        if (over)
            assert_string_equal("template_too_large", s.err.reason);
        subject_free(&s);
    }
}

/* --- accounts and requests --- */

static void influxdb_requests(void **state)
{
    static const struct {
        const char *account, *url, *authorization;
    } cases[] = {
        {"{}", "http://localhost/query?db=m&q=SELECT%20a%20%2B%20%27b%27", NULL},
        {"{'baseUrl':'https://h/influx/','database':'d b','retentionPolicy':'two weeks'}",
         "https://h/influx/query?db=d%20b&q=SELECT%20a%20%2B%20%27b%27&rp=two%20weeks", NULL},
        {"{'epoch':'ms','token':'t0ken'}",
         "http://localhost/query?db=m&q=SELECT%20a%20%2B%20%27b%27&epoch=ms", "Token t0ken"},
        {"{'bearerToken':'t0ken'}", "http://localhost/query?db=m&q=SELECT%20a%20%2B%20%27b%27",
         "Bearer t0ken"},
        {"{'username':'u','password':'p'}",
         "http://localhost/query?db=m&q=SELECT%20a%20%2B%20%27b%27", "Basic dTpw"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = influxdb(cases[i].account);
        struct http_request_list list;

        row("%s", cases[i].account);
        subject_build(&s, "SELECT a + 'b'", &list);
        assert_int_equal(1, list.n_requests);
        assert_string_equal("GET", list.requests[0].method);
        assert_string_equal(cases[i].url, list.requests[0].url);
        if (cases[i].authorization)
            assert_string_equal(cases[i].authorization,
                                request_header(&list.requests[0], "Authorization"));
        else
            assert_null(request_header(&list.requests[0], "Authorization"));
        subject_free(&s);
    }
}

/* However long it is: what is sent by POST may write. */
static void influxdb_long_queries_are_got(void **state)
{
    struct subject s = influxdb("{}");
    struct http_request_list list;
    char text[10000] = {0};

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    subject_build(&s, text, &list);
    assert_string_equal("GET", list.requests[0].method);
    assert_null(list.requests[0].body);
    subject_free(&s);
}

static void influxdb_accounts(void **state)
{
    struct subject fine = influxdb("{'epoch':'s'}");
    struct subject bad = influxdb("{'epoch':'minutes'}");

    (void)state;
    assert_int_equal(ERR_OK, collector_check_account(fine.account, &fine.err));
    assert_int_equal(ERR_SETTINGS, collector_check_account(bad.account, &bad.err));
    assert_non_null(strstr(bad.err.message, "\"epoch\""));
    assert_true(fine.type->needs_step);
    subject_free(&fine);
    subject_free(&bad);
}

/* --- replies --- */

static void check_request(struct subject *s, const char *query, const char *path)
{
    struct http_request_list list;
    char *recorded = read_file(path, NULL);
    const char *target;

    subject_build(s, query, &list);
    target = strstr(list.requests[0].url, "&q=");
    assert_memory_equal("GET /query?db=", recorded, 14);
    assert_memory_equal(target, strchr(recorded, '&'), strlen(target));
    free(recorded);
}

static void check_case(const char *path, bool is_strict)
{
    json_auto_t *text = json_of_file(path);
    const json_t *input = json_object_get(text, "input");
    const json_t *want = case_expected(text, is_strict);
    const char *query = json_string_value(json_object_get(input, "query"));
    json_auto_t *account = json_pack("{s:b}", "strictSeries", is_strict);
    struct subject s = subject_of("influxdb", account, json_object_get(input, "scope"));
    int n_stem = (int)(strlen(path) - strlen(".case.json"));
    const char *error = json_string_value(json_object_get(want, "error"));
    char other[256];
    char *body;
    size_t n_bytes;

    row("%s%s", path, is_strict ? " (strict)" : "");
    s.query.metric_name = json_string_value(json_object_get(input, "metricName"));
    snprintf(other, sizeof(other), "%.*s.request.txt", n_stem, path);
    check_request(&s, query, other);
    snprintf(other, sizeof(other), "%.*s.response.json", n_stem, path);
    body = read_file(other, &n_bytes);
    if (error) {
        assert_int_equal(ERR_UPSTREAM, subject_parse(&s, query, body, n_bytes));
        assert_string_equal("store_error", s.err.reason);
        assert_non_null(strstr(s.err.message, error));
    } else {
        assert_int_equal(ERR_OK, subject_parse(&s, query, body, n_bytes));
        check_sets(want, &s.sets);
        for (size_t i = 0; i < s.sets.n_sets; i++)
            assert_int_equal(
                json_object_size(json_object_get(json_array_get(want, i), "attributes")),
                s.sets.sets[i].attributes.n_items);
    }
    free(body);
    subject_free(&s);
}

static void influxdb_recorded_replies(void **state)
{
    glob_t paths;

    (void)state;
    assert_int_equal(0, glob(FOLDER "*.case.json", 0, NULL, &paths));
    assert_int_equal(9, paths.gl_pathc);
    for (size_t i = 0; i < paths.gl_pathc; i++) {
        check_case(paths.gl_pathv[i], false);
        check_case(paths.gl_pathv[i], true);
    }
    globfree(&paths);
}

/* 09: times as numbers, in the unit that was asked for. */
static void influxdb_times_as_numbers(void **state)
{
    static const struct {
        const char *epoch, *first, *second;
    } cases[] = {
        {"ns", "1767226500000999999", "1767226560000000000"},
        {"u", "1767226500000999", "1767226560000000"},
        {"ms", "1767226500000", "1767226560000"},
        {"s", "1767226500", "1767226560"},
        {"m", "29453775", "29453776"},
    };
    size_t n_bytes;
    char *body = read_file(FOLDER "09-epoch-ms.response.json", &n_bytes);
    struct subject recorded = influxdb("{'epoch':'ms'}");

    (void)state;
    assert_int_equal(ERR_OK, subject_parse(&recorded, "q", body, n_bytes));
    assert_int_equal(1767226500000, recorded.sets.sets[0].start_unix_ms);
    assert_int_equal(1767226800000, recorded.sets.sets[0].end_unix_ms);
    assert_int_equal(60000, recorded.sets.sets[0].step_ms);
    assert_near(44.07225, recorded.sets.sets[0].values[4], 0);
    free(body);
    subject_free(&recorded);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char account[64], text[256];
        struct subject s;

        row("%s", cases[i].epoch);
        snprintf(account, sizeof(account), "{'epoch':'%s'}", cases[i].epoch);
        snprintf(text, sizeof(text),
                 "{'results':[{'series':[{'columns':['time','v'],'values':[[%s,1],[%s,2]]}]}]}",
                 cases[i].first, cases[i].second);
        s = influxdb(account);
        assert_int_equal(ERR_OK, subject_parse_text(&s, "q", text));
        assert_int_equal(1767226500000, s.sets.sets[0].start_unix_ms);
        assert_int_equal(60000, s.sets.sets[0].step_ms);
        subject_free(&s);
    }
}

static void influxdb_error_replies(void **state)
{
    static const struct {
        long status;
        const char *body, *reason, *words;
    } cases[] = {
        {400, "{\"error\":\"error parsing query: found SELEC\"}", "store_rejected",
         "Message: error parsing query: found SELEC"},
        {401, "{\"error\":\"authorization failed\"}", "store_rejected", "authorization failed"},
        {404, "{\"code\":\"not found\",\"message\":\"no dbrp mapping found\"}", "store_rejected",
         "Message: no dbrp mapping found"},
        {503, "{\"error\":\"timeout\"}", "store_unavailable", "timeout"},
        {502, "<html>bad gateway</html>", "store_unavailable", "bad gateway"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = influxdb("{}");

        row("%s", cases[i].body);
        assert_int_equal(ERR_UPSTREAM,
                         subject_check_reply(&s, "q", cases[i].status, cases[i].body));
        assert_string_equal(cases[i].reason, s.err.reason);
        assert_non_null(strstr(s.err.message, cases[i].words));
        subject_free(&s);
    }
}

static void influxdb_secrets_stay_secret(void **state)
{
    struct subject s =
        influxdb("{'url':'http://h','token':'canary+5d1e','database':'canary+5d1e'}");

    (void)state;
    assert_int_equal(ERR_UPSTREAM,
                     subject_check_reply(&s, "q", 401, "{\"error\":\"canary+5d1e\"}"));
    assert_null(strstr(s.err.message, "5d1e"));
    assert_non_null(strstr(s.err.message, "db=***"));
    s.err = (struct error){0};
    assert_int_equal(ERR_UPSTREAM, subject_parse_text(&s, "q", "{'error':'no canary+5d1e here'}"));
    assert_string_equal("the query failed: no *** here", s.err.message);
    subject_free(&s);
}

#define RESULT(more) "{'results':[{'statement_id':0" more "}]}"
#define SERIES(more) RESULT(",'series':[{'name':'cpu'" more "}]")
#define ROWS(rows) SERIES(",'columns':['time','v'],'values':[" rows "]")
#define T1 "'2026-01-01T00:00:00Z'"

/* Rows S1, S2, S9 to S11, S14 to S16 and S19 of the bad-input catalogue. */
static const struct shaped_reply replies[] = {
    {"empty", "", "store_bad_response"},
    {"login page", "<html><body>Sign in</body></html>", "store_bad_response"},
    {"object without anything", "{}", "store_bad_response"},
    {"list", "[]", "store_bad_response"},
    {"null", "null", "store_bad_response"},
    {"cut", "{'results':[{'series':[{'columns':['time'", "store_bad_response"},
    {"two documents", RESULT("") RESULT(""), "store_bad_response"},
    {"results null", "{'results':null}", "store_bad_response"},
    {"results empty", "{'results':[]}", "store_bad_response"},
    {"results an object", "{'results':{}}", "store_bad_response"},
    {"a result that is a number", "{'results':[1]}", "store_bad_response"},
    {"two statements", "{'results':[{},{}]}", "store_bad_response"},
    {"no data", RESULT(""), NULL},
    {"an old server's no data", "{'results':[{}]}", NULL},
    {"series null", RESULT(",'series':null"), NULL},
    {"series empty", RESULT(",'series':[]"), NULL},
    {"error in the result", RESULT(",'error':'no'"), "store_error"},
    {"error at the top", "{'error':'no'}", "store_error"},
    {"error beside series", RESULT(",'series':[],'error':'no'"), "store_error"},
    {"partial series", SERIES(",'partial':true"), "store_error"},
    {"partial result", RESULT(",'partial':true"), "store_error"},
    {"not partial", RESULT(",'partial':false"), NULL},
    {"series without columns", SERIES(""), NULL},
    {"series without values", SERIES(",'columns':['time','v']"), NULL},
    {"columns empty", SERIES(",'columns':[]"), "store_bad_response"},
    {"columns twice", SERIES(",'columns':['time'],'columns':['time']"), "store_bad_response"},
    {"columns without time", SERIES(",'columns':['name']"), "store_bad_response"},
    {"a column that is a number", SERIES(",'columns':['time',1]"), "store_bad_response"},
    {"a column that is a list", SERIES(",'columns':['time',[]]"), "store_bad_response"},
    {"columns of one name", SERIES(",'columns':['time','v','v'],'values':[[" T1 ",1,2]]"),
     "store_bad_response"},
    {"values before columns", SERIES(",'values':[[" T1 ",1]],'columns':['time','v']"),
     "store_bad_response"},
    {"values twice", SERIES(",'columns':['time'],'values':[],'values':[]"), "store_bad_response"},
    {"values an object", SERIES(",'columns':['time'],'values':{}"), "store_bad_response"},
    {"a row that is a number", ROWS("1"), "store_bad_response"},
    {"a row that is an object", ROWS("{}"), "store_bad_response"},
    {"a short row", ROWS("[" T1 "]"), "store_bad_response"},
    {"a long row", ROWS("[" T1 ",1,2]"), "store_bad_response"},
    {"a list in a row", ROWS("[" T1 ",[1]]"), "store_bad_response"},
    {"time null", ROWS("[null,1]"), "store_bad_response"},
    {"time a number nobody asked for", ROWS("[1767225600,1]"), "store_bad_response"},
    {"time that is none", ROWS("['yesterday',1]"), "store_bad_response"},
    {"time far too long",
     ROWS("['2026-01-01T00:00:00."
          "000000000000000000000000000000000000000000000000000000Z',1]"),
     "store_bad_response"},
    {"value true", ROWS("[" T1 ",true]"), "store_bad_response"},
    {"value abc", ROWS("[" T1 ",'abc']"), "store_bad_response"},
    {"value empty", ROWS("[" T1 ",'']"), "store_bad_response"},
    {"value as a text", ROWS("[" T1 ",'1.5']"), NULL},
    {"value beyond a double", ROWS("[" T1 ",1e400]"), NULL},
    {"tag a number", SERIES(",'tags':{'a':1}"), "store_bad_response"},
    {"tag an object", SERIES(",'tags':{'a':{}}"), "store_bad_response"},
    {"tags a list", SERIES(",'tags':[]"), "store_bad_response"},
    {"tag twice", SERIES(",'tags':{'a':'1','a':'2'}"), "store_bad_response"},
    {"tag with NUL", SERIES(",'tags':{'a':'\\u0000'}"), "store_bad_response"},
    {"tag of bad UTF-8", SERIES(",'tags':{'a':'\xff'}"), "store_bad_response"},
    {"tag with quotes and markup", SERIES(",'tags':{'a':'\\u0022<script>\\n'}"), NULL},
    {"unknown members", "{'x':[{}],'results':[{'messages':[{'text':'deprecated'}]}]}", NULL},
};

static void influxdb_replies_of_any_shape(void **state)
{
    static const struct shaped_reply strict[] = {
        {"two series of one tag set",
         RESULT(",'series':[{'tags':{'a':'1'},'columns':['time','v'],'values':[[" T1 ",1]]},"
                "{'tags':{'a':'1'},'columns':['time','v'],'values':[[" T1 ",1]]}]"),
         "store_bad_response"},
        {"two series of two tag sets",
         RESULT(",'series':[{'tags':{'a':'1'},'columns':['time','v'],'values':[[" T1 ",1]]},"
                "{'tags':{'a':'2'},'columns':['time','v'],'values':[[" T1 ",1]]}]"),
         NULL},
    };

    (void)state;
    check_shaped_replies("influxdb", "{}", replies, ARRAY_LEN(replies));
    check_shaped_replies("influxdb", "{'strictSeries':true}", replies, ARRAY_LEN(replies));
    check_shaped_replies("influxdb", "{'strictSeries':true}", strict, ARRAY_LEN(strict));
    check_shaped_replies("influxdb", "{}", &strict[0] + 1, 1);
}

static void influxdb_partial_replies_may_be_kept(void **state)
{
    struct subject s = influxdb("{'partial':'keep'}");

    (void)state;
    assert_int_equal(ERR_OK, subject_parse_text(&s, "q",
                                                SERIES(",'columns':['time','v'],'values':[[" T1
                                                       ",7]],'partial':true")));
    assert_near(7, s.sets.sets[0].values[0], 0);
    subject_free(&s);
}

/* Newest first, as ORDER BY time DESC has it. */
static void influxdb_rows_are_sorted(void **state)
{
    struct subject s = influxdb("{}");

    (void)state;
    assert_int_equal(ERR_OK, subject_parse_text(&s, "q",
                                                ROWS("['2026-01-01T00:02:00.5Z',3],"
                                                     "['2026-01-01T00:01:00.5Z',2],"
                                                     "['2026-01-01T00:00:00.5Z',1]")));
    assert_int_equal(1767225600500, s.sets.sets[0].start_unix_ms);
    assert_int_equal(60000, s.sets.sets[0].step_ms);
    assert_int_equal(1767225780500, s.sets.sets[0].end_unix_ms);
    for (size_t i = 0; i < 3; i++)
        assert_near((double)(i + 1), s.sets.sets[0].values[i], 0);
    subject_free(&s);
}

/* A column that is null throughout: Kayenta keeps nothing of it but where it began. */
static void influxdb_column_without_values(void **state)
{
    for (int strict = 0; strict < 2; strict++) {
        struct subject s = influxdb(strict ? "{'strictSeries':true}" : "{}");

        (void)state;
        row("strict %d", strict);
        assert_int_equal(ERR_OK, subject_parse_text(&s, "q",
                                                    ROWS("[" T1 ",null],"
                                                         "['2026-01-01T00:01:00Z',null]")));
        assert_int_equal(1, s.sets.n_sets);
        assert_int_equal(strict ? 2 : 0, s.sets.sets[0].n_values);
        assert_int_equal(strict ? 2 : 0, metric_set_expected_points(&s.sets.sets[0]));
        assert_string_equal("v", tag_map_get(&s.sets.sets[0].tags, "field"));
        subject_free(&s);
    }
}

/* Row S13, at the limit and one over. */
static void influxdb_limits(void **state)
{
    static const struct {
        const char *name;
        size_t n_columns, n_rows, n_tags, n_tag_bytes;
        const char *reason;
    } cases[] = {
        {"columns", STORE_MAX_SERIES, 1, 0, 0, NULL},
        {"too many columns", STORE_MAX_SERIES + 1, 1, 0, 0, "store_too_many_series"},
        {"rows", 1, STORE_MAX_POINTS_PER_SERIES, 0, 0, NULL},
        {"too many rows", 1, STORE_MAX_POINTS_PER_SERIES + 1, 0, 0, "store_too_many_points"},
        {"points", 20, STORE_MAX_POINTS / 20, 0, 0, NULL},
        {"too many points in all", 21, STORE_MAX_POINTS / 20, 0, 0, "store_too_many_points"},
        {"tags", 1, 1, STORE_MAX_LABELS, 1, NULL},
        {"too many tags", 1, 1, STORE_MAX_LABELS + 1, 1, "store_bad_response"},
        {"tag", 1, 1, 1, STORE_MAX_LABEL_BYTES, NULL},
        {"tag too large", 1, 1, 1, STORE_MAX_LABEL_BYTES + 1, "store_bad_response"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = influxdb("{'epoch':'s'}");
        struct strbuf body = {0};
        enum err_code rc;

        row("%s", cases[i].name);
        strbuf_puts(&body, "{\"results\":[{\"series\":[{\"tags\":{");
        for (size_t k = 0; k < cases[i].n_tags; k++) {
            strbuf_printf(&body, "%s\"l%zu\":\"", k ? "," : "", k);
            for (size_t n = 0; n < cases[i].n_tag_bytes; n++)
                strbuf_append(&body, "x", 1);
            strbuf_append(&body, "\"", 1);
        }
        strbuf_puts(&body, "},\"columns\":[\"time\"");
        for (size_t k = 0; k < cases[i].n_columns; k++)
            strbuf_printf(&body, ",\"c%zu\"", k);
        strbuf_puts(&body, "],\"values\":[");
        for (size_t n = 0; n < cases[i].n_rows; n++) {
            strbuf_printf(&body, "%s[%zu", n ? "," : "", 1767225600 + n);
            for (size_t k = 0; k < cases[i].n_columns; k++)
                strbuf_puts(&body, ",2.5");
            strbuf_puts(&body, "]");
        }
        strbuf_puts(&body, "]}]}]}");
        rc = subject_parse(&s, "q", body.bytes, body.n_bytes);
        assert_int_equal(cases[i].reason ? ERR_UPSTREAM : ERR_OK, rc);
        if (cases[i].reason)
            assert_string_equal(cases[i].reason, s.err.reason);
        else
            assert_int_equal(cases[i].n_columns, s.sets.n_sets);
        strbuf_clear(&body);
        subject_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(influxdb_query_texts),
        cmocka_unit_test(influxdb_scopes),
        cmocka_unit_test(influxdb_statements),
        cmocka_unit_test(influxdb_templates),
        cmocka_unit_test(influxdb_order_of_checks),
        cmocka_unit_test(influxdb_config_of_wrong_shape),
        cmocka_unit_test(influxdb_query_text_limit),
        cmocka_unit_test(influxdb_requests),
        cmocka_unit_test(influxdb_long_queries_are_got),
        cmocka_unit_test(influxdb_accounts),
        cmocka_unit_test(influxdb_recorded_replies),
        cmocka_unit_test(influxdb_times_as_numbers),
        cmocka_unit_test(influxdb_error_replies),
        cmocka_unit_test(influxdb_secrets_stay_secret),
        cmocka_unit_test(influxdb_replies_of_any_shape),
        cmocka_unit_test(influxdb_partial_replies_may_be_kept),
        cmocka_unit_test(influxdb_rows_are_sorted),
        cmocka_unit_test(influxdb_column_without_values),
        cmocka_unit_test(influxdb_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
