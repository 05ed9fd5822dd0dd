/* Reading executions: one, a page of them, or a finished one as a bundle. What is under way is read
 * from the live table, what has ended from the store, where its answer stands ready. */
#include "analyzer/analyzer_state.h"
#include "analyzer/bundle.h"
#include "base/json.h"

#include <string.h>

struct str live_status(struct live *live, struct arena *arena)
{
    struct strbuf text = {0};
    struct str out;

    report_status(&live->frozen, live->execution, false, &text);
    out = (struct str){arena_strndup(arena, text.bytes, text.n_bytes), text.n_bytes};
    strbuf_clear(&text);
    return out;
}

/* Its end is stored already, though a query may still be on its way back. */
static bool is_cancelled(struct live *live)
{
    return atomic_load(&live->execution->is_cancelled);
}

/* Kayenta's words for an id of another kind of execution. */
static enum err_code check_is_canary(const struct stored_execution *stored, struct error *err)
{
    switch (stored->kind) {
    case EXECUTION_ANALYSIS:
        return error_because(err, ERR_INVALID, "not_a_canary",
                             "Only named pipelines of 'Standard Canary Pipeline' can be converted "
                             "to a CanaryExecutionStatusResponse object, 'Standalone Canary "
                             "Analysis Pipeline' received");
    case EXECUTION_COMPARISON:
        return error_because(err, ERR_INVALID, "not_a_canary",
                             "Unable to find StageExecution 'mixMetrics' in pipeline ID '%.64s'",
                             stored->id);
    case EXECUTION_CANARY:
        break;
    }
    return ERR_OK;
}

enum err_code analyzer_execution_get(struct analyzer *analyzer, const char *id,
                                     const char *storage_account, struct arena *arena,
                                     struct str *out, struct error *err)
{
    const struct settings_account *storage;
    struct stored_execution stored;
    struct live *live;

    if (settings_account_find(analyzer->settings, storage_account, ROLE_OBJECTS, &storage, err))
        return err->code;
    live = live_find(analyzer, id);
    if (live && !is_cancelled(live)) {
        *out = live_status(live, arena);
        live_unref(live);
        return ERR_OK;
    }
    if (live)
        live_unref(live);
    if (store_execution_get(analyzer->store, id, arena, &stored, err) == ERR_NOT_FOUND) {
        *err = (struct error){0};
        return store_archive_get(analyzer->store, storage->name, id, arena, out, err);
    }
    if (err->code || check_is_canary(&stored, err))
        return err->code;
    if (stored.state == EXECUTION_ACCEPTED)
        return analyzer_waiting_status(&stored, arena, out, err);
    *out = stored.body;
    return ERR_OK;
}

/* What Kayenta calls a status -> our states. The order is that of its enumeration. */
static const struct {
    const char *name;
    unsigned states;
} statuses[] = {
    {"NOT_STARTED", 1u << EXECUTION_ACCEPTED},
    {"RUNNING", 1u << EXECUTION_ACCEPTED},
    {"PAUSED", 0},
    {"SUSPENDED", 0},
    {"SUCCEEDED", 1u << EXECUTION_SUCCEEDED},
    {"FAILED_CONTINUE", 0},
    {"TERMINAL", 1u << EXECUTION_FAILED},
    {"CANCELED", 1u << EXECUTION_CANCELLED},
    {"REDIRECT", 0},
    {"STOPPED", 0},
    {"SKIPPED", 0},
    {"BUFFERED", 0},
};
#define STATE_NONE (1u << 31) /* a status that no execution of ours ever has */

static enum err_code parse_statuses(const char *list, struct arena *arena, unsigned *out,
                                    struct error *err)
{
    char *copy = arena_strdup(arena, list ? list : "");
    char *rest = copy, *word;

    *out = 0;
    while ((word = strsep(&rest, ",")) != NULL) {
        size_t i;

        word += strspn(word, " \t");
        word[strcspn(word, " \t")] = '\0';
        if (!*word)
            continue;
        for (char *c = word; *c; c++)
            *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
        for (i = 0; i < ARRAY_LEN(statuses) && strcmp(statuses[i].name, word) != 0; i++)
            ;
        if (i == ARRAY_LEN(statuses))
            return error_because(err, ERR_INVALID, "bad_parameter",
                                 "No enum constant com.netflix.spinnaker.orca.api.pipeline.models."
                                 "ExecutionStatus.%.64s",
                                 word);
        *out |= statuses[i].states ? statuses[i].states : STATE_NONE;
    }
    return ERR_OK;
}

enum err_code analyzer_execution_list(struct analyzer *analyzer,
                                      const struct execution_query *query, struct arena *arena,
                                      struct str *out, struct error *err)
{
    struct execution_filter filter = {
        .kinds = 1u << EXECUTION_CANARY,
        .application = query->application && *query->application ? query->application : "ad-hoc",
        .limit = query->limit,
        .offset = (query->page - 1) * query->limit,
    };
    const struct settings_account *storage;
    struct stored_execution *stored;
    struct strbuf text = {0};
    size_t n_stored;

    if (settings_account_find(analyzer->settings, query->storage_account, ROLE_OBJECTS, &storage,
                              err) ||
        parse_statuses(query->statuses, arena, &filter.states, err) ||
        store_execution_list(analyzer->store, &filter, arena, &stored, &n_stored, err))
        return err->code;
    strbuf_puts(&text, "[");
    for (size_t i = 0; i < n_stored; i++) {
        struct live *live =
            stored[i].state == EXECUTION_ACCEPTED ? live_find(analyzer, stored[i].id) : NULL;
        struct str body = live ? live_status(live, arena) : stored[i].body;

        if (live)
            live_unref(live);
        if (body.n_bytes == 0 && analyzer_waiting_status(&stored[i], arena, &body, err))
            break;
        strbuf_printf(&text, "%s" STR_FMT, text.n_bytes > 1 ? "," : "", STR_ARG(body));
    }
    strbuf_puts(&text, "]");
    *out = str_of(arena_strndup(arena, text.bytes, text.n_bytes));
    strbuf_clear(&text);
    return err->code;
}

enum err_code analyzer_execution_bundle(struct analyzer *analyzer, const char *id,
                                        struct arena *arena, struct str *out, struct error *err)
{
    struct stored_execution stored;
    struct stored_series series;
    struct stored_set *sets;
    struct metric_pair *pairs;
    size_t n_sets, n_pairs;
    json_t *submission, *body;

    if (store_execution_get(analyzer->store, id, arena, &stored, err) ||
        check_is_canary(&stored, err))
        return err->code;
    if (stored.state != EXECUTION_SUCCEEDED)
        return error_because(err, ERR_CONFLICT, "not_finished",
                             "execution '%.64s' has no result: it is %s", id,
                             stored.state == EXECUTION_ACCEPTED ? "not finished" : "ended without");
    if (json_read(stored.submission, &json_limits_document, &submission, err))
        return err->code;
    json_keep(submission, arena);
    if (json_read(stored.body, &json_limits_document, &body, err))
        return err->code;
    json_keep(body, arena);
    if (store_series_get(analyzer->store, SERIES_METRIC_SETS, stored.account,
                         json_string_value(json_object_get(submission, "metricSetListId")), arena,
                         &series, err) ||
        metric_sets_decode(series.payload, arena, &sets, &n_sets, err) ||
        store_series_get(analyzer->store, SERIES_METRIC_SET_PAIRS, stored.account,
                         json_string_value(json_object_get(submission, "metricSetPairListId")),
                         arena, &series, err) ||
        metric_pairs_decode(series.payload, arena, &pairs, &n_pairs, err))
        return err->code;
    *out = analyzer_take_json(
        bundle_json(&(struct bundle){
            .config = json_object_get(submission, "config"),
            .request = json_object_get(submission, "canaryExecutionRequest"),
            .sets = sets,
            .n_sets = n_sets,
            .pairs = pairs,
            .n_pairs = n_pairs,
            .result = json_object_get(json_object_get(body, "result"), "judgeResult"),
        }),
        arena);
    return ERR_OK;
}
