/* Expected values: closed forms in R, SciPy's lambertw. */
#include "judge/stats/asymptotic_cs.h"
#include "tests/support.h"

#include <gsl/gsl_errno.h>
#include <math.h>

static void asymptotic_cs_reference_values(void **state)
{
    (void)state;
    assert_near(0.136866134367804, asymptotic_cs_rho2(0.05, 60), 1e-14);
    assert_near(0.132269243362293, asymptotic_cs_rho2_approximate(0.05, 60), 1e-14);
    assert_near(16.3191160627389, asymptotic_cs_radius(14.984, 10, 0.05, 0.136866134367804), 1e-11);
    assert_near(0.0653131734583079, asymptotic_cs_rho2(0.01, 180), 1e-14);
    assert_near(0.392683490659877, asymptotic_cs_radius(3.366, 1000, 0.01, 0.0653131734583079),
                1e-12);
}

/* rho^2 is chosen for the time at which the sequence is narrowest against one made for any other.
 */
static void asymptotic_cs_is_narrowest_at_t_star(void **state)
{
    double best = asymptotic_cs_radius(1, 60, 0.05, asymptotic_cs_rho2(0.05, 60));

    (void)state;
    for (int t_star = 10; t_star <= 360; t_star += 10) {
        row("t* = %d", t_star);
        assert_true(asymptotic_cs_radius(1, 60, 0.05, asymptotic_cs_rho2(0.05, t_star)) >= best);
    }
}

static void asymptotic_cs_refuses(void **state)
{
    (void)state;
    assert_near(NAN, asymptotic_cs_rho2(0, 60), 0);
    assert_near(NAN, asymptotic_cs_rho2(1, 60), 0);
    assert_near(NAN, asymptotic_cs_rho2(0.05, 0), 0);
    assert_near(NAN, asymptotic_cs_rho2_approximate(NAN, 60), 0);
    assert_near(NAN, asymptotic_cs_radius(-1, 60, 0.05, 0.1), 0);
    assert_near(NAN, asymptotic_cs_radius(1, 0, 0.05, 0.1), 0);
    assert_near(NAN, asymptotic_cs_radius(1, 60, 0.05, NAN), 0);
    assert_near(0, asymptotic_cs_radius(0, 60, 0.05, 0.1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asymptotic_cs_reference_values),
        cmocka_unit_test(asymptotic_cs_is_narrowest_at_t_star),
        cmocka_unit_test(asymptotic_cs_refuses),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
