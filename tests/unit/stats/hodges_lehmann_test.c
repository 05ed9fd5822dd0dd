/* Expected order statistics: all differences formed and sorted. Expected levels: the counts of U
 * for 3 against 4 points, Mann and Whitney 1947, table I. */
#include "judge/stats/hodges_lehmann.h"

#include "judge/sort.h"
#include "judge/stats/rank_test.h"
#include "tests/support.h"

#include <math.h>
#include <stdlib.h>

#define MAX_POINTS 64
#define N_ROUNDS 4000
#define N_LARGE 100000

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double uniform(uint64_t *state)
{
    return ((double)(next_random(state) >> 11) + 0.5) * 0x1p-53;
}

enum data { SMOOTH, FEW_VALUES, DECIMALS, HEAVY_TAILS, HUGE_VALUES, SUBNORMAL, N_DATA };

static double draw(enum data data, uint64_t *state)
{
    double u = uniform(state);

    switch (data) {
    case FEW_VALUES:
        return floor(u * 4);
    case DECIMALS:
        return round(u * 100) / 10;
    case HEAVY_TAILS:
        return tan(M_PI * (u - 0.5)) * exp(20 * uniform(state));
    case HUGE_VALUES: /* most differences overflow */
        return (u < 0.5 ? -1 : 1) * 1e308 * (1 + 0.7 * uniform(state));
    case SUBNORMAL:
        return floor(u * 1000) * 0x1p-1074;
    default:
        return 100 + 10 * u;
    }
}

static size_t draw_sorted(enum data data, double *out, struct arena *arena, uint64_t *state)
{
    size_t n = 1 + next_random(state) % (next_random(state) % 4 ? MAX_POINTS : 4);

    for (size_t i = 0; i < n; i++)
        out[i] = draw(data, state);
    sort_doubles(out, n, out, arena);
    return n;
}

static void selection_is_that_of_sorted_differences(void **state)
{
    uint64_t seed = 20261122;

    (void)state;
    for (int round = 0; round < N_ROUNDS; round++) {
        struct arena *arena = arena_create();
        enum data data = (enum data)(next_random(&seed) % N_DATA);
        double x[MAX_POINTS], y[MAX_POINTS];
        size_t n = draw_sorted(data, x, arena, &seed), m = draw_sorted(data, y, arena, &seed);
        uint64_t pairs = n * m, k = 1 + next_random(&seed) % (pairs / 2 + 1);
        double *d = arena_array(arena, double, pairs);
        struct hodges_lehmann got;
        double middle;

        row("round %d, data %d, %zu against %zu, k %d", round, data, n, m, (int)k);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < m; j++)
                d[i * m + j] = x[i] - y[j];
        sort_doubles(d, pairs, d, arena);
        hodges_lehmann_interval(x, n, y, m, k, arena, &got);
        middle = pairs % 2 ? d[pairs / 2] : (d[pairs / 2 - 1] + d[pairs / 2]) / 2;
        assert_near(d[k - 1], got.lower, 0);
        assert_near(d[pairs - k], got.upper, 0);
        assert_near(middle, got.estimate, 0);
        arena_free(arena);
    }
}

static void scaling_by_a_power_of_two_scales_the_result(void **state)
{
    uint64_t seed = 7;
    struct arena *arena = arena_create();
    double x[MAX_POINTS], y[MAX_POINTS], far_x[MAX_POINTS], far_y[MAX_POINTS];
    size_t n = draw_sorted(DECIMALS, x, arena, &seed), m = draw_sorted(DECIMALS, y, arena, &seed);
    struct hodges_lehmann want, got;

    (void)state;
    hodges_lehmann_interval(x, n, y, m, n * m / 3, arena, &want);
    for (int e = -40; e <= 40; e++) {
        row("times 2^%d", e);
        for (size_t i = 0; i < n; i++)
            far_x[i] = ldexp(x[i], e);
        for (size_t j = 0; j < m; j++)
            far_y[j] = ldexp(y[j], e);
        hodges_lehmann_interval(far_x, n, far_y, m, n * m / 3, arena, &got);
        assert_near(ldexp(want.lower, e), got.lower, 0);
        assert_near(ldexp(want.upper, e), got.upper, 0);
        assert_near(ldexp(want.estimate, e), got.estimate, 0);
    }
    arena_free(arena);
}

/* How many differences are below a value, and how many not above, by a walk along the staircase. */
static void count_around(const double *x, const double *y, size_t n, double value, uint64_t *below,
                         uint64_t *not_above)
{
    size_t j_not_below = 0, j_above = 0;

    *below = *not_above = 0;
    for (size_t i = 0; i < n; i++) {
        while (j_not_below < n && !(x[i] - y[j_not_below] < value))
            j_not_below++;
        while (j_above < n && x[i] - y[j_above] > value)
            j_above++;
        *below += n - j_not_below;
        *not_above += n - j_above;
    }
}

/* More pairs than 32 bits count. */
static void a_hundred_thousand_points_a_side(void **state)
{
    uint64_t seed = 3, below, not_above;
    uint64_t pairs = (uint64_t)N_LARGE * N_LARGE, k = pairs / 2 - 123456789;
    struct arena *arena = arena_create();
    double *x = arena_array(arena, double, N_LARGE), *y = arena_array(arena, double, N_LARGE);
    struct hodges_lehmann got;

    (void)state;
    for (size_t i = 0; i < N_LARGE; i++) {
        x[i] = draw(SMOOTH, &seed) + 1.25;
        y[i] = draw(SMOOTH, &seed);
    }
    sort_doubles(x, N_LARGE, x, arena);
    sort_doubles(y, N_LARGE, y, arena);
    hodges_lehmann_interval(x, N_LARGE, y, N_LARGE, k, arena, &got);
    count_around(x, y, N_LARGE, got.lower, &below, &not_above);
    assert_true(below < k && k <= not_above);
    count_around(x, y, N_LARGE, got.upper, &below, &not_above);
    assert_true(below < pairs + 1 - k && pairs + 1 - k <= not_above);
    count_around(x, y, N_LARGE, got.estimate, &below, &not_above);
    assert_true(below <= pairs / 2 && pairs / 2 <= not_above);
    arena_free(arena);
}

static void normal_k(void **state)
{
    (void)state;
    assert_int_equal(1357, hodges_lehmann_normal_k(60, 60, 190.52558883257655, 2.3263478740));
    assert_int_equal(1, hodges_lehmann_normal_k(2, 2, 1.2909944487358056, 2.326));
    assert_true(hodges_lehmann_normal_k(N_LARGE, N_LARGE, 0, 2.3) == 5000000000u);
}

static void exact_k_and_its_level(void **state)
{
    struct arena *arena = arena_create();
    double level;

    (void)state;
    /* 3 against 4: 35 orders; 1, 1, 2, 3 of them have U = 0, 1, 2, 3 */
    assert_int_equal(1, hodges_lehmann_exact_k(3, 4, 0.10, arena, &level));
    assert_near(1 - 2 * 1.0 / 35, level, 1e-15);
    assert_int_equal(2, hodges_lehmann_exact_k(3, 4, 2 * 0.06, arena, &level));
    assert_near(1 - 2 * 2.0 / 35, level, 1e-15);
    assert_int_equal(1, hodges_lehmann_exact_k(1, 1, 0.02, arena, &level));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selection_is_that_of_sorted_differences),
        cmocka_unit_test(scaling_by_a_power_of_two_scales_the_result),
        cmocka_unit_test(a_hundred_thousand_points_a_side),
        cmocka_unit_test(normal_k),
        cmocka_unit_test(exact_k_and_its_level),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
