/* Expected values: Kayenta's StatisticSuite, as recorded in
 * fixtures/golden/kayenta-suites.jsonl.gz, which took the last percentile from the NIST handbook.
 */
#include "judge/describe.h"

#include "judge/sort.h"
#include "tests/support.h"

#define MAX_POINTS 16

static struct sample sample_of(const double *values, size_t n, struct arena *arena)
{
    struct sample sample = {arena_array(arena, double, n), arena_array(arena, double, n), n};

    for (size_t i = 0; i < n; i++)
        sample.values[i] = values[i];
    sort_doubles(values, n, sample.sorted, arena);
    return sample;
}

/* Each case beside each other one, on either side: the sides do not mix, whatever their lengths. */
static void describe_reference_values(void **state)
{
    static const struct {
        const char *name;
        double values[MAX_POINTS];
        struct side_stats want;
    } cases[] = {
        {"no points", {0}, {0, 0, 0, 0, 0}},
        {"single point", {4}, {1, 4, 4, 4, 0}},
        {"two clusters of three", {10, 1, 1, 10, 1, 10}, {6, 5.5, 1, 10, 4.929503017546495}},
        {"the second pass moves the mean by one bit",
         {107.71, 21.88},
         {2, 64.79499999999999, 21.88, 107.71, 60.69097502924137}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(cases); i++) {
        const size_t which[N_SIDES] = {i / ARRAY_LEN(cases), i % ARRAY_LEN(cases)};
        struct arena *arena = arena_create();
        struct sample samples[N_SIDES];
        struct side_stats got[N_SIDES];

        for (int side = 0; side < N_SIDES; side++)
            samples[side] =
                sample_of(cases[which[side]].values, cases[which[side]].want.count, arena);
        describe_sides(samples, got);
        for (int side = 0; side < N_SIDES; side++) {
            const struct side_stats *want = &cases[which[side]].want;

            row("%s", cases[which[side]].name);
            assert_int_equal(want->count, got[side].count);
            assert_near(want->min, got[side].min, 0);
            assert_near(want->max, got[side].max, 0);
            assert_near(want->mean, got[side].mean, 0);
            assert_near(want->std, got[side].std, 0);
        }
        arena_free(arena);
    }
}

static void percentile_reference_values(void **state)
{
    static const double eight[] = {0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5};
    static const double ten[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const double one[] = {1};
    static const double nist[] = {95.061,  95.0925, 95.1195, 95.1442, 95.1567, 95.1591,
                                  95.1682, 95.1772, 95.1772, 95.1937, 95.1959, 95.199};
    static const struct {
        const char *name;
        const double *sorted;
        size_t n;
        double p, want;
    } cases[] = {
        {"5th of eight", eight, 8, 5, 0.17500000000000004},
        {"median of eight", eight, 8, 50, 1.75},
        {"100th of eight", eight, 8, 100, 3.5},
        {"median of ten", ten, 10, 50, 4.5},
        {"100th of one", one, 1, 100, 1},
        {"90th of the NIST sample", nist, 12, 90, 95.19568},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        row("%s", cases[i].name);
        assert_near(cases[i].want, describe_percentile(cases[i].sorted, cases[i].n, cases[i].p), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describe_reference_values),
        cmocka_unit_test(percentile_reference_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
