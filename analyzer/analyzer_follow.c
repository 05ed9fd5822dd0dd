/* Following executions of all kinds: reading one, a page of them, and telling what happens. */
#include "analyzer/analyzer_state.h"
#include "analyzer/events.h"
#include "analyzer/follow_json.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct events *analyzer_events(struct analyzer *analyzer)
{
    return analyzer->events;
}

/* --- how far one is --- */

static struct follow_state live_state(const struct live *live)
{
    const struct execution *execution = live->execution;
    bool has_started = atomic_load(&execution->has_started);

    return (struct follow_state){
        .status = has_started ? FOLLOW_RUNNING : FOLLOW_ACCEPTED,
        .n_done = execution_n_fetched(execution),
        .n_total = N_SIDES * live->plan->n_metrics,
        .started_unix_ms = has_started ? atomic_load(&execution->started_unix_ms) : 0,
    };
}

static struct follow_state state_of(struct analyzer *analyzer, const struct stored_execution *row)
{
    struct follow_state state = {.status = FOLLOW_ACCEPTED};
    struct live *live;

    if (row->state != EXECUTION_ACCEPTED)
        return state;
    if (row->kind == EXECUTION_ANALYSIS) {
        state.status = row->n_steps ? FOLLOW_RUNNING : FOLLOW_ACCEPTED;
        return state;
    }
    live = live_find(analyzer, row->id);
    if (live) {
        state = live_state(live);
        live_unref(live);
    }
    return state;
}

/* --- one of them --- */

/* Ids of judgements grow with their number, whatever the clock has done meanwhile. */
static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const struct stored_execution *)a)->id,
                  ((const struct stored_execution *)b)->id);
}

static enum err_code intervals_of(struct analyzer *analyzer, const char *id, struct arena *arena,
                                  json_t **out, struct error *err)
{
    const struct execution_filter filter = {
        .parent_id = id, .limit = ANALYSIS_MAX_JUDGEMENTS, .is_brief = true};
    struct stored_execution *rows;
    size_t n;

    if (store_execution_list(analyzer->store, &filter, arena, &rows, &n, err))
        return err->code;
    if (n)
        qsort(rows, n, sizeof(*rows), compare_ids);
    *out = follow_intervals(rows, n);
    return ERR_OK;
}

static enum err_code full_of(struct analyzer *analyzer, const struct stored_execution *row,
                             const struct follow_state *state, struct arena *arena, json_t **out,
                             struct error *err)
{
    json_t *intervals = NULL, *body = NULL;
    struct str text = row->body;

    if (row->kind == EXECUTION_ANALYSIS && intervals_of(analyzer, row->id, arena, &intervals, err))
        return err->code;
    if ((text.n_bytes == 0 && state->n_total == 0 &&
         analyzer_waiting_status(row, arena, &text, err)) ||
        (text.n_bytes && json_read(text, &json_limits_document, &body, err))) {
        json_decref(intervals);
        return err->code;
    }
    *out = follow_full(row, state, body, intervals);
    json_decref(body);
    return ERR_OK;
}

enum err_code analyzer_follow(struct analyzer *analyzer, const char *id, enum follow_detail detail,
                              struct arena *arena, struct followed *out, struct error *err)
{
    struct stored_execution row;
    struct follow_state state;
    json_t *json = NULL;

    if (store_execution_get(analyzer->store, id, arena, &row, err) == ERR_NOT_FOUND) {
        *err = (struct error){0};
        error_set(err, ERR_NOT_FOUND, "there is no execution '%.64s'", id);
    }
    if (err->code)
        return err->code;
    state = state_of(analyzer, &row);
    if (detail == FOLLOW_BRIEF)
        json = follow_brief(&row, &state);
    else if (full_of(analyzer, &row, &state, arena, &json, err))
        return err->code;
    out->body = analyzer_take_json(json, arena);
    out->is_complete = row.state != EXECUTION_ACCEPTED;
    out->ended_unix_ms = out->is_complete ? row.ended_unix_ms : 0;
    return ERR_OK;
}

/* --- a page of them --- */

#define WORD_LIST_BYTES 96u

/* Bits of the words in `list`; `name_of` says how many there are and how they are called. */
static enum err_code read_words(const char *parameter, const char *const *list, size_t n_list,
                                const char *(*name_of)(unsigned i), unsigned n_names, unsigned *out,
                                struct error *err)
{
    for (size_t i = 0; i < n_list; i++) {
        struct strbuf names = {.max_bytes = WORD_LIST_BYTES};
        unsigned k = 0;

        while (k < n_names && strcmp(name_of(k), list[i]) != 0)
            k++;
        *out |= 1u << k;
        for (unsigned n = 0; k == n_names && n < n_names; n++)
            strbuf_printf(&names, "%s%s", n ? ", " : "", name_of(n));
        if (k == n_names)
            error_because(err, ERR_INVALID, "bad_parameter",
                          "Parameter '%s' must be one or more of %s, not '%.64s'.", parameter,
                          names.bytes, list[i]);
        strbuf_clear(&names);
        if (err->code)
            return err->code;
    }
    return ERR_OK;
}

static const char *kind_word(unsigned i)
{
    return follow_kind_name((enum execution_kind)i);
}

static const char *status_word(unsigned i)
{
    return follow_status_name((enum follow_status)i);
}

static enum err_code check_verdict(const char *verdict, struct error *err)
{
    static const char *const verdicts[] = {"pass", "marginal", "fail", "nodata", "invalid"};

    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
        if (!verdict || strcmp(verdict, verdicts[i]) == 0)
            return ERR_OK;
    return error_because(
        err, ERR_INVALID, "bad_parameter",
        "Parameter 'verdict' must be one of pass, marginal, fail, nodata, invalid, "
        "not '%.64s'.",
        verdict);
}

/* Up to the millisecond that follows. */
static enum err_code read_time(const char *parameter, const char *text, int64_t *out_unix_ms,
                               struct error *err)
{
    struct error bad = {0};
    int64_t unix_ns;

    *out_unix_ms = 0;
    if (!text)
        return ERR_OK;
    if (instant_parse_relative(text, clock_wall_ns(), &unix_ns, &bad))
        return error_because(err, ERR_INVALID, "bad_parameter",
                             "Parameter '%s' must be a time, such as 2026-08-20T10:00:00Z, "
                             "1787220000000 or now-2h, not '%.64s'.",
                             parameter, text);
    *out_unix_ms = (unix_ns + NS_PER_MS - 1) / NS_PER_MS;
    if (*out_unix_ms == 0)
        *out_unix_ms = 1; /* 0 is no bound; nothing is that old */
    return ERR_OK;
}

/* "1787220000000-01M0FDBK3EZFVVXR4TCRNYT4NS": the last execution of the page before. */
static enum err_code read_cursor(const char *text, struct execution_cursor *out, struct error *err)
{
    static const char id_chars[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    size_t n_digits = text ? strspn(text, "0123456789") : 0;
    const char *id = text ? text + n_digits + 1 : NULL;

    *out = (struct execution_cursor){0};
    if (!text)
        return ERR_OK;
    if (n_digits == 0 || n_digits > 15 || text[n_digits] != '-' || !*id ||
        id[strspn(id, id_chars)] != '\0')
        return error_because(err, ERR_INVALID, "bad_parameter",
                             "Parameter 'cursor' must be a nextCursor that a list has given.");
    out->created_unix_ms = strtoll(text, NULL, 10);
    out->id = id;
    return ERR_OK;
}

static unsigned states_of(unsigned statuses)
{
    static const enum execution_state states[N_FOLLOW_STATUSES] = {
        [FOLLOW_ACCEPTED] = EXECUTION_ACCEPTED,   [FOLLOW_RUNNING] = EXECUTION_ACCEPTED,
        [FOLLOW_SUCCEEDED] = EXECUTION_SUCCEEDED, [FOLLOW_FAILED] = EXECUTION_FAILED,
        [FOLLOW_CANCELLED] = EXECUTION_CANCELLED,
    };
    unsigned out = 0;

    for (unsigned i = 0; i < N_FOLLOW_STATUSES; i++)
        if (statuses & 1u << i)
            out |= 1u << states[i];
    return out;
}

static enum err_code read_query(const struct follow_query *query, struct execution_filter *out,
                                unsigned *out_statuses, struct error *err)
{
    unsigned kinds = 0;

    *out_statuses = 0;
    if (read_words("kind", query->kinds, query->n_kinds, kind_word, EXECUTION_COMPARISON + 1,
                   &kinds, err) ||
        read_words("status", query->statuses, query->n_statuses, status_word, N_FOLLOW_STATUSES,
                   out_statuses, err) ||
        check_verdict(query->verdict, err))
        return err->code;
    *out = (struct execution_filter){
        .kinds = kinds,
        .states = states_of(*out_statuses),
        .application = query->application,
        .config_id = query->config_id,
        .verdict = query->verdict,
        .parent_id = query->parent_id,
        .limit = query->limit + 1, /* whether there is another page */
        .is_brief = true,
    };
    if (read_time("since", query->since, &out->created_from_unix_ms, err) ||
        read_time("until", query->until, &out->created_before_unix_ms, err))
        return err->code;
    return read_cursor(query->cursor, &out->after, err);
}

/* The store knows "accepted" and "running" as one, so some of what it gives may not be wanted. */
static enum err_code gather(struct analyzer *analyzer, struct execution_filter *filter,
                            unsigned statuses, size_t limit, struct arena *arena, json_t *items,
                            struct execution_cursor *out_next, struct error *err)
{
    for (;;) {
        struct stored_execution *rows;
        size_t n;

        if (store_execution_list(analyzer->store, filter, arena, &rows, &n, err))
            return err->code;
        for (size_t i = 0; i < n; i++) {
            struct follow_state state = state_of(analyzer, &rows[i]);

            if (json_array_size(items) == limit) {
                *out_next = filter->after;
                return ERR_OK;
            }
            filter->after = (struct execution_cursor){rows[i].created_unix_ms, rows[i].id};
            if (rows[i].state == EXECUTION_ACCEPTED && statuses && !(statuses & 1u << state.status))
                continue;
            json_array_append_new(items, follow_brief(&rows[i], &state));
        }
        if (n < filter->limit)
            return ERR_OK;
    }
}

enum err_code analyzer_follow_list(struct analyzer *analyzer, const struct follow_query *query,
                                   struct arena *arena, struct str *out, struct error *err)
{
    json_t *items = json_array(), *page = json_pack("{s:o}", "items", items);
    struct execution_cursor next = {0};
    struct execution_filter filter;
    unsigned statuses;

    if (read_query(query, &filter, &statuses, err) ||
        gather(analyzer, &filter, statuses, query->limit, arena, items, &next, err)) {
        json_decref(page);
        return err->code;
    }
    if (next.id)
        json_object_set_new(
            page, "nextCursor",
            json_string(arena_printf(arena, "%lld-%s", (long long)next.created_unix_ms, next.id)));
    *out = analyzer_take_json(page, arena);
    return ERR_OK;
}

/* --- telling --- */

static void publish(struct analyzer *analyzer, enum event_kind kind,
                    const struct stored_execution *row, json_t *data)
{
    struct strbuf text = {0};

    json_write(data, &text);
    json_decref(data);
    events_publish(analyzer->events, kind, row->id, row->parent_id, row->application,
                   strbuf_view(&text));
    strbuf_clear(&text);
}

/* Which judgement it is follows from its place among them; the next one may have begun already. */
static void tell_interval(struct analyzer *analyzer, const struct stored_execution *judgement)
{
    struct stored_execution analysis = {
        .id = judgement->parent_id, .parent_id = "", .application = judgement->application};
    struct arena *arena = arena_create();
    struct error err = {0};
    json_t *intervals, *one;
    size_t i;

    if (intervals_of(analyzer, judgement->parent_id, arena, &intervals, &err) == ERR_OK) {
        json_array_foreach (intervals, i, one) {
            const char *id = json_string_value(json_object_get(one, "executionId"));

            if (strcmp(id, judgement->id) == 0) {
                json_object_set_new(one, "id", json_string(analysis.id));
                publish(analyzer, EVENT_INTERVAL, &analysis, json_incref(one));
            }
        }
        json_decref(intervals);
    }
    arena_free(arena);
}

void analyzer_tell(struct analyzer *analyzer, enum event_kind kind,
                   const struct stored_execution *row)
{
    const struct follow_state state = {.status = kind == EVENT_ACCEPTED ? FOLLOW_ACCEPTED
                                                                        : FOLLOW_RUNNING};

    publish(analyzer, kind, row, follow_brief(row, &state));
    if (kind == EVENT_FINISHED && *row->parent_id)
        tell_interval(analyzer, row);
}

void analyzer_tell_live(enum event_kind kind, const struct live *live)
{
    const struct stored_execution row = {
        .id = live->id,
        .application = live->application,
        .parent_id = live->parent_id,
        .config_id = live->config_id,
        .config_name = live->config_name,
        .kind = EXECUTION_CANARY,
        .state = EXECUTION_ACCEPTED,
        .created_unix_ms = json_integer_value(json_object_get(live->submission, "buildTimeMillis")),
        .verdict = "",
    };
    struct follow_state state = live_state(live);

    state.status = FOLLOW_RUNNING; /* or about to be */
    publish(live->analyzer, kind, &row, follow_brief(&row, &state));
}
