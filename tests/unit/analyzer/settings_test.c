/* Files: fixtures/settings, see its README. */
#include "tests/support.h"

#include "analyzer/settings.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR "fixtures/settings/"

static struct settings *load_all(const char *const *paths, size_t n_paths)
{
    struct settings *settings = NULL;
    struct error err = {0};

    if (settings_load(paths, n_paths, &settings, &err))
        fail_msg("%s: %s", n_paths ? paths[0] : "no file", err.message);
    return settings;
}

static struct settings *load(const char *path)
{
    return load_all(&path, 1);
}

static bool has_text(const char *const *texts, size_t n_texts, const char *part)
{
    for (size_t i = 0; i < n_texts; i++)
        if (strstr(texts[i], part))
            return true;
    return false;
}

static bool has_notice(const struct settings *settings, const char *part)
{
    return has_text(settings->notices, settings->n_notices, part) ||
           has_text(settings->warnings, settings->n_warnings, part);
}

static void assert_text(const char *const *texts, size_t n_texts, const char *part)
{
    if (has_text(texts, n_texts, part))
        return;
    for (size_t i = 0; i < n_texts; i++)
        print_error("there is: %s\n", texts[i]);
    fail_msg("none has \"%s\"", part);
}

static void assert_notice(const struct settings *settings, const char *part)
{
    assert_text(settings->notices, settings->n_notices, part);
}

static void assert_warning(const struct settings *settings, const char *part)
{
    assert_text(settings->warnings, settings->n_warnings, part);
}

static const struct settings_account *account_of(const struct settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->n_accounts; i++)
        if (strcmp(settings->accounts[i].name, name) == 0)
            return &settings->accounts[i];
    fail_msg("no account %s", name);
    return NULL;
}

static void assert_shown(const struct settings *settings, const char *name, const char *want)
{
    const json_t *shown = account_of(settings, name)->shown;
    json_t *expected = json_loads(want, 0, NULL);

    if (!json_equal((json_t *)(uintptr_t)shown, expected))
        fail_msg("%s shows %s", name, json_dumps(shown, JSON_COMPACT));
    json_decref(expected);
}

static void no_file_is_the_defaults(void **state)
{
    struct settings *s = load_all(NULL, 0);

    (void)state;
    assert_string_equal("127.0.0.1", s->listen_host);
    assert_int_equal(8090, s->listen_port);
    assert_string_equal("/var/lib/serinus", s->data_dir);
    assert_int_equal(LOG_LEVEL_INFO, s->log_level);
    assert_true(s->workers >= 1);
    assert_false(s->metric_names_unchecked);
    assert_false(s->no_auth_accepted);
    assert_int_equal(1, s->n_accounts);
    assert_string_equal("serinus", s->accounts[0].name);
    assert_string_equal("sqlite", s->accounts[0].type);
    assert_int_equal(ROLE_OBJECTS | ROLE_CONFIGURATIONS, s->accounts[0].roles);
    assert_int_equal(0, s->n_notices);
    settings_free(s);
    s = load(DIR "kayenta-commented.yml");
    assert_int_equal(1, s->n_accounts);
    settings_free(s);
    settings_free(NULL);
}

static void a_kayenta_file_loads_as_it_is(void **state)
{
    struct settings *s = load(DIR "kayenta.yml");
    const struct account *prom, *eu;

    (void)state;
    assert_string_equal("127.0.0.1", s->listen_host);
    assert_int_equal(8091, s->listen_port);
    assert_notice(s, "server.port without server.address");
    assert_int_equal(3, s->n_accounts);
    prom = account_of(s, "prometheus-prod")->metrics;
    assert_non_null(prom);
    assert_int_equal(ROLE_METRICS, s->accounts[0].roles);
    assert_string_equal("prometheus", s->accounts[0].type);
    assert_string_equal("http://prometheus.monitoring:9090/prom", prom->base_url);
    assert_string_equal("kayenta", prom->username);
    assert_string_equal("hunter2-secret", prom->password.value);
    assert_string_equal("pod", json_string_value(json_object_get(prom->options, "scopeLabel")));
    assert_int_equal(5, prom->retry.attempts);
    assert_int_equal(500, prom->retry.backoff_ms);
    assert_int_equal(2, prom->retry.n_statuses);
    assert_int_equal(408, prom->retry.statuses[0]);
    assert_int_equal(2, json_array_size(prom->recommended_locations));
    eu = account_of(s, "prometheus-eu")->metrics;
    assert_string_equal("https://prom.example.com", eu->base_url);
    assert_string_equal("hunter3-secret", eu->password.value);
    assert_int_equal(5, eu->retry.attempts);
    assert_int_equal(ROLE_OBJECTS | ROLE_CONFIGURATIONS, account_of(s, "kayenta-s3")->roles);
    assert_string_equal("aws", account_of(s, "kayenta-s3")->type);
    assert_null(account_of(s, "kayenta-s3")->metrics);
    assert_shown(s, "prometheus-prod",
                 "{\"endpoint\":{\"baseUrl\":\"http://prometheus.monitoring:9090/prom\"},"
                 "\"username\":\"kayenta\",\"locations\":[\"eu-west-1\"],"
                 "\"recommendedLocations\":[\"eu-west-1\",\"us-east-1\"]}");
    assert_shown(s, "prometheus-eu",
                 "{\"endpoint\":{\"baseUrl\":\"https://***@prom.example.com\"}}");
    assert_shown(s, "kayenta-s3",
                 "{\"bucket\":\"kayenta-prod\",\"region\":\"eu-west-1\","
                 "\"rootFolder\":\"kayenta\"}");
    assert_string_equal("acme", settings_fetch_default(s, "prometheus", "project"));
    assert_null(settings_fetch_default(s, "prometheus", "resourceType"));
    assert_string_equal("eu-west-1", settings_fetch_default(s, "prometheus", "location"));
    assert_string_equal("checkout", settings_fetch_default(s, "prometheus", "scope"));
    assert_string_equal("2026-08-20T10:00:00Z", settings_fetch_default(s, "prometheus", "start"));
    assert_string_equal("2026-08-20T11:00:00Z", settings_fetch_default(s, "prometheus", "end"));
    assert_notice(
        s, "ignored, for this service has no such part: redis, management.endpoints.web.exposure");
    assert_notice(s, "data of kayenta-s3 is kept in this service's own result store");
    assert_false(s->has_no_analyses);
    assert_false(has_notice(s, "hunter"));
    assert_false(has_notice(s, "not known"));
    settings_free(s);
}

static void relaxed_names_and_placeholders(void **state)
{
    struct settings *s;
    const struct account *account;

    (void)state;
    s = load(DIR "kayenta-relaxed.yml");
    assert_int_equal(9999, s->listen_port);
    assert_string_equal("localhost", s->listen_host);
    assert_true(s->metric_names_unchecked);
    account = account_of(s, "relaxed")->metrics;
    assert_string_equal("http://prom.blue:9090", account->base_url);
    assert_string_equal("u", account->username);
    assert_string_equal("pass-blue", account->password.value);
    assert_int_equal(1500, account->connect_timeout_ms);
    assert_int_equal(2, account->n_headers);
    assert_string_equal("X-Scope-OrgID", account->headers[0].name);
    assert_string_equal("tenant.a|blue", account->headers[0].value);
    assert_string_equal("a.b", account->headers[1].name);
    assert_string_equal("instance",
                        json_string_value(json_object_get(account->options, "scopeLabel")));
    settings_free(s);

    setenv("SERINUS_TEST_PORT", "7", 1);
    setenv("SERINUS_TEST_PASSWORD", "from:env}", 1);
    s = load(DIR "kayenta-relaxed.yml");
    assert_int_equal(7, s->listen_port);
    assert_string_equal("from:env}", account_of(s, "relaxed")->metrics->password.value);
    settings_free(s);
    unsetenv("SERINUS_TEST_PORT");
    unsetenv("SERINUS_TEST_PASSWORD");
}

static void every_kind_of_account_is_listed(void **state)
{
    static const struct {
        const char *name, *type;
        unsigned roles;
        const char *shown;
    } want[] = {
        {"dd", "datadog", ROLE_METRICS,
         "{\"endpoint\":{\"baseUrl\":\"https://api.datadoghq.eu\"}}"},
        {"gr", "graphite", 0, "{\"endpoint\":{\"baseUrl\":\"http://graphite\"}}"},
        {"gcp", "google", ROLE_METRICS | ROLE_OBJECTS,
         "{\"project\":\"acme-prod\",\"bucket\":\"b\",\"bucketLocation\":\"eu\",\"rootFolder\":"
         "\"kayenta\",\"metricsStoreType\":\"stackdriver\"}"},
        {"in-memory", "memory", ROLE_OBJECTS | ROLE_CONFIGURATIONS, "{}"},
        {"az", "azure", ROLE_OBJECTS, "{\"rootFolder\":\"r\"}"},
        {"cb", "configbin", ROLE_CONFIGURATIONS,
         "{\"endpoint\":{\"baseUrl\":\"http://cb\"},\"ownerApp\":\"o\",\"configType\":\"t\"}"},
        {"at", "atlas", ROLE_METRICS, "{\"fetchId\":\"f\"}"},
    };
    struct settings *s = load(DIR "kayenta-stores.yml");

    (void)state;
    assert_int_equal(ARRAY_LEN(want), s->n_accounts); /* no built-in one is needed */
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        row("%s", want[i].name);
        assert_string_equal(want[i].name, s->accounts[i].name);
        assert_string_equal(want[i].type, s->accounts[i].type);
        assert_int_equal(want[i].roles, s->accounts[i].roles);
        assert_shown(s, want[i].name, want[i].shown);
    }
    assert_notice(s, "account \"gr\" serves nothing: it has no supportedTypes");
    assert_notice(s, "data of gcp, in-memory, az, cb is kept");
    assert_false(has_notice(s, "hunter"));
    assert_false(has_notice(s, "not known"));
    settings_free(s);
}

static void the_native_shape(void **state)
{
    struct settings *s = load(DIR "native.yml");
    const struct account *account;
    struct error err = {0};

    (void)state;
    assert_string_equal("::1", s->listen_host);
    assert_int_equal(0, s->listen_port);
    assert_string_equal("/srv/canary", s->data_dir);
    assert_int_equal(3, s->workers);
    assert_int_equal(LOG_LEVEL_DEBUG, s->log_level);
    assert_true(s->no_auth_accepted);
    assert_int_equal(2, s->n_allowed_hosts);
    assert_string_equal("canary.example.com", s->allowed_hosts[1]);
    assert_int_equal(1, s->n_cors_origins);
    assert_string_equal("https://referee.example.com", s->cors_origins[0]);
    assert_int_equal(3, s->n_accounts);
    account = account_of(s, "prod")->metrics;
    assert_string_equal("https://prom.example.com", account->base_url);
    assert_string_equal("hunter7-secret", account->bearer_token.value);
    assert_int_equal(4, account->max_concurrent_requests);
    assert_int_equal(30000, account->read_timeout_ms);
    assert_int_equal(7, account->retry.attempts);
    assert_string_equal("version",
                        json_string_value(json_object_get(account->options, "scopeLabel")));
    assert_int_equal(ROLE_CONFIGURATIONS, account_of(s, "kept")->roles);
    assert_int_equal(ROLE_OBJECTS, account_of(s, "serinus")->roles); /* what nobody has */
    assert_string_equal("https://canary.example.com", s->external_url);
    assert_false(has_notice(s, "without effect"));
    assert_false(has_notice(s, "not known"));
    assert_int_equal(ERR_OK, settings_listen_check(s, &err));
    settings_free(s);
}

static void secrets_come_from_outside(void **state)
{
    static const char path[] = "/tmp/serinus-settings-test-secret";
    FILE *file = fopen(path, "w");
    struct settings *s;

    (void)state;
    fputs("line\n\n", file);
    fclose(file);
    chmod(path, 0644);
    setenv("SERINUS_TEST_URL", "http://from-env:1", 1);
    s = load(DIR "native-secrets.yml");
    assert_string_equal("http://from-env:1", s->accounts[0].metrics->base_url);
    assert_string_equal("line", s->accounts[0].metrics->bearer_token.value);
    assert_warning(s, "accounts[0].bearer_token: \"/tmp/serinus-settings-test-secret\" can be read "
                      "by everyone");
    settings_free(s);
    chmod(path, 0600);
    s = load(DIR "native-secrets.yml");
    assert_false(has_notice(s, "can be read by everyone"));
    settings_free(s);
    unlink(path);
    unsetenv("SERINUS_TEST_URL");
}

static void later_files_override(void **state)
{
    static const char *const paths[] = {DIR "kayenta.yml", DIR "override.yml"};
    struct settings *s = load_all(paths, 2);

    (void)state;
    assert_string_equal("127.0.0.2", s->listen_host); /* key by key */
    assert_int_equal(8091, s->listen_port);
    assert_int_equal(2, s->n_accounts); /* lists are replaced */
    assert_string_equal("only", s->accounts[0].name);
    assert_string_equal(
        "other", json_string_value(json_object_get(s->accounts[0].metrics->options, "scopeLabel")));
    settings_free(s);
}

static void the_environment_overrides(void **state)
{
    static const char *const variables[][2] = {
        {"KAYENTA_PROMETHEUS_ACCOUNTS_0_NAME", "renamed"},
        {"KAYENTA_PROMETHEUS_ACCOUNTS_0_ENDPOINT_BASEURL", "http://env:9"},
        {"KAYENTA_PROMETHEUS_ACCOUNTS_2_NAME", "added"},
        {"KAYENTA_PROMETHEUS_ACCOUNTS_2_ENDPOINT_BASE_URL", "http://added"},
        {"KAYENTA_PROMETHEUS_SCOPELABEL", "env_label"},
        {"KAYENTA_AWS_ACCOUNTS_0_SUPPORTEDTYPES_0", "OBJECT_STORE"},
        {"KAYENTA_AWS_ACCOUNTS_0_SUPPORTEDTYPES_1", "OBJECT_STORE"},
        {"KAYENTA_METRICS_RETRY_ATTEMPTS", "2"},
        {"KAYENTA_DISABLE_METRICNAME_VALIDATION", "true"},
        {"KAYENTA_PORT_8090_TCP_ADDR", "10.0.0.1"}, /* Kubernetes makes these */
        {"KAYENTA_SERVICE_HOST", "10.0.0.1"},
        {"SERINUS_HTTP_LISTEN", "127.0.0.3:1234"},
        {"SERINUS_AUTH_MODE", "none"},
        {"SERINUS_AUTH_I_ACCEPT_NO_AUTH", "true"},
        {"SERINUS_STORE_URL", "/data"},
    };
    struct settings *s;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        setenv(variables[i][0], variables[i][1], 1);
    s = load(DIR "kayenta.yml");
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        unsetenv(variables[i][0]);
    assert_int_equal(5, s->n_accounts);
    assert_string_equal("renamed", s->accounts[0].name);
    assert_string_equal("http://env:9", s->accounts[0].metrics->base_url);
    assert_string_equal("hunter2-secret", s->accounts[0].metrics->password.value);
    assert_string_equal("added", s->accounts[2].name);
    assert_string_equal("env_label", json_string_value(json_object_get(
                                         s->accounts[0].metrics->options, "scopeLabel")));
    assert_int_equal(2, s->accounts[0].metrics->retry.attempts);
    assert_int_equal(ROLE_OBJECTS, account_of(s, "kayenta-s3")->roles);
    assert_true(s->metric_names_unchecked);
    assert_string_equal("127.0.0.3", s->listen_host);
    assert_int_equal(1234, s->listen_port);
    assert_true(s->no_auth_accepted);
    assert_string_equal("/data", s->data_dir);
    settings_free(s);
}

static void slips_are_noticed(void **state)
{
    struct settings *s = load(DIR "typos.yml");

    (void)state;
    assert_warning(s, "typos.yml:1: the key \"server.prot\" is not known; did you mean \"port\"?");
    assert_warning(s, "typos.yml:2: the key \"sever\" is not known; did you mean \"server\"?");
    assert_warning(s, "\"kayenta.promethues\" is not known; did you mean \"prometheus\"?");
    assert_warning(s, "\"kayenta.metrics.retry.atempts\" is not known; did you mean \"attempts\"?");
    assert_warning(s,
                   "typos.yml:8: the key \"kayenta.prometheus.accounts[0].usrname\" is not known; "
                   "did you mean \"username\"?");
    assert_warning(s, "accounts[0].wholly_new\" is not known");
    assert_warning(s, "the key \"zzz\" is not known");
    assert_false(has_notice(s, "zzz.a"));
    assert_notice(s, "kayenta.prometheus.enabled is not set");
    settings_free(s);
}

/* Rows Y1, Y2, Y4 to Y7, Y9. */
static void bad_settings_are_refused(void **state)
{
    static const struct {
        const char *file, *part;
    } cases[] = {
        {"port-65536", ":1: server.port: \"65536\" is not a whole number from 1 to 65535"},
        {"port-text", ":2: server.port: \"8090x\" is not a whole number from 1 to 65535"},
        {"port-zero", ":1: server.port: \"0\" is not a whole number from 1 to 65535"},
        {"port-octal", "server.port: \"010\" is not"},
        {"port-minus", "server.port: \"-1\" is not"},
        {"listen-port", "http.listen: \"127.0.0.1:70000\" is not ADDRESS:PORT"},
        {"listen-bare", "http.listen: \"8090\" is not ADDRESS:PORT"},
        {"listen-unix", "http.listen: this version listens on TCP only"},
        {"listen-two", "http.listen: this version listens at one address"},
        {"flag", "kayenta.disable.metricname.validation: \"maybe\" is neither true nor false"},
        {"log-level", "log.level: \"loud\" is not one of error, warn, info, debug"},
        {"workers", "analysis.workers: \"0\" is not a whole number from 1 to 1024"},
        {"duration", "limits.store.total: \"5\" is not a length of time from 1s to 1h"},
        {"duration-minus", "limits.store.total: \"-1s\" is not"},
        {"duration-huge", "limits.store.connect: \"1e9h\" is not"},
        {"store-postgres", "store.url: this version keeps its results in SQLite only"},
        {"store-name", "store.url: \"/srv/other.db\" is not"},
        {"auth-mode", "auth.mode: \"token\" is not available"},
        {"tls", "http.tls: this version does not serve TLS"},
        {"ssl", "server.ssl: this version does not serve TLS"},
        {"cors-star", "cors.origins: \"*\" is not an exact origin"},
        {"account-no-name", "kayenta.prometheus.accounts[0]: the account lacks a name"},
        {"account-no-type", ":2: accounts[0]: the account lacks a type"},
        {"account-bad-type", "accounts[0].type: \"promethues\" is no type of account; there are"},
        {"account-no-url",
         ":5: kayenta.prometheus.accounts[0]: account \"a\" lacks endpoint.baseUrl"},
        {"account-file-url",
         "accounts[0]: account \"a\": \"endpoint.baseUrl\" must be an absolute"},
        {"account-no-host", "accounts[0]: account \"a\": \"endpoint.baseUrl\" must be an absolute"},
        {"account-fragment",
         "accounts[0]: account \"a\": \"endpoint.baseUrl\" must be an absolute"},
        {"account-twice", ":5: kayenta.prometheus.accounts[0]: the account name \"a\" is taken by "
                          "kayenta.memory.accounts[0]"},
        {"account-role", "accounts[0].roles: \"everything\" is no role"},
        {"account-list", "accounts: accounts is a list"},
        {"account-built-in", "accounts[0]: the name \"serinus\" is kept"},
        {"placeholder-undefined", ":7: kayenta.prometheus.accounts[0].password: "
                                  "${NO_SUCH_THING_AT_ALL} is neither a setting nor"},
        {"placeholder-circle", "server.port: its placeholders go round in a circle"},
        {"placeholder-newline",
         "server.address: the environment variable SERINUS_TEST_LINES holds a "
         "line break"},
        {"placeholder-env", "server.address: the environment variable NO_SUCH_THING_AT_ALL is not"},
        {"secret-missing", "server.address: could not read \"/nonexistent/secret\": No such file"},
        {"secret-folder", "server.address: \"/tmp\" is not a regular file"},
        {"secret-empty", "server.address: \"/dev/null\" is not a regular file"},
        {"list-of-settings", "settings are a mapping, not a list"},
        {"scalar-expected", "server.port: one value was expected, not a list"},
        {"two-documents", ":3: a second document in one file is not taken"},
        {"duplicate-key", ":2:1: the key \"server\" stands here twice"},
        {"alias-cycle", ":1:8: the alias stands inside its anchor"},
        {"deep-key", "cannot read the key \"a.a.a"},
    };

    (void)state;
    setenv("SERINUS_TEST_LINES", "a\nb", 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settings *s = NULL;
        struct error err = {0};
        char path[128];
        const char *paths[] = {path};

        snprintf(path, sizeof(path), DIR "bad/%s.yml", cases[i].file);
        if (settings_load(paths, 1, &s, &err) != ERR_SETTINGS)
            fail_msg("%s: %d %s", path, err.code, err.message);
        if (strncmp(err.message, path, strlen(path)) != 0 || !strstr(err.message, cases[i].part))
            fail_msg("%s: %s", path, err.message);
        assert_null(s);
    }
    unsetenv("SERINUS_TEST_LINES");
}

static void a_missing_file_is_named(void **state)
{
    static const char *const paths[] = {DIR "kayenta.yml", "no/such/file.yml"};
    static const char *const folder[] = {"fixtures"};
    struct settings *s = NULL;
    struct error err = {0};

    (void)state;
    assert_int_equal(ERR_NOT_FOUND, settings_load(paths, 2, &s, &err));
    assert_non_null(strstr(err.message, "no/such/file.yml"));
    err = (struct error){0};
    assert_int_equal(ERR_SETTINGS, settings_load(folder, 1, &s, &err));
}

/* Row Y10. */
static void listening_beyond_loopback_is_agreed_to(void **state)
{
    static const struct {
        const char *host;
        bool is_loopback;
    } cases[] = {
        {"127.0.0.1", true}, {"127.9.9.9", true},    {"localhost", true},
        {"::1", true},       {"0.0.0.0", false},     {"::", false},
        {"10.0.0.1", false}, {"example.com", false}, {"127.0.0.1.example.com", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settings s = {.listen_host = cases[i].host};
        struct error err = {0};

        row("%s", cases[i].host);
        assert_int_equal(cases[i].is_loopback ? ERR_OK : ERR_SETTINGS,
                         settings_listen_check(&s, &err));
        if (!cases[i].is_loopback)
            assert_non_null(strstr(err.message, "auth:\n  mode: none\n  i_accept_no_auth: true"));
        s.no_auth_accepted = true;
        err = (struct error){0};
        assert_int_equal(ERR_OK, settings_listen_check(&s, &err));
    }
}

static void accounts_are_found(void **state)
{
    static const struct {
        const char *name;
        enum account_role role;
        const char *found, *error;
    } cases[] = {
        {"prometheus-eu", ROLE_METRICS, "prometheus-eu", NULL},
        {NULL, ROLE_METRICS, "prometheus-prod", NULL},
        {"", ROLE_OBJECTS, "kayenta-s3", NULL},
        {"kayenta-s3", ROLE_CONFIGURATIONS, "kayenta-s3", NULL},
        {"prometheus-eu", ROLE_CONFIGURATIONS, "kayenta-s3", NULL}, /* the wrong kind: the first */
        {"nobody", ROLE_METRICS, NULL, "Unable to resolve account nobody."},
        {"nobody", ROLE_CONFIGURATIONS, NULL, "Unable to resolve account nobody."},
        {"kayenta-s3", ROLE_METRICS, NULL, "Unable to resolve metrics service kayenta-s3."},
        {"prometheus-eu", ROLE_OBJECTS, NULL, "Unable to resolve storage service prometheus-eu."},
    };
    struct settings *s = load(DIR "kayenta.yml");
    struct settings none = {0};
    const struct settings_account *found = NULL;
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        row("case %zu", i);
        found = NULL;
        err = (struct error){0};
        assert_int_equal(cases[i].error ? ERR_INVALID : ERR_OK,
                         settings_account_find(s, cases[i].name, cases[i].role, &found, &err));
        if (cases[i].error)
            assert_string_equal(cases[i].error, err.message);
        else
            assert_string_equal(cases[i].found, found->name);
    }
    err = (struct error){0};
    assert_int_equal(ERR_INVALID, settings_account_find(&none, NULL, ROLE_METRICS, &found, &err));
    assert_string_equal("Unable to resolve account of type METRICS_STORE.", err.message);
    err = (struct error){0};
    assert_int_equal(ERR_INVALID, settings_account_find(&none, "", ROLE_OBJECTS, &found, &err));
    assert_string_equal("Unable to resolve account of type OBJECT_STORE.", err.message);
    settings_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_file_is_the_defaults),
        cmocka_unit_test(a_kayenta_file_loads_as_it_is),
        cmocka_unit_test(relaxed_names_and_placeholders),
        cmocka_unit_test(every_kind_of_account_is_listed),
        cmocka_unit_test(the_native_shape),
        cmocka_unit_test(secrets_come_from_outside),
        cmocka_unit_test(later_files_override),
        cmocka_unit_test(the_environment_overrides),
        cmocka_unit_test(slips_are_noticed),
        cmocka_unit_test(bad_settings_are_refused),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(listening_beyond_loopback_is_agreed_to),
        cmocka_unit_test(accounts_are_found),
    };

    unsetenv("STATE_DIRECTORY"); /* set where systemd runs the tests */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
