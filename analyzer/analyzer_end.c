/* How executions end: with a result, with an error, cancelled, or without ever having run. The
 * first end that is stored stays. */
#include "analyzer/analyzer_state.h"
#include "analyzer/verdict_table.h"
#include "base/clock.h"
#include "base/json.h"

#include <math.h>
#include <unistd.h>

/* Between tries to write to a full or locked disk: half a second, looking up now and then. */
#define RETRY_STEP_US 50000u
#define RETRY_STEPS 10u
#define SAY_EVERY_MS 10000 /* however many wait */

static const char *member_text(const struct live *live, const char *key)
{
    return json_string_value(json_object_get(live->submission, key));
}

bool analyzer_wait_for_store(struct analyzer *analyzer, const struct error *why)
{
    long long now_ms = clock_mono_ms(), said_ms = atomic_load(&analyzer->said_trouble_mono_ms);

    if ((said_ms == 0 || now_ms - said_ms >= SAY_EVERY_MS) &&
        atomic_compare_exchange_strong(&analyzer->said_trouble_mono_ms, &said_ms, now_ms))
        log_error(analyzer->log, "the result store cannot be written to, trying again",
                  LOG_STR("error", why->message));
    for (unsigned i = 0; i < RETRY_STEPS && !atomic_load(&analyzer->is_draining); i++)
        usleep(RETRY_STEP_US);
    return !atomic_load(&analyzer->is_draining);
}

/* A try that failed may have been committed all the same. */
static bool is_stored(struct analyzer *analyzer, const struct stored_execution *ended)
{
    struct arena *arena = arena_create();
    struct stored_execution row;
    struct error ignored = {0};
    bool is_same =
        store_execution_get(analyzer->store, ended->id, arena, &row, &ignored) == ERR_OK &&
        row.state == ended->state && row.ended_unix_ms == ended->ended_unix_ms;

    arena_free(arena);
    return is_same;
}

enum err_code analyzer_finish(struct analyzer *analyzer, const struct ending *ending,
                              struct error *err)
{
    bool is_retried = false;

    while (store_execution_finish(analyzer->store, ending, err) == ERR_BUSY ||
           err->code == ERR_STORAGE) {
        if (!ending->lease || !analyzer_wait_for_store(analyzer, err))
            return err->code;
        *err = (struct error){0};
        is_retried = true;
    }
    if (err->code == ERR_CONFLICT && is_retried && is_stored(analyzer, ending->execution))
        *err = (struct error){0};
    if (!err->code) {
        scheduler_nudge(analyzer->scheduler); /* the analysis it belongs to is due now */
        if (ending->n_notifications)
            notify_wake(analyzer->notify);
    }
    return err->code;
}

static double threshold(const json_t *request, const char *name)
{
    double value = NAN;

    (void)json_to_double(json_object_get(json_object_get(request, "thresholds"), name), &value);
    return value;
}

void analyzer_notify(struct analyzer *analyzer, const json_t *submission, const char *reason,
                     const char *error, struct arena *arena, struct ending *ending)
{
    const struct stored_execution *ended = ending->execution;
    const json_t *request = json_object_get(submission, ended->kind == EXECUTION_ANALYSIS
                                                            ? "canaryAnalysisExecutionRequest"
                                                            : "canaryExecutionRequest");
    const struct notify_facts facts = {
        .id = ended->id,
        .application = ended->application,
        .parent_id = ended->parent_id,
        .interval = (unsigned)json_integer_value(json_object_get(submission, "interval")),
        .config_id = ended->config_id,
        .config_name = ended->config_name,
        .kind = ended->kind,
        .state = ended->state,
        .verdict = ended->verdict,
        .score = ended->score,
        .pass = threshold(request, "pass"),
        .marginal = threshold(request, "marginal"),
        .reason = reason,
        .error = error,
        .created_unix_ms = ended->created_unix_ms,
        .ended_unix_ms = ended->ended_unix_ms,
        .site_local = json_object_get(request, "siteLocal"),
    };
    struct stored_notification *list;

    notify_bodies(analyzer->settings, &facts, arena, &list, &ending->n_notifications);
    ending->notifications = list;
}

static enum execution_state state_of(const struct execution *execution)
{
    if (execution->error.code == ERR_CANCELLED)
        return EXECUTION_CANCELLED;
    return execution->error.code ? EXECUTION_FAILED : EXECUTION_SUCCEEDED;
}

static void log_end(const struct live *live, const struct execution *execution)
{
    struct log *log = live->analyzer->log;
    long long duration_ms =
        execution->ended_unix_ms - (int64_t)atomic_load(&execution->started_unix_ms);
    char text[sizeof(execution->error.message) + sizeof(execution->error.context) + 4];

    if (execution->error.code)
        log_warn(log, "execution failed", LOG_STR("execution", live->id),
                 LOG_STR("application", live->application),
                 LOG_STR("code", error_reason(&execution->error)),
                 LOG_STR("error", error_text(&execution->error, text, sizeof(text))),
                 LOG_I64("duration_ms", duration_ms));
    else
        log_info(log, "execution finished", LOG_STR("execution", live->id),
                 LOG_STR("application", live->application),
                 LOG_STR("verdict", verdict_name(execution->judgement.result.verdict)),
                 LOG_I64("score", execution->judgement.result.score),
                 LOG_I64("duration_ms", duration_ms));
}

/* What a store warned of (a partial response, say) is in the sets' attributes, and in the log. */
static void log_store_warnings(const struct live *live, const struct execution *execution)
{
    for (int side = 0; side < N_SIDES; side++)
        for (size_t i = 0; i < execution->plan->n_metrics; i++) {
            const struct query_run *run = &execution->runs[side][i];
            const char *warnings =
                run->sets.n_sets ? tag_map_get(&run->sets.sets[0].attributes, "warnings") : NULL;

            if (warnings)
                log_warn(live->analyzer->log, "metric store warned", LOG_STR("execution", live->id),
                         LOG_STR("account", run->plan->account->name),
                         LOG_STR("metric", run->plan->query.metric_name),
                         LOG_STR("warnings", warnings));
        }
}

static void end_job(void *ctx)
{
    struct live *live = ctx;
    struct analyzer *analyzer = live->analyzer;
    const struct execution *execution = live->execution;
    struct strbuf sets = {0}, pairs = {0}, body = {0};
    const struct judge_result *result = execution->error.code ? NULL : &execution->judgement.result;
    struct stored_execution ended = {
        .id = live->id,
        .application = live->application,
        .account = live->storage_account,
        .parent_id = live->parent_id,
        .config_id = live->config_id,
        .config_name = live->config_name,
        .state = state_of(execution),
        .created_unix_ms = json_integer_value(json_object_get(live->submission, "buildTimeMillis")),
        .ended_unix_ms = execution->ended_unix_ms,
        .verdict = result ? verdict_word(result) : "",
        .score = result ? result->score : NAN,
    };
    struct stored_series series[2];
    struct ending ending = {.execution = &ended, .lease = &live->lease, .series = series};
    char text[sizeof(execution->error.message) + sizeof(execution->error.context) + 4];
    struct error err = {0};

    if (execution->judgement.n_pairs) {
        struct stored_set *list;
        size_t n_list;

        execution_stored_sets(execution, execution->arena, &list, &n_list);
        metric_sets_encode(list, n_list, &sets);
        metric_pairs_encode(execution->judgement.pairs, execution->judgement.n_pairs, &pairs);
        series[ending.n_series++] = (struct stored_series){
            SERIES_METRIC_SETS, live->storage_account, member_text(live, "metricSetListId"),
            execution->ended_unix_ms, strbuf_view(&sets)};
        series[ending.n_series++] =
            (struct stored_series){SERIES_METRIC_SET_PAIRS, live->storage_account,
                                   member_text(live, "metricSetPairListId"),
                                   execution->ended_unix_ms, strbuf_view(&pairs)};
    }
    report_status(&live->frozen, execution, true, &body);
    ended.body = strbuf_view(&body);
    analyzer_notify(analyzer, live->submission, result ? result->reason : NULL,
                    result ? NULL : error_text(&execution->error, text, sizeof(text)),
                    execution->arena, &ending);
    (void)(analyzer_finish(analyzer, &ending, &err) == ERR_OK);
    atomic_fetch_add(&live->n_refs, 1);
    live_remove(analyzer, live); /* first, so that who is told of the end reads it */
    if (err.code == ERR_OK) {
        analyzer_tell(analyzer, EVENT_FINISHED, &ended);
        analyzer_count(analyzer, live, execution);
        log_store_warnings(live, execution);
        log_end(live, execution);
    }
    strbuf_clear(&sets);
    strbuf_clear(&pairs);
    strbuf_clear(&body);
    live_unref(live);
}

/* On a worker, which has other things to compute while the end is stored. */
void analyzer_execution_ended(struct execution *execution)
{
    struct live *live = execution->ctx;

    if (execution->error.code == ERR_CANCELLED)
        live_remove(live->analyzer, live); /* it is stored as such, or the next start goes on */
    else
        worker_pool_submit(live->analyzer->steps, end_job, live);
}

/* --- ends without a run --- */

/* What reading, failing and cancelling one need that does not run. */
static enum err_code freeze(const struct stored_execution *execution, struct arena *arena,
                            json_t **out_submission, struct report_frozen *out, struct error *err)
{
    struct error why = {0};

    if (json_read(execution->submission, &json_limits_document, out_submission, &why))
        return error_set(err, ERR_STORAGE, "the stored request of \"%s\" cannot be read: %s",
                         execution->id, why.message);
    *out = report_freeze(execution->id, json_keep(*out_submission, arena), arena);
    return ERR_OK;
}

enum err_code analyzer_waiting_status(const struct stored_execution *execution, struct arena *arena,
                                      struct str *out, struct error *err)
{
    struct report_frozen frozen;
    struct strbuf text = {0};
    json_t *submission;

    if (freeze(execution, arena, &submission, &frozen, err))
        return err->code;
    report_status(&frozen, NULL, false, &text);
    *out = (struct str){arena_strndup(arena, text.bytes, text.n_bytes), text.n_bytes};
    strbuf_clear(&text);
    return ERR_OK;
}

void analyzer_fail(struct analyzer *analyzer, const struct stored_execution *execution,
                   const struct lease *lease, const struct error *why)
{
    struct stored_execution ended = *execution;
    struct ending ending = {.execution = &ended, .lease = lease};
    bool is_cancel = why->code == ERR_CANCELLED;
    json_t *submission;
    struct arena *arena = arena_create();
    struct report_frozen frozen;
    struct strbuf body = {0};
    struct error err = {0};

    log_warn(analyzer->log, "execution ended without a run", LOG_STR("execution", execution->id),
             LOG_STR("code", error_reason(why)), LOG_STR("error", why->message));
    if (freeze(execution, arena, &submission, &frozen, &err)) { /* nothing of it can be shown */
        submission = NULL;
        frozen = report_freeze(execution->id, NULL, arena);
        err = (struct error){0};
    }
    ended.state = is_cancel ? EXECUTION_CANCELLED : EXECUTION_FAILED;
    ended.ended_unix_ms = clock_wall_ms();
    ended.verdict = "";
    ended.score = NAN;
    if (is_cancel)
        report_cancelled(&frozen, NULL, ended.ended_unix_ms, &body);
    else
        report_unplannable(&frozen, why, &body);
    ended.body = strbuf_view(&body);
    analyzer_notify(analyzer, submission, NULL, why->message, arena, &ending);
    if (analyzer_finish(analyzer, &ending, &err) == ERR_OK) {
        analyzer_tell(analyzer, EVENT_FINISHED, &ended);
        analyzer_count_end(analyzer, ended.state);
    }
    if (err.code && err.code != ERR_CONFLICT)
        log_error(analyzer->log, "execution could not be stored",
                  LOG_STR("execution", execution->id), LOG_STR("error", err.message));
    strbuf_clear(&body);
    arena_free(arena);
}

/* One that is taken up in this very moment goes on until it finds that its lease is gone. */
static void stop_running(struct analyzer *analyzer, const char *id)
{
    struct live *live = live_find(analyzer, id);

    if (!live)
        return;
    execution_cancel(live->execution);
    live_unref(live);
}

/* The first end that is stored stays: a verdict that was faster stands. */
static enum err_code store_cancelled(struct analyzer *analyzer,
                                     const struct stored_execution *stored,
                                     const struct execution *execution, struct arena *arena,
                                     struct error *err)
{
    struct stored_execution ended = *stored;
    struct ending ending = {.execution = &ended};
    struct report_frozen frozen;
    struct strbuf body = {0};
    json_t *submission;

    if (freeze(stored, arena, &submission, &frozen, err))
        return err->code;
    ended.state = EXECUTION_CANCELLED;
    ended.ended_unix_ms = clock_wall_ms();
    report_cancelled(&frozen, execution, ended.ended_unix_ms, &body);
    ended.body = strbuf_view(&body);
    analyzer_notify(analyzer, submission, NULL, NULL, arena, &ending);
    if (analyzer_finish(analyzer, &ending, err) == ERR_CONFLICT) {
        *err = (struct error){0};
    } else if (!err->code) {
        stop_running(analyzer, stored->id); /* first, so that who is told of the end reads it */
        analyzer_count_end(analyzer, EXECUTION_CANCELLED);
        analyzer_tell(analyzer, EVENT_FINISHED, &ended);
    }
    strbuf_clear(&body);
    return err->code;
}

enum err_code analyzer_execution_cancel(struct analyzer *analyzer, const char *id,
                                        struct error *err)
{
    struct live *live = live_find(analyzer, id);
    struct arena *arena = arena_create();
    struct stored_execution stored;

    if (store_execution_get(analyzer->store, id, arena, &stored, err) == ERR_OK &&
        stored.state == EXECUTION_ACCEPTED)
        (void)(store_cancelled(analyzer, &stored, live ? live->execution : NULL, arena, err) ==
               ERR_OK);
    if (live)
        live_unref(live);
    arena_free(arena);
    return err->code;
}
