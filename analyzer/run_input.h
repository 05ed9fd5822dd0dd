/* analyzer/run_input.h -- what `serinus run`, `fetch` and `validate --dry-run` have in common: the
 * flags that say what to ask and whom, the plan they make, and waiting for its queries. */
#ifndef ANALYZER_RUN_INPUT_H
#define ANALYZER_RUN_INPUT_H

#include "analyzer/cli.h"
#include "analyzer/plan.h"
#include "analyzer/settings.h"
#include <semaphore.h>

/* Rows of a command's option table. */
#define RUN_INPUT_OPTIONS                                                                          \
    {"request", 0, "FILE", "execution request (Kayenta body); other flags override it"},           \
        {"prometheus", 0, "URL", "metric store to ask"},                                           \
        {"accounts", 0, "FILE", "settings file with accounts, kayenta.yml or native"},             \
        {"account", 0, "NAME", "metrics account of that file; default: its first"},                \
        {"baseline", 0, "SCOPE", "scope of the baseline"},                                         \
        {"canary", 0, "SCOPE", "scope of the canary"},                                             \
        {"location", 0, "L", "location of both sides"},                                            \
        {"baseline-location", 0, "L", "location of the baseline"},                                 \
        {"canary-location", 0, "L", "location of the canary"},                                     \
        {"param", 0, "K=V", "extended scope parameter of both sides; repeatable"},                 \
        {"start", 0, "TIME", "start of the window: RFC 3339, epoch, or now-2h"},                   \
        {"end", 0, "TIME", "end of the window; default now"},                                      \
        {"last", 0, "DUR", "window that ends now (or at --end): 90s, 5m, 1h30m, PT1H"},            \
        {"baseline-offset", 0, "DUR", "take the baseline's window this much earlier"},             \
        {"step", 0, "DUR", "resolution; default 60s"},                                             \
        {"pairing", 0, "HOW", "labels or kayenta, in place of the config's; see operations.md"},   \
    {                                                                                              \
        "timeout", 0, "DUR", "give up after this long; default 11m"                                \
    }

struct run_input {
    const struct cli_command *self;
    const struct cli_args *args;
    struct arena *arena;
    struct settings *settings; /* with --accounts; owned */
    const struct account *account;
    json_t *config; /* view */
    struct execution_request *request;
    struct canary_plan *plan;
    int64_t timeout_s;
    bool is_history; /* set before run_input_read(): a long window, in which gaps are kept; one
                        scope is enough (run_request.h), and --judge is left to the caller */
    size_t n_to_do;  /* judgements that run_await() waits for; 0: it waits for the queries */
};

/* Read what the flags and `config_file` say, and plan it. `self`, `args` and `arena` are set by the
 * caller.
 *
 * is_judged  a verdict is wanted: thresholds from flags, request and config (cli_thresholds)
 * default_last  the window, "1h", where neither flags nor request name one; NULL: there must be one
 *
 * Errors: of the flags (reason "usage"), of the files, of plan_build(). */
MUST_CHECK enum err_code run_input_read(struct run_input *input, const char *config_file,
                                        bool is_judged, const char *default_last,
                                        struct error *err);
void run_input_clear(struct run_input *input);

/* From here on INT and TERM end run_await(), and nothing else. */
void run_catch_signals(void);

/* Wait until `ended` is posted, with progress on a terminal; a signal cancels, and the wait goes on
 * until what was cancelled has ended. Returns 0, or the exit code the signal means. */
int run_await(const struct run_input *input, sem_t *ended, size_t (*n_done)(const void *ctx),
              void (*cancel)(void *ctx), void *ctx);

#endif
