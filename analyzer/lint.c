#include "analyzer/lint.h"

#include "analyzer/bundle.h"
#include "analyzer/canary_config.h"
#include "analyzer/cli.h"
#include "analyzer/execution_request.h"
#include "analyzer/judgement.h"
#include "analyzer/lint_judge.h"
#include "analyzer/lint_metric.h"
#include "base/instant.h"
#include "base/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_REPAIRS 500u /* what has more mistakes is not read to its end */
#define NEAR_MISS 3u     /* edits; as many or more are another word */
#define WEIGHT_SUM 100.0
#define MAX_TEXT_BYTES 1024

/* A text that was cut, or made of one that was, may end within a character. */
static const char *whole_text(const char *text, struct arena *arena)
{
    struct error err = {0};

    error_set(&err, ERR_INVALID, "%s", text);
    return arena_strdup(arena, err.message);
}

void lint_add(struct lint *lint, bool is_error, enum lint_code code, const char *pointer,
              const char *fmt, ...)
{
    char text[MAX_TEXT_BYTES];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (lint->n_problems == lint->capacity) {
        size_t capacity = lint->capacity ? lint->capacity * 2 : 16;
        struct lint_problem *all = arena_array(lint->arena, struct lint_problem, capacity);

        if (lint->n_problems)
            memcpy(all, lint->problems, lint->n_problems * sizeof(*all));
        lint->problems = all;
        lint->capacity = capacity;
    }
    lint->problems[lint->n_problems++] = (struct lint_problem){
        .is_error = is_error,
        .code = code,
        .is_key = code == LINT_UNKNOWN,
        .pointer =
            whole_text(arena_printf(lint->arena, "%s%s", lint->prefix ? lint->prefix : "", pointer),
                       lint->arena),
        .text = whole_text(text, lint->arena),
    };
}

/* --- mending, so that the next mistake shows --- */

/* The parent of what the pointer names, as far as it is there; *last is what is left of it. */
static json_t *find_parent(json_t *root, const char *pointer, char *last, size_t size)
{
    json_t *at = root;

    while (*pointer == '/') {
        size_t n = strcspn(++pointer, "/");
        json_t *below;

        snprintf(last, size, "%.*s", (int)n, pointer);
        pointer += n;
        below = json_is_array(at) ? json_array_get(at, strtoul(last, NULL, 10))
                                  : json_object_get(at, last);
        if (*pointer == '\0' || !below)
            return at;
        at = below;
    }
    return NULL;
}

/* Take the value away, or put one in that passes. False: there is nothing to be done. */
static bool mend(json_t *root, const char *pointer, size_t n_mended)
{
    char last[192] = "", name[40];
    json_t *parent = find_parent(root, pointer, last, sizeof(last));

    snprintf(name, sizeof(name), "mended-%zu", n_mended);
    if (json_is_array(parent)) {
        size_t i = strtoul(last, NULL, 10);

        if (i >= json_array_size(parent))
            return false;
        return json_array_set_new(parent, i,
                                  json_is_object(json_array_get(parent, i)) ? json_string(name)
                                                                            : json_object()) == 0;
    }
    if (!json_is_object(parent))
        return false;
    if (strcmp(last, "name") == 0)
        return json_object_set_new(parent, last, json_string(name)) == 0;
    if (strcmp(last, "applications") == 0)
        return json_object_set_new(parent, last, json_pack("[s]", name)) == 0;
    if (strcmp(last, "type") == 0) { /* of a query: one that nobody will complain of */
        json_object_clear(parent);
        return json_object_set_new(parent, "type", json_string("graphite")) == 0 &&
               json_object_set_new(parent, "metricName", json_string(name)) == 0;
    }
    return json_object_del(parent, last) == 0;
}

static void add_error(struct lint *lint, enum lint_code code, const struct error *err)
{
    lint_add(lint, true, code, err->pointer, "%s", err->message);
}

/* --- keys that nobody reads --- */

static void found_unknown(void *ctx, const char *pointer, const char *key,
                          const struct document_member *members)
{
    const char *nearest = NULL;
    size_t best = NEAR_MISS;

    if (strcmp(key, "serviceType") == 0 || strcmp(key, "$schema") == 0)
        return; /* Kayenta adds the one to what it answers, editors want the other */
    for (; members->name; members++) {
        size_t distance = cli_distance(key, members->name);

        if (distance < best) {
            best = distance;
            nearest = members->name;
        }
    }
    if (nearest)
        lint_add(ctx, false, LINT_UNKNOWN, pointer, "nobody reads \"%.60s\"; did you mean \"%s\"?",
                 key, nearest);
    else
        lint_add(ctx, false, LINT_UNKNOWN, pointer, "nobody reads \"%.60s\"; take it out", key);
}

/* --- canary config --- */

static void check_thresholds(struct lint *lint, const json_t *thresholds, const char *pointer)
{
    double pass, marginal;
    bool has_both = json_to_double(json_object_get(thresholds, "pass"), &pass) &&
                    json_to_double(json_object_get(thresholds, "marginal"), &marginal);

    if (!has_both)
        return;
    if (!(pass >= 0 && pass <= WEIGHT_SUM && marginal >= 0 && marginal <= WEIGHT_SUM))
        lint_add(lint, false, LINT_THRESHOLD, pointer,
                 "pass %g and marginal %g: scores are from 0 to 100, and so must these be", pass,
                 marginal);
    if (pass < marginal)
        lint_add(lint, false, LINT_THRESHOLD, pointer,
                 "pass %g is below marginal %g, so nothing is ever marginal; swap them", pass,
                 marginal);
}

static bool has_group(const json_t *metrics, const char *group)
{
    const json_t *metric, *name;
    size_t i, g;

    json_array_foreach (metrics, i, metric)
        json_array_foreach (json_object_get(metric, "groups"), g, name)
            if (strcmp(json_string_value(name), group) == 0)
                return true;
    return false;
}

static void check_weights(struct lint *lint, const json_t *view)
{
    const json_t *classifier = json_object_get(view, "classifier");
    json_t *weights = json_object_get(classifier, "groupWeights");
    const json_t *metrics = json_object_get(view, "metrics");
    const json_t *metric, *group;
    double sum = 0, number;
    bool has_others = false;
    const char *name;
    char pointer[192];
    json_t *weight;
    size_t i, g;

    if (!classifier)
        lint_add(lint, false, LINT_GROUPS, "",
                 "there is no classifier, and without one the judge ends with an error; add "
                 "\"classifier\": {\"groupWeights\": {...}}");
    json_object_foreach (weights, name, weight) {
        snprintf(pointer, sizeof(pointer), "/classifier/groupWeights/%s", name);
        number = json_to_double(weight, &number) ? number : 0;
        sum += number;
        if (number < 0)
            lint_add(lint, false, LINT_GROUPS, pointer,
                     "the weight %g is negative; it must be from 0 to 100", number);
        if (!has_group(metrics, name))
            lint_add(lint, false, LINT_GROUPS, pointer,
                     "no metric is in group \"%.60s\", so its weight counts for nothing; correct "
                     "the name or take it out",
                     name);
    }
    json_array_foreach (metrics, i, metric)
        json_array_foreach (json_object_get(metric, "groups"), g, group) {
            if (json_object_get(weights, json_string_value(group)))
                continue;
            has_others = true;
            if (!json_object_size(weights) || sum < WEIGHT_SUM)
                continue;
            snprintf(pointer, sizeof(pointer), "/metrics/%zu/groups/%zu", i, g);
            lint_add(lint, false, LINT_GROUPS, pointer,
                     "group \"%.60s\" has no weight and the others have all of it; give it one in "
                     "classifier.groupWeights",
                     json_string_value(group));
        }
    if (json_object_size(weights) &&
        (sum > WEIGHT_SUM + 1e-9 || (!has_others && fabs(sum - WEIGHT_SUM) > 1e-9)))
        lint_add(lint, false, LINT_GROUPS, "/classifier/groupWeights",
                 "the weights add up to %g, so that is what a perfect canary scores; make it 100",
                 sum);
}

/* Ask the decoder until it has nothing more to say. NULL: it cannot be mended. */
static json_t *view_of(struct lint *lint, const json_t *config)
{
    json_t *copy = json_deep_copy(config), *view = NULL;

    for (size_t n = 0; n < MAX_REPAIRS && !view; n++) {
        struct error err = {0};

        if (canary_config_view(copy, &view, &err) == ERR_OK)
            break;
        view = NULL;
        if (strcmp(error_reason(&err), "bad_query_type") == 0)
            lint_add(lint, true, LINT_QUERY, err.pointer, "%s; there are %s", err.message,
                     canary_config_store_types(lint->arena));
        else
            add_error(lint, LINT_TYPE, &err);
        if (!mend(copy, err.pointer, n))
            break;
    }
    json_decref(copy);
    return view;
}

static void check_names(struct lint *lint, const json_t *view)
{
    json_t *copy = json_deep_copy(view);

    for (size_t n = 0; n < MAX_REPAIRS; n++) {
        struct error err = {0};

        if (canary_config_check(copy, false, &err) == ERR_OK)
            break;
        add_error(lint, LINT_NAME, &err);
        if (!mend(copy, err.pointer, n))
            break;
    }
    json_decref(copy);
}

void lint_canary_config(struct lint *lint, const json_t *config)
{
    const json_t *metrics;
    json_t *view;
    size_t i;

    canary_config_review(config, found_unknown, lint);
    view = view_of(lint, config);
    if (!view)
        return;
    json_keep(view, lint->arena);
    check_names(lint, view);
    lint_judge(lint, view);
    metrics = json_object_get(view, "metrics");
    if (json_array_size(metrics) == 0)
        lint_add(lint, false, LINT_QUERY, "/metrics",
                 "there are no metrics, and a canary without any is refused; add one");
    for (i = 0; i < json_array_size(metrics); i++)
        lint_metric(lint, view, i);
    lint_templates(lint, view);
    check_weights(lint, view);
    check_thresholds(lint, json_object_get(json_object_get(view, "classifier"), "scoreThresholds"),
                     "/classifier/scoreThresholds");
}

/* --- execution request --- */

static void check_side(struct lint *lint, const struct scope *scope, const char *pointer)
{
    int64_t window_s = (scope->end_unix_ns - scope->start_unix_ns) / NS_PER_S;

    if (!scope->has_start || !scope->has_end)
        lint_add(lint, false, LINT_REQUEST, pointer,
                 "there is no %s, which every metric store needs; add one such as "
                 "2026-08-20T10:00:00Z",
                 scope->has_start ? "end" : "start");
    else if (scope->step_s > 0 && window_s / scope->step_s < JUDGEMENT_FEW_POINTS)
        lint_add(lint, false, LINT_REQUEST, pointer,
                 "the window has room for %lld points; take a longer one, or a smaller step, for "
                 "at least %u",
                 (long long)(window_s / scope->step_s), JUDGEMENT_FEW_POINTS);
    if (scope->step_s == 0)
        lint_add(lint, false, LINT_REQUEST, pointer,
                 "there is no step, which most metric stores need; add \"step\": 60");
}

static void check_pair(struct lint *lint, const struct scope_pair *pair)
{
    static const char *const members[N_SIDES] = {"controlScope", "experimentScope"};
    const struct scope *a = &pair->sides[0], *b = &pair->sides[1];
    char pointer[256];

    for (int side = 0; side < N_SIDES; side++) {
        snprintf(pointer, sizeof(pointer), "/scopes/%s/%s", pair->name, members[side]);
        if (pair->has_side[side])
            check_side(lint, &pair->sides[side], pointer);
        else
            lint_add(lint, true, LINT_REQUEST, pointer, "the %s is missing; a pair has both sides",
                     members[side]);
    }
    if (pair->has_side[0] && pair->has_side[1] && a->scope && b->scope &&
        strcmp(a->scope, b->scope) == 0 && a->start_unix_ns == b->start_unix_ns &&
        strcmp(a->location ? a->location : "", b->location ? b->location : "") == 0 &&
        a->n_extended_params == 0 && b->n_extended_params == 0)
        lint_add(lint, false, LINT_REQUEST, pointer,
                 "both sides are the same scope, place and time, so the canary is compared with "
                 "itself; name another scope");
}

void lint_request(struct lint *lint, const json_t *request)
{
    json_t *copy = json_deep_copy(request);
    struct execution_request *decoded = NULL;

    execution_request_review(request, found_unknown, lint);
    for (size_t n = 0; n < MAX_REPAIRS && !decoded; n++) {
        struct error err = {0};

        if (execution_request_decode(copy, lint->arena, &decoded, &err) == ERR_OK)
            break;
        decoded = NULL;
        add_error(lint, LINT_TYPE, &err);
        if (!mend(copy, err.pointer, n))
            break;
    }
    json_keep(copy, lint->arena);
    if (!decoded)
        return;
    if (decoded->n_scopes == 0)
        lint_add(lint, true, LINT_REQUEST, "/scopes",
                 "there are no scopes; add {\"default\": {\"controlScope\": {...}, "
                 "\"experimentScope\": {...}}}");
    for (size_t i = 0; i < decoded->n_scopes; i++)
        check_pair(lint, &decoded->scopes[i]);
    if (!decoded->has_thresholds)
        lint_add(lint, true, LINT_THRESHOLD, "/thresholds",
                 "there are no thresholds; add {\"pass\": 95, \"marginal\": 75}");
    check_thresholds(lint, json_object_get(request, "thresholds"), "/thresholds");
}

/* --- bundle --- */

void lint_bundle(struct lint *lint, json_t *bundle)
{
    json_t *copy = json_deep_copy(bundle);
    const json_t *config = json_object_get(bundle, "canaryConfig");
    const json_t *request = json_object_get(bundle, "executionRequest");

    for (size_t n = 0; n < MAX_REPAIRS; n++) {
        struct error err = {0};
        struct bundle decoded = {0};

        if (bundle_decode(copy, lint->arena, &decoded, &err) == ERR_OK)
            break;
        add_error(lint, LINT_BUNDLE, &err);
        if (strstr(err.pointer, "/schema") || !mend(copy, err.pointer, n))
            break;
    }
    json_decref(copy);
    lint->prefix = "/canaryConfig";
    if (json_is_object(config))
        lint_canary_config(lint, config);
    lint->prefix = "/executionRequest";
    if (json_is_object(request))
        lint_request(lint, request);
    lint->prefix = NULL;
}
