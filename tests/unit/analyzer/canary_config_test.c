/* Expected texts and coercions: Kayenta's API. */
#include "tests/support.h"

#include "analyzer/canary_config.h"
#include "base/json.h"

#include <string.h>

static json_t *read_text(const char *text)
{
    struct error err = {0};
    json_t *json = NULL;

    assert_int_equal(ERR_OK, json_read(str_of(text), &json_limits_request, &json, &err));
    return json;
}

static void a_view_keeps_what_is_known(void **state)
{
    json_t *config = read_text(
        "{\"name\":\"c\",\"configVersion\":1.0,\"unknown\":1,\"description\":null,"
        "\"applications\":[\"a\"],\"classifier\":{\"groupWeights\":{\"g\":40,\"n\":null},"
        "\"scoreThresholds\":{\"pass\":\"95\",\"marginal\":75}},"
        "\"templates\":{\"t\":\"a='$\\\\{scope}'\"},"
        "\"metrics\":[{\"name\":\"m\",\"scopeName\":\"default\",\"groups\":[\"g\"],\"x\":1,"
        "\"query\":{\"type\":\"prometheus\",\"metricName\":\"up\",\"serviceType\":\"nonsense\","
        "\"labelBindings\":[\"a\"],\"other\":2},"
        "\"analysisConfigurations\":{\"canary\":{\"critical\":true,\"direction\":null}}}]}");
    struct strbuf text = {0};
    struct error err = {0};
    json_t *view;

    (void)state;
    assert_int_equal(ERR_OK, canary_config_view(config, &view, &err));
    json_write(view, &text);
    assert_string_equal(
        "{\"name\":\"c\",\"configVersion\":\"1.0\",\"applications\":[\"a\"],"
        "\"metrics\":[{\"name\":\"m\",\"query\":{\"type\":\"prometheus\",\"metricName\":\"up\","
        "\"labelBindings\":[\"a\"],\"serviceType\":\"prometheus\"},\"groups\":[\"g\"],"
        "\"analysisConfigurations\":{\"canary\":{\"critical\":true}},\"scopeName\":\"default\"}],"
        "\"templates\":{\"t\":\"a='$\\\\{scope}'\"},"
        "\"classifier\":{\"groupWeights\":{\"g\":40.0},"
        "\"scoreThresholds\":{\"pass\":95.0,\"marginal\":75.0}}}",
        text.bytes);
    assert_string_equal("NetflixACAJudge-v1.0", canary_config_judge_name(view));
    strbuf_clear(&text);
    json_decref(view);
    json_decref(config);
}

static const struct {
    const char *name, *text, *reason, *pointer;
} bad_views[] = {
    {"no query type", "{\"metrics\":[{\"query\":{}}]}", "bad_query_type", "/metrics/0/query/type"},
    {"unknown query type", "{\"metrics\":[{\"query\":{\"type\":\"abacus\"}}]}", "bad_query_type",
     "/metrics/0/query/type"},
    {"metrics is an object", "{\"metrics\":{}}", "bad_type", "/metrics"},
    {"groups is a text", "{\"metrics\":[{\"groups\":\"g\"}]}", "bad_type", "/metrics/0/groups"},
    {"a list for a name", "{\"name\":[1]}", "bad_type", "/name"},
    {"a word for a weight", "{\"classifier\":{\"groupWeights\":{\"g\":\"x\"}}}", "bad_type",
     "/classifier/groupWeights/g"},
    {"applications is an object", "{\"applications\":{}}", "bad_type", "/applications"},
    {"time is a list", "{\"createdTimestamp\":[1]}", "bad_type", "/createdTimestamp"},
    {"config is a list", "[]", "bad_type", ""},
};

static void a_view_names_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_views); i++) {
        json_t *config = read_text(bad_views[i].text);
        struct error err = {0};
        json_t *view;

        row("%s", bad_views[i].name);
        assert_int_equal(ERR_INVALID, canary_config_view(config, &view, &err));
        assert_string_equal(bad_views[i].reason, err.reason);
        assert_string_equal(bad_views[i].pointer, err.pointer);
        json_decref(config);
    }
}

static const struct {
    const char *text, *message;
} bad_configs[] = {
    {"{\"applications\":[\"a\"]}", "Canary config must specify a name."},
    {"{\"name\":\"\",\"applications\":[\"a\"]}", "Canary config must specify a name."},
    {"{\"name\":\"n\"}", "Canary config must specify at least one application."},
    {"{\"name\":\"n\",\"applications\":[]}",
     "Canary config must specify at least one application."},
    {"{\"name\":\"a b\",\"applications\":[\"a\"]}",
     "Canary config cannot be named 'a b'. Names must contain only letters, numbers, dashes (-) "
     "and "
     "underscores (_)."},
    {"{\"name\":\"a,b\",\"applications\":[\"a\"]}",
     "Canary config cannot be named 'a,b'. Names must contain only letters, numbers, dashes (-) "
     "and "
     "underscores (_)."},
    {"{\"name\":\"n\",\"applications\":[\"a\"],\"metrics\":[{}]}",
     "Metric config must specify a name."},
    {"{\"name\":\"n\",\"applications\":[\"a\"],\"metrics\":[{\"name\":\"m\"},{\"name\":\"m\"}]}",
     "Metric config name must be unique. 'm' is duplicated."},
};

static void the_rules_for_storing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_configs); i++) {
        json_t *config = read_text(bad_configs[i].text);
        struct error err = {0};
        json_t *view;

        row("%s", bad_configs[i].text);
        assert_int_equal(ERR_OK, canary_config_view(config, &view, &err));
        assert_int_equal(ERR_INVALID, canary_config_check(view, false, &err));
        assert_string_equal(bad_configs[i].message, err.message);
        json_decref(view);
        json_decref(config);
    }
}

static void metric_names_can_go_unchecked(void **state)
{
    json_t *config = read_text("{\"name\":\"n\",\"applications\":[\"a\"],\"metrics\":[{}]}");
    struct error err = {0};
    json_t *view;

    (void)state;
    assert_int_equal(ERR_OK, canary_config_view(config, &view, &err));
    assert_int_equal(ERR_OK, canary_config_check(view, true, &err));
    json_decref(view);
    json_decref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_keeps_what_is_known),
        cmocka_unit_test(a_view_names_what_is_wrong),
        cmocka_unit_test(the_rules_for_storing),
        cmocka_unit_test(metric_names_can_go_unchecked),
    };

    return cmocka_run_group_tests_name("analyzer/canary_config", tests, NULL, NULL);
}
