/* serinus run: one canary without a server. The same plan, fetch, mix and judge as in the service,
 * in this process; nothing is stored but the bundle one asks for. */
#include "analyzer/bundle.h"
#include "analyzer/cli.h"
#include "analyzer/cli_input.h"
#include "analyzer/codec/judge_result_json.h"
#include "analyzer/execution.h"
#include "analyzer/report.h"
#include "analyzer/run_input.h"
#include "analyzer/verdict_table.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/instant.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS 2u

static const struct cli_option options[] = {
    {"config", 'f', "FILE", "canary config, JSON or YAML"},
    RUN_INPUT_OPTIONS,
    {"pass", 0, "N", "score at which the verdict is pass; default the config's, else 95"},
    {"marginal", 0, "N", "score at which it is marginal; default the config's, else 75"},
    {"judge", 0, "NAME", "judge, in place of the config's"},
    {"save-bundle", 0, "FILE", "write config, request, raw series and result for replay"},
    {"output", 'o', "FORMAT[=FILE]", "table, json, or json=kayenta; default table"},
    {"allow", 0, "LIST", "exit 0 for marginal, nodata as well"},
    {"exit-zero", 0, NULL, "exit 0 for any verdict"},
    {"quiet", 'q', NULL, "print nothing but errors"},
    {0},
};

static void wake(struct execution *execution)
{
    sem_post(execution->ctx);
}

static size_t n_fetched(const void *ctx)
{
    return execution_n_fetched(ctx);
}

static void cancel(void *ctx)
{
    execution_cancel(ctx);
}

/* --- results --- */

static json_t *kayenta_body(const struct run_input *run, const struct execution *execution)
{
    json_t *submission =
        json_pack("{sssssOsOsIss}", "application", "ad-hoc", "canaryConfigId", "ad-hoc", "config",
                  run->config, "canaryExecutionRequest", run->request->view, "buildTimeMillis",
                  (json_int_t)atomic_load(&execution->started_unix_ms), "metricsAccountName",
                  run->account->name);
    struct report_frozen frozen = report_freeze(execution->id, submission, run->arena);
    struct strbuf text = {0};
    struct error err = {0};
    json_t *body = NULL;

    report_status(&frozen, execution, true, &text);
    if (json_read(strbuf_view(&text), &json_limits_document, &body, &err))
        abort(); /* we have just written it */
    strbuf_clear(&text);
    json_decref(submission);
    return body;
}

static int save_bundle(const struct run_input *run, const struct execution *execution,
                       const char *path)
{
    json_t *result = judge_result_json(&execution->judgement.result);
    struct bundle bundle = {
        .config = run->config,
        .request = run->request->view,
        .pairs = execution->judgement.pairs,
        .n_pairs = execution->judgement.n_pairs,
        .result = result,
    };
    json_t *json;
    int exit_code;

    execution_stored_sets(execution, run->arena, &bundle.sets, &bundle.n_sets);
    json = bundle_json(&bundle);
    exit_code = cli_write_json(run->self, json, path);
    json_decref(json);
    json_decref(result);
    return exit_code;
}

/* One -o: FORMAT or FORMAT=FILE; json=kayenta is a format of its own. */
static int write_output(const struct run_input *run, const struct execution *execution,
                        const char *output)
{
    const struct judgement *judgement = &execution->judgement;
    size_t n_kayenta = strlen("json=kayenta");
    bool is_kayenta =
        strncmp(output, "json=kayenta", n_kayenta) == 0 &&
        (output[n_kayenta] == '=' || output[n_kayenta] == '\0'); /* not kayenta.json */
    size_t n = is_kayenta ? n_kayenta : strcspn(output, "=");
    const char *path = output[n] == '=' ? output + n + 1 : NULL;
    int exit_code;
    json_t *json;

    if (n == strlen("table") && strncmp(output, "table", n) == 0 && !path) {
        verdict_table(&judgement->result, judgement->input.score,
                      json_string_value(json_object_get(run->config, "name")), stdout,
                      verdict_table_use_colour(stdout));
        for (const char *const *w = judgement_warnings(judgement, run->arena); *w; w++)
            fprintf(stderr, "warning: %s\n", *w);
        return fflush(stdout) == 0 ? EXIT_PASS
                                   : cli_fail(run->self, EXIT_IO, "cannot write standard output");
    }
    json = is_kayenta ? kayenta_body(run, execution)
                      : report_model(judgement, run->config, run->request->view);
    exit_code = cli_write_json(run->self, json, path);
    json_decref(json);
    return exit_code;
}

static int check_output(const struct run_input *run, const char *output)
{
    if (strcmp(output, "table") == 0 || strcmp(output, "json") == 0 ||
        strncmp(output, "json=", strlen("json=")) == 0)
        return EXIT_PASS;
    return cli_fail(run->self, EXIT_USAGE,
                    "-o must be table, json, json=FILE or json=kayenta[=FILE], not \"%.40s\"",
                    output);
}

static int report(const struct run_input *run, const struct execution *execution)
{
    size_t n_outputs = cli_count(run->args, "output");
    const char *bundle = cli_value(run->args, "save-bundle");
    int exit_code = EXIT_PASS;

    if (bundle)
        exit_code = save_bundle(run, execution, bundle);
    if (!n_outputs && !exit_code && !cli_has(run->args, "quiet"))
        exit_code = write_output(run, execution, "table");
    for (size_t i = 0; i < n_outputs && !exit_code; i++)
        exit_code = write_output(run, execution, cli_value_at(run->args, "output", i));
    return exit_code ? exit_code : verdict_exit_code(&execution->judgement.result);
}

/* --- all of it --- */

static int execute(struct run_input *run)
{
    struct worker_pool *pool = NULL;
    struct fetch *fetch = NULL;
    struct execution *execution;
    struct error err = {0};
    char id[ULID_BYTES];
    sem_t ended;
    int exit_code;

    if (fetch_create(NULL, &fetch, &err) || worker_pool_create("run", WORKERS, &pool, &err)) {
        fetch_free(fetch);
        return cli_fail_with(run->self, &err);
    }
    sem_init(&ended, 0, 0);
    execution =
        execution_create(id_ulid(clock_wall_ms(), id), run->plan, fetch, pool, wake, &ended);
    execution->deadline_mono_ms = clock_mono_ms() + run->timeout_s * MS_PER_S;
    execution_start(execution);
    exit_code = run_await(run, &ended, n_fetched, cancel, execution);
    if (exit_code) {
        fputs("serinus run: interrupted\n", stderr);
    } else if (execution->error.code) {
        exit_code = cli_fail_with(run->self, &execution->error);
        if (clock_mono_ms() >= execution->deadline_mono_ms) /* the error says what it waited for */
            exit_code = EXIT_TIMEOUT;
    } else {
        exit_code = report(run, execution);
    }
    worker_pool_free(pool); /* the last worker may still be leaving the execution */
    fetch_free(fetch);
    execution_free(execution);
    sem_destroy(&ended);
    return exit_code;
}

static int run_command(const struct cli_command *self, int argc, char **argv)
{
    struct run_input run = {.self = self, .arena = arena_create()};
    struct error err = {0};
    int exit_code = EXIT_PASS;

    run.args = cli_parse(self, argc, argv, run.arena, &exit_code);
    for (size_t i = 0; run.args && !exit_code && i < cli_count(run.args, "output"); i++)
        exit_code = check_output(&run, cli_value_at(run.args, "output", i));
    if (run.args && !exit_code)
        exit_code = cli_check_allow(self, run.args);
    if (run.args && !exit_code && cli_n_positionals(run.args))
        exit_code = cli_fail(self, EXIT_USAGE, "unexpected argument \"%.60s\"",
                             cli_positional(run.args, 0));
    if (run.args && !exit_code) {
        run_catch_signals();
        if (run_input_read(&run, cli_value(run.args, "config"), true, NULL, &err))
            exit_code = cli_fail_with(self, &err);
        else
            exit_code = cli_verdict_exit(run.args, execute(&run));
    }
    run_input_clear(&run);
    arena_free(run.arena);
    return exit_code;
}

const struct cli_command command_run = {
    .name = "run",
    .summary = "run one canary now, without a server, and wait for its verdict",
    .examples =
        "  serinus run -f canary.yml --prometheus http://prom:9090 \\\n"
        "      --baseline api-v41 --canary api-v42 --last 1h\n"
        "  serinus run -f canary.yml --accounts kayenta.yml --request request.json -o json\n\n"
        "exit codes: 0 pass, 10 marginal, 11 fail, 12 no data, 64 and above: no verdict\n",
    .options = options,
    .run = run_command,
};
