/* Results of a judge that is not ours: what is taken from them, and what is refused. */
#include "analyzer/codec/judge_result_read.h"

#include "base/limits.h"
#include "tests/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SCORE ", \"score\": {\"score\": 96.5, \"classification\": \"Pass\"}}"
#define A "{\"id\": \"id-a\", \"classification\": \"Pass\"}"
#define C "{\"id\": \"id-c\", \"classification\": \"Pass\"}"

static const char *const groups[] = {"Latency"};
static const struct metric_pair pairs[] = {
    {.name = "a", .id = "id-a"}, {.name = "muted", .id = "id-m"}, {.name = "c", .id = "id-c"}};
static const struct metric_policy policies[] = {
    {.groups = groups, .n_groups = 1}, {.is_muted = true}, {.groups = groups, .n_groups = 1}};
static const struct score_policy score_policy = {.pass = 95, .marginal = 75};
static const struct judge_input input = {
    .pairs = pairs, .n_pairs = 3, .policies = policies, .score = &score_policy};

static enum err_code read(const char *text, struct arena *arena, struct judge_result *out,
                          struct error *err)
{
    *out = (struct judge_result){.score = -1};
    return judge_result_read(str_of(text), "Remote", &input, arena, out, err);
}

static void everything_is_taken(void **state)
{
    static const char text[] =
        "{\"judgeName\": \"Mine-v2\", \"unknown\": {\"a\": [1]}, \"results\": ["
        "{\"id\": \"id-c\", \"name\": \"c\", \"tags\": {\"pod\": \"theirs\"},"
        " \"classification\": \"High\", \"classificationReason\": \"too high\","
        " \"groups\": [\"x\", \"y\"], \"critical\": true, \"muted\": null,"
        " \"experimentMetadata\": {\"stats\": {\"count\": 61, \"mean\": 1.0625, \"min\": -0.5,"
        "   \"max\": \"7.75\", \"std\": \"NaN\"}},"
        " \"controlMetadata\": {\"stats\": {\"count\": 59.0, \"mean\": 2.125}},"
        " \"resultMetadata\": {\"ratio\": 1.171875, \"own\": true}},"
        "{\"id\": \"id-a\", \"classification\": \"Nodata\", \"muted\": true}],"
        "\"groupScores\": [{\"name\": \"x\", \"score\": 12.5, \"classification\": \"\"}],"
        "\"score\": {\"score\": \"80.25\", \"classification\": \"Marginal\","
        " \"classificationReason\": \"so so\"}}";
    struct arena *arena = arena_create();
    const struct metric_result *a, *c;
    struct judge_result got;
    struct error err = {0};

    (void)state;
    assert_int_equal(ERR_OK, read(text, arena, &got, &err));
    assert_string_equal("Mine-v2", got.judge_name);
    assert_near(80.25, got.score, 0);
    assert_int_equal(VERDICT_MARGINAL, got.verdict);
    assert_string_equal("so so", got.reason);
    assert_int_equal(1, got.n_groups);
    assert_string_equal("x", got.groups[0].name);
    assert_near(12.5, got.groups[0].score, 0);
    assert_int_equal(2, got.n_results);
    a = &got.results[0]; /* in the order of the pairs */
    c = &got.results[1];
    assert_ptr_equal(&pairs[0], a->pair);
    assert_ptr_equal(&policies[0], a->policy);
    assert_int_equal(CLASS_NODATA, a->classification);
    assert_true(a->is_muted && !a->is_critical && !a->has_ratio && !a->reason);
    assert_string_equal("Latency", a->groups[0]);
    assert_int_equal(0, a->stats[SIDE_CONTROL].count);
    assert_ptr_equal(&pairs[2], c->pair);
    assert_int_equal(CLASS_HIGH, c->classification);
    assert_string_equal("too high", c->reason);
    assert_int_equal(2, c->n_groups);
    assert_string_equal("y", c->groups[1]);
    assert_true(c->is_critical && !c->is_muted && c->has_ratio);
    assert_near(1.171875, c->ratio, 0);
    assert_int_equal(61, c->stats[SIDE_EXPERIMENT].count);
    assert_near(1.0625, c->stats[SIDE_EXPERIMENT].mean, 0);
    assert_near(-0.5, c->stats[SIDE_EXPERIMENT].min, 0);
    assert_near(7.75, c->stats[SIDE_EXPERIMENT].max, 0);
    assert_near(NAN, c->stats[SIDE_EXPERIMENT].std, 0);
    assert_int_equal(59, c->stats[SIDE_CONTROL].count);
    assert_near(2.125, c->stats[SIDE_CONTROL].mean, 0);
    assert_false(c->has_interval || c->report || got.explanations);
    arena_free(arena);
}

static void a_score_of_nothing_is_no_data(void **state)
{
    static const struct {
        const char *a, *c, *score;
        bool is_forced;
    } cases[] = {
        {"\"Nodata\"", "\"Pass\"", "0", true},
        {"\"Nodata\"", "\"Pass\"", "-0.0", true},
        {"\"Nodata\"", "\"Pass\"", "0.5", false},
        {"\"High\"", "\"Low\"", "0", false},
        {"\"Nodata\"", "\"High\", \"critical\": true", "0", false},
        {"\"Nodata\"", "\"Pass\", \"critical\": true", "0", true},
        {"\"Nodata\", \"muted\": true", "\"High\"", "0", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();
        struct judge_result got;
        struct error err = {0};

        row("case %zu", i);
        assert_int_equal(
            ERR_OK, read(arena_printf(arena,
                                      "{\"results\": [{\"id\": \"id-a\", \"classification\": %s},"
                                      " {\"id\": \"id-c\", \"classification\": %s}],"
                                      " \"score\": {\"score\": %s, \"classification\": \"Fail\"}}",
                                      cases[i].a, cases[i].c, cases[i].score),
                         arena, &got, &err));
        assert_int_equal(cases[i].is_forced, got.is_forced_by_nodata);
        assert_false(signbit(got.score));
        arena_free(arena);
    }
}

static void whatever_does_not_fit_is_refused(void **state)
{
    static const struct {
        const char *text, *pointer, *message;
    } cases[] = {
        {"", "", ""},
        {"[]", "/results", "missing"},
        {"{\"results\": {}" SCORE, "/results", "missing"},
        {"{\"results\": [" A ", 7]" SCORE, "/results/1", "object"},
        {"{\"results\": [" A "]" SCORE, "/results", "\"c\" (id \"id-c\")"},
        {"{\"results\": [" A ", " A "]" SCORE, "/results/1/id", "two results"},
        {"{\"results\": [{\"id\": \"id-b\"}]" SCORE, "/results/0/id", "\"id-b\""},
        {"{\"results\": [{\"id\": 5}]" SCORE, "/results/0/id", "missing"},
        {"{\"results\": [{\"id\": \"id-a\", \"name\": \"c\"}]" SCORE, "/results/0/name", "\"c\""},
        {"{\"results\": [{\"id\": \"id-a\"}]" SCORE, "/results/0/classification", "Nodata"},
        {"{\"results\": [{\"id\": \"id-a\", \"classification\": \"pass\"}]" SCORE,
         "/results/0/classification", "Pass"},
        {"{\"results\": [{\"id\": \"id-a\", \"classification\": \"Pass\","
         " \"classificationReason\": 1}]" SCORE,
         "/results/0/classificationReason", "text"},
        {"{\"results\": [{\"id\": \"id-a\", \"classification\": \"Pass\", \"groups\": [1]}]" SCORE,
         "/results/0/groups", "list"},
        {"{\"results\": [{\"id\": \"id-a\", \"classification\": \"Pass\", \"groups\": {}}]" SCORE,
         "/results/0/groups", "list"},
        {"{\"results\": [{\"id\": \"id-a\", \"classification\": \"Pass\", \"critical\": 1}]" SCORE,
         "/results/0/critical", "true or false"},
        {"{\"results\": [{\"id\": \"id-a\", \"classification\": \"Pass\", \"muted\": \"\"}]" SCORE,
         "/results/0/muted", "true or false"},
        {"{\"results\": [{\"id\": \"id-a\", \"classification\": \"Pass\","
         " \"controlMetadata\": {\"stats\": {\"count\": 1.5}}}]" SCORE,
         "/results/0/controlMetadata/stats/count", "whole number"},
        {"{\"results\": [{\"id\": \"id-a\", \"classification\": \"Pass\","
         " \"controlMetadata\": {\"stats\": {\"count\": \"NaN\"}}}]" SCORE,
         "/results/0/controlMetadata/stats/count", "whole number"},
        {"{\"results\": [{\"id\": \"id-a\", \"classification\": \"Pass\","
         " \"experimentMetadata\": {\"stats\": {\"mean\": true}}}]" SCORE,
         "/results/0/experimentMetadata/stats/mean", "number"},
        {"{\"results\": [{\"id\": \"id-a\", \"classification\": \"Pass\","
         " \"resultMetadata\": {\"ratio\": \"half\"}}]" SCORE,
         "/results/0/resultMetadata/ratio", "number"},
        {"{\"judgeName\": 1, \"results\": [" A ", " C "]" SCORE, "/judgeName", "text"},
        {"{\"groupScores\": 1, \"results\": [" A ", " C "]" SCORE, "/groupScores", "list"},
        {"{\"groupScores\": [{\"score\": 1}], \"results\": [" A ", " C "]" SCORE,
         "/groupScores/0/name", "missing"},
        {"{\"groupScores\": [{\"name\": \"g\", \"score\": 101}], \"results\": [" A ", " C "]" SCORE,
         "/groupScores/0/score", "101"},
        {"{\"results\": [" A ", " C "]}", "/score", "missing"},
        {"{\"results\": [" A ", " C "], \"score\": 96}", "/score", "missing"},
        {"{\"results\": [" A ", " C "], \"score\": {\"classification\": \"Pass\"}}", "/score/score",
         "missing"},
        {"{\"results\": [" A ", " C
         "], \"score\": {\"score\": \"Infinity\", \"classification\": \"Pass\"}}",
         "/score/score", "inf"},
        {"{\"results\": [" A ", " C
         "], \"score\": {\"score\": \"NaN\", \"classification\": \"Fail\"}}",
         "/score/score", "nan"},
        {"{\"results\": [" A ", " C
         "], \"score\": {\"score\": 100.01, \"classification\": \"Pass\"}}",
         "/score/score", "100.01"},
        {"{\"results\": [" A ", " C "], \"score\": {\"score\": 100}}", "/score/classification",
         "Marginal"},
        {"{\"results\": [" A ", " C
         "], \"score\": {\"score\": 100, \"classification\": \"Nodata\"}}",
         "/score/classification", "Marginal"},
        {"{\"results\": [" A ", " C
         "], \"score\": {\"score\": 94.99, \"classification\": \"Pass\"}}",
         "/score/classification", "94.99 is Marginal by the thresholds pass 95 and marginal 75"},
        {"{\"results\": [" A ", " C "], \"score\": {\"score\": 99, \"classification\": \"Fail\"}}",
         "/score/classification", "99 is Pass"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();
        struct judge_result got;
        struct error err = {0};

        row("%s", cases[i].text);
        assert_int_equal(ERR_INVALID, read(cases[i].text, arena, &got, &err));
        assert_string_equal(cases[i].pointer, err.pointer);
        assert_non_null(strstr(err.message, cases[i].message));
        assert_near(-1, got.score, 0); /* out is untouched */
        arena_free(arena);
    }
}

/* A result that is right but for `more`, put into its unknown member. */
static enum err_code read_with(const char *more, struct error *err)
{
    struct arena *arena = arena_create();
    struct judge_result got;
    enum err_code rc =
        read(arena_printf(arena, "{\"more\": %s, \"results\": [" A ", " C "]" SCORE, more), arena,
             &got, err);

    arena_free(arena);
    return rc;
}

static void too_much_is_refused(void **state)
{
    char *text = malloc(REMOTE_JUDGE_MAX_REPLY_BYTES + 3);
    struct error err = {0};

    (void)state;
    assert_non_null(text);
    assert_int_equal(ERR_OK, read_with("[[[[[[[[[[[[[[1]]]]]]]]]]]]]]", &err)); /* 15 levels */
    assert_int_equal(ERR_INVALID, read_with("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", &err));
    assert_string_equal("json_too_deep", error_reason(&err));
    err = (struct error){0};
    memset(text, ' ', REMOTE_JUDGE_MAX_REPLY_BYTES);
    memcpy(text + REMOTE_JUDGE_MAX_REPLY_BYTES, "{}", 3);
    assert_int_equal(ERR_INVALID, read_with(text, &err));
    assert_string_equal("json_too_large", error_reason(&err));
    free(text);
}

static void pairs_need_ids_of_their_own(void **state)
{
    static const struct metric_pair nameless[] = {{.name = "a"}};
    static const struct metric_pair twins[] = {{.name = "a", .id = "1"}, {.name = "b", .id = "1"}};
    const struct judge_input without = {
        .pairs = nameless, .n_pairs = 1, .policies = policies, .score = &score_policy};
    const struct judge_input with_twins = {
        .pairs = twins, .n_pairs = 2, .policies = policies, .score = &score_policy};
    struct arena *arena = arena_create();
    struct judge_result got;
    struct error err = {0};

    (void)state;
    assert_int_equal(ERR_INVALID,
                     judge_result_read(str_of("{}"), "Remote", &without, arena, &got, &err));
    assert_non_null(strstr(err.message, "\"a\" has no id"));
    err = (struct error){0};
    assert_int_equal(ERR_INVALID,
                     judge_result_read(str_of("{}"), "Remote", &with_twins, arena, &got, &err));
    assert_non_null(strstr(err.message, "\"b\" has not an id of its own"));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_taken),
        cmocka_unit_test(a_score_of_nothing_is_no_data),
        cmocka_unit_test(whatever_does_not_fit_is_refused),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(pairs_need_ids_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
