#include "api/request.h"

#include "api/guard.h"
#include "api/parked.h"
#include "api/respond.h"
#include "api/respond_http.h"
#include "api/stream.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/instant.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_FETCHES 4u /* each may hold its thread for 30 s */
#define PARAMS_THE_POOL_HOLDS 512u
#define MAX_BUFFERED_BODY_BYTES (192u * MIB) /* all requests together */
#define MAX_REQUESTS_PER_CONNECTION 1000u

enum stage {
    STAGE_TARGET, /* only the request line has been seen */
    STAGE_BODY,
    STAGE_DONE, /* the reply is filled in */
    STAGE_QUEUED,
};

struct request {
    struct api_call call;
    struct request_context *context;
    struct MHD_Connection *http;
    struct client *client;
    struct connection *connection;
    struct headers headers;
    struct error refusal;
    enum stage stage;
    bool must_close, is_in_flight, is_admitted, is_fetch, is_body_too_large;
    size_t reserved_bytes, received_bytes;
    struct str raw_target;
    const char *path;      /* raw_target without the query, which may hold what no log should */
    int64_t started_ns;    /* the head was complete */
    int64_t dispatched_ms; /* the body was, or what it waited for has come */
    struct parked parked;
};

/* It waits for events: others may take its place. */
static void step_aside(struct request *request)
{
    if (request->is_admitted)
        atomic_fetch_sub(&request->context->n_admitted, 1);
    if (request->is_in_flight)
        atomic_fetch_sub(&request->context->stats.n_in_flight, 1);
    request->is_admitted = request->is_in_flight = false;
}

/* --- replies --- */

static enum MHD_Result send_reply(struct request *request)
{
    struct request_context *context = request->context;
    bool must_close = request->must_close || atomic_load(&context->api.is_draining);
    struct api_call *call = &request->call;
    struct MHD_Response *response;
    enum MHD_Result is_queued;

    request->stage = STAGE_QUEUED;
    if (call->stream) {
        response =
            stream_response(call->stream, request->http, context->connections, request->connection);
        step_aside(request);
    } else {
        response = respond_http_body(call);
    }
    respond_http_headers(call, &request->headers, must_close, response);
    connection_enter(context->connections, request->connection,
                     call->stream ? PHASE_STREAMING : PHASE_SENDING);
    is_queued = MHD_queue_response(request->http, request->call.reply.status, response);
    MHD_destroy_response(response);
    return is_queued;
}

static enum MHD_Result refuse(struct request *request)
{
    respond_error(&request->call, &request->refusal);
    return send_reply(request);
}

/* --- what is refused before the body --- */

static enum MHD_Result collect_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                      size_t name_bytes, const char *value, size_t value_bytes)
{
    (void)kind;
    headers_add(cls, (struct str){name, name_bytes},
                (struct str){value ? value : "", value ? value_bytes : 0});
    return MHD_YES;
}

/* The client's own id when it is harmless in a log and in a header, else a new one. */
static void take_request_id(struct request *request)
{
    struct str id;

    if (headers_find(&request->headers, "X-Request-Id", &id) == 1 && id.n_bytes > 0 &&
        id.n_bytes < REQUEST_ID_BYTES) {
        memcpy(request->call.request_id, id.bytes, id.n_bytes);
        request->call.request_id[id.n_bytes] = '\0';
        if (strspn(request->call.request_id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                             "0123456789._-") == id.n_bytes)
            return;
    }
    id_ulid(clock_wall_ms(), request->call.request_id);
}

static enum err_code find_route(struct request *request, struct error *err)
{
    struct api_call *call = &request->call;
    const struct target *target = &call->target;

    route_find(api_routes, api_n_routes, call->method, target, &call->match);
    if (call->match.route)
        return ERR_OK;
    if (!call->match.allowed)
        return error_because(err, ERR_NOT_FOUND, "unknown_path", "No static resource " STR_FMT ".",
                             (int)target->path.n_bytes - 1, target->path.bytes + 1);
    call->reply.allow =
        route_allow_text(call->match.allowed, arena_alloc(call->arena, ROUTE_ALLOW_BYTES, 1));
    if (call->method == METHOD_OPTIONS)
        return ERR_OK;
    return error_because(err, ERR_INVALID, "method_not_allowed", "Method '%s' is not supported.",
                         call->method_text);
}

static enum err_code overloaded(struct error *err)
{
    return error_because(err, ERR_BUSY, "overloaded",
                         "the service has too many requests in hand; try again later");
}

/* Take a place among the requests in hand. request_completed() gives it back. */
static enum err_code admit(struct request *request, struct error *err)
{
    struct request_context *context = request->context;
    const struct route *route = request->call.match.route;
    size_t announced = guard_announced_bytes(&request->headers);
    size_t max_bytes = guard_max_body_bytes(route->body);

    if (route->kind == ROUTE_INLINE || route->kind == ROUTE_HEALTH)
        return ERR_OK;
    if (route->body != BODY_NONE)
        request->reserved_bytes = announced < max_bytes ? announced : max_bytes;
    context->buffered_bytes += request->reserved_bytes;
    if (atomic_load(&context->n_admitted) >= HTTP_MAX_IN_FLIGHT ||
        context->buffered_bytes > MAX_BUFFERED_BODY_BYTES)
        return overloaded(err);
    if (route->kind == ROUTE_FETCH) {
        if (context->n_fetches >= MAX_FETCHES)
            return overloaded(err);
        context->n_fetches++;
        request->is_fetch = true;
    }
    atomic_fetch_add(&context->n_admitted, 1);
    request->is_admitted = true;
    return ERR_OK;
}

static enum err_code check_request(struct request *request, const char *version, struct error *err)
{
    struct request_context *context = request->context;
    struct api_call *call = &request->call;

    if (guard_framing(&request->headers, request->raw_target.n_bytes,
                      strcmp(version, "HTTP/1.0") == 0, err)) {
        request->must_close = true;
        return err->code;
    }
    if (target_parse(request->raw_target, call->arena, &call->target, err) ||
        guard_host(&request->headers, call->target.authority, context->is_loopback,
                   context->api.settings, err) ||
        find_route(request, err))
        return err->code;
    if (!call->match.route)
        return ERR_OK; /* OPTIONS */
    if (guard_origin(&request->headers, call->method, context->api.settings, err) ||
        guard_body(&request->headers, call->match.route, err))
        return err->code;
    return admit(request, err);
}

/* --- the body --- */

static bool has_form_body(const struct request *request)
{
    static const char form[] = "application/x-www-form-urlencoded";
    struct str type;

    return request->call.match.route->body == BODY_FORM &&
           headers_find(&request->headers, "Content-Type", &type) == 1 &&
           type.n_bytes >= sizeof(form) - 1 && strncasecmp(type.bytes, form, sizeof(form) - 1) == 0;
}

/* False: give up on this client, it goes on sending far past the limit. */
static bool take_body(struct request *request, const char *bytes, size_t n_bytes)
{
    const struct route *route = request->call.match.route;
    size_t max_bytes = guard_max_body_bytes(route ? route->body : BODY_NONE);

    request->received_bytes += n_bytes;
    if (request->received_bytes > max_bytes) {
        request->is_body_too_large = true;
        strbuf_clear(&request->call.body);
        return request->received_bytes <= max_bytes + HTTP_MAX_DRAIN_BYTES;
    }
    if (route && route->body != BODY_NONE && !request->refusal.code)
        strbuf_append(&request->call.body, bytes, n_bytes);
    return true;
}

/* --- running it --- */

static void run_handler(struct request *request)
{
    struct api_call *call = &request->call;
    struct error err = {0};

    if (clock_mono_ms() - request->dispatched_ms > HTTP_REQUEST_DEADLINE_MS)
        error_because(&err, ERR_BUSY, "deadline", "the request waited too long for its turn");
    else if (has_form_body(request) &&
             target_add_params(strbuf_view(&call->body), call->arena, &call->target, &err))
        ; /* the error says it */
    else if (call->match.route->handle(call, &err) == ERR_OK)
        return;
    stream_close(call->stream);
    call->stream = NULL;
    respond_error(call, &err);
}

static void run_job(void *ctx);

/* What a handler waits for has come. */
static void run_again(void *ctx)
{
    struct request *request = ctx;

    request->dispatched_ms = clock_mono_ms();
    worker_pool_submit(request->context->handlers, run_job, request);
}

static void run_job(void *ctx)
{
    struct request *request = ctx;
    struct request_context *context = request->context;
    struct api_call *call = &request->call;

    if (call->wait.is_wanted) {
        parked_leave(&request->parked);
        call->wait.is_wanted = false;
        call->wait.is_over = atomic_load(&request->parked.is_over);
    }
    run_handler(request);
    if (call->wait.is_wanted) {
        step_aside(request);
        request->parked.connections = context->connections;
        request->parked.connection = request->connection;
        request->parked.subscription = call->wait.subscription;
        request->parked.wake = run_again;
        request->parked.ctx = request;
        parked_wait(&request->parked, call->wait.until_mono_ms);
        return; /* the request may be gone */
    }
    if (!request->is_in_flight)
        atomic_fetch_add(&context->stats.n_in_flight, 1);
    request->is_in_flight = true;
    MHD_resume_connection(request->http); /* the event thread has it from here on */
    atomic_fetch_sub(&context->n_running, 1);
}

/* The request has been read to its end. */
static enum MHD_Result dispatch(struct request *request)
{
    struct request_context *context = request->context;
    struct api_call *call = &request->call;

    if (request->is_body_too_large)
        error_because(
            &request->refusal, ERR_LIMIT, "body_too_large",
            "the request body is larger than %zu bytes",
            guard_max_body_bytes(call->match.route ? call->match.route->body : BODY_NONE));
    if (request->refusal.code)
        return refuse(request);
    if (!call->match.route) {
        const char *allow = call->reply.allow;

        respond_empty(call, MHD_HTTP_OK);
        call->reply.allow = allow;
        return send_reply(request);
    }
    connection_enter(context->connections, request->connection, PHASE_WORKING);
    request->stage = STAGE_DONE;
    request->dispatched_ms = clock_mono_ms();
    if (call->match.route->kind == ROUTE_INLINE) {
        run_handler(request);
        return send_reply(request);
    }
    atomic_fetch_add(&context->n_running, 1); /* before the look: server_stop() does it the other
                                                 way round */
    if (atomic_load(&context->is_closed)) {
        atomic_fetch_sub(&context->n_running, 1);
        error_because(&request->refusal, ERR_BUSY, "draining", "the service is stopping");
        return refuse(request);
    }
    MHD_suspend_connection(request->http);
    /* past any bound: admit() and the limit on connections keep it */
    worker_pool_submit(call->match.route->kind == ROUTE_HEALTH ? context->health
                                                               : context->handlers,
                       run_job, request);
    return MHD_YES;
}

/* --- the library's callbacks, all on the event thread --- */

/* The library copies every parameter into the connection's pool; when that is used up it neither
 * answers nor closes. */
static bool has_absurd_params(const char *target)
{
    size_t n = 0;

    for (const char *c = strchr(target, '?'); c; c = strchr(c + 1, '&'))
        n++;
    return n > PARAMS_THE_POOL_HOLDS;
}

void *request_target_seen(void *cls, const char *target, struct MHD_Connection *http)
{
    struct request_context *context = cls;
    struct request *request = mem_alloc(1, sizeof(*request));
    struct api_call *call = &request->call;

    request->context = context;
    request->http = http;
    request->started_ns = clock_mono_ns();
    call->arena = arena_create();
    call->context = &context->api;
    call->body.max_bytes = HTTP_MAX_BODY_BYTES;
    request->raw_target = str_of(arena_strdup(call->arena, target));
    request->path = arena_strndup(call->arena, target, strcspn(target, "?"));
    call->target.path = str_of(request->path);
    request->client =
        MHD_get_connection_info(http, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    request->client->request = request;
    request->connection = request->client->connection;
    connection_enter(context->connections, request->connection, PHASE_HEAD);
    if (connection_count_request(request->connection) >= MAX_REQUESTS_PER_CONNECTION)
        request->must_close = true;
    if (has_absurd_params(target))
        connection_refuse(context->connections, request->connection, "400 Bad Request");
    request->is_in_flight = true;
    atomic_fetch_add(&context->stats.n_in_flight, 1);
    return request;
}

static enum MHD_Result first_call(struct request *request, const char *method, const char *version)
{
    struct api_call *call = &request->call;

    request->stage = STAGE_BODY;
    request->started_ns = clock_mono_ns();
    call->method = method_of(method);
    call->method_text = method;
    call->headers = &request->headers;
    MHD_get_connection_values_n(request->http, MHD_HEADER_KIND, collect_header, &request->headers);
    take_request_id(request);
    connection_enter(request->context->connections, request->connection, PHASE_BODY);
    if (check_request(request, version, &request->refusal) &&
        (request->must_close || guard_announced_bytes(&request->headers) > 0)) {
        request->must_close = true;
        return refuse(request);
    }
    return MHD_YES;
}

enum MHD_Result request_handle(void *cls, struct MHD_Connection *http, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_bytes, void **con_cls)
{
    struct request *request = *con_cls;

    (void)cls;
    (void)http;
    (void)url; /* already decoded by the library, which is why we keep our own */
    switch (request->stage) {
    case STAGE_TARGET:
        return first_call(request, method, version);
    case STAGE_BODY:
        if (*upload_bytes) {
            size_t n_bytes = *upload_bytes;

            *upload_bytes = 0;
            return take_body(request, upload, n_bytes) ? MHD_YES : MHD_NO;
        }
        return dispatch(request);
    case STAGE_DONE:
        return send_reply(request);
    case STAGE_QUEUED:
        break;
    }
    return MHD_YES;
}

static void log_answer(const struct request *request, int64_t duration_ns, bool is_whole)
{
    const struct api_call *call = &request->call;

    log_debug(request->context->api.log, "request answered", LOG_STR("request", call->request_id),
              LOG_STR("method", call->method_text), LOG_STR("path", request->path),
              LOG_I64("status", call->reply.status), LOG_I64("bytes", call->reply.body.n_bytes),
              LOG_I64("duration_us", duration_ns / 1000),
              LOG_STR("end", is_whole ? NULL : "cut off"));
}

void request_free(struct request *request)
{
    struct request_context *context = request->context;

    step_aside(request);
    if (request->is_fetch)
        context->n_fetches--;
    context->buffered_bytes -= request->reserved_bytes;
    request->client->request = NULL;
    stream_close(request->call.stream);
    parked_leave(&request->parked);
    events_unsubscribe(request->call.wait.subscription);
    strbuf_clear(&request->call.body);
    arena_free(request->call.arena);
    free(request);
}

void request_completed(void *cls, struct MHD_Connection *http, void **con_cls,
                       enum MHD_RequestTerminationCode how)
{
    struct request_context *context = cls;
    struct request *request = *con_cls;

    (void)http;
    if (!request)
        return;
    *con_cls = NULL;
    if (request->stage == STAGE_QUEUED) {
        int64_t duration_ns = clock_mono_ns() - request->started_ns;

        stats_record(&context->stats, request->call.match.route, request->call.reply.status,
                     duration_ns);
        log_answer(request, duration_ns, how == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    }
    connection_enter(context->connections, request->connection, PHASE_IDLE);
    request_free(request);
}
