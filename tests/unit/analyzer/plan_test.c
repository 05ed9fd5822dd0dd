/* What a start refuses, in Kayenta's order and words, and what it plans. */
#include "tests/support.h"

#include "analyzer/canary_config.h"
#include "analyzer/plan.h"
#include "base/json.h"

#include <string.h>

#define METRIC(extra)                                                                              \
    "{\"name\":\"m\",\"groups\":[\"g\"],\"scopeName\":\"default\",\"query\":{\"type\":"            \
    "\"prometheus\",\"customInlineTemplate\":\"PromQL:up{v=\\\"${scope}\\\"}\"}" extra "}"
#define CONFIG "{\"metrics\":[" METRIC("") "]}"
#define WINDOW "\"start\":\"2026-08-20T10:00:00Z\",\"end\":\"2026-08-20T11:00:00Z\",\"step\":60"
#define PAIR(window)                                                                               \
    "{\"controlScope\":{\"scope\":\"v41\"," window                                                 \
    "},\"experimentScope\":{\"scope\":\"v42\"," window "}}"
#define REQUEST                                                                                    \
    "{\"scopes\":{\"default\":" PAIR(WINDOW) "},\"thresholds\":{\"pass\":\"95\",\"marginal\":75}}"

static json_t *read_text(const char *text, struct arena *arena)
{
    struct error err = {0};
    json_t *json = NULL;

    if (json_read(str_of(text), &json_limits_request, &json, &err))
        fail_msg("%s: %s", err.message, text);
    return json_keep(json, arena);
}

static struct canary_plan *plan(const char *config_text, const char *request_text,
                                struct arena *arena, struct error *err)
{
    struct execution_request *request;
    struct account *account;
    struct canary_plan *out = NULL;
    struct error ignored = {0};
    json_t *view;

    assert_int_equal(ERR_OK, account_decode("prometheus", read_text("{\"name\":\"prom\"}", arena),
                                            arena, &account, &ignored));
    if (canary_config_view(read_text(config_text, arena), &view, err))
        return NULL;
    json_keep(view, arena);
    if (execution_request_decode(read_text(request_text, arena), arena, &request, err) ||
        plan_build(view, request, &(struct plan_accounts){.run = account}, arena, &out, err))
        return NULL;
    return out;
}

static void a_plan_has_both_sides(void **state)
{
    struct arena *arena = arena_create();
    struct error err = {0};
    struct canary_plan *got = plan(CONFIG, REQUEST, arena, &err);
    int64_t duration_ns;

    (void)state;
    assert_non_null(got);
    assert_int_equal(1, got->n_metrics);
    assert_string_equal("up{v=\"v41\"}", got->queries[SIDE_CONTROL][0].text);
    assert_string_equal("up{v=\"v42\"}", got->queries[SIDE_EXPERIMENT][0].text);
    assert_string_equal("NetflixACAJudge-v1.0", got->judge->name);
    assert_near(95, got->request->pass, 0);
    assert_true(execution_request_duration(got->request, &duration_ns));
    assert_true(duration_ns == 3600000000000);
    arena_free(arena);
}

static const struct {
    const char *config, *request, *message;
} refused[] = {
    {"{}", REQUEST,
     "The canary config must specify at least one metric. Otherwise we're not analyzing anything. "
     ":)"},
    {"{\"metrics\":[]}", REQUEST,
     "The canary config must specify at least one metric. Otherwise we're not analyzing anything. "
     ":)"},
    {CONFIG, "{}",
     "Canary metrics require scopes, but no scopes were provided in the execution request."},
    {CONFIG, "{\"scopes\":{\"other\":" PAIR(WINDOW) "}}",
     "Canary metrics require scopes which were not provided in the execution request: [default]"},
    {"{\"metrics\":[{\"name\":\"m\",\"scopeName\":\"default\"}]}", REQUEST,
     "Metric 'm' has no query."},
    {"{\"metrics\":[{\"name\":\"m\",\"scopeName\":\"default\",\"query\":{\"type\":\"atlas\"}}]}",
     REQUEST,
     "Metric 'm' is a atlas query, but account 'prom' is a prometheus account. One common cause is "
     "having several METRICS_STORE accounts and naming none in the request."},
    {"{\"metrics\":[{\"name\":\"m\",\"query\":{\"type\":\"prometheus\"}}]}", REQUEST,
     "Canary scope for metric named 'm' is null."},
    {CONFIG, "{\"scopes\":{\"default\":{\"controlScope\":{" WINDOW "}}}}",
     "Canary scope for named scope default is missing experimentScope or controlScope keys"},
    {CONFIG, "{\"scopes\":{\"default\":" PAIR(WINDOW) "}}",
     "Execution request must contain thresholds"},
    {CONFIG, "{\"scopes\":{\"default\":" PAIR(WINDOW) "},\"thresholds\":{\"pass\":95}}",
     "Execution request must contain thresholds"},
    {"{\"judge\":{\"name\":\"Solomon\"},\"metrics\":[" METRIC("") "]}", REQUEST,
     "Unable to resolve canary judge 'Solomon'."},
    {"{\"judge\":{\"name\":\"RemoteJudge-v1.0\"},\"metrics\":[" METRIC("") "]}", REQUEST,
     "Unable to resolve canary judge 'RemoteJudge-v1.0'. It needs kayenta.remoteJudge.enabled and "
     "kayenta.remoteJudge.endpoint.baseUrl in the settings."},
    {CONFIG,
     "{\"scopes\":{\"default\":" PAIR(
         "\"step\":60") "},\"thresholds\":{\"pass\":9,\"marginal\":7}}",
     "Start time is required."},
    {CONFIG,
     "{\"scopes\":{\"default\":" PAIR("\"start\":\"2026-08-20T10:00:00Z\",\"end\":\"2026-08-20T11:"
                                      "00:00Z\",\"step\":0") "},\"thresholds\":{\"pass\":9,"
                                                             "\"marginal\":7}}",
     "A step of at least 1 second is required by prometheus."},
    {"{\"metrics\":[{\"name\":\"m\",\"scopeName\":\"default\",\"query\":{\"type\":\"prometheus\","
     "\"metricName\":\"up\"}}]}",
     REQUEST, "Either a resource type or a custom filter is required."},
};

static void what_cannot_be_planned_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct arena *arena = arena_create();
        struct error err = {0};

        row("%s", refused[i].message);
        assert_null(plan(refused[i].config, refused[i].request, arena, &err));
        assert_int_equal(ERR_INVALID, err.code);
        assert_string_equal(refused[i].message, err.message);
        arena_free(arena);
    }
}

static const struct {
    const char *scope, *reason;
} bad_scopes[] = {
    {"\"start\":\"yesterday\"", "bad_time"},
    {"\"start\":\"2026-08-20T11:00:00Z\",\"end\":\"2026-08-20T10:00:00Z\",\"step\":60", "bad_time"},
    {"\"start\":\"2026-08-20T10:00:00Z\",\"end\":\"2026-08-20T10:00:00Z\",\"step\":60", "bad_time"},
    {"\"start\":\"2026-08-20T10:00:00Z\",\"end\":\"2026-09-21T10:00:00Z\",\"step\":60", NULL},
    {"\"start\":\"2026-08-20T10:00:00Z\",\"end\":\"2026-08-20T11:00:00Z\",\"step\":-1", NULL},
    {"\"start\":\"2026-08-20T10:00:00Z\",\"end\":\"2026-08-20T11:00:00Z\",\"step\":[60]",
     "bad_type"},
    {"\"extendedScopeParams\":{\"a\":{}}", "bad_type"},
};

static void bad_scopes_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_scopes); i++) {
        struct arena *arena = arena_create();
        const char *request = arena_printf(
            arena,
            "{\"scopes\":{\"default\":{\"controlScope\":{%s},\"experimentScope\":{%s}}},"
            "\"thresholds\":{\"pass\":9,\"marginal\":7}}",
            bad_scopes[i].scope, bad_scopes[i].scope);
        struct error err = {0};

        row("%s", bad_scopes[i].scope);
        assert_null(plan(CONFIG, request, arena, &err));
        assert_int_equal(ERR_INVALID, err.code);
        assert_memory_equal("/scopes/default/controlScope", err.pointer,
                            strlen("/scopes/default/controlScope"));
        if (bad_scopes[i].reason)
            assert_string_equal(bad_scopes[i].reason, err.reason);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_has_both_sides),
        cmocka_unit_test(what_cannot_be_planned_is_refused),
        cmocka_unit_test(bad_scopes_are_refused),
    };

    return cmocka_run_group_tests_name("analyzer/plan", tests, NULL, NULL);
}
