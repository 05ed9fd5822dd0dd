/* Expected values: an R implementation; the error rate by simulation. */
#include "judge/stats/multinomial.h"
#include "judge/stats/random.h"
#include "tests/support.h"

#include <math.h>

static void multinomial_reference_values(void **state)
{
    static const double canary[4][4] = {{6, 20, 2, 3}, {4, 20, 1, 6}, {8, 20, 0, 3}, {6, 23, 0, 2}};
    static const double baseline[4][4] = {
        {18, 121, 7, 5}, {21, 123, 4, 3}, {14, 133, 2, 2}, {21, 122, 1, 7}};
    static const double none[4] = {0};
    struct arena *arena = arena_create();
    struct multinomial_e process;

    (void)state;
    multinomial_e_start(&process, 4, MULTINOMIAL_PRIOR_DEFAULT, arena);
    multinomial_e_add(&process, none, none); /* an interval without requests changes nothing */
    for (int t = 0; t < 4; t++) {
        multinomial_e_add(&process, canary[t], baseline[t]);
        if (t == 0)
            assert_near(0, process.log_e, 1e-13); /* the first one never bets */
    }
    assert_near(5.76474599794471, process.log_e, 1e-11);
    assert_true(process.max_log_e > process.log_e); /* it had been higher */
    assert_int_equal(5, process.n_intervals);
    arena_free(arena);
}

static void multinomial_with_an_empty_side(void **state)
{
    static const double some[3] = {5, 0, 7}, none[3] = {0};
    struct arena *arena = arena_create();
    struct multinomial_e process;

    (void)state;
    multinomial_e_start(&process, 3, 0.5, arena);
    for (int t = 0; t < 5; t++)
        multinomial_e_add(&process, some, none);
    assert_near(0, process.log_e, 1e-12); /* nothing to compare with */
    for (int t = 0; t < 5; t++)
        multinomial_e_add(&process, none, some);
    assert_true(isfinite(process.log_e));
    multinomial_e_start(&process, 1, 0.5, arena); /* one bucket says nothing */
    multinomial_e_add(&process, (const double[]){1e9}, (const double[]){3e9});
    multinomial_e_add(&process, (const double[]){1e9}, (const double[]){3e9});
    assert_near(0, process.log_e, 1e-6);
    multinomial_e_start(&process, 3, 0.5, arena);
    for (int t = 0; t < 3; t++)
        multinomial_e_add(&process, (const double[]){1e9, 2e9, 1e9},
                          (const double[]){1e9, 2e9, 1.1e9});
    assert_true(isfinite(process.log_e) && process.log_e > 1e5);
    arena_free(arena);
}

static void draw(uint64_t *seed, int n, const double *shares, double *counts)
{
    for (int k = 0; k < 4; k++)
        counts[k] = 0;
    for (int i = 0; i < n; i++) {
        double u = (double)random_below(seed, 1u << 30) / (1u << 30);
        int k = 0;

        while (k < 3 && u >= shares[k])
            u -= shares[k++];
        counts[k]++;
    }
}

/* A distribution that both sides share and that wanders: alarms are rare, E is 1 on average at
 * most. One bucket more on one side is found. */
static void multinomial_error_rate(void **state)
{
    static const double changed[4] = {0.5, 0.2, 0.1, 0.2};
    struct arena *arena = arena_create();
    double a[4], b[4], e_at_stop = 0;
    uint64_t seed = 9;
    int n_alarms = 0, n_found = 0;

    (void)state;
    for (int run = 0; run < 2000; run++) {
        struct multinomial_e process, other;
        double at_stop = NAN;

        multinomial_e_start(&process, 4, 0.5, arena);
        multinomial_e_start(&other, 4, 0.5, arena);
        for (int t = 0; t < 30; t++) {
            double wander = 0.2 * sin(t / 5.0);
            const double shares[4] = {0.5 + wander, 0.3 - wander, 0.1, 0.1};

            draw(&seed, 20, shares, a);
            draw(&seed, 40, shares, b);
            multinomial_e_add(&process, a, b);
            if (isnan(at_stop) && (process.log_e > log(2) || t == 29))
                at_stop = exp(process.log_e);
            if (run >= 100)
                continue;
            draw(&seed, 60, changed, a);
            multinomial_e_add(&other, a, b);
        }
        n_alarms += process.max_log_e >= log(20);
        n_found += other.max_log_e >= log(20);
        e_at_stop += at_stop / 2000;
        arena_reset(arena);
    }
    assert_true(e_at_stop < 1.1);
    assert_true(n_alarms < 100);
    assert_true(n_found > 80);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multinomial_reference_values),
        cmocka_unit_test(multinomial_with_an_empty_side),
        cmocka_unit_test(multinomial_error_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
