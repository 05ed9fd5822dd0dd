/* Where settings are found, and which documents count. Runs in a folder of its own, with a HOME of
 * its own; /etc and /opt are the machine's. */
#include "tests/support.h"

#include "analyzer/settings.h"
#include "analyzer/settings_profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(0, fclose(file));
}

static int enter_folder(void **state)
{
    char folder[] = "/tmp/serinus-settings-files-XXXXXX";
    static const char *const folders[] = {"config", "home", "home/.spinnaker", "more"};

    (void)state;
    if (access("/etc/serinus/serinus.yml", F_OK) == 0 || access("/opt/spinnaker", F_OK) == 0)
        return -1; /* settings of this machine would be found, too */
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        mkdir(folders[i], 0700);
    setenv("HOME", "home", 1);
    unsetenv("SPRING_PROFILES_ACTIVE");
    unsetenv("SPRING_CONFIG_ADDITIONAL_LOCATION");
    return 0;
}

static int leave_folder(void **state)
{
    static const char *const files[] = {
        "serinus.yml",      "spinnaker.yml",      "kayenta.yml",
        "kayenta-test.yml", "kayenta-local.yml",  "spinnaker-local.yml",
        "kayenta-prod.yml", "config/kayenta.yml", "home/.spinnaker/kayenta-local.yml",
        "more/kayenta.yml", "more/other.yml",     "kayenta-x.yml",
    };
    static const char *const folders[] = {"home/.spinnaker", "home", "config", "more"};
    char here[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        unlink(files[i]);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        rmdir(folders[i]);
    if (!getcwd(here, sizeof(here)) || chdir("/") != 0)
        return -1;
    return rmdir(here);
}

static struct settings *search(void)
{
    const struct settings_options options = {.is_search = true};
    struct settings *settings = NULL;
    struct error err = {0};

    if (settings_load_with(&options, &settings, &err))
        fail_msg("%s", err.message);
    return settings;
}

/* The port says which file had the last word; `notice` is part of one. */
static void assert_found(unsigned port, const char *notice)
{
    struct settings *settings = search();
    bool is_there = !notice;

    for (size_t i = 0; i < settings->n_notices && notice; i++)
        is_there = is_there || strstr(settings->notices[i], notice);
    for (size_t i = 0; i < settings->n_notices && !is_there; i++)
        print_error("notice: %s\n", settings->notices[i]);
    assert_true(is_there);
    assert_int_equal(port, settings->listen_port);
    settings_free(settings);
}

/* Each step puts one more file where a later one wins. */
static void kayentas_places_in_springs_order(void **state)
{
    static const struct {
        const char *path;
        unsigned port;
    } steps[] = {
        {"spinnaker.yml", 7001},
        {"kayenta.yml", 7002},
        {"kayenta-test.yml", 7003},
        {"spinnaker-local.yml", 7004},
        {"kayenta-local.yml", 7005},
        {"config/kayenta.yml", 7006},
        {"home/.spinnaker/kayenta-local.yml", 7007},
    };

    (void)state;
    assert_found(8090, NULL);
    write_file("kayenta-prod.yml", "server.port: 1\n"); /* of a profile that is not active */
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        char text[64];

        row("%s", steps[i].path);
        snprintf(text, sizeof(text), "server.port: %u\n", steps[i].port);
        write_file(steps[i].path, text);
        assert_found(steps[i].port, steps[i].path);
    }
    assert_found(7007, "settings found in spinnaker.yml, kayenta.yml, kayenta-test.yml, "
                       "spinnaker-local.yml, kayenta-local.yml, config/kayenta.yml, "
                       "home/.spinnaker/kayenta-local.yml");

    setenv("SPRING_PROFILES_ACTIVE", "x, prod", 1);
    assert_found(7006, "settings found in spinnaker.yml, kayenta.yml, kayenta-prod.yml, "
                       "config/kayenta.yml");
    unsetenv("SPRING_PROFILES_ACTIVE");

    write_file("more/kayenta.yml", "server.port: 7008\n");
    write_file("more/other.yml", "server.port: 7009\n");
    setenv("SPRING_CONFIG_ADDITIONAL_LOCATION", "optional:file:more/,classpath:/x,", 1);
    assert_found(7008, "SPRING_CONFIG_ADDITIONAL_LOCATION is honoured: optional:file:more/");
    assert_found(7008, "\"classpath:/x\" is not read");
    setenv("SPRING_CONFIG_ADDITIONAL_LOCATION", "more;file:more/other.yml;optional:no/such/", 1);
    assert_found(7009, "home/.spinnaker/kayenta-local.yml, more/kayenta.yml, more/other.yml");

    write_file("serinus.yml",
               "http: {listen: \"127.0.0.1:7010\"}\n"); /* then nothing else counts */
    assert_found(7010, "settings found in serinus.yml");
    unsetenv("SPRING_CONFIG_ADDITIONAL_LOCATION");
}

/* spinnaker.yml is shared by services that know more keys. */
static void what_other_services_read_is_no_slip(void **state)
{
    const struct settings_options options = {.is_search = true, .is_strict = true};
    struct settings *settings = NULL;
    struct error err = {0};

    (void)state;
    write_file("spinnaker.yml",
               "global.spinnaker.timezone: UTC\nproviders: {aws: {enabled: no}}\n");
    assert_int_equal(ERR_OK, settings_load_with(&options, &settings, &err));
    settings_free(settings);
    assert_found(8090, "no such part: global, providers");
    write_file("kayenta.yml", "providers: {aws: {enabled: no}}\n");
    assert_int_equal(ERR_SETTINGS, settings_load_with(&options, &settings, &err));
}

static void what_is_in_the_way_is_said(void **state)
{
    const struct settings_options options = {.is_search = true};
    struct settings *settings = NULL;
    struct error err = {0};

    (void)state;
    setenv("SPRING_CONFIG_ADDITIONAL_LOCATION", "no/such/", 1);
    assert_int_equal(ERR_SETTINGS, settings_load_with(&options, &settings, &err));
    assert_non_null(strstr(err.message, "SPRING_CONFIG_ADDITIONAL_LOCATION: could not read "
                                        "\"no/such/\": No such file"));
    unsetenv("SPRING_CONFIG_ADDITIONAL_LOCATION");
    write_file("kayenta.yml", "server: {port: 8090x}\n");
    err = (struct error){0};
    assert_int_equal(ERR_SETTINGS, settings_load_with(&options, &settings, &err));
    assert_non_null(strstr(err.message, "kayenta.yml:1: server.port: \"8090x\""));
    assert_null(settings);
}

static void profiles_are_matched(void **state)
{
    static const struct {
        const char *active, *expression;
        bool matches;
    } cases[] = {
        {"prod", "prod", true},
        {"prod", "pro", false},
        {"prod", "!prod", false},
        {"prod", "!!prod", true},
        {"prod", "prod & eu", false},
        {"prod,eu", " prod&eu ", true},
        {"eu", "prod | eu", true},
        {"us", "prod | eu", false},
        {"prod,us", "prod & !(eu | (qa & us))", true},
        {"prod,qa,us", "prod & !(eu | (qa & us))", false},
        {"", "default", true},
        {"", "!default", false},
        {"prod", "default", false},
        {NULL, "local", true},
        {NULL, "test & local", true},
        {NULL, "prod", false},
        {"../etc", "../etc", false}, /* it would become part of a file's name */
    };
    static const char *const bad[] = {"a & b | c", "a &", "(a", "a)",
                                      "a b",       "!",   "()", "((((((((((a))))))))))"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases) + ARRAY_LEN(bad); i++) {
        bool is_good = i < ARRAY_LEN(cases);
        const char *expression = is_good ? cases[i].expression : bad[i - ARRAY_LEN(cases)];
        struct arena *arena = arena_create();
        struct settings_tree tree;
        const struct setting setting = {
            .key = "", .path = "p", .origin = "f", .kind = SETTING_SCALAR, .text = expression};
        struct error err = {0};
        bool matches = false;

        row("%s", expression);
        if (is_good && cases[i].active)
            setenv("SPRING_PROFILES_ACTIVE", cases[i].active, 1);
        else
            unsetenv("SPRING_PROFILES_ACTIVE");
        settings_tree_init(&tree, arena);
        assert_int_equal(is_good ? ERR_OK : ERR_SETTINGS,
                         settings_profile_matches(&tree, &setting, &matches, &err));
        if (is_good)
            assert_int_equal(cases[i].matches, matches);
        else
            assert_non_null(strstr(err.message, "is not a profile, or an expression"));
        arena_free(arena);
    }
    unsetenv("SPRING_PROFILES_ACTIVE");
}

static void documents_without_a_home(void **state)
{
    static const struct {
        const char *text, *part; /* of a notice, or of the error */
        unsigned port;           /* 0: refused */
    } cases[] = {
        {"server.port: 1\n---\nspring.config.activate.on-cloud-platform: kubernetes\nserver.port: "
         "2\n",
         "kayenta.yml:3: left out, for this service knows no cloud platforms", 1},
        {"server.port: 1\n---\nspring.profiles.active: prod\nserver.port: 2\n", NULL, 2},
        {"server.port: 1\n---\n# nothing\n---\nserver.port: 3\n", NULL, 3},
        {"{\"server\": {\"port\": 4}}", NULL, 4},
        {"server.port: 1\n---\nhttp.listen: \"127.0.0.1:2\"\n",
         "kayenta.yml:3: a second document in one file is not taken", 0},
        {"server.port: 1\n---\nspring.profiles: \"a & b | c\"\n",
         "kayenta.yml:3: spring.profiles:", 0},
        {"server.port: 1\n---\n- a\n", "kayenta.yml: settings are a mapping, not a list", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct settings_options options = {.is_search = true};
        struct settings *settings = NULL;
        struct error err = {0};

        row("%s", cases[i].text);
        write_file("kayenta.yml", cases[i].text);
        if (cases[i].port) {
            assert_found(cases[i].port, cases[i].part);
        } else {
            assert_int_equal(ERR_SETTINGS, settings_load_with(&options, &settings, &err));
            assert_non_null(strstr(err.message, cases[i].part));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kayentas_places_in_springs_order, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(what_other_services_read_is_no_slip, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(what_is_in_the_way_is_said, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(documents_without_a_home, enter_folder, leave_folder),
        cmocka_unit_test(profiles_are_matched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
