#include "analyzer/backtest_report.h"

#include "analyzer/cli_input.h"
#include "base/instant.h"
#include "base/json.h"

#include <math.h>
#include <string.h>

#define PERCENT 100.0

/* --- json --- */

static void set_number(json_t *object, const char *key, double value)
{
    json_object_set_new(object, key, isfinite(value) ? json_number_or_null(value) : json_null());
}

static json_t *share_json(const struct window_share *share)
{
    json_t *out = json_object();

    set_number(out, "rate", share->rate);
    set_number(out, "lower", share->lower);
    set_number(out, "upper", share->upper);
    return out;
}

static json_t *metric_json(const struct metric_backtest *metric, const char *judge)
{
    json_t *proposed = json_object();
    json_t *out =
        json_pack("{sssIsIsIsIsIso}", "judge", judge, "windows", (json_int_t)metric->alarms.n,
                  "noData", (json_int_t)metric->n_no_data, "errors", (json_int_t)metric->n_errors,
                  "high", (json_int_t)metric->n_high, "low", (json_int_t)metric->n_low,
                  "falseAlarms", share_json(&metric->alarms));

    set_number(out, "alpha", metric->alpha);
    set_number(out, "level", metric->level);
    set_number(out, "minimumDetectableEffect", metric->mde);
    set_number(out, "minimumDetectableEffectPercent", metric->mde_percent);
    set_number(out, "phi", metric->phi);
    set_number(out, "nEff", metric->n_eff);
    set_number(proposed, "allowedIncrease", metric->allowed_increase);
    set_number(proposed, "allowedDecrease", metric->allowed_decrease);
    json_object_set_new(out, "proposed", proposed);
    set_number(out, "calibrationFactor", metric->calibration);
    return out;
}

static json_t *metrics_json(const struct backtest *backtest, struct arena *arena)
{
    json_t *list = json_array();

    for (size_t i = 0; i < backtest->n_pairs; i++) {
        const struct aa_pair *pair = &backtest->pairs[i];
        json_t *tags = json_object(), *judges = json_array();

        for (size_t t = 0; t < pair->pair.tags.n_items; t++)
            json_set_text(tags, pair->pair.tags.items[t].key, pair->pair.tags.items[t].value);
        for (size_t j = 0; j < backtest->n_judges; j++) {
            struct metric_backtest metric;

            backtest_metric(backtest, j, i, arena, &metric);
            json_array_append_new(judges, metric_json(&metric, backtest->judges[j].type->name));
        }
        json_array_append_new(list,
                              json_pack("{sssosssosb}", "name", pair->pair.name, "tags", tags,
                                        "arms", aa_arms_name(pair->arms), "judges", judges, "muted",
                                        backtest->judges[0].input.policies[i].is_muted));
    }
    return list;
}

/* Two digits or more. */
static int decimals_of(double value)
{
    return value < 1 ? 2 : value < 10 ? 1 : 0;
}

/* "RobustRank-v1.0; NetflixACAJudge-v1.0 raises 14 % false alarms here". */
static const char *recommend(const struct backtest *backtest,
                             const struct canary_backtest *canaries, size_t best,
                             struct arena *arena)
{
    const struct canary_backtest *chosen = &canaries[best];
    const char *text = backtest->judges[best].type->name;
    double rate = PERCENT * chosen->alarms.rate;

    if (isnan(chosen->alarms.rate))
        return "no judge: no window had data on both sides";
    if (!chosen->is_sound)
        text = arena_printf(arena,
                            "%s, with %.*f %% false alarms the quietest, but not quiet enough: set "
                            "the proposed limits, a longer window or calibrationWindows",
                            text, decimals_of(rate), rate);
    for (size_t j = 0; j < backtest->n_judges; j++) {
        const struct canary_backtest *other = &canaries[j];
        const char *name = backtest->judges[j].type->name;

        rate = PERCENT * other->alarms.rate;
        if (j == best)
            continue;
        if (!other->is_sound)
            text = arena_printf(arena, "%s; %s raises %.*f %% false alarms here", text, name,
                                decimals_of(rate), rate);
        else if (other->mde_percent > chosen->mde_percent)
            text = arena_printf(arena, "%s; %s sees changes of %.*f %%, it those of %.*f %%", text,
                                name, decimals_of(other->mde_percent), other->mde_percent,
                                decimals_of(chosen->mde_percent), chosen->mde_percent);
    }
    return text;
}

json_t *backtest_json(const struct backtest *backtest, const json_t *config, struct arena *arena)
{
    struct canary_backtest *canaries =
        arena_array(arena, struct canary_backtest, backtest->n_judges);
    const struct window_plan *windows = &backtest->windows;
    json_t *list = json_array();
    json_t *out = json_pack("{sss{sIsIsIsI}}", "schema", "serinus.backtest/v1", "windows", "count",
                            (json_int_t)windows->n, "sideBySide", (json_int_t)windows->n_apart,
                            "lengthSeconds", (json_int_t)(windows->length_ms / MS_PER_S),
                            "strideSeconds", (json_int_t)(windows->stride_ms / MS_PER_S));
    size_t best;

    json_set_text(out, "config", json_string_value(json_object_get(config, "name")));
    for (size_t j = 0; j < backtest->n_judges; j++) {
        json_t *one = json_pack("{ss}", "judge", backtest->judges[j].type->name);

        backtest_canary(backtest, j, arena, &canaries[j]);
        json_object_set_new(one, "belowPass", share_json(&canaries[j].below_pass));
        json_object_set_new(one, "belowMarginal", share_json(&canaries[j].below_marginal));
        json_object_set_new(one, "falseAlarms", share_json(&canaries[j].alarms));
        json_array_append_new(list, one);
    }
    json_object_set_new(out, "metrics", metrics_json(backtest, arena));
    json_object_set_new(out, "canary", list);
    best = backtest_best(canaries, backtest->n_judges);
    json_object_set_new(out, "recommended",
                        json_pack("{ssss}", "judge", backtest->judges[best].type->name, "text",
                                  recommend(backtest, canaries, best, arena)));
    return out;
}

/* --- for people --- */

static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_number(value) ? json_number_value(value) : NAN;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static void put_number(struct strbuf *out, int width, double value, int decimals, const char *unit)
{
    struct strbuf cell = {0};

    if (isnan(value))
        strbuf_puts(&cell, "-");
    else
        strbuf_printf(&cell, "%.*f%s", decimals, value, unit);
    strbuf_printf(out, "%*s", width, cell.bytes);
    strbuf_clear(&cell);
}

static void put_limit(struct strbuf *out, double value)
{
    struct strbuf cell = {0};

    if (isnan(value))
        strbuf_puts(&cell, "-");
    else
        strbuf_printf(&cell, "%.4g", value);
    strbuf_printf(out, "%9s", cell.bytes);
    strbuf_clear(&cell);
}

static void put_share(struct strbuf *out, const json_t *share)
{
    double rate = number_of(share, "rate");
    struct strbuf cell = {0};

    if (isnan(rate))
        strbuf_puts(&cell, "-");
    else
        strbuf_printf(&cell, "%.1f %% [%.1f, %.1f]", PERCENT * rate,
                      PERCENT * number_of(share, "lower"), PERCENT * number_of(share, "upper"));
    strbuf_printf(out, "%22s", cell.bytes);
    strbuf_clear(&cell);
}

static void put_metric(struct strbuf *out, const json_t *metric)
{
    const json_t *tags = json_object_get(metric, "tags"), *judge, *value;
    const char *key;
    size_t j;

    cli_put_shown(out, text_of(metric, "name"));
    json_object_foreach ((json_t *)tags, key, value) {
        strbuf_puts(out, " ");
        cli_put_shown(out, key);
        strbuf_puts(out, "=");
        cli_put_shown(out, json_string_value(value));
    }
    strbuf_printf(out, "  (%s)\n", text_of(metric, "arms"));
    json_array_foreach (json_object_get(metric, "judges"), j, judge) {
        const json_t *proposed = json_object_get(judge, "proposed");
        double sees = number_of(judge, "minimumDetectableEffectPercent");
        double missing = number_of(judge, "noData"), errors = number_of(judge, "errors");

        strbuf_printf(out, "  %-22s", text_of(judge, "judge"));
        put_share(out, json_object_get(judge, "falseAlarms"));
        put_number(out, 9, sees, decimals_of(sees), " %");
        put_number(out, 6, number_of(judge, "phi"), 2, "");
        put_number(out, 8, number_of(judge, "nEff"), 0, "");
        put_limit(out, number_of(proposed, "allowedDecrease"));
        put_limit(out, number_of(proposed, "allowedIncrease"));
        put_number(out, 8, number_of(judge, "calibrationFactor"), 2, "");
        strbuf_puts(out, "\n");
        if (missing > 0 || errors > 0)
            strbuf_printf(out, "    %g windows without data, %g with an error\n", missing, errors);
    }
}

void backtest_text(const json_t *report, struct strbuf *out)
{
    const json_t *windows = json_object_get(report, "windows"), *one;
    size_t i;

    strbuf_puts(out, "A/A backtest of ");
    cli_put_shown(out, text_of(report, "config"));
    strbuf_printf(out,
                  ": %g windows of %g min, one every %g min; intervals count the %g that lie side "
                  "by side\n\n",
                  number_of(windows, "count"), number_of(windows, "lengthSeconds") / 60,
                  number_of(windows, "strideSeconds") / 60, number_of(windows, "sideBySide"));
    strbuf_printf(out, "%-24s%22s%9s%6s%8s%9s%9s%8s\n", "METRIC / JUDGE", "FALSE ALARMS [95 %]",
                  "SEES", "PHI", "POINTS", "DECREASE", "INCREASE", "FACTOR");
    json_array_foreach (json_object_get(report, "metrics"), i, one)
        put_metric(out, one);
    strbuf_printf(out, "\n%-24s%22s%22s%22s\n", "WHOLE CANARY", "ANY METRIC", "BELOW PASS",
                  "BELOW MARGINAL");
    json_array_foreach (json_object_get(report, "canary"), i, one) {
        strbuf_printf(out, "  %-22s", text_of(one, "judge"));
        put_share(out, json_object_get(one, "falseAlarms"));
        put_share(out, json_object_get(one, "belowPass"));
        put_share(out, json_object_get(one, "belowMarginal"));
        strbuf_puts(out, "\n");
    }
    strbuf_printf(out, "\nrecommended: %s\n",
                  text_of(json_object_get(report, "recommended"), "text"));
}
