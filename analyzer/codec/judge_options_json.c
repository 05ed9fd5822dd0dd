#include "analyzer/codec/judge_options_json.h"

#include "analyzer/mix.h"
#include "judge/tested.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum kind { KIND_NUMBER, KIND_COUNT, KIND_FLAG, KIND_WORD, KIND_TEXT, KIND_QUANTILES, KIND_SKIP };

/* Words of an enum, in its order; NULL-terminated. */
static const char *const methods[] = {"default",   "har", "ess", "independent", "welch",
                                      "bootstrap", "ks",  "ad",  "quantile",    NULL};
static const char *const pairings[] = {"auto", "paired", "unpaired", NULL};
static const char *const metric_types[] = {"gauge",     "latency",   "counter",
                                           "errorRate", "histogram", NULL};
static const char *const models[] = {"default", "har", "poisson", "bernoulli", "tempered", NULL};
static const char *const multiplicities[] = {"none", "holm", "bh", "by", NULL};
static const char *const inconclusives[] = {"pass", "nodata", "fail", NULL};
static const char *const unfairs[] = {"warn", "invalid", NULL};
static const char *const scorings[] = {"kayenta", "graded", NULL};
static const char *const assumptions[] = {"nothing", "exchangeable", NULL};

static const struct key {
    const char *name;
    enum kind kind;
    size_t offset;
    double low, high;         /* numbers and counts */
    const char *const *words; /* enums, which are ints */
} keys[] = {
#define AT(member) offsetof(struct judge_options, member)
    {"alpha", KIND_NUMBER, AT(alpha), 1e-6, 0.2, NULL},
    {"confidenceLevel", KIND_NUMBER, AT(alpha), 0.8, 1 - 1e-6, NULL},
    {"method", KIND_WORD, AT(method), 0, 0, methods},
    {"pairing", KIND_WORD, AT(pairing), 0, 0, pairings},
    {"independent", KIND_FLAG, AT(is_independent), 0, 0, NULL},
    {"minEffectivePoints", KIND_NUMBER, AT(min_effective_points), 2, 1000, NULL},
    {"quantiles", KIND_QUANTILES, 0, 0, 0, NULL},
    {"bootstrapSamples", KIND_COUNT, AT(bootstrap_samples), 199, 9999, NULL},
    {"seed", KIND_COUNT, AT(seed), 0, 9007199254740991.0, NULL},
    {"exposureMetric", KIND_TEXT, AT(exposure_metric), 0, 0, NULL},
    {"metricType", KIND_WORD, AT(metric_type), 0, 0, metric_types},
    {"model", KIND_WORD, AT(model), 0, 0, models},
    {"g", KIND_NUMBER, AT(prior_g), 0.01, 4, NULL},
    {"minPoints", KIND_COUNT, AT(min_points), 3, 500, NULL},
    {"rateRatioPriorSd", KIND_NUMBER, AT(rate_ratio_prior_sd), 0.05, 2, NULL},
    {"multiplicity", KIND_WORD, AT(multiplicity), 0, 0, multiplicities},
    {"onInconclusive", KIND_WORD, AT(on_inconclusive), 0, 0, inconclusives},
    {"earlyPass", KIND_FLAG, AT(is_early_pass_on), 0, 0, NULL},
    {"minRuntimeMins", KIND_NUMBER, AT(min_runtime_mins), 0, 100000, NULL},
    {"scoring", KIND_WORD, AT(scoring), 0, 0, scorings},
    {"warmupMins", KIND_NUMBER, AT(warmup_mins), 0, 100000, NULL},
    {"calibrationWindows", KIND_COUNT, AT(calibration_windows), 0, 200, NULL},
    {"assume", KIND_WORD, AT(assumption), 0, 0, assumptions},
    {"exact", KIND_FLAG, AT(is_exact), 0, 0, NULL},
    {"onUnfair", KIND_WORD, AT(on_unfair), 0, 0, unfairs},
    {"details", KIND_SKIP, 0, 0, 0, NULL},
    {PAIRING_KEY, KIND_SKIP, 0, 0, 0, NULL},
#undef AT
};

/* One key of one object on its way in. */
struct place {
    const struct judge_options_reader *reader;
    const char *pointer; /* of the value */
    struct judge_options *options;
};

static void refuse(const struct place *place, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void refuse(const struct place *place, const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    place->reader->complain(place->reader->ctx, place->pointer,
                            arena_strdup(place->reader->arena, text));
}

static void put(const struct place *place, const struct key *key, const void *value, size_t size)
{
    memcpy((char *)place->options + key->offset, value, size);
}

static void read_number(const struct place *place, const struct key *key, const json_t *value)
{
    double number = json_number_value(value);

    if (!json_is_number(value) || !(number >= key->low && number <= key->high)) {
        refuse(place, "must be a number from %g to %g", key->low, key->high);
        return;
    }
    if (strcmp(key->name, "confidenceLevel") == 0)
        number = 1 - number;
    put(place, key, &number, sizeof(number));
}

static void read_count(const struct place *place, const struct key *key, const json_t *value)
{
    double number = json_number_value(value);

    if (!json_is_integer(value) || !(number >= key->low && number <= key->high)) {
        refuse(place, "must be a whole number from %.0f to %.0f", key->low, key->high);
        return;
    }
    if (key->offset == offsetof(struct judge_options, seed)) {
        place->options->seed = (uint64_t)json_integer_value(value);
        place->options->has_seed = true;
    } else {
        put(place, key, &(size_t){(size_t)json_integer_value(value)}, sizeof(size_t));
    }
}

/* 0 is off, and fewer than ten windows say too little. */
static void check_calibration(const struct place *place)
{
    size_t n_windows = place->options->calibration_windows;

    if (n_windows > 0 && n_windows < CALIBRATION_MIN_WINDOWS) {
        place->options->calibration_windows = 0;
        refuse(place, "must be 0 (off) or a whole number from %u to 200", CALIBRATION_MIN_WINDOWS);
    }
}

/* "a", "b" or "c", of those that `may` have a bit for. */
static const char *alternatives(const struct place *place, const char *const *words, unsigned may)
{
    struct arena *arena = place->reader->arena;
    const char *out = "";
    unsigned last = 0;

    for (unsigned i = 0; words[i]; i++)
        last = may >> i & 1 ? i : last;
    for (unsigned i = 0; words[i]; i++)
        if (may >> i & 1)
            out = arena_printf(arena, "%s%s\"%s\"", out,
                               !*out       ? ""
                               : i == last ? " or "
                                           : ", ",
                               words[i]);
    return out;
}

static void read_word(const struct place *place, const struct key *key, const json_t *value)
{
    const char *text = json_string_value(value);
    unsigned may = key->words == methods ? place->reader->judge->methods | 1u : ~0u;

    for (unsigned i = 0; text && key->words[i]; i++)
        if (strcmp(key->words[i], text) == 0 && may >> i & 1) {
            put(place, key, &i, sizeof(i));
            return;
        }
    refuse(place, "must be %s%s%s", alternatives(place, key->words, may),
           key->words == methods ? " for " : "",
           key->words == methods ? place->reader->judge->name : "");
}

static void read_flag(const struct place *place, const struct key *key, const json_t *value)
{
    bool flag = json_is_true(value);

    if (json_is_boolean(value))
        put(place, key, &flag, sizeof(flag));
    else
        refuse(place, "must be true or false");
}

static void read_exposure(const struct place *place, const json_t *value)
{
    const char *name = json_string_value(value);
    const json_t *metric;
    size_t i;

    json_array_foreach (place->reader->metrics, i, metric) {
        const char *other = json_string_value(json_object_get(metric, "name"));

        if (name && other && strcmp(name, other) == 0) {
            place->options->exposure_metric = name;
            return;
        }
    }
    refuse(place, "must be the name of another metric of this config, one that gives requests (or "
                  "seconds) per interval");
}

static void read_quantiles(const struct place *place, const json_t *value)
{
    double quantiles[MAX_QUANTILES] = {0};
    size_t n = json_array_size(value);
    bool is_usable = n >= 1 && n <= MAX_QUANTILES;

    for (size_t i = 0; is_usable && i < n; i++) {
        const json_t *quantile = json_array_get(value, i);

        quantiles[i] = json_number_value(quantile);
        is_usable = json_is_number(quantile) && quantiles[i] > 0 && quantiles[i] < 1;
    }
    if (!is_usable) {
        refuse(place, "must be a list of 1 to %u numbers between 0 and 1, such as [0.5, 0.95]",
               MAX_QUANTILES);
        return;
    }
    memcpy(place->options->quantiles, quantiles, sizeof(quantiles));
    place->options->n_quantiles = n;
}

static void read_key(const struct place *place, const struct key *key, const json_t *value)
{
    switch (key->kind) {
    case KIND_NUMBER:
        read_number(place, key, value);
        break;
    case KIND_COUNT:
        read_count(place, key, value);
        check_calibration(place);
        break;
    case KIND_FLAG:
        read_flag(place, key, value);
        break;
    case KIND_WORD:
        read_word(place, key, value);
        break;
    case KIND_TEXT:
        read_exposure(place, value);
        break;
    case KIND_QUANTILES:
        read_quantiles(place, value);
        break;
    case KIND_SKIP:
        break;
    }
}

const char *judge_options_key(size_t i)
{
    return i < ARRAY_LEN(keys) ? keys[i].name : NULL;
}

void judge_options_read(const struct judge_options_reader *reader, const json_t *settings,
                        const char *pointer, struct judge_options *options)
{
    const char *name;
    json_t *value;

    if (settings && !json_is_null(settings) && !json_is_object(settings)) {
        reader->complain(reader->ctx, pointer, "must be an object");
        return;
    }
    json_object_foreach ((json_t *)settings, name, value) {
        const struct place place = {reader, arena_printf(reader->arena, "%s/%s", pointer, name),
                                    options};
        size_t i = 0;

        while (i < ARRAY_LEN(keys) && strcmp(keys[i].name, name) != 0)
            i++;
        if (i < ARRAY_LEN(keys))
            read_key(&place, &keys[i], value);
        else if (reader->unknown)
            reader->unknown(reader->ctx, place.pointer, name);
    }
}
