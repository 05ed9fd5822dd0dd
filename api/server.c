#include "api/server.h"

#include "analyzer/events.h"
#include "api/listener.h"
#include "api/request.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HANDLER_THREADS 8u
#define CONNECTION_POOL_BYTES (64u * KIB) /* headers, target and their parsed forms */
#define EVENT_THREAD_STACK_BYTES (256u * KIB)
#define DRAIN_POLL_MS 10
#define LIBRARY_LOG_INTERVAL_MS 10000 /* when descriptors run out it complains on every try */

struct server {
    struct request_context context;
    struct MHD_Daemon *daemon;
    struct listener listener;  /* fd -1 once the library has it */
    int64_t library_logged_ms; /* only the event thread looks at it */
};

static void connection_changed(void *cls, struct MHD_Connection *http, void **socket_context,
                               enum MHD_ConnectionNotificationCode what)
{
    struct server *server = cls;
    struct client *client = *socket_context;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        client = mem_alloc(1, sizeof(*client));
        client->connection = connections_add(
            server->context.connections,
            MHD_get_connection_info(http, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
        *socket_context = client;
        atomic_fetch_add(&server->context.stats.n_connections, 1);
        return;
    }
    if (client->request) /* gone before its headers were complete: no request_completed() then */
        request_free(client->request);
    connections_remove(server->context.connections, client->connection);
    atomic_fetch_sub(&server->context.stats.n_connections, 1);
    free(client);
}

static PRINTF_LIKE(2, 0) void library_said(void *cls, const char *fmt, va_list args)
{
    struct server *server = cls;
    int64_t now_ms = clock_mono_ms();
    char text[256];

    if (server->library_logged_ms && now_ms - server->library_logged_ms < LIBRARY_LOG_INTERVAL_MS)
        return;
    server->library_logged_ms = now_ms;
    vsnprintf(text, sizeof(text), fmt, args);
    text[strcspn(text, "\n")] = '\0';
    log_debug(server->context.api.log, "http library complained", LOG_STR("text", text));
}

/* --- start and stop --- */

enum err_code server_start(const struct server_options *options, struct analyzer *analyzer,
                           const struct settings *settings, struct log *log, struct server **out,
                           struct error *err)
{
    struct server *server = mem_alloc(1, sizeof(*server));

    server->listener.fd = -1;
    server->context.api.analyzer = analyzer;
    server->context.api.settings = settings;
    server->context.api.log = log;
    server->context.api.stats = &server->context.stats;
    stats_init(&server->context.stats, api_routes, api_n_routes);
    if (listener_open(options->listen_host, options->listen_port, &server->listener, err) ||
        connections_create(&options->deadlines, &server->context.connections, err) ||
        worker_pool_create("http", HANDLER_THREADS, &server->context.handlers, err) ||
        worker_pool_create("health", 1, &server->context.health, err))
        goto out;
    server->context.is_loopback = server->listener.is_loopback;
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        request_handle, &server->context, MHD_OPTION_EXTERNAL_LOGGER, library_said, server,
        MHD_OPTION_LISTEN_SOCKET, server->listener.fd, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_CONNECTION_LIMIT, HTTP_MAX_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        HTTP_MAX_CONNECTIONS_PER_IP, MHD_OPTION_CONNECTION_TIMEOUT, HTTP_KEEPALIVE_IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_POOL_BYTES,
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)EVENT_THREAD_STACK_BYTES, MHD_OPTION_URI_LOG_CALLBACK,
        request_target_seen, &server->context, MHD_OPTION_NOTIFY_COMPLETED, request_completed,
        &server->context, MHD_OPTION_NOTIFY_CONNECTION, connection_changed, server, MHD_OPTION_END);
    if (!server->daemon) {
        error_set(err, ERR_INTERNAL, "could not start the HTTP server: %s", strerror(errno));
        goto out;
    }
    server->listener.fd = -1; /* the library's now */
    *out = server;
    return ERR_OK;
out:
    server_free(server);
    return err->code;
}

const char *server_url(const struct server *server)
{
    return server->listener.url;
}

uint16_t server_port(const struct server *server)
{
    return server->listener.port;
}

void server_drain(struct server *server)
{
    atomic_store(&server->context.api.is_draining, true);
    events_close(analyzer_events(server->context.api.analyzer)); /* who follows, hears of it */
}

bool server_stop(struct server *server, int64_t wait_ms)
{
    const struct timespec pause = {.tv_nsec = DRAIN_POLL_MS * NS_PER_MS};
    int64_t until_ms = clock_mono_ms() + wait_ms;
    int listen_fd = MHD_quiesce_daemon(server->daemon);

    server_drain(server); /* the library stops only when nothing is suspended */
    if (listen_fd >= 0)
        close(listen_fd);
    while ((atomic_load(&server->context.stats.n_in_flight) ||
            atomic_load(&server->context.stats.n_streams) ||
            atomic_load(&server->context.n_running)) &&
           clock_mono_ms() < until_ms)
        nanosleep(&pause, NULL);
    atomic_store(&server->context.is_closed, true); /* for what has come in this moment */
    while (atomic_load(&server->context.n_running) && clock_mono_ms() < until_ms)
        nanosleep(&pause, NULL);
    return atomic_load(&server->context.n_running) ==
           0; /* clients that are slow to send or to read are cut */
}

void server_free(struct server *server)
{
    if (!server)
        return;
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    worker_pool_free(server->context.handlers);
    worker_pool_free(server->context.health);
    connections_free(server->context.connections);
    if (server->listener.fd >= 0)
        close(server->listener.fd);
    stats_clear(&server->context.stats);
    free(server);
}
