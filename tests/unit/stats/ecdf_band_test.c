#include "judge/stats/ecdf_band.h"
#include "tests/support.h"

#include <math.h>

/* Closed form, by R. */
static void ecdf_band_radius_reference_values(void **state)
{
    (void)state;
    assert_near(0.207072872853298, ecdf_band_radius(180, 0.025), 1e-14);
    assert_near(0.0208045236542698, ecdf_band_radius(20000, 0.01), 1e-15);
    assert_near(NAN, ecdf_band_radius(0, 0.01), 0);
    assert_near(NAN, ecdf_band_radius(10, 0), 0);
    assert_near(NAN, ecdf_band_radius(10, NAN), 0);
    assert_true(ecdf_band_radius(1, 0.01) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ecdf_band_radius_reference_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
