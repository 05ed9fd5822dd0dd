/* What holds for any data, of every judge beside the standard one: seeded data, many times. */
#include "tests/unit/judge/judged.h"

#include <gsl/gsl_errno.h>

#define N_RUNS 40
#define N 60
#define BEYOND_DOUBT                                                                               \
    1e-4 /* there, the estimated variance of ranks may move p a little either way */

/* A judge and how it is asked; counts for the one of counts. */
static const struct way {
    const char *judge;
    enum judge_method method;
    bool is_unpaired, is_independent, has_counts;
    bool is_shift_invariant; /* adding a constant to all data changes no p-value */
} ways[] = {
    {"RobustRank-v1.0", METHOD_HAR, false, false, false, true},
    {"RobustRank-v1.0", METHOD_HAR, true, false, false, true},
    {"RobustRank-v1.0", METHOD_ESS, false, false, false, true},
    {"RobustRank-v1.0", METHOD_INDEPENDENT, false, false, false, true},
    {"Mean-v1.0", METHOD_HAR, false, false, false, true},
    {"Mean-v1.0", METHOD_HAR, true, false, false, true},
    {"Mean-v1.0", METHOD_WELCH, false, false, false, true},
    {"Mean-v1.0", METHOD_BOOTSTRAP, false, false, false, true},
    {"Distribution-v1.0", METHOD_AD, false, false, false, true},
    {"Distribution-v1.0", METHOD_AD, false, true, false, true},
    {"Distribution-v1.0", METHOD_KS, false, false, false, true},
    {"Distribution-v1.0", METHOD_KS, false, true, false, true},
    {"Distribution-v1.0", METHOD_QUANTILE, false, false, false, true},
    {"Rate-v1.0", METHOD_DEFAULT, false, false, true, false},
    {"Rate-v1.0", METHOD_DEFAULT, true, false, true, false},
    {"Auto-v1.0", METHOD_DEFAULT, false, false, false, true},
};

static void name(const struct way *way, unsigned run)
{
    row("%s method %d%s%s, run %u", way->judge, (int)way->method,
        way->is_unpaired ? " unpaired" : "", way->is_independent ? " independent" : "", run);
}

static struct story story_of(const struct way *way)
{
    struct story story = {.n = N, .m = N, .policy = policy_default()};

    story.policy.options.method = way->method;
    story.policy.options.is_independent = way->is_independent;
    story.policy.options.pairing = way->is_unpaired ? POINTS_UNPAIRED : POINTS_AUTO;
    story.policy.options.bootstrap_samples = 199;
    return story;
}

/* Values that are whole multiples of 2^-10, so that a shift and a factor round nothing. */
static double *draw(const struct way *way, double shift, uint64_t *state, struct arena *arena)
{
    double *values = way->has_counts ? counts_of(N, 3 + shift, state, arena)
                                     : series_of(N, 100 + shift, 10, 0.4, state, arena);

    for (size_t i = 0; i < N; i++)
        values[i] = round(values[i] * 1024) / 1024;
    return values;
}

static double *changed(const double *values, double factor, double shift, struct arena *arena)
{
    double *out = arena_array(arena, double, N);

    for (size_t i = 0; i < N; i++)
        out[i] = values[i] * factor + shift;
    return out;
}

static enum classification mirror(enum classification of)
{
    return of == CLASS_HIGH ? CLASS_LOW : of == CLASS_LOW ? CLASS_HIGH : of;
}

static void swapping_the_arms_mirrors(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(ways); k++)
        for (unsigned run = 0; run < N_RUNS; run++) {
            struct arena *arena = arena_create();
            uint64_t seed = run + 1;
            struct story story = story_of(&ways[k]), swapped = story;
            const struct metric_result *one, *other;

            name(&ways[k], run);
            story.x = swapped.y = draw(&ways[k], run % 4, &seed, arena);
            story.y = swapped.x = draw(&ways[k], 0, &seed, arena);
            one = judge_story(ways[k].judge, &story, arena);
            other = judge_story(ways[k].judge, &swapped, arena);
            assert_non_null(one->report);
            assert_near(one->report->p, other->report->p, 1e-9);
            assert_int_equal(mirror(one->classification), other->classification);
            arena_free(arena);
        }
}

static void a_common_shift_changes_nothing(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(ways); k++)
        for (unsigned run = 0; run < N_RUNS && ways[k].is_shift_invariant; run++) {
            struct arena *arena = arena_create();
            uint64_t seed = run + 1;
            struct story story = story_of(&ways[k]), moved = story;
            const struct metric_result *one, *other;

            name(&ways[k], run);
            story.x = draw(&ways[k], run % 4, &seed, arena);
            story.y = draw(&ways[k], 0, &seed, arena);
            moved.x = changed(story.x, 1, 4096, arena);
            moved.y = changed(story.y, 1, 4096, arena);
            one = judge_story(ways[k].judge, &story, arena);
            other = judge_story(ways[k].judge, &moved, arena);
            assert_near(one->report->p, other->report->p, 1e-9);
            assert_int_equal(one->classification, other->classification);
            arena_free(arena);
        }
}

/* A canary that is further away is never less suspicious. */
static void a_larger_shift_has_a_smaller_p(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(ways); k++)
        for (unsigned run = 0; run < N_RUNS && !ways[k].has_counts; run++) {
            struct arena *arena = arena_create();
            uint64_t seed = run + 1;
            struct story story = story_of(&ways[k]);
            const double *x = draw(&ways[k], 0, &seed, arena);
            double last = 2;

            name(&ways[k], run);
            story.y = draw(&ways[k], 0, &seed, arena);
            for (double shift = 8; shift < 70; shift += 12) {
                const struct metric_result *result;

                story.x = changed(x, 1, shift, arena);
                result = judge_story(ways[k].judge, &story, arena);
                assert_true(result->report->p <= fmax(last + 1e-12, BEYOND_DOUBT));
                last = result->report->p;
            }
            assert_true(last < 0.02);
            arena_free(arena);
        }
}

static void more_errors_have_a_smaller_p(void **state)
{
    (void)state;
    for (unsigned run = 0; run < N_RUNS; run++) {
        struct arena *arena = arena_create();
        uint64_t seed = run + 1;
        struct story story = {.n = N, .m = N, .policy = policy_default()};
        double *x = counts_of(N, 3, &seed, arena), last = 2, total = 0;

        row("run %u", run);
        story.policy.options.model = MODEL_POISSON;
        story.x = x;
        story.y = counts_of(N, 3, &seed, arena);
        for (size_t i = 0; i < N; i++)
            total += story.y[i] - x[i];
        for (x[0] += fmax(0, total); x[0] < 200; x[0] += 10) {
            double p = judge_story("Rate-v1.0", &story, arena)->report->p;

            assert_true(p <= last);
            last = p;
        }
        assert_true(last < 1e-6);
        arena_free(arena);
    }
}

/* The unit of a metric: a power of two changes no digit. Of counts, it is that of the exposure. */
static void the_unit_changes_nothing(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(ways); k++)
        for (int exponent = -40; exponent <= 40; exponent += 8) {
            struct arena *arena = arena_create();
            uint64_t seed = (uint64_t)(exponent + 41);
            struct story story = story_of(&ways[k]), scaled;
            const struct metric_result *one, *other;
            double factor = ldexp(1, exponent);

            name(&ways[k], (unsigned)(exponent + 40));
            story.policy.allowed_increase = 1.25; /* margins, too */
            story.policy.allowed_decrease = 0.75;
            story.x = draw(&ways[k], exponent % 3 ? 8 : 0, &seed, arena);
            story.y = draw(&ways[k], 0, &seed, arena);
            if (ways[k].has_counts) {
                story.exposure_x = series_of(N, 100, 5, 0, &seed, arena);
                story.exposure_y = series_of(N, 100, 5, 0, &seed, arena);
            }
            scaled = story;
            if (ways[k].has_counts) {
                scaled.exposure_x = changed(story.exposure_x, factor, 0, arena);
                scaled.exposure_y = changed(story.exposure_y, factor, 0, arena);
            } else {
                scaled.x = changed(story.x, factor, 0, arena);
                scaled.y = changed(story.y, factor, 0, arena);
            }
            one = judge_story(ways[k].judge, &story, arena);
            other = judge_story(ways[k].judge, &scaled, arena);
            assert_int_equal(one->classification, other->classification);
            assert_int_equal(one->report->decision, other->report->decision);
            assert_near(one->report->p, other->report->p, 0);
            assert_near(one->report->above[MARGIN_ALLOWED], other->report->above[MARGIN_ALLOWED],
                        0);
            assert_near(one->report->below[MARGIN_ALLOWED], other->report->below[MARGIN_ALLOWED],
                        0);
            assert_near(one->grade, other->grade, 0);
            arena_free(arena);
        }
}

/* Verdicts of several metrics do not depend on the order they come in. */
static void the_order_of_metrics_changes_nothing(void **state)
{
    enum { N_METRICS = 5 };
    static const struct score_policy score = {.pass = 95, .marginal = 75};
    static const char *const names[N_METRICS] = {"a", "b", "c", "d", "e"};

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(ways); k++)
        for (unsigned run = 0; run < 5; run++) {
            struct arena *arena = arena_create();
            uint64_t seed = run + 1;
            struct metric_pair pairs[N_METRICS], turned[N_METRICS];
            struct metric_policy policies[N_METRICS];
            struct judge_input input = {
                .pairs = pairs, .n_pairs = N_METRICS, .policies = policies, .score = &score};
            struct judge_result one, other;
            struct error err = {0};

            name(&ways[k], run);
            for (size_t i = 0; i < N_METRICS; i++) {
                const double *x = draw(&ways[k], (double)i, &seed, arena);

                pairs[i] = pair_of(names[i], x, N, draw(&ways[k], 0, &seed, arena), N);
                turned[N_METRICS - 1 - i] = pairs[i];
                policies[i] = story_of(&ways[k]).policy;
            }
            assert_int_equal(judge_run(judge_find(ways[k].judge), &input, arena, &one, &err),
                             ERR_OK);
            input.pairs = turned;
            assert_int_equal(judge_run(judge_find(ways[k].judge), &input, arena, &other, &err),
                             ERR_OK);
            for (size_t i = 0; i < N_METRICS; i++) {
                const struct metric_result *mate = &other.results[N_METRICS - 1 - i];

                assert_int_equal(one.results[i].classification, mate->classification);
                assert_near(one.results[i].report->p_adjusted, mate->report->p_adjusted, 0);
            }
            assert_near(one.score, other.score, 0);
            arena_free(arena);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(swapping_the_arms_mirrors),
        cmocka_unit_test(a_common_shift_changes_nothing),
        cmocka_unit_test(a_larger_shift_has_a_smaller_p),
        cmocka_unit_test(more_errors_have_a_smaller_p),
        cmocka_unit_test(the_unit_changes_nothing),
        cmocka_unit_test(the_order_of_metrics_changes_nothing),
    };

    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
