/* Files as Kayenta's users have them: fixtures/settings/kayenta, expectations in its cases.json.
 *
 * A row of "accounts" is "NAME TYPE ROLES URL", with - for none; the URL is * where a collector may
 * build it. Whether a store can be queried is asked of the list of collectors. */
#include "tests/support.h"

#include "analyzer/settings.h"
#include "analyzer/settings_keys.h"
#include "analyzer/settings_show.h"
#include "base/json.h"
#include "collectors/collector.h"

#include <stdlib.h>
#include <string.h>

#define DIR "fixtures/settings/kayenta/"

extern char **environ;

static void check_texts(const char *what, const char *const *texts, size_t n_texts,
                        const json_t *wanted)
{
    json_t *part;
    size_t i;

    json_array_foreach ((json_t *)(uintptr_t)wanted, i, part) {
        bool is_there = false;

        for (size_t k = 0; k < n_texts; k++)
            is_there = is_there || strstr(texts[k], json_string_value(part));
        for (size_t k = 0; k < n_texts && !is_there; k++)
            print_error("%s: %s\n", what, texts[k]);
        if (!is_there)
            fail_msg("no %s has \"%s\"", what, json_string_value(part));
    }
}

static const char *roles_text(unsigned roles, char out[64])
{
    snprintf(out, 64, "%s%s%s", roles & ROLE_METRICS ? "metrics," : "",
             roles & ROLE_OBJECTS ? "objects," : "",
             roles & ROLE_CONFIGURATIONS ? "configurations," : "");
    if (*out)
        out[strlen(out) - 1] = '\0';
    return *out ? out : "-";
}

static void check_account(const struct settings_account *account, const char *wanted)
{
    const struct account_kind *kind = account_kind_find(account->type);
    char roles[64], row_text[512];
    bool is_supported = account->roles & ROLE_METRICS && collector_find(kind->collector);
    const char *url = strrchr(wanted, ' ') + 1;

    assert_non_null(kind);
    snprintf(row_text, sizeof(row_text), "%s %s %s ", account->name, account->type,
             roles_text(account->roles, roles));
    if (strlen(row_text) != (size_t)(url - wanted) ||
        strncmp(row_text, wanted, strlen(row_text)) != 0)
        fail_msg("wanted \"%s\", got \"%s\"", wanted, row_text);
    if (is_supported != (account->metrics != NULL))
        fail_msg("%s is %s, but its collector is %s", account->name,
                 account->metrics ? "ready" : "unsupported", is_supported ? "here" : "not");
    if (account->metrics && strcmp(url, "*") != 0)
        assert_string_equal(url, account->metrics->base_url);
}

/* Null: it must not be there. */
static void check_options(const struct settings *settings, const json_t *wanted)
{
    const char *name, *key;
    json_t *options, *value;

    json_object_foreach ((json_t *)(uintptr_t)wanted, name, options) {
        const struct settings_account *account = NULL;

        for (size_t i = 0; i < settings->n_accounts; i++)
            if (strcmp(settings->accounts[i].name, name) == 0)
                account = &settings->accounts[i];
        if (!account)
            fail_msg("no account %s", name);
        json_object_foreach (options, key, value) {
            const json_t *got =
                account->metrics ? json_object_get(account->metrics->options, key) : value;
            char *text = json_dumps(got, JSON_COMPACT | JSON_ENCODE_ANY);

            if (got == value || (json_is_null(value) && !got) ||
                json_equal((json_t *)(uintptr_t)got, value))
                free(text);
            else
                fail_msg("%s.%s is %s", name, key, text ? text : "not there");
        }
    }
}

static void check_fetch(const struct settings *settings, const json_t *wanted)
{
    const char *path;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)wanted, path, value) {
        char store[32];
        const char *dot = strchr(path, '.');
        const char *got;

        snprintf(store, sizeof(store), "%.*s", (int)(dot - path), path);
        got = settings_fetch_default(settings, store, dot + 1);
        if (json_is_null(value))
            assert_null(got);
        else
            assert_string_equal(json_string_value(value), got);
    }
}

static void check_shown(const struct settings *settings)
{
    struct strbuf shown = {0}, converted = {0};

    settings_show(settings, true, &shown);
    settings_convert(settings, "a file", &converted);
    assert_null(strstr(shown.bytes, "hunter"));
    assert_null(strstr(converted.bytes, "hunter"));
    strbuf_clear(&shown);
    strbuf_clear(&converted);
    for (size_t i = 0; i < settings->n_notices; i++)
        assert_null(strstr(settings->notices[i], "hunter"));
    for (size_t i = 0; i < settings->n_dropped; i++)
        assert_null(strstr(settings->dropped[i], "hunter"));
}

static void check(const struct settings *settings, const json_t *wanted)
{
    const json_t *accounts = json_object_get(wanted, "accounts");
    const char *listen = json_string_value(json_object_get(wanted, "listen"));

    if (listen) {
        bool is_six = strchr(settings->listen_host, ':') != NULL;
        char got[128];

        snprintf(got, sizeof(got), is_six ? "[%s]:%u" : "%s:%u", settings->listen_host,
                 settings->listen_port);
        assert_string_equal(listen, got);
    }
    for (size_t i = 0; i < settings->n_accounts && i < json_array_size(accounts); i++)
        check_account(&settings->accounts[i], json_string_value(json_array_get(accounts, i)));
    assert_int_equal(json_array_size(accounts), settings->n_accounts);
    assert_int_equal(json_is_true(json_object_get(wanted, "no_analyses")),
                     settings->has_no_analyses);
    check_options(settings, json_object_get(wanted, "options"));
    check_fetch(settings, json_object_get(wanted, "fetch"));
    check_texts("notice", settings->notices, settings->n_notices,
                json_object_get(wanted, "notices"));
    check_texts("warning", settings->warnings, settings->n_warnings,
                json_object_get(wanted, "warnings"));
    check_texts("dropped", settings->dropped, settings->n_dropped,
                json_object_get(wanted, "dropped"));
    for (size_t i = 0; i < settings->n_warnings; i++)
        if (strstr(settings->warnings[i], "not known"))
            fail_msg("%s", settings->warnings[i]);
    check_shown(settings);
}

static void files_of_users_load(void **state)
{
    size_t n_bytes;
    char *text = read_file(DIR "cases.json", &n_bytes);
    json_t *cases = json_loads(text, 0, NULL);
    json_t *one, *value;
    const char *name;
    size_t i;

    (void)state;
    assert_non_null(cases);
    json_array_foreach (cases, i, one) {
        const char *file = json_string_value(json_object_get(one, "file"));
        json_t *environment = json_object_get(one, "environment");
        struct settings *settings = NULL;
        struct error err = {0};
        char path[256];
        const char *paths[] = {path};

        row("case %zu, %s", i, file);
        json_object_foreach (environment, name, value)
            setenv(name, json_string_value(value), 1);
        snprintf(path, sizeof(path), DIR "%s", file);
        if (settings_load(paths, 1, &settings, &err))
            fail_msg("%s", err.message);
        check(settings, one);
        json_object_foreach (environment, name, value)
            unsetenv(name);
        settings_free(settings);
    }
    json_decref(cases);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_users_load),
    };

    unsetenv("STATE_DIRECTORY");
    unsetenv("SPRING_PROFILES_ACTIVE");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
