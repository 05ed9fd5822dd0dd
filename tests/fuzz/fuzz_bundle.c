/* A bundle from a file, from bytes to a verdict: series of any shape must not crash the mixer or
 * the judge. */
#include "analyzer/bundle.h"
#include "analyzer/codec/judge_result_json.h"
#include "analyzer/judgement.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void judge(const struct bundle *bundle, struct arena *arena)
{
    struct metric_set_list sets[N_SIDES] = {{.arena = arena}, {.arena = arena}};
    struct judgement judgement = {.pairs = bundle->pairs, .n_pairs = bundle->n_pairs};
    struct error err = {0};

    for (size_t i = 0; i < bundle->n_sets; i++)
        *metric_set_list_add(&sets[bundle->sets[i].side]) = bundle->sets[i].set;
    if (bundle->n_sets) {
        judgement.pairs = NULL;
        judgement.n_pairs = 0;
        if (judgement_mix("fuzz", bundle->config, sets, arena, &judgement, &err))
            return;
    }
    if (judgement_judge(bundle->config, json_object_get(bundle->request, "thresholds"), arena,
                        &judgement, &err) == ERR_OK) {
        (void)judgement_warnings(&judgement, arena);
        json_decref(judge_result_json(&judgement.result));
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct arena *arena = arena_create();
    struct bundle bundle = {0};
    struct error err = {0};
    json_t *json = NULL;

    if (json_read((struct str){(const char *)data, size}, &json_limits_document, &json, &err) ==
            ERR_OK &&
        bundle_decode(json, arena, &bundle, &err) == ERR_OK)
        judge(&bundle, arena);
    json_decref(json);
    arena_free(arena);
    return 0;
}
