/* What makes a comparison unfair, one case each, and quiet data that must not be accused. */
#include "judge/fairness.h"

#include "tests/support.h"

#include <math.h>
#include <string.h>

#define N_POINTS 120u

/* Seeded noise around 0, uniform in [-1, 1); the same on every machine. */
static double noise(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 40) / (double)(1u << 23) - 1;
}

struct fixture {
    double values[2][N_SIDES][N_POINTS]; /* two pairs */
    struct metric_pair pairs[2];
    struct metric_policy policies[2];
    struct judge_input input;
    struct judge_result result;
    struct arena *arena;
};

static void set_up(struct fixture *f, uint64_t seed)
{
    memset(f, 0, sizeof(*f));
    f->arena = arena_create();
    for (int p = 0; p < 2; p++) {
        f->pairs[p].name = p ? "requests" : "latency";
        f->policies[p] = (struct metric_policy){.direction = DIRECTION_INCREASE,
                                                .allowed_increase = 1,
                                                .allowed_decrease = 1,
                                                .options = judge_options_default};
        for (int side = 0; side < N_SIDES; side++) {
            f->pairs[p].sides[side] = (struct pair_side){.values = f->values[p][side],
                                                         .n_values = N_POINTS,
                                                         .start_unix_ms = 60000,
                                                         .step_ms = 60000};
            for (size_t i = 0; i < N_POINTS; i++)
                f->values[p][side][i] = 100 + 10 * noise(&seed);
        }
    }
    f->input = (struct judge_input){
        .pairs = f->pairs, .n_pairs = 2, .policies = f->policies, .score = NULL};
}

/* The codes found, separated by blanks; the first text in *text. */
static const char *codes(struct fixture *f, const char **text)
{
    const char *found = "";

    f->result = (struct judge_result){.score = 100, .verdict = VERDICT_PASS};
    fairness_check(&f->input, f->arena, &f->result);
    for (size_t i = 0; i < f->result.n_unfair; i++)
        found =
            arena_printf(f->arena, "%s%s%s", found, *found ? " " : "", f->result.unfair[i].code);
    *text = f->result.n_unfair ? f->result.unfair[0].text : "";
    return found;
}

static void quiet_data_is_fair(void **state)
{
    size_t n_accused = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct fixture f;
        const char *text;

        set_up(&f, seed);
        n_accused += *codes(&f, &text) != '\0';
        arena_free(f.arena);
    }
    assert_true(n_accused <= 2); /* of 400 metrics; one in a thousand is to be expected */
}

static void damage(struct fixture *f, const char *code)
{
    double(*latency)[N_POINTS] = f->values[0];

    if (strcmp(code, "unequalTraffic") == 0) {
        f->policies[0].options.exposure_metric = "requests";
        for (size_t i = 0; i < N_POINTS; i++)
            f->values[1][SIDE_EXPERIMENT][i] *= 0.5;
    }
    if (strcmp(code, "unequalReplicas") == 0) {
        f->pairs[1].name = "latency"; /* a second series, of the baseline alone */
        f->pairs[1].sides[SIDE_EXPERIMENT].n_values = 0;
    }
    for (size_t i = 0; i < N_POINTS; i++) {
        if (strcmp(code, "warmUp") == 0 && i < 25)
            latency[SIDE_EXPERIMENT][i] += 60;
        if (strcmp(code, "sickBaseline") == 0 && i >= 70)
            latency[SIDE_CONTROL][i] += 90;
        if (strcmp(code, "staleSeries") == 0 && i >= 100)
            latency[SIDE_EXPERIMENT][i] = NAN;
        if (strcmp(code, "flatSeries") == 0 && i >= 60)
            latency[SIDE_CONTROL][i] = latency[SIDE_CONTROL][60];
    }
}

static void each_fault_is_named(void **state)
{
    static const struct {
        const char *code, *text;
    } rows[] = {
        {"unequalTraffic", "the canary had 0.49"},
        {"unequalReplicas", "1 series of the canary against 2 of the baseline"},
        {"warmUp", "in the first 25 minutes more than later"},
        {"sickBaseline", "about 70 minutes after the start"},
        {"staleSeries", "the canary has no points in the last 20 steps"},
        {"flatSeries", "the baseline repeats"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f;
        const char *text, *found;

        set_up(&f, 7);
        damage(&f, rows[i].code);
        found = codes(&f, &text);
        row("%s: %s", rows[i].code, text);
        if (strcmp(rows[i].code, "flatSeries") != 0) /* its drift may be seen, too */
            assert_string_equal(rows[i].code, found);
        assert_non_null(strstr(found, rows[i].code));
        assert_non_null(strstr(text, "metric \"latency\""));
        assert_non_null(strstr(text, rows[i].text));
        assert_false(f.result.is_invalid);
        assert_near(100, f.result.score, 0);
        arena_free(f.arena);
    }
}

static void opted_in_the_verdict_is_invalid(void **state)
{
    struct fixture f;
    const char *text;

    (void)state;
    set_up(&f, 7);
    damage(&f, "staleSeries");
    f.policies[0].options.on_unfair = UNFAIR_INVALID;
    codes(&f, &text);
    assert_true(f.result.is_invalid);
    assert_near(0, f.result.score, 0);
    assert_int_equal(VERDICT_FAIL, f.result.verdict);
    assert_non_null(strstr(f.result.reason, "Canary Invalid: metric \"latency\""));
    arena_free(f.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quiet_data_is_fair),
        cmocka_unit_test(each_fault_is_named),
        cmocka_unit_test(opted_in_the_verdict_is_invalid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
