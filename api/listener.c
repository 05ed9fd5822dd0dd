#include "api/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_BACKLOG 1024

/* 0 or an errno. */
static int bind_to(const struct addrinfo *address, int *out)
{
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1, failed;

    if (fd < 0)
        return errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, LISTEN_BACKLOG)) {
        failed = errno;
        close(fd);
        return failed;
    }
    *out = fd;
    return 0;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
    return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == 127;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t n_bytes = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &n_bytes))
        return 0;
    /* the port stands at the same place for both families */
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static enum err_code open_at(const char *host, uint16_t port, const struct addrinfo *address,
                             struct listener *out, struct error *err)
{
    int failed;

    out->is_loopback = is_loopback(address->ai_addr);
    failed = bind_to(address, &out->fd);
    if (failed)
        return error_set(err,
                         failed == EADDRINUSE ? ERR_BUSY
                         : failed == EACCES   ? ERR_PERMISSION
                                              : ERR_SETTINGS,
                         "could not listen on %s port %u: %s", host, port, strerror(failed));
    out->port = port_of(out->fd);
    snprintf(out->url, sizeof(out->url),
             strchr(host, ':') ? "http://[%.60s]:%u" : "http://%.60s:%u", host, out->port);
    return ERR_OK;
}

enum err_code listener_open(const char *host, uint16_t port, struct listener *out,
                            struct error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    char service[8];
    int failed;

    snprintf(service, sizeof(service), "%u", port);
    failed = getaddrinfo(host, service, &hints, &found);
    if (failed)
        return error_set(err, ERR_SETTINGS, "cannot listen on \"%s\": %s", host,
                         gai_strerror(failed));
    (void)open_at(host, port, found, out, err);
    freeaddrinfo(found);
    return err->code;
}
