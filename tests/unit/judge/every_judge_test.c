/* What every judge has to stand: the data at the edges. No crash, a classification with a reason
 * that reads, and no number where there is none. */
#include "tests/unit/judge/judged.h"

#include <float.h>
#include <gsl/gsl_errno.h>

#define N_LONG 100000
#define N 60

enum shape {
    SHAPE_NOTHING,
    SHAPE_CONSTANT,
    SHAPE_RANDOM,
    SHAPE_COUNTS,
    SHAPE_ZEROS,
    SHAPE_SIGNED_ZEROS,
    SHAPE_INFINITE,
    SHAPE_GAPS,
    SHAPE_SUBNORMAL,
    SHAPE_HUGE,
    SHAPE_LARGEST,
    SHAPE_NEGATIVE,
};

#define PASS (1u << CLASS_PASS)
#define HIGH (1u << CLASS_HIGH)
#define LOW (1u << CLASS_LOW)
#define NODATA (1u << CLASS_NODATA)
#define ERROR (1u << CLASS_ERROR)
#define ANY (PASS | HIGH | LOW | NODATA | ERROR)

static const struct {
    const char *name;
    enum shape x, y;
    size_t n, m;
    double shift;         /* of the experiment */
    unsigned gauge, rate; /* what judges of values may say, and what the one of counts may */
} cases[] = {
    {"no points at all", SHAPE_RANDOM, SHAPE_RANDOM, 0, 0, 0, NODATA, NODATA},
    {"no experiment", SHAPE_RANDOM, SHAPE_RANDOM, 0, N, 0, NODATA, NODATA},
    {"no control", SHAPE_RANDOM, SHAPE_RANDOM, N, 0, 0, NODATA, NODATA},
    {"only gaps", SHAPE_NOTHING, SHAPE_RANDOM, N, N, 0, NODATA, NODATA},
    {"one point", SHAPE_RANDOM, SHAPE_RANDOM, 1, 1, 5, NODATA, PASS},
    {"two points", SHAPE_RANDOM, SHAPE_RANDOM, 2, 2, 5, NODATA, PASS},
    {"one count", SHAPE_COUNTS, SHAPE_ZEROS, 1, 1, 0, NODATA, PASS},
    {"one against many", SHAPE_RANDOM, SHAPE_RANDOM, 1, N, 0, NODATA, ANY},
    {"equal constants", SHAPE_CONSTANT, SHAPE_CONSTANT, N, N, 0, PASS, PASS},
    {"constants apart", SHAPE_CONSTANT, SHAPE_CONSTANT, N, N, 5, HIGH | PASS, HIGH},
    {"constants apart the other way", SHAPE_CONSTANT, SHAPE_CONSTANT, N, N, -5, LOW | PASS, LOW},
    {"experiment constant", SHAPE_CONSTANT, SHAPE_RANDOM, N, N, 0, ANY, LOW},
    {"control constant", SHAPE_RANDOM, SHAPE_CONSTANT, N, N, 0, ANY, HIGH},
    {"no overlap", SHAPE_RANDOM, SHAPE_RANDOM, N, N, 1000, HIGH, HIGH},
    {"no overlap, lengths differ", SHAPE_RANDOM, SHAPE_RANDOM, N, N + 7, -1000, LOW, ERROR},
    {"zeros of both signs", SHAPE_SIGNED_ZEROS, SHAPE_ZEROS, N, N, 0, PASS, PASS},
    {"infinities", SHAPE_INFINITE, SHAPE_INFINITE, N, N, 0, PASS, PASS},
    {"gaps", SHAPE_GAPS, SHAPE_GAPS, N, N, 0, PASS, PASS},
    {"subnormal", SHAPE_SUBNORMAL, SHAPE_SUBNORMAL, N, N, 0, PASS, PASS | ERROR},
    {"1e300", SHAPE_HUGE, SHAPE_HUGE, N, N, 0, PASS, ERROR},
    {"the largest doubles", SHAPE_LARGEST, SHAPE_LARGEST, N, N, 0, PASS | ERROR, ERROR},
    {"below zero", SHAPE_NEGATIVE, SHAPE_NEGATIVE, N, N, 0, PASS, ERROR},
    {"no counts", SHAPE_ZEROS, SHAPE_ZEROS, N, N, 0, PASS, PASS},
    {"counts on one side", SHAPE_COUNTS, SHAPE_ZEROS, N, N, 0, HIGH, HIGH},
    {"counts on the other side", SHAPE_ZEROS, SHAPE_COUNTS, N, N, 0, LOW, LOW},
    {"counts", SHAPE_COUNTS, SHAPE_COUNTS, N, N, 0, PASS, PASS},
    {"many points", SHAPE_RANDOM, SHAPE_RANDOM, N_LONG, N_LONG, 0, PASS, PASS},
    {"many counts", SHAPE_COUNTS, SHAPE_COUNTS, N_LONG, N_LONG, 0, PASS, PASS},
};

static double value_of(enum shape shape, size_t i, uint64_t *state)
{
    double z = normal(state);

    switch (shape) {
    case SHAPE_NOTHING:
        return NAN;
    case SHAPE_CONSTANT:
        return 7;
    case SHAPE_COUNTS:
        return 1 + poisson(2, state);
    case SHAPE_ZEROS:
        return 0;
    case SHAPE_SIGNED_ZEROS:
        return i % 2 ? -0.0 : 0.0;
    case SHAPE_INFINITE:
        return i % 10 == 3 ? INFINITY : i % 10 == 7 ? -INFINITY : 100 + 10 * z;
    case SHAPE_GAPS:
        return i % 5 == 2 || uniform(state) < 0.1 ? NAN : 100 + 10 * z;
    case SHAPE_SUBNORMAL:
        return DBL_TRUE_MIN * round(100 + 10 * z);
    case SHAPE_HUGE:
        return 1e300 * (1 + z / 10);
    case SHAPE_LARGEST:
        return i % 2 ? DBL_MAX : -DBL_MAX * uniform(state);
    case SHAPE_NEGATIVE:
        return -100 + 10 * z;
    default:
        return 100 + 10 * z;
    }
}

static double *values_of(enum shape shape, size_t n, double shift, uint64_t *state,
                         struct arena *arena)
{
    double *out = arena_array(arena, double, n);

    for (size_t i = 0; i < n; i++)
        out[i] = value_of(shape, i, state) + shift;
    return out;
}

static bool is_probability(double p)
{
    return p >= 0 && p <= 1;
}

/* Reports are what people see: numbers that exist, or none. */
static void check_report(const struct test_report *report, bool is_sequential)
{
    if (report->decision == DECISION_ERROR || report->decision == DECISION_NO_DATA) {
        assert_non_null(report->reason);
        return;
    }
    if (is_sequential && report->sequential.n_looks == 0)
        return; /* it waits for its first look */
    assert_true(is_probability(report->p));
    assert_true(is_probability(report->p_adjusted));
    assert_true(isfinite(report->margin_neutral));
    assert_true(report->effect.measure != NULL);
    assert_false(report->effect.lower > report->effect.upper);
}

static bool is_of_counts(const char *name)
{
    return strcmp(name, "Rate-v1.0") == 0;
}

static void judges_at_the_edges(void **state)
{
    size_t n_judges;
    const struct judge_type *const *judges = judge_list(&n_judges);

    (void)state;
    for (size_t k = 0; k < n_judges; k++) {
        bool is_sequential = strcmp(judges[k]->name, "Sequential-v1.0") == 0;

        if (!judges[k]->test)
            continue;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            struct arena *arena;
            uint64_t seed = 11 + i;
            struct story story = {.n = cases[i].n, .m = cases[i].m, .policy = policy_default()};
            unsigned allowed = is_of_counts(judges[k]->name) ? cases[i].rate : cases[i].gauge;
            const struct metric_result *result;

            if (is_sequential && cases[i].n == N_LONG)
                continue; /* looks at every minute; its own tests say how long it may take */
            arena = arena_create();
            if (is_sequential)
                allowed = ANY;
            row("%s, %s", judges[k]->name, cases[i].name);
            story.x = values_of(cases[i].x, cases[i].n, cases[i].shift, &seed, arena);
            story.y = values_of(cases[i].y, cases[i].m, 0, &seed, arena);
            result = judge_story(judges[k]->name, &story, arena);
            if (!(allowed >> result->classification & 1))
                fail_msg("%s: %s", classification_name(result->classification),
                         result->reason ? result->reason : "");
            if (result->reason) {
                assert_null(strstr(result->reason, "nan"));
                assert_null(strstr(result->reason, "(null)"));
            }
            if (result->report)
                check_report(result->report, is_sequential);
            arena_free(arena);
        }
    }
}

/* The standard judge and the random one stay within Kayenta's words, too. */
static void judges_that_classify_at_once(void **state)
{
    size_t n_judges;
    const struct judge_type *const *judges = judge_list(&n_judges);

    (void)state;
    for (size_t k = 0; k < n_judges; k++) {
        if (!judges[k]->classify)
            continue;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            struct arena *arena = arena_create();
            uint64_t seed = 11 + i;
            struct story story = {.n = cases[i].n, .m = cases[i].m, .policy = policy_default()};

            row("%s, %s", judges[k]->name, cases[i].name);
            story.x = values_of(cases[i].x, cases[i].n, cases[i].shift, &seed, arena);
            story.y = values_of(cases[i].y, cases[i].m, 0, &seed, arena);
            assert_null(judge_story(judges[k]->name, &story, arena)->report);
            arena_free(arena);
        }
    }
}

static void infinities_are_named(void **state)
{
    static const char *const names[] = {"RobustRank-v1.0", "Mean-v1.0", "Distribution-v1.0",
                                        "Auto-v1.0"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct arena *arena = arena_create();
        uint64_t seed = 5;
        struct story story = {.n = N, .m = N, .policy = policy_default()};

        row("%s", names[i]);
        story.x = values_of(SHAPE_INFINITE, N, 0, &seed, arena);
        story.y = values_of(SHAPE_RANDOM, N, 0, &seed, arena);
        assert_true(has_warning(judge_story(names[i], &story, arena)->report, "infiniteValues"));
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_at_the_edges),
        cmocka_unit_test(judges_that_classify_at_once),
        cmocka_unit_test(infinities_are_named),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
