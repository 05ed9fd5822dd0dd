/* serinus run: one canary without a server. The same plan, fetch, mix and judge as in the service,
 * in this process; nothing is stored but the bundle one asks for. */
#include "analyzer/bundle.h"
#include "analyzer/canary_config.h"
#include "analyzer/cli.h"
#include "analyzer/cli_input.h"
#include "analyzer/codec/judge_result_json.h"
#include "analyzer/execution.h"
#include "analyzer/report.h"
#include "analyzer/run_request.h"
#include "analyzer/settings.h"
#include "analyzer/verdict_table.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/instant.h"
#include "base/json.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WORKERS 2u
#define PROGRESS_NS (200 * NS_PER_MS) /* between two looks at the progress */

static const struct cli_option options[] = {
    {"config", 'f', "FILE", "canary config, JSON or YAML"},
    {"request", 0, "FILE", "execution request (Kayenta body); other flags override it"},
    {"prometheus", 0, "URL", "metric store to ask"},
    {"accounts", 0, "FILE", "settings file with accounts, kayenta.yml or native"},
    {"account", 0, "NAME", "metrics account of that file; default: its first"},
    {"baseline", 0, "SCOPE", "scope of the baseline"},
    {"canary", 0, "SCOPE", "scope of the canary"},
    {"location", 0, "L", "location of both sides"},
    {"baseline-location", 0, "L", "location of the baseline"},
    {"canary-location", 0, "L", "location of the canary"},
    {"param", 0, "K=V", "extended scope parameter of both sides; repeatable"},
    {"start", 0, "TIME", "start of the window: RFC 3339, epoch, or now-2h"},
    {"end", 0, "TIME", "end of the window; default now"},
    {"last", 0, "DUR", "window that ends now (or at --end): 90s, 5m, 1h30m, PT1H"},
    {"baseline-offset", 0, "DUR", "take the baseline's window this much earlier"},
    {"step", 0, "DUR", "resolution; default 60s"},
    {"pass", 0, "N", "score at which the verdict is pass; default the config's, else 95"},
    {"marginal", 0, "N", "score at which it is marginal; default the config's, else 75"},
    {"judge", 0, "NAME", "judge, in place of the config's"},
    {"save-bundle", 0, "FILE", "write config, request, raw series and result for replay"},
    {"output", 'o', "FORMAT[=FILE]", "table, json, or json=kayenta; default table"},
    {"allow", 0, "LIST", "exit 0 for marginal, nodata as well"},
    {"exit-zero", 0, NULL, "exit 0 for any verdict"},
    {"timeout", 0, "DUR", "give up after this long; default 11m"},
    {"quiet", 'q', NULL, "print nothing but errors"},
    {0},
};

#define TIMEOUT_DEFAULT_S 660 /* a query's own limit is 10 minutes of retries */

static volatile sig_atomic_t interrupted;

static void on_signal(int signal_number)
{
    interrupted = signal_number;
}

struct run {
    const struct cli_command *self;
    const struct cli_args *args;
    struct arena *arena;
    struct settings *settings; /* with --accounts */
    const struct account *account;
    json_t *config; /* view */
    struct execution_request *request;
    struct canary_plan *plan;
    int64_t timeout_s;
};

/* --- what to ask, and whom --- */

static enum err_code find_account(struct run *run, struct error *err)
{
    const char *url = cli_value(run->args, "prometheus");
    const char *file = cli_value(run->args, "accounts");
    const struct settings_account *found;
    struct account *account;

    if (url && !file) {
        json_t *config = json_pack("{sss{ss}}", "name", "prometheus", "endpoint", "baseUrl", url);

        json_keep(config, run->arena);
        if (account_decode("prometheus", config, run->arena, &account, err) == ERR_OK)
            run->account = account;
        return err->code;
    }
    if (url || !file)
        return error_because(err, ERR_INVALID, "usage",
                             "say where the metrics are: --prometheus URL, or --accounts FILE");
    if (settings_load(&file, 1, &run->settings, err) ||
        settings_account_find(run->settings, cli_value(run->args, "account"), ROLE_METRICS, &found,
                              err))
        return err->code;
    run->account = found->metrics;
    if (!run->account)
        return error_set(err, ERR_SETTINGS,
                         "account \"%s\" is of type %s, which this build cannot "
                         "query",
                         found->name, found->type);
    return ERR_OK;
}

static enum err_code read_config(struct run *run, struct error *err)
{
    const char *file = cli_value(run->args, "config");
    json_t *config;

    if (!file)
        return error_because(err, ERR_INVALID, "usage", "name a canary config with -f FILE");
    if (cli_read_document(file, &config, err))
        return err->code;
    if (canary_config_view(config, &run->config, err))
        error_context(err, "%s", file);
    else
        json_keep(run->config, run->arena);
    json_decref(config);
    if (!err->code && cli_value(run->args, "judge"))
        json_object_set_new(run->config, "judge",
                            json_pack("{ss}", "name", cli_value(run->args, "judge")));
    return err->code;
}

static enum err_code prepare(struct run *run, struct error *err)
{
    const char *timeout = cli_value(run->args, "timeout");
    json_t *request;

    run->timeout_s = TIMEOUT_DEFAULT_S;
    if (timeout && duration_parse(timeout, &run->timeout_s, err))
        return error_context(err, "--timeout");
    if (read_config(run, err) || find_account(run, err) ||
        run_request_build(run->self, run->args, run->config, clock_wall_ns(), &request, err))
        return err->code;
    json_keep(request, run->arena);
    if (execution_request_decode(request, run->arena, &run->request, err))
        return err->code;
    return plan_build(run->config, run->request, &(struct plan_accounts){.run = run->account},
                      run->arena, &run->plan, err);
}

/* --- waiting --- */

static void wake(struct execution *execution)
{
    sem_post(execution->ctx);
}

static void show_progress(const struct run *run, const struct execution *execution,
                          int64_t started_mono_ms, bool is_last)
{
    size_t n_queries = N_SIDES * run->plan->n_metrics;

    if (cli_has(run->args, "quiet") || !isatty(STDERR_FILENO))
        return;
    if (is_last)
        fputs("\r\033[K", stderr);
    else
        fprintf(stderr, "\rfetching %zu/%zu · %.1f s", execution_n_fetched(execution), n_queries,
                (double)(clock_mono_ms() - started_mono_ms) / MS_PER_S);
}

/* Wait until the execution has ended; an interrupt stops it. Returns 0, or the exit code that the
 * interrupt means. */
static int await(const struct run *run, struct execution *execution, sem_t *ended)
{
    int64_t started_mono_ms = clock_mono_ms();
    int exit_code = 0;

    for (;;) {
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += PROGRESS_NS;
        if (until.tv_nsec >= NS_PER_S) {
            until.tv_nsec -= NS_PER_S;
            until.tv_sec++;
        }
        if (sem_timedwait(ended, &until) == 0)
            break;
        if (interrupted && !exit_code) {
            exit_code = EXIT_BY_SIGNAL + interrupted;
            execution_cancel(execution);
        }
        show_progress(run, execution, started_mono_ms, false);
    }
    show_progress(run, execution, started_mono_ms, true);
    return exit_code;
}

/* --- results --- */

static int write_text(const struct run *run, const json_t *json, const char *path)
{
    struct strbuf text = {0};
    FILE *file = path ? fopen(path, "w") : stdout;
    bool is_written;

    if (!file)
        return cli_fail(run->self, EXIT_CANNOT_CREATE, "cannot create %s: %s", path,
                        strerror(errno));
    json_write_pretty(json, &text);
    is_written = fwrite(text.bytes, 1, text.n_bytes, file) == text.n_bytes;
    if (path)
        is_written = fclose(file) == 0 && is_written;
    else
        is_written = fflush(file) == 0 && is_written;
    strbuf_clear(&text);
    if (is_written)
        return EXIT_PASS;
    if (path)
        unlink(path); /* half a document is worse than none */
    return cli_fail(run->self, EXIT_IO, "cannot write %s", path ? path : "standard output");
}

static json_t *kayenta_body(const struct run *run, const struct execution *execution)
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

static int save_bundle(const struct run *run, const struct execution *execution, const char *path)
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
    exit_code = write_text(run, json, path);
    json_decref(json);
    json_decref(result);
    return exit_code;
}

/* One -o: FORMAT or FORMAT=FILE; json=kayenta is a format of its own. */
static int write_output(const struct run *run, const struct execution *execution,
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
    exit_code = write_text(run, json, path);
    json_decref(json);
    return exit_code;
}

static int check_output(const struct run *run, const char *output)
{
    if (strcmp(output, "table") == 0 || strcmp(output, "json") == 0 ||
        strncmp(output, "json=", strlen("json=")) == 0)
        return EXIT_PASS;
    return cli_fail(run->self, EXIT_USAGE,
                    "-o must be table, json, json=FILE or json=kayenta[=FILE], not \"%.40s\"",
                    output);
}

static int report(const struct run *run, const struct execution *execution)
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

static int execute(struct run *run)
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
    exit_code = await(run, execution, &ended);
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
    struct run run = {.self = self, .arena = arena_create()};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
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
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        if (prepare(&run, &err))
            exit_code = cli_fail_with(self, &err);
        else
            exit_code = cli_verdict_exit(run.args, execute(&run));
    }
    settings_free(run.settings);
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
