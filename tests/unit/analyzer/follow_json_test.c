/* The flat object that pipelines read, for each kind of execution and each way to end. */
#include "analyzer/follow_json.h"
#include "base/arena.h"
#include "base/json.h"
#include "tests/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    struct stored_execution row;
    struct follow_state state;
    const char *body; /* of Kayenta's API, or NULL */
    const char *want; /* members, as JSON; null: absent */
} cases[] = {
    {"it waits",
     {.kind = EXECUTION_CANARY, .config_id = "ad-hoc"},
     {.status = FOLLOW_ACCEPTED},
     "{\"stageStatus\":{\"setupContext\":\"not_started\",\"fetchControl0\":\"not_started\","
     "\"fetchExperiment0\":\"not_started\",\"judge\":\"not_started\"}}",
     "{\"kind\":\"canary\",\"status\":\"accepted\",\"complete\":false,\"canaryConfigId\":\"ad-"
     "hoc\","
     "\"progress\":{\"done\":0,\"total\":2},\"verdict\":null,\"score\":null,\"reason\":null,"
     "\"error\":null,\"startedTime\":null,\"endedTime\":null,\"parentId\":null,"
     "\"createdTime\":\"2026-01-01T00:00:00.123Z\",\"createdTimeMillis\":1767225600123}"},
    {"it runs",
     {.kind = EXECUTION_CANARY, .parent_id = "A1", .config_name = "golden"},
     {.status = FOLLOW_RUNNING, .n_done = 3, .n_total = 8, .started_unix_ms = 1767225601000},
     NULL,
     "{\"status\":\"running\",\"complete\":false,\"progress\":{\"done\":3,\"total\":8},"
     "\"parentId\":\"A1\",\"canaryConfigName\":\"golden\",\"canaryConfigId\":null,"
     "\"startedTime\":\"2026-01-01T00:00:01Z\",\"startedTimeMillis\":1767225601000}"},
    {"it has passed",
     {.kind = EXECUTION_CANARY, .state = EXECUTION_SUCCEEDED, .verdict = "pass", .score = 96.7},
     {0},
     "{\"stageStatus\":{\"fetchControl0\":\"succeeded\",\"fetchExperiment0\":\"succeeded\"},"
     "\"startTimeMillis\":1767225600500,\"metricSetPairListId\":\"P\","
     "\"result\":{\"judgeResult\":{\"score\":{\"classificationReason\":\"\"}}},"
     "\"canaryExecutionRequest\":{\"thresholds\":{\"pass\":\"95\",\"marginal\":75}}}",
     "{\"status\":\"succeeded\",\"complete\":true,\"verdict\":\"pass\",\"score\":96.7,"
     "\"reason\":\"the score 96.7 reaches the pass threshold 95\",\"error\":null,"
     "\"progress\":{\"done\":2,\"total\":2},\"startedTimeMillis\":1767225600500,"
     "\"endedTimeMillis\":1767225609000,\"metricSetPairListId\":\"P\",\"intervals\":null,"
     "\"links\":{\"self\":\"/api/v1/executions/E1\",\"kayenta\":\"/canary/E1\","
     "\"events\":\"/api/v1/events?execution=E1\",\"bundle\":\"/api/v1/executions/E1/bundle\"}}"},
    {"between the thresholds",
     {.kind = EXECUTION_CANARY, .state = EXECUTION_SUCCEEDED, .verdict = "marginal", .score = 75},
     {0},
     "{\"canaryExecutionRequest\":{\"thresholds\":{\"pass\":95,\"marginal\":75}}}",
     "{\"verdict\":\"marginal\",\"reason\":\"the score 75 is below the pass threshold 95, but not "
     "below the marginal threshold 75\"}"},
    {"below both",
     {.kind = EXECUTION_CANARY, .state = EXECUTION_SUCCEEDED, .verdict = "fail", .score = 41.5},
     {0},
     "{\"canaryExecutionRequest\":{\"thresholds\":{\"pass\":95,\"marginal\":75}}}",
     "{\"verdict\":\"fail\",\"score\":41.5,"
     "\"reason\":\"the score 41.5 is below the marginal threshold 75\"}"},
    {"the judge has a reason of its own",
     {.kind = EXECUTION_CANARY, .state = EXECUTION_SUCCEEDED, .verdict = "nodata", .score = 0},
     {0},
     "{\"result\":{\"judgeResult\":{\"score\":{\"classificationReason\":\"Canary Failed: 50% or "
     "more "
     "metrics returned NODATA\"}}},"
     "\"canaryExecutionRequest\":{\"thresholds\":{\"pass\":95,\"marginal\":75}}}",
     "{\"verdict\":\"nodata\",\"score\":0.0,"
     "\"reason\":\"Canary Failed: 50% or more metrics returned NODATA\"}"},
    {"a store has failed",
     {.kind = EXECUTION_CANARY, .state = EXECUTION_FAILED},
     {0},
     "{\"stageStatus\":{\"fetchControl0\":\"terminal\",\"fetchExperiment0\":\"canceled\"},"
     "\"exception\":{\"details\":{\"error\":\"Unexpected Task Failure\",\"errors\":[\"metric "
     "\\\"m\\\": could not connect\"],\"code\":\"store_unavailable\"}}}",
     "{\"status\":\"failed\",\"complete\":true,\"verdict\":null,\"score\":null,"
     "\"progress\":{\"done\":0,\"total\":2},\"reason\":\"metric \\\"m\\\": could not connect\","
     "\"error\":{\"code\":\"store_unavailable\",\"message\":\"metric \\\"m\\\": could not "
     "connect\"},"
     "\"links\":{\"self\":\"/api/v1/executions/E1\",\"kayenta\":\"/canary/E1\","
     "\"events\":\"/api/v1/events?execution=E1\"}}"},
    {"it was cancelled",
     {.kind = EXECUTION_CANARY, .state = EXECUTION_CANCELLED},
     {0},
     "{\"stageStatus\":{\"fetchControl0\":\"succeeded\",\"fetchExperiment0\":\"canceled\"}}",
     "{\"status\":\"cancelled\",\"complete\":true,\"reason\":\"it was cancelled\",\"error\":null,"
     "\"progress\":{\"done\":1,\"total\":2}}"},
    {"an analysis under way",
     {.kind = EXECUTION_ANALYSIS},
     {.status = FOLLOW_RUNNING},
     "{\"stageStatus\":[{\"type\":\"wait\",\"status\":\"SUCCEEDED\"},"
     "{\"type\":\"runCanary\",\"status\":\"SUCCEEDED\"},{\"type\":\"runCanary\","
     "\"status\":\"RUNNING\"},{\"type\":\"runCanary\",\"status\":\"NOT_STARTED\"},{}]}",
     "{\"kind\":\"analysis\",\"status\":\"running\",\"progress\":{\"done\":1,\"total\":3}}"},
    {"an analysis that has failed its last interval",
     {.kind = EXECUTION_ANALYSIS, .state = EXECUTION_FAILED, .verdict = "fail", .score = 12.25},
     {0},
     "{\"exception\":{\"details\":{\"errors\":[\"no\"]}},\"canaryAnalysisExecutionResult\":{"
     "\"canaryScoreMessage\":\"Final canary score 12.25 is not above the marginal score "
     "threshold.\"}}",
     "{\"status\":\"failed\",\"verdict\":\"fail\",\"score\":12.25,\"reason\":\"Final canary score "
     "12.25 is not above the marginal score threshold.\",\"error\":null,"
     "\"links\":{\"self\":\"/api/v1/executions/E1\","
     "\"kayenta\":\"/standalone_canary_analysis/E1\","
     "\"events\":\"/api/v1/events?execution=E1\"}}"},
    {"a comparison that could not judge",
     {.kind = EXECUTION_COMPARISON, .state = EXECUTION_FAILED},
     {0},
     "{\"exceptions\":{\"judge-2\":{\"details\":{\"errors\":[\"no such judge\"],"
     "\"code\":\"bad_judge\"}}}}",
     "{\"kind\":\"comparison\",\"error\":{\"code\":\"bad_judge\",\"message\":\"no such judge\"},"
     "\"links\":{\"self\":\"/api/v1/executions/E1\",\"kayenta\":\"/judges/comparison/E1\","
     "\"events\":\"/api/v1/events?execution=E1\"}}"},
    {"nothing is known but its row",
     {.kind = EXECUTION_CANARY, .state = EXECUTION_FAILED},
     {0},
     "{\"exception\":7,\"stageStatus\":\"x\",\"result\":[]}",
     "{\"status\":\"failed\",\"reason\":null,\"error\":null,\"progress\":null}"},
};

static json_t *parse(const char *text)
{
    struct error err = {0};
    json_t *out;

    if (json_read(str_of(text), &json_limits_document, &out, &err))
        fail_msg("%s: %s", text, err.message);
    return out;
}

static void the_object_says_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stored_execution stored = cases[i].row;
        json_t *body = cases[i].body ? parse(cases[i].body) : NULL, *want = parse(cases[i].want);
        struct arena *arena = arena_create();
        json_t *got, *wanted;
        const char *key;

        stored.id = "E1";
        stored.application = "shop";
        stored.created_unix_ms = 1767225600123;
        stored.ended_unix_ms = stored.state == EXECUTION_ACCEPTED ? 0 : 1767225609000;
        if (!stored.verdict)
            stored.score = NAN;
        got = follow_full(&stored, &cases[i].state, body, NULL);
        row("%s", cases[i].name);
        assert_string_equal("serinus.execution/v1",
                            json_string_value(json_object_get(got, "schema")));
        assert_string_equal("E1", json_string_value(json_object_get(got, "id")));
        assert_string_equal("shop", json_string_value(json_object_get(got, "application")));
        json_object_foreach (want, key, wanted) {
            json_t *member = json_object_get(got, key);

            if (json_is_null(wanted) ? member != NULL : !json_equal(wanted, member))
                fail_msg("%s: %s is %s", cases[i].name, key,
                         member ? json_write_arena(json_pack("[O]", member), arena) : "missing");
        }
        json_decref(got);
        json_decref(body);
        json_decref(want);
        arena_free(arena);
    }
}

static void intervals_come_in_order(void **state)
{
    const struct stored_execution rows[] = {
        {.id = "J1", .state = EXECUTION_SUCCEEDED, .verdict = "pass", .score = 97.25},
        {.id = "J2", .state = EXECUTION_FAILED, .verdict = "", .score = NAN},
        {.id = "J3", .state = EXECUTION_ACCEPTED, .verdict = "", .score = NAN},
    };
    json_t *got = follow_intervals(rows, ARRAY_LEN(rows));
    struct arena *arena = arena_create();

    (void)state;
    assert_string_equal(
        "[{\"interval\":1,\"executionId\":\"J1\",\"status\":\"succeeded\",\"complete\":true,"
        "\"verdict\":\"pass\",\"score\":97.25},"
        "{\"interval\":2,\"executionId\":\"J2\",\"status\":\"failed\",\"complete\":true},"
        "{\"interval\":3,\"executionId\":\"J3\",\"status\":\"running\",\"complete\":false}]",
        json_write_arena(got, arena));
    json_decref(got);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_object_says_it),
        cmocka_unit_test(intervals_come_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
