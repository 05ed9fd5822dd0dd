/* serinus replay: judge bundles again, without a network, and say what changed. */
#include "analyzer/bundle.h"
#include "analyzer/cli.h"
#include "analyzer/cli_input.h"
#include "analyzer/codec/judge_result_json.h"
#include "analyzer/judgement.h"
#include "analyzer/verdict_table.h"

#include <stdio.h>
#include <string.h>

static const struct cli_option options[] = {
    {"judge", 0, "NAME", "judge with this judge in place of the config's"},
    {"pass", 0, "N", "score at which the verdict is pass"},
    {"marginal", 0, "N", "score at which it is marginal"},
    {"output", 'o', "table|json|json=kayenta", "json=kayenta prints the judge result alone"},
    {"diff", 0, NULL, "show only bundles whose verdict or score changed"},
    {"exit-zero", 0, NULL, "exit 0 even when a verdict changed"},
    {0},
};

enum output { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_KAYENTA };

struct replay {
    const char *path;
    struct arena *arena;
    struct bundle bundle;
    struct judgement judgement;
    json_t *thresholds;
};

static void use_judge(struct replay *replay, const char *name)
{
    json_t *config = json_keep(json_deep_copy(replay->bundle.config), replay->arena);

    json_object_set_new(config, "judge", json_pack("{ss}", "name", name));
    replay->bundle.config = config;
}

static enum err_code judge_again(const struct cli_command *self, const struct cli_args *args,
                                 struct replay *replay, struct error *err)
{
    json_t *document;

    if (cli_read_document(replay->path, &document, err))
        return err->code;
    if (bundle_decode(document, replay->arena, &replay->bundle, err) == ERR_OK) {
        if (cli_value(args, "judge"))
            use_judge(replay, cli_value(args, "judge"));
        if (cli_thresholds(self, args, json_object_get(replay->bundle.request, "thresholds"),
                           replay->bundle.config, &replay->thresholds, err) == ERR_OK) {
            json_keep(replay->thresholds, replay->arena);
            if (bundle_mix(replay->path, &replay->bundle, replay->arena, &replay->judgement, err) ==
                ERR_OK)
                (void)(judgement_judge(replay->bundle.config, replay->thresholds, replay->arena,
                                       &replay->judgement, err) == ERR_OK);
        }
    }
    if (err->code)
        error_context(err, "bundle \"%s\"", replay->path);
    json_decref(document);
    return err->code;
}

struct outcome {
    const char *classification; /* "Pass", ...; NULL when nothing was recorded */
    double score;
};

static struct outcome recorded(const struct bundle *bundle)
{
    const json_t *score = json_object_get(bundle->result, "score");

    return (struct outcome){json_string_value(json_object_get(score, "classification")),
                            json_number_value(json_object_get(score, "score"))};
}

static void print_table(const struct replay *replay, struct outcome was, bool is_identical)
{
    const struct judge_result *result = &replay->judgement.result;

    printf("%s\n", replay->path);
    verdict_table(result, replay->judgement.input.score,
                  json_string_value(json_object_get(replay->bundle.config, "name")), stdout,
                  verdict_table_use_colour(stdout));
    if (was.classification)
        printf("  recorded %s %g, now %s %g: %s\n\n", was.classification, was.score,
               verdict_name(result->verdict), result->score,
               is_identical ? "identical, byte for byte"
               : strcmp(was.classification, verdict_name(result->verdict)) != 0
                   ? "the verdict changed"
                   : "the verdict is the same, its numbers differ");
    else
        printf("  nothing was recorded, now %s %g\n\n", verdict_name(result->verdict),
               result->score);
}

static void print_json(const struct replay *replay, struct outcome was, bool is_identical)
{
    const struct judge_result *result = &replay->judgement.result;
    struct strbuf text = {0};
    json_t *line = json_pack("{sssossss*sfsb}", "file", replay->path, "recordedScore",
                             was.classification ? json_real(was.score) : json_null(), "verdict",
                             verdict_name(result->verdict), "recordedVerdict", was.classification,
                             "score", result->score, "identical", is_identical);

    json_write(line, &text);
    puts(text.bytes);
    strbuf_clear(&text);
    json_decref(line);
}

/* Returns the exit code of one bundle: 0 agrees, 11 the verdict changed, 64 and up an error. */
static int replay_one(const struct cli_command *self, const struct cli_args *args, const char *path,
                      enum output output)
{
    struct replay replay = {.path = path, .arena = arena_create()};
    struct strbuf now = {0}, then = {0};
    struct error err = {0};
    int exit_code = EXIT_PASS;

    if (judge_again(self, args, &replay, &err)) {
        exit_code = cli_fail_with(self, &err);
    } else {
        json_t *result = judge_result_json(&replay.judgement.result);
        struct outcome was = recorded(&replay.bundle);
        bool is_identical;

        json_write(result, &now);
        if (replay.bundle.result)
            json_write(replay.bundle.result, &then);
        is_identical = str_equal(strbuf_view(&now), strbuf_view(&then));
        if (was.classification &&
            strcmp(was.classification, verdict_name(replay.judgement.result.verdict)) != 0)
            exit_code = EXIT_FAIL;
        if (output == OUTPUT_KAYENTA)
            puts(now.bytes);
        else if (output == OUTPUT_JSON)
            print_json(&replay, was, is_identical);
        else if (!cli_has(args, "diff") || exit_code || was.score != replay.judgement.result.score)
            print_table(&replay, was, is_identical);
        json_decref(result);
    }
    strbuf_clear(&now);
    strbuf_clear(&then);
    arena_free(replay.arena);
    return exit_code;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct arena *arena = arena_create();
    int exit_code = EXIT_PASS;
    const struct cli_args *args = cli_parse(self, argc, argv, arena, &exit_code);
    const char *format = args && cli_value(args, "output") ? cli_value(args, "output") : "table";
    enum output output = strcmp(format, "json") == 0           ? OUTPUT_JSON
                         : strcmp(format, "json=kayenta") == 0 ? OUTPUT_KAYENTA
                                                               : OUTPUT_TABLE;

    if (args && output == OUTPUT_TABLE && strcmp(format, "table") != 0)
        exit_code = cli_fail(self, EXIT_USAGE,
                             "-o must be table, json or json=kayenta, not \"%.40s\"", format);
    else if (args && cli_n_positionals(args) == 0)
        exit_code = cli_fail(self, EXIT_USAGE, "name at least one bundle");
    else
        for (size_t i = 0; args && i < cli_n_positionals(args); i++) {
            int one = replay_one(self, args, cli_positional(args, i), output);

            if (one > exit_code)
                exit_code = one;
        }
    if (args && fflush(stdout) != 0)
        exit_code = cli_fail(self, EXIT_IO, "cannot write standard output");
    exit_code = args ? cli_verdict_exit(args, exit_code) : exit_code;
    arena_free(arena);
    return exit_code;
}

const struct cli_command command_replay = {
    .name = "replay",
    .summary = "judge recorded bundles again and show what changed",
    .examples = "  serinus replay fixtures/bundles/*.json\n"
                "  serinus replay --pass 90 -o json run.json\n",
    .options = options,
    .run = run,
};
