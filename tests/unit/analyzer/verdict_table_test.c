#include "analyzer/verdict_table.h"

#include "analyzer/cli.h"
#include "tests/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const errors[] = {"Errors"}, *const latency[] = {"Latency"};
static const struct metric_pair pairs[] = {
    {.name = "http_5xx_ratio"},
    {.name = "p99\033[2J_with_a_name_that_is_much_too_long_for_its_column"},
    {.name = "grpc_errors"},
};
static const struct metric_result results[] = {
    {.pair = &pairs[0],
     .classification = CLASS_HIGH,
     .reason = "The metric http_5xx_ratio was classified as High (Critical)",
     .groups = errors,
     .n_groups = 1,
     .stats = {{60, 0.0121, 0, 0.05, 0.01}, {60, 0.0413, 0, 0.09, 0.02}},
     .has_ratio = true,
     .ratio = 3.413,
     .is_critical = true,
     .has_interval = true,
     .lower = 0.0261,
     .upper = 0.0448,
     .estimate = 0.0312,
     .effect_size = 3.413},
    {.pair = &pairs[1],
     .groups = latency,
     .n_groups = 1,
     .stats = {{60, 200, 100, 300, 10}, {60, 210, 100, 300, 10}},
     .has_ratio = true,
     .ratio = 1.05,
     .has_interval = true,
     .effect_size = 1.05},
    {.pair = &pairs[2],
     .classification = CLASS_NODATA,
     .reason = "Missing data for grpc_errors",
     .stats = {{60, 3, 1, 9, 1}, {0}},
     .has_ratio = true,
     .ratio = 1,
     .is_muted = true},
};
static const struct group_score groups[] = {{"Latency", 100, true}, {"Errors", 0, true}};
static const struct group_weight weights[] = {{"Errors", 50}};
static const struct score_policy policy = {
    .pass = 95, .marginal = 75, .weights = weights, .n_weights = 1};

static struct judge_result failed(void)
{
    return (struct judge_result){
        .judge_name = "j",
        .results = results,
        .n_results = ARRAY_LEN(results),
        .groups = groups,
        .n_groups = ARRAY_LEN(groups),
        .verdict = VERDICT_FAIL,
        .reason = "Canary Failed: The metric http_5xx_ratio was classified as High (Critical)"};
}

static char *table(const struct judge_result *result, bool use_colour)
{
    char *text = NULL;
    size_t n_bytes;
    FILE *out = open_memstream(&text, &n_bytes);

    verdict_table(result, &policy, "golden-signals", out, use_colour);
    fclose(out);
    return text;
}

/* Tests run in the "C" locale, so the marks are ASCII. */
static void table_says_what_and_why(void **state)
{
    static const char *const expected[] = {
        "x FAIL   0 / 100   marginal 75, pass 95   golden-signals\n",
        "  1 of 3 metrics is worse in the canary, 1 without data.",
        "  Errors                              0 / 100   weight 50\n"
        "    ^ http_5xx_ratio                * High        +241.3 %  3.41x\n",
        "    o p99?[2J_with_a_name_that_is_~   Pass          +5.0 %  1.05x\n",
        "  Not scored\n    - grpc_errors                     No data            -  -\n",
        "why http_5xx_ratio: the canary is higher: mean 0.0413 against 0.0121; shifted\n"
        "      by 0.0312 (98 % interval 0.0261 to 0.0448); the metric is critical\n",
        "why grpc_errors: no points on the side of the canary\n",
    };
    struct judge_result result = failed();
    char *text = table(&result, false);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        if (!strstr(text, expected[i]))
            fail_msg("no \"%s\" in\n%s", expected[i], text);
    assert_null(strchr(text, '\033'));
    for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        assert_in_range(strcspn(line, "\n"), 0, 80);
    free(text);
}

static void table_takes_colour_when_told(void **state)
{
    struct judge_result result = failed();
    char *text = table(&result, true);

    (void)state;
    assert_int_equal(0, strncmp(text, "\033[31mx FAIL\033[0m", 14));
    assert_null(strstr(text, "\033[2J"));
    free(text);
}

static void exit_codes_follow_the_verdict(void **state)
{
    struct judge_result result = failed();
    struct metric_result nodata = {.pair = &pairs[0], .classification = CLASS_NODATA};

    (void)state;
    assert_int_equal(EXIT_FAIL, verdict_exit_code(&result));
    result.is_forced_by_nodata = true; /* but one is High */
    assert_int_equal(EXIT_FAIL, verdict_exit_code(&result));
    result.results = &nodata;
    result.n_results = 1;
    assert_int_equal(EXIT_NODATA, verdict_exit_code(&result));
    result.is_forced_by_nodata = false;
    result.verdict = VERDICT_MARGINAL;
    assert_int_equal(EXIT_MARGINAL, verdict_exit_code(&result));
    result.verdict = VERDICT_PASS;
    assert_int_equal(EXIT_PASS, verdict_exit_code(&result));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_says_what_and_why),
        cmocka_unit_test(table_takes_colour_when_told),
        cmocka_unit_test(exit_codes_follow_the_verdict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
