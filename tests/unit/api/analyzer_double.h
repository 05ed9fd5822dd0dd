/* tests/unit/api/analyzer_double.h -- stands in for analyzer.c in the tests of the api room.
 *
 * Each function notes what it was asked and answers from fields the test has set. Include it from
 * exactly one file of a program: it defines every function of analyzer/analyzer.h, so that the real
 * ones stay out of the link. */
#ifndef TESTS_UNIT_API_ANALYZER_DOUBLE_H
#define TESTS_UNIT_API_ANALYZER_DOUBLE_H

#include "analyzer/analyzer.h"
#include "analyzer/events.h"
#include "base/json.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct analyzer {
    struct strbuf asked;  /* the last call, in words */
    pthread_mutex_t lock; /* zeroes are an unlocked one; guards `asked` where calls run at once */
    const char *answer;   /* what the get and list functions give back */
    enum err_code fails;  /* not ERR_OK: every call fails with it ... */
    const char *reason, *message, *pointer;
    atomic_int delay_ms; /* ... or waits before it answers */
    struct events *events;
    atomic_bool is_complete; /* what analyzer_follow() says of every execution, ... */
    int64_t ended_unix_ms;   /* ... and when that was */
};

static enum err_code double_answer(struct analyzer *a, struct error *err)
{
    int ms = atomic_load(&a->delay_ms);
    const struct timespec delay = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    if (ms)
        nanosleep(&delay, NULL);
    if (!a->fails)
        return ERR_OK;
    error_because(err, a->fails, a->reason, "%s", a->message ? a->message : "it failed");
    if (a->pointer)
        error_point(err, "%s", a->pointer);
    return err->code;
}

static const char *shown(const char *text)
{
    return text ? text : "(null)";
}

#define ASKED(a, ...)                                                                              \
    do {                                                                                           \
        pthread_mutex_lock(&(a)->lock);                                                            \
        (a)->asked.n_bytes = 0;                                                                    \
        strbuf_printf(&(a)->asked, __VA_ARGS__);                                                   \
        pthread_mutex_unlock(&(a)->lock);                                                          \
    } while (0)

static enum err_code double_text(struct analyzer *a, struct str *out, struct error *err)
{
    if (double_answer(a, err))
        return err->code;
    *out = str_of(a->answer ? a->answer : "{}");
    return ERR_OK;
}

enum err_code analyzer_config_create(struct analyzer *a, const char *account, const json_t *config,
                                     struct arena *arena, const char **out_id, struct error *err)
{
    ASKED(a, "config create %s %s", shown(account), json_write_arena(config, arena));
    *out_id = "new-id";
    return double_answer(a, err);
}

enum err_code analyzer_config_update(struct analyzer *a, const char *account, const char *id,
                                     const json_t *config, struct arena *arena, const char **out_id,
                                     struct error *err)
{
    ASKED(a, "config update %s %s %s", shown(account), id, json_write_arena(config, arena));
    *out_id = arena_strdup(arena, id);
    return double_answer(a, err);
}

enum err_code analyzer_config_delete(struct analyzer *a, const char *account, const char *id,
                                     struct error *err)
{
    ASKED(a, "config delete %s %s", shown(account), id);
    return double_answer(a, err);
}

enum err_code analyzer_config_get(struct analyzer *a, const char *account, const char *id,
                                  struct arena *arena, struct str *out, struct error *err)
{
    (void)arena;
    ASKED(a, "config get %s %s", shown(account), id);
    return double_text(a, out, err);
}

enum err_code analyzer_config_list(struct analyzer *a, const char *account,
                                   const char *const *applications, size_t n_applications,
                                   struct arena *arena, struct str *out, struct error *err)
{
    (void)arena;
    ASKED(a, "config list %s", shown(account));
    for (size_t i = 0; i < n_applications; i++)
        strbuf_printf(&a->asked, " [%s]", applications[i]);
    return double_text(a, out, err);
}

enum err_code analyzer_canary_start(struct analyzer *a, const struct canary_start *start,
                                    struct arena *arena, const char **out_id, struct error *err)
{
    ASKED(a, "start app=%s parent=%s metrics=%s storage=%s configuration=%s config=%s inline=%s %s",
          shown(start->application), shown(start->parent_pipeline_execution_id),
          shown(start->metrics_account), shown(start->storage_account),
          shown(start->configuration_account), shown(start->canary_config_id),
          start->canary_config ? json_write_arena(start->canary_config, arena) : "(null)",
          json_write_arena(start->execution_request, arena));
    *out_id = "01M0FDBK3EZFVVXR4TCRNYT4NS";
    return double_answer(a, err);
}

enum err_code analyzer_execution_get(struct analyzer *a, const char *id,
                                     const char *storage_account, struct arena *arena,
                                     struct str *out, struct error *err)
{
    (void)arena;
    ASKED(a, "execution get %s %s", id, shown(storage_account));
    return double_text(a, out, err);
}

enum err_code analyzer_execution_list(struct analyzer *a, const struct execution_query *query,
                                      struct arena *arena, struct str *out, struct error *err)
{
    (void)arena;
    ASKED(a, "execution list app=%s statuses=%s storage=%s limit=%zu page=%zu",
          shown(query->application), shown(query->statuses), shown(query->storage_account),
          query->limit, query->page);
    return double_text(a, out, err);
}

enum err_code analyzer_execution_bundle(struct analyzer *a, const char *id, struct arena *arena,
                                        struct str *out, struct error *err)
{
    (void)arena;
    ASKED(a, "bundle %s", id);
    return double_text(a, out, err);
}

struct events *analyzer_events(struct analyzer *a)
{
    return a->events;
}

enum err_code analyzer_follow(struct analyzer *a, const char *id, enum follow_detail detail,
                              struct arena *arena, struct followed *out, struct error *err)
{
    bool is_complete = atomic_load(&a->is_complete);

    ASKED(a, "follow %s %s", id, detail == FOLLOW_FULL ? "full" : "brief");
    if (double_answer(a, err))
        return err->code;
    out->body = str_of(
        arena_printf(arena, "{\"id\":\"%s\",\"complete\":%s}", id, is_complete ? "true" : "false"));
    out->is_complete = is_complete;
    out->ended_unix_ms = is_complete ? a->ended_unix_ms : 0;
    return ERR_OK;
}

enum err_code analyzer_follow_list(struct analyzer *a, const struct follow_query *query,
                                   struct arena *arena, struct str *out, struct error *err)
{
    (void)arena;
    ASKED(a,
          "follow list app=%s config=%s verdict=%s parent=%s since=%s until=%s cursor=%s limit=%zu",
          shown(query->application), shown(query->config_id), shown(query->verdict),
          shown(query->parent_id), shown(query->since), shown(query->until), shown(query->cursor),
          query->limit);
    for (size_t i = 0; i < query->n_kinds; i++)
        strbuf_printf(&a->asked, " [%s]", query->kinds[i]);
    for (size_t i = 0; i < query->n_statuses; i++)
        strbuf_printf(&a->asked, " <%s>", query->statuses[i]);
    return double_text(a, out, err);
}

enum err_code analyzer_series_get(struct analyzer *a, enum series_kind kind, const char *account,
                                  const char *id, struct arena *arena, struct str *out,
                                  struct error *err)
{
    (void)arena;
    ASKED(a, "series %s %s %s", kind == SERIES_METRIC_SETS ? "sets" : "pairs", shown(account), id);
    return double_text(a, out, err);
}

enum err_code analyzer_analysis_start(struct analyzer *a, const struct analysis_start *start,
                                      struct arena *arena, const char **out_id, struct error *err)
{
    ASKED(a, "analysis start user=%s app=%s config=%s inline=%s %s", shown(start->user),
          shown(start->canary.application), shown(start->canary.canary_config_id),
          start->canary.canary_config ? json_write_arena(start->canary.canary_config, arena)
                                      : "(null)",
          json_write_arena(start->canary.execution_request, arena));
    *out_id = "01M0FDBK3EZFVVXR4TCRNYT4NS";
    return double_answer(a, err);
}

enum err_code analyzer_analysis_get(struct analyzer *a, const char *id, struct arena *arena,
                                    struct str *out, struct error *err)
{
    (void)arena;
    ASKED(a, "analysis get %s", id);
    return double_text(a, out, err);
}

enum err_code analyzer_series_list(struct analyzer *a, enum series_kind kind, const char *account,
                                   struct list_page page, struct arena *arena, struct str *out,
                                   struct error *err)
{
    (void)arena;
    ASKED(a, "series list %s %s %zu %zu", kind == SERIES_METRIC_SETS ? "sets" : "pairs",
          shown(account), page.limit, page.page);
    return double_text(a, out, err);
}

enum err_code analyzer_series_create(struct analyzer *a, enum series_kind kind, const char *account,
                                     const json_t *list, struct arena *arena, const char **out_id,
                                     struct error *err)
{
    ASKED(a, "series create %s %s %s", kind == SERIES_METRIC_SETS ? "sets" : "pairs",
          shown(account), json_write_arena(list, arena));
    *out_id = "new-id";
    return double_answer(a, err);
}

enum err_code analyzer_series_delete(struct analyzer *a, enum series_kind kind, const char *account,
                                     const char *id, struct error *err)
{
    ASKED(a, "series delete %s %s %s", kind == SERIES_METRIC_SETS ? "sets" : "pairs",
          shown(account), id);
    return double_answer(a, err);
}

enum err_code analyzer_pair_get(struct analyzer *a, const char *account, const char *list_id,
                                const char *pair_id, struct arena *arena, struct str *out,
                                struct error *err)
{
    (void)arena;
    ASKED(a, "pair get %s %s %s", shown(account), list_id, pair_id);
    return double_text(a, out, err);
}

enum err_code analyzer_pipeline_list(struct analyzer *a, struct list_page page, struct arena *arena,
                                     struct str *out, struct error *err)
{
    (void)arena;
    ASKED(a, "pipeline list %zu %zu", page.limit, page.page);
    return double_text(a, out, err);
}

enum err_code analyzer_pipeline_get(struct analyzer *a, const char *id, struct arena *arena,
                                    struct str *out, struct error *err)
{
    (void)arena;
    ASKED(a, "pipeline get %s", id);
    return double_text(a, out, err);
}

enum err_code analyzer_pipeline_cancel(struct analyzer *a, const char *id, struct error *err)
{
    ASKED(a, "pipeline cancel %s", id);
    return double_answer(a, err);
}

enum err_code analyzer_pipeline_delete(struct analyzer *a, const char *id, struct error *err)
{
    ASKED(a, "pipeline delete %s", id);
    return double_answer(a, err);
}

void analyzer_pause(struct analyzer *a, bool is_paused)
{
    ASKED(a, "pause %d", is_paused);
}

enum err_code analyzer_archive_list(struct analyzer *a, const char *account, struct list_page page,
                                    struct arena *arena, struct str *out, struct error *err)
{
    (void)arena;
    ASKED(a, "archive list %s %zu %zu", shown(account), page.limit, page.page);
    return double_text(a, out, err);
}

enum err_code analyzer_archive_get(struct analyzer *a, const char *account, const char *id,
                                   struct arena *arena, struct str *out, struct error *err)
{
    (void)arena;
    ASKED(a, "archive get %s %s", shown(account), id);
    return double_text(a, out, err);
}

enum err_code analyzer_archive_create(struct analyzer *a, const char *account, const char *id,
                                      const json_t *entry, struct arena *arena, const char **out_id,
                                      struct error *err)
{
    ASKED(a, "archive create %s %s %s", shown(account), shown(id), json_write_arena(entry, arena));
    *out_id = "new-id";
    return double_answer(a, err);
}

enum err_code analyzer_archive_update(struct analyzer *a, const char *account, const char *id,
                                      const json_t *entry, struct arena *arena, struct error *err)
{
    ASKED(a, "archive update %s %s %s", shown(account), id, json_write_arena(entry, arena));
    return double_answer(a, err);
}

enum err_code analyzer_archive_delete(struct analyzer *a, const char *account, const char *id,
                                      struct error *err)
{
    ASKED(a, "archive delete %s %s", shown(account), id);
    return double_answer(a, err);
}

enum err_code analyzer_credentials(struct analyzer *a, struct arena *arena, struct str *out,
                                   struct error *err)
{
    (void)arena;
    ASKED(a, "credentials");
    return double_text(a, out, err);
}

enum err_code analyzer_judges(struct analyzer *a, struct arena *arena, struct str *out,
                              struct error *err)
{
    (void)arena;
    ASKED(a, "judges");
    return double_text(a, out, err);
}

static void note_judge_request(struct analyzer *a, const char *what,
                               const struct judge_request *request)
{
    ASKED(a, "%s %s %s %s %s %g %g %s %s", what, request->canary_config_id,
          request->metric_set_pair_list_id, shown(request->configuration_account),
          shown(request->storage_account), request->pass, request->marginal,
          shown(request->judges[0]), shown(request->judges[1]));
}

enum err_code analyzer_judge(struct analyzer *a, const struct judge_request *request,
                             struct arena *arena, struct str *out, struct error *err)
{
    (void)arena;
    note_judge_request(a, "judge", request);
    return double_text(a, out, err);
}

enum err_code analyzer_compare(struct analyzer *a, const struct judge_request *request,
                               struct arena *arena, const char **out_id, struct error *err)
{
    (void)arena;
    note_judge_request(a, "compare", request);
    *out_id = "01M0FDBK3EZFVVXR4TCRNYT4NS";
    return double_answer(a, err);
}

enum err_code analyzer_comparison_get(struct analyzer *a, const char *id, struct arena *arena,
                                      struct str *out, struct error *err)
{
    (void)arena;
    ASKED(a, "comparison get %s", id);
    return double_text(a, out, err);
}

enum err_code analyzer_metrics_services(struct analyzer *a, struct arena *arena, struct str *out,
                                        struct error *err)
{
    (void)arena;
    ASKED(a, "metrics services");
    return double_text(a, out, err);
}

enum err_code analyzer_metadata(struct analyzer *a, const char *account, const char *filter,
                                struct arena *arena, struct str *out, struct error *err)
{
    (void)arena;
    ASKED(a, "metadata %s %s", shown(account), shown(filter));
    return double_text(a, out, err);
}

enum err_code analyzer_fetch(struct analyzer *a, const struct fetch_query *query,
                             struct arena *arena, struct str *out, struct error *err)
{
    ASKED(a, "fetch %s set=%s metrics=%s storage=%s dry=%d %s %s", query->store,
          query->metric_set_name, shown(query->metrics_account), shown(query->storage_account),
          query->is_dry_run, json_write_arena(query->query, arena),
          json_write_arena(query->scope, arena));
    return double_text(a, out, err);
}

enum err_code analyzer_ready(struct analyzer *a, struct error *err)
{
    return a->fails ? error_set(err, a->fails, "it failed") : ERR_OK;
}

void analyzer_metrics(struct analyzer *a, struct strbuf *out)
{
    (void)a;
    strbuf_puts(out, "# HELP serinus_double The analyzer's own series.\n"
                     "# TYPE serinus_double gauge\nserinus_double 1\n");
}

#endif
