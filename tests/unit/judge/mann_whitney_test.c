/* Expected values: Kayenta's own answers, taken from fixtures/golden/mannwhitney-public.jsonl.gz by
 * the id in front. They are equal bit for bit. */
#include "judge/mann_whitney.h"

#include "judge/sort.h"
#include "tests/support.h"

#include <math.h>

#define MAX_POINTS 8

static const struct {
    const char *id;
    double x[MAX_POINTS];
    size_t n;
    double y[MAX_POINTS];
    size_t m;
    double confidence, lower, upper, estimate;
} cases[] = {
    {"mw-0007", {5.0, 5.0}, 2, {3.0, 4.0}, 2, 0.98, 1.0, 2.0, 1.5},
    {"mw-0010", {1e+17, 1e+17}, 2, {1.0, 2.0, 3.0}, 3, 0.98, 1e+17, 1e+17, 1e+17},
    {"mw-0011",
     {1.5, 2.0, 3.0, 4.25, 5.0, 6.0, 7.0},
     7,
     {2.0, 2.5, 3.5, 1.0, 9.0, 8.0},
     6,
     0.0,
     0.25414283778175206,
     0.25414283778175206,
     0.25414283778175206},
    {"mw-0012",
     {1.5, 2.0, 3.0, 4.25, 5.0, 6.0, 7.0},
     7,
     {2.0, 2.5, 3.5, 1.0, 9.0, 8.0},
     6,
     1.0,
     -7.5,
     6.0,
     0.25414283778175206},
    {"mw-0013",
     {1.5, 2.0, 3.0, 4.25, 5.0, 6.0, 7.0},
     7,
     {2.0, 2.5, 3.5, 1.0, 9.0, 8.0},
     6,
     0.5,
     -1.0000536065260883,
     1.4999636310693847,
     0.25414283778175206},
    {"mw-0016",
     {1.5, 2.0, 3.0, 4.25, 5.0, 6.0, 7.0},
     7,
     {2.0, 2.5, 3.5, 1.0, 9.0, 8.0},
     6,
     0.98,
     -5.999954899177743,
     4.00001193210822,
     0.25414283778175206},
    {"mw-0024", {11.7, 10.4, 9.1}, 3, {5.0, 2.0}, 2, 0.95, 4.1, 9.7, 6.8999999999999995},
    {"mw-0066",
     {1064000000000.0, 1320900000000.0, 1797200000000.0, 1231500000000.0, 3796700000000.0,
      1070800000000.0, 640200000000.0},
     7,
     {1193400000000.0, 1485600000000.0, 1086700000000.0, 1200000000000.0, 1619500000000.0,
      958400000000.0, 2251500000000.0},
     7,
     0.95,
     -555499999999.9999,
     710499999999.9998,
     -19319387755.102028},
    {"mw-0087",
     {497.5, 566.3, 555.2},
     3,
     {528.3, 500.0, 560.3, 538.5},
     4,
     0.999,
     -62.799999999999955,
     66.29999999999995,
     7.570296869552921},
    {"mw-0094",
     {2.0, 5.0, 3.0, 0.0, 5.0, 7.0, 2.0, 2.0},
     8,
     {7.0, 4.0, 0.0, 0.0, 9.0, 9.0, 7.0, 0.0},
     8,
     0.9,
     -4.999944226087503,
     2.0000535452981314,
     -1.99998920902101},
    {"mw-0143",
     {0.003, 0.001, 0.001, 0.001},
     4,
     {0.003, 0.002, 0.001, 0.0},
     4,
     0.98,
     -0.002,
     0.003,
     -4.993513357582199e-05},
    {"mw-0188",
     {0.0, 0.0, 0.0, 0.0, 0.0, -2.0, 0.0, 0.0},
     8,
     {0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0},
     8,
     0.9,
     -6.437177298092816e-05,
     0.0,
     0.0},
    {"mw-0192",
     {0.053, 0.145},
     2,
     {0.067, 0.479},
     2,
     0.5,
     -0.426,
     0.07799999999999999,
     -0.17400000000000002},
    {"mw-0276",
     {4.62e-08, 4.51e-08, 5.15e-08, 4.73e-08, 4.51e-08},
     5,
     {5.9e-08, 4.6e-08, 5e-08, 4.5e-08, 5.5e-08},
     5,
     0.9,
     -1.3899999999999999e-08,
     6.499999999999999e-09,
     -1.3899999999999999e-08},
    {"mw-0373",
     {-100.98, -99.48, -100.46, -102.16, -99.99, -99.71, -99.76, -100.84},
     8,
     {100.98, 99.48, 100.46, 102.16, 99.99, 99.71, 99.76, 100.84},
     8,
     0.98,
     -201.96000232434466,
     -199.47001372779428,
     -200.63150272940007},
    {"mw-0380",
     {93.1, 93.5, 92.8},
     3,
     {93.1, 93.5, 92.8},
     3,
     0.5,
     -0.3000485501051341,
     0.3000485501051341,
     0.0},
    {"mw-0387",
     {0.000102, 1.1e-05, 0.000103, 1e-05, 1e-05, 0.000103},
     6,
     {0.0001, 0.0001, 0.000101, 1e-05, 0.0001, 0.0001},
     6,
     0.5,
     -2.370527646382139e-05,
     -3.510022975442767e-05,
     -1.4528679863383615e-06},
};

static enum err_code interval(const double *x, size_t n, const double *y, size_t m,
                              double confidence, struct mann_whitney *out, struct error *err)
{
    struct arena *arena = arena_create();
    double sorted_x[MAX_POINTS], sorted_y[MAX_POINTS];
    enum err_code rc;

    sort_doubles(x, n, sorted_x, arena);
    sort_doubles(y, m, sorted_y, arena);
    rc = mann_whitney_interval(sorted_x, n, sorted_y, m, confidence, arena, out, err);
    arena_free(arena);
    return rc;
}

static void mann_whitney_reference_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mann_whitney got;
        struct error err = {0};

        row("%s", cases[i].id);
        assert_int_equal(ERR_OK, interval(cases[i].x, cases[i].n, cases[i].y, cases[i].m,
                                          cases[i].confidence, &got, &err));
        assert_near(cases[i].lower, got.lower, 0);
        assert_near(cases[i].upper, got.upper, 0);
        assert_near(cases[i].estimate, got.estimate, 0);
    }
}

static void mann_whitney_errors(void **state)
{
    static const double few[] = {1.13, 2.31, 4.27}, same[] = {7.4, 7.4}, one[] = {5}, other[] = {3};
    static const struct {
        const char *name;
        const double *x;
        size_t n;
        const double *y;
        size_t m;
        double confidence;
        enum err_code code;
    } rows[] = {
        {"empty x", few, 0, few, 3, 0.98, ERR_INVALID},
        {"empty y", few, 3, few, 0, 0.98, ERR_INVALID},
        {"level above 1", few, 3, few, 3, 1.5, ERR_INVALID},
        {"level below -1", few, 3, few, 3, -1.5, ERR_INVALID},
        {"level not a number", few, 3, few, 3, NAN, ERR_INVALID},
        {"all tied", same, 2, same, 2, 0.98, ERR_UNDECIDABLE},
        {"one against one", one, 1, other, 1, 0.98, ERR_UNDECIDABLE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mann_whitney got = {.lower = 41.5};
        struct error err = {0};

        row("%s", rows[i].name);
        assert_int_equal(rows[i].code, interval(rows[i].x, rows[i].n, rows[i].y, rows[i].m,
                                                rows[i].confidence, &got, &err));
        assert_near(41.5, got.lower, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mann_whitney_reference_values),
        cmocka_unit_test(mann_whitney_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
