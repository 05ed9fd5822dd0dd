#include "judge/clean.h"

#include "tests/support.h"

#include <math.h>

#define MAX_POINTS 12

static const struct {
    const char *name;
    struct metric_policy policy;
    double values[MAX_POINTS];
    size_t n;
    double kept[MAX_POINTS];
    size_t n_kept;
} cases[] = {
    {"NaN removed", {.nan_strategy = NAN_REMOVE}, {0.5, NAN, 1.25, NAN}, 4, {0.5, 1.25}, 2},
    {"NaN replaced", {.nan_strategy = NAN_REPLACE}, {NAN, 10.1, NAN}, 3, {0, 10.1, 0}, 3},
    {"nothing but NaN", {.nan_strategy = NAN_REMOVE}, {NAN, NAN}, 2, {0}, 0},
    {"outliers kept", {0}, {21, 23, 5000, 22}, 4, {21, 23, 5000, 22}, 4},
    /* quartiles 22.5 and 26, P99 48.53, fence 31.25: only 50 lies beyond both */
    {"outlier removed",
     {.outlier_strategy = OUTLIERS_REMOVE, .outlier_factor = 1.5},
     {21, 23, 24, 25, 50, 29, 23, 21},
     8,
     {21, 23, 24, 25, 29, 23, 21},
     7},
    {"both sides",
     {.outlier_strategy = OUTLIERS_REMOVE, .outlier_factor = 1.5},
     {1, 1, 1, 50, 1, 1, -50, 1, 1, 1},
     10,
     {1, 1, 1, 1, 1, 1, 1, 1},
     8},
    /* within the fence of 4 IQR, though the largest */
    {"factor is used",
     {.outlier_strategy = OUTLIERS_REMOVE, .outlier_factor = 7},
     {21, 23, 24, 25, 50, 29, 23, 21},
     8,
     {21, 23, 24, 25, 50, 29, 23, 21},
     8},
    {"infinity next to percentiles that are not numbers stays",
     {.outlier_strategy = OUTLIERS_REMOVE, .outlier_factor = 3},
     {INFINITY, INFINITY, INFINITY, 10, 11},
     5,
     {INFINITY, INFINITY, INFINITY, 10, 11},
     5},
    {"no points", {.outlier_strategy = OUTLIERS_REMOVE, .outlier_factor = 3}, {0}, 0, {0}, 0},
};

static void clean_reference_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct pair_side side = {.values = cases[i].values, .n_values = cases[i].n};
        struct arena *arena = arena_create();
        struct sample got;
        struct error err = {0};

        row("%s", cases[i].name);
        assert_int_equal(ERR_OK, clean_side(&side, &cases[i].policy, arena, &got, &err));
        assert_int_equal(cases[i].n_kept, got.n);
        for (size_t k = 0; k < got.n; k++) {
            assert_near(cases[i].kept[k], got.values[k], 0);
            assert_true(k == 0 || got.sorted[k - 1] <= got.sorted[k]);
        }
        arena_free(arena);
    }
}

static void clean_refuses_a_factor_that_is_not_positive(void **state)
{
    const double factors[] = {0, -1, NAN};
    const struct pair_side side = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(factors); i++) {
        const struct metric_policy policy = {.outlier_strategy = OUTLIERS_REMOVE,
                                             .outlier_factor = factors[i]};
        struct arena *arena = arena_create();
        struct sample got;
        struct error err = {0};

        row("%g", factors[i]);
        assert_int_equal(ERR_INVALID, clean_side(&side, &policy, arena, &got, &err));
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_reference_values),
        cmocka_unit_test(clean_refuses_a_factor_that_is_not_positive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
