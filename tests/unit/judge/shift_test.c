/* Expected counts: every pair compared one by one, every group of ties counted one by one. */
#include "judge/shift.h"

#include "judge/sort.h"
#include "tests/support.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_POINTS 80

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* -1, 0, 1 in the order of the rank test: -0.0 below 0.0, NaN as +infinity. */
static int compare(double a, double b)
{
    a = isnan(a) ? INFINITY : a;
    b = isnan(b) ? INFINITY : b;
    if (a != b)
        return a < b ? -1 : 1;
    return (signbit(a) ? 0 : 1) - (signbit(b) ? 0 : 1);
}

static struct shift_count one_by_one(const double *x, size_t n, const double *y, size_t m,
                                     double mu)
{
    double pooled[2 * MAX_POINTS];
    bool is_counted[2 * MAX_POINTS] = {false};
    struct shift_count count = {0};

    for (size_t i = 0; i < n; i++)
        pooled[i] = x[i] - mu;
    if (m)
        memcpy(pooled + n, y, m * sizeof(*y));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++)
            count.u += (compare(pooled[i], y[j]) + 1) / 2.0;
    for (size_t i = 0; i < n + m; i++) {
        double t = 0;

        for (size_t j = i; j < n + m && !is_counted[i]; j++) {
            if (compare(pooled[i], pooled[j]) == 0) {
                is_counted[j] = j > i;
                t++;
            }
        }
        count.tie_sum += t * t * t - t;
    }
    return count;
}

static void check(const double *values, size_t n, size_t m, const double *mu, size_t n_mu)
{
    struct arena *arena = arena_create();
    double x[MAX_POINTS], y[MAX_POINTS];
    struct shift *shift;

    sort_doubles(values, n, x, arena);
    sort_doubles(values + n, m, y, arena);
    shift = shift_create(x, n, y, m, arena);
    for (size_t k = 0; k < n_mu; k++) {
        struct shift_count want = one_by_one(x, n, y, m, mu[k]);
        struct shift_count got = shift_count(shift, mu[k]);

        assert_near(want.u, got.u, 0);
        assert_near(want.tie_sum, got.tie_sum, 0);
    }
    arena_free(arena);
}

/* What values look like decides which path counts them. */
enum kind { CONTINUOUS, WHOLE, FEW, CLOSE, HUGE_AND_SMALL, SIGNED_ZEROS, INFINITIES, N_KINDS };

static double draw(enum kind kind, uint64_t *state)
{
    double uniform = (double)(next_random(state) >> 11) * 0x1p-53;

    switch (kind) {
    case CONTINUOUS:
        return 200 * uniform - 100;
    case WHOLE:
        return floor(20 * uniform) - 10;
    case FEW:
        return floor(3 * uniform) / 10;
    case CLOSE:
        return 1 + floor(8 * uniform) * 0x1p-52;
    case HUGE_AND_SMALL:
        return uniform < 0.5 ? 1e17 * uniform : floor(100 * uniform) * 0.25;
    case SIGNED_ZEROS:
        return uniform < 0.4 ? -0.0 : uniform < 0.7 ? 0.0 : floor(10 * uniform) - 5;
    case INFINITIES:
        return uniform < 0.1 ? -INFINITY : uniform > 0.9 ? INFINITY : floor(10 * uniform);
    default:
        return 0;
    }
}

static void shift_count_agrees_with_counting_one_by_one(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2100; seed++) {
        enum kind kind = seed % N_KINDS;
        uint64_t random = seed;
        double values[2 * MAX_POINTS], mu[24];
        size_t n = 1 + next_random(&random) % (seed % 3 ? 12 : MAX_POINTS);
        size_t m = 1 + next_random(&random) % (seed % 3 ? 12 : MAX_POINTS);
        double low, high;

        row("seed %llu", (unsigned long long)seed);
        for (size_t i = 0; i < n + m; i++)
            values[i] = draw(kind, &random);
        /* differences of pairs, where ties are; points beside them, inside and outside of plateaus;
         * and a search closing in */
        for (size_t k = 0; k < 8; k++)
            mu[k] = values[next_random(&random) % n] - values[n + next_random(&random) % m];
        for (size_t k = 8; k < 16; k++)
            mu[k] = nextafter(mu[k - 8], k % 2 ? INFINITY : -INFINITY);
        low = mu[0], high = mu[1];
        for (size_t k = 16; k < 24; k++) {
            mu[k] = (low + high) / 2;
            *(next_random(&random) % 2 ? &low : &high) = mu[k];
        }
        check(values, n, m, mu, 24);
    }
}

static void shift_count_knows_signed_zeros_apart(void **state)
{
    const double values[] = {-0.0, 0.0}; /* x = {-0.0}, y = {0.0} */
    const double unshifted = 0.0, negative = -0.0;

    (void)state;
    row("-0.0 - 0.0 is -0.0, below 0.0");
    check(values, 1, 1, &unshifted, 1);
    row("-0.0 - -0.0 is 0.0, a tie");
    check(values, 1, 1, &negative, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shift_count_agrees_with_counting_one_by_one),
        cmocka_unit_test(shift_count_knows_signed_zeros_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
