/* Expected values: R's lbeta. */
#include "judge/stats/beta_binomial.h"
#include "tests/support.h"

#include <gsl/gsl_errno.h>
#include <math.h>

static void beta_binomial_reference_values(void **state)
{
    struct beta_binomial got;

    (void)state;
    beta_binomial_mixture(345, 479, 0.5, 20, 0.05, &got);
    assert_near(44.5231398183637, got.log_e, 1e-10);
    assert_near(0.642308996588244, got.share_lower, 1e-12);
    assert_near(0.79019376266459, got.share_upper, 1e-12);
    assert_near(0.58539999626025, got.log_ratio_lower, 1e-12);
    assert_near(1.32609375915152, got.log_ratio_upper, 1e-12);
    beta_binomial_mixture(38, 287, 0.1, 20, 0.05, &got);
    assert_near(-0.0774535758006962, got.log_e, 1e-12);
    assert_near(-0.249528963853877, got.log_ratio_lower, 1e-12);
}

static double log_beta(double a, double b)
{
    return lgamma(a) + lgamma(b) - lgamma(a + b);
}

static void beta_binomial_ends(void **state)
{
    struct beta_binomial got;

    (void)state;
    beta_binomial_mixture(0, 0, 0.3, 20, 0.05, &got);
    assert_near(0, got.log_e, 1e-13);
    assert_near(0, got.share_lower, 0);
    assert_near(1, got.share_upper, 0);
    assert_near(-INFINITY, got.log_ratio_lower, 0);
    beta_binomial_mixture(0, 40, 0.3, 20, 0.05, &got);
    assert_near(log_beta(6, 54) - log_beta(6, 14) - 40 * log(0.7), got.log_e, 1e-12);
    assert_near(0, got.share_lower, 0);
    assert_near(log(20), log_beta(6, 54) - log_beta(6, 14) - 40 * log1p(-got.share_upper), 1e-10);
    beta_binomial_mixture(40, 40, 0.3, 20, 0.05, &got);
    assert_near(1, got.share_upper, 0);
    assert_near(INFINITY, got.log_ratio_upper, 0);
    assert_near(log(20), log_beta(46, 14) - log_beta(6, 14) - 40 * log(got.share_lower), 1e-10);
    beta_binomial_mixture(41, 40, 0.3, 20, 0.05, &got);
    assert_near(NAN, got.log_e, 0);
    beta_binomial_mixture(4, 40, 1, 20, 0.05, &got);
    assert_near(NAN, got.share_lower, 0);
    beta_binomial_mixture(4, 40, 0.3, NAN, 0.05, &got);
    assert_near(NAN, got.log_ratio_upper, 0);
}

/* A billion events: the normal form of the same mixture, ln sqrt(1 + n v / V) less what the
 * distance from rho weighs, with v the prior's variance and V = rho (1 - rho). */
static void beta_binomial_huge_counts(void **state)
{
    double n = 1e9, rho = 0.3, variance = rho * (1 - rho), prior = variance / 21;
    double off = 2.5 * sqrt(variance / n);
    struct beta_binomial got;

    (void)state;
    beta_binomial_mixture(round(n * (rho + off)), n, rho, 20, 0.05, &got);
    assert_near(-log(n * prior / variance) / 2 + 3.125, got.log_e, 0.1);
    assert_true(got.share_lower < rho && rho < got.share_upper);
    assert_near(rho, got.share_lower, 1e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beta_binomial_reference_values),
        cmocka_unit_test(beta_binomial_ends),
        cmocka_unit_test(beta_binomial_huge_counts),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
