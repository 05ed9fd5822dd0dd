#include "judge/judge.h"

#include "judge/score.h"
#include "judge/tested.h"

#include <math.h>
#include <string.h>

#define JUDGE(name) extern const struct judge_type judge_##name;
#include "judge/list.h"
#undef JUDGE

static const struct judge_type *const judges[] = {
#define JUDGE(name) &judge_##name,
#include "judge/list.h"
#undef JUDGE
};

const struct judge_type *judge_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(judges); i++)
        if (strcmp(judges[i]->name, name) == 0)
            return judges[i];
    return NULL;
}

bool judge_is_standard(const struct judge_type *judge)
{
    return judge == &judge_aca;
}

const struct judge_type *const *judge_list(size_t *n_judges)
{
    *n_judges = ARRAY_LEN(judges);
    return judges;
}

const char *classification_name(enum classification classification)
{
    static const char *const names[] = {
        [CLASS_PASS] = "Pass",   [CLASS_HIGH] = "High",
        [CLASS_LOW] = "Low",     [CLASS_NODATA] = "Nodata",
        [CLASS_ERROR] = "Error", [CLASS_NODATA_FAIL] = "NodataFailMetric",
    };

    return names[classification];
}

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {
        [VERDICT_PASS] = "Pass", [VERDICT_MARGINAL] = "Marginal", [VERDICT_FAIL] = "Fail"};

    return names[verdict];
}

static enum err_code classify_all(const struct judge_type *judge, const struct judge_input *input,
                                  struct arena *scratch, struct arena *arena,
                                  struct metric_result *results, struct error *err)
{
    for (size_t i = 0; i < input->n_pairs; i++) {
        if (judge->classify(results[i].pair, &input->policies[i], scratch, arena, &results[i], err))
            return error_context(err, "metric \"%s\"", results[i].pair->name);
        arena_reset(scratch);
    }
    return ERR_OK;
}

enum err_code judge_run(const struct judge_type *judge, const struct judge_input *input,
                        struct arena *arena, struct judge_result *out, struct error *err)
{
    struct metric_result *results = arena_array(arena, struct metric_result, input->n_pairs);
    struct arena *scratch = arena_create();
    enum err_code rc;

    for (size_t i = 0; i < input->n_pairs; i++) {
        const struct metric_policy *policy = &input->policies[i];

        results[i] = (struct metric_result){.pair = &input->pairs[i],
                                            .policy = policy,
                                            .groups = policy->groups,
                                            .n_groups = policy->n_groups,
                                            .is_muted = policy->is_muted,
                                            .grade = NAN};
    }
    rc = judge->classify ? classify_all(judge, input, scratch, arena, results, err)
                         : tested_classify(judge, input, scratch, arena, results, err);
    arena_free(scratch);
    if (rc || score_results(results, input->n_pairs, input->score, arena, out, err))
        return err->code;
    out->judge_name = judge->name;
    out->wants_details = input->wants_details;
    return ERR_OK;
}
