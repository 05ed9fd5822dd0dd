#include "api/respond.h"

#include "api/stats.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/instant.h"
#include "base/json.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#define BUSY_RETRY_AFTER_MAX_S                                                                     \
    5u /* 1 to 5 s, so that clients turned away do not come back at once */
#define QUEUE_FULL_RETRY_AFTER_S 30u

/* Reasons that say more than their code does. With `is_problem` Kayenta's framework would have made
 * the answer, in the shape of RFC 9457; `detail` NULL: the message. */
static const struct {
    const char *reason;
    unsigned status;
    bool is_problem;
    const char *detail;
} reasons[] = {
    {"json_syntax", 400, true, "Failed to read request"},
    {"json_duplicate_key", 400, true, "Failed to read request"},
    {"json_number", 400, true, "Failed to read request"},
    {"json_too_deep", 400, true, "Failed to read request"},
    {"json_too_large", 400, true, "Failed to read request"},
    {"bad_type", 400, true, "Failed to read request"},
    {"bad_query_type", 400, true, "Failed to read request"},
    {"missing_parameter", 400, true, NULL},
    {"bad_parameter", 400, true, NULL},
    {"unknown_path", 404, true, NULL},
    {"method_not_allowed", 405, true, NULL},
    {"unsupported_media_type", 415, true, NULL},
    {"target_too_long", 414, false, NULL},
    {"headers_too_large", 431, false, NULL},
    {"idempotency_mismatch", 422, false, NULL},
    {"queue_full", 429, false, NULL},
    {"still_running", 409, false, NULL},
    {"deadline", 503, false, NULL},
};

void respond_text(struct api_call *call, const char *content_type, struct str body)
{
    call->reply.status = MHD_HTTP_OK;
    call->reply.content_type = content_type;
    call->reply.body = body;
}

void respond_json(struct api_call *call, struct str body)
{
    respond_text(call, "application/json", body);
}

void respond_empty(struct api_call *call, unsigned status)
{
    call->reply = (struct reply){.status = status};
}

void respond_tree_take(struct api_call *call, unsigned status, json_t *tree)
{
    respond_json(call, str_of(json_write_arena(tree, call->arena)));
    call->reply.status = status;
    json_decref(tree);
}

void respond_member(struct api_call *call, const char *key, const char *value)
{
    respond_tree_take(call, MHD_HTTP_OK, json_pack("{s:s}", key, value));
}

void respond_started(struct api_call *call, const char *key, const char *path, const char *id)
{
    const char *base = call->context->settings->external_url;

    respond_member(call, key, id);
    call->reply.location = arena_printf(call->arena, "%s%s%s", base ? base : "", path, id);
}

static size_t find_reason(const struct error *err)
{
    const char *reason = error_reason(err);
    size_t i = 0;

    while (i < ARRAY_LEN(reasons) && strcmp(reasons[i].reason, reason) != 0)
        i++;
    return i;
}

/* A metric store's own HTTP error travels as "Status: NNN, Method: ..."; /fetch answers with it. */
static unsigned upstream_status(const struct error *err)
{
    const char *at = strstr(err->message, "Status: ");
    unsigned status = 0;

    if (at && sscanf(at, "Status: %3u", &status) == 1 && status >= 400 && status <= 599)
        return status;
    return MHD_HTTP_BAD_GATEWAY;
}

unsigned respond_status(const struct error *err)
{
    static const unsigned by_code[] = {
        [ERR_INVALID] = MHD_HTTP_BAD_REQUEST,
        [ERR_UNSUPPORTED] = MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
        [ERR_NOT_FOUND] = MHD_HTTP_NOT_FOUND,
        [ERR_CONFLICT] = MHD_HTTP_BAD_REQUEST, /* as Kayenta */
        [ERR_LIMIT] = MHD_HTTP_CONTENT_TOO_LARGE,
        [ERR_UNDECIDABLE] = MHD_HTTP_BAD_REQUEST,
        [ERR_TIMEOUT] = MHD_HTTP_GATEWAY_TIMEOUT,
        [ERR_BUSY] = MHD_HTTP_SERVICE_UNAVAILABLE,
        [ERR_PERMISSION] = MHD_HTTP_FORBIDDEN,
    };
    size_t i = find_reason(err);

    if (i < ARRAY_LEN(reasons))
        return reasons[i].status;
    if (err->code == ERR_UPSTREAM)
        return upstream_status(err);
    if (err->code < ARRAY_LEN(by_code) && by_code[err->code])
        return by_code[err->code];
    return MHD_HTTP_INTERNAL_SERVER_ERROR;
}

/* Our own failures: the text may name files or hold SQL. */
static bool is_private(const struct error *err)
{
    return respond_status(err) == MHD_HTTP_INTERNAL_SERVER_ERROR && err->code != ERR_UPSTREAM;
}

static unsigned retry_after_s(const struct error *err, unsigned status)
{
    unsigned char random;

    if (status == MHD_HTTP_TOO_MANY_REQUESTS && err->code == ERR_BUSY)
        return QUEUE_FULL_RETRY_AFTER_S;
    if (status != MHD_HTTP_SERVICE_UNAVAILABLE || err->code != ERR_BUSY)
        return 0;
    id_random(&random, 1);
    return 1 + random % BUSY_RETRY_AFTER_MAX_S;
}

void respond_error(struct api_call *call, const struct error *err)
{
    unsigned status = respond_status(err);
    const char *phrase = MHD_get_reason_phrase_for(status);
    char now[INSTANT_TEXT_BYTES], text[sizeof(err->context) + sizeof(err->message) + 2];
    const char *message = error_text(err, text, sizeof(text));
    size_t reason = find_reason(err);
    bool is_problem = reason < ARRAY_LEN(reasons) && reasons[reason].is_problem;
    json_t *body = json_object();
    json_t *path = json_stringn(call->target.path.bytes ? call->target.path.bytes : "",
                                call->target.path.n_bytes);

    stats_record_refusal(call->context->stats, error_reason(err));
    if (status >= MHD_HTTP_INTERNAL_SERVER_ERROR)
        log_warn(call->context->log, "request failed", LOG_STR("request", call->request_id),
                 LOG_STR("method", call->method_text),
                 LOG_STR("route", call->match.route ? call->match.route->pattern : NULL),
                 LOG_I64("status", status), LOG_STR("code", error_reason(err)),
                 LOG_STR("error", message));
    if (is_private(err))
        message = arena_printf(call->arena,
                               "the request could not be completed; the log has the cause under "
                               "request id %s",
                               call->request_id);
    json_set_text(body, "timestamp", instant_text(clock_wall_ms() * NS_PER_MS, now));
    json_object_set_new(body, "status", json_integer((json_int_t)status));
    json_set_text(body, "error", phrase);
    json_set_text(body, "message", message);
    if (is_problem) {
        json_set_text(body, "type", "about:blank");
        json_set_text(body, "title", phrase);
        json_set_text(body, "detail", reasons[reason].detail ? reasons[reason].detail : message);
        json_object_set(body, "instance", path);
    }
    json_object_set_new(body, "path", path); /* left out when the target was not UTF-8 */
    json_set_text(body, "code", error_reason(err));
    json_set_text(body, "requestId", call->request_id);
    if (err->pointer[0])
        json_object_set_new(
            body, "details",
            json_pack("[{s:s,s:s}]", "pointer", err->pointer, "problem", err->message));
    respond_tree_take(call, status, body);
    call->reply.retry_after_s = retry_after_s(err, status);
    if (is_problem)
        call->reply.content_type = "application/problem+json";
}
