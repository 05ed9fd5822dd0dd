/* Every canary config in examples/ is taken as it stands, and a canary of it can be planned. */
#include "tests/support.h"

#include "analyzer/canary_config.h"
#include "analyzer/codec/yaml_json.h"
#include "analyzer/plan.h"
#include "base/json.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#define SCOPE(release)                                                                             \
    "{\"scope\":\"" release "\",\"location\":\"eu\",\"start\":\"2026-01-01T00:00:00Z\",\"end\":"   \
    "\"2026-01-01T01:00:00Z\",\"step\":60}"
#define REQUEST                                                                                    \
    "{\"scopes\":{\"default\":{\"controlScope\":" SCOPE("app:v41") ",\"experimentScope\":" SCOPE(  \
        "app:v42") "}},\"thresholds\":{\"pass\":95,\"marginal\":75}}"
#define ACCOUNT                                                                                    \
    "{\"name\":\"a\",\"project\":\"p\",\"defaultScopeKey\":\"version\",\"defaultLocationKey\":"    \
    "\"region\",\"region\":\"us-east-1\",\"requests\":{\"query\":{\"path\":\"q\"}}}"

static json_t *parsed(const char *text, struct arena *arena)
{
    json_t *json = json_loads(text, 0, NULL);

    assert_non_null(json);
    return json_keep(json, arena);
}

/* The store of the config's metrics, which is what the account must be of. */
static const char *store_of(const json_t *view)
{
    const json_t *metric = json_array_get(json_object_get(view, "metrics"), 0);

    return json_string_value(json_object_get(json_object_get(metric, "query"), "type"));
}

static void check_example(const char *path)
{
    struct arena *arena = arena_create();
    struct error err = {0};
    char *text = read_file(path, NULL);
    json_t *config = NULL, *view = NULL;
    struct execution_request *request = NULL;
    struct account *account = NULL;
    struct canary_plan *plan = NULL;

    row("%s", path);
    if (yaml_or_json_read(str_of(text), path, &config, &err) == ERR_OK)
        json_keep(config, arena);
    if (!err.code && canary_config_view(config, &view, &err) == ERR_OK)
        json_keep(view, arena);
    if (err.code || canary_config_check(view, false, &err) ||
        execution_request_decode(parsed(REQUEST, arena), arena, &request, &err) ||
        account_decode(store_of(view), parsed(ACCOUNT, arena), arena, &account, &err) ||
        plan_build(view, request, &(struct plan_accounts){.run = account}, arena, &plan, &err))
        fail_msg("%s: %s", path, err.message);
    assert_true(plan->n_metrics >= 2);
    free(text);
    arena_free(arena);
}

static void examples_can_be_planned(void **state)
{
    glob_t paths;

    (void)state;
    assert_int_equal(0, glob("examples/*.yml", 0, NULL, &paths));
    assert_true(paths.gl_pathc >= 5);
    for (size_t i = 0; i < paths.gl_pathc; i++)
        check_example(paths.gl_pathv[i]);
    globfree(&paths);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_can_be_planned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
