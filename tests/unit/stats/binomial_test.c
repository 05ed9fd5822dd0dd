/* Expected values: sums of exact binomial terms in rational arithmetic (Python's fractions); for
 * huge counts the normal approximation with its known error, and symmetry. */
#include "judge/stats/binomial.h"
#include "tests/support.h"

#include <math.h>

static void binomial_small_counts(void **state)
{
    (void)state;
    /* 10 of 23 at p = 0.3137: C(23,10) p^10 q^13, and both tails. */
    assert_near(0.07911853767810935, exp(binomial_log_pmf(10, 23, 0.3137)), 1e-13);
    for (int k = -1; k <= 24; k++) {
        double lower = 0, upper = 0;

        for (int i = 0; i <= 23; i++) {
            double term = exp(lgamma(24) - lgamma(i + 1) - lgamma(24 - i) + i * log(0.3137) +
                              (23 - i) * log1p(-0.3137));

            lower += i <= k ? term : 0;
            upper += i >= k ? term : 0;
        }
        assert_near(lower, binomial_lower(k, 23, 0.3137), 1e-13);
        assert_near(upper, binomial_upper(k, 23, 0.3137), 1e-13);
    }
}

static void binomial_ends(void **state)
{
    (void)state;
    assert_near(0, binomial_log_pmf(0, 17, 0), 0);
    assert_near(0, binomial_log_pmf(17, 17, 1), 0);
    assert_near(-INFINITY, binomial_log_pmf(1, 17, 0), 0);
    assert_near(-INFINITY, binomial_log_pmf(18, 17, 0.3), 0);
    assert_near(-INFINITY, binomial_log_pmf(NAN, 17, 0.3), 0);
    assert_near(0, binomial_log_pmf(0, 0, 0.3), 0);
    assert_near(1, binomial_lower(0, 0, 0.3), 0);
    assert_near(1, binomial_upper(0, 0, 0.3), 0);
    assert_near(NAN, beta_lower(0.5, 0, 3), 0);
    assert_near(NAN, beta_lower(1.5, 2, 3), 0);
    assert_near(NAN, beta_quantile(NAN, 2, 3), 0);
    assert_near(0, beta_quantile(0, 2, 3), 0);
    assert_near(1, beta_quantile(1, 2, 3), 0);
}

/* Where GSL's fraction gives up. P(B >= n/2) for p = 1/2 is (1 + pmf(n/2)) / 2 by symmetry. */
static void binomial_huge_counts(void **state)
{
    static const double counts[] = {1e4, 1e6, 1e9, 1e12};

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        double n = counts[i], middle = exp(binomial_log_pmf(n / 2, n, 0.5));

        row("n = %g", n);
        assert_near(1, middle * sqrt(M_PI * n / 2) * (1 + 1 / (4 * n)), 1e-9);
        assert_near((1 + middle) / 2, binomial_upper(n / 2, n, 0.5), 1e-9);
        assert_near((1 - middle) / 2, binomial_lower(n / 2 - 1, n, 0.5), 1e-9);
    }
    /* Six deviations out, against the ratio of neighbouring terms: a tail is its first term times
     * a geometric-like sum, here bounded from both sides. */
    {
        double n = 1e9, k = n / 2 + 3 * sqrt(n), first = exp(binomial_log_pmf(k, n, 0.5));
        double ratio = (n - k) / (k + 1);
        double tail = binomial_upper(k, n, 0.5);

        assert_true(tail < first / (1 - ratio));
        assert_true(tail > 0.97 * first / (1 - ratio));
    }
}

static void beta_quantile_inverts(void **state)
{
    static const double ab[][2] = {{0.3, 0.7},  {1, 1},     {17, 2.5},
                                   {2.5, 1700}, {3e5, 2e6}, {1e9, 2}};
    static const double ps[] = {1e-12, 0.01, 0.37, 0.9, 0.9999};

    (void)state;
    for (size_t i = 0; i < sizeof(ab) / sizeof(ab[0]); i++)
        for (size_t k = 0; k < sizeof(ps) / sizeof(ps[0]); k++) {
            double x = beta_quantile(ps[k], ab[i][0], ab[i][1]);

            row("a %g b %g p %g: %.17g", ab[i][0], ab[i][1], ps[k], x);
            assert_true(x > 0 && x <= 1);
            /* one unit in the last place of an x near 1 moves p by as much as its slope */
            if (x < 0.999)
                assert_near(1, beta_lower(x, ab[i][0], ab[i][1]) / ps[k], 1e-7);
        }
    assert_near(0.37, beta_quantile(0.37, 1, 1), 1e-15);
    assert_near(pow(0.37, 1 / 3.7), beta_quantile(0.37, 3.7, 1), 1e-14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binomial_small_counts),
        cmocka_unit_test(binomial_ends),
        cmocka_unit_test(binomial_huge_counts),
        cmocka_unit_test(beta_quantile_inverts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
