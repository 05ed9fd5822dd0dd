#include "api/respond_http.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (MHD_add_response_header(response, name, value) == MHD_NO)
        abort(); /* out of memory */
}

static void add_fixed_headers(struct MHD_Response *response)
{
    static const char *const fixed[][2] = {
        /* what Kayenta sends */
        {"X-Content-Type-Options", "nosniff"},
        {"X-XSS-Protection", "0"},
        {"X-Frame-Options", "DENY"},
        {"Cache-Control", "no-cache, no-store, max-age=0, must-revalidate"},
        {"Pragma", "no-cache"},
        {"Expires", "0"},
        /* what keeps a browser from doing anything with an answer of this API */
        {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Permissions-Policy", "accelerometer=(), camera=(), geolocation=(), gyroscope=(), "
                               "magnetometer=(), microphone=(), payment=(), usb=()"},
    };

    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        add_header(response, fixed[i][0], fixed[i][1]);
}

static void add_cors_headers(const struct api_call *call, const struct headers *headers,
                             struct MHD_Response *response)
{
    const struct settings *settings = call->context->settings;
    struct str origin = guard_cors_origin(headers, settings);

    if (settings->n_cors_origins)
        add_header(response, "Vary", "Origin");
    if (!origin.bytes)
        return;
    add_header(response, "Access-Control-Allow-Origin",
               arena_strndup(call->arena, origin.bytes, origin.n_bytes));
    add_header(response, "Access-Control-Allow-Methods", "POST, GET, OPTIONS, DELETE, PUT, PATCH");
    add_header(response, "Access-Control-Max-Age", "3600");
    add_header(response, "Access-Control-Allow-Headers",
               "x-requested-with, content-type, idempotency-key");
}

struct MHD_Response *respond_http_body(const struct api_call *call)
{
    struct str body = call->reply.body;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        body.n_bytes, (void *)(uintptr_t)body.bytes, MHD_RESPMEM_PERSISTENT);

    if (!response)
        abort(); /* out of memory */
    return response;
}

void respond_http_headers(const struct api_call *call, const struct headers *headers,
                          bool must_close, struct MHD_Response *response)
{
    const struct reply *reply = &call->reply;
    char seconds[16];

    add_fixed_headers(response);
    add_cors_headers(call, headers, response);
    add_header(response, "X-Request-Id", call->request_id);
    if (reply->content_type)
        add_header(response, "Content-Type", reply->content_type);
    if (call->stream)
        add_header(response, "X-Accel-Buffering", "no"); /* or nginx would keep events back */
    if (reply->allow)
        add_header(response, "Allow", reply->allow);
    if (reply->location)
        add_header(response, "Location", reply->location);
    if (reply->retry_after_s) {
        snprintf(seconds, sizeof(seconds), "%u", reply->retry_after_s);
        add_header(response, "Retry-After", seconds);
    }
    if (must_close)
        add_header(response, "Connection", "close");
}
