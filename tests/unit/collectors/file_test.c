/* Files and query texts: fixtures/replies/file/. Hand-written content stands for what is cut,
 * broken or hostile; what is read from a disk is made in a temporary folder. */
#include "tests/support.h"

#include "base/json.h"
#include "base/limits.h"
#include "collectors/file_read.h"
#include "collectors/file_reply.h"
#include "collectors/names.h"
#include "tests/collector_case.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define FOLDER "fixtures/replies/file/"
#define CSV "time,metric,side,value,tags\n"
#define T0 "2026-01-01T00:00:00Z"

static void file_query_texts(void **state)
{
    (void)state;
    check_query_texts("file", FOLDER, 8);
}

/* --- recorded cases --- */

static char *content_of(const char *case_path, const json_t *input, size_t *n_bytes)
{
    const char *name = json_string_value(json_object_get(input, "response"));
    char path[256];

    (void)case_path;
    snprintf(path, sizeof(path), FOLDER "%s", name);
    return read_file(path, n_bytes);
}

static void check_case(const char *path)
{
    json_auto_t *text = json_of_file(path);
    json_t *input = json_object_get(text, "input");
    const json_t *want = case_expected(text, false);
    struct subject s =
        subject_of("file", json_object_get(input, "account"), json_object_get(input, "scope"));
    const char *query = NULL;
    size_t n_bytes;
    char *body = content_of(path, input, &n_bytes);

    row("%s", path);
    s.query.metric_name = json_string_value(json_object_get(input, "metricName"));
    s.query.config = input;
    assert_int_equal(ERR_OK, s.type->query_text(s.account, &s.query, s.arena, &query, &s.err));
    if (json_is_array(want)) {
        assert_int_equal(ERR_OK, subject_parse(&s, query, body, n_bytes));
        check_sets(want, &s.sets);
    } else {
        assert_int_equal(ERR_UPSTREAM, subject_parse(&s, query, body, n_bytes));
        assert_non_null(strstr(s.err.message, json_string_value(json_object_get(want, "error"))));
    }
    free(body);
    subject_free(&s);
}

static void file_recorded_cases(void **state)
{
    (void)state;
    check_cases(FOLDER, 12, check_case);
}

/* --- any content --- */

static void file_content_is_read_or_refused(void **state)
{
    static const struct {
        const char *name, *account, *config, *content, *error;
        size_t n_sets;
        double first; /* NaN: no value, or NaN */
    } cases[] = {
        {"empty CSV", "{'format':'csv'}", "{}", "", "column 'time' is missing", 0, NAN},
        {"no value column", "{'format':'csv'}", "{}", "time,metric,side\n",
         "line 1: column 'value' is missing", 0, NAN},
        {"too few fields", "{'format':'csv'}", "{}", CSV "1,m,canary\n",
         "line 2: 3 fields, header has 5", 0, NAN},
        {"no time", "{'format':'csv'}", "{}", CSV "soon,m,canary,1,\n",
         "line 2: time 'soon' is neither RFC 3339 nor a number", 0, NAN},
        {"a time beyond all", "{'format':'csv'}", "{}", CSV "1e300,m,canary,1,\n",
         "beyond the year 2260", 0, NAN},
        {"a tag without =", "{'format':'csv'}", "{}", CSV T0 ",m,canary,1,a\n",
         "line 2: tag 'a' has no '='", 0, NAN},
        {"a tag twice", "{'format':'csv'}", "{}", CSV T0 ",m,canary,1,a=1;a=2\n",
         "line 2: label 'a' comes twice", 0, NAN},
        {"a row twice", "{'format':'csv'}", "{}",
         CSV T0 ",m,canary,1,\n" T0 ",x,canary,1,\n" T0 ",m,experiment,1,\n",
         "line 4: same time, metric, side and labels as line 2", 0, NAN},
        {"twice, but another metric", "{'format':'csv'}", "{}",
         CSV T0 ",x,canary,1,\n" T0 ",x,canary,1,\n" T0 ",m,canary,4,\n", NULL, 1, 4},
        {"a quote that does not end", "{'format':'csv'}", "{}", CSV T0 ",\"m,canary,1,\n",
         "line 2: a quoted field does not end", 0, NAN},
        {"text behind quotes", "{'format':'csv'}", "{}", CSV T0 ",\"m\"x,canary,1,\n",
         "line 2: text behind a quoted field", 0, NAN},
        {"not UTF-8", "{'format':'csv'}", "{}", CSV T0 ",m,canary,1,a=\xff\n", "line 2: not UTF-8",
         0, NAN},
        {"a sum", "{'format':'csv'}", "{'reduce':'sum'}",
         CSV T0 ",m,canary,1,\n2026-01-01T00:00:59.5Z,m,canary,2,\n", NULL, 1, 3},
        {"the smallest, NaN does not count", "{'format':'csv'}", "{'reduce':'min'}",
         CSV T0 ",m,canary,NaN,\n2026-01-01T00:00:10Z,m,canary,7,\n"
                "2026-01-01T00:00:20Z,m,canary,5,\n",
         NULL, 1, 5},
        {"only outside of the window", "{'format':'csv'}", "{}",
         CSV "2026-01-01T00:10:00Z,m,canary,1,\n", NULL, 1, NAN},
        {"format by its first line", "{}", "{}", CSV T0 ",m,canary,2,\n", NULL, 1, 2},
        {"format by its first character", "{}", "{}", "{'metricSets':[]}", NULL, 1, NAN},
        {"OpenMetrics otherwise", "{}", "{}", "m 3 1767225600\n# EOF\n", NULL, 1, 3},
        {"a name in quotes", "{'format':'openmetrics'}", "{'series':'\\'my.m\\''}",
         "{'my.m',a='b'} 3 1767225600\n# EOF", NULL, 1, 3},
        {"text behind the end", "{}", "{}", "m 3 1767225600\n# EOF\nm 4 1\n",
         "line 3: text after # EOF", 0, NAN},
        {"times in ms need no end", "{'timeUnit':'ms'}", "{}", "m 3 1767225600000\n", NULL, 1, 3},
        {"no value", "{}", "{}", "m\n# EOF\n", "line 1: not a sample", 0, NAN},
        {"a label without quotes", "{}", "{}", "m{a=b} 1 1\n# EOF\n", "line 1: not a sample", 0,
         NAN},
        {"a label that does not end", "{}", "{}", "m{a='b 1 1\n# EOF\n", "line 1: not a sample", 0,
         NAN},
        {"a label twice", "{}", "{}", "m{a='b',a='c'} 1 1\n# EOF\n",
         "line 1: label 'a' comes twice", 0, NAN},
        {"text behind the time", "{}", "{}", "m 1 1 1\n# EOF\n", "line 1: not a sample", 0, NAN},
        {"an exemplar is no time", "{}", "{}", "m 1 # {} 1\n# EOF\n",
         "line 1: sample without a timestamp", 0, NAN},
        {"a counter that began anew", "{}", "{'transform':'increase'}",
         "m 9 1767225590\nm 2 1767225600\n# EOF\n", NULL, 1, 2},
        {"no JSON", "{'format':'bundle'}", "{}", "{", "file is not JSON", 0, NAN},
        {"no bundle", "{'format':'bundle'}", "{}", "{}",
         "bundle has neither metricSetPairList nor metricSets", 0, NAN},
        {"a list of sets", "{}", "{}",
         "[{'name':'m','side':'experiment','startTimeMillis':0,'endTimeMillis':60000,"
         "'stepMillis':60000,'values':['NaN',1]}]",
         NULL, 1, NAN},
        {"a value that is text", "{}", "{}",
         "[{'name':'m','side':'canary','startTimeMillis':0,'endTimeMillis':1,'stepMillis':1,"
         "'values':['x']}]",
         "neither a number nor null", 0, NAN},
        {"times that turn back", "{}", "{}",
         "[{'name':'m','side':'canary','startTimeMillis':5,'endTimeMillis':1,'stepMillis':1,"
         "'values':[]}]",
         "out of range", 0, NAN},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text(
            "file", cases[i].account,
            "{'scope':'canary','start':'2026-01-01T00:00:00Z','end':'2026-01-01T00:10:00Z',"
            "'step':60}");
        const char *text = NULL;

        row("%s", cases[i].name);
        assert_int_equal(ERR_OK, subject_query_text(&s, cases[i].config, &text));
        if (cases[i].error) {
            assert_int_equal(ERR_UPSTREAM, subject_parse_text(&s, text, cases[i].content));
            assert_non_null(strstr(s.err.message, cases[i].error));
            assert_non_null(s.err.reason);
        } else if (cases[i].n_sets) {
            if (subject_parse_text(&s, text, cases[i].content))
                fail_msg("%s", s.err.message);
            assert_int_equal(cases[i].n_sets, s.sets.n_sets);
            if (!isnan(cases[i].first))
                assert_near(cases[i].first, s.sets.sets[0].values[0], 1e-12);
        }
        subject_free(&s);
    }
}

static void file_sides(void **state)
{
    static const struct {
        const char *sides, *scope, *error;
        double expected;
    } cases[] = {
        {"{}", "{'scope':'control'}", NULL, 1},
        {"{}", "{'scope':'baseline'}", NULL, 1},
        {"{}", "{'scope':'x','extendedScopeParams':{'side':'experiment'}}", NULL, 2},
        {"{'baseline':['blue','b2'],'canary':'green'}", "{'scope':'b2'}", NULL, 1},
        {"{'baseline':['blue','b2'],'canary':'green'}", "{'scope':'green'}", NULL, 2},
        {"{}", "{'scope':'green'}", "file side 'green' is neither baseline nor canary", 0},
        {"{}", "{}", "file side '' is neither baseline nor canary", 0},
    };
    static const char bundle[] =
        "{'metricSetPairList':[{'name':'m','tags':{},'values':{'control':[1],'experiment':[2]},"
        "'scopes':{'control':{'startTimeMillis':0,'stepMillis':1},"
        "'experiment':{'startTimeMillis':0,'stepMillis':1}}}]}";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char account[128];
        struct subject s;

        row("%s %s", cases[i].sides, cases[i].scope);
        snprintf(account, sizeof(account), "{'sides':%s}", cases[i].sides);
        s = subject_of_text("file", account, cases[i].scope);
        if (cases[i].error) {
            assert_int_equal(ERR_UPSTREAM, subject_parse_text(&s, "m", bundle));
            assert_non_null(strstr(s.err.message, cases[i].error));
        } else {
            assert_int_equal(ERR_OK, subject_parse_text(&s, "m", bundle));
            assert_near(cases[i].expected, s.sets.sets[0].values[0], 0);
        }
        subject_free(&s);
    }
}

static void file_accounts(void **state)
{
    static const struct {
        const char *account, *error;
    } cases[] = {
        {"{'path':'/var/lib/x'}", NULL},
        {"{'path':'/var/lib/x','format':'csv','window':'data','timeUnit':'ms','sides':{}}", NULL},
        {"{}", "path"},
        {"{'path':'x/y'}", "absolute"},
        {"{'path':'/x','format':'xml'}", "format"},
        {"{'path':'/x','window':'all'}", "window"},
        {"{'path':'/x','timeUnit':'us'}", "timeUnit"},
        {"{'path':'/x','sides':'a'}", "sides"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text("file", cases[i].account, "{}");

        row("%s", cases[i].account);
        assert_int_equal(cases[i].error ? ERR_SETTINGS : ERR_OK,
                         collector_check_account(s.account, &s.err));
        if (cases[i].error)
            assert_non_null(strstr(s.err.message, cases[i].error));
        assert_int_equal(STORE_MAX_FILE_BYTES, s.account->max_response_bytes);
        subject_free(&s);
    }
}

static void file_request(void **state)
{
    struct subject s = subject_of_text("file", "{'path':'/srv/a b'}", TEN_MINUTES);
    struct http_request_list list;
    const char *text;

    (void)state;
    assert_int_equal(ERR_OK, subject_query_text(&s, "{'file':'d/run.csv'}", &text));
    assert_string_equal("d/run.csv#m", text);
    subject_build(&s, text, &list);
    assert_string_equal("GET", list.requests[0].method);
    assert_string_equal("file:///srv/a%20b/d/run.csv", list.requests[0].url);
    assert_string_equal("d/run.csv", list.requests[0].file);
    subject_free(&s);
}

static void file_names(void **state)
{
    struct subject s = subject_of_text("file", "{'path':'/srv/run.csv'}", "{}");
    const char body[] = CSV T0 ",b,canary,1,\n" T0 ",a,baseline,1,\n" T0 ",b,x,1,\n";
    const struct http_response reply = {.status = 200, .body = body, .n_body_bytes = strlen(body)};
    json_auto_t *want = json_of("[{'name':'b','file':'run.csv'},{'name':'a','file':'run.csv'}]");
    json_auto_t *got = NULL;

    (void)state;
    assert_int_equal(ERR_OK, s.type->metadata->parse(s.account, &reply, &got, &s.err));
    assert_true(json_equal(want, got));
    subject_free(&s);
}

/* The files of a folder one after the other; what is no series is left out. */
static void file_names_of_a_folder(void **state)
{
    static const struct {
        const char *file, *type, *body; /* body NULL: it cannot be read */
    } replies[] = {
        {"", FILE_FOLDER_TYPE, "a.csv\nb.csv\nbroken.csv\nno name.csv\nrun.csv\n"},
        {"a.csv", "", CSV T0 ",x,canary,1,\n"},
        {"b.csv", "", NULL},
        {"broken.csv", "", "1,2\n"},
        {"run.csv", "", CSV T0 ",x,canary,1,\n" T0 ",y,canary,1,\n"},
    };
    struct subject s = subject_of_text("file", "{'path':'/srv/in'}", "{}");
    json_auto_t *want = json_of("[{'name':'x','file':'a.csv'},{'name':'x','file':'run.csv'},"
                                "{'name':'y','file':'run.csv'}]");
    struct names names;

    (void)state;
    assert_int_equal(ERR_OK, names_begin(&names, s.type, s.account, "", s.arena, &s.err));
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        struct http_header headers[] = {{"Content-Type", replies[i].type},
                                        {"Content-Location", replies[i].file}};
        const struct http_response reply = {.status = 200,
                                            .headers = headers,
                                            .n_headers = 2,
                                            .body = replies[i].body,
                                            .n_body_bytes =
                                                replies[i].body ? strlen(replies[i].body) : 0};

        row("%s", replies[i].file);
        assert_string_equal(replies[i].file, names_request(&names)->file);
        if (replies[i].body)
            assert_int_equal(ERR_OK, names_take(&names, &reply, &s.err));
        else
            assert_true(names_skip(&names));
    }
    assert_null(names_request(&names));
    assert_true(json_equal(want, names.list));
    names_clear(&names);
    subject_free(&s);
}

/* --- the disk --- */

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(0, fclose(file));
}

static void write_gzip(const char *path, const char *text, size_t n_cut)
{
    gzFile file = gzopen(path, "wb");
    struct stat info;

    assert_non_null(file);
    assert_int_equal(strlen(text), gzwrite(file, text, (unsigned)strlen(text)));
    assert_int_equal(Z_OK, gzclose(file));
    assert_int_equal(0, stat(path, &info));
    assert_int_equal(0, truncate(path, info.st_size - (off_t)n_cut));
}

static void files_are_read_beneath_their_folder(void **state)
{
    static const struct {
        const char *name, *content, *error;
    } cases[] = {
        {"plain", "hello", NULL},
        {"sub/inner", "inner", NULL},
        {"link-inside", "hello", NULL},
        {"packed.gz", "hello hello hello hello hello", NULL},
        {"cut.gz", NULL, "gzip data is broken or cut"},
        {"bomb.gz", NULL, "larger than the account's maxResponseBytes"},
        {"none", NULL, "No such file"},
        {"link-outside", NULL, "leads out of the account's folder"},
        {"link-absolute", NULL, "leads out of the account's folder"},
        {"../outside", NULL, "leads out of the account's folder"},
        {"folder-outside/outside", NULL, "leads out of the account's folder"},
        {"fifo", NULL, "not a regular file"},
        {"large", NULL, "larger than the account's maxResponseBytes"},
        {"plain/x", NULL, "Not a directory"},
        {"sub", "inner\n", NULL},
    };
    char folder[] = "/tmp/serinus-file-XXXXXX", path[128], old[512];
    struct arena *arena = arena_create();
    struct account account = {.max_response_bytes = 1000};
    char big[5001];

    (void)state;
    assert_non_null(getcwd(old, sizeof(old)));
    assert_non_null(mkdtemp(folder));
    assert_int_equal(0, chdir(folder));
    assert_int_equal(0, mkdir("in", 0700) | mkdir("in/sub", 0700) | mkfifo("in/fifo", 0600));
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    write_text("outside", "secret");
    write_text("in/plain", "hello");
    write_text("in/sub/inner", "inner");
    write_text("in/large", big);
    write_gzip("in/packed.gz", "hello hello hello hello hello", 0);
    write_gzip("in/cut.gz", "hello hello hello hello hello", 5);
    write_gzip("in/bomb.gz", big, 0);
    assert_int_equal(
        0, symlink("plain", "in/link-inside") | symlink("../outside", "in/link-outside") |
               symlink("/etc/passwd", "in/link-absolute") | symlink("..", "in/folder-outside"));
    snprintf(path, sizeof(path), "%s/in", folder);
    account.path = path;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_response reply = {0};
        struct error err = {0};

        row("%s", cases[i].name);
        if (cases[i].error) {
            assert_int_equal(ERR_UPSTREAM, file_read(&account, cases[i].name, &reply, &err));
            assert_non_null(strstr(err.message, cases[i].error));
            assert_string_equal("store_file", err.reason);
        } else {
            assert_int_equal(ERR_OK, file_read(&account, cases[i].name, &reply, &err));
            assert_string_equal(cases[i].content, reply.body);
            assert_int_equal(strlen(cases[i].content), reply.n_body_bytes);
        }
        free(reply.headers);
        free((char *)(uintptr_t)reply.body);
    }
    assert_int_equal(0, chdir(old));
    {
        static const char *const names[] = {"in/plain",
                                            "in/sub/inner",
                                            "in/large",
                                            "in/packed.gz",
                                            "in/cut.gz",
                                            "in/bomb.gz",
                                            "in/link-inside",
                                            "in/link-outside",
                                            "in/link-absolute",
                                            "in/folder-outside",
                                            "in/fifo",
                                            "in/sub",
                                            "in",
                                            "outside"};

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
            assert_int_equal(0, remove(path));
        }
    }
    assert_int_equal(0, rmdir(folder));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_query_texts),
        cmocka_unit_test(file_recorded_cases),
        cmocka_unit_test(file_content_is_read_or_refused),
        cmocka_unit_test(file_sides),
        cmocka_unit_test(file_accounts),
        cmocka_unit_test(file_request),
        cmocka_unit_test(file_names),
        cmocka_unit_test(file_names_of_a_folder),
        cmocka_unit_test(files_are_read_beneath_their_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
