/* Reference values of the tests run in tests/e2e/test_stats.py. Here: complete enumeration of the
 * relabellings, the counts of Mann and Whitney 1947 (table I), and degenerate samples. */
#include "judge/stats/rank_test.h"

#include "judge/stats/ranks.h"
#include "tests/support.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define MAX_TOTAL 12
#define N_ROUNDS 300

static const enum alternative all_alternatives[] = {ALTERNATIVE_TWO_SIDED, ALTERNATIVE_LESS,
                                                    ALTERNATIVE_GREATER};

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static bool counts(double sum, double observed, double mean, enum alternative alternative)
{
    if (alternative == ALTERNATIVE_LESS)
        return sum <= observed;
    if (alternative == ALTERNATIVE_GREATER)
        return sum >= observed;
    return fabs(sum - mean) >= fabs(observed - mean);
}

/* Midranks are halves, so all sums are exact. */
static double p_by_enumeration(const double *ranks, size_t n, size_t total,
                               enum alternative alternative)
{
    double observed = 0, mean = (double)n * ((double)total + 1) / 2, extreme = 0, all = 0;

    for (size_t i = 0; i < n; i++)
        observed += ranks[i];
    for (unsigned choice = 0; choice < 1u << total; choice++) {
        double sum = 0;

        if ((size_t)__builtin_popcount(choice) != n)
            continue;
        for (size_t i = 0; i < total; i++)
            sum += choice >> i & 1 ? ranks[i] : 0;
        all++;
        extreme += counts(sum, observed, mean, alternative);
    }
    return extreme / all;
}

static void exact_p_is_that_of_all_relabellings(void **state)
{
    uint64_t seed = 20261122;

    (void)state;
    for (int round = 0; round < N_ROUNDS; round++) {
        struct arena *arena = arena_create();
        size_t total = 2 + next_random(&seed) % (MAX_TOTAL - 1);
        size_t n = 1 + next_random(&seed) % (total - 1), m = total - n;
        unsigned n_values = round % 3 ? 5 : 1000000; /* many ties, or hardly any */
        double pooled[MAX_TOTAL], ranks[MAX_TOTAL], u, p;
        struct error err = {0};

        for (size_t i = 0; i < total; i++)
            pooled[i] = (double)(next_random(&seed) % n_values) - 2;
        ranks_within(pooled, total, arena, ranks);
        for (size_t a = 0; a < ARRAY_LEN(all_alternatives); a++) {
            row("round %d, %zu against %zu, alternative %zu", round, n, m, a);
            assert_int_equal(ERR_OK, rank_test_exact(pooled, n, pooled + n, m, all_alternatives[a],
                                                     arena, &u, &p, &err));
            assert_near(p_by_enumeration(ranks, n, total, all_alternatives[a]), p, 1e-13);
        }
        arena_free(arena);
    }
}

static void exact_distribution(void **state)
{
    double cumulative[49 * 49 + 1];

    (void)state;
    rank_test_distribution(4, 4, cumulative);
    assert_near(1.0 / 70, cumulative[0], 1e-15);
    assert_near(12.0 / 70, cumulative[4], 1e-15); /* 1, 1, 2, 3, 5 */
    rank_test_distribution(49, 49, cumulative);
    for (size_t u = 1; u <= 49 * 49; u++) {
        assert_true(cumulative[u] >= cumulative[u - 1]);
        assert_near(1, cumulative[u - 1] + cumulative[49 * 49 - u], 1e-14);
    }
    /* close to the normal form in the middle, with the continuity correction */
    assert_near(0.5 * erfc(2.0 / M_SQRT2), cumulative[(size_t)(1200.5 - 2 * 140.738 - 0.5)], 1e-3);
    rank_test_distribution(1, 1, cumulative);
    assert_near(0.5, cumulative[0], 0);
    assert_near(1, cumulative[1], 0);
}

static void too_many_points_are_refused(void **state)
{
    struct arena *arena = arena_create();
    double x[RANK_TEST_MAX_EXACT_POINTS] = {0}, u, p;
    struct error err = {0};

    (void)state;
    assert_int_equal(ERR_LIMIT,
                     rank_test_exact(x, 50, x, 1, ALTERNATIVE_LESS, arena, &u, &p, &err));
    assert_non_null(strstr(err.message, "50"));
    memset(&err, 0, sizeof(err));
    assert_int_equal(ERR_OK, rank_test_exact(x, 49, x, 49, ALTERNATIVE_LESS, arena, &u, &p, &err));
    assert_near(1, p, 0);
    arena_free(arena);
}

/* 5.6, 3.1 and 4.4 against 2.7, 3.1, 3.9 and 1.2: U = 10.5 by hand, one tie. */
static void normal_form_by_hand(void **state)
{
    struct arena *arena = arena_create();
    double x[] = {5.6, 3.1, 4.4}, y[] = {2.7, 3.1, 3.9, 1.2};
    double sigma = sqrt(1.0 * (8 - 6.0 / 42));
    struct rank_normal test;

    (void)state;
    rank_test_normal(x, 3, y, 4, ALTERNATIVE_TWO_SIDED, arena, &test);
    assert_near(10.5, test.u, 0);
    assert_near(sigma, test.sigma, 1e-15);
    assert_near(4 / sigma, test.z, 1e-15);
    assert_near(erfc(4 / sigma / M_SQRT2), test.p_corrected, 1e-15);
    assert_near(erfc(4.5 / sigma / M_SQRT2), test.p_uncorrected, 1e-15);
    assert_near(10.5 / 12, test.cles, 0);
    rank_test_normal(x, 3, y, 4, ALTERNATIVE_LESS, arena, &test);
    assert_near(erfc(-5 / sigma / M_SQRT2) / 2, test.p_corrected, 1e-15);
    rank_test_normal(x, 3, y, 4, ALTERNATIVE_GREATER, arena, &test);
    assert_near(erfc(4 / sigma / M_SQRT2) / 2, test.p_corrected, 1e-15);
    arena_free(arena);
}

static void without_variance_there_is_no_doubt(void **state)
{
    struct arena *arena = arena_create();
    double low[] = {1.5, 1.5, 1.5}, high[] = {2.5, 2.5, 2.5}, mixed[] = {0.0, -0.0, 0.0};
    struct rank_normal normal;
    struct rank_ess ess;
    struct brunner_munzel test;

    (void)state;
    rank_test_normal(low, 3, low, 2, ALTERNATIVE_TWO_SIDED, arena, &normal);
    assert_near(0, normal.sigma, 0);
    assert_near(1, normal.p_corrected, 0);
    rank_test_normal(mixed, 3, mixed, 1, ALTERNATIVE_TWO_SIDED, arena, &normal);
    assert_near(0, normal.sigma, 0);
    rank_test_ess(low, 3, low, 3, arena, &ess);
    assert_near(1, ess.p, 0);
    assert_near(1, ess.vif, 0);
    brunner_munzel_test(low, 3, low, 2, 0.02, RANK_INTERVAL_PLAIN, arena, &test);
    assert_near(1, test.p, 0);
    assert_near(0.5, test.lower, 0);
    brunner_munzel_test(low, 3, high, 1, 0.02, RANK_INTERVAL_LOGIT, arena, &test);
    assert_near(0, test.p, 0);
    assert_near(0, test.lower, 0);
    assert_near(0, test.upper, 0);
    brunner_munzel_test(high, 1, low, 1, 0.02, RANK_INTERVAL_PLAIN, arena, &test);
    assert_near(0, test.p, 0);
    assert_near(1, test.upper, 0);
    arena_free(arena);
}

static void the_logit_interval_stays_inside(void **state)
{
    struct arena *arena = arena_create();
    double x[] = {5.1, 6.2, 7.3, 8.4, 3.3}, y[] = {1.1, 2.2, 3.7, 0.4, 2.9};
    struct brunner_munzel plain, logit;

    (void)state;
    brunner_munzel_test(x, 5, y, 5, 0.02, RANK_INTERVAL_PLAIN, arena, &plain);
    brunner_munzel_test(x, 5, y, 5, 0.02, RANK_INTERVAL_LOGIT, arena, &logit);
    assert_near(24.0 / 25, plain.p_hat, 1e-15);
    assert_true(plain.upper > 1);
    assert_true(logit.upper < 1 && logit.lower > 0 && logit.lower < logit.p_hat);
    assert_near(plain.statistic, logit.statistic, 0);
    arena_free(arena);
}

/* Ranks know neither unit nor sign of the values, nor how large they are. */
static void extreme_values(void **state)
{
    struct arena *arena = arena_create();
    double small[] = {0x1p-1074, 0x3p-1074, 0x2p-1074, -0x1p-1074}, large[4];
    double other[] = {0, 0x2p-1074, 0x5p-1074}, large_other[3];
    struct brunner_munzel want, got;

    (void)state;
    for (int i = 0; i < 4; i++)
        large[i] = small[i] * 0x1p537 * 0x1p537 * 2.5e307; /* in two steps: 2^1074 is no double */
    for (int i = 0; i < 3; i++)
        large_other[i] = other[i] * 0x1p537 * 0x1p537 * 2.5e307;
    brunner_munzel_test(small, 4, other, 3, 0.05, RANK_INTERVAL_PLAIN, arena, &want);
    brunner_munzel_test(large, 4, large_other, 3, 0.05, RANK_INTERVAL_PLAIN, arena, &got);
    assert_near(want.p, got.p, 0);
    assert_near(want.lower, got.lower, 0);
    assert_true(want.p > 0 && want.p < 1);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_p_is_that_of_all_relabellings),
        cmocka_unit_test(exact_distribution),
        cmocka_unit_test(too_many_points_are_refused),
        cmocka_unit_test(normal_form_by_hand),
        cmocka_unit_test(without_variance_there_is_no_doubt),
        cmocka_unit_test(the_logit_interval_stays_inside),
        cmocka_unit_test(extreme_values),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
