/* What each endpoint asks the analyzer for, and how errors are answered. */
#include "api/call.h"
#include "api/respond.h"
#include "api/stats.h"
#include "base/limits.h"
#include "tests/support.h"
#include "tests/unit/api/analyzer_double.h"

#include <stdlib.h>

static const struct fetch_default fetch_defaults[] = {
    {"datadog", "scope", "of another store"},
    {"prometheus", "project", "configured-project"},
    {"prometheus", "scope", "configured-scope"},
    {"prometheus", "start", "2026-01-01T00:00:00Z"},
};

static const struct settings settings = {
    .fetch_defaults = fetch_defaults,
    .n_fetch_defaults = ARRAY_LEN(fetch_defaults),
};

struct fixture {
    struct analyzer analyzer;
    struct stats stats;
    struct api_context context;
    struct api_call call;
};

/* Route `target` and run its handler as the server does. */
static void ask(struct fixture *f, const char *method, const char *target, const char *body)
{
    struct api_call *call = &f->call;
    struct error err = {0};

    arena_free(call->arena);
    strbuf_clear(&call->body);
    *call = (struct api_call){
        .arena = arena_create(),
        .context = &f->context,
        .method = method_of(method),
        .method_text = method,
        .request_id = "the-request",
    };
    strbuf_puts(&call->body, body ? body : "");
    f->context.store_checked_ms = 0; /* look again */
    row("%s %s %s", method, target, body ? body : "");
    assert_int_equal(ERR_OK, target_parse(str_of(target), call->arena, &call->target, &err));
    route_find(api_routes, api_n_routes, call->method, &call->target, &call->match);
    assert_non_null(call->match.route);
    if (call->match.route->handle(call, &err))
        respond_error(call, &err);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->context.analyzer = &f->analyzer;
    f->context.settings = &settings;
    f->context.stats = &f->stats;
    stats_init(&f->stats, api_routes, api_n_routes);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    arena_free(f->call.arena);
    strbuf_clear(&f->call.body);
    strbuf_clear(&f->analyzer.asked);
    stats_clear(&f->stats);
    free(f);
    return 0;
}

/* A member of the reply as text, or "" when it has none. */
static const char *member(struct fixture *f, const char *name)
{
    struct error err = {0};
    const json_t *body;

    f->call.body.n_bytes = 0;
    strbuf_append(&f->call.body, f->call.reply.body.bytes, f->call.reply.body.n_bytes);
    if (call_json_object(&f->call, &body, &err))
        fail_msg("the reply is no JSON object: %s", f->call.body.bytes);
    return json_text_of(body, name, f->call.arena) ? json_text_of(body, name, f->call.arena) : "";
}

static const struct {
    const char *method, *target, *body;
    const char *asked;
} good[] = {
    {"POST", "/canary?metricsAccountName=m&storageAccountName=&application=",
     "{\"canaryConfig\":{\"name\":\"c\"},\"executionRequest\":{\"scopes\":{}}}",
     "start app= parent=(null) metrics=m storage=(null) configuration=(null) config=(null) "
     "inline={\"name\":\"c\"} {\"scopes\":{}}"},
    {"POST", "/canary", "{\"canaryConfig\":{},\"executionRequest\":{}}",
     "start app=(null) parent=(null) metrics=(null) storage=(null) configuration=(null) "
     "config=(null) inline={} {}"},
    {"POST",
     "/canary/my-config?application=&parentPipelineExecutionId=P&configurationAccountName=c", "{}",
     "start app=(null) parent=P metrics=(null) storage=(null) configuration=c config=my-config "
     "inline=(null) {}"},
    {"GET", "/canary/01M0?storageAccountName=s", NULL, "execution get 01M0 s"},
    {"GET", "/canary/01M0?storageAccountName=", NULL, "execution get 01M0 (null)"},
    {"GET", "/canary/executions", NULL,
     "execution list app=(null) statuses=(null) storage=(null) limit=20 page=1"},
    {"GET",
     "/canary/executions?application=a&statuses=succeeded,+RUNNING&statuses=,&limit=200&page=3",
     NULL, "execution list app=a statuses=succeeded,RUNNING storage=(null) limit=200 page=3"},
    {"GET", "/canaryConfig", NULL, "config list (null)"},
    {"GET",
     "/canaryConfig?application=a,b&application=c%20d&application=&configurationAccountName=x",
     NULL, "config list x [a] [b] [c d]"},
    {"POST", "/canaryConfig", "{\"name\":\"n\"}", "config create (null) {\"name\":\"n\"}"},
    {"GET", "/canaryConfig/a%2Fb", NULL, "config get (null) a/b"},
    {"PUT", "/canaryConfig/a?configurationAccountName=x", "{}", "config update x a {}"},
    {"DELETE", "/canaryConfig/a", NULL, "config delete (null) a"},
    {"GET", "/metricSetList/u?accountName=x&storageAccountName=y", NULL, "series sets x u"},
    {"GET", "/metricSetPairList/u", NULL, "series pairs (null) u"},
    {"GET", "/canary/executions?application=a&limit=&page=", NULL,
     "execution list app=a statuses=(null) storage=(null) limit=20 page=1"},
    {"GET", "/metricSetList?limit=5&page=2&accountName=x", NULL, "series list sets x 5 2"},
    {"GET", "/metricSetPairList", NULL, "series list pairs (null) 100000 1"},
    {"POST", "/metricSetList?accountName=x", "[]", "series create sets x []"},
    {"POST", "/metricSetPairList", "[{}]", "series create pairs (null) [{}]"},
    {"DELETE", "/metricSetList/u", NULL, "series delete sets (null) u"},
    {"DELETE", "/metricSetPairList/u?accountName=x", NULL, "series delete pairs x u"},
    {"GET", "/metricSetPairList/u/v?accountName=x", NULL, "pair get x u v"},
    {"GET", "/canaryResultArchive?storageAccountName=x", NULL, "archive list x 100000 1"},
    {"POST", "/canaryResultArchive?pipelineId=&storageAccountName=x", "{}",
     "archive create x (null) {}"},
    {"POST", "/canaryResultArchive?pipelineId=a.b", "{}", "archive create (null) a.b {}"},
    {"GET", "/canaryResultArchive/a.b", NULL, "archive get (null) a.b"},
    {"PUT", "/canaryResultArchive/a.b?storageAccountName=x", "{\"a\":1}",
     "archive update x a.b {\"a\":1}"},
    {"DELETE", "/canaryResultArchive/a.b", NULL, "archive delete (null) a.b"},
    {"GET", "/pipelines?limit=2&page=3", NULL, "pipeline list 2 3"},
    {"GET", "/pipelines/a", NULL, "pipeline get a"},
    {"DELETE", "/pipelines/a", NULL, "pipeline delete a"},
    {"PUT", "/pipelines/a/cancel", "\"\"", "pipeline cancel a"},
    {"POST", "/admin/orca/instance/enabled", "{\"enabled\":true}", "pause 0"},
    {"POST", "/admin/orca/instance/enabled", "{\"enabled\":\"false\"}", "pause 1"},
    {"GET", "/credentials", NULL, "credentials"},
    {"GET", "/metricsServices", NULL, "metrics services"},
    {"GET", "/metadata/metricsService?filter=Up&metricsAccountName=p", NULL, "metadata p Up"},
    {"GET", "/metadata/metricsService?filter=&metricsAccountName=", NULL, "metadata (null) (null)"},
    {"GET", "/judges", NULL, "judges"},
    {"POST",
     "/judges/judge?canaryConfigId=c&metricSetPairListId=m&passThreshold=95.5&marginalThreshold=75"
     "&storageAccountName=s",
     NULL, "judge c m (null) s 95.5 75 (null) (null)"},
    {"POST",
     "/judges/comparison?canaryConfigId=c&metricSetPairListId=m&passThreshold=95&marginalThreshold="
     "75&configurationAccountName=x&overrideCanaryJudge2=dredd-v1.0&overrideCanaryJudge1=",
     NULL, "compare c m x (null) 95 75 (null) dredd-v1.0"},
    {"GET", "/judges/comparison/a", NULL, "comparison get a"},
    {"GET", "/api/v1/executions/x/bundle", NULL, "bundle x"},
    {"GET", "/api/v1/executions/x", NULL, "follow x full"},
    {"GET", "/api/v1/executions/x?wait=", NULL, "follow x full"},
    {"POST", "/api/v1/executions/x/cancel", NULL, "follow x brief"},
    {"GET", "/api/v1/executions", NULL,
     "follow list app=(null) config=(null) verdict=(null) parent=(null) since=(null) until=(null) "
     "cursor=(null) limit=20"},
    {"GET",
     "/api/v1/executions?application=a&config=c&verdict=pass&parent=p&since=now-2h&until=now"
     "&cursor=1-A&limit=200&kind=canary,+analysis&status=running&status=failed",
     NULL,
     "follow list app=a config=c verdict=pass parent=p since=now-2h until=now cursor=1-A limit=200 "
     "[canary] [analysis] <running> <failed>"},
    {"POST",
     "/fetch/prometheus/"
     "query?metricSetName=s&metricName=up&step=60&labelBindings=a%3D1,b&labelBindings=c"
     "&scope=v1&location=eu&dryRun=TRUE&customFilter=x%3D%22%24%7Bscope%7D%22&metricsAccountName=",
     NULL,
     "fetch prometheus set=s metrics=(null) storage=(null) dry=1 {\"type\":\"prometheus\","
     "\"metricName\":\"up\",\"labelBindings\":[\"a=1\",\"b\",\"c\"],\"groupByFields\":[],"
     "\"customInlineTemplate\":\"x=\\\"${scope}\\\"\"} {\"extendedScopeParams\":{\"project\":"
     "\"configured-project\"},\"step\":60,\"scope\":\"v1\",\"location\":\"eu\",\"start\":"
     "\"2026-01-01T00:00:00Z\"}"},
    {"POST", "/fetch/datadog/query?metricSetName=s&metricName=avg:cpu&start=1&scope=a:b,c:d", NULL,
     "fetch datadog set=s metrics=(null) storage=(null) dry=0 {\"type\":\"datadog\","
     "\"metricName\":\"avg:cpu\"} {\"extendedScopeParams\":{},\"scope\":\"a:b,c:d\","
     "\"start\":\"1\"}"},
    {"POST",
     "/fetch/graphite/query?metricSetName=s&metricName=a.$scope&start=1&end=2&scope=v&location=l"
     "&dryRun=true",
     NULL,
     "fetch graphite set=s metrics=(null) storage=(null) dry=1 {\"type\":\"graphite\","
     "\"metricName\":\"a.$scope\"} {\"extendedScopeParams\":{},\"start\":\"1\",\"end\":\"2\","
     "\"scope\":\"v\",\"location\":\"l\"}"},
    {"POST",
     "/fetch/influxdb/query?metricSetName=s&metricName=cpu&step=60&fields=a,b&fields=c&scope=h:1"
     "&start=1&end=2",
     NULL,
     "fetch influxdb set=s metrics=(null) storage=(null) dry=0 {\"type\":\"influxdb\","
     "\"metricName\":\"cpu\",\"fields\":[\"a\",\"b\",\"c\"]} {\"extendedScopeParams\":{},"
     "\"step\":60,\"scope\":\"h:1\",\"start\":\"1\",\"end\":\"2\"}"},
    {"POST",
     "/fetch/wavefront/query?metricSetName=s&metricName=cpu&step=m&start=1&end=2&aggregate=avg"
     "&scope=env%3Dprod",
     NULL,
     "fetch wavefront set=s metrics=(null) storage=(null) dry=0 {\"type\":\"wavefront\","
     "\"metricName\":\"cpu\",\"aggregate\":\"avg\",\"summarization\":\"MEAN\"} "
     "{\"extendedScopeParams\":{},\"start\":\"1\",\"end\":\"2\",\"scope\":\"env=prod\","
     "\"step\":60}"},
    {"POST",
     "/fetch/wavefront/query?metricSetName=s&metricName=cpu&step=300&start=1&end=2"
     "&%5BMEAN,%20MEDIAN,%20MIN,%20MAX,%20SUM,%20COUNT,%20FIRST,%20LAST%5D=LAST",
     NULL,
     "fetch wavefront set=s metrics=(null) storage=(null) dry=0 {\"type\":\"wavefront\","
     "\"metricName\":\"cpu\",\"summarization\":\"LAST\"} {\"extendedScopeParams\":{},"
     "\"start\":\"1\",\"end\":\"2\",\"step\":300}"},
    {"POST",
     "/fetch/atlas/query?metricSetName=s&q=name,x,:eq&type=asg&scope=v&location=l&start=1&end=2"
     "&step=60",
     NULL,
     "fetch atlas set=s metrics=(null) storage=(null) dry=0 {\"type\":\"atlas\","
     "\"q\":\"name,x,:eq\"} {\"extendedScopeParams\":{\"type\":\"asg\"},\"scope\":\"v\","
     "\"location\":\"l\",\"start\":\"1\",\"end\":\"2\",\"step\":60}"},
    {"POST",
     "/fetch/stackdriver/query?metricSetName=s&metricType=m&step=60&groupByFields=a,b&project=p"
     "&startTimeIso=1&endTimeIso=2&customFilter=f&metricsAccountName=g&storageAccountName=h",
     "{\"project\":\"q\",\"service\":\"web\"}",
     "fetch stackdriver set=s metrics=g storage=h dry=0 {\"type\":\"stackdriver\","
     "\"metricType\":\"m\",\"groupByFields\":[\"a\",\"b\"],\"customInlineTemplate\":\"f\"} "
     "{\"extendedScopeParams\":{\"project\":\"p\",\"service\":\"web\"},\"step\":60,"
     "\"start\":\"1\",\"end\":\"2\"}"},
    {"POST", "/fetch/newrelic/query?start=1&end=2&step=60&scope=v",
     "{\"canaryMetricConfig\":{\"name\":\"m\",\"query\":{\"select\":\"s\"}},"
     "\"extendedScopeParams\":{\"a\":\"b\"}}",
     "fetch newrelic set=m metrics=(null) storage=(null) dry=0 {\"select\":\"s\"} "
     "{\"extendedScopeParams\":{\"a\":\"b\"},\"start\":\"1\",\"end\":\"2\",\"step\":60,"
     "\"scope\":\"v\"}"},
    {"POST", "/fetch/newrelic/query?start=1&end=2&step=60&metricIndex=1",
     "{\"canaryMetricConfig\":{},\"canaryConfig\":{\"metrics\":[{},{\"name\":\"second\","
     "\"query\":{}}]}}",
     "fetch newrelic set=second metrics=(null) storage=(null) dry=0 {} "
     "{\"extendedScopeParams\":{},\"start\":\"1\",\"end\":\"2\",\"step\":60}"},
    {"POST", "/fetch/newrelic/query?start=1&end=2&step=60&metricIndex=1&dryRun=true",
     "{\"canaryMetricConfig\":{\"name\":\"m\",\"query\":{}},\"canaryConfig\":{\"metrics\":[]}}",
     "fetch newrelic set=m metrics=(null) storage=(null) dry=1 {} "
     "{\"extendedScopeParams\":{},\"start\":\"1\",\"end\":\"2\",\"step\":60}"},
};

static void requests_reach_the_analyzer(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        ask(f, good[i].method, good[i].target, good[i].body);
        assert_string_equal(good[i].asked, f->analyzer.asked.bytes);
        assert_in_range(f->call.reply.status, 200, 204);
    }
}

static void writes_answer_with_the_id(void **state)
{
    struct fixture *f = *state;

    ask(f, "POST", "/canary/x", "{}");
    assert_true(
        str_is(f->call.reply.body, "{\"canaryExecutionId\":\"01M0FDBK3EZFVVXR4TCRNYT4NS\"}"));
    ask(f, "POST", "/canaryConfig", "{}");
    assert_true(str_is(f->call.reply.body, "{\"canaryConfigId\":\"new-id\"}"));
    ask(f, "PUT", "/canaryConfig/x", "{}");
    assert_true(str_is(f->call.reply.body, "{\"canaryConfigId\":\"x\"}"));
    ask(f, "DELETE", "/canaryConfig/x", NULL);
    assert_int_equal(204, f->call.reply.status);
    assert_null(f->call.reply.content_type);
    assert_int_equal(0, f->call.reply.body.n_bytes);
    f->analyzer.answer = "[1,2]";
    ask(f, "GET", "/canary/x", NULL);
    assert_true(str_is(f->call.reply.body, "[1,2]"));
    assert_string_equal("application/json", f->call.reply.content_type);
}

/* Texts marked in kayenta-api.md are what clients print; `detail` is only there in shape C. */
static const struct {
    const char *method, *target, *body;
    unsigned status;
    const char *code, *message, *detail;
} bad[] = {
    {"POST", "/canary", "{\"executionRequest\":{}}", 400, "bad_request",
     "canaryConfig must be provided for ad-hoc requests", ""},
    {"POST", "/canary", "{\"canaryConfig\":{},\"executionRequest\":null}", 400, "bad_request",
     "executionRequest must be provided for ad-hoc requests", ""},
    {"POST", "/canary", "{\"canaryConfig\":[]}", 400, "bad_type", "canaryConfig must be an object",
     "Failed to read request"},
    {"POST", "/canary", "", 400, "json_syntax", NULL, "Failed to read request"},
    {"POST", "/canary/x", "{", 400, "json_syntax", NULL, "Failed to read request"},
    {"POST", "/canary/x", "[]", 400, "bad_type", NULL, "Failed to read request"},
    {"POST", "/canary/x", "7", 400, "json_syntax", NULL, "Failed to read request"},
    {"POST", "/canary/x", "{\"a\":1,\"a\":2}", 400, "json_duplicate_key", NULL,
     "Failed to read request"},
    {"POST", "/canary/x?application=a&application=b", "{}", 400, "repeated_parameter",
     "Parameter 'application' was given more than once.", ""},
    {"GET", "/canary/executions?limit=0", NULL, 400, "bad_parameter",
     "Parameter 'limit' must be a whole number from 1 to 200.",
     "Parameter 'limit' must be a whole number from 1 to 200."},
    {"GET", "/canary/executions?limit=201", NULL, 400, "bad_parameter", NULL, NULL},
    {"GET", "/canary/executions?limit=-1", NULL, 400, "bad_parameter", NULL, NULL},
    {"GET", "/canary/executions?limit=abc", NULL, 400, "bad_parameter", NULL, NULL},
    {"GET", "/canary/executions?limit=1e3", NULL, 400, "bad_parameter", NULL, NULL},
    {"GET", "/canary/executions?limit=999999999999999999999999", NULL, 400, "bad_parameter", NULL,
     NULL},
    {"GET", "/canary/executions?page=10001", NULL, 400, "bad_parameter", NULL, NULL},
    {"GET", "/canary/executions?limit=1&limit=2", NULL, 400, "repeated_parameter", NULL, ""},
    {"POST", "/fetch/prometheus/query?metricSetName=s&metricName=up", NULL, 400,
     "missing_parameter", "Required parameter 'step' is not present.",
     "Required parameter 'step' is not present."},
    {"POST", "/fetch/prometheus/query?metricSetName=&metricName=up&step=1", NULL, 400,
     "missing_parameter", "Required parameter 'metricSetName' is not present.", NULL},
    {"POST", "/fetch/prometheus/query?metricSetName=s&metricName=up&step=1m", NULL, 400,
     "bad_parameter", NULL, NULL},
    {"POST", "/fetch/prometheus/query?metricSetName=s&metricName=up&step=1&dryRun=maybe", NULL, 400,
     "bad_parameter", "Parameter 'dryRun' must be true or false.", NULL},
    {"POST", "/fetch/wavefront/query?metricSetName=s&metricName=m&start=1&end=2&step=w", NULL, 400,
     "bad_parameter", "Parameter 'step' must be s, m, h, d or a whole number of seconds.", NULL},
    {"POST", "/fetch/atlas/query?metricSetName=s&q=x&scope=v&location=l&start=1&end=2&step=60",
     NULL, 400, "missing_parameter", "Required parameter 'type' is not present.", NULL},
    {"POST", "/fetch/stackdriver/query?metricSetName=s&metricType=m&step=60", "[]", 400, "bad_type",
     NULL, NULL},
    {"POST", "/fetch/newrelic/query?start=1&end=2&step=60", "{}", 400, "bad_type",
     "\"canaryMetricConfig\" must be an object", NULL},
    {"POST", "/fetch/newrelic/query?start=1&end=2&step=60", "{\"canaryMetricConfig\":{}}", 400,
     "bad_metric_name", NULL, NULL},
    {"POST", "/fetch/newrelic/query?start=1&end=2&step=60",
     "{\"canaryMetricConfig\":{\"name\":\"m\"}}", 400, "bad_type", "\"query\" must be an object",
     NULL},
    {"POST", "/fetch/newrelic/query?start=1&end=2&step=60&metricIndex=x",
     "{\"canaryMetricConfig\":{\"name\":\"m\",\"query\":{}},\"canaryConfig\":{\"metrics\":[{}]}}",
     400, "bad_parameter", NULL, NULL},
};

static void bad_requests_are_explained(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ask(f, bad[i].method, bad[i].target, bad[i].body);
        assert_int_equal(bad[i].status, f->call.reply.status);
        assert_string_equal(bad[i].code, member(f, "code"));
        assert_string_equal("the-request", member(f, "requestId"));
        assert_string_equal("Bad Request", member(f, "error"));
        assert_string_not_equal("", member(f, "message"));
        if (bad[i].message)
            assert_string_equal(bad[i].message, member(f, "message"));
        if (bad[i].detail)
            assert_string_equal(bad[i].detail, member(f, "detail"));
        assert_string_equal(*member(f, "detail") ? "application/problem+json" : "application/json",
                            f->call.reply.content_type);
        assert_string_equal(*member(f, "detail") ? "Bad Request" : "", member(f, "title"));
    }
}

static const struct {
    enum err_code code;
    const char *reason, *message;
    unsigned status;
    const char *body_code;
    bool has_retry_after;
} failures[] = {
    {ERR_INVALID, NULL, "Unable to resolve account x.", 400, "bad_request", false},
    {ERR_CONFLICT, NULL, "Canary config 'x' already exists.", 400, "conflict", false},
    {ERR_NOT_FOUND, NULL, "No such object named x", 404, "not_found", false},
    {ERR_PERMISSION, NULL, "no", 403, "forbidden", false},
    {ERR_LIMIT, NULL, "large", 413, "too_large", false},
    {ERR_BUSY, NULL, "busy", 503, "overloaded", true},
    {ERR_BUSY, "store_busy", "busy", 503, "store_busy", true},
    {ERR_BUSY, "queue_full", "full", 429, "queue_full", true},
    {ERR_TIMEOUT, NULL, "late", 504, "timeout", false},
    {ERR_UPSTREAM, NULL, "could not connect", 502, "store_error", false},
    {ERR_UPSTREAM, NULL, "Status: 422, Method: GET, URL: http://p, Message: no", 422, "store_error",
     false},
    {ERR_UPSTREAM, NULL, "Status: 200, Method: GET", 502, "store_error", false},
};

static void failures_have_their_status(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        f->analyzer.fails = failures[i].code;
        f->analyzer.reason = failures[i].reason;
        f->analyzer.message = failures[i].message;
        ask(f, "GET", "/canary/x", NULL);
        row("%s", failures[i].message);
        assert_int_equal(failures[i].status, f->call.reply.status);
        assert_string_equal(failures[i].body_code, member(f, "code"));
        assert_string_equal(failures[i].message, member(f, "message"));
        assert_int_equal(failures[i].has_retry_after, f->call.reply.retry_after_s > 0);
    }
}

static void our_own_failures_stay_in_the_log(void **state)
{
    static const enum err_code codes[] = {ERR_STORAGE, ERR_INTERNAL, ERR_IO, ERR_SETTINGS};
    struct fixture *f = *state;

    f->analyzer.message = "SELECT secret FROM /var/lib/serinus";
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        f->analyzer.fails = codes[i];
        ask(f, "GET", "/canary/x", NULL);
        assert_int_equal(500, f->call.reply.status);
        assert_null(strstr(member(f, "message"), "secret"));
        assert_non_null(strstr(member(f, "message"), "the-request"));
    }
}

static void the_pointer_of_a_mistake_is_passed_on(void **state)
{
    struct fixture *f = *state;
    const json_t *body;
    struct error err = {0};

    f->analyzer.fails = ERR_INVALID;
    f->analyzer.message = "too bad \xff";
    f->analyzer.pointer = "/metrics/3/name";
    ask(f, "POST", "/canaryConfig", "{}");
    assert_string_equal("too bad ?", member(f, "message")); /* still text, whatever came in */
    f->analyzer.message = "too bad";
    ask(f, "POST", "/canaryConfig", "{}");
    (void)member(f, "message");
    assert_int_equal(ERR_OK, call_json_object(&f->call, &body, &err));
    body = json_array_get(json_object_get(body, "details"), 0);
    assert_string_equal("/metrics/3/name", json_string_value(json_object_get(body, "pointer")));
    assert_string_equal("too bad", json_string_value(json_object_get(body, "problem")));
}

static void health_follows_the_result_store(void **state)
{
    struct fixture *f = *state;

    ask(f, "GET", "/health", NULL);
    assert_int_equal(200, f->call.reply.status);
    assert_string_equal("UP", member(f, "status"));
    ask(f, "GET", "/readyz", NULL);
    assert_true(str_is(f->call.reply.body, "ok\n"));
    ask(f, "GET", "/readyz?verbose", NULL);
    assert_true(str_is(f->call.reply.body, "[+] draining\n[+] resultStore\nok\n"));

    f->analyzer.fails = ERR_STORAGE;
    ask(f, "GET", "/health", NULL);
    assert_int_equal(503, f->call.reply.status);
    assert_string_equal("DOWN", member(f, "status"));
    ask(f, "GET", "/healthz", NULL);
    assert_int_equal(503, f->call.reply.status);
    assert_true(str_is(f->call.reply.body, "resultStore\n"));
    ask(f, "GET", "/livez", NULL);
    assert_int_equal(200, f->call.reply.status);

    f->analyzer.fails = ERR_OK;
    atomic_store(&f->context.is_draining, true);
    ask(f, "GET", "/readyz?verbose", NULL);
    assert_int_equal(503, f->call.reply.status);
    assert_true(str_is(f->call.reply.body, "[-] draining\n[+] resultStore\ndraining\n"));
}

static void metrics_count_requests_by_route(void **state)
{
    struct fixture *f = *state;

    stats_record(&f->stats, &api_routes[0], 200, 3000000);
    stats_record(&f->stats, &api_routes[0], 200, 70000000000);
    stats_record(&f->stats, NULL, 404, 1);
    f->analyzer.fails = ERR_BUSY;
    f->analyzer.reason = "queue_full";
    ask(f, "POST", "/canary/x", "{}");
    f->analyzer.fails = ERR_OK;
    ask(f, "GET", "/metrics", NULL);
    strbuf_clear(&f->call.body);
    strbuf_append(&f->call.body, f->call.reply.body.bytes, f->call.reply.body.n_bytes);
#define HAS(text) assert_non_null(strstr(f->call.body.bytes, text))
    HAS("serinus_http_requests_total{method=\"POST\",route=\"/canary\",code=\"200\"} 2\n");
    HAS("serinus_http_requests_total{method=\"other\",route=\"none\",code=\"404\"} 1\n");
    HAS("duration_seconds_bucket{method=\"POST\",route=\"/canary\",code=\"200\",le=\"0.005\"} 1\n");
    HAS("duration_seconds_bucket{method=\"POST\",route=\"/canary\",code=\"200\",le=\"60\"} 1\n");
    HAS("duration_seconds_bucket{method=\"POST\",route=\"/canary\",code=\"200\",le=\"+Inf\"} 2\n");
    HAS("duration_seconds_sum{method=\"POST\",route=\"/canary\",code=\"200\"} 70.003\n");
    HAS("serinus_limit_refusals_total{limit=\"queue.pending\"} 1\n");
    HAS("serinus_limit_refusals_total{limit=\"http.in_flight\"} 0\n");
    HAS("\nprocess_resident_memory_bytes ");
    HAS("\nprocess_open_fds ");
    HAS("\nserinus_double 1\n");
}

static void analyses_can_be_switched_off(void **state)
{
    static const struct settings off = {.has_no_analyses = true};
    static const struct {
        const char *method, *target, *body;
    } cases[] = {
        {"POST", "/standalone_canary_analysis", "{\"canaryConfig\":{},\"executionRequest\":{}}"},
        {"POST", "/standalone_canary_analysis/my-config", "{}"},
        {"GET", "/standalone_canary_analysis/01M0", NULL},
    };
    struct fixture *f = *state;

    f->context.settings = &off;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        f->analyzer.asked.n_bytes = 0;
        ask(f, cases[i].method, cases[i].target, cases[i].body);
        assert_int_equal(404, f->call.reply.status);
        assert_int_equal(0, f->analyzer.asked.n_bytes);
        assert_non_null(strstr(member(f, "message"), "standaloneCanaryAnalysis.enabled is false"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests_reach_the_analyzer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_answer_with_the_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_requests_are_explained, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_have_their_status, set_up, tear_down),
        cmocka_unit_test_setup_teardown(our_own_failures_stay_in_the_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_pointer_of_a_mistake_is_passed_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(health_follows_the_result_store, set_up, tear_down),
        cmocka_unit_test_setup_teardown(analyses_can_be_switched_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(metrics_count_requests_by_route, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
