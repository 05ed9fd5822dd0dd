#include "analyzer/lint_metric.h"

#include "analyzer/cli.h"
#include "base/instant.h"
#include "base/json.h"
#include "collectors/collector.h"
#include "collectors/query_template.h"

#include <stdio.h>
#include <string.h>

#define NEAR_MISS 3u
#define PROBE_STEP_S 60
#define PROBE_WINDOW_S 3600

enum setting_kind { SETTING_WORD, SETTING_FLAG, SETTING_NUMBER };

/* What the judge reads below analysisConfigurations.canary. */
static const struct setting {
    const char *parent; /* NULL: none */
    const char *key;
    enum setting_kind kind;
    const char *words[6];
} settings[] = {
    {NULL, "direction", SETTING_WORD, {"increase", "decrease", "either"}},
    {NULL, "nanStrategy", SETTING_WORD, {"remove", "replace"}},
    {NULL, "critical", SETTING_FLAG, {0}},
    {NULL, "muted", SETTING_FLAG, {0}},
    {NULL, "mustHaveData", SETTING_FLAG, {0}},
    {"effectSize",
     "measure",
     SETTING_WORD,
     {"meanRatio", "cles", "shift", "cliffsDelta", "rateRatio"}},
    {"effectSize", "allowedIncrease", SETTING_NUMBER, {0}},
    {"effectSize", "allowedDecrease", SETTING_NUMBER, {0}},
    {"effectSize", "criticalIncrease", SETTING_NUMBER, {0}},
    {"effectSize", "criticalDecrease", SETTING_NUMBER, {0}},
    {"outliers", "strategy", SETTING_WORD, {"keep", "remove"}},
    {"outliers", "outlierFactor", SETTING_NUMBER, {0}},
};

static bool is_parent(const char *parent, const char *wanted)
{
    return parent ? wanted && strcmp(parent, wanted) == 0 : !wanted;
}

/* --- analysisConfigurations --- */

static void check_value(struct lint *lint, const struct setting *setting, const json_t *value,
                        const char *pointer)
{
    const char *text = json_string_value(value);
    const char *words = "";

    if (setting->kind == SETTING_FLAG && !json_is_boolean(value))
        lint_add(lint, true, LINT_ANALYSIS, pointer, "must be true or false");
    if (setting->kind == SETTING_NUMBER && !json_is_number(value))
        lint_add(lint, true, LINT_ANALYSIS, pointer, "must be a number");
    if (setting->kind != SETTING_WORD)
        return;
    for (size_t w = 0; text && w < ARRAY_LEN(setting->words) && setting->words[w]; w++)
        if (strcmp(setting->words[w], text) == 0)
            return;
    for (size_t w = 0; w < ARRAY_LEN(setting->words) && setting->words[w]; w++)
        words = arena_printf(lint->arena, "%s%s\"%s\"", words,
                             w == 0                  ? ""
                             : setting->words[w + 1] ? ", "
                                                     : " or ",
                             setting->words[w]);
    lint_add(lint, false, LINT_ANALYSIS, pointer,
             "must be %s; any other word counts as the default", words);
}

static void check_unknown(struct lint *lint, const char *parent, const char *key,
                          const char *pointer)
{
    const char *nearest = NULL;
    size_t best = NEAR_MISS;

    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        size_t distance = cli_distance(key, settings[i].key);

        if (is_parent(parent, settings[i].parent) && distance < best) {
            best = distance;
            nearest = settings[i].key;
        }
    }
    if (nearest)
        lint_add(lint, false, LINT_UNKNOWN, pointer,
                 "no judge reads \"%.60s\"; did you mean \"%s\"?", key, nearest);
    else
        lint_add(lint, false, LINT_UNKNOWN, pointer, "no judge reads \"%.60s\"; take it out", key);
}

static void check_settings(struct lint *lint, json_t *object, const char *parent,
                           const char *pointer)
{
    const char *key;
    json_t *value;

    json_object_foreach (object, key, value) {
        const char *below = arena_printf(lint->arena, "%s/%s", pointer, key);
        const struct setting *setting = NULL;

        if (!parent && (strcmp(key, "effectSize") == 0 || strcmp(key, "outliers") == 0)) {
            if (json_is_object(value))
                check_settings(lint, value, key, below);
            else
                lint_add(lint, false, LINT_ANALYSIS, below, "must be an object");
            continue;
        }
        if (!parent && strcmp(key, "judge") == 0)
            continue; /* lint_judge.h */
        for (size_t i = 0; i < ARRAY_LEN(settings) && !setting; i++)
            if (is_parent(parent, settings[i].parent) && strcmp(settings[i].key, key) == 0)
                setting = &settings[i];
        if (setting)
            check_value(lint, setting, value, below);
        else
            check_unknown(lint, parent, key, below);
    }
}

/* A limit on the wrong side of "no effect" is never or always crossed. */
static void check_effect(struct lint *lint, const json_t *canary, const char *pointer)
{
    const json_t *effect = json_object_get(canary, "effectSize");
    const char *measure = json_string_value(json_object_get(effect, "measure"));
    double increase, decrease;

    if (measure && strcmp(measure, "meanRatio") != 0)
        return;
    if (json_to_double(json_object_get(effect, "allowedIncrease"), &increase) && increase < 1)
        lint_add(lint, false, LINT_ANALYSIS, pointer,
                 "allowedIncrease %g is a ratio, canary to baseline, and below 1; 1.1 allows ten "
                 "percent more",
                 increase);
    if (json_to_double(json_object_get(effect, "allowedDecrease"), &decrease) && decrease > 1)
        lint_add(lint, false, LINT_ANALYSIS, pointer,
                 "allowedDecrease %g is a ratio, canary to baseline, and above 1; 0.9 allows ten "
                 "percent less",
                 decrease);
}

static void check_analysis(struct lint *lint, const json_t *metric, const char *pointer)
{
    json_t *types = json_object_get(metric, "analysisConfigurations");
    const char *key;
    json_t *value;

    json_object_foreach (types, key, value) {
        const char *below = arena_printf(lint->arena, "%s/analysisConfigurations/%s", pointer, key);

        if (strcmp(key, "canary") != 0) {
            lint_add(lint, false, LINT_ANALYSIS, below,
                     "no judge knows the analysis type \"%.60s\"; only \"canary\" is read", key);
        } else if (json_is_object(value)) {
            check_settings(lint, value, NULL, below);
            check_effect(lint, value, arena_printf(lint->arena, "%s/effectSize", below));
        } else {
            lint_add(lint, false, LINT_ANALYSIS, below, "must be an object");
        }
    }
}

/* --- queries --- */

static const char *const bound_names[] = {"scope", "location"};

/* The names in ${...}, each bound to a word, so that what is left is the template's own mistake. */
static size_t bind_names(struct lint *lint, const char *template, const char *pointer,
                         struct tag *out, size_t max)
{
    size_t n = 0;

    for (const char *at = template; at && n < max; at = strchr(at + 1, '$')) {
        const char *name = at[0] != '$'                    ? NULL
                           : at[1] == '{'                  ? at + 2
                           : at[1] == '\\' && at[2] == '{' ? at + 3
                                                           : NULL;
        size_t n_bytes = name ? strcspn(name, ":}") : 0;

        if (!n_bytes || !name[n_bytes])
            continue;
        out[n].key = arena_strndup(lint->arena, name, n_bytes);
        out[n].value = "x";
        for (size_t i = 0; i < ARRAY_LEN(bound_names); i++) {
            size_t distance = cli_distance(out[n].key, bound_names[i]);

            if (distance > 0 && distance < NEAR_MISS)
                lint_add(lint, false, LINT_TEMPLATE, pointer,
                         "nobody binds ${%.60s} unless the request does; did you mean ${%s}?",
                         out[n].key, bound_names[i]);
        }
        n++;
    }
    return n;
}

/* Let the collector make the query for a scope that has everything. */
static void check_query(struct lint *lint, const json_t *view, const json_t *metric,
                        const char *pointer)
{
    const json_t *query = json_object_get(metric, "query");
    const char *type = json_string_value(json_object_get(query, "type"));
    const struct collector_type *collector = type ? collector_find(type) : NULL;
    struct metric_query asked = {
        .metric_name = json_string_value(json_object_get(metric, "name")),
        .config = query,
        .templates = json_object_get(view, "templates"),
        .scope = {.scope = "scope:name", /* as the stores that want a key take it */
                  .location = "location",
                  .has_start = true,
                  .has_end = true,
                  .end_unix_ns = PROBE_WINDOW_S * NS_PER_S,
                  .step_s = PROBE_STEP_S},
    };
    const char *template = NULL, *text;
    struct account *account;
    struct tag params[32];
    struct error err = {0};
    json_t *options;

    if (!collector) {
        lint_add(lint, false, LINT_QUERY, arena_printf(lint->arena, "%s/type", pointer),
                 "this build cannot query a \"%.40s\"", type ? type : "");
        return;
    }
    options = json_pack("{ssss}", "defaultScopeKey", "scope", "defaultLocationKey", "location");
    json_keep(options, lint->arena);
    if (template_find(&asked, &template, &err)) {
        lint_add(lint, false, LINT_TEMPLATE, pointer, "%s", err.message);
        return;
    }
    if (template)
        asked.scope.n_extended_params =
            bind_names(lint, template, pointer, params, ARRAY_LEN(params));
    asked.scope.extended_params = params;
    if (account_decode(type, options, lint->arena, &account, &err))
        return; /* of stores that have no default there is nothing to ask */
    if (!asked.metric_name)
        asked.metric_name = "metric";
    /* What only the account can say, it will have said. */
    if (collector->query_text(account, &asked, lint->arena, &text, &err) &&
        !strstr(err.message, "account"))
        lint_add(lint, false, template ? LINT_TEMPLATE : LINT_QUERY, pointer, "%s", err.message);
}

void lint_metric(struct lint *lint, const json_t *view, size_t i)
{
    const json_t *metric = json_array_get(json_object_get(view, "metrics"), i);
    const char *pointer = arena_printf(lint->arena, "/metrics/%zu", i);
    const char *scope = json_string_value(json_object_get(metric, "scopeName"));

    if (json_array_size(json_object_get(metric, "groups")) == 0)
        lint_add(lint, false, LINT_GROUPS, pointer,
                 "the metric is in no group and counts for nothing in the score; add \"groups\"");
    if (!scope || !*scope)
        lint_add(lint, false, LINT_QUERY, pointer,
                 "the metric has no scopeName, and a canary with it is refused; add \"scopeName\": "
                 "\"default\"");
    if (json_object_get(metric, "query"))
        check_query(lint, view, metric, arena_printf(lint->arena, "%s/query", pointer));
    else
        lint_add(lint, false, LINT_QUERY, pointer,
                 "the metric has no query, and a canary with it is refused; add \"query\": "
                 "{\"type\": \"prometheus\", ...}");
    check_analysis(lint, metric, pointer);
}

void lint_templates(struct lint *lint, const json_t *view)
{
    const json_t *metrics = json_object_get(view, "metrics"), *metric;
    const char *name;
    json_t *text;
    size_t i;

    json_object_foreach (json_object_get(view, "templates"), name, text) {
        bool is_used = false;

        json_array_foreach (metrics, i, metric) {
            const char *used = json_string_value(
                json_object_get(json_object_get(metric, "query"), "customFilterTemplate"));

            is_used = is_used || (used && strcmp(used, name) == 0);
        }
        if (!is_used)
            lint_add(lint, false, LINT_TEMPLATE, arena_printf(lint->arena, "/templates/%s", name),
                     "no metric names this template; take it out, or name it in a metric's "
                     "customFilterTemplate");
    }
}
