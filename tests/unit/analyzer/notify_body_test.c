/* What sinks are told, and which of them. */
#include "tests/support.h"

#include "analyzer/notify.h"
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const checkout[] = {"checkout"};

static struct settings_sink sinks[8];
static const struct settings everything = {.sinks = sinks, .n_sinks = 1};

static struct notify_facts failed_canary(void)
{
    return (struct notify_facts){
        .id = "01M8071MZCZW4F0YFVYVWM6STE",
        .application = "checkout",
        .parent_id = "",
        .config_id = "c0ffee",
        .config_name = "golden signals",
        .kind = EXECUTION_CANARY,
        .state = EXECUTION_SUCCEEDED,
        .verdict = "fail",
        .score = 41.37,
        .pass = 95,
        .marginal = 72.5,
        .reason = "errors are 240 % higher",
        .created_unix_ms = 1767225600123,
        .ended_unix_ms = 1767229200000,
    };
}

/* The body for the first sink, which is of this type and wants all ends of all. */
static const char *told(const struct notify_facts *facts, enum sink_type type, const char *url,
                        struct arena *arena)
{
    struct settings settings = everything;
    struct stored_notification *list;
    size_t n;

    sinks[0] = (struct settings_sink){.name = "s", .type = type, .on = SINK_ENDS | SINK_INTERVAL};
    settings.external_url = url;
    notify_bodies(&settings, facts, arena, &list, &n);
    assert_int_equal(1, n);
    assert_string_equal("s", list[0].sink);
    assert_int_equal(strlen(list[0].body.bytes), list[0].body.n_bytes);
    return list[0].body.bytes;
}

static void the_event_as_json(void **state)
{
    struct arena *arena = arena_create();
    struct notify_facts facts = failed_canary();

    (void)state;
    assert_string_equal(
        "{\"schema\":\"serinus.event/v1\",\"eventId\":\"4edebd47-6632-8dd1-b17e-c5c9f7458acb\","
        "\"event\":\"execution.finished\",\"outcome\":\"fail\",\"execution\":{"
        "\"id\":\"01M8071MZCZW4F0YFVYVWM6STE\",\"kind\":\"canary\",\"application\":\"checkout\","
        "\"canaryConfigId\":\"c0ffee\",\"canaryConfigName\":\"golden signals\","
        "\"status\":\"succeeded\",\"verdict\":\"fail\",\"score\":41.37,"
        "\"thresholds\":{\"pass\":95.0,\"marginal\":72.5},"
        "\"reason\":\"errors are 240 % higher\",\"createdTime\":\"2026-01-01T00:00:00.123Z\","
        "\"endedTime\":\"2026-01-01T01:00:00Z\"},\"links\":{\"status\":"
        "\"https://canary.example.com/x/canary/01M8071MZCZW4F0YFVYVWM6STE\"}}",
        told(&facts, SINK_WEBHOOK, "https://canary.example.com/x", arena));
    facts = (struct notify_facts){.id = "a/b|>",
                                  .kind = EXECUTION_ANALYSIS,
                                  .state = EXECUTION_FAILED,
                                  .score = NAN,
                                  .pass = NAN,
                                  .marginal = NAN,
                                  .error = "the metric store is down"};
    assert_string_equal(
        "{\"schema\":\"serinus.event/v1\",\"eventId\":\"83b3622f-4719-837e-8888-bdec55323a79\","
        "\"event\":\"execution.finished\",\"outcome\":\"error\",\"execution\":{"
        "\"id\":\"a/b|>\",\"kind\":\"analysis\",\"status\":\"failed\","
        "\"error\":\"the metric store is down\",\"createdTime\":\"1970-01-01T00:00:00Z\","
        "\"endedTime\":\"1970-01-01T00:00:00Z\"},\"links\":{\"status\":"
        "\"http://h/standalone_canary_analysis/a%2Fb%7C%3E\"}}",
        told(&facts, SINK_WEBHOOK, "http://h", arena));
    arena_free(arena);
}

static void site_local_as_it_was_sent(void **state)
{
    static const char sent[] =
        "{\"zeta\":{\"b\":[1,2.5,null,true,{\"deep\":{}}],\"a\":\"\"},\"alpha\":-9007199254740993,"
        "\"m\":\"Gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa4 \\u0007\\\"\\\\/\",\"\":[]}";
    struct arena *arena = arena_create();
    struct notify_facts facts = failed_canary();
    json_t *site_local = NULL;
    struct error err = {0};
    const char *body;

    (void)state;
    assert_int_equal(ERR_OK, json_read(str_of(sent), &json_limits_request, &site_local, &err));
    facts.site_local = site_local;
    body = told(&facts, SINK_WEBHOOK, NULL, arena);
    if (!strstr(body, "\"siteLocal\":{\"zeta\":{\"b\":[1,2.5,null,true,{\"deep\":{}}],\"a\":\"\"},"
                      "\"alpha\":-9007199254740993,\"m\":\"Gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa4 "
                      "\\u0007\\\"\\\\/\",\"\":[]}}"))
        fail_msg("%s", body);
    json_decref(site_local);
    arena_free(arena);
}

/* Constant over retries and restarts: it depends on nothing but the execution and the kind of
 * event. sha256("serinus.event/v1\n<event>\n<id>"), version and variant bits put in. */
static void the_id_follows_from_the_event(void **state)
{
    struct arena *arena = arena_create();
    struct notify_facts facts = failed_canary(), other = facts;
    struct stored_notification *a, *b;
    size_t n;

    (void)state;
    sinks[0] = (struct settings_sink){.name = "s", .on = SINK_ENDS | SINK_INTERVAL};
    notify_bodies(&everything, &facts, arena, &a, &n);
    other.score = NAN;
    other.verdict = "";
    other.state = EXECUTION_FAILED;
    other.ended_unix_ms++;
    notify_bodies(&everything, &other, arena, &b, &n);
    assert_string_equal(a[0].event_id, b[0].event_id);
    assert_int_equal(36, strlen(a[0].event_id));
    other.parent_id = "01M8071MZCZW4F0YFVYVWM6STF";
    notify_bodies(&everything, &other, arena, &b, &n);
    assert_string_not_equal(a[0].event_id, b[0].event_id);
    other = facts;
    other.id = "01M8071MZCZW4F0YFVYVWM6STF";
    notify_bodies(&everything, &other, arena, &b, &n);
    assert_string_not_equal(a[0].event_id, b[0].event_id);
    arena_free(arena);
}

static void slack_sees_one_glance(void **state)
{
    struct arena *arena = arena_create();
    struct notify_facts facts = failed_canary();

    (void)state;
    assert_string_equal(
        "{\"text\":\"\u274c Fail: checkout (golden signals), score 41.37, pass 95, marginal "
        "72.5\",\"blocks\":[{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\",\"text\":"
        "\"*\u274c Fail*: checkout (golden signals), score *41.37*, pass 95, marginal "
        "72.5\\nerrors are 240 % higher\"}},{\"type\":\"context\",\"elements\":[{\"type\":"
        "\"mrkdwn\",\"text\":\"canary <https://c.example/canary/01M8071MZCZW4F0YFVYVWM6STE|"
        "01M8071MZCZW4F0YFVYVWM6STE>\"}]}]}",
        told(&facts, SINK_SLACK, "https://c.example", arena));
    facts.parent_id = "01M8071MZCZW4F0YFVYVWM6STF";
    facts.interval = 3;
    facts.state = EXECUTION_FAILED;
    facts.verdict = facts.config_name = "";
    facts.score = facts.pass = NAN;
    facts.error = "it broke";
    assert_string_equal(
        "{\"text\":\"\U0001f6d1 Error: checkout\",\"blocks\":[{\"type\":\"section\",\"text\":{"
        "\"type\":\"mrkdwn\",\"text\":\"*\U0001f6d1 Error*: checkout\\nit broke\"}},{\"type\":"
        "\"context\",\"elements\":[{\"type\":\"mrkdwn\",\"text\":"
        "\"canary 01M8071MZCZW4F0YFVYVWM6STE, interval 3 of analysis "
        "01M8071MZCZW4F0YFVYVWM6STF\"}]}]}",
        told(&facts, SINK_SLACK, NULL, arena));
    arena_free(arena);
}

static const char *member_text(const json_t *root, const char *block_member)
{
    const json_t *blocks = json_object_get(root, "blocks");

    if (!block_member)
        return json_string_value(json_object_get(root, "text"));
    return json_string_value(
        json_object_get(json_object_get(json_array_get(blocks, 0), block_member), "text"));
}

static void slack_texts_are_tame_and_short(void **state)
{
    struct arena *arena = arena_create();
    struct notify_facts facts = failed_canary();
    char *longest = arena_alloc(arena, 10001, 1);
    json_t *root;

    (void)state;
    facts.application = "<!channel> & <https://evil.example|here>\n*x*";
    facts.config_name = "bad \xff byte";
    root = json_loads(told(&facts, SINK_SLACK, NULL, arena), 0, NULL);
    assert_string_equal("\u274c Fail: &lt;!channel&gt; &amp; &lt;https://evil.example|here&gt; *x* "
                        "(bad ? byte), score 41.37, pass 95, marginal 72.5",
                        member_text(root, NULL));
    json_decref(root);

    memset(longest, '&', 10000);
    facts.application = facts.config_name = facts.reason = facts.id = longest;
    facts.parent_id = longest;
    root = json_loads(told(&facts, SINK_SLACK, "https://c.example", arena), 0, NULL);
    assert_non_null(root);
    assert_true(strlen(member_text(root, "text")) <= 3000);
    assert_non_null(strstr(member_text(root, "text"), "&amp;\u2026 (&amp;"));
    assert_null(strstr(member_text(root, "text"), "&am\u2026"));
    json_decref(root);

    for (size_t i = 0; i < 9999; i += 3)
        memcpy(longest + i, "\u20ac", 3); /* cut between characters */
    longest[9999] = '\0';
    root = json_loads(told(&facts, SINK_SLACK, NULL, arena), 0, NULL);
    assert_non_null(root);
    assert_non_null(strstr(member_text(root, "text"), "\u20ac\u2026"));
    json_decref(root);
    arena_free(arena);
}

static void who_is_told(void **state)
{
    static const struct {
        const char *name;
        unsigned on;
        bool is_judgement;
        enum execution_state state;
        const char *verdict, *application;
        bool is_told;
    } cases[] = {
        {"a verdict it asked for", SINK_FAIL, false, EXECUTION_SUCCEEDED, "fail", "checkout", true},
        {"another one", SINK_FAIL, false, EXECUTION_SUCCEEDED, "pass", "checkout", false},
        {"pass", SINK_PASS, false, EXECUTION_SUCCEEDED, "pass", "checkout", true},
        {"marginal", SINK_MARGINAL, false, EXECUTION_SUCCEEDED, "marginal", "checkout", true},
        {"no data", SINK_NODATA, false, EXECUTION_SUCCEEDED, "nodata", "checkout", true},
        {"an analysis that failed", SINK_FAIL, false, EXECUTION_FAILED, "fail", "checkout", true},
        {"an error", SINK_ERROR, false, EXECUTION_FAILED, "", "checkout", true},
        {"no error", SINK_ENDS & ~SINK_ERROR, false, EXECUTION_FAILED, "", "checkout", false},
        {"cancelled", SINK_CANCELLED, false, EXECUTION_CANCELLED, "", "checkout", true},
        {"cancelled late", SINK_CANCELLED, false, EXECUTION_CANCELLED, "pass", "checkout", true},
        {"not cancelled", SINK_ENDS & ~SINK_CANCELLED, false, EXECUTION_CANCELLED, NULL, "checkout",
         false},
        {"an interval", SINK_INTERVAL, true, EXECUTION_SUCCEEDED, "pass", "checkout", true},
        {"ends are not intervals", SINK_INTERVAL, false, EXECUTION_SUCCEEDED, "pass", "checkout",
         false},
        {"intervals are not ends", SINK_ENDS, true, EXECUTION_SUCCEEDED, "fail", "checkout", false},
        {"somebody else's", SINK_ENDS, false, EXECUTION_SUCCEEDED, "fail", "basket", false},
        {"nobody's", SINK_ENDS, false, EXECUTION_SUCCEEDED, "fail", NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();
        struct notify_facts facts = failed_canary();
        struct stored_notification *list;
        size_t n;

        row("%s", cases[i].name);
        sinks[0] = (struct settings_sink){.name = "s",
                                          .on = cases[i].on,
                                          .applications = checkout,
                                          .n_applications = ARRAY_LEN(checkout)};
        facts.parent_id = cases[i].is_judgement ? "p" : NULL;
        facts.state = cases[i].state;
        facts.verdict = cases[i].verdict;
        facts.application = cases[i].application;
        notify_bodies(&everything, &facts, arena, &list, &n);
        assert_int_equal(cases[i].is_told, n);
        arena_free(arena);
    }
}

static void each_sink_is_told_in_its_own_way(void **state)
{
    struct settings settings = {.sinks = sinks, .n_sinks = 4};
    struct notify_facts facts = failed_canary();
    struct arena *arena = arena_create();
    struct stored_notification *list;
    size_t n;

    (void)state;
    sinks[0] = (struct settings_sink){.name = "a", .type = SINK_SLACK, .on = SINK_FAIL};
    sinks[1] = (struct settings_sink){.name = "b", .type = SINK_WEBHOOK, .on = SINK_PASS};
    sinks[2] = (struct settings_sink){.name = "c", .type = SINK_WEBHOOK, .on = SINK_ENDS};
    sinks[3] = (struct settings_sink){.name = "d", .type = SINK_SLACK, .on = SINK_ENDS};
    notify_bodies(&settings, &facts, arena, &list, &n);
    assert_int_equal(3, n);
    assert_string_equal("a", list[0].sink);
    assert_string_equal("c", list[1].sink);
    assert_string_equal("d", list[2].sink);
    assert_string_equal(list[0].event_id, list[2].event_id);
    assert_non_null(strstr(list[0].body.bytes, "\"blocks\""));
    assert_non_null(strstr(list[1].body.bytes, "serinus.event/v1"));
    assert_true(str_equal(list[0].body, list[2].body));
    settings.n_sinks = 0;
    notify_bodies(&settings, &facts, arena, &list, &n);
    assert_int_equal(0, n);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_event_as_json),
        cmocka_unit_test(site_local_as_it_was_sent),
        cmocka_unit_test(the_id_follows_from_the_event),
        cmocka_unit_test(slack_sees_one_glance),
        cmocka_unit_test(slack_texts_are_tame_and_short),
        cmocka_unit_test(who_is_told),
        cmocka_unit_test(each_sink_is_told_in_its_own_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
