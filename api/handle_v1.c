/* Following executions of all kinds, whether somebody looks, polls or listens. */
#include "analyzer/events.h"
#include "api/handlers.h"
#include "api/respond.h"
#include "api/stream.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/limits.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#define END_IS_OLD_MS (10 * MS_PER_S) /* an event follows the end it tells of much sooner */
#define ID_DIGITS 19u                 /* of an event id, at most */

enum err_code handle_follow_list(struct api_call *call, struct error *err)
{
    struct follow_query query = {0};
    const struct call_param params[] = {
        {"application", &query.application, PARAM_OPTIONAL},
        {"config", &query.config_id, PARAM_OPTIONAL},
        {"verdict", &query.verdict, PARAM_OPTIONAL},
        {"parent", &query.parent_id, PARAM_OPTIONAL},
        {"since", &query.since, PARAM_OPTIONAL},
        {"until", &query.until, PARAM_OPTIONAL},
        {"cursor", &query.cursor, PARAM_OPTIONAL},
    };
    struct str body;

    if (call_params(call, params, ARRAY_LEN(params), err) ||
        call_count(call, "limit", HTTP_DEFAULT_PAGE_ROWS, HTTP_MAX_PAGE_ROWS, &query.limit, err))
        return err->code;
    call_list(call, "kind", &query.kinds, &query.n_kinds);
    call_list(call, "status", &query.statuses, &query.n_statuses);
    if (analyzer_follow_list(call->context->analyzer, &query, call->arena, &body, err))
        return err->code;
    respond_json(call, body);
    return ERR_OK;
}

/* --- one of them, now or once it has ended --- */

static enum err_code read_wait(const struct api_call *call, int64_t *out_ms, struct error *err)
{
    const char *text;
    const struct call_param params[] = {{"wait", &text, PARAM_OPTIONAL}};
    struct error bad = {0};
    int64_t wait_s = 0;

    *out_ms = 0;
    if (call_params(call, params, ARRAY_LEN(params), err))
        return err->code;
    if (text && (duration_parse(text, &wait_s, &bad) || wait_s > HTTP_MAX_WAIT_S))
        return error_because(err, ERR_INVALID, "bad_parameter",
                             "Parameter 'wait' must be a length of time up to %ds, such as 10s.",
                             HTTP_MAX_WAIT_S);
    *out_ms = wait_s * MS_PER_S;
    return ERR_OK;
}

/* Subscribe before looking, so that no end falls between the two. */
static enum err_code begin_wait(struct api_call *call, struct error *err)
{
    const struct event_filter ends = {.execution_id = call->match.params[0],
                                      .kinds = 1u << EVENT_FINISHED};
    struct call_wait *wait = &call->wait;
    struct error closed = {0};
    int64_t wait_ms;

    if (read_wait(call, &wait_ms, err))
        return err->code;
    wait->until_mono_ms = clock_mono_ms() + wait_ms;
    wait->is_over =
        wait_ms == 0 || events_subscribe(analyzer_events(call->context->analyzer), &ends,
                                         EVENTS_FROM_NOW, &wait->subscription, &closed) != ERR_OK;
    return ERR_OK;
}

static void take_events(struct call_wait *wait)
{
    const struct event *event;
    enum events_state state;

    while ((state = events_next(wait->subscription, &event)) == EVENTS_ONE)
        event_release(event);
    wait->is_over |= state == EVENTS_CLOSED;
}

enum err_code handle_follow_get(struct api_call *call, struct error *err)
{
    struct call_wait *wait = &call->wait;
    struct followed now;

    if (!wait->subscription && begin_wait(call, err))
        return err->code;
    if (wait->subscription)
        take_events(wait);
    if (analyzer_follow(call->context->analyzer, call->match.params[0], FOLLOW_FULL, call->arena,
                        &now, err))
        return err->code;
    if (now.is_complete || wait->is_over)
        respond_json(call, now.body);
    else
        wait->is_wanted = true;
    return ERR_OK;
}

enum err_code handle_follow_cancel(struct api_call *call, struct error *err)
{
    struct analyzer *analyzer = call->context->analyzer;
    const char *id = call->match.params[0];
    struct followed now;

    if (analyzer_follow(analyzer, id, FOLLOW_BRIEF, call->arena, &now, err) ||
        analyzer_pipeline_cancel(analyzer, id, err) ||
        analyzer_follow(analyzer, id, FOLLOW_BRIEF, call->arena, &now, err))
        return err->code;
    respond_json(call, now.body);
    call->reply.status = MHD_HTTP_ACCEPTED;
    return ERR_OK;
}

/* --- listening --- */

/* Where a client that comes back wants to go on. What is no id of ours is one that is gone. */
static uint64_t event_id_of(const char *text)
{
    size_t n_digits = strspn(text, "0123456789");
    uint64_t id = n_digits <= ID_DIGITS && text[n_digits] == '\0' ? strtoull(text, NULL, 10) : 0;

    return id ? id : 1;
}

enum err_code handle_events(struct api_call *call, struct error *err)
{
    struct event_filter filter = {0};
    const struct call_param params[] = {
        {"execution", &filter.execution_id, PARAM_OPTIONAL},
        {"application", &filter.application, PARAM_OPTIONAL},
    };
    struct followed now;
    const char *last;
    uint64_t after_id;

    if (call_params(call, params, ARRAY_LEN(params), err) ||
        call_header(call, "Last-Event-ID", &last, err))
        return err->code;
    if (last && *last)
        after_id = event_id_of(last);
    else
        after_id = filter.execution_id ? EVENTS_FROM_OLDEST : EVENTS_FROM_NOW;
    if (stream_open(call, &filter, after_id, err) || !filter.execution_id)
        return err->code;
    if (analyzer_follow(call->context->analyzer, filter.execution_id, FOLLOW_BRIEF, call->arena,
                        &now, err))
        return err->code;
    if (!now.is_complete)
        return ERR_OK;
    if (last && *last && stream_is_empty(call->stream) &&
        clock_wall_ms() - now.ended_unix_ms > END_IS_OLD_MS) {
        stream_close(call->stream); /* it knows all there is: 204 tells browsers not to come back */
        call->stream = NULL;
        respond_empty(call, MHD_HTTP_NO_CONTENT);
    } else {
        stream_set_end(call->stream, now.body);
    }
    return ERR_OK;
}
