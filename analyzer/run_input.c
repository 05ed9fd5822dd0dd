#include "analyzer/run_input.h"

#include "analyzer/canary_config.h"
#include "analyzer/cli_input.h"
#include "analyzer/mix.h"
#include "analyzer/run_request.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/json.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_NS (200 * NS_PER_MS) /* between two looks at the progress */
#define TIMEOUT_DEFAULT_S 660         /* a query's own limit is 10 minutes of retries */

static volatile sig_atomic_t interrupted;

static void on_signal(int signal_number)
{
    interrupted = signal_number;
}

void run_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static enum err_code find_account(struct run_input *input, struct error *err)
{
    const char *url = cli_value(input->args, "prometheus");
    const char *file = cli_value(input->args, "accounts");
    const struct settings_account *found;
    struct account *account;

    if (url && !file) {
        json_t *config = json_pack("{sss{ss}}", "name", "prometheus", "endpoint", "baseUrl", url);

        json_keep(config, input->arena);
        if (account_decode("prometheus", config, input->arena, &account, err) == ERR_OK)
            input->account = account;
        return err->code;
    }
    if (url || !file)
        return error_because(err, ERR_INVALID, "usage",
                             "say where the metrics are: --prometheus URL, or --accounts FILE");
    if (settings_load(&file, 1, &input->settings, err) ||
        settings_account_find(input->settings, cli_value(input->args, "account"), ROLE_METRICS,
                              &found, err))
        return err->code;
    input->account = found->metrics;
    if (!input->account)
        return error_set(err, ERR_SETTINGS,
                         "account \"%s\" is of type %s, which this build cannot "
                         "query",
                         found->name, found->type);
    return ERR_OK;
}

static json_t *judge_of(json_t *config)
{
    json_t *judge = json_object_get(config, "judge");

    if (!judge) {
        judge = json_object();
        json_object_set_new(config, "judge", judge);
    }
    return judge;
}

/* A month of points must stay at its minutes, gaps included, whatever the account says. */
static void keep_gaps(struct run_input *input)
{
    struct account *strict = arena_new(input->arena, struct account);

    *strict = *input->account;
    strict->strict_series = true;
    input->account = strict;
}

/* --pairing, put where the config has it. */
static enum err_code set_pairing(const struct run_input *input, struct error *err)
{
    const char *pairing = cli_value(input->args, "pairing");
    json_t *judge, *settings;

    if (!pairing)
        return ERR_OK;
    if (strcmp(pairing, PAIRING_LABELS) != 0 && strcmp(pairing, PAIRING_KAYENTA) != 0)
        return error_because(
            err, ERR_INVALID, "usage",
            "--pairing must be " PAIRING_LABELS " or " PAIRING_KAYENTA ", not \"%.40s\"", pairing);
    judge = judge_of(input->config);
    settings = json_object_get(judge, "judgeConfigurations");
    if (!settings) {
        settings = json_object();
        json_object_set_new(judge, "judgeConfigurations", settings);
    }
    json_object_set_new(settings, PAIRING_KEY, json_string(pairing));
    return ERR_OK;
}

static enum err_code read_config(struct run_input *input, const char *file, struct error *err)
{
    json_t *config;

    if (!file)
        return error_because(err, ERR_INVALID, "usage", "name a canary config with -f FILE");
    if (cli_read_document(file, &config, err))
        return err->code;
    if (canary_config_view(config, &input->config, err))
        error_context(err, "%s", file);
    else
        json_keep(input->config, input->arena);
    json_decref(config);
    if (!err->code && cli_value(input->args, "judge") && !input->is_history)
        json_object_set_new(input->config, "judge",
                            json_pack("{ss}", "name", cli_value(input->args, "judge")));
    return err->code ? err->code : set_pairing(input, err);
}

/* Without --metric: all. */
static enum err_code choose_metrics(struct run_input *input, struct error *err)
{
    const json_t *metrics = json_object_get(input->config, "metrics");
    size_t n_named = cli_count(input->args, "metric");
    json_t *chosen, *metric;
    size_t i;

    if (n_named == 0)
        return ERR_OK;
    chosen = json_array();
    for (size_t n = 0; n < n_named && !err->code; n++) {
        const char *wanted = cli_value_at(input->args, "metric", n);
        size_t n_before = json_array_size(chosen);

        json_array_foreach (metrics, i, metric) {
            const char *name = json_string_value(json_object_get(metric, "name"));

            if (name && strcmp(name, wanted) == 0)
                json_array_append(chosen, metric);
        }
        if (json_array_size(chosen) == n_before)
            error_because(err, ERR_INVALID, "usage", "--metric: the config has no metric \"%.80s\"",
                          wanted);
    }
    json_object_set_new(input->config, "metrics", chosen);
    return err->code;
}

static enum err_code set_thresholds(const struct run_input *input, json_t *request, bool is_judged,
                                    struct error *err)
{
    json_t *thresholds;

    if (!is_judged)
        thresholds = json_pack("{sfsf}", "pass", PASS_DEFAULT, "marginal", MARGINAL_DEFAULT);
    else if (cli_thresholds(input->self, input->args, json_object_get(request, "thresholds"),
                            input->config, &thresholds, err))
        return err->code;
    json_object_set_new(request, "thresholds", thresholds);
    return ERR_OK;
}

enum err_code run_input_read(struct run_input *input, const char *config_file, bool is_judged,
                             const char *default_last, struct error *err)
{
    const char *timeout = cli_value(input->args, "timeout");
    const struct run_request_rules rules = {.default_last = default_last,
                                            .may_be_one_scope = input->is_history};
    struct plan_accounts accounts;
    json_t *request;

    input->timeout_s = TIMEOUT_DEFAULT_S;
    if (timeout && duration_parse(timeout, &input->timeout_s, err))
        return error_context(err, "--timeout");
    if (read_config(input, config_file, err) || choose_metrics(input, err) ||
        find_account(input, err))
        return err->code;
    if (input->is_history)
        keep_gaps(input);
    if (run_request_build(input->args, input->config, clock_wall_ns(), &rules, &request, err))
        return err->code;
    json_keep(request, input->arena);
    if (set_thresholds(input, request, is_judged, err) ||
        execution_request_decode(request, input->arena, &input->request, err))
        return err->code;
    accounts = (struct plan_accounts){
        .run = input->account, .judge = input->settings ? input->settings->remote_judge : NULL};
    return plan_build(input->config, input->request, &accounts, input->arena, &input->plan, err);
}

void run_input_clear(struct run_input *input)
{
    settings_free(input->settings);
    input->settings = NULL;
}

static void show_progress(const struct run_input *input, size_t n_done, int64_t started_mono_ms,
                          bool is_last)
{
    size_t n = input->n_to_do ? input->n_to_do : N_SIDES * input->plan->n_metrics;

    if (cli_has(input->args, "quiet") || !isatty(STDERR_FILENO))
        return;
    if (is_last)
        fputs("\r\033[K", stderr);
    else
        fprintf(stderr, "\r%s %zu/%zu · %.1f s", input->n_to_do ? "judging" : "fetching", n_done, n,
                (double)(clock_mono_ms() - started_mono_ms) / MS_PER_S);
}

int run_await(const struct run_input *input, sem_t *ended, size_t (*n_done)(const void *ctx),
              void (*cancel)(void *ctx), void *ctx)
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
            cancel(ctx);
        }
        show_progress(input, n_done(ctx), started_mono_ms, false);
    }
    show_progress(input, 0, started_mono_ms, true);
    return exit_code;
}
