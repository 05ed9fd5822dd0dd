#include "judge/stats/betting.h"
#include "judge/stats/random.h"
#include "tests/support.h"

#include <math.h>

#define N 60

/* The definition, with the ranks counted anew for each pair. */
static double batch(const double *x, const double *y, int n, int sign)
{
    static const double stakes[] = {.05, .1, .2, .3, .45, .6, .8};
    double sum = 0;
    int n_stakes = 0;

    for (int k = -7; k <= 7; k++) {
        double product = 1;

        if (k == 0 || k * sign < 0)
            continue;
        for (int t = 1; t < n; t++) {
            double g[2] = {0}, value[2] = {x[t], y[t]};

            for (int side = 0; side < 2; side++)
                for (int i = 0; i < t; i++)
                    g[side] += (x[i] < value[side]) + (x[i] == value[side]) / 2.0 +
                               (y[i] < value[side]) + (y[i] == value[side]) / 2.0;
            product *= 1 + (k > 0 ? stakes[k - 1] : -stakes[-k - 1]) * (g[0] - g[1]) / (2.0 * t);
        }
        sum += product;
        n_stakes++;
    }
    return log(sum / n_stakes);
}

static void betting_is_its_definition(void **state)
{
    static const int signs[] = {
        [DIRECTION_EITHER] = 0, [DIRECTION_INCREASE] = 1, [DIRECTION_DECREASE] = -1};
    struct arena *arena = arena_create();
    double x[N], y[N], most = 0;
    uint64_t seed = 2;

    (void)state;
    for (int t = 0; t < N; t++) {
        x[t] = (double)random_below(&seed, 12) + 2; /* many ties */
        y[t] = (double)random_below(&seed, 12);
    }
    for (int direction = DIRECTION_EITHER; direction <= DIRECTION_DECREASE; direction++) {
        struct betting bet;

        betting_start(&bet, (enum direction)direction, arena);
        most = 0;
        for (int t = 0; t < N; t++) {
            betting_add(&bet, x[t], y[t]);
            row("direction %d, pair %d", direction, t);
            assert_near(batch(x, y, t + 1, signs[direction]), bet.log_e, 1e-12);
            most = fmax(most, bet.log_e);
        }
        assert_near(most, bet.max_log_e, 0);
        assert_int_equal(N, bet.n_pairs);
        assert_true(direction == DIRECTION_DECREASE ? bet.log_e < 0 : bet.log_e > 1);
    }
    arena_free(arena);
}

static void betting_against_equal_points(void **state)
{
    struct arena *arena = arena_create();
    struct betting bet;

    (void)state;
    betting_start(&bet, DIRECTION_EITHER, arena);
    for (int t = 0; t < 50; t++)
        betting_add(&bet, 7, 7);
    assert_near(0, bet.log_e, 1e-15);
    for (int t = 0; t < 500; t++)
        betting_add(&bet, 8 + t, 6 - t); /* never again on the same side: as sure as it gets */
    assert_true(bet.log_e > 200 && isfinite(bet.log_e));
    arena_free(arena);
}

/* Both sides drawn alike around a common trend: E is 1 on average when one stops at its best. */
static void betting_error_rate(void **state)
{
    struct arena *arena = arena_create();
    double e_at_stop = 0;
    uint64_t seed = 12;
    int n_alarms = 0;

    (void)state;
    for (int run = 0; run < 3000; run++) {
        struct betting bet;
        double at_stop = NAN;

        betting_start(&bet, DIRECTION_EITHER, arena);
        for (int t = 0; t < 60; t++) {
            double trend = 3 * t;

            betting_add(&bet, trend + (double)random_below(&seed, 100),
                        trend + (double)random_below(&seed, 100));
            if (isnan(at_stop) && (bet.log_e > log(2) || t == 59))
                at_stop = exp(bet.log_e);
        }
        n_alarms += bet.max_log_e >= log(20);
        e_at_stop += at_stop / 3000;
        arena_reset(arena);
    }
    assert_near(1, e_at_stop, 0.1);
    assert_true(n_alarms < 150);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(betting_is_its_definition),
        cmocka_unit_test(betting_against_equal_points),
        cmocka_unit_test(betting_error_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
