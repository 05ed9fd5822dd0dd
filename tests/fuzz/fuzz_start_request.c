/* The body of POST /canary, from bytes to a plan. */
#include "analyzer/canary_config.h"
#include "analyzer/plan.h"
#include "base/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void plan(const json_t *body, struct arena *arena)
{
    struct execution_request *request;
    struct canary_plan *out;
    struct account *account;
    struct error err = {0};
    json_t *view = NULL;

    if (account_decode("prometheus", json_keep(json_object(), arena), arena, &account, &err))
        abort();
    if (canary_config_view(json_object_get(body, "canaryConfig"), &view, &err))
        return;
    json_keep(view, arena);
    if (execution_request_decode(json_object_get(body, "executionRequest"), arena, &request,
                                 &err) == ERR_OK &&
        plan_build(view, request, &(struct plan_accounts){.run = account}, arena, &out, &err) ==
            ERR_OK &&
        (out->n_metrics == 0 || !out->queries[SIDE_CONTROL][0].text))
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct arena *arena = arena_create();
    struct error err = {0};
    json_t *body = NULL;

    if (json_read((struct str){(const char *)data, size}, &json_limits_request, &body, &err) ==
        ERR_OK)
        plan(json_keep(body, arena), arena);
    arena_free(arena);
    return 0;
}
