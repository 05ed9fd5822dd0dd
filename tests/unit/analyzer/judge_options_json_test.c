/* What a config tells the judges: every key, its range, and who may override whom. */
#include "analyzer/codec/judge_options_json.h"

#include "base/json.h"
#include "tests/support.h"

#include <stdio.h>

struct heard {
    unsigned n_complaints, n_unknown;
    char pointer[128], text[256];
};

static void complain(void *ctx, const char *pointer, const char *text)
{
    struct heard *heard = ctx;

    heard->n_complaints++;
    snprintf(heard->pointer, sizeof(heard->pointer), "%s", pointer);
    snprintf(heard->text, sizeof(heard->text), "%s", text);
}

static void unknown(void *ctx, const char *pointer, const char *key)
{
    struct heard *heard = ctx;

    (void)key;
    heard->n_unknown++;
    snprintf(heard->pointer, sizeof(heard->pointer), "%s", pointer);
}

/* Read over the defaults; what the options borrow lives as long as `arena`. */
static struct judge_options read_text(const char *settings, struct arena *arena,
                                      struct heard *heard)
{
    json_t *value = json_loads(settings, JSON_DECODE_ANY, NULL);
    json_t *metrics = json_pack("[{ss}{ss}]", "name", "latency", "name", "requests");
    struct judge_options options = judge_options_default;
    const struct judge_options_reader reader = {.arena = arena,
                                                .judge = judge_find("RobustRank-v1.0"),
                                                .metrics = metrics,
                                                .complain = complain,
                                                .unknown = unknown,
                                                .ctx = heard};

    assert_non_null(value);
    *heard = (struct heard){0};
    json_keep(value, arena);
    json_keep(metrics, arena);
    judge_options_read(&reader, value, "/j", &options);
    return options;
}

static void every_key_is_read(void **state)
{
    struct arena *arena = arena_create();
    struct heard heard;
    struct judge_options got = read_text(
        "{\"alpha\": 0.05, \"method\": \"ess\", \"pairing\": \"unpaired\", \"independent\": true,"
        " \"minEffectivePoints\": 12, \"quantiles\": [0.9, 0.99, 0.5], \"bootstrapSamples\": 499,"
        " \"seed\": 7, \"exposureMetric\": \"requests\", \"metricType\": \"errorRate\","
        " \"model\": \"poisson\", \"g\": 0.5, \"minPoints\": 10,"
        " \"rateRatioPriorSd\": 0.7, \"multiplicity\": \"holm\", \"onInconclusive\": \"nodata\","
        " \"earlyPass\": true, \"minRuntimeMins\": 45, \"scoring\": \"graded\","
        " \"warmupMins\": 5, \"calibrationWindows\": 20, \"assume\": \"exchangeable\","
        " \"exact\": true, \"onUnfair\": \"invalid\", \"details\": true}",
        arena, &heard);

    (void)state;
    assert_int_equal(0, heard.n_complaints);
    assert_int_equal(0, heard.n_unknown);
    assert_near(0.05, got.alpha, 0);
    assert_int_equal(METHOD_ESS, got.method);
    assert_int_equal(POINTS_UNPAIRED, got.pairing);
    assert_true(got.is_independent && got.is_early_pass_on && got.is_exact && got.has_seed);
    assert_near(12, got.min_effective_points, 0);
    assert_int_equal(3, got.n_quantiles);
    assert_near(0.99, got.quantiles[1], 0);
    assert_int_equal(499, got.bootstrap_samples);
    assert_int_equal(7, got.seed);
    assert_string_equal("requests", got.exposure_metric);
    assert_int_equal(TYPE_ERROR_RATE, got.metric_type);
    assert_int_equal(MODEL_POISSON, got.model);
    assert_near(0.5, got.prior_g, 0);
    assert_int_equal(10, got.min_points);
    assert_near(0.7, got.rate_ratio_prior_sd, 0);
    assert_int_equal(MULTIPLICITY_HOLM, got.multiplicity);
    assert_int_equal(INCONCLUSIVE_NODATA, got.on_inconclusive);
    assert_near(45, got.min_runtime_mins, 0);
    assert_int_equal(SCORING_GRADED, got.scoring);
    assert_near(5, got.warmup_mins, 0);
    assert_int_equal(20, got.calibration_windows);
    assert_int_equal(ASSUME_EXCHANGEABLE, got.assumption);
    assert_int_equal(UNFAIR_INVALID, got.on_unfair);
    arena_free(arena);
}

static void confidence_is_another_word_for_alpha(void **state)
{
    struct arena *arena = arena_create();
    struct heard heard;

    (void)state;
    assert_near(0.05, read_text("{\"confidenceLevel\": 0.95}", arena, &heard).alpha, 1e-15);
    arena_free(arena);
}

static void bad_values_keep_the_default(void **state)
{
    static const struct {
        const char *settings, *pointer, *text;
    } rows[] = {
        {"{\"alpha\": 0.5}", "/j/alpha", "must be a number from 1e-06 to 0.2"},
        {"{\"alpha\": \"0.05\"}", "/j/alpha", "must be a number from 1e-06 to 0.2"},
        {"{\"confidenceLevel\": 1}", "/j/confidenceLevel", "must be a number from 0.8 to 0.999999"},
        {"{\"method\": \"ks\"}", "/j/method",
         "must be \"default\", \"har\", \"ess\" or \"independent\" for RobustRank-v1.0"},
        {"{\"pairing\": \"labels\"}", "/j/pairing", "must be \"auto\", \"paired\" or \"unpaired\""},
        {"{\"independent\": 1}", "/j/independent", "must be true or false"},
        {"{\"minEffectivePoints\": 1}", "/j/minEffectivePoints", "must be a number from 2 to 1000"},
        {"{\"quantiles\": []}", "/j/quantiles",
         "must be a list of 1 to 8 numbers between 0 and 1, such as [0.5, 0.95]"},
        {"{\"quantiles\": [1]}", "/j/quantiles",
         "must be a list of 1 to 8 numbers between 0 and 1, such as [0.5, 0.95]"},
        {"{\"bootstrapSamples\": 100}", "/j/bootstrapSamples",
         "must be a whole number from 199 to 9999"},
        {"{\"bootstrapSamples\": 999.5}", "/j/bootstrapSamples",
         "must be a whole number from 199 to 9999"},
        {"{\"calibrationWindows\": 5}", "/j/calibrationWindows",
         "must be 0 (off) or a whole number from 10 to 200"},
        {"{\"calibrationWindows\": 201}", "/j/calibrationWindows",
         "must be a whole number from 0 to 200"},
        {"{\"exposureMetric\": \"nobody\"}", "/j/exposureMetric",
         "must be the name of another metric of this config, one that gives requests (or seconds) "
         "per interval"},
        {"{\"exposureMetric\": 3}", "/j/exposureMetric",
         "must be the name of another metric of this config, one that gives requests (or seconds) "
         "per interval"},
        {"{\"earlyPass\": null}", "/j/earlyPass", "must be true or false"},
        {"[]", "/j", "must be an object"},
    };
    struct arena *arena = arena_create();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct heard heard;
        struct judge_options got = read_text(rows[i].settings, arena, &heard);

        row("%s", rows[i].settings);
        assert_int_equal(1, heard.n_complaints);
        assert_string_equal(rows[i].pointer, heard.pointer);
        assert_string_equal(rows[i].text, heard.text);
        assert_near(judge_options_default.alpha, got.alpha, 0);
        assert_int_equal(judge_options_default.method, got.method);
        assert_int_equal(2, got.n_quantiles);
        assert_int_equal(0, got.calibration_windows);
        assert_null(got.exposure_metric);
    }
    arena_free(arena);
}

static void unknown_keys_are_told(void **state)
{
    struct arena *arena = arena_create();
    struct heard heard;

    (void)state;
    read_text("{\"alhpa\": 0.05}", arena, &heard);
    assert_int_equal(0, heard.n_complaints);
    assert_int_equal(1, heard.n_unknown);
    assert_string_equal("/j/alhpa", heard.pointer);
    read_text("null", arena, &heard);
    assert_int_equal(0, heard.n_complaints + heard.n_unknown);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(confidence_is_another_word_for_alpha),
        cmocka_unit_test(bad_values_keep_the_default),
        cmocka_unit_test(unknown_keys_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
