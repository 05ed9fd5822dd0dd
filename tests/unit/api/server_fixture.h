/* tests/unit/api/server_fixture.h -- a server on a real socket in front of the analyzer's stand-in,
 * and a client that says and hears bytes. */
#ifndef TESTS_UNIT_API_SERVER_FIXTURE_H
#define TESTS_UNIT_API_SERVER_FIXTURE_H

#include "api/server.h"
#include "tests/support.h"
#include "tests/unit/api/analyzer_double.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 10000

struct fixture {
    struct analyzer analyzer;
    struct settings settings;
    struct server *server;
};

static void start(struct fixture *f, struct connection_deadlines deadlines)
{
    const struct server_options options = {.listen_host = "127.0.0.1", .deadlines = deadlines};
    struct error err = {0};

    f->analyzer.events = events_create(16, 65536, 1000);
    assert_int_equal(ERR_OK,
                     server_start(&options, &f->analyzer, &f->settings, NULL, &f->server, &err));
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    start(f, connection_deadlines_default);
    *state = f;
    return 0;
}

static int set_up_impatient(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    start(f, (struct connection_deadlines){.head_ms = 300,
                                           .body_ms = 600,
                                           .send_ms = 60000,
                                           .send_stall_ms = 500,
                                           .idle_ms = 900,
                                           .beat_ms = 700, /* longer than a client may stall */
                                           .sweep_ms = 20});
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    assert_true(server_stop(f->server, PATIENCE_MS));
    server_free(f->server);
    events_free(f->analyzer.events);
    strbuf_clear(&f->analyzer.asked);
    free(f);
    return 0;
}

static int dial(const struct fixture *f)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(server_port(f->server)),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(0, connect(fd, (const struct sockaddr *)&address, sizeof(address)));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal((ssize_t)strlen(text), send(fd, text, strlen(text), MSG_NOSIGNAL));
}

static bool is_closed(int fd)
{
    char bytes[4096];
    ssize_t got;

    while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        ;
    return got == 0 || errno == ECONNRESET;
}

#endif
