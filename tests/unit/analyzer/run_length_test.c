/* Run lengths from histories whose long-run variance is known: white noise, AR(1), Poisson counts.
 */
#include "analyzer/run_length.h"

#include "judge/stats/random.h"
#include "tests/support.h"

#include <math.h>

#define MINUTE_MS 60000
#define N_POINTS (7 * 1440)
#define WINDOW_MS (180 * MINUTE_MS)

static double uniform(uint64_t *state)
{
    return ((double)(random_next(state) >> 11) + 0.5) * 0x1p-53;
}

static double normal(uint64_t *state)
{
    double u = uniform(state);

    return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * uniform(state));
}

struct story {
    struct arena *arena;
    struct aa_pair pair, exposure;
    struct metric_policy policy;
    struct run_length_question question;
};

/* Both sides AR(1) around `level`, standard deviation 7.25. */
static void tell(struct story *story, double phi, double level)
{
    uint64_t state = 20261122;

    *story = (struct story){
        .arena = arena_create(),
        .policy = {.allowed_increase = 1, .allowed_decrease = 1, .options = judge_options_default}};
    for (int side = 0; side < N_SIDES; side++) {
        double *values = arena_array(story->arena, double, N_POINTS), x = normal(&state);

        for (size_t i = 0; i < N_POINTS; i++) {
            values[i] = level + 7.25 * x;
            x = phi * x + sqrt(1 - phi * phi) * normal(&state);
        }
        story->pair.pair.sides[side] =
            (struct pair_side){.values = values, .n_values = N_POINTS, .step_ms = MINUTE_MS};
    }
    story->question = (struct run_length_question){.pair = &story->pair,
                                                   .policy = &story->policy,
                                                   .change = 0.1,
                                                   .span_ms = (int64_t)N_POINTS * MINUTE_MS,
                                                   .window_ms = WINDOW_MS};
}

static struct run_length ask(struct story *story)
{
    struct run_length got;

    run_length_estimate(&story->question, story->arena, &got);
    return got;
}

/* omega of the difference of two AR(1) series is 2 s^2 (1 + phi) / (1 - phi). */
static void the_long_run_variance_decides(void **state)
{
    static const double phis[] = {0, 0.5, 0.8};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(phis); i++) {
        double inflation = (1 + phis[i]) / (1 - phis[i]);
        struct run_length got;
        struct story story;

        row("phi %g", phis[i]);
        tell(&story, phis[i], 61.5);
        got = ask(&story);
        assert_int_equal(56, got.n_windows);
        assert_near(61.5, got.level, 0.5);
        assert_near(phis[i], got.phi, 0.06);
        assert_near(1, got.omega / (2 * 7.25 * 7.25 * inflation), 0.15);
        assert_near(60 / inflation, got.per_hour, 0.2 * 60 / inflation);
        assert_null(got.why);
        /* as long as needed, and no longer */
        assert_true(run_length_sees(&got, got.needed_s) <= 0.1);
        assert_true(run_length_sees(&got, got.needed_s - 60) > 0.1);
        arena_free(story.arena);
    }
}

static void a_window_before_has_the_variance_of_both(void **state)
{
    struct run_length two_scopes, one_scope;
    struct story story;

    (void)state;
    tell(&story, 0, 61.5);
    two_scopes = ask(&story);
    story.pair.arms = AA_WINDOW_BEFORE;
    story.pair.pair.sides[SIDE_CONTROL] = story.pair.pair.sides[SIDE_EXPERIMENT];
    one_scope = ask(&story);
    assert_int_equal(55, one_scope.n_windows);
    assert_near(1, one_scope.omega / two_scopes.omega, 0.12);
    arena_free(story.arena);
}

static void what_is_allowed_need_not_be_seen(void **state)
{
    static const struct {
        enum direction direction;
        double increase, decrease, margin;
    } cases[] = {{DIRECTION_INCREASE, 1.04, 0.99, 0.04},
                 {DIRECTION_DECREASE, 1.04, 0.97, 0.03},
                 {DIRECTION_EITHER, 1.02, 0.95, 0.05}};
    struct run_length got, strict;
    struct story story;

    (void)state;
    tell(&story, 0.3, 61.5);
    strict = ask(&story);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        row("%zu", i);
        story.policy.direction = cases[i].direction;
        story.policy.allowed_increase = cases[i].increase;
        story.policy.allowed_decrease = cases[i].decrease;
        got = ask(&story);
        assert_near(cases[i].margin, got.margin, 1e-12);
        assert_near(run_length_sees(&strict, 10800) + cases[i].margin, run_length_sees(&got, 10800),
                    1e-12);
        assert_true(got.needed_s > strict.needed_s);
        story.question.change = cases[i].margin;
        got = ask(&story);
        assert_true(isnan(got.needed_s));
        assert_string_equal("the limits of the config allow such a change", got.why);
        story.question.change = 0.1;
    }
    arena_free(story.arena);
}

static void some_never_show_a_change(void **state)
{
    struct run_length got;
    struct story story;

    (void)state;
    tell(&story, 0, 61.5);
    story.pair.pair.sides[SIDE_CONTROL].n_values = 0;
    got = ask(&story);
    assert_int_equal(0, got.n_windows);
    assert_string_equal("its history has too few points", got.why);
    assert_true(isnan(got.level) && isnan(run_length_sees(&got, 3600)));
    arena_free(story.arena);

    tell(&story, 0, 61.5);
    for (int side = 0; side < N_SIDES; side++)
        story.pair.pair.sides[side].values = arena_array(story.arena, double, N_POINTS);
    got = ask(&story);
    assert_string_equal("its level is 0, of which there is no share", got.why);
    assert_true(isnan(run_length_sees(&got, 3600)));
    arena_free(story.arena);
}

/* Two events a minute of 250 requests: (z[0.99] + z[0.8])^2 (1/120 + 1/120) / ln(1.1)^2 hours. */
static void counts_need_events(void **state)
{
    double expected_h =
        pow(2.3263478740408408 + 0.8416212335729143, 2) * 2 / 120 / pow(log(1.1), 2);
    uint64_t random = 7;
    struct run_length got;
    struct story story;

    (void)state;
    tell(&story, 0, 61.5);
    for (int side = 0; side < N_SIDES; side++) {
        double *events = arena_array(story.arena, double, N_POINTS);
        double *requests = arena_array(story.arena, double, N_POINTS);

        for (size_t i = 0; i < N_POINTS; i++) {
            requests[i] = 250;
            for (double p = uniform(&random); p > exp(-2); p *= uniform(&random))
                events[i]++;
        }
        events[17] = NAN; /* a minute that is left out */
        story.pair.pair.sides[side].values = events;
        story.exposure.pair.sides[side] =
            (struct pair_side){.values = requests, .n_values = N_POINTS, .step_ms = MINUTE_MS};
    }
    story.question.exposure = &story.exposure;
    got = ask(&story);
    assert_true(got.is_of_counts);
    assert_near(0.008, got.level, 2e-4);
    assert_near(240, got.per_hour, 5);
    assert_near(1, got.needed_s / 3600 / expected_h, 0.2);
    assert_near(0.1, run_length_sees(&got, got.needed_s), 1e-9);
    story.policy.direction = DIRECTION_DECREASE; /* a fall of 10 % is a larger log ratio */
    assert_near(pow(log(1.1) / log(0.9), 2), ask(&story).needed_s / got.needed_s, 1e-9);
    got = ask(&story);
    assert_near(0.1, run_length_sees(&got, got.needed_s), 1e-9);
    story.exposure.pair.sides[0].n_values = 1;
    got = ask(&story);
    assert_string_equal("its history has too few events", got.why);
    assert_true(isnan(got.per_hour));
    arena_free(story.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_long_run_variance_decides),
        cmocka_unit_test(a_window_before_has_the_variance_of_both),
        cmocka_unit_test(what_is_allowed_need_not_be_seen),
        cmocka_unit_test(some_never_show_a_change),
        cmocka_unit_test(counts_need_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
