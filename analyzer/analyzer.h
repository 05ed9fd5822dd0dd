/* analyzer/analyzer.h -- all that the HTTP API may call. JSON in as trees, JSON out as text.
 *
 * Every call may be made from any thread. `arena` receives what is returned. Errors carry Kayenta's
 * texts, a reason and, where a field is at fault, its pointer; the API turns codes into statuses.
 */
#ifndef ANALYZER_ANALYZER_H
#define ANALYZER_ANALYZER_H

#include "analyzer/settings.h"
#include "analyzer/store.h"
#include "base/arena.h"
#include "base/str.h"
#include <jansson.h>
#include <stdbool.h>

struct analyzer;

/* Open the store, start the fetch engine and the workers, and take up what an earlier process left
 * unfinished. `settings` and `log` must outlive it. */
MUST_CHECK enum err_code analyzer_create(const struct settings *settings, struct log *log,
                                         struct analyzer **out, struct error *err);
/* From now on starts are refused (ERR_BUSY, draining); what runs is left for the next start. */
void analyzer_drain(struct analyzer *analyzer);
void analyzer_free(struct analyzer *analyzer); /* NULL is accepted */
/* In place of analyzer_free(), when calls are still under way and the process ends nevertheless. */
void analyzer_leave(struct analyzer *analyzer);

/* Part of a list. */
struct list_page {
    size_t limit, page; /* page counts from 1 */
};

/* --- canary configs; `account` may be NULL or empty everywhere --- */
MUST_CHECK enum err_code analyzer_config_create(struct analyzer *analyzer, const char *account,
                                                const json_t *config, struct arena *arena,
                                                const char **out_id, struct error *err);
MUST_CHECK enum err_code analyzer_config_update(struct analyzer *analyzer, const char *account,
                                                const char *id, const json_t *config,
                                                struct arena *arena, const char **out_id,
                                                struct error *err);
MUST_CHECK enum err_code analyzer_config_delete(struct analyzer *analyzer, const char *account,
                                                const char *id, struct error *err);
MUST_CHECK enum err_code analyzer_config_get(struct analyzer *analyzer, const char *account,
                                             const char *id, struct arena *arena, struct str *out,
                                             struct error *err);
MUST_CHECK enum err_code analyzer_config_list(struct analyzer *analyzer, const char *account,
                                              const char *const *applications,
                                              size_t n_applications, struct arena *arena,
                                              struct str *out, struct error *err);

/* --- executions --- */
struct canary_start {
    const char *application; /* NULL: absent; "" is not the same for ad hoc runs */
    const char *parent_pipeline_execution_id;
    const char *metrics_account, *storage_account, *configuration_account;
    const char *canary_config_id;          /* NULL: ad hoc */
    const json_t *canary_config;           /* ad hoc: the config; else NULL */
    const json_t *execution_request;       /* may be NULL when the body had none */
    const struct idempotency *idempotency; /* the client's mark on the request, or NULL */
};
/* Check everything, plan, store; returns once the execution is durable. */
MUST_CHECK enum err_code analyzer_canary_start(struct analyzer *analyzer,
                                               const struct canary_start *start,
                                               struct arena *arena, const char **out_id,
                                               struct error *err);
MUST_CHECK enum err_code analyzer_execution_get(struct analyzer *analyzer, const char *id,
                                                const char *storage_account, struct arena *arena,
                                                struct str *out, struct error *err);
struct execution_query {
    const char *application;     /* NULL or "": "ad-hoc" */
    const char *statuses;        /* comma list, any case; NULL: all */
    const char *storage_account; /* only resolved */
    size_t limit, page;          /* page counts from 1 */
};
MUST_CHECK enum err_code analyzer_execution_list(struct analyzer *analyzer,
                                                 const struct execution_query *query,
                                                 struct arena *arena, struct str *out,
                                                 struct error *err);
/* End it as canceled; durable on return, so that a restart does not run it again. One that has
 * ended stays as it is. ERR_NOT_FOUND when there is none. */
MUST_CHECK enum err_code analyzer_execution_cancel(struct analyzer *analyzer, const char *id,
                                                   struct error *err);
/* A finished execution as one document for `serinus replay` (schema serinus.bundle/v1). */
MUST_CHECK enum err_code analyzer_execution_bundle(struct analyzer *analyzer, const char *id,
                                                   struct arena *arena, struct str *out,
                                                   struct error *err);

/* --- following executions of all kinds: schema serinus.execution/v1 --- */
struct events;
/* What happens to them, as it happens; closed by whoever stops serving. */
struct events *analyzer_events(struct analyzer *analyzer);

enum follow_detail {
    FOLLOW_BRIEF, /* as in lists and events */
    FOLLOW_FULL,
};
struct followed {
    struct str body;
    bool is_complete;
    int64_t ended_unix_ms; /* 0: it has not */
};
/* Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err_code analyzer_follow(struct analyzer *analyzer, const char *id,
                                         enum follow_detail detail, struct arena *arena,
                                         struct followed *out, struct error *err);
struct follow_query {
    const char *application, *config_id, *verdict, *parent_id; /* NULL: any */
    const char *since, *until; /* of acceptance, as instant_parse_relative() reads it; NULL: any */
    const char *cursor;        /* nextCursor of the page before; NULL: the first */
    const char *const *kinds, *const *statuses; /* none: all */
    size_t n_kinds, n_statuses, limit;
};
/* {"items": [brief, newest first], "nextCursor": absent on the last page}.
 * Errors: ERR_INVALID, reason bad_parameter. */
MUST_CHECK enum err_code analyzer_follow_list(struct analyzer *analyzer,
                                              const struct follow_query *query, struct arena *arena,
                                              struct str *out, struct error *err);

/* --- stand-alone analyses: a series of judgements over a lifetime --- */
struct analysis_start {
    const char *user;           /* NULL or "": "anonymous" */
    struct canary_start canary; /* whose execution_request is a CanaryAnalysisExecutionRequest */
};
/* Check everything, freeze the plan of all judgements, store; returns once that is durable. */
MUST_CHECK enum err_code analyzer_analysis_start(struct analyzer *analyzer,
                                                 const struct analysis_start *start,
                                                 struct arena *arena, const char **out_id,
                                                 struct error *err);
MUST_CHECK enum err_code analyzer_analysis_get(struct analyzer *analyzer, const char *id,
                                               struct arena *arena, struct str *out,
                                               struct error *err);
/* End it as canceled, its running judgement too; durable on return. One that has ended stays as it
 * is. ERR_NOT_FOUND when there is none. */
MUST_CHECK enum err_code analyzer_analysis_cancel(struct analyzer *analyzer, const char *id,
                                                  struct error *err);

/* --- executions of all kinds, as Kayenta's engine shows them --- */
/* An array of ids, newest first. */
MUST_CHECK enum err_code analyzer_pipeline_list(struct analyzer *analyzer, struct list_page page,
                                                struct arena *arena, struct str *out,
                                                struct error *err);
MUST_CHECK enum err_code analyzer_pipeline_get(struct analyzer *analyzer, const char *id,
                                               struct arena *arena, struct str *out,
                                               struct error *err);
/* End it as canceled, whatever its kind; durable on return. One that has ended stays as it is. */
MUST_CHECK enum err_code analyzer_pipeline_cancel(struct analyzer *analyzer, const char *id,
                                                  struct error *err);
/* Forget one that has ended; its archive entry stays. ERR_CONFLICT (still_running) when it has not,
 * or when the analysis it belongs to has not. */
MUST_CHECK enum err_code analyzer_pipeline_delete(struct analyzer *analyzer, const char *id,
                                                  struct error *err);
/* Stop or go on taking up executions that wait. What runs goes on, starts are accepted. */
void analyzer_pause(struct analyzer *analyzer, bool is_paused);

/* --- what is stored: lists are arrays of {id, updatedTimestamp, updatedTimestampIso}, latest first
 * --- */
MUST_CHECK enum err_code analyzer_archive_list(struct analyzer *analyzer, const char *account,
                                               struct list_page page, struct arena *arena,
                                               struct str *out, struct error *err);
MUST_CHECK enum err_code analyzer_archive_get(struct analyzer *analyzer, const char *account,
                                              const char *id, struct arena *arena, struct str *out,
                                              struct error *err);
/* `id` NULL: a new one. The entry is kept as it is. */
MUST_CHECK enum err_code analyzer_archive_create(struct analyzer *analyzer, const char *account,
                                                 const char *id, const json_t *entry,
                                                 struct arena *arena, const char **out_id,
                                                 struct error *err);
MUST_CHECK enum err_code analyzer_archive_update(struct analyzer *analyzer, const char *account,
                                                 const char *id, const json_t *entry,
                                                 struct arena *arena, struct error *err);
MUST_CHECK enum err_code analyzer_archive_delete(struct analyzer *analyzer, const char *account,
                                                 const char *id, struct error *err);

/* --- series, accounts, judges --- */
MUST_CHECK enum err_code analyzer_series_list(struct analyzer *analyzer, enum series_kind kind,
                                              const char *account, struct list_page page,
                                              struct arena *arena, struct str *out,
                                              struct error *err);
/* `list` is an array of metric sets, or of pairs. A pair without an id is given one. */
MUST_CHECK enum err_code analyzer_series_create(struct analyzer *analyzer, enum series_kind kind,
                                                const char *account, const json_t *list,
                                                struct arena *arena, const char **out_id,
                                                struct error *err);
MUST_CHECK enum err_code analyzer_series_delete(struct analyzer *analyzer, enum series_kind kind,
                                                const char *account, const char *id,
                                                struct error *err);
/* One pair of a list. */
MUST_CHECK enum err_code analyzer_pair_get(struct analyzer *analyzer, const char *account,
                                           const char *list_id, const char *pair_id,
                                           struct arena *arena, struct str *out, struct error *err);
MUST_CHECK enum err_code analyzer_series_get(struct analyzer *analyzer, enum series_kind kind,
                                             const char *account, const char *id,
                                             struct arena *arena, struct str *out,
                                             struct error *err);
MUST_CHECK enum err_code analyzer_credentials(struct analyzer *analyzer, struct arena *arena,
                                              struct str *out, struct error *err);
MUST_CHECK enum err_code analyzer_judges(struct analyzer *analyzer, struct arena *arena,
                                         struct str *out, struct error *err);
/* A list of pairs that is stored already, judged by a config that is, too. */
struct judge_request {
    const char *canary_config_id, *metric_set_pair_list_id;
    const char *configuration_account, *storage_account;
    double pass, marginal;
    const char *judges[2]; /* in place of the config's, for each side of a comparison, or NULL */
};
/* The judge's result. */
MUST_CHECK enum err_code analyzer_judge(struct analyzer *analyzer,
                                        const struct judge_request *request, struct arena *arena,
                                        struct str *out, struct error *err);
/* Judge twice and store both results as an execution of its own kind. */
MUST_CHECK enum err_code analyzer_compare(struct analyzer *analyzer,
                                          const struct judge_request *request, struct arena *arena,
                                          const char **out_id, struct error *err);
MUST_CHECK enum err_code analyzer_comparison_get(struct analyzer *analyzer, const char *id,
                                                 struct arena *arena, struct str *out,
                                                 struct error *err);

MUST_CHECK enum err_code analyzer_metrics_services(struct analyzer *analyzer, struct arena *arena,
                                                   struct str *out, struct error *err);
/* What the account's store says it has, as an array; only what has `filter` (NULL: all) in its
 * name, in any case. Asked once a minute; `[]` while nothing is known. Waits for a first answer, 3
 * s at most. */
MUST_CHECK enum err_code analyzer_metadata(struct analyzer *analyzer, const char *account,
                                           const char *filter, struct arena *arena, struct str *out,
                                           struct error *err);

/* One query by hand. Blocks for at most 30 s. */
struct fetch_query {
    const char *metrics_account, *storage_account;
    const char *store; /* "prometheus": the collector's name */
    const char *metric_set_name;
    const json_t *query;     /* the metric's query object, put together from the parameters */
    const json_t *templates; /* as in a canary config, or NULL */
    const json_t *scope;     /* {scope, location, start, end, step, extendedScopeParams} */
    bool is_dry_run;
};
/* {"metricSetListId"} or, dry, {"query"}. */
MUST_CHECK enum err_code analyzer_fetch(struct analyzer *analyzer, const struct fetch_query *query,
                                        struct arena *arena, struct str *out, struct error *err);

/* --- its own state --- */

/* Why it must not go on, as store_failure() says. */
MUST_CHECK enum err_code analyzer_failure(struct analyzer *analyzer, struct error *err);
MUST_CHECK enum err_code analyzer_ready(struct analyzer *analyzer, struct error *err);
/* Prometheus text format 0.0.4, without the HTTP server's own series. */
void analyzer_metrics(struct analyzer *analyzer, struct strbuf *out);

#endif
