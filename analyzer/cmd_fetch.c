/* serinus fetch: what the judge would see of a canary, without judging. The same request, queries
 * and pairs as `serinus run`. */
#include "analyzer/cli.h"
#include "analyzer/cli_input.h"
#include "analyzer/codec/metric_set_json.h"
#include "analyzer/judgement.h"
#include "analyzer/query_batch.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/json.h"
#include "collectors/mask.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct cli_option options[] = {
    {"config", 'f', "FILE", "canary config, JSON or YAML"},
    RUN_INPUT_OPTIONS,
    {"metric", 0, "NAME", "this metric alone; repeatable"},
    {"output", 'o', "FORMAT[=FILE]", "csv, json (metric sets) or pairs; default csv"},
    {"raw", 0, NULL, "print the store's replies as they came, but for credentials"},
    {"print-query", 0, NULL, "print the rendered queries and ask nobody"},
    {"quiet", 'q', NULL, "print nothing but errors and the result"},
    {0},
};

static const char *const side_words[N_SIDES] = {"baseline", "canary"};

/* --- csv --- */

static void put_field(struct strbuf *out, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        strbuf_puts(out, text);
        return;
    }
    strbuf_puts(out, "\"");
    for (const char *c = text; *c; c++)
        strbuf_append(out, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
    strbuf_puts(out, "\"");
}

static void put_tags(struct strbuf *out, const struct tag_map *tags)
{
    struct strbuf text = {0};

    for (size_t i = 0; i < tags->n_items; i++)
        strbuf_printf(&text, "%s%s=%s", i ? ";" : "", tags->items[i].key, tags->items[i].value);
    put_field(out, text.bytes ? text.bytes : "");
    strbuf_clear(&text);
}

static void put_number(struct strbuf *out, double value)
{
    json_t *number = json_number_or_text(value);

    if (json_is_string(number))
        strbuf_puts(out, json_string_value(number));
    else
        json_write(number, out);
    json_decref(number);
}

static void put_set(struct strbuf *out, const struct metric_set *set, const char *side)
{
    for (size_t i = 0; i < set->n_values; i++) {
        char time[INSTANT_TEXT_BYTES];
        int64_t at_unix_ms = set->start_unix_ms + (int64_t)i * set->step_ms;

        strbuf_puts(out, instant_text(at_unix_ms * NS_PER_MS, time));
        strbuf_puts(out, ",");
        put_field(out, set->name);
        strbuf_printf(out, ",%s,", side);
        put_number(out, set->values[i]);
        strbuf_puts(out, ",");
        put_tags(out, &set->tags);
        strbuf_puts(out, "\n");
    }
}

static void csv(const struct query_batch *batch, struct strbuf *out)
{
    strbuf_puts(out, "time,metric,side,value,tags\n");
    for (size_t i = 0; i < batch->plan->n_metrics; i++)
        for (int side = 0; side < N_SIDES; side++) {
            const struct metric_set_list *sets = &batch->runs[side][i].sets;

            for (size_t s = 0; s < sets->n_sets; s++)
                put_set(out, &sets->sets[s], side_words[side]);
        }
}

/* --- json --- */

static json_t *sets_json(const struct query_batch *batch)
{
    json_t *list = json_array();

    for (size_t i = 0; i < batch->plan->n_metrics; i++)
        for (enum side side = SIDE_CONTROL; side <= SIDE_EXPERIMENT; side++) {
            const struct query_run *run = &batch->runs[side][i];

            for (size_t s = 0; s < run->sets.n_sets; s++) {
                json_t *set = metric_set_json(&run->sets.sets[s]);

                json_object_set_new(set, "side", json_string(side_name(side)));
                json_set_text(set, "scopeName", run->plan->scope_name);
                json_array_append_new(list, set);
            }
        }
    return list;
}

static int write_pairs(const struct run_input *input, const struct query_batch *batch,
                       const char *path)
{
    struct metric_set_list sets[N_SIDES];
    struct judgement judgement = {0};
    struct error err = {0};
    json_t *json;
    int exit_code;

    for (enum side side = SIDE_CONTROL; side <= SIDE_EXPERIMENT; side++)
        sets[side] = query_batch_sets(batch, side);
    if (judgement_mix("fetch", input->config, sets, batch->arena, &judgement, &err))
        return cli_fail_with(input->self, &err);
    json = metric_pairs_json(judgement.pairs, judgement.n_pairs);
    exit_code = cli_write_json(input->self, json, path);
    json_decref(json);
    return exit_code;
}

/* --- what comes out --- */

static void print_heading(struct strbuf *out, const struct plan_query *query)
{
    strbuf_printf(out, "# metric \"%s\", %s\n", query->query.metric_name, side_words[query->side]);
}

static int print_queries(const struct run_input *input)
{
    struct strbuf out = {0};
    int exit_code;

    for (size_t i = 0; i < input->plan->n_metrics; i++)
        for (int side = 0; side < N_SIDES; side++) {
            const struct plan_query *query = &input->plan->queries[side][i];

            print_heading(&out, query);
            strbuf_printf(&out, "%s\n", account_mask(query->account, query->text, input->arena));
        }
    exit_code = cli_write_text(input->self, strbuf_view(&out), NULL);
    strbuf_clear(&out);
    return exit_code;
}

/* As they came, but for credentials; headings only where there is more than one. */
static int print_replies(const struct run_input *input, const struct query_batch *batch)
{
    size_t n_queries = N_SIDES * input->plan->n_metrics;
    struct strbuf out = {0};
    int exit_code;

    for (size_t i = 0; i < input->plan->n_metrics; i++)
        for (int side = 0; side < N_SIDES; side++) {
            const struct query_run *run = &batch->runs[side][i];
            struct mask mask;

            account_mask_init(run->plan->account, batch->arena, &mask);
            for (size_t r = 0; r < run->requests.n_requests; r++) {
                const struct http_response *reply = &run->transfers[r].response;

                if (n_queries > 1 || run->requests.n_requests > 1) {
                    print_heading(&out, run->plan);
                    strbuf_printf(&out, "# reply %zu of %zu, status %ld\n", r + 1,
                                  run->requests.n_requests, reply->status);
                }
                if (reply->status) {
                    strbuf_append(&out, reply->body, reply->n_body_bytes);
                    mask_hide(&mask, out.bytes + out.n_bytes - reply->n_body_bytes,
                              reply->n_body_bytes);
                }
                strbuf_puts(&out, "\n");
            }
        }
    exit_code = cli_write_text(input->self, strbuf_view(&out), NULL);
    strbuf_clear(&out);
    return exit_code;
}

static int write_output(const struct run_input *input, const struct query_batch *batch,
                        const char *output)
{
    size_t n = strcspn(output, "=");
    const char *path = output[n] == '=' ? output + n + 1 : NULL;
    int exit_code;

    if (strncmp(output, "csv", n) == 0) {
        struct strbuf text = {0};

        csv(batch, &text);
        exit_code = cli_write_text(input->self, strbuf_view(&text), path);
        strbuf_clear(&text);
    } else if (strncmp(output, "pairs", n) == 0) {
        exit_code = write_pairs(input, batch, path);
    } else {
        json_t *json = sets_json(batch);

        exit_code = cli_write_json(input->self, json, path);
        json_decref(json);
    }
    return exit_code;
}

static int check_output(const struct cli_command *self, const char *output)
{
    static const char *const formats[] = {"csv", "json", "pairs"};
    size_t n = strcspn(output, "=");

    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (n == strlen(formats[i]) && strncmp(output, formats[i], n) == 0 &&
            strcmp(output + n, "=") != 0)
            return EXIT_PASS;
    return cli_fail(self, EXIT_USAGE,
                    "-o must be csv, json or pairs, each with =FILE or without, "
                    "not \"%.40s\"",
                    output);
}

static int write_all(const struct run_input *input, const struct query_batch *batch)
{
    size_t n_outputs = cli_count(input->args, "output");
    int exit_code = EXIT_PASS;

    if (cli_has(input->args, "raw"))
        return print_replies(input, batch);
    if (!n_outputs)
        return write_output(input, batch, "csv");
    for (size_t i = 0; i < n_outputs && !exit_code; i++)
        exit_code = write_output(input, batch, cli_value_at(input->args, "output", i));
    return exit_code;
}

static int fetch_all(const struct run_input *input)
{
    int64_t deadline_mono_ms = clock_mono_ms() + input->timeout_s * MS_PER_S;
    const struct query_run *failure;
    struct query_batch *batch;
    int exit_code = query_batch_run(input, cli_has(input->args, "raw"), &batch);

    failure = exit_code ? NULL : query_batch_failure(batch);
    if (failure && cli_has(input->args, "raw"))
        (void)print_replies(input, batch); /* what it did say is what one wants to see */
    if (failure) {
        exit_code = cli_fail_with(input->self, &failure->error);
        if (clock_mono_ms() >= deadline_mono_ms)
            exit_code = EXIT_TIMEOUT;
    } else if (!exit_code) {
        exit_code = write_all(input, batch);
    }
    query_batch_free(batch);
    return exit_code;
}

static int check_args(const struct cli_command *self, const struct cli_args *args)
{
    int exit_code = EXIT_PASS;

    for (size_t i = 0; !exit_code && i < cli_count(args, "output"); i++)
        exit_code = check_output(self, cli_value_at(args, "output", i));
    if (!exit_code && cli_n_positionals(args))
        exit_code =
            cli_fail(self, EXIT_USAGE, "unexpected argument \"%.60s\"", cli_positional(args, 0));
    if (!exit_code && cli_count(args, "output") && cli_has(args, "raw"))
        exit_code = cli_fail(self, EXIT_USAGE, "--raw and -o exclude each other");
    return exit_code;
}

static int fetch_command(const struct cli_command *self, int argc, char **argv)
{
    struct run_input input = {.self = self, .arena = arena_create()};
    struct error err = {0};
    int exit_code = EXIT_PASS;

    input.args = cli_parse(self, argc, argv, input.arena, &exit_code);
    if (input.args)
        exit_code = check_args(self, input.args);
    if (input.args && !exit_code) {
        run_catch_signals();
        if (run_input_read(&input, cli_value(input.args, "config"), false, NULL, &err))
            exit_code = cli_fail_with(self, &err);
        else if (cli_has(input.args, "print-query"))
            exit_code = print_queries(&input);
        else
            exit_code = fetch_all(&input);
    }
    run_input_clear(&input);
    arena_free(input.arena);
    return exit_code;
}

const struct cli_command command_fetch = {
    .name = "fetch",
    .summary = "show what the judge would see: the series of both sides, or their queries",
    .examples = "  serinus fetch -f canary.yml --prometheus http://prom:9090 \\\n"
                "      --baseline api-v41 --canary api-v42 --last 1h > series.csv\n"
                "  serinus fetch -f canary.yml ... -o pairs=pairs.json\n"
                "  serinus fetch -f canary.yml ... --metric latency_p99 --raw\n"
                "  serinus fetch -f canary.yml ... --print-query\n\n"
                "exit codes: 0, 64 usage, 65 bad input, 69 the store failed, 124 no time left\n",
    .options = options,
    .run = fetch_command,
};
