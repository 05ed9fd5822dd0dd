/* serinus plan: how long a canary must run to see a given change, from what its metrics did while
 * nothing changed. */
#include "analyzer/aa_history.h"
#include "analyzer/cli.h"
#include "analyzer/cli_input.h"
#include "analyzer/codec/policy_json.h"
#include "analyzer/query_batch.h"
#include "analyzer/run_length.h"
#include "base/instant.h"
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SINCE_DEFAULT "7d"
#define DETECT_DEFAULT 0.1
#define WINDOW_DEFAULT_S                                                                           \
    (3 * 3600) /* long enough for a long-run variance, short enough that the                       \
                  time of day is no part of it */
#define PERCENT 100.0

static const double lengths_h[] = {1, 3, 12, 24};

static const struct cli_option options[] = {
    {"config", 'f', "FILE", "canary config, JSON or YAML"},
    {"detect", 0, "PERCENT", "the change to be seen, as 10%; default 10%"},
    {"since", 0, "DUR", "how much history, back from --until; default 7d, at most 31d"},
    {"until", 0, "TIME", "where it ends; default now"},
    {"window", 0, "DUR", "the pieces history is cut into; default 3h"},
    {"metric", 0, "NAME", "this metric alone; repeatable"},
    RUN_INPUT_OPTIONS,
    {"output", 'o', "FORMAT[=FILE]", "table or json; default table"},
    {"quiet", 'q', NULL, "print nothing but errors and the result"},
    {0},
};

/* --- what is asked --- */

struct history {
    struct aa_pair *pairs;
    size_t n_pairs;
    struct judge_input input; /* its policies */
    int64_t span_ms, window_ms;
    double change;
};

static enum err_code read_history(const struct run_input *input, const struct query_batch *batch,
                                  struct history *out, struct error *err)
{
    const char *window = cli_value(input->args, "window");
    int64_t window_s = WINDOW_DEFAULT_S;
    struct metric_set_list sets[N_SIDES];
    struct metric_pair *whole;

    if (window && duration_parse(window, &window_s, err))
        return error_context(err, "--window");
    if (window_s <= 0)
        return error_because(err, ERR_INVALID, "usage", "--window must be longer than 0");
    out->window_ms = window_s * MS_PER_S;
    out->span_ms = INT64_MAX;
    for (size_t i = 0; i < input->plan->n_metrics; i++) {
        const struct scope *scope = &input->plan->queries[0][i].query.scope;
        int64_t own_ms = (scope->end_unix_ns - scope->start_unix_ns) / NS_PER_MS;

        out->span_ms = own_ms < out->span_ms ? own_ms : out->span_ms;
    }
    for (enum side side = SIDE_CONTROL; side <= SIDE_EXPERIMENT; side++)
        sets[side] = query_batch_sets(batch, side);
    if (aa_history_pairs(input->plan, sets, batch->arena, &out->pairs, &out->n_pairs, err))
        return err->code;
    whole = arena_array(batch->arena, struct metric_pair, out->n_pairs);
    for (size_t p = 0; p < out->n_pairs; p++)
        whole[p] = out->pairs[p].pair;
    return judge_input_from_json(input->config, json_object_get(input->request->view, "thresholds"),
                                 run_length_judge(input->plan->judge), whole, out->n_pairs,
                                 batch->arena, &out->input, err);
}

static const struct aa_pair *exposure_of(const struct history *history, size_t i)
{
    const struct judge_options *own = &history->input.policies[i].options;

    if (!own->exposure_metric ||
        (own->metric_type != TYPE_COUNTER && own->metric_type != TYPE_ERROR_RATE))
        return NULL;
    for (size_t p = 0; p < history->n_pairs; p++)
        if (strcmp(history->pairs[p].pair.name, own->exposure_metric) == 0 &&
            tag_map_equal(&history->pairs[p].pair.tags, &history->pairs[i].pair.tags))
            return &history->pairs[p];
    return NULL;
}

/* --- what comes out --- */

static const char *change_text(enum direction direction, double change, struct arena *arena)
{
    static const char *const words[] = {[DIRECTION_EITHER] = "change",
                                        [DIRECTION_INCREASE] = "rise",
                                        [DIRECTION_DECREASE] = "fall"};

    return arena_printf(arena, "a %s of %.4g %%", words[direction], PERCENT * change);
}

static void set_number(json_t *object, const char *key, double value)
{
    json_object_set_new(object, key, isfinite(value) ? json_number_or_null(value) : json_null());
}

static json_t *metric_json(const struct history *history, size_t i, const struct run_length *length)
{
    const struct aa_pair *pair = &history->pairs[i];
    json_t *tags = json_object(), *sees = json_array();
    json_t *out = json_pack("{sssosssssb}", "name", pair->pair.name, "tags", tags, "arms",
                            aa_arms_name(pair->arms), "formula",
                            length->is_of_counts ? "poisson" : "long-run variance", "muted",
                            history->input.policies[i].is_muted);

    for (size_t t = 0; t < pair->pair.tags.n_items; t++)
        json_set_text(tags, pair->pair.tags.items[t].key, pair->pair.tags.items[t].value);
    set_number(out, "level", length->level);
    set_number(out, "phi", length->phi);
    set_number(out, length->is_of_counts ? "eventsPerHour" : "effectivePointsPerHour",
               length->per_hour);
    for (size_t l = 0; l < ARRAY_LEN(lengths_h); l++) {
        double seconds = lengths_h[l] * 3600;
        json_t *one = json_pack("{sI}", "seconds", (json_int_t)seconds);

        set_number(one, "percent", PERCENT * run_length_sees(length, seconds));
        json_array_append_new(sees, one);
    }
    json_object_set_new(out, "sees", sees);
    set_number(out, "secondsNeeded", length->needed_s);
    json_set_text(out, "why", length->why);
    return out;
}

/* The longest decides; what never sees the change is named. */
static json_t *answer_json(const struct history *history, const struct run_length *lengths,
                           struct arena *arena)
{
    const char *never = "";
    size_t longest = SIZE_MAX;
    json_t *out = json_object();
    const char *text;

    for (size_t i = 0; i < history->n_pairs; i++) {
        const char *name = history->pairs[i].pair.name;

        if (history->input.policies[i].is_muted)
            continue;
        if (lengths[i].why)
            never = arena_printf(arena, "%s; %s never shows it: %s", never, name, lengths[i].why);
        else if (longest == SIZE_MAX || lengths[i].needed_s > lengths[longest].needed_s)
            longest = i;
    }
    if (longest == SIZE_MAX) {
        text = arena_printf(arena, "no length would do%s", never);
    } else {
        text = arena_printf(
            arena, "to see %s in %s this canary must run %s%s",
            change_text(history->input.policies[longest].direction, history->change, arena),
            history->pairs[longest].pair.name, run_length_text(lengths[longest].needed_s, arena),
            never);
        json_set_text(out, "metric", history->pairs[longest].pair.name);
        set_number(out, "secondsNeeded", lengths[longest].needed_s);
    }
    json_set_text(out, "text", text);
    return out;
}

static json_t *plan_json(const struct run_input *input, const struct history *history,
                         struct arena *arena)
{
    struct run_length *lengths = arena_array(arena, struct run_length, history->n_pairs);
    json_t *metrics = json_array();
    json_t *out = json_pack("{sssfsfso}", "schema", "serinus.plan/v1", "detectPercent",
                            PERCENT * history->change, "power", 0.8, "metrics", metrics);

    for (size_t i = 0; i < history->n_pairs; i++) {
        const struct run_length_question question = {
            .pair = &history->pairs[i],
            .exposure = exposure_of(history, i),
            .policy = &history->input.policies[i],
            .change = history->change,
            .span_ms = history->span_ms,
            .window_ms = history->window_ms,
        };

        run_length_estimate(&question, arena, &lengths[i]);
        json_array_append_new(metrics, metric_json(history, i, &lengths[i]));
    }
    json_set_text(out, "config", json_string_value(json_object_get(input->config, "name")));
    json_object_set_new(out, "answer", answer_json(history, lengths, arena));
    return out;
}

static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_number(value) ? json_number_value(value) : NAN;
}

static void put_number(struct strbuf *out, int width, double value, int decimals, const char *unit)
{
    if (isnan(value))
        strbuf_printf(out, "%*s", width, "-");
    else
        strbuf_printf(out, "%*.*f%s", width - (int)strlen(unit), decimals, value, unit);
}

static void put_metric(struct strbuf *out, const json_t *metric, struct arena *arena)
{
    const json_t *tags = json_object_get(metric, "tags"), *one, *value;
    bool is_of_counts =
        strcmp(json_string_value(json_object_get(metric, "formula")), "poisson") == 0;
    double needed = number_of(metric, "secondsNeeded"), level = number_of(metric, "level");
    const char *why = json_string_value(json_object_get(metric, "why")), *key;
    struct strbuf name = {0};
    size_t i;

    cli_put_shown(&name, json_string_value(json_object_get(metric, "name")));
    json_object_foreach ((json_t *)tags, key, value) {
        strbuf_puts(&name, " ");
        cli_put_shown(&name, json_string_value(value));
    }
    strbuf_printf(out, "%-26s", name.bytes);
    strbuf_clear(&name);
    if (isnan(level))
        strbuf_printf(out, "%9s", "-");
    else
        strbuf_printf(out, "%9.4g", level);
    put_number(out, 6, number_of(metric, "phi"), 2, "");
    put_number(out, 9, number_of(metric, is_of_counts ? "eventsPerHour" : "effectivePointsPerHour"),
               0, "");
    json_array_foreach (json_object_get(metric, "sees"), i, one)
        put_number(out, 9, number_of(one, "percent"), 1, " %");
    strbuf_printf(out, "  %s\n", why ? why : run_length_text(needed, arena));
}

static void plan_text(const json_t *report, struct strbuf *out)
{
    struct arena *arena = arena_create();
    const json_t *metric;
    size_t i;

    strbuf_printf(out, "%-26s%9s%6s%9s", "METRIC", "LEVEL", "PHI", "POINTS/H");
    for (size_t l = 0; l < ARRAY_LEN(lengths_h); l++)
        strbuf_printf(out, "%7.0f h", lengths_h[l]);
    strbuf_printf(out, "  FOR %.4g %%\n", number_of(report, "detectPercent"));
    json_array_foreach (json_object_get(report, "metrics"), i, metric)
        put_metric(out, metric, arena);
    strbuf_puts(out, "\n");
    cli_put_shown(out,
                  json_string_value(json_object_get(json_object_get(report, "answer"), "text")));
    strbuf_puts(out, "\n");
    arena_free(arena);
}

static int plan_history(struct run_input *input)
{
    struct query_batch *batch = NULL;
    struct history history = {0};
    struct error err = {0};
    json_t *report;
    int exit_code;

    input->is_history = true;
    run_catch_signals();
    if (cli_percent(input->args, "detect", DETECT_DEFAULT, &history.change, &err) ||
        run_input_read(input, cli_value(input->args, "config"), false, SINCE_DEFAULT, &err))
        return cli_fail_with(input->self, &err);
    exit_code = query_batch_run_all(input, &batch);
    if (!exit_code && read_history(input, batch, &history, &err))
        exit_code = cli_fail_with(input->self, &err);
    if (!exit_code) {
        report = plan_json(input, &history, batch->arena);
        exit_code = cli_write_report(input->self, input->args, report, plan_text);
        json_decref(report);
    }
    query_batch_free(batch);
    return exit_code;
}

static int plan_command(const struct cli_command *self, int argc, char **argv)
{
    struct run_input input = {.self = self, .arena = arena_create()};
    int exit_code = EXIT_PASS;

    input.args = cli_parse(self, argc, argv, input.arena, &exit_code);
    if (input.args)
        exit_code = cli_check_report_output(self, input.args);
    if (input.args && !exit_code && cli_n_positionals(input.args))
        exit_code = cli_fail(self, EXIT_USAGE, "unexpected argument \"%.60s\"",
                             cli_positional(input.args, 0));
    if (input.args && !exit_code)
        exit_code = plan_history(&input);
    run_input_clear(&input);
    arena_free(input.arena);
    return exit_code;
}

const struct cli_command command_plan = {
    .name = "plan",
    .summary = "how long a canary must run to see a given change",
    .examples =
        "  serinus plan -f canary.yml --prometheus http://prom:9090 \\\n"
        "      --baseline api-stable --since 7d --detect 10%\n"
        "  serinus plan -f canary.yml --accounts kayenta.yml --baseline a --canary b -o json\n\n"
        "exit codes: 0, 64 usage, 65 bad input, 69 the store failed, 124 no time left\n",
    .options = options,
    .run = plan_command,
};
