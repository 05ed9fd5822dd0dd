#include "judge/brent.h"

#include "tests/support.h"

#include <math.h>

static double line(double x)
{
    return 3.17 - x;
}

static double cubic(double x)
{
    return 2 - x * x * x;
}

/* Falls from 1 to -1 at 0.7312, and is never zero. */
static double jump(double x)
{
    return x < 0.7312 ? 1 : -1;
}

static double never(double x)
{
    (void)x;
    return NAN;
}

static double search(double (*f)(double), double a, double b, int *n_evaluations)
{
    struct brent s;

    *n_evaluations = 0;
    brent_start(&s, a, f(a), b, f(b));
    while (!s.is_done) {
        ++*n_evaluations;
        brent_next(&s, f(s.at));
    }
    return s.at;
}

static void brent_finds_roots(void **state)
{
    static const struct {
        const char *name;
        double (*f)(double);
        double a, b, want, tolerance;
        int max_evaluations;
    } cases[] = {
        {"line, by one secant", line, -10, 10, 3.17, 1e-12, 2},
        {"cubic", cubic, -1, 4, 1.2599210498948732, BRENT_TOLERANCE, 12},
        {"a jump is met within the tolerance", jump, -40, 60, 0.7312, BRENT_TOLERANCE, 60},
        {"root at the first end", line, 3.17, 9, 3.17, 0, 0},
        {"root at the second end", line, -9, 3.17, 3.17, 0, 0},
        {"range below the tolerance: the end with the smaller value", line, 3.17001, 3.16998,
         3.17001, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int n_evaluations;

        row("%s", cases[i].name);
        assert_near(cases[i].want, search(cases[i].f, cases[i].a, cases[i].b, &n_evaluations),
                    cases[i].tolerance);
        assert_in_range(n_evaluations, 0, cases[i].max_evaluations);
    }
}

static void brent_gives_up_after_its_rounds(void **state)
{
    int n_evaluations;

    (void)state;
    search(never, NAN, 1, &n_evaluations);
    assert_int_equal(BRENT_MAX_ROUNDS, n_evaluations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brent_finds_roots),
        cmocka_unit_test(brent_gives_up_after_its_rounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
