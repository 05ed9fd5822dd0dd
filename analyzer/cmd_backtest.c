/* serinus backtest: what judges would have said of a time in which nothing changed. The same
 * queries and pairs as `serinus run`, over weeks, asked once; or executions that are stored. */
#include "analyzer/aa_history.h"
#include "analyzer/backtest_report.h"
#include "analyzer/backtest_stored.h"
#include "analyzer/cli.h"
#include "analyzer/cli_input.h"
#include "analyzer/codec/policy_json.h"
#include "analyzer/query_batch.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SINCE_DEFAULT "7d"
#define WINDOW_DEFAULT_S (3 * 3600)
#define WINDOWS_DEFAULT 1000
#define MAX_WORKERS 64u

static const struct cli_option options[] = {
    {"config", 'f', "FILE", "canary config, JSON or YAML"},
    {"since", 0, "DUR", "how much history, back from --until; default 7d, at most 31d"},
    {"until", 0, "TIME", "where it ends; default now"},
    {"window", 0, "DUR", "length of the canary that is judged; default 3h"},
    {"lifetime", 0, "DUR", "another name for --window"},
    {"windows", 0, "N", "how many windows to spread over the history; default 1000"},
    {"stride", 0, "DUR", "time between two windows, in place of --windows"},
    {"judge", 0, "NAME",
     "judge to try, repeatable; default the standard one, RobustRank-v1.0, the config's"},
    {"metric", 0, "NAME", "this metric alone; repeatable"},
    RUN_INPUT_OPTIONS,
    {"pass", 0, "N", "score at which the verdict is pass; default the config's, else 95"},
    {"marginal", 0, "N", "score at which it is marginal; default the config's, else 75"},
    {"execution", 0, "ID", "judge this stored execution again; repeatable"},
    {"store", 0, NULL, "judge all stored executions of --since again"},
    {"settings", 'c', "FILE", "the service's settings, to find its data; may repeat"},
    {"data-dir", 0, "DIR", "where the result store is kept"},
    {"output", 'o', "FORMAT[=FILE]", "table or json; default table"},
    {"quiet", 'q', NULL, "print nothing but errors and the result"},
    {0},
};

/* --- flags --- */

static int read_judges(const struct run_input *input, const struct judge_type **out, size_t *n)
{
    int exit_code = backtest_judges_named(input->self, input->args, out, n);
    const struct judge_type *own = input->plan->judge;

    if (exit_code || cli_count(input->args, "judge") || (!own->classify && !own->test))
        return exit_code; /* one that judges elsewhere is not asked a thousand times */
    for (size_t i = 0; i < *n; i++)
        if (out[i] == own)
            return EXIT_PASS;
    out[(*n)++] = own;
    return EXIT_PASS;
}

static enum err_code duration_flag(const struct cli_args *args, const char *name, int64_t otherwise,
                                   int64_t *out_s, struct error *err)
{
    const char *text = cli_value(args, name);

    *out_s = otherwise;
    if (text && duration_parse(text, out_s, err))
        return error_context(err, "--%s", name);
    return ERR_OK;
}

static enum err_code count_flag(const struct cli_args *args, size_t *out, struct error *err)
{
    const char *text = cli_value(args, "windows");
    double n = WINDOWS_DEFAULT;

    *out = 0;
    if (text && (!number_parse(text, strlen(text), &n) || n < 1 || n > BACKTEST_MAX_WINDOWS ||
                 n != trunc(n)))
        return error_because(err, ERR_INVALID, "usage",
                             "--windows must be a number from 1 to %u, not \"%.40s\"",
                             BACKTEST_MAX_WINDOWS, text);
    *out = (size_t)n;
    return ERR_OK;
}

static enum err_code plan_windows(const struct run_input *input, const struct aa_pair *pairs,
                                  size_t n_pairs, struct window_plan *out, struct error *err)
{
    int64_t span_ms = INT64_MAX, step_ms = 0, length_s, stride_s;
    bool needs_before = false;
    size_t n;

    for (size_t i = 0; i < input->plan->n_metrics; i++)
        for (int side = 0; side < N_SIDES; side++) {
            const struct scope *scope = &input->plan->queries[side][i].query.scope;
            int64_t own_ms = (scope->end_unix_ns - scope->start_unix_ns) / NS_PER_MS;

            span_ms = own_ms < span_ms ? own_ms : span_ms;
            step_ms = scope->step_s * MS_PER_S > step_ms ? scope->step_s * MS_PER_S : step_ms;
        }
    for (size_t p = 0; p < n_pairs; p++)
        needs_before |= pairs[p].arms == AA_WINDOW_BEFORE;
    if (duration_flag(input->args, "lifetime", WINDOW_DEFAULT_S, &length_s, err) ||
        duration_flag(input->args, "window", length_s, &length_s, err) ||
        duration_flag(input->args, "stride", 0, &stride_s, err) || count_flag(input->args, &n, err))
        return err->code;
    if (window_plan_make(span_ms, step_ms, length_s * MS_PER_S, stride_s * MS_PER_S, n,
                         needs_before, out, err))
        return error_context(err, "--window, --since");
    return ERR_OK;
}

/* The config for one judge: options stay, but a method that was chosen for another goes. */
static const json_t *config_for(const struct run_input *input, const struct judge_type *type)
{
    json_t *config = json_keep(json_copy(input->config), input->arena);
    json_t *judge = json_deep_copy(json_object_get(input->config, "judge"));

    if (!judge)
        judge = json_object();
    if (type != input->plan->judge)
        json_object_del(json_object_get(judge, "judgeConfigurations"), "method");
    json_object_set_new(judge, "name", json_string(type->name));
    json_object_set_new(config, "judge", judge);
    return config;
}

/* --- judging on all cores --- */

struct work {
    const struct backtest *backtest;
    atomic_size_t next, n_done, n_working;
    atomic_bool is_cancelled;
    atomic_flag has_error;
    struct error error; /* of the first window that failed */
    sem_t ended;
};

static void judge_windows(void *ctx)
{
    struct work *work = ctx;
    struct arena *scratch = arena_create();
    size_t n = work->backtest->windows.n, window;

    while (!atomic_load(&work->is_cancelled) && (window = atomic_fetch_add(&work->next, 1)) < n) {
        struct error err = {0};

        if (backtest_window(work->backtest, window, scratch, &err)) {
            if (!atomic_flag_test_and_set(&work->has_error))
                work->error = err;
            atomic_store(&work->is_cancelled, true);
        }
        atomic_fetch_add(&work->n_done, 1);
    }
    arena_free(scratch);
    if (atomic_fetch_sub(&work->n_working, 1) == 1)
        sem_post(&work->ended);
}

static size_t n_done(const void *ctx)
{
    const struct work *work = ctx;

    return atomic_load(&work->n_done);
}

static void cancel(void *ctx)
{
    struct work *work = ctx;

    atomic_store(&work->is_cancelled, true);
}

static unsigned n_cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : n > (long)MAX_WORKERS ? MAX_WORKERS : (unsigned)n;
}

static int judge_all(struct run_input *input, const struct backtest *backtest)
{
    struct work work = {.backtest = backtest, .has_error = ATOMIC_FLAG_INIT};
    unsigned n_workers = n_cores();
    struct worker_pool *pool;
    struct error err = {0};
    int exit_code;

    if (worker_pool_create("backtest", n_workers, &pool, &err))
        return cli_fail_with(input->self, &err);
    sem_init(&work.ended, 0, 0);
    atomic_store(&work.n_working, n_workers);
    for (unsigned i = 0; i < n_workers; i++)
        worker_pool_submit(pool, judge_windows, &work);
    input->n_to_do = backtest->windows.n;
    exit_code = run_await(input, &work.ended, n_done, cancel, &work);
    worker_pool_free(pool); /* the last one may still be leaving */
    sem_destroy(&work.ended);
    if (exit_code)
        fputs("serinus backtest: interrupted\n", stderr);
    else if (work.error.code)
        exit_code = cli_fail_with(input->self, &work.error);
    return exit_code;
}

/* --- all of it --- */

static int backtest_pairs(struct run_input *input, const struct query_batch *batch)
{
    const struct judge_type *types[BACKTEST_MAX_JUDGES];
    struct backtest_judge *judges =
        arena_array(input->arena, struct backtest_judge, BACKTEST_MAX_JUDGES);
    struct backtest backtest = {.judges = judges};
    struct metric_set_list sets[N_SIDES];
    struct metric_pair *whole;
    struct aa_pair *pairs;
    struct error err = {0};
    json_t *report;
    int exit_code = read_judges(input, types, &backtest.n_judges);

    if (exit_code)
        return exit_code;
    for (enum side side = SIDE_CONTROL; side <= SIDE_EXPERIMENT; side++)
        sets[side] = query_batch_sets(batch, side);
    if (aa_history_pairs(input->plan, sets, batch->arena, &pairs, &backtest.n_pairs, &err) ||
        plan_windows(input, pairs, backtest.n_pairs, &backtest.windows, &err))
        return cli_fail_with(input->self, &err);
    backtest.pairs = pairs;
    whole = arena_array(batch->arena, struct metric_pair, backtest.n_pairs);
    for (size_t p = 0; p < backtest.n_pairs; p++)
        whole[p] = pairs[p].pair;
    for (size_t j = 0; j < backtest.n_judges; j++) {
        judges[j].type = types[j];
        if (judge_input_from_json(config_for(input, types[j]),
                                  json_object_get(input->request->view, "thresholds"), types[j],
                                  whole, backtest.n_pairs, batch->arena, &judges[j].input, &err))
            return cli_fail_with(input->self, &err);
    }
    if (backtest_start(&backtest, batch->arena, &err))
        return cli_fail_with(input->self, &err);
    exit_code = judge_all(input, &backtest);
    if (exit_code)
        return exit_code;
    report = backtest_json(&backtest, input->config, batch->arena);
    exit_code = cli_write_report(input->self, input->args, report, backtest_text);
    json_decref(report);
    return exit_code;
}

static int backtest_history(struct run_input *input)
{
    struct query_batch *batch = NULL;
    struct error err = {0};
    int exit_code;

    input->is_history = true;
    run_catch_signals();
    if (run_input_read(input, cli_value(input->args, "config"), true, SINCE_DEFAULT, &err))
        return cli_fail_with(input->self, &err);
    exit_code = query_batch_run_all(input, &batch);
    if (!exit_code)
        exit_code = backtest_pairs(input, batch);
    query_batch_free(batch);
    return exit_code;
}

static int backtest_command(const struct cli_command *self, int argc, char **argv)
{
    struct run_input input = {.self = self, .arena = arena_create()};
    int exit_code = EXIT_PASS;

    input.args = cli_parse(self, argc, argv, input.arena, &exit_code);
    if (input.args)
        exit_code = cli_check_report_output(self, input.args);
    if (input.args && !exit_code)
        exit_code = backtest_is_of_stored(input.args) ? backtest_stored(self, input.args)
                                                      : backtest_history(&input);
    run_input_clear(&input);
    arena_free(input.arena);
    return exit_code;
}

const struct cli_command command_backtest = {
    .name = "backtest",
    .summary = "how often judges would have raised an alarm while nothing changed",
    .examples =
        "  serinus backtest -f canary.yml --prometheus http://prom:9090 \\\n"
        "      --baseline api-stable --since 30d --window 3h\n"
        "  serinus backtest -f canary.yml --accounts kayenta.yml --baseline a --canary b \\\n"
        "      --judge RobustRank-v1.0 --judge NetflixACAJudge-v1.0 -o json\n"
        "  serinus backtest --judge RobustRank-v1.0 bundle.json...\n"
        "  serinus backtest --judge RobustRank-v1.0 --data-dir /var/lib/serinus --store\n\n"
        "exit codes: 0, 64 usage, 65 bad input, 69 the store failed, 124 no time left\n",
    .options = options,
    .run = backtest_command,
};
