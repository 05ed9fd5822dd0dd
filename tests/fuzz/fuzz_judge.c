/* Every judge on arbitrary doubles: NaN, infinities, subnormals, anything. The first bytes choose
 * the policy, the rest are the points of both sides, in turn. It must neither crash nor hang, and
 * judging the same input twice must give the same bits. */
#include "judge/judge.h"

#include <gsl/gsl_errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_POINTS 200 /* a side; more only takes longer */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct metric_policy policy_from(const uint8_t *bytes)
{
    static const char *const groups[] = {"a", "b"};

    return (struct metric_policy){
        .direction = bytes[0] % 3,
        .nan_strategy = bytes[0] >> 2 & 1,
        .outlier_strategy = bytes[0] >> 3 & 1,
        .is_critical = bytes[0] >> 4 & 1,
        .must_have_data = bytes[0] >> 5 & 1,
        .is_muted = bytes[0] >> 6 & 1,
        .effect_measure = bytes[0] >> 7 & 1,
        .outlier_factor = bytes[1] / 32.0,
        .allowed_increase = bytes[2] / 64.0,
        .allowed_decrease = bytes[3] / 64.0,
        .critical_increase = bytes[2] / 32.0,
        .critical_decrease = bytes[3] / 128.0,
        .groups = groups,
        .n_groups = bytes[1] % 3,
        .options = judge_options_default,
    };
}

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

static void judge_twice(const struct judge_type *judge, const struct judge_input *input)
{
    struct arena *arena = arena_create();
    struct judge_result results[2];
    enum err_code rc[2];

    for (int k = 0; k < 2; k++) {
        struct error err = {0};

        rc[k] = judge_run(judge, input, arena, &results[k], &err);
    }
    if (rc[0] != rc[1])
        abort();
    if (rc[0] == ERR_OK) {
        const struct metric_result *a = &results[0].results[0], *b = &results[1].results[0];

        if (a->classification != b->classification || !same_bits(a->ratio, b->ratio) ||
            !same_bits(a->lower, b->lower) || !same_bits(a->upper, b->upper) ||
            !same_bits(a->estimate, b->estimate) || !same_bits(results[0].score, results[1].score))
            abort();
        if (a->report && b->report && !same_bits(a->report->p, b->report->p))
            abort();
    }
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct group_weight weights[] = {{"a", 70}};
    static const struct score_policy score = {
        .pass = 95, .marginal = 75, .weights = weights, .n_weights = 1};
    double values[N_SIDES][MAX_POINTS];
    struct metric_pair pair = {.name = "m"};
    struct metric_policy policy;
    size_t n_judges;
    const struct judge_type *const *judges = judge_list(&n_judges);

    gsl_set_error_handler_off();
    if (size < 4)
        return 0;
    policy = policy_from(data);
    for (int side = 0; side < N_SIDES; side++) {
        pair.sides[side].values = values[side];
        pair.sides[side].step_ms = data[1] >> 7 ? 60000 : 0;
    }
    for (size_t i = 0; i < 2 * MAX_POINTS && 4 + 8 * (i + 1) <= size; i++) {
        struct pair_side *side = &pair.sides[i % 2];

        memcpy(&values[i % 2][side->n_values++], data + 4 + 8 * i, sizeof(double));
    }
    for (size_t i = 0; i < n_judges; i++)
        judge_twice(judges[i],
                    &(struct judge_input){
                        .pairs = &pair, .n_pairs = 1, .policies = &policy, .score = &score});
    return 0;
}
