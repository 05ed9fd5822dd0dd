/* The service's own numbers, in the Prometheus text format 0.0.4. */
#include "analyzer/analyzer_state.h"
#include "base/json.h"

#include <inttypes.h>

/* Upper bounds of serinus_execution_duration_seconds, in milliseconds: 0.1 s to 24 h. */
static const int64_t duration_bounds_ms[] = {100,   500,    1000,    5000,
                                             30000, 300000, 3600000, 86400000};

_Static_assert(ARRAY_LEN(duration_bounds_ms) ==
                   ARRAY_LEN(((struct execution_counters *)0)->duration_buckets),
               "a counter for every bound");

/* Upper bounds of serinus_scheduler_lag_seconds, in milliseconds. */
static const int64_t lag_bounds_ms[] = {5, 25, 100, 250, 500, 1000, 5000, 60000};

_Static_assert(ARRAY_LEN(lag_bounds_ms) == ARRAY_LEN(((struct execution_counters *)0)->lag_buckets),
               "a counter for every bound");

#define MAX_LABEL_VALUES 200u /* beyond it: "other", so that clients cannot grow the page */

/* A label value: backslash, quote and line feed escaped. */
static void put_label(struct strbuf *out, const char *name, const char *value)
{
    strbuf_printf(out, "%s=\"", name);
    for (const char *c = value; *c; c++) {
        if (*c == '\\' || *c == '"')
            strbuf_puts(out, "\\");
        if (*c == '\n')
            strbuf_puts(out, "\\n");
        else
            strbuf_append(out, c, 1);
    }
    strbuf_puts(out, "\"");
}

static const char *config_name(const struct live *live)
{
    const char *name =
        json_string_value(json_object_get(json_object_get(live->submission, "config"), "name"));

    return name ? name : "";
}

static void put_verdict_labels(struct strbuf *out, const char *application, const char *config,
                               const struct judge_result *result)
{
    put_label(out, "application", application);
    strbuf_puts(out, ",");
    put_label(out, "config", config);
    strbuf_puts(out, ",");
    put_label(out, "verdict", verdict_name(result->verdict));
}

static void count_verdict(struct analyzer *analyzer, const struct live *live,
                          const struct judge_result *result)
{
    struct strbuf labels = {0};
    json_int_t n;

    put_verdict_labels(&labels, live->application, config_name(live), result);
    if (!json_object_get(analyzer->verdicts, labels.bytes) &&
        json_object_size(analyzer->verdicts) >= MAX_LABEL_VALUES) {
        strbuf_clear(&labels);
        put_verdict_labels(&labels, "other", "other", result);
    }
    n = json_integer_value(json_object_get(analyzer->verdicts, labels.bytes));
    json_object_set_new(analyzer->verdicts, labels.bytes, json_integer(n + 1));
    strbuf_clear(&labels);
}

void analyzer_count_lag(struct analyzer *analyzer, int64_t lag_ms)
{
    struct execution_counters *counters = &analyzer->counters;

    pthread_mutex_lock(&analyzer->lock);
    counters->lag_count++;
    counters->lag_sum_ms += (uint64_t)(lag_ms > 0 ? lag_ms : 0);
    for (size_t i = 0; i < ARRAY_LEN(lag_bounds_ms); i++)
        counters->lag_buckets[i] += lag_ms <= lag_bounds_ms[i];
    pthread_mutex_unlock(&analyzer->lock);
}

void analyzer_count_end(struct analyzer *analyzer, enum execution_state state)
{
    pthread_mutex_lock(&analyzer->lock);
    if (state == EXECUTION_CANCELLED)
        analyzer->counters.cancelled++;
    else
        analyzer->counters.failed++;
    pthread_mutex_unlock(&analyzer->lock);
}

void analyzer_count(struct analyzer *analyzer, const struct live *live,
                    const struct execution *execution)
{
    struct execution_counters *counters = &analyzer->counters;
    int64_t duration_ms =
        execution->ended_unix_ms - (int64_t)atomic_load(&execution->started_unix_ms);

    pthread_mutex_lock(&analyzer->lock);
    if (execution->error.code) {
        counters->failed++;
    } else {
        counters->succeeded++;
        count_verdict(analyzer, live, &execution->judgement.result);
    }
    counters->duration_count++;
    counters->duration_sum_ms += (uint64_t)(duration_ms > 0 ? duration_ms : 0);
    for (size_t i = 0; i < ARRAY_LEN(duration_bounds_ms); i++)
        counters->duration_buckets[i] += duration_ms <= duration_bounds_ms[i];
    pthread_mutex_unlock(&analyzer->lock);
}

static void put_head(struct strbuf *out, const char *name, const char *type, const char *help)
{
    strbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_one(struct strbuf *out, const char *name, const char *type, const char *help,
                    uint64_t value)
{
    put_head(out, name, type, help);
    strbuf_printf(out, "%s %" PRIu64 "\n", name, value);
}

/* A histogram of times in ms, shown in seconds. `labels`: those it has besides. */
static void put_histogram(struct strbuf *out, const char *name, const char *labels,
                          const int64_t *bounds_ms, const uint64_t *buckets, size_t n_buckets,
                          uint64_t count, uint64_t sum_ms)
{
    for (size_t i = 0; i < n_buckets; i++)
        strbuf_printf(out, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", name, labels,
                      *labels ? "," : "", (double)bounds_ms[i] / 1000, buckets[i]);
    strbuf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, labels, *labels ? "," : "",
                  count);
    strbuf_printf(out, "%s_sum{%s} %g\n%s_count{%s} %" PRIu64 "\n", name, labels,
                  (double)sum_ms / 1000, name, labels, count);
}

static void put_executions(struct analyzer *analyzer, uint64_t n_unfinished, struct strbuf *out)
{
    const struct execution_counters *counters = &analyzer->counters;
    uint64_t n_running = analyzer->n_slots_taken;
    const char *labels;
    json_t *count;

    put_head(out, "serinus_executions_total", "counter", "Executions that have ended.");
    strbuf_printf(out,
                  "serinus_executions_total{kind=\"canary\",status=\"succeeded\"} %" PRIu64 "\n"
                  "serinus_executions_total{kind=\"canary\",status=\"terminal\"} %" PRIu64 "\n"
                  "serinus_executions_total{kind=\"canary\",status=\"canceled\"} %" PRIu64 "\n",
                  counters->succeeded, counters->failed, counters->cancelled);
    put_head(out, "serinus_executions_in_progress", "gauge", "Executions accepted and not ended.");
    strbuf_printf(out,
                  "serinus_executions_in_progress{phase=\"waiting\"} %" PRIu64 "\n"
                  "serinus_executions_in_progress{phase=\"running\"} %" PRIu64 "\n",
                  n_unfinished > n_running ? n_unfinished - n_running : 0, n_running);
    put_head(out, "serinus_execution_duration_seconds", "histogram",
             "From the first query to the verdict.");
    put_histogram(out, "serinus_execution_duration_seconds", "kind=\"canary\"", duration_bounds_ms,
                  counters->duration_buckets, ARRAY_LEN(duration_bounds_ms),
                  counters->duration_count, counters->duration_sum_ms);
    put_head(out, "serinus_scheduler_lag_seconds", "histogram",
             "From the due time of a judgement to its first query.");
    put_histogram(out, "serinus_scheduler_lag_seconds", "", lag_bounds_ms, counters->lag_buckets,
                  ARRAY_LEN(lag_bounds_ms), counters->lag_count, counters->lag_sum_ms);
    put_head(out, "serinus_verdicts_total", "counter", "Verdicts given.");
    json_object_foreach (analyzer->verdicts, labels, count)
        strbuf_printf(out, "serinus_verdicts_total{%s} %" JSON_INTEGER_FORMAT "\n", labels,
                      json_integer_value(count));
}

static void put_log(struct analyzer *analyzer, struct strbuf *out)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};

    put_head(out, "serinus_log_messages_total", "counter", "Log lines written.");
    for (enum log_level level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++)
        strbuf_printf(out, "serinus_log_messages_total{level=\"%s\"} %" PRIu64 "\n", names[level],
                      log_count(analyzer->log, level));
}

static void put_notifications(struct analyzer *analyzer, struct strbuf *out)
{
    put_head(out, "serinus_notifications_total", "counter", "Notifications by what came of them.");
    for (size_t i = 0; i < analyzer->settings->n_sinks; i++) {
        struct notify_counters counters = notify_counters_read(analyzer->notify, i);
        const struct {
            const char *outcome;
            uint64_t count;
        } rows[] = {
            {"delivered", counters.delivered},
            {"deferred", counters.deferred},
            {"given_up", counters.given_up},
        };

        for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
            strbuf_puts(out, "serinus_notifications_total{");
            put_label(out, "sink", analyzer->settings->sinks[i].name);
            strbuf_printf(out, ",outcome=\"%s\"} %" PRIu64 "\n", rows[k].outcome, rows[k].count);
        }
    }
}

void analyzer_metrics(struct analyzer *analyzer, struct strbuf *out)
{
    struct fetch_counters fetch = fetch_counters_read(analyzer->fetch);
    struct store_counters store = store_counters_read(analyzer->store);

    pthread_mutex_lock(&analyzer->lock);
    put_executions(analyzer, store.unfinished, out);
    pthread_mutex_unlock(&analyzer->lock);
    put_one(out, "serinus_fetch_requests_total", "counter", "Requests sent to metric stores.",
            fetch.requests);
    put_one(out, "serinus_fetch_retries_total", "counter", "Requests tried again.", fetch.retries);
    put_one(out, "serinus_fetch_errors_total", "counter", "Requests given up.", fetch.errors);
    put_one(out, "serinus_fetch_bytes_total", "counter", "Bytes of replies, decompressed.",
            fetch.bytes);
    put_one(out, "serinus_fetch_shared_total", "counter",
            "Queries that joined the same one on its way.", fetch.shared);
    put_one(out, "serinus_fetch_cached_total", "counter",
            "Queries about the past answered with a reply that was kept.", fetch.cached);
    put_one(out, "serinus_fetch_cache_bytes", "gauge", "Replies kept.", fetch.cache_bytes);
    put_one(out, "serinus_fetch_in_flight", "gauge", "Requests on their way.", fetch.in_flight);
    put_one(out, "serinus_fetch_waiting", "gauge", "Requests waiting for their turn or a retry.",
            fetch.waiting);
    put_one(out, "serinus_result_store_commits_total", "counter", "Transactions committed.",
            store.commits);
    put_one(out, "serinus_result_store_writes_total", "counter",
            "Writes, several of which may share a commit.", store.writes);
    put_one(out, "serinus_result_store_fsyncs_total", "counter", "Calls of fsync.", store.fsyncs);
    put_one(out, "serinus_result_store_errors_total", "counter", "Writes that failed.",
            store.errors);
    put_one(out, "serinus_queue_depth", "gauge", "Jobs waiting for a worker.",
            worker_pool_queued(analyzer->pool));
    put_notifications(analyzer, out);
    put_log(analyzer, out);
}
