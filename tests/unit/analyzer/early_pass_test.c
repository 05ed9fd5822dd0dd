/* When an analysis may end with a pass: every metric that counts asks for it, has run long enough,
 * and is non-inferior by a test that may be stopped at any look. */
#include "analyzer/early_pass.h"

#include "base/error.h"

#include "tests/support.h"

#define SEQUENTIAL "\"sequential\":{}"
#define RESULT(name, decision, more, muted)                                                        \
    "{\"name\":\"" name "\",\"muted\":" muted                                                      \
    ",\"resultMetadata\":{\"judge\":{\"decision\":\"" decision "\"," more "}}}"
#define CONFIG(judge_name, all, of_second)                                                         \
    "{\"judge\":{\"name\":\"" judge_name "\",\"judgeConfigurations\":{" all "}},"                  \
    "\"metrics\":[{\"name\":\"a\"},{\"name\":\"b\",\"analysisConfigurations\":{\"canary\":{"       \
    "\"judge\":{" of_second "}}}}]}"
#define ON "\"earlyPass\":true,\"minRuntimeMins\":60"

static const struct {
    const char *name, *config, *results;
    double runtime_mins;
    bool is_due;
} cases[] = {
    {"all non-inferior", CONFIG("Sequential-v1.0", ON, ""),
     RESULT("a", "non-inferior", SEQUENTIAL, "false") "," RESULT("b", "non-inferior", SEQUENTIAL,
                                                                 "false"),
     60, true},
    {"too early", CONFIG("Sequential-v1.0", ON, ""),
     RESULT("a", "non-inferior", SEQUENTIAL, "false"), 59.5, false},
    {"not asked for", CONFIG("Sequential-v1.0", "", ""),
     RESULT("a", "non-inferior", SEQUENTIAL, "false"), 600, false},
    {"asked for by one of two", CONFIG("Sequential-v1.0", "", ON),
     RESULT("a", "non-inferior", SEQUENTIAL, "false") "," RESULT("b", "non-inferior", SEQUENTIAL,
                                                                 "false"),
     600, false},
    {"asked for by the one that counts", CONFIG("Sequential-v1.0", "", ON),
     RESULT("a", "harm", SEQUENTIAL, "true") "," RESULT("b", "non-inferior", SEQUENTIAL, "false"),
     600, true},
    {"one wants to run longer", CONFIG("Sequential-v1.0", ON, "\"minRuntimeMins\":61"),
     RESULT("a", "non-inferior", SEQUENTIAL, "false") "," RESULT("b", "non-inferior", SEQUENTIAL,
                                                                 "false"),
     60, false},
    {"one is inconclusive", CONFIG("Sequential-v1.0", ON, ""),
     RESULT("a", "non-inferior", SEQUENTIAL, "false") "," RESULT("b", "inconclusive", SEQUENTIAL,
                                                                 "false"),
     600, false},
    {"a test that must not be stopped", CONFIG("RobustRank-v1.0", ON, ""),
     RESULT("a", "non-inferior", "\"pValue\":1", "false"), 600, false},
    {"settled without a test", CONFIG("Sequential-v1.0", ON, ""),
     "{\"name\":\"a\",\"muted\":false,\"resultMetadata\":{\"ratio\":1.0}}", 600, false},
    {"all muted", CONFIG("Sequential-v1.0", ON, ""),
     RESULT("a", "non-inferior", SEQUENTIAL, "true"), 600, false},
    {"nothing judged", CONFIG("Sequential-v1.0", ON, ""), "", 600, false},
    {"no such judge", CONFIG("Oracle", ON, ""), RESULT("a", "non-inferior", SEQUENTIAL, "false"),
     600, false},
};

static void early_pass_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *config = json_loads(cases[i].config, 0, NULL);
        json_t *result = json_pack("{so}", "results", json_array());
        char text[1024];
        json_t *list;

        row("%s", cases[i].name);
        snprintf(text, sizeof(text), "[%s]", cases[i].results);
        list = json_loads(text, 0, NULL);
        assert_non_null(config);
        assert_non_null(list);
        json_object_set_new(result, "results", list);
        assert_int_equal(cases[i].is_due, early_pass_is_due(config, result, cases[i].runtime_mins));
        json_decref(config);
        json_decref(result);
    }
    assert_false(early_pass_is_due(NULL, NULL, 600));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(early_pass_cases)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
