/* Expected values: R's prop.test and fisher.test; statsmodels for Wilson and
 * Newcombe. Without events Wilson's limit is z^2 / (n + z^2). */
#include "judge/stats/two_proportions.h"
#include "tests/support.h"

#include <gsl/gsl_errno.h>
#include <math.h>

static const struct {
    const char *name;
    double x1, n1, x2, n2;
    bool is_small;
    double z, p_uncorrected, p_corrected, wald[2], newcombe[2], p_fisher, wilson1[2];
} cases[] = {
    {"small",
     11,
     200,
     6,
     50,
     true,
     -1.63298027843268,
     0.102473144530849,
     0.187187296675479,
     {-0.160453968698708, 0.0304539686987077},
     {-0.185466074718888, 0.0107435281208253},
     0.117586733609327,
     {0.0309853417034588, 0.0957869987723084}},
    {"one and none",
     1,
     200,
     0,
     200,
     true,
     1.00125234864352,
     0.316704823946919,
     1,
     {-0.00477528967165507, 0.0147752896716551},
     {-0.0142897544331157, 0.0277737043978929},
     1,
     {0.000883168715600976, 0.0277737043978929}},
    {"clear",
     112,
     200,
     63,
     200,
     false,
     4.9387357806539,
     7.8630665735338e-07,
     1.31188261349899e-06,
     {0.15078147129003, 0.339218528709971},
     {0.14837634029644, 0.335206870367401},
     1.15889152279046e-06,
     {0.490716753346587, 0.627021807488141}},
    {"large",
     1971,
     20000,
     1023,
     20000,
     false,
     18.0125982524537,
     1.55170963894329e-72,
     2.18688144793617e-72,
     {0.0422633315831349, 0.0525366684168651},
     {0.0422719803062905, 0.0525495142305623},
     1.61754379767955e-73,
     {0.0944959885695936, 0.102758197179853}},
    {"nothing anywhere",
     0,
     170,
     0,
     90,
     true,
     0,
     1,
     1,
     {0, 0},
     {-0.04093562556432678, 0.022097483803655456},
     1,
     {0, 0.022097483803655456}},
};

static void assert_relative(double want, double got)
{
    assert_near(want, got, 1e-9 * fabs(want) + 1e-15);
}

static void two_proportions_reference_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct two_proportions got;

        row("%s", cases[i].name);
        two_proportions_test(cases[i].x1, cases[i].n1, cases[i].x2, cases[i].n2, 0.05, &got);
        assert_relative(cases[i].z, got.z);
        assert_relative(cases[i].p_uncorrected, got.p_uncorrected);
        assert_relative(cases[i].p_corrected, got.p_corrected);
        assert_relative(cases[i].p_fisher, got.p_fisher);
        assert_relative(cases[i].wald[0], got.wald_lower);
        assert_relative(cases[i].wald[1], got.wald_upper);
        assert_relative(cases[i].wilson1[0], got.wilson1_lower);
        assert_relative(cases[i].wilson1[1], got.wilson1_upper);
        assert_relative(cases[i].newcombe[0], got.newcombe_lower);
        assert_relative(cases[i].newcombe[1], got.newcombe_upper);
        assert_int_equal(cases[i].is_small, got.is_small);
    }
}

/* Lady tasting tea, 3 of 4: (16 + 1) / 70 on one side, 34/70 on both. */
static void fisher_by_hand(void **state)
{
    struct two_proportions got;

    (void)state;
    two_proportions_test(3, 4, 1, 4, 0.05, &got);
    assert_near(34.0 / 70, got.p_fisher, 1e-14);
    two_proportions_test(4, 4, 0, 4, 0.05, &got);
    assert_near(2.0 / 70, got.p_fisher, 1e-14);
    assert_near(1, got.wilson1_upper, 0);
    assert_near(0, got.wilson2_lower, 0);
}

static void two_proportions_huge_counts(void **state)
{
    struct two_proportions got;

    (void)state;
    two_proportions_test(500070000, 1e9, 500000000, 1e9, 0.05, &got);
    assert_near(got.p_uncorrected, got.p_fisher, 1e-4);
    assert_near(got.p_corrected, got.p_fisher, 1e-6);
    assert_near(got.wald_lower, got.newcombe_lower, 1e-10);
    two_proportions_test(1e9, 1e9, 1e9, 1e9, 0.05, &got);
    assert_near(0, got.z, 0);
    assert_near(1, got.p_uncorrected, 0);
    assert_near(1, got.p_fisher, 0);
    two_proportions_test(7, 0x1p52, 0x1p51, 0x1p51 + 9, 0.05, &got); /* ends */
    assert_true(got.p_fisher == 0);
}

static void two_proportions_refuse(void **state)
{
    static const double bad[][5] = {
        {3, 2, 1, 5, 0.05}, {-1, 2, 1, 5, 0.05},       {0, 0, 1, 5, 0.05}, {NAN, 2, 1, 5, 0.05},
        {1, 2, 1, 5, 0},    {1, 2, 1, INFINITY, 0.05}, {1, 2, 1, 5, NAN}};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct two_proportions got;

        row("row %zu", i);
        two_proportions_test(bad[i][0], bad[i][1], bad[i][2], bad[i][3], bad[i][4], &got);
        assert_near(NAN, got.z, 0);
        assert_near(NAN, got.p_fisher, 0);
        assert_near(NAN, got.wilson2_upper, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_proportions_reference_values),
        cmocka_unit_test(fisher_by_hand),
        cmocka_unit_test(two_proportions_huge_counts),
        cmocka_unit_test(two_proportions_refuse),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
