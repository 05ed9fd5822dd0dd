/* Expected values: the quantiles Kayenta's library gives for the levels in use, bit for bit; the
 * others from tables (Abramowitz and Stegun, table 26.5). */
#include "judge/normal.h"

#include "tests/support.h"

#include <math.h>

static void normal_quantile_reference_values(void **state)
{
    static const struct {
        const char *name;
        double p, want, tolerance;
    } cases[] = {
        {"98 %", (1.0 - 0.98) / 2, -0x1.29c5c4630ff0fp+1, 0},
        {"95 %", (1.0 - 0.95) / 2, -1.959963984540054, 0},
        {"90 %", (1.0 - 0.9) / 2, -1.644853626951473, 0},
        {"99 %", (1.0 - 0.99) / 2, -2.5758293035489004, 0},
        {"99.9 %", (1.0 - 0.999) / 2, -3.290526731491895, 0},
        {"50 %", (1.0 - 0.5) / 2, -0.6744897501960816, 0},
        {"median", 0.5, 0, 0},
        {"upper side", 0.975, 1.959963984540054, 1e-14},
        {"far tail", 1e-9, -5.997807015007687, 1e-8},
        {"below the resolution of 2p - 1", 1e-20, -INFINITY, 0},
        {"nothing below", 0, -INFINITY, 0},
        {"everything below", 1, INFINITY, 0},
        {"less than nothing", -0.1, NAN, 0},
        {"more than everything", 1.1, NAN, 0},
        {"not a number", NAN, NAN, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        row("%s", cases[i].name);
        assert_near(cases[i].want, normal_quantile(cases[i].p), cases[i].tolerance);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_quantile_reference_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
