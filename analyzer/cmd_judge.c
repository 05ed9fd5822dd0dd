/* serinus judge: judge data one already has. No network, no clock, no files but its inputs. */
#include "analyzer/batch_answer.h"
#include "analyzer/cli.h"
#include "analyzer/cli_input.h"
#include "analyzer/codec/judge_result_json.h"
#include "analyzer/codec/metric_set_json.h"
#include "analyzer/codec/policy_json.h"
#include "analyzer/judgement.h"
#include "analyzer/report.h"
#include "analyzer/verdict_table.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>

/* Each part of a case goes by two names. */
static json_t *case_part(const json_t *document, const char *name, const char *other_name)
{
    json_t *part = json_object_get(document, name);

    return part ? part : json_object_get(document, other_name);
}

static json_t *case_config(const json_t *document)
{
    return case_part(document, "config", "canaryConfig");
}

static json_t *case_thresholds(const json_t *document)
{
    return case_part(document, "thresholds", "scoreThresholds");
}

static json_t *case_pairs(const json_t *document)
{
    return case_part(document, "metricSetPairs", "metricSetPairList");
}

/* `out` lives in the arena and in the documents. */
static enum err_code judge_documents(const json_t *config, const json_t *thresholds,
                                     const json_t *pair_list, struct arena *arena,
                                     struct judgement *out, struct error *err)
{
    *out = (struct judgement){0};
    if (!json_is_object(config))
        return error_set(err, ERR_INVALID, "there is no canary config");
    if (metric_pairs_from_json(pair_list, arena, &out->pairs, &out->n_pairs, err))
        return err->code;
    return judgement_judge(config, thresholds, arena, out, err);
}

/* What the whole batch comes to. */
struct batch {
    bool has_pass, has_marginal, has_fail, has_nodata;
};

static void batch_count(struct batch *batch, int exit_code)
{
    batch->has_pass |= exit_code == EXIT_PASS;
    batch->has_marginal |= exit_code == EXIT_MARGINAL;
    batch->has_fail |= exit_code == EXIT_FAIL;
    batch->has_nodata |= exit_code == EXIT_NODATA;
}

static int batch_exit_code(const struct batch *batch)
{
    return batch->has_fail       ? EXIT_FAIL
           : batch->has_nodata   ? EXIT_NODATA
           : batch->has_marginal ? EXIT_MARGINAL
                                 : EXIT_PASS;
}

static bool answer_case(struct str line, struct strbuf *out, void *ctx)
{
    struct arena *arena = arena_create();
    struct judgement judgement;
    struct error err = {0};
    json_t *document = NULL;
    json_t *reply = NULL;

    if (json_read(line, &json_limits_document, &document, &err) == ERR_OK &&
        judge_documents(case_config(document), case_thresholds(document), case_pairs(document),
                        arena, &judgement, &err) == ERR_OK) {
        reply = judge_result_json(&judgement.result);
        batch_count(ctx, verdict_exit_code(&judgement.result));
    }
    batch_answer_take(document, reply, &err, out);
    json_decref(document);
    arena_free(arena);
    return err.code == ERR_OK;
}

static int judge_batch(const struct cli_command *self)
{
    struct batch batch = {0};
    int exit_code = cli_batch(self, answer_case, &batch);

    return exit_code == EXIT_PASS ? batch_exit_code(&batch) : exit_code;
}

static void print_json(const json_t *value)
{
    struct strbuf text = {0};

    json_write_pretty(value, &text);
    fwrite(text.bytes, 1, text.n_bytes, stdout);
    strbuf_clear(&text);
}

static int print_result(const struct cli_command *self, const struct cli_args *args,
                        const json_t *config, const struct judgement *judgement)
{
    const char *format = cli_value(args, "output");

    if (format && strncmp(format, "json", strlen("json")) == 0) {
        json_t *reply = strcmp(format, "json") == 0 ? report_model(judgement, config, NULL)
                                                    : judge_result_json(&judgement->result);

        print_json(reply);
        json_decref(reply);
    } else {
        verdict_table(&judgement->result, judgement->input.score,
                      json_string_value(json_object_get(config, "name")), stdout,
                      verdict_table_use_colour(stdout));
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        return cli_fail(self, EXIT_IO, "cannot write standard output");
    return verdict_exit_code(&judgement->result);
}

static int judge_files(const struct cli_command *self, const struct cli_args *args,
                       struct arena *arena)
{
    json_t *thresholds = NULL;
    json_t *config_file = NULL;
    json_t *pairs_file = NULL;
    const json_t *config, *pairs, *given;
    struct judgement judgement;
    struct error err = {0};
    int exit_code = EXIT_BUG;

    if (cli_read_document(cli_value(args, "pairs"), &pairs_file, &err))
        goto out;
    if (cli_has(args, "config") && cli_read_document(cli_value(args, "config"), &config_file, &err))
        goto out;
    config = config_file ? config_file : case_config(pairs_file);
    pairs = json_is_array(pairs_file) ? pairs_file : case_pairs(pairs_file);
    given = case_thresholds(pairs_file);
    if (!config) {
        error_set(&err, ERR_INVALID, "there is no canary config: give one with --config");
        goto out;
    }
    if (cli_thresholds(self, args, given, config, &thresholds, &err) == ERR_OK &&
        judge_documents(config, thresholds, pairs, arena, &judgement, &err) == ERR_OK)
        exit_code = print_result(self, args, config, &judgement);
out:
    if (err.code)
        exit_code = cli_fail_with(self, &err);
    json_decref(thresholds);
    json_decref(config_file);
    json_decref(pairs_file);
    return exit_code;
}

static int run_judge(const struct cli_command *self, int argc, char **argv)
{
    struct arena *arena = arena_create();
    int exit_code = EXIT_USAGE;
    const struct cli_args *args = cli_parse(self, argc, argv, arena, &exit_code);
    const char *format = args ? cli_value(args, "output") : NULL;

    if (!args)
        goto out;
    if (cli_n_positionals(args))
        exit_code =
            cli_fail(self, EXIT_USAGE, "unexpected argument \"%s\"", cli_positional(args, 0));
    else if (format && strcmp(format, "table") != 0 && strcmp(format, "json") != 0 &&
             strcmp(format, "json=kayenta") != 0)
        exit_code = cli_fail(self, EXIT_USAGE,
                             "--output must be table, json or json=kayenta, not \"%s\"", format);
    else if (cli_has(args, "batch"))
        exit_code = judge_batch(self);
    else if (!cli_has(args, "pairs"))
        exit_code = cli_fail(self, EXIT_USAGE, "--pairs FILE is missing");
    else
        exit_code = judge_files(self, args, arena);
out:
    arena_free(arena);
    return exit_code;
}

static const struct cli_option options[] = {
    {"config", 'f', "FILE", "the canary config, JSON or YAML"},
    {"pairs", 0, "FILE",
     "a metric set pair list, or an object with canaryConfig,\n"
     "                                 metricSetPairList and scoreThresholds"},
    {"pass", 0, "N", "score from which the canary passes (95)"},
    {"marginal", 0, "N", "score from which it is marginal (75)"},
    {"output", 'o', "FORMAT", "table, json, or json=kayenta"},
    {"batch", 0, NULL, "one JSON case a line on standard input, one answer a line out"},
    {0},
};

const struct cli_command command_judge = {
    .name = "judge",
    .summary = "judge metric set pairs from files",
    .examples = "  serinus judge -f canary.yml --pairs pairs.json --pass 95 --marginal 75\n"
                "  serinus judge --batch < cases.jsonl > results.jsonl\n\n"
                "Exit code: 0 pass, 10 marginal, 11 fail, 12 no data, 65 bad input.\n",
    .options = options,
    .run = run_judge,
};
