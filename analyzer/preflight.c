#include "analyzer/preflight.h"

#include "analyzer/cli_input.h"
#include "analyzer/codec/metric_set_json.h"
#include "analyzer/judgement.h"
#include "analyzer/run_length.h"
#include "analyzer/series_check.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/json.h"

#include <math.h>
#include <string.h>

static const char *const side_words[N_SIDES] = {"baseline", "canary"};

static void warn(void *list, const char *text)
{
    json_array_append_new(list, json_string(text));
}

static json_t *series_json(const struct metric_set *set)
{
    const struct pair_side side = {.values = set->values, .n_values = set->n_values};
    size_t n_points = series_n_points(&side), n_expected = metric_set_expected_points(set);

    if (n_expected < set->n_values)
        n_expected = set->n_values;
    return json_pack("{sosIsIsI}", "labels", tag_map_json(&set->tags), "points",
                     (json_int_t)n_points, "gaps", (json_int_t)(n_expected - n_points),
                     "stepSeconds", (json_int_t)(set->step_ms / MS_PER_S));
}

static void put_caution(const struct plan_query *plan, json_t *warnings, struct arena *arena)
{
    const char *caution = plan->collector->caution
                              ? plan->collector->caution(plan->account, &plan->query, plan->text,
                                                         clock_wall_ms(), arena)
                              : NULL;

    if (caution)
        warn(warnings, arena_printf(arena, "the %s: %s", side_words[plan->side], caution));
}

static json_t *side_json(const struct query_run *run, json_t *warnings, struct arena *arena)
{
    const char *side = side_words[run->plan->side];
    json_t *out = json_object(), *list = json_array();
    size_t n_points = 0;

    json_set_text(out, "query", account_mask(run->plan->account, run->plan->text, arena));
    put_caution(run->plan, warnings, arena);
    if (run->error.code) {
        json_set_text(out, "error", run->error.message);
        json_decref(list);
        return out;
    }
    for (size_t i = 0; i < run->sets.n_sets; i++) {
        const struct metric_set *set = &run->sets.sets[i];
        json_t *series = series_json(set);
        size_t n = (size_t)json_integer_value(json_object_get(series, "points"));

        n_points += n;
        if (n > 0 && n < JUDGEMENT_FEW_POINTS)
            warn(warnings, arena_printf(arena,
                                        "the %s has %zu points; take a longer window or a smaller "
                                        "step, for at least %u",
                                        side, n, JUDGEMENT_FEW_POINTS));
        if (run->plan->query.scope.step_s > 0 && n > 0 &&
            set->step_ms > run->plan->query.scope.step_s * MS_PER_S)
            warn(warnings, arena_printf(arena,
                                        "the store answers the %s with a step of %lld s where "
                                        "%lld s were asked for; take a step of its own",
                                        side, (long long)(set->step_ms / MS_PER_S),
                                        (long long)run->plan->query.scope.step_s));
        json_array_append_new(list, series);
    }
    if (n_points == 0)
        warn(warnings,
             arena_printf(arena,
                          "the query of the %s finds nothing in this window; check the "
                          "metric's name, its labels, the scope \"%s\" and the window",
                          side, run->plan->query.scope.scope ? run->plan->query.scope.scope : ""));
    json_object_set_new(out, "series", list);
    return out;
}

/* The pairs of one metric, and what could be seen in them. */
static void put_pairs(const struct run_input *input, const struct query_batch *batch, size_t i,
                      const struct power_wish *wish, json_t *out, json_t *warnings)
{
    struct judgement judgement = {0};
    struct error err = {0};
    size_t n_both = 0;

    if (preflight_mix(input, batch, i, &judgement, &err))
        warn(warnings, arena_printf(batch->arena,
                                    "the sides cannot be paired: %s; group both by the same labels",
                                    err.message));
    for (size_t p = 0; p < judgement.n_pairs; p++)
        n_both += series_n_points(&judgement.pairs[p].sides[0]) > 0 &&
                  series_n_points(&judgement.pairs[p].sides[1]) > 0;
    series_warn(judgement.pairs, judgement.n_pairs, batch->arena, warn, warnings);
    json_object_set_new(out, "pairs", json_integer((json_int_t)n_both));
    json_object_set_new(out, "power", preflight_power(input, batch, i, &judgement, wish, warnings));
}

json_t *preflight_report(const struct run_input *input, const struct query_batch *batch,
                         const struct power_wish *wish)
{
    json_t *metrics = json_array();
    size_t n_errors = 0, n_warnings = 0;

    for (size_t i = 0; i < batch->plan->n_metrics; i++) {
        json_t *one = json_object(), *warnings = json_array();
        bool has_failed = false;

        json_set_text(one, "name", batch->plan->queries[0][i].query.metric_name);
        for (int side = 0; side < N_SIDES; side++) {
            const struct query_run *run = &batch->runs[side][i];

            json_object_set_new(one, side_words[side], side_json(run, warnings, batch->arena));
            has_failed = has_failed || run->error.code;
            n_errors += run->error.code != ERR_OK;
        }
        if (has_failed)
            json_object_update_new(one, json_pack("{si,s[]}", "pairs", 0, "power"));
        else
            put_pairs(input, batch, i, wish, one, warnings);
        n_warnings += json_array_size(warnings);
        json_object_set_new(one, "warnings", warnings);
        json_array_append_new(metrics, one);
    }
    return json_pack("{sosIsI}", "metrics", metrics, "errors", (json_int_t)n_errors, "warnings",
                     (json_int_t)n_warnings);
}

static long long integer_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void put_line(struct strbuf *out, const char *text)
{
    cli_put_shown(out, text ? text : "");
    strbuf_puts(out, "\n");
}

static void side_text(const json_t *side, const char *word, struct strbuf *out)
{
    const char *error = json_string_value(json_object_get(side, "error"));
    const json_t *series;
    size_t i;

    strbuf_printf(out, "  %-8s  ", word);
    put_line(out, json_string_value(json_object_get(side, "query")));
    if (error) {
        strbuf_puts(out, "            error: ");
        put_line(out, error);
    }
    json_array_foreach (json_object_get(side, "series"), i, series) {
        json_t *labels = json_object_get(series, "labels"), *value;
        const char *key;

        strbuf_printf(out, "            %lld points, %lld gaps, step %lld s",
                      integer_of(series, "points"), integer_of(series, "gaps"),
                      integer_of(series, "stepSeconds"));
        json_object_foreach (labels, key, value) {
            strbuf_puts(out, "  ");
            cli_put_shown(out, key);
            strbuf_puts(out, "=\"");
            cli_put_shown(out, json_string_value(value));
            strbuf_puts(out, "\"");
        }
        strbuf_puts(out, "\n");
    }
}

static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_number(value) ? json_number_value(value) : NAN;
}

static void power_text(const json_t *power, struct strbuf *out)
{
    double phi = number_of(power, "phi"), mde = number_of(power, "minimumDetectableEffect");
    double worth = number_of(power, "effectivePoints"), needed = number_of(power, "secondsNeeded");
    bool is_of_counts = json_object_get(power, "events") != NULL;
    const char *why = json_string_value(json_object_get(power, "why"));
    struct arena *arena = arena_create();

    strbuf_printf(out, "  power     %lld points", integer_of(power, "points"));
    if (is_of_counts)
        strbuf_printf(out, ", %.0f events", number_of(power, "events"));
    else if (!isnan(worth))
        strbuf_printf(out, ", worth %.0f (autocorrelation %.2f)", worth, phi);
    if (!isnan(mde))
        strbuf_printf(out, "; at alpha %.3g sees a change of %.3g, %.3g %% of %.4g",
                      number_of(power, "alpha"), mde, number_of(power, "minimumDetectablePercent"),
                      number_of(power, "level"));
    if (why)
        strbuf_printf(out, "; no answer for %.4g %%: ", number_of(power, "detectPercent"));
    else
        strbuf_printf(out, "; %.4g %% takes ", number_of(power, "detectPercent"));
    put_line(out, why ? why : run_length_text(needed, arena));
    arena_free(arena);
}

void preflight_text(const json_t *report, struct strbuf *out)
{
    const json_t *metric, *warning, *power;
    size_t i, w, p;

    json_array_foreach (json_object_get(report, "metrics"), i, metric) {
        strbuf_printf(out, "%s: %lld of its series pair\n",
                      json_string_value(json_object_get(metric, "name")),
                      integer_of(metric, "pairs"));
        for (int side = 0; side < N_SIDES; side++)
            side_text(json_object_get(metric, side_words[side]), side_words[side], out);
        json_array_foreach (json_object_get(metric, "power"), p, power)
            power_text(power, out);
        json_array_foreach (json_object_get(metric, "warnings"), w, warning) {
            strbuf_puts(out, "  warning   ");
            put_line(out, json_string_value(warning));
        }
    }
}
