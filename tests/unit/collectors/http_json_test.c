/* Recorded replies and query texts: fixtures/replies/http-json/, whose README says where each is
 * from. Hand-written ones stand for what a hostile store or user may send. */
#include "tests/support.h"

#include "base/json.h"
#include "base/limits.h"
#include "collectors/http_json.h"
#include "tests/collector_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "fixtures/replies/http-json/"
#define REPLY "'reply':{'series':'/s/*','labels':'/l','points':{'shape':'pairs','at':'/p'}}"
#define ACCOUNT "{'url':'https://h/base','requests':{'r':{'path':'q'," REPLY "}}}"

static void http_json_query_texts(void **state)
{
    (void)state;
    check_query_texts("http-json", FOLDER, 17);
}

/* --- recorded cases --- */

static char *part_of_case(const char *case_path, const char *end)
{
    char path[256];

    snprintf(path, sizeof(path), "%.*s.%s", (int)(strlen(case_path) - strlen(".case.json")),
             case_path, end);
    return access(path, F_OK) == 0 ? read_file(path, NULL) : NULL;
}

/* Request line, headers but Accept, and body are as recorded. */
static void check_request(const char *recorded, const struct subject *s,
                          const struct http_request *request)
{
    size_t n_host = strcspn(strstr(s->account->base_url, "://") + 3, "/");
    const char *target = strstr(request->url, "://") + 3 + n_host;
    const char *body = strstr(recorded, "\n\n");
    char line[4096];

    snprintf(line, sizeof(line), "%s %s HTTP/1.1\n", request->method, target);
    if (strncmp(recorded, line, strlen(line)) != 0)
        fail_msg("%s is not %s", line, recorded);
    if (body && body[2] != '\0' && body[2] != '\n')
        assert_memory_equal(body + 2, request->body, request->n_body_bytes);
}

static enum err_code run_case(struct subject *s, const char *path, const json_t *input,
                              const char *text)
{
    const json_t *pages = json_object_get(input, "pages");
    const json_t *one = json_object_get(input, "response");
    size_t n = json_is_array(pages) ? json_array_size(pages) : 1, i;
    struct http_response replies[8] = {0};
    struct http_request requests[8] = {0};
    struct http_request_list asked, more = {0};
    char *status = part_of_case(path, "status.txt"), *recorded = part_of_case(path, "request.txt");
    enum err_code rc = ERR_OK;

    subject_build(s, text, &asked);
    requests[0] = asked.requests[0];
    if (recorded)
        check_request(recorded, s, &requests[0]);
    for (i = 0; i < n && !rc; i++) {
        char name[256];

        snprintf(name, sizeof(name), FOLDER "%s",
                 json_string_value(pages ? json_array_get(pages, i) : one));
        replies[i].status = status ? strtol(status + strlen("HTTP/1.1 "), NULL, 10) : 200;
        replies[i].body = read_file(name, &replies[i].n_body_bytes);
        rc = collector_check_reply(s->type, s->account, &requests[i], &replies[i], s->arena,
                                   &s->err);
        if (rc)
            continue;
        asked = (struct http_request_list){requests, i + 1};
        assert_int_equal(ERR_OK, collector_next(s->type, s->account, &s->query, text, &asked,
                                                replies, s->arena, &more, &s->err));
        assert_int_equal(i + 1 < n, more.n_requests);
        if (more.n_requests) {
            char *next = part_of_case(path, "page2.request.txt");

            requests[i + 1] = more.requests[0];
            check_request(next, s, &requests[i + 1]);
            free(next);
        }
    }
    if (!rc)
        rc = s->type->parse(s->account, &s->query, text, replies, n, &s->sets, &s->err);
    for (size_t k = 0; k < i; k++)
        free((char *)(uintptr_t)replies[k].body);
    free(status);
    free(recorded);
    return rc;
}

static void check_case(const char *path)
{
    json_auto_t *whole = json_of_file(path);
    json_t *input = json_object_get(whole, "input");
    const json_t *want = case_expected(whole, false);
    struct subject s =
        subject_of("http-json", json_object_get(input, "account"), json_object_get(input, "scope"));
    const char *text = NULL;
    enum err_code rc;

    row("%s", path);
    if (collector_check_account(s.account, &s.err))
        fail_msg("%s", s.err.message);
    s.query.metric_name = json_string_value(json_object_get(input, "metricName"));
    s.query.config = input;
    if (s.type->query_text(s.account, &s.query, s.arena, &text, &s.err))
        fail_msg("%s", s.err.message);
    rc = run_case(&s, path, input, text);
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

static void http_json_recorded_replies(void **state)
{
    (void)state;
    check_cases(FOLDER, 9, check_case);
}

/* --- accounts --- */

static void http_json_accounts(void **state)
{
#define REQUEST(members) "{'requests':{'r':{" members "}}}"
    static const struct {
        const char *name, *account, *error;
    } cases[] = {
        {"fine", ACCOUNT, NULL},
        {"no requests", "{}", "requests"},
        {"a name", "{'requests':{'R x':{}}}", "a-z, 0-9"},
        {"an unknown member", REQUEST("'path':'q','pth':1," REPLY), "\"pth\" that is not known"},
        {"no path", REQUEST(REPLY), "path"},
        {"an absolute path", REQUEST("'path':'/q'," REPLY), "must be relative"},
        {"a host", REQUEST("'path':'http://x/q'," REPLY), "must be relative"},
        {"upwards", REQUEST("'path':'a/../q'," REPLY), "must be relative"},
        {"a query in the path", REQUEST("'path':'a?b'," REPLY), "must be relative"},
        {"a body with GET", REQUEST("'path':'q','body':'{}'," REPLY), "needs \"method: POST\""},
        {"body and form", REQUEST("'path':'q','method':'POST','body':'{}','form':{}," REPLY),
         "cannot stand beside a form"},
        {"a method", REQUEST("'path':'q','method':'DELETE'," REPLY), "must be one of GET, POST"},
        {"a variable in a header", REQUEST("'path':'q','headers':{'A':'${scope}'}," REPLY),
         "constant"},
        {"a line break in a header", REQUEST("'path':'q','headers':{'A':'a\\nb'}," REPLY),
         "constant"},
        {"another host by header", REQUEST("'path':'q','headers':{'host':'x'}," REPLY), "Host"},
        {"a variable outside of strings",
         REQUEST("'path':'q','method':'POST','body':'[${scope}]'," REPLY),
         "'scope' outside of a JSON string"},
        {"numbers outside of strings",
         REQUEST("'path':'q','method':'POST','body':'[${step},${startMillis:-1}]'," REPLY), NULL},
        {"no reply", REQUEST("'path':'q'"), "reply"},
        {"a broken pointer", REQUEST("'path':'q','reply':{'series':'a','points':{'shape':'map'}}"),
         "begin with /"},
        {"an odd escape", REQUEST("'path':'q','reply':{'series':'/a~3','points':{'shape':'map'}}"),
         "~0, ~1 or ~2"},
        {"a wildcard elsewhere",
         REQUEST("'path':'q','reply':{'labels':'/*','points':{'shape':'map'}}"), "wildcard"},
        {"a capture that cannot be",
         REQUEST("'path':'q','reply':{'labels':'#9','points':{'shape':'map'}}"), "@k/... or #k"},
        {"a shape", REQUEST("'path':'q','reply':{'points':{'shape':'heap'}}"), "pairs, objects"},
        {"objects without time", REQUEST("'path':'q','reply':{'points':{'shape':'objects'}}"),
         "need \"time\" and \"value\""},
        {"a unit", REQUEST("'path':'q','reply':{'timeUnit':'h','points':{'shape':'map'}}"),
         "timeUnit"},
        {"paging of no kind", REQUEST("'path':'q','paging':{}," REPLY), "paging.kind"},
        {"a token without place",
         REQUEST("'path':'q','paging':{'kind':'token','next':'/n'}," REPLY),
         "\"param\" or \"setBody\""},
        {"an offset without limit",
         REQUEST("'path':'q','paging':{'kind':'offset','param':'o'}," REPLY), "\"limit\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("http-json", cases[i].account, "{}");
        enum err_code rc = collector_check_account(s.account, &s.err);

        row("%s", cases[i].name);
        if (cases[i].error) {
            assert_int_equal(ERR_SETTINGS, rc);
            if (!strstr(s.err.message, cases[i].error))
                fail_msg("%s", s.err.message);
        } else if (rc) {
            fail_msg("%s", s.err.message);
        }
        subject_free(&s);
    }
}

static void http_json_headers(void **state)
{
    struct subject s = subject_of_text(
        "http-json",
        "{'url':'https://h','requests':{'r':{'path':'q','headers':{'X-Key':'k3y-value',"
        "'Accept':'application/vnd.x+json'}," REPLY "}}}",
        TEN_MINUTES);
    struct http_request_list list;
    struct http_header key = {"X-Key", "k3y-value"};

    (void)state;
    subject_build(&s, "GET q", &list);
    assert_string_equal("k3y-value", request_header(&list.requests[0], "X-Key"));
    assert_string_equal("application/vnd.x+json", request_header(&list.requests[0], "Accept"));
    assert_string_equal("***", account_mask_header(s.account, &key, s.arena));
    assert_string_equal("application/vnd.x+json, ***",
                        account_mask(s.account, "application/vnd.x+json, k3y-value", s.arena));
    subject_free(&s);
}

/* What users bring stays where it belongs. */
static void http_json_values_stay_in_their_place(void **state)
{
    static const struct {
        const char *request, *config, *expected, *error;
    } cases[] = {
        {"'path':'q','query':{'a':'${scope}'}", "{'params':{'scope':'x&b=c#d'}}",
         "GET q?a=x%26b%3Dc%23d", NULL},
        {"'path':'q/${tenant}'", "{'params':{'tenant':'../x'}}", NULL, "'tenant' is not set"},
        {"'path':'q/${tenant}','vars':{'tenant':'a/b'}", "{'params':{'tenant':'x'}}", "GET q/a%2Fb",
         NULL},
        {"'path':'q/${t}','pathVars':{'t':['a','b']}", "{'params':{'t':'b'}}", "GET q/b", NULL},
        {"'path':'q/${t}','pathVars':{'t':['a']}", "{}", NULL, "'t' is not set"},
        {"'path':'q','query':{'a':'${metric}'}", "{'params':{'metric':'x'}}", "GET q?a=m", NULL},
        {"'path':'q','query':{'a':'${expression}'}",
         "{'expression':'$${scope} ${y}','params':{'y':'$${z}'}}",
         "GET q?a=%24%7Bscope%7D%20%24%7Bz%7D", NULL},
        {"'path':'q','query':{'a':'${y}'}", "{'params':{'y':'${z}'}}", "GET q?a=%24%7Bz%7D", NULL},
        {"'path':'q','query':{'a':'${none:-x}','b':'${empty}'}", "{'params':{'empty':''}}",
         "GET q?a=x", NULL},
        {"'path':'q','method':'POST','body':'{\\'a\\':\\'${y}\\'}'",
         "{'params':{'y':'\\',\\'b\\':\\'\\n'}}", "POST q\n\n{\"a\":\"\\\",\\\"b\\\":\\\"\\n\"}",
         NULL},
        {"'path':'q','method':'POST','body':'{\\'a\\':'", "{}", NULL, "body is not JSON"},
        {"'path':'q','query':{'a':'${expression}'}", "{'customFilterTemplate':'t'}", NULL,
         "no templates were defined"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char account[512];
        struct subject s;
        const char *text = NULL;
        enum err_code rc;

        row("%s %s", cases[i].request, cases[i].config);
        snprintf(account, sizeof(account), "{'url':'https://h','requests':{'r':{%s," REPLY "}}}",
                 cases[i].request);
        s = subject_of_text("http-json", account, TEN_MINUTES);
        rc = subject_query_text(&s, cases[i].config, &text);
        if (cases[i].error) {
            assert_int_equal(ERR_INVALID, rc);
            assert_non_null(strstr(s.err.message, cases[i].error));
        } else if (rc) {
            fail_msg("%s", s.err.message);
        } else {
            assert_string_equal(cases[i].expected, text);
        }
        subject_free(&s);
    }
}

/* --- replies --- */

static void http_json_shaped_replies(void **state)
{
    static const struct {
        const char *name, *reply, *body, *words; /* words: NULL for one set */
        double first;
    } cases[] = {
        {"HTML", "'points':{'shape':'pairs','at':'/p'}", "<html>", "is not JSON", 0},
        {"no series", "'series':'/s/*','points':{'shape':'pairs','at':'/p'}", "{}",
         "http-json reply has no '/s'", 0},
        {"null is empty", "'series':'/s/*','points':{'shape':'pairs','at':'/p'}", "{'s':null}",
         NULL, NAN},
        {"an error in a 200", "'error':['/e'],'points':{'shape':'pairs','at':'/p'}",
         "{'e':{'a':1},'p':[]}", "{\"a\":1}", 0},
        {"an error that is none", "'error':['/e','/f'],'points':{'shape':'pairs','at':'/p'}",
         "{'e':false,'f':'','p':[[1767225600,1]]}", NULL, 1},
        {"no points", "'points':{'shape':'pairs','at':'/p'}", "{}", "points not found at '/p'", 0},
        {"null points", "'points':{'shape':'pairs','at':'/p'}", "{'p':null}", NULL, NAN},
        {"points of another type", "'points':{'shape':'pairs','at':'/p'}", "{'p':{}}",
         "points are not an array", 0},
        {"a point of another type", "'points':{'shape':'pairs','at':'/p'}", "{'p':[1]}",
         "point is not an array", 0},
        {"a pair too short", "'points':{'shape':'pairs','at':'/p'}", "{'p':[[1767225600]]}", NULL,
         NAN},
        {"a time that is none", "'points':{'shape':'pairs','at':'/p'}", "{'p':[[true,1]]}",
         "time is not one", 0},
        {"a time beyond all", "'points':{'shape':'pairs','at':'/p'}", "{'p':[[1e300,1]]}",
         "time is not one", 0},
        {"the largest integer as time", "'points':{'shape':'pairs','at':'/p'}",
         "{'p':[[9223372036854775807,1]]}", "time is not one", 0},
        {"a value that is none", "'points':{'shape':'pairs','at':'/p'}", "{'p':[[1767225600,'x']]}",
         "value is not a number", 0},
        {"a value as text", "'points':{'shape':'pairs','at':'/p'}", "{'p':[['1767225600.5','7']]}",
         NULL, 7},
        {"a value in the future's words", "'points':{'shape':'pairs','at':'/p'}",
         "{'p':[[1767225600,'+Inf']]}", NULL, INFINITY},
        {"columns of two lengths", "'points':{'shape':'columns','time':'/t','value':'/v'}",
         "{'t':[1],'v':[]}", "columns differ in length: 1 times, 0 values", 0},
        {"RFC 3339",
         "'timeUnit':'rfc3339','points':{'shape':'objects','at':'/p','time':'/t','value':'/v/0'}",
         "{'p':[{'t':'2026-01-01T01:00:00+01:00','v':[3]}]}", NULL, 3},
        {"a map with objects", "'timeUnit':'ms','points':{'shape':'map','at':'/p','value':'/v'}",
         "{'p':{'1767225600000':{'v':4}}}", NULL, 4},
        {"micros", "'timeUnit':'us','reduce':'max','points':{'shape':'map','at':'/p'}",
         "{'p':{'1767225600000001':4,'1767225600000000':9}}", NULL, 9},
        {"the same labels twice", "'series':'/*','points':{'shape':'pairs','at':''}",
         "[[[1767225600,1]],[[1767225660,2]]]", NULL, 1},
        {"labels that are no text", "'labels':{'a':'/l'},'points':{'shape':'pairs','at':'/p'}",
         "{'l':[1],'p':[]}", "label is not text", 0},
        {"values as received", "'grid':'none','points':{'shape':'pairs','at':'/p'}",
         "{'p':[[1767225605,5],[1767225601,6]]}", NULL, 6},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char account[512];
        struct subject s;
        enum err_code rc;

        row("%s", cases[i].name);
        snprintf(account, sizeof(account),
                 "{'url':'https://h','requests':{'r':{'path':'q','reply':{%s}}}}", cases[i].reply);
        s = subject_of_text("http-json", account, TEN_MINUTES);
        if (collector_check_account(s.account, &s.err))
            fail_msg("%s", s.err.message);
        rc = subject_parse_text(&s, "GET q", cases[i].body);
        if (cases[i].words) {
            assert_int_equal(ERR_UPSTREAM, rc);
            if (!strstr(s.err.message, cases[i].words))
                fail_msg("%s", s.err.message);
            assert_non_null(s.err.reason);
        } else {
            if (rc)
                fail_msg("%s", s.err.message);
            assert_int_equal(1, s.sets.n_sets);
            if (isfinite(cases[i].first))
                assert_near(cases[i].first, s.sets.sets[0].values[0], 1e-12);
            else if (isinf(cases[i].first))
                assert_true(isinf(s.sets.sets[0].values[0]));
        }
        subject_free(&s);
    }
}

/* --- paging --- */

/* The request for the page behind `reply`; NULL: there is none. */
static void check_next(const char *paging, const char *request, const char *text,
                       const char *headers, const char *reply_text, const char *url,
                       const char *body, const char *error)
{
    char account[512];
    struct subject s;
    char *reply_body = strdup(reply_text);
    struct http_header link = {"Link", headers};
    struct http_response reply = {.status = 200, .headers = &link, .n_headers = headers ? 1 : 0};
    struct http_request_list asked, more = {0};
    enum err_code rc;

    for (char *c = reply_body; *c; c++)
        if (*c == '\'')
            *c = '"';
    reply.body = reply_body;
    reply.n_body_bytes = strlen(reply_body);
    snprintf(account, sizeof(account),
             "{'url':'https://h/base','requests':{'r':{'path':'q','paging':%s%s," REPLY "}}}",
             paging, request);
    s = subject_of_text("http-json", account, TEN_MINUTES);
    if (collector_check_account(s.account, &s.err))
        fail_msg("%s", s.err.message);
    subject_build(&s, text, &asked);
    rc = collector_next(s.type, s.account, &s.query, text, &asked, &reply, s.arena, &more, &s.err);
    if (error) {
        assert_int_equal(ERR_UPSTREAM, rc);
        if (!strstr(s.err.message, error))
            fail_msg("%s", s.err.message);
    } else if (rc) {
        fail_msg("%s", s.err.message);
    } else {
        assert_int_equal(url != NULL, more.n_requests);
        if (url)
            assert_string_equal(url, more.requests[0].url);
        if (body)
            assert_string_equal(body, more.requests[0].body);
    }
    free(reply_body);
    subject_free(&s);
}

static void http_json_pages(void **state)
{
#define TOKEN "{'kind':'token','next':'/n','param':'page'}"
#define LINK "{'kind':'link','next':'/n'}"
#define OFFSET "{'kind':'offset','param':'from','limitParam':'size','limit':2}"
    (void)state;
    check_next(TOKEN, "", "GET q?a=1", NULL, "{'s':[],'n':'t/2'}",
               "https://h/base/q?a=1&page=t%2F2", NULL, NULL);
    check_next(TOKEN, "", "GET q", NULL, "{'s':[],'n':''}", NULL, NULL, NULL);
    check_next(TOKEN, "", "GET q", NULL, "{'s':[]}", NULL, NULL, NULL);
    check_next(TOKEN, "", "GET q", NULL, "nonsense", NULL, NULL, NULL);
    check_next("{'kind':'token','next':'/n','param':'page','maxPages':1}", "", "GET q", NULL,
               "{'s':[],'n':'2'}", NULL, NULL, "more pages than the request's maxPages");
    check_next("{'kind':'token','next':'/n','setBody':'/x/after'}",
               ",'method':'POST','body':'{\\'x\\':{}}'", "POST q\n\n{\"x\":{}}", NULL,
               "{'s':[],'n':5}", "https://h/base/q", "{\"x\":{\"after\":\"5\"}}", NULL);
    check_next("{'kind':'token','next':'/n','param':'c','only':true}",
               ",'method':'POST','form':{'a':'1'}", "POST q\n\na=1", NULL, "{'s':[],'n':'x'}",
               "https://h/base/q", "c=x", NULL);
    check_next(LINK, "", "GET q?a=1", NULL, "{'n':'https://h/base/q?a=1&p=2'}",
               "https://h/base/q?a=1&p=2", NULL, NULL);
    check_next(LINK, "", "GET q?a=1", NULL, "{'n':'/base/q?p=2'}", "https://h/base/q?p=2", NULL,
               NULL);
    check_next(LINK, "", "GET q", NULL, "{'n':'https://evil/base/q?p=2'}", NULL, NULL,
               "another host or path");
    check_next(LINK, "", "GET q", NULL, "{'n':'//evil/base/q?p=2'}", NULL, NULL,
               "another host or path");
    check_next(LINK, "", "GET q", NULL, "{'n':'https://h/base/other?p=2'}", NULL, NULL,
               "another host or path");
    check_next(LINK, "", "GET q", NULL, "{'n':'https://h/base/q?p=2#x y'}", NULL, NULL,
               "another host or path");
    check_next("{'kind':'link','header':true}", "", "GET q",
               "<https://h/base/q?p=1>; rel=\"prev\", <https://h/base/q?p=3>; rel=\"next\"", "{}",
               "https://h/base/q?p=3", NULL, NULL);
    check_next("{'kind':'link','header':true}", "", "GET q", NULL, "{}", NULL, NULL, NULL);
    check_next(OFFSET, "", "GET q", NULL, "{'s':[1,2]}", "https://h/base/q?from=2&size=2", NULL,
               NULL);
    check_next(OFFSET, "", "GET q", NULL, "{'s':[1]}", NULL, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_json_query_texts),
        cmocka_unit_test(http_json_recorded_replies),
        cmocka_unit_test(http_json_accounts),
        cmocka_unit_test(http_json_headers),
        cmocka_unit_test(http_json_values_stay_in_their_place),
        cmocka_unit_test(http_json_shaped_replies),
        cmocka_unit_test(http_json_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
