/* analyzer/plan.h -- hop 3: request, config and account -> everything that will be asked, read-only
 * from then on. What cannot be planned is refused here, before an id is given out. */
#ifndef ANALYZER_PLAN_H
#define ANALYZER_PLAN_H

#include "analyzer/execution_request.h"
#include "base/arena.h"
#include "collectors/collector.h"
#include "judge/judge.h"

/* One side of one metric. */
struct plan_query {
    enum side side;
    size_t metric_index;
    const char *scope_name;
    const struct account *account;
    const struct collector_type *collector;
    struct metric_query query;
    const char *text; /* fully expanded */
};

struct canary_plan {
    json_t *config; /* view; lives in the arena */
    const struct execution_request *request;
    const struct judge_type *judge;
    const struct account *judge_account; /* where the remote judge is; NULL with all others */
    size_t n_metrics;
    struct plan_query *queries[N_SIDES]; /* n_metrics each, in the config's order */

    /* What is asked of the time before (calibration.h): the queries of metric i are there where
     * n_history_windows[i] is not 0. NULL without any. */
    struct plan_query *history[N_SIDES];
    size_t *n_history_windows;
    size_t n_histories; /* metrics with a history */
};

/* Whom to ask. */
struct plan_accounts {
    const struct account *run;               /* the request's */
    const struct account *const *of_metrics; /* one a metric, NULL for the request's; or NULL */
    const struct account *judge;             /* the remote judge; NULL: there is none */
};

/* `config` is a view (canary_config_view) and is kept alive by the arena; accounts, request and
 * arena must outlive the plan. Errors: ERR_INVALID with Kayenta's texts, in Kayenta's order, then
 * what Kayenta finds only later: unknown judge, templates that cannot be expanded, missing times or
 * step. */
MUST_CHECK enum err_code plan_build(json_t *config, const struct execution_request *request,
                                    const struct plan_accounts *accounts, struct arena *arena,
                                    struct canary_plan **out, struct error *err);

/* Start, end, and a step where the store needs one. Errors: ERR_INVALID, bad_time or bad_step. */
MUST_CHECK enum err_code plan_check_window(const struct plan_query *query, struct error *err);

#endif
