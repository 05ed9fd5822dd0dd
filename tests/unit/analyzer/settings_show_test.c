/* Secrets on their way in, and what may be seen of settings. Files are written to /tmp. */
#include "tests/support.h"

#include "analyzer/settings_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_PATH "/tmp/serinus-settings-show-test.yml"
#define SECRET_PATH "/tmp/serinus-settings-show-test-secret"

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(0, fclose(file));
    chmod(path, mode);
}

static struct settings *load(const char *text, struct settings_options options)
{
    static const char *const paths[] = {FILE_PATH};
    struct settings *settings = NULL;
    struct error err = {0};

    options.paths = paths;
    options.n_paths = 1;
    write_file(FILE_PATH, text, 0600);
    if (settings_load_with(&options, &settings, &err))
        fail_msg("%s", err.message);
    unlink(FILE_PATH);
    return settings;
}

static void assert_refused(const char *text, bool is_strict, mode_t mode, const char *part)
{
    static const char *const paths[] = {FILE_PATH};
    const struct settings_options options = {.paths = paths, .n_paths = 1, .is_strict = is_strict};
    struct settings *settings = NULL;
    struct error err = {0};

    row("%s", part);
    write_file(FILE_PATH, text, mode);
    assert_int_equal(ERR_SETTINGS, settings_load_with(&options, &settings, &err));
    unlink(FILE_PATH);
    if (!strstr(err.message, part))
        fail_msg("%s", err.message);
}

static void assert_has(const struct strbuf *text, const char *part)
{
    if (!text->bytes || !strstr(text->bytes, part))
        fail_msg("\"%s\" is not in:\n%s", part, strbuf_view(text).bytes);
}

#define ACCOUNT(more) "accounts: [{name: p, type: prometheus, url: \"http://p\", " more "}]\n"

static void strict_settings_refuse_what_is_doubtful(void **state)
{
    (void)state;
    write_file(SECRET_PATH, "s3cret\n", 0644);
    assert_refused("htpp: {}\n", true, 0600,
                   "the key \"htpp\" is not known; did you mean \"http\"?");
    assert_refused(ACCOUNT("pasword: x"), true, 0600,
                   "did you mean \"password\"? (--strict-config; 1 in all)");
    assert_refused(ACCOUNT("password: \"${file:" SECRET_PATH "}\""), true, 0600,
                   "\"" SECRET_PATH "\" can be read by everyone on this machine");
    assert_refused(ACCOUNT("password: hunter2"), true, 0644,
                   FILE_PATH " holds secrets (accounts[0].password) and can be read by everyone");
    settings_free(load(ACCOUNT("password: hunter2"), (struct settings_options){.is_strict = true}));
    chmod(SECRET_PATH, 0600);
    settings_free(load(ACCOUNT("password: \"${file:" SECRET_PATH "}\""),
                       (struct settings_options){.is_strict = true}));
    /* Those that are read later are looked at, too. */
    chmod(SECRET_PATH, 0644);
    assert_refused(ACCOUNT("bearer_token_file: " SECRET_PATH), true, 0600,
                   "accounts[0].bearerTokenFile: \"" SECRET_PATH "\" can be read by everyone");
    assert_refused(ACCOUNT("headers: {X-Key: \"file:" SECRET_PATH "\"}"), true, 0600,
                   "accounts[0].headers: \"" SECRET_PATH "\" can be read by everyone");
    assert_refused(ACCOUNT("passwordFile: /no/such"), true, 0600,
                   "accounts[0].passwordFile: could not look at \"/no/such\": No such file");
    assert_refused(ACCOUNT("tls: {keyFile: /no/such}"), true, 0600,
                   "accounts[0].tls.keyFile: could");
    settings_free(
        load(ACCOUNT("tls: {caFile: /no/such}"), (struct settings_options){.is_strict = true}));
    /* Names of the user's own are no slips. */
    settings_free(load("prom: {port: 9}\nkayenta.prometheus: {enabled: true, accounts: [{name: p, "
                       "endpoint.baseUrl: \"http://p:${prom.port}\"}]}\n",
                       (struct settings_options){.is_strict = true}));
    unlink(SECRET_PATH);
}

static void a_variable_may_name_a_file(void **state)
{
    struct settings *s;

    (void)state;
    write_file(SECRET_PATH, "from-file\n", 0600);
    setenv("SERINUS_ACCOUNTS_0_PASSWORD_FILE", SECRET_PATH,
           1); /* the key passwordFile comes first */
    setenv("SERINUS_ACCOUNTS_0_BEARERTOKEN_FILE", "/run/token", 1);
    setenv("SERINUS_STORE_URL_FILE", SECRET_PATH, 1);
    setenv("KAYENTA_DATADOG_ACCOUNTS_0_NAME", "dd", 1);
    s = load(ACCOUNT("username: u"), (struct settings_options){0});
    assert_string_equal(SECRET_PATH, s->accounts[0].metrics->password_file);
    assert_string_equal("/run/token", s->accounts[0].metrics->bearer_token_file);
    assert_string_equal("from-file", s->data_dir);
    assert_string_equal("dd", s->accounts[1].name);
    settings_free(s);

    setenv("SERINUS_STORE_URL", "/data", 1);
    assert_refused("{}\n", false, 0600,
                   "SERINUS_STORE_URL and SERINUS_STORE_URL_FILE are both set");
    unsetenv("SERINUS_STORE_URL");
    setenv("SERINUS_STORE_URL_FILE", "/no}/such", 1);
    assert_refused("{}\n", false, 0600, "a file's name with a brace is not taken");
    setenv("SERINUS_STORE_URL_FILE", "/no/such", 1);
    assert_refused("{}\n", false, 0600,
                   "environment SERINUS_STORE_URL_FILE: store.url: could not read \"/no/such\"");
    unsetenv("SERINUS_STORE_URL_FILE");
    unsetenv("SERINUS_ACCOUNTS_0_PASSWORD_FILE");
    unsetenv("SERINUS_ACCOUNTS_0_BEARERTOKEN_FILE");
    unsetenv("KAYENTA_DATADOG_ACCOUNTS_0_NAME");
    unlink(SECRET_PATH);
}

static void variables_with_secrets_are_wiped(void **state)
{
    static const char *const gone[] = {"SERINUS_TEST_A", "SERINUS_TEST_B", "SERINUS_TEST_C",
                                       "SERINUS_ACCOUNTS_0_KEYPASSWORD"};
    static const char *const kept[] = {"SERINUS_TEST_USER", "SERINUS_LOG_LEVEL"};
    const char *where;
    struct settings *s;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(gone); i++)
        setenv(gone[i], "hunter", 1);
    setenv("SERINUS_TEST_USER", "someone", 1);
    setenv("SERINUS_LOG_LEVEL", "warn", 1);
    s = load(
        "accounts: [{name: p, type: prometheus, url: \"http://${env:SERINUS_TEST_A}\", username: "
        "\"${SERINUS_TEST_USER}\", password: \"${SERINUS_TEST_B}\", headers: {X: "
        "\"${env:SERINUS_TEST_C}\"}}]\n",
        (struct settings_options){0});
    where = getenv("SERINUS_TEST_B");
    settings_wipe_environment(s);
    assert_string_equal("", where); /* and not only forgotten */
    for (size_t i = 0; i < ARRAY_LEN(gone); i++) {
        row("%s", gone[i]);
        assert_null(getenv(gone[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        row("%s", kept[i]);
        assert_non_null(getenv(kept[i]));
        unsetenv(kept[i]);
    }
    assert_string_equal("hunter", s->accounts[0].metrics->password.value);
    assert_string_equal("http://hunter", s->accounts[0].metrics->base_url);
    settings_free(s);
}

static void secret_engines_are_refused_where_it_matters(void **state)
{
    static const char key_store[] = "server.ssl: {key-store: /k.jks, key-store-password: x}\n";

    (void)state;
    assert_refused(ACCOUNT("password: \"encrypted:s3!r:us-west-2\""), false, 0600,
                   "accounts[0].password: this service has none of Kayenta's secret engines");
    assert_refused(ACCOUNT("password: \"encryptedFile:s3!r:us-west-2\""), false, 0600,
                   "write ${file:/path} or ${env:NAME}");
    assert_refused(key_store, false, 0600,
                   "openssl pkcs12 -in keystore.p12 -out server.pem -nodes");
    settings_free(
        load("server.ssl: {enabled: false, key-store: /k.jks}\n", (struct settings_options){0}));
}

static void management_stays_where_it_is(void **state)
{
    static const struct {
        const char *text;
        size_t n_notices;
    } cases[] = {
        {"management: {server.port: 8090, endpoints.web.base-path: /}\n", 0},
        {"management: {endpoints.web: {base-path: /actuator}}\n", 0},
        {"management: {endpoints.web: {base-path: /manage}}\n", 1},
        {"management: {server: {port: 8081}, endpoints.web.basePath: /manage}\n", 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settings *s = load(cases[i].text, (struct settings_options){0});

        row("%s", cases[i].text);
        assert_int_equal(cases[i].n_notices, s->n_notices);
        assert_int_equal(cases[i].n_notices, s->n_dropped);
        settings_free(s);
    }
}

static void show_says_what_and_where_from(void **state)
{
    static const char text[] =
        "accounts:\n"
        "- name: \"a: b\"\n"
        "  type: prometheus\n"
        "  url: http://u:hunter1@p/x\n"
        "  proxy: http://u:hunter2@proxy:3128\n"
        "  password: hunter3\n"
        "  headers: {X-Key: hunter4, X-File: \"file:/k\"}\n"
        "  queryParams: {api_key: hunter5, dedup: \"\\e[1m\"}\n"
        "  locations: [\"1.50\", \"null\", eu-1]\n"
        "notify:\n"
        "- {name: n, type: slack, url: \"https://hooks.example.com/hunter6\", on: [fail], headers: "
        "{A: hunter7}}\n"
        "log.level: warn\n";
    struct settings *s;
    struct strbuf out = {0};

    (void)state;
    setenv("SERINUS_ANALYSIS_WORKERS", "3", 1);
    s = load(text, (struct settings_options){0});
    unsetenv("SERINUS_ANALYSIS_WORKERS");
    settings_show(s, true, &out);
    assert_has(&out, "http.listen: [127.0.0.1:8090]  # default\n");
    assert_has(&out, "analysis.workers: 3  # environment SERINUS_ANALYSIS_WORKERS\n");
    assert_has(&out, "log.level: warn  # " FILE_PATH ":12\n");
    assert_has(&out, "accounts[0].name: \"a: b\"  # " FILE_PATH ":2\n");
    assert_has(&out, "accounts[0].url: \"http://***@p/x\"  # " FILE_PATH ":4\n");
    assert_has(&out, "accounts[0].proxy: \"http://***@proxy:3128\"  # ");
    assert_has(&out, "accounts[0].password: ********  # ");
    assert_has(&out, "accounts[0].headers.X-Key: ********  # ");
    assert_has(&out, "accounts[0].headers.X-File: file:/k  # ");
    assert_has(&out, "accounts[0].queryParams.api_key: ********  # ");
    assert_has(&out, "accounts[0].queryParams.dedup: \"\\u001B[1m\"  # ");
    assert_has(&out, "accounts[0].locations: [\"1.50\", \"null\", eu-1]  # ");
    assert_has(&out, "accounts[0].scopeLabel: instance  # default\n");
    assert_has(&out, "accounts[0].retry.statuses: [408, 429]  # default\n");
    assert_has(&out, "accounts[1].name: serinus  # default\n");
    assert_has(&out, "notify[0].url: ********  # " FILE_PATH ":11\n");
    assert_has(&out, "notify[0].on: [fail]  # ");
    assert_has(&out, "notify[0].headers.A: ********  # ");
    assert_null(strstr(out.bytes, "hunter"));
    strbuf_clear(&out);
    settings_show(s, false, &out);
    assert_has(&out, "log.level: warn\n");
    assert_null(strchr(out.bytes, '#'));
    strbuf_clear(&out);
    settings_free(s);
}

static void convert_keeps_references_and_no_secret(void **state)
{
    static const char text[] = "kayenta:\n"
                               "  prometheus:\n"
                               "    enabled: true\n"
                               "    accounts:\n"
                               "    - name: a-b\n"
                               "      endpoint.baseUrl: http://${PROM_HOST:localhost}:${port}\n"
                               "      username: ${NOT_SET_ANYWHERE}\n"
                               "      password: ${NOT_SET_ANYWHERE:hunter1}\n"
                               "      bearerToken: ${file:/no/such/file}\n"
                               "      headers: {X.Y: hunter2, X-Z: \"pre-${NOT_SET_ANYWHERE}\"}\n"
                               "      tls: {keyPassword: \"encrypted:s3!hunter3\"}\n"
                               "    - name: a_b\n"
                               "      endpoint.baseUrl: http://u:hunter4@p\n"
                               "      password: hunter5\n"
                               "server.port: ${SOME_PORT}\n"
                               "port: 9090\n"
                               "notify: [{name: n, type: slack, url: \"${env:HOOK_URL}\"}]\n";
    struct settings *s = load(text, (struct settings_options){.is_draft = true});
    struct strbuf out = {0};

    (void)state;
    settings_convert(s, "kayenta.yml", &out);
    assert_has(&out, "converted from kayenta.yml");
    assert_has(&out, "http:\n  listen: \"127.0.0.1:${SOME_PORT}\"\n");
    assert_has(&out,
               "accounts:\n  - name: a-b\n    type: prometheus\n    roles: [metrics]\n"
               "    url: http://localhost:9090\n"
               "    username: \"${NOT_SET_ANYWHERE}\"\n"
               "    password: \"${env:NOT_SET_ANYWHERE}\"  # the default that stood behind it was "
               "left out\n"
               "    bearerToken: \"${file:/no/such/file}\"\n"
               "    headers:\n"
               "      X.Y: \"${env:SERINUS_SECRET_A_B_0_HEADERS_X_Y}\"  # stood in the open");
    assert_has(&out, "      X-Z: \"${env:SERINUS_SECRET_A_B_0_HEADERS_X_Z}\"  # ");
    assert_has(&out,
               "    tls:\n      keyPassword: \"${env:SERINUS_SECRET_A_B_0_TLS_KEYPASSWORD}\"");
    assert_has(&out, "  - name: a_b\n");
    assert_has(&out,
               "    url: \"${env:SERINUS_SECRET_A_B_1_URL}\"  # stood in the open in " FILE_PATH
               ":13");
    assert_has(&out, "    password: \"${env:SERINUS_SECRET_A_B_1_PASSWORD}\"  # ");
    assert_has(&out, "url: \"${env:HOOK_URL}\"\n");
    assert_null(strstr(out.bytes, "hunter"));
    strbuf_clear(&out);
    settings_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strict_settings_refuse_what_is_doubtful),
        cmocka_unit_test(a_variable_may_name_a_file),
        cmocka_unit_test(variables_with_secrets_are_wiped),
        cmocka_unit_test(secret_engines_are_refused_where_it_matters),
        cmocka_unit_test(management_stays_where_it_is),
        cmocka_unit_test(show_says_what_and_where_from),
        cmocka_unit_test(convert_keeps_references_and_no_secret),
    };

    unsetenv("STATE_DIRECTORY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
