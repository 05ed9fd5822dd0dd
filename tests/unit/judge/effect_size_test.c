/* Expected values: Kayenta's StatisticSuite and, for the ties, counting pairs by hand. */
#include "judge/effect_size.h"

#include "tests/support.h"

#include <math.h>

static void effect_mean_ratio_reference_values(void **state)
{
    (void)state;
    assert_near(0.1, effect_mean_ratio(10, 100), 0);
    assert_near(NAN, effect_mean_ratio(10, 0), 0);
    assert_near(NAN, effect_mean_ratio(-0.0, 10), 0);
    assert_near(-2.5, effect_mean_ratio(5, -2), 0);
}

static void effect_cles_reference_values(void **state)
{
    const double low[] = {1, 2, 3, 4, 5}, high[] = {6.5, 7.25}, tied[] = {3, 5, 9};
    struct arena *arena = arena_create();

    (void)state;
    assert_near(0.5, effect_cles(low, 5, low, 5, arena), 0);
    assert_near(0, effect_cles(low, 5, high, 2, arena), 0);
    assert_near(1, effect_cles(high, 2, low, 5, arena), 0);
    assert_near((2 + 0.5 + 4 + 0.5 + 5) / 15, effect_cles(tied, 3, low, 5, arena), 0);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(effect_mean_ratio_reference_values),
        cmocka_unit_test(effect_cles_reference_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
