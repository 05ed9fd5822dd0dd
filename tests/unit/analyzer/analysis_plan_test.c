/* Expected windows and sentences: the examples of Kayenta's stand-alone analysis (start 10:00 UTC).
 */
#include "tests/support.h"

#include "analyzer/analysis_plan.h"
#include "base/instant.h"
#include "base/json.h"

#include <string.h>

#define NOW "2026-08-20T10:00:00Z"

static enum err_code make(const char *request, struct arena *arena, struct analysis_plan *out,
                          struct error *err)
{
    struct error ignored = {0};
    json_t *json = NULL;
    int64_t now_unix_ns = 0;

    assert_int_equal(ERR_OK, instant_parse(NOW, &now_unix_ns, &ignored));
    assert_int_equal(ERR_OK, json_read(str_of(request), &json_limits_request, &json, &ignored));
    return analysis_plan_make(json_keep(json, arena), now_unix_ns, arena, out, err);
}

/* "10:05-11:05 10:05-12:05" and the like; hours and minutes of each experiment window. */
static const char *windows_text(const struct analysis_plan *plan, struct arena *arena)
{
    const char *out = "";

    for (size_t i = 0; i < plan->n_judgements; i++) {
        struct analysis_window window = analysis_plan_window(plan, i);
        char start[INSTANT_TEXT_BYTES], end[INSTANT_TEXT_BYTES];

        instant_text(window.start_unix_ns, start);
        instant_text(window.end_unix_ns, end);
        out = arena_printf(arena, "%s%s%.5s-%.5s", out, i ? " " : "", start + 11, end + 11);
    }
    return out;
}

static const struct {
    const char *request, *windows;
    bool waits;
} plans[] = {
    {"{\"scopes\":[{}],\"lifetimeDurationMins\":180,\"analysisIntervalMins\":60}",
     "10:00-11:00 10:00-12:00 10:00-13:00", true},
    {"{\"scopes\":[{}],\"lifetimeDurationMins\":180,\"analysisIntervalMins\":60,"
     "\"beginAfterMins\":5}",
     "10:05-11:05 10:05-12:05 10:05-13:05", true},
    {"{\"scopes\":[{}],\"lifetimeDurationMins\":180,\"analysisIntervalMins\":30,\"lookbackMins\":"
     "60}",
     "09:30-10:30 10:00-11:00 10:30-11:30 11:00-12:00 11:30-12:30 12:00-13:00", true},
    {"{\"scopes\":[{}],\"lifetimeDurationMins\":100,\"analysisIntervalMins\":40}",
     "10:00-10:40 10:00-11:20", true},
    {"{\"scopes\":[{\"startTimeIso\":\"2026-08-20T10:00:00Z\",\"endTimeIso\":\"2026-08-20T12:00:"
     "00Z\","
     "\"controlOffsetInMinutes\":1440}],\"analysisIntervalMins\":60,\"beginAfterMins\":5}",
     "10:00-11:00 10:00-12:00", false},
    {"{\"scopes\":[{\"endTimeIso\":\"2026-08-20T12:00:00Z\"}]}", "10:00-12:00", false},
    {"{\"scopes\":[{}],\"lifetimeDurationMins\":60,\"analysisIntervalMins\":0,\"lookbackMins\":"
     "null}",
     "10:00-11:00", true},
    {"{\"scopes\":[{}],\"lifetimeDurationMins\":60,\"analysisIntervalMins\":90}", "10:00-11:00",
     true},
};

static void windows_are_kayentas(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        struct arena *arena = arena_create();
        struct analysis_plan plan;
        struct error err = {0};

        row("%s", plans[i].request);
        assert_int_equal(ERR_OK, make(plans[i].request, arena, &plan, &err));
        assert_string_equal(plans[i].windows, windows_text(&plan, arena));
        if (plans[i].waits)
            assert_true(analysis_plan_due_unix_ms(&plan, 0) ==
                        analysis_plan_window(&plan, 0).end_unix_ns / NS_PER_MS);
        else
            assert_int_equal(0, analysis_plan_due_unix_ms(&plan, 0));
        arena_free(arena);
    }
}

/* Minutes after the start: the clock, how many judgements have been begun, what is next. */
static const struct {
    int now_min;
    size_t n_begun;
    int next_min; /* 0: a judgement is due */
} nexts[] = {
    {0, 0, 5},      /* the warm-up's end */
    {4, 0, 5},      /* still */
    {5, 0, 65},     /* the first judgement */
    {64, 0, 65},    /* still */
    {65, 0, 0},     /* due */
    {65, 1, 125},   /* the second */
    {300, 1, 0},    /* missed, and caught up */
    {-1000, 0, 5},  /* a clock that was put back */
    {-1000, 1, 125} /* has no second warm-up */
};

static void what_is_next_follows_from_the_clock(void **state)
{
    struct arena *arena = arena_create();
    struct analysis_plan plan;
    struct error err = {0};

    (void)state;
    assert_int_equal(ERR_OK, make("{\"scopes\":[{}],\"lifetimeDurationMins\":120,"
                                  "\"analysisIntervalMins\":60,\"beginAfterMins\":5}",
                                  arena, &plan, &err));
    for (size_t i = 0; i < ARRAY_LEN(nexts); i++) {
        int64_t start_unix_ms = plan.start_unix_ns / NS_PER_MS;
        int64_t next_unix_ms = analysis_plan_next_unix_ms(
            &plan, nexts[i].n_begun, start_unix_ms + nexts[i].now_min * 60 * MS_PER_S);

        row("at %d min after %zu", nexts[i].now_min, nexts[i].n_begun);
        assert_int_equal(nexts[i].next_min ? start_unix_ms + nexts[i].next_min * 60 * MS_PER_S : 0,
                         next_unix_ms);
    }
    arena_free(arena);
}

static void a_judgement_asks_for_its_windows(void **state)
{
    struct arena *arena = arena_create();
    struct analysis_plan plan;
    struct error err = {0};
    char *text;

    (void)state;
    assert_int_equal(
        ERR_OK,
        make("{\"scopes\":[{\"controlScope\":\"v41\",\"experimentScope\":\"v42\",\"step\":0,"
             "\"controlOffsetInMinutes\":60,\"extendedScopeParams\":{\"ns\":\"prod\"}}],"
             "\"thresholds\":{\"pass\":\"95\",\"marginal\":75},\"lifetimeDurationMins\":60,"
             "\"siteLocal\":{\"a\":1}}",
             arena, &plan, &err));
    text = json_write_arena(json_keep(analysis_plan_request(&plan, 0), arena), arena);
    assert_string_equal(
        "{\"scopes\":{\"default\":{\"controlScope\":{\"scope\":\"v41\","
        "\"start\":\"2026-08-20T09:00:00Z\",\"end\":\"2026-08-20T10:00:00Z\",\"step\":60,"
        "\"extendedScopeParams\":{\"ns\":\"prod\"}},\"experimentScope\":{\"scope\":\"v42\","
        "\"start\":\"2026-08-20T10:00:00Z\",\"end\":\"2026-08-20T11:00:00Z\",\"step\":60,"
        "\"extendedScopeParams\":{\"ns\":\"prod\"}}}},"
        "\"thresholds\":{\"pass\":95.0,\"marginal\":75.0},\"siteLocal\":{\"a\":1}}",
        text);
    arena_free(arena);
}

static const struct {
    const char *request, *pointer;
} refused[] = {
    {"{}", "/scopes"},
    {"{\"scopes\":[]}", "/scopes"},
    {"{\"scopes\":[{}]}", "/lifetimeDurationMins"},
    {"{\"scopes\":[{}],\"lifetimeDurationMins\":0}", "/lifetimeDurationMins"},
    {"{\"scopes\":[{}],\"lifetimeDurationMins\":-5}", "/lifetimeDurationMins"},
    {"{\"scopes\":[{}],\"lifetimeDurationMins\":200000}", "/lifetimeDurationMins"},
    {"{\"scopes\":[{}],\"lifetimeDurationMins\":60,\"analysisIntervalMins\":-1}",
     "/analysisIntervalMins"},
    {"{\"scopes\":[{}],\"lifetimeDurationMins\":2001,\"analysisIntervalMins\":1}",
     "/analysisIntervalMins"},
    {"{\"scopes\":[{}],\"lifetimeDurationMins\":60,\"beginAfterMins\":43201}", "/beginAfterMins"},
    {"{\"scopes\":[{}],\"lifetimeDurationMins\":60,\"lookbackMins\":9223372036854775807}",
     "/lookbackMins"},
    {"{\"scopes\":[{\"endTimeIso\":\"2026-08-20T09:00:00Z\"}]}", "/scopes/0/endTimeIso"},
    {"{\"scopes\":[{\"startTimeIso\":\"noon\"}],\"lifetimeDurationMins\":60}",
     "/scopes/0/startTimeIso"},
    {"{\"scopes\":[{},{\"controlOffsetInMinutes\":99999999999}],\"lifetimeDurationMins\":60}",
     "/scopes/1/controlOffsetInMinutes"},
    {"{\"scopes\":{},\"lifetimeDurationMins\":60}", "/scopes"},
};

static void what_makes_no_plan_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct arena *arena = arena_create();
        struct analysis_plan plan;
        struct error err = {0};

        row("%s", refused[i].request);
        assert_int_equal(ERR_INVALID, make(refused[i].request, arena, &plan, &err));
        assert_string_equal(refused[i].pointer, err.pointer);
        arena_free(arena);
    }
}

static void the_last_score_decides(void **state)
{
    static const struct {
        double scores[2];
        size_t n_scores;
        bool has_passed;
        const char *message;
    } cases[] = {
        {{0}, 0, false, "There were no successful canary judgements to aggregate"},
        {{100, 90}, 2, false, "Final canary score 90.0 is below the pass score threshold."},
        {{50, 95}, 2, true, "Final canary score 95.0 met or exceeded the pass score threshold."},
        {{100, 75}, 2, false, "Final canary score 75.0 is not above the marginal score threshold."},
        {{75.5}, 1, false, "Final canary score 75.5 is below the pass score threshold."},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct analysis_verdict got =
            analysis_verdict_of(cases[i].scores, cases[i].n_scores, 95, 75);

        assert_string_equal(cases[i].message, got.message);
        assert_int_equal(cases[i].has_passed, got.has_passed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_kayentas),
        cmocka_unit_test(what_is_next_follows_from_the_clock),
        cmocka_unit_test(a_judgement_asks_for_its_windows),
        cmocka_unit_test(what_makes_no_plan_is_refused),
        cmocka_unit_test(the_last_score_decides),
    };

    return cmocka_run_group_tests_name("analyzer/analysis_plan", tests, NULL, NULL);
}
