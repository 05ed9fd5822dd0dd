/* What Kayenta makes of odd configs; the rows with a j- number are lines of
 * fixtures/golden/judge-public.jsonl.gz. */
#include "analyzer/codec/policy_json.h"

#include "analyzer/remote_judge.h"
#include "base/json.h"
#include "tests/support.h"

#include <string.h>

#define THRESHOLDS "{\"pass\": 95, \"marginal\": \"75\"}"

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    assert_non_null(value);
    return value;
}

/* The policy of metric "m" with these settings under analysisConfigurations; the message otherwise.
 */
static enum err_code read_settings(const char *settings, struct metric_policy *out,
                                   struct error *err)
{
    static const struct metric_pair pair = {.name = "m"};
    struct arena *arena = arena_create();
    struct judge_input input;
    json_t *config = json_pack("{s:[{ss ss} {ss s[s] so}] s{}}", "metrics", "name", "other",
                               "analysisConfigurations", "never looked at", "name", "m", "groups",
                               "g", "analysisConfigurations", parse(settings), "classifier");
    json_t *thresholds = parse(THRESHOLDS);
    enum err_code rc = judge_input_from_json(config, thresholds, judge_find(JUDGE_DEFAULT_NAME),
                                             &pair, 1, arena, &input, err);

    if (rc == ERR_OK) {
        *out = input.policies[0];
        assert_near(95, input.score->pass, 0);
        assert_near(75, input.score->marginal, 0);
    }
    json_decref(config);
    json_decref(thresholds);
    arena_free(arena);
    return rc;
}

static void policy_defaults(void **state)
{
    static const char *const nothing[] = {
        "null",
        "{}",
        "{\"canary\": null}",
        "{\"canary\": {}}",
        "{\"other\": {\"direction\": \"decrease\", \"critical\": true}}",
        /* words it does not know, and texts of another type (j-1554, j-1557, j-1561, j-1564) */
        "{\"canary\": {\"direction\": 5, \"nanStrategy\": true}}",
        "{\"canary\": {\"direction\": \"INCREASE\", \"nanStrategy\": \"Replace\"}}",
        "{\"canary\": {\"effectSize\": {\"measure\": \"CLES\"}}}",
        /* something else on the way (j-1562, j-1563, j-1565, j-1566) */
        "{\"canary\": {\"effectSize\": null, \"outliers\": \"remove\"}}",
        "{\"canary\": {\"effectSize\": 7, \"outliers\": [{\"strategy\": \"remove\"}]}}",
        "{\"canary\": {\"direction\": [\"increase\"]}}",
        /* the factor is read only when outliers go (j-1547) */
        "{\"canary\": {\"outliers\": {\"strategy\": \"keep\", \"outlierFactor\": \"x\"}}}",
        "{\"canary\": {\"critical\": null, \"muted\": false}}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(nothing); i++) {
        struct metric_policy got;
        struct error err = {0};

        row("%s", nothing[i]);
        assert_int_equal(ERR_OK, read_settings(nothing[i], &got, &err));
        assert_int_equal(DIRECTION_EITHER, got.direction);
        assert_int_equal(NAN_REMOVE, got.nan_strategy);
        assert_int_equal(OUTLIERS_KEEP, got.outlier_strategy);
        assert_int_equal(EFFECT_MEAN_RATIO, got.effect_measure);
        assert_false(got.is_critical || got.must_have_data || got.is_muted);
        assert_near(1, got.allowed_increase, 0);
        assert_near(1, got.critical_decrease, 0);
    }
}

static void policy_reads_every_setting(void **state)
{
    struct metric_policy got;
    struct error err = {0};

    (void)state;
    assert_int_equal(
        ERR_OK,
        read_settings("{\"canary\": {\"direction\": \"decrease\", \"nanStrategy\": \"replace\","
                      "\"critical\": true, \"mustHaveData\": true, \"muted\": true,"
                      "\"effectSize\": {\"measure\": \"cles\", \"allowedIncrease\": 0.61,"
                      "\"allowedDecrease\": 0.37, \"criticalIncrease\": 1, \"criticalDecrease\":"
                      "null}, \"outliers\": {\"strategy\": \"remove\", \"outlierFactor\": 2}}}",
                      &got, &err));
    assert_int_equal(DIRECTION_DECREASE, got.direction);
    assert_int_equal(NAN_REPLACE, got.nan_strategy);
    assert_true(got.is_critical && got.must_have_data && got.is_muted);
    assert_int_equal(EFFECT_CLES, got.effect_measure);
    assert_near(0.61, got.allowed_increase, 0);
    assert_near(0.37, got.allowed_decrease, 0);
    assert_near(1, got.critical_increase, 0);
    assert_near(0, got.critical_decrease, 0); /* null is zero */
    assert_int_equal(OUTLIERS_REMOVE, got.outlier_strategy);
    assert_near(2, got.outlier_factor, 0);
    assert_int_equal(
        ERR_OK,
        read_settings("{\"canary\": {\"effectSize\": {\"measure\": \"cles\"}}}", &got, &err));
    assert_near(0.5, got.allowed_increase, 0);
    assert_int_equal(
        ERR_OK,
        read_settings("{\"canary\": {\"outliers\": {\"strategy\": \"remove\"}}}", &got, &err));
    assert_near(3, got.outlier_factor, 0);
}

static void policy_refuses_wrong_types(void **state)
{
    static const struct {
        const char *settings, *message;
    } rows[] = {
        {"{\"canary\": {\"critical\": \"true\"}}", "critical must be true or false"},
        {"{\"canary\": {\"muted\": 1}}", "muted must be true or false"},
        {"{\"canary\": {\"mustHaveData\": \"yes\"}}", "mustHaveData must be true or false"},
        {"{\"canary\": {\"direction\": null}}", "direction must not be null"},
        {"{\"canary\": {\"nanStrategy\": null}}", "nanStrategy must not be null"},
        {"{\"canary\": {\"effectSize\": {\"allowedIncrease\": \"1.2\"}}}",
         "effectSize.allowedIncrease must be a number"},
        {"{\"canary\": {\"effectSize\": {\"allowedIncrease\": 5000000000}}}",
         "effectSize.allowedIncrease must be a number"},
        {"{\"canary\": {\"effectSize\": [{\"allowedIncrease\": 1.2}]}}",
         "effectSize.allowedIncrease must be a number"},
        {"{\"canary\": [{\"critical\": true}]}", "critical must be true or false"},
        {"{\"canary\": {\"outliers\": {\"strategy\": \"remove\", \"outlierFactor\": \"3\"}}}",
         "outliers.outlierFactor must be a number"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct metric_policy got;
        struct error err = {0};

        row("%s", rows[i].settings);
        assert_int_equal(ERR_INVALID, read_settings(rows[i].settings, &got, &err));
        assert_non_null(strstr(err.message, rows[i].message));
    }
}

static void config_errors(void **state)
{
    static const struct {
        const char *config, *thresholds, *message;
    } rows[] = {
        {"{\"metrics\": [], \"classifier\": {}}", THRESHOLDS, "Could not find metric config for m"},
        {"{\"metrics\": [{\"name\": \"m\"}]}", THRESHOLDS, "the canary config has no classifier"},
        {"{\"metrics\": [{\"name\": \"m\", \"groups\": \"g\"}], \"classifier\": {}}", THRESHOLDS,
         "metric \"m\": groups must be a list"},
        {"{\"metrics\": [{\"name\": \"m\", \"groups\": [null]}], \"classifier\": {}}", THRESHOLDS,
         "metric \"m\": a group must be a text"},
        {"{\"metrics\": [{\"name\": \"m\"}], \"classifier\": {\"groupWeights\": {\"g\": null}}}",
         THRESHOLDS, "the weight of group \"g\" must be a number"},
        {"{\"metrics\": [{\"name\": \"m\"}], \"classifier\": {\"groupWeights\": []}}", THRESHOLDS,
         "classifier.groupWeights must be an object"},
        {"{\"metrics\": [{\"name\": \"m\"}], \"classifier\": {}}", "{\"pass\": 95}",
         "the score thresholds pass and marginal must both be numbers"},
        {"{\"metrics\": [{\"name\": \"m\"}], \"classifier\": {}}", "null",
         "the score thresholds pass and marginal must both be numbers"},
    };
    static const struct metric_pair pair = {.name = "m"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_t *config = parse(rows[i].config), *thresholds = parse(rows[i].thresholds);
        struct arena *arena = arena_create();
        struct judge_input got = {.n_pairs = 41};
        struct error err = {0};

        row("%s", rows[i].message);
        assert_int_equal(ERR_INVALID,
                         judge_input_from_json(config, thresholds, judge_find(JUDGE_DEFAULT_NAME),
                                               &pair, 1, arena, &got, &err));
        assert_string_equal(rows[i].message, err.message);
        assert_int_equal(41, got.n_pairs);
        arena_free(arena);
        json_decref(config);
        json_decref(thresholds);
    }
}

static void weights_are_numbers_or_texts_of_numbers(void **state)
{
    json_t *config = parse("{\"classifier\": {\"groupWeights\": {\"a\": \"60\", \"b\": 12.5},"
                           "\"scoreThresholds\": {\"pass\": 1, \"marginal\": 0}}}");
    json_t *thresholds = parse(THRESHOLDS);
    struct arena *arena = arena_create();
    struct judge_input got;
    struct error err = {0};

    (void)state;
    assert_int_equal(ERR_OK,
                     judge_input_from_json(config, thresholds, judge_find(JUDGE_DEFAULT_NAME), NULL,
                                           0, arena, &got, &err));
    assert_int_equal(2, got.score->n_weights);
    assert_string_equal("a", got.score->weights[0].group);
    assert_near(60, got.score->weights[0].weight, 0);
    assert_near(12.5, got.score->weights[1].weight, 0);
    assert_near(95, got.score->pass, 0); /* the config's own thresholds are never used */
    arena_free(arena);
    json_decref(config);
    json_decref(thresholds);
}

static void scoring_is_the_config_s(void **state)
{
    static const struct {
        const char *name, *judge, *whole, *metric;
        enum scoring want;
    } rows[] = {
        {"of the config", "RobustRank-v1.0", "graded", "kayenta", SCORING_GRADED},
        {"not of its first metric", "RobustRank-v1.0", "kayenta", "graded", SCORING_KAYENTA},
        {"not of the standard judge", JUDGE_DEFAULT_NAME, "graded", "graded", SCORING_KAYENTA},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *arena = arena_create();
        json_t *config =
            json_pack("{s{s[]}, s{s{ss}}, s[{sss{s{s{ss}}}}]}", "classifier", "unused", "judge",
                      "judgeConfigurations", "scoring", rows[i].whole, "metrics", "name", "m",
                      "analysisConfigurations", "canary", "judge", "scoring", rows[i].metric);
        json_t *thresholds = parse(THRESHOLDS);
        const struct metric_pair pair = {.name = "m"};
        struct judge_input got;
        struct error err = {0};

        row("%s", rows[i].name);
        assert_int_equal(ERR_OK,
                         judge_input_from_json(config, thresholds, judge_find(rows[i].judge), &pair,
                                               1, arena, &got, &err));
        assert_int_equal(rows[i].want, got.score->scoring);
        arena_free(arena);
        json_decref(config);
        json_decref(thresholds);
    }
}

static void judge_of_config_resolves(void **state)
{
    static const char *const fine[] = {
        "{}", "{\"judge\": null}", "{\"judge\": {}}", "{\"judge\": {\"name\": null}}",
        "{\"judge\": {\"name\": \"NetflixACAJudge-v1.0\", \"judgeConfigurations\": {}}}"};
    json_t *remote = parse("{\"judge\": {\"name\": \"RemoteJudge-v1.0\"}}");
    json_t *unknown = parse("{\"judge\": {\"name\": \"nobody\"}}");
    const struct judge_type *got;
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
        json_t *config = parse(fine[i]);

        row("%s", fine[i]);
        assert_int_equal(ERR_OK, judge_of_config(config, &got, &err));
        assert_string_equal(JUDGE_DEFAULT_NAME, got->name);
        json_decref(config);
    }
    assert_int_equal(ERR_OK, judge_of_config(remote, &got, &err));
    assert_true(judge_is_remote(got));
    assert_string_equal(REMOTE_JUDGE_NAME, got->name);
    json_decref(remote);
    assert_int_equal(ERR_INVALID, judge_of_config(unknown, &got, &err));
    assert_string_equal("Unable to resolve canary judge 'nobody'.", err.message);
    json_decref(unknown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_defaults),
        cmocka_unit_test(policy_reads_every_setting),
        cmocka_unit_test(policy_refuses_wrong_types),
        cmocka_unit_test(config_errors),
        cmocka_unit_test(weights_are_numbers_or_texts_of_numbers),
        cmocka_unit_test(scoring_is_the_config_s),
        cmocka_unit_test(judge_of_config_resolves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
