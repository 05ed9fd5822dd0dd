/* Expected values: R's poisson.test; mid-p and score by SciPy's binom and norm. */
#include "judge/stats/poisson_rates.h"
#include "tests/support.h"

#include <gsl/gsl_errno.h>
#include <math.h>

static const struct {
    const char *name;
    double x1, t1, x2, t2, alpha;
    struct poisson_rates want;
} cases[] = {
    {"rare in one second",
     1,
     1,
     434,
     2000,
     0.02,
     {4.60829493087558, 0.195428662279673, 0.195428662279673, 0.215863058605175, 1.67892822955599,
      0.0931660320577372, 0.046208974514863, 30.790961978333}},
    {"none in x",
     0,
     10,
     19,
     120.25,
     0.02,
     {0, 0.394437262271735, 1, 0.219199575323157, -1.25699704854132, 0.208754704328148, 0,
      3.29815670308018}},
    {"none in y",
     30,
     60,
     0,
     1,
     0.02,
     {INFINITY, 1, 0.609035294238866, 0.609035294238866, 0.707106781186549, 0.479500122186953,
      0.100453405781225, INFINITY}},
    {"lower",
     409,
     2000,
     24,
     120.25,
     0.05,
     {1.02463020833333, 1, 0.507538416474312, 0.932141719543787, 0.115853146686583,
      0.907768929091387, 0.678952357955165, 1.6178247005122}},
    {"much higher",
     361,
     180.5,
     403,
     2000,
     0.05,
     {9.92555831265509, 1.73246097977639e-178, 1.73246097977639e-178, 1.90642277882312e-178,
      39.0946530979722, 0, 8.58735876927211, 11.4689226356402}},
    {"nothing anywhere", 0, 3, 0, 7, 0.05, {NAN, 1, 1, 1, NAN, 1, 0, INFINITY}},
    {"no exposure", 3, 0, 4, 7, 0.05, {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN}},
    {"negative count", -1, 2, 4, 7, 0.05, {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN}},
    {"a count that is not one", NAN, 2, 4, 7, 0.05, {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN}},
    {"level", 1, 2, 4, 7, 1, {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN}},
};

static void assert_relative(double want, double got)
{
    assert_near(want, got, isfinite(want) ? 1e-9 * fabs(want) : 0);
}

static void poisson_rates_reference_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct poisson_rates *want = &cases[i].want;
        struct poisson_rates got;

        row("%s", cases[i].name);
        poisson_rates_test(cases[i].x1, cases[i].t1, cases[i].x2, cases[i].t2, cases[i].alpha,
                           &got);
        assert_relative(want->ratio, got.ratio);
        assert_relative(want->p_exact, got.p_exact);
        assert_relative(want->p_greater, got.p_greater);
        assert_relative(want->p_mid, got.p_mid);
        assert_relative(want->z_score, got.z_score);
        assert_relative(want->p_score, got.p_score);
        assert_relative(want->lower, got.lower);
        assert_relative(want->upper, got.upper);
    }
}

/* With a billion events all p-values are the normal one. */
static void poisson_rates_huge_counts(void **state)
{
    struct poisson_rates got;
    double z;

    (void)state;
    poisson_rates_test(1000070000, 3600, 1000000000, 3600, 0.05, &got);
    assert_near(1.00007, got.ratio, 1e-15);
    assert_near(got.p_score, got.p_exact, 1e-4);
    assert_near(got.p_score, got.p_mid, 1e-4);
    assert_near(got.p_score / 2, got.p_greater, 1e-4);
    z = log(got.ratio) / sqrt(1 / 1000070000.0 + 1 / 1e9);
    assert_near(z, got.z_score, 1e-3);
    assert_near(exp(1.959963984540054 * log(got.ratio) / z), got.upper / got.ratio, 1e-7);
    assert_near(exp(-1.959963984540054 * log(got.ratio) / z), got.lower / got.ratio, 1e-7);
    poisson_rates_test(4e15, 1, 1, 1, 0.05, &got); /* ends all the same */
    assert_true(got.p_mid == 0 && got.lower > 1e14 && isfinite(got.upper));
    /* above 2^52 the middle of two neighbours rounds to one of them, maybe the same one for ever */
    poisson_rates_test(7, 92.16799865111098, 0x1p52, 2, 0.05, &got);
    assert_true(got.p_exact == 0);
}

static void poisson_rates_do_not_depend_on_the_unit_of_exposure(void **state)
{
    struct poisson_rates plain, scaled;

    (void)state;
    poisson_rates_test(17, 3.7, 29, 11.3, 0.02, &plain);
    for (int k = -40; k <= 40; k++) {
        poisson_rates_test(17, ldexp(3.7, k), 29, ldexp(11.3, k), 0.02, &scaled);
        row("2^%d", k);
        assert_memory_equal(&plain, &scaled, sizeof(plain));
    }
}

/* Both sides in the other order: one minus the tail less the point, and the interval turned. */
static void poisson_rates_turn_round(void **state)
{
    struct poisson_rates one, other;

    (void)state;
    poisson_rates_test(17, 3.7, 29, 11.3, 0.02, &one);
    poisson_rates_test(29, 11.3, 17, 3.7, 0.02, &other);
    assert_relative(one.p_exact, other.p_exact);
    assert_relative(one.p_mid, other.p_mid);
    assert_relative(1 / one.lower, other.upper);
    assert_relative(1 / one.upper, other.lower);
    assert_relative(-one.z_score, other.z_score);
}

static void log_ratio_of_varying_shares(void **state)
{
    static const double events[] = {31, 0, 55, 17}, log_odds[] = {-0.31, 2.2, 0.44, 1.07};
    double delta = poisson_rates_log_ratio(61, events, log_odds, 4);
    double expected = 0;

    (void)state;
    for (int t = 0; t < 4; t++)
        expected += events[t] / (1 + exp(-(log_odds[t] + delta)));
    assert_near(61, expected, 1e-12);
    /* one constant share: the ratio of the rates itself */
    assert_near(log(17.0 / 14.0) - 0.44,
                poisson_rates_log_ratio(17, (const double[]){31}, (const double[]){0.44}, 1),
                1e-15);
    assert_near(-INFINITY, poisson_rates_log_ratio(0, events, log_odds, 4), 0);
    assert_near(INFINITY, poisson_rates_log_ratio(103, events, log_odds, 4), 0);
    assert_near(NAN, poisson_rates_log_ratio(0, events, log_odds, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poisson_rates_reference_values),
        cmocka_unit_test(poisson_rates_huge_counts),
        cmocka_unit_test(poisson_rates_do_not_depend_on_the_unit_of_exposure),
        cmocka_unit_test(poisson_rates_turn_round),
        cmocka_unit_test(log_ratio_of_varying_shares),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
