/* The list `notify` of the settings. */
#include "tests/support.h"

#include "analyzer/settings.h"
#include "analyzer/settings_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET "T0Kcsm7qZx" /* in every URL and header below; never in a message */

static char directory[] = "/tmp/serinus-notify-settings-XXXXXX";
static char settings_path[64], secret_path[64];

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    chmod(path, 0600);
}

static enum err_code load(const char *yaml, struct settings **out, struct error *err)
{
    const char *paths[] = {settings_path};

    write_file(settings_path, yaml);
    return settings_load(paths, 1, out, err);
}

static struct settings *load_good(const char *yaml)
{
    struct settings *settings = NULL;
    struct error err = {0};

    if (load(yaml, &settings, &err))
        fail_msg("%s", err.message);
    for (size_t i = 0; i < settings->n_notices; i++)
        fail_msg("noticed: %s", settings->notices[i]);
    return settings;
}

static void all_that_can_be_said(void **state)
{
    struct settings *s;
    const struct settings_sink *sink;
    char yaml[1024];

    (void)state;
    write_file(secret_path,
               "https://hooks.example.com/services/" SECRET "/?a=b%20c&sig=" SECRET "\n");
    setenv("SERINUS_TEST_TOKEN", SECRET, 1);
    snprintf(yaml, sizeof(yaml),
             "http: {external_url: 'https://canary.example.com/canary/'}\n"
             "notify:\n"
             "  - {name: slack, type: slack, url: '${file:%s}', on: [fail, error]}\n"
             "  - name: all of it\n"
             "    type: webhook\n"
             "    url: http://user:" SECRET "@10.0.0.1:8080/hook/\n"
             "    on: [pass, marginal, fail, nodata, error, cancelled, interval]\n"
             "    applications: [checkout, basket]\n"
             "    headers: {X-Api-Key: '${env:SERINUS_TEST_TOKEN}', X_under: a b}\n"
             "    timeout: 45s\n"
             "  - {name: plain, type: webhook, url: 'http://localhost:1?q'}\n"
             "  - {name: commas, type: webhook, url: 'http://localhost:1', on: 'pass, nodata'}\n",
             secret_path);
    s = load_good(yaml);
    assert_int_equal(4, s->n_sinks);
    assert_string_equal("https://canary.example.com/canary", s->external_url);

    sink = &s->sinks[0];
    assert_string_equal("slack", sink->name);
    assert_int_equal(SINK_SLACK, sink->type);
    assert_int_equal(SINK_FAIL | SINK_ERROR, sink->on);
    assert_int_equal(0, sink->n_applications);
    assert_string_equal("https://hooks.example.com/services/" SECRET "/?a=b%20c&sig=" SECRET,
                        sink->url.value);
    assert_int_equal(10000, sink->account->read_timeout_ms);
    assert_int_equal(1, sink->account->max_concurrent_requests);
    assert_int_equal(1, sink->account->retry.attempts);
    assert_false(sink->account->retry.server_errors);
    assert_int_equal(0, sink->account->retry.n_statuses);
    assert_int_equal(REDIRECT_NONE, sink->account->redirects);
    assert_true(sink->account->is_sink);

    sink = &s->sinks[1];
    assert_string_equal("all of it", sink->name);
    assert_int_equal(SINK_WEBHOOK, sink->type);
    assert_int_equal(SINK_ENDS | SINK_INTERVAL, sink->on);
    assert_int_equal(2, sink->n_applications);
    assert_string_equal("basket", sink->applications[1]);
    assert_string_equal("http://10.0.0.1:8080/hook/", sink->url.value);
    assert_string_equal("user", sink->account->username);
    assert_string_equal(SECRET, sink->account->password.value);
    assert_int_equal(2, sink->account->n_headers);
    assert_string_equal("X-Api-Key", sink->account->headers[0].name);
    assert_string_equal(SECRET, sink->account->headers[0].value);
    assert_string_equal("X_under", sink->account->headers[1].name);
    assert_int_equal(45000, sink->account->read_timeout_ms);
    assert_int_equal(45000, sink->account->connect_timeout_ms);

    sink = &s->sinks[2];
    assert_int_equal(SINK_ENDS, sink->on);
    assert_string_equal("http://localhost:1?q", sink->url.value);
    assert_int_equal(SINK_PASS | SINK_NODATA, s->sinks[3].on);
    settings_free(s);
}

static void without_the_list_nobody_is_told(void **state)
{
    struct settings *s = load_good("notify: []\n");

    (void)state;
    assert_int_equal(0, s->n_sinks);
    assert_null(s->external_url);
    settings_free(s);
    s = load_good("log: {level: info}\n");
    assert_int_equal(0, s->n_sinks);
    settings_free(s);
}

#define URL "url: 'https://h.example/" SECRET "'"

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *yaml, *part;
    } cases[] = {
        {"notify: {name: a}", ":1: notify: notify is a list of sinks"},
        {"notify: slack", ":1: notify: notify is a list of sinks"},
        {"notify: [slack]", "notify[0]: a sink is a mapping with a name, a type and a url"},
        {"notify: [{type: slack, " URL "}]", "notify[0]: the sink lacks a name"},
        {"notify: [{name: '', type: slack, " URL "}]", "notify[0]: the sink lacks a name"},
        {"notify: [{name: \"a\\nb\", type: slack, " URL "}]", "must be UTF-8 without control"},
        {"notify:\n- {name: a, type: slack, " URL "}\n- {name: a, type: slack, " URL "}",
         ":3: notify[1].name: the name \"a\" is taken by notify[0]"},
        {"notify: [{name: a, " URL "}]", "sink \"a\" lacks a type: webhook or slack"},
        {"notify: [{name: a, type: smtp, " URL "}]",
         "notify[0].type: \"smtp\" is no type of sink; there are webhook and slack"},
        {"notify: [{name: a, type: slack}]", "sink \"a\" lacks a url, for example ${file:"},
        {"notify: [{name: a, type: slack, url: ''}]", "notify[0].url: sink \"a\" lacks a url"},
        {"notify: [{name: a, type: slack, url: [x]}]", "url: one value was expected, not a list"},
        {"notify: [{name: a, type: slack, url: '${env:NO_SUCH_THING_AT_ALL}'}]",
         "notify[0].url: the environment variable NO_SUCH_THING_AT_ALL is not set"},
        {"notify: [{name: a, type: slack, url: '${file:/nonexistent/url}'}]",
         "notify[0].url: could not read \"/nonexistent/url\""},
        {"notify: [{name: a, type: slack, url: 'ftp://h/" SECRET "'}]",
         "notify[0].url: what it holds is not an absolute http:// or https:// URL"},
        {"notify: [{name: a, type: slack, url: 'h.example/" SECRET "'}]", "not an absolute"},
        {"notify: [{name: a, type: slack, url: 'https:///" SECRET "'}]", "not an absolute"},
        {"notify: [{name: a, type: slack, url: 'https://h/" SECRET "#x'}]", "a fragment"},
        {"notify: [{name: a, type: slack, url: 'https://h/?" SECRET "#x'}]", "a fragment"},
        {"notify: [{name: a, type: slack, url: 'https://h/" SECRET " x'}]", "not an absolute"},
        {"notify: [{name: a, type: slack, url: \"https://h/" SECRET "\\r\\nX: y\"}]",
         "not an absolute"},
        {"notify: [{name: a, type: slack, url: 'https://h/" SECRET "\xc3\xa9'}]",
         "not an absolute"},
        {"notify: [{name: a, type: slack, url: '?" SECRET "'}]", "not an absolute"},
        {"notify: [{name: a, type: slack, " URL ", on: [fial]}]",
         "notify[0].on: \"fial\" is nothing to be told of; there are pass, marginal, fail, nodata, "
         "error, cancelled and interval"},
        {"notify: [{name: a, type: slack, " URL ", on: []}]", "notify[0].on: the list is empty"},
        {"notify: [{name: a, type: slack, " URL ", on: {fail: true}}]",
         "notify[0].on: a list was expected, not a mapping"},
        {"notify: [{name: a, type: slack, " URL ", applications: []}]",
         "notify[0].applications: the list is empty; without it"},
        {"notify: [{name: a, type: slack, " URL ", application: x}]",
         "notify[0].application: a sink has no such key; there are name, type, url, on, "
         "applications, headers and timeout"},
        {"notify: [{name: a, type: slack, " URL ", timeout: 0s}]",
         "notify[0].timeout: \"0s\" is not a length of time from 1s to 60s"},
        {"notify: [{name: a, type: slack, " URL ", timeout: 61s}]", "is not a length of time"},
        {"notify: [{name: a, type: slack, " URL ", timeout: soon}]", "is not a length of time"},
        {"notify: [{name: a, type: slack, " URL ", headers: [x]}]",
         "notify[0].headers: headers map names to values"},
        {"notify: [{name: a, type: slack, " URL ", headers: {X-A: \"" SECRET "\\nX-B: c\"}}]",
         "notify[0].headers.X-A: a header is a name without spaces and colons, and one line"},
        {"notify: [{name: a, type: slack, " URL ", headers: {'X A': " SECRET "}}]",
         "a header is a name without spaces"},
        {"notify: [{name: a, type: slack, " URL ", headers: {content-TYPE: text/plain}}]",
         "this service sets the header content-TYPE itself"},
        {"http: {external_url: canary.example.com}",
         "http.external_url: \"canary.example.com\" is not an absolute http:// or https:// URL"},
        {"http: {external_url: 'https://h/?a=b'}", "http.external_url: "},
        {"http: {external_url: 'https://h/|x'}", "http.external_url: "},
        {"http: {external_url: 'https:///x'}", "http.external_url: "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settings *s = NULL;
        struct error err = {0};

        row("%s", cases[i].yaml);
        assert_int_equal(ERR_SETTINGS, load(cases[i].yaml, &s, &err));
        assert_null(s);
        if (!strstr(err.message, cases[i].part) || strstr(err.message, SECRET))
            fail_msg("%s", err.message);
    }
}

static void secrets_are_not_shown(void **state)
{
    struct settings *s = NULL;
    struct strbuf shown = {0};
    struct error err = {0};

    (void)state;
    assert_int_equal(ERR_OK, load("notify: [{name: a, type: slack, url: 'https://u:" SECRET
                                  "@h.example/" SECRET "?" SECRET "', headers: {X-Key: " SECRET
                                  "}, on: [fail]}]",
                                  &s, &err));
    settings_show(s, false, &shown);
    assert_null(strstr(shown.bytes, SECRET));
    assert_non_null(strstr(shown.bytes, "notify[0].name: a\nnotify[0].type: slack\n"
                                        "notify[0].url: ********\n"
                                        "notify[0].headers.X-Key: ********\n"
                                        "notify[0].on: [fail]\n"));
    strbuf_clear(&shown);
    settings_free(s);
}

/* Converted on another machine than the one that has the secret. */
static void a_draft_may_lack_its_secret(void **state)
{
    const char *paths[] = {settings_path};
    const struct settings_options options = {.paths = paths, .n_paths = 1, .is_draft = true};
    struct settings *s = NULL;
    struct strbuf text = {0};
    struct error err = {0};

    (void)state;
    write_file(settings_path, "notify: [{name: a, type: slack, url: '${file:/nonexistent}'}]");
    assert_int_equal(ERR_OK, settings_load_with(&options, &s, &err));
    settings_convert(s, "x", &text);
    assert_non_null(strstr(text.bytes, "url: \"${file:/nonexistent}\"\n"));
    strbuf_clear(&text);
    settings_free(s);
}

static void there_is_an_end_to_them(void **state)
{
    struct strbuf yaml = {0};
    struct settings *s = NULL;
    struct error err = {0};

    (void)state;
    strbuf_puts(&yaml, "notify:\n");
    for (int i = 0; i < 17; i++)
        strbuf_printf(&yaml, "- {name: n%d, type: slack, url: 'http://h'}\n", i);
    assert_int_equal(ERR_SETTINGS, load(yaml.bytes, &s, &err));
    assert_non_null(strstr(err.message, "notify: there are 17 sinks; at most 16 are allowed"));
    strbuf_clear(&yaml);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(settings_path, sizeof(settings_path), "%s/serinus.yml", directory);
    snprintf(secret_path, sizeof(secret_path), "%s/url", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(settings_path);
    unlink(secret_path);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_can_be_said),
        cmocka_unit_test(without_the_list_nobody_is_told),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(secrets_are_not_shown),
        cmocka_unit_test(a_draft_may_lack_its_secret),
        cmocka_unit_test(there_is_an_end_to_them),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
