/* Expected values: an R implementation; the error rate by simulation. */
#include "judge/stats/poisson_mixture.h"
#include "judge/stats/random.h"
#include "tests/support.h"

#include <gsl/gsl_errno.h>
#include <math.h>

#define N 18

static const double errors_x[N] = {12, 38, 34, 20, 42, 26, 24, 9,  9,
                                   41, 14, 22, 43, 13, 21, 17, 16, 28};
static const double errors_y[N] = {12, 17, 6,  11, 13, 13, 17, 3,  11,
                                   1,  3,  11, 18, 12, 7,  11, 14, 21};
static const double exposure_x[N] = {420,  1878, 1942, 1210, 1752, 1329, 897,  297, 1007,
                                     1839, 966,  1050, 1948, 733,  1014, 1047, 801, 1148};
static const double exposure_y[N] = {1082, 1510, 1105, 1125, 1502, 1679, 1394, 512,  826,
                                     375,  365,  1718, 1878, 1226, 592,  1127, 1351, 1729};

static struct poisson_mixture *fed(const struct poisson_mixture_settings *settings,
                                   struct arena *arena)
{
    struct poisson_mixture *mixture = poisson_mixture_create(settings, arena);

    for (int t = 0; t < N; t++)
        assert_true(
            poisson_mixture_add(mixture, errors_x[t], exposure_x[t], errors_y[t], exposure_y[t]));
    return mixture;
}

static void poisson_mixture_reference_values(void **state)
{
    struct poisson_mixture_settings settings = POISSON_MIXTURE_DEFAULTS;
    struct arena *arena = arena_create();
    struct poisson_mixture *mixture = fed(&settings, arena);
    double lower, upper;

    (void)state;
    assert_near(38.6452376521294, poisson_mixture_log_e(mixture, 1), 1e-10);
    assert_near(0.7802390485378129, poisson_mixture_mle(mixture), 1e-7);
    poisson_mixture_interval(mixture, 0.05, 1, &lower, &upper);
    assert_near(0.47168982069618, lower, 1e-12);
    assert_near(1.09920383581997, upper, 1e-12);
    assert_true(poisson_mixture_log_e(mixture, 4) < 38.6 / 4 + 1);
    poisson_mixture_interval(mixture, 0.05, 4, &lower, &upper);
    assert_true(lower < 0.4 && upper > 1.2);
    arena_free(arena);
}

/* l(delta) of the data above, straight from the definition. */
static double log_likelihood(double delta)
{
    double sum = 0;

    for (int t = 0; t < N; t++) {
        double share = exposure_x[t] / (exposure_x[t] + exposure_y[t]);

        sum +=
            errors_x[t] * delta - (errors_x[t] + errors_y[t]) * log(1 - share + share * exp(delta));
    }
    return sum;
}

static void poisson_mixture_directions_and_margins(void **state)
{
    static const double margins[] = {0, 0.3, -0.3};
    struct arena *arena = arena_create();

    (void)state;
    for (int direction = DIRECTION_EITHER; direction <= DIRECTION_DECREASE; direction++)
        for (size_t i = 0; i < sizeof(margins) / sizeof(margins[0]); i++) {
            struct poisson_mixture_settings settings = POISSON_MIXTURE_DEFAULTS;
            double weights = 0, mixed = 0;

            settings.direction = (enum direction)direction;
            settings.margin = margins[i];
            for (int k = 0; k <= 40; k++) {
                double delta = (k - 20) / 10.0;

                if ((direction == DIRECTION_INCREASE && delta <= margins[i] + 1e-9) ||
                    (direction == DIRECTION_DECREASE && delta >= margins[i] - 1e-9))
                    continue;
                weights += exp(-delta * delta / 0.32);
                mixed +=
                    exp(-delta * delta / 0.32 + log_likelihood(delta) - log_likelihood(margins[i]));
            }
            row("direction %d, margin %g", direction, margins[i]);
            assert_near(log(mixed / weights), poisson_mixture_log_e(fed(&settings, arena), 1),
                        1e-9);
        }
    {
        struct poisson_mixture_settings settings = POISSON_MIXTURE_DEFAULTS;

        settings.direction = DIRECTION_INCREASE;
        settings.margin = 2;
        assert_null(poisson_mixture_create(&settings, arena));
    }
    arena_free(arena);
}

static void poisson_mixture_with_a_silent_side(void **state)
{
    struct poisson_mixture_settings settings = POISSON_MIXTURE_DEFAULTS;
    struct arena *arena = arena_create();
    struct poisson_mixture *mixture = poisson_mixture_create(&settings, arena);
    double lower, upper;

    (void)state;
    assert_near(0, poisson_mixture_log_e(mixture, 1), 1e-15);
    assert_near(NAN, poisson_mixture_mle(mixture), 0);
    poisson_mixture_interval(mixture, 0.05, 1, &lower, &upper);
    assert_near(-INFINITY, lower, 0);
    assert_near(INFINITY, upper, 0);
    assert_false(poisson_mixture_add(mixture, 0, 100, 0, 100));
    assert_false(poisson_mixture_add(mixture, 3, 0, 2, 100));
    assert_false(poisson_mixture_add(mixture, 3, 100, 2, 0));
    assert_false(poisson_mixture_add(mixture, 3, INFINITY, 2, 10));
    assert_false(poisson_mixture_add(mixture, -1, 100, 2, 10));
    assert_false(poisson_mixture_add(mixture, NAN, 100, 2, 10));
    assert_near(0, poisson_mixture_log_e(mixture, 1), 1e-15);
    for (int t = 0; t < 30; t++)
        assert_true(poisson_mixture_add(mixture, 0, 100, 2, 100));
    assert_near(-INFINITY, poisson_mixture_mle(mixture), 0);
    poisson_mixture_interval(mixture, 0.05, 1, &lower, &upper);
    assert_near(-INFINITY, lower, 0);
    assert_true(upper < 0 && upper > -5);
    assert_true(poisson_mixture_log_e(mixture, 1) > log(20));
    arena_free(arena);
}

static void poisson_mixture_of_huge_counts(void **state)
{
    struct poisson_mixture_settings settings = POISSON_MIXTURE_DEFAULTS;
    struct arena *arena = arena_create();
    struct poisson_mixture *mixture = poisson_mixture_create(&settings, arena);
    double lower, upper;

    (void)state;
    for (int t = 0; t < 10; t++)
        poisson_mixture_add(mixture, 1.1e9, 3e9, 1e9, 3e9);
    poisson_mixture_interval(mixture, 0.05, 1, &lower, &upper);
    assert_near(log(1.1), poisson_mixture_mle(mixture), 1e-12);
    assert_true(isfinite(poisson_mixture_log_e(mixture, 1)));
    assert_near(log(1.1), lower, 0.02);
    assert_near(log(1.1), upper, 0.02);
    assert_true(lower <= log(1.1) && upper >= log(1.1));
    arena_free(arena);
}

static double poisson(uint64_t *seed, double mean)
{
    double product = exp(-mean), sum = product;
    double u = (double)random_below(seed, 1u << 31) / (1u << 31);
    int k = 0;

    while (sum < u && k < 1000) {
        product *= mean / ++k;
        sum += product;
    }
    return k;
}

/* A common rate that comes and goes, unequal exposure, an hour of looks: an alarm at 5 % is rare,
 * E is 1 on average whenever one stops, and the interval keeps its word at all looks at once. */
static void poisson_mixture_error_rate(void **state)
{
    struct poisson_mixture_settings settings = POISSON_MIXTURE_DEFAULTS;
    double e_at_stop = 0, e_at_end = 0;
    uint64_t seed = 77;
    int n_alarms = 0, n_missed = 0;

    (void)state;
    for (int run = 0; run < 2000; run++) {
        struct arena *arena = arena_create();
        struct poisson_mixture *mixture = poisson_mixture_create(&settings, arena);
        double log_e = 0, at_stop = NAN, lower, upper;
        bool is_missed = false;

        for (int t = 0; t < 60; t++) {
            double rate = 0.01 * (1 + 0.5 * sin(t / 7.0));

            poisson_mixture_add(mixture, poisson(&seed, 200 * rate), 200,
                                poisson(&seed, 1800 * rate), 1800);
            log_e = poisson_mixture_log_e(mixture, 1);
            if (isnan(at_stop) && (log_e > log(3) || t == 59))
                at_stop = exp(log_e);
            if (run < 200) {
                poisson_mixture_interval(mixture, 0.05, 1, &lower, &upper);
                is_missed = is_missed || lower > 0 || upper < 0;
                assert_int_equal(log_e >= log(20), lower > 0 || upper < 0);
            }
        }
        n_alarms += log_e >= log(20);
        n_missed += is_missed;
        e_at_stop += at_stop / 2000;
        e_at_end += exp(fmin(log_e, 7)) / 2000;
        arena_free(arena);
    }
    assert_true(e_at_stop < 1.15 && e_at_stop > 0.7);
    assert_true(e_at_end < 1.3);
    assert_true(n_alarms < 60);
    assert_true(n_missed <= 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poisson_mixture_reference_values),
        cmocka_unit_test(poisson_mixture_directions_and_margins),
        cmocka_unit_test(poisson_mixture_with_a_silent_side),
        cmocka_unit_test(poisson_mixture_of_huge_counts),
        cmocka_unit_test(poisson_mixture_error_rate),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
