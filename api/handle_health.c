/* Health, version, metrics. Metric stores being down never makes the service unready. */
#include "api/handlers.h"
#include "api/respond.h"
#include "api/stats.h"
#include "base/clock.h"
#include "base/version.h"

#include <microhttpd.h>

#define STORE_CHECK_HOLDS_MS 100

enum err_code handle_index(struct api_call *call, struct error *err)
{
    (void)err;
    respond_tree_take(call, MHD_HTTP_OK,
                      json_pack("{s:s,s:s,s:{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}}", "name",
                                "serinus", "version", SERINUS_VERSION, "urls", "canary", "/canary",
                                "executions", "/canary/executions", "canaryConfigs",
                                "/canaryConfig", "credentials", "/credentials", "judges", "/judges",
                                "health", "/health", "ready", "/readyz", "version", "/version",
                                "metrics", "/metrics", "apiDocs", "/api-docs"));
    return ERR_OK;
}

enum err_code handle_version(struct api_call *call, struct error *err)
{
    (void)err;
    respond_tree_take(call, MHD_HTTP_OK,
                      json_pack("{s:s,s:s}", "name", "serinus", "version", SERINUS_VERSION));
    return ERR_OK;
}

enum err_code handle_live(struct api_call *call, struct error *err)
{
    (void)err; /* runs on the HTTP thread itself, so an answer proves that its loop turns */
    respond_text(call, "text/plain; charset=utf-8", str_of("ok\n"));
    return ERR_OK;
}

/* The check goes through the store's writer, so probes that come together share one. */
static bool is_store_ready(struct api_context *context)
{
    int64_t now_ms = clock_mono_ms();
    struct error err = {0};

    if (context->store_checked_ms && now_ms - context->store_checked_ms < STORE_CHECK_HOLDS_MS)
        return context->is_store_ready;
    context->is_store_ready = analyzer_ready(context->analyzer, &err) == ERR_OK;
    context->store_checked_ms = clock_mono_ms();
    if (!context->is_store_ready)
        log_warn(context->log, "readiness check failed", LOG_STR("error", err.message));
    return context->is_store_ready;
}

enum err_code handle_ready(struct api_call *call, struct error *err)
{
    bool is_draining = atomic_load(&call->context->is_draining);
    bool is_store_ok = is_draining || is_store_ready(call->context);
    const char *verdict = is_draining ? "draining" : is_store_ok ? "ok" : "resultStore";
    bool is_verbose = false;

    (void)err;
    for (size_t i = 0; i < call->target.n_params; i++)
        is_verbose |= str_is(str_of(call->target.params[i].name), "verbose");
    respond_text(
        call, "text/plain; charset=utf-8",
        str_of(is_verbose ? arena_printf(call->arena, "[%c] draining\n[%c] resultStore\n%s\n",
                                         is_draining ? '-' : '+', is_store_ok ? '+' : '-', verdict)
                          : arena_printf(call->arena, "%s\n", verdict)));
    if (is_draining || !is_store_ok)
        call->reply.status = MHD_HTTP_SERVICE_UNAVAILABLE;
    return ERR_OK;
}

enum err_code handle_health(struct api_call *call, struct error *err)
{
    bool is_up = is_store_ready(call->context);
    const char *status = is_up ? "UP" : "DOWN";

    (void)err;
    respond_tree_take(call, is_up ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
                      json_pack("{s:s,s:{s:{s:s},s:{s:s}}}", "status", status, "components", "ping",
                                "status", "UP", "resultStore", "status", status));
    return ERR_OK;
}

static void release_strbuf(void *buf)
{
    strbuf_clear(buf);
}

enum err_code handle_metrics(struct api_call *call, struct error *err)
{
    struct strbuf *text = arena_new(call->arena, struct strbuf);

    (void)err;
    arena_defer(call->arena, release_strbuf, text);
    stats_print(call->context->stats, call->arena, text);
    analyzer_metrics(call->context->analyzer, text);
    respond_text(call, "text/plain; version=0.0.4; charset=utf-8", strbuf_view(text));
    return ERR_OK;
}
