/* Which points are compared, by hand. */
#include "judge/arms.h"
#include "judge/options.h"
#include "tests/support.h"

#include <math.h>

#define MINUTE_MS 60000
#define MAX 8
#define GAP NAN

static const struct {
    const char *name;
    double control[MAX], experiment[MAX];
    size_t n_control, n_experiment;
    int64_t late_ms, step_ms; /* how much later the experiment starts; its step */
    enum point_pairing pairing;
    enum nan_strategy nan;
    double warmup_mins, outlier_factor; /* 0: keep outliers */
    bool is_paired;
    double want_control[MAX], want_experiment[MAX];
    size_t n_want_control, n_want_experiment, n_nan, n_outliers, n_infinite;
} cases[] = {
    {"pairs",
     {1.5, 2.5, 3.5},
     {4.5, 5.5, 6.5},
     3,
     3,
     0,
     MINUTE_MS,
     POINTS_AUTO,
     NAN_REMOVE,
     0,
     0,
     true,
     {1.5, 2.5, 3.5},
     {4.5, 5.5, 6.5},
     3,
     3,
     0,
     0,
     0},
    {"a gap takes both",
     {1.5, GAP, 3.5},
     {4.5, 5.5, 6.5},
     3,
     3,
     0,
     MINUTE_MS,
     POINTS_AUTO,
     NAN_REMOVE,
     0,
     0,
     true,
     {1.5, 3.5},
     {4.5, 6.5},
     2,
     2,
     1,
     0,
     0},
    {"a gap takes one",
     {1.5, GAP, 3.5},
     {4.5, 5.5, 6.5},
     3,
     3,
     0,
     MINUTE_MS,
     POINTS_UNPAIRED,
     NAN_REMOVE,
     0,
     0,
     false,
     {1.5, 3.5},
     {4.5, 5.5, 6.5},
     2,
     3,
     1,
     0,
     0},
    {"a gap is nothing happened",
     {1.5, GAP, 3.5},
     {4.5, 5.5, 6.5},
     3,
     3,
     0,
     MINUTE_MS,
     POINTS_AUTO,
     NAN_REPLACE,
     0,
     0,
     true,
     {1.5, 0, 3.5},
     {4.5, 5.5, 6.5},
     3,
     3,
     0,
     0,
     0},
    {"ends early",
     {1.5, 2.5},
     {4.5, 5.5, 6.5},
     2,
     3,
     0,
     MINUTE_MS,
     POINTS_AUTO,
     NAN_REMOVE,
     0,
     0,
     true,
     {1.5, 2.5},
     {4.5, 5.5},
     2,
     2,
     1,
     0,
     0},
    {"ends early, with zeros",
     {1.5, 2.5},
     {4.5, 5.5, 6.5},
     2,
     3,
     0,
     MINUTE_MS,
     POINTS_AUTO,
     NAN_REPLACE,
     0,
     0,
     true,
     {1.5, 2.5, 0},
     {4.5, 5.5, 6.5},
     3,
     3,
     0,
     0,
     0},
    {"starts late",
     {1.5, 2.5},
     {4.5, 5.5},
     2,
     2,
     7,
     MINUTE_MS,
     POINTS_AUTO,
     NAN_REMOVE,
     0,
     0,
     false,
     {1.5, 2.5},
     {4.5, 5.5},
     2,
     2,
     0,
     0,
     0},
    {"starts late, paired all the same",
     {1.5, 2.5},
     {4.5, 5.5},
     2,
     2,
     7,
     MINUTE_MS,
     POINTS_PAIRED,
     NAN_REMOVE,
     0,
     0,
     true,
     {1.5, 2.5},
     {4.5, 5.5},
     2,
     2,
     0,
     0,
     0},
    {"another step",
     {1.5, 2.5},
     {4.5, 5.5},
     2,
     2,
     0,
     MINUTE_MS / 2,
     POINTS_PAIRED,
     NAN_REMOVE,
     0,
     0,
     false,
     {1.5, 2.5},
     {4.5, 5.5},
     2,
     2,
     0,
     0,
     0},
    {"warm-up",
     {1.5, 2.5, 3.5},
     {4.5, 5.5, 6.5},
     3,
     3,
     0,
     MINUTE_MS,
     POINTS_AUTO,
     NAN_REMOVE,
     1.5,
     0,
     true,
     {3.5},
     {6.5},
     1,
     1,
     0,
     0,
     0},
    {"nothing but warm-up",
     {1.5, 2.5, 3.5},
     {4.5, 5.5, 6.5},
     3,
     3,
     0,
     MINUTE_MS,
     POINTS_AUTO,
     NAN_REMOVE,
     99,
     0,
     true,
     {0},
     {0},
     0,
     0,
     0,
     0,
     0},
    {"infinities",
     {1.5, INFINITY, 3.5},
     {-INFINITY, 5.5, 6.5},
     3,
     3,
     0,
     MINUTE_MS,
     POINTS_AUTO,
     NAN_REMOVE,
     0,
     0,
     true,
     {3.5},
     {6.5},
     1,
     1,
     2,
     0,
     2},
    {"outliers go in pairs",
     {1, 2, 3, 4, 5, 900},
     {7, 6, 5, 4, 3, 2},
     6,
     6,
     0,
     MINUTE_MS,
     POINTS_AUTO,
     NAN_REMOVE,
     0,
     3,
     true,
     {1, 2, 3, 4, 5},
     {7, 6, 5, 4, 3},
     5,
     5,
     0,
     1,
     0},
    {"outliers go alone",
     {1, 2, 3, 4, 5, 900},
     {7, 6, 5, 4, 3, 2},
     6,
     6,
     0,
     MINUTE_MS,
     POINTS_UNPAIRED,
     NAN_REMOVE,
     0,
     3,
     false,
     {1, 2, 3, 4, 5},
     {7, 6, 5, 4, 3, 2},
     5,
     6,
     0,
     1,
     0},
    {"nothing there",
     {0},
     {4.5},
     0,
     1,
     0,
     MINUTE_MS,
     POINTS_AUTO,
     NAN_REMOVE,
     0,
     3,
     false,
     {0},
     {4.5},
     0,
     1,
     0,
     0,
     0},
};

static struct metric_pair pair_of(size_t i)
{
    return (struct metric_pair){
        .name = "m",
        .sides = {
            {cases[i].control, cases[i].n_control, 0, MINUTE_MS, {0}},
            {cases[i].experiment, cases[i].n_experiment, cases[i].late_ms, cases[i].step_ms, {0}}}};
}

static struct metric_policy policy_of(size_t i)
{
    struct metric_policy policy = {.nan_strategy = cases[i].nan,
                                   .outlier_strategy = cases[i].outlier_factor > 0 ? OUTLIERS_REMOVE
                                                                                   : OUTLIERS_KEEP,
                                   .outlier_factor = cases[i].outlier_factor,
                                   .options = judge_options_default};

    policy.options.pairing = cases[i].pairing;
    policy.options.warmup_mins = cases[i].warmup_mins;
    return policy;
}

static void check_side(const struct sample *got, const size_t *index, const double *from,
                       const double *want, size_t n_want)
{
    assert_int_equal(n_want, got->n);
    for (size_t k = 0; k < n_want; k++) {
        assert_near(want[k], got->values[k], 0);
        if (want[k] != 0)
            assert_near(want[k], from[index[k]], 0);
        if (k > 0)
            assert_true(got->sorted[k - 1] <= got->sorted[k]);
    }
}

static void points_that_are_compared(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();
        struct metric_pair pair = pair_of(i);
        struct metric_policy policy = policy_of(i);
        struct error err = {0};
        struct arms got;

        row("%s", cases[i].name);
        assert_int_equal(arms_prepare(&pair, &policy, arena, &got, &err), ERR_OK);
        assert_int_equal(cases[i].is_paired, got.is_paired);
        assert_int_equal(cases[i].n_nan, got.n_removed_nan);
        assert_int_equal(cases[i].n_outliers, got.n_removed_outliers);
        assert_int_equal(cases[i].n_infinite, got.n_infinite);
        assert_near(cases[i].step_ms == MINUTE_MS ? 60 : 0, got.step_s, 0);
        check_side(&got.sides[SIDE_CONTROL], got.index[SIDE_CONTROL], cases[i].control,
                   cases[i].want_control, cases[i].n_want_control);
        check_side(&got.sides[SIDE_EXPERIMENT], got.index[SIDE_EXPERIMENT], cases[i].experiment,
                   cases[i].want_experiment, cases[i].n_want_experiment);
        arena_free(arena);
    }
}

static void an_outlier_factor_is_above_zero(void **state)
{
    struct arena *arena = arena_create();
    struct metric_pair pair = pair_of(0);
    struct metric_policy policy = {.outlier_strategy = OUTLIERS_REMOVE, .outlier_factor = NAN};
    struct error err = {0};
    struct arms got;

    (void)state;
    assert_int_equal(arms_prepare(&pair, &policy, arena, &got, &err), ERR_INVALID);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_that_are_compared),
        cmocka_unit_test(an_outlier_factor_is_above_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
